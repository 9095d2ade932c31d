/* sim/cmd/unit.c - unit files, drop-ins, environment files and command lines, as systemd reads them (src/core/load-fragment.c,
 * src/basic/fileio.c of v229).
 *
 * Quotes, $NAME and ${NAME}, the empty ExecStart= that takes earlier ones back: what decides how
 * /var/lib/kubelet/kubeadm-flags.env ends up in the kubelet's arguments.
 */
#include "sim/cmd/service.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* ---- words: "a b" 'c d' e\ f ---- */
static bool next_word(struct arena *a, struct str *rest, char **word)
{
    while (rest->n && is_space(rest->p[0]))
        *rest = str_sub(*rest, 1, rest->n);
    if (!rest->n)
        return false;
    char *out = arena_alloc(a, rest->n + 1), quote = 0;
    size_t n = 0, i = 0;
    for (; i < rest->n && (quote || !is_space(rest->p[i])); i++) {
        char c = rest->p[i];
        if (quote && c == quote)
            quote = 0;
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
        else if (c == '\\' && quote != '\'' && i + 1 < rest->n)
            out[n++] = rest->p[++i];
        else
            out[n++] = c;
    }
    out[n] = 0;
    *rest = str_sub(*rest, i, rest->n);
    *word = out;
    return true;
}

static void add_env(struct arena *a, struct unit *u, struct str entry)
{
    u->env = arena_realloc(a, u->env, u->env_count * sizeof *u->env, (u->env_count + 1) * sizeof *u->env);
    u->env[u->env_count++] = entry;
}

/* ---- unit files ---- */
static int64_t seconds_of(struct str value)
{
    int64_t n = 0;
    if (str_int(value, &n))
        return n * (int64_t)NS_PER_S;
    return duration_parse_go(value, &n) ? n : 100 * (int64_t)NS_PER_MS;
}

static void set_key(struct arena *a, struct unit *u, struct str section, struct str key, struct str value)
{
    const struct { const char *section, *key, **slot; } texts[] = {
        { "Unit", "Description", &u->description }, { "Unit", "Documentation", &u->documentation },
        { "Service", "Restart", &u->restart }, { "Install", "WantedBy", &u->wanted_by },
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (str_eqc(section, texts[i].section) && str_eqc(key, texts[i].key))
            *texts[i].slot = arena_cstr(a, value);
    if (!str_eqc(section, "Service"))
        return;
    if (str_eqc(key, "ExecStart")) {
        if (value.n && u->exec_start)
            u->bad = "Service has more than one ExecStart= setting, which is only allowed for Type=oneshot services. Refusing.";
        u->exec_start = value.n ? arena_cstr(a, value) : NULL;
        if (!value.n)
            u->bad = NULL;
    } else if (str_eqc(key, "RestartSec")) {
        u->restart_ns = seconds_of(value);
    } else if (str_eqc(key, "Environment")) {
        char *word;
        while (next_word(a, &value, &word))
            add_env(a, u, str_c(word));
    } else if (str_eqc(key, "EnvironmentFile") && value.n) {
        add_env(a, u, value.p[0] == '-' ? value : arena_strf(a, "+" STR_FMT, STR_ARG(value)));
    }
}

void unit_parse(struct arena *a, struct unit *u, struct str text)
{
    struct str section = STR_NULL;
    text = arena_str(a, text);
    while (text.p && text.n) {
        struct str line = str_trim(str_token(&text, '\n')), key, value;
        while (line.n && line.p[line.n - 1] == '\\' && text.p)   /* goes on in the next line */
            line = arena_strf(a, STR_FMT " " STR_FMT, STR_ARG(str_sub(line, 0, line.n - 1)),
                              STR_ARG(str_trim(str_token(&text, '\n'))));
        if (!line.n || line.p[0] == '#' || line.p[0] == ';')
            continue;
        if (line.p[0] == '[' && line.p[line.n - 1] == ']')
            section = str_sub(line, 1, line.n - 1);
        else if (str_cut(line, '=', &key, &value))
            set_key(a, u, section, str_trim(key), str_trim(value));
    }
}

static int64_t mtime_of(const char *path)
{
    struct stat st;
    file_look(path);
    return stat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * (int64_t)NS_PER_S + st.st_mtim.tv_nsec : 0;
}

static int by_name(const void *x, const void *y) { return strcmp(*(char *const *)x, *(char *const *)y); }

static char **drop_in_names(struct arena *a, const char *dir, size_t *n)
{
    char **names = NULL;
    file_look(dir);
    DIR *d = opendir(dir);
    *n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && str_ends(str_c(e->d_name), ".conf")) {
            names = arena_realloc(a, names, *n * sizeof *names, (*n + 1) * sizeof *names);
            names[(*n)++] = arena_strdup(a, e->d_name);
        }
    if (d)
        closedir(d);
    if (*n)
        qsort(names, *n, sizeof *names, by_name);
    return names;
}

