/* sim/cmd/dockerignore.c - which files of a folder are no part of a build's context.
 *
 * Upstream: docker's fileutils.PatternMatcher: one pattern a line, "#" comments, "!" takes back, the last match decides; a
 * pattern that matches a folder matches all that is in it; "*" and "?" stop at a slash, "**" does not.
 */
#include "sim/cmd/cluster.h"

enum { STEPS_MAX = 20000 };                        /* of backtracking, for one pattern and path: patterns of strangers end too */

static bool match(struct str p, struct str s, int *steps);

/* [a-z], [^x]: *used is how much of the pattern it took; 0 when it is no class. */
static bool match_class(struct str p, char c, size_t *used)
{
    size_t i = 1;
    bool negated = i < p.n && p.p[i] == '^', found = false;
    i += negated;
    for (bool first = true; i < p.n && (first || p.p[i] != ']'); first = false) {
        char low = p.p[i], high = low;
        if (i + 2 < p.n && p.p[i + 1] == '-' && p.p[i + 2] != ']') {
            high = p.p[i + 2];
            i += 2;
        }
        found = found || (low <= c && c <= high);
        i++;
    }
    *used = i < p.n ? i + 1 : 0;
    return found != negated && c != '/';
}

static bool match_stars(struct str p, struct str s, int *steps)
{
    bool across = p.n > 1 && p.p[1] == '*';
    struct str rest = str_sub(p, across ? 2 : 1, p.n);
    if (across && rest.n && rest.p[0] == '/' && match(str_sub(rest, 1, rest.n), s, steps))
        return true;                               /* a double star stands for no folder, too */
    for (size_t i = 0; i <= s.n; i++) {
        if (match(rest, str_sub(s, i, s.n), steps))
            return true;
        if (i < s.n && s.p[i] == '/' && !across)
            return false;
    }
    return false;
}

static bool match(struct str p, struct str s, int *steps)
{
    while (p.n) {
        size_t used = 1;
        if (++*steps > STEPS_MAX)
            return false;
        if (p.p[0] == '*')
            return match_stars(p, s, steps);
        if (s.n == 0)
            return false;
        if (p.p[0] == '[') {
            bool in = match_class(p, s.p[0], &used);
            if (used == 0 || !in)
                return false;
        } else if (p.p[0] == '?') {
            if (s.p[0] == '/')
                return false;
        } else {
            if (p.p[0] == '\\' && p.n > 1)
                p = str_sub(p, 1, p.n);
            if (p.p[0] != s.p[0])
                return false;
        }
        p = str_sub(p, used, p.n);
        s = str_sub(s, 1, s.n);
    }
    return s.n == 0;
}

/* The path, or a folder that it is in. */
static bool pattern_covers(struct str pattern, struct str path)
{
    for (size_t i = 1; i <= path.n; i++) {
        int steps = 0;
        if ((i == path.n || path.p[i] == '/') && match(pattern, str_sub(path, 0, i), &steps))
            return true;
    }
    return false;
}

bool dockerignore_excludes(struct str patterns, struct str path)
{
    bool excluded = false;
    while (patterns.p && patterns.n) {
        struct str line = str_trim(str_token(&patterns, '\n'));
        if (line.n == 0 || line.p[0] == '#')
            continue;
        bool back = line.p[0] == '!';
        line = str_trim(str_sub(line, back ? 1 : 0, line.n));
        while (str_starts(line, "./"))
            line = str_sub(line, 2, line.n);
        while (line.n && line.p[0] == '/')
            line = str_sub(line, 1, line.n);
        while (line.n && line.p[line.n - 1] == '/')
            line = str_sub(line, 0, line.n - 1);
        if (line.n && excluded == back && pattern_covers(line, path))
            excluded = !back;
    }
    return excluded && !str_eqc(path, "Dockerfile") && !str_eqc(path, ".dockerignore");
}
