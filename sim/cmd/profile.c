/* sim/cmd/profile.c - a data folder remembers what it is: cluster.json. Version, nodes, and of a lab also where it is from, the
 * values of its parameters, and whether its start has been played. */
#include "sim/cmd/profile.h"
#include "labs/params.h"
#include "sim/api/api.h"
#include "sim/cmd/node.h"

#include <unistd.h>

static const struct lab *lab_remembered(const struct json *j)
{
    char name[4200];
    struct err err = { 0 };
    struct str where = json_get_str(j, json_get_str(j, "from").n ? "from" : "lab");
    if (!where.n || where.n >= sizeof name)
        return NULL;
    memcpy(name, where.p, where.n);
    name[where.n] = 0;
    const struct lab *lab = lab_open(name, &err);
    if (lab && json_is(json_get(j, "params"), JSON_OBJECT))
        lab = lab_choose(lab, json_get(j, "params"), &err);
    if (!lab)
        log_msg(LOG_WARN, "lab", "%s", err.msg);
    err_clear(&err);
    return lab;
}

bool profile_load(struct arena *a, const char *dir, struct profile *p)
{
    struct str text;
    if (!file_read(arena_printf(a, "%s/cluster.json", dir), LIMIT_BODY_BYTES, a, &text, NULL))
        return false;
    struct json *j = json_parse(a, text, NULL);
    struct str student = json_get_str(j, "student");
    p->minor = (int)json_get_int(j, "minor", 16);
    p->nodes = (int)json_get_int(j, "nodes", 1);
    p->bare = json_get_bool(j, "bare", false);
    p->lab = lab_remembered(j);
    p->student = student.n ? arena_cstr(a, student) : NULL;
    p->to_begin = json_get_bool(j, "toBegin", false);
    return j != NULL;
}

bool profile_save(struct arena *a, const char *dir, const struct profile *p, struct err *err)
{
    struct json *j = json_buildf(a, "{'minor':%d,'bare':%b,'lab':%s,'nodes':%d}", (int64_t)p->minor, p->bare,
                                 p->lab ? p->lab->name : NULL, (int64_t)p->nodes);
    if (p->lab && lab_from(p->lab))
        json_set_strc(a, j, "from", lab_from(p->lab));
    if (p->lab && json_len(p->lab->params))
        json_set(a, j, "params", json_copy(a, p->lab->params));
    if (p->student)
        json_set_strc(a, j, "student", p->student);
    if (p->to_begin)
        json_set_bool(a, j, "toBegin", true);
    return file_write(arena_printf(a, "%s/cluster.json", dir), json_text(a, j), 0600, err);
}

static const char *describe(struct arena *a, const struct profile *p)
{
    const char *nodes = p->bare ? "" : p->nodes == 1 ? ", 1 node" : arena_printf(a, ", %d nodes", p->nodes);
    return arena_printf(a, "v1.%d%s%s%s%s", p->minor, p->bare ? ", bare" : "", p->lab ? ", lab " : "", p->lab ? p->lab->name : "",
                        nodes);
}

static bool profile_wanted(struct profile *p, const struct options *o, struct err *err)
{
    *p = (struct profile){ .minor = 20, .bare = o->bare, .student = o->student, .nodes = o->nodes ? (int)o->nodes : 1 };
    if (o->lab && o->bare)
        return err_set(err, ERR_USAGE, "--lab and --bare exclude each other");
    if (o->bare && o->nodes)
        return err_set(err, ERR_USAGE, "--nodes and --bare exclude each other: a bare control plane has no nodes");
    if (o->lab && !(p->lab = lab_open(o->lab, err)))
        return false;
    p->minor = p->lab ? version_minor(p->lab->version) : 20;
    p->to_begin = p->lab && p->lab->start;
    if (o->kubernetes_version && (p->minor = version_minor(o->kubernetes_version)) < 0)
        return err_set(err, ERR_USAGE, "--kubernetes-version is one of v1.16, v1.20 and v1.34, not \"%s\"", o->kubernetes_version);
    return p->minor >= 0 || err_set(err, ERR_USAGE, "%s wants Kubernetes %s; there are v1.16, v1.20 and v1.34", p->lab->name,
                                    p->lab->version);
}

