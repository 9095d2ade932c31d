/* workloads/programs/applets_net.c - wget and nslookup (busybox 1.31 networking/wget.c, nslookup.c).
 *
 * The exchange itself is an operation of the surrounding program; here are the URL, redirects, files, progress and the
 * words. What arrives is written as it arrives. Simplified: no FTP, no proxy, no continued downloads, no authentication
 * in URLs; names, ports and texts of errors are busybox's.
 */
#include "workloads/programs/applets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { W_Q = 1, W_S = 2, W_C = 4, W_SPIDER = 8, W_O = 16, W_T = 32, W_P = 64, W_U = 128, W_POST = 256, W_HEADER = 512 };
enum { REDIRECTS_MAX = 5, HOST_MAX = 255, URL_MAX = 2047 };
struct wget {
    uint32_t     flags;
    const char  *url, *file, *agent, *post;
    char        *headers;                          /* --header lines */
    uint64_t     timeout_ns;
    const char  *host, *target, *shown;            /* of the URL; shown: name and port as they were typed */
    int          port, redirects;
    bool         tls, failed, told, body_started;
    struct file *out;
    int64_t      length, received;
    int          status;
    const char  *location;                         /* where the answer redirects to, or "" */
};

static bool parse_url(struct run *r, struct wget *w, const char *url)
{
    const char *s = url;
    w->tls = strncmp(s, "https://", 8) == 0;
    if (strncmp(s, "ftp://", 6) == 0) {
        ERR(r, "wget: ftp is not in kubelab's busybox\n");
        return false;
    }
    if (w->tls || strncmp(s, "http://", 7) == 0) {
        s += w->tls ? 8 : 7;
    } else if (strstr(s, "://")) {
        ERR(r, "wget: not an http or ftp url: %s\n", url);
        return false;
    }
    size_t n = strcspn(s, "/?#");
    struct str authority = { s, n }, host, port;
    if (str_chr(authority, '@') >= 0) {
        ERR(r, "wget: user names in URLs are not in kubelab's busybox\n");
        return false;
    }
    str_cut(authority, ':', &host, &port);
    int64_t number = w->tls ? 443 : 80;
    if (host.n == 0 || host.n > HOST_MAX || (port.n && (!str_int(port, &number) || number < 1 || number > 65535))) {
        ERR(r, "wget: bad address '" STR_FMT "'\n", STR_ARG(authority));
        return false;
    }
    w->host = arena_cstr(r->arena, host);
    w->shown = arena_cstr(r->arena, authority);
    w->target = arena_printf(r->arena, "%s%.*s", s[n] == '/' ? "" : "/", (int)strcspn(s + n, "#"), s + n);
    w->port = (int)number;
    return true;
}

static bool wget_long(struct run *r, struct wget *w, int *i)       /* --quiet, --post-data=X, --header X ... */
{
    static const struct { const char *name; bool value; char letter; } LONG[] = {
        { "quiet", false, 'q' },           { "server-response", false, 'S' }, { "spider", false, 's' },
        { "output-document", true, 'O' },  { "timeout", true, 'T' },          { "user-agent", true, 'U' },
        { "post-data", true, 'p' },        { "header", true, 'h' },           { "no-check-certificate", false, 'n' },
        { "directory-prefix", true, 'P' },
    };
    const char *arg = r->argv[*i] + 2, *value = NULL;
    size_t n = strcspn(arg, "=");
    for (size_t k = 0; k < ARRAY_LEN(LONG); k++) {
        if (strlen(LONG[k].name) != n || strncmp(LONG[k].name, arg, n) != 0)
            continue;
        if (LONG[k].value)
            value = arg[n] == '=' ? arg + n + 1 : *i + 1 < r->argc ? r->argv[++*i] : "";
        switch (LONG[k].letter) {
        case 'q': w->flags |= W_Q; break;
        case 'S': w->flags |= W_S; break;
        case 's': w->flags |= W_SPIDER; break;
        case 'O': w->file = value; break;
        case 'U': w->agent = value; break;
        case 'p': w->post = value; break;
        case 'h': w->headers = arena_printf(r->arena, "%s%s\r\n", w->headers ? w->headers : "", value); break;
        case 'T': w->timeout_ns = strtoull(value, NULL, 10) * NS_PER_S; break;
        case 'P': w->file = NULL; ERR(r, "wget: option -P is not in kubelab's busybox\n"); return false;
        default: break;
        }
        return true;
    }
    ERR(r, "wget: unrecognized option '%s'\n", r->argv[*i]);
    return false;
}

