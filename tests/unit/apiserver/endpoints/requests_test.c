/* Requests and their answers, in order, against a server inside the process: what each row does is there for the next. */
#include "tests/unit/apiserver/endpoints/bed.h"

#define J "application/json"
#define CMS "/api/v1/namespaces/default/configmaps"
#define CM(name, data) "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name "\"},\"data\":{" data "}}"
#define TABLE "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

static void objects(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { "POST", CMS, J, NULL, CM("a", "\"z\":\"1\",\"b\":\"2\""), 201,
          { "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"", "\"data\":{\"b\":\"2\",\"z\":\"1\"}" } },
        { "POST", CMS, J, NULL, CM("a", ""), 409, { "configmaps \\\"a\\\" already exists", "\"reason\":\"AlreadyExists\"" } },
        { "GET", CMS "/a", NULL, NULL, NULL, 200, { "\"resourceVersion\":\"" } },
        { "GET", CMS "/b", NULL, NULL, NULL, 404,
          { "\"message\":\"configmaps \\\"b\\\" not found\"", "\"details\":{\"name\":\"b\",\"kind\":\"configmaps\"}" } },
        { "GET", CMS "/a", NULL, "application/yaml", NULL, 200,
          { "apiVersion: v1\ndata:\n  b: \"2\"\n  z: \"1\"\nkind: ConfigMap\nmetadata:\n" } },
        { "GET", CMS "/a?pretty=true", NULL, NULL, NULL, 200, { "{\n  \"kind\": \"ConfigMap\",\n  \"apiVersion\": \"v1\"," } },
        { "GET", CMS "/a", NULL, TABLE, NULL, 200,
          { "\"kind\":\"Table\"", "\"rows\":[{\"cells\":[\"a\",2,", "\"kind\":\"PartialObjectMetadata\"" } },
        { "GET", CMS "/a", NULL, "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", NULL, 200,
          { "\"kind\":\"PartialObjectMetadata\"", "!\"data\"" } },
        { "GET", CMS, NULL, NULL, NULL, 200,
          { "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"",
            "\"items\":[{\"metadata\":{\"name\":\"a\"" } },
        { "GET", CMS "?includeObject=None", NULL, TABLE, NULL, 200, { "\"object\":null" } },
        { "PUT", CMS "/a", J, NULL, CM("b", ""), 400, { "the name of the object (b) does not match the name on the URL (a)" } },
        { "PUT", CMS "/a", J, NULL, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"}}", 409,
          { "Operation cannot be fulfilled on configmaps \\\"a\\\": the object has been modified; please apply your changes to the "
            "latest version and try again" } },
        { "PUT", CMS "/a", J, NULL, CM("a", "\"n\":\"3\""), 200, { "\"data\":{\"n\":\"3\"}" } },
        { "PATCH", CMS "/a", "application/merge-patch+json", NULL, "{\"data\":{\"n\":null,\"m\":\"4\"}}", 200,
          { "\"data\":{\"m\":\"4\"}" } },
        { "PATCH", CMS "/a", "application/json-patch+json", NULL, "[{\"op\":\"remove\",\"path\":\"/data/none\"}]", 422,
          { "Invalid" } },
        { "PATCH", CMS "/a", "application/strategic-merge-patch+json", NULL, "\"x\"", 400,
          { "json: cannot unmarshal string into Go value of type map[string]interface {}" } },
        { "PATCH", CMS "/a", "text/plain", NULL, "x", 415, { "415: Unsupported Media Type" } },
        { "POST", CMS "?dryRun=All", J, NULL, CM("dry", ""), 201, { "\"name\":\"dry\"" } },
        { "GET", CMS "/dry", NULL, NULL, NULL, 404, { NULL } },
        { "POST", CMS, J, NULL, "{\"metadata\":{\"generateName\":\"gen-\"}}", 201,
          { "\"name\":\"gen-", "\"generateName\":\"gen-\"" } },
        { "POST", CMS, J, NULL, "{\"metadata\":{\"name\":\"x\",\"namespace\":\"other\"}}", 400,
          { "the namespace of the provided object does not match the namespace sent on the request" } },
        { "DELETE", CMS "/a", J, NULL, "{\"preconditions\":{\"uid\":\"no\"}}", 409,
          { "the UID in the precondition (no) does not match the UID in record (" } },
        { "DELETE", CMS "/a", NULL, NULL, NULL, 200,
          { "\"status\":\"Success\",\"details\":{\"name\":\"a\",\"kind\":\"configmaps\",\"uid\":\"" } },
        { "DELETE", CMS "/a", NULL, NULL, NULL, 404, { NULL } },
    };
    run(20, true, steps, ARRAY_LEN(steps));
}

