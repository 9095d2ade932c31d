/* workloads/controllers/csr.c - certificate requests: approved for kubelets, signed, and cleared away
 * (pkg/controller/certificates: approver, signer, cleaner).
 *
 * Approved by itself is only what a kubelet asks for as its own client certificate, when a SubjectAccessReview says that the
 * requestor may. Before v1.18 whatever is approved is signed; later, by the signer's name. The cleaner looks once an hour.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define CLIENT_KUBELET "kubernetes.io/kube-apiserver-client-kubelet"
#define YEAR_NS (365 * 24 * 3600 * SECOND)
#define HOUR_NS (3600 * SECOND)

struct csrs { struct ctl ctl; struct ctl_watch requests; struct timer clean; struct rng rng; const char *api; };
struct recognizer { bool self; const char *subresource, *message; };
struct csr_job { struct json *obj; struct csr csr; size_t recognizer; bool allowed; };

static const struct recognizer recognizers[] = {
    { true, "selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview." },
    { false, "nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview." },
};

static struct csrs *of(struct ctl *c) { return container_of(c, struct csrs, ctl); }

static void seen(struct ctl *c, const struct json *old, const struct json *now)
{
    (void)old;
    if (now)
        ctl_add_obj(c, now);
}

/* ---- what a request is ---- */
static const struct json *condition(const struct json *obj, const char *type)
{
    return condition_find(json_path(obj, "status.conditions"), type);
}

static bool has_usages(const struct json *obj, const char *last)
{
    bool want[3] = { false };
    size_t n = 0;
    for (const struct json *u = json_first(json_path(obj, "spec.usages")); u; u = json_next(u), n++) {
        struct str name = json_str(u);
        want[0] = want[0] || str_eqc(name, "digital signature");
        want[1] = want[1] || str_eqc(name, "key encipherment");
        want[2] = want[2] || str_eqc(name, last);
    }
    return n == 3 && want[0] && want[1] && want[2];
}

static bool is_node_subject(const struct csr *csr)
{
    return csr->org_count == 1 && str_eqc(csr->orgs[0], "system:nodes") && str_starts(csr->subject_cn, "system:node:");
}

static bool is_kubelet_client(struct sync *s, const struct json *obj, const struct csr *csr)
{
    struct str signer = json_path_str(obj, "spec.signerName");
    if (s->c->minor >= 18 && !str_eqc(signer, CLIENT_KUBELET))
        return false;
    return is_node_subject(csr) && csr->dns_count + csr->ip_count + csr->email_count + csr->uri_count == 0 &&
           has_usages(obj, "client auth");
}

/* ---- approving ---- */
static void ask_next(struct sync *s);

static void approve(struct sync *s)
{
    struct csr_job *job = s->data;
    struct json *conditions = json_ensure_array(s->a, json_ensure(s->a, job->obj, "status"), "conditions");
    struct json *c = json_buildf(s->a, "{'type':'Approved','reason':'AutoApproved','message':%s,'lastUpdateTime':%S}",
                                 recognizers[job->recognizer].message,
                                 time_rfc3339(s->a, vtime_now(s->c->loop)));
    if (s->c->minor >= 19)
        json_set_strc(s->a, c, "status", "True");
    json_append(conditions, c);
    sync_update(s, sync_path(s, of(s->c)->api, "certificatesigningrequests", job->obj, "approval"), job->obj, NULL, NULL);
    sync_wait(s, sync_end);
}

static void reviewed(struct op *op, const struct client_result *r, const struct err *err)
{
    struct csr_job *job = op->s->data;
    if (err->code != ERR_NONE)
        sync_fail(op->s, err);
    else
        job->allowed = json_bool(json_path(r->obj, "status.allowed"), false);
}

static void answered(struct sync *s)
{
    struct csr_job *job = s->data;
    if (s->failed) {
        sync_end(s);
    } else if (job->allowed) {
        approve(s);
    } else {
        job->recognizer++;
        ask_next(s);
    }
}

