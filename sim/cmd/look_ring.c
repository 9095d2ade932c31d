/* sim/cmd/look_ring.c - rows of text in slots of the store's meta: the newest N of what happened, also after `down` and `up` or
 * kill -9.
 *
 * A slot's value is the row's serial number, a space, and the row; the serial number says which is newest. A row is committed
 * with the turn that it tells of.
 */
#include "sim/cmd/look.h"

#include "apiserver/store/store.h"

#include <stdio.h>
#include <stdlib.h>

struct ring {
    struct store *store;
    const char   *prefix;
    int64_t       max, next;           /* next: the serial number of the next row, from 0 */
    char        **rows;                /* by slot; NULL: on disk alone */
};

static void put(struct ring *r, int64_t seq, struct str row)
{
    if (!r->rows)
        return;
    char **slot = &r->rows[seq % r->max];
    free(*slot);
    *slot = xmalloc(row.n + 1);
    memcpy(*slot, row.p, row.n);
    (*slot)[row.n] = 0;
}

static void on_stored(void *ctx, struct str name, struct str value)
{
    struct ring *r = ctx;
    struct str number, row;
    int64_t seq;
    (void)name;
    if (!str_cut(value, ' ', &number, &row) || !str_int(number, &seq) || seq < 0)
        return;
    put(r, seq, row);
    r->next = seq >= r->next ? seq + 1 : r->next;
}

struct ring *ring_new(struct store *s, const char *prefix, int64_t max, bool kept)
{
    struct ring *r = NEW(struct ring);
    *r = (struct ring){ .store = s, .prefix = prefix, .max = max, .rows = kept ? xcalloc((size_t)max, sizeof *r->rows) : NULL };
    store_each_meta(s, prefix, on_stored, r);
    return r;
}

void ring_free(struct ring *r)
{
    for (int64_t i = 0; r && r->rows && i < r->max; i++)
        free(r->rows[i]);
    if (r)
        free(r->rows);
    free(r);
}

void ring_add(struct ring *r, struct str row)
{
    struct arena *a = arena_new();
    int64_t seq = r->next++;
    put(r, seq, row);
    store_meta_put(r->store, arena_printf(a, "%s/%06" PRId64, r->prefix, seq % r->max),
                   arena_strf(a, "%" PRId64 " " STR_FMT, seq, STR_ARG(row)));
    arena_free(a);
}

/* From the disk rows come in order of slots: those behind the newest are older than those before it. */
struct from_disk { void (*visit)(void *ctx, struct str row); void *ctx; int64_t from, to; };

static void on_row(void *ctx, struct str name, struct str value)
{
    const struct from_disk *f = ctx;
    struct str number, row;
    int64_t seq;
    (void)name;
    if (str_cut(value, ' ', &number, &row) && str_int(number, &seq) && seq >= f->from && seq < f->to)
        f->visit(f->ctx, row);
}

void ring_each(const struct ring *r, void (*visit)(void *ctx, struct str row), void *ctx)
{
    int64_t first = r->next > r->max ? r->next - r->max : 0, turn = r->next / r->max * r->max;
    if (!r->rows) {
        struct from_disk older = { visit, ctx, first, turn }, newer = { visit, ctx, turn > first ? turn : first, r->next };
        store_each_meta(r->store, r->prefix, on_row, &older);
        store_each_meta(r->store, r->prefix, on_row, &newer);
        return;
    }
    for (int64_t seq = first; seq < r->next; seq++)
        if (r->rows[seq % r->max])
            visit(ctx, str_c(r->rows[seq % r->max]));
}
