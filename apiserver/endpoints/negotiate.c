/* apiserver/endpoints/negotiate.c - in which form the client wants its answer, and the two textual forms beside compact JSON.
 *
 * Upstream: apiserver pkg/endpoints/handlers/negotiation/negotiate.go (media types, pretty printing),
 * pkg/endpoints/handlers/rest.go. Protobuf is read but never written: a client that also takes JSON gets JSON, one that does not
 * is told 406.
 */
#include "apiserver/endpoints/endpoints.h"

struct clause { struct str type, as, group, version; bool refused; };

static void clause_parse(struct str text, struct clause *c)
{
    *c = (struct clause){ .type = str_trim(str_token(&text, ';')) };
    while (text.p) {
        struct str param = str_trim(str_token(&text, ';')), key, value;
        if (!str_cut(param, '=', &key, &value)) continue;
        if (str_eqc(key, "as")) c->as = value;
        else if (str_eqc(key, "g")) c->group = value;
        else if (str_eqc(key, "v")) c->version = value;
        else if (str_eqc(key, "q") && (str_eqc(value, "0") || str_eqc(value, "0.0"))) c->refused = true;
    }
}

static bool media_of(struct str type, enum media *out)
{
    bool json = str_eqc(type, "application/json") || str_eqc(type, "*/*") || str_eqc(type, "application/*");
    if (!json && !str_eqc(type, "application/yaml")) return false;
    *out = json ? MEDIA_JSON : MEDIA_YAML;
    return true;
}

static bool shape_of(const struct clause *c, bool meta, struct negotiated *out)
{
    static const struct { const char *as; enum shape shape; } shapes[] = {
        { "Table", SHAPE_TABLE }, { "PartialObjectMetadata", SHAPE_PARTIAL }, { "PartialObjectMetadataList", SHAPE_PARTIAL_LIST } };
    out->shape = SHAPE_OBJECT;
    if (!c->as.n) return true;
    if (!meta || !str_eqc(c->group, "meta.k8s.io")) return false;
    bool beta = str_eqc(c->version, "v1beta1");
    if (!beta && !str_eqc(c->version, "v1")) return false;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        if (!str_eqc(c->as, shapes[i].as)) continue;
        out->shape = shapes[i].shape;
        out->meta_version = beta ? "v1beta1" : "v1";
        return true;
    }
    return false;
}

bool negotiate(struct request *r, bool meta, struct negotiated *out, struct err *err)
{
    struct str accept = http_headers_get(&r->x->headers, "Accept");
    bool known = false, protobuf = false;
    *out = (struct negotiated){ MEDIA_JSON, SHAPE_OBJECT, NULL };
    if (!str_trim(accept).n) return true;
    while (accept.p) {
        struct clause c;
        clause_parse(str_token(&accept, ','), &c);
        protobuf |= str_eqc(c.type, "application/vnd.kubernetes.protobuf");
        if (c.refused || !media_of(c.type, &out->media)) continue;
        known = true;
        if (shape_of(&c, meta, out)) return true;
    }
    *out = (struct negotiated){ MEDIA_JSON, SHAPE_OBJECT, NULL };
    if (!known && !protobuf) {
        err_set(err, ERR_NOT_ACCEPTABLE, "406: Not Acceptable");
        err_details(err, "{}");
        return false;
    }
    bool watch = str_eqc(r->info.verb, "watch"), built_in = !protobuf && meta && r->res && !r->res->list_kind.n;
    return err_set(err, ERR_NOT_ACCEPTABLE, "only the following media types are accepted: %s%s",
                   watch ? "application/json;stream=watch" : "application/json, application/yaml",
                   !built_in ? "" : watch ? ", application/vnd.kubernetes.protobuf;stream=watch"
                                          : ", application/vnd.kubernetes.protobuf");
}

bool wants_pretty(const struct request *r)
{
    struct str p = query_get(&r->x->query, "pretty"), agent = http_headers_get(&r->x->headers, "User-Agent");
    if (query_has(&r->x->query, "pretty") && p.n)
        return str_eqc(p, "1") || str_eqc(p, "t") || str_eqc(p, "T") || str_eqc(p, "true") || str_eqc(p, "True") || str_eqc(p, "TRUE");
    return str_starts(agent, "curl") || str_starts(agent, "Wget") || str_starts(agent, "Mozilla/5.0");
}

