# How kubelab's own commands look at a cluster: the document of checks at one moment, without a trace; why the autoscaler did what it did; the clock until something holds.
load helpers

setup_file() {
    place "$BATS_FILE_TMPDIR"
    start --lab lab8 --seed 8 --clock paused
}
teardown_file() {
    stop
}
document() {
    curl -s --unix-socket "$DATA/control.sock" http://kubelab/document
}
why() {
    "$KUBELAB" hpa why kube-system/coredns "$@"
}
# A list as the API server has it, its times not shifted to the wall's as they are for who comes by TCP.
list() {
    curl -s -X POST --unix-socket "$DATA/control.sock" "http://kubelab/host/api?method=GET&path=$1" | tail -n +2
}
# Does it hold over the document of this moment?
holds() {
    "$KUBELAB" clock until "$1" --timeout 0s > /dev/null
}

@test "a look shows what an administrator's lists show, and leaves no trace" {
    "$KUBELAB" debug audit > "$BATS_TEST_TMPDIR/audit1"
    "$KUBELAB" debug digest > "$BATS_TEST_TMPDIR/digest1"
    document > "$BATS_TEST_TMPDIR/doc"
    "$KUBELAB" debug audit > "$BATS_TEST_TMPDIR/audit2"
    "$KUBELAB" debug digest > "$BATS_TEST_TMPDIR/digest2"
    cmp "$BATS_TEST_TMPDIR/audit1" "$BATS_TEST_TMPDIR/audit2"
    [ "$(grep store "$BATS_TEST_TMPDIR/digest1")" = "$(grep store "$BATS_TEST_TMPDIR/digest2")" ]
    compared=0
    for path in $(k api-resources --verbs=list -o name | grep -v -e '^events' -e '^componentstatuses'); do
        resource=${path%%.*} group=
        [ "$path" = "$resource" ] || group=${path#*.}
        version=$(jq -rn --arg g "$group" --argjson l "$(k get --raw /apis)" '$l.groups[] | select(.name == $g).preferredVersion.groupVersion')
        uri=${version:+/apis/$version}
        list "${uri:-/api/v1}/$resource" > "$BATS_TEST_TMPDIR/list"
        jq -e .items "$BATS_TEST_TMPDIR/list" > /dev/null || continue           # not in the group's preferred version
        jq -e --arg key "$path" --slurpfile list "$BATS_TEST_TMPDIR/list" '.objects[$key] == $list[0].items' "$BATS_TEST_TMPDIR/doc" || { echo "$path differs"; false; }
        compared=$((compared + 1))
    done
    [ "$compared" -ge 30 ]
    jq -e --argjson list "$(list /api/v1/events)" '.events == $list.items' "$BATS_TEST_TMPDIR/doc"
    [ "$(jq -c '[.metrics.pods, .metrics.nodes, .hpa, .history, .apiServer, .auditLeftOut]' "$BATS_TEST_TMPDIR/doc")" = '[null,null,[],[],"running",0]' ]
}

@test "metrics are what the metrics API answers" {
    "$KUBELAB" lab files lab8 "$BATS_TEST_TMPDIR"
    k apply -f "$BATS_TEST_TMPDIR/metrics-server/deploy/1.8+/"
    k -n kube-system patch deploy metrics-server --type json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-preferred-address-types=InternalIP"},
        {"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-insecure-tls"}]'
    run "$KUBELAB" clock until '.metrics.nodes != null and (.metrics.pods | length) >= 8' --timeout 4m
    echo "$output"
    [ "$status" = 0 ]
    [ "$output" = "$("$KUBELAB" clock get)" ]
    document > "$BATS_TEST_TMPDIR/doc"
    for kind in pods nodes; do
        jq -e --arg kind $kind --argjson list "$(list /apis/metrics.k8s.io/v1beta1/$kind)" '.metrics[$kind] == $list.items' "$BATS_TEST_TMPDIR/doc"
    done
}

