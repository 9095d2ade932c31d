/* sim/cmd/host_service.c - systemctl and journalctl: the words are parsed here, the answers are the cluster's, which runs the
 * services.
 *
 * On a terminal both page, as systemd's own do: $SYSTEMD_PAGER, $PAGER, else less.
 */
#include "sim/cmd/host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the pager ---- */
struct pager { FILE *out; pid_t pid; };

static struct pager pager_open(bool wanted)
{
    struct pager p = { stdout, 0 };
    int fds[2];
    const char *program = getenv("SYSTEMD_PAGER") ? getenv("SYSTEMD_PAGER") : getenv("PAGER") ? getenv("PAGER") : "less";
    if (!wanted || !isatty(1) || !*program || strcmp(program, "cat") == 0 || pipe(fds) != 0)
        return p;
    p.pid = fork();
    if (p.pid == 0) {
        dup2(fds[0], 0);
        close(fds[0]);
        close(fds[1]);
        setenv("LESS", getenv("SYSTEMD_LESS") ? getenv("SYSTEMD_LESS") : "FRSXMK", 1);
        execl("/bin/sh", "sh", "-c", program, (char *)NULL);
        _exit(127);
    }
    close(fds[0]);
    if (p.pid > 0) {
        signal(SIGPIPE, SIG_IGN);                  /* q before the end */
        signal(SIGINT, SIG_IGN);
        p.out = fdopen(fds[1], "w");
    }
    return p;
}

static void pager_close(struct pager *p)
{
    fflush(p->out);
    if (!p->pid)
        return;
    fclose(p->out);
    waitpid(p->pid, NULL, 0);
}

static int terminal_width(void)
{
    struct winsize ws;
    const char *columns = getenv("COLUMNS");
    int64_t n = 0;
    if (columns && str_int(str_c(columns), &n) && n > 0 && n < 10000)
        return (int)n;
    return isatty(1) && ioctl(1, TIOCGWINSZ, &ws) == 0 && ws.ws_col ? ws.ws_col : 0;
}

/* ---- systemctl ---- */
struct service_flags { const char *verb, *units[32]; int unit_count; const char *lines; bool no_pager, full, quiet, now, bad; };

static const char *const verbs[] = { "start", "stop", "restart", "try-restart", "reload", "reload-or-restart", "status", "cat",
                                     "enable", "disable", "is-active", "is-enabled", "is-failed", "show",
                                     "daemon-reload", "reset-failed", "mask", "unmask", "list-units", "list-unit-files", "kill",
                                     "edit" };
static const char *const changing[] = { "start", "stop", "restart", "try-restart", "reload", "reload-or-restart", "enable",
                                        "disable", "daemon-reload", "reset-failed", "mask", "unmask", "kill", "edit" };

