/* apiserver/store/journal.c - rows of what came from outside: appended, never changed, never dropped; committed with the turn in
 * which it took effect.
 *
 * Like the audit trail (trail.c) a row and what came of it reach the disk in one transaction, so after kill -9 the journal tells
 * of exactly what the objects have seen. With each commit goes the position in the run (loop.h: the number of the last event, and
 * the time): that is where a killed process' life ended, as far as anybody can know. What a row says, and how many there may be,
 * is sim/cmd's business. Upstream has no counterpart.
 */
#include "apiserver/store/store_priv.h"

#include <stdio.h>

bool journal_rows_load(struct journal_rows *j, struct disk *d, struct err *err)
{
    list_init(&j->pending.list);
    return disk_journal_size(d, &j->last, &j->bytes, err);
}

void journal_rows_clean(struct journal_rows *j)
{
    rows_clean(&j->pending);
}

/* Within the turn's transaction. */
bool journal_rows_write(struct store *s, struct err *err)
{
    list_for(it, &s->journal.pending.list) {
        struct row *row = container_of(it, struct row, node);
        if (!disk_journal_put(s->disk, row->seq, row_text(row), err))
            return false;
    }
    if (!s->journal.on)
        return true;
    char text[64];
    int n = snprintf(text, sizeof text, "%" PRIu64 " %" PRId64, loop_events(s->loop), vtime_now(s->loop));
    return disk_meta_put(s->disk, STR("store:position"), (struct str){ text, (size_t)n }, err);
}

/* ---- the door ---- */

void store_journal_put(struct store *s, struct str record)
{
    struct journal_rows *j = &s->journal;
    ASSERT(record.n > 0);
    rows_push(&j->pending, row_new(++j->last, record));
    j->bytes += record.n;
    j->on = true;
    if (s->sick)
        rows_bound(&j->pending, JOURNAL_PENDING_BYTES);      /* a hole in the numbers says so */
    s->turn_writes = true;
}

size_t store_journal_bytes(const struct store *s)
{
    return s->journal.bytes;
}

int64_t store_journal_last(const struct store *s)
{
    return s->journal.last;
}

size_t store_journal_each(struct store *s, int64_t after, size_t max, row_visit visit, void *ctx)
{
    size_t n = disk_journal_each(s->disk, after, max, visit, ctx);
    return rows_each(&s->journal.pending, after, n, max, visit, ctx);
}

bool store_journal_position(struct store *s, uint64_t *events, int64_t *vtime_ns)
{
    struct arena *a = arena_new();
    struct str first, second;
    int64_t n = 0;
    bool ok = str_cut(disk_meta_get(s->disk, a, STR("store:position")), ' ', &first, &second) && str_int(first, &n) && n >= 0 &&
              str_int(second, vtime_ns);
    *events = (uint64_t)n;
    arena_free(a);
    return ok;
}
