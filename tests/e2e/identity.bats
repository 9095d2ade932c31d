# The kubelet as a service, and its identity: what goes wrong is told in the journal in the real words, and is over when the cause is mended.
load helpers

setup() {
    export HOME=$BATS_TEST_TMPDIR DATA=$BATS_TEST_TMPDIR/d KUBELAB_DATA=$BATS_TEST_TMPDIR/d
    NODE=$DATA/node
    start --lab lab8 --clock paused --seed 8
}
teardown() {
    stop
}
systemctl() {                                  # systemctl VERB UNIT [MORE QUERY]: what it prints, and its status
    local reply
    reply=$(curl -s --max-time 10 --unix-socket "$DATA/control.sock" -X POST "http://x/host/systemctl?verb=$1&unit=$2$3" | tr '\004' '\001')
    printf '%s' "${reply%$'\001'*}"
    return "${reply##*$'\001'}"
}
journal() {
    curl -s --max-time 10 --unix-socket "$DATA/control.sock" "http://x/host/journal?unit=kubelet"
}
token() {                                      # of kubeadm init
    local s
    s=$(k get secrets -n kube-system -o name | grep bootstrap-token | head -1)
    echo "$(k get -n kube-system "$s" -o jsonpath='{.data.token-id}' | base64 -d).$(k get -n kube-system "$s" -o jsonpath='{.data.token-secret}' | base64 -d)"
}
bootstrap_conf() {                             # bootstrap_conf TOKEN [CA]
    cat >"$NODE/etc/kubernetes/bootstrap-kubelet.conf" <<EOF
apiVersion: v1
kind: Config
clusters:
- cluster: {certificate-authority: ${2:-/etc/kubernetes/pki/ca.crt}, server: "https://192.168.229.132:6443"}
  name: bootstrap
contexts:
- context: {cluster: bootstrap, user: kubelet-bootstrap}
  name: bootstrap
current-context: bootstrap
users:
- name: kubelet-bootstrap
  user: {token: $1}
EOF
}
flag() {                                       # flag TEXT: appended to the kubelet's flags
    sed -i "s|\"\$| $1\"|" "$NODE/var/lib/kubelet/kubeadm-flags.env"
}
until_node() {                                 # until_node Ready|NotReady SECONDS
    local i
    for ((i = 0; i < $2; i += 5)); do
        [[ $(k get node ubuntu --no-headers | awk '{print $2}') == "$1" ]] && return 0
        advance 5s
    done
    [[ $(k get node ubuntu --no-headers | awk '{print $2}') == "$1" ]]
}


@test "status and the journal have systemd's layout" {
    run systemctl status kubelet "&lines=3&width=100"
    [ "$status" = 0 ]
    [ "${lines[0]}" = "● kubelet.service - kubelet: The Kubernetes Node Agent" ]
    [ "${lines[1]}" = "   Loaded: loaded (/lib/systemd/system/kubelet.service; enabled; vendor preset: enabled)" ]
    [ "${lines[2]}" = "  Drop-In: /etc/systemd/system/kubelet.service.d" ]
    [ "${lines[3]}" = "           └─10-kubeadm.conf" ]
    [[ ${lines[4]} =~ ^"   Active: active (running) since "[A-Z][a-z]{2}" "[0-9-]{10}" "[0-9:]{8}" UTC; "[0-9]+"s ago"$ ]]
    [ "${lines[5]}" = "     Docs: https://kubernetes.io/docs/home/" ]
    [[ ${lines[6]} =~ ^" Main PID: "[0-9]+" (kubelet)"$ ]]
    [[ $output == *"    Tasks: "*"   Memory: "*"      CPU: "*"   CGroup: /system.slice/kubelet.service"* ]]
    [[ $output == *"Hint: Some lines were ellipsized"* ]]
    run journal
    [[ $output =~ [A-Z][a-z]{2}" "[0-9]{2}" "[0-9:]{8}" ubuntu kubelet["[0-9]+"]: I"[0-9]{4}" "[0-9:.]{15}" "+[0-9]+" server.go:410] Version: v1.16.6" ]]
    run systemctl status nosuch
    [ "$status" = 4 ]
    run systemctl is-enabled kubelet
    [ "$output" = enabled ]
}

