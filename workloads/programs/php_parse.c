/* workloads/programs/php_parse.c - tokens to a tree (upstream: Zend/zend_language_parser.y of PHP 5.6).
 *
 * Recursive descent for statements, precedence climbing for expressions. Variables become slot numbers of their
 * function while parsing, so that evaluation never looks a name up. Errors are worded as bison words them for PHP: what
 * is unexpected always, what was expected where PHP's grammar leaves only one or two choices. What PHP has and the
 * subset has not (classes, include, exceptions ...) ends parsing too, but says so by name instead of pretending to be a
 * syntax error. Order of use: php_parse.
 */
#include "workloads/programs/php_parse.h"

#include <math.h>
#include <stdlib.h>

static const struct { int op, prec; bool right, single; } BINARY[] = {
    /* single: not associative */
    { OP2('|', '|'), PREC_BOOL_OR, 0, 0 },
    { OP2('&', '&'), PREC_BOOL_AND, 0, 0 },
    { '|', PREC_BIT_OR, 0, 0 },
    { '^', PREC_BIT_XOR, 0, 0 },
    { '&', PREC_BIT_AND, 0, 0 },
    { OP2('=', '='), PREC_EQUAL, 0, 1 },
    { OP2('!', '='), PREC_EQUAL, 0, 1 },
    { OP3('=', '=', '='), PREC_EQUAL, 0, 1 },
    { OP3('!', '=', '='), PREC_EQUAL, 0, 1 },
    { '<', PREC_LESS, 0, 1 },
    { OP2('<', '='), PREC_LESS, 0, 1 },
    { '>', PREC_LESS, 0, 1 },
    { OP2('>', '='), PREC_LESS, 0, 1 },
    { OP2('<', '<'), PREC_SHIFT, 0, 0 },
    { OP2('>', '>'), PREC_SHIFT, 0, 0 },
    { '+', PREC_ADD, 0, 0 },
    { '-', PREC_ADD, 0, 0 },
    { '.', PREC_ADD, 0, 0 },
    { '*', PREC_MUL, 0, 0 },
    { '/', PREC_MUL, 0, 0 },
    { '%', PREC_MUL, 0, 0 },
    { OP2('*', '*'), PREC_POW, 1, 0 },
};
static const struct { int token, op; } ASSIGN_OPS[] = {
    { OP2('+', '='), '+' },
    { OP2('-', '='), '-' },
    { OP2('*', '='), '*' },
    { OP2('/', '='), '/' },
    { OP2('.', '='), '.' },
    { OP2('%', '='), '%' },
    { OP2('&', '='), '&' },
    { OP2('|', '='), '|' },
    { OP2('^', '='), '^' },
    { OP3('<', '<', '='), OP2('<', '<') },
    { OP3('>', '>', '='), OP2('>', '>') },
    { OP3('*', '*', '='), OP2('*', '*') },
};
static const char *const SUPERGLOBALS[] = { "_SERVER", "_GET", "_POST", "_COOKIE", "_REQUEST", "_FILES", "_ENV" };

static struct pnode *parse_template(struct parser *p, struct str body, int line, char quote);

/* ---- errors, tokens, nodes ---- */
void php_parse_refuse(struct parser *p, const char *what)
{
    p->error->unsupported = true;
    p->error->text = arena_str(p->arena, str_c(what));
    p->error->line = p->lex.token_line;
    longjmp(p->fail, 1);
}

void php_parse_unexpected(struct parser *p, const char *expecting)
{
    if (p->lex.kind == T_KEYWORD && !php_keyword_supported((enum php_keyword)p->lex.op))
        php_parse_refuse(p, arena_printf(p->arena, "'%s'", php_keyword_text((enum php_keyword)p->lex.op)));
    struct str what = php_lex_describe(p->arena, &p->lex);
    p->error->text = arena_strf(p->arena, "syntax error, unexpected " STR_FMT "%s%s", STR_ARG(what),
                                expecting ? ", expecting " : "", expecting ? expecting : "");
    p->error->line = p->lex.token_line;
    longjmp(p->fail, 1);
}

void php_parse_compile_error(struct parser *p, int line, const char *text)
{
    p->error->text = str_c(text);
    p->error->line = line;
    longjmp(p->fail, 1);
}

