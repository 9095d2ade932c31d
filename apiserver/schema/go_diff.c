/* apiserver/schema/go_diff.c - two objects compared as go-cmp's cmp.Diff (v0.5) prints it, for messages about forbidden changes.
 *
 * Three steps, as upstream: compare() makes a tree of both values with counts of what is the same and what differs; format_diff()
 * makes a tree of text of it, in which what is the same is cut short; expand() writes that, on one line where it fits.
 * Simplified: long strings are not compared word by word, lists are aligned by their common ends.
 */
#include "apiserver/schema/go_value.h"

enum { COLUMN_MAX = 80, CONTEXT = 2, DEPTH_MAX = 16 };

/* ---- comparing ---- */

struct pair {
    const struct go_value *x, *y;      /* one may be NULL: an element or entry that only the other has */
    const struct go_value *any;        /* y, or x */
    int                    same, differ, children, depth;
    struct pair           *first, *next;
};

static struct pair *compare(struct arena *a, const struct go_value *x, const struct go_value *y);

static void adopt(struct pair *p, struct pair *child)
{
    struct pair **end = &p->first;
    while (*end)
        end = &(*end)->next;
    *end = child;
    p->same += child->same;
    p->differ += child->differ;
    p->children += child->children + 1;
    p->depth = p->depth > child->depth + 1 ? p->depth : child->depth + 1;
}

static struct pair *leaf(struct pair *p, bool same)
{
    p->same = same;
    p->differ = !same;
    return p;
}

static const struct go_value *entry(const struct go_value *map, struct str key)
{
    const struct go_value *e = map->first;
    while (e && !str_eq(e->name, key))
        e = e->next;
    return e;
}

/* Both sorted by key. */
static void compare_maps(struct arena *a, struct pair *p, const struct go_value *x, const struct go_value *y)
{
    const struct go_value *i = x->first, *j = y->first;
    while (i || j) {
        int order = !i ? 1 : !j ? -1 : str_cmp(i->name, j->name);
        adopt(p, compare(a, order <= 0 ? i : NULL, order >= 0 ? j : NULL));
        i = order <= 0 ? i->next : i;
        j = order >= 0 ? j->next : j;
    }
}

static const struct go_value *at(const struct go_value *list, size_t i)
{
    const struct go_value *e = list->first;
    while (e && i--)
        e = e->next;
    return e;
}

static bool is_same(struct arena *a, const struct go_value *x, const struct go_value *y) { return compare(a, x, y)->differ == 0; }

/* The common beginning and end; between them, pairs that are much alike are changes, the others removals and insertions. */
static void compare_lists(struct arena *a, struct pair *p, const struct go_value *x, const struct go_value *y)
{
    size_t lo = 0, hi = 0;
    while (lo < x->n && lo < y->n && is_same(a, at(x, lo), at(y, lo)))
        lo++;
    while (hi < x->n - lo && hi < y->n - lo && is_same(a, at(x, x->n - 1 - hi), at(y, y->n - 1 - hi)))
        hi++;
    size_t i = 0, j = 0;
    while (i < x->n || j < y->n) {
        bool in_x = i < x->n - hi, in_y = j < y->n - hi, end = !in_x && !in_y;
        struct pair *both = i < lo || end || (in_x && in_y) ? compare(a, at(x, i), at(y, j)) : NULL;
        bool together = both && (i < lo || end || both->same + 1 >= both->differ);
        if (together) {
            adopt(p, both);
        } else {
            if (in_x)
                adopt(p, compare(a, at(x, i), NULL));
            if (in_y)
                adopt(p, compare(a, NULL, at(y, j)));
        }
        i += together || in_x;
        j += together || in_y;
    }
}

static struct pair *compare(struct arena *a, const struct go_value *x, const struct go_value *y)
{
    struct pair *p = arena_zalloc(a, sizeof *p);
    p->x = x;
    p->y = y;
    p->any = y ? y : x;
    if (!x || !y)
        return leaf(p, false);
    if (p->any->kind == GO_LITERAL || p->any->kind == GO_STRING)
        return leaf(p, str_eq(x->text, y->text));
    if (x->nil || y->nil)
        return leaf(p, x->nil && y->nil);
    if (str_eqc(x->type, "resource.Quantity")) {   /* it has a method for that */
        const struct go_value *s = entry(x, STR("s")), *t = entry(y, STR("s"));
        return leaf(p, str_eq(s->text, t->text));
    }
    if (x->kind == GO_POINTER)
        adopt(p, compare(a, x->first, y->first));
    else if (x->kind == GO_MAP)
        compare_maps(a, p, x, y);
    else if (x->kind == GO_SLICE)
        compare_lists(a, p, x, y);
    else
        for (const struct go_value *i = x->first, *j = y->first; i && j; i = i->next, j = j->next)
            adopt(p, compare(a, i, j));
    return p;
}

