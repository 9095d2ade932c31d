# The lab's host: sudo, kubeadm, docker, crictl, git, and the proxy, as a student's shell has them.
load helpers

setup_file() {
    export HOME=$BATS_FILE_TMPDIR/home DATA=$BATS_FILE_TMPDIR/d
    mkdir -p "$HOME"
    start --lab lab8
    export SERVER=$(server) KUBELAB_DATA=$DATA
}
teardown_file() {
    stop
}
host() {                                       # host SCRIPT: in the lab's shell
    "$KUBELAB" shell lab8 -- bash -c "$1"
}

@test "sudo opens the node's files, and nobody else's" {
    run host 'sudo head -3 /etc/kubernetes/kubelet.conf; sudo cat /var/lib/kubelet/kubeadm-flags.env; sudo cat /etc/hostname'
    [[ $output == *"certificate-authority-data: "* ]] || [[ $output == *"apiVersion: v1"* ]]
    [[ $output == *'KUBELET_KUBEADM_ARGS="--cgroup-driver=cgroupfs --network-plugin=cni --pod-infra-container-image=k8s.gcr.io/pause:3.1"'* ]]
    [[ $output != *"$DATA/node"* ]]
}

@test "a node has the files of a kubeadm cluster" {
    run host 'sudo ls /etc/kubernetes /etc/kubernetes/pki/etcd; sudo cat /etc/systemd/system/kubelet.service.d/10-kubeadm.conf /lib/systemd/system/kubelet.service'
    [ "$status" = 0 ]
    for f in admin.conf controller-manager.conf kubelet.conf manifests pki scheduler.conf healthcheck-client.crt peer.key server.crt; do [[ $output == *"$f"* ]]; done
    [[ $output != *"admin.crt"* ]]
    [[ $output == *"--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"* ]]
    [[ $output == *"RestartSec=10"* ]]
}

@test "what goes wrong under sudo is told with the node's names" {
    run host 'sudo cat /etc/kubernetes/nothing; sudo ls /etc/kubernetes/*.conf | head -1; sudo bash -c "cat /etc/kubernetes/nothing2"; sudo no-such-program'
    [[ $output == *"/etc/kubernetes/nothing: No such file or directory"* ]]
    [[ $output == *"/etc/kubernetes/nothing2: No such file or directory"* ]]
    [[ $output == *"/etc/kubernetes/admin.conf"* ]]
    [[ $output == *"sudo: no-such-program: command not found"* ]]
    [[ $output != *"$DATA/node"* ]]
}

@test "copy, move, edit in place, redirect, tee: the files change" {
    run host 'cd; echo one > f; sudo cp f /etc/kubernetes/f && sudo sed -i s/one/two/ /etc/kubernetes/f && sudo mv /etc/kubernetes/f /etc/kubernetes/g && echo more | sudo tee -a /etc/kubernetes/g >/dev/null && sudo bash -c "echo end >> /etc/kubernetes/g" && sudo cat /etc/kubernetes/g && sudo rm /etc/kubernetes/g'
    [ "$status" = 0 ]
    [ "$output" = $'two\nmore\nend' ]
    [ ! -e "$DATA/node/etc/kubernetes/g" ]
}

@test "sudo's exit status is the command's, and its options are understood" {
    run host 'sudo -n false; echo $?; sudo -u root sh -c "exit 7"; echo $?; sudo A=b printenv A; sudo -E -- true; echo $?; sudo kill -9 $$'
    [ "${lines[0]}" = 1 ] && [ "${lines[1]}" = 7 ] && [ "${lines[2]}" = b ] && [ "${lines[3]}" = 0 ]
    run host sudo
    [ "$status" = 1 ]
    [[ $output == usage:* ]]
}

