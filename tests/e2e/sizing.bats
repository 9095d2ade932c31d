# The lab about request and target: its start, its variants, the reference and known wrong solutions, and a submission.
load helpers

setup_file() {
    place "$BATS_FILE_TMPDIR"
    start --lab sizing --seed 4 --clock paused
}
teardown_file() {
    stop
}

@test "metrics flow and the image is there before the student comes; files and guide have this cluster's figures" {
    k top node --no-headers | grep -q '^ubuntu '
    "$KUBELAB" shell sizing -- docker image ls | grep -q '^page '
    "$KUBELAB" lab files sizing "$BATS_FILE_TMPDIR/files" --all
    cd "$BATS_FILE_TMPDIR/files"
    run grep -rF '${' .
    [ "$status" = 1 ]
    "$KUBELAB" lab guide sizing > guide.md
    run grep -F '${' guide.md
    [ "$status" = 1 ]
    limit=$(sed -n 's/.*limits: {cpu: \([0-9]*\)m}/\1/p' web/web.yaml)
    grep -q "${limit}m" guide.md
}

@test "as given, the checks say what is wrong; solved and played, all pass" {
    cd "$BATS_FILE_TMPDIR/files"
    k apply -f web/web.yaml -f web/hpa.yaml
    "$KUBELAB" clock advance 2m
    for verb in check hint; do
        run "$KUBELAB" lab $verb lab8          # of another lab
        [ "$status" = 2 ]
        [[ $output == *"is of sizing, not of lab8"* ]]
    done
    run "$KUBELAB" lab check sizing
    [ "$status" = 1 ]
    [[ $output == *"not ok  there are at most five pods"* ]]
    [[ $output == *"not ok  the given load was played to its end"* ]]
    run "$KUBELAB" lab hint sizing
    [[ $output == "pods, hint 1 of 2: "* ]]
    k apply -f answer/
    "$KUBELAB" clock advance 6m            # what the first guess has recommended is forgotten
    k apply -f web/load.yaml
    "$KUBELAB" clock advance 21m30s
    run "$KUBELAB" lab check sizing
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[-1]}" = "11 of 11 checks pass; 20 of 20 points" ]
}

@test "a submission is judged by the load that the grader plays; the starter files do not do" {
    cd "$BATS_FILE_TMPDIR/files"
    run "$KUBELAB" grade sizing --submission answer --seed 4
    echo "$output"
    [ "$status" = 0 ]
    [ "${lines[0]}" = "Sizing: 11 of 11 checks pass; 20 of 20 points" ]
    run "$KUBELAB" grade sizing --submission web --seed 4
    [ "$status" = 1 ]
    [[ $output == *"not ok  while it is quiet there are at most two pods"* ]]
    [[ $output == *"load.yaml: LoadProfile visitors: objects of lab.kubelab.dev are no part of a submission"* ]]
}

@test "the same seed gives the same bytes, visitors at random included" {
    for i in a b; do "$KUBELAB" scenario run labs/sizing/solution.yaml --seed 9 --out "$BATS_TEST_TMPDIR/$i"; done
    diff -r "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
}

@test "the reference solution passes, and known wrong ones fail where they are to, with other figures too" {
    for seed in 1 2; do
        run "$KUBELAB" scenario run labs/sizing/solution.yaml --seed $seed
        echo "$output"
        [ "$status" = 0 ]
        [[ $output == *"11 of 11 checks of sizing pass"* ]]
    done
    for w in labs/sizing/wrong-*.yaml; do
        run "$KUBELAB" scenario run "$w" --seed 3
        echo "$output"
        [ "$status" = 0 ]
    done
}
