/* sim/cmd/service.c - the node's systemd: the kubelet is started, ended, started again 10 s after it fell over, and everything is
 * in the journal.
 *
 * Upstream: systemd v229 (Ubuntu 16.04) src/core/{unit,service}.c, src/systemctl/systemctl.c (print_status_info). A unit is what
 * its files said when they were last loaded; environment files are read at each start. What a kubelet leaves running in its
 * containers is kept between two of them. docker.service is there to be looked at: its containers run for as long as the machine
 * does.
 */
#include "sim/cmd/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JOURNAL_LINES = 4000, THREADS = 13, PID_MAX = 131072, EXIT_EXEC = 203 };
enum service_state { SERVICE_DEAD, SERVICE_RUNNING, SERVICE_AUTO_RESTART, SERVICE_FAILED };

struct journal_line { int64_t at_ns; char *unit /* "kubelet.service" */, *text; };      /* text: "kubelet[125944]: ..." */

struct services {
    struct services_options o;
    struct arena     *arena, *unit_arena;
    struct rng        rng;
    struct unit       unit;
    enum service_state state;
    int64_t           since_ns, last_pid_ns, boot_ns;
    int               pid, exit_status;
    uint64_t          cpu_before_ns;               /* of the cgroup when this process began */
    bool              ran, started_once;
    char             *command;                     /* argv as one line */
    struct kubelet_app *app;
    struct kubelet   *left;                        /* containers of a kubelet that has ended */
    struct timer      restart;
    struct err        listen_err;
    struct journal_line lines[JOURNAL_LINES];
    size_t            first, count;
    struct list       followers;
};

static void kubelet_begin(struct services *s);

/* ---- the journal ---- */
static const char *stamp(struct arena *a, int64_t ns)
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    int y, mon, d, h, m, sec, wd;
    time_civil(ns / (int64_t)NS_PER_S, &y, &mon, &d, &h, &m, &sec, &wd);
    return arena_printf(a, "%s %02d %02d:%02d:%02d", months[mon - 1], d, h, m, sec);
}

static const char *date(struct arena *a, int64_t ns)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    int y, mon, d, h, m, sec, wd;
    time_civil(ns / (int64_t)NS_PER_S, &y, &mon, &d, &h, &m, &sec, &wd);
    return arena_printf(a, "%s %04d-%02d-%02d %02d:%02d:%02d UTC", days[wd], y, mon, d, h, m, sec);
}

static struct str shown(const struct services *s, struct arena *a, const struct journal_line *l)
{
    return arena_strf(a, "%s %s %s", stamp(a, l->at_ns), s->o.hostname, l->text);
}

static bool is_of(const struct journal_line *l, struct str unit)
{
    return !unit.n || str_eqc(unit, l->unit) || (str_starts(str_c(l->unit), "kubelet") && str_eqc(unit, "kubelet"));
}

static void journal_put(struct services *s, const char *ident, int pid, struct str text)
{
    struct arena *a = arena_new();
    size_t at = (s->first + s->count) % JOURNAL_LINES;
    if (s->count == JOURNAL_LINES) {
        free(s->lines[at].unit);
        free(s->lines[at].text);
        s->first = (s->first + 1) % JOURNAL_LINES;
    } else {
        s->count++;
    }
    struct journal_line *l = &s->lines[at];
    *l = (struct journal_line){ vtime_now(s->o.loop), xstrdup("kubelet.service"),
                                xstrdup(arena_printf(a, "%s[%d]: " STR_FMT, ident, pid, STR_ARG(text))) };
    list_for(it, &s->followers) {
        struct journal_follower *f = container_of(it, struct journal_follower, node);
        if (is_of(l, f->unit))
            f->line(f, arena_strf(a, STR_FMT "\n", STR_ARG(shown(s, a, l))));
    }
    arena_free(a);
}

static void note(struct services *s, const char *fmt, ...) PRINTF(2, 3);
static void note(struct services *s, const char *fmt, ...)
{
    struct strbuf b;
    va_list ap;
    strbuf_init(&b, 4096);
    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    journal_put(s, "systemd", 1, strbuf_str(&b));
    strbuf_deinit(&b);
}

