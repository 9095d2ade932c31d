/* kubelet/volumes.c - a pod's volumes as file trees, and the API objects that they and the environment are made of.
 *
 * Upstream: pkg/volume/{configmap,secret,projected,downwardapi,emptydir,hostpath} and pkg/kubelet/{configmap,secret,token}
 * managers. What a pod refers to is fetched before its sandbox is made; a volume whose source is missing keeps the pod waiting, a
 * missing source of a variable only its container. Simplified: contents are those of the pod's start (upstream refreshes mounted
 * ConfigMaps and Secrets within about a minute); a hostPath is a tree of this simulated node, shared by the pods that name the
 * same path, not a folder of the machine that runs kubelab.
 */
#include "kubelet/app_priv.h"
#include "kubelet/kubelet_priv.h"

#include <stdlib.h>

void volumes_log(const struct pod_worker *p)
{
    static const struct { const char *source, *plugin; } plugins[] = { { "hostPath", "host-path" }, { "configMap", "configmap" },
                                                                       { "secret", "secret" }, { "emptyDir", "empty-dir" },
                                                                       { "projected", "projected" },
                                                                       { "downwardAPI", "downward-api" } };
    for (const struct json *v = json_first(json_path(p->pod, "spec.volumes")); v; v = json_next(v))
        for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
            if (json_get(v, plugins[i].source))
                klog_write(p->k->o.log, 'I', "reconciler.go:207",
                           "operationExecutor.VerifyControllerAttachedVolume started for volume \"" STR_FMT
                           "\" (UniqueName: \"kubernetes.io/%s/%s-" STR_FMT
                           "\") pod \"%s\" (UID: \"%s\") ", STR_ARG(json_get_str(v, "name")), plugins[i].plugin, p->uid,
                           STR_ARG(json_get_str(v, "name")), p->name, p->uid);
}

/* ---- references ---- */
static struct pod_ref *ref_add(struct pod_worker *p, const char *kind, struct str name, struct str volume, bool optional)
{
    if (!name.n)
        return NULL;
    for (size_t i = 0; i < p->ref_count; i++)
        if (strcmp(p->refs[i].kind, kind) == 0 && str_eqc(name, p->refs[i].name)) {
            if (volume.n && !p->refs[i].volume) {
                p->refs[i].volume = arena_cstr(p->arena, volume);
                p->refs[i].optional = optional;
            } else if (volume.n) {
                p->refs[i].optional = p->refs[i].optional && optional;
            }
            return &p->refs[i];
        }
    struct pod_ref *v = arena_zalloc(p->arena, (p->ref_count + 1) * sizeof *v);
    if (p->ref_count)
        memcpy(v, p->refs, p->ref_count * sizeof *v);
    p->refs = v;
    v += p->ref_count++;
    v->kind = arena_strdup(p->arena, kind);
    v->name = arena_cstr(p->arena, name);
    v->volume = volume.n ? arena_cstr(p->arena, volume) : NULL;
    v->optional = optional;
    v->pod = p;
    return v;
}

static void collect_volume(struct pod_worker *p, const struct json *source, struct str volume)
{
    const struct json *cm = json_get(source, "configMap"), *sec = json_get(source, "secret"),
                      *token = json_get(source, "serviceAccountToken");
    if (cm)
        ref_add(p, "configmap", json_get_str(cm, "name"), volume, json_get_bool(cm, "optional", false));
    if (sec)
        ref_add(p, "secret", json_get(sec, "secretName") ? json_get_str(sec, "secretName") : json_get_str(sec, "name"), volume,
                json_get_bool(sec, "optional", false));
    if (token) {
        struct pod_ref *r = ref_add(p, "token", json_get_str(token, "path"), volume, false);
        if (r)
            r->expiry_s = json_get_int(token, "expirationSeconds", 3600);
    }
    for (const struct json *s = json_first(json_path(source, "projected.sources")); s; s = json_next(s))
        collect_volume(p, s, volume);
}

