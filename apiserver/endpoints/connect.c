/* apiserver/endpoints/connect.c - requests that a pod's kubelet answers: logs, exec, attach, port forwarding, and the node's own
 * paths.
 *
 * Upstream: kubernetes pkg/registry/core/pod/rest/{log,subresources}.go, pkg/registry/core/pod/strategy.go (LogLocation,
 * streamLocation), apimachinery pkg/util/proxy/upgradeaware.go. The API server authenticates to the kubelet with its own
 * certificate, and does not verify the kubelet's (kubeadm sets no --kubelet-certificate-authority). WebSockets are refused, so
 * that newer clients fall back to SPDY, as against 1.16.
 */
#include "apiserver/endpoints/endpoints.h"

#include <stdlib.h>

struct relay {
    struct list      node;
    struct request  *r;
    struct http_call *call;
    bool             begun;
    int              error_status;     /* of a refused log request: its text becomes a Status */
    struct strbuf    error;
    struct stream   *pending;
    const char      *page;             /* the URL of a pod's own page; NULL: the kubelet's */
};
enum { ERROR_TEXT_BYTES = 2000 };      /* what upstream's checker reads of it */

static void relay_free(struct relay *y)
{
    list_remove(&y->node);
    if (y->call) http_call_cancel(y->call);
    y->r->x->on_gone = NULL;
    y->r->open = NULL;
    strbuf_deinit(&y->error);
    free(y);
}

static void relay_gone(struct http_exchange *x) { relay_free(((struct request *)x->ctx)->open); }

void relay_drop_all(struct watch_set *s)
{
    list_for(it, &s->relays) {
        struct relay *y = container_of(it, struct relay, node);
        struct http_exchange *x = y->r->x;
        relay_free(y);
        http_abort(x);
    }
}

/* ---- the kubelet's answer ---- */
static void copy_header(struct request *r, const struct http_response *resp, const char *name)
{
    struct str v = http_headers_get(&resp->headers, name);
    if (v.n) http_headers_add(r->a, &r->headers, name, v);
}

static void on_page(struct relay *y, const struct http_response *resp)
{
    struct request *r = y->r;
    struct str type = http_headers_get(&resp->headers, "Content-Type");
    forward_answer_headers(r, resp, &r->headers);
    if (resp->status == 101) {
        http_headers_add(r->a, &r->headers, "Connection", STR("Upgrade"));
        return;
    }
    y->begun = true;
    http_begin(r->x, resp->status, &r->headers, type.n ? arena_cstr(r->a, type) : NULL);
}

static void on_response(void *ctx, const struct http_response *resp)
{
    struct relay *y = ctx;
    struct request *r = y->r;
    if (y->page) {
        on_page(y, resp);
        return;
    }
    if (resp->status == 101) {
        copy_header(r, resp, "X-Stream-Protocol-Version");
        copy_header(r, resp, "Upgrade");
        http_headers_add(r->a, &r->headers, "Connection", STR("Upgrade"));   /* hop by hop: ours to say */
        return;
    }
    if (resp->status >= 400 && str_eqc(r->info.subresource, "log")) {
        y->error_status = resp->status;
        return;
    }
    struct str type = http_headers_get(&resp->headers, "Content-Type");
    copy_header(r, resp, "X-Accepted-Stream-Protocol-Versions");
    y->begun = true;
    http_begin(r->x, resp->status, &r->headers, type.n ? arena_cstr(r->a, type) : "text/plain");
}

static void on_data(void *ctx, struct str bytes)
{
    struct relay *y = ctx;
    struct http_exchange *x = y->r->x;
    if (y->error_status) {
        strbuf_add(&y->error, str_sub(bytes, 0, ERROR_TEXT_BYTES - y->error.n));
        return;
    }
    http_write(x, bytes);
    if (http_unsent(x) <= LIMIT_CONN_OUT_BYTES) return;
    relay_free(y);
    http_abort(x);
}

