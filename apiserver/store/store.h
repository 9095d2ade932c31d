/* apiserver/store/store.h - the store: what etcd and the watch cache are to a cluster.
 *
 * One revision counter for the whole cluster; each write is (key, bytes, revision), kept in memory for reading and in
 * SQLite for ever, and is one event for the watchers. Reads see every write at once; the disk sees them at the end of
 * the turn, in one commit, before any answer leaves (the store registers its own before-sleep hook at store_open; open
 * it before edge_flush_hook is registered). At the end of a turn the parsed trees of superseded objects that nobody
 * else refers to are dropped. Keys are "/registry/GROUP_OR_CORE/RESOURCE/NAMESPACE_OR_-/NAME"; lists are prefixes in
 * byte order of the key. Order of use: store_open, { store_get | store_list | store_put | store_delete | store_watch },
 * store_close.
 */
#ifndef APISERVER_STORE_STORE_H
#define APISERVER_STORE_STORE_H

#include "sim/api/api.h"

struct store;
struct store_options {
    struct loop *loop;
    const char  *path;                 /* database file; ":memory:" for tests */
    bool         durable;              /* synchronous=FULL, for power failures */
    /* events that a watch may resume from; 0: LIMIT_WATCH_HISTORY; fewer if they are large, see store_priv.h */
    size_t       history_max;
};
/* Errors: ERR_IO for a database that cannot be opened, is damaged, is not one of ours, or is held by another process ("data
 * folder X is in use by another kubelab (pid N)", after two seconds in which it may end); the file is left as it was. The folder
 * must exist; beside the database "PATH.lock" is made and stays. */
struct store *store_open(const struct store_options *opt, struct err *err);
/* Wait, in wall time, until no process has the database open; false: one still has after wait_ms. For who has asked another
 * process to end: its lock tells what its pid does not where nobody reaps it. */
bool store_released(const char *path, int wait_ms);
bool store_flush(struct store *s);      /* commit now, inside of a turn: for a process that is about to end without a word */
void store_close(struct store *s);                               /* commits; accepts NULL; watchers must be gone */

int64_t store_revision(const struct store *s);                   /* of the last write; starts at 1 */
/* what the next write must carry in its metadata.resourceVersion */
int64_t store_next_revision(const struct store *s);
struct object *store_get(struct store *s, struct str key);       /* new reference or NULL */
/* expect: the revision the caller read, 0: must not exist, -1: any. obj->rv must be store_next_revision. Errors:
 * ERR_CONFLICT, ERR_ALREADY_EXISTS, ERR_NOT_FOUND (expect > 0 but gone); the caller words them. While the disk refuses
 * (full), ERR_INTERNAL "etcdserver: mvcc: database space exceeded". */
bool store_put(struct store *s, struct str key, struct object *obj, int64_t expect, struct err *err);
/* last_state->rv is next_revision: what watchers get */
bool store_delete(struct store *s, struct str key, struct object *last_state, int64_t expect, struct err *err);
/* Visit objects under prefix in key order, from the first key > after (empty: from the start); stop when visit returns
 * false. The visitor must not write. */
void store_list(struct store *s, struct str prefix, struct str after,
                bool (*visit)(void *ctx, struct str key, struct object *o), void *ctx);
size_t store_count(struct store *s, struct str prefix);
/* Has anything under prefix been written after revision rev? For who keeps something made of it. Also true when the history does
 * not reach back to rev. */
bool store_touched(const struct store *s, struct str prefix, int64_t rev);

/* ---- when the disk refuses ----
 * A commit that fails (disk full, I/O error) is rolled back; its writes stay in memory and visible, and are tried again
 * every virtual second and at the next write. Until that works, store_put and store_delete refuse. So the writers of
 * the failed turn must be told that it failed: */
/* fn is called at the end of every turn that had writes, before the hooks registered after store_open, with whether
 * they are on disk. why is ERR_INTERNAL, fit for an answer; NULL when ok. fn may post tasks, answer and write; it must
 * not register or cancel. */
void store_after_commit(struct store *s, void (*fn)(void *ctx, bool ok, const struct err *why), void *ctx);
void store_after_commit_cancel(struct store *s, void (*fn)(void *ctx, bool ok, const struct err *why), void *ctx);
bool store_healthy(const struct store *s, struct err *why);      /* false while the last commit failed */

/* ---- watch ---- */
enum store_event_type { STORE_ADDED, STORE_MODIFIED, STORE_DELETED };
struct store_event {
    enum store_event_type type;
    int64_t        rev;
    struct str     key;
    struct object *obj;                /* the new state; for DELETED the last one, with the deletion's revision */
    /* the state before, or NULL: a watcher whose selector it matched is told DELETED when obj no longer does */
    struct object *prev;
};
struct store_watcher;
/* Events under prefix after from_rev, delivered by task in order (never inside the call, nor inside a write). from_rev
 * older than the history: ERR_EXPIRED "too old resource version: 1 (5)". A revision from the future: ERR_TIMEOUT "Too
 * large resource version: N, current: M". */
struct store_watcher *store_watch(struct store *s, struct str prefix, int64_t from_rev,
                                  void (*on_event)(void *ctx, const struct store_event *ev), void *ctx, struct err *err);
void store_watch_stop(struct store_watcher *w);                  /* legal inside on_event */

/* ---- small durable facts beside the objects: the clock, the seed, the node's images, the journal ---- */
struct str store_meta_get(struct store *s, struct arena *a, const char *name);     /* empty when absent */
/* joins the turn's commit; never refused, tried until it works */
void store_meta_put(struct store *s, const char *name, struct str value);
/* In byte order of the name; what is visited is a snapshot. */
void store_each_meta(struct store *s, const char *prefix, void (*visit)(void *ctx, struct str name, struct str value), void *ctx);
void store_meta_remove(struct store *s, const char *name);
/* ---- the audit trail: rows of text, numbered from 1, the oldest of which give way to new ones (LIMIT_AUDIT_*) ---- */
/* joins the turn's commit, as a write does; the row's number */
int64_t store_audit_put(struct store *s, struct str event);
/* Another text for a row that no commit has taken yet; false when it is on disk, or gone. */
bool store_audit_amend(struct store *s, int64_t seq, struct str event);
typedef void (*row_visit)(void *ctx, int64_t seq, struct str text);
/* The first max rows with numbers above after; how many there were. The visitor must not write. */
size_t store_audit_each(struct store *s, int64_t after, size_t max, row_visit visit, void *ctx);

/* ---- the journal of what came from outside: rows of text, numbered from 1, kept for ever ---- */
void store_journal_put(struct store *s, struct str record);      /* joins the turn's commit, as a write does */
size_t store_journal_bytes(const struct store *s);               /* of all rows */
int64_t store_journal_last(const struct store *s);               /* number of the last row, or 0 */
/* as store_audit_each; a hole in the numbers: the disk refused for too long */
size_t store_journal_each(struct store *s, int64_t after, size_t max, row_visit visit, void *ctx);
/* Where the run stood (loop.h) at the last commit that this process, or the one before, made with a journal; false: there was none. */
bool store_journal_position(struct store *s, uint64_t *events, int64_t *vtime_ns);

/* SHA-256-like digest of every key, bytes and the revision: the determinism test */
void store_digest(struct store *s, char out_hex[65]);

#endif
