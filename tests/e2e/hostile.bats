# Scripts that mean ill, in tests/e2e/hostile: each ends, in bounded time, with clear words; nothing of it is left; it has read and changed nothing that is not its own.
# The first lines of each say what is expected: how it ends ("any": it may hit its own grader), a piece of what is printed or said, and limits.
load helpers

setup_file() {
    export SCRIPTS=$BATS_TEST_DIRNAME/hostile WORK=$BATS_FILE_TMPDIR/w
    mkdir -p "$WORK/tmp"
    install -m 755 "$KUBELAB" "$WORK/kubelab"            # where other users reach it, too
    install -m 755 "$BATS_TEST_DIRNAME/confined" "$WORK/confined"
    export KUBELAB=$WORK/kubelab
    chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$(dirname "$BATS_RUN_TMPDIR")" 2>/dev/null || true
    export TMPDIR=$WORK/tmp PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin       # a python in somebody's home is not the script's to read
    python3 - "$WORK/port" "$WORK/heard" <<'P' >/dev/null 2>&1 3>&- &
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1], "w").write(str(s.getsockname()[1]))
while True:
    c, _ = s.accept()
    open(sys.argv[2], "a").write("somebody\n")
    c.close()
P
    echo $! > "$WORK/listener"
    until [ -s "$WORK/port" ]; do sleep 0.05; done
}
teardown_file() {
    kill "$(cat "$WORK/listener")" || true
}
setup() {
    rm -f "$WORK/heard"
    way=() left_alone=1 data=
}
teardown() {
    [ -z "$data" ] || "${way[@]}" "$KUBELAB" down --data "$data" 2>/dev/null || true
}

