# Labs as data, their checks and hints, and scenarios: the reference solution and known wrong ones, errors that point, and the same bytes every time.
load helpers

setup_file() {
    place "$BATS_FILE_TMPDIR"
    start --lab lab8 --seed 8 --clock paused
}
teardown_file() {
    stop
}

@test "the list names the labs; other names are refused" {
    run "$KUBELAB" lab list
    grep -qx "lab8 *Metrics: the metrics server, kubectl top, and autoscaling a web server" <<<"$output"
    grep -q "^repair *Repair: " <<<"$output"
    run "$KUBELAB" lab check lab99
    [ "$status" = 2 ]
    [[ $output == *'there is no lab "lab99"'* ]]
    run "$KUBELAB" lab check lab8 --step nope
    [ "$status" = 2 ]
    [[ $output == *'lab8 has no step "nope"; it has deploy metrics autoscale scale'* ]]
    run "$KUBELAB" lab start lab8
    [ "$status" = 0 ]
    [[ $output == "Lab 8 is ready"* ]]
}

@test "checks: what fails says why and where to look, what depends on it is not judged" {
    run "$KUBELAB" lab check lab8
    [ "$status" = 1 ]
    [[ $output == *"not ok  the metrics server's pod is ready"* ]]
    [[ $output == *"why:  everything else in this lab asks the metrics server"* ]]
    [[ $output == *"help: apply all seven manifests"* ]]
    [[ $output == *'not judged: "the metrics server'"'"'s pod is ready" has to pass first'* ]]
    [ "${lines[-1]}" = "0 of 11 checks pass; 0 of 21 points" ]
}

@test "hints come one by one, for the first step that is not done" {
    run "$KUBELAB" lab hint lab8
    [[ $output == "deploy, hint 1 of 2: "* ]]
    run "$KUBELAB" lab hint lab8
    [[ $output == "deploy, hint 2 of 2: "* ]]
    run "$KUBELAB" lab hint lab8 --step scale
    [[ $output == "scale, hint 1 of 2: "* ]]
}

@test "a step that is done passes, and the next hint is of the next step" {
    "$KUBELAB" lab files lab8 "$BATS_TEST_TMPDIR"
    k apply -f "$BATS_TEST_TMPDIR/metrics-server/deploy/1.8+/"
    advance 40s
    run "$KUBELAB" lab check lab8 --step deploy
    [ "$status" = 0 ]
    [ "${lines[-1]}" = "2 of 2 checks pass; 3 of 3 points" ]
    run "$KUBELAB" lab check lab8 -o json
    [ "$status" = 1 ]
    [ "$(jq -c '[.lab, .passed, .total, .points, .maxPoints]' <<<"$output")" = '["lab8",2,11,3,21]' ]
    [ "$(jq -r '.checks[] | select(.state == "failed") | .name' <<<"$output" | head -n 1)" = "the kubelet is asked at an address that leads to it" ]
    run "$KUBELAB" lab hint lab8
    [[ $output == "metrics, hint 1 of 3: "* ]]
}

@test "without a cluster: checks are unreachable, with a status of their own" {
    run "$KUBELAB" lab check lab8 --data "$BATS_TEST_TMPDIR/none"
    [ "$status" = 3 ]
    [[ $output == *"no cluster is running"* ]]
}

@test "the reference solution passes every check, and leaves time line, table and plot; twice the same bytes" {
    run "$KUBELAB" scenario run labs/lab8/solution.yaml --out "$BATS_TEST_TMPDIR/a"
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *"11 of 11 checks of lab8 pass"* ]]
    "$KUBELAB" scenario run labs/lab8/solution.yaml --out "$BATS_TEST_TMPDIR/b" -o json > "$BATS_TEST_TMPDIR/stdout"
    for f in timeline.json timeline.csv timeline.svg; do cmp "$BATS_TEST_TMPDIR/a/$f" "$BATS_TEST_TMPDIR/b/$f"; done
    cmp "$BATS_TEST_TMPDIR/stdout" "$BATS_TEST_TMPDIR/a/timeline.json"
    [ "$(jq -r .verdict "$BATS_TEST_TMPDIR/a/timeline.json")" = passed ]
    [ "$(jq '[.samples[].ready] | max' "$BATS_TEST_TMPDIR/a/timeline.json")" = 5 ]
    [ "$(awk -F, 'NR > 1 && $1 % 15' "$BATS_TEST_TMPDIR/a/timeline.csv")" = "" ]
    python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$BATS_TEST_TMPDIR/a/timeline.svg"
    [ -z "$(ls -d "$TMPDIR"/kubelab-scenario-* 2>/dev/null)" ]
}

