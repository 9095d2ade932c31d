/* sim/cmd/replay.c - a life out of a journal once more: each input at its event and its time, each answer held against the one
 * that was.
 *
 * It is the script that the loop follows (sim/loop/input.c). A request goes to the server that listens at the same place of the
 * virtual network, with the client's certificates, which that server judges again: the cluster's keys come of the same seed. At
 * the first difference it stops: in what had happened until an input (the trace's digest, the store's revision), in the time at
 * which the input is met, or in an answer.
 */
#include "sim/cmd/journal.h"
#include "apiserver/store/store.h"
#include "sim/cmd/cluster.h"
#include "sim/cmd/look.h"
#include "sim/cmd/node.h"
#include "sim/http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A request of this life. */
struct asked {
    const struct record_line *line;
    const struct record_line *answer[2];           /* what is recorded of it: the answer, and what its stream sent; or NULL */
    bool                 seen[2];
    struct http_replay  *replay;                   /* NULL: not yet, or over */
};
#define SHIFT_MAX_S ((int64_t)200 * 366 * 86400)

struct dialing { struct list node; struct vnet_dial dial; };
struct replay {
    const struct journal_file *file;
    size_t          first, last, at;               /* lines of the life: `up`, its end, and where the run is */
    size_t          file_at;                       /* the next `file` record */
    size_t          inputs;
    struct cluster *cluster;
    struct loop    *loop;
    struct arena   *arena;
    struct map     *asked;                         /* id -> struct asked */
    struct list     dials;
    struct hook     hook;
    bool            over, told;                    /* over: nothing more is met; told: done was called */
    char           *difference;
    unsigned        line;
    void          (*done)(void *ctx, const char *difference, unsigned line);
    void           *ctx;
};

static const struct record_line *now(const struct replay *r) { return &r->file->lines[r->at]; }
static struct str id_key(const uint64_t *id) { return (struct str){ (const char *)id, sizeof *id }; }

/* ---- words ---- */
static struct str at_time(struct arena *a, int64_t t) { return time_rfc3339_nano(a, t); }

/* "POST /api/v1/pods", "a driven command's step of 5s" */
static struct str input_words(struct arena *a, const struct replay *r, const struct record_line *l)
{
    const struct json *j = json_parse(a, l->text, NULL);
    struct str method = STR_NULL, target = STR_NULL;
    const struct asked *of = map_get(r->asked, id_key(&l->id));
    switch (l->kind) {
    case RECORD_REQUEST:
        record_get_bytes(a, j, "method", &method);
        record_get_bytes(a, j, "target", &target);
        return arena_strf(a, STR_FMT " " STR_FMT " to " STR_FMT, STR_ARG(method), STR_ARG(str_sub(target, 0, 300)),
                          STR_ARG(json_get_str(j, "place")));
    case RECORD_STEP:
        return arena_strf(a, "a driven command's step of " STR_FMT, STR_ARG(duration_go(a, json_get_int(j, "ns", 0))));
    case RECORD_DIAL:
        return arena_strf(a, "the proxy's dial of " STR_FMT ":%" PRId64, STR_ARG(json_get_str(j, "ip")), json_get_int(j, "port", 0));
    case RECORD_UP:
        return STR("the beginning of a life (up)");
    case RECORD_STOP: case RECORD_KILLED: case RECORD_END: case RECORD_FULL:
        return STR("the end of what was recorded");
    default:
        return of ? arena_strf(a, "what its client did next (%s) after " STR_FMT, record_kind_name(l->kind),
                               STR_ARG(input_words(a, r, of->line)))
                  : str_c(record_kind_name(l->kind));
    }
}

static struct str answer_words(struct arena *a, const char *how, int64_t status, int64_t bytes, struct str sum)
{
    return arena_strf(a, "%" PRId64 ", %" PRId64 " bytes, sha256 " STR_FMT " (%s)", status, bytes,
                      STR_ARG(sum.n ? str_sub(sum, 0, 16) : STR("none")), how);
}

static void differs(struct replay *r, const struct record_line *l, const char *expected, const char *got)
{
    struct arena *a = arena_new();
    if (!r->difference) {
        struct str what = input_words(a, r, l), when = at_time(a, l->t);
        r->line = l->line;
        r->difference = xstrdup(arena_printf(a, "input:    line %u, event %" PRIu64 ", at " STR_FMT ": " STR_FMT "\n"
                                                "expected: %s\ngot:      %s", l->line, l->n, STR_ARG(when), STR_ARG(what),
                                             expected, got));
    }
    r->over = true;
    arena_free(a);
}

