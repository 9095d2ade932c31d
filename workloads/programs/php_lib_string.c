/* workloads/programs/php_lib_string.c - PHP's string functions (upstream: ext/standard/string.c, formatted_print.c,
 * md5.c, crc32.c of PHP 5.6).
 *
 * Bytes, not characters, as in PHP. Each function states its own cost in the table at the end; those whose work grows
 * with the text also spend per byte.
 */
#include "workloads/programs/php_priv.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void spend(struct php_vm *vm, size_t bytes)
{
    php_spend_bytes(vm, COST_STRING_BYTE_16, bytes);
}

static struct pval owned(struct pstr *s)
{
    return (struct pval){ .type = PHP_STRING, .s = s };
}

static struct pval mapped(struct php_vm *vm, struct str s, int (*map)(int))
{
    struct pstr *r = php_str_new(vm, s.n);
    spend(vm, s.n * 8);
    for (size_t i = 0; i < s.n; i++)
        r->p[i] = (char)((unsigned char)s.p[i] < 128 ? map((unsigned char)s.p[i]) : s.p[i]);
    return owned(r);
}

static struct pval fn_strlen(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return pv_int((int64_t)c->v[0].s->n);
}

static struct pval fn_strtolower(struct php_vm *vm, struct php_call *c)
{
    return mapped(vm, php_arg_str(c, 0), tolower);
}

static struct pval fn_strtoupper(struct php_vm *vm, struct php_call *c)
{
    return mapped(vm, php_arg_str(c, 0), toupper);
}

static struct pval fn_ucfirst(struct php_vm *vm, struct php_call *c)
{
    struct pval r = php_str(vm, php_arg_str(c, 0));
    bool lower = c->name[0] == 'l';
    if (r.s->n)
        r.s->p[0] = (char)(lower ? tolower((unsigned char)r.s->p[0]) : toupper((unsigned char)r.s->p[0]));
    return r;
}

static struct pval fn_ucwords(struct php_vm *vm, struct php_call *c)
{
    struct pval r = php_str(vm, php_arg_str(c, 0));
    spend(vm, r.s->n * 4);
    for (size_t i = 0; i < r.s->n; i++)
        if (i == 0 || isspace((unsigned char)r.s->p[i - 1]))
            r.s->p[i] = (char)toupper((unsigned char)r.s->p[i]);
    return r;
}

static struct pval fn_strrev(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0);
    struct pstr *r = php_str_new(vm, s.n);
    spend(vm, s.n * 4);
    for (size_t i = 0; i < s.n; i++)
        r->p[i] = s.p[s.n - 1 - i];
    return owned(r);
}

static struct pval fn_trim(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0), set = c->n > 1 ? php_arg_str(c, 1) : (struct str){ " \t\n\r\0\x0b", 6 };
    bool left = c->name[0] != 'r', right = c->name[0] != 'l';
    while (left && s.n && str_chr(set, s.p[0]) >= 0)
        s = str_sub(s, 1, s.n);
    while (right && s.n && str_chr(set, s.p[s.n - 1]) >= 0)
        s.n--;
    spend(vm, s.n);
    return php_str(vm, s);
}

/* start and length as substr has them: negative ones count from the end. false: nothing there. */
static bool sub_range(int64_t n, int64_t start, int64_t length, struct str s, struct str *out)
{
    if (start < 0)
        start = start + n < 0 ? 0 : start + n;
    if (start > n || (start == n && n >= 0 && s.n == (size_t)n && length != 0))
        return false;
    int64_t end = length < 0 ? n + length : length > n - start ? n : start + length;
    if (end < start)
        return false;
    *out = str_sub(s, (size_t)start, (size_t)end);
    return true;
}

static struct pval fn_substr(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0), r;
    if (!sub_range((int64_t)s.n, c->v[1].i, c->n > 2 ? c->v[2].i : INT64_MAX, s, &r))
        return pv_bool(false);
    spend(vm, r.n);
    return php_str(vm, r);
}