/* The last `lines` of a unit; -1: all. */
static void journal_tail(const struct services *s, struct str unit, int lines, size_t width, bool *cut, struct strbuf *out)
{
    size_t matching = 0, skip;
    for (size_t i = 0; i < s->count; i++)
        matching += is_of(&s->lines[(s->first + i) % JOURNAL_LINES], unit);
    skip = lines >= 0 && matching > (size_t)lines ? matching - (size_t)lines : 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct journal_line *l = &s->lines[(s->first + i) % JOURNAL_LINES];
        if (!is_of(l, unit) || (skip && skip--))
            continue;
        struct arena *a = arena_new();
        struct str line = shown(s, a, l);
        *cut = *cut || (width && line.n > width);
        strbuf_add(out, unit_ellipsize(a, line, width));
        strbuf_addch(out, '\n');
        arena_free(a);
    }
}

void services_journal(const struct services *s, struct str unit, int lines, struct strbuf *out)
{
    struct arena *a = arena_new();
    bool cut = false;
    int64_t begin = s->count ? s->lines[s->first].at_ns : s->boot_ns,
            end = s->count ? s->lines[(s->first + s->count - 1) % JOURNAL_LINES].at_ns : begin;
    strbuf_addf(out, "-- Logs begin at %s, end at %s. --\n", date(a, begin), date(a, end));
    size_t before = out->n;
    journal_tail(s, unit, lines, 0, &cut, out);
    if (out->n == before)
        strbuf_addc(out, "-- No entries --\n");
    arena_free(a);
}

void services_follow(struct services *s, struct journal_follower *f) { list_push(&s->followers, &f->node); }

/* ---- the kubelet ---- */
struct kubelet *services_kubelet(const struct services *s)
{
    return s && s->state == SERVICE_RUNNING ? kubelet_app_kubelet(s->app) : NULL;
}

struct kubelet *services_runtime(const struct services *s)
{
    struct kubelet *k = s && s->app ? kubelet_app_kubelet(s->app) : NULL;
    return k || !s ? k : s->left;
}

static void on_log(void *ctx, struct str line)
{
    struct services *s = ctx;
    journal_put(s, "kubelet", s->pid, line);
}

static bool on_listen(void *ctx, struct http_server *server, struct err *err)
{
    struct services *s = ctx;
    if (s->o.listen(s->o.ctx, server, err))
        return true;
    err_clear(&s->listen_err);
    err_set(&s->listen_err, err->code, "%s", err->msg);
    return false;
}

static void set_state(struct services *s, enum service_state state)
{
    s->state = state;
    s->since_ns = vtime_now(s->o.loop);
}

static const char *exit_word(int status)
{
    return status == 0 ? "0/SUCCESS" : status == 255 ? "255" : status == EXIT_EXEC ? "203/EXEC" : "1/FAILURE";
}

static void ended(struct services *s, int status)
{
    s->exit_status = status;
    if (status) {
        note(s, "kubelet.service: Main process exited, code=exited, status=%s", status == 255 ? "255/n/a" : exit_word(status));
        note(s, "kubelet.service: Unit entered failed state.");
        note(s, "kubelet.service: Failed with result 'exit-code'.");
    }
    bool again = strcmp(s->unit.restart, "always") == 0 || (status && strcmp(s->unit.restart, "on-failure") == 0);
    set_state(s, again ? SERVICE_AUTO_RESTART : status ? SERVICE_FAILED : SERVICE_DEAD);
    if (again)
        timer_start(&s->restart, s->unit.restart_ns);
}

static void on_exited(void *ctx, int status)
{
    struct services *s = ctx;
    s->left = kubelet_app_stop(s->app);
    s->app = NULL;
    ended(s, status);
}

