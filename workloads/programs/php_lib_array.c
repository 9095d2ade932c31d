/* workloads/programs/php_lib_array.c - PHP's array functions (upstream: ext/standard/array.c of PHP 5.6).
 *
 * Sorting is a merge sort and therefore stable; PHP 5's is a quicksort that is not, so elements that compare equal may
 * stand in another order there.
 */
#include "workloads/programs/php_priv.h"

#include <stdlib.h>

static struct parr *arr(const struct php_call *c, size_t i)
{
    return c->v[i].a;
}

/* A by-reference array argument, ready to be changed. */
static struct parr *mine(struct php_vm *vm, struct php_call *c)
{
    return php_array_own(vm, &c->v[0]);
}

static void replace(struct php_vm *vm, struct php_call *c, struct parr *with)
{
    php_value_set(vm, &c->v[0], php_value_array(with));
}

static void put(struct php_vm *vm, struct parr *a, struct pkey k, struct pval v)      /* takes v */
{
    struct pval *p = php_array_put(vm, a, k), old = *p;
    *p = v;
    pv_free(vm, old);
    SPEND(vm, COST_ELEMENT);
}

static struct pval fn_count(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    struct pval v = c->v[0];
    if (v.type != PHP_ARRAY)
        return pv_int(v.type != PHP_NULL);
    int64_t n = (int64_t)v.a->live;
    if (c->n > 1 && c->v[1].i == 1)
        parr_for(e, v.a)
            if (pv_deref(&e->v)->type == PHP_ARRAY)
                n += (int64_t)pv_deref(&e->v)->a->live;
    return pv_int(n);
}

static struct pval search(struct php_vm *vm, struct php_call *c, bool key)
{
    bool strict = c->n > 2 && c->v[2].b;
    parr_for(e, arr(c, 1)) {
        SPEND(vm, COST_COMPARE);
        if (strict ? php_value_identical(c->v[0], e->v) : php_value_equal(vm, c->v[0], e->v))
            return key ? php_array_key_value(e) : pv_bool(true);
    }
    return pv_bool(false);
}

static struct pval fn_in_array(struct php_vm *vm, struct php_call *c)
{
    return search(vm, c, false);
}

static struct pval fn_array_search(struct php_vm *vm, struct php_call *c)
{
    return search(vm, c, true);
}

static struct pval fn_array_key_exists(struct php_vm *vm, struct php_call *c)
{
    struct pkey k;
    struct pval hold;
    if (!php_key(vm, c->v[0], &k, &hold))
        return pv_bool(false);
    bool found = php_array_find(arr(c, 1), k) != NULL;
    pv_free(vm, hold);
    return pv_bool(found);
}

static struct pval fn_array_push(struct php_vm *vm, struct php_call *c)
{
    struct parr *a = mine(vm, c);
    for (size_t i = 1; i < c->n; i++) {
        SPEND(vm, COST_ELEMENT);
        php_array_push(vm, a, php_value_copy(c->v[i]));
    }
    return pv_int((int64_t)a->live);
}

static struct pval fn_array_pop(struct php_vm *vm, struct php_call *c)
{
    struct parr *a = mine(vm, c);
    size_t last = a->n;
    while (last > 0 && !a->e[last - 1].used)
        last--;
    if (last == 0)
        return PV_NULL;
    struct pentry *e = &a->e[last - 1];
    struct pval v = php_value_copy(e->v);
    bool numeric = !e->key;
    int64_t index = e->index;
    struct pkey k = { e->key, e->index };
    if (k.s)
        k.s->refs += k.s->refs < PHP_IMMORTAL;
    php_array_remove(vm, a, k);
    if (k.s)
        pv_free(vm, (struct pval){ .type = PHP_STRING, .s = k.s });
    if (numeric && index == a->next_index - 1)
        a->next_index = index;
    return v;
}

