/* apiserver/config.c - what kube-apiserver's flags make of a server: files read, values checked, in upstream's order and words.
 *
 * Upstream: cmd/kube-apiserver/app/server.go (Complete, CreateKubeAPIServerConfig),
 * pkg/kubeapiserver/options/{authentication,authorization,admission}.go, apiserver pkg/server/options. First what is wrong on the
 * command line alone, all of it at once in brackets; then, one by one, files that are missing or bad.
 */
#include <stdlib.h>

#include "apiserver/admission/admission.h"
#include "apiserver/auth/auth.h"
#include "apiserver/flags.h"

struct load {
    struct arena *a;
    const struct json *flags;
    int           minor;
    const struct apiserver_files *files;
    struct apiserver_config *out;
    struct err   *err;
    struct strbuf mistakes; int mistake_count;
};

static struct str flag(const struct load *l, const char *name) { return apiserver_flag(l->flags, name); }
static const char *text(const struct load *l, const char *name) { return arena_cstr(l->a, flag(l, name)); }

static bool flag_bool(const struct load *l, const char *name, bool otherwise)
{
    struct str s = flag(l, name);
    return s.n ? str_eqc(s, "1") || s.p[0] == 't' || s.p[0] == 'T' : otherwise;
}

static int64_t flag_int(const struct load *l, const char *name, int64_t otherwise)
{
    int64_t n = otherwise;
    str_int(flag(l, name), &n);
    return n;
}

static int64_t flag_ns(const struct load *l, const char *name)
{
    int64_t ns = 0;
    duration_parse_go(flag(l, name), &ns);
    return ns;
}

static struct word_list flag_list(const struct load *l, const char *name)
{
    struct str rest = flag(l, name);
    size_t n = 0;
    struct str *v = arena_zalloc(l->a, (rest.n + 1) * sizeof *v);
    while (rest.p && rest.n) {
        struct str word = str_token(&rest, ',');
        if (word.n) v[n++] = arena_str(l->a, word);
    }
    return (struct word_list){ v, n };
}

/* ---- the command line alone: Validate ---- */
static void mistake(struct load *l, const char *fmt, ...) PRINTF(2, 3);
static void mistake(struct load *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (l->mistake_count++) strbuf_addc(&l->mistakes, ", ");
    strbuf_vaddf(&l->mistakes, fmt, ap);
    va_end(ap);
}

static void read_modes(struct load *l)
{
    static const char *const names[] = { "", "Node", "RBAC", "AlwaysAllow", "AlwaysDeny" };
    struct word_list modes = flag_list(l, "authorization-mode");
    uint8_t *out = l->out->options.policy.authorization;
    size_t n = 0;
    out[0] = modes.n ? AUTHZ_END : AUTHZ_ALWAYS_ALLOW;                  /* the flag's own default */
    for (size_t i = 0; i < modes.n; i++) {
        uint8_t mode = 1;
        while (mode < ARRAY_LEN(names) && !str_eqc(modes.v[i], names[mode])) mode++;
        bool later = str_eqc(modes.v[i], "Webhook") || str_eqc(modes.v[i], "ABAC"), again = false;
        for (size_t k = 0; k < n; k++) again |= out[k] == mode;
        if (later) mistake(l, "authorization-mode " STR_FMT " is known but not modelled here", STR_ARG(modes.v[i]));
        else if (mode == ARRAY_LEN(names)) mistake(l, "authorization-mode \"" STR_FMT "\" is not a valid mode", STR_ARG(modes.v[i]));
        else if (again) mistake(l, "authorization-mode \"" STR_FMT "\" has mode specified more than once", STR_ARG(modes.v[i]));
        else out[n++] = mode;
    }
}

static void read_plugins(struct load *l, const char *name, struct word_list *out, bool on)
{
    *out = flag_list(l, name);
    for (size_t i = 0; i < out->n; i++) {
        enum admission_known known = admission_known(out->v[i], l->minor);
        if (known == ADMISSION_UNKNOWN) mistake(l, "%s plugin \"" STR_FMT "\" is unknown", name, STR_ARG(out->v[i]));
        else if (known == ADMISSION_REFUSED && on) mistake(l, "%s plugin \"" STR_FMT "\" is known but not modelled here", name,
            STR_ARG(out->v[i]));
    }
}

static void plugins_overlap(struct load *l)
{
    const struct apiserver_policy *p = &l->out->options.policy;
    for (size_t i = 0; i < p->plugins_on.n; i++)
        for (size_t k = 0; k < p->plugins_off.n; k++)
            if (str_eq(p->plugins_on.v[i], p->plugins_off.v[k]))
                mistake(l, "[" STR_FMT "] in enable-admission-plugins and disable-admission-plugins overlapped",
                    STR_ARG(p->plugins_on.v[i]));
}

