/* sim/cmd/host_kubectl.c - the student's own kubectl, and a hand for one that falls over its own kubeconfig.
 *
 * kubectl is never re-implemented here: the real one is run with the words as they are. But the build that Debian 12 ships
 * (1.20.2 with a newer Go than it was written for) panics in `kubectl config` as soon as a kubeconfig has a user: its JSON
 * library walks an empty map. Step 3a of the lab needs just that. So the `config` commands that write are watched, and one that
 * ends in a panic is done over again on the file itself, with the same words as upstream's (kubectl/pkg/cmd/config). The real
 * kubectl reads the result like any other.
 */
#include "sim/cmd/drive.h"
#include "sim/cmd/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the command line ---- */
enum { WORDS_MAX = 3 };
static const char *const value_flags[] = { "kubeconfig", "token", "client-certificate", "client-key", "username", "password",
                                           "server", "certificate-authority", "tls-server-name", "cluster", "user",
                                           "namespace" };
struct config_line { const char *words[WORDS_MAX]; int word_count; const char *values[ARRAY_LEN(value_flags)]; bool understood; };

static void config_parse(struct config_line *c, int argc, char **argv)
{
    *c = (struct config_line){ .understood = true };
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            c->understood = c->understood && c->word_count < WORDS_MAX;
            if (c->word_count < WORDS_MAX)
                c->words[c->word_count++] = argv[i];
            continue;
        }
        const char *name = argv[i] + strspn(argv[i], "-");
        size_t n = strcspn(name, "="), k = 0;
        while (k < ARRAY_LEN(value_flags) && !(strlen(value_flags[k]) == n && strncmp(value_flags[k], name, n) == 0))
            k++;
        if (k == ARRAY_LEN(value_flags) || (!name[n] && i + 1 >= argc)) {
            c->understood = false;
            return;
        }
        c->values[k] = name[n] ? name + n + 1 : argv[++i];
    }
}

static const char *value_of(const struct config_line *c, const char *flag)
{
    for (size_t k = 0; k < ARRAY_LEN(value_flags); k++)
        if (strcmp(value_flags[k], flag) == 0)
            return c->values[k];
    return NULL;
}

/* ---- YAML as sigs.k8s.io/yaml writes a kubeconfig: keys in order, lists not indented ---- */
static bool plain_scalar(struct str s)
{
    static const char *const words[] = { "true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", ".inf", "+.inf", ".nan" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eqi(s, str_c(words[i])))
            return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@+=-", s.p[i]) ||
            (s.p[i] == ':' && i + 1 == s.n))
            return false;
    /* a number would not come back as text */
    return s.n > 0 && !strchr(":=@-", s.p[0]) && strspn(s.p, "0123456789abcdefABCDEF.+-xXoO_:") < s.n;
}

static void yaml_write(struct strbuf *out, struct json *j, size_t indent, bool in_list)
{
    size_t row = 0;
    if (json_is(j, JSON_OBJECT))
        json_sort_keys(j);
    for (struct json *c = json_first(j); c; c = json_next(c), row++) {
        if (!in_list || row)
            strbuf_addf(out, "%*s", (int)indent, "");
        bool list = json_is(j, JSON_ARRAY);
        if (list)
            strbuf_addc(out, "- ");
        else {
            if (plain_scalar(json_key(c)))
                strbuf_add(out, json_key(c));
            else
                json_write_string(out, json_key(c));
            strbuf_addch(out, ':');
        }
        bool nested = (json_is(c, JSON_OBJECT) || json_is(c, JSON_ARRAY)) && json_len(c) > 0;
        if (nested) {
            if (!list)
                strbuf_addch(out, '\n');
            yaml_write(out, c, list || json_is(c, JSON_OBJECT) ? indent + 2 : indent, list);
            continue;
        }
        if (!list)
            strbuf_addch(out, ' ');
        if (json_is(c, JSON_STRING) && plain_scalar(json_str(c)))
            strbuf_add(out, json_str(c));
        else
            json_write(out, c, JSON_NO_HTML_ESCAPE);
        strbuf_addch(out, '\n');
    }
}

/* ---- doing it over again ---- */
static struct json *entry(struct arena *a, struct json *config, const char *list, const char *inner, const char *name, bool *found)
{
    struct json *all = json_get(config, list);
    if (!json_is(all, JSON_ARRAY)) {
        all = json_new_array(a);
        json_set(a, config, list, all);
    }
    size_t at = 0;
    for (struct json *e = json_first(all); e; e = json_next(e)) {
        if (str_eqc(json_get_str(e, "name"), name)) {
            *found = true;
            return json_ensure(a, e, inner);
        }
        at += str_cmp(json_get_str(e, "name"), str_c(name)) < 0;
    }
    struct json *e = json_buildf(a, "{%k:{},'name':%s}", inner, name);
    json_insert(all, at, e);
    *found = false;
    return json_get(e, inner);
}

static void set_values(struct arena *a, struct json *into, const struct config_line *c, const char *const *flags)
{
    for (; *flags; flags++)
        if (value_of(c, *flags))
            json_set_strc(a, into, *flags, value_of(c, *flags));
}

