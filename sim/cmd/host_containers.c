/* sim/cmd/host_containers.c - the containers of the node, as its runtime would list them: read off its pods' statuses (not
 * through the API) and its images.
 *
 * dockershim names a container k8s_<container>_<pod>_<namespace>_<uid>_<restarts>; each pod has a sandbox besides (the pause
 * container, "POD"), which the API does not show: its id is derived from the pod's uid. Containers that ended are known as far as
 * a status still tells of them: the last one of each.
 */
#include "sim/cmd/host.h"
#include "sim/pki/pki.h"
#include "sim/proc/proc.h"

#include <stdlib.h>

struct loader { struct arena *a; struct host_containers *out; struct json *images; };

static struct host_container *add(struct loader *l)
{
    struct host_containers *all = l->out;
    if (all->n == all->cap) {
        size_t cap = all->cap ? 2 * all->cap : 32;
        all->v = arena_realloc(l->a, all->v, all->cap * sizeof *all->v, cap * sizeof *all->v);
        all->cap = cap;
    }
    struct host_container *c = &all->v[all->n++];
    memset(c, 0, sizeof *c);
    return c;
}

static struct json *image_record(struct loader *l, struct str ref)
{
    struct str wanted = str_c(image_normalize(l->a, ref));
    for (struct json *i = json_first(l->images); i; i = json_next(i))
        if (str_eq(str_c(image_normalize(l->a, json_get_str(i, "ref"))), wanted))
            return i;
    return NULL;
}

static struct str strip(struct str s, const char *prefix)
{
    return str_starts(s, prefix) ? str_sub(s, strlen(prefix), s.n) : s;
}

static void add_words(struct strbuf *out, const struct json *words)
{
    for (struct json *w = json_first(words); w; w = json_next(w))
        strbuf_addf(out, "%s" STR_FMT, out->n ? " " : "", STR_ARG(json_str(w)));
}

