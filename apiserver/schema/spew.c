/* apiserver/schema/spew.c - the text that template hashes are computed over.
 *
 * Models DeepHashObject (pkg/util/hash): go-spew's `%#v` with Indent " ", SortKeys, DisableMethods and SpewKeys, of a
 * v1.PodTemplateSpec in the structs of the server's version. Absent JSON is Go's zero value. A struct's field is
 * `Name:(type)value`; elements of slices and maps have no type of their own; a pointer is `(*T)` and its target without one.
 * Embedded structs are nested though JSON flattens them: type_embed knows. The tables of each version are loaded once and kept,
 * since controllers ask for every template they see.
 */
#include "apiserver/schema/schema_priv.h"

#include <stdlib.h>

static void dump_struct(const struct type *t, const struct json *obj, struct strbuf *out);

struct quantity_parts quantity_parts(struct str text)
{
    static const struct { const char *suffix; int scale, shift; } suffixes[] = {
        { "Ki", 0, 10 }, { "Mi", 0, 20 }, { "Gi", 0, 30 }, { "Ti", 0, 40 }, { "Pi", 0, 50 }, { "Ei", 0, 60 }, { "n", -9, 0 },
        { "u", -6, 0 },
        { "m", -3, 0 }, { "k", 3, 0 }, { "M", 6, 0 }, { "G", 9, 0 }, { "T", 12, 0 }, { "P", 15, 0 }, { "E", 18, 0 },
    };
    int scale = 0, shift = 0;
    struct str digits = text;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (str_ends(text, suffixes[i].suffix)) {
            scale = suffixes[i].scale;
            shift = suffixes[i].shift;
            digits = str_sub(text, 0, text.n - strlen(suffixes[i].suffix));
            break;
        }
    const char *format = shift ? "BinarySI" : "DecimalSI";
    ptrdiff_t e = str_chr(digits, 'e');
    if (e > 0) {
        int64_t exponent = 0;
        str_int(str_sub(digits, (size_t)e + 1, digits.n), &exponent);
        scale = (int)exponent;
        format = "DecimalExponent";
        digits = str_sub(digits, 0, (size_t)e);
    }
    int64_t value = 0;
    str_int(digits, &value);
    if (text.n == 0 || str_eqc(text, "0"))
        text = STR("0"), format = "";
    return (struct quantity_parts){ (int64_t)((uint64_t)value << shift), scale, format, text };
}

static void dump_quantity(struct str text, struct strbuf *out)
{
    struct quantity_parts q = quantity_parts(text);
    strbuf_addf(out, "{i:(resource.int64Amount){value:(int64)%" PRId64 " scale:(resource.Scale)%d} "
                                                                       "d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)"
                STR_FMT " Format:(resource.Format)%s}", q.value, q.scale, STR_ARG(q.text), q.format);
}

static void dump_intstr(const struct json *v, struct strbuf *out)
{
    bool is_string = json_is(v, JSON_STRING);
    struct str s = json_str(v);
    strbuf_addf(out, "{Type:(intstr.Type)%d IntVal:(int32)%" PRId64 " StrVal:(string)" STR_FMT "}", is_string,
                is_string ? 0 : json_int(v, 0), STR_ARG(s));
}

/* A value without its type. */
static void dump_value(enum field_kind kind, const struct type *type, const struct json *v, struct strbuf *out)
{
    switch (kind) {
    case FIELD_STRING: case FIELD_BYTES: case FIELD_DURATION:
        strbuf_add(out, json_str(v));
        break;
    case FIELD_BOOL:
        strbuf_addc(out, json_bool(v, false) ? "true" : "false");
        break;
    case FIELD_INT32: case FIELD_INT64:
        strbuf_addf(out, "%" PRId64, json_int(v, 0));
        break;
    case FIELD_DOUBLE:
        strbuf_addf(out, "%g", json_double(v, 0));
        break;
    case FIELD_TIME: case FIELD_MICROTIME:       /* a template's times are never set */
        strbuf_addc(out, "{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}");
        break;
    case FIELD_QUANTITY:
        dump_quantity(json_str(v), out);
        break;
    case FIELD_INTSTR:
        dump_intstr(v, out);
        break;
    case FIELD_OBJECT:
        strbuf_addch(out, '{');
        dump_struct(type, v, out);
        strbuf_addch(out, '}');
        break;
    case FIELD_LIST: case FIELD_MAP: case FIELD_ANY:
        strbuf_addc(out, "<nil>");
        break;
    }
}

