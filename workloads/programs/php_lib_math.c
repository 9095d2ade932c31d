/* workloads/programs/php_lib_math.c - PHP's numbers: functions and constants (upstream: ext/standard/math.c, rand.c,
 * Zend/zend_ini of PHP 5.6).
 *
 * Simplified: rand and mt_rand draw from the generator that the caller gives, not from PHP's Mersenne twister, also
 * after mt_srand (then from a small generator with that seed), so the numbers differ from PHP's while their
 * distribution does not.
 */
#include "workloads/programs/php_priv.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <stdio.h>

#define FLOAT1(name_, expr_)                                                                                               \
    static struct pval fn_##name_(struct php_vm *vm, struct php_call *c)                                                   \
    {                                                                                                                      \
        (void)vm;                                                                                                          \
        double x = c->v[0].d;                                                                                              \
        return pv_float(expr_);                                                                                            \
    }
#define FLOAT2(name_, expr_)                                                                                               \
    static struct pval fn_##name_(struct php_vm *vm, struct php_call *c)                                                   \
    {                                                                                                                      \
        (void)vm;                                                                                                          \
        double x = c->v[0].d, y = c->v[1].d;                                                                               \
        return pv_float(expr_);                                                                                            \
    }
FLOAT1(sqrt, sqrt(x))
FLOAT1(sin, sin(x)) FLOAT1(cos, cos(x)) FLOAT1(tan, tan(x)) FLOAT1(asin, asin(x)) FLOAT1(acos, acos(x)) FLOAT1(atan, atan(x))
    FLOAT1(sinh, sinh(x)) FLOAT1(cosh, cosh(x)) FLOAT1(tanh, tanh(x)) FLOAT1(exp, exp(x)) FLOAT1(expm1, expm1(x))
        FLOAT1(log10, log10(x)) FLOAT1(log1p, log1p(x)) FLOAT1(log2, log2(x))
            FLOAT1(deg2rad, x / 180.0 * 3.14159265358979323846) FLOAT1(rad2deg, x / 3.14159265358979323846 * 180.0)
                FLOAT2(atan2, atan2(x, y)) FLOAT2(fmod, fmod(x, y)) FLOAT2(hypot, hypot(x, y))

                    static struct pval fn_pi(struct php_vm *vm, struct php_call *c)
{
    (void)vm, (void)c;
    return pv_float(3.14159265358979323846);
}

static struct pval fn_log(struct php_vm *vm, struct php_call *c)
{
    double base = c->n > 1 ? c->v[1].d : 0;
    if (c->n > 1 && base <= 0) {
        php_report(vm, SEV_WARNING, "log(): base must be greater than 0");
        return pv_bool(false);
    }
    return pv_float(c->n > 1 ? log(c->v[0].d) / log(base) : log(c->v[0].d));
}

static struct pval fn_abs(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    if (c->v[0].type == PHP_FLOAT)
        return pv_float(fabs(c->v[0].d));
    return c->v[0].i == INT64_MIN ? pv_float(9223372036854775808.0) : pv_int(llabs(c->v[0].i));
}

static struct pval fn_floor(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return pv_float(floor(php_value_to_float(c->v[0])));
}

static struct pval fn_ceil(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return pv_float(ceil(php_value_to_float(c->v[0])));
}

/* _php_math_round: the value is first rounded to 15 significant digits, so that 1.005 * 100 counts as 100.5. */
static double round_places(double x, int64_t places)
{
    char buf[64];
    if (!isfinite(x) || x == 0 || places > 300 || places < -300)
        return x;
    double f = pow(10, (double)(places < 0 ? -places : places)), t = places >= 0 ? x * f : x / f;
    if (!isfinite(t) || fabs(t) >= 1e15)
        return x;
    snprintf(buf, sizeof buf, "%.15g", t);
    t = round(strtod(buf, NULL));
    t = places >= 0 ? t / f : t * f;
    snprintf(buf, sizeof buf, "%.15g", t);
    return strtod(buf, NULL);
}

static struct pval fn_round(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    int64_t places = c->n > 1 ? c->v[1].i : 0;
    if (c->v[0].type == PHP_INT && places >= 0)
        return pv_float((double)c->v[0].i);
    return pv_float(round_places(php_value_to_float(c->v[0]), places));
}

static struct pval fn_pow(struct php_vm *vm, struct php_call *c)
{
    return php_value_arith(vm, OP2('*', '*'), c->v[0], c->v[1]);
}

