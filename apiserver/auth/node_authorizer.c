/* apiserver/auth/node_authorizer.c - what a kubelet may: its own node, and what the pods bound to it refer to.
 *
 * Upstream: kubernetes plugin/pkg/auth/authorizer/node/{node_authorizer,graph}.go. Upstream keeps a graph of all objects; here
 * the question "does a pod of this node refer to that object" is answered by walking the pods of the object's namespace, which
 * are parsed once (parsed.c) into node and references. Beyond these special resources a node has the rules of ClusterRole
 * system:node as compiled in. PersistentVolumes are reached through claims.
 */
#include "apiserver/auth/auth_priv.h"

enum { PODS_MAX = 16384 };

/* ---- what a pod refers to ---- */
enum ref_kind { REF_SECRET, REF_CONFIGMAP, REF_CLAIM, REF_ACCOUNT };
struct ref { enum ref_kind kind; struct str name; };
struct pod_refs { struct str node, ns, name, uid; struct ref *v; size_t n, cap; };

static void add_ref(struct arena *a, struct pod_refs *p, enum ref_kind kind, struct str name)
{
    if (!name.n) return;
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 8;
        p->v = arena_realloc(a, p->v, p->cap * sizeof *p->v, cap * sizeof *p->v);
        p->cap = cap;
    }
    p->v[p->n++] = (struct ref){ kind, name };
}

static void container_refs(struct arena *a, struct pod_refs *p, const struct json *containers)
{
    for (const struct json *c = json_first(containers); c; c = json_next(c)) {
        for (const struct json *e = json_first(json_get(c, "env")); e; e = json_next(e)) {
            add_ref(a, p, REF_SECRET, json_path_str(e, "valueFrom.secretKeyRef.name"));
            add_ref(a, p, REF_CONFIGMAP, json_path_str(e, "valueFrom.configMapKeyRef.name"));
        }
        for (const struct json *e = json_first(json_get(c, "envFrom")); e; e = json_next(e)) {
            add_ref(a, p, REF_SECRET, json_path_str(e, "secretRef.name"));
            add_ref(a, p, REF_CONFIGMAP, json_path_str(e, "configMapRef.name"));
        }
    }
}

static void volume_refs(struct arena *a, struct pod_refs *p, const struct json *v)
{
    static const struct { const char *path; enum ref_kind kind; } paths[] = {
        { "secret.secretName", REF_SECRET }, { "configMap.name", REF_CONFIGMAP }, { "persistentVolumeClaim.claimName", REF_CLAIM },
        { "azureFile.secretName", REF_SECRET },
        { "cephfs.secretRef.name", REF_SECRET }, { "cinder.secretRef.name", REF_SECRET },
        { "csi.nodePublishSecretRef.name", REF_SECRET },
        { "flexVolume.secretRef.name", REF_SECRET }, { "iscsi.secretRef.name", REF_SECRET }, { "rbd.secretRef.name", REF_SECRET },
        { "scaleIO.secretRef.name", REF_SECRET }, { "storageos.secretRef.name", REF_SECRET },
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) add_ref(a, p, paths[i].kind, json_path_str(v, paths[i].path));
    for (const struct json *s = json_first(json_path(v, "projected.sources")); s; s = json_next(s)) {
        add_ref(a, p, REF_SECRET, json_path_str(s, "secret.name"));
        add_ref(a, p, REF_CONFIGMAP, json_path_str(s, "configMap.name"));
    }
    if (json_get(v, "ephemeral"))
        add_ref(a, p, REF_CLAIM, arena_strf(a, STR_FMT "-" STR_FMT, STR_ARG(p->name), STR_ARG(json_get_str(v, "name"))));
}

