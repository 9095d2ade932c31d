/* tests/unit/workloads/programs/sh_test.c - the shell against a world that answers at once: scripts to output, terminal input to
 * transcripts, interruption at any step. */
#include "workloads/programs/sh.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* ---- a world ---- */
struct world {
    struct sh   *sh;
    struct strbuf out;
    struct map  *files;                            /* path -> strbuf; folders are "path/" */
    int64_t      now_ns;
    uint64_t     cpu_ns;
    bool         hold;                             /* operations are kept until world_step */
    sh_token     held[64]; int kind[64]; size_t held_count;      /* kind: 0 cpu or sleep, 1 wget, 2 lookup */
    char         host[64][64];
    int          wgets, exited, cancelled;         /* exited: status + 1 */
};
static void w_write(void *ctx, int fd, struct str b)
{
    (void)fd;
    strbuf_add(&((struct world *)ctx)->out, b);
}

static void w_exited(void *ctx, int status)
{
    ((struct world *)ctx)->exited = status + 1;
}

static int64_t w_now(void *ctx)
{
    return ((struct world *)ctx)->now_ns;
}

static void hold(struct world *w, sh_token t, int kind, const char *host)
{
    assert_true(w->held_count < 64);
    snprintf(w->host[w->held_count], 64, "%s", host);
    w->kind[w->held_count] = kind;
    w->held[w->held_count++] = t;
}

static void answer(struct world *w, sh_token t, int kind, const char *host)
{
    if (kind == 0) {
        sh_complete(w->sh, t);
    } else if (kind == 2) {
        const char *ips[] = { "10.103.152.45" };
        bool no = strcmp(host, "nosuch") == 0;
        sh_lookup_done(w->sh, t,
                       &(struct sh_lookup){ .server = "10.96.0.10", .nxdomain = no, .name = host, .ips = ips, .ip_count = !no });
    } else {
        struct sh_wget_event ev = { .ip = "10.103.152.45", .port = 80, .stage = SH_WGET_FAILED, .failure = SH_NET_BAD_ADDRESS };
        w->wgets++;
        if (strcmp(host, "nosuch") == 0) {
            sh_wget_event(w->sh, t, &ev);
            return;
        }
        ev.failure = SH_NET_REFUSED;
        if (strcmp(host, "refused") == 0) {
            sh_wget_event(w->sh, t, &ev);
            return;
        }
        ev.stage = SH_WGET_CONNECTED;
        sh_wget_event(w->sh, t, &ev);
        ev.stage = SH_WGET_HEAD;
        ev.status = strcmp(host, "broken") == 0 ? 500 : 200;
        ev.reason = ev.status == 500 ? STR("Internal Server Error") : STR("OK");
        ev.headers = STR("Server: Apache\r\nContent-Length: 3\r\n");
        sh_wget_event(w->sh, t, &ev);
        ev.stage = SH_WGET_BODY;
        ev.bytes = STR("OK!");
        sh_wget_event(w->sh, t, &ev);
        ev.stage = SH_WGET_END;
        sh_wget_event(w->sh, t, &ev);
    }
}

static void w_cpu(void *ctx, sh_token t, uint64_t ns)
{
    struct world *w = ctx;
    w->cpu_ns += ns;
    w->now_ns += (int64_t)ns;
    w->hold ? hold(w, t, 0, "") : answer(w, t, 0, "");
}

static void w_sleep(void *ctx, sh_token t, uint64_t ns)
{
    struct world *w = ctx;
    w->now_ns += (int64_t)ns;
    w->hold ? hold(w, t, 0, "") : answer(w, t, 0, "");
}

static void w_wget(void *ctx, sh_token t, const struct sh_wget *req)
{
    struct world *w = ctx;
    w->now_ns += 81 * (int64_t)NS_PER_MS;
    w->hold ? hold(w, t, 1, req->host) : answer(w, t, 1, req->host);
}

static void w_lookup(void *ctx, sh_token t, const char *name, const char *server)
{
    (void)server;
    answer(ctx, t, 2, name);
}

