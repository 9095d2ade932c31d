# What steers the cluster, as objects of lab.kubelab.dev: the clock.
load helpers

setup_file() {
    place "$BATS_FILE_TMPDIR"
    start --clock paused --seed 4
}
teardown_file() { stop; }
speed() { "$KUBELAB" status --data "$DATA" -o json | jq .clock.speed; }
set_speed() { k patch clock cluster --type merge -p "{\"spec\":{\"speed\":$1}}"; }

@test "the clock is an object: what kubectl says holds, and what kubelab clock says is seen" {
    [ "$(k get clock cluster -o jsonpath='{.spec.speed} {.status.speed}')" = "0 0" ]
    set_speed 60
    [ "$(speed)" = 60 ]
    "$KUBELAB" clock speed 2 --data "$DATA"
    "$KUBECTL_NEW" wait clock cluster --for=jsonpath='{.status.speed}'=2 --timeout=10s        # 1.20 knows no such wait
    [ "$(k get clock cluster -o jsonpath='{.spec.speed}')" = 2 ]
    set_speed '"0.5"'
    [ "$(speed)" = 0.5 ]
    "$KUBELAB" clock pause --data "$DATA"
    [ "$(k get clock cluster -o jsonpath='{.spec.speed} {.status.speed}')" = "0 0" ]
    before=$(k get clock --no-headers | awk '{print $3}')
    advance 90s
    after=$(k get clock --no-headers | awk '{print $3}')
    [ $(($(date -d "$after" +%s) - $(date -d "$before" +%s))) = 90 ]
    k explain clock.spec.speed | grep "0 is"
}

@test "there is one clock, with bounds; deleted, it is there again; a driven command's clock stands" {
    run k create -f - <<<'{"apiVersion":"lab.kubelab.dev/v1","kind":"Clock","metadata":{"name":"other"}}'
    [[ $output == *"must be 'cluster': there is one clock"* ]]
    for bad in 1001 -1 '"fast"'; do
        run set_speed "$bad"
        [[ $output == *"must be a number from 0 (paused) to 1000"* ]]
    done
    k delete clock cluster
    k get clock cluster
    "$KUBELAB" shell --data "$DATA" --drive -- kubectl patch clock cluster --type merge -p '{"spec":{"speed":7}}'
    [ "$(speed)" = 7 ]
    "$KUBELAB" clock pause --data "$DATA"
}

scenario() {                                   # scenario NAME: an object with the steps on standard input
    { printf 'apiVersion: lab.kubelab.dev/v1\nkind: Scenario\nmetadata: {name: %s}\nspec:\n  steps:\n' "$1"; cat; } | k apply -f -
}
phase() { k get scenario "$1" -o jsonpath='{.status.phase} {.status.done} {.status.failed}'; }

@test "a scenario is an object: it is played in the cluster's time, and tells how far it is" {
    scenario visit <<'Y'
  - apply: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 2, selector: {matchLabels: {app: web}},
            template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: nginx}]}}}}
  - name: both are ready
    when: any(.objects["deployments.apps"][]; .metadata.name == "web" and .status.readyReplicas == 2)
    patch: {apiVersion: apps/v1, kind: Deployment, name: web, type: merge, patch: {spec: {replicas: 1}}}
  - fault: {inject: dns-slow, duration: 30s}
  - clock: 1m
  - expect: any(.objects["faults.lab.kubelab.dev"][]; .metadata.name == "dns-slow" and .status.phase == "Ended")
  - at: 5m
    expect: {jq: "false", within: 10s}
  - delete: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}
Y
    [ "$(phase visit)" = "Running 1 0" ]
    advance 30s
    [ "$(phase visit)" = "Running 3 0" ]
    advance 2m
    [ "$(phase visit)" = "Running 5 0" ]
    advance 3m
    [ "$(phase visit)" = "Failed 6 1" ]
    [ "$(k get scenario visit -o jsonpath='{.status.steps[1].name}: {.status.steps[1].ok}, {.status.steps[5].message}')" = "both are ready: true, within 10s it never held: false" ]
    run k get deployment web
    [ "$status" = 1 ]
    [[ $(k get scenarios) == NAME*PHASE*DONE*FAILED*AGE*visit*Failed*6*1* ]]
}

@test "a scenario that cannot be is refused with its place; one that is deleted ends where it is; it is played once" {
    refused() { k get scenario "$1" -o jsonpath='{.status.phase}: {.status.message}'; }
    scenario shell <<<$'  - clock: 1s\n  - run: ls'
    [[ $(refused shell) == "Refused: spec.steps[1]: a scenario in a cluster has no shell"* ]]
    scenario file <<<'  - apply: web.yaml'
    [[ $(refused file) == "Refused: spec.steps[0]: a scenario in a cluster reads no files: "*"web.yaml" ]]
    scenario jq <<<$'  - clock: 1s\n  - expect: any('
    [[ $(refused jq) == "Refused: spec.steps[1]: syntax error"* ]]
    scenario typo <<<'  - fault: {inject: dns-slow, parameters: {delay: soon}}'
    [[ $(refused typo) == "Refused: spec.steps[0]: the parameter delay must be a duration"* ]]
    scenario long <<<'  - clock: 1h'
    run scenario long <<<'  - clock: 2h'
    [[ $output == *"a scenario is played once: delete it, and make it again"* ]]
    k delete scenario long
    run k create -f - <<<'{"apiVersion":"lab.kubelab.dev/v1","kind":"Scenario","metadata":{"name":"none"},"spec":{"steps":[]}}'
    [[ $output == *"spec.steps: Required value"* ]]
}

@test "a journal with changes of speed and with scenarios is replayed; one that was played when the cluster stopped is told to be interrupted" {
    scenario cut <<<$'  - clock: 1m\n  - clock: 1h'
    advance 90s
    "$KUBELAB" journal export "$BATS_TEST_TMPDIR/j" --data "$DATA"
    "$KUBELAB" replay "$BATS_TEST_TMPDIR/j"
    stop
    start --clock paused
    [ "$(phase cut)" = "Interrupted 1 0" ]
}
