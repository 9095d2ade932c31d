/* What the admission plugins change and refuse, in upstream's words. */
#include "tests/unit/apiserver/auth/bed.h"

#define NS "/api/v1/namespaces/default"
#define C "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]"
#define POD(name, rest) "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{" rest "}}"
#define BARE "\"automountServiceAccountToken\":false"
#define ACCOUNT { ADMIN, "POST", NS "/serviceaccounts", NULL, "{\"metadata\":{\"name\":\"default\"},\"imagePullSecrets\":[{\"name\":\"pull\"}]}", 201, { NULL }, NULL }

static void namespaces(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { ADMIN, "POST", "/api/v1/namespaces/nothere/configmaps", NULL, "{\"metadata\":{\"name\":\"x\"}}", 404,
          { "namespaces \\\"nothere\\\" not found" }, NULL },
        { ADMIN, "DELETE", "/api/v1/namespaces/default", NULL, NULL, 403,
          { "\"message\":\"namespaces \\\"default\\\" is forbidden: this namespace may not be deleted\"" }, NULL },
        { ADMIN, "POST", "/api/v1/namespaces", NULL, "{\"metadata\":{\"name\":\"t\"}}", 201, { NULL }, NULL },
        { ADMIN, "POST", "/api/v1/namespaces/t/configmaps", NULL, "{\"metadata\":{\"name\":\"before\"}}", 201, { NULL }, NULL },
        { ADMIN, "DELETE", "/api/v1/namespaces/t", NULL, NULL, 200, { NULL }, NULL },
        { ADMIN, "POST", "/api/v1/namespaces/t/configmaps", NULL, "{\"metadata\":{\"name\":\"x\"}}", 403,
          { "\"message\":\"configmaps \\\"x\\\" is forbidden: unable to create new content in namespace t because it is being "
            "terminated\"", "\"reason\":\"NamespaceTerminating\"" }, NULL },
        { ADMIN, "PATCH", "/api/v1/namespaces/t/configmaps/before", NULL, "{\"data\":{\"a\":\"b\"}}", 200, { NULL }, NULL },
        { ADMIN, "DELETE", "/api/v1/namespaces/t/configmaps/before", NULL, NULL, 200, { NULL }, NULL },
    };
    RUN(16, steps);
    RUN(20, steps);
}

static void accounts(void **state)
{
    (void)state;
    static const struct step old[] = {
        { ADMIN, "POST", NS "/pods", NULL, POD("p", C), 403,
          { "pods \\\"p\\\" is forbidden: error looking up service account default/default: serviceaccount \\\"default\\\" not "
            "found" }, NULL },
        ACCOUNT,
        { ADMIN, "POST", NS "/pods", NULL, POD("p", C), 500,
          { "\"message\":\"No API token found for service account \\\"default\\\", retry after the token is automatically created "
            "and added to the service account\"", "\"reason\":\"ServerTimeout\"" }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("bare", BARE "," C), 201,
          { "\"serviceAccountName\":\"default\",\"serviceAccount\":\"default\"", "\"imagePullSecrets\":[{\"name\":\"pull\"}]",
            "!volumeMounts" }, NULL },
        { ADMIN, "PATCH", NS "/serviceaccounts/default", NULL,
          "{\"metadata\":{\"uid\":null},\"secrets\":[{\"name\":\"default-token-x1y2z\"}]}", 200, { NULL }, "metadata.uid" },
        { ADMIN, "POST", NS "/secrets", NULL,
          "{\"metadata\":{\"name\":\"default-token-x1y2z\",\"annotations\":{\"kubernetes.io/service-account.name\":\"default\","
          "\"kubernetes.io/service-account.uid\":\"$T\"}},\"type\":\"kubernetes.io/service-account-token\"}", 201, { NULL }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("p", C), 201,
          { "\"volumes\":[{\"name\":\"default-token-x1y2z\",\"secret\":{\"secretName\":\"default-token-x1y2z\",\"defaultMode\":420}}]",
          "\"volumeMounts\":[{\"name\":\"default-token-x1y2z\",\"readOnly\":true,"
          "\"mountPath\":\"/var/run/secrets/kubernetes.io/serviceaccount\"}]" }, NULL },
        { ADMIN, "POST", NS "/pods", NULL,
          "{\"metadata\":{\"generateName\":\"web-\"},\"spec\":{\"serviceAccountName\":\"x\"," C "}}", 403,
          { "pods \\\"web-\\\" is forbidden: error looking up service account default/x: serviceaccount \\\"x\\\" not found" }, NULL },
    };
    RUN(16, old);
    static const struct step new[] = {
        ACCOUNT,
        { ADMIN, "POST", NS "/pods", NULL, POD("p", C), 201,
          { "\"volumes\":[{\"name\":\"kube-api-access-",
            "{\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}}",
            "\"preemptionPolicy\":\"PreemptLowerPriority\"" }, NULL },
    };
    RUN(34, new);
}

