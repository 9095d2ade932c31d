/* labs/predicate_diff.c - from one document to the next: a look at the same cluster a moment later differs in a few places, and
 * parsing is what a look costs.
 *
 * Values are compared as text with those of the last document in the same place, elements of an array with those not far behind
 * the last one found: lists are in order of names or of time, so what has come, gone or changed is found, and all else is a run
 * of copies.
 */
#include "labs/predicate_priv.h"

#include <stdlib.h>

/* How far behind the last match an element is sought: so many may have gone at once before the rest of the list is sent anew. */
enum { LOOKAHEAD = 32 };

/* A member, or one of a member that is an object (then key2 is set and member is not). It holds values first to first + n - 1;
 * whole is all of its text. */
struct place { struct str key1, key2, whole; bool member, array; uint32_t first, n; };
struct shot {                          /* a document taken apart; texts point into bytes */
    char *bytes;
    struct str *values; size_t n, cap;
    struct place *places; size_t place_n, place_cap;
};
struct diff { struct shot last; size_t hint; };        /* hint: where in last the next place is sought first */

struct diff *diff_new(void) { return NEW(struct diff); }

static void shot_free(struct shot *s)
{
    free(s->bytes);
    free(s->values);
    free(s->places);
}

void diff_free(struct diff *d)
{
    if (d)
        shot_free(&d->last);
    free(d);
}

/* ---- ops ---- */
static void put_int(struct strbuf *out, uint32_t n, size_t bytes) { strbuf_add(out, (struct str){ (const char *)&n, bytes }); }

static void put_key(struct strbuf *out, struct str key)
{
    put_int(out, (uint32_t)key.n, 2);
    strbuf_add(out, key);
}

static void put_text(struct strbuf *out, char op, struct str text)
{
    strbuf_addch(out, op);
    put_int(out, (uint32_t)text.n, 4);
    strbuf_add(out, text);
}

/* from: a number among all values of the last document. */
static void put_copies(struct strbuf *out, const struct place *before, uint32_t from, uint32_t n)
{
    if (!n)
        return;
    strbuf_addch(out, 'C');
    put_int(out, from - before->first, 4);
    put_int(out, n, 4);
}

/* before: a place of d's last document; NULL: none, of which nothing will be copied. */
static void put_place(struct strbuf *out, const struct diff *d, char op, const struct place *before)
{
    strbuf_addch(out, op);
    put_int(out, before ? (uint32_t)(before - d->last.places) : 0, 4);
}

/* ---- what this document holds ---- */
struct taking { struct diff *d; struct shot now; struct strbuf *ops; };

static void add_value(struct shot *s, struct str value)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1024;
        s->values = xrealloc(s->values, s->cap * sizeof *s->values);
    }
    s->values[s->n++] = value;
    s->places[s->place_n - 1].n++;
}

static struct place *add_place(struct taking *t, struct str key1, const struct str *key2)
{
    struct shot *s = &t->now;
    if (s->place_n == s->place_cap) {
        s->place_cap = s->place_cap ? s->place_cap * 2 : 128;
        s->places = xrealloc(s->places, s->place_cap * sizeof *s->places);
    }
    struct place *p = &s->places[s->place_n++];
    *p = (struct place){ .key1 = key1, .key2 = key2 ? *key2 : STR_NULL, .member = !key2, .first = (uint32_t)s->n };
    strbuf_addch(t->ops, 'P');
    put_key(t->ops, key1);
    if (key2)
        put_key(t->ops, *key2);
    else
        put_int(t->ops, NO_KEY, 2);
    return p;
}

/* Places keep their order from one document to the next, most of the time: the search begins where the last one ended. */
static const struct place *place_before(struct diff *d, const struct place *p)
{
    const struct shot *s = &d->last;
    for (size_t i = 0; i < s->place_n; i++) {
        const struct place *q = &s->places[(d->hint + i) % s->place_n];
        if (q->member == p->member && str_eq(q->key1, p->key1) && str_eq(q->key2, p->key2)) {
            d->hint = (d->hint + i + 1) % s->place_n;
            return q;
        }
    }
    return NULL;
}

/* Does the walk stand before this very value? JSON's values end by themselves, but for numbers and words, which something has to
 * end. */
static bool stands_before(const struct json_walk *w, struct str value)
{
    char next = w->rest.n > value.n ? w->rest.p[value.n] : 0;
    return value.n && memcmp(w->rest.p, value.p, value.n < w->rest.n ? value.n : w->rest.n) == 0 && next && strchr(",]} \n", next);
}

static struct str step_over(struct json_walk *w, size_t n)
{
    struct str value = str_sub(w->rest, 0, n);
    w->rest = str_sub(w->rest, n, w->rest.n);
    return value;
}

