/* Tokens of every kind, and the reviews that judge them and their bearers' rights. */
#include "tests/unit/apiserver/auth/bed.h"

#define NS "/api/v1/namespaces/default"
#define AUTHN "/apis/authentication.k8s.io/v1"
#define SAR "/apis/authorization.k8s.io/v1"
#define BEARER "Authorization: Bearer $T"

/* What the token controller would do: a Secret with a token that names the account's uid. */
static void make_legacy(struct bed *b)
{
    struct arena *a = arena_new();
    struct object *sa = registry_get(b->as, STR(""), STR("serviceaccounts"), STR("default"), STR("robot"));
    struct str uid = arena_str(a, meta_uid(object_json(sa)));
    struct err err = { 0 };
    object_unref(sa);
    struct str claims = arena_strf(a,
                                   "{\"iss\":\"kubernetes/serviceaccount\",\"kubernetes.io/serviceaccount/namespace\":\"default\","
                                   "\"kubernetes.io/serviceaccount/secret.name\":\"robot-token-abcde\","
        "\"kubernetes.io/serviceaccount/service-account.name\":\"robot\",\"kubernetes.io/serviceaccount/service-account.uid\":\"" STR_FMT "\",\"sub\":\"system:serviceaccount:default:robot\"}", STR_ARG(uid));
    struct str token = jwt_sign_rs256(a, b->sa_key, claims);
    memcpy(b->saved, token.p, token.n);
    b->saved[token.n] = 0;
    struct json *secret = json_buildf(a,
                                      "{'kind':'Secret','apiVersion':'v1','metadata':{'name':'robot-token-abcde',"
                                      "'namespace':'default','annotations':{'kubernetes.io/service-account.name':'robot',"
        "'kubernetes.io/service-account.uid':%S}},'type':'kubernetes.io/service-account-token','data':{'token':%S}}", uid,
        base64_encode(a, token));
    if (!registry_ensure(b->as, "", "v1", "secrets", secret, true, a, &err)) fail_msg("%s", err.msg);
    arena_free(a);
}

static const struct step make_account = { ADMIN, "POST", NS "/serviceaccounts", NULL, "{\"metadata\":{\"name\":\"robot\"}}", 201,
                                          { NULL }, NULL };
static const struct step remove_account = { ADMIN, "DELETE", NS "/serviceaccounts/robot", NULL, NULL, 200, { NULL }, NULL };

static void legacy(void **state)
{
    (void)state;
    static const struct step good[] = {
        { NOBODY, "GET", "/api", BEARER, NULL, 200, { "APIVersions" }, NULL },
        { NOBODY, "GET", "/api", "Authorization: bearer $T", NULL, 200, { NULL }, NULL },
        { NOBODY, "GET", "/api", "Authorization: Bearer $Tx", NULL, 401, { NULL }, NULL },
        { NOBODY, "GET", NS "/pods", BEARER, NULL, 403,
          { "User \\\"system:serviceaccount:default:robot\\\" cannot list resource \\\"pods\\\"" }, NULL },
        { ADMIN, "POST", AUTHN "/tokenreviews", NULL, "{\"spec\":{\"token\":\"$T\"}}", 201,
          { "\"authenticated\":true", "\"username\":\"system:serviceaccount:default:robot\"",
          "\"groups\":[\"system:serviceaccounts\",\"system:serviceaccounts:default\",\"system:authenticated\"]", "!audiences" },
          NULL },
        { ADMIN, "POST", AUTHN "/tokenreviews", NULL, "{\"spec\":{\"token\":\"x\"}}", 201,
          { "\"error\":\"invalid bearer token\"", "!authenticated" }, NULL },
        { ADMIN, "DELETE", NS "/secrets/robot-token-abcde", NULL, NULL, 200, { NULL }, NULL },
        { NOBODY, "GET", "/api", BEARER, NULL, 401, { NULL }, NULL },
        { ADMIN, "POST", AUTHN "/tokenreviews", NULL, "{\"spec\":{\"token\":\"$T\"}}", 201,
          { "\"error\":\"[invalid bearer token, Token has been invalidated]\"" }, NULL },
    };
    struct bed b;
    bed_up(&b, 16);
    bed_step(&b, &make_account, 0);
    make_legacy(&b);
    bed_steps(&b, good, ARRAY_LEN(good));
    make_legacy(&b);
    bed_step(&b, &good[0], 0);
    bed_step(&b, &remove_account, 0);
    bed_step(&b, &good[7], 7);
    bed_step(&b, &make_account, 0);                /* the same name, another uid */
    bed_step(&b, &good[7], 7);
    apiserver_set_sa_key(b.as, NULL);
    bed_step(&b, &good[7], 7);
    bed_down(&b);
}

