# The audit trail: who did what, as a grader asks for it; and that nothing of it is lost.
load helpers

setup_file() {
    place "$BATS_FILE_TMPDIR"
    start --lab lab8 --clock paused --seed 8
}
teardown_file() {
    stop
}
trail() {                                      # trail FILTER [JQ-ARGUMENTS...]: the events of it, by jq
    local filter=$1
    shift
    "$KUBELAB" debug audit -o json | jq -c "$@" "$filter"
}
count() {
    trail "select($1)" | wc -l
}
rows() {
    "$KUBELAB" debug audit -o json | wc -l
}

@test "an event is upstream's, one a line" {
    k create configmap first --from-literal=a=b
    run trail 'select(.objectRef.name == "first")'
    [ "${#lines[@]}" = 1 ]
    [ "$(jq -r '[.kind, .apiVersion, .level, .stage, .verb, .user.username, .user.groups[0], .sourceIPs[0], .objectRef.resource, .objectRef.namespace, .objectRef.apiVersion, .responseStatus.code,
        .annotations["authorization.k8s.io/decision"]] | join(" ")' <<<"$output")" = \
        "Event audit.k8s.io/v1 Metadata ResponseComplete create kubernetes-admin system:masters 127.0.0.1 configmaps default v1 201 allow" ]
    [[ $(jq -r .auditID <<<"$output") =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]]
    [[ $(jq -r .requestURI <<<"$output") == /api/v1/namespaces/default/configmaps* ]]
    [[ $(jq -r .userAgent <<<"$output") == kubectl* ]]
    now=$("$KUBELAB" clock get)
    [[ $(jq -r .stageTimestamp <<<"$output") == "${now%Z}"* ]]             # virtual
    [ "$(trail .auditID -r | sort | uniq -d | wc -l)" = 0 ]
}

@test "a table for people" {
    k create configmap tabled --from-literal=a=b
    run "$KUBELAB" debug audit
    [[ ${lines[0]} =~ ^TIME\ +USER\ +VERB\ +RESOURCE\ +NAME\ +CODE$ ]]
    [[ ${lines[-1]} =~ ^[0-9-]{10}T[0-9:]{8}Z\ +kubernetes-admin\ +create\ +configmaps\ +default/tabled\ +201$ ]]
    run "$KUBELAB" debug audit -o yaml
    [ "$status" = 2 ]
    [[ $output == *"the output for programs is json (-o json), not \"yaml\""* ]]
    run "$KUBELAB" debug nonsense
    [ "$status" = 2 ]
}

@test "whoever acts for somebody else, is refused, or has no name, is told" {
    run k --as jane --as-group interns get secrets
    [ "$status" != 0 ]
    [ "$(trail 'select(.impersonatedUser.username == "jane") | [.user.username, .impersonatedUser.groups[0], .verb, .objectRef.resource, .responseStatus.code, .annotations["authorization.k8s.io/decision"]] | join(" ")' -r)" = \
        "kubernetes-admin interns list secrets 403 forbid" ]
    curl -sk "$(server)/api/v1/namespaces/kube-system/secrets" >/dev/null
    [ "$(count '.user.username == "system:anonymous" and .responseStatus.code == 403 and .objectRef.namespace == "kube-system"')" = 1 ]
    curl -sk -H 'Authorization: Bearer stolen' "$(server)/api/v1/pods" >/dev/null
    [ "$(trail 'select(.responseStatus.code == 401) | [.stage, (.user | length), .responseStatus.message] | join(";")' -r)" = "ResponseStarted;0;Authentication failed, attempted: bearer" ]
    [[ $("$KUBELAB" debug audit) == *"kubernetes-admin as jane"* ]]
}

