/* sim/proc/pflag.h - the command line of a component written in Go, as spf13/pflag reads it: one parser for all, each with a
 * table of its own. */
#ifndef SIM_PROC_PFLAG_H
#define SIM_PROC_PFLAG_H

#include "sim/base/json.h"

enum pflag_type { PFLAG_BOOL, PFLAG_STRING, PFLAG_INT, PFLAG_DURATION, PFLAG_FLOAT, PFLAG_LIST, PFLAG_MAP, PFLAG_IP, PFLAG_ARRAY };
/* As a usage shows it: "strings", "mapStringString"; empty for PFLAG_BOOL. */
const char *pflag_type_name(enum pflag_type type);

/* The beginning of a row of a component's table. deprecated: what pflag says of it when it is used, or NULL. */
struct pflag { const char *name; enum pflag_type type; const char *deprecated; };

/* The row of that name, of a table whose rows begin with a struct pflag and are row_bytes long; NULL: there is none. */
const struct pflag *pflag_find(const void *table, size_t row_bytes, size_t rows, struct str name);

struct pflag_set {
    const struct pflag *(*find)(void *ctx, struct str name);     /* NULL: there is no such flag */
    /* A value that is one of the flag's type. number: PFLAG_BOOL 0 or 1, PFLAG_INT the number, PFLAG_DURATION ns.
     * False with err set ends the parsing. */
    bool (*keep)(void *ctx, const struct pflag *f, struct str text, int64_t number, struct err *err);
    void  *ctx;
    bool   quoted;                     /* durations that are none are quoted, as from Go 1.15 on (v1.19) */
};
/* Read argv[1..], up to NULL. *stray: the first word that is no flag, or stands behind "--"; NULL when there is none.
 * deprecated: an array that gets pflag's lines about flags on their way out, or NULL. False: ERR_USAGE in pflag's words,
 * "unknown flag: --foo". Pure. */
bool pflag_parse(struct arena *a, const struct pflag_set *set, char **argv, const char **stray, struct json *deprecated,
                 struct err *err);

#endif
