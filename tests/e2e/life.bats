# The cluster's life from the command line: what a wrong use is told, and that nothing is damaged by it.
load helpers

setup() {
    export HOME=$BATS_TEST_TMPDIR DATA=$BATS_TEST_TMPDIR/d
}
teardown() {
    stop
}

@test "a bare cluster answers, and says where it is" {
    start --bare
    run "$KUBELAB" status --data "$DATA" -o json
    [ "$status" = 0 ]
    [ "$(jq -r '.version' <<<"$output")" = v1.20.2 ]
    [ "$(jq -r '.pid > 0, (.clock | has("now")), .caFile' <<<"$output" | head -2 | sort -u)" = true ]
    run k get ns -o name
    [ "$status" = 0 ]
    [[ $output == *namespace/kube-system* ]]
}

@test "the kubeconfig's path is printed; without a cluster the next step is named" {
    run "$KUBELAB" kubeconfig --data "$DATA"
    [ "$status" = 3 ]
    [[ $output == *"kubelab up"* ]]
    start --bare
    run "$KUBELAB" kubeconfig --data "$DATA"
    [ "$output" = "$DATA/admin.conf" ]
    [ "$(stat -c %a "$DATA/admin.conf")" = 600 ]
}

@test "a second up on the same data is refused and harms nothing" {
    start --bare
    run "$KUBELAB" up --detach --data "$DATA" --port 0
    [ "$status" = 2 ]
    [[ $output == *"in use"* ]]
    k create ns still-here
}

@test "down and up: objects and clock go on" {
    start --bare --clock paused
    k create cm kept --from-literal=a=b
    "$KUBELAB" clock advance 10m --data "$DATA"
    before=$("$KUBELAB" clock get --data "$DATA")
    stop
    start --clock paused
    [ "$(k get cm kept -o jsonpath='{.data.a}')" = b ]
    after=$("$KUBELAB" clock get --data "$DATA")
    [[ ! $after < $before ]]
}

@test "an advance that is interrupted stops where it is, and a replay agrees" {
    start --clock paused --seed 8
    from=$("$KUBELAB" clock get --data "$DATA")
    "$KUBELAB" clock advance 10000h --data "$DATA" 3>&- &
    advancing=$!
    until [ "$("$KUBELAB" clock get --data "$DATA")" != "$from" ]; do sleep 0.05; done
    kill $advancing
    ! wait $advancing
    at=$("$KUBELAB" clock get --data "$DATA")
    "$KUBELAB" clock advance 0s --data "$DATA"
    k create cm after >/dev/null
    [ "$("$KUBELAB" clock get --data "$DATA")" = "$at" ]
    "$KUBELAB" journal export "$BATS_TEST_TMPDIR/j" --data "$DATA"
    stop
    "$KUBELAB" replay "$BATS_TEST_TMPDIR/j"
}

@test "an explicit port that is taken is an error; the usual one is not" {
    start --bare
    port=$(server | sed 's/.*://')
    run "$KUBELAB" up --detach --bare --data "$BATS_TEST_TMPDIR/other" --port "$port"
    [ "$status" = 2 ]
    [[ $output == *"address already in use"* ]]
    run "$KUBELAB" up --bare --data "$BATS_TEST_TMPDIR/other" --port "$port"           # in the foreground
    [ "$status" = 2 ]
}

@test "a data path that cannot be written is wrong use" {
    run "$KUBELAB" up --detach --bare --data /proc/nowhere --port 0
    [ "$status" = 2 ]
    [[ $output == *"/proc/nowhere cannot be used"*"--data"* ]]
}

@test "a clock's speed beyond its bounds is refused, and the bounds are named" {
    start --bare --clock paused
    for speed in 99999 -1 0.0001 abc; do
        run "$KUBELAB" clock speed "$speed" --data "$DATA"
        [ "$status" = 2 ]
        [[ $output == *"from 0 (paused) to 1000, not \"$speed\""* ]]
    done
    [[ $("$KUBELAB" status --data "$DATA") == *paused* ]]
    "$KUBELAB" clock speed 1000 --data "$DATA"
}

