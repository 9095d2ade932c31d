/* sim/cmd/host_kubeadm.c - kubeadm on the lab's host: tokens, its version, the cluster's configuration, the certificates' dates.
 *
 * Upstream: cmd/kubeadm/app/cmd/{token,config,version,certs}.go and phases/bootstraptoken, of v1.16 and v1.20. As there,
 * everything about the cluster goes through the API with /etc/kubernetes/admin.conf, and certificates are read from the node's
 * files. What would make or unmake a cluster (init, join, reset, upgrade) is `kubelab up`'s and `kubelab reset`'s business here,
 * and is refused by name.
 */
#include "sim/api/api.h"
#include "sim/cmd/host.h"
#include "sim/pki/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct kubeadm { struct arena *a; int minor; struct str version; int64_t now_ns; const char *admin_conf; };

static int fail(const char *fmt, ...) PRINTF(1, 2);
static int fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nTo see the stack trace of this error execute with --v=5 or higher\n");
    return 1;
}

/* ---- flags: a table of those that take a value ---- */
struct flag_value { const char *name; const char *value; bool boolean, given; };

static const char *take_flag(struct flag_value *flags, size_t n, char **argv, int argc, int *i)
{
    const char *word = argv[*i] + strspn(argv[*i], "-");
    size_t len = strcspn(word, "=");
    for (size_t k = 0; k < n; k++)
        if (strlen(flags[k].name) == len && strncmp(flags[k].name, word, len) == 0) {
            flags[k].given = true;
            flags[k].value = word[len] == '=' ? word + len + 1 : flags[k].boolean ? "true" : *i + 1 < argc ? argv[++*i] : NULL;
            return flags[k].value ? NULL : "flag needs an argument";
        }
    return "unknown flag";
}

/* Words that are no flags are packed to the front of argv. -1 after a message. */
static int parse_flags(struct flag_value *flags, size_t n, int argc, char **argv)
{
    int words = 0;
    for (int i = 0; i < argc; i++) {
        if (argv[i][0] != '-') {
            argv[words++] = argv[i];
            continue;
        }
        char *word = argv[i];
        const char *bad = take_flag(flags, n, argv, argc, &i);
        if (bad) {
            fail("%s: %s", bad, word);
            return -1;
        }
    }
    return words;
}

/* ---- the API ---- */
/* clientcmd's places in order, then admin.conf: the first that exists. sudo takes KUBECONFIG away and makes root's home the home,
 * where there is none. */
static bool kubeconfig_opens(struct kubeadm *k)
{
    const char *given = getenv("KUBECONFIG"), *home = getenv("HOME");
    const char *own = arena_printf(k->a, "%s/.kube/config", home ? home : "");
    bool worker = getenv("KUBELAB_NODE") != NULL;              /* the student's home is not that machine's */
    if (!host_is_root() && ((given && access(given, R_OK) == 0) || (!worker && access(own, R_OK) == 0)))
        return true;
    if (host_is_root() && access(k->admin_conf, R_OK) == 0)
        return true;
    fail("failed to load admin kubeconfig: open %s: no such file or directory",
         host_is_root() ? "/root/.kube/config" : given && !worker ? given : own);
    return false;
}

/* what: "failed to list bootstrap tokens"... NULL after a message. */
static struct json *api(struct kubeadm *k, const char *method, const char *path, const struct json *body, const char *what)
{
    struct err err = { 0 };
    struct str reply = STR_NULL;
    int code = 0;
    if (!host_api(k->a, method, path, body ? json_text(k->a, body) : STR_NULL, &code, &reply, &err)) {
        fail("%s: %s", what, err.msg);
        return NULL;
    }
    struct json *j = code ? json_parse(k->a, reply, NULL) : NULL;
    if (code >= 200 && code < 300 && j)
        return j;
    struct str message = j ? json_get_str(j, "message") : reply;
    fail("%s: " STR_FMT, what, STR_ARG(message));
    return NULL;
}

/* ---- tokens ---- */
static bool only(struct str s, size_t n)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9')))
            return false;
    return s.n == n;
}

static bool token_split(struct str token, struct str *id, struct str *secret)
{
    return str_cut(token, '.', id, secret) && only(*id, 6) && only(*secret, 16);
}

static char *token_draw(struct kubeadm *k)
{
    struct options o = { 0 };
    struct control_reply r;
    struct err err = { 0 };
    if (control_call(k->a, &o, "POST", "/host/token", STR_NULL, NULL, NULL, &r, &err))
        return arena_cstr(k->a, r.body);
    fail("%s", err.msg);
    return NULL;
}