bool profile_choose(struct arena *a, struct profile *p, const struct options *o, bool known, struct err *err)
{
    struct profile wanted;
    if (!profile_wanted(&wanted, o, err))
        return false;
    if (!known) {
        *p = wanted;
        return true;
    }
    if (p->nodes < 1 || p->nodes > NODES_MAX)
        return err_set(err, ERR_USAGE,
                       "cluster.json in the data folder says %d nodes: it was changed by hand, a number from 1 to %d is wanted",
                       p->nodes, NODES_MAX);
    if ((wanted.lab && (!p->lab || strcmp(wanted.lab->name, p->lab->name) != 0)) || (o->bare && !p->bare) ||
        (o->kubernetes_version && wanted.minor != p->minor) || (o->nodes && o->nodes != p->nodes))
        return err_set(err, ERR_USAGE, "the data folder %s holds another kind of cluster (%s): take another --data, or remove it",
                       data_path(a, o, ""), describe(a, p));
    if (p->to_begin && access(data_path(a, o, "kubelab.db"), F_OK) == 0)       /* else it was reset */
        return err_set(err, ERR_USAGE, "the start of %s was interrupted in this data folder (%s): remove it, and start the lab again",
                       p->lab ? p->lab->name : "its lab", data_path(a, o, ""));
    return true;
}

bool profile_draw(struct arena *a, struct profile *p, const struct options *o, const uint8_t seed[32], struct err *err)
{
    struct json *values = NULL, *set = variant_set(a, o, err);
    const struct lab *lab = p->lab;
    if (!lab || !lab->parameters)
        return !o->set_count || err_set(err, ERR_USAGE, "no parameter is called \"%s\"", o->set[0]);
    if (!set)
        return false;
    if (!o->params && !params_draw(a, true, lab->parameters, seed, set, &values, err))
        return false;
    p->lab = lab_choose(lab, o->params ? o->params : values, err);
    return p->lab != NULL;
}

static const char *first_failure(struct arena *a, const struct timeline *t)
{
    for (const struct json *s = json_first(t->steps); s; s = json_next(s))
        if (!json_get_bool(s, "ok", true))
            return arena_printf(a, "step \"" STR_FMT "\": " STR_FMT, STR_ARG(json_get_str(s, "name")),
                                STR_ARG(json_get_str(s, "message")));
    return "it was interrupted";
}

/* The lab's files lie beside its start while that is played, for the images it builds and the lines it runs. */
static bool start_play(struct arena *a, const struct options *o, const struct lab *lab, const char *home, struct err *err)
{
    struct scenario_choice choice = { .lab = lab, .values = lab->params };
    struct timeline t;
    struct scenario *sc = scenario_parse_with(a, lab->start, lab_file(lab->name, lab->start), &choice, err);
    bool ok = sc && lab_files_write(lab, home, true, err) && scenario_run(a, sc, labs_ops_new(a, o, home), NULL, NULL, &t, err);
    scenario_close(sc);
    if (ok && (t.failed || t.interrupted))
        ok = err_set(err, ERR_INTERNAL, "the start of %s did not go as expected: %s", lab->name, first_failure(a, &t));
    return ok;
}

bool lab_begin(struct arena *a, const struct options *o, const struct lab *lab, struct err *err)
{
    struct profile p = { 0 };
    char *home = scratch_make(a, "start", err);
    bool ok = home && start_play(a, o, lab, home, err);
    if (home)
        scratch_remove(home);
    const char *dir = data_path(a, o, "");
    if (!ok || !profile_load(a, dir, &p))
        return ok;
    p.to_begin = false;
    return profile_save(a, dir, &p, err);
}

const struct lab *lab_of_cluster(struct arena *a, const struct options *o)
{
    struct profile p = { 0 };
    return profile_load(a, data_path(a, o, ""), &p) ? p.lab : NULL;
}
