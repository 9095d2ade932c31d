/* sim/base/archive.h - many files as one, and one file smaller: tar and gzip.
 *
 * Tar is POSIX.1-1988's ustar: 512-byte headers with octal fields, content padded to 512, two empty blocks at the end. A build's
 * context, a lab's pack and a submission come and go in it. Extensions (GNU's long names, pax headers) are handed out as entries
 * of their own types; who reads decides.
 */
#ifndef SIM_BASE_ARCHIVE_H
#define SIM_BASE_ARCHIVE_H

#include "sim/base/base.h"

enum { TAR_BLOCK_BYTES = 512, TAR_NAME_BYTES = 99 /* the longest name that is written: ustar's field without its prefix */ };
#define TAR_FILE '0'
#define TAR_DIR  '5'
#define TAR_LONG_NAME 'L'

struct tar_entry {
    char       name[257];                          /* as it stands there: neither cleaned nor checked */
    char       type;                               /* TAR_FILE (also for the zero of old archives), TAR_DIR, or another letter */
    unsigned   mode;                               /* permission bits */
    int64_t    mtime_s;                            /* seconds since 1970 */
    struct str bytes;                              /* content; when read, a view of the archive */
};

/* Appends one entry. Its name has at most TAR_NAME_BYTES, its owner is root. *out says itself when it overflows. */
void tar_add(struct strbuf *out, const struct tar_entry *e);
void tar_end(struct strbuf *out);                  /* the two empty blocks */

/* The entry at the front of *tar, which is moved past it. False at the end (*why is NULL, *tar begins with the closing blocks or
 * is empty) or where the archive is damaged (*why: a clause that fits behind "it is damaged:"). Takes time and memory in
 * proportion to one header. */
bool tar_next(struct str *tar, struct tar_entry *e, const char **why);

/* GNU's name for the entry that follows one of type TAR_LONG_NAME: its content up to a zero. A view of the archive. */
struct str tar_long_name(const struct tar_entry *e);

/* bytes with gzip's frame around them, in a; level: 1 (quick) to 9 (small). The same bytes give the same bytes: no name, no date. */
struct str gzip_pack(struct arena *a, struct str bytes, int level);
/* The other way: one gzip member and nothing behind it. Errors: ERR_TOO_LARGE when more than max bytes would come out (no more
 * than that is unpacked), ERR_PARSE when the data are damaged, cut off or followed by something. *out is in a. */
bool gzip_unpack(struct arena *a, struct str bytes, size_t max, struct str *out, struct err *err);
#endif
