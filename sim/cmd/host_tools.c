/* sim/cmd/host_tools.c - the small commands of the lab's host: hostname, ssh, apt-get, and git with the lab's repository at hand.
 *
 * git is the student's own. Only where it is to fetch the metrics server's repository it is told, by git's own url rewriting,
 * that a local one has it: made in the data folder the first time, from the lab's files.
 */
#include "labs/labs.h"
#include "sim/cmd/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int host_hostname(struct arena *a, int argc, char **argv)
{
    struct node_place here = host_place();
    (void)a;
    const char *flag = argc > 1 ? argv[1] : "";
    if (strcmp(flag, "-i") == 0)
        printf("127.0.1.1\n");
    else if (strcmp(flag, "-I") == 0)
        printf("%s %s1 \n", here.ip, here.pod_base);
    else if (*flag && flag[0] != '-')
        return fprintf(stderr, "hostname: you must be root to change the host name\n"), 1;
    else
        printf("%s\n", strcmp(flag, "-d") == 0 ? "" : here.name);
    return 0;
}

/* The node that a destination is; -1 after ssh's own words. A shell's own machine answers also while the cluster is down. */
static int ssh_destination(struct arena *a, const char *host)
{
    struct node_place here = host_place();
    struct err err = { 0 };
    int count = 0, self = node_find(str_c(here.name), NODES_MAX), known = node_find(str_c(host), NODES_MAX);
    if (known == self || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0)
        return self;
    int node = host_node_of(a, host, &count, &err);
    if (node < 0 && err.code && known >= 0)
        fprintf(stderr, "ssh: connect to host %s port 22: No route to host\n", host);
    else if (node < 0)
        fprintf(stderr, "ssh: Could not resolve hostname %s: Name or service not known\n", host);
    err_clear(&err);
    return node;
}

/* To another of the cluster's machines, or to this one: a shell there is a process here with that node's environment. */
int host_ssh(struct arena *a, int argc, char **argv)
{
    int i = 1;
    while (i < argc && argv[i][0] == '-')
        i += strchr("bceiloDEFIJLmOopQRSwW", argv[i][1]) && !argv[i][2] ? 2 : 1;
    if (i >= argc) {
        fprintf(stderr, "usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-i identity_file] [-l login_name] [-o option] [-p port] "
                        "destination [command]\n");
        return 255;
    }
    const char *at = strrchr(argv[i], '@'), *data = getenv("KUBELAB_DATA");
    int node = ssh_destination(a, at ? at + 1 : argv[i]);
    if (node < 0)
        return 255;
    struct strbuf line;
    struct options o = { 0 };
    strbuf_init(&line, 1 << 20);
    for (int k = i + 1; k < argc; k++)
        strbuf_addf(&line, "%s%s", k > i + 1 ? " " : "", argv[k]);
    if (data && node != node_find(str_c(host_place().name), NODES_MAX)) {
        shell_environment(a, &o, data, node);
        namespaces_enter(a, data, node);
    }
    if (getenv("HOME") && chdir(getenv("HOME")) != 0)
        fprintf(stderr, "Could not chdir to home directory %s: %s\n", getenv("HOME"), strerror(errno));
    if (line.n)
        execlp("bash", "bash", "-c", line.p, (char *)NULL);
    else
        execlp("bash", "bash", "--rcfile", arena_printf(a, "%s/bin/bashrc", data), "-i", (char *)NULL);
    fprintf(stderr, "ssh: bash: %s\n", strerror(errno));
    return 255;
}

/* ---- apt-get ---- */
static const struct { const char *package, *command, *version; } packages[] = {
    { "kubelet", "", NULL }, { "kubeadm", "", NULL }, { "kubectl", "kubectl", NULL },
    { "docker.io", "", "18.09.7-0ubuntu1~16.04.5" }, { "docker-ce", "", "5:19.03.5~3-0~ubuntu-xenial" },
    { "openssl", "openssl", NULL }, { "procps", "watch", NULL }, { "iputils-ping", "ping", NULL }, { "dnsutils", "dig", NULL },
    { "net-tools", "ifconfig", NULL },
    { "apt-transport-https", "", "1.2.32ubuntu0.1" }, { "ca-certificates", "", "20190110~16.04.1" }, { "vim-tiny", "vi", NULL },
};

