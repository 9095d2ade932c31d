/* kubelet/flags.c - the kubelet's command line, as spf13/pflag reads it (cmd/kubelet/app/options/options.go).
 *
 * Every flag that a kubelet of v1.16 to v1.20 knows is known here with its type, so that a mistyped one is refused and a real one is not. A few decide
 * something: the files, and those that stand for a field of the configuration and win over its file. The others are accepted: what they would
 * change is not modelled.
 */
#include "kubelet/app_priv.h"

#include <stdlib.h>

enum flag_type { F_BOOL, F_STRING, F_INT, F_DURATION, F_FLOAT, F_LIST, F_MAP };
static const char *const type_names[] = { "", "string", "int", "duration", "float", "strings", "mapStringString" };

/* field: of KubeletConfiguration, whose flags are all on their way out */
struct flag { const char *name; enum flag_type type; const char *field; size_t offset; const char *deprecated; };
#define IN(f) offsetof(struct kubelet_flags, f)
#define NONE SIZE_MAX
#define CONFIG "This parameter should be set via the config file specified by the Kubelet's --config flag. See https://kubernetes.io/docs/tasks/administer-cluster/kubelet-config-file/ for more information."

static const struct flag flags[] = {
    { "bootstrap-kubeconfig", F_STRING, NULL, IN(bootstrap_kubeconfig), NULL },
    { "cert-dir", F_STRING, NULL, IN(cert_dir), NULL },
    { "config", F_STRING, NULL, IN(config), NULL },
    { "hostname-override", F_STRING, NULL, IN(hostname_override), NULL },
    { "kubeconfig", F_STRING, NULL, IN(kubeconfig), NULL },
    { "node-ip", F_STRING, NULL, IN(node_ip), NULL },
    { "address", F_STRING, "address", NONE, CONFIG },
    { "anonymous-auth", F_BOOL, "authentication.anonymous.enabled", NONE, CONFIG },
    { "authentication-token-webhook", F_BOOL, "authentication.webhook.enabled", NONE, CONFIG },
    { "authentication-token-webhook-cache-ttl", F_DURATION, "", NONE, CONFIG },
    { "authorization-mode", F_STRING, "authorization.mode", NONE, CONFIG },
    { "authorization-webhook-cache-authorized-ttl", F_DURATION, "", NONE, CONFIG },
    { "authorization-webhook-cache-unauthorized-ttl", F_DURATION, "", NONE, CONFIG },
    { "cgroup-driver", F_STRING, "cgroupDriver", NONE, CONFIG },
    { "cgroup-root", F_STRING, "", NONE, CONFIG },
    { "cgroups-per-qos", F_BOOL, "", NONE, CONFIG },
    { "client-ca-file", F_STRING, "authentication.x509.clientCAFile", NONE, CONFIG },
    { "cluster-dns", F_LIST, "clusterDNS", NONE, CONFIG },
    { "cluster-domain", F_STRING, "clusterDomain", NONE, CONFIG },
    { "container-log-max-files", F_INT, "", NONE, CONFIG },
    { "container-log-max-size", F_STRING, "", NONE, CONFIG },
    { "contention-profiling", F_BOOL, "", NONE, CONFIG },
    { "cpu-cfs-quota", F_BOOL, "", NONE, CONFIG },
    { "cpu-cfs-quota-period", F_DURATION, "", NONE, CONFIG },
    { "cpu-manager-policy", F_STRING, "", NONE, CONFIG },
    { "cpu-manager-reconcile-period", F_DURATION, "", NONE, CONFIG },
    { "enable-controller-attach-detach", F_BOOL, "", NONE, CONFIG },
    { "enable-debugging-handlers", F_BOOL, "", NONE, CONFIG },
    { "enforce-node-allocatable", F_LIST, "", NONE, CONFIG },
    { "event-burst", F_INT, "", NONE, CONFIG },
    { "event-qps", F_INT, "", NONE, CONFIG },
    { "eviction-hard", F_MAP, "", NONE, CONFIG },
    { "eviction-max-pod-grace-period", F_INT, "", NONE, CONFIG },
    { "eviction-minimum-reclaim", F_MAP, "", NONE, CONFIG },
    { "eviction-pressure-transition-period", F_DURATION, "", NONE, CONFIG },
    { "eviction-soft", F_MAP, "", NONE, CONFIG },
    { "eviction-soft-grace-period", F_MAP, "", NONE, CONFIG },
    { "fail-swap-on", F_BOOL, "", NONE, CONFIG },
    { "feature-gates", F_MAP, "", NONE, CONFIG },
    { "file-check-frequency", F_DURATION, "", NONE, CONFIG },
    { "hairpin-mode", F_STRING, "", NONE, CONFIG },
    { "healthz-bind-address", F_STRING, "", NONE, CONFIG },
    { "healthz-port", F_INT, "", NONE, CONFIG },
    { "http-check-frequency", F_DURATION, "", NONE, CONFIG },
    { "image-gc-high-threshold", F_INT, "", NONE, CONFIG },
    { "image-gc-low-threshold", F_INT, "", NONE, CONFIG },
    { "iptables-drop-bit", F_INT, "", NONE, CONFIG },
    { "iptables-masquerade-bit", F_INT, "", NONE, CONFIG },
    { "kube-api-burst", F_INT, "", NONE, CONFIG },
    { "kube-api-content-type", F_STRING, "", NONE, CONFIG },
    { "kube-api-qps", F_INT, "", NONE, CONFIG },
    { "kube-reserved", F_MAP, "", NONE, CONFIG },
    { "kube-reserved-cgroup", F_STRING, "", NONE, CONFIG },
    { "kubelet-cgroups", F_STRING, "", NONE, CONFIG },
    { "make-iptables-util-chains", F_BOOL, "", NONE, CONFIG },
    { "manifest-url", F_STRING, "", NONE, CONFIG },
    { "manifest-url-header", F_STRING, "", NONE, CONFIG },
    { "max-open-files", F_INT, "", NONE, CONFIG },
    { "max-pods", F_INT, "maxPods", NONE, CONFIG },
    { "node-status-update-frequency", F_DURATION, "", NONE, CONFIG },
    { "oom-score-adj", F_INT, "", NONE, CONFIG },
    { "pod-cidr", F_STRING, "", NONE, CONFIG },
    { "pod-manifest-path", F_STRING, "staticPodPath", NONE, CONFIG },
    { "pod-max-pids", F_INT, "", NONE, CONFIG },
    { "pods-per-core", F_INT, "", NONE, CONFIG },
    { "port", F_INT, "port", NONE, CONFIG },
    { "protect-kernel-defaults", F_BOOL, "", NONE, CONFIG },
    { "qos-reserved", F_MAP, "", NONE, CONFIG },
    { "read-only-port", F_INT, "", NONE, CONFIG },
    { "registry-burst", F_INT, "", NONE, CONFIG },
    { "registry-qps", F_INT, "", NONE, CONFIG },
    { "reserved-cpus", F_STRING, "", NONE, CONFIG },
    { "resolv-conf", F_STRING, "", NONE, CONFIG },
    { "rotate-certificates", F_BOOL, "rotateCertificates", NONE, CONFIG },
    { "rotate-server-certificates", F_BOOL, "serverTLSBootstrap", NONE, CONFIG },
    { "runonce", F_BOOL, "", NONE, CONFIG },
    { "runtime-request-timeout", F_DURATION, "", NONE, CONFIG },
    { "serialize-image-pulls", F_BOOL, "", NONE, CONFIG },
    { "streaming-connection-idle-timeout", F_DURATION, "", NONE, CONFIG },
    { "sync-frequency", F_DURATION, "", NONE, CONFIG },
    { "system-cgroups", F_STRING, "", NONE, CONFIG },
    { "system-reserved", F_MAP, "", NONE, CONFIG },
    { "system-reserved-cgroup", F_STRING, "", NONE, CONFIG },
    { "tls-cert-file", F_STRING, "tlsCertFile", NONE, CONFIG },
    { "tls-cipher-suites", F_LIST, "", NONE, CONFIG },
    { "tls-min-version", F_STRING, "", NONE, CONFIG },
    { "tls-private-key-file", F_STRING, "tlsPrivateKeyFile", NONE, CONFIG },
    { "topology-manager-policy", F_STRING, "", NONE, CONFIG },
    { "volume-stats-agg-period", F_DURATION, "", NONE, CONFIG },
    { "allow-privileged", F_BOOL, NULL, NONE, "will be removed in a future version" },
    { "alsologtostderr", F_BOOL, NULL, NONE, NULL },
    { "azure-container-registry-config", F_STRING, NULL, NONE, NULL },
    { "chaos-chance", F_FLOAT, NULL, NONE, NULL },
    { "cloud-config", F_STRING, NULL, NONE, NULL },
    { "cloud-provider", F_STRING, NULL, NONE, NULL },
    { "cni-bin-dir", F_STRING, NULL, NONE, NULL },
    { "cni-cache-dir", F_STRING, NULL, NONE, NULL },
    { "cni-conf-dir", F_STRING, NULL, NONE, NULL },
    { "container-runtime", F_STRING, NULL, NONE, NULL },
    { "container-runtime-endpoint", F_STRING, NULL, NONE, NULL },
    { "containerized", F_BOOL, NULL, NONE, "will be removed in a future version" },
    { "docker-endpoint", F_STRING, NULL, NONE, NULL },
    { "dynamic-config-dir", F_STRING, NULL, NONE, NULL },
    { "enable-cadvisor-json-endpoints", F_BOOL, NULL, NONE, "will be removed in a future version" },
    { "enable-server", F_BOOL, NULL, NONE, NULL },
    { "exit-on-lock-contention", F_BOOL, NULL, NONE, NULL },
    { "experimental-allocatable-ignore-eviction", F_BOOL, NULL, NONE, NULL },
    { "experimental-bootstrap-kubeconfig", F_STRING, NULL, IN(bootstrap_kubeconfig), "Use --bootstrap-kubeconfig" },
    { "experimental-check-node-capabilities-before-mount", F_BOOL, NULL, NONE, NULL },
    { "experimental-kernel-memcg-notification", F_BOOL, NULL, NONE, NULL },
    { "experimental-mounter-path", F_STRING, NULL, NONE, NULL },
    { "host-ipc-sources", F_LIST, NULL, NONE, "will be removed in a future version" },
    { "host-network-sources", F_LIST, NULL, NONE, "will be removed in a future version" },
    { "host-pid-sources", F_LIST, NULL, NONE, "will be removed in a future version" },
    { "image-pull-progress-deadline", F_DURATION, NULL, NONE, NULL },
    { "image-service-endpoint", F_STRING, NULL, NONE, NULL },
    { "keep-terminated-pod-volumes", F_BOOL, NULL, NONE, "will be removed in a future version" },
    { "lock-file", F_STRING, NULL, NONE, NULL },
    { "log-backtrace-at", F_STRING, NULL, NONE, NULL },
    { "log-dir", F_STRING, NULL, NONE, NULL },
    { "log-file", F_STRING, NULL, NONE, NULL },
    { "log-file-max-size", F_INT, NULL, NONE, NULL },
    { "log-flush-frequency", F_DURATION, NULL, NONE, NULL },
    { "logtostderr", F_BOOL, NULL, NONE, NULL },
    { "master-service-namespace", F_STRING, NULL, NONE, "This flag will be removed in a future version." },
    { "maximum-dead-containers", F_INT, NULL, NONE, "Use --eviction-hard or --eviction-soft instead. Will be removed in a future version." },
    { "maximum-dead-containers-per-container", F_INT, NULL, NONE, "Use --eviction-hard or --eviction-soft instead. Will be removed in a future version." },
    { "minimum-container-ttl-duration", F_DURATION, NULL, NONE, "Use --eviction-hard or --eviction-soft instead. Will be removed in a future version." },
    { "minimum-image-ttl-duration", F_DURATION, NULL, NONE, "Use --eviction-hard or --eviction-soft instead. Will be removed in a future version." },
    { "network-plugin", F_STRING, NULL, NONE, NULL },
    { "network-plugin-mtu", F_INT, NULL, NONE, NULL },
    { "node-labels", F_MAP, NULL, NONE, NULL },
    { "node-status-max-images", F_INT, NULL, NONE, NULL },
    { "non-masquerade-cidr", F_STRING, NULL, NONE, "will be removed in a future version" },
    { "pod-infra-container-image", F_STRING, NULL, NONE, NULL },
    { "provider-id", F_STRING, NULL, NONE, NULL },
    { "really-crash-for-testing", F_BOOL, NULL, NONE, NULL },
    { "redirect-container-streaming", F_BOOL, NULL, NONE, NULL },
    { "register-node", F_BOOL, NULL, NONE, NULL },
    { "register-schedulable", F_BOOL, NULL, NONE, "will be removed in a future version" },
    { "register-with-taints", F_LIST, NULL, NONE, NULL },
    { "root-dir", F_STRING, NULL, NONE, NULL },
    { "runtime-cgroups", F_STRING, NULL, NONE, NULL },
    { "seccomp-profile-root", F_STRING, NULL, NONE, NULL },
    { "skip-headers", F_BOOL, NULL, NONE, NULL },
    { "skip-log-headers", F_BOOL, NULL, NONE, NULL },
    { "stderrthreshold", F_STRING, NULL, NONE, NULL },
    { "vmodule", F_STRING, NULL, NONE, NULL },
    { "volume-plugin-dir", F_STRING, NULL, NONE, NULL },
    { "help", F_BOOL, NULL, IN(help), NULL },
    { "version", F_BOOL, NULL, IN(version), NULL },
    { "v", F_INT, NULL, IN(v), NULL },
};

