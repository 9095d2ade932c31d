/* workloads/programs/php_place.c - variables and elements, read and written (upstream: zend_fetch_dimension_address and
 * friends, Zend/zend_execute.c).
 *
 * A place is a pointer into a slot or an array. It stays good only as long as no code of the script runs, so computed
 * subscripts are evaluated first (struct early), and the place is looked for when everything else is known. Missing
 * arrays and elements are made on the way when writing.
 */
#include "workloads/programs/php_place.h"

/* ---- reading ---- */
struct pval *php_eval_slot(struct php_vm *vm, struct pnode *n)
{
    return n->kind == N_VAR ? &vm->frame->slots[n->slot] : &vm->globals[n->slot];
}

struct pval php_eval_undefined_variable(struct php_vm *vm, struct pnode *n)
{
    struct pfunc *fn = n->kind == N_VAR ? vm->frame->fn : vm->main;
    vm->line = n->line;
    php_report(vm, SEV_NOTICE, "Undefined variable: " STR_FMT, STR_ARG(fn->names[n->slot]));
    return PV_NULL;
}

static void undefined_key(struct php_vm *vm, struct pkey k)
{
    if (k.s)
        php_report(vm, SEV_NOTICE, "Undefined index: " STR_FMT, (int)k.s->n, k.s->p);
    else
        php_report(vm, SEV_NOTICE, "Undefined offset: %" PRId64, k.i);
}

static struct pval string_offset(struct php_vm *vm, struct pval s, struct pval index, bool quiet)
{
    int64_t i = php_value_to_int(index), number;
    double d;
    if (index.type == PHP_STRING && php_numeric(pv_view(index), false, &number, &d) != PHP_INT) {
        if (quiet)
            return PV_NULL;
        php_report(vm, SEV_WARNING, "Illegal string offset '" STR_FMT "'", STR_ARG(pv_view(index)));
    }
    if (i < 0 || (size_t)i >= s.s->n) {
        if (quiet)
            return PV_NULL;
        php_report(vm, SEV_NOTICE, "Uninitialized string offset: %" PRId64, i);
        return php_str(vm, STR_NULL);
    }
    return php_str(vm, (struct str){ s.s->p + i, 1 });
}

struct pval php_eval_element(struct php_vm *vm, struct pval base, struct pval index, bool quiet)
{
    struct pkey k;
    struct pval hold;
    if (base.type == PHP_STRING)
        return string_offset(vm, base, index, quiet);
    if (base.type != PHP_ARRAY || !php_key(vm, index, &k, &hold))
        return PV_NULL;
    struct pval *p = php_array_find(base.a, k);
    if (!p && !quiet)
        undefined_key(vm, k);
    pv_free(vm, hold);
    return p ? php_value_copy(*p) : PV_NULL;
}

/* The base of a subscript is borrowed when it is a variable, so that $a[$i] does not count references of $a up and down. */
struct pval php_eval_index(struct php_vm *vm, struct pnode *n)
{
    if (!n->b)
        php_fatal(vm, "Cannot use [] for reading");
    bool borrowed = n->a->kind == N_VAR || n->a->kind == N_GLOBAL_VAR;
    struct pval base = borrowed ? PV_NULL : php_eval(vm, n->a), index = php_eval(vm, n->b);
    if (borrowed) {
        base = *pv_deref(php_eval_slot(vm, n->a));
        if (pv_undefined(base))
            php_eval_undefined_variable(vm, n->a);
    }
    vm->line = n->line;
    SPEND(vm, COST_FETCH_DIM);
    struct pval v = php_eval_element(vm, base, index, false);
    if (!borrowed)
        pv_free(vm, base);
    pv_free(vm, index);
    return v;
}

struct pval php_read_quiet(struct php_vm *vm, struct pnode *n)
{
    if (n->kind == N_VAR || n->kind == N_GLOBAL_VAR)
        return php_value_copy(*php_eval_slot(vm, n));
    if (n->kind != N_INDEX || !n->b)
        return php_eval(vm, n);
    struct pval base = php_read_quiet(vm, n->a), index = php_eval(vm, n->b);
    SPEND(vm, COST_FETCH_DIM);
    struct pval v = php_eval_element(vm, base, index, true);
    pv_free(vm, base);
    pv_free(vm, index);
    return v;
}

/* ---- writing ---- */

static bool computed(const struct pnode *index)
{
    return index && index->kind != N_LIT && index->kind != N_VAR;
}

void php_eval_eval_early(struct php_vm *vm, struct pnode *n, struct early *early)
{
    if (n->kind != N_INDEX)
        return;
    php_eval_eval_early(vm, n->a, early);
    if (!computed(n->b))
        return;
    if (early->n == SUBSCRIPTS_MAX)
        php_unsupported(vm, "more than 16 computed subscripts in one assignment");
    early->v[early->n++] = php_eval(vm, n->b);
}

static struct pval *scratch(struct php_vm *vm)
{
    pv_free(vm, vm->scratch);
    vm->scratch = PV_NULL;
    return &vm->scratch;
}