/* What dpkg says of a package of the student's machine; NULL when it knows none, or there is no dpkg. */
static const char *dpkg_version(struct arena *a, const char *package)
{
    int fds[2], status = 1;
    char text[256];
    if (pipe(fds) != 0)
        return NULL;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 1);
        if (!freopen("/dev/null", "w", stderr))
            _exit(127);
        execlp("dpkg-query", "dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", package, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    ssize_t n = read(fds[0], text, sizeof text - 1);
    close(fds[0]);
    waitpid(pid, &status, 0);
    struct str s = { text, n > 0 ? (size_t)n : 0 };
    return status == 0 && str_starts(s, "installed ") ? arena_cstr(a, str_sub(s, 10, s.n)) : NULL;
}

static const char *installed_version(struct arena *a, const char *package)
{
    const char *command = package, *known = NULL;
    for (size_t i = 0; i < ARRAY_LEN(packages); i++)
        if (strcmp(packages[i].package, package) == 0) {
            command = packages[i].command;
            known = packages[i].version;
        }
    if (!*command && !known) {                     /* Kubernetes' own: as new as the node */
        struct err err = { 0 };
        struct str v = json_get_str(host_status(a, &err), "version");
        return v.n > 1 ? arena_printf(a, STR_FMT "-00", STR_ARG(str_sub(v, 1, v.n))) : NULL;
    }
    if (!*command)
        return known;
    const char *version = dpkg_version(a, package);
    return version ? version : host_find_program(a, command) ? "installed by other means" : NULL;
}

static int apt_install(struct arena *a, int argc, char **argv)
{
    int missing = 0, shown = 0;
    printf("Reading package lists... Done\nBuilding dependency tree       \nReading state information... Done\n");
    for (int i = 0; i < argc; i++) {
        if (argv[i][0] == '-')
            continue;
        const char *version = installed_version(a, arena_cstr(a, str_sub(str_c(argv[i]), 0, strcspn(argv[i], "="))));
        fflush(stdout);
        if (version)
            printf("%.*s is already the newest version (%s).\n", (int)strcspn(argv[i], "="), argv[i], version);
        else
            fprintf(stderr, "E: %s is not on this machine, and kubelab changes nothing on it: install it with your own system's "
                            "package manager, outside of the lab's shell\n", argv[i]);
        missing += !version;
        shown++;
    }
    if (!missing)
        printf("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n");
    return missing ? 100 : 0;
}

int host_apt(struct arena *a, int argc, char **argv)
{
    int i = 1, status = 0;
    while (i < argc && argv[i][0] == '-')
        i++;
    const char *verb = i < argc ? argv[i] : "";
    bool changes = strcmp(verb, "install") == 0 || strcmp(verb, "update") == 0 || strcmp(verb, "upgrade") == 0 ||
                   strcmp(verb, "remove") == 0;
    if (changes && !host_is_root()) {
        fprintf(stderr, "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\n"
                        "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?\n");
        status = 100;
    } else if (strcmp(verb, "install") == 0) {
        status = apt_install(a, argc - i - 1, argv + i + 1);
    } else if (strcmp(verb, "update") == 0) {
        printf("Reading package lists... Done\n");
    } else if (*verb) {
        fprintf(stderr, "E: Invalid operation %s\n", verb);
        status = 100;
    } else {
        printf("apt 1.2.32 (amd64)\nUsage: apt-get [options] command\n");
    }
    return status;
}

/* ---- git ---- */
static const char *const lab_urls[] = { "https://github.com/kubernetes-incubator/metrics-server",
                                        "https://github.com/kubernetes-sigs/metrics-server",
                                        "https://www.github.com/kubernetes-incubator/metrics-server",
                                        "http://github.com/kubernetes-incubator/metrics-server" };