/* "signing,authentication" -> the two data keys. */
static bool usages_set(struct kubeadm *k, struct json *data, const char *usages)
{
    for (struct str rest = str_c(usages); rest.p;) {
        struct str one = str_trim(str_token(&rest, ','));
        if (!str_eqc(one, "signing") && !str_eqc(one, "authentication")) {
            fail("invalid bootstrap token usage string: \"" STR_FMT "\", valid usage options: signing,authentication", STR_ARG(one));
            return false;
        }
        json_set_str(k->a, data, arena_printf(k->a, "usage-bootstrap-" STR_FMT, STR_ARG(one)), base64_encode(k->a, STR("true")));
    }
    return true;
}

static bool groups_valid(const char *groups)
{
    static const char prefix[] = "system:bootstrappers:";
    for (struct str rest = str_c(groups); rest.p && rest.n;) {
        struct str one = str_token(&rest, ',');
        struct str tail = str_starts(one, prefix) ? str_sub(one, sizeof prefix - 1, one.n) : STR_NULL;
        bool ok = tail.n > 0 && tail.n <= 256 && tail.p[tail.n - 1] != '-' && tail.p[tail.n - 1] != ':';
        for (size_t i = 0; i < tail.n; i++)
            ok = ok && ((tail.p[i] >= 'a' && tail.p[i] <= 'z') || (tail.p[i] >= '0' && tail.p[i] <= '9') || tail.p[i] == ':' ||
                        tail.p[i] == '-');
        if (!ok) {
            fail("bootstrap group \"" STR_FMT "\" is invalid (must match \\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\\z)",
                 STR_ARG(one));
            return false;
        }
    }
    return true;
}

/* kubeadm join's line, with the pin of the CA's public key. */
static int print_join(struct kubeadm *k, const char *token)
{
    struct json *map = api(k, "GET", "/api/v1/namespaces/kube-public/configmaps/cluster-info", NULL,
                           "failed to get the cluster-info ConfigMap");
    if (!map)
        return 1;
    struct err err = { 0 };
    struct json *config = yaml_parse(k->a, json_path_str(map, "data.kubeconfig"), &err);
    struct json *cluster = json_get(json_at(json_get(config, "clusters"), 0), "cluster");
    struct str pem = STR_NULL, server = json_get_str(cluster, "server");
    struct cert *ca = base64_decode(k->a, json_get_str(cluster, "certificate-authority-data"), &pem) ? cert_parse_pem(pem, &err)
                      : NULL;
    if (!ca)
        return fail("couldn't parse the certificate of the cluster: %s", err.msg);
    struct key *key = cert_public_key(ca);
    struct str hash = sha256_hex(k->a, key_spki_der(k->a, key));
    if (str_starts(server, "https://"))
        server = str_sub(server, 8, server.n);
    /* Up to 1.18 the template's line break was taken out of the middle, and its blanks stayed. */
    printf("kubeadm join " STR_FMT " --token %s %s--discovery-token-ca-cert-hash sha256:" STR_FMT " %s\n", STR_ARG(server), token,
           k->minor < 19 ? "    " : "", STR_ARG(hash),
           k->minor < 19 ? "   " : "");
    key_unref(key);
    cert_unref(ca);
    return 0;
}

