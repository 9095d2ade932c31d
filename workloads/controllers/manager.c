/* workloads/controllers/manager.c - kube-controller-manager: who runs, as whom, and in which order
 * (cmd/kube-controller-manager/app).
 *
 * Order: leader election; then the tokens controller, under the manager's own identity; then a ServiceAccount for each controller
 * that upstream's manager of this version starts (also for those that we lack: `kubectl get sa -n kube-system` lists them all);
 * and each controller of ours as soon as the token of its account exists, with a client that presents this token
 * (SAControllerClientBuilder). Informers are shared, under the manager's identity. From v1.24 on, where secrets are no longer
 * made by themselves, tokens come from TokenRequest, for a year.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOKEN_LIFE_S = 365 * 24 * 3600 };

/* Upstream's controllers in the order of their start; ops NULL: not ours, only its account is made. */
static const struct upstream { const char *account; int since; const struct controller_ops *ops[2]; } upstream[] = {
    { "endpoint-controller", 16, { &endpoints_controller } },
    { "endpointslice-controller", 20, { &endpointslice_controller } },
    { "endpointslicemirroring-controller", 20, { NULL } },
    { "replication-controller", 16, { &replication_controller } },
    { "pod-garbage-collector", 16, { &pod_gc_controller } },
    { "resourcequota-controller", 16, { &resourcequota_controller } },
    { "namespace-controller", 16, { &namespace_controller } },
    { "service-account-controller", 16, { &serviceaccount_controller } },
    { "generic-garbage-collector", 16, { &garbage_collector } },
    { "daemon-set-controller", 16, { &daemonset_controller } },
    { "job-controller", 16, { &job_controller } },
    { "deployment-controller", 16, { &deployment_controller } },
    { "replicaset-controller", 16, { &replicaset_controller } },
    { "horizontal-pod-autoscaler", 16, { NULL } },
    { "disruption-controller", 16, { &disruption_controller } },
    { "statefulset-controller", 16, { &statefulset_controller } },
    { "cronjob-controller", 16, { &cronjob_controller } },
    { "certificate-controller", 16, { &csr_controller } },
    { "ttl-controller", 16, { &ttl_controller } },
    { "bootstrap-signer", 16, { &bootstrap_signer } },
    { "token-cleaner", 16, { &token_cleaner } },
    { "node-controller", 16, { &node_lifecycle_controller } },
    { "service-controller", 16, { NULL } },
    { "persistent-volume-binder", 16, { &volume_binder } },
    { "attachdetach-controller", 16, { NULL } },
    { "expand-controller", 16, { NULL } },
    { "clusterrole-aggregation-controller", 16, { &clusterrole_aggregation_controller } },
    { "pvc-protection-controller", 16, { &pvc_protection_controller } },
    { "pv-protection-controller", 16, { &pv_protection_controller } },
    { "root-ca-cert-publisher", 20, { &root_ca_controller } },
    { "ephemeral-volume-controller", 23, { NULL } },
    { "ttl-after-finished-controller", 21, { NULL } },
    { "legacy-service-account-token-cleaner", 28, { NULL } },
    { "validatingadmissionpolicy-status-controller", 30, { NULL } },
    { "service-cidrs-controller", 33, { NULL } },
    { "resource-claim-controller", 34, { NULL } },
};

struct runner {                        /* one controller */
    struct kcm_context context;
    struct controller_manager *m;
    const struct controller_ops *ops;
    struct client     *client;
    struct client_call *asking;        /* TokenRequest */
    void              *state;
};

struct controller_manager {
    struct controller_manager_options opt;
    struct leader_election *election;
    char             identity[LEADER_IDENTITY_MAX];
    struct kcm_context tokens_context;
    void            *tokens;
    struct runner   *runners;
    size_t           runner_count;
    struct informer *accounts, *secrets;
    struct informer_handler on_account, on_secret;
    struct list      creating;         /* struct creation */
};
struct creation { struct list node; struct controller_manager *m; struct client_call *call; const char *account; struct timer retry; };

/* ---- starting one ---- */
static void launch(struct runner *r, struct str token)
{
    struct controller_manager *m = r->m;
    r->client = m->opt.client_with_token(m->opt.ctx, r->ops->service_account, token);
    r->context.cc.client = r->client;
    r->state = r->ops->start(&r->context.cc);
}

static const struct json *token_secret(struct controller_manager *m, const struct json *account)
{
    size_t cursor = 0;
    for (struct object *o; informer_next(m->secrets, &cursor, &o);) {
        const struct json *secret = object_json(o);
        if (str_eqc(meta_namespace(secret), "kube-system") &&
            str_eqc(json_get_str(secret, "type"), "kubernetes.io/service-account-token") &&
            str_eq(meta_annotation(secret, "kubernetes.io/service-account.uid"), meta_uid(account)) &&
            json_path_str(secret, "data.token").n)
            return secret;
    }
    return NULL;
}

