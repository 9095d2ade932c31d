/* labs/lab.c - a lab.yaml read into structs, with the values of its parameters. README.md says what stands in it; nothing here
 * knows a lab by name. */
#include "labs/fault_words.h"
#include "labs/labs_priv.h"
#include "labs/params.h"

enum { MAX_STEPS = 64, MAX_CHECKS = 256 };

#define LAB(f)   offsetof(struct lab, f)
#define STEP(f)  offsetof(struct lab_step, f)
#define CHECK(f) offsetof(struct lab_check, f)
#define WRONG(f) offsetof(struct lab_wrong, f)

struct lab_doc { struct lab lab; struct json *steps, *wrong, *parameters, *faults; };
struct step_doc { struct lab_step step; struct json *checks; };

static const struct spec_field lab_fields[] = {
    { "name", SPEC_TEXT, LAB(name), true }, { "label", SPEC_TEXT, LAB(label), true }, { "title", SPEC_TEXT, LAB(title), true },
    { "kubernetesVersion", SPEC_VERSION, LAB(version), true },
    { "age", SPEC_DURATION, LAB(age_ns), false }, { "faults", SPEC_ANY, offsetof(struct lab_doc, faults), false },
    { "guide", SPEC_TEXT, LAB(guide), false },
    { "play", SPEC_TEXT, LAB(play), false }, { "solution", SPEC_TEXT, LAB(solution), false },
    { "start", SPEC_TEXT, LAB(start), false },
    { "grade", SPEC_TEXT, LAB(grade), false }, { "explanation", SPEC_TEXT, LAB(explanation), false },
    { "given", SPEC_NAMES, LAB(given), false },
    { "student", SPEC_NAMES, LAB(student), false }, { "steers", SPEC_NAMES, LAB(steers), false },
    { "steps", SPEC_LIST, offsetof(struct lab_doc, steps), true },
    { "wrong", SPEC_LIST, offsetof(struct lab_doc, wrong), false },
    { "parameters", SPEC_ANY, offsetof(struct lab_doc, parameters), false },
};
static const struct spec_field step_fields[] = {
    { "id", SPEC_TEXT, STEP(id), true }, { "title", SPEC_TEXT, STEP(title), true }, { "section", SPEC_TEXT, STEP(section), false },
    { "hints", SPEC_NAMES, STEP(hints), false }, { "checks", SPEC_LIST, offsetof(struct step_doc, checks), false },
};
static const struct spec_field check_fields[] = {
    { "name", SPEC_TEXT, CHECK(name), true }, { "jq", SPEC_TEXT, CHECK(jq), true }, { "points", SPEC_INT, CHECK(points), false },
    { "depends", SPEC_TEXT, CHECK(depends), false }, { "rationale", SPEC_TEXT, CHECK(rationale), false },
    { "help", SPEC_TEXT, CHECK(help), false },
    { "hidden", SPEC_BOOL, CHECK(hidden), false },
};
static const struct spec_field wrong_fields[] = {
    { "name", SPEC_TEXT, WRONG(name), true }, { "scenario", SPEC_TEXT, WRONG(scenario), true },
    { "fails", SPEC_NAMES, WRONG(fails), true },
};
static const struct lab_check *check_find(const struct lab *lab, const char *name)
{
    for (const struct lab_step *st = lab->steps; st; st = st->next)
        for (const struct lab_check *c = st->checks; c; c = c->next)
            if (strcmp(c->name, name) == 0)
                return c;
    return NULL;
}

/* Checks are told by their names, and depend on earlier ones alone: so there is no circle. hidden: unless a check says otherwise. */
static bool read_checks(struct spec *s, const struct lab *lab, const struct json *docs, bool hidden, struct lab_step *step)
{
    struct lab_check **tail = &step->checks;
    if (json_len(docs) > MAX_CHECKS)
        return spec_fail(s, docs, "a step has at most %d checks", MAX_CHECKS);
    for (const struct json *d = json_first(docs); d; d = json_next(d)) {
        struct lab_check *c = ARENA_NEW(s->a, struct lab_check);
        c->points = 1;
        c->hidden = hidden;
        if (!spec_read(s, d, "a check", check_fields, ARRAY_LEN(check_fields), c))
            return false;
        if (check_find(lab, c->name))
            return spec_fail(s, json_get(d, "name"), "there is a check \"%s\" already", c->name);
        if (c->depends && !check_find(lab, c->depends))
            return spec_fail(s, json_get(d, "depends"), "no check above is called \"%s\"", c->depends);
        c->where = spec_where(s, yaml_mark(s->marks, json_get(d, "jq")));
        *tail = c;
        tail = &c->next;
    }
    return true;
}