@test "kubectl's ways: edit, scale, a service account's token, a look" {
    k create deployment web --image=nginx
    EDITOR="sed -i 's/replicas: 1/replicas: 2/'" k edit deployment web
    k scale deployment web --replicas=3
    [ "$(count '.verb == "patch" and .objectRef.name == "web" and .objectRef.subresource == null and .objectRef.apiGroup == "apps" and .responseStatus.code == 200')" = 1 ]
    [ "$(count '.objectRef.subresource == "scale" and (.verb == "patch" or .verb == "update") and .user.username == "kubernetes-admin"')" = 1 ]
    advance 1m
    [ "$(count '.verb == "create" and .objectRef.resource == "pods" and .user.username == "system:serviceaccount:kube-system:replicaset-controller" and .objectRef.namespace == "default"')" = 3 ]
    [ "$(count '.objectRef.subresource == "binding" and .user.username == "system:kube-scheduler" and .objectRef.namespace == "default"')" = 3 ]
    token=$(k get secret -o json | jq -r '.items[] | select(.type == "kubernetes.io/service-account-token") | .data.token' | head -1 | base64 -d)
    run k --kubeconfig /dev/null --server "$(server)" --insecure-skip-tls-verify --token "$token" get pods
    [[ $output == *Forbidden* ]]
    [ "$(count '.user.username == "system:serviceaccount:default:default" and .verb == "list" and .responseStatus.code == 403')" = 1 ]
    before=$(count '.verb == "list" and .objectRef.resource == "nodes" and .user.username == "kubernetes-admin"')
    k get nodes
    [ "$(count '.verb == "list" and .objectRef.resource == "nodes" and .user.username == "kubernetes-admin"')" = $((before + 1)) ]
}

@test "a watch, a log and a shell in a pod are told when they begin" {
    k run bb --image=busybox -- sh -c 'echo hello; sleep 1d'
    advance 20s
    "$KUBELAB" clock speed 1
    run timeout 10 "$KUBECTL" logs bb
    [ "$output" = hello ]
    run timeout 10 "$KUBECTL" exec bb -- echo there
    [ "$output" = there ]
    timeout 1 "$KUBECTL" get pods -w >/dev/null || true
    "$KUBELAB" clock pause
    [ "$(trail 'select(.objectRef.name == "bb" and .objectRef.subresource == "log") | [.stage, .responseStatus.code] | join(" ")' -r)" = "ResponseStarted 200" ]
    [ "$(trail 'select(.objectRef.name == "bb" and .objectRef.subresource == "exec") | [.stage, .responseStatus.code] | join(" ")' -r | tail -1)" = "ResponseStarted 101" ]
    [ "$(count '.verb == "watch" and .objectRef.resource == "pods" and .objectRef.namespace == "default"')" -ge 1 ]
}

@test "components at rest leave no rows; what they change does" {
    before=$(rows)
    advance 20m
    [ "$(rows)" -le $((before + 2)) ]
    [ "$(count '.objectRef.resource == "leases" or .objectRef.resource == "events" or .objectRef.subresource == "status"')" = 0 ]
}

@test "kill -9: every row that an answer followed is there, and the numbers go on" {
    for i in 1 2 3 4 5; do k create configmap "kept-$i" --from-literal=a=b; done
    k get configmap kept-5
    before=$("$KUBELAB" debug audit -o json)
    kill -9 "$("$KUBELAB" status -o json | jq .pid)"
    run "$KUBELAB" debug audit
    [ "$status" = 3 ]
    start --clock paused
    after=$("$KUBELAB" debug audit -o json)
    [ "$(head -n "$(wc -l <<<"$before")" <<<"$after")" = "$before" ]
    [ "$(trail 'select(.objectRef.name == "kept-5") | .verb' -r | tr '\n' ' ')" = "create get " ]
    k delete configmap kept-1 --wait=false
    [ "$(trail 'select(.objectRef.name == "kept-1") | .verb' -r | tr '\n' ' ')" = "create delete " ]
    [ "$(trail .auditID -r | sort | uniq -d | wc -l)" = 0 ]                # another life, other dice
}
