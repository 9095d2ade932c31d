/* sim/cmd/namespaces.c - the icing: where the kernel lets an ordinary user have namespaces, the node's files appear at their real
 * paths, without sudo's help.
 *
 * A user namespace (the user stays who it is; ssh to another node makes one within), and in it a mount namespace with the node's
 * files bound to their places, and a host name. A place that this machine does not have gets its folder from a read-only overlay
 * of the parent (Linux 5.11 and later); what was mounted below the parent is bound again. Many machines forbid some of this:
 * everything is tried first in a child, and when any step fails there, nothing is done and nothing is said; the base mode
 * (host_sudo.c) needs none. Not for uid 0, who may want to write to /etc, and not where the data folder itself lies below one of
 * these parents.
 */
#include "sim/cmd/host.h"

#ifdef __linux__
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct { const char *path, *parent; } places[] = {
    { "/etc/kubernetes", "/etc" }, { "/etc/systemd/system/kubelet.service.d", "/etc" },
    { "/var/lib/kubelet", "/var/lib" }, { "/var/log/pods", "/var/log" },
};

static bool put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool become(struct arena *a, const char *name)
{
    int uid = (int)getuid(), gid = (int)getgid();
    return unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS) == 0 && put("/proc/self/setgroups", "deny") &&
           put("/proc/self/uid_map", arena_printf(a, "%d %d 1", uid, uid)) &&
           put("/proc/self/gid_map", arena_printf(a, "%d %d 1", gid, gid)) &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && sethostname(name, strlen(name)) == 0;
}

/* What is mounted below a folder now, as paths relative to it: /proc/self/mountinfo's fifth field. */
static struct str mounts_below(struct arena *a, const char *parent)
{
    struct str text = STR_NULL;
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char line[8192];
    while (f && fgets(line, sizeof line, f)) {
        struct str rest = str_c(line), field = STR_NULL;
        for (int i = 0; i < 5; i++)
            field = str_token(&rest, ' ');
        if (str_starts(field, parent) && field.n > strlen(parent) + 1 && field.p[strlen(parent)] == '/' && str_chr(field, '\\') < 0)
            strbuf_addf(&out, STR_FMT "\n", STR_ARG(str_sub(field, strlen(parent) + 1, field.n)));
    }
    if (f)
        fclose(f);
    text = arena_str(a, strbuf_str(&out));
    strbuf_deinit(&out);
    return text;
}

/* Lay a folder with the missing places over the parent. skeleton: a folder of ours that has them. */
static bool overlay(struct arena *a, const char *skeleton, const char *parent)
{
    struct str inner = mounts_below(a, parent);
    int before = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool ok = before >= 0 &&
              mount("overlay", parent, "overlay", MS_RDONLY, arena_printf(a, "lowerdir=%s%s:%s", skeleton, parent, parent)) == 0;
    while (ok && inner.p && inner.n) {
        struct str one = str_token(&inner, '\n');
        if (one.n)
            ok = mount(arena_printf(a, "/proc/self/fd/%d/" STR_FMT, before, STR_ARG(one)),
                       arena_printf(a, "%s/" STR_FMT, parent, STR_ARG(one)), NULL, MS_BIND | MS_REC, NULL) == 0;
    }
    if (before >= 0)
        close(before);
    return ok;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool enter(struct arena *a, const char *data, int node)
{
    const char *skeleton = arena_printf(a, "%s/skeleton", data), *root = node_dir(a, data, node), *laid[ARRAY_LEN(places)] = { NULL };
    struct node_place place;
    node_place(node, &place);
    if (strpbrk(data, ":,\\") || !become(a, place.name))        /* these part the overlay's options */
        return false;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        bool done = i > 0 && laid[i - 1] && strcmp(laid[i - 1], places[i].parent) == 0;
        laid[i] = done ? places[i].parent : NULL;
        if (!is_folder(places[i].path) && !done) {
            if (!overlay(a, skeleton, places[i].parent))
                return false;
            laid[i] = places[i].parent;
        }
        if (mount(arena_printf(a, "%s%s", root, places[i].path), places[i].path, NULL, MS_BIND, NULL) != 0)
            return false;
    }
    return true;
}

static bool skeleton_make(struct arena *a, const char *data, int node)
{
    struct err err = { 0 };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(places) && ok; i++)
        ok = dir_make(arena_printf(a, "%s/skeleton%s", data, places[i].path), 0755, &err) &&
             is_folder(arena_printf(a, "%s%s", node_dir(a, data, node), places[i].path));
    err_clear(&err);
    return ok;
}

bool namespaces_enter(struct arena *a, const char *data, int node)
{
    int status = 1;
    char cwd[4096];
    struct node_place place;
    node_place(node, &place);
    const char *already = getenv("KUBELAB_REAL_PATHS");          /* whose they are; another's are laid over them */
    if (getuid() == 0 || geteuid() != getuid() || (already && strcmp(already, place.name) == 0) ||
        getenv("KUBELAB_NO_NAMESPACES") || !getcwd(cwd, sizeof cwd))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (strncmp(data, places[i].parent, strlen(places[i].parent)) == 0)
            return false;
    if (!skeleton_make(a, data, node))
        return false;
    pid_t pid = fork();
    if (pid == 0)
        _exit(enter(a, data, node) && chdir(cwd) == 0 ? 0 : 1);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        return false;
    return enter(a, data, node) && chdir(cwd) == 0 && setenv("KUBELAB_REAL_PATHS", place.name, 1) == 0;
}
#else
bool namespaces_enter(struct arena *a, const char *data, int node) { (void)a; (void)data; (void)node; return false; }
#endif
