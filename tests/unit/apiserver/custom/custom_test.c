/* Custom resources, from the definition to the end, in rows of requests. */
#include "tests/unit/apiserver/endpoints/bed.h"

#define J "application/json"
#define MERGE "application/merge-patch+json"
#define TABLE "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
#define CRDS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define CRDS_BETA "/apis/apiextensions.k8s.io/v1beta1/customresourcedefinitions"
#define CTS "/apis/stable.example.com/v1/namespaces/default/crontabs"
#define DEFINITION(spec_schema, more)                                                                                                                     \
    "{\"metadata\":{\"name\":\"crontabs.stable.example.com\"},\"spec\":{\"group\":\"stable.example.com\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"crontabs\","  \
    "\"kind\":\"CronTab\",\"shortNames\":[\"ct\"]},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","  \
    "\"properties\":{\"spec\":" spec_schema ",\"status\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}}}}" more "}]}}"
#define OBJECT(properties) "{\"type\":\"object\",\"properties\":{" properties "}}"
#define CRON                                                                                                                                              \
    OBJECT("\"cron\":{\"type\":\"string\",\"pattern\":\"^(\\\\d+|\\\\*)(/\\\\d+)?( (\\\\d+|\\\\*)(/\\\\d+)?){4}$\"},\"replicas\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":10,"  \
           "\"default\":1},\"color\":{\"type\":\"string\",\"enum\":[\"red\",\"green\"]},\"note\":{\"type\":\"string\",\"nullable\":true},\"size\":{\"x-kubernetes-int-or-string\":true},"  \
           "\"when\":{\"type\":\"string\",\"format\":\"date-time\"},\"tags\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"maxItems\":3,\"items\":{\"type\":\"string\","  \
           "\"maxLength\":3}},\"one\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}},\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}")
#define SUBRESOURCES                                                                                                                                      \
    ",\"subresources\":{\"status\":{},\"scale\":{\"specReplicasPath\":\".spec.replicas\",\"statusReplicasPath\":\".status.replicas\"}},\"additionalPrinterColumns\":["  \
    "{\"name\":\"Cron\",\"type\":\"string\",\"jsonPath\":\".spec.cron\"},{\"name\":\"Replicas\",\"type\":\"integer\",\"jsonPath\":\".spec.replicas\"}]"
#define CT(name, spec) "{\"apiVersion\":\"stable.example.com/v1\",\"kind\":\"CronTab\",\"metadata\":{\"name\":\"" name "\"},\"spec\":{" spec "}}"