static struct pval fn_strpos(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0), needle = php_arg_str(c, 1);
    bool nocase = strstr(c->name, "ipos") != NULL, last = strncmp(c->name, "strr", 4) == 0;
    int64_t from = c->n > 2 ? c->v[2].i : 0;
    if (from < 0 || (size_t)from > s.n) {
        php_report(vm, SEV_WARNING, "%s(): Offset not contained in string", c->name);
        return pv_bool(false);
    }
    if (needle.n == 0) {
        php_report(vm, SEV_WARNING, "%s(): Empty needle", c->name);
        return pv_bool(false);
    }
    spend(vm, s.n);
    int64_t found = -1;
    for (size_t i = (size_t)from; i + needle.n <= s.n; i++) {
        struct str here = str_sub(s, i, i + needle.n);
        if (nocase ? str_eqi(here, needle) : str_eq(here, needle)) {
            found = (int64_t)i;
            if (!last)
                break;
        }
    }
    return found < 0 ? pv_bool(false) : pv_int(found);
}

static struct pval fn_strstr(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0), needle = php_arg_str(c, 1);
    ptrdiff_t at = str_find(s, needle);
    spend(vm, s.n);
    if (needle.n == 0)
        php_report(vm, SEV_WARNING, "strstr(): Empty needle");
    if (at < 0 || needle.n == 0)
        return pv_bool(false);
    return php_str(vm, c->n > 2 && c->v[2].b ? str_sub(s, 0, (size_t)at) : str_sub(s, (size_t)at, s.n));
}

static struct pval fn_substr_count(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0), needle = php_arg_str(c, 1);
    int64_t count = 0;
    if (needle.n == 0) {
        php_report(vm, SEV_WARNING, "substr_count(): Empty substring");
        return pv_bool(false);
    }
    spend(vm, s.n);
    for (size_t i = 0; i + needle.n <= s.n;) {
        bool hit = memcmp(s.p + i, needle.p, needle.n) == 0;
        count += hit;
        i += hit ? needle.n : 1;
    }
    return pv_int(count);
}

static struct pval fn_str_repeat(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0);
    int64_t times = c->v[1].i;
    if (times < 0) {
        php_report(vm, SEV_WARNING, "str_repeat(): Second argument has to be greater than or equal to 0");
        return PV_NULL;
    }
    size_t n;
    if (__builtin_mul_overflow(s.n, (size_t)times, &n) || n > (1ull << 40))
        n = 1ull << 40;
    spend(vm, n > 1ull << 32 ? 0 : n);
    struct pstr *r = n > vm->opt->memory_bytes_max ? (php_account(vm, (ptrdiff_t)n), NULL) : php_str_new(vm, n);
    for (size_t i = 0; r && i < n; i += s.n)
        memcpy(r->p + i, s.p, s.n);
    return r ? owned(r) : PV_NULL;
}

static struct pval fn_str_pad(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0), pad = c->n > 2 ? php_arg_str(c, 2) : STR(" ");
    int64_t want = c->v[1].i, side = c->n > 3 ? c->v[3].i : 1;
    if (pad.n == 0) {
        php_report(vm, SEV_WARNING, "str_pad(): Padding string cannot be empty");
        return PV_NULL;
    }
    if (want < 0 || (size_t)want <= s.n)
        return php_value_copy(c->v[0]);
    if ((size_t)want > vm->opt->memory_bytes_max)
        php_account(vm, (ptrdiff_t)want);
    size_t fill = (size_t)want - s.n, left = side == 0 ? fill : side == 2 ? fill / 2 : 0;
    struct pstr *r = php_str_new(vm, (size_t)want);
    spend(vm, r->n);
    for (size_t i = 0; i < left; i++)
        r->p[i] = pad.p[i % pad.n];
    memcpy(r->p + left, s.p, s.n);
    for (size_t i = left + s.n; i < r->n; i++)
        r->p[i] = pad.p[(i - left - s.n) % pad.n];
    return owned(r);
}

