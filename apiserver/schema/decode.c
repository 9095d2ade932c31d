/* apiserver/schema/decode.c - a client's JSON becomes an object of its kind, or an error in Go's words.
 *
 * Models the JSON serializer (apimachinery pkg/runtime/serializer/json): json-iterator up to v1.22, whose errors quote the bytes
 * around the place, and encoding/json's descendant after it, whose errors name struct and path. Field names are compared with
 * case in both. What the type does not have is dropped, and so are nulls; quantities and times are written in their canonical
 * form, as re-encoding would. json-iterator goes on reading after an error whose value it has passed: the scalar fields that
 * follow wrap the message once more each, until an object or a list begins, which it does not survive.
 */
#include "apiserver/schema/schema_priv.h"

enum { JSONITER_LAST_MINOR = 22, UNKNOWN_MAX = 100 };

struct decoder {
    const struct schema *s;
    struct arena *a;
    struct str body;
    struct str_list *unknown;
    bool failed;
    bool restore;                      /* the tree is made into the struct by reflection, as after a strategic merge */
    bool reading;                      /* json-iterator has passed the bad value, and still reads */
    /* Of the first error, filled while unwinding: */
    struct str message;                /* what the innermost reader said */
    const struct fpath *at;            /* where; valid only while the path is on the stack */
};

/* ---- finding a value's bytes in the body: for json-iterator's quotations ---- */

static size_t skip_space(struct str b, size_t i)
{
    while (i < b.n && (b.p[i] == ' ' || b.p[i] == '\t' || b.p[i] == '\n' || b.p[i] == '\r'))
        i++;
    return i;
}

static size_t skip_string(struct str b, size_t i)
{
    for (i++; i < b.n && b.p[i] != '"'; i++)
        if (b.p[i] == '\\')
            i++;
    return i < b.n ? i + 1 : b.n;
}

static size_t skip_value(struct str b, size_t i)
{
    i = skip_space(b, i);
    if (i < b.n && b.p[i] == '"')
        return skip_string(b, i);
    if (i < b.n && (b.p[i] == '{' || b.p[i] == '[')) {
        int depth = 0;
        while (i < b.n) {
            char ch = b.p[i];
            if (ch == '"') {
                i = skip_string(b, i);
                continue;
            }
            i++;
            depth += (ch == '{' || ch == '[') - (ch == '}' || ch == ']');
            if (depth == 0)
                break;
        }
        return i;
    }
    while (i < b.n && !strchr(",]} \t\r\n", b.p[i]))
        i++;
    return i;
}

/* Offset of the value at path p in the body, or body.n when the text is not what the tree was made from. */
static size_t locate(struct str b, const struct fpath *p)
{
    if (!p)
        return skip_space(b, 0);
    size_t i = locate(b, p->up);
    if (i >= b.n)
        return b.n;
    char open = b.p[i];
    if (open != '{' && open != '[')
        return b.n;
    struct str want = p->name ? str_c(p->name) : p->key;
    i = skip_space(b, i + 1);
    for (long n = 0; i < b.n && b.p[i] != '}' && b.p[i] != ']'; n++) {
        struct str key = STR_NULL;
        if (open == '{') {
            size_t end = skip_string(b, i);
            key = str_sub(b, i + 1, end - 1);
            i = skip_space(b, end) + 1;          /* past the colon */
        }
        i = skip_space(b, i);
        if (open == '{' ? str_eq(key, want) : n == p->index)
            return i;
        i = skip_space(b, skip_value(b, i));
        if (i < b.n && b.p[i] == ',')
            i = skip_space(b, i + 1);
    }
    return b.n;
}

/* json-iterator's Iterator.ReportError: ten bytes either side of the reading head, fifty for the bigger context. */
static struct str jsoniter_report(struct decoder *d, const char *op, struct str msg, size_t head)
{
    struct str b = d->body;
    if (head > b.n)
        head = b.n;
    size_t peek = head < 10 ? 0 : head - 10, context = head < 50 ? 0 : head - 50;
    struct str near = str_sub(b, peek, head + 10), wide = str_sub(b, context, head + 50);
    return arena_strf(d->a, "%s: " STR_FMT ", error found in #%zu byte of ...|" STR_FMT "|..., bigger context ...|" STR_FMT "|...",
                      op, STR_ARG(msg),
                      head - peek, STR_ARG(near), STR_ARG(wide));
}

