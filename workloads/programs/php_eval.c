/* workloads/programs/php_eval.c - walks the tree of an expression (upstream: Zend/zend_vm_def.h of PHP 5.6).
 *
 * php_eval gives a value that the caller owns. Every node spends what its opcodes would cost. Order of evaluation is PHP's where a
 * script can tell: computed subscripts on the left, then the right side, then plain-variable subscripts and the write. Simplified:
 * destructors and objects do not exist.
 */
#include "workloads/programs/php_place.h"

enum { DEPTH_MAX = 12000, ARGS_INLINE = 6 };
static struct pval call_function(struct php_vm *vm, struct pfunc *fn, struct pval *args, size_t n, struct pclosure *closure);

static struct pval eval_assign(struct php_vm *vm, struct pnode *n)
{
    struct early early;
    early_none(&early);
    if (n->a->kind != N_INDEX) {
        struct pval v = php_eval(vm, n->b);
        php_eval_assign_to(vm, n->a, php_value_copy(v));
        return v;
    }
    php_eval_eval_early(vm, n->a, &early);
    struct pval v = php_eval(vm, n->b);
    SPEND(vm, COST_ASSIGN);
    if (early.n > 0 || !php_eval_assign_string_offset(vm, n->a, v)) {
        struct pval *p = php_eval_place(vm, n->a, &early, false, false);
        php_value_set(vm, p, php_value_copy(v));
    }
    return v;
}

void php_eval_assign_list(struct php_vm *vm, struct pnode *list, struct pval v)
{
    /* borrows v; from right to left, as PHP 5 */
    for (size_t i = list->n; i-- > 0;) {
        if (!list->list[i])
            continue;
        SPEND(vm, COST_FETCH_DIM);
        struct pval e = v.type == PHP_ARRAY ? php_eval_element(vm, v, pv_int((int64_t)i), false) : PV_NULL;
        if (list->list[i]->kind == N_LIST) {
            php_eval_assign_list(vm, list->list[i], e);
            pv_free(vm, e);
        } else {
            php_eval_assign_to(vm, list->list[i], e);
        }
    }
}

void php_append(struct php_vm *vm, struct pval *to, struct str s)
{
    to = pv_deref(to);
    ASSERT(to->type == PHP_STRING);
    size_t n = to->s->n + s.n;
    php_spend_bytes(vm, COST_STRING_BYTE_16, s.n);
    if (to->s->refs != 1 || n > to->s->cap) {
        bool own = s.p >= to->s->p && s.p <= to->s->p + to->s->n;
        size_t cap = to->s->refs == 1 ? n + n / 2 : n, at = own ? (size_t)(s.p - to->s->p) : 0;
        if (to->s->refs == 1) {
            php_account(vm, php_string_bytes(n) - php_string_bytes(to->s->n));
            to->s = php_realloc(vm, to->s, sizeof *to->s + cap + 1);
            s.p = own ? to->s->p + at : s.p;
        } else {
            struct pstr *copy = php_str_new(vm, to->s->n);
            php_account(vm, php_string_bytes(n) - php_string_bytes(to->s->n));
            copy = php_realloc(vm, copy, sizeof *copy + cap + 1);
            memcpy(copy->p, to->s->p, to->s->n);
            copy->cap = cap;
            memcpy(copy->p + to->s->n, s.p, s.n);
            copy->n = n;
            copy->p[n] = '\0';
            php_value_set(vm, to, (struct pval){ .type = PHP_STRING, .s = copy });
            return;
        }
        to->s->cap = cap;
    } else {
        php_account(vm, php_string_bytes(n) - php_string_bytes(to->s->n));
    }
    memmove(to->s->p + to->s->n, s.p, s.n);
    to->s->n = n;
    to->s->p[n] = '\0';
}

