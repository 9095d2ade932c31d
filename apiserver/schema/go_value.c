/* apiserver/schema/go_value.c - an object as the structs that upstream's validation sees, for messages that quote them with %#v.
 *
 * Validation looks at internal types: the package's name is the group's (core.PodSpec), a few structs have another order of fields,
 * and what a v1 PodSpec says of the host's namespaces is in its security context. Absent JSON is Go's zero value. A pointer inside a
 * struct is printed as its address, which is different every time; any will do.
 */
#include "apiserver/schema/go_value.h"

/* Internal structs whose fields are not in the order of v1's. What is not named is not there. */
static const struct { const char *type, *fields; } orders[] = {
    { "io.k8s.api.core.v1.PodSpec",
      "Volumes,InitContainers,Containers,EphemeralContainers,RestartPolicy,TerminationGracePeriodSeconds,ActiveDeadlineSeconds,"
      "DNSPolicy,NodeSelector,ServiceAccountName,AutomountServiceAccountToken,NodeName,SecurityContext,ImagePullSecrets,Hostname,"
      "Subdomain,SetHostnameAsFQDN,Affinity,SchedulerName,Tolerations,HostAliases,PriorityClassName,Priority,PreemptionPolicy,"
      "DNSConfig,ReadinessGates,RuntimeClassName,Overhead,EnableServiceLinks,TopologySpreadConstraints,OS,SchedulingGates,"
      "ResourceClaims,Resources,HostnameOverride" },
};

#define HOST_FIELDS "hostNetwork,hostPID,hostIPC,shareProcessNamespace"

struct builder { struct arena *a; const struct schema *s; const struct json *pod_spec; };

static struct go_value *new_value(struct arena *a, enum go_kind kind, struct str type, struct str name)
{
    struct go_value *v = arena_zalloc(a, sizeof *v);
    v->kind = kind;
    v->type = type;
    v->name = name;
    return v;
}

static void add_child(struct go_value *parent, struct go_value *child)
{
    struct go_value **end = &parent->first;
    while (*end)
        end = &(*end)->next;
    *end = child;
    parent->n++;
}

static struct go_value *literal(struct builder *b, struct str type, struct str name, struct str text)
{
    struct go_value *v = new_value(b->a, GO_LITERAL, type, name);
    v->text = text;
    v->zero = in_list(text, "0,false,0x0");
    return v;
}

static struct go_value *string(struct builder *b, struct str type, struct str name, struct str text)
{
    struct go_value *v = new_value(b->a, GO_STRING, type, name);
    v->text = text;
    v->zero = text.n == 0;
    return v;
}

/* "core" of io.k8s.api.core.v1.PodSpec, "v1" of what is apimachinery's. */
static struct str package_of(struct str type_name)
{
    struct str rest = type_name, version = STR_NULL, group = STR_NULL, name = STR_NULL;
    if (str_starts(type_name, "io.k8s.apimachinery."))
        return STR("v1");
    while (rest.p) {                           /* GROUP.VERSION.NAME at the end */
        group = version;
        version = name;
        name = str_token(&rest, '.');
    }
    return group;
}

/* Go's name of a field's type, in the internal types' packages. */
static struct str type_text(struct builder *b, const struct type *owner, const struct field *f)
{
    struct str text = str_c(f->go_type), head = STR_NULL;
    bool time = f->kind == FIELD_TIME || f->kind == FIELD_MICROTIME;
    ptrdiff_t dot = str_chr(text, '.');
    if (dot < 0 || time || str_find(text, STR("resource.")) >= 0 || str_find(text, STR("intstr.")) >= 0 ||
        str_find(text, STR("types.")) >= 0)
        return text;
    size_t start = (size_t)dot;
    while (start > 0 && text.p[start - 1] != '*' && text.p[start - 1] != ']')
        start--;
    head = str_sub(text, 0, start);
    struct str package = package_of(str_c(f->type ? f->type->name : owner->name)), name = str_sub(text, (size_t)dot + 1, text.n);
    return arena_strf(b->a, STR_FMT STR_FMT "." STR_FMT, STR_ARG(head), STR_ARG(package), STR_ARG(name));
}

static struct go_value *amount_value(struct builder *b, struct str name, struct str text)
{
    struct go_value *v = new_value(b->a, GO_STRUCT, STR("resource.Quantity"), name);
    struct quantity_parts q = quantity_parts(text);
    struct go_value *i = new_value(b->a, GO_STRUCT, STR("resource.int64Amount"), STR("i"));
    add_child(i, literal(b, STR("int64"), STR("value"), arena_strf(b->a, "%" PRId64, q.value)));
    add_child(i, literal(b, STR("resource.Scale"), STR("scale"), arena_strf(b->a, "%d", q.scale)));
    i->zero = q.value == 0 && q.scale == 0;
    struct go_value *d = new_value(b->a, GO_STRUCT, STR("resource.infDecAmount"), STR("d")),
                    *dec = new_value(b->a, GO_POINTER, STR("*inf.Dec"), STR("Dec"));
    dec->nil = dec->zero = d->zero = true;
    add_child(d, dec);
    add_child(v, i);
    add_child(v, d);
    add_child(v, string(b, STR("string"), STR("s"), q.text));
    add_child(v, string(b, STR("resource.Format"), STR("Format"), str_c(q.format)));
    return v;
}

