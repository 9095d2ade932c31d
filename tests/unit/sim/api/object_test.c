/* tests/unit/sim/api/object_test.c - objects, metadata, conditions, names, Status. */
#include "sim/api/api.h"

#include <setjmp.h>
#include <cmocka.h>

static void test_object(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct object *o = object_new(STR("{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"12\"}}"));
    assert_true(str_eqc(meta_name(object_json(o)), "x"));
    assert_ptr_equal(object_json(o), object_json(o));
    object_forget_tree(o);
    assert_int_equal(meta_rv(object_json(o)), 12);
    object_ref(o);
    object_unref(o);
    struct object *p = object_from_json(object_json(o));
    assert_true(str_eq(o->bytes, p->bytes));
    object_unref(p);
    object_unref(o);
    object_unref(NULL);
    p = object_new(STR("{"));
    assert_null(object_json(p));
    assert_true(meta_name(object_json(p)).n == 0);
    object_unref(p);
    arena_free(a);
}

static void test_meta(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json *pod = json_parse(a,
                                  STR("{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"default\",\"uid\":\"u1\","
                                      "\"labels\":{\"app.io/x\":\"y\"},"
        "\"annotations\":{\"n\":\"1\"},\"creationTimestamp\":\"2020-01-24T23:49:33Z\",\"ownerReferences\":[{\"uid\":\"o0\"},"
        "{\"uid\":\"o1\",\"controller\":true}]},\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\","
        "\"status\":\"True\"}]}}"), NULL);
    assert_true(str_eqc(meta_key(a, pod), "default/web-1"));
    assert_true(str_eqc(meta_label(pod, "app.io/x"), "y") && str_eqc(meta_annotation(pod, "n"), "1"));
    int64_t created;
    assert_true(meta_created_ns(pod, &created));
    assert_int_equal(created, 1579909773ll * 1000000000);
    assert_true(meta_owned_by(pod, STR("o1")));
    assert_false(meta_owned_by(pod, STR("o0")) || meta_owned_by(pod, STR("")) || meta_deleting(pod));
    assert_true(pod_is_ready(pod) && pod_is_active(pod));
    json_set_strc(a, json_get(pod, "metadata"), "deletionTimestamp", "2020-01-24T23:49:33Z");
    assert_true(meta_deleting(pod) && !pod_is_active(pod));
    assert_true(meta_name(NULL).n == 0 && !meta_labels(NULL) && !meta_controller(NULL) && meta_rv(NULL) == 0);
    assert_true(str_eqc(json_text(a, meta_owner_ref(a, "apps/v1", "ReplicaSet", STR("r"), STR("u"))),
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"r\",\"uid\":\"u\",\"controller\":true,"
        "\"blockOwnerDeletion\":true}"));
    struct gvk gvk;
    gvk_parse(STR("apps/v1"), STR("Deployment"), &gvk);
    assert_true(str_eqc(gvk.group, "apps") && str_eqc(gvk.version, "v1") && str_eqc(gvk.kind, "Deployment"));
    gvk_parse(STR("v1"), STR("Pod"), &gvk);
    assert_true(gvk.group.n == 0 && str_eqc(gvk.version, "v1"));
    assert_true(str_eqc(gvk_api_version(a, STR("apps"), STR("v1")), "apps/v1") &&
                str_eqc(gvk_api_version(a, STR(""), STR("v1")), "v1"));
    arena_free(a);
}

static void test_conditions(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json *c = json_new_array(a);
    int64_t t0 = 1579909773ll * 1000000000, t1 = t0 + 5000000000ll;
    assert_true(condition_set(a, c, "Ready", "False", "Wait", NULL, t0));
    assert_true(condition_set(a, c, "Other", "True", NULL, "", t0));
    assert_false(condition_set(a, c, "Ready", "False", "Wait", "", t1));
    assert_true(condition_set(a, c, "Ready", "False", "Wait", "longer", t1));
    assert_true(str_eqc(json_text(a, c),
        "[{\"type\":\"Ready\",\"status\":\"False\",\"lastTransitionTime\":\"2020-01-24T23:49:33Z\",\"reason\":\"Wait\","
        "\"message\":\"longer\"},"
        "{\"type\":\"Other\",\"status\":\"True\",\"lastTransitionTime\":\"2020-01-24T23:49:33Z\"}]"));
    assert_true(condition_set_ext(a, c, "Ready", "True", NULL, NULL, t1, "lastProbeTime", -1));
    assert_true(str_eqc(json_text(a, json_at(c, 0)),
        "{\"type\":\"Ready\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":\"2020-01-24T23:49:38Z\"}"));
    assert_null(condition_find(c, "None"));
    assert_null(condition_find(NULL, "None"));
    arena_free(a);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(name_is_dns1123_label(STR("a-1")) && name_is_dns1123_label(STR("1a")));
    assert_false(name_is_dns1123_label(STR("-a")) || name_is_dns1123_label(STR("a.b")) || name_is_dns1123_label(STR("A")));
    assert_true(name_is_dns1123_subdomain(STR("a.b-c.1")));
    assert_false(name_is_dns1123_subdomain(STR("a..b")) || name_is_dns1123_subdomain(STR("a.")) || name_is_dns1123_subdomain(STR("")));
    assert_true(name_is_dns1035_label(STR("a1")));
    assert_false(name_is_dns1035_label(STR("1a")) || name_is_dns1035_label(STR("")));
    assert_true(name_is_qualified(STR("app.kubernetes.io/name")) && name_is_qualified(STR("a_B.c")));
    assert_false(name_is_qualified(STR("/a")) || name_is_qualified(STR("a/b/c")) || name_is_qualified(STR("a/")) ||
                 name_is_qualified(STR("")));
    assert_true(label_value_valid(STR("")) && label_value_valid(STR("v1.2_x")));
    assert_false(label_value_valid(STR("a b")) || label_value_valid(STR("-")));
    struct arena *a = arena_new();
    struct rng r;
    uint8_t seed[32] = { 1 };
    rng_init_seed(&r, seed, "names");
    struct str name = name_generate(a, &r, STR("web-"));
    assert_true(name.n == 9 && str_starts(name, "web-") && name_is_dns1123_label(name));
    char base[100];
    memset(base, 'a', sizeof base);
    assert_int_equal(name_generate(a, &r, (struct str){ base, sizeof base }).n, 63);
    arena_free(a);
}