static void collect_env(struct pod_worker *p, const struct json *containers)
{
    for (const struct json *c = json_first(containers); c; c = json_next(c)) {
        for (const struct json *e = json_first(json_get(c, "env")); e; e = json_next(e)) {
            ref_add(p, "configmap", json_path_str(e, "valueFrom.configMapKeyRef.name"), STR_NULL, true);
            ref_add(p, "secret", json_path_str(e, "valueFrom.secretKeyRef.name"), STR_NULL, true);
        }
        for (const struct json *e = json_first(json_get(c, "envFrom")); e; e = json_next(e)) {
            ref_add(p, "configmap", json_path_str(e, "configMapRef.name"), STR_NULL, true);
            ref_add(p, "secret", json_path_str(e, "secretRef.name"), STR_NULL, true);
        }
    }
}

void refs_collect(struct pod_worker *p)
{
    const struct json *spec = json_get(p->pod, "spec");
    for (const struct json *v = json_first(json_get(spec, "volumes")); v; v = json_next(v))
        collect_volume(p, v, json_get_str(v, "name"));
    collect_env(p, json_get(spec, "initContainers"));
    collect_env(p, json_get(spec, "containers"));
}

bool refs_busy(const struct pod_worker *p)
{
    for (size_t i = 0; i < p->ref_count; i++)
        if (p->refs[i].call)
            return true;
    return false;
}

static void ref_done(void *ctx, const struct client_result *r, const struct err *err)
{
    struct pod_ref *ref = ctx;
    struct pod_worker *p = ref->pod;
    ref->call = NULL;
    err_clear(&ref->err);
    ref->err = (struct err){ 0 };
    ref->done = err->code == ERR_NONE;
    ref->missing = err->code == ERR_NOT_FOUND;
    if (ref->done)
        ref->obj = json_copy(p->arena, r->obj);
    else
        err_set(&ref->err, err->code, "%s", err->msg);
    if (!refs_busy(p))
        pod_kick(p);
}

void refs_fetch(struct pod_worker *p)
{
    if (!p->k->o.client)
        return;
    for (size_t i = 0; i < p->ref_count; i++) {
        struct pod_ref *r = &p->refs[i];
        if (r->done || r->call)
            continue;
        struct arena *a = arena_new();
        if (strcmp(r->kind, "token") == 0) {
            struct json *body = json_buildf(a,
                                            "{'kind':'TokenRequest','apiVersion':'authentication.k8s.io/v1',"
                                            "'metadata':{'creationTimestamp':null},'spec':{'audiences':null,"
                                               "'expirationSeconds':%d,'boundObjectRef':{'kind':'Pod','apiVersion':'v1','name':%s,"
                                               "'uid':%s}},'status':{'token':'','expirationTimestamp':null}}",
                                            r->expiry_s, p->name, p->uid);
            struct str account = json_path_str(p->pod, "spec.serviceAccountName");
            r->call = client_create(p->k->o.client, client_path(a, "v1", "serviceaccounts", str_c(p->ns), account, "token"), body,
                                    ref_done, r);
        } else {
            r->call = client_get(p->k->o.client,
                                 client_path(a, "v1", strcmp(r->kind, "secret") == 0 ? "secrets" : "configmaps", str_c(p->ns),
                                             str_c(r->name), NULL), ref_done, r);
        }
        arena_free(a);
    }
    if (!refs_busy(p))
        pod_kick(p);
}

void refs_pause(struct pod_worker *p)
{
    for (size_t i = 0; i < p->ref_count; i++) {
        if (p->refs[i].call)
            client_cancel(p->refs[i].call);
        p->refs[i].call = NULL;
    }
}

void refs_free(struct pod_worker *p)
{
    for (size_t i = 0; i < p->ref_count; i++) {
        if (p->refs[i].call)
            client_cancel(p->refs[i].call);
        p->refs[i].call = NULL;
        err_clear(&p->refs[i].err);
    }
    p->ref_count = 0;
}

const struct pod_ref *refs_find(const struct pod_worker *p, const char *kind, struct str name)
{
    for (size_t i = 0; i < p->ref_count; i++)
        if (strcmp(p->refs[i].kind, kind) == 0 && str_eqc(name, p->refs[i].name))
            return &p->refs[i];
    return NULL;
}

/* ---- trees ---- */
struct filler { struct pod_worker *p; struct arena *a; struct vfs *fs; int64_t now_ns; };

