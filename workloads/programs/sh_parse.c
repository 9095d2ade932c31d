/* workloads/programs/sh_parse.c - shell text to a tree, one complete command at a time (upstream: busybox shell/ash.c,
 * the parser).
 *
 * Works on a buffer that may end too early: then INCOMPLETE is the answer, and whoever reads lines asks for another one
 * and tries again from the start. Reserved words count only where a command may begin. Order of use: sh_parse, run the
 * unit, sh_unit_unref.
 */
#include "workloads/programs/sh_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum token { TOK_EOF, TOK_NEWLINE, TOK_WORD, TOK_OP };
enum { DEPTH_MAX = 100 };
struct pending { struct redirect *r; char *end; bool strip; };
struct parser {
    struct str     s;
    size_t         pos, start;                     /* past the token, and where it begins */
    struct arena  *arena;
    enum token     kind;
    struct str     text;                           /* of the token; an operator is one of OPERATORS */
    bool           io_number;                      /* a word of digits right before < or > */
    struct pending heredocs[16]; size_t heredoc_count;
    unsigned       depth;
    char          *error;
    jmp_buf        fail;                           /* with an enum sh_parse */
};
static const char *const OPERATORS[] = { "<<-", "&&", "||", ";;", "<<", ">>", "<&", ">&", "<>",
                                         ">|",  ";",  "&",  "|",  "<",  ">",  "(",  ")" };

static struct shnode *parse_list(struct parser *p, bool newlines);
static struct shnode *parse_command(struct parser *p);

static _Noreturn void incomplete(struct parser *p, const char *what)
{
    snprintf(p->error, 200, "syntax error: %s", what);
    longjmp(p->fail, SH_PARSE_INCOMPLETE);
}

static _Noreturn void unexpected(struct parser *p, const char *expecting)
{
    char want[60] = "";
    if (expecting)
        snprintf(want, sizeof want, " (expecting \"%s\")", expecting);
    if (p->kind == TOK_EOF) {
        snprintf(p->error, 200, "syntax error: unexpected end of file%s", want);
        longjmp(p->fail, SH_PARSE_INCOMPLETE);
    }
    if (p->kind == TOK_NEWLINE)
        snprintf(p->error, 200, "syntax error: unexpected newline%s", want);
    else if (p->kind == TOK_OP)
        snprintf(p->error, 200, "syntax error: unexpected \"" STR_FMT "\"%s", STR_ARG(p->text), want);
    else
        snprintf(p->error, 200, "syntax error: unexpected word%s", want);
    static const char *const WORDS[] = { "then", "else", "elif", "fi", "do", "done", "esac", "in", "}" };
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (p->kind == TOK_WORD && str_eqc(p->text, WORDS[i]))
            snprintf(p->error, 200, "syntax error: unexpected \"%s\"%s", WORDS[i], want);
    longjmp(p->fail, SH_PARSE_ERROR);
}

/* ---- tokens ---- */
/* The bodies of here-documents begin after the line on which they were announced. */
static void read_heredocs(struct parser *p)
{
    for (size_t h = 0; h < p->heredoc_count; h++) {
        struct pending *d = &p->heredocs[h];
        struct strbuf body;
        strbuf_init(&body, LIMIT_SHELL_LINE_BYTES * 16);
        for (;;) {
            if (p->pos >= p->s.n) {
                strbuf_deinit(&body);
                incomplete(p, "unterminated here-document");
            }
            struct str rest = str_sub(p->s, p->pos, p->s.n), line, tail;
            bool more = str_cut(rest, '\n', &line, &tail);
            p->pos += line.n + more;
            while (d->strip && line.n && line.p[0] == '\t')
                line = str_sub(line, 1, line.n);
            if (str_eqc(line, d->end))
                break;
            strbuf_add(&body, line);
            strbuf_addch(&body, '\n');
        }
        d->r->target = arena_cstr(p->arena, strbuf_str(&body));
        strbuf_deinit(&body);
    }
    p->heredoc_count = 0;
}