static void on_restart(struct timer *t)
{
    struct services *s = container_of(t, struct services, restart);
    note(s, "kubelet.service: Service hold-off time over, scheduling restart.");
    note(s, "Stopped %s.", s->unit.description);
    kubelet_begin(s);
}

/* Other processes come and go meanwhile. */
static void next_pid(struct services *s)
{
    int64_t now = vtime_now(s->o.loop), gone_s = (now - s->last_pid_ns) / (int64_t)NS_PER_S;
    int64_t pid = s->pid + 1 + (int64_t)rng_below(&s->rng, 20) + gone_s * 4 / 3;
    s->pid = (int)(300 + (pid - 300) % (PID_MAX - 300));
    s->last_pid_ns = now;
}

static char *join(char **argv)
{
    struct strbuf b;
    size_t n;
    strbuf_init(&b, 1024 * 1024);
    for (char **w = argv; *w; w++)
        strbuf_addf(&b, "%s%s", w == argv ? "" : " ", *w);
    strbuf_addch(&b, 0);
    return strbuf_detach(&b, &n);
}

static void kubelet_begin(struct services *s)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    char **argv;
    timer_stop(&s->restart);
    next_pid(s);
    s->ran = true;
    if (!unit_command(a, &s->unit, s->o.root, &argv, &err)) {
        note(s, "kubelet.service: %s", err.msg);
        note(s, "kubelet.service: Failed to run 'start' task: No such file or directory");
        ended(s, 1);
    } else if (!argv[0] || strcmp(argv[0], "/usr/bin/kubelet") != 0) {
        note(s, "Started %s.", s->unit.description);
        note(s, "kubelet.service: Failed at step EXEC spawning %s: No such file or directory", argv[0] ? argv[0] : "");
        ended(s, EXIT_EXEC);
    } else {
        struct kubelet_usage usage = { 0 };
        struct kubelet_app_options o = { .node = s->o.node, .root = s->o.root, .argv = argv, .pid = s->pid, .previous = s->left,
                                         .log = on_log, .listen = on_listen, .exited = on_exited, .ctx = s };
        note(s, "Started %s.", s->unit.description);
        free(s->command);
        s->command = join(argv);
        o.node.announce = s->started_once;
        s->started_once = true;
        if (s->left)
            kubelet_usage(s->left, &usage);
        s->cpu_before_ns = usage.cpu_ns;
        s->left = NULL;
        set_state(s, SERVICE_RUNNING);
        s->app = kubelet_app_start(&o);
    }
    err_clear(&err);
    arena_free(a);
}

static void kubelet_end(struct services *s)
{
    bool was = s->app != NULL;
    timer_stop(&s->restart);
    if (was) {
        note(s, "Stopping %s...", s->unit.description);
        s->left = kubelet_app_stop(s->app);
        s->app = NULL;
        s->exit_status = 0;
    }
    if (was || s->state == SERVICE_AUTO_RESTART)
        note(s, "Stopped %s.", s->unit.description);
    if (s->state != SERVICE_DEAD)
        set_state(s, SERVICE_DEAD);
}

/* ---- systemctl ---- */
static void load(struct services *s)
{
    arena_free(s->unit_arena);
    s->unit_arena = arena_new();
    unit_load(s->unit_arena, &s->unit, s->o.root, "kubelet.service");
    if (s->unit.bad)
        note(s, "kubelet.service: %s", s->unit.bad);
}

static const char *wants_link(struct services *s, struct arena *a, bool real)
{
    return arena_printf(a, "%s/etc/systemd/system/%s.wants/kubelet.service", real ? s->o.root : "",
                        s->unit.wanted_by ? s->unit.wanted_by : "multi-user.target");
}

static bool is_enabled(struct services *s)
{
    struct arena *a = arena_new();
    struct stat st;
    bool on = lstat(wants_link(s, a, true), &st) == 0;
    arena_free(a);
    return on;
}

static bool is_stale(const struct services *s) { return s->unit.fragment && unit_mtime(s->o.root, s->unit.name) != s->unit.mtime_ns; }

