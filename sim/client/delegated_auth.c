/* sim/client/delegated_auth.c - how a kubelet and an extension API server find out who asks and whether they may: they
 * ask the API server.
 *
 * Authentication: a front proxy's certificate with X-Remote-* headers, a client certificate of the cluster's CA, a
 * bearer token by TokenReview; who shows nothing of it is anonymous or 401, and who shows something wrong is 401.
 * Authorization: SubjectAccessReview. Both answers are cached for a while. Upstream: apiserver
 * pkg/authentication/authenticatorfactory/delegating.go, pkg/authorization/authorizerfactory/delegating.go, kubelet
 * cmd/kubelet/app/auth.go.
 */
#include "sim/client/client_priv.h"

#include <stdlib.h>

enum { CACHE_MAX = 1024 };

struct user_entry {                    /* what a token stands for; or that nobody knows it */
    struct arena         *arena;
    bool                  known;
    struct delegated_user user;
    int64_t               until_ns;
};
struct access_entry { bool allowed; int64_t until_ns; char *reason; };

struct delegated_auth {
    struct delegated_auth_options opt;
    const struct trust *client_ca, *proxy_ca;
    char             **allowed_names; size_t allowed_count;
    struct map        *tokens, *access;
    struct list        checks;         /* struct check under way */
};

struct check {
    struct list            node;
    struct delegated_auth *d;
    struct arena          *arena;
    struct http_exchange  *x;
    struct delegated_user  user;
    struct delegated_attributes at;
    struct str             token, access_key;
    struct client_call    *call;
    struct task            finish;     /* answers that are known at once still come later */
    const char            *bad_certificate; /* why the one it shows is not believed: it is not anonymous then. NULL */
    int                    status;
    const char            *reason;
    void (*done)(void *ctx, struct http_exchange *x, const struct delegated_user *u, int status, const char *reason);
    void                  *ctx;
};

static void authorize(struct check *c);

static void user_entry_free(void *p)
{
    struct user_entry *e = p;
    arena_free(e->arena);
    free(e);
}

static void access_entry_free(void *p)
{
    free(((struct access_entry *)p)->reason);
    free(p);
}

static void check_free(struct check *c)
{
    if (c->call)
        client_cancel(c->call);
    task_cancel(&c->finish);
    list_remove(&c->node);
    arena_free(c->arena);
    free(c);
}

static void check_gone(struct http_exchange *x)
{
    check_free(x->ctx);
}

static void on_finish(struct task *t)
{
    struct check *c = container_of(t, struct check, finish);
    struct http_exchange *x = c->x;
    x->on_gone = NULL;
    x->ctx = NULL;
    c->done(c->ctx, x, c->status == 401 ? NULL : &c->user, c->status, c->reason);
    check_free(c);
}

static void finish(struct check *c, int status, const char *reason)
{
    c->status = status;
    c->reason = arena_strdup(c->arena, reason ? reason : "");
    task_post(client_loop(c->d->opt.client), &c->finish);
}

/* ---- users ---- */
static void add_group(struct check *c, struct str group)
{
    struct str *v = arena_alloc(c->arena, (c->user.group_count + 1) * sizeof *v);
    if (c->user.group_count)
        memcpy(v, c->user.groups, c->user.group_count * sizeof *v);
    v[c->user.group_count++] = arena_str(c->arena, group);
    c->user.groups = v;
}

/* Whoever is known by whatever means is in the group system:authenticated (group.AuthenticatedGroupAdder). */
static void add_authenticated(struct check *c)
{
    for (size_t i = 0; i < c->user.group_count; i++)
        if (str_eqc(c->user.groups[i], "system:authenticated"))
            return;
    add_group(c, STR("system:authenticated"));
}