static struct go_value *intstr_value(struct builder *b, struct str name, const struct json *j)
{
    struct go_value *v = new_value(b->a, GO_STRUCT, STR("intstr.IntOrString"), name);
    bool text = json_is(j, JSON_STRING);
    add_child(v, literal(b, STR("intstr.Type"), STR("Type"), text ? STR("1") : STR("0")));
    add_child(v, literal(b, STR("int32"), STR("IntVal"), arena_strf(b->a, "%" PRId64, text ? 0 : json_int(j, 0))));
    add_child(v, string(b, STR("string"), STR("StrVal"), text ? json_str(j) : STR("")));
    v->zero = !j || (!text && json_int(j, 0) == 0);
    return v;
}

static struct go_value *time_value(struct builder *b, struct str name, bool is_pointer_target)
{
    struct go_value *v = new_value(b->a, GO_STRUCT, STR("v1.Time"), name),
                    *t = new_value(b->a, GO_STRUCT, STR("time.Time"), STR("Time")),
                    *loc = new_value(b->a, GO_POINTER, STR("*time.Location"), STR("loc"));
    loc->nil = loc->zero = true;
    add_child(t, literal(b, STR("uint64"), STR("wall"), STR("0x0")));
    add_child(t, literal(b, STR("int64"), STR("ext"), STR("0")));
    add_child(t, loc);
    add_child(v, t);
    v->zero = t->zero = !is_pointer_target;
    return v;
}

static struct go_value *struct_value(struct builder *b, const struct type *t, struct str name, const struct json *j);

/* A value that is no pointer, list or map. */
static struct go_value *plain_value(struct builder *b, enum field_kind kind, const struct type *t, struct str type, struct str name,
                                    const struct json *j)
{
    switch (kind) {
    case FIELD_OBJECT:
        return struct_value(b, t, name, j);
    case FIELD_QUANTITY:
        return amount_value(b, name, json_str(j));
    case FIELD_INTSTR:
        return intstr_value(b, name, j);
    case FIELD_TIME: case FIELD_MICROTIME:
        return time_value(b, name, j != NULL);
    case FIELD_BOOL:
        return literal(b, type, name, json_bool(j, false) ? STR("true") : STR("false"));
    case FIELD_INT32: case FIELD_INT64:
        return literal(b, type, name, arena_strf(b->a, "%" PRId64, json_int(j, 0)));
    case FIELD_DOUBLE:
        return literal(b, type, name, arena_strf(b->a, "%g", json_double(j, 0)));
    default:
        return string(b, type, name, json_str(j));
    }
}

static struct go_value *list_value(struct builder *b, const struct field *f, struct str type, struct str name, const struct json *j)
{
    struct go_value *v = new_value(b->a, GO_SLICE, type, name);
    v->nil = v->zero = !json_is(j, JSON_ARRAY) || json_len(j) == 0;   /* what the store keeps of empty ones */
    for (const struct json *e = json_first(j); e; e = json_next(e))
        add_child(v, plain_value(b, f->elem, f->type, str_starts(type, "[]") ? str_sub(type, 2, type.n) : STR("string"), STR_NULL, e));
    return v;
}

static struct go_value *map_value(struct builder *b, const struct field *f, struct str type, struct str name, const struct json *j)
{
    struct go_value *v = new_value(b->a, GO_MAP, type, name);
    struct json *sorted = json_is(j, JSON_OBJECT) ? json_copy(b->a, j) : NULL;
    v->nil = v->zero = json_len(j) == 0;
    v->named_keys = str_ends(type, ".ResourceList");
    if (sorted)
        custom_sort(sorted);
    for (const struct json *e = json_first(sorted); e; e = json_next(e))
        add_child(v, plain_value(b, f->elem, f->type, STR("string"), json_key(e), e));
    return v;
}

static struct go_value *field_value(struct builder *b, const struct type *owner, const struct field *f, const struct json *obj)
{
    struct str type = type_text(b, owner, f), name = str_c(f->go_name);
    const struct json *j = json_get(obj, f->name);
    if (json_type(j) == JSON_NULL)
        j = NULL;
    if (f->kind == FIELD_LIST)
        return list_value(b, f, type, name, j);
    if (f->kind == FIELD_MAP)
        return map_value(b, f, type, name, j);
    if (!field_is_pointer(f))
        return plain_value(b, f->kind, f->type, type, name, j);
    struct go_value *v = new_value(b->a, GO_POINTER, type, name);
    v->nil = v->zero = !j;
    if (j)
        add_child(v, plain_value(b, f->kind, f->type, str_sub(type, 1, type.n), STR_NULL, j));
    return v;
}