static void next_token(struct parser *p)
{
    struct str s = p->s;
    for (;;) {
        while (p->pos < s.n && (s.p[p->pos] == ' ' || s.p[p->pos] == '\t' || s.p[p->pos] == '\r'))
            p->pos++;
        if (p->pos + 1 < s.n && s.p[p->pos] == '\\' && s.p[p->pos + 1] == '\n')
            p->pos += 2;
        else if (p->pos < s.n && s.p[p->pos] == '#')
            while (p->pos < s.n && s.p[p->pos] != '\n')
                p->pos++;
        else
            break;
    }
    p->start = p->pos;
    p->io_number = false;
    if (p->pos >= s.n) {
        p->kind = TOK_EOF;
        p->text = STR_NULL;
        return;
    }
    if (s.p[p->pos] == '\n') {
        p->kind = TOK_NEWLINE;
        p->text = str_sub(s, p->pos, p->pos + 1);
        p->pos++;
        read_heredocs(p);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(OPERATORS); i++) {
        size_t n = strlen(OPERATORS[i]);
        if (p->pos + n <= s.n && memcmp(s.p + p->pos, OPERATORS[i], n) == 0) {
            p->kind = TOK_OP;
            p->text = str_sub(s, p->pos, p->pos + n);
            p->pos += n;
            return;
        }
    }
    p->kind = TOK_WORD;
    while (p->pos < s.n && !strchr(" \t\n\r;&|<>()", s.p[p->pos])) {
        char c = s.p[p->pos];
        size_t end = c == '\\' ? p->pos + 2 : c == '\'' ? sh_skip_single(s, p->pos) : c == '"' ? sh_skip_double(s, p->pos) :
                     c == '`' ? sh_skip_backtick(s, p->pos) : c == '$' ? sh_skip_dollar(s, p->pos) : p->pos + 1;
        if (end == SIZE_MAX || end > s.n)
            incomplete(p, c == '\\' ? "unexpected end of file" : c == '$' ? "missing '}'" : "unterminated quoted string");
        p->pos = end;
    }
    p->text = str_sub(s, p->start, p->pos);
    bool digits = p->text.n == 1 && p->text.p[0] >= '0' && p->text.p[0] <= '9';
    p->io_number = digits && p->pos < s.n && (s.p[p->pos] == '<' || s.p[p->pos] == '>');
}

static bool is_op(const struct parser *p, const char *op)
{
    return p->kind == TOK_OP && str_eqc(p->text, op);
}

static bool is_word(const struct parser *p, const char *word)
{
    return p->kind == TOK_WORD && str_eqc(p->text, word);
}

static void expect_word(struct parser *p, const char *word)
{
    if (!is_word(p, word))
        unexpected(p, word);
    next_token(p);
}

static void skip_newlines(struct parser *p)
{
    while (p->kind == TOK_NEWLINE)
        next_token(p);
}

static struct shnode *node_new(struct parser *p, enum sh_kind kind)
{
    struct shnode *n = ARENA_NEW(p->arena, struct shnode);
    n->kind = kind;
    return n;
}

static void add_pointer(struct parser *p, void *array_of_pointers, size_t *n, void *item)
{
    void ***array = array_of_pointers;
    if ((*n & (*n - 1)) == 0)                      /* full at powers of two */
        *array = arena_realloc(p->arena, *array, *n * sizeof(void *), (*n ? *n * 2 : 1) * sizeof(void *));
    (*array)[(*n)++] = item;
}

/* ---- redirections and simple commands ---- */
static char *unquoted(struct parser *p, struct str s, bool *quoted)
{
    char *out = arena_alloc(p->arena, s.n + 1);
    size_t n = 0;
    *quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'' || s.p[i] == '"' || s.p[i] == '\\')
            *quoted = true;
        else
            out[n++] = s.p[i];
    }
    out[n] = '\0';
    return out;
}

