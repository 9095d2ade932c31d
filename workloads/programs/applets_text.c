/* workloads/programs/applets_text.c - busybox's filters: cat head tail wc grep sort uniq cut tr sed seq yes tee rev tac
 * nl (coreutils/, findutils/grep.c, editors/sed.c).
 *
 * Each reads its inputs line by line, so that it works in the middle of a pipe that never ends. Regular expressions are
 * the C library's, as in busybox. sed has s, d, p and q with line or pattern addresses; anything else is refused by
 * name.
 */
#include "workloads/programs/applets.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

static struct str chomp(const struct strbuf *b)
{
    struct str s = strbuf_str(b);
    if (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    return s;
}

static void out_line(struct run *r, struct str s)
{
    struct strbuf b;
    strbuf_init(&b, s.n + 2);
    strbuf_add(&b, s);
    strbuf_addch(&b, '\n');
    sh_proc_write(r->p, 1, strbuf_str(&b));
    strbuf_deinit(&b);
}

/* Reads a line into the run's buffer, which is emptied when the line is complete. */
static enum read_result one_line(struct run *r)
{
    struct strbuf *b = applet_buffer(r);
    strbuf_reset(b);
    return applet_line(r, b);
}
#define NEXT_LINE(r)                                                                                                       \
    do {                                                                                                                   \
        enum read_result got_ = one_line(r);                                                                               \
        if (got_ == READ_WAIT)                                                                                             \
            return RUN_WAIT;                                                                                               \
        eof = got_ == READ_EOF;                                                                                            \
    } while (0)

static enum verdict do_cat(struct run *r)
{
    struct { int line; } *s = applet_state(r, sizeof *s);
    uint32_t flags;
    const char *values[32];
    bool eof;
    int first = applet_options(r, "nuv", &flags, values);
    if (first < 0)
        return run_done(r, 1);
    if (r->phase++ == 0)
        applet_inputs(r, first);
    if (flags & 1) {
        NEXT_LINE(r);
        if (!eof)
            OUT(r, "%6d  " STR_FMT "\n", ++s->line, STR_ARG(chomp(r->lines)));
        return eof ? RUN_DONE : RUN_AGAIN;
    }
    struct strbuf *b = applet_buffer(r);
    strbuf_reset(b);
    enum read_result got = applet_some(r, b);
    if (got == READ_DATA)
        sh_proc_write(r->p, 1, strbuf_str(b));
    return got == READ_DATA ? RUN_AGAIN : got == READ_WAIT ? RUN_WAIT : RUN_DONE;
}

static enum verdict do_head(struct run *r)
{
    struct { int64_t left; } *s = applet_state(r, sizeof *s);
    uint32_t flags;
    const char *values[32];
    bool eof;
    if (r->phase++ == 0) {
        int first = applet_options(r, "n:c:q#", &flags, values);
        s->left = 10;
        if (first < 0)
            return run_done(r, 1);
        const char *n = flags & 8 ? values[3] : flags & 1 ? values[0] : flags & 2 ? values[1] : "10";
        if (!str_int(str_c(n), &s->left))
            return applet_fail(r, "invalid number '%s'", n);
        r->phase = flags & 2 ? 100 : 1;
        applet_inputs(r, first);
    }
    if (s->left <= 0)
        return RUN_DONE;
    if (r->phase >= 100) {
        struct strbuf *b = applet_buffer(r);
        strbuf_reset(b);
        enum read_result got = applet_some(r, b);
        if (got != READ_DATA)
            return got == READ_WAIT ? RUN_WAIT : RUN_DONE;
        struct str bytes = str_sub(strbuf_str(b), 0, (size_t)s->left);
        sh_proc_write(r->p, 1, bytes);
        s->left -= (int64_t)bytes.n;
        return RUN_AGAIN;
    }
    NEXT_LINE(r);
    if (eof)
        return RUN_DONE;
    sh_proc_write(r->p, 1, strbuf_str(r->lines));
    return --s->left > 0 ? RUN_AGAIN : RUN_DONE;
}

/* Reads everything into the run's buffer first, a piece per step, as there need be no end. False: not all of it is there yet;
 * *v is what to answer. */
static bool all_input(struct run *r, enum verdict *v)
{
    struct strbuf *b = applet_buffer(r);
    enum read_result got = applet_some(r, b);
    *v = b->overflow ? applet_fail(r, "out of memory") : got == READ_DATA ? RUN_AGAIN : RUN_WAIT;
    return got == READ_EOF && !b->overflow;
}

static enum verdict do_tail(struct run *r)
{
    uint32_t flags;
    const char *values[32];
    enum verdict v;
    int64_t n = 10;
    int first = applet_options(r, "n:c:fq#", &flags, values);
    if (first < 0)
        return run_done(r, 1);
    if (flags & 4)
        return applet_fail(r, "-f is not in kubelab's busybox");
    const char *text = flags & 16 ? values[4] : flags & 1 ? values[0] : flags & 2 ? values[1] : "10";
    bool from_start = text[0] == '+';
    if (!str_int(str_c(text + from_start), &n))
        return applet_fail(r, "invalid number '%s'", text);
    n = n < 0 ? -n : n;
    if (r->phase++ == 0)
        applet_inputs(r, first);
    if (!all_input(r, &v))
        return v;
    struct str s = strbuf_str(r->lines);
    size_t at = from_start ? 0 : s.n;
    if (flags & 2) {
        at = from_start ? (size_t)(n > 0 ? n - 1 : 0) : (uint64_t)n < s.n ? s.n - (size_t)n : 0;
    } else if (from_start) {
        for (int64_t k = 1; k < n && at < s.n; at++)
            k += s.p[at] == '\n';
    } else {
        for (int64_t k = 0; at > 0; at--)
            if (s.p[at - 1] == '\n' && at < s.n && ++k == n)
                break;
        at = n == 0 ? s.n : at;
    }
    sh_proc_write(r->p, 1, str_sub(s, at, s.n));
    return run_done(r, r->status);
}

static enum verdict do_tac(struct run *r)          /* tac and rev */
{
    enum verdict v;
    if (r->phase++ == 0)
        applet_inputs(r, 1);
    if (!all_input(r, &v))
        return v;
    struct str s = strbuf_str(r->lines);
    bool rev = r->applet->name[0] == 'r';
    while (s.n) {
        bool nl = s.p[s.n - 1] == '\n';
        size_t end = s.n - nl, at = rev ? 0 : end;
        if (rev) {
            char *line = arena_alloc(r->arena, s.n);
            while (at < s.n && s.p[at] != '\n')
                at++;
            for (size_t i = 0; i < at; i++)
                line[i] = s.p[at - 1 - i];
            out_line(r, (struct str){ line, at });
            s = str_sub(s, at + 1, s.n);
            continue;
        }
        while (at > 0 && s.p[at - 1] != '\n')
            at--;
        out_line(r, str_sub(s, at, end));
        s = str_sub(s, 0, at);
    }
    return run_done(r, r->status);
}

static enum verdict do_wc(struct run *r)
{
    struct { int64_t lines, words, bytes; bool in_word; } *s = applet_state(r, sizeof *s);
    uint32_t flags;
    const char *values[32];
    int first = applet_options(r, "lwcm", &flags, values);
    if (first < 0)
        return run_done(r, 1);
    if (r->phase++ == 0)
        applet_inputs(r, first);
    struct strbuf *b = applet_buffer(r);
    strbuf_reset(b);
    enum read_result got = applet_some(r, b);
    for (size_t i = 0; i < b->n; i++) {
        bool space = isspace((unsigned char)b->p[i]);
        s->lines += b->p[i] == '\n';
        s->words += !space && !s->in_word;
        s->in_word = !space;
    }
    s->bytes += (int64_t)b->n;
    if (got != READ_EOF)
        return got == READ_WAIT ? RUN_WAIT : RUN_AGAIN;
    bool all = !(flags & 15), single = flags && !(flags & (flags - 1));
    const char *name = r->argc - first == 1 ? r->argv[first] : r->argc > first ? "total" : NULL;
    const char *format = single ? "%" PRId64 : "%9" PRId64;
    struct strbuf line;
    strbuf_init(&line, 4096);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (all || flags & 1)
        strbuf_addf(&line, format, s->lines);
    if (all || flags & 2)
        strbuf_addf(&line, line.n ? " %9" PRId64 : format, s->words);
    if (all || flags & 12)
        strbuf_addf(&line, line.n ? " %9" PRId64 : format, s->bytes);
#pragma GCC diagnostic pop
    if (name)
        strbuf_addf(&line, " %s", name);
    out_line(r, strbuf_str(&line));
    strbuf_deinit(&line);
    return run_done(r, r->status);
}

/* ---- regular expressions ---- */
static void free_regex(void *p)
{
    regfree(p);
}

static regex_t *compile(struct run *r, const char *pattern, int flags)
{
    regex_t *re = ARENA_NEW(r->arena, regex_t);
    int e = regcomp(re, pattern, flags);
    if (e) {
        char why[120];
        regerror(e, re, why, sizeof why);
        ERR(r, "%s: bad regex '%s': %s\n", r->applet->name, pattern, why);
        return NULL;
    }
    arena_defer(r->arena, free_regex, re);
    return re;
}

struct grep { regex_t *re; const char *fixed; int64_t count, limit, line; bool hit, many; uint32_t flags; };
enum {
    G_I = 1, G_V = 2, G_C = 4, G_N = 8, G_Q = 16, G_E = 32, G_F = 64, G_L = 128, G_O = 256, G_W = 512,
    G_R = 1024, G_H = 2048, G_M = 4096, G_EXPR = 8192
};

static enum verdict grep_start(struct run *r, struct grep *g)
{
    const char *values[32];
    int first = applet_options(r, "ivcnqEFlowrhm:e:", &g->flags, values);
    if (first < 0)
        return run_done(r, 2);
    if (g->flags & (G_R | G_L)) {
        ERR(r, "grep: options -r and -l are not in kubelab's busybox\n");
        return run_done(r, 2);
    }
    const char *pattern = g->flags & G_EXPR ? values[13] : first < r->argc ? r->argv[first++] : NULL;
    if (!pattern) {
        ERR(r, "Usage: grep [-HhnlLoqvsrRiwFE] [-m N] [-A|B|C N] { PATTERN | -e PATTERN... | -f FILE... } [FILE]...\n");
        return run_done(r, 2);
    }
    g->limit = INT64_MAX;
    if (g->flags & G_M && !str_int(str_c(values[12]), &g->limit))
        return applet_fail(r, "invalid number '%s'", values[12]);
    if (g->flags & G_F) {
        g->fixed = pattern;
    } else {
        if (g->flags & G_W)
            pattern = arena_printf(r->arena, "\\b%s%s%s\\b", g->flags & G_E ? "(" : "\\(", pattern, g->flags & G_E ? ")" : "\\)");
        g->re = compile(r, pattern, (g->flags & G_E ? REG_EXTENDED : 0) | (g->flags & G_I ? REG_ICASE : 0));
        if (!g->re)
            return run_done(r, 2);
    }
    applet_inputs(r, first);
    g->many = r->argc - first > 1 && !(g->flags & G_H);
    return RUN_AGAIN;
}

static enum verdict do_grep(struct run *r)
{
    struct grep *g = STATE(r, struct grep);
    bool eof;
    if (r->phase++ == 0) {
        enum verdict v = grep_start(r, g);
        if (v == RUN_DONE)
            return v;
    }
    NEXT_LINE(r);
    if (eof) {
        if (g->flags & G_C)
            OUT(r, "%" PRId64 "\n", g->count);
        return run_done(r, r->status ? 2 : g->hit ? 0 : 1);
    }
    struct str line = chomp(r->lines);
    char *text = arena_cstr(r->arena, line);
    regmatch_t at = { 0, 0 };
    bool match = g->re            ? regexec(g->re, text, 1, &at, 0) == 0
                 : g->flags & G_I ? strcasestr(text, g->fixed) != NULL
                                  : strstr(text, g->fixed) != NULL;
    g->line++;
    if (match == !!(g->flags & G_V))
        return RUN_AGAIN;
    g->hit = true;
    g->count++;
    if (g->flags & G_Q)
        return run_done(r, 0);
    char prefix[300] = "";
    if (g->many)
        snprintf(prefix, sizeof prefix, "%s:", r->in_name);
    if (g->flags & G_N)
        snprintf(prefix + strlen(prefix), sizeof prefix - strlen(prefix), "%" PRId64 ":", g->line);
    if (g->flags & G_O && g->re) {
        for (const char *s = text; regexec(g->re, s, 1, &at, s != text ? REG_NOTBOL : 0) == 0 && at.rm_eo > at.rm_so;
             s += at.rm_eo)
            OUT(r, "%s%.*s\n", prefix, (int)(at.rm_eo - at.rm_so), s + at.rm_so);
    } else if (!(g->flags & G_C)) {
        OUT(r, "%s", prefix);
        out_line(r, line);
    }
    return g->count >= g->limit ? run_done(r, 0) : RUN_AGAIN;
}

/* ---- sort, uniq, cut, tr ---- */
struct sorting { bool numeric, reverse, unique, fold; int64_t key; char sep; };
static struct str sort_key(const struct sorting *o, struct str s)
{
    for (int64_t k = 1; k < o->key; k++) {
        size_t i = 0;
        if (o->sep) {
            while (i < s.n && s.p[i] != o->sep)
                i++;
            i += i < s.n;
        } else {
            while (i < s.n && isblank((unsigned char)s.p[i]))
                i++;
            while (i < s.n && !isblank((unsigned char)s.p[i]))
                i++;
        }
        s = str_sub(s, i, s.n);
    }
    return s;
}

static int sort_compare(const void *a, const void *b, void *ctx)
{
    const struct sorting *o = ctx;
    struct str x = sort_key(o, *(const struct str *)a), y = sort_key(o, *(const struct str *)b);
    int c = 0;
    if (o->numeric) {
        char bx[64], by[64];
        snprintf(bx, sizeof bx, STR_FMT, (int)(x.n < 60 ? x.n : 60), x.p ? x.p : "");
        snprintf(by, sizeof by, STR_FMT, (int)(y.n < 60 ? y.n : 60), y.p ? y.p : "");
        double dx = strtod(bx, NULL), dy = strtod(by, NULL);
        c = dx < dy ? -1 : dx > dy;
    } else if (o->fold) {
        for (size_t i = 0; c == 0 && i < x.n && i < y.n; i++)
            c = toupper((unsigned char)x.p[i]) - toupper((unsigned char)y.p[i]);
        c = c ? c : (x.n > y.n) - (x.n < y.n);
    } else {
        c = str_cmp(x, y);
    }
    if (c == 0 && !o->unique)
        c = str_cmp(*(const struct str *)a, *(const struct str *)b);
    return o->reverse ? -c : c;
}

static enum verdict do_sort(struct run *r)
{
    uint32_t flags;
    const char *values[32];
    enum verdict v;
    struct sorting o = { .key = 1 };
    int first = applet_options(r, "nrufk:t:b", &flags, values);
    if (first < 0)
        return run_done(r, 2);
    if (r->phase++ == 0)
        applet_inputs(r, first);
    if (!all_input(r, &v))
        return v;
    o.numeric = flags & 1;
    o.reverse = flags & 2;
    o.unique = flags & 4;
    o.fold = flags & 8;
    if (flags & 16) {
        o.key = strtol(values[4], NULL, 10);
        o.numeric |= strchr(values[4], 'n') != NULL;
        o.reverse |= strchr(values[4], 'r') != NULL;
    }
    o.sep = flags & 32 ? values[5][0] : '\0';
    struct str rest = strbuf_str(r->lines);
    size_t n = 0, cap = 1;
    for (size_t i = 0; i < rest.n; i++)
        cap += rest.p[i] == '\n';
    struct str *lines = arena_alloc(r->arena, cap * sizeof *lines);
    while (rest.n) {
        struct str line, tail;
        str_cut(rest, '\n', &line, &tail);
        lines[n++] = line;
        rest = tail;
    }
    if (n)
        qsort_r(lines, n, sizeof *lines, sort_compare, &o);
    r->p->debt_ns += n * 600;
    for (size_t i = 0; i < n; i++)
        if (!o.unique || i == 0 || sort_compare(&lines[i - 1], &lines[i], &o) != 0)
            out_line(r, lines[i]);
    return run_done(r, r->status);
}

struct uniq { char *last; int64_t count; };
static void uniq_flush(struct run *r, struct uniq *s, uint32_t flags)
{
    if (!s->last || (flags & 2 && s->count < 2) || (flags & 4 && s->count > 1))
        return;
    if (flags & 1)
        OUT(r, "%7" PRId64 " ", s->count);
    out_line(r, str_c(s->last));
}

static enum verdict do_uniq(struct run *r)
{
    struct uniq *s = STATE(r, struct uniq);
    uint32_t flags;
    const char *values[32];
    bool eof;
    int first = applet_options(r, "cdu", &flags, values);
    if (first < 0)
        return run_done(r, 1);
    if (r->phase++ == 0)
        applet_inputs(r, first);
    NEXT_LINE(r);
    struct str line = chomp(r->lines);
    if (!eof && s->last && str_eqc(line, s->last)) {
        s->count++;
        return RUN_AGAIN;
    }
    uniq_flush(r, s, flags);
    if (eof)
        return run_done(r, r->status);
    s->last = arena_cstr(r->arena, line);
    s->count = 1;
    return RUN_AGAIN;
}

static bool in_list(const char *list, int64_t n)   /* 1,3-5,7- */
{
    while (*list) {
        char *end;
        int64_t lo = *list == '-' ? 1 : strtoll(list, &end, 10), hi = lo;
        if (*list == '-')
            end = (char *)(uintptr_t)list;
        if (*end == '-')
            hi = end[1] >= '0' && end[1] <= '9' ? strtoll(end + 1, &end, 10) : (end++, INT64_MAX);
        if (n >= lo && n <= hi)
            return true;
        if (*end != ',')
            return false;
        list = end + 1;
    }
    return false;
}

static enum verdict do_cut(struct run *r)
{
    uint32_t flags;
    const char *values[32];
    bool eof;
    int first = applet_options(r, "d:f:c:b:s", &flags, values);
    if (first < 0)
        return run_done(r, 1);
    if (!(flags & 14))
        return applet_fail(r, "expected a list of bytes, characters, or fields");
    if (r->phase++ == 0)
        applet_inputs(r, first);
    NEXT_LINE(r);
    if (eof)
        return run_done(r, r->status);
    struct str line = chomp(r->lines);
    struct strbuf out;
    strbuf_init(&out, line.n + 1);
    const char *list = flags & 2 ? values[1] : flags & 4 ? values[2] : values[3];
    char sep = flags & 1 ? values[0][0] : '\t';
    if (!(flags & 2)) {
        for (size_t i = 0; i < line.n; i++)
            if (in_list(list, (int64_t)i + 1))
                strbuf_addch(&out, line.p[i]);
        out_line(r, strbuf_str(&out));
    } else if (str_chr(line, sep) < 0) {
        if (!(flags & 16))
            out_line(r, line);
    } else {
        bool any = false;
        struct str rest = line;
        for (int64_t n = 1; rest.p; n++) {
            struct str field = str_token(&rest, sep);
            if (!in_list(list, n))
                continue;
            if (any)
                strbuf_addch(&out, sep);
            strbuf_add(&out, field);
            any = true;
        }
        out_line(r, strbuf_str(&out));
    }
    strbuf_deinit(&out);
    return RUN_AGAIN;
}

static size_t tr_set(const char *s, unsigned char set[512])        /* ranges, classes, escapes */
{
    static const struct { const char *name; int (*is)(int); } CLASSES[] = {
        { "[:alpha:]", isalpha }, { "[:digit:]", isdigit }, { "[:alnum:]", isalnum }, { "[:lower:]", islower },
        { "[:upper:]", isupper }, { "[:space:]", isspace }, { "[:punct:]", ispunct },
    };
    size_t n = 0;
    while (*s && n < 256) {
        size_t k = 0;
        while (k < ARRAY_LEN(CLASSES) && strncmp(s, CLASSES[k].name, strlen(CLASSES[k].name)) != 0)
            k++;
        if (k < ARRAY_LEN(CLASSES)) {
            for (int c = 0; c < 128 && n < 256; c++)
                if (CLASSES[k].is(c))
                    set[n++] = (unsigned char)c;
            s += strlen(CLASSES[k].name);
            continue;
        }
        unsigned char c = (unsigned char)*s++;
        if (c == '\\' && *s) {
            c = (unsigned char)*s++;
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == '0' ? 0 : c;
        }
        set[n++] = c;
        if (s[0] == '-' && s[1]) {
            unsigned char hi = (unsigned char)s[1];
            for (unsigned x = c + 1u; x <= hi && n < 256; x++)
                set[n++] = (unsigned char)x;
            s += 2;
        }
    }
    return n;
}

static enum verdict do_tr(struct run *r)
{
    struct { int map[256]; bool squeeze[256]; int last; } *s = applet_state(r, sizeof *s);
    uint32_t flags;
    const char *values[32];
    if (r->phase++ == 0) {
        unsigned char a[512], b[512];
        int first = applet_options(r, "dsc", &flags, values);
        if (first < 0 || first >= r->argc || (first + 1 >= r->argc && !(flags & 3))) {
            ERR(r, "Usage: tr [-cds] STRING1 [STRING2]\n");
            return run_done(r, 1);
        }
        size_t na = tr_set(r->argv[first], a), nb = first + 1 < r->argc ? tr_set(r->argv[first + 1], b) : 0;
        if (flags & 4) {
            bool in[256] = { false };
            for (size_t i = 0; i < na; i++)
                in[a[i]] = true;
            na = 0;
            for (int c = 0; c < 256; c++)
                if (!in[c])
                    a[na++] = (unsigned char)c;
        }
        for (int c = 0; c < 256; c++)
            s->map[c] = c;
        for (size_t i = 0; i < na; i++)
            s->map[a[i]] = flags & 1 ? -1 : nb ? b[i < nb ? i : nb - 1] : a[i];
        for (size_t i = 0; flags & 2 && i < (nb ? nb : na); i++)
            s->squeeze[nb ? b[i] : a[i]] = true;
        s->last = -1;
        applet_inputs(r, r->argc);
    }
    struct strbuf *in = applet_buffer(r), out;
    strbuf_reset(in);
    enum read_result got = applet_some(r, in);
    if (got != READ_DATA)
        return got == READ_WAIT ? RUN_WAIT : run_done(r, 0);
    strbuf_init(&out, in->n + 1);
    for (size_t i = 0; i < in->n; i++) {
        int c = s->map[(unsigned char)in->p[i]];
        if (c >= 0 && !(s->squeeze[c] && s->last == c))
            strbuf_addch(&out, (char)c);
        s->last = c >= 0 ? c : s->last;
    }
    sh_proc_write(r->p, 1, strbuf_str(&out));
    strbuf_deinit(&out);
    return RUN_AGAIN;
}

/* ---- sed ---- */
struct sed_command {
    int64_t from, to;
    regex_t *match, *re;
    const char *with;
    char what;
    bool global, print, active, last;
    int nth;
};
struct sed { struct sed_command c[16]; size_t n; int64_t line; bool quiet; };
static char *sed_part(struct run *r, const char **s, char sep)
{
    struct strbuf b;
    strbuf_init(&b, LIMIT_SHELL_LINE_BYTES);
    for (; **s && **s != sep; ++*s) {
        if (**s == '\\' && (*s)[1] == sep) {
            ++*s;
        } else if (**s == '\\' && (*s)[1]) {
            if ((*s)[1] == 'n') {
                strbuf_addch(&b, '\n');
                ++*s;
                continue;
            }
            strbuf_addch(&b, *(*s)++);
        }
        strbuf_addch(&b, **s);
    }
    char *out = **s == sep ? arena_cstr(r->arena, strbuf_str(&b)) : NULL;
    *s += **s == sep;
    strbuf_deinit(&b);
    return out;
}

static bool sed_parse(struct run *r, struct sed *sed, const char *s, bool extended)
{
    int re_flags = extended ? REG_EXTENDED : 0;
    while (*s) {
        while (*s == ';' || *s == ' ' || *s == '\n')
            s++;
        if (!*s)
            break;
        if (sed->n == ARRAY_LEN(sed->c))
            return applet_fail(r, "more than 16 commands are not in kubelab's busybox"), false;
        struct sed_command *c = &sed->c[sed->n++];
        if (*s >= '0' && *s <= '9') {
            char *end;
            c->from = c->to = strtoll(s, &end, 10);
            if (*end == ',') {
                c->last = end[1] == '$';
                c->to = c->last ? INT64_MAX : strtoll(end + 1, &end, 10);
                end += c->last ? 2 : 0;
            }
            s = end;
        } else if (*s == '/') {
            s++;
            char *pattern = sed_part(r, &s, '/');
            if (!pattern || !(c->match = compile(r, pattern, re_flags)))
                return applet_fail(r, "unterminated address"), false;
        }
        c->what = *s ? *s++ : '\0';
        if (c->what == 's' && *s) {
            char sep = *s++, *pattern = sed_part(r, &s, sep);
            c->with = pattern ? sed_part(r, &s, sep) : NULL;
            if (!c->with)
                return applet_fail(r, "unmatched '%c'", sep), false;
            for (c->nth = 1; *s && *s != ';' && *s != ' ' && *s != '\n'; s++) {
                if (*s == 'g')
                    c->global = true;
                else if (*s == 'p')
                    c->print = true;
                else if (*s == 'i' || *s == 'I')
                    re_flags |= REG_ICASE;
                else if (*s >= '1' && *s <= '9')
                    c->nth = *s - '0';
                else
                    return applet_fail(r, "flag '%c' of s is not in kubelab's busybox", *s), false;
            }
            if (!(c->re = compile(r, pattern, re_flags)))
                return false;
        } else if (!c->what || !strchr("dpq", c->what)) {
            return applet_fail(r, "command '%c' is not in kubelab's busybox", c->what ? c->what : ' '), false;
        }
    }
    return true;
}

static char *sed_substitute(struct run *r, const struct sed_command *c, const char *line, bool *changed)
{
    struct strbuf out;
    regmatch_t m[10];
    const char *s = line;
    int hits = 0;
    strbuf_init(&out, LIMIT_RESPONSE_BYTES);
    while (regexec(c->re, s, 10, m, s != line ? REG_NOTBOL : 0) == 0) {
        bool use = ++hits >= c->nth;
        strbuf_add(&out, (struct str){ s, (size_t)m[0].rm_so });
        if (!use)
            strbuf_add(&out, (struct str){ s + m[0].rm_so, (size_t)(m[0].rm_eo - m[0].rm_so) });
        for (const char *w = c->with; use && *w; w++) {
            int group = *w == '&' ? 0 : *w == '\\' && w[1] >= '0' && w[1] <= '9' ? *++w - '0' : -1;
            if (group >= 0 && m[group].rm_so >= 0)
                strbuf_add(&out, (struct str){ s + m[group].rm_so, (size_t)(m[group].rm_eo - m[group].rm_so) });
            else if (group < 0)
                strbuf_addch(&out, *w == '\\' && w[1] ? *++w : *w);
        }
        *changed |= use;
        s += m[0].rm_eo;
        if (m[0].rm_eo == m[0].rm_so) {
            if (!*s)
                break;
            strbuf_addch(&out, *s++);
        }
        if (use && !c->global)
            break;
    }
    strbuf_addc(&out, s);
    char *text = arena_cstr(r->arena, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

static enum verdict do_sed(struct run *r)
{
    struct sed *sed = STATE(r, struct sed);
    bool eof, quit = false;
    if (r->phase++ == 0) {
        uint32_t flags;
        const char *values[32];
        int first = applet_options(r, "nrEe:i", &flags, values);
        if (first < 0)
            return run_done(r, 1);
        if (flags & 16)
            return applet_fail(r, "option -i is not in kubelab's busybox");
        sed->quiet = flags & 1;
        const char *script = flags & 8 ? values[3] : first < r->argc ? r->argv[first++] : NULL;
        if (!script) {
            ERR(r, "Usage: sed [-nrE] [-e CMD]... [FILE]...\n");
            return run_done(r, 1);
        }
        if (!sed_parse(r, sed, script, flags & 6))
            return run_done(r, 1);
        applet_inputs(r, first);
    }
    NEXT_LINE(r);
    if (eof)
        return run_done(r, r->status);
    char *line = arena_cstr(r->arena, chomp(r->lines));
    bool deleted = false;
    sed->line++;
    for (size_t i = 0; i < sed->n && !deleted; i++) {
        struct sed_command *c = &sed->c[i];
        if ((c->from && (sed->line < c->from || sed->line > c->to)) || (c->match && regexec(c->match, line, 0, NULL, 0) != 0))
            continue;
        bool changed = c->what == 'p';
        if (c->what == 's')
            line = sed_substitute(r, c, line, &changed);
        deleted = c->what == 'd';
        quit |= c->what == 'q';
        if (changed && (c->what == 'p' || c->print))
            out_line(r, str_c(line));
    }
    if (!deleted && !sed->quiet)
        out_line(r, str_c(line));
    return quit ? run_done(r, 0) : RUN_AGAIN;
}

/* ---- sources of text ---- */
static enum verdict do_seq(struct run *r)
{
    struct { double at, step, last; int decimals; } *s = applet_state(r, sizeof *s);
    if (r->phase++ == 0) {
        double v[3] = { 1, 1, 1 };
        if (r->argc < 2 || r->argc > 4) {
            ERR(r, "Usage: seq [FIRST [INC]] LAST\n");
            return run_done(r, 1);
        }
        for (int i = 1; i < r->argc; i++) {
            char *end;
            v[i - 1] = strtod(r->argv[i], &end);
            if (*end || end == r->argv[i])
                return applet_fail(r, "invalid number '%s'", r->argv[i]);
            const char *dot = strchr(r->argv[i], '.');
            int d = dot ? (int)strlen(dot + 1) : 0;
            s->decimals = d > s->decimals && d < 15 ? d : s->decimals;
        }
        s->at = r->argc > 2 ? v[0] : 1;
        s->step = r->argc > 3 ? v[1] : 1;
        s->last = v[r->argc - 2];
    }
    for (int k = 0; k < 200; k++) {
        if (s->step == 0 || (s->step > 0 ? s->at > s->last + 1e-9 : s->at < s->last - 1e-9))
            return run_done(r, 0);
        OUT(r, "%.*f\n", s->decimals, s->at);
        s->at += s->step;
    }
    r->p->debt_ns += 200 * 1000;
    return RUN_AGAIN;
}

static enum verdict do_yes(struct run *r)
{
    struct strbuf *b = applet_buffer(r);
    if (r->phase++ == 0) {
        struct strbuf line;
        strbuf_init(&line, LIMIT_SHELL_LINE_BYTES);
        for (int i = 1; i < r->argc; i++)
            strbuf_addf(&line, "%s%s", i > 1 ? " " : "", r->argv[i]);
        if (r->argc < 2)
            strbuf_addch(&line, 'y');
        strbuf_addch(&line, '\n');
        while (b->n < 1024)
            strbuf_add(b, strbuf_str(&line));
        strbuf_deinit(&line);
    }
    sh_proc_write(r->p, 1, strbuf_str(b));
    r->p->debt_ns += 50 * 1000;                    /* a terminal or a log is slower than this; the debt makes it wait */
    return RUN_AGAIN;
}

static enum verdict do_tee(struct run *r)
{
    struct { struct file *f[8]; } *s = applet_state(r, sizeof *s);
    uint32_t flags;
    const char *values[32];
    int first = applet_options(r, "ai", &flags, values);
    if (first < 0)
        return run_done(r, 1);
    if (r->phase++ == 0) {
        for (int i = first; i < r->argc && i - first < 8; i++) {
            int e = sh_file_open(r->p, r->argv[i], flags & 1 ? ">>" : ">", &s->f[i - first]);
            if (e)
                ERR(r, "tee: %s: %s\n", r->argv[i], sh_strerror(e));
            arena_defer(r->arena, (void (*)(void *))sh_file_unref, s->f[i - first]);
        }
        applet_inputs(r, r->argc);
    }
    struct strbuf *b = applet_buffer(r);
    strbuf_reset(b);
    enum read_result got = applet_some(r, b);
    if (got != READ_DATA)
        return got == READ_WAIT ? RUN_WAIT : run_done(r, 0);
    sh_proc_write(r->p, 1, strbuf_str(b));
    for (int i = 0; i < 8; i++)
        sh_file_write(r->p, s->f[i], strbuf_str(b));
    return RUN_AGAIN;
}

const struct applet sh_text_applets[] = {
    { "cat", do_cat, false, 60, "[-nbvteA] [FILE]..." },
    { "head", do_head, false, 60, "[OPTIONS] [FILE]..." },
    { "tail", do_tail, false, 60, "[OPTIONS] [FILE]..." },
    { "tac", do_tac, false, 60, NULL },
    { "rev", do_tac, false, 60, NULL },
    { "wc", do_wc, false, 60, "[-clwL] [FILE]..." },
    { "grep", do_grep, false, 90, "[-HhnlLoqvsrRiwFE] [-m N] { PATTERN | -e PATTERN... } [FILE]..." },
    { "egrep", do_grep, false, 90, NULL },
    { "sort", do_sort, false, 90, "[-nrugMcszbdfiokt] [FILE]..." },
    { "uniq", do_uniq, false, 60, "[-cdu] [INPUT]" },
    { "cut", do_cut, false, 60, "[OPTIONS] [FILE]..." },
    { "tr", do_tr, false, 60, NULL },
    { "sed", do_sed, false, 100, "[-nrE] [-e CMD]... [FILE]..." },
    { "seq", do_seq, false, 60, NULL },
    { "yes", do_yes, false, 60, NULL },
    { "tee", do_tee, false, 60, "[-ai] [FILE]..." },
    { 0 },
};
