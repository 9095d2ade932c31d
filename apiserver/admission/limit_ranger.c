/* apiserver/admission/limit_ranger.c - LimitRanges: what containers get that ask for nothing, and how little and how much they
 * may have.
 *
 * Upstream: kubernetes plugin/pkg/admission/limitranger/admission.go. Every LimitRange of the namespace counts, in order of name.
 */
#include <stdlib.h>

#include "apiserver/admission/admission_priv.h"

struct ranges { struct arena *a; struct json *list; };

static bool visit_range(void *ctx, struct str key, struct object *o)
{
    struct ranges *r = ctx;
    (void)key;
    for (const struct json *l = json_first(json_path(object_json(o), "spec.limits")); l; l = json_next(l))
        json_append(r->list, json_copy(r->a, l));
    return true;
}

/* All limits of the namespace. */
static const struct json *limits_of(struct admission_attrs *t)
{
    struct ranges r = { t->r->a, json_new_array(t->r->a) };
    admission_list(t, "", "limitranges", t->ns, visit_range, &r);
    return r.list;
}

static bool limit_is(const struct json *limit, const char *type) { return str_eqc(json_get_str(limit, "type"), type); }

/* ---- defaults ---- */
static int name_cmp(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

/* Fill what is missing of one list; the note says what was, "cpu, memory request for container x". */
static struct str fill(struct arena *a, struct json *container, const char *list, const char *word, const char *what,
                       const struct json *defaults)
{
    struct str names[64];
    size_t n = 0;
    for (const struct json *d = json_first(defaults); d && n < ARRAY_LEN(names); d = json_next(d)) {
        struct json *have = json_ensure(a, json_ensure(a, container, "resources"), list);
        if (json_getn(have, json_key(d))) continue;
        json_setn(a, have, json_key(d), json_copy(a, d));
        names[n++] = json_key(d);
    }
    if (!n) return STR("");
    qsort(names, n, sizeof *names, name_cmp);
    return arena_strf(a, STR_FMT " %s for %s " STR_FMT, STR_ARG(admission_join(a, names, n, ", ")), word, what,
                      STR_ARG(json_get_str(container, "name")));
}

static struct str fill_all(struct arena *a, struct json *containers, const char *what, const struct json *limit, struct str notes)
{
    for (struct json *c = json_first(containers); c; c = json_next(c)) {
        struct str note[2] = { fill(a, c, "requests", "request", what, json_get(limit, "defaultRequest")),
                               fill(a, c, "limits", "limit", what, json_get(limit, "default")) };
        for (size_t i = 0; i < 2; i++)
            if (note[i].n) notes = arena_strf(a, STR_FMT "%s" STR_FMT, STR_ARG(notes), notes.n ? "; " : "", STR_ARG(note[i]));
    }
    return notes;
}

bool limit_ranger_admit(struct admission_attrs *t, struct err *err)
{
    (void)err;
    if (!creates_pod(t)) return true;
    struct arena *a = t->r->a;
    struct json *spec = json_get(t->obj, "spec");
    struct str notes = STR("");
    for (const struct json *l = json_first(limits_of(t)); l; l = json_next(l)) {
        if (!limit_is(l, "Container")) continue;
        notes = fill_all(a, json_get(spec, "containers"), "container", l, notes);
        notes = fill_all(a, json_get(spec, "initContainers"), "init container", l, notes);
    }
    if (notes.n)
        json_set_str(a, json_ensure(a, json_ensure(a, t->obj, "metadata"), "annotations"), "kubernetes.io/limit-ranger",
                     arena_strf(a, "LimitRanger plugin set: " STR_FMT, STR_ARG(notes)));
    return true;
}

/* ---- bounds ---- */
struct bounds { struct arena *a; const char *dot; struct str errors[32]; size_t n; };

static bool quantity_of(const struct json *list, struct str name, struct quantity *q)
{
    const struct json *j = json_getn(list, name);
    return j && quantity_parse(json_type(j) == JSON_STRING ? json_str(j) : STR("0"), q, NULL);
}

static void complain(struct bounds *b, struct str text)
{
    if (b->n < ARRAY_LEN(b->errors)) b->errors[b->n++] = arena_strf(b->a, STR_FMT "%s", STR_ARG(text), b->dot);
}

static void at_least(struct bounds *b, struct str type, const struct json *min, const struct json *requests,
                     const struct json *limits)
{
    for (const struct json *m = json_first(min); m; m = json_next(m)) {
        struct quantity floor, req, lim;
        struct str name = json_key(m);
        if (!quantity_of(min, name, &floor)) continue;
        struct str head = arena_strf(b->a, "minimum " STR_FMT " usage per " STR_FMT " is " STR_FMT, STR_ARG(name), STR_ARG(type),
                                     STR_ARG(quantity_text(b->a, floor)));
        bool has = quantity_of(requests, name, &req), capped = quantity_of(limits, name, &lim);
        if (!has) complain(b, arena_strf(b->a, STR_FMT ".  No request is specified", STR_ARG(head)));
        else if (quantity_cmp(req, floor) < 0)
            complain(b, arena_strf(b->a, STR_FMT ", but request is " STR_FMT, STR_ARG(head), STR_ARG(quantity_text(b->a, req))));
        else if (capped && quantity_cmp(lim, floor) < 0)
            complain(b, arena_strf(b->a, STR_FMT ", but limit is " STR_FMT, STR_ARG(head), STR_ARG(quantity_text(b->a, lim))));
    }
}

static void at_most(struct bounds *b, struct str type, const struct json *max, const struct json *requests,
                    const struct json *limits, bool claims)
{
    for (const struct json *m = json_first(max); m; m = json_next(m)) {
        struct quantity ceiling, req, lim;
        struct str name = json_key(m);
        if (!quantity_of(max, name, &ceiling)) continue;
        struct str head = arena_strf(b->a, "maximum " STR_FMT " usage per " STR_FMT " is " STR_FMT, STR_ARG(name), STR_ARG(type),
                                     STR_ARG(quantity_text(b->a, ceiling)));
        bool has = quantity_of(requests, name, &req), capped = quantity_of(limits, name, &lim);
        if (!claims && !capped) complain(b, arena_strf(b->a, STR_FMT ".  No limit is specified", STR_ARG(head)));
        else if (capped && quantity_cmp(lim, ceiling) > 0)
            complain(b, arena_strf(b->a, STR_FMT ", but limit is " STR_FMT, STR_ARG(head), STR_ARG(quantity_text(b->a, lim))));
        else if (has && quantity_cmp(req, ceiling) > 0)
            complain(b, arena_strf(b->a, STR_FMT ", but request is " STR_FMT, STR_ARG(head), STR_ARG(quantity_text(b->a, req))));
    }
}

static void in_ratio(struct bounds *b, struct str type, const struct json *ratios, const struct json *requests,
                     const struct json *limits)
{
    for (const struct json *m = json_first(ratios); m; m = json_next(m)) {
        struct quantity most, req, lim;
        struct str name = json_key(m);
        if (!quantity_of(ratios, name, &most)) continue;
        struct str head = arena_strf(b->a, STR_FMT " max limit to request ratio per " STR_FMT " is " STR_FMT, STR_ARG(name),
                                     STR_ARG(type), STR_ARG(quantity_text(b->a, most)));
        if (!quantity_of(requests, name, &req) || !req.nano)
            complain(b, arena_strf(b->a, STR_FMT ", but no request is specified or request is 0", STR_ARG(head)));
        else if (!quantity_of(limits, name, &lim) || !lim.nano)
            complain(b, arena_strf(b->a, STR_FMT ", but no limit is specified or limit is 0", STR_ARG(head)));
        else if ((double)lim.nano / (double)req.nano > (double)most.nano / 1e9)
            complain(b, arena_strf(b->a, STR_FMT ", but provided ratio is %f", STR_ARG(head), (double)lim.nano / (double)req.nano));
    }
}

/* What all containers name, summed; a name that one of them lacks is left out. */
static struct json *sum(struct arena *a, const struct json *containers, const char *list)
{
    struct json *out = json_new_object(a);
    const struct json *first = json_get(json_get(json_first(containers), "resources"), list);
    for (const struct json *k = json_first(first); k; k = json_next(k)) {
        struct quantity total = { 0, QUANTITY_DECIMAL_SI }, q;
        bool everywhere = true;
        for (const struct json *c = json_first(containers); c && everywhere; c = json_next(c)) {
            everywhere = quantity_of(json_get(json_get(c, "resources"), list), json_key(k), &q);
            if (everywhere) total.nano += q.nano;       /* upstream adds up plain numbers, whatever the units were */
        }
        if (everywhere) json_setn(a, out, json_key(k), json_new_str(a, quantity_text(a, total)));
    }
    return out;
}

static void check_bounds(struct bounds *b, const struct json *limit, const struct json *requests, const struct json *limits)
{
    struct str type = json_get_str(limit, "type");
    at_least(b, type, json_get(limit, "min"), requests, limits);
    at_most(b, type, json_get(limit, "max"), requests, limits, limit_is(limit, "PersistentVolumeClaim"));
    in_ratio(b, type, json_get(limit, "maxLimitRequestRatio"), requests, limits);
}

static void check_pod(struct bounds *b, const struct json *limit, const struct json *pod)
{
    const struct json *containers = json_path(pod, "spec.containers");
    for (const struct json *c = json_first(containers); c && limit_is(limit, "Container"); c = json_next(c))
        check_bounds(b, limit, json_path(c, "resources.requests"), json_path(c, "resources.limits"));
    if (limit_is(limit, "Pod")) check_bounds(b, limit, sum(b->a, containers, "requests"), sum(b->a, containers, "limits"));
}

bool limit_ranger_validate(struct admission_attrs *t, struct err *err)
{
    bool claim = t->op == ADMIT_CREATE && attrs_are(t, "", "persistentvolumeclaims", "");
    struct bounds b = { .a = t->r->a, .dot = t->r->as->opt.minor < 17 ? "." : "" };
    if (!creates_pod(t) && !claim) return true;
    for (const struct json *l = json_first(limits_of(t)); l; l = json_next(l)) {
        if (!claim) check_pod(&b, l, t->obj);
        else if (limit_is(l, "PersistentVolumeClaim")) check_bounds(&b, l, json_path(t->obj, "spec.resources.requests"), NULL);
    }
    if (!b.n) return true;
    struct str text = admission_join(b.a, b.errors, b.n, ", ");
    if (b.n > 1) text = arena_strf(b.a, "[" STR_FMT "]", STR_ARG(text));
    return admission_forbid(t, err, STR_FMT, STR_ARG(text));
}