@test "kubeadm token: made, listed, used, deleted" {
    run host 'sudo kubeadm token create --description "for a test" --ttl 2h'
    [ "$status" = 0 ]
    [[ $output =~ ^[a-z0-9]{6}\.[a-z0-9]{16}$ ]]
    token=$output id=${output%.*}
    run host 'kubeadm token list'
    [[ $output =~ TOKEN\ +TTL\ +EXPIRES\ +USAGES\ +DESCRIPTION\ +EXTRA\ GROUPS ]]
    [[ $output =~ $token\ +1h\ +[-0-9T:]+Z\ +authentication,signing\ +for\ a\ test\ +system:bootstrappers:kubeadm:default-node-token ]]
    [ "$(k get secret -n kube-system "bootstrap-token-$id" -o jsonpath='{.type} {.data.token-id}')" = "bootstrap.kubernetes.io/token $(printf %s "$id" | base64)" ]
    run host "sudo kubeadm token delete $id; sudo kubeadm token delete $id"
    [[ $output == *"bootstrap token \"$id\" deleted"* ]]
    [[ $output == *"failed to delete bootstrap token \"$id\": secrets \"bootstrap-token-$id\" not found"* ]]
    [ "$status" = 1 ]
    run host 'kubeadm token create abc; kubeadm token create --ttl soon; kubeadm token create --usages flying; kubeadm token frobnicate; kubeadm token generate'
    [[ $output == *'the bootstrap token "abc" was not of the form'* ]]
    [[ $output == *'invalid argument "soon" for "--ttl"'* ]]
    [[ $output == *'invalid bootstrap token usage string: "flying"'* ]]
    [[ ${lines[-1]} =~ ^[a-z0-9]{6}\.[a-z0-9]{16}$ ]]
}

@test "kubeadm's join command pins the CA's key" {
    want=$(openssl x509 -pubkey -noout -in "$DATA/node/etc/kubernetes/pki/ca.crt" | openssl pkey -pubin -outform der | sha256sum | cut -d' ' -f1)
    run host 'sudo kubeadm token create --print-join-command'
    [[ $output =~ ^kubeadm\ join\ 192\.168\.229\.132:6443\ --token\ [a-z0-9]{6}\.[a-z0-9]{16}\ +--discovery-token-ca-cert-hash\ sha256:$want ]]
}

@test "kubeadm: version, configuration, certificates; without admin.conf it says so" {
    run host 'kubeadm version -o short; sudo kubeadm config view; sudo kubeadm alpha certs check-expiration'
    [ "${lines[0]}" = v1.16.6 ]
    [[ $output == *"kind: ClusterConfiguration"* ]]
    [[ $output =~ CERTIFICATE\ +EXPIRES\ +RESIDUAL\ TIME\ +EXTERNALLY\ MANAGED ]]
    [[ $output =~ etcd-server\ +[A-Z][a-z]{2}\ [0-9]{2},\ [0-9]{4}\ [0-9:]{5}\ UTC\ +364d\ +no ]]
    run host 'sudo mv /etc/kubernetes/admin.conf /etc/kubernetes/away; sudo kubeadm token list; sudo mv /etc/kubernetes/away /etc/kubernetes/admin.conf; sudo kubeadm token list | head -1'
    [[ $output == *"failed to load admin kubeconfig: open /root/.kube/config: no such file or directory"* ]]
    [[ ${lines[-1]} == TOKEN* ]]
}

@test "the proxy leads to the node, Services and pods, and nowhere else" {
    run host 'curl -sk https://192.168.229.132:6443/healthz; curl -sk https://localhost:6443/healthz; curl -sk https://10.96.0.1/healthz; curl -sk https://ubuntu:10250/metrics'
    [ "$output" = okokokUnauthorized ]
    run host 'kubectl --server https://192.168.229.132:6443 get ns default -o name; curl -s -w "%{http_code}" http://8.8.8.8/; printf "GET / HTTP/1.1\r\n\r\n" | timeout 5 bash -c "exec 9<>/dev/tcp/127.0.0.1/${http_proxy##*:}; cat >&9; head -1 <&9"'
    [ "${lines[0]}" = namespace/default ]
    [[ $output == *"this proxy leads into the lab's cluster alone"*403* ]]
    [[ $output == *"400 Bad Request"* ]]
    [ "$("$KUBELAB" status -o json | jq '.proxyPort > 0')" = true ]
}

