/* sim/proc/image.c - the images that a node has, and how it comes by more.
 *
 * Models: dockerd's image store and `docker pull` as the kubelet uses it (pkg/kubelet/images with
 * --serialize-image-pulls): one pull at a time, the others wait. A pull asks the registry (half a second), then fetches
 * what layers are missing at a constant bandwidth; both are virtual time. Records are immutable: an image that is
 * replaced or removed keeps its record until the store goes, since processes hold it.
 *
 * Simplified: no dangling <none> images; all tags of one repository are independent; a registry is never slow and never fails.
 */
#include "sim/proc/proc_priv.h"

#include <stdlib.h>

static const int64_t registry_ns = 500 * (int64_t)NS_PER_MS;      /* name lookup, token, manifest */
static const int64_t bandwidth = 40 * 1000 * 1000;                /* bytes a second, compressed, unpacking included */

struct image {
    struct list  node;                             /* in retired, once replaced */
    struct arena *arena;
    const char  *ref;                              /* normalized: the key */
    struct json *record;
    struct vfs  *files;
};

/* One pull: waits for its turn, then asks the registry, then fetches layer by layer. */
struct pull {
    struct list          node;
    struct image_store  *store;
    struct arena        *arena;
    struct str           ref;
    const struct json   *found;
    size_t               layer;                    /* being fetched */
    bool                 asked;
    void (*line)(void *ctx, struct str text);
    void (*done)(void *ctx, const struct json *record, const struct err *err);
    void *ctx;
};

struct image_store {
    struct loop            *loop;
    struct image_store_ops  ops;
    struct map             *images;                /* struct image by normalized ref */
    struct list             retired, pulls, builds;
    struct map             *cache;                 /* of build steps; the builder's */
    void                  (*cache_free)(void *entry);
    struct timer            timer;                 /* of the first pull */
};

/* ---- store ---- */
static void on_timer(struct timer *t);

struct image_store *image_store_new(struct loop *l, const struct image_store_ops *ops)
{
    struct image_store *s = NEW(struct image_store);
    s->loop = l;
    if (ops)
        s->ops = *ops;
    s->images = map_new();
    list_init(&s->retired);
    list_init(&s->pulls);
    list_init(&s->builds);
    timer_init(&s->timer, l, on_timer);
    return s;
}

static void image_free(void *p)
{
    struct image *i = p;
    vfs_free(i->files);
    arena_free(i->arena);
    free(i);
}

static void pull_free(struct pull *p)
{
    list_remove(&p->node);
    arena_free(p->arena);
    free(p);
}

void image_store_free(struct image_store *s)
{
    if (!s)
        return;
    timer_stop(&s->timer);
    list_for(it, &s->builds)
        build_free(it);
    list_for(it, &s->pulls)
        pull_free(container_of(it, struct pull, node));
    list_for(it, &s->retired)
        image_free(container_of(it, struct image, node));
    map_free(s->cache, s->cache_free);
    map_free(s->images, image_free);
    free(s);
}

struct loop *image_store_loop(const struct image_store *s)
{
    return s->loop;
}

struct list *image_store_builds(struct image_store *s)
{
    return &s->builds;
}

struct map *image_store_cache(struct image_store *s, void (*free_entry)(void *entry))
{
    if (!s->cache)
        s->cache = map_new();
    s->cache_free = free_entry;
    return s->cache;
}

/* By name, by full id, or by an id's beginning of at least 12 digits. */
static struct image *find(struct image_store *s, struct str ref)
{
    struct arena *a = arena_new();
    struct image_name name;
    image_split(a, ref, &name);
    struct image *found = map_getc(s->images, image_normalize(a, ref));
    struct str id = str_starts(ref, "sha256:") ? str_sub(ref, 7, ref.n) : ref, key;
    size_t cursor = 0;
    void *value;
    while (!found && map_next(s->images, &cursor, &key, &value)) {
        struct image *i = value;
        struct str its_id = str_sub(json_get_str(i->record, "id"), 7, SIZE_MAX);
        struct image_name its;
        image_split(a, str_c(i->ref), &its);
        bool by_id = id.n >= 12 && id.n <= its_id.n && str_eq(id, str_sub(its_id, 0, id.n));
        if (by_id ||
            (name.digest[0] && strcmp(name.repo, its.repo) == 0 && str_eqc(json_get_str(i->record, "digest"), name.digest)))
            found = i;
    }
    arena_free(a);
    return found;
}

