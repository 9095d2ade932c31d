/* kubelet/certificate.c - a certificate that is asked for, waited for, used, and asked for again before it expires.
 *
 * Upstream: client-go util/certificate/certificate_manager.go and csr/csr.go. One manager cares for the client certificate,
 * another for the serving one. A round: wait for the rotation deadline (at 70 to 90 % of the certificate's life; now, if there is
 * none or it does not say what it should), make a key, post a request, wait up to 15 minutes for it to be signed, store the pair.
 * A failed round is tried again after 2, 4, 8 and 16 seconds, and then every 32. DOC: certificate-manager
 */
#include "kubelet/app_priv.h"
#include "kubelet/kubelet_priv.h"

#include <stdlib.h>

enum { WAIT_TIMEOUT_S = 15 * 60, BACKOFF_STEPS = 5, BACKOFF_FIRST = 2, POLL_S = 32 };

struct cert_manager {
    struct cert_manager_options o;
    struct arena    *arena;
    struct identity *current, *previous;           /* previous: a handshake may still borrow it */
    bool             force, healthy, backoff_over;
    int              steps;                        /* failed attempts of this round */
    struct timer     next;                         /* the next look at the deadline, or the next attempt */
    bool             attempt_next;
    /* one attempt */
    struct client   *client;
    struct key      *key;
    struct client_call *post;
    char            *name, *uid;
    struct informer *watch;
    struct informer_handler handler;
    struct timer     timeout;
    struct task      over;                         /* the attempt has ended: with `issued`, or with `why` */
    struct str       issued;                       /* malloc'ed PEM */
    char            *why;
};

static void loop_top(struct cert_manager *m);

static const char *prefix(const struct cert_manager *m, struct arena *a)
{
    return m->o.minor < 21 ? "" : arena_printf(a, "%s: ", m->o.signer);
}

static const char *plane(const struct cert_manager *m) { return m->o.minor < 21 ? "master" : "control plane"; }

/* ---- the certificate in use ---- */
struct identity *cert_manager_current(struct cert_manager *m)
{
    return m && m->current && vtime_now(m->o.loop) <= m->current->chain[0]->not_after_ns ? m->current : NULL;
}

bool cert_manager_server_healthy(const struct cert_manager *m) { return m->healthy; }

static void use(struct cert_manager *m, struct identity *id)
{
    identity_unref(m->previous);
    m->previous = m->current;
    m->current = id;
}

static bool has_all(const char **want, const struct str *have, size_t n)
{
    for (; want && *want; want++) {
        bool found = false;
        for (size_t i = 0; i < n && !found; i++)
            found = str_eqc(have[i], *want);
        if (!found)
            return false;
    }
    return true;
}

static bool satisfies(const struct cert *c, const struct cert_template *t)
{
    return str_eqc(c->subject_cn, t->cn) && has_all(t->orgs, c->orgs, c->org_count) &&
           has_all(t->dns_names, c->dns_names, c->dns_count) && has_all(t->ips, c->ips, c->ip_count);
}

static const char *go_time(struct arena *a, int64_t ns)
{
    struct str s = time_rfc3339(a, ns);
    return arena_printf(a, "%.10s %.8s +0000 UTC", s.p, s.p + 11);
}

static int64_t next_deadline(struct cert_manager *m)
{
    struct arena *a = arena_new();
    struct cert_template t = { 0 };
    int64_t now = vtime_now(m->o.loop), deadline = now;
    bool wanted = m->o.tpl(m->o.ctx, a, &t);
    const struct cert *c = m->current ? m->current->chain[0] : NULL;
    if (m->force) {
        m->force = false;
    } else if (c && (!wanted || satisfies(c, &t))) {
        int64_t total = c->not_after_ns - c->not_before_ns;
        deadline = c->not_before_ns + (int64_t)((double)total * (0.7 + 0.2 * rng_unit(m->o.rng)));
        klog_v(m->o.log, 2, "certificate_manager.go:553", "%sCertificate expiration is %s, rotation deadline is %s", prefix(m, a),
               go_time(a, c->not_after_ns), go_time(a, deadline));
        if (deadline > now)
            klog_v(m->o.log, 2, "certificate_manager.go:281", "%sWaiting " STR_FMT " for next certificate rotation", prefix(m, a),
                   STR_ARG(duration_go(a, deadline - now)));
    }
    arena_free(a);
    return deadline;
}