/* ---- text ---- */

enum { EITHER = 0, IDENTICAL = ' ', REMOVED = '-', INSERTED = '+' };

struct text;
struct record { int sign; struct str key; struct text *value; bool no_comma; const char *comment; struct record *next; };
struct text {
    enum { LINE, WRAP, LIST } kind;
    struct str     line, suffix;       /* LINE: all of it; WRAP: what comes before and after */
    struct text   *value;
    struct record *first;
};

static struct text *new_line(struct arena *a, struct str s)
{
    struct text *t = arena_zalloc(a, sizeof *t);
    t->line = s;
    return t;
}

static struct text *wrap(struct arena *a, struct str before, struct text *value, const char *after)
{
    struct text *t = arena_zalloc(a, sizeof *t);
    *t = (struct text){ .kind = WRAP, .line = before, .suffix = str_c(after), .value = value };
    return t;
}

static struct text *new_list(struct arena *a)
{
    struct text *t = arena_zalloc(a, sizeof *t);
    t->kind = LIST;
    return t;
}

static struct record *put(struct arena *a, struct text *list, int sign, struct str key, struct text *value)
{
    struct record **end = &list->first;
    while (*end)
        end = &(*end)->next;
    *end = arena_zalloc(a, sizeof **end);
    **end = (struct record){ .sign = sign, .key = key, .value = value };
    return *end;
}

static size_t count(const struct text *list)
{
    size_t n = 0;
    for (const struct record *r = list->first; r; r = r->next)
        n++;
    return n;
}

static void put_ellipsis(struct arena *a, struct text *list, const char *comment)
{
    struct record *r = put(a, list, EITHER, STR_NULL, new_line(a, STR("...")));
    r->no_comma = true;
    r->comment = comment;
}

static size_t length(const struct text *t)
{
    if (t->kind == LINE)
        return t->line.n;
    if (t->kind == WRAP)
        return t->line.n + length(t->value) + t->suffix.n;
    size_t n = 0;
    for (const struct record *r = t->first; r; r = r->next)
        n += r->key.n + (r->key.n ? 2 : 0) + length(r->value) + (r->next ? 2 : 0);
    return n;
}

/* ---- formatting ---- */

enum type_mode { TYPE_ALWAYS, TYPE_AUTO, TYPE_NEVER };
struct style { struct arena *a; int mode; enum type_mode types; int verbosity; };

static struct style with_types(struct style s, enum type_mode m) { s.types = m; return s; }
static struct style with_mode(struct style s, int mode) { s.mode = mode; return s; }
static int power(struct style s) { return 1 << (s.verbosity < 0 ? 0 : s.verbosity > DEPTH_MAX ? DEPTH_MAX : s.verbosity); }

static struct text *parenthesized(struct arena *a, struct text *t)
{
    bool closed = t->kind == WRAP && ((str_starts(t->line, "(") && str_ends(t->suffix, ")")) ||
                                      (str_starts(t->line, "{") && str_ends(t->suffix, "}")));
    return closed ? t : wrap(a, STR("("), t, ")");
}

static struct text *typed(struct style s, const struct go_value *v, struct text *t)
{
    bool compound = v->kind == GO_STRUCT || v->kind == GO_SLICE || v->kind == GO_MAP;
    if (s.types == TYPE_NEVER || (s.types == TYPE_AUTO && (!compound || v->nil || s.mode == IDENTICAL)))
        return t;
    struct str name = v->kind == GO_POINTER ? arena_strf(s.a, "(" STR_FMT ")", STR_ARG(v->type)) : v->type;
    return wrap(s.a, name, parenthesized(s.a, t), "");
}

