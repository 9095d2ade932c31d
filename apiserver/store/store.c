/* apiserver/store/store.c - keys and their objects, revisions, and one commit per turn.
 *
 * What etcd is to a cluster (compare-and-swap on a revision, apiserver pkg/storage/etcd3/store.go), without its
 * network: one process owns the data. Everything lives in memory in one array sorted by key: a list is a binary search
 * and a walk, an insertion moves pointers. A write changes memory at once and marks the entry dirty; the before-sleep
 * hook writes what is dirty in one transaction, several writes to one key as one. Answers leave after that hook, so
 * what a client was told is on disk.
 *
 * When the commit fails, nothing was acknowledged yet: store_after_commit tells the writers of the turn. The dirty
 * marks stay, so trying again needs no bookkeeping; a retry that works makes disk and memory equal again, in one
 * transaction.
 */
#include "apiserver/store/store_priv.h"

#include <stdlib.h>

static const char revision_name[] = "store:revision";

struct meta_change {
    bool   removed;
    size_t n;
    char   bytes[];
};

static void before_sleep(struct hook *h);
static void retry(struct timer *t);

static struct str entry_key(const struct entry *e)
{
    return (struct str){ e->key, e->key_n };
}

/* ---- index ---- */

/* Place of the first key >= key, or > key when past. */
static size_t lower_bound(const struct store *s, struct str key, bool past)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(entry_key(s->index[mid]), key);
        if (c < 0 || (past && c == 0))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct entry *find(const struct store *s, struct str key, size_t *at)
{
    *at = lower_bound(s, key, false);
    return *at < s->n && str_eq(entry_key(s->index[*at]), key) ? s->index[*at] : NULL;
}

static struct entry *entry_new(struct str key)
{
    struct entry *e = xcalloc(1, sizeof *e + key.n + 1);
    list_init(&e->dirty);
    e->key_n = key.n;
    memcpy(e->key, key.p, key.n);
    return e;
}

static void entry_free(struct entry *e)
{
    object_unref(e->obj);
    free(e);
}

static void index_insert(struct store *s, size_t at, struct entry *e)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 256;
        s->index = xrealloc(s->index, s->cap * sizeof(struct entry *));
    }
    memmove(s->index + at + 1, s->index + at, (s->n - at) * sizeof(struct entry *));
    s->index[at] = e;
    s->n++;
}

static void index_remove(struct store *s, size_t at)
{
    memmove(s->index + at, s->index + at + 1, (s->n - at - 1) * sizeof(struct entry *));
    s->n--;
}

/* ---- open, close ---- */

static void on_row(void *ctx, struct str key, int64_t rev, struct str value)
{
    struct store *s = ctx;
    struct entry *e = entry_new(key);
    e->obj = object_shared(value);
    e->obj->rv = rev;
    index_insert(s, s->n, e);
    if (rev > s->revision)
        s->revision = rev;
}

static int compare_entries(const void *a, const void *b)
{
    return str_cmp(entry_key(*(struct entry *const *)a), entry_key(*(struct entry *const *)b));
}

static void release(struct store *s)
{
    disk_close(s->disk);
    for (size_t i = 0; i < s->n; i++)
        entry_free(s->index[i]);
    free(s->index);
    map_free(s->dirty_meta, free);
    trail_deinit(&s->trail);
    journal_rows_clean(&s->journal);
    err_clear(&s->why);
    free(s);
}

static bool load(struct store *s, struct err *err)
{
    if (!disk_load(s->disk, on_row, s, err) || !trail_load(&s->trail, s->disk, err) || !journal_rows_load(&s->journal, s->disk, err))
        return false;
    if (s->n)
        qsort(s->index, s->n, sizeof(struct entry *), compare_entries);
    struct arena *a = arena_new();
    int64_t rev = 0;
    if (str_int(disk_meta_get(s->disk, a, str_c(revision_name)), &rev) && rev > s->revision)
        s->revision = rev;
    arena_free(a);
    return true;
}

