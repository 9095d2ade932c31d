/* apiserver/custom/controller.c - definitions followed in the store: their names are accepted, they are established, served, and
 * cleaned up after.
 *
 * Upstream: apiextensions-apiserver pkg/controller/{status,establish,finalizer} and the CRD part of kube-aggregator's
 * autoregistration. Each look at a definition takes at most one step that writes; the write is an event, which brings the next
 * look. Definitions that are there at the start are served before the first request.
 */
#include <stdlib.h>

#include "apiserver/aggregator/aggregator.h"
#include "apiserver/custom/custom.h"

#define GROUP "apiextensions.k8s.io"
#define CLEANUP "customresourcecleanup.apiextensions.k8s.io"
#define RETRY_NS ((int64_t)(5 * NS_PER_S))       /* upstream polls for the last instance at this pace */
static const char prefix[] = "/registry/" GROUP "/customresourcedefinitions/-/";

struct known { struct customs *c; char *name; struct list queued; struct definition *serving; struct timer retry; };
struct customs {
    struct apiserver     *as;
    struct store_watcher *watch;
    struct map           *known;       /* definition's name -> struct known */
    struct list           queue;
    struct task           work;
};

/* ---- conditions and the status ---- */
static struct str condition_status(const struct json *crd, const char *type)
{
    for (const struct json *c = json_first(json_path(crd, "status.conditions")); c; c = json_next(c))
        if (str_eqc(json_get_str(c, "type"), type)) return json_get_str(c, "status");
    return STR_NULL;
}

bool crd_condition(const struct json *crd, const char *type) { return str_eqc(condition_status(crd, type), "True"); }

static void set_condition(struct request *r, struct json *crd, const char *type, const char *status, const char *reason,
                          const char *message)
{
    struct json *into = json_ensure(r->a, crd, "status");
    if (!json_is(json_get(into, "conditions"), JSON_ARRAY)) json_set(r->a, into, "conditions", json_new_array(r->a));
    condition_set(r->a, json_get(into, "conditions"), type, status, reason, message, r->now_ns);
}

static bool has_cleanup(const struct json *crd)
{
    for (const struct json *f = json_first(json_path(crd, "metadata.finalizers")); f; f = json_next(f))
        if (str_eqc(json_str(f), CLEANUP)) return true;
    return false;
}

void crd_mark_deleted(struct request *r, struct json *crd)
{
    if (!has_cleanup(crd))
        json_append(json_ensure_array(r->a, json_ensure(r->a, crd, "metadata"), "finalizers"), json_new_strc(r->a, CLEANUP));
    set_condition(r, crd, "Terminating", "True", "InstanceDeletionPending",
                  "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon");
}

static void write_status(struct request *r, struct object *old, struct json *crd)
{
    const struct resource *res = registry_find(r->as, STR(GROUP), STR("v1"), STR("customresourcedefinitions"), STR("status"));
    struct write_options o = { .manager = STR("kube-apiserver") };
    struct object *out = NULL;
    struct err err = { 0 };
    r->info.subresource = STR("status");
    if (!write_update(r, res, crd, old, &o, &out, &err))
        log_msg(LOG_WARN, "apiserver", "customresourcedefinition " STR_FMT ": %s", STR_ARG(meta_name(crd)), err.msg);
    err_clear(&err);
    object_unref(out);
}

/* ---- names ---- */
struct taken { struct str group, self, name; bool kinds, found; };

static bool names_have(const struct json *names, const struct taken *t)
{
    static const char *const words[] = { "plural", "singular" }, *const kinds[] = { "kind", "listKind" };
    bool has = false;
    for (size_t i = 0; i < 2; i++) has |= str_eq(json_get_str(names, t->kinds ? kinds[i] : words[i]), t->name);
    for (const struct json *s = json_first(json_get(names, "shortNames")); s && !t->kinds; s = json_next(s))
        has |= str_eq(json_str(s), t->name);
    return has;
}

