/* labs/pack.c - a lab as one file: a gzipped tar archive of its files, after a manifest that names each with its SHA-256.
 *
 * The same lab gives the same bytes: files in order of path, no dates, no owners. A reader takes nothing on trust: only plain files with plain names below one
 * folder, in order and once, as large and with the digests that the manifest says, and nothing besides. What unpacks to more than a lab may be is not unpacked.
 */
#include "labs/labs_priv.h"
#include "sim/pki/pki.h"

#include <assert.h>
#include <stdio.h>
#include <zlib.h>

enum { BLOCK = 512, MAX_FILES = 2000, MAX_TAR_BYTES = 40 * 1024 * 1024, MAX_PACK_BYTES = 16 * 1024 * 1024, MAX_PATH_BYTES = 99 };
#define MANIFEST "kubelab-lab.json"
#define FORMAT   "kubelab.dev/lab/v1"

struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8], owner[32], group[32], major[8], minor[8],
         prefix[155], pad[12];
};
static_assert(sizeof(struct tar_header) == BLOCK, "a tar header is one block");

static unsigned header_sum(const struct tar_header *h)
{
    struct tar_header copy = *h;
    memset(copy.checksum, ' ', sizeof copy.checksum);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof copy; i++)
        sum += ((const unsigned char *)&copy)[i];
    return sum;
}

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
    static const char zeros[BLOCK];
    struct tar_header h;
    memset(&h, 0, sizeof h);
    snprintf(h.name, sizeof h.name, "%s", path);
    snprintf(h.mode, sizeof h.mode, "%07o", 0644);
    snprintf(h.uid, sizeof h.uid, "%07o", 0);
    snprintf(h.gid, sizeof h.gid, "%07o", 0);
    snprintf(h.size, sizeof h.size, "%011zo", bytes.n);
    snprintf(h.mtime, sizeof h.mtime, "%011o", 0);
    h.type = '0';
    memcpy(h.magic, "ustar\0" "00", 8);
    snprintf(h.checksum, sizeof h.checksum, "%06o", header_sum(&h));
    strbuf_add(tar, (struct str){ (const char *)&h, sizeof h });
    strbuf_add(tar, bytes);
    strbuf_add(tar, (struct str){ zeros, (BLOCK - bytes.n % BLOCK) % BLOCK });
}

static struct str manifest_text(struct arena *a, const char *name, const struct lab_bytes *v, size_t n)
{
    struct json *files = json_new_array(a);
    struct strbuf out;
    for (size_t i = 0; i < n; i++)
        json_append(files, json_buildf(a, "{'path':%s,'bytes':%d,'sha256':%S}", v[i].path, (int64_t)v[i].bytes.n, sha256_hex(a, v[i].bytes)));
    strbuf_init(&out, LIMIT_YAML_BYTES);
    json_write(&out, json_buildf(a, "{'format':'" FORMAT "','lab':%s,'files':%j}", name, files), JSON_PRETTY);
    strbuf_addch(&out, '\n');
    struct str text = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

static bool compress_all(struct str in, struct strbuf *out)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n };
    unsigned char chunk[65536];
    if (deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    int status = Z_OK;
    while (status == Z_OK) {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        status = deflate(&z, Z_FINISH);
        strbuf_add(out, (struct str){ (const char *)chunk, sizeof chunk - z.avail_out });
    }
    deflateEnd(&z);
    return status == Z_STREAM_END;
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
    struct strbuf tar, out;
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!is_path(s->v[i].path))
            return err_set(err, ERR_PARSE, "%s/%s: a pack holds no file of that name: at most %d characters, of ASCII and without spaces, no part of which begins"
                           " with a dot", s->where, s->v[i].path, MAX_PATH_BYTES);
        if (all || !is_secret(lab, s->v[i].path))
            v[n++] = s->v[i];
    }
    strbuf_init(&tar, MAX_TAR_BYTES);
    strbuf_init(&out, MAX_PACK_BYTES);
    struct str manifest = manifest_text(a, lab->name, v, n);
    static const char end[2 * BLOCK];
    add_file(&tar, MANIFEST, manifest);
    for (size_t i = 0; i < n; i++)
        add_file(&tar, v[i].path, v[i].bytes);
    strbuf_add(&tar, (struct str){ end, sizeof end });
    bool ok = !tar.overflow && compress_all(strbuf_str(&tar), &out) && !out.overflow;
    *pack = arena_str(a, strbuf_str(&out));
    *digest = sha256_hex(a, manifest);
    strbuf_deinit(&tar);
    strbuf_deinit(&out);
    return ok || err_set(err, ERR_PARSE, "%s is too large for a pack: at most %d MB", s->where, MAX_PACK_BYTES >> 20);
}

