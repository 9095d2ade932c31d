/* sim/cmd/confine_landlock.c - which files and ports a script may reach: Landlock, which any process may ask for itself.
 *
 * Readable: programs and libraries, what everybody may read in /etc, /proc and /sys (which Landlock itself guards: other
 * processes' memory and environment are out of reach). Writable: home, /tmp, the view of the cluster's folder, the node's files
 * (the lab's host is the student's). Nothing else, wherever the file's mode would let it. What Landlock does not know (changing
 * modes and times, Unix sockets by their path) is left to the other measures.
 */
#include "sim/cmd/confine.h"

#ifdef __linux__
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/landlock.h; written out, since the headers are mostly older than the kernel. */
enum { NR_CREATE_RULESET = 444, NR_ADD_RULE = 445, NR_RESTRICT_SELF = 446, ASK_VERSION = 1, RULE_PATH = 1, RULE_PORT = 2 };
enum {
    FS_EXECUTE = 1 << 0, FS_WRITE = 1 << 1, FS_READ = 1 << 2, FS_READ_DIR = 1 << 3, FS_MAKE_CHAR = 1 << 6, FS_MAKE_BLOCK = 1 << 11,
        FS_MAKE_LINK = 1 << 12,
    FS_REFER = 1 << 13, FS_TRUNCATE = 1 << 14, FS_IOCTL_DEV = 1 << 15,
    NET_BIND = 1 << 0, NET_CONNECT = 1 << 1, SCOPE_ALL = 3 /* abstract Unix sockets, signals */,
};
enum { FS_VERSION_1 = (1 << 13) - 1, FS_OF_FILES = FS_EXECUTE | FS_WRITE | FS_READ | FS_TRUNCATE | FS_IOCTL_DEV };
struct ruleset { uint64_t fs, net, scoped; };
struct path_rule { uint64_t allowed; int32_t fd; } __attribute__((packed));
struct port_rule { uint64_t allowed, port; };

int landlock_version(void)
{
    long v = syscall(NR_CREATE_RULESET, NULL, 0, ASK_VERSION);
    return v > 0 ? (int)v : 0;
}

/* What is named is refused unless a rule allows it, so all that this kernel knows is named. */
static struct ruleset all_of(int version, const struct confinement *c)
{
    struct ruleset r = { .fs = FS_VERSION_1 };
    r.fs |= (version >= 2 ? FS_REFER : 0u) | (version >= 3 ? FS_TRUNCATE : 0u) | (version >= 5 ? FS_IOCTL_DEV : 0u);
    r.net = c->on & 1u << MEASURE_PORTS ? NET_BIND | NET_CONNECT : 0;
    r.scoped = c->on & 1u << MEASURE_SCOPE ? SCOPE_ALL : 0;
    return r;
}

/* What is not there needs no rule. */
static bool allow(int set, const struct ruleset *r, const char *path, uint64_t what)
{
    struct stat st;
    struct path_rule rule = { .fd = open(path, O_PATH | O_CLOEXEC) };
    if (rule.fd < 0)
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR;
    bool dir = fstat(rule.fd, &st) == 0 && S_ISDIR(st.st_mode);
    rule.allowed = what & r->fs & (dir ? r->fs : (uint64_t)FS_OF_FILES);
    bool ok = syscall(NR_ADD_RULE, set, RULE_PATH, &rule, 0) == 0;
    close(rule.fd);
    return ok;
}

enum { READ = FS_EXECUTE | FS_READ | FS_READ_DIR, DEVICE = FS_READ | FS_WRITE | FS_IOCTL_DEV };
#define EVERYTHING (~(uint64_t)(FS_MAKE_CHAR | FS_MAKE_BLOCK))
/* The cluster, which nobody confines, reads and writes among the node's files too: a link would lead it astray, and it would tell
 * what it found. (In namespaces its folder lies below /tmp, and who may make links there may everywhere below.) */
#define NO_LINKS   (EVERYTHING & ~(uint64_t)FS_MAKE_LINK)

static const struct { const char *path; uint64_t what; } places[] = {
    { "/usr", READ }, { "/bin", READ }, { "/sbin", READ }, { "/lib", READ }, { "/lib32", READ }, { "/lib64", READ },
    { "/opt", READ }, { "/snap", READ }, { "/nix", READ },
    { "/proc", READ }, { "/sys", READ }, { "/run/systemd/resolve", READ },
    { "/dev/null", DEVICE }, { "/dev/zero", DEVICE }, { "/dev/full", DEVICE }, { "/dev/random", FS_READ }, { "/dev/urandom", FS_READ },
    { "/dev/tty", DEVICE }, { "/dev/ptmx", DEVICE }, { "/dev/pts", DEVICE },
};

/* Who has /etc/shadow's rights anyway (uid 0) is not to use them. */
static bool allow_public(int set, const struct ruleset *r, const char *folder)
{
    DIR *d = opendir(folder);
    struct stat st;
    char path[600];
    bool ok = true;
    for (struct dirent *e; ok && d && (e = readdir(d));) {
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) != 0 || !(st.st_mode & S_IROTH) ||
            (S_ISDIR(st.st_mode) && !(st.st_mode & S_IXOTH)))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        ok = allow(set, r, path, READ);
    }
    if (d)
        closedir(d);
    return ok;
}

static bool allow_files(int set, const struct ruleset *r, const struct confinement *c)
{
    bool ok = allow_public(set, r, "/etc");
    for (size_t i = 0; ok && i < ARRAY_LEN(places); i++)
        ok = allow(set, r, places[i].path, places[i].what);
    for (size_t i = 0; ok && i < c->readable_n; i++)
        ok = allow(set, r, c->readable[i], READ);
    char node[4200], nodes[4200];
    snprintf(node, sizeof node, "%s/node", c->data);
    snprintf(nodes, sizeof nodes, "%s/nodes", c->data);
    const struct { const char *path; uint64_t what; } own[] = {
        { c->box->home, EVERYTHING }, { c->tmp, NO_LINKS }, { c->view, NO_LINKS }, { node, NO_LINKS }, { nodes, NO_LINKS },
    };
    for (size_t i = 0; ok && i < ARRAY_LEN(own); i++)
        ok = allow(set, r, own[i].path, own[i].what);
    return ok;
}

bool landlock_enter(const struct confinement *c, const char **why)
{
    int version = landlock_version();
    struct ruleset r = all_of(version, c);
    size_t size = version >= 6 ? sizeof r : version >= 4 ? 2 * sizeof r.fs : sizeof r.fs;
    int set = (int)syscall(NR_CREATE_RULESET, &r, size, 0);
    *why = version ? "the kernel refuses Landlock" : "the kernel has no Landlock";
    if (set < 0)
        return false;
    bool ok = allow_files(set, &r, c);
    for (size_t i = 0; ok && r.net && i < c->port_n; i++) {
        bool own = c->own_ports && (c->ports[i] == PORT_KUBECTL_PROXY || c->ports[i] == PORT_USUAL);
        struct port_rule rule = { NET_CONNECT | (own ? NET_BIND : 0), c->ports[i] };
        ok = syscall(NR_ADD_RULE, set, RULE_PORT, &rule, 0) == 0;
    }
    ok = ok && syscall(NR_RESTRICT_SELF, set, 0) == 0;
    close(set);
    return ok;
}
#else
int landlock_version(void) { return 0; }
bool landlock_enter(const struct confinement *c, const char **why) { (void)c; *why = "this is no Linux"; return false; }
#endif
