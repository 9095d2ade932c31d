/* apiserver/schema/validate_containers.c - containers: names, images, probes, ports, environment, mounts, resources.
 *
 * Models validateContainers and its leaves in pkg/apis/core/validation/validation.go, in upstream's order of checks.
 */
#include "apiserver/schema/schema_priv.h"

enum { PORT_NAME_MAX = 15, RELAXED_ENV_MINOR = 32, LIMIT_OF_MINOR = 28 };

bool check_port_number(struct check *c, int64_t port, const struct fpath *p)
{
    if (port >= 1 && port <= 65535)
        return true;
    check_invalid_i(c, p, port, "must be between 1 and 65535, inclusive");
    return false;
}

void check_port_name(struct check *c, struct str name, const struct fpath *p)
{
    bool charset = name.n > 0, letter = false, doubled = false;
    for (size_t i = 0; i < name.n; i++) {
        char ch = name.p[i];
        bool is_letter = ch >= 'a' && ch <= 'z';
        letter = letter || is_letter;
        charset = charset && (is_letter || (ch >= '0' && ch <= '9') || ch == '-');
        doubled = doubled || (ch == '-' && i > 0 && name.p[i - 1] == '-');
    }
    if (name.n > PORT_NAME_MAX)
        check_invalid_s(c, p, name, "must be no more than %d characters", PORT_NAME_MAX);
    if (!charset)
        check_invalid_s(c, p, name, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    if (!letter)
        check_invalid_s(c, p, name, "must contain at least one letter %s", c->minor >= 21 ? "(a-z)" : "or number (a-z, 0-9)");
    if (doubled)
        check_invalid_s(c, p, name, "must not contain consecutive hyphens");
    if (str_starts(name, "-") || str_ends(name, "-"))
        check_invalid_s(c, p, name, "must not begin or end with a hyphen");
}

static bool seen(const struct json *list, const struct json *until, const char *key, struct str v)
{
    for (const struct json *o = json_first(list); o && o != until; o = json_next(o))
        if (str_eq(json_get_str(o, key), v))
            return true;
    return false;
}

static void check_ports(struct check *c, const struct json *ports, const struct fpath *pp)
{
    size_t i = 0;
    for (const struct json *o = json_first(ports); o; o = json_next(o), i++) {
        const struct fpath *p = FP_INDEX(pp, i);
        struct str name = json_get_str(o, "name"), protocol = json_get_str(o, "protocol");
        size_t before = c->out->n;
        if (name.n)
            check_port_name(c, name, FP_NAME(p, "name"));
        if (name.n && c->out->n == before && seen(ports, o, "name", name))
            check_duplicate(c, FP_NAME(p, "name"), name);
        if (json_get_int(o, "containerPort", 0) == 0)
            check_required(c, FP_NAME(p, "containerPort"), "");
        else
            check_port_number(c, json_get_int(o, "containerPort", 0), FP_NAME(p, "containerPort"));
        if (json_get_int(o, "hostPort", 0))
            check_port_number(c, json_get_int(o, "hostPort", 0), FP_NAME(p, "hostPort"));
        if (protocol.n == 0)
            check_required(c, FP_NAME(p, "protocol"), "");
        else
            check_enum(c, FP_NAME(p, "protocol"), protocol, "SCTP,TCP,UDP");
    }
}

/* ---- environment ---- */

static bool env_name_ok(struct check *c, struct str n)
{
    for (size_t i = 0; i < n.n; i++) {
        char ch = n.p[i];
        bool digit = ch >= '0' && ch <= '9',
             word = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_' || ch == '-' || ch == '.';
        if (c->minor >= RELAXED_ENV_MINOR ? (ch < 0x20 || ch > 0x7e || ch == '=') : !word && !(digit && i > 0))
            return false;
    }
    return true;
}

static void check_env_name(struct check *c, struct str name, const struct fpath *p)
{
    if (env_name_ok(c, name))
        return;
    if (c->minor >= RELAXED_ENV_MINOR)
        check_invalid_s(c, p, name,
                        "a valid environment variable name must consist only of printable ASCII characters other than '='");
    else
        check_invalid_s(c, p, name,
                        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and "
                        "must not start with a "
                        "digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is "
                        "'[-._a-zA-Z][-._a-zA-Z0-9]*')");
}

static void check_key_ref(struct check *c, const struct json *ref, const struct fpath *p)
{
    if (json_get_str(ref, "name").n == 0)
        check_required(c, FP_NAME(p, "name"), "");
    if (json_get_str(ref, "key").n == 0)
        check_required(c, FP_NAME(p, "key"), "");
}

static void check_field_ref(struct check *c, const struct json *ref, const struct fpath *p)
{
    static const char env_fields[] = "metadata.name,metadata.namespace,metadata.uid,spec.nodeName,spec.serviceAccountName,"
                                     "status.hostIP,status.podIP,status.podIPs";
    struct str path = json_get_str(ref, "fieldPath");
    if (path.n == 0)
        check_required(c, FP_NAME(p, "fieldPath"), "");
    else if (in_list(path, env_fields) || str_starts(path, "metadata.labels['") || str_starts(path, "metadata.annotations['") ||
             in_list(path, "status.hostIPs"))
        return;
    else if (in_list(path, "metadata.labels,metadata.annotations,status.phase"))
        check_unsupported(c, FP_NAME(p, "fieldPath"), path, env_fields);
    else
        check_invalid_s(c, FP_NAME(p, "fieldPath"), path, "error converting fieldPath: field label not supported: " STR_FMT,
                        STR_ARG(path));
}

static void check_value_from(struct check *c, const struct json *env, const struct fpath *p)
{
    const struct json *from = json_get(env, "valueFrom"), *ref;
    size_t n = 0;
    if ((ref = json_get(from, "fieldRef")) && ++n)
        check_field_ref(c, ref, FP_NAME(p, "fieldRef"));
    if ((ref = json_get(from, "resourceFieldRef")) && ++n && json_get_str(ref, "resource").n == 0)
        check_required(c, FP_NAME(FP_NAME(p, "resourceFieldRef"), "resource"), "");
    if ((ref = json_get(from, "configMapKeyRef")) && ++n)
        check_key_ref(c, ref, FP_NAME(p, "configMapKeyRef"));
    if ((ref = json_get(from, "secretKeyRef")) && ++n)
        check_key_ref(c, ref, FP_NAME(p, "secretKeyRef"));
    if (n == 0)
        check_invalid_s(c, p, STR_NULL, "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`");
    else if (json_get_str(env, "value").n)
        check_invalid_s(c, p, STR_NULL, "may not be specified when `value` is not empty");
    else if (n > 1)
        check_invalid_s(c, p, STR_NULL, "may not have more than one field specified at a time");
}

static void check_env(struct check *c, const struct json *list, const struct fpath *pp)
{
    size_t i = 0;
    for (const struct json *e = json_first(list); e; e = json_next(e), i++) {
        const struct fpath *p = FP_INDEX(pp, i);
        struct str name = json_get_str(e, "name");
        if (name.n == 0)
            check_required(c, FP_NAME(p, "name"), "");
        else
            check_env_name(c, name, FP_NAME(p, "name"));
        if (json_is(json_get(e, "valueFrom"), JSON_OBJECT))
            check_value_from(c, e, FP_NAME(p, "valueFrom"));
    }
}

static void check_env_from(struct check *c, const struct json *list, const struct fpath *pp)
{
    size_t i = 0;
    for (const struct json *e = json_first(list); e; e = json_next(e), i++) {
        const struct fpath *p = FP_INDEX(pp, i);
        const struct json *map = json_get(e, "configMapRef"), *secret = json_get(e, "secretRef");
        if (json_get_str(e, "prefix").n)
            check_env_name(c, json_get_str(e, "prefix"), FP_NAME(p, "prefix"));
        if (map && json_get_str(map, "name").n == 0)
            check_required(c, FP_NAME(FP_NAME(p, "configMapRef"), "name"), "");
        if (secret && json_get_str(secret, "name").n == 0)
            check_required(c, FP_NAME(FP_NAME(p, "secretRef"), "name"), "");
        if (!map && !secret)
            check_invalid_s(c, pp, STR_NULL, "must specify one of: `configMapRef` or `secretRef`");
        else if (map && secret)
            check_invalid_s(c, pp, STR_NULL, "may not have more than one field specified at a time");
    }
}

/* ---- probes and hooks ---- */

static void check_port_num_or_name(struct check *c, const struct json *port, const struct fpath *p)
{
    if (json_is(port, JSON_STRING))
        check_port_name(c, json_str(port), p);
    else
        check_port_number(c, json_int(port, 0), p);
}

static void check_http_get(struct check *c, const struct json *h, const struct fpath *p)
{
    if (json_get_str(h, "path").n == 0)
        check_required(c, FP_NAME(p, "path"), "");
    check_port_num_or_name(c, json_get(h, "port"), FP_NAME(p, "port"));
    check_enum(c, FP_NAME(p, "scheme"), json_get_str(h, "scheme"), "HTTP,HTTPS");
}

static void check_handler(struct check *c, const struct json *h, const struct fpath *p)
{
    static const char *const types[] = { "exec", "httpGet", "tcpSocket", "grpc", "sleep" };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const struct json *x = json_get(h, types[i]);
        if (!json_is(x, JSON_OBJECT))
            continue;
        const struct fpath *xp = FP_NAME(p, types[i]);
        if (n++ > 0)
            check_forbidden(c, xp, "may not specify more than 1 handler type");
        else if (i == 0 && json_len(json_get(x, "command")) == 0)
            check_required(c, FP_NAME(xp, "command"), "");
        else if (i == 1)
            check_http_get(c, x, xp);
        else if (i == 2)
            check_port_num_or_name(c, json_get(x, "port"), FP_NAME(xp, "port"));
        else if (i == 3)
            check_port_number(c, json_get_int(x, "port", 0), FP_NAME(xp, "port"));
    }
    if (n == 0)
        check_required(c, p, "must specify a handler type");
}

