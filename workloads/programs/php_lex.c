/* workloads/programs/php_lex.c - PHP text to tokens (upstream: Zend/zend_language_scanner.l of PHP 5.6).
 *
 * Outside <?php ... ?> everything is one T_INLINE_HTML; <?= reads as echo and ?> as ';', swallowing one line end.
 * Strings are delivered raw: taking escapes and interpolated variables apart is the parser's, which calls back here for
 * the {$...} parts.
 */
#include "workloads/programs/php_priv.h"

#include <ctype.h>
#include <strings.h>

static const char *const KEYWORD_TEXT[] = {
#define KW_TEXT(id, text, supported) text,
    PHP_KEYWORD_MAP(KW_TEXT)
};
static const char *const KEYWORD_TOKEN[] = {
#define KW_TOKEN(id, text, supported) "T_" #id,
    PHP_KEYWORD_MAP(KW_TOKEN)
};
static const bool KEYWORD_SUPPORTED[] = {
#define KW_OK(id, text, supported) supported,
    PHP_KEYWORD_MAP(KW_OK)
};
static const struct { const char *text, *token; } OPERATORS[] = {
    /* longest first */
    { "===", "T_IS_IDENTICAL" },
    { "!==", "T_IS_NOT_IDENTICAL" },
    { "<<=", "T_SL_EQUAL" },
    { ">>=", "T_SR_EQUAL" },
    { "**=", "T_POW_EQUAL" },
    { "...", "T_ELLIPSIS" },
    { "==", "T_IS_EQUAL" },
    { "!=", "T_IS_NOT_EQUAL" },
    { "<>", "T_IS_NOT_EQUAL" },
    { "<=", "T_IS_SMALLER_OR_EQUAL" },
    { ">=", "T_IS_GREATER_OR_EQUAL" },
    { "&&", "T_BOOLEAN_AND" },
    { "||", "T_BOOLEAN_OR" },
    { "++", "T_INC" },
    { "--", "T_DEC" },
    { "+=", "T_PLUS_EQUAL" },
    { "-=", "T_MINUS_EQUAL" },
    { "*=", "T_MUL_EQUAL" },
    { "/=", "T_DIV_EQUAL" },
    { ".=", "T_CONCAT_EQUAL" },
    { "%=", "T_MOD_EQUAL" },
    { "&=", "T_AND_EQUAL" },
    { "|=", "T_OR_EQUAL" },
    { "^=", "T_XOR_EQUAL" },
    { "<<", "T_SL" },
    { ">>", "T_SR" },
    { "=>", "T_DOUBLE_ARROW" },
    { "->", "T_OBJECT_OPERATOR" },
    { "::", "T_PAAMAYIM_NEKUDOTAYIM" },
    { "**", "T_POW" },
};
static const struct { const char *text; enum php_type type; const char *token; } CASTS[] = {
    { "int", PHP_INT, "T_INT_CAST" },          { "integer", PHP_INT, "T_INT_CAST" },
    { "float", PHP_FLOAT, "T_DOUBLE_CAST" },   { "double", PHP_FLOAT, "T_DOUBLE_CAST" },
    { "real", PHP_FLOAT, "T_DOUBLE_CAST" },    { "string", PHP_STRING, "T_STRING_CAST" },
    { "array", PHP_ARRAY, "T_ARRAY_CAST" },    { "bool", PHP_BOOL, "T_BOOL_CAST" },
    { "boolean", PHP_BOOL, "T_BOOL_CAST" },    { "unset", PHP_NULL, "T_UNSET_CAST" },
    { "binary", PHP_STRING, "T_STRING_CAST" },
};

bool php_keyword_supported(enum php_keyword k)
{
    return KEYWORD_SUPPORTED[k];
}

const char *php_keyword_text(enum php_keyword k)
{
    return KEYWORD_TEXT[k];
}

void php_lex_init(struct php_lexer *l, struct str src, bool in_php, int line)
{
    *l = (struct php_lexer){ .src = src, .line = line, .in_php = in_php };
    php_lex_next(l);
}

