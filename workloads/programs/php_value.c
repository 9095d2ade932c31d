/* workloads/programs/php_value.c - PHP's values: juggling between types, comparison, arithmetic, ordered arrays.
 *
 * Upstream: Zend/zend_operators.c and zend_hash.c of PHP 5.6. Values are counted references; an array is copied when it
 * is written to while shared. Kept from PHP 5: integers overflow into floats, "0x1A" is numeric, "abc" == 0, floats
 * print with 14 digits. Memory is accounted as PHP 5.6 would use it on 64 bits (a zval 48 bytes, an element of an array
 * 144 with its zval), not as it is used here.
 */
#include "workloads/programs/php_priv.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ELEMENT_BYTES = 144, ARRAY_BYTES = 120, ARRAY_MAX = 1 << 24, FREE_DEPTH_MAX = 1000, COMPARE_DEPTH_MAX = 14000 };

/* ---- memory of the run ---- */
static void block_link(struct php_vm *vm, struct php_block *b)
{
    b->next = vm->blocks.next;
    b->prev = &vm->blocks;
    vm->blocks.next->prev = b;
    vm->blocks.next = b;
}

void *php_alloc(struct php_vm *vm, size_t n)
{
    struct php_block *b = xmalloc(sizeof *b + 8 + n);     /* 8: what is handed out is 16-byte aligned */
    b->n = n;
    block_link(vm, b);
    return (char *)b + sizeof *b + 8;
}

void *php_realloc(struct php_vm *vm, void *p, size_t n)
{
    if (!p)
        return php_alloc(vm, n);
    struct php_block *b = (void *)((char *)p - 8 - sizeof *b);
    b->prev->next = b->next;
    b->next->prev = b->prev;
    b = xrealloc(b, sizeof *b + 8 + n);
    b->n = n;
    block_link(vm, b);
    return (char *)b + sizeof *b + 8;
}

void php_free(struct php_vm *vm, void *p)
{
    (void)vm;
    if (!p)
        return;
    struct php_block *b = (void *)((char *)p - 8 - sizeof *b);
    b->prev->next = b->next;
    b->next->prev = b->prev;
    free(b);
}

void php_account(struct php_vm *vm, ptrdiff_t bytes)
{
    vm->memory_bytes += (size_t)bytes;
    if (bytes > 0 && vm->memory_bytes > vm->memory_peak) {
        if (vm->memory_bytes > vm->opt->memory_bytes_max) {
            vm->memory_bytes -= (size_t)bytes;
            vm->out->error = PHP_ERROR_MEMORY;
            php_fatal(vm, "Allowed memory size of %zu bytes exhausted (tried to allocate %td bytes)",
                      vm->opt->memory_bytes_max, bytes);
        }
        vm->memory_peak = vm->memory_bytes;
    }
}

/* ---- strings ---- */
struct pstr *php_str_new(struct php_vm *vm, size_t n)
{
    php_account(vm, php_string_bytes(n));
    struct pstr *s = php_alloc(vm, sizeof *s + n + 1);
    *s = (struct pstr){ .refs = 1, .n = n, .cap = n };
    s->p[n] = '\0';
    return s;
}

struct pval php_str(struct php_vm *vm, struct str s)
{
    struct pstr *ps = php_str_new(vm, s.n);
    if (s.n)
        memcpy(ps->p, s.p, s.n);
    return (struct pval){ .type = PHP_STRING, .s = ps };
}

struct pval php_strc(struct php_vm *vm, const char *s)
{
    return php_str(vm, str_c(s));
}

