/* apiserver/endpoints/audit_event.c - one Event of audit.k8s.io/v1 as a line of JSON, its members in the order of upstream's
 * type.
 *
 * Upstream: apiserver pkg/apis/audit/v1/types.go, pkg/audit/request.go (what is copied from where), plugin/pkg/audit/truncate.
 * Times are virtual, also in events of clients whose clock is shifted: the trail of two equal runs is the same. Written straight
 * into the buffer, since a component's every write makes one.
 */
#include "apiserver/endpoints/audit.h"

#include <arpa/inet.h>

enum { USER_AGENT_MAX = 1024 };

/* ,"name":"value", or nothing for an empty value. */
static void member(struct strbuf *out, const char *name, struct str value)
{
    if (!value.n) return;
    strbuf_addf(out, ",\"%s\":", name);
    json_write_string(out, value);
}

static void list(struct strbuf *out, const struct str *v, size_t n)
{
    strbuf_addch(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) strbuf_addch(out, ',');
        json_write_string(out, v[i]);
    }
    strbuf_addch(out, ']');
}

/* An object of members that were each written with a comma before. */
static void open_object(struct strbuf *out, size_t *start)
{
    strbuf_addch(out, '{');
    *start = out->n;
}

static void close_object(struct strbuf *out, size_t start)
{
    if (out->n > start) {
        memmove(out->p + start, out->p + start + 1, out->n - start - 1);
        out->n--;
    }
    strbuf_addch(out, '}');
}

/* In order of the keys, as Go writes a map. */
static void write_extra(struct strbuf *out, const struct user *u)
{
    const struct user_extra *last = NULL;
    for (size_t done = 0; done < u->extra_count; done++) {
        const struct user_extra *next = NULL;
        for (size_t i = 0; i < u->extra_count; i++) {
            const struct user_extra *e = &u->extra[i];
            if ((!last || str_cmp(e->key, last->key) > 0) && (!next || str_cmp(e->key, next->key) < 0)) next = e;
        }
        if (!next) break;
        strbuf_addc(out, done ? "," : ",\"extra\":{");
        json_write_string(out, next->key);
        strbuf_addch(out, ':');
        list(out, next->values, next->n);
        last = next;
    }
    strbuf_addch(out, '}');
}

static void write_user(struct strbuf *out, const struct user *u)
{
    size_t start;
    open_object(out, &start);
    if (u) {
        member(out, "username", u->name);
        member(out, "uid", u->uid);
        if (u->group_count) {
            strbuf_addc(out, ",\"groups\":");
            list(out, u->groups, u->group_count);
        }
        if (u->extra_count) write_extra(out, u);
    }
    close_object(out, start);
}

/* ---- where from: the first proxy's word, X-Real-Ip, the connection's other end (apimachinery pkg/util/net, SourceIPs) ---- */
struct addresses { struct str v[3]; size_t n; };

static bool ip_valid(struct str text)
{
    unsigned char bytes[16];
    char ip[INET6_ADDRSTRLEN + 1] = "";
    if (!text.n || text.n >= sizeof ip) return false;
    memcpy(ip, text.p, text.n);
    return inet_pton(AF_INET, ip, bytes) == 1 || inet_pton(AF_INET6, ip, bytes) == 1;
}

static void add_address(struct addresses *ips, struct str text, bool anywhere)
{
    text = str_trim(text);
    if (ips->n == ARRAY_LEN(ips->v) || !ip_valid(text)) return;
    for (size_t i = anywhere ? 0 : ips->n ? ips->n - 1 : 0; i < ips->n; i++)
        if (str_eq(ips->v[i], text)) return;
    ips->v[ips->n++] = text;
}

static void write_addresses(struct strbuf *out, const struct http_exchange *x)
{
    struct addresses ips = { .n = 0 };
    struct str forwarded = http_headers_get(&x->headers, "X-Forwarded-For"), remote = x->remote_addr;
    while (forwarded.n && !ips.n) add_address(&ips, str_token(&forwarded, ','), true);
    add_address(&ips, http_headers_get(&x->headers, "X-Real-Ip"), true);
    while (remote.n && remote.p[remote.n - 1] != ':') remote.n--;
    add_address(&ips, str_sub(remote, 0, remote.n ? remote.n - 1 : 0), false);
    if (!ips.n) return;
    strbuf_addc(out, ",\"sourceIPs\":");
    list(out, ips.v, ips.n);
}