static bool wget_options(struct run *r, struct wget *w)
{
    int i = 1;
    w->agent = "Wget";
    w->timeout_ns = 900 * NS_PER_S;
    for (; i < r->argc && r->argv[i]; i++) {
        const char *s = r->argv[i];
        if (s[0] != '-' || !s[1]) {
            w->url = w->url ? w->url : s;
            continue;
        }
        if (s[1] == '-') {
            if (!wget_long(r, w, &i))
                return false;
            continue;
        }
        for (s++; *s; s++) {
            if (*s == 'q' || *s == 'S' || *s == 'c') {
                w->flags |= *s == 'q' ? W_Q : *s == 'S' ? W_S : W_C;
                continue;
            }
            if (!strchr("OTUPYt", *s)) {
                ERR(r, "wget: invalid option -- '%c'\n", *s);
                return false;
            }
            const char *value = s[1] ? s + 1 : i + 1 < r->argc ? r->argv[++i] : NULL;
            if (!value) {
                ERR(r, "wget: option requires an argument -- '%c'\n", *s);
                return false;
            }
            int64_t seconds = 0;
            if (*s == 'O')
                w->file = value;
            else if (*s == 'U')
                w->agent = value;
            else if (*s == 'T' && (!str_int(str_c(value), &seconds) || seconds < 0))
                return applet_fail(r, "invalid number '%s'", value), false;
            else if (*s == 'T')
                w->timeout_ns = (uint64_t)seconds * NS_PER_S;
            else if (*s == 'P')
                return applet_fail(r, "option -P is not in kubelab's busybox"), false;
            break;
        }
    }
    if (!w->url)
        ERR(r,
            "BusyBox v1.31.1 multi-call binary.\n\nUsage: wget [-c|--continue] [--spider] [-q|--quiet] "
            "[-O|--output-document FILE]\n"
            "\t[--header 'header: value'] [-Y|--proxy on/off]\n\t[-P DIR] [-S|--server-response] [-U|--user-agent "
            "AGENT] [-T SEC] URL...\n");
    return w->url != NULL;
}

static void wget_send(struct run *r, struct wget *w)
{
    char port[16] = "";
    bool brackets = strchr(w->host, ':') != NULL;
    if (w->port != (w->tls ? 443 : 80))
        snprintf(port, sizeof port, ":%d", w->port);
    char *headers = arena_printf(r->arena, "Host: %s%s%s%s\r\nUser-Agent: %s\r\nConnection: close\r\n%s",
                                 brackets ? "[" : "", w->host, brackets ? "]" : "", port, w->agent,
                                 w->headers ? w->headers : "");
    if (w->post)
        headers = arena_printf(r->arena, "%sContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n",
                               headers, strlen(w->post));
    struct sh_wget req = { .tls = w->tls,
                           .host = w->host,
                           .port = w->port,
                           .target = w->target,
                           .method = w->post               ? "POST"
                                     : w->flags & W_SPIDER ? "HEAD"
                                                           : "GET",
                           .headers = headers,
                           .body = w->post ? str_c(w->post) : STR_NULL,
                           .show_headers = w->flags & W_S,
                           .timeout_ns = w->timeout_ns };
    w->status = 0;
    w->location = "";
    w->length = -1;
    r->p->sh->ops->wget(r->p->sh->ctx, sh_proc_wait_token(r->p), &req);
}

static const char *wget_default_name(struct wget *w)
{
    const char *cut = strpbrk(w->target, "?");
    size_t n = cut ? (size_t)(cut - w->target) : strlen(w->target), at = n;
    while (at > 0 && w->target[at - 1] != '/')
        at--;
    static _Thread_local char name[256];
    snprintf(name, sizeof name, "%.*s", (int)(n - at), w->target + at);
    return *name ? name : "index.html";
}

