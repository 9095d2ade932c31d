/* workloads/programs/sh_expand.c - words to fields: parameters, commands, arithmetic, splitting, globbing, quotes
 * (POSIX 2.6; busybox ash.c, expandarg).
 *
 * A command substitution takes time, so an expansion that meets one whose output is not known yet gives up with its
 * text; when the output is there, it is appended to the memo and the expansion starts again, taking from the memo in
 * order everything that was computed before (also what has side effects: arithmetic, ${x:=y}). So no half-done
 * expansion ever has to be kept. Tilde, ${x:-y} := :? :+ # ## % %% ${#x}, $@ and $* as in POSIX, and
 * ${x:offset:length}, ${x/pat/rep} as busybox has them.
 */
#include "workloads/programs/sh_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIELD_MAX = 4 * 1024 * 1024, DEPTH_MAX = 40 };
struct expander {
    struct proc     *p;
    struct memo     *memo;
    enum expand_mode mode;
    struct fields   *out;
    char           **command;
    /* of the field being built; with EXPAND_FIELDS and _PATTERN quoted magic characters have a \ before them */
    struct strbuf    text;
    bool             present;                      /* the field exists even if empty: it had quotes */
    bool             failed, needs;
    unsigned         depth;
};

void sh_fields_add(struct fields *f, const char *s, size_t n)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 4;
        f->v = xrealloc(f->v, f->cap * sizeof *f->v);
    }
    char *copy = xmalloc(n + 1);
    if (n)
        memcpy(copy, s, n);
    copy[n] = '\0';
    f->v[f->n++] = copy;
}

void sh_fields_deinit(struct fields *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->v[i]);
    free(f->v);
    *f = (struct fields){ 0 };
}