struct store *store_open(const struct store_options *opt, struct err *err)
{
    struct store *s = NEW(struct store);
    s->loop = opt->loop;
    s->revision = 1;
    s->dirty_meta = map_new();
    list_init(&s->dirty);
    list_init(&s->commit_hooks);
    s->disk = disk_open(opt->path, opt->durable, err);
    if (!s->disk || !load(s, err)) {
        release(s);
        return NULL;
    }
    history_init(&s->history, opt->history_max, s->revision);
    timer_init(&s->retry, s->loop, retry);
    loop_before_sleep(s->loop, &s->before_sleep, before_sleep);
    return s;
}

/* ---- commit ---- */

static bool write_dirty(struct store *s, struct err *err)
{
    list_for(it, &s->dirty) {
        struct entry *e = container_of(it, struct entry, dirty);
        if (e->obj ? !disk_put(s->disk, entry_key(e), e->obj->rv, e->obj->bytes, err) : !disk_delete(s->disk, entry_key(e), err))
            return false;
    }
    struct str name;
    void *value;
    for (size_t cursor = 0; map_next(s->dirty_meta, &cursor, &name, &value);) {
        const struct meta_change *m = value;
        struct str bytes = { m->bytes, m->n };
        if (m->removed ? !disk_meta_delete(s->disk, name, err) : !disk_meta_put(s->disk, name, bytes, err))
            return false;
    }
    struct arena *a = arena_new();
    struct str rev = arena_strf(a, "%" PRId64, s->revision);
    bool ok = disk_meta_put(s->disk, str_c(revision_name), rev, err);
    arena_free(a);
    return ok && trail_write(&s->trail, s->disk, err) && journal_rows_write(s, err);
}

static void mark_clean(struct store *s)
{
    list_for(it, &s->dirty) {
        struct entry *e = container_of(it, struct entry, dirty);
        list_remove(it);
        if (!e->obj)
            entry_free(e);
    }
    if (map_len(s->dirty_meta)) {
        map_free(s->dirty_meta, free);
        s->dirty_meta = map_new();
    }
    trail_clean(&s->trail);
    journal_rows_clean(&s->journal);
}

/* Everything dirty in one transaction, or nothing. */
static bool commit(struct store *s)
{
    bool rows = !list_empty(&s->trail.pending.list) || !list_empty(&s->journal.pending.list);
    if (list_empty(&s->dirty) && map_len(s->dirty_meta) == 0 && !rows)
        return true;
    struct err err = { 0 };
    if (disk_begin(s->disk, &err) && write_dirty(s, &err) && disk_commit(s->disk, &err)) {
        mark_clean(s);
        if (s->sick)
            log_msg(LOG_WARN, "store", "the disk takes writes again; nothing was lost");
        s->sick = false;
        timer_stop(&s->retry);
        return true;
    }
    disk_rollback(s->disk);
    if (!s->sick)
        log_msg(LOG_ERROR, "store", "commit failed: %s; writes are refused until it works", err.msg);
    s->sick = true;
    err_clear(&s->why);
    s->why = err;
    timer_start(&s->retry, (int64_t)NS_PER_S);
    return false;
}

static void retry(struct timer *t)
{
    struct store *s = container_of(t, struct store, retry);
    s->retry_due = true;                           /* the hook of this turn does it */
}

static void tell(struct store *s, bool ok)
{
    list_for(it, &s->commit_hooks) {
        struct commit_hook *h = container_of(it, struct commit_hook, node);
        h->fn(h->ctx, ok, ok ? NULL : &s->why);
    }
}

static void before_sleep(struct hook *hook)
{
    struct store *s = container_of(hook, struct store, before_sleep);
    while (s->turn_writes || s->retry_due) {       /* those who are told may write again */
        bool wrote = s->turn_writes;
        s->turn_writes = s->retry_due = false;
        bool ok = commit(s);
        if (wrote)
            tell(s, ok);
    }
    s->retried = false;
    history_forget_trees(&s->history, s->turn_seq);
    s->turn_seq = s->history.first_seq + s->history.n;
}

