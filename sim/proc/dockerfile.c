/* sim/proc/dockerfile.c - a Dockerfile's text as a list of steps.
 *
 * Models moby/buildkit frontend/dockerfile/parser and instructions (as dockerd 19.03 uses them): comments, continuation
 * lines, flags, the JSON ("exec") and shell forms, and shell.Lex for variables. Errors carry the line at which the
 * instruction begins.
 *
 * Refused by name, for want of what is behind them: ONBUILD, SHELL, the escape directive. Here-documents came after the
 * classic builder.
 */
#include "sim/proc/build_priv.h"

enum shape { WORDS, JSON_OR_WORDS, JSON_OR_SHELL, PAIRS };
static const struct docker_word {
    const char *name;
    enum shape  shape;
    size_t      least, most;                       /* arguments */
    const char *complaint;
    const char *flags;                             /* "chown from" */
} words[OP_COUNT] = {
    [OP_ADD] = { "ADD", JSON_OR_WORDS, 2, SIZE_MAX,
                 "requires at least two arguments, but only one was provided. Destination could not be determined.",
                 "chown" },
    [OP_ARG] = { "ARG", PAIRS, 1, SIZE_MAX, "requires at least one argument", "" },
    [OP_CMD] = { "CMD", JSON_OR_SHELL, 0, SIZE_MAX, "", "" },
    [OP_COPY] = { "COPY", JSON_OR_WORDS, 2, SIZE_MAX,
                  "requires at least two arguments, but only one was provided. Destination could not be determined.",
                  "chown from" },
    [OP_ENTRYPOINT] = { "ENTRYPOINT", JSON_OR_SHELL, 0, SIZE_MAX, "", "" },
    [OP_ENV] = { "ENV", PAIRS, 1, SIZE_MAX, "requires at least one argument", "" },
    [OP_EXPOSE] = { "EXPOSE", WORDS, 1, SIZE_MAX, "requires at least one argument", "" },
    [OP_FROM] = { "FROM", WORDS, 1, 3, "requires either one or three arguments", "" },
    [OP_HEALTHCHECK] = { "HEALTHCHECK", WORDS, 1, SIZE_MAX, "requires at least one argument", NULL },
    [OP_LABEL] = { "LABEL", PAIRS, 1, SIZE_MAX, "requires at least one argument", "" },
    [OP_MAINTAINER] = { "MAINTAINER", JSON_OR_SHELL, 1, SIZE_MAX, "requires exactly one argument", "" },
    [OP_RUN] = { "RUN", JSON_OR_SHELL, 1, SIZE_MAX, "requires at least one argument", "" },
    [OP_STOPSIGNAL] = { "STOPSIGNAL", WORDS, 1, 1, "requires exactly one argument", "" },
    [OP_USER] = { "USER", WORDS, 1, 1, "requires exactly one argument", "" },
    [OP_VOLUME] = { "VOLUME", JSON_OR_WORDS, 1, SIZE_MAX, "requires at least one argument", "" },
    [OP_WORKDIR] = { "WORKDIR", JSON_OR_SHELL, 1, 1, "requires exactly one argument", "" },
};