static int at(const struct php_lexer *l, size_t ahead)
{
    return l->pos + ahead < l->src.n ? (unsigned char)l->src.p[l->pos + ahead] : -1;
}

static bool name_start(int c)
{
    return c == '_' || c >= 0x80 || (c >= 0 && isalpha(c));
}

static bool name_char(int c)
{
    return name_start(c) || (c >= 0 && isdigit(c));
}

static bool looking_at(const struct php_lexer *l, const char *s)
{
    size_t n = strlen(s);
    return l->pos + n <= l->src.n && strncasecmp(l->src.p + l->pos, s, n) == 0;
}

static void skip(struct php_lexer *l, size_t n)
{
    for (; n > 0 && l->pos < l->src.n; n--)
        l->line += l->src.p[l->pos++] == '\n';
}

/* Text up to the next opening tag. "<?php" needs white space after it; "<?" alone is on by default (short_open_tag). */
static void lex_html(struct php_lexer *l)
{
    size_t start = l->pos;
    l->kind = T_INLINE_HTML;
    for (; l->pos < l->src.n; skip(l, 1)) {
        if (!looking_at(l, "<?") || looking_at(l, "<?xml"))
            continue;
        l->text = str_sub(l->src, start, l->pos);
        l->in_php = true;
        bool echo = at(l, 2) == '=';
        if (echo)
            skip(l, 3);
        else if (looking_at(l, "<?php") && (at(l, 5) == -1 || isspace(at(l, 5))))
            skip(l, at(l, 5) == '\r' && at(l, 6) == '\n' ? 7 : 6);
        else
            skip(l, 2);
        l->op = echo;                              /* the parser makes it an echo */
        return;
    }
    l->text = str_sub(l->src, start, l->pos);
    l->op = 0;
}

/* True when a ?> ended a one-line comment, which it may. */
static void skip_space_and_comments(struct php_lexer *l)
{
    for (;;) {
        int c = at(l, 0);
        if (c >= 0 && isspace(c)) {
            skip(l, 1);
        } else if (c == '#' || (c == '/' && at(l, 1) == '/')) {
            while (at(l, 0) >= 0 && at(l, 0) != '\n' && !looking_at(l, "?>"))
                skip(l, 1);
        } else if (c == '/' && at(l, 1) == '*') {
            skip(l, 2);
            while (at(l, 0) >= 0 && !looking_at(l, "*/"))
                skip(l, 1);
            skip(l, 2);
        } else {
            return;
        }
    }
}

static void lex_number(struct php_lexer *l)
{
    size_t start = l->pos;
    l->kind = T_LNUMBER;
    if (at(l, 0) == '0' && (at(l, 1) == 'x' || at(l, 1) == 'X' || at(l, 1) == 'b' || at(l, 1) == 'B')) {
        skip(l, 2);
        while (at(l, 0) >= 0 && isxdigit(at(l, 0)))
            skip(l, 1);
        return;
    }
    (void)start;
    while (at(l, 0) >= 0 && isdigit(at(l, 0)))
        skip(l, 1);
    if (at(l, 0) == '.' && (l->pos > start || (at(l, 1) >= 0 && isdigit(at(l, 1)))) && at(l, 1) != '.') {
        l->kind = T_DNUMBER;
        skip(l, 1);
        while (at(l, 0) >= 0 && isdigit(at(l, 0)))
            skip(l, 1);
    }
    int sign = at(l, 1) == '+' || at(l, 1) == '-';
    if ((at(l, 0) == 'e' || at(l, 0) == 'E') && at(l, (size_t)(1 + sign)) >= 0 && isdigit(at(l, (size_t)(1 + sign)))) {
        l->kind = T_DNUMBER;
        skip(l, (size_t)(2 + sign));
        while (at(l, 0) >= 0 && isdigit(at(l, 0)))
            skip(l, 1);
    }
}

