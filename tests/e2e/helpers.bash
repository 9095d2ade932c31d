# What the bats files share: a cluster of their own for each test file, and its kubectl.
place() {                                      # place DIR: a home, and the data of its cluster
    export HOME=$1/home TMPDIR=$1 DATA=$1/d KUBELAB_DATA=$1/d
    mkdir -p "$HOME"
}
kubectl_by_name() {                            # what is under test is what scripts call kubectl
    mkdir -p "$HOME/bin"
    ln -sf "$KUBECTL" "$HOME/bin/kubectl"
    export PATH=$HOME/bin:$PATH
}
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
advance() {
    timeout 60 "$KUBELAB" clock advance "$1" >/dev/null
}
timely() {                                     # timely COMMAND...: with a second of virtual time whenever it waits
    "$@" >"$DATA/out" 2>&1 &
    local pid=$! i
    for ((i = 0; i < 60; i++)); do
        sleep 0.2
        kill -0 $pid 2>/dev/null || break
        advance 1s
    done
    kill $pid 2>/dev/null || true
    wait $pid || true
    cat "$DATA/out"
}
