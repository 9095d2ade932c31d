/* A request's way through the schema: decode, default, validate; texts recorded from real clusters. */
#include "apiserver/schema/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct request_case { int minor; const char *gvk, *body, *want; };

/* Decode errors, or the object after decoding. */
static const struct request_case decode_cases[] = {
    { 20, "/v1/ConfigMap", "{\"apiVersion\":\"v1\",\"data\":[1,2],\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"wrongtype\","
                           "\"namespace\":\"default\"}}\n",
      "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: v1.ConfigMap.Data: ReadMapCB: expect { or n, but found [, "
      "error found in #10 byte of "
      "...|\",\"data\":[1,2],\"kind|..., bigger context ...|{\"apiVersion\":\"v1\",\"data\":[1,2],\"kind\":\"ConfigMap\","
      "\"metadata\":{\"name\":\"wrongt|..." },
    { 34, "/v1/ConfigMap", "{\"data\":[1,2]}",
      "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal array into Go struct field "
      "ConfigMap.data of type map[string]string" },
    { 16, "/v1/Pod", "{\"spec\":{\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"A\",\"value\":1}]}]}}",
      "Pod in version \"v1\" cannot be handled as a Pod: v1.Pod.Spec: v1.PodSpec.Containers: []v1.Container: v1.Container.Env: "
      "[]v1.EnvVar: v1.EnvVar.Value: "
      "ReadString: expects \" or n, but found 1, error found in #10 byte of ...|,\"value\":1}]}]}}|..., bigger context ...|"
      "tainers\":[{\"name\":\"c\",\"env\":[{\"name\":\"A\",\"value\":1}]}]}}|..." },
    { 34, "apps/v1/Deployment", "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"env\":[{\"name\":\"A\",\"value\":1}]}]}}}}",
      "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal number into Go struct field "
      "EnvVar.spec.template.spec.containers.env.value of type string" },
    { 34, "/v1/Service", "{\"spec\":{\"ports\":[{\"port\":\"80\"}]}}",
      "Service in version \"v1\" cannot be handled as a Service: json: cannot unmarshal string into Go struct field "
      "ServicePort.spec.ports.port of type int32" },
    { 16, "/v1/Pod", "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"abc\"}}}]}}",
      "Pod in version \"v1\" cannot be handled as a Pod: v1.Pod.Spec: v1.PodSpec.Containers: []v1.Container: "
      "v1.Container.Resources: v1.ResourceRequirements.Limits: "
      "unmarshalerDecoder: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$', error "
      "found in #10 byte of "
      "...|cpu\":\"abc\"}}}]}}|..., bigger context ...|{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"abc\"}}}]}}|..." },
    { 20, "/v1/Pod", "{\"spec\":{\"nonsense\":1,\"containers\":[{\"image\":\"i\",\"name\":\"c\",\"stdin\":null,"
                     "\"resources\":{\"limits\":{\"memory\":\"1024Mi\",\"cpu\":0.5}}}]},"
      "\"metadata\":{\"labels\":{\"b\":\"2\",\"a\":\"1\"},\"name\":\"p\",\"creationTimestamp\":\"2020-01-02T03:04:05+01:00\"},"
      "\"kind\":\"Pod\"}",
      "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"2020-01-02T02:04:05Z\",\"labels\":{\"a\":\"1\","
      "\"b\":\"2\"}},"
      "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{\"cpu\":\"500m\","
      "\"memory\":\"1Gi\"}}}]}}" },
};

static struct gvk parse_gvk(const char *text)
{
    struct gvk g;
    struct str rest;
    str_cut(str_c(text), '/', &g.group, &rest);
    str_cut(rest, '/', &g.version, &g.kind);
    return g;
}

static void decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(decode_cases); i++) {
        const struct request_case *t = &decode_cases[i];
        struct schema *s = schema_new(t->minor, true);
        struct arena *a = arena_new();
        struct gvk gvk = parse_gvk(t->gvk);
        struct json *obj = json_parse(a, str_c(t->body), NULL);
        struct err err = { 0 };
        assert_non_null(obj);
        if (schema_decode(s, a, &gvk, obj, str_c(t->body), NULL, &err))
            assert_string_equal(arena_cstr(a, json_text(a, obj)), t->want);
        else
            assert_string_equal(err.msg, t->want);
        err_clear(&err);
        arena_free(a);
        schema_free(s);
    }
}

static void tells_unknown_fields(void **state)
{
    (void)state;
    struct schema *s = schema_new(34, false);
    struct arena *a = arena_new();
    struct gvk gvk = { STR(""), STR("v1"), STR("Pod") };
    struct json *obj = json_buildf(a, "{'spec': {'foo': 1, 'containers': [{'name': 'c', 'bar': {}}]}, 'x': 2}");
    struct str_list unknown = { 0 };
    assert_true(schema_decode(s, a, &gvk, obj, STR_NULL, &unknown, NULL));
    assert_int_equal(unknown.n, 3);
    assert_true(str_eqc(unknown.v[0], "unknown field \"spec.foo\""));
    assert_true(str_eqc(unknown.v[1], "unknown field \"spec.containers[0].bar\""));
    assert_true(str_eqc(unknown.v[2], "unknown field \"x\""));
    arena_free(a);
    schema_free(s);
}

