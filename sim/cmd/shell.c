/* sim/cmd/shell.c - `kubelab shell [LAB] [--node NAME] [-- CMD]`: the lab's host, as far as an ordinary process can be it.
 *
 * The student's own tools, home and editors, with PATH, KUBECONFIG, KUBELAB_DATA and the proxy's variables set, and the host's
 * commands (host.h) as links to kubelab itself in DATA/bin. Leaving the shell leaves the cluster up. With a lab named, the
 * cluster is started when it is not running.
 */
#include "sim/cmd/profile.h"
#include "sim/cmd/drive.h"
#include "sim/cmd/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A link is replaced in one step: shells that are open go on finding it. */
static bool make_link(struct arena *a, const char *self, const char *bin, const char *name, struct err *err)
{
    const char *path = arena_printf(a, "%s/%s", bin, name), *fresh = arena_printf(a, "%s/.%s.%d", bin, name, (int)getpid());
    char before[4096];
    ssize_t n = readlink(path, before, sizeof before - 1);
    if (n > 0 && str_eqc((struct str){ before, (size_t)n }, self))
        return true;
    unlink(fresh);
    if (symlink(self, fresh) != 0 || rename(fresh, path) != 0)
        return err_set(err, ERR_IO, "cannot make %s: %s", path, strerror(errno));
    return true;
}

static bool make_links(struct arena *a, const char *self, const char *bin, const char *const *names, struct err *err)
{
    if (!dir_make(bin, 0700, err))
        return false;
    for (size_t i = 0; names[i]; i++)
        if (!make_link(a, self, bin, names[i], err))
            return false;
    return true;
}

/* DATA/bin: kubelab under its own name, and as each of the host's commands. */
bool shell_make_bin(struct arena *a, const char *bin, struct err *err)
{
    const char *self = self_path();
    if (!self)
        return err_set(err, ERR_IO, "cannot find my own program file");
    return make_links(a, self, bin, host_command_names, err) && make_link(a, self, bin, "kubelab", err) &&
           make_links(a, self, arena_printf(a, "%s/driven", bin), drive_command_names, err);
}

static bool cluster_answers(struct arena *a, const struct options *o)
{
    struct err err = { 0 };
    struct control_reply reply;
    bool ok = control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, &err);
    err_clear(&err);
    return ok;
}

/* ---- the way into the cluster's network ---- */
/* Names that are not the cluster's go where they always went: clients know no "all but", so the proxy is taken back from the
 * public suffixes that a student meets. */
#define DIRECT ".com,.org,.net,.io,.dev,.edu,.gov,.info,.sh,.ai,.app,.cloud,.de,.uk,.fr,.eu,.us,.ca,.in,.cn,.jp,.co"

static void set_both(const char *lower, const char *upper, const char *value)
{
    setenv(lower, value, 1);
    setenv(upper, value, 1);
}

static void proxy_environment(struct arena *a, const struct options *o, int node)
{
    struct err err = { 0 };
    struct control_reply reply;
    if (!control_call(a, o, "POST", "/host/proxy", STR_NULL, NULL, NULL, &reply, &err)) {
        fprintf(stderr, "kubelab: without the way to 192.168.229.132: %s\n", err.msg);
        err_clear(&err);
        return;
    }
    struct node_place place;                       /* the user of the URL says from where one asks */
    node_place(node, &place);
    const char *url = arena_printf(a, "http://%s%s127.0.0.1:" STR_FMT, node ? place.name : "", node ? "@" : "",
                                   STR_ARG(str_trim(reply.body)));
    bool usual = false;
    if (control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, &err)) {
        struct json *s = json_parse(a, reply.body, NULL);
        usual = node == 0 && str_ends(json_get_str(s, "server"), ":6443") && json_get_int(s, "kubeletPort", 0) == 10250;
    }
    err_clear(&err);
    const char *direct = usual ? "localhost,127.0.0.1,::1," DIRECT : DIRECT;     /* else localhost:6443 has to be led to where it is */
    struct str before = str_c(getenv("no_proxy") ? getenv("no_proxy") : getenv("NO_PROXY"));
    while (before.p && before.n) {
        struct str one = str_trim(str_token(&before, ','));
        if (one.n && !str_eqc(one, "*") && !str_eqc(one, "localhost") && !str_eqc(one, "127.0.0.1") && !str_eqc(one, "::1") &&
            str_find(str_c(direct), one) < 0)
            direct = arena_printf(a, "%s," STR_FMT, direct, STR_ARG(one));
    }
    set_both("http_proxy", "HTTP_PROXY", url);
    set_both("https_proxy", "HTTPS_PROXY", url);
    set_both("no_proxy", "NO_PROXY", direct);
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
}