/* ---- an attempt ---- */
static void attempt_clear(struct cert_manager *m)
{
    timer_stop(&m->timeout);
    task_cancel(&m->over);
    if (m->watch)
        informer_remove_handler(m->watch, &m->handler);
    client_free(m->client);            /* with its calls and informers */
    m->watch = NULL;
    m->post = NULL;
    m->client = NULL;
    key_unref(m->key);
    m->key = NULL;
    free(m->name);
    free(m->uid);
    free((char *)m->issued.p);
    free(m->why);
    m->name = m->uid = m->why = NULL;
    m->issued = STR_NULL;
}

static void failed(struct cert_manager *m, struct arena *a)
{
    attempt_clear(m);
    m->attempt_next = true;
    if (m->backoff_over) {
        timer_start(&m->next, POLL_S * SECOND);
        return;
    }
    if (++m->steps < BACKOFF_STEPS) {
        int64_t delay = (int64_t)BACKOFF_FIRST << (m->steps - 1);
        timer_start(&m->next, (int64_t)((double)(delay * SECOND) * (1 + 0.1 * rng_unit(m->o.rng))));
        return;
    }
    klog_write(m->o.log, 'E', m->o.minor < 21 ? "certificate_manager.go:291" : "certificate_manager.go:354",
               "%sReached backoff limit, still unable to rotate certs: timed out waiting for the condition", prefix(m, a));
    m->backoff_over = true;
    timer_start(&m->next, POLL_S * SECOND);
}

static void on_over(struct task *t)
{
    struct cert_manager *m = container_of(t, struct cert_manager, over);
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct identity *id = m->issued.n ? cert_store_update(&m->o.store, m->issued, key_pem(a, m->key), &err) : NULL;
    if (m->why)
        klog_write(m->o.log, 'E', m->o.minor < 21 ? "certificate_manager.go:400" : "certificate_manager.go:488",
                   "%scertificate request was not signed: %s", prefix(m, a), m->why);
    else if (!id)
        klog_write(m->o.log, 'E', m->o.minor < 21 ? "certificate_manager.go:406" : "certificate_manager.go:497",
                   "%sUnable to store the new cert/key pair: %s", prefix(m, a), err.msg);
    if (id) {
        attempt_clear(m);
        use(m, id);
        m->healthy = true;
        m->o.changed(m->o.ctx);
        m->attempt_next = false;
        timer_start(&m->next, 1 * SECOND);         /* wait.Until's period */
    } else {
        failed(m, a);
    }
    err_clear(&err);
    arena_free(a);
}

static void end(struct cert_manager *m, struct str issued, const char *why)
{
    if (m->issued.p || m->why)
        return;
    if (issued.n) {
        char *copy = xmalloc(issued.n + 1);
        memcpy(copy, issued.p, issued.n);
        copy[issued.n] = 0;
        m->issued = (struct str){ copy, issued.n };
    } else {
        m->why = xstrdup(why);
    }
    task_post(m->o.loop, &m->over);
}

static void on_timeout(struct timer *t)
{
    end(container_of(t, struct cert_manager, timeout), STR_NULL, "timed out waiting for the condition");
}