static const struct request_case default_cases[] = {
    { 16, "apps/v1/Deployment",
      "{'metadata':{'name':'web'},'spec':{'selector':{'matchLabels':{'app':'web'}},'template':{'metadata':{'labels':{'app':'web'}},"
      "'spec':{'containers':[{'name':'web','image':'nginx:1.20','ports':[{'containerPort':80}],'stdin':false,'args':[]}]}}}}",
      "{'metadata':{'name':'web','creationTimestamp':null},'spec':{'replicas':1,'selector':{'matchLabels':{'app':'web'}},"
      "'template':{'metadata':"
      "{'creationTimestamp':null,'labels':{'app':'web'}},'spec':{'containers':[{'name':'web','image':'nginx:1.20',"
      "'ports':[{'containerPort':80,'protocol':'TCP'}],"
      "'resources':{},'terminationMessagePath':'/dev/termination-log','terminationMessagePolicy':'File',"
      "'imagePullPolicy':'IfNotPresent'}],'restartPolicy':'Always',"
      "'terminationGracePeriodSeconds':30,'dnsPolicy':'ClusterFirst','securityContext':{},'schedulerName':'default-scheduler'}},"
      "'strategy':{'type':'RollingUpdate',"
      "'rollingUpdate':{'maxUnavailable':'25%','maxSurge':'25%'}},'revisionHistoryLimit':10,'progressDeadlineSeconds':600},"
      "'status':{}}" },
    { 20, "/v1/Service", "{'metadata':{'name':'web'},'spec':{'ports':[{'name':'http','port':80},{'name':'alt','port':8080,"
                         "'targetPort':80}]}}",
      "{'metadata':{'name':'web','creationTimestamp':null},'spec':{'ports':[{'name':'http','protocol':'TCP','port':80,"
      "'targetPort':80},{'name':'alt','protocol':'TCP',"
      "'port':8080,'targetPort':80}],'type':'ClusterIP','sessionAffinity':'None'},'status':{'loadBalancer':{}}}" },
    { 16, "/v1/Pod", "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','image':'busybox','resources':{'limits':{'cpu':'1'}},"
      "'livenessProbe':{'httpGet':{'port':80}}}],'volumes':[{'name':'v'},{'name':'s','secret':{'secretName':'x'}}]}}",
      "{'metadata':{'name':'p','creationTimestamp':null},'spec':{'volumes':[{'name':'v','emptyDir':{}},{'name':'s',"
      "'secret':{'secretName':'x','defaultMode':420}}],"
      "'containers':[{'name':'c','image':'busybox','resources':{'limits':{'cpu':'1'},'requests':{'cpu':'1'}},"
      "'livenessProbe':{'httpGet':{'path':'/','port':80,'scheme':'HTTP'},"
      "'timeoutSeconds':1,'periodSeconds':10,'successThreshold':1,'failureThreshold':3},"
      "'terminationMessagePath':'/dev/termination-log','terminationMessagePolicy':'File',"
      "'imagePullPolicy':'Always'}],'restartPolicy':'Always','terminationGracePeriodSeconds':30,'dnsPolicy':'ClusterFirst',"
      "'securityContext':{},"
      "'schedulerName':'default-scheduler','enableServiceLinks':true},'status':{}}" },
    { 16, "rbac.authorization.k8s.io/v1/ClusterRoleBinding",
      "{'metadata':{'name':'b'},'roleRef':{'kind':'ClusterRole','name':'r'},'subjects':[{'kind':'User','name':'u'},"
      "{'kind':'ServiceAccount','name':'s','namespace':'n'}]}",
      "{'metadata':{'name':'b','creationTimestamp':null},'subjects':[{'kind':'User','apiGroup':'rbac.authorization.k8s.io',"
      "'name':'u'},{'kind':'ServiceAccount','name':'s',"
      "'namespace':'n'}],'roleRef':{'apiGroup':'rbac.authorization.k8s.io','kind':'ClusterRole','name':'r'}}" },
};

static void defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(default_cases); i++) {
        const struct request_case *t = &default_cases[i];
        struct schema *s = schema_new(t->minor, true);
        struct arena *a = arena_new();
        struct gvk gvk = parse_gvk(t->gvk);
        struct json *obj = json_buildf(a, t->body), *want = json_buildf(a, t->want);
        schema_default(s, a, &gvk, obj);
        assert_string_equal(arena_cstr(a, json_text(a, obj)), arena_cstr(a, json_text(a, want)));
        assert_true(schema_decode(s, a, &gvk, obj, STR_NULL, NULL, NULL));       /* what was written reads back the same */
        assert_string_equal(arena_cstr(a, json_text(a, obj)), arena_cstr(a, json_text(a, want)));
        arena_free(a);
        schema_free(s);
    }
}