static bool read_steps(struct spec *s, struct lab *lab, const struct json *docs, bool hidden)
{
    struct lab_step **tail = &lab->steps;
    while (*tail)
        tail = &(*tail)->next;
    if (docs && json_len(docs) == 0)
        return spec_fail(s, docs, "there is no step in it");
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
        if (!read_checks(s, lab, doc->checks, hidden, &doc->step))
            return false;
    }
    return true;
}

/* example: derived values are not known, and so are names that hold them. */
static bool read_wrong(struct spec *s, struct lab *lab, const struct json *docs, bool example)
{
    struct lab_wrong **tail = &lab->wrong;
    for (const struct json *d = json_first(docs); d; d = json_next(d)) {
        struct lab_wrong *w = ARENA_NEW(s->a, struct lab_wrong);
        if (!spec_read(s, d, "a wrong solution", wrong_fields, ARRAY_LEN(wrong_fields), w))
            return false;
        for (const struct json *c = json_first(w->fails); c; c = json_next(c))
            if (!example && !check_find(lab, arena_cstr(s->a, json_str(c))))
                return spec_fail(s, c, "no check is called \"" STR_FMT "\"", STR_ARG(json_str(c)));
        *tail = w;
        tail = &w->next;
    }
    return true;
}

bool lab_name_ok(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n <= 40 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && name[0] >= 'a' && name[n - 1] != '-';
}

/* Whatever is named is there: a file, or a folder with files in it (below files/). */
static bool has_file(const struct lab_source *source, const char *path, bool folder)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < source->n; i++)
        if (folder ? strncmp(source->v[i].path, path, n) == 0 && source->v[i].path[n] == '/' : strcmp(source->v[i].path, path) == 0)
            return true;
    return false;
}

static bool check_folders(struct spec *s, const struct lab_source *source, const struct json *folders)
{
    for (const struct json *c = json_first(folders); c; c = json_next(c)) {
        const char *path = arena_printf(s->a, "files/" STR_FMT, STR_ARG(json_str(c)));
        if (!has_file(source, path, true) && !has_file(source, path, false))
            return spec_fail(s, c, "the lab has no %s, or nothing is in it", path);
    }
    return true;
}

/* What a student gets has to be there; what a pack leaves out does not. */
static bool check_named(struct spec *s, const struct lab_source *source, const struct json *j, const struct lab_doc *d)
{
    const struct lab *l = &d->lab;
    const struct { const char *key, *path; bool secret; } files[] = {
        { "guide", l->guide, false }, { "start", l->start, false }, { "play", l->play, false }, { "solution", l->solution, true },
        { "grade", l->grade, true },
    };
    if (!lab_name_ok(l->name))
        return spec_fail(s, json_get(j, "name"), "a lab's name is of small letters, digits and -, a letter first, at most 40");
    for (size_t i = 0; i < ARRAY_LEN(files) && source; i++)
        if (files[i].path && !(files[i].secret && source->pack) && !has_file(source, files[i].path, false))
            return spec_fail(s, json_get(j, files[i].key), "the lab has no file %s", files[i].path);
    const struct json *wrong = json_first(d->wrong);
    for (const struct lab_wrong *w = l->wrong; w && source && !source->pack; w = w->next, wrong = json_next(wrong))
        if (!has_file(source, w->scenario, false))
            return spec_fail(s, json_get(wrong, "scenario"), "the lab has no file %s", w->scenario);
    return !source || (check_folders(s, source, l->given) && (source->pack || check_folders(s, source, l->student)));
}