/* The pod's command replaces the image's entrypoint and its arguments; args alone replace the arguments. */
static struct str command_of(struct loader *l, const struct json *spec, const struct json *record)
{
    struct strbuf out;
    strbuf_init(&out, 65536);
    bool own = json_len(json_get(spec, "command")) > 0, args = json_len(json_get(spec, "args")) > 0;
    add_words(&out, own ? json_get(spec, "command") : json_get(record, "entrypoint"));
    if (args || !own)
        add_words(&out, args ? json_get(spec, "args") : json_get(record, "cmd"));
    struct str text = arena_str(l->a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

static struct json *by_name(const struct json *list, struct str name)
{
    for (struct json *c = json_first(list); c; c = json_next(c))
        if (str_eq(json_get_str(c, "name"), name))
            return c;
    return NULL;
}

static void common(struct loader *l, struct host_container *c, const struct json *pod)
{
    const struct json *meta = json_get(pod, "metadata");
    struct str config = json_get_str(json_get(meta, "annotations"), "kubernetes.io/config.hash");
    c->ns = json_get_str(meta, "namespace");
    c->pod = json_get_str(meta, "name");
    c->uid = config.n ? config : json_get_str(meta, "uid");        /* a static pod's is that of its file */
    c->sandbox_id = sha256_hex(l->a, arena_strf(l->a, "POD " STR_FMT, STR_ARG(c->uid)));
}

static void add_state(struct loader *l, const struct json *pod, const struct json *spec, const struct json *status,
                      const struct json *state, int restarts)
{
    const struct json *running = json_get(state, "running"), *ended = json_get(state, "terminated");
    struct str id = strip(json_get_str(ended ? ended : status, "containerID"), "docker://");
    if ((!running && !ended) || id.n == 0)
        return;
    struct host_container *c = add(l);
    struct json *record = image_record(l, json_get_str(spec, "image"));
    common(l, c, pod);
    c->id = id;
    c->name = json_get_str(status, "name");
    c->image = json_get_str(spec, "image");
    c->image_id = strip(json_get_str(record, "id"), "sha256:");
    c->command = command_of(l, spec, record);
    c->running = running != NULL;
    c->restarts = restarts;
    c->exit_code = (int)json_get_int(ended, "exitCode", 0);
    time_parse_rfc3339(json_get_str(running ? running : ended, "startedAt"), &c->created_ns);
    time_parse_rfc3339(json_get_str(ended, "finishedAt"), &c->finished_ns);
}

static void add_pod(struct loader *l, const struct json *pod)
{
    const struct json *spec = json_get(pod, "spec"), *status = json_get(pod, "status");
    static const char *const lists[][2] = { { "initContainers", "initContainerStatuses" }, { "containers", "containerStatuses" } };
    size_t before = l->out->n;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (struct json *s = json_first(json_get(status, lists[i][1])); s; s = json_next(s)) {
            struct json *c = by_name(json_get(spec, lists[i][0]), json_get_str(s, "name"));
            int restarts = (int)json_get_int(s, "restartCount", 0);
            add_state(l, pod, c, s, json_get(s, "state"), restarts);
            add_state(l, pod, c, s, json_get(s, "lastState"), restarts ? restarts - 1 : 0);
        }
    if (l->out->n == before)
        return;                                    /* nothing has been started: there is no sandbox either */
    struct host_container *sandbox = add(l);
    common(l, sandbox, pod);
    struct json *pause = NULL;
    for (struct json *i = json_first(l->images); i && !pause; i = json_next(i))
        pause = str_find(json_get_str(i, "ref"), STR("/pause")) >= 0 ? i : NULL;
    sandbox->id = sandbox->sandbox_id;
    sandbox->name = STR("POD");
    sandbox->image = pause ? str_c(image_display(l->a, json_get_str(pause, "ref"))) : STR("k8s.gcr.io/pause:3.1");
    sandbox->image_id = strip(json_get_str(pause, "id"), "sha256:");
    sandbox->command = STR("/pause");
    struct str phase = json_get_str(status, "phase");
    sandbox->running = !str_eqc(phase, "Succeeded") && !str_eqc(phase, "Failed");
    sandbox->created_ns = l->out->v[before].created_ns;
    time_parse_rfc3339(json_get_str(status, "startTime"), &sandbox->created_ns);
    sandbox->finished_ns = l->out->v[before].finished_ns;
}

/* Newest first; of one time, in the order found (a sandbox after its containers). */
static void sort(struct host_containers *all)
{
    for (size_t i = 1; i < all->n; i++) {
        struct host_container c = all->v[i];
        size_t k = i;
        for (; k > 0 && all->v[k - 1].created_ns < c.created_ns; k--)
            all->v[k] = all->v[k - 1];
        all->v[k] = c;
    }
}

bool host_containers_load(struct arena *a, struct host_containers *out, struct err *err)
{
    struct options o = { 0 };
    struct control_reply r;
    struct loader l = { .a = a, .out = out };
    memset(out, 0, sizeof *out);
    if (!control_call(a, &o, "GET", "/images", STR_NULL, NULL, NULL, &r, err))
        return false;
    struct json *j = json_parse(a, r.body, NULL);
    l.images = json_get(j, "images");
    time_parse_rfc3339(json_get_str(j, "now"), &out->now_ns);
    if (!control_call(a, &o, "GET", "/host/pods", STR_NULL, NULL, NULL, &r, err))
        return false;
    struct json *pods = json_parse(a, r.body, err);
    for (struct json *p = json_first(pods); p; p = json_next(p))
        add_pod(&l, p);
    sort(out);
    return pods != NULL;
}

bool host_container_log(struct arena *a, struct str id, const char *tail, struct str *text)
{
    struct options o = { 0 };
    struct control_reply r;
    struct err err = { 0 };
    const char *path = arena_printf(a, "/host/log?id=" STR_FMT "%s%s", STR_ARG(percent_encode(a, id)), tail ? "&lines=" : "",
                                    tail ? tail : "");
    bool ok = control_call(a, &o, "GET", path, STR_NULL, NULL, NULL, &r, &err);
    if (ok)
        *text = r.body;
    err_clear(&err);
    return ok && r.status == 200;
}
