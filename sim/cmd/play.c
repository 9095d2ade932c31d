/* sim/cmd/play.c - `kubelab lab play NAME`: perform a lab with real clients, in virtual time, on a fresh cluster of its own.
 *
 * The script (labs/NAME/play.txt) is data: its first lines explain the notation. A command that has not ended after a moment gets
 * virtual time, second by second, until it ends. What it prints is shown as it was printed. The status is 0 when every wait was
 * met and every command but the expected failures of the lab ended.
 */
#include "labs/labs.h"
#include "sim/cmd/cmd.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 150, COMMAND_VIRTUAL_S = 180, TERMINALS = 4 };

struct terminal { char name[32]; int fd; pid_t pid; struct strbuf text; };
struct player {
    struct options  *o;
    struct arena    *a;
    const struct lab *lab;
    struct terminal  terminals[TERMINALS];
    size_t           terminal_count;
    char            *last;             /* the last command, which "?" repeats */
    struct strbuf    output;           /* and what it printed */
    unsigned         commands, waits, failures;
    int64_t          virtual_s;
};

static void advance(struct player *p, int64_t seconds)
{
    struct err err = { 0 };
    struct control_reply reply;
    struct arena *a = arena_new();
    if (!control_call(a, p->o, "POST", "/clock/advance", arena_strf(a, "%" PRId64 "s", seconds), NULL, NULL, &reply, &err)) {
        fprintf(stderr, "kubelab: %s\n", err.msg);
        exit(EXIT_UNREACHABLE);
    }
    p->virtual_s += seconds;
    arena_free(a);
}

/* Read what is there, at most for ms; 0 at the end of file, else 1. */
static int drain(int fd, struct strbuf *out, int ms)
{
    struct pollfd pf = { .fd = fd, .events = POLLIN };
    while (poll(&pf, 1, ms) > 0) {
        char chunk[8192];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n <= 0 && errno != EINTR)
            return 0;
        if (n > 0)
            strbuf_add(out, (struct str){ chunk, (size_t)n });
        ms = 20;
    }
    return 1;
}