/* ---- files ---- */
static void file_apply(struct replay *r, const struct record_line *l, const char *dir)
{
    struct arena *a = arena_new();
    const struct json *j = json_parse(a, l->text, NULL);
    struct str text = STR_NULL, old = STR_NULL, path = json_get_str(j, "path");
    struct err err = { 0 };
    const char *full = arena_printf(a, "%s/" STR_FMT, dir, STR_ARG(path));
    if (!journal_file_belongs(path)) {
        differs(r, l, "a file of a node's", "another path");
    } else if (!record_get_bytes(a, j, "body", &text)) {
        unlink(full);
    } else if (!file_read(full, LIMIT_YAML_BYTES, a, &old, NULL) || !str_eq(old, text)) {
        const char *slash = strrchr(full, '/');
        dir_make(arena_printf(a, "%.*s", (int)(slash - full), full), 0755, NULL);
        if (!file_write(full, text, (unsigned)json_get_int(j, "mode", 0644) & 0777, &err))
            differs(r, l, "the file to be written", err.msg);
    }
    err_clear(&err);
    arena_free(a);
}

/* Those that the event with this number saw. */
static void files_until(struct replay *r, uint64_t number)
{
    for (; r->file_at < r->last; r->file_at++) {
        const struct record_line *l = &r->file->lines[r->file_at];
        if (l->kind == RECORD_FILE && l->n > number)
            return;
        if (l->kind == RECORD_FILE)
            file_apply(r, l, cluster_dir(r->cluster));
    }
}

/* ---- inputs ---- */
static bool chain_load(struct replay *r, int64_t number, struct cert ***certs, size_t *n)
{
    for (size_t i = r->first; number && i < r->at; i++) {
        const struct record_line *l = &r->file->lines[i];
        if (l->kind != RECORD_CHAIN)
            continue;
        struct arena *a = arena_new();
        const struct json *j = json_parse(a, l->text, NULL);
        bool found = json_get_int(j, "chain", 0) == number;
        struct err err = { 0 };
        bool ok = found && cert_parse_pem_all(json_get_str(j, "pem"), certs, n, &err);
        err_clear(&err);
        arena_free(a);
        if (found)
            return ok;
    }
    return !number;
}

static void headers_load(struct arena *a, const struct json *list, struct http_headers *out)
{
    struct str name, value;
    for (const struct json *h = json_first(list); h; h = json_next(h))
        if (record_get_bytes(a, h, "name", &name) && record_get_bytes(a, h, "value", &value))
            http_headers_add(a, out, arena_cstr(a, name), value);
}

/* What no journal of ours holds, and no server may be handed; and the requests that are about a process. NULL: it is fine. */
static const char *unfit(struct arena *a, const struct http_replay_request *q, const char *place)
{
    struct str path, query;
    str_cut(q->target, '?', &path, &query);
    if (!journal_watches(place, q->method, percent_decode(a, path, false)))
        return "a request that is not recorded";
    if (!q->method.n || !q->target.n || str_chr(q->method, '\0') >= 0 || str_chr(q->target, '\0') >= 0)
        return "a request without method or target";
    if (q->body.n > LIMIT_BODY_BYTES || q->target.n > LIMIT_TARGET_BYTES)
        return "a request larger than any that a server takes";
    return q->time_shift_s < -SHIFT_MAX_S || q->time_shift_s > SHIFT_MAX_S ? "a client whose clock is centuries off" : NULL;
}

static void meet_request(struct replay *r, struct arena *a, const struct record_line *l, const struct json *j)
{
    struct http_replay_request q = { .id = l->id, .time_shift_s = json_get_int(j, "shift", 0),
                                     .remote_addr = json_get_str(j, "from") };
    struct http_server *s = cluster_server(r->cluster, json_get_str(j, "place"));
    struct asked *asked = map_get(r->asked, id_key(&l->id));
    struct cert **certs = NULL;
    if (!s) {
        differs(r, l, "a server to listen there", "none does");
        return;
    }
    if (!record_get_bytes(a, j, "method", &q.method) || !record_get_bytes(a, j, "target", &q.target) ||
        !chain_load(r, json_get_int(j, "chain", 0), &certs, &q.peer_count)) {
        differs(r, l, "method, target and certificates", "they cannot be read");
        return;
    }
    record_get_bytes(a, j, "body", &q.body);
    headers_load(a, json_get(j, "headers"), &q.headers);
    q.peer_chain = certs;
    const char *why = unfit(a, &q, arena_cstr(a, json_get_str(j, "place")));
    if (why)
        differs(r, l, "a request as clients send it", why);
    else
        asked->replay = http_replay_request(s, &q);
    for (size_t i = 0; i < q.peer_count; i++)
        cert_unref(certs[i]);
    free(certs);
}

