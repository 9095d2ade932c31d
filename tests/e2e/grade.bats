# Grading: what is handed in is judged on a cluster of its own; a report is written whatever happens, and is the same every time.
load helpers
bats_require_minimum_version 1.5.0

setup_file() {
    export HOME=$BATS_FILE_TMPDIR TMPDIR=$BATS_FILE_TMPDIR GOOD=$BATS_FILE_TMPDIR/good
    reference "$GOOD"
}
# Lab 8 as a student hands it in who did everything right
reference() {
    "$KUBELAB" lab files lab8 "$1" --all
    sed -i 's/^\( *\)- --cert-dir=.*/&\n\1- --kubelet-insecure-tls\n\1- --kubelet-preferred-address-types=InternalIP/' "$1/metrics-server/deploy/1.8+/metrics-server-deployment.yaml"
    cat >"$1/hpa/service.yaml" <<'END'
apiVersion: v1
kind: Service
metadata: {name: web1, labels: {app: web1}}
spec: {ports: [{port: 80, protocol: TCP, targetPort: 80}], selector: {app: web1}}
END
    cat >"$1/hpa/hpa.json" <<'END'
{"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web1"},
 "spec": {"minReplicas": 1, "maxReplicas": 5, "targetCPUUtilizationPercentage": 50, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web1"}}}
END
}
valid() {                                      # valid FILE FORMAT: what FORMAT's readers take
    "$BATS_TEST_DIRNAME/../support/grade_formats" "$2" <"$1"
}
grade() {
    run "$KUBELAB" grade lab8 "$@"
}
passed() {                                     # names of the checks that are $1 (true, false, null) in the JSON of $output
    jq -r --argjson v "$1" '.results[] | select(.passed == $v) | .name' <<<"$output"
}

@test "the reference passes; the report says how each thing was taken" {
    grade --submission "$GOOD"
    [ "$status" = 0 ]
    [ "${lines[0]}" = "Lab 8: 11 of 11 checks pass; 21 of 21 points" ]
    [[ $output == *"12 objects applied, 0 refused"* ]]
}

@test "nothing in it: a report all the same, in which what could not be judged is null" {
    mkdir "$BATS_TEST_TMPDIR/empty"
    grade --submission "$BATS_TEST_TMPDIR/empty" --format json
    [ "$status" = 1 ]
    [ "$(jq -r '.status, .summary, .score' <<<"$output" | tr '\n' ,)" = "complete,0 of 11 checks pass,0," ]
    [ "$(passed false)" = "the metrics server's pod is ready
web1 runs the image that was built here" ]
    [ "$(passed null | wc -l)" = 9 ]
    jq -e '.results[0].cause.help | startswith("apply all seven")' <<<"$output"
    jq -e '.results[1] | .dependency == "the metrics server'"'"'s pod is ready" and .cause == null' <<<"$output"
}

@test "a manifest that is refused is told of, in the API server's words; the others are applied" {
    cp -r "$GOOD" "$BATS_TEST_TMPDIR/s"
    sed -i 's/maxReplicas": 5/maxReplicas": 0/' "$BATS_TEST_TMPDIR/s/hpa/hpa.json"
    grade --submission "$BATS_TEST_TMPDIR/s" --format json
    [ "$status" = 1 ]
    jq -e '[.submission.objects[] | select(.ok | not)] | length == 1 and .[0].source == "hpa/hpa.json" and (.[0].message | test("maxReplicas: Invalid value: 0"))' <<<"$output"
    [ "$(passed false)" = "an autoscaler holds web1 at 50 % with 1 to 5 pods" ]
}

@test "every format of every kind of result is what its readers take, and no byte of it depends on the run" {
    mkdir -p "$BATS_TEST_TMPDIR/empty" "$BATS_TEST_TMPDIR/hostile/a&b <c>"
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "a\\u0001<&>\\"\\ufffe #1 ]]>"}\n' >"$BATS_TEST_TMPDIR/hostile/a&b <c>/$(printf 'x\001\377\n.yaml')"
    head -c 20M /dev/zero >"$BATS_TEST_TMPDIR/broken"
    for s in "$GOOD" "$BATS_TEST_TMPDIR/empty" "$BATS_TEST_TMPDIR/hostile" "$BATS_TEST_TMPDIR/broken" "$BATS_TEST_TMPDIR/nothing"; do
        for f in json gradescope prairielearn autolab junit tap; do
            for n in 1 2; do
                "$KUBELAB" grade lab8 --submission "$s" --format $f --hidden --out "$BATS_TEST_TMPDIR/$n.$f" || [ $? != 4 ]
            done
            cmp "$BATS_TEST_TMPDIR/1.$f" "$BATS_TEST_TMPDIR/2.$f"
            valid "$BATS_TEST_TMPDIR/1.$f" $f
        done
    done
}

@test "a class: a report and a line for each, which check failed for how many, and one broken submission stops nobody" {
    mkdir "$BATS_TEST_TMPDIR/c"
    cd "$BATS_TEST_TMPDIR/c"
    cp -r "$GOOD" ada
    cp -r "$GOOD" bob && rm bob/hpa/service.yaml
    head -c 20M /dev/zero >big.yaml
    printf 'student,email,submission\nada,a@x,ada\n"M\303\274ller, B",b@x,bob\n../eve,e@x,big.yaml\nzoe,z@x,\n' >roster.csv
    grade --roster roster.csv --out out
    [ "$status" = 1 ]
    [ "${lines[0]}" = "4 students: 1 pass every check, 1 do not, 2 could not be graded to the end" ]
    [[ $output == *"../eve: broken"*"zoe: broken"* ]]
    [ "$(ls out | tr '\n' ' ')" = "%2E.%2Feve.json M%C3%BCller%2C%20B.json ada.json checks.csv grades.csv zoe.json " ]
    [ "$(cut -d, -f1-6 out/grades.csv | grep ada)" = "ada,complete,21,21,11,11" ]
    grep '^"Müller, B",complete,' out/grades.csv
    grep '^a Service leads to web1,autoscale,1,no,1,1,0,2$' out/checks.csv
    for f in out/*.json; do valid "$f" json; done
    for s in ada bob; do                           # whose clusters were copies of one: as if each had booted its own
        report=out/ada.json student=ada
        [ $s = ada ] || report=out/M%C3%BCller%2C%20B.json student="Müller, B"
        grade --submission $s --format json --student "$student"
        [ "$output" = "$(cat "$report")" ]
    done
    printf 'student,submission\nada,ada\nada,bob\n' >twice.csv
    grade --roster twice.csv --out out2
    [ "$status" = 2 ]
    [ "$output" = 'kubelab: twice.csv:3: student "ada" stands in line 2 already' ]
    [ ! -e out2 ]
}

@test "an interrupted class keeps what is done; a grading that is interrupted or takes too long says so" {
    mkdir "$BATS_TEST_TMPDIR/c"
    for n in $(seq -w 40); do ln -s "$GOOD" "$BATS_TEST_TMPDIR/c/s$n"; done
    "$KUBELAB" grade lab8 --roster "$BATS_TEST_TMPDIR/c" --out "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/text" 3>&- &
    until grep -qs '"status": "complete"' "$BATS_TEST_TMPDIR/out/s01.json"; do sleep 0.05; done
    kill $!
    wait $! || [ $? = 1 ]
    grep -q '^s01,complete,21' "$BATS_TEST_TMPDIR/out/grades.csv"
    grep -q '^s40,not graded,0,21' "$BATS_TEST_TMPDIR/out/grades.csv"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/out/grades.csv")" = 41 ]
    for f in "$BATS_TEST_TMPDIR"/out/*.json; do valid "$f" json; done
    [ -z "$(ls -d "$TMPDIR"/kubelab-grade-* 2>/dev/null)" ]
}

@test "same submission and seed, same bytes; whether to a file or not" {
    for n in 1 2; do
        "$KUBELAB" grade lab8 --submission "$GOOD" --format json --hidden --seed 7 --out "$BATS_TEST_TMPDIR/$n.json"
    done
    cmp "$BATS_TEST_TMPDIR/1.json" "$BATS_TEST_TMPDIR/2.json"
    grade --submission "$GOOD" --format json --hidden --seed 7
    [ "$output" = "$(cat "$BATS_TEST_TMPDIR/1.json")" ]
}

@test "wrong use: status 2, and a report where one is wanted and nothing was handed in" {
    grade --submission "$GOOD" --format xml
    [ "$status" = 2 ]
    run "$KUBELAB" grade lab9 --submission "$GOOD"
    [ "$status" = 2 ]
    grade --submission "$BATS_TEST_TMPDIR/nothing" --format json --out "$BATS_TEST_TMPDIR/r.json"
    [ "$status" = 2 ]
    [ "$output" = "kubelab: the submission cannot be read: nothing: No such file or directory" ]
    [ "$(jq -r .status "$BATS_TEST_TMPDIR/r.json")" = broken ]
}

@test "what a submission may not hold: links, special files, events, objects that lead the simulation" {
    mkdir "$BATS_TEST_TMPDIR/s"
    cd "$BATS_TEST_TMPDIR/s"
    ln -s /etc/passwd link.yaml
    mkfifo pipe.yaml
    printf '{"apiVersion":"v1","kind":"Event","metadata":{"name":"e"},"involvedObject":{},"reason":"SuccessfulRescale"}' >event.json
    printf '{"apiVersion":"lab.kubelab.dev/v1","kind":"Clock","metadata":{"name":"clock"}}' >clock.json
    printf 'a: [' >broken.yaml
    printf 'title: no manifest\n' >values.yaml
    grade --submission . --format json
    [ "$status" = 1 ]
    [ "$(jq -r '.submission.problems[].source' <<<"$output" | tr '\n' ' ')" = "broken.yaml clock.json event.json link.yaml pipe.yaml values.yaml " ]
    [ "$(jq -r '.submission.objects | length' <<<"$output")" = 0 ]
}

@test "too much is no submission" {
    mkdir "$BATS_TEST_TMPDIR/s"
    head -c 20M /dev/zero >"$BATS_TEST_TMPDIR/s/big"
    grade --submission "$BATS_TEST_TMPDIR/s" --format json
    [ "$status" = 1 ]
    [ "$(jq -r '.status' <<<"$output")" = broken ]
    jq -e '.message | test("larger than 16 MB")' <<<"$output"
}

# What the reference script leaves out is the load: that is the grader's.
script() {
    cat <<'END'
#!/bin/bash
set -e
kubectl apply -f metrics-server/deploy/1.8+/
kubectl -n kube-system patch deploy metrics-server --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-insecure-tls"},
  {"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--kubelet-preferred-address-types=InternalIP"}]'
docker image build -t target hpa
kubectl create -f hpa/target-deploy.yaml
kubectl expose deploy web1 --port 80
kubectl autoscale deployment web1 --cpu-percent=50 --min=1 --max=5
kubectl rollout status deploy/web1
END
}

@test "a script is run in the lab's shell, and what confined it is told; the same bytes each time" {
    cp -r "$GOOD" "$BATS_TEST_TMPDIR/s"
    rm -r "$BATS_TEST_TMPDIR/s/metrics-server"                     # that is what the lab gives
    script >"$BATS_TEST_TMPDIR/s/answer.sh"
    for n in 1 2; do
        "$KUBELAB" grade lab8 --submission "$BATS_TEST_TMPDIR/s" --script answer.sh --format json --out "$BATS_TEST_TMPDIR/$n.json"
    done
    cmp "$BATS_TEST_TMPDIR/1.json" "$BATS_TEST_TMPDIR/2.json"
    valid "$BATS_TEST_TMPDIR/1.json" json
    jq -e '.summary == "11 of 11 checks pass" and .submission.kind == "script" and (.submission.output | test("successfully rolled out")) and .sandbox.level != null' "$BATS_TEST_TMPDIR/1.json"
}

@test "a script that fails, that has no end, or that may not run as it is required: a grade all the same" {
    printf '#!/bin/bash\necho "what I did"; exit 3\n' >"$BATS_TEST_TMPDIR/a"
    grade --submission "$BATS_TEST_TMPDIR/a" --format json --hidden
    [ "$status" = 1 ]
    jq -e '.steps[] | select(.action == "submit") | .message == "the script ended with status 3"' <<<"$output"
    jq -e '.submission.output == "what I did\n" and .status == "complete"' <<<"$output"
    printf 'sleep 2h\n' >"$BATS_TEST_TMPDIR/b.sh"
    grade --submission "$BATS_TEST_TMPDIR/b.sh" --budget 10m --format json --hidden
    [ "$status" = 1 ]
    jq -e '.steps[] | select(.action == "submit") | .message | test("10m0s of virtual time")' <<<"$output"
    grade --submission "$BATS_TEST_TMPDIR/nothing" --script x --require-sandbox total
    [ "$status" = 2 ]
}

@test "a student's own cluster: judged as it is, and not changed" {
    DATA=$BATS_TEST_TMPDIR/d
    start --lab lab8 --seed 3 --clock paused
    k apply -R -f "$GOOD" >/dev/null
    KUBELAB_DATA=$DATA "$KUBELAB" shell lab8 --drive -- docker image build -t target "$GOOD/hpa" >/dev/null
    "$KUBELAB" clock advance 3m --data "$DATA"
    grade --data "$DATA"
    [ "$status" = 1 ]
    [[ $output == *"the data folder is in use: stop its cluster with 'kubelab down'"* ]]
    stop
    find "$DATA" -type f -exec md5sum {} + | sort >"$BATS_TEST_TMPDIR/before"
    for n in 1 2; do
        run -1 "$KUBELAB" grade lab8 --data "$DATA" --format json --out "$BATS_TEST_TMPDIR/$n.json"
    done
    find "$DATA" -type f -exec md5sum {} + | sort | diff "$BATS_TEST_TMPDIR/before" -
    cmp "$BATS_TEST_TMPDIR/1.json" "$BATS_TEST_TMPDIR/2.json"
    valid "$BATS_TEST_TMPDIR/1.json" json
    [ "$(jq -r .summary "$BATS_TEST_TMPDIR/1.json")" = "9 of 11 checks pass" ]
    rm "$DATA/kubelab.db"
    grade --data "$DATA" --format json
    [ "$(jq -r .status <<<"$output")" != error ]
    grade --data "$BATS_TEST_TMPDIR" --format json
    [ "$status" = 1 ]
    [ "$(jq -r .message <<<"$output")" = "this is no data folder of Lab 8" ]
}

@test "a journal: replayed and judged; one that was tampered with is told its first difference" {
    export DATA=$BATS_TEST_TMPDIR/played
    start --lab lab8 --seed 5 --clock paused
    "$KUBELAB" lab files lab8 "$BATS_TEST_TMPDIR/files" --data "$DATA"
    k apply -f "$BATS_TEST_TMPDIR/files/metrics-server/deploy/1.8+/"
    timeout 60 "$KUBELAB" clock advance 60s --data "$DATA"
    "$KUBELAB" journal export "$BATS_TEST_TMPDIR/j" --data "$DATA"
    stop
    "$KUBELAB" journal export "$BATS_TEST_TMPDIR/stopped" --data "$DATA"
    for j in j stopped; do
        run -1 "$KUBELAB" grade lab8 --journal "$BATS_TEST_TMPDIR/$j" --format json --out "$BATS_TEST_TMPDIR/$j.json"
        valid "$BATS_TEST_TMPDIR/$j.json" json
        [ "$(jq -r '.submission.kind + " " + .status + ": " + .summary' "$BATS_TEST_TMPDIR/$j.json")" = "journal complete: 2 of 11 checks pass" ]
    done
    sed 's/metrics-server-amd64:v0.3.6/metrics-server-amd64:v0.3.7/' "$BATS_TEST_TMPDIR/j" >"$BATS_TEST_TMPDIR/tampered"
    ! cmp -s "$BATS_TEST_TMPDIR/j" "$BATS_TEST_TMPDIR/tampered"
    run -1 "$KUBELAB" grade lab8 --journal "$BATS_TEST_TMPDIR/tampered" --format json
    [ "$(jq -r .status <<<"$output")" = diverged ]
    [[ $(jq -r .message <<<"$output") == "the journal does not lead where it led:"* ]]
    head -c 2000 "$BATS_TEST_TMPDIR/j" >"$BATS_TEST_TMPDIR/cut"
    run -1 "$KUBELAB" grade lab8 --journal "$BATS_TEST_TMPDIR/cut" --format json
    [ "$(jq -r .status <<<"$output")" != complete ]
    run -2 "$KUBELAB" grade lab8 --journal "$BATS_TEST_TMPDIR/none"
}

@test "hidden checks: the student is told how many there are and nothing else, the instructor all" {
    mkdir "$BATS_TEST_TMPDIR/lab8"
    cp -r "$BATS_TEST_DIRNAME/../../labs/lab8/." "$BATS_TEST_TMPDIR/lab8"
    sed -i "s/^  - name: a Service leads to web1/&\n    hidden: true/" "$BATS_TEST_TMPDIR/lab8/lab.yaml"
    mkdir "$BATS_TEST_TMPDIR/empty"
    run -1 "$KUBELAB" grade "$BATS_TEST_TMPDIR/lab8" --submission "$BATS_TEST_TMPDIR/empty"
    [ "${lines[0]}" = "Lab 8: 0 of 10 visible checks pass; 1 hidden; 0 of 20 points" ]
    [[ $output != *"a Service leads to web1"* ]]
    run -1 "$KUBELAB" grade "$BATS_TEST_TMPDIR/lab8" --submission "$BATS_TEST_TMPDIR/empty" --hidden
    [ "${lines[0]}" = "Lab 8: 0 of 10 visible checks pass; 0 of 1 hidden ones; 0 of 21 points" ]
    [[ $output == *"a Service leads to web1 [hidden]"* ]]
    for f in json junit tap gradescope prairielearn autolab; do
        run -1 "$KUBELAB" grade "$BATS_TEST_TMPDIR/lab8" --submission "$BATS_TEST_TMPDIR/empty" --format $f --out "$BATS_TEST_TMPDIR/r.$f"
        valid "$BATS_TEST_TMPDIR/r.$f" $f
    done
    jq -e '[.tests[] | select(.visibility == "hidden")] | length == 1 and .[0].name == "a Service leads to web1"' "$BATS_TEST_TMPDIR/r.gradescope"
    jq -e '.output | startswith("Lab 8: 0 of 10 visible checks pass; 1 hidden")' "$BATS_TEST_TMPDIR/r.gradescope"
}

@test "as in a container: nobody, nothing to write but TMPDIR, no network, half a core: a report within ten seconds, also when everything fails" {
    [ "$(id -u)" = 0 ] || skip "it takes root to set this up"
    box=$(mktemp -d /tmp/kubelab-box-XXXXXX)
    cp "$KUBELAB" "$box/kubelab"
    cp -r "$GOOD" "$box/good"
    mkdir "$box/empty"
    chmod -R a+rX "$box"
    ways="$BATS_TEST_DIRNAME/confined as-in-a-container"
    TMPDIR=$box $ways true || { rm -r "$box"; skip "this machine cannot be so"; }
    run env TMPDIR="$box" $ways sh -c "touch /etc/x || touch /dev/shm/x || touch '$box/x'; id -u; cat /proc/net/route | wc -l"
    [[ $output == *"Read-only file system"*65534*1 ]]
    for s in good empty nothing; do
        began=$(date +%s%N)
        TMPDIR=$box $ways "$box/kubelab" grade lab8 --submission "$box/$s" --format json --out "$box/$s.json" || [ $? != 4 ]
        echo "$s: $((($(date +%s%N) - began) / 1000000)) ms"
        [ $((($(date +%s%N) - began) / 1000000)) -lt 10000 ]
        valid "$box/$s.json" json
    done
    [ "$(cat "$box"/{good,empty,nothing}.json | jq -r '"\(.status) \(.score)"' | tr '\n' ,)" = "complete 21,complete 0,broken 0," ]
    "$KUBELAB" grade lab8 --submission "$GOOD" --format json | cmp - "$box/good.json"
    [ -z "$(ls -d "$box"/kubelab-grade-* 2>/dev/null)" ]
    rm -r "$box"
}

@test "a wall-clock limit ends it with what was judged until then, and a report" {
    printf '#!/bin/bash\nwhile :; do :; done\n' >"$BATS_TEST_TMPDIR/endless"
    run -1 "$KUBELAB" grade lab8 --submission "$BATS_TEST_TMPDIR/endless" --timeout 4s --format json --out "$BATS_TEST_TMPDIR/r.json"
    [ "$(jq -r .status "$BATS_TEST_TMPDIR/r.json")" = timeout ]
    valid "$BATS_TEST_TMPDIR/r.json" json
}

@test "a script whose processes are stopped at random, on half a core, gets the same report to the byte (tests/soak/stopped has 200 rounds)" {
    [ -r /proc/self/wchan ] || skip "no /proc"
    MAX=60 JOBS=2 run "$BATS_TEST_DIRNAME/../soak/stopped" 2
    echo "$output"
    [ "$status" = 0 ]
}

@test "a course's own checks beside the lab's: hidden unless they say otherwise, of the transcript and the audit, too; what is wrong in the file is pointed at" {
    cd "$BATS_TEST_TMPDIR"
    cat >course.yaml <<'END'
steps:
- id: care
  title: With care
  checks:
  - name: no status was written by hand
    jq: '[.audit[] | select(.user == "kubernetes-admin" and .subresource == "status")] == []'
    points: 4
  - name: the nodes were looked at
    jq: 'any(.transcript[]; (.line | test("kubectl get nodes")) and (.output | test("ubuntu +Ready")) and .status == 3)'
    depends: no status was written by hand
    hidden: false
checks:
- {name: nobody wrote to default, jq: '[.audit[] | select(.user == "kubernetes-admin" and .namespace == "default" and .verb != "get")] == []'}
END
    printf 'kubectl get nodes\nkubectl create deploy web --image=nginx\nexit 3\n' >s.sh
    grade --submission s.sh --checks course.yaml --format json
    [ "$(jq -r .summary <<<"$output")" = "1 of 12 visible checks pass; 2 hidden" ]
    [ "$(passed true)" = "the nodes were looked at" ]
    grade --submission s.sh --checks course.yaml --format json --hidden
    jq -e '[.results[] | select(.hidden) | [.name, .step, .passed]] == [["no status was written by hand", "care", true], ["nobody wrote to default", "course", false]]' <<<"$output"
    printf 'kubectl get nodes\nkubectl create deploy web --image=nginx\nkubectl patch deploy web --subresource=status --type=merge -p "{\"status\":{\"replicas\":5}}"\n' >s.sh
    grade --submission s.sh --checks course.yaml --format prairielearn
    valid /dev/stdin prairielearn <<<"$output"
    jq -e '.score == 0 and .gradable and ([.tests[].name] | index("no status was written by hand") == null)' <<<"$output"
    printf 'checks:\n- name: x\n  jq: "true"\n  point: 1\n' >course.yaml
    grade --submission s.sh --checks course.yaml
    [ "$status" = 2 ]
    [[ $output == 'kubelab: course.yaml:4:3: a check has no "point"'* ]]
    printf 'checks:\n- {name: x, jq: "tru("}\n' >course.yaml
    grade --submission s.sh --checks course.yaml
    [ "$status" = 2 ]
    [[ $output == "kubelab: course.yaml:2:17: "*"syntax error"* ]]
}

@test "archives: what Gradescope, Moodle and GitHub make of a folder is judged as the folder is" {
    cd "$BATS_TEST_TMPDIR"
    mkdir up && cp -r "$GOOD" up/work-main
    grade --submission up/work-main --format json
    expected=$output
    tar -C up -cf work.tar work-main && tar -C up -czf work.tgz ./work-main && tar -C up/work-main -cf flat.tar.gz -z .
    tar -C up --format=pax --pax-option=comment=abc -cf pax.tar work-main
    (cd up && python3 -c 'import shutil; shutil.make_archive("../work", "zip", ".")')
    for f in work.tar work.tgz flat.tar.gz pax.tar work.zip; do
        grade --submission $f --format json
        [ "$output" = "$expected" ] || { echo "$f"; diff <(echo "$output") <(echo "$expected"); false; }
    done
    printf 'cat note.txt; kubectl get nodes -o name\n' >up/work-main/answer.sh && echo 'from an archive' >up/work-main/note.txt
    tar -C up -czf work.tgz work-main
    grade --submission work.tgz --script answer.sh --format json
    [ "$(jq -r .submission.output <<<"$output")" = "from an archive
node/ubuntu" ]
    printf 'student,submission\nada,work.tgz\nbob,work.zip\n' >class.csv
    grade --roster class.csv --out grades
    grep '^bob,complete,21' grades/grades.csv
}

@test "archives that mean ill: bombs stop while they unfold, nothing is written outside, links are told and not followed" {
    cd "$BATS_TEST_TMPDIR"
    python3 - <<'P'
import io, tarfile, zipfile
def tar(name, *members, mode="w"):
    with tarfile.open(name, mode) as t:
        for path, kind, data in members:
            i = tarfile.TarInfo(path)
            i.type, i.size, i.linkname = kind, len(data) if kind == tarfile.REGTYPE else 0, "" if kind == tarfile.REGTYPE else data.decode()
            t.addfile(i, io.BytesIO(data) if kind == tarfile.REGTYPE else None)
F, L, H = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
tar("up.tar", ("../escaped", F, b"x"))
tar("deep.tar", ("a/" * 40 + "x", F, b"x"))
tar("absolute.tar", ("/tmp/escaped", F, b"x"))
tar("twice.tar", ("a", F, b"x"), ("a", F, b"y"))
tar("through.tar", ("d", F, b"x"), ("d/x", F, b"y"))
tar("links.tar", ("d", L, b"/etc"), ("d/passwd", F, b"y"), ("h.yaml", H, b"/etc/passwd"), ("p.yaml", tarfile.FIFOTYPE, b""))
tar("many.tar", *((f"f{n}", F, b"") for n in range(1001)))
tar("bomb.tgz", ("x", F, bytes(200 << 20)), mode="w:gz")
with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as z:
    for n in range(40):
        z.writestr(f"x{n}", bytes(5 << 20))
with zipfile.ZipFile("up.zip", "w") as z:
    z.writestr("a/../../escaped", "x")
b = open("up.zip", "rb").read().replace(b"a/../../escaped", b"secret.yaml    ")
open("lies.zip", "wb").write(b[:45] + b"Y" + b[46:])
open("cut.zip", "wb").write(b[:-10])
P
    for row in "up.tar|leads out of it" "absolute.tar|an absolute path" "twice.tar|has \"a\" twice" "through.tar|as a file, and as a folder" "many.tar|more than 1000 files" \
        "deep.tar|more than 12 deep" "bomb.tgz|larger than 16 MB" "bomb.zip|larger than 16 MB" "up.zip|leads out of it" "lies.zip|damaged" "cut.zip|damaged"; do
        grade --submission "${row%%|*}" --format json
        echo "$row: $status $(jq -c '[.status, .message]' <<<"$output")"
        [ "$status" = 1 ]
        [ "$(jq -r .status <<<"$output")" = broken ]
        [[ $(jq -r .message <<<"$output") == *"${row#*|}"* ]]
    done
    [ ! -e escaped ] && [ ! -e ../escaped ] && [ ! -e /tmp/escaped ]
    grade --submission links.tar --format json
    [ "$(jq -r '.submission.problems[].source' <<<"$output" | sort | tr '\n' ' ')" = "d h.yaml p.yaml " ]
}

@test "results that lie among the submissions are no student's" {
    mkdir -p "$BATS_TEST_TMPDIR/class/alice" "$BATS_TEST_TMPDIR/class/results"
    run "$KUBELAB" grade lab8 --roster "$BATS_TEST_TMPDIR/class" --out "$BATS_TEST_TMPDIR/class/results"
    [ "$status" = 1 ]
    [ "${lines[0]}" = "1 student: 0 pass every check, 1 do not, 0 could not be graded to the end" ]
    run cut -d, -f1 "$BATS_TEST_TMPDIR/class/results/grades.csv"
    [ "$output" = $'student\nalice' ]
}
