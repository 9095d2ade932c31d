/* workloads/controllers/tokens.c - every ServiceAccount has a secret with a token
 * (pkg/controller/serviceaccount/tokens_controller.go).
 *
 * A ServiceAccount without a token secret of its own gets one, named <account>-token-<5 random>, and refers to it; a token secret
 * without its account is deleted; one that lacks data (a user may create a bare one) is filled; one that is deleted is struck
 * from its account, which then gets another. From v1.24 on secrets are filled and cleaned up, but no longer made. It runs under
 * the manager's own identity, since all other controllers' identities come from it. Keys: "a/<ns>/<name>" an account,
 * "s/<ns>/<name>" a secret.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define TOKEN_TYPE "kubernetes.io/service-account-token"
#define OWNER_NAME "kubernetes.io/service-account.name"
#define OWNER_UID  "kubernetes.io/service-account.uid"

struct tokens {
    struct ctl       ctl;
    struct ctl_watch accounts, secrets;
    struct rng       rng;
    bool             waiting;                      /* for the key */
};
struct token_job { struct str ns, name; const struct json *account, *secret; struct str secret_name; };

static struct tokens *tokens_of(struct ctl *c) { return container_of(c, struct tokens, ctl); }

static void add(struct ctl *c, char what, struct str ns, struct str name)
{
    struct arena *a = arena_new();
    ctl_add(c, arena_strf(a, "%c/" STR_FMT "/" STR_FMT, what, STR_ARG(ns), STR_ARG(name)));
    arena_free(a);
}

static bool is_token(const struct json *secret) { return str_eqc(json_get_str(secret, "type"), TOKEN_TYPE); }

static bool token_of(const struct json *secret, const struct json *account)
{
    struct str uid = meta_annotation(secret, OWNER_UID);
    return is_token(secret) && str_eq(meta_namespace(secret), meta_namespace(account)) &&
           str_eq(meta_annotation(secret, OWNER_NAME), meta_name(account)) &&
           (uid.n == 0 || str_eq(uid, meta_uid(account)));
}

static void account_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    const struct json *obj = now ? now : old;
    add(c, 'a', meta_namespace(obj), meta_name(obj));
}

static void secret_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    const struct json *obj = now ? now : old;
    if (!is_token(obj))
        return;
    if (now)
        add(c, 's', meta_namespace(obj), meta_name(obj));
    else
        add(c, 'a', meta_namespace(obj), meta_annotation(obj, OWNER_NAME));
}

/* ---- making a token ---- */
static struct str sign(struct sync *s, const struct json *account, struct str secret_name)
{
    struct str ns = meta_namespace(account), name = meta_name(account);
    struct json *claims = json_buildf(s->a,
        "{'iss':'kubernetes/serviceaccount','kubernetes.io/serviceaccount/namespace':%S,'kubernetes.io/serviceaccount/secret.name':%S,"
        "'kubernetes.io/serviceaccount/service-account.name':%S,'kubernetes.io/serviceaccount/service-account.uid':%S,'sub':%S}",
        ns, secret_name, name, meta_uid(account),
        arena_strf(s->a, "system:serviceaccount:" STR_FMT ":" STR_FMT, STR_ARG(ns), STR_ARG(name)));
    return jwt_sign_rs256(s->a, s->c->kcm->opt->sa_key, json_text(s->a, claims));
}

/* Fill what is missing; whether anything was. */
static bool fill(struct sync *s, struct json *secret, const struct json *account)
{
    const struct controller_manager_options *opt = s->c->kcm->opt;
    struct json *data = json_ensure(s->a, secret, "data"),
                *notes = json_ensure(s->a, json_ensure(s->a, secret, "metadata"), "annotations");
    struct str ca = base64_encode(s->a, opt->root_ca_pem), ns = base64_encode(s->a, meta_namespace(account));
    bool changed = false;
    if (opt->root_ca_pem.n && !str_eq(json_get_str(data, "ca.crt"), ca))
        json_set_str(s->a, data, "ca.crt", ca), changed = true;
    if (!json_get_str(data, "namespace").n)
        json_set_str(s->a, data, "namespace", ns), changed = true;
    if (!json_get_str(data, "token").n)
        json_set_str(s->a, data, "token", base64_encode(s->a, sign(s, account, meta_name(secret)))), changed = true;
    if (!str_eq(json_get_str(notes, OWNER_UID), meta_uid(account)))
        json_set_str(s->a, notes, OWNER_UID, meta_uid(account)), changed = true;
    return changed;
}