struct pval php_strf(struct php_vm *vm, const char *fmt, ...)
{
    char small[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    return php_str(vm, (struct str){ small, (size_t)n < sizeof small ? (size_t)n : sizeof small - 1 });
}

/* ---- ownership ---- */
static uint32_t *refs_of(struct pval v)
{
    switch (v.type) {
    case PHP_STRING: return &v.s->refs;
    case PHP_ARRAY: return &v.a->refs;
    case PHP_CLOSURE: return &v.c->refs;
    case PHP_REF: return &v.r->refs;
    default: return NULL;
    }
}

struct pval php_value_copy(struct pval v)
{
    if (v.type == PHP_REF)
        v = v.r->v;
    if (v.type >= PHP_STRING) {
        uint32_t *refs = refs_of(v);
        *refs += *refs < PHP_IMMORTAL;
    }
    return v;
}

void php_value_free_slow(struct php_vm *vm, struct pval v)
{
    uint32_t *refs = refs_of(v);
    if (*refs >= PHP_IMMORTAL || --*refs > 0)
        return;
    if (v.type != PHP_STRING && vm->freeing > FREE_DEPTH_MAX)
        return;                                    /* nested so deep that the C stack would suffer: left to the end of the run */
    vm->freeing++;
    switch (v.type) {
    case PHP_STRING:
        php_account(vm, -php_string_bytes(v.s->n));
        php_free(vm, v.s);
        break;
    case PHP_ARRAY:
        php_array_free(vm, v.a);
        break;
    case PHP_REF: {
        struct pval inner = v.r->v;
        php_free(vm, v.r);
        pv_free(vm, inner);
        break;
    }
    default:
        for (size_t i = 0; i < v.c->n; i++)
            pv_free(vm, v.c->captured[i]);
        php_free(vm, v.c);
    }
    vm->freeing--;
}

void php_value_set(struct php_vm *vm, struct pval *to, struct pval v)
{
    to = pv_deref(to);
    struct pval old = *to;
    *to = v;
    pv_free(vm, old);
}

struct pval php_value_make_ref(struct php_vm *vm, struct pval *v)
{
    if (v->type != PHP_REF) {
        struct pref *r = php_alloc(vm, sizeof *r);
        *r = (struct pref){ .refs = 1, .v = *v };
        *v = (struct pval){ .type = PHP_REF, .r = r };
    }
    v->r->refs++;
    return *v;
}

/* ---- numbers and text ---- */
int64_t php_float_to_int(double d)
{
    if (d > -9.2e18 && d < 9.2e18)
        return (int64_t)d;
    if (!isfinite(d))
        return d != d ? INT64_MIN : 0;             /* zend_dval_to_lval */
    double m = fmod(d, 18446744073709551616.0);            /* modular, as on 64-bit PHP 5 */
    if (m < 0)
        m += 18446744073709551616.0;
    return (int64_t)(m >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)m);
}

size_t php_format_float(double d, int precision, char buf[64])
{
    if (!isfinite(d))
        return (size_t)snprintf(buf, 64, "%s", d != d ? "NAN" : d > 0 ? "INF" : "-INF");
    if (d == 0)
        return (size_t)snprintf(buf, 64, signbit(d) ? "-0" : "0");
    char e[64], digits[40];
    precision = precision < 1 ? 1 : precision > 30 ? 30 : precision;
    snprintf(e, sizeof e, "%.*e", precision - 1, d);
    char *exp = strchr(e, 'e');
    int point = atoi(exp + 1) + 1, n = 0;          /* value = 0.DIGITS * 10^point */
    for (char *c = e; c < exp; c++)
        if (isdigit((unsigned char)*c))
            digits[n++] = *c;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    size_t k = 0;
    if (d < 0)
        buf[k++] = '-';
    if (point < -3 || point > precision) {         /* zend_gcvt */
        k += (size_t)snprintf(buf + k, 64 - k, "%c.%.*sE%+d", digits[0], n > 1 ? n - 1 : 1, n > 1 ? digits + 1 : "0", point - 1);
        return k;
    }
    if (point <= 0) {
        k += (size_t)snprintf(buf + k, 64 - k, "0.%.*s%.*s", -point, "000", n, digits);
        return k;
    }
    for (int i = 0; i < point || i < n; i++) {
        if (i == point)
            buf[k++] = '.';
        buf[k++] = i < n ? digits[i] : '0';
    }
    buf[k] = '\0';
    return k;
}