static const char *fragment_of(struct arena *a, const char *root, const char *name)
{
    static const char *const dirs[] = { "/etc/systemd/system", "/lib/systemd/system" };
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        const char *path = arena_printf(a, "%s/%s", dirs[i], name);
        if (mtime_of(arena_printf(a, "%s%s", root, path)))
            return path;
    }
    return NULL;
}

int64_t unit_mtime(const char *root, const char *name)
{
    struct arena *a = arena_new();
    const char *fragment = fragment_of(a, root, name), *dir = arena_printf(a, "%s/etc/systemd/system/%s.d", root, name);
    size_t n;
    char **names = drop_in_names(a, dir, &n);
    int64_t sum = fragment ? mtime_of(arena_printf(a, "%s%s", root, fragment)) : 0;
    for (size_t i = 0; i < n; i++)
        sum = (int64_t)((uint64_t)sum * 31 + (uint64_t)mtime_of(arena_printf(a, "%s/%s", dir, names[i])));
    arena_free(a);
    return sum;
}

void unit_load(struct arena *a, struct unit *u, const char *root, const char *name)
{
    struct str text;
    *u = (struct unit){ .name = arena_strdup(a, name), .description = name, .restart = "no",
                        .restart_ns = 100 * (int64_t)NS_PER_MS, .mtime_ns = unit_mtime(root, name) };
    u->fragment = fragment_of(a, root, name);
    u->drop_in_dir = arena_printf(a, "/etc/systemd/system/%s.d", name);
    if (!u->fragment)
        return;
    if (file_read(arena_printf(a, "%s%s", root, u->fragment), LIMIT_YAML_BYTES, a, &text, NULL))
        unit_parse(a, u, text);
    u->drop_ins = drop_in_names(a, arena_printf(a, "%s%s", root, u->drop_in_dir), &u->drop_in_count);
    for (size_t i = 0; i < u->drop_in_count; i++)
        if (file_read(arena_printf(a, "%s%s/%s", root, u->drop_in_dir, u->drop_ins[i]), LIMIT_YAML_BYTES, a, &text, NULL))
            unit_parse(a, u, text);
    if (!u->exec_start && !u->bad)
        u->bad = "Service lacks both ExecStart= and ExecStop= setting. Refusing.";
}

/* ---- environment files ---- */
/* After a closing quote the value goes on with the next character that is no white space; an open quote ends with the file. */
static struct str env_value(struct arena *a, struct str *rest)
{
    char *out = arena_alloc(a, rest->n + 1), quote = 0;
    size_t n = 0, i = 0, keep = 0;     /* keep: up to here white space stays */
    bool before = true;                /* white space is passed over */
    for (; i < rest->n && (quote || rest->p[i] != '\n'); i++) {
        char c = rest->p[i];
        if (quote && c == quote) {
            quote = 0;
            before = true;
            keep = n;
        } else if (quote == '\'') {
            out[n++] = c;
            keep = n;
        } else if (!quote && before && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == '\\' && i + 1 < rest->n) {
            if (rest->p[++i] != '\n')
                out[n++] = rest->p[i];
            keep = n;
            before = false;
        } else if (quote || !before || !is_space(c)) {
            out[n++] = c;
            before = quote != 0;
            keep = quote || !is_space(c) ? n : keep;
        }
    }
    *rest = str_sub(*rest, i + 1, rest->n);
    out[keep] = 0;
    return (struct str){ out, keep };
}

void env_parse(struct arena *a, struct str text, struct str **out, size_t *n)
{
    while (text.n) {
        if (is_space(text.p[0])) {
            text = str_sub(text, 1, text.n);
            continue;
        }
        ptrdiff_t line = str_chr(text, '\n'), eq = str_chr(text, '=');
        size_t end = line < 0 ? text.n : (size_t)line;
        if (text.p[0] == '#' || text.p[0] == ';' || eq < 0 || (size_t)eq > end) {
            text = str_sub(text, end + 1, text.n);
            continue;
        }
        struct str name = str_trim(str_sub(text, 0, (size_t)eq));
        text = str_sub(text, (size_t)eq + 1, text.n);
        struct str value = env_value(a, &text);
        *out = arena_realloc(a, *out, *n * sizeof **out, (*n + 1) * sizeof **out);
        (*out)[(*n)++] = arena_strf(a, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value));
    }
}

/* ---- the command line ---- */
struct line { struct arena *a; struct str *env; size_t env_count; char **argv; size_t argc; };

static struct str lookup(const struct line *l, struct str name)
{
    struct str found = STR_NULL, key, value;
    for (size_t i = 0; i < l->env_count; i++)
        if (str_cut(l->env[i], '=', &key, &value) && str_eq(key, name))
            found = value;
    return found;
}

static void add_arg(struct line *l, char *word)
{
    l->argv = arena_realloc(l->a, l->argv, (l->argc + 1) * sizeof *l->argv, (l->argc + 2) * sizeof *l->argv);
    l->argv[l->argc++] = word;
    l->argv[l->argc] = NULL;
}

