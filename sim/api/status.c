/* sim/api/status.c - errors as the API tells them (metav1.Status), and Status as an error again on the client's side.
 *
 * Upstream: apimachinery pkg/api/errors/errors.go (words), apiserver pkg/endpoints/handlers/responsewriters/status.go
 * (err -> Status), and client-go rest/request.go transformResponse (Status -> err; an answer that is no Status gets the
 * generic words of NewGenericServerResponse, with the operation in brackets). One simplification: whether a body that
 * is no Status is text is judged by its first byte, not by its Content-Type.
 */
#include "sim/api/api_priv.h"

#include <stdlib.h>

static void add_field(struct strbuf *out, const char *key, struct str value)
{
    if (value.n == 0)
        return;
    strbuf_addf(out, "%s\"%s\":", out->n > 1 ? "," : "", key);
    json_write_string(out, value);
}

struct str status_text(struct arena *a, const struct err *err)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_BODY_BYTES);
    strbuf_addc(&b, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{}");
    if (!err || err->code == ERR_NONE) {
        strbuf_addc(&b, ",\"status\":\"Success\"}");
    } else {
        add_field(&b, "status", STR("Failure"));
        add_field(&b, "message", str_c(err->msg));
        add_field(&b, "reason", str_c(err_reason(err->code)));
        if (err->details)
            strbuf_addf(&b, ",\"details\":%s", err->details);
        strbuf_addf(&b, ",\"code\":%d}", err_http(err->code));
    }
    struct str text = arena_str(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}

/* ---- the common errors ---- */

static struct str qualified(struct arena *a, struct str group, struct str resource)
{
    return group.n ? arena_strf(a, STR_FMT "." STR_FMT, STR_ARG(resource), STR_ARG(group)) : arena_str(a, resource);
}

static void set_details(struct err *err, struct str name, struct str group, struct str kind)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_BODY_BYTES);
    strbuf_addch(&b, '{');
    add_field(&b, "name", name);
    add_field(&b, "group", group);
    add_field(&b, "kind", kind);
    strbuf_addch(&b, '}');
    err_details(err, b.p);
    strbuf_deinit(&b);
}

/* "before RESOURCE.GROUP "NAME" after" */
static bool object_error(struct err *err, enum err_code code, const char *before, struct str group, struct str resource,
                         struct str name, const char *after)
{
    if (!err)
        return false;
    struct arena *a = arena_new();
    struct strbuf quoted;
    strbuf_init(&quoted, sizeof err->msg);
    go_quote(&quoted, name);
    err_set(err, code, "%s" STR_FMT " %s%s", before, STR_ARG(qualified(a, group, resource)), quoted.p, after);
    set_details(err, name, group, resource);
    strbuf_deinit(&quoted);
    arena_free(a);
    return false;
}

bool err_not_found(struct err *err, struct str group, struct str resource, struct str name)
{
    return object_error(err, ERR_NOT_FOUND, "", group, resource, name, " not found");
}

bool err_already_exists(struct err *err, struct str group, struct str resource, struct str name)
{
    return object_error(err, ERR_ALREADY_EXISTS, "", group, resource, name, " already exists");
}

bool err_conflict(struct err *err, struct str group, struct str resource, struct str name, const char *why)
{
    char *text = xmalloc(strlen(why) + 3);         /* why may be err->msg itself */
    memcpy(text, ": ", 2);
    memcpy(text + 2, why, strlen(why) + 1);
    object_error(err, ERR_CONFLICT, "Operation cannot be fulfilled on ", group, resource, name, text);
    free(text);
    return false;
}

bool err_object_modified(struct err *err, struct str group, struct str resource, struct str name)
{
    return err_conflict(err, group, resource, name,
                        "the object has been modified; please apply your changes to the latest version and try again");
}

/* ---- Status -> err ---- */

static enum err_code code_of_http(int http)
{
    static const enum err_code preferred[] = {     /* where several codes share an HTTP status */
        ERR_CONFLICT, ERR_GONE, ERR_BAD_REQUEST, ERR_INTERNAL, ERR_UNAVAILABLE,
    };
    for (size_t i = 0; i < ARRAY_LEN(preferred); i++)
        if (err_http(preferred[i]) == http)
            return preferred[i];
    static const enum err_code all[] = {
#define ERR_VALUE(id, status, reason) ERR_##id,
        ERR_MAP(ERR_VALUE)
#undef ERR_VALUE
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i] != ERR_NONE && err_http(all[i]) == http)
            return all[i];
    return http >= 500 ? ERR_INTERNAL : ERR_BAD_REQUEST;
}