static void refusals(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { "GET", "/apis/nothing.example.com", NULL, NULL, NULL, 404, { "404 page not found\n" } },
        { "GET", "/nothing", NULL, NULL, NULL, 404, { "/apis/apiextensions.k8s.io/v1beta1" } },
        { "GET", "/api/v1/widgets", NULL, NULL, NULL, 404, { "the server could not find the requested resource", "\"details\":{}" } },
        { "DELETE", "/api/v1/namespaces/default/services/kubernetes/status", NULL, NULL, NULL, 405,
          { "the server does not allow this method on the requested resource" } },
        { "POST", CMS, J, NULL, "{\"kind\":\"ConfigMap\"", 400,
          { "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: "
            "unexpected end of JSON input ({\\\"kind\\\":\\\"ConfigMap\\\")" } },
        { "POST", CMS, "text/csv", NULL, "a,b", 415,
          { "accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf" } },
        { "POST", CMS, J, NULL, "{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}", 400,
          { "Pod in version \\\"v1\\\" cannot be handled as a ConfigMap" } },
        { "GET", CMS, NULL, "text/html", NULL, 406, { "\"message\": \"406: Not Acceptable\"", "\"metadata\": {}," } },
        { "GET", CMS, NULL, "application/vnd.kubernetes.protobuf", NULL, 406, { "only the following media types are accepted" } },
        { "GET", CMS "?resourceVersion=abc", NULL, NULL, NULL, 500,
          { "resourceVersion: Invalid value: \\\"abc\\\": strconv.ParseUint: parsing \\\"abc\\\": invalid syntax" } },
        { "GET", "/api/v1/namespaces/default?resourceVersion=99999", NULL, NULL, NULL, 504,
          { "Too large resource version: 99999, current: " } },
        { "GET", "/api/v1/namespaces/default?resourceVersion=x", NULL, NULL, NULL, 500, { "resourceVersion: Invalid value: " } },
        { "GET", "/api/v1/namespaces/default?resourceVersion=1", NULL, NULL, NULL, 200, { "\"name\":\"default\"" } },
        { "POST", "/version", NULL, NULL, "{}", 405, { "the server does not allow this method on the requested resource" } },
        { "GET", CMS "?resourceVersion=99999", NULL, NULL, NULL, 504, { "Too large resource version: 99999, current: " } },
        { "GET", CMS "?fieldSelector=data.n=3", NULL, NULL, NULL, 400,
          { "\\\"data.n\\\" is not a known field selector: only \\\"metadata.name\\\", \\\"metadata.namespace\\\"" } },
        { "GET", "/api/v1/pods?fieldSelector=spec.x=3", NULL, NULL, NULL, 400, { "field label not supported: spec.x" } },
        { "GET", CMS "?limit=2&continue=garbage", NULL, NULL, NULL, 400, { "\"reason\":\"BadRequest\"" } },
        { "GET", "/api/v1/pods?fieldSelector=spec.nodeName=ubuntu,status.phase!=Failed", NULL, NULL, NULL, 200, { "\"items\":[]" } },
    };
    run(20, true, steps, ARRAY_LEN(steps));
}

#define DEPLOYMENT "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"  \
                   "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}"
