/* sim/cmd/node.c - a machine of the cluster.
 *
 * What belongs to one machine alone is here: its network namespace with its Service rules (the kernel's, so they outlive
 * kube-proxy and the process), its images (which live where they were built or pulled), its systemd. Node 0 is the one that
 * `kubeadm init` ran on; the others joined it (kubeadm_join.c). Pods' addresses are a part of weave's range per node, as its
 * address allocator hands them out: halves of what is left, so that the second node's begin with 10.44.
 */
#include "sim/cmd/node.h"
#include "apiserver/apiserver.h"
#include "sim/cmd/cluster.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/service.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND_NS ((int64_t)NS_PER_S)

/* ---- who is where ---- */
/* The second part of the pods' addresses, of 10.32.0.0/12. */
static const unsigned char ranges[NODES_MAX] = { 32, 44, 36, 40, 46, 38, 42, 34, 47, 45, 43, 41, 39, 37, 35, 33 };

void node_place(int index, struct node_place *out)
{
    ASSERT(index >= 0 && index < NODES_MAX);
    if (index == 0)
        snprintf(out->name, sizeof out->name, "ubuntu");
    else
        snprintf(out->name, sizeof out->name, "worker%d", index);
    snprintf(out->ip, sizeof out->ip, "192.168.229.%d", 132 + index);
    snprintf(out->pod_base, sizeof out->pod_base, "10.%d.0.", ranges[index]);
}

int node_find(struct str name_or_ip, int count)
{
    for (int i = 0; i < count; i++) {
        struct node_place p;
        node_place(i, &p);
        if (str_eqi(name_or_ip, str_c(p.name)) || str_eqc(name_or_ip, p.ip))
            return i;
    }
    return -1;
}

const char *node_dir(struct arena *a, const char *data, int index)
{
    struct node_place p;
    node_place(index, &p);
    return index ? arena_printf(a, "%s/nodes/%s", data, p.name) : arena_printf(a, "%s/node", data);
}

/* What the store's keys and the random streams of this machine begin with: those of the first have no prefix. */
static const char *prefix(const struct node *n, struct arena *a, const char *before)
{
    return n->index ? arena_printf(a, "%s%s/", before, n->place.name) : "";
}

/* ---- Service rules ---- */
void node_rules_save(struct node *n)
{
    if (!n->net || vip_version(n->net) == n->vips_saved)
        return;
    struct arena *a = arena_new();
    struct strbuf text;
    strbuf_init(&text, LIMIT_RESPONSE_BYTES);
    vip_save(n->net, &text);
    store_meta_put(n->store, arena_printf(a, "%svips", prefix(n, a, "node/")), strbuf_str(&text));
    strbuf_deinit(&text);
    arena_free(a);
    n->vips_saved = vip_version(n->net);
}

/* They are there again before any program runs. */
static void rules_restore(struct node *n)
{
    if (!vip_restore(n->net, store_meta_get(n->store, n->arena, arena_printf(n->arena, "%svips", prefix(n, n->arena, "node/")))))
        log_msg(LOG_WARN, "cmd", "the Service rules of %s were not all understood; kube-proxy writes them again", n->place.name);
    n->vips_saved = vip_version(n->net);
}

/* ---- images: builds and pulls survive a restart ---- */
struct image_bytes { struct arena *a; struct json *files; };

static void image_file(void *ctx, struct str path, struct str bytes, const struct vfs_stat *st)
{
    struct image_bytes *b = ctx;
    json_append(b->files, json_buildf(b->a, "{'path':%S,'mode':%d,'mtime':%d,'dir':%b,'data':%S}", path, (int64_t)st->mode,
                                      st->mtime_ns,
                                      st->is_dir, base64_encode(b->a, bytes)));
}

static void image_save(void *ctx, const char *ref, struct str record, const struct vfs *files)
{
    struct node *n = ctx;
    struct arena *a = arena_new();
    const char *name = arena_printf(a, "%simage/%s", prefix(n, a, "node/"), ref);
    if (!record.p) {
        store_meta_remove(n->store, name);
    } else {
        struct image_bytes b = { a, json_new_array(a) };
        if (files)
            vfs_each(files, image_file, &b);
        store_meta_put(n->store, name, json_text(a, json_buildf(a, "{'record':%j,'files':%j}", json_parse(a, record, NULL), b.files)));
    }
    arena_free(a);
}

static void image_restore(void *ctx, struct str name, struct str value)
{
    struct node *n = ctx;
    struct arena *a = arena_new();
    struct json *saved = json_parse(a, value, NULL);
    struct vfs *files = vfs_new();
    for (struct json *f = json_first(json_get(saved, "files")); f; f = json_next(f)) {
        struct str bytes = STR_NULL;
        const char *path = arena_cstr(a, json_get_str(f, "path"));
        if (json_get_bool(f, "dir", false))
            vfs_mkdir(files, path, (unsigned)json_get_int(f, "mode", 0755));
        else if (base64_decode(a, json_get_str(f, "data"), &bytes))
            vfs_put(files, path, bytes, (unsigned)json_get_int(f, "mode", 0644), json_get_int(f, "mtime", 0));
    }
    size_t head = strlen(prefix(n, a, "node/")) + strlen("image/");
    image_put(n->images, str_sub(name, head, name.n), json_get(saved, "record"), files);
    vfs_free(files);
    arena_free(a);
}

/* What kubeadm init and the kubelet have pulled before the student comes. A node that joins pulls for itself; its runtime has the
 * pause image before the first pod. */