static bool parse_redirect(struct parser *p, struct shnode *n)
{
    int fd = -1;
    if (p->kind == TOK_WORD && p->io_number) {
        fd = p->text.p[0] - '0';
        next_token(p);
    }
    if (p->kind != TOK_OP || (p->text.p[0] != '<' && p->text.p[0] != '>'))
        return false;
    struct redirect r = { .fd = fd >= 0 ? fd : p->text.p[0] == '>' };
    struct str op = p->text;
    snprintf(r.op, sizeof r.op, STR_FMT, STR_ARG(op));
    next_token(p);
    if (p->kind != TOK_WORD)
        unexpected(p, NULL);
    n->redirects = arena_realloc(p->arena, n->redirects, n->redirect_count * sizeof r, (n->redirect_count + 1) * sizeof r);
    for (size_t h = 0; h < p->heredoc_count; h++)  /* the array moved */
        for (size_t i = 0; i < n->redirect_count; i++)
            if (n->redirects[i].heredoc && n->redirects[i].target == p->heredocs[h].end)
                p->heredocs[h].r = &n->redirects[i];
    struct redirect *at = &n->redirects[n->redirect_count++];
    *at = r;
    at->target = arena_cstr(p->arena, p->text);
    if (str_starts(op, "<<")) {
        at->heredoc = true;
        if (p->heredoc_count == ARRAY_LEN(p->heredocs))
            unexpected(p, NULL);
        char *end = unquoted(p, p->text, &at->literal);
        at->target = end;
        p->heredocs[p->heredoc_count++] = (struct pending){ at, end, op.n == 3 };
    }
    next_token(p);
    return true;
}

static bool is_assignment(struct str w)
{
    size_t i = 0;
    while (i < w.n && sh_name_char(w.p[i]))
        i++;
    return i > 0 && i < w.n && w.p[i] == '=' && sh_name_start(w.p[0]);
}

static bool is_name(struct str w)
{
    for (size_t i = 0; i < w.n; i++)
        if (!sh_name_char(w.p[i]) && w.p[i] != '-' && w.p[i] != '.')
            return false;
    return w.n > 0;
}

static struct shnode *parse_simple(struct parser *p)
{
    struct shnode *n = node_new(p, SH_COMMAND);
    for (;;) {
        if (parse_redirect(p, n))
            continue;
        if (p->kind != TOK_WORD)
            break;
        struct str w = p->text;
        char *copy = arena_cstr(p->arena, w);
        next_token(p);
        if (n->word_count == 0 && is_assignment(w)) {
            add_pointer(p, &n->assigns, &n->assign_count, copy);
        } else if (n->word_count == 0 && n->assign_count == 0 && n->redirect_count == 0 && is_op(p, "(") && is_name(w)) {
            next_token(p);
            if (!is_op(p, ")"))
                unexpected(p, ")");
            next_token(p);
            skip_newlines(p);
            n->kind = SH_FUNCTION;
            n->name = copy;
            n->a = parse_command(p);
            return n;
        } else {
            add_pointer(p, &n->words, &n->word_count, copy);
        }
    }
    if (n->word_count + n->assign_count + n->redirect_count == 0)
        unexpected(p, NULL);
    return n;
}

/* ---- compound commands ---- */
static struct shnode *parse_if(struct parser *p)                   /* past if or elif */
{
    struct shnode *n = node_new(p, SH_IF);
    n->a = parse_list(p, true);
    expect_word(p, "then");
    n->b = parse_list(p, true);
    if (is_word(p, "elif")) {
        next_token(p);
        n->c = parse_if(p);
        return n;
    }
    if (is_word(p, "else")) {
        next_token(p);
        n->c = parse_list(p, true);
    }
    expect_word(p, "fi");
    return n;
}

static struct shnode *parse_do_done(struct parser *p)
{
    expect_word(p, "do");
    struct shnode *body = parse_list(p, true);
    expect_word(p, "done");
    return body;
}