/* ---- the shell ---- */
/* bash asks for the prompt's folder each time: one below the node's files is shown by the node's name, and `cd` finds it by that. */
static const char bashrc[] =
    "[ -f ~/.bashrc ] && . ~/.bashrc\n"
    "PATH=$KUBELAB_DATA/bin:${PATH#$KUBELAB_DATA/bin:}\n"
    "_kubelab_cd() { case $1 in\n"
    "  /etc/kubernetes|/etc/kubernetes/*|/var/lib/kubelet|/var/lib/kubelet/*|/var/log/pods|/var/log/pods/*|"
    "/etc/systemd/system/kubelet.service.d)\n"
    "    [ -d \"$1\" ] || { builtin cd \"$KUBELAB_NODE_DIR$1\"; return; } ;;\n"
    "  esac; builtin cd \"$@\"; }\n"
    "cd() { _kubelab_cd \"$@\"; }\n"
    "_kubelab_where() { local p=${PWD#$KUBELAB_NODE_DIR}; [ \"$p\" = \"$HOME\" ] && p='~'; "
    "[ \"${p#$HOME/}\" != \"$p\" ] && p=\"~/${p#$HOME/}\"; printf %s \"$p\"; }\n"
    "PS1='user@${KUBELAB_NODE:-ubuntu}:$(_kubelab_where)$ '\n"
    "unset PROMPT_COMMAND\n";

/* On a worker there is no kubeconfig, until somebody brings one to where the control plane has it; the student's own is not
 * looked at. */
void shell_environment(struct arena *a, const struct options *o, const char *data, int node)
{
    struct node_place place;
    const char *root = node_dir(a, data, node);
    node_place(node, &place);
    proxy_environment(a, o, node);
    setenv("KUBELAB_DATA", data, 1);
    setenv("KUBELAB_NODE_DIR", root, 1);
    setenv("KUBECONFIG", node ? arena_printf(a, "%s/etc/kubernetes/admin.conf", root) : arena_printf(a, "%s/admin.conf", data), 1);
    if (node)
        setenv("KUBELAB_NODE", place.name, 1);
    else
        unsetenv("KUBELAB_NODE");
}

/* Where namespaces may be had, those of the node that the environment names. */
struct place { struct arena *a; const char *data; };
static void enter_here(void *ctx)
{
    const struct place *p = ctx;
    namespaces_enter(p->a, p->data, node_find(str_c(host_place().name), NODES_MAX));
}

static void greet(struct arena *a, const struct options *o, int node)
{
    const struct lab *lab = lab_of_cluster(a, o);
    struct str text = STR("This is the lab's host. kubectl, docker, sudo, systemctl and kubeadm work here; `exit` leaves, and the "
                          "cluster stays up.\n");
    if (node)
        text = arena_strf(a, "This is %s, a worker. docker, sudo, systemctl and journalctl work here; `exit` leaves.\n", o->node);
    else if (lab)
        text = arena_strf(a, STR_FMT "  kubelab lab guide %-8s what to do\n  kubelab lab check %-8s how far you are\n"
                          "  kubelab lab hint %-9s a hint for the next step\n", STR_ARG(text), lab->name, lab->name, lab->name);
    page_put(stderr, text, false);
}

