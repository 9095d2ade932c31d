# What steers the cluster, as objects of lab.kubelab.dev: the clock.
load helpers

setup_file() {
    export DATA=$BATS_FILE_TMPDIR/d KUBELAB_DATA=$BATS_FILE_TMPDIR/d
    start --clock paused --seed 4
}
teardown_file() { stop; }
setup() { export KUBECONFIG=$DATA/admin.conf; }
speed() { "$KUBELAB" status --data "$DATA" -o json | jq .clock.speed; }
set_speed() { k patch clock cluster --type merge -p "{\"spec\":{\"speed\":$1}}"; }

@test "the clock is an object: what kubectl says holds, and what kubelab clock says is seen" {
    [ "$(k get clock cluster -o jsonpath='{.spec.speed} {.status.speed}')" = "0 0" ]
    set_speed 60
    [ "$(speed)" = 60 ]
    "$KUBELAB" clock speed 2 --data "$DATA"
    k wait clock cluster --for=jsonpath='{.status.speed}'=2 --timeout=10s
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

@test "a journal with changes of speed is replayed" {
    "$KUBELAB" journal export "$BATS_TEST_TMPDIR/j" --data "$DATA"
    "$KUBELAB" replay "$BATS_TEST_TMPDIR/j"
}
