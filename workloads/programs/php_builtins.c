/* workloads/programs/php_builtins.c - how PHP's own functions are called: found by name, arguments counted and
 * converted by signature.
 *
 * Upstream: Zend/zend_API.c (zend_parse_parameters). A signature names the arguments as there: s l d b a, n for "int or
 * float", z for anything, c for a callable, f for something that becomes a string or stays an array, & before one taken
 * by reference, | before the optional ones, * for any more. Wrong counts and types are PHP's warnings, and the result
 * is null. The functions themselves are tables in php_lib_*.c.
 */
#include "workloads/programs/php_priv.h"

/* Linear in the tables: asked once per call site, not per call. */
const struct php_builtin *php_builtin_find(struct str name)
{
    const struct php_builtin *const tables[] = { php_lib_math, php_lib_string, php_lib_array, php_lib_var };
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct php_builtin *b = tables[t]; b->name; b++)
            if (str_eqc(name, b->name))
                return b;
    return NULL;
}

/* The type letter of argument i; '\0' past the last, and of a '*' the 'z' that it stands for. */
static char letter(const char *sig, size_t i, bool *by_ref)
{
    *by_ref = false;
    for (; *sig; sig++) {
        if (*sig == '|')
            continue;
        if (*sig == '&') {
            *by_ref = true;
            continue;
        }
        if (*sig == '*')
            return 'z';
        if (i-- == 0)
            return *sig;
        *by_ref = false;
    }
    return '\0';
}

bool php_builtin_by_ref(const struct php_builtin *b, size_t arg)
{
    bool by_ref;
    return letter(b->sig, arg, &by_ref) && by_ref;
}

static void arity(const char *sig, size_t *min, size_t *max)
{
    bool optional = false;
    *min = *max = 0;
    for (; *sig; sig++) {
        if (*sig == '|')
            optional = true;
        else if (*sig == '*')
            *max = SIZE_MAX;
        else if (*sig != '&')
            *min += !optional, *max += *max != SIZE_MAX;
    }
}

static bool bad_type(struct php_vm *vm, const struct php_builtin *b, size_t i, const char *want, struct pval v)
{
    php_report(vm, SEV_WARNING, "%s() expects parameter %zu to be %s, %s given", b->name, i + 1, want, php_value_type_name(v));
    return false;
}

static bool to_number(struct php_vm *vm, const struct php_builtin *b, size_t i, char type, struct pval *v)
{
    const char *want = type == 'd' ? "double" : "long";
    int64_t n;
    double d;
    if (v->type >= PHP_ARRAY)
        return bad_type(vm, b, i, want, *v);
    if (v->type == PHP_STRING) {
        if (php_numeric(pv_view(*v), true, &n, &d) == PHP_NULL)
            return bad_type(vm, b, i, want, *v);
        if (php_numeric(pv_view(*v), false, &n, &d) == PHP_NULL)
            php_report(vm, SEV_NOTICE, "A non well formed numeric value encountered");
    }
    struct pval r = type == 'd' ? pv_float(php_value_to_float(*v))
                                : pv_int(v->type == PHP_FLOAT ? php_float_to_int(v->d) : php_value_to_int(*v));
    pv_free(vm, *v);
    *v = r;
    return true;
}

static bool convert(struct php_vm *vm, const struct php_builtin *b, size_t i, char type, struct pval *v)
{
    struct pval r;
    switch (type) {
    case 'd':
        if (v->type == PHP_FLOAT)
            return true;
        return to_number(vm, b, i, type, v);
    case 'l': return v->type == PHP_INT || to_number(vm, b, i, type, v);
    case 's':
        if (v->type >= PHP_ARRAY)
            return bad_type(vm, b, i, "string", *v);
        r = php_value_to_string(vm, *v);
        break;
    case 'f':
        if (v->type == PHP_ARRAY)
            return true;
        r = php_value_to_string(vm, *v);
        break;
    case 'b':
        if (v->type >= PHP_ARRAY)
            return bad_type(vm, b, i, "boolean", *v);
        r = pv_bool(php_value_true(*v));
        break;
    case 'n':
        if (v->type >= PHP_ARRAY) {
            php_fatal(vm, "Unsupported operand types");
        }
        r = php_value_to_number(*v);
        break;
    case 'a': return v->type == PHP_ARRAY || bad_type(vm, b, i, "array", *v);
    case 'c':
        if (php_callable(vm, *v))
            return true;
        if (v->type == PHP_STRING)
            php_report(vm, SEV_WARNING,
                       "%s() expects parameter %zu to be a valid callback, function '%s' not found or invalid function name",
                       b->name, i + 1, v->s->p);
        else
            php_report(vm, SEV_WARNING, "%s() expects parameter %zu to be a valid callback, no array or string given",
                       b->name, i + 1);
        return false;
    default: return true;
    }
    pv_free(vm, *v);
    *v = r;
    return true;
}

struct pval php_builtin_call(struct php_vm *vm, const struct php_builtin *b, struct pval *args, size_t n)
{
    size_t min, max;
    struct php_call call = { args, n, b->name };
    struct pval result = PV_NULL;
    bool ok = true;
    arity(b->sig, &min, &max);
    vm->ns += php_cost_ns[COST_CALL_INTERNAL] + b->cost_ns;
    vm->operations++;
    if (n < min || n > max) {
        size_t want = n < min ? min : max;
        php_report(vm, SEV_WARNING, "%s() expects %s %zu parameter%s, %zu given", b->name,
                   min == max ? "exactly"
                   : n < min  ? "at least"
                              : "at most",
                   want, want == 1 ? "" : "s", n);
        ok = false;
    }
    for (size_t i = 0; ok && i < n; i++) {
        bool by_ref;
        char type = letter(b->sig, i, &by_ref);
        if (!by_ref)
            ok = convert(vm, b, i, type, &args[i]);
        else if (type == 'a' && pv_deref(&args[i])->type != PHP_ARRAY)
            ok = bad_type(vm, b, i, "array", args[i]);
    }
    if (ok)
        result = b->fn(vm, &call);
    for (size_t i = 0; i < n; i++)
        pv_free(vm, args[i]);
    return result;
}
