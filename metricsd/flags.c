/* metricsd/flags.c - the command line of metrics-server v0.3.6 (cmd/metrics-server/app/start.go, generic apiserver
 * options of release 1.14).
 *
 * Its own flags and those of the generic API server that have a meaning here are honoured; the others that v0.3.6 knows
 * are refused by name, since nothing is accepted and ignored.
 */
#include "metricsd/metricsd_priv.h"

enum flag_kind { KIND_DURATION, KIND_BOOL, KIND_INT, KIND_TEXT, KIND_LIST };
struct flag { const char *name; enum flag_kind kind; size_t offset; const char *usage; };
#define AT(field) offsetof(struct metricsd_flags, field)

static const struct flag flags[] = {
    { "cert-dir", KIND_TEXT, AT(cert_dir),
      "string                              The directory where the TLS certs are located. (default "
      "\"apiserver.local.config/certificates\")" },
    { "deprecated-kubelet-completely-insecure", KIND_BOOL, AT(completely_insecure), NULL },
    { "kubelet-certificate-authority", KIND_TEXT, AT(kubelet_ca_file),
      "string         Path to the CA to use to validate the Kubelet's serving certificates." },
    { "kubelet-insecure-tls", KIND_BOOL, AT(kubelet_insecure_tls),
      "                         Do not verify CA of serving certificates presented by Kubelets.  For testing purposes only." },
    { "kubelet-port", KIND_INT, AT(kubelet_port),
      "int                             The port to use to connect to Kubelets. (default 10250)" },
    { "kubelet-preferred-address-types", KIND_LIST, AT(address_types),
      "strings      The priority of node address types to use when determining which address to use to connect to a "
      "particular node (default [Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP])" },
    { "metric-resolution", KIND_DURATION, AT(metric_resolution_ns),
      "duration                   The resolution at which metrics-server will retain metrics. (default 1m0s)" },
    { "secure-port", KIND_INT, AT(secure_port),
      "int                              The port on which to serve HTTPS with authentication and authorization. (default 443)" },
};
static const char *const default_types[] = { "Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP" };

static const struct flag *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (str_eqc(name, flags[i].name))
            return &flags[i];
    return NULL;
}

static bool set_list(struct metricsd_flags *f, struct str value)
{
    f->address_type_count = 0;
    while (value.p && f->address_type_count < ADDRESS_TYPES_MAX)
        f->address_types[f->address_type_count++] = str_token(&value, ',');
    return !value.p;
}

/* What time.ParseDuration finds wrong: it reads a number, then its unit, and says which of them it misses. */
static const char *duration_fault(struct arena *a, struct str value)
{
    size_t digits = value.n && (value.p[0] == '-' || value.p[0] == '+') ? 1 : 0, sign = digits;
    while (digits < value.n && (value.p[digits] == '.' || (value.p[digits] >= '0' && value.p[digits] <= '9')))
        digits++;
    if (digits == sign)
        return "invalid";
    struct str unit = str_sub(value, digits, value.n);
    return unit.n ? arena_printf(a, "unknown unit " STR_FMT " in", STR_ARG(unit)) : "missing unit in";
}

static bool set(struct arena *a, struct metricsd_flags *f, const struct flag *flag, struct str value, struct err *err)
{
    void *at = (char *)f + flag->offset;
    const char *wrong = "parse error";
    switch (flag->kind) {
    case KIND_TEXT:
        *(const char **)at = arena_cstr(a, value);
        return true;
    case KIND_BOOL:
        *(bool *)at = str_eqc(value, "true") || str_eqc(value, "1");
        if (*(bool *)at || str_eqc(value, "false") || str_eqc(value, "0"))
            return true;
        wrong = "strconv.ParseBool: parsing";
        break;
    case KIND_INT:
        if (str_int(value, at))
            return true;
        wrong = "strconv.ParseInt: parsing";
        break;
    case KIND_DURATION:
        if (duration_parse_go(value, at))
            return true;
        return err_set(err, ERR_USAGE, "invalid argument \"" STR_FMT "\" for \"--%s\" flag: time: %s duration " STR_FMT,
                       STR_ARG(value), flag->name, duration_fault(a, value), STR_ARG(value));
    case KIND_LIST:
        if (set_list(f, arena_str(a, value)))
            return true;
        break;
    }
    return err_set(err, ERR_USAGE, "invalid argument \"" STR_FMT "\" for \"--%s\" flag: %s \"" STR_FMT "\": invalid syntax",
                   STR_ARG(value), flag->name, wrong, STR_ARG(value));
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
    for (char **word = argv[0] ? argv + 1 : argv; *word; word++) {
        struct str text = str_c(*word), name, value;
        if (!str_starts(text, "-"))
            continue;
        if (!str_starts(text, "--"))
            return err_set(err, ERR_USAGE, "unknown shorthand flag: '%c' in %s", text.n > 1 ? text.p[1] : ' ', *word);
        bool given = str_cut(str_sub(text, 2, text.n), '=', &name, &value);
        const struct flag *flag = find(name);
        if (!flag)
            return err_set(err, ERR_USAGE, "unknown flag: --" STR_FMT, STR_ARG(name));
        if (!given && flag->kind == KIND_BOOL)
            value = STR("true");
        else if (!given && !word[1])
            return err_set(err, ERR_USAGE, "flag needs an argument: --" STR_FMT, STR_ARG(name));
        else if (!given)
            value = str_c(*++word);
        if (!set(a, out, flag, value, err))
            return false;
    }
    return true;
}

void metricsd_flags_usage(struct strbuf *out)
{
    strbuf_addc(out, "Launch metrics-server\n\nUsage:\n   [flags]\n\nFlags:\n");
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (flags[i].usage)
            strbuf_addf(out, "      --%s %s\n", flags[i].name, flags[i].usage);
}
