/* kubelet/kubelet_priv.h - what the files of the kubelet share: one worker per pod, its containers, and the node around them. */
#ifndef KUBELET_KUBELET_PRIV_H
#define KUBELET_KUBELET_PRIV_H

#include "kubelet/kubelet.h"
#include "kubelet/cgroup/cgroup.h"
#include "kubelet/stats/stats.h"

#define MS ((int64_t)NS_PER_MS)
#define SECOND ((int64_t)NS_PER_S)
#define SERVICE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

struct pod_worker;
struct container;

/* ---- backoff.c: client-go util/flowcontrol/backoff.go for one key ---- */
struct backoff { int64_t delay_ns, updated_ns; };                /* delay 0: no entry */
enum { BACKOFF_FIRST_S = 10, BACKOFF_MAX_S = 300 };
/* is now still within the delay that counts from event? */
bool backoff_waiting(const struct backoff *b, int64_t event_ns, int64_t now_ns, int64_t *left_ns);
void backoff_next(struct backoff *b, int64_t now_ns);            /* 10 s, doubled up to 5 min; begins anew after 10 min of quiet */

/* ---- container_log.c: a container's output, line by line ---- */
struct log_line { uint64_t at; uint32_t n; uint8_t fd; int64_t time_ns; };       /* at: offset since the log began */
struct log_follower { struct list node; void (*on_line)(struct log_follower *f); void (*on_end)(struct log_follower *f); };
struct container_log {
    struct loop     *loop;
    struct strbuf    text, partial[2];                           /* partial: bytes after the last newline, of fd 1 and 2 */
    uint64_t         dropped;                                    /* bytes of text dropped from the front since the log began */
    struct log_line *lines; size_t n, cap;
    uint64_t         lines_dropped;                              /* so that a follower's place survives rotation */
    size_t           saved;                                      /* lines already on disk, counted since the log began */
    struct list      followers;
    bool             ended;
};
struct container_log *container_log_new(struct loop *l);
void container_log_free(struct container_log *log);
void container_log_write(struct container_log *log, int fd, struct str bytes);
void container_log_end(struct container_log *log);               /* unfinished lines count as lines; followers are told */
struct str container_log_text(const struct container_log *log, size_t i);        /* line i, with its newline if it had one */
struct log_query { bool follow, timestamps; int64_t tail /* -1: all */, limit_bytes /* -1 */, since_ns /* 0 */; };
size_t container_log_first(const struct container_log *log, const struct log_query *q);     /* index of the first line to show */
void container_log_format(const struct container_log *log, size_t i, bool timestamps, struct strbuf *out);
/* appends what is new, in docker's json-file format */
void container_log_save(struct container_log *log, const char *path);
struct container_log *container_log_load(struct loop *l, const char *path);      /* NULL: no such file */

/* ---- prober.c ---- */
enum probe_kind { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_KINDS };
struct probe {
    struct container  *c;
    enum probe_kind    kind;
    const struct json *spec;           /* NULL: there is none */
    struct timer       timer;
    struct timer       timeout;
    struct http_call  *call;
    struct vnet_dial   dial;
    struct exec       *exec;
    struct strbuf      output;         /* of an exec probe */
    bool               dialing, result, have_result, last;
    int                run;            /* equal results in a row */
};
void probes_start(struct container *c, bool adopted);
void probes_stop(struct container *c);

/* ---- the runtime's view: a container and its present instance ---- */
enum container_state { CONTAINER_WAITING, CONTAINER_RUNNING, CONTAINER_TERMINATED };
enum start_step { START_NONE, START_PULL, START_CREATE, START_RUN };
struct termination {
    bool    set;
    int     exit_code, signal;
    char    reason[32];
    char   *message;                   /* or NULL */
    int64_t started_ns, finished_ns;
    char    id[96];                    /* docker://... */
};
struct container {
    struct pod_worker *pod;
    const struct json *spec;           /* of the worker's copy of the pod */
    const char        *name;
    bool               init;
    enum container_state state;
    char              *wait_reason, *wait_message;
    char               id[96];         /* docker://..., of the present or last instance; "" before the first */
    char              *image, *image_id;                         /* as status shows them */
    int64_t            created_ns, started_ns;
    struct termination now, last;      /* now: while TERMINATED; last: of the instance before */
    int                restarts;
    struct backoff     crash, pull;
    bool               ready, started, adopting, oom;
    bool               killing;        /* told to stop */
    char              *kill_message;   /* why, for the status; or NULL */

