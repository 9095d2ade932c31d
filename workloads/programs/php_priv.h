/* workloads/programs/php_priv.h - what the files of the PHP engine share: values, the tree that a source is compiled
 * to, the machine.
 *
 * php_lex.c cuts the text into tokens, php_parse.c makes a tree in which every variable is already a slot number,
 * php_eval.c walks it, php_value.c knows what a value is, php_lib_*.c are the functions that PHP brings.
 */
#ifndef WORKLOADS_PROGRAMS_PHP_PRIV_H
#define WORKLOADS_PROGRAMS_PHP_PRIV_H

#include "workloads/programs/php.h"

#include <setjmp.h>

/* ---- values. A value owns one reference to what it points to; scalars are themselves. ---- */
enum php_type { PHP_NULL, PHP_BOOL, PHP_INT, PHP_FLOAT, PHP_STRING, PHP_ARRAY, PHP_CLOSURE, PHP_REF };
struct pval {
    enum php_type type;
    union {
        bool             b;
        int64_t          i;
        double           d;
        struct pstr     *s;
        struct parr     *a;
        struct pclosure *c;
        struct pref     *r;                        /* only in slots and array elements, never in a temporary */
    };
};
#define PV_NULL ((struct pval){ .type = PHP_NULL, .i = 0 })
/* a slot that was never assigned: null, but reading it is worth a notice */
#define PV_UNDEFINED ((struct pval){ .type = PHP_NULL, .i = 0x756e646566 })
static inline struct pval pv_bool(bool b) { return (struct pval){ .type = PHP_BOOL, .b = b }; }
static inline struct pval pv_int(int64_t i) { return (struct pval){ .type = PHP_INT, .i = i }; }
static inline struct pval pv_float(double d) { return (struct pval){ .type = PHP_FLOAT, .d = d }; }

enum { PHP_IMMORTAL = 1u << 30 };                  /* reference count of literals, which live in the arena */
struct pstr { uint32_t refs; size_t n, cap; char p[]; };             /* NUL-terminated; p has cap + 1 bytes */
struct pref { uint32_t refs; struct pval v; };
struct pclosure { uint32_t refs; struct pfunc *fn; size_t n; struct pval captured[]; };
struct pentry { struct pval v; struct pstr *key; int64_t index; bool used; };   /* key NULL: the integer index */
struct parr {
    uint32_t       refs;
    struct pentry *e;                              /* in order of insertion, with holes where used is false */
    /* hash index of e (position + 1); NULL while the keys are 0, 1, 2 ... without holes */
    uint32_t      *slots;
    size_t         n, cap, live, slot_count;
    int64_t        next_index;
    size_t         cursor;                         /* current(), next() ... */
};

/* ---- tokens ---- */
enum php_token {
    T_EOF, T_INLINE_HTML, T_VARIABLE, T_NAME, T_LNUMBER, T_DNUMBER, T_STRING_CONST, T_TEMPLATE, T_HEREDOC,
    T_NOWDOC, T_KEYWORD, T_OP, T_CAST, T_BAD,
};
struct php_lexer {
    struct str  src;
    size_t      pos;
    int         line;
    bool        in_php;
    enum php_token kind;                           /* the token under the cursor */
    struct str  text;                              /* as written; a variable's without the $ is text + 1 */
    struct str  body;                              /* of strings: between the quotes; of heredocs: the lines */
    /* T_OP: operator's characters packed ('<' << 8 | '='); T_KEYWORD, T_CAST: see below */
    int         op;
    int         token_line, body_line;
    bool        close_tag;                         /* the ';' is a ?> */
};
#define OP1(a) (a)
#define OP2(a, b) ((a) << 8 | (b))
#define OP3(a, b, c) ((a) << 16 | (b) << 8 | (c))

