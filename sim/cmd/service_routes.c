/* sim/cmd/service_routes.c - systemctl and journalctl as requests on the control socket: text, and behind the byte 4 the exit
 * status. */
#include "sim/cmd/service.h"

#include <stdlib.h>

static int number(const struct http_exchange *x, const char *name, int dflt)
{
    int64_t n;
    return str_int(query_get(&x->query, name), &n) && n >= 0 && n < 1000000 ? (int)n : dflt;
}

static void post_systemctl(struct services *s, struct http_exchange *x)
{
    struct systemctl c = { .verb = query_get(&x->query, "verb"), .unit = query_get(&x->query, "unit"),
                           .lines = number(x, "lines", -1), .width = number(x, "width", 0),
                           .color = query_bool(&x->query, "color"), .now = query_bool(&x->query, "now") };
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    int status = services_systemctl(s, &c, &out);
    http_begin(x, 200, NULL, "text/plain");
    if (out.n)
        http_write(x, strbuf_str(&out));
    http_write(x, arena_strf(x->arena, "\x04%d", status));
    http_end(x);
    strbuf_deinit(&out);
}

struct follow { struct journal_follower f; struct http_exchange *x; };

static void follow_line(struct journal_follower *f, struct str text) { http_write(container_of(f, struct follow, f)->x, text); }

static void follow_gone(struct http_exchange *x)
{
    struct follow *f = x->ctx;
    list_remove(&f->f.node);
    free((char *)f->f.unit.p);
    free(f);
}

static void get_journal(struct services *s, struct http_exchange *x)
{
    struct str unit = query_get(&x->query, "unit");
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    services_journal(s, unit, number(x, "lines", -1), &out);
    if (query_bool(&x->query, "follow")) {
        struct follow *f = NEW(struct follow);
        f->x = x;
        f->f = (struct journal_follower){ .unit = str_c(xstrdup(arena_cstr(x->arena, unit))), .line = follow_line };
        x->ctx = f;
        x->on_gone = follow_gone;
        http_begin(x, 200, NULL, "text/plain");
        http_write(x, strbuf_str(&out));
        services_follow(s, &f->f);
    } else {
        http_respond(x, 200, NULL, "text/plain", strbuf_str(&out));
    }
    strbuf_deinit(&out);
}

/* docker ps and docker logs: the runtime's own view */
static void get_pods(struct services *s, struct http_exchange *x)
{
    struct kubelet *k = services_runtime(s);
    http_respond(x, 200, NULL, "application/json", json_text(x->arena, k ? kubelet_pods(k, x->arena) : json_new_array(x->arena)));
}

static void get_log(struct services *s, struct http_exchange *x)
{
    struct kubelet *k = services_runtime(s);
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    bool found = k && kubelet_container_log(k, query_get(&x->query, "id"), number(x, "lines", -1), &out);
    http_respond(x, found ? 200 : 404, NULL, "text/plain", strbuf_str(&out));
    strbuf_deinit(&out);
}

static const struct { const char *method, *path; void (*run)(struct services *s, struct http_exchange *x); } routes[] = {
    { "POST", "/host/systemctl", post_systemctl },
    { "GET", "/host/journal", get_journal },
    { "GET", "/host/pods", get_pods },
    { "GET", "/host/log", get_log },
};

bool service_route(struct services *s, struct http_exchange *x)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (str_eqc(x->method, routes[i].method) && str_eqc(x->path, routes[i].path)) {
            if (s)
                routes[i].run(s, x);
            else
                http_respond(x, 503, NULL, "text/plain", STR("the machine is still starting: try again in a moment\n"));
            return true;
        }
    return false;
}