bool php_parse_is_op(const struct parser *p, int op)
{
    return p->lex.kind == T_OP && p->lex.op == op;
}

bool php_parse_is_kw(const struct parser *p, enum php_keyword k)
{
    return p->lex.kind == T_KEYWORD && p->lex.op == (int)k;
}

void php_parse_next(struct parser *p)
{
    php_lex_next(&p->lex);
}

bool php_parse_accept_op(struct parser *p, int op)
{
    if (!php_parse_is_op(p, op))
        return false;
    php_parse_next(p);
    return true;
}

bool php_parse_accept_kw(struct parser *p, enum php_keyword k)
{
    if (!php_parse_is_kw(p, k))
        return false;
    php_parse_next(p);
    return true;
}

void php_parse_expect_op(struct parser *p, int op, const char *expecting)
{
    if (!php_parse_accept_op(p, op))
        php_parse_unexpected(p, expecting);
}

void php_parse_expect_semicolon(struct parser *p, const char *expecting)
{
    if (p->lex.kind == T_EOF && p->lex.in_php && !expecting)
        php_parse_unexpected(p, NULL);
    php_parse_expect_op(p, ';', expecting);
}

void php_parse_enter(struct parser *p)
{
    if (++p->nesting > NESTING_MAX)
        php_parse_refuse(p, "nesting deeper than 200 levels");
}

struct pnode *php_parse_node(struct parser *p, enum php_kind kind)
{
    struct pnode *n = ARENA_NEW(p->arena, struct pnode);
    n->kind = kind;
    n->line = p->lex.token_line;
    p->program->node_count++;
    return n;
}

static void deepen(struct parser *p, struct pnode *n, const struct pnode *child)
{
    if (child && child->depth >= n->depth)
        n->depth = child->depth + 1;
    if (n->depth > TREE_DEPTH_MAX)
        php_parse_refuse(p, "an expression of more than 2000 levels");
}

struct pnode *php_parse_done(struct parser *p, struct pnode *n)
{
    if (n->depth == 0)
        n->depth = 1;
    deepen(p, n, n->a);
    deepen(p, n, n->b);
    deepen(p, n, n->c);
    deepen(p, n, n->d);
    return n;
}

void php_parse_append(struct parser *p, struct pnode *n, struct pnode *child)
{
    if (n->n == n->cap) {
        size_t cap = n->cap ? n->cap * 2 : 4;
        n->list = arena_realloc(p->arena, n->list, n->cap * sizeof(void *), cap * sizeof(void *));
        n->cap = cap;
    }
    n->list[n->n++] = child;
    if (child)
        deepen(p, n, child);
}

struct pnode *php_parse_node1(struct parser *p, enum php_kind kind, int line, struct pnode *a)
{
    struct pnode *n = php_parse_node(p, kind);
    n->line = line;
    n->a = a;
    return php_parse_done(p, n);
}

struct pval php_parse_immortal(struct parser *p, struct str s)
{
    struct pstr *ps = arena_alloc(p->arena, sizeof *ps + s.n + 1);
    *ps = (struct pstr){ .refs = PHP_IMMORTAL, .n = s.n, .cap = s.n };
    if (s.n)
        memcpy(ps->p, s.p, s.n);
    ps->p[s.n] = '\0';
    return (struct pval){ .type = PHP_STRING, .s = ps };
}

struct pnode *php_parse_literal(struct parser *p, struct pval v)
{
    struct pnode *n = php_parse_node(p, N_LIT);
    n->value = v;
    return php_parse_done(p, n);
}

/* ---- names and slots ---- */
int php_parse_slot_of(struct parser *p, struct pfunc *fn, struct str name)
{
    for (size_t i = 0; i < fn->slot_count; i++)
        if (str_eq(fn->names[i], name))
            return (int)i;
    if (fn->slot_count == NAMES_MAX)
        php_parse_refuse(p, "more than 20000 variables in one function");
    if (fn->slot_count == fn->names_cap) {
        size_t cap = fn->names_cap ? fn->names_cap * 2 : 8;
        fn->names = arena_realloc(p->arena, fn->names, fn->names_cap * sizeof(struct str), cap * sizeof(struct str));
        fn->names_cap = cap;
    }
    fn->names[fn->slot_count] = arena_str(p->arena, name);
    return (int)fn->slot_count++;
}

