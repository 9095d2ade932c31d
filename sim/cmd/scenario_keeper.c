/* sim/cmd/scenario_keeper.c - Scenario objects of lab.kubelab.dev/v1: their steps happen in this cluster, as its time goes by.
 *
 * A scenario is played by the same code as `kubelab scenario run` plays one with (labs/run.c), which asks and waits; only whom it
 * asks (struct labs_ops) is another: the API, from a host beside the machines, the document of conditions, and, to wait, a timer.
 * Since that code waits where the loop may not, it has a thread of its own; but that works only while the loop stands and waits
 * for it, so that there is never more than one at work: a coroutine. What a thread does happens at one place of one event, in a
 * replay too.
 *
 * An object is played once. Deleted, it ends where it is; what it has done stays done.
 */
#include "sim/cmd/scenario_keeper.h"

#include "labs/labs.h"
#include "sim/cmd/look.h"

#include <stdlib.h>
#include <uv.h>

#define PREFIX "/registry/lab.kubelab.dev/scenarios/-/"
enum { PLAYING_MAX = 16 };

struct scenario_keeper {
    struct scenario_keeper_options o;
    struct store_watcher *watcher;
    struct workqueue     *queue;       /* names */
    struct map           *plays;       /* name -> struct play */
};

struct play {
    struct scenario_keeper *k;
    struct arena  *a;
    const char    *name, *uid;
    struct json   *steps;              /* as the object has them */
    struct labs_ops ops;
    struct timeline t;
    bool           stop, ended;        /* it is to end; its thread has */
    /* the coroutine: go is posted by who resumes it, back when it waits or has ended */
    uv_thread_t    thread;
    uv_sem_t       go, back;
    /* what it waits for, one at a time */
    struct client_call *call;
    struct look   *look;
    struct timer   timer;
    /* and what has come */
    struct arena  *into;
    int            status;
    struct str     text;
};

/* ---- taking turns ---- */
static void play_end(struct play *p)
{
    uv_thread_join(&p->thread);
    uv_sem_destroy(&p->go);
    uv_sem_destroy(&p->back);
    map_take(p->k->plays, str_c(p->name));
    arena_free(p->a);
    free(p);
}

/* From the loop: the thread works until it waits again, or has ended, and then is gone. */
static void resume(struct play *p)
{
    uv_sem_post(&p->go);
    uv_sem_wait(&p->back);
    if (p->ended)
        play_end(p);
}

/* Before anything is begun that has to be waited for. False: it is to end. */
static bool may_go_on(const struct play *p, struct err *err)
{
    return !p->stop || err_set(err, ERR_REFUSED, "the scenario was deleted, or the cluster stops");
}

/* From the thread: the loop goes on until what is waited for has come. False: it is to end. */
static bool wait_turn(struct play *p, struct err *err)
{
    uv_sem_post(&p->back);
    uv_sem_wait(&p->go);
    return may_go_on(p, err);
}

/* ---- struct labs_ops ---- */
static void on_answer(void *ctx, const struct client_result *r, const struct err *err)
{
    struct play *p = ctx;
    p->call = NULL;
    p->status = r ? r->http_status : 0;
    p->text = arena_str(p->into, p->status ? r->body : str_c(err->msg));
    resume(p);
}

static bool call_api(void *ctx, struct arena *a, const char *method, const char *path, const char *type, const struct json *body,
                     int *status, struct str *reply, struct err *err)
{
    struct play *p = ctx;
    if (!may_go_on(p, err))
        return false;
    p->into = a;
    p->call = client_call_method(p->k->o.client, method, path, type, body, on_answer, p);
    if (!wait_turn(p, err))
        return false;
    *status = p->status;
    *reply = p->text;
    return *status != 0 || err_set(err, ERR_REFUSED, "the API server does not answer: " STR_FMT, STR_ARG(*reply));
}

static void on_document(void *ctx, struct str text)
{
    struct play *p = ctx;
    p->look = NULL;
    p->text = arena_str(p->into, text);
    resume(p);
}

