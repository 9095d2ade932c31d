# Making a lab: new, test, pack, variants; a lab from a folder and from a pack is like one of the binary, and a pack that was changed is refused.
load helpers

setup_file() {
    export HOME=$BATS_FILE_TMPDIR TMPDIR=$BATS_FILE_TMPDIR LAB=$BATS_FILE_TMPDIR/hello KEY=$BATS_FILE_TMPDIR/key
    "$KUBELAB" lab new hello "$LAB"
    echo 0123456789abcdef-course > "$KEY"
}
teardown() {
    [ ! -e "$BATS_TEST_TMPDIR/d" ] || "$KUBELAB" down --data "$BATS_TEST_TMPDIR/d" || true
}
start_lab() {
    "$KUBELAB" lab start "$@" --data "$BATS_TEST_TMPDIR/d" --port 0 --kubelet-port 0 --clock paused
}

@test "a new lab holds what it promises; a folder that is there, and odd names, are refused" {
    run "$KUBELAB" lab test "$LAB" --seeds 2
    echo "$output"
    [ "$status" = 0 ]
    [ "$(grep -c "^ok *2 of 2 seeds" <<<"$output")" = 3 ]
    run "$KUBELAB" lab new hello "$LAB"
    [ "$status" = 2 ]
    run "$KUBELAB" lab new Odd_
    [ "$status" = 2 ]
    run "$KUBELAB" lab new lab8 "$BATS_TEST_TMPDIR/x"
    [ "$status" = 2 ]
    [ ! -e "$BATS_TEST_TMPDIR/x" ]
}

@test "lab test says what does not hold, with the seed" {
    cp -r "$LAB" "$BATS_TEST_TMPDIR/hello"
    sed -i 's/replicas: ${replicas}/replicas: 1/' "$BATS_TEST_TMPDIR/hello/solution.yaml"
    sed -i 's/fails: \["the Deployment wants.*/fails: [all of them are ready]/' "$BATS_TEST_TMPDIR/hello/lab.yaml"
    run "$KUBELAB" lab test "$BATS_TEST_TMPDIR/hello" --seeds 1
    echo "$output"
    [ "$status" = 1 ]
    [[ $output == *'the reference solution, seed 1: did not pass: "the Deployment wants'* ]]
    [[ $output == *'wrong: one pod too few, seed 1: did not pass: "the Deployment wants'* ]]
    [[ $output == *"it does not hold what it promises"* ]]
    run "$KUBELAB" lab test "$BATS_TEST_TMPDIR/hello" --seeds 1 -o json
    [ "$(jq -r '[.ok, (.failures | length)] | @text' <<<"$output")" = '[false,2]' ]
}

@test "what is wrong in a lab's files is told once, with its place, before anything starts: jq, a name under fails, a key twice" {
    local lab=$BATS_TEST_TMPDIR/wrong
    broken() {                             # broken SED WHAT: lab test and lab pack both say so
        rm -rf "$lab"; cp -r "$LAB" "$lab"
        sed -i "$1" "$lab/lab.yaml"
        run "$KUBELAB" lab test "$lab"
        echo "$output"
        [ "$status" = 2 ]
        [ "$output" = "kubelab: $lab/lab.yaml:$2" ]
    }
    broken 's/== \$params.replicas)$/== $params.replicas/' "20:9: syntax error, unexpected \$end, expecting ';' or ')' at <top-level>, line 1"
    run "$KUBELAB" lab pack "$lab" --out "$BATS_TEST_TMPDIR/wrong.lab"
    [ "$status" = 2 ]
    [ ! -e "$BATS_TEST_TMPDIR/wrong.lab" ]
    broken 's/\$params.replicas - 1/[range(infinite)]/' "13:3: wrong cannot be derived: it did not end within 2 s of CPU"
    broken 's/fails: \["all of.*/fails: [nothing]/' '40:11: no check is called "nothing"'
    broken 's/^label: .*/&\nlabel: again/' '4:1: "label" stands in line 3 already'
}

