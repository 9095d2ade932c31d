/* labs/pack.c - a lab as one file: a gzipped tar archive of its files, after a manifest that names each with its SHA-256.
 *
 * The same lab gives the same bytes: files in order of path, no dates, no owners. A reader takes nothing on trust: only plain
 * files with plain names below one folder, in order and once, as large and with the digests that the manifest says, and nothing
 * besides. What unpacks to more than a lab may be is not unpacked.
 */
#include "labs/labs_priv.h"
#include "sim/base/archive.h"
#include "sim/pki/pki.h"

#include <stdio.h>

enum { MAX_FILES = 2000, MAX_TAR_BYTES = 40 * 1024 * 1024, MAX_PACK_BYTES = 16 * 1024 * 1024, MAX_PATH_BYTES = TAR_NAME_BYTES,
       GZIP_LEVEL = 9 };
#define MANIFEST "kubelab-lab.json"
#define FORMAT   "kubelab.dev/lab/v1"

/* Relative, without a step up or an empty one, of characters that mean the same everywhere. */
static bool is_path(const char *path)
{
    size_t n = strlen(path);
    if (!n || n > MAX_PATH_BYTES)
        return false;
    struct str rest = str_c(path);
    while (rest.p) {
        struct str part = str_token(&rest, '/');
        if (!part.n || part.p[0] == '.')
            return false;
        for (size_t i = 0; i < part.n; i++)
            if ((unsigned char)part.p[i] <= ' ' || (unsigned char)part.p[i] >= 127 || part.p[i] == '\\')
                return false;
    }
    return true;
}

/* ---- written ---- */
static void add_file(struct strbuf *tar, const char *path, struct str bytes)
{
    struct tar_entry e = { .type = TAR_FILE, .mode = 0644, .bytes = bytes };
    snprintf(e.name, sizeof e.name, "%s", path);
    tar_add(tar, &e);
}

static struct str manifest_text(struct arena *a, const char *name, const struct lab_bytes *v, size_t n)
{
    struct json *files = json_new_array(a);
    struct strbuf out;
    for (size_t i = 0; i < n; i++)
        json_append(files, json_buildf(a, "{'path':%s,'bytes':%d,'sha256':%S}", v[i].path, (int64_t)v[i].bytes.n,
                                       sha256_hex(a, v[i].bytes)));
    strbuf_init(&out, LIMIT_YAML_BYTES);
    json_write(&out, json_buildf(a, "{'format':'" FORMAT "','lab':%s,'files':%j}", name, files), JSON_PRETTY);
    strbuf_addch(&out, '\n');
    struct str text = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

static bool is_secret(const struct lab *lab, const char *path)
{
    if ((lab->solution && strcmp(path, lab->solution) == 0) || (lab->grade && strcmp(path, lab->grade) == 0))
        return true;
    for (const struct lab_wrong *w = lab->wrong; w; w = w->next)
        if (strcmp(path, w->scenario) == 0)
            return true;
    return false;
}

bool lab_pack(struct arena *a, const struct lab *lab, bool all, struct str *pack, struct str *digest, struct err *err)
{
    const struct lab_source *s = lab->source;
    struct lab_bytes *v = arena_alloc(a, (s->n + 1) * sizeof *v);
    struct strbuf tar;
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!is_path(s->v[i].path))
            return err_set(err, ERR_PARSE,
                           "%s/%s: a pack holds no file of that name: at most %d characters, of ASCII and without spaces, no part "
                           "of which begins"
                           " with a dot", s->where, s->v[i].path, MAX_PATH_BYTES);
        if (all || !is_secret(lab, s->v[i].path))
            v[n++] = s->v[i];
    }
    strbuf_init(&tar, MAX_TAR_BYTES);
    struct str manifest = manifest_text(a, lab->name, v, n);
    add_file(&tar, MANIFEST, manifest);
    for (size_t i = 0; i < n; i++)
        add_file(&tar, v[i].path, v[i].bytes);
    tar_end(&tar);
    bool fits = !tar.overflow;
    if (fits)
        *pack = gzip_pack(a, strbuf_str(&tar), GZIP_LEVEL);
    *digest = sha256_hex(a, manifest);
    strbuf_deinit(&tar);
    return (fits && pack->n <= MAX_PACK_BYTES) ||
           err_set(err, ERR_PARSE, "%s is too large for a pack: at most %d MB", s->where, MAX_PACK_BYTES >> 20);
}

/* ---- read ---- */
struct reader { struct arena *a; const char *what; struct str tar; struct lab_source *s; struct str manifest; struct err *err; };

static bool broken(const struct reader *r, const char *why)
{
    return err_set(r->err, ERR_PARSE, "%s is no pack of a lab, or was changed: %s", r->what, why);
}

static bool all_zero(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i])
            return false;
    return true;
}

/* One file from the front of the rest. */
static bool read_entry(struct reader *r, const char **path, struct str *bytes)
{
    struct tar_entry e;
    const char *why;
    if (!tar_next(&r->tar, &e, &why))
        return broken(r, why ? why : "it ends early");
    if (e.type != TAR_FILE)
        return broken(r, "it holds something that is no plain file");
    if (!is_path(e.name))
        return broken(r, "it holds a file of a name that none may have");
    *path = arena_strdup(r->a, e.name);
    *bytes = e.bytes;
    return true;
}

/* The manifest is made again from what is there: it has to be the one that came. So sizes, digests, names and their number are
 * all compared. */
static bool check_manifest(struct reader *r)
{
    const struct json *j = json_parse(r->a, r->manifest, NULL);
    const char *name = arena_cstr(r->a, json_get_str(j, "lab"));
    if (!str_eqc(json_get_str(j, "format"), FORMAT))
        return broken(r, "its manifest is of another format than " FORMAT);
    return str_eq(manifest_text(r->a, name, r->s->v, r->s->n), r->manifest) || broken(r, "its files are not those of its manifest");
}

static bool read_tar(struct reader *r)
{
    const char *path;
    struct str bytes;
    if (!read_entry(r, &path, &r->manifest))
        return false;
    if (strcmp(path, MANIFEST) != 0)
        return broken(r, "its first file is not " MANIFEST);
    while (r->tar.n && r->tar.p[0]) {
        if (!read_entry(r, &path, &bytes))
            return false;
        if (r->s->n == MAX_FILES)
            return broken(r, "it holds too many files");
        if (r->s->n && strcmp(r->s->v[r->s->n - 1].path, path) >= 0)
            return broken(r, "its files are not in order, or one is there twice");
        r->s->v[r->s->n++] = (struct lab_bytes){ path, bytes };
    }
    if (r->tar.n != 2 * TAR_BLOCK_BYTES || !all_zero(r->tar))
        return broken(r, "something follows its end");
    return check_manifest(r);
}

struct lab_source *pack_read(struct arena *a, const char *what, struct str bytes, struct err *err)
{
    struct lab_source *s = ARENA_NEW(a, struct lab_source);
    *s = (struct lab_source){ .where = arena_strdup(a, what), .v = arena_zalloc(a, MAX_FILES * sizeof *s->v) };
    struct reader r = { .a = a, .what = what, .s = s, .err = err };
    struct err why = { 0 };
    bool ok = gzip_unpack(a, bytes, MAX_TAR_BYTES, &r.tar, &why) || broken(&r, why.msg);
    err_clear(&why);
    return ok && read_tar(&r) ? s : NULL;
}
