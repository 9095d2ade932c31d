/* sim/cmd/sandbox_text.c - what a script printed, as text that may be shown anywhere: it cannot move a terminal's cursor, nor
 * break a result file. */
#include "sim/cmd/sandbox.h"

/* The bytes of the character that begins here; 0: it is none. */
static size_t character(struct str text)
{
    for (size_t n = 1; n <= 4 && n <= text.n; n++)
        if (utf8_valid(str_sub(text, 0, n)))
            return n;
    return 0;
}

static bool is_c1(struct str c) { return c.n == 2 && c.p[0] == '\xc2' && (unsigned char)c.p[1] < 0xa0; }

struct str sandbox_printable(struct arena *a, struct str text)
{
    struct strbuf out;
    strbuf_init(&out, 3 * text.n + 16);
    while (text.n) {
        size_t n = character(text);
        unsigned char c = (unsigned char)text.p[0];
        struct str one = str_sub(text, 0, n ? n : 1);
        text = str_sub(text, one.n, text.n);
        if (n == 0 || is_c1(one))
            strbuf_add(&out, STR("\xef\xbf\xbd"));
        else if (c == '\r' && text.n && text.p[0] == '\n')
            continue;                              /* a line's end as a terminal has it */
        else if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
            strbuf_addf(&out, "^%c", c ^ 0x40);
        else
            strbuf_add(&out, one);
    }
    struct str done = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return done;
}

/* klog's head (k8s.io/klog, formatHeader), where a 0 stands for any digit. *file: where the name of the source begins. */
static bool klog_head(struct str line, size_t *file)
{
    static const char pattern[] = "0000 00:00:00.000000 ";
    size_t i = 1;
    if (!line.n || !strchr("IWEF", line.p[0]))
        return false;
    for (const char *p = pattern; *p; p++, i++)
        if (i >= line.n || (*p == '0' ? line.p[i] < '0' || line.p[i] > '9' : line.p[i] != *p))
            return false;
    while (i < line.n && (line.p[i] == ' ' || (line.p[i] >= '0' && line.p[i] <= '9')))
        i++;
    *file = i;
    ptrdiff_t end = str_find(line, STR("] "));
    return end > (ptrdiff_t)i && str_find(str_sub(line, i, (size_t)end), STR(".go:")) > 0;
}

struct str sandbox_steady(struct arena *a, struct str text)
{
    struct strbuf out;
    size_t file = 0;
    strbuf_init(&out, text.n + 64);
    while (text.n) {
        ptrdiff_t end = str_chr(text, '\n');
        struct str line = str_sub(text, 0, end < 0 ? text.n : (size_t)end + 1);
        text = str_sub(text, line.n, text.n);
        if (klog_head(line, &file)) {
            strbuf_addf(&out, "%c0101 00:00:00.000000       1 ", line.p[0]);
            line = str_sub(line, file, line.n);
        }
        strbuf_add(&out, line);
    }
    struct str done = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return done;
}
