/* workloads/programs/php_lib_var.c - PHP's functions about variables, output, the request, time and the machine.
 *
 * Upstream: ext/standard/{var.c,type.c,basic_functions.c,head.c,info.c}, main/output.c, ext/date of PHP 5.6. Time is
 * virtual: the request's start, plus the CPU time that evaluation has spent, plus what was slept; so a script that
 * measures itself sees the node's speed, not this machine's.
 */
#include "workloads/programs/php_priv.h"

#include <stdio.h>
#include <strings.h>

static int64_t now_ns(struct php_vm *vm)
{
    vm->out->volatile_output = true;
    return vm->opt->now_ns + (int64_t)(vm->ns + vm->wait_ns);
}

/* ---- types ---- */
static struct pval fn_is_type(struct php_vm *vm, struct php_call *c)
{
    static const struct { const char *name; unsigned types; } KINDS[] = {
        { "is_int", 1u << PHP_INT },
        { "is_integer", 1u << PHP_INT },
        { "is_long", 1u << PHP_INT },
        { "is_float", 1u << PHP_FLOAT },
        { "is_double", 1u << PHP_FLOAT },
        { "is_string", 1u << PHP_STRING },
        { "is_bool", 1u << PHP_BOOL },
        { "is_array", 1u << PHP_ARRAY },
        { "is_null", 1u << PHP_NULL },
        { "is_object", 1u << PHP_CLOSURE },
        { "is_scalar", 1u << PHP_INT | 1u << PHP_FLOAT | 1u << PHP_STRING | 1u << PHP_BOOL },
    };
    (void)vm;
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
        if (strcmp(KINDS[i].name, c->name) == 0)
            return pv_bool(KINDS[i].types >> c->v[0].type & 1);
    return pv_bool(false);
}

static struct pval fn_is_numeric(struct php_vm *vm, struct php_call *c)
{
    int64_t i;
    double d;
    (void)vm;
    struct pval v = c->v[0];
    return pv_bool(v.type == PHP_INT || v.type == PHP_FLOAT ||
                   (v.type == PHP_STRING && php_numeric(pv_view(v), false, &i, &d) != PHP_NULL));
}

static struct pval fn_is_callable(struct php_vm *vm, struct php_call *c)
{
    return pv_bool(php_callable(vm, c->v[0]));
}

static struct pval fn_gettype(struct php_vm *vm, struct php_call *c)
{
    return php_strc(vm, c->v[0].type == PHP_NULL ? "NULL" : php_value_type_name(c->v[0]));
}

static struct pval fn_intval(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return pv_int(php_value_to_int(c->v[0]));
}

static struct pval fn_floatval(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return pv_float(php_value_to_float(c->v[0]));
}

static struct pval fn_strval(struct php_vm *vm, struct php_call *c)
{
    return php_value_to_string(vm, c->v[0]);
}

static struct pval fn_boolval(struct php_vm *vm, struct php_call *c)
{
    (void)vm;
    return pv_bool(php_value_true(c->v[0]));
}

/* ---- dumps ---- */
static void indent(struct strbuf *b, int n)
{
    for (int i = 0; i < n; i++)
        strbuf_addch(b, ' ');
}

static void add_float(struct strbuf *b, double d, int precision)
{
    char buf[64];
    strbuf_add(b, (struct str){ buf, php_format_float(d, precision, buf) });
}

static void dump(struct php_vm *vm, struct strbuf *b, struct pval v, int depth)
{
    v = *pv_deref(&v);
    indent(b, depth);
    if (depth > 400) {
        strbuf_addc(b, "*RECURSION*\n");
        return;
    }
    switch (v.type) {
    case PHP_NULL: strbuf_addc(b, "NULL\n"); return;
    case PHP_BOOL: strbuf_addf(b, "bool(%s)\n", v.b ? "true" : "false"); return;
    case PHP_INT: strbuf_addf(b, "int(%" PRId64 ")\n", v.i); return;
    case PHP_FLOAT: strbuf_addc(b, "float("); add_float(b, v.d, 14); strbuf_addc(b, ")\n"); return;
    case PHP_STRING: strbuf_addf(b, "string(%zu) \"", v.s->n); strbuf_add(b, pv_view(v)); strbuf_addc(b, "\"\n"); return;
    case PHP_ARRAY: break;
    default: strbuf_addc(b, "object(Closure)#1 (0) {\n}\n"); return;
    }
    strbuf_addf(b, "array(%zu) {\n", v.a->live);
    parr_for(e, v.a) {
        indent(b, depth + 2);
        if (e->key)
            strbuf_addf(b, "[\"" STR_FMT "\"]=>\n", (int)e->key->n, e->key->p);
        else
            strbuf_addf(b, "[%" PRId64 "]=>\n", e->index);
        dump(vm, b, e->v, depth + 2);
    }
    indent(b, depth);
    strbuf_addc(b, "}\n");
}

