/* apiserver/store/store_priv.h - the inside of the store: the index in memory, the disk behind it, the history beside it. */
#ifndef APISERVER_STORE_STORE_PRIV_H
#define APISERVER_STORE_STORE_PRIV_H

#include "apiserver/store/store.h"

/* of objects that only the history keeps: an eighth of what the whole process may use */
enum { STORE_HISTORY_BYTES = 4 * 1024 * 1024 };
/* of audit rows that wait for a disk that refuses: an hour of a busy lab */
enum { TRAIL_PENDING_BYTES = 4 * 1024 * 1024 };
enum { JOURNAL_PENDING_BYTES = 8 * 1024 * 1024 };  /* the same of the journal; one row may hold a request of 3 MiB */

/* ---- disk: sqlite.c, the one file with SQL ---- */
struct disk;
struct disk *disk_open(const char *path, bool durable, struct err *err);
void disk_close(struct disk *d);                   /* accepts NULL */
bool disk_load(struct disk *d, void (*row)(void *ctx, struct str key, int64_t rev, struct str value), void *ctx, struct err *err);
bool disk_begin(struct disk *d, struct err *err);  /* errors of this and the next five: ERR_INTERNAL, fit for a client */
bool disk_put(struct disk *d, struct str key, int64_t rev, struct str value, struct err *err);
bool disk_delete(struct disk *d, struct str key, struct err *err);
bool disk_meta_put(struct disk *d, struct str name, struct str value, struct err *err);
bool disk_meta_delete(struct disk *d, struct str name, struct err *err);
bool disk_commit(struct disk *d, struct err *err);
void disk_rollback(struct disk *d);
struct str disk_meta_get(struct disk *d, struct arena *a, struct str name);
void disk_meta_each(struct disk *d, struct str prefix, void (*visit)(void *ctx, struct str name, struct str value), void *ctx);
bool disk_audit_put(struct disk *d, int64_t seq, struct str event, struct err *err);
bool disk_audit_trim(struct disk *d, int64_t first, struct err *err);          /* removes what is older than first */
bool disk_audit_sizes(struct disk *d, void (*row)(void *ctx, int64_t seq, size_t n), void *ctx, struct err *err);
/* At most max rows after that one, oldest first; how many there were. The visitor must not write. */
size_t disk_audit_each(struct disk *d, int64_t after, size_t max, row_visit visit, void *ctx);
bool disk_journal_put(struct disk *d, int64_t seq, struct str record, struct err *err);
bool disk_journal_size(struct disk *d, int64_t *last, size_t *bytes, struct err *err);
size_t disk_journal_each(struct disk *d, int64_t after, size_t max, row_visit visit, void *ctx);
void disk_limit_pages(struct disk *d, int pages);  /* for tests of a full disk; 0 lifts the limit */

/* ---- history and watchers: watch_cache.c ---- */
struct event {
    struct store_event ev;                         /* refers to obj and prev; ev.key is key[] */
    char key[];
};
struct history {
    struct event **ring;                           /* cap is a power of two, or 0 */
    size_t   cap, head, n;
    size_t   max, bytes;                           /* events to keep; bytes of their objects */
    uint64_t first_seq;                            /* serial number of the oldest event */
    int64_t  compact_rev;                          /* the oldest revision from which a watch may resume */
    struct list watchers;
    size_t   pending;                              /* watchers with something to deliver: nothing is evicted meanwhile */
};
void history_init(struct history *h, size_t max, int64_t rev);
void history_deinit(struct history *h);
/* One write: obj and prev (may be NULL) pass to the history; watchers are woken. */
void history_add(struct store *s, enum store_event_type type, struct str key, struct object *obj, struct object *prev);
void history_forget_trees(struct history *h, uint64_t from_seq);

/* ---- numbered rows that the disk has not seen, oldest first: rows.c ---- */
struct row {
    struct list node;                              /* in rows.list */
    int64_t     seq;
    size_t      n;
    char        bytes[];
};
struct rows { struct list list; size_t bytes; };
struct row *row_new(int64_t seq, struct str text);                            /* a copy; the queue that it is pushed to frees it */
struct str row_text(const struct row *row);
void rows_push(struct rows *r, struct row *row);
void rows_replace(struct rows *r, struct row *old, struct row *row);          /* in its place; frees old */
void rows_bound(struct rows *r, size_t max);                                  /* frees the oldest until at most max bytes are left */
void rows_clean(struct rows *r);                                              /* frees all; also of a queue that is all zero */
/* Visits rows after that number while n, how many were visited before, is below max; returns how many then were. */
size_t rows_each(const struct rows *r, int64_t after, size_t n, size_t max, row_visit visit, void *ctx);

/* ---- the audit trail: trail.c ---- */
struct trail {
    struct rows pending;
    int64_t     first, last;                       /* serial numbers of the rows that are kept; last is 0 before the first ever */
    int64_t     on_disk;                           /* first as of the last commit: what is older is gone */
    size_t      bytes;                             /* of all rows that are kept */
    uint32_t   *sizes;                             /* of each, at its number modulo LIMIT_AUDIT_ROWS */
};
bool trail_load(struct trail *t, struct disk *d, struct err *err);
void trail_deinit(struct trail *t);
bool trail_write(struct trail *t, struct disk *d, struct err *err);
void trail_clean(struct trail *t);                 /* the disk has it all */

/* ---- the journal of outside inputs: journal.c ---- */
struct journal_rows {
    struct rows pending;
    size_t      bytes;                             /* of all rows */
    int64_t     last;                              /* number of the last row */
    bool        on;                                /* this process writes one, hence its position with every commit */
};
bool journal_rows_load(struct journal_rows *j, struct disk *d, struct err *err);
bool journal_rows_write(struct store *s, struct err *err);
void journal_rows_clean(struct journal_rows *j);

/* ---- the store ---- */
struct entry {
    struct object *obj;                            /* NULL: deleted, but the disk has not heard of it yet */
    struct list    dirty;                          /* in store.dirty, or nowhere */
    size_t         key_n;
    char           key[];
};
struct commit_hook {
    struct list node;
    void (*fn)(void *ctx, bool ok, const struct err *why);
    void *ctx;
};
struct store {
    struct loop   *loop;
    struct disk   *disk;
    struct entry **index;                          /* in byte order of the key */
    size_t         n, cap;
    int64_t        revision;
    struct history history;
    struct trail   trail;
    struct journal_rows journal;

    struct list    dirty;                          /* entries that the disk has not seen, oldest change first */
    struct map    *dirty_meta;                     /* name -> struct meta_change */
    struct hook    before_sleep;
    struct list    commit_hooks;
    struct timer   retry;
    uint64_t       turn_seq;                       /* history's next event when the turn began */
    bool           turn_writes;                    /* this turn changed something */
    bool           sick;                           /* the last commit failed; why says how */
    bool           retry_due, retried;             /* the timer fired; a write of this turn has already tried */
    struct err     why;
    unsigned       visiting;                       /* depth of store_list: no writes meanwhile */
};

#endif
