# A graded script that wants points without work: it leads the simulation, makes the cluster read what it must not read itself, or looks for the grader. (hostile.bats has the sandbox.)
load helpers

setup_file() {
    export WORK=$BATS_FILE_TMPDIR/w
    mkdir -p "$WORK/tmp" "$WORK/secrets"
    install -m 755 "$KUBELAB" "$WORK/kubelab"            # where other users reach it, too
    export KUBELAB=$WORK/kubelab TMPDIR=$WORK/tmp PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$(dirname "$BATS_RUN_TMPDIR")" 2>/dev/null || true
    chmod 700 "$WORK/secrets"
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: stolen}\nspec: {containers: [{name: x, image: busybox, command: [sleep, "99"]}]}\n' >"$WORK/secrets/checks.yaml"
}

# graded [LAB]: the script on standard input, graded; what it printed is in $output, the report in $report
graded() {
    { printf 'SECRETS=%q\n' "$WORK/secrets"; cat; } >"$BATS_TEST_TMPDIR/s.sh"
    report=$("$KUBELAB" grade "${1:-lab8}" --submission "$BATS_TEST_TMPDIR/s.sh" --format json) || [ $? = 1 ]
    output=$(jq -r .submission.output <<<"$report")
    echo "$output"
    [ "$(jq -r .status <<<"$report")" = complete ]
    [ -z "$(ls "$TMPDIR")" ]
}
no_landlock() { [ "$(jq -r '.sandbox.measures[] | select(.name == "landlock").on' <<<"$report")" != true ]; }
why="what is graded does not lead the simulation"

@test "faults, loads and the clock are the grader's: refused by the API server, whoever asks and from wherever" {
    graded <<'END'
load() { printf 'apiVersion: lab.kubelab.dev/v1\nkind: LoadProfile\nmetadata: {name: %s}\nspec: {service: web1, stages: [{clients: 1}]}\n' "$1"; }
load mine | kubectl create -f -
printf 'apiVersion: lab.kubelab.dev/v1\nkind: Fault\nmetadata: {name: mine}\nspec: {type: api-slow, parameters: {delay: 1s}}\n' | kubectl apply -f -
printf 'apiVersion: lab.kubelab.dev/v1\nkind: Clock\nmetadata: {name: mine}\n' | kubectl create -f -
kubectl delete fault dns-stranger
kubectl delete faults --all
kubectl patch fault dns-stranger --type=merge -p '{"spec":{"duration":"1s"}}'
load theirs | kubectl --as=system:kubelab --as-group=system:masters create -f -
# an administrator can have a certificate that makes anybody of its bearer
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -subj "/O=system:masters/CN=system:kubelab" -out r 2>/dev/null
printf 'apiVersion: certificates.k8s.io/v1beta1\nkind: CertificateSigningRequest\nmetadata: {name: mine}\nspec: {request: %s, usages: [client auth]}\n' "$(base64 -w0 r)" | kubectl create -f - >/dev/null
kubectl certificate approve mine >/dev/null
until [ -n "$(kubectl get csr mine -o jsonpath='{.status.certificate}')" ]; do sleep 1; done
kubectl get csr mine -o jsonpath='{.status.certificate}' | base64 -d >c
server=$(kubectl config view --raw -o jsonpath='{.clusters[0].cluster.server}')
echo "curl $(curl -ks --cert c --key k -X DELETE "$server/apis/lab.kubelab.dev/v1/faults/dns-stranger" | grep -o -e 'User [^ ]* cannot' -e '"code": *[0-9]*' | tr '\n' ' ')"
# the way of who leads the cluster, at the script's own socket
echo "door $(curl -s --unix-socket "$KUBELAB_DATA/control.sock" -o /dev/null -w '%{http_code}' -d '' "http://x/host/api?outside&method=DELETE&path=/apis/lab.kubelab.dev/v1/faults/dns-stranger")"
kubelab fault clear dns-stranger
kubelab fault inject api-slow
kubectl get faults,loadprofiles -A --no-headers
END
    [ "$(grep -cF "$why" <<<"$output")" = 7 ]
    [[ $output == *'faults.lab.kubelab.dev "dns-stranger" is forbidden: User "kubernetes-admin" cannot delete resource "faults" in API group "lab.kubelab.dev" at the cluster scope: '"$why"* ]]
    [[ $output == *'User "system:kubelab" cannot create resource "loadprofiles"'* ]]
    [[ $output == *'curl User \"system:kubelab\" cannot "code": 403'* && $output == *"door 403"* ]]
    [ "$(tail -n 1 <<<"$output" | grep -c "^fault.lab.kubelab.dev/dns-stranger .* Active")" = 1 ]
}