static void read_service_range(struct load *l)
{
    struct apiserver_policy *p = &l->out->options.policy;
    struct str range = flag(l, "service-cluster-ip-range"), ip, size;
    int64_t bits = 0, part;
    uint32_t address = 0;
    if (!range.n) range = STR("10.0.0.0/24");
    bool good = str_cut(range, '/', &ip, &size) && str_int(size, &bits) && bits > 0 && bits <= 32;
    for (int i = 0; i < 4 && good; i++) {
        good = str_int(str_token(&ip, '.'), &part) && part >= 0 && part < 256;
        address = address << 8 | (uint32_t)(good ? part : 0);
    }
    if (!good || ip.p) mistake(l, "service-cluster-ip-range \"" STR_FMT "\" is not valid: it takes one IPv4 range, as 10.96.0.0/12",
        STR_ARG(range));
    else if (bits < 12) mistake(l, "specified --service-cluster-ip-range is too large; for 32-bit addresses, the mask must be >= 12");
    else if (bits > 29) mistake(l, "The service cluster IP range must be at least 8 IP addresses");
    else {
        p->service_bits = (unsigned)bits;
        p->service_ip = address & ~(uint32_t)(((uint64_t)1 << (32 - bits)) - 1);
    }
}

static void read_port_range(struct load *l)
{
    struct str range = flag(l, "service-node-port-range"), from, to;
    int64_t first = 0, last = 0;
    if (!range.n) return;
    bool good = str_cut(range, '-', &from, &to) && str_int(from, &first) && str_int(to, &last) && first >= 0 && last <= 65535 &&
        last >= first;
    if (!good) mistake(l, "invalid argument \"" STR_FMT "\" for \"--service-node-port-range\" flag: unable to parse port range",
        STR_ARG(range));
    l->out->options.policy.port_first = (int)first;
    l->out->options.policy.port_count = (int)(last - first + 1);
}

static void read_runtime_config(struct load *l)
{
    struct word_list all = flag_list(l, "runtime-config");
    struct str *off = arena_zalloc(l->a, (all.n + 1) * sizeof *off);
    size_t n = 0;
    for (size_t i = 0; i < all.n; i++) {
        struct str name, value;
        str_cut(all.v[i], '=', &name, &value);
        if (str_starts(name, "api/") && !str_eqc(name, "api/v1")) {
            if (str_eqc(value, "false")) mistake(l, "runtime-config " STR_FMT " is known but not modelled here", STR_ARG(all.v[i]));
        } else if (str_eqc(value, "false") || str_eqc(value, "0")) {
            off[n++] = name;
        } else if (!str_eqc(value, "true") && !str_eqc(value, "1") && value.n) {
            mistake(l, "runtime-config invalid value " STR_FMT, STR_ARG(all.v[i]));
        }
    }
    l->out->options.policy.apis_off = (struct word_list){ off, n };
}

/* TokenRequest needs its key, its issuer and, by default the issuer, its audiences; from v1.20 on it is not to be left out. */
static void read_token_flags(struct load *l)
{
    struct apiserver_options *o = &l->out->options;
    bool key = flag(l, "service-account-signing-key-file").n > 0, issuer = flag(l, "service-account-issuer").n > 0,
        audiences = flag(l, "api-audiences").n > 0;
    o->token_request = key && issuer;
    o->policy.issuer = arena_str(l->a, flag(l, "service-account-issuer"));
    o->policy.audiences = flag_list(l, "api-audiences");
    o->policy.token_max_s = flag_ns(l, "service-account-max-token-expiration") / (int64_t)NS_PER_S;
    if (!key && !issuer && !audiences && l->minor >= 20) mistake(l,
        "--service-account-signing-key-file and --service-account-issuer are required flags");
    else if ((key || issuer || audiences) && !o->token_request && (l->minor >= 20 || key || issuer))
        mistake(l, "--service-account-signing-key-file, --service-account-issuer, and --api-audiences should be specified together");
}

static void read_proxy_flags(struct load *l)
{
    struct apiserver_policy *p = &l->out->options.policy;
    p->proxy_names = flag_list(l, "requestheader-allowed-names");
    p->proxy_any_name = !p->proxy_names.n;
    p->user_headers = flag_list(l, "requestheader-username-headers");
    p->group_headers = flag_list(l, "requestheader-group-headers");
    p->extra_prefixes = flag_list(l, "requestheader-extra-headers-prefix");
    if (flag(l, "proxy-client-cert-file").n && !flag(l, "proxy-client-key-file").n) mistake(l,
        "--proxy-client-cert-file and --proxy-client-key-file must be specified together");
}

