/* sim/proc/build_copy.c - ADD and COPY: files from the build's context, or from another stage, into the image.
 *
 * Models dockerd builder/dockerfile/copy.go: patterns as Go's filepath.Match, a folder means what is in it, a
 * destination that ends in '/' or is a folder takes the files under their names, modes and times are kept. Simplified:
 * files have no owners, so --chown is checked against the image's /etc/passwd and has no further effect; ADD neither
 * fetches URLs nor unpacks archives, and says so.
 */
#include "sim/proc/build_priv.h"
#include "sim/pki/pki.h"

/* ---- patterns ---- */
static bool match_class(const char **pattern, char c)
{
    const char *p = *pattern + 1;
    bool negate = *p == '^', hit = false;
    p += negate;
    for (bool first = true; *p && (*p != ']' || first); first = false) {
        char lo = *p++, hi = lo;
        if (p[0] == '-' && p[1] && p[1] != ']') {
            hi = p[1];
            p += 2;
        }
        hit = hit || (c >= lo && c <= hi);
    }
    *pattern = *p ? p + 1 : p;
    return hit != negate;
}

static bool match_name(const char *pattern, const char *name)
{
    const char *star = NULL, *again = NULL;
    for (;;) {
        const char *p = pattern;
        if (*p == '*') {
            star = ++pattern;
            again = name;
            continue;
        }
        if (!*name && !*p)
            return true;
        bool hit = *name && *p &&
                   (*p == '?'   ? (pattern++, true)
                    : *p == '[' ? match_class(&pattern, *name)
                                : (pattern += 1 + (*p == '\\' && p[1]), *name == (*p == '\\' && p[1] ? p[1] : *p)));
        if (hit) {
            name++;
            continue;
        }
        if (!star || !*again)
            return false;
        pattern = star;
        name = ++again;
    }
}

static bool is_pattern(const char *s)
{
    return strpbrk(s, "*?[") != NULL;
}

static void glob_below(struct arena *a, const struct vfs *v, const char *dir, struct str rest, struct json *out)
{
    struct str part, name;
    str_cut(rest, '/', &part, &rest);
    const char *pattern = arena_cstr(a, part);
    if (!is_pattern(pattern)) {
        const char *path = arena_printf(a, "%s/%s", dir, pattern);
        if (rest.n)
            glob_below(a, v, path, rest, out);
        else if (vfs_stat(v, path, NULL))
            json_append(out, json_new_strc(a, path));
        return;
    }
    size_t cursor = 0;
    while (vfs_next(v, dir[0] ? dir : "/", &cursor, &name)) {
        const char *path = arena_printf(a, "%s/" STR_FMT, dir, STR_ARG(name));
        if ((name.p[0] == '.' && pattern[0] != '.') || !match_name(pattern, name.p))
            continue;
        if (rest.n)
            glob_below(a, v, path, rest, out);
        else
            json_append(out, json_new_strc(a, path));
    }
}

struct json *build_glob(struct arena *a, const struct vfs *v, const char *pattern)
{
    struct json *out = json_new_array(a);
    glob_below(a, v, "", str_c(pattern + (pattern[0] == '/')), out);
    return out;
}

/* ---- owners ---- */
bool build_user_known(struct arena *a, const struct vfs *files, struct str user, struct err *err)
{
    struct str passwd = STR_NULL, name;
    int64_t number;
    (void)a;
    str_cut(user, ':', &name, &user);
    if (name.n == 0 || str_int(name, &number))
        return true;
    vfs_read(files, "/etc/passwd", &passwd);
    while (passwd.p) {
        struct str line = str_token(&passwd, '\n'), login, more;
        if (str_cut(line, ':', &login, &more) && str_eq(login, name))
            return true;
    }
    return err_set(err, ERR_NOT_FOUND,
                   "unable to convert uid/gid chown string to host mapping: can't find uid for user " STR_FMT
                   ": no such user: " STR_FMT,
                   STR_ARG(name), STR_ARG(name));
}

/* ---- copying ---- */
static bool copy_file(struct arena *a, struct build_copy *c, const char *from, const char *to, struct err *err)
{
    struct str bytes = STR_NULL;
    struct vfs_stat st = { 0 };
    if (!vfs_stat(c->from, from, &st) || !vfs_read(c->from, from, &bytes))
        return true;                               /* a device or a mount: nothing to copy */
    strbuf_addf(&c->content, "%s %o " STR_FMT "\n", to, st.mode, STR_ARG(sha256_hex(a, bytes)));
    c->bytes += (int64_t)bytes.n;
    return vfs_put(c->to, to, bytes, st.mode, st.mtime_ns) ||
           err_set(err, ERR_TOO_LARGE, "%s failed: failed to copy files: copy file range failed: %s", c->what,
                   "no space left on device");
}

