/* workloads/controllers/garbage_collector.c - what owns what, and what goes when an owner goes (pkg/controller/garbagecollector).
 *
 * The graph: every object of every resource that can be watched and deleted, by uid, with its owners; and for every owner its
 * dependents. An object all of whose owners are gone is deleted in the background. An owner that is deleted in the foreground
 * keeps the finalizer foregroundDeletion until no dependent blocks it; one that is deleted with orphans keeps the finalizer
 * orphan until no dependent refers to it. Before it deletes, it asks the server: the graph may be stale.
 *
 * Where upstream asks for the resources every 30 seconds, this one does so when a CustomResourceDefinition or an APIService
 * changes. Keys are uids.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define FOREGROUND "foregroundDeletion"
#define ORPHAN     "orphan"

struct edge { char *uid; bool blocks; };
struct node {                          /* one object of the graph */
    char        *uid, *ns, *name;
    const struct kind_watch *kind;
    struct edge *owners; size_t owner_count;
    bool         deleting, foreground, orphan;
};
struct kind_watch {                    /* one resource that is watched */
    struct list             node;
    struct collector       *g;
    char                   *api_version, *resource, *kind;
    bool                    namespaced;
    struct informer        *informer;
    struct informer_handler handler;
};
struct collector {
    struct ctl  ctl;
    struct list kinds;                 /* struct kind_watch */
    struct map *nodes;                 /* uid -> struct node */
    struct map *dependents;            /* owner's uid -> struct map of dependents' uids */
};

static struct collector *of(struct ctl *c) { return container_of(c, struct collector, ctl); }

/* ---- the graph ---- */
static void node_unlink(struct collector *g, struct node *n)
{
    for (size_t i = 0; i < n->owner_count; i++) {
        struct map *set = map_getc(g->dependents, n->owners[i].uid);
        if (set)
            map_take(set, str_c(n->uid));
        if (set && map_len(set) == 0) {
            map_take(g->dependents, str_c(n->owners[i].uid));
            map_free(set, NULL);
        }
        free(n->owners[i].uid);
    }
    free(n->owners);
    n->owners = NULL;
    n->owner_count = 0;
}

static void node_free(struct collector *g, struct node *n)
{
    node_unlink(g, n);
    free(n->uid);
    free(n->ns);
    free(n->name);
    free(n);
}

