/* workloads/programs/sh_file.c - what the shell's processes have open: the terminal, files of the container, pipes, devices, texts.
 *
 * As Linux does it for busybox: files are shared by who was forked, and closed with their last user; a pipe holds 64 KiB and kills
 * who writes to nobody; names beneath /dev are what they are everywhere.
 */
#include "workloads/programs/sh_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- open files ---- */
struct file *sh_file_new(enum file_kind kind)
{
    struct file *f = NEW(struct file);
    f->kind = kind;
    f->refs = 1;
    return f;
}

struct file *sh_file_ref(struct file *f)
{
    if (f)
        f->refs++;
    return f;
}

void sh_file_unref(struct file *f)
{
    if (!f || --f->refs > 0)
        return;
    if (f->pipe) {
        *(f->write_end ? &f->pipe->writers : &f->pipe->readers) -= 1;
        if (--f->pipe->refs == 0) {
            strbuf_deinit(&f->pipe->buf);
            free(f->pipe);
        }
    }
    free(f->data);
    free(f->path);
    free(f);
}

struct file *sh_file_text(const char *p, size_t n)
{
    struct file *f = sh_file_new(FILE_TEXT);
    f->data = xmalloc(n + 1);
    if (n)
        memcpy(f->data, p, n);
    f->data[n] = '\0';
    f->n = n;
    return f;
}

void sh_pipe_make(struct file **read_end, struct file **write_end)
{
    struct pipe *pipe = NEW(struct pipe);
    *pipe = (struct pipe){ .readers = 1, .writers = 1, .refs = 2 };
    strbuf_init(&pipe->buf, LIMIT_RESPONSE_BYTES);
    *read_end = sh_file_new(FILE_PIPE);
    *write_end = sh_file_new(FILE_PIPE);
    (*read_end)->pipe = (*write_end)->pipe = pipe;
    (*write_end)->write_end = true;
}

void sh_proc_set_fd(struct proc *p, int fd, struct file *f)
{
    sh_file_unref(p->fds[fd]);
    p->fds[fd] = f;
}

void sh_terminal_write(struct sh *s, struct str b)             /* output post-processing: NL to CR NL */
{
    struct strbuf out;
    if (!memchr(b.p, '\n', b.n)) {
        s->ops->write(s->ctx, 1, b);
        return;
    }
    strbuf_init(&out, b.n * 2 + 1);
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '\n')
            strbuf_addch(&out, '\r');
        strbuf_addch(&out, b.p[i]);
    }
    s->ops->write(s->ctx, 1, strbuf_str(&out));
    strbuf_deinit(&out);
}

void sh_file_write(struct proc *p, struct file *f, struct str b)
{
    struct sh *s = p->sh;
    if (!f || b.n == 0)
        return;
    p->debt_ns += b.n * SH_NS_PER_KIB / 1024;
    switch (f->kind) {
    case FILE_OUT: case FILE_TTY:
        if (s->tty)
            sh_terminal_write(s, b);
        else
            s->ops->write(s->ctx, f->fd == 2 ? 2 : 1, b);
        break;
    case FILE_PIPE:
        if (f->write_end && f->pipe->readers > 0)
            strbuf_add(&f->pipe->buf, b);
        else if (f->write_end && !p->exited)
            p->pending |= 1u << SH_SIGPIPE;
        if (f->write_end && !f->pipe->unbounded && f->pipe->buf.n >= PIPE_BYTES)
            p->wait_write = f;
        break;
    case FILE_VFS: {
        int e = s->ops->vfs.write(s->ctx, f->path, b, f->append_started);
        f->append_started = true;
        if (e)
            sh_proc_printf(p, 2, "write error: %s\n", sh_strerror(e));
        break;
    }
    default: break;
    }
}

void sh_proc_write(struct proc *p, int fd, struct str b)
{
    sh_file_write(p, p->fds[fd], b);
}

void sh_proc_printf(struct proc *p, int fd, const char *fmt, ...)
{
    struct strbuf b;
    va_list ap;
    strbuf_init(&b, LIMIT_SHELL_LINE_BYTES * 4);
    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    sh_proc_write(p, fd, strbuf_str(&b));
    strbuf_deinit(&b);
}

/* What is readable now, and whether more can come. */
static struct strbuf *source_buffer(struct proc *p, struct file *f, bool *more)
{
    struct sh *s = p->sh;
    if (f->kind == FILE_PIPE) {
        *more = f->pipe->writers > 0;
        return &f->pipe->buf;
    }
    *more = s->tty ? !s->tty_eof : !s->stdin_eof;
    return &s->input;
}

bool sh_file_readable(struct proc *p, struct file *f, bool line)
{
    if (f->kind != FILE_PIPE && f->kind != FILE_TTY && f->kind != FILE_STDIN)
        return true;
    bool more;
    struct strbuf *b = source_buffer(p, f, &more);
    return !more || (line ? b->n > 0 && memchr(b->p, '\n', b->n) : b->n > 0) || b->n >= PIPE_BYTES;
}

