/* workloads/programs/sh.h - the busybox of the simulated containers: an ash that can be stopped between any two steps,
 * and its applets.
 *
 * A `struct sh` is one process of a container, with whatever it forks: a shell on a terminal, `sh -c '...'`, a script,
 * or one applet (`kubectl exec pod -- wget ...`). It does no I/O and reads no clock. Whatever touches the world or
 * takes time is an operation (struct sh_ops) that is started with a token and answered, inside the call or later, with
 * sh_complete or sh_wget_event; between the two the shell holds no stack. It is an explicit state machine: `while true;
 * do wget ...; done` runs for ever, one operation at a time, and can be interrupted, killed or freed at each. CPU time
 * is an operation too, so a shell competes with its neighbours for the node's cores.
 *
 * Order of use: sh_new, sh_start, then any of { sh_input, sh_input_eof, sh_signal, sh_complete, sh_wget_event } until
 * ops->exited; sh_free. No function may be called on a shell from inside its ops except sh_complete and sh_wget_event;
 * in particular free it from a task.
 */
#ifndef WORKLOADS_PROGRAMS_SH_H
#define WORKLOADS_PROGRAMS_SH_H

#include "sim/base/base.h"

struct sh;
typedef uint64_t sh_token;                         /* names one started operation; never 0, never reused within a shell */

/* ---- files ---- */
/* Paths are absolute and normalized. Results are 0 or an errno value (ENOENT, ENOTDIR, EISDIR, EEXIST, EACCES, EROFS,
 * ENOSPC ...). /dev/null, /dev/zero, /dev/tty, /dev/stdin, /dev/stdout, /dev/stderr are the shell's own business. */
enum sh_file_kind { SH_FILE_REGULAR, SH_FILE_DIR, SH_FILE_DEVICE };
struct sh_stat { enum sh_file_kind kind; uint64_t size_bytes; unsigned mode; int64_t mtime_ns; };
struct sh_vfs_ops {
    int (*stat)(void *ctx, const char *path, struct sh_stat *out);
    /* without . and .. ; any order */
    int (*list)(void *ctx, const char *path, void (*each)(void *each_ctx, const char *name), void *each_ctx);
    int (*read)(void *ctx, const char *path, struct arena *a, struct str *out);          /* whole file */
    int (*write)(void *ctx, const char *path, struct str bytes, bool append);            /* creates; truncates unless append */
    int (*remove)(void *ctx, const char *path);                                          /* a file or an empty directory */
    int (*mkdir)(void *ctx, const char *path);
    int (*chmod)(void *ctx, const char *path, unsigned mode);                            /* of a file; may be NULL: modes are fixed */
};

/* ---- network: one HTTP exchange. The shell parses the URL, follows redirects and prints busybox's texts. ---- */
struct sh_wget {                                   /* borrowed during the call to ops->wget */
    bool        tls;                               /* https; the certificate is not verified, as in busybox */
    const char *host; int port;                    /* a name or an address */
    const char *target;                            /* "/path?query" */
    const char *method;                            /* GET, HEAD (--spider) or POST */
    /* "Host: web1\r\nUser-Agent: Wget\r\n...": complete lines, to be sent as they are */
    const char *headers;
    struct str  body;                              /* --post-data */
    bool        show_headers;                      /* -S: the answer's are wanted as lines */
    uint64_t    timeout_ns;                        /* 0: none (busybox's default is 900 s of network inactivity) */
};
enum sh_wget_stage {
    /* in this order; FAILED may come at any point, and nothing follows FAILED or END */
    SH_WGET_CONNECTED,                             /* ip, port */
    SH_WGET_HEAD,                                  /* status, reason, location, headers if shown, content_length */
    SH_WGET_BODY,                                  /* bytes, any number of times */
    SH_WGET_END,
    SH_WGET_FAILED,                                /* failure, and ip and port if it got so far */
};
enum sh_net_failure {
    SH_NET_BAD_ADDRESS, SH_NET_REFUSED, SH_NET_NO_ROUTE, SH_NET_TIMED_OUT, SH_NET_RESET, SH_NET_EARLY_EOF,
    SH_NET_TLS
};
struct sh_wget_event {
    enum sh_wget_stage  stage;
    enum sh_net_failure failure;
    const char *ip; int port;
    int         status; struct str reason;         /* 500, "Internal Server Error" */
    struct str  location;                          /* where a redirect leads to */
    struct str  headers;                           /* "Name: value\r\n" lines */
    int64_t     content_length;                    /* -1 unknown */
    struct str  bytes;
};
struct sh_lookup {                                 /* answer to ops->lookup, for nslookup */
    const char *server;                            /* address of the name server asked, "10.96.0.10" */
    bool        timed_out, nxdomain, servfail;
    const char *name;                              /* the full name that was found (after the search list) */
    const char *const *ips; size_t ip_count;
};