bool store_flush(struct store *s)
{
    return commit(s);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (!commit(s))
        log_msg(LOG_ERROR, "store", "closed with unwritten changes: %s", s->why.msg);
    timer_stop(&s->retry);
    hook_remove(&s->before_sleep);
    history_deinit(&s->history);
    list_for(it, &s->dirty) {                      /* only if that last commit failed */
        struct entry *e = container_of(it, struct entry, dirty);
        list_remove(it);
        if (!e->obj)
            entry_free(e);
    }
    list_for(it, &s->commit_hooks) {
        list_remove(it);
        free(container_of(it, struct commit_hook, node));
    }
    release(s);
}

void store_after_commit(struct store *s, void (*fn)(void *ctx, bool ok, const struct err *why), void *ctx)
{
    struct commit_hook *h = NEW(struct commit_hook);
    h->fn = fn;
    h->ctx = ctx;
    list_init(&h->node);
    list_push(&s->commit_hooks, &h->node);
}

void store_after_commit_cancel(struct store *s, void (*fn)(void *ctx, bool ok, const struct err *why), void *ctx)
{
    list_for(it, &s->commit_hooks) {
        struct commit_hook *h = container_of(it, struct commit_hook, node);
        if (h->fn != fn || h->ctx != ctx)
            continue;
        list_remove(it);
        free(h);
        return;
    }
}

bool store_healthy(const struct store *s, struct err *why)
{
    return !s->sick || err_set(why, s->why.code, "%s", s->why.msg);
}

/* ---- read ---- */

int64_t store_revision(const struct store *s)
{
    return s->revision;
}

int64_t store_next_revision(const struct store *s)
{
    return s->revision + 1;
}

struct object *store_get(struct store *s, struct str key)
{
    size_t at;
    struct entry *e = find(s, key, &at);
    return e ? object_ref(e->obj) : NULL;
}

static bool under(const struct entry *e, struct str prefix)
{
    return e->key_n >= prefix.n && (prefix.n == 0 || memcmp(e->key, prefix.p, prefix.n) == 0);
}

void store_list(struct store *s, struct str prefix, struct str after,
                bool (*visit)(void *ctx, struct str key, struct object *o), void *ctx)
{
    bool resume = after.n > 0 && str_cmp(after, prefix) > 0;
    s->visiting++;
    for (size_t i = lower_bound(s, resume ? after : prefix, resume); i < s->n && under(s->index[i], prefix); i++)
        if (!visit(ctx, entry_key(s->index[i]), s->index[i]->obj))
            break;
    s->visiting--;
}