static void check_probe(struct check *c, const struct json *probe, const struct fpath *p, bool once)
{
    static const char *const counts[] = { "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
                                          "failureThreshold" };
    if (!json_is(probe, JSON_OBJECT))
        return;
    check_handler(c, probe, p);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        check_non_negative(c, FP_NAME(p, counts[i]), json_get_int(probe, counts[i], 0));
    int64_t successes = json_get_int(probe, "successThreshold", 1);
    if (once && successes != 1)
        check_invalid_i(c, FP_NAME(p, "successThreshold"), successes, "must be 1");
}

static void check_lifecycle(struct check *c, const struct json *l, const struct fpath *p)
{
    if (json_get(l, "postStart"))
        check_handler(c, json_get(l, "postStart"), FP_NAME(p, "postStart"));
    if (json_get(l, "preStop"))
        check_handler(c, json_get(l, "preStop"), FP_NAME(p, "preStop"));
}

/* ---- mounts ---- */

static const struct json *find_named(const struct json *list, struct str name)
{
    for (const struct json *o = json_first(list); o; o = json_next(o))
        if (str_eq(json_get_str(o, "name"), name))
            return o;
    return NULL;
}

static void check_relative_path(struct check *c, struct str path, const struct fpath *p)
{
    struct str rest = path;
    if (str_starts(path, "/"))
        check_invalid_s(c, p, path, "must be a relative path");
    while (rest.p)
        if (str_eqc(str_token(&rest, '/'), "..")) {
            check_invalid_s(c, p, path, "must not contain '..'");
            return;
        }
}