static void meet_more(struct replay *r, struct arena *a, const struct record_line *l, const struct json *j)
{
    static const enum http_tap_what whats[RECORD_KINDS] = { [RECORD_GONE] = HTTP_TAP_GONE, [RECORD_DATA] = HTTP_TAP_DATA,
                                                            [RECORD_EOF] = HTTP_TAP_EOF,
                                                            [RECORD_DRAIN] = HTTP_TAP_DRAIN, [RECORD_CLOSE] = HTTP_TAP_CLOSE };
    struct asked *asked = map_get(r->asked, id_key(&l->id));
    struct str bytes = STR_NULL, text = STR_NULL;
    struct err why = { 0 };
    record_get_bytes(a, j, "body", &bytes);
    int64_t code = json_get_int(j, "code", 0);
    if (code > 0 && code <= ERR_USAGE && record_get_bytes(a, j, "error", &text))
        err_set(&why, (enum err_code)code, STR_FMT, STR_ARG(text));
    bool met = asked->replay && http_replay_input(asked->replay, whats[l->kind], bytes, &why);
    if (!met && l->kind != RECORD_GONE)            /* an answer that waited for the commit may have left a little sooner or later */
        differs(r, l, "a stream that takes it", "there is none, or it has ended");
    err_clear(&why);
}

static void dial_done(struct vnet_dial *d, const struct err *err)
{
    struct dialing *g = container_of(d, struct dialing, dial);
    (void)err;
    list_remove(&g->node);
    free(g);
}

static void meet_dial(struct replay *r, struct arena *a, const struct record_line *l, const struct json *j)
{
    struct node *from = cluster_node(r->cluster, json_get_str(j, "node"));
    int64_t port = json_get_int(j, "port", 0);
    struct str ip = json_get_str(j, "ip");
    if (!from || port < 1 || port > 65535 || ip.n >= sizeof ((struct vnet_dial *)0)->ip) {
        differs(r, l, "a node, an address and a port", "there is no such");
        return;
    }
    struct dialing *g = NEW(struct dialing);
    list_init(&g->node);
    list_push(&r->dials, &g->node);
    g->dial = (struct vnet_dial){ .from = from->net, .port = (int)port, .done = dial_done };
    snprintf(g->dial.ip, sizeof g->dial.ip, "%s", arena_cstr(a, ip));
    vnet_dial_start(&g->dial);
}

static void meet_step(struct replay *r, const struct record_line *l, const struct json *j)
{
    int64_t ns = json_get_int(j, "ns", -1);
    if (ns < 0 || ns > INT64_MAX / 8)
        differs(r, l, "a step forward", "another");
    else
        loop_advance(r->loop, ns, NULL, NULL);
}

/* ---- is it the same so far? ---- */
static void compare(struct replay *r, struct arena *a, const struct record_line *l, const struct json *j)
{
    char trace[33], store[65];
    int64_t rev = json_get_int(j, "rev", -1), have = store_revision(cluster_store(r->cluster));
    struct str want_trace = json_get_str(j, "trace"), want_store = json_get_str(j, "store");
    trace_digest(r->loop, trace);
    if (vtime_now(r->loop) != l->t) {
        struct str got = at_time(a, vtime_now(r->loop));
        differs(r, l, "to be met at that time", arena_printf(a, "the clock stands at " STR_FMT, STR_ARG(got)));
    } else if (rev >= 0 && rev != have) {
        differs(r, l, arena_printf(a, "revision %" PRId64 " before it", rev), arena_printf(a, "revision %" PRId64, have));
    } else if (want_trace.n && !str_eqc(want_trace, trace)) {
        differs(r, l, arena_printf(a, "trace " STR_FMT " of what happened before it", STR_ARG(want_trace)),
                arena_printf(a, "trace %s", trace));
    } else if (want_store.n) {
        store_digest(cluster_store(r->cluster), store);
        if (!str_eqc(want_store, store))
            differs(r, l, arena_printf(a, "objects with the digest " STR_FMT, STR_ARG(want_store)), arena_printf(a, "%s", store));
    }
}