/* ---- the parts ---- */
static void write_request(struct strbuf *out, const struct audit_context *c)
{
    const struct request *r = c->r;
    const struct http_exchange *x = r->x;
    struct str agent = http_headers_get(&x->headers, "User-Agent");
    if (agent.n > USER_AGENT_MAX) agent = arena_strf(r->a, "%.*s...TRUNCATED", USER_AGENT_MAX, agent.p);
    member(out, "requestURI", x->target.n && x->target.p[0] == '/' ? x->target : x->path);
    member(out, "verb", r->info.verb);
    strbuf_addc(out, ",\"user\":");
    write_user(out, c->unauthenticated ? NULL : r->impersonator ? r->impersonator : &r->user);
    if (r->impersonator) {
        strbuf_addc(out, ",\"impersonatedUser\":");
        write_user(out, &r->user);
    }
    write_addresses(out, x);
    member(out, "userAgent", agent);
}

static void write_ref(struct strbuf *out, const struct audit_context *c)
{
    const struct request_info *in = &c->r->info;
    size_t start;
    if (!in->is_resource) return;
    strbuf_addc(out, ",\"objectRef\":");
    open_object(out, &start);
    member(out, "resource", in->resource);
    member(out, "namespace", in->namespace.n ? in->namespace : c->ns);
    member(out, "name", in->name.n ? in->name : c->name);
    member(out, "uid", c->uid);
    member(out, "apiGroup", in->group);
    member(out, "apiVersion", in->version);
    member(out, "resourceVersion", c->resource_version);
    member(out, "subresource", in->subresource);
    close_object(out, start);
}

static void write_status(struct strbuf *out, const struct audit_context *c)
{
    if (!c->code) return;
    strbuf_addc(out, ",\"responseStatus\":{\"metadata\":{}");
    member(out, "status", c->status);
    member(out, "message", c->message);
    member(out, "reason", c->reason);
    if (c->details.n) strbuf_addf(out, ",\"details\":" STR_FMT, STR_ARG(c->details));
    strbuf_addf(out, ",\"code\":%d}", c->code);
}

/* ---- objects ---- */
static void drop_managed(struct json *obj)
{
    json_remove(json_get(obj, "metadata"), "managedFields");
}

/* Of an object, a list's items, a table's rows. */
static const struct json *without_managed_fields(struct arena *a, const struct json *obj)
{
    struct json *copy = json_copy(a, obj);
    drop_managed(copy);
    for (struct json *item = json_first(json_get(copy, "items")); item; item = json_next(item)) drop_managed(item);
    for (struct json *row = json_first(json_get(copy, "rows")); row; row = json_next(row)) drop_managed(json_get(row, "object"));
    return copy;
}

static void write_objects(struct strbuf *out, const struct audit_context *c, const struct audit_choice *how)
{
    struct arena *a = c->r->a;
    if (how->level >= AUDIT_REQUEST && c->request_object) {
        strbuf_addc(out, ",\"requestObject\":");
        json_write(out, how->omit_managed_fields ? without_managed_fields(a, c->request_object) : c->request_object, 0);
    }
    if (how->level < AUDIT_REQUEST_RESPONSE || !c->response_object.n) return;
    const struct json *parsed = how->omit_managed_fields ? json_parse(a, c->response_object, NULL) : NULL;
    strbuf_addc(out, ",\"responseObject\":");
    if (parsed) json_write(out, without_managed_fields(a, parsed), 0);
    else strbuf_add(out, c->response_object);
}

static void write_event(struct strbuf *out, const struct audit_context *c, const struct audit_choice *how, enum audit_stage stage,
                        bool objects)
{
    const struct request *r = c->r;
    int64_t now_ns = stage == STAGE_REQUEST_RECEIVED ? c->received_ns : vtime_now(r->as->loop);
    size_t start;
    strbuf_addf(out, "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"%s\"", audit_levels[how->level]);
    member(out, "auditID", c->id);
    strbuf_addf(out, ",\"stage\":\"%s\"", audit_stages[stage]);
    write_request(out, c);
    write_ref(out, c);
    if (stage != STAGE_REQUEST_RECEIVED) write_status(out, c);
    if (objects) write_objects(out, c, how);
    member(out, "requestReceivedTimestamp", time_rfc3339_micro(r->a, c->received_ns));
    member(out, "stageTimestamp", time_rfc3339_micro(r->a, now_ns));
    if (objects && !c->decision.n) {
        strbuf_addch(out, '}');
        return;
    }
    strbuf_addc(out, ",\"annotations\":");
    open_object(out, &start);
    if (!objects) strbuf_addc(out, ",\"audit.k8s.io/truncated\":\"true\"");
    member(out, "authorization.k8s.io/decision", c->decision);
    if (c->decision.n) {
        strbuf_addc(out, ",\"authorization.k8s.io/reason\":");             /* there even when the authorizer gave none */
        json_write_string(out, c->decision_reason);
    }
    close_object(out, start);
    strbuf_addch(out, '}');
}

void audit_event_write(struct strbuf *out, const struct audit_context *c, const struct audit_choice *how, enum audit_stage stage)
{
    write_event(out, c, how, stage, true);
    if (!out->overflow) return;
    strbuf_reset(out);
    out->overflow = false;
    write_event(out, c, how, stage, false);
}