size_t store_count(struct store *s, struct str prefix)
{
    size_t first = lower_bound(s, prefix, false), lo = first, hi = s->n;
    while (lo < hi) {                              /* the first entry that is no longer under the prefix */
        size_t mid = lo + (hi - lo) / 2;
        if (under(s->index[mid], prefix))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo - first;
}

/* ---- write ---- */

/* While the disk refuses, the first write of a turn tries whether it still does. */
static bool accepts_writes(struct store *s, struct err *err)
{
    if (s->sick && !s->retried) {
        s->retried = true;
        commit(s);
    }
    return !s->sick || err_set(err, ERR_INTERNAL, "etcdserver: mvcc: database space exceeded");
}

static bool check_expected(const struct entry *e, int64_t expect, struct err *err)
{
    if (expect == 0 && e)
        return err_set(err, ERR_ALREADY_EXISTS, "key exists");
    if (expect > 0 && !e)
        return err_set(err, ERR_NOT_FOUND, "key not found");
    if (expect > 0 && e->obj->rv != expect)
        return err_set(err, ERR_CONFLICT, "revision is %" PRId64 ", not %" PRId64, e->obj->rv, expect);
    return true;
}

static void mark_dirty(struct store *s, struct entry *e)
{
    if (list_empty(&e->dirty))
        list_push(&s->dirty, &e->dirty);
    s->turn_writes = true;
}

bool store_put(struct store *s, struct str key, struct object *obj, int64_t expect, struct err *err)
{
    ASSERT(!s->visiting);
    ASSERT(obj->rv == store_next_revision(s));
    size_t at;
    struct entry *e = find(s, key, &at);
    if (!accepts_writes(s, err) || !check_expected(e, expect, err))
        return false;
    enum store_event_type type = e ? STORE_MODIFIED : STORE_ADDED;
    if (!e) {
        e = entry_new(key);
        index_insert(s, at, e);
    }
    struct object *prev = e->obj;                  /* the entry's reference passes to the history */
    e->obj = object_ref(obj);
    mark_dirty(s, e);
    s->revision++;
    history_add(s, type, entry_key(e), object_ref(obj), prev);
    return true;
}

bool store_delete(struct store *s, struct str key, struct object *last_state, int64_t expect, struct err *err)
{
    ASSERT(!s->visiting);
    ASSERT(expect != 0);
    ASSERT(last_state->rv == store_next_revision(s));
    size_t at;
    struct entry *e = find(s, key, &at);
    if (!accepts_writes(s, err) || !check_expected(e, expect, err))
        return false;
    if (!e)
        return err_set(err, ERR_NOT_FOUND, "key not found");
    struct object *prev = e->obj;
    e->obj = NULL;
    index_remove(s, at);
    mark_dirty(s, e);                              /* the entry lives on until the disk knows */
    s->revision++;
    history_add(s, STORE_DELETED, entry_key(e), object_ref(last_state), prev);
    return true;
}

/* ---- meta ---- */

static void meta_change(struct store *s, const char *name, bool removed, struct str value)
{
    ASSERT(!str_starts(str_c(name), "store:"));
    struct meta_change *m = xcalloc(1, sizeof *m + value.n + 1);
    m->removed = removed;
    m->n = value.n;
    if (value.n)
        memcpy(m->bytes, value.p, value.n);
    free(map_putc(s->dirty_meta, name, m));
    s->turn_writes = true;
}

void store_meta_put(struct store *s, const char *name, struct str value)
{
    meta_change(s, name, false, value);
}

void store_meta_remove(struct store *s, const char *name)
{
    meta_change(s, name, true, STR_NULL);
}

struct str store_meta_get(struct store *s, struct arena *a, const char *name)
{
    const struct meta_change *m = map_getc(s->dirty_meta, name);
    if (m)
        return m->removed ? STR_NULL : arena_str(a, (struct str){ m->bytes, m->n });
    return disk_meta_get(s->disk, a, str_c(name));
}

struct meta_pair { struct str name, value; };
struct meta_walk {
    struct store     *s;
    struct arena     *a;
    struct meta_pair *v;
    size_t            n, cap;
};

static void collect(struct meta_walk *w, struct str name, struct str value)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 64;
        w->v = arena_realloc(w->a, w->v, w->cap * sizeof *w->v, cap * sizeof *w->v);
        w->cap = cap;
    }
    w->v[w->n++] = (struct meta_pair){ arena_str(w->a, name), arena_str(w->a, value) };
}

static void on_disk_meta(void *ctx, struct str name, struct str value)
{
    struct meta_walk *w = ctx;
    if (!str_starts(name, "store:") && !map_get(w->s->dirty_meta, name))
        collect(w, name, value);
}

static int compare_meta(const void *a, const void *b)
{
    return str_cmp(((const struct meta_pair *)a)->name, ((const struct meta_pair *)b)->name);
}

void store_each_meta(struct store *s, const char *prefix, void (*visit)(void *ctx, struct str name, struct str value),
                     void *ctx)
{
    struct meta_walk w = { .s = s, .a = arena_new() };
    disk_meta_each(s->disk, str_c(prefix), on_disk_meta, &w);
    struct str name;
    void *value;
    for (size_t cursor = 0; map_next(s->dirty_meta, &cursor, &name, &value);) {
        const struct meta_change *m = value;
        if (!m->removed && str_starts(name, prefix))
            collect(&w, name, (struct str){ m->bytes, m->n });
    }
    if (w.n)
        qsort(w.v, w.n, sizeof *w.v, compare_meta);
    for (size_t i = 0; i < w.n; i++)
        visit(ctx, w.v[i].name, w.v[i].value);
    arena_free(w.a);
}
