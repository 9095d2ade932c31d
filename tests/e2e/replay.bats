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

@test "a clock at speed 60: every input at its moment, also with a default seed" {
    start --clock 60
    a_small_session
    k get pods -w --request-timeout=1s || true
    export_journal
    replays_the_same
}