static void user_copy(struct arena *a, struct delegated_user *to, const struct delegated_user *from)
{
    *to = (struct delegated_user){
        .name = arena_str(a, from->name), .uid = arena_str(a, from->uid), .group_count = from->group_count
    };
    to->groups = arena_alloc(a, (from->group_count + 1) * sizeof *to->groups);
    for (size_t i = 0; i < from->group_count; i++)
        to->groups[i] = arena_str(a, from->groups[i]);
}

/* *why, where it is asked for: what is wrong with a chain that is shown; else it stays. */
static bool chain_trusted(const struct check *c, const struct trust *ca, const char **why)
{
    struct trust_check tc = { .now_ns = vtime_now(client_loop(c->d->opt.client)), .usage = CERT_EKU_CLIENT };
    struct err err = { 0 };
    bool ok = ca && c->x->peer_count && trust_verify(ca, c->x->peer_chain, c->x->peer_count, &tc, &err);
    if (err.code && why)
        *why = arena_strdup(c->arena, err.msg);
    err_clear(&err);
    return ok;
}

static void trouble(const struct check *c, const char *why)
{
    const struct delegated_auth_options *o = &c->d->opt;
    if (o->trouble)
        o->trouble(o->trouble_ctx, arena_printf(c->arena, "Unable to authenticate the request due to an error: %s", why));
}

static bool name_allowed(const struct delegated_auth *d, struct str cn)
{
    for (size_t i = 0; i < d->allowed_count; i++)
        if (str_eqc(cn, d->allowed_names[i]))
            return true;
    return d->allowed_count == 0;
}

static bool by_front_proxy(struct check *c)
{
    struct str name = http_headers_get(&c->x->headers, "X-Remote-User");
    if (!name.n || !chain_trusted(c, c->d->proxy_ca, NULL) || !name_allowed(c->d, c->x->peer_chain[0]->subject_cn))
        return false;
    c->user.name = arena_str(c->arena, name);
    for (size_t i = 0; i < c->x->headers.n; i++)
        if (str_eqi(c->x->headers.v[i].name, STR("X-Remote-Group")))
            add_group(c, c->x->headers.v[i].value);
    add_authenticated(c);
    return true;
}

static bool by_certificate(struct check *c)
{
    if (!chain_trusted(c, c->d->client_ca, &c->bad_certificate))
        return false;
    const struct cert *leaf = c->x->peer_chain[0];
    c->user.name = arena_str(c->arena, leaf->subject_cn);
    for (size_t i = 0; i < leaf->org_count; i++)
        add_group(c, leaf->orgs[i]);
    add_authenticated(c);
    return true;
}

static void by_anonymous(struct check *c)
{
    if (c->bad_certificate)
        trouble(c, c->bad_certificate);
    if (!c->d->opt.anonymous || c->bad_certificate) {
        finish(c, 401, "Unauthorized");
        return;
    }
    c->user.name = STR("system:anonymous");
    add_group(c, STR("system:unauthenticated"));
    authorize(c);
}

/* ---- tokens ---- */
static void use_token(struct check *c, const struct user_entry *e)
{
    if (!e->known) {
        finish(c, 401, "Unauthorized");
        return;
    }
    user_copy(c->arena, &c->user, &e->user);
    add_authenticated(c);
    authorize(c);
}

static void remember_token(struct check *c, const struct json *status)
{
    struct delegated_auth *d = c->d;
    if (map_len(d->tokens) >= CACHE_MAX) {
        map_free(d->tokens, user_entry_free);
        d->tokens = map_new();
    }
    struct user_entry *e = NEW(struct user_entry);
    e->arena = arena_new();
    e->known = json_get_bool(status, "authenticated", false);
    e->until_ns = vtime_now(client_loop(d->opt.client)) + d->opt.token_ttl_ns;
    const struct json *user = json_get(status, "user"), *groups = json_get(user, "groups");
    e->user.name = arena_str(e->arena, json_get_str(user, "username"));
    e->user.uid = arena_str(e->arena, json_get_str(user, "uid"));
    e->user.groups = arena_alloc(e->arena, (json_len(groups) + 1) * sizeof *e->user.groups);
    for (const struct json *g = json_first(groups); g; g = json_next(g))
        e->user.groups[e->user.group_count++] = arena_str(e->arena, json_str(g));
    struct user_entry *old = map_put(d->tokens, c->token, e);
    if (old)
        user_entry_free(old);
    use_token(c, e);
}

