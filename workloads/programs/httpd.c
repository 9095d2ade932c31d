/* workloads/programs/httpd.c - Apache with PHP as the php:*-apache images run it (mpm_prefork, mod_php), and static
 * files for other web images.
 *
 * A request is taken by a worker, costs what its page costs in CPU (image record, see evaluate.c), and is answered when
 * the node's cores have delivered that; requests past MaxRequestWorkers wait in the listen queue. SIGWINCH (the image's
 * stop signal) lets the running ones finish, SIGTERM ends at once.
 */
#include "workloads/programs/programs_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { WORKERS_MAX = 150, QUEUE_MAX = 511, PORT = 80 };
enum { STATIC_CPU_NS = 150 * 1000, ACCEPT_CPU_NS = 100 * 1000 };  /* prefork: some 0.1 to 0.2 ms for a small static file */
#define WARM_BYTES (2 * 1024 * 1024)   /* what the children touch once they have served: 8 MiB idle become 10 MiB in the lab */

struct page { int status; struct str type, body, log; const struct json *headers; int64_t cpu_ns, wait_ns; };

struct request {                       /* one exchange: waiting, or on a worker */
    struct list           node;
    struct httpd         *httpd;
    struct http_exchange *x;
    struct page           page;
    struct arena         *arena;       /* of page's strings */
    struct cpu_work       work;
    struct timer          wait;        /* sleep() in the script */
    bool                  on_worker;
};

struct httpd {
    struct process     *process;
    struct http_server *http;
    struct str          root;          /* document root in the container, the image's webroot; the image record's */
    struct arena       *arena;         /* of site, when it is ours */
    const struct json  *site;          /* path -> evaluated page: the built image's, or made here for one that was pulled */
    struct list         busy, queue;   /* struct request */
    size_t              busy_count, queue_count;
    bool                warm, stopping, apache;
};

static void start_waiting(struct httpd *h);

/* ---- pages ---- */
static struct str error_page(struct arena *a, int status, const char *title, const char *text)
{
    (void)status;
    return arena_strf(
        a,
        "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>%d %s</title>\n</head><body>\n"
        "<h1>%s</h1>\n<p>%s</p>\n</body></html>\n",
        status, title, title, text);
}

static void page_of_record(struct arena *a, const struct json *entry, struct page *p)
{
    *p = (struct page){ .status = (int)json_get_int(entry, "status", 200),
                        .type = json_get_str(entry, "content_type"),
                        .log = json_get_str(entry, "log"),
                        .headers = json_get(entry, "headers"),
                        .cpu_ns = json_get_int(entry, "cpu_ns", STATIC_CPU_NS),
                        .wait_ns = json_get_int(entry, "wait_ns", 0) };
    base64_decode(a, json_get_str(entry, "body"), &p->body);
}

static const char *type_of(struct str path)
{
    static const struct {
        const char *suffix, *type;
    } types[] = { { ".html", "text/html" },        { ".txt", "text/plain" },
                  { ".css", "text/css" },          { ".js", "application/javascript" },
                  { ".json", "application/json" }, { ".png", "image/png" },
                  { ".svg", "image/svg+xml" } };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_ends(path, types[i].suffix))
            return types[i].type;
    return "application/octet-stream";
}

static bool find_page(struct httpd *h, struct arena *a, struct str path, struct page *p)
{
    const struct process_options *o = process_options(h->process);
    const struct json *entry = json_getn(h->site, path);
    struct str bytes;
    if (entry) {
        page_of_record(a, entry, p);
        return true;
    }
    if (str_ends(path, ".php") || !vfs_read(o->files, arena_printf(a, STR_FMT STR_FMT, STR_ARG(h->root), STR_ARG(path)), &bytes))
        return false;
    *p = (struct page){ .status = 200, .type = str_c(type_of(path)), .body = arena_str(a, bytes), .cpu_ns = STATIC_CPU_NS };
    return true;
}

