/* kubelet/flags.c - the kubelet's command line, as spf13/pflag reads it (cmd/kubelet/app/options/options.go).
 *
 * Every flag that a kubelet of v1.16 to v1.20 knows is known here with its type, so that a mistyped one is refused and a real one
 * is not. A few decide something: the files, and those that stand for a field of the configuration and win over its file. The
 * others are accepted: what they would change is not modelled.
 */
#include "kubelet/app_priv.h"
#include "sim/proc/pflag.h"

/* field: of KubeletConfiguration, whose flags are all on their way out */
struct flag { struct pflag p; const char *field; size_t offset; };
#define IN(f) offsetof(struct kubelet_flags, f)
#define NONE SIZE_MAX
#define CONFIG "This parameter should be set via the config file specified by the Kubelet's --config flag. See "                      \
               "https://kubernetes.io/docs/tasks/administer-cluster/kubelet-config-file/ for more information."

static const struct flag flags[] = {
    { { "bootstrap-kubeconfig", PFLAG_STRING, NULL }, NULL, IN(bootstrap_kubeconfig) },
    { { "cert-dir", PFLAG_STRING, NULL }, NULL, IN(cert_dir) },
    { { "config", PFLAG_STRING, NULL }, NULL, IN(config) },
    { { "hostname-override", PFLAG_STRING, NULL }, NULL, IN(hostname_override) },
    { { "kubeconfig", PFLAG_STRING, NULL }, NULL, IN(kubeconfig) },
    { { "node-ip", PFLAG_STRING, NULL }, NULL, IN(node_ip) },
    { { "address", PFLAG_STRING, CONFIG }, "address", NONE },
    { { "anonymous-auth", PFLAG_BOOL, CONFIG }, "authentication.anonymous.enabled", NONE },
    { { "authentication-token-webhook", PFLAG_BOOL, CONFIG }, "authentication.webhook.enabled", NONE },
    { { "authentication-token-webhook-cache-ttl", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "authorization-mode", PFLAG_STRING, CONFIG }, "authorization.mode", NONE },
    { { "authorization-webhook-cache-authorized-ttl", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "authorization-webhook-cache-unauthorized-ttl", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "cgroup-driver", PFLAG_STRING, CONFIG }, "cgroupDriver", NONE },
    { { "cgroup-root", PFLAG_STRING, CONFIG }, "", NONE },
    { { "cgroups-per-qos", PFLAG_BOOL, CONFIG }, "", NONE },
    { { "client-ca-file", PFLAG_STRING, CONFIG }, "authentication.x509.clientCAFile", NONE },
    { { "cluster-dns", PFLAG_LIST, CONFIG }, "clusterDNS", NONE },
    { { "cluster-domain", PFLAG_STRING, CONFIG }, "clusterDomain", NONE },
    { { "container-log-max-files", PFLAG_INT, CONFIG }, "", NONE },
    { { "container-log-max-size", PFLAG_STRING, CONFIG }, "", NONE },
    { { "contention-profiling", PFLAG_BOOL, CONFIG }, "", NONE },
    { { "cpu-cfs-quota", PFLAG_BOOL, CONFIG }, "", NONE },
    { { "cpu-cfs-quota-period", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "cpu-manager-policy", PFLAG_STRING, CONFIG }, "", NONE },
    { { "cpu-manager-reconcile-period", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "enable-controller-attach-detach", PFLAG_BOOL, CONFIG }, "", NONE },
    { { "enable-debugging-handlers", PFLAG_BOOL, CONFIG }, "", NONE },
    { { "enforce-node-allocatable", PFLAG_LIST, CONFIG }, "", NONE },
    { { "event-burst", PFLAG_INT, CONFIG }, "", NONE },
    { { "event-qps", PFLAG_INT, CONFIG }, "", NONE },
    { { "eviction-hard", PFLAG_MAP, CONFIG }, "", NONE },
    { { "eviction-max-pod-grace-period", PFLAG_INT, CONFIG }, "", NONE },
    { { "eviction-minimum-reclaim", PFLAG_MAP, CONFIG }, "", NONE },
    { { "eviction-pressure-transition-period", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "eviction-soft", PFLAG_MAP, CONFIG }, "", NONE },
    { { "eviction-soft-grace-period", PFLAG_MAP, CONFIG }, "", NONE },
    { { "fail-swap-on", PFLAG_BOOL, CONFIG }, "", NONE },
    { { "feature-gates", PFLAG_MAP, CONFIG }, "", NONE },
    { { "file-check-frequency", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "hairpin-mode", PFLAG_STRING, CONFIG }, "", NONE },
    { { "healthz-bind-address", PFLAG_STRING, CONFIG }, "", NONE },
    { { "healthz-port", PFLAG_INT, CONFIG }, "", NONE },
    { { "http-check-frequency", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "image-gc-high-threshold", PFLAG_INT, CONFIG }, "", NONE },
    { { "image-gc-low-threshold", PFLAG_INT, CONFIG }, "", NONE },
    { { "iptables-drop-bit", PFLAG_INT, CONFIG }, "", NONE },
    { { "iptables-masquerade-bit", PFLAG_INT, CONFIG }, "", NONE },
    { { "kube-api-burst", PFLAG_INT, CONFIG }, "", NONE },
    { { "kube-api-content-type", PFLAG_STRING, CONFIG }, "", NONE },
    { { "kube-api-qps", PFLAG_INT, CONFIG }, "", NONE },
    { { "kube-reserved", PFLAG_MAP, CONFIG }, "", NONE },
    { { "kube-reserved-cgroup", PFLAG_STRING, CONFIG }, "", NONE },
    { { "kubelet-cgroups", PFLAG_STRING, CONFIG }, "", NONE },
    { { "make-iptables-util-chains", PFLAG_BOOL, CONFIG }, "", NONE },
    { { "manifest-url", PFLAG_STRING, CONFIG }, "", NONE },
    { { "manifest-url-header", PFLAG_STRING, CONFIG }, "", NONE },
    { { "max-open-files", PFLAG_INT, CONFIG }, "", NONE },
    { { "max-pods", PFLAG_INT, CONFIG }, "maxPods", NONE },
    { { "node-status-update-frequency", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "oom-score-adj", PFLAG_INT, CONFIG }, "", NONE },
    { { "pod-cidr", PFLAG_STRING, CONFIG }, "", NONE },
    { { "pod-manifest-path", PFLAG_STRING, CONFIG }, "staticPodPath", NONE },
    { { "pod-max-pids", PFLAG_INT, CONFIG }, "", NONE },
    { { "pods-per-core", PFLAG_INT, CONFIG }, "", NONE },
    { { "port", PFLAG_INT, CONFIG }, "port", NONE },
    { { "protect-kernel-defaults", PFLAG_BOOL, CONFIG }, "", NONE },
    { { "qos-reserved", PFLAG_MAP, CONFIG }, "", NONE },
    { { "read-only-port", PFLAG_INT, CONFIG }, "", NONE },
    { { "registry-burst", PFLAG_INT, CONFIG }, "", NONE },
    { { "registry-qps", PFLAG_INT, CONFIG }, "", NONE },
    { { "reserved-cpus", PFLAG_STRING, CONFIG }, "", NONE },
    { { "resolv-conf", PFLAG_STRING, CONFIG }, "", NONE },
    { { "rotate-certificates", PFLAG_BOOL, CONFIG }, "rotateCertificates", NONE },
    { { "rotate-server-certificates", PFLAG_BOOL, CONFIG }, "serverTLSBootstrap", NONE },
    { { "runonce", PFLAG_BOOL, CONFIG }, "", NONE },
    { { "runtime-request-timeout", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "serialize-image-pulls", PFLAG_BOOL, CONFIG }, "", NONE },
    { { "streaming-connection-idle-timeout", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "sync-frequency", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "system-cgroups", PFLAG_STRING, CONFIG }, "", NONE },
    { { "system-reserved", PFLAG_MAP, CONFIG }, "", NONE },
    { { "system-reserved-cgroup", PFLAG_STRING, CONFIG }, "", NONE },
    { { "tls-cert-file", PFLAG_STRING, CONFIG }, "tlsCertFile", NONE },
    { { "tls-cipher-suites", PFLAG_LIST, CONFIG }, "", NONE },
    { { "tls-min-version", PFLAG_STRING, CONFIG }, "", NONE },
    { { "tls-private-key-file", PFLAG_STRING, CONFIG }, "tlsPrivateKeyFile", NONE },
    { { "topology-manager-policy", PFLAG_STRING, CONFIG }, "", NONE },
    { { "volume-stats-agg-period", PFLAG_DURATION, CONFIG }, "", NONE },
    { { "allow-privileged", PFLAG_BOOL, "will be removed in a future version" }, NULL, NONE },
    { { "alsologtostderr", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "azure-container-registry-config", PFLAG_STRING, NULL }, NULL, NONE },
    { { "chaos-chance", PFLAG_FLOAT, NULL }, NULL, NONE },
    { { "cloud-config", PFLAG_STRING, NULL }, NULL, NONE },
    { { "cloud-provider", PFLAG_STRING, NULL }, NULL, NONE },
    { { "cni-bin-dir", PFLAG_STRING, NULL }, NULL, NONE },
    { { "cni-cache-dir", PFLAG_STRING, NULL }, NULL, NONE },
    { { "cni-conf-dir", PFLAG_STRING, NULL }, NULL, NONE },
    { { "container-runtime", PFLAG_STRING, NULL }, NULL, NONE },
    { { "container-runtime-endpoint", PFLAG_STRING, NULL }, NULL, NONE },
    { { "containerized", PFLAG_BOOL, "will be removed in a future version" }, NULL, NONE },
    { { "docker-endpoint", PFLAG_STRING, NULL }, NULL, NONE },
    { { "dynamic-config-dir", PFLAG_STRING, NULL }, NULL, NONE },
    { { "enable-cadvisor-json-endpoints", PFLAG_BOOL, "will be removed in a future version" }, NULL, NONE },
    { { "enable-server", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "exit-on-lock-contention", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "experimental-allocatable-ignore-eviction", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "experimental-bootstrap-kubeconfig", PFLAG_STRING, "Use --bootstrap-kubeconfig" }, NULL, IN(bootstrap_kubeconfig) },
    { { "experimental-check-node-capabilities-before-mount", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "experimental-kernel-memcg-notification", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "experimental-mounter-path", PFLAG_STRING, NULL }, NULL, NONE },
    { { "host-ipc-sources", PFLAG_LIST, "will be removed in a future version" }, NULL, NONE },
    { { "host-network-sources", PFLAG_LIST, "will be removed in a future version" }, NULL, NONE },
    { { "host-pid-sources", PFLAG_LIST, "will be removed in a future version" }, NULL, NONE },
    { { "image-pull-progress-deadline", PFLAG_DURATION, NULL }, NULL, NONE },
    { { "image-service-endpoint", PFLAG_STRING, NULL }, NULL, NONE },
    { { "keep-terminated-pod-volumes", PFLAG_BOOL, "will be removed in a future version" }, NULL, NONE },
    { { "lock-file", PFLAG_STRING, NULL }, NULL, NONE },
    { { "log-backtrace-at", PFLAG_STRING, NULL }, NULL, NONE },
    { { "log-dir", PFLAG_STRING, NULL }, NULL, NONE },
    { { "log-file", PFLAG_STRING, NULL }, NULL, NONE },
    { { "log-file-max-size", PFLAG_INT, NULL }, NULL, NONE },
    { { "log-flush-frequency", PFLAG_DURATION, NULL }, NULL, NONE },
    { { "logtostderr", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "master-service-namespace", PFLAG_STRING, "This flag will be removed in a future version." }, NULL, NONE },
    { { "maximum-dead-containers", PFLAG_INT,
        "Use --eviction-hard or --eviction-soft instead. Will be removed in a future version." }, NULL, NONE },
    { { "maximum-dead-containers-per-container", PFLAG_INT,
        "Use --eviction-hard or --eviction-soft instead. Will be removed in a future version." }, NULL, NONE },
    { { "minimum-container-ttl-duration", PFLAG_DURATION,
        "Use --eviction-hard or --eviction-soft instead. Will be removed in a future version." }, NULL, NONE },
    { { "minimum-image-ttl-duration", PFLAG_DURATION,
        "Use --eviction-hard or --eviction-soft instead. Will be removed in a future version." }, NULL, NONE },
    { { "network-plugin", PFLAG_STRING, NULL }, NULL, NONE },
    { { "network-plugin-mtu", PFLAG_INT, NULL }, NULL, NONE },
    { { "node-labels", PFLAG_MAP, NULL }, NULL, NONE },
    { { "node-status-max-images", PFLAG_INT, NULL }, NULL, NONE },
    { { "non-masquerade-cidr", PFLAG_STRING, "will be removed in a future version" }, NULL, NONE },
    { { "pod-infra-container-image", PFLAG_STRING, NULL }, NULL, NONE },
    { { "provider-id", PFLAG_STRING, NULL }, NULL, NONE },
    { { "really-crash-for-testing", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "redirect-container-streaming", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "register-node", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "register-schedulable", PFLAG_BOOL, "will be removed in a future version" }, NULL, NONE },
    { { "register-with-taints", PFLAG_LIST, NULL }, NULL, NONE },
    { { "root-dir", PFLAG_STRING, NULL }, NULL, NONE },
    { { "runtime-cgroups", PFLAG_STRING, NULL }, NULL, NONE },
    { { "seccomp-profile-root", PFLAG_STRING, NULL }, NULL, NONE },
    { { "skip-headers", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "skip-log-headers", PFLAG_BOOL, NULL }, NULL, NONE },
    { { "stderrthreshold", PFLAG_STRING, NULL }, NULL, NONE },
    { { "vmodule", PFLAG_STRING, NULL }, NULL, NONE },
    { { "volume-plugin-dir", PFLAG_STRING, NULL }, NULL, NONE },
    { { "help", PFLAG_BOOL, NULL }, NULL, IN(help) },
    { { "version", PFLAG_BOOL, NULL }, NULL, IN(version) },
    { { "v", PFLAG_INT, NULL }, NULL, IN(v) },
};

