/* What a controller asked for and has not seen: adds and deletions, apart, and five minutes at the most. */
#include "tests/unit/sim/client/bed.h"

enum step { SET, ADD, DEL, FORGET, WAIT };

static void table(void **state)
{
    (void)state;
    static const struct { enum step what; int a, b; bool satisfied; } rows[] = {
        { ADD, 0, 0, true },                       /* nobody has asked for anything */
        { SET, 2, 0, false }, { ADD, 0, 0, false }, { ADD, 0, 0, true }, { ADD, 0, 0, true },
        { SET, 0, 1, false }, { ADD, 0, 0, false }, { DEL, 0, 0, true },
        { SET, 1, 1, false }, { DEL, 0, 0, false }, { DEL, 0, 0, false }, { ADD, 0, 0, true },
        { SET, 0, 0, true },
        { SET, 3, 0, false }, { WAIT, 300, 0, false }, { WAIT, 1, 0, true },
        { SET, 3, 0, false }, { FORGET, 0, 0, true }, { FORGET, 0, 0, true },
        { SET, 3, 0, false }, { SET, 1, 0, false }, { ADD, 0, 0, true },       /* the last word counts */
        { SET, 1, 0, false },                      /* and what is left is freed */
    };
    struct loop *l = test_loop();
    struct expectations *e = expectations_new(l);
    struct str key = STR("default/web");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        switch (rows[i].what) {
        case SET: expectations_set(e, key, rows[i].a, rows[i].b); break;
        case ADD: expectations_observe_add(e, key); break;
        case DEL: expectations_observe_del(e, key); break;
        case FORGET: expectations_forget(e, key); break;
        case WAIT: test_advance(l, rows[i].a * S); break;
        }
        if (expectations_satisfied(e, key) != rows[i].satisfied)
            fail_msg("row %zu", i);
        assert_true(expectations_satisfied(e, STR("default/other")));
    }
    expectations_free(e);
    expectations_free(NULL);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(table) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