static void life(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { "GET", "/apis/stable.example.com", NULL, NULL, NULL, 404, { NULL } },
        { "POST", CRDS, J, NULL, DEFINITION(CRON, SUBRESOURCES), 201,
          { "\"singular\":\"crontab\"", "\"listKind\":\"CronTabList\"", "\"storedVersions\":[\"v1\"]" } },
        { "GET", CRDS "/crontabs.stable.example.com", NULL, NULL, NULL, 200,
          { "\"reason\":\"NoConflicts\"", "\"type\":\"Established\",\"status\":\"True\"",
            "\"acceptedNames\":{\"plural\":\"crontabs\"" } },
        { "GET", "/apis/stable.example.com", NULL, NULL, NULL, 200,
          { "\"preferredVersion\":{\"groupVersion\":\"stable.example.com/v1\"" } },
        { "GET", "/apis/stable.example.com/v1", NULL, NULL, NULL, 200,
          { "\"name\":\"crontabs\",\"singularName\":\"crontab\",\"namespaced\":true,\"kind\":\"CronTab\",\"verbs\":[\"delete\","
            "\"deletecollection\",\"get\",\"list\",\"patch\",\"create\"", "\"crontabs/status\"", "\"crontabs/scale\"" } },
        { "GET", "/apis/apiregistration.k8s.io/v1/apiservices/v1.stable.example.com", NULL, NULL, NULL, 200,
          { "\"groupPriorityMinimum\":1000", "automanaged\":\"true\"" } },
        { "POST", CTS, J, NULL, CT("a", "\"cron\":\"* * * * */5\",\"foo\":1"), 201,
          { "{\"apiVersion\":\"stable.example.com/v1\",\"kind\":\"CronTab\",\"metadata\":{\"creationTimestamp\":\"",
            "\"generation\":1", "\"spec\":{\"cron\":\"* * * * */5\",\"replicas\":1}}" } },
        { "GET", CTS, NULL, NULL, NULL, 200,
          { "{\"apiVersion\":\"stable.example.com/v1\",\"items\":[{\"apiVersion\":\"stable.example.com/v1\",\"kind\":\"CronTab\"",
            "],\"kind\":\"CronTabList\",\"metadata\":{\"continue\":\"\",\"resourceVersion\":\"" } },
        { "GET", CTS, NULL, TABLE, NULL, 200,
          { "{\"name\":\"Cron\",\"type\":\"string\",\"format\":\"\",\"description\":\"Custom resource definition column (in "
            "JSONPath format): .spec.cron\"", "\"cells\":[\"a\",\"* * * * */5\",1]" } },
        { "PATCH", CTS "/a", MERGE, NULL, "{\"spec\":{\"replicas\":4},\"status\":{\"x\":1}}", 200,
          { "\"generation\":2", "\"replicas\":4", "!\"status\":{" } },
        { "PATCH", CTS "/a/status", MERGE, NULL,
          "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"replicas\":9},\"status\":{\"replicas\":3}}", 200,
          { "\"generation\":2", "\"replicas\":4", "\"status\":{\"replicas\":3}", "!\"labels\"" } },
        { "GET", CTS "/a/scale", NULL, NULL, NULL, 200,
          { "\"kind\":\"Scale\"", "\"spec\":{\"replicas\":4},\"status\":{\"replicas\":3}" } },
        { "PATCH", CTS "/a/scale", MERGE, NULL, "{\"spec\":{\"replicas\":5}}", 200, { "\"replicas\":5" } },
        { "PUT", CTS "/a", J, NULL, CT("a", "\"replicas\":2"), 422,
          { "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update" } },
        { "PATCH", CTS "/a", "application/strategic-merge-patch+json", NULL, "{}", 415,
          { "accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml" } },
        { "POST", CTS, J, NULL, "{\"apiVersion\":\"stable.example.com/v1\",\"kind\":\"Other\",\"metadata\":{\"name\":\"x\"}}", 422,
          { "CronTab.stable.example.com \\\"x\\\" is invalid: kind: Invalid value: \\\"Other\\\": must be CronTab" } },
        { "POST", CTS, J, NULL, "{\"apiVersion\":\"stable.example.com/v2\",\"kind\":\"CronTab\",\"metadata\":{\"name\":\"x\"}}",
          400, { "the API version in the data (stable.example.com/v2) does not match the expected API version "
                 "(stable.example.com/v1)" } },
        { "PATCH", CTS "/a", MERGE, NULL, "{\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}", 200, { NULL } },
        { "DELETE", CRDS "/crontabs.stable.example.com", NULL, NULL, NULL, 200,
          { "customresourcecleanup.apiextensions.k8s.io", "\"reason\":\"InstanceDeletionPending\"" } },
        { "GET", CRDS "/crontabs.stable.example.com", NULL, NULL, NULL, 200, { "\"reason\":\"InstanceDeletionInProgress\"" } },
        { "POST", CTS, J, NULL, CT("late", ""), 405,
          { "create not allowed while custom resource definition is terminating",
            "\"details\":{\"group\":\"stable.example.com\",\"kind\":\"crontabs\"}" } },
        { "PATCH", CTS "/a", MERGE, NULL, "{\"metadata\":{\"finalizers\":null}}", 200, { NULL } },
    };
    static const struct step gone[] = {
        { "GET", CRDS "/crontabs.stable.example.com", NULL, NULL, NULL, 404, { NULL } },
        { "GET", CTS "/a", NULL, NULL, NULL, 404, { "404 page not found" } },
        { "GET", "/apis/apiregistration.k8s.io/v1/apiservices/v1.stable.example.com", NULL, NULL, NULL, 404, { NULL } },
    };
    struct bed b;
    bed_up(&b, 20, true);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) check(&b, &steps[i], i);
    loop_advance(b.loop, 6 * (int64_t)NS_PER_S, on_advanced, &b);
    for (int i = 0; i < 20; i++) loop_turn(b.loop);
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) check(&b, &gone[i], 100 + i);
    bed_down(&b);
}

