/* Hashes that Lab 8 shows, who is deleted first, and what stands behind a Service. */
#include "workloads/controllers/controllers_priv.h"
#include "workloads/controllers/endpoints.h"

#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

/* ---- template hashes: templates as stored, after defaulting ---- */
static const struct { int minor; const char *hash, *template; } hashes[] = {
    { 16, "75c54b6579",
      "{'metadata':{'creationTimestamp':null,'labels':{'app':'web1'}},'spec':{'containers':[{'name':'target','image':'target',"
      "'resources'"
      ":{'requests':{'cpu':'200m'}},'terminationMessagePath':'/dev/termination-log','terminationMessagePolicy':'File',"
      "'imagePullPolicy':'"
      "Never'}],'restartPolicy':'Always','terminationGracePeriodSeconds':30,'dnsPolicy':'ClusterFirst','nodeName':'ubuntu',"
      "'securityConte"
      "xt':{},'schedulerName':'default-scheduler'}}" },
    { 16, "5644d7b6d9",
      "{'metadata':{'creationTimestamp':null,'labels':{'k8s-app':'kube-dns'}},'spec':{'volumes':[{'name':'config-volume',"
      "'configMap':{'na"
      "me':'coredns','items':[{'key':'Corefile','path':'Corefile'}],'defaultMode':420}}],'containers':[{'name':'coredns',"
      "'image':'k8s.gcr"
      ".io/coredns:1.6.2','args':['-conf','/etc/coredns/Corefile'],'ports':[{'name':'dns','containerPort':53,'protocol':'UDP'},"
      "{'name':'d"
      "ns-tcp','containerPort':53,'protocol':'TCP'},{'name':'metrics','containerPort':9153,'protocol':'TCP'}],"
      "'resources':{'limits':{'mem"
      "ory':'170Mi'},'requests':{'cpu':'100m','memory':'70Mi'}},'volumeMounts':[{'name':'config-volume','readOnly':true,"
      "'mountPath':'/etc"
      "/coredns'}],'livenessProbe':{'httpGet':{'path':'/health','port':8080,'scheme':'HTTP'},'initialDelaySeconds':60,"
      "'timeoutSeconds':5,"
      "'periodSeconds':10,'successThreshold':1,'failureThreshold':5},'readinessProbe':{'httpGet':{'path':'/ready','port':8181,"
      "'scheme':'H"
      "TTP'},'timeoutSeconds':1,'periodSeconds':10,'successThreshold':1,'failureThreshold':3},"
      "'terminationMessagePath':'/dev/termination-"
      "log','terminationMessagePolicy':'File','imagePullPolicy':'IfNotPresent',"
      "'securityContext':{'capabilities':{'add':['NET_BIND_SERVIC"
      "E'],'drop':['all']},'readOnlyRootFilesystem':true,'allowPrivilegeEscalation':false}}],'restartPolicy':'Always',"
      "'terminationGracePe"
      "riodSeconds':30,'dnsPolicy':'Default','nodeSelector':{'beta.kubernetes.io/os':'linux'},'serviceAccountName':'coredns',"
      "'serviceAcco"
      "unt':'coredns','securityContext':{},'schedulerName':'default-scheduler','tolerations':[{'key':'CriticalAddonsOnly',"
      "'operator':'Exi"
      "sts'},{'key':'node-role.kubernetes.io/master','effect':'NoSchedule'}],'priorityClassName':'system-cluster-critical'}}" },
    { 16, "694db48df9",
      "{'metadata':{'name':'metrics-server','creationTimestamp':null,'labels':{'k8s-app':'metrics-server'}},"
      "'spec':{'volumes':[{'name':'t"
      "mp-dir','emptyDir':{}}],'containers':[{'name':'metrics-server','image':'k8s.gcr.io/metrics-server-amd64:v0.3.6',"
      "'args':['--cert-di"
      "r=/tmp','--secure-port=4443'],'ports':[{'name':'main-port','containerPort':4443,'protocol':'TCP'}],'resources':{},"
      "'volumeMounts':["
      "{'name':'tmp-dir','mountPath':'/tmp'}],'terminationMessagePath':'/dev/termination-log','terminationMessagePolicy':'File',"
      "'imagePul"
      "lPolicy':'Always','securityContext':{'runAsUser':1000,'runAsNonRoot':true,'readOnlyRootFilesystem':true}}],"
      "'restartPolicy':'Always"
      "','terminationGracePeriodSeconds':30,'dnsPolicy':'ClusterFirst','nodeSelector':{'beta.kubernetes.io/os':'linux',"
      "'kubernetes.io/arc"
      "h':'amd64'},'serviceAccountName':'metrics-server','serviceAccount':'metrics-server','securityContext':{},"
      "'schedulerName':'default-"
      "scheduler'}}" },
};

