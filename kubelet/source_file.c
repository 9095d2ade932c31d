/* kubelet/source_file.c - static pods: manifests in a folder, read every 20 s, and their mirrors in the API.
 *
 * Upstream: pkg/kubelet/config/file.go and common.go (names, hash, annotations), pkg/kubelet/pod/mirror_client.go. A static pod's
 * uid is the hash of its manifest; it runs whether or not the API answers. The mirror lets the API show it: deleting the mirror
 * changes nothing but the mirror, which comes back. Simplified: the hash is the first half of a SHA-256 (upstream: MD5).
 */
#include "kubelet/app_priv.h"
#include "kubelet/kubelet_priv.h"

#include <dirent.h>
#include <stdlib.h>

#define MIRROR "kubernetes.io/config.mirror"

struct mirror_call { struct list node; struct kubelet *k; struct client_call *call; char *key; bool creates; };

static void on_scan(struct timer *t);
static void on_retry(struct timer *t) { mirror_sync(container_of(container_of(t, struct file_source, retry), struct kubelet, files)); }

/* ---- manifests ---- */
/* A file as it was read last, and the pod it describes. Its tree is not kept: only a pod that is to be started needs one. */
struct manifest { struct arena *arena; struct str text, uid, ns, name; };

static void manifest_free(void *p)
{
    struct manifest *m = p;
    if (m)
        arena_free(m->arena);          /* it lives there */
}

static struct json *static_pod(struct kubelet *k, struct arena *a, const char *path, struct str text, struct err *err)
{
    struct json *pod = yaml_parse(a, text, err);
    if (!pod)
        return NULL;
    if (!str_eqc(json_get_str(pod, "kind"), "Pod") || !meta_name(pod).n || !json_len(json_path(pod, "spec.containers"))) {
        err_set(err, ERR_INVALID, "couldn't parse as pod, please check config file");
        return NULL;
    }
    struct json *meta = json_get(pod, "metadata"), *spec = json_get(pod, "spec");
    /* as the node sees it: not where the data folder lies */
    const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    struct str hash = str_sub(sha256_hex(a,
                                         arena_strf(a, "/etc/kubernetes/manifests/%s " STR_FMT, file, STR_ARG(json_text(a, pod)))),
                                         0, 32);
    json_remove(pod, "status");
    json_remove(meta, "creationTimestamp");
    json_set_str(a, meta, "name", arena_strf(a, STR_FMT "-%s", STR_ARG(meta_name(pod)), k->o.node_name));
    if (!meta_namespace(pod).n)
        json_set_strc(a, meta, "namespace", "default");
    json_set_str(a, meta, "uid", hash);
    struct json *notes = json_ensure(a, meta, "annotations");
    json_set_str(a, notes, "kubernetes.io/config.hash", hash);
    json_set_str(a, notes, "kubernetes.io/config.seen", time_rfc3339_nano(a, vtime_now(k->o.loop)));
    json_set_strc(a, notes, "kubernetes.io/config.source", "file");
    json_set_strc(a, spec, "nodeName", k->o.node_name);
    struct json *tolerations = json_ensure_array(a, spec, "tolerations");
    if (!json_len(tolerations))
        json_append(tolerations, json_buildf(a, "{'operator':'Exists','effect':'NoExecute'}"));
    if (k->o.minor >= 18 && !json_get(spec, "enableServiceLinks"))
        json_set_bool(a, spec, "enableServiceLinks", true);
    return pod;
}

static int by_name(const void *x, const void *y) { return strcmp(*(char *const *)x, *(char *const *)y); }

size_t kubelet_manifests(struct arena *a, const char *dir, char ***names)
{
    if (dir)
        file_look(dir);
    DIR *d = dir ? opendir(dir) : NULL;
    size_t n = 0, cap = 0;
    *names = NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;                  /* hidden files are an editor's */
        if (n == cap) {
            *names = arena_realloc(a, *names, cap * sizeof **names, (cap * 2 + 8) * sizeof **names);
            cap = cap * 2 + 8;
        }
        (*names)[n++] = arena_strdup(a, e->d_name);
    }
    if (d)
        closedir(d);
    if (n)
        qsort(*names, n, sizeof **names, by_name);
    return n;
}

