/* apiserver/aggregator/local.c - an APIService for each group and version that this server answers itself, so that all ranks
 * stand in one place.
 *
 * Upstream: kubernetes cmd/kube-apiserver/app/aggregator.go (apiServicesToRegister) and kube-aggregator
 * pkg/controllers/autoregister. local.tsv has the priorities.
 */
#include "apiserver/aggregator/aggregator_priv.h"
#include "apiserver/registry/registry.h"

EMBED(local_tsv, "apiserver/aggregator/local.tsv")

static bool minor_in(struct str list, int minor)
{
    int64_t n;
    while (list.n)
        if (str_int(str_token(&list, ','), &n) && n == minor) return true;
    return false;
}

/* Priorities of a group-version; groups that are not in the table rank as CustomResourceDefinitions do (1000, 100). */
static void priorities(int minor, struct str group, struct str version, int64_t *gp, int64_t *vp)
{
    struct str rest = local_tsv(), g;
    *gp = 1000, *vp = 100;
    while (rest.n) {
        struct str line = str_token(&rest, '\n');
        if (!line.n || line.p[0] == '#') continue;
        g = str_token(&line, '\t');
        if (!str_eq(g, group.n ? group : STR("core")) || !str_eq(str_token(&line, '\t'), version)) continue;
        str_int(str_token(&line, '\t'), gp);
        str_int(str_token(&line, '\t'), vp);
        if (minor_in(line, minor)) return;
        *vp = 1;
    }
}

/* managed: "onstart" for what is built in, "true" for what comes and goes. */
static bool register_one(struct apiserver *as, struct str group, struct str version, const char *managed_how, struct arena *a,
                         struct err *err)
{
    int64_t gp, vp;
    priorities(as->opt.minor, group, version, &gp, &vp);
    struct json *obj = json_buildf(a,
                                   "{'kind': 'APIService', 'apiVersion': 'apiregistration.k8s.io/v1', 'metadata': {'name': %S, "
                                   "'labels': "
                                      "{'kube-aggregator.kubernetes.io/automanaged': %s}}, 'spec': {'version': %S, "
                                      "'groupPriorityMinimum': %d, 'versionPriority': %d}}",
                                   arena_strf(a, STR_FMT "." STR_FMT, STR_ARG(version), STR_ARG(group)), managed_how, version, gp, vp);
    if (group.n) json_set_str(a, json_get(obj, "spec"), "group", group);
    struct object *old = registry_get(as, STR("apiregistration.k8s.io"), STR("apiservices"), STR(""), meta_name(obj));
    bool managed = !old || meta_label(object_json(old), "kube-aggregator.kubernetes.io/automanaged").n;
    bool same = old && json_equal(json_get(object_json(old), "spec"), json_get(obj, "spec"));
    object_unref(old);
    if (!managed || same) return true;             /* somebody else's on purpose, or as it should be */
    return registry_ensure(as, "apiregistration.k8s.io", "v1", "apiservices", obj, true, a, err);
}

bool aggregator_register_local(struct apiserver *as, struct err *err)
{
    struct arena *a = arena_new();
    size_t cursor = 0;
    void *v;
    bool ok = register_one(as, STR(""), STR("v1"), "onstart", a, err);
    while (ok && map_next(as->registry->groups, &cursor, NULL, &v)) {
        const struct api_group *g = v;
        /* the aggregator's own, which upstream does not register either */
        if (str_eqc(g->name, "apiregistration.k8s.io")) continue;
        for (size_t i = 0; ok && i < g->n; i++) ok = register_one(as, g->name, g->versions[i], "onstart", a, err);
        arena_reset(a);
    }
    arena_free(a);
    return ok;
}

static bool unregister(struct apiserver *as, struct str group, struct str version, struct arena *a, struct err *err)
{
    struct str name = arena_strf(a, STR_FMT "." STR_FMT, STR_ARG(version), STR_ARG(group));
    const struct resource *res = registry_find(as, STR("apiregistration.k8s.io"), STR("v1"), STR("apiservices"), STR(""));
    struct object *old = registry_get(as, STR("apiregistration.k8s.io"), STR("apiservices"), STR(""), name), *out = NULL;
    bool ours = old && str_eqc(meta_label(object_json(old), "kube-aggregator.kubernetes.io/automanaged"), "true");
    bool ok = !ours || write_remove(request_internal(as, a), res, old, &out, err);
    object_unref(out);
    object_unref(old);
    return ok;
}

bool aggregator_register_custom(struct apiserver *as, struct str group, struct str version, bool there, struct err *err)
{
    struct arena *a = arena_new();
    bool ok = there ? register_one(as, group, version, "true", a, err) : unregister(as, group, version, a, err);
    arena_free(a);
    return ok;
}
