/* apiserver/registry/write.c - what every create and update goes through, whatever the resource.
 *
 * The order is upstream's: names and system fields, admission, the strategy's preparation, validation, managed fields,
 * allocations, and at last the store with the revision that was read (apiserver pkg/registry/rest/create.go and update.go,
 * pkg/registry/generic/registry/store.go). A write that changes nothing is answered with what is there and makes no revision.
 * Everything happens within one turn of one thread, so upstream's retries after conflicts have no counterpart: what was read is
 * still true when it is written.
 */
#include "apiserver/admission/admission.h"
#include "apiserver/patch/patch.h"
#include "apiserver/registry/registry.h"

struct request *request_internal(struct apiserver *as, struct arena *a)
{
    struct request *r = ARENA_NEW(a, struct request);
    r->a = a;
    r->as = as;
    r->now_ns = vtime_now(as->loop);
    r->user.name = STR("system:apiserver");
    r->user.groups = arena_zalloc(a, 2 * sizeof(struct str));
    r->user.groups[0] = STR("system:masters");
    r->user.groups[1] = STR("system:authenticated");
    r->user.group_count = 2;
    list_init(&r->node);
    return r;
}

/* ---- metadata ---- */
static bool settle_namespace(struct request *r, const struct resource *res, struct json *meta, struct err *err)
{
    struct str want = r->info.namespace, have = json_get_str(meta, "namespace");
    if (!res->namespaced) {
        json_remove(meta, "namespace");
        return true;
    }
    if (!have.n) json_set_str(r->a, meta, "namespace", want);
    else if (want.n && !str_eq(have, want))
        return err_set(err, ERR_BAD_REQUEST, "the namespace of the provided object does not match the namespace sent on the request");
    return true;
}

static struct str self_link(struct request *r, const struct resource *res, const struct json *meta)
{
    struct str gv = gvk_api_version(r->a, res->stored.group, res->stored.version), ns = json_get_str(meta, "namespace");
    return arena_strf(r->a, "/%s/" STR_FMT "%s" STR_FMT "/" STR_FMT "/" STR_FMT, res->group.n ? "apis" : "api", STR_ARG(gv),
                      ns.n ? "/namespaces/" : "", STR_ARG(ns), STR_ARG(res->name), STR_ARG(json_get_str(meta, "name")));
}

/* A name that nobody has yet; upstream tries once (eight times since 1.32), and here it cannot fail by chance. */
static void generate_name(struct request *r, const struct resource *res, struct json *meta)
{
    struct str base = json_get_str(meta, "generateName"), ns = json_get_str(meta, "namespace");
    if (json_get_str(meta, "name").n || !base.n) return;
    for (int i = 0; i < 8; i++) {
        struct str name = name_generate(r->a, &r->as->rng, base);
        struct object *o = registry_get(r->as, res->stored.group, res->name, ns, name);
        json_set_str(r->a, meta, "name", name);
        if (!o) return;
        object_unref(o);
    }
}

static void system_fields(struct request *r, const struct resource *res, struct json *meta)
{
    static const char *const cleared[] = { "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation",
                                           "clusterName" };
    char uid[37];
    for (size_t i = 0; i < ARRAY_LEN(cleared); i++) json_remove(meta, cleared[i]);
    rng_uuid(&r->as->rng, uid);
    json_set_strc(r->a, meta, "uid", uid);
    json_set_str(r->a, meta, "creationTimestamp", time_rfc3339(r->a, r->now_ns));
    if (res->strategy->flags & (STRATEGY_GENERATION | STRATEGY_GENERATION_ALL)) json_set_int(r->a, meta, "generation", 1);
}

/* An update may not touch these; they come from the state that is there. */
static void keep_fields(struct arena *a, struct json *meta, const struct json *old_meta)
{
    static const char *const kept[] = { "generateName", "uid", "creationTimestamp", "deletionTimestamp",
                                        "deletionGracePeriodSeconds", "generation", "selfLink" };
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct json *v = json_get(old_meta, kept[i]);
        if (v) json_set(a, meta, kept[i], json_copy(a, v));
        else json_remove(meta, kept[i]);
    }
}