/* Copies with list keys counted anew and the others kept: array_shift, array_unshift, array_merge. */
static void add_renumbered(struct php_vm *vm, struct parr *to, const struct parr *from, size_t skip)
{
    parr_for(e, from) {
        if (skip) {
            skip--;
            continue;
        }
        if (e->key)
            put(vm, to, (struct pkey){ e->key, 0 }, php_value_copy(e->v));
        else
            php_array_push(vm, to, php_value_copy(e->v));
        SPEND(vm, COST_ELEMENT);
    }
}

static struct pval fn_array_shift(struct php_vm *vm, struct php_call *c)
{
    struct parr *a = mine(vm, c), *rest = php_array_new(vm, a->live);
    struct pval first = PV_NULL;
    parr_for(e, a) {
        first = php_value_copy(e->v);
        break;
    }
    add_renumbered(vm, rest, a, 1);
    replace(vm, c, rest);
    return first;
}

static struct pval fn_array_unshift(struct php_vm *vm, struct php_call *c)
{
    struct parr *a = mine(vm, c), *all = php_array_new(vm, a->live + c->n);
    for (size_t i = 1; i < c->n; i++)
        php_array_push(vm, all, php_value_copy(c->v[i]));
    add_renumbered(vm, all, a, 0);
    replace(vm, c, all);
    return pv_int((int64_t)all->live);
}

static struct pval fn_array_merge(struct php_vm *vm, struct php_call *c)
{
    struct pval r = php_value_array(php_array_new(vm, 8));
    for (size_t i = 0; i < c->n; i++) {
        if (c->v[i].type != PHP_ARRAY) {
            php_report(vm, SEV_WARNING, "array_merge(): Argument #%zu is not an array", i + 1);
            pv_free(vm, r);
            return PV_NULL;
        }
        add_renumbered(vm, r.a, arr(c, i), 0);
    }
    return r;
}

static struct pval fn_array_sum(struct php_vm *vm, struct php_call *c)
{
    bool product = c->name[6] == 'p';
    struct pval sum = pv_int(product);
    parr_for(e, arr(c, 0)) {
        SPEND(vm, COST_ARITH);
        if (pv_deref(&e->v)->type < PHP_ARRAY)
            sum = php_value_arith(vm, product ? '*' : '+', sum, php_value_to_number(e->v));
    }
    return sum;
}

static struct pval fn_array_keys(struct php_vm *vm, struct php_call *c)
{
    struct pval r = php_value_array(php_array_new(vm, arr(c, 0)->live));
    parr_for(e, arr(c, 0)) {
        if (c->n > 1 && !php_value_equal(vm, e->v, c->v[1]))
            continue;
        SPEND(vm, COST_ELEMENT);
        php_array_push(vm, r.a, php_array_key_value(e));
    }
    return r;
}

static struct pval fn_array_values(struct php_vm *vm, struct php_call *c)
{
    struct pval r = php_value_array(php_array_new(vm, arr(c, 0)->live));
    parr_for(e, arr(c, 0)) {
        SPEND(vm, COST_ELEMENT);
        php_array_push(vm, r.a, php_value_copy(e->v));
    }
    return r;
}

static struct pval fn_array_flip(struct php_vm *vm, struct php_call *c)
{
    struct pval r = php_value_array(php_array_new(vm, arr(c, 0)->live)), hold;
    struct pkey k;
    parr_for(e, arr(c, 0)) {
        struct pval v = *pv_deref(&e->v);
        if (v.type != PHP_INT && v.type != PHP_STRING) {
            php_report(vm, SEV_WARNING, "array_flip(): Can only flip STRING and INTEGER values!");
        } else if (php_key(vm, v, &k, &hold)) {
            put(vm, r.a, k, php_array_key_value(e));
            pv_free(vm, hold);
        }
    }
    return r;
}

static struct pval fn_array_reverse(struct php_vm *vm, struct php_call *c)
{
    struct parr *a = arr(c, 0);
    struct pval r = php_value_array(php_array_new(vm, a->live));
    bool keep = c->n > 1 && c->v[1].b;
    for (size_t i = a->n; i-- > 0;) {
        if (!a->e[i].used)
            continue;
        if (a->e[i].key || keep)
            put(vm, r.a, (struct pkey){ a->e[i].key, a->e[i].index }, php_value_copy(a->e[i].v));
        else
            php_array_push(vm, r.a, php_value_copy(a->e[i].v));
    }
    return r;
}