void kubelet_flags_usage(struct strbuf *out)
{
    strbuf_addc(out, "Usage:\n  kubelet [flags]\n\nFlags:\n");
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(flags[i].p.name, "v") != 0)
            strbuf_addf(out, "      --%s%s%s\n", flags[i].p.name, flags[i].p.type ? " " : "", pflag_type_name(flags[i].p.type));
    strbuf_addc(out, "  -v, --v Level\n");
}

struct parsing { struct arena *a; struct kubelet_flags *out; };

static const struct pflag *find(void *ctx, struct str name)
{
    (void)ctx;
    return pflag_find(flags, sizeof *flags, ARRAY_LEN(flags), name);
}

static struct json *json_value(struct arena *a, const struct pflag *f, struct str text, int64_t number)
{
    struct json *list;
    switch (f->type) {
    case PFLAG_BOOL: return json_new_bool(a, number != 0);
    case PFLAG_INT:  return json_new_int(a, number);
    case PFLAG_LIST:
        list = json_new_array(a);
        while (text.p && text.n)
            json_append(list, json_new_str(a, str_token(&text, ',')));
        return list;
    default:         return json_new_str(a, text);
    }
}

static bool keep(void *ctx, const struct pflag *flag, struct str text, int64_t number, struct err *err)
{
    struct parsing *p = ctx;
    const struct flag *f = container_of(flag, struct flag, p);
    void *slot = (char *)p->out + f->offset;
    (void)err;
    if (f->field && *f->field)
        json_set(p->a, p->out->overrides, f->field, json_value(p->a, flag, text, number));
    if (f->offset == NONE)
        return true;
    if (flag->type == PFLAG_BOOL)
        *(bool *)slot = number != 0;
    else if (flag->type == PFLAG_INT)
        *(int *)slot = (int)number;
    else
        *(const char **)slot = arena_cstr(p->a, text);
    return true;
}

bool kubelet_flags_parse(struct arena *a, char **argv, struct kubelet_flags *out, struct json *deprecated, struct err *err)
{
    struct parsing p = { a, out };
    const struct pflag_set set = { .find = find, .keep = keep, .ctx = &p };
    const char *stray;
    *out = (struct kubelet_flags){ .cert_dir = "/var/lib/kubelet/pki", .overrides = json_new_object(a) };
    return pflag_parse(a, &set, argv, &stray, deprecated, err) && (!stray || err_set(err, ERR_USAGE, "unknown command: %s", stray));
}
