/* workloads/programs/php_exec.c - runs the tree of a statement (upstream: Zend/zend_vm_def.h and zend_compile.c of PHP 5.6).
 *
 * php_exec tells how a statement ended: whether what follows it is next, or a loop or a function is to be left. Every statement
 * spends what its opcodes would cost. Simplified: foreach over a variable always iterates over the array as it was.
 */
#include "workloads/programs/php_place.h"

static void exec_list(struct php_vm *vm, struct pnode *list)       /* of for: expressions whose values nobody wants */
{
    for (size_t i = 0; i < list->n; i++) {
        pv_free(vm, php_eval(vm, list->list[i]));
        SPEND(vm, COST_FREE);
    }
}

/* After a loop's body: true when the loop goes on; else *out is how the loop ends. */
static bool loop_goes_on(struct php_vm *vm, enum flow flow, enum flow *out)
{
    *out = FLOW_NEXT;
    if (flow == FLOW_NEXT)
        return true;
    if (flow == FLOW_RETURN) {
        *out = flow;
        return false;
    }
    if (--vm->levels > 0) {
        *out = flow;
        return false;
    }
    return flow == FLOW_CONTINUE;
}

static enum flow exec_while(struct php_vm *vm, struct pnode *n)
{
    enum flow out = FLOW_NEXT;
    bool first = n->kind == N_DO;
    for (;;) {
        vm->line = n->line;
        SPEND(vm, COST_JUMP);
        SPEND(vm, COST_JUMP);
        php_check_time(vm);
        if (!first && !php_eval_bool(vm, n->a))
            return FLOW_NEXT;
        first = false;
        if (!loop_goes_on(vm, php_exec(vm, n->b), &out))
            return out;
    }
}

static enum flow exec_for(struct php_vm *vm, struct pnode *n)
{
    enum flow out;
    for (exec_list(vm, n->a);; exec_list(vm, n->c)) {
        vm->line = n->line;
        SPEND(vm, COST_JUMP);
        SPEND(vm, COST_JUMP);
        php_check_time(vm);
        bool go_on = true;
        for (size_t i = 0; i < n->b->n; i++) {     /* the last one decides */
            struct pval v = php_eval(vm, n->b->list[i]);
            go_on = php_value_true(v);
            pv_free(vm, v);
        }
        if (!go_on)
            return FLOW_NEXT;
        if (!loop_goes_on(vm, php_exec(vm, n->d), &out))
            return out;
    }
}

static void foreach_bind(struct php_vm *vm, struct pnode *target, struct pval v)       /* takes v */
{
    if (target->kind == N_LIST) {
        php_eval_assign_list(vm, target, v);
        pv_free(vm, v);
    } else {
        php_eval_assign_to(vm, target, v);
    }
}

static enum flow foreach_by_ref(struct php_vm *vm, struct pnode *n)
{
    struct pval held = php_value_make_ref(vm, php_eval_raw_place(vm, n->a)), *v = &held.r->v;
    enum flow out = FLOW_NEXT;
    if (v->type != PHP_ARRAY)
        php_report(vm, SEV_WARNING, "Invalid argument supplied for foreach()");
    for (size_t i = 0; v->type == PHP_ARRAY && i < v->a->n; i++) {
        SPEND(vm, COST_FE_FETCH);
        php_check_time(vm);
        struct parr *a = php_array_own(vm, v);
        if (i >= a->n || !a->e[i].used)
            continue;
        if (n->b)
            php_eval_assign_to(vm, n->b, php_array_key_value(&a->e[i]));
        a = php_array_own(vm, v);
        struct pval ref = php_value_make_ref(vm, &a->e[i].v), *to = php_eval_raw_place(vm, n->c), old = *to;
        *to = ref;
        pv_free(vm, old);
        if (!loop_goes_on(vm, php_exec(vm, n->d), &out))
            break;
    }
    pv_free(vm, held);
    return out;
}

static enum flow exec_foreach(struct php_vm *vm, struct pnode *n)
{
    vm->line = n->line;
    if (n->by_ref)
        return foreach_by_ref(vm, n);
    struct pval subject = php_eval(vm, n->a);
    enum flow out = FLOW_NEXT;
    vm->line = n->line;
    if (subject.type != PHP_ARRAY) {
        php_report(vm, SEV_WARNING, "Invalid argument supplied for foreach()");
        pv_free(vm, subject);
        return FLOW_NEXT;
    }
    for (size_t i = 0; i < subject.a->n; i++) {
        struct pentry *e = &subject.a->e[i];
        if (!e->used)
            continue;
        SPEND(vm, COST_FE_FETCH);
        SPEND(vm, COST_JUMP);
        php_check_time(vm);
        foreach_bind(vm, n->c, php_value_copy(e->v));
        if (n->b)
            php_eval_assign_to(vm, n->b, php_array_key_value(&subject.a->e[i]));
        if (!loop_goes_on(vm, php_exec(vm, n->d), &out))
            break;
    }
    pv_free(vm, subject);
    return out;
}

static enum flow exec_switch(struct php_vm *vm, struct pnode *n)
{
    struct pval subject = php_eval(vm, n->a);
    size_t start = n->n;
    for (size_t i = 0; i < n->n; i++) {
        if (!n->list[i]->a) {
            start = i;                             /* default: unless a case matches */
            continue;
        }
        struct pval v = php_eval(vm, n->list[i]->a);
        SPEND(vm, COST_COMPARE);
        SPEND(vm, COST_JUMP);
        bool match = php_value_equal(vm, subject, v);
        pv_free(vm, v);
        if (match) {
            start = i;
            break;
        }
    }
    pv_free(vm, subject);
    for (size_t i = start; i < n->n; i++) {
        for (size_t k = 0; k < n->list[i]->n; k++) {
            enum flow flow = php_exec(vm, n->list[i]->list[k]);
            if (flow == FLOW_RETURN)
                return flow;
            if (flow != FLOW_NEXT)
                return --vm->levels > 0 ? flow : FLOW_NEXT;
        }
    }
    return FLOW_NEXT;
}