/* All of the place is as it was: its values point into the new text, at the same distances. */
static void copy_place(struct taking *t, struct place *p, const struct place *before, struct str whole)
{
    p->array = before->array;
    p->whole = whole;
    for (uint32_t i = before->first; i < before->first + before->n; i++) {
        struct str v = t->d->last.values[i];
        add_value(&t->now, (struct str){ whole.p + (v.p - before->whole.p), v.n });
    }
    put_place(t->ops, t->d, 'S', before);
}

/* An element that the place had not far behind `at`: its number, or UINT32_MAX; the walk goes over what it finds, in any case. */
static uint32_t take_element(const struct diff *d, struct json_walk *w, uint32_t at, uint32_t end, struct str *value)
{
    for (uint32_t q = at; q < end && q < at + LOOKAHEAD; q++)
        if (stands_before(w, d->last.values[q])) {
            *value = step_over(w, d->last.values[q].n);
            return q;
        }
    json_walk_value(w, value);
    return UINT32_MAX;
}

static bool take_array(struct taking *t, struct json_walk *outer, struct place *p, const struct place *before)
{
    struct json_walk w;
    struct str key, value, rest;
    uint32_t at = before && before->array ? before->first : 0, end = before && before->array ? before->first + before->n : 0,
        run = 0, from = 0;
    const char *start = outer->rest.p;
    size_t place = t->now.place_n - 1;
    p->array = true;
    put_place(t->ops, t->d, 'A', before);
    for (json_walk_begin(&w, outer->rest); json_walk_key(&w, &key);) {
        uint32_t q = take_element(t->d, &w, at, end, &value);
        if (!value.n)
            return false;
        add_value(&t->now, value);
        if (run && q == from + run) {
            run++;
        } else {
            put_copies(t->ops, before, from, run);
            run = q == UINT32_MAX ? 0 : 1;
            from = q;
        }
        if (q == UINT32_MAX)
            put_text(t->ops, 'V', value);
        else
            at = q + 1;
    }
    put_copies(t->ops, before, from, run);
    if (!json_walk_end(&w, &rest))
        return false;
    outer->rest = rest;
    t->now.places[place].whole = (struct str){ start, (size_t)(rest.p - start) };
    return true;
}

/* A member's value, or that of a member of it. */
static bool take_place(struct taking *t, struct json_walk *w, struct str key1, const struct str *key2)
{
    struct place *p = add_place(t, key1, key2);
    const struct place *before = place_before(t->d, p);
    struct str value;
    if (before && stands_before(w, before->whole)) {
        copy_place(t, p, before, step_over(w, before->whole.n));
        return true;
    }
    if (*w->rest.p == '[')
        return take_array(t, w, p, before);
    if (!json_walk_value(w, &value))
        return false;
    p->whole = value;
    add_value(&t->now, value);
    put_text(t->ops, 'V', value);
    return true;
}

static bool good_key(struct str key) { return key.n < NO_KEY && str_chr(key, '\\') < 0; }

/* An empty object is a value like others. */
static bool take_object(struct taking *t, struct json_walk *outer, struct str key1)
{
    struct json_walk w;
    struct str key2, rest;
    size_t n = 0;
    for (json_walk_begin(&w, outer->rest); json_walk_key(&w, &key2); n++)
        if (!good_key(key2) || !take_place(t, &w, key1, &key2))
            return false;
    if (!n)
        return take_place(t, outer, key1, NULL);
    if (!json_walk_end(&w, &rest))
        return false;
    outer->rest = rest;
    return true;
}

static bool take_document(struct taking *t, struct str document)
{
    struct json_walk w;
    struct str key, rest;
    t->now.bytes = xmalloc(document.n + 1);
    memcpy(t->now.bytes, document.p ? document.p : "", document.n);
    t->now.bytes[document.n] = 0;
    if (!json_walk_begin(&w, (struct str){ t->now.bytes, document.n }) || !w.object)
        return false;
    while (json_walk_key(&w, &key))
        if (!good_key(key) || !(*w.rest.p == '{' ? take_object(t, &w, key) : take_place(t, &w, key, NULL)))
            return false;
    return json_walk_end(&w, &rest) && !str_trim(rest).n;
}

void diff_write(struct diff *d, struct str document, struct strbuf *ops)
{
    struct taking t = { .d = d, .ops = ops };
    size_t start = ops->n;
    d->hint = 0;
    if (!take_document(&t, document)) {            /* it goes as it is, and nothing of it is remembered */
        ops->n = start;
        put_text(ops, 'X', document);
        shot_free(&t.now);
        t.now = (struct shot){ .n = 0 };
    }
    shot_free(&d->last);
    d->last = t.now;
}