static void w_cancel(void *ctx, sh_token t)
{
    struct world *w = ctx;
    w->cancelled++;
    for (size_t i = 0; i < w->held_count; i++)
        if (w->held[i] == t)
            w->held[i] = 0;
}

static int v_stat(void *ctx, const char *path, struct sh_stat *st)
{
    struct world *w = ctx;
    struct strbuf *f = map_getc(w->files, path);
    char dir[1100];
    snprintf(dir, sizeof dir, "%s/", path);
    bool is_dir = strcmp(path, "/") == 0 || map_getc(w->files, dir);
    if (!f && !is_dir)
        return ENOENT;
    *st = (struct sh_stat){ .kind = is_dir ? SH_FILE_DIR : SH_FILE_REGULAR, .size_bytes = f ? f->n : 0,
                            .mode = f && strstr(path, ".sh") ? 0755 : 0644 };
    return 0;
}

static int v_list(void *ctx, const char *path, void (*each)(void *, const char *), void *each_ctx)
{
    struct world *w = ctx;
    size_t at = 0, n = strcmp(path, "/") == 0 ? 0 : strlen(path);
    struct str key;
    void *value;
    while (map_next(w->files, &at, &key, &value)) {
        if (key.n <= n + 1 || strncmp(key.p, path, n) != 0 || key.p[n] != '/')
            continue;
        char name[256];
        snprintf(name, sizeof name, "%s", key.p + n + 1);
        char *slash = strchr(name, '/');
        if (slash && slash[1])
            continue;
        if (slash)
            *slash = '\0';
        each(each_ctx, name);
    }
    return 0;
}

static int v_read(void *ctx, const char *path, struct arena *a, struct str *out)
{
    struct strbuf *f = map_getc(((struct world *)ctx)->files, path);
    if (!f)
        return ENOENT;
    *out = arena_str(a, strbuf_str(f));
    return 0;
}

static void file_drop(void *f)
{
    if (f) {
        strbuf_deinit(f);
        free(f);
    }
}

static int v_write(void *ctx, const char *path, struct str b, bool append)
{
    struct world *w = ctx;
    struct strbuf *f = map_getc(w->files, path);
    if (strncmp(path, "/none/", 6) == 0)
        return ENOENT;
    if (!f) {
        f = NEW(struct strbuf);
        strbuf_init(f, 1 << 20);
        map_putc(w->files, path, f);
    } else if (!append) {
        strbuf_reset(f);
    }
    strbuf_add(f, b);
    return 0;
}

static int v_remove(void *ctx, const char *path)
{
    struct world *w = ctx;
    char dir[1100];
    snprintf(dir, sizeof dir, "%s/", path);
    file_drop(map_take(w->files, str_c(path)));
    file_drop(map_take(w->files, str_c(dir)));
    return 0;
}

static int v_mkdir(void *ctx, const char *path)
{
    char dir[1100];
    snprintf(dir, sizeof dir, "%s/", path);
    if (map_getc(((struct world *)ctx)->files, dir))
        return EEXIST;
    return v_write(ctx, dir, STR_NULL, false);
}

static const struct sh_ops OPS = {
    .write = w_write, .exited = w_exited, .now_ns = w_now, .cpu = w_cpu, .sleep = w_sleep, .wget = w_wget, .lookup = w_lookup,
        .cancel = w_cancel,
    .vfs = { v_stat, v_list, v_read, v_write, v_remove, v_mkdir },
};
static void world_open(struct world *w, const char *const *argv, size_t argc, bool tty)
{
    static const char *const ENV[] = { "KUBERNETES_SERVICE_HOST=10.96.0.1" };
    *w = (struct world){ .files = map_new(), .now_ns = 1579910573 * (int64_t)NS_PER_S };
    strbuf_init(&w->out, 1 << 20);
    v_mkdir(w, "/etc");
    v_mkdir(w, "/root");
    v_mkdir(w, "/tmp");
    v_write(w, "/etc/hosts", STR("127.0.0.1\tlocalhost\n10.32.0.9\tdriver\n"), false);
    v_write(w, "/etc/group", STR("root:x:0:\n"), false);
    w->sh = sh_new(&(struct sh_options){ .ops = &OPS, .ctx = w, .argv = argv, .argc = argc, .env = ENV, .env_count = 1,
                                         .hostname = "driver", .pid = 7, .tty = tty, .stdin_open = tty });
}

