/* sim/proc/proc.h - programs, processes and images: what runs in a container, and where it comes from.
 *
 * A program is C code behind program_ops, found by name; an image names the program that its entrypoint starts. The
 * kubelet makes a process per container and never includes the programs; a program never includes the kubelet. CPU time
 * is asked for (process_cpu) and granted by the node's scheduler of CPU (struct cpu_ops, kubelet/cgroup).
 */
#ifndef SIM_PROC_PROC_H
#define SIM_PROC_PROC_H

#include "sim/net/net.h"
#include "sim/base/json.h"

struct process;

/* ---- cpu: what a process may ask of its cgroup. Implemented by kubelet/cgroup. ---- */
struct cgroup;                                     /* opaque here */
struct cpu_work {                                  /* embedded by the asker; one runnable thread for a while */
    void (*done)(struct cpu_work *w);              /* by task, when all of it has been consumed */
    struct cgroup *group;                          /* private from here on */
    struct list    node;
    double         left_ns;
    bool           running;
    struct task    task;
};
struct cpu_ops {
    /* a thread of g becomes runnable until it has consumed cpu_ns */
    void (*run)(struct cgroup *g, struct cpu_work *w, int64_t cpu_ns);
    void (*cancel)(struct cpu_work *w);                                    /* legal when not running */
    /* this process's working set now; past the limit the kernel kills */
    void (*set_memory)(struct cgroup *g, int64_t bytes);
    /* A load profile by name ("idle", "etcd", "kube-apiserver"...) consumed in closed form, on top of runnable work:
     * mean in nanocores. */
    void (*set_profile)(struct cgroup *g, const char *name, int64_t mean_nanocores);
};

/* ---- vfs: a container's files. Layers of the image below, mounts above, writes on top. In memory. ---- */
struct vfs;
struct vfs_stat { bool is_dir; size_t size; unsigned mode; int64_t mtime_ns; };
struct vfs *vfs_new(void);
struct vfs *vfs_layered(struct vfs *lower);        /* copy on write over lower, as it is now */
void vfs_free(struct vfs *v);                      /* drops a reference; accepts NULL */
struct vfs *vfs_ref(struct vfs *v);
/* makes parents; false: a parent is a file, it is a folder, read-only, or a limit */
bool vfs_put(struct vfs *v, const char *path, struct str bytes, unsigned mode, int64_t mtime_ns);
/* makes parents; an existing folder is success and keeps its mode */
bool vfs_mkdir(struct vfs *v, const char *path, unsigned mode);
bool vfs_chmod(struct vfs *v, const char *path, unsigned mode);            /* false: not there, or read-only */
bool vfs_read(const struct vfs *v, const char *path, struct str *bytes);        /* borrowed until the next write */
bool vfs_stat(const struct vfs *v, const char *path, struct vfs_stat *out);
/* a file, or a folder with all below it; false: absent, read-only or a mount */
bool vfs_remove(struct vfs *v, const char *path);
/* entries of a folder, by name; cursor from 0 */
bool vfs_next(const struct vfs *v, const char *dir, size_t *cursor, struct str *name);
void vfs_mount(struct vfs *v, const char *path, struct vfs *fs, bool read_only);
/* every file and folder (bytes empty), parents first */
void vfs_each(const struct vfs *v, void (*visit)(void *ctx, struct str path, struct str bytes, const struct vfs_stat *st),
              void *ctx);

/* ---- process ---- */
struct process_io {                                /* where it writes; all optional */
    void (*output)(void *ctx, int fd /* 1 or 2 */, struct str bytes);
    /* by task, once, last */
    void (*exited)(void *ctx, int status, int signal /* 0 or the one that killed it */,
                   const char *reason /* "" or "OOMKilled" */);
};
struct process_options {
    struct loop      *loop;
    const char       *name;                        /* for logs and rng streams: "default/web1-xxx/target" */
    const char       *id;                          /* the container's, "docker://<64 hex>", outlives the process; NULL: none */
    char            **argv;                        /* NULL-terminated; argv[0] names the program within the image */
    char            **env;                         /* "A=b", NULL-terminated */
    const char       *cwd, *hostname;
    const char       *user;                        /* its name, or its number where it has none; NULL: root */
    int64_t           uid, gid;
    bool              no_low_ports;                /* bind(2) refuses ports below 1024 */
    const char       *pod_namespace, *pod_name, *pod_ip, *node_name;
    struct vnet_host *net;
    struct cgroup    *cgroup;
    const struct cpu_ops *cpu;
    struct vfs       *files;                       /* referenced */
    /* folders and files of the node's own that are mounted: [{"path": in the container, "host": on the node}] */
    const struct json *mounts;
    /* the image's catalog or built record (sim/proc/image.c); outlives the process */
    const struct json *image;
    bool              stdin_open, stdin_once, tty;
    const struct process_io *io; void *io_ctx;
};
struct program_ops {
    const char *name;                              /* "httpd", "sh", "metrics-server", "pause", "control-plane"... */
    /* Begin; returns the program's state, or NULL with err ("exec: \"foo\": executable file not found in $PATH"). */
    void *(*start)(struct process *p, struct err *err);
    void (*input)(void *state, struct str bytes);  /* standard input; NULL: ignored */
    void (*input_eof)(void *state);
    void (*resize)(void *state, int width, int height);
    /* TERM, INT, WINCH...; NULL: TERM is ignored, as by a PID 1 without a handler */
    void (*signal)(void *state, int signo);
    /* free; after process_exit, or on SIGKILL. Everything of the program must be cancelled here. */
    void (*stop)(void *state);
};
/* opt is copied */
struct process *process_start(const struct program_ops *ops, const struct process_options *opt, struct err *err);
const struct process_options *process_options(const struct process *p);
void *process_state(struct process *p);
const char *process_getenv(const struct process *p, const char *name);     /* NULL when absent */
void process_write(struct process *p, int fd, struct str bytes);
void process_printf(struct process *p, int fd, const char *fmt, ...) PRINTF(3, 4);
void process_exit(struct process *p, int status);  /* by the program itself; cleans up by task: returns to the caller first */
void process_input(struct process *p, struct str bytes);
void process_input_eof(struct process *p);
void process_resize(struct process *p, int width, int height);
void process_kill(struct process *p, int signo);   /* 9 kills at once: exited(137) */
void process_oom_kill(struct process *p);          /* as 9, with the reason OOMKilled: what a cgroup's on_oom leads to */
bool process_running(const struct process *p);
/* bind(2) by this user's rights: false and ERR_FORBIDDEN "listen tcp 0.0.0.0:80: bind: permission denied" for a port below 1024
 * that is not for everybody. Whether the port is free is the network's business. */
