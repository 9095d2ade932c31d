/* What a disruption budget allows: rounding, pods about to go, the status that follows, the condition of newer versions. */
#include "workloads/controllers/disruption.h"

#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#define T0 (1600000000 * (int64_t)NS_PER_S)

/* spec, expected pods, what must be healthy (-1: refused), whether the controllers' scale is needed */
static const struct { const char *spec; int64_t expected, desired; bool scale; } specs[] = {
    { "{'minAvailable':2}", 5, 2, false },
    { "{'minAvailable':7}", 5, 7, false },
    { "{'minAvailable':'50%'}", 5, 3, true },
    { "{'minAvailable':'0%'}", 5, 0, true },
    { "{'minAvailable':'100%'}", 5, 5, true },
    { "{'maxUnavailable':1}", 5, 4, true },
    { "{'maxUnavailable':9}", 5, 0, true },
    { "{'maxUnavailable':'30%'}", 5, 3, true },       /* 1.5 pods may be away: two */
    { "{'maxUnavailable':'10%'}", 1, 0, true },
    { "{'minAvailable':'many'}", 5, -1, true },
    { "{}", 5, 0, false },
};

static void desired_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        struct arena *a = arena_new();
        struct json *spec = json_buildf(a, specs[i].spec);
        struct budget_count count = { .expected = specs[i].expected };
        bool ok = budget_desired(spec, &count);
        if (ok != (specs[i].desired >= 0) || (ok && count.desired != specs[i].desired) || budget_needs_scale(spec) != specs[i].scale)
            fail_msg("%s of %d: %d", specs[i].spec, (int)specs[i].expected, (int)count.desired);
        arena_free(a);
    }
}

static struct json *pod(struct arena *a, const char *name, bool ready, bool going)
{
    struct json *p = json_buildf(a, "{'metadata':{'name':%s},'status':{'conditions':[{'type':'Ready','status':%s}]}}", name,
                                 ready ? "True" : "False");
    if (going)
        json_set_strc(a, json_get(p, "metadata"), "deletionTimestamp", "2020-09-13T12:26:40Z");
    return p;
}

static void count_late(void *ctx, const struct json *p)
{
    assert_true(str_eqc(meta_name(p), "stuck"));
    ++*(int *)ctx;
}

static void disrupted_test(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct json *pods[] = { pod(a, "well", true, false), pod(a, "ill", false, false), pod(a, "going", true, true),
                                  pod(a, "soon", true, false), pod(a, "stuck", true, false) };
    struct json *pdb = json_buildf(a, "{'status':{'disruptedPods':{'soon':%S,'stuck':%S,'going':%S,'gone':%S}}}",
                                   time_rfc3339(a, T0 - 60 * (int64_t)NS_PER_S), time_rfc3339(a, T0 - 121 * (int64_t)NS_PER_S),
                                   time_rfc3339(a, T0), time_rfc3339(a, T0));
    int64_t recheck;
    int late = 0;
    struct json *left = budget_disrupted(a, pdb, pods, ARRAY_LEN(pods), T0, &recheck, count_late, &late);
    assert_int_equal(json_len(left), 1);
    assert_non_null(json_get(left, "soon"));
    assert_int_equal(late, 1);
    assert_true(recheck == T0 + 60 * (int64_t)NS_PER_S);
    assert_int_equal(budget_healthy(pods, ARRAY_LEN(pods), left), 2);        /* well and stuck */
    left = budget_disrupted(a, json_buildf(a, "{}"), pods, ARRAY_LEN(pods), T0, &recheck, NULL, NULL);
    assert_int_equal(json_len(left), 0);
    assert_true(recheck == 0);
    arena_free(a);
}

static void is(struct arena *a, const struct json *j, const char *want)
{
    assert_string_equal(arena_cstr(a, json_text(a, j)), arena_cstr(a, json_text(a, json_buildf(a, want))));
}

static void status_test(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json *pdb = json_buildf(a, "{'metadata':{'generation':3}}"), *none = json_new_object(a);
    is(a, budget_status(a, 20, pdb, &(struct budget_count){ 3, 2, 3 }, none, T0),
       "{'observedGeneration':3,'disruptionsAllowed':1,'currentHealthy':3,'desiredHealthy':2,'expectedPods':3}");
    is(a, budget_status(a, 16, pdb, &(struct budget_count){ 1, 2, 3 }, json_buildf(a, "{'p':'x'}"), T0),
       "{'observedGeneration':3,'disruptedPods':{'p':'x'},'disruptionsAllowed':0,'currentHealthy':1,'desiredHealthy':2,"
       "'expectedPods':3}");
    is(a, budget_status(a, 20, pdb, &(struct budget_count){ 3, 0, 0 }, none, T0),     /* nothing is expected: nothing is allowed */
       "{'observedGeneration':3,'disruptionsAllowed':0,'currentHealthy':3,'desiredHealthy':0,'expectedPods':0}");
    struct json *st = budget_status(a, 34, pdb, &(struct budget_count){ 3, 2, 3 }, none, T0);
    is(a, json_get(st, "conditions"), "[{'type':'DisruptionAllowed','status':'True','observedGeneration':3,"
       "'lastTransitionTime':'2020-09-13T12:26:40Z','reason':'SufficientPods','message':''}]");
    json_set(a, pdb, "status", st);
    st = budget_status(a, 34, pdb, &(struct budget_count){ 3, 2, 3 }, none, T0 + (int64_t)NS_PER_S);
    assert_true(json_equal(st, json_get(pdb, "status")));                    /* nothing changed: nothing is to be written */
    is(a, json_path(budget_failed_status(a, 34, pdb, "no one knows", T0 + (int64_t)NS_PER_S), "conditions"),
       "[{'type':'DisruptionAllowed','status':'False','observedGeneration':3,'lastTransitionTime':'2020-09-13T12:26:41Z',"
       "'reason':'SyncFailed','message':'no one knows'}]");
    is(a, budget_failed_status(a, 20, json_buildf(a, "{'status':{'disruptionsAllowed':4,'expectedPods':5}}"), "x", T0),
       "{'disruptionsAllowed':0,'expectedPods':5}");
    arena_free(a);
}

static void print_test(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json *sel = json_buildf(a,
                                   "{'matchLabels':{'app':'web'},'matchExpressions':[{'key':'x','operator':'In','values':['a',"
                                   "'b']}]}");
    assert_string_equal(label_selector_go(a, sel),
                        "&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{"
                        "LabelSelectorRequirement{Key:x,Operator:In,Values:[a b],},},}");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(desired_test), cmocka_unit_test(disrupted_test),
                                        cmocka_unit_test(status_test),
                                        cmocka_unit_test(print_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
