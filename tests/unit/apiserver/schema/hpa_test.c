/* The autoscaler's versions and its validation, against answers of upstream's own code (v1.34). */
#include "apiserver/schema/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

EMBED(conversions, "tests/unit/apiserver/schema/data/hpa_conversion.jsonl")
EMBED(validations, "tests/unit/apiserver/schema/data/hpa_validation.jsonl")

/* The schema of v1.20, whose kinds include all four versions, under the number of v1.34: annotations have that version's members. */
static void with_schemas(void (*fn)(struct schema *newest, struct schema *all))
{
    struct schema *newest = schema_new(34, false), *all = schema_new(20, false);
    fn(newest, all);
    schema_free(newest);
    schema_free(all);
}

static void expect_json(struct arena *a, const struct json *got, const struct json *want)
{
    if (!json_equal(got, want))
        assert_string_equal(arena_cstr(a, json_text(a, got)), arena_cstr(a, json_text(a, want)));
}

static void convert_all(struct schema *newest, struct schema *all)
{
    struct str rest = conversions();
    size_t lines = 0;
    while (rest.p && rest.n) {
        struct arena *a = arena_new();
        struct json *record = json_parse(a, str_token(&rest, '\n'), NULL);
        struct gvk v2 = { STR("autoscaling"), STR("v2"), STR("HorizontalPodAutoscaler") }, v1 = { v2.group, STR("v1"), v2.kind };
        struct err err = { 0 };
        lines++;
        struct json *obj = json_copy(a, json_get(record, "v2"));
        assert_true(schema_convert(newest, a, obj, &v2, STR("v1"), &err));
        expect_json(a, obj, json_get(record, "v1"));
        assert_true(schema_convert(newest, a, obj, &v1, STR("v2"), &err));
        const struct json *differs = json_get(record, "v1_back_to_v2_differs");
        expect_json(a, obj, differs ? differs : json_get(record, "v2"));
        static const char *const betas[] = { "v2beta2" };
        for (size_t i = 0; i < ARRAY_LEN(betas); i++) {
            struct json *beta = json_copy(a, json_get(record, "v2"));
            assert_true(schema_convert(all, a, beta, &v2, str_c(betas[i]), &err));
            expect_json(a, beta, json_get(record, betas[i]));
            struct gvk from = { v2.group, str_c(betas[i]), v2.kind };
            assert_true(schema_convert(all, a, beta, &from, STR("v2"), &err));
            expect_json(a, beta, json_get(record, "v2"));
        }
        struct json *flat = json_copy(a, json_get(record, "v2"));
        assert_true(schema_convert(all, a, flat, &v2, STR("v2beta1"), &err));
        expect_json(a, json_get(flat, "spec"), json_path(record, "v2beta1.spec"));
        expect_json(a, json_get(flat, "status"), json_path(record, "v2beta1.status"));
        arena_free(a);
    }
    assert_int_equal(lines, 5);
}

static void converts_as_upstream(void **state)
{
    (void)state;
    with_schemas(convert_all);
}

static void validate_all(struct schema *newest, struct schema *all)
{
    (void)all;
    struct str rest = validations();
    while (rest.p && rest.n) {
        struct arena *a = arena_new();
        struct json *record = json_parse(a, str_token(&rest, '\n'), NULL), *obj = json_get(record, "in");
        struct gvk v2 = { STR("autoscaling"), STR("v2"), STR("HorizontalPodAutoscaler") };
        struct field_errors errors = { .a = a };
        schema_default(newest, a, &v2, obj);
        schema_validate(newest, a, &v2, obj, NULL, &errors);
        struct err err = { 0 };
        if (errors.n)
            err_invalid(&err, v2.group, v2.kind, STR("a"), &errors);
        const char *got = errors.n ? strstr(err.msg, "is invalid: ") + 12 : "";
        assert_string_equal(got, arena_cstr(a, json_get_str(record, "aggregate")));
        err_clear(&err);
        arena_free(a);
    }
}

static void validates_as_upstream(void **state)
{
    (void)state;
    with_schemas(validate_all);
}

static void defaults_behavior(void **state)
{
    (void)state;
    struct schema *s = schema_new(20, true);
    struct arena *a = arena_new();
    struct gvk gvk = { STR("autoscaling"), STR("v2beta2"), STR("HorizontalPodAutoscaler") };
    struct json *obj = json_buildf(a, "{'spec': {'maxReplicas': 3, 'behavior': {'scaleDown': {'stabilizationWindowSeconds': 60}}}}");
    schema_default(s, a, &gvk, obj);
    assert_string_equal(arena_cstr(a, json_text(a, json_get(obj, "spec"))),
        "{\"scaleTargetRef\":{\"kind\":\"\",\"name\":\"\"},\"minReplicas\":1,\"maxReplicas\":3,\"metrics\":[{\"type\":\"Resource\","
        "\"resource\":{\"name\":\"cpu\","
        "\"target\":{\"type\":\"Utilization\",\"averageUtilization\":80}}}],"
        "\"behavior\":{\"scaleUp\":{\"stabilizationWindowSeconds\":0,\"selectPolicy\":\"Max\","
        "\"policies\":[{\"type\":\"Pods\",\"value\":4,\"periodSeconds\":15},{\"type\":\"Percent\",\"value\":100,"
        "\"periodSeconds\":15}]},\"scaleDown\":"
        "{\"stabilizationWindowSeconds\":60,\"selectPolicy\":\"Max\",\"policies\":[{\"type\":\"Percent\",\"value\":100,"
        "\"periodSeconds\":15}]}}}");
    arena_free(a);
    schema_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(converts_as_upstream), cmocka_unit_test(validates_as_upstream),
                                        cmocka_unit_test(defaults_behavior) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
