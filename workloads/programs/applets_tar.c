/* workloads/programs/applets_tar.c - busybox's tar (archival/tar.c): files into one stream and out of it again. kubectl cp runs it.
 *
 * An archive is made and read as a whole, in memory; what comes by stdin may come in pieces. As busybox's it takes names out of the
 * member's header (GNU's long names too) and skips pax headers. Simplified: everything belongs to root, times of extracted files are
 * those of their extraction (-m, always), no links and no devices.
 */
#include "sim/base/archive.h"
#include "workloads/programs/applets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { TAR_CREATE = 1, TAR_EXTRACT = 2, TAR_LIST = 4, TAR_FILE_OPTION = 8, TAR_DIR_OPTION = 16, TAR_VERBOSE = 32, TAR_GZIP = 64,
       TAR_STDOUT = 128, TAR_DEPTH = 50, TAR_PATH = 1024 };
static const char letters[] = "cxtf:C:vzOmpokhP";

struct tar_run {
    uint32_t    flags;
    const char *file, *dir;
    char      **names; size_t name_count;          /* the operands */
    bool       *found;                             /* of each operand */
    bool        stripped;                          /* a member's name was told to be cut */
    struct strbuf *archive;
};

/* ---- arguments ---- */
/* "xf -" is "-xf -", and long options that change nothing here go. */
static void plain_arguments(struct run *r)
{
    static const char *const ignored[] = { "--no-same-owner", "--no-same-permissions", "--same-permissions", "--numeric-owner",
                                           "--preserve-permissions", "--touch", "--overwrite" };
    char **argv = arena_alloc(r->arena, ((size_t)r->argc + 1) * sizeof *argv);
    int n = 0;
    for (int i = 0; i < r->argc; i++) {
        bool ignore = false;
        for (size_t k = 0; i > 0 && k < ARRAY_LEN(ignored); k++)
            ignore = ignore || strcmp(r->argv[i], ignored[k]) == 0;
        if (ignore)
            continue;
        argv[n] = n == 1 && r->argv[i][0] != '-' ? arena_printf(r->arena, "-%s", r->argv[i]) : r->argv[i];
        n++;
    }
    argv[n] = NULL;
    r->argv = argv;
    r->argc = n;
}

static bool begin(struct run *r, struct tar_run *t)
{
    const char *values[32] = { 0 };
    plain_arguments(r);
    int first = applet_options(r, letters, &t->flags, values);
    if (first < 0)
        return false;
    uint32_t what = t->flags & (TAR_CREATE | TAR_EXTRACT | TAR_LIST);
    if (what != TAR_CREATE && what != TAR_EXTRACT && what != TAR_LIST) {
        ERR(r, "Usage: tar %s\n", r->applet->usage);
        r->status = 1;
        return false;
    }
    t->file = t->flags & TAR_FILE_OPTION ? values[3] : "-";
    t->dir = t->flags & TAR_DIR_OPTION ? values[4] : ".";
    t->names = r->argv + first;
    t->name_count = (size_t)(r->argc - first);
    t->found = arena_zalloc(r->arena, (t->name_count + 1) * sizeof *t->found);
    t->archive = applet_buffer(r);
    struct sh_stat st;
    char path[TAR_PATH];
    sh_path(r->p, t->dir, path);
    int e = strcmp(path, "/") == 0 ? 0 : r->p->sh->ops->vfs.stat(r->p->sh->ctx, path, &st);
    if (e == 0 && strcmp(path, "/") != 0 && st.kind != SH_FILE_DIR)
        e = ENOTDIR;
    if (e)
        applet_fail(r, "can't change directory to '%s': %s", t->dir, sh_strerror(e));
    return e == 0;
}

/* Where a member lies: below -C, unless it is absolute. */
static char *place(struct run *r, const struct tar_run *t, const char *name, char path[TAR_PATH])
{
    char joined[2 * TAR_PATH];
    snprintf(joined, sizeof joined, "%s/%s", t->dir, name);
    return sh_path(r->p, name[0] == '/' ? name : joined, path);
}

/* A member's name without what would lead out of the folder: a slash in front, and all up to the last "..". */
static const char *safe_name(struct run *r, struct tar_run *t, const char *name)
{
    const char *rest = name;
    for (const char *c = name; *c; c++)
        if ((c == name || c[-1] == '/') && c[0] == '.' && c[1] == '.' && (c[2] == '/' || !c[2]))
            rest = c + 2;
    while (*rest == '/')
        rest++;
    if (rest != name && !t->stripped) {
        ERR(r, "tar: removing leading '%.*s' from member names\n", (int)(rest - name), name);
        t->stripped = true;
    }
    return rest;
}

