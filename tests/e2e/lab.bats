# A lab's host: its files, its `docker`, what a command's failure leaves, and the lab's own names.
load helpers

setup_file() {
    place "$BATS_FILE_TMPDIR"
    start --lab lab8 --seed 8
    "$KUBELAB" lab files lab8 "$HOME/lab" --all
}
teardown_file() {
    stop
}
host() {
    run "$KUBELAB" shell lab8 -- "$@"
}

@test "the lab's files: what is given, and with --all what the student would write" {
    "$KUBELAB" lab files lab8 "$BATS_TEST_TMPDIR/given"
    [ "$(ls "$BATS_TEST_TMPDIR/given/metrics-server/deploy/1.8+" | wc -l)" = 7 ]
    [ ! -e "$BATS_TEST_TMPDIR/given/hpa" ]
    [ "$(ls "$HOME/lab/hpa")" = $'Dockerfile\nindex.php\ntarget-deploy.yaml' ]
    run "$KUBELAB" lab files lab9 "$BATS_TEST_TMPDIR/nine"
    [ "$status" = 2 ]
    [ ! -e "$BATS_TEST_TMPDIR/nine" ]
    run "$KUBELAB" lab list
    [[ $output == lab8* ]]
}

@test "the lab's files are written over nobody's work" {
    local dir=$BATS_TEST_TMPDIR/mine
    "$KUBELAB" lab files lab8 "$dir"
    "$KUBELAB" lab files lab8 "$dir"
    echo "# mine" >> "$dir/metrics-server/deploy/1.8+/metrics-server-deployment.yaml"
    run "$KUBELAB" lab files lab8 "$dir" --all
    echo "$output"
    [ "$status" = 2 ]
    [[ $output == *"/metrics-server-deployment.yaml is there already, and not as the lab gives it"* ]]
    [ "$(tail -1 "$dir/metrics-server/deploy/1.8+/metrics-server-deployment.yaml")" = "# mine" ]
}

@test "a lab's shell is of that lab's cluster; a cluster.json that is broken is not taken for none" {
    run "$KUBELAB" shell sizing -- true
    echo "$output"
    [ "$status" = 2 ]
    [[ $output == *"what runs in this data folder is no cluster of sizing"* ]]
    mkdir "$BATS_TEST_TMPDIR/broken"
    echo '{"minor' > "$BATS_TEST_TMPDIR/broken/cluster.json"
    run "$KUBELAB" up --bare --detach --port 0 --data "$BATS_TEST_TMPDIR/broken"
    echo "$output"
    [ "$status" = 2 ]
    [[ $output == *"/broken/cluster.json says what cluster this is, and cannot be read"* ]]
}

@test "the node is the lab's: its name, version and roles, and kube-system's pods by their known hashes" {
    [ "$(k get node ubuntu -o jsonpath='{.status.nodeInfo.kubeletVersion}')" = v1.16.6 ]
    run k get pods -n kube-system
    [[ $output == *coredns-5644d7b6d9-* ]]
    [ "$(grep -c ' Running ' <<<"$output")" = 8 ]
    run k get --raw /version
    [ "$(jq -r .gitVersion <<<"$output")" = v1.16.6 ]
}

@test "a shell's command: its status comes back; what is not there is 127" {
    host sh -c 'exit 7'
    [ "$status" = 7 ]
    host nonesuch
    [ "$status" = 127 ]
    host kubectl get node -o name
    [ "$output" = node/ubuntu ]
    run "$KUBELAB" shell lab9 -- true
    [ "$status" = 2 ]
}

@test "docker build: an image, the second time from the cache" {
    host docker image build -t target "$HOME/lab/hpa"
    [ "$status" = 0 ]
    [[ $output == *"Step 1/3 : FROM php:5-apache"* && $output == *"Successfully tagged target:latest"* ]]
    host docker image build -t target "$HOME/lab/hpa"
    [ "$status" = 0 ]
    [ "$(grep -c ' ---> Using cache' <<<"$output")" = 2 ]
    host docker image ls
    [ "$(grep -c '^target  *latest ' <<<"$output")" = 1 ]
}

@test "docker says what is wrong in its own words, and with its statuses" {
    host docker image build "$HOME/nowhere"
    [ "$status" = 1 ]
    [[ $output == *"path \"$HOME/nowhere\" not found"* ]]
    host docker image build "$HOME/lab"
    [ "$status" = 1 ]
    [[ $output == *"unable to evaluate symlinks in Dockerfile path"*"no such file or directory"* ]]
    host docker build --no-such-flag .
    [ "$status" = 125 ]
    [[ $output == *"unknown flag: --no-such-flag"* ]]
    host docker build
    [ "$status" = 125 ]
    [[ $output == *'"docker build" requires exactly 1 argument.'* ]]
    mkdir -p "$HOME/wrong"
    printf 'FRUM busybox\n' > "$HOME/wrong/Dockerfile"
    host docker image build "$HOME/wrong"
    [ "$status" = 1 ]
    [[ $output == *"unknown instruction: FRUM"* ]]
    printf 'FROM busybox\nADD index.php /\n' > "$HOME/wrong/Dockerfile"
    host docker image build "$HOME/wrong"
    [ "$status" = 1 ]
    [[ $output == *"ADD failed:"*"index.php"*"no such file or directory"* ]]
}

@test "an image that is nowhere: the pod says so" {
    k run lost --image=nosuchimage --image-pull-policy=Never --restart=Never
    for _ in $(seq 20); do
        [ "$(k get pod lost -o jsonpath='{.status.containerStatuses[0].state.waiting.reason}')" = ErrImageNeverPull ] && break
        "$KUBELAB" clock advance 2s
    done
    [ "$(k get pod lost -o jsonpath='{.status.containerStatuses[0].state.waiting.reason}')" = ErrImageNeverPull ]
    k delete pod lost --wait=false
}