static void replace_one(struct php_vm *vm, struct pval *subject, struct str from, struct str to, bool nocase, int64_t *count)
{
    struct str s = pv_view(*subject);
    spend(vm, s.n);
    if (from.n == 0 || from.n > s.n)
        return;
    struct pval out = php_str(vm, STR_NULL);
    size_t start = 0, i = 0;
    while (i + from.n <= s.n) {
        struct str here = str_sub(s, i, i + from.n);
        if (nocase ? str_eqi(here, from) : memcmp(here.p, from.p, from.n) == 0) {
            php_append(vm, &out, str_sub(s, start, i));
            php_append(vm, &out, to);
            i += from.n;
            start = i;
            ++*count;
        } else {
            i++;
        }
    }
    php_append(vm, &out, str_sub(s, start, s.n));
    pv_free(vm, *subject);
    *subject = out;
}

static struct pval replace_in(struct php_vm *vm, struct php_call *c, struct pval subject, int64_t *count)
{
    bool nocase = strcmp(c->name, "str_ireplace") == 0;
    struct pval text = php_value_to_string(vm, subject);
    if (c->v[0].type == PHP_STRING) {
        struct pval to = php_value_to_string(vm, c->v[1]);
        replace_one(vm, &text, php_arg_str(c, 0), pv_view(to), nocase, count);
        pv_free(vm, to);
        return text;
    }
    size_t k = 0;
    parr_for(e, c->v[0].a) {
        struct pval from = php_value_to_string(vm, e->v), to = PV_NULL;
        if (c->v[1].type == PHP_ARRAY) {
            while (k < c->v[1].a->n && !c->v[1].a->e[k].used)
                k++;
            to = k < c->v[1].a->n ? php_value_to_string(vm, c->v[1].a->e[k++].v) : php_str(vm, STR_NULL);
        } else {
            to = php_value_copy(c->v[1]);
        }
        replace_one(vm, &text, pv_view(from), pv_view(to), nocase, count);
        pv_free(vm, from);
        pv_free(vm, to);
    }
    return text;
}

static struct pval fn_str_replace(struct php_vm *vm, struct php_call *c)
{
    int64_t count = 0;
    struct pval result;
    if (c->v[2].type == PHP_ARRAY) {
        result = php_value_array(php_array_new(vm, c->v[2].a->live));
        parr_for(e, c->v[2].a)
            *php_array_put(vm, result.a, (struct pkey){ e->key, e->index }) = replace_in(vm, c, e->v, &count);
    } else {
        result = replace_in(vm, c, c->v[2], &count);
    }
    if (c->n > 3)
        php_value_set(vm, &c->v[3], pv_int(count));
    return result;
}

static struct pval fn_implode(struct php_vm *vm, struct php_call *c)
{
    struct pval glue = c->n > 1 ? c->v[0] : PV_NULL, list = c->n > 1 ? c->v[1] : c->v[0];
    if (glue.type == PHP_ARRAY) {
        struct pval swap = glue;
        glue = list;
        list = swap;
    }
    if (list.type != PHP_ARRAY) {
        php_report(vm, SEV_WARNING, c->n > 1 ? "%s(): Invalid arguments passed" : "%s(): Argument must be an array", c->name);
        return PV_NULL;
    }
    struct pval out = php_str(vm, STR_NULL), sep = php_value_to_string(vm, glue);
    bool first = true;
    parr_for(e, list.a) {
        struct pval text = php_value_to_string(vm, e->v);
        if (!first)
            php_append(vm, &out, pv_view(sep));
        php_append(vm, &out, pv_view(text));
        vm->ns += 15;
        pv_free(vm, text);
        first = false;
    }
    pv_free(vm, sep);
    return out;
}