static void warn_stale(const struct services *s, struct strbuf *out)
{
    if (is_stale(s))
        strbuf_addc(out, "Warning: kubelet.service changed on disk. Run 'systemctl daemon-reload' to reload units.\n");
}

static const char *const states[] = { "inactive", "active", "activating", "failed" };

static void print_active(const struct services *s, struct arena *a, bool color, struct strbuf *out)
{
    const char *on = !color ? "" : s->state == SERVICE_RUNNING ? "\x1b[1;32m" : s->state == SERVICE_FAILED ? "\x1b[1;31m" : "",
               *off = *on ? "\x1b[0m" : "";
    const char *sub = s->state == SERVICE_RUNNING ? "running" : s->state == SERVICE_AUTO_RESTART ? "auto-restart"
                      : s->state == SERVICE_FAILED ? "failed" : "dead";
    const char *result = s->state == SERVICE_AUTO_RESTART || s->state == SERVICE_FAILED ? " (Result: exit-code)" : "";
    if (s->state == SERVICE_FAILED)
        strbuf_addf(out, "   Active: %sfailed%s%s", on, off, result);
    else
        strbuf_addf(out, "   Active: %s%s (%s)%s%s", on, states[s->state], sub, off, result);
    if (s->ran)
        strbuf_addf(out, " since %s; %s", date(a, s->since_ns), unit_ago(a, vtime_now(s->o.loop) - s->since_ns));
    strbuf_addch(out, '\n');
}

static void print_process(const struct services *s, struct arena *a, size_t width, struct strbuf *out)
{
    struct kubelet_usage usage;
    if (s->state != SERVICE_RUNNING) {
        if (s->ran) {
            strbuf_addf(out, "  Process: %d ExecStart=%s (code=exited, status=%s)\n", s->pid, s->unit.exec_start,
                        exit_word(s->exit_status));
            strbuf_addf(out, " Main PID: %d (code=exited, status=%s)\n", s->pid, exit_word(s->exit_status));
        }
        return;
    }
    strbuf_addf(out, " Main PID: %d (kubelet)\n    Tasks: %u\n", s->pid, THREADS + s->o.node.cores);
    if (kubelet_app_kubelet(s->app)) {
        kubelet_usage(kubelet_app_kubelet(s->app), &usage);
        strbuf_addf(out, "   Memory: %s\n      CPU: %s\n", unit_bytes(a, usage.memory_bytes),
                    unit_timespan(a, (int64_t)(usage.cpu_ns - s->cpu_before_ns)));
    }
    struct str line = arena_strf(a, "           \xe2\x94\x94\xe2\x94\x80%d %s", s->pid, s->command);
    strbuf_addf(out, "   CGroup: /system.slice/kubelet.service\n" STR_FMT "\n",
                STR_ARG(unit_ellipsize(a, line, width ? width + 4 : 0)));
}

static void print_head(const struct services *s, const char *name, const char *description, bool color, struct strbuf *out)
{
    const char *on = !color ? "" : s->state == SERVICE_RUNNING ? "\x1b[1;32m" : s->state == SERVICE_FAILED ? "\x1b[1;31m" : "",
               *off = *on ? "\x1b[0m" : "";
    strbuf_addf(out, "%s\xe2\x97\x8f%s %s - %s\n", on, off, name, description);
}

