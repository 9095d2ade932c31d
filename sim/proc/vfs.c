/* sim/proc/vfs.c - the files that a container sees.
 *
 * Models: an image's layers below, a writable layer on top (overlayfs), volumes mounted over folders. Kept as one
 * persistent tree: a node that two file systems share has more than one reference and is copied before it is changed,
 * and so are the folders above it. So a layer costs nothing until it is written, a hundred containers of one image
 * share its bytes, and removing needs no white-outs.
 *
 * Simplified: no symbolic links, no owners, no devices. A file system that is layered over another sees it as it was at
 * that moment. Paths: absolute or relative to the root, "." and ".." are resolved by name, ".." of the root is the
 * root. A mount sits on a node; walking into that node goes on in the mounted file system's root, so nothing else knows
 * of mounts.
 */
#include "sim/proc/proc_priv.h"

#include <stdlib.h>

struct vfs_child { char *name; struct vfs_node *node; };
struct vfs_node {
    unsigned          refs;
    bool              is_dir;
    bool              mount_read_only;
    unsigned          mode;
    int64_t           mtime_ns;
    struct vfs       *mount;                       /* folders: what is mounted here, or NULL */
    struct vfs_child *children;                    /* folders: sorted by name */
    size_t            count, cap;
    char             *bytes;                       /* files; NUL-terminated */
    size_t            size;
};
struct vfs {
    unsigned         refs;
    struct vfs_node *root;
    size_t           bytes, nodes;                 /* against the limits: all that is reachable, mounts excepted */
};

/* ---- nodes ---- */
static struct vfs_node *node_make(bool is_dir, unsigned mode, int64_t mtime_ns)
{
    struct vfs_node *n = NEW(struct vfs_node);
    n->refs = 1;
    n->is_dir = is_dir;
    n->mode = mode & 07777;
    n->mtime_ns = mtime_ns;
    return n;
}

static void node_unref(struct vfs_node *n)
{
    if (--n->refs > 0)
        return;
    for (size_t i = 0; i < n->count; i++) {
        node_unref(n->children[i].node);
        free(n->children[i].name);
    }
    free(n->children);
    free(n->bytes);
    vfs_free(n->mount);
    free(n);
}

/* The node itself, when nobody else holds it, or a copy in its place: the caller may change what comes back. */
static struct vfs_node *node_own(struct vfs_node **slot)
{
    struct vfs_node *old = *slot;
    if (old->refs == 1)
        return old;
    struct vfs_node *n = node_make(old->is_dir, old->mode, old->mtime_ns);
    n->mount = old->mount ? vfs_ref(old->mount) : NULL;
    n->mount_read_only = old->mount_read_only;
    if (old->is_dir && old->count) {
        n->children = xcalloc(old->count, sizeof *n->children);
        n->count = n->cap = old->count;
        for (size_t i = 0; i < n->count; i++) {
            n->children[i].name = xstrdup(old->children[i].name);
            n->children[i].node = old->children[i].node;
            n->children[i].node->refs++;
        }
    } else if (!old->is_dir) {
        n->bytes = xmalloc(old->size + 1);
        memcpy(n->bytes, old->bytes, old->size + 1);
        n->size = old->size;
    }
    old->refs--;
    *slot = n;
    return n;
}

static bool child_find(const struct vfs_node *dir, struct str name, size_t *at)
{
    size_t lo = 0, hi = dir->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(str_c(dir->children[mid].name), name);
        if (c == 0)
            return *at = mid, true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return *at = lo, false;
}

static void child_insert(struct vfs_node *dir, size_t at, struct str name, struct vfs_node *node)
{
    if (dir->count == dir->cap) {
        dir->cap = dir->cap ? dir->cap * 2 : 4;
        dir->children = xrealloc(dir->children, dir->cap * sizeof *dir->children);
    }
    memmove(dir->children + at + 1, dir->children + at, (dir->count - at) * sizeof *dir->children);
    char *copy = xmalloc(name.n + 1);
    memcpy(copy, name.p, name.n);
    copy[name.n] = 0;
    dir->children[at] = (struct vfs_child){ copy, node };
    dir->count++;
}

static void child_drop(struct vfs_node *dir, size_t at)
{
    node_unref(dir->children[at].node);
    free(dir->children[at].name);
    dir->count--;
    memmove(dir->children + at, dir->children + at + 1, (dir->count - at) * sizeof *dir->children);
}

static void node_measure(const struct vfs_node *n, size_t *bytes, size_t *nodes)
{
    *bytes += n->size;
    ++*nodes;
    for (size_t i = 0; i < n->count; i++)
        node_measure(n->children[i].node, bytes, nodes);
}

/* ---- paths ---- */
struct vfs_path { struct str part[VFS_DEPTH]; size_t count; };

