/* workloads/programs/php_parse_stmt.c - statements and functions of PHP (upstream: Zend/zend_language_parser.y of PHP 5.6).
 *
 * One function per statement; both notations of blocks, { } and : end...;. Functions declared at the top level are
 * hoisted: they exist before the first statement runs.
 */
#include "workloads/programs/php_parse.h"

/* ---- functions ---- */
static void parse_params(struct parser *p, struct pfunc *fn)       /* after '(' */
{
    size_t cap = 0;
    while (!php_parse_is_op(p, ')')) {
        struct pparam param = { 0 };
        if (php_parse_accept_kw(p, KW_ARRAY))
            param.hint = "array";
        else if (php_parse_accept_kw(p, KW_CALLABLE))
            param.hint = "callable";
        else if (p->lex.kind == T_NAME)
            php_parse_refuse(p, "class names as parameter types");
        param.by_ref = php_parse_accept_op(p, '&');
        if (php_parse_is_op(p, OP3('.', '.', '.')))
            php_parse_refuse(p, "variadic functions (...)");
        if (p->lex.kind != T_VARIABLE)
            php_parse_unexpected(p, param.hint || param.by_ref ? "variable (T_VARIABLE)"
                             : fn->param_count          ? "variable (T_VARIABLE)"
                                                        : "')'");
        param.name = arena_str(p->arena, str_sub(p->lex.text, 1, p->lex.text.n));
        param.slot = php_parse_variable(p, param.name)->slot;
        php_parse_next(p);
        if (php_parse_accept_op(p, '='))
            param.dflt = php_parse_expr(p, PREC_OR);
        if (fn->param_count == cap) {
            fn->params = arena_realloc(p->arena, fn->params, cap * sizeof param, (cap ? cap * 2 : 4) * sizeof param);
            cap = cap ? cap * 2 : 4;
        }
        fn->params[fn->param_count++] = param;
        if (php_parse_is_op(p, ')'))
            break;
        php_parse_expect_op(p, ',', param.dflt ? "',' or ')'" : NULL);
        if (php_parse_is_op(p, ')'))
            php_parse_unexpected(p, "variable (T_VARIABLE)");
    }
    php_parse_expect_op(p, ')', NULL);
}

static void parse_uses(struct parser *p, struct pfunc *fn, struct pfunc *outer)
{
    php_parse_expect_op(p, '(', "'('");
    size_t cap = 0;
    do {
        struct pparam use = { .by_ref = php_parse_accept_op(p, '&') };
        if (p->lex.kind != T_VARIABLE)
            php_parse_unexpected(p, use.by_ref ? "variable (T_VARIABLE)" : "'&' or variable (T_VARIABLE)");
        use.name = str_sub(p->lex.text, 1, p->lex.text.n);
        use.slot = php_parse_variable(p, use.name)->slot;
        p->fn = outer;
        use.dflt = php_parse_variable(p, use.name);
        p->fn = fn;
        php_parse_next(p);
        if (fn->use_count == cap) {
            fn->uses = arena_realloc(p->arena, fn->uses, cap * sizeof use, (cap ? cap * 2 : 4) * sizeof use);
            cap = cap ? cap * 2 : 4;
        }
        fn->uses[fn->use_count++] = use;
    } while (php_parse_accept_op(p, ','));
    php_parse_expect_op(p, ')', "',' or ')'");
}

static struct pnode *parse_block(struct parser *p)                 /* '{' ... '}' */
{
    struct pnode *n = php_parse_node(p, N_BLOCK);
    php_parse_expect_op(p, '{', "'{'");
    p->blocks++;
    while (!php_parse_is_op(p, '}')) {
        if (p->lex.kind == T_EOF)
            php_parse_unexpected(p, NULL);
        php_parse_append(p, n, php_parse_statement(p));
    }
    p->blocks--;
    php_parse_next(p);
    return php_parse_done(p, n);
}