struct pnode *php_parse_variable(struct parser *p, struct str name)
{
    struct pnode *n = php_parse_node(p, N_VAR);
    struct pfunc *fn = p->fn;
    if (str_eqc(name, "this"))
        php_parse_refuse(p, "$this");
    for (size_t i = 0; i < ARRAY_LEN(SUPERGLOBALS); i++) {
        if (fn != p->program->main && str_eqc(name, SUPERGLOBALS[i])) {
            n->kind = N_GLOBAL_VAR;
            fn = p->program->main;
        }
    }
    n->slot = php_parse_slot_of(p, fn, name);
    return php_parse_done(p, n);
}

struct pfunc *php_parse_function_new(struct parser *p, struct str name)
{
    struct pfunc *fn = ARENA_NEW(p->arena, struct pfunc);
    fn->name = arena_str(p->arena, name);
    fn->line = p->lex.token_line;
    return fn;
}

bool php_parse_is_variable(const struct pnode *n)
{
    return n->kind == N_VAR || n->kind == N_GLOBAL_VAR || n->kind == N_INDEX;
}

/* ---- literals ---- */
struct pval php_parse_number_value(const struct php_lexer *l)
{
    char buf[512];
    size_t n = l->text.n < sizeof buf ? l->text.n : sizeof buf - 1;
    memcpy(buf, l->text.p, n);
    buf[n] = '\0';
    if (l->kind == T_DNUMBER)
        return pv_float(strtod(buf, NULL));
    bool hex = n > 1 && (buf[1] == 'x' || buf[1] == 'X'), bin = n > 1 && (buf[1] == 'b' || buf[1] == 'B');
    int base = hex ? 16 : bin ? 2 : buf[0] == '0' && n > 1 ? 8 : 10;
    double d = 0;
    uint64_t u = 0;
    bool big = false;
    for (const char *c = buf + (hex || bin ? 2 : 0); *c; c++) {
        int digit = *c <= '9' ? *c - '0' : (*c | 32) - 'a' + 10;
        if (digit >= base)
            break;                                 /* PHP 5 ignores what follows an 8 in an octal number */
        big |= u > ((uint64_t)INT64_MAX - (uint64_t)digit) / (uint64_t)base;
        u = u * (uint64_t)base + (uint64_t)digit;
        d = d * base + digit;
    }
    return big ? pv_float(base == 10 ? strtod(buf, NULL) : d) : pv_int((int64_t)u);
}

/* Escapes of "double quotes" (quote '"'), of heredocs (0) and of 'single quotes'. */
static struct str unescape(struct parser *p, struct str s, char quote)
{
    char *out = arena_alloc(p->arena, s.n + 1);
    size_t n = 0;
    static const char FROM[] = "nrtvef\\$", TO[] = "\n\r\t\v\033\f\\$";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], e = i + 1 < s.n ? s.p[i + 1] : '\0';
        if (c != '\\' || i + 1 >= s.n) {
            out[n++] = c;
        } else if (quote == '\'') {
            if (e == '\'' || e == '\\')
                i++;
            out[n++] = s.p[i];
        } else if (e && strchr(FROM, e)) {
            out[n++] = TO[strchr(FROM, e) - FROM];
            i++;
        } else if (e == quote && quote) {
            out[n++] = e;
            i++;
        } else if (e >= '0' && e <= '7') {
            int v = 0;
            for (int k = 0; k < 3 && i + 1 < s.n && s.p[i + 1] >= '0' && s.p[i + 1] <= '7'; k++)
                v = v * 8 + (s.p[++i] - '0');
            out[n++] = (char)v;
        } else if ((e == 'x' || e == 'X') && i + 2 < s.n && strchr("0123456789abcdefABCDEF", s.p[i + 2])) {
            int v = 0;
            i++;
            for (int k = 0; k < 2 && i + 1 < s.n && s.p[i + 1] && strchr("0123456789abcdefABCDEF", s.p[i + 1]); k++) {
                char h = s.p[++i];
                v = v * 16 + (h <= '9' ? h - '0' : (h | 32) - 'a' + 10);
            }
            out[n++] = (char)v;
        } else {
            out[n++] = c;
        }
    }
    return (struct str){ out, n };
}

