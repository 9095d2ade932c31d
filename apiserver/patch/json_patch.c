/* apiserver/patch/json_patch.c - JSON Patch (RFC 6902), with the habits of the library that the API server uses.
 *
 * Upstream: github.com/evanphx/json-patch v4 (patch.go), called by apiserver's pkg/endpoints/handlers/patch.go. Where
 * that library departs from the RFC we go with it: indices may be negative, a path's first piece is ignored, the whole
 * document cannot be addressed, and a `test` of something absent succeeds when null is expected. Text that is no patch
 * is 400; one that cannot be applied is 422.
 */
#include "apiserver/patch/patch_priv.h"

enum {
    OPERATIONS_MAX = 10000,            /* maxJSONPatchOperations */
    /* jsonpatch.AccumulatedCopySizeLimit: a short patch must not grow a document without bound */
    COPY_BYTES_MAX = 3 * 1024 * 1024,
};

struct place {
    struct json *parent;               /* object or array, or NULL when the path leads nowhere */
    struct str   key;                  /* the last piece, unescaped */
};
struct run {
    struct arena *a;
    struct json  *doc;
    size_t        copied_bytes;
};
typedef bool op_fn(struct run *r, const struct json *op);

static bool op_add(struct run *r, const struct json *op);
static bool op_remove(struct run *r, const struct json *op);
static bool op_replace(struct run *r, const struct json *op);
static bool op_move(struct run *r, const struct json *op);
static bool op_copy(struct run *r, const struct json *op);
static bool op_test(struct run *r, const struct json *op);

static const struct { const char *name; op_fn *fn; } operations[] = {
    { "add", op_add },   { "remove", op_remove }, { "replace", op_replace },
    { "move", op_move }, { "copy", op_copy },     { "test", op_test },
};

static bool parse(struct arena *a, struct str patch, struct json **ops, struct err *err)
{
    struct err e = { 0 };
    *ops = json_parse(a, patch, &e);
    bool ok = *ops != NULL;
    if (!ok)
        err_set(err, ERR_BAD_REQUEST, "%s", e.msg);
    err_clear(&e);
    if (!ok)
        return false;
    if (json_type(*ops) != JSON_ARRAY && json_type(*ops) != JSON_NULL)
        return err_set(err, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type jsonpatch.Patch",
                       json_is(*ops, JSON_OBJECT)   ? "object"
                       : json_is(*ops, JSON_STRING) ? "string"
                       : json_is(*ops, JSON_BOOL)   ? "bool"
                                                    : "number");
    if (json_len(*ops) > OPERATIONS_MAX)
        return err_set(err, ERR_TOO_LARGE, "The allowed maximum operations in a JSON patch is %d, got %zu", OPERATIONS_MAX,
                       json_len(*ops));
    for (const struct json *op = json_first(*ops); op; op = json_next(op))
        if (json_type(op) != JSON_OBJECT && json_type(op) != JSON_NULL)
            return err_set(err, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type jsonpatch.Operation",
                           json_is(op, JSON_ARRAY)    ? "array"
                           : json_is(op, JSON_STRING) ? "string"
                           : json_is(op, JSON_BOOL)   ? "bool"
                                                      : "number");
    return true;
}

static void sort_along(struct run *r, const struct json *op);

struct json *patch_json(struct arena *a, const struct json *original, struct str patch, struct err *err)
{
    struct json *ops;
    if (!parse(a, patch, &ops, err))
        return NULL;
    struct run r = { a, json_copy(a, original), 0 };
    for (const struct json *op = json_first(ops); op; op = json_next(op)) {
        op_fn *fn = NULL;
        for (size_t i = 0; i < ARRAY_LEN(operations); i++)
            if (str_eqc(json_get_str(op, "op"), operations[i].name))
                fn = operations[i].fn;
        if (!fn || !fn(&r, op)) {
            patch_fail_unprocessable(err);
            return NULL;
        }
    }
    for (const struct json *op = json_first(ops); op; op = json_next(op))
        sort_along(&r, op);
    return r.doc;
}

/* One piece of a pointer: ~1 is /, ~0 is ~. */
static struct str unescape(struct arena *a, struct str piece)
{
    if (str_chr(piece, '~') < 0)
        return piece;
    char *out = arena_alloc(a, piece.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < piece.n; i++) {
        bool escaped = piece.p[i] == '~' && i + 1 < piece.n && (piece.p[i + 1] == '0' || piece.p[i + 1] == '1');
        out[n++] = !escaped ? piece.p[i] : piece.p[i + 1] == '1' ? '/' : '~';
        i += escaped;
    }
    return (struct str){ out, n };
}