/* One bad spec a row. */
static void values(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { "POST", CRDS, J, NULL, DEFINITION(CRON, ""), 201, { NULL } },
        { "POST", CTS, J, NULL, CT("x", "\"cron\":\"x\""), 422,
          { "spec.cron: Invalid value: \\\"x\\\": spec.cron in body should match '^(\\\\d+|\\\\*)" } },
        { "POST", CTS, J, NULL, CT("x", "\"replicas\":99"), 422,
          { "spec.replicas: Invalid value: 99: spec.replicas in body should be less than or equal to 10" } },
        { "POST", CTS, J, NULL, CT("x", "\"replicas\":0"), 422, { "spec.replicas in body should be greater than or equal to 1" } },
        { "POST", CTS, J, NULL, CT("x", "\"replicas\":\"3\""), 422,
          { "spec.replicas: Invalid value: \\\"string\\\": spec.replicas in body must be of type integer: \\\"string\\\"" } },
        { "POST", CTS, J, NULL, CT("x", "\"color\":\"blue\""), 422,
          { "spec.color: Unsupported value: \\\"blue\\\": supported values: \\\"red\\\", \\\"green\\\"" } },
        { "POST", CTS, J, NULL, CT("x", "\"size\":[1]"), 422, { "must be of type integer,string: \\\"array\\\"" } },
        { "POST", CTS, J, NULL, CT("x", "\"when\":\"yesterday\""), 422,
          { "spec.when in body must be of type date-time: \\\"yesterday\\\"" } },
        { "POST", CTS, J, NULL, CT("x", "\"tags\":[\"a\",\"a\"]"), 422, { "spec.tags[1]: Duplicate value: \\\"a\\\"" } },
        { "POST", CTS, J, NULL, CT("x", "\"tags\":[\"long\"]"), 422,
          { "spec.tags.0: Invalid value: \\\"long\\\": spec.tags.0 in body should be at most 3 chars long" } },
        { "POST", CTS, J, NULL, CT("x", "\"tags\":[\"a\",\"b\",\"c\",\"d\"]"), 422,
          { "spec.tags: Invalid value: 4: spec.tags in body should have at most 3 items" } },
        { "POST", CTS, J, NULL, CT("x", "\"one\":{\"a\":\"1\",\"b\":\"2\"}"), 422,
          { "\\u003cnil\\u003e: Invalid value: \\\"\\\": \\\"spec.one\\\" must validate one and only one schema (oneOf). Found 2 "
            "valid alternatives" } },
        { "POST", CTS, J, NULL, CT("Bad_Name", ""), 422,
          { "metadata.name: Invalid value: \\\"Bad_Name\\\": a lowercase RFC 1123 subdomain" } },
        { "POST", CTS, J, NULL, CT("x", "\"note\":null,\"color\":null,\"replicas\":null,\"size\":\"3\""), 201,
          { "\"spec\":{\"note\":null,\"replicas\":1,\"size\":\"3\"}" } },
        { "PATCH", CTS "/x?fieldManager=m", "application/apply-patch+yaml", NULL, CT("x", "\"size\":7"), 409,
          { "conflict with \\\"test\\\" using stable.example.com/v1", ".spec.size" } },
        { "PATCH", CTS "/x?fieldManager=m&force=true", "application/apply-patch+yaml", NULL, CT("x", "\"size\":7"), 200,
          { "\"size\":7" } },
        { "GET", "/openapi/v2", NULL, NULL, NULL, 200,
          { "\"com.example.stable.v1.CronTab\":{", "\"com.example.stable.v1.CronTab.spec\":{" } },
    };
    run(20, true, steps, ARRAY_LEN(steps));
}