#define DEPLOYS "/apis/apps/v1/namespaces/default/deployments"
#define MERGE "application/merge-patch+json"
#define STRATEGIC "application/strategic-merge-patch+json"
#define JSONPATCH "application/json-patch+json"
#define APPLY "application/apply-patch+yaml"
#define LONG_NAME "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* What a patch may not make, in the words of each way in which it is read. */
static void patches_refused(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { "POST", CMS, J, NULL, CM("a", "\"k\":\"v\""), 201, { NULL } },
        { "POST", DEPLOYS, J, NULL, DEPLOYMENT, 201, { NULL } },
        { "PATCH", CMS "/a", MERGE, NULL, "{\"data\":{\"q\":7}}", 422,
          { "\"message\":\" \\\"\\\" is invalid: patch: Invalid value: \\\"{\\\\\\\"apiVersion\\\\\\\":\\\\\\\"v1\\\\\\\","
            "\\\\\\\"data\\\\\\\":{\\\\\\\"k\\\\\\\":\\\\\\\"v\\\\\\\",\\\\\\\"q\\\\\\\":7},",
            "Data: ReadString: expects ", "\"details\":{\"causes\":[{\"reason\":\"FieldValueInvalid\"", "\"field\":\"patch\"}]}" } },
        { "PATCH", CMS "/a", STRATEGIC, NULL, "{\"data\":{\"q\":7}}", 422,
          { "patch: Invalid value: \\\"map[data:map[q:7]]\\\": cannot convert int64 to string" } },
        { "PATCH", CMS "/a", STRATEGIC, NULL, "{\"data\":[1]}", 422,
          { "patch: Invalid value: \\\"map[data:[1]]\\\": cannot restore map from slice" } },
        { "PATCH", DEPLOYS "/web", STRATEGIC, NULL, "{\"spec\":{\"replicas\":\"x\"}}", 422,
          { "\\\"map[spec:map[replicas:x]]\\\": unrecognized type: int32" } },
        { "PATCH", DEPLOYS "/web", STRATEGIC, NULL, "{\"spec\":{\"paused\":3}}", 422, { "unrecognized type: bool" } },
        { "PATCH", DEPLOYS "/web", STRATEGIC, NULL, "{\"spec\":{\"replicas\":1.5}}", 422, { "cannot convert float64 to int32" } },
        { "PATCH", DEPLOYS "/web", STRATEGIC, NULL, "{\"spec\":{\"template\":{\"spec\":{\"containers\":\"x\"}}}}", 422,
          { "cannot restore slice from string" } },
        { "PATCH", DEPLOYS "/web", STRATEGIC, NULL, "{\"spec\":{\"template\":7}}", 422, { "cannot restore struct from: int64" } },
        { "PATCH", CMS "/a", MERGE, NULL, "{\"kind\":\"Secret\"}", 422,
          { "converting (v1.Secret) to (core.ConfigMap): unknown conversion" } },
        { "PATCH", CMS "/a", MERGE, NULL, "{\"apiVersion\":\"v9\"}", 422,
          { "no kind \\\"ConfigMap\\\" is registered for version \\\"v9\\\"" } },
        { "PATCH", CMS "/a", MERGE, NULL, "[]", 422,
          { "patch: Invalid value: \\\"[]\\\": couldn't get version/kind; json parse error: json: cannot unmarshal array into Go "
            "value of type struct" } },
        { "PATCH", CMS "/a", MERGE, NULL, "7", 500, { "\"message\":\"Invalid JSON Patch\"" } },
        { "PATCH", CMS "/a", MERGE, NULL, "{\"metadata\":{\"name\":null}}", 400,
          { "the name of the object (a based on URL) was undeterminable: name must be provided" } },
        { "PUT", CMS "/a", J, NULL, "{\"metadata\":{}}", 400,
          { "the name of the object (a based on URL) was undeterminable: name must be provided" } },
        { "PATCH", CMS "/a?force=true", MERGE, NULL, "{}", 422,
          { "PatchOptions.meta.k8s.io \\\"\\\" is invalid: force: Forbidden: may not be specified for non-apply patch" } },
        { "PATCH", CMS "/a?fieldManager=" LONG_NAME, MERGE, NULL, "{}", 422,
          { "fieldManager: Too long: must have at most 128 bytes" } },
        { "POST", CMS "?fieldManager=a%09", J, NULL, CM("b", ""), 422,
          { "CreateOptions.meta.k8s.io", "invalid character U+0009 (at position 1)" } },
        { "PUT", CMS "/a?dryRun=x", J, NULL, CM("a", ""), 422,
          { "UpdateOptions.meta.k8s.io", "dryRun: Unsupported value: []string{\\\"x\\\"}: supported values: \\\"All\\\"" } },
        { "PATCH", CMS "/a", APPLY, NULL, CM("a", ""), 422, { "fieldManager: Required value: is required for apply patch" } },
        { "PATCH", CMS "/a?fieldManager=m", APPLY, NULL, "{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}", 400,
          { "Incorrect version specified in apply patch. Specified patch version: /, expected: v1" } },
        { "PATCH", DEPLOYS "/web/scale", MERGE, NULL, "{\"spec\":{\"replicas\":5}}", 200, { "\"replicas\":5" } },
        { "GET", DEPLOYS "/web", NULL, NULL, NULL, 200, { "\"replicas\":5", "\"manager\":\"test\"" } },
    };
    run(20, true, steps, ARRAY_LEN(steps));
}

