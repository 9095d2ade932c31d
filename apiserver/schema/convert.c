/* apiserver/schema/convert.c - one object in another version of its group.
 *
 * Models pkg/apis/.../conversion.go. Upstream converts through an internal version; here most pairs have one shape and only
 * apiVersion changes, and the others are translated directly (convert_hpa.c, convert_shapes.c). Upstream's storage versions are
 * the oldest of their time; here the version stored is the one that loses nothing (storage table below), so that an old object
 * read by a new client and back is unchanged.
 */
#include "apiserver/schema/schema_priv.h"

/* Group-kinds whose versions differ in shape, and how to translate. Fields that one version lacks are dropped by canonical order. */
static const struct { const char *group, *kind;
                      bool (*fn)(const struct schema *, struct arena *, struct json *, const struct gvk *, struct str,
                                 struct err *); } shapes[] = {
    { "autoscaling", "HorizontalPodAutoscaler", convert_hpa },
    { "certificates.k8s.io", "CertificateSigningRequest", convert_csr },
    { "networking.k8s.io", "Ingress", convert_ingress },
    { "extensions", "Ingress", convert_ingress },
    { "", "Event", convert_event },
    { "events.k8s.io", "Event", convert_event },
    { "discovery.k8s.io", "EndpointSlice", convert_endpoint_slice },
    { "apiextensions.k8s.io", "CustomResourceDefinition", convert_crd },
};

/* Kinds that two groups serve: the second is the name that objects are stored under. */
static const struct { const char *group, *kind, *stored_group; } twins[] = {
    { "events.k8s.io", "Event", "" }, { "extensions", "Ingress", "networking.k8s.io" },
};

static bool same_group(struct str group, struct str kind, const struct gvk *from)
{
    struct str x = group, y = from->group;
    for (size_t i = 0; i < ARRAY_LEN(twins); i++) {
        if (!str_eqc(kind, twins[i].kind))
            continue;
        if (str_eqc(x, twins[i].group))
            x = str_c(twins[i].stored_group);
        if (str_eqc(y, twins[i].group))
            y = str_c(twins[i].stored_group);
    }
    return str_eq(x, y);
}

/* to_version is "v1" for the same group, or "networking.k8s.io/v1" for a twin's. */
static struct gvk target_of(const struct gvk *from, struct str to_version)
{
    struct gvk to = { from->group, to_version, from->kind };
    struct str group, version;
    if (str_cut(to_version, '/', &group, &version) && same_group(group, from->kind, from)) {
        to.group = group;
        to.version = version;
    } else if (str_eqc(from->group, "events.k8s.io") || (str_eqc(from->kind, "Event") && from->group.n == 0)) {
        to.version = to_version;
    }
    return to;
}

bool schema_same_shape(const struct schema *s, const struct gvk *from, struct str to_version)
{
    (void)s;
    struct gvk to = target_of(from, to_version);
    if (str_eq(from->version, to.version) && str_eq(from->group, to.group))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        if (gvk_is(from, shapes[i].group, shapes[i].kind))
            return false;
    const struct type *t = schema_kind(s, from->group, from->version, from->kind), *u = schema_kind(s, to.group, to.version, to.kind);
    if (t && u && t->custom && u->custom)
        return json_equal(t->custom->schema, u->custom->schema);
    return t && u && t->count == u->count;
}

bool schema_convert(const struct schema *s, struct arena *a, struct json *obj, const struct gvk *from, struct str to_version,
                    struct err *err)
{
    struct gvk to = target_of(from, to_version);
    const struct type *t = schema_kind(s, to.group, to.version, to.kind);
    if (!t)
        return err_set(err, ERR_BAD_REQUEST, "no kind \"" STR_FMT "\" is registered for version \"" STR_FMT "%s" STR_FMT "\"",
                       STR_ARG(to.kind),
                       STR_ARG(to.group), to.group.n ? "/" : "", STR_ARG(to.version));
    if (str_eq(from->version, to.version) && str_eq(from->group, to.group))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        if (gvk_is(from, shapes[i].group, shapes[i].kind))
            if (!shapes[i].fn(s, a, obj, from, to.version, err))
                return false;
    json_set_str(a, obj, "kind", to.kind);
    json_set_str(a, obj, "apiVersion", gvk_api_version(a, to.group, to.version));
    if (t->custom)
        custom_prune(t->custom, obj);
    canonical_object(a, t, obj);
    return true;
}

/* The version that keeps everything: the newest stable one that this schema has, if its shape is the richest. */
static const struct { const char *group, *kind, *versions; } storage[] = {
    { "autoscaling", "HorizontalPodAutoscaler", "v2,v2beta2" },
    { "certificates.k8s.io", "CertificateSigningRequest", "v1,v1beta1" },
    { "events.k8s.io", "Event", "v1,v1beta1" },
    { "extensions", "Ingress", "v1beta1" },
    { "networking.k8s.io", "Ingress", "v1,v1beta1" },
    { "policy", "Eviction", "v1beta1,v1" },
};

struct str schema_storage_version(const struct schema *s, struct str group, struct str kind)
{
    for (size_t i = 0; i < ARRAY_LEN(storage); i++) {
        if (!str_eqc(group, storage[i].group) || !str_eqc(kind, storage[i].kind))
            continue;
        struct str rest = str_c(storage[i].versions);
        while (rest.p) {
            struct str version = str_token(&rest, ',');
            if (schema_kind(s, group, version, kind))
                return version;
        }
    }
    struct str best = STR_NULL;                  /* v1 before v1beta1 before anything else */
    size_t cursor = 0;
    struct gvk gvk;
    const struct type *t;
    while (schema_each_kind(s, &cursor, &gvk, &t))
        if (str_eq(gvk.group, group) && str_eq(gvk.kind, kind) && (best.n == 0 || (gvk.version.n < best.n)))
            best = gvk.version;
    return best;
}