#define PC "/apis/scheduling.k8s.io/v1/priorityclasses"
static void pods(void **state)
{
    (void)state;
    static const struct step steps[] = {
        ACCOUNT,
        { ADMIN, "POST", NS "/pods", NULL, POD("a", BARE "," C), 201,
          { "\"priority\":0", "{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","
                              "\"tolerationSeconds\":300},{\"key\":\"node.kubernetes.io/unreachable\"", "!preemptionPolicy" }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("b", BARE ",\"priorityClassName\":\"x\"," C), 403,
          { "pods \\\"b\\\" is forbidden: no PriorityClass with name x was found" }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("b", BARE ",\"priorityClassName\":\"system-node-critical\"," C), 403,
          { "pods with system-node-critical priorityClass is not permitted in default namespace" }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("b", BARE ",\"priority\":5," C), 403,
          { "the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the "
            "given PriorityClass name" }, NULL },
        { ADMIN, "POST", PC, NULL, "{\"metadata\":{\"name\":\"usual\"},\"value\":7,\"globalDefault\":true}", 201, { NULL }, NULL },
        { ADMIN, "POST", PC, NULL, "{\"metadata\":{\"name\":\"other\"},\"value\":7,\"globalDefault\":true}", 403,
          { "PriorityClass usual is already marked as default. Only one default can exist" }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("b", BARE ",\"tolerations\":[{\"operator\":\"Exists\"}]," C), 201,
          { "\"priority\":7", "\"priorityClassName\":\"usual\"", "!not-ready" }, NULL },
    };
    RUN(16, steps);
}

#define RES(r) "\"automountServiceAccountToken\":false,\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":" r "}]"
static void limits(void **state)
{
    (void)state;
    static const struct step steps[] = {
        ACCOUNT,
        { ADMIN, "POST", NS "/limitranges", NULL,
          "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"limits\":[{\"type\":\"Container\",\"default\":{\"cpu\":\"500m\"},"
          "\"defaultRequest\":{\"cpu\":\"100m\",\"memory\":\"64Mi\"},\"max\":{\"cpu\":\"1\"},\"min\":{\"memory\":\"32Mi\"}}]}}",
          201, { NULL }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("a", BARE "," C), 201,
          { "\"kubernetes.io/limit-ranger\":\"LimitRanger plugin set: cpu, memory request for container c; cpu",
            "limit for container c\"", "\"requests\":{\"cpu\":\"100m\",\"memory\":\"64Mi\"}" }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("b", RES("{\"limits\":{\"cpu\":\"2\"},\"requests\":{\"memory\":\"1Mi\"}}")), 403,
          { "pods \\\"b\\\" is forbidden: [minimum memory usage per Container is 32Mi, but request is 1Mi, maximum cpu usage per "
            "Container is 1, but limit is 2]" }, NULL },
        { ADMIN, "POST", NS "/resourcequotas", NULL,
          "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"pods\":\"2\",\"requests.cpu\":\"250m\",\"configmaps\":\"1\","
          "\"count/deployments.apps\":\"0\"}}}", 201, { NULL }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("c", RES("{\"requests\":{\"cpu\":\"200m\"}}")), 403,
          { "pods \\\"c\\\" is forbidden: exceeded quota: q, requested: requests.cpu=200m, used: requests.cpu=100m, limited: "
            "requests.cpu=250m" }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("c", RES("{\"requests\":{\"cpu\":\"150m\"}}")), 201, { NULL }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("d", BARE "," C), 403,
          { "exceeded quota: q, requested: pods=1,requests.cpu=100m, used: pods=2,requests.cpu=250m, limited: pods=2,"
            "requests.cpu=250m" }, NULL },
        { ADMIN, "POST", NS "/configmaps", NULL, "{\"metadata\":{\"name\":\"1\"}}", 201, { NULL }, NULL },
        { ADMIN, "POST", NS "/configmaps", NULL, "{\"metadata\":{\"name\":\"2\"}}", 403,
          { "configmaps \\\"2\\\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: "
            "configmaps=1" }, NULL },
        { ADMIN, "DELETE", NS "/limitranges/l", NULL, NULL, 200, { NULL }, NULL },
        { ADMIN, "POST", NS "/pods", NULL, POD("d", BARE "," C), 403,
          { "pods \\\"d\\\" is forbidden: failed quota: q: must specify requests.cpu" }, NULL },
        { ADMIN, "POST", "/apis/apps/v1/namespaces/default/deployments", NULL,
          "{\"metadata\":{\"name\":\"w\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
          "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{" C "}}}}", 403,
          { "deployments.apps \\\"w\\\" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: "
            "count/deployments.apps=0, limited: count/deployments.apps=0" }, NULL },
    };
    RUN(20, steps);
}