/* keyword, its token's name in PHP's messages, whether the subset has it */
#define PHP_KEYWORD_MAP(X)                                                                                                      \
    X(ECHO, "echo", 1) X(PRINT, "print", 1) X(IF, "if", 1) X(ELSEIF, "elseif", 1) X(ELSE, "else", 1) X(ENDIF, "endif", 1)       \
    X(WHILE, "while", 1) X(ENDWHILE, "endwhile", 1) X(DO, "do", 1) X(FOR, "for", 1) X(ENDFOR, "endfor", 1)                     \
    X(FOREACH, "foreach", 1)                                                                                                    \
    X(ENDFOREACH, "endforeach", 1) X(AS, "as", 1) X(SWITCH, "switch", 1) X(ENDSWITCH, "endswitch", 1) X(CASE, "case", 1)        \
    X(DEFAULT, "default", 1) X(BREAK, "break", 1) X(CONTINUE, "continue", 1) X(FUNCTION, "function", 1) X(RETURN, "return", 1)  \
    X(GLOBAL, "global", 1) X(STATIC, "static", 1) X(UNSET, "unset", 1) X(ISSET, "isset", 1) X(EMPTY, "empty", 1)                \
    X(LIST, "list", 1) X(ARRAY, "array", 1) X(EXIT, "exit", 1) X(DIE, "die", 1) X(CONST, "const", 1) X(USE, "use", 1)           \
    X(LOGICAL_AND, "and", 1) X(LOGICAL_OR, "or", 1) X(LOGICAL_XOR, "xor", 1) X(LINE, "__line__", 1) X(FILE, "__file__", 1)      \
    X(DIR, "__dir__", 1) X(FUNC_C, "__function__", 1) X(CALLABLE, "callable", 1)                                                \
    X(CLASS, "class", 0) X(INTERFACE, "interface", 0) X(TRAIT, "trait", 0) X(ABSTRACT, "abstract", 0) X(FINAL, "final", 0)      \
    X(NEW, "new", 0) X(CLONE, "clone", 0) X(INSTANCEOF, "instanceof", 0) X(TRY, "try", 0) X(CATCH, "catch", 0)                  \
    X(FINALLY, "finally", 0) X(THROW, "throw", 0) X(GOTO, "goto", 0) X(YIELD, "yield", 0) X(NAMESPACE, "namespace", 0)          \
    X(INCLUDE, "include", 0) X(INCLUDE_ONCE, "include_once", 0) X(REQUIRE, "require", 0) X(REQUIRE_ONCE, "require_once", 0)     \
    X(EVAL, "eval", 0) X(DECLARE, "declare", 0) X(HALT_COMPILER, "__halt_compiler", 0)
enum php_keyword {
#define KW_ENUM(id, text, supported) KW_##id,
    PHP_KEYWORD_MAP(KW_ENUM)
#undef KW_ENUM
    KW_COUNT
};
void php_lex_init(struct php_lexer *l, struct str src, bool in_php, int line);
void php_lex_next(struct php_lexer *l);
/* "'$y' (T_VARIABLE)", "end of file": what bison would call unexpected */
struct str php_lex_describe(struct arena *a, const struct php_lexer *l);
bool php_keyword_supported(enum php_keyword k);
const char *php_keyword_text(enum php_keyword k);

