/* labs/unpack.h - the files of an archive that somebody has handed in: tar, tar in gzip, zip. */
#ifndef LABS_UNPACK_H
#define LABS_UNPACK_H

#include "sim/base/base.h"

struct unpack_limits { size_t files, bytes, depth; };           /* of all that is in it, unpacked; depth: folders */
struct unpack_sink {
    void *ctx;
    /* A regular file, in the archive's order. Its path has no empty, `.` or `..` parts and does not begin with a slash; no path
     * comes twice. False ends the reading: err is set. */
    bool (*file)(void *ctx, const char *path, struct str bytes);
    void (*left_out)(void *ctx, const char *path, const char *why);        /* a link, a device, a file that is encrypted */
};
/* Do these bytes look like one? By what is in them, whatever its name is. */
bool unpack_is_archive(struct str bytes);
/* False: ERR_INVALID, it is damaged, or leads out of itself; ERR_TOO_LARGE, no more than the limits has been unpacked; or what
 * sink->file says. */
bool unpack_read(struct arena *a, struct str bytes, const struct unpack_limits *limits, const struct unpack_sink *sink,
                 struct err *err);

#endif
