/* labs/document.c - the one document that checks and conditions look at: what is, and what happened, at one virtual moment.
 *
 * The cluster makes most of it at one request (labs_ops.document; sim/cmd/look.c), as text; here it gets what the asker knows:
 * which lab, with which parameters, what a scenario has sampled, and what was typed. README.md says what each key holds.
 */
#include "labs/labs.h"

/* ---- one autoscaler ---- */
static struct json *copy_or_null(struct arena *a, const struct json *j) { return j ? json_copy(a, j) : NULL; }

void document_autoscaler(struct strbuf *out, const struct json *hpa, struct str decisions)
{
    struct arena *a = arena_new();
    const struct json *spec = json_get(hpa, "spec"), *status = json_get(hpa, "status");
    json_write(out, json_buildf(a,
                                "{'namespace':%S,'name':%S,'kind':%S,'target':%S,'min':%d,'max':%d,'current':%d,'desired':%d,"
                                "'targetPercent':%j,'usagePercent':%j}",
        json_path_str(hpa, "metadata.namespace"), json_path_str(hpa, "metadata.name"), json_path_str(spec, "scaleTargetRef.kind"),
        json_path_str(spec, "scaleTargetRef.name"),
        json_get_int(spec, "minReplicas", 1), json_get_int(spec, "maxReplicas", 0), json_get_int(status, "currentReplicas", 0),
        json_get_int(status, "desiredReplicas", 0),
        copy_or_null(a, json_get(spec, "targetCPUUtilizationPercentage")),
        copy_or_null(a, json_get(status, "currentCPUUtilizationPercentage"))), JSON_NO_HTML_ESCAPE);
    out->n--;                          /* the decisions are text already: they go in before the brace */
    strbuf_addc(out, ",\"decisions\":[");
    strbuf_add(out, decisions);
    strbuf_addc(out, "]}");
    arena_free(a);
}

/* ---- the document ---- */
static void add_json(struct strbuf *out, const char *key, const struct json *value, const char *otherwise)
{
    strbuf_addf(out, "\"%s\":", key);
    if (value)
        json_write(out, value, JSON_NO_HTML_ESCAPE);
    else
        strbuf_addc(out, otherwise);
    strbuf_addch(out, ',');
}

struct str document_complete(struct arena *a, const struct document_of *of, struct str from_cluster)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    strbuf_addc(&out, "{\"lab\":");
    if (of->lab)
        json_write_string(&out, str_c(of->lab));
    strbuf_addf(&out, "%s,", of->lab ? "" : "null");
    add_json(&out, "params", of->params, "{}");
    add_json(&out, "transcript", of->transcript, "[]");
    if (of->history)
        add_json(&out, "history", of->history, "[]");
    struct str rest = str_sub(from_cluster, 1, from_cluster.n);
    char *text = arena_alloc(a, out.n + rest.n + 1);             /* hundreds of kilobytes, looked at often: copied once */
    memcpy(text, out.p, out.n);
    memcpy(text + out.n, rest.n ? rest.p : "", rest.n);
    struct str whole = { text, out.n + rest.n };
    text[whole.n] = 0;
    strbuf_deinit(&out);
    return whole;
}

struct str document_make(struct arena *a, const struct labs_ops *ops, const struct document_of *of, struct err *err)
{
    struct str text;
    return ops->document(ops->ctx, a, !of->history, &text, err) ? document_complete(a, of, text) : STR_NULL;
}

/* ---- where an object of a scenario lives ---- */
const char *document_path(struct arena *a, const struct labs_ops *ops, struct str api_version, struct str kind, struct str ns,
                          const char *name, struct err *err)
{
    int status = 0;
    struct str reply;
    const char *base = arena_printf(a, str_chr(api_version, '/') >= 0 ? "/apis/" STR_FMT : "/api/" STR_FMT, STR_ARG(api_version));
    if (!ops->api(ops->ctx, a, "GET", base, NULL, NULL, &status, &reply, err))
        return NULL;
    const struct json *list = status == 200 ? json_parse(a, reply, NULL) : NULL;
    for (const struct json *r = json_first(json_get(list, "resources")); r; r = json_next(r)) {
        struct str resource = json_get_str(r, "name");
        if (!str_eq(json_get_str(r, "kind"), kind) || str_chr(resource, '/') >= 0)
            continue;
        const char *in = json_get_bool(r, "namespaced", false)
                         ? arena_printf(a, "/namespaces/" STR_FMT, STR_ARG(percent_encode(a, ns.n ? ns : STR("default")))) : "";
        const char *one = name ? arena_printf(a, "/" STR_FMT, STR_ARG(percent_encode(a, str_c(name)))) : "";
        return arena_printf(a, "%s%s/" STR_FMT "%s", base, in, STR_ARG(resource), one);
    }
    err_set(err, ERR_NOT_FOUND, "no matches for kind \"" STR_FMT "\" in version \"" STR_FMT "\"", STR_ARG(kind), STR_ARG(api_version));
    return NULL;
}