static bool read_document(void *ctx, struct arena *a, bool history, struct str *text, struct err *err)
{
    struct play *p = ctx;
    if (!may_go_on(p, err))
        return false;
    p->into = a;
    p->look = looker_ask(p->k->o.looker, history, on_document, p);
    if (!wait_turn(p, err))
        return false;
    *text = p->text;
    return text->n || err_set(err, ERR_TOO_LARGE, "there are more objects, or larger ones, than conditions can look at");
}

static bool read_now(void *ctx, int64_t *unix_ns, struct err *err)
{
    struct play *p = ctx;
    (void)err;
    *unix_ns = vtime_now(p->k->o.loop);
    return true;
}

static void on_time(struct timer *t) { resume(container_of(t, struct play, timer)); }

static bool advance(void *ctx, int64_t ns, struct err *err)
{
    struct play *p = ctx;
    if (!may_go_on(p, err))
        return false;
    timer_start(&p->timer, ns);
    return wait_turn(p, err);
}

static bool is_stopped(void *ctx) { return ((struct play *)ctx)->stop; }

/* ---- the object's status ---- */
/* In the thread. Errors are let be: there is nobody to be told. */
static void tell(struct play *p, const char *phase, const char *message, bool ended)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct str reply, now = time_rfc3339(a, vtime_now(p->k->o.loop));
    int status;
    struct json *steps = json_new_array(a);
    for (const struct json *s = json_first(p->t.steps); s; s = json_next(s))
        json_append(steps, json_buildf(a, "{'name':%S,'action':%S,'ok':%b,'message':%S,'time':%S}", json_get_str(s, "name"),
                                       json_get_str(s, "action"), json_get_bool(s, "ok", false), json_get_str(s, "message"),
                                       json_get_str(s, "time")));
    struct json *patch = json_buildf(a, "{'phase':%s,'message':%s,'done':%d,'failed':%d,'steps':%j}", phase, message,
                                     (int64_t)p->t.passed, (int64_t)p->t.failed, steps);
    if (ended || !json_len(steps))
        json_set_str(a, patch, ended ? "completionTime" : "startTime", now);
    patch = json_buildf(a, "{'metadata':{'uid':%s},'status':%j}", p->uid, patch);
    const char *path = client_path(a, "lab.kubelab.dev/v1", "scenarios", STR_NULL, str_c(p->name), "status");
    if (call_api(p, a, "PATCH", path, "merge", patch, &status, &reply, &err) && status >= 300)
        log_msg(LOG_WARN, "scenario", "%s: " STR_FMT, p->name, STR_ARG(reply));
    err_clear(&err);
    arena_free(a);
}

static void on_say(void *ctx, const char *line)
{
    (void)line;
    tell(ctx, "Running", "", false);
}

/* ---- a play ---- */
static void perform(struct play *p)
{
    struct err err = { 0 };
    struct scenario *sc = scenario_of_object(p->a, p->name, p->k->o.lab, p->steps, &err);
    p->t = (struct timeline){ .steps = json_new_array(p->a) };
    if (!sc) {
        tell(p, "Refused", err.msg, true);
    } else {
        tell(p, "Running", "", false);
        bool ok = scenario_run(p->a, sc, &p->ops, on_say, p, &p->t, &err);
        if (!ok)
            tell(p, "Failed", err.msg, true);
        else if (p->t.failed)
            tell(p, "Failed", "not every step was as expected", true);
        else
            tell(p, "Passed", "every step was as expected", true);
    }
    scenario_close(sc);
    err_clear(&err);
}

static void thread_main(void *ctx)
{
    struct play *p = ctx;
    uv_sem_wait(&p->go);
    if (!p->stop)
        perform(p);
    arena_thread_ends();
    p->ended = true;
    uv_sem_post(&p->back);
}

