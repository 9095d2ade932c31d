# The API at the edge, with real clients: strangers, bad input, half-open connections.
load helpers

setup_file() {
    export HOME=$BATS_FILE_TMPDIR DATA=$BATS_FILE_TMPDIR/d
    start --bare
    export SERVER=$(server)
}
teardown_file() {
    stop
}

@test "a stranger is refused in the API's words, pretty-printed for curl" {
    run curl -sk "$SERVER/apis/metrics.k8s.io/"
    [[ $output == *'"message": "forbidden: User \"system:anonymous\" cannot get path \"/apis/metrics.k8s.io/\""'* ]]
    [[ $output == *'"code": 403'* ]]
}

@test "a bad token is 401, a foreign certificate a stranger's" {
    [ "$(curl -sk -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer nonsense' "$SERVER/api")" = 401 ]
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=system:masters/CN=me -keyout "$HOME/me.key" -out "$HOME/me.crt" -days 1 2>/dev/null
    [ "$(curl -sk -o /dev/null -w '%{http_code}' --cert "$HOME/me.crt" --key "$HOME/me.key" "$SERVER/api/v1/secrets")" = 401 ] ||
    [ "$(curl -sk -o /dev/null -w '%{http_code}' --cert "$HOME/me.crt" --key "$HOME/me.key" "$SERVER/api/v1/secrets")" = 403 ]
}

@test "create, read, change, watch, delete" {
    k create cm a --from-literal=x=1
    k patch cm a -p '{"data":{"y":"2"}}'
    [ "$(k get cm a -o json | jq -c .data)" = '{"x":"1","y":"2"}' ]
    timeout 20 "$KUBECTL" get cm -w --watch-only -o name > "$HOME/seen" 3>&- &
    watcher=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do k label --overwrite cm a n=$RANDOM >/dev/null; grep -q configmap/a "$HOME/seen" && break; done
    kill $watcher
    grep -q configmap/a "$HOME/seen"
    k delete cm a
    run k get cm a
    [[ $output == *'configmaps "a" not found'* ]]
}

@test "what is malformed, oversized or truncated gets an answer, and the server lives" {
    cert=(--cert <(k config view --raw -o jsonpath='{.users[0].user.client-certificate-data}' | base64 -d))
    port=${SERVER##*:}
    head -c 5000000 /dev/zero | tr '\0' x > "$HOME/big"
    code=$(curl -sk -o /dev/null -w '%{http_code}' -X POST --data-binary @"$HOME/big" "$SERVER/api/v1/namespaces/default/configmaps")
    [ "$code" = 413 ] || [ "$code" = 403 ]
    printf 'GARBAGE\r\n\r\n' | timeout 5 openssl s_client -quiet -connect "127.0.0.1:$port" >/dev/null 2>&1 || true
    head -c 2000 /dev/urandom > /dev/tcp/127.0.0.1/"$port" || true
    exec 9<>/dev/tcp/127.0.0.1/"$port"         # half open: a connection that says nothing
    run k get ns default -o name
    exec 9>&-
    [ "$output" = namespace/default ]
}

@test "a client that does not read its watch holds nobody up" {
    k get --raw '/api/v1/configmaps?watch=1' > /dev/null 2>&1 3>&- &
    slow=$!
    kill -STOP $slow
    k create cm busy --from-literal=x="$(head -c 100000 /dev/zero | tr '\0' y)"
    for i in 1 2 3 4 5 6 7 8; do k annotate --overwrite cm busy n=$i > /dev/null; done
    kill -KILL $slow
    k delete cm busy
}

@test "components say how they are at the moment when they are asked" {
    output=$(timeout 20 "$KUBECTL" get --raw /api/v1/componentstatuses 2>/dev/null)
    [ "$(jq -r '.items[] | "\(.metadata.name) \(.conditions[0].status) \(.conditions[0].message)"' <<<"$output")" = \
      'scheduler False Get "http://127.0.0.1:10251/healthz": dial tcp 127.0.0.1:10251: connect: connection refused
controller-manager True ok
etcd-0 True {"health":"true"}' ]
    run timeout 20 "$KUBECTL" get componentstatus etcd-0 -o jsonpath='{.conditions[0].type}'
    [[ $output == *Healthy* ]]
    run timeout 20 "$KUBECTL" get componentstatus nobody
    [[ $output == *"Error from server (InternalError): Component not found: nobody"* ]]
}

@test "a claim finds a volume of its class and size, keeps it, and lets it go" {
    k create -f - <<EOF
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec: {storageClassName: manual, capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /data}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: mine}
spec: {storageClassName: manual, accessModes: [ReadWriteOnce], resources: {requests: {storage: 500Mi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: homeless}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 500Mi}}}
EOF
    "$KUBELAB" clock advance --data "$DATA" 20s >/dev/null
    [ "$(k get pvc mine -o jsonpath='{.status.phase} {.spec.volumeName} {.status.capacity.storage}')" = "Bound disk 1Gi" ]
    [ "$(k get pv disk -o jsonpath='{.status.phase} {.spec.claimRef.name} {.metadata.finalizers[0]}')" = \
      "Bound mine kubernetes.io/pv-protection" ]
    run k describe pvc homeless
    [[ $output == *"FailedBinding"*"no persistent volumes available for this claim and no storage class is set"* ]]
    timeout 20 "$KUBECTL" delete pvc mine homeless
    "$KUBELAB" clock advance --data "$DATA" 1s >/dev/null
    [ "$(k get pv disk -o jsonpath='{.status.phase}')" = Released ]
    timeout 20 "$KUBECTL" delete pv disk
    run k get pv,pvc
    [[ $output == *"No resources found"* ]]
}
