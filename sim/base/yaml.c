/* sim/base/yaml.c - YAML text to JSON trees, as kubectl and the components read it.
 *
 * Models sigs.k8s.io/yaml (yaml.go, YAMLToJSON) on top of go-yaml v2 (resolve.go, decode.go): YAML 1.1's notion of
 * plain scalars, so that `yes` is a boolean, 0777 is octal and `on:` as a key reads "true", as those who have met it
 * remember. go-yaml is a translation of libyaml, which reads the text here; errors therefore carry the same words and
 * lines. Timestamps stay strings, as go-yaml v2 leaves them.
 *
 * Simplified: keys keep the order of the text (Go sorts them by passing through a map); integers above int64 become doubles. An
 * alias is a copy of what it stands for; the copies of one document are bounded, so that a "billion laughs" text is refused.
 */
#include "sim/base/json_priv.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define TAG "tag:yaml.org,2002:"
static const char TAG_STR[] = TAG "str", TAG_INT[] = TAG "int", TAG_FLOAT[] = TAG "float", TAG_BOOL[] = TAG "bool",
                  TAG_NULL[] = TAG "null", TAG_TIMESTAMP[] = TAG "timestamp", TAG_BINARY[] = TAG "binary",
                  TAG_MERGE[] = TAG "merge";

struct anchor {
    struct anchor *older;
    const char    *name;
    struct json   *node;
    bool           open;                           /* its end has not been read: an alias here would contain itself */
};

struct yaml_marks {
    struct marked { const struct json *node; struct yaml_mark at, key; } *v;
    size_t           n, cap;
    struct yaml_mark wrong;                        /* where reading ended */
};

struct reader {
    struct arena  *a;
    struct err    *err;
    struct yaml_marks *marks;                      /* NULL: nobody wants to know */
    struct anchor *anchors;                        /* of this document, the latest first */
    size_t         copied_bytes;                   /* by aliases, in this document */
    unsigned       depth;
    yaml_parser_t  parser;
    yaml_event_t   ev;                             /* the current event */
};

static struct json *read_node(struct reader *r);

static struct yaml_mark mark_make(const yaml_mark_t *m)
{
    return (struct yaml_mark){ (unsigned)m->line + 1, (unsigned)m->column + 1 };
}

PRINTF(2, 3) static struct json *fail(struct reader *r, const char *fmt, ...)
{
    char what[1024];
    va_list ap;
    if (r->marks)
        r->marks->wrong = mark_make(&r->ev.start_mark);
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    err_set(r->err, ERR_PARSE, "error converting YAML to JSON: %s", what);
    return NULL;
}

/* What is no text at all has no place among its lines but the one of its byte. */
static struct yaml_mark mark_of_byte(const yaml_parser_t *p)
{
    const unsigned char *text = p->input.string.start;
    struct yaml_mark m = { 1, 1 };
    for (size_t i = 0; i < p->problem_offset && text + i < p->input.string.end; i++) {
        m.column = text[i] == '\n' ? 1 : m.column + 1;
        m.line += text[i] == '\n';
    }
    return m;
}

/* go-yaml's parser.fail: which line is named, and when none is. */
static bool fail_syntax(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "unknown problem parsing YAML content";
    size_t line = p->problem_mark.line;
    ASSERT(p->error != YAML_MEMORY_ERROR);
    if (line && p->error == YAML_SCANNER_ERROR)
        line++;
    else if (!line)
        line = p->context_mark.line;
    if (line)
        fail(r, "yaml: line %zu: %s", line, problem);
    else
        fail(r, "yaml: %s", problem);
    if (r->marks)
        r->marks->wrong = p->error == YAML_READER_ERROR ? mark_of_byte(p) : mark_make(&p->problem_mark);
    return false;
}

static bool next_event(struct reader *r)
{
    yaml_event_delete(&r->ev);
    return yaml_parser_parse(&r->parser, &r->ev) || fail_syntax(r);
}