/* ---- patterns ---- */
static bool match_set(const char **pattern, char c, bool *ok)      /* past [ ; *ok: it was a set */
{
    const char *s = *pattern;
    bool not = *s == '!' || *s == '^', hit = false;
    s += not;
    for (bool first = true; *s && (*s != ']' || first); first = false) {
        static const struct { const char *name; const char *chars; } CLASSES[] = {
            { "[:digit:]", "0123456789" },
            { "[:alpha:]", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" },
            { "[:space:]", " \t\n\r\v\f" },
            { "[:alnum:]", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" },
            { "[:upper:]", "ABCDEFGHIJKLMNOPQRSTUVWXYZ" },
            { "[:lower:]", "abcdefghijklmnopqrstuvwxyz" },
            { "[:punct:]", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" },
        };
        size_t k = 0;
        while (k < ARRAY_LEN(CLASSES) && strncmp(s, CLASSES[k].name, strlen(CLASSES[k].name)) != 0)
            k++;
        if (k < ARRAY_LEN(CLASSES)) {
            hit |= c && strchr(CLASSES[k].chars, c);
            s += strlen(CLASSES[k].name);
            continue;
        }
        s += *s == '\\' && s[1];
        unsigned char lo = (unsigned char)*s++, hi = lo;
        if (*s == '-' && s[1] && s[1] != ']') {
            s += 1 + (s[1] == '\\' && s[2]);
            hi = (unsigned char)*s++;
        }
        hit |= (unsigned char)c >= lo && (unsigned char)c <= hi;
    }
    *ok = *s == ']';
    *pattern = s + (*s == ']');
    return hit != not;
}

bool sh_match(const char *p, const char *t)
{
    const char *star = NULL, *from = NULL;         /* the last * and where its match was tried last: no recursion needed */
    for (;;) {
        if (*p == '*') {
            star = ++p;
            from = t;
            continue;
        }
        bool ok = false, set = false;
        const char *next = p;
        if (*p == '?') {
            ok = *t != '\0';
            next = p + 1;
        } else if (*p == '[' && *t) {
            next = p + 1;
            ok = match_set(&next, *t, &set);
            if (!set) {
                ok = *t == '[';
                next = p + 1;
            }
        } else if (*p == '\\' && p[1]) {
            ok = p[1] == *t;
            next = p + 2;
        } else {
            if (!*p && !*t)
                return true;
            ok = *p && *p == *t;
            next = p + 1;
        }
        if (ok && *t) {
            p = next;
            t++;
        } else if (star && *from) {
            p = star;
            t = ++from;
        } else {
            return false;
        }
    }
}

static bool has_magic(const char *s)
{
    for (; *s; s++) {
        if (*s == '\\' && s[1])
            s++;
        else if (*s == '*' || *s == '?' || (*s == '[' && strchr(s, ']')))
            return true;
    }
    return false;
}

static size_t unescape(char *s)
{
    char *to = s;
    for (const char *from = s; *from; from++) {
        if (*from == '\\' && from[1])
            from++;
        *to++ = *from;
    }
    *to = '\0';
    return (size_t)(to - s);
}

struct globbing { struct proc *p; struct fields names; const char *pattern; };
static void glob_each(void *ctx, const char *name)
{
    struct globbing *g = ctx;
    if ((name[0] != '.' || g->pattern[0] == '.') && sh_match(g->pattern, name))
        sh_fields_add(&g->names, name, strlen(name));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One path component at a time. prefix is what has been matched, as the user will see it. */
static void glob_from(struct proc *p, const char *prefix, const char *pattern, struct fields *out, unsigned depth)
{
    char part[256], path[1024], shown[1024];
    size_t n = 0;
    struct sh_stat st;
    if (depth > 20 || out->n > 10000)
        return;
    while (pattern[n] && pattern[n] != '/' && n < sizeof part - 1) {
        part[n] = pattern[n];
        n++;
    }
    part[n] = '\0';
    const char *rest = pattern + n;
    while (*rest == '/')
        rest++;
    bool more = pattern[n] == '/';
    if (!has_magic(part)) {
        unescape(part);
        snprintf(shown, sizeof shown, "%s%s%s", prefix, part, more ? "/" : "");
        if (more && *rest)
            glob_from(p, shown, rest, out, depth + 1);
        else if (p->sh->ops->vfs.stat(p->sh->ctx, sh_path(p, shown, path), &st) == 0)
            sh_fields_add(out, shown, strlen(shown));
        return;
    }
    struct globbing g = { .p = p, .pattern = part };
    if (p->sh->ops->vfs.list(p->sh->ctx, sh_path(p, *prefix ? prefix : ".", path), glob_each, &g) == 0 && g.names.n)
        qsort(g.names.v, g.names.n, sizeof *g.names.v, by_text);
    for (size_t i = 0; i < g.names.n; i++) {
        snprintf(shown, sizeof shown, "%s%s%s", prefix, g.names.v[i], more ? "/" : "");
        if (!more)
            sh_fields_add(out, shown, strlen(shown));
        else if (p->sh->ops->vfs.stat(p->sh->ctx, sh_path(p, shown, path), &st) == 0 && st.kind == SH_FILE_DIR)
            *rest ? glob_from(p, shown, rest, out, depth + 1) : sh_fields_add(out, shown, strlen(shown));
    }
    sh_fields_deinit(&g.names);
}

void sh_glob(struct proc *p, const char *pattern, struct fields *out)
{
    if (pattern[0] == '/')
        glob_from(p, "/", pattern + strspn(pattern, "/"), out, 0);
    else
        glob_from(p, "", pattern, out, 0);
}

/* ---- building fields ---- */
/* Character by character, some 12 ns each: long values are work. */
static uint64_t expansion_ns(size_t n)
{
    return n * SH_NS_PER_KIB / 64;
}

static void end_field(struct expander *x)
{
    if (!x->present && x->text.n == 0)
        return;
    x->p->debt_ns += expansion_ns(x->text.n);
    char *s = x->text.p ? x->text.p : (char[]){ "" };
    size_t before = x->out->n;
    if (x->mode == EXPAND_FIELDS) {
        if (has_magic(s) && !x->p->noglob)
            sh_glob(x->p, s, x->out);
        if (x->out->n == before) {
            size_t n = unescape(s);
            sh_fields_add(x->out, s, n);
        }
    } else {
        sh_fields_add(x->out, s, x->text.n);
    }
    strbuf_reset(&x->text);
    x->present = false;
}

static void put(struct expander *x, char c, bool quoted)
{
    bool escape = x->mode == EXPAND_FIELDS || x->mode == EXPAND_PATTERN;
    if (escape && (c == '\\' || (quoted && strchr("*?[]!-", c))))
        strbuf_addch(&x->text, '\\');
    strbuf_addch(&x->text, c);
}

/* Text that an expansion gave: split at IFS unless quoted. */
static void put_value(struct expander *x, const char *s, bool quoted)
{
    bool split = x->mode == EXPAND_FIELDS && !quoted;
    const char *ifs = sh_var_get(x->p, "IFS");
    ifs = ifs ? ifs : " \t\n";
    x->present |= quoted;
    if (x->mode != EXPAND_FIELDS && x->mode != EXPAND_PATTERN) {           /* taken as it is */
        strbuf_addc(&x->text, s);
        return;
    }
    for (; *s; s++) {
        if (!split || !strchr(ifs, *s)) {
            put(x, *s, quoted);
            continue;
        }
        if (*s != ' ' && *s != '\t' && *s != '\n')
            x->present = true;                     /* a:b::c has an empty field */
        end_field(x);
    }
}

static void put_params(struct expander *x, char which, bool quoted)
{
    struct fields *params = &x->p->params;
    if (which == '@' && quoted && x->mode == EXPAND_FIELDS) {
        if (params->n == 0)
            x->present = false;
        for (size_t i = 0; i < params->n; i++) {
            if (i > 0)
                end_field(x);
            put_value(x, params->v[i], true);
        }
        return;
    }
    const char *ifs = sh_var_get(x->p, "IFS");
    for (size_t i = 0; i < params->n; i++) {
        if (i > 0 && !quoted && x->mode == EXPAND_FIELDS)
            end_field(x);
        else if (i > 0)
            put(x, ifs && which == '*' ? *ifs : ' ', quoted);
        put_value(x, params->v[i], quoted);
    }
}

/* ---- the memo ---- */
static const char *remembered(struct expander *x)
{
    return x->memo->cursor < x->memo->results.n ? x->memo->results.v[x->memo->cursor++] : NULL;
}

static const char *remember(struct expander *x, const char *s)
{
    sh_fields_add(&x->memo->results, s, strlen(s));
    return x->memo->results.v[x->memo->cursor++];
}

static void expand_text(struct expander *x, struct str s, bool quoted, bool splittable);

/* A part of a word expanded on its own, without splitting: a pattern, the text of $((..)), the word of :=. NULL: not now. */
static char *expand_alone(struct expander *x, struct str s, enum expand_mode mode, bool quoted)
{
    struct fields one = { 0 };
    struct expander inner = {
        .p = x->p, .memo = x->memo, .mode = mode, .out = &one, .command = x->command, .depth = x->depth + 1
    };
    strbuf_init(&inner.text, FIELD_MAX);
    expand_text(&inner, s, quoted, false);
    char *result = strbuf_detach(&inner.text, NULL);
    x->failed |= inner.failed;
    x->needs |= inner.needs;
    sh_fields_deinit(&one);
    return result ? result : xstrdup("");
}

static void expand_arith(struct expander *x, struct str s, bool quoted)
{
    const char *known = NULL;
    char buf[32];
    char *text = expand_alone(x, s, EXPAND_TEXT, true);
    if (!x->needs && !x->failed && !(known = remembered(x))) {
        int64_t v;
        if (!sh_arith(x->p, text, &v)) {
            x->failed = true;
        } else {
            snprintf(buf, sizeof buf, "%" PRId64, v);
            known = remember(x, buf);
        }
    }
    free(text);
    if (known)
        put_value(x, known, quoted);
}

static void expand_command(struct expander *x, struct str s, bool backtick, bool quoted)
{
    const char *known = remembered(x);
    if (known) {
        put_value(x, known, quoted);
        return;
    }
    char *text = xmalloc(s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {             /* inside `..` a \ before $ ` \ goes away */
        if (backtick && s.p[i] == '\\' && i + 1 < s.n && strchr("$`\\", s.p[i + 1]))
            i++;
        text[n++] = s.p[i];
    }
    text[n] = '\0';
    x->needs = true;
    *x->command = text;
}

/* ---- ${...} ---- */
static const char *param_value(struct expander *x, struct str name, char buf[64])
{
    struct proc *p = x->p;
    char copy[256];
    int64_t number;
    if (name.n >= sizeof copy)
        return NULL;
    memcpy(copy, name.p, name.n);
    copy[name.n] = '\0';
    if (str_int(name, &number)) {
        if (number == 0)
            return p->name;
        return number > 0 && (size_t)number <= p->params.n ? p->params.v[number - 1] : NULL;
    }
    switch (name.n == 1 ? name.p[0] : 0) {
    case '?': snprintf(buf, 64, "%d", p->status); return buf;
    case '$': snprintf(buf, 64, "%d", p->sh->first->pid); return buf;
    case '!': snprintf(buf, 64, "%d", p->last_background); return p->last_background ? buf : NULL;
    case '#': snprintf(buf, 64, "%zu", p->params.n); return buf;
    case '-': snprintf(buf, 64, "%s%s%s", p->errexit ? "e" : "", p->sh->tty ? "i" : "", p->xtrace ? "x" : ""); return buf;
    default: break;
    }
    if (strcmp(copy, "RANDOM") == 0) {
        const char *known = remembered(x);
        p->sh->random = p->sh->random * 6364136223846793005ull + 1442695040888963407ull;
        uint64_t r = p->sh->ops->random_u64 ? p->sh->ops->random_u64(p->sh->ctx) : p->sh->random >> 33;
        snprintf(buf, 64, "%u", (unsigned)(r & 0x7fff));
        return known ? known : remember(x, buf);
    }
    return sh_var_get(p, copy);
}

static void unset_error(struct expander *x, struct str name, const char *message)
{
    sh_proc_printf(x->p, 2, "sh: " STR_FMT ": %s\n", STR_ARG(name), message);
    x->failed = true;
    if (x->p != x->p->sh->first || !x->p->sh->tty)
        x->p->jump = JUMP_EXIT;
    x->p->status = 2;
}

/* ${x#p} ${x##p} ${x%p} ${x%%p} */
static void put_trimmed(struct expander *x, const char *value, const char *pattern, char op, bool longest, bool quoted)
{
    size_t n = strlen(value), best = SIZE_MAX;
    char *copy = xstrdup(value);
    for (size_t k = 0; k <= n; k++) {              /* k: how long the trimmed part is, shortest first */
        bool match;
        if (op == '#') {
            char saved = copy[k];
            copy[k] = '\0';
            match = sh_match(pattern, copy);
            copy[k] = saved;
        } else {
            match = sh_match(pattern, copy + n - k);
        }
        if (match) {
            best = k;
            if (!longest)
                break;
        }
    }
    if (best != SIZE_MAX && op == '%')
        copy[n - best] = '\0';
    put_value(x, best != SIZE_MAX && op == '#' ? copy + best : copy, quoted);
    free(copy);
}

/* ${x/pat/rep} ${x//pat/rep} */
static void put_replaced(struct expander *x, const char *value, struct str spec, bool quoted)
{
    bool all = spec.n && spec.p[0] == '/';
    spec = str_sub(spec, all, spec.n);
    struct str pat, rep;
    str_cut(spec, '/', &pat, &rep);
    char *pattern = expand_alone(x, pat, EXPAND_PATTERN, false), *with = expand_alone(x, rep, EXPAND_TEXT, false),
         *v = xstrdup(value);
    struct strbuf out;
    strbuf_init(&out, FIELD_MAX);
    size_t n = strlen(v);
    bool done = !*pattern;
    for (size_t i = 0; i <= n;) {
        size_t hit = 0;
        for (size_t k = n - i; !done && k > 0 && !hit; k--) {
            char saved = v[i + k];
            v[i + k] = '\0';
            if (sh_match(pattern, v + i))
                hit = k;
            v[i + k] = saved;
        }
        if (hit) {
            strbuf_addc(&out, with);
            i += hit;
            done = !all;
        } else {
            if (i < n)
                strbuf_addch(&out, v[i]);
            i++;
        }
    }
    put_value(x, out.p ? out.p : "", quoted);
    strbuf_deinit(&out);
    free(pattern);
    free(with);
    free(v);
}

static void put_substring(struct expander *x, const char *value, struct str spec, bool quoted)
{
    struct str from, length;
    bool has_length = str_cut(spec, ':', &from, &length);
    char *f = expand_alone(x, from, EXPAND_TEXT, true), *l = expand_alone(x, length, EXPAND_TEXT, true), *copy = xstrdup(value);
    int64_t n = (int64_t)strlen(copy), start = 0, count = n;
    if (!x->needs && !x->failed) {
        x->failed = !sh_arith(x->p, f, &start) || (has_length && !sh_arith(x->p, l, &count));
        start = start < 0 ? (start + n < 0 ? n : start + n) : start > n ? n : start;
        int64_t end = count < 0 ? n + count : count > n - start ? n : start + count;
        copy[end > start ? end : start] = '\0';
        put_value(x, copy + start, quoted);
    }
    free(f);
    free(l);
    free(copy);
}

static void expand_braces(struct expander *x, struct str s, bool quoted)       /* what is between { and } */
{
    char buf[64];
    if (s.n > 1 && s.p[0] == '#') {
        const char *v = param_value(x, str_sub(s, 1, s.n), buf);
        char count[32];
        snprintf(count, sizeof count, "%zu", s.p[1] == '@' || s.p[1] == '*' ? x->p->params.n : v ? strlen(v) : 0);
        put_value(x, count, quoted);
        return;
    }
    size_t n = 0;
    if (n < s.n && strchr("?$!#@*-", s.p[0]))
        n = 1;
    else
        while (n < s.n && sh_name_char(s.p[n]))
            n++;
    struct str name = str_sub(s, 0, n), rest = str_sub(s, n, s.n);
    bool colon = rest.n > 1 && rest.p[0] == ':' && strchr("-=?+", rest.p[1]);
    char op = rest.n > (size_t)colon ? rest.p[colon] : '\0';
    struct str word = str_sub(rest, 1 + (size_t)colon, rest.n);
    if (n == 0 || (op && !strchr("-=?+#%/:", op))) {
        sh_proc_printf(x->p, 2, "sh: syntax error: bad substitution\n");
        x->failed = true;
        x->p->status = 2;
        return;
    }
    bool list = n == 1 && (name.p[0] == '@' || name.p[0] == '*');
    const char *v = list ? (x->p->params.n ? x->p->params.v[0] : NULL) : param_value(x, name, buf);
    bool absent = !v || (colon && !*v);
    if (!op && !v && x->p->nounset && !list) {
        unset_error(x, name, "parameter not set");
        return;
    }
    if (op == '-' || op == '=' || op == '?' || op == '+') {
        if (op == '+' ? absent : !absent)
            op = op == '+' ? ' ' : '\0';
    }
    char *known = NULL, key[256];
    switch (op) {
    case '\0':
        if (list)
            put_params(x, name.p[0], quoted);
        else
            put_value(x, v ? v : "", quoted);
        break;
    case ' ': break;
    case '-': case '+': expand_text(x, word, quoted, true); break;
    case '=':
        known = expand_alone(x, word, EXPAND_TEXT, quoted);
        snprintf(key, sizeof key, STR_FMT, STR_ARG(name));
        if (!x->needs && !x->failed && sh_var_set(x->p, key, known))
            put_value(x, known, quoted);
        break;
    case '?':
        known = expand_alone(x, word, EXPAND_TEXT, quoted);
        if (!x->needs)
            unset_error(x, name, *known ? known : "parameter not set");
        break;
    case '#': case '%': {
        bool longest = word.n && word.p[0] == op;
        known = expand_alone(x, str_sub(word, longest, word.n), EXPAND_PATTERN, false);
        if (!x->needs)
            put_trimmed(x, v ? v : "", known, op, longest, quoted);
        break;
    }
    case '/': put_replaced(x, v ? v : "", word, quoted); break;
    default: put_substring(x, v ? v : "", word, quoted);
    }
    free(known);
}

static size_t expand_dollar(struct expander *x, struct str s, size_t i, bool quoted)  /* at $; index after it */
{
    size_t end = sh_skip_dollar(s, i);
    if (end == SIZE_MAX || end > s.n)
        end = s.n;
    struct str body = str_sub(s, i + 1, end);
    char buf[64];
    if (body.n == 0) {
        put(x, '$', quoted);
    } else if (body.n >= 5 && str_starts(body, "((") && str_ends(body, "))")) {
        expand_arith(x, str_sub(body, 2, body.n - 2), quoted);
    } else if (body.p[0] == '(') {
        expand_command(x, str_sub(body, 1, body.n - 1), false, quoted);
    } else if (body.p[0] == '{') {
        expand_braces(x, str_sub(body, 1, body.n - 1), quoted);
    } else if (body.p[0] == '@' || body.p[0] == '*') {
        put_params(x, body.p[0], quoted);
    } else {
        const char *v = param_value(x, body, buf);
        if (!v && x->p->nounset)
            unset_error(x, body, "parameter not set");
        put_value(x, v ? v : "", quoted);
    }
    return end;
}

/* ---- text ---- */
static void expand_double(struct expander *x, struct str s)        /* what is between the quotes; also here-documents */
{
    bool heredoc = x->mode == EXPAND_HEREDOC;
    for (size_t i = 0; i < s.n && !x->failed && !x->needs;) {
        if (s.p[i] == '\\' && i + 1 < s.n && strchr(heredoc ? "$`\\\n" : "$`\"\\\n", s.p[i + 1])) {
            if (s.p[i + 1] != '\n')
                put(x, s.p[i + 1], true);
            i += 2;
        } else if (s.p[i] == '$') {
            i = expand_dollar(x, s, i, true);
        } else if (s.p[i] == '`') {
            size_t end = sh_skip_backtick(s, i);
            end = end == SIZE_MAX ? s.n : end;
            expand_command(x, str_sub(s, i + 1, end - 1), true, true);
            i = end;
        } else {
            put(x, s.p[i++], true);
        }
    }
}

static void expand_text(struct expander *x, struct str s, bool quoted, bool splittable)
{
    if (x->depth > DEPTH_MAX) {
        x->failed = true;
        return;
    }
    x->depth++;
    for (size_t i = 0; i < s.n && !x->failed && !x->needs;) {
        char c = s.p[i];
        size_t end = i + 1;
        if (c == '\\' && i + 1 < s.n) {
            end = i + 2;
            if (quoted && !strchr("$`\"\\}", s.p[i + 1]))
                put(x, '\\', true);
            if (s.p[i + 1] != '\n')
                put(x, s.p[i + 1], true);
            x->present = true;
        } else if (c == '\'' && !quoted && (end = sh_skip_single(s, i)) <= s.n) {
            for (size_t k = i + 1; k < end - 1; k++)
                put(x, s.p[k], true);
            x->present = true;
        } else if (c == '"' && (end = sh_skip_double(s, i)) <= s.n) {
            x->present = true;
            expand_double(x, str_sub(s, i + 1, end - 1));
        } else if (c == '`' && (end = sh_skip_backtick(s, i)) <= s.n) {
            expand_command(x, str_sub(s, i + 1, end - 1), true, quoted);
        } else if (c == '$') {
            end = expand_dollar(x, s, i, quoted);
        } else if (splittable && !quoted) {
            put_value(x, (char[]){ c, '\0' }, false);
            end = i + 1;
        } else {
            put(x, c, quoted);
            end = i + 1;
        }
        i = end;
    }
    x->depth--;
}

static struct str expand_tilde(struct expander *x, struct str s)
{
    if (s.n == 0 || s.p[0] != '~' || (s.n > 1 && s.p[1] != '/'))
        return s;
    const char *home = sh_var_get(x->p, "HOME");
    if (!home)
        return s;
    for (; *home; home++)
        put(x, *home, true);
    return str_sub(s, 1, s.n);
}

/* Neither quotes nor anything to expand: such a word is its own only field, as most are. */
static bool is_plain(struct str raw)
{
    return raw.n && strcspn(raw.p, "\\'\"`$*?[~") == raw.n;
}

enum expand_result sh_expand(struct proc *p, struct memo *memo, const char *raw, enum expand_mode mode, struct fields *out,
                             char **command)
{
    struct expander x = { .p = p, .memo = memo, .mode = mode, .out = out, .command = command };
    struct str s = str_c(raw);
    size_t before = out->n;
    memo->cursor = 0;
    if (mode == EXPAND_FIELDS && is_plain(s)) {
        p->debt_ns += expansion_ns(s.n);
        sh_fields_add(out, s.p, s.n);
        return EXPAND_OK;
    }
    strbuf_init(&x.text, FIELD_MAX);
    if (mode == EXPAND_HEREDOC)
        expand_double(&x, s);
    else
        expand_text(&x, expand_tilde(&x, s), false, false);
    if (mode != EXPAND_FIELDS)
        x.present = true;                          /* exactly one, maybe empty */
    if (!x.needs && !x.failed)
        end_field(&x);
    strbuf_deinit(&x.text);
    while ((x.needs || x.failed) && out->n > before)
        free(out->v[--out->n]);
    return x.needs ? EXPAND_NEED_COMMAND : x.failed ? EXPAND_FAILED : EXPAND_OK;
}
