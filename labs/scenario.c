/* labs/scenario.c - a scenario's YAML into steps. What it names (manifests, expressions) is read and compiled before anything
 * runs, so that a mistake in the last step is known before the first; every error points to file, line and column. README.md says
 * what a scenario may hold.
 */
#include "labs/labs_priv.h"
#include "labs/params.h"
#include "sim/loop/loop.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_STEPS = 1000, MAX_OBJECTS = 1000, MAX_RUNS = 1000 };

/* Where a scenario's clock begins unless it says so: the day of Lab 8. A fixed time, so that the same seed gives the same bytes
 * on any day. */
#define START_DEFAULT "2020-01-24T23:00:00Z"

struct scenario_doc { struct scenario s; struct json *steps, *parameters, *grid, *seeds; };

#define DOC(f)  offsetof(struct scenario_doc, f)
static const struct spec_field scenario_fields[] = {
    { "name", SPEC_TEXT, DOC(s.name), true }, { "lab", SPEC_TEXT, DOC(s.lab), false },
    { "kubernetesVersion", SPEC_VERSION, DOC(s.version), false },
    { "seed", SPEC_INT, DOC(s.seed), false }, { "start", SPEC_TIME, DOC(s.start_ns), false },
    { "duration", SPEC_DURATION, DOC(s.duration_ns), false },
    { "sample", SPEC_DURATION, DOC(s.sample_ns), false }, { "plot", SPEC_TEXT, DOC(s.plot_hpa), false },
    { "parameters", SPEC_ANY, DOC(parameters), false }, { "grid", SPEC_ANY, DOC(grid), false },
    { "seeds", SPEC_ANY, DOC(seeds), false }, { "steps", SPEC_LIST, DOC(steps), true },
};

static bool read_head(struct spec *s, const struct json *j, struct scenario_doc *d)
{
    if (d->s.lab && d->s.version)
        return spec_fail_key(s, json_get(j, "kubernetesVersion"), "the version is the lab's");
    if (d->s.sample_ns < (int64_t)NS_PER_S)
        return spec_fail(s, json_get(j, "sample"), "sample is at least 1s");
    if (d->s.plot_hpa && !strchr(d->s.plot_hpa, '/'))
        return spec_fail(s, json_get(j, "plot"), "plot is an autoscaler, NAMESPACE/NAME");
    if (json_len(d->steps) == 0)
        return spec_fail(s, d->steps, "a scenario has at least one step");
    if (json_len(d->steps) > MAX_STEPS)
        return spec_fail(s, d->steps, "a scenario has at most %d steps", MAX_STEPS);
    return true;
}

/* The lab that it names: of the folder that it lies in, if that is the one, else as lab_open finds it, from that folder on. */
static bool find_lab(struct spec *s, const struct json *v, const char *dir, const struct scenario_choice *choice,
                     const struct lab **lab)
{
    struct err e = { 0 };
    const char *name = json_is(v, JSON_STRING) ? arena_cstr(s->a, json_str(v)) : NULL;
    *lab = choice->lab;
    if (!v || *lab)
        return true;
    if (!name)
        return spec_fail(s, v, "lab is the name of a lab, or its folder");
    if (!choice->dry && strcmp(path_base(dir), name) == 0 && access(arena_printf(s->a, "%s/lab.yaml", dir), R_OK) == 0)
        name = strchr(dir, '/') ? dir : arena_printf(s->a, "./%s", dir);
    else if (!choice->dry && name[0] != '/' && strchr(name, '/'))
        name = arena_printf(s->a, "%s/%s", dir, name);
    *lab = choice->dry ? lab_find(name) : lab_open(name, &e);
    bool ok = *lab || spec_fail(s, v, "%s", e.code ? e.msg : arena_printf(s->a, "there is no lab \"%s\"", name));
    err_clear(&e);
    return ok;
}

static void inherit(struct arena *a, const struct lab *lab, struct param **list)
{
    for (const struct param *p = lab ? lab->parameters : NULL; p; p = p->next, list = &(*list)->next) {
        *list = ARENA_NEW(a, struct param);
        **list = *p;
        (*list)->next = NULL;
    }
}

