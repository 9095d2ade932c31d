# The journal of what came from outside, and its replay: the same, or the first difference by name.
load helpers

setup() {
    export HOME=$BATS_TEST_TMPDIR DATA=$BATS_TEST_TMPDIR/d J=$BATS_TEST_TMPDIR/session.journal TZ=UTC TMPDIR=$BATS_TEST_TMPDIR
    unset KUBELAB_DATA
}
teardown() {
    stop
    "$KUBELAB" down --data "$BATS_TEST_TMPDIR/kept" 2>/dev/null || true
}
advance() {
    "$KUBELAB" clock advance "$1" --data "$DATA"
}
digest() {                                     # digest [FOLDER]
    "$KUBELAB" debug digest --data "${1:-$DATA}"
}
export_journal() {
    "$KUBELAB" journal export "$J" --data "$DATA"
}
replays_the_same() {                           # replays_the_same [FLAGS]: and leaves the report in $output
    run "$KUBELAB" replay "$J" -o json "$@"
    [ "$status" = 0 ] || { echo "$output"; return 1; }
    [ "$(jq .same <<<"$output")" = true ]
}
a_small_session() {
    k create deployment web --image=nginx
    advance 30s
    k get pods
    k scale deployment web --replicas 3
    k label deployment web tier=front
    advance 20s
    k delete deployment web --wait=false
    advance 1m
}

@test "a session on a paused clock is replayed, and its cluster kept" {
    start --seed 4 --clock paused --lab lab8
    a_small_session
    export_journal
    [ "$(stat -c %a "$J")" = 600 ]
    mine=$(digest)
    replays_the_same --data "$BATS_TEST_TMPDIR/kept" --keep
    [ "$(digest "$BATS_TEST_TMPDIR/kept")" = "$mine" ]
    KUBECONFIG=$BATS_TEST_TMPDIR/kept/admin.conf k get events -o name | grep -q web
    [ "$("$KUBELAB" status --data "$BATS_TEST_TMPDIR/kept" -o json | jq .clock.speed)" = 0 ]
}

@test "what was changed in a journal is the first difference, by name" {
    start --seed 4 --clock paused
    k create ns one
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {colour: green}\n' | k apply --validate=false -f -
    advance 10s
    export_journal
    sed '/"method":"POST".*configmaps/s/green/black/' "$J" > "$J.changed"
    ! cmp -s "$J" "$J.changed"
    run "$KUBELAB" replay "$J.changed"
    [ "$status" = 1 ]
    [[ $output == *"POST /api/v1/namespaces/default/configmaps"* ]]
    [[ $output == *"expected: 201, "* ]]
    [[ $output == *"got:      201, "* ]]
    awk '!/"target":"\/clock\/advance"/' "$J" > "$J.without"
    run "$KUBELAB" replay "$J.without"
    [ "$status" != 0 ]
}

@test "a file that is no journal, or not all of one, is refused with its line" {
    start --bare --clock paused
    k create ns one
    export_journal
    head -c 150 "$J" > "$J.cut"
    run "$KUBELAB" replay "$J.cut"
    [ "$status" = 2 ]
    [[ $output == *"line 2: the file is cut off"* ]]
    sed '$d' "$J" > "$J.cut"
    run "$KUBELAB" replay "$J.cut"
    [ "$status" = 2 ]
    [[ $output == *"the journal's end is missing"* ]]
    echo '{"kind":"List"}' > "$J.other"
    run "$KUBELAB" replay "$J.other"
    [ "$status" = 2 ]
    [[ $output == *"line 1: this is no journal"* ]]
    sed '1s/"format":1/"format":9/' "$J" > "$J.newer"
    run "$KUBELAB" replay "$J.newer"
    [ "$status" = 2 ]
    [[ $output == *"format 9"* ]]
    run "$KUBELAB" replay "$BATS_TEST_TMPDIR/nowhere"
    [ "$status" = 2 ]
    run "$KUBELAB" replay
    [ "$status" = 2 ]
}