static struct pval fn_array_slice(struct php_vm *vm, struct php_call *c)
{
    struct parr *a = arr(c, 0);
    int64_t n = (int64_t)a->live, from = c->v[1].i, length = c->n > 2 && c->v[2].type != PHP_NULL ? php_value_to_int(c->v[2]) : n,
            at = 0;
    bool keep = c->n > 3 && c->v[3].b;
    from = from < 0 ? (from + n < 0 ? 0 : from + n) : from > n ? n : from;
    int64_t to = length < 0 ? n + length : length > n - from ? n : from + length;
    struct pval r = php_value_array(php_array_new(vm, 8));
    parr_for(e, a) {
        if (at >= from && at < to) {
            if (e->key || keep)
                put(vm, r.a, (struct pkey){ e->key, e->index }, php_value_copy(e->v));
            else
                php_array_push(vm, r.a, php_value_copy(e->v));
            SPEND(vm, COST_ELEMENT);
        }
        at++;
    }
    return r;
}

static struct pval fn_range(struct php_vm *vm, struct php_call *c)
{
    struct pval a = c->v[0], b = c->v[1], r;
    double step = c->n > 2 ? php_value_to_float(c->v[2]) : 1, ignored_d;
    int64_t ignored_i;
    bool chars = a.type == PHP_STRING && b.type == PHP_STRING && a.s->n > 0 && b.s->n > 0 &&
                 php_numeric(pv_view(a), false, &ignored_i, &ignored_d) == PHP_NULL &&
                 php_numeric(pv_view(b), false, &ignored_i, &ignored_d) == PHP_NULL;
    struct pval na = php_value_to_number(a), nb = php_value_to_number(b);
    bool floats = !chars && (na.type == PHP_FLOAT || nb.type == PHP_FLOAT || step != (double)(int64_t)step);
    double lo = chars ? (unsigned char)a.s->p[0] : php_value_to_float(na),
           hi = chars ? (unsigned char)b.s->p[0] : php_value_to_float(nb);
    step = step < 0 ? -step : step;
    double count = step == 0 ? 0 : (hi > lo ? hi - lo : lo - hi) / step;
    if (!(step > 0) || !(count < 1e9) || (hi != lo && step > (hi > lo ? hi - lo : lo - hi))) {
        php_report(vm, SEV_WARNING, "range(): step exceeds the specified range");
        return pv_bool(false);
    }
    r = php_value_array(php_array_new(vm, 0));
    for (size_t i = 0; (double)i <= count + 1e-9; i++) {
        double x = hi >= lo ? lo + (double)i * step : lo - (double)i * step;
        char ch = (char)(int)(chars ? x : 0);
        vm->ns += 22;
        php_array_push(vm, r.a, chars ? php_str(vm, (struct str){ &ch, 1 }) : floats ? pv_float(x) : pv_int((int64_t)x));
    }
    return r;
}

static struct pval fn_array_fill(struct php_vm *vm, struct php_call *c)
{
    struct pval r = php_value_array(php_array_new(vm, 0));
    if (c->v[1].i < 0) {
        php_report(vm, SEV_WARNING, "array_fill(): Number of elements can't be negative");
        return pv_bool(false);
    }
    for (int64_t i = 0; i < c->v[1].i; i++)
        put(vm, r.a, (struct pkey){ NULL, i == 0 ? c->v[0].i : r.a->next_index }, php_value_copy(c->v[2]));
    return r;
}