/* is_numeric_string: blanks before it are fine, and a hexadecimal integer is a number; with prefix, anything may follow. */
enum php_type php_numeric(struct str s, bool prefix, int64_t *i, double *d)
{
    size_t p = 0, end;
    while (p < s.n && (isspace((unsigned char)s.p[p])))
        p++;
    size_t start = p;
    if (p < s.n && (s.p[p] == '-' || s.p[p] == '+'))
        p++;
    size_t digits = p;
    if (!prefix && p == start && s.n > p + 2 && s.n < p + 18 && s.p[p] == '0' && (s.p[p + 1] | 32) == 'x') {
        uint64_t v = 0;
        for (end = p + 2; end < s.n && isxdigit((unsigned char)s.p[end]); end++)
            v = v * 16 + (uint64_t)(s.p[end] <= '9' ? s.p[end] - '0' : (s.p[end] | 32) - 'a' + 10);
        *i = (int64_t)v;
        return end == s.n ? PHP_INT : PHP_NULL;
    }
    while (p < s.n && isdigit((unsigned char)s.p[p]))
        p++;
    bool is_float = false;
    end = p;
    size_t whole = p - digits, fraction = 0;
    if (p < s.n && s.p[p] == '.') {
        size_t q = p + 1;
        while (q < s.n && isdigit((unsigned char)s.p[q]))
            q++;
        fraction = q - p - 1;
        if (whole + fraction > 0) {
            end = p = q;
            is_float = true;
        }
    }
    if (whole + fraction == 0)
        return PHP_NULL;
    if (p < s.n && (s.p[p] | 32) == 'e') {
        size_t q = p + 1;
        if (q < s.n && (s.p[q] == '-' || s.p[q] == '+'))
            q++;
        if (q < s.n && isdigit((unsigned char)s.p[q])) {
            while (q < s.n && isdigit((unsigned char)s.p[q]))
                q++;
            end = q;
            is_float = true;
        }
    }
    if (end != s.n && !prefix)
        return PHP_NULL;
    struct str text = str_sub(s, start, end);
    if (text.n > 0 && text.p[0] == '+')
        text = str_sub(text, 1, text.n);
    if (!is_float && str_int(text, i))
        return PHP_INT;
    char buf[400];
    size_t n = text.n < sizeof buf ? text.n : sizeof buf - 1;
    memcpy(buf, text.p, n);
    buf[n] = '\0';
    *d = strtod(buf, NULL);
    return PHP_FLOAT;
}

struct pval php_value_to_number(struct pval v)
{
    int64_t i = 0;
    double d = 0;
    switch (v.type) {
    case PHP_INT: case PHP_FLOAT: return v;
    case PHP_NULL: return pv_int(0);
    case PHP_BOOL: return pv_int(v.b);
    case PHP_STRING: {
        enum php_type t = php_numeric(pv_view(v), true, &i, &d);
        if (v.s->n > 2 && v.s->p[0] == '0' && (v.s->p[1] | 32) == 'x')
            t = php_numeric(pv_view(v), false, &i, &d) == PHP_INT ? PHP_INT : t;
        return t == PHP_FLOAT ? pv_float(d) : pv_int(t == PHP_INT ? i : 0);
    }
    case PHP_ARRAY: return pv_int(v.a->live > 0);
    case PHP_REF: return php_value_to_number(v.r->v);
    default: return pv_int(1);
    }
}

int64_t php_value_to_int(struct pval v)
{
    if (v.type == PHP_STRING) {
        struct str text = pv_view(v);              /* strtol: digits only, so "1e3" is 1; saturates */
        size_t p = 0;
        int64_t i = 0;
        while (p < text.n && isspace((unsigned char)text.p[p]))
            p++;
        bool minus = p < text.n && text.p[p] == '-';
        p += p < text.n && (text.p[p] == '-' || text.p[p] == '+');
        for (; p < text.n && isdigit((unsigned char)text.p[p]); p++)
            if (__builtin_mul_overflow(i, 10, &i) ||
                (minus ? __builtin_sub_overflow(i, text.p[p] - '0', &i) : __builtin_add_overflow(i, text.p[p] - '0', &i)))
                return minus ? INT64_MIN : INT64_MAX;
        return i;
    }
    v = php_value_to_number(v);
    return v.type == PHP_INT ? v.i : php_float_to_int(v.d);
}

