/* apiserver/start.c - what the API server writes itself: once at the start, and what it keeps true.
 *
 * Upstream: pkg/controlplane/controller.go (the bootstrap controller: every ten seconds the four namespaces, the kubernetes
 * Service and its Endpoints), pkg/registry/{rbac,scheduling}/rest (bootstrap data), pkg/controlplane/client_ca_hook.go
 * (extension-apiserver-authentication).
 */
#include <stdlib.h>

#include "apiserver/aggregator/aggregator.h"
#include "apiserver/auth/auth.h"
#include "apiserver/registry/registry.h"

enum { RECONCILE_S = 10 };
struct start_hooks { struct apiserver *as; struct timer timer; int64_t true_rev; /* all was as it should be at this revision;
                     0: it was not */ };

static bool ensure(struct apiserver *as, struct arena *a, const char *group, const char *version, const char *resource,
                   bool update, struct json *obj, struct err *err)
{
    if (!registry_find(as, str_c(group), str_c(version), str_c(resource), STR(""))) return true;
    return registry_ensure(as, group, version, resource, obj, update, a, err);
}

static bool namespaces(struct apiserver *as, struct arena *a, struct err *err)
{
    static const char *const names[] = { "default", "kube-system", "kube-public", "kube-node-lease" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!ensure(as, a, "", "v1", "namespaces", false,
                    json_buildf(a, "{'kind':'Namespace','apiVersion':'v1','metadata':{'name':%s}}", names[i]), err))
            return false;
    return true;
}

static bool kubernetes_service(struct apiserver *as, struct arena *a, struct err *err)
{
    struct json *svc = json_buildf(a,
                                   "{'kind':'Service','apiVersion':'v1','metadata':{'name':'kubernetes','namespace':'default',"
                                   "'labels':"
        "{'component':'apiserver','provider':'kubernetes'}},'spec':{'ports':[{'name':'https','protocol':'TCP','port':443,"
        "'targetPort':%d}],"
        "'clusterIP':%S,'type':'ClusterIP','sessionAffinity':'None'}}", (int64_t)as->opt.secure_port,
        alloc_first_ip(as->registry->alloc, a));
    return ensure(as, a, "", "v1", "services", false, svc, err);
}

static bool kubernetes_endpoints(struct apiserver *as, struct arena *a, struct err *err)
{
    const char *ip = as->opt.advertise_ip;
    int64_t port = as->opt.secure_port;
    struct json *ep = json_buildf(a, "{'kind':'Endpoints','apiVersion':'v1','metadata':{'name':'kubernetes','namespace':'default'},"
                                  "'subsets':[{'addresses':[{'ip':%s}],'ports':[{'name':'https','port':%d,'protocol':'TCP'}]}]}",
                                  ip, port);
    if (as->opt.minor >= 19)
        json_set_strc(a, json_ensure(a, json_get(ep, "metadata"), "labels"), "endpointslice.kubernetes.io/skip-mirror", "true");
    if (!ensure(as, a, "", "v1", "endpoints", true, ep, err)) return false;
    const char *version = as->opt.minor >= 21 ? "v1" : "v1beta1";
    struct json *slice = json_buildf(a,
                                     "{'kind':'EndpointSlice','apiVersion':%s,'metadata':{'name':'kubernetes',"
                                     "'namespace':'default','labels':"
        "{'kubernetes.io/service-name':'kubernetes'}},'addressType':'IPv4','endpoints':[{'addresses':[%s],"
        "'conditions':{'ready':true}}],"
        "'ports':[{'name':'https','port':%d,'protocol':'TCP'}]}", arena_printf(a, "discovery.k8s.io/%s", version), ip, port);
    return as->opt.minor < 19 || ensure(as, a, "discovery.k8s.io", version, "endpointslices", true, slice, err);
}

static bool priority_classes(struct apiserver *as, struct arena *a, struct err *err)
{
    static const struct { const char *name; int64_t value; const char *text; } classes[] = {
        { "system-node-critical", 2000001000, "Used for system critical pods that must not be moved from their current node." },
        { "system-cluster-critical", 2000000000,
          "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary." } };
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        struct json *pc = json_buildf(a,
                                      "{'kind':'PriorityClass','apiVersion':'scheduling.k8s.io/v1','metadata':{'name':%s},"
                                      "'value':%d,'description':%s}",
                                      classes[i].name, classes[i].value, classes[i].text);
        if (!ensure(as, a, "scheduling.k8s.io", "v1", "priorityclasses", false, pc, err)) return false;
    }
    return true;
}