/* ---- pretty ---- */
static void newline(struct strbuf *out, size_t depth)
{
    strbuf_addch(out, '\n');
    for (size_t i = 0; i < depth; i++) strbuf_addc(out, "  ");
}

static size_t copy_string(struct strbuf *out, struct str s, size_t i)
{
    size_t from = i++;
    while (i < s.n && s.p[i] != '"') i += s.p[i] == '\\' ? 2 : 1;
    if (i >= s.n) i = s.n - 1;
    strbuf_add(out, str_sub(s, from, i + 1));
    return i;
}

/* Where the value at i ends. */
static size_t value_end(struct str s, size_t i)
{
    size_t depth = 0;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"')
            for (i++; i < s.n && s.p[i] != '"'; i++) i += s.p[i] == '\\';
        else if (c == '{' || c == '[') depth++;
        else if (c == '}' || c == ']') depth--;
        if (!depth) return i + 1;
    }
    return s.n;
}

/* json-iterator does not indent what types write themselves: managed fields, and the objects within a table's rows. */
static bool is_raw_value(struct str s, size_t colon)
{
    static const char *const keys[] = { "\"fieldsV1\"", "\"object\"" };
    size_t n = str_starts(s, "{\"kind\":\"Table\"") ? 2 : 1;
    for (size_t i = 0; i < n; i++)
        if (str_ends(str_sub(s, 0, colon), keys[i]) && colon + 1 < s.n && s.p[colon + 1] == '{') return true;
    return false;
}

void pretty_write(struct strbuf *out, struct str s, bool broken_empty)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : 0;
        if (c == '"') i = copy_string(out, s, i);
        else if (c == '{' && next == '}' && broken_empty) {
            strbuf_addch(out, '{');
            newline(out, depth + 1);
            newline(out, depth);
            strbuf_addch(out, '}');
            i++;
        } else if ((c == '{' && next == '}') || (c == '[' && next == ']')) {
            strbuf_add(out, str_sub(s, i, i + 2));
            i++;
        } else if (c == '{' || c == '[') {
            strbuf_addch(out, c);
            newline(out, ++depth);
        } else if (c == '}' || c == ']') {
            newline(out, depth ? --depth : 0);
            strbuf_addch(out, c);
        } else if (c == ',') {
            strbuf_addch(out, c);
            newline(out, depth);
        } else if (c == ':') {
            strbuf_addc(out, ": ");
            if (!broken_empty || !is_raw_value(s, i)) continue;
            size_t end = value_end(s, i + 1);
            strbuf_add(out, str_sub(s, i + 1, end));
            i = end - 1;
        } else if (c != '\n' && c != ' ') {
            strbuf_addch(out, c);
        }
    }
}

/* ---- YAML ---- */
static void yaml_indent(struct strbuf *out, int n) { for (int i = 0; i < n; i++) strbuf_addch(out, ' '); }

/* What yaml.v2 would read as something else than text: numbers of all kinds, base 60 among them, and dates. */
static bool yaml_numeric(struct str s)
{
    size_t i = s.n && (s.p[0] == '+' || s.p[0] == '-'), digits = 0;
    struct str rest = str_sub(s, i, s.n);
    if (str_eqc(rest, ".inf") || str_eqc(rest, ".Inf") || str_eqc(rest, ".INF") || str_eqc(s, ".nan") || str_eqc(s, ".NaN") ||
        str_eqc(s, ".NAN"))
        return true;
    if (str_starts(rest, "0x") || str_starts(rest, "0o") || str_starts(rest, "0b")) {
        for (i += 2; i < s.n; i++)
            if (!strchr("0123456789abcdefABCDEF_", s.p[i])) return false;
        return true;
    }
    if (s.n >= 8 && s.p[4] == '-' && (s.p[6] == '-' || s.p[7] == '-')) return true;
    bool exponent = false;
    for (; i < s.n; i++) {
        char c = s.p[i];
        bool sign = (c == '+' || c == '-') && exponent && (s.p[i - 1] == 'e' || s.p[i - 1] == 'E');
        digits += c >= '0' && c <= '9';
        if ((c == 'e' || c == 'E') && digits && !exponent) exponent = true;
        else if (!(c >= '0' && c <= '9') && c != '.' && c != '_' && c != ':' && !sign) return false;
    }
    return digits > 0;
}

