/* sim/cmd/faults.c - Fault objects of lab.kubelab.dev/v1 made true, and taken back when they are deleted or their duration is over.
 *
 * An object is looked at when it changes, when its time is up, and when a call about it has been answered: `process` compares what
 * should be with what is and does the next thing, as a controller does. Most faults are a row in the network's list of those in
 * force (sim/fault), which the mechanism asks. A few are a real change of another object, since what a student finds with kubectl
 * has to be the cause: what stood there is kept in the store ("fault/NAME") until it is put back.
 *
 * The keeper is the hand that steers, no component of the cluster: it reads the objects from the store, so that faults last over
 * `down` and `up` and a kill from the first instant on, and no fault of the API can hide that it has been cleared. It writes
 * through the API like everybody.
 */
#include "sim/cmd/faults.h"

#include <stdlib.h>

#define PREFIX "/registry/lab.kubelab.dev/faults/-/"
#define RECORDS "fault/"
#define SECOND_NS ((int64_t)NS_PER_S)
enum { LOOK_AGAIN_S = 5 };             /* for an object that a fault is about and that is not there */

enum phase { PHASE_ACTIVE, PHASE_ENDED, PHASE_REFUSED };
static const char *const phases[] = { [PHASE_ACTIVE] = "Active", [PHASE_ENDED] = "Ended", [PHASE_REFUSED] = "Refused" };

/* What is known of one object; or, without an arena, a name under which there is none. */
struct entry {
    struct fault_keeper *k;
    char         *name;
    struct arena *arena;
    const char   *uid;
    int64_t       generation, since_ns;
    struct json  *parameters;
    enum fault_type type;
    enum phase    phase;
    const char   *message;
    struct fault *fault;               /* in force */
    struct timer  end;
    bool          over;                /* its time is */
    int64_t       look_ns;             /* what it is about was not there: it is looked for again from then on */
    int64_t       hold_ns;             /* when a change that an earlier process made is to be looked at; 0: not any more */
};
struct fault_keeper {
    struct fault_keeper_options o;
    struct store_watcher *watcher;
    struct workqueue     *queue;
    struct map           *entries;     /* name -> struct entry */
};

static int64_t now_ns(const struct entry *e) { return vtime_now(e->k->o.loop); }
static void ask_again(struct entry *e) { workqueue_add(e->k->queue, str_c(e->name)); }

static void on_end(struct timer *t)
{
    struct entry *e = container_of(t, struct entry, end);
    e->over = true;
    ask_again(e);
}

static struct entry *entry_of(struct fault_keeper *k, struct str name)
{
    struct entry *e = map_get(k->entries, name);
    if (e)
        return e;
    e = NEW(struct entry);
    e->k = k;
    e->name = xmalloc(name.n + 1);
    memcpy(e->name, name.p, name.n);
    e->name[name.n] = 0;
    timer_init(&e->end, k->o.loop, on_end);
    map_put(k->entries, name, e);
    return e;
}

static void entry_free(void *ctx)
{
    struct entry *e = ctx;
    timer_stop(&e->end);
    arena_free(e->arena);
    free(e->name);
    free(e);
}

/* ---- in force, or not ---- */
static void *identity_make(void *ctx, struct fault *f, const char *names)
{
    struct entry *e = ctx;
    struct err err = { 0 };
    struct identity *id = fault_identity_make(f, e->k->o.pki, names, now_ns(e), &err);
    if (!id)
        log_msg(LOG_WARN, "fault", "%s: %s", f->name, err.msg);
    err_clear(&err);
    return id;
}

static void identity_unmake(void *id) { identity_unref(id); }

static void begin(struct entry *e)
{
    e->fault = fault_begin(vnet_faults(e->k->o.vnet), e->name, e->type, e->parameters);
    e->fault->make = identity_make;
    e->fault->unmake = identity_unmake;
    e->fault->make_ctx = e;
}

static void quench(struct entry *e)
{
    timer_stop(&e->end);
    e->over = false;
    fault_end(e->fault);
    e->fault = NULL;
}

static void turn(struct entry *e, enum phase phase, const char *message)
{
    if (e->phase != phase)
        e->since_ns = now_ns(e);
    e->phase = phase;
    if (strcmp(e->message, message) != 0)
        e->message = arena_strdup(e->arena, message);
}