static bool copy_tree(struct arena *a, struct build_copy *c, const char *from, const char *to, int depth, struct err *err)
{
    struct vfs_stat st = { 0 };
    struct str name;
    size_t cursor = 0;
    vfs_stat(c->from, from, &st);
    if (!st.is_dir)
        return copy_file(a, c, from, to, err);
    strbuf_addf(&c->content, "%s/ %o\n", to, st.mode);
    if (!vfs_mkdir(c->to, to, depth ? st.mode : 0755) || depth > VFS_DEPTH)
        return err_set(err, ERR_CONFLICT, "%s failed: failed to copy files: cannot copy to non-directory: %s", c->what, to);
    while (vfs_next(c->from, from, &cursor, &name))
        if (!copy_tree(a, c, arena_printf(a, "%s/" STR_FMT, from, STR_ARG(name)),
                       arena_printf(a, "%s/" STR_FMT, to, STR_ARG(name)), depth + 1, err))
            return false;
    return true;
}

/* The sources as absolute paths of c->from. */
static bool find_sources(struct arena *a, struct build_copy *c, struct json *out, struct err *err)
{
    for (size_t i = 0; i + 1 < c->argc; i++) {
        const char *source = c->args[i], *path = vfs_normalize(a, "/", source);
        if (str_starts(str_c(source), "http://") || str_starts(str_c(source), "https://") || str_starts(str_c(source), "git://"))
            return err_set(err, ERR_BAD_REQUEST,
                           "%s failed: %s: sources outside of the build context are not supported here", c->what, source);
        if (strcmp(c->what, "ADD") == 0 && (str_ends(str_c(source), ".tar") || str_ends(str_c(source), ".tar.gz") ||
                                            str_ends(str_c(source), ".tgz") || str_ends(str_c(source), ".tar.xz")))
            return err_set(err, ERR_BAD_REQUEST, "%s failed: %s: unpacking archives is not supported here, use COPY",
                           c->what, source);
        if (!path || (c->from_context && (strncmp(source, "../", 3) == 0 || strcmp(source, "..") == 0)))
            return err_set(err, ERR_BAD_REQUEST, "%s failed: Forbidden path outside the build context: %s ()", c->what, source);
        if (!is_pattern(path) && !vfs_stat(c->from, path, NULL))
            return c->from_context
                       ? err_set(err, ERR_NOT_FOUND,
                                 "%s failed: stat /var/lib/docker/tmp/docker-builder%" PRIu64
                                 "%s: no such file or directory",
                                 c->what, c->scratch, path)
                       : err_set(err, ERR_NOT_FOUND, "%s failed: stat %s: no such file or directory", c->what, path);
        struct json *found = is_pattern(path) ? build_glob(a, c->from, path) : NULL;
        for (const struct json *f = json_first(found); f; f = json_next(f))
            json_append(out, json_new_str(a, json_str(f)));
        if (!found)
            json_append(out, json_new_strc(a, path));
    }
    if (json_len(out) == 0)
        return err_set(err, ERR_NOT_FOUND, "%s failed: no source files were specified", c->what);
    return true;
}

bool build_copy(struct arena *a, struct build_copy *c, struct err *err)
{
    struct json *sources = json_new_array(a);
    const char *given = c->args[c->argc - 1], *to = vfs_normalize(a, c->workdir, given);
    struct vfs_stat st = { 0 }, target = { 0 };
    if (!to)
        return err_set(err, ERR_BAD_REQUEST, "%s failed: file name too long", c->what);
    if (c->chown && !build_user_known(a, c->to, str_c(c->chown), err))
        return false;
    if (!find_sources(a, c, sources, err))
        return false;
    bool into = str_ends(str_c(given), "/") || str_ends(str_c(given), "/.") || strcmp(given, ".") == 0;
    if (json_len(sources) > 1 && !into)
        return err_set(err, ERR_BAD_REQUEST,
                       "When using %s with more than one source file, the destination must be a directory and end with a /",
                       c->what);
    into = into || (vfs_stat(c->to, to, &target) && target.is_dir);
    strbuf_addf(&c->content, "chown %s\n", c->chown ? c->chown : "");
    for (const struct json *s = json_first(sources); s; s = json_next(s)) {
        const char *from = arena_cstr(a, json_str(s));
        vfs_stat(c->from, from, &st);
        bool ok = st.is_dir ? copy_tree(a, c, from, to, 0, err)
                            : copy_file(a, c, from, into ? arena_printf(a, "%s/%s", to, path_base(from)) : to, err);
        if (!ok)
            return false;
    }
    return true;
}