lab8() {                                       # lab8 KUBECTL: the lab's session, with a build, load, exec, an edited manifest and a driven command
    export KUBELAB_DATA=$DATA
    KUBECTL=$1
    "$KUBELAB" lab files lab8 "$BATS_TEST_TMPDIR/files" --all
    k apply -f "$BATS_TEST_TMPDIR/files/metrics-server/deploy/1.8+/"
    advance 90s
    k -n kube-system patch deploy metrics-server --type json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-insecure-tls"},{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-preferred-address-types=InternalIP"}]'
    advance 2m
    k top node
    "$KUBELAB" shell lab8 --drive -- docker image build -t target "$BATS_TEST_TMPDIR/files/hpa"
    k create -f "$BATS_TEST_TMPDIR/files/hpa/target-deploy.yaml"
    k expose deploy web1 --port 80
    k autoscale deployment web1 --cpu-percent=50 --min=1 --max=5
    advance 100s
    "$KUBELAB" shell lab8 --drive -- sh -c "echo 'while true; do wget -q -O- http://web1.default.svc.cluster.local; done' | '$KUBECTL' run driver --image=busybox --restart=Never -i --attach=false -- sh; '$KUBECTL' wait --for=condition=Ready pod/driver"
    "$KUBELAB" shell lab8 --drive --budget 2m -- sh -c "(echo 'while true; do wget -q -O- http://web1.default.svc.cluster.local; done'; sleep 100) | '$KUBECTL' attach -i driver" || true
    "$KUBELAB" shell lab8 --drive -- "$KUBECTL" exec -i driver -- cat < "$BATS_TEST_TMPDIR/files/hpa/index.php" | cmp - "$BATS_TEST_TMPDIR/files/hpa/index.php"
    k get hpa web1
    k top pod
    "$KUBELAB" shell lab8 -- sudo sed -i 's/--leader-elect=true/&\n    - --v=3/' /etc/kubernetes/manifests/kube-scheduler.yaml
    advance 1m
    "$KUBELAB" shell lab8 -- sudo systemctl restart kubelet
    "$KUBELAB" shell lab8 -- sudo kubeadm token create
    ip=$(k get svc web1 -o jsonpath='{.spec.clusterIP}')
    "$KUBELAB" shell lab8 --drive -- curl -s "http://$ip/"
    "$KUBELAB" lab check lab8 >/dev/null || true
    k delete hpa/web1 service/web1 deploy/web1 pod/driver --wait=false
    advance 1m
}

@test "Lab 8's whole session, with the oldest kubectl" {
    start --seed 8 --clock paused --lab lab8
    lab8 "$(tests/support/kubectl-1.20)"
    export_journal
    grep -q '"kind":"file".*kube-scheduler' "$J"
    mine=$(digest)
    replays_the_same --data "$BATS_TEST_TMPDIR/kept" --keep
    [ "$(digest "$BATS_TEST_TMPDIR/kept")" = "$mine" ]
}

@test "Lab 8's whole session, with the newest kubectl, the clock going sixty times as fast" {
    start --clock 60 --lab lab8
    lab8 "$KUBECTL_NEW"
    export_journal
    replays_the_same
}

@test "down and up, an edited file meanwhile, and kill -9: lives go on from one another" {
    start --clock 60 --lab lab8
    k create deployment web --image=nginx
    advance 30s
    "$KUBELAB" down --data "$DATA"
    export_journal                             # of a folder in which nothing runs
    replays_the_same
    sed -i 's/--leader-elect=true/&\n    - --v=3/' "$DATA/node/etc/kubernetes/manifests/kube-scheduler.yaml"
    start --clock 60
    k get pods
    k create deployment two --image=nginx
    k scale deployment web --replicas=3
    kill -9 "$("$KUBELAB" status --data "$DATA" -o json | jq .pid)"
    start --clock paused
    k get pods
    advance 30s
    [ "$(k get deployment two -o jsonpath='{.status.readyReplicas}')" = 1 ]
    export_journal
    mine=$(digest)
    replays_the_same --data "$BATS_TEST_TMPDIR/kept" --keep
    [ "$(jq .lives <<<"$output")" = 3 ]
    [ "$(digest "$BATS_TEST_TMPDIR/kept")" = "$mine" ]
}

