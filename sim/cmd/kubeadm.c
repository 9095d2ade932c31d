/* sim/cmd/kubeadm.c - kubeadm init's phases: certs, kubeconfig, kubelet-start, control-plane, upload-config, bootstrap-token,
 * addon.
 *
 * Upstream: cmd/kubeadm/app/phases/ and app/util/pkiutil of v1.16 and v1.20. Text that it leaves behind is data
 * (sim/cmd/kubeadm/): ${NAME} is filled in, and lines marked #@16 or #@20 belong to one generation. Certificates are P-256 where
 * kubeadm makes RSA, for speed; names, usages and lifetimes are its own.
 */
#include "sim/cmd/kubeadm.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

EMBED(text_coredns, "sim/cmd/kubeadm/coredns.yaml")
EMBED(text_kube_proxy, "sim/cmd/kubeadm/kube-proxy.yaml")
EMBED(text_weave_net, "sim/cmd/kubeadm/weave-net.yaml")
EMBED(text_lab, "sim/cmd/kubeadm/lab.yaml")
EMBED(text_config, "sim/cmd/kubeadm/config.yaml")
EMBED(text_kubelet_config, "sim/cmd/kubeadm/kubelet-config.yaml")
EMBED(text_etcd, "sim/cmd/kubeadm/manifests/etcd.yaml")
EMBED(text_apiserver, "sim/cmd/kubeadm/manifests/kube-apiserver.yaml")
EMBED(text_kcm, "sim/cmd/kubeadm/manifests/kube-controller-manager.yaml")
EMBED(text_scheduler, "sim/cmd/kubeadm/manifests/kube-scheduler.yaml")

#define YEAR_NS (365ll * 24 * 3600 * 1000000000ll)

/* ---- certificates ---- */
struct leaf {                          /* one certificate of kubeadm's, as a row */
    const char *file, *cn, *org;
    unsigned    usage;
    bool        front_proxy;           /* signed by the front proxy's CA */
    size_t      offset;                /* of its identity in struct kubeadm_pki */
};
#define IN_PKI(field) offsetof(struct kubeadm_pki, field)
static const struct leaf leaves[] = {
    { "apiserver", "kube-apiserver", NULL, CERT_EKU_SERVER, false, IN_PKI(apiserver) },
    { "apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters", CERT_EKU_CLIENT, false, IN_PKI(kubelet_client) },
    { "front-proxy-client", "front-proxy-client", NULL, CERT_EKU_CLIENT, true, IN_PKI(front_proxy_client) },
    { "../admin", "kubernetes-admin", "system:masters", CERT_EKU_CLIENT, false, IN_PKI(admin) },
    { "../controller-manager", "system:kube-controller-manager", NULL, CERT_EKU_CLIENT, false, IN_PKI(controller_manager) },
    { "../scheduler", "system:kube-scheduler", NULL, CERT_EKU_CLIENT, false, IN_PKI(scheduler) },
    { "../kubelet", "system:node:", "system:nodes", CERT_EKU_CLIENT, false, IN_PKI(node) },
    { "../load-generator", "kubelab:load-generator", NULL, CERT_EKU_CLIENT, false, IN_PKI(load_generator) },
};

static char *pki_path(struct arena *a, const struct kubeadm_options *o, const char *file, const char *suffix)
{
    if (str_starts(str_c(file), "../"))            /* kept in kubeconfigs alone, as far as the node knows */
        return arena_printf(a, "%s/pki/%s%s", o->dir, file + 3, suffix);
    return arena_printf(a, "%s/etc/kubernetes/pki/%s%s", o->root, file, suffix);
}

static bool save_pair(struct arena *a, const char *crt_path, const char *key_path, const struct cert *c, const struct key *k,
                      struct err *err)
{
    return file_write(crt_path, cert_pem(a, c), 0644, err) && file_write(key_path, key_pem(a, k), 0600, err);
}

static bool load_pair(struct arena *a, const char *crt_path, const char *key_path, struct str *crt, struct str *key)
{
    return file_read(crt_path, 65536, a, crt, NULL) && file_read(key_path, 65536, a, key, NULL);
}