static struct pval extreme(struct php_vm *vm, struct php_call *c, int sign)
{
    struct pval best = PV_NULL;
    bool any = false, list = c->n == 1 && c->v[0].type == PHP_ARRAY;
    if (c->n == 1 && !list) {
        php_report(vm, SEV_WARNING, "%s(): When only one parameter is given, it must be an array", c->name);
        return PV_NULL;
    }
    size_t count = list ? c->v[0].a->n : c->n;
    for (size_t i = 0; i < count; i++) {
        if (list && !c->v[0].a->e[i].used)
            continue;
        struct pval v = list ? *pv_deref(&c->v[0].a->e[i].v) : c->v[i];
        SPEND(vm, COST_COMPARE);
        if (!any || php_value_compare(vm, v, best) == sign)
            best = v;
        any = true;
    }
    if (!any) {
        php_report(vm, SEV_WARNING, "%s(): Array must contain at least one element", c->name);
        return pv_bool(false);
    }
    return php_value_copy(best);
}

static struct pval fn_min(struct php_vm *vm, struct php_call *c)
{
    return extreme(vm, c, -1);
}

static struct pval fn_max(struct php_vm *vm, struct php_call *c)
{
    return extreme(vm, c, 1);
}

static struct pval fn_is_nan(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return pv_bool(isnan(c->v[0].d));
}

static struct pval fn_is_finite(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return pv_bool(isfinite(c->v[0].d));
}

static struct pval fn_is_infinite(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return pv_bool(isinf(c->v[0].d));
}

/* ---- dice ---- */
static uint64_t random_bits(struct php_vm *vm)
{
    if (vm->opt->random_u64 && !vm->seeded) {
        vm->out->volatile_output = true;
        return vm->opt->random_u64(vm->opt->random_ctx);
    }
    uint64_t z = vm->random_state += 0x9e3779b97f4a7c15ull;          /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static struct pval fn_rand(struct php_vm *vm, struct php_call *c)
{
    int64_t lo = 0, hi = INT32_MAX;
    if (c->n == 1) {
        php_report(vm, SEV_WARNING, "%s() expects exactly 2 parameters, 1 given", c->name);
        return pv_bool(false);
    }
    if (c->n == 2) {
        lo = c->v[0].i;
        hi = c->v[1].i;
        if (hi < lo && strcmp(c->name, "mt_rand") == 0) {
            php_report(vm, SEV_WARNING, "mt_rand(): max(%" PRId64 ") is smaller than min(%" PRId64 ")", hi, lo);
            return pv_bool(false);
        }
        if (hi < lo) {
            int64_t swap = lo;
            lo = hi;
            hi = swap;
        }
    }
    uint64_t range = (uint64_t)hi - (uint64_t)lo + 1, r = random_bits(vm);
    return pv_int((int64_t)((uint64_t)lo + (range ? r % range : r)));
}

static struct pval fn_srand(struct php_vm *vm, struct php_call *c)
{
    vm->seeded = c->n > 0;
    vm->random_state = c->n ? (uint64_t)c->v[0].i : 0;
    return PV_NULL;
}

static struct pval fn_getrandmax(struct php_vm *vm, struct php_call *c)
{
    (void)vm, (void)c;
    return pv_int(INT32_MAX);
}

static struct pval fn_lcg_value(struct php_vm *vm, struct php_call *c)
{
    (void)c;
    return pv_float((double)(random_bits(vm) >> 11) / 9007199254740992.0);
}

/* ---- bases ---- */
static struct pval to_base(struct php_vm *vm, uint64_t v, unsigned base)
{
    char buf[72], *p = buf + sizeof buf;
    do
        *--p = "0123456789abcdefghijklmnopqrstuvwxyz"[v % base];
    while (v /= base);
    return php_str(vm, (struct str){ p, (size_t)(buf + sizeof buf - p) });
}

static struct pval from_base(struct str s, unsigned base)
{
    /* what is no digit is skipped; floats when it gets too large */
    uint64_t v = 0;
    double d = 0;
    bool big = false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        unsigned digit = ch >= '0' && ch <= '9'                 ? (unsigned)(ch - '0')
                         : (ch | 32) >= 'a' && (ch | 32) <= 'z' ? (unsigned)((ch | 32) - 'a' + 10)
                                                                : 99;
        if (digit >= base)
            continue;
        d = d * base + digit;
        big |= v > ((uint64_t)INT64_MAX - digit) / base;
        v = v * base + digit;
    }
    return big ? pv_float(d) : pv_int((int64_t)v);
}