/* 'single' is a constant; "double" is one too unless a variable starts in it. An unclosed string is a bare quote, as in PHP. */
static void lex_string(struct php_lexer *l, char quote)
{
    size_t body = l->pos + 1;
    bool variables = false;
    skip(l, 1);
    while (at(l, 0) >= 0 && at(l, 0) != quote) {
        if (at(l, 0) == '\\')
            skip(l, 1);
        else if (at(l, 0) == '$' && (name_start(at(l, 1)) || at(l, 1) == '{'))
            variables = true;
        skip(l, 1);
    }
    if (at(l, 0) < 0) {
        l->kind = T_BAD;
        return;
    }
    l->body = str_sub(l->src, body, l->pos);
    l->kind = quote == '"' && variables ? T_TEMPLATE : T_STRING_CONST;
    l->op = quote;
    skip(l, 1);
}

/* <<<ID, <<<"ID" or <<<'ID', a line end, the body, and ID again at the start of a line. */
static bool lex_heredoc(struct php_lexer *l)
{
    size_t p = l->pos + 3;
    const char *s = l->src.p;
    while (p < l->src.n && (s[p] == ' ' || s[p] == '\t'))
        p++;
    char quote = p < l->src.n && (s[p] == '\'' || s[p] == '"') ? s[p++] : 0;
    size_t id = p;
    while (p < l->src.n && name_char((unsigned char)s[p]))
        p++;
    struct str label = str_sub(l->src, id, p);
    if (label.n == 0 || isdigit((unsigned char)label.p[0]) || (quote && (p >= l->src.n || s[p++] != quote)))
        return false;
    if (p < l->src.n && s[p] == '\r')
        p++;
    if (p >= l->src.n || s[p] != '\n')
        return false;
    skip(l, p + 1 - l->pos);
    l->body_line = l->line;
    size_t body = l->pos;
    l->kind = quote == '\'' ? T_NOWDOC : T_HEREDOC;
    for (;;) {                                     /* each turn starts a line */
        if (l->pos + label.n <= l->src.n && str_eq(str_sub(l->src, l->pos, l->pos + label.n), label) &&
            !name_char(at(l, label.n))) {
            size_t end = l->pos > body ? l->pos - 1 : body;
            if (end > body && s[end - 1] == '\r')
                end--;
            l->body = str_sub(l->src, body, end);
            skip(l, label.n);
            return true;
        }
        while (at(l, 0) >= 0 && at(l, 0) != '\n')
            skip(l, 1);
        if (at(l, 0) < 0) {
            l->kind = T_EOF;
            return true;
        }
        skip(l, 1);
    }
}

static bool lex_cast(struct php_lexer *l)
{
    size_t p = l->pos + 1;
    while (p < l->src.n && (l->src.p[p] == ' ' || l->src.p[p] == '\t'))
        p++;
    size_t start = p;
    while (p < l->src.n && isalpha((unsigned char)l->src.p[p]))
        p++;
    struct str word = str_sub(l->src, start, p);
    while (p < l->src.n && (l->src.p[p] == ' ' || l->src.p[p] == '\t'))
        p++;
    if (p >= l->src.n || l->src.p[p] != ')')
        return false;
    for (size_t i = 0; i < ARRAY_LEN(CASTS); i++) {
        if (str_eqi(word, str_c(CASTS[i].text))) {
            l->kind = T_CAST;
            l->op = (int)CASTS[i].type;
            l->pos = p + 1;
            return true;
        }
    }
    return false;
}

static void lex_word(struct php_lexer *l)
{
    size_t start = l->pos;
    while (name_char(at(l, 0)) || (at(l, 0) == '\\' && name_start(at(l, 1))))
        l->pos++;
    struct str word = str_sub(l->src, start, l->pos);
    l->kind = T_NAME;
    for (int k = 0; k < KW_COUNT; k++) {
        if (str_eqi(word, str_c(KEYWORD_TEXT[k]))) {
            l->kind = T_KEYWORD;
            l->op = k;
        }
    }
}