static void print_r(struct php_vm *vm, struct strbuf *b, struct pval v, int depth)
{
    v = *pv_deref(&v);
    if (v.type != PHP_ARRAY || depth > 400) {
        struct pval text = v.type == PHP_CLOSURE ? php_strc(vm, "Closure Object\n(\n)\n")
                           : v.type == PHP_ARRAY ? php_strc(vm, "*RECURSION*")
                                                 : php_value_to_string(vm, v);
        strbuf_add(b, pv_view(text));
        pv_free(vm, text);
        return;
    }
    strbuf_addc(b, "Array\n");
    indent(b, depth);
    strbuf_addc(b, "(\n");
    parr_for(e, v.a) {
        indent(b, depth + 4);
        if (e->key)
            strbuf_addf(b, "[" STR_FMT "] => ", (int)e->key->n, e->key->p);
        else
            strbuf_addf(b, "[%" PRId64 "] => ", e->index);
        print_r(vm, b, e->v, depth + 8);
        strbuf_addc(b, "\n");
    }
    indent(b, depth);
    strbuf_addc(b, ")\n");
}

static void export_string(struct strbuf *b, struct str s)
{
    strbuf_addch(b, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'' || s.p[i] == '\\')
            strbuf_addch(b, '\\');
        strbuf_addch(b, s.p[i]);
    }
    strbuf_addch(b, '\'');
}

static void export(struct php_vm *vm, struct strbuf *b, struct pval v, int depth)
{
    v = *pv_deref(&v);
    switch (v.type) {
    case PHP_NULL: strbuf_addc(b, "NULL"); return;
    case PHP_BOOL: strbuf_addc(b, v.b ? "true" : "false"); return;
    case PHP_INT: strbuf_addf(b, "%" PRId64, v.i); return;
    case PHP_FLOAT: {
        size_t before = b->n;
        add_float(b, v.d, 17);
        if (!memchr(b->p + before, '.', b->n - before) && !memchr(b->p + before, 'N', b->n - before))
            strbuf_addc(b, ".0");
        return;
    }
    case PHP_STRING: export_string(b, pv_view(v)); return;
    case PHP_ARRAY: break;
    default: strbuf_addc(b, "Closure::__set_state(array(\n))"); return;
    }
    if (depth > 400)
        return;
    strbuf_addc(b, "array (\n");
    parr_for(e, v.a) {
        indent(b, depth + 2);
        if (e->key)
            export_string(b, (struct str){ e->key->p, e->key->n });
        else
            strbuf_addf(b, "%" PRId64, e->index);
        strbuf_addc(b, " => ");
        if (pv_deref(&e->v)->type == PHP_ARRAY) {
            strbuf_addc(b, "\n");
            indent(b, depth + 2);
        }
        export(vm, b, e->v, depth + 2);
        strbuf_addc(b, ",\n");
    }
    indent(b, depth);
    strbuf_addc(b, ")");
}