struct pnode *php_parse_function(struct parser *p, bool closure)
{
    struct pnode *n = php_parse_node(p, closure ? N_CLOSURE : N_FUNCTION);
    php_parse_next(p);
    if (php_parse_is_op(p, '&'))
        php_parse_refuse(p, "functions that return references (&)");
    struct pfunc *outer = p->fn, *fn;
    unsigned blocks = p->blocks, loops = p->loops;
    if (!closure && p->lex.kind != T_NAME)
        php_parse_unexpected(p, "identifier (T_STRING) or '('");
    n->fn = fn = php_parse_function_new(p, closure ? STR("{closure}") : p->lex.text);
    fn->line = n->line;
    if (!closure)
        php_parse_next(p);
    php_parse_expect_op(p, '(', "'('");
    p->fn = fn;
    p->loops = 0;
    parse_params(p, fn);
    if (closure && php_parse_accept_kw(p, KW_USE))
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
    return php_parse_done(p, n);
}

/* ---- statements ---- */
static struct pnode *parse_parens(struct parser *p)
{
    php_parse_expect_op(p, '(', "'('");
    struct pnode *n = php_parse_expr(p, PREC_OR);
    php_parse_expect_op(p, ')', NULL);
    return n;
}

/* A body: one statement, or with ':' several up to one of the end words (not consumed). */
static struct pnode *parse_until(struct parser *p, const enum php_keyword *ends, size_t count)
{
    struct pnode *n = php_parse_node(p, N_BLOCK);
    p->blocks++;
    for (;;) {
        for (size_t i = 0; i < count; i++) {
            if (php_parse_is_kw(p, ends[i])) {
                p->blocks--;
                return php_parse_done(p, n);
            }
        }
        if (p->lex.kind == T_EOF)
            php_parse_unexpected(p, NULL);
        php_parse_append(p, n, php_parse_statement(p));
    }
}

static struct pnode *parse_loop_body(struct parser *p, enum php_keyword end)
{
    struct pnode *body;
    p->loops++;
    if (php_parse_accept_op(p, ':')) {
        body = parse_until(p, &end, 1);
        php_parse_next(p);
        php_parse_expect_semicolon(p, "';'");
    } else {
        p->blocks++;
        body = php_parse_statement(p);
        p->blocks--;
    }
    p->loops--;
    return body;
}

static struct pnode *parse_if(struct parser *p)                    /* at if or elseif */
{
    static const enum php_keyword ENDS[] = { KW_ELSEIF, KW_ELSE, KW_ENDIF };
    php_parse_enter(p);
    struct pnode *n = php_parse_node(p, N_IF);
    php_parse_next(p);
    n->a = parse_parens(p);
    if (php_parse_accept_op(p, ':')) {
        n->b = parse_until(p, ENDS, 3);
        if (php_parse_is_kw(p, KW_ELSEIF)) {
            n->c = parse_if(p);
        } else {
            if (php_parse_accept_kw(p, KW_ELSE)) {
                php_parse_expect_op(p, ':', "':'");
                n->c = parse_until(p, ENDS + 2, 1);
            }
            php_parse_next(p);
            php_parse_expect_semicolon(p, "';'");
        }
    } else {
        p->blocks++;
        n->b = php_parse_statement(p);
        if (php_parse_is_kw(p, KW_ELSEIF))
            n->c = parse_if(p);
        else if (php_parse_accept_kw(p, KW_ELSE))
            n->c = php_parse_statement(p);
        p->blocks--;
    }
    p->nesting--;
    return php_parse_done(p, n);
}

static struct pnode *parse_expr_list(struct parser *p, int end, const char *expecting)
{
    struct pnode *n = php_parse_node(p, N_BLOCK);
    while (!php_parse_is_op(p, end)) {
        php_parse_append(p, n, php_parse_expr(p, PREC_OR));
        if (!php_parse_accept_op(p, ','))
            break;
    }
    php_parse_expect_op(p, end, n->n ? expecting : NULL);
    return php_parse_done(p, n);
}

