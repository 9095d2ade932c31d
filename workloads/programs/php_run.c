/* workloads/programs/php_run.c - one request: set up, parse, evaluate, report, clean up (upstream: main/main.c,
 * sapi/apache2handler).
 *
 * What Apache with mod_php 5.6 does without a php.ini, which is how the image ships: errors are shown in the page as
 * HTML and also logged; notices are not reported (error_reporting is E_ALL & ~E_NOTICE & ~E_STRICT & ~E_DEPRECATED); a
 * fatal error that is shown leaves the status at 200, a hidden one makes it 500; memory_limit is 128M and
 * max_execution_time 30 s of CPU.
 */
#include "workloads/programs/php_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOG_MAX = 256 * 1024, ENGINE_BYTES = 230 * 1024, NODE_BYTES = 120 };
enum { E_ALL_ = 32767, E_NOTICE_ = 8, E_STRICT_ = 2048, E_DEPRECATED_ = 8192 };

static const struct { const char *label; int bit; } SEVERITIES[] = {
    [SEV_NOTICE] = { "Notice", 8 },     [SEV_WARNING] = { "Warning", 2 },   [SEV_DEPRECATED] = { "Deprecated", 8192 },
    [SEV_FATAL] = { "Fatal error", 1 }, [SEV_PARSE] = { "Parse error", 4 },
};

void php_options_init(struct php_options *opt)
{
    *opt = (struct php_options){
        .script_path = "/var/www/html/index.php",
        .hostname = "localhost",
        .display_errors = true,
        .html_errors = true,
        .log_errors = true,
        .operations_max = LIMIT_PHP_OPERATIONS,
        .cpu_ns_max = 30 * NS_PER_S,
        .memory_bytes_max = LIMIT_PHP_MEMORY_BYTES,
        .output_bytes_max = LIMIT_PHP_MEMORY_BYTES / 4,
    };
}

void php_write(struct php_vm *vm, struct str s)
{
    if (vm->captured_count) {
        strbuf_add(&vm->captured[vm->captured_count - 1], s);
        return;
    }
    /* output_buffering is off, but Apache keeps the first brigade */
    vm->headers_fixed |= s.n > 0 && vm->output.n + s.n > 4096;
    strbuf_add(&vm->output, s);
    if (vm->output.overflow)
        php_stop(vm, PHP_ERROR_TIME);
}

static void report(struct php_vm *vm, enum php_severity sev, int line, const char *text)
{
    const char *path = vm->opt->script_path, *label = SEVERITIES[sev].label;
    if (!(vm->reporting & SEVERITIES[sev].bit) || (vm->silence && sev < SEV_FATAL))
        return;
    SPEND(vm, COST_ERROR);
    if (vm->opt->log_errors)
        strbuf_addf(&vm->log, "PHP %s:  %s in %s on line %d\n", label, text, path, line);
    if (!vm->display || (vm->silence && sev >= SEV_FATAL))
        return;
    char *shown = vm->opt->html_errors
                      ? arena_printf(vm->arena, "<br />\n<b>%s</b>:  %s in <b>%s</b> on line <b>%d</b><br />\n", label, text,
                                     path, line)
                      : arena_printf(vm->arena, "\n%s: %s in %s on line %d\n", label, text, path, line);
    php_write(vm, str_c(shown));
}

void php_report(struct php_vm *vm, enum php_severity sev, const char *fmt, ...)
{
    char text[1024];
    if (!(vm->reporting & SEVERITIES[sev].bit))
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    report(vm, sev, vm->line, text);
}

void php_stop(struct php_vm *vm, enum php_error why)
{
    if (why != PHP_ERROR_NONE)
        vm->out->error = why;
    longjmp(vm->stop, 1);
}

static _Noreturn void die(struct php_vm *vm, enum php_error why, enum php_severity sev, int line, const char *text)
{
    vm->out->error = why;
    vm->out->error_line = line;
    vm->out->error_text = arena_str(vm->arena, str_c(text));
    vm->memory_bytes = 0;                          /* shutting down needs no permission */
    report(vm, sev, line, text);
    php_stop(vm, why);
}

void php_fatal(struct php_vm *vm, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    die(vm, vm->out->error == PHP_ERROR_NONE ? PHP_ERROR_FATAL : vm->out->error, SEV_FATAL, vm->line, text);
}

void php_unsupported(struct php_vm *vm, const char *what)
{
    die(vm, PHP_ERROR_UNSUPPORTED, SEV_FATAL, vm->line, arena_printf(vm->arena, "kubelab's PHP does not have %s", what));
}

void php_check_time(struct php_vm *vm)
{
    bool operations = vm->operations > vm->opt->operations_max;
    if (vm->ns <= vm->ns_max && !operations)
        return;
    if (operations && vm->ns < vm->ns_max) {       /* would have gone on: what is left of its time is assumed */
        vm->out->cut_short = true;
        if (vm->ns_max != UINT64_MAX)
            vm->ns = vm->ns_max;
    }
    unsigned seconds = (unsigned)(vm->opt->cpu_ns_max / NS_PER_S);
    vm->out->error = PHP_ERROR_TIME;
    vm->ns_max = UINT64_MAX;
    php_fatal(vm, "Maximum execution time of %u second%s exceeded", seconds, seconds == 1 ? "" : "s");
}