static void put_file(struct filler *f, struct str path, struct str bytes, int64_t mode)
{
    vfs_put(f->fs, arena_printf(f->a, "/" STR_FMT, STR_ARG(path)), bytes, (unsigned)mode, f->now_ns);
}

/* Every key, or those of `items` under their paths. */
static bool put_data(struct filler *f, const struct json *source, const char *kind, struct str name, int64_t mode, struct err *err)
{
    const struct pod_ref *r = refs_find(f->p, kind, name);
    bool secret = strcmp(kind, "secret") == 0, optional = json_get_bool(source, "optional", false);
    if (!r || !r->obj) {
        if (optional)
            return true;
        if (r && !r->missing && r->err.code)
            return err_set(err, ERR_TIMEOUT, "failed to sync %s cache: timed out waiting for the condition", kind);
        return err_set(err, ERR_NOT_FOUND, "%s \"" STR_FMT "\" not found", kind, STR_ARG(name));
    }
    const struct json *data = json_get(r->obj, "data"), *items = json_get(source, "items");
    for (const struct json *d = json_first(items ? items : data); d; d = json_next(d)) {
        struct str key = items ? json_get_str(d, "key") : json_key(d), path = items ? json_get_str(d, "path") : key;
        const struct json *node = json_getn(data, key);
        struct str bytes = json_str(node);
        if (!node && !optional)
            return err_set(err, ERR_INVALID, "references non-existent %s key: " STR_FMT, secret ? "secret" : "config", STR_ARG(key));
        if (node && secret && !base64_decode(f->a, bytes, &bytes))
            bytes = STR_NULL;
        if (node)
            put_file(f, path, bytes, items ? json_get_int(d, "mode", mode) : mode);
    }
    for (const struct json *d = json_first(items || secret ? NULL : json_get(r->obj, "binaryData")); d; d = json_next(d)) {
        struct str bytes;
        if (base64_decode(f->a, json_str(d), &bytes))
            put_file(f, json_key(d), bytes, mode);
    }
    return true;
}

static const struct json *spec_of(const struct pod_worker *p, struct str container)
{
    static const char *const lists[] = { "spec.containers", "spec.initContainers" };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct json *c = json_first(json_path(p->pod, lists[i])); c; c = json_next(c))
            if (str_eq(json_get_str(c, "name"), container))
                return c;
    return NULL;
}

static bool put_downward(struct filler *f, const struct json *source, int64_t mode, struct err *err)
{
    for (const struct json *i = json_first(json_get(source, "items")); i; i = json_next(i)) {
        const struct json *res = json_get(i, "resourceFieldRef");
        struct str value = STR_NULL;
        bool ok = res ? resource_ref_value(f->a, f->p, spec_of(f->p, json_get_str(res, "containerName")),
                                           json_get_str(res, "resource"), json_get_str(res, "divisor"), &value, err)
                      : field_ref_value(f->a, f->p, json_path_str(i, "fieldRef.fieldPath"), &value, err);
        if (!ok)
            return false;
        put_file(f, json_get_str(i, "path"), value, json_get_int(i, "mode", mode));
    }
    return true;
}

static bool fill(struct filler *f, const struct json *source, int64_t mode, struct err *err)
{
    const struct json *cm = json_get(source, "configMap"), *sec = json_get(source, "secret"), *down = json_get(source, "downwardAPI"),
                      *token = json_get(source, "serviceAccountToken"), *projected = json_get(source, "projected");
    if (cm)
        return put_data(f, cm, "configmap", json_get_str(cm, "name"), json_get_int(cm, "defaultMode", mode), err);
    if (sec)
        return put_data(f, sec, "secret",
                        json_get(sec, "secretName") ? json_get_str(sec, "secretName") : json_get_str(sec, "name"),
                        json_get_int(sec, "defaultMode", mode), err);
    if (down)
        return put_downward(f, down, json_get_int(down, "defaultMode", mode), err);
    if (token) {
        const struct pod_ref *r = refs_find(f->p, "token", json_get_str(token, "path"));
        if (!r || !r->obj)
            return err_set(err, ERR_UNAVAILABLE, "failed to fetch token: %s", r ? r->err.msg : "not requested");
        put_file(f, json_get_str(token, "path"), json_path_str(r->obj, "status.token"), mode);
    }
    for (const struct json *s = json_first(json_get(projected, "sources")); s; s = json_next(s))
        if (!fill(f, s, json_get_int(projected, "defaultMode", 0644), err))
            return false;
    return true;
}

