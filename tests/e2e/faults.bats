# Faults: each is injected, seen in the words of the components, cleared, and well again. The clock is driven; nothing sleeps.
load helpers

setup_file() {
    place "$BATS_FILE_TMPDIR"
    kubectl_by_name
    start --lab lab8 --clock paused --seed 8
    cd "$HOME"
    "$KUBELAB" lab files lab8 . >/dev/null
    k run box --image=busybox --restart=Never --command -- sleep 100000 >/dev/null
    k wait --for=condition=Ready --timeout=1s pod/box >/dev/null 2>&1 || advance 60s
    k get pod box -o jsonpath='{.status.phase}' | grep -q Running
}
teardown_file() {
    stop
}
setup() {
    export KUBECONFIG=$DATA/admin.conf
    cd "$HOME"
}
teardown() {                                   # what a failed test has left
    fault list -o json | jq -r '.faults[]?.metadata.name | select(. != "dns-stranger")' | xargs -r -n 1 "$KUBELAB" fault clear >/dev/null
}
drive() {                                      # a command of the lab's shell; time goes on while it waits
    "$KUBELAB" shell --drive --budget 10m -- "$@"
}
box() {                                        # a line of sh in a pod
    drive kubectl exec box -- sh -c "$1"
}
fault() {
    "$KUBELAB" fault "$@"
}
phase() {
    k get fault "$1" -o jsonpath='{.status.phase}'
}
seconds() {
    date -d "$("$KUBELAB" clock get)" +%s
}

@test "the lab's fault is an object: listed, explained, cleared and made again" {
    [ "$(k get faults --no-headers | awk '{ print $1, $2, $3 }')" = "dns-stranger dns-stranger Active" ]
    run fault list
    [ "$status" = 0 ]
    [[ ${lines[1]} == "dns-stranger   dns-stranger   Active "* ]]
    [[ $output == *"connection-lossy      packets to and from a port get lost"* ]]
    [ "$(fault list -o json | jq '.catalogue | length')" -ge 19 ]
    [ "$(fault list -o json | jq -r '.faults[0].metadata.name')" = dns-stranger ]
    [[ $(k explain fault.spec.type) == *"What goes wrong"* ]]
    run box 'wget -T 5 http://ubuntu:10250'
    [[ $output == *"can't connect to remote host (66.96.162.149): Connection refused"* ]]
    fault clear dns-stranger
    [ -z "$(k get faults -o name)" ]
    run box 'wget -T 5 http://ubuntu:10250'
    [[ $output == *"bad address 'ubuntu:10250'"* ]]
    fault inject dns-stranger
    run box 'wget -T 5 http://ubuntu:10250'
    [[ $output == *"(66.96.162.149): Connection refused"* ]]
}

@test "what cannot be is refused when it is asked for, in the API's words" {
    run fault inject dns-elsewhere
    [ "$status" = 2 ]
    [[ $output == *'spec.type: Unsupported value: "dns-elsewhere": supported values: "api-slow", '* ]]
    run fault inject dns-nxdomain name=x
    [ "$status" = 2 ]
    [[ $output == *'spec.parameters[domain]: Required value'* ]]
    run fault inject connection-slow name=x host=ubuntu delay=fast colour=red duration=never
    [ "$status" = 2 ]
    [[ $output == *'spec.parameters[delay]: Invalid value: "fast": must be a duration from 1ms to 10m0s'* ]]
    [[ $output == *'spec.parameters: Unsupported value: "colour": supported values: "host", "port", "from", "delay"'* ]]
    [[ $output == *'spec.duration: Invalid value: "never"'* ]]
    run k apply -f - <<<'{"apiVersion": "lab.kubelab.dev/v1", "kind": "Fault", "metadata": {"name": "x"}, "spec": {"type": "rbac-hole", "parameters": {"object": "cluster-admin"}}}'
    [ "$status" = 1 ]
    [[ $output == 'The Fault "x" is invalid: spec.parameters[object]: Forbidden'* ]]
    run fault clear x
    [ "$status" = 1 ]
    [[ $output == *'"x" not found'* ]]
    run fault inject dns-servfail oops
    [ "$status" = 2 ]
    run fault sideways
    [ "$status" = 2 ]
    run "$KUBELAB" fault inject dns-servfail --data "$BATS_TEST_TMPDIR"
    [ "$status" = 3 ]
    run k --as somebody create -f - <<<'{"apiVersion": "lab.kubelab.dev/v1", "kind": "Fault", "metadata": {"name": "x"}, "spec": {"type": "dns-slow"}}'
    [[ $output == *'faults.lab.kubelab.dev is forbidden: User "somebody" cannot create resource "faults"'* ]]
    [ "$(k get faults -o name | wc -l)" = 1 ]
}