double php_value_to_float(struct pval v)
{
    v = php_value_to_number(v);
    return v.type == PHP_INT ? (double)v.i : v.d;
}

bool php_value_true(struct pval v)
{
    switch (v.type) {
    case PHP_NULL: return false;
    case PHP_BOOL: return v.b;
    case PHP_INT: return v.i != 0;
    case PHP_FLOAT: return v.d != 0;
    case PHP_STRING: return v.s->n > 1 || (v.s->n == 1 && v.s->p[0] != '0');
    case PHP_ARRAY: return v.a->live > 0;
    case PHP_REF: return php_value_true(v.r->v);
    default: return true;
    }
}

struct pval php_value_to_string(struct php_vm *vm, struct pval v)
{
    char buf[64];
    switch (v.type) {
    case PHP_STRING: return php_value_copy(v);
    case PHP_NULL: return php_str(vm, STR_NULL);
    case PHP_BOOL: return php_strc(vm, v.b ? "1" : "");
    case PHP_INT: return php_str(vm, (struct str){ buf, (size_t)snprintf(buf, sizeof buf, "%" PRId64, v.i) });
    case PHP_FLOAT: return php_str(vm, (struct str){ buf, php_format_float(v.d, 14, buf) });
    case PHP_REF: return php_value_to_string(vm, v.r->v);
    case PHP_ARRAY:
        php_report(vm, SEV_NOTICE, "Array to string conversion");
        return php_strc(vm, "Array");
    default:
        vm->out->error = PHP_ERROR_FATAL;
        php_fatal(vm, "Object of class Closure could not be converted to string");
    }
}

const char *php_value_type_name(struct pval v)
{
    static const char *const NAMES[] = { "null", "boolean", "integer", "double", "string", "array", "object", "reference" };
    return NAMES[pv_deref(&v)->type];
}

/* ---- comparison ---- */
static int order(double a, double b)
{
    return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
}

static int compare_numbers(struct pval a, struct pval b)
{
    if (a.type == PHP_INT && b.type == PHP_INT)
        return a.i < b.i ? -1 : a.i > b.i;
    return order(a.type == PHP_INT ? (double)a.i : a.d, b.type == PHP_INT ? (double)b.i : b.d);
}

static int compare_strings(struct pval a, struct pval b)           /* zendi_smart_strcmp */
{
    struct pval x = PV_NULL, y = PV_NULL;
    int64_t i;
    double d;
    if ((x.type = php_numeric(pv_view(a), false, &i, &d)) != PHP_NULL) {
        x = x.type == PHP_INT ? pv_int(i) : pv_float(d);
        if ((y.type = php_numeric(pv_view(b), false, &i, &d)) != PHP_NULL)
            return compare_numbers(x, y.type == PHP_INT ? pv_int(i) : pv_float(d));
    }
    int c = str_cmp(pv_view(a), pv_view(b));
    return c < 0 ? -1 : c > 0;
}

static int compare_arrays(struct php_vm *vm, struct parr *a, struct parr *b)
{
    if (a->live != b->live)
        return a->live < b->live ? -1 : 1;
    if (++vm->depth > COMPARE_DEPTH_MAX)
        php_fatal(vm, "Nesting level too deep - recursive dependency?");
    int result = 0;
    parr_for(e, a) {
        struct pval *other = php_array_find(b, (struct pkey){ e->key, e->index });
        SPEND(vm, COST_COMPARE);
        result = other ? php_value_compare(vm, e->v, *other) : 2;
        if (result)
            break;
    }
    vm->depth--;
    return result;
}