static struct pval fn_dechex(struct php_vm *vm, struct php_call *c)
{
    return to_base(vm, (uint64_t)c->v[0].i, 16);
}

static struct pval fn_decbin(struct php_vm *vm, struct php_call *c)
{
    return to_base(vm, (uint64_t)c->v[0].i, 2);
}

static struct pval fn_decoct(struct php_vm *vm, struct php_call *c)
{
    return to_base(vm, (uint64_t)c->v[0].i, 8);
}

static struct pval fn_hexdec(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return from_base(php_arg_str(c, 0), 16);
}

static struct pval fn_bindec(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return from_base(php_arg_str(c, 0), 2);
}

static struct pval fn_octdec(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return from_base(php_arg_str(c, 0), 8);
}

static struct pval fn_base_convert(struct php_vm *vm, struct php_call *c)
{
    for (size_t i = 1; i < 3; i++) {
        if (c->v[i].i < 2 || c->v[i].i > 36) {
            php_report(vm, SEV_WARNING, "base_convert(): Invalid `%s base' (%" PRId64 ")", i == 1 ? "from" : "to", c->v[i].i);
            return pv_bool(false);
        }
    }
    return to_base(vm, (uint64_t)php_value_to_int(from_base(php_arg_str(c, 0), (unsigned)c->v[1].i)), (unsigned)c->v[2].i);
}

static struct pval fn_number_format(struct php_vm *vm, struct php_call *c)
{
    int64_t places = c->n > 1 && c->v[1].i > 0 ? c->v[1].i : 0;
    struct str point = c->n > 2 ? php_arg_str(c, 2) : STR("."), sep = c->n > 3 ? php_arg_str(c, 3) : STR(",");
    char digits[512];
    places = places > 60 ? 60 : places;
    double x = round_places(c->v[0].d, places);
    if (!isfinite(x))
        return php_value_to_string(vm, pv_float(x));
    int n = snprintf(digits, sizeof digits, "%.*f", (int)places, fabs(x));
    int whole = n - (places ? (int)places + 1 : 0);
    struct pval out = php_strc(vm, x < 0 ? "-" : "");
    for (int i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0)
            php_append(vm, &out, sep);
        php_append(vm, &out, (struct str){ digits + i, 1 });
    }
    if (places) {
        php_append(vm, &out, point);
        php_append(vm, &out, (struct str){ digits + whole + 1, (size_t)places });
    }
    return out;
}

const struct php_builtin php_lib_math[] = {
    { "sqrt", "d", fn_sqrt, 7 },
    { "sin", "d", fn_sin, 18 },
    { "cos", "d", fn_cos, 18 },
    { "tan", "d", fn_tan, 24 },
    { "asin", "d", fn_asin, 22 },
    { "acos", "d", fn_acos, 22 },
    { "atan", "d", fn_atan, 22 },
    { "atan2", "dd", fn_atan2, 30 },
    { "sinh", "d", fn_sinh, 26 },
    { "cosh", "d", fn_cosh, 26 },
    { "tanh", "d", fn_tanh, 26 },
    { "exp", "d", fn_exp, 18 },
    { "expm1", "d", fn_expm1, 20 },
    { "log", "d|d", fn_log, 18 },
    { "log10", "d", fn_log10, 20 },
    { "log2", "d", fn_log2, 20 },
    { "log1p", "d", fn_log1p, 20 },
    { "deg2rad", "d", fn_deg2rad, 8 },
    { "rad2deg", "d", fn_rad2deg, 8 },
    { "fmod", "dd", fn_fmod, 20 },
    { "hypot", "dd", fn_hypot, 16 },
    { "pi", "", fn_pi, 4 },
    { "abs", "n", fn_abs, 8 },
    { "floor", "n", fn_floor, 9 },
    { "ceil", "n", fn_ceil, 9 },
    { "round", "n|l", fn_round, 45 },
    { "pow", "nn", fn_pow, 30 },
    { "min", "z*", fn_min, 10 },
    { "max", "z*", fn_max, 10 },
    { "is_nan", "d", fn_is_nan, 5 },
    { "is_finite", "d", fn_is_finite, 5 },
    { "is_infinite", "d", fn_is_infinite, 5 },
    { "rand", "|ll", fn_rand, 30 },
    { "mt_rand", "|ll", fn_rand, 22 },
    { "srand", "|l", fn_srand, 50 },
    { "mt_srand", "|l", fn_srand, 2000 },
    { "getrandmax", "", fn_getrandmax, 3 },
    { "mt_getrandmax", "", fn_getrandmax, 3 },
    { "lcg_value", "", fn_lcg_value, 30 },
    { "dechex", "l", fn_dechex, 45 },
    { "decbin", "l", fn_decbin, 60 },
    { "decoct", "l", fn_decoct, 45 },
    { "hexdec", "s", fn_hexdec, 30 },
    { "bindec", "s", fn_bindec, 30 },
    { "octdec", "s", fn_octdec, 30 },
    { "base_convert", "sll", fn_base_convert, 90 },
    { "number_format", "d|lss", fn_number_format, 250 },
    { 0 },
};