#define DAEMON "Error response from daemon: "

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* ---- lines ---- */
/* The line without the backslash that continues it; false when it ends here. */
static bool continued(struct str *line)
{
    struct str t = *line;
    while (t.n && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t'))
        t.n--;
    if (t.n == 0 || t.p[t.n - 1] != '\\')
        return false;
    line->n = t.n - 1;
    return true;
}

/* One instruction with its continuation lines joined; false at the end of the text. *number is the line that was read last. */
static bool next_instruction(struct str *text, int *number, int *first, struct strbuf *out)
{
    bool more = false;
    strbuf_reset(out);
    while (text->p) {
        struct str line = str_token(text, '\n');
        ++*number;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        struct str trimmed = str_trim(line);
        if (trimmed.n == 0 || trimmed.p[0] == '#')
            continue;
        if (!more) {
            line = str_sub(line, (size_t)(trimmed.p - line.p), line.n);
            *first = *number;
        }
        more = continued(&line);
        strbuf_add(out, line);
        if (!more)
            return true;
    }
    return out->n > 0;
}

/* ---- arguments ---- */
/* The next piece of *rest up to white space; with quotes, white space inside of "" and '' does not count. */
static struct str next_word(struct str *rest, bool quotes)
{
    char open = 0;
    while (rest->n && is_space(*rest->p))
        *rest = str_sub(*rest, 1, rest->n);
    struct str word = { rest->p, 0 };
    while (word.n < rest->n) {
        char c = word.p[word.n];
        if (!open && is_space(c))
            break;
        if (quotes && c == '\\' && open != '\'' && word.n + 1 < rest->n)
            word.n++;
        else if (quotes && open == c)
            open = 0;
        else if (quotes && !open && (c == '"' || c == '\''))
            open = c;
        word.n++;
    }
    *rest = str_sub(*rest, word.n, rest->n);
    return word;
}

static void add_arg(struct arena *a, struct docker_step *s, struct str word)
{
    s->args = arena_realloc(a, s->args, s->argc * sizeof(char *), (s->argc + 1) * sizeof(char *));
    s->args[s->argc++] = arena_cstr(a, word);
}

/* The exec form: an array of strings; anything else is taken for a shell's line, as docker takes it. */
static bool json_args(struct arena *a, struct docker_step *s)
{
    struct json *j = s->rest.n && s->rest.p[0] == '[' ? json_parse(a, s->rest, NULL) : NULL;
    if (!json_is(j, JSON_ARRAY))
        return false;
    for (const struct json *e = json_first(j); e; e = json_next(e))
        if (!json_is(e, JSON_STRING))
            return false;
    for (const struct json *e = json_first(j); e; e = json_next(e))
        add_arg(a, s, json_str(e));
    return s->json = true;
}

static void split_args(struct arena *a, struct docker_step *s, enum shape shape)
{
    if ((shape == JSON_OR_WORDS || shape == JSON_OR_SHELL) && json_args(a, s))
        return;
    if (shape == JSON_OR_SHELL) {
        if (s->rest.n)
            add_arg(a, s, s->rest);
        return;
    }
    for (struct str rest = s->rest;;) {
        struct str word = next_word(&rest, shape == PAIRS);
        if (word.n == 0)
            break;
        add_arg(a, s, word);
    }
}

static bool has_word(const char *list, struct str word)
{
    struct str rest = str_c(list);
    while (rest.p && word.n)
        if (str_eq(str_token(&rest, ' '), word))
            return true;
    return false;
}

/* --name=value behind the instruction's name. */
static bool take_flags(struct arena *a, const struct docker_word *w, struct docker_step *s, struct err *err)
{
    while (w->flags && str_starts(s->rest, "--")) {
        struct str rest = s->rest, word = next_word(&rest, false), name, value;
        bool has_value = str_cut(str_sub(word, 2, word.n), '=', &name, &value);
        if (word.n == 2)
            break;
        if (!has_word(w->flags, name))
            return err_set(err, ERR_BAD_REQUEST, DAEMON "dockerfile parse error line %d: Unknown flag: " STR_FMT, s->line,
                           STR_ARG(name));
        if (!has_value)
            return err_set(err, ERR_BAD_REQUEST, DAEMON "dockerfile parse error line %d: Missing a value on flag: " STR_FMT,
                           s->line, STR_ARG(name));
        *(str_eqc(name, "chown") ? &s->chown : &s->from) = arena_cstr(a, value);
        s->rest = str_trim(rest);
    }
    return true;
}

/* ENV and LABEL: NAME=value..., or the old NAME value. */
static bool check_pairs(struct arena *a, struct docker_step *s, struct err *err)
{
    if (s->op == OP_ARG)
        return true;
    if (!strchr(s->args[0], '=')) {
        struct str rest = s->rest, name = next_word(&rest, true), value = str_trim(rest);
        if (value.n == 0)
            return err_set(err, ERR_BAD_REQUEST, DAEMON "dockerfile parse error line %d: %s must have two arguments",
                           s->line, words[s->op].name);
        s->args[0] = arena_printf(a, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value));
        s->argc = 1;
        return true;
    }
    for (size_t i = 0; i < s->argc; i++) {
        if (!strchr(s->args[i], '='))
            return err_set(
                err, ERR_BAD_REQUEST,
                DAEMON
                "dockerfile parse error line %d: Syntax error - can't find = in \"%s\". Must be of the form: name=value",
                s->line, s->args[i]);
        if (s->args[i][0] == '=')
            return err_set(err, ERR_BAD_REQUEST, DAEMON "dockerfile parse error line %d: %s names can not be blank", s->line,
                           words[s->op].name);
    }
    return true;
}

