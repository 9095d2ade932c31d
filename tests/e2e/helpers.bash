# What the bats files share: a cluster of their own for each test file, and its kubectl.
start() {                                      # start ARGUMENTS...: a cluster in $DATA
    "$KUBELAB" up --detach --data "$DATA" --port 0 --kubelet-port 0 "$@"
    export KUBECONFIG=$DATA/admin.conf
}
stop() {
    "$KUBELAB" down --data "$DATA" 2>/dev/null || true
}
k() {
    "$KUBECTL" "$@"
}
server() {
    "$KUBELAB" status --data "$DATA" -o json | jq -r .server
}