static struct pval fn_explode(struct php_vm *vm, struct php_call *c)
{
    struct str sep = php_arg_str(c, 0), s = php_arg_str(c, 1);
    int64_t limit = c->n > 2 ? c->v[2].i : INT64_MAX;
    if (sep.n == 0) {
        php_report(vm, SEV_WARNING, "explode(): Empty delimiter");
        return pv_bool(false);
    }
    struct pval out = php_value_array(php_array_new(vm, 4));
    limit = limit == 0 ? 1 : limit;
    spend(vm, s.n);
    for (;;) {
        ptrdiff_t at = limit > 0 && (int64_t)out.a->live + 1 >= limit ? -1 : str_find(s, sep);
        SPEND(vm, COST_ELEMENT);
        php_array_push(vm, out.a, php_str(vm, str_sub(s, 0, at < 0 ? s.n : (size_t)at)));
        if (at < 0)
            break;
        s = str_sub(s, (size_t)at + sep.n, s.n);
    }
    for (; limit < 0 && out.a->live > 0; limit++)
        php_array_remove(vm, out.a, (struct pkey){ NULL, (int64_t)out.a->n - 1 });
    return out;
}

static struct pval fn_str_split(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0);
    int64_t n = c->n > 1 ? c->v[1].i : 1;
    if (n < 1) {
        php_report(vm, SEV_WARNING, "str_split(): The length of each segment must be greater than zero");
        return pv_bool(false);
    }
    struct pval out = php_value_array(php_array_new(vm, 4));
    for (size_t i = 0; i == 0 || i < s.n; i += (size_t)n) {
        SPEND(vm, COST_ELEMENT);
        php_array_push(vm, out.a, php_str(vm, str_sub(s, i, (size_t)n > s.n - i ? s.n : i + (size_t)n)));
    }
    return out;
}

static struct pval fn_strcmp(struct php_vm *vm, struct php_call *c)
{
    struct str a = php_arg_str(c, 0), b = php_arg_str(c, 1);
    bool nocase = strstr(c->name, "case") != NULL;
    if (c->n > 2) {
        a = str_sub(a, 0, c->v[2].i < 0 ? 0 : (size_t)c->v[2].i);
        b = str_sub(b, 0, c->v[2].i < 0 ? 0 : (size_t)c->v[2].i);
    }
    spend(vm, a.n);
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        int x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];
        x = nocase ? tolower(x) : x;
        y = nocase ? tolower(y) : y;
        if (x != y)
            return pv_int(nocase ? x - y : x < y ? -1 : 1);
    }
    return pv_int(a.n == b.n ? 0 : nocase ? (int64_t)a.n - (int64_t)b.n : a.n < b.n ? -1 : 1);
}

static struct pval fn_ord(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return pv_int(c->v[0].s->n ? (unsigned char)c->v[0].s->p[0] : 0);
}

static struct pval fn_chr(struct php_vm *vm, struct php_call *c)
{
    char ch = (char)(c->v[0].i & 255);
    return php_str(vm, (struct str){ &ch, 1 });
}

static struct pval fn_nl2br(struct php_vm *vm, struct php_call *c)
{
    struct pval out = php_str(vm, STR_NULL);
    struct str s = php_arg_str(c, 0);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n')
            php_append(vm, &out, STR("<br />"));
        php_append(vm, &out, str_sub(s, i, i + 1));
    }
    return out;
}

static struct pval fn_htmlspecialchars(struct php_vm *vm, struct php_call *c)
{
    struct pval out = php_str(vm, STR_NULL);
    struct str s = php_arg_str(c, 0);
    for (size_t i = 0; i < s.n; i++) {
        const char *e = s.p[i] == '&'   ? "&amp;"
                        : s.p[i] == '<' ? "&lt;"
                        : s.p[i] == '>' ? "&gt;"
                        : s.p[i] == '"' ? "&quot;"
                                        : NULL;
        php_append(vm, &out, e ? str_c(e) : str_sub(s, i, i + 1));
    }
    return out;
}

static struct pval fn_wordwrap(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0), brk = c->n > 2 ? php_arg_str(c, 2) : STR("\n");
    size_t width = c->n > 1 && c->v[1].i > 0 ? (size_t)c->v[1].i : 75, line = 0;
    struct pval out = php_str(vm, STR_NULL);
    while (s.n) {                                  /* word by word */
        ptrdiff_t space = str_chr(s, ' ');
        struct str word = str_sub(s, 0, space < 0 ? s.n : (size_t)space);
        s = str_sub(s, word.n + (space >= 0), s.n);
        if (line && line + 1 + word.n > width) {
            php_append(vm, &out, brk);
            line = 0;
        } else if (line) {
            php_append(vm, &out, STR(" "));
            line++;
        }
        php_append(vm, &out, word);
        line += word.n;
    }
    return out;
}

