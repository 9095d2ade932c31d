/* workloads/programs/php_parse.c - tokens to a tree (upstream: Zend/zend_language_parser.y of PHP 5.6).
 *
 * Recursive descent for statements, precedence climbing for expressions. Variables become slot numbers of their function while parsing, so
 * that evaluation never looks a name up. Errors are worded as bison words them for PHP: what is unexpected always, what was expected where PHP's
 * grammar leaves only one or two choices. What PHP has and the subset has not (classes, include, exceptions ...) ends parsing too, but
 * says so by name instead of pretending to be a syntax error. Order of use: php_parse.
 */
#include "workloads/programs/php_priv.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

enum { NESTING_MAX = 200, TREE_DEPTH_MAX = 2000, NAMES_MAX = 20000 };
enum { PREC_OR = 1, PREC_XOR, PREC_AND, PREC_ASSIGN, PREC_TERNARY, PREC_BOOL_OR, PREC_BOOL_AND, PREC_BIT_OR, PREC_BIT_XOR, PREC_BIT_AND, PREC_EQUAL,
       PREC_LESS, PREC_SHIFT, PREC_ADD, PREC_MUL, PREC_NOT, PREC_UNARY, PREC_POW };

struct parser {
    struct arena           *arena;
    struct php_lexer        lex;
    const char             *path;
    struct php_program     *program;
    struct pfunc           *fn;                    /* being parsed; program->main outside of functions */
    struct php_parse_error *error;
    unsigned                nesting, loops, blocks; /* blocks: 0 at the top level, where functions are hoisted */
    jmp_buf                 fail;                  /* everything lives in the arena, so leaving in a hurry leaks nothing */
};
static const struct { int op, prec; bool right, single; } BINARY[] = {         /* single: not associative */
    { OP2('|', '|'), PREC_BOOL_OR, 0, 0 }, { OP2('&', '&'), PREC_BOOL_AND, 0, 0 }, { '|', PREC_BIT_OR, 0, 0 }, { '^', PREC_BIT_XOR, 0, 0 },
    { '&', PREC_BIT_AND, 0, 0 }, { OP2('=', '='), PREC_EQUAL, 0, 1 }, { OP2('!', '='), PREC_EQUAL, 0, 1 }, { OP3('=', '=', '='), PREC_EQUAL, 0, 1 },
    { OP3('!', '=', '='), PREC_EQUAL, 0, 1 }, { '<', PREC_LESS, 0, 1 }, { OP2('<', '='), PREC_LESS, 0, 1 }, { '>', PREC_LESS, 0, 1 },
    { OP2('>', '='), PREC_LESS, 0, 1 }, { OP2('<', '<'), PREC_SHIFT, 0, 0 }, { OP2('>', '>'), PREC_SHIFT, 0, 0 }, { '+', PREC_ADD, 0, 0 },
    { '-', PREC_ADD, 0, 0 }, { '.', PREC_ADD, 0, 0 }, { '*', PREC_MUL, 0, 0 }, { '/', PREC_MUL, 0, 0 }, { '%', PREC_MUL, 0, 0 },
    { OP2('*', '*'), PREC_POW, 1, 0 },
};
static const struct { int token, op; } ASSIGN_OPS[] = {
    { OP2('+', '='), '+' }, { OP2('-', '='), '-' }, { OP2('*', '='), '*' }, { OP2('/', '='), '/' }, { OP2('.', '='), '.' }, { OP2('%', '='), '%' },
    { OP2('&', '='), '&' }, { OP2('|', '='), '|' }, { OP2('^', '='), '^' }, { OP3('<', '<', '='), OP2('<', '<') }, { OP3('>', '>', '='), OP2('>', '>') },
    { OP3('*', '*', '='), OP2('*', '*') },
};
static const char *const SUPERGLOBALS[] = { "_SERVER", "_GET", "_POST", "_COOKIE", "_REQUEST", "_FILES", "_ENV" };

static struct pnode *parse_expr(struct parser *p, int min_prec);
static struct pnode *parse_statement(struct parser *p);
static struct pnode *parse_function(struct parser *p, bool closure);
static struct pnode *parse_template(struct parser *p, struct str body, int line, char quote);

/* ---- errors, tokens, nodes ---- */
static _Noreturn void refuse(struct parser *p, const char *what) {
    p->error->unsupported = true;
    p->error->text = arena_str(p->arena, str_c(what));
    p->error->line = p->lex.token_line;
    longjmp(p->fail, 1);
}
static _Noreturn void unexpected(struct parser *p, const char *expecting) {
    if (p->lex.kind == T_KEYWORD && !php_keyword_supported((enum php_keyword)p->lex.op))
        refuse(p, arena_printf(p->arena, "'%s'", php_keyword_text((enum php_keyword)p->lex.op)));
    struct str what = php_lex_describe(p->arena, &p->lex);
    p->error->text = arena_strf(p->arena, "syntax error, unexpected " STR_FMT "%s%s", STR_ARG(what), expecting ? ", expecting " : "", expecting ? expecting : "");
    p->error->line = p->lex.token_line;
    longjmp(p->fail, 1);
}
static _Noreturn void compile_error(struct parser *p, int line, const char *text) {
    p->error->text = str_c(text);
    p->error->line = line;
    longjmp(p->fail, 1);
}
static bool is_op(const struct parser *p, int op) {
    return p->lex.kind == T_OP && p->lex.op == op;
}
static bool is_kw(const struct parser *p, enum php_keyword k) {
    return p->lex.kind == T_KEYWORD && p->lex.op == (int)k;
}
static void next(struct parser *p) {
    php_lex_next(&p->lex);
}
static bool accept_op(struct parser *p, int op) {
    if (!is_op(p, op))
        return false;
    next(p);
    return true;
}
static bool accept_kw(struct parser *p, enum php_keyword k) {
    if (!is_kw(p, k))
        return false;
    next(p);
    return true;
}
static void expect_op(struct parser *p, int op, const char *expecting) {
    if (!accept_op(p, op))
        unexpected(p, expecting);
}
static void expect_semicolon(struct parser *p, const char *expecting) {
    if (p->lex.kind == T_EOF && p->lex.in_php && !expecting)
        unexpected(p, NULL);
    expect_op(p, ';', expecting);
}
static void enter(struct parser *p) {
    if (++p->nesting > NESTING_MAX)
        refuse(p, "nesting deeper than 200 levels");
}