/* Splits into names, "." and ".." resolved; false past the limits. */
static bool path_split(const char *path, struct vfs_path *out)
{
    struct str rest = str_c(path);
    out->count = 0;
    if (rest.n > VFS_PATH_BYTES)
        return false;
    while (rest.p) {
        struct str part = str_token(&rest, '/');
        if (part.n == 0 || str_eqc(part, "."))
            continue;
        if (str_eqc(part, "..")) {
            out->count -= out->count > 0;
            continue;
        }
        if (part.n > 255 || out->count == VFS_DEPTH)
            return false;
        out->part[out->count++] = part;
    }
    return true;
}

char *vfs_normalize(struct arena *a, const char *base, const char *path)
{
    struct vfs_path p;
    const char *full = path[0] == '/' ? path : arena_printf(a, "%s/%s", base, path);
    if (!path_split(full, &p))
        return NULL;
    char *out = arena_alloc(a, strlen(full) + 2), *at = out;
    *at++ = '/';
    for (size_t i = 0; i < p.count; i++) {
        if (i)
            *at++ = '/';
        memcpy(at, p.part[i].p, p.part[i].n);
        at += p.part[i].n;
    }
    *at = 0;
    return out;
}

static const struct vfs_node *cross(const struct vfs_node *n)
{
    for (int depth = 0; n->mount && depth < VFS_DEPTH; depth++)
        n = n->mount->root;
    return n;
}

static const struct vfs_node *look(const struct vfs *v, const char *path)
{
    struct vfs_path p;
    if (!path_split(path, &p))
        return NULL;
    const struct vfs_node *n = cross(v->root);
    for (size_t i = 0; i < p.count; i++) {
        size_t at;
        if (!n->is_dir || !child_find(n, p.part[i], &at))
            return NULL;
        n = cross(n->children[at].node);
    }
    return n;
}

/* The writable walk: v, the folder that holds the last name of p, owned. Mounts on the way change *v. NULL: a parent is
 * a file, is read-only, or is missing and make_parents is not set, or there are too many. */
static struct vfs_node *own_parent(struct vfs **v, const struct vfs_path *p, bool make_parents, int64_t mtime_ns)
{
    struct vfs_node **slot = &(*v)->root;
    for (size_t i = 0;; i++) {
        if ((*slot)->mount) {
            if ((*slot)->mount_read_only)
                return NULL;
            *v = (*slot)->mount;
            slot = &(*v)->root;
        }
        if (!(*slot)->is_dir)
            return NULL;
        struct vfs_node *dir = node_own(slot);
        if (i + 1 >= p->count)
            return dir;
        size_t at;
        if (!child_find(dir, p->part[i], &at)) {
            if (!make_parents || (*v)->nodes >= VFS_NODES)
                return NULL;
            child_insert(dir, at, p->part[i], node_make(true, 0755, mtime_ns ? mtime_ns : dir->mtime_ns));
            (*v)->nodes++;
        }
        slot = &dir->children[at].node;
    }
}

/* ---- life ---- */
struct vfs *vfs_new(void)
{
    struct vfs *v = NEW(struct vfs);
    v->refs = 1;
    v->nodes = 1;
    v->root = node_make(true, 0755, 0);
    return v;
}

struct vfs *vfs_layered(struct vfs *lower)
{
    struct vfs *v = NEW(struct vfs);
    *v = *lower;
    v->refs = 1;
    v->root->refs++;
    return v;
}

struct vfs *vfs_ref(struct vfs *v)
{
    v->refs++;
    return v;
}

void vfs_free(struct vfs *v)
{
    if (!v || --v->refs > 0)
        return;
    node_unref(v->root);
    free(v);
}

/* ---- writing ---- */
bool vfs_put(struct vfs *v, const char *path, struct str bytes, unsigned mode, int64_t mtime_ns)
{
    struct vfs_path p;
    size_t at;
    if (!path_split(path, &p) || p.count == 0)
        return false;
    struct vfs_node *dir = own_parent(&v, &p, true, mtime_ns);
    if (!dir)
        return false;
    bool there = child_find(dir, p.part[p.count - 1], &at);
    const struct vfs_node *old = there ? dir->children[at].node : NULL;
    size_t old_size = old ? old->size : 0;
    if ((old && old->is_dir) || bytes.n > VFS_BYTES || v->bytes - old_size + bytes.n > VFS_BYTES ||
        (!old && v->nodes >= VFS_NODES))
        return false;
    struct vfs_node *n = node_make(false, mode, mtime_ns);      /* copied before the old one goes: bytes may be its own */
    n->bytes = xmalloc(bytes.n + 1);
    if (bytes.n)
        memcpy(n->bytes, bytes.p, bytes.n);
    n->bytes[bytes.n] = 0;
    n->size = bytes.n;
    v->bytes += bytes.n - old_size;
    if (there) {
        node_unref(dir->children[at].node);
        dir->children[at].node = n;
    } else {
        child_insert(dir, at, p.part[p.count - 1], n);
        v->nodes++;
        dir->mtime_ns = mtime_ns;
    }
    return true;
}

