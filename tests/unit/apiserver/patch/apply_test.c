/* Who owns what: updates and server-side apply on the real types, step by step. */
#include "apiserver/patch/patch.h"

#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#define T0 (INT64_C(1600000000) * (int64_t)NS_PER_S)             /* 2020-09-13T12:26:40Z */
static const struct gvk deployment = { { "apps", 4 }, { "v1", 2 }, { "Deployment", 10 } };
static const struct gvk config_map = { { NULL, 0 }, { "v1", 2 }, { "ConfigMap", 9 } };

struct world {
    struct arena  *a;
    struct schema *s;
    struct err     err;
};

static struct json *parse(struct world *w, const char *text)
{
    char *t = arena_strdup(w->a, text);
    for (char *p = t; *p; p++)
        if (*p == '\'')
            *p = '"';
    struct err err = { 0 };
    struct json *j = json_parse(w->a, str_c(t), &err);
    if (!j)
        fail_msg("%s in %s", err.msg, t);
    return j;
}

static struct world world_new(int minor)
{
    return (struct world){ arena_new(), schema_new(minor, false), { 0 } };
}

static void world_free(struct world *w)
{
    err_clear(&w->err);
    schema_free(w->s);
    arena_free(w->a);
}

static struct str fields_of(struct world *w, const struct json *obj, size_t i)
{
    return json_text(w->a, json_get(json_at(json_path(obj, "metadata.managedFields"), i), "fieldsV1"));
}

static void expect(struct world *w, struct str got, const char *want)
{
    struct str text = json_text(w->a, parse(w, want));
    if (!str_eq(got, text))
        fail_msg("\n got " STR_FMT "\nwant " STR_FMT, STR_ARG(got), STR_ARG(text));
}

/* What a v1.20 server writes for `kubectl create deployment nginx --image=nginx`. */
static void create_deployment(void **state)
{
    (void)state;
    struct world w = world_new(20);
    struct json *d = parse(&w,
                           "{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'nginx','namespace':'default','uid':'u',"
                           "'generation':1,'creationTimestamp':'2020-09-13T12:26:40Z',"
        "'labels':{'app':'nginx'}},'spec':{'replicas':1,'selector':{'matchLabels':{'app':'nginx'}},"
        "'template':{'metadata':{'creationTimestamp':null,'labels':{'app':'nginx'}},'spec':{'containers':["
        "{'name':'nginx','image':'nginx','resources':{},'terminationMessagePath':'/dev/termination-log',"
        "'terminationMessagePolicy':'File','imagePullPolicy':'Always','ports':[{'containerPort':80,'protocol':'TCP'}]}],"
        "'restartPolicy':'Always','terminationGracePeriodSeconds':30,'dnsPolicy':'ClusterFirst','securityContext':{},"
        "'schedulerName':'default-scheduler'}},"
        "'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxUnavailable':'25%','maxSurge':'25%'}},'revisionHistoryLimit':10,"
        "'progressDeadlineSeconds':600},'status':{}}");
    managed_fields_update(w.a, w.s, &deployment, NULL, d, STR("kubectl-create"), NULL, T0);
    expect(&w, fields_of(&w, d, 0),
           "{'f:metadata':{'f:labels':{'.':{},'f:app':{}}},'f:spec':{'f:progressDeadlineSeconds':{},'f:replicas':{},"
           "'f:revisionHistoryLimit':{},'f:selector':{},"
        "'f:strategy':{'f:rollingUpdate':{'.':{},'f:maxSurge':{},'f:maxUnavailable':{}},'f:type':{}},"
        "'f:template':{'f:metadata':{'f:labels':{'.':{},'f:app':{}}},'f:spec':{'f:containers':{"
        "'k:{\\'name\\':\\'nginx\\'}':{'.':{},'f:image':{},'f:imagePullPolicy':{},'f:name':{},'f:ports':{'.':{},"
        "'k:{\\'containerPort\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:containerPort':{},'f:protocol':{}}},"
        "'f:resources':{},'f:terminationMessagePath':{},'f:terminationMessagePolicy':{}}},'f:dnsPolicy':{},'f:restartPolicy':{},"
        "'f:schedulerName':{},'f:securityContext':{},"
        "'f:terminationGracePeriodSeconds':{}}}}}");
    const struct json *e = json_at(json_path(d, "metadata.managedFields"), 0);
    assert_true(str_eqc(json_get_str(e, "manager"), "kubectl-create"));
    assert_true(str_eqc(json_get_str(e, "time"), "2020-09-13T12:26:40Z"));
    assert_true(str_eqc(json_get_str(e, "apiVersion"), "apps/v1"));
    world_free(&w);
}

