/* The documents that clients read, and bodies that clients sent. The hex below is what kubectl 1.33.1 sent for `create deployment
 * web --image=nginx --port=80`, `create configmap c --from-literal=a=b`, `create secret generic s --from-literal=a=b`, `create
 * service nodeport n --tcp=80:8080` and `create clusterrole r --verb=get --resource=pods`.
 */
#include "apiserver/openapi/openapi.h"
#include "apiserver/openapi/wire.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const char deployment_hex[] =
    "6b3873000a150a07617070732f7631120a4465706c6f796d656e7412b8010a1f0a0377656212001a0022002a003200380042005a0a0a036170701203"
    "7765621286010801120c0a0a0a0361707012037765621a6c0a1c0a0012001a0022002a003200380042005a0a0a036170701203776562124c122e0a05"
    "6e67696e7812056e67696e782a00320a0a001000185022002a0042006a007200800100880100900100a201001a00320042004a005200580060006800"
    "8201008a01009a0100c2010022020a00280038001a0c0800100018002000280038001a002200";
static const char config_map_hex[] =
    "6b3873000a0f0a0276311209436f6e6669674d6170121b0a110a016312001a0022002a0032003800420012060a01611201621a002200";
static const char secret_hex[] =
    "6b3873000a0c0a0276311206536563726574121d0a110a017312001a0022002a0032003800420012060a01611201621a001a002200";
static const char service_hex[] =
    "6b3873000a0d0a02763112075365727669636512620a1b0a016e12001a0022002a003200380042005a080a0361707012016e123f0a1b0a0738302d38"
    "303830120354435018502207080010903f1a00280012080a0361707012016e1a0022084e6f6465506f72743a00420052005a00600068001a020a001a"
    "002200";
static const char cluster_role_hex[] =
    "6b3873000a2b0a1c726261632e617574686f72697a6174696f6e2e6b38732e696f2f7631120b436c7573746572526f6c6512220a110a017212001a00"
    "22002a00320038004200120d0a0367657412001a04706f64731a002200";

static const struct openapi_resource resources[] = {
    { "", "v1", "pods", "Pod", "create,delete,deletecollection,get,list,patch,update,watch", NULL, NULL, true },
    { "", "v1", "pods/status", "Pod", "get,patch,update", NULL, NULL, true },
    { "", "v1", "namespaces", "Namespace", "create,delete,get,list,patch,update,watch", NULL, NULL, false },
    { "apps", "v1", "deployments", "Deployment", "create,delete,deletecollection,get,list,patch,update,watch", NULL, NULL, true },
    { "apps", "v1", "deployments/scale", "Scale", "get,patch,update", "autoscaling", "v1", true },
};

static struct str unhex(struct arena *a, const char *hex)
{
    struct str s;
    assert_true(hex_decode(a, str_c(hex), &s));
    return s;
}

static struct str quoted(struct arena *a, const char *s)
{
    char *t = arena_strdup(a, s);
    for (char *p = t; *p; p++)
        if (*p == '\'')
            *p = '"';
    return str_c(t);
}

static void decode_case(const char *hex, const char *want)
{
    struct arena *a = arena_new();
    struct schema *s = schema_new(20, false);
    struct err err = { 0 };
    struct gvk gvk;
    struct json *got = protobuf_decode(s, a, unhex(a, hex), &gvk, &err);
    if (!got)
        fail_msg("%s", err.msg);
    struct json *expected = json_parse(a, quoted(a, want), NULL);
    assert_non_null(expected);
    if (!json_equal(got, expected))
        fail_msg(STR_FMT, STR_ARG(json_text(a, got)));
    schema_free(s);
    arena_free(a);
}

static void decode(void **state)
{
    (void)state;
    decode_case(deployment_hex,
                "{'kind':'Deployment','apiVersion':'apps/v1','metadata':{'name':'web','labels':{'app':'web'}},'spec':{'replicas':1,"
                "'selector':{'matchLabels':{'app':'web'}},"
                "'template':{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'nginx','image':'nginx',"
                "'ports':[{'containerPort':80}],'resources':{}}]}},"
                "'strategy':{}},'status':{}}");
    decode_case(config_map_hex, "{'kind':'ConfigMap','apiVersion':'v1','metadata':{'name':'c'},'data':{'a':'b'}}");
    decode_case(secret_hex, "{'kind':'Secret','apiVersion':'v1','metadata':{'name':'s'},'data':{'a':'Yg=='}}");
    decode_case(service_hex,
                "{'kind':'Service','apiVersion':'v1','metadata':{'name':'n','labels':{'app':'n'}},"
                "'spec':{'ports':[{'name':'80-8080','protocol':'TCP','port':80,'targetPort':8080}],"
                "'selector':{'app':'n'},'type':'NodePort'},'status':{'loadBalancer':{}}}");
    decode_case(cluster_role_hex,
                "{'kind':'ClusterRole','apiVersion':'rbac.authorization.k8s.io/v1','metadata':{'name':'r'},"
                "'rules':[{'verbs':['get'],'apiGroups':[''],'resources':['pods']}]}");
}

