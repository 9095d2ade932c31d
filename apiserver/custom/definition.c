/* apiserver/custom/definition.c - the resources, kinds and columns that one CustomResourceDefinition stands for.
 *
 * Upstream: apiextensions-apiserver pkg/apiserver/customresource_handler.go (getOrCreateServingInfoFor),
 * customresource_discovery_controller.go, and the strategy of pkg/registry/customresource. Every served version is a resource of
 * the registry, with status and scale where the version has them; all versions share one place in the store and differ by
 * apiVersion alone (conversion strategy None).
 */
#include <stdlib.h>

#include "apiserver/custom/custom.h"
#include "apiserver/endpoints/endpoints.h"
#include "apiserver/printers/printers.h"

enum { RESOURCES_PER_VERSION = 3 };    /* itself, status, scale */
struct definition {
    struct arena       *a;
    struct str          text;
    struct resource    *resources; size_t resources_n;
    struct custom_kind *kinds;     size_t kinds_n;
    const struct resource *stored;
};

static const struct strategy strategy_custom = { .group = "", .resource = "",
                                                 .flags = STRATEGY_GENERATION_ALL | STRATEGY_CONDITIONAL | STRATEGY_BARE_STATUS };

struct str definition_text(struct arena *a, const struct json *crd)
{
    const struct json *spec = json_get(crd, "spec"), *names = json_path(crd, "status.acceptedNames");
    return arena_strf(a, STR_FMT STR_FMT "%d", STR_ARG(json_text(a, spec)), STR_ARG(json_text(a, names)),
                      crd_condition(crd, "Terminating"));
}

struct str definition_made_of(const struct definition *d) { return d->text; }
const struct resource *definition_resource(const struct definition *d) { return d->stored; }

static struct str comma_list(struct arena *a, const struct json *list)
{
    struct str all = STR_NULL;
    for (const struct json *n = json_first(list); n; n = json_next(n))
        all = arena_strf(a, STR_FMT "%s" STR_FMT, STR_ARG(all), all.n ? "," : "", STR_ARG(json_str(n)));
    return all;
}

static struct str copy(struct definition *d, const struct json *from, const char *path)
{
    return arena_str(d->a, json_path_str(from, path));
}

static struct str head_of(struct arena *a, const struct gvk *k)
{
    return arena_strf(a, "{\"apiVersion\":\"" STR_FMT "\",\"kind\":\"" STR_FMT "\",",
                      STR_ARG(gvk_api_version(a, k->group, k->version)), STR_ARG(k->kind));
}

static const char *path_or_null(struct definition *d, const struct json *scale, const char *name)
{
    struct str path = json_get_str(scale, name);
    return path.n ? arena_cstr(d->a, path) : NULL;
}

static struct custom_kind *add_kind(struct apiserver *as, struct definition *d, const struct json *crd, const struct json *version)
{
    struct custom_kind *k = &d->kinds[d->kinds_n++];
    const struct json *schema = json_path(version, "schema.openAPIV3Schema"), *scale = json_path(version, "subresources.scale");
    *k = (struct custom_kind){ .gvk = { copy(d, crd, "spec.group"), copy(d, version, "name"),
                                        copy(d, crd, "status.acceptedNames.kind") },
                               .schema = schema ? json_copy(d->a, schema) : NULL,
                               .keep_unknown = json_get_bool(json_get(crd, "spec"), "preserveUnknownFields", false),
                               .spec_replicas = path_or_null(d, scale, "specReplicasPath"),
                               .status_replicas = path_or_null(d, scale, "statusReplicasPath"),
                               .label_selector = path_or_null(d, scale, "labelSelectorPath") };
    schema_custom_add(as->schema, d->a, k);
    return k;
}

/* The resource itself, of which the subresources are variants. */
static struct resource main_resource(struct definition *d, const struct json *crd, const struct gvk *kind, struct str storage,
                                     const struct printer *printer)
{
    const struct json *names = json_path(crd, "status.acceptedNames");
    unsigned all = VERB_CREATE | VERB_DELETE | VERB_DELETECOLLECTION | VERB_GET | VERB_LIST | VERB_PATCH | VERB_UPDATE | VERB_WATCH;
    struct resource res = { .group = kind->group, .version = kind->version, .name = copy(d, names, "plural"), .kind = *kind,
                            .singular = copy(d, names, "singular"),
                            .namespaced = str_eqc(json_path_str(crd, "spec.scope"), "Namespaced"),
                            .short_names = comma_list(d->a, json_get(names, "shortNames")),
                            .categories = comma_list(d->a, json_get(names, "categories")), .verbs = all, .strategy = &strategy_custom,
                            .stored = { kind->group, storage, kind->kind }, .list_kind = copy(d, names, "listKind"),
                            .printer = printer };
    res.terminating = crd_condition(crd, "Terminating");
    res.head = head_of(d->a, kind);
    res.stored_head = head_of(d->a, &res.stored);
    return res;
}

