/* sim/cmd/static_manifest.c - the folder of static pods, read when the machine starts, before any kubelet does; files in the
 * kubelet's order, hidden ones left out. */
#include "sim/cmd/static_manifest.h"
#include "kubelet/app.h"

/* ---- reading ---- */
const struct json *manifest_find(struct arena *a, const char *root, const char *program, const struct json **pod_spec, struct err *err)
{
    const char *dir = node_path(a, root, MANIFESTS);
    char **names;
    size_t n = kubelet_manifests(a, dir, &names);
    for (size_t i = 0; i < n; i++) {
        struct str text;
        struct err why = { 0 };
        struct json *pod = file_read(arena_printf(a, "%s/%s", dir, names[i]), LIMIT_YAML_BYTES, a, &text, &why)
            ? yaml_parse(a, text, &why) : NULL;
        if (!pod && strstr(names[i], program))
            err_set(err, ERR_INVALID, MANIFESTS "/%s: %s", names[i], why.msg);
        err_clear(&why);
        *pod_spec = json_get(pod, "spec");
        for (const struct json *k = json_first(json_get(*pod_spec, "containers")); k; k = json_next(k)) {
            const struct json *first = json_first(json_get(k, "command"));
            if (first && strcmp(path_base(arena_cstr(a, json_str(first))), program) == 0)
                return k;
        }
    }
    if (!err->code)
        err_set(err, ERR_NOT_FOUND, "no manifest in " MANIFESTS " runs %s", program);
    return NULL;
}

char **manifest_command(struct arena *a, const struct json *container)
{
    const struct json *lists[] = { json_get(container, "command"), json_get(container, "args") };
    char **argv = arena_zalloc(a, (json_len(lists[0]) + json_len(lists[1]) + 1) * sizeof *argv);
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct json *w = json_first(lists[i]); w; w = json_next(w)) argv[n++] = arena_cstr(a, json_str(w));
    return argv;
}

/* ---- --apiserver-arg ---- */
/* "    - --NAME=VALUE" among the words of a command; its indentation, its name. */
static bool flag_line(struct str line, struct str *indent, struct str *name)
{
    ptrdiff_t dash = str_find(line, STR("- --"));
    if (dash < 0 || str_trim(str_sub(line, 0, (size_t)dash)).n)
        return false;
    struct str value;
    *indent = str_sub(line, 0, (size_t)dash);
    str_cut(str_sub(line, (size_t)dash + 4, line.n), '=', name, &value);
    return true;
}

/* Lines, not a tree: what else the file says stays as it is written. The flag's place is the alphabet's, as kubeadm has it. */
bool apiserver_manifest_set(const char *root, const char *name_value, struct err *err)
{
    struct arena *a = arena_new();
    struct str text, rest, wanted, value, indent = STR("    "), line_indent, name;
    struct strbuf out;
    bool done = false, inside = false;
    const char *path = node_path(a, root, MANIFESTS "/kube-apiserver.yaml");
    strbuf_init(&out, LIMIT_YAML_BYTES);
    str_cut(str_c(name_value), '=', &wanted, &value);
    bool ok = file_read(path, LIMIT_YAML_BYTES, a, &text, err);
    for (rest = ok ? text : STR_NULL; rest.p && rest.n;) {
        struct str line = str_token(&rest, '\n');
        bool is_flag = flag_line(line, &line_indent, &name);
        inside |= is_flag;
        if (is_flag)
            indent = line_indent;
        if (inside && !done && (!is_flag || str_cmp(name, wanted) >= 0)) {
            strbuf_addf(&out, STR_FMT "- --%s\n", STR_ARG(indent), name_value);
            done = true;
            if (is_flag && str_eq(name, wanted))
                continue;
        }
        strbuf_addf(&out, STR_FMT "\n", STR_ARG(line));
    }
    ok = ok && (done || err_set(err, ERR_INVALID, "%s has no flags among which --%s could be put", path, name_value)) &&
        file_write(path, strbuf_str(&out), 0600, err);
    strbuf_deinit(&out);
    arena_free(a);
    return ok;
}