static void hash_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        struct arena *a = arena_new();
        assert_string_equal(template_hash(a, hashes[i].minor, json_buildf(a, hashes[i].template), -1), hashes[i].hash);
        assert_string_not_equal(template_hash(a, hashes[i].minor, json_buildf(a, hashes[i].template), 0), hashes[i].hash);
        arena_free(a);
    }
}

/* ---- victims: name, node, phase, ready since (s, -1 not ready), restarts, created (s), deletion cost, rank ---- */
struct pod_case { const char *name, *node, *phase; int ready_s, restarts, created_s; const char *cost; int rank; };

static struct json *make_pod(struct arena *a, const struct pod_case *p)
{
    struct json *ready = p->ready_s < 0 ? json_buildf(a, "{'type':'Ready','status':'False'}")
                                        : json_buildf(a, "{'type':'Ready','status':'True','lastTransitionTime':%S}",
                                                      time_rfc3339(a, p->ready_s * SECOND));
    return json_buildf(a, "{'metadata':{'name':%s,'creationTimestamp':%S,"
                          "'annotations':{'controller.kubernetes.io/pod-deletion-cost':%s}},'spec':{'nodeName':%s},"
                          "'status':{'phase':%s,'conditions':[%j],'containerStatuses':[{'restartCount':%d}]}}",
                       p->name, time_rfc3339(a, p->created_s * SECOND), p->cost, p->node, p->phase, ready, (int64_t)p->restarts);
}

static void check_victims(int minor, const struct pod_case *pods, size_t n, const char *want)
{
    struct arena *a = arena_new();
    struct victim v[8];
    struct strbuf got;
    strbuf_init(&got, 256);
    for (size_t i = 0; i < n; i++)
        v[i] = (struct victim){ .pod = make_pod(a, &pods[i]), .rank = pods[i].rank };
    victims_sort(v, n, minor);
    for (size_t i = 0; i < n; i++)
        strbuf_add(&got, meta_name(v[i].pod));
    assert_string_equal(got.p, want);
    strbuf_deinit(&got);
    arena_free(a);
}

static void victims_test(void **state)
{
    static const struct pod_case lab[] = {         /* the first pod of Lab 8 is the one that stays */
        { "a", "ubuntu", "Running", 10, 0, 5, NULL, 1 }, { "b", "ubuntu", "Running", 60, 0, 50, NULL, 1 },
        { "c", "ubuntu", "Running", 61, 0, 50, NULL, 1 } };
    static const struct pod_case mixed[] = {
        { "a", "ubuntu", "Running", 10, 0, 5, NULL, 1 },   { "b", "", "Pending", -1, 0, 6, NULL, 1 },
        { "c", "ubuntu", "Pending", -1, 0, 6, NULL, 1 },
        { "d", "ubuntu", "Running", -1, 0, 6, NULL, 1 },   { "e", "ubuntu", "Running", 10, 3, 5, NULL, 1 },
        { "f", "ubuntu", "Running", 10, 0, 7, NULL, 1 } };
    static const struct pod_case cost[] = {
        { "a", "ubuntu", "Running", 60, 0, 50, "10", 1 },  { "b", "ubuntu", "Running", 10, 0, 5, "-5", 1 },
        { "c", "n2", "Running", 10, 0, 5, "10", 3 } };
    (void)state;
    check_victims(16, lab, 3, "cba");
    check_victims(16, mixed, 6, "bcdefa");
    check_victims(16, cost, 3, "abc");
    check_victims(20, cost, 3, "cab");
    check_victims(34, cost, 3, "bca");
}

/* ---- subsets ---- */
#define POD(name, ip, ready) "{'metadata':{'name':'" name "','namespace':'default','uid':'u-" name "','resourceVersion':'7'},'spec':{'nodeName':'ubuntu','restartPolicy':'Always'," \
    "'containers':[{'ports':[{'name':'web','containerPort':8080,'protocol':'TCP'}]}]},'status':{'podIP':'" ip "','conditions':[{'type':'Ready','status':'" ready "'}]}}"
#define ADDRESS(name, ip) "{'ip':'" ip "','nodeName':'ubuntu','targetRef':{'kind':'Pod','namespace':'default','name':'" name "','uid':'u-" name "','resourceVersion':'7'}}"

