/* kubelet/config.c - KubeletConfiguration: the file --config names, with the flags that stand for its fields on top.
 *
 * Upstream: pkg/kubelet/kubeletconfig/util/codec/codec.go, staging/src/k8s.io/kubelet/config/v1beta1/types.go,
 * pkg/kubelet/apis/config/validation. Every field is known with its type, since a wrong type keeps a kubelet from starting; those
 * that decide something here end up in struct kubelet_config.
 */
#include "kubelet/app_priv.h"

#define CLUSTER_DNS "10.96.0.10"

enum { T_BOOL, T_INT, T_STRING, T_DURATION, T_LIST, T_MAP };
struct field { const char *path; int type; };

/* Fields of the top level, and below authentication and authorization. */
static const struct field fields[] = {
    { "apiVersion", T_STRING }, { "kind", T_STRING }, { "address", T_STRING }, { "allowedUnsafeSysctls", T_LIST },
    { "authentication", T_MAP }, { "authorization", T_MAP },
    { "authentication.anonymous", T_MAP }, { "authentication.webhook", T_MAP }, { "authentication.x509", T_MAP },
    { "authentication.anonymous.enabled", T_BOOL },
    { "authentication.webhook.enabled", T_BOOL }, { "authentication.webhook.cacheTTL", T_DURATION },
    { "authentication.x509.clientCAFile", T_STRING },
    { "authorization.mode", T_STRING }, { "authorization.webhook", T_MAP },
    { "authorization.webhook.cacheAuthorizedTTL", T_DURATION }, { "authorization.webhook.cacheUnauthorizedTTL", T_DURATION },
    { "cgroupDriver", T_STRING }, { "cgroupRoot", T_STRING }, { "cgroupsPerQOS", T_BOOL }, { "clusterDNS", T_LIST },
    { "clusterDomain", T_STRING },
    { "configMapAndSecretChangeDetectionStrategy", T_STRING }, { "containerLogMaxFiles", T_INT },
    { "containerLogMaxSize", T_STRING }, { "contentType", T_STRING },
    { "cpuCFSQuota", T_BOOL }, { "cpuCFSQuotaPeriod", T_DURATION }, { "cpuManagerPolicy", T_STRING },
    { "cpuManagerReconcilePeriod", T_DURATION },
    { "enableContentionProfiling", T_BOOL }, { "enableControllerAttachDetach", T_BOOL }, { "enableDebuggingHandlers", T_BOOL },
    { "enableServer", T_BOOL }, { "enforceNodeAllocatable", T_LIST },
    { "eventBurst", T_INT }, { "eventRecordQPS", T_INT }, { "evictionHard", T_MAP }, { "evictionMaxPodGracePeriod", T_INT },
    { "evictionMinimumReclaim", T_MAP },
    { "evictionPressureTransitionPeriod", T_DURATION }, { "evictionSoft", T_MAP }, { "evictionSoftGracePeriod", T_MAP },
    { "failSwapOn", T_BOOL }, { "featureGates", T_MAP },
    { "fileCheckFrequency", T_DURATION }, { "hairpinMode", T_STRING }, { "healthzBindAddress", T_STRING },
    { "healthzPort", T_INT }, { "httpCheckFrequency", T_DURATION },
    { "imageGCHighThresholdPercent", T_INT }, { "imageGCLowThresholdPercent", T_INT }, { "imageMinimumGCAge", T_DURATION },
    { "iptablesDropBit", T_INT }, { "iptablesMasqueradeBit", T_INT },
    { "kubeAPIBurst", T_INT }, { "kubeAPIQPS", T_INT }, { "kubeReserved", T_MAP }, { "kubeReservedCgroup", T_STRING },
    { "kubeletCgroups", T_STRING }, { "logging", T_MAP },
    { "makeIPTablesUtilChains", T_BOOL }, { "maxOpenFiles", T_INT }, { "maxPods", T_INT }, { "nodeLeaseDurationSeconds", T_INT },
    { "nodeStatusReportFrequency", T_DURATION },
    { "nodeStatusUpdateFrequency", T_DURATION }, { "oomScoreAdj", T_INT }, { "podCIDR", T_STRING }, { "podPidsLimit", T_INT },
    { "podsPerCore", T_INT }, { "port", T_INT },
    { "protectKernelDefaults", T_BOOL }, { "providerID", T_STRING }, { "qosReserved", T_MAP }, { "readOnlyPort", T_INT },
    { "registryBurst", T_INT }, { "registryPullQPS", T_INT },
    { "reservedSystemCPUs", T_STRING }, { "resolvConf", T_STRING }, { "rotateCertificates", T_BOOL },
    { "runtimeRequestTimeout", T_DURATION }, { "serializeImagePulls", T_BOOL },
    { "serverTLSBootstrap", T_BOOL }, { "showHiddenMetricsForVersion", T_STRING }, { "shutdownGracePeriod", T_DURATION },
    { "shutdownGracePeriodCriticalPods", T_DURATION }, { "staticPodPath", T_STRING },
    { "staticPodURL", T_STRING }, { "staticPodURLHeader", T_MAP }, { "streamingConnectionIdleTimeout", T_DURATION },
    { "syncFrequency", T_DURATION }, { "systemCgroups", T_STRING },
    { "systemReserved", T_MAP }, { "systemReservedCgroup", T_STRING }, { "tlsCertFile", T_STRING }, { "tlsCipherSuites", T_LIST },
    { "tlsMinVersion", T_STRING }, { "tlsPrivateKeyFile", T_STRING },
    { "topologyManagerPolicy", T_STRING }, { "volumePluginDir", T_STRING }, { "volumeStatsAggPeriod", T_DURATION },
};