static struct pval fn_array_combine(struct php_vm *vm, struct php_call *c)
{
    struct parr *a = arr(c, 0), *b = arr(c, 1);
    struct pval r, hold;
    struct pkey k;
    if (a->live != b->live) {
        php_report(vm, SEV_WARNING, "array_combine(): Both parameters should have an equal number of elements");
        return pv_bool(false);
    }
    r = php_value_array(php_array_new(vm, a->live));
    struct pentry *f = b->e;
    parr_for(e, a) {
        while (!f->used)
            f++;
        if (php_key(vm, e->v, &k, &hold)) {
            put(vm, r.a, k, php_value_copy(f->v));
            pv_free(vm, hold);
        }
        f++;
    }
    return r;
}

static struct pval fn_array_unique(struct php_vm *vm, struct php_call *c)
{
    struct pval r = php_value_array(php_array_new(vm, 8)), seen = php_value_array(php_array_new(vm, 8));
    parr_for(e, arr(c, 0)) {
        struct pval text = php_value_to_string(vm, e->v);
        struct pkey k = { text.s, 0 };
        SPEND(vm, COST_ELEMENT);
        if (!php_array_find(seen.a, k)) {
            *php_array_put(vm, seen.a, k) = pv_bool(true);
            put(vm, r.a, (struct pkey){ e->key, e->index }, php_value_copy(e->v));
        }
        pv_free(vm, text);
    }
    pv_free(vm, seen);
    return r;
}

static struct pval set_operation(struct php_vm *vm, struct php_call *c, bool by_key, bool keep_common)
{
    struct pval r = php_value_array(php_array_new(vm, 8));
    for (size_t i = 1; i < c->n; i++)
        if (c->v[i].type != PHP_ARRAY) {
            php_report(vm, SEV_WARNING, "%s(): Argument #%zu is not an array", c->name, i + 1);
            return PV_NULL;
        }
    parr_for(e, arr(c, 0)) {
        bool in_all = true, in_any = false;
        struct pval text = by_key ? PV_NULL : php_value_to_string(vm, e->v);
        for (size_t i = 1; i < c->n; i++) {
            bool found = by_key && php_array_find(arr(c, i), (struct pkey){ e->key, e->index });
            if (!by_key) {
                parr_for(f, arr(c, i)) {
                    struct pval other = php_value_to_string(vm, f->v);
                    SPEND(vm, COST_SORT_COMPARE);
                    found |= str_eq(pv_view(text), pv_view(other));
                    pv_free(vm, other);
                    if (found)
                        break;
                }
            }
            in_all &= found;
            in_any |= found;
        }
        pv_free(vm, text);
        if (keep_common ? in_all : !in_any)
            put(vm, r.a, (struct pkey){ e->key, e->index }, php_value_copy(e->v));
    }
    return r;
}

static struct pval fn_array_diff(struct php_vm *vm, struct php_call *c)
{
    return set_operation(vm, c, strcmp(c->name, "array_diff_key") == 0, false);
}

static struct pval fn_array_intersect(struct php_vm *vm, struct php_call *c)
{
    return set_operation(vm, c, strcmp(c->name, "array_intersect_key") == 0, true);
}

/* ---- callbacks ---- */
static struct pval fn_array_map(struct php_vm *vm, struct php_call *c)
{
    struct pval r = php_value_array(php_array_new(vm, 8));
    size_t longest = 0, positions[6] = { 0 };
    if (c->n > 7)
        php_unsupported(vm, "array_map over more than 6 arrays");
    for (size_t i = 1; i < c->n; i++) {
        if (c->v[i].type != PHP_ARRAY) {
            php_report(vm, SEV_WARNING, "array_map(): Argument #%zu should be an array", i + 1);
            return PV_NULL;
        }
        longest = arr(c, i)->live > longest ? arr(c, i)->live : longest;
    }
    if (c->n == 2) {                               /* one array: its keys are kept */
        for (size_t i = 0; i < arr(c, 1)->n; i++) {
            struct pentry *e = &arr(c, 1)->e[i];
            if (e->used)
                put(vm, r.a, (struct pkey){ e->key, e->index }, php_call(vm, c->v[0], &e->v, 1));
        }
        return r;
    }
    for (size_t k = 0; k < longest; k++) {
        struct pval args[6];
        for (size_t i = 1; i < c->n; i++) {
            struct parr *a = arr(c, i);
            while (positions[i - 1] < a->n && !a->e[positions[i - 1]].used)
                positions[i - 1]++;
            args[i - 1] = positions[i - 1] < a->n ? *pv_deref(&a->e[positions[i - 1]++].v) : PV_NULL;
        }
        php_array_push(vm, r.a, php_call(vm, c->v[0], args, c->n - 1));
    }
    return r;
}

