/* metricsd/flags.c - the command line of metrics-server v0.3.6 (cmd/metrics-server/app/start.go, generic apiserver
 * options of release 1.14).
 *
 * Its own flags and those of the generic API server that have a meaning here are honoured; the others that v0.3.6 knows
 * are refused by name, since nothing is accepted and ignored.
 */
#include "metricsd/metricsd_priv.h"
#include "sim/proc/pflag.h"

struct flag { struct pflag p; size_t offset; const char *usage; };
#define AT(field) offsetof(struct metricsd_flags, field)

static const struct flag flags[] = {
    { { "cert-dir", PFLAG_STRING, NULL }, AT(cert_dir),
      "string                              The directory where the TLS certs are located. (default "
      "\"apiserver.local.config/certificates\")" },
    { { "deprecated-kubelet-completely-insecure", PFLAG_BOOL, NULL }, AT(completely_insecure), NULL },
    { { "kubelet-certificate-authority", PFLAG_STRING, NULL }, AT(kubelet_ca_file),
      "string         Path to the CA to use to validate the Kubelet's serving certificates." },
    { { "kubelet-insecure-tls", PFLAG_BOOL, NULL }, AT(kubelet_insecure_tls),
      "                         Do not verify CA of serving certificates presented by Kubelets.  For testing purposes only." },
    { { "kubelet-port", PFLAG_INT, NULL }, AT(kubelet_port),
      "int                             The port to use to connect to Kubelets. (default 10250)" },
    { { "kubelet-preferred-address-types", PFLAG_LIST, NULL }, AT(address_types),
      "strings      The priority of node address types to use when determining which address to use to connect to a "
      "particular node (default [Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP])" },
    { { "metric-resolution", PFLAG_DURATION, NULL }, AT(metric_resolution_ns),
      "duration                   The resolution at which metrics-server will retain metrics. (default 1m0s)" },
    { { "secure-port", PFLAG_INT, NULL }, AT(secure_port),
      "int                              The port on which to serve HTTPS with authentication and authorization. (default 443)" },
};
static const char *const default_types[] = { "Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP" };

static const struct pflag *find(void *ctx, struct str name)
{
    (void)ctx;
    return pflag_find(flags, sizeof *flags, ARRAY_LEN(flags), name);
}

static bool set_list(struct metricsd_flags *f, struct str value)
{
    f->address_type_count = 0;
    while (value.p && f->address_type_count < ADDRESS_TYPES_MAX)
        f->address_types[f->address_type_count++] = str_token(&value, ',');
    return !value.p;
}

struct parsing { struct arena *a; struct metricsd_flags *out; };

static bool keep(void *ctx, const struct pflag *flag, struct str value, int64_t number, struct err *err)
{
    struct parsing *p = ctx;
    void *at = (char *)p->out + container_of(flag, struct flag, p)->offset;
    switch (flag->type) {
    case PFLAG_BOOL:
        *(bool *)at = number != 0;
        return true;
    case PFLAG_INT:
    case PFLAG_DURATION:
        *(int64_t *)at = number;
        return true;
    case PFLAG_LIST:
        return set_list(p->out, arena_str(p->a, value)) ||
               err_set(err, ERR_USAGE, "--%s takes at most %d types here", flag->name, ADDRESS_TYPES_MAX);
    default:
        *(const char **)at = arena_cstr(p->a, value);
        return true;
    }
}

bool metricsd_flags_parse(struct arena *a, char **argv, struct metricsd_flags *out, struct err *err)
{
    *out = (struct metricsd_flags){
        .metric_resolution_ns = 60 * (int64_t)NS_PER_S,
        .kubelet_port = 10250,
        .secure_port = 443,
        .cert_dir = "apiserver.local.config/certificates",
    };
    for (size_t i = 0; i < ARRAY_LEN(default_types); i++)
        out->address_types[out->address_type_count++] = str_c(default_types[i]);
    struct parsing p = { a, out };
    const struct pflag_set set = { .find = find, .keep = keep, .ctx = &p };
    const char *stray;
    return pflag_parse(a, &set, argv, &stray, NULL, err);
}

void metricsd_flags_usage(struct strbuf *out)
{
    strbuf_addc(out, "Launch metrics-server\n\nUsage:\n   [flags]\n\nFlags:\n");
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (flags[i].usage)
            strbuf_addf(out, "      --%s %s\n", flags[i].p.name, flags[i].usage);
}