struct pval php_concat(struct php_vm *vm, struct pval a, struct pval b)
{
    struct pval x = php_value_to_string(vm, a), y = php_value_to_string(vm, b);
    struct pstr *s = php_str_new(vm, x.s->n + y.s->n);
    memcpy(s->p, x.s->p, x.s->n);
    memcpy(s->p + x.s->n, y.s->p, y.s->n);
    php_spend_bytes(vm, COST_STRING_BYTE_16, s->n);
    pv_free(vm, x);
    pv_free(vm, y);
    return (struct pval){ .type = PHP_STRING, .s = s };
}

static struct pval eval_assign_op(struct php_vm *vm, struct pnode *n)
{
    struct early early;
    early_none(&early);
    if (n->a->kind == N_INDEX)
        php_eval_eval_early(vm, n->a, &early);
    struct pval rhs = php_eval(vm, n->b), *p = php_eval_place(vm, n->a, &early, true, false);
    SPEND(vm, COST_ASSIGN_OP);
    vm->line = n->line;
    if (n->op == '.') {
        struct pval text = php_value_to_string(vm, rhs);
        if (p->type != PHP_STRING)
            php_value_set(vm, p, php_value_to_string(vm, *p));
        php_append(vm, p, pv_view(text));
        pv_free(vm, text);
    } else if (p->type == PHP_FLOAT && rhs.type == PHP_FLOAT && n->op == '+') {
        p->d += rhs.d;
    } else {
        php_value_set(vm, p, php_value_arith(vm, n->op, *p, rhs));
    }
    pv_free(vm, rhs);
    return php_value_copy(*p);
}

/* "Az" + 1 is "Ba", "z9" + 1 is "aa0". */
static struct pval increment_string(struct php_vm *vm, struct pval v)
{
    struct pval copy = php_str(vm, pv_view(v));
    char *s = copy.s->p, last = 0;
    size_t i = copy.s->n;
    while (i-- > 0) {
        char c = s[i];
        last = c >= 'a' && c <= 'z' ? 'a' : c >= 'A' && c <= 'Z' ? 'A' : c >= '0' && c <= '9' ? '1' : 0;
        if (!last)
            return copy;
        if (c != 'z' && c != 'Z' && c != '9') {
            s[i]++;
            return copy;
        }
        s[i] = c == 'z' ? 'a' : c == 'Z' ? 'A' : '0';
    }
    struct pstr *longer = php_str_new(vm, copy.s->n + 1);
    longer->p[0] = last;
    memcpy(longer->p + 1, copy.s->p, copy.s->n);
    pv_free(vm, copy);
    return (struct pval){ .type = PHP_STRING, .s = longer };
}

static struct pval stepped(struct php_vm *vm, struct pval v, int by)
{
    int64_t i;
    double d;
    switch (v.type) {
    case PHP_INT: case PHP_FLOAT: return php_value_arith(vm, '+', v, pv_int(by));
    case PHP_NULL: return by > 0 ? pv_int(1) : PV_NULL;
    case PHP_STRING: {
        if (v.s->n == 0)
            return by > 0 ? php_strc(vm, "1") : pv_int(-1);
        enum php_type t = php_numeric(pv_view(v), false, &i, &d);
        if (t != PHP_NULL)
            return php_value_arith(vm, '+', t == PHP_INT ? pv_int(i) : pv_float(d), pv_int(by));
        return by > 0 ? increment_string(vm, v) : php_value_copy(v);
    }
    default: return php_value_copy(v);
    }
}

static struct pval eval_step(struct php_vm *vm, struct pnode *n)
{
    struct pval *p = php_eval_place_now(vm, n->a, true, false);
    SPEND(vm, COST_INC);
    if (p->type == PHP_INT && (n->op > 0 ? p->i < INT64_MAX : p->i > INT64_MIN)) {
        int64_t before = p->i;
        p->i += n->op;
        return pv_int(n->kind == N_POST ? before : p->i);
    }
    struct pval before = n->kind == N_POST ? php_value_copy(*p) : PV_NULL;
    php_value_set(vm, p, stepped(vm, *p, n->op));
    return n->kind == N_POST ? before : php_value_copy(*p);
}

