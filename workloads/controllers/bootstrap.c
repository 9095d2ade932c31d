/* workloads/controllers/bootstrap.c - bootstrap tokens: the signature of cluster-info for each, and the end of those that have
 * expired (pkg/controller/bootstrap).
 *
 * A token secret with usage-bootstrap-signing puts jws-kubeconfig-<token id> into the ConfigMap kube-public/cluster-info: who
 * knows the token can tell that the kubeconfig there is genuine. The token cleaner deletes a token secret at the second at which
 * it expires.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

#define TOKEN_TYPE "bootstrap.kubernetes.io/token"
#define JWS_PREFIX "jws-kubeconfig-"

struct bootstrap { struct ctl ctl; struct ctl_watch secrets, maps; };

static struct bootstrap *of(struct ctl *c) { return container_of(c, struct bootstrap, ctl); }

static bool is_token(const struct json *secret)
{
    return str_eqc(json_get_str(secret, "type"), TOKEN_TYPE) && str_eqc(meta_namespace(secret), "kube-system");
}

static struct str field(struct arena *a, const struct json *secret, const char *key)
{
    struct str v;
    return base64_decode(a, json_get_str(json_get(secret, "data"), key), &v) ? v : STR_NULL;
}

/* Expiry in ns; false: it never expires. A time that cannot be read has passed. */
static bool expiry(struct arena *a, const struct json *secret, int64_t *at)
{
    struct str text = field(a, secret, "expiration");
    *at = 0;
    if (text.n == 0)
        return false;
    if (!time_parse_rfc3339(text, at))
        *at = 0;
    return true;
}

/* ---- signer ---- */
static void signer_token_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    if (is_token(now ? now : old))
        ctl_add(c, STR("kube-public/cluster-info"));
}

static void signer_map_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    (void)old;
    if (now && str_eqc(meta_name(now), "cluster-info") && str_eqc(meta_namespace(now), "kube-public"))
        ctl_add_obj(c, now);
}

static void sync_signer(struct sync *s)
{
    struct bootstrap *b = of(s->c);
    const struct json *map = ctl_get(&b->maps, s->key), *data = json_get(map, "data");
    struct str kubeconfig = json_get_str(data, "kubeconfig");
    if (!map || kubeconfig.n == 0) {
        sync_end(s);
        return;
    }
    struct json *want = json_new_object(s->a), *copy = json_copy(s->a, map);
    for (const struct json *d = json_first(data); d; d = json_next(d))
        if (!str_starts(json_key(d), JWS_PREFIX))
            json_setn(s->a, want, json_key(d), json_copy(s->a, d));
    size_t cursor = 0;
    for (const struct json *secret; ctl_next(&b->secrets, &cursor, &secret);) {
        struct str id = field(s->a, secret, "token-id"), key = field(s->a, secret, "token-secret");
        int64_t at;
        if (!is_token(secret) || meta_deleting(secret) || !id.n || !key.n ||
            !str_eqc(field(s->a, secret, "usage-bootstrap-signing"), "true") ||
            (expiry(s->a, secret, &at) && at <= vtime_now(s->c->loop)))
            continue;
        json_setn(s->a, want, arena_strf(s->a, JWS_PREFIX STR_FMT, STR_ARG(id)),
                  json_new_str(s->a, jws_detached_hs256(s->a, id, key, kubeconfig)));
    }
    if (!json_equal(want, data)) {
        json_set(s->a, copy, "data", want);
        sync_update(s, sync_path(s, "v1", "configmaps", copy, NULL), copy, NULL, NULL);
    }
    sync_wait(s, sync_end);
}

static void *start_signer(const struct controller_context *cc)
{
    struct bootstrap *b = NEW(struct bootstrap);
    ctl_init(&b->ctl, cc, "bootstrap_signer_queue", 1, sync_signer);
    ctl_watch(&b->ctl, &b->secrets, "v1", "secrets", signer_token_seen);
    ctl_watch(&b->ctl, &b->maps, "v1", "configmaps", signer_map_seen);
    return b;
}

/* ---- cleaner ---- */
static void cleaner_seen(struct ctl *c, const struct json *old, const struct json *now)
{
    (void)old;
    if (now && is_token(now))
        ctl_add_obj(c, now);
}

static void sync_cleaner(struct sync *s)
{
    const struct json *secret = ctl_get(&of(s->c)->secrets, s->key);
    int64_t at, now = vtime_now(s->c->loop);
    if (secret && is_token(secret) && expiry(s->a, secret, &at)) {
        if (at <= now)
            sync_delete(s, sync_path(s, "v1", "secrets", secret, NULL), delete_options(s->a, secret, NULL), NULL, NULL);
        else
            ctl_add_after(s->c, s->key, at - now);
    }
    sync_wait(s, sync_end);
}

static void *start_cleaner(const struct controller_context *cc)
{
    struct bootstrap *b = NEW(struct bootstrap);
    ctl_init(&b->ctl, cc, "token_cleaner", 1, sync_cleaner);
    ctl_watch(&b->ctl, &b->secrets, "v1", "secrets", cleaner_seen);
    return b;
}

static void stop(void *state)
{
    struct bootstrap *b = state;
    ctl_deinit(&b->ctl);
    free(b);
}

const struct controller_ops bootstrap_signer = { "bootstrapsigner", "bootstrap-signer", start_signer, stop };
const struct controller_ops token_cleaner = { "tokencleaner", "token-cleaner", start_cleaner, stop };