static bool wget_open(struct run *r, struct wget *w)
{
    char path[1024];
    struct sh_stat st;
    if (w->file && strcmp(w->file, "-") == 0) {
        w->out = sh_file_ref(r->p->fds[1]);
        if (!(w->flags & W_Q))
            ERR(r, "writing to stdout\n");
        return true;
    }
    bool named = w->file != NULL;
    if (!named)
        w->file = arena_strdup(r->arena, wget_default_name(w));
    if (!named && r->p->sh->ops->vfs.stat(r->p->sh->ctx, sh_path(r->p, w->file, path), &st) == 0) {
        ERR(r, "wget: can't open '%s': File exists\n", w->file);
        return false;
    }
    int e = sh_file_open(r->p, w->file, ">", &w->out);
    if (e)
        ERR(r, "wget: can't open '%s': %s\n", w->file, sh_strerror(e));
    else if (!(w->flags & W_Q))
        ERR(r, "saving to '%s'\n", w->file);
    return e == 0;
}

static void wget_finish(struct run *r, struct wget *w)
{
    if (w->flags & W_Q)
        return;
    const char *name = strcmp(w->file, "-") == 0 ? "-" : w->file;
    ERR(r, "\r%-20.20s 100%% |%.*s| %5" PRId64 "  0:00:00 ETA\n", path_base(name), 32,
        "********************************", w->received);
    if (strcmp(name, "-") == 0)
        ERR(r, "written to stdout\n");
    else
        ERR(r, "'%s' saved\n", name);
}

static void wget_failure(struct run *r, struct wget *w, const struct sh_wget_event *ev)
{
    static const char *const WHY[] = { [SH_NET_REFUSED] = "Connection refused",
                                       [SH_NET_NO_ROUTE] = "No route to host",
                                       [SH_NET_TIMED_OUT] = "Operation timed out",
                                       [SH_NET_RESET] = "Connection reset by peer" };
    /* CONNECTED may have been said when the name was resolved */
    bool connecting = !w->told || ev->failure == SH_NET_REFUSED || ev->failure == SH_NET_NO_ROUTE;
    w->failed = true;
    switch (ev->failure) {
    case SH_NET_BAD_ADDRESS: ERR(r, "wget: bad address '%s'\n", w->shown); return;
    case SH_NET_TLS: ERR(r, "wget: error getting response: Connection reset by peer\n"); return;
    case SH_NET_EARLY_EOF: ERR(r, w->status ? "wget: connection closed prematurely\n" : "wget: error getting response\n"); return;
    case SH_NET_TIMED_OUT:
        if (!connecting || w->timeout_ns < 127 * NS_PER_S) {
            ERR(r, "wget: download timed out\n");
            return;
        }
        break;
    default: break;
    }
    if (!connecting) {
        ERR(r, "wget: error getting response: %s\n", WHY[ev->failure]);
        return;
    }
    if (!(w->flags & W_Q) && !w->told && ev->ip)
        ERR(r, "Connecting to %s (%s:%d)\n", w->shown, ev->ip, ev->port);
    ERR(r, "wget: can't connect to remote host (%s): %s\n", ev->ip ? ev->ip : w->host, WHY[ev->failure]);
}

static void show_headers(struct run *r, const struct sh_wget_event *ev)
{
    struct str rest = ev->headers;
    ERR(r, "  HTTP/1.1 %d " STR_FMT "\n", ev->status, STR_ARG(ev->reason));
    while (rest.n) {
        struct str line = str_trim(str_token(&rest, '\n'));
        if (line.n)
            ERR(r, "  " STR_FMT "\n", STR_ARG(line));
    }
}

static void wget_head(struct run *r, struct wget *w, const struct sh_wget_event *ev)
{
    w->status = ev->status;
    w->length = ev->content_length;
    w->location = arena_cstr(r->arena, str_sub(ev->location, 0, URL_MAX));
    if (w->flags & W_S)
        show_headers(r, ev);
    if (w->status >= 300 && w->status < 400 && w->location[0])
        return;
    if (w->status < 200 || w->status >= 300) {
        ERR(r, "wget: server returned error: HTTP/1.1 %d " STR_FMT "\n", ev->status, STR_ARG(ev->reason));
        w->failed = true;
    } else if (!(w->flags & W_SPIDER) && !wget_open(r, w)) {
        w->failed = true;
    }
}