static void template_init(struct cert_template *t, const struct kubeadm_options *o, const char *cn, int64_t years)
{
    *t = (struct cert_template){ .cn = cn, .not_before_ns = o->now_ns, .not_after_ns = o->now_ns + years * YEAR_NS, .serial_len = 8 };
    rng_bytes(o->rng, t->serial, 8);
    t->serial[0] = (uint8_t)((t->serial[0] & 0x7f) | 0x01);     /* positive, never zero */
}

static bool make_ca(struct arena *a, const struct kubeadm_options *o, const char *file, const char *cn, struct cert **c,
                    struct key **k, struct err *err)
{
    const char *crt_path = pki_path(a, o, file, ".crt"), *key_path = pki_path(a, o, file, ".key");
    struct str crt_text, key_text;
    if (load_pair(a, crt_path, key_path, &crt_text, &key_text)) {
        *c = cert_parse_pem(crt_text, err);
        *k = key_parse_pem(key_text, err);
        return *c && *k;
    }
    struct cert_template t;
    template_init(&t, o, cn, 10);
    t.is_ca = true;
    t.key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT | CERT_KU_CERT_SIGN;
    *k = key_generate_ec(o->rng);
    *c = cert_issue(&t, *k, NULL, *k, err);
    return *c && save_pair(a, crt_path, key_path, *c, *k, err);
}

static bool make_leaf(struct kubeadm_pki *p, struct arena *a, const struct kubeadm_options *o, const struct leaf *leaf,
                      struct err *err)
{
    struct identity **slot = (struct identity **)(void *)((char *)p + leaf->offset);
    const char *crt_path = pki_path(a, o, leaf->file, ".crt"), *key_path = pki_path(a, o, leaf->file, ".key");
    struct str crt_text, key_text;
    if (load_pair(a, crt_path, key_path, &crt_text, &key_text)) {
        *slot = identity_parse_pem(crt_text, key_text, err);
        return *slot != NULL;
    }
    const char *orgs[] = { leaf->org, NULL };
    const char *dns[] = { "localhost", o->node_name, "kubernetes", "kubernetes.default", "kubernetes.default.svc",
                          "kubernetes.default.svc.cluster.local", NULL };
    const char *ips[] = { "127.0.0.1", "10.96.0.1", o->node_ip, NULL };
    struct cert_template t;
    template_init(&t, o, leaf->cn, 1);
    if (str_ends(str_c(leaf->cn), ":"))
        t.cn = arena_printf(a, "%s%s", leaf->cn, o->node_name);
    t.orgs = leaf->org ? orgs : NULL;
    t.key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT;
    t.ext_usage = leaf->usage;
    if (leaf->usage == CERT_EKU_SERVER) {
        t.dns_names = dns;
        t.ips = ips;
    }
    struct key *k = key_generate_ec(o->rng);
    struct cert *c = cert_issue(&t, k, leaf->front_proxy ? p->front_proxy_ca : p->ca,
                                leaf->front_proxy ? p->front_proxy_ca_key : p->ca_key, err);
    bool ok = c && save_pair(a, crt_path, key_path, c, k, err);
    if (ok)
        *slot = identity_new(c, k);
    cert_unref(c);
    key_unref(k);
    return ok;
}

/* The kubelet's own pair, as GenerateSelfSignedCertKey(hostName, nil, nil): a throw-away CA signs a leaf whose only name is the
 * host's. */
static bool make_kubelet_serving(struct kubeadm_pki *p, struct arena *a, const struct kubeadm_options *o, struct err *err)
{
    const char *crt_path = arena_printf(a, "%s/var/lib/kubelet/pki/kubelet.crt", o->root);
    const char *key_path = arena_printf(a, "%s/var/lib/kubelet/pki/kubelet.key", o->root);
    struct str crt_text, key_text;
    if (load_pair(a, crt_path, key_path, &crt_text, &key_text)) {
        p->kubelet_serving = identity_parse_pem(crt_text, key_text, err);
        return p->kubelet_serving != NULL;
    }
    int64_t unix_s = o->now_ns / 1000000000;
    struct cert_template ca, leaf;
    template_init(&ca, o, arena_printf(a, "%s-ca@%" PRId64, o->node_name, unix_s), 1);
    ca.is_ca = true;
    ca.key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT | CERT_KU_CERT_SIGN;
    const char *dns[] = { o->node_name, NULL };
    template_init(&leaf, o, arena_printf(a, "%s@%" PRId64, o->node_name, unix_s), 1);
    leaf.dns_names = dns;
    leaf.key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT;
    leaf.ext_usage = CERT_EKU_SERVER;
    struct key *ca_key = key_generate_ec(o->rng), *key = key_generate_ec(o->rng);
    struct cert *ca_cert = cert_issue(&ca, ca_key, NULL, ca_key, err);
    struct cert *cert = ca_cert ? cert_issue(&leaf, key, ca_cert, ca_key, err) : NULL;
    bool ok = cert && save_pair(a, crt_path, key_path, cert, key, err);
    if (ok)
        p->kubelet_serving = identity_new(cert, key);
    cert_unref(cert);
    cert_unref(ca_cert);
    key_unref(key);
    key_unref(ca_key);
    return ok;
}