    enum start_step    step;
    struct timer       timer;          /* next step of a start, or the end of a back-off */
    struct timer       crash_timer;    /* a fault's: when it ends by itself */
    struct timer       grace;          /* SIGTERM is over, SIGKILL */
    struct pull       *waiting_pull;
    const struct json *record;         /* the image's, while starting and running */
    struct arena      *run;            /* argv, env and mounts of the instance */
    struct process    *process;
    struct cgroup     *cgroup;
    struct vfs        *files;
    struct sampler     sampler;
    struct container_log *log, *previous_log;
    struct list        attached;       /* struct attach_session: raw output as it comes */
    struct list        execs;          /* struct exec: other processes of the container */
    struct exec       *hook;           /* preStop under way */
    struct probe       probes[PROBE_KINDS];
};

/* Something that reads a container's raw output. */
struct attached { struct list node; void (*output)(struct attached *t, int fd, struct str bytes);
                  void (*ended)(struct attached *t, int status); };

/* ---- runtime.c ---- */
void container_init(struct container *c, struct pod_worker *pod, const struct json *spec, bool init);
void container_deinit(struct container *c);                      /* without a word */
void container_begin(struct container *c);                       /* pull, create, start; calls pod_kick when it is over */
void container_kill(struct container *c, int64_t grace_ns, const char *event /* or NULL */, const char *why /* or NULL */);
void container_cancel_start(struct container *c);                /* its pod goes while it is being pulled or created */
void container_shorten_grace(struct container *c, int64_t grace_ns);
void container_adopt(struct container *c);                       /* state says RUNNING: make it so */
void container_set_waiting(struct container *c, const char *reason, const char *message);
void container_save_log(struct container *c);                    /* to disk, what is new */
const struct program_ops *container_program(const struct container *c, const struct json *record, char **argv);
const char *kubelet_quoted(struct arena *a, const char *text);
/* Another process in a running container: exec, probes, hooks. */
struct exec_events { void (*output)(void *ctx, int fd, struct str bytes); void (*exited)(void *ctx, int status); };
struct exec *exec_start(struct container *c, char **argv, bool stdin_open, bool tty, const struct exec_events *ev, void *ctx,
                        struct err *err);
struct process *exec_process(struct exec *e);
void exec_free(struct exec *e);                                  /* kills it silently; legal inside its events */

/* ---- image_puller.c ---- */
/* Is the container's image there, or may it be pulled? Ends in container_image_ready or container_image_failed, at once or later. */
void image_ensure(struct container *c);
void container_image_ready(struct container *c, const struct json *record);
void container_image_failed(struct container *c, const char *reason, const char *message);
void pull_abandon(struct pull *p);
void puller_stop(struct kubelet *k);

/* ---- volumes.c, environment.c: what a pod refers to, fetched; and what becomes of it ---- */
struct pod_ref { char *kind /* "configmap", "secret", "token" */, *name, *volume /* or NULL */; bool optional, done, missing;
                 int64_t expiry_s; struct json *obj; struct err err;
                 struct client_call *call; struct pod_worker *pod; };
void refs_collect(struct pod_worker *p);
void refs_fetch(struct pod_worker *p);                           /* what is not there yet; pod_kick when all have answered */
void refs_free(struct pod_worker *p);
void refs_pause(struct pod_worker *p);                           /* calls under way are given up, what is there stays */
bool refs_busy(const struct pod_worker *p);
const struct pod_ref *refs_find(const struct pod_worker *p, const char *kind, struct str name);
bool volumes_make(struct pod_worker *p, struct err *err, struct str *volume);    /* false: `volume` could not be set up */
void volumes_free(struct pod_worker *p);
void volumes_log(const struct pod_worker *p);                    /* what the volume manager's reconciler prints when it meets them */
void volumes_mount(struct container *c, struct vfs *files);
/* ---- run_as.c ---- */
struct run_as_ask {
    const struct json *pod, *container;                          /* their specs */
    struct str         image_user;                               /* "", "1000", "www-data", "1000:1000" */
    struct str         passwd;                                   /* the image's /etc/passwd; may be empty */
    const char        *who;                                      /* behind a refusal: "", or " (pod: \"..\", container: ..)" */
    bool               unprivileged_ports;                       /* the runtime lets everybody have ports below 1024 */
};
struct run_as { int64_t uid, gid; const char *user /* name, or the number where it has none */; bool low_ports; };
/* runAsNonRoot, held against what is known before the container is made. False: CreateContainerConfigError with err->msg. */
bool run_as_verify(const struct run_as_ask *q, struct err *err);
/* *out lives in a. False: the image names a user that its /etc/passwd does not know; the container cannot be run. */
bool run_as_find(struct arena *a, const struct run_as_ask *q, struct run_as *out, struct err *err);
/* argv and env of a container, NULL-terminated, in its run arena. False: CreateContainerConfigError with err->msg. */
bool environment_make(struct container *c, const struct json *record, char ***env, char ***argv, struct err *err);
/* third_party/forked/golang/expansion */
struct str expand_dollar(struct arena *a, struct str in, struct str (*lookup)(void *ctx, struct str name, bool *found), void *ctx);
bool field_ref_value(struct arena *a, const struct pod_worker *p, struct str path, struct str *out, struct err *err);
bool resource_ref_value(struct arena *a, const struct pod_worker *p, const struct json *container_spec, struct str resource,
                        struct str divisor, struct str *out, struct err *err);

