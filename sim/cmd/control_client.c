/* sim/cmd/control_client.c - the commands' side of the control socket: one blocking HTTP/1.1 request over DATA/control.sock.
 *
 * A command is a process of its own with nothing else to do, so blocking is right. The answer is read until its Content-Length or
 * its last chunk; pieces of a chunked body are handed on as they come, since a build prints while it works.
 */
#include "sim/cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int control_connect(const char *path, struct err *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof addr.sun_path) {
        err_set(err, ERR_IO, "the data folder's path is too long for a socket: %s", path);
        return -1;
    }
    memcpy(addr.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return fd;
    if (errno == ENOENT || errno == ECONNREFUSED)
        err_set(err, ERR_REFUSED, "no cluster is running in this data folder (%s): start one with 'kubelab up'", path);
    else
        err_set(err, ERR_REFUSED, "cannot reach the cluster at %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static char key_line[128];

void control_key_set(struct str key)
{
    snprintf(key_line, sizeof key_line, CONTROL_KEY_HEADER ": " STR_FMT "\r\n", STR_ARG(key));
}

static bool send_all(int fd, struct str bytes, struct err *err)
{
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_REFUSED, "the cluster hung up: %s", strerror(errno));
        bytes = str_sub(bytes, (size_t)n, bytes.n);
    }
    return true;
}

/* A reader of lines and counted bytes over the socket. */
struct reader { int fd; struct strbuf buf; };