static void updates(void **state)
{
    (void)state;
    struct world w = world_new(20);
    struct json *a = parse(&w, "{'metadata':{'name':'c'},'data':{'x':'1','y':'2'}}"), *b, *c;
    managed_fields_update(w.a, w.s, &config_map, NULL, a, STR("one"), NULL, T0);
    /* a client that sends no managedFields */
    b = parse(&w, "{'metadata':{'name':'c'},'data':{'x':'9','z':'3'}}");
    managed_fields_update(w.a, w.s, &config_map, a, b, STR("two"), NULL, T0 + 1000000000);
    expect(&w, fields_of(&w, b, 0), "{'f:data':{}}");
    expect(&w, fields_of(&w, b, 1), "{'f:data':{'f:x':{},'f:z':{}}}");
    c = json_copy(w.a, b);
    managed_fields_update(w.a, w.s, &config_map, b, c, STR("two"), NULL, T0 + 2000000000);     /* nothing changed: not even the time */
    assert_true(json_equal(b, c));
    c = parse(&w, "{'metadata':{'name':'c','managedFields':[{}]},'data':{'x':'9'}}");           /* a reset */
    managed_fields_update(w.a, w.s, &config_map, b, c, STR("two"), NULL, T0);
    assert_null(json_path(c, "metadata.managedFields"));
    a = parse(&w, "{'metadata':{'name':'c'},'data':{'x':'8'}}");                                /* untracked stays untracked */
    managed_fields_update(w.a, w.s, &config_map, c, a, STR("two"), NULL, T0);
    assert_null(json_path(a, "metadata.managedFields"));
    world_free(&w);
}

static void old_versions(void **state)
{
    (void)state;
    struct world w = world_new(16);
    struct json *a = parse(&w, "{'metadata':{'name':'c'},'data':{'x':'1'}}");
    managed_fields_update(w.a, w.s, &config_map, NULL, a, STR("one"), NULL, T0);
    assert_null(json_path(a, "metadata.managedFields"));
    struct json *b = patch_apply(w.a, w.s, &config_map, a, parse(&w, "{'metadata':{'name':'c'},'data':{'y':'2'}}"), STR("me"),
                                 false, T0, &w.err);
    assert_non_null(b);
    assert_int_equal(json_len(json_path(b, "metadata.managedFields")), 2);
    expect(&w, fields_of(&w, b, 0), "{'f:data':{'f:y':{}}}");
    expect(&w, fields_of(&w, b, 1), "{'f:data':{'.':{},'f:x':{}}}");
    assert_true(str_eqc(json_get_str(json_at(json_path(b, "metadata.managedFields"), 1), "manager"), "before-first-apply"));
    world_free(&w);
}

