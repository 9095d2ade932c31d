/* apiserver/flags.c - kube-apiserver's command line, as spf13/pflag reads it (cmd/kube-apiserver/app/options/options.go and what it
 * is composed of).
 *
 * Every flag that a server of v1.16 to v1.20 knows is known here with its type, so that a mistyped one is refused and a real one
 * is not. What becomes of it: MODELLED decides something (config.c); ACCEPTED has an effect that this server does not have and
 * nobody can see from outside; REFUSED would be seen, so a value that asks for it ends the server, by name.
 */
#include "apiserver/flags.h"
#include "sim/proc/pflag.h"

enum effect { MODELLED, ACCEPTED, REFUSED };
/* off: the value of a REFUSED flag that asks for nothing. since and until: the first minor version that knows it, and the first
 * that does not. */
struct flag { struct pflag p; enum effect effect; const char *off; int since, until; };

static const struct flag table[] = {
    { { "add-dir-header", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 17, 0 },
    { { "address", PFLAG_IP, "see --bind-address instead." }, ACCEPTED, NULL, 0, 24 },
    { { "admission-control", PFLAG_LIST,
        "Use --enable-admission-plugins or --disable-admission-plugins instead. Will be removed in a future version." }, REFUSED,
        "", 0, 0 },
    { { "admission-control-config-file", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "advertise-address", PFLAG_IP, NULL }, MODELLED, NULL, 0, 0 },
    { { "allow-privileged", PFLAG_BOOL, NULL }, REFUSED, "true", 0, 0 },
    { { "alsologtostderr", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "anonymous-auth", PFLAG_BOOL, NULL }, MODELLED, NULL, 0, 0 },
    { { "api-audiences", PFLAG_LIST, NULL }, MODELLED, NULL, 0, 0 },
    { { "apiserver-count", PFLAG_INT,
        "apiserver-count is deprecated and will be removed in a future version." }, ACCEPTED, NULL, 0, 29 },
    { { "audit-dynamic-configuration", PFLAG_BOOL, NULL }, REFUSED, "false", 0, 19 },
    { { "audit-log-batch-buffer-size", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-batch-max-size", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-batch-max-wait", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-batch-throttle-burst", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-batch-throttle-enable", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-batch-throttle-qps", PFLAG_FLOAT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-compress", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 20, 0 },
    { { "audit-log-format", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-maxage", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-maxbackup", PFLAG_INT, NULL }, MODELLED, NULL, 0, 0 },
    { { "audit-log-maxsize", PFLAG_INT, NULL }, MODELLED, NULL, 0, 0 },
    { { "audit-log-mode", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-path", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "audit-log-truncate-enabled", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-truncate-max-batch-size", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-truncate-max-event-size", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-log-version", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-policy-file", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "audit-webhook-batch-buffer-size", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-batch-max-size", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-batch-max-wait", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-batch-throttle-burst", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-batch-throttle-enable", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-batch-throttle-qps", PFLAG_FLOAT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-config-file", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "audit-webhook-initial-backoff", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-mode", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-truncate-enabled", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-truncate-max-batch-size", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-truncate-max-event-size", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "audit-webhook-version", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "authentication-token-webhook-cache-ttl", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "authentication-token-webhook-config-file", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "authentication-token-webhook-version", PFLAG_STRING, NULL }, ACCEPTED, NULL, 17, 0 },
    { { "authorization-mode", PFLAG_LIST, NULL }, MODELLED, NULL, 0, 0 },
    { { "authorization-policy-file", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "authorization-webhook-cache-authorized-ttl", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "authorization-webhook-cache-unauthorized-ttl", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "authorization-webhook-config-file", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "authorization-webhook-version", PFLAG_STRING, NULL }, ACCEPTED, NULL, 17, 0 },
    { { "basic-auth-file", PFLAG_STRING, "Basic authentication mode is deprecated and will be removed in a future release. "
        "It is not recommended for production environments." }, REFUSED, "", 0, 19 },
    { { "bind-address", PFLAG_IP, NULL }, MODELLED, NULL, 0, 0 },
    { { "cert-dir", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "client-ca-file", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "cloud-config", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "cloud-provider", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "cloud-provider-gce-lb-src-cidrs", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "cloud-provider-gce-l7lb-src-cidrs", PFLAG_STRING, NULL }, ACCEPTED, NULL, 18, 0 },
    { { "contention-profiling", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "cors-allowed-origins", PFLAG_LIST, NULL }, REFUSED, "", 0, 0 },
    { { "default-not-ready-toleration-seconds", PFLAG_INT, NULL }, MODELLED, NULL, 0, 0 },
    { { "default-unreachable-toleration-seconds", PFLAG_INT, NULL }, MODELLED, NULL, 0, 0 },
    { { "default-watch-cache-size", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "delete-collection-workers", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "disable-admission-plugins", PFLAG_LIST, NULL }, MODELLED, NULL, 0, 0 },
    { { "egress-selector-config-file", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "enable-admission-plugins", PFLAG_LIST, NULL }, MODELLED, NULL, 0, 0 },
    { { "enable-aggregator-routing", PFLAG_BOOL, NULL }, MODELLED, NULL, 0, 0 },
    { { "enable-bootstrap-token-auth", PFLAG_BOOL, NULL }, MODELLED, NULL, 0, 0 },
    { { "enable-garbage-collector", PFLAG_BOOL, NULL }, REFUSED, "true", 0, 0 },
    { { "enable-inflight-quota-handler", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 16, 18 },
    { { "enable-priority-and-fairness", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 18, 0 },
    { { "enable-swagger-ui", PFLAG_BOOL, "swagger 1.2 support has been removed" }, ACCEPTED, NULL, 0, 20 },
    { { "encryption-provider-config", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "endpoint-reconciler-type", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "etcd-cafile", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "etcd-certfile", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "etcd-compaction-interval", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "etcd-count-metric-poll-period", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "etcd-db-metric-poll-interval", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 20, 0 },
    { { "etcd-keyfile", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "etcd-prefix", PFLAG_STRING, NULL }, REFUSED, "/registry", 0, 0 },
    { { "etcd-servers", PFLAG_LIST, NULL }, MODELLED, NULL, 0, 0 },
    { { "etcd-servers-overrides", PFLAG_LIST, NULL }, REFUSED, "", 0, 0 },
    { { "event-ttl", PFLAG_DURATION, NULL }, MODELLED, NULL, 0, 0 },
    { { "external-hostname", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "feature-gates", PFLAG_MAP, NULL }, MODELLED, NULL, 0, 0 },
    { { "goaway-chance", PFLAG_FLOAT, NULL }, ACCEPTED, NULL, 18, 0 },
    { { "help", PFLAG_BOOL, NULL }, MODELLED, NULL, 0, 0 },
    { { "http2-max-streams-per-connection", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "insecure-bind-address", PFLAG_IP, "This flag will be removed in a future version." }, ACCEPTED, NULL, 0, 0 },
    { { "insecure-port", PFLAG_INT, "This flag will be removed in a future version." }, REFUSED, "0", 0, 20 },
    { { "insecure-port", PFLAG_INT, "This flag has no effect now and will be removed in v1.24." }, REFUSED, "0", 20, 0 },
    { { "kubelet-certificate-authority", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "kubelet-client-certificate", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "kubelet-client-key", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "kubelet-https", PFLAG_BOOL, NULL }, REFUSED, "true", 0, 0 },
    { { "kubelet-port", PFLAG_INT, "kubelet-port is deprecated and will be removed." }, ACCEPTED, NULL, 0, 0 },
    { { "kubelet-preferred-address-types", PFLAG_LIST, NULL }, MODELLED, NULL, 0, 0 },
    { { "kubelet-read-only-port", PFLAG_INT, "kubelet-read-only-port is deprecated and will be removed." }, ACCEPTED, NULL, 0, 0 },
    { { "kubelet-timeout", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "kubernetes-service-node-port", PFLAG_INT, NULL }, REFUSED, "0", 0, 0 },
    { { "livez-grace-period", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "log-backtrace-at", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "log-dir", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "log-file", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "log-file-max-size", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "log-flush-frequency", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "logging-format", PFLAG_STRING, NULL }, ACCEPTED, NULL, 19, 0 },
    { { "logtostderr", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "master-service-namespace", PFLAG_STRING, "will be removed in v1.27" }, ACCEPTED, NULL, 0, 0 },
    { { "max-connection-bytes-per-sec", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "max-mutating-requests-inflight", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "max-requests-inflight", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "min-request-timeout", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "oidc-ca-file", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "oidc-client-id", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "oidc-groups-claim", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "oidc-groups-prefix", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "oidc-issuer-url", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "oidc-required-claim", PFLAG_MAP, NULL }, REFUSED, "", 0, 0 },
    { { "oidc-signing-algs", PFLAG_LIST, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "oidc-username-claim", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "oidc-username-prefix", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "one-output", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 20, 0 },
    { { "permit-port-sharing", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 20, 0 },
    { { "port", PFLAG_INT, "see --secure-port instead." }, ACCEPTED, NULL, 0, 24 },
    { { "profiling", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "proxy-client-cert-file", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "proxy-client-key-file", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "request-timeout", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "requestheader-allowed-names", PFLAG_LIST, NULL }, MODELLED, NULL, 0, 0 },
    { { "requestheader-client-ca-file", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "requestheader-extra-headers-prefix", PFLAG_LIST, NULL }, MODELLED, NULL, 0, 0 },
    { { "requestheader-group-headers", PFLAG_LIST, NULL }, MODELLED, NULL, 0, 0 },
    { { "requestheader-username-headers", PFLAG_LIST, NULL }, MODELLED, NULL, 0, 0 },
    { { "runtime-config", PFLAG_MAP, NULL }, MODELLED, NULL, 0, 0 },
    { { "secure-port", PFLAG_INT, NULL }, MODELLED, NULL, 0, 0 },
    { { "service-account-extend-token-expiration", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 19, 0 },
    { { "service-account-issuer", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "service-account-jwks-uri", PFLAG_STRING, NULL }, ACCEPTED, NULL, 18, 0 },
    { { "service-account-key-file", PFLAG_ARRAY, NULL }, MODELLED, NULL, 0, 0 },
    { { "service-account-lookup", PFLAG_BOOL, NULL }, REFUSED, "true", 0, 0 },
    { { "service-account-max-token-expiration", PFLAG_DURATION, NULL }, MODELLED, NULL, 0, 0 },
    { { "service-account-signing-key-file", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "service-cluster-ip-range", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "service-node-port-range", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "show-hidden-metrics-for-version", PFLAG_STRING, NULL }, ACCEPTED, NULL, 17, 0 },
    { { "shutdown-delay-duration", PFLAG_DURATION, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "skip-headers", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "skip-log-headers", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "stderrthreshold", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "storage-backend", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "storage-media-type", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "target-ram-mb", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "tls-cert-file", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "tls-cipher-suites", PFLAG_LIST, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "tls-min-version", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "tls-private-key-file", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "tls-sni-cert-key", PFLAG_STRING, NULL }, REFUSED, "", 0, 0 },
    { { "token-auth-file", PFLAG_STRING, NULL }, MODELLED, NULL, 0, 0 },
    { { "v", PFLAG_INT, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "version", PFLAG_BOOL, NULL }, MODELLED, NULL, 0, 0 },
    { { "vmodule", PFLAG_STRING, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "watch-cache", PFLAG_BOOL, NULL }, ACCEPTED, NULL, 0, 0 },
    { { "watch-cache-sizes", PFLAG_LIST, NULL }, ACCEPTED, NULL, 0, 0 },
};

static bool exists(const struct flag *f, int minor) { return minor >= f->since && (!f->until || minor < f->until); }

void apiserver_flags_usage(int minor, struct strbuf *out)
{
    strbuf_addc(out, "Usage:\n  kube-apiserver [flags]\n\nFlags:\n");
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(table[i].p.name, "v") != 0 && exists(&table[i], minor))
            strbuf_addf(out, "      --%s%s%s\n", table[i].p.name, table[i].p.type ? " " : "", pflag_type_name(table[i].p.type));
    strbuf_addc(out, "  -v, --v Level\n\n");
}

/* ---- the command line ---- */
struct parsing { struct arena *a; int minor; struct json *flags; };

static const struct pflag *find(void *ctx, struct str name)
{
    const struct parsing *p = ctx;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eqc(name, table[i].p.name) && exists(&table[i], p->minor)) return &table[i].p;
    return NULL;
}

static bool keep(void *ctx, const struct pflag *flag, struct str value, int64_t number, struct err *err)
{
    const struct parsing *p = ctx;
    const struct flag *f = container_of(flag, struct flag, p);
    struct json *before = json_get(p->flags, flag->name);
    (void)number;
    if (f->effect == REFUSED && !str_eqc(value, f->off))
        return err_set(err, ERR_USAGE, "--%s=" STR_FMT " is known but not modelled here: leave it out", flag->name, STR_ARG(value));
    if (flag->type == PFLAG_ARRAY) json_append(json_ensure_array(p->a, p->flags, flag->name), json_new_str(p->a, value));
    else if (before && (flag->type == PFLAG_LIST || flag->type == PFLAG_MAP))      /* given twice: both hold */
        json_set_str(p->a, p->flags, flag->name, arena_strf(p->a, STR_FMT "," STR_FMT, STR_ARG(json_str(before)), STR_ARG(value)));
    else json_set_str(p->a, p->flags, flag->name, value);
    return true;
}

struct str apiserver_flag(const struct json *flags, const char *name)
{
    const struct json *v = json_get(flags, name);
    return json_is(v, JSON_ARRAY) ? json_str(json_at(v, json_len(v) - 1)) : json_str(v);
}

struct json *apiserver_flags_parse(struct arena *a, int minor, char **argv, struct json *deprecated, struct err *err)
{
    struct parsing p = { a, minor, json_new_object(a) };
    const struct pflag_set set = { .find = find, .keep = keep, .ctx = &p, .quoted = minor >= 19 };
    const char *stray;
    if (!pflag_parse(a, &set, argv, &stray, deprecated, err)) return NULL;
    if (!stray) return p.flags;
    err_set(err, ERR_USAGE, minor < 20 ? "unknown command \"%s\" for \"kube-apiserver\""
        : "\"kube-apiserver\" does not take any arguments, got [\"%s\"]", stray);
    return NULL;
}