/* Validation: what a client of that version read, without `Kind "name" is invalid: `. */
static const struct { int minor; const char *gvk, *old, *body, *want; } validate_cases[] = {
    { 20, "/v1/Pod", NULL, "{'metadata':{'name':'n'},'spec':{'containers':[{'name':'c','image':'i','envFrom':[{}]}],'volumes':["
                           "{'name':'a','emptyDir':{'sizeLimit':'-1'}},{'name':'b','projected':{'sources':[{'secret':{'name':'s'},"
                           "'configMap':{'name':'c'}}]}},{'name':'d','downwardAPI':{'items':[{'path':'/x','fieldRef':{'fieldPath':"
                           "'spec.foo'}}]}},{'name':'e','csi':{}}],'hostAliases':[{'ip':'x'}],'dnsConfig':{'nameservers':['x'],"
                           "'options':[{}]},'securityContext':{'fsGroup':-1,'sysctls':[{'name':'a b'}]},'affinity':{'nodeAffinity':"
                           "{'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':0,'preference':{}}]}}}}",
      "[spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity, "
      "spec.volumes[1].projected.sources[0].configMap: Forbidden: may not specify more than 1 volume type, "
      "spec.volumes[2].downwardAPI.items[0].path: Invalid value: \"/x\": must be a relative path, "
      "spec.volumes[2].downwardAPI.items[0].fieldRef.fieldPath: Invalid value: \"spec.foo\": error converting fieldPath: field label "
      "not supported: spec.foo, spec.volumes[3].csi.driver: Required value, "
      "spec.containers[0].envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`, "
      "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range "
      "1-100, spec.dnsConfig.nameservers[0]: Invalid value: \"x\": must be valid IP address, "
      "spec.dnsConfig.options[0]: Required value: must not be empty, "
      "spec.hostAliases.ip: Invalid value: \"x\": must be valid IP address, "
      "spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive, "
      "spec.securityContext.sysctls[0].name: Invalid value: \"a b\": must have at most 253 characters and match regex "
      "([a-z0-9]([-_a-z0-9]*[a-z0-9])?\\.)*[a-z0-9]([-_a-z0-9]*[a-z0-9])?]" },
    { 20, "policy/v1beta1/PodDisruptionBudget", NULL, "{'metadata':{'name':'b'},'spec':{'minAvailable':1,'maxUnavailable':1}}",
      "spec: Invalid value: policy.PodDisruptionBudgetSpec{MinAvailable:(*intstr.IntOrString)(0xc000a1b2c0), "
      "Selector:(*v1.LabelSelector)(nil), MaxUnavailable:(*intstr.IntOrString)(0xc000a1b2c0)}: minAvailable and maxUnavailable "
      "cannot be both set" },
    { 20, "/v1/Node", NULL, "{'metadata':{'name':'n'},'spec':{'taints':[{'key':'a','value':'b c','effect':'NoSchedule'},{'key':'a',"
                            "'value':'d','effect':'NoSchedule'},{'key':'x y'}]}}",
      "[spec.taints[0].value: Invalid value: \"b c\": a valid label must be an empty string or consist of alphanumeric characters, "
      "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex "
      "used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?'), spec.taints[1]: Duplicate value: "
      "core.Taint{Key:\"a\", Value:\"d\", Effect:\"NoSchedule\", TimeAdded:(*v1.Time)(nil)}: taints must be unique by key and effect "
      "pair]" },
    { 20, "events.k8s.io/v1/Event", NULL, "{'metadata':{'name':'e','namespace':'n'},'regarding':{'namespace':'n'},'type':'Odd'}",
      "[eventTime: Required value, type: Invalid value: \"\": has invalid value: Odd]" },
    { 20, "storage.k8s.io/v1/StorageClass", "{'metadata':{'name':'c'},'provisioner':'p','volumeBindingMode':'Immediate'}",
      "{'metadata':{'name':'c'},'provisioner':'p','volumeBindingMode':'WaitForFirstConsumer'}",
      "volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable" },
    { 20, "/v1/ResourceQuota", NULL, "{'metadata':{'name':'q'},'spec':{'scopeSelector':{'matchExpressions':[{'scopeName':'Odd',"
                                     "'operator':'In'},{'scopeName':'PriorityClass','operator':'Exists','values':['a']}]}}}",
      "[spec.scopeSelector.matchExpressions[0].scopeName: Invalid value: \"Odd\": unsupported scope, "
      "spec.scopeSelector.matchExpressions[0].values: Required value: must be atleast one value when `operator` is 'In' or 'NotIn' "
      "for scope selector, spec.scopeSelector.matchExpressions[1].values: Invalid value: []string{\"a\"}: must be no value when "
      "`operator` is 'Exist' or 'DoesNotExist' for scope selector]" },
    { 20, "networking.k8s.io/v1/NetworkPolicy", NULL,
      "{'metadata':{'name':'n'},'spec':{'podSelector':{},'ingress':[{'from':[{},{'ipBlock':{'cidr':'10.0.0.0/24','except':"
      "['10.0.0.0/24','10.1.0.0/28','10.0.0.16/28']},'podSelector':{}},{'ipBlock':{'cidr':'10.0.0.0'}}],'ports':[{'port':0},"
      "{'protocol':'X','port':'a_b'}]}],'policyTypes':['Ingress','Other']}}",
      "[spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, "
      "spec.ingress[0].ports[1].protocol: Unsupported value: \"X\": supported values: \"TCP\", \"UDP\", \"SCTP\", "
      "spec.ingress[0].ports[1].port: Invalid value: \"a_b\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), "
      "spec.ingress[0].from[0]: Required value: must specify a peer, "
      "spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: \"10.0.0.0/24\": must be a strict subset of `cidr`, "
      "spec.ingress[0].from[1].ipBlock.except[1]: Invalid value: \"10.1.0.0/28\": must be a strict subset of `cidr`, "
      "spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer, "
      "spec.ingress[0].from[2].ipBlock.cidr: Invalid value: \"10.0.0.0\": not a valid CIDR, "
      "spec.policyTypes[1]: Unsupported value: \"Other\": supported values: \"Ingress\", \"Egress\"]" },
    { 20, "networking.k8s.io/v1/Ingress", NULL, "{'metadata':{'name':'i'},'spec':{}}",
      "spec: Invalid value: []networking.IngressRule(nil): either `defaultBackend` or `rules` must be specified" },
    { 20, "networking.k8s.io/v1/Ingress", NULL,
      "{'metadata':{'name':'i'},'spec':{'defaultBackend':{'service':{'name':'','port':{}}},'rules':[{'host':'1.2.3.4','http':{'paths':"
      "[{'path':'x','pathType':'Exact','backend':{}},{'path':'/a//b','pathType':'Prefix','backend':{'service':{'name':'s','port':"
      "{'number':1,'name':'n'}}}},{'backend':{}}]}}]}}",
      "[spec.defaultBackend.service.name: Required value, spec.defaultBackend: Required value: port name or number is required, "
      "spec.rules[0].host: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address, "
      "spec.rules[0].http.paths[0].path: Invalid value: \"x\": must be an absolute path, "
      "spec.rules[0].http.paths[0].backend: Invalid value: \"\": resource or service backend is required, "
      "spec.rules[0].http.paths[1].path: Invalid value: \"/a//b\": must not contain '//', "
      "spec.rules[0].http.paths[1].backend: Invalid value: \"\": cannot set both port name & port number, "
      "spec.rules[0].http.paths[2].pathType: Required value: pathType must be specified]" },
    { 20, "networking.k8s.io/v1/IngressClass", "{'metadata':{'name':'c'},'spec':{'controller':'a.io/b'}}",
      "{'metadata':{'name':'c'},'spec':{'controller':'b'}}",
      "[spec.controller: Invalid value: \"b\": field is immutable, "
      "spec.controller: Invalid value: \"b\": must be a domain-prefixed path (such as \"acme.io/foo\")]" },
    { 20, "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration", NULL,
      "{'metadata':{'name':'w'},'webhooks':[{'name':'short','clientConfig':{'url':'http://u@h/p#f'},'rules':[{'operations':['*',"
      "'CREATE'],'apiGroups':[],'apiVersions':['v1'],'resources':['*','pods','pods/*','pods/log']}],'sideEffects':'Some',"
      "'admissionReviewVersions':['v9']}]}",
      "[webhooks[0].name: Invalid value: \"short\": should be a domain with at least three segments separated by dots, "
      "webhooks[0].rules[0].operations: Invalid value: []admissionregistration.OperationType{\"*\", \"CREATE\"}: if '*' is present, "
      "must not specify other operations, webhooks[0].rules[0].apiGroups: Required value, "
      "webhooks[0].rules[0].resources[3]: Invalid value: \"pods/log\": if 'pods/*' is present, must not specify pods/log, "
      "webhooks[0].rules[0].resources: Invalid value: []string{\"*\", \"pods\", \"pods/*\", \"pods/log\"}: if '*' is present, must "
      "not specify other resources without subresources, "
      "webhooks[0].sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\", "
      "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: "
      "https://host[/path], webhooks[0].clientConfig.url: Invalid value: \"u\": user information is not permitted in the URL, "
      "webhooks[0].clientConfig.url: Invalid value: \"f\": fragments are not permitted in the URL, "
      "webhooks[0].admissionReviewVersions: Invalid value: []string{\"v9\"}: must include at least one of v1, v1beta1]" },
    { 20, "discovery.k8s.io/v1beta1/EndpointSlice", NULL,
      "{'metadata':{'name':'e'},'addressType':'IPv4','endpoints':[{'addresses':[]},{'addresses':['::1','10.0.0.1']}],'ports':"
      "[{'name':'a','protocol':'X'},{'name':'a','protocol':'TCP'}]}",
      "[endpoints[0].addresses: Required value: must contain at least 1 address, "
      "endpoints[1].addresses[0]: Invalid value: \"::1\": must be a valid IPv4 address, "
      "endpoints[1].addresses[0]: Invalid value: \"::1\": may not be in the loopback range (127.0.0.0/8), "
      "ports[0].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\", "
      "ports[1].name: Duplicate value: \"a\"]" },
    { 20, "/v1/Service", NULL,
      "{'metadata':{'name':'s'},'spec':{'type':'LoadBalancer','sessionAffinity':'ClientIP','sessionAffinityConfig':{'clientIP':"
      "{'timeoutSeconds':90000}},'loadBalancerSourceRanges':['1.2.3.4'],'externalTrafficPolicy':'Near','ports':[{'port':10250,"
      "'nodePort':30001},{'name':'b','port':81,'nodePort':30001}],'externalIPs':['127.0.0.1']}}",
      "[spec.ports[0].name: Required value, spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be "
      "greater than 0 and less than 86400, spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range "
      "(127.0.0.0/8), spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet, "
      "spec.ports[1].nodePort: Duplicate value: 30001, "
      "spec.LoadBalancerSourceRanges: Invalid value: \"[1.2.3.4]\": must be a list of IP ranges. For example, "
      "10.240.0.0/24,10.250.0.0/24 , "
      "spec.externalTrafficPolicy: Invalid value: \"Near\": ExternalTrafficPolicy must be empty, Cluster or Local]" },
    { 20, "/v1/Pod", NULL, "{'metadata':{'name':'Bad_Name'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
      "metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
      "characters, '-' or '.', and must start and end with "
      "an alphanumeric character (e.g. 'example.com', regex used for validation is "
      "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')" },
    { 20, "/v1/Pod", NULL, "{'metadata':{'name':'n'},'spec':{'containers':[]}}", "spec.containers: Required value" },
    { 20, "/v1/Pod", NULL, "{'metadata':{'name':'manyfaults','labels':{'bad key!':'x'}},'spec':{'restartPolicy':'Sometimes',"
                           "'containers':[{'name':'a','image':'i',"
      "'imagePullPolicy':'Perhaps','ports':[{'containerPort':99999}],'resources':{'requests':{'cpu':'2'},'limits':{'cpu':'1'}}},"
      "{'name':'a','image':''}]}}",
      "[metadata.labels: Invalid value: \"bad key!\": name part must consist of alphanumeric characters, '-', '_' or '.', and must "
      "start and end with an alphanumeric character "
      "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'), "
      "spec.containers[0].ports[0].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive, "
      "spec.containers[0].imagePullPolicy: Unsupported value: \"Perhaps\": supported values: \"Always\", \"IfNotPresent\", \"Never\", "
      "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit, "
      "spec.containers[1].name: Duplicate value: \"a\", spec.containers[1].image: Required value, "
      "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\"]" },
    { 20, "/v1/Service", NULL, "{'metadata':{'name':'badport'},'spec':{'ports':[{'port':0}],'type':'Nonsense'}}",
      "[spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, spec.ports[0].targetPort: Invalid value: 0: "
      "must be between 1 and 65535, inclusive, "
      "spec.type: Unsupported value: \"Nonsense\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", "
      "\"NodePort\"]" },
    { 20, "apps/v1/Deployment", NULL,
      "{'metadata':{'name':'mismatch'},'spec':{'selector':{'matchLabels':{'a':'b'}},'template':{'metadata':{'labels':{'a':'c'}},"
      "'spec':{'containers':[{'name':'c','image':'i'}]}}}}",
      "spec.template.metadata.labels: Invalid value: map[string]string{\"a\":\"c\"}: `selector` does not match template `labels`" },
    { 20, "apps/v1/Deployment",
      "{'metadata':{'name':'web'},'spec':{'selector':{'matchLabels':{'app':'web'}},'template':{'metadata':{'labels':{'app':'web'}},"
      "'spec':{'containers':[{'name':'c','image':'i'}]}}}}",
      "{'metadata':{'name':'web'},'spec':{'selector':{'matchLabels':{'app':'other'}},"
      "'template':{'metadata':{'labels':{'app':'other'}},'spec':{'containers':[{'name':'c','image':'i'}]}}}}",
      "spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{\"app\":\"other\"}, "
      "MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable" },
    { 20, "autoscaling/v2beta2/HorizontalPodAutoscaler", NULL,
      "{'metadata':{'name':'wrong'},'spec':{'scaleTargetRef':{'kind':'Deployment','name':''},'minReplicas':0,'maxReplicas':0,"
      "'metrics':[{'type':'Resource'},{'type':'Sometimes'}]}}",
      "[spec.minReplicas: Invalid value: 0: must be greater than or equal to 1, spec.maxReplicas: Invalid value: 0: must be "
      "greater than 0, spec.scaleTargetRef.name: Required value, "
      "spec.metrics[0].resource: Required value: must populate information for the given metric source, spec.metrics[1].type: "
      "Unsupported value: \"Sometimes\": supported values: "
      "\"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\", spec.metrics: Forbidden: must specify at least one "
      "Object or External metric to support scaling to zero replicas]" },
    { 16, "autoscaling/v2beta2/HorizontalPodAutoscaler", NULL,
      "{'metadata':{'name':'w'},'spec':{'scaleTargetRef':{'kind':'D','name':'d'},'maxReplicas':1,'metrics':[{'type':'Sometimes'}]}}",
      "[spec.metrics[0].type: Unsupported value: \"Sometimes\": supported values: \"External\", \"Object\", \"Pods\", \"Resource\", "
      "spec.metrics[0].sometimes: Required value: must populate information for the given metric source]" },
    { 20, "apps/v1/StatefulSet", NULL,       /* its claims become volumes: containers are not looked at */
      "{'metadata':{'name':'s'},'spec':{'serviceName':'s','selector':{'matchLabels':{'a':'b'}},"
      "'template':{'metadata':{'labels':{'a':'b'}},'spec':{'containers':"
      "[{'name':'c','image':'i','volumeMounts':[{'name':'d','mountPath':'/d'}]}]}},"
      "'volumeClaimTemplates':[{'metadata':{'name':'d'}}]}}", "" },
    { 20, "/v1/Secret", NULL, "{'metadata':{'name':'s'},'type':'kubernetes.io/ssh-auth'}",
      "data[%s][ssh-privatekey]: Required value" },
    { 20, "/v1/Endpoints", NULL, "{'metadata':{'name':'e'},'subsets':[{'addresses':[{'ip':'127.0.0.1'}]}]}",
      "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8)" },
    { 20, "/v1/ResourceQuota", NULL, "{'metadata':{'name':'q'},'spec':{'hard':{'requests.cpu':'1'},'scopes':['BestEffort']}}",
      "spec.scopes: Invalid value: []core.ResourceQuotaScope{\"BestEffort\"}: unsupported scope applied to resource" },
    { 16, "rbac.authorization.k8s.io/v1/RoleBinding", "{'metadata':{'name':'b'},'roleRef':{'kind':'Role','name':'x'}}",
      "{'metadata':{'name':'b'},'roleRef':{'kind':'Role','name':'y'}}",
      "roleRef: Invalid value: rbac.RoleRef{APIGroup:\"rbac.authorization.k8s.io\", Kind:\"Role\", Name:\"y\"}: cannot change "
      "roleRef" },
    { 16, "/v1/Pod", "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
      "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','image':'j'}]}}", "" },
    { 16, "/v1/Service", "{'metadata':{'name':'s'},'spec':{'clusterIP':'10.96.0.7','ports':[{'port':80}]}}",
      "{'metadata':{'name':'s'},'spec':{'clusterIP':'10.96.0.8','ports':[{'port':80}]}}",
      "spec.clusterIP: Invalid value: \"10.96.0.8\": field is immutable" },
    { 16, "apiregistration.k8s.io/v1beta1/APIService", NULL,
      "{'metadata':{'name':'v1beta1.metrics'},'spec':{'group':'metrics.k8s.io','version':'v1beta1','groupPriorityMinimum':100,"
      "'versionPriority':100,'service':{'name':'m','namespace':'k'}}}",
      "metadata.name: Invalid value: \"v1beta1.metrics\": must be `spec.version+\".\"+spec.group`: \"v1beta1.metrics.k8s.io\"" },
};