static int cmp_members(const void *a, const void *b)
{
    return str_cmp(json_key(*(const struct json *const *)a), json_key(*(const struct json *const *)b));
}

static void dump_map(const struct field *f, const struct json *v, struct strbuf *out)
{
    size_t n = json_len(v), i = 0;
    const struct json **member = xcalloc(n + 1, sizeof *member);
    for (const struct json *c = json_first(v); c; c = json_next(c))
        member[i++] = c;
    qsort(member, n, sizeof *member, cmp_members);
    strbuf_addc(out, "map[");
    for (i = 0; i < n; i++) {
        struct str key = json_key(member[i]);
        strbuf_addf(out, "%s" STR_FMT ":", i ? " " : "", STR_ARG(key));
        dump_value(f->elem, f->type, member[i], out);
    }
    strbuf_addch(out, ']');
    free(member);
}

/* `(type)value` of a struct's field. */
static void dump_field(const struct field *f, const struct json *v, struct strbuf *out)
{
    bool absent = json_type(v) == JSON_NULL;
    strbuf_addf(out, "(%s)", f->go_type);
    if (f->kind == FIELD_LIST || f->kind == FIELD_MAP) {
        if (absent || json_len(v) == 0) {        /* what the store keeps of empty ones is nil */
            strbuf_addc(out, "<nil>");
        } else if (f->kind == FIELD_MAP) {
            dump_map(f, v, out);
        } else {
            strbuf_addch(out, '[');
            for (const struct json *c = json_first(v); c; c = json_next(c)) {
                if (c != json_first(v))
                    strbuf_addch(out, ' ');
                dump_value(f->elem, f->type, c, out);
            }
            strbuf_addch(out, ']');
        }
    } else if (absent && field_is_pointer(f)) {
        strbuf_addc(out, "<nil>");
    } else {
        dump_value(f->kind, f->type, v, out);
    }
}

static void dump_struct(const struct type *t, const struct json *obj, struct strbuf *out)
{
    const char *open = NULL;                     /* the embedded struct whose braces are open */
    for (size_t i = 0; i < t->count; i++) {
        const struct field *f = &t->fields[i];
        const char *embed = type_embed(t, f);
        bool same = open && embed && strcmp(open, embed) == 0;
        if (open && !same)
            strbuf_addch(out, '}');
        if (i)
            strbuf_addch(out, ' ');
        if (embed && !same) {
            const char *colon = strchr(embed, ':');
            strbuf_addf(out, "%.*s:(%s){", (int)(colon - embed), embed, colon + 1);
        }
        open = embed;
        strbuf_addf(out, "%s:", f->go_name);
        dump_field(f, json_get(obj, f->name), out);
    }
    if (open)
        strbuf_addch(out, '}');
}

static const struct schema *tables(int minor)
{
    static struct schema *kept[3];               /* for the life of the process */
    struct schema **slot = &kept[minor <= 16 ? 0 : minor <= 20 ? 1 : 2];
    if (!*slot)
        *slot = schema_new(minor <= 16 ? 16 : minor <= 20 ? 20 : 34, true);
    return *slot;
}

void schema_spew_pod_template(int minor, const struct json *template, struct strbuf *out)
{
    const struct type *t = schema_type(tables(minor), STR("io.k8s.api.core.v1.PodTemplateSpec"));
    strbuf_addc(out, "(v1.PodTemplateSpec){");
    dump_struct(t, template, out);
    strbuf_addch(out, '}');
}