static bool fail(struct decoder *d, struct str message)
{
    d->failed = true;
    d->message = message;
    return false;
}

static bool is_jsoniter(const struct decoder *d)
{
    return d->s->minor <= JSONITER_LAST_MINOR && !d->restore;
}

/* A reader met a byte it does not take: the head is past that byte. "expects" is the reader's phrase before the byte. */
static bool fail_byte(struct decoder *d, const struct fpath *p, const char *op, const char *expects)
{
    size_t i = locate(d->body, p);
    struct str found = i < d->body.n ? str_sub(d->body, i, i + 1) : STR_NULL;
    d->reading = i < d->body.n && skip_value(d->body, i) == i + 1;
    return fail(d, jsoniter_report(d, op, arena_strf(d->a, "%s" STR_FMT, expects, STR_ARG(found)), i + 1));
}

static bool fail_after(struct decoder *d, const struct fpath *p, const char *op, struct str msg)
{
    return fail(d, jsoniter_report(d, op, msg, skip_value(d->body, locate(d->body, p))));
}

static const char *go_value_word(const struct json *v)
{
    static const char *const word[] = { [JSON_NULL] = "null", [JSON_BOOL] = "bool", [JSON_INT] = "number", [JSON_FLOAT] = "number",
                                        [JSON_STRING] = "string", [JSON_ARRAY] = "array", [JSON_OBJECT] = "object" };
    return word[json_type(v)];
}

/* encoding/json: the struct is the innermost one, the path is of JSON names without indexes. */
static struct str go_path(struct arena *a, const struct fpath *p)
{
    if (!p)
        return STR_NULL;
    struct str up = go_path(a, p->up);
    if (!p->name)
        return up;
    return up.n ? arena_strf(a, STR_FMT ".%s", STR_ARG(up), p->name) : str_c(p->name);
}

/* Reflection's words: apimachinery pkg/runtime/converter.go (fromUnstructured); Go converts an integer to a string, but JSON may
 * not. */
static bool fail_restore(struct decoder *d, const char *go_type, const struct json *v)
{
    static const char *const kind[] = { [JSON_NULL] = "invalid", [JSON_BOOL] = "bool", [JSON_INT] = "int64", [JSON_FLOAT] = "float64",
                                        [JSON_STRING] = "string", [JSON_ARRAY] = "slice", [JSON_OBJECT] = "map" };
    static const char *const scalar[] = { "int32", "int64", "bool", "float64" };
    const char *from = kind[json_type(v)], *to = "string";
    if (go_type[0] == '[' || strncmp(go_type, "map[", 4) == 0)
        return fail(d, arena_strf(d->a, "cannot restore %s from %s", go_type[0] == '[' ? "slice" : "map", from));
    for (size_t i = 0; i < ARRAY_LEN(scalar); i++)
        if (strcmp(go_type, scalar[i]) == 0)
            to = scalar[i];
    bool number = json_is(v, JSON_INT) || json_is(v, JSON_FLOAT), to_number = to[0] == 'i' || to[0] == 'f';
    if ((number && to_number) || (json_is(v, JSON_INT) && to[0] == 's'))
        return fail(d, arena_strf(d->a, "cannot convert %s to %s", from, go_type));
    return fail(d, arena_strf(d->a, "unrecognized type: %s", to));
}

