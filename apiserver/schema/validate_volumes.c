/* apiserver/schema/validate_volumes.c - a pod's volumes (ValidateVolumes of pkg/apis/core/validation/validation.go), and claims.
 *
 * Checked in detail: the sources that a teaching cluster uses. Sources of cloud providers are only counted.
 */
#include "apiserver/schema/schema_priv.h"

enum { CLAIM_DIFF_MINOR = 19 };

static void check_mode(struct check *c, const struct json *v, const struct fpath *p)
{
    int64_t mode = json_int(v, 0);
    if (v && (mode < 0 || mode > 0777))
        check_invalid_i(c, p, mode, "must be a number between 0 and 0777 (octal), both inclusive");
}

/* Where a file of a volume lies, within the volume. */
static void check_file_path(struct check *c, struct str path, const struct fpath *p)
{
    if (path.n == 0)
        check_required(c, p, "");
    else if (str_starts(path, "/"))
        check_invalid_s(c, p, path, "must be a relative path");
    else if (str_starts(path, ".."))
        check_invalid_s(c, p, path, "must not contain '..'");
}

static void check_items(struct check *c, const struct json *items, const struct fpath *pp)
{
    size_t i = 0;
    for (const struct json *it = json_first(items); it; it = json_next(it), i++) {
        const struct fpath *p = FP_INDEX(pp, i);
        struct str path = json_get_str(it, "path");
        if (json_get_str(it, "key").n == 0)
            check_required(c, FP_NAME(p, "key"), "");
        check_file_path(c, path, FP_NAME(p, "path"));
        check_mode(c, json_get(it, "mode"), FP_NAME(p, "mode"));
    }
}

static void check_host_path(struct check *c, const struct json *v, const struct fpath *p)
{
    struct str path = json_get_str(v, "path");
    if (path.n == 0)
        check_required(c, FP_NAME(p, "path"), "");
    else if (str_find(path, STR("/../")) >= 0 || str_ends(path, "/.."))
        check_invalid_s(c, FP_NAME(p, "path"), path, "must not contain '..'");
    if (json_get_str(v, "type").n)
        check_enum(c, FP_NAME(p, "type"), json_get_str(v, "type"),
                   "BlockDevice,CharDevice,Directory,DirectoryOrCreate,File,FileOrCreate,Socket");
}

/* Files of what the pod knows of itself: metadata, and resources of a container. */
static void check_downward(struct check *c, const struct json *items, const struct fpath *lp)
{
    static const char fields[] = "metadata.name,metadata.namespace,metadata.labels,metadata.annotations,metadata.uid";
    size_t i = 0;
    for (const struct json *it = json_first(items); it; it = json_next(it), i++) {
        const struct fpath *p = FP_INDEX(lp, i);
        struct str path = json_get_str(it, "path"), field = json_path_str(it, "fieldRef.fieldPath");
        const struct json *ref = json_get(it, "fieldRef"), *resource = json_get(it, "resourceFieldRef");
        check_file_path(c, path, FP_NAME(p, "path"));
        if (!ref && !resource)
            check_required(c, lp, "one of fieldRef and resourceFieldRef is required");
        else if (ref && resource)
            check_invalid_s(c, lp, STR("resource"), "fieldRef and resourceFieldRef can not be specified simultaneously");
        else if (ref && field.n == 0)
            check_required(c, FP_NAME(FP_NAME(p, "fieldRef"), "fieldPath"), "");
        else if (ref && str_chr(field, '[') < 0 && !in_list(field, fields)) {
            bool known = in_list(field, "spec.nodeName,spec.serviceAccountName,status.hostIP,status.podIP,status.podIPs");
            if (known)
                check_unsupported(c, FP_NAME(FP_NAME(p, "fieldRef"), "fieldPath"), field,
                                  "metadata.annotations,metadata.labels,metadata.name,metadata.namespace,metadata.uid");
            else
                check_invalid_s(c, FP_NAME(FP_NAME(p, "fieldRef"), "fieldPath"), field,
                                "error converting fieldPath: field label not supported: " STR_FMT, STR_ARG(field));
        } else if (resource && json_get_str(resource, "containerName").n == 0)
            check_required(c, FP_NAME(FP_NAME(p, "resourceFieldRef"), "containerName"), "");
        check_mode(c, json_get(it, "mode"), FP_NAME(p, "mode"));
    }
}

