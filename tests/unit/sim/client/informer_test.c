/* The reflector: list, watch, and every way to lose one's place; and the promises that are made to handlers. */
#include "tests/unit/sim/client/bed.h"

/* ---- a collection that a test scripts: lists are answered with `list`, watches stay open ---- */
struct script { const char *list; int list_status, watch_status; const char *watch_body; };

static void serve(struct bed *b, struct http_exchange *x)
{
    struct script *s = b->more;
    if (!query_has(&x->query, "watch")) {
        bed_answer(x, s->list_status ? s->list_status : 200, s->list);
    } else if (s->watch_status) {
        bed_answer(x, s->watch_status, s->watch_body);
    } else {
        bed_keep(b, x);
        http_begin(x, 200, NULL, "application/json");
    }
}

static void say(struct bed *b, const char *text)
{
    assert_non_null(b->kept);
    http_write(b->kept, str_c(text));
    test_turns(b->l, 6);
}

#define POD(name, rv) "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"d\",\"resourceVersion\":\"" rv "\"}}"
#define LIST(rv, items) "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

/* ---- a handler that writes down what it is told ---- */
struct diary { struct informer_handler h; char text[512]; };

static void note(struct diary *d, const char *what, struct object *o)
{
    size_t n = strlen(d->text);
    snprintf(d->text + n, sizeof d->text - n, "%s" STR_FMT ":%d ", what, STR_ARG(meta_name(object_json(o))),
             (int)meta_rv(object_json(o)));
}

static void on_add(void *ctx, struct object *o) { note(ctx, "+", o); }
static void on_update(void *ctx, struct object *old, struct object *o) { note(ctx, old == o ? "=" : "~", o); }
static void on_delete(void *ctx, struct object *o) { note(ctx, "-", o); }

static void diary_init(struct diary *d)
{
    *d = (struct diary){ .h = { .on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = d } };
}

static void assert_diary(struct diary *d, const char *want)
{
    assert_string_equal(d->text, want);
    *d->text = '\0';
}

static void on_sync(void *ctx) { ++*(int *)ctx; }

struct complaint { int count; char text[2048]; };
static void on_error(void *ctx, const char *what, const struct err *err)
{
    struct complaint *c = ctx;
    c->count++;
    snprintf(c->text, sizeof c->text, "%s: %s", what, err->msg);
}

/* ---- the tests ---- */
static void list_and_watch(void **state)
{
    struct bed *b = *state;
    struct script s = { .list = LIST("7", POD("a", "3") "," POD("b", "5")) };
    b->serve = serve;
    b->more = &s;
    struct informer *i = informer_shared(b->client, "/api/v1/pods", "fieldSelector=spec.nodeName%3Dubuntu");
    assert_ptr_equal(i, informer_shared(b->client, "/api/v1/pods", "fieldSelector=spec.nodeName%3Dubuntu"));
    static struct diary d;                         /* outlives the client, which goes in the teardown */
    static int synced;
    synced = 0;
    diary_init(&d);
    informer_add_handler(i, &d.h);
    informer_on_sync(i, on_sync, &synced);
    assert_false(informer_synced(i));
    test_turns(b->l, 20);
    assert_true(informer_synced(i));
    assert_int_equal(synced, 1);
    assert_diary(&d, "+a:3 +b:5 ");
    struct arena *a = arena_new();
    const char *log = bed_log(b, a);
    assert_non_null(strstr(log, "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dubuntu&limit=500&resourceVersion=0\n"));
    assert_non_null(strstr(log, "&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds="));
    arena_free(a);
    say(b, EVENT("MODIFIED", POD("a", "8")) EVENT("ADDED", POD("c", "9")) "{\"type\":\"DELETED\",\"ob");
    assert_diary(&d, "~a:8 +c:9 ");
    say(b, "ject\":" POD("b", "10") "}\n");                    /* an event in two pieces; the last state is told */
    assert_diary(&d, "-b:10 ");
    say(b, EVENT("BOOKMARK", POD("", "20")));
    assert_diary(&d, "");
    assert_int_equal(informer_count(i), 2);
    assert_int_equal(meta_rv(object_json(informer_get(i, STR("d/a")))), 8);
    assert_null(informer_get(i, STR("d/b")));
    http_end(bed_take(b));                                     /* its time was over: from the bookmark on */
    test_turns(b->l, 20);
    a = arena_new();
    log = bed_log(b, a);
    assert_non_null(strstr(log, "resourceVersion=20&"));
    assert_null(strstr(log, "limit"));
    arena_free(a);
    informer_on_sync(i, on_sync, &synced);                     /* also told when it is already so */
    test_turns(b->l, 3);
    assert_int_equal(synced, 2);
    struct object *o = informer_get(i, STR("d/a"));
    assert_true(str_eqc(json_get_str(object_json(o), "kind"), ""));
    informer_remove_handler(i, &d.h);
}