static void json(struct php_vm *vm, struct strbuf *b, struct pval v, int depth)
{
    v = *pv_deref(&v);
    if (v.type == PHP_ARRAY && depth < 400) {
        bool list = true, first = true;
        int64_t next = 0;
        parr_for(e, v.a)
            list &= !e->key && e->index == next++;
        strbuf_addch(b, list ? '[' : '{');
        parr_for(e, v.a) {
            strbuf_addc(b, first ? "" : ",");
            if (!list) {
                struct pval k = php_array_key_value(e), text = php_value_to_string(vm, k);
                json(vm, b, text, depth + 1);
                strbuf_addch(b, ':');
                pv_free(vm, k);
                pv_free(vm, text);
            }
            json(vm, b, e->v, depth + 1);
            first = false;
        }
        strbuf_addch(b, list ? ']' : '}');
    } else if (v.type == PHP_STRING) {
        strbuf_addch(b, '"');
        for (size_t i = 0; i < v.s->n; i++) {
            unsigned char ch = (unsigned char)v.s->p[i];
            const char *at = strchr("\"\"\\\\//\nn\rr\tt\bb\ff", ch);
            if (ch && at && (at - "\"\"\\\\//\nn\rr\tt\bb\ff") % 2 == 0 && ch != 'n' && ch != 'r' && ch != 't' &&
                ch != 'b' && ch != 'f')
                strbuf_addf(b, "\\%c", at[1]);
            else if (ch < 0x20)
                strbuf_addf(b, "\\u%04x", ch);
            else
                strbuf_addch(b, (char)ch);
        }
        strbuf_addch(b, '"');
    } else if (v.type == PHP_NULL || v.type >= PHP_ARRAY) {
        strbuf_addc(b, v.type == PHP_NULL ? "null" : "{}");
    } else if (v.type == PHP_BOOL) {
        strbuf_addc(b, v.b ? "true" : "false");
    } else {
        struct pval text = php_value_to_string(vm, v);
        strbuf_add(b, pv_view(text));
        pv_free(vm, text);
    }
}

/* Dumps are written to a buffer outside of PHP's memory; a fatal error on the way must not lose it, so the arena frees it. */
static void buffer_deinit(void *b)
{
    strbuf_deinit(b);
}

static struct strbuf *buffer(struct php_vm *vm)
{
    struct strbuf *b = ARENA_NEW(vm->arena, struct strbuf);
    strbuf_init(b, vm->opt->output_bytes_max);
    arena_defer(vm->arena, buffer_deinit, b);
    return b;
}

static struct pval emit(struct php_vm *vm, struct strbuf *b, bool give_back, struct pval otherwise)
{
    struct pval r = otherwise;
    php_spend_bytes(vm, COST_STRING_BYTE_16, b->n * 8);
    if (give_back)
        r = php_str(vm, strbuf_str(b));
    else
        php_write(vm, strbuf_str(b));
    strbuf_deinit(b);
    return r;
}

static struct pval fn_var_dump(struct php_vm *vm, struct php_call *c)
{
    struct strbuf *b = buffer(vm);
    for (size_t i = 0; i < c->n; i++)
        dump(vm, b, c->v[i], 0);
    return emit(vm, b, false, PV_NULL);
}

static struct pval fn_print_r(struct php_vm *vm, struct php_call *c)
{
    struct strbuf *b = buffer(vm);
    print_r(vm, b, c->v[0], 0);
    return emit(vm, b, c->n > 1 && c->v[1].b, pv_bool(true));
}

static struct pval fn_var_export(struct php_vm *vm, struct php_call *c)
{
    struct strbuf *b = buffer(vm);
    export(vm, b, c->v[0], 0);
    return emit(vm, b, c->n > 1 && c->v[1].b, PV_NULL);
}

static struct pval fn_json_encode(struct php_vm *vm, struct php_call *c)
{
    struct strbuf *b = buffer(vm);
    json(vm, b, c->v[0], 0);
    return emit(vm, b, true, PV_NULL);
}

/* ---- time ---- */
static struct pval fn_time(struct php_vm *vm, struct php_call *c)
{
    (void)c;
    return pv_int(now_ns(vm) / (int64_t)NS_PER_S);
}

static struct pval fn_microtime(struct php_vm *vm, struct php_call *c)
{
    int64_t us = now_ns(vm) / 1000;
    if (c->n && c->v[0].b)
        return pv_float((double)us / 1e6);
    return php_strf(vm, "0.%06" PRId64 "00 %" PRId64, us % 1000000, us / 1000000);
}

static struct pval fn_usleep(struct php_vm *vm, struct php_call *c)
{
    bool seconds = c->name[0] == 's';
    if (c->v[0].i < 0) {
        php_report(vm, SEV_WARNING, "%s(): Number of %sseconds must be greater than or equal to 0", c->name,
                   seconds ? "" : "micro");
        return pv_bool(false);
    }
    int64_t n = c->v[0].i < 86400LL * 1000000 ? c->v[0].i : 86400LL * 1000000;
    vm->wait_ns += (uint64_t)n * (seconds ? NS_PER_S : NS_PER_US);
    return seconds ? pv_int(0) : PV_NULL;
}