static void check_projected(struct check *c, const struct json *sources, const struct fpath *lp)
{
    static const char *const kinds[] = { "secret", "configMap", "downwardAPI", "serviceAccountToken" };
    size_t i = 0;
    for (const struct json *s = json_first(sources); s; s = json_next(s), i++) {
        size_t n = 0;
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            const struct json *v = json_get(s, kinds[k]);
            const struct fpath *p = FP_NAME(FP_INDEX(lp, i), kinds[k]);
            if (!v)
                continue;
            if (n++)
                check_forbidden(c, p, "may not specify more than 1 volume type");
            else if (k < 2 && json_get_str(v, "name").n == 0)
                check_required(c, FP_NAME(p, "name"), "");
            else if (k == 3 && json_get_str(v, "path").n == 0)
                check_required(c, FP_NAME(p, "path"), "");
            if (k < 2)
                check_items(c, json_get(v, "items"), FP_NAME(p, "items"));
            else if (k == 2)
                check_downward(c, json_get(v, "items"), FP_NAME(p, "items"));
        }
    }
}

static void check_empty_dir(struct check *c, const struct json *v, const struct fpath *p)
{
    struct quantity limit;
    if (quantity_parse(json_get_str(v, "sizeLimit"), &limit, NULL) && limit.nano < 0)
        check_forbidden(c, FP_NAME(p, "sizeLimit"), "SizeLimit field must be a valid resource quantity");
}

static void check_source(struct check *c, const char *kind, const struct json *v, const struct fpath *p)
{
    const char *needs = strcmp(kind, "secret") == 0 ? "secretName" : strcmp(kind, "configMap") == 0 ? "name" :
                        strcmp(kind, "persistentVolumeClaim") == 0 ? "claimName" : NULL;
    if (needs && json_get_str(v, needs).n == 0)
        check_required(c, FP_NAME(p, needs), "");
    if (strcmp(kind, "hostPath") == 0)
        check_host_path(c, v, p);
    check_mode(c, json_get(v, "defaultMode"), FP_NAME(p, "defaultMode"));
    if (strcmp(kind, "downwardAPI") == 0)
        check_downward(c, json_get(v, "items"), FP_NAME(p, "items"));
    else
        check_items(c, json_get(v, "items"), FP_NAME(p, "items"));
    if (strcmp(kind, "projected") == 0)
        check_projected(c, json_get(v, "sources"), FP_NAME(p, "sources"));
    if (strcmp(kind, "emptyDir") == 0)
        check_empty_dir(c, v, p);
    if (strcmp(kind, "csi") == 0 && json_get_str(v, "driver").n == 0)
        check_required(c, FP_NAME(p, "driver"), "");
    if (strcmp(kind, "nfs") == 0) {
        if (json_get_str(v, "server").n == 0)
            check_required(c, FP_NAME(p, "server"), "");
        if (json_get_str(v, "path").n == 0)
            check_required(c, FP_NAME(p, "path"), "");
    }
}

const struct json *check_volumes(struct check *c, const struct json *volumes, const struct fpath *pp)
{
    size_t i = 0;
    struct json *names = json_new_object(c->a), *good = json_new_array(c->a);
    for (const struct json *v = json_first(volumes); v; v = json_next(v), i++) {
        const struct fpath *p = FP_INDEX(pp, i);
        struct str name = json_get_str(v, "name");
        size_t sources = 0, before = c->out->n;
        for (const struct json *s = json_first(v); s; s = json_next(s)) {
            if (!json_is(s, JSON_OBJECT))
                continue;
            char *kind = arena_cstr(c->a, json_key(s));
            if (sources++)
                check_forbidden(c, FP_NAME(p, kind), "may not specify more than 1 volume type");
            else
                check_source(c, kind, s, FP_NAME(p, kind));
        }
        if (sources == 0)
            check_required(c, p, "must specify a volume type");
        if (name.n == 0)
            check_required(c, FP_NAME(p, "name"), "");
        else
            check_name(c, name, NAME_LABEL, false, FP_NAME(p, "name"));
        if (json_getn(names, name))
            check_duplicate(c, FP_NAME(p, "name"), name);
        if (c->out->n != before)
            continue;
        json_setn(c->a, names, name, json_new_bool(c->a, true));
        json_append(good, json_copy(c->a, v));
    }
    return good;
}

static void check_claim_spec(struct check *c, const struct json *spec, const struct fpath *p)
{
    const struct json *modes = json_get(spec, "accessModes"),
                      *storage = json_getn(json_path(spec, "resources.requests"), STR("storage"));
    if (json_len(modes) == 0)
        check_required(c, FP_NAME(p, "accessModes"), "at least 1 access mode is required");
    for (const struct json *m = json_first(modes); m; m = json_next(m))
        check_enum(c, FP_NAME(p, "accessModes"), json_str(m),
                   c->minor >= 22 ? "ReadOnlyMany,ReadWriteMany,ReadWriteOnce,ReadWriteOncePod"
                                                                              : "ReadOnlyMany,ReadWriteMany,ReadWriteOnce");
    struct quantity q;
    const struct fpath *rp = FP_KEY(FP_NAME(FP_NAME(p, "resources"), "requests"), STR("storage"));
    if (!storage)
        check_required(c, FP_KEY(FP_NAME(p, "resources"), STR("storage")), "");
    else if (quantity_parse(json_str(storage), &q, NULL) && q.nano <= 0)
        check_invalid_s(c, rp, json_str(storage), "must be greater than zero");
}