static const struct field *find(struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (str_eqc(path, fields[i].path))
            return &fields[i];
    return NULL;
}

/* The Go field's name is the JSON one with a capital letter, but for initials: MaxPods, ClusterDNS, ServerTLSBootstrap. */
static const char *go_name(struct arena *a, struct str json_name)
{
    char *name = arena_cstr(a, json_name);
    if (*name >= 'a' && *name <= 'z')
        *name = (char)(*name - 'a' + 'A');
    return strcmp(name, "TlsCertFile") == 0 ? "TLSCertFile" : strcmp(name, "TlsPrivateKeyFile") == 0 ? "TLSPrivateKeyFile" : name;
}

static bool has_type(const struct json *v, int type, const char **why)
{
    int64_t ns;
    enum json_type t = json_type(v);
    if (t == JSON_NULL)
        return true;
    switch (type) {
    case T_BOOL:     *why = "ReadBool: expect t or f"; return t == JSON_BOOL;
    case T_INT:      *why = "readUint32: unexpected character: \xef\xbf\xbd"; return t == JSON_INT;
    case T_STRING:   *why = "ReadString: expects \" or n"; return t == JSON_STRING;
    case T_LIST:     *why = "decode slice: expect [ or n"; return t == JSON_ARRAY;
    case T_MAP:      *why = "ReadMapCB: expect { or n"; return t == JSON_OBJECT;
    default:
        *why = "unmarshalerDecoder: time: invalid duration";
        return (t == JSON_STRING && duration_parse_go(json_str(v), &ns)) || (t == JSON_INT && json_int(v, 1) == 0);
    }
}

static bool check_object(struct arena *a, const struct json *obj, struct str prefix, const char **unknown, struct err *err)
{
    for (const struct json *v = json_first(obj); v; v = json_next(v)) {
        struct str path = prefix.n ? arena_strf(a, STR_FMT "." STR_FMT, STR_ARG(prefix), STR_ARG(json_key(v))) : json_key(v);
        const struct field *f = find(path);
        const char *why = "";
        struct strbuf near;
        if (!f) {
            *unknown = *unknown ? *unknown : arena_cstr(a, path);
            continue;
        }
        if (!has_type(v, f->type, &why)) {
            strbuf_init(&near, 256);
            json_write(&near, v, 0);
            err_set(err, ERR_PARSE, "v1beta1.KubeletConfiguration.%s: %s, but found " STR_FMT, go_name(a, path), why,
                    STR_ARG(str_sub(strbuf_str(&near), 0, 40)));
            strbuf_deinit(&near);
            return false;
        }
        if (f->type == T_MAP && (str_starts(path, "authentication") || str_starts(path, "authorization")) &&
            !check_object(a, v, path, unknown, err))
            return false;
    }
    return true;
}