void *parse_pod(struct arena *a, const struct json *obj)
{
    struct pod_refs *p = ARENA_NEW(a, struct pod_refs);
    const struct json *spec = json_get(obj, "spec");
    *p = (struct pod_refs){ .node = json_get_str(spec, "nodeName"), .ns = meta_namespace(obj), .name = meta_name(obj),
                            .uid = meta_uid(obj) };
    if (meta_annotation(obj, "kubernetes.io/config.mirror").n) return p;      /* the node itself made it: it earns it nothing */
    add_ref(a, p, REF_ACCOUNT, json_get_str(spec, "serviceAccountName"));
    for (const struct json *s = json_first(json_get(spec, "imagePullSecrets")); s; s = json_next(s))
        add_ref(a, p, REF_SECRET, json_get_str(s, "name"));
    container_refs(a, p, json_get(spec, "initContainers"));
    container_refs(a, p, json_get(spec, "containers"));
    container_refs(a, p, json_get(spec, "ephemeralContainers"));
    for (const struct json *v = json_first(json_get(spec, "volumes")); v; v = json_next(v)) volume_refs(a, p, v);
    return p;
}

/* ---- is there a path from the node to the object? ---- */
struct search { struct authz *z; struct arena *a; struct str node, name; enum ref_kind kind; bool to_volume, found; };

static bool claim_has_volume(struct search *s, const struct pod_refs *p, struct str claim)
{
    struct object *o = registry_get(s->z->as, STR(""), STR("persistentvolumeclaims"), p->ns, claim);
    bool same = o && str_eq(json_path_str(object_json(o), "spec.volumeName"), s->name);
    object_unref(o);
    return same;
}

static bool search_pod(void *ctx, struct str key, struct object *o)
{
    struct search *s = ctx;
    const struct pod_refs *p = parsed_get(s->z->pods, key, o);
    if (!str_eq(p->node, s->node)) return true;
    for (size_t i = 0; i < p->n && !s->found; i++) {
        if (p->v[i].kind != s->kind) continue;
        s->found = s->to_volume ? claim_has_volume(s, p, p->v[i].name) : str_eq(p->v[i].name, s->name);
    }
    return !s->found;
}

static bool reaches(struct authz *z, struct arena *a, struct str node, enum ref_kind kind, bool to_volume, struct str ns,
                    struct str name)
{
    struct search s = { .z = z, .a = a, .node = node, .name = name, .kind = kind, .to_volume = to_volume };
    parsed_trim(z->pods, PODS_MAX);
    struct str prefix = ns.n ? arena_strf(a, "/registry/core/pods/" STR_FMT "/", STR_ARG(ns)) : STR("/registry/core/pods/");
    store_list(z->as->store, prefix, STR(""), search_pod, &s);
    return s.found;
}

/* ---- the rules of each resource ---- */
struct node_check { struct authz *z; struct arena *a; struct str node; const struct attributes *at; };

static bool refuse(struct str *reason, const char *why)
{
    *reason = str_c(why);
    return false;
}

static bool verb_is(const struct attributes *at, const char *words)
{
    struct str rest = str_c(words);
    while (rest.n)
        if (str_eq(str_token(&rest, ','), at->verb)) return true;
    return false;
}

static bool related(struct node_check *c, enum ref_kind kind, bool to_volume, struct str *reason)
{
    if (!c->at->name.n) return refuse(reason, "No Object name found");
    if (reaches(c->z, c->a, c->node, kind, to_volume, to_volume ? STR("") : c->at->namespace, c->at->name)) return true;
    const char *quote = c->z->as->opt.minor >= 17 ? "'" : "\"";
    *reason = arena_strf(c->a, "no relationship found between node %s" STR_FMT "%s and this object", quote, STR_ARG(c->node), quote);
    return false;
}

static bool read_namespaced(struct node_check *c, enum ref_kind kind, struct str *reason)
{
    if (!verb_is(c->at, "get,list,watch")) return refuse(reason, "can only read resources of this type");
    if (c->at->subresource.n) return refuse(reason, "cannot read subresource");
    if (!c->at->namespace.n) return refuse(reason, "can only read namespaced object of this type");
    return related(c, kind, false, reason);
}

static bool on_secrets(struct node_check *c, struct str *reason) { return read_namespaced(c, REF_SECRET, reason); }
static bool on_configmaps(struct node_check *c, struct str *reason) { return read_namespaced(c, REF_CONFIGMAP, reason); }

