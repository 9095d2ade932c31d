/* workloads/controllers/endpointslice.c - who stands behind a Service, in slices (pkg/controller/endpointslice), from v1.20 on.
 *
 * One slice per set of port numbers, of at most 100 endpoints, named <service>-<5 random> by the API server. Simplified: IPv4, no
 * topology hints; slices are filled in the order of the pods, and rewritten when anything in them differs.
 */
#include "workloads/controllers/endpoints.h"

#include <stdlib.h>

enum { SLICE_MAX = 100 };
#define MANAGED_BY "endpointslice-controller.k8s.io"

struct slices { struct ctl ctl; struct ctl_watch services, pods, slices; const char *api; };

static struct slices *of(struct ctl *c) { return container_of(c, struct slices, ctl); }

static void pod_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    services_pod_seen(c, &of(c)->services, old, now);
}

static void slice_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    struct arena *a = arena_new();
    if (old && str_eqc(meta_label(old, "endpointslice.kubernetes.io/managed-by"), MANAGED_BY) &&
        (!now || !json_equal(json_get(old, "endpoints"), json_get(now, "endpoints"))))
        ctl_add(c, arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(meta_namespace(old)),
                              STR_ARG(meta_label(old, "kubernetes.io/service-name"))));
    arena_free(a);
}

/* ---- what should be ---- */
static struct json *ports_of(struct sync *s, const struct json *svc, const struct json *pod)
{
    struct json *ports = json_new_array(s->a);
    for (const struct json *p = json_first(json_path(svc, "spec.ports")); p; p = json_next(p)) {
        int64_t number;
        if (service_port_on_pod(p, pod, &number))
            json_append(ports, json_buildf(s->a, "{'name':%S,'protocol':%S,'port':%d}", json_get_str(p, "name"),
                                           json_get_str(p, "protocol").n ? json_get_str(p, "protocol") : STR("TCP"), number));
    }
    return ports;
}

static struct json *endpoint_of(struct sync *s, const struct json *svc, const struct json *pod)
{
    bool ready = pod_is_ready(pod), gone = meta_deleting(pod), all = service_publishes_not_ready(svc);
    struct str node = json_path_str(pod, "spec.nodeName"), hostname = json_path_str(pod, "spec.hostname");
    struct json *e = json_buildf(s->a,
                                 "{'addresses':[%S],'conditions':{'ready':%b},'targetRef':{'kind':'Pod','namespace':%S,'name':%S,"
                                 "'uid':%S}}", json_path_str(pod, "status.podIP"),
                                 all || (ready && !gone), meta_namespace(pod), meta_name(pod), meta_uid(pod));
    if (s->c->minor >= 22) {
        json_set_bool(s->a, json_get(e, "conditions"), "serving", ready);
        json_set_bool(s->a, json_get(e, "conditions"), "terminating", gone);
        json_set_str(s->a, e, "nodeName", node);
    } else {
        json_set_str(s->a, json_get(e, "targetRef"), "resourceVersion", json_path_str(pod, "metadata.resourceVersion"));
        json_set(s->a, e, "topology", json_buildf(s->a, "{'kubernetes.io/hostname':%S}", node));
    }
    if (hostname.n && str_eq(json_path_str(pod, "spec.subdomain"), meta_name(svc)))
        json_set_str(s->a, e, "hostname", hostname);
    return e;
}

static struct json *slice_with(struct sync *s, struct json *all, struct json *ports)
{
    for (struct json *slice = json_first(all); slice; slice = json_next(slice))
        if (json_equal(json_get(slice, "ports"), ports) && json_len(json_get(slice, "endpoints")) < SLICE_MAX)
            return slice;
    struct json *slice = json_buildf(s->a, "{'addressType':'IPv4','endpoints':[],'ports':%j}", ports);
    json_append(all, slice);
    return slice;
}

static struct json *wanted(struct sync *s, const struct json *svc)
{
    struct slices *x = of(s->c);
    const struct json **pods = arena_alloc(s->a, (informer_count(x->pods.informer) + 1) * sizeof *pods);
    size_t n = pods_of_service(s->a, &x->pods, svc, pods);
    struct json *all = json_new_array(s->a);
    for (size_t i = 0; i < n; i++) {
        struct str phase = json_path_str(pods[i], "status.phase");
        bool skip = s->c->minor >= 22 ? str_eqc(phase, "Succeeded") || str_eqc(phase, "Failed")
                    : meta_deleting(pods[i]) && !service_publishes_not_ready(svc);
        if (!skip && json_path_str(pods[i], "status.podIP").n && json_path_str(pods[i], "spec.nodeName").n)
            json_append(json_get(slice_with(s, all, ports_of(s, svc, pods[i])), "endpoints"), endpoint_of(s, svc, pods[i]));
    }
    if (json_len(all) == 0)            /* a Service without pods has one empty slice */
        json_append(all, json_buildf(s->a, "{'addressType':'IPv4','endpoints':[],'ports':[]}"));
    return all;
}