static void play_begin(struct scenario_keeper *k, struct str name, const struct json *obj)
{
    struct play *p = NEW(struct play);
    p->k = k;
    p->a = arena_new();
    p->name = arena_cstr(p->a, name);
    p->uid = arena_cstr(p->a, meta_uid(obj));
    p->steps = json_copy(p->a, json_path(obj, "spec.steps"));
    p->ops = (struct labs_ops){ .ctx = p, .api = call_api, .document = read_document, .now = read_now, .advance = advance,
                                .stopped = is_stopped };
    timer_init(&p->timer, k->o.loop, on_time);
    ASSERT(uv_sem_init(&p->go, 0) == 0 && uv_sem_init(&p->back, 0) == 0);
    ASSERT(uv_thread_create(&p->thread, thread_main, p) == 0);
    map_put(k->plays, str_c(p->name), p);
    resume(p);
}

/* From the loop: what it waits for is taken back, and the thread ends. */
static void play_stop(struct play *p)
{
    p->stop = true;
    timer_stop(&p->timer);
    if (p->call)
        client_cancel(p->call);
    if (p->look)
        look_cancel(p->look);
    resume(p);
}

/* ---- objects ---- */
static void answered(void *ctx, const struct client_result *r, const struct err *err)
{
    (void)ctx;
    (void)r;
    if (err->code != ERR_NONE)
        log_msg(LOG_WARN, "scenario", "%s", err->msg);
}

/* For one that is not played: by whom ever it was. */
static void tell_phase(struct scenario_keeper *k, struct str name, const char *phase, const char *message)
{
    struct arena *a = arena_new();
    struct json *patch = json_buildf(a, "{'status':{'phase':%s,'message':%s}}", phase, message);
    const char *path = client_path(a, "lab.kubelab.dev/v1", "scenarios", STR_NULL, name, "status");
    client_patch(k->o.client, path, PATCH_MERGE, patch, answered, k);
    arena_free(a);
}

static void process(void *ctx, struct str name)
{
    struct scenario_keeper *k = ctx;
    struct arena *a = arena_new();
    struct object *o = store_get(k->o.store, arena_strf(a, PREFIX STR_FMT, STR_ARG(name)));
    const struct json *obj = o ? object_json(o) : NULL;
    struct play *p = map_get(k->plays, name);
    struct str phase = json_path_str(obj, "status.phase");
    if (p && (!obj || !str_eqc(meta_uid(obj), p->uid))) {
        play_stop(p);
        p = NULL;
    }
    if (obj && !p && !phase.n && map_len(k->plays) >= PLAYING_MAX)
        tell_phase(k, name, "Refused", "too many scenarios are played already");
    else if (obj && !p && !phase.n)
        play_begin(k, name, obj);
    else if (obj && !p && str_eqc(phase, "Running"))
        tell_phase(k, name, "Interrupted", "the cluster was stopped while it was played: delete it, and make it again");
    workqueue_done(k->queue, name);
    object_unref(o);
    arena_free(a);
}

static void on_event(void *ctx, const struct store_event *ev)
{
    workqueue_add(((struct scenario_keeper *)ctx)->queue, str_sub(ev->key, sizeof PREFIX - 1, ev->key.n));
}

static bool restore(void *ctx, struct str key, struct object *o)
{
    (void)o;
    workqueue_add(((struct scenario_keeper *)ctx)->queue, str_sub(key, sizeof PREFIX - 1, key.n));
    return true;
}

struct scenario_keeper *scenario_keeper_new(const struct scenario_keeper_options *o)
{
    struct scenario_keeper *k = NEW(struct scenario_keeper);
    struct err err = { 0 };
    k->o = *o;
    k->plays = map_new();
    k->queue = workqueue_new(o->loop, "scenarios", 1, process, k);
    store_list(o->store, STR(PREFIX), STR_NULL, restore, k);
    k->watcher = store_watch(o->store, STR(PREFIX), store_revision(o->store), on_event, k, &err);
    ASSERT(k->watcher);
    return k;
}

void scenario_keeper_free(struct scenario_keeper *k)
{
    if (!k)
        return;
    store_watch_stop(k->watcher);
    workqueue_free(k->queue);
    void *value;
    for (size_t cursor = 0; map_next(k->plays, &cursor, NULL, &value); cursor = 0)
        play_stop(value);
    map_free(k->plays, NULL);
    free(k);
}
