/* sim/cmd/look_notes.c - what the autoscaler noted of its passes: the last of them whole, for `kubelab hpa why`, and its
 * decisions, for checks.
 *
 * The autoscaler hands each pass over as it ends (controller_context.note); a decision is a pass that wrote the scale. Nothing
 * here asks or judges anything.
 */
#include "sim/cmd/look.h"

#include <stdio.h>
#include <stdlib.h>

/* A pass takes some 2 KB, on disk alone: eight hours of one autoscaler. */
enum { PASSES_MAX = 2000, DECISIONS_MAX = 2000 };

struct notes { struct ring *passes, *decisions; };

struct notes *notes_new(struct store *s)
{
    struct notes *n = NEW(struct notes);
    n->passes = ring_new(s, "hpa.pass", PASSES_MAX, false);
    n->decisions = ring_new(s, "hpa.decision", DECISIONS_MAX, true);
    return n;
}

void notes_free(struct notes *n)
{
    if (!n)
        return;
    ring_free(n->passes);
    ring_free(n->decisions);
    free(n);
}

/* A row: the time in seconds, the autoscaler, the JSON. */
static void add(struct ring *r, struct arena *a, int64_t seconds, struct str key, const struct json *j)
{
    struct str text = json_text(a, j);
    ring_add(r, arena_strf(a, "%" PRId64 " " STR_FMT " " STR_FMT, seconds, STR_ARG(key), STR_ARG(text)));
}

static bool row_parse(struct str row, int64_t *seconds, struct str *key, struct str *json)
{
    struct str number, rest;
    return str_cut(row, ' ', &number, &rest) && str_int(number, seconds) && str_cut(rest, ' ', key, json);
}

void notes_add(void *notes, struct str key, const struct json *note)
{
    struct notes *n = notes;
    struct arena *a = arena_new();
    int64_t seconds = json_get_int(note, "seconds", 0);
    add(n->passes, a, seconds, key, note);
    if (json_get_bool(note, "rescaled", false))
        add(n->decisions, a, seconds, key,
            json_buildf(a, "{'time':%S,'seconds':%d,'from':%d,'to':%d,'reason':%S}", json_get_str(note, "time"), seconds,
            json_get_int(note, "current", 0), json_get_int(note, "desired", 0), json_get_str(note, "reason")));
    arena_free(a);
}

struct wanted { struct str key; int64_t at_s; struct strbuf *out; size_t n; struct arena *a; struct str found; };

static void on_decision(void *ctx, struct str row)
{
    struct wanted *w = ctx;
    struct str key, text;
    int64_t seconds;
    if (row_parse(row, &seconds, &key, &text) && str_eq(key, w->key))
        strbuf_addf(w->out, "%s" STR_FMT, w->n++ ? "," : "", STR_ARG(text));
}

void notes_decisions(const struct notes *n, struct str key, struct strbuf *out)
{
    struct wanted w = { .key = key, .out = out };
    ring_each(n->decisions, on_decision, &w);
}

static void on_pass(void *ctx, struct str row)
{
    struct wanted *w = ctx;
    struct str key, text;
    int64_t seconds;
    if (row_parse(row, &seconds, &key, &text) && seconds <= w->at_s && str_eq(key, w->key))
        w->found = arena_str(w->a, text);
}

struct str notes_find(const struct notes *n, struct arena *a, struct str key, int64_t at_s)
{
    struct wanted w = { .key = key, .at_s = at_s, .a = a };
    ring_each(n->passes, on_pass, &w);
    return w.found;
}