/* ---- read ---- */
struct reader { struct arena *a; const char *what; struct str tar; struct lab_source *s; struct str manifest; struct err *err; };

static bool broken(const struct reader *r, const char *why) { return err_set(r->err, ERR_PARSE, "%s is no pack of a lab, or was changed: %s", r->what, why); }

static bool octal(const char *field, size_t n, size_t *out)
{
    size_t i = 0;
    *out = 0;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
        *out = *out * 8 + (size_t)(field[i] - '0');
    return i > 0 && (i == n || field[i] == 0 || field[i] == ' ');
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
    struct tar_header h;
    size_t size, sum;
    if (r->tar.n < BLOCK)
        return broken(r, "it ends early");
    memcpy(&h, r->tar.p, sizeof h);
    if (memcmp(h.magic, "ustar", 5) != 0 || !octal(h.checksum, sizeof h.checksum, &sum) || sum != header_sum(&h))
        return broken(r, "a header is damaged");
    if (h.type != '0' && h.type != 0)
        return broken(r, "it holds something that is no plain file");
    if (h.prefix[0] || h.name[sizeof h.name - 1] || !is_path(h.name))
        return broken(r, "it holds a file of a name that none may have");
    if (!octal(h.size, sizeof h.size, &size) || size > r->tar.n - BLOCK)
        return broken(r, "a file is longer than the rest of it");
    size_t padded = (size + BLOCK - 1) / BLOCK * BLOCK;
    if (padded > r->tar.n - BLOCK)
        return broken(r, "it ends early");
    *path = arena_strdup(r->a, h.name);
    *bytes = str_sub(r->tar, BLOCK, BLOCK + size);
    r->tar = str_sub(r->tar, BLOCK + padded, r->tar.n);
    return true;
}

/* The manifest is made again from what is there: it has to be the one that came. So sizes, digests, names and their number are all compared. */
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
    if (r->tar.n != 2 * BLOCK || !all_zero(r->tar))
        return broken(r, "something follows its end");
    return check_manifest(r);
}

/* At most MAX_TAR_BYTES come out, however little went in. */
static bool expand(struct reader *r, struct str in)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n };
    unsigned char chunk[65536];
    struct strbuf out;
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return broken(r, "it cannot be unpacked");
    strbuf_init(&out, MAX_TAR_BYTES);
    int status = Z_OK;
    while (status == Z_OK && !out.overflow) {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        status = inflate(&z, Z_NO_FLUSH);
        strbuf_add(&out, (struct str){ (const char *)chunk, sizeof chunk - z.avail_out });
    }
    bool whole = status == Z_STREAM_END && !z.avail_in && !out.overflow, large = out.overflow;
    inflateEnd(&z);
    if (whole)
        r->tar = arena_str(r->a, strbuf_str(&out));
    strbuf_deinit(&out);
    return whole || broken(r, large ? "it unpacks to more than a lab may be" : "it is not gzip, or ends early, or something follows its end");
}

struct lab_source *pack_read(struct arena *a, const char *what, struct str bytes, struct err *err)
{
    struct lab_source *s = ARENA_NEW(a, struct lab_source);
    *s = (struct lab_source){ .where = arena_strdup(a, what), .v = arena_zalloc(a, MAX_FILES * sizeof *s->v) };
    struct reader r = { .a = a, .what = what, .s = s, .err = err };
    return expand(&r, bytes) && read_tar(&r) ? s : NULL;
}
