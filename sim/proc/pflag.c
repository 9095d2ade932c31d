/* sim/proc/pflag.c - spf13/pflag's reading of a command line (flag.go, v1.0.5) and of its values (bool.go, int.go,
 * duration.go ...; maps are component-base's, cli/flag/map_string_string.go). */
#include "sim/proc/pflag.h"

#include <stdlib.h>

const char *pflag_type_name(enum pflag_type type)
{
    static const char *const names[] = { "", "string", "int", "duration", "float", "strings", "mapStringString", "ip", "stringArray" };
    return names[type];
}

/* ---- values: each gives what is wrong, or NULL ---- */
static const char *bool_fault(struct arena *a, struct str s, int64_t *out)
{
    static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
    static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_eqc(s, yes[i]) || str_eqc(s, no[i])) {
            *out = str_eqc(s, yes[i]);
            return NULL;
        }
    return arena_printf(a, "strconv.ParseBool: parsing \"" STR_FMT "\": invalid syntax", STR_ARG(s));
}

static const char *float_fault(struct arena *a, struct str s)
{
    const char *text = arena_cstr(a, s);
    char *end = NULL;
    strtod(text, &end);
    return end != text && *end == 0 ? NULL : arena_printf(a, "strconv.ParseFloat: parsing \"%s\": invalid syntax", text);
}

/* time.ParseDuration reads a number, then its unit, and says which of them it misses. */
static const char *duration_fault(struct arena *a, struct str s, bool quoted, int64_t *ns)
{
    if (duration_parse_go(s, ns))
        return NULL;
    size_t sign = s.n && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0, digits = sign;
    while (digits < s.n && (s.p[digits] == '.' || (s.p[digits] >= '0' && s.p[digits] <= '9')))
        digits++;
    const char *q = quoted ? "\"" : "", *what = "invalid";
    struct str unit = str_sub(s, digits, s.n);
    if (digits > sign)
        what = unit.n ? arena_printf(a, "unknown unit %s" STR_FMT "%s in", q, STR_ARG(unit), q) : "missing unit in";
    return arena_printf(a, "time: %s duration %s" STR_FMT "%s", what, q, STR_ARG(s), q);
}

static const char *map_fault(struct str s)
{
    while (s.p && s.n) {
        struct str pair = str_token(&s, ','), name, value;
        if (!str_cut(pair, '=', &name, &value))
            return "malformed pair, expect string=string";
    }
    return NULL;
}

static const char *ip_fault(struct arena *a, struct str text)
{
    struct str s = text;
    for (int part = 0; part < 4; part++) {
        int64_t n;
        if (!str_int(str_token(&s, '.'), &n) || n < 0 || n > 255)
            return arena_printf(a, "failed to parse IP: \"" STR_FMT "\"", STR_ARG(text));
    }
    return s.p ? arena_printf(a, "failed to parse IP: \"" STR_FMT "\"", STR_ARG(text)) : NULL;
}

const struct pflag *pflag_find(const void *table, size_t row_bytes, size_t rows, struct str name)
{
    const char *row = table;
    for (size_t i = 0; i < rows; i++, row += row_bytes)
        if (str_eqc(name, ((const struct pflag *)(const void *)row)->name))
            return (const void *)row;
    return NULL;
}

static const char *fault_of(struct arena *a, const struct pflag_set *set, const struct pflag *f, struct str text, int64_t *number)
{
    switch (f->type) {
    case PFLAG_BOOL: return bool_fault(a, text, number);
    case PFLAG_INT:
        return str_int(text, number) ? NULL
            : arena_printf(a, "strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax", STR_ARG(text));
    case PFLAG_FLOAT: return float_fault(a, text);
    case PFLAG_DURATION: return duration_fault(a, text, set->quoted, number);
    case PFLAG_MAP: return map_fault(text);
    case PFLAG_IP: return ip_fault(a, text);
    case PFLAG_STRING: case PFLAG_LIST: case PFLAG_ARRAY: return NULL;
    }
    return NULL;
}

/* ---- words ---- */
struct word { const char *text; struct str name, value; bool dashes, has_value; };

/* --name, --name=value; -v 2, -v=2, -v2, -h */
static bool word_split(const char *text, struct word *w, struct err *err)
{
    *w = (struct word){ .text = text, .dashes = text[1] == '-' };
    if (w->dashes) {
        w->has_value = str_cut(str_c(text + 2), '=', &w->name, &w->value);
        return (w->name.n && w->name.p[0] != '-') || err_set(err, ERR_USAGE, "bad flag syntax: %s", text);
    }
    w->name = text[1] == 'v' ? STR("v") : text[1] == 'h' ? STR("help") : STR_NULL;
    w->value = str_c(text + 2 + (text[2] == '='));
    w->has_value = text[1] == 'v' && text[2];
    return w->name.n || err_set(err, ERR_USAGE, "unknown shorthand flag: '%c' in %s", text[1], text);
}

static bool unknown(const struct word *w, struct err *err)
{
    if (w->dashes)
        return err_set(err, ERR_USAGE, "unknown flag: --" STR_FMT, STR_ARG(w->name));
    return err_set(err, ERR_USAGE, "unknown shorthand flag: '%c' in %s", w->text[1], w->text);
}

/* One word of the command line; *next is the one behind it, taken when the flag needs it. */
static bool take(struct arena *a, const struct pflag_set *set, const char *text, char ***next, struct json *deprecated,
                 struct err *err)
{
    struct word w;
    int64_t number = 0;
    if (!word_split(text, &w, err))
        return false;
    const struct pflag *f = set->find(set->ctx, w.name);
    if (!f)
        return unknown(&w, err);
    if (!w.has_value && f->type == PFLAG_BOOL)
        w.value = STR("true");
    else if (!w.has_value && **next)
        w.value = str_c(*(*next)++);
    else if (!w.has_value)
        return err_set(err, ERR_USAGE, w.dashes ? "flag needs an argument: --%s" : "flag needs an argument: 'v' in -%s",
                       f->name);
    const char *why = fault_of(a, set, f, w.value, &number);
    if (why)
        return err_set(err, ERR_USAGE, "invalid argument \"" STR_FMT "\" for \"%s--%s\" flag: %s", STR_ARG(w.value),
                       strcmp(f->name, "v") == 0 ? "-v, " : "", f->name, why);
    if (f->deprecated && deprecated)
        json_append(deprecated, json_new_str(a, arena_strf(a, "Flag --%s has been deprecated, %s", f->name,
                                                           f->deprecated)));
    return set->keep(set->ctx, f, w.value, number, err);
}

bool pflag_parse(struct arena *a, const struct pflag_set *set, char **argv, const char **stray, struct json *deprecated,
                 struct err *err)
{
    char **next = argv + (argv[0] != NULL);
    *stray = NULL;
    while (*next) {
        const char *word = *next++;
        if (strcmp(word, "--") == 0) {
            *stray = *stray ? *stray : *next;
            break;
        }
        if (word[0] != '-' || !word[1])
            *stray = *stray ? *stray : word;
        else if (!take(a, set, word, &next, deprecated, err))
            return false;
    }
    return true;
}