bool kubeadm_pki_init(struct kubeadm_pki *p, const struct kubeadm_options *o, struct arena *a, struct err *err)
{
    memset(p, 0, sizeof *p);
    if (!dir_make(arena_printf(a, "%s/etc/kubernetes/pki", o->root), 0700, err) ||
        !dir_make(arena_printf(a, "%s/pki", o->dir), 0700, err) ||
        !dir_make(arena_printf(a, "%s/var/lib/kubelet/pki", o->root), 0700, err))
        return false;
    if (!make_ca(a, o, "ca", "kubernetes", &p->ca, &p->ca_key, err) ||
        !make_ca(a, o, "front-proxy-ca", "front-proxy-ca", &p->front_proxy_ca, &p->front_proxy_ca_key, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
        if (!make_leaf(p, a, o, &leaves[i], err))
            return false;
    if (!make_kubelet_serving(p, a, o, err))
        return false;
    p->trust_ca = trust_new();
    trust_add(p->trust_ca, p->ca);
    p->trust_front_proxy = trust_new();
    trust_add(p->trust_front_proxy, p->front_proxy_ca);
    p->ca_pem = cert_pem(a, p->ca);
    p->front_proxy_ca_pem = cert_pem(a, p->front_proxy_ca);
    return true;
}

void kubeadm_pki_deinit(struct kubeadm_pki *p)
{
    for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
        identity_unref(*(struct identity **)(void *)((char *)p + leaves[i].offset));
    identity_unref(p->kubelet_serving);
    trust_free(p->trust_ca);
    trust_free(p->trust_front_proxy);
    cert_unref(p->ca);
    cert_unref(p->front_proxy_ca);
    key_unref(p->ca_key);
    key_unref(p->front_proxy_ca_key);
    memset(p, 0, sizeof *p);
}

struct key *kubeadm_sa_key_load(const struct kubeadm_options *o)
{
    struct arena *a = arena_new();
    struct str text;
    struct key *k = file_read(pki_path(a, o, "sa", ".key"), 65536, a, &text, NULL) ? key_parse_pem(text, NULL) : NULL;
    arena_free(a);
    return k;
}

bool kubeadm_sa_key_save(const struct kubeadm_options *o, const struct key *k, struct err *err)
{
    struct arena *a = arena_new();
    bool ok = file_write(pki_path(a, o, "sa", ".key"), key_pem(a, k), 0600, err) &&
              file_write(pki_path(a, o, "sa", ".pub"), key_public_pem(a, k), 0644, err);
    arena_free(a);
    return ok;
}

/* ---- kubeconfigs ---- */
struct kubeconfig { const char *path, *server, *user; const struct identity *id; bool by_name;
                    /* its certificate is a file of its own */ };

struct str kubeadm_kubeconfig(struct arena *a, struct str ca_pem, const char *server, const char *user, struct str credentials)
{
    return arena_strf(a,
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: " STR_FMT "\n    server: %s\n  name: kubernetes\n"
        "contexts:\n- context:\n    cluster: kubernetes\n    user: %s\n  name: %s@kubernetes\ncurrent-context: "
        "%s@kubernetes\nkind: Config\npreferences: {}\n"
        "users:\n- name: %s\n  user:\n" STR_FMT, STR_ARG(base64_encode(a, ca_pem)), server, user, user, user, user,
        STR_ARG(credentials));
}

static bool write_kubeconfig(struct arena *a, const struct kubeadm_pki *p, const struct kubeconfig *k, struct err *err)
{
    struct str crt = base64_encode(a, cert_pem(a, k->id->chain[0])), key = base64_encode(a, key_pem(a, k->id->key));
    struct str mine = arena_strf(a, "    client-certificate-data: " STR_FMT "\n    client-key-data: " STR_FMT "\n", STR_ARG(crt),
                                 STR_ARG(key));
    if (k->by_name)
        mine = STR("    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem\n    client-key: "
                   "/var/lib/kubelet/pki/kubelet-client-current.pem\n");
    return file_write(k->path, kubeadm_kubeconfig(a, p->ca_pem, k->server, k->user, mine), 0600, err);
}

bool kubeadm_kubeconfigs(const struct kubeadm_pki *p, const struct kubeadm_options *o, int edge_port, bool bare, struct err *err)
{
    struct arena *a = arena_new();
    const char *inside = arena_printf(a, "https://%s:6443", o->node_ip);
    const char *etc = arena_printf(a, "%s/etc/kubernetes", o->root);
    const struct kubeconfig all[] = {
        { arena_printf(a, "%s/admin.conf", o->dir), arena_printf(a, "https://127.0.0.1:%d", edge_port), "kubernetes-admin",
          p->admin, false },
        { arena_printf(a, "%s/admin.conf", etc), inside, "kubernetes-admin", p->admin, false },
        { arena_printf(a, "%s/controller-manager.conf", etc), inside, "system:kube-controller-manager", p->controller_manager, false },
        { arena_printf(a, "%s/scheduler.conf", etc), inside, "system:kube-scheduler", p->scheduler, false },
        /* kubeadm's kubelet-finalize phase, from v1.17 on */
        { arena_printf(a, "%s/kubelet.conf", etc), inside, arena_printf(a, "system:node:%s", o->node_name), p->node, o->minor >= 17 },
    };
    bool ok = true;
    for (size_t i = 0; i < (bare ? 1 : ARRAY_LEN(all)) && ok; i++) {
        struct stat st;
        if (i > 0 && stat(all[i].path, &st) == 0)
            continue;                  /* the node's files are the node's: only the edge's follows its port */
        ok = write_kubeconfig(a, p, &all[i], err);
    }
    arena_free(a);
    return ok;
}

/* ---- texts with ${NAME} and #@generation ---- */
struct variable { const char *name; struct str value; };

static void fill_line(struct strbuf *out, struct str line, const struct variable *v, size_t n)
{
    while (line.n) {
        ptrdiff_t at = str_find(line, STR("${")), end = at < 0 ? -1 : str_find(str_sub(line, (size_t)at, line.n), STR("}"));
        if (at < 0 || end < 0)
            break;
        strbuf_add(out, str_sub(line, 0, (size_t)at));
        struct str name = str_sub(line, (size_t)at + 2, (size_t)(at + end));
        size_t i = 0;
        while (i < n && !str_eqc(name, v[i].name))
            i++;
        ASSERT(i < n);                 /* a variable that nobody gives is a mistake in our own data */
        strbuf_add(out, v[i].value);
        line = str_sub(line, (size_t)(at + end) + 1, line.n);
    }
    strbuf_add(out, line);
    strbuf_addch(out, '\n');
}

static struct str fill_text(struct arena *a, struct str text, int minor, const struct variable *v, size_t n)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_YAML_BYTES);
    while (text.p && text.n) {
        struct str line = str_token(&text, '\n');
        bool old_only = str_ends(line, " #@16"), new_only = str_ends(line, " #@20");
        if ((old_only && minor >= 18) || (new_only && minor < 18))
            continue;
        fill_line(&out, old_only || new_only ? str_sub(line, 0, line.n - 5) : line, v, n);
    }
    struct str copy = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return copy;
}