/* No prefix of a body is read as a whole one, or past its end. */
static void decode_truncated(void **state)
{
    (void)state;
    struct schema *s = schema_new(20, false);
    struct arena *a = arena_new();
    struct str whole = unhex(a, deployment_hex);
    for (size_t n = 0; n < whole.n; n++) {
        struct arena *b = arena_new();
        char *copy = xmalloc(n + 1);                 /* of just that size, for the sanitizer's sake */
        memcpy(copy, whole.p, n);
        struct err err = { 0 };
        struct gvk gvk;
        struct json *got = protobuf_decode(s, b, (struct str){ copy, n }, &gvk, &err);
        if (!got)
            assert_true(err.code == ERR_BAD_REQUEST || err.code == ERR_UNSUPPORTED_MEDIA_TYPE);
        err_clear(&err);
        free(copy);
        arena_free(b);
    }
    arena_free(a);
    schema_free(s);
}

static void decode_refused(void **state)
{
    (void)state;
    static const struct { const char *hex; enum err_code code; } cases[] = {
        { "7b7d", ERR_BAD_REQUEST },                                             /* {} */
        { "6b387300", ERR_UNSUPPORTED_MEDIA_TYPE },                              /* no kind */
        { "6b3873000a060a02763112005800", ERR_UNSUPPORTED_MEDIA_TYPE },
        { "6b387300ffffffffffffffffffff01", ERR_BAD_REQUEST },                   /* a varint without end */
        { "6b3873000a0f0a0276311209436f6e6669674d61701202ff01", ERR_BAD_REQUEST },
        { "6b3873000a0f0a0276311209436f6e6669674d617012040a020801", ERR_BAD_REQUEST },   /* metadata.name is a number */
    };
    struct schema *s = schema_new(16, false);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        struct gvk gvk;
        if (protobuf_decode(s, a, unhex(a, cases[i].hex), &gvk, &err) || err.code != cases[i].code)
            fail_msg("case %zu: %d %s", i, (int)err.code, err.msg);
        err_clear(&err);
        arena_free(a);
    }
    schema_free(s);
}

static void v2_json(void **state)
{
    (void)state;
    for (int minor = 16; minor <= 34; minor += minor == 16 ? 4 : 14) {
        struct schema *s = schema_new(minor, true);
        struct arena *a = arena_new();
        struct strbuf b;
        strbuf_init(&b, LIMIT_RESPONSE_BYTES);
        openapi_v2_json(s, resources, ARRAY_LEN(resources), &b);
        struct json *d = json_parse(a, strbuf_str(&b), NULL);
        assert_non_null(d);
        assert_int_equal(json_len(json_get(d, "paths")), 10);
        const struct json *op = json_get(json_get(json_get(d, "paths"),
                                                  "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"), "patch");
        assert_true(str_eqc(json_path_str(op, "x-kubernetes-group-version-kind.kind"), "Scale"));
        assert_true(str_eqc(json_path_str(op, "x-kubernetes-group-version-kind.group"), "autoscaling"));
        const struct json *defs = json_get(d, "definitions");
        const struct json *spec = json_path(json_get(defs, "io.k8s.api.core.v1.PodSpec"), "properties.containers");
        assert_true(str_eqc(json_get_str(spec, "x-kubernetes-patch-merge-key"), "name"));
        assert_true(str_eqc(json_get_str(spec, "x-kubernetes-patch-strategy"), "merge"));
        assert_true(str_eqc(json_path_str(spec, "items.$ref"), "#/definitions/io.k8s.api.core.v1.Container"));
        const struct json *gvks = json_get(json_get(defs, "io.k8s.api.apps.v1.Deployment"), "x-kubernetes-group-version-kind");
        assert_true(str_eqc(json_get_str(json_at(gvks, 0), "group"), "apps"));
        strbuf_deinit(&b);
        arena_free(a);
        schema_free(s);
    }
}

