/* sim/cmd/record.c - a journal's records: their names, bytes in JSON, and a file of them, read with distrust.
 *
 * A file comes from whoever hands it in. What is checked here once need not be checked where it is replayed: every line is an
 * object of a known kind, inputs stand in the order of their numbers and times, what follows a request names one that was there,
 * each life begins with `up` and ends once, and the last line is the journal's end, so that nothing is missing behind it.
 */
#include "sim/base/archive.h"
#include "sim/cmd/record.h"

#include <stdlib.h>

static const struct { const char *name; bool input, life_end, of_request; } kinds[RECORD_KINDS] = {
    [RECORD_UP] = { "up", 0, 0, 0 },           [RECORD_FILE] = { "file", 0, 0, 0 },     [RECORD_CHAIN] = { "chain", 0, 0, 0 },
    [RECORD_REQUEST] = { "request", 1, 0, 0 }, [RECORD_GONE] = { "gone", 1, 0, 1 },     [RECORD_DATA] = { "data", 1, 0, 1 },
    [RECORD_EOF] = { "eof", 1, 0, 1 },         [RECORD_DRAIN] = { "drain", 1, 0, 1 },   [RECORD_CLOSE] = { "close", 1, 0, 1 },
    [RECORD_ANSWER] = { "answer", 0, 0, 1 },   [RECORD_STEP] = { "step", 1, 0, 0 },     [RECORD_SPEED] = { "speed", 1, 0, 0 },
    [RECORD_IDLE] = { "idle", 1, 0, 0 },
    [RECORD_DIAL] = { "dial", 1, 0, 0 },      
    [RECORD_STOP] = { "stop", 1, 1, 0 },       [RECORD_KILLED] = { "killed", 1, 1, 0 }, [RECORD_END] = { "end", 1, 1, 0 },
    [RECORD_FULL] = { "full", 1, 1, 0 },
};

const char *record_kind_name(enum record_kind k) { return kinds[k].name; }
bool record_is_input(enum record_kind k) { return kinds[k].input; }
bool record_is_life_end(enum record_kind k) { return kinds[k].life_end; }

static bool kind_find(struct str name, enum record_kind *out)
{
    for (size_t i = 0; i < RECORD_KINDS; i++)
        if (str_eqc(name, kinds[i].name)) {
            *out = (enum record_kind)i;
            return true;
        }
    return false;
}

/* ---- bytes ---- */
void record_set_bytes(struct arena *a, struct json *obj, const char *key, struct str bytes)
{
    if (utf8_valid(bytes) && str_chr(bytes, '\0') < 0)
        json_set_str(a, obj, key, bytes);
    else
        json_set_str(a, obj, arena_printf(a, "%s64", key), base64_encode(a, bytes));
}

bool record_get_bytes(struct arena *a, const struct json *obj, const char *key, struct str *out)
{
    const struct json *text = json_get(obj, key), *coded = json_get(obj, arena_printf(a, "%s64", key));
    if (json_is(text, JSON_STRING)) {
        *out = json_str(text);
        return true;
    }
    return json_is(coded, JSON_STRING) && base64_decode(a, json_str(coded), out);
}

/* ---- the file ---- */
struct check {
    struct journal_file *f;
    size_t       cap;
    unsigned     line;
    struct map  *ids;                              /* of this life's requests */
    uint64_t     n;                                /* of the last input */
    int64_t      t;
    bool         living, ended, in_life;           /* in_life: the line that is checked belongs to a life */
    struct err  *err;
};

static bool wrong(struct check *c, const char *why)
{
    return err_set(c->err, ERR_PARSE, "line %u: %s", c->line, why);
}

static bool check_head(struct check *c, struct str text)
{
    struct err why = { 0 };
    struct json *head = json_parse(c->f->arena, text, &why);
    err_clear(&why);
    if (!head || !str_eqc(json_get_str(head, "journal"), "kubelab"))
        return wrong(c, "this is no journal of kubelab's: its first line would say so");
    int64_t format = json_get_int(head, "format", 0);
    if (format != JOURNAL_FORMAT)
        return err_set(c->err, ERR_PARSE,
                       "line %u: the journal has format %" PRId64 ", and this kubelab reads %d: replay it with the one that wrote "
                                                                  "it", c->line, format,
                       JOURNAL_FORMAT);
    if (!hex_decode(c->f->arena, json_get_str(head, "seed"), &c->f->seed) || c->f->seed.n != 32)
        return wrong(c, "the seed is not 64 hexadecimal digits");
    c->f->head = head;
    return true;
}