static int token_create(struct kubeadm *k, int argc, char **argv)
{
    struct flag_value f[] = { { .name = "ttl", .value = "24h0m0s" }, { .name = "description", .value = "" },
                              { .name = "usages", .value = "signing,authentication" },
                              { .name = "groups", .value = "system:bootstrappers:kubeadm:default-node-token" },
                              { .name = "print-join-command", .boolean = true },
                              { .name = "dry-run", .boolean = true }, { .name = "kubeconfig" }, { .name = "config" },
                              { .name = "v" } };
    struct str id, secret;
    int64_t ttl = 0;
    int words = parse_flags(f, ARRAY_LEN(f), argc, argv);
    if (words < 0)
        return 1;
    if (!duration_parse_go(str_c(f[0].value), &ttl) || ttl < 0)
        return fail("invalid argument \"%s\" for \"--ttl\" flag: time: invalid duration %s", f[0].value, f[0].value);
    if (words && !token_split(str_c(argv[0]), &id, &secret))
        return fail("the bootstrap token \"%s\" was not of the form \"\\\\A([a-z0-9]{6})\\\\.([a-z0-9]{16})\\\\z\"", argv[0]);
    if (!kubeconfig_opens(k) || !groups_valid(f[3].value))
        return 1;
    const char *token = words ? argv[0] : token_draw(k);
    if (!token || !token_split(str_c(token), &id, &secret))
        return 1;
    struct json *data = json_new_object(k->a);
    if (*f[3].value)
        json_set_str(k->a, data, "auth-extra-groups", base64_encode(k->a, str_c(f[3].value)));
    if (*f[1].value)
        json_set_str(k->a, data, "description", base64_encode(k->a, str_c(f[1].value)));
    if (ttl)
        json_set_str(k->a, data, "expiration", base64_encode(k->a, time_rfc3339(k->a, k->now_ns + ttl)));
    json_set_str(k->a, data, "token-id", base64_encode(k->a, id));
    json_set_str(k->a, data, "token-secret", base64_encode(k->a, secret));
    if (!usages_set(k, data, f[2].value))
        return 1;
    struct json *object = json_buildf(k->a,
                                      "{'apiVersion':'v1','kind':'Secret','metadata':{'name':%s,'namespace':'kube-system'},"
                                      "'type':'bootstrap.kubernetes.io/token','data':%j}",
                                      arena_printf(k->a, "bootstrap-token-" STR_FMT, STR_ARG(id)), data);
    if (words) {                                   /* a token of one's own may be there already */
        struct err err = { 0 };
        struct str reply;
        int code = 0;
        if (host_api(k->a, "GET",
                     arena_printf(k->a, "/api/v1/namespaces/kube-system/secrets/bootstrap-token-" STR_FMT, STR_ARG(id)), STR_NULL,
                     &code, &reply, &err) && code == 200)
            return fail("a token with id \"" STR_FMT "\" already exists", STR_ARG(id));
    }
    if (!f[5].given && !api(k, "POST", "/api/v1/namespaces/kube-system/secrets", object,
                            arena_printf(k->a, "failed to create or update bootstrap token with name bootstrap-token-" STR_FMT,
                                         STR_ARG(id))))
        return 1;
    if (f[4].given)
        return print_join(k, token);
    printf("%s\n", token);
    return 0;
}

/* apimachinery, duration.ShortHumanDuration. */
static const char *short_duration(struct arena *a, int64_t ns)
{
    int64_t s = ns / (int64_t)NS_PER_S, m = s / 60, h = m / 60;
    if (ns <= -(int64_t)NS_PER_S)
        return "<invalid>";
    return s < 0 ? "0s" : s < 60 ? arena_printf(a, "%" PRId64 "s", s) : m < 60 ? arena_printf(a, "%" PRId64 "m", m) : h < 24
           ? arena_printf(a, "%" PRId64 "h", h)
         : h < 24 * 365 ? arena_printf(a, "%" PRId64 "d", h / 24) : arena_printf(a, "%" PRId64 "y", h / 24 / 365);
}

static struct str data_of(struct kubeadm *k, const struct json *secret, const char *key)
{
    struct str text = STR_NULL;
    return base64_decode(k->a, json_get_str(json_get(secret, "data"), key), &text) ? text : STR_NULL;
}

static void token_row(struct kubeadm *k, struct host_table *t, const struct json *secret)
{
    struct str id = data_of(k, secret, "token-id"), expiration = data_of(k, secret, "expiration"), none = STR("<none>");
    struct str description = data_of(k, secret, "description"), groups = data_of(k, secret, "auth-extra-groups");
    int64_t when = 0;
    bool expires = time_parse_rfc3339(expiration, &when);
    bool authentication = str_eqc(data_of(k, secret, "usage-bootstrap-authentication"), "true"),
         signing = str_eqc(data_of(k, secret, "usage-bootstrap-signing"), "true");
    host_table_add(k->a, t, arena_strf(k->a, STR_FMT "." STR_FMT, STR_ARG(id), STR_ARG(data_of(k, secret, "token-secret"))));
    host_table_add(k->a, t, expires ? str_c(short_duration(k->a, when - k->now_ns - 1)) : STR("<forever>"));
    host_table_add(k->a, t, expires ? expiration : STR("<never>"));
    host_table_add(k->a, t, authentication ? signing ? STR("authentication,signing") : STR("authentication") : signing
                   ? STR("signing") : none);
    host_table_add(k->a, t, description.n ? description : none);
    host_table_add(k->a, t, groups.n ? groups : none);
}