static struct pnode *parse_for(struct parser *p)
{
    struct pnode *n = php_parse_node(p, N_FOR);
    php_parse_next(p);
    php_parse_expect_op(p, '(', "'('");
    n->a = parse_expr_list(p, ';', "';'");
    n->b = parse_expr_list(p, ';', "';'");
    n->c = parse_expr_list(p, ')', "')'");
    n->d = parse_loop_body(p, KW_ENDFOR);
    return php_parse_done(p, n);
}

static struct pnode *parse_foreach_target(struct parser *p, bool *by_ref)
{
    if (php_parse_accept_kw(p, KW_LIST)) {
        php_parse_expect_op(p, '(', "'('");
        return php_parse_list_target(p);
    }
    *by_ref = php_parse_accept_op(p, '&');
    struct pnode *v = php_parse_expr(p, PREC_UNARY);
    if (!php_parse_is_variable(v))
        php_parse_unexpected(p, NULL);
    return v;
}

static struct pnode *parse_foreach(struct parser *p)
{
    struct pnode *n = php_parse_node(p, N_FOREACH);
    php_parse_next(p);
    php_parse_expect_op(p, '(', "'('");
    n->a = php_parse_expr(p, PREC_OR);
    if (!php_parse_accept_kw(p, KW_AS))
        php_parse_unexpected(p, NULL);
    n->c = parse_foreach_target(p, &n->by_ref);
    if (php_parse_accept_op(p, OP2('=', '>'))) {
        n->b = n->c;
        if (n->by_ref)
            php_parse_compile_error(p, n->line, "Key element cannot be a reference");
        n->c = parse_foreach_target(p, &n->by_ref);
    }
    php_parse_expect_op(p, ')', NULL);
    if (n->by_ref && !php_parse_is_variable(n->a))
        n->by_ref = false;
    n->d = parse_loop_body(p, KW_ENDFOREACH);
    return php_parse_done(p, n);
}

static struct pnode *parse_switch(struct parser *p)
{
    struct pnode *n = php_parse_node(p, N_SWITCH);
    php_parse_next(p);
    n->a = parse_parens(p);
    bool braces = php_parse_is_op(p, '{');
    if (!braces && !php_parse_is_op(p, ':'))
        php_parse_unexpected(p, "':' or '{'");
    php_parse_next(p);
    php_parse_accept_op(p, ';');
    p->loops++;
    p->blocks++;
    while (braces ? !php_parse_is_op(p, '}') : !php_parse_is_kw(p, KW_ENDSWITCH)) {
        struct pnode *c = php_parse_node(p, N_CASE);
        if (php_parse_accept_kw(p, KW_CASE))
            c->a = php_parse_expr(p, PREC_OR);
        else if (!php_parse_accept_kw(p, KW_DEFAULT))
            php_parse_unexpected(p, "case (T_CASE) or default (T_DEFAULT) or '}'");
        if (!php_parse_accept_op(p, ':') && !php_parse_accept_op(p, ';'))
            php_parse_unexpected(p, c->a ? NULL : "':' or ';'");
        while (!php_parse_is_kw(p, KW_CASE) && !php_parse_is_kw(p, KW_DEFAULT) && !php_parse_is_op(p, '}') &&
               !php_parse_is_kw(p, KW_ENDSWITCH)) {
            if (p->lex.kind == T_EOF)
                php_parse_unexpected(p, NULL);
            php_parse_append(p, c, php_parse_statement(p));
        }
        php_parse_append(p, n, php_parse_done(p, c));
    }
    p->loops--;
    p->blocks--;
    php_parse_next(p);
    if (!braces)
        php_parse_expect_semicolon(p, "';'");
    return php_parse_done(p, n);
}

