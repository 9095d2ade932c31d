/* kubelet/trouble.c - what the faults in force (sim/fault) make of a node: pressure with its evictions, containers that end soon,
 * statistics and pulls that fail.
 *
 * Pressure is what upstream's eviction manager makes of thresholds that were crossed (pkg/kubelet/eviction): the node's condition,
 * no further pods (of those without requests when memory is short, of all but critical ones when the disk is), and every ten
 * seconds one pod evicted, the one that exceeds its requests most, until only critical ones and those of DaemonSets are left.
 * Simplified: the figures of memory and disk stay what they are; when the fault ends the condition ends with it, without the five
 * minutes of evictionPressureTransitionPeriod.
 */
#include "kubelet/kubelet_priv.h"

#include <signal.h>
#include <stdlib.h>

enum { EVICTION_PERIOD_S = 10, CRITICAL_PRIORITY = 2000000000 };

static struct faults *faults_of(const struct kubelet *k) { return vnet_faults(k->o.vnet); }

/* ---- pressure ---- */
bool kubelet_under_pressure(const struct kubelet *k, const char *of)
{
    for (struct fault *f = NULL; (f = fault_next(faults_of(k), f, FAULT_NODE_PRESSURE, FAULT_NODE_PRESSURE)) != NULL;)
        if (fault_matches(f, "node", str_c(k->o.node_name)) && strcmp(fault_text(f, "of"), of) == 0)
            return true;
    return false;
}

static bool is_critical(const struct pod_worker *p) { return p->is_static ||
                                                      json_path_int(p->pod, "spec.priority", 0) >= CRITICAL_PRIORITY; }

const char *kubelet_pressure_refuses(const struct pod_worker *p)
{
    if (is_critical(p))
        return NULL;
    if (kubelet_under_pressure(p->k, "disk"))
        return "The node had condition: [DiskPressure]. ";
    bool best_effort = strcmp(pod_qos(json_get(p->pod, "spec")), "BestEffort") == 0;
    return best_effort && kubelet_under_pressure(p->k, "memory") ? "The node had condition: [MemoryPressure]. " : NULL;
}

static int64_t excess(const struct pod_worker *p, bool memory)
{
    int64_t over = p->sampler.samples ? p->sampler.last.memory_bytes : 0;
    for (size_t i = 0; memory && i < p->count; i++)
        over -= container_request(p->containers[i].spec, "memory", false);
    return over;
}

/* Its controller would make it again at once, on a node that stays as it is: it would come and go for ever. */
static bool is_daemon(const struct pod_worker *p) { return str_eqc(json_get_str(meta_controller(p->pod), "kind"), "DaemonSet"); }

/* The pod that goes next; NULL: nobody may go. Who uses more than it asked for goes first, and of those who uses most. */
static struct pod_worker *victim(struct kubelet *k, bool memory)
{
    struct pod_worker *worst = NULL;
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        if (p->step == POD_RUNNING && !p->deleting && !p->gone && !p->reject_reason && !is_critical(p) && !is_daemon(p) &&
            (!worst || excess(p, memory) > excess(worst, memory)))
            worst = p;
    }
    return worst;
}

static const char *eviction_message(struct arena *a, const struct pod_worker *p, bool memory)
{
    const char *text = arena_printf(a, "The node was low on resource: %s. ", memory ? "memory" : "ephemeral-storage");
    for (size_t i = 0; i < p->count; i++) {
        const struct container *c = &p->containers[i];
        int64_t used = c->sampler.samples ? c->sampler.last.memory_bytes : 0,
            wanted = container_request(c->spec, memory ? "memory" : "ephemeral-storage", false);
        const char *shown = memory ? arena_printf(a, "%" PRId64 "Ki", used / 1024) : "52Ki", *request = wanted
            ? arena_printf(a, "%" PRId64 "Ki", wanted / 1024) : "0";
        if (!memory || used > wanted)
            text = arena_printf(a, "%sContainer %s was using %s, which exceeds its request of %s. ", text, c->name, shown, request);
    }
    return text;
}

static void evict_one(struct kubelet *k, bool memory)
{
    struct pod_worker *p = victim(k, memory);
    struct arena *a = arena_new();
    event_record(k->events, k->node_ref, NULL, "Warning", "EvictionThresholdMet", "Attempting to reclaim %s", memory ? "memory"
                 : "ephemeral-storage");
    if (p)
        pod_worker_evict(p, eviction_message(a, p, memory));
    arena_free(a);
}

static void on_evict(struct timer *t)
{
    struct kubelet *k = container_of(t, struct kubelet, evict_timer);
    bool memory = kubelet_under_pressure(k, "memory");
    if (k->started && (memory || kubelet_under_pressure(k, "disk"))) {
        evict_one(k, memory);
        timer_start(t, EVICTION_PERIOD_S * SECOND);
    }
}

static void pressure_look(struct kubelet *k)
{
    bool any = kubelet_under_pressure(k, "memory") || kubelet_under_pressure(k, "disk");
    if (any == timer_active(&k->evict_timer) || !k->started)
        return;
    if (any)
        timer_start(&k->evict_timer, EVICTION_PERIOD_S * SECOND);
    else
        timer_stop(&k->evict_timer);
    node_changed(k);
}