static void on_request(void *ctx, struct object *o)
{
    struct cert_manager *m = ctx;
    const struct json *csr = object_json(o), *conditions = json_path(csr, "status.conditions");
    struct arena *a = arena_new();
    struct str pem = STR_NULL;
    if (!str_eqc(meta_uid(csr), m->uid)) {
        end(m, STR_NULL, arena_printf(a, "csr \"%s\" changed UIDs", m->name));
    } else {
        static const char *const bad[] = { "Denied", "Failed" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
            const struct json *c = condition_find(conditions, bad[i]);
            if (c)
                end(m, STR_NULL, i == 0 ? arena_printf(a,
                                                       "cannot watch on the certificate signing request: certificate signing "
                                                       "request is not approved, reason: " STR_FMT ", message: " STR_FMT,
                                                       STR_ARG(json_get_str(c, "reason")), STR_ARG(json_get_str(c, "message")))
                                        : arena_printf(a, "certificate signing request failed, reason: " STR_FMT ", message: " STR_FMT,
                                                       STR_ARG(json_get_str(c, "reason")), STR_ARG(json_get_str(c, "message"))));
        }
        if (condition_find(conditions, "Approved") && base64_decode(a, json_path_str(csr, "status.certificate"), &pem) && pem.n)
            end(m, pem, NULL);
    }
    arena_free(a);
}

static void on_request_update(void *ctx, struct object *old, struct object *o)
{
    (void)old;
    on_request(ctx, o);
}

static void on_request_delete(void *ctx, struct object *o)
{
    struct cert_manager *m = ctx;
    struct arena *a = arena_new();
    (void)o;
    end(m, STR_NULL, arena_printf(a, "certificate signing request %s was deleted", m->name));
    arena_free(a);
}

/* updateServerError: is somebody there who understands us? */
static void judge_health(struct cert_manager *m, const struct err *err)
{
    m->healthy = err->code == ERR_UNAUTHORIZED || err->code == ERR_NOT_FOUND || err->code == ERR_FORBIDDEN;
}

static const char *api_version(const struct cert_manager *m)
{
    return m->o.minor < 19 ? "certificates.k8s.io/v1beta1" : "certificates.k8s.io/v1";
}

static void posted(void *ctx, const struct client_result *r, const struct err *err)
{
    struct cert_manager *m = ctx;
    struct arena *a = arena_new();
    m->post = NULL;
    if (err->code != ERR_NONE) {
        klog_write(m->o.log, 'E', m->o.minor < 21 ? "certificate_manager.go:385" : "certificate_manager.go:471",
                   "%sFailed while requesting a signed certificate from the %s: cannot create certificate signing request: %s",
                   prefix(m, a), plane(m), err->msg);
        judge_health(m, err);
        failed(m, a);
        arena_free(a);
        return;
    }
    m->name = xstrdup(arena_cstr(a, meta_name(r->obj)));
    m->uid = xstrdup(arena_cstr(a, meta_uid(r->obj)));
    m->handler = (struct informer_handler){ .on_add = on_request, .on_update = on_request_update, .on_delete = on_request_delete,
                                            .ctx = m };
    m->watch = informer_shared(m->client, client_path(a, api_version(m), "certificatesigningrequests", STR_NULL, STR_NULL, NULL),
                               arena_printf(a, "fieldSelector=metadata.name%%3D%s", m->name));
    informer_add_handler(m->watch, &m->handler);
    timer_start(&m->timeout, WAIT_TIMEOUT_S * SECOND);
    arena_free(a);
}