/* ---- operators ---- */
static struct pval eval_binary(struct php_vm *vm, struct pnode *n)
{
    struct pval a = php_eval(vm, n->a), b = php_eval(vm, n->b), v;
    vm->line = n->line;
    switch (n->op) {
    case '.':
        SPEND(vm, COST_CONCAT);
        v = php_concat(vm, a, b);
        break;
    case '<': case '>': case OP2('<', '='): case OP2('>', '='): {
        SPEND(vm, COST_COMPARE);
        int c = a.type == PHP_INT && b.type == PHP_INT ? (a.i > b.i) - (a.i < b.i) : php_value_compare(vm, a, b);
        v = pv_bool(n->op == '<'             ? c == -1
                    : n->op == '>'           ? c == 1
                    : n->op == OP2('<', '=') ? c == -1 || c == 0
                                             : c == 1 || c == 0);
        break;
    }
    case OP2('=', '='): case OP2('!', '='):
        SPEND(vm, COST_COMPARE);
        v = pv_bool(php_value_equal(vm, a, b) == (n->op == OP2('=', '=')));
        break;
    case OP3('=', '=', '='): case OP3('!', '=', '='):
        SPEND(vm, COST_COMPARE);
        v = pv_bool(php_value_identical(a, b) == (n->op == OP3('=', '=', '=')));
        break;
    default:
        SPEND(vm, n->op == '/' || n->op == '%' ? COST_DIVIDE : COST_ARITH);
        v = php_value_arith(vm, n->op, a, b);
    }
    pv_free(vm, a);
    pv_free(vm, b);
    return v;
}

bool php_eval_bool(struct php_vm *vm, struct pnode *n)
{
    struct pval v = php_eval(vm, n);
    bool b = php_value_true(v);
    pv_free(vm, v);
    return b;
}

static struct pval eval_logic(struct php_vm *vm, struct pnode *n)
{
    SPEND(vm, n->kind == N_XOR || n->kind == N_NOT ? COST_LOGIC : COST_JUMP);
    bool a = php_eval_bool(vm, n->a);
    switch (n->kind) {
    case N_AND: return pv_bool(a && php_eval_bool(vm, n->b));
    case N_OR: return pv_bool(a || php_eval_bool(vm, n->b));
    case N_XOR: return pv_bool(a != php_eval_bool(vm, n->b));
    default: return pv_bool(!a);
    }
}

static struct pval eval_ternary(struct php_vm *vm, struct pnode *n)
{
    SPEND(vm, COST_JUMP);
    struct pval a = php_eval(vm, n->a);
    bool yes = php_value_true(a);
    if (yes && !n->b)
        return a;
    pv_free(vm, a);
    return php_eval(vm, yes ? n->b : n->c);
}

static struct pval eval_cast(struct php_vm *vm, struct pnode *n)
{
    struct pval v = php_eval(vm, n->a), r = PV_NULL;
    SPEND(vm, COST_CAST);
    switch ((enum php_type)n->op) {
    case PHP_INT: r = pv_int(php_value_to_int(v)); break;
    case PHP_FLOAT: r = pv_float(php_value_to_float(v)); break;
    case PHP_BOOL: r = pv_bool(php_value_true(v)); break;
    case PHP_STRING: r = php_value_to_string(vm, v); break;
    case PHP_ARRAY:
        if (v.type == PHP_ARRAY)
            return v;
        r = php_value_array(php_array_new(vm, 1));
        if (v.type != PHP_NULL)
            php_array_push(vm, r.a, php_value_copy(v));
        break;
    default: break;
    }
    pv_free(vm, v);
    return r;
}

