/* tests/fuzz/roster_fuzz.c - rosters: read, or refused with file and line; what was read is written, read again, and is the same.
 * File names are one for each student, and stay in their folder. */
#include "labs/roster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct roster *a, const struct roster *b)
{
    ASSERT(a->n == b->n);
    for (size_t i = 0; i < a->n; i++)
        ASSERT(strcmp(a->v[i].student, b->v[i].student) == 0 && strcmp(a->v[i].submission, b->v[i].submission) == 0);
}

static void check(struct arena *a, const struct roster *r)
{
    struct roster again;
    struct strbuf out;
    struct err err = { 0 };
    strbuf_init(&out, 4 * ROSTER_BYTES_MAX);
    strbuf_addc(&out, "student,submission\n");
    for (size_t i = 0; i < r->n; i++) {
        ASSERT(r->v[i].name[0] && r->v[i].name[0] != '.' && !strchr(r->v[i].name, '/') && strlen(r->v[i].name) <= 200);
        roster_csv_field(&out, str_c(r->v[i].student));
        strbuf_addch(&out, ',');
        roster_csv_field(&out, str_c(r->v[i].submission));
        strbuf_addc(&out, "\r\n");
    }
    ASSERT(roster_parse(a, "again.csv", strbuf_str(&out), &again, &err));
    same(r, &again);
    strbuf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct roster r;
    struct err err = { 0 };
    if (roster_parse(a, "r.csv", (struct str){ (const char *)data, size }, &r, &err))
        check(a, &r);
    else
        ASSERT(err.code == ERR_PARSE && strncmp(err.msg, "r.csv:", 6) == 0);
    err_clear(&err);
    arena_free(a);
    return 0;
}