static bool decode(struct arena *a, struct str text, int minor, struct json **out, const char **warning, struct err *err)
{
    struct err why = { 0 };
    const char *unknown = NULL;
    const char *form = minor >= 18 ? "failed to decode: %s" : "failed to decode, error: %s";
    struct json *doc = yaml_parse(a, text, &why);
    struct str kind = json_get_str(doc, "kind"), version = json_get_str(doc, "apiVersion");
    bool ok = doc != NULL;
    if (!ok && str_starts(str_c(why.msg), "error converting YAML to JSON: "))
        memmove(why.msg, why.msg + strlen("error converting YAML to JSON: "),
                strlen(why.msg) - strlen("error converting YAML to JSON: ") + 1);
    if (ok && !json_is(doc, JSON_OBJECT))
        ok = err_set(&why, ERR_PARSE,
                     "couldn't get version/kind; json parse error: json: cannot unmarshal %s into Go value of type struct { "
                     "APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; "
                     "Kind string \"json:\\\"kind,omitempty\\\"\" }", json_is(doc, JSON_ARRAY) ? "array" : "string");
    else if (ok && !kind.n)
        ok = err_set(&why, ERR_PARSE, "Object 'Kind' is missing in '" STR_FMT "'", STR_ARG(json_text(a, doc)));
    else if (ok && !version.n)
        ok = err_set(&why, ERR_PARSE, "Object 'apiVersion' is missing in '" STR_FMT "'", STR_ARG(json_text(a, doc)));
    else if (ok && (!str_eqc(kind, "KubeletConfiguration") || !str_eqc(version, "kubelet.config.k8s.io/v1beta1")))
        ok = err_set(&why, ERR_PARSE,
                     "no kind \"" STR_FMT "\" is registered for version \"" STR_FMT
                     "\" in scheme \"k8s.io/kubernetes/pkg/kubelet/apis/config/scheme/scheme.go:31\"",
                     STR_ARG(kind), STR_ARG(version));
    ok = ok && check_object(a, doc, STR_NULL, &unknown, &why);
    if (!ok)
        err_set(err, ERR_PARSE, form, why.msg);
    else if (unknown && minor >= 18)
        *warning = arena_printf(a,
                                "using lenient decoding as strict decoding failed: strict decoder error for " STR_FMT
                                ": v1beta1.KubeletConfiguration.ReadObject: found unknown field: %s",
                                STR_ARG(json_text(a, doc)), unknown);
    err_clear(&why);
    *out = doc;
    return ok;
}

/* A flag's value under the field it stands for. */
static void put_override(struct arena *a, struct json *doc, const struct json *value)
{
    struct str path = json_key(value), head, tail;
    while (str_cut(path, '.', &head, &tail)) {
        doc = json_ensure(a, doc, arena_cstr(a, head));
        path = tail;
    }
    json_setn(a, doc, path, json_copy(a, value));
}

static const char *text_at(struct arena *a, const struct json *doc, const char *path, const char *dflt)
{
    struct str s = json_path_str(doc, path);
    return s.n ? arena_cstr(a, s) : dflt;
}

static bool validate(const struct kubelet_config *c, const struct json *doc, struct err *err)
{
    struct str mode = json_path_str(doc, "authorization.mode");
    if (c->max_pods < 0)
        return err_set(err, ERR_INVALID, "invalid configuration: MaxPods (--max-pods) %" PRId64 " must not be a negative number",
                       c->max_pods);
    if (c->port < 1 || c->port > 65535)
        return err_set(err, ERR_INVALID, "invalid configuration: Port (--port) %" PRId64 " must be between 1 and 65535, inclusive",
                       c->port);
    if (mode.n && !str_eqc(mode, "Webhook") && !str_eqc(mode, "AlwaysAllow"))
        return err_set(err, ERR_INVALID, "unknown authorization mode " STR_FMT, STR_ARG(mode));
    return true;
}

bool kubelet_config_load(struct arena *a, struct str text, const struct json *overrides, int minor, struct kubelet_config *out,
                         const char **warning, struct err *err)
{
    struct json *doc = NULL;
    bool from_file = text.p != NULL;
    *warning = NULL;
    if (from_file && !decode(a, text, minor, &doc, warning, err))
        return false;
    doc = doc ? doc : json_new_object(a);
    for (const struct json *v = json_first(overrides); v; v = json_next(v))
        put_override(a, doc, v);
    /* Without a file the flags' own defaults hold, which are laxer: --anonymous-auth=true and --authorization-mode=AlwaysAllow. */
    *out = (struct kubelet_config){
        .anonymous = json_bool(json_path(doc, "authentication.anonymous.enabled"), !from_file),
        .webhook_authn = json_bool(json_path(doc, "authentication.webhook.enabled"), from_file),
        .always_allow = from_file ? str_eqc(json_path_str(doc, "authorization.mode"), "AlwaysAllow")
        : !str_eqc(json_path_str(doc, "authorization.mode"), "Webhook"),
        .rotate_certificates = json_get_bool(doc, "rotateCertificates", false),
        .server_tls_bootstrap = json_get_bool(doc, "serverTLSBootstrap", false),
        .client_ca_file = text_at(a, doc, "authentication.x509.clientCAFile", NULL),
        .static_pod_path = text_at(a, doc, "staticPodPath", NULL),
        .cluster_dns = json_len(json_get(doc, "clusterDNS")) ? arena_cstr(a, json_str(json_at(json_get(doc, "clusterDNS"), 0)))
        : CLUSTER_DNS,
        .cluster_domain = text_at(a, doc, "clusterDomain", "cluster.local"),
        .tls_cert_file = text_at(a, doc, "tlsCertFile", NULL),
        .tls_key_file = text_at(a, doc, "tlsPrivateKeyFile", NULL),
        .address = text_at(a, doc, "address", "0.0.0.0"),
        .max_pods = json_get_int(doc, "maxPods", 110),
        .port = json_get_int(doc, "port", 10250),
    };
    return validate(out, doc, err);
}
