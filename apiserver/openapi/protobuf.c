/* apiserver/openapi/protobuf.c - request bodies in protobuf, which kubectl 1.32 and later sends for built-in kinds,
 * read into JSON trees.
 *
 * Upstream: apimachinery pkg/runtime/serializer/protobuf and each group's generated.proto. A body is the four bytes `k8s\0` and a
 * runtime.Unknown {typeMeta{apiVersion, kind}, raw, contentEncoding, contentType}; raw is the kind's message, whose
 * numbers the type tables carry. A number above 0xffff is that of a message which Go embeds (outer << 16 | inner): its
 * fields are the object's own in JSON. Zero scalars are dropped where JSON would omit them; pointers to zero are on the
 * wire, so they survive where the field is one.
 */
#include "apiserver/openapi/openapi_priv.h"
#include "apiserver/openapi/wire.h"

enum { DEPTH_MAX = 64 };                             /* nesting of messages; the deepest real one is about 15 */

struct reader {
    const struct schema *s;
    struct arena        *a;
    struct err          *err;
    int                  depth;
};

static struct json *read_object(struct reader *r, const struct type *t, struct str bytes);
static struct json *read_value(struct reader *r, enum field_kind kind, const struct field *f, const struct wire_field *w);

static struct json *malformed(struct reader *r, const char *what)
{
    err_set(r->err, ERR_BAD_REQUEST, "proto: %s", what);
    return NULL;
}

/* The first field `number` of a small message; *bad on malformed bytes. */
static bool find(struct str message, unsigned number, struct wire_field *out, bool *bad)
{
    struct wire_field f;
    bool found = false;
    while (wire_next(&message, &f, bad))
        if (f.number == number)
            *out = f, found = true;
    return found;
}

static bool find_int(struct str message, unsigned number, int64_t *out, bool *bad)
{
    struct wire_field f;
    bool found = find(message, number, &f, bad);
    *out = found ? (int64_t)f.value : 0;
    return found;
}

/* ---- messages with a notation of their own in JSON ---- */

static struct json *read_time(struct reader *r, struct str bytes, bool micro)
{
    int64_t seconds, nanos;
    bool bad = false;
    find_int(bytes, 1, &seconds, &bad);
    find_int(bytes, 2, &nanos, &bad);
    if (bad || seconds > INT64_C(253402300799) || seconds < INT64_C(-62135596800) || nanos < 0 || nanos >= (int64_t)NS_PER_S)
        return malformed(r, "bad time");
    if (!bytes.n || seconds == INT64_C(-62135596800))            /* Go's zero time: null in JSON */
        return json_null(r->a);
    if (seconds > INT64_C(9223372035) || seconds < INT64_C(-9223372035))
        return malformed(r, "time out of range");
    int64_t ns = seconds * (int64_t)NS_PER_S;
    return json_new_str(r->a, micro ? time_rfc3339_micro(r->a, ns + nanos) : time_rfc3339(r->a, ns));
}

static struct json *read_intstr(struct reader *r, struct str bytes)
{
    struct wire_field text = { 0, WIRE_BYTES, 0, STR_NULL };
    int64_t type, number;
    bool bad = false;
    find_int(bytes, 1, &type, &bad);
    find_int(bytes, 2, &number, &bad);
    find(bytes, 3, &text, &bad);
    if (bad)
        return malformed(r, "bad IntOrString");
    return type == 1 ? json_new_str(r->a, arena_str(r->a, text.bytes)) : json_new_int(r->a, (int32_t)number);
}

/* Quantity{string=1}: the text as it is. */
static struct json *read_quantity(struct reader *r, struct str bytes)
{
    struct wire_field text = { 0, WIRE_BYTES, 0, STR_NULL };
    bool bad = false;
    find(bytes, 1, &text, &bad);
    if (bad || !utf8_valid(text.bytes))
        return malformed(r, "bad Quantity");
    return json_new_str(r->a, text.bytes.n ? arena_str(r->a, text.bytes) : STR("0"));
}

static struct json *read_duration(struct reader *r, struct str bytes)
{
    int64_t ns;
    bool bad = false;
    find_int(bytes, 1, &ns, &bad);
    return bad ? malformed(r, "bad Duration") : json_new_str(r->a, duration_go(r->a, ns));
}

/* FieldsV1{Raw=1}, RawExtension{raw=1}: JSON text inside. */
static struct json *read_raw(struct reader *r, struct str bytes)
{
    struct wire_field raw = { 0, WIRE_BYTES, 0, STR_NULL };
    bool bad = false;
    find(bytes, 1, &raw, &bad);
    if (bad)
        return malformed(r, "bad raw object");
    struct str text = str_trim(raw.bytes);
    if (!text.n)
        return json_null(r->a);
    struct json *j = json_parse(r->a, text, NULL);
    return j ? j : malformed(r, "raw object is not JSON");
}

/* ---- values ---- */

