/* sim/base/log.c - one line per event on standard error, for people: `[12.350s hpa default/web1] desired 1 -> 4`.
 *
 * The bracket holds the virtual time (once sim/loop has installed its clock), the component and whatever it speaks
 * about. Warnings and errors say so: `[12.350s metricsd] warning: ...`. Nothing a client or a grader reads comes from
 * here, so the level changes nothing that happens. A message stays one line: line ends inside are written as \n, other
 * control characters as ?.
 */
#include "sim/base/base.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *label;
} levels[] = {
    [LOG_DEBUG] = { "debug", "" },
    [LOG_INFO] = { "info", "" },
    [LOG_WARN] = { "warn", "warning: " },
    [LOG_ERROR] = { "error", "error: " },
};
static int level_now = -1;                         /* -1: KUBELAB_LOG not read yet */
static uint64_t (*time_fn)(void *);
static void *time_ctx;

static int level_from_environment(void)
{
    const char *want = getenv("KUBELAB_LOG");
    for (size_t i = 0; want && i < ARRAY_LEN(levels); i++)
        if (strcmp(want, levels[i].name) == 0)
            return (int)i;
    return LOG_WARN;
}

void log_set_level(enum log_level level)
{
    level_now = (int)level;
}

void log_set_time(uint64_t (*vtime_ns)(void *), void *ctx)
{
    time_fn = vtime_ns;
    time_ctx = ctx;
}

bool log_enabled(enum log_level level)
{
    if (level_now < 0)
        level_now = level_from_environment();
    return (int)level >= level_now;
}

static void add_one_line(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '\n')
            strbuf_addc(out, "\\n");
        else
            strbuf_addch(out, (c < 0x20 && c != '\t') || c == 0x7f ? '?' : (char)c);
    }
}

void log_msg(enum log_level level, const char *component, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    struct strbuf text, line;
    strbuf_init(&text, 8192);
    strbuf_init(&line, 16 * 1024 + 256);
    va_list ap;
    va_start(ap, fmt);
    strbuf_vaddf(&text, fmt, ap);
    va_end(ap);
    if (str_ends(strbuf_str(&text), "\n"))
        text.n--;
    strbuf_addch(&line, '[');
    if (time_fn) {
        uint64_t ms = time_fn(time_ctx) / NS_PER_MS;
        strbuf_addf(&line, "%" PRIu64 ".%03" PRIu64 "s ", ms / 1000, ms % 1000);
    }
    strbuf_addf(&line, "%s] %s", component, levels[level].label);
    add_one_line(&line, strbuf_str(&text));
    strbuf_addch(&line, '\n');
    fwrite(line.p, 1, line.n, stderr);             /* one write: lines of the host's shell cannot fall in between */
    strbuf_deinit(&text);
    strbuf_deinit(&line);
}