static struct pnode *parse_array_literal(struct parser *p, int close)
{
    struct pnode *n = php_parse_node(p, N_ARRAY);
    while (!php_parse_is_op(p, close)) {
        struct pnode *e = php_parse_node(p, N_ELEMENT);
        if (php_parse_accept_op(p, '&')) {
            e->by_ref = true;
            e->b = php_parse_expr(p, PREC_OR);
        } else {
            e->b = php_parse_expr(p, PREC_OR);
            if (php_parse_accept_op(p, OP2('=', '>'))) {
                e->a = e->b;
                e->by_ref = php_parse_accept_op(p, '&');
                e->b = php_parse_expr(p, PREC_OR);
            }
        }
        if (e->by_ref && !php_parse_is_variable(e->b))
            php_parse_unexpected(p, NULL);
        php_parse_append(p, n, php_parse_done(p, e));
        if (!php_parse_accept_op(p, ','))
            break;
    }
    php_parse_expect_op(p, close, close == ')' ? "')'" : "']'");
    return php_parse_done(p, n);
}

/* ---- "..." with variables: $a, $a[0], $a[key], $a[$i], ${a}, {$any expression} ---- */
static bool name_start(char c)
{
    return c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z') || (unsigned char)c >= 0x80;
}

static bool name_char(char c)
{
    return name_start(c) || (c >= '0' && c <= '9');
}

static size_t name_end(struct str s, size_t i)
{
    while (i < s.n && name_char(s.p[i]))
        i++;
    return i;
}

/* An expression inside a string: a lexer of its own runs on the rest of the body, and tells how far it came. */
static struct pnode *embedded(struct parser *p, struct str rest, int line, bool braces, size_t *used)
{
    struct php_lexer saved = p->lex;
    php_lex_init(&p->lex, rest, true, line);
    struct pnode *n = php_parse_expr(p, PREC_OR);
    if (braces && !php_parse_is_op(p, '}'))
        php_parse_unexpected(p, "'}'");
    *used = p->lex.pos;
    p->lex = saved;
    return n;
}

static struct pnode *simple_variable(struct parser *p, struct str s, size_t *i, int line)
{
    size_t end = name_end(s, *i + 1);
    struct pnode *v = php_parse_variable(p, str_sub(s, *i + 1, end));
    v->line = line;
    *i = end;
    if (end + 2 < s.n && s.p[end] == '-' && s.p[end + 1] == '>' && name_start(s.p[end + 2]))
        php_parse_refuse(p, "objects (->)");
    if (end >= s.n || s.p[end] != '[')
        return v;
    size_t k = end + 1, close = k;
    while (close < s.n && s.p[close] != ']')
        close++;
    struct str key = str_sub(s, k, close);
    int64_t number;
    struct pnode *index;
    if (close >= s.n || key.n == 0)
        php_parse_unexpected(p, NULL);
    if (key.p[0] == '$')
        index = php_parse_variable(p, str_sub(key, 1, key.n));
    else if (str_int(key, &number) && (key.n == 1 || key.p[0] != '0'))
        index = php_parse_literal(p, pv_int(number));
    else if (name_start(key.p[0]) && name_end(key, 0) == key.n)
        index = php_parse_literal(p, php_parse_immortal(p, key));
    else
        php_parse_unexpected(p, "identifier (T_STRING) or variable (T_VARIABLE) or number (T_NUM_STRING)");
    struct pnode *n = php_parse_node(p, N_INDEX);
    n->line = line;
    n->a = v;
    n->b = index;
    *i = close + 1;
    return php_parse_done(p, n);
}

