/* workloads/programs/sh_arith.c - $((...)): 64-bit integers as in C (upstream: busybox shell/math.c).
 *
 * Precedence climbing over the expanded text; names are variables, whose text is evaluated in turn.
 */
#include "workloads/programs/sh_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_MAX = 60 };
/* skip: parsed but without effect */
struct arith { struct proc *p; const char *s; unsigned depth; bool skip; const char *error; };
static const struct { const char *op; int prec; } BINARY[] = {
    /* longest first */
    { "<<=", 0 }, { ">>=", 0 }, { "||", 3 },  { "&&", 4 },  { "==", 8 }, { "!=", 8 }, { "<=", 9 },
    { ">=", 9 },  { "<<", 10 }, { ">>", 10 }, { "**", 13 }, { "|", 5 },  { "^", 6 },  { "&", 7 },
    { "<", 9 },   { ">", 9 },   { "+", 11 },  { "-", 11 },  { "*", 12 }, { "/", 12 }, { "%", 12 },
};
static int64_t expression(struct arith *a, int min);

static void blanks(struct arith *a)
{
    while (*a->s == ' ' || *a->s == '\t' || *a->s == '\n')
        a->s++;
}

static bool eat(struct arith *a, const char *op)
{
    blanks(a);
    size_t n = strlen(op);
    if (strncmp(a->s, op, n) != 0)
        return false;
    a->s += n;
    return true;
}

static int64_t apply(struct arith *a, const char *op, int64_t x, int64_t y)
{
    switch (op[0]) {
    case '+': return (int64_t)((uint64_t)x + (uint64_t)y);
    case '-': return (int64_t)((uint64_t)x - (uint64_t)y);
    case '*':
        if (op[1] != '*')
            return (int64_t)((uint64_t)x * (uint64_t)y);
        uint64_t r = 1, b = (uint64_t)x;
        if (y < 0)
            a->error = "exponent less than 0";
        for (; y > 0; y >>= 1, b *= b)
            r *= y & 1 ? b : 1;
        return (int64_t)r;
    case '/': case '%':
        if (y == 0) {
            if (!a->skip)
                a->error = "divide by zero";
            return 0;
        }
        if (y == -1)
            return op[0] == '/' ? (int64_t)(0 - (uint64_t)x) : 0;
        return op[0] == '/' ? x / y : x % y;
    case '<': return op[1] == '<' ? (int64_t)((uint64_t)x << (y & 63)) : op[1] == '=' ? x <= y : x < y;
    case '>': return op[1] == '>' ? x >> (y & 63) : op[1] == '=' ? x >= y : x > y;
    case '=': return x == y;
    case '!': return x != y;
    case '|': return x | y;
    case '^': return x ^ y;
    default: return x & y;
    }
}

static int64_t variable(struct arith *a, const char *name)
{
    const char *text = sh_var_get(a->p, name);
    if (!text || !*text)
        return 0;
    if (++a->depth > DEPTH_MAX) {
        a->error = "expression recursion loop detected";
        return 0;
    }
    const char *saved = a->s;
    a->s = text;
    int64_t v = expression(a, 1);
    blanks(a);
    if (*a->s && !a->error)
        a->error = "arithmetic syntax error";
    a->s = saved;
    a->depth--;
    return v;
}

static void assign(struct arith *a, const char *name, int64_t v)
{
    char buf[32];
    if (a->skip || a->error)
        return;
    snprintf(buf, sizeof buf, "%" PRId64, v);
    if (!sh_var_set(a->p, name, buf))
        a->error = "";
}

/* A name, and what may follow it: =, op=, ++, --. */
static int64_t name_expression(struct arith *a)
{
    static const char *const OPS[] = { "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=" };
    char name[64];
    size_t n = 0;
    while (sh_name_char(*a->s)) {
        if (n + 1 < sizeof name)
            name[n++] = *a->s;
        a->s++;
    }
    name[n] = '\0';
    blanks(a);
    if (a->s[0] == '=' && a->s[1] != '=') {
        a->s++;
        int64_t v = expression(a, 1);
        assign(a, name, v);
        return v;
    }
    for (size_t i = 0; i < ARRAY_LEN(OPS); i++) {
        if (eat(a, OPS[i])) {
            int64_t y = expression(a, 1), v = apply(a, OPS[i], variable(a, name), y);
            assign(a, name, v);
            return v;
        }
    }
    int64_t v = variable(a, name);
    if (strncmp(a->s, "++", 2) == 0 || strncmp(a->s, "--", 2) == 0) {
        assign(a, name, a->s[0] == '+' ? v + 1 : v - 1);
        a->s += 2;
    }
    return v;
}