static struct pnode *node(struct parser *p, enum php_kind kind) {
    struct pnode *n = ARENA_NEW(p->arena, struct pnode);
    n->kind = kind;
    n->line = p->lex.token_line;
    p->program->node_count++;
    return n;
}
static void deepen(struct parser *p, struct pnode *n, const struct pnode *child) {
    if (child && child->depth >= n->depth)
        n->depth = child->depth + 1;
    if (n->depth > TREE_DEPTH_MAX)
        refuse(p, "an expression of more than 2000 levels");
}
static struct pnode *done(struct parser *p, struct pnode *n) {
    if (n->depth == 0)
        n->depth = 1;
    deepen(p, n, n->a);
    deepen(p, n, n->b);
    deepen(p, n, n->c);
    deepen(p, n, n->d);
    return n;
}
static void append(struct parser *p, struct pnode *n, struct pnode *child) {
    if (n->n == n->cap) {
        size_t cap = n->cap ? n->cap * 2 : 4;
        n->list = arena_realloc(p->arena, n->list, n->cap * sizeof(void *), cap * sizeof(void *));
        n->cap = cap;
    }
    n->list[n->n++] = child;
    if (child)
        deepen(p, n, child);
}
static struct pnode *node1(struct parser *p, enum php_kind kind, int line, struct pnode *a) {
    struct pnode *n = node(p, kind);
    n->line = line;
    n->a = a;
    return done(p, n);
}
static struct pval immortal(struct parser *p, struct str s) {
    struct pstr *ps = arena_alloc(p->arena, sizeof *ps + s.n + 1);
    *ps = (struct pstr){ .refs = PHP_IMMORTAL, .n = s.n, .cap = s.n };
    if (s.n)
        memcpy(ps->p, s.p, s.n);
    ps->p[s.n] = '\0';
    return (struct pval){ .type = PHP_STRING, .s = ps };
}
static struct pnode *literal(struct parser *p, struct pval v) {
    struct pnode *n = node(p, N_LIT);
    n->value = v;
    return done(p, n);
}

/* ---- names and slots ---- */
static int slot_of(struct parser *p, struct pfunc *fn, struct str name) {
    for (size_t i = 0; i < fn->slot_count; i++)
        if (str_eq(fn->names[i], name))
            return (int)i;
    if (fn->slot_count == NAMES_MAX)
        refuse(p, "more than 20000 variables in one function");
    if (fn->slot_count == fn->names_cap) {
        size_t cap = fn->names_cap ? fn->names_cap * 2 : 8;
        fn->names = arena_realloc(p->arena, fn->names, fn->names_cap * sizeof(struct str), cap * sizeof(struct str));
        fn->names_cap = cap;
    }
    fn->names[fn->slot_count] = arena_str(p->arena, name);
    return (int)fn->slot_count++;
}
static struct pnode *variable(struct parser *p, struct str name) {
    struct pnode *n = node(p, N_VAR);
    struct pfunc *fn = p->fn;
    if (str_eqc(name, "this"))
        refuse(p, "$this");
    for (size_t i = 0; i < ARRAY_LEN(SUPERGLOBALS); i++) {
        if (fn != p->program->main && str_eqc(name, SUPERGLOBALS[i])) {
            n->kind = N_GLOBAL_VAR;
            fn = p->program->main;
        }
    }
    n->slot = slot_of(p, fn, name);
    return done(p, n);
}
static struct pfunc *function_new(struct parser *p, struct str name) {
    struct pfunc *fn = ARENA_NEW(p->arena, struct pfunc);
    fn->name = arena_str(p->arena, name);
    fn->line = p->lex.token_line;
    return fn;
}
static bool is_variable(const struct pnode *n) {
    return n->kind == N_VAR || n->kind == N_GLOBAL_VAR || n->kind == N_INDEX;
}