static void check_mounts(struct check *c, const struct json *mounts, const struct json *volumes, const struct fpath *pp)
{
    size_t i = 0;
    for (const struct json *m = json_first(mounts); m; m = json_next(m), i++) {
        const struct fpath *p = FP_INDEX(pp, i);
        struct str name = json_get_str(m, "name"), path = json_get_str(m, "mountPath");
        if (name.n == 0)
            check_required(c, FP_NAME(p, "name"), "");
        if (!find_named(volumes, name))
            check_not_found(c, FP_NAME(p, "name"), name);
        if (path.n == 0)
            check_required(c, FP_NAME(p, "mountPath"), "");
        if (seen(mounts, m, "mountPath", path))
            check_invalid_s(c, FP_NAME(p, "mountPath"), path, "must be unique");
        if (json_get_str(m, "subPath").n)
            check_relative_path(c, json_get_str(m, "subPath"), FP_NAME(p, "subPath"));
        if (json_get_str(m, "subPathExpr").n)
            check_relative_path(c, json_get_str(m, "subPathExpr"), FP_NAME(p, "subPathExpr"));
    }
}

/* ---- resources ---- */

static void check_resource_name(struct check *c, struct str name, const struct fpath *p)
{
    check_qualified_name(c, name, p);
    if (str_chr(name, '/') >= 0 || str_starts(name, "hugepages-"))
        return;
    if (!in_list(name, "cpu,memory,ephemeral-storage,storage,pods,services,replicationcontrollers,resourcequotas,secrets,"
                       "configmaps,persistentvolumeclaims,"
                       "services.nodeports,services.loadbalancers,requests.cpu,requests.memory,limits.cpu,limits.memory,"
                       "requests.storage,"
                       "requests.ephemeral-storage,limits.ephemeral-storage"))
        check_invalid_s(c, p, name, "must be a standard resource type or fully qualified");
    if (!in_list(name, "cpu,memory,ephemeral-storage"))
        check_invalid_s(c, p, name, "must be a standard resource for containers");
}