static char *str_own(struct str s)
{
    char *p = xcalloc(1, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

static void node_link(struct collector *g, struct node *n, const struct json *refs)
{
    n->owners = xcalloc(json_len(refs) + 1, sizeof *n->owners);
    for (const struct json *ref = json_first(refs); ref; ref = json_next(ref)) {
        struct str uid = json_get_str(ref, "uid");
        struct map *set = map_get(g->dependents, uid);
        n->owners[n->owner_count++] = (struct edge){ str_own(uid), json_get_bool(ref, "blockOwnerDeletion", false) };
        if (!set) {
            set = map_new();
            map_put(g->dependents, uid, set);
        }
        map_put(set, str_c(n->uid), n);
    }
}

static bool same_owners(const struct node *n, const struct json *refs)
{
    size_t i = 0;
    for (const struct json *ref = json_first(refs); ref; ref = json_next(ref), i++)
        if (i >= n->owner_count || !str_eqc(json_get_str(ref, "uid"), n->owners[i].uid) ||
            json_get_bool(ref, "blockOwnerDeletion", false) != n->owners[i].blocks)
            return false;
    return i == n->owner_count;
}

static bool has_finalizer(const struct json *meta, const char *name)
{
    for (const struct json *f = json_first(json_get(meta, "finalizers")); f; f = json_next(f))
        if (str_eqc(json_str(f), name))
            return true;
    return false;
}

static void add_uid(struct collector *g, const char *uid) { ctl_add(&g->ctl, str_c(uid)); }

/* Owners that wait in the foreground for this dependent. */
static void add_waiting_owners(struct collector *g, const struct node *n)
{
    for (size_t i = 0; i < n->owner_count; i++) {
        const struct node *owner = map_getc(g->nodes, n->owners[i].uid);
        if (owner && owner->foreground)
            add_uid(g, owner->uid);
    }
}

static void node_set(const struct kind_watch *k, const struct json *obj)
{
    struct collector *g = k->g;
    const struct json *meta = json_get(obj, "metadata"), *refs = json_get(meta, "ownerReferences");
    struct node *n = map_get(g->nodes, meta_uid(obj));
    bool fresh = !n;
    if (!n) {
        n = NEW(struct node);
        *n = (struct node){ .uid = str_own(meta_uid(obj)), .ns = str_own(meta_namespace(obj)), .name = str_own(meta_name(obj)),
                            .kind = k };
        map_putc(g->nodes, n->uid, n);
    }
    n->deleting = meta_deleting(obj);
    n->foreground = n->deleting && has_finalizer(meta, FOREGROUND);
    n->orphan = n->deleting && has_finalizer(meta, ORPHAN);
    bool changed = !same_owners(n, refs);
    if (changed) {
        add_waiting_owners(g, n);
        node_unlink(g, n);
        node_link(g, n, refs);
    }
    if ((fresh || changed) && n->owner_count)
        add_uid(g, n->uid);
    if (n->foreground || n->orphan)
        add_uid(g, n->uid);
}

static void node_gone(const struct kind_watch *k, const struct json *obj)
{
    struct collector *g = k->g;
    struct node *n = map_get(g->nodes, meta_uid(obj));
    if (!n || n->kind != k)
        return;
    map_take(g->nodes, meta_uid(obj));
    add_waiting_owners(g, n);
    struct map *set = map_getc(g->dependents, n->uid);
    size_t cursor = 0;
    struct str uid;
    void *value;
    while (set && map_next(set, &cursor, &uid, &value))
        ctl_add(&g->ctl, uid);
    node_free(g, n);
}

/* ---- informers: what nobody has parsed is parsed aside, so that a hundred kinds of objects do not stay parsed ---- */
static void with_tree(const struct kind_watch *k, struct object *o, void (*fn)(const struct kind_watch *, const struct json *))
{
    struct arena *a = arena_new();
    const struct json *obj = object_parsed(o) ? object_json(o) : json_parse(a, o->bytes, NULL);
    if (obj)
        fn(k, obj);
    arena_free(a);
}

static void schedule_discovery(struct collector *g) { ctl_add_after(&g->ctl, STR("discover"), SECOND); }

static bool is_source_of_kinds(const struct kind_watch *k)
{
    return strcmp(k->resource, "customresourcedefinitions") == 0 || strcmp(k->resource, "apiservices") == 0;
}

static void on_add(void *ctx, struct object *o)
{
    struct kind_watch *k = ctx;
    with_tree(k, o, node_set);
    if (is_source_of_kinds(k) && !k->g->ctl.holds)
        schedule_discovery(k->g);
}

static void on_update(void *ctx, struct object *old, struct object *o)
{
    (void)old;
    struct kind_watch *k = ctx;
    with_tree(k, o, node_set);
    if (strcmp(k->resource, "customresourcedefinitions") == 0)
        schedule_discovery(k->g);
}

static void on_delete(void *ctx, struct object *o) { with_tree(ctx, o, node_gone); }

static void released(void *ctx) { ctl_release(ctx); }

static struct kind_watch *find_kind(struct collector *g, struct str api_version, struct str kind)
{
    struct gvk want, have;
    gvk_parse(api_version, kind, &want);
    list_for(it, &g->kinds) {
        struct kind_watch *k = container_of(it, struct kind_watch, node);
        gvk_parse(str_c(k->api_version), str_c(k->kind), &have);
        if (str_eqc(kind, k->kind) && str_eq(want.group, have.group))
            return k;
    }
    return NULL;
}

static void watch_kind(struct collector *g, const struct api_resource *r)
{
    struct arena *a = arena_new();
    struct kind_watch *k = NEW(struct kind_watch);
    *k = (struct kind_watch){ .g = g, .api_version = xstrdup(r->api_version), .resource = xstrdup(r->resource),
                              .kind = xstrdup(r->kind), .namespaced = r->namespaced };
    list_init(&k->node);
    list_push(&g->kinds, &k->node);
    k->informer = informer_shared(g->ctl.kcm->shared, client_path(a, r->api_version, r->resource, STR_NULL, STR_NULL, NULL), "");
    k->handler = (struct informer_handler){ .on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = k };
    ctl_hold(&g->ctl);
    informer_add_handler(k->informer, &k->handler);
    informer_on_sync(k->informer, released, &g->ctl);
    arena_free(a);
}

/* The same objects under two groups (extensions and networking.k8s.io) are watched under the one that stays. */
static bool is_ignored(const struct api_resource *r)
{
    return !r->can_list || !r->can_watch || !r->can_delete || strcmp(r->resource, "events") == 0 ||
           strcmp(r->group, "extensions") == 0;
}

static void discovered(struct sync *s)
{
    struct collector *g = of(s->c);
    struct api_resources *all = s->data;
    for (size_t i = 0; i < all->n; i++)
        if (!is_ignored(&all->v[i]) && !find_kind(g, str_c(all->v[i].api_version), str_c(all->v[i].kind)))
            watch_kind(g, &all->v[i]);
    if (all->failed_count)
        ctl_add_after(s->c, s->key, 30 * SECOND);
    sync_end(s);
}

/* ---- writing ---- */
static const char *node_path(struct sync *s, const struct node *n)
{
    return client_path(s->a, n->kind->api_version, n->kind->resource, str_c(n->ns), str_c(n->name), NULL);
}

static struct json *metadata_patch(struct sync *s, const struct json *obj, const char *key, struct json *value)
{
    return json_buildf(s->a, "{'metadata':{'resourceVersion':%S,'uid':%S,%k:%j}}", json_path_str(obj, "metadata.resourceVersion"),
                       meta_uid(obj), key, value);
}

static void drop_finalizer(struct sync *s, const struct json *obj, const char *path, const char *finalizer)
{
    struct json *rest = json_new_array(s->a);
    for (const struct json *f = json_first(json_path(obj, "metadata.finalizers")); f; f = json_next(f))
        if (!str_eqc(json_str(f), finalizer))
            json_append(rest, json_copy(s->a, f));
    if (has_finalizer(json_get(obj, "metadata"), finalizer))
        sync_patch(s, path, PATCH_MERGE, metadata_patch(s, obj, "finalizers", rest), NULL, NULL);
}

/* ---- one object: what it is, and what its owners are ---- */
struct gc_job {
    struct json *obj;                  /* as the server has it */
    const char  *path;
    struct json *keep;                 /* references to owners that stay */
    size_t       solid, dangling, waiting;
};

static void delete_item(struct sync *s, const char *policy)
{
    struct gc_job *job = s->data;
    sync_delete(s, job->path, delete_options(s->a, job->obj, policy), NULL, NULL);
}

static void judge(struct sync *s)
{
    struct gc_job *job = s->data;
    const struct json *meta = json_get(job->obj, "metadata");
    const struct map *set = map_get(of(s->c)->dependents, s->key);
    if (s->failed) {
        sync_end(s);
        return;
    }
    if (job->solid) {
        if (job->dangling + job->waiting)
            sync_patch(s, job->path, PATCH_MERGE, metadata_patch(s, job->obj, "ownerReferences", job->keep), NULL, NULL);
    } else if (job->waiting && set && map_len(set)) {
        delete_item(s, "Foreground");
    } else if (job->dangling + job->waiting) {
        delete_item(s, has_finalizer(meta, ORPHAN) ? "Orphan" : has_finalizer(meta, FOREGROUND) ? "Foreground" : "Background");
    }
    sync_wait(s, sync_end);
}

static void owner_fetched(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct gc_job *job = s->data;
    const struct json *ref = op->arg;
    if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND) {
        sync_fail(s, err);
    } else if (err->code == ERR_NOT_FOUND || !str_eq(meta_uid(r->obj), json_get_str(ref, "uid"))) {
        job->dangling++;
    } else if (meta_deleting(r->obj) && has_finalizer(json_get(r->obj, "metadata"), FOREGROUND)) {
        job->waiting++;
    } else {
        job->solid++;
        json_append(job->keep, json_copy(s->a, ref));
    }
}

static void look_at_owners(struct sync *s)
{
    struct gc_job *job = s->data;
    struct collector *g = of(s->c);
    for (const struct json *ref = json_first(json_path(job->obj, "metadata.ownerReferences")); ref; ref = json_next(ref)) {
        const struct kind_watch *k = find_kind(g, json_get_str(ref, "apiVersion"), json_get_str(ref, "kind"));
        if (!k) {                      /* a kind that nobody serves: nothing can be said about it (upstream retries for ever, too) */
            job->solid++;
            json_append(job->keep, json_copy(s->a, ref));
            continue;
        }
        sync_get(s, client_path(s->a, k->api_version, k->resource, k->namespaced ? meta_namespace(job->obj) : STR_NULL,
                                json_get_str(ref, "name"), NULL), owner_fetched,
                 (void *)(uintptr_t)ref);
    }
    sync_wait(s, judge);
}

/* ---- deleted in the foreground ---- */
static void wait_for_dependents(struct sync *s)
{
    struct collector *g = of(s->c);
    struct gc_job *job = s->data;
    struct map *set = map_get(g->dependents, s->key);
    size_t cursor = 0, blocking = 0;
    struct str uid;
    void *value;
    while (set && map_next(set, &cursor, &uid, &value)) {
        const struct node *dep = value;
        bool blocks = false;
        for (size_t i = 0; i < dep->owner_count; i++)
            blocks = blocks || (dep->owners[i].blocks && str_eqc(s->key, dep->owners[i].uid));
        blocking += blocks;
        if (!dep->deleting)
            ctl_add(s->c, uid);
    }
    if (blocking == 0)
        drop_finalizer(s, job->obj, job->path, FOREGROUND);
    sync_wait(s, sync_end);
}

/* ---- deleted, but its dependents are to stay ---- */
static void orphans_free(struct sync *s)
{
    struct gc_job *job = s->data;
    if (!s->failed)
        drop_finalizer(s, job->obj, job->path, ORPHAN);
    sync_wait(s, sync_end);
}

static void orphan_fetched(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct json *rest = json_new_array(s->a);
    if (err->code != ERR_NONE) {
        if (err->code != ERR_NOT_FOUND)
            sync_fail(s, err);
        return;
    }
    for (const struct json *ref = json_first(json_path(r->obj, "metadata.ownerReferences")); ref; ref = json_next(ref))
        if (!str_eq(json_get_str(ref, "uid"), s->key))
            json_append(rest, json_copy(s->a, ref));
    sync_patch(s, op->arg, PATCH_MERGE, metadata_patch(s, r->obj, "ownerReferences", rest), NULL, NULL);
}

static void free_orphans(struct sync *s)
{
    struct map *set = map_get(of(s->c)->dependents, s->key);
    size_t cursor = 0;
    struct str uid;
    void *value;
    while (set && map_next(set, &cursor, &uid, &value)) {
        const char *path = node_path(s, value);
        sync_get(s, path, orphan_fetched, (void *)(uintptr_t)path);
    }
    sync_wait(s, orphans_free);
}

/* ---- one sync ---- */
static void item_known(struct sync *s)
{
    struct gc_job *job = s->data;
    const struct json *meta = job->obj ? json_get(job->obj, "metadata") : NULL;
    if (s->failed || !job->obj)
        sync_end(s);
    else if (meta_deleting(job->obj) && has_finalizer(meta, ORPHAN))
        free_orphans(s);
    else if (meta_deleting(job->obj) && has_finalizer(meta, FOREGROUND))
        wait_for_dependents(s);
    else if (meta_deleting(job->obj))
        sync_end(s);
    else
        look_at_owners(s);
}

static void item_fetched(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct gc_job *job = s->data;
    if (err->code == ERR_NONE && str_eq(meta_uid(r->obj), s->key))
        job->obj = json_copy(s->a, r->obj);
    else if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND)
        sync_fail(s, err);
}