static struct pnode *parse_template(struct parser *p, struct str s, int line, char quote)
{
    struct pnode *n = php_parse_node(p, N_INTERP);
    size_t start = 0;
    php_parse_enter(p);
    for (size_t i = 0; i < s.n;) {
        char c = s.p[i], d = i + 1 < s.n ? s.p[i + 1] : '\0';
        bool simple = c == '$' && name_start(d), complex = c == '{' && d == '$', dollar_brace = c == '$' && d == '{';
        if (!simple && !complex && !dollar_brace) {
            line += c == '\n';
            i += c == '\\' && i + 1 < s.n ? 2 : 1;
            continue;
        }
        if (i > start)
            php_parse_append(p, n, php_parse_literal(p, php_parse_immortal(p, unescape(p, str_sub(s, start, i), quote))));
        if (simple) {
            php_parse_append(p, n, simple_variable(p, s, &i, line));
        } else if (complex) {
            size_t used;
            php_parse_append(p, n, embedded(p, str_sub(s, i + 1, s.n), line, true, &used));
            i += 1 + used;
        } else {
            size_t end = name_end(s, i + 2);
            if (end == i + 2 || end >= s.n || s.p[end] != '}')
                php_parse_refuse(p, "${expression} in a string");
            php_parse_append(p, n, php_parse_variable(p, str_sub(s, i + 2, end)));
            i = end + 1;
        }
        start = i;
    }
    if (start < s.n)
        php_parse_append(p, n, php_parse_literal(p, php_parse_immortal(p, unescape(p, str_sub(s, start, s.n), quote))));
    p->nesting--;
    return php_parse_done(p, n);
}

/* ---- expressions ---- */
static struct pnode *parse_args(struct parser *p, struct pnode *call)       /* after '(' */
{
    while (!php_parse_is_op(p, ')')) {
        if (php_parse_is_op(p, OP3('.', '.', '.')))
            php_parse_refuse(p, "argument unpacking (...)");
        if (php_parse_is_op(p, '&'))
            php_parse_compile_error(p, p->lex.token_line, "Call-time pass-by-reference has been removed");
        php_parse_append(p, call, php_parse_expr(p, PREC_OR));
        if (php_parse_is_op(p, ')'))
            break;
        php_parse_expect_op(p, ',', "',' or ')'");
        if (php_parse_is_op(p, ')'))
            php_parse_unexpected(p, NULL);
    }
    php_parse_next(p);
    return php_parse_done(p, call);
}

struct pnode *php_parse_list_target(struct parser *p)           /* after list( */
{
    struct pnode *n = php_parse_node(p, N_LIST);
    while (!php_parse_is_op(p, ')')) {
        if (php_parse_is_op(p, ',')) {
            php_parse_append(p, n, NULL);
            php_parse_next(p);
            continue;
        }
        struct pnode *target;
        if (php_parse_accept_kw(p, KW_LIST)) {
            php_parse_expect_op(p, '(', "'('");
            target = php_parse_list_target(p);
        } else {
            target = php_parse_expr(p, PREC_UNARY);
            if (!php_parse_is_variable(target))
                php_parse_unexpected(p, NULL);
        }
        php_parse_append(p, n, target);
        if (!php_parse_accept_op(p, ','))
            break;
    }
    php_parse_expect_op(p, ')', "',' or ')'");
    if (n->n == 0)
        php_parse_compile_error(p, n->line, "Cannot use empty list");
    return php_parse_done(p, n);
}

static struct pnode *parse_name(struct parser *p)
{
    struct php_lexer token = p->lex;
    struct pnode *n = php_parse_node(p, N_CONST);
    php_parse_next(p);
    if (php_parse_is_op(p, OP2(':', ':')))
        php_parse_refuse(p, "classes (::)");
    if (str_chr(token.text, '\\') >= 0)
        php_parse_refuse(p, "namespaces (\\)");
    n->value = php_parse_immortal(p, token.text);
    if (php_parse_accept_op(p, '(')) {
        n->kind = N_CALL;
        return parse_args(p, n);
    }
    static const struct {
        const char *name;
        enum php_type type;
        bool b;
    } WORDS[] = { { "true", PHP_BOOL, true }, { "false", PHP_BOOL, false }, { "null", PHP_NULL, false } };
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (str_eqi(token.text, str_c(WORDS[i].name))) {
            n->kind = N_LIT;
            n->value = (struct pval){ .type = WORDS[i].type, .b = WORDS[i].b };
        }
    }
    return php_parse_done(p, n);
}

