/* sim/proc/proc_priv.h - what the files of this room share. */
#ifndef SIM_PROC_PROC_PRIV_H
#define SIM_PROC_PROC_PRIV_H

#include "sim/proc/proc.h"

enum {
    VFS_BYTES             = 64 * 1024 * 1024,      /* one file system's files: twice the largest build context */
    VFS_NODES             = 65536,                 /* its files and folders */
    VFS_DEPTH             = 64,                    /* names in a path; bounds the recursion over a tree */
    VFS_PATH_BYTES        = 4096,                  /* PATH_MAX */
    PROCESS_INPUT_BYTES   = 1024 * 1024,           /* typed before the program could start to read */
    PROGRAMS_MAX          = 64,
    DOCKERFILE_BYTES      = 1024 * 1024,
    DOCKERFILE_STEPS      = 127,                   /* overlayfs bounds the layers of an image alike */
    BUILD_CACHE_STEPS     = 512,                   /* the oldest goes */
};

/* ---- vfs ---- */
char *vfs_normalize(struct arena *a, const char *base, const char *path);  /* absolute, without . and ..; NULL past the limits */

/* ---- images ---- */
/* "docker.io/library/php", "5-apache" or "", "sha256:..." or "" */
struct image_name { const char *repo, *tag, *digest; };
void image_split(struct arena *a, struct str ref, struct image_name *out);
struct vfs *image_catalog_files(const struct json *catalog_record);        /* a new file system as the record and its base say */
bool image_catalog_has_repo(const char *repo);                             /* normalized, without tag */
/* image_put, and told to ops->save */
void image_put_saved(struct image_store *s, struct str ref, const struct json *record, struct vfs *files);
struct loop *image_store_loop(const struct image_store *s);
/* builds under way, for build_free when the store goes */
struct list *image_store_builds(struct image_store *s);
void build_free(struct list *node);
/* build steps by id, freed with the store */
struct map *image_store_cache(struct image_store *s, void (*free_entry)(void *entry));
/* A pull with a say while it runs: line(ctx, text) for each line that docker prints. done as in image_pull. */
void image_pull_lines(struct image_store *s, struct str ref, void (*line)(void *ctx, struct str text),
                      void (*done)(void *ctx, const struct json *record, const struct err *err), void *ctx);

#endif
