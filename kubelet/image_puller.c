/* kubelet/image_puller.c - is the image there, and may it be fetched? pkg/kubelet/images/image_manager.go, with serialized pulls.
 *
 * A pull that failed is not tried again before its back-off (10 s to 5 min) has passed; meanwhile the container waits with
 * ImagePullBackOff.
 */
#include "kubelet/kubelet_priv.h"

#include <stdlib.h>

struct pull {
    struct list       node;            /* kubelet->pulls; the first is under way */
    struct kubelet   *k;               /* NULL: the kubelet has gone, only the answer is awaited */
    struct container *c;               /* NULL: nobody waits any more */
    struct str        ref;             /* malloc'ed */
    int64_t           queued_ns, began_ns;
    bool              running;
    struct timer      late;            /* a fault's: before it is asked for, or until it has failed */
    struct err        err;             /* why it will have failed */
};

static void pull_free(struct pull *p)
{
    list_remove(&p->node);
    timer_stop(&p->late);
    err_clear(&p->err);
    free((char *)p->ref.p);
    free(p);
}

void pull_abandon(struct pull *p)
{
    p->c->waiting_pull = NULL;
    p->c = NULL;
    if (!p->running)
        pull_free(p);
}

void puller_stop(struct kubelet *k)
{
    list_for(it, &k->pulls) {
        struct pull *p = container_of(it, struct pull, node);
        list_remove(&p->node);
        p->k = NULL;
        if (p->c)
            p->c->waiting_pull = NULL;
        p->c = NULL;
        if (!p->running || timer_active(&p->late))
            pull_free(p);              /* nobody will answer */
    }
}

static void container_event(struct container *c, const char *type, const char *reason, const char *text)
{
    struct arena *a = arena_new();
    event_record(c->pod->k->events, c->pod->pod,
                 arena_printf(a, c->init ? "spec.initContainers{%s}" : "spec.containers{%s}", c->name), type, reason, "%s", text);
    arena_free(a);
}

static void pull_next(struct kubelet *k);

static const char *pulled_text(struct arena *a, const struct pull *p, const struct json *record)
{
    int64_t now = vtime_now(p->k->o.loop), took = now - p->began_ns, waited = now - p->queued_ns;
    const char *name = arena_cstr(a, json_get_str(p->c->spec, "image"));
    if (p->k->o.minor < 20)
        return arena_printf(a, "Successfully pulled image \"%s\"", name);
    if (p->k->o.minor < 29)
        return arena_printf(a, "Successfully pulled image \"%s\" in " STR_FMT, name, STR_ARG(duration_go(a, took)));
    took = took / MS * MS;
    waited = waited / MS * MS;
    return arena_printf(a, "Successfully pulled image \"%s\" in " STR_FMT " (" STR_FMT " including waiting). Image size: %" PRId64
                           " bytes.", name, STR_ARG(duration_go(a, took)),
                        STR_ARG(duration_go(a, waited)), json_get_int(record, "size", 0));
}

static void pulled(void *ctx, const struct json *record, const struct err *err)
{
    struct pull *p = ctx;
    struct kubelet *k = p->k;
    struct container *c = p->c;
    if (!k) {
        pull_free(p);
        return;
    }
    struct arena *a = arena_new();
    if (c)
        c->waiting_pull = NULL;
    if (c && record) {
        container_event(c, "Normal", "Pulled", pulled_text(a, p, record));
    } else if (c) {
        const char *why = arena_printf(a, "rpc error: code = Unknown desc = %s", err->msg);
        container_event(c, "Warning", "Failed",
                        arena_printf(a, "Failed to pull image \"" STR_FMT "\": %s", STR_ARG(json_get_str(c->spec, "image")), why));
        backoff_next(&c->pull, vtime_now(k->o.loop));
        container_event(c, "Warning", "Failed", "Error: ErrImagePull");
        container_image_failed(c, "ErrImagePull", why);
    }
    if (record)
        node_changed(k);
    pull_free(p);
    if (c && record)
        container_image_ready(c, record);
    pull_next(k);
    arena_free(a);
}

static void on_late(struct timer *t)
{
    struct pull *p = container_of(t, struct pull, late);
    if (p->err.code != ERR_NONE)
        pulled(p, NULL, &p->err);
    else
        image_pull(p->k->o.images, p->ref, pulled, p);
}

static void pull_next(struct kubelet *k)
{
    if (list_empty(&k->pulls))
        return;
    struct pull *p = container_of(k->pulls.next, struct pull, node);
    if (p->running)
        return;
    p->running = true;
    p->began_ns = vtime_now(k->o.loop);
    int64_t wait_ns = kubelet_pull_delay_ns(k, p->ref), fails_ns = 0;
    if (kubelet_pull_fails(k, p->ref, &fails_ns, &p->err))
        wait_ns += fails_ns;
    if (wait_ns > 0)
        timer_start(&p->late, wait_ns);
    else
        image_pull(k->o.images, p->ref, pulled, p);
}

static void pull_queue(struct container *c, struct str ref)
{
    struct kubelet *k = c->pod->k;
    struct pull *p = NEW(struct pull);
    *p = (struct pull){ .k = k, .c = c, .queued_ns = vtime_now(k->o.loop) };
    char *copy = xmalloc(ref.n + 1);
    memcpy(copy, ref.p, ref.n);
    copy[ref.n] = 0;
    p->ref = (struct str){ copy, ref.n };
    timer_init(&p->late, k->o.loop, on_late);
    c->waiting_pull = p;
    list_push(&k->pulls, &p->node);
    pull_next(k);
}

static bool always_by_default(struct str ref)
{
    ptrdiff_t slash = -1;
    for (size_t i = 0; i < ref.n; i++)
        if (ref.p[i] == '/')
            slash = (ptrdiff_t)i;
    struct str last = str_sub(ref, (size_t)(slash + 1), ref.n), name, tag;
    return !str_cut(last, ':', &name, &tag) || str_eqc(tag, "latest");
}

void image_ensure(struct container *c)
{
    struct kubelet *k = c->pod->k;
    struct arena *a = arena_new();
    struct str ref = json_get_str(c->spec, "image"), policy = json_get_str(c->spec, "imagePullPolicy");
    const struct json *record = image_find(k->o.images, ref);
    bool always = policy.n ? str_eqc(policy, "Always") : always_by_default(ref);
    int64_t left, now = vtime_now(k->o.loop);
    if (record && !always) {
        container_event(c, "Normal", "Pulled",
                        arena_printf(a, "Container image \"" STR_FMT "\" already present on machine", STR_ARG(ref)));
        container_image_ready(c, record);
    } else if (str_eqc(policy, "Never")) {
        const char *text = arena_printf(a, "Container image \"" STR_FMT "\" is not present with pull policy of Never", STR_ARG(ref));
        container_event(c, "Warning", "ErrImageNeverPull", text);
        container_event(c, "Warning", "Failed", "Error: ErrImageNeverPull");
        container_image_failed(c, "ErrImageNeverPull", text);
    } else if (backoff_waiting(&c->pull, c->pull.updated_ns, now, &left)) {
        const char *text = arena_printf(a, "Back-off pulling image \"" STR_FMT "\"", STR_ARG(ref));
        container_event(c, "Normal", "BackOff", text);
        container_event(c, "Warning", "Failed", "Error: ImagePullBackOff");
        container_image_failed(c, "ImagePullBackOff", text);
    } else {
        container_event(c, "Normal", "Pulling", arena_printf(a, "Pulling image \"" STR_FMT "\"", STR_ARG(ref)));
        pull_queue(c, ref);
    }
    arena_free(a);
}