static int run_quietly(const char *const *argv, const char *dir)
{
    int status = 1;
    pid_t pid = fork();
    if (pid == 0) {
        if ((dir && chdir(dir) != 0) || !freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(127);
        execv(argv[0], (char *const *)(const void *)argv);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* The upstream commit that the lab cloned is of 22 January 2020; ours, with the lab's files alone, has its date, so that every
 * clone has the same hashes. */
static bool make_repository(struct arena *a, const char *git, const char *repo)
{
    static const char *const names[][2] = { { "GIT_AUTHOR_NAME", "Kubernetes Prow Robot" },
                                            { "GIT_AUTHOR_EMAIL", "k8s-ci-robot@users.noreply.github.com" },
                                            { "GIT_AUTHOR_DATE", "2020-01-22T14:27:35Z" },
                                            { "GIT_COMMITTER_NAME", "GitHub" }, { "GIT_COMMITTER_EMAIL", "noreply@github.com" },
                                            { "GIT_COMMITTER_DATE", "2020-01-22T14:27:35Z" },
                                            { "GIT_CONFIG_NOSYSTEM", "1" }, { "GIT_CONFIG_GLOBAL", "/dev/null" } };
    const char *work = arena_printf(a, "%s.tmp", repo), *tree = arena_printf(a, "%s/metrics-server", work);
    const char *rm[] = { "/bin/rm", "-rf", work, NULL };
    const char *steps[][9] = { { git, "init", "-q", NULL }, { git, "checkout", "-q", "-b", "master", NULL },
                               { git, "add", "-A", NULL },
                               { git, "commit", "-q", "--no-gpg-sign", "-m", "Manifests for Kubernetes 1.8 and later", NULL },
                               { git, "clone", "-q", "--bare", tree, repo, NULL } };
    run_quietly(rm, NULL);
    struct err err = { 0 };
    if (!lab_files_write(lab_find("lab8"), work, false, &err)) {
        err_clear(&err);
        return false;
    }
    pid_t pid = fork();                            /* its environment is the child's alone */
    if (pid == 0) {
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            setenv(names[i][0], names[i][1], 1);
        unsetenv("GIT_DIR");
        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
            if (run_quietly(steps[i], tree) != 0 && i != 1)     /* the branch may be called master already */
                _exit(1);
        _exit(0);
    }
    int status = 1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    run_quietly(rm, NULL);
    const char *other = arena_printf(a, "%s.git", repo);        /* the address may end so, too */
    unlink(other);
    return status == 0 && symlink(repo, other) == 0;
}

static bool names_lab_repository(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        for (size_t k = 0; k < ARRAY_LEN(lab_urls); k++)
            if (strncmp(argv[i], lab_urls[k], strlen(lab_urls[k])) == 0)
                return true;
    return false;
}

int host_git(struct arena *a, int argc, char **argv)
{
    const char *git = host_find_program(a, "git"), *data = getenv("KUBELAB_DATA");
    struct stat st;
    if (!git) {
        fprintf(stderr, "\nCommand 'git' not found, but can be installed with:\n\nsudo apt install git\n\n");
        return 127;
    }
    char **args = arena_alloc(a, sizeof *args * ((size_t)argc + 2 * ARRAY_LEN(lab_urls) + 1));
    int n = 0;
    args[n++] = arena_strdup(a, "git");
    if (data) {
        const char *repo = arena_printf(a, "%s/git/metrics-server", data);
        if (stat(repo, &st) != 0 && names_lab_repository(argc, argv) && !make_repository(a, git, repo))
            fprintf(stderr, "kubelab: the lab's repository could not be made in %s\n", repo);
        for (size_t k = 0; k < ARRAY_LEN(lab_urls) && stat(repo, &st) == 0; k++) {
            args[n++] = arena_strdup(a, "-c");
            args[n++] = arena_printf(a, "url.file://%s.insteadOf=%s", repo, lab_urls[k]);
        }
    }
    for (int i = 1; i < argc; i++)
        args[n++] = argv[i];
    args[n] = NULL;
    execv(git, args);
    fprintf(stderr, "git: %s\n", strerror(errno));
    return 126;
}