static void world_close(struct world *w)
{
    sh_free(w->sh);
    map_free(w->files, file_drop);
    strbuf_deinit(&w->out);
}

static void world_step(struct world *w)            /* answers the oldest held operation */
{
    if (!w->held_count)
        return;
    sh_token t = w->held[0];
    int kind = w->kind[0];
    char host[64];
    snprintf(host, sizeof host, "%s", w->host[0]);
    memmove(w->held, w->held + 1, --w->held_count * sizeof *w->held);
    memmove(w->kind, w->kind + 1, w->held_count * sizeof *w->kind);
    memmove(w->host, w->host + 1, w->held_count * sizeof *w->host);
    if (t)
        answer(w, t, kind, host);
}

/* ---- scripts ---- */
static const struct { const char *script, *want; int status; } SCRIPTS[] = {
    { "echo hello world", "hello world\n", 0 },
    { "echo -n a; echo -e 'b\\tc\\x41'; echo 'it''s' \"a $HOME b\" \\$x", "ab\tcA\nits a /root b $x\n", 0 },
    { "x=5; y=\"$x y\"; echo $x $y ${x}z ${#y} ${nope:-dflt} ${x:+set} ${nope:=as} $nope", "5 5 y 5z 3 dflt set as as\n", 0 },
    { "f=/a/b/c.tar.gz; echo ${f##*/} ${f%.*} ${f%%.*} ${f#*/} ${f/b/X} ${f:3:2}",
      "c.tar.gz /a/b/c.tar /a/b/c a/b/c.tar.gz /a/X/c.tar.gz b/\n", 0 },
    { "echo $((1 + 2 * 3)) $((7 / 2)) $((2 ** 8)) $((x = 4, x++ + 1)) $x $(( (1 < 2) && 0 )) $((-5 % 3)) $((0x10 | 1))",
      "7 3 256 5 5 0 -2 17\n", 0 },
    { "i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done", "0\n1\n2\n", 0 },
    { "for a in x 'y z' $(echo 1 2); do echo \"<$a>\"; done; for a; do echo $a; done", "<x>\n<y z>\n<1>\n<2>\n", 0 },
    { "if false; then echo a; elif [ -n \"x\" ] && [ 1 = 1 ]; then echo b; else echo c; fi", "b\n", 0 },
    { "case foo.txt in *.c) echo c;; *.txt|*.md) echo text;; *) echo other;; esac; case x in y) ;; esac; echo $?", "text\n0\n", 0 },
    { "f() { local v=$1; echo \"f $v $#\"; return 3; }; v=out; f a b; echo $? $v", "f a 2\n3 out\n", 0 },
    { "true && echo yes || echo no; false || echo no; ! true; echo $?", "yes\nno\n1\n", 0 },
    { "for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done; until false; do break; done", "1\n3\n", 0 },
    { "echo one two three | wc -w; seq 5 | grep -v 3 | tail -n 2; printf 'b\\na\\nb\\n' | sort | uniq -c",
      "3\n4\n5\n      1 a\n      2 b\n", 0 },
    { "yes | head -n 2; seq 1 100000 | head -3 | tr '\\n' ,", "y\ny\n1,2,3,", 0 },
    { "echo hi > /tmp/f; echo ho >> /tmp/f; cat /tmp/f; cat < /tmp/f | sed 's/h\\(.\\)/<\\1>/g;1d'; rm /tmp/f; cat /tmp/f",
      "hi\nho\n<o>\ncat: can't open '/tmp/f': No such file or directory\n", 1 },
    { "cat <<EOF\na $((1+1)) $(echo sub)\n\\$x\nEOF\ncat <<'E'\n$x\nE", "a 2 sub\n$x\n$x\n", 0 },
    { "nosuchcmd arg; echo $?", "sh: nosuchcmd: not found\n127\n", 0 },
    { "echo a 2>/dev/null 1>&2; nosuch 2>&1 >/dev/null | cat; ls /nope",
      "sh: nosuch: not found\nls: /nope: No such file or directory\n", 1 },
    { "(cd /etc; pwd; x=1); pwd; echo [$x]; { echo g; echo h; } | wc -l", "/etc\n/\n[]\n2\n", 0 },
    { "ls /; cd /etc && ls; echo /etc/h* *s; echo '/etc/*' \"/etc/*\" /nope*", "etc\nroot\ntmp\ngroup\nhosts\n/etc/hosts hosts\n/etc/* /etc/* /nope*\n", 0 },
    { "set -e; echo a; false; echo b", "a\n", 1 },
    { "set -e; if false; then :; fi; false || true; ! true; echo ok; (exit 4); echo no", "ok\n", 4 },
    { "set -x; a=1 echo x", "+ a=1 echo x\nx\n", 0 },
    { "exit 7", "", 7 },
    { "trap 'echo bye' EXIT; echo hi; exit 3", "hi\nbye\n", 3 },
    { "sleep 1 & wait; echo done $?; sleep 0.5; (exit 5) & wait $!; echo $?", "done 0\n5\n", 0 },
    { "eval 'x=3; echo $x'; set -- a 'b c' d; shift; echo $# \"$1\"; for i in \"$@\"; do echo \"[$i]\"; done; echo \"$*\"", "3\n2 b c\n[b c]\n[d]\nb c d\n", 0 },
    { "echo 'a:b c:d' | while IFS=: read x y z; do echo \"$x|$y|$z\"; done; read -r l < /etc/hosts; echo \"$l\"", "a|b c|d\n127.0.0.1\tlocalhost\n", 0 },
    { "echo $(echo a; echo b) \"$(printf 'x\\n\\n')\" `echo q` $(echo $(echo nested))", "a b x q nested\n", 0 },
    { "x=$(false); echo $?; y=$(exit 3) ; echo $?", "1\n3\n", 0 },
    { "printf '%s-%03d|%5s|%-4s|%x|%c\\n' a 7 b c 255 zed; printf '%s\\n' 1 2", "a-007|    b|c   |ff|z\n1\n2\n", 0 },
    { "date; date +%Y-%m-%dT%H:%M:%S; date +%s", "Sat Jan 25 00:02:53 UTC 2020\n2020-01-25T00:02:53\n1579910573\n", 0 },
    { "hostname; whoami; id; uname -n; echo $KUBERNETES_SERVICE_HOST; env | grep KUBE", "driver\nroot\nuid=0(root) gid=0(root) groups=10(wheel)\ndriver\n10.96.0.1\nKUBERNETES_SERVICE_HOST=10.96.0.1\n", 0 },
    { "wget -q -O- http://web1/; wget -qO- http://web1", "OK!OK!", 0 },
    { "wget -q http://nosuch; echo $?; wget -q -O - http://refused:81/x; wget -O- http://broken/", "wget: bad address 'nosuch'\n1\nwget: can't connect to remote host (10.103.152.45): Connection refused\nConnecting to broken (10.103.152.45:80)\nwget: server returned error: HTTP/1.1 500 Internal Server Error\n", 1 },
    { "wget http://web1/ ; cat index.html; wget http://web1/",
      "Connecting to web1 (10.103.152.45:80)\nsaving to 'index.html'\n\rindex.html           100% |********************************|     3  0:00:00 ETA\n'index.html' saved\nOK!"
      "Connecting to web1 (10.103.152.45:80)\nwget: can't open 'index.html': File exists\n", 1 },
    { "nslookup nosuch >/dev/null; echo $?; nslookup web1.default.svc.cluster.local | grep Addr", "1\nAddress:\t10.96.0.10:53\nAddress: 10.103.152.45\n", 0 },
    { "for i in 1 2 3; do wget -q -O- http://web1; done | wc -c", "9\n", 0 },
    { "echo 'echo in script $1' > /tmp/s.sh; sh /tmp/s.sh arg; /tmp/s.sh b; sh -c 'echo $0 $1' n m; . /tmp/s.sh", "in script arg\nin script b\nn m\nin script\n", 0 },
    { "echo a b c | cut -d' ' -f2; echo abc | tr a-c A-C; echo abc | sed -n 's/b/[&]/p'; echo x | sed y/a/b/", "b\nABC\na[b]c\nsed: command 'y' is not in kubelab's busybox\n", 1 },
    { "test 1 -eq 1 -a ! -f /nope; echo $?; [ -d /etc ] && [ -f /etc/hosts ] && echo ok; [ a", "0\nok\nsh: missing ]\n", 2 },
    { "if true; then echo x", "sh: syntax error: unexpected end of file (expecting \"fi\")\n", 2 },
    { "echo a; fi", "sh: syntax error: unexpected \"fi\"\n", 2 },
    { "echo $((1/0)); echo no", "sh: divide by zero\n", 1 },
    { "type echo wget nope; command -v ls; which sleep", "echo is a shell builtin\nwget is /bin/wget\nsh: type: nope: not found\n/bin/ls\n/bin/sleep\n", 0 },
    { "time sleep 1.5", "real\t0m 1.50s\nuser\t0m 0.00s\nsys\t0m 0.00s\n", 0 },
    { "f() { f; }; f", "Segmentation fault\n", 139 },
    { "kill -0 $$; kill 999; trap 'echo got' USR1; kill -USR1 $$; echo after", "sh: can't kill pid 999: No such process\ngot\nafter\n", 0 },
    { "exec echo replaced; echo never", "replaced\n", 0 },
    { "exec > /tmp/log; echo hidden; exec >&2; cat /tmp/log", "hidden\n", 0 },
    { "mkdir -p /a/b; echo one > /a/f; echo two > /a/b/g; cd /tmp; tar cf - -C / a | tar -xmf - -C /tmp; cat a/f a/b/g; tar cf t.tar a/b a/f; tar tf t.tar; rm -r a; "
      "tar -xvf t.tar a/f; cat a/b/g", "one\ntwo\na/b/\na/b/g\na/f\na/f\ncat: can't open 'a/b/g': No such file or directory\n", 1 },
    { "tar czf /tmp/z /etc/hosts; tar tzf /tmp/z; tar xf /tmp/z; echo $?; cd /tmp; tar xzOf z | wc -l; tar cf - /etc/hosts | tail -c+1 | tar t",
      "tar: removing leading '/' from member names\netc/hosts\ntar: short read\n1\n2\ntar: removing leading '/' from member names\netc/hosts\n", 0 },
    { "tar cf - /nope | wc -c; tar xf - -C /nope; tar xf - < /dev/null; echo abc | tar x; tar cf /tmp/t /etc/hosts x; echo $?; tar tf /tmp/t y; tar cx; tar --what",
      "tar: /nope: No such file or directory\ntar: error exit delayed from previous errors\n1024\ntar: can't change directory to '/nope': No such file or directory\n"
      "tar: short read\ntar: short read\ntar: removing leading '/' from member names\ntar: x: No such file or directory\ntar: error exit delayed from previous errors\n1\n"
      "tar: y: not found in archive\nUsage: tar c|x|t [-zvOmpk] [-f TARFILE] [-C DIR] [FILE]...\ntar: unrecognized option '--what'\n\n"
      "Usage: tar c|x|t [-zvOmpk] [-f TARFILE] [-C DIR] [FILE]...\n", 1 },
    { "d=/tmp/0123456789012345678901234567890123456789; mkdir -p $d/$d/$d; echo deep > $d/$d/$d/file; cd /tmp; tar c ${d#/tmp/} > t; rm -r $d; tar x < t; cat $d/$d/$d/file", "deep\n", 0 },
    { "vi x; sleep abc", "vi: this applet is not in kubelab's busybox\nsleep: invalid number 'abc'\n", 1 },
    { "seq 3 | while read n; do [ $n = 2 ] && break; echo $n; done; echo a | { read v; echo got $v; }", "1\ngot a\n", 0 },
    { "echo a >/tmp/x >/tmp/y; ls -l /tmp | wc -l; > /none/x; echo $?", "3\nsh: can't create /none/x: nonexistent directory\n1\n", 0 },
};
static void scripts_by_table(void **state)
{
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SCRIPTS); i++) {
        struct world w;
        const char *argv[] = { "sh", "-c", SCRIPTS[i].script };
        world_open(&w, argv, 3, false);
        sh_start(w.sh);
        bool same = str_eqc(strbuf_str(&w.out), SCRIPTS[i].want) && w.exited == SCRIPTS[i].status + 1;
        if (!same)
            print_error("%s\n  gives %d [" STR_FMT "]\n  wants %d [%s]\n", SCRIPTS[i].script, w.exited - 1, STR_ARG(strbuf_str(&w.out)), SCRIPTS[i].status, SCRIPTS[i].want);
        wrong += !same;
        world_close(&w);
    }
    assert_int_equal(wrong, 0);
}