static const struct { const char *name; struct pval v; } CONSTANTS[] = {
    { "M_PI", { .type = PHP_FLOAT, .d = 3.14159265358979323846 } },
    { "M_E", { .type = PHP_FLOAT, .d = 2.7182818284590452354 } },
    { "M_SQRT2", { .type = PHP_FLOAT, .d = 1.41421356237309504880 } },
    { "M_PI_2", { .type = PHP_FLOAT, .d = 1.57079632679489661923 } },
    { "M_LN2", { .type = PHP_FLOAT, .d = 0.69314718055994530942 } },
    { "M_LN10", { .type = PHP_FLOAT, .d = 2.30258509299404568402 } },
    { "PHP_INT_MAX", { .type = PHP_INT, .i = INT64_MAX } },
    { "PHP_INT_SIZE", { .type = PHP_INT, .i = 8 } },
    { "PHP_MAJOR_VERSION", { .type = PHP_INT, .i = 5 } },
    { "PHP_MINOR_VERSION", { .type = PHP_INT, .i = 6 } },
    { "PHP_RELEASE_VERSION", { .type = PHP_INT, .i = 40 } },
    { "PHP_VERSION_ID", { .type = PHP_INT, .i = 50640 } },
    { "INF", { .type = PHP_FLOAT, .d = INFINITY } },
    { "NAN", { .type = PHP_FLOAT, .d = NAN } },
    { "E_ALL", { .type = PHP_INT, .i = 32767 } },
    { "E_ERROR", { .type = PHP_INT, .i = 1 } },
    { "E_WARNING", { .type = PHP_INT, .i = 2 } },
    { "E_PARSE", { .type = PHP_INT, .i = 4 } },
    { "E_NOTICE", { .type = PHP_INT, .i = 8 } },
    { "E_STRICT", { .type = PHP_INT, .i = 2048 } },
    { "E_DEPRECATED", { .type = PHP_INT, .i = 8192 } },
    { "SORT_REGULAR", { .type = PHP_INT, .i = 0 } },
    { "SORT_NUMERIC", { .type = PHP_INT, .i = 1 } },
    { "SORT_STRING", { .type = PHP_INT, .i = 2 } },
    { "COUNT_RECURSIVE", { .type = PHP_INT, .i = 1 } },
    { "STR_PAD_LEFT", { .type = PHP_INT, .i = 0 } },
    { "STR_PAD_RIGHT", { .type = PHP_INT, .i = 1 } },
    { "STR_PAD_BOTH", { .type = PHP_INT, .i = 2 } },
};
static const struct { const char *name, *text; } TEXT_CONSTANTS[] = {
    { "PHP_EOL", "\n" },
    { "PHP_VERSION", "5.6.40" },
    { "PHP_OS", "Linux" },
    { "PHP_SAPI", "apache2handler" },
    { "DIRECTORY_SEPARATOR", "/" },
};
bool php_constant(struct php_vm *vm, struct str name, struct pval *out)
{
    for (size_t i = 0; i < ARRAY_LEN(CONSTANTS); i++) {
        if (str_eqc(name, CONSTANTS[i].name)) {
            *out = CONSTANTS[i].v;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(TEXT_CONSTANTS); i++) {
        if (str_eqc(name, TEXT_CONSTANTS[i].name)) {
            *out = php_strc(vm, TEXT_CONSTANTS[i].text);
            return true;
        }
    }
    return false;
}