int php_value_compare(struct php_vm *vm, struct pval a, struct pval b)
{
    a = *pv_deref(&a);
    b = *pv_deref(&b);
    bool an = a.type == PHP_INT || a.type == PHP_FLOAT, bn = b.type == PHP_INT || b.type == PHP_FLOAT;
    if (an && bn)
        return compare_numbers(a, b);
    if (a.type == PHP_STRING && b.type == PHP_STRING)
        return compare_strings(a, b);
    if (a.type == PHP_BOOL || b.type == PHP_BOOL || (a.type == PHP_NULL && b.type != PHP_STRING) ||
        (b.type == PHP_NULL && a.type != PHP_STRING))
        return php_value_true(a) - php_value_true(b);
    if (a.type == PHP_NULL)
        return b.s->n ? -1 : 0;
    if (b.type == PHP_NULL)
        return a.s->n ? 1 : 0;
    if (a.type == PHP_ARRAY && b.type == PHP_ARRAY)
        return compare_arrays(vm, a.a, b.a);
    if (a.type == PHP_CLOSURE && b.type == PHP_CLOSURE)
        return a.c == b.c ? 0 : 2;
    if (a.type >= PHP_ARRAY)                       /* an array is greater than anything else */
        return 1;
    if (b.type >= PHP_ARRAY)
        return -1;
    return compare_numbers(php_value_to_number(a), php_value_to_number(b));
}

bool php_value_equal(struct php_vm *vm, struct pval a, struct pval b)
{
    return php_value_compare(vm, a, b) == 0;
}

static bool identical(struct pval a, struct pval b, unsigned depth)
{
    a = *pv_deref(&a);
    b = *pv_deref(&b);
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case PHP_NULL: return true;
    case PHP_BOOL: return a.b == b.b;
    case PHP_INT: return a.i == b.i;
    case PHP_FLOAT: return a.d == b.d;
    case PHP_STRING: return str_eq(pv_view(a), pv_view(b));
    case PHP_CLOSURE: return a.c == b.c;
    default: break;
    }
    if (a.a == b.a)
        return true;
    if (a.a->live != b.a->live || depth > COMPARE_DEPTH_MAX / 2)
        return false;
    struct pentry *f = b.a->e;
    parr_for(e, a.a) {
        while (!f->used)
            f++;
        if (!e->key != !f->key ||
            (e->key ? !str_eq((struct str){ e->key->p, e->key->n }, (struct str){ f->key->p, f->key->n })
                    : e->index != f->index) ||
            !identical(e->v, f->v, depth + 1))
            return false;
        f++;
    }
    return true;
}

bool php_value_identical(struct pval a, struct pval b)
{
    return identical(a, b, 0);
}

/* ---- arithmetic ---- */
static struct pval arrays_union(struct php_vm *vm, struct parr *a, struct parr *b)
{
    struct parr *sum = php_array_clone(vm, a);
    parr_for(e, b) {
        struct pkey k = { e->key, e->index };
        if (!php_array_find(sum, k))
            *php_array_put(vm, sum, k) = php_value_copy(e->v);
    }
    return php_value_array(sum);
}

static struct pval power(struct pval a, struct pval b)
{
    if (a.type == PHP_INT && b.type == PHP_INT && b.i >= 0) {
        int64_t result = 1, base = a.i, n = b.i;
        bool overflow = false;
        for (; n && !overflow; n >>= 1) {
            if (n & 1)
                overflow |= __builtin_mul_overflow(result, base, &result);
            if (n > 1)
                overflow |= __builtin_mul_overflow(base, base, &base);
        }
        if (!overflow)
            return pv_int(result);
    }
    return pv_float(pow(php_value_to_float(a), php_value_to_float(b)));
}