@test "a watch stands open while others act, and ends where it ended" {
    start --clock paused
    "$KUBECTL" get pods -w > "$BATS_TEST_TMPDIR/watched" &
    watch=$!
    until grep -q '"requestURI":"/api/v1/namespaces/default/pods.*watch=' <<<"$("$KUBELAB" debug audit --data "$DATA" -o json)"; do sleep 0.05; done
    k run one --image=busybox --restart=Never -- sleep 20
    advance 30s
    until grep -q Completed "$BATS_TEST_TMPDIR/watched"; do sleep 0.05; done     # the client has read it; bats bounds the wait
    kill $watch
    wait $watch || true
    k delete pod one --wait=false
    advance 40s
    export_journal
    grep -q '"kind":"gone"' "$J"
    replays_the_same
}

@test "a cluster that kept no journal, or not of every life, says so" {
    start --bare --journal=false
    run "$KUBELAB" journal export "$J" --data "$DATA"
    [ "$status" != 0 ]
    [[ $output == *"keeps no journal"* ]]
    "$KUBELAB" down --data "$DATA"
    run "$KUBELAB" journal export "$J" --data "$DATA"
    [ "$status" = 2 ]
    start --bare
    k create ns one
    export_journal
    run "$KUBELAB" replay "$J"
    [ "$status" = 1 ]
    [[ $output == *"they were not recorded"* ]]
}

@test "a hostile journal harms nothing" {
    start --bare --clock paused --seed 1
    k create ns one
    "$KUBELAB" clock advance 1s --data "$DATA"
    export_journal
    for change in 's#"target":"/clock/advance"#"target":"/down"#' "s#\"target\":\"/clock/advance\"#\"target\":\"/door?path=$BATS_TEST_TMPDIR/door\"#" \
        's#"place":"control"#"place":"10.0.0.1:1"#' 's#"life":1#"life":7#' 's#"minor":20#"minor":21#' 's#"start":[0-9]*#"start":0#' \
        's#"method":"POST","target":"/clock#"method":"","target":"/clock#' 's#"kind":"request","n":\([0-9]*\)#"kind":"step","ns":-5,"n":\1#' 's#"chain":1,"pem":"#&x#'; do
        sed "$change" "$J" > "$J.bad"
        cmp -s "$J" "$J.bad" && { echo "nothing changed: $change"; return 1; }
        run "$KUBELAB" replay "$J.bad"
        [ "$status" = 1 ] || [ "$status" = 2 ] || { echo "$change: $status $output"; return 1; }
        [ -n "$output" ]
    done
    [ ! -e "$BATS_TEST_TMPDIR/door" ]
    up=$(grep -n '"kind":"up"' "$J" | cut -d: -f1)
    for path in ../evil node/etc/../../../evil /etc/evil seed; do
        sed "${up}a{\"kind\":\"file\",\"n\":0,\"path\":\"$path\",\"mode\":420,\"body\":\"x\"}" "$J" > "$J.bad"
        run "$KUBELAB" replay "$J.bad"
        [ "$status" = 1 ] || { echo "$path: $status $output"; return 1; }
    done
    ls "$BATS_TEST_TMPDIR"/kubelab-replay-* 2>/dev/null && return 1
    true
}

@test "a clock at speed 60: every input at its moment, also with a default seed" {
    start --clock 60
    a_small_session
    k get pods -w --request-timeout=1s || true
    export_journal
    replays_the_same
}

@test "a full journal says where it ends" {
    start --bare --clock paused
    printf '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"big"},"data":{"a":"%s"}}' "$(head -c 2900000 /dev/zero | tr '\0' x)" > "$BATS_TEST_TMPDIR/big"
    for _ in $(seq 24); do k create --raw /api/v1/namespaces/default/configmaps -f "$BATS_TEST_TMPDIR/big" 2>/dev/null || true; done
    k create ns late
    export_journal
    run "$KUBELAB" replay "$J"
    [ "$status" = 0 ]
    [[ $output == *"the journal is full there"* ]]
    stop
    start --clock paused                       # and stays so
    "$KUBELAB" journal export "$J.again" --data "$DATA"
    cmp "$J" "$J.again"
}