static void on_upgrade(void *ctx, struct stream *s)
{
    struct relay *y = ctx;
    struct request *r = y->r;
    r->x->on_gone = NULL;
    struct stream *client = http_upgrade(r->x, &r->headers);
    y->pending = NULL;
    stream_splice(client, s);
    y->begun = true;
    list_remove(&y->node);
    y->r = NULL;
}

/* apiserver pkg/registry/generic/rest/response_checker.go: 400 and 500 keep the kubelet's words, others get the API's. */
static void log_refused(struct relay *y, struct err *err)
{
    struct str text = str_trim(strbuf_str(&y->error));
    if (y->error_status == 400) err_set(err, ERR_BAD_REQUEST, STR_FMT, STR_ARG(text));
    else if (y->error_status == 500) err_set(err, ERR_INTERNAL, "Internal error occurred: " STR_FMT, STR_ARG(text));
    else status_to_err(y->error_status, text, arena_printf(y->r->a, "get pods " STR_FMT, STR_ARG(y->r->info.name)), err);
}

/* apimachinery pkg/util/proxy/transport.go: a Status since 1.17, text before. */
static void page_failed(struct request *r, const char *why)
{
    struct err err = { 0 };
    if (r->as->opt.minor < 17) {
        respond_text(r, 503, "text/plain; charset=utf-8", arena_strf(r->a, "Error trying to reach service: '%s'", why));
        return;
    }
    err_set(&err, ERR_UNAVAILABLE, "error trying to reach service: %s", why);
    respond_error(r, &err);
    err_clear(&err);
}

static void on_done(void *ctx, const struct err *why)
{
    struct relay *y = ctx;
    y->call = NULL;
    if (!y->r) {
        strbuf_deinit(&y->error);
        free(y);
        return;
    }
    struct request *r = y->r;
    bool begun = y->begun;
    const char *page = y->page;
    struct err err = { 0 };
    if (y->error_status && why->code == ERR_NONE) log_refused(y, &err);
    relay_free(y);
    if (err.code != ERR_NONE) {
        respond_error(r, &err);
        err_clear(&err);
    } else if (!begun && page) {
        page_failed(r, why->code != ERR_NONE ? forward_why(page, why->msg) : "EOF");
    } else if (!begun) {
        err_set(&err, ERR_INTERNAL, "%s", why->code != ERR_NONE ? why->msg : "the kubelet closed the connection");
        respond_error(r, &err);
        err_clear(&err);
    } else if (why->code != ERR_NONE) http_abort(r->x);
    else http_end(r->x);
}

static const struct http_call_events relay_events = { on_response, on_data, on_upgrade, on_done };

static struct relay *relay_begin(struct request *r, struct http_client *client, const char *url, struct http_headers *h, bool upgrade)
{
    struct relay *y = NEW(struct relay);
    list_init(&y->node);
    strbuf_init(&y->error, ERROR_TEXT_BYTES);
    y->r = r;
    list_push(&r->as->watches->relays, &y->node);
    r->open = y;
    r->x->on_gone = relay_gone;
    struct http_call_options o = { .method = arena_cstr(r->a, r->x->method), .url = url, .headers = h, .body = r->x->body,
                                   .want_upgrade = upgrade, .ev = &relay_events, .ctx = y };
    y->call = http_call_start(client, &o);
    return y;
}

static void relay_start(struct request *r, const char *url, bool upgrade)
{
    static const char *const forwarded[] = { "Content-Type", "Accept", "Upgrade", "Connection", "X-Stream-Protocol-Version" };
    struct http_headers h = { 0 };
    for (size_t i = 0; i < r->x->headers.n; i++)
        for (size_t k = upgrade ? 0 : 1; k < ARRAY_LEN(forwarded); k++)
            if (str_eqi(r->x->headers.v[i].name, str_c(forwarded[k])) && (upgrade || k < 2))
                http_headers_add(r->a, &h, forwarded[k], r->x->headers.v[i].value);
    relay_begin(r, r->as->kubelet_client, url, &h, upgrade);
}