/* Items of a list do not say what they are; the store's do. */
static void kinds(void **state)
{
    struct bed *b = *state;
    struct script s = { .list = LIST("7", POD("a", "3")) };
    b->serve = serve;
    b->more = &s;
    struct informer *i = informer_shared(b->client, "/api/v1/pods", "");
    test_turns(b->l, 20);
    const struct json *pod = object_json(informer_get(i, STR("d/a")));
    assert_true(str_eqc(json_get_str(pod, "kind"), "Pod"));
    assert_true(str_eqc(json_get_str(pod, "apiVersion"), "v1"));
}

/* 410: what was missed is found by comparing, after a back-off. */
static void too_old(void **state)
{
    struct bed *b = *state;
    struct script s = { .list = LIST("7", POD("a", "3") "," POD("b", "5")) };
    b->serve = serve;
    b->more = &s;
    struct informer *i = informer_shared(b->client, "/api/v1/pods", "");
    static struct diary d;                         /* outlives the client, which goes in the teardown */
    static struct complaint c;
    c = (struct complaint){ 0 };
    diary_init(&d);
    informer_add_handler(i, &d.h);
    informer_on_error(i, on_error, &c);
    test_turns(b->l, 20);
    assert_diary(&d, "+a:3 +b:5 ");
    strbuf_reset(&b->log);
    s.list = LIST("30", POD("b", "5") "," POD("c", "21"));
    say(b, EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\",\"message\":\"too old resource version: 7 "
                          "(20)\"}"));
    assert_string_equal(c.text, "watch: too old resource version: 7 (20)");
    http_end(bed_take(b));
    test_turns(b->l, 20);
    assert_int_equal(b->log.n, 0);                             /* not at once */
    test_advance(b->l, 2 * S);
    assert_diary(&d, "~b:5 +c:21 -a:3 ");                      /* b is as it was: an update all the same, as in client-go */
    struct arena *a = arena_new();
    const char *log = bed_log(b, a);
    assert_non_null(strstr(log, "limit=500&resourceVersion=0\n"));
    assert_non_null(strstr(log, "resourceVersion=30&"));
    arena_free(a);
}

/* A watch that is refused tells so, and starts over. */
static void watch_refused(void **state)
{
    struct bed *b = *state;
    struct script s = { .list = LIST("7", ""), .watch_status = 403,
                        .watch_body = "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"pods is forbidden\","
                                      "\"reason\":\"Forbidden\",\"code\":403}" };
    b->serve = serve;
    b->more = &s;
    struct informer *i = informer_shared(b->client, "/api/v1/pods", "");
    static struct complaint c;
    c = (struct complaint){ 0 };
    informer_on_error(i, on_error, &c);
    test_turns(b->l, 20);
    assert_int_equal(c.count, 1);
    assert_string_equal(c.text, "watch: pods is forbidden");
    s.watch_status = 0;
    test_advance(b->l, 2 * S);
    assert_int_equal(c.count, 1);
    assert_non_null(b->kept);
}

/* Lists that fail are tried again, ever later, up to half a minute (and as much again by chance). */
static void back_off(void **state)
{
    struct bed *b = *state;
    struct script s = { .list_status = 500, .list = "no" };
    b->serve = serve;
    b->more = &s;
    struct informer *i = informer_shared(b->client, "/api/v1/pods", "");
    static struct complaint c;
    c = (struct complaint){ 0 };
    informer_on_error(i, on_error, &c);
    test_turns(b->l, 20);
    assert_int_equal(b->requests, 1);
    int64_t last = vtime_now(b->l);
    int64_t least = 800 * (int64_t)NS_PER_MS;
    for (int n = 2; n <= 9; n++) {
        while (b->requests < n)
            test_advance(b->l, NS_PER_MS * 10);
        int64_t waited = vtime_now(b->l) - last;
        assert_true(waited >= least && waited <= 2 * least + 10 * (int64_t)NS_PER_MS);
        last = vtime_now(b->l);
        least = least * 2 < 30 * S ? least * 2 : 30 * S;
    }
    assert_int_equal(c.count, 9);
    assert_true(str_starts(str_c(c.text), "list: "));
    assert_false(informer_synced(i));
    s = (struct script){ .list = "{\"kind\"" };                /* not JSON is a failure, too */
    test_advance(b->l, 60 * S);
    assert_false(informer_synced(i));
    s.list = LIST("7", "");
    test_advance(b->l, 60 * S);
    assert_true(informer_synced(i));
}

