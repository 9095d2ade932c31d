/* kubelet/node_status.c - the Node object: registered once, its status told when it changes, its lease renewed every ten seconds.
 *
 * Upstream: pkg/kubelet/{kubelet_node_status.go,nodestatus/setters.go}, pkg/kubelet/nodelease/controller.go. With leases the
 * status itself is sent on change and else once in nodeStatusReportFrequency. The node is Ready when its network plugin is
 * configured, which the weave pod does.
 */
#include "kubelet/app_priv.h"
#include "kubelet/kubelet_priv.h"

#include <stdio.h>
#include <stdlib.h>

static void status_send(struct kubelet *k);

static struct kubelet *of_node(struct node_status *n) { return container_of(n, struct kubelet, node); }

int64_t node_allocatable_memory(const struct kubelet *k) { return k->o.memory_bytes - 100ll * 1024 * 1024; }

/* ---- status ---- */
static void set_condition(struct kubelet *k, const char *type, const char *status, const char *reason, const char *message)
{
    condition_set_ext(k->node.cond_arena, k->node.conditions, type, status, reason, message, vtime_now(k->o.loop),
                      "lastHeartbeatTime", vtime_now(k->o.loop));
}

/* Weave writes it before the others. */
static void network_available(struct kubelet *k)
{
    struct json *list = k->node.conditions;
    set_condition(k, "NetworkUnavailable", "False", "WeaveIsUp", "Weave pod has set this");
    for (size_t i = 1; i < json_len(list); i++)
        if (str_eqc(json_get_str(json_at(list, i), "type"), "NetworkUnavailable"))
            json_insert(list, 0, json_remove_at(list, i));
}

/* Reason and message without pressure, and with it; the reason is also the event's. */
static const char *const memory_texts[] = { "KubeletHasSufficientMemory", "kubelet has sufficient memory available",
                                            "KubeletHasInsufficientMemory",
                                            "kubelet has insufficient memory available", "NodeHasSufficientMemory",
                                            "NodeHasInsufficientMemory" };
static const char *const disk_texts[] = { "KubeletHasNoDiskPressure", "kubelet has no disk pressure", "KubeletHasDiskPressure",
                                          "kubelet has disk pressure",
                                          "NodeHasNoDiskPressure", "NodeHasDiskPressure" };

static void pressure_condition(struct kubelet *k, const char *of, const char *type, const char *const texts[6])
{
    bool on = kubelet_under_pressure(k, of);
    struct str before = json_get_str(condition_find(k->node.conditions, type), "status");
    if (before.n && str_eqc(before, "True") != on)
        event_record(k->events, k->node_ref, NULL, "Normal", texts[on ? 5 : 4], "Node %s status is now: %s", k->o.node_name,
                     texts[on ? 5 : 4]);
    set_condition(k, type, on ? "True" : "False", texts[on ? 2 : 0], texts[on ? 3 : 1]);
}

static void compute_conditions(struct kubelet *k)
{
    if (k->network_ready)
        network_available(k);
    pressure_condition(k, "memory", "MemoryPressure", memory_texts);
    pressure_condition(k, "disk", "DiskPressure", disk_texts);
    set_condition(k, "PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available");
    if (k->network_ready)
        set_condition(k, "Ready", "True", "KubeletReady",
                      k->o.minor < 31 ? "kubelet is posting ready status. AppArmor enabled" : "kubelet is posting ready status");
    else
        set_condition(k, "Ready", "False", "KubeletNotReady", kubelet_docker(k)
            ? "runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:docker: network plugin is not "
              "ready: cni config uninitialized"
            : "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns "
              "error: cni plugin not initialized");
    k->node.ready = k->network_ready;
}

static struct json *conditions_json(struct kubelet *k, struct arena *a, bool beat)
{
    struct json *all = json_new_array(a), *list = json_copy(a, k->node.conditions);
    for (struct json *c = json_first(list), *next; c; c = next) {
        next = json_next(c);
        struct json *one = json_copy(a, c);
        json_remove(one, "lastHeartbeatTime");
        if (beat) {                    /* in upstream's place: after status */
            struct json *o = json_new_object(a);
            for (struct json *f = json_first(c); f; f = json_next(f))
                json_setn(a, o, json_key(f), str_eqc(json_key(f), "lastHeartbeatTime")
                          ? json_new_str(a, time_rfc3339(a, vnet_host_now(k->o.node_net))) : json_copy(a, f));
            one = o;
        }
        json_append(all, one);
    }
    return all;
}

