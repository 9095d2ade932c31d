/* sim/cmd/page.c - text for people, folded at words where a terminal is narrower than its lines; a file or a pipe gets the lines as
 * they are. What a fold begins hangs below the text of its line: below the second column of a table of two, or behind a bullet.
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

/* Where the text of a line begins: behind its bullet or number, or behind the last gap of two spaces in its first half. */
static size_t hang_of(struct str line, size_t width)
{
    size_t lead = leading_spaces(line), digits = lead, hang = lead;
    while (digits < line.n && line.p[digits] >= '0' && line.p[digits] <= '9')
        digits++;
    if (str_starts(str_sub(line, lead, line.n), "- "))
        hang = lead + 2;
    else if (digits > lead && str_starts(str_sub(line, digits, line.n), ". "))
        hang = digits + 2;
    else
        for (size_t i = lead + 3; i < line.n && i <= width / 2; i++)
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

/* A word that is longer than a line stays whole: it may be a path that somebody copies. */
static void fold_line(struct strbuf *out, struct str line, size_t width)
{
    size_t hang = hang_of(line, width), at = leading_spaces(line);
    strbuf_add(out, str_sub(line, 0, at));
    struct str rest = str_sub(line, at, line.n);
    for (bool first = true; rest.n; first = false) {
        size_t gap = leading_spaces(rest), end = gap;
        while (end < rest.n && rest.p[end] != ' ')
            end++;
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

void page_fold(struct strbuf *out, struct str text, size_t width, bool markdown)
{
    bool fenced = false;
    while (text.n) {
        struct str line, after = STR_NULL;
        bool ended = str_cut(text, '\n', &line, &after);
        line = ended ? line : text;
        bool fence = markdown && str_starts(line, "```"),
             as_it_is = markdown && (fenced || fence || str_starts(line, "    ") || str_starts(line, "|"));
        fenced ^= fence;
        if (as_it_is || width < NARROWEST || letters(line) <= width)
            strbuf_add(out, line);
        else
            fold_line(out, line, width);
        if (ended)
            strbuf_addch(out, '\n');
        text = ended ? after : STR_NULL;
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