static void others(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { ADMIN, "POST", "/api/v1/nodes", NULL, "{\"metadata\":{\"name\":\"n\"}}", 201,
          { "\"taints\":[{\"key\":\"node.kubernetes.io/not-ready\",\"effect\":\"NoSchedule\"}]" }, NULL },
        ACCOUNT,
        { ADMIN, "POST", NS "/pods", NULL, POD("r", BARE ",\"runtimeClassName\":\"x\"," C), 403,
          { "pod rejected: RuntimeClass \\\"x\\\" not found" }, NULL },
        { ADMIN, "POST", "/apis/storage.k8s.io/v1/storageclasses", NULL,
          "{\"metadata\":{\"name\":\"slow\",\"annotations\":{\"storageclass.kubernetes.io/is-default-class\":\"true\"}},"
          "\"provisioner\":\"x/y\"}", 201, { NULL }, NULL },
        { ADMIN, "POST", NS "/persistentvolumeclaims", NULL,
          "{\"metadata\":{\"name\":\"v\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"
          "\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}", 201, { "\"storageClassName\":\"slow\"" }, NULL },
    };
    RUN(20, steps);
}

/* A right to approve is needed for the signer, or for all of its domain. */
static void certificates(void **state)
{
    (void)state;
    struct bed b;
    bed_up(&b, 20);
    struct arena *a = arena_new();
    const char *orgs[] = { "system:masters", NULL };
    struct cert_template t = { .cn = "me", .orgs = orgs };
    struct str pem = csr_make(a, b.ca_key, &t, NULL);
#define CSRS "/apis/certificates.k8s.io/v1/certificatesigningrequests"
#define CSR(name, signer) arena_printf(a, "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"request\":\"%.*s\",\"signerName\":\"" signer "\",\"usages\":[\"client auth\",\"digital signature\"]}}", STR_ARG(base64_encode(a, pem)))
    static const char approve[] = "{\"status\":{\"conditions\":[{\"type\":\"Approved\",\"status\":\"True\",\"reason\":\"X\","
                                  "\"message\":\"\"}]}}", as_bob[] = "Impersonate-User: bob";
    const struct step steps[] = {
        { ADMIN, "POST", CSRS, NULL, CSR("a", "kubernetes.io/kube-apiserver-client"), 403,
          { "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed" }, NULL },
        { ADMIN, "POST", CSRS, NULL, CSR("b", "example.com/mine"), 201, { NULL }, NULL },
        { ADMIN, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", NULL,
          "{\"metadata\":{\"name\":\"r\"},\"rules\":[{\"verbs\":[\"get\",\"update\",\"patch\"],"
          "\"apiGroups\":[\"certificates.k8s.io\"],\"resources\":[\"certificatesigningrequests/approval\"]}]}", 201, { NULL }, NULL },
        { ADMIN, "POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", NULL,
          "{\"metadata\":{\"name\":\"r\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\","
          "\"name\":\"r\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"bob\"}]}", 201, { NULL }, NULL },
        { ADMIN, "PATCH", CSRS "/b/approval", as_bob, approve, 403,
          { "certificatesigningrequests.certificates.k8s.io \\\"b\\\" is forbidden: user not permitted to approve requests with "
            "signerName \\\"example.com/mine\\\"" }, NULL },
        { ADMIN, "PATCH", "/apis/rbac.authorization.k8s.io/v1/clusterroles/r", NULL,
          "{\"rules\":[{\"verbs\":[\"get\",\"update\",\"patch\"],\"apiGroups\":[\"certificates.k8s.io\"],"
          "\"resources\":[\"certificatesigningrequests/approval\"]},"
          "{\"verbs\":[\"approve\"],\"apiGroups\":[\"certificates.k8s.io\"],\"resources\":[\"signers\"],\"resourceNames\":[\"example.com/*\"]}]}", 200, { NULL }, NULL },
        { ADMIN, "PATCH", CSRS "/b/approval", as_bob, approve, 200, { NULL }, NULL },
    };
    bed_steps(&b, steps, ARRAY_LEN(steps));
    arena_free(a);
    bed_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(namespaces), cmocka_unit_test(accounts), cmocka_unit_test(pods), cmocka_unit_test(limits), cmocka_unit_test(others), cmocka_unit_test(certificates) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
