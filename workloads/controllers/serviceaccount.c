/* workloads/controllers/serviceaccount.c - what every namespace holds: the ServiceAccount "default", and from v1.20 on the
 * ConfigMap kube-root-ca.crt.
 *
 * Upstream: pkg/controller/serviceaccount/serviceaccounts_controller.go, pkg/controller/certificates/rootcacertpublisher. Both
 * re-create what a user deletes.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define ROOT_CA_NAME "kube-root-ca.crt"
#define ROOT_CA_NOTE "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such "  \
                     "as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across "     \
                     "distributions of Kubernetes clusters."

struct per_namespace { struct ctl ctl; struct ctl_watch namespaces, objects; };

static struct per_namespace *of(struct ctl *c) { return container_of(c, struct per_namespace, ctl); }

static void add_namespace(struct ctl *c, const struct json *obj)
{
    ctl_add(c, meta_namespace(obj));
}

static void created(struct op *op, const struct client_result *r, const struct err *err)
{
    (void)r;
    if (err->code != ERR_NONE && err->code != ERR_ALREADY_EXISTS && err->code != ERR_NOT_FOUND && !is_namespace_terminating(err))
        sync_fail(op->s, err);
}

static bool live(struct sync *s)
{
    const struct json *ns = ctl_get(&of(s->c)->namespaces, s->name);
    return ns && !meta_deleting(ns) && !str_eqc(json_path_str(ns, "status.phase"), "Terminating");
}

/* ---- default service accounts ---- */
static void account_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    if (!now && str_eqc(meta_name(old), "default"))
        add_namespace(c, old);
}

static void sync_account(struct sync *s)
{
    if (live(s) && !ctl_lookup(&of(s->c)->objects, s->name, STR("default")))
        sync_create(s, client_path(s->a, "v1", "serviceaccounts", s->name, STR_NULL, NULL),
                    json_buildf(s->a, "{'kind':'ServiceAccount','apiVersion':'v1','metadata':{'name':'default','namespace':%S}}",
                                s->name), created, NULL);
    sync_wait(s, sync_end);
}

static void *start_accounts(const struct controller_context *cc)
{
    struct per_namespace *p = NEW(struct per_namespace);
    ctl_init(&p->ctl, cc, "serviceaccount", 1, sync_account);
    ctl_watch(&p->ctl, &p->objects, "v1", "serviceaccounts", account_seen);
    ctl_watch(&p->ctl, &p->namespaces, "v1", "namespaces", ctl_seen_enqueue);
    return p;
}

/* ---- the root certificate ---- */
static void config_map_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    const struct json *obj = now ? now : old;
    if (str_eqc(meta_name(obj), ROOT_CA_NAME) && old)
        add_namespace(c, obj);
}

static void sync_root_ca(struct sync *s)
{
    struct str pem = s->c->kcm->opt->root_ca_pem;
    const struct json *have = ctl_lookup(&of(s->c)->objects, s->name, STR(ROOT_CA_NAME));
    struct json *want = json_buildf(s->a, "{'kind':'ConfigMap','apiVersion':'v1','metadata':{'name':'" ROOT_CA_NAME "','namespace"
                                          "':%S},'data':{'ca.crt':%S}}", s->name, pem);
    if (s->c->minor >= 24)
        json_set(s->a, json_get(want, "metadata"), "annotations", json_buildf(s->a, "{'kubernetes.io/description':%s}", ROOT_CA_NOTE));
    if (!live(s)) {
        sync_end(s);
        return;
    }
    if (!have) {
        sync_create(s, client_path(s->a, "v1", "configmaps", s->name, STR_NULL, NULL), want, created, NULL);
    } else if (!json_equal(json_get(have, "data"), json_get(want, "data"))) {
        struct json *fixed = json_copy(s->a, have);
        json_set(s->a, fixed, "data", json_get(want, "data"));
        sync_update(s, sync_path(s, "v1", "configmaps", have, NULL), json_copy(s->a, fixed), NULL, NULL);
    }
    sync_wait(s, sync_end);
}

static void *start_root_ca(const struct controller_context *cc)
{
    struct per_namespace *p = NEW(struct per_namespace);
    ctl_init(&p->ctl, cc, "root-ca-cert-publisher", 1, sync_root_ca);
    ctl_watch(&p->ctl, &p->objects, "v1", "configmaps", config_map_seen);
    ctl_watch(&p->ctl, &p->namespaces, "v1", "namespaces", ctl_seen_enqueue);
    return p;
}

static void stop(void *state)
{
    struct per_namespace *p = state;
    ctl_deinit(&p->ctl);
    free(p);
}

const struct controller_ops serviceaccount_controller = { "serviceaccount", "service-account-controller", start_accounts, stop };
const struct controller_ops root_ca_controller = { "root-ca-cert-publisher", "root-ca-cert-publisher", start_root_ca, stop };
