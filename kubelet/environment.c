/* kubelet/environment.c - a container's argv and environment: pkg/kubelet/kubelet_pods.go makeEnvironmentVariables,
 * pkg/kubelet/envvars, pkg/fieldpath.
 *
 * Later definitions win over earlier ones: the image's, then Services, then envFrom, then env in order. $(NAME) refers to what
 * stands before it.
 */
#include "kubelet/kubelet_priv.h"

#include <ctype.h>

struct str expand_dollar(struct arena *a, struct str in, struct str (*lookup)(void *ctx, struct str name, bool *found), void *ctx)
{
    struct strbuf out;
    strbuf_init(&out, 1024 * 1024);
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] != '$' || i + 1 >= in.n) {
            strbuf_addch(&out, in.p[i]);
            continue;
        }
        char next = in.p[++i];
        ptrdiff_t close = next == '(' ? str_chr(str_sub(in, i, in.n), ')') : -1;
        if (next == '$') {
            strbuf_addch(&out, '$');
        } else if (close > 0) {
            struct str name = str_sub(in, i + 1, i + (size_t)close);
            bool found = false;
            struct str value = lookup(ctx, name, &found);
            if (found)
                strbuf_add(&out, value);
            else
                strbuf_addf(&out, "$(" STR_FMT ")", STR_ARG(name));
            i += (size_t)close;
        } else {
            strbuf_addch(&out, '$');
            strbuf_addch(&out, next);
        }
    }
    struct str text = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

/* ---- downward API ---- */
static struct str labels_text(struct arena *a, const struct json *map)
{
    struct json *sorted = map ? json_copy(a, map) : json_new_object(a);
    json_sort_keys(sorted);
    struct strbuf out;
    strbuf_init(&out, 1024 * 1024);
    for (const struct json *c = json_first(sorted); c; c = json_next(c)) {
        strbuf_addf(&out, "%s" STR_FMT "=", out.n ? "\n" : "", STR_ARG(json_key(c)));
        json_write_string(&out, json_str(c));
    }
    struct str text = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

bool field_ref_value(struct arena *a, const struct pod_worker *p, struct str path, struct str *out, struct err *err)
{
    static const char *const plain[] = { "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
                                         "spec.serviceAccountName" };
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (str_eqc(path, plain[i])) {
            *out = json_path_str(p->pod, plain[i]);
            return true;
        }
    if (str_eqc(path, "status.podIP") || str_eqc(path, "status.podIPs")) {
        *out = str_c(p->ip);
        return true;
    }
    if (str_eqc(path, "status.hostIP") || str_eqc(path, "status.hostIPs")) {
        *out = str_c(p->k->o.node_ip);
        return true;
    }
    const struct { const char *path; struct json *map; } maps[] = { { "metadata.labels", json_path(p->pod, "metadata.labels") },
                                                                    { "metadata.annotations",
                                                                      json_path(p->pod, "metadata.annotations") } };
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        if (str_eqc(path, maps[i].path)) {
            *out = labels_text(a, maps[i].map);
            return true;
        }
        struct str rest = str_sub(path, strlen(maps[i].path), path.n);
        if (str_starts(path, maps[i].path) && str_starts(rest, "['") && str_ends(rest, "']")) {
            *out = json_str(json_getn(maps[i].map, str_sub(rest, 2, rest.n - 2)));
            return true;
        }
    }
    return err_set(err, ERR_INVALID, "unsupported fieldPath: " STR_FMT, STR_ARG(path));
}

bool resource_ref_value(struct arena *a, const struct pod_worker *p, const struct json *spec, struct str resource,
                        struct str divisor, struct str *out, struct err *err)
{
    struct str what, name;
    str_cut(resource, '.', &what, &name);
    bool cpu = str_eqc(name, "cpu"), limits = str_eqc(what, "limits");
    struct quantity q, div = quantity_from_int(1, QUANTITY_DECIMAL_SI);
    struct str text = json_str(json_getn(json_get(json_get(spec, "resources"), limits ? "limits" : "requests"), name));
    if (!text.n && limits && (cpu || str_eqc(name, "memory")))   /* without a limit, what the node has */
        q = cpu ? quantity_from_int(p->k->o.cores, QUANTITY_DECIMAL_SI)
            : quantity_from_int(node_allocatable_memory(p->k), QUANTITY_BINARY_SI);
    else if (!text.n)
        q = quantity_from_int(0, QUANTITY_DECIMAL_SI);
    else if (!quantity_parse(text, &q, err))
        return false;
    if (divisor.n && !str_eqc(divisor, "0") && !quantity_parse(divisor, &div, err))
        return false;
    if (div.nano == 0)
        div = quantity_from_int(1, QUANTITY_DECIMAL_SI);
    *out = arena_strf(a, "%" PRId64, (int64_t)((q.nano + div.nano - 1) / div.nano));
    return true;
}