static struct str member(struct str message, unsigned number)
{
    struct wire_field f;
    bool bad = false;
    struct str found = STR_NULL;
    while (wire_next(&message, &f, &bad))
        if (f.number == number && !found.p)
            found = f.bytes;
    assert_false(bad);
    return found;
}

/* PathItem of a path, Schema of a definition: by name in a list of {name, value}. */
static struct str named(struct str list, unsigned number, const char *name)
{
    struct wire_field f;
    bool bad = false;
    while (wire_next(&list, &f, &bad))
        if (f.number == number && str_eqc(member(f.bytes, 1), name))
            return member(f.bytes, 2);
    fail_msg("%s is not there", name);
    return STR_NULL;
}

static void v2_protobuf(void **state)
{
    (void)state;
    struct schema *s = schema_new(20, false);
    struct strbuf b;
    strbuf_init(&b, LIMIT_RESPONSE_BYTES);
    openapi_v2_protobuf(s, resources, ARRAY_LEN(resources), &b);
    struct str doc = strbuf_str(&b);
    assert_true(str_eqc(member(doc, 1), "2.0"));
    struct str item = named(member(doc, 8), 2, "/api/v1/namespaces/{name}");
    struct str patch = member(item, 8), rest = patch;
    struct wire_field f;
    bool bad = false, dry_run = false;
    /* parameters, but for the body: Parameter, NonBodyParameter, QueryParameterSubSchema, name */
    while (wire_next(&rest, &f, &bad))
        if (f.number == 8 && member(member(f.bytes, 1), 2).n)
            dry_run |= str_eqc(member(member(member(member(f.bytes, 1), 2), 3), 4), "dryRun");
    assert_true(dry_run);
    struct str gvk = named(patch, 13, "x-kubernetes-group-version-kind");
    assert_true(str_eqc(member(gvk, 2), "{\"group\":\"\",\"kind\":\"Namespace\",\"version\":\"v1\"}"));
    struct str schema = named(member(doc, 9), 1, "io.k8s.api.apps.v1.DeploymentSpec");
    assert_true(str_eqc(member(schema, 19), "selector"));
    struct str strategy = named(member(schema, 25), 1, "strategy");
    assert_true(str_eqc(member(strategy, 1), "#/definitions/io.k8s.api.apps.v1.DeploymentStrategy"));
    assert_true(str_eqc(member(named(strategy, 31, "x-kubernetes-patch-strategy"), 2), "\"retainKeys\""));
    strbuf_deinit(&b);
    schema_free(s);
}

static void v3(void **state)
{
    (void)state;
    struct schema *s = schema_new(16, false);
    struct arena *a = arena_new();
    struct strbuf b;
    strbuf_init(&b, LIMIT_RESPONSE_BYTES);
    openapi_v3_index(s, resources, ARRAY_LEN(resources), &b);
    struct json *paths = json_get(json_parse(a, strbuf_str(&b), NULL), "paths");
    assert_int_equal(json_len(paths), 2);
    assert_true(str_starts(json_get_str(json_get(paths, "apis/apps/v1"), "serverRelativeURL"), "/openapi/v3/apis/apps/v1?hash="));
    strbuf_reset(&b);
    assert_false(openapi_v3_document(s, resources, ARRAY_LEN(resources), STR("batch"), STR("v1"), &b));
    assert_int_equal(b.n, 0);
    assert_true(openapi_v3_document(s, resources, ARRAY_LEN(resources), STR("apps"), STR("v1"), &b));
    struct json *d = json_parse(a, strbuf_str(&b), NULL);
    const struct json *op = json_get(json_get(json_get(d, "paths"), "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"),
                                     "patch");
    bool validation = false;
    for (const struct json *p = json_first(json_get(op, "parameters")); p; p = json_next(p))
        validation |= str_eqc(json_get_str(p, "name"), "fieldValidation") && str_eqc(json_get_str(p, "in"), "query");
    assert_true(validation);
    const struct json *schemas = json_path(d, "components.schemas");
    assert_non_null(json_get(schemas, "io.k8s.api.core.v1.Container"));
    assert_non_null(json_get(schemas, "io.k8s.api.autoscaling.v1.Scale"));
    assert_null(json_get(schemas, "io.k8s.api.core.v1.Node"));
    strbuf_deinit(&b);
    arena_free(a);
    schema_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(decode),  cmocka_unit_test(decode_truncated),
                                        cmocka_unit_test(decode_refused),
                                        cmocka_unit_test(v2_json), cmocka_unit_test(v2_protobuf),      cmocka_unit_test(v3) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