static bool fail_type(struct decoder *d, const struct fpath *p, const struct type *in, const char *go_type, const struct json *v,
                      bool with_number)
{
    if (d->restore)
        return fail_restore(d, !go_type ? "string" : go_type + (go_type[0] == '*'), v);
    const char *short_name = strrchr(in->name, '.') + 1;
    if (go_type && go_type[0] == '*')
        go_type++;
    struct str number = with_number ? arena_strf(d->a, " " STR_FMT, STR_ARG(json_text(d->a, v))) : STR_NULL;
    return fail(d, arena_strf(d->a, "json: cannot unmarshal %s" STR_FMT " into Go struct field %s." STR_FMT " of type %s",
                              go_value_word(v),
                              STR_ARG(number), short_name, STR_ARG(go_path(d->a, p)), go_type ? go_type : "string"));
}

/* ---- scalars ---- */

struct value {                         /* what is being read: one field, or one element of it */
    enum field_kind kind;
    const struct type *type;
    const char *go_type;
    const struct type *in;             /* the struct that holds the field */
};

static bool decode_string(struct decoder *d, const struct value *x, struct json *v, const struct fpath *p)
{
    if (json_is(v, JSON_STRING))
        return true;
    if (!is_jsoniter(d))
        return fail_type(d, p, x->in, x->go_type, v, false);
    return fail_byte(d, p, "ReadString", "expects \" or n, but found ");
}

static bool decode_bool(struct decoder *d, const struct value *x, struct json *v, const struct fpath *p)
{
    if (json_is(v, JSON_BOOL))
        return true;
    if (!is_jsoniter(d))
        return fail_type(d, p, x->in, x->go_type, v, false);
    return fail_byte(d, p, "ReadBool", "expect t or f, but found ");
}

static bool decode_int(struct decoder *d, const struct value *x, struct json *v, const struct fpath *p)
{
    int64_t n = json_int(v, 0);
    bool fits = x->kind == FIELD_INT64 || (n >= INT32_MIN && n <= INT32_MAX);
    if (json_is(v, JSON_INT) && fits)
        return true;
    bool number = json_is(v, JSON_INT) || json_is(v, JSON_FLOAT);
    if (!is_jsoniter(d))
        return fail_type(d, p, x->in, x->go_type, v, number);
    const char *op = x->kind == FIELD_INT64 ? "readUint64" : "readUint32";
    if (json_is(v, JSON_FLOAT))
        return fail_after(d, p, "assertInteger", STR("can not decode float as int"));
    if (number)
        return fail_after(d, p, op, STR("overflow"));
    size_t i = locate(d->body, p);               /* the digit table's -1, printed as a byte, is no UTF-8 */
    return fail(d, jsoniter_report(d, op, STR("unexpected character: \xef\xbf\xbd"), i + 1));
}

static bool decode_double(struct decoder *d, const struct value *x, struct json *v, const struct fpath *p)
{
    if (json_is(v, JSON_INT) || json_is(v, JSON_FLOAT))
        return true;
    if (!is_jsoniter(d))
        return fail_type(d, p, x->in, x->go_type, v, false);
    return fail_byte(d, p, "readFloat64", "unexpected character: ");
}

