/* What the tests of this room share: a loop whose clock stands still until a test moves it. */
#ifndef TESTS_NET_TEST_H
#define TESTS_NET_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sim/net/net.h"

static inline struct loop *test_loop(void)
{
    struct loop_options opt = { .start_vtime_ns = (int64_t)1579910400 * 1000000000, .speed_milli = 0 };
    loop_seed_from_int(opt.seed, 7);
    return loop_new(&opt);
}

static inline void test_turns(struct loop *l, int n)
{
    while (n-- > 0)
        loop_turn(l);
}

static inline void test_done(void *ctx)
{
    *(bool *)ctx = true;
}

/* Move virtual time by ns, and see all of it happen. */
static inline void test_advance(struct loop *l, int64_t ns)
{
    bool done = false;
    loop_advance(l, ns, test_done, &done);
    for (int i = 0; i < 100000 && !done; i++)
        loop_turn(l);
    assert_true(done);
}
#endif
