/* Delays between restarts: 10 s doubled to 5 min, forgotten after 10 min. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "kubelet/kubelet_priv.h"

static void test_sequence(void **state)
{
    static const int want_s[] = { 10, 20, 40, 80, 160, 300, 300 };
    struct backoff b = { 0 };
    int64_t now = 1000 * SECOND, left;
    (void)state;
    assert_false(backoff_waiting(&b, now, now, &left));          /* the first restart is immediate */
    for (size_t i = 0; i < ARRAY_LEN(want_s); i++) {
        backoff_next(&b, now);
        assert_int_equal(b.delay_ns, want_s[i] * SECOND);
        assert_true(backoff_waiting(&b, now, now + 1, &left));
        assert_int_equal(left, want_s[i] * SECOND - 1);
        assert_false(backoff_waiting(&b, now, now + want_s[i] * SECOND, &left));
        now += (want_s[i] + 1) * SECOND;
    }
    assert_false(backoff_waiting(&b, now + 601 * SECOND, now + 601 * SECOND, &left));
    backoff_next(&b, now + 601 * SECOND);
    assert_int_equal(b.delay_ns, 10 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_sequence) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