static void bound(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { ADMIN, "POST", NS "/serviceaccounts", NULL, "{\"metadata\":{\"name\":\"robot\"}}", 201, { NULL }, NULL },
        { ADMIN, "POST", NS "/serviceaccounts/robot/token", NULL, "{\"spec\":{}}", 201,
          { "\"expirationSeconds\":3600", "\"expirationTimestamp\":\"2020-01-25T01:00:00Z\"",
            "https://kubernetes.default.svc.cluster.local" }, "status.token" },
        { NOBODY, "GET", "/api", BEARER, NULL, 200, { NULL }, NULL },
        { ADMIN, "POST", NS "/serviceaccounts/robot/token", NULL, "{\"spec\":{\"expirationSeconds\":60}}", 422,
          { "TokenRequest.authentication.k8s.io \\\"\\\" is invalid: spec.expirationSeconds: Invalid value: 60: may not specify a "
            "duration less than 10 minutes" }, NULL },
        { ADMIN, "POST", NS "/serviceaccounts/nobody/token", NULL, "{\"spec\":{}}", 404,
          { "serviceaccounts \\\"nobody\\\" not found" }, NULL },
        { ADMIN, "POST", AUTHN "/tokenreviews", NULL, "{\"spec\":{\"token\":\"$T\"}}", 201,
          { "\"authenticated\":true", "\"audiences\":[\"https://kubernetes.default.svc.cluster.local\"]" }, NULL },
        { ADMIN, "POST", AUTHN "/tokenreviews", NULL, "{\"spec\":{\"token\":\"$T\",\"audiences\":[\"x\"]}}", 201,
          { "!\"authenticated\":true", "is invalid for the target audiences [\\\"x\\\"]" }, NULL },
        { ADMIN, "POST", NS "/serviceaccounts/robot/token", NULL, "{\"spec\":{\"audiences\":[\"x\"]}}", 201, { NULL },
          "status.token" },
        { NOBODY, "GET", "/api", BEARER, NULL, 401, { NULL }, NULL },
        { ADMIN, "POST", AUTHN "/tokenreviews", NULL, "{\"spec\":{\"token\":\"$T\",\"audiences\":[\"x\",\"y\"]}}", 201,
          { "\"authenticated\":true", "\"audiences\":[\"x\"]" }, NULL },
        { ADMIN, "POST", NS "/serviceaccounts/robot/token", NULL, "{\"spec\":{\"expirationSeconds\":600}}", 201, { NULL },
          "status.token" },
        { NOBODY, "GET", "/api", BEARER, NULL, 200, { NULL }, NULL },
    };
    static const struct step expired = { NOBODY, "GET", "/api", BEARER, NULL, 401, { NULL }, NULL };
    for (int minor = 20; minor <= 34; minor += 14) {
        struct bed b;
        bed_up(&b, minor);
        bed_steps(&b, steps, ARRAY_LEN(steps));
        bed_run_ms(&b, 650 * 1000);
        bed_step(&b, &steps[11], 11);              /* within the leeway for clocks that differ */
        bed_run_ms(&b, 30 * 1000);
        bed_step(&b, &expired, 12);
        bed_down(&b);
    }
    static const struct step old[] = {
        { ADMIN, "POST", NS "/serviceaccounts", NULL, "{\"metadata\":{\"name\":\"robot\"}}", 201, { NULL }, NULL },
        { ADMIN, "POST", NS "/serviceaccounts/robot/token", NULL, "{\"spec\":{}}", 404,
          { "the server could not find the requested resource" }, NULL },
    };
    RUN(16, old);
}

/* data: id "abcdef", secret "0123456789abcdef", usage "true", groups as kubeadm's */
#define BOOT(id, expiration, usage) "{\"metadata\":{\"name\":\"bootstrap-token-" id "\"},\"type\":\"bootstrap.kubernetes.io/token\",\"stringData\":{\"token-id\":\"" id "\",\"token-secret\":\"0123456789abcdef\"," \
    "\"expiration\":\"" expiration "\",\"usage-bootstrap-authentication\":\"" usage "\",\"auth-extra-groups\":\"system:bootstrappers:kubeadm:default-node-token\"}}"