static struct pval eval_unary(struct php_vm *vm, struct pnode *n)
{
    struct pval v = php_eval(vm, n->a), r;
    SPEND(vm, COST_ARITH);
    vm->line = n->line;
    if (n->kind == N_BITNOT) {
        if (v.type != PHP_INT && v.type != PHP_FLOAT && v.type != PHP_STRING)
            php_fatal(vm, "Unsupported operand types");
        r = pv_int(~php_value_to_int(v));
    } else {
        r = php_value_arith(vm, '*', v, pv_int(n->kind == N_NEGATE ? -1 : 1));
    }
    pv_free(vm, v);
    return r;
}

static struct pval eval_array(struct php_vm *vm, struct pnode *n)
{
    struct pval r = php_value_array(php_array_new(vm, n->n));
    SPEND(vm, COST_ARRAY_INIT);
    for (size_t i = 0; i < n->n; i++) {
        struct pnode *e = n->list[i];
        struct pval key = e->a ? php_eval(vm, e->a) : PV_NULL,
                    v = e->by_ref ? php_eval_reference_to(vm, e->b) : php_eval(vm, e->b), hold;
        struct pkey k;
        SPEND(vm, COST_ELEMENT);
        if (!e->a) {
            php_array_push(vm, r.a, v);
        } else if (php_key(vm, key, &k, &hold)) {
            struct pval *p = php_array_put(vm, r.a, k), old = *p;
            *p = v;
            pv_free(vm, old);
            pv_free(vm, hold);
        } else {
            pv_free(vm, v);
        }
        pv_free(vm, key);
    }
    return r;
}

static struct pval eval_interp(struct php_vm *vm, struct pnode *n)
{
    struct pval r = php_str(vm, STR_NULL);
    for (size_t i = 0; i < n->n; i++) {
        struct pval v = php_eval(vm, n->list[i]), text = php_value_to_string(vm, v);
        vm->ns += php_cost_ns[COST_CONCAT] / 2;    /* ADD_STRING, ADD_VAR */
        vm->operations++;
        php_append(vm, &r, pv_view(text));
        pv_free(vm, text);
        pv_free(vm, v);
    }
    return r;
}

static struct pval eval_isset(struct php_vm *vm, struct pnode *n)
{
    bool all = true;
    for (size_t i = 0; all && i < n->n; i++) {
        struct pval v = php_read_quiet(vm, n->list[i]);
        SPEND(vm, COST_ISSET);
        all = v.type != PHP_NULL;
        pv_free(vm, v);
    }
    return pv_bool(all);
}

static struct pval eval_constant(struct php_vm *vm, struct pnode *n)
{
    struct pval v, *defined = map_get(vm->constants, pv_view(n->value));
    SPEND(vm, COST_CONST);
    if (defined)
        return php_value_copy(*defined);
    if (php_constant(vm, pv_view(n->value), &v))
        return v;
    vm->line = n->line;
    php_report(vm, SEV_NOTICE, "Use of undefined constant %s - assumed '%s'", n->value.s->p, n->value.s->p);
    return n->value;
}

static struct pval eval_closure(struct php_vm *vm, struct pnode *n)
{
    struct pclosure *c = php_alloc(vm, sizeof *c + n->fn->use_count * sizeof(struct pval));
    *c = (struct pclosure){ .refs = 1, .fn = n->fn };
    php_account(vm, 200);
    SPEND(vm, COST_ARRAY_INIT);
    for (size_t i = 0; i < n->fn->use_count; i++) {
        struct pparam *u = &n->fn->uses[i];
        c->captured[i] = u->by_ref ? php_eval_reference_to(vm, u->dflt) : php_eval(vm, u->dflt);
        c->n++;
    }
    return (struct pval){ .type = PHP_CLOSURE, .c = c };
}

static struct pval eval_exit(struct php_vm *vm, struct pnode *n)
{
    struct pval v = n->a ? php_eval(vm, n->a) : PV_NULL;
    if (v.type == PHP_STRING)
        php_write(vm, pv_view(v));
    php_stop(vm, PHP_ERROR_NONE);
}