static bool on_claims(struct node_check *c, struct str *reason)
{
    if (str_eqc(c->at->subresource, "status")) {
        if (!verb_is(c->at, "update,patch")) return refuse(reason, "can only get/update/patch this type");
        return related(c, REF_CLAIM, false, reason);
    }
    if (!verb_is(c->at, "get")) return refuse(reason, "can only get individual resources of this type");
    if (c->at->subresource.n) return refuse(reason, "cannot get subresource");
    return related(c, REF_CLAIM, false, reason);
}

static bool on_volumes(struct node_check *c, struct str *reason)
{
    if (!verb_is(c->at, "get")) return refuse(reason, "can only get individual resources of this type");
    return related(c, REF_CLAIM, true, reason);
}

static bool on_accounts(struct node_check *c, struct str *reason)
{
    if (!verb_is(c->at, "create") || !str_eqc(c->at->subresource, "token"))
        return refuse(reason, "can only create tokens for individual service accounts");
    return related(c, REF_ACCOUNT, false, reason);
}

static bool on_leases(struct node_check *c, struct str *reason)
{
    if (!verb_is(c->at, "get,create,update,patch,delete"))
        return refuse(reason, "can only get, create, update, patch, or delete a node lease");
    if (!str_eqc(c->at->namespace, "kube-node-lease"))
        return refuse(reason, "can only access leases in the \"kube-node-lease\" system namespace");
    if (!verb_is(c->at, "create") && !str_eq(c->at->name, c->node))
        return refuse(reason, "can only access node lease with the same name as the requesting node");
    return true;
}

static bool on_csinodes(struct node_check *c, struct str *reason)
{
    if (!verb_is(c->at, "get,create,update,patch,delete"))
        return refuse(reason, "can only get, create, update, patch, or delete a CSINode");
    if (c->at->subresource.n) return refuse(reason, "cannot authorize CSINode subresources");
    if (!verb_is(c->at, "create") && !str_eq(c->at->name, c->node))
        return refuse(reason, "can only access CSINode with the same name as the requesting node");
    return true;
}

/* From 1.32 on a node reads itself alone, and pods by their node (AuthorizeNodeWithSelectors); lists carry their selector, which
 * kubelets always set. */
static bool on_nodes(struct node_check *c, struct str *reason)
{
    if (verb_is(c->at, "get,list,watch") && c->at->name.n && !str_eq(c->at->name, c->node) && c->z->as->opt.minor >= 32)
        return refuse(reason, "node cannot read other nodes, only its own Node object");
    for (size_t i = 0; i < c->z->node_rules.n; i++)
        if (rule_allows(&c->z->node_rules.v[i], c->at)) return true;
    return false;
}

static const struct { const char *group, *resource; bool (*check)(struct node_check *c, struct str *reason); } checks[] = {
    { "", "secrets", on_secrets }, { "", "configmaps", on_configmaps }, { "", "persistentvolumeclaims", on_claims },
    { "", "persistentvolumes", on_volumes },
    { "", "serviceaccounts", on_accounts }, { "", "nodes", on_nodes }, { "coordination.k8s.io", "leases", on_leases },
    { "storage.k8s.io", "csinodes", on_csinodes },
};

bool node_allowed(struct authz *z, const struct attributes *at, struct arena *a, struct str *reason)
{
    if (!str_starts(at->user->name, "system:node:") || !user_in_group(at->user, "system:nodes")) return false;
    struct node_check c = { z, a, str_sub(at->user->name, strlen("system:node:"), at->user->name.n), at };
    for (size_t i = 0; at->is_resource && i < ARRAY_LEN(checks); i++)
        if (str_eqc(at->group, checks[i].group) && str_eqc(at->resource, checks[i].resource)) return checks[i].check(&c, reason);
    for (size_t i = 0; i < z->node_rules.n; i++)
        if (rule_allows(&z->node_rules.v[i], at)) return true;
    return false;
}