static struct pval fn_date(struct php_vm *vm, struct php_call *c)
{
    int64_t t = c->n > 1 ? c->v[1].i : now_ns(vm) / (int64_t)NS_PER_S;
    int y, mo, d, h, mi, s, w;
    time_civil(t, &y, &mo, &d, &h, &mi, &s, &w);
    struct pval out = php_str(vm, STR_NULL);
    struct str f = php_arg_str(c, 0);
    for (size_t i = 0; i < f.n; i++) {
        char buf[64] = { f.p[i], 0 };
        switch (f.p[i]) {
        case 'Y': snprintf(buf, sizeof buf, "%d", y); break;
        case 'y': snprintf(buf, sizeof buf, "%02d", y % 100); break;
        case 'm': snprintf(buf, sizeof buf, "%02d", mo); break;
        case 'n': snprintf(buf, sizeof buf, "%d", mo); break;
        case 'd': snprintf(buf, sizeof buf, "%02d", d); break;
        case 'j': snprintf(buf, sizeof buf, "%d", d); break;
        case 'H': snprintf(buf, sizeof buf, "%02d", h); break;
        case 'G': snprintf(buf, sizeof buf, "%d", h); break;
        case 'h': snprintf(buf, sizeof buf, "%02d", h % 12 ? h % 12 : 12); break;
        case 'g': snprintf(buf, sizeof buf, "%d", h % 12 ? h % 12 : 12); break;
        case 'i': snprintf(buf, sizeof buf, "%02d", mi); break;
        case 's': snprintf(buf, sizeof buf, "%02d", s); break;
        case 'A': snprintf(buf, sizeof buf, "%s", h < 12 ? "AM" : "PM"); break;
        case 'a': snprintf(buf, sizeof buf, "%s", h < 12 ? "am" : "pm"); break;
        case 'D': snprintf(buf, sizeof buf, "%.3s", time_weekday_name(w)); break;
        case 'l': snprintf(buf, sizeof buf, "%s", time_weekday_name(w)); break;
        case 'N': snprintf(buf, sizeof buf, "%d", w ? w : 7); break;
        case 'w': snprintf(buf, sizeof buf, "%d", w); break;
        case 'M': snprintf(buf, sizeof buf, "%.3s", time_month_name(mo)); break;
        case 'F': snprintf(buf, sizeof buf, "%s", time_month_name(mo)); break;
        case 'U': snprintf(buf, sizeof buf, "%" PRId64, t); break;
        case 'T': case 'e': snprintf(buf, sizeof buf, "UTC"); break;
        case 'O': snprintf(buf, sizeof buf, "+0000"); break;
        case 'P': snprintf(buf, sizeof buf, "+00:00"); break;
        case 'c': snprintf(buf, sizeof buf, "%04d-%02d-%02dT%02d:%02d:%02d+00:00", y, mo, d, h, mi, s); break;
        case 'r':
            snprintf(buf, sizeof buf, "%.3s, %02d %.3s %04d %02d:%02d:%02d +0000", time_weekday_name(w), d,
                     time_month_name(mo), y, h, mi, s);
            break;
        case '\\': buf[0] = i + 1 < f.n ? f.p[++i] : '\0'; break;
        default: break;
        }
        php_append(vm, &out, str_c(buf));
    }
    return out;
}

static struct pval fn_timezone(struct php_vm *vm, struct php_call *c)
{
    if (c->name[22] == 's' && !str_eqi(php_arg_str(c, 0), STR("UTC")))
        php_unsupported(vm, "time zones other than UTC");
    return c->name[22] == 's' ? pv_bool(true) : php_strc(vm, "UTC");
}