static size_t common_variables(struct arena *a, const struct kubeadm_options *o, struct variable *v)
{
    size_t n = 0;
    v[n++] = (struct variable){ "NODE_NAME", str_c(o->node_name) };
    v[n++] = (struct variable){ "NODE_IP", str_c(o->node_ip) };
    v[n++] = (struct variable){ "VERSION", str_c(o->git_version) };
    v[n++] = (struct variable){ "MAJOR_MINOR", arena_strf(a, "1.%d", o->minor) };
    v[n++] = (struct variable){ "ETCD_VERSION", o->minor < 18 ? STR("3.3.15-0") : STR("3.4.13-0") };
    v[n++] = (struct variable){ "COREDNS_VERSION", o->minor < 18 ? STR("1.6.2") : STR("1.7.0") };
    return n;
}

/* ---- the node's files ---- */
static bool write_new(const char *path, struct str text, unsigned mode, struct err *err)
{
    struct stat st;
    return stat(path, &st) == 0 || file_write(path, text, mode, err);
}

bool kubeadm_node_files(const struct kubeadm_options *o, struct err *err)
{
    struct arena *a = arena_new();
    struct variable v[8];
    size_t n = common_variables(a, o, v);
    const struct { const char *path; struct str text; unsigned mode; } files[] = {
        { "etc/kubernetes/manifests/etcd.yaml", text_etcd(), 0600 },
        { "etc/kubernetes/manifests/kube-apiserver.yaml", text_apiserver(), 0600 },
        { "etc/kubernetes/manifests/kube-controller-manager.yaml", text_kcm(), 0600 },
        { "etc/kubernetes/manifests/kube-scheduler.yaml", text_scheduler(), 0600 },
    };
    bool ok = dir_make(arena_printf(a, "%s/etc/kubernetes/manifests", o->root), 0700, err);
    for (size_t i = 0; i < ARRAY_LEN(files) && ok; i++)
        ok = write_new(arena_printf(a, "%s/%s", o->root, files[i].path), fill_text(a, files[i].text, o->minor, v, n),
                       files[i].mode, err);
    arena_free(a);
    return ok && kubeadm_kubelet_files(o, err);
}

