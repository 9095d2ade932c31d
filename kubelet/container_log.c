/* kubelet/container_log.c - the log of one container: what docker's json-file driver keeps, and what `kubectl logs` reads.
 *
 * Bytes become lines when a newline arrives (or the container ends); each line has the time of its end. The newest
 * LIMIT_LOG_FILE_BYTES are kept, the oldest half is dropped when they are exceeded, as rotation does. Lines are numbered from the
 * log's beginning, so that followers keep their place. On disk, for a restart of this process, lines are appended in docker's
 * format: {"log":"hi\n","stream":"stdout","time":"..."}.
 */
#include "kubelet/kubelet_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES_MAX = 16 * 1024 };   /* docker splits longer lines */

struct container_log *container_log_new(struct loop *l)
{
    struct container_log *log = NEW(struct container_log);
    log->loop = l;
    strbuf_init(&log->text, 2 * LIMIT_LOG_FILE_BYTES);
    for (int i = 0; i < 2; i++)
        strbuf_init(&log->partial[i], 2 * LINE_BYTES_MAX);
    list_init(&log->followers);
    return log;
}

void container_log_free(struct container_log *log)
{
    if (!log)
        return;
    container_log_end(log);
    list_for(it, &log->followers)
        list_remove(it);
    strbuf_deinit(&log->text);
    strbuf_deinit(&log->partial[0]);
    strbuf_deinit(&log->partial[1]);
    free(log->lines);
    free(log);
}

static void rotate(struct container_log *log)
{
    size_t drop = 0;
    uint64_t bytes = 0;
    while (drop < log->n && bytes < LIMIT_LOG_FILE_BYTES / 2)
        bytes += log->lines[drop++].n;
    strbuf_consume(&log->text, bytes);
    memmove(log->lines, log->lines + drop, (log->n - drop) * sizeof *log->lines);
    log->n -= drop;
    log->dropped += bytes;
    log->lines_dropped += drop;
}

static void add_line(struct container_log *log, int fd, struct str line, int64_t time_ns)
{
    if (log->text.n + line.n > LIMIT_LOG_FILE_BYTES)
        rotate(log);
    if (log->n == log->cap) {
        log->cap = log->cap ? log->cap * 2 : 16;
        log->lines = xrealloc(log->lines, log->cap * sizeof *log->lines);
    }
    log->lines[log->n++] = (struct log_line){ log->dropped + log->text.n, (uint32_t)line.n, (uint8_t)fd, time_ns };
    strbuf_add(&log->text, line);
}

static void tell_line(struct container_log *log)
{
    list_for(it, &log->followers) {
        struct log_follower *f = container_of(it, struct log_follower, node);
        f->on_line(f);
    }
}

void container_log_write(struct container_log *log, int fd, struct str bytes)
{
    struct strbuf *part = &log->partial[fd == 2];
    size_t before = log->n;
    uint64_t dropped = log->lines_dropped;
    while (bytes.n) {
        ptrdiff_t nl = str_chr(bytes, '\n');
        size_t take = nl >= 0 ? (size_t)nl + 1 : bytes.n;
        if (take > LINE_BYTES_MAX)
            take = LINE_BYTES_MAX;
        strbuf_add(part, str_sub(bytes, 0, take));
        bytes = str_sub(bytes, take, bytes.n);
        if (part->p[part->n - 1] == '\n' || part->n >= LINE_BYTES_MAX) {
            add_line(log, fd, strbuf_str(part), vtime_now(log->loop));
            strbuf_reset(part);
        }
    }
    if (log->n != before || log->lines_dropped != dropped)
        tell_line(log);
}

void container_log_end(struct container_log *log)
{
    if (log->ended)
        return;
    for (int i = 0; i < 2; i++)
        if (log->partial[i].n) {
            add_line(log, i + 1, strbuf_str(&log->partial[i]), vtime_now(log->loop));
            strbuf_reset(&log->partial[i]);
        }
    log->ended = true;
    tell_line(log);
    list_for(it, &log->followers) {
        struct log_follower *f = container_of(it, struct log_follower, node);
        list_remove(it);
        f->on_end(f);
    }
}

struct str container_log_text(const struct container_log *log, size_t i)
{
    const struct log_line *line = &log->lines[i];
    return (struct str){ log->text.p + (line->at - log->dropped), line->n };
}

size_t container_log_first(const struct container_log *log, const struct log_query *q)
{
    size_t first = 0;
    while (first < log->n && log->lines[first].time_ns < q->since_ns)
        first++;
    if (q->tail >= 0 && log->n - first > (size_t)q->tail)
        first = log->n - (size_t)q->tail;
    return first;
}

void container_log_format(const struct container_log *log, size_t i, bool timestamps, struct strbuf *out)
{
    if (timestamps) {
        struct arena *a = arena_new();
        strbuf_add(out, time_rfc3339_nano(a, log->lines[i].time_ns));
        strbuf_addch(out, ' ');
        arena_free(a);
    }
    strbuf_add(out, container_log_text(log, i));
}

/* ---- disk ---- */
void container_log_save(struct container_log *log, const char *path)
{
    size_t from = log->saved > log->lines_dropped ? log->saved - log->lines_dropped : 0;
    if (from >= log->n)
        return;
    FILE *f = fopen(path, "ae");
    if (!f) {
        log_msg(LOG_WARN, "kubelet", "cannot write the container log %s", path);
        return;
    }
    struct arena *a = arena_new();
    struct strbuf text;
    strbuf_init(&text, 8 * LIMIT_LOG_FILE_BYTES);
    for (size_t i = from; i < log->n; i++) {
        strbuf_addc(&text, "{\"log\":");
        json_write_string(&text, container_log_text(log, i));
        strbuf_addf(&text, ",\"stream\":\"%s\",\"time\":\"%s\"}\n", log->lines[i].fd == 2 ? "stderr" : "stdout",
                    time_rfc3339_nano(a, log->lines[i].time_ns).p);
    }
    if (fwrite(text.p, 1, text.n, f) != text.n)
        log_msg(LOG_WARN, "kubelet", "short write to the container log %s", path);
    fclose(f);
    log->saved = log->lines_dropped + log->n;
    strbuf_deinit(&text);
    arena_free(a);
}

struct container_log *container_log_load(struct loop *l, const char *path)
{
    struct arena *a = arena_new();
    struct str text;
    struct container_log *log = NULL;
    if (file_read(path, 64 * LIMIT_LOG_FILE_BYTES, a, &text, NULL)) {
        log = container_log_new(l);
        while (text.p) {
            struct json *line = json_parse(a, str_token(&text, '\n'), NULL);
            int64_t when = 0;
            if (line && time_parse_rfc3339(json_get_str(line, "time"), &when))
                add_line(log, str_eqc(json_get_str(line, "stream"), "stderr") ? 2 : 1, json_get_str(line, "log"), when);
        }
        log->saved = log->lines_dropped + log->n;
    }
    arena_free(a);
    return log;
}
