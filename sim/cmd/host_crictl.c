/* sim/cmd/host_crictl.c - crictl on the lab's host: containers, sandboxes, images and logs, in its own columns.
 *
 * Upstream: cri-tools cmd/crictl/{container,sandbox,image,logs}.go, v1.16.
 */
#include "sim/cmd/host.h"
#include "sim/proc/proc.h"

#include <stdio.h>
#include <stdlib.h>

static struct str ago(struct arena *a, int64_t ns)
{
    return arena_strf(a, "%s ago", host_human_duration(a, ns));
}

static void heads(struct arena *a, struct host_table *t, const char *const *names, size_t n)
{
    t->columns = n;
    for (size_t i = 0; i < n; i++)
        host_table_add(a, t, str_c(names[i]));
}

static int list_containers(struct arena *a, const struct host_containers *all, bool every, bool quiet, const char *name)
{
    static const char *const names[] = { "CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "ATTEMPT", "POD ID" };
    struct host_table t = { 0 };
    heads(a, &t, names, ARRAY_LEN(names));
    for (size_t i = 0; i < all->n; i++) {
        const struct host_container *c = &all->v[i];
        if (str_eqc(c->name, "POD") || (!c->running && !every) || (name && str_find(c->name, str_c(name)) < 0))
            continue;
        if (quiet) {
            printf(STR_FMT "\n", STR_ARG(c->id));
            continue;
        }
        host_table_add(a, &t, str_sub(c->id, 0, 13));
        host_table_add(a, &t, str_sub(c->image_id, 0, 13));
        host_table_add(a, &t, ago(a, all->now_ns - c->created_ns));
        host_table_add(a, &t, c->running ? STR("Running") : STR("Exited"));
        host_table_add(a, &t, c->name);
        host_table_add(a, &t, arena_strf(a, "%d", c->restarts));
        host_table_add(a, &t, str_sub(c->sandbox_id, 0, 13));
    }
    if (!quiet)
        host_table_print(&t, 20, 3, false);
    return 0;
}

static int list_sandboxes(struct arena *a, const struct host_containers *all, bool quiet, const char *name)
{
    static const char *const names[] = { "POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT" };
    struct host_table t = { 0 };
    heads(a, &t, names, ARRAY_LEN(names));
    for (size_t i = 0; i < all->n; i++) {
        const struct host_container *c = &all->v[i];
        if (!str_eqc(c->name, "POD") || (name && str_find(c->pod, str_c(name)) < 0))
            continue;
        if (quiet) {
            printf(STR_FMT "\n", STR_ARG(c->id));
            continue;
        }
        host_table_add(a, &t, str_sub(c->id, 0, 13));
        host_table_add(a, &t, ago(a, all->now_ns - c->created_ns));
        host_table_add(a, &t, c->running ? STR("Ready") : STR("NotReady"));
        host_table_add(a, &t, c->pod);
        host_table_add(a, &t, c->ns);
        host_table_add(a, &t, STR("0"));
    }
    if (!quiet)
        host_table_print(&t, 20, 3, false);
    return 0;
}

static int list_images(struct arena *a, bool quiet)
{
    static const char *const names[] = { "IMAGE", "TAG", "IMAGE ID", "SIZE" };
    struct host_table t = { 0 };
    struct options o = { 0 };
    struct control_reply r;
    struct err err = { 0 };
    if (!control_call(a, &o, "GET", "/images", STR_NULL, NULL, NULL, &r, &err))
        return control_fail(&err);
    heads(a, &t, names, ARRAY_LEN(names));
    for (struct json *i = json_first(json_get(json_parse(a, r.body, NULL), "images")); i; i = json_next(i)) {
        struct str ref = str_c(image_normalize(a, json_get_str(i, "ref"))), id = json_get_str(i, "id"), repo = ref,
                   tag = STR("latest");
        for (size_t k = ref.n; k > 0 && ref.p[k - 1] != '/'; k--)
            if (ref.p[k - 1] == ':') {
                repo = str_sub(ref, 0, k - 1);
                tag = str_sub(ref, k, ref.n);
            }
        id = str_starts(id, "sha256:") ? str_sub(id, 7, id.n) : id;
        if (quiet) {
            printf("sha256:" STR_FMT "\n", STR_ARG(id));
            continue;
        }
        host_table_add(a, &t, repo);
        host_table_add(a, &t, tag);
        host_table_add(a, &t, str_sub(id, 0, 13));
        double size = (double)json_get_int(i, "size", 0);
        host_table_add(a, &t, size >= 1e9 ? arena_strf(a, "%.3gGB", size / 1e9) : size >= 1e6 ? arena_strf(a, "%.3gMB", size / 1e6)
                       : arena_strf(a, "%.3gkB", size / 1e3));
    }
    if (!quiet)
        host_table_print(&t, 20, 3, false);
    return 0;
}

static int logs(struct arena *a, const char *id, const char *tail)
{
    struct str text;
    if (id && host_container_log(a, str_c(id), tail, &text)) {
        fwrite(text.p, 1, text.n, stdout);
        return 0;
    }
    fprintf(stderr, "FATA[0000] rpc error: code = Unknown desc = failed to get container status \"%s\": could not find container "
                    "\"%s\"\n", id ? id : "", id ? id : "");
    return 1;
}

int host_crictl(struct arena *a, int argc, char **argv)
{
    struct host_containers all;
    struct err err = { 0 };
    const char *verb = NULL, *word = NULL, *name = NULL, *tail = NULL;
    bool every = false, quiet = false;
    for (int i = 1; i < argc; i++) {
        const char *w = argv[i];
        if (strcmp(w, "--name") == 0 && i + 1 < argc)
            name = argv[++i];
        else if (strcmp(w, "--tail") == 0 && i + 1 < argc)
            tail = argv[++i];
        else if (strncmp(w, "--tail=", 7) == 0)
            tail = w + 7;
        else if ((strcmp(w, "-r") == 0 || strcmp(w, "--runtime-endpoint") == 0) && i + 1 < argc)
            i++;
        else if (w[0] == '-') {
            every |= strcmp(w, "-a") == 0 || strcmp(w, "--all") == 0;
            quiet |= strcmp(w, "-q") == 0 || strcmp(w, "--quiet") == 0;
        } else if (!verb)
            verb = w;
        else
            word = w;
    }
    int status = 1;
    bool images = verb && (strcmp(verb, "images") == 0 || strcmp(verb, "image") == 0 || strcmp(verb, "img") == 0);
    if (verb && strcmp(verb, "version") == 0)
        status = (printf("Version:  0.1.0\nRuntimeName:  docker\nRuntimeVersion:  19.03.5\nRuntimeApiVersion:  1.40.0\n"), 0);
    else if (!host_is_root())
        fprintf(stderr, "FATA[0000] failed to connect: failed to connect, make sure you are running as root and the runtime has "
                        "been started: context deadline exceeded\n");
    else if (images)
        status = list_images(a, quiet);
    else if (!verb || (strcmp(verb, "ps") != 0 && strcmp(verb, "pods") != 0 && strcmp(verb, "logs") != 0))
        fprintf(stderr, "crictl: '%s' is not a command that this host has (ps, pods, images, logs, version)\n", verb ? verb : "");
    else if (!host_containers_load(a, &all, &err))
        status = control_fail(&err);
    else if (strcmp(verb, "ps") == 0)
        status = list_containers(a, &all, every, quiet, name);
    else if (strcmp(verb, "pods") == 0)
        status = list_sandboxes(a, &all, quiet, name);
    else
        status = logs(a, word, tail);
    return status;
}
