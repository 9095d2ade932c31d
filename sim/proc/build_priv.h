/* sim/proc/build_priv.h - the classic builder's parts: dockerfile.c reads, builder.c goes from step to step,
 * build_copy.c and build_run.c do the work. */
#ifndef SIM_PROC_BUILD_PRIV_H
#define SIM_PROC_BUILD_PRIV_H

#include "sim/proc/proc_priv.h"

enum docker_op {
    OP_ADD, OP_ARG, OP_CMD, OP_COPY, OP_ENTRYPOINT, OP_ENV, OP_EXPOSE, OP_FROM, OP_HEALTHCHECK, OP_LABEL,
    OP_MAINTAINER, OP_RUN, OP_STOPSIGNAL, OP_USER, OP_VOLUME, OP_WORKDIR, OP_COUNT
};
struct docker_step {
    enum docker_op op;
    /* the whole instruction on one line: what the Step line shows and the cache knows it by */
    const char    *original;
    struct str     rest;                           /* behind the name and its flags */
    /* of the JSON form, else rest cut at white space (ENV, LABEL: outside of quotes) */
    char         **args; size_t argc;
    bool           json;                           /* exec form */
    const char    *chown, *from;                   /* flags, or NULL */
    int            line;
};
/* Reads a Dockerfile. Errors as dockerd gives them, "Error response from daemon: " included. */
bool dockerfile_parse(struct arena *a, struct str text, struct docker_step **steps, size_t *count, struct err *err);
/* One word with its quotes taken off and $NAME, ${NAME}, ${NAME:-word}, ${NAME:+word} replaced; env is an array of
 * "NAME=value". */
const char *build_expand(struct arena *a, struct str word, const struct json *env);
struct str build_env_get(const struct json *env, struct str name);               /* p is NULL when absent */
void build_env_set(struct arena *a, struct json *env, struct str name, struct str value);

/* ADD and COPY: from one file system into another. */
struct build_copy {
    const char       *what;                        /* "ADD" or "COPY", for errors */
    const struct vfs *from;
    bool              from_context;
    struct vfs       *to;
    const char       *workdir;
    char            **args; size_t argc;           /* sources, then the destination; expanded */
    const char       *chown;
    uint64_t          scratch;                     /* the number in errors' /var/lib/docker/tmp/docker-builder<number> */
    struct strbuf     content;                     /* out: what was copied, for the cache's key */
    int64_t           bytes;                       /* out */
};
bool build_copy(struct arena *a, struct build_copy *c, struct err *err);
/* of --chown, chown: a number or in /etc/passwd */
bool build_user_known(struct arena *a, const struct vfs *files, struct str user, struct err *err);
/* Names that a pattern with * ? [..] matches in v, sorted; the pattern is absolute. Empty when none does. */
struct json *build_glob(struct arena *a, const struct vfs *v, const char *pattern);

/* RUN: a small shell whose commands work on the files. Returns the exit status. */
struct build_run {
    struct vfs        *files;
    const struct json *env;
    const char        *cwd;                        /* changed by cd */
    bool               ash;                        /* busybox words its errors otherwise than dash */
    int64_t            now_ns;
    void (*out)(void *ctx, struct str text);
    void *ctx;
};
int build_run_shell(struct arena *a, struct build_run *r, struct str script);
int build_run_argv(struct arena *a, struct build_run *r, char **argv, size_t argc);

#endif