/* What has to be known before values can be put into the text: the lab, the seed, what is declared. */
static bool read_declarations(struct spec *s, const struct json *j, const struct scenario_choice *choice, struct scenario *sc,
                              struct param **list)
{
    const struct lab *lab;
    const struct json *seed = json_get(j, "seed");
    struct json *drawn = NULL;
    uint8_t bytes[32];
    if (!find_lab(s, json_get(j, "lab"), sc->dir, choice, &lab))
        return false;
    if (seed && (!json_is(seed, JSON_INT) || json_int(seed, -1) < 0))
        return spec_fail(s, seed, "seed is a whole number from 0");
    sc->seed = choice->seed_given ? choice->seed : json_int(seed, 1);
    if (choice->student)
        sc->seed = params_variant(choice->key, choice->student, lab ? lab->name : arena_cstr(s->a, json_get_str(j, "name")));
    loop_seed_from_int(bytes, (uint64_t)sc->seed);
    inherit(s->a, lab, list);
    if (!params_read(s, json_get(j, "parameters"), list) || !params_read_grid(s, json_get(j, "grid"), list))
        return false;
    if (!choice->values && !params_draw(s->a, !choice->dry, *list, bytes, choice->set, &drawn, s->err))
        return false;
    sc->params = choice->values ? choice->values : drawn;
    sc->lab = lab ? lab->name : NULL;
    return !lab || choice->dry || lab_choose(lab, sc->params, s->err);
}

static struct scenario *read_scenario(struct spec *s, struct arena *a, const char *file, struct str text,
                                      const struct scenario_choice *choice,
                                      struct err *err)
{
    struct scenario_doc *d = ARENA_NEW(a, struct scenario_doc);
    struct param *list = NULL;
    const char *slash = strrchr(file, '/');
    d->s = (struct scenario){ .file = arena_strdup(a, file), .sample_ns = 15 * (int64_t)NS_PER_S };
    d->s.dir = slash ? arena_cstr(a, (struct str){ file, slash == file ? 1 : (size_t)(slash - file) }) : ".";
    ASSERT(time_parse_rfc3339(STR(START_DEFAULT), &d->s.start_ns));
    const struct json *j = params_head(s, a, d->s.file, text, err);
    if (!j || !read_declarations(s, j, choice, &d->s, &list))
        return NULL;
    int64_t seed = d->s.seed;
    const char *lab = d->s.lab;
    j = params_body(s, a, d->s.file, text, list, d->s.params, err);
    if (!j || !spec_read(s, j, "a scenario", scenario_fields, ARRAY_LEN(scenario_fields), d) || !read_head(s, j, d))
        return NULL;
    d->s.seed = seed;                  /* the file's may not be the one */
    d->s.lab = lab;
    struct scenario_step **tail = &d->s.steps;
    int64_t last_at = 0;
    for (const struct json *c = json_first(d->steps); c; c = json_next(c)) {
        if (!(*tail = step_read(s, c, &last_at)))
            return NULL;
        tail = &(*tail)->next;
    }
    return &d->s;
}

struct scenario *scenario_read(struct arena *a, const char *file, struct str text, struct err *err)
{
    static const struct scenario_choice dry = { .dry = true };
    struct spec s;
    return read_scenario(&s, a, file, text, &dry, err);
}

/* ---- many runs ---- */
static bool read_seeds(struct spec *s, const struct json *v, struct json *seeds)
{
    struct str from, to, text = json_str(v);
    int64_t first = 1, last = json_int(v, 0);
    ptrdiff_t dots = str_find(text, STR(".."));
    if (json_is(v, JSON_STRING) && dots > 0) {
        from = str_sub(text, 0, (size_t)dots);
        to = str_sub(text, (size_t)dots + 2, text.n);
        if (!str_int(from, &first) || !str_int(to, &last))
            last = 0;
    }
    for (const struct json *c = json_is(v, JSON_ARRAY) ? json_first(v) : NULL; c; c = json_next(c)) {
        if (!json_is(c, JSON_INT) || json_int(c, -1) < 0)
            return spec_fail(s, c, "a seed is a whole number from 0");
        json_append(seeds, json_copy(s->a, c));
    }
    if (json_len(seeds))
        return json_len(seeds) <= MAX_RUNS || spec_fail(s, v, "there are at most %d runs", MAX_RUNS);
    if (first < 0 || last < first || last - first >= MAX_RUNS)
        return spec_fail(s, v, "seeds is 1..10, a list of seeds, or how many there are, at most %d", MAX_RUNS);
    for (int64_t n = first; n <= last; n++)
        json_append(seeds, json_new_int(s->a, n));
    return true;
}

/* Each set that there is with each value of one more name: the last name changes fastest. */
static struct json *multiply(struct arena *a, const struct json *sets, const struct json *values)
{
    struct json *all = json_new_array(a);
    for (const struct json *set = json_first(sets); set; set = json_next(set))
        for (const struct json *v = json_first(values); v; v = json_next(v)) {
            struct json *one = json_copy(a, set);
            json_setn(a, one, json_key(values), json_copy(a, v));
            json_append(all, one);
        }
    return all;
}

