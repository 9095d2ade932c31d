# More nodes: what `up --nodes 3` makes, what is each machine's own, and what the scheduler, the daemon sets and the node's life make of it.
load helpers

setup_file() {
    export HOME=$BATS_FILE_TMPDIR/home DATA=$BATS_FILE_TMPDIR/d
    mkdir -p "$HOME"
    start --nodes 3 --clock paused --seed 8
    export SERVER=$(server) KUBELAB_DATA=$DATA
}
teardown_file() {
    stop
}
on() {                                         # on NODE SCRIPT: in that node's shell
    "$KUBELAB" shell --node "$1" -- bash -c "$2"
}
where() {                                      # where SELECTOR: the nodes of pods that are there to stay, one a line
    k get pods -l "$1" -o json | jq -r '.items[] | select(.metadata.deletionTimestamp | not) | .spec.nodeName' | sort
}
ready() {                                      # ready NODE: True, False or Unknown
    k get node "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}'
}
evict() {                                      # evict POD [DELETEOPTIONS]: the answer with its headers; kubectl 1.20 has no dry run of it
    user() { k config view --raw -o jsonpath="{.users[0].user.$1}" | base64 -d; }
    curl -skD - --cert <(user client-certificate-data) --key <(user client-key-data) -H 'Content-Type: application/json' \
        -d '{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"'"$1"'"},"deleteOptions":'"${2:-null}"'}' \
        "$SERVER/api/v1/namespaces/default/pods/$1/eviction"
}
deployment() {                                 # deployment NAME REPLICAS [MORE OF THE POD'S SPEC]
    k apply -f - <<EOF
apiVersion: apps/v1
kind: Deployment
metadata: {name: $1}
spec:
  replicas: $2
  selector: {matchLabels: {app: $1}}
  template:
    metadata: {labels: {app: $1}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: busybox, args: [sh, -c, "while true; do sleep 5; done"]}]
      ${3:-}
EOF
}

@test "three nodes: ubuntu with the master's taint, and workers that have joined" {
    [ "$(k get nodes -o jsonpath='{.items[*].metadata.name}')" = "ubuntu worker1 worker2" ]
    for n in ubuntu worker1 worker2; do [ "$(ready $n)" = True ]; done
    [ "$(k get node ubuntu -o jsonpath='{.spec.taints[*].key}:{.spec.taints[*].effect}')" = "node-role.kubernetes.io/master:NoSchedule" ]
    [ -z "$(k get node worker1 worker2 -o jsonpath='{.items[*].spec.taints}')" ]
    [ "$(k get nodes -l node-role.kubernetes.io/master -o name)" = node/ubuntu ]
    run k get nodes -o jsonpath='{.items[*].status.addresses[?(@.type=="InternalIP")].address}'
    [ "$output" = "192.168.229.132 192.168.229.133 192.168.229.134" ]
    run k get csr --no-headers
    [ "$(grep -c 'system:bootstrap:.*Approved,Issued' <<<"$output")" = 2 ]
    [ ! -e "$DATA/nodes/worker1/etc/kubernetes/bootstrap-kubelet.conf" ]
    run openssl x509 -noout -subject -in "$DATA/nodes/worker2/var/lib/kubelet/pki/kubelet-client-current.pem"
    [[ $output == *"system:nodes"*"system:node:worker2"* ]]
    [ "$(k get nodes -o json | jq -r '.items[].status.nodeInfo | .machineID, .systemUUID, .bootID' | sort -u | wc -l)" = 9 ]
}

@test "kube-proxy and weave-net run on each of them, coredns where the taint is tolerated" {
    for app in k8s-app=kube-proxy name=weave-net; do
        [ "$(k get pods -n kube-system -l $app -o json | jq -r '.items[] | select(.status.phase == "Running") | .spec.nodeName' | sort | tr '\n' ' ')" = "ubuntu worker1 worker2 " ]
    done
    [ "$(k get pods -n kube-system -l k8s-app=kube-dns -o json | jq '[.items[] | select(.status.phase == "Running")] | length')" = 2 ]
    [ "$(k get pods -n kube-system --field-selector spec.nodeName=worker1 --no-headers | wc -l)" = 2 ]
}