static struct pval fn_array_filter(struct php_vm *vm, struct php_call *c)
{
    struct pval r = php_value_array(php_array_new(vm, 8));
    for (size_t i = 0; i < arr(c, 0)->n; i++) {
        struct pentry *e = &arr(c, 0)->e[i];
        if (!e->used)
            continue;
        struct pval verdict = c->n > 1 ? php_call(vm, c->v[1], &e->v, 1) : php_value_copy(e->v);
        if (php_value_true(verdict))
            put(vm, r.a, (struct pkey){ e->key, e->index }, php_value_copy(e->v));
        pv_free(vm, verdict);
    }
    return r;
}

static struct pval fn_array_reduce(struct php_vm *vm, struct php_call *c)
{
    struct pval acc = c->n > 2 ? php_value_copy(c->v[2]) : PV_NULL;
    for (size_t i = 0; i < arr(c, 0)->n; i++) {
        struct pentry *e = &arr(c, 0)->e[i];
        if (!e->used)
            continue;
        struct pval args[2] = { acc, e->v }, next = php_call(vm, c->v[1], args, 2);
        pv_free(vm, acc);
        acc = next;
    }
    return acc;
}

static struct pval fn_array_walk(struct php_vm *vm, struct php_call *c)
{
    struct parr *a = mine(vm, c);
    struct pval hold = php_value_copy(c->v[0]);           /* a callback that changes the array gets a copy of its own */
    for (size_t i = 0; i < a->n; i++) {
        if (!a->e[i].used)
            continue;
        struct pval ref = php_value_make_ref(vm, &a->e[i].v), key = php_array_key_value(&a->e[i]),
                    args[3] = { ref, key, c->n > 2 ? c->v[2] : PV_NULL };
        pv_free(vm, php_call(vm, c->v[1], args, c->n > 2 ? 3 : 2));
        pv_free(vm, key);
        pv_free(vm, ref);
    }
    pv_free(vm, hold);
    return pv_bool(true);
}

static struct pval fn_call_user_func(struct php_vm *vm, struct php_call *c)
{
    if (c->n > 9)
        php_unsupported(vm, "call_user_func with more than 8 arguments");
    return php_call(vm, c->v[0], c->v + 1, c->n - 1);
}

static struct pval fn_call_user_func_array(struct php_vm *vm, struct php_call *c)
{
    struct pval args[8];
    size_t n = 0;
    parr_for(e, arr(c, 1)) {
        if (n == ARRAY_LEN(args))
            php_unsupported(vm, "call_user_func_array with more than 8 arguments");
        args[n++] = *pv_deref(&e->v);
    }
    return php_call(vm, c->v[0], args, n);
}

/* ---- sorting ---- */
struct sorting { struct php_vm *vm; bool by_key, reverse, numeric, text; const struct pval *callback; };

static int compare_entries(struct sorting *s, const struct pentry *x, const struct pentry *y)
{
    struct php_vm *vm = s->vm;
    SPEND(vm, COST_SORT_COMPARE);
    struct pval a = s->by_key ? php_array_key_value(x) : php_value_copy(x->v),
                b = s->by_key ? php_array_key_value(y) : php_value_copy(y->v);
    int r;
    if (s->callback) {
        struct pval args[2] = { a, b }, v = php_call(vm, *s->callback, args, 2);
        int64_t i = php_value_to_int(v);
        r = i < 0 ? -1 : i > 0;
        pv_free(vm, v);
    } else if (s->text) {
        struct pval x_text = php_value_to_string(vm, a), y_text = php_value_to_string(vm, b);
        r = str_cmp(pv_view(x_text), pv_view(y_text));
        pv_free(vm, x_text);
        pv_free(vm, y_text);
    } else {
        r = s->numeric ? php_value_compare(vm, php_value_to_number(a), php_value_to_number(b)) : php_value_compare(vm, a, b);
        r = r == 2 ? 1 : r;
    }
    pv_free(vm, a);
    pv_free(vm, b);
    return s->reverse ? -r : r;
}