bool scenario_plan(struct arena *a, const char *file, struct str text, struct scenario_plan *plan, struct err *err)
{
    struct spec s;
    struct param *list = NULL;
    const struct json *j = params_head(&s, a, file, text, err), *grid = json_get(j, "grid"), *seeds = json_get(j, "seeds");
    *plan = (struct scenario_plan){ .combinations = json_new_array(a), .seeds = json_new_array(a), .many = grid || seeds };
    json_append(plan->combinations, json_new_object(a));
    if (!j || !params_read_grid(&s, grid, &list) || (seeds && !read_seeds(&s, seeds, plan->seeds)))
        return false;
    for (const struct json *v = json_first(grid); v; v = json_next(v)) {
        plan->combinations = multiply(a, plan->combinations, v);
        plan->columns = json_len(v);
        if (json_len(plan->combinations) * (json_len(plan->seeds) + 1) > MAX_RUNS)
            return spec_fail(&s, grid, "there are at most %d runs", MAX_RUNS);
    }
    plan->name = arena_cstr(a, json_get_str(j, "name"));
    plan->plot_hpa = json_get_str(j, "plot").n ? arena_cstr(a, json_get_str(j, "plot")) : NULL;
    if (!json_len(plan->seeds))
        json_append(plan->seeds, json_new_int(a, json_get_int(j, "seed", 1)));
    return true;
}

/* ---- manifests ---- */
/* where: the position in the scenario that an error names where the manifests have none of their own. */
static bool add_object(struct spec *s, const struct json *where, struct json *all, const struct json *o)
{
    const struct json *items = json_get(o, "items");
    if (json_is(items, JSON_ARRAY) && str_ends(json_get_str(o, "kind"), "List")) {
        for (const struct json *c = json_first(items); c; c = json_next(c))
            if (!add_object(s, where ? where : c, all, c))
                return false;
        return true;
    }
    if (!json_get_str(o, "apiVersion").n || !json_get_str(o, "kind").n || !json_path_str(o, "metadata.name").n)
        return spec_fail(s, where ? where : o, "an object needs apiVersion, kind and metadata.name");
    if (json_len(all) >= MAX_OBJECTS)
        return spec_fail(s, where ? where : o, "these are more than %d objects", MAX_OBJECTS);
    json_append(all, json_copy(s->a, o));
    return true;
}

/* Text of a file, or of a literal block of the scenario (where: its node, whose first line of text follows it). */
static bool add_text(struct spec *s, const struct json *where, const char *file, struct str text, struct json *all)
{
    struct json *docs;
    struct err e = { 0 };
    struct spec of_file = { .a = s->a, .file = file, .err = s->err };
    if (file && json_len(s->values) && !params_replace(s->a, file, text, s->values, &text, NULL, s->err))
        return false;
    if (!yaml_parse_all_marked(s->a, text, &of_file.marks, &docs, &e)) {
        struct yaml_mark at = yaml_wrong(of_file.marks), block = yaml_mark(s->marks, where);
        err_set(s->err, ERR_PARSE, "%s:%u:%u: %s", file ? file : s->file, file ? at.line : block.line + at.line, at.column,
                spec_words(s->a, e.msg));
        err_clear(&e);
        return false;
    }
    for (const struct json *d = json_first(docs); d; d = json_next(d))
        if (!add_object(file ? &of_file : s, file ? NULL : where, all, d))
            return false;
    return true;
}

static int is_manifest(const struct dirent *e)
{
    struct str name = str_c(e->d_name);
    return name.n && name.p[0] != '.' && (str_ends(name, ".yaml") || str_ends(name, ".yml") || str_ends(name, ".json"));
}

static bool add_file(struct spec *s, const struct json *where, const char *path, struct json *all)
{
    struct str text;
    struct err e = { 0 };
    if (file_read(path, LIMIT_YAML_BYTES, s->a, &text, &e))
        return add_text(s, where, path, text, all);
    spec_fail(s, where, "%s", e.msg);
    err_clear(&e);
    return false;
}

