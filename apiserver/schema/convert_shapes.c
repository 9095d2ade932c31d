/* apiserver/schema/convert_shapes.c - kinds other than the autoscaler whose versions differ in shape.
 *
 * Models pkg/apis/{certificates,networking,core,events,discovery}/.../conversion.go and apiextensions' for the common case. Each
 * function brings the object to the shape of version `to`; what is left over is dropped by canonical order. Converting to the
 * shape it has is a no-op.
 */
#include "apiserver/schema/schema_priv.h"

static void move(struct arena *a, struct json *from, const char *from_key, struct json *to, const char *to_key)
{
    struct json *v = from ? json_remove(from, from_key) : NULL;
    if (v)
        json_set(a, to, to_key, v);
}

/* v1 insists on signerName and on a status in conditions; v1beta1 objects of old servers lack both. */
bool convert_csr(const struct schema *s, struct arena *a, struct json *obj, const struct gvk *from, struct str to, struct err *err)
{
    (void)s; (void)from; (void)err;
    if (!str_eqc(to, "v1"))
        return true;
    struct json *spec = json_ensure(a, obj, "spec");
    if (json_get_str(spec, "signerName").n == 0)
        json_set_strc(a, spec, "signerName", "kubernetes.io/legacy-unknown");
    for (struct json *c = json_first(json_path(obj, "status.conditions")); c; c = json_next(c))
        if (json_get_str(c, "status").n == 0)
            json_set_strc(a, c, "status", "True");
    return true;
}

/* v1: backend {service: {name, port: {name|number}}} and defaultBackend; before: {serviceName, servicePort} and backend. */
static void backend_to_v1(struct arena *a, struct json *b)
{
    struct json *name = json_remove(b, "serviceName"), *port = json_remove(b, "servicePort");
    if (!name && !port)
        return;
    struct json *service = json_ensure(a, b, "service");
    if (name)
        json_set(a, service, "name", name);
    if (port)
        json_set(a, json_ensure(a, service, "port"), json_is(port, JSON_STRING) ? "name" : "number", port);
}

static void backend_from_v1(struct arena *a, struct json *b)
{
    struct json *service = json_remove(b, "service"), *port = json_get(service, "port");
    if (!service)
        return;
    move(a, service, "name", b, "serviceName");
    if (port)
        move(a, port, json_get(port, "number") ? "number" : "name", b, "servicePort");
}

bool convert_ingress(const struct schema *s, struct arena *a, struct json *obj, const struct gvk *from, struct str to, struct err *err)
{
    (void)s; (void)err;
    bool up = str_eqc(to, "v1"), down = str_eqc(from->version, "v1");
    if (up == down)
        return true;
    struct json *spec = json_ensure(a, obj, "spec");
    move(a, spec, up ? "backend" : "defaultBackend", spec, up ? "defaultBackend" : "backend");
    struct json *dflt = json_get(spec, up ? "defaultBackend" : "backend");
    if (dflt)
        (up ? backend_to_v1 : backend_from_v1)(a, dflt);
    for (struct json *r = json_first(json_get(spec, "rules")); r; r = json_next(r))
        for (struct json *p = json_first(json_path(r, "http.paths")); p; p = json_next(p)) {
            if (json_get(p, "backend"))
                (up ? backend_to_v1 : backend_from_v1)(a, json_get(p, "backend"));
            if (up && json_get_str(p, "pathType").n == 0)
                json_set_strc(a, p, "pathType", "ImplementationSpecific");
        }
    return true;
}

/* core/v1: involvedObject, message, source, firstTimestamp, count. events.k8s.io: regarding, note, deprecated*. */
bool convert_event(const struct schema *s, struct arena *a, struct json *obj, const struct gvk *from, struct str to, struct err *err)
{
    (void)s; (void)err; (void)to;
    static const char *const pairs[][2] = {
        { "involvedObject", "regarding" }, { "message", "note" }, { "source", "deprecatedSource" },
        { "firstTimestamp", "deprecatedFirstTimestamp" },
        { "lastTimestamp", "deprecatedLastTimestamp" }, { "count", "deprecatedCount" },
        { "reportingComponent", "reportingController" },
    };
    bool to_core = from->group.n != 0;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        move(a, obj, pairs[i][to_core], obj, pairs[i][!to_core]);
    return true;
}

