/* apiserver/admission/storage.c - claims get the default class; claims and volumes a finalizer, which controllers take
 * off when nobody uses them.
 *
 * Upstream: kubernetes plugin/pkg/admission/storage/{storageclass/setdefault,storageobjectinuseprotection}.
 */
#include "apiserver/admission/admission_priv.h"

struct default_search { struct arena *a; struct str name; int64_t created; };

static bool visit_class(void *ctx, struct str key, struct object *o)
{
    struct default_search *s = ctx;
    const struct json *sc = object_json(o);
    int64_t created = 0;
    (void)key;
    bool is = str_eqc(meta_annotation(sc, "storageclass.kubernetes.io/is-default-class"), "true") ||
              str_eqc(meta_annotation(sc, "storageclass.beta.kubernetes.io/is-default-class"), "true");
    if (!is) return true;
    meta_created_ns(sc, &created);
    if (s->name.n && created <= s->created) return true;
    s->name = arena_str(s->a, meta_name(sc));
    s->created = created;
    return true;
}

bool default_storage_class(struct admission_attrs *t, struct err *err)
{
    (void)err;
    if (t->op != ADMIT_CREATE || !attrs_are(t, "", "persistentvolumeclaims", "")) return true;
    struct json *spec = json_ensure(t->r->a, t->obj, "spec");
    if (json_get(spec, "storageClassName") || meta_annotation(t->obj, "volume.beta.kubernetes.io/storage-class").n) return true;
    struct default_search s = { .a = t->r->a };
    admission_list(t, "storage.k8s.io", "storageclasses", STR(""), visit_class, &s);
    if (s.name.n) json_set_str(t->r->a, spec, "storageClassName", s.name);
    return true;
}

bool protect_storage(struct admission_attrs *t, struct err *err)
{
    bool claim = attrs_are(t, "", "persistentvolumeclaims", ""), volume = attrs_are(t, "", "persistentvolumes", "");
    const char *name = claim ? "kubernetes.io/pvc-protection" : "kubernetes.io/pv-protection";
    (void)err;
    if (t->op != ADMIT_CREATE || (!claim && !volume)) return true;
    struct json *meta = json_ensure(t->r->a, t->obj, "metadata"), *list = json_get(meta, "finalizers");
    for (const struct json *f = json_first(list); f; f = json_next(f))
        if (str_eqc(json_str(f), name)) return true;
    if (!json_is(list, JSON_ARRAY)) {
        json_set(t->r->a, meta, "finalizers", json_new_array(t->r->a));
        list = json_get(meta, "finalizers");
    }
    json_append(list, json_new_strc(t->r->a, name));
    return true;
}