/* ---- validation ---- */
static bool validate(struct request *r, const struct resource *res, const struct json *obj, const struct json *old, struct err *err)
{
    const struct gvk *k = &res->main->kind;
    struct field_errors e = { .a = r->a };
    schema_validate(r->as->schema, r->a, k, obj, old, &e);
    if (res->strategy->validate) res->strategy->validate(r, obj, old, &e);
    return !e.n || err_invalid(err, k->group, k->kind, meta_name(obj), &e);
}

static void track_manager(struct request *r, const struct resource *res, const struct json *old, struct json *obj,
                          const struct write_options *o)
{
    if (o->apply || o->untracked) return;
    managed_fields_update(r->a, r->as->schema, &res->main->kind, old, obj, o->manager,
                          res->subresource.n ? arena_cstr(r->a, res->subresource) : NULL, r->now_ns);
}

/* ---- the store ---- */
bool write_commit(struct request *r, const struct resource *res, struct json *obj, struct object *old, struct object **out,
                  struct err *err)
{
    struct apiserver *as = r->as;
    const struct gvk *k = &res->main->kind;
    bool other = !str_eq(k->version, res->stored.version) || !str_eq(k->group, res->stored.group);
    if (other && !schema_convert(as->schema, r->a, obj, k, convert_target(r->a, k, &res->stored), err)) return false;
    struct json *meta = json_ensure(r->a, obj, "metadata");
    int64_t rv = store_next_revision(as->store);
    if (as->opt.minor < 20) json_set_str(r->a, meta, "selfLink", self_link(r, res, meta));
    if (!r->dry_run) json_set_str(r->a, meta, "resourceVersion", arena_strf(r->a, "%" PRId64, rv));
    json_set_str(r->a, obj, "kind", res->stored.kind);
    json_set_str(r->a, obj, "apiVersion", gvk_api_version(r->a, res->stored.group, res->stored.version));
    if (!schema_decode(as->schema, r->a, &res->stored, obj, STR_NULL, NULL, err)) return false;
    struct object *o = object_from_json(obj);
    if (r->dry_run) {
        *out = o;
        return true;
    }
    o->rv = rv;
    struct str key = registry_key(r->a, res->stored.group, res->name, json_get_str(meta, "namespace"), json_get_str(meta, "name"));
    if (!store_put(as->store, key, o, old ? old->rv : 0, err)) {
        object_unref(o);
        if (err && err->code == ERR_ALREADY_EXISTS) return err_already_exists(err, res->group, res->name, json_get_str(meta, "name"));
        if (err && err->code == ERR_CONFLICT) return err_object_modified(err, res->group, res->name, json_get_str(meta, "name"));
        return false;
    }
    if (!res->stored.group.n && str_eqc(res->name, "events")) event_expiry_add(as, key, r->now_ns + event_ttl_ns(r->as));
    *out = o;
    return true;
}

bool write_remove(struct request *r, const struct resource *res, struct object *old, struct object **out, struct err *err)
{
    struct apiserver *as = r->as;
    const struct json *was = object_json(old);
    if (r->dry_run) {
        *out = object_ref(old);
        return true;
    }
    struct json *obj = json_copy(r->a, was);
    int64_t rv = store_next_revision(as->store);
    json_set_str(r->a, json_ensure(r->a, obj, "metadata"), "resourceVersion", arena_strf(r->a, "%" PRId64, rv));
    struct object *o = object_from_json(obj);
    o->rv = rv;
    struct str key = registry_key(r->a, res->stored.group, res->name, meta_namespace(was), meta_name(was));
    if (!store_delete(as->store, key, o, old->rv, err)) {
        object_unref(o);
        return false;
    }
    if (res->strategy->removed) res->strategy->removed(as, was);
    *out = o;
    return true;
}

/* ---- create ---- */
static bool admit(struct request *r, enum admission_op op, struct json *obj, const struct json *old, const struct write_options *o,
                  struct err *err)
{
    return !o->admit || admission_mutate(r, op, obj, old, err);
}