void validate_pvc(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    check_claim_spec(c, json_get(obj, "spec"), FP_NAME(NULL, "spec"));
    if (!old)
        return;
    struct json *now = json_copy(c->a, json_get(obj, "spec")), *was = json_copy(c->a, json_get(old, "spec"));
    if (str_eqc(json_path_str(obj, "status.phase"), "Bound") && json_get(was, "resources"))
        json_set(c->a, now, "resources", json_copy(c->a, json_get(was, "resources")));
    if (json_get_str(was, "volumeName").n == 0)  /* binding fills it in */
        json_set_str(c->a, was, "volumeName", json_get_str(now, "volumeName"));
    if (json_get_str(was, "volumeName").n == 0)
        json_remove(was, "volumeName");
    if (!json_get(was, "storageClassName") && json_get(now, "storageClassName"))
        json_set(c->a, was, "storageClassName", json_copy(c->a, json_get(now, "storageClassName")));
    if (json_equal(now, was))
        return;
    struct str diff = go_diff(c->a, c->s, "io.k8s.api.core.v1.PersistentVolumeClaimSpec", now, was);
    if (c->minor < CLAIM_DIFF_MINOR)
        check_forbidden(c, FP_NAME(NULL, "spec"), "is immutable after creation except resources.requests for bound claims");
    else
        check_forbidden(c, FP_NAME(NULL, "spec"), "spec is immutable after creation except resources.requests%s for bound claims\n"
                        STR_FMT, c->minor >= 31 ? " and volumeAttributesClassName" : "", STR_ARG(diff));
}

#define PV_SOURCES "hostPath,gcePersistentDisk,awsElasticBlockStore,glusterfs,flocker,nfs,rbd,quobyte,cephfs,iscsi,cinder,"   \
                   "fc,flexVolume,azureFile,vsphereVolume,photonPersistentDisk,portworxVolume,azureDisk,scaleIO,local,storageos,csi"

void validate_pv(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    const struct json *spec = json_get(obj, "spec");
    const struct fpath *p = FP_NAME(NULL, "spec");
    if (json_len(json_get(spec, "accessModes")) == 0)
        check_required(c, FP_NAME(p, "accessModes"), "");
    for (const struct json *m = json_first(json_get(spec, "accessModes")); m; m = json_next(m))
        check_enum(c, FP_NAME(p, "accessModes"), json_str(m),
                   c->minor >= 22 ? "ReadOnlyMany,ReadWriteMany,ReadWriteOnce,ReadWriteOncePod"
                   : "ReadOnlyMany,ReadWriteMany,ReadWriteOnce");
    const struct json *capacity = json_get(spec, "capacity");
    if (json_len(capacity) == 0)
        check_required(c, FP_NAME(p, "capacity"), "");
    if (!json_get(capacity, "storage") || json_len(capacity) > 1)
        field_error_add(c->out, "FieldValueNotSupported", fpath_text(c->a, FP_NAME(p, "capacity")),
                        "Unsupported value: " STR_FMT ": supported values: \"storage\"",
                        STR_ARG(json_len(capacity) ? json_text(c->a, capacity) : STR("core.ResourceList(nil)")));
    for (const struct json *q = json_first(capacity); q; q = json_next(q)) {
        struct quantity amount;
        if (quantity_parse(json_str(q), &amount, NULL) && amount.nano < 0)
            check_invalid_s(c, FP_KEY(FP_NAME(p, "capacity"), json_key(q)), json_str(q), "must be a valid resource quantity");
        if (quantity_parse(json_str(q), &amount, NULL) && amount.nano <= 0)
            check_invalid_s(c, FP_KEY(FP_NAME(p, "capacity"), json_key(q)), json_str(q), "must be greater than zero");
    }
    if (json_get_str(spec, "persistentVolumeReclaimPolicy").n)
        check_enum(c, FP_NAME(p, "persistentVolumeReclaimPolicy"), json_get_str(spec, "persistentVolumeReclaimPolicy"),
                   "Delete,Recycle,Retain");
    size_t sources = 0;
    for (const struct json *s = json_first(spec); s; s = json_next(s))
        if (in_list(json_key(s), PV_SOURCES) && sources++ > 0)
            check_forbidden(c, FP_NAME(p, arena_cstr(c->a, json_key(s))), "may not specify more than 1 volume type");
    if (sources == 0)
        check_required(c, p, "must specify a volume type");
    if (json_is(json_get(spec, "hostPath"), JSON_OBJECT))
        check_host_path(c, json_get(spec, "hostPath"), FP_NAME(p, "hostPath"));
}