@test "names: unknown, failing, late" {
    local lookup='nslookup kubernetes.default.svc.cluster.local 2>&1' before
    [[ $(box "$lookup") == *10.96.0.1* ]]
    fault inject dns-nxdomain 'domain=kubernetes.*'
    run box "$lookup"
    [[ $output == *"NXDOMAIN"* || $output == *"can't resolve"* || $output == *"can't find"* ]]
    fault clear dns-nxdomain
    [[ $(box "$lookup") == *10.96.0.1* ]]
    fault inject dns-servfail
    run box 'wget -T 5 -O - https://kubernetes.default'
    [[ $output == *"bad address"* ]]
    fault clear dns-servfail
    before=$(seconds)
    fault inject dns-slow delay=3s from=box
    [[ $(box "$lookup") == *10.96.0.1* ]]
    [ $(($(seconds) - before)) -ge 3 ]
    fault clear dns-slow
    before=$(seconds)
    [[ $(box "$lookup") == *10.96.0.1* ]]
    [ $(($(seconds) - before)) -le 1 ]
}

@test "connections: refused, dropped, slow; two at once; from one side only" {
    local before
    fault inject connection-refused host=ubuntu port=10250
    run drive kubectl logs -n kube-system -l k8s-app=kube-dns
    [[ $output == *"dial tcp 192.168.229.132:10250: connect: connection refused"* ]]
    fault clear connection-refused
    [[ $(drive kubectl logs -n kube-system -l k8s-app=kube-dns) == *CoreDNS* ]]
    fault inject connection-blackhole host=ubuntu port=10250
    run drive kubectl logs -n kube-system -l k8s-app=kube-dns
    [[ $output == *"dial tcp 192.168.229.132:10250: i/o timeout"* ]]
    fault clear connection-blackhole
    fault inject connection-slow host=ubuntu port=10250 delay=2s
    fault inject connection-slow name=slower host=192.168.229.132 delay=1s from=ubuntu
    before=$(seconds)
    [[ $(drive kubectl logs -n kube-system -l k8s-app=kube-dns) == *CoreDNS* ]]
    [ $(($(seconds) - before)) -ge 12 ]        # four round trips: TCP, two of TLS, the request
    fault clear connection-slow slower
    before=$(seconds)
    [[ $(drive kubectl logs -n kube-system -l k8s-app=kube-dns) == *CoreDNS* ]]
    [ $(($(seconds) - before)) -le 1 ]
}

@test "a Service is meant by its name, also before there is one" {
    fault inject connection-refused host=service/default/box port=80
    advance 1s
    [[ $(k get fault connection-refused -o jsonpath='{.status.message}') == 'it waits: services "box" not found' ]]
    k expose pod box --port 80 >/dev/null
    advance 10s
    [[ $(k get fault connection-refused -o jsonpath='{.status.message}') == "whoever connects"* ]]
    run box 'wget -T 5 -O - http://box'
    [[ $output == *"Connection refused"* ]]
    fault clear connection-refused
    k delete service box >/dev/null
}

