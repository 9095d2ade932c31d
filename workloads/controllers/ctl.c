/* workloads/controllers/ctl.c - the skeleton that every controller here hangs on (client-go's controller pattern: informer,
 * queue, sync).
 *
 * Where Go code blocks on a call, a sync goes on in a callback: start calls, then sync_wait(s, next_step). Order of use:
 * ctl_init, ctl_watch..., [sync runs per key: calls, sync_wait..., sync_end], ctl_deinit. No key is processed before every
 * informer has synced, as WaitForCacheSync sees to.
 */
#include "workloads/controllers/controllers_priv.h"

#include <stdlib.h>

const struct kcm_context *kcm_of(const struct controller_context *cc)
{
    return (const struct kcm_context *)(const void *)((const char *)cc - offsetof(struct kcm_context, cc));
}

/* ---- keys ---- */
static void process(void *ctx, struct str key)
{
    struct ctl *c = ctx;
    struct sync *s = NEW(struct sync);
    list_init(&s->node);
    list_init(&s->ops);
    list_push(&c->syncs, &s->node);
    s->c = c;
    s->a = arena_new();
    s->key = arena_str(s->a, key);
    if (!str_cut(s->key, '/', &s->ns, &s->name)) {
        s->name = s->key;
        s->ns = STR_NULL;
    }
    c->sync(s);
}

void ctl_add(struct ctl *c, struct str key)
{
    if (c->holds)
        map_put(c->early, key, c);
    else
        workqueue_add(c->queue, key);
}

void ctl_add_after(struct ctl *c, struct str key, int64_t delay_ns) { workqueue_add_after(c->queue, key, delay_ns); }

void ctl_add_obj(struct ctl *c, const struct json *obj)
{
    struct arena *a = arena_new();
    ctl_add(c, meta_key(a, obj));
    arena_free(a);
}

void ctl_seen_enqueue(struct ctl *c, const struct json *old, const struct json *now) { ctl_add_obj(c, now ? now : old); }

void ctl_hold(struct ctl *c) { c->holds++; }

void ctl_release(struct ctl *c)
{
    ASSERT(c->holds > 0);
    if (--c->holds)
        return;
    size_t cursor = 0;
    struct str key;
    void *value;
    while (map_next(c->early, &cursor, &key, &value))
        workqueue_add(c->queue, key);
    map_free(c->early, NULL);
    c->early = map_new();
    if (c->on_ready)
        c->on_ready(c);
}

/* ---- informers ---- */
static void on_add(void *ctx, struct object *o)
{
    struct ctl_watch *w = ctx;
    w->seen(w->c, NULL, object_json(o));
}

static void on_update(void *ctx, struct object *old, struct object *o)
{
    struct ctl_watch *w = ctx;
    w->seen(w->c, object_json(old), object_json(o));
}

static void on_delete(void *ctx, struct object *o)
{
    struct ctl_watch *w = ctx;
    w->seen(w->c, object_json(o), NULL);
}

static void synced(void *ctx) { ctl_release(ctx); }

void ctl_watch(struct ctl *c, struct ctl_watch *w, const char *api_version, const char *resource,
               void (*seen)(struct ctl *c, const struct json *old, const struct json *now))
{
    struct arena *a = arena_new();
    w->c = c;
    w->seen = seen;
    w->informer = informer_shared(c->kcm->shared, client_path(a, api_version, resource, STR_NULL, STR_NULL, NULL), "");
    w->handler = (struct informer_handler){ .on_add = seen ? on_add : NULL, .on_update = seen ? on_update : NULL,
                                            .on_delete = seen ? on_delete : NULL, .ctx = w };
    list_init(&w->node);
    list_push(&c->watches, &w->node);
    ctl_hold(c);
    informer_add_handler(w->informer, &w->handler);
    informer_on_sync(w->informer, synced, c);
    arena_free(a);
}

const struct json *ctl_get(struct ctl_watch *w, struct str key)
{
    struct object *o = informer_get(w->informer, key);
    return o ? object_json(o) : NULL;
}

const struct json *ctl_lookup(struct ctl_watch *w, struct str ns, struct str name)
{
    struct arena *a = arena_new();
    const struct json *obj = ctl_get(w, ns.n ? arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(ns), STR_ARG(name)) : name);
    arena_free(a);
    return obj;
}

bool ctl_next(struct ctl_watch *w, size_t *cursor, const struct json **obj)
{
    struct object *o;
    if (!informer_next(w->informer, cursor, &o))
        return false;
    *obj = object_json(o);
    return true;
}

