/* labs/submission.c - what was handed in, made safe to look at: a copy of its regular files within limits, and the manifests in
 * it, read in kubectl's order.
 *
 * Whoever hands in chooses names, links and sizes. So every step of the way is opened without following links, only regular files
 * are read, and there is a limit to each number. What is merely useless (a link, a README.yaml that holds no object) is a problem
 * that the report tells; what is beyond the limits breaks the submission.
 */
#include "labs/grade.h"
#include "labs/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 1000, MAX_BYTES = 16 * 1024 * 1024, MAX_DEPTH = 12, MAX_OBJECTS = 500, MAX_PROBLEMS = 200, MAX_NAME = 200 };

struct taker {
    struct arena *a;
    struct submission *s;
    struct err *err;
    size_t files, bytes;
    int    context_depth;              /* of s->context; -1: none yet */
};

/* False, always: for `return problem(...)` where a file is left out. */
PRINTF(3, 4) static bool problem(struct taker *t, const char *source, const char *fmt, ...)
{
    char what[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (json_len(t->s->problems) < MAX_PROBLEMS)
        json_append(t->s->problems, json_buildf(t->a, "{'source':%s,'message':%s}", source, what));
    return false;
}

/* ---- manifests ---- */
static bool ends_as_manifest(const char *name)
{
    struct str s = str_c(name);
    return str_ends(s, ".yaml") || str_ends(s, ".yml") || str_ends(s, ".json");
}

/* What is the grader's business: the events that tell what happened, and the objects that lead the simulation. */
static const char *forbidden(const struct json *o)
{
    struct str group = json_get_str(o, "apiVersion");
    if (str_starts(group, "lab.kubelab.dev/"))
        return "objects of lab.kubelab.dev are no part of a submission";
    return str_eqc(json_get_str(o, "kind"), "Event") ? "events are what happens, and no part of a submission" : NULL;
}

static bool take_object(struct taker *t, const char *source, const struct json *o)
{
    const struct json *items = json_get(o, "items");
    if (json_is(items, JSON_ARRAY) && str_ends(json_get_str(o, "kind"), "List")) {
        for (const struct json *c = json_first(items); c; c = json_next(c))
            if (!take_object(t, source, c))
                return false;
        return true;
    }
    if (!json_get_str(o, "apiVersion").n || !json_get_str(o, "kind").n || !json_path_str(o, "metadata.name").n)
        return problem(t, source, "this is no manifest: an object needs apiVersion, kind and metadata.name"), true;
    if (forbidden(o))
        return problem(t, source, STR_FMT " " STR_FMT ": %s", STR_ARG(json_get_str(o, "kind")),
                       STR_ARG(json_path_str(o, "metadata.name")), forbidden(o)), true;
    if (json_len(t->s->objects) >= MAX_OBJECTS)
        return err_set(t->err, ERR_TOO_LARGE, "the submission has more than %d objects", MAX_OBJECTS);
    json_append(t->s->objects, json_buildf(t->a, "{'source':%s,'object':%j}", source, json_copy(t->a, o)));
    return true;
}

static bool take_manifests(struct taker *t, const char *source, struct str text)
{
    struct err e = { 0 };
    struct json *docs = NULL;
    bool ok = true;
    if (!yaml_parse_all(t->a, text, &docs, &e))
        problem(t, source, "%s", e.msg);
    err_clear(&e);
    for (const struct json *d = json_first(docs); d && ok; d = json_next(d))
        ok = take_object(t, source, d);
    return ok;
}

/* ---- files ---- */
static bool read_fd(struct taker *t, int fd, const char *source, struct str *out)
{
    struct strbuf b;
    char chunk[16 * 1024];
    ssize_t n;
    strbuf_init(&b, MAX_BYTES - t->bytes);
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            strbuf_add(&b, (struct str){ chunk, (size_t)n });
    bool fits = !b.overflow;
    *out = arena_str(t->a, strbuf_str(&b));
    t->bytes += b.n;
    strbuf_deinit(&b);
    if (n < 0)
        return problem(t, source, "it cannot be read: %s", strerror(errno));
    return fits || err_set(t->err, ERR_TOO_LARGE, "the submission is larger than %d MB", MAX_BYTES >> 20);
}

static const char *folder_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return arena_cstr(a, (struct str){ path, (size_t)(slash - path) });
}