/* ---- the tree ---- */
enum php_kind {
    /* expressions */
    N_LIT, N_VAR, N_GLOBAL_VAR, N_INTERP, N_ARRAY, N_INDEX, N_ASSIGN, N_ASSIGN_REF, N_ASSIGN_OP, N_LIST,
    N_ASSIGN_LIST, N_BINARY, N_AND, N_OR, N_XOR, N_NOT, N_NEGATE, N_PLUS, N_BITNOT, N_TERNARY, N_PRE, N_POST,
    N_CALL, N_CALL_VALUE, N_ISSET, N_EMPTY, N_CAST, N_CONST, N_CLOSURE, N_SILENCE, N_PRINT, N_EXIT,
    /* statements */
    N_ECHO, N_EXPR, N_IF, N_WHILE, N_DO, N_FOR, N_FOREACH, N_SWITCH, N_CASE, N_BREAK, N_CONTINUE, N_RETURN,
    N_BIND_GLOBAL, N_STATIC, N_UNSET, N_BLOCK, N_FUNCTION, N_CONST_DECL, N_ELEMENT,
};
struct pnode {
    enum php_kind  kind;
    int            line, op;                       /* op: operator, +1/-1 of N_PRE and N_POST, type of a cast, levels of break */
    /* N_VAR, N_GLOBAL_VAR, N_STATIC, N_BIND_GLOBAL (local; op is the global one) */
    int            slot;
    unsigned       depth;                          /* 1 + the deepest child's: bounds the C stack of the evaluation */
    bool           by_ref;                         /* N_ELEMENT, N_FOREACH */
    struct pnode  *a, *b, *c, *d;
    struct pnode **list; size_t n, cap;
    struct pval    value;                          /* N_LIT; N_CONST, N_CALL: the name */
    struct pfunc  *fn;                             /* N_CALL once resolved; N_FUNCTION, N_CLOSURE */
    const struct php_builtin *builtin;             /* N_CALL once resolved */
};
struct pparam { struct str name; int slot; bool by_ref; struct pnode *dflt; const char *hint; };
struct pfunc {
    struct str     name;                           /* as declared; "{closure}" */
    struct pparam *params; size_t param_count;
    struct pparam *uses; size_t use_count;         /* closures: slot inside, dflt = the outer variable */
    struct str    *names; size_t slot_count, names_cap;  /* of the slots */
    struct pval   *statics; size_t static_count;   /* N_STATIC: op is the position here; a PHP_REF once initialized */
    struct pnode  *body;
    int            line;
    bool           declared;
};
struct php_program { struct pfunc *main; size_t node_count; struct pnode **hoisted; size_t hoisted_count, hoisted_cap; };
struct php_parse_error { bool unsupported; struct str text; int line; };
/* false: *e says why. The tree lives in the arena. */
bool php_parse(struct arena *a, struct str src, const char *path, struct php_program *out, struct php_parse_error *e);

/* ---- prices: see php_cost.c ---- */
enum php_cost {
    COST_COMPILE_NODE, COST_REQUEST, COST_ASSIGN, COST_ASSIGN_OP, COST_ARITH, COST_DIVIDE, COST_COMPARE,
    COST_LOGIC, COST_JUMP, COST_INC, COST_FREE, COST_CAST, COST_CONST, COST_CONCAT, COST_STRING_BYTE_16,
    COST_ECHO, COST_ECHO_BYTE_16, COST_FETCH_DIM, COST_WRITE_DIM, COST_ARRAY_INIT, COST_ELEMENT, COST_FE_FETCH,
    COST_ISSET, COST_SEND, COST_CALL_INTERNAL, COST_CALL_USER, COST_RECV, COST_RETURN, COST_SORT_COMPARE,
    COST_ERROR, COST_COUNT
};
extern const uint32_t php_cost_ns[COST_COUNT];

/* ---- the machine ---- */
enum php_severity { SEV_NOTICE, SEV_WARNING, SEV_DEPRECATED, SEV_FATAL, SEV_PARSE };
struct pframe { struct pval *slots; struct pfunc *fn; struct pval *extra; size_t extra_count; int call_line; struct pframe *up; };
struct php_block { struct php_block *prev, *next; size_t n; };
struct php_vm {
    struct arena             *arena;
    const struct php_options *opt;
    struct php_result        *out;
    struct php_block          blocks;              /* every allocation of the run: freed at the end whatever happened */
    struct strbuf             output, log;
    struct strbuf             captured[8]; size_t captured_count;    /* ob_start */
    struct map               *functions, *constants;
    struct pfunc             *main;
    struct pval              *globals;
    struct pframe            *frame;
    uint64_t                  ns, operations, wait_ns, ns_max;
    size_t                    memory_bytes, memory_peak;
    unsigned                  depth, freeing;
    int                       line, silence, reporting;      /* error_reporting */
    bool                      display;
    struct pval               scratch;             /* where a write goes that has no place */
    struct pval               result;              /* of return */
    int                       levels;              /* of break and continue still to leave */
    bool                      headers_fixed, seeded;
    uint64_t                  random_state, last_error;
    jmp_buf                   stop;                /* fatal errors and exit come back here */
};
#define SPEND(vm, cost) ((vm)->ns += php_cost_ns[cost], (vm)->operations++)
static inline void php_spend_bytes(struct php_vm *vm, enum php_cost per_16, size_t n) { vm->ns += n * php_cost_ns[per_16] / 16; }
void php_check_time(struct php_vm *vm);            /* stops the run when a limit is passed: loops and calls ask */