static void meet_end(struct replay *r, const struct record_line *l)
{
    r->over = true;
    if (l->kind == RECORD_KILLED) {                /* what was not on disk by then is not to be */
        store_flush(cluster_store(r->cluster));
        r->told = true;
        r->done(r->ctx, r->difference, r->line);
        _exit(0);
    }
}

/* ---- the script ---- */
static bool script_next(void *ctx, uint64_t *number, int64_t *vtime_ns)
{
    struct replay *r = ctx;
    while (!record_is_input(now(r)->kind))
        r->at++;                                   /* the last one is an input */
    *number = now(r)->n;
    *vtime_ns = now(r)->t;
    return !r->over;
}

static void script_run(void *ctx)
{
    struct replay *r = ctx;
    const struct record_line *l = now(r);
    struct arena *a = arena_new();
    const struct json *j = json_parse(a, l->text, NULL);
    bool ends = record_is_life_end(l->kind);
    if (!ends)
        loop_event_begin(r->loop);
    compare(r, a, l, j);
    if (!r->over && ends) {
        meet_end(r, l);
    } else if (!r->over) {
        r->inputs++;
        r->at++;
        if (l->kind == RECORD_REQUEST)
            meet_request(r, a, l, j);
        else if (l->kind == RECORD_STEP)
            meet_step(r, l, j);
        else if (l->kind == RECORD_SPEED)
            loop_set_speed(r->loop, (uint64_t)(json_get_int(j, "milli", 0) & INT32_MAX));
        else if (l->kind == RECORD_IDLE)
            looker_give_up(cluster_looker(r->cluster));
        else if (l->kind == RECORD_DIAL)
            meet_dial(r, a, l, j);
        else
            meet_more(r, a, l, j);
    }
    arena_free(a);
}

static void script_event(void *ctx, uint64_t number)
{
    files_until(ctx, number);
}

static void script_lost(void *ctx)
{
    struct replay *r = ctx;
    const struct record_line *l = now(r);
    struct arena *a = arena_new();
    struct str at = at_time(a, vtime_now(r->loop));
    differs(r, l, arena_printf(a, "to be met after event %" PRIu64, l->n - 1),
            arena_printf(a, "event %" PRIu64 " is the last until then, at " STR_FMT, loop_events(r->loop), STR_ARG(at)));
    arena_free(a);
}

static const struct loop_script script = { script_next, script_run, script_event, script_lost };

/* ---- answers ---- */
static uint64_t on_request(void *ctx, const struct http_server *s, const struct http_exchange *x)
{
    (void)ctx, (void)s, (void)x;
    return 0;                                      /* none comes from outside while a script is followed */
}

static void on_input(void *ctx, uint64_t id, enum http_tap_what what, struct str bytes, const struct err *why)
{
    (void)ctx, (void)id, (void)what, (void)bytes, (void)why;
}

static void on_answer(void *ctx, uint64_t id, const struct http_answer *w)
{
    struct replay *r = ctx;
    struct asked *asked = map_get(r->asked, id_key(&id));
    int which = strcmp(w->how, "tunnel") == 0;
    const struct record_line *l = asked ? asked->answer[which] : NULL;
    if (r->told || r->difference || !l)
        return;                                    /* !l: the recording ended before it was answered */
    struct arena *a = arena_new();
    const struct json *j = json_parse(a, l->text, NULL);
    const char *how = arena_cstr(a, json_get_str(j, "how"));
    /* before the commit that its answer waited for; here that may come first */
    bool left = strcmp(how, "gone") == 0 && json_get_int(j, "status", 0) == 0;
    int64_t status = json_get_int(j, "status", 0), bytes = json_get_int(j, "bytes", 0);
    bool same = status == w->status && bytes == (int64_t)w->bytes && str_eqc(json_get_str(j, "sum"), w->sum) &&
                strcmp(how, w->how) == 0;
    asked->seen[which] = true;
    if (!same && !left) {
        struct str expected = answer_words(a, how, status, bytes, json_get_str(j, "sum")),
                   got = answer_words(a, w->how, w->status, (int64_t)w->bytes, str_c(w->sum));
        differs(r, asked->line, arena_cstr(a, expected), arena_cstr(a, got));
    }
    arena_free(a);
}