void kubelet_flags_usage(struct strbuf *out)
{
    strbuf_addc(out, "Usage:\n  kubelet [flags]\n\nFlags:\n");
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(flags[i].name, "v") != 0)
            strbuf_addf(out, "      --%s%s%s\n", flags[i].name, flags[i].type ? " " : "", type_names[flags[i].type]);
    strbuf_addc(out, "  -v, --v Level\n");
}

static const struct flag *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (str_eqc(name, flags[i].name))
            return &flags[i];
    return NULL;
}

static bool parse_bool(struct str s, bool *out)
{
    static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" }, *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_eqc(s, yes[i]) || str_eqc(s, no[i])) {
            *out = str_eqc(s, yes[i]);
            return true;
        }
    return false;
}

/* The text as a value of the flag's type, or NULL with pflag's words about it. */
static struct json *value_of(struct arena *a, const struct flag *f, struct str text, struct err *err)
{
    bool truth = false;
    int64_t n = 0;
    const char *why = NULL;
    struct json *list;
    switch (f->type) {
    case F_BOOL:
        if (parse_bool(text, &truth))
            return json_new_bool(a, truth);
        why = arena_printf(a, "strconv.ParseBool: parsing \"" STR_FMT "\": invalid syntax", STR_ARG(text));
        break;
    case F_INT:
        if (str_int(text, &n))
            return json_new_int(a, n);
        why = arena_printf(a, "strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax", STR_ARG(text));
        break;
    case F_DURATION:
        if (duration_parse_go(text, &n))
            return json_new_str(a, text);
        why = arena_printf(a, "time: invalid duration " STR_FMT, STR_ARG(text));
        break;
    case F_LIST:
        list = json_new_array(a);
        while (text.p && text.n)
            json_append(list, json_new_str(a, str_token(&text, ',')));
        return list;
    case F_STRING: case F_FLOAT: case F_MAP:
        return json_new_str(a, text);
    }
    err_set(err, ERR_USAGE, "invalid argument \"" STR_FMT "\" for \"%s--%s\" flag: %s", STR_ARG(text), strcmp(f->name, "v") == 0 ? "-v, " : "", f->name, why);
    return NULL;
}