static void merge_sort(struct sorting *s, struct pentry *e, struct pentry *tmp, size_t n)
{
    if (n < 2)
        return;
    size_t half = n / 2, i = 0, k = half, out = 0;
    merge_sort(s, e, tmp, half);
    merge_sort(s, e + half, tmp, n - half);
    while (i < half && k < n)
        tmp[out++] = compare_entries(s, &e[k], &e[i]) < 0 ? e[k++] : e[i++];
    while (i < half)
        tmp[out++] = e[i++];
    memcpy(e, tmp, out * sizeof *e);
    php_check_time(s->vm);
}

static struct pval sort_with(struct php_vm *vm, struct php_call *c, struct sorting s, bool keep_keys)
{
    struct parr *a = pv_deref(&c->v[0])->a, *r;
    size_t n = 0;
    s.vm = vm;
    if (!s.callback && c->n > 1) {
        s.numeric = php_value_to_int(c->v[1]) == 1;
        s.text = php_value_to_int(c->v[1]) == 2;
    }
    struct pentry *e = php_alloc(vm, (a->live + 1) * 2 * sizeof *e);
    parr_for(x, a) {
        e[n] = (struct pentry){ .v = php_value_copy(x->v), .key = x->key, .index = x->index };
        if (x->key)
            x->key->refs += x->key->refs < PHP_IMMORTAL;
        n++;
    }
    merge_sort(&s, e, e + n, n);
    r = php_array_new(vm, n);
    for (size_t i = 0; i < n; i++) {
        if (keep_keys)
            put(vm, r, (struct pkey){ e[i].key, e[i].index }, e[i].v);
        else
            php_array_push(vm, r, e[i].v);
        if (e[i].key)
            pv_free(vm, (struct pval){ .type = PHP_STRING, .s = e[i].key });
    }
    php_free(vm, e);
    replace(vm, c, r);
    return pv_bool(true);
}

static struct pval fn_sort(struct php_vm *vm, struct php_call *c)
{
    /* sort rsort asort arsort ksort krsort usort uasort uksort, by the letters before "sort" */
    const char *name = c->name;
    bool user = name[0] == 'u';
    name += user;
    return sort_with(vm, c,
                     (struct sorting){ .by_key = name[0] == 'k',
                                       .reverse = strstr(name, "rsort") != NULL,
                                       .callback = user ? &c->v[1] : NULL },
                     name[0] == 'a' || name[0] == 'k');
}

static struct pval fn_shuffle(struct php_vm *vm, struct php_call *c)
{
    struct parr *a = pv_deref(&c->v[0])->a, *r = php_array_new(vm, a->live);
    add_renumbered(vm, r, a, 0);
    size_t n = 0;
    struct parr *list = php_array_new(vm, r->live);
    parr_for(e, r)
        php_array_push(vm, list, php_value_copy(e->v)), n++;
    php_array_free(vm, r);
    for (size_t i = n; i > 1; i--) {
        struct pval bounds[2] = { pv_int(0), pv_int((int64_t)i - 1) };
        size_t k = (size_t)php_value_to_int(php_builtin_call(vm, php_builtin_find(STR("mt_rand")), bounds, 2));
        struct pval swap = list->e[i - 1].v;
        list->e[i - 1].v = list->e[k].v;
        list->e[k].v = swap;
    }
    replace(vm, c, list);
    return pv_bool(true);
}

/* ---- the array's own cursor ---- */
static struct pval cursor_value(struct parr *a)
{
    while (a->cursor < a->n && !a->e[a->cursor].used)
        a->cursor++;
    return a->cursor < a->n ? php_value_copy(a->e[a->cursor].v) : pv_bool(false);
}

