/* apiserver/schema/validate_pod.c - pods and templates of pods: creation and update.
 *
 * Models ValidatePodCreate, ValidatePodSpec, ValidatePodTemplateSpec and ValidatePodUpdate of
 * pkg/apis/core/validation/validation.go. A pod's spec may hardly change; the message quotes the difference: up to v1.17 as JSON
 * of the Go structs, common part first, then what is left of A and of B; later as go-cmp prints it.
 */
#include "apiserver/schema/schema_priv.h"

enum { CMP_DIFF_MINOR = 18, SPREAD_MINOR = 18, GRACE_UPDATE_MINOR = 21 };

/* %#v of the struct; a pointer's target has no fixed text. */
static char *go_toleration(struct arena *a, const struct json *t)
{
    static const char *const fields[] = { "key", "operator", "value", "effect" };
    struct str v[4];
    for (size_t i = 0; i < 4; i++)
        v[i] = quote_go(a, json_get_str(t, fields[i]));
    return arena_printf(a, "core.Toleration{Key:" STR_FMT ", Operator:" STR_FMT ", Value:" STR_FMT ", Effect:" STR_FMT
                        ", TolerationSeconds:(*int64)(%s)}", STR_ARG(v[0]), STR_ARG(v[1]), STR_ARG(v[2]), STR_ARG(v[3]),
                        json_get(t, "tolerationSeconds") ? "0xc000a1b2c0" : "nil");
}