bool process_may_bind(const struct process *p, const char *ip, int port, struct err *err);
void process_served(struct process *p);            /* by the program: a request has been answered */
uint64_t process_served_count(const struct process *p);        /* how many */
void process_free(struct process *p);              /* after exited, or to abandon it without a word */
void process_cpu(struct process *p, struct cpu_work *w, int64_t cpu_ns);   /* w->done set by the caller */
void process_set_memory(struct process *p, int64_t bytes);
/* consume the image's named load profile in the background, hold its memory (record's "load") */
void process_load(struct process *p);

/* What rest.InClusterConfig reads: KUBERNETES_SERVICE_HOST and _PORT, and the mounted token and ca.crt below
 * /var/run/secrets/kubernetes.io/serviceaccount. Strings live in the arena. Errors as client-go's: "unable to load
 * in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined", "open
 * /var/run/secrets/.../token: no such file or directory". */
struct in_cluster { const char *server; struct str token, ca_pem, ns; };
bool process_in_cluster(const struct process *p, struct arena *a, struct in_cluster *out, struct err *err);

/* ---- programs by name ---- */
void program_register(const struct program_ops *ops);          /* static storage; the composition root calls it for each */
const struct program_ops *program_find(struct str name);

/* ---- images of one node ---- */
/* A record:
 * {"ref":"k8s.gcr.io/coredns:1.6.2","id":"sha256:..","digest":"sha256:..","size":N,"created":"..","program":"coredns",
 *  "entrypoint":[..],"cmd":[..],"env":[..],"workdir":"/","user":"","layers":[..],"stopsignal":"SIGWINCH",
 *  "web":{...program's own data, e.g. a PHP file's answer and cost...}} */
struct image_store;
struct image_store_ops {                           /* durability, given by the composition root */
    void (*save)(void *ctx, const char *ref, struct str record_json, const struct vfs *files);   /* NULL record: removed */
    void *ctx;
};
struct image_store *image_store_new(struct loop *l, const struct image_store_ops *ops);
void image_store_free(struct image_store *s);                    /* pulls and builds under way end without a word */
/* "busybox" -> "docker.io/library/busybox:latest"... the key; display form is image_display */
char *image_normalize(struct arena *a, struct str ref);
char *image_display(struct arena *a, struct str ref);            /* "busybox:latest", "k8s.gcr.io/pause:3.1" */
/* "invalid reference format: repository name must be lowercase"; the others take any text */
bool image_ref_check(struct str ref, struct err *err);
const struct json *image_find(struct image_store *s, struct str ref);          /* present on the node, or NULL */
struct vfs *image_files(struct image_store *s, struct str ref);                /* borrowed or NULL */
/* Restored or preloaded: takes a copy of the record and a reference to the files, and does not call ops->save (pulls
 * and builds do). Files of a registry's image come from the catalog. */
void image_put(struct image_store *s, struct str ref, const struct json *record, struct vfs *files);
/* as image_put, and kept: what `docker tag` makes */
void image_put_saved(struct image_store *s, struct str ref, const struct json *record, struct vfs *files);
bool image_remove(struct image_store *s, struct str ref);
bool image_next(struct image_store *s, size_t *cursor, const struct json **record);
/* What registries out there have: sim/proc/images/ (data). NULL: no such repository or tag. */
const struct json *image_catalog_find(struct str ref);
/* Pull: takes virtual time by size; then present. Errors in docker's words: "Error response from daemon: pull access
 * denied for target, repository does not exist or may require 'docker login': denied: requested access to the resource
 * is denied", "manifest for busybox:9 not found: manifest unknown: ...". */
void image_pull(struct image_store *s, struct str ref,
                void (*done)(void *ctx, const struct json *record, const struct err *err), void *ctx);
/* The same with the lines that `docker pull` prints, as they come. */
void image_pull_lines(struct image_store *s, struct str ref, void (*line)(void *ctx, struct str text),
                      void (*done)(void *ctx, const struct json *record, const struct err *err), void *ctx);
/* The classic builder: context files, among them the Dockerfile named by `dockerfile` (NULL: "Dockerfile"); tag may be
 * NULL. out gets its lines as they come; done's record NULL on error. PHP web roots are evaluated by `evaluate` (given
 * by the composition root, as this room knows no languages): it may set record.web. */
struct image_build {
    struct vfs *context; const char *dockerfile; const char *tag; size_t context_bytes;
    void (*out)(void *ctx, struct str text);
    bool (*evaluate)(void *ctx, struct arena *a, struct json *record, const struct vfs *files, struct err *err);
    void (*done)(void *ctx, const struct json *record, const struct err *err);
    void *ctx;
};
/* *b is copied; virtual time passes while layers are pulled */
void image_build_start(struct image_store *s, const struct image_build *b);

#endif