@test "status names the nodes and their kubelets' ports; another number of nodes is refused by name" {
    run "$KUBELAB" status -o json
    [ "$(jq -r '.nodes[] | .name + " " + .internalIP' <<<"$output" | tr '\n' ',')" = "ubuntu 192.168.229.132,worker1 192.168.229.133,worker2 192.168.229.134," ]
    [ "$(jq '[.nodes[].kubeletPort] | unique | length' <<<"$output")" = 3 ]
    [ "$(jq '.nodes[0].kubeletPort == .kubeletPort' <<<"$output")" = true ]
    [ "$(curl -sk "https://127.0.0.1:$(jq '.nodes[2].kubeletPort' <<<"$output")/healthz")" = Unauthorized ]
    run "$KUBELAB" up --detach --nodes 2
    [ "$status" = 2 ]
    [[ $output == *"holds another kind of cluster (v1.20, 3 nodes): take another --data, or remove it"* ]]
    run "$KUBELAB" up --detach --data "$BATS_TEST_TMPDIR/x" --nodes 17
    [ "$status" = 2 ]
    [[ $output == *'--nodes takes a number from 1 to 16, not "17"'* ]]
    run "$KUBELAB" up --detach --data "$BATS_TEST_TMPDIR/x" --nodes 2 --bare
    [ "$status" = 2 ]
    [[ $output == *"--nodes and --bare exclude each other"* ]]
}

@test "the shell on a node is on that node" {
    run on worker1 'hostname; hostname -I; sudo ls /etc/kubernetes/pki; sudo cat /etc/kubernetes/kubelet.conf; sudo cat /etc/kubernetes/admin.conf; bash --rcfile "$KUBELAB_DATA/bin/bashrc" -ic "cd /etc/kubernetes; echo \"\${PS1@P}\"" 2>/dev/null'
    [ "${lines[0]}" = worker1 ]
    [ "${lines[1]}" = "192.168.229.133 10.44.0.1 " ]
    [ "${lines[2]}" = ca.crt ]
    [[ $output == *"server: https://192.168.229.132:6443"* ]]
    [[ $output == *"/etc/kubernetes/admin.conf: No such file or directory"* ]]
    [[ $output != *"$DATA/nodes"* ]]
    [[ $output == *"user@worker1:/etc/kubernetes$ "* ]]
    run on worker2 'systemctl is-active kubelet; journalctl -u kubelet | grep -c " worker2 kubelet\["; systemctl status kubelet | grep -c Active; docker ps --no-trunc | grep -c k8s_POD_; docker ps | grep -c etcd'
    [ "${lines[0]}" = active ]
    [ "${lines[1]}" -gt 3 ]
    [ "${lines[2]}" = 1 ]
    [ "${lines[3]}" = 2 ]
    [ "${lines[4]}" = 0 ]
    run on worker1 'docker images -q k8s.gcr.io/etcd | wc -l; docker images -q k8s.gcr.io/kube-proxy | wc -l'
    [ "$output" = $'0\n1' ]
    run "$KUBELAB" shell --node worker9 -- true
    [ "$status" = 2 ]
    [[ $output == *'there is no node "worker9": the cluster'"'"'s machines are ubuntu, worker1, worker2'* ]]
}

@test "kubeadm and kubectl want what the master alone has" {
    run on worker1 'sudo kubeadm token list; kubeadm token list; kubeadm version -o short; sudo kubeadm join x'
    [ "$(grep -c 'failed to load admin kubeconfig: open ' <<<"$output")" = 2 ]
    [[ $output == *v1.20.2* ]]
    [[ $output == *"kubeadm join: this machine is a cluster's node already"* ]]
    run on worker1 "$KUBECTL get nodes"
    # kubectl's own default, for want of a kubeconfig; a bare root may have no /etc/hosts that knows the name
    [[ $output == *"The connection to the server localhost:8080 was refused"* || $output == *"lookup localhost"* ]]
    run on ubuntu 'sudo kubeadm token list'
    [[ $output == *"The default bootstrap token generated by 'kubeadm init'."* ]]
}

@test "ssh leads from node to node" {
    run on ubuntu 'ssh worker1 hostname; ssh user@192.168.229.134 "hostname; ssh ubuntu hostname"; ssh worker1 sudo cat /var/lib/kubelet/config.yaml | grep -c rotateCertificates; ssh worker7 true'
    [ "$(head -4 <<<"$output" | tr '\n' ' ')" = "worker1 worker2 ubuntu 1 " ]
    [[ $output == *"ssh: Could not resolve hostname worker7: Name or service not known"* ]]
}

@test "the proxy leads to each node's kubelet, and localhost is the node that one asks from" {
    run on ubuntu 'for h in 192.168.229.133 worker2 localhost; do curl -sk -o /dev/null -w "%{http_code} " https://$h:10250/healthz; done; curl -sk https://192.168.229.135:10250/ || echo refused'
    [ "$output" = "401 401 401 refused" ]
    run timely on worker1 "curl -skv https://localhost:10250/healthz 2>&1 | grep -o 'CN=worker[0-9]*' | head -1; curl -sk https://192.168.229.132:6443/healthz; curl -sk https://10.96.0.1/healthz; curl -sk https://localhost:6443/healthz || echo refused"
    [ "$output" = $'CN=worker1\nokokrefused' ]
}

@test "pods spread over the workers, have addresses of their node's own range, and reach each other and Services" {
    deployment web 4
    advance 20s
    [ "$(where app=web | uniq -c | tr -s ' ' | tr '\n' ',')" = " 2 worker1, 2 worker2," ]
    [ "$(k get pods -l app=web -o jsonpath='{.items[*].status.podIP}' | tr ' ' '\n' | cut -d. -f1-3 | sort -u | tr '\n' ' ')" = "10.36.0 10.44.0 " ]
    k apply -f - <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec: {nodeName: worker1, containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{port: 80}]}
EOF
    advance 30s
    ip=$(k get pod server -o jsonpath='{.status.podIP}')
    for n in worker1 worker2; do
        pod=$(k get pods -l app=web -o json | jq -r "[.items[] | select(.spec.nodeName == \"$n\")][0].metadata.name")
        [[ $(timely k exec "$pod" -- wget -q -O- "http://$ip") == *"Welcome to nginx!"* ]]
        [[ $(timely k exec "$pod" -- wget -q -O- http://server.default.svc.cluster.local) == *"Welcome to nginx!"* ]]
    done
    run timely on ubuntu "curl -s http://$ip/; curl -s http://$(k get svc server -o jsonpath='{.spec.clusterIP}')/"
    [[ $output == *"Welcome to nginx!"*"Welcome to nginx!"* ]]
    run timely on worker2 "curl -s http://$ip/"
    [[ $output == *"Welcome to nginx!"* ]]
}

@test "logs, exec and attach go to the right node's kubelet" {
    k run talker --image=busybox --restart=Never --overrides='{"spec":{"nodeName":"worker2"}}' -- sh -c 'echo here; while true; do sleep 1; done'
    advance 20s
    [ "$(timely k logs talker)" = here ]
    [ "$(timely k exec talker -- hostname)" = talker ]
    [ -n "$(ls -d "$DATA"/nodes/worker2/var/log/pods/default_talker_*)" ]
    [ -z "$(ls -d "$DATA"/node/var/log/pods/default_talker_* 2>/dev/null)" ]
    k get --raw "/api/v1/nodes/worker1/proxy/pods" | jq -e '[.items[].spec.nodeName] | unique == ["worker1"]'
    k delete pod talker --wait=false
}

@test "an image lives on the node that built it" {
    mkdir -p "$BATS_TEST_TMPDIR/b"
    printf 'FROM busybox\nCMD ["sh", "-c", "while true; do sleep 5; done"]\n' >"$BATS_TEST_TMPDIR/b/Dockerfile"
    on worker2 "docker image build -t mine $BATS_TEST_TMPDIR/b" >"$BATS_TEST_TMPDIR/build" 2>&1 &
    local building=$! i
    for ((i = 0; i < 50; i++)); do kill -0 $building 2>/dev/null || break; sleep 0.1; advance 1s; done
    wait $building
    run on worker2 'docker images -q mine | wc -l'
    [ "$output" = 1 ]
    run on ubuntu 'docker images -q mine | wc -l'
    [ "$output" = 0 ]
    for n in ubuntu worker1 worker2; do
        k run "m-$n" --image=mine --image-pull-policy=Never --restart=Never --overrides="{\"spec\":{\"nodeName\":\"$n\"}}"
    done
    advance 20s
    [ "$(k get pod m-worker2 -o jsonpath='{.status.phase}')" = Running ]
    for n in ubuntu worker1; do
        [ "$(k get pod m-$n -o jsonpath='{.status.containerStatuses[0].state.waiting.reason}')" = ErrImageNeverPull ]
    done
    advance 5m                                 # the node's status is told
    [[ $(k get node worker2 -o jsonpath='{.status.images[*].names}') == *'"mine:latest"'* ]]
    [[ $(k get node worker1 -o jsonpath='{.status.images[*].names}') != *mine* ]]
    k delete pod m-ubuntu m-worker1 m-worker2 --wait=false
}

@test "cordon, taint, drain and nodeName" {
    deployment web 4
    k cordon worker1
    [[ $(k get node worker1 --no-headers) == *"Ready,SchedulingDisabled"* ]]
    deployment calm 3
    advance 20s
    [ "$(where app=calm | sort -u)" = worker2 ]
    k taint node worker2 lab=closed:NoSchedule
    k run nowhere --image=busybox --restart=Never -- sleep 1000
    advance 5s
    run k get events --field-selector involvedObject.name=nowhere,reason=FailedScheduling -o jsonpath='{.items[0].message}'
    [[ $output == *"0/3 nodes are available: 1 node(s) "*"{node-role.kubernetes.io/master: }"* ]]
    [[ $output == *"1 node(s) had taint {lab: closed}, that the pod didn't tolerate"* ]]
    [[ $output == *"1 node(s) were unschedulable"* ]]
    k run pinned --image=busybox --restart=Never --overrides='{"spec":{"nodeName":"ubuntu"}}' -- sleep 1000
    k uncordon worker1
    advance 30s
    [ "$(k get pod nowhere -o jsonpath='{.spec.nodeName}')" = worker1 ]
    [ "$(k get pod pinned -o jsonpath='{.spec.nodeName} {.status.phase} {.status.hostIP}')" = "ubuntu Running 192.168.229.132" ]
    k delete pod nowhere pinned --wait=false --grace-period=1
    k taint node worker2 lab-
    run evict "$(k get pods -l app=calm -o jsonpath='{.items[0].metadata.name}')" '{"dryRun":["All"]}'
    [[ $output == *" 201 "* ]]
    k get pods -l app=calm -o json | jq -e 'all(.items[]; .metadata.deletionTimestamp == null)'
    timely k drain worker2 --ignore-daemonsets --force --delete-emptydir-data --timeout=40s >"$BATS_TEST_TMPDIR/drain"
    grep -q "node/worker2 \(evicted\|drained\)" "$BATS_TEST_TMPDIR/drain"
    advance 30s
    [ "$(where app=calm | sort -u)" = worker1 ]
    [ "$(k get pods -n kube-system --field-selector spec.nodeName=worker2 --no-headers | wc -l)" = 2 ]
    k uncordon worker2
    k delete deploy calm
}

@test "a disruption budget: drain takes one pod at a time and says why it waits" {
    k cordon worker1
    deployment thin 2
    k create pdb thin --selector app=thin --max-unavailable 50%
    k create pdb alone --selector app=alone --min-available 50%
    k run alone --image=busybox --labels app=alone -- sh -c 'while true; do sleep 5; done'
    advance 20s
    k uncordon worker1
    [ "$(where app=thin | tr '\n' ' ')" = "worker2 worker2 " ]
    run k get pdb thin -o jsonpath='{.status}'
    [ "$output" = '{"currentHealthy":2,"desiredHealthy":1,"disruptionsAllowed":1,"expectedPods":2,"observedGeneration":1}' ]
    run k get pdb thin --no-headers
    [[ $output =~ ^thin\ +N/A\ +50%\ +1\ + ]]
    run k get events --field-selector involvedObject.name=alone,involvedObject.kind=PodDisruptionBudget -o jsonpath='{range .items[*]}{.reason}: {.message}{"\n"}{end}'
    [[ $output == *'NoControllerRef: found no controller ref for pod "alone"'* ]]
    [[ $output == *'CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: found no controller ref for pod "alone"'* ]]
    run evict alone
    [[ $output == *" 429 "*'"reason": "DisruptionBudget",'*'"message": "The disruption budget alone needs 0 healthy pods and has 0 currently"'* ]]
    [[ ${output,,} != *retry-after* ]]
    k delete pod alone --wait=false --grace-period=0 --force
    timely k drain worker2 --ignore-daemonsets --force --delete-emptydir-data --timeout=60s >"$BATS_TEST_TMPDIR/drain"
    grep -q "node/worker2 \(evicted\|drained\)" "$BATS_TEST_TMPDIR/drain"
    grep -q "(will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget." "$BATS_TEST_TMPDIR/drain"
    [ "$(grep -c '^pod/thin-.* evicted' "$BATS_TEST_TMPDIR/drain")" = 2 ]
    advance 10s
    [ "$(where app=thin | sort -u)" = worker1 ]
    [ "$(k get pdb thin -o jsonpath='{.status.disruptionsAllowed}{.status.disruptedPods}')" = 1 ]
    k uncordon worker2
    k delete deploy/thin pdb/thin pdb/alone
}

@test "a worker whose kubelet stops: NotReady, its pods go elsewhere, and it comes back" {
    deployment web 4 'tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 10}]'
    advance 60s
    [ "$(where app=web | sort -u | tr '\n' ' ')" = "worker1 worker2 " ]
    on worker1 'sudo systemctl stop kubelet'
    run on worker1 'systemctl is-active kubelet; ssh worker2 systemctl is-active kubelet'
    [ "$output" = $'inactive\nactive' ]
    advance 55s
    [ "$(ready worker1)" = Unknown ]
    [ "$(ready worker2)" = True ]
    [[ $(k get node worker1 -o jsonpath='{.spec.taints[*].key}') == *node.kubernetes.io/unreachable* ]]
    advance 40s
    [ "$(where app=web | sort -u)" = worker2 ]
    [ "$(k get pods -l app=web -o json | jq '[.items[] | select(.metadata.deletionTimestamp)] | length > 0')" = true ]
    on worker1 'sudo systemctl start kubelet'
    advance 40s
    [ "$(ready worker1)" = True ]
    [ "$(k get pods -l app=web -o json | jq '[.items[] | select(.metadata.deletionTimestamp)] | length')" = 0 ]
    [ -z "$(k get node worker1 -o jsonpath='{.spec.taints}')" ]
}

@test "a worker that is deleted stays away until its kubelet starts again" {
    deployment web 4
    k delete node worker2 >/dev/null
    advance 6m                                 # a status that does not change is sent every five minutes
    [ "$(k get nodes --no-headers | awk '{print $1}' | tr '\n' ' ')" = "ubuntu worker1 " ]
    [ "$(where app=web | sort -u)" = worker1 ]
    [[ $(on worker2 'journalctl -u kubelet | tail -3') == *'Error updating node status, will retry: error getting node "worker2": nodes "worker2" not found'* ]]
    on worker2 'sudo systemctl restart kubelet'
    advance 40s
    [ "$(ready worker2)" = True ]
    [ "$(k get pods -n kube-system --field-selector spec.nodeName=worker2 --no-headers | grep -c Running)" = 2 ]
}

@test "all of it goes on after down and up" {
    before=$(k get pods -A -o json | jq -c '[.items[] | [.metadata.uid, .spec.nodeName, .status.podIP, .status.containerStatuses[0].restartCount]] | sort')
    stop
    start --clock paused
    [ "$(jq .nodes "$DATA/cluster.json")" = 3 ]
    advance 20s
    [ "$(k get pods -A -o json | jq -c '[.items[] | [.metadata.uid, .spec.nodeName, .status.podIP, .status.containerStatuses[0].restartCount]] | sort')" = "$before" ]
    for n in ubuntu worker1 worker2; do [ "$(ready $n)" = True ]; done
    run on worker2 'docker images -q mine | wc -l; docker images -q busybox | wc -l'
    [ "$output" = $'1\n1' ]
    [ "$(k get csr --no-headers 2>/dev/null | wc -l)" -le 2 ]
    k taint node ubuntu node-role.kubernetes.io/master-
    stop
    start --clock paused
    [ -z "$(k get node ubuntu -o jsonpath='{.spec.taints}')" ]
}

@test "the lab on three nodes: a stranger behind each name, every node in kubectl top, step 3a for all kubelets" {
    export DATA=$BATS_TEST_TMPDIR/d KUBELAB_DATA=$BATS_TEST_TMPDIR/d
    start --lab lab8 --nodes 3 --clock paused --seed 8
    k() { "$KUBECTL" --kubeconfig "$DATA/admin.conf" "$@"; }
    "$KUBELAB" lab files lab8 "$BATS_TEST_TMPDIR/files" >/dev/null
    k cordon worker1
    k cordon worker2
    k taint node ubuntu node-role.kubernetes.io/master-
    k apply -f "$BATS_TEST_TMPDIR/files/metrics-server/deploy/1.8+/" >/dev/null
    advance 2m
    [ "$(k get pods -n kube-system -l k8s-app=metrics-server -o jsonpath='{.items[0].spec.nodeName}')" = ubuntu ]
    run timely k logs -n kube-system deploy/metrics-server
    for n in ubuntu worker1 worker2; do [[ $output == *"unable to fetch metrics from Kubelet $n ($n): Get https://$n:10250/stats/summary?only_cpu_and_memory=true: dial tcp 66.96.162.149:10250: connect: connection refused"* ]]; done
    k -n kube-system patch deploy metrics-server --type json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-preferred-address-types=InternalIP"}]'
    advance 2m
    run timely k logs -n kube-system deploy/metrics-server
    [[ $output == *"https://192.168.229.134:10250/"*"x509: "* ]]
    token=$(on ubuntu 'sudo kubeadm token create')
    for n in ubuntu worker1 worker2; do
        on "$n" "cd $BATS_TEST_TMPDIR && export KUBECONFIG= && f=--kubeconfig=boot-$n.conf && kubectl config set-cluster bootstrap \$f --certificate-authority=/etc/kubernetes/pki/ca.crt --server=https://192.168.229.132:6443 &&
            kubectl config set-credentials kubelet-bootstrap \$f --token=$token && kubectl config set-context bootstrap \$f --user=kubelet-bootstrap --cluster=bootstrap && kubectl config use-context bootstrap \$f &&
            sudo cp boot-$n.conf /etc/kubernetes/bootstrap-kubelet.conf && sudo sed -i 's|\"\$| --rotate-server-certificates\"|' /var/lib/kubelet/kubeadm-flags.env &&
            sudo mv /etc/kubernetes/kubelet.conf /etc/kubernetes/kubelet.old && sudo systemctl restart kubelet" >/dev/null
    done
    advance 20s
    run k get csr --no-headers
    [ "$(grep -c 'system:node:.*Pending' <<<"$output")" = 3 ]
    # shellcheck disable=SC2046
    k certificate approve $(awk '/Pending/{print $1}' <<<"$output")
    advance 3m
    [ "$(k get csr --no-headers | grep -c 'system:node:.*Approved,Issued')" = 3 ]
    run k top node --no-headers
    [ "$(awk '{print $1, $2 ~ /m$/, $4 ~ /Mi$/}' <<<"$output" | tr '\n' ',')" = "ubuntu 1 1,worker1 1 1,worker2 1 1," ]
    for i in 1 2; do
        port=$("$KUBELAB" status -o json | jq ".nodes[$i].kubeletPort")
        run openssl s_client -connect "127.0.0.1:$port" -CAfile "$DATA/node/etc/kubernetes/pki/ca.crt" -verify_return_error </dev/null
        [[ $output == *"CN = system:node:worker$i"*"Verify return code: 0 (ok)"* ]]
    done
    "$KUBELAB" down
}

@test "three nodes with one seed are the same three nodes" {
    local marks=() d
    for d in a b; do
        export DATA=$BATS_TEST_TMPDIR/$d KUBELAB_DATA=$BATS_TEST_TMPDIR/$d
        start --nodes 3 --clock paused --seed 9 --start 2026-11-28T06:00:00Z
        advance 3m
        marks+=("$("$KUBELAB" debug digest; cd "$DATA" && find node nodes -type f | sort | xargs sha256sum)")
        "$KUBELAB" down
    done
    [ "${marks[0]}" = "${marks[1]}" ]
}