static void lex_operator(struct php_lexer *l)
{
    l->kind = T_OP;
    for (size_t i = 0; i < ARRAY_LEN(OPERATORS); i++) {
        if (!looking_at(l, OPERATORS[i].text))
            continue;
        l->op = 0;
        for (const char *c = OPERATORS[i].text; *c; c++, l->pos++)
            l->op = l->op << 8 | *c;
        if (l->op == OP2('<', '>'))
            l->op = OP2('!', '=');
        return;
    }
    l->op = at(l, 0);
    if (!strchr(";:,.[]()|^&+-/*=%!~$<>?@{}`\"'\\", l->op))
        l->kind = T_BAD;
    l->pos++;
}

void php_lex_next(struct php_lexer *l)
{
    l->close_tag = false;
    if (!l->in_php) {
        l->token_line = l->line;
        if (l->pos < l->src.n) {
            lex_html(l);
            return;
        }
        l->kind = T_EOF;
        l->text = STR_NULL;
        return;
    }
    skip_space_and_comments(l);
    size_t start = l->pos;
    l->token_line = l->line;
    int c = at(l, 0);
    if (c < 0) {
        l->kind = T_EOF;
    } else if (c == '?' && at(l, 1) == '>') {
        skip(l, 2);
        skip(l, at(l, 0) == '\r' && at(l, 1) == '\n' ? 2 : at(l, 0) == '\n');
        l->in_php = false;
        l->kind = T_OP;
        l->op = ';';
        l->close_tag = true;
    } else if (c == '$' && name_start(at(l, 1))) {
        l->pos++;
        while (name_char(at(l, 0)))
            l->pos++;
        l->kind = T_VARIABLE;
    } else if (isdigit(c) || (c == '.' && at(l, 1) >= 0 && isdigit(at(l, 1)))) {
        lex_number(l);
    } else if (c == '\'' || c == '"') {
        l->body_line = l->line;
        lex_string(l, (char)c);
    } else if (name_start(c) || (c == '\\' && name_start(at(l, 1)))) {
        if (c == '\\')
            l->pos++;
        lex_word(l);
    } else if (!(c == '<' && looking_at(l, "<<<") && lex_heredoc(l)) && !(c == '(' && lex_cast(l))) {
        lex_operator(l);
    }
    l->text = str_sub(l->src, start, l->pos);
}

struct str php_lex_describe(struct arena *a, const struct php_lexer *l)
{
    const char *token = NULL;
    struct str text = l->text;
    switch (l->kind) {
    case T_EOF: return STR("end of file");
    case T_INLINE_HTML: return STR("T_INLINE_HTML");
    case T_VARIABLE: token = "T_VARIABLE"; break;
    case T_NAME: token = "T_STRING"; break;
    case T_LNUMBER: token = "T_LNUMBER"; break;
    case T_DNUMBER: token = "T_DNUMBER"; break;
    case T_STRING_CONST: token = "T_CONSTANT_ENCAPSED_STRING"; break;
    case T_TEMPLATE: return STR("'\"'");
    case T_HEREDOC: case T_NOWDOC: token = "T_START_HEREDOC"; text = str_sub(text, 0, (size_t)(l->body.p - text.p)); break;
    case T_KEYWORD: token = KEYWORD_TOKEN[l->op]; break;
    case T_CAST:
        for (size_t i = 0; i < ARRAY_LEN(CASTS); i++)
            token = (int)CASTS[i].type == l->op && !token ? CASTS[i].token : token;
        break;
    case T_OP:
        if (l->close_tag)
            return STR("';'");
        for (size_t i = 0; i < ARRAY_LEN(OPERATORS); i++)
            token = str_eqc(text, OPERATORS[i].text) ? OPERATORS[i].token : token;
        break;
    case T_BAD: text = str_sub(text, 0, 1); break;
    }
    return token ? arena_strf(a, "'" STR_FMT "' (%s)", STR_ARG(text), token) : arena_strf(a, "'" STR_FMT "'", STR_ARG(text));
}