static int verb_status(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    struct arena *a = arena_new();
    bool cut = false;
    print_head(s, s->unit.name, s->unit.description, c->color, out);
    if (s->unit.bad)
        strbuf_addf(out, "   Loaded: error (Reason: Invalid argument)\n");
    else
        strbuf_addf(out, "   Loaded: loaded (%s; %s; vendor preset: enabled)\n", s->unit.fragment,
                    is_enabled(s) ? "enabled" : "disabled");
    for (size_t i = 0; i < s->unit.drop_in_count; i++)
        strbuf_addf(out, "%s%s%s           %s%s\n", i ? "" : "  Drop-In: ", i ? "" : s->unit.drop_in_dir, i ? "" : "\n",
                    i + 1 == s->unit.drop_in_count ? "\xe2\x94\x94\xe2\x94\x80" : "\xe2\x94\x9c\xe2\x94\x80", s->unit.drop_ins[i]);
    print_active(s, a, c->color, out);
    if (s->unit.documentation)
        strbuf_addf(out, "     Docs: %s\n", s->unit.documentation);
    print_process(s, a, (size_t)c->width, out);
    if (c->lines != 0 && s->count) {
        strbuf_addch(out, '\n');
        journal_tail(s, STR("kubelet.service"), c->lines < 0 ? 10 : c->lines, (size_t)c->width, &cut, out);
    }
    if (is_stale(s)) {
        strbuf_addch(out, '\n');
        warn_stale(s, out);
    }
    if (cut)
        strbuf_addc(out, "Hint: Some lines were ellipsized, use -l to show in full.\n");
    arena_free(a);
    return s->state == SERVICE_RUNNING || s->state == SERVICE_AUTO_RESTART ? 0 : 3;
}

static int cannot(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    strbuf_addf(out, "Failed to " STR_FMT " kubelet.service: Unit kubelet.service is not loaded properly: Invalid argument.\nSee "
                                          "system logs and 'systemctl status kubelet.service' for details.\n", STR_ARG(c->verb));
    (void)s;
    return 1;
}

static int verb_start(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    warn_stale(s, out);
    if (s->unit.bad)
        return cannot(s, c, out);
    if (s->state != SERVICE_RUNNING)
        kubelet_begin(s);
    return 0;
}

static int verb_stop(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    (void)c;
    warn_stale(s, out);
    kubelet_end(s);
    return 0;
}

static int verb_restart(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    warn_stale(s, out);
    if (s->unit.bad)
        return cannot(s, c, out);
    if (str_starts(c->verb, "try-") && s->state != SERVICE_RUNNING)
        return 0;
    kubelet_end(s);
    kubelet_begin(s);
    return 0;
}

static int verb_reload(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    (void)s;
    (void)c;
    strbuf_addc(out, "Failed to reload kubelet.service: Job type reload is not applicable for unit kubelet.service.\nSee system "
                     "logs and 'systemctl status kubelet.service' for details.\n");
    return 1;
}

static int verb_cat(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    struct arena *a = arena_new();
    struct str text;
    (void)c;
    for (size_t i = 0; i <= s->unit.drop_in_count; i++) {
        const char *path = i ? arena_printf(a, "%s/%s", s->unit.drop_in_dir, s->unit.drop_ins[i - 1]) : s->unit.fragment;
        if (file_read(arena_printf(a, "%s%s", s->o.root, path), LIMIT_YAML_BYTES, a, &text, NULL))
            strbuf_addf(out, "%s# %s\n" STR_FMT "%s", i ? "\n" : "", path, STR_ARG(text), str_ends(text, "\n") ? "" : "\n");
    }
    warn_stale(s, out);
    arena_free(a);
    return 0;
}

static int verb_enable(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    struct arena *a = arena_new();
    const char *link = wants_link(s, a, true);
    bool on = str_eqc(c->verb, "enable");
    int status = 0;
    if (on && !is_enabled(s)) {
        if (dir_make(arena_printf(a, "%.*s", (int)(strrchr(link, '/') - link), link), 0755, NULL) &&
            symlink("/lib/systemd/system/kubelet.service", link) == 0)
            strbuf_addf(out, "Created symlink from %s to %s.\n", wants_link(s, a, false), s->unit.fragment);
        else
            status = 1;
    } else if (!on && is_enabled(s) && unlink(link) == 0) {
        strbuf_addf(out, "Removed symlink %s.\n", wants_link(s, a, false));
    }
    arena_free(a);
    if (c->now && on)
        return verb_start(s, c, out);
    if (c->now)
        return verb_stop(s, c, out);
    return status;
}

static int verb_is_active(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    (void)c;
    strbuf_addf(out, "%s\n", states[s->state]);
    return s->state == SERVICE_RUNNING ? 0 : 3;
}

