/* apiserver/endpoints/handle_list.c - GET of a collection: selectors, pages, tables; the list is the stored texts between two
 * brackets.
 *
 * Upstream: apiserver pkg/endpoints/handlers/get.go, pkg/storage/etcd3/store.go (List, encodeContinue, decodeContinue). A page
 * after the first is read from the present state, not from the first page's snapshot; the list keeps the first page's revision,
 * so that a watch from there replays what changed in between. Past the watch history a token is as expired as it would be after
 * etcd's compaction.
 */
#include "apiserver/endpoints/endpoints.h"

#include <stdlib.h>

struct list_request {
    struct request *r;
    struct negotiated shape;
    struct filter filter;
    int64_t limit, rv;                 /* limit 0: all; rv: what the list's metadata says */
    struct str prefix, after;
    /* while visiting */
    struct object **items; size_t n, cap;
    struct str last;
    bool more;
    size_t remaining;
};

static bool parse_uint(struct str s, int64_t *out) { return s.n && s.p[0] != '-' && s.p[0] != '+' && str_int(s, out); }

bool resource_version_of(struct request *r, int64_t *rv, struct err *err)
{
    struct str text = query_get(&r->x->query, "resourceVersion");
    int64_t have = store_revision(r->as->store);
    *rv = 0;
    if (text.n && !parse_uint(text, rv))
        return err_set(err, ERR_IO,
                       "resourceVersion: Invalid value: \"" STR_FMT "\": strconv.ParseUint: parsing \"" STR_FMT "\": invalid syntax",
                       STR_ARG(text), STR_ARG(text));
    if (*rv <= have) return true;
    err_set(err, ERR_TIMEOUT, "Timeout: Too large resource version: %" PRId64 ", current: %" PRId64, *rv, have);
    err_details(err, "{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}],"
                     "\"retryAfterSeconds\":1}");
    return false;
}

/* {"v":"meta.k8s.io/v1","rv":N,"start":"ns/name\u0000"}, base64url without padding. */
static struct str token_make(struct arena *a, int64_t rv, struct str key)
{
    struct strbuf b;
    strbuf_init(&b, 4096);
    strbuf_addf(&b, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%" PRId64 ",\"start\":", rv);
    json_write_string(&b, key);
    b.n--;
    strbuf_addc(&b, "\\u0000\"}");
    struct str token = base64url_encode(a, strbuf_str(&b));
    strbuf_deinit(&b);
    return token;
}

static bool token_parse(struct list_request *l, struct str token, struct err *err)
{
    struct arena *a = l->r->a;
    struct str raw;
    if (!base64url_decode(a, token, &raw))
        return err_set(err, ERR_BAD_REQUEST, "continue key is not valid: illegal base64 data at input byte %zu", token.n);
    struct err bad = { 0 };
    /* The NUL that ends the key is no text for us: it is cut before the parse. */
    ptrdiff_t nul = str_find(raw, STR("\\u0000\"}"));
    struct str text = nul < 0 ? raw : arena_strf(a, "%.*s\"}", (int)nul, raw.p);
    struct json *j = json_parse(a, text, &bad);
    if (!j) {
        err_set(err, ERR_BAD_REQUEST, "continue key is not valid: %s", bad.msg);
        err_clear(&bad);
        return false;
    }
    if (!str_eqc(json_get_str(j, "v"), "meta.k8s.io/v1"))
        return err_set(err, ERR_BAD_REQUEST,
                       "continue key is not valid: server does not recognize this encoded version \"" STR_FMT "\"",
                       STR_ARG(json_get_str(j, "v")));
    struct str start = json_get_str(j, "start");
    if (!start.n) return err_set(err, ERR_BAD_REQUEST, "continue key is not valid: encoded start key missing");
    l->after = arena_strf(a, STR_FMT STR_FMT, STR_ARG(l->prefix), STR_ARG(start));
    l->rv = json_get_int(j, "rv", 0);
    return true;
}

static void ignore_event(void *ctx, const struct store_event *ev) { (void)ctx, (void)ev; }

/* Can a watch still follow from the token's revision? Else the token is too old, and the refusal carries one for an inconsistent
 * rest. */
static bool token_fresh(struct list_request *l, struct err *err)
{
    struct request *r = l->r;
    struct err old = { 0 };
    if (l->rv <= 0) {
        l->rv = store_revision(r->as->store);
        return true;
    }
    struct store_watcher *w = store_watch(r->as->store, l->prefix, l->rv, ignore_event, NULL, &old);
    bool fresh = w || old.code == ERR_TIMEOUT;
    if (w) store_watch_stop(w);
    err_clear(&old);
    if (fresh) return true;
    return err_set(err, ERR_EXPIRED,
                   "The provided continue parameter is too old to display a consistent list result. You can start a new list "
                   "without the continue "
                   "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing "
                   "with the provided token results in an "
                   "inconsistent list - objects that were created, modified, or deleted between the time the first chunk was "
                   "returned and now may show up in the list.");
}