static struct json *labels_of(struct sync *s, const struct json *svc)
{
    struct json *labels = meta_labels(svc) ? json_copy(s->a, meta_labels(svc)) : json_new_object(s->a);
    struct str ip = json_path_str(svc, "spec.clusterIP");
    json_set_strc(s->a, labels, "endpointslice.kubernetes.io/managed-by", MANAGED_BY);
    json_set_str(s->a, labels, "kubernetes.io/service-name", meta_name(svc));
    if (ip.n == 0 || str_eqc(ip, "None"))
        json_set_strc(s->a, labels, "service.kubernetes.io/headless", "");
    return labels;
}

/* ---- writing ---- */
static void written(struct op *op, const struct client_result *r, const struct err *err)
{
    (void)r;
    if (err->code != ERR_NONE && !is_namespace_terminating(err))
        sync_fail(op->s, err);
}

static void create_slice(struct sync *s, const struct json *svc, struct json *slice)
{
    json_set_strc(s->a, slice, "kind", "EndpointSlice");
    json_set_strc(s->a, slice, "apiVersion", of(s->c)->api);
    json_set(s->a, slice, "metadata",
             json_buildf(s->a, "{'generateName':%S,'namespace':%S,'labels':%j,'ownerReferences':[%j]}",
                         arena_strf(s->a, STR_FMT "-", STR_ARG(s->name)), s->ns,
                                                  labels_of(s, svc), meta_owner_ref(s->a, "v1", "Service", s->name, meta_uid(svc))));
    sync_create(s, client_path(s->a, of(s->c)->api, "endpointslices", s->ns, STR_NULL, NULL), slice, written, NULL);
}

/* Lists that are empty may come back as null or absent. */
static bool same_list(const struct json *a, const struct json *b) { return json_len(a) == 0 ? json_len(b) == 0 : json_equal(a, b); }

static void reconcile(struct sync *s, const struct json *svc, struct json *want)
{
    struct slices *x = of(s->c);
    struct json *labels = labels_of(s, svc);
    size_t cursor = 0;
    for (const struct json *have; ctl_next(&x->slices, &cursor, &have);) {
        if (!str_eq(meta_namespace(have), s->ns) || !str_eq(meta_label(have, "kubernetes.io/service-name"), s->name) ||
            !str_eqc(meta_label(have, "endpointslice.kubernetes.io/managed-by"), MANAGED_BY) || meta_deleting(have))
            continue;
        struct json *slice = json_remove_at(want, 0);
        if (!slice) {
            sync_delete(s, sync_path(s, x->api, "endpointslices", have, NULL), NULL, NULL, NULL);
        } else if (!same_list(json_get(have, "endpoints"), json_get(slice, "endpoints")) ||
                   !same_list(json_get(have, "ports"), json_get(slice, "ports")) ||
                   !json_equal(meta_labels(have), labels)) {
            struct json *copy = json_copy(s->a, have);
            json_set(s->a, copy, "endpoints", json_copy(s->a, json_get(slice, "endpoints")));
            json_set(s->a, copy, "ports", json_copy(s->a, json_get(slice, "ports")));
            json_set(s->a, json_get(copy, "metadata"), "labels", json_copy(s->a, labels));
            sync_update(s, sync_path(s, x->api, "endpointslices", copy, NULL), copy, written, NULL);
        }
    }
    while (json_len(want))
        create_slice(s, svc, json_remove_at(want, 0));
}

static void sync_slices(struct sync *s)
{
    const struct json *svc = ctl_get(&of(s->c)->services, s->key);
    if (svc && json_len(json_path(svc, "spec.selector")) && !meta_deleting(svc))
        reconcile(s, svc, wanted(s, svc));         /* those of a deleted Service are collected as its dependents */
    sync_wait(s, sync_end);
}

static void *start(const struct controller_context *cc)
{
    struct slices *x = NEW(struct slices);
    x->api = cc->minor >= 21 ? "discovery.k8s.io/v1" : "discovery.k8s.io/v1beta1";
    ctl_init(&x->ctl, cc, "endpoint_slice", 5, sync_slices);
    ctl_watch(&x->ctl, &x->services, "v1", "services", ctl_seen_enqueue);
    ctl_watch(&x->ctl, &x->pods, "v1", "pods", pod_seen);
    ctl_watch(&x->ctl, &x->slices, x->api, "endpointslices", slice_seen);
    return x;
}

static void stop(void *state)
{
    struct slices *x = state;
    ctl_deinit(&x->ctl);
    free(x);
}

const struct controller_ops endpointslice_controller = { "endpointslice", "endpointslice-controller", start, stop };