/* ---- what the object says ---- */
/* The same rules as the API's (validate_fault.c), for objects that an earlier version let in. */
static const char *spec_wrong(struct arena *a, const struct json *spec)
{
    int type = fault_type_find(json_get_str(spec, "type"));
    int64_t ns;
    if (type < 0)
        return arena_printf(a, "there is no fault of the type \"" STR_FMT "\"", STR_ARG(json_get_str(spec, "type")));
    if (json_get_str(spec, "duration").n && !duration_parse_go(json_get_str(spec, "duration"), &ns))
        return arena_printf(a, "its duration \"" STR_FMT "\" is none", STR_ARG(json_get_str(spec, "duration")));
    for (const struct json *p = json_first(json_get(spec, "parameters")); p; p = json_next(p)) {
        const struct fault_param *known = fault_param_find((enum fault_type)type, json_key(p));
        const char *why = known ? fault_value_wrong(a, known, json_str(p)) : "is no parameter of this type";
        if (why)
            return arena_printf(a, "the parameter " STR_FMT " %s", STR_ARG(json_key(p)), why);
    }
    return NULL;
}

/* An object that is new to us, or that says something new. fresh: its status is of what it said before. */
static void meet(struct entry *e, const struct json *obj, bool fresh)
{
    const struct json *spec = json_get(obj, "spec");
    struct str phase = fresh ? STR_NULL : json_path_str(obj, "status.phase");
    e->arena = arena_new();
    e->uid = arena_cstr(e->arena, meta_uid(obj));
    e->generation = json_path_int(obj, "metadata.generation", 0);
    e->parameters = json_copy(e->arena, json_get(spec, "parameters"));
    e->since_ns = now_ns(e);
    e->phase = PHASE_ACTIVE;
    e->message = "";
    if (phase.n)
        time_parse_rfc3339(json_path_str(obj, "status.since"), &e->since_ns);
    const char *wrong = spec_wrong(e->arena, spec);
    if (wrong) {
        turn(e, PHASE_REFUSED, wrong);
        return;
    }
    e->type = (enum fault_type)fault_type_find(json_get_str(spec, "type"));
    int64_t lasts = 0;
    duration_parse_go(json_get_str(spec, "duration"), &lasts);
    if (str_eqc(phase, phases[PHASE_ENDED])) {
        e->phase = PHASE_ENDED;
        e->message = arena_cstr(e->arena, json_path_str(obj, "status.message"));
        return;
    }
    e->message = fault_info(e->type)->what;
    begin(e);
    if (lasts > 0)
        timer_start_at(&e->end, e->since_ns + lasts);
}

static void look(struct entry *e, const struct json *obj)
{
    bool same = obj && e->arena && str_eqc(meta_uid(obj), e->uid), changed = same &&
        json_path_int(obj, "metadata.generation", 0) != e->generation;
    if (e->arena && (!same || changed)) {
        quench(e);
        arena_free(e->arena);
        e->arena = NULL;
        e->hold_ns = e->look_ns = 0;
    }
    if (obj && !e->arena)
        meet(e, obj, changed);
    if (e->over) {
        quench(e);
        turn(e, PHASE_ENDED, "its time is over");
    }
}

/* ---- calls: one at a time for each name; each is followed by another look ---- */
static void finish(struct entry *e)
{
    workqueue_done(e->k->queue, str_c(e->name));
}

static void again(struct entry *e, const struct err *err)
{
    struct str name = str_c(e->name);
    if (err && err->code != ERR_NONE)
        workqueue_add_rate_limited(e->k->queue, name);
    else
        workqueue_add(e->k->queue, name);
    finish(e);
}

static void answered(void *ctx, const struct client_result *r, const struct err *err)
{
    struct entry *e = ctx;
    (void)r;
    if (err->code != ERR_NONE && err->code != ERR_NOT_FOUND)
        log_msg(LOG_INFO, "fault", "%s: %s", e->name, err->msg);
    again(e, err);
}

/* What the fault is about is not there, or not yet. */
static void wait_for(struct entry *e, const char *why)
{
    struct arena *a = arena_new();
    turn(e, PHASE_ACTIVE, arena_printf(a, "it waits: %s", why));
    e->look_ns = now_ns(e) + LOOK_AGAIN_S * SECOND_NS;
    workqueue_add_after(e->k->queue, str_c(e->name), LOOK_AGAIN_S * SECOND_NS);
    arena_free(a);
}

/* ---- faults that are a change of an object ---- In three steps, each a call: what stands in the field is written down; the change
 * is made; once it is over what stood there is put back, unless somebody has repaired it in another way. A process that is killed
 * between two steps goes on with the next. */
static struct json *record_read(struct arena *a, const struct entry *e)
{
    struct str text = store_meta_get(e->k->o.store, a, arena_printf(a, RECORDS "%s", e->name));
    return text.n ? json_parse(a, text, NULL) : NULL;
}

/* record NULL: there is nothing to be put back any more. */
static void record_write(struct arena *a, const struct entry *e, const struct json *record)
{
    const char *name = arena_printf(a, RECORDS "%s", e->name);
    if (record)
        store_meta_put(e->k->o.store, name, json_text(a, record));
    else
        store_meta_remove(e->k->o.store, name);
}