static void cap(void **state)
{
    (void)state;
    struct world w = world_new(20);
    struct json *old = NULL;
    for (int i = 0; i < 14; i++) {
        struct json *next = old ? json_copy(w.a, old) : parse(&w, "{'metadata':{'name':'c'},'data':{}}");
        json_set_strc(w.a, json_get(next, "data"), arena_printf(w.a, "k%02d", i), "v");
        managed_fields_update(w.a, w.s, &config_map, old, next, arena_strf(w.a, "m%02d", i), NULL, T0 + i * 1000000000ll);
        old = next;
    }
    const struct json *list = json_path(old, "metadata.managedFields");
    assert_int_equal(json_len(list), 10);
    assert_true(str_eqc(json_get_str(json_at(list, 0), "manager"), "ancient-changes"));
    expect(&w, fields_of(&w, old, 0), "{'f:data':{'.':{},'f:k00':{},'f:k01':{},'f:k02':{},'f:k03':{},'f:k04':{}}}");
    world_free(&w);
}

#define DEPLOY(spec) "{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'d'},'spec':{" spec "}}"
#define TEMPLATE(containers) "'template':{'spec':{'containers':[" containers "]}}"

static void apply(void **state)
{
    (void)state;
    struct world w = world_new(20);
    struct json *first = patch_apply(w.a, w.s, &deployment, NULL,
                                     parse(&w, DEPLOY("'replicas':1," TEMPLATE("{'name':'a','image':'i:1','env':[{'name':'E',"
                                                                               "'value':'1'}]},{'name':'b','image':'j'}"))),
                                     STR("me"), false, T0, &w.err);
    assert_non_null(first);
    expect(&w, fields_of(&w, first, 0),
           "{'f:spec':{'f:replicas':{},'f:template':{'f:spec':{'f:containers':{'k:{\\'name\\':\\'a\\'}':{'.':{},"
           "'f:env':{'k:{\\'name\\':\\'E\\'}':{'.':{},'f:name':{},'f:value':{}}},"
        "'f:image':{},'f:name':{}},'k:{\\'name\\':\\'b\\'}':{'.':{},'f:image':{},'f:name':{}}}}}}}");
    struct json *same = patch_apply(w.a, w.s, &deployment, first,
                                    parse(&w, DEPLOY("'replicas':1," TEMPLATE("{'name':'a','image':'i:1','env':[{'name':'E',"
                                                                              "'value':'1'}]},{'name':'b','image':'j'}"))),
                                    STR("me"), false, T0 + 5000000000, &w.err);
    assert_true(json_equal(same, first));
    /* What is no longer applied goes: an env entry, a container, the replicas. */
    struct json *second = patch_apply(w.a, w.s, &deployment, first, parse(&w, DEPLOY(TEMPLATE("{'name':'a','image':'i:2'}"))),
                                      STR("me"), false, T0, &w.err);
    expect(&w, json_text(w.a, json_get(second, "spec")), "{" TEMPLATE("{'name':'a','image':'i:2'}") "}");
    /* Somebody else changes the image; taking it back is a conflict, unless forced. */
    struct json *other = json_copy(w.a, second);
    json_set_strc(w.a, json_at(json_path(other, "spec.template.spec.containers"), 0), "image", "i:3");
    managed_fields_update(w.a, w.s, &deployment, second, other, STR("kubectl-set"), NULL, T0);
    struct json *again = parse(&w, DEPLOY(TEMPLATE("{'name':'a','image':'i:4'}")));
    assert_null(patch_apply(w.a, w.s, &deployment, other, again, STR("me"), false, T0, &w.err));
    assert_int_equal(w.err.code, ERR_CONFLICT);
    assert_string_equal(w.err.msg,
                        "Apply failed with 1 conflict: conflict with \"kubectl-set\" using apps/v1: "
                        ".spec.template.spec.containers[name=\"a\"].image");
    assert_non_null(strstr(w.err.details,
                           "{\"reason\":\"FieldManagerConflict\",\"message\":\"conflict with \\\"kubectl-set\\\" using apps/v1\","
                           "\"field\":\".spec.template.spec.containers[name=\\\"a\\\"].image\"}"));
    struct json *forced = patch_apply(w.a, w.s, &deployment, other, again, STR("me"), true, T0, &w.err);
    assert_non_null(forced);
    assert_int_equal(json_len(json_path(forced, "metadata.managedFields")), 1);
    /* The same value is shared, not fought over; then it stays when one of the two lets go. */
    struct json *shared = patch_apply(w.a, w.s, &deployment, forced, parse(&w, DEPLOY(TEMPLATE("{'name':'a','image':'i:4'}"))),
                                      STR("you"), false, T0, &w.err);
    assert_int_equal(json_len(json_path(shared, "metadata.managedFields")), 2);
    struct json *left = patch_apply(w.a, w.s, &deployment, shared, parse(&w, DEPLOY("'paused':true")), STR("me"), false, T0, &w.err);
    expect(&w, json_text(w.a, json_get(left, "spec")), "{" TEMPLATE("{'name':'a','image':'i:4'}") ",'paused':true}");
    world_free(&w);
}