/* Nothing to be done as long as every owner is there and not going. */
static bool is_settled(struct collector *g, const struct node *n)
{
    if (n->foreground || n->orphan)
        return false;
    for (size_t i = 0; i < n->owner_count; i++) {
        const struct node *owner = map_getc(g->nodes, n->owners[i].uid);
        if (!owner || owner->foreground)
            return false;
    }
    return true;
}

static void sync_item(struct sync *s)
{
    struct collector *g = of(s->c);
    if (str_eqc(s->key, "discover")) {
        s->data = ARENA_NEW(s->a, struct api_resources);
        sync_discover(s, s->data, discovered);
        return;
    }
    const struct node *n = map_get(g->nodes, s->key);
    if (!n || is_settled(g, n)) {
        sync_end(s);
        return;
    }
    struct gc_job *job = s->data = ARENA_NEW(s->a, struct gc_job);
    job->path = node_path(s, n);
    job->keep = json_new_array(s->a);
    sync_get(s, job->path, item_fetched, NULL);
    sync_wait(s, item_known);
}

/* ---- life ---- */
static void *start(const struct controller_context *cc)
{
    struct collector *g = NEW(struct collector);
    list_init(&g->kinds);
    g->nodes = map_new();
    g->dependents = map_new();
    ctl_init(&g->ctl, cc, "garbagecollector", 20, sync_item);
    ctl_add(&g->ctl, STR("discover"));
    return g;
}

static void stop(void *state)
{
    struct collector *g = state;
    size_t cursor = 0;
    struct str uid;
    void *value;
    list_for(it, &g->kinds) {
        struct kind_watch *k = container_of(it, struct kind_watch, node);
        informer_remove_handler(k->informer, &k->handler);
    }
    ctl_deinit(&g->ctl);
    while (map_next(g->nodes, &cursor, &uid, &value))
        node_free(g, value);
    list_for(it, &g->kinds) {
        struct kind_watch *k = container_of(it, struct kind_watch, node);
        free(k->api_version);
        free(k->resource);
        free(k->kind);
        free(k);
    }
    map_free(g->nodes, NULL);
    map_free(g->dependents, NULL);
    free(g);
}

const struct controller_ops garbage_collector = { "garbagecollector", "generic-garbage-collector", start, stop };