@test "the clock goes on until an expression holds, exactly so far; or says that it did not" {
    before=$("$KUBELAB" clock get)
    run "$KUBELAB" clock until ".clock.seconds >= (\"$before\" | fromdateiso8601) + 7"
    [ "$status" = 0 ]
    [ "$(jq -n "(\"$output\" | fromdateiso8601) - (\"$before\" | fromdateiso8601)")" = 7 ]
    run "$KUBELAB" clock until 'any(.hpa[]; .current == 99)' --timeout 3s
    [ "$status" = 1 ]
    [[ $output == "kubelab: within 3s it never held: any("* ]]
    [ "$(jq -n "(\"$("$KUBELAB" clock get)\" | fromdateiso8601) - (\"$before\" | fromdateiso8601)")" = 10 ]
    run "$KUBELAB" clock until '.a ==' --timeout 3s
    [ "$status" = 2 ]
    [[ $output == *"this is no jq expression: syntax error"* ]]
    run "$KUBELAB" clock until 'true' --timeout soon
    [ "$status" = 2 ]
    run "$KUBELAB" clock until 'last(repeat(1))' --timeout 3s
    [ "$status" = 1 ]
    [[ $output == *"it did not end within 2 s of CPU"* ]]
    run "$KUBELAB" clock until 'true' --data "$BATS_TEST_TMPDIR/none"
    [ "$status" = 3 ]
}

@test "decisions are exact and in order, and the autoscaler says why: up" {
    run why
    [ "$status" = 1 ]
    [[ $output == *"no pass over an autoscaler kube-system/coredns is known"* ]]
    k -n kube-system autoscale deploy coredns --min 1 --max 5 --cpu-percent 1
    "$KUBELAB" clock until 'any(.hpa[]; .current == 5)' --timeout 3m
    document > "$BATS_TEST_TMPDIR/doc"
    jq -c '.hpa[].decisions' "$BATS_TEST_TMPDIR/doc"
    [ "$(jq -c '.hpa[].decisions | map([.from, .to, .reason])' "$BATS_TEST_TMPDIR/doc")" = \
        '[[2,4,"cpu resource utilization (percentage of request) above target"],[4,5,"cpu resource utilization (percentage of request) above target"]]' ]
    jq -e '.hpa[].decisions | (.[1].seconds - .[0].seconds) % 15 == 0 and .[0].seconds < .[1].seconds' "$BATS_TEST_TMPDIR/doc"
    at=$(jq -r '.hpa[].decisions[0].time' "$BATS_TEST_TMPDIR/doc")
    run why --at "$at"
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[0]}" = "kube-system/coredns at $at: scaled from 2 to 4: cpu resource utilization (percentage of request) above target" ]
    [[ $output == *"Metric 1: Resource cpu, to be 1% of what the pods request"* ]]
    [[ $output =~ coredns-[a-z0-9-]+\ +[0-9]+m\ +100m\ +[0-9]+%\ +[0-9:]+,\ over\ 30s\ +yes ]]
    [[ $output == *"ScaleUpLimit"* || $output == *"DesiredWithinRange"* ]]
    [ "$(why --at "$at" -o json | jq -c '[.current, .desired, .rescaled, .min, .max, (.metrics[0].pods | length)]')" = '[2,4,true,1,5,2]' ]
    run why --at "$(jq -r '.hpa[].decisions[0].seconds + 20 | todate' "$BATS_TEST_TMPDIR/doc")"
    [[ $output == *"no, missing: there is no sample of it"* ]]         # those that have just begun
    run why --at yesterday
    [ "$status" = 2 ]
    run "$KUBELAB" hpa why coredns
    [ "$status" = 2 ]
}

@test "and down: the recommendation that holds it back is named; all of it survives kill -9" {
    k -n kube-system patch hpa coredns -p '{"spec":{"targetCPUUtilizationPercentage":80}}'
    advance 2m
    run why
    echo "$output"
    [[ $output == *": stayed at 5"* ]]
    [[ $output == *"the highest recommendation of the last 300 s holds: "* ]]
    [[ $output == *"Recommendations that count"* ]]
    [[ $output == *"ScaleDownStabilized"* ]]
    "$KUBELAB" clock until 'any(.hpa[]; .current == 1)' --timeout 8m
    holds '.hpa[].decisions | map(.to)[:2] == [4, 5] and last.to == 1 and all(range(1; length) as $i | .[$i].from == .[$i - 1].to; .)'
    holds '.history | length > 20 and all(.[]; .hpa == "kube-system/coredns" and .current <= 5) and any(.[]; .millicores > 0 and .ready == 5)'
    document | jq -S '[.hpa, .history, .clock.began, .audit]' > "$BATS_TEST_TMPDIR/before"
    why -o json > "$BATS_TEST_TMPDIR/why1"
    kill -9 "$("$KUBELAB" status -o json | jq .pid)"
    start --clock paused
    why -o json > "$BATS_TEST_TMPDIR/why2"
    cmp "$BATS_TEST_TMPDIR/why1" "$BATS_TEST_TMPDIR/why2"
    document | jq -S '[.hpa, .history, .clock.began, .audit]' > "$BATS_TEST_TMPDIR/after"
    jq -e --slurpfile before "$BATS_TEST_TMPDIR/before" '.[0][0].decisions == $before[0][0][0].decisions and .[2] == $before[0][2] and .[3][: ($before[0][3] | length)] == $before[0][3]
        and .[1][: ($before[0][1] | length)] == $before[0][1]' "$BATS_TEST_TMPDIR/after"
}

@test "who did what, and what happened over time, can be asked" {
    by_hand='.clock.began as $t | [.audit[] | select(.seconds > $t and .user == "kubernetes-admin" and (.userAgent | startswith("kubeadm/") | not)
        and (.verb | IN("create", "update", "patch", "delete", "deletecollection")) and .code < 300)] == []'
    run holds "$by_hand"
    [ "$status" = 1 ]                  # the tests above used kubectl
    holds '.hpa[0].decisions as $d | any($d[]; .to >= 4 and .seconds <= $d[0].seconds + 90) and all(.history[]; .current <= 5)'
    k -n kube-system logs deploy/metrics-server > /dev/null
    holds 'any(.audit[]; .verb == "get" and .subresource == "log" and .user == "kubernetes-admin" and .code == 200)'
    holds '(first(.audit[] | select(.verb == "patch" and .name == "metrics-server")).seq) < (first(.audit[] | select(.subresource == "log")).seq)'
    curl -sk "$(server)/api/v1/pods" > /dev/null
    holds 'any(.audit[]; .code == 403 and .user == "system:anonymous")'
    k get pods --as jane || true
    holds 'any(.audit[]; .as == "jane" and .user == "kubernetes-admin" and .code == 403)'
}