@test "a variant: the same for the same student, remembered by the cluster, another for others" {
    a=$("$KUBELAB" lab guide "$LAB" --student alice --key "$KEY" --data "$BATS_TEST_TMPDIR/none")
    [ "$a" = "$("$KUBELAB" lab guide "$LAB" --student alice --key "$KEY" --data "$BATS_TEST_TMPDIR/none")" ]
    for s in bob carol dave eve; do "$KUBELAB" lab guide "$LAB" --student $s --key "$KEY" --data "$BATS_TEST_TMPDIR/none"; done | grep "^A Deployment" | sort -u > "$BATS_TEST_TMPDIR/others"
    [ "$(wc -l < "$BATS_TEST_TMPDIR/others")" -gt 1 ]
    start_lab "$LAB" --student alice --key "$KEY"
    export KUBELAB_DATA=$BATS_TEST_TMPDIR/d
    [ "$a" = "$("$KUBELAB" lab guide hello)" ]
    n=$(jq .params.replicas "$BATS_TEST_TMPDIR/d/cluster.json")
    run "$KUBELAB" lab check hello
    [ "$status" = 1 ]
    [[ $output == *"Bring web to $n pods"* ]]
    KUBECONFIG=$BATS_TEST_TMPDIR/d/admin.conf k scale deploy web --replicas "$n"
    "$KUBELAB" clock advance 30s
    run "$KUBELAB" lab check "$LAB"
    echo "$output"
    [ "$status" = 0 ]
    [[ ${lines[-1]} == "The ReplicaSet made $n pods"* ]]
}

@test "who is not said is asked for; keys and values that are wrong are named" {
    run "$KUBELAB" lab guide "$LAB" --data "$BATS_TEST_TMPDIR/none"
    [ "$status" = 2 ]
    [[ $output == *"say whose it is: --student ID --key FILE, or --seed N"* ]]
    run "$KUBELAB" lab guide "$LAB" --student alice
    [ "$status" = 2 ]
    echo short > "$BATS_TEST_TMPDIR/key"
    run "$KUBELAB" lab guide "$LAB" --student alice --key "$BATS_TEST_TMPDIR/key"
    [[ $output == *"fewer than 16 bytes"* ]]
    run "$KUBELAB" scenario run "$LAB/solution.yaml" --set replicas=9
    [ "$status" = 2 ]
    [[ $output == *"replicas is a number from 2 to 5, not 9"* ]]
    run "$KUBELAB" scenario run "$LAB/solution.yaml" --set colour=red
    [[ $output == *'no parameter is called "colour"'* ]]
    sed 's/${replicas}/${replica}/' "$LAB/solution.yaml" > "$LAB/odd.yaml"
    run "$KUBELAB" scenario run "$LAB/odd.yaml"
    [ "$status" = 2 ]
    [[ $output == *'odd.yaml:5:86: no parameter is called "replica"'* ]]
}

@test "a pack: the same bytes each time, without the solution, opened by start and guide" {
    "$KUBELAB" lab pack "$LAB" --out "$BATS_TEST_TMPDIR/a.lab"
    "$KUBELAB" lab pack "$LAB" --out "$BATS_TEST_TMPDIR/b.lab"
    cmp "$BATS_TEST_TMPDIR/a.lab" "$BATS_TEST_TMPDIR/b.lab"
    [ "$(tar tzf "$BATS_TEST_TMPDIR/a.lab" | grep -c -e solution -e wrong -e grade)" = 0 ]
    start_lab "$BATS_TEST_TMPDIR/a.lab" --seed 3
    run "$KUBELAB" lab check hello --data "$BATS_TEST_TMPDIR/d"
    [ "$status" = 1 ]
    "$KUBELAB" lab pack "$LAB" --out "$BATS_TEST_TMPDIR/all.lab" --all
    run "$KUBELAB" lab test "$BATS_TEST_TMPDIR/all.lab" --seeds 1
    echo "$output"
    [ "$status" = 0 ]
}

