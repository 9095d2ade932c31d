/* The solver alone: a table of known answers, then properties on random trees: nothing over its cap, nothing wasted, nobody
 * envious. */
#include "kubelet/cgroup/cgroup.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

#define NO HUGE_VAL
static const struct { const char *name; double cores; size_t n; struct share_group g[5]; double want[5]; } cases[] = {
    { "a thread has one core at most", 2, 1, { { -1, 1024, NO, 1, 0 } }, { 1 } },
    { "four threads share two", 2, 1, { { -1, 1024, NO, 4, 0 } }, { 2 } },
    { "by weight", 2, 2, { { -1, 1024, NO, 2, 0 }, { -1, 3072, NO, 2, 0 } }, { 0.5, 1.5 } },
    { "weights do not matter while there is enough", 2, 2, { { -1, 2, NO, 1, 0 }, { -1, 3072, NO, 1, 0 } }, { 1, 1 } },
    { "a quota, and the rest to the other", 2, 2, { { -1, 1024, 0.2, 4, 0 }, { -1, 2, NO, 2, 0 } }, { 0.2, 1.8 } },
    { "a child's quota binds its parent", 2, 3, { { -1, 1024, NO, 0, 0 }, { 0, 1024, 0.3, 1, 0 }, { -1, 1024, NO, 3, 0 } },
      { 0.3, 0.3, 1.7 } },
    { "own threads compete with child groups", 1, 2, { { -1, 1024, NO, 1, 0 }, { 0, 3072, NO, 1, 0 } }, { 1, 0.75 } },
    { "five web servers of 200m and one of the node's", 2, 2, { { -1, 1020, NO, 5, 0 }, { -1, 1024, NO, 0, 0 } }, { 2, 0 } },
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct share_group g[5];
        memcpy(g, cases[i].g, sizeof g);
        cpu_solve(g, cases[i].n, cases[i].cores);
        for (size_t k = 0; k < cases[i].n; k++)
            if (fabs(g[k].rate - cases[i].want[k]) > 1e-9)
                fail_msg("%s: group %zu has %g, not %g", cases[i].name, k, g[k].rate, cases[i].want[k]);
    }
}

/* What group i could use at most. */
static double most(const struct share_group *g, size_t n, size_t i)
{
    double sum = g[i].threads;
    for (size_t c = i + 1; c < n; c++)
        if (g[c].parent == (int)i)
            sum += most(g, n, c);
    return fmin(sum, g[i].cap);
}

static void check_tree(const struct share_group *g, size_t n, double cores)
{
    double top = 0, top_most = 0;
    for (size_t i = 0; i < n; i++) {
        double below = 0, mine = most(g, n, i);
        assert_true(g[i].rate >= 0 && g[i].rate <= mine + 1e-9);
        for (size_t c = i + 1; c < n; c++) {
            below += g[c].parent == (int)i ? g[c].rate : 0;
            /* No envy: of two siblings, the one that could use more has not got less than its weight says. */
            if (g[c].parent == g[i].parent && g[i].rate < mine - 1e-9)
                assert_true(g[i].rate / g[i].weight >= g[c].rate / g[c].weight - 1e-9);
            if (g[c].parent == g[i].parent && g[c].rate < most(g, n, c) - 1e-9)
                assert_true(g[c].rate / g[c].weight >= g[i].rate / g[i].weight - 1e-9);
        }
        double own = g[i].rate - below;              /* what its own threads have */
        assert_true(own >= -1e-9 && own <= g[i].threads + 1e-9);
        top += g[i].parent < 0 ? g[i].rate : 0;
        top_most += g[i].parent < 0 ? mine : 0;
    }
    assert_true(fabs(top - fmin(cores, top_most)) < 1e-9);       /* nothing wasted, nothing invented */
}

static void test_properties(void **state)
{
    (void)state;
    uint8_t seed[32];
    struct rng r;
    loop_seed_from_int(seed, 3);
    rng_init_seed(&r, seed, "solver");
    for (int round = 0; round < 2000; round++) {
        struct share_group g[12];
        size_t n = 1 + rng_below(&r, ARRAY_LEN(g));
        for (size_t i = 0; i < n; i++)
            g[i] = (struct share_group){ (int)rng_below(&r, i + 1) - 1, (double)(2 + rng_below(&r, 5000)),
                                         rng_below(&r, 2) ? HUGE_VAL : 0.01 + rng_unit(&r) * 2,
                                         (int)rng_below(&r, 4), 0 };
        double cores = (double)(1 + rng_below(&r, 8));
        cpu_solve(g, n, cores);
        check_tree(g, n, cores);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_properties) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
