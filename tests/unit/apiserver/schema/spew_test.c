/* The hashes that kubeadm clusters of v1.16 give these templates; the FNV part is the controllers' and is repeated here. */
#include "apiserver/schema/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static void hash_of(int minor, const char *template, char out[16])
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    struct arena *a = arena_new();
    struct strbuf text;
    strbuf_init(&text, 1 << 20);
    schema_spew_pod_template(minor, json_parse(a, str_c(template), NULL), &text);
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.p[i]) * 16777619u;
    snprintf(out, 16, "%u", h);
    for (char *p = out; *p; p++)
        *p = alphabet[(unsigned char)*p % 27];
    strbuf_deinit(&text);
    arena_free(a);
}

static const struct { const char *hash, *template; } vectors[] = {
    { "75c54b6579",
      "{\"metadata\":{\"creationTimestamp\":null,\"labels\":{\"app\":\"web1\"}},\"spec\":{\"containers\":[{\"name\":\"target\","
      "\"image\":\"target\",\"resources\""
      ":{\"requests\":{\"cpu\":\"200m\"}},\"terminationMessagePath\":\"/dev/termination-log\","
      "\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\""
      "Never\"}],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\","
      "\"nodeName\":\"ubuntu\",\"securityConte"
      "xt\":{},\"schedulerName\":\"default-scheduler\"}}" },
    { "5644d7b6d9",
      "{\"metadata\":{\"creationTimestamp\":null,\"labels\":{\"k8s-app\":\"kube-dns\"}},"
      "\"spec\":{\"volumes\":[{\"name\":\"config-volume\",\"configMap\":{\"na"
      "me\":\"coredns\",\"items\":[{\"key\":\"Corefile\",\"path\":\"Corefile\"}],\"defaultMode\":420}}],"
      "\"containers\":[{\"name\":\"coredns\",\"image\":\"k8s.gcr"
      ".io/coredns:1.6.2\",\"args\":[\"-conf\",\"/etc/coredns/Corefile\"],\"ports\":[{\"name\":\"dns\",\"containerPort\":53,"
      "\"protocol\":\"UDP\"},{\"name\":\"d"
      "ns-tcp\",\"containerPort\":53,\"protocol\":\"TCP\"},{\"name\":\"metrics\",\"containerPort\":9153,\"protocol\":\"TCP\"}],"
      "\"resources\":{\"limits\":{\"mem"
      "ory\":\"170Mi\"},\"requests\":{\"cpu\":\"100m\",\"memory\":\"70Mi\"}},\"volumeMounts\":[{\"name\":\"config-volume\","
      "\"readOnly\":true,\"mountPath\":\"/etc"
      "/coredns\"}],\"livenessProbe\":{\"httpGet\":{\"path\":\"/health\",\"port\":8080,\"scheme\":\"HTTP\"},"
      "\"initialDelaySeconds\":60,\"timeoutSeconds\":5,"
      "\"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":5},\"readinessProbe\":{\"httpGet\":{\"path\":\"/ready\","
      "\"port\":8181,\"scheme\":\"H"
      "TTP\"},\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":3},"
      "\"terminationMessagePath\":\"/dev/termination-"
      "log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"IfNotPresent\","
      "\"securityContext\":{\"capabilities\":{\"add\":[\"NET_BIND_SERVIC"
      "E\"],\"drop\":[\"all\"]},\"readOnlyRootFilesystem\":true,\"allowPrivilegeEscalation\":false}}],\"restartPolicy\":\"Always\","
      "\"terminationGracePe"
      "riodSeconds\":30,\"dnsPolicy\":\"Default\",\"nodeSelector\":{\"beta.kubernetes.io/os\":\"linux\"},"
      "\"serviceAccountName\":\"coredns\",\"serviceAcco"
      "unt\":\"coredns\",\"securityContext\":{},\"schedulerName\":\"default-scheduler\","
      "\"tolerations\":[{\"key\":\"CriticalAddonsOnly\",\"operator\":\"Exi"
      "sts\"},{\"key\":\"node-role.kubernetes.io/master\",\"effect\":\"NoSchedule\"}],"
      "\"priorityClassName\":\"system-cluster-critical\"}}" },
    { "694db48df9",
      "{\"metadata\":{\"name\":\"metrics-server\",\"creationTimestamp\":null,\"labels\":{\"k8s-app\":\"metrics-server\"}},"
      "\"spec\":{\"volumes\":[{\"name\":\"t"
      "mp-dir\",\"emptyDir\":{}}],\"containers\":[{\"name\":\"metrics-server\","
      "\"image\":\"k8s.gcr.io/metrics-server-amd64:v0.3.6\",\"args\":[\"--cert-di"
      "r=/tmp\",\"--secure-port=4443\"],\"ports\":[{\"name\":\"main-port\",\"containerPort\":4443,\"protocol\":\"TCP\"}],"
      "\"resources\":{},\"volumeMounts\":["
      "{\"name\":\"tmp-dir\",\"mountPath\":\"/tmp\"}],\"terminationMessagePath\":\"/dev/termination-log\","
      "\"terminationMessagePolicy\":\"File\",\"imagePul"
      "lPolicy\":\"Always\",\"securityContext\":{\"runAsUser\":1000,\"runAsNonRoot\":true,\"readOnlyRootFilesystem\":true}}],"
      "\"restartPolicy\":\"Always"
      "\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\","
      "\"nodeSelector\":{\"beta.kubernetes.io/os\":\"linux\",\"kubernetes.io/arc"
      "h\":\"amd64\"},\"serviceAccountName\":\"metrics-server\",\"serviceAccount\":\"metrics-server\",\"securityContext\":{},"
      "\"schedulerName\":\"default-"
      "scheduler\"}}" },
    { "c84799697",
      "{\"metadata\":{\"name\":\"metrics-server\",\"creationTimestamp\":null,\"labels\":{\"k8s-app\":\"metrics-server\"}},"
      "\"spec\":{\"volumes\":[{\"name\":\"t"
      "mp-dir\",\"emptyDir\":{}}],\"containers\":[{\"name\":\"metrics-server\","
      "\"image\":\"k8s.gcr.io/metrics-server-amd64:v0.3.6\",\"args\":[\"--kubelet"
      "-preferred-address-types=InternalIP\",\"--cert-dir=/tmp\",\"--secure-port=4443\"],\"ports\":[{\"name\":\"main-port\","
      "\"containerPort\":4443,\"pr"
      "otocol\":\"TCP\"}],\"resources\":{},\"volumeMounts\":[{\"name\":\"tmp-dir\",\"mountPath\":\"/tmp\"}],"
      "\"terminationMessagePath\":\"/dev/termination-l"
      "og\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"Always\",\"securityContext\":{\"runAsUser\":1000,"
      "\"runAsNonRoot\":true,\"readOnly"
      "RootFilesystem\":true}}],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\","
      "\"nodeSelector\":{\"be"
      "ta.kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":\"amd64\"},\"serviceAccountName\":\"metrics-server\","
      "\"serviceAccount\":\"metrics-server\""
      ",\"securityContext\":{},\"schedulerName\":\"default-scheduler\"}}" },
};

static void gives_the_hashes_of_a_real_cluster(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        char hash[16];
        hash_of(16, vectors[i].template, hash);
        assert_string_equal(hash, vectors[i].hash);
    }
}

static void differs_between_versions(void **state)
{
    (void)state;
    char h16[16], h20[16], h34[16];
    hash_of(16, vectors[0].template, h16);
    hash_of(20, vectors[0].template, h20);
    hash_of(34, vectors[0].template, h34);
    assert_string_not_equal(h16, h20);
    assert_string_not_equal(h20, h34);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(gives_the_hashes_of_a_real_cluster),
                                        cmocka_unit_test(differs_between_versions) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
