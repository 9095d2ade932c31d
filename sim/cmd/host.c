/* sim/cmd/host.c - what the commands of the lab's host share, and the table of them.
 *
 * The shell's PATH begins with DATA/bin, where each name of the table is a link to kubelab; main.c asks host_command whether it
 * was called by one of them.
 */
#include "sim/cmd/drive.h"
#include "sim/cmd/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int host_docker(struct arena *a, int argc, char **argv)
{
    (void)a;
    struct options o = { .args = argv + 1, .arg_count = argc - 1 };
    return cmd_docker(&o);
}

static const struct { const char *name; int (*run)(struct arena *a, int argc, char **argv); } table[] = {
    { "sudo", host_sudo }, { "systemctl", host_systemctl }, { "journalctl", host_journalctl }, { "kubeadm", host_kubeadm },
    { "kubectl", host_kubectl }, { "docker", host_docker },
    { "crictl", host_crictl }, { "git", host_git }, { "apt", host_apt }, { "apt-get", host_apt }, { "hostname", host_hostname },
    { "ssh", host_ssh },
    { "sleep", drive_sleep }, { "watch", drive_watch }, { "timeout", drive_timeout },
};
const char *const host_command_names[] = { "sudo", "systemctl", "journalctl", "kubeadm", "kubectl", "docker", "crictl", "git",
                                           "apt", "apt-get", "hostname", "ssh", NULL };
const char *const drive_command_names[] = { "sleep", "watch", "timeout", NULL };

int host_command(const char *name, int argc, char **argv)
{
    size_t i = 0;
    while (i < ARRAY_LEN(table) && strcmp(table[i].name, name) != 0)
        i++;
    if (i == ARRAY_LEN(table))
        return -1;
    struct arena *a = arena_new();
    int status = table[i].run(a, argc, argv);
    arena_free(a);
    return status;
}

/* ---- this process's place ---- */
static int node_here(void)
{
    int i = node_find(str_c(getenv("KUBELAB_NODE")), NODES_MAX);
    return i < 0 ? 0 : i;
}

struct node_place host_place(void)
{
    struct node_place p;
    node_place(node_here(), &p);
    return p;
}

const char *host_root(struct arena *a)
{
    const char *data = getenv("KUBELAB_DATA");
    return data ? node_dir(a, data, node_here()) : NULL;
}

bool host_map_here(struct arena *a, struct host_map *m)
{
    const char *root = host_root(a);
    char cwd[4096];
    memset(m, 0, sizeof *m);
    if (!root)
        return false;
    m->root = str_c(root);
    m->cwd = arena_str(a, str_c(getcwd(cwd, sizeof cwd) ? cwd : "/"));
    struct host_map top = { m->root, STR("/") };
    if (str_starts(m->cwd, arena_cstr(a, m->root)) || host_map_path(a, &top, m->cwd).n)
        m->cwd = STR("/");                         /* in a folder of the node's: what is relative is right already */
    return true;
}

bool host_is_root(void)
{
    return getenv("KUBELAB_ROOT") != NULL;
}

/* A link to kubelab in whatever folder: to run it for the real thing would never end. */
static bool is_ourselves(const char *path)
{
    struct stat st, self;
    return self_path() && stat(path, &st) == 0 && stat(self_path(), &self) == 0 && st.st_dev == self.st_dev &&
           st.st_ino == self.st_ino;
}

const char *host_find_program(struct arena *a, const char *name)
{
    const char *data = getenv("KUBELAB_DATA"), *own = data ? arena_printf(a, "%s/bin", data) : "";
    struct str rest = str_c(getenv("PATH") ? getenv("PATH") : "/usr/local/bin:/usr/bin:/bin");
    while (rest.p) {
        struct str dir = str_token(&rest, ':');
        if (dir.n == 0 || str_eqc(dir, own))
            continue;
        const char *path = arena_printf(a, STR_FMT "/%s", STR_ARG(dir), name);
        if (access(path, X_OK) == 0 && !is_ourselves(path))
            return path;
    }
    return NULL;
}

/* ---- asking the cluster ---- */
bool host_api(struct arena *a, const char *method, const char *path, struct str body, int *code, struct str *reply, struct err *err)
{
    struct options o = { 0 };
    struct control_reply r;
    const char *target = arena_printf(a, "/host/api?method=%s&path=" STR_FMT, method, STR_ARG(percent_encode(a, str_c(path))));
    struct str head;
    int64_t number = 0;
    if (!control_call(a, &o, "POST", target, body, NULL, NULL, &r, err))
        return false;
    str_cut(r.body, '\n', &head, reply);
    str_int(head, &number);
    *code = (int)number;
    return true;
}

struct json *host_status(struct arena *a, struct err *err)
{
    struct options o = { 0 };
    struct control_reply r;
    return control_call(a, &o, "GET", "/status", STR_NULL, NULL, NULL, &r, err) ? json_parse(a, r.body, err) : NULL;
}

int host_node_of(struct arena *a, const char *name, int *count, struct err *err)
{
    struct json *status = host_status(a, err);
    *count = (int)json_len(json_get(status, "nodes"));
    return status ? node_find(str_c(name), *count) : -1;
}

/* ---- text/tabwriter ---- */
void host_table_add(struct arena *a, struct host_table *t, struct str cell)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        t->cells = arena_realloc(a, t->cells, t->cap * sizeof *t->cells, cap * sizeof *t->cells);
        t->cap = cap;
    }
    t->cells[t->n++] = cell;
}

static size_t runes(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

void host_table_print(const struct host_table *t, size_t min_width, size_t padding, bool pad_last)
{
    size_t widths[HOST_TABLE_COLUMNS];
    ASSERT(t->columns > 0 && t->columns <= HOST_TABLE_COLUMNS && t->n % t->columns == 0);
    for (size_t i = 0; i < t->columns; i++)
        widths[i] = min_width;
    for (size_t i = 0; i < t->n; i++) {
        size_t *width = &widths[i % t->columns], n = runes(t->cells[i]) + padding;
        *width = n > *width ? n : *width;
    }
    for (size_t i = 0; i < t->n; i++) {
        size_t column = i % t->columns;
        bool last = column + 1 == t->columns;
        size_t blank = last && !pad_last ? 0 : widths[column] - runes(t->cells[i]);
        printf(STR_FMT "%*s%s", STR_ARG(t->cells[i]), (int)blank, "", last ? "\n" : "");
    }
}

/* docker/go-units, HumanDuration. */
const char *host_human_duration(struct arena *a, int64_t ns)
{
    int64_t s = ns / (int64_t)NS_PER_S, h = (s + 1800) / 3600;
    if (s < 1)
        return "Less than a second";
    if (s == 1)
        return "1 second";
    if (s < 60)
        return arena_printf(a, "%" PRId64 " seconds", s);
    if (s < 120)
        return "About a minute";
    if (s < 3600)
        return arena_printf(a, "%" PRId64 " minutes", s / 60);
    if (h == 1)
        return "About an hour";
    if (h < 48)
        return arena_printf(a, "%" PRId64 " hours", h);
    if (h < 24 * 7 * 2)
        return arena_printf(a, "%" PRId64 " days", h / 24);
    if (h < 24 * 30 * 2)
        return arena_printf(a, "%" PRId64 " weeks", h / 24 / 7);
    if (h < 24 * 365 * 2)
        return arena_printf(a, "%" PRId64 " months", h / 24 / 30);
    return arena_printf(a, "%" PRId64 " years", s / 3600 / 24 / 365);
}
