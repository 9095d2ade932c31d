/* apiserver/schema/pattern.c - Go's regular expressions (RE2's syntax), as far as POSIX's extended ones can say the same.
 *
 * Translated are \d \w \s and their opposites, groups that do not capture, reluctant repetition (which matches the same texts),
 * \A and \z, and escapes inside of brackets, where POSIX has none. Upstream: Go's regexp/syntax, whose errors are quoted here.
 */
#include "apiserver/schema/structural.h"

#include <regex.h>

enum { PATTERN_MAX = 4096 };           /* bytes of a translated pattern */

struct translation { struct strbuf out; struct str in; size_t i; const char *error; };

static const char *class_of(char ch)
{
    switch (ch) {
    case 'd': return "0-9";
    case 'w': return "0-9A-Za-z_";
    case 's': return "\t\n\f\r ";
    default: return NULL;
    }
}

static char plain_escape(char ch)
{
    return ch == 'n' ? '\n' : ch == 't' ? '\t' : ch == 'r' ? '\r' : ch == 'f' ? '\f' : ch == 'v' ? '\v' : ch;
}

/* After a backslash outside of brackets. */
static void translate_escape(struct translation *t)
{
    char ch = t->in.p[t->i++], lower = (char)(ch | 0x20);
    const char *set = class_of(lower);
    if (set)
        strbuf_addf(&t->out, "[%s%s]", ch == lower ? "" : "^", set);
    else if (ch == 'A' || ch == 'z')
        strbuf_addch(&t->out, ch == 'A' ? '^' : '$');
    else if (ch == 'b' || ch == 'B')
        strbuf_addf(&t->out, "\\%c", ch);
    else if ((ch >= 'a' && ch <= 'z' && plain_escape(ch) == ch) || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9'))
        t->error = "escapes such as \\p{...}, \\x and \\Q are not modelled";
    else if (plain_escape(ch) != ch)
        strbuf_addch(&t->out, plain_escape(ch));
    else
        strbuf_addf(&t->out, "\\%c", ch);
}

/* A bracket expression: POSIX wants ] first and - last. */
static void translate_bracket(struct translation *t)
{
    bool close = false, dash = false, ended = false;
    struct strbuf body;
    strbuf_init(&body, PATTERN_MAX);
    bool negated = t->i < t->in.n && t->in.p[t->i] == '^';
    t->i += negated;
    for (bool first = true; t->i < t->in.n && !ended; first = false) {
        char ch = t->in.p[t->i++];
        if (ch == ']' && !first) {
            ended = true;
        } else if (ch == '\\' && t->i < t->in.n) {
            char e = t->in.p[t->i++];
            if (class_of(e)) strbuf_addc(&body, class_of(e));
            else if (e == ']') close = true;
            else if (e == '-') dash = true;
            else strbuf_addch(&body, plain_escape(e));
        } else if (ch == ']') {
            close = true;
        } else if (ch == '-' && (first || (t->i < t->in.n && t->in.p[t->i] == ']'))) {
            dash = true;
        } else {
            strbuf_addch(&body, ch);
        }
    }
    if (!ended)
        t->error = "missing closing ]";
    struct str text = strbuf_str(&body);
    strbuf_addf(&t->out, "[%s%s" STR_FMT "%s]", negated ? "^" : "", close ? "]" : "", STR_ARG(text), dash ? "-" : "");
    strbuf_deinit(&body);
}

static void translate(struct translation *t)
{
    while (t->i < t->in.n && !t->error) {
        char ch = t->in.p[t->i++], before = t->i > 1 ? t->in.p[t->i - 2] : 0;
        if (ch == '\\' && t->i < t->in.n) {
            translate_escape(t);
        } else if (ch == '[') {
            translate_bracket(t);
        } else if (ch == '(' && str_starts(str_sub(t->in, t->i, t->in.n), "?:")) {
            strbuf_addch(&t->out, '(');
            t->i += 2;
        } else if (ch == '(' && t->i < t->in.n && t->in.p[t->i] == '?') {
            t->error = "flags and named groups are not modelled";
        } else if (ch == '?' && (before == '*' || before == '+' || before == '?' || before == '}')) {
            continue;                  /* reluctant: the same texts match */
        } else {
            strbuf_addch(&t->out, ch);
        }
    }
}

static struct str compile(struct arena *a, struct str pattern, regex_t *re)
{
    struct translation t = { .in = pattern };
    strbuf_init(&t.out, PATTERN_MAX);
    translate(&t);
    int code = t.error ? 0 : regcomp(re, arena_cstr(a, strbuf_str(&t.out)), REG_EXTENDED | REG_NOSUB);
    strbuf_deinit(&t.out);
    if (!t.error && !code)
        return STR_NULL;
    const char *why = t.error ? t.error : code == REG_EPAREN ? "missing closing )" : code == REG_EBRACK ? "missing closing ]"
                    : code == REG_BADRPT ? "missing argument to repetition operator" : code == REG_BADBR ? "invalid repeat count"
                    : "invalid escape sequence";
    return arena_strf(a, "error parsing regexp: %s: `" STR_FMT "`", why, STR_ARG(pattern));
}

struct str pattern_error(struct arena *a, struct str pattern)
{
    regex_t re;
    struct str why = compile(a, pattern, &re);
    if (!why.n)
        regfree(&re);
    return why;
}

bool pattern_matches(struct arena *a, struct str pattern, struct str text)
{
    regex_t re;
    if (compile(a, pattern, &re).n)
        return false;
    bool yes = regexec(&re, arena_cstr(a, text), 0, NULL, 0) == 0;
    regfree(&re);
    return yes;
}
