/* sim/cmd/confine_namespaces.c - a view of the machine of the script's own: a mount namespace in which everything but its folders
 * is read-only and /tmp is its own, and a process namespace in which it sees itself alone, and with whose first process all
 * others end.
 *
 * An ordinary user needs a user namespace for that, which many machines and most containers refuse; then the other measures have
 * to do.
 */
#include "sim/cmd/confine.h"

#ifdef __linux__
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NR_MOUNT_SETATTR_HERE = 442, ALL_BELOW = 0x8000 /* AT_RECURSIVE */, READ_ONLY = 1 /* MOUNT_ATTR_RDONLY */ };
struct mount_attributes { uint64_t set, clear, propagation, userns_fd; };

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool enter_new(void)
{
    char uid[64], gid[64];
    bool root = geteuid() == 0;
    if (root && !confine_has_capability(CAP_SYS_ADMIN))
        return false;                              /* who is uid 0 without it cannot be anybody in a user namespace (CAP_SETFCAP) */
    snprintf(uid, sizeof uid, "%d %d 1", (int)geteuid(), (int)geteuid());
    snprintf(gid, sizeof gid, "%d %d 1", (int)getegid(), (int)getegid());
    if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | (root ? 0 : CLONE_NEWUSER)) != 0)
        return false;
    return (root || (write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", uid) &&
                     write_text("/proc/self/gid_map", gid))) &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool attributes(const char *path, uint64_t set, uint64_t clear, unsigned flags)
{
    struct mount_attributes m = { .set = set, .clear = clear };
    return syscall(NR_MOUNT_SETATTR_HERE, AT_FDCWD, path, flags, &m, sizeof m) == 0;
}

static bool bind_here(const char *from, const char *to)
{
    return mount(from, to, NULL, MS_BIND | MS_REC, NULL) == 0;
}

/* The nodes' files, where the script's KUBELAB_DATA has them: else a link leads there, which needs the way to be open. */
static bool bind_nodes(const struct confinement *c, const char *const names[], size_t n)
{
    char from[4200], to[4200];
    for (size_t i = 0; i < n; i++) {
        snprintf(from, sizeof from, "%s/%s", c->data, names[i]);
        snprintf(to, sizeof to, "%s/%s", c->view, names[i]);
        if (access(from, F_OK) != 0)
            continue;
        unlink(to);
        if ((mkdir(to, 0755) != 0 && errno != EEXIST) || !bind_here(from, to))
            return false;
    }
    return true;
}

static bool make_way(const char *path)
{
    char at[4200];
    for (size_t i = 1; path[i] && i < sizeof at - 1; i++)
        if (path[i] == '/') {
            memcpy(at, path, i);
            at[i] = 0;
            if (mkdir(at, 0755) != 0 && errno != EEXIST)
                return false;
        }
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

/* A mount point: a folder, or a file in one. */
static bool make_point(const char *path, bool is_dir)
{
    char parent[4200];
    if (is_dir)
        return make_way(path);
    snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = 0;
    int fd = strcmp(parent, "/tmp") == 0 || make_way(parent) ? open(path, O_CREAT | O_RDONLY | O_CLOEXEC, 0644) : -1;
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Its own folder goes over /tmp; what is needed of the old one is bound there again. */
static bool own_tmp(const struct confinement *c)
{
    int fds[CONFINE_PATHS_MAX + 1];
    const char *paths[CONFINE_PATHS_MAX + 1];
    bool is_dir[CONFINE_PATHS_MAX + 1];
    char self[64];
    size_t n = 0;
    bool ok = true;
    for (size_t i = 0; i <= c->readable_n; i++) {
        const char *path = i ? c->readable[i - 1] : c->box->folder;
        struct stat st;
        if (strncmp(path, "/tmp/", 5) != 0 || stat(path, &st) != 0 || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
            continue;
        paths[n] = path;
        is_dir[n] = S_ISDIR(st.st_mode);
        fds[n++] = open(path, O_PATH | O_CLOEXEC);
    }
    ok = bind_here(c->tmp, "/tmp");
    for (size_t i = 0; i < n; i++) {
        snprintf(self, sizeof self, "/proc/self/fd/%d", fds[i]);
        ok = ok && make_point(paths[i], is_dir[i]) && bind_here(self, paths[i]);
        close(fds[i]);
    }
    return ok;
}

bool confine_namespaces(const struct confinement *c, const char **why)
{
    static const char *const nodes[] = { "node", "nodes" };
    char path[4200];
    *why = "the system gives this process no namespaces of its own";
    if (!enter_new())
        return false;
    *why = "in namespaces of its own, it could not arrange the folders";
    if (!bind_here(c->box->folder, c->box->folder) || !bind_nodes(c, nodes, ARRAY_LEN(nodes)) || !own_tmp(c) ||
        !attributes("/", READ_ONLY, 0, ALL_BELOW))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        snprintf(path, sizeof path, "%s/%s", c->view, nodes[i]);
        if (access(path, F_OK) == 0 && !attributes(path, 0, READ_ONLY, 0))
            return false;
    }
    return attributes(c->box->folder, 0, READ_ONLY, 0) && attributes("/tmp", 0, READ_ONLY, 0);
}
#else
bool confine_namespaces(const struct confinement *c, const char **why) { (void)c; *why = "this is no Linux"; return false; }
#endif
