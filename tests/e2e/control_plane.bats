# The control plane is what /etc/kubernetes/manifests says: changed flags, unknown ones, broken files, files that are gone, and the way back.
load helpers

M=/etc/kubernetes/manifests

setup_file() {
    export HOME=$BATS_FILE_TMPDIR/home DATA=$BATS_FILE_TMPDIR/d
    mkdir -p "$HOME"
    start --lab lab8 --clock paused --seed 8
    export SERVER=$(server) KUBELAB_DATA=$DATA
    mkdir "$DATA/kept"
    cp "$DATA/node$M"/*.yaml "$DATA/kept/"
}
teardown_file() {
    stop
}
teardown() {                                   # whatever a test left: as it was, and time to recover
    cp "$DATA"/kept/*.yaml "$DATA/node$M/"
    advance 3m
}
host() {                                       # host SCRIPT: in the lab's shell
    "$KUBELAB" shell lab8 -- bash -c "$1"
}
edit() {                                       # edit COMPONENT SED-SCRIPT: the manifest, as a student would
    host "sudo sed -i '$2' $M/$1.yaml"
}
lines() {                                      # lines COMPONENT: what its last container wrote, by way of docker
    host "docker logs \$(docker ps -a --no-trunc | grep k8s_$1_ | head -1 | cut -d' ' -f1)"
}
running() { host 'docker ps' | grep -c "k8s_$1_" || true; }
pods() { k get pods -n kube-system --no-headers; }
journal() { host 'journalctl -u kubelet'; }
replicas() { k get deploy web1 -o jsonpath='{.spec.replicas}'; }
lab() {                                        # Lab 8's metrics server, image and page, under load
    "$KUBELAB" lab files lab8 "$HOME" --all
    k apply -f "$HOME/metrics-server/deploy/1.8+/"
    k -n kube-system patch deploy metrics-server --type json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-insecure-tls"},
        {"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-preferred-address-types=InternalIP"}]'
    host "docker image build -t target $HOME/hpa" > "$HOME/build.log" 2>&1 &
    local pid=$!
    until grep -q "^Step 1" "$HOME/build.log" || ! kill -0 $pid; do sleep 0.02; done
    advance 2m
    wait $pid
    k create -f "$HOME/hpa/target-deploy.yaml"
    k expose deploy web1 --port 80
    k run driver --image=busybox -- sh -c 'while true; do wget -q -O- http://web1.default.svc.cluster.local; done'
    advance 2m
}
refused="The connection to the server 127.0.0.1:.* was refused - did you specify the right host or port\?"

# ---- kube-controller-manager ----
@test "controller-manager: a changed flag restarts it and holds; the autoscaler comes down 30 s after the load, not 5 minutes" {
    edit kube-controller-manager '/--kubeconfig=/i\    - --horizontal-pod-autoscaler-downscale-stabilization=30s'
    advance 45s
    run pods
    [[ $output =~ kube-controller-manager-ubuntu\ +1/1\ +Running\ +0\ +[1-4]?[0-9]s ]]
    run host 'docker ps --no-trunc'
    [[ $output == *"--horizontal-pod-autoscaler-downscale-stabilization=30s"* ]]
    lab
    k autoscale deployment web1 --cpu-percent=50 --min=1 --max=5
    advance 4m
    [ "$(replicas)" = 5 ]
    k delete pod driver --now --wait=false
    advance 60s                                # the metrics that show it are up to a minute old
    [ "$(replicas)" = 5 ] || [ "$(replicas)" = 1 ]
    advance 90s
    [ "$(replicas)" = 1 ]
    k delete hpa,deploy,svc web1 --wait=false
}

@test "controller-manager: an unknown flag is the end of it, again and again, and nobody reconciles" {
    edit kube-controller-manager '/--kubeconfig=/i\    - --horizontal-pod-autoscaler-foo=30s'
    advance 2m
    run pods
    [[ $output =~ kube-controller-manager-ubuntu\ +0/1\ +CrashLoopBackOff\ +[1-9] ]]
    run k logs -n kube-system kube-controller-manager-ubuntu
    [[ $output == *"Error: unknown flag: --horizontal-pod-autoscaler-foo"* ]]
    k create deployment idle --image=k8s.gcr.io/pause:3.1
    advance 1m
    run k get deploy idle --no-headers
    [[ $output =~ idle\ +0/1\ +0\ +0 ]]
    cp "$DATA/kept/kube-controller-manager.yaml" "$DATA/node$M/"
    advance 90s
    run k get deploy idle --no-headers
    [[ $output =~ idle\ +1/1\ +1\ +1 ]]
    k delete deployment idle --wait=false
}

@test "controller-manager: broken YAML or no file, and it is gone" {
    for script in 's/^spec:/spec: [/' 'w /dev/null'; do
        edit kube-controller-manager "$script"
        [ "$script" != 'w /dev/null' ] || host "sudo rm $M/kube-controller-manager.yaml"
        advance 50s
        [ "$(running kube-controller-manager)" = 0 ]
        run pods
        [[ $output != *kube-controller-manager* ]]
        cp "$DATA/kept/kube-controller-manager.yaml" "$DATA/node$M/"
        advance 40s
        [ "$(running kube-controller-manager)" = 1 ]
    done
    [[ $(journal) == *"can't process manifest file \"/etc/kubernetes/manifests/kube-controller-manager.yaml\": error converting YAML to JSON: yaml: line "* ]]
}

@test "controller-manager: the files that its flags name, and which controllers run" {
    edit kube-controller-manager 's#--cluster-signing-cert-file=.*#--cluster-signing-cert-file=/etc/kubernetes/pki/none.crt#'
    advance 1m
    run k logs -n kube-system kube-controller-manager-ubuntu
    [[ $output =~ ^F.*"error starting controllers: failed to start certificate controller: error reading CA cert file \"/etc/kubernetes/pki/none.crt\": open /etc/kubernetes/pki/none.crt: no such file or directory" ]]
    cp "$DATA/kept/kube-controller-manager.yaml" "$DATA/node$M/"
    edit kube-controller-manager 's/--controllers=.*/--controllers=*,-deployment/'
    advance 2m
    k create deployment still --image=k8s.gcr.io/pause:3.1
    advance 30s
    [ -z "$(k get rs -l app=still -o name)" ]
    k delete deployment still --wait=false
}