static bool parse_step(struct arena *a, struct str text, struct docker_step *s, struct err *err)
{
    struct str rest = text, name = next_word(&rest, false);
    s->original = arena_cstr(a, str_trim(text));
    s->rest = arena_str(a, str_trim(rest));
    for (s->op = 0; s->op < OP_COUNT && !str_eqi(name, str_c(words[s->op].name)); s->op++)
        ;
    if (str_eqi(name, STR("ONBUILD")) || str_eqi(name, STR("SHELL")))
        return err_set(err, ERR_BAD_REQUEST,
                       DAEMON "dockerfile parse error line %d: instruction not supported here: " STR_FMT, s->line,
                       STR_ARG(name));
    if (s->op == OP_COUNT) {
        char *upper = arena_cstr(a, str_sub(name, 0, 100));
        for (char *c = upper; *c; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        return err_set(err, ERR_BAD_REQUEST, DAEMON "dockerfile parse error line %d: unknown instruction: %s", s->line, upper);
    }
    const struct docker_word *w = &words[s->op];
    if (!take_flags(a, w, s, err))
        return false;
    split_args(a, s, w->shape);
    if (s->argc < w->least || s->argc > w->most ||
        (s->op == OP_FROM && (s->argc == 2 || (s->argc == 3 && !str_eqi(str_c(s->args[1]), STR("AS"))))))
        return err_set(
            err, ERR_BAD_REQUEST, DAEMON "dockerfile parse error line %d: %s %s", s->line, w->name,
            s->argc == 0 && w->least == 2
                ? "requires at least two arguments, but only one was provided. Destination could not be determined."
                : w->complaint);
    return w->shape != PAIRS || check_pairs(a, s, err);
}

bool dockerfile_parse(struct arena *a, struct str text, struct docker_step **steps, size_t *count, struct err *err)
{
    struct strbuf one;
    int number = 0, first = 0;
    bool ok = true, in_stage = false;
    *steps = NULL;
    *count = 0;
    if (text.n > DOCKERFILE_BYTES || memchr(text.p ? text.p : "", 0, text.n))
        return err_set(err, ERR_BAD_REQUEST, DAEMON "dockerfile parse error: not a text of at most %d bytes", DOCKERFILE_BYTES);
    if (str_trim(text).n == 0)
        return err_set(err, ERR_BAD_REQUEST, DAEMON "the Dockerfile (Dockerfile) cannot be empty");
    if (str_starts(text, "\xef\xbb\xbf"))
        text = str_sub(text, 3, text.n);
    strbuf_init(&one, DOCKERFILE_BYTES + 1);
    struct str rest = text, directive = str_trim(str_token(&rest, '\n'));
    if (str_starts(directive, "#") && str_starts(str_trim(str_sub(directive, 1, directive.n)), "escape"))
        ok = err_set(err, ERR_BAD_REQUEST, DAEMON "dockerfile parse error line 1: directive not supported here: escape");
    while (ok && next_instruction(&text, &number, &first, &one)) {
        struct docker_step s = { .line = first };
        if (*count == DOCKERFILE_STEPS) {
            ok = err_set(err, ERR_BAD_REQUEST, DAEMON "max depth exceeded");
            break;
        }
        ok = parse_step(a, strbuf_str(&one), &s, err);
        if (ok && !in_stage && s.op != OP_FROM && s.op != OP_ARG)
            ok = err_set(err, ERR_BAD_REQUEST, DAEMON "No build stage in current context");
        in_stage = in_stage || s.op == OP_FROM;
        *steps = arena_realloc(a, *steps, *count * sizeof s, (*count + 1) * sizeof s);
        (*steps)[(*count)++] = s;
    }
    strbuf_deinit(&one);
    if (ok && *count == 0)
        return err_set(err, ERR_BAD_REQUEST, DAEMON "file with no instructions");
    if (ok && !in_stage)
        return err_set(err, ERR_BAD_REQUEST, DAEMON "No build stage in current context");
    return ok;
}

/* ---- variables ---- */
struct str build_env_get(const struct json *env, struct str name)
{
    struct str found = STR_NULL, key, value;
    for (const struct json *e = json_first(env); e; e = json_next(e))
        if (str_cut(json_str(e), '=', &key, &value) && str_eq(key, name))
            found = value.p ? value : STR("");
    return found;
}

void build_env_set(struct arena *a, struct json *env, struct str name, struct str value)
{
    struct json *set = json_new_str(a, arena_strf(a, STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(value)));
    struct str key, old;
    for (struct json *e = json_first(env); e; e = json_next(e))
        if (str_cut(json_str(e), '=', &key, &old) && str_eq(key, name)) {
            json_replace(env, e, set);
            return;
        }
    json_append(env, set);
}

static bool is_name(char c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

static size_t name_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && is_name(s.p[n], n == 0))
        n++;
    return n;
}