/* resourceVersionMatch (since 1.19) has rules of its own. */
bool check_version_match(struct request *r, bool watching, struct err *err)
{
    const struct query *q = &r->x->query;
    struct str match = query_get(q, "resourceVersionMatch"), rv = query_get(q, "resourceVersion"), token = query_get(q, "continue");
    struct field_errors e = { .a = r->a };
    struct str field = STR("resourceVersionMatch");
    bool exact = str_eqc(match, "Exact");
    if (!match.n || r->as->opt.minor < 19) return true;
    if (watching && !(r->as->opt.minor >= 27 && query_bool(q, "sendInitialEvents")))
        field_error_add(&e, "FieldValueForbidden", field, "Forbidden: resourceVersionMatch is forbidden for watch");
    if (!rv.n)
        field_error_add(&e, "FieldValueForbidden", field,
                        "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
    if (token.n)
        field_error_add(&e, "FieldValueForbidden", field, "Forbidden: resourceVersionMatch is forbidden when continue is provided");
    if (!exact && !str_eqc(match, "NotOlderThan"))
        field_error_add(&e, "FieldValueNotSupported", field,
                        "Unsupported value: \"" STR_FMT "\": supported values: \"Exact\", \"NotOlderThan\", \"\"", STR_ARG(match));
    if (exact && str_eqc(rv, "0"))
        field_error_add(&e, "FieldValueForbidden", field,
                        "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    return !e.n || err_invalid(err, STR("meta.k8s.io"), STR("ListOptions"), STR(""), &e);
}

static bool parse_int(struct str text, int64_t *out, struct err *err)
{
    if (!text.n || str_int(text, out)) return true;
    return err_set(err, ERR_BAD_REQUEST, "strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax", STR_ARG(text));
}

static bool parse_options(struct list_request *l, struct err *err)
{
    struct request *r = l->r;
    const struct query *q = &r->x->query;
    struct str limit = query_get(q, "limit"), token = query_get(q, "continue");
    int64_t n = 0;
    if (!filter_parse(r->a, r->res, query_get(q, "labelSelector"), query_get(q, "fieldSelector"), &l->filter, err)) return false;
    int64_t timeout = 0;
    if (!parse_int(query_get(q, "timeoutSeconds"), &timeout, err) || !parse_int(limit, &l->limit, err)) return false;
    if (!check_version_match(r, false, err)) return false;
    if (l->limit < 0) l->limit = 0;
    if (!resource_version_of(r, &n, err)) return false;
    l->rv = store_revision(r->as->store);
    if (!token.n) return true;
    if (n > 0) return err_set(err, ERR_BAD_REQUEST, "specifying resource version is not allowed when using continue");
    return token_parse(l, token, err) && token_fresh(l, err);
}

static bool visit(void *ctx, struct str key, struct object *o)
{
    struct list_request *l = ctx;
    if (l->limit && l->n == (size_t)l->limit) {
        if (!l->more && !filter_empty(&l->filter)) {
            if (!filter_matches(&l->filter, o)) return true;
            l->more = true;
            return false;
        }
        l->more = true;
        l->remaining++;
        return true;
    }
    if (!filter_matches(&l->filter, o)) return true;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        l->items = xrealloc(l->items, cap * sizeof *l->items);
        l->cap = cap;
    }
    l->items[l->n++] = object_ref(o);
    if (l->limit && l->n == (size_t)l->limit) l->last = arena_str(l->r->a, key);
    return true;
}

static struct str list_meta(struct list_request *l)
{
    struct request *r = l->r;
    struct strbuf b;
    strbuf_init(&b, 8192);
    strbuf_addch(&b, '{');
    if (r->as->opt.minor < 20) {
        strbuf_addc(&b, "\"selfLink\":");
        json_write_string(&b, r->x->path);
        strbuf_addch(&b, ',');
    }
    strbuf_addf(&b, "\"resourceVersion\":\"%" PRId64 "\"", l->rv);
    if (l->more) {
        struct str key = str_sub(l->last, l->prefix.n, l->last.n);
        strbuf_addf(&b, ",\"continue\":\"" STR_FMT "\"", STR_ARG(token_make(r->a, l->rv, key)));
        if (filter_empty(&l->filter)) strbuf_addf(&b, ",\"remainingItemCount\":%zu", l->remaining);
    }
    strbuf_addch(&b, '}');
    struct str text = arena_str(r->a, strbuf_str(&b));
    strbuf_deinit(&b);
    return text;
}

static bool write_table(struct list_request *l, struct strbuf *out, struct err *err)
{
    struct table t;
    if (!table_init(&t, l->r, l->r->res, l->shape.meta_version, err)) return false;
    table_begin(&t, out, list_meta(l), true);
    for (size_t i = 0; i < l->n; i++) table_row(&t, out, l->items[i]);
    table_end(&t, out);
    return true;
}

/* An unstructured list is a map to Go: keys in order, items whole, and metadata that always has its continue. */
static void write_custom_items(struct list_request *l, struct strbuf *out)
{
    struct request *r = l->r;
    const struct resource *res = r->res;
    struct json *meta = json_parse(r->a, list_meta(l), NULL);
    if (!json_get(meta, "continue")) json_set_strc(r->a, meta, "continue", "");
    json_sort_keys(meta);
    strbuf_addf(out, "{\"apiVersion\":\"" STR_FMT "\",\"items\":[",
                STR_ARG(gvk_api_version(r->a, res->kind.group, res->kind.version)));
    for (size_t i = 0; i < l->n; i++) {
        struct arena *a = arena_new();
        if (i) strbuf_addch(out, ',');
        strbuf_add(out, present(r->as, a, res, l->items[i], r->x->time_shift_s));
        arena_free(a);
    }
    strbuf_addf(out, "],\"kind\":\"" STR_FMT "\",\"metadata\":" STR_FMT "}", STR_ARG(res->list_kind), STR_ARG(json_text(r->a, meta)));
}

static void write_items(struct list_request *l, struct strbuf *out)
{
    struct request *r = l->r;
    const struct resource *res = r->res;
    bool partial = l->shape.shape == SHAPE_PARTIAL_LIST;
    struct str gv = partial ? arena_strf(r->a, "meta.k8s.io/%s", l->shape.meta_version)
                    : gvk_api_version(r->a, res->kind.group, res->kind.version);
    struct str kind = partial ? STR("PartialObjectMetadata") : res->kind.kind;
    if (res->list_kind.n && !partial) {
        write_custom_items(l, out);
        return;
    }
    strbuf_addf(out, "{\"kind\":\"" STR_FMT "List\",\"apiVersion\":\"" STR_FMT "\",\"metadata\":" STR_FMT ",\"items\":[",
                STR_ARG(kind), STR_ARG(gv), STR_ARG(list_meta(l)));
    for (size_t i = 0; i < l->n; i++) {
        if (i) strbuf_addch(out, ',');
        struct arena *a = arena_new();                           /* a big list is not held twice */
        if (partial)
            strbuf_add(out, partial_metadata(a, present(r->as, a, res, l->items[i], r->x->time_shift_s), l->shape.meta_version));
        else strbuf_add(out, present_item(r->as, a, res, l->items[i], r->x->time_shift_s));
        arena_free(a);
    }
    strbuf_addc(out, "]}");
}

static void list_free(struct list_request *l)
{
    for (size_t i = 0; i < l->n; i++) object_unref(l->items[i]);
    free(l->items);
}

static bool list_begin(struct list_request *l, struct err *err)
{
    struct request *r = l->r;
    if (!negotiate(r, true, &l->shape, err)) return false;
    if (l->shape.shape == SHAPE_PARTIAL) return err_set(err, ERR_NOT_ACCEPTABLE, "the requested object is a list");
    l->prefix = resource_prefix(r->a, r->res, r->info.namespace);
    return parse_options(l, err);
}

static bool list_read(struct list_request *l, struct err *err)
{
    if (!list_begin(l, err)) return false;
    store_list(l->r->as->store, l->prefix, l->after, visit, l);
    return true;
}

/* Of what has been read; ok false: err says why nothing was. */
static void list_respond(struct list_request *l, bool ok, struct err *err)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    if (ok && l->shape.shape == SHAPE_TABLE) ok = write_table(l, &out, err);
    else if (ok) write_items(l, &out);
    if (ok && out.overflow) ok = err_set(err, ERR_INTERNAL, "the list is too large to be answered at once: use limit");
    if (ok) respond_bytes(l->r, 200, strbuf_str(&out));
    else respond_error(l->r, err);
    err_clear(err);
    strbuf_deinit(&out);
    list_free(l);
}