/* ---- plain scalars: go-yaml's resolve.go ---- */

enum word { WORD_TRUE, WORD_FALSE, WORD_NULL, WORD_NOT_FINITE };
static const struct { const char *text; enum word word; } words[] = {
    { "y", WORD_TRUE },
    { "Y", WORD_TRUE },
    { "yes", WORD_TRUE },
    { "Yes", WORD_TRUE },
    { "YES", WORD_TRUE },
    { "true", WORD_TRUE },
    { "True", WORD_TRUE },
    { "TRUE", WORD_TRUE },
    { "on", WORD_TRUE },
    { "On", WORD_TRUE },
    { "ON", WORD_TRUE },
    { "n", WORD_FALSE },
    { "N", WORD_FALSE },
    { "no", WORD_FALSE },
    { "No", WORD_FALSE },
    { "NO", WORD_FALSE },
    { "false", WORD_FALSE },
    { "False", WORD_FALSE },
    { "FALSE", WORD_FALSE },
    { "off", WORD_FALSE },
    { "Off", WORD_FALSE },
    { "OFF", WORD_FALSE },
    { "", WORD_NULL },
    { "~", WORD_NULL },
    { "null", WORD_NULL },
    { "Null", WORD_NULL },
    { "NULL", WORD_NULL },
    { ".nan", WORD_NOT_FINITE },
    { ".NaN", WORD_NOT_FINITE },
    { ".NAN", WORD_NOT_FINITE },
    { ".inf", WORD_NOT_FINITE },
    { ".Inf", WORD_NOT_FINITE },
    { ".INF", WORD_NOT_FINITE },
    { "+.inf", WORD_NOT_FINITE },
    { "+.Inf", WORD_NOT_FINITE },
    { "+.INF", WORD_NOT_FINITE },
    { "-.inf", WORD_NOT_FINITE },
    { "-.Inf", WORD_NOT_FINITE },
    { "-.INF", WORD_NOT_FINITE },
};

static unsigned digits(const char **p)
{
    const char *start = *p;
    while (**p >= '0' && **p <= '9')
        ++*p;
    return (unsigned)(*p - start);
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool looks_like_float(const char *p)
{
    if (*p == '-' || *p == '+')
        p++;
    unsigned whole = digits(&p);
    if (*p == '.') {
        p++;
        if (!digits(&p) && !whole)
            return false;
    } else if (!whole) {
        return false;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '-' || *p == '+')
            p++;
        if (!digits(&p))
            return false;
    }
    return *p == '\0';
}

/* strconv.ParseInt(s, 0, 64), or ParseUint, whose values above int64 have to become doubles. */
static struct json *parse_integer(struct arena *a, const char *s)
{
    bool sign = *s == '-' || *s == '+', negative = *s == '-';
    unsigned base = 10;
    uint64_t v = 0;
    s += sign;
    if (s[0] == '0' && s[1]) {
        char kind = (char)(s[1] | 0x20);
        base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
        s += kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1;
    }
    if (!*s)
        return NULL;
    for (; *s; s++) {
        unsigned d = *s >= '0' && *s <= '9'                     ? (unsigned)(*s - '0')
                     : (*s | 0x20) >= 'a' && (*s | 0x20) <= 'f' ? (unsigned)((*s | 0x20) - 'a' + 10)
                                                                : 99;
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return NULL;
    }
    if (v <= (uint64_t)INT64_MAX)
        return json_new_int(a, negative ? -(int64_t)v : (int64_t)v);
    if (negative && v == (uint64_t)INT64_MAX + 1)
        return json_new_int(a, INT64_MIN);
    return sign ? NULL : json_new_double(a, (double)v);
}

static struct json *parse_float(struct arena *a, const char *s)
{
    if (!looks_like_float(s))
        return NULL;
    double v = strtod(s, NULL);
    return isfinite(v) ? json_new_double(a, v) : NULL;     /* out of range stays a string */
}