static bool add_folder(struct spec *s, const struct json *where, const char *path, struct json *all)
{
    struct dirent **names;
    int n = scandir(path, &names, is_manifest, alphasort);
    bool ok = n > 0 || spec_fail(s, where, "no manifests are in %s", path);
    for (int i = 0; i < n; i++) {
        struct stat st;
        const char *one = arena_printf(s->a, "%s/%s", path, names[i]->d_name);
        ok = ok && (stat(one, &st) != 0 || !S_ISREG(st.st_mode) || add_file(s, where, one, all));
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return ok;
}

/* From the lab's own files, which the binary carries. False with no error set: it has none there. */
static bool add_embedded(struct spec *s, const struct json *where, const char *lab, const char *name, struct json *all, bool *found)
{
    size_t cursor = 0, n = strlen(name);
    struct str bytes;
    while (n && name[n - 1] == '/')
        n--;
    const char *folder = arena_printf(s->a, "files/%.*s", (int)n, name), *path;
    const char *names[] = { folder, name };        /* among what the lab gives, and beside its scenarios */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str one = lab_file(lab, names[i]);
        *found = one.n > 0;
        if (*found)
            return add_text(s, where, arena_printf(s->a, "labs/%s/%s", lab, names[i]), one, all);
    }
    while ((path = lab_file_next(s->a, lab, folder, &cursor, &bytes))) {
        if (!str_ends(str_c(path), ".yaml"))
            continue;
        *found = true;
        if (!add_text(s, where, arena_printf(s->a, "labs/%s/%s", lab, path), bytes, all))
            return false;
    }
    return *found;
}

static bool add_named(struct spec *s, const struct scenario *sc, const struct json *where, struct json *all)
{
    const char *name = arena_cstr(s->a, json_str(where)), *path = name[0] == '/' ? name : arena_printf(s->a, "%s/%s", sc->dir, name);
    struct stat st;
    bool found = false;
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? add_folder(s, where, path, all) : S_ISREG(st.st_mode) ? add_file(s, where, path, all)
               : spec_fail(s, where, "%s is no file", path);
    if (sc->lab && add_embedded(s, where, sc->lab, name, all, &found))
        return true;
    return found ? false : spec_fail(s, where, "%s is neither beside the scenario%s", name,
                                     sc->lab ? " nor among the lab's files" : " nor anywhere else");
}

static bool resolve_step(struct spec *s, const struct scenario *sc, struct scenario_step *step)
{
    if (step->action != ACTION_APPLY && step->action != ACTION_DELETE)
        return true;
    struct json *sources = step->objects, *all = json_new_array(s->a), *list = json_is(sources, JSON_ARRAY) ? sources : NULL;
    bool ok = true;
    for (const struct json *c = list ? json_first(list) : sources; c && ok; c = list ? json_next(c) : NULL)
        ok = json_is(c, JSON_OBJECT) ? add_object(s, c, all, c) : str_chr(json_str(c), '\n') >= 0
             ? add_text(s, c, NULL, json_str(c), all) : add_named(s, sc, c, all);
    step->objects = all;
    return ok;
}

/* ---- expressions: those of the steps and of the labs that are checked, all in one set ---- */
struct expressions { const char **v; size_t n; };

static void add_expression(struct expressions *e, const char *text)
{
    if (e->n < PREDICATES_MAX)
        e->v[e->n] = text;
    e->n++;                            /* one too many is told by who compiles them */
}

/* A lab's, once, however often it is checked. */
static void add_checks(struct expressions *e, const struct scenario *sc, struct scenario_step *st)
{
    const struct lab *lab = lab_find(st->text);
    for (const struct scenario_step *b = sc->steps; b != st; b = b->next)
        if (b->compiled.lab == lab) {
            st->compiled = b->compiled;
            return;
        }
    size_t n = lab ? checks_count(lab) : 0;
    st->compiled = (struct checks_compiled){ lab, NULL, e->n };
    if (n && e->n + n <= PREDICATES_MAX)
        checks_texts(lab, e->v + e->n);
    e->n += n;
}

/* labs: with the expressions of the labs that are checked. */
static bool compile_all(struct spec *s, struct scenario *sc, bool labs)
{
    struct expressions e = { arena_zalloc(s->a, PREDICATES_MAX * sizeof *e.v), 0 };
    struct err why = { 0 };
    for (struct scenario_step *st = sc->steps; st; st = st->next) {
        st->when = e.n;
        if (st->when_jq)
            add_expression(&e, st->when_jq);
        st->expect = e.n;
        if (st->expect_jq)
            add_expression(&e, st->expect_jq);
        st->compiled = (struct checks_compiled){ .lab = NULL };
        if (st->action == ACTION_CHECK && labs)
            add_checks(&e, sc, st);
    }
    if (!e.n)
        return true;
    sc->set = predicate_set_new(e.v, e.n, NULL, &why);
    for (struct scenario_step *st = sc->steps; st && sc->set; st = st->next)
        st->compiled.set = sc->set;
    if (!sc->set)
        err_set(s->err, why.code, "%s:1:1: %s", sc->file, why.msg);
    err_clear(&why);
    return sc->set != NULL;
}