static struct str map_key(struct style s, const struct go_value *map, struct str key)
{
    struct str quoted = quote_go(s.a, key);
    return map->named_keys ? arena_strf(s.a, "s" STR_FMT, STR_ARG(quoted)) : quoted;
}

static struct text *format_string(struct style s, struct str text)
{
    size_t max = (size_t)power(s) << 5;
    bool cut = text.n > max + 3, quotes = str_chr(text, '"') >= 0 && str_chr(text, '`') < 0 && str_chr(text, '\n') < 0;
    struct str shown = cut ? str_sub(text, 0, max) : text;
    struct str quoted = quotes ? arena_strf(s.a, "`" STR_FMT "`", STR_ARG(shown)) : quote_go(s.a, shown);
    return new_line(s.a, cut ? arena_strf(s.a, STR_FMT "...", STR_ARG(quoted)) : quoted);
}

static struct text *format_value(struct style s, const struct go_value *v)
{
    if (v->kind == GO_LITERAL)
        return typed(s, v, new_line(s.a, v->text));
    if (v->kind == GO_STRING)
        return typed(s, v, format_string(s, v->text));
    if (v->nil)
        return typed(s, v, new_line(s.a, STR("nil")));
    if (v->kind == GO_POINTER)
        return wrap(s.a, STR("&"), format_value(s, v->first), "");
    struct text *list = new_list(s.a);
    struct style inner = with_types(s, v->kind == GO_STRUCT ? TYPE_AUTO : TYPE_NEVER);
    size_t max = ((size_t)power(s) >> 1) << 2;
    inner.verbosity--;
    for (const struct go_value *c = v->first; c; c = c->next) {
        if (v->kind == GO_STRUCT && c->zero)
            continue;
        if (count(list) == max) {
            put_ellipsis(s.a, list, NULL);
            break;
        }
        struct str key = v->kind == GO_STRUCT ? c->name : v->kind == GO_MAP ? map_key(s, v, c->name) : STR_NULL;
        put(s.a, list, EITHER, key, format_value(inner, c));
    }
    return typed(s, v, wrap(s.a, STR("{"), list, "}"));
}

static struct text *format_diff(struct style s, const struct pair *p);

static struct str key_of(struct style s, const struct go_value *parent, const struct pair *p)
{
    return parent->kind == GO_SLICE ? STR_NULL : parent->kind == GO_MAP ? map_key(s, parent, p->any->name) : p->any->name;
}

/* All of one side. */
static struct text *format_side(struct style s, const struct pair *p, size_t max)
{
    struct text *list = new_list(s.a);
    for (const struct pair *c = p->first; c; c = c->next) {
        bool zero = s.mode == IDENTICAL ? c->any->zero : s.mode == REMOVED ? c->x && c->x->zero : c->y && c->y->zero;
        if (count(list) == max) {
            put_ellipsis(s.a, list, NULL);
            break;
        }
        if (p->any->kind == GO_STRUCT && zero)
            continue;
        struct text *out = format_diff(s, c);
        if (out)
            put(s.a, list, EITHER, key_of(s, p->any, c), out);
    }
    return wrap(s.a, STR("{"), list, "}");
}

static const char *tally(struct arena *a, int n, const char *what, const char *name)
{
    bool entry = name[0] == 'e' && name[1] == 'n';
    return n == 1 ? arena_printf(a, "1 %s %s", what, name) : entry ? arena_printf(a, "%d %s entries", n, what)
                                                                   : arena_printf(a, "%d %s %ss", n, what, name);
}

/* Records from `from` on that are the same: the last two of them before a change, the first two after one, a count for the rest. */
static const struct pair *put_same(struct style s, const struct go_value *parent, const struct pair *from, bool first,
                                   const char *name, struct text *list)
{
    int n = 0, lo = 0, hi = 0, i = 0;
    const struct pair *end = from;
    for (; end && end->differ == 0; end = end->next)
        n++;
    while (lo < CONTEXT && lo < n && !first)
        lo++;
    while (hi < CONTEXT && lo + hi < n && end)
        hi++;
    hi += n - lo - hi == 1;
    for (const struct pair *p = from; p != end; p = p->next, i++) {
        if (i == lo && n > lo + hi)
            put_ellipsis(s.a, list, tally(s.a, n - lo - hi, "identical", name));
        if (i < lo || i >= n - hi)
            put(s.a, list, EITHER, key_of(s, parent, p), format_diff(with_mode(s, IDENTICAL), p));
    }
    return end;
}