/* fd: of a regular file. source: its path within the submission; to: of its copy. */
static bool take_file(struct taker *t, int fd, const char *source, const char *to, int depth, bool alone)
{
    struct str text;
    if (++t->files > MAX_FILES)
        return err_set(t->err, ERR_TOO_LARGE, "the submission has more than %d files", MAX_FILES);
    if (!read_fd(t, fd, source, &text))
        return t->err->code == ERR_NONE;
    if (!file_write(to, text, 0644, t->err))
        return false;
    if (strcmp(path_base(source), "Dockerfile") == 0 && (t->context_depth < 0 || depth < t->context_depth)) {
        t->s->context = folder_of(t->a, to);
        t->context_depth = depth;
    }
    if (alone && (str_ends(str_c(source), ".sh") || str_starts(text, "#!"))) {
        t->s->script = source;
        return true;
    }
    return !(alone || ends_as_manifest(source)) || take_manifests(t, source, text);
}

/* Hidden files and what archivers and editors leave are nobody's manifests. */
static int is_taken(const struct dirent *e)
{
    struct str name = str_c(e->d_name);
    return strcmp(e->d_name, ".dockerignore") == 0 ||
           (!str_starts(name, ".") && strcmp(e->d_name, "__MACOSX") != 0 && !str_ends(name, "~"));
}

static bool take_folder(struct taker *t, int dir, const char *prefix, const char *to, int depth);

static bool take_entry(struct taker *t, int dir, const char *name, const char *prefix, const char *to, int depth)
{
    const char *source = arena_printf(t->a, "%s%s", prefix, name), *copy = arena_printf(t->a, "%s/%s", to, name);
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return problem(t, source, "%s", strerror(errno)), true;
    if (strlen(name) > MAX_NAME)
        return problem(t, source, "its name is longer than %d bytes", MAX_NAME), true;
    if (S_ISLNK(st.st_mode))
        return problem(t, source, "it is a link: links are not followed"), true;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return problem(t, source, "it is neither a file nor a folder"), true;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
    if (fd < 0)
        return problem(t, source, "it cannot be read: %s", strerror(errno)), true;
    bool ok = S_ISDIR(st.st_mode) ? take_folder(t, fd, arena_printf(t->a, "%s/", source), copy, depth + 1)
                                  : fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || take_file(t, fd, source, copy, depth, false);
    close(fd);
    return ok;
}