static bool look_for_name(void *ctx, struct str key, struct object *o)
{
    struct taken *t = ctx;
    const struct json *crd = object_json(o);
    (void)key;
    if (str_eq(json_path_str(crd, "spec.group"), t->group)) t->found |= names_have(json_path(crd, "status.acceptedNames"), t);
    return !t->found;
}

static bool in_use(struct request *r, const struct json *crd, struct str name, bool kinds)
{
    struct taken t = { json_path_str(crd, "spec.group"), meta_name(crd), name, kinds, false };
    if (name.n) store_list(r->as->store, str_c(prefix), STR_NULL, look_for_name, &t);
    return t.found;
}

/* One name: accepted, or refused with a reason. */
static void accept_name(struct request *r, const struct json *crd, struct json *accepted, const char *name, const char *reason,
                        const char **refused, const char **message)
{
    struct str want = json_get_str(json_path(crd, "spec.names"), name),
               have = json_get_str(json_path(crd, "status.acceptedNames"), name);
    bool kinds = strcmp(name, "kind") == 0 || strcmp(name, "listKind") == 0;
    if (!str_eq(want, have) && in_use(r, crd, want, kinds)) {
        *refused = reason;
        *message = arena_printf(r->a, "\"" STR_FMT "\" is already in use", STR_ARG(want));
    } else json_set_str(r->a, accepted, name, want);
}

static void accept_short_names(struct request *r, const struct json *crd, struct json *accepted, const char **refused,
                               const char **message)
{
    const struct json *want = json_path(crd, "spec.names.shortNames"), *have = json_path(crd, "status.acceptedNames.shortNames");
    struct str all = STR_NULL;
    size_t n = 0;
    for (const struct json *s = json_first(want); s; s = json_next(s)) {
        bool ours = false;
        for (const struct json *h = json_first(have); h; h = json_next(h)) ours |= json_equal(h, s);
        if (ours || !in_use(r, crd, json_str(s), false)) continue;
        all = arena_strf(r->a, STR_FMT "%s\"" STR_FMT "\" is already in use", STR_ARG(all), n++ ? ", " : "", STR_ARG(json_str(s)));
    }
    if (n) {
        *refused = "ShortNamesConflict";
        *message = n > 1 ? arena_printf(r->a, "[" STR_FMT "]", STR_ARG(all)) : arena_cstr(r->a, all);
    } else if (want) json_set(r->a, accepted, "shortNames", json_copy(r->a, want));
    else json_remove(accepted, "shortNames");
}

/* True: the status was written. */
static bool step_names(struct request *r, struct object *old, const struct json *crd)
{
    const char *refused = NULL, *message = NULL;
    const struct json *names = json_path(crd, "spec.names"), *before = json_path(crd, "status.acceptedNames"),
                      *categories = json_get(names, "categories");
    if (json_equal(names, before)) return false;
    struct json *next = json_copy(r->a, crd),
                *accepted = json_is(before, JSON_OBJECT) ? json_copy(r->a, before) : json_new_object(r->a);
    accept_name(r, crd, accepted, "plural", "PluralConflict", &refused, &message);
    accept_name(r, crd, accepted, "singular", "SingularConflict", &refused, &message);
    accept_short_names(r, crd, accepted, &refused, &message);
    accept_name(r, crd, accepted, "kind", "KindConflict", &refused, &message);
    accept_name(r, crd, accepted, "listKind", "ListKindConflict", &refused, &message);
    if (categories) json_set(r->a, accepted, "categories", json_copy(r->a, categories));
    else json_remove(accepted, "categories");
    bool same = json_equal(accepted, before) && str_eqc(condition_status(crd, "NamesAccepted"), refused ? "False" : "True");
    if (same) return false;
    json_set(r->a, json_ensure(r->a, next, "status"), "acceptedNames", accepted);
    set_condition(r, next, "NamesAccepted", refused ? "False" : "True", refused ? refused : "NoConflicts",
                  message ? message : "no conflicts found");
    if (!refused && !crd_condition(crd, "Established"))
        set_condition(r, next, "Established", "False", "Installing", "the initial names have been accepted");
    else if (!condition_status(crd, "Established").n)
        set_condition(r, next, "Established", "False", "NotAccepted", "not all names are accepted");
    write_status(r, old, next);
    return true;
}