static void validates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(validate_cases); i++) {
        struct schema *s = schema_new(validate_cases[i].minor, true);
        struct arena *a = arena_new();
        struct gvk gvk = parse_gvk(validate_cases[i].gvk);
        struct json *obj = json_buildf(a, validate_cases[i].body),
                    *old = validate_cases[i].old ? json_buildf(a, validate_cases[i].old) : NULL;
        schema_default(s, a, &gvk, obj);
        if (old)
            schema_default(s, a, &gvk, old);
        struct field_errors errors = { .a = a };
        schema_validate(s, a, &gvk, obj, old, &errors);
        struct err err = { 0 };
        if (errors.n)
            err_invalid(&err, gvk.group, gvk.kind, meta_name(obj), &errors);
        const char *got = errors.n ? strstr(err.msg, "is invalid: ") + 12 : "";
        assert_string_equal(got, validate_cases[i].want);
        err_clear(&err);
        arena_free(a);
        schema_free(s);
    }
}

static void forbids_changes_of_a_pod(void **state)
{
    (void)state;
    static const int minors[] = { 16, 20, 34 };
    for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
        struct schema *s = schema_new(minors[i], true);
        struct arena *a = arena_new();
        struct gvk gvk = { STR(""), STR("v1"), STR("Pod") };
        struct json *old = json_buildf(a, "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','image':'i'}]}}"),
                    *obj = json_copy(a, old);
        json_set_strc(a, json_get(obj, "spec"), "nodeName", "n");
        struct field_errors errors = { .a = a };
        schema_validate(s, a, &gvk, obj, old, &errors);
        assert_int_equal(errors.n, 1);
        assert_true(str_eqc(errors.v[0].field, "spec"));
        assert_true(str_starts(errors.v[0].message,
                               "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"));
        arena_free(a);
        schema_free(s);
    }
}

