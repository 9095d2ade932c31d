/* apiserver/store/rows.c - numbered rows that the disk has not seen yet: a queue that the turn's commit writes and empties.
 *
 * The audit trail and the journal are both text under a serial number, appended, never changed, and read from disk; what they
 * share stands here. While the disk refuses, rows wait, and past a bound the oldest give way: the numbers then have a hole.
 */
#include "apiserver/store/store_priv.h"

#include <stdlib.h>

struct row *row_new(int64_t seq, struct str text)
{
    struct row *row = xcalloc(1, sizeof *row + text.n);
    row->seq = seq;
    row->n = text.n;
    memcpy(row->bytes, text.p, text.n);
    return row;
}

struct str row_text(const struct row *row) { return (struct str){ row->bytes, row->n }; }

void rows_push(struct rows *r, struct row *row)
{
    list_push(&r->list, &row->node);
    r->bytes += row->n;
}

static void drop(struct rows *r, struct row *row)
{
    list_remove(&row->node);
    r->bytes -= row->n;
    free(row);
}

void rows_replace(struct rows *r, struct row *old, struct row *row)
{
    list_push(&old->node, &row->node);             /* before the old one: in its place */
    r->bytes += row->n;
    drop(r, old);
}

void rows_bound(struct rows *r, size_t max)
{
    while (r->bytes > max)
        drop(r, container_of(r->list.next, struct row, node));
}

void rows_clean(struct rows *r)
{
    while (r->list.next && !list_empty(&r->list))
        drop(r, container_of(r->list.next, struct row, node));
}

size_t rows_each(const struct rows *r, int64_t after, size_t n, size_t max, row_visit visit, void *ctx)
{
    list_for(it, &r->list) {
        struct row *row = container_of(it, struct row, node);
        if (n == max)
            break;
        if (row->seq <= after)
            continue;
        visit(ctx, row->seq, row_text(row));
        n++;
    }
    return n;
}
