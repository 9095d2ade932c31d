/* sim/cmd/service.h - systemd of the node, as far as its kubelet needs one: units, their state, the journal. */
#ifndef SIM_CMD_SERVICE_H
#define SIM_CMD_SERVICE_H

#include "kubelet/app.h"

/* ---- unit.c: unit files and environment files (pure but for reading below the node's root) ---- */
struct unit {
    const char *name;                  /* "kubelet.service" */
    const char *fragment, *drop_in_dir;            /* the node's paths; fragment NULL: not found */
    const char *description, *documentation, *exec_start, *wanted_by, *restart;
    int64_t     restart_ns;
    const char *bad;                   /* why it cannot be started, or NULL */
    char      **drop_ins; size_t drop_in_count;    /* names, in order */
    struct str *env; size_t env_count;             /* "A=b" and, where a file is to be read, "-path" or "+path" */
    int64_t     mtime_ns;              /* newest of its files */
};
/* Lines of one file on top of what is there: an empty ExecStart= takes the earlier ones back. */
void unit_parse(struct arena *a, struct unit *u, struct str text);
void unit_load(struct arena *a, struct unit *u, const char *root, const char *name);
int64_t unit_mtime(const char *root, const char *name);          /* of the files now: a unit is stale when it differs from its own */
/* An environment file as systemd reads it: an array of "A=b". */
void env_parse(struct arena *a, struct str text, struct str **out, size_t *n);
/* The command line: words, $NAME (split at white space) and ${NAME} (not split). False: a file that is needed is missing. */
bool unit_command(struct arena *a, const struct unit *u, const char *root, char ***argv, struct err *err);
/* "2min 3.456s", "1 day 2h ago", "34.5M": systemd's own. */
const char *unit_timespan(struct arena *a, int64_t ns);
const char *unit_ago(struct arena *a, int64_t ns);
const char *unit_bytes(struct arena *a, int64_t bytes);
struct str unit_ellipsize(struct arena *a, struct str line, size_t width);   /* width 0: as it is */

/* ---- service.c ---- */
struct services;
struct services_options {
    struct loop           *loop;
    const char            *root, *hostname;        /* DATA/node, "ubuntu" */
    const char            *stream_prefix;          /* of its streams of randomness: "" on the first node */
    struct kubelet_options node;                   /* the machine that the kubelet is told of */
    bool                 (*listen)(void *ctx, struct http_server *s, struct err *err);
    void                  *ctx;
};
struct services *services_new(const struct services_options *opt);
/* Start what is enabled, as at the machine's boot. False: the kubelet's port could not be had. */
bool services_boot(struct services *s, struct err *err);
void services_free(struct services *s);            /* the machine goes off, and its containers */
/* borrowed: the node's containers, whoever cares for them; NULL: none yet */
struct kubelet *services_runtime(const struct services *s);
struct kubelet *services_kubelet(const struct services *s);      /* borrowed; NULL while the agent does not run */

/* service_routes.c: POST /host/systemctl?verb=&unit=[&lines=&color=1&width=], GET /host/journal?unit=[&follow=1&lines=] */
struct cluster;
bool service_route(struct services *s, struct http_exchange *x); /* false: not one of ours */
/* One line of `systemctl`: text into out, its exit status returned. */
struct systemctl { struct str verb, unit; int lines, width; bool color, now; };
int services_systemctl(struct services *s, const struct systemctl *c, struct strbuf *out);
/* The journal's lines of a unit (empty: all); lines -1: every one. */
void services_journal(const struct services *s, struct str unit, int lines, struct strbuf *out);
struct journal_follower { struct list node; struct str unit; void (*line)(struct journal_follower *f, struct str text); };
void services_follow(struct services *s, struct journal_follower *f);        /* until list_remove(&f->node) */

#endif