const struct json *image_find(struct image_store *s, struct str ref)
{
    struct image *i = find(s, ref);
    return i ? i->record : NULL;
}

struct vfs *image_files(struct image_store *s, struct str ref)
{
    struct image *i = find(s, ref);
    return i ? i->files : NULL;
}

static struct image *put(struct image_store *s, struct str ref, const struct json *record, struct vfs *files)
{
    struct image *i = NEW(struct image);
    i->arena = arena_new();
    i->ref = image_normalize(i->arena, ref);
    i->record = json_copy(i->arena, record);
    json_set_strc(i->arena, i->record, "ref", image_display(i->arena, ref));
    const struct json *known = image_catalog_find(ref);
    if (known && str_eq(json_get_str(known, "id"), json_get_str(record, "id")))
        i->files = image_catalog_files(known);     /* a registry's image: its files need not be kept elsewhere */
    else
        i->files = files ? vfs_ref(files) : vfs_new();
    list_init(&i->node);
    struct image *before = map_putc(s->images, i->ref, i);
    if (before)
        list_push(&s->retired, &before->node);
    return i;
}

void image_put(struct image_store *s, struct str ref, const struct json *record, struct vfs *files)
{
    put(s, ref, record, files);
}

void image_put_saved(struct image_store *s, struct str ref, const struct json *record, struct vfs *files)
{
    struct image *i = put(s, ref, record, files);
    bool derived = image_catalog_find(ref) && str_eq(json_get_str(image_catalog_find(ref), "id"), json_get_str(record, "id"));
    struct arena *a = arena_new();
    if (s->ops.save)
        s->ops.save(s->ops.ctx, i->ref, json_text(a, i->record), derived ? NULL : i->files);
    arena_free(a);
}

bool image_remove(struct image_store *s, struct str ref)
{
    struct image *i = find(s, ref);
    if (!i)
        return false;
    map_take(s->images, str_c(i->ref));
    list_push(&s->retired, &i->node);
    if (s->ops.save)
        s->ops.save(s->ops.ctx, i->ref, STR_NULL, NULL);
    return true;
}

bool image_next(struct image_store *s, size_t *cursor, const struct json **record)
{
    struct str key;
    void *value;
    if (!map_next(s->images, cursor, &key, &value))
        return false;
    *record = ((struct image *)value)->record;
    return true;
}

/* ---- pull ---- */
static void say(const struct pull *p, struct str text)
{
    if (p->line)
        p->line(p->ctx, text);
}

static bool no_such_image(struct arena *a, struct str ref, struct err *err)
{
    struct image_name name;
    image_split(a, ref, &name);
    const char *shown = image_display(a, str_c(name.repo)), *full = image_display(a, ref),
               *wanted = name.tag[0] ? name.tag : name.digest;
    struct str repo = str_c(name.repo), host, path;
    str_cut(repo, '/', &host, &path);
    shown = str_ends(str_c(shown), ":latest") ? arena_cstr(a, str_sub(str_c(shown), 0, strlen(shown) - 7)) : shown;
    if (str_ends(host, "k8s.gcr.io") || str_ends(host, "registry.k8s.io"))
        return err_set(
            err, ERR_NOT_FOUND,
            "Error response from daemon: manifest for %s not found: manifest unknown: Failed to fetch \"%s\" from "
            "request \"/v2/" STR_FMT
            "/manifests/%s\".",
            full, wanted, STR_ARG(path), wanted);
    if (!str_eqc(host, "docker.io"))
        return err_set(err, ERR_NOT_FOUND,
                       "Error response from daemon: Get https://" STR_FMT "/v2/: dial tcp: lookup " STR_FMT ": no such host",
                       STR_ARG(host), STR_ARG(host));
    if (image_catalog_has_repo(name.repo))
        return err_set(err, ERR_NOT_FOUND,
                       "Error response from daemon: manifest for %s not found: manifest unknown: manifest unknown", full);
    return err_set(
        err, ERR_NOT_FOUND,
        "Error response from daemon: pull access denied for %s, repository does not exist or may require 'docker "
        "login': denied: requested access to the resource is denied",
        shown);
}

