/* sim/cmd/host_sudo.c - sudo on the lab's host: nobody becomes root, but the node's files come within reach.
 *
 * Real sudo, in the lab, is what opens /etc/kubernetes and /var/lib/kubelet to the student. Here it maps the paths among the
 * command's words (host_args.c), runs the command, and writes the node's own names back into what it complains about. `sudo -i`
 * and `sudo -s` are a root shell whose common commands do the same.
 */
#include "sim/cmd/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <poll.h>
#include <unistd.h>

#define SUDO_USAGE "usage: sudo -h | -K | -k | -V\nusage: sudo -v [-AknS] [-g group] [-h host] [-p prompt] [-u user]\n" \
    "usage: sudo -l [-AknS] [-g group] [-h host] [-p prompt] [-U user] [-u user] [command]\n" \
    "usage: sudo [-AbEHknPS] [-r role] [-t type] [-C num] [-g group] [-h host] [-p prompt] [-T timeout] [-u user] " \
    "[VAR=value] [-i|-s] [<command>]\n"

/* ---- options ---- */
static bool is_assignment(const char *word)
{
    size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && word[n] == '=' && !(word[0] >= '0' && word[0] <= '9');
}

static bool short_flags(struct sudo_flags *f, const char *word, int argc, char **argv, int *i)
{
    for (const char *c = word + 1; *c; c++) {
        if (strchr("ugpCDhrtTU", *c)) {            /* these take a value: what is left of the word, or the next one */
            if (*c == 'h' && !c[1] && *i + 1 >= argc) {
                f->help = true;
                return true;
            }
            const char *value = c[1] ? c + 1 : *i + 1 < argc ? argv[++*i] : NULL;
            if (*c == 'u')
                f->user = value;
            return value != NULL;
        }
        f->login |= *c == 'i';
        f->shell |= *c == 's';
        f->version |= *c == 'V';
        f->list |= *c == 'l';
        f->quiet |= *c == 'v' || *c == 'k' || *c == 'K';
        if (!strchr("isVlvkKnEHSAbPB", *c))
            return false;
    }
    return true;
}

static bool long_flag(struct sudo_flags *f, const char *word, int argc, int *i)
{
    static const char *const ignored[] = { "--non-interactive", "--preserve-env", "--set-home", "--stdin", "--askpass",
                                           "--background" };
    static const char *const valued[] = { "--user", "--group", "--prompt", "--host" };
    if (strcmp(word, "--login") == 0 || strcmp(word, "--shell") == 0)
        return *(strcmp(word, "--login") == 0 ? &f->login : &f->shell) = true;
    if (strcmp(word, "--help") == 0 || strcmp(word, "--version") == 0)
        return *(strcmp(word, "--help") == 0 ? &f->help : &f->version) = true;
    for (size_t k = 0; k < ARRAY_LEN(ignored); k++)
        if (strncmp(word, ignored[k], strlen(ignored[k])) == 0)
            return true;
    for (size_t k = 0; k < ARRAY_LEN(valued); k++) {
        size_t n = strlen(valued[k]);
        if (strncmp(word, valued[k], n) == 0 && (word[n] == '=' || word[n] == 0)) {
            *i += word[n] == 0 && *i + 1 < argc;
            return true;
        }
    }
    return false;
}

bool sudo_parse(struct sudo_flags *f, int argc, char **argv, char **bad)
{
    memset(f, 0, sizeof *f);
    int i = 1;
    for (; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (argv[i][0] != '-' || !argv[i][1])
            break;
        *bad = argv[i];
        if (!(argv[i][1] == '-' ? long_flag(f, argv[i], argc, &i) : short_flags(f, argv[i], argc, argv, &i)))
            return false;
    }
    f->env = argv + i;
    while (i < argc && is_assignment(argv[i])) {
        f->env_count++;
        i++;
    }
    f->first = i;
    return true;
}

/* ---- running ---- */
struct filter { int in, out; };

/* Whole lines when there are some: a path is not torn apart by a pipe's pieces, unless a line is longer than a piece. */
static bool filter_once(struct filter *f, const struct host_map *m, struct strbuf *held)
{
    char chunk[16384];
    ssize_t n = read(f->in, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR)
        return true;
    if (n > 0)
        strbuf_add(held, (struct str){ chunk, (size_t)n });
    size_t end = held->n;
    while (n > 0 && end && held->p[end - 1] != '\n')
        end--;
    if (n > 0 && end == 0 && held->n < 65536)
        return true;
    end = end ? end : held->n;
    struct arena *a = arena_new();
    struct str text = host_unmap(a, m, str_sub(strbuf_str(held), 0, end));
    while (text.n) {
        ssize_t w = write(f->out, text.p, text.n);
        if (w < 0 && errno != EINTR)
            break;
        text = str_sub(text, w > 0 ? (size_t)w : 0, text.n);
    }
    strbuf_consume(held, end);
    arena_free(a);
    return n > 0;
}