static bool take_folder(struct taker *t, int dir, const char *prefix, const char *to, int depth)
{
    struct dirent **names;
    if (depth > MAX_DEPTH)
        return err_set(t->err, ERR_TOO_LARGE, "%s: the submission's folders are nested more than %d deep", prefix, MAX_DEPTH);
    if (!dir_make(to, 0755, t->err))
        return false;
    int n = scandirat(dir, ".", &names, is_taken, alphasort);
    bool ok = n >= 0 || (problem(t, prefix, "%s", strerror(errno)), true);
    for (int i = 0; i < n; i++) {
        ok = ok && take_entry(t, dir, names[i]->d_name, prefix, to, depth);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return ok;
}

/* ---- archives: unpacked beside the copy, and then taken as a folder ---- */
struct unpacking { struct taker *t; const char *dir; };

static bool unpack_file(void *ctx, const char *path, struct str bytes)
{
    struct unpacking *u = ctx;
    const char *full = arena_printf(u->t->a, "%s/%s", u->dir, path), *part = path;
    for (const char *slash; (slash = strchr(part, '/')) || *part; part = slash ? slash + 1 : "")
        if ((slash ? (size_t)(slash - part) : strlen(part)) > MAX_NAME)
            return problem(u->t, path, "its name is longer than %d bytes", MAX_NAME), true;
    return dir_make(folder_of(u->t->a, full), 0755, u->t->err) && file_write(full, bytes, 0644, u->t->err);
}

static void unpack_left_out(void *ctx, const char *path, const char *why)
{
    problem(((struct unpacking *)ctx)->t, path, "%s", why);
}

/* What is packed is often a folder: the one in which all the rest is, is not a part of what was handed in. */
static const char *only_folder(struct arena *a, const char *dir)
{
    struct dirent **names;
    struct stat st;
    int n = scandir(dir, &names, is_taken, alphasort);
    const char *one = n == 1 ? arena_printf(a, "%s/%s", dir, names[0]->d_name) : NULL;
    for (int i = 0; i < n; i++)
        free(names[i]);
    if (n >= 0)
        free(names);
    return one && lstat(one, &st) == 0 && S_ISDIR(st.st_mode) ? one : NULL;
}

static bool take_archive(struct taker *t, struct str bytes, const char *to)
{
    static const struct unpack_limits limits = { MAX_FILES, MAX_BYTES, MAX_DEPTH };
    struct unpacking u = { t, arena_printf(t->a, "%s.unpacked", to) };
    struct unpack_sink sink = { &u, unpack_file, unpack_left_out };
    if (!dir_make(u.dir, 0700, t->err) || !unpack_read(t->a, bytes, &limits, &sink, t->err))
        return false;
    const char *below = only_folder(t->a, u.dir);
    int fd = open(below ? below : u.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    t->bytes = 0;
    bool ok = fd >= 0 && take_folder(t, fd, "", to, 0);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* False: it is none, or *ok says how it went. */
static bool is_archive(struct taker *t, int fd, const char *path, const char *to, bool *ok)
{
    char head[512];
    struct str bytes;
    ssize_t n = pread(fd, head, sizeof head, 0);
    if (n <= 0 || !unpack_is_archive((struct str){ head, (size_t)n }))
        return false;
    *ok = read_fd(t, fd, path_base(path), &bytes) && take_archive(t, bytes, to);
    return true;
}

bool submission_take(struct arena *a, const char *path, const char *script, const char *to, struct submission *s, struct err *err)
{
    struct taker t = { .a = a, .s = s, .err = err, .context_depth = -1 };
    struct stat st;
    *s = (struct submission){ .dir = to, .objects = json_new_array(a), .problems = json_new_array(a) };
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);        /* the instructor's word: a link to a submission is one */
    if (fd < 0)
        return err_set(err, ERR_NOT_FOUND, "the submission cannot be read: %s: %s", path_base(path), strerror(errno));
    bool ok = fstat(fd, &st) == 0;
    if (ok && S_ISDIR(st.st_mode))
        ok = take_folder(&t, fd, "", to, 0);
    else if (ok && S_ISREG(st.st_mode) && is_archive(&t, fd, path, to, &ok))
        ;                                          /* ok says it */
    else if (ok && S_ISREG(st.st_mode))
        ok = dir_make(to, 0755, err) &&
             take_file(&t, fd, arena_strdup(a, path_base(path)), arena_printf(a, "%s/%s", to, path_base(path)), 0, true);
    else
        ok = err_set(err, ERR_INVALID, "the submission is neither a file nor a folder");
    close(fd);
    if (ok && script && access(arena_printf(a, "%s/%s", to, script), F_OK) != 0)
        return err_set(err, ERR_NOT_FOUND, "the submission has no script \"%s\"", script);
    if (script)
        s->script = script;
    if (ok && !s->script && !json_len(s->objects) && !json_len(s->problems))
        problem(&t, ".", "there is nothing in it that could be applied: manifests are files that end in .yaml, .yml or .json, and a "
                         "script in a folder is named by --script");
    return ok;
}