static void exec_unset(struct php_vm *vm, struct pnode *target)
{
    SPEND(vm, COST_ISSET);
    if (target->kind != N_INDEX) {
        struct pval *slot = php_eval_slot(vm, target), old = *slot;
        *slot = PV_UNDEFINED;
        pv_free(vm, old);
        return;
    }
    struct pval probe = php_read_quiet(vm, target->a), hold;
    bool array = probe.type == PHP_ARRAY;
    if (probe.type == PHP_STRING)
        php_fatal(vm, "Cannot unset string offsets");
    pv_free(vm, probe);
    if (!array || !target->b)
        return;
    struct pval key = php_eval(vm, target->b), *base = php_place(vm, target->a);
    struct pkey k;
    if (base->type == PHP_ARRAY && php_key(vm, key, &k, &hold)) {
        php_array_remove(vm, php_array_own(vm, base), k);
        pv_free(vm, hold);
    }
    pv_free(vm, key);
}

static void exec_static(struct php_vm *vm, struct pnode *n)
{
    struct pval *cell = &vm->frame->fn->statics[n->op], *slot = &vm->frame->slots[n->slot], old = *slot;
    if (cell->type != PHP_REF) {
        *cell = n->a ? php_eval(vm, n->a) : PV_NULL;
        struct pval extra = php_value_make_ref(vm, cell);
        extra.r->refs--;
    }
    SPEND(vm, COST_ASSIGN);
    *slot = *cell;
    slot->r->refs++;
    pv_free(vm, old);
}

void php_define(struct php_vm *vm, struct str name, struct pval v)
{
    struct pval *cell = ARENA_NEW(vm->arena, struct pval), ignored;
    if (map_get(vm->constants, name) || php_constant(vm, name, &ignored)) {
        php_report(vm, SEV_NOTICE, "Constant " STR_FMT " already defined", STR_ARG(name));
        pv_free(vm, v);
        return;
    }
    *cell = v;
    map_put(vm->constants, name, cell);
}

/* Dispatch: statements. */
enum flow php_exec(struct php_vm *vm, struct pnode *n)
{
    switch (n->kind) {
    case N_BLOCK:
        for (size_t i = 0; i < n->n; i++) {
            enum flow flow = php_exec(vm, n->list[i]);
            if (flow != FLOW_NEXT)
                return flow;
        }
        return FLOW_NEXT;
    case N_EXPR:
        vm->line = n->line;
        pv_free(vm, php_eval(vm, n->a));
        if (n->a->kind != N_ASSIGN && n->a->kind != N_ASSIGN_OP)
            SPEND(vm, COST_FREE);
        return FLOW_NEXT;
    case N_ECHO:
        for (size_t i = 0; i < n->n; i++) {
            vm->line = n->line;
            struct pval v = php_eval(vm, n->list[i]);
            php_eval_echo(vm, v);
            pv_free(vm, v);
        }
        return FLOW_NEXT;
    case N_IF:
        vm->line = n->line;
        SPEND(vm, COST_JUMP);
        if (php_eval_bool(vm, n->a))
            return php_exec(vm, n->b);
        return n->c ? php_exec(vm, n->c) : FLOW_NEXT;
    case N_WHILE: case N_DO: return exec_while(vm, n);
    case N_FOR: return exec_for(vm, n);
    case N_FOREACH: return exec_foreach(vm, n);
    case N_SWITCH: return exec_switch(vm, n);
    case N_BREAK: case N_CONTINUE:
        SPEND(vm, COST_JUMP);
        vm->levels = n->op;
        return n->kind == N_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
    case N_RETURN: {
        vm->line = n->line;
        struct pval v = n->a ? php_eval(vm, n->a) : PV_NULL;
        SPEND(vm, COST_RETURN);
        vm->result = v;
        return FLOW_RETURN;
    }
    case N_BIND_GLOBAL: {
        struct pval *slot = &vm->frame->slots[n->slot], *global = &vm->globals[n->op], old = *slot;
        SPEND(vm, COST_ASSIGN);
        if (slot == global)                        /* `global` outside of a function */
            return FLOW_NEXT;
        if (pv_undefined(*global))
            *global = PV_NULL;
        *slot = php_value_make_ref(vm, global);
        pv_free(vm, old);
        return FLOW_NEXT;
    }
    case N_STATIC:
        exec_static(vm, n);
        return FLOW_NEXT;
    case N_UNSET:
        for (size_t i = 0; i < n->n; i++)
            exec_unset(vm, n->list[i]);
        return FLOW_NEXT;
    case N_FUNCTION:
        vm->line = n->line;
        if (!n->op)
            php_declare(vm, n->fn);
        return FLOW_NEXT;
    case N_CONST_DECL:
        php_define(vm, pv_view(n->value), php_eval(vm, n->a));
        return FLOW_NEXT;
    default: ASSERT(!"a statement"); return FLOW_NEXT;
    }
}

void php_run_function(struct php_vm *vm, struct pfunc *main)
{
    struct pframe f = { .fn = main, .slots = vm->globals };
    vm->frame = &f;
    vm->depth = main->body->depth;
    php_exec(vm, main->body);
}