/* What is to be said, or NULL when it is not one of ours, or it failed (told). */
static const char *apply(struct arena *a, struct json *config, const struct config_line *c)
{
    static const struct { const char *verb, *list, *inner; const char *flags[6]; const char *made, *changed; } setters[] = {
        { "set-cluster", "clusters", "cluster", { "certificate-authority", "server", "tls-server-name" }, "Cluster \"%s\" set.",
          "Cluster \"%s\" set." },
        { "set-credentials", "users", "user", { "client-certificate", "client-key", "token", "username", "password" },
          "User \"%s\" set.", "User \"%s\" set." },
        { "set-context", "contexts", "context", { "cluster", "user", "namespace" }, "Context \"%s\" created.",
          "Context \"%s\" modified." },
    };
    const char *verb = c->words[1], *name = c->words[2];
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(setters); i++)
        if (strcmp(verb, setters[i].verb) == 0) {
            struct json *into = entry(a, config, setters[i].list, setters[i].inner, name, &found);
            if (!json_is(into, JSON_OBJECT))
                return NULL;                       /* kubectl has said what is wrong with the file */
            set_values(a, into, c, setters[i].flags);
            const char *form = found ? setters[i].changed : setters[i].made;
            ptrdiff_t at = str_find(str_c(form), STR("%s"));
            return arena_printf(a, "%.*s%s%s", (int)at, form, name, form + at + 2);
        }
    for (struct json *e = json_first(json_get(config, "contexts")); e; e = json_next(e))
        found = found || str_eqc(json_get_str(e, "name"), name);
    if (!found) {
        fprintf(stderr, "error: no context exists with the name: \"%s\"\n", name);
        return NULL;
    }
    json_set_strc(a, config, "current-context", name);
    return arena_printf(a, "Switched to context \"%s\".", name);
}

static const char *config_file(struct arena *a, const struct config_line *c)
{
    const char *file = value_of(c, "kubeconfig"), *env = getenv("KUBECONFIG"), *home = getenv("HOME");
    if (file)
        return file;
    return env && *env ? arena_cstr(a, str_sub(str_c(env), 0, strcspn(env, ":")))
           : arena_printf(a, "%s/.kube/config", home ? home : "");
}

/* Where that build does not fall over the empty map, it writes it: a line that no other kubectl writes is taken out again. */
static void drop_empty_map(struct arena *a, const struct config_line *c)
{
    const char *file = config_file(a, c);
    struct str text = STR_NULL, empty = STR("as-user-extra: null");
    struct strbuf out;
    struct err err = { 0 };
    if (!file_read(file, 1 << 20, a, &text, NULL) || str_find(text, empty) < 0)
        return;
    strbuf_init(&out, text.n + 1);
    while (text.p && text.n) {
        struct str line = str_token(&text, '\n');
        if (!str_eq(str_trim(line), empty))
            strbuf_addf(&out, STR_FMT "\n", STR_ARG(line));
    }
    file_write(file, strbuf_str(&out), 0600, &err);
    err_clear(&err);
    strbuf_deinit(&out);
}

static int redo(struct arena *a, const struct config_line *c)
{
    const char *file = config_file(a, c);
    struct err err = { 0 };
    struct str text = STR_NULL;
    struct json *config = file_read(file, 1 << 20, a, &text, NULL) ? yaml_parse(a, text, &err) : NULL;
    if (err.code) {
        fprintf(stderr, "error: error loading config file \"%s\": %s\n", file, err.msg);
        return 1;
    }
    if (!json_is(config, JSON_OBJECT))
        config = json_buildf(a, "{'apiVersion':'v1','clusters':null,'contexts':null,'current-context':'','kind':'Config',"
                                "'preferences':{},'users':null}");
    const char *said = apply(a, config, c);
    if (!said)
        return 1;
    struct strbuf out;
    strbuf_init(&out, 4 << 20);
    yaml_write(&out, config, 0, false);
    bool ok = file_write(file, strbuf_str(&out), 0600, &err);
    strbuf_deinit(&out);
    if (!ok) {
        fprintf(stderr, "error: %s\n", err.msg);
        return 1;
    }
    printf("%s\n", said);
    return 0;
}

/* ---- the real one ---- */
static bool writes_config(const struct config_line *c)
{
    static const char *const verbs[] = { "set-cluster", "set-credentials", "set-context", "use-context", "use" };
    bool known = false;
    for (size_t i = 0; c->word_count == 3 && i < ARRAY_LEN(verbs); i++)
        known = known || strcmp(c->words[1], verbs[i]) == 0;
    return known && c->understood && strcmp(c->words[0], "config") == 0;
}

/* Its standard error is kept until it ends: whether it was a panic, is known then. */
static int run_watched(struct arena *a, const char *program, char **argv, struct str *said)
{
    int fds[2], status = 0;
    struct strbuf text;
    char chunk[4096];
    strbuf_init(&text, 1 << 20);
    if (pipe(fds) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 2);
        close(fds[0]);
        close(fds[1]);
        execv(program, argv);
        _exit(127);
    }
    close(fds[1]);
    for (ssize_t n; (n = read(fds[0], chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR);)
        if (n > 0)
            strbuf_add(&text, (struct str){ chunk, (size_t)n });
    close(fds[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    *said = arena_str(a, strbuf_str(&text));
    strbuf_deinit(&text);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int host_kubectl(struct arena *a, int argc, char **argv)
{
    const char *program = host_find_program(a, "kubectl");
    struct config_line c;
    struct str said = STR_NULL;
    if (!program) {
        fprintf(stderr, "kubectl: command not found\nkubelab: it is the one program that the lab wants you to bring: "
                        "https://kubernetes.io/docs/tasks/tools/\n");
        return 127;
    }
    config_parse(&c, argc, argv);
    if (!writes_config(&c)) {
        drive_patience(a, argc, argv);
        execv(program, argv);
        fprintf(stderr, "kubectl: %s\n", strerror(errno));
        return 126;
    }
    int status = run_watched(a, program, argv, &said);
    if (status == 2 && str_starts(said, "panic: runtime error"))
        return redo(a, &c);
    if (status == 0)
        drop_empty_map(a, &c);
    fwrite(said.p ? said.p : "", 1, said.n, stderr);
    return status;
}