static bool decode_bytes(struct decoder *d, const struct value *x, struct json *v, const struct fpath *p)
{
    if (!json_is(v, JSON_STRING)) {
        if (!is_jsoniter(d))
            return fail_type(d, p, x->in, "[]uint8", v, false);
        return fail_byte(d, p, "decode slice", "expect [ or n, but found ");
    }
    struct str text = json_str(v), out;
    if (base64_decode(d->a, text, &out))
        return true;
    size_t bad = 0;                              /* Go names the first byte outside the alphabet, or where padding is missing */
    while (bad < text.n && (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", text.p[bad]) && text.p[bad]))
        bad++;
    if (bad == text.n)
        bad = text.n / 4 * 4;
    struct str msg = arena_strf(d->a, "illegal base64 data at input byte %zu", bad);
    d->reading = is_jsoniter(d);
    if (is_jsoniter(d))
        return fail_after(d, p, "decode base64", msg);
    return fail(d, d->restore ? arena_strf(d->a, "error decoding from json: " STR_FMT, STR_ARG(msg)) : msg);
}

/* Types with an UnmarshalJSON of their own. */
static bool fail_unmarshal(struct decoder *d, const struct fpath *p, struct str msg)
{
    d->reading = is_jsoniter(d);
    if (is_jsoniter(d))
        return fail_after(d, p, "unmarshalerDecoder", msg);
    return fail(d, d->restore ? arena_strf(d->a, "error decoding from json: " STR_FMT, STR_ARG(msg)) : msg);
}

static struct str go_value_error(struct decoder *d, const struct json *v, const char *go_type)
{
    return arena_strf(d->a, "json: cannot unmarshal %s into Go value of type %s", go_value_word(v), go_type);
}

static bool decode_quantity(struct decoder *d, struct json *parent, struct json *v, const struct fpath *p)
{
    struct str text = json_is(v, JSON_STRING) ? json_str(v) : json_text(d->a, v);
    struct quantity q;
    struct err e = { 0 };
    if (!quantity_parse(text, &q, &e)) {
        struct str msg = arena_strf(d->a, "%s", e.msg);
        err_clear(&e);
        return fail_unmarshal(d, p, msg);
    }
    struct str canonical = quantity_text(d->a, q);
    if (!json_is(v, JSON_STRING) || !str_eq(text, canonical))
        json_replace(parent, v, json_new_str(d->a, canonical));
    return true;
}

static bool decode_time(struct decoder *d, enum field_kind kind, struct json *parent, struct json *v, const struct fpath *p)
{
    if (!json_is(v, JSON_STRING))
        return fail_unmarshal(d, p, go_value_error(d, v, "string"));
    int64_t ns;
    struct str text = json_str(v), fraction;
    /* RFC3339Micro has six digits after the second's point, no fewer */
    bool micro = kind == FIELD_MICROTIME && text.n > 19 && text.p[19] != '.';
    if (micro && time_parse_rfc3339(text, &ns)) {
        fraction = str_sub(text, 19, text.n);
        return fail_unmarshal(d, p, arena_strf(d->a, "parsing time %.*s as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse %.*s as "
                                                     "\".000000\"", STR_ARG(quote_go(d->a, text)), STR_ARG(quote_go(d->a, fraction))));
    }
    if (!time_parse_rfc3339(text, &ns)) {
        const char *layout = kind == FIELD_TIME ? "2006-01-02T15:04:05Z07:00" : "2006-01-02T15:04:05.000000Z07:00";
        return fail_unmarshal(d, p,
                              arena_strf(d->a, "parsing time %.*s as \"%s\": cannot parse %.*s as \"2006\"",
                                         STR_ARG(quote_go(d->a, text)), layout,
                                               STR_ARG(quote_go(d->a, text))));
    }
    struct str canonical = kind == FIELD_TIME ? time_rfc3339(d->a, ns) : time_rfc3339_micro(d->a, ns);
    if (!str_eq(text, canonical))
        json_replace(parent, v, json_new_str(d->a, canonical));
    return true;
}

static bool decode_intstr(struct decoder *d, struct json *v, const struct fpath *p)
{
    if (json_is(v, JSON_STRING) || json_is(v, JSON_INT))
        return true;
    if (json_is(v, JSON_FLOAT))
        return fail_unmarshal(d, p,
                              arena_strf(d->a, "json: cannot unmarshal number " STR_FMT " into Go value of type int32",
                                         STR_ARG(json_text(d->a, v))));
    return fail_unmarshal(d, p, go_value_error(d, v, "int32"));
}

/* ---- structs, lists, maps ---- */

static bool decode_struct(struct decoder *d, const struct type *t, struct json *obj, const struct fpath *p);

static bool decode_value(struct decoder *d, const struct value *x, struct json *parent, struct json *v, const struct fpath *p)
{
    switch (x->kind) {
    case FIELD_STRING: case FIELD_DURATION: return decode_string(d, x, v, p);
    case FIELD_BOOL: return decode_bool(d, x, v, p);
    case FIELD_INT32: case FIELD_INT64: return decode_int(d, x, v, p);
    case FIELD_DOUBLE: return decode_double(d, x, v, p);
    case FIELD_BYTES: return decode_bytes(d, x, v, p);
    case FIELD_TIME: case FIELD_MICROTIME: return decode_time(d, x->kind, parent, v, p);
    case FIELD_QUANTITY: return decode_quantity(d, parent, v, p);
    case FIELD_INTSTR: return decode_intstr(d, v, p);
    case FIELD_OBJECT:
        if (json_is(v, JSON_OBJECT))
            return decode_struct(d, x->type, v, p);
        if (d->restore)
            return fail(d, arena_strf(d->a, "cannot restore struct from: %s",
                                      json_is(v, JSON_ARRAY) ? "slice" : json_is(v, JSON_INT) ? "int64" : go_value_word(v)));
        if (!is_jsoniter(d))
            return fail_type(d, p, x->in, x->go_type, v, false);
        return fail_byte(d, p, "readObjectStart", "expect { or n, but found ");
    /* an element that is a list itself: of strings, the only such (map[string][]string) */
    case FIELD_LIST:
        if (json_is(v, JSON_ARRAY))
            return true;
        if (!is_jsoniter(d))
            return fail_type(d, p, x->in, "[]string", v, false);
        return fail_byte(d, p, "decode slice", "expect [ or n, but found ");
    case FIELD_MAP: case FIELD_ANY: break;
    }
    return true;
}

static const char *elem_go_type(const char *go_type)
{
    if (!go_type)
        return NULL;
    if (go_type[0] == '[' && go_type[1] == ']')
        return go_type + 2;
    if (strncmp(go_type, "map[", 4) == 0)
        return strchr(go_type, ']') + 1;
    return go_type;
}

/* "[]v1.Container: " goes before errors from within a slice. */
static bool wrap(struct decoder *d, const char *prefix, const char *sep)
{
    if (is_jsoniter(d))
        d->message = arena_strf(d->a, "%s%s" STR_FMT, prefix, sep, STR_ARG(d->message));
    return false;
}

static bool decode_list(struct decoder *d, const struct type *in, const struct field *f, struct json *v, const struct fpath *p)
{
    if (!json_is(v, JSON_ARRAY)) {
        if (!is_jsoniter(d))
            return fail_type(d, p, in, f->go_type, v, false);
        return fail_byte(d, p, "decode slice", "expect [ or n, but found ");
    }
    struct value x = { f->elem, f->type, elem_go_type(f->go_type), in };
    size_t i = 0;
    for (struct json *c = json_first(v), *next; c; c = next, i++) {
        next = json_next(c);
        if (json_is(c, JSON_NULL)) {             /* the element's zero value */
            struct json *zero = f->elem == FIELD_OBJECT ? json_new_object(d->a) : f->elem == FIELD_STRING ? json_new_strc(d->a, "")
                                : json_new_int(d->a, 0);
            json_replace(v, c, zero);
            continue;
        }
        if (!decode_value(d, &x, v, c, FP_INDEX(p, i))) {
            if (d->reading && next && x.kind == FIELD_OBJECT)
                wrap(d, x.type->go_name, ".");
            d->reading = d->reading && !next;
            return wrap(d, f->go_type ? f->go_type : "[]", ": ");
        }
    }
    return true;
}

static bool decode_map(struct decoder *d, const struct type *in, const struct field *f, struct json *v, const struct fpath *p)
{
    if (!json_is(v, JSON_OBJECT)) {
        if (!is_jsoniter(d))
            return fail_type(d, p, in, f->go_type, v, false);
        return fail_byte(d, p, "ReadMapCB", "expect { or n, but found ");
    }
    struct value x = { f->elem, f->type, elem_go_type(f->go_type), in };
    for (struct json *c = json_first(v), *next; c; c = next) {
        next = json_next(c);
        if (json_is(c, JSON_NULL)) {             /* "" for strings, null for slices; other zero values do not occur in practice */
            if (f->elem == FIELD_STRING)
                json_replace(v, c, json_new_strc(d->a, ""));
            continue;
        }
        if (!decode_value(d, &x, v, c, FP_KEY(p, json_key(c))))
            return false;
    }
    json_sort_keys(v);
    return true;
}

/* json-iterator's wrapping of one level: `v1.Pod.Spec: `, or `v1.Volume.VolumeSource: ConfigMap: ` for fields of an embedded
 * struct. */
static bool wrap_field(struct decoder *d, const struct type *t, const struct field *f)
{
    const char *embed = type_embed(t, f), *name = f->go_name ? f->go_name : f->name;
    if (strcmp(f->name, "kind") == 0 || strcmp(f->name, "apiVersion") == 0) {
        const struct field *second = t->count > 1 ? &t->fields[1] : NULL;
        if (second && strcmp(second->name, "apiVersion") == 0)
            embed = "TypeMeta:";
    }
    int n = embed ? (int)(strchr(embed, ':') - embed) : 0;
    return wrap(d, arena_printf(d->a, "%.*s%s%s", n, embed ? embed : "", embed ? ": " : "", name), ": ");
}

/* The fields of a struct after the one that failed, and the struct's own name. */
static bool wrap_rest(struct decoder *d, const struct type *t, const struct json *from)
{
    for (const struct json *c = from; c && d->reading; c = json_next(c)) {
        const struct field *f = type_field(t, json_key(c));
        if (!f)
            continue;
        d->reading = !json_is(c, JSON_OBJECT) && !json_is(c, JSON_ARRAY);
        if (json_is(c, JSON_OBJECT) && f->kind == FIELD_OBJECT && !field_is_pointer(f))
            wrap(d, f->type->go_name, ".");
        else if (json_is(c, JSON_ARRAY) && f->kind == FIELD_LIST)
            wrap(d, f->go_type ? f->go_type : "[]", ": ");
        wrap_field(d, t, f);
    }
    return wrap(d, t->go_name, ".");
}

static bool decode_field(struct decoder *d, const struct type *t, const struct field *f, struct json *obj, struct json *v,
                         const struct fpath *p)
{
    bool ok;
    if (f->kind == FIELD_LIST) {
        ok = decode_list(d, t, f, v, p);
    } else if (f->kind == FIELD_MAP) {
        ok = decode_map(d, t, f, v, p);
    } else {
        struct value x = { f->kind, f->type, f->go_type, t };
        ok = decode_value(d, &x, obj, v, p);
    }
    return ok || wrap_field(d, t, f);
}

static void note_unknown(struct decoder *d, const struct fpath *p)
{
    struct str_list *u = d->unknown;
    if (!u || u->n >= UNKNOWN_MAX)
        return;
    if ((u->n & (u->n - 1)) == 0)                /* at powers of two, room doubles */
        u->v = arena_realloc(d->a, u->v, u->n * sizeof u->v[0], (u->n ? u->n * 2 : 1) * sizeof u->v[0]);
    u->v[u->n++] = arena_strf(d->a, "unknown field \"" STR_FMT "\"", STR_ARG(fpath_text(d->a, p)));
}

/* Go writes null for these when nobody set them (a template's creationTimestamp), so an object read back may keep them. */
static bool encodes_null(const struct field *f)
{
    return !f->omitempty && (field_is_pointer(f) || f->kind == FIELD_TIME || f->kind == FIELD_MICROTIME || f->kind == FIELD_LIST ||
                             f->kind == FIELD_MAP);
}

/* Keys leave the object in the text's order (errors are reported for the first), and come back in the type's. */
static bool decode_struct(struct decoder *d, const struct type *t, struct json *obj, const struct fpath *p)
{
    if (t->count == 0)
        return true;
    bool in_order = true;
    const struct field *last = NULL;
    for (struct json *c = json_first(obj), *next; c; c = next) {
        next = json_next(c);
        const struct field *f = type_field(t, json_key(c));
        bool null = json_is(c, JSON_NULL);
        if (!f || (null && !encodes_null(f))) {
            if (!f)
                note_unknown(d, FP_NAME(p, arena_cstr(d->a, json_key(c))));
            json_removen(obj, json_key(c));
            continue;
        }
        if (!null && !decode_field(d, t, f, obj, c, FP_NAME(p, f->name)))
            return wrap_rest(d, t, next);
        in_order = in_order && (!last || last < f);
        last = f;
    }
    if (in_order)
        return true;
    struct json *child[TYPE_FIELDS_MAX];
    for (size_t i = 0; i < t->count; i++)
        child[i] = json_remove(obj, t->fields[i].name);
    for (size_t i = 0; i < t->count; i++)
        if (child[i])
            json_set(d->a, obj, t->fields[i].name, child[i]);
    return true;
}

/* A custom resource: only its metadata has a Go type. */
static bool decode_custom(struct decoder *d, const struct custom_kind *k, struct json *obj)
{
    struct json *meta = json_get(obj, "metadata");
    const struct field *f = type_field(k->root, STR("metadata"));
    custom_prune(k, obj);
    if (meta && !json_is(meta, JSON_OBJECT))
        return fail(d, arena_strf(d->a, "metadata: Invalid value: %s: must be an object", go_value_word(meta)));
    if (meta && !decode_struct(d, f->type, meta, FP_NAME(NULL, "metadata")))
        return false;
    custom_sort(obj);
    return true;
}

/* The words for what is wrong with obj, or empty when nothing is. */
static struct str decode(struct decoder *d, const struct type *t, struct json *obj)
{
    bool ok = json_is(obj, JSON_OBJECT) && (t->custom ? decode_custom(d, t->custom, obj) : decode_struct(d, t, obj, NULL));
    if (ok)
        return STR_NULL;
    if (!json_is(obj, JSON_OBJECT) && is_jsoniter(d))
        fail_byte(d, NULL, "readObjectStart", "expect { or n, but found ");
    else if (!json_is(obj, JSON_OBJECT))
        d->message = arena_strf(d->a, "json: cannot unmarshal %s into Go value of type %s", go_value_word(obj), t->go_name);
    return d->message;
}

static bool err_unregistered(const struct gvk *gvk, struct err *err)
{
    return err_set(err, ERR_BAD_REQUEST, "no kind \"" STR_FMT "\" is registered for version \"" STR_FMT "%s" STR_FMT
                   "\" in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"",
                   STR_ARG(gvk->kind), STR_ARG(gvk->group), gvk->group.n ? "/" : "", STR_ARG(gvk->version));
}

bool schema_decode(const struct schema *s, struct arena *a, const struct gvk *gvk, struct json *obj, struct str body,
                   struct str_list *unknown,
                   struct err *err)
{
    const struct type *t = schema_kind(s, gvk->group, gvk->version, gvk->kind);
    if (!t)
        return err_unregistered(gvk, err);
    struct decoder d = { .s = s, .a = a, .body = body, .unknown = unknown };
    struct str bad = decode(&d, t, obj);
    if (!bad.n)
        return true;
    return err_set(err, ERR_BAD_REQUEST, STR_FMT " in version \"" STR_FMT "\" cannot be handled as a " STR_FMT ": " STR_FMT,
                   STR_ARG(gvk->kind),
                   STR_ARG(gvk->version), STR_ARG(gvk->kind), STR_ARG(bad));
}

bool schema_decode_patched(const struct schema *s, struct arena *a, const struct gvk *gvk, struct json *obj, struct str body,
                           struct str patch,
                           struct str_list *unknown, struct err *err)
{
    const struct type *t = schema_kind(s, gvk->group, gvk->version, gvk->kind);
    if (!t)
        return err_unregistered(gvk, err);
    struct decoder d = { .s = s, .a = a, .body = body, .unknown = unknown, .restore = !body.n };
    struct str bad = decode(&d, t, obj);
    if (!bad.n)
        return true;
    struct field_errors e = { .a = a };
    field_error_add(&e, "FieldValueInvalid", STR("patch"), "Invalid value: " STR_FMT ": " STR_FMT,
                    STR_ARG(quote_go(a, body.n ? body : patch)), STR_ARG(bad));
    return err_invalid(err, STR(""), STR(""), STR(""), &e);
}
