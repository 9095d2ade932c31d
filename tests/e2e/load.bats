# Load profiles: real requests from outside the cluster to its Services, closed and open loops, stages and ramps; what goes wrong, and what the status says of it.
load helpers

setup_file() {
    place "$BATS_FILE_TMPDIR"
    start --seed 5 --clock paused
    mkdir "$BATS_FILE_TMPDIR/web"
    printf 'FROM php:5-apache\nADD index.php /var/www/html/index.php\n' > "$BATS_FILE_TMPDIR/web/Dockerfile"
    # 1,000,001 square roots as in Lab 8: some 85 ms of one core
    echo '<?php $x = 0.0001; for ($i = 0; $i <= 1000000; $i++) { $x += sqrt($x); } echo "OK!";' > "$BATS_FILE_TMPDIR/web/index.php"
    cat > "$BATS_FILE_TMPDIR/web.yaml" <<'END'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - {name: web, image: page, imagePullPolicy: Never, ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
END
    "$KUBELAB" shell --drive -- sh -c "cd $BATS_FILE_TMPDIR && docker image build -t page web && kubectl apply -f web.yaml && kubectl rollout status deploy web"
    "$KUBELAB" clock advance 5s
}
teardown_file() {
    stop
}
profile() {                                    # profile NAME SPEC: a LoadProfile of the Service web
    k apply -f - <<END
apiVersion: lab.kubelab.dev/v1
kind: LoadProfile
metadata: {name: $1}
spec: {service: ${3:-web}, $2}
END
}
status() {                                     # status NAME JQ
    k get loadprofile "$1" -o json | jq -r ".status | $2"
}

@test "a closed loop follows the server: one client gets one page after the other" {
    profile one 'stages: [{clients: 1, duration: 1m}]'
    advance 1s
    [ "$(status one .phase)" = Running ]
    advance 59s
    advance 2s
    run k get loadprofiles
    [[ ${lines[0]} =~ ^NAME\ +SERVICE\ +PHASE\ +RATE\ +LATENCY\ +FAILED\ +AGE$ ]]
    [[ ${lines[1]} =~ ^one\ +web\ +Done\ +1[12]\.[0-9]\ +8[0-9]ms\ +0\ +62s$ ]]
    [ "$(status one '.requests == .answered and .answered > 660 and .answered < 760')" = true ]
    run k describe loadprofile one
    [[ $output == *"Normal  LoadStarted"*"Asking http://web.default:80/"* ]]
    [[ $output == *"LoadEnded"*" requests: "*" answered, 0 failed"* ]]
    k logs deploy/web --tail=1 | grep -q '^192.168.229.1 .*"GET / HTTP/1.1" 200 .*"kubelab-load"'
    k delete loadprofile one
}

@test "an open loop asks at its rate; above what one core gives the queue grows until answers come too late" {
    profile open 'timeout: 2s, arrivals: Even, stages: [{requestsPerSecond: 5, duration: 1m}, {requestsPerSecond: 30, duration: 1m}, {requestsPerSecond: 0, duration: 10s}]'
    advance 140s
    [ "$(status open .phase)" = Done ]
    # Even: at 0.2 s, 0.4 s ...; the last of a minute belongs to the next stage
    [ "$(status open '[.stages[].requests] | .[0] == 299 or .[0] == 300')" = true ]
    [ "$(status open '.stages[0] | .failed == 0 and .rate == "5.0" and (.latency | rtrimstr("ms") | tonumber) < 90')" = true ]
    [ "$(status open '.stages[1] | .requests > 1790 and .failed > 300')" = true ]
    [[ $(status open .message) == "Get http://web.default:80/: net/http: request canceled (Client.Timeout exceeded while awaiting headers)" ]]
    k delete loadprofile open
}

@test "a ramp adds clients one by one; stages are told apart in the status" {
    profile ramp 'stages: [{clients: 4, duration: 40s, ramp: true}, {duration: 20s, clients: 4}]'
    advance 62s
    [ "$(status ramp '.stages | length == 2 and (.[0].latency | rtrimstr("ms") | tonumber) < (.[1].latency | rtrimstr("ms") | tonumber)')" = true ]
    [ "$(status ramp '.stages[1].latencyP95 | rtrimstr("ms") | tonumber | . > 160 and . < 400')" = true ]
    k delete loadprofile ramp
}

@test "random arrivals come from the seed, at the rate on average" {
    profile random 'stages: [{requestsPerSecond: 6, duration: 5m}]'
    advance 302s
    [ "$(status random '.requests > 1650 and .requests < 1950 and .requests != 1800')" = true ]
    k delete loadprofile random
}

@test "an unknown Service, one without endpoints, a port that nobody has, a pod that is killed" {
    profile nobody 'stages: [{clients: 2}]' nobody
    advance 16s
    [ "$(status nobody '.answered == 0 and .failed >= 28 and .failed <= 32')" = true ]
    [[ $(status nobody .message) == "Get http://nobody.default:80/: dial tcp: lookup nobody.default on 10.96.0.10:53: no such host" ]]
    k create service clusterip nobody --tcp=80
    advance 16s
    [[ $(status nobody .message) == *"connect: connection refused" ]]
    k delete loadprofile nobody
    k delete service nobody
    profile port 'port: 81, timeout: 1s, stages: [{requestsPerSecond: 2}]'
    advance 16s
    [ "$(status port '.answered')" = 0 ]
    k delete loadprofile port
    profile killed 'stages: [{clients: 3}]'
    advance 20s
    k delete pod -l app=web --wait=false
    advance 40s
    [ "$(status killed '.failed > 0 and .failed < 30')" = true ]
    advance 20s
    [ "$(status killed '.rate | tonumber > 10')" = true ]
    k delete loadprofile killed
}

@test "a changed spec begins anew; a deleted profile asks no more" {
    profile change 'stages: [{clients: 1}]'
    advance 30s
    profile change 'stages: [{clients: 2}]'
    advance 1s
    [ "$(status change '.observedGeneration == 2 and .answered < 40')" = true ]
    k patch loadprofile change --type=merge -p '{"metadata":{"finalizers":["test/hold"]}}'
    k delete loadprofile change --wait=false
    advance 1s
    before=$(k logs deploy/web | grep -c kubelab-load)
    advance 30s
    [ "$(k logs deploy/web | grep -c kubelab-load)" = "$before" ]
    k patch loadprofile change --type=merge -p '{"metadata":{"finalizers":null}}'
}

@test "what cannot be is refused in the API's words" {
    run profile bad 'stages: []'
    [[ $output == *"spec.stages: Required value: must specify at least one stage"* ]]
    run profile bad 'port: 70000, path: "no", timeout: soon, arrivals: Often, stages: [{}, {clients: 5000, requestsPerSecond: 1, duration: 1x}, {requestsPerSecond: 2000, ramp: true}]'
    [ "$status" = 1 ]
    [[ $output == *'The LoadProfile "bad" is invalid'* ]]
    [[ $output == *'spec.port: Invalid value: 70000: must be between 1 and 65535, inclusive'* ]]
    [[ $output == *"spec.path: Invalid value: \"no\": must begin with '/'"* ]]
    [[ $output == *'spec.timeout: Invalid value: "soon": must be a duration, such as 90s or 2m30s'* ]]
    [[ $output == *'spec.arrivals: Unsupported value: "Often": supported values: "Even", "Random"'* ]]
    [[ $output == *'spec.stages[0]: Required value: must specify one of: `clients`, `requestsPerSecond`'* ]]
    [[ $output == *'spec.stages[0].duration: Required value: only the last stage may last for ever'* ]]
    [[ $output == *'spec.stages[1].requestsPerSecond: Forbidden: may not be specified together with `clients`'* ]]
    [[ $output == *'spec.stages[1].clients: Invalid value: 5000: must be between 0 and 1000, inclusive'* ]]
    [[ $output == *'spec.stages[1].duration: Invalid value: "1x": must be a duration'* ]]
    [[ $output == *'spec.stages[2].requestsPerSecond: Invalid value: "2k": must be between 0 and 1000, inclusive'* ]]
    [[ $output == *'spec.stages[2].duration: Required value: a ramp has to end'* ]]
    [ -z "$(k get loadprofiles -A -o name)" ]
}

@test "explain knows its fields; a namespace takes its profiles with it" {
    run k explain loadprofile.spec.stages --api-version=lab.kubelab.dev/v1
    [[ $output == *"requestsPerSecond"*"Open loop"* ]]
    k create namespace gone
    k apply -n gone -f - <<< '{"apiVersion":"lab.kubelab.dev/v1","kind":"LoadProfile","metadata":{"name":"x"},"spec":{"service":"web","stages":[{"clients":1}]}}'
    advance 1s
    k delete namespace gone --wait=false
    advance 20s
    run k get namespace gone
    [ "$status" = 1 ]
    [ -z "$(k get loadprofiles -A -o name)" ]
}

@test "it is a client of its own, which may do no more than it does" {
    [ "$(k auth can-i patch loadprofiles --subresource=status --as kubelab:load-generator)" = yes ]
    run k auth can-i delete loadprofiles --as kubelab:load-generator
    [[ $output == no* ]]
    run k auth can-i list pods --as kubelab:load-generator
    [[ $output == no* ]]
    "$KUBELAB" debug audit -o json | jq -e -s 'map(select(.user.username == "kubelab:load-generator")) | length > 0 and all(.[]; .responseStatus.code < 400 or .responseStatus.code == 404)'
}

@test "down and up: the profile goes on where its stages are, with what it had counted" {
    profile lasting 'stages: [{clients: 1, duration: 2m}, {clients: 2, duration: 10m}]'
    advance 61s
    before=$(status lasting .answered)
    [ "$before" -gt 500 ]
    "$KUBELAB" down
    start --clock paused
    [ "$(status lasting .phase)" = Running ]
    advance 80s
    # some 8 s of booting had no load; the second stage began at its time all the same
    [ "$(status lasting '.stages[0].answered > 1150 and .stages[0].answered < 1400')" = true ]
    [ "$(status lasting '.stages[1].answered > 150 and .stages[1].answered < 400')" = true ]
    [ "$(status lasting .answered)" -gt $((before + 500)) ]
    [ "$(status lasting '.stages[0].answered + .stages[1].answered == .answered')" = true ]
    k delete loadprofile lasting
}