static void choose_page(struct httpd *h, struct arena *a, struct str path, struct page *p)
{
    static const char *const indexes[] = { "index.php", "index.html" };
    bool folder = str_ends(path, "/");
    if (!folder && find_page(h, a, path, p))
        return;
    for (size_t i = 0; folder && i < ARRAY_LEN(indexes); i++)
        if (find_page(h, a, arena_strf(a, STR_FMT "%s", STR_ARG(path), indexes[i]), p))
            return;
    *p = (struct page){
        .status = folder && path.n == 1 ? 403 : 404, .type = STR("text/html; charset=iso-8859-1"), .cpu_ns = STATIC_CPU_NS
    };
    p->body = p->status == 403 ? error_page(a, 403, "Forbidden", "You don't have permission to access this resource.")
                               : error_page(a, 404, "Not Found", "The requested URL was not found on this server.");
}

/* ---- logs ---- */
static struct str apache_time(struct arena *a, int64_t now)
{
    int year, mon, day, hour, min, sec, wday;
    time_civil(now / (int64_t)NS_PER_S, &year, &mon, &day, &hour, &min, &sec, &wday);
    return arena_strf(a, "%02d/%.3s/%d:%02d:%02d:%02d +0000", day, time_month_name(mon), year, hour, min, sec);
}

static void log_request(struct httpd *h, struct request *r, size_t bytes)
{
    struct arena *a = arena_new();
    const struct http_exchange *x = r->x;
    struct str ip, port, agent = http_headers_get(&x->headers, "User-Agent"), referer = http_headers_get(&x->headers, "Referer");
    str_cut(x->remote_addr, ':', &ip, &port);
    struct str when = apache_time(a, vtime_now(process_options(h->process)->loop));
    if (r->page.log.n)
        process_write(h->process, 2, r->page.log);
    process_printf(h->process, 1,
                   STR_FMT " - - [" STR_FMT "] \"" STR_FMT " " STR_FMT " HTTP/1.1\" %d %zu \"" STR_FMT "\" \"" STR_FMT
                           "\"\n",
                   STR_ARG(ip), STR_ARG(when), STR_ARG(x->method), STR_ARG(x->target), r->page.status, bytes,
                   STR_ARG(referer.n ? referer : STR("-")), STR_ARG(agent.n ? agent : STR("-")));
    arena_free(a);
}

/* ---- requests ---- */
static void request_free(struct request *r)
{
    struct httpd *h = r->httpd;
    const struct process_options *o = process_options(h->process);
    if (r->work.running)
        o->cpu->cancel(&r->work);
    timer_stop(&r->wait);
    list_remove(&r->node);
    *(r->on_worker ? &h->busy_count : &h->queue_count) -= 1;
    arena_free(r->arena);
    free(r);
}

static void request_end(struct httpd *h)
{
    start_waiting(h);
    if (h->stopping && h->busy_count == 0)
        process_exit(h->process, 0);
}

static void answer(struct request *r)
{
    struct httpd *h = r->httpd;
    struct http_exchange *x = r->x;
    struct http_headers headers = { 0 };
    http_headers_add(r->arena, &headers, "Server", h->apache ? STR("Apache/2.4.25 (Debian)") : STR("nginx/1.17.8"));
    for (const struct json *v = json_first(r->page.headers); v; v = json_next(v))
        http_headers_add(r->arena, &headers, arena_cstr(r->arena, json_key(v)), json_str(v));
    log_request(h, r, r->page.body.n);
    process_served(h->process);
    x->on_gone = NULL;
    http_respond(x, r->page.status, &headers, arena_cstr(r->arena, r->page.type), r->page.body);
    request_free(r);
    request_end(h);
}

static void waited(struct timer *t)
{
    answer(container_of(t, struct request, wait));
}

static void worked(struct cpu_work *w)
{
    struct request *r = container_of(w, struct request, work);
    if (r->page.wait_ns > 0)
        timer_start(&r->wait, r->page.wait_ns);
    else
        answer(r);
}

