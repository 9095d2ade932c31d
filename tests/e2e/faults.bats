# Faults: each is injected, seen in the words of the components, cleared, and well again. The clock is driven; nothing sleeps.
load helpers

setup_file() {
    export DATA=$BATS_FILE_TMPDIR/d HOME=$BATS_FILE_TMPDIR/home KUBELAB_DATA=$BATS_FILE_TMPDIR/d
    mkdir -p "$HOME" "$BATS_FILE_TMPDIR/bin"
    ln -sf "$KUBECTL" "$BATS_FILE_TMPDIR/bin/kubectl"
    export PATH=$BATS_FILE_TMPDIR/bin:$PATH
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
advance() {
    "$KUBELAB" clock advance "$1" >/dev/null
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
