/* kubelet/klog.c - the kubelet's own log, in klog's form: severity, month and day, time, process, place, text (k8s.io/klog
 * klog.go formatHeader). */
#include "kubelet/app_priv.h"

#include <stdio.h>

enum { LINE_NS = 11000 };

static void put(struct klog *log, char severity, const char *where, const char *fmt, va_list ap)
{
    struct arena *a = arena_new();
    struct strbuf line;
    int64_t now = vtime_now(log->loop);
    log->last_ns = now > log->last_ns ? now : log->last_ns + LINE_NS;
    strbuf_init(&line, 64 * 1024);
    strbuf_addf(&line, "%c" STR_FMT " %7d %s] ", severity, STR_ARG(time_klog(a, log->last_ns)), log->pid, where);
    strbuf_vaddf(&line, fmt, ap);
    log->line(log->ctx, strbuf_str(&line));
    strbuf_deinit(&line);
    arena_free(a);
}

void klog_vwrite(struct klog *log, char severity, const char *where, const char *fmt, va_list ap)
{
    if (log && log->line)
        put(log, severity, where, fmt, ap);
}

void klog_write(struct klog *log, char severity, const char *where, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    klog_vwrite(log, severity, where, fmt, ap);
    va_end(ap);
}

void klog_v(struct klog *log, int level, const char *where, const char *fmt, ...)
{
    va_list ap;
    if (!log || !log->line || log->verbosity < level)
        return;
    va_start(ap, fmt);
    put(log, 'I', where, fmt, ap);
    va_end(ap);
}