/* ---- a terminal ---- */
static const struct { const char *input, *want; int status; } TERMINAL[] = {
    { "\r", "/ # \r\n/ # ", -1 },
    { "echo hi\r", "/ # echo hi\r\nhi\r\n/ # ", -1 },
    { "ecx\bho a\x7f" "b\r", "/ # ecx\b \bho a\b \bb\r\nb\r\n/ # ", -1 },
    { "junk\x15" "cd /etc\rpwd\r", "/ # junk\b \b\b \b\b \b\b \bcd /etc\r\n/etc # pwd\r\n/etc\r\n/etc # ", -1 },
    { "cd\r", "/ # cd\r\n~ # ", -1 },
    { "for i in 1 2\rdo echo $i\rdone\r", "/ # for i in 1 2\r\n> do echo $i\r\n> done\r\n1\r\n2\r\n/ # ", -1 },
    { "part\x03" "echo ok\r", "/ # part^C\r\n/ # echo ok\r\nok\r\n/ # ", -1 },
    { "exit 3\r", "/ # exit 3\r\n", 3 },
    { "false\r\x04", "/ # false\r\n/ # \r\n", 1 },
    { "cat\rabc\r\x04" "echo $?\r", "/ # cat\r\nabc\r\nabc\r\n/ # echo $?\r\n0\r\n/ # ", -1 },
    { "echo one\r\x1b[A\r", "/ # echo one\r\none\r\n/ # echo one\r\none\r\n/ # ", -1 },
    { "nope\r)\recho $?\r", "/ # nope\r\nsh: nope: not found\r\n/ # )\r\nsh: syntax error: unexpected \")\"\r\n/ # echo "
                            "$?\r\n2\r\n/ # ", -1 },
    { "sleep 9 &\rwait\rtrue\r", "/ # sleep 9 &\r\n/ # wait\r\n/ # true\r\n/ # ", -1 },
    { "read x\rval\recho $x\r", "/ # read x\r\nval\r\n/ # echo $x\r\nval\r\n/ # ", -1 },
};
static void terminal_by_table(void **state)
{
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(TERMINAL); i++) {
        struct world w;
        const char *argv[] = { "sh" };
        world_open(&w, argv, 1, true);
        sh_start(w.sh);
        sh_input(w.sh, str_c(TERMINAL[i].input));
        bool same = str_eqc(strbuf_str(&w.out), TERMINAL[i].want) && w.exited == TERMINAL[i].status + 1;
        if (!same)
            print_error("%s\n  gives %d [" STR_FMT "]\n  wants %d [%s]\n", TERMINAL[i].input, w.exited - 1,
                        STR_ARG(strbuf_str(&w.out)), TERMINAL[i].status, TERMINAL[i].want);
        wrong += !same;
        world_close(&w);
    }
    assert_int_equal(wrong, 0);
}