static void begin_life(struct check *c)
{
    map_free(c->ids, NULL);
    c->ids = map_new();
    c->living = true;
    c->n = 0;
    c->t = 0;
}

static bool check_place(struct check *c, const struct record_line *r)
{
    c->in_life = c->living;
    if (c->ended)
        return wrong(c, "something follows the journal's end");
    if (r->kind == RECORD_UP) {
        if (c->living)
            return wrong(c, "a life begins while another has not ended");
        begin_life(c);
        return true;
    }
    if (r->kind == RECORD_END && !c->living && c->ids) {
        c->ended = true;
        return true;
    }
    if (!c->living)
        return wrong(c, "this belongs to a life, and none has begun");
    if (record_is_life_end(r->kind))
        c->living = false;
    c->ended = r->kind == RECORD_END || r->kind == RECORD_FULL;
    return true;
}

static bool check_order(struct check *c, const struct record_line *r)
{
    if (!record_is_input(r->kind) || (r->kind == RECORD_END && !c->in_life))
        return true;
    if (r->n == 0 || r->n < c->n || r->t < c->t || r->t > INT64_MAX / 2)
        return wrong(c, "its number or time is before that of the input before");
    if (r->n == c->n && !record_is_life_end(r->kind))
        return wrong(c, "its number is that of the input before");
    c->n = r->n;
    c->t = r->t;
    return true;
}

static bool check_id(struct check *c, const struct record_line *r)
{
    struct str key = { (const char *)&r->id, sizeof r->id };
    if (r->kind == RECORD_REQUEST)
        map_put(c->ids, key, c);
    return !kinds[r->kind].of_request || map_get(c->ids, key) || wrong(c, "it is of a request that there was not");
}

static bool check_line(struct check *c, struct str text)
{
    struct arena *a = arena_new();
    struct err why = { 0 };
    struct record_line r = { .line = c->line, .text = text };
    struct json *j = json_parse(a, text, &why);
    bool ok = false;
    if (!j || json_type(j) != JSON_OBJECT)
        err_set(c->err, ERR_PARSE, "line %u: this is no JSON object: %s", c->line, why.code ? why.msg : "something else");
    else if (!kind_find(json_get_str(j, "kind"), &r.kind))
        err_set(c->err, ERR_PARSE, "line %u: there is no record of the kind \"" STR_FMT "\"", c->line,
                STR_ARG(str_sub(json_get_str(j, "kind"), 0, 40)));
    else
        ok = true;
    if (ok) {
        int64_t n = json_get_int(j, "n", 0), id = r.kind == RECORD_REQUEST ? n : json_get_int(j, "id", 0);
        r.n = n > 0 ? (uint64_t)n : 0;
        r.id = id > 0 ? (uint64_t)id : 0;
        r.t = json_get_int(j, "t", 0);
        ok = check_place(c, &r) && check_order(c, &r) && check_id(c, &r);
    }
    arena_free(a);
    err_clear(&why);
    if (!ok)
        return false;
    if (c->f->n == c->cap) {
        c->f->lines = arena_realloc(c->f->arena, c->f->lines, c->cap * sizeof r, (c->cap * 2 + 64) * sizeof r);
        c->cap = c->cap * 2 + 64;
    }
    c->f->lines[c->f->n++] = r;
    return true;
}

static bool check_all(struct check *c, struct str rest)
{
    while (rest.n) {
        struct str line;
        c->line++;
        if (!str_cut(rest, '\n', &line, &rest))
            return wrong(c, "the file is cut off: its last line is not whole");
        if (c->line == 1 ? !check_head(c, line) : !check_line(c, line))
            return false;
    }
    if (!c->line)
        return err_set(c->err, ERR_PARSE, "the file is empty");
    return c->ended || err_set(c->err, ERR_PARSE, "the file is cut off after line %u: the journal's end is missing", c->line);
}

bool journal_file_read(struct arena *a, struct str bytes, struct journal_file *out, struct err *err)
{
    *out = (struct journal_file){ .arena = a };
    struct check c = { .f = out, .err = err };
    bool ok = true;
    if (bytes.n >= 2 && bytes.p[0] == '\x1f' && bytes.p[1] == '\x8b')
        ok = gzip_unpack(a, bytes, LIMIT_JOURNAL_FILE_BYTES, &bytes, err);
    ok = ok && check_all(&c, bytes);
    map_free(c.ids, NULL);
    return ok;
}