/* What go-cmp v0.5.2 printed of such structs. */
static const struct { const char *change, *want; } pod_diffs[] = {
    { "{'nodeName':'x'}",
      "  core.PodSpec{\n"
      "  \t... // 9 identical fields\n"
      "  \tServiceAccountName:           \"default\",\n"
      "  \tAutomountServiceAccountToken: nil,\n"
      "- \tNodeName:                     \"x\",\n"
      "+ \tNodeName:                     \"\",\n"
      "  \tSecurityContext:              &{},\n"
      "  \tImagePullSecrets:             nil,\n"
      "  \t... // 16 identical fields\n"
      "  }\n" },
    { "{'restartPolicy':'Never'}",
      "  core.PodSpec{\n"
      "  \t... // 2 identical fields\n"
      "  \tContainers:                    {{Name: \"p\", Image: \"nginx\", VolumeMounts: {{Name: \"default-"
      "token-t5nlq\", ReadOnly: true, MountPath: \"/var/run/secrets/kubernetes.io/serviceaccount\"}}, Termi"
      "nationMessagePath: \"/dev/termination-log\", ...}},\n"
      "  \tEphemeralContainers:           nil,\n"
      "- \tRestartPolicy:                 \"Never\",\n"
      "+ \tRestartPolicy:                 \"Always\",\n"
      "  \tTerminationGracePeriodSeconds: &30,\n"
      "  \tActiveDeadlineSeconds:         nil,\n"
      "  \t... // 23 identical fields\n"
      "  }\n" },
    { "{'containers':[{'name':'q','image':'nginx','volumeMounts':[{'name':'default-token-t5nlq','readOnly':true,"
      "'mountPath':'/x'}]}]}",
      "  core.PodSpec{\n"
      "  \tVolumes:        {{Name: \"default-token-t5nlq\", VolumeSource: {Secret: &{SecretName: \"default-"
      "token-t5nlq\", DefaultMode: &420}}}},\n"
      "  \tInitContainers: nil,\n"
      "  \tContainers: []core.Container{\n"
      "  \t\t{\n"
      "- \t\t\tName:    \"q\",\n"
      "+ \t\t\tName:    \"p\",\n"
      "  \t\t\tImage:   \"nginx\",\n"
      "  \t\t\tCommand: nil,\n"
      "  \t\t\t... // 4 identical fields\n"
      "  \t\t\tEnv:       nil,\n"
      "  \t\t\tResources: {},\n"
      "  \t\t\tVolumeMounts: []core.VolumeMount{\n"
      "  \t\t\t\t{\n"
      "  \t\t\t\t\tName:             \"default-token-t5nlq\",\n"
      "  \t\t\t\t\tReadOnly:         true,\n"
      "- \t\t\t\t\tMountPath:        \"/x\",\n"
      "+ \t\t\t\t\tMountPath:        \"/var/run/secrets/kubernetes.io/serviceaccount\",\n"
      "  \t\t\t\t\tSubPath:          \"\",\n"
      "  \t\t\t\t\tMountPropagation: nil,\n"
      "  \t\t\t\t\tSubPathExpr:      \"\",\n"
      "  \t\t\t\t},\n"
      "  \t\t\t},\n"
      "  \t\t\tVolumeDevices: nil,\n"
      "  \t\t\tLivenessProbe: nil,\n"
      "  \t\t\t... // 10 identical fields\n"
      "  \t\t},\n"
      "  \t},\n"
      "  \tEphemeralContainers: nil,\n"
      "  \tRestartPolicy:       \"Always\",\n"
      "  \t... // 25 identical fields\n"
      "  }\n" },
    { "{'containers':[{'name':'p','image':'nginx','resources':{'limits':{'cpu':'200m','memory':'512Mi'},"
      "'requests':{'cpu':'200m','memory':'512Mi'}},'volumeMounts':[{'name':'default-token-t5nlq','readOnly':true,"
      "'mountPath':'/var/run/secrets/kubernetes.io/serviceaccount'}]}]}",
      "  core.PodSpec{\n"
      "  \tVolumes:        {{Name: \"default-token-t5nlq\", VolumeSource: {Secret: &{SecretName: \"default-"
      "token-t5nlq\", DefaultMode: &420}}}},\n"
      "  \tInitContainers: nil,\n"
      "  \tContainers: []core.Container{\n"
      "  \t\t{\n"
      "  \t\t\t... // 6 identical fields\n"
      "  \t\t\tEnvFrom: nil,\n"
      "  \t\t\tEnv:     nil,\n"
      "  \t\t\tResources: core.ResourceRequirements{\n"
      "- \t\t\t\tLimits: core.ResourceList{\n"
      "- \t\t\t\t\ts\"cpu\":    {i: resource.int64Amount{value: 200, scale: -3}, s: \"200m\", Format: \"Dec"
      "imalSI\"},\n"
      "- \t\t\t\t\ts\"memory\": {i: resource.int64Amount{value: 536870912}, s: \"512Mi\", Format: \"BinaryS"
      "I\"},\n"
      "- \t\t\t\t},\n"
      "+ \t\t\t\tLimits: nil,\n"
      "- \t\t\t\tRequests: core.ResourceList{\n"
      "- \t\t\t\t\ts\"cpu\":    {i: resource.int64Amount{value: 200, scale: -3}, s: \"200m\", Format: \"Dec"
      "imalSI\"},\n"
      "- \t\t\t\t\ts\"memory\": {i: resource.int64Amount{value: 536870912}, s: \"512Mi\", Format: \"BinaryS"
      "I\"},\n"
      "- \t\t\t\t},\n"
      "+ \t\t\t\tRequests: nil,\n"
      "  \t\t\t},\n"
      "  \t\t\tVolumeMounts:  {{Name: \"default-token-t5nlq\", ReadOnly: true, MountPath: \"/var/run/secret"
      "s/kubernetes.io/serviceaccount\"}},\n"
      "  \t\t\tVolumeDevices: nil,\n"
      "  \t\t\t... // 11 identical fields\n"
      "  \t\t},\n"
      "  \t},\n"
      "  \tEphemeralContainers: nil,\n"
      "  \tRestartPolicy:       \"Always\",\n"
      "  \t... // 25 identical fields\n"
      "  }\n" },
    { "{'nodeSelector':{'a':'b','c':'d'}}",
      "  core.PodSpec{\n"
      "  \t... // 6 identical fields\n"
      "  \tActiveDeadlineSeconds:        nil,\n"
      "  \tDNSPolicy:                    \"ClusterFirst\",\n"
      "- \tNodeSelector:                 map[string]string{\"a\": \"b\", \"c\": \"d\"},\n"
      "+ \tNodeSelector:                 nil,\n"
      "  \tServiceAccountName:           \"default\",\n"
      "  \tAutomountServiceAccountToken: nil,\n"
      "  \t... // 19 identical fields\n"
      "  }\n" },
};