@test "controller-manager: the port that its probe asks can be closed, and it is restarted in vain" {
    run host 'curl -s http://127.0.0.1:10252/healthz'
    [ "$output" = ok ] || skip "the lab's shell does not reach the node's loopback"
    edit kube-controller-manager '/--kubeconfig=/i\    - --port=0'
    advance 4m
    run pods
    [[ $output =~ kube-controller-manager-ubuntu\ +.*\ [1-9] ]]
    run k describe pod -n kube-system kube-controller-manager-ubuntu
    [[ $output == *"Liveness probe failed: Get http://127.0.0.1:10252/healthz: dial tcp 127.0.0.1:10252: connect: connection refused"* ]]
}

# ---- kube-scheduler ----
@test "scheduler: without it pods stay Pending; with it back they are bound" {
    edit kube-scheduler '/--kubeconfig=/i\    - --foo'
    advance 2m
    run pods
    [[ $output =~ kube-scheduler-ubuntu\ +0/1\ +CrashLoopBackOff ]]
    run k logs -n kube-system kube-scheduler-ubuntu
    [[ $output == *"unknown flag: --foo"* ]]
    k run lonely --image=k8s.gcr.io/pause:3.1 --restart=Never
    advance 1m
    run k get pod lonely --no-headers
    [[ $output =~ lonely\ +0/1\ +Pending ]]
    edit kube-scheduler 's/^spec:/spec: [/'
    advance 50s
    [ "$(running kube-scheduler)" = 0 ]
    host "sudo rm $M/kube-scheduler.yaml"
    advance 30s
    run pods
    [[ $output != *kube-scheduler* ]]
    cp "$DATA/kept/kube-scheduler.yaml" "$DATA/node$M/"
    advance 1m
    run k get pod lonely --no-headers
    [[ $output =~ lonely\ +1/1\ +Running ]]
    k delete pod lonely --wait=false
}

@test "scheduler: a changed flag restarts it" {
    edit kube-scheduler 's/--leader-elect=true/--leader-elect=false/'
    advance 45s
    run pods
    [[ $output =~ kube-scheduler-ubuntu\ +1/1\ +Running\ +0\ +[1-4]?[0-9]s ]]
    k run quick --image=k8s.gcr.io/pause:3.1 --restart=Never
    advance 10s
    run k get pod quick --no-headers
    [[ $output =~ quick\ +1/1\ +Running ]]
    k delete pod quick --wait=false
}