static void bootstrap(void **state)
{
    (void)state;
    static const char *const secrets = "/api/v1/namespaces/kube-system/secrets";
    const struct step steps[] = {
        { ADMIN, "POST", secrets, NULL, BOOT("abcdef", "2020-01-26T00:00:00Z", "true"), 201, { NULL }, NULL },
        { ADMIN, "POST", secrets, NULL, BOOT("aaaaaa", "2020-01-24T00:00:00Z", "true"), 201, { NULL }, NULL },
        { ADMIN, "POST", secrets, NULL, BOOT("bbbbbb", "2020-01-26T00:00:00Z", "false"), 201, { NULL }, NULL },
        { NOBODY, "GET", "/api/v1/nodes", "Authorization: Bearer abcdef.0123456789abcdef", NULL, 403,
          { "User \\\"system:bootstrap:abcdef\\\"" }, NULL },
        { NOBODY, "GET", "/api", "Authorization: Bearer abcdef.0123456789abcdee", NULL, 401, { NULL }, NULL },
        { NOBODY, "GET", "/api", "Authorization: Bearer aaaaaa.0123456789abcdef", NULL, 401, { NULL }, NULL },
        { NOBODY, "GET", "/api", "Authorization: Bearer bbbbbb.0123456789abcdef", NULL, 401, { NULL }, NULL },
        { NOBODY, "GET", "/api", "Authorization: Bearer cccccc.0123456789abcdef", NULL, 401, { NULL }, NULL },
        { ADMIN, "POST", AUTHN "/tokenreviews", NULL, "{\"spec\":{\"token\":\"abcdef.0123456789abcdef\"}}", 201,
          { "\"groups\":[\"system:bootstrappers\",\"system:bootstrappers:kubeadm:default-node-token\",\"system:authenticated\"]" },
          NULL },
    };
    RUN(16, steps);
}

static void reviews(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { ADMIN, "POST", SAR "/subjectaccessreviews", NULL,
          "{\"spec\":{\"user\":\"jane\",\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"pods\"}}}", 201,
          { "\"status\":{\"allowed\":false}" }, NULL },
        { ADMIN, "POST", SAR "/subjectaccessreviews", NULL,
          "{\"spec\":{\"groups\":[\"system:authenticated\"],\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":\"/api/v1\"}}}", 201,
          { "\"status\":{\"allowed\":true,\"reason\":\"RBAC: allowed by ClusterRoleBinding \\\"system:discovery\\\" of ClusterRole "
            "\\\"system:discovery\\\" to Group \\\"system:authenticated\\\"\"}" }, NULL },
        { ADMIN, "POST", SAR "/subjectaccessreviews", NULL,
          "{\"spec\":{\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"pods\"}}}", 422,
          { "at least one of user or group must be specified" }, NULL },
        { ADMIN, "POST", SAR "/subjectaccessreviews", NULL, "{\"spec\":{\"user\":\"x\"}}", 422,
          { "exactly one of nonResourceAttributes or resourceAttributes must be specified" }, NULL },
        { ADMIN, "POST", SAR "/selfsubjectaccessreviews", NULL,
          "{\"spec\":{\"resourceAttributes\":{\"verb\":\"*\",\"group\":\"*\",\"resource\":\"*\"}}}", 201,
          { "\"status\":{\"allowed\":true" }, NULL },
        { ADMIN, "POST", SAR "/namespaces/default/localsubjectaccessreviews", NULL,
          "{\"metadata\":{\"namespace\":\"default\"},\"spec\":{\"user\":\"x\",\"resourceAttributes\":{\"namespace\":\"other\","
          "\"verb\":\"get\",\"resource\":\"pods\"}}}", 400, { "must match" }, NULL },
        { ADMIN, "POST", SAR "/selfsubjectrulesreviews", "Impersonate-User: jane", "{\"spec\":{\"namespace\":\"default\"}}", 201,
          { "\"status\":{\"resourceRules\":[{\"verbs\":[\"create\"],\"apiGroups\":[\"authorization.k8s.io\"],"
            "\"resources\":[\"selfsubjectaccessreviews\",\"selfsubjectrulesreviews\"]}]",
            "\"nonResourceRules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/api\",\"/api/*\"", "\"incomplete\":false" }, NULL },
        { ADMIN, "POST", SAR "/selfsubjectrulesreviews", NULL, "{\"spec\":{}}", 400, { "no namespace on request" }, NULL },
        { NOBODY, "POST", SAR "/selfsubjectaccessreviews", NULL, "{\"spec\":{\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\"}}}", 403, { "selfsubjectaccessreviews.authorization.k8s.io is forbidden" }, NULL },
    };
    RUN(20, steps);
    static const struct step whoami[] = {
        { NODE, "POST", AUTHN "/selfsubjectreviews", NULL, "{}", 201, { "\"userInfo\":{\"username\":\"system:node:ubuntu\",\"groups\":[\"system:nodes\",\"system:authenticated\"]", "X509SHA256=" }, NULL },
    };
    RUN(34, whoami);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(legacy), cmocka_unit_test(bound), cmocka_unit_test(bootstrap), cmocka_unit_test(reviews) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
