/* hpa/utilization.c - usage against requests, and against a target (pkg/controller/podautoscaler/metrics/utilization.go
 * and the request sums of replica_calculator.go).
 *
 * Requests are summed per pod; one container without a request spoils the whole calculation, in words that differ by
 * version. The percentage is an integer, cut off and not rounded: 199 of 200 milli-cores are 99 %.
 */
#include "hpa/hpa_priv.h"

#include <math.h>
#include <stdlib.h>

/* ---- Go's conversions ---- */
int32_t hpa_go_int32(double v) { return v > -2147483649.0 && v < 2147483648.0 ? (int32_t)v : INT32_MIN; }
int64_t hpa_go_int64(double v) { return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? (int64_t)v : INT64_MIN; }
int64_t hpa_go_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
int64_t hpa_go_mul(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static int64_t go_div(int64_t a, int64_t b) { return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b; }

void hpa_why_add(struct why *w, const char *fmt, ...)
{
    if (!w)
        return;
    struct strbuf b;
    strbuf_init(&b, 4096);
    strbuf_addc(&b, w->prefix ? w->prefix : "");
    va_list ap;
    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    json_append(w->steps, json_new_str(w->a, arena_str(w->a, strbuf_str(&b))));
    strbuf_deinit(&b);
}

const char *hpa_number(struct why *w, double v)
{
    if (!w)
        return "";
    for (int digits = 15; digits < 17; digits++) {
        const char *text = arena_printf(w->a, "%.*g", digits, v);
        if (!(strtod(text, NULL) < v || strtod(text, NULL) > v))
            return text;
    }
    return arena_printf(w->a, "%.17g", v);
}

/* ---- requests ---- */
static bool add_container(const struct hpa_container *c, const struct hpa_pod *p, int minor, const char *resource,
                          int64_t *sum, struct err *err)
{
    if (!c->has_request)
        return minor >= 26 ? err_set(err, ERR_IO, "missing request for %s in container " STR_FMT " of Pod " STR_FMT,
                                     resource, STR_ARG(c->name), STR_ARG(p->name))
                           : err_set(err, ERR_IO, "missing request for %s", resource);
    *sum = hpa_go_add(*sum, c->request_milli);
    return true;
}

/* The sum of its containers and, from v1.29 on, of its sidecars; or of the one container that is named. */
static bool request_of_containers(const struct hpa_pod *p, int minor, const char *resource, struct str container,
                                  int64_t *sum, struct err *err)
{
    for (size_t i = 0; i < p->container_count + p->init_count; i++) {
        bool is_init = i >= p->container_count;
        const struct hpa_container *c = is_init ? &p->init[i - p->container_count] : &p->containers[i];
        if (is_init && (!c->restart_always || minor < 29))
            continue;
        if (container.n && !str_eq(container, c->name))
            continue;
        if (!add_container(c, p, minor, resource, sum, err))
            return false;
        if (container.n && minor >= 29)
            return true;
    }
    if (container.n && minor >= 34)
        return err_set(err, ERR_IO, "container " STR_FMT " not found in Pod " STR_FMT, STR_ARG(container), STR_ARG(p->name));
    return true;
}

/* What the scheduler would reckon with when the pod sets requests as a whole, but not of this resource: containers and
 * sidecars together, or the largest moment of the init phase. */
static bool request_of_pod_level(const struct hpa_pod *p, const char *resource, int64_t *sum, struct err *err)
{
    int64_t running = 0, sidecars = 0, starting = 0;
    bool any = false;
    for (size_t i = 0; i < p->container_count; i++) {
        any = any || p->containers[i].has_request;
        running = hpa_go_add(running, p->containers[i].has_request ? p->containers[i].request_milli : 0);
    }
    for (size_t i = 0; i < p->init_count; i++) {
        const struct hpa_container *c = &p->init[i];
        any = any || c->has_request;
        int64_t own = c->has_request ? c->request_milli : 0, moment = hpa_go_add(sidecars, own);
        if (c->restart_always) {
            running = hpa_go_add(running, own);
            sidecars = moment;
        }
        starting = moment > starting ? moment : starting;
    }
    *sum = p->pod_level_has ? p->pod_level_milli : running > starting ? running : starting;
    if (!any && !p->pod_level_has)
        return err_set(err, ERR_IO, "missing pod-level request for %s in Pod " STR_FMT, resource, STR_ARG(p->name));
    return true;
}

static void free_map(void *p) { map_free(p, NULL); }

bool requests_of_pods(const struct question *q, const char *resource, struct str container, struct requests *out, struct err *err)
{
    out->v = arena_zalloc(q->a, (q->pod_count + 1) * sizeof *out->v);
    out->index = map_new();
    arena_defer(q->a, free_map, out->index);
    for (size_t i = 0; i < q->pod_count; i++) {
        const struct hpa_pod *p = &q->pods[i];
        bool whole = q->pod_level_resources && p->pod_level && container.n == 0;
        if (whole ? !request_of_pod_level(p, resource, &out->v[i], err)
                  : !request_of_containers(p, q->minor, resource, container, &out->v[i], err))
            return false;
        map_put(out->index, p->name, (void *)(uintptr_t)(i + 1));
    }
    return true;
}

/* ---- ratios ---- */
bool ratio_to_requests(const struct samples *s, const struct requests *r, int32_t target_percent, struct ratio *out,
                       struct err *err)
{
    int64_t usage = 0, requested = 0, n = 0;
    for (size_t i = 0; i < s->n; i++) {
        uintptr_t place = s->v[i].removed ? 0 : (uintptr_t)map_get(r->index, s->v[i].pod);
        if (!place)
            continue;                              /* a sample of a pod that is not ours */
        usage = hpa_go_add(usage, s->v[i].milli);
        requested = hpa_go_add(requested, r->v[place - 1]);
        n++;
    }
    if (requested == 0)
        return err_set(err, ERR_IO, "no metrics returned matched known pods");
    out->percent = (int32_t)(uint32_t)(uint64_t)go_div(hpa_go_mul(usage, 100), requested);
    out->ratio = (double)out->percent / (double)target_percent;
    out->average_milli = usage / n;
    return true;
}

void ratio_to_target(const struct samples *s, int64_t target_milli, struct ratio *out)
{
    int64_t usage = 0;
    ASSERT(s->live > 0);
    for (size_t i = 0; i < s->n; i++)
        if (!s->v[i].removed)
            usage = hpa_go_add(usage, s->v[i].milli);
    out->average_milli = usage / (int64_t)s->live;
    out->ratio = (double)out->average_milli / (double)target_milli;
    out->percent = 0;
}