static void test_errors(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct err err = { 0 };
    assert_false(err_not_found(&err, STR("apps"), STR("deployments"), STR("x")));
    assert_string_equal(arena_cstr(a, status_text(a, &err)),
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"deployments.apps "
        "\\\"x\\\" not found\","
        "\"reason\":\"NotFound\",\"details\":{\"name\":\"x\",\"group\":\"apps\",\"kind\":\"deployments\"},\"code\":404}");
    err_already_exists(&err, STR(""), STR("pods"), STR("p"));
    assert_string_equal(err.msg, "pods \"p\" already exists");
    assert_string_equal(err.details, "{\"name\":\"p\",\"kind\":\"pods\"}");
    err_object_modified(&err, STR("apps"), STR("replicasets"), STR("r"));
    assert_string_equal(err.msg,
                        "Operation cannot be fulfilled on replicasets.apps \"r\": the object has been modified; please apply your "
                                 "changes to the latest version and try again");
    assert_int_equal(err.code, ERR_CONFLICT);
    err_set(&err, ERR_IO, "disk");
    assert_string_equal(arena_cstr(a, status_text(a, &err)),
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"disk\",\"code\":500}");
    assert_string_equal(arena_cstr(a, status_text(a, NULL)),
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\"}");
    err_clear(&err);
    arena_free(a);
}

static void test_status_to_err(void **state)
{
    (void)state;
    static const struct { int http; const char *body, *what; enum err_code code; const char *msg, *details; } cases[] = {
        { 404, "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"pods \\\"x\\\" not found\",\"reason\":\"NotFound\","
               "\"details\":"
               "{\"name\":\"x\",\"kind\":\"pods\"},\"code\":404}", "get pods x", ERR_NOT_FOUND, "pods \"x\" not found",
               "{\"name\":\"x\",\"kind\":\"pods\"}" },
        { 410, "{\"kind\":\"Status\",\"message\":\"too old resource version: 1 (5)\",\"reason\":\"Expired\",\"code\":410}", "",
          ERR_EXPIRED,
          "too old resource version: 1 (5)", NULL },
        { 503, "service unavailable\n", "get nodes.metrics.k8s.io", ERR_UNAVAILABLE,
          "the server is currently unable to handle the request (get nodes.metrics.k8s.io)",
          "{\"group\":\"metrics.k8s.io\",\"kind\":\"nodes\",\"causes\":[{\"reason\":\"UnexpectedServerResponse\","
          "\"message\":\"service unavailable\"}]}" },
        { 404, "404 page not found\n", "get nodes.metrics.k8s.io ubuntu", ERR_NOT_FOUND,
          "the server could not find the requested resource (get nodes.metrics.k8s.io ubuntu)",
          "{\"name\":\"ubuntu\",\"group\":\"metrics.k8s.io\",\"kind\":\"nodes\",\"causes\":[{\"reason\":\"UnexpectedServerResponse\","
          "\"message\":\"404 page not found\"}]}" },
        { 404, "", NULL, ERR_NOT_FOUND, "the server could not find the requested resource",
          "{\"causes\":[{\"reason\":\"UnexpectedServerResponse\",\"message\":\"\"}]}" },
        { 401, "Unauthorized", "get pods", ERR_UNAUTHORIZED, "the server has asked for the client to provide credentials (get pods)",
          "{\"kind\":\"pods\",\"causes\":[{\"reason\":\"UnexpectedServerResponse\",\"message\":\"Unauthorized\"}]}" },
        { 403, "Forbidden: no\n", "get pods", ERR_FORBIDDEN, "Forbidden: no (get pods)",
          "{\"kind\":\"pods\",\"causes\":[{\"reason\":\"UnexpectedServerResponse\",\"message\":\"Forbidden: no\"}]}" },
        { 409, "x", "post pods", ERR_ALREADY_EXISTS, "the server reported a conflict (post pods)",
          "{\"kind\":\"pods\",\"causes\":[{\"reason\":\"UnexpectedServerResponse\",\"message\":\"x\"}]}" },
        { 502, "bad \"gate\"\n", "", ERR_INTERNAL,
          "an error on the server (\"bad \\\"gate\\\"\") has prevented the request from succeeding",
          "{\"causes\":[{\"reason\":\"UnexpectedServerResponse\",\"message\":\"bad \\\"gate\\\"\"}]}" },
        { 418, "{\"tea\":1}", "", ERR_BAD_REQUEST, "the server responded with the status code 418 but did not return more information",
          "{\"causes\":[{\"reason\":\"UnexpectedServerResponse\",\"message\":\"unknown\"}]}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        status_to_err(cases[i].http, str_c(cases[i].body), cases[i].what, &err);
        assert_string_equal(err.msg, cases[i].msg);
        assert_int_equal(err.code, cases[i].code);
        if (cases[i].details)
            assert_string_equal(err.details, cases[i].details);
        else
            assert_null(err.details);
        err_clear(&err);
    }
    status_to_err(500, STR("x"), "", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_object), cmocka_unit_test(test_meta),   cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_names),  cmocka_unit_test(test_errors), cmocka_unit_test(test_status_to_err),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