@test "kubectl config writes a bootstrap kubeconfig, also with a kubectl that panics over it" {
    run host 'cd; rm -f b.conf; kubectl config set-cluster bootstrap --kubeconfig=b.conf --certificate-authority=/etc/kubernetes/pki/ca.crt --server=https://192.168.229.132:6443 &&
        kubectl config set-credentials kubelet-bootstrap --kubeconfig=b.conf --token=abcdef.0123456789abcdef && kubectl config set-context bootstrap --kubeconfig=b.conf --user=kubelet-bootstrap --cluster=bootstrap &&
        kubectl config use-context bootstrap --kubeconfig=b.conf && kubectl config view --kubeconfig=b.conf --raw -o json; kubectl config use-context nothing --kubeconfig=b.conf'
    [ "${lines[0]}" = 'Cluster "bootstrap" set.' ] && [ "${lines[1]}" = 'User "kubelet-bootstrap" set.' ] && [ "${lines[2]}" = 'Context "bootstrap" created.' ] && [ "${lines[3]}" = 'Switched to context "bootstrap".' ]
    [[ $output == *'"certificate-authority": "/etc/kubernetes/pki/ca.crt"'* ]]
    [[ $output == *'"token": "abcdef.0123456789abcdef"'* ]]
    [[ $(cat "$HOME/b.conf") != *null* ]]
    [[ $output == *'no context exists with the name: "nothing"'* ]]
    [ "$status" = 1 ]
}

@test "docker and crictl show what runs, and images come and go" {
    run host 'docker ps --no-trunc | grep k8s_etcd_etcd-ubuntu_kube-system_; sudo crictl ps | grep -c Running; sudo crictl pods -q | head -1; docker pull busybox:1.31; docker tag busybox:1.31 mine; docker images -q mine | wc -l; docker rmi mine; docker rmi mine; docker rmi k8s.gcr.io/coredns:1.6.2; docker pull no/such'
    [[ $output == *" \"etcd --advertise-client-urls="* ]]
    [[ $output == *"Untagged: mine:latest"* ]]
    [[ $output == *"Error: No such image: mine"* ]]
    [[ $output == *'unable to remove repository reference "k8s.gcr.io/coredns:1.6.2" (must force) - container '* ]]
    [[ $output == *"pull access denied for no/such"* ]]
    [ "$status" = 1 ]
}

@test "the lab's repository is cloned without a network" {
    command -v git || skip "no git here"
    run host 'cd && rm -rf metrics-server && git clone --depth 1 https://github.com/kubernetes-incubator/metrics-server && ls metrics-server/deploy/1.8+ && git clone -q https://github.com/kubernetes-incubator/metrics-server.git again && ls again; git -C metrics-server rev-parse HEAD; git -C again rev-parse HEAD'
    [ "$status" = 0 ]
    [ "${lines[0]}" = "Cloning into 'metrics-server'..." ]
    [[ $output == *metrics-server-deployment.yaml* ]]
    [ "${lines[-1]}" = "${lines[-2]}" ]
}

@test "hostname, ssh, apt-get: short and honest" {
    run host 'hostname; ssh ubuntu hostname; ssh elsewhere true; sudo apt-get install -y jq; apt-get install jq'
    [ "${lines[0]}" = ubuntu ] && [ "${lines[1]}" = ubuntu ]
    [[ $output == *"Could not resolve hostname elsewhere: Name or service not known"* ]]
    [[ $output == *"jq is already the newest version"* ]]
    [[ $output == *"are you root?"* ]]
    [ "$status" = 100 ]
}

@test "without root, services are not to be changed; the shell's prompt is the lab's" {
    run host 'systemctl restart kubelet; systemctl; systemctl frobnicate; bash --rcfile "$KUBELAB_DATA/bin/bashrc" -ic "echo \"\${PS1@P}\"" 2>/dev/null'
    [[ $output == *"Failed to restart kubelet.service: Interactive authentication required."* ]]
    [[ $output == *"Unknown operation frobnicate."* ]]
    [[ $output == *"user@ubuntu:"* ]]
}

@test "an unknown lab, node or flag has status 2" {
    run "$KUBELAB" shell lab9 -- true
    [ "$status" = 2 ]
    run "$KUBELAB" shell lab8 --node mars -- true
    [ "$status" = 2 ]
    [[ $output == *mars* ]]
}