struct sh_process_info { int pid; const char *user, *command; }; /* for ps */

struct sh_ops {
    /* at once */
    void (*write)(void *ctx, int fd, struct str bytes);          /* fd 1 or 2; on a terminal always 1, with CR NL */
    void (*exited)(void *ctx, int status);                       /* once, last; 128 + n when killed by signal n */
    int64_t (*now_ns)(void *ctx);                                /* virtual, since 1970 */
    uint64_t (*random_u64)(void *ctx);                           /* $RANDOM; may be NULL */
    /* others in the container; may be NULL */
    void (*processes)(void *ctx, void (*each)(void *each_ctx, const struct sh_process_info *p), void *each_ctx);
    /* a process that is not this shell's; false: no such process. May be NULL */
    bool (*kill)(void *ctx, int pid, int signo);
    /* answered with sh_complete(token) */
    void (*cpu)(void *ctx, sh_token t, uint64_t ns);             /* burn CPU */
    void (*sleep)(void *ctx, sh_token t, uint64_t ns);
    /* answered with sh_wget_event up to END or FAILED */
    void (*wget)(void *ctx, sh_token t, const struct sh_wget *req);
    /* answered with sh_lookup_done */
    void (*lookup)(void *ctx, sh_token t, const char *name, const char *server /* or NULL */);
    /* An interrupted or killed operation: drop it; a late answer to it is ignored. */
    void (*cancel)(void *ctx, sh_token t);
    struct sh_vfs_ops vfs;
};

struct sh_options {
    const struct sh_ops *ops; void *ctx;           /* must outlive the shell */
    /* {"sh"}, {"sh", "-c", "..."}, {"/bin/sh", "script"}, {"wget", ...}, {"busybox", "ls"} */
    const char *const *argv; size_t argc;
    const char *const *env; size_t env_count;      /* "NAME=value" */
    const char *cwd;                               /* NULL: "/" */
    const char *hostname;
    /* of the process; children get the numbers after it. 1 ignores signals that it does not trap */
    int         pid;
    bool        tty;                               /* stdin, stdout and stderr are a terminal: line discipline, prompt "/ # " */
    bool        stdin_open;                        /* bytes may come by sh_input; else stdin is at its end from the start */
    const char *user;                              /* its name, or its number where it has none; NULL: "root" */
    int64_t     uid, gid;
};
/* is it sh, ash, busybox or an applet, with or without /bin/ and the like? If not: "executable file not found in $PATH"
 * */
bool sh_knows(const char *program);
struct sh *sh_new(const struct sh_options *opt);   /* copies all but ops and ctx */
void sh_start(struct sh *s);                       /* runs until it has to wait */
void sh_free(struct sh *s);                        /* at any moment outside of ops: cancels what is under way; accepts NULL */

void sh_input(struct sh *s, struct str bytes);     /* what the terminal or the pipe brings */
void sh_input_eof(struct sh *s);                   /* the writer closed stdin; on a terminal: hang-up */
void sh_resize(struct sh *s, int columns, int rows);
enum {
    SH_SIGHUP = 1, SH_SIGINT = 2, SH_SIGQUIT = 3, SH_SIGKILL = 9, SH_SIGUSR1 = 10, SH_SIGUSR2 = 12,
    SH_SIGPIPE = 13, SH_SIGTERM = 15
};
void sh_signal(struct sh *s, int signo);           /* to the process, as kill(2) would; KILL ends it at once */

void sh_complete(struct sh *s, sh_token t);        /* cpu or sleep is done */
void sh_wget_event(struct sh *s, sh_token t, const struct sh_wget_event *ev);
void sh_lookup_done(struct sh *s, sh_token t, const struct sh_lookup *answer);

bool sh_exited(const struct sh *s, int *status);
uint64_t sh_memory_bytes(const struct sh *s);      /* resident set of the process and its children, for the cgroup */
/* itself and its children */
void sh_processes(const struct sh *s, void (*each)(void *each_ctx, const struct sh_process_info *p), void *each_ctx);

#endif
