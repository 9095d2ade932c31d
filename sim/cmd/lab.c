/* sim/cmd/lab.c - `kubelab lab`: the labs' files. They are part of the binary, so that a student needs nothing but it. */
#include "sim/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

EMBED(lab8_reader, "labs/lab8/files/metrics-server/deploy/1.8+/aggregated-metrics-reader.yaml")
EMBED(lab8_delegator, "labs/lab8/files/metrics-server/deploy/1.8+/auth-delegator.yaml")
EMBED(lab8_auth_reader, "labs/lab8/files/metrics-server/deploy/1.8+/auth-reader.yaml")
EMBED(lab8_apiservice, "labs/lab8/files/metrics-server/deploy/1.8+/metrics-apiservice.yaml")
EMBED(lab8_deployment, "labs/lab8/files/metrics-server/deploy/1.8+/metrics-server-deployment.yaml")
EMBED(lab8_service, "labs/lab8/files/metrics-server/deploy/1.8+/metrics-server-service.yaml")
EMBED(lab8_resource, "labs/lab8/files/metrics-server/deploy/1.8+/resource-reader.yaml")
EMBED(lab8_readme, "labs/lab8/files/metrics-server/README.md")
EMBED(lab8_php, "labs/lab8/files/hpa/index.php")
EMBED(lab8_dockerfile, "labs/lab8/files/hpa/Dockerfile")
EMBED(lab8_target, "labs/lab8/files/hpa/target-deploy.yaml")

struct lab_file { const char *path; struct str (*text)(void); bool student; /* the lab has the student write it: --all only */ };
static const struct lab_file lab8_files[] = {
    { "metrics-server/README.md", lab8_readme, false },
    { "metrics-server/deploy/1.8+/aggregated-metrics-reader.yaml", lab8_reader, false },
    { "metrics-server/deploy/1.8+/auth-delegator.yaml", lab8_delegator, false },
    { "metrics-server/deploy/1.8+/auth-reader.yaml", lab8_auth_reader, false },
    { "metrics-server/deploy/1.8+/metrics-apiservice.yaml", lab8_apiservice, false },
    { "metrics-server/deploy/1.8+/metrics-server-deployment.yaml", lab8_deployment, false },
    { "metrics-server/deploy/1.8+/metrics-server-service.yaml", lab8_service, false },
    { "metrics-server/deploy/1.8+/resource-reader.yaml", lab8_resource, false },
    { "hpa/index.php", lab8_php, true },
    { "hpa/Dockerfile", lab8_dockerfile, true },
    { "hpa/target-deploy.yaml", lab8_target, true },
};

static bool write_files(const char *dir, bool all, struct err *err)
{
    struct arena *a = arena_new();
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(lab8_files) && ok; i++) {
        const struct lab_file *f = &lab8_files[i];
        if (f->student && !all)
            continue;
        char *path = arena_printf(a, "%s/%s", dir, f->path), *slash = strrchr(path, '/');
        *slash = 0;
        ok = dir_make(path, 0755, err);
        *slash = '/';
        ok = ok && file_write(path, f->text(), 0644, err);
    }
    arena_free(a);
    return ok;
}

bool lab_write_files(const char *dir, bool all)
{
    struct err err = { 0 };
    return write_files(dir, all, &err) || (err_clear(&err), false);
}

static int lab_files(struct options *o, const char *dir)
{
    struct err err = { 0 };
    return write_files(dir, o->all, &err) ? EXIT_DONE : control_fail(&err);
}

int cmd_lab(struct options *o)
{
    const char *verb = o->arg_count ? o->args[0] : "";
    const char *name = o->arg_count > 1 ? o->args[1] : "";
    if (strcmp(verb, "list") == 0) {
        printf("lab8    Metrics: the metrics server, kubectl top, and autoscaling a web server\n");
        return EXIT_DONE;
    }
    if (*name && strcmp(name, "lab8") != 0) {
        fprintf(stderr, "kubelab: there is no lab \"%s\"; 'kubelab lab list' names them\n", name);
        return EXIT_USAGE;
    }
    if (strcmp(verb, "files") == 0 && o->arg_count == 3)
        return lab_files(o, o->args[2]);
    if (strcmp(verb, "play") == 0 && o->arg_count == 2)
        return lab_play(o);
    fprintf(stderr, "usage: kubelab lab list | files NAME DIR [--all] | play NAME\n");
    return EXIT_USAGE;
}