static void complain(struct run *r, const char *name, int e)
{
    ERR(r, "tar: %s: %s\n", name, sh_strerror(e));
    r->status = 1;
}

/* ---- c ---- */
static void add_member(struct run *r, struct tar_run *t, const char *name, const struct sh_stat *st, struct str bytes)
{
    struct tar_entry e = { .type = st->kind == SH_FILE_DIR ? TAR_DIR : TAR_FILE, .mode = st->mode & 07777,
                           .mtime_s = st->mtime_ns > 0 ? st->mtime_ns / (int64_t)NS_PER_S : 0, .bytes = bytes };
    if (!e.mode)
        e.mode = e.type == TAR_DIR ? 0755 : 0644;
    size_t n = strlen(name);
    if (n > TAR_NAME_BYTES) {                      /* GNU's way: a member of its own holds the name */
        struct tar_entry l = { .name = "././@LongLink", .type = TAR_LONG_NAME, .bytes = { name, n + 1 } };
        tar_add(t->archive, &l);
    }
    snprintf(e.name, TAR_NAME_BYTES + 1, "%s", name);
    tar_add(t->archive, &e);
    if (t->flags & TAR_VERBOSE)                    /* the archive itself may be on stdout */
        sh_proc_printf(r->p, strcmp(t->file, "-") == 0 ? 2 : 1, "%s\n", name);
}

static void collect(void *ctx, const char *name) { sh_fields_add(ctx, name, strlen(name)); }

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void add_tree(struct run *r, struct tar_run *t, const char *name, unsigned depth)
{
    struct sh *s = r->p->sh;
    struct sh_stat st = { .kind = SH_FILE_DIR };
    char path[TAR_PATH];
    struct str bytes = STR_NULL;
    place(r, t, name, path);
    int e = strcmp(path, "/") == 0 ? 0 : s->ops->vfs.stat(s->ctx, path, &st);
    if (e == 0 && st.kind == SH_FILE_REGULAR)
        e = s->ops->vfs.read(s->ctx, path, r->arena, &bytes);
    if (e) {
        complain(r, name, e);
        return;
    }
    if (st.kind == SH_FILE_DEVICE || depth > TAR_DEPTH)
        return;
    const char *member = safe_name(r, t, name);
    bool dir = st.kind == SH_FILE_DIR, slash = *name && name[strlen(name) - 1] == '/';
    if (*member)
        add_member(r, t, dir && member[strlen(member) - 1] != '/' ? arena_printf(r->arena, "%s/", member) : member, &st, bytes);
    struct fields names = { 0 };
    if (dir)
        s->ops->vfs.list(s->ctx, path, collect, &names);
    if (names.n)
        qsort(names.v, names.n, sizeof *names.v, by_text);
    for (size_t i = 0; i < names.n; i++)
        add_tree(r, t, arena_printf(r->arena, "%s%s%s", name, slash ? "" : "/", names.v[i]), depth + 1);
    sh_fields_deinit(&names);
}

static enum verdict create(struct run *r, struct tar_run *t)
{
    if (!t->name_count)
        return applet_fail(r, "empty archive");
    for (size_t i = 0; i < t->name_count; i++)
        add_tree(r, t, t->names[i], 0);
    tar_end(t->archive);
    if (t->archive->overflow)
        return applet_fail(r, "write error: No space left on device");
    struct str out = strbuf_str(t->archive);
    if (t->flags & TAR_GZIP)
        out = gzip_pack(r->arena, out, 6);
    r->p->debt_ns += out.n * SH_NS_PER_KIB / 1024;
    if (strcmp(t->file, "-") == 0) {
        sh_proc_write(r->p, 1, out);
    } else {
        char path[TAR_PATH];
        int e = r->p->sh->ops->vfs.write(r->p->sh->ctx, sh_path(r->p, t->file, path), out, false);
        if (e)
            return applet_fail(r, "can't open '%s': %s", t->file, sh_strerror(e));
    }
    if (r->status)
        ERR(r, "tar: error exit delayed from previous errors\n");
    return run_done(r, r->status);
}

/* ---- x and t ---- */
static bool wanted(struct tar_run *t, const char *name)
{
    bool want = !t->name_count;
    for (size_t i = 0; i < t->name_count; i++) {
        size_t n = strlen(t->names[i]);
        while (n && t->names[i][n - 1] == '/')
            n--;
        if (strncmp(name, t->names[i], n) == 0 && (!name[n] || name[n] == '/'))
            want = t->found[i] = true;
    }
    return want;
}