/* What v1 has in the pod's spec and the internal type in its security context. */
static void add_host_fields(struct builder *b, struct go_value *v, const struct json *spec)
{
    const struct type *t = schema_type(b->s, STR("io.k8s.api.core.v1.PodSpec"));
    struct str rest = STR(HOST_FIELDS);
    while (rest.p) {
        const struct field *f = type_field(t, str_token(&rest, ','));
        struct go_value *h = f ? field_value(b, t, f, spec) : NULL;
        if (h)
            add_child(v, h);
        v->zero = v->zero && (!h || h->zero);
    }
}

/* A field, or the embedded struct that it is the first of. */
static void add_field(struct builder *b, struct go_value *v, const struct type *t, const struct field *f, const struct json *obj)
{
    const char *embed = type_embed(t, f), *colon = embed ? strchr(embed, ':') : NULL;
    struct go_value *child = field_value(b, t, f, obj), *at = v;
    if (colon) {
        struct str name = { embed, (size_t)(colon - embed) }, package = package_of(str_c(t->name));
        const char *base = strchr(colon, '.') ? strchr(colon, '.') + 1 : colon + 1;
        for (at = v->first; at && !str_eq(at->name, name); at = at->next)
            continue;
        if (!at) {
            at = new_value(b->a, GO_STRUCT, arena_strf(b->a, STR_FMT ".%s", STR_ARG(package), base), name);
            at->zero = true;
            add_child(v, at);
        }
        at->zero = at->zero && child->zero;
    }
    add_child(at, child);
    v->zero = v->zero && child->zero;
}

static const struct field *field_by_go_name(const struct type *t, struct str name)
{
    for (size_t i = 0; i < t->count; i++)
        if (str_eqc(name, t->fields[i].go_name))
            return &t->fields[i];
    return NULL;
}

static struct go_value *struct_value(struct builder *b, const struct type *t, struct str name, const struct json *j)
{
    struct str package = package_of(str_c(t->name));
    const char *base = strrchr(t->name, '.') + 1, *order = NULL;
    struct go_value *v = new_value(b->a, GO_STRUCT, arena_strf(b->a, STR_FMT ".%s", STR_ARG(package), base), name);
    v->zero = true;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        order = strcmp(orders[i].type, t->name) == 0 ? orders[i].fields : order;
    if (order)
        b->pod_spec = j;
    else if (str_ends(str_c(t->name), ".PodSecurityContext") && b->pod_spec)
        add_host_fields(b, v, b->pod_spec);
    for (struct str rest = str_c(order); order && rest.p;) {
        const struct field *f = field_by_go_name(t, str_token(&rest, ','));
        if (f)
            add_field(b, v, t, f, j);
    }
    for (size_t i = 0; i < t->count && !order; i++)
        add_field(b, v, t, &t->fields[i], j);
    return v;
}

struct go_value *go_value_of(struct arena *a, const struct schema *s, const char *type, const struct json *obj)
{
    struct builder b = { .a = a, .s = s };
    const struct type *t = schema_type(s, str_c(type));
    return t ? struct_value(&b, t, STR_NULL, obj) : NULL;
}

/* ---- %#v ---- */

static void print(struct arena *a, const struct go_value *v, struct strbuf *out)
{
    if (v->kind == GO_STRING) {
        strbuf_add(out, quote_go(a, v->text));
    } else if (v->kind == GO_LITERAL) {
        strbuf_add(out, v->text);
    } else if (v->kind == GO_POINTER) {
        strbuf_addf(out, "(" STR_FMT ")(%s)", STR_ARG(v->type), v->nil ? "nil" : "0xc000a1b2c0");
    } else if (v->nil) {
        strbuf_addf(out, STR_FMT "(nil)", STR_ARG(v->type));
    } else {
        strbuf_addf(out, STR_FMT "{", STR_ARG(v->type));
        for (const struct go_value *c = v->first; c; c = c->next) {
            if (c != v->first)
                strbuf_addc(out, ", ");
            if (v->kind == GO_MAP)
                strbuf_add(out, quote_go(a, c->name));
            else if (v->kind == GO_STRUCT)
                strbuf_add(out, c->name);
            if (v->kind != GO_SLICE)
                strbuf_addch(out, ':');
            print(a, c, out);
        }
        strbuf_addch(out, '}');
    }
}

char *go_print_list(struct arena *a, const struct schema *s, const char *type, const struct json *list)
{
    struct go_value *v = go_value_of(a, s, type, NULL);
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    if (v)
        strbuf_addf(&out, "[]" STR_FMT "%s", STR_ARG(v->type), json_len(list) ? "{" : "(nil)");
    for (const struct json *e = json_first(list); e && v; e = json_next(e)) {
        print(a, go_value_of(a, s, type, e), &out);
        strbuf_addc(&out, json_next(e) ? ", " : "}");
    }
    char *text = arena_cstr(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

char *go_print(struct arena *a, const struct schema *s, const char *type, const struct json *obj)
{
    struct go_value *v = go_value_of(a, s, type, obj);
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    if (v)
        print(a, v, &out);
    char *text = arena_cstr(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}
