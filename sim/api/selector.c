/* sim/api/selector.c - which labels are meant: "app=web1,tier in (a,b),!legacy", metav1.LabelSelector, and field selectors.
 *
 * Upstream: apimachinery pkg/labels/selector.go (a lexer, a recursive parser, requirements validated one by one, then
 * sorted by key), pkg/apis/meta/v1/helpers.go LabelSelectorAsSelector and pkg/fields/selector.go. Error texts are those
 * of v1.20. "in" and "notin" are words only where an operator may stand; elsewhere they are ordinary names, so the
 * parser asks for a token with what it expects.
 */
#include "sim/api/api_priv.h"

#include <stdlib.h>

enum op { OP_NONE, OP_IN, OP_NOT_IN, OP_EQUALS, OP_DOUBLE_EQUALS, OP_NOT_EQUALS, OP_EXISTS, OP_NOT_EXISTS, OP_GREATER, OP_LESS };
struct requirement {
    struct str  key;
    enum op     op;
    struct str *values;                            /* sorted, each once */
    size_t      n;
};
struct selector {
    struct requirement *v;                         /* in order of key */
    size_t              n;
    bool                nothing;                   /* of an absent LabelSelector */
};

/* ---- tokens ---- */

enum token {
    T_END, T_CLOSE, T_COMMA, T_NOT, T_DOUBLE_EQUALS, T_EQUALS, T_GREATER, T_NAME, T_IN, T_LESS, T_NOT_EQUALS,
    T_NOT_IN, T_OPEN
};
static const struct { const char *text; enum token token; } literals[] = {    /* longer ones first */
    { "==", T_DOUBLE_EQUALS }, { "!=", T_NOT_EQUALS }, { "=", T_EQUALS }, { "!", T_NOT }, { ")", T_CLOSE }, { "(", T_OPEN },
    { ",", T_COMMA }, { ">", T_GREATER }, { "<", T_LESS }, { "in", T_IN }, { "notin", T_NOT_IN },
};
enum { SYMBOLS = 9 };                              /* of the literals; the rest are words */

