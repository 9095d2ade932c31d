/* Who one is, what one may, and in which words one is refused. */
#include "tests/unit/apiserver/auth/bed.h"

#define POD_LIST "/api/v1/namespaces/default/pods"
#define RBAC_API "/apis/rbac.authorization.k8s.io/v1"
#define SAR "/apis/authorization.k8s.io/v1"

static void identities(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { ADMIN, "GET", POD_LIST, NULL, NULL, 200, { "PodList" }, NULL },
        { NOBODY, "GET", "/version", NULL, NULL, 200, { "gitVersion" }, NULL },
        { NOBODY, "GET", "/api/v1/pods", NULL, NULL, 403,
          { "pods is forbidden: User \\\"system:anonymous\\\" cannot list resource \\\"pods\\\" in API group \\\"\\\" at the "
            "cluster scope", "\"details\":{\"kind\":\"pods\"}" }, NULL },
        { NOBODY, "GET", "/apis/metrics.k8s.io/", NULL, NULL, 403,
          { "\"forbidden: User \\\"system:anonymous\\\" cannot get path \\\"/apis/metrics.k8s.io/\\\"\"", "\"details\":{}" }, NULL },
        { NOBODY, "GET", POD_LIST "/x/log", NULL, NULL, 403,
          { "pods \\\"x\\\" is forbidden: User \\\"system:anonymous\\\" cannot get resource \\\"pods/log\\\" in API group \\\"\\\" "
            "in the namespace \\\"default\\\"" }, NULL },
        { NOBODY, "GET", "/apis/apps/v1/deployments", NULL, NULL, 403,
          { "deployments.apps is forbidden", "\"details\":{\"group\":\"apps\",\"kind\":\"deployments\"}" }, NULL },
        { NOBODY, "GET", "/api", "Authorization: Bearer nonsense", NULL, 401,
          { "\"message\":\"Unauthorized\"", "\"code\":401", "!details" }, NULL },
        { NOBODY, "GET", "/version", "Authorization: Basic YTpi", NULL, 200, { NULL }, NULL },
        { STRANGER, "GET", "/version", NULL, NULL, 401, { "Unauthorized" }, NULL },
        { ADMIN, "GET", POD_LIST, "Authorization: Bearer nonsense", NULL, 200, { "PodList" }, NULL },
        { FRONT_PROXY, "GET", POD_LIST, "X-Remote-User: jane\nX-Remote-Group: system:masters", NULL, 200, { "PodList" }, NULL },
        { FRONT_PROXY, "GET", POD_LIST, "X-Remote-User: jane\nX-Remote-Group: a\nX-Remote-Extra-Key: v", NULL, 403,
          { "User \\\"jane\\\" cannot list" }, NULL },
        { FRONT_PROXY, "GET", POD_LIST, NULL, NULL, 401, { NULL }, NULL },
        { IMPOSTOR, "GET", POD_LIST, "X-Remote-User: jane\nX-Remote-Group: system:masters", NULL, 401, { NULL }, NULL },
    };
    RUN(16, steps);
    RUN(34, steps);
}

static void impersonation(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { ADMIN, "GET", "/api/v1/nodes", "Impersonate-User: jane\nImpersonate-Group: developers", NULL, 403,
          { "nodes is forbidden: User \\\"jane\\\" cannot list resource \\\"nodes\\\" in API group \\\"\\\" at the cluster scope" }, NULL },
        { ADMIN, "GET", "/api/v1/nodes", "Impersonate-User: jane\nImpersonate-Group: system:masters", NULL, 200, { "NodeList" },
          NULL },
        { NODE, "GET", "/version", "Impersonate-User: jane", NULL, 403,
          { "users \\\"jane\\\" is forbidden: User \\\"system:node:ubuntu\\\" cannot impersonate resource \\\"users\\\" in API "
            "group \\\"\\\" at the cluster scope" }, NULL },
        { NODE, "GET", "/version", "Impersonate-User: system:serviceaccount:a:b", NULL, 403,
          { "serviceaccounts \\\"b\\\" is forbidden: ",
            "cannot impersonate resource \\\"serviceaccounts\\\" in API group \\\"\\\" in the namespace \\\"a\\\"" }, NULL },
        { ADMIN, "GET", "/version", "Impersonate-Group: a", NULL, 500, { "without impersonating a user" }, NULL },
        { ADMIN, "POST", SAR "/selfsubjectaccessreviews", "Impersonate-User: system:serviceaccount:kube-system:job-controller",
          "{\"spec\":{\"resourceAttributes\":{\"verb\":\"create\",\"resource\":\"pods\",\"namespace\":\"x\"}}}", 201,
          { "\"allowed\":true", "RBAC: allowed by ClusterRoleBinding \\\"system:controller:job-controller\\\" of ClusterRole "
                                "\\\"system:controller:job-controller\\\" to ServiceAccount \\\"job-controller/kube-system\\\"" },
                                NULL },
    };
    RUN(20, steps);
}