static void pages(void **state)
{
    (void)state;
    struct bed b;
    bed_up(&b, 20, true);
    for (int i = 1; i <= 5; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"c%d\",\"labels\":{\"odd\":\"%d\"}}}", i, i % 2);
        struct step create = { "POST", CMS, J, NULL, body, 201, { NULL } };
        check(&b, &create, (size_t)i);
    }
    const struct step first = { "GET", CMS "?limit=2", NULL, NULL, NULL, 200,
                                { "\"c1\"", "\"c2\"", "!\"c3\"", "\"remainingItemCount\":3" } };
    check(&b, &first, 6);
    struct arena *a = arena_new();
    struct json *page = json_parse(a, strbuf_str(&b.body), NULL);
    const char *next = arena_printf(a, CMS "?limit=2&continue=" STR_FMT, STR_ARG(json_path_str(page, "metadata.continue")));
    struct step second = { "GET", next, NULL, NULL, NULL, 200, { "\"c3\"", "\"c4\"", "!\"c5\"", "\"remainingItemCount\":1" } };
    check(&b, &second, 7);
    const struct step odd = { "GET", CMS "?labelSelector=odd%3D1&limit=2", NULL, NULL, NULL, 200,
                              { "\"c1\"", "\"c3\"", "!\"c5\"", "!remaining" } };
    check(&b, &odd, 8);
    const struct step gone = { "DELETE", CMS "?labelSelector=odd%3D1", NULL, NULL, NULL, 200,
                               { "\"kind\":\"ConfigMapList\"", "\"c5\"", "!\"c2\"" } };
    check(&b, &gone, 9);
    const struct step left = { "GET", CMS, NULL, NULL, NULL, 200, { "\"c2\"", "\"c4\"", "!\"c1\"" } };
    check(&b, &left, 10);
    arena_free(a);
    bed_down(&b);
}

#define POD "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"b\",\"image\":\"i\"}]}}"
#define PODS "/api/v1/namespaces/default/pods"

static void subresources(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { "POST", DEPLOYS, J, NULL, DEPLOYMENT, 201, { "\"generation\":1", "\"status\":{}" } },
        { "GET", DEPLOYS "/web/scale", NULL, NULL, NULL, 200,
          { "\"kind\":\"Scale\"", "\"spec\":{\"replicas\":2}", "\"selector\":\"a=b\"" } },
        { "PATCH", DEPLOYS "/web/scale", "application/merge-patch+json", NULL, "{\"spec\":{\"replicas\":3}}", 200,
          { "\"replicas\":3" } },
        { "GET", DEPLOYS "/web", NULL, NULL, NULL, 200, { "\"generation\":2", "\"replicas\":3" } },
        { "PATCH", DEPLOYS "/web/status", "application/merge-patch+json", NULL,
          "{\"spec\":{\"replicas\":9},\"status\":{\"replicas\":1}}", 200,
          { "\"replicas\":3", "\"status\":{\"replicas\":1}", "\"generation\":2" } },
        { "PATCH", DEPLOYS "/web", "application/merge-patch+json", NULL, "{\"status\":{\"replicas\":7}}", 200,
          { "\"status\":{\"replicas\":1}" } },
        { "POST", PODS, J, NULL, POD, 201, { "\"phase\":\"Pending\"", "\"qosClass\":\"BestEffort\"" } },
        { "GET", PODS "/p/log", NULL, NULL, NULL, 400, { "a container name must be specified for pod p, choose one of: [a b]" } },
        { "GET", PODS "/p/log?container=x", NULL, NULL, NULL, 400, { "container x is not valid for pod p" } },
        { "GET", PODS "/p/log?container=a&tailLines=-1", NULL, NULL, NULL, 422, { "must be greater than or equal to 0" } },
        { "GET", PODS "/p/log?container=a", NULL, NULL, NULL, 200, { NULL } },
        { "POST", PODS "/p/exec?container=a&command=ls", NULL, NULL, NULL, 400, { "does not have a host assigned" } },
        { "POST", PODS "/p/binding", J, NULL, "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"ubuntu\"}}",
          201, { "\"status\":\"Success\"" } },
        { "GET", PODS "/p", NULL, NULL, NULL, 200, { "\"nodeName\":\"ubuntu\"", "\"type\":\"PodScheduled\"" } },
        { "POST", PODS "/p/binding", J, NULL, "{\"metadata\":{\"name\":\"p\"},\"target\":{\"name\":\"other\"}}", 409,
          { "pod p is already assigned to node \\\"ubuntu\\\"" } },
        { "DELETE", PODS "/p", NULL, NULL, NULL, 200,
          { "\"kind\":\"Pod\"", "\"deletionGracePeriodSeconds\":30", "\"deletionTimestamp\":\"2020-01-25T00:00:3" } },
        { "DELETE", PODS "/p", J, NULL, "{\"gracePeriodSeconds\":0}", 200, { "\"kind\":\"Pod\"" } },
        { "GET", PODS "/p", NULL, NULL, NULL, 404, { NULL } },
        { "DELETE", DEPLOYS "/web", J, NULL, "{\"propagationPolicy\":\"Foreground\"}", 200,
          { "\"finalizers\":[\"foregroundDeletion\"]" } },
        { "PATCH", DEPLOYS "/web", "application/merge-patch+json", NULL, "{\"metadata\":{\"finalizers\":null}}", 200, { NULL } },
        { "GET", DEPLOYS "/web", NULL, NULL, NULL, 404, { NULL } },
    };
    run(20, true, steps, ARRAY_LEN(steps));
}