struct parser {
    struct arena *a;
    struct str    text;
    size_t        pos;
    enum token    token;                           /* the one looked at */
    struct str    lit;
    struct err   *err;
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
static bool is_symbol(char c) { return c && strchr("=!(),><", c); }

static void advance(struct parser *p)
{
    struct str t = p->text;
    while (p->pos < t.n && is_space(t.p[p->pos]))
        p->pos++;
    size_t from = p->pos;
    if (from >= t.n || t.p[from] == '\0') {
        p->token = T_END;
        p->lit = STR_NULL;
        return;
    }
    if (is_symbol(t.p[from])) {
        for (size_t i = 0; i < SYMBOLS; i++) {
            if (!str_starts(str_sub(t, from, t.n), literals[i].text))
                continue;
            p->token = literals[i].token;
            p->pos += strlen(literals[i].text);
            p->lit = str_sub(t, from, p->pos);
            return;
        }
    }
    while (p->pos < t.n && t.p[p->pos] && !is_space(t.p[p->pos]) && !is_symbol(t.p[p->pos]))
        p->pos++;
    p->lit = str_sub(t, from, p->pos);
    p->token = str_eqc(p->lit, "in") ? T_IN : str_eqc(p->lit, "notin") ? T_NOT_IN : T_NAME;
}

static bool at_name(const struct parser *p)
{
    return p->token == T_NAME || p->token == T_IN || p->token == T_NOT_IN;
}

static bool found(struct parser *p, const char *expected)
{
    return err_set(p->err, ERR_BAD_REQUEST, "found '" STR_FMT "'%s", STR_ARG(p->lit), expected);
}

/* ---- requirements ---- */

static bool check_key(struct str key, struct err *err)
{
    struct strbuf why, quoted;
    strbuf_init(&why, 8192);
    qualified_name_reasons(&why, key);
    bool ok = why.n == 0;
    if (!ok) {
        strbuf_init(&quoted, 8192);
        go_quote(&quoted, key);
        err_set(err, ERR_BAD_REQUEST, "invalid label key %s: %s", quoted.p, why.p);
        strbuf_deinit(&quoted);
    }
    strbuf_deinit(&why);
    return ok;
}

static bool check_value(struct str key, struct str value, struct err *err)
{
    if (label_value_valid(value))
        return true;
    struct strbuf why, text;
    strbuf_init(&why, 8192);
    strbuf_init(&text, 8192);
    label_value_reasons(&why, value);
    strbuf_addc(&text, "invalid label value: ");
    go_quote(&text, value);
    strbuf_addc(&text, ": at key: ");
    go_quote(&text, key);
    err_set(err, ERR_BAD_REQUEST, "%s: %s", text.p, why.p);
    strbuf_deinit(&text);
    strbuf_deinit(&why);
    return false;
}

static const char *check_values_count(const struct requirement *r)
{
    int64_t number;
    switch (r->op) {
    case OP_IN:
    case OP_NOT_IN:
        return r->n ? NULL : "for 'in', 'notin' operators, values set can't be empty";
    case OP_EXISTS:
    case OP_NOT_EXISTS:
        return r->n ? "values set must be empty for exists and does not exist" : NULL;
    case OP_GREATER:
    case OP_LESS:
        if (r->n != 1)
            return "for 'Gt', 'Lt' operators, exactly one value is required";
        return str_int(r->values[0], &number) ? NULL : "for 'Gt', 'Lt' operators, the value must be an integer";
    default:
        return r->n == 1 ? NULL : "exact-match compatibility requires one single value";
    }
}

static bool check_requirement(const struct requirement *r, struct err *err)
{
    if (!check_key(r->key, err))
        return false;
    const char *why = check_values_count(r);
    if (why)
        return err_set(err, ERR_BAD_REQUEST, "%s", why);
    for (size_t i = 0; i < r->n; i++)
        if (!check_value(r->key, r->values[i], err))
            return false;
    return true;
}

/* Keeps values sorted, each once. */
static void add_value(struct arena *a, struct requirement *r, struct str value)
{
    size_t i = 0;
    for (; i < r->n; i++) {
        int c = str_cmp(r->values[i], value);
        if (c == 0)
            return;
        if (c > 0)
            break;
    }
    r->values = arena_realloc(a, r->values, r->n * sizeof *r->values, (r->n + 1) * sizeof *r->values);
    memmove(r->values + i + 1, r->values + i, (r->n - i) * sizeof *r->values);
    r->values[i] = arena_str(a, value);
    r->n++;
}

/* Keeps requirements in order of key; those of one key in order of arrival. */
static void add_requirement(struct arena *a, struct selector *s, struct requirement r)
{
    size_t i = s->n;
    while (i > 0 && str_cmp(s->v[i - 1].key, r.key) > 0)
        i--;
    s->v = arena_realloc(a, s->v, s->n * sizeof *s->v, (s->n + 1) * sizeof *s->v);
    memmove(s->v + i + 1, s->v + i, (s->n - i) * sizeof *s->v);
    s->v[i] = r;
    s->n++;
}

/* ---- parse ---- */

/* After "(": "a,b)", also with empty pieces; leaves the parser after ")". */
static bool parse_values(struct parser *p, struct requirement *r)
{
    if (p->token == T_CLOSE) {
        add_value(p->a, r, STR_NULL);
        advance(p);
        return true;
    }
    if (!at_name(p) && p->token != T_COMMA)
        return found(p, ", expected: ',', ')' or identifier");
    while (p->token != T_CLOSE) {
        if (at_name(p)) {
            add_value(p->a, r, p->lit);
            advance(p);
            if (p->token != T_COMMA && p->token != T_CLOSE)
                return found(p, ", expected: ',' or ')'");
        } else if (p->token == T_COMMA) {
            if (r->n == 0)
                add_value(p->a, r, STR_NULL);
            advance(p);
            if (p->token == T_CLOSE || p->token == T_COMMA)
                add_value(p->a, r, STR_NULL);
            if (p->token == T_COMMA)
                advance(p);
            if (p->token == T_CLOSE)
                break;
        } else {
            return found(p, ", expected: ',', or identifier");
        }
    }
    advance(p);
    return true;
}

static bool parse_operator(struct parser *p, enum op *op)
{
    static const struct { enum token token; enum op op; } table[] = {
        { T_IN, OP_IN }, { T_EQUALS, OP_EQUALS }, { T_DOUBLE_EQUALS, OP_DOUBLE_EQUALS }, { T_GREATER, OP_GREATER },
        { T_LESS, OP_LESS }, { T_NOT_IN, OP_NOT_IN }, { T_NOT_EQUALS, OP_NOT_EQUALS },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (p->token == table[i].token) {
            *op = table[i].op;
            advance(p);
            return true;
        }
    }
    return found(p, ", expected: '=', '!=', '==', 'in', notin'");
}

static bool parse_requirement(struct parser *p, struct requirement *r)
{
    *r = (struct requirement){ 0 };
    if (p->token == T_NOT) {
        r->op = OP_NOT_EXISTS;
        advance(p);
    }
    if (!at_name(p))
        return found(p, ", expected: identifier");
    r->key = arena_str(p->a, p->lit);
    if (!check_key(r->key, p->err))
        return false;
    advance(p);
    if (r->op == OP_NONE && (p->token == T_END || p->token == T_COMMA))
        r->op = OP_EXISTS;
    if (r->op != OP_NONE)
        return true;
    if (!parse_operator(p, &r->op))
        return false;
    if (r->op == OP_IN || r->op == OP_NOT_IN) {
        if (p->token != T_OPEN)
            return found(p, " expected: '('");
        advance(p);
        if (!parse_values(p, r))
            return false;
    } else if (p->token == T_END || p->token == T_COMMA) {
        add_value(p->a, r, STR_NULL);
    } else if (at_name(p)) {
        add_value(p->a, r, p->lit);
        advance(p);
    } else {
        return found(p, ", expected: identifier");
    }
    return check_requirement(r, p->err);
}

static bool parse(struct parser *p, struct selector *s)
{
    advance(p);
    while (p->token != T_END) {
        struct requirement r;
        if (!at_name(p) && p->token != T_NOT)
            return found(p, ", expected: !, identifier, or 'end of string'");
        if (!parse_requirement(p, &r))
            return err_prefix(p->err, "unable to parse requirement: ");
        add_requirement(p->a, s, r);
        if (p->token == T_END)
            break;
        if (p->token != T_COMMA)
            return found(p, ", expected: ',' or 'end of string'");
        advance(p);
        if (!at_name(p) && p->token != T_NOT)
            return found(p, ", expected: identifier after ','");
    }
    return true;
}

struct selector *selector_parse(struct arena *a, struct str text, struct err *err)
{
    struct selector *s = ARENA_NEW(a, struct selector);
    struct parser p = { .a = a, .text = text, .err = err };
    return parse(&p, s) ? s : NULL;
}

/* ---- from JSON ---- */

struct selector *selector_from_map(struct arena *a, const struct json *labels)
{
    struct selector *s = ARENA_NEW(a, struct selector);
    for (const struct json *l = json_first(labels); l; l = json_next(l)) {
        struct requirement r = { .key = arena_str(a, json_key(l)), .op = OP_EQUALS };
        add_value(a, &r, json_str(l));
        add_requirement(a, s, r);
    }
    return s;
}

static bool from_expression(struct arena *a, const struct json *expr, struct requirement *r, struct err *err)
{
    static const struct { const char *text; enum op op; } operators[] = {
        { "In", OP_IN }, { "NotIn", OP_NOT_IN }, { "Exists", OP_EXISTS }, { "DoesNotExist", OP_NOT_EXISTS },
    };
    struct str op = json_get_str(expr, "operator");
    *r = (struct requirement){ .key = arena_str(a, json_get_str(expr, "key")) };
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (str_eqc(op, operators[i].text))
            r->op = operators[i].op;
    if (r->op == OP_NONE) {
        struct strbuf quoted;
        strbuf_init(&quoted, 1024);
        go_quote(&quoted, op);
        err_set(err, ERR_BAD_REQUEST, "%s is not a valid pod selector operator", quoted.p);
        strbuf_deinit(&quoted);
        return false;
    }
    const struct json *values = json_get(expr, "values");
    for (const struct json *v = json_first(values); v; v = json_next(v))
        add_value(a, r, json_str(v));
    return check_requirement(r, err);
}

struct selector *selector_from_json(struct arena *a, const struct json *label_selector, struct err *err)
{
    struct selector *s = ARENA_NEW(a, struct selector);
    if (!json_is(label_selector, JSON_OBJECT)) {
        s->nothing = true;
        return s;
    }
    const struct json *labels = json_get(label_selector, "matchLabels"), *exprs = json_get(label_selector, "matchExpressions");
    for (const struct json *l = json_first(labels); l; l = json_next(l)) {
        struct requirement r = { .key = arena_str(a, json_key(l)), .op = OP_EQUALS };
        add_value(a, &r, json_str(l));
        if (!check_requirement(&r, err))
            return NULL;
        add_requirement(a, s, r);
    }
    for (const struct json *e = json_first(exprs); e; e = json_next(e)) {
        struct requirement r;
        if (!from_expression(a, e, &r, err))
            return NULL;
        add_requirement(a, s, r);
    }
    return s;
}

/* ---- use ---- */

static bool has_value(const struct requirement *r, struct str value)
{
    for (size_t i = 0; i < r->n; i++)
        if (str_eq(r->values[i], value))
            return true;
    return false;
}

static bool requirement_matches(const struct requirement *r, const struct json *labels)
{
    const struct json *label = json_getn(labels, r->key);
    struct str value = json_str(label);
    int64_t have, bound;
    switch (r->op) {
    case OP_EXISTS:
        return label != NULL;
    case OP_NOT_EXISTS:
        return label == NULL;
    case OP_NOT_IN:
    case OP_NOT_EQUALS:
        return !label || !has_value(r, value);
    case OP_GREATER:
    case OP_LESS:
        if (!label || !str_int(value, &have) || !str_int(r->values[0], &bound))
            return false;
        return r->op == OP_GREATER ? have > bound : have < bound;
    default:
        return label && has_value(r, value);
    }
}

bool selector_matches(const struct selector *s, const struct json *labels)
{
    if (!s)
        return true;
    if (s->nothing)
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (!requirement_matches(&s->v[i], labels))
            return false;
    return true;
}

bool selector_empty(const struct selector *s)
{
    return !s || (s->n == 0 && !s->nothing);
}

static void write_requirement(struct strbuf *out, const struct requirement *r)
{
    static const char *const words[] = {
        [OP_IN] = " in (", [OP_NOT_IN] = " notin (", [OP_EQUALS] = "=", [OP_DOUBLE_EQUALS] = "==", [OP_NOT_EQUALS] = "!=",
        [OP_EXISTS] = "", [OP_NOT_EXISTS] = "", [OP_GREATER] = ">", [OP_LESS] = "<",
    };
    strbuf_addc(out, r->op == OP_NOT_EXISTS ? "!" : "");
    strbuf_add(out, r->key);
    strbuf_addc(out, words[r->op]);
    for (size_t i = 0; i < r->n; i++) {
        strbuf_addc(out, i ? "," : "");
        strbuf_add(out, r->values[i]);
    }
    strbuf_addc(out, r->op == OP_IN || r->op == OP_NOT_IN ? ")" : "");
}

struct str selector_text(struct arena *a, const struct selector *s)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_BODY_BYTES);
    for (size_t i = 0; s && i < s->n; i++) {
        strbuf_addc(&b, i ? "," : "");
        write_requirement(&b, &s->v[i]);
    }
    struct str text = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}