static bool is_one_of(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

static bool service_parse(struct service_flags *f, int argc, char **argv)
{
    memset(f, 0, sizeof *f);
    for (int i = 1; i < argc; i++) {
        const char *w = argv[i];
        if (strcmp(w, "-n") == 0 && i + 1 < argc)
            f->lines = argv[++i];
        else if (strncmp(w, "--lines=", 8) == 0)
            f->lines = w + 8;
        else if (strncmp(w, "-n", 2) == 0 && w[2])
            f->lines = w + 2;
        else if (strcmp(w, "--no-pager") == 0)
            f->no_pager = true;
        else if (strcmp(w, "-l") == 0 || strcmp(w, "--full") == 0)
            f->full = true;
        else if (strcmp(w, "-q") == 0 || strcmp(w, "--quiet") == 0)
            f->quiet = true;
        else if (strcmp(w, "--now") == 0)
            f->now = true;
        else if (strcmp(w, "--system") == 0 || strcmp(w, "--all") == 0 || strcmp(w, "-a") == 0 || strcmp(w, "--no-legend") == 0 ||
                 strncmp(w, "--type=", 7) == 0 || strcmp(w, "-f") == 0)
            continue;
        else if (w[0] == '-') {
            fprintf(stderr, w[1] == '-' ? "systemctl: unrecognized option '%s'\n" : "systemctl: invalid option -- '%s'\n",
                    w[1] == '-' ? w : w + 1);
            return false;
        } else if (!f->verb)
            f->verb = w;
        else if (f->unit_count < (int)ARRAY_LEN(f->units))
            f->units[f->unit_count++] = w;
    }
    f->verb = f->verb ? f->verb : "list-units";
    return true;
}

struct reply_out { FILE *out; struct strbuf tail; bool ended; };

/* Text, and behind the byte 4 the exit status. */
static void take_piece(void *ctx, struct str piece)
{
    struct reply_out *r = ctx;
    ptrdiff_t mark = r->ended ? 0 : str_chr(piece, '\x04');
    struct str text = r->ended ? STR_NULL : mark < 0 ? piece : str_sub(piece, 0, (size_t)mark);
    if (r->ended)
        strbuf_add(&r->tail, piece);
    else if (mark >= 0)
        strbuf_add(&r->tail, str_sub(piece, (size_t)mark + 1, piece.n));
    r->ended = r->ended || mark >= 0;
    fwrite(text.p ? text.p : "", 1, text.n, r->out);
    fflush(r->out);
}

static int service_call(struct arena *a, const struct service_flags *f, const char *unit, FILE *out)
{
    struct options o = { 0 };
    struct control_reply reply;
    struct err err = { 0 };
    struct reply_out r = { .out = out };
    int64_t status = 1;
    int width = f->full || (isatty(1) && !f->no_pager) ? 0 : terminal_width();      /* a pager scrolls sideways */
    struct strbuf path;
    strbuf_init(&path, 8192);
    strbuf_init(&r.tail, 64);
    strbuf_addf(&path, "/host/systemctl?verb=%s&unit=" STR_FMT, f->verb, STR_ARG(percent_encode(a, str_c(unit))));
    if (f->lines)
        strbuf_addf(&path, "&lines=" STR_FMT, STR_ARG(percent_encode(a, str_c(f->lines))));
    if (isatty(1))
        strbuf_addc(&path, "&color=1");
    if (width)
        strbuf_addf(&path, "&width=%d", width);
    if (f->now)
        strbuf_addc(&path, "&now=1");
    if (!control_call(a, &o, "POST", path.p, STR_NULL, take_piece, &r, &reply, &err))
        fprintf(stderr, "Failed to connect to bus: No such file or directory\n(kubelab: %s)\n", err.msg);
    else
        str_int(strbuf_str(&r.tail), &status);
    strbuf_deinit(&r.tail);
    strbuf_deinit(&path);
    return (int)status;
}

int host_systemctl(struct arena *a, int argc, char **argv)
{
    struct service_flags f;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("systemd 229\n"), 0;
    if (!service_parse(&f, argc, argv))
        return 1;
    if (!is_one_of(f.verb, verbs, ARRAY_LEN(verbs))) {
        fprintf(stderr, "Unknown operation %s.\n", f.verb);
        return 1;
    }
    bool changes = is_one_of(f.verb, changing, ARRAY_LEN(changing));
    bool no_unit = strcmp(f.verb, "daemon-reload") == 0 || strcmp(f.verb, "list-units") == 0 ||
                   strcmp(f.verb, "list-unit-files") == 0 || strcmp(f.verb, "reset-failed") == 0;
    if (f.unit_count == 0 && !no_unit && strcmp(f.verb, "status") != 0) {
        fprintf(stderr, "Too few arguments.\n");
        return 1;
    }
    if (changes && !host_is_root()) {
        const char *what = no_unit ? "reload daemon" : f.verb;
        if (no_unit)
            fprintf(stderr, "Failed to %s: Interactive authentication required.\n", what);
        else
            fprintf(stderr, "Failed to %s %s%s: Interactive authentication required.\nSee system logs and 'systemctl status %s%s' "
                            "for details.\n", what, f.units[0],
                    strchr(f.units[0], '.') ? "" : ".service", f.units[0], strchr(f.units[0], '.') ? "" : ".service");
        return 1;
    }
    struct pager p = pager_open(!f.no_pager &&
                                (strcmp(f.verb, "status") == 0 || strcmp(f.verb, "cat") == 0 || strcmp(f.verb, "show") == 0));
    int status = 0;
    FILE *out = f.quiet ? fopen("/dev/null", "w") : p.out;
    for (int i = 0; i < (f.unit_count ? f.unit_count : 1); i++) {
        int one = service_call(a, &f, f.unit_count ? f.units[i] : "", out ? out : p.out);
        status = one ? one : status;
    }
    pager_close(&p);
    return status;
}

/* ---- journalctl ---- */
struct journal_flags { const char *unit, *lines; bool follow, reverse, no_pager, to_end; };

static bool journal_short(struct journal_flags *f, const char *word, int argc, char **argv, int *i)
{
    for (const char *c = word + 1; *c; c++) {
        if (*c == 'u' || *c == 'n' || *c == 'o' || *c == 'p' || *c == 'S' || *c == 'U' || *c == 't') {
            const char *value = c[1] ? c + 1 : *i + 1 < argc && (*c != 'n' || (argv[*i + 1][0] >= '0' && argv[*i + 1][0] <= '9'))
                                ? argv[++*i] : NULL;
            if (*c == 'u' || *c == 't')
                f->unit = value;
            if (*c == 'n')
                f->lines = value ? value : "10";
            return value != NULL || *c == 'n';
        }
        f->follow |= *c == 'f';
        f->reverse |= *c == 'r';
        f->to_end |= *c == 'e';
        if (!strchr("fexraqlbkm", *c)) {
            fprintf(stderr, "journalctl: invalid option -- '%c'\n", *c);
            return false;
        }
    }
    return true;
}

static bool journal_parse(struct journal_flags *f, int argc, char **argv)
{
    memset(f, 0, sizeof *f);
    for (int i = 1; i < argc; i++) {
        const char *w = argv[i];
        if (strncmp(w, "--unit=", 7) == 0)
            f->unit = w + 7;
        else if (strcmp(w, "--unit") == 0 && i + 1 < argc)
            f->unit = argv[++i];
        else if (strncmp(w, "--lines=", 8) == 0)
            f->lines = w + 8;
        else if (strcmp(w, "--follow") == 0)
            f->follow = true;
        else if (strcmp(w, "--reverse") == 0)
            f->reverse = true;
        else if (strcmp(w, "--no-pager") == 0)
            f->no_pager = true;
        else if (strcmp(w, "--pager-end") == 0)
            f->to_end = true;
        else if (strncmp(w, "--", 2) == 0) {
            fprintf(stderr, "journalctl: unrecognized option '%s'\n", w);
            return false;
        } else if (w[0] != '-') {
            fprintf(stderr, "Failed to add match '%s': Invalid argument\n", w);
            return false;
        } else if (!journal_short(f, w, argc, argv, &i)) {
            return false;
        }
    }
    return true;
}

static void write_piece(void *ctx, struct str piece)
{
    fwrite(piece.p, 1, piece.n, ctx);
    fflush(ctx);
}

static void print_reversed(struct str text, FILE *out)
{
    while (text.n) {
        size_t end = text.n - (text.p[text.n - 1] == '\n'), begin = end;
        while (begin && text.p[begin - 1] != '\n')
            begin--;
        fprintf(out, STR_FMT "\n", STR_ARG(str_sub(text, begin, end)));
        text = str_sub(text, 0, begin);
    }
}

int host_journalctl(struct arena *a, int argc, char **argv)
{
    struct journal_flags f;
    if (!journal_parse(&f, argc, argv))
        return 1;
    struct options o = { 0 };
    struct control_reply reply;
    struct err err = { 0 };
    const char *lines = f.lines ? f.lines : f.follow ? "10" : f.to_end ? "1000" : NULL;
    const char *path = arena_printf(a, "/host/journal?unit=" STR_FMT "%s%s%s",
                                    STR_ARG(percent_encode(a, str_c(f.unit ? f.unit : ""))), f.follow ? "&follow=1" : "",
                                    lines ? "&lines=" : "", lines ? lines : "");
    struct pager p = pager_open(!f.no_pager && !f.follow);
    bool ok = control_call(a, &o, "GET", path, STR_NULL, f.reverse ? NULL : write_piece, p.out, &reply, &err);
    if (ok && f.reverse)
        print_reversed(reply.body, p.out);
    pager_close(&p);
    if (!ok)
        fprintf(stderr, "journalctl: %s\n", err.msg);
    return ok ? 0 : 1;
}