static void ask_next(struct sync *s)
{
    struct csr_job *job = s->data;
    struct str username = json_path_str(job->obj, "spec.username");
    while (job->recognizer < ARRAY_LEN(recognizers) && recognizers[job->recognizer].self && !str_eq(job->csr.subject_cn, username))
        job->recognizer++;
    if (job->recognizer == ARRAY_LEN(recognizers)) {
        log_msg(LOG_INFO, "csr", "recognized csr \"" STR_FMT "\" as [nodeclient] but subject access review was not approved",
                STR_ARG(s->name));
        s->failed = true;              /* a binding may come */
        sync_end(s);
        return;
    }
    struct json *extra = json_path(job->obj, "spec.extra"), *groups = json_path(job->obj, "spec.groups");
    struct json *review = json_buildf(s->a,
                                      "{'kind':'SubjectAccessReview','apiVersion':'authorization.k8s.io/v1','spec':{'user':%S,"
                                      "'uid':%S,'groups':%j,"
                                      "'resourceAttributes':{'group':'certificates.k8s.io','resource':'certificatesigningrequests',"
                                      "'verb':'create','subresource':%s,'version':'*'}}}",
                                      username, json_path_str(job->obj, "spec.uid"), groups ? json_copy(s->a, groups) : NULL,
                                      recognizers[job->recognizer].subresource);
    if (extra)
        json_set(s->a, json_get(review, "spec"), "extra", json_copy(s->a, extra));
    sync_create(s, "/apis/authorization.k8s.io/v1/subjectaccessreviews", review, reviewed, NULL);
    sync_wait(s, answered);
}

/* ---- signing ---- */
static bool signer_accepts(struct sync *s, const struct json *obj, const struct csr *csr, const char **why)
{
    struct str signer = json_path_str(obj, "spec.signerName");
    *why = NULL;
    if (s->c->minor < 18 || str_eqc(signer, "kubernetes.io/legacy-unknown") || str_eqc(signer, "kubernetes.io/kube-apiserver-client"))
        return true;
    if (str_eqc(signer, CLIENT_KUBELET)) {
        *why = is_kubelet_client(s, obj, csr) ? NULL : "invalid usages or subject for a kubelet client certificate";
    } else if (str_eqc(signer, "kubernetes.io/kubelet-serving")) {
        *why = is_node_subject(csr) && csr->dns_count + csr->ip_count > 0 && has_usages(obj, "server auth") ? NULL
               : "invalid usages or subject for a kubelet serving certificate";
    } else {
        return false;                  /* another signer's */
    }
    return true;
}

static const char **texts(struct arena *a, const struct str *v, size_t n)
{
    const char **out = arena_zalloc(a, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = arena_cstr(a, v[i]);
    return out;
}

static struct cert *issue(struct sync *s, const struct json *obj, const struct csr *csr, struct err *err)
{
    const struct controller_manager_options *opt = s->c->kcm->opt;
    int64_t now = vtime_now(s->c->loop);
    struct cert_template t = { .cn = arena_cstr(s->a, csr->subject_cn), .orgs = texts(s->a, csr->orgs, csr->org_count),
                               .dns_names = texts(s->a, csr->dns_names, csr->dns_count),
                               .ips = texts(s->a, csr->ips, csr->ip_count),
                               .not_before_ns = now - (s->c->minor >= 19 ? 300 * SECOND : 0), .not_after_ns = now + YEAR_NS,
                               .key_usage = 0, .ext_usage = 0, .serial_len = 16 };
    for (const struct json *u = json_first(json_path(obj, "spec.usages")); u; u = json_next(u)) {
        struct str name = json_str(u);
        t.key_usage |= str_eqc(name, "digital signature") ? CERT_KU_DIGITAL_SIGNATURE : str_eqc(name, "key encipherment")
            ? CERT_KU_KEY_ENCIPHERMENT : 0u;
        t.ext_usage |= str_eqc(name, "server auth") ? CERT_EKU_SERVER : str_eqc(name, "client auth") ? CERT_EKU_CLIENT : 0u;
    }
    if (t.not_after_ns > opt->ca_cert->not_after_ns)
        t.not_after_ns = opt->ca_cert->not_after_ns;
    rng_bytes(&of(s->c)->rng, t.serial, t.serial_len);
    t.serial[0] = (uint8_t)((t.serial[0] & 0x7f) | 1);
    return cert_issue(&t, csr->public_key, opt->ca_cert, opt->ca_key, err);
}

static void sign(struct sync *s)
{
    struct csr_job *job = s->data;
    struct err err = { 0 };
    const char *why;
    if (!s->c->kcm->opt->ca_key || !signer_accepts(s, job->obj, &job->csr, &why)) {
        sync_end(s);
        return;
    }
    struct json *st = json_ensure(s->a, job->obj, "status");
    struct cert *cert = why ? NULL : issue(s, job->obj, &job->csr, &err);
    if (cert) {
        json_set_str(s->a, st, "certificate", base64_encode(s->a, cert_pem(s->a, cert)));
    } else if (why && s->c->minor >= 19) {
        struct str now = time_rfc3339(s->a, vtime_now(s->c->loop));
        json_append(json_ensure_array(s->a, st, "conditions"),
                    json_buildf(s->a, "{'type':'Failed','status':'True','reason':'SignerValidationFailure','message':%s,"
                                      "'lastUpdateTime':%S,'lastTransitionTime':%S}", why, now, now));
    } else {
        log_msg(LOG_WARN, "csr", STR_FMT " not signed: %s", STR_ARG(s->name), why ? why : err.msg);
    }
    if (cert || (why && s->c->minor >= 19))
        sync_update(s, sync_path(s, of(s->c)->api, "certificatesigningrequests", job->obj, "status"), job->obj, NULL, NULL);
    cert_unref(cert);
    err_clear(&err);
    sync_wait(s, sync_end);
}

/* ---- cleaning ---- */
static bool is_stale(const struct json *obj, int64_t now)
{
    static const char *const types[] = { "Approved", "Denied", "Failed" };
    bool issued = json_path_str(obj, "status.certificate").n;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        int64_t at = 0;
        const struct json *c = condition(obj, types[i]);
        if (c && (i > 0 || issued) && time_parse_rfc3339(json_get_str(c, "lastUpdateTime"), &at) && now - at > HOUR_NS)
            return true;
    }
    return !condition(obj, "Approved") && !condition(obj, "Denied") && !issued && now - obj_created_ns(obj) > 24 * HOUR_NS;
}