static struct pval bitwise(struct php_vm *vm, int op, struct pval a, struct pval b)
{
    if (a.type == PHP_STRING && b.type == PHP_STRING && op < 256) {  /* bytewise */
        size_t lo = a.s->n < b.s->n ? a.s->n : b.s->n, hi = a.s->n > b.s->n ? a.s->n : b.s->n;
        struct pstr *s = php_str_new(vm, op == '|' ? hi : lo);
        for (size_t i = 0; i < s->n; i++) {
            char x = i < a.s->n ? a.s->p[i] : 0, y = i < b.s->n ? b.s->p[i] : 0;
            s->p[i] = (char)(op == '&' ? x & y : op == '|' ? x | y : x ^ y);
        }
        return (struct pval){ .type = PHP_STRING, .s = s };
    }
    int64_t x = php_value_to_int(a), y = php_value_to_int(b);
    switch (op) {
    case '&': return pv_int(x & y);
    case '|': return pv_int(x | y);
    case '^': return pv_int(x ^ y);
    case OP2('<', '<'): return pv_int((int64_t)((uint64_t)x << (y & 63)));     /* what x86 does with counts past 63 */
    default: return pv_int(x >> (y & 63));
    }
}

static struct pval int_arith(int op, int64_t x, int64_t y)
{
    int64_t r;
    if (op == '+'   ? __builtin_add_overflow(x, y, &r)
        : op == '-' ? __builtin_sub_overflow(x, y, &r)
                    : __builtin_mul_overflow(x, y, &r))
        return pv_float(op == '+' ? (double)x + (double)y : op == '-' ? (double)x - (double)y : (double)x * (double)y);
    return pv_int(r);
}

static struct pval divide(struct php_vm *vm, struct pval a, struct pval b)
{
    double y = php_value_to_float(b);
    if (y == 0) {
        php_report(vm, SEV_WARNING, "Division by zero");
        return pv_bool(false);
    }
    if (a.type == PHP_INT && b.type == PHP_INT && !(a.i == INT64_MIN && b.i == -1) && a.i % b.i == 0)
        return pv_int(a.i / b.i);
    return pv_float(php_value_to_float(a) / y);
}

static struct pval modulo(struct php_vm *vm, struct pval a, struct pval b)
{
    int64_t x = php_value_to_int(a), y = php_value_to_int(b);
    if (y == 0) {
        php_report(vm, SEV_WARNING, "Division by zero");
        return pv_bool(false);
    }
    return pv_int(y == -1 ? 0 : x % y);
}

struct pval php_value_arith(struct php_vm *vm, int op, struct pval a, struct pval b)
{
    a = *pv_deref(&a);
    b = *pv_deref(&b);
    if (a.type == PHP_ARRAY || b.type == PHP_ARRAY) {
        if (op == '+' && a.type == b.type)
            return arrays_union(vm, a.a, b.a);
        if (op == '+' || op == '-' || op == '*' || op == '/' || op == OP2('*', '*'))
            php_fatal(vm, "Unsupported operand types");
    }
    switch (op) {
    case '%': return modulo(vm, a, b);
    case '&': case '|': case '^': case OP2('<', '<'): case OP2('>', '>'): return bitwise(vm, op, a, b);
    default: break;
    }
    a = php_value_to_number(a);
    b = php_value_to_number(b);
    if (op == '/')
        return divide(vm, a, b);
    if (op == OP2('*', '*'))
        return power(a, b);
    if (a.type == PHP_INT && b.type == PHP_INT)
        return int_arith(op, a.i, b.i);
    double x = a.type == PHP_INT ? (double)a.i : a.d, y = b.type == PHP_INT ? (double)b.i : b.d;
    return pv_float(op == '+' ? x + y : op == '-' ? x - y : x * y);
}

/* ---- arrays ---- */
struct parr *php_array_new(struct php_vm *vm, size_t hint)
{
    php_account(vm, ARRAY_BYTES);
    struct parr *a = php_alloc(vm, sizeof *a);
    *a = (struct parr){ .refs = 1 };
    if (hint > 0 && hint < 4096) {
        a->e = php_alloc(vm, hint * sizeof *a->e);
        a->cap = hint;
    }
    return a;
}

void php_array_free(struct php_vm *vm, struct parr *a)
{
    parr_for(e, a) {
        if (e->key)
            pv_free(vm, (struct pval){ .type = PHP_STRING, .s = e->key });
        pv_free(vm, e->v);
    }
    php_account(vm, -(ptrdiff_t)(ARRAY_BYTES + a->live * ELEMENT_BYTES));
    php_free(vm, a->e);
    php_free(vm, a->slots);
    php_free(vm, a);
}