@test "a duration is over by itself; a fault that is active outlives down and up, and kill -9" {
    fault inject connection-refused name=short host=ubuntu port=10250 duration=1m
    fault inject connection-refused name=long host=ubuntu port=10250 duration=1h
    advance 61s
    [ "$(phase short)" = Ended ] && [ "$(phase long)" = Active ]
    run drive kubectl logs -n kube-system -l k8s-app=kube-dns
    [[ $output == *"connection refused"* ]]
    "$KUBELAB" down
    "$KUBELAB" up --detach --data "$DATA" --port 0 --kubelet-port 0 --clock paused
    [ "$(phase short)" = Ended ] && [ "$(phase long)" = Active ]
    run drive kubectl logs -n kube-system -l k8s-app=kube-dns
    [[ $output == *"connection refused"* ]]
    kill -9 "$("$KUBELAB" status -o json | jq .pid)"
    "$KUBELAB" up --detach --data "$DATA" --port 0 --kubelet-port 0 --clock paused
    run drive kubectl logs -n kube-system -l k8s-app=kube-dns
    [[ $output == *"connection refused"* ]]
    advance 1h
    [ "$(phase long)" = Ended ]
    [[ $(drive kubectl logs -n kube-system -l k8s-app=kube-dns) == *CoreDNS* ]]
    k patch fault long --type merge -p '{"spec": {"duration": "10m"}}' >/dev/null
    [ "$(phase long)" = Active ]
    fault clear short long
    [[ $(drive kubectl logs -n kube-system -l k8s-app=kube-dns) == *CoreDNS* ]]
}

metrics_server() {                             # the lab's, with the two flags that make it work
    k apply -f metrics-server/deploy/1.8+/ >/dev/null
    k -n kube-system patch deployment metrics-server --type json -p '[{"op": "add", "path": "/spec/template/spec/containers/0/command",
        "value": ["/metrics-server", "--kubelet-insecure-tls", "--kubelet-preferred-address-types=InternalIP", "--metric-resolution=30s"]}]' >/dev/null
    advance 3m
    k top node ubuntu >/dev/null
}
metrics_log() {
    drive kubectl logs -n kube-system -l k8s-app=metrics-server --tail 5
}

@test "a kubelet's statistics: errors, nothing, too late" {
    metrics_server
    fault inject kubelet-no-metrics
    advance 2m
    [[ $(metrics_log) == *'unable to fully scrape metrics from source kubelet_summary:ubuntu: unable to fetch metrics from Kubelet ubuntu (192.168.229.132): request failed - "500 Internal Server Error", response: "Internal Error: failed to list pod stats'* ]]
    fault clear kubelet-no-metrics
    fault inject kubelet-no-metrics how=empty
    advance 2m
    k top node ubuntu
    run k top pod -n kube-system
    [[ $output == *"etrics not available"* || $output == *"No resources found"* ]]
    fault clear kubelet-no-metrics
    fault inject kubelet-no-metrics how=slow delay=2m
    advance 3m
    [[ $(metrics_log) == *'unable to fully scrape metrics'* ]]
    fault clear kubelet-no-metrics
    advance 3m
    [[ $(k top pod -n kube-system) == *coredns* ]]
}

@test "certificates: run out, of a stranger, for another name" {
    k -n kube-system patch deployment metrics-server --type json -p '[{"op": "replace", "path": "/spec/template/spec/containers/0/command",
        "value": ["/metrics-server", "--kubelet-preferred-address-types=InternalIP", "--metric-resolution=30s"]}]' >/dev/null
    local how words=("certificate signed by unknown authority" "certificate is valid for 192.0.2.1, not 192.168.229.132")
    fault inject certificate-expired of=kubelet
    advance 2m
    [[ $(metrics_log) == *'Get https://192.168.229.132:10250/stats/summary?only_cpu_and_memory=true: x509: certificate has expired or is not yet valid'* ]]
    fault clear certificate-expired
    for how in authority name; do
        fault inject certificate-wrong how=$how
        advance 1m
        [[ $(metrics_log) == *"x509: ${words[0]}"* ]]
        fault clear certificate-wrong
        words=("${words[@]:1}")
    done
    advance 1m
    [[ $(metrics_log) == *"doesn't contain any IP SANs"* ]]
    k apply -f metrics-server/deploy/1.8+/ >/dev/null
    metrics_server
}

@test "a clock that is wrong: certificates, samples, and what a pod says of the time" {
    local now
    now=$(seconds)
    fault inject clock-skew host=ubuntu offset=48h
    [ $(($(box 'date +%s') - now)) -ge 172800 ]
    advance 2m
    [ $(($(date -d "$(k get --raw /apis/metrics.k8s.io/v1beta1/nodes/ubuntu | jq -r .timestamp)" +%s) - now)) -ge 172800 ]
    fault clear clock-skew
    fault inject clock-skew 'host=metrics-server-*' offset=-240h
    k -n kube-system delete pod -l k8s-app=metrics-server --wait=false >/dev/null
    advance 1m
    [[ $(metrics_log) == *"x509: certificate has expired or is not yet valid"* ]]
    fault clear clock-skew
    [ $(($(box 'date +%s') - $(seconds))) -le 1 ]
    advance 6m
    [ $(($(date -d "$(k get --raw /apis/metrics.k8s.io/v1beta1/nodes/ubuntu | jq -r .timestamp)" +%s) - $(seconds))) -le 0 ]
}

