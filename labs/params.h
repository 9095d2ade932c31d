/* labs/params.h - what differs between two students' copies of a lab, and between two runs of a scenario: named values, drawn
 * from a seed.
 *
 * A lab.yaml or a scenario declares `parameters:`, name by name: a list of choices; {from, to, step}; {jq: EXPRESSION}, derived
 * from those above it, which it sees as $params; or {value: X}. Each name has dice of its own, so that one more parameter does
 * not change the others. In the texts of who declares them `${name}` stands for the value and `$${` for the three characters
 * `${`; in expressions it is $params.name.
 *
 * A variant is a seed too: it follows from the course's key, the student's id and the lab's name, and who knows a seed knows
 * nothing of the key.
 */
#ifndef LABS_PARAMS_H
#define LABS_PARAMS_H

#include "labs/spec.h"

enum param_kind { PARAM_CHOICE, PARAM_RANGE, PARAM_JQ, PARAM_VALUE };
struct param {
    const char *name;                  /* letters, digits and _, a letter first */
    enum param_kind kind;
    const struct json *choices;        /* CHOICE: a list that is not empty */
    struct json *from, *step;          /* RANGE: numbers; whole if both are */
    double      to;
    int64_t     count;                 /* RANGE: how many values there are */
    const char *jq;
    const struct json *value;          /* VALUE */
    const char *file;                  /* where it is declared */
    unsigned    line, column;
    struct param *next;
};

/* Read a `parameters:` mapping (or NULL) to the end of *list. One that is there already is replaced in its place: a scenario's
 * stand before its lab's. False with err "FILE:LINE:COLUMN: what". */
bool params_read(struct spec *s, const struct json *mapping, struct param **list);
/* A grid's names and values: each is a parameter that is a choice among them, in the place of a declared one. */
bool params_read_grid(struct spec *s, const struct json *mapping, struct param **list);
const struct param *params_find(const struct param *list, struct str name);

/* Draw all of them, in order, into *values, an object by name. set: names whose values are given by hand (as they are or as texts), or
 * NULL; a name that is not declared, a value that is none of the choices, and a derived one are refused with ERR_USAGE; an expression
 * that gives nothing with ERR_PARSE and the place of its declaration. evaluate: false: expressions are not evaluated, and what is
 * derived is null. */
bool params_draw(struct arena *a, bool evaluate, const struct param *list, const uint8_t seed[32], const struct json *set,
                 struct json **values, struct err *err);
/* "name=value" of a command line into set, as text. False with ERR_USAGE. */
bool params_set(struct arena *a, struct json *set, const char *assignment, struct err *err);

/* Two readings of a file that declares parameters. head: with every `${name}` masked, for its declarations. body: with the values
 * put in, where any are declared; a text without declarations stays as it is. NULL with err set. */
struct json *params_head(struct spec *s, struct arena *a, const char *file, struct str text, struct err *err);
struct json *params_body(struct spec *s, struct arena *a, const char *file, struct str text, const struct param *list,
                         const struct json *values,
                         struct err *err);

/* Where a text became longer or shorter, for columns that mean the text before. */
struct param_shift { unsigned line, after; int by; struct param_shift *next; };
/* Replace `${name}` by values. A name that is not among them: ERR_PARSE, "FILE:LINE:COLUMN: what". shifts: for params_column, or
 * NULL. */
bool params_replace(struct arena *a, const char *file, struct str text, const struct json *values, struct str *out,
                    struct param_shift **shifts,
                    struct err *err);
/* The column in the text as it was written. */
unsigned params_column(const struct param_shift *shifts, unsigned line, unsigned column);
/* Every `${name}` as so many underscores: a text that YAML can read before there are values. Lines and columns stay. */
struct str params_mask(struct arena *a, struct str text);

/* The seed of a student's variant of a lab: the first 63 bits of HMAC-SHA256(key, id, a zero byte, lab). */
int64_t params_variant(struct str key, const char *student, const char *lab);

#endif