static struct pnode *parse_break(struct parser *p, enum php_kind kind)
{
    struct pnode *n = php_parse_node(p, kind);
    const char *word = kind == N_BREAK ? "break" : "continue";
    php_parse_next(p);
    n->op = 1;
    if (p->lex.kind == T_LNUMBER) {
        struct pval v = php_parse_number_value(&p->lex);
        if (v.type != PHP_INT || v.i < 1)
            php_parse_compile_error(p, n->line, arena_printf(p->arena, "'%s' operator accepts only positive numbers", word));
        n->op = v.i < 1000 ? (int)v.i : 1000;
        php_parse_next(p);
    } else if (!php_parse_is_op(p, ';')) {
        php_parse_compile_error(p, n->line,
                                arena_printf(p->arena, "'%s' operator with non-constant operand is no longer supported", word));
    }
    php_parse_expect_semicolon(p, "';'");
    if (p->loops == 0 || n->op > (int)p->loops)    /* at run time in PHP 5, and fatal there: nothing that works is lost */
        php_parse_compile_error(p, n->line,
                                arena_printf(p->arena, "Cannot break/continue %d level%s", n->op, n->op == 1 ? "" : "s"));
    return php_parse_done(p, n);
}

static struct pnode *parse_global(struct parser *p)
{
    struct pnode *block = php_parse_node(p, N_BLOCK);
    php_parse_next(p);
    do {
        struct pnode *n = php_parse_node(p, N_BIND_GLOBAL);
        if (p->lex.kind != T_VARIABLE)
            php_parse_unexpected(p, "variable (T_VARIABLE) or '$'");
        struct str name = str_sub(p->lex.text, 1, p->lex.text.n);
        n->slot = php_parse_slot_of(p, p->fn, name);
        n->op = php_parse_slot_of(p, p->program->main, name);
        php_parse_next(p);
        php_parse_append(p, block, php_parse_done(p, n));
    } while (php_parse_accept_op(p, ','));
    php_parse_expect_semicolon(p, "',' or ';'");
    return php_parse_done(p, block);
}

static struct pnode *parse_static(struct parser *p)
{
    struct pnode *block = php_parse_node(p, N_BLOCK);
    php_parse_next(p);
    if (php_parse_is_op(p, OP2(':', ':')))
        php_parse_refuse(p, "classes (::)");
    do {
        struct pnode *n = php_parse_node(p, N_STATIC);
        if (p->lex.kind != T_VARIABLE)
            php_parse_unexpected(p, "variable (T_VARIABLE)");
        n->slot = php_parse_slot_of(p, p->fn, str_sub(p->lex.text, 1, p->lex.text.n));
        n->op = (int)p->fn->static_count++;
        php_parse_next(p);
        if (php_parse_accept_op(p, '='))
            n->a = php_parse_expr(p, PREC_OR);
        php_parse_append(p, block, php_parse_done(p, n));
    } while (php_parse_accept_op(p, ','));
    php_parse_expect_semicolon(p, "',' or ';'");
    return php_parse_done(p, block);
}

static struct pnode *parse_const(struct parser *p)
{
    struct pnode *block = php_parse_node(p, N_BLOCK);
    php_parse_next(p);
    do {
        struct pnode *n = php_parse_node(p, N_CONST_DECL);
        if (p->lex.kind != T_NAME)
            php_parse_unexpected(p, "identifier (T_STRING)");
        n->value = php_parse_immortal(p, p->lex.text);
        php_parse_next(p);
        php_parse_expect_op(p, '=', "'='");
        n->a = php_parse_expr(p, PREC_OR);
        php_parse_append(p, block, php_parse_done(p, n));
    } while (php_parse_accept_op(p, ','));
    php_parse_expect_semicolon(p, "',' or ';'");
    return php_parse_done(p, block);
}

static struct pnode *parse_unset(struct parser *p)
{
    struct pnode *n = php_parse_node(p, N_UNSET);
    php_parse_next(p);
    php_parse_expect_op(p, '(', "'('");
    do {
        struct pnode *v = php_parse_postfix(p);
        if (!php_parse_is_variable(v))
            php_parse_unexpected(p, NULL);
        php_parse_append(p, n, v);
    } while (php_parse_accept_op(p, ','));
    php_parse_expect_op(p, ')', "',' or ')'");
    php_parse_expect_semicolon(p, NULL);
    return php_parse_done(p, n);
}