/* Of an object there is no file to point at. */
static const char *step_place(struct arena *a, const struct json *step, const struct json *steps)
{
    size_t i = 0;
    for (const struct json *c = json_first(steps); c && c != step; c = json_next(c))
        i++;
    return arena_printf(a, "spec.steps[%zu]", i);
}

/* Where the one stands that is none; no error: it is a lab's own. */
static bool compiled_all(struct spec *s, const struct scenario *sc, const struct json *steps)
{
    struct err why = { 0 };
    size_t wrong = 0;
    if (!sc->set || predicate_set_ready(sc->set, &wrong, &why))
        return true;
    const struct json *j = json_first(steps);
    for (const struct scenario_step *st = sc->steps; st; st = st->next, j = json_next(j)) {
        s->file = s->marks ? s->file : step_place(s->a, j, steps);
        bool when = st->when_jq && st->when == wrong, expect = st->expect_jq && st->expect == wrong;
        if (when || expect)
            spec_fail(s, json_get(j, when ? "when" : action_name(st->action)), "%s", why.msg);
    }
    err_clear(&why);
    return false;
}

struct scenario *scenario_parse(struct arena *a, const char *file, struct str text, struct err *err)
{
    static const struct scenario_choice as_written = { 0 };
    return scenario_parse_with(a, file, text, &as_written, err);
}

/* All expressions compiled; NULL with err set. A lab's check that is no jq is told when it is judged, and the others are judged. */
static struct scenario *finish(struct spec *s, struct scenario *sc, const struct json *steps)
{
    if (compile_all(s, sc, true) && compiled_all(s, sc, steps))
        return sc;
    if (!s->err->code) {
        predicate_set_free(sc->set);
        sc->set = NULL;
        if (compile_all(s, sc, false) && compiled_all(s, sc, steps))
            return sc;
    }
    scenario_close(sc);
    return NULL;
}

struct scenario *scenario_parse_with(struct arena *a, const char *file, struct str text, const struct scenario_choice *choice,
                                     struct err *err)
{
    struct spec s;
    struct scenario *sc = read_scenario(&s, a, file, text, choice, err);
    if (!sc)
        return NULL;
    bool ok = true;
    s.values = sc->params;
    for (struct scenario_step *st = sc->steps; st && ok; st = st->next)
        ok = resolve_step(&s, sc, st);
    return ok ? finish(&s, sc, container_of(sc, struct scenario_doc, s)->steps) : NULL;
}

/* The world of an object is its cluster: it has no files beside it, and no shell. */
static bool is_possible(struct spec *s, const struct json *step, const struct scenario_step *st)
{
    if (st->action == ACTION_RUN || st->action == ACTION_BUILD || st->action == ACTION_SUBMIT)
        return spec_fail(s, step,
                         "a scenario in a cluster has no shell, no images and no submission: play it with 'kubelab scenario run'");
    const struct json *sources = st->action == ACTION_APPLY || st->action == ACTION_DELETE ? st->objects : NULL;
    for (const struct json *c = json_is(sources, JSON_ARRAY) ? json_first(sources) : sources; c; c = json_is(sources, JSON_ARRAY)
         ? json_next(c) : NULL)
        if (json_is(c, JSON_STRING) && str_chr(json_str(c), '\n') < 0)
            return spec_fail(s, step,
                             "a scenario in a cluster reads no files: write the object, or its text, in the place of " STR_FMT,
                             STR_ARG(json_str(c)));
    return true;
}

struct scenario *scenario_of_object(struct arena *a, const char *name, const char *lab, const struct json *steps, struct err *err)
{
    struct spec s = { .a = a, .err = err };
    struct scenario *sc = ARENA_NEW(a, struct scenario);
    struct scenario_step **tail = &sc->steps;
    int64_t last_at = 0;
    *sc = (struct scenario){ .name = name, .file = name, .dir = ".", .lab = lab, .params = json_new_object(a),
                             .sample_ns = 15 * (int64_t)NS_PER_S };
    if (!json_len(steps) || json_len(steps) > MAX_STEPS) {
        err_set(err, ERR_PARSE, "spec.steps: a scenario has between 1 and %d steps", MAX_STEPS);
        return NULL;
    }
    for (const struct json *j = json_first(steps); j; j = json_next(j), tail = &(*tail)->next) {
        s.file = step_place(a, j, steps);
        if (!(*tail = step_read(&s, j, &last_at)) || !is_possible(&s, j, *tail) || !resolve_step(&s, sc, *tail))
            return NULL;
    }
    return finish(&s, sc, steps);
}

void scenario_close(struct scenario *sc)
{
    if (!sc)
        return;
    predicate_set_free(sc->set);
    sc->set = NULL;
}
