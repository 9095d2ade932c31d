/* labs/catalog.c - the labs that this process knows: those of the binary (embedded at build time, see embed), and those that were
 * opened from a folder or a pack (source.c). Each is seen with one set of values at a time: those of the cluster that the process
 * works on.
 */
#include "labs/labs_priv.h"
#include "labs/params.h"

#include <stdio.h>
#include <stdlib.h>

/* embedded.c, which labs/embed writes: every file of every lab, in order of path; the last has no path. */
extern const struct lab_embedded { const char *path; struct str (*bytes)(void); } lab_embedded[];

static struct map *lab_map;            /* name -> struct lab; made at the first question, for as long as the process lives */
static struct arena *lab_arena;

/* ---- the labs of the binary ---- */
static struct lab_source *embedded_source(const char *name, const struct lab_embedded *first)
{
    size_t n = 0, prefix = strlen(name) + 1;
    while (first[n].path && strncmp(first[n].path, name, prefix - 1) == 0 && first[n].path[prefix - 1] == '/')
        n++;
    struct lab_source *s = ARENA_NEW(lab_arena, struct lab_source);
    *s = (struct lab_source){ .where = arena_printf(lab_arena, "labs/%s", name), .v = arena_zalloc(lab_arena, n * sizeof *s->v),
                              .n = n };
    for (size_t i = 0; i < n; i++)
        s->v[i] = (struct lab_bytes){ first[i].path + prefix, first[i].bytes() };
    return s;
}

static void labs_load(void)
{
    if (lab_map)
        return;
    lab_map = map_new();
    lab_arena = arena_new();
    const char *last = "";
    for (const struct lab_embedded *f = lab_embedded; f->path; f++) {
        struct err err = { 0 };
        struct str name, rest;
        if (!str_cut(str_c(f->path), '/', &name, &rest) || str_eqc(name, last))
            continue;
        last = arena_cstr(lab_arena, name);
        const struct lab *lab = lab_of_source(lab_arena, embedded_source(last, f), NULL, &err);
        if (!lab)
            fprintf(stderr, "kubelab: %s\n", err.msg);
        ASSERT(lab && str_eqc(name, lab->name));
        map_put(lab_map, name, (void *)(uintptr_t)lab);
    }
}

const struct lab *lab_find(const char *name)
{
    labs_load();
    return name ? map_getc(lab_map, name) : NULL;
}

const struct lab *lab_next(size_t *cursor)
{
    struct str key;
    void *value;
    labs_load();
    return map_next(lab_map, cursor, &key, &value) ? value : NULL;
}

static const struct lab *take_place(const struct lab *lab)
{
    if (lab)
        map_putc(lab_map, lab->name, (void *)(uintptr_t)lab);
    return lab;
}

const struct lab *lab_open(const char *what, struct err *err)
{
    const struct lab *known = strchr(what, '/') ? NULL : lab_find(what);
    labs_load();
    if (known)
        return known;
    struct lab_source *s = source_open(lab_arena, what, err);
    return s ? take_place(lab_of_source(lab_arena, s, NULL, err)) : NULL;
}

const struct lab *lab_choose(const struct lab *lab, const struct json *values, struct err *err)
{
    if (!lab->parameters || lab->params == values)
        return lab;
    return take_place(lab_of_source(lab_arena, lab->source, json_copy(lab_arena, values), err));
}

const struct lab *lab_add_checks(const struct lab *lab, const char *file, struct err *err)
{
    struct lab_source *s = ARENA_NEW(lab_arena, struct lab_source);
    *s = *lab->source;
    s->more.path = arena_strdup(lab_arena, file);
    if (!file_read(file, LIMIT_YAML_BYTES, lab_arena, &s->more.bytes, err))
        return err_set(err, ERR_USAGE, "--checks: %s", arena_strdup(lab_arena, err->msg)), NULL;
    return take_place(lab_of_source(lab_arena, s, NULL, err));
}

const char *lab_from(const struct lab *lab) { return lab->source ? lab->source->from : NULL; }

const struct lab_step *lab_step_find(const struct lab *lab, const char *id)
{
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        if (strcmp(st->id, id) == 0)
            return st;
    return NULL;
}

/* ---- files ---- */
struct str lab_file(const char *lab, const char *path)
{
    const struct lab *l = lab_find(lab);
    for (size_t i = 0; l && i < l->source->n; i++)
        if (strcmp(l->source->v[i].path, path) == 0)
            return l->source->v[i].bytes;
    return STR_NULL;
}

const char *lab_file_next(struct arena *a, const char *lab, const char *folder, size_t *cursor, struct str *bytes)
{
    const struct lab *l = lab_find(lab);
    const char *prefix = arena_printf(a, "%s%s", folder, *folder ? "/" : "");
    while (l && *cursor < l->source->n) {
        const struct lab_bytes *f = &l->source->v[(*cursor)++];
        if (str_starts(str_c(f->path), prefix)) {
            *bytes = f->bytes;
            return f->path;
        }
    }
    return NULL;
}

bool lab_text(struct arena *a, const struct lab *lab, const char *path, struct str bytes, struct str *text, struct err *err)
{
    *text = bytes;
    if (!lab->parameters || (bytes.n && memchr(bytes.p, 0, bytes.n)))
        return true;
    return params_replace(a, arena_printf(a, "%s/%s", lab->source->where, path), bytes, lab->params, text, NULL, err);
}

static bool write_one(struct arena *a, const struct lab *lab, const char *dir, const char *path, struct str bytes, struct err *err)
{
    char *full = arena_printf(a, "%s/%s", dir, path + strlen("files/")), *slash = strrchr(full, '/');
    struct str text, there;
    *slash = 0;
    if (!lab_text(a, lab, path, bytes, &text, err) || !dir_make(full, 0755, err))
        return false;
    *slash = '/';
    if (file_read(full, LIMIT_RESPONSE_BYTES, a, &there, NULL) && !str_eq(there, text))     /* it may be somebody's work */
        return err_set(err, ERR_USAGE, "%s is there already, and not as the lab gives it: remove it, or name another folder", full);
    return file_write(full, text, 0644, err);
}

bool lab_files_write(const struct lab *lab, const char *dir, bool all, struct err *err)
{
    struct arena *a = arena_new();
    const struct json *folders[] = { lab->given, all ? lab->student : NULL };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        for (const struct json *c = json_first(folders[i]); c && ok; c = json_next(c)) {
            size_t cursor = 0;
            struct str bytes;
            const char *path, *folder = arena_printf(a, "files/" STR_FMT, STR_ARG(json_str(c)));
            while (ok && (path = lab_file_next(a, lab->name, folder, &cursor, &bytes)))
                ok = write_one(a, lab, dir, path, bytes, err);
        }
    arena_free(a);
    return ok;
}
