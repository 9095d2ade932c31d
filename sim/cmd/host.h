/* sim/cmd/host.h - the lab's hosts: commands of the machine `ubuntu`, or of a worker (KUBELAB_NODE), that run as links to kubelab
 * in the shell's PATH (DATA/bin).
 *
 * Base mode needs neither root nor namespaces: the node's files live below DATA/node, and `sudo` leads paths that belong to the
 * node there. What a command needs of the cluster it asks over the control socket, as kubernetes-admin where it asks the API.
 */
#ifndef SIM_CMD_HOST_H
#define SIM_CMD_HOST_H

#include "sim/cmd/cmd.h"
#include "sim/cmd/node.h"

/* ---- main.c asks: is NAME (argv[0] without its folder) a command of the host? -1 when not, else its exit status. ---- */
int host_command(const char *name, int argc, char **argv);
extern const char *const host_command_names[];     /* NULL-terminated: the links that a shell's bin folder gets */

/* ---- host_path.c: which paths are the node's (pure) ---- */
struct host_map {
    struct str root;                               /* node_dir, absolute, no slash at its end */
    struct str cwd;                                /* absolute */
};
/* The mapped path when `path` (absolute, or relative to cwd) is one of the node's; else an empty str. "." and ".." are resolved
 * by their text. */
struct str host_map_path(struct arena *a, const struct host_map *m, struct str path);
/* A command line's word: a path, --option=PATH, -xPATH or name=PATH. Anything else comes back as it is. */
struct str host_map_word(struct arena *a, const struct host_map *m, struct str word);
/* A script for `sh -c`: each node path where a word begins, quoted as its place demands. */
struct str host_map_script(struct arena *a, const struct host_map *m, struct str script);
/* The node's own names again, in what a command printed. */
struct str host_unmap(struct arena *a, const struct host_map *m, struct str text);

/* ---- host_args.c: a command line under sudo (pure but for globbing) ---- */
struct host_argv { char **v; int n; };             /* v is NULL-terminated, in the arena */
struct host_argv host_map_argv(struct arena *a, const struct host_map *m, int argc, char **argv);
/* May this command's standard output be searched for mapped paths (it prints names rather than contents)? */
bool host_prints_paths(const char *command);
bool host_wants_terminal(struct host_argv args);   /* editors, pagers, a shell to type into: their streams are left alone */

/* ---- sudo's own options (host_sudo.c; pure) ---- */
struct sudo_flags { bool login, shell, help, version, list, quiet; const char *user; char **env; int env_count; int first;
                    /* of the command's words */ };
bool sudo_parse(struct sudo_flags *f, int argc, char **argv, char **bad);

/* ---- shared by the commands ---- */
struct node_place host_place(void);                                               /* whose shell this is */
/* that node's / on the disk; NULL outside of a lab's shell */
const char *host_root(struct arena *a);
/* a running cluster's node; -1: it has none of that name (err: it does not run) */
int host_node_of(struct arena *a, const char *name, int *count, struct err *err);
/* of this process's environment; false outside of a lab's shell */
bool host_map_here(struct arena *a, struct host_map *m);
const char *host_find_program(struct arena *a, const char *name);                 /* in PATH, leaving DATA/bin out; NULL */
bool host_is_root(void);                                                           /* inside sudo */
/* One request to the API as kubernetes-admin. code 0: the server was not reached and body says why. False: no cluster runs (told
 * on stderr by host_no_cluster). */
bool host_api(struct arena *a, const char *method, const char *path, struct str body, int *code, struct str *reply, struct err *err);
struct json *host_status(struct arena *a, struct err *err);                        /* status -o json, or NULL */
enum { HOST_TABLE_COLUMNS = 16 };
/* Go's tabwriter: rows of `columns` cells, in the arena */
struct host_table { struct str *cells; size_t n, cap, columns; };
void host_table_add(struct arena *a, struct host_table *t, struct str cell);
void host_table_print(const struct host_table *t, size_t min_width, size_t padding, bool pad_last);
/* docker's units.HumanDuration: "About an hour", "23 hours" */
const char *host_human_duration(struct arena *a, int64_t ns);

/* shell.c: this process's environment becomes that of a node's shell: its name, files and kubeconfig, the way into the network
 * from there. */
void shell_environment(struct arena *a, const struct options *o, const char *data, int node);
/* namespaces.c: a node's files at their real paths and its host name for this process and its children, where that is allowed.
 * False: nothing has changed. */
bool namespaces_enter(struct arena *a, const char *data, int node);

/* ---- the commands; argv[0] is the name, and the arena dies with the command ---- */
int host_sudo(struct arena *a, int argc, char **argv);
int host_systemctl(struct arena *a, int argc, char **argv);
int host_journalctl(struct arena *a, int argc, char **argv);
int host_kubectl(struct arena *a, int argc, char **argv);
int host_kubeadm(struct arena *a, int argc, char **argv);
int host_crictl(struct arena *a, int argc, char **argv);
int host_git(struct arena *a, int argc, char **argv);
int host_apt(struct arena *a, int argc, char **argv);
int host_hostname(struct arena *a, int argc, char **argv);
int host_ssh(struct arena *a, int argc, char **argv);

/* ---- host_containers.c: what the container runtime of the node runs, read off the API ---- */
struct host_container {
    struct str id, sandbox_id, image, image_id;    /* id: 64 hex digits */
    struct str command;                            /* as docker shows it, not shortened */
    struct str ns, pod, uid, name;                 /* name is "POD" for a sandbox */
    int64_t    created_ns, finished_ns;            /* finished 0: runs */
    int        exit_code, restarts;
    bool       running;
};
struct host_containers { struct host_container *v; size_t n, cap; int64_t now_ns; };
bool host_containers_load(struct arena *a, struct host_containers *out, struct err *err);   /* newest first */
/* What a container wrote, by its id or the beginning of it; tail: the last lines alone, NULL: all. False: no such container. */
bool host_container_log(struct arena *a, struct str id, const char *tail, struct str *text);

/* ---- the cluster's side: host_routes.c, called by control.c for /host/... ---- */
struct cluster;
struct http_exchange;
bool host_route(struct cluster *c, struct node *node, struct http_exchange *x); /* node: whose shell asks. false: not one of ours */

/* ---- proxy.c: into the cluster for clients on this machine ---- */
struct proxy;
struct proxy *proxy_new(struct cluster *c, int port /* tried first; 0 any */, struct err *err);
int  proxy_port(const struct proxy *p);
void proxy_free(struct proxy *p);
enum proxy_target { PROXY_REFUSE, PROXY_CLUSTER, PROXY_LOCAL };
/* Where a host and port lead in a cluster of so many nodes (pure): ip gets the address inside of the virtual network. */
enum proxy_target proxy_classify(struct str host, int port, int nodes, char ip[64]);

#endif