@test "wrong use has status 2 and names what is wrong" {
    run "$KUBELAB" up --sed 8
    [ "$status" = 2 ]
    [[ $output == *"unknown flag: --sed"* ]]
    run "$KUBELAB" up --kubernetes-version v1.3 --data "$DATA"
    [ "$status" = 2 ]
    run "$KUBELAB" frobnicate
    [ "$status" = 2 ]
    run "$KUBELAB" clock advance soon --data "$DATA"
    [ "$status" != 0 ]
    wrong() { run "$KUBELAB" "${@:2}"; echo "$*: $output"; [ "$status" = 2 ]; [[ $output == *"$1"* ]]; }
    wrong "unknown flag: -d" up -d
    wrong "--detach takes true or false" up --detach=maybe
    wrong "takes no argument" status now
    wrong "takes no argument" version 1
    wrong 'not "yaml"' status -o yaml
    wrong "unknown flag: -o" down -o json
    wrong "Usage: kubelab clock [get]" clock forward
    wrong "kubelab lab check LAB" lab chekc lab8
    wrong "kubelab grade LAB --roster" grade
    wrong "open none: no such file" replay none
    printf 'name: x\nsteps: []\n' > "$BATS_TEST_TMPDIR/none.yaml"
    wrong "none.yaml:2:8: a scenario has at least one step" scenario run "$BATS_TEST_TMPDIR/none.yaml"
    touch "$BATS_TEST_TMPDIR/file"
    printf 'name: x\nsteps:\n- clock: 1s\n' > "$BATS_TEST_TMPDIR/s.yaml"
    wrong "file: not a directory" scenario run "$BATS_TEST_TMPDIR/s.yaml" --out "$BATS_TEST_TMPDIR/file"
    [[ $output != *clock* ]]               # before anything is played
}

@test "a file that is no database of ours is left alone" {
    mkdir -p "$DATA"
    echo "my thesis" > "$DATA/kubelab.db"
    run "$KUBELAB" up --detach --bare --data "$DATA" --port 0
    [ "$status" != 0 ]
    [ "$(cat "$DATA/kubelab.db")" = "my thesis" ]
}

@test "secrets of the data folder are nobody else's" {
    start --bare
    run find "$DATA" -name '*.key' -perm /077
    [ "$output" = "" ]
    [ "$(stat -c %a "$DATA/seed")" = 600 ]
    [ "$(stat -c %a "$DATA")" = 700 ]
}

@test "a cluster of another day shows real clients a certificate that is good today; the node's own is of its day" {
    export DATA=$BATS_TEST_TMPDIR/old KUBELAB_DATA=$BATS_TEST_TMPDIR/old
    start --bare --seed 8 --start 2020-01-24T23:00:00Z --clock paused
    run k get namespaces
    [ "$status" = 0 ]
    local at
    at=$(server)
    run bash -c "echo | openssl s_client -connect ${at#https://} 2>/dev/null | openssl x509 -noout -checkend 0 -dates"
    [ "$status" = 0 ]
    [[ $output == *"notBefore=Jan 24 "*" 2020 GMT"* ]]
    run openssl x509 -noout -enddate -in "$DATA/node/etc/kubernetes/pki/apiserver.crt"
    [[ $output == *" 2021 GMT" ]]
    stop
}

@test "reset: the same cluster, as new; a folder that is none is left alone" {
    day=$(date -u +%Y-%m-%dT00:00:00Z)
    start --bare --seed 5 --start "$day" --clock paused
    ca=$(sha256sum < "$DATA/node/etc/kubernetes/pki/ca.crt")
    k create ns mine
    "$KUBELAB" reset --data "$DATA"
    run "$KUBELAB" status --data "$DATA"
    [ "$status" = 3 ]
    start --clock paused                       # bare, since it was
    run k get ns mine
    [ "$status" != 0 ]
    [[ $output == *"not found"* ]]
    run k get nodes
    [[ $output == *"No resources found"* ]]
    stop
    "$KUBELAB" reset --data "$DATA"            # also one that does not run
    start --start "$day" --clock paused
    [ "$(sha256sum < "$DATA/node/etc/kubernetes/pki/ca.crt")" = "$ca" ]
    mkdir "$BATS_TEST_TMPDIR/other"
    echo precious > "$BATS_TEST_TMPDIR/other/log"
    run "$KUBELAB" reset --data "$BATS_TEST_TMPDIR/other"
    [ "$status" = 3 ]
    [ "$(cat "$BATS_TEST_TMPDIR/other/log")" = precious ]
}