/* ---- the request and the machine ---- */
static struct pval fn_header(struct php_vm *vm, struct php_call *c)
{
    struct str line = php_arg_str(c, 0), name, value;
    struct php_result *out = vm->out;
    int64_t status;
    if (vm->headers_fixed) {
        php_report(vm, SEV_WARNING, "Cannot modify header information - headers already sent");
        return PV_NULL;
    }
    if (line.n > 12 && str_starts(line, "HTTP/")) {
        if (str_int(str_sub(line, 9, 12), &status) && status >= 100 && status < 600)
            out->status = (int)status;
        return PV_NULL;
    }
    if (!str_cut(line, ':', &name, &value) || memchr(line.p, '\n', line.n))
        return PV_NULL;
    name = arena_str(vm->arena, str_trim(name));
    value = arena_str(vm->arena, str_trim(value));
    if (c->n > 2 && c->v[2].i >= 100 && c->v[2].i < 600)
        out->status = (int)c->v[2].i;
    else if (str_eqi(name, STR("Location")) && out->status == 200)
        out->status = 302;
    if (str_eqi(name, STR("Content-Type"))) {
        bool text = str_starts(value, "text/") && str_find(value, STR("charset")) < 0;
        out->content_type = text ? arena_strf(vm->arena, STR_FMT ";charset=UTF-8", STR_ARG(value)) : value;
        return PV_NULL;
    }
    bool replace = c->n < 2 || c->v[1].b;
    for (size_t i = 0; replace && i < out->header_count; i++) {
        if (str_eqi(out->headers[i].name, name)) {
            out->headers[i].value = value;
            return PV_NULL;
        }
    }
    if (out->header_count < 64) {
        out->headers = arena_realloc(vm->arena, out->headers, out->header_count * sizeof *out->headers,
                                     (out->header_count + 1) * sizeof *out->headers);
        out->headers[out->header_count++] = (struct php_header){ name, value };
    }
    return PV_NULL;
}

static struct pval fn_http_response_code(struct php_vm *vm, struct php_call *c)
{
    int before = vm->out->status;
    if (c->n && c->v[0].i >= 100 && c->v[0].i < 600)
        vm->out->status = (int)c->v[0].i;
    return pv_int(before);
}

static struct pval fn_hostname(struct php_vm *vm, struct php_call *c)
{
    (void)c;
    vm->out->volatile_output = true;
    return php_strc(vm, vm->opt->hostname);
}

static struct pval fn_php_uname(struct php_vm *vm, struct php_call *c)
{
    char mode = c->n && c->v[0].s->n ? c->v[0].s->p[0] : 'a';
    static const char *const RELEASE = "4.4.0-31-generic", *const VERSION = "#50~14.04.1-Ubuntu SMP Wed Jul 13 01:07:32 UTC 2016";
    switch (mode) {
    case 's': return php_strc(vm, "Linux");
    case 'n': return fn_hostname(vm, c);
    case 'r': return php_strc(vm, RELEASE);
    case 'v': return php_strc(vm, VERSION);
    case 'm': return php_strc(vm, "x86_64");
    default:
        vm->out->volatile_output = true;
        return php_strf(vm, "Linux %s %s %s x86_64", vm->opt->hostname, RELEASE, VERSION);
    }
}

static struct pval fn_phpversion(struct php_vm *vm, struct php_call *c)
{
    (void)c;
    return php_strc(vm, "5.6.40");
}

static struct pval fn_php_sapi_name(struct php_vm *vm, struct php_call *c)
{
    (void)c;
    return php_strc(vm, "apache2handler");
}

static struct pval fn_memory_usage(struct php_vm *vm, struct php_call *c)
{
    return pv_int((int64_t)(strstr(c->name, "peak") ? vm->memory_peak : vm->memory_bytes));
}

static struct pval fn_getenv(struct php_vm *vm, struct php_call *c)
{
    vm->out->volatile_output = true;
    for (size_t i = 0; i < vm->opt->server_count; i++)
        if (str_eqc(php_arg_str(c, 0), vm->opt->server[i].name))
            return php_strc(vm, vm->opt->server[i].value);
    return pv_bool(false);
}

static struct pval fn_set_time_limit(struct php_vm *vm, struct php_call *c)
{
    vm->ns_max = c->v[0].i <= 0 ? UINT64_MAX : vm->ns + (uint64_t)c->v[0].i % 1000000 * NS_PER_S;
    return pv_bool(true);
}

static struct pval fn_error_reporting(struct php_vm *vm, struct php_call *c)
{
    int before = vm->reporting;
    if (c->n)
        vm->reporting = (int)(c->v[0].i & 32767);
    return pv_int(before);
}