static bool allows_all(const struct apiserver_policy *p)
{
    for (const uint8_t *m = p->authorization; *m; m++)
        if (*m == AUTHZ_ALWAYS_ALLOW) return true;
    return false;
}

static bool validate(struct load *l, const char *node_ip)
{
    struct apiserver_options *o = &l->out->options;
    struct apiserver_policy *p = &o->policy;
    strbuf_init(&l->mistakes, 8192);
    o->secure_port = (int)flag_int(l, "secure-port", 6443);
    o->bind_address = flag(l, "bind-address").n && !str_eqc(flag(l, "bind-address"), "0.0.0.0") ? text(l, "bind-address") : NULL;
    o->advertise_ip = flag(l, "advertise-address").n ? text(l, "advertise-address") : node_ip;
    if (o->secure_port < 1 || o->secure_port > 65535) mistake(l,
        "--secure-port %d must be between 1 and 65535, inclusive. It cannot be turned off with 0", o->secure_port);
    if (!flag(l, "etcd-servers").n) mistake(l, "--etcd-servers must be specified");
    if (flag(l, "storage-backend").n && !str_eqc(flag(l, "storage-backend"), "etcd3")) mistake(l,
        "--storage-backend invalid, allowed values: etcd3. If not specified, it will default to 'etcd3'");
    read_service_range(l);
    read_port_range(l);
    read_modes(l);
    read_plugins(l, "enable-admission-plugins", &p->plugins_on, true);
    read_plugins(l, "disable-admission-plugins", &p->plugins_off, false);
    plugins_overlap(l);
    read_token_flags(l);
    read_proxy_flags(l);
    read_runtime_config(l);
    p->no_anonymous = !flag_bool(l, "anonymous-auth", true) || allows_all(p);        /* upstream turns it off then */
    p->no_bootstrap_tokens = !flag_bool(l, "enable-bootstrap-token-auth", false);
    p->aggregator_routing = flag_bool(l, "enable-aggregator-routing", false);
    p->address_types = flag_list(l, "kubelet-preferred-address-types");
    p->event_ttl_ns = flag_ns(l, "event-ttl");
    p->not_ready_s = flag_int(l, "default-not-ready-toleration-seconds", 0);
    p->unreachable_s = flag_int(l, "default-unreachable-toleration-seconds", 0);
    if (l->mistake_count) err_set(l->err, ERR_USAGE, l->mistake_count > 1 ? "[" STR_FMT "]" : STR_FMT,
        STR_ARG(strbuf_str(&l->mistakes)));
    strbuf_deinit(&l->mistakes);
    return !l->mistake_count;
}

/* ---- files ---- */
static bool read_file(struct load *l, const char *name, struct str *out)
{
    return l->files->read(l->files->ctx, l->a, text(l, name), out, l->err);
}

static bool pair(struct load *l, const char *cert_flag, const char *key_flag, const char *prefix, struct identity **out)
{
    struct str cert, key;
    if (!flag(l, cert_flag).n) return true;
    if (read_file(l, cert_flag, &cert) && read_file(l, key_flag, &key)) {
        err_clear(l->err);
        *out = identity_parse_pem(cert, key, l->err);
        if (!*out) err_set(l->err, ERR_USAGE, "tls: failed to find any PEM data in certificate input");
    }
    return *out || (err_prefix(l->err, "%s", prefix), false);
}

static bool roots(struct load *l, const char *name, const char *prefix, struct trust **out, struct str *pem)
{
    struct str bytes;
    if (!flag(l, name).n) return true;
    if (!read_file(l, name, &bytes)) return err_prefix(l->err, "%s", prefix);
    *out = trust_new();
    struct err why = { 0 };
    if (!trust_add_pem(*out, bytes, &why) || !trust_count(*out)) {
        err_clear(&why);
        return err_set(l->err, ERR_USAGE, "%sdata does not contain any valid RSA or ECDSA certificates", prefix);
    }
    if (pem) *pem = bytes;
    return true;
}

static bool verify_keys(struct load *l)
{
    const struct json *list = json_get(l->flags, "service-account-key-file");
    const char *prefix = l->minor < 20 ? "invalid authentication config: " : "";
    for (const struct json *f = json_first(list); f; f = json_next(f)) {
        struct str bytes;
        const char *path = arena_cstr(l->a, json_str(f));
        if (l->out->verify_count == APISERVER_KEYS) return err_set(l->err, ERR_USAGE, "more than %d --service-account-key-file",
            APISERVER_KEYS);
        if (!l->files->read(l->files->ctx, l->a, path, &bytes, l->err)) {
            if (!l->files->keys_pending) return err_prefix(l->err, "%s", prefix);
            err_clear(l->err);
            continue;
        }
        struct key *k = key_parse_pem(bytes, NULL);
        if (!k) return err_set(l->err, ERR_USAGE,
            "%serror reading public key file %s: data does not contain any valid RSA or ECDSA public keys", prefix, path);
        l->out->verify[l->out->verify_count++] = k;
    }
    return true;
}