static void step_establish(struct request *r, struct object *old, const struct json *crd)
{
    if (!crd_condition(crd, "NamesAccepted") || crd_condition(crd, "Established")) return;
    struct json *next = json_copy(r->a, crd);
    set_condition(r, next, "Established", "True", "InitialNamesAccepted", "the initial names have been accepted");
    write_status(r, old, next);
}

/* ---- the end ---- */
struct instances { struct object **v; size_t n, cap; };

static bool collect(void *ctx, struct str key, struct object *o)
{
    struct instances *list = ctx;
    (void)key;
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        list->v = xrealloc(list->v, list->cap * sizeof *list->v);
    }
    list->v[list->n++] = object_ref(o);
    return true;
}

/* How many are left: those whose finalizers hold them. */
static size_t delete_instances(struct known *k, struct request *r)
{
    const struct resource *res = k->serving ? definition_resource(k->serving) : NULL;
    struct instances list = { 0 };
    struct delete_options d = { .grace = -1 };
    if (!res) return 0;
    struct str where = resource_prefix(r->a, res, STR(""));
    store_list(r->as->store, where, STR_NULL, collect, &list);
    for (size_t i = 0; i < list.n; i++) {
        struct object *out = NULL;
        struct err err = { 0 };
        bool gone;
        write_delete(r, res, list.v[i], &d, false, &out, &gone, &err);
        err_clear(&err);
        object_unref(out);
        object_unref(list.v[i]);
    }
    free(list.v);
    return store_count(r->as->store, where);
}

static void drop_finalizer(struct json *crd)
{
    struct json *list = json_path(crd, "metadata.finalizers");
    for (size_t i = 0; i < json_len(list); i++)
        if (str_eqc(json_str(json_at(list, i)), CLEANUP)) json_remove_at(list, i--);
    if (!json_len(list)) json_remove(json_get(crd, "metadata"), "finalizers");
}

static bool step_cleanup(struct known *k, struct request *r, struct object *old, const struct json *crd)
{
    static const char in_progress[] = "InstanceDeletionInProgress";
    if (!meta_deleting(crd) || !has_cleanup(crd)) return false;
    struct json *next = json_copy(r->a, crd);
    bool begun = false;
    for (const struct json *c = json_first(json_path(crd, "status.conditions")); c; c = json_next(c))
        begun |= str_eqc(json_get_str(c, "reason"), in_progress);
    if (!begun) {
        set_condition(r, next, "Terminating", "True", in_progress, "CustomResource deletion is in progress");
    } else if (!crd_condition(crd, "Established")) {
        set_condition(r, next, "Terminating", "False", "NeverEstablished", "resource was never established");
        drop_finalizer(next);
    } else if (delete_instances(k, r)) {
        timer_start(&k->retry, RETRY_NS);
        return true;
    } else {
        set_condition(r, next, "Terminating", "False", "InstanceDeletionCompleted", "removed all instances");
        drop_finalizer(next);
    }
    write_status(r, old, next);
    return true;
}

/* ---- what is served ---- */
static void register_versions(struct apiserver *as, const struct json *crd)
{
    struct str group = json_path_str(crd, "spec.group");
    for (const struct json *v = json_first(json_path(crd, "spec.versions")); v; v = json_next(v)) {
        struct str version = json_get_str(v, "name");
        struct err err = { 0 };
        if (!aggregator_register_custom(as, group, version, registry_serves_version(as, group, version), &err))
            log_msg(LOG_WARN, "apiserver", "apiservice " STR_FMT "." STR_FMT ": %s", STR_ARG(version), STR_ARG(group), err.msg);
        err_clear(&err);
    }
}

static void serve(struct known *k, struct request *r, const struct json *crd)
{
    bool wanted = crd_condition(crd, "Established");
    if (k->serving && wanted && str_eq(definition_made_of(k->serving), definition_text(r->a, crd))) return;
    definition_remove(r->as, k->serving);
    k->serving = wanted ? definition_add(r->as, crd) : NULL;
}

