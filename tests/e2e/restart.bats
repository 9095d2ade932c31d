# A cluster that is killed, stopped or starved goes on where it was: same pods, same containers, same clock; and what it cannot do, it says.
load helpers

setup() {
    export HOME=$BATS_TEST_TMPDIR DATA=$BATS_TEST_TMPDIR/d KUBELAB_DATA=$BATS_TEST_TMPDIR/d
}
teardown() {
    stop
    [ ! -d "$BATS_TEST_TMPDIR/small" ] || umount -l "$BATS_TEST_TMPDIR/small" 2>/dev/null || true
}
murder() {
    kill -9 "$("$KUBELAB" status -o json | jq .pid)"
}
pods() {                                       # what must not change, a line per container
    k get pods -A -o json | jq -r '.items[] | . as $p | .status.containerStatuses[]? |
        [$p.metadata.namespace, $p.metadata.name, $p.metadata.uid, $p.status.podIP, .name, .containerID, .restartCount, .ready] | @tsv' | sort
}
events() {
    k get events -A -o json | jq '[.items[].count // 1] | add'
}
creations() {                                  # of c1, c2, ..., as the audit trail has them
    "$KUBELAB" debug audit -o json | jq -c 'select(.verb == "create" and (.objectRef.name // "" | test("^c[0-9]+$")))'
}
build() {                                      # build FOLDER: on the node, its virtual time given as it asks for it
    "$KUBELAB" shell lab8 -- docker image build -t target "$1" > "$HOME/build.log" 2>&1 &
    local pid=$!
    until grep -q "^Step 1" "$HOME/build.log" || ! kill -0 $pid; do sleep 0.02; done
    advance 2m
    wait $pid
}
lab() {                                        # Lab 8 with its metrics server, its image and three pods under load
    start --lab lab8 --clock paused --seed 8
    "$KUBELAB" lab files lab8 "$HOME" --all
    k apply -f "$HOME/metrics-server/deploy/1.8+/"
    k -n kube-system patch deploy metrics-server --type json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-insecure-tls"},
        {"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-preferred-address-types=InternalIP"}]'
    build "$HOME/hpa"
    k create -f "$HOME/hpa/target-deploy.yaml"
    k scale deploy web1 --replicas=3
    k expose deploy web1 --port 80
    k run driver --image=busybox -- sh -c 'while true; do wget -q -O- http://web1.default.svc.cluster.local; done'
    advance 2m
}

@test "killed under load: every container goes on, and nothing is told twice" {
    lab
    before=$(pods) count=$(events) clock=$("$KUBELAB" clock get)
    [ "$(wc -l <<<"$before")" -ge 14 ]
    murder
    start --clock paused
    [ "$(pods)" = "$before" ]
    [[ ! $("$KUBELAB" clock get) < $clock ]]
    advance 3m
    [ "$(pods)" = "$before" ]
    [ "$(events)" -le $((count + 8)) ]         # the node's and the components' own beginnings
    k top pods -n kube-system
    [ "$(k top pods --no-headers -l app=web1 | awk '{ sum += $2 } END { print (sum > 400) }')" = 1 ]
}

@test "stopped and started: the same, and the built image is still there" {
    lab
    before=$(pods)
    stop
    start --clock paused
    advance 1m
    [ "$(pods)" = "$before" ]
    k scale deploy web1 --replicas=4
    advance 20s
    [ "$(k get deploy web1 -o jsonpath='{.status.readyReplicas}')" = 4 ]
}

@test "no name, UID or container id is drawn twice" {
    start --lab lab8 --clock paused --seed 8
    k create cm first
    for i in 1 2 3; do
        murder
        start --clock paused
        k create cm "again-$i"
        k create deploy "d$i" --image=nginx
        advance 1m
    done
    ids=$(k get cm,pods,deploy,rs,sa,secrets -A -o json | jq -r '.items[] | .metadata.uid, (.status.containerStatuses[]?.containerID // empty)')
    [ "$(sort <<<"$ids" | uniq -d)" = "" ]
}

