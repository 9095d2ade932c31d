/* sim/cmd/terminals.c - pseudo-terminals where there are none: a bare root (a chroot, a build container) often has no /dev/pts.
 *
 * Root may mount one, in a mount namespace of its own, so that only this program and its children see it. Where the folder's
 * mount is shared with the machine's, it is seen there too; terminals_end takes it away again.
 */
#include "sim/cmd/cmd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#endif

static bool mounted;

static bool one_opens(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

bool terminals_begin(void)
{
    if (one_opens())
        return true;
#ifdef __linux__
    if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0) {
        /* fails below a chroot, whose root is no mount point: then it is shared */
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
        mounted = mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620") == 0;
    }
#endif
    return mounted && one_opens();
}

void terminals_end(void)
{
#ifdef __linux__
    if (mounted)
        umount2("/dev/pts", MNT_DETACH);
#endif
    mounted = false;
}