@test "stopped: NotReady after 40 s, pods evicted after the tolerated time; started again: what ran runs on" {
    k create deployment w --image=busybox -- sleep 1d
    for _ in 1 2 3 4 5 6; do advance 5s; done
    before=$(k get po -l app=w -o jsonpath='{.items[0].status.containerStatuses[0].containerID}')
    [ -n "$before" ]
    systemctl stop kubelet
    run systemctl is-active kubelet
    [ "$status" = 3 ] && [ "$output" = inactive ]
    advance 30s
    [[ $(k get node ubuntu --no-headers) == *" Ready "* ]]
    advance 25s
    [[ $(k get node ubuntu --no-headers) == *" NotReady "* ]]
    run timely k logs -l app=w
    [[ $output == *"dial tcp 192.168.229.132:10250: connect: connection refused"* ]]
    systemctl start kubelet
    until_node Ready 30
    [ "$(k get po -l app=w -o jsonpath='{.items[0].status.containerStatuses[0].containerID}')" = "$before" ]
    [ "$(k get po -l app=w -o jsonpath='{.items[0].status.containerStatuses[0].restartCount}')" = 0 ]
    systemctl stop kubelet
    for _ in 1 2 3 4 5 6 7 8; do advance 50s; done
    run k get po -l app=w
    [[ $output == *Terminating* ]]
    [ "$(k get po -l app=w --no-headers | wc -l)" = 2 ]
    systemctl start kubelet
    advance 60s
    [ "$(k get po -l app=w --no-headers | grep -c Running)" = 1 ]
    [ "$(k get po -l app=w --no-headers | wc -l)" = 1 ]
}

@test "an unknown flag, and broken configuration: it falls over, is started every 10 s, and runs when mended" {
    cp "$NODE/var/lib/kubelet/kubeadm-flags.env" "$DATA/flags"
    flag --no-such-flag
    systemctl restart kubelet
    run systemctl status kubelet
    [[ $output == *"Active: activating (auto-restart) (Result: exit-code) since "* ]]
    [[ $output == *"(code=exited, status=255)"* ]]
    [[ $output == *"server.go:156] unknown flag: --no-such-flag"* ]]
    cp "$DATA/flags" "$NODE/var/lib/kubelet/kubeadm-flags.env"
    advance 11s
    run systemctl is-active kubelet
    [ "$output" = active ]
    [[ $(journal) == *"Service hold-off time over, scheduling restart."* ]]

    cp "$NODE/var/lib/kubelet/config.yaml" "$DATA/config"
    echo "maxPods: many" >>"$NODE/var/lib/kubelet/config.yaml"
    sed -i '0,/^maxPods/{/^maxPods/d}' "$NODE/var/lib/kubelet/config.yaml"
    systemctl restart kubelet
    [[ $(journal) == *"failed to load Kubelet config file /var/lib/kubelet/config.yaml, error failed to decode, error: v1beta1.KubeletConfiguration.MaxPods: "* ]]
    printf 'a: [\n' >"$NODE/var/lib/kubelet/config.yaml"
    advance 11s
    [[ $(journal) == *"error failed to decode, error: yaml: line "* ]]
    rm "$NODE/var/lib/kubelet/config.yaml"
    advance 11s
    [[ $(journal) == *"failed to read kubelet config file \"/var/lib/kubelet/config.yaml\", error: open /var/lib/kubelet/config.yaml: no such file or directory"* ]]
    cp "$DATA/config" "$NODE/var/lib/kubelet/config.yaml"
    advance 11s
    run systemctl is-active kubelet
    [ "$output" = active ]
}

@test "no kubeconfig and no bootstrap file" {
    mv "$NODE/etc/kubernetes/kubelet.conf" "$DATA/kubelet.old"
    systemctl restart kubelet
    [[ $(journal) == *"failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory"* ]]
    advance 60s
    until_node NotReady 60
    mv "$DATA/kubelet.old" "$NODE/etc/kubernetes/kubelet.conf"
    until_node Ready 60
}

@test "TLS bootstrap: a wrong token, no right to ask, a wrong CA; each is told, and over when mended" {
    good=$(token)
    mv "$NODE/etc/kubernetes/kubelet.conf" "$DATA/kubelet.old"
    bootstrap_conf abcdef.0123456789abcdef
    systemctl restart kubelet
    advance 5s
    [[ $(journal) == *"Failed while requesting a signed certificate from the master: cannot create certificate signing request: Unauthorized"* ]]
    [[ $(cat "$NODE/etc/kubernetes/kubelet.conf") == *"client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem"* ]]

    k get clusterrolebinding kubeadm:kubelet-bootstrap -o json | jq 'del(.metadata.resourceVersion,.metadata.uid)' >"$DATA/crb.json"
    k delete clusterrolebinding kubeadm:kubelet-bootstrap
    rm "$NODE/etc/kubernetes/kubelet.conf"
    bootstrap_conf "$good"
    systemctl restart kubelet
    advance 5s
    [[ $(journal) == *"certificatesigningrequests.certificates.k8s.io is forbidden: User \"system:bootstrap:${good%%.*}\" cannot create resource \"certificatesigningrequests\" in API group \"certificates.k8s.io\" at the cluster scope"* ]]
    k create -f "$DATA/crb.json"
    until_node Ready 60
    advance 60s
    [[ $(k get csr) == *"system:bootstrap:${good%%.*}"*"Approved,Issued"* ]]
    [ "$(k get csr -o jsonpath='{.items[0].spec.username}')" = "system:bootstrap:${good%%.*}" ]

    rm "$NODE/etc/kubernetes/kubelet.conf"
    bootstrap_conf "$good" /etc/kubernetes/pki/front-proxy-ca.crt
    systemctl restart kubelet
    advance 5s
    [[ $(journal | tail -40) == *"x509: certificate signed by unknown authority"* ]]
    rm "$NODE/etc/kubernetes/kubelet.conf"
    bootstrap_conf "$good"
    systemctl restart kubelet
    until_node Ready 60
}