static void check_toleration(struct check *c, const struct json *t, const struct fpath *p)
{
    struct str key = json_get_str(t, "key"), op = json_get_str(t, "operator"), value = json_get_str(t, "value"),
               effect = json_get_str(t, "effect");
    if (key.n)
        check_qualified_name(c, key, FP_NAME(p, "key"));
    else if (!str_eqc(op, "Exists"))
        check_invalid_s(c, FP_NAME(p, "operator"), op,
                        "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
    if (json_get(t, "tolerationSeconds") && !str_eqc(effect, "NoExecute"))
        check_invalid_s(c, FP_NAME(p, "effect"), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    if (str_eqc(op, "Exists") && value.n)
        check_invalid_raw(c, FP_NAME(p, "operator"), go_toleration(c->a, t), "value must be empty when `operator` is 'Exists'");
    else if (op.n && !in_list(op, "Equal,Exists"))
        check_unsupported(c, FP_NAME(p, "operator"), op, "Equal,Exists");
    if (effect.n)
        check_enum(c, FP_NAME(p, "effect"), effect, "NoSchedule,PreferNoSchedule,NoExecute");
}

static void check_host_network(struct check *c, const struct json *spec, const struct fpath *p)
{
    if (!json_get_bool(spec, "hostNetwork", false))
        return;
    size_t i = 0;
    for (const struct json *ct = json_first(json_get(spec, "containers")); ct; ct = json_next(ct), i++) {
        size_t j = 0;
        for (const struct json *o = json_first(json_get(ct, "ports")); o; o = json_next(o), j++) {
            int64_t port = json_get_int(o, "containerPort", 0), host = json_get_int(o, "hostPort", 0);
            bool may_be_empty = c->minor >= 28 && host == 0;
            if (host != port && !may_be_empty)
                check_invalid_i(c, FP_NAME(FP_INDEX(FP_NAME(FP_INDEX(FP_NAME(p, "containers"), i), "ports"), j), "containerPort"),
                                port,
                                "must match `hostPort` when `hostNetwork` is true");
        }
    }
}

static void check_dns(struct check *c, const struct json *spec, const struct fpath *p)
{
    struct str policy = json_get_str(spec, "dnsPolicy");
    if (policy.n == 0)
        check_required(c, FP_NAME(p, "dnsPolicy"), "");
    else if (check_enum(c, FP_NAME(p, "dnsPolicy"), policy, "ClusterFirstWithHostNet,ClusterFirst,Default,None") &&
             str_eqc(policy, "None") &&
             json_len(json_path(spec, "dnsConfig.nameservers")) == 0)
        check_required(c, FP_NAME(FP_NAME(p, "dnsConfig"), "nameservers"),
                       "must provide at least one DNS nameserver when `dnsPolicy` is None");
}

static void check_node_term(struct check *c, const struct json *t, const struct fpath *p)
{
    size_t j = 0;
    for (const struct json *e = json_first(json_get(t, "matchExpressions")); e; e = json_next(e), j++) {
        const struct fpath *ep = FP_INDEX(FP_NAME(p, "matchExpressions"), j);
        struct str op = json_get_str(e, "operator");
        size_t n = json_len(json_get(e, "values"));
        if (in_list(op, "In,NotIn")) {
            if (n == 0)
                check_required(c, FP_NAME(ep, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
        } else if (in_list(op, "Exists,DoesNotExist")) {
            if (n)
                check_forbidden(c, FP_NAME(ep, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        } else if (in_list(op, "Gt,Lt")) {
            if (n != 1)
                check_required(c, FP_NAME(ep, "values"), "must be specified single value when `operator` is 'Lt' or 'Gt'");
        } else {
            check_invalid_s(c, FP_NAME(ep, "operator"), op, "not a valid selector operator");
        }
        check_qualified_name(c, json_get_str(e, "key"), FP_NAME(ep, "key"));
    }
}

static void check_node_terms(struct check *c, const struct json *terms, const struct fpath *p)
{
    size_t i = 0;
    if (json_len(terms) == 0)
        check_required(c, p, "must have at least one node selector term");
    for (const struct json *t = json_first(terms); t; t = json_next(t), i++)
        check_node_term(c, t, FP_INDEX(p, i));
}

static void check_affinity_term(struct check *c, const struct json *t, const struct fpath *p)
{
    check_label_selector(c, json_get(t, "labelSelector"), FP_NAME(p, c->minor >= 27 ? "labelSelector" : "matchExpressions"));
    if (json_get_str(t, "topologyKey").n == 0)
        check_required(c, FP_NAME(p, "topologyKey"), "can not be empty");
    check_qualified_name(c, json_get_str(t, "topologyKey"), FP_NAME(p, "topologyKey"));
}

static void check_affinity(struct check *c, const struct json *affinity, const struct fpath *p)
{
    static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution",
                      preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";
    static const char *const kinds[] = { "podAffinity", "podAntiAffinity" };
    const struct json *node = json_path(affinity, "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
    if (node)
        check_node_terms(c, json_get(node, "nodeSelectorTerms"),
                         FP_NAME(FP_NAME(FP_NAME(p, "nodeAffinity"), required), "nodeSelectorTerms"));
    const struct fpath *pp = FP_NAME(FP_NAME(p, "nodeAffinity"), preferred);
    size_t n = 0;
    for (const struct json *t = json_first(json_path(affinity, "nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution")); t;
         t = json_next(t), n++) {
        int64_t weight = json_get_int(t, "weight", 0);
        if (weight <= 0 || weight > 100)
            check_invalid_i(c, FP_NAME(FP_INDEX(pp, n), "weight"), weight, "must be in the range 1-100");
        check_node_term(c, json_get(t, "preference"), FP_NAME(FP_INDEX(pp, n), "preference"));
    }
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        const struct json *pod = json_get(affinity, kinds[k]);
        const struct fpath *kp = FP_NAME(p, kinds[k]);
        size_t i = 0;
        for (const struct json *t = json_first(json_get(pod, required)); t; t = json_next(t), i++)
            check_affinity_term(c, t, FP_INDEX(FP_NAME(kp, required), i));
        i = 0;
        for (const struct json *t = json_first(json_get(pod, preferred)); t; t = json_next(t), i++) {
            const struct fpath *tp = FP_INDEX(FP_NAME(kp, preferred), i);
            int64_t weight = json_get_int(t, "weight", 0);
            if (weight <= 0 || weight > 100)
                check_invalid_i(c, FP_NAME(tp, "weight"), weight, "must be in the range 1-100");
            check_affinity_term(c, json_get(t, "podAffinityTerm"), FP_NAME(tp, "podAffinityTerm"));
        }
    }
}

static void check_spread(struct check *c, const struct json *list, const struct fpath *lp)
{
    size_t i = 0;
    for (const struct json *t = json_first(list); t; t = json_next(t), i++) {
        const struct fpath *p = FP_INDEX(lp, i);
        int64_t skew = json_get_int(t, "maxSkew", 0);
        struct str key = json_get_str(t, "topologyKey"), action = json_get_str(t, "whenUnsatisfiable");
        if (skew <= 0)
            check_invalid_i(c, FP_NAME(p, "maxSkew"), skew, "must be greater than zero");
        if (key.n == 0)
            check_required(c, FP_NAME(p, "topologyKey"), "can not be empty");
        check_enum(c, FP_NAME(p, "whenUnsatisfiable"), action, "DoNotSchedule,ScheduleAnyway");
        for (const struct json *e = json_first(list); e != t; e = json_next(e))
            if (str_eq(json_get_str(e, "topologyKey"), key) && str_eq(json_get_str(e, "whenUnsatisfiable"), action)) {
                check_duplicate(c, FP_NAME(p, "{topologyKey, whenUnsatisfiable}"),
                                arena_strf(c->a, "{" STR_FMT ", " STR_FMT "}", STR_ARG(key), STR_ARG(action)));
                break;
            }
    }
}

void check_pod_spec(struct check *c, const struct json *spec, const struct fpath *p)
{
    check_containers(c, spec, check_volumes(c, json_get(spec, "volumes"), FP_NAME(p, "volumes")), p);
    struct str restart = json_get_str(spec, "restartPolicy");
    if (restart.n == 0)
        check_required(c, FP_NAME(p, "restartPolicy"), "");
    else
        check_enum(c, FP_NAME(p, "restartPolicy"), restart, "Always,OnFailure,Never");
    check_dns(c, spec, p);
    check_labels(c, json_get(spec, "nodeSelector"), FP_NAME(p, "nodeSelector"));
    check_host_network(c, spec, p);
    check_affinity(c, json_get(spec, "affinity"), FP_NAME(p, "affinity"));
    static const struct { const char *field; enum name_rule rule; } names[] = {
        { "serviceAccountName", NAME_SUBDOMAIN }, { "nodeName", NAME_SUBDOMAIN }, { "hostname", NAME_LABEL },
        { "subdomain", NAME_LABEL },
        { "priorityClassName", NAME_SUBDOMAIN }, { "runtimeClassName", NAME_SUBDOMAIN },
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (json_get_str(spec, names[i].field).n)
            check_name(c, json_get_str(spec, names[i].field), names[i].rule, false, FP_NAME(p, names[i].field));
    const struct json *deadline = json_get(spec, "activeDeadlineSeconds");
    if (deadline && (json_int(deadline, 0) < 1 || json_int(deadline, 0) > INT32_MAX))
        check_invalid_i(c, FP_NAME(p, "activeDeadlineSeconds"), json_int(deadline, 0), "must be between 1 and 2147483647, inclusive");
    size_t i = 0;
    for (const struct json *t = json_first(json_get(spec, "tolerations")); t; t = json_next(t), i++)
        check_toleration(c, t, FP_INDEX(FP_NAME(p, "tolerations"), i));
    check_pod_parts(c, spec, p);
    if (c->minor >= SPREAD_MINOR)
        check_spread(c, json_get(spec, "topologySpreadConstraints"), FP_NAME(p, "topologySpreadConstraints"));
}

void check_pod_template(struct check *c, const struct json *tmpl, const struct fpath *p)
{
    const struct json *meta = json_get(tmpl, "metadata");
    check_labels(c, json_get(meta, "labels"), FP_NAME(p, "labels"));
    check_annotations(c, json_get(meta, "annotations"), FP_NAME(p, "annotations"));
    check_pod_spec(c, json_get(tmpl, "spec"), FP_NAME(p, "spec"));
}

/* ---- update ---- */

/* JSON of the Go struct: its field names, every field, in order. */
static void go_json(struct arena *a, const struct type *t, const struct json *obj, struct strbuf *out);

static void go_json_value(struct arena *a, const struct field *f, const struct json *v, struct strbuf *out)
{
    if (json_type(v) == JSON_NULL && (field_is_pointer(f) || f->kind == FIELD_LIST || f->kind == FIELD_MAP)) {
        strbuf_addc(out, "null");
    } else if (f->kind == FIELD_OBJECT) {
        go_json(a, f->type, v, out);
    } else if (f->kind == FIELD_LIST && f->type) {
        strbuf_addch(out, '[');
        for (const struct json *e = json_first(v); e; e = json_next(e)) {
            if (e != json_first(v))
                strbuf_addch(out, ',');
            go_json(a, f->type, e, out);
        }
        strbuf_addch(out, ']');
    } else if (v) {
        json_write(out, v, 0);
    } else {
        strbuf_addc(out, f->kind == FIELD_BOOL ? "false" : f->kind == FIELD_STRING ? "\"\"" : f->kind == FIELD_QUANTITY ? "\"0\""
                    : "0");
    }
}

static void go_json(struct arena *a, const struct type *t, const struct json *obj, struct strbuf *out)
{
    strbuf_addch(out, '{');
    for (size_t i = 0; i < t->count; i++) {
        const struct field *f = &t->fields[i];
        strbuf_addf(out, "%s\"%s\":", i ? "," : "", f->go_name);
        go_json_value(a, f, json_get(obj, f->name), out);
    }
    strbuf_addch(out, '}');
}

static struct str string_diff(struct arena *a, struct str x, struct str y)
{
    size_t i = 0;
    while (i < x.n && i < y.n && x.p[i] == y.p[i])
        i++;
    struct str common = str_sub(x, 0, i), rx = str_sub(x, i, x.n), ry = str_sub(y, i, y.n);
    return arena_strf(a, STR_FMT "\n\nA: " STR_FMT "\n\nB: " STR_FMT "\n\n", STR_ARG(common), STR_ARG(rx), STR_ARG(ry));
}

static struct str spec_diff(struct check *c, const struct json *munged, const struct json *old)
{
    const struct type *t = schema_type(c->s, STR("io.k8s.api.core.v1.PodSpec"));
    struct strbuf x, y;
    strbuf_init(&x, 1 << 20);
    strbuf_init(&y, 1 << 20);
    struct str diff;
    if (c->minor < CMP_DIFF_MINOR) {
        go_json(c->a, t, munged, &x);
        go_json(c->a, t, old, &y);
        diff = string_diff(c->a, strbuf_str(&x), strbuf_str(&y));
    } else {
        diff = go_diff(c->a, c->s, "io.k8s.api.core.v1.PodSpec", munged, old);
    }
    strbuf_deinit(&x);
    strbuf_deinit(&y);
    return diff;
}

static void copy_images(struct arena *a, struct json *to, const struct json *from)
{
    const struct json *src = json_first(from);
    for (struct json *ct = json_first(to); ct && src; ct = json_next(ct), src = json_next(src))
        json_set(a, ct, "image", json_copy(a, json_get(src, "image") ? json_get(src, "image") : json_new_strc(a, "")));
}

static void check_image_updates(struct check *c, const struct json *spec, const struct json *old, const char *list,
                                const struct fpath *sp)
{
    const struct fpath *lp = FP_NAME(sp, list);
    const struct json *now = json_get(spec, list), *was = json_get(old, list);
    if (json_len(now) != json_len(was)) {
        check_forbidden(c, lp, "pod updates may not add or remove containers");
        return;
    }
    size_t i = 0;
    for (const struct json *ct = json_first(now); ct; ct = json_next(ct), i++)
        if (json_get_str(ct, "image").n == 0)
            check_required(c, FP_NAME(FP_INDEX(lp, i), "image"), "");
}

static void check_deadline_update(struct check *c, const struct json *now, const struct json *was, const struct fpath *p)
{
    int64_t n = json_int(now, 0), w = json_int(was, 0);
    if (now && (n < 0 || n > INT32_MAX))
        check_invalid_i(c, p, n, "must be between 0 and 2147483647, inclusive");
    else if (now && was && n > w)
        check_invalid_i(c, p, n, "must be less than or equal to previous value");
    else if (!now && was)
        check_invalid_raw(c, p, "\"null\"", "must not update from a positive integer to nil value");
}

static void check_pod_update(struct check *c, const struct json *spec, const struct json *old)
{
    const struct fpath *p = FP_NAME(NULL, "spec");
    size_t before = c->out->n;
    check_image_updates(c, spec, old, "containers", p);
    check_image_updates(c, spec, old, "initContainers", p);
    if (c->out->n != before)
        return;
    const struct json *deadline = json_get(spec, "activeDeadlineSeconds"), *old_deadline = json_get(old, "activeDeadlineSeconds");
    check_deadline_update(c, deadline, old_deadline, FP_NAME(p, "activeDeadlineSeconds"));
    struct json *munged = json_copy(c->a, spec);
    copy_images(c->a, json_get(munged, "containers"), json_get(old, "containers"));
    copy_images(c->a, json_get(munged, "initContainers"), json_get(old, "initContainers"));
    static const char *const free_fields[] = { "activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds",
                                               "schedulingGates" };
    for (size_t i = 0; i < ARRAY_LEN(free_fields); i++) {
        bool grace_ok = i != 2 || (c->minor >= GRACE_UPDATE_MINOR && json_int(json_get(old, free_fields[i]), 0) < 0);
        if (!grace_ok)
            continue;
        json_remove(munged, free_fields[i]);
        if (json_get(old, free_fields[i]))
            json_set(c->a, munged, free_fields[i], json_copy(c->a, json_get(old, free_fields[i])));
    }
    const struct json *tolerations = json_get(spec, "tolerations");
    for (const struct json *t = json_first(json_get(old, "tolerations")); t; t = json_next(t)) {
        bool kept = false;
        for (const struct json *u = json_first(tolerations); u && !kept; u = json_next(u))
            kept = str_eq(json_get_str(t, "key"), json_get_str(u, "key")) &&
                   str_eq(json_get_str(t, "effect"), json_get_str(u, "effect")) &&
                   str_eq(json_get_str(t, "operator"), json_get_str(u, "operator"));
        if (!kept) {
            check_forbidden(c, FP_NAME(p, "tolerations"), "existing toleration can not be modified except its tolerationSeconds");
            break;
        }
    }
    if (json_equal(munged, old))
        return;
    struct str diff = spec_diff(c, munged, old);
    const char *tail = c->minor >= GRACE_UPDATE_MINOR
                       ? "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
                                                        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                                                        "previously negative)"
                                                      : " `spec.activeDeadlineSeconds` or `spec.tolerations` (only additions to "
                                                        "existing tolerations)";
    const char *comma = c->minor >= GRACE_UPDATE_MINOR ? "," : ", ";
    check_forbidden(c, p, "pod updates may not change fields other than "
                          "`spec.containers[*].image`%s`spec.initContainers[*].image`,%s\n" STR_FMT, comma, tail,
                    STR_ARG(diff));
}

void validate_pod(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    if (old)
        check_pod_update(c, json_get(obj, "spec"), json_get(old, "spec"));
    else
        check_pod_spec(c, json_get(obj, "spec"), FP_NAME(NULL, "spec"));
}

void validate_pod_template(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    check_pod_template(c, json_get(obj, "template"), FP_NAME(NULL, "template"));
}