static struct pod_worker *static_by_key(struct kubelet *k, struct str ns, struct str name)
{
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        if (p->is_static && str_eqc(ns, p->ns) && str_eqc(name, p->name))
            return p;
    }
    return NULL;
}

/* What the file says; parsed only when it says something new. NULL: err tells why. */
static const struct manifest *manifest_read(struct kubelet *k, struct arena *a, const char *path, struct err *err)
{
    struct str text;
    if (!file_read(path, LIMIT_YAML_BYTES, a, &text, err))
        return NULL;
    struct manifest *m = map_getc(k->files.manifests, path);
    if (m && str_eq(m->text, text))
        return m;
    const struct json *pod = static_pod(k, a, path, text, err);
    if (!pod)
        return NULL;
    struct arena *own = arena_new();
    m = ARENA_NEW(own, struct manifest);
    *m = (struct manifest){ own, arena_str(own, text), arena_str(own, meta_uid(pod)), arena_str(own, meta_namespace(pod)),
                            arena_str(own, meta_name(pod)) };
    manifest_free(map_putc(k->files.manifests, path, m));
    return m;
}

static void scan(struct kubelet *k)
{
    struct arena *a = arena_new();
    struct map *seen = map_new();
    char **names;
    size_t n = kubelet_manifests(a, k->o.manifests_dir, &names);
    for (size_t i = 0; i < n; i++) {
        struct err err = { 0 };
        const char *path = arena_printf(a, "%s/%s", k->o.manifests_dir, names[i]);
        const struct manifest *m = manifest_read(k, a, path, &err);
        if (!m) {
            klog_write(k->o.log, 'E', "file_linux.go:60",
                       "Unable to read config path \"/etc/kubernetes/manifests\": can't process manifest file "
                       "\"/etc/kubernetes/manifests/%s\": %s", names[i], err.msg);
            err_clear(&err);
            continue;
        }
        map_put(seen, m->uid, k);
        if (!map_get(k->workers, m->uid) && !static_by_key(k, m->ns, m->name))
            /* one of the same name that still runs goes first */
            pod_worker_new(k, static_pod(k, a, path, m->text, NULL), true);
    }
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        if (p->is_static && !p->gone && !map_getc(seen, p->uid))
            pod_removed(p);
    }
    k->files.read = true;
    map_free(seen, NULL);
    arena_free(a);
    mirror_sync(k);
}

static void on_scan(struct timer *t)
{
    struct kubelet *k = container_of(container_of(t, struct file_source, timer), struct kubelet, files);
    timer_start(t, 20 * SECOND);
    scan(k);
}

void file_source_start(struct kubelet *k)
{
    timer_init(&k->files.timer, k->o.loop, on_scan);
    timer_init(&k->files.retry, k->o.loop, on_retry);
    list_init(&k->files.calls);
    k->files.manifests = map_new();
    timer_start(&k->files.timer, 0);
}

void file_source_rescan(struct kubelet *k) { timer_start(&k->files.timer, 1 * SECOND); }

static void call_free(struct mirror_call *m)
{
    list_remove(&m->node);
    free(m->key);
    free(m);
}

void file_source_stop(struct kubelet *k)
{
    if (!k->files.timer.loop)
        return;
    timer_stop(&k->files.timer);
    timer_stop(&k->files.retry);
    list_for(it, &k->files.calls) {
        struct mirror_call *m = container_of(it, struct mirror_call, node);
        client_cancel(m->call);
        call_free(m);
    }
    map_free(k->files.manifests, manifest_free);
    k->files.manifests = NULL;
}

