/* sim/cmd/control.c - the control socket: what commands ask of a running cluster, as a table of routes over HTTP on
 * DATA/control.sock (0600).
 *
 * These are the things that kubectl cannot do: the clock, the node's images, stopping. Answers are plain text for people or JSON
 * for programs; an error is a status from 400 on with one line that names the thing, the cause and the next step.
 */
#include "sim/cmd/clock_keeper.h"
#include "sim/cmd/cluster.h"
#include "sim/cmd/drive.h"
#include "sim/cmd/host.h"
#include "sim/cmd/look.h"
#include "sim/cmd/journal.h"
#include "sim/cmd/node.h"
#include "sim/cmd/service.h"
#include "workloads/programs/programs.h"

#include <stdio.h>
#include <stdlib.h>

struct control {
    struct cluster     *cluster;
    struct http_server *http;
    struct drive       *drive;
    struct list         advances;      /* struct advance: clients that wait for the clock */
    struct list         builds;        /* struct build */
    struct http_server *door;          /* the other socket, for a script that is graded; NULL: there is none */
    struct stream      *door_keeper;   /* the connection of who opened it: the door is closed with it */
    char                door_key[65];
};

typedef void route_fn(struct control *k, struct node *node, struct http_exchange *x);
struct route { const char *method, *path; route_fn *run; };

static route_fn get_status, post_advance, post_speed, post_down, get_images, post_build, get_digest, get_look, get_audit,
       get_journal, get_journal_end, post_door, post_grading;
static const struct route routes[] = {
    { "GET", "/status", get_status },
    { "POST", "/clock/advance", post_advance },
    { "POST", "/clock/speed", post_speed },
    { "POST", "/down", post_down },
    { "GET", "/images", get_images },
    { "POST", "/images/build", post_build },
    { "GET", "/digest", get_digest },
    { "GET", "/debug/trace", get_look },
    { "GET", "/debug/objects", get_look },
    { "GET", "/debug/watchers", get_look },
    { "GET", "/audit", get_audit },
    { "GET", "/journal", get_journal },
    { "GET", "/journal/end", get_journal_end },
    { "POST", "/door", post_door },
    { "POST", "/grading", post_grading },
};
/* What a graded script may ask for at the door: what the host's commands need, and no more. Not: stopping the cluster, the
 * clock's speed, what a grader looks at. */
static const struct { const char *method, *path; } door_routes[] = {
    { "GET", "/status" }, { "POST", "/clock/advance" }, { "POST", "/clock/sleep" }, { "POST", "/clock/patience" },
    { "GET", "/images" }, { "POST", "/images/build" }, { "POST", "/host/image/pull" }, { "POST", "/host/image/untag" },
    { "POST", "/host/image/tag" },
    { "POST", "/host/api" }, { "POST", "/host/token" }, { "POST", "/host/proxy" }, { "POST", "/host/systemctl" },
    { "GET", "/host/journal" },
};

static void answer(struct http_exchange *x, int status, struct str text)
{
    http_respond(x, status, NULL, "text/plain", text);
}

static void answer_error(struct http_exchange *x, int status, const struct err *err)
{
    answer(x, status, arena_strf(x->arena, "%s\n", err->msg));
}