static struct shnode *parse_for(struct parser *p)
{
    struct shnode *n = node_new(p, SH_FOR);
    if (p->kind != TOK_WORD || !sh_name_start(p->text.p[0]))
        unexpected(p, NULL);
    n->name = arena_cstr(p->arena, p->text);
    next_token(p);
    skip_newlines(p);
    if (is_word(p, "in")) {
        n->has_in = true;
        next_token(p);
        for (; p->kind == TOK_WORD; next_token(p))
            add_pointer(p, &n->words, &n->word_count, arena_cstr(p->arena, p->text));
        if (!is_op(p, ";") && p->kind != TOK_NEWLINE)
            unexpected(p, NULL);
    }
    if (is_op(p, ";"))
        next_token(p);
    skip_newlines(p);
    n->a = parse_do_done(p);
    return n;
}

static struct shnode *parse_case(struct parser *p)
{
    struct shnode *n = node_new(p, SH_CASE);
    if (p->kind != TOK_WORD)
        unexpected(p, NULL);
    n->name = arena_cstr(p->arena, p->text);
    next_token(p);
    skip_newlines(p);
    expect_word(p, "in");
    skip_newlines(p);
    while (!is_word(p, "esac")) {
        struct shnode *item = node_new(p, SH_LIST);
        if (is_op(p, "("))
            next_token(p);
        for (;;) {
            if (p->kind != TOK_WORD)
                unexpected(p, NULL);
            add_pointer(p, &item->words, &item->word_count, arena_cstr(p->arena, p->text));
            next_token(p);
            if (!is_op(p, "|"))
                break;
            next_token(p);
        }
        if (!is_op(p, ")"))
            unexpected(p, ")");
        next_token(p);
        skip_newlines(p);
        if (!is_op(p, ";;") && !is_word(p, "esac"))
            item->a = parse_list(p, true);
        add_pointer(p, &n->list, &n->n, item);
        if (is_op(p, ";;"))
            next_token(p);
        else if (!is_word(p, "esac"))
            unexpected(p, ";;");
        skip_newlines(p);
    }
    next_token(p);
    return n;
}

static struct shnode *parse_compound(struct parser *p)             /* NULL: a simple command */
{
    struct shnode *n = NULL;
    if (is_op(p, "(")) {
        next_token(p);
        n = node_new(p, SH_SUBSHELL);
        n->a = parse_list(p, true);
        if (!is_op(p, ")"))
            unexpected(p, ")");
        next_token(p);
    } else if (is_word(p, "{")) {
        next_token(p);
        n = node_new(p, SH_GROUP);
        n->a = parse_list(p, true);
        expect_word(p, "}");
    } else if (is_word(p, "if")) {
        next_token(p);
        n = parse_if(p);
    } else if (is_word(p, "while") || is_word(p, "until")) {
        n = node_new(p, SH_LOOP);
        n->until = is_word(p, "until");
        next_token(p);
        n->a = parse_list(p, true);
        n->b = parse_do_done(p);
    } else if (is_word(p, "for")) {
        next_token(p);
        n = parse_for(p);
    } else if (is_word(p, "case")) {
        next_token(p);
        n = parse_case(p);
    }
    return n;
}

static struct shnode *parse_command(struct parser *p)
{
    static const char *const MISPLACED[] = { "then", "else", "elif", "fi", "do", "done", "esac", "}" };
    if (++p->depth > DEPTH_MAX) {
        snprintf(p->error, 200, "syntax error: nested too deeply");
        longjmp(p->fail, SH_PARSE_ERROR);
    }
    for (size_t i = 0; i < ARRAY_LEN(MISPLACED); i++)
        if (is_word(p, MISPLACED[i]))
            unexpected(p, NULL);
    struct shnode *n = parse_compound(p);
    if (n)
        while (parse_redirect(p, n)) {}
    else
        n = parse_simple(p);
    p->depth--;
    return n;
}