/* ---- field selectors ---- */

/* The next term; a comma after a backslash belongs to the term. *rest->p becomes NULL after the last. */
static struct str next_term(struct str *rest)
{
    size_t i = 0;
    for (bool slash = false; i < rest->n; i++) {
        if (!slash && rest->p[i] == ',')
            break;
        slash = !slash && rest->p[i] == '\\';
    }
    struct str term = str_sub(*rest, 0, i);
    *rest = i < rest->n ? str_sub(*rest, i + 1, rest->n) : STR_NULL;
    return term;
}

static bool unescape(struct arena *a, struct str in, struct str *out, struct err *err)
{
    char *p = arena_alloc(a, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == ',' || c == '=')
            return err_set(err, ERR_BAD_REQUEST, "invalid field selector: unescaped character in value: %d", c);
        if (c == '\\') {
            if (++i == in.n || in.p[i] == '\0' || !strchr("\\,=", in.p[i])) {
                struct str shown = str_sub(in, i - 1, i + 1);
                return err_set(err, ERR_BAD_REQUEST, "invalid field selector: invalid escape sequence: " STR_FMT, STR_ARG(shown));
            }
            c = in.p[i];
        }
        p[n++] = c;
    }
    p[n] = '\0';
    *out = (struct str){ p, n };
    return true;
}