struct pval php_value_array(struct parr *a)
{
    return (struct pval){ .type = PHP_ARRAY, .a = a };
}

static uint64_t key_hash(struct pkey k)
{
    return k.s ? str_hash((struct str){ k.s->p, k.s->n }) : (uint64_t)k.i * 0x9e3779b97f4a7c15ull ^ (uint64_t)k.i >> 32;
}

static bool key_is(const struct pentry *e, struct pkey k)
{
    if (!k.s)
        return !e->key && e->index == k.i;
    return e->key && (e->key == k.s || (e->key->n == k.s->n && memcmp(e->key->p, k.s->p, k.s->n) == 0));
}

static void index_add(struct parr *a, size_t position)
{
    uint64_t h = key_hash((struct pkey){ a->e[position].key, a->e[position].index });
    size_t i = h & (a->slot_count - 1);
    while (a->slots[i])
        i = (i + 1) & (a->slot_count - 1);
    a->slots[i] = (uint32_t)(position + 1);
}

static void index_build(struct php_vm *vm, struct parr *a)
{
    size_t count = 16;
    while (count < a->cap * 2 + 2)
        count *= 2;
    php_free(vm, a->slots);
    a->slots = php_alloc(vm, count * sizeof *a->slots);
    memset(a->slots, 0, count * sizeof *a->slots);
    a->slot_count = count;
    for (size_t i = 0; i < a->n; i++)
        if (a->e[i].used)
            index_add(a, i);
}

static struct pentry *entry_find(const struct parr *a, struct pkey k)
{
    if (!a->slots)
        return !k.s && k.i >= 0 && (size_t)k.i < a->n ? &a->e[k.i] : NULL;
    for (size_t i = key_hash(k) & (a->slot_count - 1); a->slots[i]; i = (i + 1) & (a->slot_count - 1)) {
        struct pentry *e = &a->e[a->slots[i] - 1];
        if (e->used && key_is(e, k))
            return e;
    }
    return NULL;
}

struct pval *php_array_find(const struct parr *a, struct pkey k)
{
    struct pentry *e = entry_find(a, k);
    return e ? &e->v : NULL;
}

/* Room for one more at the end: holes are squeezed out when they are the most, else the capacity doubles. */
static void parr_grow(struct php_vm *vm, struct parr *a)
{
    if (a->n < a->cap)
        return;
    if (a->slots && a->live < a->n / 2) {
        size_t n = 0;
        for (size_t i = 0; i < a->n; i++) {
            if (i == a->cursor)
                a->cursor = n;
            if (a->e[i].used)
                a->e[n++] = a->e[i];
        }
        a->n = n;
    } else {
        if (a->cap >= ARRAY_MAX)
            php_fatal(vm, "Allowed memory size of %zu bytes exhausted (tried to allocate %zu bytes)",
                      vm->opt->memory_bytes_max, a->cap * 16);
        a->cap = a->cap ? a->cap * 2 : 8;
        a->e = php_realloc(vm, a->e, a->cap * sizeof *a->e);
    }
    if (a->slots)
        index_build(vm, a);
}

struct pval *php_array_put(struct php_vm *vm, struct parr *a, struct pkey k)
{
    struct pentry *e = entry_find(a, k);
    if (e)
        return &e->v;
    php_account(vm, ELEMENT_BYTES);
    parr_grow(vm, a);
    if (!a->slots && (k.s || k.i != (int64_t)a->n))
        index_build(vm, a);
    if (k.s)
        k.s->refs += k.s->refs < PHP_IMMORTAL;
    a->e[a->n] = (struct pentry){ .key = k.s, .index = k.i, .used = true };
    if (!k.s && k.i >= a->next_index)
        a->next_index = k.i == INT64_MAX ? INT64_MAX : k.i + 1;
    a->live++;
    if (a->slots)
        index_add(a, a->n);
    return &a->e[a->n++].v;
}