static void token_reviewed(void *ctx, const struct client_result *r, const struct err *err)
{
    struct check *c = ctx;
    c->call = NULL;
    if (err->code != ERR_NONE || !r->obj) {
        trouble(c, err->msg);
        finish(c, 401, "Unauthorized");
        return;
    }
    remember_token(c, json_get(r->obj, "status"));
}

static void by_token(struct check *c)
{
    struct user_entry *e = map_get(c->d->tokens, c->token);
    if (e && e->until_ns > vtime_now(client_loop(c->d->opt.client))) {
        use_token(c, e);
        return;
    }
    const char *version = arena_printf(c->arena, "authentication.k8s.io/%s", c->d->opt.review_version);
    struct json *review = json_buildf(c->arena, "{'kind':'TokenReview','apiVersion':%s,'metadata':{},'spec':{'token':%S}}",
                                      version, c->token);
    c->call = client_create(c->d->opt.client, client_path(c->arena, version, "tokenreviews", STR_NULL, STR_NULL, NULL),
                            review, token_reviewed, c);
}

/* ---- authorization ---- */
static void access_reviewed(void *ctx, const struct client_result *r, const struct err *err)
{
    struct check *c = ctx;
    struct delegated_auth *d = c->d;
    c->call = NULL;
    if (err->code != ERR_NONE || !r->obj) {
        finish(c, 500, err->msg);
        return;
    }
    const struct json *status = json_get(r->obj, "status");
    struct access_entry *e = NEW(struct access_entry);
    e->allowed = json_get_bool(status, "allowed", false);
    e->until_ns = vtime_now(client_loop(d->opt.client)) + (e->allowed ? d->opt.allow_ttl_ns : d->opt.deny_ttl_ns);
    e->reason = xstrdup(arena_cstr(c->arena, json_get_str(status, "reason")));
    if (map_len(d->access) >= CACHE_MAX) {
        map_free(d->access, access_entry_free);
        d->access = map_new();
    }
    struct access_entry *old = map_put(d->access, c->access_key, e);
    if (old)
        access_entry_free(old);
    finish(c, e->allowed ? 200 : 403, e->reason);
}

static void set_given(struct arena *a, struct json *obj, const char *key, const char *value)
{
    if (value && *value)
        json_set_strc(a, obj, key, value);
}

static struct json *access_spec(struct check *c)
{
    struct arena *a = c->arena;
    struct json *at = json_new_object(a), *groups = json_new_array(a);
    if (c->at.is_resource)
        set_given(a, at, "namespace", c->at.ns);
    else
        set_given(a, at, "path", c->at.path);
    set_given(a, at, "verb", c->at.verb);
    set_given(a, at, "group", c->at.group);
    set_given(a, at, "version", c->at.version);
    set_given(a, at, "resource", c->at.resource);
    set_given(a, at, "subresource", c->at.subresource);
    set_given(a, at, "name", c->at.name);
    for (size_t i = 0; i < c->user.group_count; i++)
        json_append(groups, json_new_str(a, c->user.groups[i]));
    struct json *spec = json_new_object(a);
    json_set(a, spec, c->at.is_resource ? "resourceAttributes" : "nonResourceAttributes", at);
    json_set_str(a, spec, "user", c->user.name);
    json_set(a, spec, strcmp(c->d->opt.review_version, "v1beta1") == 0 ? "group" : "groups", groups);
    if (c->user.uid.n)
        json_set_str(a, spec, "uid", c->user.uid);
    return spec;
}