static int token_list(struct kubeadm *k, int argc, char **argv)
{
    static const char *const heads[] = { "TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS" };
    struct flag_value f[] = { { .name = "kubeconfig" }, { .name = "v" } };
    if (parse_flags(f, ARRAY_LEN(f), argc, argv) < 0 || !kubeconfig_opens(k))
        return 1;
    struct json *list = api(k, "GET",
                            "/api/v1/namespaces/kube-system/secrets?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken", NULL,
                            "failed to list bootstrap tokens");
    if (!list)
        return 1;
    struct host_table t = { .columns = ARRAY_LEN(heads) };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        host_table_add(k->a, &t, str_c(heads[i]));
    for (struct json *s = json_first(json_get(list, "items")); s; s = json_next(s))
        token_row(k, &t, s);
    if (k->minor < 18 || json_len(json_get(list, "items")))
        host_table_print(&t, 10, 3, false);
    return 0;
}

static int token_delete(struct kubeadm *k, int argc, char **argv)
{
    struct flag_value f[] = { { .name = "kubeconfig" }, { .name = "v" } };
    int words = parse_flags(f, ARRAY_LEN(f), argc, argv);
    if (words < 0)
        return 1;
    if (words < 1)
        return fail("missing subcommand; 'token delete' is missing token of form \"\\\\A([a-z0-9]{6})\\\\z\"");
    if (!kubeconfig_opens(k))
        return 1;
    for (int i = 0; i < words; i++) {
        struct str id = str_c(argv[i]), secret;
        if (!only(id, 6) && !token_split(str_c(argv[i]), &id, &secret))
            return fail("given token or token id \"%s\" didn't match pattern \"\\\\A([a-z0-9]{6})\\\\z\" or "
                        "\"\\\\A([a-z0-9]{6})\\\\.([a-z0-9]{16})\\\\z\"", argv[i]);
        const char *path = arena_printf(k->a, "/api/v1/namespaces/kube-system/secrets/bootstrap-token-" STR_FMT, STR_ARG(id));
        if (!api(k, "DELETE", path, NULL, arena_printf(k->a, "failed to delete bootstrap token \"" STR_FMT "\"", STR_ARG(id))))
            return 1;
        printf("bootstrap token \"" STR_FMT "\" deleted\n", STR_ARG(id));
    }
    return 0;
}

static int token_generate(struct kubeadm *k, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const char *token = token_draw(k);
    if (token)
        printf("%s\n", token);
    return token ? 0 : 1;
}

/* ---- version, config ---- */
static int version(struct kubeadm *k, int argc, char **argv)
{
    struct flag_value f[] = { { .name = "output" }, { .name = "o" }, { .name = "v" } };
    struct err err = { 0 };
    struct str reply = STR_NULL;
    int code = 0;
    if (parse_flags(f, ARRAY_LEN(f), argc, argv) < 0)
        return 1;
    const char *form = f[0].value ? f[0].value : f[1].value;
    struct json *v = host_api(k->a, "GET", "/version", STR_NULL, &code, &reply, &err) && code == 200
                     ? json_parse(k->a, reply, NULL) : NULL;
    if (!v)                                        /* the server is away: kubeadm's own version is known all the same */
        v = json_buildf(k->a, "{'major':'1','minor':%s,'gitVersion':%S,'gitTreeState':'clean','compiler':'gc',"
                              "'platform':'linux/amd64'}", arena_printf(k->a, "%d", k->minor), k->version);
    err_clear(&err);
    if (form && strcmp(form, "short") == 0)
        return printf(STR_FMT "\n", STR_ARG(json_get_str(v, "gitVersion"))), 0;
    if (form && strcmp(form, "json") == 0) {
        struct strbuf out;
        strbuf_init(&out, 65536);
        json_write(&out, json_buildf(k->a, "{'clientVersion':%j}", v), JSON_PRETTY);
        printf("%s\n", out.p);
        strbuf_deinit(&out);
        return 0;
    }
    if (form)
        return fail("invalid output format: %s", form);
    printf("kubeadm version: &version.Info{Major:\"" STR_FMT "\", Minor:\"" STR_FMT
           "\", GitVersion:\"" STR_FMT "\", GitCommit:\"" STR_FMT
           "\", GitTreeState:\"" STR_FMT "\", BuildDate:\"" STR_FMT
           "\", GoVersion:\"" STR_FMT "\", Compiler:\"" STR_FMT "\", Platform:\"" STR_FMT "\"}\n",
           STR_ARG(json_get_str(v, "major")), STR_ARG(json_get_str(v, "minor")),
           STR_ARG(json_get_str(v, "gitVersion")), STR_ARG(json_get_str(v, "gitCommit")), STR_ARG(json_get_str(v, "gitTreeState")),
           STR_ARG(json_get_str(v, "buildDate")),
           STR_ARG(json_get_str(v, "goVersion")), STR_ARG(json_get_str(v, "compiler")), STR_ARG(json_get_str(v, "platform")));
    return 0;
}