/* ---- sprintf ---- */
static void pad_to(struct php_vm *vm, struct pval *out, struct str s, size_t width, char pad, bool left, bool number)
{
    if (number && pad == '0' && !left && s.n && (s.p[0] == '-' || s.p[0] == '+') && width > s.n) {
        php_append(vm, out, str_sub(s, 0, 1));
        s = str_sub(s, 1, s.n);
        width--;
    }
    size_t fill = width > s.n ? width - s.n : 0;
    if (left)
        php_append(vm, out, s);
    for (size_t i = 0; i < fill; i++)
        php_append(vm, out, (struct str){ &pad, 1 });
    if (!left)
        php_append(vm, out, s);
}

static size_t format_number(char spec, struct pval v, bool plus, int precision, char buf[512])
{
    uint64_t u;
    int64_t i;
    size_t n = 0;
    switch (spec) {
    case 'd': case 'i':
        i = php_value_to_int(v);
        return (size_t)snprintf(buf, 512, plus ? "%+" PRId64 : "%" PRId64, i);
    case 'u': return (size_t)snprintf(buf, 512, "%" PRIu64, (uint64_t)php_value_to_int(v));
    case 'x': return (size_t)snprintf(buf, 512, "%" PRIx64, (uint64_t)php_value_to_int(v));
    case 'X': return (size_t)snprintf(buf, 512, "%" PRIX64, (uint64_t)php_value_to_int(v));
    case 'o': return (size_t)snprintf(buf, 512, "%" PRIo64, (uint64_t)php_value_to_int(v));
    case 'b':
        u = (uint64_t)php_value_to_int(v);
        for (int bit = 63; bit >= 0; bit--)
            if (u >> bit & 1 || n || bit == 0)
                buf[n++] = (char)('0' + (u >> bit & 1));
        return n;
    case 'c':
        buf[0] = (char)(php_value_to_int(v) & 255);
        return 1;
    case 'g': case 'G': {
        char small[64];
        size_t k = php_format_float(php_value_to_float(v), precision < 0 ? 6 : precision ? precision : 1, small);
        memcpy(buf, small, k);
        for (size_t q = 0; q < k; q++)
            buf[q] = (char)(spec == 'g' && buf[q] == 'E' ? 'e' : buf[q]);
        return k;
    }
    case 'e': case 'E': {
        n = (size_t)snprintf(buf, 512, spec == 'e' ? "%.*e" : "%.*E", precision < 0 ? 6 : precision, php_value_to_float(v));
        char *e = memchr(buf, spec, n);
        if (e && e[2] == '0' && e[3] && !e[4]) {   /* PHP writes 1.0e+1, C 1.0e+01 */
            e[2] = e[3];
            n--;
        }
        return n;
    }
    default:
        return (size_t)snprintf(buf, 512, plus ? "%+.*f" : "%.*f", precision < 0 ? 6 : precision, php_value_to_float(v));
    }
}