@test "a hostile pack is refused: links, ways out, bombs, changed and cut ones" {
    cd "$BATS_TEST_TMPDIR"
    python3 - "$LAB" <<'P'
import gzip, hashlib, io, json, sys, tarfile
def pack(name, entries, files=None):
    files = files if files is not None else [(n, b) for n, b, t in entries]
    rows = [{"path": n, "bytes": len(b), "sha256": hashlib.sha256(b).hexdigest()} for n, b in files]
    m = (json.dumps({"format": "kubelab.dev/lab/v1", "lab": "hello", "files": rows}, indent=2) + "\n").encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as t:
        for n, b, kind in [("kubelab-lab.json", m, tarfile.REGTYPE)] + entries:
            i = tarfile.TarInfo(n); i.size = len(b) if kind == tarfile.REGTYPE else 0; i.type = kind; i.linkname = "/etc/passwd" if kind != tarfile.REGTYPE else ""
            t.addfile(i, io.BytesIO(b))
    raw = out.getvalue().rstrip(b"\0"); raw += b"\0" * (-len(raw) % 512 + 1024)
    open(name, "wb").write(gzip.compress(raw, mtime=0))
R, lab = tarfile.REGTYPE, open(sys.argv[1] + "/lab.yaml", "rb").read()
pack("out.lab", [("../evil", b"x", R)])
pack("abs.lab", [("/tmp/evil", b"x", R)])
pack("link.lab", [("lab.yaml", b"", tarfile.SYMTYPE)])
pack("hard.lab", [("lab.yaml", b"", tarfile.LNKTYPE)])
pack("twice.lab", [("lab.yaml", lab, R), ("lab.yaml", lab, R)])
pack("other.lab", [("lab.yaml", lab, R)], [("lab.yaml", lab + b"#")])
pack("more.lab", [("lab.yaml", lab, R), ("more.yaml", b"x", R)], [("lab.yaml", lab)])
open("bomb.lab", "wb").write(gzip.compress(b"\0" * (1 << 30), 9))
open("junk.lab", "wb").write(b"\x1f\x8b" + bytes(range(256)))
P
    for f in out abs link hard twice other more bomb junk; do
        run "$KUBELAB" lab guide "./$f.lab" --seed 1
        echo "$f: $output"
        [ "$status" = 2 ]
        [[ $output == *"is no pack of a lab, or was changed: "* ]]
    done
    [ ! -e "$BATS_TEST_TMPDIR/../evil" ] && [ ! -e /tmp/evil ]
}

@test "a grid and seeds: every combination on its own cluster, a table, and a slide; the same bytes each time" {
    cat > "$BATS_TEST_TMPDIR/g.yaml" <<'Y'
name: how many
kubernetesVersion: v1.20
grid: {replicas: [1, 2], image: [nginx, "registry.example/none:1"]}
seeds: 1..2
steps:
- apply: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: ${replicas}
      selector: {matchLabels: {app: web}}
      template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "${image}"}]}}