static void images_preload(struct node *n)
{
    bool old = n->minor < 18;
    const char *const refs[] = {
        old ? "k8s.gcr.io/pause:3.1" : "k8s.gcr.io/pause:3.2",
        "k8s.gcr.io/kube-apiserver:", "k8s.gcr.io/kube-controller-manager:", "k8s.gcr.io/kube-scheduler:", "k8s.gcr.io/kube-proxy:",
        old ? "k8s.gcr.io/etcd:3.3.15-0" : "k8s.gcr.io/etcd:3.4.13-0", old ? "k8s.gcr.io/coredns:1.6.2" : "k8s.gcr.io/coredns:1.7.0",
        "weaveworks/weave-kube:2.6.0", "weaveworks/weave-npc:2.6.0",
    };
    for (size_t i = 0; i < (n->index ? 1 : ARRAY_LEN(refs)); i++) {
        struct str ref = str_c(refs[i]);
        if (str_ends(ref, ":"))        /* the cluster's own version */
            ref = arena_strf(n->arena, "%s%s", refs[i], version_git(n->minor));
        const struct json *record = image_catalog_find(ref);
        if (record)
            image_put(n->images, ref, record, NULL);
        else
            log_msg(LOG_WARN, "cmd", "no catalog record of image " STR_FMT, STR_ARG(ref));
    }
}

static void images_make(struct node *n)
{
    struct image_store_ops io = { image_save, n };
    n->images = image_store_new(n->loop, &io);
    images_preload(n);
    store_each_meta(n->store, arena_printf(n->arena, "%simage/", prefix(n, n->arena, "node/")), image_restore, n);
}

/* ---- the network ---- */
/* /etc/hosts: itself, as Debian's installer writes it, and where there are more machines, each of them, as whoever set them up did. */
static void network_make(struct node *n, int count)
{
    struct resolv_conf rc = { .nameserver = "192.168.229.2", .ndots = 1 };
    n->net = vnet_host_new(n->vnet, n->place.name);
    vnet_host_add_addr(n->net, n->place.ip);
    vnet_host_set_resolver(n->net, &rc);
    vnet_host_add_hosts(n->net, "127.0.0.1", "localhost");
    vnet_host_add_hosts(n->net, "127.0.1.1", n->place.name);
    for (int i = 0; i < count; i++) {
        struct node_place other;
        node_place(i, &other);
        if (i != n->index)
            vnet_host_add_hosts(n->net, other.ip, other.name);
    }
}

static const char *hosts_lines(const struct node *n, int count)
{
    const char *text = "";
    for (int i = 0; i < count; i++) {
        struct node_place other;
        node_place(i, &other);
        if (i != n->index)
            text = arena_printf(n->arena, "%s%s\t%s\n", text, other.ip, other.name);
    }
    return text;
}

/* ---- life ---- */
struct node *node_new(const struct node_options *o, int index)
{
    struct node *n = NEW(struct node);
    n->arena = arena_new();
    n->index = index;
    n->loop = o->loop;
    n->store = o->store;
    n->vnet = o->vnet;
    n->minor = o->minor;
    n->wanted_port = index ? 0 : o->kubelet_port;
    node_place(index, &n->place);
    n->root = node_dir(n->arena, o->data, index);
    network_make(n, o->count);
    rules_restore(n);
    images_make(n);
    n->hosts = hosts_lines(n, o->count);
    return n;
}

static bool on_listen(void *ctx, struct http_server *server, struct err *err)
{
    struct node *n = ctx;
    return cluster_edge_listen(server, n->edge_port ? n->edge_port : n->wanted_port, 10250, &n->edge_port, "the kubelet", err);
}

bool node_power_on(struct node *n, bool fresh, struct err *err)
{
    struct arena *a = arena_new();
    struct services_options o = {
        .loop = n->loop, .root = n->root, .hostname = n->place.name, .stream_prefix = arena_strdup(n->arena, prefix(n, a, "")),
            .listen = on_listen, .ctx = n,
        .node = { .loop = n->loop, .vnet = n->vnet, .node_net = n->net, .node_name = n->place.name, .node_ip = n->place.ip,
                  .pod_cidr_base = n->place.pod_base, .cores = 2,
                  .memory_bytes = 4030184ll * 1024, .minor = n->minor, .version = version_git(n->minor), .images = n->images,
                  .etc_hosts = n->hosts,
                  .log_dir = arena_printf(n->arena, "%s/var/log/pods", n->root), .boot_ns = vtime_now(n->loop) - 60 * SECOND_NS },
    };
    o.node.stream_prefix = o.stream_prefix;
    n->services = services_new(&o);
    if (fresh) {
        struct systemctl enable = { .verb = STR("enable"), .unit = STR("kubelet") };
        struct strbuf text;
        strbuf_init(&text, 4096);
        services_systemctl(n->services, &enable, &text);
        strbuf_deinit(&text);
    }
    arena_free(a);
    return services_boot(n->services, err);
}

void node_power_off(struct node *n)
{
    services_free(n->services);
    n->services = NULL;
}

void node_images_free(struct node *n)
{
    image_store_free(n->images);
    n->images = NULL;
}

void node_free(struct node *n)
{
    if (!n)
        return;
    node_rules_save(n);
    vnet_host_free(n->net);
    arena_free(n->arena);
    free(n);
}

bool node_ready(const struct node *n) { return kubelet_node_ready(services_kubelet(n->services)); }
