/* apiserver/flags.c - kube-apiserver's command line, as spf13/pflag reads it (cmd/kube-apiserver/app/options/options.go and what it
 * is composed of).
 *
 * Every flag that a server of v1.16 to v1.20 knows is known here with its type, so that a mistyped one is refused and a real one
 * is not. What becomes of it: MODELLED decides something (config.c); ACCEPTED has an effect that this server does not have and
 * nobody can see from outside; REFUSED would be seen, so a value that asks for it ends the server, by name.
 */
#include "apiserver/flags.h"

#include <stdlib.h>

enum flag_type { F_BOOL, F_STRING, F_INT, F_DURATION, F_FLOAT, F_LIST, F_MAP, F_IP, F_ARRAY };
static const char *const type_names[] = { "", "string", "int", "duration", "float", "strings", "mapStringString", "ip",
    "stringArray" };
enum effect { MODELLED, ACCEPTED, REFUSED };
/* off: the value of a REFUSED flag that asks for nothing. since and until: the first minor version that knows it, and the first
 * that does not. */
struct flag { const char *name; enum flag_type type; enum effect effect; const char *off; int since, until; const char *deprecated; };

#define NO_EFFECT "This flag has no effect now and will be removed in v1.24."
static const struct flag table[] = {
    { "add-dir-header", F_BOOL, ACCEPTED, NULL, 17, 0, NULL },
    { "address", F_IP, ACCEPTED, NULL, 0, 24, "see --bind-address instead." },
    { "admission-control", F_LIST, REFUSED, "", 0, 0,
        "Use --enable-admission-plugins or --disable-admission-plugins instead. Will be removed in a future version." },
    { "admission-control-config-file", F_STRING, REFUSED, "", 0, 0, NULL },
    { "advertise-address", F_IP, MODELLED, NULL, 0, 0, NULL },
    { "allow-privileged", F_BOOL, REFUSED, "true", 0, 0, NULL },
    { "alsologtostderr", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "anonymous-auth", F_BOOL, MODELLED, NULL, 0, 0, NULL },
    { "api-audiences", F_LIST, MODELLED, NULL, 0, 0, NULL },
    { "apiserver-count", F_INT, ACCEPTED, NULL, 0, 29, "apiserver-count is deprecated and will be removed in a future version." },
    { "audit-dynamic-configuration", F_BOOL, REFUSED, "false", 0, 19, NULL },
    { "audit-log-batch-buffer-size", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-batch-max-size", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-batch-max-wait", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-batch-throttle-burst", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-batch-throttle-enable", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-batch-throttle-qps", F_FLOAT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-compress", F_BOOL, ACCEPTED, NULL, 20, 0, NULL },
    { "audit-log-format", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-maxage", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-maxbackup", F_INT, MODELLED, NULL, 0, 0, NULL },
    { "audit-log-maxsize", F_INT, MODELLED, NULL, 0, 0, NULL },
    { "audit-log-mode", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-path", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "audit-log-truncate-enabled", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-truncate-max-batch-size", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-truncate-max-event-size", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-log-version", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-policy-file", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "audit-webhook-batch-buffer-size", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-batch-max-size", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-batch-max-wait", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-batch-throttle-burst", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-batch-throttle-enable", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-batch-throttle-qps", F_FLOAT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-config-file", F_STRING, REFUSED, "", 0, 0, NULL },
    { "audit-webhook-initial-backoff", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-mode", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-truncate-enabled", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-truncate-max-batch-size", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-truncate-max-event-size", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "audit-webhook-version", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "authentication-token-webhook-cache-ttl", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "authentication-token-webhook-config-file", F_STRING, REFUSED, "", 0, 0, NULL },
    { "authentication-token-webhook-version", F_STRING, ACCEPTED, NULL, 17, 0, NULL },
    { "authorization-mode", F_LIST, MODELLED, NULL, 0, 0, NULL },
    { "authorization-policy-file", F_STRING, REFUSED, "", 0, 0, NULL },
    { "authorization-webhook-cache-authorized-ttl", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "authorization-webhook-cache-unauthorized-ttl", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "authorization-webhook-config-file", F_STRING, REFUSED, "", 0, 0, NULL },
    { "authorization-webhook-version", F_STRING, ACCEPTED, NULL, 17, 0, NULL },
    { "basic-auth-file", F_STRING, REFUSED, "", 0, 19,
        "Basic authentication mode is deprecated and will be removed in a future release. "
        "It is not recommended for production environments." },
    { "bind-address", F_IP, MODELLED, NULL, 0, 0, NULL },
    { "cert-dir", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "client-ca-file", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "cloud-config", F_STRING, REFUSED, "", 0, 0, NULL },
    { "cloud-provider", F_STRING, REFUSED, "", 0, 0, NULL },
    { "cloud-provider-gce-lb-src-cidrs", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "cloud-provider-gce-l7lb-src-cidrs", F_STRING, ACCEPTED, NULL, 18, 0, NULL },
    { "contention-profiling", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "cors-allowed-origins", F_LIST, REFUSED, "", 0, 0, NULL },
    { "default-not-ready-toleration-seconds", F_INT, MODELLED, NULL, 0, 0, NULL },
    { "default-unreachable-toleration-seconds", F_INT, MODELLED, NULL, 0, 0, NULL },
    { "default-watch-cache-size", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "delete-collection-workers", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "disable-admission-plugins", F_LIST, MODELLED, NULL, 0, 0, NULL },
    { "egress-selector-config-file", F_STRING, REFUSED, "", 0, 0, NULL },
    { "enable-admission-plugins", F_LIST, MODELLED, NULL, 0, 0, NULL },
    { "enable-aggregator-routing", F_BOOL, MODELLED, NULL, 0, 0, NULL },
    { "enable-bootstrap-token-auth", F_BOOL, MODELLED, NULL, 0, 0, NULL },
    { "enable-garbage-collector", F_BOOL, REFUSED, "true", 0, 0, NULL },
    { "enable-inflight-quota-handler", F_BOOL, ACCEPTED, NULL, 16, 18, NULL },
    { "enable-priority-and-fairness", F_BOOL, ACCEPTED, NULL, 18, 0, NULL },
    { "enable-swagger-ui", F_BOOL, ACCEPTED, NULL, 0, 20, "swagger 1.2 support has been removed" },
    { "encryption-provider-config", F_STRING, REFUSED, "", 0, 0, NULL },
    { "endpoint-reconciler-type", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "etcd-cafile", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "etcd-certfile", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "etcd-compaction-interval", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "etcd-count-metric-poll-period", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "etcd-db-metric-poll-interval", F_DURATION, ACCEPTED, NULL, 20, 0, NULL },
    { "etcd-keyfile", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "etcd-prefix", F_STRING, REFUSED, "/registry", 0, 0, NULL },
    { "etcd-servers", F_LIST, MODELLED, NULL, 0, 0, NULL },
    { "etcd-servers-overrides", F_LIST, REFUSED, "", 0, 0, NULL },
    { "event-ttl", F_DURATION, MODELLED, NULL, 0, 0, NULL },
    { "external-hostname", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "feature-gates", F_MAP, MODELLED, NULL, 0, 0, NULL },
    { "goaway-chance", F_FLOAT, ACCEPTED, NULL, 18, 0, NULL },
    { "help", F_BOOL, MODELLED, NULL, 0, 0, NULL },
    { "http2-max-streams-per-connection", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "insecure-bind-address", F_IP, ACCEPTED, NULL, 0, 0, "This flag will be removed in a future version." },
    { "insecure-port", F_INT, REFUSED, "0", 0, 0, "This flag will be removed in a future version." },
    { "kubelet-certificate-authority", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "kubelet-client-certificate", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "kubelet-client-key", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "kubelet-https", F_BOOL, REFUSED, "true", 0, 0, NULL },
    { "kubelet-port", F_INT, ACCEPTED, NULL, 0, 0, "kubelet-port is deprecated and will be removed." },
    { "kubelet-preferred-address-types", F_LIST, MODELLED, NULL, 0, 0, NULL },
    { "kubelet-read-only-port", F_INT, ACCEPTED, NULL, 0, 0, "kubelet-read-only-port is deprecated and will be removed." },
    { "kubelet-timeout", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "kubernetes-service-node-port", F_INT, REFUSED, "0", 0, 0, NULL },
    { "livez-grace-period", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "log-backtrace-at", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "log-dir", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "log-file", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "log-file-max-size", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "log-flush-frequency", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "logging-format", F_STRING, ACCEPTED, NULL, 19, 0, NULL },
    { "logtostderr", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "master-service-namespace", F_STRING, ACCEPTED, NULL, 0, 0, "will be removed in v1.27" },
    { "max-connection-bytes-per-sec", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "max-mutating-requests-inflight", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "max-requests-inflight", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "min-request-timeout", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "oidc-ca-file", F_STRING, REFUSED, "", 0, 0, NULL },
    { "oidc-client-id", F_STRING, REFUSED, "", 0, 0, NULL },
    { "oidc-groups-claim", F_STRING, REFUSED, "", 0, 0, NULL },
    { "oidc-groups-prefix", F_STRING, REFUSED, "", 0, 0, NULL },
    { "oidc-issuer-url", F_STRING, REFUSED, "", 0, 0, NULL },
    { "oidc-required-claim", F_MAP, REFUSED, "", 0, 0, NULL },
    { "oidc-signing-algs", F_LIST, ACCEPTED, NULL, 0, 0, NULL },
    { "oidc-username-claim", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "oidc-username-prefix", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "one-output", F_BOOL, ACCEPTED, NULL, 20, 0, NULL },
    { "permit-port-sharing", F_BOOL, ACCEPTED, NULL, 20, 0, NULL },
    { "port", F_INT, ACCEPTED, NULL, 0, 24, "see --secure-port instead." },
    { "profiling", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "proxy-client-cert-file", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "proxy-client-key-file", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "request-timeout", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "requestheader-allowed-names", F_LIST, MODELLED, NULL, 0, 0, NULL },
    { "requestheader-client-ca-file", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "requestheader-extra-headers-prefix", F_LIST, MODELLED, NULL, 0, 0, NULL },
    { "requestheader-group-headers", F_LIST, MODELLED, NULL, 0, 0, NULL },
    { "requestheader-username-headers", F_LIST, MODELLED, NULL, 0, 0, NULL },
    { "runtime-config", F_MAP, MODELLED, NULL, 0, 0, NULL },
    { "secure-port", F_INT, MODELLED, NULL, 0, 0, NULL },
    { "service-account-extend-token-expiration", F_BOOL, ACCEPTED, NULL, 19, 0, NULL },
    { "service-account-issuer", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "service-account-jwks-uri", F_STRING, ACCEPTED, NULL, 18, 0, NULL },
    { "service-account-key-file", F_ARRAY, MODELLED, NULL, 0, 0, NULL },
    { "service-account-lookup", F_BOOL, REFUSED, "true", 0, 0, NULL },
    { "service-account-max-token-expiration", F_DURATION, MODELLED, NULL, 0, 0, NULL },
    { "service-account-signing-key-file", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "service-cluster-ip-range", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "service-node-port-range", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "show-hidden-metrics-for-version", F_STRING, ACCEPTED, NULL, 17, 0, NULL },
    { "shutdown-delay-duration", F_DURATION, ACCEPTED, NULL, 0, 0, NULL },
    { "skip-headers", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "skip-log-headers", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "stderrthreshold", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "storage-backend", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "storage-media-type", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "target-ram-mb", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "tls-cert-file", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "tls-cipher-suites", F_LIST, ACCEPTED, NULL, 0, 0, NULL },
    { "tls-min-version", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "tls-private-key-file", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "tls-sni-cert-key", F_STRING, REFUSED, "", 0, 0, NULL },
    { "token-auth-file", F_STRING, MODELLED, NULL, 0, 0, NULL },
    { "v", F_INT, ACCEPTED, NULL, 0, 0, NULL },
    { "version", F_BOOL, MODELLED, NULL, 0, 0, NULL },
    { "vmodule", F_STRING, ACCEPTED, NULL, 0, 0, NULL },
    { "watch-cache", F_BOOL, ACCEPTED, NULL, 0, 0, NULL },
    { "watch-cache-sizes", F_LIST, ACCEPTED, NULL, 0, 0, NULL },
};

static bool exists(const struct flag *f, int minor) { return minor >= f->since && (!f->until || minor < f->until); }

static const struct flag *find(struct str name, int minor) {
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eqc(name, table[i].name)) return exists(&table[i], minor) ? &table[i] : NULL;
    return NULL;
}

