/* workloads/programs/php_parse.h - what the two halves of the PHP parser share: php_parse.c (tokens, nodes,
 * expressions) and php_parse_stmt.c. */
#ifndef WORKLOADS_PROGRAMS_PHP_PARSE_H
#define WORKLOADS_PROGRAMS_PHP_PARSE_H

#include "workloads/programs/php_priv.h"

enum { NESTING_MAX = 200, TREE_DEPTH_MAX = 2000, NAMES_MAX = 20000 };
enum {
    PREC_OR = 1, PREC_XOR, PREC_AND, PREC_ASSIGN, PREC_TERNARY, PREC_BOOL_OR, PREC_BOOL_AND, PREC_BIT_OR,
    PREC_BIT_XOR, PREC_BIT_AND, PREC_EQUAL, PREC_LESS, PREC_SHIFT, PREC_ADD, PREC_MUL, PREC_NOT, PREC_UNARY,
    PREC_POW
};

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

_Noreturn void php_parse_refuse(struct parser *p, const char *what);
_Noreturn void php_parse_unexpected(struct parser *p, const char *expecting);
_Noreturn void php_parse_compile_error(struct parser *p, int line, const char *text);
bool php_parse_is_op(const struct parser *p, int op);
bool php_parse_is_kw(const struct parser *p, enum php_keyword k);
void php_parse_next(struct parser *p);
bool php_parse_accept_op(struct parser *p, int op);
bool php_parse_accept_kw(struct parser *p, enum php_keyword k);
void php_parse_expect_op(struct parser *p, int op, const char *expecting);
void php_parse_expect_semicolon(struct parser *p, const char *expecting);
void php_parse_enter(struct parser *p);
struct pnode *php_parse_node(struct parser *p, enum php_kind kind);
struct pnode *php_parse_done(struct parser *p, struct pnode *n);
void php_parse_append(struct parser *p, struct pnode *n, struct pnode *child);
struct pnode *php_parse_node1(struct parser *p, enum php_kind kind, int line, struct pnode *a);
struct pval php_parse_immortal(struct parser *p, struct str s);
struct pnode *php_parse_literal(struct parser *p, struct pval v);
int php_parse_slot_of(struct parser *p, struct pfunc *fn, struct str name);
struct pnode *php_parse_variable(struct parser *p, struct str name);
struct pfunc *php_parse_function_new(struct parser *p, struct str name);
bool php_parse_is_variable(const struct pnode *n);
struct pval php_parse_number_value(const struct php_lexer *l);
struct pnode *php_parse_list_target(struct parser *p);
struct pnode *php_parse_postfix(struct parser *p);
struct pnode *php_parse_expr(struct parser *p, int min_prec);
struct pnode *php_parse_function(struct parser *p, bool closure);
struct pnode *php_parse_statement(struct parser *p);

#endif
