/* sim/cmd/self.c - where this very program lies: for the links in DATA/bin, and so that a link is never taken for the real thing.
 *
 * By the path that the kernel started it under (auxv's AT_EXECFN), which needs no /proc and stays right when the file is replaced
 * by a newer build.
 */
#include "sim/cmd/cmd.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/auxv.h>

const char *self_path(void)
{
    static char path[PATH_MAX];
    const char *started_as = (const char *)getauxval(AT_EXECFN);
    if (!path[0] && (!started_as || !realpath(started_as, path)))
        path[0] = 0;
    return path[0] ? path : NULL;
}