#define ROLE(rules) "{\"metadata\":{\"name\":\"look\"},\"rules\":[" rules "]}"
#define AS_JANE "Impersonate-User: jane\nImpersonate-Group: a"
#define JANES(role_kind, role) "{\"metadata\":{\"name\":\"" role "\"},\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"" role_kind "\",\"name\":\"" role "\"},\"subjects\":[{\"kind\":\"User\",\"apiGroup\":\"rbac.authorization.k8s.io\",\"name\":\"jane\"}]}"

static void rbac(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { ADMIN, "POST", RBAC_API "/namespaces/default/rolebindings", NULL, JANES("Role", "look"), 201, { NULL }, NULL },
        { ADMIN, "GET", POD_LIST, AS_JANE, NULL, 403,
          { "in the namespace \\\"default\\\": RBAC: role.rbac.authorization.k8s.io \\\"look\\\" not found" }, NULL },
        { ADMIN, "POST", RBAC_API "/namespaces/default/roles", NULL,
          ROLE("{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\",\"configmaps\"],\"resourceNames\":[]}"),
          201, { NULL }, NULL },
        { ADMIN, "GET", POD_LIST, AS_JANE, NULL, 200, { "PodList" }, NULL },
        { ADMIN, "GET", POD_LIST "/x", AS_JANE, NULL, 404, { NULL }, NULL },
        { ADMIN, "GET", POD_LIST "/x/log", AS_JANE, NULL, 403, { "pods/log" }, NULL },
        { ADMIN, "GET", "/api/v1/pods", AS_JANE, NULL, 403, { "at the cluster scope" }, NULL },
        { ADMIN, "GET", "/api/v1/namespaces/kube-system/pods", AS_JANE, NULL, 403, { "in the namespace \\\"kube-system\\\"\"" },
          NULL },
        { ADMIN, "PUT", RBAC_API "/namespaces/default/roles/look", NULL,
          ROLE("{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\",\"*/log\"],\"resourceNames\":[\"x\"]}"), 200,
          { NULL }, NULL },
        { ADMIN, "GET", POD_LIST, AS_JANE, NULL, 403, { NULL }, NULL },
        { ADMIN, "GET", POD_LIST "/x", AS_JANE, NULL, 404, { NULL }, NULL },
        { ADMIN, "GET", POD_LIST "/x/log", AS_JANE, NULL, 404, { NULL }, NULL },
        { ADMIN, "GET", POD_LIST "/y", AS_JANE, NULL, 403, { NULL }, NULL },
        { ADMIN, "DELETE", RBAC_API "/namespaces/default/rolebindings/look", NULL, NULL, 200, { NULL }, NULL },
        { ADMIN, "GET", POD_LIST "/x", AS_JANE, NULL, 403, { NULL }, NULL },
        { ADMIN, "GET", RBAC_API "/clusterroles/system:node", NULL, NULL, 200,
          { "\"rbac.authorization.kubernetes.io/autoupdate\":\"true\"", "\"kubernetes.io/bootstrapping\":\"rbac-defaults\"" }, NULL },
        { ADMIN, "GET", RBAC_API "/namespaces/kube-system/rolebindings/system::extension-apiserver-authentication-reader", NULL,
          NULL, 200, { "system:kube-scheduler" }, NULL },
    };
    RUN(16, steps);
    RUN(20, steps);
}