/* A server that goes away: the store stays as it was, the watch is taken up where it was. */
static void server_away(void **state)
{
    struct bed *b = *state;
    struct script s = { .list = LIST("7", POD("a", "3")) };
    b->serve = serve;
    b->more = &s;
    struct informer *i = informer_shared(b->client, "/api/v1/pods", "");
    static struct diary d;                         /* outlives the client, which goes in the teardown */
    diary_init(&d);
    informer_add_handler(i, &d.h);
    test_turns(b->l, 20);
    http_server_free(b->server);
    test_advance(b->l, 20 * S);
    assert_int_equal(informer_count(i), 1);
    strbuf_reset(&b->log);
    assert_true(bed_listen(b));
    test_advance(b->l, 60 * S);
    assert_diary(&d, "+a:3 ");
    struct arena *a = arena_new();
    const char *log = bed_log(b, a);
    assert_non_null(strstr(log, "resourceVersion=7&"));
    assert_null(strstr(log, "limit"));
    arena_free(a);
    say(b, EVENT("ADDED", POD("z", "9")));
    assert_diary(&d, "+z:9 ");
}

/* Once a watch has stood for two minutes, the next trouble begins with a short wait again (client-go's backoff manager). */
static void back_off_begins_anew(void **state)
{
    struct bed *b = *state;
    struct script s = { .list = LIST("7", "") };
    b->serve = serve;
    b->more = &s;
    informer_shared(b->client, "/api/v1/pods", "");
    test_turns(b->l, 20);
    http_server_free(b->server);
    test_advance(b->l, 60 * S);                                /* long waits by now */
    assert_true(bed_listen(b));
    test_advance(b->l, 61 * S);
    assert_non_null(b->kept);
    test_advance(b->l, 121 * S);
    http_server_free(b->server);
    test_turns(b->l, 10);
    assert_true(bed_listen(b));
    int before = b->requests;
    test_advance(b->l, 2 * S);
    assert_int_equal(b->requests, before + 1);
}

static void late_handlers_and_resync(void **state)
{
    struct bed *b = *state;
    struct script s = { .list = LIST("7", POD("a", "3") "," POD("b", "5")) };
    b->serve = serve;
    b->more = &s;
    struct informer *i = informer_shared(b->client, "/api/v1/pods", "");
    static struct diary first, late;
    diary_init(&first);
    diary_init(&late);
    informer_add_handler(i, &first.h);
    test_turns(b->l, 20);
    informer_add_handler(i, &late.h);
    assert_diary(&late, "");                                   /* by task, never inside */
    test_turns(b->l, 3);
    assert_diary(&late, "+a:3 +b:5 ");
    assert_diary(&first, "+a:3 +b:5 ");
    informer_set_resync(i, 10 * S);
    test_advance(b->l, 20 * S);
    assert_diary(&first, "=a:3 =b:5 =a:3 =b:5 ");
    informer_remove_handler(i, &first.h);
    say(b, EVENT("MODIFIED", POD("b", "9")));
    assert_diary(&first, "");
    assert_string_equal(late.text, "=a:3 =b:5 =a:3 =b:5 ~b:9 ");
    size_t cursor = 0;
    struct object *o;
    assert_true(informer_next(i, &cursor, &o) && meta_rv(object_json(o)) == 3);
    assert_true(informer_next(i, &cursor, &o) && meta_rv(object_json(o)) == 9);
    assert_false(informer_next(i, &cursor, &o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_TEST(list_and_watch), BED_TEST(kinds), BED_TEST(too_old), BED_TEST(watch_refused), BED_TEST(back_off),
        BED_TEST(server_away), BED_TEST(back_off_begins_anew), BED_TEST(late_handlers_and_resync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