static struct pnode *parse_keyword_expr(struct parser *p)
{
    int line = p->lex.token_line;
    enum php_keyword k = (enum php_keyword)p->lex.op;
    struct pnode *n;
    switch (k) {
    case KW_ARRAY:
        php_parse_next(p);
        php_parse_expect_op(p, '(', "'('");
        return parse_array_literal(p, ')');
    case KW_LIST:
        php_parse_next(p);
        php_parse_expect_op(p, '(', "'('");
        n = php_parse_node(p, N_ASSIGN_LIST);
        n->a = php_parse_list_target(p);
        php_parse_expect_op(p, '=', "'='");
        n->b = php_parse_expr(p, PREC_ASSIGN);
        return php_parse_done(p, n);
    case KW_ISSET:
        php_parse_next(p);
        php_parse_expect_op(p, '(', "'('");
        n = php_parse_node(p, N_ISSET);
        do {
            struct pnode *v = php_parse_expr(p, PREC_OR);
            if (!php_parse_is_variable(v))
                php_parse_compile_error(
                    p, line,
                    "Cannot use isset() on the result of an expression (you can use \"null !== expression\" instead)");
            php_parse_append(p, n, v);
        } while (php_parse_accept_op(p, ','));
        php_parse_expect_op(p, ')', "',' or ')'");
        return php_parse_done(p, n);
    case KW_EMPTY:
        php_parse_next(p);
        php_parse_expect_op(p, '(', "'('");
        n = php_parse_node1(p, N_EMPTY, line, php_parse_expr(p, PREC_OR));
        php_parse_expect_op(p, ')', NULL);
        return n;
    case KW_PRINT:
        php_parse_next(p);
        return php_parse_node1(p, N_PRINT, line, php_parse_expr(p, PREC_ASSIGN));
    case KW_EXIT: case KW_DIE:
        php_parse_next(p);
        n = php_parse_node(p, N_EXIT);
        if (php_parse_accept_op(p, '(') && !php_parse_accept_op(p, ')')) {
            n->a = php_parse_expr(p, PREC_OR);
            php_parse_expect_op(p, ')', NULL);
        }
        return php_parse_done(p, n);
    case KW_FUNCTION:
        return php_parse_function(p, true);
    case KW_LINE:
        php_parse_next(p);
        return php_parse_literal(p, pv_int(line));
    case KW_FILE: case KW_DIR: {
        struct str path = str_c(p->path);
        if (k == KW_DIR)
            while (path.n > 1 && path.p[--path.n] != '/') {}
        php_parse_next(p);
        return php_parse_literal(p, php_parse_immortal(p, path));
    }
    case KW_FUNC_C:
        php_parse_next(p);
        return php_parse_literal(p, php_parse_immortal(p, p->fn == p->program->main ? STR("") : p->fn->name));
    default:
        php_parse_unexpected(p, NULL);
    }
}

static struct pnode *parse_primary(struct parser *p)
{
    struct php_lexer t = p->lex;
    struct pnode *n;
    switch (t.kind) {
    case T_VARIABLE:
        if (str_eqc(t.text, "$GLOBALS"))
            php_parse_refuse(p, "$GLOBALS (use 'global')");
        n = php_parse_variable(p, str_sub(t.text, 1, t.text.n));
        php_parse_next(p);
        return n;
    case T_LNUMBER: case T_DNUMBER:
        n = php_parse_literal(p, php_parse_number_value(&t));
        php_parse_next(p);
        return n;
    case T_STRING_CONST:
        n = php_parse_literal(p, php_parse_immortal(p, unescape(p, t.body, (char)t.op)));
        php_parse_next(p);
        return n;
    case T_NOWDOC:
        n = php_parse_literal(p, php_parse_immortal(p, t.body));
        php_parse_next(p);
        return n;
    case T_TEMPLATE: case T_HEREDOC:
        n = parse_template(p, t.body, t.body_line, t.kind == T_TEMPLATE ? '"' : '\0');
        php_parse_next(p);
        return n;
    case T_NAME: return parse_name(p);
    case T_KEYWORD: return parse_keyword_expr(p);
    case T_OP:
        if (php_parse_accept_op(p, '(')) {
            n = php_parse_expr(p, PREC_OR);
            php_parse_expect_op(p, ')', NULL);
            return n;
        }
        if (php_parse_accept_op(p, '['))
            return parse_array_literal(p, ']');
        if (t.op == '$')
            php_parse_refuse(p, "variable variables ($$)");
        if (t.op == '`')
            php_parse_refuse(p, "shell execution (`)");
        break;
    default: break;
    }
    php_parse_unexpected(p, NULL);
}