void relay_page(struct request *r, const char *url, bool upgrade)
{
    struct http_headers h = { 0 };
    forward_request_headers(r, upgrade, &h);
    relay_begin(r, r->as->pod_client, url, &h, upgrade)->page = url;
}

/* ---- where ---- */
static struct str address_of(const struct json *status, struct str type)
{
    for (const struct json *a = json_first(json_get(status, "addresses")); a; a = json_next(a))
        if (str_eq(json_get_str(a, "type"), type)) return json_get_str(a, "address");
    return STR("");
}

/* "https://192.168.229.132:10250" of the node, from its status: the address that --kubelet-preferred-address-types prefers, and
 * the kubelet's own port. */
static const char *node_url(struct request *r, struct str node, struct err *err)
{
    struct object *o = registry_get(r->as, STR(""), STR("nodes"), STR(""), node);
    if (!o) {
        err_not_found(err, STR(""), STR("nodes"), node);
        return NULL;
    }
    const struct json *status = json_get(object_json(o), "status");
    int64_t port = json_path_int(status, "daemonEndpoints.kubeletEndpoint.Port", 10250);
    const char *url = NULL;
    static const struct str usual[] = { { "InternalIP", 10 }, { "ExternalIP", 10 }, { "Hostname", 8 } };
    const struct word_list *given = &r->as->opt.policy.address_types;
    const struct word_list types = given->n ? *given : (struct word_list){ usual, ARRAY_LEN(usual) };
    for (size_t i = 0; i < types.n && !url; i++) {
        struct str address = address_of(status, types.v[i]);
        if (address.n) url = arena_printf(r->a, "https://" STR_FMT ":%" PRId64, STR_ARG(address), port);
    }
    object_unref(o);
    if (!url) err_set(err, ERR_IO, "no preferred addresses found; known addresses: []");
    if (!r->as->kubelet_client) {
        err_set(err, ERR_INTERNAL, "dial tcp: this control plane has no way to its nodes");
        return NULL;
    }
    return url;
}

static size_t names_of(struct arena *a, const struct json *list, struct strbuf *out)
{
    size_t n = 0;
    (void)a;
    for (const struct json *c = json_first(list); c; c = json_next(c), n++)
        strbuf_addf(out, "%s" STR_FMT, n ? " " : "", STR_ARG(json_get_str(c, "name")));
    return n;
}

static bool has_container(const struct json *spec, struct str name)
{
    static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct json *c = json_first(json_get(spec, lists[i])); c; c = json_next(c))
            if (str_eq(json_get_str(c, "name"), name)) return true;
    return false;
}

/* The container meant; which must be said when there are several. */
static bool pick_container(struct request *r, const struct json *pod, struct str *name, struct err *err)
{
    const struct json *spec = json_get(pod, "spec"), *list = json_get(spec, "containers"), *init = json_get(spec, "initContainers");
    *name = query_get(&r->x->query, "container");
    if (name->n) return has_container(spec, *name) ||
                        err_set(err, ERR_BAD_REQUEST, "container " STR_FMT " is not valid for pod " STR_FMT, STR_ARG(*name),
                                STR_ARG(meta_name(pod)));
    if (json_len(list) == 1) {
        *name = json_get_str(json_at(list, 0), "name");
        return true;
    }
    if (!json_len(list))
        return err_set(err, ERR_BAD_REQUEST, "a container name must be specified for pod " STR_FMT, STR_ARG(meta_name(pod)));
    struct strbuf names, inits;
    strbuf_init(&names, 1024);
    strbuf_init(&inits, 1024);
    names_of(r->a, list, &names);
    const char *more = names_of(r->a, init, &inits)
                       ? arena_printf(r->a, " or one of the init containers: [" STR_FMT "]", STR_ARG(strbuf_str(&inits))) : "";
    err_set(err, ERR_BAD_REQUEST, "a container name must be specified for pod " STR_FMT ", choose one of: [" STR_FMT "]%s",
            STR_ARG(meta_name(pod)), STR_ARG(strbuf_str(&names)), more);
    strbuf_deinit(&names);
    strbuf_deinit(&inits);
    return false;
}