# ---- kube-apiserver ----
@test "apiserver: a changed flag takes effect" {
    run curl -sk "$SERVER/api/v1/namespaces"
    [[ $output == *'User \"system:anonymous\" cannot list resource \"namespaces\"'* ]]
    edit kube-apiserver '/--authorization-mode/i\    - --anonymous-auth=false'
    edit kube-apiserver '/--tls-cert-file/i\    - --token-auth-file=/etc/kubernetes/pki/tokens.csv'
    host "echo s3cret,ann,1,system:masters | sudo tee /etc/kubernetes/pki/tokens.csv"
    edit kube-apiserver 's/--enable-admission-plugins=NodeRestriction/--enable-admission-plugins=NodeRestriction,AlwaysPullImages/'
    advance 40s
    run curl -sk "$SERVER/api/v1/namespaces"
    [[ $output == *'"message": "Unauthorized"'* ]]
    run curl -sk -H 'Authorization: Bearer s3cret' "$SERVER/api/v1/namespaces"
    [[ $output == *'"kind": "NamespaceList"'* ]]
    k run puller --image=k8s.gcr.io/pause:3.1 --restart=Never
    [ "$(k get pod puller -o jsonpath='{.spec.containers[0].imagePullPolicy}')" = Always ]
    k delete pod puller --wait=false
    run pods
    [[ $output =~ kube-apiserver-ubuntu\ +[01]/1\ +Running\ +0 ]]
}

@test "apiserver: authorization and admission are what the flags say" {
    edit kube-apiserver 's/--authorization-mode=Node,RBAC/--authorization-mode=AlwaysDeny/'
    advance 40s
    run k get pods --as=somebody
    [[ $output == *'User "somebody" cannot list resource "pods" in API group "" in the namespace "default": Everything is forbidden.' ]]
    edit kube-apiserver 's/--authorization-mode=AlwaysDeny/--authorization-mode=AlwaysAllow/'
    advance 40s
    run k get pods --as=somebody
    [ "$status" = 0 ]
}

@test "apiserver: an unknown flag, and there is no API; it is mended, and all are back" {
    edit kube-apiserver '/--secure-port/i\    - --foo=bar'
    advance 2m
    run k get nodes
    [[ $output =~ $refused ]]
    run lines kube-apiserver
    [[ $output == *"Error: unknown flag: --foo"*"Usage:"* ]]
    run host 'docker ps -a'
    [[ $output =~ Exited\ \(1\).*k8s_kube-apiserver_kube-apiserver-ubuntu_kube-system_[0-9a-f]+_[1-9] ]]
    run "$KUBELAB" status
    [ "$status" = 0 ]
    [[ $output == *"api server  does not run"* ]]
    [[ $("$KUBELAB" status -o json | jq -r .apiServer) = down ]]
    run lines kube-controller-manager
    [[ $output == *"error retrieving resource lock kube-system/kube-controller-manager: Get https://192.168.229.132:6443/"*"dial tcp 192.168.229.132:6443: connect: connection refused"* ]]
    [[ $(journal) == *"failed to update node lease, error: "*"connect: connection refused"* ]]
    cp "$DATA/kept/kube-apiserver.yaml" "$DATA/node$M/"
    advance 6m                                 # the back-off of the crash loop goes with the pod; the others' restarts and leases
    [ "$("$KUBELAB" status -o json | jq -r .apiServer)" = running ]
    run k get nodes --no-headers
    [[ $output =~ ubuntu\ +Ready ]]
    run pods
    [[ $output =~ kube-controller-manager-ubuntu\ +1/1\ +Running\ +[1-9] ]]
    [[ $output =~ kube-scheduler-ubuntu\ +1/1\ +Running\ +[1-9] ]]
    [[ $output != *" 0/1 "* ]]
    k create deployment again --image=k8s.gcr.io/pause:3.1
    advance 20s
    run k get deploy again --no-headers
    [[ $output =~ again\ +1/1 ]]
    k delete deployment again --wait=false
}

@test "apiserver: a file that is missing ends it, in its own words" {
    edit kube-apiserver 's#--client-ca-file=.*#--client-ca-file=/etc/kubernetes/pki/none.crt#'
    advance 1m
    run lines kube-apiserver
    [[ $output == *"Error: unable to load client CA file: open /etc/kubernetes/pki/none.crt: no such file or directory"* ]]
    edit kube-apiserver 's#--client-ca-file=.*#--client-ca-file=/etc/kubernetes/admin.conf#'
    advance 1m                                 # it is on the node, but not mounted
    run lines kube-apiserver
    [[ $output == *"Error: unable to load client CA file: open /etc/kubernetes/admin.conf: no such file or directory"* ]]
}

@test "apiserver: broken YAML or no file; time, status and the shell go on without it, also over down and up" {
    edit kube-apiserver 's/^spec:/spec: [/'
    advance 1m
    run k get nodes
    [[ $output =~ $refused ]]
    [ "$(running kube-apiserver)" = 0 ]
    [[ $(journal) == *"can't process manifest file \"/etc/kubernetes/manifests/kube-apiserver.yaml\": error converting YAML to JSON: yaml: line "* ]]
    run host 'hostname'
    [ "$output" = ubuntu ]
    "$KUBELAB" down
    start --clock paused
    run k get nodes
    [[ $output =~ $refused ]]
    host "sudo rm $M/kube-apiserver.yaml"
    advance 5m
    run k get nodes
    [[ $output =~ $refused ]]
    cp "$DATA/kept/kube-apiserver.yaml" "$DATA/node$M/"
    advance 3m
    run k get nodes --no-headers
    [[ $output =~ ubuntu\ +Ready ]]
    run pods
    [[ $output != *" 0/1 "* ]]
}