static bool allow(struct request *r, enum admission_op op, struct json *obj, const struct json *old, const struct write_options *o,
                  struct err *err)
{
    return !o->admit || admission_validate(r, op, obj, old, err);
}

/* Allocations happen last, and are taken back when it was only tried. */
static bool store_hook(struct request *r, const struct resource *res, struct json *obj, const struct json *old, struct err *err)
{
    const struct strategy *s = res->strategy;
    if (!s->store) return true;
    if (!s->store(r, obj, old, err)) return false;
    if (r->dry_run && !old && s->removed) s->removed(r->as, obj);
    return true;
}

static bool exists(struct request *r, const struct resource *res, const struct json *meta, struct err *err)
{
    struct str name = json_get_str(meta, "name");
    if (!name.n) return false;
    struct object *o = registry_get(r->as, res->stored.group, res->name, json_get_str(meta, "namespace"), name);
    if (!o) return false;
    err_already_exists(err, res->group, res->name, name);
    if (meta_deleting(object_json(o))) err_prefix(err, "object is being deleted: ");
    object_unref(o);
    return true;
}

bool write_create(struct request *r, const struct resource *res, struct json *obj, const struct write_options *o,
                  struct object **out, struct err *err)
{
    const struct strategy *s = res->strategy;
    struct json *meta = json_ensure(r->a, obj, "metadata");
    if (!settle_namespace(r, res, meta, err)) return false;
    if (json_get_str(meta, "resourceVersion").n)
        return err_set(err, ERR_IO, "resourceVersion should not be set on objects to be created");
    generate_name(r, res, meta);
    system_fields(r, res, meta);
    track_manager(r, res, NULL, obj, o);         /* of what the client sent: what admission adds is nobody's */
    if (!admit(r, ADMIT_CREATE, obj, NULL, o, err)) return false;
    if (res->has_status && (s->flags & STRATEGY_BARE_STATUS)) json_remove(obj, "status");
    else if (res->has_status && !(s->flags & STRATEGY_KEEP_STATUS)) json_set(r->a, obj, "status", json_new_object(r->a));
    if (s->create && !s->create(r, obj, err)) return false;
    if (!validate(r, res, obj, NULL, err)) return false;
    if (!allow(r, ADMIT_CREATE, obj, NULL, o, err)) return false;
    if (exists(r, res, meta, err)) return false;
    return store_hook(r, res, obj, NULL, err) && write_commit(r, res, obj, NULL, out, err);
}

/* ---- update ---- */
/* Where upstream keeps the object, as its messages say. */
static struct str etcd_key(struct request *r, const struct resource *res, const struct json *meta)
{
    struct str ns = json_get_str(meta, "namespace"), name = json_get_str(meta, "name");
    bool service = !res->group.n && (str_eqc(res->name, "services") || str_eqc(res->name, "endpoints"));
    struct str dir = service ? arena_strf(r->a, "services/%s", str_eqc(res->name, "services") ? "specs" : "endpoints")
                             : !res->group.n && str_eqc(res->name, "nodes") ? STR("minions") : res->name;
    return arena_strf(r->a, "/registry/" STR_FMT "%s" STR_FMT "/" STR_FMT, STR_ARG(dir), ns.n ? "/" : "", STR_ARG(ns), STR_ARG(name));
}

/* A patch sets the uid after the precondition was taken from it, so that validation finds it, twice. */
static bool patched_uid(struct request *r, const struct resource *res, struct str name, struct str uid, struct err *err)
{
    struct field_errors e = { .a = r->a };
    for (int i = 0; i < 2; i++)
        field_error_add(&e, "FieldValueInvalid", STR("metadata.uid"), "Invalid value: \"" STR_FMT "\": field is immutable",
                        STR_ARG(uid));
    return err_invalid(err, res->main->kind.group, res->main->kind.kind, name, &e);
}