/* ---- calls ---- */
static void op_free(struct op *op)
{
    list_remove(&op->node);
    free(op);
}

static void op_finished(void *ctx, const struct client_result *r, const struct err *err)
{
    struct op *op = ctx;
    struct sync *s = op->s;
    if (op->done)
        op->done(op, r, err);
    else if (err->code != ERR_NONE)
        sync_fail(s, err);
    op_free(op);
    if (--s->pending || !s->then)
        return;
    void (*then)(struct sync *) = s->then;
    s->then = NULL;
    then(s);
}

static struct op *op_new(struct sync *s, op_done *done, void *arg)
{
    struct op *op = NEW(struct op);
    list_init(&op->node);
    list_push(&s->ops, &op->node);
    op->s = s;
    op->done = done;
    op->arg = arg;
    s->pending++;
    return op;
}

void sync_get(struct sync *s, const char *path, op_done *done, void *arg)
{
    struct op *op = op_new(s, done, arg);
    op->call = client_get(s->c->client, path, op_finished, op);
}

void sync_create(struct sync *s, const char *path, const struct json *obj, op_done *done, void *arg)
{
    struct op *op = op_new(s, done, arg);
    op->call = client_create(s->c->client, path, obj, op_finished, op);
}

void sync_update(struct sync *s, const char *path, const struct json *obj, op_done *done, void *arg)
{
    struct op *op = op_new(s, done, arg);
    op->call = client_update(s->c->client, path, obj, op_finished, op);
}

void sync_patch(struct sync *s, const char *path, enum client_patch type, const struct json *patch, op_done *done, void *arg)
{
    struct op *op = op_new(s, done, arg);
    op->call = client_patch(s->c->client, path, type, patch, op_finished, op);
}

static void delete_done(struct op *op, const struct client_result *r, const struct err *err)
{
    (void)r;
    if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND)
        sync_fail(op->s, err);
}

void sync_delete(struct sync *s, const char *path, const struct json *options, op_done *done, void *arg)
{
    struct op *op = op_new(s, done ? done : delete_done, arg);
    op->call = client_delete(s->c->client, path, options, op_finished, op);
}

void sync_wait(struct sync *s, void (*then)(struct sync *s))
{
    if (s->pending)
        s->then = then;
    else
        then(s);
}

void sync_fail(struct sync *s, const struct err *err)
{
    log_msg(err->code == ERR_CONFLICT ? LOG_DEBUG : LOG_INFO, "controller", STR_FMT ": %s", STR_ARG(s->key), err->msg);
    s->failed = true;
}

static void sync_free(struct sync *s)
{
    list_for(it, &s->ops) {
        struct op *op = container_of(it, struct op, node);
        client_cancel(op->call);
        op_free(op);
    }
    list_remove(&s->node);
    arena_free(s->a);
    free(s);
}

void sync_end(struct sync *s)
{
    struct workqueue *q = s->c->queue;
    struct arena *a = s->a;
    struct str key = s->key;
    ASSERT(s->pending == 0);
    if (s->failed)
        workqueue_add_rate_limited(q, key);
    else
        workqueue_forget(q, key);
    s->a = NULL;                                   /* the key lives in it */
    sync_free(s);
    workqueue_done(q, key);
    arena_free(a);
}

const char *sync_path(struct sync *s, const char *api_version, const char *resource, const struct json *obj, const char *subresource)
{
    return client_path(s->a, api_version, resource, meta_namespace(obj), meta_name(obj), subresource);
}

/* ---- life ---- */
void ctl_init(struct ctl *c, const struct controller_context *cc, const char *name, size_t workers, void (*sync)(struct sync *s))
{
    c->loop = cc->loop;
    c->client = cc->client;
    c->minor = cc->minor;
    c->kcm = kcm_of(cc);
    c->sync = sync;
    c->queue = workqueue_new(cc->loop, name, workers, process, c);
    c->early = map_new();
    list_init(&c->watches);
    list_init(&c->syncs);
}

void ctl_events(struct ctl *c, const char *component) { c->events = event_recorder_new(c->client, component, NULL); }

void ctl_deinit(struct ctl *c)
{
    list_for(it, &c->watches) {
        struct ctl_watch *w = container_of(it, struct ctl_watch, node);
        informer_remove_handler(w->informer, &w->handler);
        list_remove(it);
    }
    list_for(it, &c->syncs)
        sync_free(container_of(it, struct sync, node));
    event_recorder_free(c->events);
    workqueue_free(c->queue);
    map_free(c->early, NULL);
}
