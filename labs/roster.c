/* labs/roster.c - a class read from a table or from a folder. The table comes out of other programs: it is read strictly, and
 * every complaint names its line. */
#include "labs/roster.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_FIELDS = 64, MAX_NAME_BYTES = 200 };

/* ---- a table with commas ---- */
struct table { struct arena *a; const char *file; struct str rest; unsigned line; struct err *err; };
struct record { struct str v[MAX_FIELDS]; size_t n; unsigned line; };

PRINTF(3, 4) static bool fail(struct table *t, unsigned line, const char *fmt, ...)
{
    char what[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return err_set(t->err, ERR_PARSE, "%s:%u: %s", t->file, line, what);
}

static char take(struct table *t)
{
    char c = t->rest.p[0];
    t->rest = str_sub(t->rest, 1, t->rest.n);
    t->line += c == '\n';
    return c;
}

static bool at(const struct table *t, char c) { return t->rest.n && t->rest.p[0] == c; }
static bool at_line_end(const struct table *t) { return !t->rest.n || at(t, '\n') || str_starts(t->rest, "\r\n"); }

/* In quotes: up to the one that is not doubled. */
static bool read_quoted(struct table *t, struct strbuf *out)
{
    unsigned begin = t->line;
    take(t);
    while (t->rest.n) {
        char c = take(t);
        if (c == '"' && !at(t, '"'))
            return at(t, ',') || at_line_end(t) || fail(t, t->line, "after a closing quote comes a comma or the end of the line");
        if (c == '"')
            take(t);
        strbuf_addch(out, c);
    }
    return fail(t, begin, "a quote is opened and never closed");
}

static bool read_field(struct table *t, struct str *field)
{
    struct strbuf out;
    bool ok = true;
    strbuf_init(&out, ROSTER_BYTES_MAX);
    if (at(t, '"'))
        ok = read_quoted(t, &out);
    else
        while (!at(t, ',') && !at_line_end(t) && ok)
            ok = !at(t, '"') ? (strbuf_addch(&out, take(t)), true)
                 : fail(t, t->line, "a quote stands in the middle of a field: put the whole field in quotes and double it");
    *field = str_trim(arena_str(t->a, strbuf_str(&out)));
    strbuf_deinit(&out);
    return ok;
}

static bool read_record(struct table *t, struct record *r)
{
    r->n = 0;
    r->line = t->line;
    for (;;) {
        if (r->n == MAX_FIELDS)
            return fail(t, t->line, "a line has at most %d fields", MAX_FIELDS);
        if (!read_field(t, &r->v[r->n++]))
            return false;
        if (!at(t, ','))
            break;
        take(t);
    }
    if (at(t, '\r'))
        take(t);
    if (t->rest.n)
        take(t);
    return true;
}

/* ---- students ---- */
static const char *file_name(struct arena *a, struct str student)
{
    struct str name = percent_encode(a, student);
    return str_starts(name, ".") ? arena_printf(a, "%%2E" STR_FMT, STR_ARG(str_sub(name, 1, name.n))) : arena_cstr(a, name);
}

static bool add_row(struct table *t, struct roster *r, struct map *seen, struct str student, struct str submission, unsigned line)
{
    if (!student.n)
        return fail(t, line, "the student has no name");
    if (memchr(student.p, 0, student.n) || (submission.n && memchr(submission.p, 0, submission.n)))
        return fail(t, line, "there is a zero byte in it");
    struct roster_row row = { .student = arena_cstr(t->a, student), .name = file_name(t->a, student),
                              .submission = arena_cstr(t->a, submission), .line = line };
    const struct roster_row *before = map_get(seen, student);
    if (before && !line)
        return err_set(t->err, ERR_PARSE, "%s: \"%s\" and \"%s\" are both of the student \"%s\"", t->file, before->submission,
                       row.submission, row.student);
    if (before)
        return fail(t, line, "student \"%s\" stands in line %u already", row.student, before->line);
    if (strlen(row.name) > MAX_NAME_BYTES)
        return fail(t, line, "the student's name is longer than %d bytes", MAX_NAME_BYTES);
    if (r->n == ROSTER_ROWS_MAX)
        return fail(t, line, "a roster has at most %d students", ROSTER_ROWS_MAX);
    r->v[r->n] = row;
    map_put(seen, student, &r->v[r->n++]);
    return true;
}

static bool find_columns(struct table *t, const struct record *head, size_t *student, size_t *submission)
{
    static const char *const wanted[] = { "student", "submission" };
    size_t *places[] = { student, submission };
    const char *commas = head->n == 1 && (str_chr(head->v[0], ';') >= 0 || str_chr(head->v[0], '\t') >= 0)
                         ? ": save the table with commas between its fields" : "";
    for (size_t k = 0; k < ARRAY_LEN(wanted); k++) {
        size_t found = 0;
        for (size_t i = 0; i < head->n; i++)
            if (str_eqi(head->v[i], str_c(wanted[k])) && found++ == 0)
                *places[k] = i;
        if (found != 1)
            return fail(t, 1, "the first line names the columns, and %s of them is \"%s\"%s", found ? "more than one" : "none",
                        wanted[k], commas);
    }
    return true;
}

static bool read_rows(struct table *t, struct roster *r, struct map *seen)
{
    struct record *rec = ARENA_NEW(t->a, struct record);
    size_t student, submission, columns;
    if (!read_record(t, rec) || !find_columns(t, rec, &student, &submission))
        return false;
    columns = rec->n;
    while (t->rest.n) {
        if (!read_record(t, rec))
            return false;
        if (rec->n == 1 && !rec->v[0].n)           /* an empty line */
            continue;
        if (rec->n != columns)
            return fail(t, rec->line, "there are %zu fields, and the first line has %zu", rec->n, columns);
        if (!add_row(t, r, seen, rec->v[student], rec->v[submission], rec->line))
            return false;
    }
    return r->n || fail(t, t->line, "there is no student in it");
}

bool roster_parse(struct arena *a, const char *file, struct str text, struct roster *r, struct err *err)
{
    struct table t = { .a = a, .file = file, .rest = text, .line = 1, .err = err };
    struct map *seen = map_new();
    size_t lines = 1;
    if (str_starts(t.rest, "\xef\xbb\xbf"))
        t.rest = str_sub(t.rest, 3, t.rest.n);
    for (size_t i = 0; i < text.n && lines < ROSTER_ROWS_MAX; i++)
        lines += text.p[i] == '\n';
    *r = (struct roster){ .v = arena_zalloc(a, lines * sizeof *r->v) };
    bool ok = t.rest.n ? read_rows(&t, r, seen) : fail(&t, 1, "it is empty");
    map_free(seen, NULL);
    return ok;
}

/* ---- a folder ---- */
static int is_shown(const struct dirent *e) { return e->d_name[0] != '.'; }

static struct str without_suffix(struct str name)
{
    static const char *const suffixes[] = { ".yaml", ".yml", ".json", ".sh" };
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (str_ends(name, suffixes[i]) && name.n > strlen(suffixes[i]))
            return str_sub(name, 0, name.n - strlen(suffixes[i]));
    return name;
}

bool roster_folder(struct arena *a, const char *dir, struct roster *r, struct err *err)
{
    struct table t = { .a = a, .file = dir, .err = err };
    struct map *seen = map_new();
    struct dirent **names;
    int n = scandir(dir, &names, is_shown, alphasort);
    *r = (struct roster){ .v = arena_zalloc(a, (size_t)(n > 0 ? n : 1) * sizeof *r->v) };
    bool ok = n > 0 || err_set(err, ERR_NOT_FOUND, "%s: there is no submission in it", dir);
    for (int i = 0; i < n; i++) {
        struct str name = str_c(names[i]->d_name);
        ok = ok && add_row(&t, r, seen, arena_str(a, without_suffix(name)), arena_str(a, name), 0);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    map_free(seen, NULL);
    return ok;
}

void roster_csv_field(struct strbuf *out, struct str field)
{
    bool plain = true;
    for (size_t i = 0; i < field.n && plain; i++)
        plain = !strchr(",\"\r\n", field.p[i]) || !field.p[i];
    if (plain && field.n && field.p[0] != ' ' && field.p[field.n - 1] != ' ') {
        strbuf_add(out, field);
        return;
    }
    strbuf_addch(out, '"');
    for (size_t i = 0; i < field.n; i++) {
        if (field.p[i] == '"')
            strbuf_addch(out, '"');
        strbuf_addch(out, field.p[i]);
    }
    strbuf_addch(out, '"');
}