static struct json *parse_number(struct arena *a, struct str s)
{
    if (s.p[0] == '.')
        return parse_float(a, s.p);
    if (!strchr("+-0123456789", s.p[0]))
        return NULL;
    char *plain = arena_alloc(a, s.n + 1), *o = plain;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '_')
            *o++ = s.p[i];
    }
    *o = '\0';
    if (strlen(plain) != (size_t)(o - plain))
        return NULL;                               /* a NUL byte inside */
    struct json *j = parse_integer(a, plain);
    return j ? j : parse_float(a, plain);
}

static struct json *resolve_word(struct reader *r, struct str s, bool *found)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_eqc(s, words[i].text))
            continue;
        *found = true;
        switch (words[i].word) {
        case WORD_TRUE:       return json_new_bool(r->a, true);
        case WORD_FALSE:      return json_new_bool(r->a, false);
        case WORD_NULL:       return json_null(r->a);
        case WORD_NOT_FINITE:
            return fail(r, "json: unsupported value: %s", str_eqi(s, STR(".nan")) ? "NaN" : s.p[0] == '-' ? "-Inf" : "+Inf");
        }
    }
    *found = false;
    return NULL;
}

static const char *tag_of(const struct json *j)
{
    static const char *const tags[] = {
        [JSON_NULL] = TAG_NULL,  [JSON_BOOL] = TAG_BOOL, [JSON_INT] = TAG_INT, [JSON_FLOAT] = TAG_FLOAT,
        [JSON_STRING] = TAG_STR, [JSON_ARRAY] = "",      [JSON_OBJECT] = ""
    };
    return tags[json_type(j)];
}

/* `want` is an explicit tag or NULL; a value of another type is an error, except that an integer may be asked for as a float. */
static struct json *check_tag(struct reader *r, const char *want, struct json *j, struct str text)
{
    if (!want || strcmp(want, tag_of(j)) == 0)
        return j;
    if (strcmp(want, TAG_FLOAT) == 0 && json_is(j, JSON_INT))
        return json_new_double(r->a, json_double(j, 0));
    if (strcmp(want, TAG_TIMESTAMP) == 0 && json_is(j, JSON_STRING) && text.n > 4 && text.p[4] == '-')
        return j;
    return fail(r, "yaml: cannot decode !!%s `" STR_FMT "` as a !!%s", tag_of(j) + strlen(TAG), STR_ARG(text),
                want + strlen(TAG));
}

/* Bytes that are not UTF-8 leave Go's JSON encoder as U+FFFD. */
static struct json *utf8_string(struct arena *a, struct str bytes)
{
    if (utf8_valid(bytes))
        return json_new_str(a, bytes);
    struct strbuf quoted;
    strbuf_init(&quoted, LIMIT_YAML_BYTES * 7ul);  /* an escape is six characters at most */
    json_write_string(&quoted, bytes);
    struct json *j = json_parse(a, strbuf_str(&quoted), NULL);
    strbuf_deinit(&quoted);
    ASSERT(j);
    return j;
}

static struct json *resolve(struct reader *r, const char *tag, struct str text)
{
    static const char *const resolvable[] = { TAG_BOOL, TAG_INT, TAG_FLOAT, TAG_NULL, TAG_TIMESTAMP };
    bool known = !tag, found;
    struct str bytes;
    if (tag && strcmp(tag, TAG_BINARY) == 0) {
        if (!base64_decode(r->a, text, &bytes))
            return fail(r, "yaml: !!binary value contains invalid base64 data");
        return utf8_string(r->a, bytes);
    }
    for (size_t i = 0; !known && i < ARRAY_LEN(resolvable); i++)
        known = strcmp(tag, resolvable[i]) == 0;
    if (!known)                                    /* !!str, and tags of somebody's own */
        return json_new_str(r->a, text);
    struct json *j = resolve_word(r, text, &found);
    if (found)
        return j ? check_tag(r, tag, j, text) : NULL;
    j = parse_number(r->a, text);
    return check_tag(r, tag, j ? j : json_new_str(r->a, text), text);
}