static void two_conflicts(void **state)
{
    (void)state;
    struct world w = world_new(20);
    struct json *a = parse(&w, "{'metadata':{'name':'c'},'data':{'x':'1','y':'2'}}");
    managed_fields_update(w.a, w.s, &config_map, NULL, a, STR("one"), NULL, T0);
    assert_null(patch_apply(w.a, w.s, &config_map, a, parse(&w, "{'metadata':{'name':'c'},'data':{'x':'5','y':'6'}}"), STR("me"),
                            false, T0, &w.err));
    assert_string_equal(w.err.msg, "Apply failed with 2 conflicts: conflicts with \"one\" using v1:\n- .data.x\n- .data.y");
    err_clear(&w.err);
    assert_null(patch_apply(w.a, w.s, &config_map, a, parse(&w, "{'metadata':{'managedFields':[{}]}}"), STR("me"), false, T0, &w.err));
    assert_string_equal(w.err.msg, "metadata.managedFields must be nil");
    world_free(&w);
}

/* A label on a pod with thousands of variables: neither list is searched once for each of its items. */
static void long_list(void **state)
{
    (void)state;
    struct world w = world_new(20);
    static const struct gvk pod = { { NULL, 0 }, { "v1", 2 }, { "Pod", 3 } };
    struct json *old = parse(&w, "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','env':[]}]}}");
    struct json *env = json_get(json_first(json_path(old, "spec.containers")), "env");
    for (int i = 0; i < 8000; i++) {
        struct json *one = json_new_object(w.a);
        json_set_str(w.a, one, "name", arena_strf(w.a, "V%d", i));
        json_set_strc(w.a, one, "value", "x");
        json_append(env, one);
    }
    managed_fields_update(w.a, w.s, &pod, NULL, old, STR("one"), NULL, T0);
    struct str before = fields_of(&w, old, 0);
    struct json *now = json_copy(w.a, old);
    json_set(w.a, json_get(now, "metadata"), "labels", parse(&w, "{'a':'b'}"));
    json_set_strc(w.a, json_at(json_get(json_first(json_path(now, "spec.containers")), "env"), 7999), "value", "y");
    managed_fields_update(w.a, w.s, &pod, old, now, STR("two"), NULL, T0 + NS_PER_S);
    assert_int_equal(json_len(json_path(now, "metadata.managedFields")), 2);
    assert_true(fields_of(&w, now, 0).n < before.n);             /* the last one's value changed hands */
    expect(&w, fields_of(&w, now, 1),
           "{'f:metadata':{'f:labels':{'.':{},'f:a':{}}},"
           "'f:spec':{'f:containers':{'k:{\\'name\\':\\'c\\'}':{'f:env':{'k:{\\'name\\':\\'V7999\\'}':{'f:value':{}}}}}}}");
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(create_deployment), cmocka_unit_test(updates), cmocka_unit_test(old_versions),
                                        cmocka_unit_test(cap),               cmocka_unit_test(apply),
                                        cmocka_unit_test(two_conflicts),     cmocka_unit_test(long_list) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
