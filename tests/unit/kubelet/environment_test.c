/* $(NAME) expansion, as third_party/forked/golang/expansion/expand_test.go has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "kubelet/kubelet_priv.h"

static struct str lookup(void *ctx, struct str name, bool *found)
{
    static const char *const vars[][2] = { { "VAR_A", "A" }, { "VAR_B", "B" }, { "VAR_C", "C" }, { "VAR_REF", "$(VAR_A)" },
                                           { "VAR_EMPTY", "" } };
    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(vars); i++)
        if (str_eqc(name, vars[i][0])) {
            *found = true;
            return str_c(vars[i][1]);
        }
    return STR_NULL;
}

static void test_expand(void **state)
{
    static const char *const cases[][2] = {
        { "$(VAR_A)", "A" }, { "___$(VAR_B)___", "___B___" }, { "___$(VAR_C)", "___C" }, { "$(VAR_A)-$(VAR_A)", "A-A" },
        { "$(VAR_REF)", "$(VAR_A)" }, { "%%$(VAR_REF)--$(VAR_REF)%%", "%%$(VAR_A)--$(VAR_A)%%" },
        { "foo$(VAR_EMPTY)bar", "foobar" }, { "foo$$(VAR_A)bar", "foo$(VAR_A)bar" }, { "f000-$$VAR_A", "f000-$VAR_A" },
        { "foo\\$(VAR_C)bar", "foo\\Cbar" },
        { "$(VAR_DNE)", "$(VAR_DNE)" }, { "$VAR_A", "$VAR_A" }, { "$", "$" }, { "$(", "$(" }, { "foo$(VAR_A", "foo$(VAR_A" },
        { "$$$$$$$(BIG_MONEY)", "$$$$(BIG_MONEY)" }, { "", "" },
        { "$?", "$?" }, { "$(VAR_A)$$", "A$" },
    };
    (void)state;
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(arena_cstr(a, expand_dollar(a, str_c(cases[i][0]), lookup, NULL)), cases[i][1]);
    arena_free(a);
}

static void test_qos(void **state)
{
    static const char *const cases[][2] = {
        { "{\"containers\":[{\"name\":\"a\"}]}", "BestEffort" },
        { "{\"containers\":[{\"name\":\"a\",\"resources\":{\"requests\":{\"cpu\":\"200m\"}}}]}", "Burstable" },
        { "{\"containers\":[{\"name\":\"a\",\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"}}}]}", "Guaranteed" },
        { "{\"containers\":[{\"name\":\"a\",\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"}}},{\"name\":\"b\"}]}",
          "Burstable" },
        { "{\"containers\":[{\"name\":\"a\",\"resources\":{\"requests\":{\"cpu\":\"1\"},\"limits\":{\"cpu\":\"2\","
          "\"memory\":\"1Gi\"}}}]}", "Burstable" },
    };
    (void)state;
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(pod_qos(json_parse(a, str_c(cases[i][0]), NULL)), cases[i][1]);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_expand), cmocka_unit_test(test_qos) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