/* ---- pipelines and lists ---- */
static struct shnode *parse_pipe(struct parser *p)
{
    bool negate = false;
    size_t start = p->start;
    while (is_word(p, "!")) {
        negate = !negate;
        next_token(p);
    }
    struct shnode *n = parse_command(p);
    if (is_op(p, "|") || negate) {
        struct shnode *pipe = node_new(p, SH_PIPE);
        pipe->negate = negate;
        add_pointer(p, &pipe->list, &pipe->n, n);
        while (is_op(p, "|")) {
            next_token(p);
            skip_newlines(p);
            add_pointer(p, &pipe->list, &pipe->n, parse_command(p));
        }
        n = pipe;
    }
    n->text = arena_str(p->arena, str_trim(str_sub(p->s, start, p->start)));
    return n;
}

static struct shnode *parse_and_or(struct parser *p)
{
    size_t start = p->start;
    struct shnode *n = parse_pipe(p);
    while (is_op(p, "&&") || is_op(p, "||")) {
        struct shnode *both = node_new(p, is_op(p, "&&") ? SH_AND : SH_OR);
        next_token(p);
        skip_newlines(p);
        both->a = n;
        both->b = parse_pipe(p);
        n = both;
        n->text = arena_str(p->arena, str_trim(str_sub(p->s, start, p->start)));
    }
    return n;
}

static bool ends_list(const struct parser *p)
{
    static const char *const ENDS[] = { "then", "else", "elif", "fi", "do", "done", "esac", "}" };
    for (size_t i = 0; i < ARRAY_LEN(ENDS); i++)
        if (is_word(p, ENDS[i]))
            return true;
    return p->kind == TOK_EOF || is_op(p, ")") || is_op(p, ";;");
}

/* Commands up to the end of the line, or, inside of something, up to the word that ends it. */
static struct shnode *parse_list(struct parser *p, bool newlines)
{
    struct shnode *list = node_new(p, SH_LIST);
    if (newlines)
        skip_newlines(p);
    do {
        struct shnode *n = parse_and_or(p);
        add_pointer(p, &list->list, &list->n, n);
        if (is_op(p, "&")) {
            n->background = true;
            next_token(p);
        } else if (is_op(p, ";")) {
            next_token(p);
        } else if (p->kind != TOK_NEWLINE) {
            break;
        }
        if (newlines)
            skip_newlines(p);
        else if (p->kind == TOK_NEWLINE)
            break;
    } while (!ends_list(p));
    return list;
}

enum sh_parse sh_parse(struct str text, struct unit **out, size_t *used, char error[200])
{
    struct arena *a = arena_new();
    struct parser *p = ARENA_NEW(a, struct parser);
    p->s = text;
    p->arena = a;
    p->error = error;
    error[0] = '\0';
    *out = NULL;
    enum sh_parse failed = (enum sh_parse)setjmp(p->fail);
    if (failed != SH_PARSE_OK) {
        *used = text.n;                            /* the whole input is dropped */
        arena_free(a);
        return failed;
    }
    next_token(p);
    skip_newlines(p);
    if (p->kind == TOK_EOF) {
        *used = p->pos;
        arena_free(a);
        return SH_PARSE_EMPTY;
    }
    struct shnode *root = parse_list(p, false);
    if (p->kind != TOK_NEWLINE && p->kind != TOK_EOF)
        unexpected(p, NULL);
    if (p->kind == TOK_EOF && p->heredoc_count)
        incomplete(p, "unterminated here-document");
    *used = p->pos;
    struct unit *u = NEW(struct unit);
    *u = (struct unit){ a, 1, root };
    *out = u;
    return SH_PARSE_OK;
}

void sh_unit_unref(struct unit *u)
{
    if (!u || --u->refs > 0)
        return;
    arena_free(u->arena);
    free(u);
}