@test "the newest kubectl works with the lab's old server" {
    run "$KUBECTL_NEW" get nodes
    [[ $output == *"ubuntu "*" Ready "* ]]
    "$KUBECTL_NEW" apply -f "$HOME/lab/metrics-server/deploy/1.8+/"
    "$KUBECTL_NEW" create deployment web2 --image=target --dry-run=server -o yaml
    "$KUBECTL_NEW" delete -f "$HOME/lab/metrics-server/deploy/1.8+/"
}

@test "explain, oldest and newest: what a kind is for, and a field's own words above its type's" {
    for kubectl in "$KUBECTL" "$KUBECTL_NEW"; do
        flat() { "$kubectl" explain "$@" | tr -s '[:space:]' ' '; }        # as one line
        [[ $(flat hpa) == *"DESCRIPTION: Changes the number of pods "*"FIELDS: "*"metadata "*"What is known about the object "* ]]
        [[ $(flat hpa.spec --api-version=autoscaling/v2) == *"What is wanted. "*"by which measurements and how fast. FIELDS: "*"behavior "*"How fast to scale "* ]]
        [[ $(flat deployment.spec.replicas) == *"How many pods are wanted; 1 unless it is said."* ]]
        [[ $(flat loadprofile.spec.arrivals) == *"Random unless it is said."* ]]
        ! flat hpa | grep -E '<empty>|<no description>'
    done
}

@test "who is not root has no port below 1024, and what may not be root does not begin" {
    k apply -f - <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: low}
spec: {securityContext: {runAsUser: 1000}, containers: [{name: web, image: "php:5-apache"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: root}
spec: {securityContext: {runAsNonRoot: true}, containers: [{name: box, image: busybox, args: [sleep, "900"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: plain}
spec: {securityContext: {runAsUser: 1000}, containers: [{name: box, image: busybox, args: [sleep, "900"]}]}
YAML
    advance 1m
    run k get pods
    [[ $output =~ low\ +0/1\ +CrashLoopBackOff ]]
    [[ $output =~ root\ +0/1\ +CreateContainerConfigError ]]
    [[ $(k logs low) == "(13)Permission denied: AH00072: make_sock: could not bind to address [::]:80"* ]]
    [[ $(k describe pod root) == *"Error: container has runAsNonRoot and image will run as root"* ]]
    [ "$(timely "$KUBECTL" exec plain -- sh -c 'id; id -u')" = "$(printf 'uid=1000 gid=0(root)\n1000')" ]
    k delete pod low root plain --wait=false
    advance 1m
}

@test "the metrics server without its port asks for 443, which it may not have" {
    folder=$BATS_TEST_TMPDIR/lab
    "$KUBELAB" lab files lab8 "$folder" --data "$DATA" >/dev/null
    sed -i '/--secure-port=4443/d' "$folder"/metrics-server/deploy/1.8+/metrics-server-deployment.yaml
    k apply -f "$folder/metrics-server/deploy/1.8+/"
    advance 1m
    [[ $(k -n kube-system logs deploy/metrics-server) == *"listen on 0.0.0.0:443: listen tcp 0.0.0.0:443: bind: permission denied"* ]]
    k delete -f "$folder/metrics-server/deploy/1.8+/" --wait=false
    advance 1m
}

@test "pages of services and pods come by way of the API server, to who may see them" {
    page=/api/v1/namespaces/kube-system/services/kube-dns:metrics/proxy
    [[ $(k get --raw $page/metrics) == *coredns_build_info* ]]
    [[ $(k get --raw /api/v1/namespaces/kube-system/services/kube-dns:9153/proxy/metrics) == *coredns_build_info* ]]
    pod=$(k -n kube-system get pods -l k8s-app=kube-dns -o jsonpath='{.items[0].metadata.name}')
    [[ $(k get --raw "/api/v1/namespaces/kube-system/pods/$pod:8080/proxy/health") == OK ]]
    code() { curl -s -o /dev/null -w '%{http_code}' --cacert "$DATA/ca.crt" --cert "$BATS_TEST_TMPDIR/crt" --key "$BATS_TEST_TMPDIR/key" "$(server)$1"; }
    k config view --raw -o jsonpath='{.users[0].user.client-certificate-data}' | base64 -d > "$BATS_TEST_TMPDIR/crt"
    k config view --raw -o jsonpath='{.users[0].user.client-key-data}' | base64 -d > "$BATS_TEST_TMPDIR/key"
    k config view --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d > "$DATA/ca.crt"
    [ "$(code $page)" = 301 ]
    [ "$(code $page/metrics)" = 200 ]
    fails() { run k get --raw "/api/v1/namespaces/default/$1/proxy/" "${@:3}"; echo "$output"; [ "$status" = 1 ]; [[ $output == *"$2"* ]]; }
    fails services/none 'endpoints "none" not found'
    fails services/none:80 'services "none" not found'
    fails services/kubernetes:81 'no service port 81 found for service "kubernetes"'
    fails services/https:kubernetes:443 'no endpoints available for service "https:kubernetes:443"'
    fails services/ftp:kubernetes:443 'invalid service request "ftp:kubernetes:443"'
    fails pods/none 'pods "none" not found'
    fails pods/a:b:c:d 'invalid pod request "a:b:c:d"'
    fails services/kubernetes 'cannot get resource "services/proxy"' --as=nobody
}
