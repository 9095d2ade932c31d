/* kubelet/kubeconfig.c - a kubeconfig file of the node as what a client needs (client-go tools/clientcmd: loader.go,
 * client_config.go, validation.go).
 *
 * Only the current context counts. Files that it names are the node's, relative ones beside it. Errors are clientcmd's, several
 * at once in brackets.
 */
#include "kubelet/app_priv.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* No path leads out of the node: its `..` ends at its own root, as it does for a real one's kubelet. */
const char *node_path(struct arena *a, const char *root, const char *path)
{
    struct str rest = str_c(path);
    const char *out = "";
    while (rest.p && rest.n) {
        struct str one = str_token(&rest, '/');
        const char *slash = strrchr(out, '/');
        if (str_eqc(one, ".."))
            out = slash ? arena_cstr(a, (struct str){ out, (size_t)(slash - out) }) : "";
        else if (one.n && !str_eqc(one, "."))
            out = arena_printf(a, "%s/" STR_FMT, out, STR_ARG(one));
    }
    return arena_printf(a, "%s%s", root, *out ? out : "/");
}

static const char *go_errno(int e)
{
    return e == ENOENT ? "no such file or directory" : e == EACCES ? "permission denied" : e == EISDIR ? "is a directory"
           : e == ENOTDIR ? "not a directory" : "input/output error";
}

bool node_read(struct arena *a, const char *root, const char *path, const char *verb, struct str *out, struct err *err)
{
    struct stat st;
    const char *real = node_path(a, root, path);
    file_look(real);
    if (stat(real, &st) != 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s %s: %s", verb, path, go_errno(errno));
    if (S_ISDIR(st.st_mode))
        return err_set(err, ERR_IO, "read %s: %s", path, go_errno(EISDIR));
    errno = 0;
    if (!file_read(real, LIMIT_YAML_BYTES, a, out, NULL))
        return err_set(err, ERR_IO, "open %s: %s", path, go_errno(errno));
    return true;
}

static const struct json *named(const struct json *list, struct str name, const char *part)
{
    for (const struct json *e = json_first(list); e; e = json_next(e))
        if (str_eq(json_get_str(e, "name"), name))
            return json_get(e, part);
    return NULL;
}

struct load { struct arena *a; const char *root, *path; struct strbuf errors; int count; };

static void add_error(struct load *l, const char *text)
{
    strbuf_addf(&l->errors, "%s%s", l->count++ ? ", " : "", text);
}

static const char *beside(struct load *l, struct str name)
{
    const char *slash = strrchr(l->path, '/');
    if (name.p[0] == '/' || !slash)
        return arena_cstr(l->a, name);
    return arena_printf(l->a, "%.*s/" STR_FMT, (int)(slash - l->path), l->path, STR_ARG(name));
}

/* Data inline, or a file; inline wins. What: "client-cert", whose: the entry's name. */
static struct str data_or_file(struct load *l, const struct json *obj, const char *data, const char *file, const char *what,
                               struct str whose, const char **path)
{
    struct str text = json_get_str(obj, data), name = json_get_str(obj, file), out = STR_NULL;
    struct err err = { 0 };
    if (text.n && !base64_decode(l->a, text, &out))
        add_error(l, arena_printf(l->a, "illegal base64 data in %s of " STR_FMT, data, STR_ARG(whose)));
    if (text.n || !name.n)
        return out;
    const char *full = beside(l, name);
    if (!node_read(l->a, l->root, full, "open", &out, &err))
        add_error(l, arena_printf(l->a, "unable to read %s %s for " STR_FMT " due to %s", what, full, STR_ARG(whose), err.msg));
    if (path)
        *path = full;
    err_clear(&err);
    return out;
}

static void load_cluster(struct load *l, const struct json *c, struct str name, struct rest_config *out)
{
    struct str server = json_get_str(c, "server");
    while (server.n && server.p[server.n - 1] == '/')
        server.n--;
    if (!server.n)
        add_error(l, arena_printf(l->a,
                                  name.n ? "no server found for cluster \"" STR_FMT "\""
                                  : "default cluster has no server defined" STR_FMT, STR_ARG(name)));
    out->server = arena_printf(l->a, "%s" STR_FMT, str_find(server, STR("://")) < 0 ? "http://" : "", STR_ARG(server));
    out->insecure = json_get_bool(c, "insecure-skip-tls-verify", false);
    out->ca_pem = data_or_file(l, c, "certificate-authority-data", "certificate-authority", "certificate-authority", name,
                               &out->ca_file);
}

static void load_user(struct load *l, const struct json *u, struct str name, struct rest_config *out)
{
    struct err err = { 0 };
    out->cert_pem = data_or_file(l, u, "client-certificate-data", "client-certificate", "client-cert", name, NULL);
    out->key_pem = data_or_file(l, u, "client-key-data", "client-key", "client-key", name, NULL);
    out->token = json_get_str(u, "token");
    if (!out->token.n && json_get_str(u, "tokenFile").n) {
        if (node_read(l->a, l->root, beside(l, json_get_str(u, "tokenFile")), "open", &out->token, &err))
            out->token = str_trim(out->token);
        else
            add_error(l, err.msg);
    }
    err_clear(&err);
}

bool kubeconfig_load(struct arena *a, const char *root, const char *path, int minor, struct rest_config *out, struct err *err)
{
    struct str text;
    struct err why = { 0 };
    *out = (struct rest_config){ 0 };
    if (!node_read(a, root, path, "stat", &text, err))
        return false;
    struct json *doc = yaml_parse(a, text, &why);
    if (!doc || (!json_is(doc, JSON_OBJECT) && text.n)) {
        err_set(err, ERR_PARSE, "%srror loading config file \"%s\": %s", minor < 19 ? "E" : "e", path,
                doc ? "couldn't get version/kind; json parse error" : why.msg);
        err_clear(&why);
        return false;
    }
    struct load l = { .a = a, .root = root, .path = path };
    strbuf_init(&l.errors, 4096);
    struct str current = json_get_str(doc, "current-context");
    const struct json *context = named(json_get(doc, "contexts"), current, "context");
    if (!json_len(json_get(doc, "clusters")) && !json_len(json_get(doc, "users")) && !json_len(json_get(doc, "contexts"))) {
        strbuf_deinit(&l.errors);
        return err_set(err, ERR_INVALID, "invalid configuration: no configuration has been provided");
    }
    struct str cluster = json_get_str(context, "cluster"), user = json_get_str(context, "user");
    const struct json *c = named(json_get(doc, "clusters"), cluster, "cluster"), *u = named(json_get(doc, "users"), user, "user");
    if (current.n && !context)
        add_error(&l, arena_printf(a, "context was not found for specified context: " STR_FMT, STR_ARG(current)));
    else if (user.n && !u)
        add_error(&l, arena_printf(a, "user \"" STR_FMT "\" was not found for context \"" STR_FMT "\"", STR_ARG(user),
                                   STR_ARG(current)));
    if (cluster.n && !c)
        add_error(&l, arena_printf(a, "cluster \"" STR_FMT "\" was not found for context \"" STR_FMT "\"", STR_ARG(cluster),
                                   STR_ARG(current)));
    else
        load_cluster(&l, c, cluster, out);
    load_user(&l, u, user, out);
    if (l.count)
        err_set(err, ERR_INVALID, l.count > 1 ? "invalid configuration: [%s]" : "invalid configuration: %s", l.errors.p);
    strbuf_deinit(&l.errors);
    return l.count == 0;
}