static void the_labs_loop(void **state)
{
    struct world w;
    const char *argv[] = { "sh" };
    (void)state;
    world_open(&w, argv, 1, true);
    sh_start(w.sh);
    w.hold = true;
    int64_t start = w.now_ns;
    uint64_t cpu = w.cpu_ns;
    sh_input(w.sh, STR("while true; do wget -q -O- http://web1.default.svc.cluster.local; done\n"));
    while (w.wgets < 1000)
        world_step(&w);
    double milli = (double)(w.cpu_ns - cpu) / (double)(w.now_ns - start) * 1000;
    print_message("%.1f millicores\n", milli);
    assert_true(milli > 5 && milli < 15);
    assert_non_null(strstr(w.out.p, "done\r\nOK!OK!OK!"));
    strbuf_reset(&w.out);
    sh_input(w.sh, STR("\x03"));
    assert_string_equal(w.out.p, "^C\r\n/ # ");
    assert_true(w.cancelled > 0);
    sh_input(w.sh, STR("exit\n"));
    assert_int_equal(w.exited, 131);
    world_close(&w);
}

/* Freed, interrupted or killed at each of its first steps, nothing leaks and nothing is called afterwards. */
static void stopped_at_any_step(void **state)
{
    static const char SCRIPT[] = "f() { x=$(wget -q -O- http://web1 | cat); echo $x; }; while true; do f & sleep 1; f | (read a; "
                                 "echo $a); wait; done";
    (void)state;
    for (int steps = 0; steps < 40; steps++) {
        for (int how = 0; how < 4; how++) {
            struct world w;
            const char *argv[] = { "sh", "-c", SCRIPT };
            world_open(&w, argv, 3, false);
            w.hold = true;
            sh_start(w.sh);
            for (int i = 0; i < steps; i++)
                world_step(&w);
            if (how == 1)
                sh_signal(w.sh, SH_SIGTERM);
            if (how == 2)
                sh_signal(w.sh, SH_SIGINT);
            if (how == 3)
                sh_signal(w.sh, SH_SIGKILL);
            if (how)
                assert_int_equal(w.exited, 129 + (how == 1 ? 15 : how == 2 ? 2 : 9));
            world_step(&w);
            world_close(&w);
        }
    }
}