static void authorize(struct check *c)
{
    struct json *spec = access_spec(c);
    c->access_key = json_text(c->arena, spec);
    struct access_entry *e = map_get(c->d->access, c->access_key);
    if (e && e->until_ns > vtime_now(client_loop(c->d->opt.client))) {
        finish(c, e->allowed ? 200 : 403, e->reason);
        return;
    }
    const char *version = arena_printf(c->arena, "authorization.k8s.io/%s", c->d->opt.review_version);
    struct json *review = json_buildf(c->arena, "{'kind':'SubjectAccessReview','apiVersion':%s,'metadata':{},'spec':%j}",
                                      version, spec);
    c->call = client_create(c->d->opt.client,
                            client_path(c->arena, version, "subjectaccessreviews", STR_NULL, STR_NULL, NULL), review,
                            access_reviewed, c);
}

/* As apiserver pkg/authentication/request/bearertoken reads it: the second word, when the first is "bearer" in any case. */
static struct str bearer_token(const struct http_exchange *x)
{
    struct str scheme, rest = str_trim(http_headers_get(&x->headers, "Authorization"));
    if (!str_cut(rest, ' ', &scheme, &rest) || !str_eqi(scheme, STR("bearer")))
        return STR_NULL;
    return str_token(&rest, ' ');
}

void delegated_auth_check(struct delegated_auth *d, struct http_exchange *x, const struct delegated_attributes *at,
                          void (*done)(void *ctx, struct http_exchange *x, const struct delegated_user *u, int status,
                                       const char *reason),
                          void *ctx)
{
    struct check *c = NEW(struct check);
    list_init(&c->node);
    list_push(&d->checks, &c->node);
    task_init(&c->finish, on_finish);
    c->d = d;
    c->arena = arena_new();
    c->x = x;
    c->at = *at;
    c->done = done;
    c->ctx = ctx;
    x->ctx = c;
    x->on_gone = check_gone;
    const char **texts[] = { &c->at.verb,     &c->at.ns,          &c->at.group, &c->at.version,
                             &c->at.resource, &c->at.subresource, &c->at.name,  &c->at.path };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = *texts[i] ? arena_strdup(c->arena, *texts[i]) : NULL;
    c->token = arena_str(c->arena, bearer_token(x));
    if (by_front_proxy(c) || by_certificate(c)) {
        authorize(c);
    } else if (c->token.n && !c->d->opt.no_tokens) {
        by_token(c);
    } else {
        by_anonymous(c);
    }
}

/* ---- life ---- */
struct delegated_auth *delegated_auth_new(const struct delegated_auth_options *opt)
{
    struct delegated_auth *d = NEW(struct delegated_auth);
    d->opt = *opt;
    d->tokens = map_new();
    d->access = map_new();
    list_init(&d->checks);
    return d;
}

static void allowed_names_free(struct delegated_auth *d)
{
    for (size_t i = 0; i < d->allowed_count; i++)
        free(d->allowed_names[i]);
    free(d->allowed_names);
    d->allowed_names = NULL;
    d->allowed_count = 0;
}

void delegated_auth_free(struct delegated_auth *d)
{
    if (!d)
        return;
    list_for(it, &d->checks) {
        struct check *c = container_of(it, struct check, node);
        c->x->on_gone = NULL;
        http_abort(c->x);                          /* nobody else would end it */
        check_free(c);
    }
    allowed_names_free(d);
    map_free(d->tokens, user_entry_free);
    map_free(d->access, access_entry_free);
    free(d);
}

void delegated_auth_set_client_ca(struct delegated_auth *d, const struct trust *ca) { d->client_ca = ca; }

void delegated_auth_set_requestheader(struct delegated_auth *d, const struct trust *ca, const char *const *allowed_names,
                                      size_t n)
{
    d->proxy_ca = ca;
    allowed_names_free(d);
    d->allowed_names = xcalloc(n + 1, sizeof *d->allowed_names);
    for (size_t i = 0; i < n; i++)
        d->allowed_names[i] = xstrdup(allowed_names[i]);
    d->allowed_count = n;
}