/* An index into `count` elements; negative counts from the end. -1 when it is none or out of range. */
static ptrdiff_t index_of(struct str key, size_t count)
{
    int64_t i;
    if (!str_int(key, &i))
        return -1;
    if (i < 0)
        i += (int64_t)count;
    return i >= 0 && i < (int64_t)count ? (ptrdiff_t)i : -1;
}

static struct json *child(const struct json *parent, struct str key)
{
    if (json_is(parent, JSON_OBJECT))
        return json_getn(parent, key);
    ptrdiff_t i = json_is(parent, JSON_ARRAY) ? index_of(key, json_len(parent)) : -1;
    return i < 0 ? NULL : json_at(parent, (size_t)i);
}

/* Go writes what it has opened as maps: along an operation's path, keys are in order. */
static void sort_along(struct run *r, const struct json *op)
{
    struct str rest = json_get_str(op, "path");
    struct json *at = r->doc;
    for (str_token(&rest, '/'); at; at = child(at, unescape(r->a, str_token(&rest, '/')))) {
        if (json_is(at, JSON_OBJECT))
            json_sort_keys(at);
        if (!rest.p)
            break;
    }
}

static struct place find(struct run *r, const struct json *op, const char *member)
{
    struct place none = { NULL, STR_NULL };
    struct str rest = json_get_str(op, member);
    if (!json_is(json_get(op, member), JSON_STRING) || str_chr(rest, '/') < 0)
        return none;
    str_token(&rest, '/');
    struct json *at = r->doc;
    for (;;) {
        struct str key = unescape(r->a, str_token(&rest, '/'));
        if (!json_is(at, JSON_OBJECT) && !json_is(at, JSON_ARRAY))
            return none;
        if (!rest.p)
            return (struct place){ at, key };
        at = child(at, key);
    }
}

static bool add_at(struct run *r, struct place p, struct json *value)
{
    if (!p.parent)
        return false;
    if (json_is(p.parent, JSON_OBJECT)) {
        json_setn(r->a, p.parent, p.key, value);
        return true;
    }
    size_t n = json_len(p.parent);
    ptrdiff_t i = str_eqc(p.key, "-") ? (ptrdiff_t)n : index_of(p.key, n + 1);
    if (i < 0)
        return false;
    json_insert(p.parent, (size_t)i, value);
    return true;
}

static struct json *take_at(struct place p)
{
    if (!p.parent)
        return NULL;
    if (json_is(p.parent, JSON_OBJECT))
        return json_removen(p.parent, p.key);
    ptrdiff_t i = index_of(p.key, json_len(p.parent));
    return i < 0 ? NULL : json_remove_at(p.parent, (size_t)i);
}

static struct json *value_of(struct run *r, const struct json *op)
{
    const struct json *v = json_get(op, "value");
    return v ? json_copy(r->a, v) : json_null(r->a);
}

static bool op_add(struct run *r, const struct json *op)
{
    return add_at(r, find(r, op, "path"), value_of(r, op));
}

static bool op_remove(struct run *r, const struct json *op)
{
    return take_at(find(r, op, "path")) != NULL;
}

static bool op_replace(struct run *r, const struct json *op)
{
    struct place p = find(r, op, "path");
    struct json *old = p.parent ? child(p.parent, p.key) : NULL;
    if (!old)
        return false;
    json_replace(p.parent, old, value_of(r, op));
    return true;
}

static bool op_move(struct run *r, const struct json *op)
{
    struct json *v = take_at(find(r, op, "from"));
    return v && add_at(r, find(r, op, "path"), v);
}

static bool op_copy(struct run *r, const struct json *op)
{
    struct place from = find(r, op, "from");
    struct json *v = from.parent ? child(from.parent, from.key) : NULL;
    if (!v)
        return false;
    r->copied_bytes += json_text(r->a, v).n;
    return r->copied_bytes <= COPY_BYTES_MAX && add_at(r, find(r, op, "path"), json_copy(r->a, v));
}

static bool op_test(struct run *r, const struct json *op)
{
    struct place p = find(r, op, "path");
    if (!p.parent)
        return false;
    const struct json *have = child(p.parent, p.key), *want = json_get(op, "value");
    if (json_type(have) == JSON_NULL || json_type(want) == JSON_NULL)
        return json_type(have) == json_type(want);
    return json_equal(have, want);
}