static void check_resource_list(struct check *c, const struct json *list, const struct fpath *lp, const struct json *limits)
{
    for (const struct json *r = json_first(list); r; r = json_next(r)) {
        struct str name = json_key(r), value = json_str(r);
        const struct fpath *p = FP_KEY(lp, name);
        struct quantity q, limit;
        check_resource_name(c, name, p);
        if (!quantity_parse(value, &q, NULL))
            continue;
        if (q.nano < 0)
            check_invalid_s(c, p, value, "must be greater than or equal to 0");
        bool extended = str_chr(name, '/') >= 0 || str_starts(name, "hugepages-");
        if (extended && str_chr(name, '/') >= 0 && quantity_milli(q) % 1000 != 0)
            check_invalid_s(c, p, value, "must be an integer");
        const struct json *l = json_getn(limits, name);
        if (!l || !quantity_parse(json_str(l), &limit, NULL))
            continue;
        struct str of = c->minor >= LIMIT_OF_MINOR ? arena_strf(c->a, " of " STR_FMT, STR_ARG(json_str(l))) : STR_NULL;
        if (extended && quantity_cmp(q, limit) != 0)
            check_invalid_s(c, lp, value, "must be equal to " STR_FMT " limit" STR_FMT, STR_ARG(name), STR_ARG(of));
        else if (quantity_cmp(q, limit) > 0)
            check_invalid_s(c, lp, value, "must be less than or equal to " STR_FMT " limit" STR_FMT, STR_ARG(name), STR_ARG(of));
    }
}

void check_resources(struct check *c, const struct json *res, const struct fpath *p)
{
    check_resource_list(c, json_get(res, "limits"), FP_NAME(p, "limits"), NULL);
    check_resource_list(c, json_get(res, "requests"), FP_NAME(p, "requests"), json_get(res, "limits"));
}

/* ---- the container ---- */

static void check_security_context(struct check *c, const struct json *sc, const struct fpath *p)
{
    static const char *const ids[] = { "runAsUser", "runAsGroup" };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        int64_t id = json_get_int(sc, ids[i], 0);
        if (id < 0 || id > INT32_MAX)
            check_invalid_i(c, FP_NAME(p, ids[i]), id, "must be between 0 and 2147483647, inclusive");
    }
    if (!json_get_bool(sc, "allowPrivilegeEscalation", true) && json_get_bool(sc, "privileged", false))
        check_invalid_raw(c, p, go_print(c->a, c->s, "io.k8s.api.core.v1.SecurityContext", sc),
                          "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
}