/* ---- an account ---- */
static bool has_token(struct tokens *t, const struct json *account)
{
    for (const struct json *ref = json_first(json_get(account, "secrets")); ref; ref = json_next(ref)) {
        const struct json *secret = ctl_lookup(&t->secrets, meta_namespace(account), json_get_str(ref, "name"));
        if (secret && token_of(secret, account))
            return true;
    }
    return false;
}

static void drop_dangling(struct tokens *t, struct json *account)
{
    struct json *refs = json_get(account, "secrets");
    for (size_t i = json_len(refs); i-- > 0;) {
        struct str name = json_get_str(json_at(refs, i), "name");
        struct arena *a = arena_new();
        const char *prefix = arena_printf(a, STR_FMT "-token-", STR_ARG(meta_name(account)));
        if (str_starts(name, prefix) && !ctl_lookup(&t->secrets, meta_namespace(account), name))
            json_remove_at(refs, i);
        arena_free(a);
    }
}

static void referred(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct token_job *job = s->data;
    (void)r;
    if (err->code == ERR_NONE)
        return;
    sync_fail(s, err);                             /* nobody refers to the secret: it must not stay */
    sync_delete(s, client_path(s->a, "v1", "secrets", job->ns, job->secret_name, NULL), NULL, NULL, NULL);
}

static void secret_created(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct token_job *job = s->data;
    (void)r;
    if (err->code != ERR_NONE) {
        if (!is_namespace_terminating(err))
            sync_fail(s, err);
        return;
    }
    struct json *account = json_copy(s->a, job->account);
    drop_dangling(tokens_of(s->c), account);
    json_append(json_ensure_array(s->a, account, "secrets"), json_buildf(s->a, "{'name':%S}", job->secret_name));
    sync_update(s, sync_path(s, "v1", "serviceaccounts", account, NULL), account, referred, NULL);
}

static void account_fetched(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct tokens *t = tokens_of(s->c);
    struct token_job *job = s->data;
    if (err->code != ERR_NONE) {
        if (err->code != ERR_NOT_FOUND)
            sync_fail(s, err);
        return;
    }
    job->account = json_copy(s->a, r->obj);
    if (meta_deleting(job->account) || has_token(t, job->account))
        return;
    if (json_len(json_get(job->account, "secrets")) && meta_rv(r->obj) != meta_rv(ctl_lookup(&t->accounts, job->ns, job->name))) {
        s->failed = true;                          /* our view is stale: look again */
        return;
    }
    char suffix[6];
    rng_suffix(&t->rng, suffix, 5);
    job->secret_name = arena_strf(s->a, STR_FMT "-token-%s", STR_ARG(job->name), suffix);
    struct json *secret = json_buildf(s->a, "{'kind':'Secret','apiVersion':'v1','metadata':{'name':%S,'namespace':%S,'annotations':"
                                            "{'" OWNER_NAME "':%S,'" OWNER_UID "':%S}},'data':{},'type':'" TOKEN_TYPE "'}",
                                      job->secret_name, job->ns, job->name,
                                      meta_uid(job->account));
    fill(s, secret, job->account);
    sync_create(s, client_path(s->a, "v1", "secrets", job->ns, STR_NULL, NULL), secret, secret_created, NULL);
}