/* The client left. Apache's worker notices only when it writes; what it computes until then is lost but paid for. */
static void request_gone(struct http_exchange *x)
{
    struct request *r = x->ctx;
    struct httpd *h = r->httpd;
    request_free(r);
    request_end(h);
}

static void start_waiting(struct httpd *h)
{
    while (h->busy_count < WORKERS_MAX && !list_empty(&h->queue)) {
        struct request *r = container_of(h->queue.next, struct request, node);
        list_remove(&r->node);
        list_push(&h->busy, &r->node);
        h->queue_count--;
        h->busy_count++;
        r->on_worker = true;
        process_cpu(h->process, &r->work, r->page.cpu_ns + ACCEPT_CPU_NS);
    }
}

static void handle(void *ctx, struct http_exchange *x)
{
    struct httpd *h = ctx;
    const struct process_options *o = process_options(h->process);
    if (h->queue_count >= QUEUE_MAX || h->stopping) {
        http_abort(x);
        return;
    }
    struct request *r = NEW(struct request);
    list_init(&r->node);
    r->httpd = h;
    r->x = x;
    r->arena = arena_new();
    r->work.done = worked;
    list_init(&r->work.node);
    timer_init(&r->wait, o->loop, waited);
    x->ctx = r;
    x->on_gone = request_gone;
    choose_page(h, r->arena, x->path, &r->page);
    if (!h->warm) {
        h->warm = true;
        process_set_memory(h->process, json_path_int(o->image, "load.memory_bytes", 8 * 1024 * 1024) + WARM_BYTES);
    }
    list_push(&h->queue, &r->node);
    h->queue_count++;
    start_waiting(h);
}

/* ---- life ---- */
/* As Apache's error log has it: "Fri Jan 24 23:49:33.123456 2020". */
static const char *error_log_time(struct arena *a, int64_t now)
{
    int year, mon, day, hour, min, sec, wday;
    time_civil(now / (int64_t)NS_PER_S, &year, &mon, &day, &hour, &min, &sec, &wday);
    return arena_printf(a, "%.3s %.3s %02d %02d:%02d:%02d.%06d %d", time_weekday_name(wday), time_month_name(mon), day, hour, min,
                        sec, (int)(now % (int64_t)NS_PER_S / 1000), year);
}

static void say_started(struct httpd *h)
{
    const struct process_options *o = process_options(h->process);
    if (!h->apache)
        return;
    struct arena *a = arena_new();
    const char *when = error_log_time(a, vtime_now(o->loop));
    for (int i = 0; i < 2; i++)
        process_printf(h->process, 2,
                       "AH00558: apache2: Could not reliably determine the server's fully qualified domain name, using %s. Set "
                       "the 'ServerName' directive globally to suppress this message\n",
                       o->pod_ip ? o->pod_ip : "127.0.0.1");
    process_printf(h->process, 2,
                   "[%s] [mpm_prefork:notice] [pid 1] AH00163: Apache/2.4.25 (Debian) PHP/5.6.40 "
                   "configured -- resuming normal operations\n", when);
    process_printf(h->process, 2, "[%s] [core:notice] [pid 1] AH00094: Command line: 'apache2 -D FOREGROUND'\n", when);
    arena_free(a);
}

static void httpd_stop(void *state)
{
    struct httpd *h = state;
    http_server_free(h->http);                     /* tells each request's on_gone */
    list_for(it, &h->busy)
        request_free(container_of(it, struct request, node));
    list_for(it, &h->queue)
        request_free(container_of(it, struct request, node));
    arena_free(h->arena);
    free(h);
}

/* A built image brings its pages evaluated; one from a registry has its files only. */
static void site_find(struct httpd *h)
{
    const struct process_options *o = process_options(h->process);
    h->site = json_get(o->image, "web");
    if (h->site)
        return;
    h->arena = arena_new();
    struct json *record = json_new_object(h->arena);
    programs_evaluate_image(NULL, h->arena, record, o->files, NULL);
    h->site = json_get(record, "web");
}