static void check_container(struct check *c, const struct json *ct, const struct json *volumes, const struct fpath *p, bool init)
{
    struct str image = json_get_str(ct, "image"), pull = json_get_str(ct, "imagePullPolicy"),
               policy = json_get_str(ct, "terminationMessagePolicy");
    if (image.n == 0)
        check_required(c, FP_NAME(p, "image"), "");
    else if (c->minor >= 17 && str_trim(image).n != image.n)
        check_invalid_s(c, FP_NAME(p, "image"), image, "must not have leading or trailing whitespace");
    check_lifecycle(c, json_get(ct, "lifecycle"), FP_NAME(p, "lifecycle"));
    static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
    bool restartable = str_eqc(json_get_str(ct, "restartPolicy"), "Always");
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        if (init && !restartable && json_get(ct, probes[i]))
            check_forbidden(c, FP_NAME(p, probes[i]), "may not be set for init containers%s",
                            c->minor >= 28 ? " without restartPolicy=Always" : "");
        else
            check_probe(c, json_get(ct, probes[i]), FP_NAME(p, probes[i]), i != 1);
    }
    if (policy.n == 0)
        check_required(c, FP_NAME(p, "terminationMessagePolicy"), "must be 'File' or 'FallbackToLogsOnError'");
    else if (!in_list(policy, "File,FallbackToLogsOnError"))
        check_invalid_s(c, FP_NAME(p, "terminationMessagePolicy"), policy, "must be 'File' or 'FallbackToLogsOnError'");
    check_ports(c, json_get(ct, "ports"), FP_NAME(p, "ports"));
    check_env(c, json_get(ct, "env"), FP_NAME(p, "env"));
    check_env_from(c, json_get(ct, "envFrom"), FP_NAME(p, "envFrom"));
    check_mounts(c, json_get(ct, "volumeMounts"), volumes, FP_NAME(p, "volumeMounts"));
    if (pull.n == 0)
        check_required(c, FP_NAME(p, "imagePullPolicy"), "");
    else
        check_enum(c, FP_NAME(p, "imagePullPolicy"), pull, "Always,IfNotPresent,Never");
    check_resources(c, json_get(ct, "resources"), FP_NAME(p, "resources"));
    check_security_context(c, json_get(ct, "securityContext"), FP_NAME(p, "securityContext"));
}

static void check_host_port_conflicts(struct check *c, const struct json *containers, const struct fpath *pp)
{
    struct arena *a = c->a;
    struct json *used = json_new_object(a);
    size_t i = 0;
    for (const struct json *ct = json_first(containers); ct; ct = json_next(ct), i++) {
        size_t j = 0;
        for (const struct json *o = json_first(json_get(ct, "ports")); o; o = json_next(o), j++) {
            if (json_get_int(o, "hostPort", 0) == 0)
                continue;
            struct str protocol = json_get_str(o, "protocol"), ip = json_get_str(o, "hostIP");
            struct str key = arena_strf(a, STR_FMT "/" STR_FMT "/%" PRId64, STR_ARG(protocol), STR_ARG(ip),
                                        json_get_int(o, "hostPort", 0));
            if (json_getn(used, key))
                check_duplicate(c, FP_NAME(FP_INDEX(FP_NAME(FP_INDEX(pp, i), "ports"), j), "hostPort"), key);
            else
                json_setn(a, used, key, json_new_bool(a, true));
        }
    }
}

static void check_container_list(struct check *c, const struct json *list, const struct json *others, const struct json *volumes,
                                 const struct fpath *pp, bool init)
{
    size_t i = 0;
    for (const struct json *ct = json_first(list); ct; ct = json_next(ct), i++) {
        const struct fpath *p = FP_INDEX(pp, i);
        struct str name = json_get_str(ct, "name");
        if (name.n == 0)
            check_required(c, FP_NAME(p, "name"), "");
        else
            check_name(c, name, NAME_LABEL, false, FP_NAME(p, "name"));
        if (seen(list, ct, "name", name) || (name.n && find_named(others, name)))
            check_duplicate(c, FP_NAME(p, "name"), name);
        check_container(c, ct, volumes, p, init);
    }
    check_host_port_conflicts(c, list, pp);
}

void check_containers(struct check *c, const struct json *spec, const struct json *volumes, const struct fpath *p)
{
    const struct json *list = json_get(spec, "containers");
    if (json_len(list) == 0)
        check_required(c, FP_NAME(p, "containers"), "");
    check_container_list(c, list, NULL, volumes, FP_NAME(p, "containers"), false);
    check_container_list(c, json_get(spec, "initContainers"), list, volumes, FP_NAME(p, "initContainers"), true);
}