bool kubeadm_kubelet_files(const struct kubeadm_options *o, struct err *err)
{
    static const char flags[] = "KUBELET_KUBEADM_ARGS=\"--cgroup-driver=cgroupfs --network-plugin=cni "
                                "--pod-infra-container-image=k8s.gcr.io/pause:3.1\"\n";
    struct arena *a = arena_new();
    const char *dir = arena_printf(a, "%s/var/lib/kubelet", o->root);
    struct variable v[8];
    size_t n = common_variables(a, o, v);
    bool ok = dir_make(dir, 0700, err) &&
              write_new(arena_printf(a, "%s/config.yaml", dir), fill_text(a, text_kubelet_config(), o->minor, v, n), 0644, err) &&
              write_new(arena_printf(a, "%s/kubeadm-flags.env", dir), str_c(flags), 0644, err);
    arena_free(a);
    return ok;
}

/* ---- the objects ---- */
static struct str indented(struct arena *a, struct str text)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_YAML_BYTES);
    while (text.p && text.n) {
        strbuf_addc(&out, "    ");
        strbuf_add(&out, str_token(&text, '\n'));
        strbuf_addch(&out, '\n');
    }
    struct str copy = str_trim(arena_str(a, strbuf_str(&out)));
    strbuf_deinit(&out);
    return arena_strf(a, "    " STR_FMT, STR_ARG(copy));
}

static void token_part(struct rng *r, char *out, size_t n)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[rng_below(r, 36)];
    out[n] = 0;
}

void kubeadm_first_token(struct rng *r, char token[24])
{
    token_part(r, token, 6);
    token_part(r, token + 7, 16);
    token[6] = '.';
}

struct json *kubeadm_objects(struct arena *a, const struct kubeadm_pki *p, const struct kubeadm_options *o, struct err *err)
{
    char token[24];
    kubeadm_first_token(o->rng, token);
    struct variable v[16];
    size_t n = common_variables(a, o, v);
    v[n++] = (struct variable){ "CA_BASE64", base64_encode(a, p->ca_pem) };
    v[n++] = (struct variable){ "KUBELET_CONFIG_4", indented(a, text_kubelet_config()) };
    v[n++] = (struct variable){ "TOKEN_ID", { token, 6 } };
    v[n++] = (struct variable){ "TOKEN_SECRET", { token + 7, 16 } };
    v[n++] = (struct variable){ "TOKEN_EXPIRATION", time_rfc3339(a, o->now_ns + 24ll * 3600 * 1000000000ll) };
    const struct str texts[] = { text_config(), text_coredns(), text_kube_proxy(), text_weave_net(), text_lab() };
    struct json *all = json_new_array(a);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct json *docs = NULL;
        if (!yaml_parse_all(a, fill_text(a, texts[i], o->minor, v, n), &docs, err))
            return NULL;
        while (json_len(docs))
            json_append(all, json_remove_at(docs, 0));
    }
    return all;
}
