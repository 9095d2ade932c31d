/* tests/unit/sim/api/quantity_test.c - amounts: the expected values were computed by apimachinery v0.20.2. */
#include "sim/api/api.h"

#include <setjmp.h>
#include <cmocka.h>

static const char format_error[] = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
static const char suffix_error[] = "unable to parse quantity's suffix";

static const struct {
    const char *text, *stored, *canonical;
    int64_t     milli, value;
} good[] = {
    { "0", "0", "0", 0, 0 },
    { "M", "0", "0", 0, 0 },
    { ".", "0", "0", 0, 0 },
    { "100m", "100m", "100m", 100, 1 },
    { "0.5", "500m", "500m", 500, 1 },
    { "1.500", "1.500", "1500m", 1500, 2 },
    { "+1", "+1", "1", 1000, 1 },
    { "1000m", "1", "1", 1000, 1 },
    { "1000", "1k", "1k", 1000000, 1000 },
    { "128974848", "128974848", "128974848", 128974848000, 128974848 },
    { "64Mi", "64Mi", "64Mi", 67108864000, 67108864 },
    { "1024Mi", "1Gi", "1Gi", 1073741824000, 1073741824 },
    { "1.5Gi", "1536Mi", "1536Mi", 1610612736000, 1610612736 },
    { "0.5Ki", "512", "512", 512000, 512 },
    { "0.0001Ki", "102400u", "102400u", 103, 1 },
    { "1.5u", "1500n", "1500n", 1, 1 },
    { "7.25n", "8n", "8n", 1, 1 },
    { "-0.500n", "-1n", "-1n", -1, -1 },
    { "1.0000000001", "1000000001n", "1000000001n", 1001, 2 },
    { "1e3", "1e3", "1e3", 1000000, 1000 },
    { "2048e1", "20480", "20480", 20480000, 20480 },
    { "12.25e-10", "2e-9", "2e-9", 1, 1 },
    { "5E-2", "50e-3", "50e-3", 50, 1 },
    { "1000E", "1", "1", INT64_MAX, INT64_MAX },   /* 1e21 has no SI suffix, and upstream writes none */
    { "99999999999999999999.25Gi", "9223372036854775807", "9223372036854775807", INT64_MAX, INT64_MAX },
    { "00.0000000001Ti", "109951162778n", "109951162778n", 109952, 110 },
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct arena *a = arena_new();
        struct quantity q;
        struct str stored;
        struct err err = { 0 };
        if (!quantity_parse(str_c(good[i].text), &q, &err) || !quantity_stored_text(a, str_c(good[i].text), &stored, &err))
            fail_msg("%s: %s", good[i].text, err.msg);
        assert_string_equal(arena_cstr(a, stored), good[i].stored);
        assert_string_equal(arena_cstr(a, quantity_text(a, q)), good[i].canonical);
        assert_int_equal(quantity_milli(q), good[i].milli);
        assert_int_equal(quantity_value(q), good[i].value);
        arena_free(a);
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const struct { const char *text, *why; } bad[] = {
        { "", format_error },  { "abc", format_error }, { "1.2.3", format_error }, { "1 ", format_error }, { "1.5x", format_error },
        { "1K", suffix_error }, { "1e", suffix_error },  { "1mm", suffix_error },   { "1Kii", suffix_error },
        { "e-20", "unable to parse numeric part of quantity" },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct quantity q = { .nano = 7 };
        struct err err = { 0 };
        assert_false(quantity_parse(str_c(bad[i].text), &q, &err));
        assert_string_equal(err.msg, bad[i].why);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
        assert_true(q.nano == 7);
    }
}

static void test_made(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_true(str_eqc(quantity_text(a, quantity_from_nano(79123456, QUANTITY_DECIMAL_SI)), "79123456n"));
    assert_true(str_eqc(quantity_text(a, quantity_from_milli(200, QUANTITY_DECIMAL_SI)), "200m"));
    assert_true(str_eqc(quantity_text(a, quantity_from_int(170 * 1024 * 1024, QUANTITY_BINARY_SI)), "170Mi"));
    assert_true(str_eqc(quantity_text(a, quantity_from_int(-1023, QUANTITY_BINARY_SI)), "-1023"));
    assert_true(str_eqc(quantity_text(a, quantity_from_int(INT64_MIN, QUANTITY_BINARY_SI)), "-8Ei"));
    assert_true(quantity_cmp(quantity_from_milli(1000, QUANTITY_DECIMAL_SI), quantity_from_int(1, QUANTITY_BINARY_SI)) == 0);
    assert_true(quantity_cmp(quantity_from_milli(999, QUANTITY_DECIMAL_SI), quantity_from_int(1, QUANTITY_BINARY_SI)) < 0);
    struct json *j = json_parse(a, STR("[\"250m\", 2, 0.1, true, \"x\"]"), NULL);
    static const int64_t milli[] = { 250, 2000, 100, -5, -5 };
    for (size_t i = 0; i < ARRAY_LEN(milli); i++)
        assert_int_equal(quantity_json_milli(json_at(j, i), -5), milli[i]);
    assert_int_equal(quantity_json_value(json_at(j, 0), -5), 1);
    assert_int_equal(quantity_json_value(NULL, -5), -5);
    arena_free(a);
}

static void test_intstr(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    static const struct { const char *json; int64_t total; bool up, ok; int64_t want; } cases[] = {
        { "3", 10, true, true, 3 },         { "\"25%\"", 1, true, true, 1 },   { "\"25%\"", 1, false, true, 0 },
        { "\"50%\"", 5, true, true, 3 },    { "\"50%\"", 5, false, true, 2 },  { "\"100%\"", 4, true, true, 4 },
        { "\"3\"", 4, true, false, 0 },     { "\"x%\"", 4, true, false, 0 },   { "true", 4, true, false, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t out = 0;
        bool ok = intstr_scaled(json_parse(a, str_c(cases[i].json), NULL), cases[i].total, cases[i].up, &out);
        assert_int_equal(ok, cases[i].ok);
        assert_int_equal(out, cases[i].want);
    }
    assert_false(intstr_scaled(NULL, 1, true, &(int64_t){ 0 }));
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_made), cmocka_unit_test(test_intstr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