struct pnode *php_parse_postfix(struct parser *p)
{
    struct pnode *n = parse_primary(p);
    for (unsigned count = 0;; count++) {
        int line = p->lex.token_line;
        if (php_parse_is_op(p, '[') ||
            (php_parse_is_op(p, '{') && (n->kind == N_VAR || n->kind == N_GLOBAL_VAR || n->kind == N_INDEX))) {
            int close = php_parse_is_op(p, '[') ? ']' : '}';
            php_parse_next(p);
            struct pnode *index = php_parse_node(p, N_INDEX);
            index->line = line;
            index->a = n;
            if (close == '}' || !php_parse_is_op(p, ']'))
                index->b = php_parse_expr(p, PREC_OR);
            php_parse_expect_op(p, close, close == ']' ? "']'" : "'}'");
            n = php_parse_done(p, index);
        } else if (php_parse_is_op(p, '(') && (php_parse_is_variable(n) || n->kind == N_CALL_VALUE)) {
            php_parse_next(p);
            struct pnode *call = php_parse_node(p, N_CALL_VALUE);
            call->line = line;
            call->a = n;
            n = parse_args(p, call);
        } else if (php_parse_is_op(p, OP2('-', '>'))) {
            php_parse_refuse(p, "objects (->)");
        } else if (php_parse_is_op(p, OP2(':', ':'))) {
            php_parse_refuse(p, "classes (::)");
        } else {
            return n;
        }
    }
}

/* A variable and what may be done to it: =, =&, op=, ++, --. Assignment binds to the variable on its left whatever
 * stands before it. */
static struct pnode *parse_operand(struct parser *p)
{
    struct pnode *n = php_parse_postfix(p);
    if (!php_parse_is_variable(n) || p->lex.kind != T_OP)
        return n;
    int line = p->lex.token_line, op = p->lex.op;
    struct pnode *assign = NULL;
    if (op == OP2('+', '+') || op == OP2('-', '-')) {
        php_parse_next(p);
        assign = php_parse_node1(p, N_POST, line, n);
        assign->op = op == OP2('+', '+') ? 1 : -1;
        return assign;
    }
    if (op == '=') {
        php_parse_next(p);
        bool ref = php_parse_accept_op(p, '&');
        assign = php_parse_node(p, ref ? N_ASSIGN_REF : N_ASSIGN);
        assign->line = line;
        assign->a = n;
        assign->b = php_parse_expr(p, PREC_ASSIGN);
        if (ref && !php_parse_is_variable(assign->b))
            php_parse_refuse(p, "references to anything but variables and elements");
        return php_parse_done(p, assign);
    }
    for (size_t i = 0; i < ARRAY_LEN(ASSIGN_OPS); i++) {
        if (op == ASSIGN_OPS[i].token) {
            php_parse_next(p);
            assign = php_parse_node(p, N_ASSIGN_OP);
            assign->line = line;
            assign->op = ASSIGN_OPS[i].op;
            assign->a = n;
            assign->b = php_parse_expr(p, PREC_ASSIGN);
            return php_parse_done(p, assign);
        }
    }
    return n;
}

static struct pnode *parse_unary(struct parser *p)
{
    static const struct { int op; enum php_kind kind; int prec; } UNARY[] = {
        { '!', N_NOT, PREC_NOT },      { '-', N_NEGATE, PREC_UNARY },  { '+', N_PLUS, PREC_UNARY },
        { '~', N_BITNOT, PREC_UNARY }, { '@', N_SILENCE, PREC_UNARY },
    };
    int line = p->lex.token_line;
    struct pnode *n;
    if (p->lex.kind == T_CAST) {
        int type = p->lex.op;
        php_parse_next(p);
        n = php_parse_node1(p, N_CAST, line, php_parse_expr(p, PREC_UNARY));
        n->op = type;
        return n;
    }
    if (php_parse_is_op(p, OP2('+', '+')) || php_parse_is_op(p, OP2('-', '-'))) {
        int by = php_parse_is_op(p, OP2('+', '+')) ? 1 : -1;
        php_parse_next(p);
        n = php_parse_node1(p, N_PRE, line, php_parse_postfix(p));
        if (!php_parse_is_variable(n->a))
            php_parse_unexpected(p, NULL);
        n->op = by;
        return n;
    }
    for (size_t i = 0; i < ARRAY_LEN(UNARY); i++) {
        if (php_parse_accept_op(p, UNARY[i].op)) {
            struct pnode *operand = php_parse_expr(p, UNARY[i].prec);
            return php_parse_node1(p, UNARY[i].kind, line, operand);
        }
    }
    return parse_operand(p);
}