- expect: {jq: 'any(.objects["deployments.apps"][]; .metadata.name == "web" and .status.readyReplicas == $params.replicas)', within: 1m}
Y
    run "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/g.yaml" --out "$BATS_TEST_TMPDIR/a"
    echo "$output"
    [ "$status" = 1 ]
    [ "$(wc -l < "$BATS_TEST_TMPDIR/a/summary.csv")" = 9 ]
    [ "$(jq '[.runs[] | select(.verdict == "passed")] | length' "$BATS_TEST_TMPDIR/a/summary.json")" = 4 ]
    [ "$(jq '[.runs[] | select(.verdict == "failed" and .image != "nginx")] | length' "$BATS_TEST_TMPDIR/a/summary.json")" = 4 ]
    "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/g.yaml" --out "$BATS_TEST_TMPDIR/b" -o json > "$BATS_TEST_TMPDIR/stdout" || true
    diff -r "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
    cmp "$BATS_TEST_TMPDIR/stdout" "$BATS_TEST_TMPDIR/b/summary.json"
    python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$BATS_TEST_TMPDIR/a/compare.svg"
    [ "$(grep -c '>replicas=[12],image=[^<]*, 2 seeds<' "$BATS_TEST_TMPDIR/a/compare.svg")" = 4 ]
    run "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/g.yaml" --set replicas=2 --set image=nginx --seed 4
    sed -i 's/^seeds.*/seeds: 5..1/' "$BATS_TEST_TMPDIR/g.yaml"
    run "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/g.yaml"
    [ "$status" = 2 ]
    [[ $output == *"g.yaml:4:8: seeds is 1..10, a list of seeds, or how many there are"* ]]
}

@test "runs of a grid that begin with copies of one cluster are as if each had booted its own" {
    cat > "$BATS_TEST_TMPDIR/g.yaml" <<'Y'
name: how many
lab: lab8
grid: {replicas: [1, 2]}
steps:
- apply: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: ${replicas}
      selector: {matchLabels: {app: web}}
      template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: nginx}]}}
- clock: 1m
- expect: {jq: '[.objects.pods[] | select(.metadata.labels.app == "web") | .metadata | [.name, .uid, .resourceVersion]] | tojson | error'}
Y
    run -1 "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/g.yaml" --out "$BATS_TEST_TMPDIR/grid"
    sed 's/^grid.*/parameters: {replicas: {value: 2}}/' "$BATS_TEST_TMPDIR/g.yaml" >"$BATS_TEST_TMPDIR/one.yaml"
    run -1 "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/one.yaml" --out "$BATS_TEST_TMPDIR/one"
    jq -e '.steps | last | .message | test("web-.*web-")' "$BATS_TEST_TMPDIR/one/timeline.json"
    cmp "$BATS_TEST_TMPDIR/grid/replicas=2/timeline.json" "$BATS_TEST_TMPDIR/one/timeline.json"
}

@test "within, always, until: what held and when, a load and a fault, cleared again" {
    cat > "$BATS_TEST_TMPDIR/s.yaml" <<'Y'
name: conditions
steps:
- expect: {jq: '.clock.seconds > 1579906830', within: 2m}
- expect: {always: '.clock.seconds < 1579906900', for: 10s}
- expect: {always: '.clock.seconds < 1579906860', for: 5m, every: 10s}
- clock: {until: '.clock.seconds >= 1579907000', timeout: 10m}
- expect: {jq: 'false', within: 20s}
- fault: {inject: dns-slow, name: tight, duration: 5m}
- expect: 'any(.objects["faults.lab.kubelab.dev"][]; .metadata.name == "tight" and .spec.type == "dns-slow" and .spec.duration == "5m0s")'
- fault: {clear: tight}
- load: {service: kubernetes, port: 443, requestsPerSecond: 2}
- load: {clear: kubernetes}
- expect: '(.objects["faults.lab.kubelab.dev"] + .objects["loadprofiles.lab.kubelab.dev"]) == []'
Y
    run "$KUBELAB" scenario run "$BATS_TEST_TMPDIR/s.yaml"
    echo "$output"
    [ "$status" = 1 ]
    [[ $output == *"expect: it held for 10s"* ]]
    [[ $output == *"FAILED  expect ("*"s.yaml:5): after "*" it did not hold: .clock.seconds < 1579906860"* ]]
    [[ $output == *"FAILED  expect ("*"): within 20s it never held: false"* ]]
    [ "${lines[-1]}" = "conditions: failed; 9 of 11 steps as expected" ]
}

@test "every lab of the binary holds what it promises (tests/soak/labs has a hundred seeds)" {
    run tests/soak/labs 2
    echo "$output"
    [ "$status" = 0 ]
    [[ ${lines[-1]} == *" passed, 0 failed" ]]
}