/* A subscript's value: computed ones were evaluated before the place was looked for, since their code may change what
 * is there. */
static struct pval subscript(struct php_vm *vm, struct pnode *n, struct early *early)
{
    return !n->b ? PV_NULL : computed(n->b) ? early->v[early->used++] : php_eval(vm, n->b);
}

/* The storage of n; missing arrays and elements are made. notice: it is read too, so what is missing is worth one. raw:
 * not looked through if it is a reference, so that another can be put there. Nothing here runs the script's code:
 * pointers into arrays stay good. */
struct pval *php_eval_place(struct php_vm *vm, struct pnode *n, struct early *early, bool notice, bool raw)
{
    if (n->kind == N_VAR || n->kind == N_GLOBAL_VAR) {
        struct pval *p = php_eval_slot(vm, n);
        if (pv_undefined(*p)) {
            if (notice)
                php_eval_undefined_variable(vm, n);
            *p = PV_NULL;
        }
        return raw ? p : pv_deref(p);
    }
    if (n->kind != N_INDEX)
        php_fatal(vm, "Can't use function return value in write context");
    struct pval *base = php_eval_place(vm, n->a, early, false, false), key = subscript(vm, n, early), hold, *p;
    struct pkey k;
    vm->line = n->line;
    SPEND(vm, COST_WRITE_DIM);
    if (base->type == PHP_NULL || (base->type == PHP_BOOL && !base->b) || (base->type == PHP_STRING && base->s->n == 0))
        php_value_set(vm, base, php_value_array(php_array_new(vm, 0)));
    if (base->type == PHP_STRING)
        php_fatal(vm, n->b ? "Cannot use string offset as an array" : "[] operator not supported for strings");
    if (base->type != PHP_ARRAY) {
        php_report(vm, SEV_WARNING, "Cannot use a scalar value as an array");
        p = scratch(vm);
    } else if (!n->b) {
        p = php_array_push(vm, php_array_own(vm, base), PV_NULL);
        p = p ? p : scratch(vm);
    } else if (php_key(vm, key, &k, &hold)) {
        struct parr *a = php_array_own(vm, base);
        if (notice && !php_array_find(a, k))
            undefined_key(vm, k);
        p = php_array_put(vm, a, k);
        pv_free(vm, hold);
    } else {
        p = scratch(vm);
    }
    pv_free(vm, key);
    return raw ? p : pv_deref(p);
}

struct pval *php_eval_place_now(struct php_vm *vm, struct pnode *n, bool notice, bool raw)
{
    struct early early;
    early_none(&early);
    if (n->kind == N_INDEX)
        php_eval_eval_early(vm, n, &early);
    return php_eval_place(vm, n, &early, notice, raw);
}

struct pval *php_place(struct php_vm *vm, struct pnode *n)
{
    return php_eval_place_now(vm, n, false, false);
}

struct pval *php_eval_raw_place(struct php_vm *vm, struct pnode *n)
{
    return php_eval_place_now(vm, n, false, true);
}

struct pval php_eval_reference_to(struct php_vm *vm, struct pnode *n)
{
    return php_value_make_ref(vm, php_eval_raw_place(vm, n));
}

/* $s[3] = 'x': only the first byte counts; padded with blanks when past the end. */
bool php_eval_assign_string_offset(struct php_vm *vm, struct pnode *target, struct pval v)
{
    if (target->kind != N_INDEX || !target->b || target->a->kind != N_VAR)
        return false;
    struct pval *base = pv_deref(php_eval_slot(vm, target->a));
    if (base->type != PHP_STRING || base->s->n == 0)
        return false;
    struct pval index = php_eval(vm, target->b), text = php_value_to_string(vm, v);
    int64_t i = php_value_to_int(index);
    base = pv_deref(php_eval_slot(vm, target->a));
    if (i < 0 || i > 1 << 26) {
        php_report(vm, SEV_WARNING, "Illegal string offset:  %" PRId64, i);
    } else if (base->type == PHP_STRING) {
        size_t n = (size_t)i >= base->s->n ? (size_t)i + 1 : base->s->n;
        struct pstr *s = php_str_new(vm, n);
        memset(s->p, ' ', n);
        memcpy(s->p, base->s->p, base->s->n);
        s->p[i] = text.s->n ? text.s->p[0] : '\0';
        php_value_set(vm, base, (struct pval){ .type = PHP_STRING, .s = s });
    }
    pv_free(vm, text);
    pv_free(vm, index);
    return true;
}

void php_eval_assign_to(struct php_vm *vm, struct pnode *target, struct pval v)         /* takes v */
{
    SPEND(vm, COST_ASSIGN);
    if (target->kind == N_VAR) {
        php_value_set(vm, &vm->frame->slots[target->slot], v);
        return;
    }
    if (php_eval_assign_string_offset(vm, target, v)) {
        pv_free(vm, v);
        return;
    }
    php_value_set(vm, php_place(vm, target), v);
}
