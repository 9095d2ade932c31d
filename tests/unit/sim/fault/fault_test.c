/* The catalogue's values, patterns, and the list of what is in force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "sim/fault/fault.h"

static void types_have_names(void **state)
{
    (void)state;
    struct str rest = str_c(fault_type_names()), before = STR_NULL;
    int n = 0;
    while (rest.p) {
        struct str name = str_token(&rest, ',');
        assert_true(fault_type_find(name) >= 0);
        assert_true(before.n == 0 || str_cmp(before, name) < 0);
        before = name;
        n++;
    }
    assert_int_equal(n, FAULT_TYPES);
    assert_int_equal(fault_type_find(STR("dns-")), -1);
    assert_int_equal(fault_type_find(STR("connection-slow")), FAULT_CONNECTION_SLOW);
}

static void defaults_are_in_order(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int t = 0; t < FAULT_TYPES; t++)
        for (size_t i = 0; i < FAULT_PARAMS_MAX && fault_info((enum fault_type)t)->params[i].name; i++) {
            const struct fault_param *p = &fault_info((enum fault_type)t)->params[i];
            if (p->dflt)
                assert_null(fault_value_wrong(a, p, str_c(p->dflt)));
        }
    arena_free(a);
}

static void values_have_bounds(void **state)
{
    (void)state;
    static const struct { enum fault_type type; const char *param, *value, *wrong; } rows[] = {
        { FAULT_CONNECTION_REFUSED, "port", "65535", NULL },
        { FAULT_CONNECTION_REFUSED, "port", "65536", "must be a whole number from 0 to 65535" },
        { FAULT_CONNECTION_REFUSED, "port", "", "must be a whole number from 0 to 65535" },
        { FAULT_CONNECTION_REFUSED, "host", "", "must not be empty" },
        { FAULT_CONNECTION_SLOW, "delay", "1.5s", NULL },
        { FAULT_CONNECTION_SLOW, "delay", "11m", "must be a duration from 1ms to 10m0s" },
        { FAULT_CONNECTION_SLOW, "delay", "fast", "must be a duration from 1ms to 10m0s" },
        { FAULT_DNS_STRANGER, "address", "1.2.3.4", NULL },
        { FAULT_DNS_STRANGER, "address", "1.2.3", "must be an IPv4 address" },
        { FAULT_CLOCK_SKEW, "offset", "-25h", NULL },
        { FAULT_KUBELET_NO_METRICS, "how", "sideways", "must be one of empty,error,slow" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *wrong = fault_value_wrong(a, fault_param_find(rows[i].type, str_c(rows[i].param)), str_c(rows[i].value));
        if (rows[i].wrong)
            assert_string_equal(wrong, rows[i].wrong);
        else
            assert_null(wrong);
    }
    assert_null(fault_param_find(FAULT_API_SLOW, STR("host")));
    arena_free(a);
}

static void stars_stand_for_anything(void **state)
{
    (void)state;
    static const struct { const char *pattern, *text; bool yes; } rows[] = {
        { "", "x", true },           { "*", "", true },          { "web1-*", "web1-5c8", true }, { "web1-*", "web1", false },
            { "*.example", "a.example", true },
        { "*.example", "a.example.org", false }, { "a*b*c", "axxbyyc", true }, { "a*b*c", "axxbyy", false },
            { "ubuntu", "ubuntu", true }, { "ubuntu", "ubuntu2", false },
        { "*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(fault_glob(rows[i].pattern, str_c(rows[i].text)), rows[i].yes);
}

static int told;
static void on_change(struct fault_watch *w) { (void)w; told++; }
static int made;
static void *make(void *ctx, struct fault *f, const char *key) { (void)ctx; (void)f; made++; return xstrdup(key); }

static void several_are_in_force(void **state)
{
    (void)state;
    struct loop_options lo = { .start_vtime_ns = 1, .speed_milli = 0 };
    struct loop *l = loop_new(&lo);
    struct faults *fs = faults_new(l);
    struct fault_watch w = { 0 };
    struct arena *a = arena_new();
    fault_unwatch(&w);
    fault_watch(fs, &w, on_change);
    assert_null(fault_next(fs, NULL, 0, FAULT_TYPES - 1));
    struct fault *slow = fault_begin(fs, "s", FAULT_CONNECTION_SLOW, json_buildf(a, "{'host':'ubuntu','delay':'2s'}"));
    struct fault *lossy = fault_begin(fs, "l", FAULT_CONNECTION_LOSSY, NULL), *dns = fault_begin(fs, "d", FAULT_DNS_SLOW, NULL);
    assert_int_equal(told, 3);
    assert_int_equal(fault_number(slow, "delay"), 2 * (int64_t)NS_PER_S);
    assert_int_equal(fault_number(slow, "port"), 0);
    assert_int_equal(fault_number(lossy, "percent"), 10);
    assert_string_equal(fault_text(slow, "from"), "*");
    assert_string_equal(fault_text(slow, "nothing"), "");
    assert_ptr_equal(fault_next(fs, NULL, FAULT_CONNECTION_REFUSED, FAULT_CONNECTION_LOSSY), slow);
    assert_ptr_equal(fault_next(fs, slow, FAULT_CONNECTION_REFUSED, FAULT_CONNECTION_LOSSY), lossy);
    assert_null(fault_next(fs, lossy, FAULT_CONNECTION_REFUSED, FAULT_CONNECTION_LOSSY));
    assert_null(fault_subject(dns, "x"));
    dns->make = make;
    dns->unmake = free;
    assert_string_equal(fault_subject(dns, "x"), "x");
    assert_ptr_equal(fault_subject(dns, "x"), fault_subject(dns, "x"));
    assert_int_equal(made, 1);
    fault_end(slow);
    assert_ptr_equal(fault_next(fs, NULL, FAULT_CONNECTION_REFUSED, FAULT_CONNECTION_LOSSY), lossy);
    fault_unwatch(&w);
    fault_end(dns);
    fault_end(NULL);
    assert_int_equal(told, 4);
    faults_free(fs);
    arena_free(a);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_names), cmocka_unit_test(defaults_are_in_order), cmocka_unit_test(values_have_bounds),
        cmocka_unit_test(stars_stand_for_anything), cmocka_unit_test(several_are_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