# A place for one way of running: a cluster, and what a grader keeps beside it. The words of the way come before each command.
place() {                                      # place NAME [COMMAND...]
    data=$WORK/$1/data secrets=$WORK/$1/secrets name=$1
    shift
    way=("$@")
    mkdir -p "$WORK/$name"
    [ ${#way[@]} = 0 ] || [ "${way[0]}" != setpriv ] || chown 61999:61999 "$WORK/$name"
    "${way[@]}" mkdir -p -m 700 "$secrets" "$WORK/$name/tmp"
    "${way[@]}" sh -c 'echo "the HIDDEN checks" > "$0/secret"' "$secrets"
    export TMPDIR=$WORK/$name/tmp
    before=$(stat -c '%n %a %s' "$secrets" "$secrets"/*)
    cluster
}
cluster() {
    "${way[@]}" "$KUBELAB" up --detach --data "$data" --port 0 --kubelet-port 0 --seed 8 --clock paused
}
marked() { sed -n "s/^# $1: *//p" "$2" | head -n 1; }

hostile() {                                    # hostile SCRIPT: one of them
    local script=$SCRIPTS/$1 copy=$WORK/$name/$1 expect end words limits began=$SECONDS status=0
    expect=$(marked expect "$script") limits=$(marked limits "$script")
    end=${expect%% *} words=${expect#*|}
    words=${words# }
    [[ $1 == *.py ]] || printf 'SECRETS=%q CLUSTER=%q LISTENER=%q\n' "$secrets" "$data" "$(cat "$WORK/port")" > "$copy"
    cat "$script" >> "$copy"
    HIDDEN=HIDDEN "${way[@]}" "$KUBELAB" sandbox --data "$data" -o json --limits "time=10m,wall=60s,cpu=30s${limits:+,$limits}" "$copy" > "$WORK/result" 2> "$WORK/said" || status=$?
    echo "== $name: $1: status $status, $((SECONDS - began)) s"
    cat "$WORK/said"
    jq -c '{status, endedBy, why, level, output: .output[:2000]}' "$WORK/result" || [ "$end" = any ]
    [ $((SECONDS - began)) -lt 100 ]
    [ "$end" = any ] || [ "$(jq -r 'if .endedBy == "" then "ended" else .endedBy end' "$WORK/result")" = "$end" ]
    [ "$end" = any ] || [ -z "$words" ] || jq -r '.output, .why' "$WORK/result" | grep -qF -- "$words"
    run grep -lsazF "HOME=$TMPDIR/kubelab-run-" /proc/[0-9]*/environ
    [ -z "$output" ]
    if [ "$end" = any ] && [ -z "$left_alone" ]; then      # it may have killed its own grader, which then cleans up nothing
        "${way[@]}" rm -rf "$TMPDIR"/kubelab-*
    fi
    [ -z "$(ls "$TMPDIR")" ]
    "${way[@]}" "$KUBELAB" status --data "$data" > /dev/null || { [ "$end" = any ] && [ -z "$left_alone" ]; cluster; }
    if [ -n "$left_alone" ]; then
        run jq -r .output "$WORK/result"
        [[ $output != *HIDDEN* && $output != *wrote* && $output != *linked* && $output != *allowed* && $output != *sent* && $output != *traced* && $output != *did* ]]
        [[ $output != *connected* && $output != *elsewhere* && $output != *"answer HTTP/1.1 200"* && $output != *root:* ]]
        [ "$(stat -c '%n %a %s' "$secrets" "$secrets"/*)" = "$before" ]
        [ ! -e "$WORK/heard" ]
        [ ! -e /var/tmp/kubelab-hostile ] && [ ! -e /dev/shm/kubelab-hostile ]
    fi
}
every() {                                      # every PATTERN...
    local s p
    for p in "$@"; do
        for s in "$SCRIPTS"/$p; do hostile "$(basename "$s")"; done
    done
}
level() { "${way[@]}" "$KUBELAB" sandbox --data "$data" -o json | jq -r .level; }


# The cluster's node is the student's, so the last two may well have ruined it.
budgets=(fork-bomb.sh threads.sh 'endless-*' many-short-processes.sh 'memory*' fill-disk.sh big-file.sh many-files.sh ignore-term.sh sleep-for-ever.sh watch-for-ever.sh)
reaching=(daemon.sh read-secrets.sh write-outside.sh connect.sh listen.sh trace.sh close-streams.sh escapes.sh links.sh control.sh two-interpreters.py 'kill-*' delete-home.sh chmod-all.sh)

@test "as root: budgets" {
    [ "$(id -u)" = 0 ] || skip "not root"
    place root
    [ "$(level)" = isolated ] || skip "this machine does not confine so far"
    every "${budgets[@]}"
}

@test "as root: reaching out" {
    [ "$(id -u)" = 0 ] || skip "not root"
    place root2
    [ "$(level)" = isolated ] || skip "this machine does not confine so far"
    every "${reaching[@]}"
}

user() { [ "$(id -u)" != 0 ] || echo setpriv --reuid 61999 --regid 61999 --clear-groups --inh-caps=-all --bounding-set=-all; }
confined=$WORK/confined

@test "as an ordinary user: budgets" {
    place user $(user)
    [ "$(level)" = isolated ] || skip "this machine does not confine so far"
    every "${budgets[@]}"
}

@test "as an ordinary user: reaching out" {
    place user2 $(user)
    [ "$(level)" = isolated ] || skip "this machine does not confine so far"
    every "${reaching[@]}"
}

@test "without namespaces: everything ends all the same, and reaches nothing" {
    place no-namespaces $(user) "$confined" without-unshare
    [ "$(level)" = isolated ] || skip "this machine does not confine so far"
    every fork-bomb.sh daemon.sh memory.sh many-files.sh 'kill-*' read-secrets.sh write-outside.sh connect.sh trace.sh control.sh sleep-for-ever.sh delete-home.sh
}

@test "without Landlock: budgets are kept, and what is required is refused before anything runs" {
    place no-landlock $(user) "$confined" without-landlock
    left_alone=
    [ "$(level)" = limits ]
    every fork-bomb.sh daemon.sh endless-loop.sh connect.sh trace.sh control.sh sleep-for-ever.sh 'kill-*'
    refused confined landlock
}

@test "without filters of system calls" {
    place no-seccomp $(user) "$confined" without-seccomp
    left_alone=
    [ "$(level)" = limits ]
    every daemon.sh read-secrets.sh write-outside.sh sleep-for-ever.sh
    refused confined seccomp
}

@test "with nothing but limits" {
    place nothing $(user) "$confined" without-unshare "$confined" without-landlock "$confined" without-seccomp
    left_alone=
    [ "$(level)" = limits ]
    every fork-bomb.sh daemon.sh endless-output.sh memory.sh fill-disk.sh sleep-for-ever.sh 'kill-*'
    refused isolated namespaces
}

@test "as a root that has lost its capabilities" {
    [ "$(id -u)" = 0 ] || skip "not root"
    place no-capabilities "$confined" without-capabilities
    [ "$(level)" = none ]                      # since its processes are not counted; all else is kept
    every daemon.sh read-secrets.sh write-outside.sh trace.sh control.sh sleep-for-ever.sh 'kill-*'
}

# What Docker leaves to a container's root, and no namespaces.
in_a_container=(setpriv --bounding-set "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap"
    "$WORK/confined" without-unshare)

@test "as a container's root, whose cluster is another user's" {
    [ "$(id -u)" = 0 ] || skip "not root"
    name=container way=(setpriv --reuid 61998 --regid 61998 --clear-groups) data=$WORK/container/data secrets=$WORK/container/secrets
    mkdir -p "$WORK/container/data" "$WORK/container/tmp" "$secrets"
    chown 61998:61998 "$data"
    chmod 700 "$secrets" "$data"
    echo "the HIDDEN checks" > "$secrets/secret"
    export TMPDIR=$WORK/container/tmp
    before=$(stat -c '%n %a %s' "$secrets" "$secrets"/*)
    cluster
    way=("${in_a_container[@]}")
    [ "$(level)" = isolated ] || skip "this machine does not confine so far"
    every fork-bomb.sh daemon.sh memory.sh read-secrets.sh write-outside.sh connect.sh trace.sh control.sh sleep-for-ever.sh 'kill-*' chmod-all.sh
}

@test "as a container's root, whose cluster is its own: what cannot be counted is said" {
    [ "$(id -u)" = 0 ] || skip "not root"
    place container2 "${in_a_container[@]}"
    [ "$(level)" = none ]
    every daemon.sh read-secrets.sh sleep-for-ever.sh
    refused limits "limits: the kernel does not count root's processes"
}

refused() {                                    # refused LEVEL MEASURE: a clear word, and nothing has run
    echo 'echo ran > "$HOME/../../ran"; echo ran' > "$WORK/$name/r.sh"
    run "${way[@]}" "$KUBELAB" sandbox --data "$data" --require-sandbox "$1" "$WORK/$name/r.sh"
    echo "$output"
    [ "$status" = 1 ]
    [[ $output == *"\"$1\" is required: nothing was run"*"$2"* ]]
    [[ $output != ran* ]] && [ ! -e "$TMPDIR/ran" ]
}
