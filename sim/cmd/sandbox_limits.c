/* sim/cmd/sandbox_limits.c - a script's budgets, as they are written on a command line. */
#include "sim/cmd/sandbox.h"

#include "sim/api/api.h"

enum kind { TIME, SECONDS, COUNT, BYTES };
static const struct { const char *name; enum kind kind; size_t offset; int64_t max; } fields[] = {
#define FIELD(name, kind, field, max) { name, kind, offsetof(struct sandbox_limits, field), max }
    FIELD("time", TIME, virtual_ns, INT64_MAX),
    FIELD("wall", SECONDS, wall_s, 86400),
    FIELD("cpu", SECONDS, cpu_s, 86400),
    FIELD("threads", COUNT, threads, 100000),
    FIELD("memory", BYTES, memory_bytes, (int64_t)1 << 40),
    FIELD("file", BYTES, file_bytes, (int64_t)1 << 40),
    FIELD("disk", BYTES, disk_bytes, (int64_t)1 << 40),
    FIELD("output", BYTES, output_bytes, (int64_t)1 << 40),
    FIELD("keep", BYTES, keep_bytes, 64 << 20),
#undef FIELD
};

/* Each is more than nothing. */
static bool value_parse(struct str text, enum kind kind, int64_t *n)
{
    struct quantity q;
    switch (kind) {
    case TIME: return duration_parse_go(text, n) && *n > 0;
    case SECONDS:
        if (!duration_parse_go(text, n))
            return false;
        *n /= (int64_t)NS_PER_S;
        return *n > 0;
    case COUNT: return str_int(text, n) && *n > 0;
    case BYTES:
        if (!quantity_parse(text, &q, NULL))
            return false;
        *n = quantity_value(q);
        return *n > 0;
    }
    return false;
}

static bool limit_set(struct sandbox_limits *limits, struct str name, struct str value, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        void *at = (char *)limits + fields[i].offset;
        int64_t n;
        if (!str_eqc(name, fields[i].name))
            continue;
        if (!value_parse(value, fields[i].kind, &n) || n > fields[i].max)
            return err_set(err, ERR_USAGE, "the limit %s is %s, not \"" STR_FMT "\"", fields[i].name,
                           fields[i].kind == BYTES ? "a size like 64Mi" : fields[i].kind == COUNT ? "a whole number"
                           : "a duration like 30s", STR_ARG(value));
        if (fields[i].kind == TIME)
            *(int64_t *)at = n;
        else if (fields[i].kind == BYTES)
            *(size_t *)at = (size_t)n;
        else
            *(unsigned *)at = (unsigned)n;
        return true;
    }
    return err_set(err, ERR_USAGE,
                   "there is no limit \"" STR_FMT "\": they are time, wall, cpu, threads, memory, file, disk, output and keep",
                   STR_ARG(name));
}

bool sandbox_limits_parse(struct str text, struct sandbox_limits *limits, struct err *err)
{
    while (text.p && text.n) {
        struct str one = str_token(&text, ','), name, value;
        str_cut(one, '=', &name, &value);
        if (!limit_set(limits, str_trim(name), str_trim(value), err))
            return false;
    }
    return true;
}