bool vfs_mkdir(struct vfs *v, const char *path, unsigned mode)
{
    struct vfs_path p;
    size_t at;
    const struct vfs_node *there = look(v, path);
    if (there)
        return there->is_dir;
    if (!path_split(path, &p))
        return false;
    struct vfs_node *dir = own_parent(&v, &p, true, 0);
    if (!dir || v->nodes >= VFS_NODES)
        return false;
    ASSERT(!child_find(dir, p.part[p.count - 1], &at));
    child_insert(dir, at, p.part[p.count - 1], node_make(true, mode, dir->mtime_ns));
    v->nodes++;
    return true;
}

bool vfs_chmod(struct vfs *v, const char *path, unsigned mode)
{
    struct vfs_path p;
    size_t at;
    if (!path_split(path, &p))
        return false;
    struct vfs_node *dir = own_parent(&v, &p, false, 0);
    if (!dir)
        return false;
    if (p.count == 0)
        dir->mode = mode & 07777;
    else if (!child_find(dir, p.part[p.count - 1], &at))
        return false;
    else
        node_own(&dir->children[at].node)->mode = mode & 07777;
    return true;
}

bool vfs_remove(struct vfs *v, const char *path)
{
    struct vfs_path p;
    size_t at, bytes = 0, nodes = 0;
    if (!path_split(path, &p) || p.count == 0)
        return false;
    struct vfs_node *dir = own_parent(&v, &p, false, 0);
    if (!dir || !child_find(dir, p.part[p.count - 1], &at) || dir->children[at].node->mount)
        return false;
    node_measure(dir->children[at].node, &bytes, &nodes);
    v->bytes -= bytes;
    v->nodes -= nodes;
    child_drop(dir, at);
    return true;
}

void vfs_mount(struct vfs *v, const char *path, struct vfs *fs, bool read_only)
{
    struct vfs_path p;
    size_t at;
    ASSERT(fs != v);
    if (!vfs_mkdir(v, path, 0755) || !path_split(path, &p) || p.count == 0)
        return;                                    /* over a file, or past the limits: nothing is mounted and vfs_stat tells */
    struct vfs_node *dir = own_parent(&v, &p, false, 0);
    if (!dir || fs == v || !child_find(dir, p.part[p.count - 1], &at))
        return;
    struct vfs_node *n = node_own(&dir->children[at].node);
    struct vfs *before = n->mount;
    n->mount = vfs_ref(fs);
    n->mount_read_only = read_only;
    vfs_free(before);
}

/* ---- reading ---- */
bool vfs_read(const struct vfs *v, const char *path, struct str *bytes)
{
    const struct vfs_node *n = look(v, path);
    if (!n || n->is_dir)
        return false;
    *bytes = (struct str){ n->bytes, n->size };
    return true;
}

static struct vfs_stat node_stat(const struct vfs_node *n)
{
    return (struct vfs_stat){ n->is_dir, n->size, n->mode, n->mtime_ns };
}

bool vfs_stat(const struct vfs *v, const char *path, struct vfs_stat *out)
{
    const struct vfs_node *n = look(v, path);
    if (n && out)
        *out = node_stat(n);
    return n != NULL;
}

bool vfs_next(const struct vfs *v, const char *dir, size_t *cursor, struct str *name)
{
    const struct vfs_node *n = look(v, dir);
    if (!n || !n->is_dir || *cursor >= n->count)
        return false;
    *name = str_c(n->children[(*cursor)++].name);
    return true;
}

struct visit { void (*fn)(void *ctx, struct str path, struct str bytes, const struct vfs_stat *st); void *ctx; };

static void visit_below(const struct vfs_node *dir, struct strbuf *path, const struct visit *v, int depth)
{
    for (size_t i = 0; i < dir->count && depth < 2 * VFS_DEPTH; i++) {
        const struct vfs_node *n = cross(dir->children[i].node);
        size_t before = path->n;
        strbuf_addch(path, '/');
        strbuf_addc(path, dir->children[i].name);
        struct vfs_stat st = node_stat(n);
        v->fn(v->ctx, strbuf_str(path), (struct str){ n->bytes, n->size }, &st);
        if (n->is_dir)
            visit_below(n, path, v, depth + 1);
        path->n = before;
        path->p[before] = 0;
    }
}

void vfs_each(const struct vfs *v, void (*fn)(void *ctx, struct str path, struct str bytes, const struct vfs_stat *st), void *ctx)
{
    struct strbuf path;
    struct visit visit = { fn, ctx };
    strbuf_init(&path, 1 << 20);
    visit_below(cross(v->root), &path, &visit, 0);
    strbuf_deinit(&path);
}