void handle_list(struct request *r)
{
    struct list_request l = { .r = r };
    struct err err = { 0 };
    bool ok = list_read(&l, &err);
    list_respond(&l, ok, &err);
}

void respond_list(struct request *r, struct object *const *items, size_t n)
{
    struct list_request l = { .r = r };
    struct err err = { 0 };
    bool ok = list_begin(&l, &err);
    for (size_t i = 0; i < n && ok; i++) visit(&l, STR_NULL, items[i]);
    list_respond(&l, ok, &err);
}

/* ---- DELETE of a collection: what matches, one by one; the answer lists what went ---- */
void handle_deletecollection(struct request *r)
{
    struct list_request l = { .r = r };
    struct err err = { 0 };
    struct delete_options d;
    struct strbuf out;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    bool ok = delete_options_of(r, &d, &err) && list_read(&l, &err);
    for (size_t i = 0; ok && i < l.n; i++) {
        struct object *after = NULL;
        bool gone;
        ok = write_delete(r, r->res, l.items[i], &d, true, &after, &gone, &err);
        object_unref(after);
    }
    l.shape.shape = SHAPE_OBJECT;
    l.rv = store_revision(r->as->store);
    if (ok) {
        write_items(&l, &out);
        respond_committed(r, 200, strbuf_str(&out));
    } else respond_error(r, &err);
    err_clear(&err);
    strbuf_deinit(&out);
    list_free(&l);
}
