/* The node's CPU and memory: finishing times, counters at any instant, quotas, out of memory, and a long random life with its
 * invariants walked. */
#include "kubelet/cgroup/cgroup.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct loop *test_loop(void)
{
    struct loop_options o = { .start_vtime_ns = 1000 * (int64_t)NS_PER_S };
    loop_seed_from_int(o.seed, 8);
    return loop_new(&o);
}

static void advanced(void *ctx)
{
    *(bool *)ctx = true;
}

static void advance(struct loop *l, int64_t ns)
{
    bool done = false;
    loop_advance(l, ns, advanced, &done);
    while (!done)
        loop_turn(l);
}

struct job { struct cpu_work w; struct loop *l; int64_t done_ns; int done; };

static void job_done(struct cpu_work *w)
{
    struct job *j = container_of(w, struct job, w);
    j->done_ns = vtime_now(j->l);
    j->done++;
}

static void job_start(struct job *j, struct loop *l, struct cgroup *g, int64_t ns)
{
    j->l = l;
    j->w.done = job_done;
    cgroup_cpu_ops.run(g, &j->w, ns);
}

struct world { struct loop *l; struct rng noise; struct cgroup_tree *t; struct cgroup *root; };

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    w->l = test_loop();
    rng_init(&w->noise, w->l, "cgroup");
    w->t = cgroup_tree_new(w->l, 2, 4ll << 30, &w->noise);
    w->root = cgroup_root(w->t);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    cgroup_tree_free(w->t);
    loop_free(w->l);
    free(w);
    return 0;
}

static struct cgroup *group(struct cgroup *parent, uint64_t shares, int64_t quota_us)
{
    return cgroup_new(parent, "g", &(struct cgroup_limits){ .shares = shares, .quota_us = quota_us }, NULL, NULL);
}

static uint64_t cpu_of(struct cgroup *g)
{
    struct cgroup_stats s;
    cgroup_stats(g, &s);
    return s.cpu_ns;
}

static void test_alone_and_shared(void **state)
{
    struct world *w = *state;
    struct cgroup *a = group(w->root, 1024, 0), *b = group(w->root, 3072, 0);
    struct job one = { 0 }, j[4] = { 0 };
    int64_t start = vtime_now(w->l);
    job_start(&one, w->l, a, 80000001);
    advance(w->l, 200 * NS_PER_MS);
    assert_int_equal(one.done_ns - start, 80000001);            /* a thread alone gets one core, not two */
    assert_int_equal(cpu_of(a), 80000001);
    start = vtime_now(w->l);
    for (int i = 0; i < 4; i++)                                  /* two threads in each: 0.5 and 1.5 cores */
        job_start(&j[i], w->l, i < 2 ? a : b, 300 * NS_PER_MS);
    advance(w->l, 100 * NS_PER_MS);
    cgroup_check(w->t);
    assert_int_equal(cpu_of(a), 80000001 + 50 * NS_PER_MS);
    assert_int_equal(cpu_of(b), 150 * NS_PER_MS);
    advance(w->l, NS_PER_S);
    assert_int_equal(j[2].done_ns - start, 400 * NS_PER_MS);     /* then a has both cores: 0.2 s of 0.3 left for each thread */
    assert_int_equal(j[0].done_ns - start, 600 * NS_PER_MS);
    assert_int_equal(cpu_of(w->root), 80000001 + 1200 * NS_PER_MS);
    for (int i = 0; i < 4; i++)
        assert_int_equal(j[i].done, 1);
}

static void test_quota(void **state)
{
    struct world *w = *state;
    struct cgroup *pod = group(w->root, 512, 0), *g = group(pod, 512, 20000);
    struct job j = { 0 };
    struct cgroup_stats s;
    job_start(&j, w->l, g, 100 * NS_PER_MS);
    advance(w->l, NS_PER_S);
    cgroup_stats(g, &s);
    assert_int_equal(j.done_ns - s.created_ns, 500 * NS_PER_MS);
    assert_int_equal(s.nr_periods, 5);
    assert_int_equal(s.nr_throttled, 5);
    assert_int_equal(s.throttled_ns, 400 * NS_PER_MS);
    assert_int_equal(s.cpu_ns, 100 * NS_PER_MS);
    assert_int_equal(s.runnable, 0);
}

static void test_cancel_and_free(void **state)
{
    struct world *w = *state;
    struct cgroup *pod = group(w->root, 2, 0), *g = group(pod, 2, 0);
    struct job a = { 0 }, b = { 0 }, c = { 0 };
    cgroup_cpu_ops.cancel(&a.w);                                 /* never ran */
    job_start(&a, w->l, g, NS_PER_S);
    job_start(&b, w->l, g, NS_PER_S);
    job_start(&c, w->l, g, 0);
    advance(w->l, 250 * NS_PER_MS);
    assert_int_equal(c.done, 1);
    cgroup_cpu_ops.cancel(&a.w);
    assert_int_equal(cpu_of(g), 500 * NS_PER_MS);
    cgroup_cpu_ops.set_profile(g, "idle", 100 * 1000 * 1000);
    advance(w->l, 500 * NS_PER_MS);
    uint64_t before = cpu_of(w->root);
    assert_true(before > 1040 * NS_PER_MS && before < 1060 * NS_PER_MS);
    job_start(&c, w->l, g, 0);
    cgroup_free(pod);
    cgroup_cpu_ops.cancel(&c.w);
    assert_true(cpu_of(w->root) == before);                      /* sums never fall */
    advance(w->l, NS_PER_S);
    assert_true(a.done == 0 && b.done == 0 && c.done == 1);
    cgroup_check(w->t);
}