/* Settings whose effect is modelled; others are refused by PHP too when they do not exist, and here by name when they do. */
static struct pval fn_ini_set(struct php_vm *vm, struct php_call *c)
{
    struct str name = php_arg_str(c, 0);
    if (str_eqc(name, "display_errors")) {
        bool before = vm->display;
        vm->display = php_value_true(c->v[1]) && !str_eqi(php_arg_str(c, 1), STR("off"));
        return php_strc(vm, before ? "1" : "");
    }
    if (str_eqc(name, "max_execution_time")) {
        struct php_call call = { (struct pval[]){ pv_int(php_value_to_int(c->v[1])) }, 1, c->name };
        return fn_set_time_limit(vm, &call);
    }
    if (str_eqc(name, "error_reporting")) {
        vm->reporting = (int)(php_value_to_int(c->v[1]) & 32767);
        return pv_bool(true);
    }
    php_unsupported(vm, arena_printf(vm->arena, "the setting '" STR_FMT "'", STR_ARG(name)));
}

static struct pval fn_error_log(struct php_vm *vm, struct php_call *c)
{
    strbuf_add(&vm->log, php_arg_str(c, 0));
    strbuf_addch(&vm->log, '\n');
    return pv_bool(true);
}

static struct pval fn_trigger_error(struct php_vm *vm, struct php_call *c)
{
    int64_t level = c->n > 1 ? c->v[1].i : 1024;
    if (level == 256)
        php_fatal(vm, "%s", c->v[0].s->p);
    php_report(vm, level == 512 ? SEV_WARNING : SEV_NOTICE, "%s", c->v[0].s->p);
    return pv_bool(true);
}

/* ---- functions and constants ---- */
static struct pval fn_define(struct php_vm *vm, struct php_call *c)
{
    php_define(vm, php_arg_str(c, 0), php_value_copy(c->v[1]));
    return pv_bool(true);
}

static struct pval fn_defined(struct php_vm *vm, struct php_call *c)
{
    struct pval v;
    bool found = map_get(vm->constants, php_arg_str(c, 0)) != NULL;
    if (!found && php_constant(vm, php_arg_str(c, 0), &v)) {
        found = true;
        pv_free(vm, v);
    }
    return pv_bool(found);
}

static struct pval fn_constant(struct php_vm *vm, struct php_call *c)
{
    struct pval v, *p = map_get(vm->constants, php_arg_str(c, 0));
    if (p)
        return php_value_copy(*p);
    if (php_constant(vm, php_arg_str(c, 0), &v))
        return v;
    php_report(vm, SEV_WARNING, "constant(): Couldn't find constant %s", c->v[0].s->p);
    return PV_NULL;
}

static struct pval fn_function_exists(struct php_vm *vm, struct php_call *c)
{
    return pv_bool(php_callable(vm, c->v[0]));
}

static struct pval fn_func_get_args(struct php_vm *vm, struct php_call *c)
{
    struct pframe *f = vm->frame;
    struct pval r = php_value_array(php_array_new(vm, 4));
    bool count = strcmp(c->name, "func_num_args") == 0;
    for (size_t i = 0; i < f->fn->param_count; i++)
        if (!pv_undefined(*pv_deref(&f->slots[f->fn->params[i].slot])))
            php_array_push(vm, r.a, php_value_copy(f->slots[f->fn->params[i].slot]));
    for (size_t i = 0; i < f->extra_count; i++)
        php_array_push(vm, r.a, php_value_copy(f->extra[i]));
    if (!count)
        return r;
    int64_t n = (int64_t)r.a->live;
    pv_free(vm, r);
    return pv_int(n);
}

/* ---- output buffers ---- */
static struct pval fn_ob(struct php_vm *vm, struct php_call *c)        /* ob_start and what ends or reads the innermost */
{
    if (strcmp(c->name, "ob_start") == 0) {
        if (vm->captured_count == ARRAY_LEN(vm->captured))
            php_unsupported(vm, "output buffers nested deeper than 8");
        strbuf_init(&vm->captured[vm->captured_count++], vm->opt->output_bytes_max);
        return pv_bool(true);
    }
    if (!vm->captured_count)
        return pv_bool(false);
    struct strbuf *top = &vm->captured[vm->captured_count - 1];
    struct pval text = strstr(c->name, "get") ? php_str(vm, strbuf_str(top)) : pv_bool(true);
    if (strstr(c->name, "clean") || strstr(c->name, "flush")) {
        struct strbuf done = *top;
        strbuf_init(top, vm->opt->output_bytes_max);
        vm->captured_count--;
        if (strstr(c->name, "flush"))
            php_write(vm, strbuf_str(&done));
        strbuf_deinit(&done);
    }
    return text;
}

