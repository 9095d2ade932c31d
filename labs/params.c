/* labs/params.c - parameters: declared, drawn, and put into texts. params.h says what they are.
 *
 * A draw is HMAC-SHA256(seed, "parameter", a zero byte, name), its first 64 bits scaled to the number of values: it depends on
 * the seed and the name alone.
 */
#include "labs/params.h"
#include "sim/pki/pki.h"

#include <ctype.h>
#include <math.h>

enum { MAX_PARAMS = 64, MAX_CHOICES = 1000, MAX_VALUES = 1000000, MAX_NAME = 63, MAX_VALUE_BYTES = 65536 };

/* ---- declared ---- */
static bool is_name(struct str s)
{
    if (!s.n || s.n > MAX_NAME || !isalpha((unsigned char)s.p[0]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '_')
            return false;
    return true;
}

static bool is_number(const struct json *j) { return json_is(j, JSON_INT) || json_is(j, JSON_FLOAT); }

const struct param *params_find(const struct param *list, struct str name)
{
    for (; list; list = list->next)
        if (str_eqc(name, list->name))
            return list;
    return NULL;
}

struct range_doc { struct json *from, *to, *step, *value; const char *jq; };
#define RANGE(f) offsetof(struct range_doc, f)
static const struct spec_field range_fields[] = {
    { "from", SPEC_ANY, RANGE(from), false }, { "to", SPEC_ANY, RANGE(to), false }, { "step", SPEC_ANY, RANGE(step), false },
    { "jq", SPEC_TEXT, RANGE(jq), false }, { "value", SPEC_ANY, RANGE(value), false },
};

static bool read_range(struct spec *s, const struct json *v, const struct range_doc *d, struct param *p)
{
    if (!is_number(d->from) || !is_number(d->to) || (d->step && !is_number(d->step)))
        return spec_fail(s, v, "from, to and step are numbers, and from and to are needed");
    double from = json_double(d->from, 0), step = d->step ? json_double(d->step, 1) : 1;
    double count = step > 0 ? floor((json_double(d->to, 0) - from) / step + 1e-9) + 1 : 0;
    if (!(count >= 1 && count <= MAX_VALUES))
        return spec_fail(s, v, "from, to and step have to give between 1 and %d values", MAX_VALUES);
    p->kind = PARAM_RANGE;
    p->from = d->from;
    p->to = json_double(d->to, 0);
    p->step = d->step ? d->step : json_new_int(s->a, 1);
    p->count = (int64_t)count;
    return true;
}

static bool read_choices(struct spec *s, const struct json *v, struct param *p)
{
    if (!json_len(v) || json_len(v) > MAX_CHOICES)
        return spec_fail(s, v, "%s has between 1 and %d choices", p->name, MAX_CHOICES);
    p->kind = PARAM_CHOICE;
    p->choices = v;
    return true;
}

static bool read_one(struct spec *s, const struct json *v, struct param *p)
{
    struct range_doc d = { 0 };
    if (json_is(v, JSON_ARRAY))
        return read_choices(s, v, p);
    if (!json_is(v, JSON_OBJECT))
        return spec_fail(s, v, "%s is a list of choices, {from, to, step}, {jq: EXPRESSION} or {value: X}", p->name);
    if (!spec_read(s, v, "a parameter", range_fields, ARRAY_LEN(range_fields), &d))
        return false;
    if ((d.from || d.to || d.step ? 1 : 0) + (d.jq ? 1 : 0) + (d.value ? 1 : 0) != 1)
        return spec_fail(s, v, "%s is one of {from, to, step}, {jq: EXPRESSION} and {value: X}", p->name);
    p->jq = d.jq;
    p->value = d.value;
    p->kind = d.jq ? PARAM_JQ : PARAM_VALUE;
    return !d.from && !d.to && !d.step ? true : read_range(s, v, &d, p);
}

static void put_param(struct param *p, struct param **list)
{
    struct param **at = list;
    while (*at && strcmp((*at)->name, p->name) != 0)
        at = &(*at)->next;
    p->next = *at ? (*at)->next : NULL;
    *at = p;
}

static bool read_mapping(struct spec *s, const struct json *mapping, bool grid, struct param **list)
{
    if (!mapping)
        return true;
    if (!json_is(mapping, JSON_OBJECT))
        return spec_fail(s, mapping, "%s is a mapping of names to values", grid ? "grid" : "parameters");
    if (json_len(mapping) > MAX_PARAMS)
        return spec_fail(s, mapping, "there are at most %d of them", MAX_PARAMS);
    for (const struct json *v = json_first(mapping); v; v = json_next(v)) {
        struct yaml_mark at = yaml_key_mark(s->marks, v);
        if (!is_name(json_key(v)))
            return spec_fail_key(s, v, "\"" STR_FMT "\" is no parameter's name: letters, digits and _, a letter first",
                                 STR_ARG(json_key(v)));
        if (grid && !json_is(v, JSON_ARRAY))
            return spec_fail(s, v, "a grid has a list of values for each name");
        struct param *p = ARENA_NEW(s->a, struct param);
        *p = (struct param){ .name = arena_cstr(s->a, json_key(v)), .file = s->file, .line = at.line, .column = at.column };
        if (!read_one(s, v, p))
            return false;
        put_param(p, list);
    }
    return true;
}

bool params_read(struct spec *s, const struct json *mapping, struct param **list) { return read_mapping(s, mapping, false, list); }
bool params_read_grid(struct spec *s, const struct json *mapping, struct param **list) { return read_mapping(s, mapping, true, list); }

/* ---- drawn ---- */
/* A value as it stands in a text: strings without quotes, all else as JSON, which is YAML too. */
static struct str value_text(struct arena *a, const struct json *v) { return json_is(v, JSON_STRING) ? json_str(v) : json_text(a, v); }

static int64_t draw(const uint8_t seed[32], const char *name, int64_t count)
{
    uint8_t mac[32];
    uint64_t bits = 0;
    struct strbuf in;
    strbuf_init(&in, 256);
    strbuf_add(&in, (struct str){ "parameter", sizeof "parameter" });
    strbuf_addc(&in, name);
    hmac_sha256((struct str){ (const char *)seed, 32 }, strbuf_str(&in), mac);
    strbuf_deinit(&in);
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | mac[i];
    return (int64_t)(((unsigned __int128)bits * (uint64_t)count) >> 64);
}

static struct json *range_value(struct arena *a, const struct param *p, int64_t i)
{
    if (json_is(p->from, JSON_INT) && json_is(p->step, JSON_INT))
        return json_new_int(a, json_int(p->from, 0) + i * json_int(p->step, 1));
    return json_new_double(a, json_double(p->from, 0) + (double)i * json_double(p->step, 1));
}

/* All derived ones are compiled at once, in one child, and asked one after the other: each sees the values of those above it. */
struct deriver { struct predicate_set *set; size_t next; };

static bool fail_at(const struct param *p, struct err *err, const char *what)
{
    return err_set(err, ERR_PARSE, "%s:%u:%u: %s cannot be derived: %s", p->file, p->line, p->column, p->name, what);
}

static bool is_derived(const struct param *p, const struct json *set) { return p->kind == PARAM_JQ && !json_get(set, p->name); }

static bool compile(struct arena *a, const struct param *list, const struct json *set, struct deriver *d, struct err *err)
{
    const char *texts[MAX_PARAMS * 3];             /* a scenario's grid and its parameters, and its lab's */
    const struct param *of[ARRAY_LEN(texts)];
    struct err e = { 0 };
    size_t n = 0, wrong = 0;
    for (const struct param *p = list; p; p = p->next)
        if (is_derived(p, set) && n < ARRAY_LEN(texts)) {
            of[n] = p;
            texts[n++] = p->jq;
        }
    bool ok = !n || ((d->set = predicate_set_new(texts, n, NULL, &e)) && predicate_set_ready(d->set, &wrong, &e));
    if (!ok)
        fail_at(of[wrong], err, arena_strdup(a, e.msg));
    err_clear(&e);
    return ok;
}

static struct json *derive(struct arena *a, struct deriver *d, const struct param *p, struct json *values, struct err *err)
{
    struct str document = json_text(a, json_buildf(a, "{'clock':{'seconds':0},'params':%j}", json_copy(a, values)));
    struct predicate_result result = predicate_set_eval_one(d->set, a, document, d->next++);
    bool good = result.verdict == PREDICATE_TRUE || result.verdict == PREDICATE_FALSE;
    struct json *v = good ? json_parse(a, result.text, NULL) : NULL;
    if (!v)
        fail_at(p, err, result.text.n ? arena_cstr(a, result.text) : "its expression gives nothing");
    else if (json_is(v, JSON_NULL))
        fail_at(p, err, "its expression gives null. Does $params, which holds those declared above it, have what it asks for?");
    return v && !json_is(v, JSON_NULL) ? v : NULL;
}

/* A value given by hand: what is declared decides its type. */
static struct json *choose(struct arena *a, const struct param *p, const struct json *given, struct err *err)
{
    struct str text = value_text(a, given);
    struct json *v = json_is(given, JSON_STRING) ? yaml_parse(a, text, NULL) : json_copy(a, given);
    if (p->kind == PARAM_JQ)
        err_set(err, ERR_USAGE, "%s is derived from other parameters: set those", p->name);
    else if (p->kind == PARAM_RANGE && (!is_number(v) || json_double(v, 0) < json_double(p->from, 0) || json_double(v, 0) > p->to))
        err_set(err, ERR_USAGE, "%s is a number from %g to %g, not " STR_FMT, p->name, json_double(p->from, 0), p->to, STR_ARG(text));
    else if (p->kind != PARAM_CHOICE)
        return p->kind == PARAM_VALUE && (!v || json_is(p->value, JSON_STRING)) ? json_new_str(a, text) : v;
    for (const struct json *c = json_first(p->choices); c && p->kind == PARAM_CHOICE; c = json_next(c))
        if (json_equal(c, given) || str_eq(value_text(a, c), text))
            return json_copy(a, c);
    if (p->kind == PARAM_CHOICE)
        err_set(err, ERR_USAGE, "%s is one of " STR_FMT ", not " STR_FMT, p->name, STR_ARG(json_text(a, p->choices)), STR_ARG(text));
    return NULL;
}

static bool is_plain(struct arena *a, const struct json *v)
{
    struct str s = value_text(a, v);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ')
            return false;
    return s.n <= MAX_VALUE_BYTES;
}

static struct json *draw_one(struct arena *a, const struct param *p, const uint8_t seed[32])
{
    if (p->kind == PARAM_VALUE)
        return json_copy(a, p->value);
    if (p->kind == PARAM_RANGE)
        return range_value(a, p, draw(seed, p->name, p->count));
    return json_copy(a, json_at(p->choices, (size_t)draw(seed, p->name, (int64_t)json_len(p->choices))));
}

static bool draw_all(struct arena *a, const struct param *list, const uint8_t seed[32], const struct json *set, struct deriver *d,
                     struct json *values, struct err *err)
{
    for (const struct param *p = list; p; p = p->next) {
        const struct json *given = json_get(set, p->name);
        struct json *v = NULL;
        if (given)
            v = choose(a, p, given, err);
        else if (p->kind == PARAM_JQ)
            v = d->set ? derive(a, d, p, values, err) : json_null(a);
        else
            v = draw_one(a, p, seed);
        if (!v)
            return false;
        if (!is_plain(a, v))
            return err_set(err, ERR_PARSE, "%s:%u:%u: the value of %s is longer than %d bytes or has more than one line", p->file,
                           p->line,
                           p->column, p->name, MAX_VALUE_BYTES);
        json_set(a, values, p->name, v);
    }
    return true;
}

bool params_draw(struct arena *a, bool evaluate, const struct param *list, const uint8_t seed[32], const struct json *set,
                 struct json **values, struct err *err)
{
    struct deriver d = { 0 };
    *values = json_new_object(a);
    for (const struct json *g = json_first(set); g; g = json_next(g))
        if (!params_find(list, json_key(g)))
            return err_set(err, ERR_USAGE, "no parameter is called \"" STR_FMT "\"", STR_ARG(json_key(g)));
    bool ok = (!evaluate || compile(a, list, set, &d, err)) && draw_all(a, list, seed, set, &d, *values, err);
    predicate_set_free(d.set);
    return ok;
}

bool params_set(struct arena *a, struct json *set, const char *assignment, struct err *err)
{
    struct str name, value;
    if (!str_cut(str_c(assignment), '=', &name, &value) || !is_name(name))
        return err_set(err, ERR_USAGE, "a parameter is set as name=value, not as \"%s\"", assignment);
    json_setn(a, set, name, json_new_str(a, value));
    return true;
}

/* ---- in texts ---- */
/* From `${` on: the length up to and with its brace; 0: it has none in its line. */
static size_t reference(struct str at, struct str *name)
{
    for (size_t i = 2; i < at.n && at.p[i] != '\n'; i++)
        if (at.p[i] == '}') {
            *name = str_sub(at, 2, i);
            return i + 1;
        }
    return 0;
}

struct replacer { struct arena *a; const char *file; struct strbuf out; unsigned line, column; struct param_shift **tail; };

static void note_shift(struct replacer *r, size_t was, size_t is)
{
    if (was == is || !r->tail)
        return;
    struct param_shift *sh = ARENA_NEW(r->a, struct param_shift);
    *sh = (struct param_shift){ .line = r->line, .after = r->column, .by = (int)is - (int)was };
    *r->tail = sh;
    r->tail = &sh->next;
}

/* At a `${` : put the value in. */
static bool replace_one(struct replacer *r, struct str at, const struct json *values, size_t *used, struct err *err)
{
    struct str name = STR_NULL;
    *used = reference(at, &name);
    const struct json *v = *used ? json_getn(values, name) : NULL;
    if (!*used)
        return err_set(err, ERR_PARSE, "%s:%u:%u: this ${ has no closing brace in its line; $${ is the text itself", r->file,
                       r->line, r->column);
    if (!v)
        return err_set(err, ERR_PARSE, "%s:%u:%u: no parameter is called \"" STR_FMT "\"; $${ is the text itself", r->file,
                       r->line, r->column,
                       STR_ARG(str_sub(name, 0, 80)));
    struct str text = value_text(r->a, v);
    strbuf_add(&r->out, text);
    note_shift(r, *used, text.n);
    return true;
}

bool params_replace(struct arena *a, const char *file, struct str text, const struct json *values, struct str *out,
                    struct param_shift **shifts,
                    struct err *err)
{
    struct replacer r = { .a = a, .file = file, .line = 1, .column = 1, .tail = shifts };
    bool ok = true;
    if (shifts)
        *shifts = NULL;
    strbuf_init(&r.out, LIMIT_YAML_BYTES);
    for (size_t i = 0; i < text.n && ok;) {
        struct str at = str_sub(text, i, text.n);
        size_t used = 1;
        if (str_starts(at, "$${")) {
            strbuf_addc(&r.out, "${");
            used = 3;
            note_shift(&r, 3, 2);
        } else if (str_starts(at, "${")) {
            ok = replace_one(&r, at, values, &used, err);
        } else {
            strbuf_addch(&r.out, at.p[0]);
        }
        r.column = at.p[0] == '\n' ? 1 : r.column + (unsigned)used;
        r.line += at.p[0] == '\n';
        i += used;
    }
    if (ok && r.out.overflow)
        ok = err_set(err, ERR_PARSE, "%s:1:1: with its values put in it is longer than %u bytes", file, (unsigned)LIMIT_YAML_BYTES);
    if (ok)
        *out = arena_str(a, strbuf_str(&r.out));
    strbuf_deinit(&r.out);
    return ok;
}

unsigned params_column(const struct param_shift *shifts, unsigned line, unsigned column)
{
    int by = 0;                        /* what the shifts before it on its line come to */
    for (; shifts && shifts->line <= line; shifts = shifts->next)
        if (shifts->line == line && (int)column > (int)shifts->after + by)
            by += shifts->by;
    return (int)column - by > 0 ? (unsigned)((int)column - by) : column;
}

struct str params_mask(struct arena *a, struct str text)
{
    char *p = arena_cstr(a, text);
    for (size_t i = 0; i + 1 < text.n; i++) {
        struct str at = { p + i, text.n - i }, name;
        size_t n = str_starts(at, "$${") ? 3 : str_starts(at, "${") ? reference(at, &name) : 0;
        if (!n)
            continue;
        memset(p + i, '_', n);
        i += n - 1;
    }
    return (struct str){ p, text.n };
}

struct json *params_head(struct spec *s, struct arena *a, const char *file, struct str text, struct err *err)
{
    return spec_open(s, a, file, params_mask(a, text), err);
}

struct json *params_body(struct spec *s, struct arena *a, const char *file, struct str text, const struct param *list,
                         const struct json *values,
                         struct err *err)
{
    struct param_shift *shifts = NULL;
    if (list && !params_replace(a, file, text, values, &text, &shifts, err))
        return NULL;
    struct json *j = spec_open(s, a, file, text, err);
    s->shifts = shifts;
    return j;
}

int64_t params_variant(struct str key, const char *student, const char *lab)
{
    uint8_t mac[32];
    uint64_t bits = 0;
    struct strbuf in;
    strbuf_init(&in, 8192);
    strbuf_add(&in, (struct str){ student, strlen(student) + 1 });
    strbuf_addc(&in, lab);
    hmac_sha256(key, strbuf_str(&in), mac);
    strbuf_deinit(&in);
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | mac[i];
    return (int64_t)(bits >> 1);
}
