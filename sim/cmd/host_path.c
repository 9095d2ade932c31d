/* sim/cmd/host_path.c - the node's paths: which names below / belong to the simulated machine, and where they lie on the student's.
 *
 * A real lab's node keeps its Kubernetes files at a handful of places. On the student's machine these places are below DATA/node,
 * and this file is the one that knows the correspondence. It works on text alone: nothing is asked of the file system, so that
 * the same words give the same answer everywhere.
 */
#include "sim/cmd/host.h"

static const struct { const char *path, *to; } places[] = {
    { "/etc/kubernetes", "/etc/kubernetes" },
    { "/etc/systemd/system/kubelet.service.d", "/etc/systemd/system/kubelet.service.d" },
    { "/lib/systemd/system/kubelet.service", "/lib/systemd/system/kubelet.service" },
    { "/usr/lib/systemd/system/kubelet.service", "/lib/systemd/system/kubelet.service" },
    { "/etc/default/kubelet", "/etc/default/kubelet" },
    { "/var/lib/kubelet", "/var/lib/kubelet" },
    { "/var/log/pods", "/var/log/pods" },
};

/* "." and "..", empty parts: by their text, as a shell's `cd` does. The result has no slash at its end, but for "/". */
static struct str normalize(struct arena *a, struct str cwd, struct str path)
{
    struct strbuf out;
    strbuf_init(&out, 2 * (cwd.n + path.n) + 16);
    struct str parts[2] = { path.n && path.p[0] == '/' ? STR_NULL : cwd, path };
    for (size_t i = 0; i < 2; i++)
        for (struct str rest = parts[i]; rest.p;) {
            struct str part = str_token(&rest, '/');
            if (part.n == 0 || str_eqc(part, "."))
                continue;
            if (!str_eqc(part, "..")) {
                strbuf_addch(&out, '/');
                strbuf_add(&out, part);
                continue;
            }
            while (out.n && out.p[--out.n] != '/')
                ;
        }
    struct str text = out.n ? arena_str(a, strbuf_str(&out)) : STR("/");
    strbuf_deinit(&out);
    return text;
}

static bool is_below(struct str path, const char *place)
{
    size_t n = strlen(place);
    return str_starts(path, place) && (path.n == n || path.p[n] == '/');
}

struct str host_map_path(struct arena *a, const struct host_map *m, struct str path)
{
    if (path.n == 0 || path.n > 4096)
        return STR_NULL;
    struct str full = normalize(a, m->cwd, path);
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (is_below(full, places[i].path)) {
            const char *slash = path.p[path.n - 1] == '/' ? "/" : "";
            return arena_strf(a, STR_FMT "%s" STR_FMT "%s", STR_ARG(m->root), places[i].to,
                              STR_ARG(str_sub(full, strlen(places[i].path), full.n)), slash);
        }
    return STR_NULL;
}

/* How much of a word stands before the path that it may carry: --option=, -x, name=. */
static size_t prefix_of(struct str word)
{
    ptrdiff_t equals = str_chr(word, '='), slash = str_chr(word, '/');
    if (equals > 0 && (slash < 0 || equals < slash))
        return (size_t)equals + 1;
    if (word.n > 2 && word.p[0] == '-' && word.p[1] != '-' && word.p[2] == '/')
        return 2;
    return 0;
}

struct str host_map_word(struct arena *a, const struct host_map *m, struct str word)
{
    size_t head = prefix_of(word);
    if (head == 0 && word.n && word.p[0] == '-')
        return word;
    struct str mapped = host_map_path(a, m, str_sub(word, head, word.n));
    return mapped.n ? arena_strf(a, STR_FMT STR_FMT, STR_ARG(str_sub(word, 0, head)), STR_ARG(mapped)) : word;
}

/* ---- scripts ---- */
static bool begins_word(char before)
{
    return before == 0 || strchr(" \t\n\"'=<>|;&({`,:", before) != NULL;
}

static bool ends_place(struct str s, size_t at)
{
    if (at >= s.n)
        return true;
    char c = s.p[at];
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.');
}

/* The root as it has to be written where it stands: bare, or between double quotes. Between single quotes nothing can be escaped. */
static void add_root(struct strbuf *out, struct str root, char quote)
{
    for (size_t i = 0; i < root.n; i++) {
        char c = root.p[i];
        bool special = quote == '"' ? strchr("\"$`\\", c) != NULL : quote == 0 && strchr(" \t\n\"'$`\\;&|<>(){}*?[]#~!", c) != NULL;
        if (special)
            strbuf_addch(out, '\\');
        strbuf_addch(out, c);
    }
}

static size_t place_at(struct str s, size_t at, const char **to)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        size_t n = strlen(places[i].path);
        if (str_starts(str_sub(s, at, s.n), places[i].path) && ends_place(s, at + n)) {
            *to = places[i].to;
            return n;
        }
    }
    return 0;
}

struct str host_map_script(struct arena *a, const struct host_map *m, struct str script)
{
    struct strbuf out;
    char quote = 0, before = 0;
    strbuf_init(&out, script.n + (script.n / 8 + 1) * (2 * m->root.n + 64));
    for (size_t i = 0; i < script.n;) {
        const char *to = NULL;
        size_t n = begins_word(before) && script.p[i] == '/' ? place_at(script, i, &to) : 0;
        if (n) {
            add_root(&out, m->root, quote);
            strbuf_addc(&out, to);
            i += n;
            before = 'x';
            continue;
        }
        char c = script.p[i];
        bool escaped = before == '\\' && quote != '\'';
        if ((c == '"' || c == '\'') && !escaped && (quote == 0 || quote == c))
            quote = quote ? 0 : c;
        before = escaped && c == '\\' ? 'x' : c;
        strbuf_addch(&out, c);
        i++;
    }
    struct str text = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

struct str host_unmap(struct arena *a, const struct host_map *m, struct str text)
{
    struct strbuf out;
    ptrdiff_t at;
    if (m->root.n == 0 || str_find(text, m->root) < 0)
        return text;
    strbuf_init(&out, text.n + 1);
    while ((at = str_find(text, m->root)) >= 0) {
        size_t end = (size_t)at + m->root.n;
        bool whole = end < text.n && text.p[end] == '/';
        strbuf_add(&out, str_sub(text, 0, whole ? (size_t)at : end));
        text = str_sub(text, end, text.n);
    }
    strbuf_add(&out, text);
    struct str copy = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return copy;
}