@test "known wrong solutions fail the checks that they are to fail" {
    for w in labs/lab8/wrong-*.yaml; do
        run "$KUBELAB" scenario run "$w"
        echo "$output"
        [ "$status" = 0 ]
    done
}

@test "a scenario's shell: output, statuses, and a real kubectl" {
    cat > "$BATS_TEST_TMPDIR/s.yaml" <<'Y'
name: shell
steps:
- at: 5s
  name: a line
  run: $KUBECTL create configmap c --from-literal=a=b
- run: exit 3
- expect: any(.objects.configmaps[]; .metadata.name == "c" and .metadata.namespace == "default")
Y
    run "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/s.yaml"
    echo "$output"
    [ "$status" = 1 ]
    [[ $output == *"00:05  ok      a line: configmap/c created"* ]]
    [[ $output == *"FAILED  run ("*"s.yaml:6): it ended with 3"* ]]
    [ "${lines[-1]}" = "shell: failed; 2 of 3 steps as expected" ]
}

@test "what waits in a scenario's shell gets virtual time, exactly, and the same bytes come out" {
    cat > "$BATS_TEST_TMPDIR/s.yaml" <<'Y'
name: waiting
sample: 30s
steps:
- at: 5s
  run: $KUBECTL create deploy web --image=nginx && $KUBECTL rollout status deploy/web && $KUBECTL wait --for=condition=Ready pod -l app=web
- run: sleep 60
- run: timeout 45 watch -t -n 20 $KUBECTL get deploy web; true
- run: (setsid sleep 10h; echo never) & echo now
- at: 3m
  run: $KUBECTL get pods --no-headers | tr -s ' ' | cut -d ' ' -f 2-5
- run: sleep 2h
Y
    for i in a b; do
        run "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/s.yaml" --out "$BATS_TEST_TMPDIR/$i"
        echo "$output"
        [ "$status" = 1 ]
    done
    [[ $output == *"successfully rolled out"*"03:00  ok "*"1/1 Running 0 2m55s"*"FAILED  run ("*"): it ended with 1: kubelab: the command used up its budget of 1h0m0s"* ]]
    diff -r "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
    run jq -c '[.steps[].t] | [.[1] - .[0], .[2] - .[1], .[3] - .[2], .[4], .[5]]' "$BATS_TEST_TMPDIR/a/timeline.json"
    [ "$output" = "[60,45,0,180,3780]" ]
}

@test "errors point to file, line and column, and nothing has been started" {
    printf 'name: x\nsteps:\n- at: 30s\n  expect: .a ==\n' > "$BATS_TEST_TMPDIR/a.yaml"
    run "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/a.yaml"
    [ "$status" = 2 ]
    [[ $output == "kubelab: $BATS_TEST_TMPDIR/a.yaml:4:11: syntax error"* ]]
    printf 'name: x\nsteps:\n- fault: {inject: dns-slow, colour: red}\n' > "$BATS_TEST_TMPDIR/b.yaml"
    run "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/b.yaml"
    [ "$status" = 2 ]
    [[ $output == *"b.yaml:3:29: a fault has no"* ]]
    run "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/none.yaml"
    [ "$status" = 2 ]
    run "$KUBELAB" scenario walk
    [ "$status" = 2 ]
    [[ $output == *"Usage: kubelab scenario run FILE"* ]]
}

@test "an expression without end is stopped and said to be; the scenario goes on" {
    printf 'name: x\nsteps:\n- expect: last(repeat(1))\n- clock: 5s\n' > "$BATS_TEST_TMPDIR/e.yaml"
    run "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/e.yaml" --out "$BATS_TEST_TMPDIR/out"
    [ "$status" = 1 ]
    [[ $output == *"it could not be judged: it did not end within 2 s of CPU"* ]]
    [ "$(jq -c '[.verdict, .passed, .failed]' "$BATS_TEST_TMPDIR/out/timeline.json")" = '["failed",1,1]' ]
}

@test "an interrupted scenario keeps its results and leaves nothing running" {
    printf 'name: x\nsteps:\n- clock: 100h\n' > "$BATS_TEST_TMPDIR/i.yaml"
    "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/i.yaml" --out "$BATS_TEST_TMPDIR/out" 3>&- &
    local pid=$!
    until [ -S "$(echo "$TMPDIR"/kubelab-scenario-*/data/control.sock)" ]; do sleep 0.05; done
    sleep 0.3
    kill -TERM $pid
    status=0
    wait $pid || status=$?             # not `run`: a subshell cannot wait for it
    [ "$status" = 1 ]
    [ "$(jq -r .verdict "$BATS_TEST_TMPDIR/out/timeline.json")" = interrupted ]
    [ -z "$(ls -d "$TMPDIR"/kubelab-scenario-* 2>/dev/null)" ]
}