/* ---- literals ---- */
static struct pval number_value(const struct php_lexer *l) {
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
static struct str unescape(struct parser *p, struct str s, char quote) {
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

static struct pnode *parse_array_literal(struct parser *p, int close) {
    struct pnode *n = node(p, N_ARRAY);
    while (!is_op(p, close)) {
        struct pnode *e = node(p, N_ELEMENT);
        if (accept_op(p, '&')) {
            e->by_ref = true;
            e->b = parse_expr(p, PREC_OR);
        } else {
            e->b = parse_expr(p, PREC_OR);
            if (accept_op(p, OP2('=', '>'))) {
                e->a = e->b;
                e->by_ref = accept_op(p, '&');
                e->b = parse_expr(p, PREC_OR);
            }
        }
        if (e->by_ref && !is_variable(e->b))
            unexpected(p, NULL);
        append(p, n, done(p, e));
        if (!accept_op(p, ','))
            break;
    }
    expect_op(p, close, close == ')' ? "')'" : "']'");
    return done(p, n);
}

/* ---- "..." with variables: $a, $a[0], $a[key], $a[$i], ${a}, {$any expression} ---- */
static bool name_start(char c) {
    return c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z') || (unsigned char)c >= 0x80;
}
static bool name_char(char c) {
    return name_start(c) || (c >= '0' && c <= '9');
}
static size_t name_end(struct str s, size_t i) {
    while (i < s.n && name_char(s.p[i]))
        i++;
    return i;
}
/* An expression inside a string: a lexer of its own runs on the rest of the body, and tells how far it came. */
static struct pnode *embedded(struct parser *p, struct str rest, int line, bool braces, size_t *used) {
    struct php_lexer saved = p->lex;
    php_lex_init(&p->lex, rest, true, line);
    struct pnode *n = parse_expr(p, PREC_OR);
    if (braces && !is_op(p, '}'))
        unexpected(p, "'}'");
    *used = p->lex.pos;
    p->lex = saved;
    return n;
}
static struct pnode *simple_variable(struct parser *p, struct str s, size_t *i, int line) {
    size_t end = name_end(s, *i + 1);
    struct pnode *v = variable(p, str_sub(s, *i + 1, end));
    v->line = line;
    *i = end;
    if (end + 2 < s.n && s.p[end] == '-' && s.p[end + 1] == '>' && name_start(s.p[end + 2]))
        refuse(p, "objects (->)");
    if (end >= s.n || s.p[end] != '[')
        return v;
    size_t k = end + 1, close = k;
    while (close < s.n && s.p[close] != ']')
        close++;
    struct str key = str_sub(s, k, close);
    int64_t number;
    struct pnode *index;
    if (close >= s.n || key.n == 0)
        unexpected(p, NULL);
    if (key.p[0] == '$')
        index = variable(p, str_sub(key, 1, key.n));
    else if (str_int(key, &number) && (key.n == 1 || key.p[0] != '0'))
        index = literal(p, pv_int(number));
    else if (name_start(key.p[0]) && name_end(key, 0) == key.n)
        index = literal(p, immortal(p, key));
    else
        unexpected(p, "identifier (T_STRING) or variable (T_VARIABLE) or number (T_NUM_STRING)");
    struct pnode *n = node(p, N_INDEX);
    n->line = line;
    n->a = v;
    n->b = index;
    *i = close + 1;
    return done(p, n);
}
static struct pnode *parse_template(struct parser *p, struct str s, int line, char quote) {
    struct pnode *n = node(p, N_INTERP);
    size_t start = 0;
    enter(p);
    for (size_t i = 0; i < s.n;) {
        char c = s.p[i], d = i + 1 < s.n ? s.p[i + 1] : '\0';
        bool simple = c == '$' && name_start(d), complex = c == '{' && d == '$', dollar_brace = c == '$' && d == '{';
        if (!simple && !complex && !dollar_brace) {
            line += c == '\n';
            i += c == '\\' && i + 1 < s.n ? 2 : 1;
            continue;
        }
        if (i > start)
            append(p, n, literal(p, immortal(p, unescape(p, str_sub(s, start, i), quote))));
        if (simple) {
            append(p, n, simple_variable(p, s, &i, line));
        } else if (complex) {
            size_t used;
            append(p, n, embedded(p, str_sub(s, i + 1, s.n), line, true, &used));
            i += 1 + used;
        } else {
            size_t end = name_end(s, i + 2);
            if (end == i + 2 || end >= s.n || s.p[end] != '}')
                refuse(p, "${expression} in a string");
            append(p, n, variable(p, str_sub(s, i + 2, end)));
            i = end + 1;
        }
        start = i;
    }
    if (start < s.n)
        append(p, n, literal(p, immortal(p, unescape(p, str_sub(s, start, s.n), quote))));
    p->nesting--;
    return done(p, n);
}

/* ---- expressions ---- */
static struct pnode *parse_args(struct parser *p, struct pnode *call) {       /* after '(' */
    while (!is_op(p, ')')) {
        if (is_op(p, OP3('.', '.', '.')))
            refuse(p, "argument unpacking (...)");
        if (is_op(p, '&'))
            compile_error(p, p->lex.token_line, "Call-time pass-by-reference has been removed");
        append(p, call, parse_expr(p, PREC_OR));
        if (is_op(p, ')'))
            break;
        expect_op(p, ',', "',' or ')'");
        if (is_op(p, ')'))
            unexpected(p, NULL);
    }
    next(p);
    return done(p, call);
}
static struct pnode *parse_list_target(struct parser *p) {           /* after list( */
    struct pnode *n = node(p, N_LIST);
    while (!is_op(p, ')')) {
        if (is_op(p, ',')) {
            append(p, n, NULL);
            next(p);
            continue;
        }
        struct pnode *target;
        if (accept_kw(p, KW_LIST)) {
            expect_op(p, '(', "'('");
            target = parse_list_target(p);
        } else {
            target = parse_expr(p, PREC_UNARY);
            if (!is_variable(target))
                unexpected(p, NULL);
        }
        append(p, n, target);
        if (!accept_op(p, ','))
            break;
    }
    expect_op(p, ')', "',' or ')'");
    if (n->n == 0)
        compile_error(p, n->line, "Cannot use empty list");
    return done(p, n);
}
static struct pnode *parse_name(struct parser *p) {
    struct php_lexer token = p->lex;
    struct pnode *n = node(p, N_CONST);
    next(p);
    if (is_op(p, OP2(':', ':')))
        refuse(p, "classes (::)");
    if (str_chr(token.text, '\\') >= 0)
        refuse(p, "namespaces (\\)");
    n->value = immortal(p, token.text);
    if (accept_op(p, '(')) {
        n->kind = N_CALL;
        return parse_args(p, n);
    }
    static const struct { const char *name; enum php_type type; bool b; } WORDS[] = { { "true", PHP_BOOL, true }, { "false", PHP_BOOL, false }, { "null", PHP_NULL, false } };
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (str_eqi(token.text, str_c(WORDS[i].name))) {
            n->kind = N_LIT;
            n->value = (struct pval){ .type = WORDS[i].type, .b = WORDS[i].b };
        }
    }
    return done(p, n);
}
static struct pnode *parse_keyword_expr(struct parser *p) {
    int line = p->lex.token_line;
    enum php_keyword k = (enum php_keyword)p->lex.op;
    struct pnode *n;
    switch (k) {
    case KW_ARRAY:
        next(p);
        expect_op(p, '(', "'('");
        return parse_array_literal(p, ')');
    case KW_LIST:
        next(p);
        expect_op(p, '(', "'('");
        n = node(p, N_ASSIGN_LIST);
        n->a = parse_list_target(p);
        expect_op(p, '=', "'='");
        n->b = parse_expr(p, PREC_ASSIGN);
        return done(p, n);
    case KW_ISSET:
        next(p);
        expect_op(p, '(', "'('");
        n = node(p, N_ISSET);
        do {
            struct pnode *v = parse_expr(p, PREC_OR);
            if (!is_variable(v))
                compile_error(p, line, "Cannot use isset() on the result of an expression (you can use \"null !== expression\" instead)");
            append(p, n, v);
        } while (accept_op(p, ','));
        expect_op(p, ')', "',' or ')'");
        return done(p, n);
    case KW_EMPTY:
        next(p);
        expect_op(p, '(', "'('");
        n = node1(p, N_EMPTY, line, parse_expr(p, PREC_OR));
        expect_op(p, ')', NULL);
        return n;
    case KW_PRINT:
        next(p);
        return node1(p, N_PRINT, line, parse_expr(p, PREC_ASSIGN));
    case KW_EXIT: case KW_DIE:
        next(p);
        n = node(p, N_EXIT);
        if (accept_op(p, '(') && !accept_op(p, ')')) {
            n->a = parse_expr(p, PREC_OR);
            expect_op(p, ')', NULL);
        }
        return done(p, n);
    case KW_FUNCTION:
        return parse_function(p, true);
    case KW_LINE:
        next(p);
        return literal(p, pv_int(line));
    case KW_FILE: case KW_DIR: {
        struct str path = str_c(p->path);
        if (k == KW_DIR)
            while (path.n > 1 && path.p[--path.n] != '/') {}
        next(p);
        return literal(p, immortal(p, path));
    }
    case KW_FUNC_C:
        next(p);
        return literal(p, immortal(p, p->fn == p->program->main ? STR("") : p->fn->name));
    default:
        unexpected(p, NULL);
    }
}
static struct pnode *parse_primary(struct parser *p) {
    struct php_lexer t = p->lex;
    struct pnode *n;
    switch (t.kind) {
    case T_VARIABLE:
        if (str_eqc(t.text, "$GLOBALS"))
            refuse(p, "$GLOBALS (use 'global')");
        n = variable(p, str_sub(t.text, 1, t.text.n));
        next(p);
        return n;
    case T_LNUMBER: case T_DNUMBER:
        n = literal(p, number_value(&t));
        next(p);
        return n;
    case T_STRING_CONST:
        n = literal(p, immortal(p, unescape(p, t.body, (char)t.op)));
        next(p);
        return n;
    case T_NOWDOC:
        n = literal(p, immortal(p, t.body));
        next(p);
        return n;
    case T_TEMPLATE: case T_HEREDOC:
        n = parse_template(p, t.body, t.body_line, t.kind == T_TEMPLATE ? '"' : '\0');
        next(p);
        return n;
    case T_NAME: return parse_name(p);
    case T_KEYWORD: return parse_keyword_expr(p);
    case T_OP:
        if (accept_op(p, '(')) {
            n = parse_expr(p, PREC_OR);
            expect_op(p, ')', NULL);
            return n;
        }
        if (accept_op(p, '['))
            return parse_array_literal(p, ']');
        if (t.op == '$')
            refuse(p, "variable variables ($$)");
        if (t.op == '`')
            refuse(p, "shell execution (`)");
        break;
    default: break;
    }
    unexpected(p, NULL);
}
static struct pnode *parse_postfix(struct parser *p) {
    struct pnode *n = parse_primary(p);
    for (unsigned count = 0;; count++) {
        int line = p->lex.token_line;
        if (is_op(p, '[') || (is_op(p, '{') && (n->kind == N_VAR || n->kind == N_GLOBAL_VAR || n->kind == N_INDEX))) {
            int close = is_op(p, '[') ? ']' : '}';
            next(p);
            struct pnode *index = node(p, N_INDEX);
            index->line = line;
            index->a = n;
            if (close == '}' || !is_op(p, ']'))
                index->b = parse_expr(p, PREC_OR);
            expect_op(p, close, close == ']' ? "']'" : "'}'");
            n = done(p, index);
        } else if (is_op(p, '(') && (is_variable(n) || n->kind == N_CALL_VALUE)) {
            next(p);
            struct pnode *call = node(p, N_CALL_VALUE);
            call->line = line;
            call->a = n;
            n = parse_args(p, call);
        } else if (is_op(p, OP2('-', '>'))) {
            refuse(p, "objects (->)");
        } else if (is_op(p, OP2(':', ':'))) {
            refuse(p, "classes (::)");
        } else {
            return n;
        }
    }
}
/* A variable and what may be done to it: =, =&, op=, ++, --. Assignment binds to the variable on its left whatever stands before it. */
static struct pnode *parse_operand(struct parser *p) {
    struct pnode *n = parse_postfix(p);
    if (!is_variable(n) || p->lex.kind != T_OP)
        return n;
    int line = p->lex.token_line, op = p->lex.op;
    struct pnode *assign = NULL;
    if (op == OP2('+', '+') || op == OP2('-', '-')) {
        next(p);
        assign = node1(p, N_POST, line, n);
        assign->op = op == OP2('+', '+') ? 1 : -1;
        return assign;
    }
    if (op == '=') {
        next(p);
        bool ref = accept_op(p, '&');
        assign = node(p, ref ? N_ASSIGN_REF : N_ASSIGN);
        assign->line = line;
        assign->a = n;
        assign->b = parse_expr(p, PREC_ASSIGN);
        if (ref && !is_variable(assign->b))
            refuse(p, "references to anything but variables and elements");
        return done(p, assign);
    }
    for (size_t i = 0; i < ARRAY_LEN(ASSIGN_OPS); i++) {
        if (op == ASSIGN_OPS[i].token) {
            next(p);
            assign = node(p, N_ASSIGN_OP);
            assign->line = line;
            assign->op = ASSIGN_OPS[i].op;
            assign->a = n;
            assign->b = parse_expr(p, PREC_ASSIGN);
            return done(p, assign);
        }
    }
    return n;
}
static struct pnode *parse_unary(struct parser *p) {
    static const struct { int op; enum php_kind kind; int prec; } UNARY[] = {
        { '!', N_NOT, PREC_NOT }, { '-', N_NEGATE, PREC_UNARY }, { '+', N_PLUS, PREC_UNARY }, { '~', N_BITNOT, PREC_UNARY }, { '@', N_SILENCE, PREC_UNARY },
    };
    int line = p->lex.token_line;
    struct pnode *n;
    if (p->lex.kind == T_CAST) {
        int type = p->lex.op;
        next(p);
        n = node1(p, N_CAST, line, parse_expr(p, PREC_UNARY));
        n->op = type;
        return n;
    }
    if (is_op(p, OP2('+', '+')) || is_op(p, OP2('-', '-'))) {
        int by = is_op(p, OP2('+', '+')) ? 1 : -1;
        next(p);
        n = node1(p, N_PRE, line, parse_postfix(p));
        if (!is_variable(n->a))
            unexpected(p, NULL);
        n->op = by;
        return n;
    }
    for (size_t i = 0; i < ARRAY_LEN(UNARY); i++) {
        if (accept_op(p, UNARY[i].op)) {
            struct pnode *operand = parse_expr(p, UNARY[i].prec);
            return node1(p, UNARY[i].kind, line, operand);
        }
    }
    return parse_operand(p);
}
static struct pnode *binary(struct parser *p, enum php_kind kind, int op, int line, struct pnode *a, struct pnode *b) {
    struct pnode *n = node(p, kind);
    n->op = op;
    n->line = line;
    n->a = a;
    n->b = b;
    return done(p, n);
}
/* The operator under the cursor: its kind and precedence; 0 if it is none. */
static int binary_prec(const struct parser *p, enum php_kind *kind, bool *right, bool *single) {
    *right = *single = false;
    if (p->lex.kind == T_KEYWORD) {
        *kind = is_kw(p, KW_LOGICAL_AND) ? N_AND : is_kw(p, KW_LOGICAL_OR) ? N_OR : N_XOR;
        return is_kw(p, KW_LOGICAL_AND) ? PREC_AND : is_kw(p, KW_LOGICAL_OR) ? PREC_OR : is_kw(p, KW_LOGICAL_XOR) ? PREC_XOR : 0;
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
static struct pnode *parse_expr(struct parser *p, int min_prec) {
    enter(p);
    struct pnode *left = parse_unary(p);
    int banned = 0;                                /* 1 < 2 < 3 is a syntax error */
    for (;;) {
        int line = p->lex.token_line, op = p->lex.op;
        if (is_op(p, '?') && min_prec <= PREC_TERNARY) {       /* left associative in PHP */
            next(p);
            struct pnode *n = node(p, N_TERNARY);
            n->line = line;
            n->a = left;
            if (!is_op(p, ':'))
                n->b = parse_expr(p, PREC_ASSIGN);
            expect_op(p, ':', NULL);
            n->c = parse_expr(p, PREC_BOOL_OR);
            left = done(p, n);
            continue;
        }
        enum php_kind kind;
        bool right, single;
        int prec = binary_prec(p, &kind, &right, &single);
        if (prec == 0 || prec < min_prec || prec == banned)
            break;
        next(p);
        left = binary(p, kind, op, line, left, parse_expr(p, right ? prec : prec + 1));
        banned = single ? prec : 0;
    }
    p->nesting--;
    return left;
}

/* ---- functions ---- */
static void parse_params(struct parser *p, struct pfunc *fn) {       /* after '(' */
    size_t cap = 0;
    while (!is_op(p, ')')) {
        struct pparam param = { 0 };
        if (accept_kw(p, KW_ARRAY))
            param.hint = "array";
        else if (accept_kw(p, KW_CALLABLE))
            param.hint = "callable";
        else if (p->lex.kind == T_NAME)
            refuse(p, "class names as parameter types");
        param.by_ref = accept_op(p, '&');
        if (is_op(p, OP3('.', '.', '.')))
            refuse(p, "variadic functions (...)");
        if (p->lex.kind != T_VARIABLE)
            unexpected(p, param.hint || param.by_ref ? "variable (T_VARIABLE)" : fn->param_count ? "variable (T_VARIABLE)" : "')'");
        param.name = arena_str(p->arena, str_sub(p->lex.text, 1, p->lex.text.n));
        param.slot = variable(p, param.name)->slot;
        next(p);
        if (accept_op(p, '='))
            param.dflt = parse_expr(p, PREC_OR);
        if (fn->param_count == cap) {
            fn->params = arena_realloc(p->arena, fn->params, cap * sizeof param, (cap ? cap * 2 : 4) * sizeof param);
            cap = cap ? cap * 2 : 4;
        }
        fn->params[fn->param_count++] = param;
        if (is_op(p, ')'))
            break;
        expect_op(p, ',', param.dflt ? "',' or ')'" : NULL);
        if (is_op(p, ')'))
            unexpected(p, "variable (T_VARIABLE)");
    }
    expect_op(p, ')', NULL);
}
static void parse_uses(struct parser *p, struct pfunc *fn, struct pfunc *outer) {
    expect_op(p, '(', "'('");
    size_t cap = 0;
    do {
        struct pparam use = { .by_ref = accept_op(p, '&') };
        if (p->lex.kind != T_VARIABLE)
            unexpected(p, use.by_ref ? "variable (T_VARIABLE)" : "'&' or variable (T_VARIABLE)");
        use.name = str_sub(p->lex.text, 1, p->lex.text.n);
        use.slot = variable(p, use.name)->slot;
        p->fn = outer;
        use.dflt = variable(p, use.name);
        p->fn = fn;
        next(p);
        if (fn->use_count == cap) {
            fn->uses = arena_realloc(p->arena, fn->uses, cap * sizeof use, (cap ? cap * 2 : 4) * sizeof use);
            cap = cap ? cap * 2 : 4;
        }
        fn->uses[fn->use_count++] = use;
    } while (accept_op(p, ','));
    expect_op(p, ')', "',' or ')'");
}
static struct pnode *parse_block(struct parser *p) {                 /* '{' ... '}' */
    struct pnode *n = node(p, N_BLOCK);
    expect_op(p, '{', "'{'");
    p->blocks++;
    while (!is_op(p, '}')) {
        if (p->lex.kind == T_EOF)
            unexpected(p, NULL);
        append(p, n, parse_statement(p));
    }
    p->blocks--;
    next(p);
    return done(p, n);
}
static struct pnode *parse_function(struct parser *p, bool closure) {
    struct pnode *n = node(p, closure ? N_CLOSURE : N_FUNCTION);
    next(p);
    if (is_op(p, '&'))
        refuse(p, "functions that return references (&)");
    struct pfunc *outer = p->fn, *fn;
    unsigned blocks = p->blocks, loops = p->loops;
    if (!closure && p->lex.kind != T_NAME)
        unexpected(p, "identifier (T_STRING) or '('");
    n->fn = fn = function_new(p, closure ? STR("{closure}") : p->lex.text);
    fn->line = n->line;
    if (!closure)
        next(p);
    expect_op(p, '(', "'('");
    p->fn = fn;
    p->loops = 0;
    parse_params(p, fn);
    if (closure && accept_kw(p, KW_USE))
        parse_uses(p, fn, outer);
    fn->body = parse_block(p);
    p->fn = outer;
    p->loops = loops;
    if (fn->static_count)
        fn->statics = arena_zalloc(p->arena, fn->static_count * sizeof *fn->statics);
    if (!closure && blocks == 0 && outer == p->program->main) {
        struct php_program *g = p->program;
        if (g->hoisted_count == g->hoisted_cap) {
            size_t cap = g->hoisted_cap ? g->hoisted_cap * 2 : 8;
            g->hoisted = arena_realloc(p->arena, g->hoisted, g->hoisted_cap * sizeof(void *), cap * sizeof(void *));
            g->hoisted_cap = cap;
        }
        g->hoisted[g->hoisted_count++] = n;
        n->op = 1;                                 /* declared before the run: nothing to do when it is reached */
    }
    return done(p, n);
}

/* ---- statements ---- */
static struct pnode *parse_parens(struct parser *p) {
    expect_op(p, '(', "'('");
    struct pnode *n = parse_expr(p, PREC_OR);
    expect_op(p, ')', NULL);
    return n;
}
/* A body: one statement, or with ':' several up to one of the end words (not consumed). */
static struct pnode *parse_until(struct parser *p, const enum php_keyword *ends, size_t count) {
    struct pnode *n = node(p, N_BLOCK);
    p->blocks++;
    for (;;) {
        for (size_t i = 0; i < count; i++) {
            if (is_kw(p, ends[i])) {
                p->blocks--;
                return done(p, n);
            }
        }
        if (p->lex.kind == T_EOF)
            unexpected(p, NULL);
        append(p, n, parse_statement(p));
    }
}
static struct pnode *parse_loop_body(struct parser *p, enum php_keyword end) {
    struct pnode *body;
    p->loops++;
    if (accept_op(p, ':')) {
        body = parse_until(p, &end, 1);
        next(p);
        expect_semicolon(p, "';'");
    } else {
        p->blocks++;
        body = parse_statement(p);
        p->blocks--;
    }
    p->loops--;
    return body;
}
static struct pnode *parse_if(struct parser *p) {                    /* at if or elseif */
    static const enum php_keyword ENDS[] = { KW_ELSEIF, KW_ELSE, KW_ENDIF };
    enter(p);
    struct pnode *n = node(p, N_IF);
    next(p);
    n->a = parse_parens(p);
    if (accept_op(p, ':')) {
        n->b = parse_until(p, ENDS, 3);
        if (is_kw(p, KW_ELSEIF)) {
            n->c = parse_if(p);
        } else {
            if (accept_kw(p, KW_ELSE)) {
                expect_op(p, ':', "':'");
                n->c = parse_until(p, ENDS + 2, 1);
            }
            next(p);
            expect_semicolon(p, "';'");
        }
    } else {
        p->blocks++;
        n->b = parse_statement(p);
        if (is_kw(p, KW_ELSEIF))
            n->c = parse_if(p);
        else if (accept_kw(p, KW_ELSE))
            n->c = parse_statement(p);
        p->blocks--;
    }
    p->nesting--;
    return done(p, n);
}
static struct pnode *parse_expr_list(struct parser *p, int end, const char *expecting) {
    struct pnode *n = node(p, N_BLOCK);
    while (!is_op(p, end)) {
        append(p, n, parse_expr(p, PREC_OR));
        if (!accept_op(p, ','))
            break;
    }
    expect_op(p, end, n->n ? expecting : NULL);
    return done(p, n);
}
static struct pnode *parse_for(struct parser *p) {
    struct pnode *n = node(p, N_FOR);
    next(p);
    expect_op(p, '(', "'('");
    n->a = parse_expr_list(p, ';', "';'");
    n->b = parse_expr_list(p, ';', "';'");
    n->c = parse_expr_list(p, ')', "')'");
    n->d = parse_loop_body(p, KW_ENDFOR);
    return done(p, n);
}
static struct pnode *parse_foreach_target(struct parser *p, bool *by_ref) {
    if (accept_kw(p, KW_LIST)) {
        expect_op(p, '(', "'('");
        return parse_list_target(p);
    }
    *by_ref = accept_op(p, '&');
    struct pnode *v = parse_expr(p, PREC_UNARY);
    if (!is_variable(v))
        unexpected(p, NULL);
    return v;
}
static struct pnode *parse_foreach(struct parser *p) {
    struct pnode *n = node(p, N_FOREACH);
    next(p);
    expect_op(p, '(', "'('");
    n->a = parse_expr(p, PREC_OR);
    if (!accept_kw(p, KW_AS))
        unexpected(p, NULL);
    n->c = parse_foreach_target(p, &n->by_ref);
    if (accept_op(p, OP2('=', '>'))) {
        n->b = n->c;
        if (n->by_ref)
            compile_error(p, n->line, "Key element cannot be a reference");
        n->c = parse_foreach_target(p, &n->by_ref);
    }
    expect_op(p, ')', NULL);
    if (n->by_ref && !is_variable(n->a))
        n->by_ref = false;
    n->d = parse_loop_body(p, KW_ENDFOREACH);
    return done(p, n);
}
static struct pnode *parse_switch(struct parser *p) {
    struct pnode *n = node(p, N_SWITCH);
    next(p);
    n->a = parse_parens(p);
    bool braces = is_op(p, '{');
    if (!braces && !is_op(p, ':'))
        unexpected(p, "':' or '{'");
    next(p);
    accept_op(p, ';');
    p->loops++;
    p->blocks++;
    while (braces ? !is_op(p, '}') : !is_kw(p, KW_ENDSWITCH)) {
        struct pnode *c = node(p, N_CASE);
        if (accept_kw(p, KW_CASE))
            c->a = parse_expr(p, PREC_OR);
        else if (!accept_kw(p, KW_DEFAULT))
            unexpected(p, "case (T_CASE) or default (T_DEFAULT) or '}'");
        if (!accept_op(p, ':') && !accept_op(p, ';'))
            unexpected(p, c->a ? NULL : "':' or ';'");
        while (!is_kw(p, KW_CASE) && !is_kw(p, KW_DEFAULT) && !is_op(p, '}') && !is_kw(p, KW_ENDSWITCH)) {
            if (p->lex.kind == T_EOF)
                unexpected(p, NULL);
            append(p, c, parse_statement(p));
        }
        append(p, n, done(p, c));
    }
    p->loops--;
    p->blocks--;
    next(p);
    if (!braces)
        expect_semicolon(p, "';'");
    return done(p, n);
}
static struct pnode *parse_break(struct parser *p, enum php_kind kind) {
    struct pnode *n = node(p, kind);
    const char *word = kind == N_BREAK ? "break" : "continue";
    next(p);
    n->op = 1;
    if (p->lex.kind == T_LNUMBER) {
        struct pval v = number_value(&p->lex);
        if (v.type != PHP_INT || v.i < 1)
            compile_error(p, n->line, arena_printf(p->arena, "'%s' operator accepts only positive numbers", word));
        n->op = v.i < 1000 ? (int)v.i : 1000;
        next(p);
    } else if (!is_op(p, ';')) {
        compile_error(p, n->line, arena_printf(p->arena, "'%s' operator with non-constant operand is no longer supported", word));
    }
    expect_semicolon(p, "';'");
    if (p->loops == 0 || n->op > (int)p->loops)    /* at run time in PHP 5, and fatal there: nothing that works is lost */
        compile_error(p, n->line, arena_printf(p->arena, "Cannot break/continue %d level%s", n->op, n->op == 1 ? "" : "s"));
    return done(p, n);
}
static struct pnode *parse_global(struct parser *p) {
    struct pnode *block = node(p, N_BLOCK);
    next(p);
    do {
        struct pnode *n = node(p, N_BIND_GLOBAL);
        if (p->lex.kind != T_VARIABLE)
            unexpected(p, "variable (T_VARIABLE) or '$'");
        struct str name = str_sub(p->lex.text, 1, p->lex.text.n);
        n->slot = slot_of(p, p->fn, name);
        n->op = slot_of(p, p->program->main, name);
        next(p);
        append(p, block, done(p, n));
    } while (accept_op(p, ','));
    expect_semicolon(p, "',' or ';'");
    return done(p, block);
}
static struct pnode *parse_static(struct parser *p) {
    struct pnode *block = node(p, N_BLOCK);
    next(p);
    if (is_op(p, OP2(':', ':')))
        refuse(p, "classes (::)");
    do {
        struct pnode *n = node(p, N_STATIC);
        if (p->lex.kind != T_VARIABLE)
            unexpected(p, "variable (T_VARIABLE)");
        n->slot = slot_of(p, p->fn, str_sub(p->lex.text, 1, p->lex.text.n));
        n->op = (int)p->fn->static_count++;
        next(p);
        if (accept_op(p, '='))
            n->a = parse_expr(p, PREC_OR);
        append(p, block, done(p, n));
    } while (accept_op(p, ','));
    expect_semicolon(p, "',' or ';'");
    return done(p, block);
}
static struct pnode *parse_const(struct parser *p) {
    struct pnode *block = node(p, N_BLOCK);
    next(p);
    do {
        struct pnode *n = node(p, N_CONST_DECL);
        if (p->lex.kind != T_NAME)
            unexpected(p, "identifier (T_STRING)");
        n->value = immortal(p, p->lex.text);
        next(p);
        expect_op(p, '=', "'='");
        n->a = parse_expr(p, PREC_OR);
        append(p, block, done(p, n));
    } while (accept_op(p, ','));
    expect_semicolon(p, "',' or ';'");
    return done(p, block);
}
static struct pnode *parse_unset(struct parser *p) {
    struct pnode *n = node(p, N_UNSET);
    next(p);
    expect_op(p, '(', "'('");
    do {
        struct pnode *v = parse_postfix(p);
        if (!is_variable(v))
            unexpected(p, NULL);
        append(p, n, v);
    } while (accept_op(p, ','));
    expect_op(p, ')', "',' or ')'");
    expect_semicolon(p, NULL);
    return done(p, n);
}
static struct pnode *parse_echo(struct parser *p) {
    struct pnode *n = node(p, N_ECHO);
    do
        append(p, n, parse_expr(p, PREC_OR));
    while (accept_op(p, ','));
    expect_semicolon(p, "',' or ';'");
    return done(p, n);
}
static struct pnode *parse_do(struct parser *p) {
    struct pnode *n = node(p, N_DO);
    next(p);
    p->loops++;
    p->blocks++;
    n->b = parse_statement(p);
    p->blocks--;
    p->loops--;
    if (!accept_kw(p, KW_WHILE))
        unexpected(p, "while (T_WHILE)");
    n->a = parse_parens(p);
    expect_semicolon(p, NULL);
    return done(p, n);
}
static struct pnode *parse_return(struct parser *p) {
    struct pnode *n = node(p, N_RETURN);
    next(p);
    if (!is_op(p, ';'))
        n->a = parse_expr(p, PREC_OR);
    expect_semicolon(p, NULL);
    return done(p, n);
}
static struct pnode *parse_html(struct parser *p) {
    struct pnode *n = node(p, N_ECHO);
    bool echo = p->lex.op;
    if (p->lex.text.n)
        append(p, n, literal(p, immortal(p, p->lex.text)));
    next(p);
    if (!echo)
        return done(p, n);
    struct pnode *block = node(p, N_BLOCK);
    append(p, block, done(p, n));
    append(p, block, parse_echo(p));
    return done(p, block);
}
static struct pnode *parse_while(struct parser *p) {
    struct pnode *n = node(p, N_WHILE);
    next(p);
    n->a = parse_parens(p);
    n->b = parse_loop_body(p, KW_ENDWHILE);
    return done(p, n);
}
static bool function_follows(struct parser *p) {                     /* a declaration, not a closure used as a statement */
    struct php_lexer look = p->lex;
    php_lex_next(&look);
    if (look.kind == T_OP && look.op == '&')
        php_lex_next(&look);
    return !(look.kind == T_OP && look.op == '(');
}
static struct pnode *parse_keyword_statement(struct parser *p) {
    switch ((enum php_keyword)p->lex.op) {
    case KW_IF: return parse_if(p);
    case KW_WHILE: return parse_while(p);
    case KW_DO: return parse_do(p);
    case KW_FOR: return parse_for(p);
    case KW_FOREACH: return parse_foreach(p);
    case KW_SWITCH: return parse_switch(p);
    case KW_BREAK: return parse_break(p, N_BREAK);
    case KW_CONTINUE: return parse_break(p, N_CONTINUE);
    case KW_RETURN: return parse_return(p);
    case KW_GLOBAL: return parse_global(p);
    case KW_STATIC: return parse_static(p);
    case KW_CONST: return parse_const(p);
    case KW_UNSET: return parse_unset(p);
    case KW_ECHO: next(p); return parse_echo(p);
    case KW_FUNCTION: return function_follows(p) ? parse_function(p, false) : NULL;
    case KW_USE: refuse(p, "namespaces (use)");
    default: return NULL;
    }
}
static struct pnode *parse_statement(struct parser *p) {
    enter(p);
    struct pnode *n = NULL;
    if (p->lex.kind == T_INLINE_HTML)
        n = parse_html(p);
    else if (is_op(p, '{'))
        n = parse_block(p);
    else if (is_op(p, ';'))
        n = done(p, node(p, N_BLOCK)), next(p);
    else if (p->lex.kind == T_KEYWORD)
        n = parse_keyword_statement(p);
    if (!n) {
        int line = p->lex.token_line;
        bool label = p->lex.kind == T_NAME;
        struct pnode *e = parse_expr(p, PREC_OR);
        if (label && e->kind == N_CONST && is_op(p, ':'))
            refuse(p, "labels (goto)");
        expect_semicolon(p, NULL);
        n = node1(p, N_EXPR, line, e);
    }
    p->nesting--;
    return n;
}

bool php_parse(struct arena *a, struct str src, const char *path, struct php_program *out, struct php_parse_error *e) {
    struct parser *p = ARENA_NEW(a, struct parser);
    *p = (struct parser){ .arena = a, .path = path, .program = out, .error = e };
    *out = (struct php_program){ 0 };
    *e = (struct php_parse_error){ 0 };
    if (setjmp(p->fail))
        return false;
    php_lex_init(&p->lex, src, false, 1);
    p->fn = out->main = function_new(p, STR("main"));
    struct pnode *body = node(p, N_BLOCK);
    while (p->lex.kind != T_EOF)
        append(p, body, parse_statement(p));
    out->main->body = done(p, body);
    if (out->main->static_count)
        out->main->statics = arena_zalloc(a, out->main->static_count * sizeof *out->main->statics);
    return true;
}