static int64_t primary(struct arith *a)
{
    blanks(a);
    if (++a->depth > DEPTH_MAX) {
        a->error = "expression recursion loop detected";
        return 0;
    }
    int64_t v = 0;
    if (eat(a, "(")) {
        v = expression(a, 1);
        if (!eat(a, ")") && !a->error)
            a->error = "arithmetic syntax error";
    } else if (strncmp(a->s, "++", 2) == 0 || strncmp(a->s, "--", 2) == 0) {
        int64_t by = a->s[0] == '+' ? 1 : -1;
        a->s += 2;
        blanks(a);
        char name[64];
        size_t n = 0;
        while (sh_name_char(*a->s) && n + 1 < sizeof name)
            name[n++] = *a->s++;
        name[n] = '\0';
        v = variable(a, name) + by;
        assign(a, name, v);
    } else if (eat(a, "!")) {
        v = !primary(a);
    } else if (eat(a, "~")) {
        v = ~primary(a);
    } else if (eat(a, "-")) {
        v = (int64_t)(0 - (uint64_t)primary(a));
    } else if (eat(a, "+")) {
        v = primary(a);
    } else if (*a->s >= '0' && *a->s <= '9') {
        char *end;
        v = (int64_t)strtoull(a->s, &end, 0);
        a->s = end;
    } else if (sh_name_start(*a->s)) {
        v = name_expression(a);
    } else if (!a->error) {
        a->error = "arithmetic syntax error";
    }
    a->depth--;
    return v;
}

static int64_t expression(struct arith *a, int min)
{
    if (++a->depth > DEPTH_MAX) {
        a->error = "expression recursion loop detected";
        return 0;
    }
    int64_t x = primary(a);
    while (!a->error) {
        blanks(a);
        size_t i = 0;
        while (i < ARRAY_LEN(BINARY) && strncmp(a->s, BINARY[i].op, strlen(BINARY[i].op)) != 0)
            i++;
        if (i < ARRAY_LEN(BINARY) && BINARY[i].prec >= min && BINARY[i].prec > 0 && min > 0) {
            const char *op = BINARY[i].op;
            a->s += strlen(op);
            bool logic = op[0] == op[1] && (op[0] == '|' || op[0] == '&'), skip = a->skip;
            if (logic)
                a->skip |= op[0] == '|' ? x != 0 : x == 0;
            int64_t y = expression(a, BINARY[i].prec + (op[0] != '*' || op[1] != '*'));
            a->skip = skip;
            x = logic ? (op[0] == '|' ? x || y : x && y) : apply(a, op, x, y);
        } else if (*a->s == '?' && min <= 2) {
            a->s++;
            bool skip = a->skip;
            a->skip = skip || !x;
            int64_t yes = expression(a, 1);
            if (!eat(a, ":") && !a->error)
                a->error = "malformed ?: operator";
            a->skip = skip || x;
            int64_t no = expression(a, 2);
            a->skip = skip;
            x = x ? yes : no;
        } else {
            break;
        }
    }
    a->depth--;
    return x;
}

bool sh_arith(struct proc *p, const char *text, int64_t *out)
{
    struct arith a = { .p = p, .s = text };
    blanks(&a);
    *out = *a.s ? expression(&a, 1) : 0;
    while (!a.error && eat(&a, ","))
        *out = expression(&a, 1);
    blanks(&a);
    if (*a.s && !a.error)
        a.error = "arithmetic syntax error";
    if (a.error && *a.error)
        sh_proc_printf(p, 2, "sh: %s\n", a.error);
    return !a.error;
}