#define SVCS "/api/v1/namespaces/default/services"
static void kinds(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { "POST", SVCS, J, NULL, "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80}]}}", 201,
          { "\"clusterIP\":\"10.", "\"nodePort\":3" } },
        { "POST", SVCS, J, NULL,
          "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"clusterIP\":\"10.96.0.1\",\"ports\":[{\"port\":80}]}}", 422,
          { "Service \\\"t\\\" is invalid: spec.clusterIPs: Invalid value: []string{\\\"10.96.0.1\\\"}: failed to allocated "
            "ip:10.96.0.1 with error:provided IP is already allocated" } },
        { "POST", SVCS, J, NULL, "{\"metadata\":{\"name\":\"h\"},\"spec\":{\"clusterIP\":\"None\",\"ports\":[{\"port\":80}]}}",
          201, { "\"clusterIP\":\"None\"" } },
        { "PATCH", SVCS "/s", "application/merge-patch+json", NULL, "{\"spec\":{\"type\":\"ClusterIP\"}}", 200,
          { "\"type\":\"ClusterIP\"", "!nodePort\":3", "!\"externalTrafficPolicy\":\"" } },
        { "POST", "/api/v1/namespaces", J, NULL, "{\"metadata\":{\"name\":\"n\"}}", 201,
          { "\"finalizers\":[\"kubernetes\"]", "\"phase\":\"Active\"" } },
        { "DELETE", "/api/v1/namespaces/n", NULL, NULL, NULL, 200, { "\"phase\":\"Terminating\"", "\"deletionTimestamp\":\"" } },
        { "POST", "/api/v1/namespaces", J, NULL, "{\"metadata\":{\"name\":\"n\"}}", 409,
          { "object is being deleted: namespaces \\\"n\\\" already exists" } },
        { "PUT", "/api/v1/namespaces/n/finalize", J, NULL, "{\"metadata\":{\"name\":\"n\"},\"spec\":{}}", 200, { NULL } },
        { "GET", "/api/v1/namespaces/n", NULL, NULL, NULL, 404, { NULL } },
        { "POST", "/api/v1/namespaces/default/secrets", J, NULL, "{\"metadata\":{\"name\":\"s\"},\"stringData\":{\"k\":\"v\"}}",
          201, { "\"data\":{\"k\":\"dg==\"}", "!\"stringData\"", "\"type\":\"Opaque\"" } },
        { "POST", "/api/v1/namespaces/default/secrets", J, NULL,
          "{\"apiVersion\":\"v1\",\"data\":{\"a\":\"not base64!\"},\"kind\":\"Secret\",\"metadata\":{\"name\":\"t\"}}", 400,
          { "handled as a Secret: v1.Secret.ObjectMeta: v1.ObjectMeta.TypeMeta: Kind: Data: decode base64: illegal base64 data at "
            "input byte 3, error found in #10 byte of" } },
        { "GET", "/api/v1/namespaces/default/secrets/s?pretty=1", NULL, NULL, NULL, 200,
          { "\"fieldsV1\": {\"f:data\":{\".\":{},\"f:k\":{}},\"f:type\":{}}" } },
        { "GET", "/api/v1/namespaces/default/secrets?resourceVersionMatch=Exact", NULL, NULL, NULL, 422,
          { "resourceVersionMatch is forbidden unless resourceVersion is provided" } },
        { "POST", "/apis/certificates.k8s.io/v1beta1/certificatesigningrequests", J, NULL,
          "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"request\":\"eA==\",\"username\":\"liar\"}}", 422, { NULL } },
        { "POST", "/api/v1/namespaces/default/events", J, NULL,
          "{\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Pod\",\"namespace\":\"default\",\"name\":\"p\"},"
          "\"message\":\"hello\",\"reason\":\"R\",\"type\":\"Normal\"}", 201, { "\"message\":\"hello\"" } },
        { "GET", "/apis/events.k8s.io/v1/namespaces/default/events", NULL, NULL, NULL, 200,
          { "\"note\":\"hello\"", "\"kind\":\"EventList\",\"apiVersion\":\"events.k8s.io/v1\"", "!\"message\"" } },
        { "GET", "/version", NULL, NULL, NULL, 200, { "\"gitVersion\": \"v1.20.2\"" } },
        { "GET", "/readyz?verbose", NULL, NULL, NULL, 200, { "[+]ping ok\n", "readyz check passed\n" } },
        { "GET", "/healthz/etcd", NULL, NULL, NULL, 200, { "ok" } },
        { "GET", "/apis/autoscaling", NULL, NULL, NULL, 200,
          { "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",\"name\":\"autoscaling\","
            "\"versions\":[{\"groupVersion\":\"autoscaling/v1\",\"version\":\"v1\"},", "!\"v2\"" } },
        { "GET", "/api/v1", NULL, NULL, NULL, 200,
          { "{\"name\":\"pods/log\",\"singularName\":\"\",\"namespaced\":true,\"kind\":\"Pod\",\"verbs\":[\"get\"]}" } },
        { "GET", "/apis/apps/v1", NULL, NULL, NULL, 200,
          { "{\"name\":\"deployments/scale\",\"singularName\":\"\",\"namespaced\":true,\"group\":\"autoscaling\","
            "\"version\":\"v1\",\"kind\":\"Scale\"" } },
    };
    run(20, true, steps, ARRAY_LEN(steps));
}

