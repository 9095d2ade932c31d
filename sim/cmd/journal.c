/* sim/cmd/journal.c - writes down what comes from outside, with its place among the events, and a digest of what was answered.
 *
 * Three doors lead into a cluster: the edge's requests and streams (sim/http/tap), files of the nodes (journal_files.c), and the
 * commands' ways of moving time. Each is told here right before it takes effect; its record joins the transaction of the turn, so
 * that after kill -9 there is neither the one without the other. Nothing here changes what happens: no object, no dice, no timer.
 *
 * On the control socket a GET only looks (but for those that ask the metrics API), and is left out, as are requests that concern
 * this very process (its end, its ports, whom it watches).
 */
#include "sim/cmd/journal.h"
#include "apiserver/store/store.h"
#include "sim/cmd/cluster.h"
#include "sim/cmd/node.h"
#include "sim/http/http.h"

#include <stdio.h>
#include <stdlib.h>

struct journal {
    struct loop  *loop;
    struct store *store;
    struct journal_files *files;
    struct map   *chains;                          /* PEM of a client's certificates -> struct chain */
    bool          full, ended;
};
struct chain { int64_t number; };

/* ---- rows ---- */
/* In the place of a record that no longer fits: an input's, or what belongs before the next one. */
static void put_full(struct journal *j, struct arena *a, struct str kind)
{
    bool between = str_eqc(kind, record_kind_name(RECORD_ANSWER)) || str_eqc(kind, record_kind_name(RECORD_FILE));
    uint64_t n = loop_events(j->loop) + (between ? 1 : 0);
    j->full = true;
    store_journal_put(j->store, json_text(a, json_buildf(a, "{'kind':'full','n':%d,'t':%d}", (int64_t)n, vtime_now(j->loop))));
    log_msg(LOG_WARN, "journal", "the journal has reached %d MB: nothing more is recorded, and a replay will end here",
            LIMIT_JOURNAL_BYTES / (1024 * 1024));
}

/* A life's beginning and end always fit: they are small, and few. */
static bool fits(const struct journal *j, struct str kind, size_t n)
{
    static const enum record_kind always[] = { RECORD_UP, RECORD_STOP, RECORD_KILLED };
    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        if (str_eqc(kind, record_kind_name(always[i])))
            return true;
    return store_journal_bytes(j->store) + n <= LIMIT_JOURNAL_BYTES;
}

static void put(struct journal *j, struct arena *a, const struct json *record)
{
    struct strbuf text;
    struct str kind = json_get_str(record, "kind");
    if (j->full || j->ended)
        return;
    strbuf_init(&text, LIMIT_JOURNAL_RECORD_BYTES);
    json_write(&text, record, JSON_NO_HTML_ESCAPE);
    if (text.overflow || !fits(j, kind, text.n))
        put_full(j, a, kind);
    else
        store_journal_put(j->store, strbuf_str(&text));
    strbuf_deinit(&text);
}

/* Kind, number, time, and how the run looked until here. */
static struct json *input_new(const struct journal *j, struct arena *a, enum record_kind kind, uint64_t n)
{
    char trace[33];
    trace_digest(j->loop, trace);
    return json_buildf(a, "{'kind':%s,'n':%d,'t':%d,'trace':%s,'rev':%d}", record_kind_name(kind), (int64_t)n, vtime_now(j->loop),
                       trace, store_revision(j->store));
}