static bool layer_present(struct image_store *s, struct str id)
{
    size_t cursor = 0;
    for (const struct json *r; image_next(s, &cursor, &r);)
        for (const struct json *l = json_first(json_get(r, "layers")); l; l = json_next(l))
            if (str_eq(json_str(l), id))
                return true;
    return false;
}

/* The next pull's turn begins. */
static void pulls_go_on(struct image_store *s)
{
    if (!list_empty(&s->pulls) && !timer_active(&s->timer))
        timer_start(&s->timer, registry_ns);
}

static void pull_end(struct pull *p, const struct json *record, const struct err *err)
{
    struct image_store *s = p->store;
    void (*done)(void *ctx, const struct json *r, const struct err *e) = p->done;
    void *ctx = p->ctx;
    pull_free(p);
    pulls_go_on(s);
    done(ctx, record, err);
}

static void pull_complete(struct pull *p, bool newer)
{
    const char *shown = image_display(p->arena, p->ref);
    if (newer)
        image_put_saved(p->store, p->ref, p->found, NULL);
    say(p, arena_strf(p->arena, "Digest: " STR_FMT "\n", STR_ARG(json_get_str(p->found, "digest"))));
    say(p, arena_strf(p->arena, "Status: %s for %s\n", newer ? "Downloaded newer image" : "Image is up to date", shown));
    pull_end(p, image_find(p->store, p->ref), NULL);
}

static void pull_answered(struct pull *p)
{
    struct err err = { 0 };
    struct image_name name;
    p->asked = true;
    p->found = image_catalog_find(p->ref);
    if (!p->found) {
        no_such_image(p->arena, p->ref, &err);
        pull_end(p, NULL, &err);
        err_clear(&err);
        return;
    }
    image_split(p->arena, p->ref, &name);
    const char *path = strchr(name.repo, '/');
    say(p, arena_strf(p->arena, "%s: Pulling from %s\n", name.tag[0] ? name.tag : name.digest, path + 1));
    const struct json *there = image_find(p->store, p->ref);
    if (there && str_eq(json_get_str(there, "id"), json_get_str(p->found, "id")))
        pull_complete(p, false);
    else
        timer_start(&p->store->timer, 0);
}

/* One layer has come, or is found present; the next one takes its part of the time. */
static void pull_layer(struct pull *p)
{
    const struct json *layers = json_get(p->found, "layers");
    int64_t count = (int64_t)json_len(layers), size = json_get_int(p->found, "pull_bytes", 0);
    if (p->layer > 0)
        say(p, arena_strf(p->arena, STR_FMT ": Pull complete\n", STR_ARG(json_str(json_at(layers, p->layer - 1)))));
    for (; p->layer < (size_t)count && layer_present(p->store, json_str(json_at(layers, p->layer))); p->layer++)
        say(p, arena_strf(p->arena, STR_FMT ": Already exists\n", STR_ARG(json_str(json_at(layers, p->layer)))));
    if (p->layer == (size_t)count) {
        pull_complete(p, true);
        return;
    }
    p->layer++;
    timer_start(&p->store->timer, size / count * (int64_t)NS_PER_S / bandwidth);
}

static void on_timer(struct timer *t)
{
    struct image_store *s = container_of(t, struct image_store, timer);
    struct pull *p = container_of(s->pulls.next, struct pull, node);
    ASSERT(!list_empty(&s->pulls));
    if (p->asked)
        pull_layer(p);
    else
        pull_answered(p);
}

void image_pull_lines(struct image_store *s, struct str ref, void (*line)(void *ctx, struct str text),
                      void (*done)(void *ctx, const struct json *record, const struct err *err), void *ctx)
{
    ASSERT(done);
    struct pull *p = NEW(struct pull);
    p->store = s;
    p->arena = arena_new();
    p->ref = arena_str(p->arena, ref);
    p->line = line;
    p->done = done;
    p->ctx = ctx;
    list_init(&p->node);
    list_push(&s->pulls, &p->node);
    pulls_go_on(s);
}

void image_pull(struct image_store *s, struct str ref,
                void (*done)(void *ctx, const struct json *record, const struct err *err), void *ctx)
{
    image_pull_lines(s, ref, NULL, done, ctx);
}