static void attempt(struct cert_manager *m)
{
    struct arena *a = arena_new();
    struct cert_template t = { 0 };
    struct err err = { 0 };
    klog_v(m->o.log, 2, "certificate_manager.go:356", "%sRotating certificates", prefix(m, a));
    m->key = key_generate_ec(m->o.rng);
    struct str pem = m->o.tpl(m->o.ctx, a, &t) ? csr_make(a, m->key, &t, &err) : STR_NULL;
    m->client = pem.n ? m->o.client(m->o.ctx, cert_manager_current(m)) : NULL;
    if (!m->client) {
        klog_write(m->o.log, 'E', "certificate_manager.go:366", "%sUnable to generate a certificate signing request: %s",
                   prefix(m, a), err.msg);
        failed(m, a);
    } else {
        struct json *csr = json_buildf(a,
                                       "{'kind':'CertificateSigningRequest','apiVersion':%s,'metadata':{'generateName':'csr-'},"
                                       "'spec':{'request':%S,'usages':['digital signature','key encipherment',%s]}}",
                                       api_version(m), base64_encode(a, pem), m->o.usage);
        if (m->o.minor >= 18)
            json_set_strc(a, json_get(csr, "spec"), "signerName", m->o.signer);
        m->post = client_create(m->client, client_path(a, api_version(m), "certificatesigningrequests", STR_NULL, STR_NULL, NULL),
                                csr, posted, m);
    }
    err_clear(&err);
    arena_free(a);
}

/* ---- rounds ---- */
static void loop_top(struct cert_manager *m)
{
    int64_t deadline = next_deadline(m);
    struct arena *a = arena_new();
    struct cert_template t = { 0 };
    m->steps = 0;
    m->backoff_over = false;
    m->attempt_next = true;
    if (deadline > vtime_now(m->o.loop)) {
        timer_start_at(&m->next, deadline);
    } else if (!m->o.tpl(m->o.ctx, a, &t)) {
        m->attempt_next = false;
        timer_start(&m->next, 1 * SECOND);
    } else {
        attempt(m);
    }
    arena_free(a);
}

static void on_next(struct timer *t)
{
    struct cert_manager *m = container_of(t, struct cert_manager, next);
    if (m->attempt_next)
        attempt(m);
    else
        loop_top(m);
}

/* ---- life ---- */
/* getCurrentCertificateOrBootstrap */
static bool first_certificate(struct cert_manager *m, struct err *err)
{
    struct err why = { 0 };
    struct identity *stored = m->o.ignore_store ? NULL : cert_store_current(&m->o.store, &why);
    bool none = m->o.ignore_store || why.code == ERR_NOT_FOUND;
    if (!stored && !none) {
        err_set(err, why.code, "%s", why.msg);
        err_clear(&why);
        return false;
    }
    err_clear(&why);
    if (stored && vtime_now(m->o.loop) < stored->chain[0]->not_after_ns) {
        m->current = stored;
        return true;
    }
    identity_unref(stored);
    m->force = true;
    if (!m->o.first_cert.n || !m->o.first_key.n)
        return true;
    m->current = pair_from_pem(m->o.first_cert, m->o.first_key, err);
    if (!m->current)
        return false;
    struct identity *same = cert_store_update(&m->o.store, m->o.first_cert, m->o.first_key, &why);
    if (!same)
        klog_write(m->o.log, 'E', "certificate_manager.go:341", "Unable to set the cert/key pair to the bootstrap certificate: %s",
                   why.msg);
    identity_unref(same);
    err_clear(&why);
    return true;
}

struct cert_manager *cert_manager_new(const struct cert_manager_options *opt, struct err *err)
{
    struct cert_manager *m = NEW(struct cert_manager);
    m->o = *opt;
    m->arena = arena_new();
    m->o.store.dir = arena_strdup(m->arena, opt->store.dir);
    m->o.store.root = arena_strdup(m->arena, opt->store.root);
    timer_init(&m->next, opt->loop, on_next);
    timer_init(&m->timeout, opt->loop, on_timeout);
    task_init(&m->over, on_over);
    if (!first_certificate(m, err)) {
        cert_manager_free(m);
        return NULL;
    }
    return m;
}

void cert_manager_start(struct cert_manager *m)
{
    m->attempt_next = false;
    timer_start(&m->next, 0);
}

void cert_manager_free(struct cert_manager *m)
{
    if (!m)
        return;
    timer_stop(&m->next);
    attempt_clear(m);
    identity_unref(m->current);
    identity_unref(m->previous);
    arena_free(m->arena);
    free(m);
}
