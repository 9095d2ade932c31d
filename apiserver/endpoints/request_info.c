/* apiserver/endpoints/request_info.c - what a path and a method mean (apiserver pkg/endpoints/request/requestinfo.go).
 *
 *   /api/v1/namespaces/NS/pods/NAME/SUB      /apis/GROUP/VERSION/namespaces/NS/RESOURCE/NAME/SUB
 *   /api/v1/watch/...                        the old way to say ?watch=true
 * Anything else is a non-resource request, whose verb is its method in lower case.
 */
#include "apiserver/endpoints/endpoints.h"

enum { PARTS_MAX = 64 };

static size_t split(struct arena *a, struct str path, struct str *parts)
{
    size_t n = 0;
    (void)a;
    while (path.n && path.p[0] == '/') path = str_sub(path, 1, path.n);
    while (path.n && path.p[path.n - 1] == '/') path = str_sub(path, 0, path.n - 1);
    if (!path.n) return 0;
    while (path.p && n < PARTS_MAX) parts[n++] = str_token(&path, '/');
    return n;
}

static struct str method_lower(struct arena *a, struct str m)
{
    char *p = arena_cstr(a, m);
    for (size_t i = 0; i < m.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z') p[i] = (char)(p[i] + 32);
    return (struct str){ p, m.n };
}

static struct str verb_of(struct str method)
{
    static const struct { const char *method, *verb; } table[] = { { "POST", "create" }, { "GET", "get" }, { "HEAD", "get" },
                                                                   { "PUT", "update" }, { "PATCH", "patch" }, { "DELETE", "delete" } };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eqc(method, table[i].method)) return str_c(table[i].verb);
    return STR("");
}

static bool truthy(const struct query *q, const char *name)
{
    struct str v = query_get(q, name);
    return query_has(q, name) && !str_eqc(v, "0") && !str_eqc(v, "false");
}

/* A list of one name is judged by that name: fieldSelector=metadata.name=x. */
static void name_from_selector(struct request *r)
{
    struct field_selector fs = { 0 };
    struct err ignored = { 0 };
    if (!field_selector_parse(r->a, query_get(&r->x->query, "fieldSelector"), &fs, &ignored)) err_clear(&ignored);
    for (size_t i = 0; i < fs.n; i++)
        if (str_eqc(fs.v[i].key, "metadata.name") && !fs.v[i].not_equal && str_chr(fs.v[i].value, '/') < 0)
            r->info.name = fs.v[i].value;
}

static void refine_verb(struct request *r)
{
    struct request_info *in = &r->info;
    if (in->name.n) return;
    if (str_eqc(in->verb, "get")) in->verb = truthy(&r->x->query, "watch") ? STR("watch") : STR("list");
    else if (str_eqc(in->verb, "delete")) in->verb = STR("deletecollection");
    if (str_eqc(in->verb, "list") || str_eqc(in->verb, "watch") || str_eqc(in->verb, "deletecollection")) name_from_selector(r);
}

static void resource_parts(struct request *r, struct str *p, size_t n)
{
    struct request_info *in = &r->info;
    if (n >= 2 && str_eqc(p[0], "watch")) {
        in->verb = STR("watch");
        p++, n--;
    }
    if (str_eqc(p[0], "namespaces") && n > 1) {
        in->namespace = p[1];
        if (n > 2 && !str_eqc(p[2], "status") && !str_eqc(p[2], "finalize")) p += 2, n -= 2;
    }
    in->resource = p[0];
    if (n > 1) in->name = p[1];
    if (n > 2) in->subresource = p[2];
    if (!str_eqc(in->verb, "watch")) refine_verb(r);
}

void request_info_parse(struct request *r)
{
    struct request_info *in = &r->info;
    struct str parts[PARTS_MAX];
    *in = (struct request_info){ .path = r->x->path, .verb = method_lower(r->a, r->x->method) };
    size_t n = split(r->a, r->x->path, parts);
    bool core = n && str_eqc(parts[0], "api"), named = n && str_eqc(parts[0], "apis");
    if (!(core && n >= 3) && !(named && n >= 4)) return;
    in->is_resource = true;
    in->api_prefix = parts[0];
    in->group = named ? parts[1] : STR("");
    in->version = parts[named ? 2 : 1];
    in->verb = verb_of(r->x->method);
    size_t skip = named ? 3 : 2;
    resource_parts(r, parts + skip, n - skip);
}

void attributes_of(const struct request_info *in, const struct user *u, struct attributes *out)
{
    *out = (struct attributes){ .user = u, .is_resource = in->is_resource, .verb = in->verb, .path = in->path };
    if (!in->is_resource) return;
    out->namespace = in->namespace;
    out->group = in->group;
    out->version = in->version;
    out->resource = in->resource;
    out->subresource = in->subresource;
    out->name = in->name;
}

bool user_in_group(const struct user *u, const char *group)
{
    for (size_t i = 0; i < u->group_count; i++)
        if (str_eqc(u->groups[i], group)) return true;
    return false;
}