static void escalation(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { ADMIN, "POST", RBAC_API "/clusterroles", NULL,
          "{\"metadata\":{\"name\":\"writer\"},\"rules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"rbac.authorization.k8s.io\"],"
          "\"resources\":[\"clusterroles\",\"roles\"],\"resourceNames\":[]},"
          "{\"verbs\":[\"create\"],\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":[\"clusterrolebindings\"]},"
          "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]}]}", 201, { NULL }, NULL },
        { ADMIN, "PATCH", RBAC_API "/clusterroles/writer", NULL,
          "{\"rules\":[{\"verbs\":[\"create\",\"update\"],\"apiGroups\":[\"rbac.authorization.k8s.io\"],"
          "\"resources\":[\"clusterroles\",\"clusterrolebindings\"]},"
          "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]}]}", 200, { NULL }, NULL },
        { ADMIN, "POST", RBAC_API "/clusterrolebindings", NULL, JANES("ClusterRole", "writer"), 201, { NULL }, NULL },
        { ADMIN, "POST", RBAC_API "/clusterroles", AS_JANE,
          ROLE("{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"nodes\"]}"), 201, { NULL }, NULL },
        { ADMIN, "PUT", RBAC_API "/clusterroles/look", AS_JANE,
          ROLE("{\"verbs\":[\"list\",\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"nodes\",\"pods\"]},{\"verbs\":[\"get\"],"
               "\"nonResourceURLs\":[\"/metrics\"]}"), 403,
          { "\"message\":\"clusterroles.rbac.authorization.k8s.io \\\"look\\\" is forbidden: user \\\"jane\\\" (groups=[\\\"a\\\" "
            "\\\"system:authenticated\\\"]) is attempting to grant RBAC permissions not currently held:\\n"
            "{APIGroups:[\\\"\\\"], Resources:[\\\"nodes\\\"], Verbs:[\\\"list\\\"]}\\n{APIGroups:[\\\"\\\"], "
            "Resources:[\\\"pods\\\"], Verbs:[\\\"list\\\" \\\"get\\\"]}\\n{NonResourceURLs:[\\\"/metrics\\\"], "
            "Verbs:[\\\"get\\\"]}\"" }, NULL },
        { ADMIN, "POST", RBAC_API "/clusterrolebindings", AS_JANE, JANES("ClusterRole", "cluster-admin"), 403,
          { "clusterrolebindings.rbac.authorization.k8s.io \\\"cluster-admin\\\" is forbidden",
            "{APIGroups:[\\\"*\\\"], Resources:[\\\"*\\\"], Verbs:[\\\"*\\\"]}" }, NULL },
        { ADMIN, "POST", RBAC_API "/clusterrolebindings", AS_JANE, JANES("ClusterRole", "nothere"), 404,
          { "clusterroles.rbac.authorization.k8s.io \\\"nothere\\\" not found" }, NULL },
        { ADMIN, "POST", RBAC_API "/clusterrolebindings", AS_JANE, JANES("ClusterRole", "look"), 201, { NULL }, NULL },
        { ADMIN, "PATCH", RBAC_API "/clusterroles/writer", NULL,
          "{\"rules\":[{\"verbs\":[\"create\",\"update\",\"escalate\",\"bind\"],\"apiGroups\":[\"rbac.authorization.k8s.io\"],"
          "\"resources\":[\"clusterroles\",\"clusterrolebindings\"]}]}", 200, { NULL }, NULL },
        { ADMIN, "POST", RBAC_API "/clusterrolebindings", AS_JANE, JANES("ClusterRole", "cluster-admin"), 409, { NULL }, NULL },
    };
    struct bed b;
    bed_up(&b, 20);
    bed_steps(&b, steps, ARRAY_LEN(steps) - 1);
    struct step last = steps[ARRAY_LEN(steps) - 1];
    last.status = 409;                             /* cluster-admin's own binding has the name: the guard let it pass */
    bed_step(&b, &last, 99);
    bed_down(&b);
}

#define CM_ON_NODE "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"ubuntu\",\"serviceAccountName\":\"default\",\"automountServiceAccountToken\":false,\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"envFrom\":[{\"configMapRef\":{\"name\":\"mine\"}}]}],\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}]}}"