/* One bad definition a row; paths are those of upstream's internal version. */
static void definitions(void **state)
{
    (void)state;
#define AT "spec.validation.openAPIV3Schema.properties[spec]"
    static const struct step steps[] = {
        { "POST", CRDS, J, NULL,
          "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"group\":\"g\",\"scope\":\"Some\",\"names\":{\"plural\":\"Xs\",\"kind\":\"X\","
          "\"listKind\":\"X\"},\"versions\":[{\"name\":\"v1\"},{\"name\":\"v1\"}]}}", 422,
          { "metadata.name: Invalid value: \\\"x\\\": must be spec.names.plural+\\\".\\\"+spec.group",
            "spec.group: Invalid value: \\\"g\\\": should be a domain with at least one dot",
            "spec.scope: Unsupported value: \\\"Some\\\": supported values: \\\"Cluster\\\", \\\"Namespaced\\\"",
            "kind and listKind may not be the same" } },
        { "POST", CRDS, J, NULL, DEFINITION(OBJECT("\"a\":{}"), ""), 422,
          { AT ".properties[a].type: Required value: must not be empty for specified object fields" } },
        { "POST", CRDS, J, NULL, DEFINITION(OBJECT("\"a\":{\"type\":\"array\"}"), ""), 422,
          { AT ".properties[a].items: Required value: must be specified" } },
        { "POST", CRDS, J, NULL, DEFINITION(OBJECT("\"a\":{\"type\":\"text\"}"), ""), 422,
          { AT ".properties[a].type: Unsupported value: \\\"text\\\": supported values: \\\"array\\\", \\\"boolean\\\"" } },
        { "POST", CRDS, J, NULL, DEFINITION(OBJECT("\"a\":{\"type\":\"string\",\"default\":3}"), ""), 422,
          { AT ".properties[a].default: Invalid value: \\\"integer\\\":  in body must be of type string: \\\"integer\\\"" } },
        { "POST", CRDS, J, NULL, DEFINITION(OBJECT("\"a\":{\"type\":\"string\",\"pattern\":\"(\"}"), ""), 422,
          { AT ".properties[a].pattern: Invalid value: \\\"(\\\": must be a valid regular expression, but isn't: error parsing "
               "regexp: missing closing ): `(`" } },
        { "POST", CRDS, J, NULL,
          DEFINITION("{\"type\":\"object\",\"anyOf\":[{\"properties\":{\"q\":{\"type\":\"string\"}}}]}", ""), 422,
          { AT ".anyOf[0].properties[q].type: Forbidden: must be empty to be structural",
            AT ".properties[q]: Required value: because it is defined in " AT ".anyOf[0].properties[q]" } },
        { "POST", CRDS, J, NULL,
          DEFINITION(OBJECT("\"l\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"items\":{\"type\":\"object\"}}"), ""),
          422, { "x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map" } },
        { "POST", CRDS, J, NULL,
          DEFINITION(CRON, ",\"additionalPrinterColumns\":[{\"name\":\"a\",\"type\":\"text\",\"jsonPath\":\"x\"}]"), 422,
          { "spec.additionalPrinterColumns[0].type: Invalid value: \\\"text\\\": must be one of boolean,date,integer,number,string", "spec.additionalPrinterColumns[0].JSONPath: Invalid value: \\\"x\\\": must be a simple json path starting with ." } },
        { "POST", CRDS, J, NULL, DEFINITION(CRON, ",\"subresources\":{\"scale\":{\"specReplicasPath\":\".x\"}}"), 422,
          { "spec.subresources.scale.specReplicasPath: Invalid value: \\\".x\\\": should be a json path under .spec",
            "spec.subresources.scale.statusReplicasPath: Required value" } },
        { "POST", CRDS_BETA, J, NULL,
          "{\"metadata\":{\"name\":\"foos.example.com\"},\"spec\":{\"group\":\"example.com\",\"version\":\"v1\","
          "\"names\":{\"plural\":\"foos\",\"kind\":\"Foo\"}}}", 201,
          { "\"preserveUnknownFields\":true", "\"scope\":\"Namespaced\"" } },
        { "POST", "/apis/example.com/v1/namespaces/default/foos", J, NULL,
          "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"f\"},\"any\":{\"n\":null}}", 201,
          { "\"any\":{\"n\":null}" } },
        { "GET", CRDS_BETA "/foos.example.com", NULL, NULL, NULL, 200, { "\"version\":\"v1\"" } },
        { "POST", CRDS, J, NULL, DEFINITION(CRON, SUBRESOURCES), 201, { NULL } },
        { "GET", CRDS_BETA "/crontabs.stable.example.com", NULL, NULL, NULL, 200,
          { "\"validation\":{\"openAPIV3Schema\"", "\"JSONPath\":\".spec.cron\"", "\"subresources\":{\"status\":{}",
            "!\"schema\":{" } },
        { "PATCH", CRDS "/crontabs.stable.example.com", MERGE, NULL, "{\"spec\":{\"scope\":\"Cluster\"}}", 422,
          { "spec.scope: Invalid value: \\\"Cluster\\\": field is immutable" } },
        { "POST", CRDS, J, NULL,
          "{\"metadata\":{\"name\":\"others.stable.example.com\"},\"spec\":{\"group\":\"stable.example.com\",\"scope\":\"Cluster\","
          "\"names\":{\"plural\":\"others\",\"kind\":\"CronTab\",\"shortNames\":[\"ct\"]},"
          "\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,"
          "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}", 201, { NULL } },
        { "GET", CRDS "/others.stable.example.com", NULL, NULL, NULL, 200,
          { "\\\"CronTabList\\\" is already in use", "\"reason\":\"ListKindConflict\"", "\"reason\":\"NotAccepted\"" } },
    };
    run(20, true, steps, ARRAY_LEN(steps));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(life), cmocka_unit_test(values), cmocka_unit_test(definitions) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
