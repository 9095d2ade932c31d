/* sim/cmd/look_audit.c - the audit trail in short: of each row what a check asks for. Rows are read once, as they come, and kept
 * as text; a look copies them.
 *
 * Simplified: a row is taken as it first stood; one that a failing disk amended later in its turn is not read again.
 */
#include "sim/cmd/look.h"

#include "apiserver/store/store.h"

#include <stdlib.h>

/* When more than ROWS_MAX are here, ROWS_DROP of the oldest go at once: so what is left stands still for a while, and who has
 * read it needs not read it again. */
enum { ROWS_MAX = 5000, ROWS_DROP = 1000, PAGE_ROWS = 1000 };

struct audit_short {
    struct store *store;
    int64_t       last;                /* the trail's number of the last row read */
    int64_t       left_out;            /* numbers before the first row that is here */
    size_t        n;
    struct strbuf text;                /* each row with a comma before it */
};

struct audit_short *audit_short_new(struct store *s)
{
    struct audit_short *t = NEW(struct audit_short);
    t->store = s;
    strbuf_init(&t->text, LIMIT_RESPONSE_BYTES);
    return t;
}

void audit_short_free(struct audit_short *t)
{
    if (!t)
        return;
    strbuf_deinit(&t->text);
    free(t);
}

/* ---- one row ---- */
static void member(struct strbuf *out, const char *name, struct str value)
{
    if (!value.n)
        return;
    strbuf_addf(out, ",\"%s\":", name);
    json_write_string(out, value);
}

static void add_groups(struct strbuf *out, const struct json *groups)
{
    if (!json_len(groups))
        return;
    strbuf_addc(out, ",\"groups\":");
    json_write(out, groups, JSON_NO_HTML_ESCAPE);
}

/* What is no resource is known by its path. */
static struct str path_of(const struct json *event)
{
    struct str uri = json_get_str(event, "requestURI");
    return json_get(event, "objectRef") ? STR_NULL : str_token(&uri, '?');
}

void audit_short_row(struct arena *a, int64_t seq, struct str event, struct strbuf *out)
{
    static const char *const refs[] = { "resource", "subresource", "namespace", "name" };
    const struct json *j = json_parse(a, event, NULL), *ref = json_get(j, "objectRef"), *user = json_get(j, "user");
    struct str time = json_get_str(j, "requestReceivedTimestamp");
    int64_t ns = 0;
    time_parse_rfc3339(time, &ns);
    strbuf_addf(out, "{\"seq\":%" PRId64 ",\"time\":", seq);
    json_write_string(out, time);
    strbuf_addf(out, ",\"seconds\":%.15g", (double)(ns / (int64_t)NS_PER_MS) / 1e3);
    member(out, "user", json_get_str(user, "username"));
    add_groups(out, json_get(user, "groups"));
    member(out, "as", json_path_str(j, "impersonatedUser.username"));
    member(out, "verb", json_get_str(j, "verb"));
    member(out, "group", json_get_str(ref, "apiGroup"));
    for (size_t i = 0; i < ARRAY_LEN(refs); i++)
        member(out, refs[i], json_get_str(ref, refs[i]));
    member(out, "path", path_of(j));
    strbuf_addf(out, ",\"code\":%" PRId64, json_path_int(j, "responseStatus.code", 0));
    member(out, "userAgent", json_get_str(j, "userAgent"));
    strbuf_addch(out, '}');
}

/* ---- all of them ---- */
static void on_row(void *ctx, int64_t seq, struct str event)
{
    struct audit_short *t = ctx;
    struct arena *a = arena_new();
    if (!t->n)
        t->left_out = seq - 1;
    strbuf_addch(&t->text, ',');
    audit_short_row(a, seq, event, &t->text);
    t->last = seq;
    t->n++;
    arena_free(a);
}

static void drop_oldest(struct audit_short *t, size_t count)
{
    struct json_walk w = { .rest = strbuf_str(&t->text) };
    struct str key, value;
    size_t end = 0;
    for (size_t i = 0; i < count && json_walk_next(&w, &key, &value); i++)
        end = (size_t)(value.p + value.n - t->text.p);
    strbuf_consume(&t->text, end);
    t->n -= count;
    t->left_out += (int64_t)count;
}

int64_t audit_short_write(struct audit_short *t, struct strbuf *out)
{
    while (store_audit_each(t->store, t->last, PAGE_ROWS, on_row, t))
        if (t->n > ROWS_MAX)
            drop_oldest(t, ROWS_DROP);
    strbuf_add(out, str_sub(strbuf_str(&t->text), 1, t->text.n));
    return t->left_out;
}
