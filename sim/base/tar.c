/* sim/base/tar.c - ustar archives, written and read an entry at a time. */
#include "sim/base/archive.h"

#include <assert.h>
#include <stdio.h>

struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[8], owner[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
static_assert(sizeof(struct tar_header) == TAR_BLOCK_BYTES, "a tar header is one block");

static const char zeros[2 * TAR_BLOCK_BYTES];

static size_t padding(size_t n) { return (TAR_BLOCK_BYTES - n % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES; }

/* The sum of a header's bytes, its own field read as blanks. */
static unsigned header_sum(const struct tar_header *h)
{
    struct tar_header copy = *h;
    unsigned sum = 0;
    memset(copy.checksum, ' ', sizeof copy.checksum);
    for (size_t i = 0; i < sizeof copy; i++)
        sum += ((const unsigned char *)&copy)[i];
    return sum;
}

void tar_add(struct strbuf *out, const struct tar_entry *e)
{
    struct tar_header h;
    ASSERT(strlen(e->name) <= TAR_NAME_BYTES);
    memset(&h, 0, sizeof h);
    memcpy(h.name, e->name, strlen(e->name));
    snprintf(h.mode, sizeof h.mode, "%07o", e->mode & 07777);
    snprintf(h.uid, sizeof h.uid, "%07o", 0);
    snprintf(h.gid, sizeof h.gid, "%07o", 0);
    snprintf(h.size, sizeof h.size, "%011zo", e->bytes.n);
    snprintf(h.mtime, sizeof h.mtime, "%011llo", (unsigned long long)e->mtime_s);
    h.type = e->type;
    memcpy(h.magic, "ustar\0" "00", sizeof h.magic);
    snprintf(h.checksum, sizeof h.checksum, "%06o", header_sum(&h));
    strbuf_add(out, (struct str){ (const char *)&h, sizeof h });
    strbuf_add(out, e->bytes);
    strbuf_add(out, (struct str){ zeros, padding(e->bytes.n) });
}

void tar_end(struct strbuf *out) { strbuf_add(out, (struct str){ zeros, sizeof zeros }); }

/* A number field: blanks, octal digits, then a blank, a zero byte or the field's end. An empty field is 0, as writers leave those
 * that they do not use. */
static bool octal(const char *field, size_t n, uint64_t *out)
{
    size_t i = 0;
    while (i < n && field[i] == ' ')
        i++;
    for (*out = 0; i < n && field[i] && field[i] != ' '; i++) {
        if (field[i] < '0' || field[i] > '7' || *out >> 48)
            return false;
        *out = *out * 8 + (uint64_t)(field[i] - '0');
    }
    return true;
}

static bool damaged(const char **why, const char *what)
{
    *why = what;
    return false;
}

bool tar_next(struct str *tar, struct tar_entry *e, const char **why)
{
    struct tar_header h;
    uint64_t size, mode, mtime, sum;
    *why = NULL;
    if (!tar->n || (tar->n >= sizeof h && memcmp(tar->p, zeros, sizeof h) == 0))
        return false;
    if (tar->n < sizeof h)
        return damaged(why, "it ends early");
    memcpy(&h, tar->p, sizeof h);
    if (!octal(h.checksum, sizeof h.checksum, &sum) || sum != header_sum(&h) || !octal(h.size, sizeof h.size, &size) ||
        !octal(h.mode, sizeof h.mode, &mode) || !octal(h.mtime, sizeof h.mtime, &mtime))
        return damaged(why, "a header is damaged");
    struct str rest = str_sub(*tar, sizeof h, tar->n);
    if (size > rest.n || padding((size_t)size) > rest.n - (size_t)size)
        return damaged(why, "a file is longer than the rest of it");
    /* GNU's magic ends with a blank, and its headers keep dates where the prefix is. */
    bool split = memcmp(h.magic, "ustar", sizeof "ustar") == 0 && h.prefix[0];
    snprintf(e->name, sizeof e->name, "%.*s%s%.*s", split ? (int)sizeof h.prefix : 0, h.prefix, split ? "/" : "",
             (int)sizeof h.name, h.name);
    e->type = h.type ? h.type : TAR_FILE;
    e->mode = (unsigned)mode & 07777;
    e->mtime_s = (int64_t)mtime;
    e->bytes = str_sub(rest, 0, (size_t)size);
    *tar = str_sub(rest, (size_t)size + padding((size_t)size), rest.n);
    return true;
}

struct str tar_long_name(const struct tar_entry *e)
{
    size_t n = 0;
    while (n < e->bytes.n && e->bytes.p[n])
        n++;
    return str_sub(e->bytes, 0, n);
}