static struct str event_text(const struct reader *r)
{
    return (struct str){ (const char *)r->ev.data.scalar.value, r->ev.data.scalar.length };
}

static struct json *read_scalar(struct reader *r)
{
    const char *tag = (const char *)r->ev.data.scalar.tag;
    if (!tag && !r->ev.data.scalar.plain_implicit)
        return json_new_str(r->a, event_text(r)); /* quoted, or a block */
    return resolve(r, tag, event_text(r));
}

/* ---- anchors and aliases ---- */

static struct anchor *anchor_begin(struct reader *r, const yaml_char_t *name)
{
    if (!name)
        return NULL;
    struct anchor *an = ARENA_NEW(r->a, struct anchor);
    *an = (struct anchor){ .older = r->anchors, .name = arena_strdup(r->a, (const char *)name), .open = true };
    r->anchors = an;
    return an;
}

static struct json *anchor_end(struct anchor *an, struct json *node)
{
    if (an) {
        an->node = node;
        an->open = false;
    }
    return node;
}

/* Counts what a copy costs, and refuses what would be too much or too deep. */
static bool afford(struct reader *r, const struct json *j, unsigned depth)
{
    r->copied_bytes += sizeof *j + j->key_len + j->str_len;
    if (r->copied_bytes > LIMIT_YAML_BYTES || depth > LIMIT_JSON_DEPTH)
        return fail(r, "yaml: document contains excessive aliasing");
    for (const struct json *c = json_first(j); c; c = json_next(c)) {
        if (!afford(r, c, depth + 1))
            return false;
    }
    return true;
}

static struct json *read_alias(struct reader *r)
{
    const char *name = (const char *)r->ev.data.alias.anchor;
    const struct anchor *an = r->anchors;
    while (an && strcmp(an->name, name) != 0)
        an = an->older;
    if (!an)
        return fail(r, "yaml: unknown anchor '%s' referenced", name);
    if (an->open)
        return fail(r, "yaml: anchor '%s' value contains itself", name);
    return afford(r, an->node, r->depth) ? json_copy(r->a, an->node) : NULL;
}

/* ---- mappings ---- */

/* strconv.FormatFloat(v, 'g', -1, 32), which is how sigs.k8s.io/yaml writes a float that is a key. */
static struct str float_key(struct arena *a, double v)
{
    char text[48];
    float f = (float)v, back;
    int n = 0;
    if (isinf(f))
        return f > 0 ? STR(".inf") : STR("-.inf");
    do {
        snprintf(text, sizeof text, "%.*e", n++, (double)f);
        back = strtof(text, NULL);
    } while ((back < f || back > f) && n < 10);
    int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent >= -4 && exponent < 6)            /* Go's bounds for the plain notation */
        return arena_strf(a, "%.*f", n - 1 > exponent ? n - 1 - exponent : 0, (double)f);
    return arena_str(a, str_c(text));
}

/* A value in Go's %#v notation: how an error shows what was found. People meet it with `{{ .Values.x }}` left in a manifest. */
static void go_syntax(struct strbuf *out, const struct json *j)
{
    switch (json_type(j)) {
    case JSON_NULL:   strbuf_addc(out, "interface {}(nil)"); return;
    case JSON_BOOL:
    case JSON_INT:
    case JSON_FLOAT:
    case JSON_STRING: json_write(out, j, JSON_NO_HTML_ESCAPE); return;
    case JSON_ARRAY:  strbuf_addc(out, "[]interface {}{"); break;
    case JSON_OBJECT: strbuf_addc(out, "map[interface {}]interface {}{"); break;
    }
    for (const struct json *c = json_first(j); c; c = json_next(c)) {
        if (json_type(j) == JSON_OBJECT) {
            json_write_string(out, json_key(c));
            strbuf_addch(out, ':');
        }
        go_syntax(out, c);
        if (json_next(c))
            strbuf_addc(out, ", ");
    }
    strbuf_addch(out, '}');
}