static void subsets_test(void **state)
{
    static const struct { const char *svc, *pods, *want; } cases[] = {
        { "{'spec':{'ports':[{'port':80,'targetPort':80,'protocol':'TCP'}]}}",
          "[" POD("b", "10.32.0.9", "True") "," POD("a", "10.32.0.4", "True") "," POD("c", "10.32.0.5", "False") "]",
          "[{'addresses':[" ADDRESS("a", "10.32.0.4") "," ADDRESS("b", "10.32.0.9") "],'notReadyAddresses':[" ADDRESS("c",
                  "10.32.0.5") "],'ports':[{'port':80,'protocol':'TCP'}]}]" },
        { "{'spec':{'ports':[{'name':'http','port':80,'targetPort':'web','protocol':'TCP'}]}}", "[" POD("a", "10.32.0.4", "True") "]",
          "[{'addresses':[" ADDRESS("a", "10.32.0.4") "],'ports':[{'name':'http','port':8080,'protocol':'TCP'}]}]" },
        { "{'spec':{'ports':[{'port':80,'targetPort':'none','protocol':'TCP'}]}}", "[" POD("a", "10.32.0.4", "True") "]", "[]" },
        { "{'spec':{'ports':[{'port':80,'targetPort':80,'protocol':'TCP'}]}}", "[" POD("a", "", "True") "]", "[]" },
        { "{'spec':{'clusterIP':'None'}}", "[" POD("a", "10.32.0.4", "True") "]", "[{'addresses':[" ADDRESS("a", "10.32.0.4") "]}]" },
        { "{'spec':{'publishNotReadyAddresses':true,'ports':[{'port':80,'targetPort':80,'protocol':'TCP'}]}}",
          "[" POD("a", "10.32.0.4", "False") "]",
          "[{'addresses':[" ADDRESS("a", "10.32.0.4") "],'ports':[{'port':80,'protocol':'TCP'}]}]" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        const struct json *list = json_buildf(a, cases[i].pods), *pods[4];
        size_t n = 0;
        for (const struct json *p = json_first(list); p; p = json_next(p))
            pods[n++] = p;
        struct json *got = endpoints_subsets(a, 16, json_buildf(a, cases[i].svc), pods, n);
        assert_string_equal(arena_cstr(a, json_text(a, got)), arena_cstr(a, json_text(a, json_buildf(a, cases[i].want))));
        arena_free(a);
    }
}

static void md5_test(void **state)
{
    static const struct { const char *in, *hex; } cases[] = { { "", "d41d8cd98f00b204e9800998ecf8427e" },
                                                              { "abc", "900150983cd24fb0d6963f7d28e17f72" },
        { "12345678901234567890123456789012345678901234567890123456789012345678901234567890", "57edf4a22be3c955ac49da2e2107b67a" } };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        char sum[16];
        md5(str_c(cases[i].in), (uint8_t *)sum);
        assert_string_equal(arena_cstr(a, hex_encode(a, (struct str){ sum, 16 })), cases[i].hex);
        arena_free(a);
    }
}

/* ---- taints and tolerations ---- */
static void taints_test(void **state)
{
    static const char *const both[] = { "NoSchedule", "NoExecute", NULL };
    static const struct { const char *taints, *tolerations; bool tolerated; } cases[] = {
        { "[]", "[]", true },
        { "[{'key':'k','effect':'NoSchedule'}]", "[]", false },
        { "[{'key':'k','effect':'PreferNoSchedule'}]", "[]", true },
        { "[{'key':'k','effect':'NoSchedule'}]", "[{'operator':'Exists'}]", true },
        { "[{'key':'k','effect':'NoSchedule'}]", "[{'key':'k','effect':'NoSchedule'}]", true },
        { "[{'key':'k','value':'v','effect':'NoSchedule'}]", "[{'key':'k','operator':'Equal','value':'w'}]", false },
        { "[{'key':'k','value':'v','effect':'NoExecute'}]", "[{'key':'k','operator':'Exists','effect':'NoSchedule'}]", false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        assert_int_equal(taint_untolerated(json_buildf(a, cases[i].taints), json_buildf(a, cases[i].tolerations), both) == NULL,
                         cases[i].tolerated);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(hash_test), cmocka_unit_test(victims_test),
                                        cmocka_unit_test(subsets_test), cmocka_unit_test(md5_test),
                                        cmocka_unit_test(taints_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