static void sync_account(struct sync *s, struct token_job *job)
{
    struct tokens *t = tokens_of(s->c);
    const struct json *account = ctl_lookup(&t->accounts, job->ns, job->name);
    if (!account) {
        size_t cursor = 0;                         /* its secrets go with it */
        for (const struct json *secret; ctl_next(&t->secrets, &cursor, &secret);)
            if (is_token(secret) && str_eq(meta_namespace(secret), job->ns) && str_eq(meta_annotation(secret, OWNER_NAME), job->name))
                sync_delete(s, sync_path(s, "v1", "secrets", secret, NULL), delete_options(s->a, secret, NULL), NULL, NULL);
    } else if (s->c->minor < 24 && !meta_deleting(account) && !has_token(t, account)) {
        sync_get(s, client_path(s->a, "v1", "serviceaccounts", job->ns, job->name, NULL), account_fetched, NULL);
    }
}

/* ---- a secret ---- */
static void owner_checked(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct token_job *job = s->data;
    struct str uid = meta_annotation(job->secret, OWNER_UID);
    if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND) {
        sync_fail(s, err);
    } else if (err->code == ERR_NOT_FOUND || (uid.n && !str_eq(uid, meta_uid(r->obj)))) {
        sync_delete(s, sync_path(s, "v1", "secrets", job->secret, NULL), delete_options(s->a, job->secret, NULL), NULL, NULL);
    } else {
        struct json *secret = json_copy(s->a, job->secret);
        if (fill(s, secret, r->obj))
            sync_update(s, sync_path(s, "v1", "secrets", secret, NULL), secret, NULL, NULL);
    }
}

static bool complete(const struct json *secret)
{
    const struct json *data = json_get(secret, "data");
    return json_get_str(data, "token").n && json_get_str(data, "namespace").n && json_get_str(data, "ca.crt").n;
}

static void sync_secret(struct sync *s, struct token_job *job)
{
    struct tokens *t = tokens_of(s->c);
    const struct json *secret = ctl_lookup(&t->secrets, job->ns, job->name);
    if (!secret || !is_token(secret) || meta_deleting(secret))
        return;
    struct str owner = meta_annotation(secret, OWNER_NAME), uid = meta_annotation(secret, OWNER_UID);
    const struct json *account = ctl_lookup(&t->accounts, job->ns, owner);
    if (account && uid.n && str_eq(uid, meta_uid(account)) && complete(secret))
        return;
    job->secret = json_copy(s->a, secret);         /* the account may be newer than our view of it: ask */
    sync_get(s, client_path(s->a, "v1", "serviceaccounts", job->ns, owner, NULL), owner_checked, NULL);
}

static void sync_token(struct sync *s)
{
    struct token_job *job = ARENA_NEW(s->a, struct token_job);
    struct str rest = str_sub(s->key, 2, s->key.n);
    str_cut(rest, '/', &job->ns, &job->name);
    s->data = job;
    if (s->key.p[0] == 'a')
        sync_account(s, job);
    else
        sync_secret(s, job);
    sync_wait(s, sync_end);
}

/* ---- life ---- */
static void *start(const struct controller_context *cc)
{
    struct tokens *t = NEW(struct tokens);
    ctl_init(&t->ctl, cc, "serviceaccount-token", 5, sync_token);
    rng_init(&t->rng, cc->loop, "service account token names");
    if (!kcm_of(cc)->opt->sa_key) {
        t->waiting = true;
        ctl_hold(&t->ctl);
    }
    ctl_watch(&t->ctl, &t->accounts, "v1", "serviceaccounts", account_seen);
    ctl_watch(&t->ctl, &t->secrets, "v1", "secrets", secret_seen);
    return t;
}

void tokens_key_arrived(void *state)
{
    struct tokens *t = state;
    if (!t->waiting)
        return;
    t->waiting = false;
    ctl_release(&t->ctl);
}

static void stop(void *state)
{
    struct tokens *t = state;
    ctl_deinit(&t->ctl);
    free(t);
}

const struct controller_ops tokens_controller = { .name = "serviceaccount-token", .service_account = NULL, .start = start,
                                                  .stop = stop };