static struct json *images_json(struct kubelet *k, struct arena *a)
{
    struct json *list = json_new_array(a);
    const struct json *r;
    size_t cursor = 0;
    while (image_next(k->o.images, &cursor, &r)) {
        struct str shown = str_c(image_display(a, json_get_str(r, "ref"))), repo = shown, digest = json_get_str(r, "digest");
        for (size_t i = repo.n; i > 0 && repo.p[i - 1] != '/'; i--)
            if (repo.p[i - 1] == ':' || repo.p[i - 1] == '@')
                repo.n = i - 1;
        struct json *names = json_new_array(a);
        if (digest.n)
            json_append(names, json_new_str(a, arena_strf(a, STR_FMT "@" STR_FMT, STR_ARG(repo), STR_ARG(digest))));
        json_append(names, json_new_str(a, shown));
        int64_t size = json_get_int(r, "size", 0);
        size_t at = 0;
        while (at < json_len(list) && json_get_int(json_at(list, at), "sizeBytes", 0) >= size)
            at++;
        json_insert(list, at, json_buildf(a, "{'names':%j,'sizeBytes':%d}", names, size));
    }
    while (json_len(list) > 50)
        json_remove_at(list, 50);
    return list;
}

static struct json *capacity_json(struct kubelet *k, struct arena *a, bool allocatable)
{
    const int64_t disk = 16446332ll * 1024;
    int64_t memory = (allocatable ? node_allocatable_memory(k) : k->o.memory_bytes) / 1024;
    int64_t reserved = (int64_t)((double)disk * (double)0.1f);   /* nodefs.available<10%, a float32 upstream */
    struct str storage = allocatable ? arena_strf(a, "%" PRId64, disk - reserved) : arena_strf(a, "%" PRId64 "Ki", disk / 1024);
    return json_buildf(a, "{'cpu':%S,'ephemeral-storage':%S,'hugepages-1Gi':'0','hugepages-2Mi':'0','memory':%S,'pods':%S}",
                       arena_strf(a, "%u", k->o.cores), storage,
                       arena_strf(a, "%" PRId64 "Ki", memory), arena_strf(a, "%" PRId64, k->o.max_pods));
}

static struct json *info_json(struct kubelet *k, struct arena *a)
{
    bool old = k->o.minor < 20, newest = !kubelet_docker(k);
    return json_buildf(a, "{'machineID':%s,'systemUUID':%s,'bootID':%s,'kernelVersion':%s,'osImage':%s,"
                          "'containerRuntimeVersion':%s,'kubeletVersion':%s,'kubeProxyVersion':%s,"
                          "'operatingSystem':'linux','architecture':'amd64'}",
                       k->node.machine_id, k->node.system_uuid, k->node.boot_id,
                       old ? "4.4.0-171-generic" : newest ? "6.8.0-45-generic" : "5.4.0-65-generic",
                       old ? "Ubuntu 16.04.6 LTS" : newest ? "Ubuntu 24.04.1 LTS" : "Ubuntu 20.04.1 LTS",
                       old ? "docker://19.3.5" : newest ? "containerd://1.7.24" : "docker://20.10.2",
                       k->o.version, newest ? "" : k->o.version);
}

static struct json *status_json(struct kubelet *k, struct arena *a, bool beat)
{
    compute_conditions(k);
    return json_buildf(a, "{'capacity':%j,'allocatable':%j,'conditions':%j,'addresses':[{'type':'InternalIP','address':%s},"
                          "{'type':'Hostname','address':%s}],"
                          "'daemonEndpoints':{'kubeletEndpoint':{'Port':%d}},'nodeInfo':%j,'images':%j}",
                       capacity_json(k, a, false), capacity_json(k, a, true), conditions_json(k, a, beat), k->o.node_ip,
                       k->o.node_name, (int64_t)k->o.port, info_json(k, a), images_json(k, a));
}