/* What an emulated 1.16 serves beyond itself when it is not bare, and how it says things. */
static void versions(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { "GET", "/apis/autoscaling", NULL, NULL, NULL, 200,
          { "\"groupVersion\":\"autoscaling/v2\"", "\"preferredVersion\":{\"groupVersion\":\"autoscaling/v1\"" } },
        { "GET", "/apis", NULL, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json", NULL, 200,
          { "\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\"", "\"subresource\":\"scale\"" } },
        { "POST", CMS, J, NULL, CM("a", ""), 201, { "\"selfLink\":\"" CMS "/a\"" } },
        { "GET", CMS, NULL, NULL, NULL, 200, { "\"metadata\":{\"selfLink\":\"" CMS "\",\"resourceVersion\":" } },
        { "POST", CMS "?fieldValidation=Strict", J, NULL, "{\"metadata\":{\"name\":\"b\"},\"foo\":1}", 400,
          { "ConfigMap in version \\\"v1\\\" cannot be handled as a ConfigMap: strict decoding error: unknown field" } },
        { "GET", CMS "/none?pretty=1", NULL, NULL, NULL, 404, { "\"metadata\": {\n    \n  }," } },
    };
    run(16, false, steps, ARRAY_LEN(steps));
}

/* ---- watches ---- */
static void watch_events(void **state)
{
    (void)state;
    struct bed b;
    bed_up(&b, 20, true);
    static const struct step before[] = {
        { "POST", CMS, J, NULL, "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"1\"}}}", 201, { NULL } },
        { "POST", CMS, J, NULL, "{\"metadata\":{\"name\":\"b\"}}", 201, { NULL } },
    };
    for (size_t i = 0; i < ARRAY_LEN(before); i++) check(&b, &before[i], i);
    /* The watch is one call that ends after two seconds; meanwhile other calls write. */
    struct arena *a = arena_new();
    struct bed w = { 0 };
    strbuf_init(&w.body, 1 << 20);
    struct http_call_options o = { .method = "GET",
                                   .url = "http://192.168.229.132:6443" CMS "?watch=1&timeoutSeconds=20&allowWatchBookmarks=true&labelSelector=x%3D1" };
    http_fetch(b.client, &o, on_done, &w);
    static const struct step during[] = {
        { "PATCH", CMS "/b", "application/merge-patch+json", NULL, "{\"metadata\":{\"labels\":{\"x\":\"1\"}}}", 200, { NULL } },
        { "PATCH", CMS "/a", "application/merge-patch+json", NULL, "{\"data\":{\"k\":\"v\"}}", 200, { NULL } },
        { "PATCH", CMS "/a", "application/merge-patch+json", NULL, "{\"metadata\":{\"labels\":null}}", 200, { NULL } },
        { "DELETE", CMS "/b", NULL, NULL, NULL, 200, { NULL } },
    };
    for (size_t i = 0; i < ARRAY_LEN(during); i++) check(&b, &during[i], i);
    loop_advance(b.loop, 30 * (int64_t)NS_PER_S, on_advanced, &b);
    for (int i = 0; i < 300 && !w.done; i++) loop_turn(b.loop);
    assert_true(w.done);
    static const char *const wanted[] = { "ADDED a", "ADDED b", "MODIFIED a", "DELETED a", "DELETED b", "BOOKMARK " };
    struct str rest = strbuf_str(&w.body);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        struct json *frame = json_parse(a, str_token(&rest, '\n'), NULL);
        struct str got = arena_strf(a, STR_FMT " " STR_FMT, STR_ARG(json_get_str(frame, "type")),
                                    STR_ARG(json_path_str(frame, "object.metadata.name")));
        if (!str_eqc(got, wanted[i])) fail_msg("event %zu: %s, wanted %s", i, got.p, wanted[i]);
    }
    static const struct step old = { "GET", CMS "?watch=1&timeoutSeconds=1&resourceVersion=1", NULL, NULL, NULL, 200,
                                     { "{\"type\":\"ERROR\"", "too old resource version: 1 (", "\"reason\":\"Expired\"" } };
    check(&b, &old, 99);
    strbuf_deinit(&w.body);
    arena_free(a);
    bed_down(&b);
}