static bool fail_with_value(struct reader *r, const char *what, const struct json *j)
{
    struct strbuf text;
    strbuf_init(&text, 512);
    go_syntax(&text, j);
    fail(r, "%s%s", what, text.p);
    strbuf_deinit(&text);
    return false;
}

/* A key of any scalar type but null becomes a string. */
static bool key_text(struct reader *r, const struct json *key, struct str *out)
{
    switch (json_type(key)) {
    case JSON_STRING: *out = json_str(key); return true;
    case JSON_INT:    *out = arena_strf(r->a, "%" PRId64, json_int(key, 0)); return true;
    case JSON_FLOAT:  *out = float_key(r->a, json_double(key, 0)); return true;
    case JSON_BOOL:   *out = json_bool(key, false) ? STR("true") : STR("false"); return true;
    case JSON_NULL:   *out = STR_NULL; return true;        /* refused by the caller, with the value */
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return fail_with_value(r, "yaml: invalid map key: ", key);
}

static bool is_merge(const struct reader *r)
{
    const char *tag = (const char *)r->ev.data.scalar.tag;
    return r->ev.type == YAML_SCALAR_EVENT && str_eqc(event_text(r), "<<") &&
           (r->ev.data.scalar.plain_implicit || (tag && strcmp(tag, TAG_MERGE) == 0));
}

static size_t move_children(struct json *to, struct json *from)
{
    size_t count = 0;
    for (struct json *c; (c = json_first(from)); count++) {
        cJSON_DetachItemViaPointer(&from->c, &c->c);
        c->c.next = c->c.prev = NULL;
        json_node_link(to, c);
    }
    return count;
}

/* The value of `<<`: a mapping or several, the earlier one preferred. As in go-yaml v2, keys written above a `<<` give
 * way to it. */
static bool merge(struct reader *r, struct json *obj, size_t *count)
{
    static const char want[] = "yaml: map merge requires map or sequence of maps as the value";
    bool inline_list = next_event(r) && r->ev.type == YAML_SEQUENCE_START_EVENT;
    if (r->ev.type == YAML_NO_EVENT)
        return false;
    struct json *val = read_node(r);
    if (!val)
        return false;
    if (json_is(val, JSON_OBJECT)) {
        *count += move_children(obj, val);
        return true;
    }
    if (!inline_list)
        return fail(r, "%s", want);
    while (json_len(val) > 0) {
        struct json *last = json_remove_at(val, json_len(val) - 1);
        if (!json_is(last, JSON_OBJECT))
            return fail(r, "%s", want);
        *count += move_children(obj, last);
    }
    return true;
}

static void mark_add(struct reader *r, const struct json *node, struct yaml_mark at)
{
    struct yaml_marks *m = r->marks;
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 64;
        m->v = arena_realloc(r->a, m->v, m->cap * sizeof *m->v, cap * sizeof *m->v);
        m->cap = cap;
    }
    m->v[m->n++] = (struct marked){ .node = node, .at = at };
}

/* lines: of the keys that were read before, or NULL. Who wants to know where things stand writes by hand, and means one of the two. */
static bool is_new(struct reader *r, struct map *lines, struct str key, struct yaml_mark at)
{
    uintptr_t before = lines ? (uintptr_t)map_put(lines, key, (void *)(uintptr_t)at.line) : 0;
    if (!before)
        return true;
    fail(r, "yaml: \"" STR_FMT "\" stands in line %zu already", STR_ARG(key), (size_t)before);
    r->marks->wrong = at;
    return false;
}