static enum err_code code_of_reason(struct str reason, int http)
{
#define ERR_MATCH(id, status, text)                                     \
    if (sizeof(text) > 1 && str_eqc(reason, text))                      \
        return ERR_##id;
    ERR_MAP(ERR_MATCH)
#undef ERR_MATCH
    return code_of_http(http);
}

static bool from_status(const struct json *status, int http, struct err *err)
{
    if (!str_eqc(json_get_str(status, "kind"), "Status") || str_eqc(json_get_str(status, "status"), "Success"))
        return false;
    struct str message = json_get_str(status, "message");
    int64_t code = json_get_int(status, "code", http);
    err_set(err, code_of_reason(json_get_str(status, "reason"), (int)code), STR_FMT, STR_ARG(message));
    const struct json *details = json_get(status, "details");
    if (err && json_len(details) > 0) {
        struct arena *a = arena_new();
        err_details(err, json_text(a, details).p);
        arena_free(a);
    }
    return true;
}

/* What the client says when the answer itself says nothing that it can read. NULL: the server's own text. */
static const struct { int http; const char *words; } generic_words[] = {
    { 400, "the server rejected our request for an unknown reason" },
    { 401, "the server has asked for the client to provide credentials" },
    { 403, NULL },
    { 404, "the server could not find the requested resource" },
    { 405, "the server does not allow this method on the requested resource" },
    { 406, NULL },
    { 409, "the server reported a conflict" },
    { 415, NULL },
    { 422, "the server rejected our request due to an error in our request" },
    { 429, "the server has received too many requests and has asked us to try again later" },
    { 503, "the server is currently unable to handle the request" },
    { 504, "the server was unable to return a response in the time allotted, but may still be processing the request" },
};

static void add_generic_words(struct strbuf *out, int http, struct str server_text)
{
    for (size_t i = 0; i < ARRAY_LEN(generic_words); i++) {
        if (generic_words[i].http != http)
            continue;
        if (generic_words[i].words)
            strbuf_addc(out, generic_words[i].words);
        else if (http == 406 && str_eqc(server_text, "unknown"))
            strbuf_addc(out, "the server was unable to respond with a content type that the client supports");
        else
            strbuf_add(out, server_text);
        return;
    }
    if (http < 500) {
        strbuf_addf(out, "the server responded with the status code %d but did not return more information", http);
        return;
    }
    strbuf_addc(out, "an error on the server (");
    go_quote(out, server_text);
    strbuf_addc(out, ") has prevented the request from succeeding");
}

/* what is "verb resource.group name": the last two may be missing. */
static void generic_details(struct err *err, struct str resource_group, struct str name, struct str server_text)
{
    struct str resource, group;
    str_cut(resource_group, '.', &resource, &group);
    struct strbuf b;
    strbuf_init(&b, LIMIT_BODY_BYTES);
    strbuf_addch(&b, '{');
    add_field(&b, "name", name);
    add_field(&b, "group", group);
    add_field(&b, "kind", resource);
    strbuf_addf(&b, "%s\"causes\":[{\"reason\":\"UnexpectedServerResponse\",\"message\":", b.n > 1 ? "," : "");
    json_write_string(&b, server_text);
    strbuf_addc(&b, "}]}");
    err_details(err, b.p);
    strbuf_deinit(&b);
}

void status_to_err(int http_status, struct str body, const char *what, struct err *err)
{
    struct arena *a = arena_new();
    struct json *tree = json_parse(a, body, NULL);
    struct str server_text = str_trim(str_sub(body, 0, 2048));
    if (from_status(tree, http_status, err) || !err)
        goto done;
    if (json_is(tree, JSON_OBJECT) || json_is(tree, JSON_ARRAY) || !utf8_valid(server_text))
        server_text = STR("unknown");              /* not text/plain, as far as client-go is concerned */
    struct str verb, rest, resource_group, name;
    str_cut(str_c(what), ' ', &verb, &rest);
    str_cut(rest, ' ', &resource_group, &name);
    enum err_code code = code_of_http(http_status);
    if (http_status == 409 && str_eqi(verb, STR("post")))
        code = ERR_ALREADY_EXISTS;
    struct strbuf b;
    strbuf_init(&b, sizeof err->msg);
    add_generic_words(&b, http_status, server_text);
    if (resource_group.n > 0)
        strbuf_addf(&b, " (%s)", what);
    err_set(err, code, STR_FMT, STR_ARG(strbuf_str(&b)));
    generic_details(err, resource_group, name, server_text);
    strbuf_deinit(&b);
done:
    arena_free(a);
}