static struct pnode *binary(struct parser *p, enum php_kind kind, int op, int line, struct pnode *a, struct pnode *b)
{
    struct pnode *n = php_parse_node(p, kind);
    n->op = op;
    n->line = line;
    n->a = a;
    n->b = b;
    return php_parse_done(p, n);
}

/* The operator under the cursor: its kind and precedence; 0 if it is none. */
static int binary_prec(const struct parser *p, enum php_kind *kind, bool *right, bool *single)
{
    *right = *single = false;
    if (p->lex.kind == T_KEYWORD) {
        *kind = php_parse_is_kw(p, KW_LOGICAL_AND) ? N_AND : php_parse_is_kw(p, KW_LOGICAL_OR) ? N_OR : N_XOR;
        return php_parse_is_kw(p, KW_LOGICAL_AND)   ? PREC_AND
               : php_parse_is_kw(p, KW_LOGICAL_OR)  ? PREC_OR
               : php_parse_is_kw(p, KW_LOGICAL_XOR) ? PREC_XOR
                                             : 0;
    }
    if (p->lex.kind != T_OP)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(BINARY); i++) {
        if (BINARY[i].op == p->lex.op) {
            *kind = p->lex.op == OP2('|', '|') ? N_OR : p->lex.op == OP2('&', '&') ? N_AND : N_BINARY;
            *right = BINARY[i].right;
            *single = BINARY[i].single;
            return BINARY[i].prec;
        }
    }
    return 0;
}

struct pnode *php_parse_expr(struct parser *p, int min_prec)
{
    php_parse_enter(p);
    struct pnode *left = parse_unary(p);
    int banned = 0;                                /* 1 < 2 < 3 is a syntax error */
    for (;;) {
        int line = p->lex.token_line, op = p->lex.op;
        if (php_parse_is_op(p, '?') && min_prec <= PREC_TERNARY) {       /* left associative in PHP */
            php_parse_next(p);
            struct pnode *n = php_parse_node(p, N_TERNARY);
            n->line = line;
            n->a = left;
            if (!php_parse_is_op(p, ':'))
                n->b = php_parse_expr(p, PREC_ASSIGN);
            php_parse_expect_op(p, ':', NULL);
            n->c = php_parse_expr(p, PREC_BOOL_OR);
            left = php_parse_done(p, n);
            continue;
        }
        enum php_kind kind;
        bool right, single;
        int prec = binary_prec(p, &kind, &right, &single);
        if (prec == 0 || prec < min_prec || prec == banned)
            break;
        php_parse_next(p);
        left = binary(p, kind, op, line, left, php_parse_expr(p, right ? prec : prec + 1));
        banned = single ? prec : 0;
    }
    p->nesting--;
    return left;
}

bool php_parse(struct arena *a, struct str src, const char *path, struct php_program *out, struct php_parse_error *e)
{
    struct parser *p = ARENA_NEW(a, struct parser);
    *p = (struct parser){ .arena = a, .path = path, .program = out, .error = e };
    *out = (struct php_program){ 0 };
    *e = (struct php_parse_error){ 0 };
    if (setjmp(p->fail))
        return false;
    php_lex_init(&p->lex, src, false, 1);
    p->fn = out->main = php_parse_function_new(p, STR("main"));
    struct pnode *body = php_parse_node(p, N_BLOCK);
    while (p->lex.kind != T_EOF)
        php_parse_append(p, body, php_parse_statement(p));
    out->main->body = php_parse_done(p, body);
    if (out->main->static_count)
        out->main->statics = arena_zalloc(a, out->main->static_count * sizeof *out->main->statics);
    return true;
}