@test "a hole in RBAC is a change of the object, and put back as it was; what somebody repaired stays" {
    local before
    before=$(k get clusterrole system:metrics-server -o json | jq -S .rules)
    fault inject rbac-hole kind=ClusterRole object=system:metrics-server resource=nodes/stats
    [[ $(k describe clusterrole system:metrics-server) != *nodes/stats* ]]
    advance 7m                                 # the kubelet remembers for five minutes what was allowed
    [[ $(metrics_log) == *'request failed - "403 Forbidden", response: "Forbidden (user=system:serviceaccount:kube-system:metrics-server, verb=get, resource=nodes, subresource=stats)"'* ]]
    "$KUBELAB" down
    "$KUBELAB" up --detach --data "$DATA" --port 0 --kubelet-port 0 --clock paused
    [[ $(k describe clusterrole system:metrics-server) != *nodes/stats* ]]
    fault clear rbac-hole
    [ "$(k get clusterrole system:metrics-server -o json | jq -S .rules)" = "$before" ]
    advance 3m
    k top node ubuntu
    fault inject rbac-hole object=system:node-proxier
    [ -z "$(k get clusterrolebinding system:node-proxier -o jsonpath='{.subjects}')" ]
    "$KUBELAB" down
    "$KUBELAB" up --detach --data "$DATA" --port 0 --kubelet-port 0 --clock paused
    [ -z "$(k get clusterrolebinding system:node-proxier -o jsonpath='{.subjects}')" ]
    k patch clusterrolebinding system:node-proxier --type merge -p '{"subjects": [{"kind": "User", "name": "me", "apiGroup": "rbac.authorization.k8s.io"}]}' >/dev/null
    fault clear rbac-hole
    [ "$(k get clusterrolebinding system:node-proxier -o jsonpath='{.subjects[0].name}')" = me ]
}

@test "endpoints that are missing: the Service selects nobody" {
    fault inject endpoints-missing service=metrics-server namespace=kube-system
    advance 30s
    [[ $(k -n kube-system describe service metrics-server) == *"Endpoints:"*"<none>"* ]]
    run k top node
    [ "$status" = 1 ]
    [[ $(k get apiservice v1beta1.metrics.k8s.io) == *"False (MissingEndpoints)"* ]]
    fault clear endpoints-missing
    advance 1m
    [ "$(k -n kube-system get service metrics-server -o jsonpath='{.spec.selector.k8s-app}')" = metrics-server ]
    k top node
}

@test "pressure: the condition, its taint, evictions and refusals" {
    k create deployment idle --image=busybox >/dev/null
    k patch deployment idle --type json -p '[{"op": "add", "path": "/spec/template/spec/containers/0/command", "value": ["sleep", "100000"]}]' >/dev/null
    advance 1m
    fault inject node-pressure node=ubuntu of=memory
    advance 1m
    [[ $(k describe node ubuntu) == *"MemoryPressure"*"True"*"KubeletHasInsufficientMemory"*"kubelet has insufficient memory available"* ]]
    [[ $(k get node ubuntu -o jsonpath='{.spec.taints[*].key}') == *node.kubernetes.io/memory-pressure* ]]
    [[ $(k get pods) == *idle*Evicted* ]]
    [[ $(k get pods -l app=idle -o jsonpath='{.items[*].status.message}') == *"The node was low on resource: memory. Container busybox was using "*"Ki, which exceeds its request of 0."* ]]
    [[ $(k get pods -l app=idle) == *Pending* ]]
    [[ $(k get pods -n kube-system -l k8s-app=kube-dns --no-headers) != *Evicted* ]]
    fault clear node-pressure
    advance 1m
    [[ $(k describe node ubuntu) == *"KubeletHasSufficientMemory"* ]]
    [ -z "$(k get node ubuntu -o jsonpath='{.spec.taints}')" ]
    [[ $(k get pods -l app=idle) == *Running* ]]
    k delete deployment idle >/dev/null
    k get pod box -o jsonpath='{.status.reason}' | grep -q Evicted
    k delete pod box --now --wait=false >/dev/null
    advance 5s
    k run box --image=busybox --restart=Never --command -- sleep 100000 >/dev/null
    advance 1m
}

