/* apiserver/endpoints/audit.c - a request's way past the audit: which events it makes, when, and into which of the two sinks.
 *
 * Upstream: apiserver pkg/endpoints/filters/{audit,authn_audit}.go. There a wrapped ResponseWriter sees the answer; here an
 * observer of the exchange does, whoever answers (handlers, the aggregator's proxy, relays to kubelets). The event is written
 * down at the moment of a stage, from what the request's context has collected by then. An id is drawn from dice of this room's
 * own, and not before an event needs one, so that requests that leave no trace (a kubectl's discovery, which asks in no
 * particular order) move nothing.
 *
 * Simplified: the end of an upgraded connection (exec, attach, port forwarding) makes no event; what the server writes itself
 * (start.c) passes no filter and makes none either; objects that a list or Table carries are told as they were sent.
 */
#include <stdlib.h>

#include "apiserver/endpoints/audit.h"

EMBED(trail_policy, "apiserver/endpoints/audit_trail.yaml")

struct audit {
    struct apiserver    *as;
    struct rng           ids, others;                  /* others: of requests that leave no trace but bear an id, from 1.21 on */
    struct audit_policy *trail, *log;                  /* log: NULL without --audit-policy-file */
    struct apiserver_audit_log sink;
};

struct audit *audit_new(struct apiserver *as)
{
    struct audit *u = NEW(struct audit);
    struct err err = { 0 };
    u->as = as;
    rng_init(&u->ids, as->loop, "audit");
    rng_init(&u->others, as->loop, "audit-others");
    u->trail = audit_policy_parse(trail_policy(), &err);
    ASSERT(u->trail != NULL);
    return u;
}

void audit_free(struct audit *u)
{
    if (!u) return;
    audit_policy_free(u->trail);
    audit_policy_free(u->log);
    free(u);
}

bool apiserver_set_audit_log(struct apiserver *as, const struct apiserver_audit_log *sink, struct err *err)
{
    struct audit *u = as->audit;
    struct audit_policy *p = NULL;
    if (sink && sink->write && sink->policy.n && !(p = audit_policy_parse(sink->policy, err)))
        return err_prefix(err, "loading audit policy file: ");
    audit_policy_free(u->log);
    u->log = p;
    u->sink = p ? *sink : (struct apiserver_audit_log){ .write = NULL };
    return true;
}

/* ---- events ---- */
static bool wants(const struct audit_choice *c, enum audit_stage stage) { return c->level > AUDIT_NONE && !(c->omit & 1u << stage); }

/* The client's own id, or one of ours. */
static void settle_id(struct audit_context *c, struct rng *rng)
{
    if (c->id.n) return;
    char id[37];
    c->id = http_headers_get(&c->r->x->headers, "Audit-ID");
    if (c->id.n) return;
    rng_uuid(rng, id);
    c->id = arena_str(c->r->a, str_c(id));
}

/* The row's number; 0: the trail does not want it. */
static int64_t to_trail(struct audit_context *c, enum audit_stage stage)
{
    struct apiserver *as = c->r->as;
    struct strbuf text;
    if (!wants(&c->trail, stage)) return 0;
    settle_id(c, &as->audit->ids);
    strbuf_init(&text, LIMIT_AUDIT_EVENT_BYTES);
    audit_event_write(&text, c, &c->trail, stage);
    if (c->trail_row) store_audit_amend(as->store, c->trail_row, strbuf_str(&text));
    int64_t row = c->trail_row ? c->trail_row : store_audit_put(as->store, strbuf_str(&text));
    strbuf_deinit(&text);
    return row;
}

static void to_log(struct audit_context *c, enum audit_stage stage)
{
    const struct apiserver_audit_log *sink = &c->r->as->audit->sink;
    struct strbuf text;
    if (!sink->write || !wants(&c->log, stage)) return;
    settle_id(c, &c->r->as->audit->ids);
    strbuf_init(&text, LIMIT_AUDIT_EVENT_BYTES + 1);
    audit_event_write(&text, c, &c->log, stage);
    strbuf_addch(&text, '\n');
    sink->write(sink->ctx, strbuf_str(&text));
    strbuf_deinit(&text);
}

/* An answer that waited is told already; if it became another (the disk refused), so does its row. */
static void tell(struct audit_context *c, enum audit_stage stage)
{
    if (!c->trail_row || c->trail_code != c->code) to_trail(c, stage);
    to_log(c, stage);
}

/* ---- the answer, as the exchange sees it ---- */
static bool refused(int code) { return code == 401 || code == 403; }

static void on_begin(void *ctx, int status)
{
    struct audit_context *c = ctx;
    c->code = status;
    if (refused(status) && c->trail.level == AUDIT_NONE)
        c->trail = (struct audit_choice){ AUDIT_METADATA, 1u << STAGE_REQUEST_RECEIVED, false };
    if (refused(status) && c->long_running) c->trail.omit |= 1u << STAGE_RESPONSE_COMPLETE;
    if (c->long_running || c->unauthenticated) tell(c, STAGE_RESPONSE_STARTED);
}

static void close_early(struct audit_context *c)
{
    c->code = 200;
    c->status = STR("Success");
    c->message = STR("Connection closed early");
    if (c->long_running) tell(c, STAGE_RESPONSE_STARTED);
}

static void panic(struct audit_context *c)
{
    c->code = 500;
    c->status = STR("Failure");
    c->reason = STR("InternalError");
    c->message = STR("APIServer panic'd: net/http: abort Handler");
    c->details = STR_NULL;
}

/* A relay or proxy that loses its other end half-way cuts the client's connection: in Go by a panic with http.ErrAbortHandler. A
 * watch whose client does not read is just ended. */