static void keep(struct arena *a, struct kubelet_flags *out, const struct flag *f, struct json *value)
{
    if (f->field && *f->field)
        json_set(a, out->overrides, f->field, value);
    if (f->offset == NONE)
        return;
    void *slot = (char *)out + f->offset;
    if (f->type == F_BOOL)
        *(bool *)slot = json_bool(value, false);
    else if (f->type == F_INT)
        *(int *)slot = (int)json_int(value, 0);
    else
        *(const char **)slot = arena_cstr(a, json_str(value));
}

/* One word of the command line; *next is the one behind it, taken when the flag needs it. */
static bool take(struct arena *a, struct kubelet_flags *out, struct json *deprecated, const char *word, char ***next, struct err *err)
{
    struct str name, value = STR_NULL;
    bool dashes = word[1] == '-', has_value = str_cut(str_c(word + (dashes ? 2 : 1)), '=', &name, &value);
    if (!dashes) {                     /* -v 2, -v=2, -v2, -h */
        if (word[1] == 'h' && !word[2]) {
            out->help = true;
            return true;
        }
        if (word[1] != 'v')
            return err_set(err, ERR_USAGE, "unknown shorthand flag: '%c' in %s", word[1], word);
        value = str_c(word + 2 + (word[2] == '='));
        has_value = value.n > 0;
        name = STR("v");
    } else if (name.n == 0 || name.p[0] == '-' || name.p[0] == '=') {
        return err_set(err, ERR_USAGE, "bad flag syntax: %s", word);
    }
    const struct flag *f = find(name);
    if (!f)
        return err_set(err, ERR_USAGE, "unknown flag: --" STR_FMT, STR_ARG(name));
    if (!has_value && f->type == F_BOOL)
        value = STR("true");
    else if (!has_value && **next)
        value = str_c(*(*next)++);
    else if (!has_value)
        return err_set(err, ERR_USAGE, dashes ? "flag needs an argument: --%s" : "flag needs an argument: 'v' in -%s", f->name);
    struct json *v = value_of(a, f, value, err);
    if (!v)
        return false;
    if (f->deprecated)
        json_append(deprecated, json_new_str(a, arena_strf(a, "Flag --%s has been deprecated, %s", f->name, f->deprecated)));
    keep(a, out, f, v);
    return true;
}

bool kubelet_flags_parse(struct arena *a, char **argv, struct kubelet_flags *out, struct json *deprecated, struct err *err)
{
    *out = (struct kubelet_flags){ .cert_dir = "/var/lib/kubelet/pki", .overrides = json_new_object(a) };
    char **next = argv + (argv[0] != NULL);
    const char *stray = NULL;
    while (*next) {
        const char *word = *next++;
        if (strcmp(word, "--") == 0) {
            stray = stray ? stray : *next;
            break;
        }
        if (word[0] != '-' || !word[1])
            stray = stray ? stray : word;
        else if (!take(a, out, deprecated, word, &next, err))
            return false;
    }
    return !stray || err_set(err, ERR_USAGE, "unknown command: %s", stray);
}