static bool yaml_plain(struct str s)
{
    static const char *const reserved[] = { "null", "Null", "NULL", "~", "true", "True", "TRUE", "false", "False", "FALSE", "yes",
                                            "Yes", "YES", "no", "No", "NO",
                                            "on", "On", "ON", "off", "Off", "OFF", "y", "Y", "n", "N", "=", "<<" };
    bool alone = s.n == 1 || (s.n && s.p[1] == ' ');
    if (!s.n || strchr("!&*|>@`\"'%#,[]{} ", s.p[0]) || (alone && strchr("-?:", s.p[0])) || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == ':')
        return false;
    if (strchr("+-.0123456789", s.p[0]) && yaml_numeric(s)) return false;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_eqc(s, reserved[i])) return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 32 || c == 127 || (c == ':' && i + 1 < s.n && s.p[i + 1] == ' ') || (c == '#' && i && s.p[i - 1] == ' ')) return false;
    }
    return true;
}

static void yaml_block(struct strbuf *out, struct str s, int indent)
{
    bool ends = s.p[s.n - 1] == '\n';
    strbuf_addc(out, ends ? "|" : "|-");
    if (ends) s.n--;
    while (s.p) {
        struct str line = str_token(&s, '\n');
        strbuf_addch(out, '\n');
        if (line.n) yaml_indent(out, indent);
        strbuf_add(out, line);
    }
}

static bool yaml_block_fits(struct str s)
{
    if (str_chr(s, '\n') < 0 || s.p[0] == ' ' || s.p[0] == '\n' || str_ends(s, "\n\n")) return false;
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 32 && s.p[i] != '\n') || (s.p[i] == '\n' && i && s.p[i - 1] == ' ')) return false;
    return true;
}

static void yaml_scalar(struct strbuf *out, const struct json *j, int indent)
{
    struct str s = json_str(j);
    if (!json_is(j, JSON_STRING)) json_write(out, j, JSON_NO_HTML_ESCAPE);
    else if (yaml_plain(s)) strbuf_add(out, s);
    else if (s.n && yaml_block_fits(s)) yaml_block(out, s, indent);
    else json_write(out, j, JSON_NO_HTML_ESCAPE);
}

static void yaml_node(struct strbuf *out, const struct json *j, int indent, bool first_inline);

static void yaml_value(struct strbuf *out, const struct json *v, int indent, bool in_map)
{
    bool full = (json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY)) && json_len(v);
    if (!full) {
        strbuf_addc(out, in_map ? " " : "");
        yaml_scalar(out, v, indent + 2);
        strbuf_addch(out, '\n');
    } else if (in_map) {
        strbuf_addch(out, '\n');
        yaml_node(out, v, json_is(v, JSON_OBJECT) ? indent + 2 : indent, false);
    } else {
        yaml_node(out, v, indent + 2, true);
    }
}

static void yaml_node(struct strbuf *out, const struct json *j, int indent, bool first_inline)
{
    bool map = json_is(j, JSON_OBJECT);
    struct arena *a = arena_new();
    struct json *sorted = json_copy(a, j);
    if (map) json_sort_keys(sorted);
    for (const struct json *c = json_first(sorted); c; c = json_next(c)) {
        if (!first_inline) yaml_indent(out, indent);
        first_inline = false;
        if (map) {
            if (yaml_plain(json_key(c))) strbuf_add(out, json_key(c));
            else json_write_string(out, json_key(c));
            strbuf_addch(out, ':');
        } else strbuf_addc(out, "- ");
        yaml_value(out, c, indent, map);
    }
    arena_free(a);
}

void yaml_write(struct strbuf *out, const struct json *j)
{
    if (json_len(j)) yaml_node(out, j, 0, false);
    else {
        yaml_scalar(out, j, 0);
        strbuf_addch(out, '\n');
    }
}