static bool read_entry(struct reader *r, struct json *obj, struct map *lines)
{
    struct yaml_mark key_at = mark_make(&r->ev.start_mark);
    struct json *k = read_node(r);
    struct str key;
    if (!k || !key_text(r, k, &key) || !is_new(r, lines, key, key_at) || !next_event(r))
        return false;
    struct json *val = read_node(r);
    if (!val)
        return false;
    if (r->marks)
        r->marks->v[r->marks->n - 1].key = key_at;         /* a node is marked when its end has been read */
    if (json_is(k, JSON_NULL))
        return fail_with_value(r, "Unsupported map key of type: %!s(<nil>), key: <nil>, value: ", val);
    json_node_set_key(r->a, val, key);
    json_node_link(obj, val);
    return true;
}

static struct json *read_mapping(struct reader *r)
{
    struct json *obj = json_new_object(r->a);
    struct map *lines = r->marks ? map_new() : NULL;
    size_t count = 0;
    bool ok;
    while ((ok = next_event(r)) && r->ev.type != YAML_MAPPING_END_EVENT) {
        ok = is_merge(r) ? merge(r, obj, &count) : read_entry(r, obj, lines);
        if (!ok)
            break;
        count++;
    }
    map_free(lines, NULL);
    if (!ok)
        return NULL;
    json_node_drop_duplicates(obj, count);
    return obj;
}

static struct json *read_sequence(struct reader *r)
{
    struct json *arr = json_new_array(r->a);
    for (;;) {
        if (!next_event(r))
            return NULL;
        if (r->ev.type == YAML_SEQUENCE_END_EVENT)
            return arr;
        struct json *val = read_node(r);
        if (!val)
            return NULL;
        json_append(arr, val);
    }
}

static struct json *read_unmarked(struct reader *r)
{
    struct anchor *an;
    struct json *j;
    switch (r->ev.type) {
    case YAML_ALIAS_EVENT:
        return read_alias(r);
    case YAML_SCALAR_EVENT:
        an = anchor_begin(r, r->ev.data.scalar.anchor);
        return anchor_end(an, read_scalar(r));
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        if (r->depth >= LIMIT_JSON_DEPTH)
            return fail(r, "yaml: exceeded max depth of %d", LIMIT_JSON_DEPTH);
        r->depth++;
        bool map = r->ev.type == YAML_MAPPING_START_EVENT;
        an = anchor_begin(r, map ? r->ev.data.mapping_start.anchor : r->ev.data.sequence_start.anchor);
        j = map ? read_mapping(r) : read_sequence(r);
        r->depth--;
        return anchor_end(an, j);
    default:
        break;
    }
    ASSERT(!"an event that begins no node");
    return NULL;
}

/* The node that begins with the current event; afterwards the current event is its last. */
static struct json *read_node(struct reader *r)
{
    struct yaml_mark at = mark_make(&r->ev.start_mark);
    struct json *j = read_unmarked(r);
    if (j && r->marks)
        mark_add(r, j, at);
    return j;
}

/* ---- documents ---- */

/* False on error. *doc is NULL when the stream has no further document. */
static bool read_document(struct reader *r, struct json **doc)
{
    *doc = NULL;
    do {
        if (!next_event(r))
            return false;
    } while (r->ev.type == YAML_STREAM_START_EVENT);
    if (r->ev.type == YAML_STREAM_END_EVENT)
        return true;
    ASSERT(r->ev.type == YAML_DOCUMENT_START_EVENT);
    r->anchors = NULL;
    r->copied_bytes = 0;
    if (!next_event(r))
        return false;
    struct json *j = read_node(r);
    if (!j && r->parser.error == YAML_NO_ERROR) {
        /* Go reads the whole document first: a syntax error further down is the one it reports */
        while (next_event(r) && r->ev.type != YAML_DOCUMENT_END_EVENT)
            continue;
    }
    if (!j || !next_event(r))                      /* the end of the document */
        return false;
    *doc = j;
    return true;
}