/* memory of the run: php_alloc'ed blocks count against memory_limit by what PHP 5.6 would use, given apart with php_account */
void *php_alloc(struct php_vm *vm, size_t n);
void *php_realloc(struct php_vm *vm, void *p, size_t n);
void php_free(struct php_vm *vm, void *p);         /* accepts NULL */
void php_account(struct php_vm *vm, ptrdiff_t bytes);
/* a zval and its text */
static inline ptrdiff_t php_string_bytes(size_t n) { return (ptrdiff_t)(48 + ((n + 8) & ~(size_t)7)); }

/* errors */
void php_report(struct php_vm *vm, enum php_severity sev, const char *fmt, ...) PRINTF(3, 4);
_Noreturn void php_fatal(struct php_vm *vm, const char *fmt, ...) PRINTF(2, 3);
_Noreturn void php_unsupported(struct php_vm *vm, const char *what);
_Noreturn void php_stop(struct php_vm *vm, enum php_error why);
void php_write(struct php_vm *vm, struct str s);   /* echo */

/* ---- php_value.c ---- */
struct pval php_str(struct php_vm *vm, struct str s);
struct pval php_strc(struct php_vm *vm, const char *s);
struct pval php_strf(struct php_vm *vm, const char *fmt, ...) PRINTF(2, 3);
struct pstr *php_str_new(struct php_vm *vm, size_t n);               /* uninitialized bytes */
struct pval php_value_copy(struct pval v);                                  /* one more reference; a PHP_REF is looked through */
void php_value_free_slow(struct php_vm *vm, struct pval v);
static inline void pv_free(struct php_vm *vm, struct pval v) { if (v.type >= PHP_STRING) php_value_free_slow(vm, v); }
static inline struct pval *pv_deref(struct pval *v) { return v->type == PHP_REF ? &((struct pref *)(void *)v->r)->v : v; }
void php_value_set(struct php_vm *vm, struct pval *to, struct pval v);      /* takes v; writes through a reference */
/* turns *v into a reference and gives another owner of it */
struct pval php_value_make_ref(struct php_vm *vm, struct pval *v);
static inline struct str pv_view(struct pval v) { return (struct str){ v.s->p, v.s->n }; }

bool   php_value_true(struct pval v);
int64_t php_value_to_int(struct pval v);
double php_value_to_float(struct pval v);
struct pval php_value_to_number(struct pval v);                             /* int or float */
/* a new reference; arrays give a notice and "Array" */
struct pval php_value_to_string(struct php_vm *vm, struct pval v);
size_t php_format_float(double d, int precision, char buf[64]);
enum php_type php_numeric(struct str s, bool prefix, int64_t *i, double *d);    /* PHP_INT, PHP_FLOAT or PHP_NULL: not a number */
const char *php_value_type_name(struct pval v);                             /* "integer", "string" ... as in PHP's warnings */
int    php_value_compare(struct php_vm *vm, struct pval a, struct pval b);  /* <0, 0, >0; 2 when uncomparable */
bool   php_value_equal(struct php_vm *vm, struct pval a, struct pval b);    /* == */
bool   php_value_identical(struct pval a, struct pval b);                   /* === */
struct pval php_value_arith(struct php_vm *vm, int op, struct pval a, struct pval b);  /* borrows both */
int64_t php_float_to_int(double d);