static struct pnode *parse_echo(struct parser *p)
{
    struct pnode *n = php_parse_node(p, N_ECHO);
    do
        php_parse_append(p, n, php_parse_expr(p, PREC_OR));
    while (php_parse_accept_op(p, ','));
    php_parse_expect_semicolon(p, "',' or ';'");
    return php_parse_done(p, n);
}

static struct pnode *parse_do(struct parser *p)
{
    struct pnode *n = php_parse_node(p, N_DO);
    php_parse_next(p);
    p->loops++;
    p->blocks++;
    n->b = php_parse_statement(p);
    p->blocks--;
    p->loops--;
    if (!php_parse_accept_kw(p, KW_WHILE))
        php_parse_unexpected(p, "while (T_WHILE)");
    n->a = parse_parens(p);
    php_parse_expect_semicolon(p, NULL);
    return php_parse_done(p, n);
}

static struct pnode *parse_return(struct parser *p)
{
    struct pnode *n = php_parse_node(p, N_RETURN);
    php_parse_next(p);
    if (!php_parse_is_op(p, ';'))
        n->a = php_parse_expr(p, PREC_OR);
    php_parse_expect_semicolon(p, NULL);
    return php_parse_done(p, n);
}

static struct pnode *parse_html(struct parser *p)
{
    struct pnode *n = php_parse_node(p, N_ECHO);
    bool echo = p->lex.op;
    if (p->lex.text.n)
        php_parse_append(p, n, php_parse_literal(p, php_parse_immortal(p, p->lex.text)));
    php_parse_next(p);
    if (!echo)
        return php_parse_done(p, n);
    struct pnode *block = php_parse_node(p, N_BLOCK);
    php_parse_append(p, block, php_parse_done(p, n));
    php_parse_append(p, block, parse_echo(p));
    return php_parse_done(p, block);
}

static struct pnode *parse_while(struct parser *p)
{
    struct pnode *n = php_parse_node(p, N_WHILE);
    php_parse_next(p);
    n->a = parse_parens(p);
    n->b = parse_loop_body(p, KW_ENDWHILE);
    return php_parse_done(p, n);
}

static bool function_follows(struct parser *p)                     /* a declaration, not a closure used as a statement */
{
    struct php_lexer look = p->lex;
    php_lex_next(&look);
    if (look.kind == T_OP && look.op == '&')
        php_lex_next(&look);
    return !(look.kind == T_OP && look.op == '(');
}

static struct pnode *parse_keyword_statement(struct parser *p)
{
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
    case KW_ECHO: php_parse_next(p); return parse_echo(p);
    case KW_FUNCTION: return function_follows(p) ? php_parse_function(p, false) : NULL;
    case KW_USE: php_parse_refuse(p, "namespaces (use)");
    default: return NULL;
    }
}

struct pnode *php_parse_statement(struct parser *p)
{
    php_parse_enter(p);
    struct pnode *n = NULL;
    if (p->lex.kind == T_INLINE_HTML)
        n = parse_html(p);
    else if (php_parse_is_op(p, '{'))
        n = parse_block(p);
    else if (php_parse_is_op(p, ';'))
        n = php_parse_done(p, php_parse_node(p, N_BLOCK)), php_parse_next(p);
    else if (p->lex.kind == T_KEYWORD)
        n = parse_keyword_statement(p);
    if (!n) {
        int line = p->lex.token_line;
        bool label = p->lex.kind == T_NAME;
        struct pnode *e = php_parse_expr(p, PREC_OR);
        if (label && e->kind == N_CONST && php_parse_is_op(p, ':'))
            php_parse_refuse(p, "labels (goto)");
        php_parse_expect_semicolon(p, NULL);
        n = php_parse_node1(p, N_EXPR, line, e);
    }
    p->nesting--;
    return n;
}