static int exec_shell(struct arena *a, struct options *o, const char *bin, int node)
{
    const char *data = data_path(a, o, ""), *path = getenv("PATH");
    char *full = realpath(data, NULL);
    data = full ? arena_strdup(a, full) : data;
    free(full);
    setenv("PATH", arena_printf(a, "%s%s/bin:%s", o->drive ? arena_printf(a, "%s/bin/driven:", data) : "", data,
                                path ? path : "/usr/local/bin:/usr/bin:/bin"), 1);
    const char *rc = arena_printf(a, "%s/bashrc", bin);
    struct err err = { 0 };
    if (!file_write(rc, str_c(bashrc), 0600, &err))
        return control_fail(&err);
    shell_environment(a, o, data, node);
    struct place here = { a, data };
    if (o->drive && setenv("KUBELAB_DRIVEN", "1", 1) == 0)
        return drive_command(a, o, &(struct drive_job){ .argv = o->rest, .budget = o->budget, .enter = enter_here, .ctx = &here });
    enter_here(&here);
    if (o->rest_count) {
        execvp(o->rest[0], o->rest);
        fprintf(stderr, "kubelab: %s: %s\n", o->rest[0], errno == ENOENT ? "command not found" : strerror(errno));
        return errno == ENOENT ? 127 : 126;
    }
    if (isatty(0))
        greet(a, o, node);
    execlp("bash", "bash", "--rcfile", rc, "-i", (char *)NULL);
    fprintf(stderr, "kubelab: bash: %s\n", strerror(errno));
    return EXIT_INTERNAL;
}

/* The node that --node names: -1 after a message. */
static int node_wanted(struct arena *a, const struct options *o)
{
    struct err err = { 0 };
    struct control_reply reply = { 0 };
    struct node_place place;
    if (!o->node)
        return 0;
    int count = control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, &err)
                ? (int)json_len(json_get(json_parse(a, reply.body, NULL), "nodes")) : 0;
    int node = node_find(str_c(o->node), count);
    const char *names = "";
    for (int i = 0; i < count; i++) {
        node_place(i, &place);
        names = arena_printf(a, "%s%s%s", names, i ? ", " : "", place.name);
    }
    if (node < 0 && count > 1)
        fprintf(stderr, "kubelab: there is no node \"%s\": the cluster's machines are %s\n", o->node, names);
    else if (node < 0)
        fprintf(stderr, "kubelab: there is no node \"%s\": %s%s\n", o->node,
                count ? "the cluster's only machine is " : "a bare control plane has none", names);
    err_clear(&err);
    return node;
}

static int shell(struct arena *a, struct options *o)
{
    struct err err = { 0 };
    const char *lab = o->arg_count ? o->args[0] : NULL;
    const struct lab *here = lab ? lab_of_cluster(a, o) : NULL, *wanted = here && strcmp(here->name, lab) == 0 ? here : NULL;
    if (lab && !wanted && !(wanted = lab_open(lab, &err)))
        return control_fail(&err);
    if (o->drive && !o->rest_count) {
        fprintf(stderr, "kubelab shell: --drive takes a command: kubelab shell --drive -- CMD...\n");
        return EXIT_USAGE;
    }
    if (o->budget && !o->drive) {
        fprintf(stderr, "kubelab shell: --budget is of virtual time, which only a driven command uses: add --drive\n");
        return EXIT_USAGE;
    }
    bool runs = cluster_answers(a, o);
    if (runs && wanted && !(here && strcmp(here->name, wanted->name) == 0)) {
        fprintf(stderr, "kubelab: what runs in this data folder is no cluster of %s: stop it with 'kubelab down', or name another "
                        "folder with --data\n", wanted->name);
        return EXIT_USAGE;
    }
    if (!runs) {
        struct options up = { .data = o->data, .detach = true, .port = -1, .kubelet_port = -1, .lab = here ? NULL : lab };
        fprintf(stderr, "kubelab: starting the cluster\n");
        int status = cmd_up(&up);
        if (status != EXIT_DONE)
            return status;
    }
    const char *bin = data_path(a, o, "bin");
    int node = node_wanted(a, o);
    if (node < 0)
        return EXIT_USAGE;
    return shell_make_bin(a, bin, &err) ? exec_shell(a, o, bin, node) : control_fail(&err);
}

int cmd_shell(struct options *o)
{
    struct arena *a = arena_new();
    int status = shell(a, o);
    arena_free(a);
    return status;
}
