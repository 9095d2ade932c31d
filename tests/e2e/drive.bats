# Driven commands: the clock stands while a command works, and goes on while it waits; how slowly its processes think does not show.
load helpers

setup_file() {
    place "$BATS_FILE_TMPDIR"
    kubectl_by_name
    start --lab lab8 --clock paused --seed 8
}
teardown_file() {
    stop
}
setup() {
    bats_require_minimum_version 1.5.0
    cd "$BATS_TEST_TMPDIR"
}
drive() {                                      # drive [FLAGS...] -- CMD...
    "$KUBELAB" shell --drive "$@"
}
seconds() {                                    # the clock, in seconds
    date -d "$("$KUBELAB" clock get)" +%s
}

@test "sleep, watch and timeout take virtual time, and no time of their own" {
    local before after wall=$SECONDS
    before=$(seconds)
    run drive -- bash -c 'sleep 10m; sleep 0.5 1s; watch -t -g -n 30 kubelab clock get; timeout 60 watch -n 20 true; echo "status $?"'
    after=$(seconds)
    [ "$status" = 0 ]
    [[ $output == *"Every 20.0s: true"*"status 124" ]]
    [ $((after - before)) -ge 691 ] && [ $((after - before)) -le 692 ]
    [ $((SECONDS - wall)) -lt 20 ]
    run drive -- sleep 1x
    [ "$status" = 1 ]
    [[ $output == "sleep: invalid time interval '1x'"* ]]
    drive -- timeout 10 true
    run drive -- timeout -k 5 10 bash -c 'trap "" TERM; sleep 1h; sleep 1h'
    [ "$status" = 137 ]
}

@test "the status and the streams are the command's own" {
    run drive -- sh -c 'exit 7'
    [ "$status" = 7 ]
    run drive -- sh -c 'kill -9 $$'
    [ "$status" = 137 ]
    run -127 drive -- no-such-command
    [[ $output == "kubelab: no-such-command: command not found" ]]
    [ "$(echo hello | drive -- cat)" = hello ]
    run --separate-stderr drive -- sh -c 'echo out; echo err >&2'
    [ "$output" = out ] && [ "$stderr" = err ]
}

@test "the budget ends a command that waits for ever, and all its processes" {
    local before
    before=$(seconds)
    run drive --budget 10m -- bash -c 'kubectl get nodes -w & echo $! > pid; wait'
    [ "$status" = 1 ]
    [[ $output == *"kubelab: the command used up its budget of 10m0s of virtual time and was ended"* ]]
    [ $(($(seconds) - before)) = 600 ]
    run kill -0 "$(cat pid)"
    [ "$status" != 0 ]
}

@test "what a command leaves behind is ended with it" {
    drive -- bash -c 'setsid bash -c "echo \$\$ > pid; exec kubectl get nodes -w" & until [ -s pid ]; do sleep 0.01; done'
    run kill -0 "$(cat pid)"
    [ "$status" != 0 ]
}

@test "a clock that runs is stopped meanwhile, and runs on afterwards" {
    "$KUBELAB" clock speed 3
    run drive -- kubelab status -o json
    [ "$(jq .clock.speed <<<"$output")" = 0 ]
    [ "$("$KUBELAB" status -o json | jq .clock.speed)" = 3 ]
    "$KUBELAB" clock pause
}

@test "wrong use is refused by name" {
    run "$KUBELAB" shell --drive
    [ "$status" = 2 ]
    [[ $output == *"--drive takes a command"* ]]
    run "$KUBELAB" shell --budget 1h -- true
    [ "$status" = 2 ]
    [[ $output == *"add --drive"* ]]
    run drive --budget soon -- true
    [ "$status" = 2 ]
    [[ $output == *"a budget is a duration"* ]]
    run drive -- kubelab shell --drive -- true
    [[ $output == *"another command is driven now"* ]]
    # the leak sanitizer needs /proc itself
    if [ "$(id -u)" = 0 ] && [ -z "${ASAN_OPTIONS:-}" ] && unshare -m true 2>/dev/null; then
        run unshare -m sh -c 'mount -t tmpfs none /proc && exec "$0" shell --drive -- true' "$KUBELAB"
        [ "$status" = 4 ]
        [[ $output == *"in /proc, which is not there"* ]]
    fi
}

@test "a client's own time-out ends its wait, not the whole" {
    local before
    before=$(seconds)
    run drive -- bash -c 'kubectl wait --for=delete node/ubuntu --timeout=2s; echo "status $?"; sleep 5'
    [ "$status" = 0 ]
    [[ $output == *"timed out waiting for the condition"*"status 1"* ]]
    [ $(($(seconds) - before)) = 7 ]
}

@test "a program's own sleep is the wall's, in whole seconds" {
    local before
    before=$(seconds)
    drive -- bash -c 'kubectl get nodes -w > /dev/null & exec python3 -c "import time; time.sleep(2)"'
    [ $(($(seconds) - before)) = 2 ]
}

# The story is told on clusters of their own, by tellers who are stopped at random for up to MAX ms.
story() {
    cat <<'E2'
kubectl create deploy web --image=nginx
kubectl rollout status deploy/web
kubectl get pods -w > watched &
until [ -s watched ]; do sleep 0.01; done
kubectl wait --for=condition=Ready pod -l app=web
kubectl scale deploy web --replicas=2
kubectl rollout status deploy/web
kubectl run -i box --image=busybox --restart=Never -- cat <<< hello
kubectl exec deploy/web -- date
kubectl logs -f box
for i in 1 2; do kubectl get hpa; kubectl get pods; sleep 15; done
kubectl delete deploy web
timeout 40 kubectl get pods -w; echo "status $?"
kill %1; wait
cat watched
E2
}
tell() {                                       # tell NAME MAX
    local d=$BATS_TEST_TMPDIR/$1
    mkdir -p "$d/home"
    cd "$d"
    export HOME=$d/home KUBELAB_DATA=$d/data
    "$KUBELAB" up --detach --port 0 --kubelet-port 0 --seed 8 --start 2026-01-24T23:00:00Z --clock paused --lab lab8
    story > story
    "$KUBELAB" shell --drive -- bash story > out 2>&1 &
    local driven=$! stopper=
    if [ "$2" -gt 0 ]; then
        until tr '\0' ' ' < /proc/$driven/cmdline | grep -q -e --drive; do :; done
        "$BATS_TEST_DIRNAME/../support/stopper" $driven "$1" "$2" & stopper=$!
    fi
    wait $driven
    [ -z "$stopper" ] || wait $stopper
    "$KUBELAB" debug digest >> out
    "$KUBELAB" down
    sed -i '/^If you don/d' out                # kubectl's word to whoever attaches comes by its own race
}

@test "however slowly the processes think, the same happens, to the byte" {
    [ -r /proc/self/wchan ] || skip "no /proc"
    (tell calm 0)
    for i in a b; do
        (tell $i 100)
        diff "$BATS_TEST_TMPDIR/calm/out" "$BATS_TEST_TMPDIR/$i/out"
    done
    grep -q '^hello' "$BATS_TEST_TMPDIR/calm/out"
    grep -q 'status 124' "$BATS_TEST_TMPDIR/calm/out"
}