struct pval *php_array_push(struct php_vm *vm, struct parr *a, struct pval v)
{
    struct pkey k = { NULL, a->next_index };
    if (a->next_index == INT64_MAX && entry_find(a, k)) {
        php_report(vm, SEV_WARNING, "Cannot add element to the array as the next element is already occupied");
        pv_free(vm, v);
        return NULL;
    }
    struct pval *p = php_array_put(vm, a, k);
    *p = v;
    return p;
}

bool php_array_remove(struct php_vm *vm, struct parr *a, struct pkey k)
{
    struct pentry *e = entry_find(a, k);
    if (!e)
        return false;
    struct pval v = e->v;
    struct pstr *key = e->key;
    if (!a->slots && (size_t)k.i == a->n - 1) {    /* the last of a list: stays a list */
        a->n--;
        a->live--;
        php_account(vm, -(ptrdiff_t)ELEMENT_BYTES);
        pv_free(vm, v);
        return true;
    }
    if (!a->slots)
        index_build(vm, a);
    e->used = false;
    e->v = PV_NULL;
    e->key = NULL;
    e->index = INT64_MIN;
    a->live--;
    php_account(vm, -(ptrdiff_t)ELEMENT_BYTES);
    if (key)
        pv_free(vm, (struct pval){ .type = PHP_STRING, .s = key });
    pv_free(vm, v);
    return true;
}

struct parr *php_array_clone(struct php_vm *vm, const struct parr *a)
{
    struct parr *b = php_array_new(vm, a->live);
    php_spend_bytes(vm, COST_STRING_BYTE_16, a->live * 160);
    parr_for(e, a) {
        struct pval *v = php_array_put(vm, b, (struct pkey){ e->key, e->index });
        if (e->v.type == PHP_REF && e->v.r->refs > 1) {    /* references stay shared, as in PHP */
            *v = e->v;
            v->r->refs++;
        } else {
            *v = php_value_copy(e->v);
        }
    }
    b->next_index = a->next_index;
    b->cursor = a->live == a->n ? a->cursor : 0;
    return b;
}

struct parr *php_array_own(struct php_vm *vm, struct pval *v)
{
    v = pv_deref(v);
    if (v->a->refs > 1) {
        struct parr *b = php_array_clone(vm, v->a);
        v->a->refs--;
        v->a = b;
    }
    return v->a;
}

void php_array_set(struct php_vm *vm, struct parr *a, const char *key, struct pval v)
{
    struct pval k = php_strc(vm, key), *p = php_array_put(vm, a, (struct pkey){ k.s, 0 });
    php_value_set(vm, p, v);
    pv_free(vm, k);
}

struct pval php_array_key_value(const struct pentry *e)
{
    return e->key ? php_value_copy((struct pval){ .type = PHP_STRING, .s = e->key }) : pv_int(e->index);
}

/* "12" is the integer 12, "012" and "-0" stay strings; floats and booleans become integers, null the empty string. */
bool php_key(struct php_vm *vm, struct pval v, struct pkey *k, struct pval *hold)
{
    v = *pv_deref(&v);
    *hold = PV_NULL;
    *k = (struct pkey){ NULL, 0 };
    switch (v.type) {
    case PHP_INT: k->i = v.i; return true;
    case PHP_BOOL: k->i = v.b; return true;
    case PHP_FLOAT: k->i = php_float_to_int(v.d); return true;
    case PHP_NULL:
        *hold = php_str(vm, STR_NULL);
        k->s = hold->s;
        return true;
    case PHP_STRING: {
        struct str s = pv_view(v);
        size_t digits = s.n > 0 && s.p[0] == '-' ? 1 : 0;
        if (s.n > digits && s.n < 21 && isdigit((unsigned char)s.p[digits]) && (s.p[digits] != '0' || s.n == 1) &&
            str_int(s, &k->i))
            return true;
        k->i = 0;
        k->s = v.s;
        return true;
    }
    default:
        php_report(vm, SEV_WARNING, "Illegal offset type");
        return false;
    }
}