struct pval php_format(struct php_vm *vm, struct php_call *c, size_t first)
{
    struct str f = php_arg_str(c, first);
    size_t arg = first + 1;
    struct pval out = php_str(vm, STR_NULL);
    for (size_t i = 0; i < f.n;) {
        size_t plain = i;
        while (i < f.n && f.p[i] != '%')
            i++;
        php_append(vm, &out, str_sub(f, plain, i));
        if (i++ >= f.n)
            break;
        if (i < f.n && f.p[i] == '%') {
            php_append(vm, &out, STR("%"));
            i++;
            continue;
        }
        size_t use = 0, k = i;
        for (; k < f.n && isdigit((unsigned char)f.p[k]) && use < 1000; k++)
            use = use * 10 + (size_t)(f.p[k] - '0');
        bool positional = k > i && k < f.n && f.p[k] == '$', left = false, plus = false;
        if (positional)
            i = k + 1;
        char pad = ' ';
        for (; i < f.n && f.p[i] && strchr("-+0 '", f.p[i]); i++) {
            if (f.p[i] == '-')
                left = true;
            else if (f.p[i] == '+')
                plus = true;
            else if (f.p[i] == '\'' && i + 1 < f.n)
                pad = f.p[++i];
            else
                pad = f.p[i];
        }
        size_t width = 0;
        int precision = -1;
        for (; i < f.n && isdigit((unsigned char)f.p[i]) && width < 100000; i++)
            width = width * 10 + (size_t)(f.p[i] - '0');
        if (i < f.n && f.p[i] == '.')
            for (precision = 0, i++; i < f.n && isdigit((unsigned char)f.p[i]); i++)
                precision = precision < 100 ? precision * 10 + (f.p[i] - '0') : precision;
        precision = precision > 53 ? 53 : precision;
        if (i < f.n && f.p[i] == 'l')
            i++;
        if (i >= f.n)
            break;
        char spec = f.p[i++], buf[512];
        size_t index = positional ? first + use : arg++;
        if (!strchr("diuxXobcgGeEfFs", spec))
            continue;
        if (index >= c->n || (positional && use == 0)) {
            php_report(vm, SEV_WARNING, "%s(): Too few arguments", c->name);
            pv_free(vm, out);
            return pv_bool(false);
        }
        vm->ns += 60;
        if (spec == 's') {
            struct pval text = php_value_to_string(vm, c->v[index]);
            pad_to(vm, &out, str_sub(pv_view(text), 0, precision >= 0 ? (size_t)precision : text.s->n), width, pad, left, false);
            pv_free(vm, text);
        } else {
            size_t n = format_number(spec, c->v[index], plus, precision, buf);
            pad_to(vm, &out, (struct str){ buf, n < sizeof buf ? n : sizeof buf - 1 }, width, pad, left, true);
        }
    }
    return out;
}

static struct pval fn_sprintf(struct php_vm *vm, struct php_call *c)
{
    return php_format(vm, c, 0);
}

static struct pval fn_printf(struct php_vm *vm, struct php_call *c)
{
    struct pval text = php_format(vm, c, 0);
    if (text.type != PHP_STRING)
        return text;
    size_t n = text.s->n;
    SPEND(vm, COST_ECHO);
    php_write(vm, pv_view(text));
    pv_free(vm, text);
    return pv_int((int64_t)n);
}

/* ---- digests ---- */
static void md5_block(uint32_t h[4], const unsigned char *p)
{
    static const unsigned char SHIFT[16] = { 7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21 };
    uint32_t w[16], a = h[0], b = h[1], c = h[2], d = h[3];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[i * 4] | (uint32_t)p[i * 4 + 1] << 8 | (uint32_t)p[i * 4 + 2] << 16 | (uint32_t)p[i * 4 + 3] << 24;
    for (int i = 0; i < 64; i++) {
        uint32_t f, k = (uint32_t)(int64_t)floor(fabs(sin(i + 1)) * 4294967296.0);
        int g = i;
        switch (i / 16) {
        case 0: f = (b & c) | (~b & d); break;
        case 1: f = (d & b) | (~d & c); g = 5 * i + 1; break;
        case 2: f = b ^ c ^ d; g = 3 * i + 5; break;
        default: f = c ^ (b | ~d); g = 7 * i;
        }
        f += a + k + w[g & 15];
        a = d;
        d = c;
        c = b;
        unsigned s = SHIFT[i / 16 * 4 + i % 4];
        b += f << s | f >> (32 - s);
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
}

static struct pval fn_md5(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0);
    uint32_t h[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
    unsigned char tail[128] = { 0 };
    size_t whole = s.n & ~(size_t)63, rest = s.n - whole, padded = rest < 56 ? 64 : 128;
    for (size_t i = 0; i < whole; i += 64)
        md5_block(h, (const unsigned char *)s.p + i);
    if (rest)
        memcpy(tail, s.p + whole, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++)
        tail[padded - 8 + (size_t)i] = (unsigned char)((uint64_t)s.n * 8 >> (8 * i));
    for (size_t i = 0; i < padded; i += 64)
        md5_block(h, tail + i);
    spend(vm, (whole + padded) * 16);
    char hex[33];
    for (int i = 0; i < 16; i++)
        snprintf(hex + i * 2, 3, "%02x", h[i / 4] >> (i % 4 * 8) & 255);
    return php_strc(vm, hex);
}

static struct pval fn_crc32(struct php_vm *vm, struct php_call *c)
{
    struct str s = php_arg_str(c, 0);
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
    }
    spend(vm, s.n * 16);
    return pv_int(crc ^ 0xffffffff);
}