/* nginx's error log: once as a line of the log, once as the command's own. */
static void say_nginx(struct httpd *h, const char *level, const char *what)
{
    int year, mon, day, hour, min, sec, wday;
    time_civil(vtime_now(process_options(h->process)->loop) / (int64_t)NS_PER_S, &year, &mon, &day, &hour, &min, &sec, &wday);
    process_printf(h->process, 2, "%04d/%02d/%02d %02d:%02d:%02d [%s] 1#1: %s\nnginx: [%s] %s\n", year, mon, day, hour, min, sec,
                   level, what, level, what);
}

/* What keeps it from serving, said as the real ones say it; NULL: nothing does. Root alone can make what nginx's image lacks. */
static const char *obstacle(struct httpd *h, struct arena *a)
{
    const struct process_options *o = process_options(h->process);
    struct err err = { 0 };
    bool may = process_may_bind(h->process, "0.0.0.0", PORT, NULL);
    if (!h->apache && o->uid != 0) {
        say_nginx(h, "warn", "the \"user\" directive makes sense only if the master process runs with super-user privileges, "
                             "ignored in /etc/nginx/nginx.conf:2");
        return arena_printf(a, "mkdir() \"/var/cache/nginx/client_temp\" failed (%d: %s)", EACCES, strerror(EACCES));
    }
    if (may && http_server_listen_vnet(h->http, o->net, NULL, PORT, &err))
        return NULL;
    err_clear(&err);
    int no = may ? EADDRINUSE : EACCES;
    if (!h->apache)
        return arena_printf(a, "bind() to 0.0.0.0:%d failed (%d: %s)", PORT, no, strerror(no));
    const char *could_not = arena_printf(a, "(%d)%s: AH00072: make_sock: could not bind to address", no, strerror(no));
    return arena_printf(a, "%s [::]:%d\n%s 0.0.0.0:%d\nno listening sockets available, shutting down\nAH00015: Unable to open logs",
                        could_not, PORT, could_not, PORT);
}

/* Is it on its port? If not, it says why and ends with 1. */
static bool serve(struct httpd *h)
{
    struct arena *a = arena_new();
    const char *why = obstacle(h, a);
    if (why && h->apache)
        process_printf(h->process, 2, "%s\n", why);
    else if (why)
        say_nginx(h, "emerg", why);
    if (why)
        process_exit(h->process, 1);
    arena_free(a);
    return !why;
}

static void *httpd_start(struct process *p, struct err *err)
{
    const struct process_options *o = process_options(p);
    struct str ref = json_get_str(o->image, "ref");
    struct httpd *h = NEW(struct httpd);
    h->process = p;
    h->apache = str_find(ref, STR("nginx")) < 0;
    h->root = json_get_str(o->image, "webroot");
    if (!h->root.n)
        h->root = h->apache ? STR("/var/www/html") : STR("/usr/share/nginx/html");
    list_init(&h->busy);
    list_init(&h->queue);
    struct http_server_options so = { .loop = o->loop, .name = o->name, .handler = handle, .ctx = h };
    h->http = http_server_new(&so, err);
    if (!h->http) {
        httpd_stop(h);
        return NULL;
    }
    process_load(p);
    if (!serve(h))
        return h;
    site_find(h);
    say_started(h);
    return h;
}

static void httpd_signal(void *state, int signo)
{
    struct httpd *h = state;
    if (signo == SIGWINCH && h->busy_count + h->queue_count > 0)
        h->stopping = true;
    else if (signo == SIGWINCH || signo == SIGTERM || signo == SIGINT)
        process_exit(h->process, 0);
}

const struct program_ops httpd_program = { .name = "httpd", .start = httpd_start, .signal = httpd_signal, .stop = httpd_stop };
