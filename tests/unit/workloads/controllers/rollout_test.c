/* The arithmetic of rollouts as tables: sizes in, steps out. */
#include "workloads/controllers/rollout.h"

#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

/* ---- maxSurge and maxUnavailable ---- */
static void resolve_test(void **state)
{
    static const struct { const char *spec; int64_t replicas, surge, unavailable; bool rolling; } cases[] = {
        { "{'replicas':1,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':'25%','maxUnavailable':'25%'}}}", 1, 1, 0,
          true },
        { "{'replicas':4,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':'25%','maxUnavailable':'25%'}}}", 4, 1, 1,
          true },
        { "{'replicas':10,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':'25%','maxUnavailable':'25%'}}}", 10, 3,
          2, true },
        { "{'replicas':3,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':0,'maxUnavailable':0}}}", 3, 0, 1, true },
        { "{'replicas':3,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':0,'maxUnavailable':'10%'}}}", 3, 0, 1, true },
        { "{'replicas':2,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':1,'maxUnavailable':5}}}", 2, 1, 2, true },
        { "{'replicas':0,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':0,'maxUnavailable':1}}}", 0, 0, 0, true },
        { "{'replicas':3,'strategy':{'type':'Recreate'}}", 3, 0, 0, false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct rollout r = { 0 };
        rollout_resolve(json_buildf(a, cases[i].spec), &r);
        assert_int_equal(r.replicas, cases[i].replicas);
        assert_int_equal(r.surge, cases[i].surge);
        assert_int_equal(r.unavailable, cases[i].unavailable);
        assert_int_equal(r.rolling, cases[i].rolling);
        arena_free(a);
    }
}

/* ---- steps. ReplicaSets as "replicas/available/desired/max", oldest first; the last is the newest unless newest says -1 ---- */
struct step_case { const char *name; int64_t replicas, surge, unavailable, status_replicas; int newest; const char *sets;
                   int64_t want_new; const char *want; };

static size_t parse_sets(const char *text, struct rollout_rs *rs)
{
    size_t n = 0;
    static const char *const names[] = { "a", "b", "c", "d" };
    for (const char *p = text; *p; n++) {
        int v[4] = { 0, 0, -1, -1 }, used = 0;
        sscanf(p, "%d/%d/%d/%d%n", &v[0], &v[1], &v[2], &v[3], &used);
        if (!used)
            sscanf(p, "%d/%d%n", &v[0], &v[1], &used);
        rs[n] = (struct rollout_rs){ .replicas = v[0], .actual = v[0], .available = v[1], .desired = v[2], .max = v[3],
                                     .created_ns = (int64_t)n + 1, .name = str_c(names[n]) };
        p += used;
        p += *p == ' ';
    }
    return n;
}

static void check_steps(const struct step_case *c, size_t (*fn)(const struct rollout *, struct rollout_step *))
{
    struct rollout_rs rs[4];
    struct rollout_step steps[8];
    char got[128] = "";
    struct rollout r = { .replicas = c->replicas, .surge = c->surge, .unavailable = c->unavailable, .rolling = true,
                         .status_replicas = c->status_replicas, .rs = rs };
    r.n = parse_sets(c->sets, rs);
    r.newest = c->newest < 0 ? SIZE_MAX : r.n - 1;
    size_t n = fn(&r, steps);
    for (size_t i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s" STR_FMT ":%d", i ? " " : "", STR_ARG(rs[steps[i].rs].name),
                 (int)steps[i].replicas);
    if (strcmp(got, c->want) != 0)
        fail_msg("%s: got \"%s\", want \"%s\"", c->name, got, c->want);
    if (c->want_new >= 0)
        assert_int_equal(rollout_new_replicas(&r), c->want_new);
}

static const struct step_case rolling[] = {
    { "first ReplicaSet", 3, 1, 0, 0, -1, "", 3, "" },
    { "one pod: the new one first", 1, 1, 0, 1, -1, "1/1", 1, "" },
    { "one pod: the old one when the new one is available", 1, 1, 0, 2, 0, "1/1 1/1", 1, "a:0" },
    { "one pod: the new one not yet available", 1, 1, 0, 2, 0, "1/1 1/0", 1, "" },
    { "surge limits the new", 4, 1, 1, 4, 0, "4/4 0/0", 1, "a:3" },
    { "four, one by one", 4, 1, 1, 5, 0, "3/3 2/0", 2, "" },
    { "unhealthy old pods go first", 10, 2, 2, 10, 0, "8/6 4/0", 4, "" },
    { "unhealthy old pods within the budget", 10, 2, 2, 10, 0, "10/7 2/2", 2, "a:7 a:6" },
    { "oldest first", 3, 1, 1, 4, 0, "1/1 2/2 1/1", 1, "a:0 b:1" },
    { "no surge", 3, 0, 1, 3, 0, "3/3 0/0", 0, "a:2" },
    { "nothing old", 3, 1, 1, 3, 0, "3/3", 3, "" },
};

static const struct step_case scaling[] = {
    { "the only active one", 5, 2, 1, 3, 0, "0/0 3/3/3/4", -1, "b:5" },
    { "already there", 3, 1, 1, 3, 0, "0/0 3/3/3/4", -1, "" },
    { "none active: the newest", 2, 1, 1, 0, 0, "0/0 0/0", -1, "b:2" },
    { "none active, no newest: the latest", 2, 1, 1, 0, -1, "0/0 0/0", -1, "b:2" },
    { "saturated: old ones to zero", 3, 1, 1, 5, 0, "2/2/3/4 3/3/3/4", -1, "a:0" },
    { "growing in proportion", 20, 0, 0, 10, 0, "5/5/10/10 5/5/10/10", -1, "b:10 a:10" },
    { "the leftover goes to the largest", 11, 0, 0, 10, 0, "3/3/10/10 7/7/10/10", -1, "b:8 a:3" },
    { "shrinking in proportion", 5, 0, 0, 10, 0, "5/5/10/10 5/5/10/10", -1, "a:2 b:3" },
    { "to nothing", 0, 0, 0, 10, 0, "5/5/10/10 5/5/10/10", -1, "a:0 b:0" },
};

static void rolling_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rolling); i++)
        check_steps(&rolling[i], rollout_old_steps);
}

static void scaling_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scaling); i++)
        check_steps(&scaling[i], rollout_scale_steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(resolve_test), cmocka_unit_test(rolling_test),
                                        cmocka_unit_test(scaling_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