static int verb_is_failed(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    (void)c;
    strbuf_addf(out, "%s\n", states[s->state]);
    return s->state == SERVICE_FAILED ? 0 : 1;
}

static int verb_is_enabled(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    (void)c;
    strbuf_addf(out, "%s\n", is_enabled(s) ? "enabled" : "disabled");
    return is_enabled(s) ? 0 : 1;
}

static int verb_show(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    (void)c;
    strbuf_addf(out, "Restart=%s\nRestartUSec=%" PRId64 "s\nMainPID=%d\nExecMainStatus=%d\nId=kubelet.service\n"
                     "Description=%s\nLoadState=%s\nActiveState=%s\nFragmentPath=%s\nUnitFileState=%s\nNeedDaemonReload=%s\n",
                s->unit.restart, s->unit.restart_ns / (int64_t)NS_PER_S, s->state == SERVICE_RUNNING ? s->pid : 0, s->exit_status,
                s->unit.description, s->unit.bad ? "error" : "loaded",
                states[s->state], s->unit.fragment, is_enabled(s) ? "enabled" : "disabled", is_stale(s) ? "yes" : "no");
    return 0;
}

static int verb_reset(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    (void)c;
    (void)out;
    if (s->state == SERVICE_FAILED)
        set_state(s, SERVICE_DEAD);
    return 0;
}

static int docker(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    struct arena *a = arena_new();
    int status = 0;
    if (str_eqc(c->verb, "status"))
        strbuf_addf(out, "%s\xe2\x97\x8f%s docker.service - Docker Application Container Engine\n   Loaded: loaded "
                         "(/lib/systemd/system/docker.service; enabled; vendor preset: enabled)\n"
                    "   Active: %sactive (running)%s since %s; %s\n     Docs: https://docs.docker.com\n Main PID: 1024 (dockerd)\n "
                    "  CGroup: /system.slice/docker.service\n"
                    "           \xe2\x94\x94\xe2\x94\x80%d /usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n",
                    c->color ? "\x1b[1;32m" : "", c->color ? "\x1b[0m" : "",
                    c->color ? "\x1b[1;32m" : "", c->color ? "\x1b[0m" : "", date(a, s->boot_ns),
                    unit_ago(a, vtime_now(s->o.loop) - s->boot_ns), 1024);
    else if (str_eqc(c->verb, "is-active"))
        strbuf_addc(out, "active\n");
    else if (str_eqc(c->verb, "is-enabled"))
        strbuf_addc(out, "enabled\n");
    else if (!str_eqc(c->verb, "start") && !str_eqc(c->verb, "enable")) {
        strbuf_addf(out, "Failed to " STR_FMT " docker.service: containers of this machine run for as long as it does (not "
                                              "simulated)\n", STR_ARG(c->verb));
        status = 1;
    }
    arena_free(a);
    return status;
}

static const struct { const char *verb; int (*run)(struct services *s, const struct systemctl *c, struct strbuf *out); } verbs[] = {
    { "status", verb_status }, { "start", verb_start }, { "stop", verb_stop }, { "kill", verb_stop }, { "restart", verb_restart },
    { "try-restart", verb_restart }, { "reload", verb_reload },
    { "reload-or-restart", verb_restart }, { "cat", verb_cat }, { "enable", verb_enable }, { "disable", verb_enable },
    { "is-active", verb_is_active }, { "is-failed", verb_is_failed },
    { "is-enabled", verb_is_enabled }, { "show", verb_show }, { "reset-failed", verb_reset },
};