/* ---- containers that end soon ---- */
static struct fault *crash_fault(const struct container *c)
{
    const struct pod_worker *p = c->pod;
    for (struct fault *f = NULL; (f = fault_next(faults_of(p->k), f, FAULT_CRASH_LOOP, FAULT_CRASH_LOOP)) != NULL;)
        if (fault_matches(f, "namespace", str_c(p->ns)) && fault_matches(f, "pod", str_c(p->name)) &&
            fault_matches(f, "container", str_c(c->name)))
            return f;
    return NULL;
}

/* Its program prints a last line, if the fault has one, and exits. */
static void on_crash(struct timer *t)
{
    struct container *c = container_of(t, struct container, crash_timer);
    struct fault *f = crash_fault(c);
    if (!f || !c->process || c->killing)
        return;
    if (*fault_text(f, "message"))
        process_printf(c->process, 2, "%s\n", fault_text(f, "message"));
    process_exit(c->process, (int)fault_number(f, "code"));
}

void crash_init(struct container *c) { timer_init(&c->crash_timer, c->pod->k->o.loop, on_crash); }

void crash_look(struct container *c)
{
    struct fault *f = c->state == CONTAINER_RUNNING && c->process ? crash_fault(c) : NULL;
    if (!f)
        timer_stop(&c->crash_timer);
    else if (!timer_active(&c->crash_timer))
        timer_start(&c->crash_timer, fault_number(f, "after"));
}

/* ---- statistics ---- */
struct fault *kubelet_stats_fault(const struct kubelet *k)
{
    struct fault *f = NULL;
    while ((f = fault_next(faults_of(k), f, FAULT_KUBELET_NO_METRICS, FAULT_KUBELET_NO_METRICS)) != NULL &&
           !fault_matches(f, "node", str_c(k->o.node_name)))
        ;
    return f;
}

/* ---- pulls ---- */
static bool pull_concerned(const struct kubelet *k, const struct fault *f, struct str image)
{
    return fault_matches(f, "node", str_c(k->o.node_name)) && fault_matches(f, "image", image);
}

int64_t kubelet_pull_delay_ns(const struct kubelet *k, struct str image)
{
    int64_t ns = 0;
    for (struct fault *f = NULL; (f = fault_next(faults_of(k), f, FAULT_SLOW_PULL, FAULT_SLOW_PULL)) != NULL;)
        ns += pull_concerned(k, f, image) ? fault_number(f, "delay") : 0;
    return ns;
}

/* Docker's words for what a registry does; the image without its tag is the repository. */
static void pull_words(const char *how, struct str image, struct err *err)
{
    struct str repository = image, tag = STR("latest"), registry, rest;
    for (size_t i = image.n; i > 0 && image.p[i - 1] != '/'; i--)
        if (image.p[i - 1] == ':') {
            repository = str_sub(image, 0, i - 1);
            tag = str_sub(image, i, image.n);
        }
    bool named = str_cut(image, '/', &registry, &rest) && str_chr(registry, '.') >= 0;
    if (strcmp(how, "not-found") == 0)
        err_set(err, ERR_NOT_FOUND,
                "Error response from daemon: manifest for " STR_FMT ":" STR_FMT " not found: manifest unknown: manifest unknown",
                    STR_ARG(repository), STR_ARG(tag));
    else if (strcmp(how, "denied") == 0)
        err_set(err, ERR_FORBIDDEN,
                "Error response from daemon: pull access denied for " STR_FMT ", repository does not exist or may require 'docker "
                                                                              "login': "
                "denied: requested access to the resource is denied", STR_ARG(repository));
    else
        err_set(err, ERR_TIMEOUT,
                "Error response from daemon: Get https://" STR_FMT "/v2/: net/http: request canceled while waiting for connection "
                "(Client.Timeout exceeded while awaiting headers)", STR_ARG(named ? registry : STR("registry-1.docker.io")));
}

bool kubelet_pull_fails(const struct kubelet *k, struct str image, int64_t *after_ns, struct err *err)
{
    for (struct fault *f = NULL; (f = fault_next(faults_of(k), f, FAULT_PULL_FAILURE, FAULT_PULL_FAILURE)) != NULL;) {
        if (!pull_concerned(k, f, image))
            continue;
        const char *how = fault_text(f, "how");
        *after_ns = strcmp(how, "timeout") == 0 ? 15 * SECOND : SECOND;
        pull_words(how, image, err);
        return true;
    }
    return false;
}

/* ---- life ---- */
static void on_faults(struct fault_watch *w)
{
    struct kubelet *k = container_of(w, struct kubelet, faults);
    size_t cursor = 0;
    void *value;
    pressure_look(k);
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        for (size_t i = 0; i < p->count; i++)
            crash_look(&p->containers[i]);
    }
}

void trouble_init(struct kubelet *k)
{
    timer_init(&k->evict_timer, k->o.loop, on_evict);
    fault_watch(faults_of(k), &k->faults, on_faults);
}

void trouble_start(struct kubelet *k) { pressure_look(k); }

void trouble_free(struct kubelet *k)
{
    timer_stop(&k->evict_timer);
    fault_unwatch(&k->faults);
}