static struct str words_json(struct arena *a, const struct word_list *l, const char *usual)
{
    struct json *list = json_new_array(a);
    for (size_t i = 0; i < l->n; i++) json_append(list, json_new_str(a, l->v[i]));
    if (!l->n) json_append(list, json_new_strc(a, usual));
    return json_text(a, list);
}

/* For extension servers, which trust the front proxy and clients through it. */
static bool authentication_config(struct apiserver *as, struct arena *a, struct err *err)
{
    struct json *data = json_new_object(a);
    if (as->opt.client_ca_pem.n) json_set_str(a, data, "client-ca-file", as->opt.client_ca_pem);
    if (as->opt.requestheader_ca_pem.n) {
        const struct apiserver_policy *p = &as->opt.policy;
        json_set_str(a, data, "requestheader-allowed-names",
                     p->proxy_any_name ? STR("[]") : words_json(a, &p->proxy_names, "front-proxy-client"));
        json_set_str(a, data, "requestheader-client-ca-file", as->opt.requestheader_ca_pem);
        json_set_str(a, data, "requestheader-extra-headers-prefix", words_json(a, &p->extra_prefixes, "X-Remote-Extra-"));
        json_set_str(a, data, "requestheader-group-headers", words_json(a, &p->group_headers, "X-Remote-Group"));
        json_set_str(a, data, "requestheader-username-headers", words_json(a, &p->user_headers, "X-Remote-User"));
    }
    if (!json_len(data)) return true;
    struct json *cm = json_buildf(a,
                                  "{'kind':'ConfigMap','apiVersion':'v1','metadata':{'name':'extension-apiserver-authentication',"
                                  "'namespace':'kube-system'},'data':%j}", data);
    return ensure(as, a, "", "v1", "configmaps", true, cm, err);
}

static bool bootstrap_rbac(struct apiserver *as, struct arena *a, struct err *err) { (void)a; return authz_bootstrap(as, err); }

static bool register_local(struct apiserver *as, struct arena *a, struct err *err)
{
    (void)a;
    return aggregator_register_local(as, err);
}

struct start_hook { const char *name; bool (*fn)(struct apiserver *as, struct arena *a, struct err *err); bool again; };
static const struct start_hook hooks[] = {
    { "system namespaces", namespaces, true }, { "kubernetes service", kubernetes_service, true },
    { "kubernetes endpoints", kubernetes_endpoints, true },
    { "rbac/bootstrap-roles", bootstrap_rbac, false }, { "scheduling/bootstrap-system-priority-classes", priority_classes, false },
    { "apiservice-registration", register_local, false }, { "ca-registration", authentication_config, false },
};

/* All hooks until they have all succeeded once; then those that keep something true. */
static bool run_hooks(struct apiserver *as)
{
    bool ok = true, first = !as->ready;
    if (!apiserver_storage_up(as)) return false;
    for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
        if (!first && !hooks[i].again) continue;
        struct arena *a = arena_new();
        struct err err = { 0 };
        if (!hooks[i].fn(as, a, &err)) {
            log_msg(LOG_WARN, "apiserver", "poststarthook/%s: %s", hooks[i].name, err.msg);
            ok = false;
        }
        err_clear(&err);
        arena_free(a);
    }
    as->ready |= ok;
    return ok;
}

/* Has nobody written what the hooks look after since all of it was true? Then there is nothing to look at. */
static bool still_true(const struct start_hooks *h)
{
    static const char *const kept[] = { "/registry/core/namespaces/", "/registry/core/services/default/",
                                        "/registry/core/endpoints/default/",
                                        "/registry/discovery.k8s.io/endpointslices/default/" };
    bool same = h->true_rev > 0;
    for (size_t i = 0; same && i < ARRAY_LEN(kept); i++) same = !store_touched(h->as->store, str_c(kept[i]), h->true_rev);
    return same && apiserver_storage_up(h->as);
}

static void reconcile(struct start_hooks *h)
{
    h->true_rev = still_true(h) || run_hooks(h->as) ? store_revision(h->as->store) : 0;
}

static void on_timer(struct timer *t)
{
    struct start_hooks *h = container_of(t, struct start_hooks, timer);
    reconcile(h);
    timer_start(t, RECONCILE_S * (int64_t)NS_PER_S);
}

struct start_hooks *start_hooks_new(struct apiserver *as)
{
    struct start_hooks *h = NEW(struct start_hooks);
    h->as = as;
    timer_init(&h->timer, as->loop, on_timer);
    reconcile(h);
    timer_start(&h->timer, RECONCILE_S * (int64_t)NS_PER_S);
    return h;
}

void start_hooks_free(struct start_hooks *h)
{
    if (!h) return;
    timer_stop(&h->timer);
    free(h);
}