static void tell(struct run *r, const struct tar_run *t, const struct tar_entry *e, const char *name)
{
    char mode[] = "-rwxrwxrwx";
    int y, mo, d, h, mi, s, w;
    mode[0] = e->type == TAR_DIR ? 'd' : '-';
    for (int i = 0; i < 9; i++)
        if (!(e->mode >> (8 - i) & 1))
            mode[1 + i] = '-';
    time_civil(e->mtime_s, &y, &mo, &d, &h, &mi, &s, &w);
    if (t->flags & TAR_LIST && t->flags & TAR_VERBOSE)
        OUT(r, "%s root/root %9zu %04d-%02d-%02d %02d:%02d:%02d ", mode, e->bytes.n, y, mo, d, h, mi, s);
    if (t->flags & (TAR_LIST | TAR_VERBOSE))
        OUT(r, "%s\n", name);
}

static void make_parents(struct run *r, char *path)
{
    for (char *c = path + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        r->p->sh->ops->vfs.mkdir(r->p->sh->ctx, path);
        *c = '/';
    }
}

static bool extract_member(struct run *r, struct tar_run *t, const struct tar_entry *e, const char *name)
{
    struct sh *s = r->p->sh;
    char path[TAR_PATH];
    int error;
    if (t->flags & TAR_STDOUT) {
        sh_proc_write(r->p, 1, e->bytes);
        return true;
    }
    place(r, t, name, path);
    make_parents(r, path);
    if (e->type == TAR_DIR) {
        error = strcmp(path, "/") == 0 ? EEXIST : s->ops->vfs.mkdir(s->ctx, path);
        if (error && error != EEXIST)
            applet_fail(r, "can't make dir %s: %s", name, sh_strerror(error));
        return !error || error == EEXIST;
    }
    error = s->ops->vfs.write(s->ctx, path, e->bytes, false);
    if (error)
        applet_fail(r, "can't open '%s': %s", name, sh_strerror(error));
    else if (s->ops->vfs.chmod)
        s->ops->vfs.chmod(s->ctx, path, e->mode);
    return !error;
}

static enum verdict read_members(struct run *r, struct tar_run *t, struct str rest)
{
    struct tar_entry e;
    const char *why, *longer = NULL;
    if (!rest.n)
        return applet_fail(r, "short read");
    while (tar_next(&rest, &e, &why)) {
        if (e.type == TAR_LONG_NAME) {
            longer = arena_cstr(r->arena, tar_long_name(&e));
            continue;
        }
        if (e.type == 'x' || e.type == 'g')        /* pax: not in busybox's */
            continue;
        const char *name = safe_name(r, t, longer ? longer : e.name);
        longer = NULL;
        if (!*name || (e.type != TAR_FILE && e.type != TAR_DIR) || !wanted(t, name))
            continue;
        tell(r, t, &e, name);
        if (t->flags & TAR_EXTRACT && !extract_member(r, t, &e, name))
            return RUN_DONE;
    }
    if (why)
        return applet_fail(r, strstr(why, "header") ? "invalid tar magic" : "short read");
    for (size_t i = 0; i < t->name_count; i++)
        if (!t->found[i])
            return applet_fail(r, "%s: not found in archive", t->names[i]);
    return run_done(r, 0);
}

static enum verdict unpack(struct run *r, struct tar_run *t)
{
    struct str bytes = strbuf_str(t->archive);
    struct err err = { 0 };
    if (t->archive->overflow)
        return applet_fail(r, "out of memory");
    if (t->flags & TAR_GZIP && !gzip_unpack(r->arena, bytes, LIMIT_RESPONSE_BYTES, &bytes, &err)) {
        err_clear(&err);
        return applet_fail(r, "invalid gzip magic");
    }
    r->p->debt_ns += bytes.n * SH_NS_PER_KIB / 1024;
    return read_members(r, t, bytes);
}

/* Called again with each piece of the input. */
static enum verdict do_tar(struct run *r)
{
    struct tar_run *t = STATE(r, struct tar_run);
    if (r->phase == 0) {
        r->status = 0;
        if (!begin(r, t))
            return RUN_DONE;
        if (t->flags & TAR_CREATE)
            return create(r, t);
        r->phase = 1;
        char **file = arena_alloc(r->arena, 2 * sizeof *file);
        file[0] = arena_strdup(r->arena, t->file);
        r->inputs = file;
        r->input_count = 1;
    }
    enum read_result got = applet_some(r, t->archive);
    if (got != READ_EOF)
        return got == READ_WAIT ? RUN_WAIT : RUN_AGAIN;
    return r->status ? RUN_DONE : unpack(r, t);
}

const struct applet sh_tar_applets[] = {
    { "tar", do_tar, false, 120, "c|x|t [-zvOmpk] [-f TARFILE] [-C DIR] [FILE]..." },
    { 0 },
};