/* ---- pod_worker.c ---- */
enum pod_step { POD_NEW, POD_MOUNTING, POD_SANDBOX, POD_RUNNING, POD_KILLING, POD_STOPPED, POD_REJECTED };
struct pod_worker {
    struct kubelet   *k;
    struct arena     *arena;
    char             *uid, *ns, *name, *key;                     /* key "ns/name" */
    struct json      *pod;             /* this worker's copy: spec, and metadata as it last was */
    bool              is_static, deleting, gone /* the object is no more */, adopted;
    int64_t           grace_s;         /* when deleting */
    enum pod_step     step;
    struct container *containers; size_t count, init_count;      /* init containers first */
    struct container *starting;        /* one at a time, as SyncPod does */
    struct task       kick;
    struct timer      timer;           /* next look: volumes, sandbox, cleanup */
    struct vnet_host *net; bool own_net, own_ip; char ip[64];
    struct cgroup    *cgroup;
    struct sampler    sampler;
    int64_t           start_ns;        /* status.startTime; 0 unknown */
    const char       *reject_reason; char *reject_message; bool reject_failed;
    /* volumes */
    struct pod_ref   *refs; size_t ref_count;
    struct map       *volumes;         /* name -> struct vfs * */
    int64_t           mount_delay_ns, mount_since_ns;
    bool              network_event;
    int64_t           network_event_ns;
    /* status manager */
    struct client_call *status_call, *delete_call;
    struct timer      status_timer;
    struct str        status_sent;     /* malloc'ed text of the last status that was accepted */
    struct str        status_sending;
    bool              status_waiting, status_turn;               /* for one of the updates that a second allows; and here it is */
    bool              finished_delete;
    char              mirror_uid[64];  /* of the mirror that status_sent was sent to */
    struct json      *conditions;      /* ours, with their times; lives in cond_arena */
    struct arena     *cond_arena;
};
struct pod_worker *pod_worker_new(struct kubelet *k, const struct json *pod, bool is_static);
void pod_worker_free(struct pod_worker *p);                      /* silently */
void pod_update(struct pod_worker *p, const struct json *pod);
void pod_removed(struct pod_worker *p);                          /* its object, or its file, is gone */
void pod_kick(struct pod_worker *p);                             /* look again, by task */
/* its agent ends: nothing is asked or told any more, containers go on */
void pod_pause(struct pod_worker *p);
void pod_resume(struct pod_worker *p);                           /* another one cares for it */
void pod_status_changed(struct pod_worker *p);
/* its containers are killed at once, and it has failed, Evicted */
void pod_worker_evict(struct pod_worker *p, const char *message);
bool pod_hostnetwork(const struct pod_worker *p);
struct container *pod_container(const struct pod_worker *p, struct str name);
struct pod_worker *kubelet_pod(struct kubelet *k, struct str ns, struct str name);
int64_t pod_grace_s(const struct pod_worker *p);

/* ---- status_manager.c ---- */
struct json *pod_status(struct pod_worker *p, struct arena *a);  /* the whole status, as the API shall have it */
const char *pod_phase(const struct pod_worker *p);
void status_sync(struct pod_worker *p);
void status_stop(struct pod_worker *p);
void status_adopt(struct pod_worker *p, const struct json *status);
const struct json *mirror_of(struct kubelet *k, const struct pod_worker *p);     /* the API's object of a static pod, or NULL */

/* ---- source_file.c ---- */
struct file_source { struct timer timer, retry; struct list calls; struct map *manifests; /* path -> struct manifest */ bool read; };
void file_source_start(struct kubelet *k);
void file_source_stop(struct kubelet *k);
void file_source_rescan(struct kubelet *k);                     /* soon */
void mirror_sync(struct kubelet *k);                             /* create what is missing, remove what should not be */

