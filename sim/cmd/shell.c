/* sim/cmd/shell.c - `kubelab shell [LAB] [-- CMD]`: the lab's host, as far as an ordinary process can be it.
 *
 * The student's own tools with PATH, KUBECONFIG and KUBELAB_DATA set, and a `docker` that speaks to the node's image store (a link to kubelab itself in
 * DATA/bin). Leaving the shell leaves the cluster up. With a lab named, the cluster is started when it is not running.
 */
#include "sim/cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool self_path(char *out, size_t n)
{
    ssize_t len = readlink("/proc/self/exe", out, n - 1);
    if (len <= 0)
        return false;
    out[len] = 0;
    return true;
}

/* DATA/bin: kubelab under its own name, and as docker. */
bool shell_make_bin(struct arena *a, const char *bin, struct err *err)
{
    char self[4096];
    if (!self_path(self, sizeof self))
        return err_set(err, ERR_IO, "cannot find my own program file: %s", strerror(errno));
    if (!dir_make(bin, 0700, err))
        return false;
    static const char *const names[] = { "docker", "kubelab" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *link_path = arena_printf(a, "%s/%s", bin, names[i]);
        unlink(link_path);
        if (symlink(self, link_path) != 0 && errno != EEXIST)
            return err_set(err, ERR_IO, "cannot make %s: %s", link_path, strerror(errno));
    }
    return true;
}

static bool cluster_answers(struct arena *a, const struct options *o)
{
    struct err err = { 0 };
    struct control_reply reply;
    bool ok = control_call(a, o, "GET", "/status", STR_NULL, NULL, NULL, &reply, &err);
    err_clear(&err);
    return ok;
}

static int exec_shell(struct arena *a, struct options *o, const char *bin)
{
    const char *data = data_path(a, o, ""), *path = getenv("PATH");
    char *full = realpath(data, NULL);
    setenv("KUBELAB_DATA", full ? full : data, 1);
    setenv("KUBECONFIG", arena_printf(a, "%s/admin.conf", full ? full : data), 1);
    setenv("PATH", arena_printf(a, "%s:%s", bin, path ? path : "/usr/local/bin:/usr/bin:/bin"), 1);
    free(full);
    if (o->rest_count) {
        execvp(o->rest[0], o->rest);
        fprintf(stderr, "kubelab: %s: %s\n", o->rest[0], errno == ENOENT ? "command not found" : strerror(errno));
        return errno == ENOENT ? 127 : 126;
    }
    const char *rc = arena_printf(a, "%s/bashrc", bin);
    struct err err = { 0 };
    struct str text = STR("[ -f ~/.bashrc ] && . ~/.bashrc\nPS1='user@ubuntu:\\w\\$ '\n");
    if (!file_write(rc, text, 0600, &err))
        return control_fail(&err);
    if (isatty(0))
        fprintf(stderr, "This is the lab's host. kubectl and docker work here; `exit` leaves, and the cluster stays up.\n");
    execlp("bash", "bash", "--rcfile", rc, "-i", (char *)NULL);
    fprintf(stderr, "kubelab: bash: %s\n", strerror(errno));
    return EXIT_INTERNAL;
}

int cmd_shell(struct options *o)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    const char *lab = o->arg_count ? o->args[0] : NULL;
    if (lab && strcmp(lab, "lab8") != 0) {
        fprintf(stderr, "kubelab: there is no lab \"%s\"; 'kubelab lab list' names them\n", lab);
        return EXIT_USAGE;
    }
    if (!cluster_answers(a, o)) {
        struct options up = { .data = o->data, .detach = true, .port = -1, .kubelet_port = -1, .lab = lab };
        fprintf(stderr, "kubelab: starting the cluster\n");
        int status = cmd_up(&up);
        if (status != EXIT_DONE)
            return status;
    }
    const char *bin = data_path(a, o, "bin");
    if (!shell_make_bin(a, bin, &err))
        return control_fail(&err);
    int status = exec_shell(a, o, bin);
    arena_free(a);
    return status;
}