static bool reader_open(struct reader *r, struct arena *a, struct str text, struct err *err)
{
    *r = (struct reader){ .a = a, .err = err };
    if (text.n > LIMIT_YAML_BYTES)
        return err_set(err, ERR_TOO_LARGE, "error converting YAML to JSON: yaml: the text is longer than %d bytes",
                       LIMIT_YAML_BYTES);
    ASSERT(yaml_parser_initialize(&r->parser));
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    return true;
}

static void reader_close(struct reader *r)
{
    yaml_event_delete(&r->ev);
    yaml_parser_delete(&r->parser);
}

/* After the first document: no other may follow. Empty ones are let pass, and so is what begins no document, since Go
 * never reads it. */
static bool single(struct reader *r)
{
    struct err *err = r->err;
    for (;;) {
        r->err = NULL;
        bool more = next_event(r) && r->ev.type == YAML_DOCUMENT_START_EVENT;
        r->err = err;
        if (!more)
            return true;
        struct json *j = next_event(r) ? read_node(r) : NULL;
        if (!j)
            return false;
        if (!json_is(j, JSON_NULL))
            return fail(r, "yaml: expected a single document in the stream");
        if (!next_event(r))
            return false;
    }
}

static struct json *parse_one(struct arena *a, struct str text, struct yaml_marks *marks, struct err *err)
{
    struct reader r;
    struct json *doc;
    if (!reader_open(&r, a, text, err))
        return NULL;
    r.marks = marks;
    bool ok = read_document(&r, &doc) && (!doc || single(&r));
    reader_close(&r);
    if (!ok)
        return NULL;
    return doc ? doc : json_null(a);
}

struct json *yaml_parse(struct arena *a, struct str text, struct err *err) { return parse_one(a, text, NULL, err); }

struct json *yaml_parse_marked(struct arena *a, struct str text, const struct yaml_marks **marks, struct err *err)
{
    struct yaml_marks *m = ARENA_NEW(a, struct yaml_marks);
    *marks = m;
    return parse_one(a, text, m, err);
}

static const struct marked *marked_find(const struct yaml_marks *marks, const struct json *node)
{
    for (size_t i = 0; node && marks && i < marks->n; i++)
        if (marks->v[i].node == node)
            return &marks->v[i];
    return NULL;
}

struct yaml_mark yaml_mark(const struct yaml_marks *marks, const struct json *node)
{
    const struct marked *found = marked_find(marks, node);
    return found ? found->at : (struct yaml_mark){ 0, 0 };
}

struct yaml_mark yaml_key_mark(const struct yaml_marks *marks, const struct json *node)
{
    const struct marked *found = marked_find(marks, node);
    return !found ? (struct yaml_mark){ 0, 0 } : found->key.line ? found->key : found->at;
}

struct yaml_mark yaml_wrong(const struct yaml_marks *marks) { return marks->wrong; }

static bool parse_all(struct arena *a, struct str text, struct yaml_marks *marks, struct json **docs_array, struct err *err)
{
    struct reader r;
    struct json *doc, *docs = json_new_array(a);
    if (!reader_open(&r, a, text, err))
        return false;
    r.marks = marks;
    bool ok;
    while ((ok = read_document(&r, &doc)) && doc) {
        if (!json_is(doc, JSON_NULL))
            json_append(docs, doc);
    }
    reader_close(&r);
    if (ok)
        *docs_array = docs;
    return ok;
}

bool yaml_parse_all(struct arena *a, struct str text, struct json **docs_array, struct err *err)
{
    return parse_all(a, text, NULL, docs_array, err);
}

bool yaml_parse_all_marked(struct arena *a, struct str text, const struct yaml_marks **marks, struct json **docs_array,
                           struct err *err)
{
    struct yaml_marks *m = ARENA_NEW(a, struct yaml_marks);
    *marks = m;
    return parse_all(a, text, m, docs_array, err);
}
