/* sim/cmd/scratch.c - a folder of its own for a cluster that is to leave nothing behind. */
#include "sim/cmd/cmd.h"
#include "sim/cmd/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char *scratch_make(struct arena *a, const char *what, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/kubelab-%s-XXXXXX", tmp && *tmp ? tmp : "/tmp", what);
    if (mkdtemp(path))
        return path;
    err_set(err, ERR_IO, "cannot make a folder in %s: %s", tmp && *tmp ? tmp : "/tmp", strerror(errno));
    return NULL;
}

void scratch_remove(const char *path)
{
    const char *const rm[] = { "rm", "-rf", path, NULL };
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execvp("rm", (char *const *)(uintptr_t)rm);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

void scratch_let_in(const char *path)
{
    if (sandbox_cluster_user() != geteuid())
        chmod(path, 0711);
}