static struct pval fn_cursor(struct php_vm *vm, struct php_call *c)    /* current reset end next prev key */
{
    struct parr *a = mine(vm, c);
    switch (c->name[0]) {
    case 'r': a->cursor = 0; break;
    case 'e':
        a->cursor = a->n;
        while (a->cursor > 0 && !a->e[--a->cursor].used) {}
        break;
    case 'n': pv_free(vm, cursor_value(a)); a->cursor += a->cursor < a->n; break;
    case 'p':
        if (a->cursor == 0) {
            a->cursor = a->n;
            break;
        }
        while (a->cursor > 0 && !a->e[--a->cursor].used) {}
        break;
    case 'k': {
        pv_free(vm, cursor_value(a));
        return a->cursor < a->n ? php_array_key_value(&a->e[a->cursor]) : PV_NULL;
    }
    default: break;
    }
    return cursor_value(a);
}

const struct php_builtin php_lib_array[] = {
    { "count", "z|l", fn_count, 5 },
    { "sizeof", "z|l", fn_count, 5 },
    { "in_array", "za|b", fn_in_array, 15 },
    { "array_search", "za|b", fn_array_search, 15 },
    { "array_key_exists", "za", fn_array_key_exists, 15 },
    { "key_exists", "za", fn_array_key_exists, 15 },
    { "array_push", "&az*", fn_array_push, 15 },
    { "array_pop", "&a", fn_array_pop, 30 },
    { "array_shift", "&a", fn_array_shift, 40 },
    { "array_unshift", "&az*", fn_array_unshift, 40 },
    { "array_merge", "z*", fn_array_merge, 60 },
    { "array_sum", "a", fn_array_sum, 15 },
    { "array_product", "a", fn_array_sum, 15 },
    { "array_keys", "a|z", fn_array_keys, 40 },
    { "array_values", "a", fn_array_values, 40 },
    { "array_flip", "a", fn_array_flip, 40 },
    { "array_reverse", "a|b", fn_array_reverse, 40 },
    { "array_slice", "al|zb", fn_array_slice, 45 },
    { "range", "zz|z", fn_range, 60 },
    { "array_fill", "llz", fn_array_fill, 45 },
    { "array_combine", "aa", fn_array_combine, 45 },
    { "array_unique", "a|l", fn_array_unique, 90 },
    { "array_diff", "az*", fn_array_diff, 60 },
    { "array_diff_key", "az*", fn_array_diff, 60 },
    { "array_intersect", "az*", fn_array_intersect, 60 },
    { "array_intersect_key", "az*", fn_array_intersect, 60 },
    { "array_map", "cz*", fn_array_map, 60 },
    { "array_filter", "a|c", fn_array_filter, 50 },
    { "array_reduce", "ac|z", fn_array_reduce, 50 },
    { "array_walk", "&ac|z", fn_array_walk, 50 },
    { "call_user_func", "c*", fn_call_user_func, 60 },
    { "call_user_func_array", "ca", fn_call_user_func_array, 70 },
    { "sort", "&a|l", fn_sort, 60 },
    { "rsort", "&a|l", fn_sort, 60 },
    { "asort", "&a|l", fn_sort, 60 },
    { "arsort", "&a|l", fn_sort, 60 },
    { "ksort", "&a|l", fn_sort, 60 },
    { "krsort", "&a|l", fn_sort, 60 },
    { "usort", "&ac", fn_sort, 70 },
    { "uasort", "&ac", fn_sort, 70 },
    { "uksort", "&ac", fn_sort, 70 },
    { "shuffle", "&a", fn_shuffle, 60 },
    { "current", "&a", fn_cursor, 10 },
    { "reset", "&a", fn_cursor, 10 },
    { "end", "&a", fn_cursor, 10 },
    { "next", "&a", fn_cursor, 12 },
    { "prev", "&a", fn_cursor, 12 },
    { "key", "&a", fn_cursor, 12 },
    { 0 },
};