/* ---- a kubelet to relay to ---- */
static struct identity *kubelet_identity(void *ctx) { return ctx; }

static void kubelet(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    struct strbuf b;
    strbuf_init(&b, 4096);
    strbuf_addf(&b, STR_FMT " " STR_FMT "\n", STR_ARG(x->method), STR_ARG(x->target));
    if (!http_headers_has(&x->headers, "Upgrade")) http_respond(x, 200, NULL, "text/plain", strbuf_str(&b));
    else {
        struct http_headers h = { 0 };
        http_headers_add(x->arena, &h, "Upgrade", STR("SPDY/3.1"));
        http_headers_add(x->arena, &h, "X-Stream-Protocol-Version", STR("v4.channel.k8s.io"));
        struct stream *s = http_upgrade(x, &h);
        static const struct stream_events silent;
        stream_attach(s, &silent, NULL);
        stream_write(s, strbuf_str(&b));
        stream_close(s);
    }
    strbuf_deinit(&b);
}

struct upgraded { struct stream *s; struct strbuf got; bool closed, done; int status; };
static void up_response(void *ctx, const struct http_response *r) { ((struct upgraded *)ctx)->status = r->status; }
static void up_data(void *ctx, struct str bytes) { strbuf_add(&((struct upgraded *)ctx)->got, bytes); }
static void up_close(void *ctx, const struct err *why) { (void)why; ((struct upgraded *)ctx)->closed = true; }
static void up_done(void *ctx, const struct err *why) { (void)why; ((struct upgraded *)ctx)->done = true; }
static const struct stream_events up_stream = { .on_data = up_data, .on_close = up_close };
static void up_upgrade(void *ctx, struct stream *s)
{
    ((struct upgraded *)ctx)->s = s;
    stream_attach(s, &up_stream, ctx);
}