static enum read_result read_text(struct file *f, bool line, struct strbuf *out)
{
    struct str rest = { f->data + f->pos, f->n - f->pos };
    if (rest.n == 0)
        return READ_EOF;
    char *nl = line ? memchr(rest.p, '\n', rest.n) : NULL;
    size_t n = nl ? (size_t)(nl - rest.p) + 1 : line || rest.n < 65536 ? rest.n : 65536;
    strbuf_add(out, str_sub(rest, 0, n));
    f->pos += n;
    return READ_DATA;
}

static enum read_result read_file(struct proc *p, struct file *f, bool line, struct strbuf *out)
{
    if (!f || f->kind == FILE_NULL || f->kind == FILE_OUT || f->kind == FILE_VFS || (f->kind == FILE_PIPE && f->write_end))
        return READ_EOF;
    if (f->kind == FILE_TEXT)
        return read_text(f, line, out);
    if (f->kind == FILE_ZERO) {
        static const char ZEROS[4096];
        strbuf_add(out, (struct str){ ZEROS, sizeof ZEROS });
        return READ_DATA;
    }
    if (!sh_file_readable(p, f, line)) {
        p->wait_read = f;
        p->wait_line = line;
        return READ_WAIT;
    }
    bool more;
    struct strbuf *b = source_buffer(p, f, &more);
    if (b->n == 0) {
        p->sh->tty_eof = false;                    /* control D is one end of file, the terminal goes on */
        return READ_EOF;
    }
    char *nl = line || f->kind == FILE_TTY ? memchr(b->p, '\n', b->n) : NULL;
    size_t n = nl ? (size_t)(nl - b->p) + 1 : b->n;
    strbuf_add(out, (struct str){ b->p, n });
    strbuf_consume(b, n);
    return READ_DATA;
}

enum read_result sh_file_read_line(struct proc *p, struct file *f, struct strbuf *out)
{
    return read_file(p, f, true, out);
}

enum read_result sh_file_read_some(struct proc *p, struct file *f, struct strbuf *out)
{
    return read_file(p, f, false, out);
}

const char *sh_strerror(int e)
{
    static const struct { int e; const char *text; } TEXTS[] = {
        { ENOENT, "No such file or directory" }, { EACCES, "Permission denied" },      { EEXIST, "File exists" },
        { ENOTDIR, "Not a directory" },          { EISDIR, "Is a directory" },         { EROFS, "Read-only file system" },
        { ENOSPC, "No space left on device" },   { ENOTEMPTY, "Directory not empty" }, { EBADF, "Bad file descriptor" },
        { EINVAL, "Invalid argument" },          { EBUSY, "Resource busy" },           { EPERM, "Operation not permitted" },
    };
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        if (TEXTS[i].e == e)
            return TEXTS[i].text;
    return "I/O error";
}

char *sh_path(struct proc *p, const char *path, char out[1024])
{
    char joined[2048];
    snprintf(joined, sizeof joined, "%s/%s", path[0] == '/' ? "" : p->cwd, path);
    size_t n = 0;
    for (char *part = joined; *part;) {
        size_t len = strcspn(part, "/");
        if (len == 2 && part[0] == '.' && part[1] == '.') {
            while (n > 0 && out[--n] != '/') {}
        } else if (len > 0 && !(len == 1 && part[0] == '.') && n + len + 2 < 1024) {
            out[n++] = '/';
            memcpy(out + n, part, len);
            n += len;
        }
        part += len;
        part += *part == '/';
    }
    if (n == 0)
        out[n++] = '/';
    out[n] = '\0';
    return out;
}

int sh_file_open(struct proc *p, const char *name, const char *op, struct file **out)
{
    static const struct { const char *path; enum file_kind kind; int fd; } DEVICES[] = {
        { "/dev/null", FILE_NULL, 0 }, { "/dev/zero", FILE_ZERO, 0 }, { "/dev/full", FILE_NULL, 0 },
    };
    char path[1024];
    struct sh *s = p->sh;
    sh_path(p, name, path);
    for (size_t i = 0; i < ARRAY_LEN(DEVICES); i++) {
        if (strcmp(path, DEVICES[i].path) == 0) {
            *out = sh_file_new(DEVICES[i].kind);
            return 0;
        }
    }
    int fd = strcmp(path, "/dev/stdin") == 0    ? 0
             : strcmp(path, "/dev/stdout") == 0 ? 1
             : strcmp(path, "/dev/stderr") == 0 ? 2
                                                : -1;
    if (fd >= 0 || (strcmp(path, "/dev/tty") == 0 && s->tty)) {
        *out = fd >= 0 ? sh_file_ref(p->fds[fd]) : sh_file_new(FILE_TTY);
        return *out ? 0 : EBADF;
    }
    if (op[0] == '<') {
        struct arena *a = arena_new();
        struct str text;
        int e = s->ops->vfs.read(s->ctx, path, a, &text);
        if (e == 0)
            *out = sh_file_text(text.p, text.n);
        arena_free(a);
        return e;
    }
    bool append = strcmp(op, ">>") == 0;
    int e = s->ops->vfs.write(s->ctx, path, STR_NULL, append);
    if (e)
        return e;
    *out = sh_file_new(FILE_VFS);
    (*out)->path = xstrdup(path);
    (*out)->append_started = true;
    return 0;
}