void applet_wget_event(struct run *r, const struct sh_wget_event *ev)
{
    struct wget *w = r->state;
    r->p->debt_ns += ev->bytes.n * SH_NS_PER_KIB / 1024;
    switch (ev->stage) {
    case SH_WGET_CONNECTED:
        if (!(w->flags & W_Q))
            ERR(r, "Connecting to %s (%s:%d)\n", w->shown, ev->ip, ev->port);
        w->told = true;
        break;
    case SH_WGET_HEAD: wget_head(r, w, ev); break;
    case SH_WGET_BODY:
        if (!w->out)
            break;
        sh_file_write(r->p, w->out, ev->bytes);
        w->received += (int64_t)ev->bytes.n;
        break;
    case SH_WGET_END: break;
    case SH_WGET_FAILED: wget_failure(r, w, ev); break;
    }
}

static void drop_file(void *w)
{
    sh_file_unref(((struct wget *)w)->out);
}

static enum verdict do_wget(struct run *r)
{
    struct wget *w = STATE(r, struct wget);
    if (r->phase++ == 0) {
        arena_defer(r->arena, drop_file, w);
        if (!wget_options(r, w) || !parse_url(r, w, w->url))
            return run_done(r, 1);
        if (w->tls && !(w->flags & W_Q))
            ERR(r, "wget: note: TLS certificate validation not implemented\n");
        wget_send(r, w);
        return RUN_WAIT;
    }
    if (w->failed)
        return run_done(r, 1);
    if (w->status >= 300 && w->status < 400 && w->location[0]) {
        char next[2400];
        if (++w->redirects > REDIRECTS_MAX)
            return applet_fail(r, "too many redirections");
        if (w->location[0] == '/')
            snprintf(next, sizeof next, "%s://%s%s", w->tls ? "https" : "http", w->shown, w->location);
        else
            snprintf(next, sizeof next, "%s", w->location);
        w->told = false;
        if (!parse_url(r, w, next))
            return run_done(r, 1);
        wget_send(r, w);
        return RUN_WAIT;
    }
    if (w->flags & W_SPIDER) {
        if (!(w->flags & W_Q))
            ERR(r, "remote file exists\n");
        return run_done(r, 0);
    }
    wget_finish(r, w);
    return run_done(r, 0);
}

/* ---- nslookup ---- */
void applet_lookup_done(struct run *r, const struct sh_lookup *a)
{
    if (a->timed_out) {
        OUT(r, ";; connection timed out; no servers could be reached\n\n");
        r->status = 1;
        return;
    }
    OUT(r, "Server:\t\t%s\nAddress:\t%s:53\n\n", a->server, a->server);
    if (a->nxdomain || a->servfail) {
        for (int i = 0; i < 2; i++)                /* A and AAAA */
            OUT(r, "** server can't find %s: %s\n\n", a->name, a->nxdomain ? "NXDOMAIN" : "SERVFAIL");
        r->status = 1;
        return;
    }
    for (size_t i = 0; i < a->ip_count; i++)
        OUT(r, "Name:\t%s\nAddress: %s\n", a->name, a->ips[i]);
    OUT(r, "\n*** Can't find %s: No answer\n\n", a->name);            /* the AAAA question: services have no IPv6 address */
}

static enum verdict do_nslookup(struct run *r)
{
    if (r->phase++ > 0)
        return run_done(r, r->status);
    if (r->argc < 2 || r->argv[1][0] == '-') {
        ERR(r, r->argc < 2 ? "Usage: nslookup HOST [DNS_SERVER]\n" : "nslookup: options are not in kubelab's busybox\n");
        return run_done(r, 1);
    }
    r->p->sh->ops->lookup(r->p->sh->ctx, sh_proc_wait_token(r->p), r->argv[1], r->argc > 2 ? r->argv[2] : NULL);
    return RUN_WAIT;
}

const struct applet sh_net_applets[] = {
    { "wget", do_wget, false, 270, NULL }, { "nslookup", do_nslookup, false, 200, NULL },
    { 0 },
};