static void token_issued(void *ctx, const struct client_result *res, const struct err *err)
{
    struct runner *r = ctx;
    r->asking = NULL;
    if (err->code == ERR_NONE)
        launch(r, json_path_str(res->obj, "status.token"));
    else
        log_msg(LOG_WARN, "kcm", "no token for %s: %s", r->ops->service_account, err->msg);
}

static void ask_token(struct runner *r, struct arena *a)
{
    struct json *request = json_buildf(a,
                                       "{'kind':'TokenRequest','apiVersion':'authentication.k8s.io/v1','spec':{'audiences':[],"
                                       "'expirationSeconds':%d}}", (int64_t)TOKEN_LIFE_S);
    r->asking = client_create(r->m->opt.client,
                              client_path(a, "v1", "serviceaccounts", STR("kube-system"), str_c(r->ops->service_account), "token"),
                              request, token_issued, r);
}

static void try_launch(struct runner *r)
{
    struct controller_manager *m = r->m;
    if (r->state || r->asking)
        return;
    struct arena *a = arena_new();
    struct object *account = informer_get(m->accounts, arena_strf(a, "kube-system/%s", r->ops->service_account));
    if (account && m->opt.minor >= 24) {
        if (m->opt.sa_key)
            ask_token(r, a);
    } else if (account) {
        const struct json *secret = token_secret(m, object_json(account));
        struct str token;
        if (secret && base64_decode(a, json_path_str(secret, "data.token"), &token))
            launch(r, token);
    }
    arena_free(a);
}

static void try_all(struct controller_manager *m)
{
    for (size_t i = 0; i < m->runner_count; i++)
        try_launch(&m->runners[i]);
}

static void account_seen(void *ctx, struct object *o)
{
    struct controller_manager *m = ctx;
    struct str name = meta_name(object_json(o));
    for (size_t i = 0; i < m->runner_count; i++)
        if (str_eqc(name, m->runners[i].ops->service_account))
            try_launch(&m->runners[i]);
}

static void secret_seen(void *ctx, struct object *o)
{
    struct controller_manager *m = ctx;
    struct str account = meta_annotation(object_json(o), "kubernetes.io/service-account.name");
    for (size_t i = 0; account.n && i < m->runner_count; i++)
        if (str_eqc(account, m->runners[i].ops->service_account))
            try_launch(&m->runners[i]);
}

/* ---- accounts ---- */
static void creation_send(struct creation *c);

static void creation_free(struct creation *c)
{
    list_remove(&c->node);
    timer_stop(&c->retry);
    free(c);
}

static void creation_retry(struct timer *t) { creation_send(container_of(t, struct creation, retry)); }

static void account_created(void *ctx, const struct client_result *res, const struct err *err)
{
    struct creation *c = ctx;
    (void)res;
    c->call = NULL;
    if (err->code == ERR_NONE || err->code == ERR_ALREADY_EXISTS) {
        creation_free(c);
        return;
    }
    log_msg(LOG_INFO, "kcm", "service account %s: %s", c->account, err->msg);
    timer_start(&c->retry, SECOND);
}

static void creation_send(struct creation *c)
{
    struct arena *a = arena_new();
    struct json *account = json_buildf(a,
                                       "{'kind':'ServiceAccount','apiVersion':'v1','metadata':{'name':%s,"
                                       "'namespace':'kube-system'}}", c->account);
    c->call = client_create(c->m->opt.client, client_path(a, "v1", "serviceaccounts", STR("kube-system"), STR_NULL, NULL), account,
                            account_created, c);
    arena_free(a);
}

static void ensure_account(struct controller_manager *m, const char *account)
{
    struct arena *a = arena_new();
    bool there = informer_get(m->accounts, arena_strf(a, "kube-system/%s", account));
    arena_free(a);
    if (there)
        return;
    struct creation *c = NEW(struct creation);
    list_init(&c->node);
    list_push(&m->creating, &c->node);
    c->m = m;
    c->account = account;
    timer_init(&c->retry, m->opt.loop, creation_retry);
    creation_send(c);
}

static void accounts_synced(void *ctx)
{
    struct controller_manager *m = ctx;
    for (size_t i = 0; i < ARRAY_LEN(upstream); i++)
        if (m->opt.minor >= upstream[i].since)
            ensure_account(m, upstream[i].account);
    for (size_t i = 0; i < m->runner_count; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(upstream); k++)
            known = known || (m->opt.minor >= upstream[k].since &&
                              strcmp(upstream[k].account, m->runners[i].ops->service_account) == 0);
        if (!known)
            ensure_account(m, m->runners[i].ops->service_account);
    }
    try_all(m);
}