static bool parse_term(struct arena *a, struct str text, struct str term, struct field_term *out, struct err *err)
{
    for (size_t i = 0; i < term.n; i++) {
        struct str rest = str_sub(term, i, term.n);
        size_t op_n = str_starts(rest, "!=") || str_starts(rest, "==") ? 2 : str_starts(rest, "=") ? 1 : 0;
        if (op_n == 0)
            continue;
        out->key = arena_str(a, str_sub(term, 0, i));
        out->not_equal = rest.p[0] == '!';
        return unescape(a, str_sub(rest, op_n, rest.n), &out->value, err);
    }
    return err_set(err, ERR_BAD_REQUEST, "invalid selector: '" STR_FMT "'; can't understand '" STR_FMT "'", STR_ARG(text),
                   STR_ARG(term));
}

static int compare_terms(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

bool field_selector_parse(struct arena *a, struct str text, struct field_selector *out, struct err *err)
{
    size_t count = 0, max = 1;
    for (size_t i = 0; i < text.n; i++)
        max += text.p[i] == ',';
    struct str *terms = arena_alloc(a, max * sizeof *terms), rest = text;
    while (rest.n > 0) {
        struct str term = next_term(&rest);
        if (term.n > 0)
            terms[count++] = term;
    }
    qsort(terms, count, sizeof *terms, compare_terms);           /* as upstream: errors name the first in order */
    struct field_selector fs = { .v = arena_zalloc(a, (count + 1) * sizeof *fs.v) };
    for (size_t i = 0; i < count; i++) {
        struct field_term *t = &fs.v[fs.n];
        if (!parse_term(a, text, terms[i], t, err))
            return false;
        fs.n += t->key.n > 0 || t->value.n > 0;    /* "=" says nothing, upstream too */
    }
    *out = fs;
    return true;
}

const char *label_selector_go(struct arena *a, const struct json *label_selector)
{
    if (!json_is(label_selector, JSON_OBJECT))
        return "nil";
    struct strbuf b;
    strbuf_init(&b, LIMIT_BODY_BYTES);
    strbuf_addc(&b, "&LabelSelector{MatchLabels:map[string]string{");
    struct json *labels = json_copy(a, json_get(label_selector, "matchLabels"));
    if (json_is(labels, JSON_OBJECT))
        json_sort_keys(labels);
    for (const struct json *l = json_first(labels); l; l = json_next(l))
        strbuf_addf(&b, STR_FMT ": " STR_FMT ",", STR_ARG(json_key(l)), STR_ARG(json_str(l)));
    strbuf_addc(&b, "},MatchExpressions:[]LabelSelectorRequirement{");
    for (const struct json *e = json_first(json_get(label_selector, "matchExpressions")); e; e = json_next(e)) {
        strbuf_addf(&b, "LabelSelectorRequirement{Key:" STR_FMT ",Operator:" STR_FMT ",Values:[",
                    STR_ARG(json_get_str(e, "key")), STR_ARG(json_get_str(e, "operator")));
        for (const struct json *v = json_first(json_get(e, "values")); v; v = json_next(v))
            strbuf_addf(&b, "%s" STR_FMT, v == json_first(json_get(e, "values")) ? "" : " ", STR_ARG(json_str(v)));
        strbuf_addc(&b, "],},");
    }
    strbuf_addc(&b, "},}");
    const char *text = arena_cstr(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}
