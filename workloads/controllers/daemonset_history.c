/* workloads/controllers/daemonset_history.c - every template of a DaemonSet as a ControllerRevision
 * (pkg/controller/daemon/update.go, controller/history).
 *
 * The revision's data is the patch that would bring the template back: {"spec":{"template":{...,"$patch":"replace"}}}. Its name
 * ends in the template's hash.
 */
#include "workloads/controllers/daemonset.h"

#include <stdlib.h>

#define HASH_LABEL "controller-revision-hash"

static struct json *patch_of(struct sync *s, const struct json *ds)
{
    struct json *template = json_copy(s->a, json_path(ds, "spec.template"));
    json_set_strc(s->a, template, "$patch", "replace");
    return json_buildf(s->a, "{'spec':{'template':%j}}", template);
}

static bool is_mine(struct sync *s, const struct json *revision)
{
    struct daemon_job *job = s->data;
    return str_eq(meta_namespace(revision), s->ns) && meta_owned_by(revision, meta_uid(job->ds));
}

static void known(struct sync *s)
{
    struct daemon_job *job = s->data;
    job->after_history(s);
}

static void exists(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct daemon_job *job = s->data;
    if (err->code == ERR_NONE && json_equal(json_get(r->obj, "data"), patch_of(s, job->ds)) &&
        meta_owned_by(r->obj, meta_uid(job->ds))) {
        job->hash = arena_str(s->a, meta_label(r->obj, HASH_LABEL));
        job->current = arena_str(s->a, meta_name(r->obj));
    } else if (err->code == ERR_NONE) {            /* another template with the same hash: count it in, next time */
        struct json *ds = json_copy(s->a, job->ds), *st = json_ensure(s->a, ds, "status");
        json_set_int(s->a, st, "collisionCount", json_get_int(st, "collisionCount", 0) + 1);
        sync_update(s, sync_path(s, "apps/v1", "daemonsets", ds, "status"), ds, NULL, NULL);
        s->failed = true;
    } else {
        sync_fail(s, err);
    }
}

static void created(struct op *op, const struct client_result *r, const struct err *err)
{
    struct sync *s = op->s;
    struct daemon_job *job = s->data;
    const char *name = op->arg;
    if (err->code == ERR_NONE) {
        job->hash = arena_str(s->a, meta_label(r->obj, HASH_LABEL));
        job->current = arena_str(s->a, meta_name(r->obj));
    } else if (err->code == ERR_ALREADY_EXISTS) {
        sync_get(s, client_path(s->a, "apps/v1", "controllerrevisions", s->ns, str_c(name), NULL), exists, NULL);
    } else if (!is_namespace_terminating(err)) {
        sync_fail(s, err);
    }
}

static void create(struct sync *s, int64_t number, struct json *patch)
{
    struct daemon_job *job = s->data;
    const struct json *template = json_path(job->ds, "spec.template");
    const char *hash = template_hash(s->a, s->c->minor, template, json_path_int(job->ds, "status.collisionCount", -1));
    const char *name = arena_printf(s->a, STR_FMT "-%s", STR_ARG(s->name), hash);
    struct json *labels = json_path(template, "metadata.labels") ? json_copy(s->a, json_path(template, "metadata.labels"))
                          : json_new_object(s->a);
    json_set_strc(s->a, labels, HASH_LABEL, hash);
    struct json *revision = json_buildf(s->a,
                                        "{'kind':'ControllerRevision','apiVersion':'apps/v1','metadata':{'name':%s,'namespace':%S,"
                                        "'labels':%j,'ownerReferences':[%j]},'data':%j,'revision':%d}",
                                        name, s->ns, labels, meta_owner_ref(s->a, "apps/v1", "DaemonSet", s->name,
                                                                            meta_uid(job->ds)), patch, number);
    const struct json *notes = json_path(job->ds, "metadata.annotations");
    if (json_len(notes))
        json_set(s->a, json_get(revision, "metadata"), "annotations", json_copy(s->a, notes));
    sync_create(s, client_path(s->a, "apps/v1", "controllerrevisions", s->ns, STR_NULL, NULL), revision, created,
                (void *)(uintptr_t)name);
}

void daemon_history(struct sync *s, void (*then)(struct sync *s))
{
    struct daemon_job *job = s->data;
    struct json *patch = patch_of(s, job->ds);
    const struct json *current = NULL;
    int64_t most = 0, old = 0;
    size_t cursor = 0;
    job->after_history = then;
    for (const struct json *r; ctl_next(daemon_revisions(s->c), &cursor, &r);) {
        if (!is_mine(s, r))
            continue;
        int64_t number = json_get_int(r, "revision", 0);
        bool same = json_equal(json_get(r, "data"), patch);
        if (same && (!current || number > json_get_int(current, "revision", 0)))
            current = r;
        if (!same && number > old)
            old = number;
        most = number > most ? number : most;
    }
    if (!current) {
        create(s, most + 1, patch);
    } else {
        job->hash = arena_str(s->a, meta_label(current, HASH_LABEL));
        job->current = arena_str(s->a, meta_name(current));
        if (json_get_int(current, "revision", 0) <= old) {         /* rolled back to: it is the latest again */
            struct json *r = json_copy(s->a, current);
            json_set_int(s->a, r, "revision", old + 1);
            sync_update(s, sync_path(s, "apps/v1", "controllerrevisions", r, NULL), r, NULL, NULL);
        }
    }
    sync_wait(s, known);
}

void daemon_cleanup(struct sync *s)
{
    struct daemon_job *job = s->data;
    struct ctl_watch *revisions = daemon_revisions(s->c);
    size_t room = informer_count(revisions->informer) + 1, n = 0, cursor = 0;
    const struct json **idle = arena_alloc(s->a, room * sizeof *idle);
    for (const struct json *r; ctl_next(revisions, &cursor, &r);) {
        bool live = !is_mine(s, r) || str_eq(meta_name(r), job->current) || meta_deleting(r);
        for (size_t i = 0; i < job->n; i++)
            live = live || str_eq(meta_label(job->pods[i], HASH_LABEL), meta_label(r, HASH_LABEL));
        if (live)
            continue;
        size_t at = n++;
        for (; at > 0 && json_get_int(idle[at - 1], "revision", 0) > json_get_int(r, "revision", 0); at--)
            idle[at] = idle[at - 1];
        idle[at] = r;
    }
    int64_t limit = json_path_int(job->ds, "spec.revisionHistoryLimit", 10);
    for (size_t i = 0; (int64_t)(n - i) > limit; i++)
        sync_delete(s, sync_path(s, "apps/v1", "controllerrevisions", idle[i], NULL), NULL, NULL, NULL);
}