/* ---- mirrors ---- */
const struct json *mirror_of(struct kubelet *k, const struct pod_worker *p)
{
    struct object *o = informer_get(k->pods, str_c(p->key));
    const struct json *pod = o ? object_json(o) : NULL;
    return pod && str_eqc(meta_annotation(pod, MIRROR), p->uid) ? pod : NULL;
}

static void mirror_done(void *ctx, const struct client_result *r, const struct err *err)
{
    struct mirror_call *m = ctx;
    struct kubelet *k = m->k;
    (void)r;
    if (err->code != ERR_NONE && err->code != ERR_ALREADY_EXISTS && err->code != ERR_NOT_FOUND) {
        klog_write(k->o.log, 'E', m->creates ? "kubelet.go:1647" : "mirror_client.go:112", "Failed %s mirror pod %s\"%s\": %s",
                   m->creates ? "creating a" : "deleting a",
                   m->creates ? "for " : "", m->key, err->msg);
        timer_start(&k->files.retry, 5 * SECOND);
    }
    bool again = !m->creates && err->code == ERR_NONE;
    call_free(m);
    if (again)
        mirror_sync(k);                /* the deletion may have been seen before it was answered */
}

static struct mirror_call *mirror_call(struct kubelet *k, const char *key, bool creates)
{
    list_for(it, &k->files.calls)
        if (strcmp(container_of(it, struct mirror_call, node)->key, key) == 0)
            return NULL;               /* one thing at a time */
    struct mirror_call *m = NEW(struct mirror_call);
    m->k = k;
    m->key = xstrdup(key);
    m->creates = creates;
    list_push(&k->files.calls, &m->node);
    return m;
}

static void mirror_create(struct kubelet *k, const struct pod_worker *p)
{
    struct mirror_call *m = mirror_call(k, p->key, true);
    if (!m)
        return;
    struct arena *a = arena_new();
    struct json *pod = json_copy(a, p->pod), *meta = json_get(pod, "metadata");
    json_remove(meta, "uid");
    json_set_strc(a, json_get(meta, "annotations"), MIRROR, p->uid);
    if (k->o.minor >= 17 && k->node_uid)
        json_set(a, meta, "ownerReferences",
                 json_buildf(a, "[{'apiVersion':'v1','kind':'Node','name':%s,'uid':%s,'controller':true}]", k->o.node_name,
                             k->node_uid));
    m->call = client_create(k->o.client, client_path(a, "v1", "pods", str_c(p->ns), STR_NULL, NULL), pod, mirror_done, m);
    arena_free(a);
}

static void mirror_delete(struct kubelet *k, const struct json *pod)
{
    struct arena *a = arena_new();
    struct mirror_call *m = mirror_call(k, meta_key(a, pod).p, false);
    if (m) {
        struct json *o = json_buildf(a, "{'kind':'DeleteOptions','apiVersion':'v1','gracePeriodSeconds':0,"
                                        "'preconditions':{'uid':%S}}", meta_uid(pod));
        m->call = client_delete(k->o.client, client_path(a, "v1", "pods", meta_namespace(pod), meta_name(pod), NULL), o,
                                mirror_done, m);
    }
    arena_free(a);
}

void mirror_sync(struct kubelet *k)
{
    if (!k->files.read || !informer_synced(k->pods) || !k->node.registered)
        return;
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        if (!p->is_static || p->gone)
            continue;
        if (!informer_get(k->pods, str_c(p->key)))
            mirror_create(k, p);
        else
            pod_status_changed(p);
    }
    cursor = 0;
    for (struct object *o; informer_next(k->pods, &cursor, &o);) {
        const struct json *pod = object_json(o);
        struct str hash = meta_annotation(pod, MIRROR);
        const struct pod_worker *p = hash.n ? map_get(k->workers, hash) : NULL;
        if (hash.n && (!p || p->gone || meta_deleting(pod)))
            mirror_delete(k, pod);
    }
}