@test "kube-apiserver: an audit policy and a log file, on the node where they are mounted" {
    mkdir -p "$DATA/node/etc/kubernetes/audit"
    printf 'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Request\n  resources: [{group: "", resources: [configmaps]}]\n  verbs: [create]\n' \
        > "$DATA/node/etc/kubernetes/audit/policy.yaml"
    edit kube-apiserver '/--advertise-address/i\    - --audit-policy-file=/etc/kubernetes/audit/policy.yaml\n    - --audit-log-path=/etc/kubernetes/audit/audit.log
/volumeMounts:/a\    - {mountPath: /etc/kubernetes/audit, name: audit}
/  volumes:/a\  - {name: audit, hostPath: {path: /etc/kubernetes/audit}}'
    advance 1m
    k create configmap seen --from-literal=a=b
    k get configmap seen
    run host 'sudo cat /etc/kubernetes/audit/audit.log'
    [ "$(jq -r '[.level, .stage, .verb, .user.username, .objectRef.name, .requestObject.data.a] | @csv' <<<"$output" | grep seen)" = \
        '"Request","ResponseComplete","create","kubernetes-admin","seen","b"' ]
    host "sudo sed -i 's/level: Request/level: Everything/' /etc/kubernetes/audit/policy.yaml"
    host "sudo sed -i 's/--secure-port/--v=2\n    - &/' $M/kube-apiserver.yaml"
    advance 2m
    run lines kube-apiserver
    [[ $output == *"loading audit policy file: "*"Everything"* ]]
}

# ---- etcd ----
@test "etcd: without it there is no storage, and the API server is restarted in vain; with it back all are" {
    host "sudo rm $M/etcd.yaml"
    advance 25s
    run k get pods
    [[ $output == 'Error from server: rpc error: code = Unavailable desc = all SubConns are in TransientFailure, latest connection error: connection error: desc = "transport: Error while dialing dial tcp 127.0.0.1:2379: connect: connection refused"' ]]
    run k create cm lost
    [ "$status" != 0 ]
    run k get --raw /healthz/etcd
    [ "$status" != 0 ]
    advance 4m                                 # eight failed probes, and a server that finds no etcd
    run k get pods
    [[ $output =~ $refused ]]
    run lines kube-apiserver
    [[ $output == *"storage_decorator.go:57] Unable to create storage backend: config ("*"err (context deadline exceeded)"* ]]
    cp "$DATA/kept/etcd.yaml" "$DATA/node$M/"
    advance 6m
    run pods
    [[ $output =~ kube-apiserver-ubuntu\ +1/1\ +Running\ +[1-9] ]]
    [[ $output =~ etcd-ubuntu\ +1/1\ +Running ]]
    [[ $output != *" 0/1 "* ]]
    [ -z "$(k get cm -o name | grep lost)" ]
}

@test "etcd: an unknown flag is the end of it, and of the API" {
    edit etcd 's/--snapshot-count=.*/--foo=bar/'
    advance 1m
    run lines etcd
    [[ $output == "flag provided but not defined: -foo"*"etcd [flags]"* ]]
    run host 'docker ps -a'
    [[ $output =~ Exited\ \(2\).*k8s_etcd_etcd-ubuntu ]]
    edit etcd 's#^.*--foo=bar#    - --snapshot-count=5000#'
    advance 7m
    run k get nodes --no-headers
    [[ $output =~ ubuntu\ +Ready ]]
    run host 'docker ps --no-trunc'
    [[ $output == *"--snapshot-count=5000"* ]]
}

@test "a bare control plane takes the flags that up names" {
    run "$KUBELAB" up --detach --data "$BATS_TEST_TMPDIR/b" --port 0 --bare --apiserver-arg foo=bar
    [ "$status" != 0 ]
    [[ $output == *"kube-apiserver: unknown flag: --foo"* ]]
    rm -rf "$BATS_TEST_TMPDIR/b"
    "$KUBELAB" up --detach --data "$BATS_TEST_TMPDIR/b" --port 0 --bare --apiserver-arg service-cluster-ip-range=10.50.0.0/16 --apiserver-arg disable-admission-plugins=ServiceAccount
    KUBECONFIG=$BATS_TEST_TMPDIR/b/admin.conf run k get svc kubernetes -o jsonpath='{.spec.clusterIP}'
    "$KUBELAB" down --data "$BATS_TEST_TMPDIR/b"
    [ "$output" = 10.50.0.1 ]
}
