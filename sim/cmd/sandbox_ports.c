/* sim/cmd/sandbox_ports.c - the two ports of the machine that a lab's text has students listen at, for kubectl proxy and kubectl
 * port-forward. Loopback is one for all scripts that are run on a machine at once: one would find the other's proxy, hence the
 * other's cluster, or no free port. So who names them has them alone, one script after another; who names none can neither listen
 * nor connect there (Landlock), and waits for nobody.
 */
#include "sim/cmd/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LOOK_BYTES = 256 * 1024, POLL_MS = 50 };

static bool text_names(struct str text)
{
    static const char *const words[] = { "8001", "8080", "port-forward", "proxy" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_find(text, str_c(words[i])) >= 0)
            return true;
    return false;
}

static int file_names(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    static char text[LOOK_BYTES];
    (void)st, (void)ftw;
    int fd = type == FTW_F ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : 0;
    if (fd >= 0)
        close(fd);
    return n > 0 && text_names((struct str){ text, (size_t)n });
}

bool sandbox_ports_named(const char *home) { return nftw(home, file_names, 16, FTW_PHYS) == 1; }

/* A name in the abstract namespace of Unix sockets: it is there for whoever shares our loopback, and gone with its holder. */
int sandbox_ports_take(bool (*stopped)(void *ctx), void *ctx)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "\0kubelab/ports-of-graded-scripts" };
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(at.sun_path + 1));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (fd >= 0 && bind(fd, (struct sockaddr *)&at, n) != 0) {
        if (errno != EADDRINUSE || (stopped && stopped(ctx))) {
            close(fd);
            return -1;
        }
        poll(NULL, 0, POLL_MS);
    }
    return fd;
}