struct parr *php_array_new(struct php_vm *vm, size_t hint);
struct parr *php_array_own(struct php_vm *vm, struct pval *v);            /* v holds an array: unshared, ready for writing */
struct parr *php_array_clone(struct php_vm *vm, const struct parr *a);
void  php_array_free(struct php_vm *vm, struct parr *a);
struct pkey { struct pstr *s; int64_t i; };                          /* s NULL: integer */
/* false: illegal offset (warned); *hold is to be freed after */
bool  php_key(struct php_vm *vm, struct pval v, struct pkey *k, struct pval *hold);
struct pval *php_array_find(const struct parr *a, struct pkey k);         /* the element (may be a PHP_REF) or NULL */
struct pval *php_array_put(struct php_vm *vm, struct parr *a, struct pkey k);        /* found or added as null */
struct pval *php_array_push(struct php_vm *vm, struct parr *a, struct pval v);       /* takes v */
bool  php_array_remove(struct php_vm *vm, struct parr *a, struct pkey k);
void  php_array_set(struct php_vm *vm, struct parr *a, const char *key, struct pval v);    /* takes v */
struct pval php_value_array(struct parr *a);
struct pval php_array_key_value(const struct pentry *e);                  /* a new reference */
#define parr_for(e_, a_) for (struct pentry *e_ = (a_)->e, *e_##_end = (a_)->e + (a_)->n; e_ < e_##_end; e_++) if (e_->used)

static inline bool pv_undefined(struct pval v) { return v.type == PHP_NULL && v.i == PV_UNDEFINED.i; }

/* ---- php_eval.c, php_run.c ---- */
struct pval php_eval(struct php_vm *vm, struct pnode *n);            /* the caller owns the result */
bool php_eval_bool(struct php_vm *vm, struct pnode *n);
void php_eval_assign_list(struct php_vm *vm, struct pnode *list, struct pval v);       /* list($a, $b) = v; borrows v */
void php_eval_echo(struct php_vm *vm, struct pval v);                /* borrows v */
/* A statement; how it ended. FLOW_BREAK and FLOW_CONTINUE concern the loop around, FLOW_RETURN the function. */
enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN };
enum flow php_exec(struct php_vm *vm, struct pnode *n);
struct pval *php_place(struct php_vm *vm, struct pnode *n);          /* of a variable or element, made if absent */
struct pval php_read_quiet(struct php_vm *vm, struct pnode *n);      /* as isset() looks at it: no notices; a new reference */
void php_run_function(struct php_vm *vm, struct pfunc *main);
void php_declare(struct php_vm *vm, struct pfunc *fn);
void php_append(struct php_vm *vm, struct pval *to, struct str s);   /* *to (dereferenced) .= s */
struct pval php_concat(struct php_vm *vm, struct pval a, struct pval b);       /* borrows both */
void php_define(struct php_vm *vm, struct str name, struct pval v);  /* takes v */
struct pval php_call(struct php_vm *vm, struct pval callable, struct pval *args, size_t n);    /* borrows all */
bool php_callable(struct php_vm *vm, struct pval v);

/* ---- functions ---- */
/* arguments, converted as the signature says; by-reference ones point into PHP_REFs */
struct php_call { struct pval *v; size_t n; const char *name; };
/* sig as zend_parse_parameters': s string, l long, d double, b bool, n int or float, a array, z anything, c callable, |
 * optional from here, * any more, & by reference */
struct php_builtin { const char *name, *sig; struct pval (*fn)(struct php_vm *vm, struct php_call *c); uint32_t cost_ns; };
const struct php_builtin *php_builtin_find(struct str name);
struct pval php_builtin_call(struct php_vm *vm, const struct php_builtin *b, struct pval *args, size_t n);   /* takes args */
bool php_builtin_by_ref(const struct php_builtin *b, size_t arg);
bool php_constant(struct php_vm *vm, struct str name, struct pval *out);        /* built-in ones: M_PI, PHP_EOL ... */
extern const struct php_builtin php_lib_math[], php_lib_string[], php_lib_array[], php_lib_var[];    /* end with a NULL name */
struct pval php_format(struct php_vm *vm, struct php_call *c, size_t first);    /* sprintf; a null value after a warning */
static inline struct str php_arg_str(const struct php_call *c, size_t i) { return pv_view(c->v[i]); }

#endif