@test "kubectl cp: a folder goes into a container and comes back, whatever the client's tar arguments are" {
    start
    k run box --image=busybox --restart=Never -- sh -c 'while true; do sleep 5; done'
    k wait --for=condition=Ready pod/box --timeout=60s
    mkdir -p "$BATS_TEST_TMPDIR/in/sub"
    printf '#!/bin/sh\necho "ran $1"\n' >"$BATS_TEST_TMPDIR/in/run.sh"
    chmod 755 "$BATS_TEST_TMPDIR/in/run.sh"
    : >"$BATS_TEST_TMPDIR/in/empty"
    head -c 2500000 /dev/urandom >"$BATS_TEST_TMPDIR/in/sub/big"                # more than a message, a pipe or a stream's window holds
    for kubectl in "$KUBECTL" "$KUBECTL_NEW"; do
        timeout 30 "$kubectl" cp "$BATS_TEST_TMPDIR/in" box:/tmp/in
        run timeout 30 "$kubectl" exec box -- sh -c '/tmp/in/run.sh well'
        [ "$output" = "ran well" ]
        timeout 30 "$kubectl" cp box:/tmp/in "$BATS_TEST_TMPDIR/out"
        diff -r "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
        timeout 30 "$kubectl" cp box:/etc/hostname "$BATS_TEST_TMPDIR/name"
        [ "$(cat "$BATS_TEST_TMPDIR/name")" = box ]
        run timeout 30 "$kubectl" cp "$BATS_TEST_TMPDIR/in/empty" box:/nowhere/x
        [ "$status" = 1 ]
        [[ $output == *"tar: can't change directory to '/nowhere': No such file or directory"*"command terminated with exit code 1"* ]]
        k exec box -- rm -r /tmp/in
        rm -r "$BATS_TEST_TMPDIR/out"
    done
}

@test "the web images hold the configuration that their server goes by, and each serves its own folder" {
    start
    for image in nginx httpd php:7-apache; do k run "${image%%:*}" --image=$image --restart=Never; done
    k wait --for=condition=Ready pod/nginx pod/httpd pod/php --timeout=60s
    run k exec nginx -- cat /etc/nginx/nginx.conf /etc/nginx/conf.d/default.conf
    [[ $output == *"user  nginx;"*"listen       80;"*"root   /usr/share/nginx/html;"* ]]
    [[ $(k exec httpd -- grep DocumentRoot conf/httpd.conf) == *'"/usr/local/apache2/htdocs"' ]]
    [[ $(k exec php -- cat /etc/apache2/sites-enabled/000-default.conf) == *"DocumentRoot /var/www/html"* ]]
    k exec nginx -- sh -c 'echo mine > /usr/share/nginx/html/index.html'
    [ "$(k exec nginx -- wget -qO- http://localhost)" = mine ]
    [[ $(k exec httpd -- wget -qO- http://localhost) == *"It works!"* ]]
}

@test "help names every flag that a command takes, and --help is help" {
    run "$KUBELAB" up --help
    [ "$status" = 0 ]
    [[ $output == *"--seed N "*"--apiserver-arg NAME=VALUE "* ]]
    [ "$output" = "$("$KUBELAB" help up)" ]
    run "$KUBELAB" help nosuch
    [ "$status" = 2 ]
    [ "$output" = "kubelab: unknown command \"nosuch\"
Run 'kubelab help' for the list." ]
}

@test "a terminal of 80 columns breaks nothing in the middle of a word" {
    for words in "help" "help up" "lab guide lab8" "fault list"; do
        script -qc "stty cols 80; '$KUBELAB' $words" /dev/null | tr -d '\r' > "$BATS_TEST_TMPDIR/page"
        [ "$(wc -l < "$BATS_TEST_TMPDIR/page")" -gt 10 ]
        grep -vE '^(    |\||```)' "$BATS_TEST_TMPDIR/page" | awk 'length > 80 && / /' | tee "$BATS_TEST_TMPDIR/long"
        [ ! -s "$BATS_TEST_TMPDIR/long" ]
    done
}

@test "debug: the last events, what is held, who watches" {
    start
    run "$KUBELAB" debug objects --data "$DATA"
    [[ $output =~ RESOURCE\ +OBJECTS\ +BYTES.*deployments.apps\ +1\  ]]
    run "$KUBELAB" debug watchers --data "$DATA"
    [[ $output =~ system:node:ubuntu\ +/api/v1/pods\ +spec.nodeName=ubuntu\ +kubelet ]]
    run "$KUBELAB" debug trace --data "$DATA"
    [[ $output =~ TIME\ +COMPONENT\ +EVENT ]]
    [ "${#lines[@]}" -gt 10 ]
}
