/* labs/catalog.c - the labs of the binary: their files (embedded at build time, see embed), and lab.yaml read into structs.
 *
 * A lab is a folder labs/NAME with a lab.yaml; nothing here knows a lab by name. README.md says what stands in it.
 */
#include "labs/spec.h"

#include <stdio.h>
#include <stdlib.h>

/* embedded.c, which labs/embed writes: every file of every lab, in order of path; the last has no path. */
extern const struct lab_embedded { const char *path; struct str (*bytes)(void); } lab_embedded[];

enum { MAX_STEPS = 64, MAX_CHECKS = 256 };

#define LAB(f)   offsetof(struct lab, f)
#define STEP(f)  offsetof(struct lab_step, f)
#define CHECK(f) offsetof(struct lab_check, f)
#define WRONG(f) offsetof(struct lab_wrong, f)

struct lab_doc { struct lab lab; struct json *steps, *wrong; };
struct step_doc { struct lab_step step; struct json *checks; };

static const struct spec_field lab_fields[] = {
    { "name", SPEC_TEXT, LAB(name), true }, { "label", SPEC_TEXT, LAB(label), true }, { "title", SPEC_TEXT, LAB(title), true }, { "kubernetesVersion", SPEC_TEXT, LAB(version), true },
    { "age", SPEC_DURATION, LAB(age_ns), false }, { "faults", SPEC_NAMES, LAB(faults), false }, { "guide", SPEC_TEXT, LAB(guide), false },
    { "play", SPEC_TEXT, LAB(play), false }, { "solution", SPEC_TEXT, LAB(solution), false }, { "start", SPEC_TEXT, LAB(start), false },
    { "grade", SPEC_TEXT, LAB(grade), false }, { "given", SPEC_NAMES, LAB(given), false },
    { "student", SPEC_NAMES, LAB(student), false }, { "steps", SPEC_LIST, offsetof(struct lab_doc, steps), true },
    { "wrong", SPEC_LIST, offsetof(struct lab_doc, wrong), false },
};
static const struct spec_field step_fields[] = {
    { "id", SPEC_TEXT, STEP(id), true }, { "title", SPEC_TEXT, STEP(title), true }, { "section", SPEC_TEXT, STEP(section), false },
    { "hints", SPEC_NAMES, STEP(hints), false }, { "checks", SPEC_LIST, offsetof(struct step_doc, checks), false },
};
static const struct spec_field check_fields[] = {
    { "name", SPEC_TEXT, CHECK(name), true }, { "jq", SPEC_TEXT, CHECK(jq), true }, { "points", SPEC_INT, CHECK(points), false },
    { "depends", SPEC_TEXT, CHECK(depends), false }, { "rationale", SPEC_TEXT, CHECK(rationale), false }, { "help", SPEC_TEXT, CHECK(help), false },
    { "hidden", SPEC_BOOL, CHECK(hidden), false },
};
static const struct spec_field wrong_fields[] = {
    { "name", SPEC_TEXT, WRONG(name), true }, { "scenario", SPEC_TEXT, WRONG(scenario), true }, { "fails", SPEC_NAMES, WRONG(fails), true },
};
/* What can be wrong with a cluster from the start; sim/cmd/cluster.c makes it so. */
static const char *const faults[] = { "dns-stranger" };

static const struct lab_check *check_find(const struct lab *lab, const char *name)
{
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        for (const struct lab_check *c = st->checks; c; c = c->next)
            if (strcmp(c->name, name) == 0)
                return c;
    return NULL;
}

/* Checks are told by their names, and depend on earlier ones alone: so there is no circle. */
static bool read_checks(struct spec *s, const struct lab *lab, const struct json *docs, struct lab_step *step)
{
    struct lab_check **tail = &step->checks;
    if (json_len(docs) > MAX_CHECKS)
        return spec_fail(s, docs, "a step has at most %d checks", MAX_CHECKS);
    for (const struct json *d = json_first(docs); d; d = json_next(d)) {
        struct lab_check *c = ARENA_NEW(s->a, struct lab_check);
        c->points = 1;
        if (!spec_read(s, d, "a check", check_fields, ARRAY_LEN(check_fields), c))
            return false;
        if (check_find(lab, c->name))
            return spec_fail(s, json_get(d, "name"), "there is a check \"%s\" already", c->name);
        if (c->depends && !check_find(lab, c->depends))
            return spec_fail(s, json_get(d, "depends"), "no check above is called \"%s\"", c->depends);
        *tail = c;
        tail = &c->next;
    }
    return true;
}

static bool read_steps(struct spec *s, struct lab *lab, const struct json *docs)
{
    struct lab_step **tail = &lab->steps;
    if (json_len(docs) > MAX_STEPS)
        return spec_fail(s, docs, "a lab has at most %d steps", MAX_STEPS);
    for (const struct json *d = json_first(docs); d; d = json_next(d)) {
        struct step_doc *doc = ARENA_NEW(s->a, struct step_doc);
        if (!spec_read(s, d, "a step", step_fields, ARRAY_LEN(step_fields), doc))
            return false;
        if (lab_step_find(lab, doc->step.id))
            return spec_fail(s, json_get(d, "id"), "there is a step \"%s\" already", doc->step.id);
        *tail = &doc->step;
        tail = &doc->step.next;
        if (!read_checks(s, lab, doc->checks, &doc->step))
            return false;
    }
    return true;
}