/* ---- registration ---- */
static void registered(struct kubelet *k)
{
    struct node_status *n = &k->node;
    n->registered = true;
    status_send(k);
    mirror_sync(k);
}

static void on_retry(struct timer *t);

static void retry_later(struct kubelet *k)
{
    timer_start(&k->node.retry, kubelet_jitter(k, 200 * MS, 1000 * MS));
}

static void node_known(struct kubelet *k, const struct json *node)
{
    const struct json *old = json_path(node, "status.conditions");
    for (const struct json *c = json_first(old); c; c = json_next(c))
        json_append(k->node.conditions, json_copy(k->node.cond_arena, c));
    k->node.ready_told = condition_is_true(node, "Ready");
    if (str_eqc(json_get_str(condition_find(old, "NetworkUnavailable"), "status"), "False"))
        kubelet_network_ready(k);      /* /etc/cni/net.d outlives the kubelet */
    struct str boot = json_path_str(node, "status.nodeInfo.bootID");
    if (boot.n == 36)                  /* the machine that went on is the same machine */
        memcpy(k->node.boot_id, boot.p, 36);
    struct str machine = json_path_str(node, "status.nodeInfo.machineID"), system = json_path_str(node, "status.nodeInfo.systemUUID");
    if (machine.n == 32)
        memcpy(k->node.machine_id, machine.p, 32);
    if (system.n == 36)
        memcpy(k->node.system_uuid, system.p, 36);
}

/* Only for a node that is new: one that is known goes on, as if this process had not been away. */
static void tell_start(struct kubelet *k)
{
    static const char *const enough[] = { "NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID" };
    event_record(k->events, k->node_ref, NULL, "Normal", "Starting", "Starting kubelet.");
    for (size_t i = 0; i < ARRAY_LEN(enough); i++)
        event_record(k->events, k->node_ref, NULL, "Normal", enough[i], "Node %s status is now: %s", k->o.node_name, enough[i]);
    event_record(k->events, k->node_ref, NULL, "Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods");
}

static void created(void *ctx, const struct client_result *r, const struct err *err)
{
    struct kubelet *k = ctx;
    k->node.call = NULL;
    if (err->code == ERR_NONE) {
        k->node_uid = arena_cstr(k->arena, meta_uid(r->obj));
        klog_write(k->o.log, 'I', "kubelet_node_status.go:75", "Successfully registered node %s", k->o.node_name);
        tell_start(k);
        registered(k);
    } else {
        klog_write(k->o.log, 'E', "kubelet_node_status.go:94", "Unable to register node \"%s\" with API server: %s",
                   k->o.node_name, err->msg);
        retry_later(k);
    }
}

/* Labels and taints of the role are kubeadm's to set. */
static struct json *node_json(struct kubelet *k, struct arena *a)
{
    struct json *labels = json_buildf(a,
                                      "{'beta.kubernetes.io/arch':'amd64','beta.kubernetes.io/os':'linux',"
                                      "'kubernetes.io/arch':'amd64','kubernetes.io/hostname':%s,'kubernetes.io/os':'linux'}",
                                      k->o.node_name);
    const char *socket = kubelet_docker(k) ? "/var/run/dockershim.sock" : "unix:///var/run/containerd/containerd.sock";
    return json_buildf(a, "{'kind':'Node','apiVersion':'v1','metadata':{'name':%s,'labels':%j,"
                          "'annotations':{'kubeadm.alpha.kubernetes.io/cri-socket':%s,"
                          "'node.alpha.kubernetes.io/ttl':'0','volumes.kubernetes.io/controller-managed-attach-detach':'true'}},"
                          "'spec':{},'status':%j}",
                       k->o.node_name, labels, socket, status_json(k, a, true));
}