static char *replace_braces(struct line *l, struct str word)
{
    struct strbuf b;
    strbuf_init(&b, 1024 * 1024);
    for (size_t i = 0; i < word.n; i++) {
        struct str rest = str_sub(word, i, word.n);
        ptrdiff_t end = str_starts(rest, "${") ? str_chr(rest, '}') : -1;
        if (end > 0) {
            strbuf_add(&b, lookup(l, str_sub(rest, 2, (size_t)end)));
            i += (size_t)end;
        } else {
            strbuf_addch(&b, word.p[i]);
            i += str_starts(rest, "$$");
        }
    }
    char *out = arena_cstr(l->a, strbuf_str(&b));
    strbuf_deinit(&b);
    return out;
}

bool unit_command(struct arena *a, const struct unit *u, const char *root, char ***argv, struct err *err)
{
    struct line l = { .a = a };
    for (size_t i = 0; i < u->env_count; i++) {
        struct str e = u->env[i], text;
        if (e.p[0] != '-' && e.p[0] != '+') {
            l.env = arena_realloc(a, l.env, l.env_count * sizeof *l.env, (l.env_count + 1) * sizeof *l.env);
            l.env[l.env_count++] = e;
        } else if (file_read(arena_printf(a, "%s" STR_FMT, root, STR_ARG(str_sub(e, 1, e.n))), LIMIT_YAML_BYTES, a, &text, NULL)) {
            env_parse(a, text, &l.env, &l.env_count);
        } else if (e.p[0] == '+') {
            return err_set(err, ERR_NOT_FOUND, "Failed to load environment files: No such file or directory");
        }
    }
    struct str rest = str_c(u->exec_start);
    char *word, *part;
    add_arg(&l, NULL);
    l.argc = 0;
    while (next_word(a, &rest, &word)) {
        if (word[0] == '$' && word[1] && word[1] != '{' && word[1] != '$') {
            struct str value = lookup(&l, str_c(word + 1));
            while (next_word(a, &value, &part))
                add_arg(&l, part);
        } else {
            add_arg(&l, replace_braces(&l, str_c(word)));
        }
    }
    *argv = l.argv;
    return true;
}

/* ---- how systemd writes figures ---- */
const char *unit_timespan(struct arena *a, int64_t ns)
{
    int64_t ms = ns / (int64_t)NS_PER_MS, s = ms / 1000;
    if (ms < 1000)
        return arena_printf(a, "%" PRId64 "ms", ms);
    if (s < 60)
        return arena_printf(a, "%" PRId64 ".%03" PRId64 "s", s, ms % 1000);
    if (s < 3600)
        return arena_printf(a, "%" PRId64 "min %" PRId64 ".%03" PRId64 "s", s / 60, s % 60, ms % 1000);
    return arena_printf(a, "%" PRId64 "h %" PRId64 "min %" PRId64 ".%03" PRId64 "s", s / 3600, s / 60 % 60, s % 60, ms % 1000);
}

const char *unit_ago(struct arena *a, int64_t ns)
{
    static const struct { int64_t from_s, big_s, small_s; const char *big, *small; } forms[] = {
        { 86400 * 2, 86400, 0, " days", "" }, { 86400, 86400, 3600, " day", "h" }, { 3600, 3600, 60, "h", "min" },
        { 60, 60, 1, "min", "s" },
    };
    int64_t s = ns / (int64_t)NS_PER_S;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (s >= forms[i].from_s) {
            int64_t rest = forms[i].small_s ? s % forms[i].big_s / forms[i].small_s : 0;
            return rest ? arena_printf(a, "%" PRId64 "%s %" PRId64 "%s ago", s / forms[i].big_s, forms[i].big, rest, forms[i].small)
                        : arena_printf(a, "%" PRId64 "%s ago", s / forms[i].big_s, forms[i].big);
        }
    return s > 0 ? arena_printf(a, "%" PRId64 "s ago", s) : arena_printf(a, "%" PRId64 "ms ago", ns / (int64_t)NS_PER_MS);
}

const char *unit_bytes(struct arena *a, int64_t bytes)
{
    static const struct { int64_t unit; char letter; } units[] = { { 1ll << 30, 'G' }, { 1ll << 20, 'M' }, { 1ll << 10, 'K' } };
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (bytes >= units[i].unit)
            return arena_printf(a, "%" PRId64 ".%" PRId64 "%c", bytes / units[i].unit, bytes % units[i].unit * 10 / units[i].unit,
                                units[i].letter);
    return arena_printf(a, "%" PRId64 "B", bytes);
}

struct str unit_ellipsize(struct arena *a, struct str line, size_t width)
{
    if (width < 8 || line.n <= width)
        return line;
    size_t head = (width - 3) * 90 / 100, tail = width - 3 - head;
    return arena_strf(a, STR_FMT "..." STR_FMT, STR_ARG(str_sub(line, 0, head)), STR_ARG(str_sub(line, line.n - tail, line.n)));
}