static void on_end(void *ctx, enum http_end how)
{
    struct audit_context *c = ctx;
    bool cut = how == HTTP_ABORTED && !str_eqc(c->r->info.verb, "watch");
    if (c->unauthenticated || how == HTTP_UPGRADED) return;
    if (!c->code && !cut) close_early(c);
    if (cut) panic(c);
    tell(c, cut ? STAGE_PANIC : STAGE_RESPONSE_COMPLETE);
}

static const struct http_observer observer = { on_begin, on_end };

/* ---- the request ---- */
/* BasicLongRunningRequestCheck, with kube-apiserver's lists. */
static bool is_long_running(const struct request_info *in)
{
    static const char *const subs[] = { "attach", "exec", "proxy", "log", "portforward" };
    if (str_eqc(in->verb, "watch") || str_eqc(in->verb, "proxy")) return true;
    for (size_t i = 0; in->is_resource && i < ARRAY_LEN(subs); i++)
        if (str_eqc(in->subresource, subs[i])) return true;
    return false;
}

/* Which credentials were there, and were bad. */
static struct str methods_tried(struct request *r)
{
    struct str auth = str_trim(http_headers_get(&r->x->headers, "Authorization")), scheme, rest, text;
    bool two = str_cut(auth, ' ', &scheme, &rest);
    struct strbuf out;
    strbuf_init(&out, 256);
    if (two && str_eqi(scheme, STR("basic"))) strbuf_addc(&out, ", basic");
    if (two && str_eqi(scheme, STR("bearer"))) strbuf_addc(&out, ", bearer");
    if (str_trim(query_get(&r->x->query, "access_token")).n) strbuf_addc(&out, ", access_token");
    if (r->x->peer_count) strbuf_addc(&out, ", x509");
    if (out.n) text = arena_strf(r->a, "Authentication failed, attempted: %s", out.p + 2);
    else text = STR("Authentication failed, no credentials provided");
    strbuf_deinit(&out);
    return text;
}

void audit_begin(struct request *r, bool authenticated)
{
    struct audit *u = r->as->audit;
    struct attributes at;
    struct audit_context *c = ARENA_NEW(r->a, struct audit_context);
    c->r = r;
    c->received_ns = r->now_ns;
    attributes_of(&r->info, authenticated ? &r->user : NULL, &at);
    c->trail = audit_policy_choose(u->trail, &at);
    c->log = audit_policy_choose(u->log, &at);
    c->long_running = is_long_running(&r->info);
    c->unauthenticated = !authenticated;
    r->audit = c;
    r->x->observer = &observer;
    r->x->observer_ctx = c;
    bool kept = c->trail.level || c->log.level;
    if (r->as->opt.minor >= 21 || c->log.level) {  /* WithAuditID: from 1.21 on all answers bear an id, before those that are logged */
        settle_id(c, kept ? &u->ids : &u->others);
        http_headers_add(r->a, &r->headers, "Audit-Id", c->id);
    }
    if (!authenticated) c->message = methods_tried(r);
    else tell(c, STAGE_REQUEST_RECEIVED);
}

void audit_decided(struct request *r, bool allowed, struct str reason)
{
    struct audit_context *c = r->audit;
    c->decision = allowed ? STR("allow") : STR("forbid");
    c->decision_reason = reason;
}

static enum audit_level level_of(const struct audit_context *c)
{
    return c->trail.level > c->log.level ? c->trail.level : c->log.level;
}

static void fill(struct request *r, struct str *field, struct str value)
{
    if (!field->n) *field = arena_str(r->a, value);
}

void audit_request_object(struct request *r, const struct json *obj)
{
    struct audit_context *c = r->audit;
    const struct json *meta = json_get(obj, "metadata");
    if (!c || level_of(c) == AUDIT_NONE || !obj) return;
    fill(r, &c->ns, json_get_str(meta, "namespace"));
    fill(r, &c->name, json_get_str(meta, "name"));
    fill(r, &c->uid, json_get_str(meta, "uid"));
    fill(r, &c->resource_version, json_get_str(meta, "resourceVersion"));
    if (level_of(c) >= AUDIT_REQUEST) c->request_object = json_copy(r->a, obj);
}

/* An apply patch may be YAML; an event is JSON. */
void audit_request_patch(struct request *r)
{
    struct audit_context *c = r->audit;
    struct err ignored = { 0 };
    if (!c || level_of(c) < AUDIT_REQUEST) return;
    c->request_object = json_parse(r->a, r->x->body, NULL);
    if (!c->request_object) c->request_object = yaml_parse(r->a, r->x->body, &ignored);
    err_clear(&ignored);
}

void audit_response_object(struct request *r, int status, struct str text, struct str own)
{
    struct audit_context *c = r->audit;
    if (!c || (level_of(c) == AUDIT_NONE && !refused(status))) return;
    if (level_of(c) == AUDIT_REQUEST_RESPONSE && !c->response_object.n)
        c->response_object = arena_str(r->a, own.n ? own : text);
    if (!str_starts(text, "{\"kind\":\"Status\",\"apiVersion\":\"v1\"")) return;
    const struct json *j = json_parse(r->a, text, NULL), *details = json_get(j, "details");
    c->status = json_get_str(j, "status");
    c->reason = json_get_str(j, "reason");
    if (!c->unauthenticated) c->message = json_get_str(j, "message");
    c->details = details && json_len(details) ? json_text(r->a, details) : STR_NULL;
}

void audit_answer_waits(struct request *r, int status)
{
    struct audit_context *c = r->audit;
    if (!c || c->long_running) return;
    c->code = c->trail_code = status;
    c->trail_row = to_trail(c, STAGE_RESPONSE_COMPLETE);
}