/* ---- logs ---- */
static void check_number(struct request *r, struct field_errors *e, const char *name, int64_t least, const char *text)
{
    struct str v = query_get(&r->x->query, name);
    int64_t n;
    if (v.n && str_int(v, &n) && n < least)
        field_error_add(e, "FieldValueInvalid", str_c(name), "Invalid value: %" PRId64 ": %s", n, text);
}

static bool check_log_options(struct request *r, struct str pod, struct err *err)
{
    struct field_errors e = { .a = r->a };
    (void)pod;
    check_number(r, &e, "tailLines", 0, "must be greater than or equal to 0");
    check_number(r, &e, "limitBytes", 1, "must be greater than 0");
    check_number(r, &e, "sinceSeconds", 1, "must be greater than 0");
    if (query_has(&r->x->query, "sinceTime") && query_has(&r->x->query, "sinceSeconds"))
        field_error_add(&e, "FieldValueForbidden", STR(""),
                        "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified");
    return !e.n || err_invalid(err, STR(""), STR("PodLogOptions"), pod, &e);
}

static const char *log_url(struct request *r, const char *base, const struct json *pod, struct str container)
{
    static const char *const passed[] = { "follow", "previous", "timestamps", "sinceSeconds", "sinceTime", "tailLines", "limitBytes" };
    struct strbuf b;
    size_t n = 0;
    strbuf_init(&b, 4096);
    strbuf_addf(&b, "%s/containerLogs/" STR_FMT "/" STR_FMT "/" STR_FMT, base, STR_ARG(meta_namespace(pod)),
                STR_ARG(meta_name(pod)), STR_ARG(container));
    for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
        struct str v = query_get(&r->x->query, passed[i]);
        if (!query_has(&r->x->query, passed[i]) || (i < 3 && !query_bool(&r->x->query, passed[i]))) continue;
        strbuf_addf(&b, "%c%s=" STR_FMT, n++ ? '&' : '?', passed[i], STR_ARG(i < 3 ? STR("true") : percent_encode(r->a, v)));
    }
    const char *url = arena_cstr(r->a, strbuf_str(&b));
    strbuf_deinit(&b);
    return url;
}

static bool start_log(struct request *r, const struct json *pod, struct err *err)
{
    struct str container, node = json_path_str(pod, "spec.nodeName");
    if (!check_log_options(r, meta_name(pod), err) || !pick_container(r, pod, &container, err)) return false;
    if (!node.n) {
        respond_text(r, 200, "text/plain", STR(""));
        return true;
    }
    const char *base = node_url(r, node, err);
    if (base) relay_start(r, log_url(r, base, pod, container), false);
    return base != NULL;
}