static bool check_identity(struct request *r, const struct resource *res, struct json *meta, struct object *old, struct err *err)
{
    const struct json *old_meta = json_get(object_json(old), "metadata");
    struct str rv = json_get_str(meta, "resourceVersion"), uid = json_get_str(meta, "uid"), old_uid = json_get_str(old_meta, "uid");
    struct str name = json_get_str(old_meta, "name");
    if (uid.n && !str_eq(uid, old_uid)) {
        if (r->info.verb.n && str_eqc(r->info.verb, "patch")) return patched_uid(r, res, name, uid, err);
        const char *why = arena_printf(r->a,
                                       "StorageError: invalid object, Code: 4, Key: " STR_FMT ", ResourceVersion: 0, "
                                                                                              "AdditionalErrorMsg: Precondition "
                                                                                              "failed: "
                                       "UID in precondition: " STR_FMT ", UID in object meta: " STR_FMT,
                                       STR_ARG(etcd_key(r, res, old_meta)), STR_ARG(uid), STR_ARG(old_uid));
        return err_conflict(err, res->group, res->name, name, why);
    }
    int64_t number = 0;
    if (rv.n && (!str_int(rv, &number) || number < 0))
        return err_set(err, ERR_IO, "strconv.ParseUint: parsing \"" STR_FMT "\": invalid syntax", STR_ARG(rv));
    if (number != 0)
        return str_eq(rv, json_get_str(old_meta, "resourceVersion")) || err_object_modified(err, res->group, res->name, name);
    if (!(res->strategy->flags & STRATEGY_CONDITIONAL)) return true;
    struct field_errors e = { .a = r->a };
    field_error_add(&e, "FieldValueInvalid", STR("metadata.resourceVersion"), "Invalid value: 0x0: must be specified for an update");
    return err_invalid(err, res->main->kind.group, res->main->kind.kind, name, &e);
}

/* The writer of status changes nothing else, but for a pod's or node's labels and annotations; the writer of the object does not
 * change status. */
static struct json *merge_status(struct request *r, const struct resource *res, struct json *obj, const struct json *old)
{
    if (str_eqc(res->subresource, "status")) {
        struct json *merged = json_copy(r->a, old), *status = json_remove(obj, "status"), *meta = json_get(obj, "metadata"),
                    *into = json_get(merged, "metadata");
        static const char *const carried[] = { "managedFields", "labels", "annotations", "finalizers" };
        bool bare = res->strategy->flags & STRATEGY_BARE_STATUS;
        for (size_t i = 0; i < (bare ? 1 : ARRAY_LEN(carried)); i++) {
            struct json *v = json_remove(meta, carried[i]);
            if (v) json_set(r->a, into, carried[i], v);
            else json_remove(into, carried[i]);
        }
        if (status || !bare) json_set(r->a, merged, "status", status ? status : json_new_object(r->a));
        else json_remove(merged, "status");
        return merged;
    }
    if (res->main->has_status && !res->subresource.n) {
        const struct json *status = json_get(old, "status");
        if (status) json_set(r->a, obj, "status", json_copy(r->a, status));
        else json_remove(obj, "status");
    }
    return obj;
}

/* The quick answer for the locks of old, which are annotations renewed every two seconds: decoding never changes a text. */
static bool annotation_changed(const struct json *obj, const struct json *old)
{
    const struct json *was = json_path(old, "metadata.annotations");
    for (const struct json *c = json_first(json_path(obj, "metadata.annotations")); c; c = json_next(c)) {
        const struct json *before = json_getn(was, json_key(c));
        if (json_is(c, JSON_STRING) && json_is(before, JSON_STRING) && !str_eq(json_str(c), json_str(before))) return true;
    }
    return false;
}

/* Equal but for what every write would stamp: the times in managedFields, and the revision. */
static bool same_object(struct request *r, const struct resource *res, const struct json *obj, const struct json *old, bool apply)
{
    if (annotation_changed(obj, old)) return false;
    struct json *a = json_copy(r->a, obj), *b = json_copy(r->a, old);
    struct json *metas[] = { json_get(a, "metadata"), json_get(b, "metadata") };
    struct err ignored = { 0 };
    for (size_t i = 0; i < 2; i++) {
        json_remove(metas[i], "resourceVersion");
        if (!apply) json_remove(metas[i], "managedFields");
        for (struct json *m = json_first(json_get(metas[i], "managedFields")); m; m = json_next(m)) json_remove(m, "time");
    }
    schema_decode(r->as->schema, r->a, &res->main->kind, a, STR_NULL, NULL, &ignored);
    schema_decode(r->as->schema, r->a, &res->main->kind, b, STR_NULL, NULL, &ignored);
    err_clear(&ignored);
    return json_equal(a, b);
}

