/* sim/loop/trace.c - what happened lately, for whoever debugs, and a digest of all that ever happened, for whoever
 * compares two runs.
 *
 * Same seed and same inputs must give the same digest: that is a test, and the reason why a student's failure can be replayed.
 * The digest tells runs apart; it does not resist forgery, and need not. When an ASSERT fails, the ring is printed.
 */
#include "sim/loop/loop_priv.h"

#include <stdio.h>

static uint64_t rotate(uint64_t v, unsigned bits)
{
    return v << bits | v >> (64 - bits);
}

/* Two multiply-and-rotate lanes over 8-byte words, so that a long text costs little. */
static void absorb(struct trace *t, uint64_t word)
{
    t->lane[0] = rotate((t->lane[0] ^ word) * 0x9e3779b97f4a7c15u, 29);
    t->lane[1] = (rotate(t->lane[1], 23) + word) * 0xd6e8feb86659fd93u ^ t->lane[0];
}

static void absorb_text(struct trace *t, const char *s, size_t n)
{
    absorb(t, n);
    while (n > 0) {
        uint64_t word = 0;
        size_t take = n < 8 ? n : 8;
        for (size_t i = 0; i < take; i++)          /* little-endian on every machine */
            word |= (uint64_t)(unsigned char)s[i] << 8 * i;
        absorb(t, word);
        s += take;
        n -= take;
    }
}

/* "component: text", cut with dots where it does not fit. */
static void entry_text(struct trace_entry *e, const char *component, const char *text, size_t n)
{
    size_t head = strlen(component);
    ASSERT(head + 2 < TRACE_TEXT - 4);
    memcpy(e->text, component, head);
    memcpy(e->text + head, ": ", 2);
    head += 2;
    bool cut = head + n >= TRACE_TEXT;
    size_t fits = cut ? TRACE_TEXT - 4 - head : n;
    memcpy(e->text + head, text, fits);
    memcpy(e->text + head + fits, cut ? "..." : "", cut ? 4 : 1);
}

void trace_event(struct loop *l, const char *component, const char *fmt, ...)
{
    struct trace *t = &l->trace;
    struct trace_entry *e = &t->ring[t->count++ % TRACE_RING];
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = text_vformat(text, sizeof text, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    e->vtime = vtime_now(l);
    entry_text(e, component, text, len);
    absorb(t, (uint64_t)(e->vtime - l->start_vtime));      /* since the start: two runs need not start in the same second */
    absorb_text(t, component, strlen(component));
    absorb_text(t, text, len);
}

void trace_digest(const struct loop *l, char out_hex[33])
{
    struct trace end = { .lane = { l->trace.lane[0], l->trace.lane[1] } };
    for (int i = 0; i < 4; i++)
        absorb(&end, l->trace.count + (uint64_t)i);
    snprintf(out_hex, 33, "%016" PRIx64 "%016" PRIx64, end.lane[0], end.lane[1]);
}

void trace_each(const struct loop *l, void (*visit)(void *ctx, int64_t vtime_ns, const char *text), void *ctx)
{
    const struct trace *t = &l->trace;
    for (uint64_t i = t->count > TRACE_RING ? t->count - TRACE_RING : 0; i < t->count; i++)
        visit(ctx, t->ring[i % TRACE_RING].vtime, t->ring[i % TRACE_RING].text);
}

static void print_entry(void *ctx, int64_t vtime_ns, const char *text)
{
    const struct loop *l = ctx;
    fprintf(stderr, "  %.6fs %s\n", (double)(vtime_ns - l->start_vtime) / 1e9, text);
}

void trace_dump(const struct loop *l)
{
    fprintf(stderr, "the last of %" PRIu64 " traced events:\n", l->trace.count);
    trace_each(l, print_entry, (void *)(uintptr_t)l);
}

static void dump_on_assert(void *ctx)
{
    trace_dump(ctx);
}

void trace_install(struct loop *l)
{
    assert_set_hook(dump_on_assert, l);
}

void trace_uninstall(struct loop *l)
{
    (void)l;
    assert_set_hook(NULL, NULL);
}