/* ---- exec, attach, port forwarding ---- */
static struct str stream_query(struct request *r, const char *verb)
{
    /* The kubelet's own names for the options: command, input, output, error, tty. */
    static const struct { const char *from, *to; } names[] = { { "stdin", "input" }, { "stdout", "output" }, { "stderr", "error" },
                                                               { "tty", "tty" } };
    struct strbuf b;
    size_t n = 0;
    strbuf_init(&b, LIMIT_TARGET_BYTES);
    for (size_t i = 0; !strcmp(verb, "exec") && i < r->x->query.n; i++)
        if (str_eqc(r->x->query.v[i].name, "command"))
            strbuf_addf(&b, "%scommand=" STR_FMT, n++ ? "&" : "?", STR_ARG(percent_encode(r->a, r->x->query.v[i].value)));
    for (size_t i = 0; strcmp(verb, "portForward") && i < ARRAY_LEN(names); i++)
        if (query_bool(&r->x->query, names[i].from)) strbuf_addf(&b, "%s%s=1", n++ ? "&" : "?", names[i].to);
    struct str text = arena_str(r->a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}

static bool check_upgrade(struct request *r, struct err *err)
{
    struct str up = http_headers_get(&r->x->headers, "Upgrade");
    if (str_eqi(up, STR("SPDY/3.1"))) return true;
    if (str_eqi(up, STR("websocket"))) {
        struct str proto = http_headers_get(&r->x->headers, "Sec-WebSocket-Protocol");
        return err_set(err, ERR_FORBIDDEN,
                       "unable to upgrade: unable to negotiate protocol: client supports [" STR_FMT "], server accepts [SPDY/3.1]",
                       STR_ARG(proto));
    }
    return err_set(err, ERR_BAD_REQUEST, "Upgrade request required");
}

static bool start_stream(struct request *r, const struct json *pod, const char *verb, struct err *err)
{
    struct str container = STR_NULL, node = json_path_str(pod, "spec.nodeName");
    bool forward = !strcmp(verb, "portForward");
    if (!forward && !pick_container(r, pod, &container, err)) return false;
    if (!node.n) return err_set(err, ERR_BAD_REQUEST, "pod " STR_FMT " does not have a host assigned", STR_ARG(meta_name(pod)));
    if (!check_upgrade(r, err)) return false;
    const char *base = node_url(r, node, err);
    if (!base) return false;
    struct str q = stream_query(r, verb);
    relay_start(r, arena_printf(r->a, "%s/%s/" STR_FMT "/" STR_FMT "%s" STR_FMT STR_FMT, base, verb, STR_ARG(meta_namespace(pod)),
                                STR_ARG(meta_name(pod)),
                                forward ? "" : "/", STR_ARG(container), STR_ARG(q)), true);
    return true;
}

/* ---- nodes/NAME/proxy/PATH ---- */
static bool start_node_proxy(struct request *r, struct err *err)
{
    const char *base = node_url(r, r->info.name, err);
    if (!base) return false;
    ptrdiff_t at = str_find(r->x->target, STR("/proxy"));
    struct str rest = at < 0 ? STR("/") : str_sub(r->x->target, (size_t)at + 6, r->x->target.n);
    relay_start(r, arena_printf(r->a, "%s%s" STR_FMT, base, rest.n && rest.p[0] == '/' ? "" : "/", STR_ARG(rest)), false);
    return true;
}

static bool start_pod(struct request *r, struct err *err)
{
    struct object *o = registry_get(r->as, STR(""), STR("pods"), r->info.namespace, r->info.name);
    if (!o) return err_not_found(err, STR(""), STR("pods"), r->info.name);
    struct json *pod = json_copy(r->a, object_json(o));
    object_unref(o);
    struct str sub = r->info.subresource;
    if (str_eqc(sub, "log")) return start_log(r, pod, err);
    return start_stream(r, pod, str_eqc(sub, "portforward") ? "portForward" : arena_cstr(r->a, sub), err);
}

bool handle_connect(struct request *r)
{
    struct str sub = r->info.subresource;
    struct err err = { 0 };
    bool pod = str_eqc(sub, "log") || str_eqc(sub, "exec") || str_eqc(sub, "attach") || str_eqc(sub, "portforward"), ok = true;
    if (r->res->group.n || (!pod && !str_eqc(sub, "proxy"))) return false;
    if (pod) ok = start_pod(r, &err);
    else if (str_eqc(r->info.resource, "nodes")) ok = start_node_proxy(r, &err);
    else if (r->as->pod_client) ok = connect_proxy(r, &err);
    else ok = err_set(&err, ERR_UNAVAILABLE, "error trying to reach service: this control plane has no way to its nodes");
    if (!ok) respond_error(r, &err);
    err_clear(&err);
    return true;
}