/* ---- variables ---- */
struct vars { struct arena *a; struct map *map; };               /* name -> C string */

static void set_var(struct vars *v, struct str name, struct str value) { map_put(v->map, name, arena_cstr(v->a, value)); }

static struct str lookup_var(void *ctx, struct str name, bool *found)
{
    struct vars *v = ctx;
    const char *value = map_get(v->map, name);
    *found = value != NULL;
    return str_c(value);
}

static struct str env_name(struct arena *a, struct str s)
{
    char *t = arena_cstr(a, s);
    for (char *c = t; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return str_c(t);
}

static void set_service(struct vars *v, const struct json *svc)
{
    struct arena *a = v->a;
    struct str ip = json_path_str(svc, "spec.clusterIP"), n = env_name(a, meta_name(svc));
    const struct json *ports = json_path(svc, "spec.ports");
    bool first = true;
    if (!ip.n || str_eqc(ip, "None"))
        return;
    set_var(v, arena_strf(a, STR_FMT "_SERVICE_HOST", STR_ARG(n)), ip);
    for (const struct json *p = json_first(ports); p; p = json_next(p), first = false) {
        struct str port = arena_strf(a, "%" PRId64, json_get_int(p, "port", 0)), pname = json_get_str(p, "name"),
                   proto = json_get_str(p, "protocol");
        char *lower = arena_cstr(a, proto.n ? proto : STR("TCP")), *upper = arena_cstr(a, env_name(a, str_c(lower)));
        for (char *c = lower; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        struct str url = arena_strf(a, "%s://" STR_FMT ":" STR_FMT, lower, STR_ARG(ip), STR_ARG(port));
        char *prefix = arena_printf(a, STR_FMT "_PORT_" STR_FMT "_%s", STR_ARG(n), STR_ARG(port), upper);
        if (first)
            set_var(v, arena_strf(a, STR_FMT "_SERVICE_PORT", STR_ARG(n)), port);
        if (pname.n)
            set_var(v, arena_strf(a, STR_FMT "_SERVICE_PORT_" STR_FMT, STR_ARG(n), STR_ARG(env_name(a, pname))), port);
        if (first)
            set_var(v, arena_strf(a, STR_FMT "_PORT", STR_ARG(n)), url);
        set_var(v, str_c(prefix), url);
        set_var(v, arena_strf(a, "%s_PROTO", prefix), str_c(lower));
        set_var(v, arena_strf(a, "%s_PORT", prefix), port);
        set_var(v, arena_strf(a, "%s_ADDR", prefix), ip);
    }
}

/* The API's own Service always; the namespace's only with enableServiceLinks. */
static void set_services(struct vars *v, const struct pod_worker *p)
{
    bool links = json_path(p->pod, "spec.enableServiceLinks") ? json_bool(json_path(p->pod, "spec.enableServiceLinks"), true) : true;
    size_t cursor = 0;
    for (struct object *o; informer_next(p->k->services, &cursor, &o);) {
        const struct json *svc = object_json(o);
        bool master = str_eqc(meta_namespace(svc), "default") && str_eqc(meta_name(svc), "kubernetes");
        if (master || (links && str_eqc(meta_namespace(svc), p->ns)))
            set_service(v, svc);
    }
}

static struct str data_value(struct arena *a, const struct pod_ref *r, struct str key, bool *found)
{
    bool secret = strcmp(r->kind, "secret") == 0;
    const struct json *v = json_getn(json_get(r->obj, "data"), key);
    struct str text = json_str(v), decoded = STR_NULL;
    *found = v != NULL;
    if (!secret)
        return text;
    return base64_decode(a, text, &decoded) ? decoded : STR_NULL;
}

static bool set_from(struct vars *v, const struct pod_worker *p, const struct json *from, struct err *err)
{
    const struct json *cm = json_get(from, "configMapRef"), *sec = json_get(from, "secretRef"), *ref = cm ? cm : sec;
    struct str name = json_get_str(ref, "name"), prefix = json_get_str(from, "prefix");
    const char *kind = cm ? "configmap" : "secret";
    const struct pod_ref *r = refs_find(p, kind, name);
    if (!r || !r->obj) {
        if (json_get_bool(ref, "optional", false))
            return true;
        return r && r->err.code != ERR_NOT_FOUND && r->err.code ? err_set(err, r->err.code, "%s", r->err.msg)
               : err_set(err, ERR_NOT_FOUND, "%s \"" STR_FMT "\" not found", kind, STR_ARG(name));
    }
    for (const struct json *d = json_first(json_get(r->obj, "data")); d; d = json_next(d)) {
        bool found;
        set_var(v, arena_strf(v->a, STR_FMT STR_FMT, STR_ARG(prefix), STR_ARG(json_key(d))), data_value(v->a, r, json_key(d), &found));
    }
    return true;
}

static bool value_of_key(struct vars *v, const struct pod_worker *p, const struct json *ref, const char *kind, struct str *out,
                         bool *skip, struct err *err)
{
    struct str name = json_get_str(ref, "name"), key = json_get_str(ref, "key");
    const struct pod_ref *r = refs_find(p, kind, name);
    bool optional = json_get_bool(ref, "optional", false), found = false;
    if (r && r->obj)
        *out = data_value(v->a, r, key, &found);
    *skip = !found && optional;
    if (found || optional)
        return true;
    if (r && r->obj)
        return err_set(err, ERR_NOT_FOUND, "couldn't find key " STR_FMT " in %s %s/" STR_FMT, STR_ARG(key),
                       strcmp(kind, "secret") == 0 ? "Secret" : "ConfigMap", p->ns, STR_ARG(name));
    return err_set(err, ERR_NOT_FOUND, "%s \"" STR_FMT "\" not found", kind, STR_ARG(name));
}

static bool set_env(struct vars *v, const struct container *c, const struct json *e, struct err *err)
{
    const struct pod_worker *p = c->pod;
    const struct json *from = json_get(e, "valueFrom"), *ref;
    struct str value = STR_NULL;
    bool skip = false, ok = true;
    if (!from)
        value = expand_dollar(v->a, json_get_str(e, "value"), lookup_var, v);
    else if ((ref = json_get(from, "fieldRef")))
        ok = field_ref_value(v->a, p, json_get_str(ref, "fieldPath"), &value, err);
    else if ((ref = json_get(from, "resourceFieldRef")))
        ok = resource_ref_value(v->a, p, c->spec, json_get_str(ref, "resource"), json_get_str(ref, "divisor"), &value, err);
    else if ((ref = json_get(from, "configMapKeyRef")))
        ok = value_of_key(v, p, ref, "configmap", &value, &skip, err);
    else if ((ref = json_get(from, "secretKeyRef")))
        ok = value_of_key(v, p, ref, "secret", &value, &skip, err);
    if (ok && !skip)
        set_var(v, json_get_str(e, "name"), value);
    return ok;
}

static void add_words(struct vars *v, const struct json *words, bool expand, char **out, size_t *n)
{
    for (const struct json *w = json_first(words); w; w = json_next(w))
        out[(*n)++] = arena_cstr(v->a, expand ? expand_dollar(v->a, json_str(w), lookup_var, v) : json_str(w));
}

/* Kubernetes' command replaces the image's entrypoint (and its cmd), args replace the cmd. */
static char **make_argv(struct vars *v, const struct container *c, const struct json *record)
{
    const struct json *command = json_get(c->spec, "command"), *args = json_get(c->spec, "args"),
                      *entry = json_get(record, "entrypoint"), *cmd = json_get(record, "cmd");
    size_t n = 0;
    char **argv = arena_zalloc(v->a, (json_len(command) + json_len(args) + json_len(entry) + json_len(cmd) + 2) * sizeof *argv);
    bool own = json_len(command) > 0;
    add_words(v, own ? command : entry, own, argv, &n);
    if (json_len(args))
        add_words(v, args, true, argv, &n);
    else if (!own)
        add_words(v, cmd, false, argv, &n);
    return argv;
}

bool environment_make(struct container *c, const struct json *record, char ***env, char ***argv, struct err *err)
{
    struct vars v = { c->run, map_new() };
    bool ok = true;
    set_services(&v, c->pod);
    for (const struct json *e = json_first(json_get(c->spec, "envFrom")); e && ok; e = json_next(e))
        ok = set_from(&v, c->pod, e, err);
    for (const struct json *e = json_first(json_get(c->spec, "env")); e && ok; e = json_next(e))
        ok = set_env(&v, c, e, err);
    if (ok) {
        size_t n = 0, cursor = 0, most = map_len(v.map) + json_len(json_get(record, "env")) + 3;
        struct str key;
        void *value;
        char **out = arena_zalloc(c->run, most * sizeof *out);
        bool path = false;
        for (const struct json *e = json_first(json_get(record, "env")); e; e = json_next(e)) {
            struct str name, rest;
            str_cut(json_str(e), '=', &name, &rest);
            path = path || str_eqc(name, "PATH");
            if (!map_get(v.map, name))
                out[n++] = arena_cstr(c->run, json_str(e));
        }
        if (!path && !map_getc(v.map, "PATH"))
            out[n++] = arena_strdup(c->run, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        if (!map_getc(v.map, "HOSTNAME"))
            out[n++] = arena_printf(c->run, "HOSTNAME=%s", pod_hostnetwork(c->pod) ? c->pod->k->o.node_name : c->pod->name);
        while (map_next(v.map, &cursor, &key, &value))
            out[n++] = arena_printf(c->run, STR_FMT "=%s", STR_ARG(key), (char *)value);
        *env = out;
        *argv = make_argv(&v, c, record);
    }
    map_free(v.map, NULL);
    return ok;
}
