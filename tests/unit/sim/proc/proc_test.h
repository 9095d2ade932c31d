/* What this room's tests share: a loop at a fixed instant, and time that passes. */
#ifndef TESTS_UNIT_SIM_PROC_PROC_TEST_H
#define TESTS_UNIT_SIM_PROC_PROC_TEST_H

#include "sim/proc/proc.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static inline struct loop *test_loop(void)
{
    struct loop_options o = { .start_vtime_ns = 1579909000 * (int64_t)NS_PER_S };
    loop_seed_from_int(o.seed, 8);
    return loop_new(&o);
}

static inline void test_advanced(void *ctx)
{
    *(bool *)ctx = true;
}

static inline void test_advance(struct loop *l, int64_t ns)
{
    bool done = false;
    loop_advance(l, ns, test_advanced, &done);
    while (!done)
        loop_turn(l);
}
#endif