static void looked(void *ctx, const struct client_result *r, const struct err *err)
{
    struct kubelet *k = ctx;
    k->node.call = NULL;
    if (err->code == ERR_NONE) {
        k->node_uid = arena_cstr(k->arena, meta_uid(r->obj));
        klog_write(k->o.log, 'I', "kubelet_node_status.go:114", "Node %s was previously registered", k->o.node_name);
        node_known(k, r->obj);
        if (k->o.announce)
            tell_start(k);
        k->o.announce = false;
        registered(k);
    } else if (err->code == ERR_NOT_FOUND) {
        struct arena *a = arena_new();
        k->node.call = client_create(k->o.client, "/api/v1/nodes", node_json(k, a), created, k);
        arena_free(a);
    } else {
        klog_write(k->o.log, 'E', "kubelet_node_status.go:94", "Unable to register node \"%s\" with API server: %s",
                   k->o.node_name, err->msg);
        retry_later(k);
    }
}

static void on_retry(struct timer *t)
{
    struct kubelet *k = of_node(container_of(t, struct node_status, retry));
    struct arena *a = arena_new();
    if (k->node.registered)
        status_send(k);
    else if (!k->node.call)
        k->node.call = client_get(k->o.client, client_path(a, "v1", "nodes", STR_NULL, str_c(k->o.node_name), NULL), looked, k);
    arena_free(a);
}

/* ---- updates ---- */
static void tell_ready(struct kubelet *k)
{
    if (!k->node.ready || k->node.ready_told)
        return;
    k->node.ready_told = true;
    event_record(k->events, k->node_ref, NULL, "Normal", "NodeReady", "Node %s status is now: NodeReady", k->o.node_name);
}

static void sent(void *ctx, const struct client_result *r, const struct err *err)
{
    struct kubelet *k = ctx;
    (void)r;
    k->node.call = NULL;
    if (err->code != ERR_NONE) {       /* also when somebody deleted the node: a kubelet registers once, when it starts */
        klog_write(k->o.log, 'E', "kubelet_node_status.go:379",
                   "Error updating node status, will retry: error getting node \"%s\": %s", k->o.node_name, err->msg);
        strbuf_reset(&k->node.sent);
        timer_start(&k->node.retry, 10 * SECOND);
    } else if (k->node.dirty) {
        status_send(k);
    }
}

static int64_t report_period(const struct kubelet *k) { return (k->o.minor < 18 ? 60 : 300) * SECOND; }

static void status_send(struct kubelet *k)
{
    struct node_status *n = &k->node;
    if (n->call || !n->registered) {
        n->dirty = n->call != NULL;
        return;
    }
    n->dirty = false;
    struct arena *a = arena_new();
    struct str text = json_text(a, status_json(k, a, false));
    if (!str_eq(text, strbuf_str(&n->sent)) || vtime_now(k->o.loop) - n->sent_ns >= report_period(k)) {
        strbuf_reset(&n->sent);
        strbuf_add(&n->sent, text);
        n->sent_ns = vtime_now(k->o.loop);
        struct json *status = status_json(k, a, true), *order = json_new_array(a);
        for (const struct json *c = json_first(json_get(status, "conditions")); c; c = json_next(c))
            json_append(order, json_buildf(a, "{'type':%S}", json_get_str(c, "type")));
        json_set(a, status, "$setElementOrder/conditions", order);
        n->call = client_patch(k->o.client, client_path(a, "v1", "nodes", STR_NULL, str_c(k->o.node_name), "status"),
                               PATCH_STRATEGIC, json_buildf(a, "{'status':%j}", status), sent, k);
        client_answer_unread(n->call);             /* all of the node, with its images */
    }
    arena_free(a);
    timer_start(&n->heartbeat, report_period(k));
    tell_ready(k);
}

static void on_heartbeat(struct timer *t) { status_send(of_node(container_of(t, struct node_status, heartbeat))); }

void node_changed(struct kubelet *k)
{
    if (k->started)
        status_send(k);
}

bool kubelet_node_ready(const struct kubelet *k) { return k && k->node.registered && k->node.ready; }

/* ---- lease ---- */
static void lease_write(struct kubelet *k, const struct json *known);

static void lease_done(void *ctx, const struct client_result *r, const struct err *err)
{
    struct kubelet *k = ctx;
    (void)r;
    k->node.lease_call = NULL;
    if (err->code != ERR_NONE)
        k->node.have_lease = false;
    if (err->code != ERR_NONE)
        klog_write(k->o.log, 'E', "controller.go:170", "failed to update node lease, error: %s", err->msg);
}