@test "images: slow, and not to be had" {
    fault inject slow-pull 'image=php:*' delay=5m
    k run slow --image=php:7-apache --restart=Never >/dev/null
    advance 4m
    [[ $(k get pod slow) == *ContainerCreating* ]]
    advance 2m
    [[ $(k get pod slow) == *Running* ]]
    fault clear slow-pull
    fault inject pull-failure image=nginx how=timeout
    k run never --image=nginx --restart=Never >/dev/null
    advance 40s
    [[ $(k describe pod never) == *'Failed to pull image "nginx": rpc error: code = Unknown desc = Error response from daemon: Get https://registry-1.docker.io/v2/: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)'* ]]
    [[ $(k get pod never) == *ImagePull* ]]
    fault clear pull-failure
    advance 6m
    [[ $(k get pod never) == *Running* ]]
    k delete pod slow never --now --wait=false >/dev/null
}

@test "a crash loop, and the end of it" {
    fault inject crash-loop 'pod=box' 'message=fatal: out of luck' code=3
    k create deployment twice --image=busybox >/dev/null
    k patch deployment twice --type json -p '[{"op": "add", "path": "/spec/template/spec/containers/0/command", "value": ["sleep", "100000"]}]' >/dev/null
    fault inject crash-loop name=second 'pod=twice-*' 'message=fatal: out of luck' code=3
    advance 2m
    [[ $(k get pods -l app=twice) == *CrashLoopBackOff* ]]
    [[ $(k describe pod -l app=twice) == *"Last State:"*"Terminated"*"Exit Code:"*"3"*"Back-off restarting failed container"* ]]
    [[ $(drive kubectl logs -l app=twice) == "fatal: out of luck" ]]
    [[ $(k get pod box) == *Error* ]]
    fault clear crash-loop second
    advance 6m
    [[ $(k get pods -l app=twice) == *Running* ]]
    k delete deployment twice >/dev/null
}

@test "an API server that takes its time; clearing is not held up by it" {
    local before
    fault inject api-slow delay=20s user=kubernetes-admin
    before=$(seconds)
    drive kubectl get --raw /api/v1/namespaces/default >/dev/null
    [ $(($(seconds) - before)) -ge 20 ]
    before=$(seconds)
    fault clear api-slow
    k get --raw /api/v1/namespaces/default >/dev/null
    [ "$(seconds)" = "$before" ]
}

@test "the page and the catalogue agree" {
    local page=$BATS_TEST_DIRNAME/../../labs/faults.md
    diff <(sed -n 's/^### //p' "$page" | sort) <(fault list -o json | jq -r '.catalogue[].type' | sort)
    diff <(awk '/^### / { type = $2 } /^Parameters / { sub(/\. .*|\.$/, ""); gsub(/Parameters |[`,]/, ""); n = split($0, words, " "); for (i = 1; i <= n; i++) print type, words[i] }' "$page" | sort) \
        <(fault list -o json | jq -r '.catalogue[] | .type as $t | .parameters[] | "\($t) \(.name)"' | sort)
}

@test "the same seed throws the same dice, and comes to the same state" {
    local i out=() data
    for i in 1 2; do
        data=$BATS_TEST_TMPDIR/$i
        "$KUBELAB" up --detach --data "$data" --port 0 --kubelet-port 0 --lab lab8 --seed 5 --start 2020-01-24T16:00:00Z --clock paused
        "$KUBELAB" fault inject connection-lossy --data "$data" host='*' percent=30 duration=8m
        "$KUBELAB" fault inject dns-slow --data "$data" delay=6s
        "$KUBELAB" fault inject crash-loop --data "$data" pod='coredns-*' namespace=kube-system after=7s duration=5m
        "$KUBELAB" clock advance 10m --data "$data" >/dev/null
        out+=("$("$KUBELAB" debug digest --data "$data")")
        "$KUBELAB" down --data "$data"
    done
    [ "${out[0]}" = "${out[1]}" ]
}