static void quotes_what_differs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pod_diffs); i++) {
        struct schema *s = schema_new(20, true);
        struct arena *a = arena_new();
        struct gvk gvk = { STR(""), STR("v1"), STR("Pod") };
        struct json *old = json_buildf(a, "{'metadata':{'name':'p'},'spec':{'volumes':[{'name':'default-token-t5nlq','secret':"
                                          "{'secretName':'default-token-t5nlq'}}],'containers':[{'name':'p','image':'nginx',"
                                          "'volumeMounts':[{'name':'default-token-t5nlq','readOnly':true,'mountPath':"
                                          "'/var/run/secrets/kubernetes.io/serviceaccount'}]}],'serviceAccountName':'default',"
                                          "'priority':0,'preemptionPolicy':'PreemptLowerPriority','enableServiceLinks':true}}"),
                    *change = json_buildf(a, pod_diffs[i].change);
        struct json *obj = json_copy(a, old);
        for (const struct json *m = json_first(change); m; m = json_next(m))
            json_setn(a, json_get(obj, "spec"), json_key(m), json_copy(a, m));
        schema_default(s, a, &gvk, old);
        schema_default(s, a, &gvk, obj);
        struct field_errors errors = { .a = a };
        schema_validate(s, a, &gvk, obj, old, &errors);
        assert_int_equal(errors.n, 1);
        const char *got = strchr(arena_cstr(a, errors.v[0].message), '\n') + 1;
        assert_string_equal(got, pod_diffs[i].want);
        arena_free(a);
        schema_free(s);
    }
}