static void filter_all(struct filter f[2], const struct host_map *m)
{
    struct strbuf held[2];
    struct pollfd pf[2];
    for (int i = 0; i < 2; i++) {
        strbuf_init(&held[i], LIMIT_RESPONSE_BYTES);
        pf[i] = (struct pollfd){ .fd = f[i].in, .events = POLLIN };
    }
    while (pf[0].fd >= 0 || pf[1].fd >= 0) {
        if (poll(pf, 2, -1) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2; i++)
            if (pf[i].fd >= 0 && pf[i].revents && !filter_once(&f[i], m, &held[i])) {
                close(pf[i].fd);
                pf[i].fd = -1;
            }
    }
    for (int i = 0; i < 2; i++)
        strbuf_deinit(&held[i]);
}

static _Noreturn void run_child(char **argv, int err_fd, int out_fd)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    if (err_fd >= 0)
        dup2(err_fd, 2);
    if (out_fd >= 0)
        dup2(out_fd, 1);
    execvp(argv[0], argv);
    if (errno == ENOENT || !strchr(argv[0], '/'))  /* EACCES may come from a folder of PATH that is not the user's */
        fprintf(stderr, "sudo: %s: command not found\n", argv[0]);
    else
        fprintf(stderr, "sudo: unable to execute %s: %s\n", argv[0], strerror(errno));
    _exit(1);
}

static int run(const struct host_map *m, struct host_argv args)
{
    bool plain = host_wants_terminal(args) || m->root.n == 0;
    bool out_too = host_prints_paths(args.v[0]) && !isatty(1);
    int err_pipe[2] = { -1, -1 }, out_pipe[2] = { -1, -1 };
    if (plain || pipe2(err_pipe, O_CLOEXEC) != 0 || (out_too && pipe2(out_pipe, O_CLOEXEC) != 0))
        run_child(args.v, -1, -1);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run_child(args.v, err_pipe[1], out_pipe[1]);
    if (pid < 0) {
        fprintf(stderr, "sudo: unable to fork: %s\n", strerror(errno));
        return 1;
    }
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    close(err_pipe[1]);
    if (out_pipe[1] >= 0)
        close(out_pipe[1]);
    filter_all((struct filter[2]){ { err_pipe[0], 2 }, { out_pipe[0], 1 } }, m);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A root shell: the commands that one uses on files go through sudo again. What the shell itself opens (redirections) it opens as
 * it is. */
static const char root_rc[] =
    "PS1=\"root@${KUBELAB_NODE:-ubuntu}:\\w# \"\n"
    "for _c in cat ls cp mv rm ln head tail grep egrep less more nano vi vim sed awk find diff mkdir rmdir touch chmod chown tee "
    "stat wc file du openssl md5sum sha256sum; do\n"
    "  eval \"$_c() { command sudo $_c \\\"\\$@\\\"; }\"\ndone\nunset _c\n";

static int root_shell(struct arena *a)
{
    const char *rc = arena_printf(a, "%s/bin/rootrc", getenv("KUBELAB_DATA"));
    struct err err = { 0 };
    if (!file_write(rc, str_c(root_rc), 0600, &err))
        return control_fail(&err);
    execlp("bash", "bash", "--rcfile", rc, (char *)NULL);
    fprintf(stderr, "sudo: bash: command not found\n");
    return 1;
}

static void environment(struct arena *a, const struct sudo_flags *f)
{
    setenv("KUBELAB_ROOT", "1", 1);
    setenv("SUDO_USER", getenv("USER") ? getenv("USER") : "user", 1);
    setenv("SUDO_UID", arena_printf(a, "%d", (int)getuid()), 1);
    setenv("SUDO_GID", arena_printf(a, "%d", (int)getgid()), 1);
    for (int i = 0; i < f->env_count; i++) {
        char *word = arena_strdup(a, f->env[i]), *equals = strchr(word, '=');
        *equals = 0;
        setenv(word, equals + 1, 1);
    }
}

int host_sudo(struct arena *a, int argc, char **argv)
{
    struct sudo_flags f;
    struct host_map m = { 0 };
    char *bad = NULL;
    if (!sudo_parse(&f, argc, argv, &bad)) {
        fprintf(stderr, "sudo: invalid option -- '%s'\n" SUDO_USAGE, bad + strspn(bad, "-"));
        return 1;
    }
    if (f.version)
        return printf("Sudo version 1.8.16\n"), 0;
    if (f.list && f.first >= argc)
        return printf("User user may run the following commands on %s:\n    (ALL : ALL) ALL\n", host_place().name), 0;
    if (f.quiet && f.first >= argc)
        return 0;
    if (f.help || (f.first >= argc && !f.login && !f.shell)) {
        fprintf(f.help ? stdout : stderr, SUDO_USAGE);
        return f.help ? 0 : 1;
    }
    host_map_here(a, &m);
    environment(a, &f);
    if (f.first >= argc)
        return root_shell(a);
    setenv("SUDO_COMMAND", argv[f.first], 1);
    return run(&m, host_map_argv(a, &m, argc - f.first, argv + f.first));
}
