/* workloads/programs/sh_lex.c - where quotes and substitutions end (upstream: busybox shell/ash.c, readtoken1).
 *
 * Words are kept as they were written until they are expanded, so parser and expander both have to step over quoted and
 * substituted parts; these are the only functions that know how.
 */
#include "workloads/programs/sh_priv.h"

bool sh_name_start(char c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool sh_name_char(char c)
{
    return sh_name_start(c) || (c >= '0' && c <= '9');
}

size_t sh_skip_single(struct str s, size_t i)
{
    for (i++; i < s.n; i++)
        if (s.p[i] == '\'')
            return i + 1;
    return SIZE_MAX;
}

size_t sh_skip_backtick(struct str s, size_t i)
{
    for (i++; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '`')
            return i + 1;
    }
    return SIZE_MAX;
}

/* One quoted or substituted part at i, or one character. */
static size_t skip_part(struct str s, size_t i, bool in_double, unsigned depth)
{
    if (depth > 100)
        return SIZE_MAX;
    switch (s.p[i]) {
    case '\\': return i + 2 <= s.n ? i + 2 : SIZE_MAX;
    case '\'': return in_double ? i + 1 : sh_skip_single(s, i);
    case '"': return in_double ? i + 1 : sh_skip_double(s, i);
    case '`': return sh_skip_backtick(s, i);
    case '$': return sh_skip_dollar(s, i);
    default: return i + 1;
    }
}

static _Thread_local unsigned nesting;             /* of calls below: bounds the C stack against hostile input */

size_t sh_skip_double(struct str s, size_t i)
{
    for (i++; i < s.n && s.p[i] != '"';) {
        i = skip_part(s, i, true, nesting);
        if (i == SIZE_MAX)
            return i;
    }
    return i < s.n ? i + 1 : SIZE_MAX;
}

static size_t skip_braces(struct str s, size_t i)                  /* at { */
{
    for (i++; i < s.n && s.p[i] != '}';) {
        i = skip_part(s, i, false, nesting);
        if (i == SIZE_MAX)
            return i;
    }
    return i < s.n ? i + 1 : SIZE_MAX;
}

static size_t skip_parens(struct str s, size_t i)                  /* at ( */
{
    int open = 0;
    bool word_start = true;
    while (i < s.n) {
        char c = s.p[i];
        if (c == '#' && word_start) {
            while (i < s.n && s.p[i] != '\n')
                i++;
            continue;
        }
        open += c == '(';
        open -= c == ')';
        if (open == 0)
            return i + 1;
        word_start = c == ' ' || c == '\t' || c == '\n' || c == ';' || c == '(';
        i = skip_part(s, i, false, nesting);
        if (i == SIZE_MAX)
            return i;
    }
    return SIZE_MAX;
}

size_t sh_skip_dollar(struct str s, size_t i)
{
    size_t end = i + 1;
    if (i + 1 >= s.n)
        return i + 1;
    nesting++;
    if (s.p[i + 1] == '{') {
        end = skip_braces(s, i + 1);
    } else if (s.p[i + 1] == '(') {
        end = skip_parens(s, i + 1);
    } else if (sh_name_start(s.p[i + 1])) {
        while (end < s.n && sh_name_char(s.p[end]))
            end++;
    } else if (strchr("?$!#@*-", s.p[i + 1]) || (s.p[i + 1] >= '0' && s.p[i + 1] <= '9')) {
        end = i + 2;
    }
    nesting--;
    return end;
}
