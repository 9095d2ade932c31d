/* sim/http/tap.c - what the edge tells whoever keeps a journal: each thing that comes from outside, and of each answer its digest.
 *
 * An answer is summed up where handlers write it (exchange.c, a tunnel's write), before headers, chunks and compression are added: the
 * same whatever carries it. Nothing costs anything while nobody watches.
 */
#include "sim/http/http_priv.h"

static const struct http_tap *tap;
static void *tap_ctx;

void http_tap_set(const struct http_tap *t, void *ctx)
{
    tap = t;
    tap_ctx = ctx;
}

uint64_t tap_request(const struct http_server *s, const struct http_exchange *x)
{
    return tap != NULL ? tap->request(tap_ctx, s, x) : 0;
}

void tap_input(uint64_t id, enum http_tap_what what, struct str bytes, const struct err *why)
{
    if (id != 0 && tap != NULL)
        tap->input(tap_ctx, id, what, bytes, why);
}

void tap_sum_begin(struct tap_sum *t, int status)
{
    if (t->id == 0)
        return;
    t->status = status;
    t->run = sha256_begin();
}

void tap_sum_add(struct tap_sum *t, struct str bytes)
{
    if (t->run == NULL)
        return;
    t->bytes += bytes.n;
    sha256_add(t->run, bytes);
}

void tap_sum_end(struct tap_sum *t, const char *how)
{
    struct http_answer a = { .how = how, .status = t->status, .bytes = t->bytes };
    uint64_t id = t->id;
    if (id == 0)
        return;
    if (t->run != NULL)
        sha256_end(t->run, a.sum);
    *t = (struct tap_sum){ 0 };
    if (tap != NULL)
        tap->answer(tap_ctx, id, &a);
}
