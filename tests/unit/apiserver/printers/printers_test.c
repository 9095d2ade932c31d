/* Rows of tables as cases: server version, resource, object, cells. Now is 2020-01-24T12:00:00Z. */
#include "apiserver/printers/printers.h"

#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

struct row_case { int minor; const char *group, *version, *resource, *object, *want; };
#define META "'metadata':{'name':'x','creationTimestamp':'2020-01-24T11:59:17Z'}"
#define POD(status) "{" META ",'spec':{'nodeName':'n','containers':[{'name':'a'},{'name':'b'}],'initContainers':[{'name':'i'},{'name':'j'}]},'status':{" status "}}"
#define INIT(state) POD("'phase':'Pending','initContainerStatuses':[{'name':'i','restartCount':1,'state':{'terminated':{'exitCode':0}}},{'name':'j','restartCount':2,'state':{" state "}}]")
#define C(state, ready, restarts) "{'restartCount':" restarts ",'ready':" ready ",'state':{" state "}}"
#define WIDE ",'43s','<none>','n','<none>','<none>']"

static const struct row_case cases[] = {
    { 16, "", "v1", "pods", POD("'phase':'Running','podIP':'10.32.0.4','containerStatuses':[" C("'running':{}", "true",
                                                                                                "1") "," C("'running':{}", "false",
                                                                                                        "2") "]"),
      "['x','1/2','Running',3,'43s','10.32.0.4','n','<none>','<none>']" },
    { 20, "", "v1", "pods", POD("'phase':'Pending'"), "['x','0/2','Pending',0" WIDE },
    { 20, "", "v1", "pods", INIT("'running':{}"), "['x','0/2','Init:1/2',3" WIDE },
    { 20, "", "v1", "pods", INIT("'waiting':{'reason':'PodInitializing'}"), "['x','0/2','Init:1/2',3" WIDE },
    { 20, "", "v1", "pods", INIT("'waiting':{'reason':'CrashLoopBackOff'}"), "['x','0/2','Init:CrashLoopBackOff',3" WIDE },
    { 20, "", "v1", "pods", INIT("'terminated':{'exitCode':3}"), "['x','0/2','Init:ExitCode:3',3" WIDE },
    { 20, "", "v1", "pods", INIT("'terminated':{'exitCode':137,'signal':9}"), "['x','0/2','Init:Signal:9',3" WIDE },
    { 20, "", "v1", "pods", INIT("'terminated':{'exitCode':1,'reason':'Error'}"), "['x','0/2','Init:Error',3" WIDE },
    { 20, "", "v1", "pods", POD("'phase':'Pending','containerStatuses':[" C("'waiting':{'reason':'ErrImagePull'}", "false",
                                                                            "0") "," C("'waiting':{'reason':'ContainerCreating'}",
                                                                                       "false", "0") "]"),
      "['x','0/2','ErrImagePull',0" WIDE },
    { 20, "", "v1", "pods", POD("'phase':'Running','containerStatuses':[" C("'terminated':{'reason':'Completed'}", "false",
                                                                            "0") "," C("'running':{}", "true", "0") "]"),
      "['x','1/2','NotReady',0" WIDE },
    { 16, "", "v1", "pods", POD("'phase':'Running','containerStatuses':[" C("'terminated':{'reason':'Completed'}", "false",
                                                                            "0") "," C("'running':{}", "true", "0") "]"),
      "['x','1/2','Running',0" WIDE },
    { 20, "", "v1", "pods", POD("'phase':'Failed','reason':'Evicted'"), "['x','0/2','Evicted',0" WIDE },
    { 20, "", "v1", "pods", "{'metadata':{'name':'x','deletionTimestamp':'2020-01-24T11:59:17Z'},'status':{'phase':'Running'}}",
      "['x','0/0','Terminating',0,'<unknown>','<none>','<none>','<none>','<none>']" },
    { 20, "", "v1", "pods", "{'metadata':{'name':'x','deletionTimestamp':'2020-01-24T11:59:17Z'},'status':{'phase':'Running',"
                            "'reason':'NodeLost'}}", "['x','0/0','Unknown',0,'<unknown>','<none>','<none>','<none>','<none>']" },
    { 34, "", "v1", "pods", "{'metadata':{'name':'x','deletionTimestamp':'2020-01-24T11:59:17Z'},'status':{'phase':'Succeeded'}}",
      "['x','0/0','Succeeded','0','<unknown>','<none>','<none>','<none>','<none>']" },
    { 34, "", "v1", "pods", POD("'phase':'Running','containerStatuses':[{'restartCount':1,'ready':true,'state':{'running':{}},"
                                "'lastState':{'terminated':{'finishedAt':'2020-01-24T11:59:55Z'}}}]"),
      "['x','1/2','Running','1 (5s ago)'" WIDE },
    { 34, "", "v1", "pods", "{" META ",'spec':{'nodeName':'n','containers':[{'name':'a'}],'initContainers':[{'name':'s',"
                                     "'restartPolicy':'Always'}]},'status':{'phase':'Running',"
      "'initContainerStatuses':[{'name':'s','started':true,'ready':true,'restartCount':0,'state':{'running':{}}}],"
      "'containerStatuses':[" C("'running':{}", "true", "0") "]}}",
      "['x','2/2','Running','0'" WIDE },
    { 20, "", "v1", "pods", "{" META ",'spec':{'nodeName':'n','readinessGates':[{'conditionType':'G'},{'conditionType':'H'}]},"
                                     "'status':{'phase':'Running','conditions':[{'type':'H','status':'True'}]}}",
      "['x','0/0','Running',0,'43s','<none>','n','<none>','1/2']" },
    { 16, "apps", "v1", "deployments",
      "{" META ",'spec':{'replicas':3,'selector':{'matchLabels':{'b':'2','a':'1'}},'template':{'spec':{'containers':[{'name':'c',"
               "'image':'i'},{'name':'d','image':'j'}]}}},"
      "'status':{'readyReplicas':1,'updatedReplicas':2,'availableReplicas':1}}", "['x','1/3',2,1,'43s','c,d','i,j','a=1,b=2']" },
    { 16, "apps", "v1", "replicasets", "{" META ",'spec':{'replicas':3},'status':{'replicas':2}}",
      "['x',3,2,0,'43s','','','<none>']" },
    { 20, "apps", "v1", "daemonsets",
      "{" META ",'spec':{'selector':{'matchLabels':{'a':'b'}},'template':{'spec':{'nodeSelector':{'os':'linux'}}}},"
               "'status':{'desiredNumberScheduled':1}}",
      "['x',1,0,0,0,0,'os=linux','43s','','','a=b']" },
    { 20, "batch", "v1", "jobs", "{" META ",'spec':{'completions':2},'status':{'succeeded':1,'startTime':'2020-01-24T11:58:00Z'}}",
      "['x','1/2','2m','43s','','','<none>']" },
    { 20, "batch", "v1", "jobs", "{" META ",'spec':{'parallelism':3}}", "['x','0/1 of 3','','43s','','','<none>']" },
    { 34, "batch", "v1", "jobs",
      "{" META ",'status':{'conditions':[{'type':'Failed','status':'True'}],'startTime':'2020-01-24T11:58:00Z',"
               "'completionTime':'2020-01-24T11:58:07Z'}}",
      "['x','Failed','0/1','7s','43s','','','<none>']" },
    { 34, "batch", "v1", "cronjobs",
      "{" META ",'spec':{'schedule':'* * * * *','suspend':false},'status':{'active':[{}],'lastScheduleTime':'2020-01-24T11:59:00Z'}}",
      "['x','* * * * *','<none>','False',1,'60s','43s','','','<none>']" },
    { 20, "", "v1", "services",
      "{" META ",'spec':{'type':'ClusterIP','clusterIP':'10.96.0.1','ports':[{'port':443,'protocol':'TCP'},{'port':80,"
               "'nodePort':30080,'protocol':'TCP'}],'selector':{'app':'w'}}}",
      "['x','ClusterIP','10.96.0.1','<none>','443/TCP,80:30080/TCP','43s','app=w']" },
    { 20, "", "v1", "services", "{" META ",'spec':{'type':'LoadBalancer','clusterIP':'None'}}",
      "['x','LoadBalancer','None','<pending>','<none>','43s','<none>']" },
    { 20, "", "v1", "services", "{" META ",'spec':{'type':'ExternalName','externalName':'e.org'}}",
      "['x','ExternalName','<none>','e.org','<none>','43s','<none>']" },
    { 20, "", "v1", "endpoints",
      "{" META ",'subsets':[{'addresses':[{'ip':'1.1.1.1'},{'ip':'1.1.1.2'},{'ip':'::1'},{'ip':'4'},{'ip':'5'}],"
               "'ports':[{'port':80}]}]}",
      "['x','1.1.1.1:80,1.1.1.2:80,[::1]:80 + 2 more...','43s']" },
    { 20, "", "v1", "endpoints", "{" META "}", "['x','<none>','43s']" },
    { 16, "", "v1", "nodes",
      "{'metadata':{'name':'ubuntu','labels':{'node-role.kubernetes.io/master':'','kubernetes.io/role':'edge','z':''}},"
      "'spec':{'unschedulable':true},'status':{'conditions':"
      "[{'type':'Ready','status':'True'}],'addresses':[{'type':'InternalIP','address':'1.2.3.4'}],"
      "'nodeInfo':{'kubeletVersion':'v1.16.4','osImage':'U'}}}",
      "['ubuntu','Ready,SchedulingDisabled','edge,master','<unknown>','v1.16.4','1.2.3.4','<none>','U','<unknown>','<unknown>']" },
    { 16, "", "v1", "nodes", "{" META ",'status':{'conditions':[{'type':'Ready','status':'Unknown'}]}}",
      "['x','NotReady','<none>','43s','','<none>','<none>','<unknown>','<unknown>','<unknown>']" },
    { 16, "", "v1", "configmaps", "{" META ",'data':{'a':'b'},'binaryData':{'c':'d'}}", "['x',2,'43s']" },
    { 16, "", "v1", "serviceaccounts", "{" META ",'secrets':[{}]}", "['x',1,'43s']" },
    { 16, "", "v1", "secrets", "{" META ",'type':'Opaque'}", "['x','Opaque',0,'43s']" },
    { 16, "", "v1", "events",
      "{'metadata':{'name':'e'},'type':'Normal','reason':'Pulled','message':' text\\n','count':4,"
      "'firstTimestamp':'2020-01-24T11:00:00Z','lastTimestamp':'2020-01-24T11:59:00Z',"
      "'involvedObject':{'kind':'Pod','name':'p','fieldPath':'spec.containers{c}'},'source':{'component':'kubelet','host':'ubuntu'}}",
      "['60s','Normal','Pulled','pod/p','spec.containers{c}','kubelet, ubuntu','text','60m',4,'e']" },
    { 34, "events.k8s.io", "v1", "events",
      "{'metadata':{'name':'e'},'type':'Normal','reason':'Scheduled','note':'n','eventTime':'2020-01-24T11:59:00.000001Z',"
      "'regarding':{'kind':'Pod'},"
      "'reportingController':'default-scheduler','reportingInstance':'ds-1'}",
      "['59s','Normal','Scheduled','pod','','default-scheduler, ds-1','n','59s',1,'e']" },
    { 16, "rbac.authorization.k8s.io", "v1", "roles", "{" META "}", "['x','43s']" },
    { 20, "rbac.authorization.k8s.io", "v1", "roles", "{" META "}", "['x','2020-01-24T11:59:17Z']" },
    { 20, "rbac.authorization.k8s.io", "v1", "rolebindings",
      "{" META ",'roleRef':{'kind':'Role','name':'look'},'subjects':[{'kind':'User','name':'a'},{'kind':'User','name':'b'},"
      "{'kind':'ServiceAccount','namespace':'t','name':'s'}]}", "['x','Role/look','43s','a, b','','t/s']" },
    { 16, "certificates.k8s.io", "v1beta1", "certificatesigningrequests",
      "{" META ",'spec':{'username':'u'},'status':{'conditions':[{'type':'Approved'}],'certificate':'x'}}",
      "['x','43s','u','Approved,Issued']" },
    { 20, "certificates.k8s.io", "v1", "certificatesigningrequests", "{" META ",'spec':{'username':'u','signerName':'s'}}",
      "['x','43s','s','u','Pending']" },
    { 16, "apiregistration.k8s.io", "v1", "apiservices",
      "{" META ",'spec':{'service':{'namespace':'n','name':'s'}},'status':{'conditions':[{'type':'Available','status':'False',"
               "'reason':'MissingEndpoints'}]}}",
      "['x','n/s','False (MissingEndpoints)','43s']" },
    { 16, "apiregistration.k8s.io", "v1", "apiservices", "{" META ",'spec':{}}", "['x','Local','Unknown','43s']" },
    { 20, "storage.k8s.io", "v1", "storageclasses",
      "{'metadata':{'name':'s','annotations':{'storageclass.kubernetes.io/is-default-class':'true'}},'provisioner':'p'}",
      "['s (default)','p','Delete','Immediate',false,'<unknown>']" },
    { 20, "", "v1", "persistentvolumeclaims",
      "{" META ",'spec':{'volumeName':'v','storageClassName':'c','volumeMode':'Filesystem'},'status':{'phase':'Bound',"
               "'accessModes':['ReadWriteMany','ReadWriteOnce'],'capacity':{'storage':'1Gi'}}}",
      "['x','Bound','v','1Gi','RWO,RWX','c','43s','Filesystem']" },
    { 20, "policy", "v1beta1", "poddisruptionbudgets", "{" META ",'spec':{'minAvailable':1},'status':{'disruptionsAllowed':2}}",
      "['x','1','N/A',2,'43s']" },
    { 20, "", "v1", "resourcequotas",
      "{" META ",'status':{'hard':{'requests.cpu':'2','pods':'4','limits.cpu':'3'},'used':{'pods':'1'}}}",
      "['x','43s','pods: 1/4, requests.cpu: 0/2','limits.cpu: 0/3']" },
    { 20, "apps", "v1", "controllerrevisions",
      "{'metadata':{'name':'x','ownerReferences':[{'apiVersion':'apps/v1','kind':'DaemonSet','name':'d','controller':true}]},"
      "'revision':2}",
      "['x','daemonset.apps/d',2,'<unknown>']" },
    { 20, "networking.k8s.io", "v1", "ingresses",
      "{" META ",'spec':{'ingressClassName':'c','rules':[{'host':'h'},{}],'tls':[{}]},"
               "'status':{'loadBalancer':{'ingress':[{'ip':'2'},{'hostname':'1'}]}}}",
      "['x','c','h','1,2','80, 443','43s']" },
    { 20, "unknown.example", "v1", "widgets", "{" META "}", "['x','2020-01-24T11:59:17Z']" },
#define HPA(version, spec, status) "{'apiVersion':'autoscaling/" version "'," META ",'spec':{'scaleTargetRef':{'kind':'Deployment','name':'web1'},'maxReplicas':5," spec "},'status':{'currentReplicas':1" status "}}"
    { 16, "autoscaling", "v1", "horizontalpodautoscalers",
      HPA("v1", "'minReplicas':1,'targetCPUUtilizationPercentage':50", ",'currentCPUUtilizationPercentage':0"),
      "['x','Deployment/web1','0%/50%','1',5,1,'43s']" },
    { 16, "autoscaling", "v1", "horizontalpodautoscalers", HPA("v1", "'targetCPUUtilizationPercentage':50", ""),
      "['x','Deployment/web1','<unknown>/50%','<unset>',5,1,'43s']" },
    { 34, "autoscaling", "v2", "horizontalpodautoscalers",
      HPA("v2", "'minReplicas':1,'metrics':[{'type':'Resource','resource':{'name':'cpu','target':{'type':'Utilization',"
                "'averageUtilization':50}}}]",
          ",'currentMetrics':[{'type':'Resource','resource':{'name':'cpu','current':{'averageUtilization':0,'averageValue':'1m'}}}]"), "['x','Deployment/web1','cpu: 0%/50%','1',5,1,'43s']" },
    { 20, "autoscaling", "v2beta2", "horizontalpodautoscalers",
      HPA("v2beta2", "'minReplicas':1,'metrics':[{'type':'Resource','resource':{'name':'memory','target':{'type':'AverageValue',"
                     "'averageValue':'200Mi'}}},"
          "{'type':'Pods','pods':{'metric':{'name':'p'},'target':{'type':'AverageValue','averageValue':'1k'}}},{'type':'Object'},"
          "{'type':'External'}]",
          ",'currentMetrics':[{'type':''},{'type':'Pods','pods':{'current':{'averageValue':'500m'}}}]"),
          "['x','Deployment/web1','<unknown>/200Mi, 500m/1k + 2 more...','1',5,1,'43s']" },
    { 20, "autoscaling", "v2beta1", "horizontalpodautoscalers",
      HPA("v2beta1", "'minReplicas':1,'metrics':[{'type':'Object','object':{'target':{'kind':'Service','name':'s'},"
                     "'metricName':'m','targetValue':'3'}},"
          "{'type':'External','external':{'metricName':'e','targetAverageValue':'30'}}]",
          ",'currentMetrics':[{'type':'Object','object':{'target':{'kind':'Service','name':'s'},'currentValue':'2'}},"
          "{'type':'External','external':{'currentAverageValue':'1','currentValue':'9'}}]"),
      "['x','Deployment/web1','2/3, 1/30 (avg)','1',5,1,'43s']" },
    { 20, "autoscaling", "v1", "horizontalpodautoscalers",
      "{'apiVersion':'autoscaling/v1','metadata':{'name':'x',"
      "'annotations':{'autoscaling.alpha.kubernetes.io/metrics':'[{\\\"type\\\":\\\"Resource\\\","
      "\\\"resource\\\":{\\\"name\\\":\\\"memory\\\",\\\"targetAverageValue\\\":\\\"200Mi\\\"}}]'}},"
      "'spec':{'scaleTargetRef':{'kind':'Deployment','name':'web1'},'maxReplicas':5,'targetCPUUtilizationPercentage':60},"
      "'status':{'currentReplicas':0}}",
      "['x','Deployment/web1','<unknown>/200Mi, <unknown>/60%','<unset>',5,0,'<unknown>']" },
};

