/* apiserver/store/trail.c - the audit trail's rows: appended, never changed, the oldest dropped; committed with the turn's other
 * writes.
 *
 * A row is text under a serial number. A row and the write that it tells of reach the disk in one transaction: after kill -9
 * there is neither one without the other. Rows live on disk alone, since nobody but a query reads them; memory holds those that
 * the disk has not seen, and the size of each of the others, so that both bounds (LIMIT_AUDIT_ROWS, LIMIT_AUDIT_BYTES) are held
 * exactly and trimming is one statement. While the disk refuses, rows wait as writes do, the oldest giving way past
 * TRAIL_PENDING_BYTES. Upstream has no counterpart: there a trail is a file that grows.
 */
#include "apiserver/store/store_priv.h"

#include <stdlib.h>

static uint32_t *size_of(struct trail *t, int64_t seq)
{
    return &t->sizes[seq % LIMIT_AUDIT_ROWS];
}

/* Rows from `first` on are kept: move it until both bounds hold for what ends at `last`. */
static void shrink(struct trail *t, int64_t last)
{
    while (t->first <= last && (last - t->first >= LIMIT_AUDIT_ROWS || t->bytes > LIMIT_AUDIT_BYTES)) {
        t->bytes -= *size_of(t, t->first);
        *size_of(t, t->first++) = 0;
    }
}

static void account(struct trail *t, int64_t seq, size_t n)
{
    shrink(t, seq);                                /* the ring has a place for it now */
    *size_of(t, seq) = (uint32_t)n;
    t->bytes += n;
    shrink(t, seq);
}

static void on_size(void *ctx, int64_t seq, size_t n)
{
    struct trail *t = ctx;
    if (!t->last)
        t->first = seq;
    account(t, seq, n);
    t->last = seq;
}

bool trail_load(struct trail *t, struct disk *d, struct err *err)
{
    list_init(&t->pending.list);
    t->sizes = xcalloc(LIMIT_AUDIT_ROWS, sizeof *t->sizes);
    t->first = 1;
    if (!disk_audit_sizes(d, on_size, t, err))
        return false;
    t->on_disk = t->first;
    return true;
}

void trail_deinit(struct trail *t)
{
    rows_clean(&t->pending);
    free(t->sizes);
}

/* Within the turn's transaction. */
bool trail_write(struct trail *t, struct disk *d, struct err *err)
{
    list_for(it, &t->pending.list) {
        struct row *row = container_of(it, struct row, node);
        if (row->seq >= t->first && !disk_audit_put(d, row->seq, row_text(row), err))
            return false;
    }
    return t->on_disk >= t->first || disk_audit_trim(d, t->first, err);
}

void trail_clean(struct trail *t)
{
    rows_clean(&t->pending);
    t->on_disk = t->first;
}

/* ---- the door ---- */

int64_t store_audit_put(struct store *s, struct str event)
{
    struct trail *t = &s->trail;
    ASSERT(event.n > 0);
    rows_push(&t->pending, row_new(++t->last, event));
    account(t, t->last, event.n);
    if (s->sick)
        rows_bound(&t->pending, TRAIL_PENDING_BYTES);
    s->turn_writes = true;
    return t->last;
}

bool store_audit_amend(struct store *s, int64_t seq, struct str event)
{
    struct trail *t = &s->trail;
    list_for(it, &t->pending.list) {
        struct row *old = container_of(it, struct row, node);
        if (old->seq != seq)
            continue;
        if (seq >= t->first) {
            t->bytes += event.n - *size_of(t, seq);
            *size_of(t, seq) = (uint32_t)event.n;
        }
        rows_replace(&t->pending, old, row_new(seq, event));
        return true;
    }
    return false;
}

size_t store_audit_each(struct store *s, int64_t after, size_t max, row_visit visit, void *ctx)
{
    struct trail *t = &s->trail;
    if (after < t->first - 1)
        after = t->first - 1;                      /* on disk there may be rows that the next commit removes */
    size_t n = disk_audit_each(s->disk, after, max, visit, ctx);
    return rows_each(&t->pending, after, n, max, visit, ctx);
}