/* source: where its files are, to see whether those that it names are there; NULL: not to be asked. */
static struct lab *read_lab(struct arena *a, const char *file, struct str text, const struct lab_source *source,
                            const struct json *values,
                            struct err *err)
{
    static const uint8_t nothing[32];
    struct spec s;
    struct param *list = NULL;
    struct json *drawn = NULL;
    struct lab_doc *doc = ARENA_NEW(a, struct lab_doc);
    struct json *j = params_head(&s, a, file, text, err);
    if (!j || !params_read(&s, json_get(j, "parameters"), &list))
        return NULL;
    if (!values && !params_draw(a, false, list, nothing, NULL, &drawn, err))
        return NULL;
    doc->lab.parameters = list;
    doc->lab.params = values ? values : drawn;
    j = params_body(&s, a, file, text, list, doc->lab.params, err);
    if (!j || !spec_read(&s, j, "a lab", lab_fields, ARRAY_LEN(lab_fields), doc) ||
        !(doc->lab.faults = faults_read(&s, doc->faults, list && !values)) ||
        !read_steps(&s, &doc->lab, doc->steps, false) || !read_wrong(&s, &doc->lab, doc->wrong, list && !values) ||
        !check_named(&s, source, j, doc))
        return NULL;
    return &doc->lab;
}

/* ---- what a course adds ---- */
struct more_doc { struct json *steps, *checks; };
static const struct spec_field more_fields[] = {
    { "steps", SPEC_LIST, offsetof(struct more_doc, steps), false }, { "checks", SPEC_LIST, offsetof(struct more_doc, checks), false },
};

static bool read_more(struct arena *a, struct lab *lab, const struct lab_bytes *file, struct err *err)
{
    struct spec s;
    struct more_doc doc = { 0 };
    struct json *j = params_body(&s, a, file->path, file->bytes, lab->parameters, lab->params, err);
    if (!j || !spec_read(&s, j, "a file of checks", more_fields, ARRAY_LEN(more_fields), &doc) ||
        !read_steps(&s, lab, doc.steps, true))
        return false;
    if (!doc.steps && json_len(doc.checks) == 0)
        return spec_fail(&s, doc.checks ? doc.checks : j, "there is neither a check nor a step in it");
    struct lab_step *step = ARENA_NEW(a, struct lab_step), **tail = &lab->steps;
    step->id = "course";
    step->title = "What the course asks besides";
    if (doc.checks && lab_step_find(lab, step->id))
        return spec_fail(&s, doc.checks, "there is a step \"%s\" already", step->id);
    while (*tail)
        tail = &(*tail)->next;
    *tail = doc.checks ? step : NULL;
    return (!doc.checks || read_checks(&s, lab, doc.checks, true, step)) && checks_compile(lab, err);
}

struct lab *lab_parse(struct arena *a, const char *file, struct str text, struct err *err)
{
    return read_lab(a, file, text, NULL, NULL, err);
}

/* A `${name}` of a file that is given out or applied has a value; scenarios have parameters of their own besides, and are checked
 * when they are read. */
static bool check_files(struct arena *a, const struct lab *lab, struct err *err)
{
    for (size_t i = 0; i < lab->source->n && lab->parameters; i++) {
        const struct lab_bytes *f = &lab->source->v[i];
        bool given = str_starts(str_c(f->path), "files/") || (lab->guide && strcmp(f->path, lab->guide) == 0);
        struct str text;
        if (given && !lab_text(a, lab, f->path, f->bytes, &text, err))
            return false;
    }
    return true;
}

const struct lab *lab_of_source(struct arena *a, const struct lab_source *s, const struct json *values, struct err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->v[i].path, "lab.yaml") != 0)
            continue;
        struct lab *lab = read_lab(a, arena_printf(a, "%s/lab.yaml", s->where), s->v[i].bytes, s, values, err);
        if (lab)
            lab->source = s;
        if (lab && s->more.path && !read_more(a, lab, &s->more, err))
            return NULL;
        return lab && check_files(a, lab, err) ? lab : NULL;
    }
    err_set(err, ERR_PARSE, "%s has no lab.yaml", s->where);
    return NULL;
}