static void requeue_all(struct customs *c)
{
    size_t cursor = 0;
    void *v;
    while (map_next(c->known, &cursor, NULL, &v)) {
        struct known *k = v;
        if (list_empty(&k->queued)) list_push(&c->queue, &k->queued);
    }
    task_post(c->as->loop, &c->work);
}

static void known_free(void *v)
{
    struct known *k = v;
    list_remove(&k->queued);
    timer_stop(&k->retry);
    definition_remove(k->c->as, k->serving);
    free(k->name);
    free(k);
}

static void sync(struct known *k)
{
    struct customs *c = k->c;
    struct arena *a = arena_new();
    struct request *r = request_internal(c->as, a);
    struct object *o = registry_get(c->as, STR(GROUP), STR("customresourcedefinitions"), STR(""), str_c(k->name));
    if (!o) {
        map_take(c->known, str_c(k->name));
        known_free(k);
        requeue_all(c);                /* its names are free: others may have been waiting */
    } else {
        const struct json *crd = object_json(o);
        serve(k, r, crd);
        register_versions(c->as, crd);
        if (!step_cleanup(k, r, o, crd) && !step_names(r, o, crd)) step_establish(r, o, crd);
        object_unref(o);
    }
    arena_free(a);
}

static void on_work(struct task *t)
{
    struct customs *c = container_of(t, struct customs, work);
    while (!list_empty(&c->queue)) {
        struct known *k = container_of(c->queue.next, struct known, queued);
        list_remove(&k->queued);
        sync(k);
    }
}

static void on_retry(struct timer *t)
{
    struct known *k = container_of(t, struct known, retry);
    if (list_empty(&k->queued)) list_push(&k->c->queue, &k->queued);
    task_post(k->c->as->loop, &k->c->work);
}

static struct known *known_of(struct customs *c, struct str name)
{
    struct known *k = map_get(c->known, name);
    if (k) return k;
    struct arena *a = arena_new();
    k = NEW(struct known);
    k->c = c;
    k->name = xstrdup(arena_cstr(a, name));
    list_init(&k->queued);
    timer_init(&k->retry, c->as->loop, on_retry);
    map_put(c->known, name, k);
    arena_free(a);
    return k;
}

static void on_event(void *ctx, const struct store_event *ev)
{
    struct customs *c = ctx;
    const struct json *crd = object_json(ev->obj);
    struct known *k = known_of(c, meta_name(crd));
    if (ev->type == STORE_DELETED) {   /* before the next look, which no longer sees which versions there were */
        definition_remove(c->as, k->serving);
        k->serving = NULL;
        register_versions(c->as, crd);
    }
    if (list_empty(&k->queued)) list_push(&c->queue, &k->queued);
    task_post(c->as->loop, &c->work);
}

static bool serve_existing(void *ctx, struct str key, struct object *o)
{
    struct customs *c = ctx;
    const struct json *crd = object_json(o);
    struct known *k = known_of(c, meta_name(crd));
    (void)key;
    if (crd_condition(crd, "Established")) k->serving = definition_add(c->as, crd);
    return true;
}

struct customs *customs_new(struct apiserver *as)
{
    struct customs *c = NEW(struct customs);
    c->as = as;
    c->known = map_new();
    list_init(&c->queue);
    task_init(&c->work, on_work);
    store_list(as->store, str_c(prefix), STR_NULL, serve_existing, c);
    return c;
}

void customs_start(struct customs *c)
{
    struct err err = { 0 };
    c->watch = store_watch(c->as->store, str_c(prefix), store_revision(c->as->store), on_event, c, &err);
    err_clear(&err);
    requeue_all(c);
}

void customs_free(struct customs *c)
{
    if (!c) return;
    if (c->watch) store_watch_stop(c->watch);
    task_cancel(&c->work);
    map_free(c->known, known_free);
    free(c);
}