static void record_made(struct entry *e, bool made)
{
    struct arena *a = arena_new();
    struct json *record = record_read(a, e);
    json_set_bool(a, record, "made", made);
    record_write(a, e, record);
    arena_free(a);
}

/* What stands in the record's field of an object that was asked for. */
static const struct json *field_now(struct arena *a, const struct json *record, const struct client_result *r)
{
    return r->obj ? json_path(r->obj, arena_cstr(a, json_get_str(record, "field"))) : NULL;
}

static bool equal(const struct json *x, const struct json *y)
{
    return json_type(x) == JSON_NULL ? json_type(y) == JSON_NULL : json_equal(x, y);
}

static void write_field(struct entry *e, struct arena *a, const struct json *record, const struct client_result *r, const char *which,
                        client_done *done)
{
    struct json *obj = json_copy(a, r->obj);
    fault_edit_set(a, obj, arena_cstr(a, json_get_str(record, "field")), json_get(record, which));
    client_update(e->k->o.client, arena_cstr(a, json_get_str(record, "path")), obj, done, e);
}

static void found(void *ctx, const struct client_result *r, const struct err *err)
{
    struct entry *e = ctx;
    struct err why = { 0 };
    struct arena *a = arena_new();
    const char *field = fault_edit_field(e->type, e->parameters);
    const struct json *before = r->obj ? json_path(r->obj, field) : NULL;
    struct json *after = NULL;
    bool ok = r->obj && fault_edit_make(a, e->type, e->parameters, before, &after, &why);
    if (ok) {
        record_write(a, e, json_buildf(a, "{'uid':%s,'generation':%d,'path':%s,'field':%s,'before':%j,'after':%j,'made':false}",
                                       e->uid, e->generation,
                                       fault_edit_path(a, e->type, e->parameters), field, before ? json_copy(a, before) : NULL,
                                           after));
        turn(e, PHASE_ACTIVE, fault_info(e->type)->what);
    } else {
        wait_for(e, why.code ? why.msg : err->msg);
    }
    again(e, NULL);
    err_clear(&why);
    arena_free(a);
}

static void changed(void *ctx, const struct client_result *r, const struct err *err)
{
    if (err->code == ERR_NONE)
        record_made(ctx, true);
    answered(ctx, r, err);
}

static void to_change(void *ctx, const struct client_result *r, const struct err *err)
{
    struct entry *e = ctx;
    struct arena *a = arena_new();
    struct json *record = record_read(a, e);
    const struct json *now = field_now(a, record, r);
    if (r->obj && equal(now, json_get(record, "before"))) {
        write_field(e, a, record, r, "after", changed);
    } else {
        if (r->obj && equal(now, json_get(record, "after")))
            record_made(e, true);
        else if (r->obj || err->code == ERR_NOT_FOUND)
            record_write(a, e, NULL);  /* it has become another meanwhile: from the beginning */
        again(e, err->code == ERR_NOT_FOUND ? NULL : err);
    }
    arena_free(a);
}

/* Every API server that starts puts the bootstrap policy right. What a student has repaired stays repaired. */
static void to_hold(void *ctx, const struct client_result *r, const struct err *err)
{
    struct entry *e = ctx;
    struct arena *a = arena_new();
    struct json *record = record_read(a, e);
    if (r->obj && str_eqc(meta_label(r->obj, "kubernetes.io/bootstrapping"), "rbac-defaults") &&
        equal(field_now(a, record, r), json_get(record, "before")))
        record_made(e, false);
    e->hold_ns = err->code == ERR_NONE || err->code == ERR_NOT_FOUND ? 0 : e->hold_ns;
    again(e, err->code == ERR_NOT_FOUND ? NULL : err);
    arena_free(a);
}

static void to_undo(void *ctx, const struct client_result *r, const struct err *err)
{
    struct entry *e = ctx;
    struct arena *a = arena_new();
    struct json *record = record_read(a, e);
    if (r->obj && equal(field_now(a, record, r), json_get(record, "after"))) {
        write_field(e, a, record, r, "before", answered);
    } else {
        if (r->obj || err->code == ERR_NOT_FOUND)
            record_write(a, e, NULL);
        again(e, err->code == ERR_NOT_FOUND ? NULL : err);
    }
    arena_free(a);
}

