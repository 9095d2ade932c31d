/* sim/proc/catalog.c - what the registries out there have: sim/proc/images/catalog.json, read once.
 *
 * Stands for docker.io, k8s.gcr.io and registry.k8s.io: the only images that can be pulled are those that are described
 * there. A family of the file becomes one record per repository and tag, as sim/proc/proc.h describes it, with these
 * members besides:
 *   "load": {"profile", "mean_nanocores", "memory_bytes", ...} what the program uses when nobody asks anything of it
 *   (figures of the lab's `top pod`)
 *   "ports": ["80/tcp"], "webroot": folder that a web server serves, "php": its PHP's version, "pull_bytes": compressed size
 * A record's "fs" names one of the file's file systems: folders and files, and "base", the one below it.
 * Derived where the file is silent: id and digest are hashes of name and tag (an id given in short form is filled up),
 * layers as many as said, the compressed size two fifths of the size, which is what gzip leaves of such images.
 */
#include "sim/proc/proc_priv.h"
#include "sim/pki/pki.h"

EMBED(catalog_text, "sim/proc/images/catalog.json")

/* immutable once loaded; lives as long as the process */
static struct { struct arena *a; struct json *file; struct map *by_ref; } catalog;

static struct str hash_of(struct arena *a, const char *what, const char *ref)
{
    return sha256_hex(a, arena_strf(a, "%s of %s", what, ref));
}

static void derive_id(struct arena *a, struct json *r, const char *key, const char *ref)
{
    struct str given = json_get_str(r, key), full = arena_strf(a, "sha256:" STR_FMT, STR_ARG(hash_of(a, key, ref)));
    if (given.n < full.n)
        json_set_str(a, r, key,
                     given.n ? arena_strf(a, STR_FMT STR_FMT, STR_ARG(given), STR_ARG(str_sub(full, given.n, full.n)))
                             : full);
}

static void derive_layers(struct arena *a, struct json *r, const char *ref)
{
    int64_t count = json_get_int(r, "layer_count", 1);
    json_remove(r, "layer_count");
    if (json_get(r, "layers"))
        return;
    struct json *layers = json_ensure_array(a, r, "layers");
    for (int64_t i = 0; i < count; i++)
        json_append(layers, json_new_str(a, str_sub(hash_of(a, arena_printf(a, "layer %" PRId64, i), ref), 0, 12)));
}

static void add_record(struct arena *a, const char *repo, struct str first_repo, const struct json *common,
                       const struct json *tag)
{
    const char *ref = arena_printf(a, "%s:" STR_FMT, repo, STR_ARG(json_key(tag)));
    /* One family's names mean the same bytes: hashes are made of its first name. */
    const char *origin = json_get(tag, "id_of")
                             ? arena_cstr(a, json_get_str(tag, "id_of"))
                             : arena_printf(a, STR_FMT ":" STR_FMT, STR_ARG(first_repo), STR_ARG(json_key(tag)));
    struct json *r = json_new_object(a);
    json_set_strc(a, r, "ref", image_display(a, str_c(ref)));
    for (const struct json *m = json_first(tag); m; m = json_next(m))
        if (!str_eqc(json_key(m), "id_of"))
            json_setn(a, r, json_key(m), json_copy(a, m));
    for (const struct json *m = json_first(common); m; m = json_next(m))
        if (!json_getn(r, json_key(m)))
            json_setn(a, r, json_key(m), json_copy(a, m));
    derive_id(a, r, "id", origin);
    derive_id(a, r, "digest", origin);
    derive_layers(a, r, origin);
    if (!json_get(r, "pull_bytes"))
        json_set_int(a, r, "pull_bytes", json_get_int(r, "size", 0) * 2 / 5);
    map_put(catalog.by_ref, str_c(image_normalize(a, str_c(ref))), r);
}

static void load(void)
{
    struct err err = { 0 };
    struct arena *a = catalog.a = arena_new();
    catalog.by_ref = map_new();
    catalog.file = json_parse(a, catalog_text(), &err);
    ASSERT(catalog.file);
    for (const struct json *f = json_first(json_get(catalog.file, "families")); f; f = json_next(f))
        for (const struct json *repo = json_first(json_get(f, "repos")); repo; repo = json_next(repo))
            for (const struct json *tag = json_first(json_get(f, "tags")); tag; tag = json_next(tag))
                add_record(a, arena_cstr(a, json_str(repo)), json_str(json_first(json_get(f, "repos"))),
                           json_get(f, "record"), tag);
}

static const struct json *find_digest(const char *repo, const char *digest)
{
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(catalog.by_ref, &cursor, &key, &value)) {
        size_t n = strlen(repo);
        if (str_starts(key, repo) && key.n > n && key.p[n] == ':' && str_eqc(json_get_str(value, "digest"), digest))
            return value;
    }
    return NULL;
}

const struct json *image_catalog_find(struct str ref)
{
    if (!catalog.a)
        load();
    struct arena *a = arena_new();
    struct image_name name;
    image_split(a, ref, &name);
    const struct json *r = name.digest[0] ? find_digest(name.repo, name.digest)
                                          : map_getc(catalog.by_ref, image_normalize(a, ref));
    arena_free(a);
    return r;
}

bool image_catalog_has_repo(const char *repo)
{
    if (!catalog.a)
        load();
    size_t cursor = 0, n = strlen(repo);
    struct str key;
    void *value;
    while (map_next(catalog.by_ref, &cursor, &key, &value))
        if (str_starts(key, repo) && key.n > n && key.p[n] == ':')
            return true;
    return false;
}

static void put_all(struct arena *a, struct vfs *v, const struct json *from, int64_t mtime_ns)
{
    for (const struct json *d = json_first(json_get(from, "dirs")); d; d = json_next(d))
        vfs_mkdir(v, arena_cstr(a, json_str(d)), str_eqc(json_str(d), "/tmp") ? 01777 : 0755);
    for (const struct json *f = json_first(json_get(from, "files")); f; f = json_next(f))
        vfs_put(v, arena_cstr(a, json_key(f)), json_str(f), 0644, mtime_ns);
    for (const struct json *m = json_first(json_get(from, "modes")); m; m = json_next(m)) {
        const char *path = arena_cstr(a, json_key(m));
        vfs_mkdir(v, path, 0755);
        vfs_chmod(v, path, (unsigned)json_int(m, 0755));
    }
}

/* A file system and, first, the one that it is built on. */
static void put_system(struct arena *a, struct vfs *v, struct str name, int64_t mtime_ns)
{
    const struct json *system = json_getn(json_get(catalog.file, "file_systems"), name);
    if (json_get(system, "base"))
        put_system(a, v, json_get_str(system, "base"), mtime_ns);
    put_all(a, v, system, mtime_ns);
}

struct vfs *image_catalog_files(const struct json *record)
{
    struct arena *a = arena_new();
    struct vfs *v = vfs_new();
    int64_t created = 0;
    time_parse_rfc3339(json_get_str(record, "created"), &created);
    put_system(a, v, json_get_str(record, "fs"), created);
    put_all(a, v, record, created);
    arena_free(a);
    return v;
}