/* ---- the edge ---- */
bool journal_watches(const char *place, struct str method, struct str path)
{
    static const struct { const char *path; bool watched; } special[] = {
        { "/down", false }, { "/drive", false }, { "/clock/patience", false }, { "/host/proxy", false }, { "/door", false },
        { "/document", true }, { "/samples", true },   /* they ask the metrics API */
    };
    if (strcmp(place, "control") != 0 && strcmp(place, "door") != 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (str_eqc(path, special[i].path))
            return special[i].watched;
    return !str_eqc(method, "GET");
}

static int64_t chain_number(struct journal *j, struct arena *a, const struct http_exchange *x)
{
    struct str pem = STR("");
    if (!x->peer_count)
        return 0;
    for (size_t i = 0; i < x->peer_count; i++)
        pem = arena_strf(a, STR_FMT STR_FMT, STR_ARG(pem), STR_ARG(cert_pem(a, x->peer_chain[i])));
    struct chain *c = map_get(j->chains, pem);
    if (c)
        return c->number;
    c = NEW(struct chain);
    c->number = (int64_t)map_len(j->chains) + 1;
    map_put(j->chains, pem, c);
    put(j, a, json_buildf(a, "{'kind':'chain','chain':%d,'pem':%S}", c->number, pem));
    return c->number;
}

static uint64_t on_request(void *ctx, const struct http_server *s, const struct http_exchange *x)
{
    struct journal *j = ctx;
    char place[80];
    http_server_place(s, place);
    if (j->full || !journal_watches(place, x->method, x->path))
        return 0;
    struct arena *a = arena_new();
    uint64_t n = loop_event_begin(j->loop);
    struct json *r = input_new(j, a, RECORD_REQUEST, n), *headers = json_new_array(a);
    json_set_strc(a, r, "place", place);
    json_set_str(a, r, "from", x->remote_addr);
    if (x->peer_count)
        json_set_int(a, r, "chain", chain_number(j, a, x));
    if (x->time_shift_s)
        json_set_int(a, r, "shift", x->time_shift_s);
    record_set_bytes(a, r, "method", x->method);
    record_set_bytes(a, r, "target", x->target);
    for (size_t i = 0; i < x->headers.n; i++) {
        struct json *h = json_new_object(a);
        record_set_bytes(a, h, "name", x->headers.v[i].name);
        record_set_bytes(a, h, "value", x->headers.v[i].value);
        json_append(headers, h);
    }
    json_set(a, r, "headers", headers);
    if (x->body.n)
        record_set_bytes(a, r, "body", x->body);
    put(j, a, r);
    arena_free(a);
    return n;
}

static void on_input(void *ctx, uint64_t id, enum http_tap_what what, struct str bytes, const struct err *why)
{
    static const enum record_kind kinds[] = { [HTTP_TAP_GONE] = RECORD_GONE, [HTTP_TAP_DATA] = RECORD_DATA,
                                              [HTTP_TAP_EOF] = RECORD_EOF,
                                              [HTTP_TAP_DRAIN] = RECORD_DRAIN, [HTTP_TAP_CLOSE] = RECORD_CLOSE };
    struct journal *j = ctx;
    struct arena *a = arena_new();
    struct json *r = input_new(j, a, kinds[what], loop_event_begin(j->loop));
    json_set_int(a, r, "id", (int64_t)id);
    if (what == HTTP_TAP_DATA)
        record_set_bytes(a, r, "body", bytes);
    if (why && why->code != ERR_NONE) {
        json_set_int(a, r, "code", (int64_t)why->code);
        record_set_bytes(a, r, "error", str_c(why->msg));
    }
    put(j, a, r);
    arena_free(a);
}

static void on_answer(void *ctx, uint64_t id, const struct http_answer *w)
{
    struct journal *j = ctx;
    struct arena *a = arena_new();
    put(j, a, json_buildf(a, "{'kind':'answer','id':%d,'how':%s,'status':%d,'bytes':%d,'sum':%s}", (int64_t)id, w->how,
                          (int64_t)w->status, (int64_t)w->bytes, w->sum));
    arena_free(a);
}

static const struct http_tap tap = { on_request, on_input, on_answer };

/* ---- time, the proxy, files ---- */
void journal_step(struct journal *j, int64_t ns)
{
    if (!j || j->full)
        return;
    struct arena *a = arena_new();
    struct json *r = input_new(j, a, RECORD_STEP, loop_event_begin(j->loop));
    json_set_int(a, r, "ns", ns);
    put(j, a, r);
    arena_free(a);
}

void journal_speed(struct journal *j, uint64_t milli)
{
    if (!j || j->full)
        return;
    struct arena *a = arena_new();
    struct json *r = input_new(j, a, RECORD_SPEED, loop_event_begin(j->loop));
    json_set_int(a, r, "milli", (int64_t)milli);
    put(j, a, r);
    arena_free(a);
}

void journal_idle(struct journal *j)
{
    if (!j || j->full)
        return;
    struct arena *a = arena_new();
    put(j, a, input_new(j, a, RECORD_IDLE, loop_event_begin(j->loop)));
    arena_free(a);
}

void journal_dial(struct journal *j, const struct node *from, const char *ip, int port)
{
    if (!j || j->full)
        return;
    struct arena *a = arena_new();
    struct json *r = input_new(j, a, RECORD_DIAL, loop_event_begin(j->loop));
    json_set_strc(a, r, "node", from->place.name);
    json_set_strc(a, r, "ip", ip);
    json_set_int(a, r, "port", port);
    put(j, a, r);
    arena_free(a);
}

static void put_file(struct journal *j, uint64_t n, const char *path, unsigned mode, struct str text)
{
    struct arena *a = arena_new();
    struct json *r = json_buildf(a, "{'kind':'file','n':%d,'path':%s,'mode':%d}", (int64_t)n, path, (int64_t)mode);
    if (text.p)
        record_set_bytes(a, r, "body", text);
    put(j, a, r);
    arena_free(a);
}

static void on_file(void *ctx, const char *path, unsigned mode, struct str text)
{
    struct journal *j = ctx;
    put_file(j, loop_events(j->loop), path, mode, text);
}

static void on_old_file(void *ctx, const char *path, unsigned mode, struct str text)
{
    put_file(ctx, 0, path, mode, text);
}

/* ---- a life's beginning and end ---- */
struct last { struct str kind; struct arena *a; };

static void keep_kind(void *ctx, int64_t seq, struct str record)
{
    struct last *last = ctx;
    (void)seq;
    last->kind = arena_str(last->a, json_get_str(json_parse(last->a, record, NULL), "kind"));
}

static struct json *end_new(struct arena *a, const char *kind, struct loop *l, struct store *s)
{
    char store_hex[65], trace_hex[33];
    store_digest(s, store_hex);
    trace_digest(l, trace_hex);
    return json_buildf(a, "{'kind':%s,'n':%d,'t':%d,'store':%s,'trace':%s}", kind, (int64_t)loop_events(l) + 1, vtime_now(l),
                       store_hex, trace_hex);
}

struct str journal_end_line(struct arena *a, struct loop *l, struct store *s)
{
    return json_text(a, end_new(a, "end", l, s));
}

/* The life before, if it has no end, was killed, after the last commit that it made. */
static void mourn(struct journal *j, struct arena *a)
{
    struct last last = { STR_NULL, a };
    uint64_t events;
    int64_t vtime, seq = store_journal_last(j->store);
    char store_hex[65];
    if (seq)
        store_journal_each(j->store, seq - 1, 1, keep_kind, &last);
    if (!last.kind.n || str_eqc(last.kind, "stop") || !store_journal_position(j->store, &events, &vtime))
        return;
    j->full = str_eqc(last.kind, "full");
    store_digest(j->store, store_hex);
    put(j, a, json_buildf(a, "{'kind':'killed','n':%d,'t':%d,'store':%s}", (int64_t)events + 1, vtime, store_hex));
}

/* All that an `up` has decided, and what the data folder says of itself (profile.h): its lab's values, whose variant it is. */
static struct json *up_new(struct arena *a, const struct journal *j, const struct cluster_options *o, int64_t life, int64_t start_ns)
{
    struct json *args = json_new_array(a);
    struct str text;
    char store_hex[65];
    int64_t now_ns = vtime_now(j->loop);
    store_digest(j->store, store_hex);
    for (int i = 0; i < o->apiserver_arg_count; i++)
        json_append(args, json_new_strc(a, o->apiserver_args[i]));
    struct json *up = json_buildf(a,
                                  "{'kind':'up','life':%d,'t':%d,'store':%s,'start':%d,'now':%d,'minor':%d,'bare':%b,'lab':%s,"
                                  "'nodes':%d,'age':%d,'speed':%d,'apiserverArgs':%j}", life,
                                  now_ns, store_hex, start_ns, now_ns, (int64_t)o->minor, o->bare, o->lab,
                                  (int64_t)(o->nodes > 1 ? o->nodes : 1), o->age_ns, (int64_t)o->speed_milli, args);
    struct json *profile = file_read(arena_printf(a, "%s/cluster.json", o->dir), LIMIT_BODY_BYTES, a, &text, NULL)
                           ? json_parse(a, text, NULL) : NULL;
    if (profile)
        json_set(a, up, "profile", profile);
    return up;
}

struct journal *journal_new(struct loop *l, struct store *s, const struct cluster_options *o, int64_t life, int64_t start_ns)
{
    struct journal *j = NEW(struct journal);
    struct arena *a = arena_new();
    j->loop = l;
    j->store = s;
    j->chains = map_new();
    mourn(j, a);
    put(j, a, up_new(a, j, o, life, start_ns));
    j->files = journal_files_new(o->dir, on_file, j);
    if (life > 1)
        journal_files_all(j->files, on_old_file, j);
    http_tap_set(&tap, j);
    arena_free(a);
    return j;
}

static void deaf(struct journal *j)
{
    http_tap_set(NULL, NULL);
    journal_files_free(j->files);
    j->files = NULL;
}

void journal_stop(struct journal *j)
{
    if (!j || !j->files)
        return;
    struct arena *a = arena_new();
    deaf(j);
    put(j, a, end_new(a, "stop", j->loop, j->store));
    j->ended = true;
    arena_free(a);
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    if (j->files)
        deaf(j);
    map_free(j->chains, free);
    free(j);
}