static void put_change(struct style s, const struct go_value *parent, const struct pair *p, struct text *list)
{
    if (p->children != p->depth) {
        put(s.a, list, EITHER, key_of(s, parent, p), format_diff(s, p));
        return;
    }
    struct text *x = format_diff(with_mode(s, REMOVED), p), *y = format_diff(with_mode(s, INSERTED), p);
    if (x)
        put(s.a, list, REMOVED, key_of(s, parent, p), x);
    if (y)
        put(s.a, list, INSERTED, key_of(s, parent, p), y);
}

static struct text *format_children(struct style s, const struct pair *p)
{
    const char *name = p->any->kind == GO_STRUCT ? "field" : p->any->kind == GO_SLICE ? "element" : "entry";
    size_t max = s.mode == IDENTICAL ? ((size_t)power(s) >> 1) << 2 : (size_t)power(s) << 1, changes = 0;
    s = with_types(s, p->any->kind == GO_STRUCT ? TYPE_AUTO : TYPE_NEVER);
    s.verbosity--;
    if (s.mode != EITHER)
        return format_side(s, p, max);
    struct text *list = new_list(s.a);
    for (const struct pair *c = p->first; c;) {
        if (changes >= max) {
            int rest = 0, same = 0;
            for (; c; c = c->next)
                c->differ ? rest++ : same++;
            put_ellipsis(s.a, list, same && rest ? arena_printf(s.a, "%d identical and %d modified %ss", same, rest, name)
                                    : tally(s.a, same + rest, same ? "identical" : "modified", name));
        } else if (c->differ == 0) {
            c = put_same(s, p->any, c, c == p->first, name, list);
        } else {
            for (; c && c->differ; c = c->next, changes++)
                put_change(s, p->any, c, list);
        }
    }
    return wrap(s.a, STR("{"), list, "}");
}

static struct text *format_leaf(struct style s, const struct pair *p)
{
    if (s.mode == REMOVED || s.mode == INSERTED) {
        const struct go_value *v = s.mode == REMOVED ? p->x : p->y;
        return v ? format_value(s, v) : NULL;
    }
    if (p->differ == 0) {
        struct text *x = format_value(s, p->x), *y = format_value(s, p->y);
        return length(x) < length(y) ? x : y;
    }
    struct text *list = new_list(s.a);
    if (p->x)
        put(s.a, list, REMOVED, STR_NULL, format_value(with_types(s, TYPE_NEVER), p->x));
    if (p->y)
        put(s.a, list, INSERTED, STR_NULL, format_value(with_types(s, TYPE_NEVER), p->y));
    return typed(with_types(s, TYPE_ALWAYS), p->any, list);
}

static struct text *format_diff(struct style s, const struct pair *p)
{
    s.verbosity = s.mode == IDENTICAL ? 1 : 3;
    if (p->depth == 0)
        return format_leaf(s, p);
    if (p->any->kind == GO_POINTER)
        return wrap(s.a, STR("&"), format_diff(s, p->first), "");
    return typed(s, p->any, format_children(s, p));
}

/* ---- writing ---- */

/* Everything that can be on one line becomes one. */
static struct text *compact(struct arena *a, struct text *t, int mode)
{
    if (t->kind == LINE)
        return t;
    if (t->kind == WRAP) {
        struct text *v = compact(a, t->value, mode);
        if (v->kind == LINE)
            return new_line(a, arena_strf(a, STR_FMT STR_FMT STR_FMT, STR_ARG(t->line), STR_ARG(v->line), STR_ARG(t->suffix)));
        t->value = v;
        return t;
    }
    bool several = false;
    for (struct record *r = t->first; r; r = r->next) {
        r->value = compact(a, r->value, r->sign ? r->sign : mode);
        several = several || r->sign == REMOVED || r->sign == INSERTED || r->value->kind != LINE || r->comment;
    }
    if (several || ((mode == REMOVED || mode == INSERTED) && length(t) > COLUMN_MAX))
        return t;
    struct str all = STR("");                      /* of few: format_value cuts long ones */
    for (struct record *r = t->first; r; r = r->next)
        all = arena_strf(a, STR_FMT STR_FMT "%s" STR_FMT "%s", STR_ARG(all), STR_ARG(r->key), r->key.n ? ": " : "",
                         STR_ARG(r->value->line), r->next ? ", " : "");
    return new_line(a, all);
}