static void upgrade(struct bed *b, const char *path, const char *protocol, struct upgraded *u)
{
    static const struct http_call_events ev = { .on_response = up_response, .on_data = up_data, .on_upgrade = up_upgrade,
                                                .on_done = up_done };
    struct arena *a = arena_new();
    struct http_headers h = { 0 };
    http_headers_add(a, &h, "Connection", STR("Upgrade"));
    http_headers_add(a, &h, "Upgrade", str_c(protocol));
    *u = (struct upgraded){ 0 };
    strbuf_init(&u->got, 1 << 16);
    struct http_call_options o = { .method = "POST", .url = arena_printf(a, "http://192.168.229.132:6443%s", path), .headers = &h,
                                   .want_upgrade = true, .ev = &ev, .ctx = u };
    http_call_start(b->client, &o);
    for (int i = 0; i < 100 && !(u->s ? u->closed && u->done : u->done); i++) {
        if (i % 10 == 9) loop_advance(b->loop, 100 * (int64_t)NS_PER_MS, on_advanced, b);
        loop_turn(b->loop);
    }
    arena_free(a);
}

static void relays(void **state)
{
    (void)state;
    struct bed b;
    struct err err = { 0 };
    struct rng rng;
    bed_up(&b, 20, true);
    rng_init(&rng, b.loop, "kubelet");
    struct key *k = key_generate_ec(&rng);
    struct cert_template tpl = { .cn = "ubuntu", .not_before_ns = 0, .not_after_ns = INT64_MAX / 2, .serial = { 1 },
                                 .serial_len = 1, .ext_usage = CERT_EKU_SERVER };
    struct cert *c = cert_issue(&tpl, k, NULL, k, &err);
    struct identity *id = identity_new(c, k);
    struct http_server *server = http_server_new(&(struct http_server_options){ .loop = b.loop, .name = "kubelet",
                                                                                .handler = kubelet, .identity = kubelet_identity,
                                                                                .identity_ctx = id }, &err);
    assert_true(http_server_listen_vnet(server, b.node, "192.168.229.132", 10250, &err));
    static const struct step steps[] = {
        { "POST", "/api/v1/nodes", J, NULL,
          "{\"metadata\":{\"name\":\"ubuntu\"},\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"192.168.229.132\"}],"
          "\"daemonEndpoints\":{\"kubeletEndpoint\":{\"Port\":10250}}}}", 201, { NULL } },
        { "POST", PODS, J, NULL,
          "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"ubuntu\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
          201, { NULL } },
        { "GET", PODS "/p/log?follow=true&tailLines=5", NULL, NULL, NULL, 200,
          { "GET /containerLogs/default/p/c?follow=true&tailLines=5\n" } },
        { "GET", "/api/v1/nodes/ubuntu/proxy/stats/summary", NULL, NULL, NULL, 200, { "GET /stats/summary\n" } },
        { "POST", PODS "/p/exec?command=ls", NULL, NULL, NULL, 400, { "Upgrade request required" } },
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) check(&b, &steps[i], i);
    static const struct { const char *path, *protocol; int status; const char *want; } upgrades[] = {
        { PODS "/p/exec?command=ls&command=-l&stdin=true&stdout=true&tty=true", "SPDY/3.1", 101,
          "POST /exec/default/p/c?command=ls&command=-l&input=1&output=1&tty=1\n" },
        { PODS "/p/attach?stdout=true", "SPDY/3.1", 101, "POST /attach/default/p/c?output=1\n" },
        { PODS "/p/portforward", "SPDY/3.1", 101, "POST /portForward/default/p\n" },
        { PODS "/p/exec?command=ls", "websocket", 403, "unable to upgrade" },
    };
    for (size_t i = 0; i < ARRAY_LEN(upgrades); i++) {
        struct upgraded u;
        upgrade(&b, upgrades[i].path, upgrades[i].protocol, &u);
        if (u.status != upgrades[i].status || str_find(strbuf_str(&u.got), str_c(upgrades[i].want)) < 0)
            fail_msg("upgrade %zu: %d %s", i, u.status, u.got.p ? u.got.p : "");
        stream_close(u.s);
        strbuf_deinit(&u.got);
    }
    http_server_free(server);
    static const struct step down = { "GET", PODS "/p/log", NULL, NULL, NULL, 500,
                                      { "dial tcp 192.168.229.132:10250: connect: connection refused" } };
    check(&b, &down, 99);
    bed_down(&b);
    identity_unref(id);
    cert_unref(c);
    key_unref(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects), cmocka_unit_test(refusals), cmocka_unit_test(patches_refused), cmocka_unit_test(pages),
            cmocka_unit_test(subresources),
        cmocka_unit_test(kinds), cmocka_unit_test(versions), cmocka_unit_test(watch_events), cmocka_unit_test(relays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
