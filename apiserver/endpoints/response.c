/* apiserver/endpoints/response.c - answers: negotiated, pretty for people, and for writes held until the turn is on disk.
 *
 * Those that leave the process, that is. Upstream: apiserver pkg/endpoints/handlers/responsewriters/{writers,status,errors}.go.
 */
#include "apiserver/endpoints/audit.h"
#include "apiserver/endpoints/endpoints.h"

static const char *media_type(enum media m) { return m == MEDIA_YAML ? "application/yaml" : "application/json"; }

/* The text as the client wants it; out is initialized here. */
static void render(struct request *r, enum media media, struct str bytes, struct strbuf *out)
{
    strbuf_init(out, LIMIT_RESPONSE_BYTES);
    if (media == MEDIA_YAML) {
        struct json *j = json_parse(r->a, bytes, NULL);
        if (j) yaml_write(out, j);
        return;
    }
    if (wants_pretty(r)) {
        pretty_write(out, bytes, r->as->opt.minor < 23);
        return;
    }
    strbuf_add(out, bytes);
    strbuf_addch(out, '\n');
}

void respond_bytes(struct request *r, int status, struct str bytes)
{
    struct negotiated n;
    struct err ignored = { 0 };
    struct strbuf out;
    negotiate(r, true, &n, &ignored);
    err_clear(&ignored);
    audit_response_object(r, status, bytes, STR_NULL);
    render(r, n.media, bytes, &out);
    http_respond(r->x, status, &r->headers, media_type(n.media), strbuf_str(&out));
    strbuf_deinit(&out);
}

void respond_json(struct request *r, int status, const struct json *j)
{
    struct strbuf text;
    strbuf_init(&text, LIMIT_RESPONSE_BYTES);
    json_write(&text, j, 0);
    respond_bytes(r, status, strbuf_str(&text));
    strbuf_deinit(&text);
}

void respond_text(struct request *r, int status, const char *content_type, struct str body)
{
    http_respond(r->x, status, &r->headers, content_type, body);
}

/* A refusal of the media type itself cannot be negotiated: it is always indented JSON. */
static void respond_not_acceptable(struct request *r, struct str text)
{
    struct strbuf out;
    audit_response_object(r, 406, text, STR_NULL);
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    pretty_write(&out, text, false);
    http_respond(r->x, 406, &r->headers, "application/json", strbuf_str(&out));
    strbuf_deinit(&out);
}

void respond_error(struct request *r, const struct err *err)
{
    struct str text = status_text(r->a, err);
    int status = err_http(err->code);
    if (err->code == ERR_NOT_ACCEPTABLE) {
        respond_not_acceptable(r, text);
        return;
    }
    struct json *details = err->details ? json_parse(r->a, str_c(err->details), NULL) : NULL;
    int64_t retry = json_get_int(details, "retryAfterSeconds", 0);
    if (retry > 0) http_headers_addf(r->a, &r->headers, "Retry-After", "%" PRId64, retry);
    if (status >= 500 && err->code == ERR_INTERNAL)
        log_msg(LOG_DEBUG, "apiserver", STR_FMT " " STR_FMT ": %s", STR_ARG(r->x->method), STR_ARG(r->x->target), err->msg);
    respond_bytes(r, status, text);
}

bool err_no_resource(struct err *err)
{
    err_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
    err_details(err, "{}");
    return false;
}

bool err_no_method(struct err *err)
{
    err_set(err, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource");
    err_details(err, "{}");
    return false;
}

/* ---- after the commit ---- */
static void on_gone(struct http_exchange *x)
{
    struct request *r = x->ctx;
    list_remove(&r->node);
}

/* A client inside of the process dies with it, and so may know at once; would it wait, then the place where a turn is cut, hence
 * the wall's time, would show in the order of what happens. */
void respond_committed(struct request *r, int status, struct str bytes)
{
    if (!r->x->edge || r->dry_run || store_revision(r->as->store) == r->start_rev) {
        respond_bytes(r, status, bytes);
        return;
    }
    audit_response_object(r, status, bytes, STR_NULL);
    audit_answer_waits(r, status);
    r->answer_status = status;
    r->answer = arena_str(r->a, bytes);
    r->x->on_gone = on_gone;
    list_push(&r->as->registry->pending, &r->node);
}

void pending_flush(struct apiserver *as, const struct err *why)
{
    struct list *head = &as->registry->pending;
    while (!list_empty(head)) {
        struct request *r = container_of(head->next, struct request, node);
        list_remove(&r->node);
        r->x->on_gone = NULL;
        if (why && why->code != ERR_NONE) respond_error(r, why);
        else respond_bytes(r, r->answer_status, r->answer);
    }
}

/* ---- what is not there at all ---- */
void respond_not_found_page(struct request *r)
{
    struct str path = r->x->path;
    bool api = str_eqc(path, "/api") || str_eqc(path, "/apis") || str_starts(path, "/api/") || str_starts(path, "/apis/");
    if (r->as->opt.minor < 22 && !api) {
        respond_index(r, 404);
        return;
    }
    http_headers_add(r->a, &r->headers, "X-Content-Type-Options", STR("nosniff"));
    respond_text(r, 404, "text/plain; charset=utf-8", STR("404 page not found\n"));
}