@test "what a lab leaves to its students they may lead, but not what has become of it" {
    graded sizing <<'END'
kubectl apply -f web/load.yaml
kubectl patch loadprofile visitors --subresource=status --type=merge -p '{"status":{"phase":"Done"}}'
printf 'apiVersion: lab.kubelab.dev/v1\nkind: Fault\nmetadata: {name: mine}\nspec: {type: api-slow, parameters: {delay: 1s}}\n' | kubectl apply -f -
END
    [[ $output == *"loadprofile.lab.kubelab.dev/visitors created"* ]]
    [ "$(grep -cF "$why" <<<"$output")" = 2 ]
}

@test "the cluster, which nobody confines, reads and writes nothing for a script outside of its nodes" {
    graded <<'END'
sudo ln -s "$SECRETS/checks.yaml" /etc/kubernetes/manifests/a.yaml && echo linked
ln -s "$SECRETS" there && sudo mv there /etc/kubernetes/there && echo linked
for f in /var/log/pods/*; do sudo rm -rf "$f" && sudo ln -s "$SECRETS" "$f" && echo linked; done
sudo sed -i "s#staticPodPath:.*#staticPodPath: /../../../../../../../../../../../..$SECRETS#" /var/lib/kubelet/config.yaml
sudo sed -i "s#- kube-scheduler\$#&\n    - --kubeconfig=/etc/kubernetes/../../../../../../../../../../$SECRETS/checks.yaml#" /etc/kubernetes/manifests/kube-scheduler.yaml
sudo systemctl restart kubelet
sleep 60
sudo journalctl -u kubelet | grep -o 'default/stolen[a-z-]*'
sudo ls -R /var/log/pods | grep checks.yaml
echo done
END
    no_landlock && skip "this machine does not confine so far"
    [[ $output == *"done" && $output != *stolen* && $output != *linked* && $output != *checks.yaml* ]]
    [ "$(ls "$WORK/secrets")" = checks.yaml ]
}

@test "the grader cannot be found: neither its processes nor its files, arguments, environment, descriptors and report" {
    export COURSE_KEY=HIDDEN-in-the-environment
    echo "HIDDEN-key-of-the-course" >"$WORK/secrets/key"
    graded <<'END'
ls /proc | grep -c '^[0-9]*$' | xargs test 12 -gt || echo "sees others"
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -aoe "--submi[s]sion" -e "kubelab [g]rade"
cat /proc/[0-9]*/environ 2>/dev/null | grep -ao HIDDEN-[a-z-]*
env | grep -o HIDDEN
ls -l /proc/self/fd | grep -v -e pipe -e /proc -e /dev/null -e total -e s.sh
for d in /proc/[0-9]*/root /proc/[0-9]*/cwd; do cat "$d$SECRETS/key" 2>/dev/null; done
cat "$SECRETS/key" 2>/dev/null
find / -xdev \( -name lab.yaml -o -name checks.yaml -o -name key -o -name '*.json' -newer /proc/1/stat -path '*kubelab*' \) 2>/dev/null | grep -v "^$HOME\|^/usr"
ls -d /tmp/kubelab-grade* 2>/dev/null
for p in /document /samples /audit /digest /journal "/hpa/why"; do
    echo "$p $(curl -s --unix-socket "$KUBELAB_DATA/control.sock" -o /dev/null -w '%{http_code}' "http://x$p")"
done
for p in /down /drive /door /grading /clock/speed; do
    echo "$p $(curl -s --unix-socket "$KUBELAB_DATA/control.sock" -o /dev/null -w '%{http_code}' -d 'loadprofiles,' "http://x$p")"
done
END
    [ "$(jq -r .sandbox.level <<<"$report")" = isolated ] || skip "this machine does not confine so far"
    [[ $output != *HIDDEN* && $output != *"kubelab grade"* && $output != *"sees others"* && $output != *--submission* ]]
    [ "$(grep -c ' 403$' <<<"$output")" = 11 ]
    [ "$(wc -l <<<"$output")" = 11 ]
}

@test "two scripts at once that listen at the same port of the machine have it in turn, and none meets the other's cluster" {
    gradings=()
    for n in 1 2 3; do
        cat >"$BATS_TEST_TMPDIR/$n.sh" <<END
kubectl create configmap mine --from-literal=of=student$n
kubectl proxy --port=8001 >/dev/null & proxy=\$!
until curl -sf http://127.0.0.1:8001/api/v1/namespaces/default/configmaps/mine -o found; do sleep 1; done
grep -o 'student[0-9]' found
kill \$proxy
END
        "$KUBELAB" grade lab8 --submission "$BATS_TEST_TMPDIR/$n.sh" --format json >"$BATS_TEST_TMPDIR/$n.json" 3>&- &
        gradings+=($!)
    done
    for grading in "${gradings[@]}"; do wait "$grading" || [ $? = 1 ]; done      # not all: bats' own count of the time is one, too
    for n in 1 2 3; do
        [ "$(jq -r .submission.output "$BATS_TEST_TMPDIR/$n.json")" = "configmap/mine created
student$n" ]
    done
}