static struct json *read_scalar(struct reader *r, enum field_kind kind, const struct wire_field *w)
{
    double d;
    switch (kind) {
    case FIELD_BOOL:
        return w->type == WIRE_VARINT ? json_new_bool(r->a, w->value != 0) : malformed(r, "wrong wireType for bool");
    case FIELD_INT32:
        return w->type == WIRE_VARINT ? json_new_int(r->a, (int32_t)w->value) : malformed(r, "wrong wireType for int32");
    case FIELD_INT64:
        return w->type == WIRE_VARINT ? json_new_int(r->a, (int64_t)w->value) : malformed(r, "wrong wireType for int64");
    case FIELD_DOUBLE:
        if (w->type != WIRE_FIXED64)
            return malformed(r, "wrong wireType for double");
        memcpy(&d, &w->value, sizeof d);
        return d - d == 0 ? json_new_double(r->a, d) : malformed(r, "number is not finite");
    default:
        ASSERT(!"scalar");
        return NULL;
    }
}

static struct json *read_value(struct reader *r, enum field_kind kind, const struct field *f, const struct wire_field *w)
{
    if (kind == FIELD_BOOL || kind == FIELD_INT32 || kind == FIELD_INT64 || kind == FIELD_DOUBLE)
        return read_scalar(r, kind, w);
    if (w->type != WIRE_BYTES)
        return malformed(r, arena_printf(r->a, "wrong wireType = %d for field %s", (int)w->type, f->name));
    switch (kind) {
    case FIELD_STRING:
        return utf8_valid(w->bytes) ? json_new_str(r->a, arena_str(r->a, w->bytes))
                                    : malformed(r, "string field contains invalid UTF-8");
    case FIELD_BYTES:     return json_new_str(r->a, base64_encode(r->a, w->bytes));
    case FIELD_TIME:      return read_time(r, w->bytes, false);
    case FIELD_MICROTIME: return read_time(r, w->bytes, true);
    case FIELD_DURATION:  return read_duration(r, w->bytes);
    case FIELD_QUANTITY:  return read_quantity(r, w->bytes);
    case FIELD_INTSTR:    return read_intstr(r, w->bytes);
    case FIELD_ANY:       return read_raw(r, w->bytes);
    case FIELD_OBJECT:
        return f->type ? read_object(r, f->type, w->bytes)
                       : malformed(r, arena_printf(r->a, "unknown type of field %s", f->name));
    case FIELD_LIST: {                               /* of a map's values: a message with the strings in field 1 */
        struct json *list = json_new_array(r->a);
        struct str rest = w->bytes;
        struct wire_field item;
        bool bad = false;
        while (wire_next(&rest, &item, &bad))
            if (item.number == 1 && item.type == WIRE_BYTES && utf8_valid(item.bytes))
                json_append(list, json_new_str(r->a, arena_str(r->a, item.bytes)));
        return bad ? malformed(r, "bad list") : list;
    }
    case FIELD_MAP:
    default:              return malformed(r, arena_printf(r->a, "cannot read field %s", f->name));
    }
}

static bool packable(enum field_kind k)
{
    return k == FIELD_INT32 || k == FIELD_INT64 || k == FIELD_BOOL;
}

/* One element, or several numbers packed into one field. */
static bool read_element(struct reader *r, struct json *list, const struct field *f, const struct wire_field *w)
{
    struct json *v;
    if (!(packable(f->elem) && w->type == WIRE_BYTES)) {
        v = read_value(r, f->elem, f, w);
        if (v)
            json_append(list, v);
        return v != NULL;
    }
    uint64_t n = 0;
    unsigned shift = 0;
    for (size_t i = 0; i < w->bytes.n; i++) {
        uint8_t b = (uint8_t)w->bytes.p[i];
        if (shift > 63)
            return malformed(r, "integer overflow") != NULL;
        n |= (uint64_t)(b & 0x7f) << shift;
        shift += 7;
        if (b & 0x80)
            continue;
        json_append(list, read_scalar(r, f->elem, &(struct wire_field){ w->number, WIRE_VARINT, n, STR_NULL }));
        n = shift = 0;
    }
    return shift == 0 || malformed(r, "unexpected EOF") != NULL;
}

static bool read_entry(struct reader *r, struct json *map, const struct field *f, struct str entry)
{
    struct wire_field key = { 1, WIRE_BYTES, 0, STR_NULL }, value = { 2, WIRE_BYTES, 0, STR_NULL };
    bool bad = false;
    find(entry, 1, &key, &bad);
    find(entry, 2, &value, &bad);
    if (bad || key.type != WIRE_BYTES || !utf8_valid(key.bytes))
        return malformed(r, "bad map entry") != NULL;
    struct json *v = read_value(r, f->elem, f, &value);
    if (v)
        json_setn(r->a, map, arena_str(r->a, key.bytes), v);
    return v != NULL;
}

