/* sim/cmd/clock_keeper.c - the Clock `cluster` of lab.kubelab.dev/v1 and the clock itself, kept alike in both directions.
 *
 * How fast time goes is the wall's business, and nothing that happens in virtual time depends on it. So the object says nothing that
 * changes by itself: the speed, and since which virtual time; what time it is now is computed when a table is printed
 * (apiserver/printers), as ages are. A change by kubectl is an input like any request, one by `kubelab clock` a request to the control
 * socket: a journal holds both, and its replay writes the same objects.
 */
#include "sim/cmd/clock_keeper.h"

#include <stdlib.h>

#define NAME "cluster"
#define KEY  "/registry/lab.kubelab.dev/clocks/-/" NAME

struct clock_keeper {
    struct clock_keeper_options o;
    struct store_watcher *watcher;
    struct workqueue     *queue;
    bool                  told;        /* the object is to follow, not to lead */
};

/* 60, or 0.5 */
static const char *speed_text(struct arena *a, uint64_t milli) { return arena_printf(a, "%g", (double)milli / 1000.0); }

/* A whole number as one, since that is how one writes it. */
static struct json *speed_json(struct arena *a, uint64_t milli)
{
    return milli % 1000 ? json_new_strc(a, speed_text(a, milli)) : json_new_int(a, (int64_t)(milli / 1000));
}

static void ask_again(struct clock_keeper *k) { workqueue_add(k->queue, STR(NAME)); }

/* What has changed the object is seen as an event of the store: what has not, is not asked for again. */
static void answered(void *ctx, const struct client_result *r, const struct err *err)
{
    struct clock_keeper *k = ctx;
    (void)r;
    if (err->code == ERR_NONE)
        workqueue_forget(k->queue, STR(NAME));
    else
        workqueue_add_rate_limited(k->queue, STR(NAME));
    workqueue_done(k->queue, STR(NAME));
}

static const char *path_of(struct arena *a, const char *name, const char *subresource)
{
    return client_path(a, "lab.kubelab.dev/v1", "clocks", STR_NULL, str_c(name), subresource);
}

static void make(struct clock_keeper *k, struct arena *a)
{
    struct json *obj = json_buildf(a, "{'apiVersion':'lab.kubelab.dev/v1','kind':'Clock','metadata':{'name':%s},'spec':{'speed':%j}}",
                                   NAME, speed_json(a, k->o.get(k->o.ctx)));
    client_create(k->o.client, path_of(a, "", NULL), obj, answered, k);
}

/* True: a call is under way. */
static bool write_spec(struct clock_keeper *k, struct arena *a, const struct json *spec)
{
    uint64_t milli = k->o.get(k->o.ctx);
    bool same = quantity_json_milli(json_get(spec, "speed"), -1) == (int64_t)milli;
    k->told = k->told && !same;
    if (same || (!k->told && json_get(spec, "speed")))
        return false;
    struct json *patch = json_buildf(a, "{'spec':{'speed':%j}}", speed_json(a, milli));
    client_patch(k->o.client, path_of(a, NAME, NULL), PATCH_MERGE, patch, answered, k);
    return true;
}

static bool write_status(struct clock_keeper *k, struct arena *a, const struct json *obj)
{
    const char *speed = speed_text(a, k->o.get(k->o.ctx));
    if (str_eqc(json_path_str(obj, "status.speed"), speed))
        return false;
    struct str now = time_rfc3339(a, vtime_now(k->o.loop));
    struct json *patch = json_buildf(a, "{'status':{'speed':%s,'since':%S}}", speed, now);
    client_patch(k->o.client, path_of(a, NAME, "status"), PATCH_MERGE, patch, answered, k);
    return true;
}

static void process(void *ctx, struct str name)
{
    struct clock_keeper *k = ctx;
    struct arena *a = arena_new();
    struct object *o = store_get(k->o.store, STR(KEY));
    const struct json *obj = o ? object_json(o) : NULL;
    if (!obj) {
        make(k, a);
    } else if (!write_spec(k, a, json_get(obj, "spec"))) {
        int64_t milli = quantity_json_milli(json_path(obj, "spec.speed"), -1);
        if (milli >= 0 && (uint64_t)milli != k->o.get(k->o.ctx))
            k->o.set(k->o.ctx, (uint64_t)milli);
        if (!write_status(k, a, obj))
            workqueue_done(k->queue, name);
    }
    object_unref(o);
    arena_free(a);
}

static void on_event(void *ctx, const struct store_event *ev)
{
    (void)ev;
    ask_again(ctx);
}

struct clock_keeper *clock_keeper_new(const struct clock_keeper_options *o)
{
    struct clock_keeper *k = NEW(struct clock_keeper);
    struct err err = { 0 };
    k->o = *o;
    k->queue = workqueue_new(o->loop, "clock", 1, process, k);
    k->watcher = store_watch(o->store, STR(KEY), store_revision(o->store), on_event, k, &err);
    ASSERT(k->watcher);
    clock_keeper_told(k);
    return k;
}

void clock_keeper_told(struct clock_keeper *k)
{
    if (!k)
        return;
    k->told = true;
    ask_again(k);
}

void clock_keeper_free(struct clock_keeper *k)
{
    if (!k)
        return;
    store_watch_stop(k->watcher);
    workqueue_free(k->queue);
    free(k);
}
