/* sim/cmd/record.h - what one line of a journal says: JSON, one record a line, in the order in which things happened.
 *
 * A journal is the story of a data folder's lives, a life being one process from `up` to its end:
 *     up        the life's beginning: options, virtual times, how many lives were before
 *     file      a file of a node's that was not written by the cluster itself (or is gone), as seen when a component looked at it
 *     chain     a client's certificates, referred to by number
 *     request, gone, data, eof, drain, close        what a client did: asked, left before the answer, and on the stream of an upgrade
 *     answer    what came back for a request (or its stream): status, number of bytes, SHA-256
 *     step      a driven command let the clock go on
 *     speed     ... or changed how fast it goes (which is seen, but moves nothing in a replay)
 *     idle      kubelab's own looks at the cluster gave up waiting, as the clock stood
 *     dial      the lab's proxy dialled into the virtual network
 *     stop, killed, end        the life's end by `down`, by the process' death, and the journal's own end
 *     full      nothing more was recorded
 * Inputs have n, the number of the event that they are (sim/loop/loop.h; for what is no event, the one that would come next), and
 * t, the virtual time in ns since 1970 UTC. A file's n is the event that saw it; 0: it was there when the life began. Bytes are
 * text where they are UTF-8 (key "body"), else base64 (key "body64").
 */
#ifndef SIM_CMD_RECORD_H
#define SIM_CMD_RECORD_H

#include "sim/base/base.h"
#include "sim/base/json.h"

enum { JOURNAL_FORMAT = 1 };
/* In a data folder; past it nothing is recorded any more. A file may be larger, as its head and end are added. */
enum { LIMIT_JOURNAL_BYTES = 64 * 1024 * 1024, LIMIT_JOURNAL_FILE_BYTES = 80 * 1024 * 1024,
       LIMIT_JOURNAL_RECORD_BYTES = 48 * 1024 * 1024 };

enum record_kind {
    RECORD_UP, RECORD_FILE, RECORD_CHAIN, RECORD_REQUEST, RECORD_GONE, RECORD_DATA, RECORD_EOF, RECORD_DRAIN, RECORD_CLOSE,
        RECORD_ANSWER,
    RECORD_STEP, RECORD_SPEED, RECORD_IDLE, RECORD_DIAL, RECORD_STOP, RECORD_KILLED, RECORD_END, RECORD_FULL, RECORD_KINDS
};
const char *record_kind_name(enum record_kind k);
bool record_is_input(enum record_kind k);          /* request to close, step, speed, idle, dial, and a life's end */
bool record_is_life_end(enum record_kind k);       /* stop, killed, end, full */

/* obj[key] or obj[key + "64"] = bytes */
void record_set_bytes(struct arena *a, struct json *obj, const char *key, struct str bytes);
/* false: neither, or no base64 */
bool record_get_bytes(struct arena *a, const struct json *obj, const char *key, struct str *out);

/* ---- a file of them, read whole ---- */
struct record_line {
    enum record_kind kind;
    unsigned    line;                              /* in the file, from 1 */
    uint64_t    n, id;
    int64_t     t;
    struct str  text;                              /* the JSON, which parses */
};
struct journal_file {
    struct arena       *arena;
    struct json        *head;                      /* {"journal":"kubelab","format":1,"seed":...} */
    struct str          seed;                      /* 32 bytes */
    struct record_line *lines; size_t n;
};
/* bytes: the file, gzip or plain; borrowed by the result, which lives in a. Errors: ERR_PARSE, which name the line, and what is
 * wrong: not a journal, another format, cut off, an order that cannot be. */
bool journal_file_read(struct arena *a, struct str bytes, struct journal_file *out, struct err *err);

#endif