static void route(struct control *k, struct http_exchange *x)
{
    struct str name = query_get(&x->query, "node");
    struct node *node = cluster_node(k->cluster, name);          /* each request is of one machine; most do not care which */
    if (!node) {
        answer(x, 400, arena_strf(x->arena, "the cluster has no node \"" STR_FMT "\"\n", STR_ARG(name)));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (str_eqc(x->method, routes[i].method) && str_eqc(x->path, routes[i].path)) {
            routes[i].run(k, node, x);
            return;
        }
    if (look_route(cluster_looker(k->cluster), x) || drive_route(k->drive, x) || host_route(k->cluster, node, x) ||
        service_route(node->services, x))
        return;
    answer(x, 404, STR("this cluster's kubelab does not know that request; is the command of another version?\n"));
}

/* While there is a door, this socket is for who opened it: a script of the same user's may well find it. */
static void handle(void *ctx, struct http_exchange *x)
{
    struct control *k = ctx;
    if (k->door && !str_eqc(http_headers_get(&x->headers, CONTROL_KEY_HEADER), k->door_key))
        answer(x, 403, STR("the cluster is used for grading now, and answers nobody else\n"));
    else
        route(k, x);
}

static void handle_at_door(void *ctx, struct http_exchange *x)
{
    bool leads = query_has(&x->query, "outside");  /* host_routes.c: as one who leads the cluster */
    for (size_t i = 0; i < ARRAY_LEN(door_routes) && !leads; i++)
        if (str_eqc(x->method, door_routes[i].method) && str_eqc(x->path, door_routes[i].path)) {
            route(ctx, x);
            return;
        }
    answer(x, 403, STR("a script that is graded may not ask the cluster for that\n"));
}

static void get_status(struct control *k, struct node *node, struct http_exchange *x)
{
    struct strbuf out;
    (void)node;
    strbuf_init(&out, 65536);
    cluster_status(k->cluster, &out);
    http_respond(x, 200, NULL, "application/json", strbuf_str(&out));
    strbuf_deinit(&out);
}

static void get_digest(struct control *k, struct node *node, struct http_exchange *x)
{
    char store_hex[65], trace_hex[33];
    (void)node;
    store_digest(cluster_store(k->cluster), store_hex);
    trace_digest(cluster_loop(k->cluster), trace_hex);
    answer(x, 200, arena_strf(x->arena, "store %s\ntrace %s\n", store_hex, trace_hex));
}

static void add_traced(void *ctx, int64_t vtime_ns, const char *text)
{
    struct arena *a = arena_new();
    const char *rest = strstr(text, ": ");
    strbuf_addf(ctx, STR_FMT "\t%.*s\t%s\n", STR_ARG(time_rfc3339_micro(a, vtime_ns)), (int)(rest ? rest - text : 0), text,
                rest ? rest + 2 : text);
    arena_free(a);
}

/* Lines of cells with tabs between, headings first. */
static void get_look(struct control *k, struct node *node, struct http_exchange *x)
{
    struct apiserver *as = cluster_apiserver(k->cluster);
    struct strbuf out;
    (void)node;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    if (str_ends(x->path, "/trace")) {
        strbuf_addc(&out, "TIME\tCOMPONENT\tEVENT\n");
        trace_each(cluster_loop(k->cluster), add_traced, &out);
    } else if (!as) {
        strbuf_addc(&out, "RESOURCE\n");               /* none runs: it holds nothing, and keeps nobody posted */
    } else if (str_ends(x->path, "/objects")) {
        apiserver_look_objects(as, &out);
    } else {
        apiserver_look_watchers(as, &out);
    }
    answer(x, 200, strbuf_str(&out));
    strbuf_deinit(&out);
}

/* A page of the audit trail or of the journal, oldest first: a line is a row's number and its text. The command asks on from the
 * last number until a page is empty. */
enum { PAGE_ROWS = 1000 };

static void add_row(void *ctx, int64_t seq, struct str text)
{
    strbuf_addf(ctx, "%" PRId64 " " STR_FMT "\n", seq, STR_ARG(text));
}

typedef size_t page_fn(struct store *s, int64_t after, size_t max, void (*visit)(void *ctx, int64_t seq, struct str text), void *ctx);

static void get_page(struct control *k, struct http_exchange *x, page_fn *each, size_t rows)
{
    struct strbuf out;
    int64_t after = 0;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    str_int(query_get(&x->query, "after"), &after);
    each(cluster_store(k->cluster), after, rows, add_row, &out);
    answer(x, 200, strbuf_str(&out));
    strbuf_deinit(&out);
}

static void get_audit(struct control *k, struct node *node, struct http_exchange *x)
{
    (void)node;
    get_page(k, x, store_audit_each, PAGE_ROWS);
}

/* Its rows may be large. */
static void get_journal(struct control *k, struct node *node, struct http_exchange *x)
{
    (void)node;
    get_page(k, x, store_journal_each, 10);
}

/* The number of the journal's last row now, and the line that says how the run looks now. 404: none is kept. */
static void get_journal_end(struct control *k, struct node *node, struct http_exchange *x)
{
    struct store *s = cluster_store(k->cluster);
    (void)node;
    if (!cluster_journal(k->cluster))
        answer(x, 404, STR("this cluster keeps no journal: it was started with --journal=false, or is a replay\n"));
    else
        answer(x, 200, arena_strf(x->arena, "%" PRId64 " " STR_FMT "\n", store_journal_last(s),
                                  STR_ARG(journal_end_line(x->arena, cluster_loop(k->cluster), s))));
}

/* ---- grading ---- */
static void post_grading(struct control *k, struct node *node, struct http_exchange *x)
{
    (void)node;
    cluster_grade(k->cluster, x->body);
    answer(x, 200, STR("ok\n"));
}

/* ---- the door ---- */
static void door_close(void *ctx)
{
    struct control *k = ctx;
    if (!k->door)
        return;
    http_server_free(k->door);
    k->door = NULL;
    cluster_confine(k->cluster, false, false);
    drive_leave_out(k->drive, -1);
    stream_close(k->door_keeper);
}

static void door_lost(void *ctx, const struct err *why)
{
    (void)why;
    door_close(ctx);
}

static const struct stream_events door_events = { .on_eof = door_close, .on_close = door_lost };

/* A second socket at `path`, with fewer routes, for a script (with `ports`: that may listen at this machine's two). The answer is
 * a connection that begins with a line, the key to the first socket. */
static void post_door(struct control *k, struct node *node, struct http_exchange *x)
{
    struct err err = { 0 };
    uint8_t seed[32];
    const char *path = arena_cstr(x->arena, query_get(&x->query, "path"));
    struct http_server_options o = { .loop = cluster_loop(k->cluster), .name = "door", .handler = handle_at_door, .ctx = k };
    (void)node;
    if (k->door) {
        answer(x, 409, STR("a script is graded on this cluster already\n"));
        return;
    }
    bool ok = loop_seed_from_system(seed, &err) && (k->door = http_server_new(&o, &err)) &&
              http_server_listen_unix(k->door, path, &err);
    if (!ok) {
        http_server_free(k->door);
        k->door = NULL;
        answer_error(x, 500, &err);
        err_clear(&err);
        return;
    }
    struct str key = hex_encode(x->arena, (struct str){ (const char *)seed, sizeof seed });
    snprintf(k->door_key, sizeof k->door_key, STR_FMT, STR_ARG(key));
    k->door_keeper = http_upgrade(x, NULL);
    cluster_confine(k->cluster, true, query_has(&x->query, "ports"));
    drive_leave_out(k->drive, 1);                  /* it waits for nothing */
    stream_attach(k->door_keeper, &door_events, k);
    stream_write(k->door_keeper, arena_strf(x->arena, "%s\n", k->door_key));
}

/* ---- clock ---- */
struct advance {
    struct list           node;
    struct control       *control;
    struct http_exchange *x;
};

static void advance_free(struct advance *v)
{
    v->x->on_gone = NULL;
    list_remove(&v->node);
    free(v);
}

/* Who has interrupted the command wants the clock to stop, too. */
static void advance_gone(struct http_exchange *x)
{
    struct advance *v = x->ctx;
    loop_advance_cancel(cluster_loop(v->control->cluster), v);
    advance_free(v);
}

static void advance_done(void *ctx)
{
    struct advance *v = ctx;
    struct http_exchange *x = v->x;
    struct loop *l = cluster_loop(v->control->cluster);
    advance_free(v);
    answer(x, 200, time_rfc3339(x->arena, vtime_now(l)));
}

static void post_advance(struct control *k, struct node *node, struct http_exchange *x)
{
    int64_t ns;
    (void)node;
    if (!duration_parse_go(str_trim(x->body), &ns) || ns < 0) {
        struct err err = { 0 };
        err_set(&err, ERR_USAGE, "\"" STR_FMT "\" is no duration: write it as 90s, 5m or 1h30m", STR_ARG(str_trim(x->body)));
        answer_error(x, 400, &err);
        return;
    }
    int64_t left = drive_budget_left_ns(k->drive);
    if (ns > left) {
        answer(x, 409, arena_strf(x->arena,
                                  "the clock cannot be moved so far: " STR_FMT " is left of the budget of the command that is "
                                                                               "driven\n",
                                  STR_ARG(duration_go(x->arena, left > 0 ? left : 0))));
        return;
    }
    struct advance *v = NEW(struct advance);
    v->control = k;
    v->x = x;
    x->ctx = v;
    x->on_gone = advance_gone;
    list_init(&v->node);
    list_push(&k->advances, &v->node);
    loop_advance(cluster_loop(k->cluster), ns, advance_done, v);
}

static void post_speed(struct control *k, struct node *node, struct http_exchange *x)
{
    int64_t milli;
    (void)node;
    if (!str_int(str_trim(x->body), &milli) || milli < 0 || milli > 1000000) {
        answer(x, 400, STR("a speed is a number from 0 (paused) to 1000\n"));
        return;
    }
    if (drive_is_driving(k->drive)) {              /* what a driven command does must not depend on how fast it is */
        answer(x, 409, STR("a command is driven now: the clock stands while it works and moves while it waits; 'kubelab clock "
                           "advance' moves it\n"));
        return;
    }
    loop_set_speed(cluster_loop(k->cluster), (uint64_t)milli);
    clock_keeper_told(cluster_clock(k->cluster));
    answer(x, 200, STR("ok\n"));
}

static void post_down(struct control *k, struct node *node, struct http_exchange *x)
{
    (void)node;
    answer(x, 200, STR("ok\n"));
    cluster_stop(k->cluster);
}

/* ---- images ---- */
static void get_images(struct control *k, struct node *node, struct http_exchange *x)
{
    struct json *all = json_new_array(x->arena);
    size_t cursor = 0;
    int64_t building = 0;
    list_for(it, &k->builds)
        building++;
    for (const struct json *record; image_next(node->images, &cursor, &record);)
        json_append(all, json_copy(x->arena, record));
    struct json *reply = json_buildf(x->arena, "{'now':%S,'building':%d,'images':%j}",
                                     time_rfc3339(x->arena, vtime_now(cluster_loop(k->cluster))), building, all);
    http_respond(x, 200, NULL, "application/json", json_text(x->arena, reply));
}

/* A build: its context comes as a tar, its lines go out as they are printed. The last line tells the command how it ended. */
struct build {
    struct list           node;
    struct control       *control;
    struct http_exchange *x;           /* NULL once the client is gone; the build goes on, as docker's does */
    struct arena         *arena;
    struct vfs           *context;
};

static void build_gone(struct http_exchange *x)
{
    ((struct build *)x->ctx)->x = NULL;
}

static void build_out(void *ctx, struct str text)
{
    struct build *b = ctx;
    if (b->x)
        http_write(b->x, text);
}

static void build_free(struct build *b)
{
    list_remove(&b->node);
    vfs_free(b->context);
    arena_free(b->arena);
    free(b);
}

static void build_done(void *ctx, const struct json *record, const struct err *err)
{
    struct build *b = ctx;
    if (b->x) {
        b->x->on_gone = NULL;
        http_write(b->x, record ? STR("\x04""0") : arena_strf(b->arena, "\x04%s", err->msg));
        http_end(b->x);
    }
    build_free(b);
}

static void post_build(struct control *k, struct node *node, struct http_exchange *x)
{
    struct err err = { 0 };
    struct build *b = NEW(struct build);
    list_init(&b->node);
    b->control = k;
    b->x = x;
    b->arena = arena_new();
    b->context = vfs_new();
    if (!build_context_read(b->arena, x->body, b->context, &err)) {
        answer_error(x, 400, &err);
        build_free(b);
        err_clear(&err);
        return;
    }
    list_push(&k->builds, &b->node);
    x->ctx = b;
    x->on_gone = build_gone;
    http_begin(x, 200, NULL, "text/plain");
    struct str file = query_get(&x->query, "dockerfile"), tag = query_get(&x->query, "t");
    struct image_build spec = { .context = b->context, .dockerfile = arena_cstr(b->arena, file.n ? file : STR("Dockerfile")),
                                .tag = tag.n ? arena_cstr(b->arena, tag) : NULL,
                                .context_bytes = x->body.n, .out = build_out, .evaluate = programs_evaluate_image,
                                .done = build_done, .ctx = b };
    image_build_start(node->images, &spec);
}

/* ---- life ---- */
struct http_server *control_http(struct control *k) { return k->http; }
struct drive *control_drive(struct control *k) { return k->drive; }

struct control *control_new(struct cluster *c, const char *path, struct err *err)
{
    struct control *k = NEW(struct control);
    k->cluster = c;
    list_init(&k->advances);
    list_init(&k->builds);
    k->drive = drive_new(c);
    struct http_server_options o = { .loop = cluster_loop(c), .name = "control", .handler = handle, .ctx = k };
    k->http = http_server_new(&o, err);
    if (!k->http || !http_server_listen_unix(k->http, path, err)) {
        control_free(k);
        return NULL;
    }
    return k;
}

void control_free(struct control *k)
{
    if (!k)
        return;
    list_for(it, &k->advances) {
        struct advance *v = container_of(it, struct advance, node);
        loop_advance_cancel(cluster_loop(k->cluster), v);
        advance_free(v);
    }
    door_close(k);
    http_server_free(k->http);                     /* tells every open exchange that it is gone */
    drive_free(k->drive);
    list_for(it, &k->builds)                       /* the image store, freed before, dropped them without a word */
        build_free(container_of(it, struct build, node));
    free(k);
}