static int config_view(struct kubeadm *k, int argc, char **argv)
{
    struct flag_value f[] = { { .name = "kubeconfig" }, { .name = "v" } };
    if (parse_flags(f, ARRAY_LEN(f), argc, argv) < 0 || !kubeconfig_opens(k))
        return 1;
    struct json *map = api(k, "GET", "/api/v1/namespaces/kube-system/configmaps/kubeadm-config", NULL,
                           "failed to get the kubeadm-config ConfigMap");
    if (map)
        printf(STR_FMT, STR_ARG(json_path_str(map, "data.ClusterConfiguration")));
    return map ? 0 : 1;
}

/* ---- certificates' dates ---- */
static const struct { const char *name, *file, *ca; bool kubeconfig; } certs[] = {
    { "admin.conf", "admin.conf", "", true }, { "apiserver", "pki/apiserver.crt", "ca", false },
    { "apiserver-etcd-client", "pki/apiserver-etcd-client.crt", "etcd-ca", false },
    { "apiserver-kubelet-client", "pki/apiserver-kubelet-client.crt", "ca", false },
    { "controller-manager.conf", "controller-manager.conf", "", true },
    { "etcd-healthcheck-client", "pki/etcd/healthcheck-client.crt", "etcd-ca", false },
    { "etcd-peer", "pki/etcd/peer.crt", "etcd-ca", false },
    { "etcd-server", "pki/etcd/server.crt", "etcd-ca", false },
    { "front-proxy-client", "pki/front-proxy-client.crt", "front-proxy-ca", false }, { "scheduler.conf", "scheduler.conf", "", true },
};
static const struct { const char *name, *file; } cas[] = { { "ca", "pki/ca.crt" }, { "etcd-ca", "pki/etcd/ca.crt" },
                                                           { "front-proxy-ca", "pki/front-proxy-ca.crt" } };

static struct cert *cert_of(struct kubeadm *k, const char *file, bool kubeconfig)
{
    struct str text, pem;
    struct err err = { 0 };
    const char *dir = arena_printf(k->a, "%s/etc/kubernetes", host_root(k->a));
    if (!file_read(arena_printf(k->a, "%s/%s", dir, file), 1 << 20, k->a, &text, &err))
        return NULL;
    pem = text;
    if (kubeconfig) {
        struct json *user = json_get(json_at(json_get(yaml_parse(k->a, text, &err), "users"), 0), "user");
        if (!base64_decode(k->a, json_get_str(user, "client-certificate-data"), &pem))
            return NULL;
    }
    return cert_parse_pem(pem, &err);
}

static struct str expiry_text(struct arena *a, int64_t ns)
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    int year, month, day, hour, minute, second, weekday;
    time_civil(ns / (int64_t)NS_PER_S, &year, &month, &day, &hour, &minute, &second, &weekday);
    return arena_strf(a, "%s %02d, %04d %02d:%02d UTC", months[month - 1], day, year, hour, minute);
}

static void cert_row(struct kubeadm *k, struct host_table *t, const char *name, struct cert *c, const char *ca)
{
    host_table_add(k->a, t, str_c(name));
    host_table_add(k->a, t, c ? expiry_text(k->a, c->not_after_ns) : STR("!MISSING!"));
    host_table_add(k->a, t, c ? str_c(short_duration(k->a, c->not_after_ns - k->now_ns)) : STR(""));
    if (ca)
        host_table_add(k->a, t, str_c(ca));
    host_table_add(k->a, t, c ? STR("no") : STR(""));
    cert_unref(c);
}