static void on_clean(struct timer *t)
{
    struct csrs *c = container_of(t, struct csrs, clean);
    size_t cursor = 0;
    for (const struct json *obj; ctl_next(&c->requests, &cursor, &obj);)
        ctl_add_obj(&c->ctl, obj);
    timer_start(t, HOUR_NS);
}

/* ---- one sync ---- */
static void sync_csr(struct sync *s)
{
    const struct json *obj = ctl_get(&of(s->c)->requests, s->key);
    struct csr_job *job = s->data = ARENA_NEW(s->a, struct csr_job);
    struct str pem;
    if (!obj) {
        sync_end(s);
        return;
    }
    if (is_stale(obj, vtime_now(s->c->loop))) {
        sync_delete(s, sync_path(s, of(s->c)->api, "certificatesigningrequests", obj, NULL), NULL, NULL, NULL);
        sync_wait(s, sync_end);
        return;
    }
    job->obj = json_copy(s->a, obj);
    bool issued = json_path_str(obj, "status.certificate").n, denied = condition(obj, "Denied"), failed = condition(obj, "Failed");
    if (issued || denied || failed || !base64_decode(s->a, json_path_str(obj, "spec.request"), &pem) ||
        !csr_parse_pem(s->a, pem, &job->csr, NULL))
        sync_end(s);
    else if (condition(obj, "Approved"))
        sign(s);
    else if (is_kubelet_client(s, obj, &job->csr))
        ask_next(s);
    else
        sync_end(s);                   /* for a human to approve */
}

static void *start(const struct controller_context *cc)
{
    struct csrs *c = NEW(struct csrs);
    c->api = cc->minor >= 19 ? "certificates.k8s.io/v1" : "certificates.k8s.io/v1beta1";
    ctl_init(&c->ctl, cc, "certificates", 5, sync_csr);
    rng_init(&c->rng, cc->loop, "csr signer serials");
    timer_init(&c->clean, cc->loop, on_clean);
    timer_start(&c->clean, HOUR_NS);
    ctl_watch(&c->ctl, &c->requests, c->api, "certificatesigningrequests", seen);
    return c;
}

static void stop(void *state)
{
    struct csrs *c = state;
    timer_stop(&c->clean);
    ctl_deinit(&c->ctl);
    free(c);
}

const struct controller_ops csr_controller = { "csrsigning", "certificate-controller", start, stop };