@test "the instructor's page: every command of it, in its order" {
    sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$BATS_TEST_DIRNAME/../../labs/instructors.md" >"$BATS_TEST_TMPDIR/page"
    cd "$BATS_TEST_TMPDIR"
    HOME=$BATS_TEST_TMPDIR PATH=$(dirname "$KUBELAB"):$PATH run bash -eux page
    echo "$output"
    for d in trying alice; do "$KUBELAB" down --data "$d" 2>/dev/null; done || true
    [ "$status" = 0 ]
    [ -s crowd/timeline.svg ] && [ -s grades/grades.csv ] && [ -s results.json ] && [ -s report.xml ]
}

@test "a data folder keeps its seed and its student: another is refused, not forgotten" {
    export KUBELAB_DATA=$BATS_TEST_TMPDIR/d
    head -c 32 /dev/zero >"$BATS_TEST_TMPDIR/key"
    cd "$BATS_TEST_TMPDIR"
    "$KUBELAB" lab new hello
    "$KUBELAB" lab start ./hello --student ann --key key
    "$KUBELAB" down
    run "$KUBELAB" lab start ./hello --student bob --key key
    [ "$status" = 2 ]
    [[ $output == *"a cluster of another seed, or of another student"* ]]
    "$KUBELAB" lab start ./hello --student ann --key key
    "$KUBELAB" down
    run "$KUBELAB" up --detach --port 0 --kubelet-port 0 --seed 5
    [ "$status" = 2 ]
}

@test "a lab may begin with any faults of the catalogue; a parameter that is none is told with its place" {
    cp -r "$LAB" "$BATS_TEST_TMPDIR/hello"
    cd "$BATS_TEST_TMPDIR"
    sed -i '/^start:/a faults:\n- api-slow\n- {inject: pull-failure, name: no-nginx, parameters: {image: "nginx*", how: denied}}' hello/lab.yaml
    start_lab ./hello --seed 3
    "$KUBELAB" clock until --data d '[.objects["faults.lab.kubelab.dev"][] | .metadata.name + .status.phase] == ["api-slowActive", "no-nginxActive"]
        and any(.objects.pods[].status.containerStatuses[]?; .state.waiting.reason // "" | IN("ErrImagePull", "ImagePullBackOff"))'
    line=$(grep -n "how: denied" hello/lab.yaml | cut -d: -f1)
    sed -i 's/how: denied/how: no/' hello/lab.yaml
    run "$KUBELAB" lab test ./hello
    echo "$output"
    [ "$status" = 2 ]
    [[ $output == *"hello/lab.yaml:$line:77: the parameter how must be one of denied,not-found,timeout" ]]
}

@test "what a lab names has to be there, and is told with its place; a derived value that is nothing is an error" {
    cd "$BATS_TEST_TMPDIR"
    tried() {                                      # tried SED SAYS
        rm -rf h && cp -r "$LAB" h && sed -i "$1" h/lab.yaml
        run "$KUBELAB" lab test ./h --seeds 1
        [[ $output == *"$2"* ]] || { echo "$1: $output"; return 1; }
    }
    tried 's/^guide:.*/guide: nope.md/' 'h/lab.yaml:6:8: the lab has no file nope.md'
    tried 's/^solution:.*/solution: nope.yaml/' 'h/lab.yaml:8:11: the lab has no file nope.yaml'
    tried 's/^given:.*/given: [nowhere]/' 'h/lab.yaml:10:9: the lab has no files/nowhere, or nothing is in it'
    tried 's/wrong-image.yaml/wrong-imag.yaml/' 'h/lab.yaml:39:13: the lab has no file wrong-imag.yaml'
    tried 's/^name:.*/name: Hello World/' "h/lab.yaml:2:7: a lab's name is of small letters"
    tried 's/params.replicas - 1/params.replica/' 'h/lab.yaml:13:3: wrong cannot be derived: its expression gives null'
}