/* ---- the whole ---- */
static struct kcm_context context_of(struct controller_manager *m, struct client *own)
{
    return (struct kcm_context){ .cc = { .loop = m->opt.loop, .client = own, .minor = m->opt.minor, .flags = m->opt.flags,
                                         .note = m->opt.note,
                                         .note_ctx = m->opt.note_ctx }, .shared = m->opt.client, .opt = &m->opt };
}

/* --controllers: a name, "-name", or "*" for all that are on by default (controller-manager pkg/app, IsControllerEnabled). */
static bool is_enabled(const struct controller_manager *m, const char *name)
{
    static const char *const off_by_default[] = { "bootstrapsigner", "tokencleaner" };
    struct str rest = json_get_str(m->opt.flags, "controllers");
    bool all = !rest.n;
    if (!m->opt.flags)
        return true;
    while (rest.p && rest.n) {
        struct str word = str_trim(str_token(&rest, ','));
        if (str_eqc(word, name))
            return true;
        if (word.n && word.p[0] == '-' && str_eqc(str_sub(word, 1, word.n), name))
            return false;
        all = all || str_eqc(word, "*");
    }
    for (size_t i = 0; i < ARRAY_LEN(off_by_default); i++)
        all = all && strcmp(name, off_by_default[i]) != 0;
    return all;
}

static void add_runner(struct controller_manager *m, const struct controller_ops *ops)
{
    if (!is_enabled(m, ops->name))
        return;
    struct runner *r = &m->runners[m->runner_count++];
    *r = (struct runner){ .m = m, .ops = ops, .context = context_of(m, NULL) };
}

static void lead(void *ctx)
{
    struct controller_manager *m = ctx;
    if (m->tokens)
        return;
    m->tokens_context = context_of(m, m->opt.client);
    m->tokens = tokens_controller.start(&m->tokens_context.cc);
    m->accounts = informer_shared(m->opt.client, "/api/v1/serviceaccounts", "");
    m->secrets = informer_shared(m->opt.client, "/api/v1/secrets", "");
    m->on_account = (struct informer_handler){ .on_add = account_seen, .ctx = m };
    m->on_secret = (struct informer_handler){ .on_add = secret_seen, .ctx = m };
    informer_add_handler(m->accounts, &m->on_account);
    informer_add_handler(m->secrets, &m->on_secret);
    informer_on_sync(m->accounts, accounts_synced, m);
}

/* Upstream exits, and is started again by the kubelet. */
static void stop_leading(void *ctx)
{
    struct controller_manager *m = ctx;
    if (m->opt.lost)
        m->opt.lost(m->opt.lost_ctx);
}

struct controller_manager *controller_manager_start(const struct controller_manager_options *opt)
{
    struct controller_manager *m = NEW(struct controller_manager);
    size_t extra = 0;
    m->opt = *opt;
    list_init(&m->creating);
    while (opt->extra && opt->extra[extra])
        extra++;
    m->runners = xcalloc(2 * ARRAY_LEN(upstream) + extra, sizeof *m->runners);
    for (size_t i = 0; i < ARRAY_LEN(upstream); i++)
        for (size_t k = 0; k < ARRAY_LEN(upstream[i].ops) && upstream[i].ops[k]; k++)
            if (opt->minor >= upstream[i].since)
                add_runner(m, upstream[i].ops[k]);
    for (size_t i = 0; i < extra; i++)
        add_runner(m, opt->extra[i]);
    if (opt->leader_elect)
        leader_identity("ubuntu", opt->instance, m->identity);
    if (opt->leader_elect)
        m->election = leader_election_new(opt->client, "kube-controller-manager", m->identity, opt->minor >= 20, lead,
                                          stop_leading, m);
    else
        lead(m);
    return m;
}

void controller_manager_set_sa_key(struct controller_manager *m, struct key *k)
{
    m->opt.sa_key = k;
    if (!m->tokens)
        return;
    tokens_key_arrived(m->tokens);
    if (m->opt.minor >= 24 && informer_synced(m->accounts))
        try_all(m);
}

void controller_manager_free(struct controller_manager *m)
{
    if (!m)
        return;
    leader_election_free(m->election);
    for (size_t i = 0; i < m->runner_count; i++) {
        struct runner *r = &m->runners[i];
        if (r->asking)
            client_cancel(r->asking);
        if (r->state)
            r->ops->stop(r->state);
        client_free(r->client);
    }
    list_for(it, &m->creating) {
        struct creation *c = container_of(it, struct creation, node);
        if (c->call)
            client_cancel(c->call);
        creation_free(c);
    }
    if (m->tokens) {
        tokens_controller.stop(m->tokens);
        informer_remove_handler(m->accounts, &m->on_account);
        informer_remove_handler(m->secrets, &m->on_secret);
    }
    free(m->runners);
    free(m);
}