/* Whether Go would leave the field out of JSON: the zero value of a field that is no pointer. */
static bool omitted(const struct field *f, const struct json *v)
{
    bool pointer = f->go_type && f->go_type[0] == '*';
    if (json_is(v, JSON_NULL))
        return true;
    if (!f->omitempty || pointer)
        return false;
    switch (json_type(v)) {
    case JSON_STRING: return json_str(v).n == 0;
    case JSON_INT:    return json_int(v, 1) == 0 && f->kind != FIELD_INTSTR;
    case JSON_FLOAT:  return json_double(v, 1) == 0;                   /* NOLINT: exactly zero is meant */
    case JSON_BOOL:   return !json_bool(v, true);
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
    default:          return false;
    }
}

static bool read_field(struct reader *r, struct json *obj, const struct field *f, const struct wire_field *w)
{
    if (f->kind == FIELD_LIST)
        return read_element(r, json_ensure_array(r->a, obj, f->name), f, w);
    if (f->kind == FIELD_MAP) {
        if (w->type != WIRE_BYTES)
            return malformed(r, "wrong wireType for a map") != NULL;
        return read_entry(r, json_ensure(r->a, obj, f->name), f, w->bytes);
    }
    struct json *v = read_value(r, f->kind, f, w);
    if (!v)
        return false;
    if (omitted(f, v))
        json_remove(obj, f->name);
    else
        json_set(r->a, obj, f->name, v);
    return true;
}

static const struct field *field_by_number(const struct type *t, unsigned number)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->fields[i].proto == number)
            return &t->fields[i];
    return NULL;
}

/* Whether `number` is that of an embedded message, whose fields belong to the object itself. */
static bool embeds(const struct type *t, unsigned number)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->fields[i].proto >> 16 == number)
            return number != 0;
    return false;
}

static bool read_fields(struct reader *r, const struct type *t, struct json *obj, struct str bytes, unsigned outer)
{
    struct wire_field w;
    bool bad = false;
    while (wire_next(&bytes, &w, &bad)) {
        const struct field *f = w.number > 0xffff ? NULL : field_by_number(t, outer << 16 | w.number);
        if (f ? !read_field(r, obj, f, &w)
              : !outer && w.number <= 0xffff && w.type == WIRE_BYTES && embeds(t, w.number) &&
                    !read_fields(r, t, obj, w.bytes, w.number))
            return false;
    }
    return !bad || malformed(r, "illegal tag or unexpected EOF") != NULL;
}

static struct json *read_object(struct reader *r, const struct type *t, struct str bytes)
{
    if (r->depth >= DEPTH_MAX)
        return malformed(r, "message is nested too deeply");
    struct json *obj = json_new_object(r->a);
    r->depth++;
    bool ok = read_fields(r, t, obj, bytes, 0);
    r->depth--;
    return ok ? obj : NULL;
}

/* ---- the envelope ---- */

/* Kinds whose numbers are not all in the tables cannot be read: dropping a field in silence would be worse than refusing. */
static bool has_numbers(const struct type *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (!t->fields[i].proto && strcmp(t->fields[i].name, "kind") && strcmp(t->fields[i].name, "apiVersion"))
            return false;
    return t->count > 0;
}

struct json *protobuf_decode(const struct schema *s, struct arena *a, struct str body, struct gvk *gvk, struct err *err)
{
    struct reader r = { s, a, err, 0 };
    struct wire_field meta = { 0, WIRE_BYTES, 0, STR_NULL }, raw = meta, encoding = meta, media = meta, version = meta,
                      kind = meta;
    bool bad = false;
    *gvk = (struct gvk){ STR_NULL, STR_NULL, STR_NULL };
    if (body.n < 4 || memcmp(body.p, "k8s\0", 4)) {
        err_set(err, ERR_BAD_REQUEST, "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
        return NULL;
    }
    struct str rest = str_sub(body, 4, body.n);
    find(rest, 1, &meta, &bad);
    find(rest, 2, &raw, &bad);
    find(rest, 3, &encoding, &bad);
    find(rest, 4, &media, &bad);
    if (!bad) {
        find(meta.bytes, 1, &version, &bad);
        find(meta.bytes, 2, &kind, &bad);
    }
    if (bad || encoding.bytes.n)
        return malformed(&r, "cannot read runtime.Unknown");
    gvk_parse(arena_str(a, version.bytes), arena_str(a, kind.bytes), gvk);
    if (str_eqc(media.bytes, "application/json"))
        return json_parse(a, raw.bytes, err);
    const struct type *t = schema_kind(s, gvk->group, gvk->version, gvk->kind);
    if (!t || !has_numbers(t)) {
        err_set(
            err, ERR_UNSUPPORTED_MEDIA_TYPE,
            "the body of the request was in an unknown format - accepted media types include: application/json, "
            "application/yaml");
        return NULL;
    }
    struct json *fields = read_object(&r, t, raw.bytes);
    if (!fields)
        return NULL;
    struct json *obj = json_buildf(a, "{'kind':%S,'apiVersion':%S}", gvk->kind, gvk_api_version(a, gvk->group, gvk->version));
    for (struct json *c = json_first(fields), *next; c; c = next) {
        next = json_next(c);
        struct str key = json_key(c);
        json_setn(a, obj, key, json_removen(fields, key));
    }
    return obj;
}