static bool read_wrong(struct spec *s, struct lab *lab, const struct json *docs)
{
    struct lab_wrong **tail = &lab->wrong;
    for (const struct json *d = json_first(docs); d; d = json_next(d)) {
        struct lab_wrong *w = ARENA_NEW(s->a, struct lab_wrong);
        if (!spec_read(s, d, "a wrong solution", wrong_fields, ARRAY_LEN(wrong_fields), w))
            return false;
        for (const struct json *c = json_first(w->fails); c; c = json_next(c))
            if (!check_find(lab, arena_cstr(s->a, json_str(c))))
                return spec_fail(s, c, "no check is called \"" STR_FMT "\"", STR_ARG(json_str(c)));
        *tail = w;
        tail = &w->next;
    }
    return true;
}

static bool check_faults(struct spec *s, const struct json *names)
{
    for (const struct json *c = json_first(names); c; c = json_next(c)) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(faults); i++)
            known = known || str_eqc(json_str(c), faults[i]);
        if (!known)
            return spec_fail(s, c, "there is no fault \"" STR_FMT "\"", STR_ARG(json_str(c)));
    }
    return true;
}

struct lab *lab_parse(struct arena *a, const char *file, struct str text, struct err *err)
{
    struct spec s;
    struct lab_doc *doc = ARENA_NEW(a, struct lab_doc);
    const struct json *j = spec_open(&s, a, file, text, err);
    if (!j || !spec_read(&s, j, "a lab", lab_fields, ARRAY_LEN(lab_fields), doc) || !check_faults(&s, doc->lab.faults) || !read_steps(&s, &doc->lab, doc->steps) ||
        !read_wrong(&s, &doc->lab, doc->wrong))
        return NULL;
    return &doc->lab;
}

/* ---- the labs of the binary ---- */
static struct map *lab_map;               /* name -> struct lab; made at the first question, for as long as the process lives */

static void labs_load(void)
{
    if (lab_map)
        return;
    lab_map = map_new();
    struct arena *a = arena_new();
    for (const struct lab_embedded *f = lab_embedded; f->path; f++) {
        struct err err = { 0 };
        struct str name, rest;
        if (!str_cut(str_c(f->path), '/', &name, &rest) || !str_eqc(rest, "lab.yaml"))
            continue;
        struct lab *lab = lab_parse(a, arena_printf(a, "labs/%s", f->path), f->bytes(), &err);
        if (!lab)
            fprintf(stderr, "kubelab: %s\n", err.msg);
        ASSERT(lab && str_eqc(name, lab->name));
        map_put(lab_map, name, lab);
    }
}

const struct lab *lab_find(const char *name)
{
    labs_load();
    return name ? map_getc(lab_map, name) : NULL;
}

const struct lab *lab_next(size_t *cursor)
{
    struct str key;
    void *value;
    labs_load();
    return map_next(lab_map, cursor, &key, &value) ? value : NULL;
}

static bool has_name(const struct json *names, const char *name)
{
    for (const struct json *c = json_first(names); c; c = json_next(c))
        if (str_eqc(json_str(c), name))
            return true;
    return false;
}

bool lab_has_fault(const char *lab, const char *fault)
{
    const struct lab *l = lab_find(lab);
    return l && has_name(l->faults, fault);
}

const struct lab_step *lab_step_find(const struct lab *lab, const char *id)
{
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        if (strcmp(st->id, id) == 0)
            return st;
    return NULL;
}

/* ---- files ---- */
struct str lab_file(const char *lab, const char *path)
{
    size_t n = strlen(lab);
    for (const struct lab_embedded *f = lab_embedded; f->path; f++)
        if (strncmp(f->path, lab, n) == 0 && f->path[n] == '/' && strcmp(f->path + n + 1, path) == 0)
            return f->bytes();
    return STR_NULL;
}

const char *lab_file_next(struct arena *a, const char *lab, const char *folder, size_t *cursor, struct str *bytes)
{
    const char *prefix = arena_printf(a, "%s/%s%s", lab, folder, *folder ? "/" : "");
    while (lab_embedded[*cursor].path) {
        const struct lab_embedded *f = &lab_embedded[(*cursor)++];
        if (str_starts(str_c(f->path), prefix)) {
            *bytes = f->bytes();
            return f->path + strlen(lab) + 1;
        }
    }
    return NULL;
}

static bool write_one(struct arena *a, const char *dir, const char *path, struct str bytes, struct err *err)
{
    char *full = arena_printf(a, "%s/%s", dir, path), *slash = strrchr(full, '/');
    *slash = 0;
    if (!dir_make(full, 0755, err))
        return false;
    *slash = '/';
    return file_write(full, bytes, 0644, err);
}

bool lab_files_write(const struct lab *lab, const char *dir, bool all, struct err *err)
{
    struct arena *a = arena_new();
    const struct json *folders[] = { lab->given, all ? lab->student : NULL };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        for (const struct json *c = json_first(folders[i]); c && ok; c = json_next(c)) {
            size_t cursor = 0;
            struct str bytes;
            const char *path, *folder = arena_printf(a, "files/" STR_FMT, STR_ARG(json_str(c)));
            while (ok && (path = lab_file_next(a, lab->name, folder, &cursor, &bytes)))
                ok = write_one(a, dir, path + strlen("files/"), bytes, err);
        }
    arena_free(a);
    return ok;
}