static struct vfs *host_path(struct kubelet *k, struct str path)
{
    struct vfs *fs = map_get(k->host_paths, path);
    if (!fs) {
        fs = vfs_new();
        map_put(k->host_paths, path, fs);
    }
    return vfs_ref(fs);
}

bool volumes_make(struct pod_worker *p, struct err *err, struct str *volume)
{
    struct arena *a = arena_new();
    bool ok = true;
    for (const struct json *v = json_first(json_path(p->pod, "spec.volumes")); v && ok; v = json_next(v)) {
        const struct json *host = json_get(v, "hostPath");
        *volume = json_get_str(v, "name");
        if (map_get(p->volumes, *volume))
            continue;
        struct vfs *fs = host ? host_path(p->k, json_get_str(host, "path")) : vfs_new();
        struct filler f = { p, a, fs, vtime_now(p->k->o.loop) };
        ok = fill(&f, v, 0644, err);
        if (ok)
            map_put(p->volumes, *volume, fs);
        else
            vfs_free(fs);
    }
    arena_free(a);
    return ok;
}

static void drop_vfs(void *v) { vfs_free(v); }

void volumes_free(struct pod_worker *p)
{
    map_free(p->volumes, drop_vfs);
    p->volumes = NULL;
}

static void hosts_file(struct container *c, struct vfs *files)
{
    struct arena *a = arena_new();
    struct pod_worker *p = c->pod;
    struct str hosts = pod_hostnetwork(p)
                       ? arena_strf(a, "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n%s", p->k->o.node_name, p->k->o.etc_hosts)
        : arena_strf(a, "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost "
                        "ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\n"
                        "fe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n%s\t%s\n", p->ip, p->name);
    struct str hostname = arena_strf(a, "%s\n", pod_hostnetwork(p) ? p->k->o.node_name : p->name);
    const char *domain = p->k->o.cluster_domain;
    struct str resolv = arena_strf(a, "nameserver %s\nsearch %s.svc.%s svc.%s %s localdomain\noptions ndots:5\n",
                                   p->k->o.cluster_dns, p->ns, domain, domain, domain);
    int64_t now = vtime_now(p->k->o.loop);
    vfs_put(files, "/etc/hosts", hosts, 0644, now);
    vfs_put(files, "/etc/hostname", hostname, 0644, now);
    if (!pod_hostnetwork(p))
        vfs_put(files, "/etc/resolv.conf", resolv, 0644, now);
    arena_free(a);
}

struct json *kubelet_host_mounts(struct arena *a, const struct json *pod_spec, const struct json *container_spec)
{
    struct json *all = json_new_array(a);
    for (const struct json *m = json_first(json_get(container_spec, "volumeMounts")); m; m = json_next(m))
        for (const struct json *v = json_first(json_get(pod_spec, "volumes")); v; v = json_next(v))
            if (str_eq(json_get_str(v, "name"), json_get_str(m, "name")) && json_get(v, "hostPath"))
                json_append(all, json_buildf(a, "{'path':%S,'host':%S}", json_get_str(m, "mountPath"),
                                             json_path_str(v, "hostPath.path")));
    return all;
}

void volumes_mount(struct container *c, struct vfs *files)
{
    struct arena *a = arena_new();
    hosts_file(c, files);
    for (const struct json *m = json_first(json_get(c->spec, "volumeMounts")); m; m = json_next(m)) {
        struct vfs *fs = map_get(c->pod->volumes, json_get_str(m, "name"));
        struct str sub = json_get_str(m, "subPath"), path = json_get_str(m, "mountPath"), bytes;
        if (!fs)
            continue;
        if (!sub.n)
            vfs_mount(files, arena_cstr(a, path), fs, json_get_bool(m, "readOnly", false));
        else if (vfs_read(fs, arena_printf(a, "/" STR_FMT, STR_ARG(sub)), &bytes))      /* a file of the volume, as of now */
            vfs_put(files, arena_cstr(a, path), bytes, 0644, vtime_now(c->pod->k->o.loop));
    }
    arena_free(a);
}