/* True: a call is under way. */
static bool edit(struct entry *e, struct arena *a)
{
    const char *path = e->fault ? fault_edit_path(a, e->type, e->parameters) : NULL;
    const struct json *record = record_read(a, e);
    bool ours = record && path && str_eqc(json_get_str(record, "uid"), e->uid) &&
        json_get_int(record, "generation", 0) == e->generation;
    client_done *done = NULL;
    if (record && !ours)
        done = to_undo;
    else if (record && !json_get_bool(record, "made", false))
        done = to_change;
    else if (record && e->hold_ns && e->hold_ns <= now_ns(e))
        done = to_hold;
    else if (path && !record && e->look_ns <= now_ns(e))
        done = found;
    if (record && ours && e->hold_ns > now_ns(e))
        workqueue_add_after(e->k->queue, str_c(e->name), e->hold_ns - now_ns(e));
    if (done)
        client_get(e->k->o.client, record ? arena_cstr(a, json_get_str(record, "path")) : path, done, e);
    return done != NULL;
}

/* ---- a Service that is dialed: its address ---- */
static void located(void *ctx, const struct client_result *r, const struct err *err)
{
    struct entry *e = ctx;
    struct str ip = r->obj ? json_path_str(r->obj, "spec.clusterIP") : STR_NULL;
    if (ip.n > 0 && ip.n < sizeof e->fault->address) {
        memcpy(e->fault->address, ip.p, ip.n);
        turn(e, PHASE_ACTIVE, fault_info(e->type)->what);
        fault_changed(e->fault);
    } else {
        wait_for(e, r->obj ? "the Service has no address" : err->msg);
    }
    again(e, NULL);
}

static bool locate(struct entry *e, struct arena *a)
{
    struct str host = e->fault ? str_c(fault_text(e->fault, "host")) : STR_NULL, kind, ns, name;
    if (!str_starts(host, "service/") || e->fault->address[0] || e->look_ns > now_ns(e))
        return false;
    str_cut(host, '/', &kind, &host);
    str_cut(host, '/', &ns, &name);
    client_get(e->k->o.client, client_path(a, "v1", "services", ns, name, NULL), located, e);
    return true;
}

/* ---- the object's status ---- */
static bool tell(struct entry *e, struct arena *a, const struct json *obj)
{
    const struct json *status = json_get(obj, "status");
    if (!obj || (str_eqc(json_get_str(status, "phase"), phases[e->phase]) && str_eqc(json_get_str(status, "message"), e->message)))
        return false;
    struct json *patch = json_buildf(a, "{'status':{'phase':%s,'message':%s,'since':%S}}", phases[e->phase], e->message,
                                     time_rfc3339(a, e->since_ns));
    client_patch(e->k->o.client, client_path(a, "lab.kubelab.dev/v1", "faults", STR_NULL, str_c(e->name), "status"), PATCH_MERGE,
                 patch, answered, e);
    return true;
}

static void process(void *ctx, struct str name)
{
    struct entry *e = entry_of(ctx, name);
    struct arena *a = arena_new();
    struct object *o = store_get(e->k->o.store, arena_strf(a, PREFIX "%s", e->name));
    const struct json *obj = o ? object_json(o) : NULL;
    look(e, obj);
    if (!edit(e, a) && !locate(e, a) && !tell(e, a, obj)) {
        finish(e);
        if (!obj && !record_read(a, e))
            entry_free(map_take(e->k->entries, str_c(e->name)));
    }
    object_unref(o);
    arena_free(a);
}

/* ---- life ---- */
static void on_event(void *ctx, const struct store_event *ev)
{
    struct fault_keeper *k = ctx;
    ask_again(entry_of(k, str_sub(ev->key, sizeof PREFIX - 1, ev->key.n)));
}

static bool restore(void *ctx, struct str key, struct object *o)
{
    struct entry *e = entry_of(ctx, str_sub(key, sizeof PREFIX - 1, key.n));
    look(e, object_json(o));
    e->hold_ns = now_ns(e) + LOOK_AGAIN_S * SECOND_NS;
    ask_again(e);
    return true;
}

static void restore_record(void *ctx, struct str name, struct str value)
{
    (void)value;
    ask_again(entry_of(ctx, str_sub(name, sizeof RECORDS - 1, name.n)));
}

struct fault_keeper *fault_keeper_new(const struct fault_keeper_options *o)
{
    struct fault_keeper *k = NEW(struct fault_keeper);
    struct err err = { 0 };
    k->o = *o;
    k->entries = map_new();
    k->queue = workqueue_new(o->loop, "faults", 1, process, k);
    store_list(o->store, STR(PREFIX), STR_NULL, restore, k);
    store_each_meta(o->store, RECORDS, restore_record, k);
    k->watcher = store_watch(o->store, STR(PREFIX), store_revision(o->store), on_event, k, &err);
    ASSERT(k->watcher);
    return k;
}

void fault_keeper_free(struct fault_keeper *k)
{
    if (!k)
        return;
    store_watch_stop(k->watcher);
    workqueue_free(k->queue);
    size_t cursor = 0;
    void *value;
    while (map_next(k->entries, &cursor, NULL, &value))
        fault_end(((struct entry *)value)->fault);
    map_free(k->entries, entry_free);
    free(k);
}