static struct str quoted(struct arena *a, const char *s)
{
    char *t = arena_strdup(a, s);
    for (char *p = t; *p; p++)
        if (*p == '\'')
            *p = '"';
    return str_c(t);
}

static void rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct row_case *c = &cases[i];
        struct arena *a = arena_new();
        struct err err = { 0 };
        struct json *obj = json_parse(a, quoted(a, c->object), &err);
        struct strbuf out;
        const char *conditions = "unset";
        if (!obj)
            fail_msg("case %zu: %s", i, err.msg);
        strbuf_init(&out, LIMIT_BODY_BYTES);
        const struct printer *p = printer_find(c->minor, str_c(c->group), str_c(c->version), str_c(c->resource));
        printer_row(p, obj, time_from_civil(2020, 1, 24, 12, 0, 0) * (int64_t)NS_PER_S, &out, &conditions);
        struct json *got = json_parse(a, strbuf_str(&out), NULL), *want = json_parse(a, quoted(a, c->want), NULL);
        size_t columns;
        printer_columns(p, &columns);
        assert_int_equal(columns, json_len(got));
        if (!json_equal(got, want))
            fail_msg("case %zu %s: %s", i, c->resource, out.p);
        struct str phase = json_path_str(obj, "status.phase");
        bool ended = !strcmp(c->resource, "pods") && (str_eqc(phase, "Failed") || str_eqc(phase, "Succeeded"));
        assert_true(ended == (conditions != NULL));
        strbuf_deinit(&out);
        arena_free(a);
    }
}

static void columns(void **state)
{
    (void)state;
    size_t n;
    const struct table_column *c = printer_columns(printer_find(16, STR(""), STR("v1"), STR("pods")), &n);
    assert_int_equal(n, 9);
    assert_string_equal(c[3].type, "integer");
    assert_string_equal(c[0].format, "name");
    c = printer_columns(printer_find(34, STR(""), STR("v1"), STR("pods")), &n);
    assert_string_equal(c[3].type, "string");
    c = printer_columns(printer_find(16, STR("certificates.k8s.io"), STR("v1beta1"), STR("certificatesigningrequests")), &n);
    assert_string_equal(c[2].name, "Requestor");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rows), cmocka_unit_test(columns) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