/* ---- node_status.c ---- */
struct node_status {
    struct timer   heartbeat, lease, retry;
    struct client_call *call, *lease_call;
    struct json   *conditions; struct arena *cond_arena;
    struct strbuf  sent;
    bool           registered, dirty, ready, ready_told, have_lease;
    char           boot_id[37], machine_id[33], system_uuid[37];
    int64_t        sent_ns;
};
void node_init(struct kubelet *k);
void node_start(struct kubelet *k);
void node_stop(struct kubelet *k);
void node_changed(struct kubelet *k);                            /* images, network: tell the API */
int64_t node_allocatable_memory(const struct kubelet *k);

/* ---- trouble.c: what the faults in force make of the node ---- */
void trouble_init(struct kubelet *k);
void trouble_start(struct kubelet *k);                           /* the agent is on */
void trouble_free(struct kubelet *k);
bool kubelet_under_pressure(const struct kubelet *k, const char *of);          /* "memory", "disk" */
const char *kubelet_pressure_refuses(const struct pod_worker *p);              /* why a new pod is not taken; NULL: it is */
void crash_init(struct container *c);
void crash_look(struct container *c);                            /* it runs, or the faults have changed */
struct fault *kubelet_stats_fault(const struct kubelet *k);      /* of /stats/summary and the like; NULL: none */
int64_t kubelet_pull_delay_ns(const struct kubelet *k, struct str image);
/* true: after so long, with err */
bool kubelet_pull_fails(const struct kubelet *k, struct str image, int64_t *after_ns, struct err *err);

/* ---- server.c ---- */
bool server_make(struct kubelet *k, struct err *err);
void server_free(struct kubelet *k);
void serve_exec(struct kubelet *k, struct http_exchange *x, struct pod_worker *p, struct container *c);
void serve_attach(struct kubelet *k, struct http_exchange *x, struct pod_worker *p, struct container *c);
void serve_port_forward(struct kubelet *k, struct http_exchange *x, struct pod_worker *p);
void serve_run(struct kubelet *k, struct http_exchange *x, struct container *c);
void serve_logs(struct kubelet *k, struct http_exchange *x, struct pod_worker *p, struct container *c);
void streaming_stop(struct kubelet *k);
void reply_text(struct http_exchange *x, int status, const char *fmt, ...) PRINTF(3, 4);

/* ---- the node ---- */
struct pull;
struct kubelet {
    struct kubelet_options o;
    struct arena      *arena;
    struct rng         rng, cpu_noise;
    struct event_recorder *events;
    struct delegated_auth *auth;
    struct http_server *http;
    struct http_client *probe_http;
    struct informer   *pods, *services;
    struct informer_handler pods_handler;
    struct map        *workers;        /* uid -> struct pod_worker * */
    int64_t            status_next_ns; /* when the next status of a pod may be written, were there no burst */
    struct map        *host_paths;     /* path -> struct vfs * */
    struct list        pulls;          /* struct pull, first in line is under way */
    struct list        sessions;       /* struct list node first: open exec, attach, log streams */
    struct cgroup_tree *cpus;
    struct cgroup     *system, *system_kubelet, *system_runtime, *system_misc, *kubepods, *burstable, *besteffort;
    struct sampler     node_sampler, kubelet_sampler, runtime_sampler, pods_sampler;
    bool               ip_used[256];
    bool               started, source_open, network_ready, stopped, samplers_on;
    int64_t            started_ns;
    struct timer       open_timer, flush_timer, evict_timer;
    struct fault_watch faults;
    struct node_status node;
    struct file_source files;
    struct json       *node_ref;       /* what node events are about: its uid is the node's name, as upstream's is */
    char              *node_uid;       /* the object's own uid; NULL until registered */
};
void kubelet_copy(char *to, size_t size, const char *text);          /* cut to fit */
int64_t kubelet_jitter(struct kubelet *k, int64_t low_ns, int64_t high_ns);
bool kubelet_docker(const struct kubelet *k);                    /* dockershim, up to v1.23 */
void kubelet_network_ready(struct kubelet *k);
struct cgroup *kubelet_qos_cgroup(struct kubelet *k, const struct json *pod_spec);
const char *pod_qos(const struct json *spec);
bool kubelet_ip_take(struct kubelet *k, char ip[64], const char *wanted);    /* wanted NULL: the lowest that is free */
void kubelet_ip_release(struct kubelet *k, const char *ip);
int64_t container_request(const struct json *container_spec, const char *what, bool milli);       /* requests, else limits; 0 none */
int64_t container_limit(const struct json *container_spec, const char *what, bool milli);
char *docker_name(struct arena *a, const struct container *c);

#endif