/* 0: the other end is gone. */
static size_t receive(int fd, char *to, size_t max)
{
    ssize_t n;
    do
        n = recv(fd, to, max, 0);
    while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

static bool reader_fill(struct reader *r)
{
    char chunk[16384];
    size_t n = receive(r->fd, chunk, sizeof chunk);
    strbuf_add(&r->buf, (struct str){ chunk, n });
    return n && !r->buf.overflow;
}

static bool reader_line(struct reader *r, struct arena *a, struct str *line)
{
    ptrdiff_t end;
    while ((end = str_chr(strbuf_str(&r->buf), '\n')) < 0)
        if (!reader_fill(r))
            return false;
    *line = str_trim(arena_str(a, str_sub(strbuf_str(&r->buf), 0, (size_t)end)));
    strbuf_consume(&r->buf, (size_t)end + 1);
    return true;
}

static bool reader_body(struct reader *r, size_t n, struct strbuf *collect, void (*out)(void *, struct str), void *ctx)
{
    while (n) {
        if (r->buf.n == 0 && !reader_fill(r))
            return false;
        struct str piece = str_sub(strbuf_str(&r->buf), 0, n);
        if (out)
            out(ctx, piece);
        else
            strbuf_add(collect, piece);
        n -= piece.n;
        strbuf_consume(&r->buf, piece.n);
    }
    return true;
}

/* A body of known length in one piece, received where it stays: the largest, the document of checks, is some hundred kilobytes,
 * and is asked for often. */
static bool reader_whole(struct reader *r, struct arena *a, size_t n, struct str *body)
{
    if (n > LIMIT_RESPONSE_BYTES)
        return false;
    char *p = arena_alloc(a, n + 1);
    size_t have = r->buf.n < n ? r->buf.n : n, some;
    memcpy(p, have ? r->buf.p : "", have);
    for (; have < n; have += some)
        if (!(some = receive(r->fd, p + have, n - have)))
            return false;
    p[n] = 0;
    *body = (struct str){ p, n };
    return true;
}

static bool read_chunked(struct reader *r, struct arena *a, struct strbuf *collect, void (*out)(void *, struct str), void *ctx)
{
    struct str line;
    while (reader_line(r, a, &line)) {
        size_t size = strtoul(arena_cstr(a, line), NULL, 16);
        if (!reader_body(r, size, collect, out, ctx) || !reader_line(r, a, &line))
            return false;
        if (size == 0)
            return true;
    }
    return false;
}

static bool read_reply(struct reader *r, struct arena *a, struct control_reply *reply, void (*out)(void *, struct str), void *ctx)
{
    struct strbuf collect;
    struct str line, name, value;
    if (!reader_line(r, a, &line) || line.n < 12 || !str_starts(line, "HTTP/1."))
        return false;
    reply->status = atoi(arena_cstr(a, str_sub(line, 9, 12)));
    int64_t length = 0;
    bool chunked = false;
    while (reader_line(r, a, &line) && line.n) {
        str_cut(line, ':', &name, &value);
        if (str_eqi(name, STR("Content-Length")))
            str_int(str_trim(value), &length);
        if (str_eqi(name, STR("Transfer-Encoding")))
            chunked = true;
    }
    if (reply->status >= 400)
        out = NULL;                                /* what went wrong is the caller's to tell, not part of its output */
    if (!chunked && !out)
        return length >= 0 && reader_whole(r, a, (size_t)length, &reply->body);
    strbuf_init(&collect, LIMIT_RESPONSE_BYTES);
    bool ok = chunked ? read_chunked(r, a, &collect, out, ctx) : reader_body(r, (size_t)length, &collect, out, ctx);
    reply->body = arena_str(a, strbuf_str(&collect));
    strbuf_deinit(&collect);
    return ok;
}

/* In the shell of a node that is not the first, what is asked is of that node. */
static const char *of_node(struct arena *a, const struct options *o, const char *path)
{
    const char *node = o->data ? NULL : getenv("KUBELAB_NODE");
    return node && *node ? arena_printf(a, "%s%cnode=" STR_FMT, path, strchr(path, '?') ? '&' : '?',
                                        STR_ARG(percent_encode(a, str_c(node)))) : path;
}

bool control_call(struct arena *a, const struct options *o, const char *method, const char *path, struct str body,
                  void (*out)(void *ctx, struct str piece), void *ctx, struct control_reply *reply, struct err *err)
{
    struct reader r = { .fd = control_connect(data_path(a, o, "control.sock"), err) };
    if (r.fd < 0)
        return false;
    strbuf_init(&r.buf, LIMIT_RESPONSE_BYTES);
    *reply = (struct control_reply){ .body = STR("") };
    struct str head = arena_strf(a, "%s %s HTTP/1.1\r\nHost: kubelab\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n",
                                 method, of_node(a, o, path), key_line, body.n);
    bool ok = send_all(r.fd, head, err) && send_all(r.fd, body, err);
    if (ok && !read_reply(&r, a, reply, out, ctx))
        ok = err_set(err, ERR_REFUSED, "the cluster stopped while it was asked");
    if (ok && reply->status >= 400)
        ok = err_set(err, reply->status == 400 ? ERR_USAGE : ERR_INTERNAL, STR_FMT, STR_ARG(str_trim(reply->body)));
    strbuf_deinit(&r.buf);
    close(r.fd);
    return ok;
}

int control_send(struct arena *a, const struct options *o, const char *method, const char *path, struct str body, struct err *err)
{
    int fd = control_connect(data_path(a, o, "control.sock"), err);
    struct str head = arena_strf(a, "%s %s HTTP/1.1\r\nHost: kubelab\r\n%sContent-Length: %zu\r\n\r\n", method, path, key_line,
                                 body.n);
    if (fd >= 0 && send_all(fd, head, err) && send_all(fd, body, err))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

bool control_begun(struct arena *a, int fd, struct err *err)
{
    struct strbuf head;
    char c;
    strbuf_init(&head, LIMIT_HEADER_BYTES);
    /* byte by byte: what follows is the caller's */
    while (!str_ends(strbuf_str(&head), "\r\n\r\n") && !head.overflow && recv(fd, &c, 1, 0) == 1)
        strbuf_addch(&head, c);
    struct str text = arena_str(a, strbuf_str(&head));
    strbuf_deinit(&head);
    if (!str_starts(text, "HTTP/1.1 "))
        return err_set(err, ERR_REFUSED, "the cluster stopped while it was asked");
    int status = atoi(arena_cstr(a, str_sub(text, 9, 12)));
    if (status < 400)
        return true;
    char body[1024];
    ssize_t n = recv(fd, body, sizeof body, 0);
    return err_set(err, status == 400 ? ERR_USAGE : ERR_INTERNAL, STR_FMT,
                   STR_ARG(str_trim((struct str){ body, n > 0 ? (size_t)n : 0 })));
}

int control_fail(const struct err *err)
{
    fprintf(stderr, "kubelab: %s\n", err->msg);
    return err->code == ERR_REFUSED || err->code == ERR_UNAVAILABLE ? EXIT_UNREACHABLE
           : err->code == ERR_USAGE || err->code == ERR_PARSE ? EXIT_USAGE : EXIT_INTERNAL;
}