static const struct http_tap tap = { on_request, on_input, on_answer };

static void look_for_missing(struct replay *r)
{
    struct str key;
    void *value;
    for (size_t cursor = 0; map_next(r->asked, &cursor, &key, &value);) {
        const struct asked *asked = value;
        for (int i = 0; i < 2 && asked->replay; i++)
            if (asked->answer[i] && !asked->seen[i])
                differs(r, asked->line, "an answer, or its stream's end", "none until the end");
    }
}

/* At the end of the turn: what waited for the commit has been answered too. */
static void on_turn_end(struct hook *h)
{
    struct replay *r = container_of(h, struct replay, hook);
    if (!r->over || r->told)
        return;
    if (!r->difference)
        look_for_missing(r);
    r->told = true;
    hook_remove(h);                    /* the loop may be gone before the replay is */
    http_tap_set(NULL, NULL);
    loop_set_speed(r->loop, 0);
    loop_follow(r->loop, NULL, NULL);
    r->done(r->ctx, r->difference, r->line);
}

/* ---- life ---- */
static void index_requests(struct replay *r)
{
    for (size_t i = r->first; i <= r->last; i++) {
        const struct record_line *l = &r->file->lines[i];
        if (l->kind == RECORD_REQUEST) {
            struct asked *asked = ARENA_NEW(r->arena, struct asked);
            asked->line = l;
            map_put(r->asked, id_key(&l->id), asked);
        } else if (l->kind == RECORD_ANSWER) {
            struct arena *a = arena_new();
            bool stream = str_eqc(json_get_str(json_parse(a, l->text, NULL), "how"), "tunnel");
            struct asked *asked = map_get(r->asked, id_key(&l->id));
            asked->answer[stream] = l;
            arena_free(a);
        }
    }
}

struct replay *replay_new(const struct journal_file *f, size_t first,
                          void (*done)(void *ctx, const char *difference, unsigned line), void *ctx)
{
    struct replay *r = NEW(struct replay);
    ASSERT(f->lines[first].kind == RECORD_UP);
    r->file = f;
    r->first = r->last = r->file_at = first;
    r->at = first + 1;
    while (!record_is_life_end(f->lines[r->last].kind))
        r->last++;
    r->arena = arena_new();
    r->asked = map_new();
    list_init(&r->dials);
    r->done = done;
    r->ctx = ctx;
    index_requests(r);
    return r;
}

const struct record_line *replay_end(const struct replay *r) { return &r->file->lines[r->last]; }
struct cluster *replay_cluster(const struct replay *r) { return r->cluster; }
size_t replay_inputs(const struct replay *r) { return r->inputs; }

/* A life goes on with what the one before has left, or this is not its journal. */
static void compare_beginning(struct replay *r)
{
    const struct record_line *l = &r->file->lines[r->first];
    struct arena *a = arena_new();
    const struct json *j = json_parse(a, l->text, NULL);
    int64_t life = json_get_int(j, "life", 1);
    if (l == r->file->lines && life != 1)
        differs(r, l, arena_printf(a, "%" PRId64 " lives before this one", life - 1),
                "none: they were not recorded (up --journal=false), or are not in this file");
    else
        compare(r, a, l, j);
    arena_free(a);
}

void replay_attach(struct replay *r, struct cluster *c)
{
    r->cluster = c;
    r->loop = cluster_loop(c);
    compare_beginning(r);
    files_until(r, 0);
    http_tap_set(&tap, r);
    loop_before_sleep(r->loop, &r->hook, on_turn_end);
    loop_follow(r->loop, &script, r);
}

void replay_free(struct replay *r)
{
    struct str key;
    void *value;
    if (!r)
        return;
    for (size_t cursor = 0; map_next(r->asked, &cursor, &key, &value);)
        http_replay_free(((struct asked *)value)->replay);
    map_free(r->asked, NULL);
    list_for(it, &r->dials) {
        struct dialing *g = container_of(it, struct dialing, node);
        vnet_dial_cancel(&g->dial);
        free(g);
    }
    arena_free(r->arena);
    free(r->difference);
    free(r);
}