/* What metadata.generation counts; a status with a subresource of its own is not in it. */
static bool spec_changed(const struct resource *res, const struct json *obj, const struct json *old)
{
    const struct strategy *s = res->strategy;
    if (!(s->flags & STRATEGY_GENERATION_ALL)) return !json_equal(json_get(obj, "spec"), json_get(old, "spec"));
    for (const struct json *c = json_first(obj); c; c = json_next(c))
        if (!str_eqc(json_key(c), "metadata") && !(res->main->has_status && str_eqc(json_key(c), "status")) &&
            !json_equal(c, json_getn(old, json_key(c))))
            return true;
    for (const struct json *c = json_first(old); c; c = json_next(c))
        if (!str_eqc(json_key(c), "status") && !json_getn(obj, json_key(c))) return true;
    return false;
}

static void bump_generation(struct request *r, const struct resource *res, struct json *obj, const struct json *old)
{
    const struct strategy *s = res->strategy;
    if (!(s->flags & (STRATEGY_GENERATION | STRATEGY_GENERATION_ALL)) || !spec_changed(res, obj, old)) return;
    json_set_int(r->a, json_get(obj, "metadata"), "generation", json_path_int(old, "metadata.generation", 0) + 1);
}

/* The last finalizer of an object that is being deleted has gone: this write is its end. */
static bool ends_deletion(const struct resource *res, const struct json *obj)
{
    if (!meta_deleting(obj) || json_len(json_path(obj, "metadata.finalizers"))) return false;
    if ((res->strategy->flags & STRATEGY_FINALIZE) && json_len(json_path(obj, "spec.finalizers"))) return false;
    return json_path_int(obj, "metadata.deletionGracePeriodSeconds", 0) == 0;
}

bool write_update(struct request *r, const struct resource *res, struct json *obj, struct object *old,
                  const struct write_options *o, struct object **out, struct err *err)
{
    const struct strategy *s = res->strategy;
    struct json *old_tree = present_json(r->as, r->a, res, old), *meta = json_ensure(r->a, obj, "metadata");
    if (!settle_namespace(r, res, meta, err) || !check_identity(r, res, meta, old, err)) return false;
    keep_fields(r->a, meta, json_get(old_tree, "metadata"));
    json_set_str(r->a, meta, "name", meta_name(old_tree));
    json_remove(meta, "resourceVersion");
    obj = merge_status(r, res, obj, old_tree);
    track_manager(r, res, old_tree, obj, o);
    if (!admit(r, ADMIT_UPDATE, obj, old_tree, o, err)) return false;
    if (s->update && !s->update(r, obj, old_tree, err)) return false;
    bump_generation(r, res, obj, old_tree);
    json_set_str(r->a, json_get(obj, "metadata"), "resourceVersion",
                 meta_name(old_tree).n ? json_path_str(old_tree, "metadata.resourceVersion") : STR_NULL);
    if (!validate(r, res, obj, old_tree, err)) return false;
    if (!allow(r, ADMIT_UPDATE, obj, old_tree, o, err)) return false;
    if (same_object(r, res, obj, old_tree, o->apply)) {
        *out = object_ref(old);
        return true;
    }
    if (!store_hook(r, res, obj, old_tree, err)) return false;
    if (!ends_deletion(res, obj)) return write_commit(r, res, obj, old, out, err);
    struct object *last = NULL;
    if (!write_commit(r, res, obj, old, &last, err)) return false;
    if (r->dry_run) *out = last;
    else {
        bool ok = write_remove(r, res, last, out, err);
        object_unref(last);
        return ok;
    }
    return true;
}