void apiserver_flags_usage(int minor, struct strbuf *out) {
    strbuf_addc(out, "Usage:\n  kube-apiserver [flags]\n\nFlags:\n");
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(table[i].name, "v") != 0 && exists(&table[i], minor))
            strbuf_addf(out, "      --%s%s%s\n", table[i].name, table[i].type ? " " : "", type_names[table[i].type]);
    strbuf_addc(out, "  -v, --v Level\n\n");
}

/* ---- values ---- */
static bool is_bool(struct str s) {
    static const char *const words[] = { "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eqc(s, words[i])) return true;
    return false;
}

static bool is_ip(struct str s) {
    for (int part = 0; part < 4; part++) {
        int64_t n;
        if (!str_int(str_token(&s, '.'), &n) || n < 0 || n > 255) return false;
    }
    return s.p == NULL;
}

static bool is_number(const char *text) {
    char *end = NULL;
    strtod(text, &end);
    return end != text && *end == 0;
}

static bool pairs_hold(struct str s, const char **why, struct arena *a) {
    while (s.p && s.n) {
        struct str pair = str_token(&s, ','), name, value;
        if (str_cut(pair, '=', &name, &value)) continue;
        *why = arena_printf(a, "malformed pair, expect string=string");
        return false;
    }
    return true;
}

static bool value_holds(struct arena *a, const struct flag *f, struct str text, struct err *err) {
    int64_t n = 0;
    const char *why = NULL, *c = arena_cstr(a, text);
    switch (f->type) {
    case F_BOOL: if (!is_bool(text)) why = arena_printf(a, "strconv.ParseBool: parsing \"%s\": invalid syntax", c); break;
    case F_INT: if (!str_int(text, &n)) why = arena_printf(a, "strconv.ParseInt: parsing \"%s\": invalid syntax", c); break;
    case F_FLOAT: if (!is_number(c)) why = arena_printf(a, "strconv.ParseFloat: parsing \"%s\": invalid syntax", c); break;
    case F_DURATION: if (!duration_parse_go(text, &n)) why = arena_printf(a, "time: invalid duration %s", c); break;
    case F_IP: if (!is_ip(text)) why = arena_printf(a, "failed to parse IP: \"%s\"", c); break;
    case F_MAP: pairs_hold(text, &why, a); break;
    case F_STRING: case F_LIST: case F_ARRAY: break;
    }
    if (why) return err_set(err, ERR_USAGE, "invalid argument \"%s\" for \"%s--%s\" flag: %s", c, strcmp(f->name, "v") ? ""
        : "-v, ", f->name, why);
    if (f->effect == REFUSED && !str_eqc(text, f->off))
        return err_set(err, ERR_USAGE, "--%s=%s is known but not modelled here: leave it out", f->name, c);
    return true;
}

static void keep(struct arena *a, struct json *flags, const struct flag *f, struct str value) {
    struct json *before = json_get(flags, f->name);
    if (f->type == F_ARRAY) json_append(json_ensure_array(a, flags, f->name), json_new_str(a, value));
    else if (before && (f->type == F_LIST || f->type == F_MAP))       /* given twice: both hold */
        json_set_str(a, flags, f->name, arena_strf(a, STR_FMT "," STR_FMT, STR_ARG(json_str(before)), STR_ARG(value)));
    else json_set_str(a, flags, f->name, value);
}

struct str apiserver_flag(const struct json *flags, const char *name) {
    const struct json *v = json_get(flags, name);
    return json_is(v, JSON_ARRAY) ? json_str(json_at(v, json_len(v) - 1)) : json_str(v);
}

/* One word of the command line; *next is the one behind it, taken when the flag needs it. */
static bool take(struct arena *a, int minor, const char *word, char ***next, struct json *flags, struct json *deprecated,
    struct err *err) {
    struct str name, value = STR_NULL;
    bool dashes = word[1] == '-', has_value = str_cut(str_c(word + (dashes ? 2 : 1)), '=', &name, &value);
    if (!dashes) {                                                     /* -v 2, -v=2, -v2, -h */
        if (word[1] != 'v' && word[1] != 'h') return err_set(err, ERR_USAGE, "unknown shorthand flag: '%c' in %s", word[1], word);
        has_value = word[1] == 'v' && word[2];
        value = str_c(word + 2 + (word[2] == '='));
        name = word[1] == 'v' ? STR("v") : STR("help");
    } else if (name.n == 0 || name.p[0] == '-' || name.p[0] == '=') {
        return err_set(err, ERR_USAGE, "bad flag syntax: %s", word);
    }
    const struct flag *f = find(name, minor);
    if (!f) return err_set(err, ERR_USAGE, "unknown flag: --" STR_FMT, STR_ARG(name));
    if (!has_value && f->type == F_BOOL) value = STR("true");
    else if (!has_value && **next) value = str_c(*(*next)++);
    else if (!has_value) return err_set(err, ERR_USAGE, dashes ? "flag needs an argument: --%s"
        : "flag needs an argument: 'v' in -%s", f->name);
    if (!value_holds(a, f, value, err)) return false;
    bool gone = str_eqc(name, "insecure-port") && minor >= 20;
    if (f->deprecated && deprecated)
        json_append(deprecated, json_new_str(a, arena_strf(a, "Flag --%s has been deprecated, %s", f->name, gone ? NO_EFFECT
            : f->deprecated)));
    keep(a, flags, f, value);
    return true;
}

struct json *apiserver_flags_parse(struct arena *a, int minor, char **argv, struct json *deprecated, struct err *err) {
    struct json *flags = json_new_object(a);
    char **next = argv + (argv[0] != NULL);
    const char *stray = NULL;
    while (*next) {
        const char *word = *next++;
        if (strcmp(word, "--") == 0) {
            stray = stray ? stray : *next;
            break;
        }
        if (word[0] != '-' || !word[1]) stray = stray ? stray : word;
        else if (!take(a, minor, word, &next, flags, deprecated, err)) return NULL;
    }
    if (!stray) return flags;
    err_set(err, ERR_USAGE, minor < 20 ? "unknown command \"%s\" for \"kube-apiserver\""
        : "\"kube-apiserver\" does not take any arguments, got [\"%s\"]", stray);
    return NULL;
}