static struct pval fn_flush(struct php_vm *vm, struct php_call *c)
{
    (void)c;
    vm->headers_fixed |= vm->output.n > 0;
    return PV_NULL;
}

const struct php_builtin php_lib_var[] = {
    { "is_int", "z", fn_is_type, 4 },
    { "is_integer", "z", fn_is_type, 4 },
    { "is_long", "z", fn_is_type, 4 },
    { "is_float", "z", fn_is_type, 4 },
    { "is_double", "z", fn_is_type, 4 },
    { "is_string", "z", fn_is_type, 4 },
    { "is_bool", "z", fn_is_type, 4 },
    { "is_array", "z", fn_is_type, 4 },
    { "is_null", "z", fn_is_type, 4 },
    { "is_object", "z", fn_is_type, 4 },
    { "is_scalar", "z", fn_is_type, 4 },
    { "is_numeric", "z", fn_is_numeric, 15 },
    { "is_callable", "z", fn_is_callable, 30 },
    { "gettype", "z", fn_gettype, 35 },
    { "intval", "z|l", fn_intval, 10 },
    { "floatval", "z", fn_floatval, 10 },
    { "doubleval", "z", fn_floatval, 10 },
    { "strval", "z", fn_strval, 40 },
    { "boolval", "z", fn_boolval, 8 },
    { "var_dump", "z*", fn_var_dump, 200 },
    { "print_r", "z|b", fn_print_r, 200 },
    { "var_export", "z|b", fn_var_export, 200 },
    { "json_encode", "z|l", fn_json_encode, 200 },
    { "time", "", fn_time, 40 },
    { "microtime", "|b", fn_microtime, 60 },
    { "usleep", "l", fn_usleep, 1500 },
    { "sleep", "l", fn_usleep, 1500 },
    { "date", "s|l", fn_date, 900 },
    { "gmdate", "s|l", fn_date, 900 },
    { "date_default_timezone_set", "s", fn_timezone, 100 },
    { "date_default_timezone_get", "", fn_timezone, 100 },
    { "header", "s|bl", fn_header, 250 },
    { "http_response_code", "|l", fn_http_response_code, 20 },
    { "gethostname", "", fn_hostname, 300 },
    { "php_uname", "|s", fn_php_uname, 400 },
    { "phpversion", "", fn_phpversion, 30 },
    { "php_sapi_name", "", fn_php_sapi_name, 30 },
    { "memory_get_usage", "|b", fn_memory_usage, 5 },
    { "memory_get_peak_usage", "|b", fn_memory_usage, 5 },
    { "getenv", "s", fn_getenv, 60 },
    { "set_time_limit", "l", fn_set_time_limit, 900 },
    { "error_reporting", "|l", fn_error_reporting, 60 },
    { "ini_set", "ss", fn_ini_set, 120 },
    { "error_log", "s", fn_error_log, 2500 },
    { "trigger_error", "s|l", fn_trigger_error, 200 },
    { "user_error", "s|l", fn_trigger_error, 200 },
    { "define", "sz|b", fn_define, 60 },
    { "defined", "s", fn_defined, 25 },
    { "constant", "s", fn_constant, 30 },
    { "function_exists", "s", fn_function_exists, 30 },
    { "func_get_args", "", fn_func_get_args, 60 },
    { "func_num_args", "", fn_func_get_args, 20 },
    { "ob_start", "", fn_ob, 150 },
    { "ob_get_clean", "", fn_ob, 120 },
    { "ob_get_contents", "", fn_ob, 60 },
    { "ob_end_clean", "", fn_ob, 60 },
    { "ob_end_flush", "", fn_ob, 90 },
    { "ob_get_flush", "", fn_ob, 90 },
    { "flush", "", fn_flush, 2000 },
    { 0 },
};