static int check_expiration(struct kubeadm *k, int argc, char **argv)
{
    static const char *const heads[] = { "CERTIFICATE", "EXPIRES", "RESIDUAL TIME", "CERTIFICATE AUTHORITY", "EXTERNALLY MANAGED" };
    struct flag_value f[] = { { .name = "kubeconfig" }, { .name = "cert-dir" }, { .name = "config" }, { .name = "v" } };
    bool authority = k->minor >= 17;
    if (parse_flags(f, ARRAY_LEN(f), argc, argv) < 0 || !kubeconfig_opens(k))
        return 1;
    if (k->minor >= 17)
        printf("[check-expiration] Reading configuration from the cluster...\n"
               "[check-expiration] FYI: You can look at this config file with 'kubectl -n kube-system get cm kubeadm-config "
               "-oyaml'\n\n");
    struct host_table t = { .columns = authority ? 5 : 4 }, u = { .columns = 4 };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        if (authority || i != 3)
            host_table_add(k->a, &t, str_c(heads[i]));
    for (size_t i = 0; i < ARRAY_LEN(certs); i++)
        cert_row(k, &t, certs[i].name, cert_of(k, certs[i].file, certs[i].kubeconfig), authority ? certs[i].ca : NULL);
    host_table_print(&t, 10, 3, true);
    if (!authority)
        return 0;
    static const char *const ca_heads[] = { "CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED" };
    for (size_t i = 0; i < ARRAY_LEN(ca_heads); i++)
        host_table_add(k->a, &u, str_c(ca_heads[i]));
    for (size_t i = 0; i < ARRAY_LEN(cas); i++)
        cert_row(k, &u, cas[i].name, cert_of(k, cas[i].file, false), NULL);
    printf("\n");
    host_table_print(&u, 10, 3, true);
    return 0;
}

/* ---- the tree of commands ---- */
static const struct { const char *words[3]; int (*run)(struct kubeadm *k, int argc, char **argv); int from, before;
                      /* minor versions; 0: all */ } tree[] = {
    { { "token", "create" }, token_create, 0, 0 }, { { "token", "list" }, token_list, 0, 0 },
    { { "token", "delete" }, token_delete, 0, 0 },
    { { "token", "generate" }, token_generate, 0, 0 }, { { "version" }, version, 0, 0 }, { { "config", "view" }, config_view, 0, 22 },
    { { "alpha", "certs", "check-expiration" }, check_expiration, 0, 21 }, { { "certs", "check-expiration" }, check_expiration, 0, 0 },
};

static int words_match(const char *const words[3], int argc, char **argv)
{
    int n = 0;
    for (; n < 3 && words[n]; n++)
        if (n >= argc || strcmp(words[n], argv[n]) != 0)
            return 0;
    return n;
}

static int unknown(int argc, char **argv)
{
    static const char *const makers[] = { "init", "join", "reset", "upgrade" };
    for (size_t i = 0; argc && i < ARRAY_LEN(makers); i++)
        if (strcmp(argv[0], makers[i]) == 0) {
            fprintf(stderr, "kubeadm %s: this machine is a cluster's node already, and kubelab makes and removes clusters itself: "
                            "see 'kubelab help up' and 'kubelab help down'\n", argv[0]);
            return 1;
        }
    if (argc && strcmp(argv[0], "token") == 0 && argc > 1)
        fprintf(stderr, "invalid subcommand: \"%s\"\n", argv[1]);
    else if (argc && argv[0][0] != '-')
        fprintf(stderr, "Error: unknown command \"%s\" for \"kubeadm\"\nRun 'kubeadm --help' for usage.\n", argv[0]);
    else
        printf("Usage:\n  kubeadm [command]\n\nAvailable commands here:\n  token create|list|delete|generate\n  config view\n  "
               "certs check-expiration\n  version\n");
    return argc && argv[0][0] != '-' ? 1 : 0;
}

int host_kubeadm(struct arena *a, int argc, char **argv)
{
    struct kubeadm k = { .a = a };
    struct err err = { 0 };
    struct json *status = host_status(k.a, &err);
    int code = 1;
    if (!status)
        return control_fail(&err);
    k.version = json_get_str(status, "version");
    k.minor = version_minor(arena_cstr(k.a, k.version));
    time_parse_rfc3339(json_path_str(status, "clock.now"), &k.now_ns);
    setenv("KUBELAB_DATA", arena_cstr(k.a, json_get_str(status, "dataDir")), 0);
    k.admin_conf = arena_printf(k.a, "%s/etc/kubernetes/admin.conf", host_root(k.a));
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(tree) && !found; i++) {
        int n = words_match(tree[i].words, argc - 1, argv + 1);
        found = n > 0 && (tree[i].before == 0 || k.minor < tree[i].before) && k.minor >= tree[i].from;
        if (found)
            code = tree[i].run(&k, argc - 1 - n, argv + 1 + n);
    }
    code = found ? code : unknown(argc - 1, argv + 1);
    return code;
}