static void nodes(void **state)
{
    (void)state;
    static const struct step steps[] = {
        { ADMIN, "POST", "/api/v1/namespaces/default/serviceaccounts", NULL, "{\"metadata\":{\"name\":\"default\"}}", 201,
          { NULL }, NULL },
        { ADMIN, "POST", "/api/v1/namespaces/default/configmaps", NULL, "{\"metadata\":{\"name\":\"mine\"}}", 201, { NULL }, NULL },
        { NODE, "GET", "/api/v1/namespaces/default/configmaps/mine", NULL, NULL, 403,
          { "configmaps \\\"mine\\\" is forbidden: User \\\"system:node:ubuntu\\\" cannot get resource \\\"configmaps\\\" in API "
            "group \\\"\\\" in the namespace \\\"default\\\": no relationship found between node 'ubuntu' and this object" }, NULL },
        { ADMIN, "POST", POD_LIST, NULL, CM_ON_NODE, 201, { NULL }, NULL },
        { NODE, "GET", "/api/v1/namespaces/default/configmaps/mine", NULL, NULL, 200, { NULL }, NULL },
        { NODE, "GET", "/api/v1/namespaces/default/secrets/s", NULL, NULL, 404, { NULL }, NULL },
        { OTHER_NODE, "GET", "/api/v1/namespaces/default/configmaps/mine", NULL, NULL, 403,
          { "no relationship found between node 'other'" }, NULL },
        { NODE, "GET", "/api/v1/namespaces/default/configmaps?fieldSelector=metadata.name%3Dmine", NULL, NULL, 200,
          { "ConfigMapList" }, NULL },
        { NODE, "GET", "/api/v1/namespaces/default/configmaps", NULL, NULL, 403, { "No Object name found" }, NULL },
        { NODE, "GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dubuntu", NULL, NULL, 200, { "PodList" }, NULL },
        { NODE, "POST", "/api/v1/nodes", NULL,
          "{\"metadata\":{\"name\":\"ubuntu\",\"labels\":{\"kubernetes.io/hostname\":\"ubuntu\"}}}", 201,
          { "node.kubernetes.io/not-ready" }, NULL },
        { NODE, "POST", "/api/v1/nodes", NULL, "{\"metadata\":{\"name\":\"third\"}}", 403,
          { "nodes \\\"third\\\" is forbidden: node \\\"ubuntu\\\" is not allowed to modify node \\\"third\\\"" }, NULL },
        { NODE, "PATCH", "/api/v1/nodes/ubuntu", NULL, "{\"metadata\":{\"labels\":{\"node-role.kubernetes.io/master\":\"\"}}}",
          403, { "node \\\"ubuntu\\\" is not allowed to modify labels: node-role.kubernetes.io/master" }, NULL },
        { NODE, "PATCH", "/api/v1/nodes/ubuntu", NULL, "{\"spec\":{\"taints\":null}}", 403, { "is not allowed to modify taints" },
          NULL },
        { NODE, "POST", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", NULL,
          "{\"metadata\":{\"name\":\"ubuntu\"}}", 201, { NULL }, NULL },
        { OTHER_NODE, "GET", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/ubuntu", NULL, NULL, 403,
          { "can only access node lease with the same name as the requesting node" }, NULL },
        { NODE, "POST", POD_LIST, NULL,
          "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"nodeName\":\"ubuntu\",\"automountServiceAccountToken\":false,"
          "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}", 403, { "can only create mirror pods" }, NULL },
        { NODE, "POST", "/api/v1/namespaces/default/serviceaccounts/default/token", NULL,
          "{\"spec\":{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"p\"}}}", 201, { NULL }, "status.token" },
        { NOBODY, "GET", "/api", "Authorization: Bearer $T", NULL, 200, { NULL }, NULL },
        { NODE, "POST", "/api/v1/namespaces/default/serviceaccounts/default/token", NULL, "{\"spec\":{}}", 403,
          { "node requested token not bound to a pod" }, NULL },
        { OTHER_NODE, "POST", "/api/v1/namespaces/default/serviceaccounts/default/token", NULL, "{\"spec\":{}}", 403,
          { "no relationship found" }, NULL },
        { NODE, "PATCH", POD_LIST "/p/status", NULL, "{\"status\":{\"phase\":\"Running\"}}", 200, { NULL }, NULL },
        { OTHER_NODE, "PATCH", POD_LIST "/p/status", NULL, "{\"status\":{\"phase\":\"Failed\"}}", 403,
          { "can only update pod status for pods with spec.nodeName set to itself" }, NULL },
        { ADMIN, "DELETE", POD_LIST "/p?gracePeriodSeconds=0", NULL, NULL, 200, { NULL }, NULL },
        { NOBODY, "GET", "/api", "Authorization: Bearer $T", NULL, 401, { NULL }, NULL },
        { NODE, "GET", "/api/v1/namespaces/default/configmaps/mine", NULL, NULL, 403, { NULL }, NULL },
    };
    RUN(20, steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(identities), cmocka_unit_test(impersonation), cmocka_unit_test(rbac),
                                        cmocka_unit_test(escalation), cmocka_unit_test(nodes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