static void busy_loops_pay(void **state)
{
    struct world w;
    const char *argv[] = { "sh", "-c", "while :; do :; done" };
    (void)state;
    world_open(&w, argv, 3, false);
    w.hold = true;
    sh_start(w.sh);
    for (int i = 0; i < 100; i++)
        world_step(&w);
    assert_true(w.cpu_ns > 100 * NS_PER_MS && w.exited == 0);
    world_close(&w);
}

static void programs_of_their_own(void **state)
{
    struct world w;
    const char *argv[] = { "wget", "-q", "-O-", "http://web1" };
    (void)state;
    assert_true(sh_knows("sh") && sh_knows("/bin/sh") && sh_knows("wget") && !sh_knows("cd") && !sh_knows("bash"));
    world_open(&w, argv, 4, false);
    sh_start(w.sh);
    assert_string_equal(w.out.p, "OK!");
    assert_int_equal(w.exited, 1);
    world_close(&w);
    const char *pid1[] = { "sh" };
    world_open(&w, pid1, 1, true);
    sh_start(w.sh);
    sh_signal(w.sh, SH_SIGTERM);                   /* an interactive shell ignores it */
    assert_int_equal(w.exited, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripts_by_table), cmocka_unit_test(terminal_by_table), cmocka_unit_test(the_labs_loop),
            cmocka_unit_test(stopped_at_any_step),
        cmocka_unit_test(busy_loops_pay), cmocka_unit_test(programs_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