static void run_quietly(struct player *p)
{
    int fds[2];
    if (pipe(fds) != 0)
        return;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        dup2(fds[1], 1);
        dup2(fds[1], 2);
        close(fds[0]);
        close(fds[1]);
        if (!freopen("/dev/null", "r", stdin))
            _exit(126);
        execlp("bash", "bash", "-c", p->last, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    strbuf_reset(&p->output);
    int given = 0;
    while (drain(fds[0], &p->output, PATIENCE_MS) && given < COMMAND_VIRTUAL_S) {
        advance(p, 1);
        given++;
    }
    if (given >= COMMAND_VIRTUAL_S) {
        printf("[not ended after %d virtual seconds]\n", given);
        kill(-pid, SIGKILL);
        p->failures++;
    }
    close(fds[0]);
    waitpid(pid, NULL, 0);
}

static bool matches(const char *pattern, struct str text)
{
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
        return false;
    struct arena *a = arena_new();
    bool found = regexec(&re, arena_cstr(a, text), 0, NULL, 0) == 0;
    regfree(&re);
    arena_free(a);
    return found;
}

static void show_output(struct player *p)
{
    fwrite(p->output.p ? p->output.p : "", 1, p->output.n, stdout);
    if (p->output.n && p->output.p[p->output.n - 1] != '\n')
        putchar('\n');
    fflush(stdout);
}

static void do_command(struct player *p, struct str rest)
{
    p->last = arena_cstr(p->a, rest);
    p->commands++;
    printf("user@ubuntu:~$ %s\n", p->last);
    fflush(stdout);
    run_quietly(p);
}

static void do_repeat(struct player *p, struct str rest)
{
    struct str seconds, pattern;
    int64_t limit = 0, waited = 0;
    str_cut(rest, ' ', &seconds, &pattern);
    str_int(seconds, &limit);
    const char *want = arena_cstr(p->a, pattern);
    for (; !matches(want, strbuf_str(&p->output)) && waited < limit; waited += 5) {
        advance(p, 5);
        run_quietly(p);
    }
    p->waits++;
    if (!matches(want, strbuf_str(&p->output))) {
        printf("[wanted within %" PRId64 " virtual seconds: %s]\n", limit, want);
        p->failures++;
    }
}

static struct terminal *terminal_find(struct player *p, struct str name)
{
    for (size_t i = 0; i < p->terminal_count; i++)
        if (str_eqc(name, p->terminals[i].name))
            return &p->terminals[i];
    return NULL;
}

static void do_open(struct player *p, struct str rest)
{
    struct str name, command;
    str_cut(rest, ' ', &name, &command);
    ASSERT(p->terminal_count < TERMINALS);
    struct terminal *t = &p->terminals[p->terminal_count++];
    snprintf(t->name, sizeof t->name, STR_FMT, STR_ARG(name));
    strbuf_init(&t->text, LIMIT_RESPONSE_BYTES);
    printf("user@ubuntu:~$ " STR_FMT "    (in a terminal of its own)\n", STR_ARG(command));
    fflush(NULL);
    const char *line = arena_cstr(p->a, command);
    struct winsize ws = { .ws_row = 24, .ws_col = 80 };
    t->pid = forkpty(&t->fd, NULL, NULL, &ws);
    if (t->pid == 0) {
        execlp("bash", "bash", "-c", line, (char *)NULL);
        _exit(127);
    }
    if (t->pid < 0) {
        printf("[no terminal: %s]\n", strerror(errno));
        p->failures++;
        p->terminal_count--;
        strbuf_deinit(&t->text);
    }
}

static void do_type(struct player *p, struct str rest)
{
    struct str name, text;
    str_cut(rest, ' ', &name, &text);
    struct terminal *t = terminal_find(p, name);
    if (!t)
        return;                                    /* it could not be opened, which has been said and counted */
    strbuf_reset(&t->text);                        /* what is waited for comes after this */
    struct str bytes = str_eqc(text, "^C") ? STR("\x03") : arena_strf(p->a, STR_FMT "\r", STR_ARG(text));
    if (write(t->fd, bytes.p, bytes.n) < 0)
        p->failures++;
}

static void do_expect(struct player *p, struct str rest)
{
    struct str name, seconds, pattern;
    int64_t limit = 0;
    str_cut(rest, ' ', &name, &rest);
    str_cut(rest, ' ', &seconds, &pattern);
    str_int(seconds, &limit);
    struct terminal *t = terminal_find(p, name);
    if (!t)
        return;
    const char *want = arena_cstr(p->a, pattern);
    drain(t->fd, &t->text, PATIENCE_MS);
    for (int64_t waited = 0; !matches(want, strbuf_str(&t->text)) && waited < limit; waited++) {
        advance(p, 1);
        drain(t->fd, &t->text, PATIENCE_MS);
    }
    p->waits++;
    struct str shown = str_sub(strbuf_str(&t->text), 0, 300);
    printf("%s| " STR_FMT "%s\n", t->name, STR_ARG(shown), t->text.n > 300 ? " ..." : "");
    if (!matches(want, strbuf_str(&t->text))) {
        printf("[wanted on %s within %" PRId64 " virtual seconds: %s]\n", t->name, limit, want);
        p->failures++;
    }
}

static void do_pass(struct player *p, struct str rest)
{
    int64_t ns = 0;
    duration_parse_go(rest, &ns);
    printf("    ... " STR_FMT " pass ...\n", STR_ARG(rest));
    advance(p, ns / (int64_t)NS_PER_S);
}

static void do_say(struct player *p, struct str rest)
{
    (void)p;
    printf("\n== " STR_FMT "\n\n", STR_ARG(rest));
}

static const struct { char mark; void (*run)(struct player *p, struct str rest); } steps[] = {
    { '=', do_say }, { '$', do_command }, { '~', do_pass }, { '?', do_repeat }, { '>', do_open }, { '<', do_type }, { '!', do_expect },
};

static void perform(struct player *p)
{
    struct str script = lab_file(p->lab->name, p->lab->play);
    bool pending = false;                          /* output of a command whose "?" may follow */
    while (script.p && script.n) {
        struct str line = str_token(&script, '\n');
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (pending && line.p[0] != '?')
            show_output(p);
        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
            if (steps[i].mark == line.p[0])
                steps[i].run(p, str_sub(line, 2, line.n));
        pending = line.p[0] == '$' || line.p[0] == '?';
    }
    if (pending)
        show_output(p);
}

/* A scratch home and a cluster of its own: nothing of the student's is touched. */
static bool prepare(struct player *p, const char *home)
{
    struct arena *a = p->a;
    const char *data = arena_printf(a, "%s/data", home);
    setenv("KUBELAB_DATA", data, 1);
    setenv("HOME", home, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("NO_PROXY", "127.0.0.1,localhost", 1);
    struct options up = { .detach = true, .port = -1, .kubelet_port = -1, .lab = p->lab->name, .clock = "paused" };
    if (cmd_up(&up) != EXIT_DONE)
        return false;
    setenv("KUBECONFIG", arena_printf(a, "%s/admin.conf", data), 1);
    setenv("PATH", arena_printf(a, "%s/bin:%s", data, getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin"), 1);
    struct control_reply reply;
    struct err err = { 0 };
    if (!lab_files_write(p->lab, home, true, &err) || chdir(home) != 0 ||
        !control_call(a, p->o, "GET", "/status", STR_NULL, NULL, NULL, &reply, &err))
        return false;
    setenv("SERVER", arena_cstr(a, json_get_str(json_parse(a, reply.body, NULL), "server")), 1);
    return shell_make_bin(a, arena_printf(a, "%s/bin", data), &err);
}

int lab_play(struct options *o, const char *name)
{
    struct player p = { .o = o, .a = arena_new(), .lab = lab_find(name) };
    if (!p.lab->play) {
        fprintf(stderr, "kubelab: the lab \"%s\" has no performance\n", name);
        return EXIT_USAGE;
    }
    strbuf_init(&p.output, LIMIT_RESPONSE_BYTES);
    struct err err = { 0 };
    signal(SIGPIPE, SIG_IGN);
    if (!terminals_begin()) {
        fprintf(stderr, "kubelab: no terminal can be made here, and the lab needs one: is /dev/pts mounted? (mount -t devpts "
                        "devpts /dev/pts)\n");
        return EXIT_INTERNAL;
    }
    const char *home = scratch_make(p.a, "play", &err);
    if (!home || !prepare(&p, home)) {
        fprintf(stderr, "kubelab: the performance could not begin\n");
        return EXIT_INTERNAL;
    }
    perform(&p);
    printf("\n%s was played with %u commands in %" PRId64 " virtual minutes: %u waits met, %u not.\n", p.lab->label, p.commands,
           p.virtual_s / 60, p.waits - p.failures, p.failures);
    fflush(stdout);
    struct options down = { 0 };
    cmd_down(&down);
    for (size_t i = 0; i < p.terminal_count; i++) {
        kill(p.terminals[i].pid, SIGKILL);
        waitpid(p.terminals[i].pid, NULL, 0);
        close(p.terminals[i].fd);
        strbuf_deinit(&p.terminals[i].text);
    }
    scratch_remove(home);
    terminals_end();
    strbuf_deinit(&p.output);
    arena_free(p.a);
    return p.failures ? EXIT_FAILED : EXIT_DONE;
}