static int list_units(struct services *s, struct strbuf *out)
{
    strbuf_addf(out, "UNIT            LOAD   ACTIVE     SUB          DESCRIPTION\ndocker.service  loaded active     running      "
                     "Docker Application Container Engine\n");
    strbuf_addf(out, "kubelet.service %-6s %-10s %-12s %s\n", s->unit.bad ? "error" : "loaded", states[s->state],
                s->state == SERVICE_RUNNING ? "running" : s->state == SERVICE_AUTO_RESTART ? "auto-restart"
                : s->state == SERVICE_FAILED ? "failed" : "dead", s->unit.description);
    strbuf_addc(out, "\nLOAD   = Reflects whether the unit definition was properly loaded.\nACTIVE = The high-level unit "
                     "activation state, i.e. generalization of SUB.\n"
                     "SUB    = The low-level unit activation state, values depend on unit type.\n\n2 loaded units listed.\n");
    return 0;
}

int services_systemctl(struct services *s, const struct systemctl *c, struct strbuf *out)
{
    struct str name = c->unit;
    bool query = str_eqc(c->verb, "status") || str_starts(c->verb, "is-") || str_eqc(c->verb, "cat") || str_eqc(c->verb, "show");
    if (str_ends(name, ".service"))
        name.n -= strlen(".service");
    if (str_eqc(c->verb, "daemon-reload")) {
        load(s);
        note(s, "Reloading.");
        return 0;
    }
    if (str_eqc(c->verb, "list-units") || str_eqc(c->verb, "list-unit-files") || (!name.n && str_eqc(c->verb, "status")))
        return list_units(s, out);
    if (!name.n)
        return str_eqc(c->verb, "reset-failed") ? verb_reset(s, c, out) : 1;
    if (str_eqc(name, "docker"))
        return docker(s, c, out);
    if (!str_eqc(name, "kubelet") || !s->unit.fragment) {
        if (str_starts(c->verb, "is-"))
            strbuf_addc(out, str_eqc(c->verb, "is-enabled") ? "" : "inactive\n");
        else if (query)
            strbuf_addf(out, "Unit " STR_FMT ".service could not be found.\n", STR_ARG(name));
        else
            strbuf_addf(out, "Failed to " STR_FMT " " STR_FMT ".service: Unit " STR_FMT ".service not found.\n", STR_ARG(c->verb),
                        STR_ARG(name), STR_ARG(name));
        return str_eqc(c->verb, "is-enabled") ? 1 : str_starts(c->verb, "is-") ? 3 : query ? 4 : 5;
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_eqc(c->verb, verbs[i].verb))
            return verbs[i].run(s, c, out);
    strbuf_addf(out, "Unknown operation " STR_FMT ".\n", STR_ARG(c->verb));
    return 1;
}

/* ---- life ---- */
struct services *services_new(const struct services_options *opt)
{
    struct services *s = NEW(struct services);
    s->arena = arena_new();
    s->o = *opt;
    s->o.root = arena_strdup(s->arena, opt->root);
    s->o.hostname = arena_strdup(s->arena, opt->hostname);
    s->boot_ns = s->since_ns = s->last_pid_ns = vtime_now(opt->loop);
    rng_init(&s->rng, opt->loop, arena_printf(s->arena, "%ssystemd", opt->stream_prefix ? opt->stream_prefix : ""));
    s->pid = 1100 + (int)rng_below(&s->rng, 400);
    list_init(&s->followers);
    timer_init(&s->restart, opt->loop, on_restart);
    load(s);
    return s;
}

bool services_boot(struct services *s, struct err *err)
{
    if (s->unit.fragment && !s->unit.bad && is_enabled(s))
        kubelet_begin(s);
    return s->listen_err.code == ERR_NONE || err_set(err, s->listen_err.code, "%s", s->listen_err.msg);
}

void services_free(struct services *s)
{
    if (!s)
        return;
    timer_stop(&s->restart);
    list_for(it, &s->followers)
        list_remove(it);
    struct kubelet *k = s->app ? kubelet_app_stop(s->app) : s->left;
    kubelet_free(k);
    for (size_t i = 0; i < s->count; i++) {
        struct journal_line *l = &s->lines[(s->first + i) % JOURNAL_LINES];
        free(l->unit);
        free(l->text);
    }
    free(s->command);
    err_clear(&s->listen_err);
    arena_free(s->unit_arena);
    arena_free(s->arena);
    free(s);
}