static bool signing_key(struct load *l)
{
    struct str bytes;
    if (!flag(l, "service-account-signing-key-file").n) return true;
    if (!read_file(l, "service-account-signing-key-file", &bytes)) {
        if (!l->files->keys_pending) return err_prefix(l->err, "failed to parse service-account-issuer-key-file: ");
        err_clear(l->err);
        return true;
    }
    l->out->signing = key_parse_pem(bytes, NULL);
    if (l->out->signing && key_is_private(l->out->signing)) return true;
    return err_set(l->err, ERR_USAGE, "failed to parse service-account-issuer-key-file: error parsing private key file %s: "
                   "data does not contain a valid RSA or ECDSA private key",
                   text(l, "service-account-signing-key-file"));
}

static bool static_tokens(struct load *l)
{
    struct str bytes;
    struct static_tokens *all = ARENA_NEW(l->a, struct static_tokens);
    if (!flag(l, "token-auth-file").n) return true;
    l->out->options.policy.tokens = all;
    return (read_file(l, "token-auth-file", &bytes) && static_tokens_parse(l->a, text(l, "token-auth-file"), bytes, all, l->err)) ||
           err_prefix(l->err, "%s", l->minor < 20 ? "invalid authentication config: " : "");
}

/* What the way to etcd is authenticated with: read, so that what is missing ends the server as it would. */
static bool etcd_files(struct load *l)
{
    static const char *const names[] = { "etcd-certfile", "etcd-keyfile", "etcd-cafile" };
    struct str bytes;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (flag(l, names[i]).n && !read_file(l, names[i], &bytes) && !l->files->keys_pending) return false;
    err_clear(l->err);
    return true;
}

static bool read_all(struct load *l)
{
    struct apiserver_config *c = l->out;
    struct apiserver_options *o = &c->options;
    const char *old = l->minor < 20 ? "unable to load server certificate: " : "";
    bool ok = signing_key(l) && pair(l, "tls-cert-file", "tls-private-key-file", old, &c->serving) &&
              roots(l, "client-ca-file", "unable to load client CA file: ", &c->client_ca, &o->client_ca_pem) &&
              roots(l, "requestheader-client-ca-file", "", &c->requestheader_ca, &o->requestheader_ca_pem) && static_tokens(l) &&
              verify_keys(l) &&
              pair(l, "proxy-client-cert-file", "proxy-client-key-file", "", &c->proxy_client) &&
                  pair(l, "kubelet-client-certificate", "kubelet-client-key", "", &c->kubelet_client) &&
              roots(l, "kubelet-certificate-authority", "", &c->kubelet_ca, NULL) && etcd_files(l);
    if (ok && !c->serving) ok = err_set(l->err, ERR_USAGE,
        "--tls-cert-file and --tls-private-key-file are needed: a self-signed pair in --cert-dir is not modelled here");
    o->serving = c->serving;
    o->client_ca = c->client_ca;
    o->requestheader_ca = c->requestheader_ca;
    o->kubelet_client = c->kubelet_client;
    o->proxy_client = c->proxy_client;
    o->policy.kubelet_ca = c->kubelet_ca;
    return ok;
}

bool apiserver_config_load(struct arena *a, const struct json *flags, int minor, const char *node_ip,
    const struct apiserver_files *files,
                           struct apiserver_config *out, struct err *err)
{
    struct load l = { .a = a, .flags = flags, .minor = minor, .files = files, .out = out, .err = err };
    *out = (struct apiserver_config){ 0 };
    if (validate(&l, node_ip) && read_all(&l)) return true;
    apiserver_config_deinit(out);
    return false;
}

void apiserver_config_deinit(struct apiserver_config *c)
{
    struct identity *const ids[] = { c->serving, c->kubelet_client, c->proxy_client };
    struct trust *const pools[] = { c->client_ca, c->requestheader_ca, c->kubelet_ca };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (ids[i]) identity_unref(ids[i]);
    for (size_t i = 0; i < ARRAY_LEN(pools); i++)
        if (pools[i]) trust_free(pools[i]);
    for (size_t i = 0; i < c->verify_count; i++) key_unref(c->verify[i]);
    key_unref(c->signing);
    *c = (struct apiserver_config){ 0 };
}