/* What stands behind a '$' at s: its value to out; returns how much of s it took. */
static size_t expand_variable(struct arena *a, struct str s, const struct json *env, struct strbuf *out, int depth)
{
    bool brace = s.n && s.p[0] == '{';
    struct str body = str_sub(s, brace, s.n);
    size_t n = name_length(body);
    ptrdiff_t close = brace ? str_chr(body, '}') : 0;
    if (n == 0 || close < 0 || depth > 8) {
        strbuf_addch(out, '$');
        return 0;
    }
    struct str value = build_env_get(env, str_sub(body, 0, n)), modifier = brace ? str_sub(body, n, (size_t)close) : STR_NULL;
    struct str word = str_sub(modifier, 2, modifier.n);
    if ((str_starts(modifier, ":-") && value.n == 0) || (str_starts(modifier, ":+") && value.n > 0))
        strbuf_addc(out, build_expand(a, word, env));
    else if (!str_starts(modifier, ":+"))
        strbuf_add(out, value);
    return brace ? (size_t)close + 2 : n;
}

const char *build_expand(struct arena *a, struct str word, const struct json *env)
{
    struct strbuf out;
    char quote = 0;
    strbuf_init(&out, DOCKERFILE_BYTES);
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        if (quote == '\'' ? c == '\'' : c == '"' && quote)
            quote = 0;
        else if (!quote && (c == '\'' || c == '"'))
            quote = c;
        else if (c == '\\' && quote != '\'' && i + 1 < word.n && (!quote || strchr("\"$\\", word.p[i + 1])))
            strbuf_addch(&out, word.p[++i]);
        else if (c == '$' && quote != '\'')
            i += expand_variable(a, str_sub(word, i + 1, word.n), env, &out, 0);
        else
            strbuf_addch(&out, c);
    }
    const char *text = arena_cstr(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}