static struct pval fn_bin2hex(struct php_vm *vm, struct php_call *c)
{
    return php_str(vm, hex_encode(vm->arena, php_arg_str(c, 0)));
}

static struct pval fn_base64_encode(struct php_vm *vm, struct php_call *c)
{
    spend(vm, c->v[0].s->n * 8);
    return php_str(vm, base64_encode(vm->arena, php_arg_str(c, 0)));
}

static struct pval fn_urlencode(struct php_vm *vm, struct php_call *c)
{
    return php_str(vm, percent_encode(vm->arena, php_arg_str(c, 0)));
}

const struct php_builtin php_lib_string[] = {
    { "strlen", "s", fn_strlen, 5 },
    { "strtolower", "s", fn_strtolower, 40 },
    { "strtoupper", "s", fn_strtoupper, 40 },
    { "ucfirst", "s", fn_ucfirst, 40 },
    { "lcfirst", "s", fn_ucfirst, 40 },
    { "ucwords", "s", fn_ucwords, 45 },
    { "strrev", "s", fn_strrev, 40 },
    { "trim", "s|s", fn_trim, 45 },
    { "ltrim", "s|s", fn_trim, 45 },
    { "rtrim", "s|s", fn_trim, 45 },
    { "chop", "s|s", fn_trim, 45 },
    { "substr", "sl|l", fn_substr, 35 },
    { "strpos", "sf|l", fn_strpos, 20 },
    { "stripos", "sf|l", fn_strpos, 60 },
    { "strrpos", "sf|l", fn_strpos, 25 },
    { "strripos", "sf|l", fn_strpos, 60 },
    { "strstr", "sf|b", fn_strstr, 40 },
    { "substr_count", "ss|ll", fn_substr_count, 30 },
    { "str_repeat", "sl", fn_str_repeat, 45 },
    { "str_pad", "sl|sl", fn_str_pad, 55 },
    { "str_replace", "fff|&z", fn_str_replace, 90 },
    { "str_ireplace", "fff|&z", fn_str_replace, 120 },
    { "implode", "z|z", fn_implode, 50 },
    { "join", "z|z", fn_implode, 50 },
    { "explode", "ss|l", fn_explode, 60 },
    { "str_split", "s|l", fn_str_split, 50 },
    { "strcmp", "ss", fn_strcmp, 10 },
    { "strcasecmp", "ss", fn_strcmp, 18 },
    { "strncmp", "ssl", fn_strcmp, 12 },
    { "strncasecmp", "ssl", fn_strcmp, 20 },
    { "ord", "s", fn_ord, 5 },
    { "chr", "l", fn_chr, 30 },
    { "nl2br", "s|b", fn_nl2br, 60 },
    { "htmlspecialchars", "s|l", fn_htmlspecialchars, 120 },
    { "htmlentities", "s|l", fn_htmlspecialchars, 120 },
    { "wordwrap", "s|lsb", fn_wordwrap, 80 },
    { "sprintf", "s*", fn_sprintf, 120 },
    { "printf", "s*", fn_printf, 120 },
    { "md5", "s", fn_md5, 180 },
    { "crc32", "s", fn_crc32, 20 },
    { "bin2hex", "s", fn_bin2hex, 60 },
    { "base64_encode", "s", fn_base64_encode, 60 },
    { "urlencode", "s", fn_urlencode, 60 },
    { "rawurlencode", "s", fn_urlencode, 60 },
    { 0 },
};