static void lease_looked(void *ctx, const struct client_result *r, const struct err *err)
{
    struct kubelet *k = ctx;
    k->node.lease_call = NULL;
    if (err->code == ERR_NONE || err->code == ERR_NOT_FOUND)
        lease_write(k, err->code == ERR_NONE ? r->obj : NULL);
}

static void lease_write(struct kubelet *k, const struct json *known)
{
    struct arena *a = arena_new();
    struct str now = time_rfc3339_micro(a, vnet_host_now(k->o.node_net));
    const char *uid = k->node_uid;
    if (known) {
        struct json *lease = json_copy(a, known);
        json_set_str(a, json_ensure(a, lease, "spec"), "renewTime", now);
        k->node.lease_call = client_update(k->o.client,
                                           client_path(a, "coordination.k8s.io/v1", "leases", STR("kube-node-lease"),
                                                       str_c(k->o.node_name), NULL), lease, lease_done, k);
    } else {
        struct json *owners = uid ? json_buildf(a, "[{'apiVersion':'v1','kind':'Node','name':%s,'uid':%s}]", k->o.node_name, uid)
                              : json_new_array(a);
        struct json *lease = json_buildf(a,
                                         "{'kind':'Lease','apiVersion':'coordination.k8s.io/v1','metadata':{'name':%s,"
                                         "'namespace':'kube-node-lease','ownerReferences':%j},"
                                            "'spec':{'holderIdentity':%s,'leaseDurationSeconds':40,'renewTime':%S}}",
                                            k->o.node_name, owners, k->o.node_name, now);
        k->node.lease_call = client_create(k->o.client,
                                           client_path(a, "coordination.k8s.io/v1", "leases", STR("kube-node-lease"), STR_NULL,
                                                       NULL), lease, lease_done, k);
    }
    k->node.have_lease = true;
    arena_free(a);
}

/* Renewed by a merge patch of one field once it is known to exist (upstream: PUT of the cached object). */
static void on_lease(struct timer *t)
{
    struct kubelet *k = of_node(container_of(t, struct node_status, lease));
    timer_start(t, 10 * SECOND);
    if (k->node.lease_call)
        return;
    struct arena *a = arena_new();
    struct str now = time_rfc3339_micro(a, vnet_host_now(k->o.node_net));
    const char *path = client_path(a, "coordination.k8s.io/v1", "leases", STR("kube-node-lease"), str_c(k->o.node_name), NULL);
    if (k->node.have_lease)
        k->node.lease_call = client_patch(k->o.client, path, PATCH_MERGE, json_buildf(a, "{'spec':{'renewTime':%S}}", now),
                                          lease_done, k);
    else
        k->node.lease_call = client_get(k->o.client, path, lease_looked, k);
    arena_free(a);
}

/* ---- life ---- */
void node_start(struct kubelet *k)
{
    struct node_status *n = &k->node;
    timer_start(&n->retry, 0);
    timer_start(&n->lease, 100 * MS);
}

void node_init(struct kubelet *k)
{
    struct node_status *n = &k->node;
    uint8_t raw[16];
    struct arena *a = arena_new();
    rng_uuid(&k->rng, n->boot_id);
    rng_uuid(&k->rng, n->system_uuid);
    rng_bytes(&k->rng, raw, sizeof raw);
    memcpy(n->machine_id, hex_encode(a, (struct str){ (const char *)raw, sizeof raw }).p, 33);
    arena_free(a);
    n->cond_arena = arena_new();
    n->conditions = json_new_array(n->cond_arena);
    strbuf_init(&n->sent, 4 * 1024 * 1024);
    timer_init(&n->heartbeat, k->o.loop, on_heartbeat);
    timer_init(&n->lease, k->o.loop, on_lease);
    timer_init(&n->retry, k->o.loop, on_retry);
}

void node_stop(struct kubelet *k)
{
    struct node_status *n = &k->node;
    if (!n->cond_arena)
        return;
    timer_stop(&n->heartbeat);
    timer_stop(&n->lease);
    timer_stop(&n->retry);
    if (n->call)
        client_cancel(n->call);
    if (n->lease_call)
        client_cancel(n->lease_call);
    arena_free(n->cond_arena);
    strbuf_deinit(&n->sent);
}