@test "a bootstrap that nobody approves: the request waits, and a denied one is asked for again" {
    good=$(token)
    k delete clusterrolebinding kubeadm:node-autoapprove-bootstrap
    rm "$NODE/etc/kubernetes/kubelet.conf"
    bootstrap_conf "$good"
    systemctl restart kubelet
    advance 5s
    name=$(k get csr -o jsonpath='{.items[0].metadata.name}')
    [[ $(k get csr) == *"Pending"* ]]
    k certificate deny "$name"
    advance 5s
    [[ $(journal) == *"certificate request was not signed: "*"reason: KubectlDeny, message: This CSR was denied by kubectl certificate deny."* ]]
    [[ $(k get csr "$name" --no-headers) == *" Denied" ]]
    [ "$(k get csr --no-headers | wc -l)" = 2 ]
    k certificate approve "$(k get csr --no-headers | awk '/Pending/{print $1}')"
    until_node Ready 60
}

@test "a serving certificate: refused until it is approved, then served without a restart" {
    flag --rotate-server-certificates
    systemctl restart kubelet
    advance 10s
    run k get csr --no-headers
    [[ $output == *"system:node:ubuntu"*"Pending"* ]]
    run timely k logs -n kube-system etcd-ubuntu
    [[ $output == *"Get https://192.168.229.132:10250/containerLogs/"*"remote error: tls: internal error"* ]]
    [[ $(journal) == *"http: TLS handshake error from 192.168.229.132:"*": no serving certificate available for the kubelet"* ]]
    name=$(k get csr -o jsonpath='{.items[0].metadata.name}')
    [ "$(k get csr "$name" -o json | jq -c .spec.usages)" = '["digital signature","key encipherment","server auth"]' ]
    k get csr "$name" -o jsonpath='{.spec.request}' | base64 -d | openssl req -noout -text -verify 2>&1 >"$DATA/req"
    grep -q "DNS:ubuntu, IP Address:192.168.229.132" "$DATA/req"
    k certificate approve "$name"
    advance 5s
    run k get csr --no-headers
    [[ $output == *"Approved,Issued"* ]]
    [[ $(timely k logs -n kube-system etcd-ubuntu) != *tls:* ]]
    [ -L "$NODE/var/lib/kubelet/pki/kubelet-server-current.pem" ]
    port=$("$KUBELAB" status -o json | jq .kubeletPort)
    run openssl s_client -connect "127.0.0.1:$port" -CAfile "$NODE/etc/kubernetes/pki/ca.crt" -verify_return_error </dev/null
    [[ $output == *"Verify return code: 0 (ok)"* ]]
}

@test "the unit is what its files said when they were loaded" {
    conf=$NODE/etc/systemd/system/kubelet.service.d/10-kubeadm.conf
    sed -i 's|\$KUBELET_EXTRA_ARGS|$KUBELET_EXTRA_ARGS --v=2|' "$conf"
    run systemctl restart kubelet
    [[ $output == "Warning: kubelet.service changed on disk. Run 'systemctl daemon-reload' to reload units." ]]
    [[ $(systemctl status kubelet) != *"--v=2"* ]]
    systemctl daemon-reload ""
    run systemctl restart kubelet
    [ -z "$output" ]
    [[ $(systemctl status kubelet) == *"--v=2"* ]]
    [[ $(journal) == *"Current kubeconfig file contents are still valid, no bootstrap necessary"* ]]
    echo 'KUBELET_EXTRA_ARGS="--max-pods=7 --node-ip=192.168.229.132"' >"$NODE/etc/default/kubelet"
    systemctl restart kubelet
    advance 10s
    [ "$(k get node ubuntu -o jsonpath='{.status.capacity.pods}')" = 7 ]
}

@test "ten thousand requests that nobody approved, and what is no request: held or refused, in bounded time" {
    "$KUBELAB" clock speed 1
    run tests/e2e/many_csrs "$DATA" "${MANY_CSRS:-10000}"
    [ "$status" = 0 ] || { echo "$output"; false; }
}