@test "killed while a rollout is under way: it is completed" {
    start --lab lab8 --clock paused --seed 8
    k create deploy web --image=nginx
    k scale deploy web --replicas=5
    advance 30s
    k set image deploy/web nginx=nginx:1.17
    advance 2s
    murder
    start --clock paused
    advance 2m
    k rollout status deploy/web --timeout=5s
    [ "$(k get pods -l app=web -o jsonpath='{.items[*].spec.containers[0].image}' | tr ' ' '\n' | sort -u)" = nginx:1.17 ]
    [ "$(k get pods -l app=web -o name | wc -l)" = 5 ]
}

@test "killed while it boots: the next start completes it" {
    for wait in 0.01 0.03 0.05 0.08 0.12 0.2; do
        "$KUBELAB" up --lab lab8 --clock paused --port 0 --kubelet-port 0 > /dev/null 2>&1 &
        pid=$!
        sleep $wait
        kill -9 $pid
        wait $pid || true
    done
    start --clock paused
    [ "$(k get pods -n kube-system --no-headers | grep -c Running)" = 8 ]
    [ "$(k get secrets -n kube-system -o name | grep -c secret/bootstrap-token-)" = 1 ]
    k get --raw /readyz
}

@test "a control socket that nobody listens on is replaced" {
    start --bare
    murder
    [ -S "$DATA/control.sock" ]
    run "$KUBELAB" status
    [ "$status" = 3 ]
    start --bare
    "$KUBELAB" status
}

@test "a data folder that may not be written is named, with a way out" {
    [ "$(id -u)" = 0 ] || skip "needs to become somebody else"
    chmod 755 "$BATS_TEST_TMPDIR"
    mkdir -m 755 "$DATA"
    run setpriv --reuid 65534 --regid 65534 --clear-groups "$KUBELAB" up --detach --bare --port 0 --data "$DATA"
    [ "$status" != 0 ]
    [[ $output == *"$DATA"*"permission denied"*"--data"* ]]
}

@test "a full disk refuses writes in etcd's words, loses nothing, and goes on when there is room again" {
    mkdir "$BATS_TEST_TMPDIR/small"
    mount -t tmpfs -o size=3m none "$BATS_TEST_TMPDIR/small" 2>/dev/null || skip "needs a small file system"
    export DATA=$BATS_TEST_TMPDIR/small/d KUBELAB_DATA=$BATS_TEST_TMPDIR/small/d
    start --bare --clock paused
    text=$(head -c 60000 /dev/zero | tr '\0' x) made=0
    for i in $(seq 60); do
        if run k create cm "c$i" --from-literal=x="$text" && [ "$status" = 0 ]; then made=$((made + 1)); else break; fi
    done
    [ "$made" -gt 3 ] && [ "$made" -lt 60 ]
    [[ $output == *"etcdserver: mvcc: database space exceeded"* ]]
    k get ns
    told=$(creations)
    [ "$(jq -r .responseStatus.code <<<"$told" | sort | uniq -c | tr -s ' ')" = " $made 201"$'\n'" 1 500" ]      # as it was answered
    mount -o remount,size=30m "$BATS_TEST_TMPDIR/small"
    advance 10s
    k create cm after
    murder
    start --bare --clock paused
    k get cm after
    for i in $(seq "$made"); do [ "$(k get cm "c$i" -o jsonpath='{.data.x}' | wc -c)" = 60000 ]; done
    [ "$(creations)" = "$told" ]
    stop
}

@test "a limit on the size of files is a full disk, not an end" {
    (ulimit -f 600; start --bare --clock paused)
    export KUBECONFIG=$DATA/admin.conf
    text=$(head -c 60000 /dev/zero | tr '\0' x)
    for i in $(seq 30); do run k create cm "c$i" --from-literal=x="$text"; done
    [ "$status" = 1 ]
    [[ $output == *"etcdserver: mvcc: database space exceeded"* ]]
    "$KUBELAB" status
}