static void indent(struct strbuf *b, int mode, int depth)
{
    strbuf_addf(b, "%c ", mode == REMOVED || mode == INSERTED ? mode : ' ');
    for (int i = 0; i < depth; i++)
        strbuf_addch(b, '\t');
}

static void expand(const struct text *t, int mode, int depth, struct strbuf *b);

static bool is_ellipsis(const struct record *r) { return r->value->kind == LINE && str_eqc(r->value->line, "..."); }

/* How wide keys (or values with a comment) are in the run of lines that r is in. */
static size_t run_width(const struct text *list, const struct record *r, bool keys)
{
    size_t width = 0;
    bool mine = false;
    for (const struct record *e = list->first; e; e = e->next) {
        bool skip = e->value->kind != LINE || (keys ? e->key.n == 0 : is_ellipsis(e) || !e->comment);
        size_t n = keys ? e->key.n : e->value->line.n;
        if (skip) {
            if (mine)
                break;
            width = 0;
            continue;
        }
        mine = mine || e == r;
        width = n > width ? n : width;
    }
    return mine ? width : keys ? r->key.n : 0;
}

static void pad(struct strbuf *b, size_t have, size_t want)
{
    for (; have < want; have++)
        strbuf_addch(b, ' ');
}

static bool is_plain(const struct text *list)
{
    for (const struct record *r = list->first; r; r = r->next)
        if (r->sign || r->key.n || r->value->kind != LINE || r->comment)
            return false;
    return list->first != NULL;
}

/* Values alone, as many on a line as fit. */
static void expand_plain(const struct text *list, int mode, int depth, struct strbuf *b)
{
    size_t column = 0;
    for (const struct record *r = list->first; r; r = r->next) {
        if (column == 0 || column + r->value->line.n + 2 > COLUMN_MAX) {
            strbuf_addch(b, '\n');
            indent(b, mode, depth + 1);
            column = 0;
        } else {
            strbuf_addch(b, ' ');
        }
        strbuf_add(b, r->value->line);
        strbuf_addch(b, ',');
        column += r->value->line.n + 2;
    }
}

static void expand_list(const struct text *list, int mode, int depth, struct strbuf *b)
{
    for (const struct record *r = list->first; r; r = r->next) {
        int sign = r->sign ? r->sign : mode;
        strbuf_addch(b, '\n');
        indent(b, sign, depth + 1);
        if (r->key.n)
            strbuf_addf(b, STR_FMT ": ", STR_ARG(r->key));
        if (r->key.n && r->value->kind == LINE)
            pad(b, r->key.n, run_width(list, r, true));
        expand(r->value, sign, depth + 1, b);
        if (!r->no_comma)
            strbuf_addch(b, ',');
        if (r->comment)
            strbuf_addf(b, " // %s", r->comment);
    }
}

static void expand(const struct text *t, int mode, int depth, struct strbuf *b)
{
    if (t->kind == LINE) {
        strbuf_add(b, t->line);
    } else if (t->kind == WRAP) {
        strbuf_add(b, t->line);
        expand(t->value, mode, depth, b);
        strbuf_add(b, t->suffix);
    } else {
        if (is_plain(t))
            expand_plain(t, mode, depth, b);
        else
            expand_list(t, mode, depth, b);
        strbuf_addch(b, '\n');
        indent(b, mode, depth);
    }
}

struct str go_diff(struct arena *a, const struct schema *s, const char *type, const struct json *x, const struct json *y)
{
    struct go_value *vx = go_value_of(a, s, type, x), *vy = go_value_of(a, s, type, y);
    struct style style = { .a = a };
    struct strbuf b;
    if (!vx || !vy)
        return STR("");
    struct pair *p = compare(a, vx, vy);
    if (p->differ == 0)
        return STR("");
    struct text *t = compact(a, format_diff(style, p), EITHER);
    strbuf_init(&b, 1 << 20);
    indent(&b, EITHER, 0);
    expand(t, EITHER, 0, &b);
    strbuf_addch(&b, '\n');
    struct str out = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return out;
}