void php_eval_echo(struct php_vm *vm, struct pval v)
{
    struct pval text = php_value_to_string(vm, v);
    SPEND(vm, COST_ECHO);
    php_spend_bytes(vm, COST_ECHO_BYTE_16, text.s->n);
    php_write(vm, pv_view(text));
    pv_free(vm, text);
}

/* ---- calls ---- */
void php_declare(struct php_vm *vm, struct pfunc *fn)
{
    char *lower = arena_cstr(vm->arena, fn->name);
    for (char *c = lower; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    struct pfunc *old = map_getc(vm->functions, lower);
    if (old)
        php_fatal(vm, "Cannot redeclare " STR_FMT "() (previously declared in %s:%d)", STR_ARG(old->name),
                  vm->opt->script_path, old->line);
    if (php_builtin_find(str_c(lower)))
        php_fatal(vm, "Cannot redeclare " STR_FMT "()", STR_ARG(fn->name));
    map_putc(vm->functions, lower, fn);
}

static bool resolve(struct php_vm *vm, struct str name, struct pfunc **fn, const struct php_builtin **builtin)
{
    char lower[128];
    if (name.n >= sizeof lower)
        return false;
    for (size_t i = 0; i < name.n; i++)
        lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
    *fn = map_get(vm->functions, (struct str){ lower, name.n });
    *builtin = *fn ? NULL : php_builtin_find((struct str){ lower, name.n });
    return *fn || *builtin;
}

static bool takes_reference(const struct pfunc *fn, const struct php_builtin *b, size_t i)
{
    return fn ? i < fn->param_count && fn->params[i].by_ref : php_builtin_by_ref(b, i);
}

static struct pval call_with(struct php_vm *vm, struct pnode *n, struct pfunc *fn, const struct php_builtin *b,
                             struct pclosure *closure)
{
    struct pval few[ARGS_INLINE], *args = n->n <= ARGS_INLINE ? few : php_alloc(vm, n->n * sizeof *args), v;
    for (size_t i = 0; i < n->n; i++) {
        SPEND(vm, COST_SEND);
        if (!takes_reference(fn, b, i)) {
            args[i] = php_eval(vm, n->list[i]);
        } else if (n->list[i]->kind == N_VAR || n->list[i]->kind == N_GLOBAL_VAR || n->list[i]->kind == N_INDEX) {
            args[i] = php_eval_reference_to(vm, n->list[i]);
        } else {
            /* a temporary: "Only variables should be passed by reference", a strict notice that is off */
            struct pval temporary = php_eval(vm, n->list[i]);
            args[i] = php_value_make_ref(vm, &temporary);
            args[i].r->refs--;
        }
    }
    vm->line = n->line;
    v = fn ? call_function(vm, fn, args, n->n, closure) : php_builtin_call(vm, b, args, n->n);
    if (args != few)
        php_free(vm, args);
    return v;
}

static struct pval eval_call(struct php_vm *vm, struct pnode *n)
{
    if (!n->fn && !n->builtin && !resolve(vm, pv_view(n->value), &n->fn, &n->builtin)) {
        vm->line = n->line;
        php_fatal(vm, "Call to undefined function %s()", n->value.s->p);
    }
    return call_with(vm, n, n->fn, n->builtin, NULL);
}

static struct pval eval_call_value(struct php_vm *vm, struct pnode *n)
{
    struct pval callee = php_eval(vm, n->a), v;
    struct pfunc *fn = NULL;
    const struct php_builtin *b = NULL;
    vm->line = n->line;
    if (callee.type == PHP_CLOSURE)
        fn = callee.c->fn;
    else if (callee.type != PHP_STRING)
        php_fatal(vm, "Function name must be a string");
    else if (!resolve(vm, pv_view(callee), &fn, &b))
        php_fatal(vm, "Call to undefined function %s()", callee.s->p);
    v = call_with(vm, n, fn, b, callee.type == PHP_CLOSURE ? callee.c : NULL);
    pv_free(vm, callee);
    return v;
}

bool php_callable(struct php_vm *vm, struct pval v)
{
    struct pfunc *fn;
    const struct php_builtin *b;
    v = *pv_deref(&v);
    return v.type == PHP_CLOSURE || (v.type == PHP_STRING && resolve(vm, pv_view(v), &fn, &b));
}

struct pval php_call(struct php_vm *vm, struct pval callable, struct pval *args, size_t n)
{
    struct pfunc *fn = NULL;
    const struct php_builtin *b = NULL;
    struct pval copy[8], c = *pv_deref(&callable);
    ASSERT(n <= ARRAY_LEN(copy));
    if (c.type == PHP_CLOSURE)
        fn = c.c->fn;
    else if (c.type != PHP_STRING || !resolve(vm, pv_view(c), &fn, &b))
        return PV_NULL;
    for (size_t i = 0; i < n; i++) {
        bool ref = takes_reference(fn, b, i);
        copy[i] = ref && args[i].type == PHP_REF ? args[i] : php_value_copy(args[i]);
        if (ref && args[i].type == PHP_REF)
            copy[i].r->refs++;
        SPEND(vm, COST_SEND);
    }
    return fn ? call_function(vm, fn, copy, n, c.type == PHP_CLOSURE ? c.c : NULL) : php_builtin_call(vm, b, copy, n);
}

static void bind_param(struct php_vm *vm, struct pframe *f, size_t i, struct pval *args, size_t n)
{
    struct pparam *param = &f->fn->params[i];
    struct pval *slot = &f->slots[param->slot], v;
    SPEND(vm, COST_RECV);
    if (i < n) {
        *slot = args[i];                           /* by value it came dereferenced, by reference as one */
        v = *pv_deref(slot);
    } else if (param->dflt) {
        v = *slot = php_eval(vm, param->dflt);
    } else {
        php_report(vm, SEV_WARNING, "Missing argument %zu for " STR_FMT "(), called in %s on line %d and defined", i + 1,
                   STR_ARG(f->fn->name), vm->opt->script_path, f->call_line);
        return;
    }
    bool ok = !param->hint || (v.type == PHP_NULL && param->dflt) ||
              (strcmp(param->hint, "array") == 0 ? v.type == PHP_ARRAY : php_callable(vm, v));
    if (!ok)
        php_fatal(vm, "Argument %zu passed to " STR_FMT "() must be %s %s, %s given, called in %s on line %d and defined",
                  i + 1, STR_ARG(f->fn->name), strcmp(param->hint, "array") == 0 ? "of the type" : "", param->hint,
                  php_value_type_name(v), vm->opt->script_path, f->call_line);
}

/* Takes the arguments. The frame's variables live in a block of their own; the C stack grows by what the body's tree is deep. */
static struct pval call_function(struct php_vm *vm, struct pfunc *fn, struct pval *args, size_t n, struct pclosure *closure)
{
    struct pframe f = { .fn = fn, .call_line = vm->line, .up = vm->frame };
    SPEND(vm, COST_CALL_USER);
    php_check_time(vm);
    vm->depth += fn->body->depth + 4;
    php_account(vm, (ptrdiff_t)(200 + fn->slot_count * 56));
    if (vm->depth > DEPTH_MAX) {                   /* PHP 5.6 itself would end like this, somewhat deeper */
        vm->out->error = PHP_ERROR_MEMORY;
        php_fatal(vm, "Allowed memory size of %zu bytes exhausted (tried to allocate 130968 bytes)", vm->opt->memory_bytes_max);
    }
    f.slots = php_alloc(vm, (fn->slot_count + 1) * sizeof *f.slots);
    for (size_t i = 0; i < fn->slot_count; i++)
        f.slots[i] = PV_UNDEFINED;
    f.extra = n > fn->param_count ? args + fn->param_count : NULL;
    f.extra_count = n > fn->param_count ? n - fn->param_count : 0;
    if (closure)
        closure->refs++;
    for (size_t i = 0; closure && i < closure->n; i++) {
        struct pval *slot = &f.slots[fn->uses[i].slot];
        *slot = closure->captured[i];
        if (slot->type == PHP_REF)
            slot->r->refs++;
        else
            *slot = php_value_copy(*slot);
    }
    vm->frame = &f;
    for (size_t i = 0; i < fn->param_count; i++)
        bind_param(vm, &f, i, args, n);
    vm->result = PV_NULL;
    enum flow flow = php_exec(vm, fn->body);
    struct pval result = flow == FLOW_RETURN ? vm->result : PV_NULL;
    vm->result = PV_NULL;
    for (size_t i = 0; i < fn->slot_count; i++)
        pv_free(vm, f.slots[i]);
    for (size_t i = 0; i < f.extra_count; i++)
        pv_free(vm, f.extra[i]);
    php_free(vm, f.slots);
    if (closure)
        pv_free(vm, (struct pval){ .type = PHP_CLOSURE, .c = closure });
    php_account(vm, -(ptrdiff_t)(200 + fn->slot_count * 56));
    vm->depth -= fn->body->depth + 4;
    vm->frame = f.up;
    vm->line = f.call_line;
    return result;
}

/* Dispatch: expressions. */
struct pval php_eval(struct php_vm *vm, struct pnode *n)
{
    switch (n->kind) {
    case N_LIT: return php_value_copy(n->value);
    case N_VAR: case N_GLOBAL_VAR: {
        struct pval v = *php_eval_slot(vm, n);
        if (v.type == PHP_INT || v.type == PHP_FLOAT)
            return v;
        return pv_undefined(v) ? php_eval_undefined_variable(vm, n) : php_value_copy(v);
    }
    case N_BINARY: return eval_binary(vm, n);
    case N_ASSIGN: return eval_assign(vm, n);
    case N_ASSIGN_OP: return eval_assign_op(vm, n);
    case N_PRE: case N_POST: return eval_step(vm, n);
    case N_CALL: return eval_call(vm, n);
    case N_INDEX: return php_eval_index(vm, n);
    case N_AND: case N_OR: case N_XOR: case N_NOT: return eval_logic(vm, n);
    case N_TERNARY: return eval_ternary(vm, n);
    case N_NEGATE: case N_PLUS: case N_BITNOT: return eval_unary(vm, n);
    case N_INTERP: return eval_interp(vm, n);
    case N_ARRAY: return eval_array(vm, n);
    case N_CONST: return eval_constant(vm, n);
    case N_CAST: return eval_cast(vm, n);
    case N_ISSET: return eval_isset(vm, n);
    case N_CALL_VALUE: return eval_call_value(vm, n);
    case N_CLOSURE: return eval_closure(vm, n);
    case N_EXIT: return eval_exit(vm, n);
    case N_EMPTY: {
        struct pval v = php_read_quiet(vm, n->a);
        bool empty = !php_value_true(v);
        SPEND(vm, COST_ISSET);
        pv_free(vm, v);
        return pv_bool(empty);
    }
    case N_ASSIGN_REF: {
        struct pval ref = php_eval_reference_to(vm, n->b), *to = php_eval_raw_place(vm, n->a), old = *to;
        SPEND(vm, COST_ASSIGN);
        *to = ref;
        pv_free(vm, old);
        return php_value_copy(ref);
    }
    case N_ASSIGN_LIST: {
        struct pval v = php_eval(vm, n->b);
        php_eval_assign_list(vm, n->a, v);
        return v;
    }
    case N_SILENCE: {
        vm->silence++;
        struct pval v = php_eval(vm, n->a);
        vm->silence--;
        return v;
    }
    case N_PRINT: {
        struct pval v = php_eval(vm, n->a);
        php_eval_echo(vm, v);
        pv_free(vm, v);
        return pv_int(1);
    }
    default: ASSERT(!"an expression"); return PV_NULL;
    }
}