static void test_profile(void **state)
{
    struct world *w = *state;
    struct cgroup *g = group(w->root, 2, 0);
    uint64_t last = 0;
    cgroup_cpu_ops.set_profile(g, "etcd", 7 * 1000 * 1000);
    for (int i = 0; i < 500; i++) {
        advance(w->l, 15 * (int64_t)NS_PER_S + i);
        uint64_t now = cpu_of(g), again = cpu_of(g);
        double milli = (double)(now - last) / 15e6;
        assert_true(now == again && milli > 7 * 0.9 && milli < 7 * 1.1);
        last = now;
    }
    assert_true(fabs((double)last / 500 / 15e6 - 7) < 0.05);
}

static void on_oom(void *ctx, struct cgroup *g)
{
    (void)g;
    ++*(int *)ctx;
}

static void test_memory(void **state)
{
    struct world *w = *state;
    int pod_kills = 0, kills = 0;
    struct cgroup *pod = cgroup_new(w->root, "pod", NULL, on_oom, &pod_kills);
    struct cgroup *c = cgroup_new(pod, "c", &(struct cgroup_limits){ .memory_limit_bytes = 1 << 20 }, on_oom, &kills),
                  *free_one = cgroup_new(pod, "d", NULL, NULL, NULL);
    struct cgroup_stats s;
    cgroup_cpu_ops.set_memory(c, 1 << 20);
    advance(w->l, 1);
    assert_int_equal(kills, 0);
    cgroup_cpu_ops.set_memory(c, (1 << 20) + 1);
    assert_int_equal(kills, 0);                                  /* by task */
    advance(w->l, 1);
    assert_int_equal(kills, 1);
    cgroup_stats(c, &s);
    assert_true(s.memory_bytes == 1 << 20 && s.memory_peak_bytes == 1 << 20);
    cgroup_cpu_ops.set_memory(c, 0);
    cgroup_cpu_ops.set_memory(free_one, 5ll << 30);              /* the node itself: the nearest group that listens goes */
    advance(w->l, 1);
    assert_true(kills == 1 && pod_kills == 1);
    cgroup_free(pod);
    cgroup_stats(w->root, &s);
    assert_true(s.memory_bytes == 0 && s.memory_peak_bytes == 4ll << 30);
    cgroup_check(w->t);
}

/* A random life: whatever happens, each job consumes exactly what it asked for, and the sum is on the root's counter. */
static void test_random_life(void **state)
{
    struct world *w = *state;
    enum { GROUPS = 40, JOBS = 60 };
    struct cgroup *g[GROUPS] = { w->root };
    struct job *jobs = xcalloc(JOBS, sizeof *jobs);
    struct rng r;
    uint64_t asked = 0;
    rng_init(&r, w->l, "test");
    for (int i = 1; i < GROUPS; i++)
        g[i] = group(g[rng_below(&r, (uint64_t)i)], 2 + rng_below(&r, 4096),
                     rng_below(&r, 3) ? 0 : (int64_t)(1000 + rng_below(&r, 150000)));
    for (int round = 0; round < 1000; round++) {
        struct job *j = &jobs[rng_below(&r, JOBS)];
        if (!j->w.group) {
            int64_t ns = (int64_t)rng_below(&r, 50 * NS_PER_MS);
            asked += (uint64_t)ns;
            job_start(j, w->l, g[rng_below(&r, GROUPS)], ns);
        }
        if (rng_below(&r, 2))
            advance(w->l, (int64_t)rng_below(&r, 3 * NS_PER_MS));
        if (round % 10 == 0)
            cgroup_check(w->t);
    }
    int64_t start = vtime_now(w->l);
    advance(w->l, 3600 * (int64_t)NS_PER_S);
    for (int i = 0; i < JOBS; i++)
        assert_true(!jobs[i].w.group && jobs[i].done_ns < start + 600 * (int64_t)NS_PER_S);
    uint64_t used = cpu_of(w->root);
    assert_true(used >= asked - 1 && used <= asked + 1);
    free(jobs);
}

static void test_kubelet_arithmetic(void **state)
{
    (void)state;
    assert_int_equal(milli_cpu_to_shares(0), 2);
    assert_int_equal(milli_cpu_to_shares(1), 2);
    assert_int_equal(milli_cpu_to_shares(200), 204);
    assert_int_equal(milli_cpu_to_quota(0, 100000), 0);
    assert_int_equal(milli_cpu_to_quota(500, 100000), 50000);
    assert_int_equal(milli_cpu_to_quota(5, 100000), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_alone_and_shared, setup, teardown),
            cmocka_unit_test_setup_teardown(test_quota, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel_and_free, setup, teardown),
        cmocka_unit_test_setup_teardown(test_profile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_life, setup, teardown),
        cmocka_unit_test(test_kubelet_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
