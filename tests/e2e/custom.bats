#!/usr/bin/env bats
# Custom resources with a real kubectl: defined, used, kept over a restart, collected, and gone with their definition.
load helpers

setup_file() {
    export DATA=$BATS_FILE_TMPDIR/data
    start --bare --kubernetes-version v1.20
}
teardown_file() { stop; }

definition() {
    cat <<E
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, required: [cron], properties: {cron: {type: string}, replicas: {type: integer, default: 2}}}}}}
    subresources: {scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns: [{name: Cron, type: string, jsonPath: .spec.cron}]
E
}
crontab() { printf 'apiVersion: stable.example.com/v1\nkind: CronTab\nmetadata: {name: %s}\nspec: {%s}\n' "$1" "$2"; }

@test "a definition is established, and its resources are discovered, validated, printed and scaled" {
    definition | k apply -f -
    k wait --for=condition=Established crd/crontabs.stable.example.com --timeout=20s
    crontab a 'cron: x, foo: 1' > "$BATS_TEST_TMPDIR/bad.yaml"
    run k create -f "$BATS_TEST_TMPDIR/bad.yaml"
    [ "$status" -ne 0 ]
    [[ $output == *'unknown field "foo" in com.example.stable.v1.CronTab.spec'* ]]
    crontab a 'cron: x' | k create -f -
    run k get ct
    [[ ${lines[0]} =~ NAME\ +CRON ]]
    [[ ${lines[1]} =~ a\ +x ]]
    k scale ct a --replicas=4
    [ "$(k get ct a -o jsonpath='{.spec.replicas}')" = 4 ]
    [[ $(k explain ct.spec) == *'cron'*'-required-'* ]]
}

@test "they are there after a restart" {
    stop
    start --bare --kubernetes-version v1.20
    [ "$(k get ct -o name)" = crontab.stable.example.com/a ]
}

@test "what they own goes with them, and they go with their namespace and their definition" {
    k create configmap owned
    uid=$(k get ct a -o jsonpath='{.metadata.uid}')
    k patch cm owned --type=merge -p "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"stable.example.com/v1\",\"kind\":\"CronTab\",\"name\":\"a\",\"uid\":\"$uid\"}]}}"
    k delete ct a
    "$KUBELAB" clock advance 60s --data "$DATA"
    run k get cm owned
    [[ $output == *NotFound* ]]
    k create ns crons
    crontab b 'cron: later' | k -n crons create -f -
    k delete ns crons --timeout=60s
    crontab c 'cron: last' | k create -f -
    k delete crd crontabs.stable.example.com --timeout=60s
    run k get --raw /apis/stable.example.com/v1
    [ "$status" -ne 0 ]
}