static void knows_its_kinds(void **state)
{
    (void)state;
    struct schema *bare = schema_new(16, true), *full = schema_new(16, false);
    assert_null(schema_kind(bare, STR("autoscaling"), STR("v2"), STR("HorizontalPodAutoscaler")));
    assert_non_null(schema_kind(full, STR("autoscaling"), STR("v2"), STR("HorizontalPodAutoscaler")));
    assert_non_null(schema_kind(full, STR("batch"), STR("v1"), STR("CronJob")));
    assert_non_null(schema_kind(bare, STR("policy"), STR("v1beta1"), STR("DeleteOptions")));
    assert_true(str_eqc(schema_storage_version(bare, STR("autoscaling"), STR("HorizontalPodAutoscaler")), "v2beta2"));
    assert_true(str_eqc(schema_storage_version(full, STR("autoscaling"), STR("HorizontalPodAutoscaler")), "v2"));
    assert_true(str_eqc(schema_storage_version(bare, STR("apps"), STR("Deployment")), "v1"));
    const struct type *pod = schema_type(bare, STR("io.k8s.api.core.v1.Pod"));
    assert_string_equal(pod->go_name, "v1.Pod");
    assert_null(type_field(pod, STR("met")));
    const struct field *f = type_field(type_field(pod, STR("spec"))->type, STR("containers"));
    assert_string_equal(f->patch_merge_key, "name");
    assert_string_equal(f->go_type, "[]v1.Container");
    assert_int_equal(f->proto, 2);
    assert_int_equal(type_field(schema_type(bare, STR("io.k8s.api.core.v1.Volume")), STR("configMap"))->proto, 2 << 16 | 19);
    assert_true(schema_same_shape(bare, &(struct gvk){ STR("rbac.authorization.k8s.io"), STR("v1"), STR("Role") }, STR("v1beta1")));
    schema_free(bare);
    schema_free(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_its_kinds), cmocka_unit_test(decodes), cmocka_unit_test(tells_unknown_fields),
            cmocka_unit_test(defaults),
        cmocka_unit_test(validates), cmocka_unit_test(forbids_changes_of_a_pod),
        cmocka_unit_test(quotes_what_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