/* The definition's own words, or upstream's. */
static struct str deprecation_of(struct definition *d, const struct json *version, const struct gvk *k)
{
    struct str own = copy(d, version, "deprecationWarning");
    if (!json_get_bool(version, "deprecated", false)) return STR_NULL;
    return own.n ? own : arena_strf(d->a, STR_FMT " " STR_FMT " is deprecated",
                                    STR_ARG(gvk_api_version(d->a, k->group, k->version)), STR_ARG(k->kind));
}

static void add_resource(struct definition *d, const struct resource *like, const char *subresource, const struct gvk *kind)
{
    struct resource *res = &d->resources[d->resources_n++];
    *res = *like;
    if (!subresource) return;
    res->subresource = str_c(subresource);
    res->kind = *kind;
    res->singular = res->short_names = res->categories = STR_NULL;
    res->verbs = VERB_GET | VERB_PATCH | VERB_UPDATE;
}

static void add_version(struct apiserver *as, struct definition *d, const struct json *crd, const struct json *version,
                        struct str storage)
{
    const struct gvk scale_kind = { STR("autoscaling"), STR("v1"), STR("Scale") };
    struct custom_kind *k = add_kind(as, d, crd, version);
    if (!json_get_bool(version, "served", false)) return;
    const struct printer *printer = printer_custom(d->a, as->opt.minor, json_get(version, "additionalPrinterColumns"));
    struct resource res = main_resource(d, crd, &k->gvk, storage, printer);
    res.deprecation = deprecation_of(d, version, &k->gvk);
    size_t first = d->resources_n;
    add_resource(d, &res, NULL, NULL);
    if (json_path(version, "subresources.status")) add_resource(d, &res, "status", &k->gvk);
    if (json_path(version, "subresources.scale")) add_resource(d, &res, "scale", &scale_kind);
    if (str_eq(k->gvk.version, storage)) d->stored = &d->resources[first];
}

static struct str storage_version(struct definition *d, const struct json *crd)
{
    for (const struct json *v = json_first(json_path(crd, "spec.versions")); v; v = json_next(v))
        if (json_get_bool(v, "storage", false)) return copy(d, v, "name");
    return STR_NULL;
}

struct definition *definition_add(struct apiserver *as, const struct json *crd)
{
    struct definition *d = NEW(struct definition);
    const struct json *versions = json_path(crd, "spec.versions");
    d->a = arena_new();
    d->text = definition_text(d->a, crd);
    d->kinds = arena_zalloc(d->a, (json_len(versions) + 1) * sizeof *d->kinds);
    d->resources = arena_zalloc(d->a, (json_len(versions) * RESOURCES_PER_VERSION + 1) * sizeof *d->resources);
    struct str storage = storage_version(d, crd);
    for (const struct json *v = json_first(versions); v; v = json_next(v)) add_version(as, d, crd, v, storage);
    for (size_t i = 0; i < d->resources_n; i++) registry_add(as, &d->resources[i]);
    for (size_t i = 0; i < d->resources_n; i++) {
        struct resource *res = &d->resources[i];
        registry_link(as, res);
        res->same_shape = str_eq(res->stored.version, res->version) || schema_same_shape(as->schema, &res->stored, res->version);
    }
    if (!d->stored && d->resources_n) d->stored = &d->resources[0];
    return d;
}

void definition_remove(struct apiserver *as, struct definition *d)
{
    if (!d) return;
    for (size_t i = 0; i < d->resources_n; i++) {
        watch_set_drop(as->watches, &d->resources[i]);
        registry_remove(as, &d->resources[i]);
    }
    for (size_t i = 0; i < d->kinds_n; i++) schema_custom_remove(as->schema, &d->kinds[i]);
    arena_free(d->a);
    free(d);
}
