/* sim/cmd/page.c - text for people, folded at words where a terminal is narrower than its lines; a file or a pipe gets the lines as
 * they are. What a fold begins hangs below the text of its line: below the second column of a table of two, or behind a bullet.
 * Of Markdown, as guides are written in, paragraphs are folded anew; code and tables stay as they are.
 */
#include "sim/cmd/cmd.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NARROWEST = 30, PAGE_BYTES = 64 * 1024 * 1024 };

static size_t leading_spaces(struct str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] == ' ')
        n++;
    return n;
}

/* Behind "- " or "12. ", else 0. */
static size_t bullet_end(struct str line)
{
    size_t lead = leading_spaces(line), digits = lead;
    while (digits < line.n && line.p[digits] >= '0' && line.p[digits] <= '9')
        digits++;
    if (str_starts(str_sub(line, lead, line.n), "- "))
        return lead + 2;
    return digits > lead && str_starts(str_sub(line, digits, line.n), ". ") ? digits + 2 : 0;
}

/* Where the text of a line begins: behind its bullet, behind the last gap of two spaces in its first half, or behind "help: ". */
static size_t hang_of(struct str line, size_t width, bool markdown)
{
    size_t lead = leading_spaces(line), hang = bullet_end(line);
    ptrdiff_t word = str_chr(str_sub(line, lead, line.n), ' ');
    if (!hang)
        hang = word > 0 && line.p[lead + (size_t)word - 1] == ':' ? lead + (size_t)word + 1 : lead;
    for (size_t i = lead + 3; !markdown && i < line.n && i <= width / 2; i++)
        if (line.p[i] != ' ' && line.p[i - 1] == ' ' && line.p[i - 2] == ' ')
            hang = i;
    return hang + NARROWEST / 2 < width ? hang : 0;
}

static size_t letters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* Where the word at `from` ends; what stands in brackets, as "[--port N]" of a usage, is one. */
static size_t word_end(struct str s, size_t from, bool markdown)
{
    size_t end = from, bracket = from;
    while (end < s.n && s.p[end] != ' ')
        end++;
    if (markdown || from >= s.n || s.p[from] != '[')
        return end;
    while (bracket < s.n && s.p[bracket] != ']' && bracket < from + NARROWEST)
        bracket++;
    return bracket < s.n && s.p[bracket] == ']' && bracket > end ? word_end(s, bracket, true) : end;
}

/* A word that is longer than a line stays whole: it may be a path that somebody copies. */
static void fold_line(struct strbuf *out, struct str line, size_t width, bool markdown)
{
    size_t hang = hang_of(line, width, markdown), at = leading_spaces(line);
    strbuf_add(out, str_sub(line, 0, at));
    struct str rest = str_sub(line, at, line.n);
    for (bool first = true; rest.n; first = false) {
        size_t gap = leading_spaces(rest), end = word_end(rest, gap, markdown);
        struct str word = str_sub(rest, gap, end);
        if (!first && word.n && at + gap + letters(word) > width) {
            strbuf_addf(out, "\n%*s", (int)hang, "");
            at = hang;
            gap = 0;
        }
        strbuf_addf(out, "%*s" STR_FMT, (int)gap, "", STR_ARG(word));
        at += gap + letters(word);
        rest = str_sub(rest, end, rest.n);
    }
}

/* Markdown's paragraphs are one line each, wherever they were broken: the next line belongs to this one's text. */
static bool goes_on(struct str next)
{
    static const char *const others[] = { "#", "|", "```", "    ", "<" };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_starts(next, others[i]))
            return false;
    return str_trim(next).n && !bullet_end(next);
}

static void fold_paragraph(struct strbuf *out, struct str line, struct str *rest, size_t width)
{
    struct strbuf whole;
    struct str next, after;
    strbuf_init(&whole, PAGE_BYTES);
    strbuf_add(&whole, line);
    while (rest->n && (str_cut(*rest, '\n', &next, &after), goes_on(next))) {
        strbuf_addf(&whole, " " STR_FMT, STR_ARG(str_trim(next)));
        *rest = after;
    }
    fold_line(out, strbuf_str(&whole), width, true);
    strbuf_deinit(&whole);
}

void page_fold(struct strbuf *out, struct str text, size_t width, bool markdown)
{
    bool fenced = false;
    while (text.n) {
        struct str line;
        bool ended = str_cut(text, '\n', &line, &text), fence = markdown && str_starts(line, "```");
        fenced ^= fence;
        if (width < NARROWEST || (markdown && (fenced || fence || !goes_on(line)) && !bullet_end(line)))
            strbuf_add(out, line);         /* a blank line, a heading, code, a table */
        else if (markdown)
            fold_paragraph(out, line, &text, width);
        else
            fold_line(out, line, width, false);
        if (ended)
            strbuf_addch(out, '\n');
    }
}

void page_put(FILE *to, struct str text, bool markdown)
{
    struct winsize size = { 0 };
    struct strbuf out;
    strbuf_init(&out, PAGE_BYTES);
    bool narrow = isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, &size) == 0;
    page_fold(&out, text, narrow ? size.ws_col : 0, markdown);
    fwrite(out.n ? out.p : "", 1, out.n, to);
    strbuf_deinit(&out);
}