/* ---- the run ---- */
static void set_superglobal(struct php_vm *vm, const char *name, const struct php_pair *pairs, size_t n)
{
    for (size_t i = 0; i < vm->main->slot_count; i++) {
        if (!str_eqc(vm->main->names[i], name))
            continue;
        struct parr *a = php_array_new(vm, n);
        for (size_t k = 0; k < n; k++)
            php_array_set(vm, a, pairs[k].name, php_strc(vm, pairs[k].value));
        vm->globals[i] = php_value_array(a);
        vm->out->volatile_output |= n > 0;
    }
}

static void run(struct php_vm *vm, struct str source)
{
    struct php_program program;
    struct php_parse_error e;
    if (setjmp(vm->stop))
        return;
    SPEND(vm, COST_REQUEST);
    bool parsed = php_parse(vm->arena, source, vm->opt->script_path, &program, &e);
    vm->ns += program.node_count * php_cost_ns[COST_COMPILE_NODE];
    if (!parsed && e.unsupported) {
        vm->line = e.line;
        php_unsupported(vm, arena_cstr(vm->arena, e.text));
    } else if (!parsed) {
        bool syntax = str_starts(e.text, "syntax error");
        die(vm, syntax ? PHP_ERROR_PARSE : PHP_ERROR_FATAL, syntax ? SEV_PARSE : SEV_FATAL, e.line,
            arena_cstr(vm->arena, e.text));
    }
    php_account(vm, (ptrdiff_t)(ENGINE_BYTES + program.node_count * NODE_BYTES));
    for (size_t i = 0; i < program.hoisted_count; i++) {
        vm->line = program.hoisted[i]->line;
        php_declare(vm, program.hoisted[i]->fn);
    }
    vm->main = program.main;
    vm->globals = arena_alloc(vm->arena, (vm->main->slot_count + 1) * sizeof *vm->globals);
    for (size_t i = 0; i < vm->main->slot_count; i++)
        vm->globals[i] = PV_UNDEFINED;
    set_superglobal(vm, "_SERVER", vm->opt->server, vm->opt->server_count);
    set_superglobal(vm, "_GET", vm->opt->get, vm->opt->get_count);
    set_superglobal(vm, "_REQUEST", vm->opt->get, vm->opt->get_count);
    set_superglobal(vm, "_POST", NULL, 0);
    set_superglobal(vm, "_COOKIE", NULL, 0);
    set_superglobal(vm, "_FILES", NULL, 0);
    set_superglobal(vm, "_ENV", NULL, 0);
    php_run_function(vm, vm->main);
}

/* What ob_start holds back is sent at the end, the innermost into the one around it. */
static void flush_captured(struct php_vm *vm)
{
    while (vm->captured_count) {
        struct strbuf *top = &vm->captured[--vm->captured_count];
        strbuf_add(vm->captured_count ? top - 1 : &vm->output, strbuf_str(top));
        strbuf_deinit(top);
    }
}

void php_run(struct arena *a, struct str source, const struct php_options *opt, struct php_result *out)
{
    *out = (struct php_result){ .status = 200, .content_type = STR("text/html; charset=UTF-8") };
    struct php_vm *vm = ARENA_NEW(a, struct php_vm);
    vm->arena = a;
    vm->opt = opt;
    vm->out = out;
    vm->blocks.next = vm->blocks.prev = &vm->blocks;
    vm->ns_max = opt->cpu_ns_max;
    vm->reporting = E_ALL_ & ~(E_NOTICE_ | E_STRICT_ | E_DEPRECATED_);
    vm->display = opt->display_errors;
    vm->random_state = 0x6b7562656c6162;
    strbuf_init(&vm->output, opt->output_bytes_max);
    strbuf_init(&vm->log, LOG_MAX);
    vm->functions = map_new();
    vm->constants = map_new();
    out->headers = ARENA_NEW(a, struct php_header);
    out->headers[out->header_count++] = (struct php_header){ STR("X-Powered-By"), STR("PHP/5.6.40") };
    run(vm, source);
    flush_captured(vm);
    if (out->error != PHP_ERROR_NONE && !vm->display && out->status == 200)
        out->status = 500;
    out->output = arena_str(a, strbuf_str(&vm->output));
    out->log = arena_str(a, strbuf_str(&vm->log));
    out->cpu_ns = vm->ns;
    out->wait_ns = vm->wait_ns;
    out->operations = vm->operations;
    out->memory_bytes = vm->memory_peak;
    strbuf_deinit(&vm->output);
    strbuf_deinit(&vm->log);
    map_free(vm->functions, NULL);
    map_free(vm->constants, NULL);
    for (struct php_block *b = vm->blocks.next, *next; b != &vm->blocks; b = next) {
        next = b->next;
        free(b);
    }
}
