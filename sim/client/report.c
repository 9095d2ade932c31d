/* sim/client/report.c - what a component's log says of its client's troubles, in the words and places of client-go.
 *
 * Upstream: client-go tools/cache/reflector.go, tools/leaderelection/leaderelection.go; places are those of v1.16 and v1.20.
 */
#include "sim/client/client_priv.h"

void client_set_log(struct client *c, int minor, client_log *line, void *ctx)
{
    c->log = line;
    c->log_ctx = ctx;
    c->log_minor = minor;
}

void client_say(struct client *c, char severity, const char *where_old, const char *where_new, const char *fmt, ...)
{
    struct strbuf text;
    va_list ap;
    if (!c->log)
        return;
    strbuf_init(&text, 8192);
    va_start(ap, fmt);
    strbuf_vaddf(&text, fmt, ap);
    va_end(ap);
    c->log(c->log_ctx, severity, c->log_minor < 18 ? where_old : where_new, text.p ? text.p : "");
    strbuf_deinit(&text);
}

/* Kinds of more than one word; any other is its resource's name without the plural's end. */
static const char *const long_kinds[] = {
    "APIService", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding", "ConfigMap", "ControllerRevision",
    "CronJob", "CSIDriver", "CSINode", "CustomResourceDefinition", "DaemonSet", "EndpointSlice", "Endpoints",
    "HorizontalPodAutoscaler", "Ingress", "LimitRange", "MutatingWebhookConfiguration", "NetworkPolicy",
    "PersistentVolume", "PersistentVolumeClaim", "PodDisruptionBudget", "PodTemplate", "PriorityClass", "ReplicaSet",
    "ReplicationController", "ResourceQuota", "RoleBinding", "RuntimeClass", "ServiceAccount", "StatefulSet",
    "StorageClass", "ValidatingWebhookConfiguration", "VolumeAttachment",
};

static bool is_plural_of(struct arena *a, struct str resource, const char *kind)
{
    struct str base = str_c(kind);
    bool y = str_ends(base, "Policy"), es = str_ends(base, "ss");
    struct str plural = y ? arena_strf(a, STR_FMT "ies", STR_ARG(str_sub(base, 0, base.n - 1)))
                          : arena_strf(a, "%s%s", kind, es ? "es" : str_ends(base, "s") ? "" : "s");
    return str_eqi(resource, plural);
}

const char *kind_of_path(struct arena *a, const char *path)
{
    struct str rest = str_c(path), part, version = STR("v1"), resource = STR("");
    while (rest.p) {
        part = str_token(&rest, '/');
        if (part.n > 1 && part.p[0] == 'v' && part.p[1] >= '0' && part.p[1] <= '9' && resource.n != 0 &&
            !str_eqc(resource, "namespaces"))
            version = part;
        resource = part;
    }
    for (size_t i = 0; i < ARRAY_LEN(long_kinds); i++)
        if (is_plural_of(a, resource, long_kinds[i]))
            return arena_printf(a, "*" STR_FMT ".%s", STR_ARG(version), long_kinds[i]);
    char *kind = arena_cstr(a, str_sub(resource, 0, resource.n ? resource.n - 1 : 0));
    if (*kind >= 'a' && *kind <= 'z')
        *kind = (char)(*kind - 'a' + 'A');
    return arena_printf(a, "*" STR_FMT ".%s", STR_ARG(version), kind);
}
