/* sim/cmd/shelf.c - clusters that sleep, kept by one command for those of its runs that want the same: booted by whoever comes first,
 * copied by all.
 *
 * What decides a boot is in the name of the folder: seed, time, version, the lab's age and what is wrong in it from the start. A shelf
 * lies in the scratch folder of a command and is gone with it: its keys follow from the seed, as they do in a cluster that was booted
 * for one run alone.
 */
#include "labs/labs.h"
#include "sim/cmd/cmd.h"
#include "sim/pki/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct copy_rules our_own = { .what = "a cluster that sleeps", .mode = 0777, .files = SIZE_MAX, .bytes = SIZE_MAX };

/* The values of a lab's parameters come in by its faults, or later. */
static const char *folder_name(struct arena *a, const char *shelf, const struct options *up)
{
    const struct lab *lab = lab_find(up->lab);
    const char *version = up->kubernetes_version ? up->kubernetes_version : lab->version;
    struct json *what = json_buildf(a, "{'seed':%S,'start':%s,'lab':%s,'version':%s,'age':%d,'faults':%j}",
                                    arena_strf(a, "%" PRIu64, up->seed), up->start, lab->name, version, lab->age_ns,
                                    lab->faults ? json_copy(a, lab->faults) : json_new_array(a));
    return arena_printf(a, "%s/" STR_FMT, shelf, STR_ARG(sha256_hex(a, json_text(a, what))));
}

/* With the folder's lock held: a folder of that name is whole. */
static bool ensure(struct arena *a, const char *folder, const struct options *up,
                   bool (*boot)(struct arena *a, const struct options *up, struct err *err), struct err *err)
{
    struct stat st;
    struct options fresh = *up;
    const char *unready = arena_printf(a, "%s.unready", folder);
    if (stat(folder, &st) == 0)
        return true;
    scratch_remove(unready);           /* of somebody who was interrupted */
    fresh.data = unready;
    return boot(a, &fresh, err) && (rename(unready, folder) == 0 || err_set(err, ERR_IO, "%s: %s", folder, strerror(errno)));
}

bool shelf_take(struct arena *a, const char *shelf, const struct options *up,
                bool (*boot)(struct arena *a, const struct options *up, struct err *err), struct err *err)
{
    const char *folder = folder_name(a, shelf, up);
    if (!dir_make(shelf, 0700, err))
        return false;
    scratch_let_in(shelf);
    int lock = open(arena_printf(a, "%s.lock", folder), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (lock >= 0 && flock(lock, LOCK_EX) != 0 && errno == EINTR)
        continue;
    bool ok = (lock >= 0 || err_set(err, ERR_IO, "%s: %s", shelf, strerror(errno))) && ensure(a, folder, up, boot, err);
    if (lock >= 0)
        close(lock);
    int fd = ok ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    ok = ok && (fd >= 0 || err_set(err, ERR_IO, "%s: %s", folder, strerror(errno))) && folder_copy(a, fd, up->data, &our_own, err);
    if (fd >= 0)
        close(fd);
    return ok;
}