/* v1beta1's topology map: the host name and the zone have fields in v1, the rest goes to deprecatedTopology. */
bool convert_endpoint_slice(const struct schema *s, struct arena *a, struct json *obj, const struct gvk *from, struct str to,
                            struct err *err)
{
    (void)s; (void)from; (void)err;
    bool up = str_eqc(to, "v1");
    for (struct json *e = json_first(json_get(obj, "endpoints")); e; e = json_next(e)) {
        struct json *topology = json_remove(e, up ? "topology" : "deprecatedTopology");
        if (up) {
            move(a, topology, "kubernetes.io/hostname", e, "nodeName");
            move(a, topology, "topology.kubernetes.io/zone", e, "zone");
        } else if (json_get(e, "nodeName") || json_get(e, "zone")) {
            if (!topology)
                topology = json_new_object(a);
            if (json_get(e, "nodeName"))
                json_set(a, topology, "kubernetes.io/hostname", json_copy(a, json_get(e, "nodeName")));
            if (json_get(e, "zone"))
                json_set(a, topology, "topology.kubernetes.io/zone", json_remove(e, "zone"));
        }
        if (json_len(topology))
            json_set(a, e, up ? "deprecatedTopology" : "topology", topology);
    }
    return true;
}

/* v1 has schema, subresources and columns per version; v1beta1 may have them once for all. */
static const char *const shared_pairs[][2] = { { "validation", "schema" }, { "subresources", "subresources" },
                                               { "additionalPrinterColumns", "additionalPrinterColumns" } };

static void rename_columns(struct arena *a, struct json *columns, const char *from, const char *to)
{
    for (struct json *c = json_first(columns); c; c = json_next(c))
        move(a, c, from, c, to);
}

void crd_hoist(struct arena *a, struct json *obj)
{
    struct json *spec = json_ensure(a, obj, "spec"), *versions = json_get(spec, "versions");
    for (size_t i = 0; i < ARRAY_LEN(shared_pairs); i++) {
        const char *own = shared_pairs[i][1];
        const struct json *first = json_get(json_first(versions), own);
        bool same = first != NULL;
        for (struct json *v = json_first(versions); v && same; v = json_next(v))
            same = json_equal(json_get(v, own), first);
        if (!same)
            continue;
        json_set(a, spec, shared_pairs[i][0], json_copy(a, first));
        for (struct json *v = json_first(versions); v; v = json_next(v))
            json_remove(v, own);
    }
    rename_columns(a, json_get(spec, "additionalPrinterColumns"), "jsonPath", "JSONPath");
    for (struct json *v = json_first(versions); v; v = json_next(v))
        rename_columns(a, json_get(v, "additionalPrinterColumns"), "jsonPath", "JSONPath");
}

bool convert_crd(const struct schema *s, struct arena *a, struct json *obj, const struct gvk *from, struct str to, struct err *err)
{
    (void)s; (void)err;
    struct json *spec = json_ensure(a, obj, "spec"), *versions = json_get(spec, "versions");
    if (str_eqc(to, "v1") && !str_eqc(from->version, "v1")) {
        for (size_t i = 0; i < ARRAY_LEN(shared_pairs); i++) {
            struct json *shared = json_remove(spec, shared_pairs[i][0]);
            for (struct json *v = json_first(versions); shared && v; v = json_next(v))
                if (!json_get(v, shared_pairs[i][1]))
                    json_set(a, v, shared_pairs[i][1], json_copy(a, shared));
        }
        for (struct json *v = json_first(versions); v; v = json_next(v))
            rename_columns(a, json_get(v, "additionalPrinterColumns"), "JSONPath", "jsonPath");
        json_remove(spec, "version");
    } else if (!str_eqc(to, "v1") && str_eqc(from->version, "v1")) {
        if (json_first(versions))
            json_set(a, spec, "version", json_copy(a, json_get(json_first(versions), "name")));
        crd_hoist(a, obj);
        if (!json_get(spec, "preserveUnknownFields"))
            json_set_bool(a, spec, "preserveUnknownFields", false);
    }
    return true;
}
