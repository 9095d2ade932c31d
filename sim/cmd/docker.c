/* sim/cmd/docker.c - the lab host's `docker`: what the lab uses of it, against the node's image store and the node's containers.
 *
 * Upstream: docker/cli of 19.03, command/{image,container}. build, images, pull, rmi, tag, ps, logs, version, info; anything else
 * is refused by name, in the words of docker's own command line. Containers are the kubelet's: none can be run or stopped from
 * here.
 */
#include "sim/cmd/cluster.h"
#include "sim/cmd/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- build ---- */
struct outcome { struct strbuf error; bool told, failed; };

/* What follows the byte 4 is the outcome: "0", or the error. */
static void print_piece(void *ctx, struct str piece)
{
    struct outcome *oc = ctx;
    ptrdiff_t mark = oc->told ? -1 : str_chr(piece, '\x04');
    struct str text = oc->told ? STR_NULL : mark < 0 ? piece : str_sub(piece, 0, (size_t)mark);
    struct str rest = oc->told ? piece : mark < 0 ? STR_NULL : str_sub(piece, (size_t)mark + 1, piece.n);
    fwrite(text.p ? text.p : "", 1, text.n, stdout);
    fflush(stdout);
    oc->told = oc->told || mark >= 0;
    strbuf_add(&oc->error, rest);
}

struct build_flags { const char *tag, *file, *dir; };

static bool build_flags_parse(int argc, char **argv, struct build_flags *f)
{
    for (int i = 0; i < argc; i++) {
        bool tag = strcmp(argv[i], "-t") == 0 || strcmp(argv[i], "--tag") == 0,
             file = strcmp(argv[i], "-f") == 0 || strcmp(argv[i], "--file") == 0;
        if ((tag || file) && i + 1 < argc)
            *(tag ? &f->tag : &f->file) = argv[++i];
        else if (argv[i][0] == '-' && argv[i][1]) {
            fprintf(stderr, argv[i][1] == '-' ? "unknown flag: %s\nSee 'docker build --help'.\n"
                    : "unknown shorthand flag: %s\nSee 'docker build --help'.\n", argv[i]);
            return false;
        } else if (f->dir) {
            f->dir = NULL;
            break;
        } else {
            f->dir = argv[i];
        }
    }
    if (!f->dir)
        fprintf(stderr, "\"docker build\" requires exactly 1 argument.\nSee 'docker build --help'.\n\nUsage:  docker build "
                        "[OPTIONS] PATH | URL | -\n\nBuild an image from a Dockerfile\n");
    return f->dir != NULL;
}

static int docker_build(struct arena *a, struct options *o, int argc, char **argv)
{
    struct build_flags f = { 0 };
    struct stat st;
    if (!build_flags_parse(argc, argv, &f))
        return 125;
    if (stat(f.dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        fprintf(stderr, "unable to prepare context: path \"%s\" not found\n", f.dir);
        return 1;
    }
    const char *file = f.file ? f.file : "Dockerfile", *path = arena_printf(a, "%s/%s", f.dir, file);
    if (stat(path, &st) != 0) {
        char *full = realpath(f.dir, NULL);
        fprintf(stderr, "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat %s/%s: no such file or "
                        "directory\n", full ? full : f.dir, file);
        free(full);
        return 1;
    }
    struct strbuf tar;
    struct err err = { 0 };
    struct control_reply reply;
    struct outcome oc = { 0 };
    strbuf_init(&tar, LIMIT_BODY_BYTES);
    strbuf_init(&oc.error, 65536);
    const char *target = arena_printf(a, "/images/build?dockerfile=" STR_FMT "%s" STR_FMT, STR_ARG(percent_encode(a, str_c(file))),
                                      f.tag ? "&t=" : "",
                                      STR_ARG(percent_encode(a, str_c(f.tag))));
    int status = 1;
    if (!build_context_write(f.dir, &tar, &err) ||
        !control_call(a, o, "POST", target, strbuf_str(&tar), print_piece, &oc, &reply, &err))
        fprintf(stderr, "%s\n", err.msg);
    else if (str_eqc(strbuf_str(&oc.error), "0"))
        status = 0;
    else
        fprintf(stderr, STR_FMT "\n", STR_ARG(strbuf_str(&oc.error)));
    strbuf_deinit(&tar);
    strbuf_deinit(&oc.error);
    return status;
}

/* ---- images ---- */
/* docker's units.HumanSizeWithPrecision(size, 3): three significant digits, decimal units. */
static const char *human_size(struct arena *a, double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB" };
    size_t u = 0;
    for (; bytes >= 1000 && u < ARRAY_LEN(units) - 1; u++)
        bytes /= 1000;
    return arena_printf(a, "%.3g%s", bytes, units[u]);
}

static int no_daemon(void)
{
    fprintf(stderr, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n");
    return 1;
}

static void split_ref(struct str ref, struct str *repo, struct str *tag)
{
    ptrdiff_t colon = -1;
    for (size_t k = 0; k < ref.n; k++)
        colon = ref.p[k] == ':' ? (ptrdiff_t)k : ref.p[k] == '/' ? -1 : colon;
    *repo = colon >= 0 ? str_sub(ref, 0, (size_t)colon) : ref;
    *tag = colon >= 0 ? str_sub(ref, (size_t)colon + 1, ref.n) : STR("latest");
}

struct list_flags { bool quiet, all, no_trunc, bad; const char *word; };

static struct list_flags list_flags_parse(const char *command, int argc, char **argv)
{
    struct list_flags f = { 0 };
    for (int i = 0; i < argc; i++) {
        const char *w = argv[i];
        if (w[0] != '-') {
            f.word = w;
        } else if (strcmp(w, "--no-trunc") == 0 || strcmp(w, "--all") == 0 || strcmp(w, "--quiet") == 0) {
            *(w[2] == 'n' ? &f.no_trunc : w[2] == 'a' ? &f.all : &f.quiet) = true;
        } else if (w[1] == '-' || strspn(w + 1, "aq") != strlen(w + 1)) {
            fprintf(stderr, "unknown %sflag: %s\nSee 'docker %s --help'.\n", w[1] == '-' ? "" : "shorthand ", w, command);
            f.bad = true;
        } else {
            f.all |= strchr(w, 'a') != NULL;
            f.quiet |= strchr(w, 'q') != NULL;
        }
    }
    return f;
}

static struct json *image_list(struct arena *a, int64_t *now)
{
    struct options o = { 0 };
    struct control_reply reply;
    struct err err = { 0 };
    if (!control_call(a, &o, "GET", "/images", STR_NULL, NULL, NULL, &reply, &err))
        return NULL;
    struct json *j = json_parse(a, reply.body, NULL);
    time_parse_rfc3339(json_get_str(j, "now"), now);
    return json_get(j, "images");
}

/* Newest first, as the daemon lists them. */
static struct json *newest_first(struct arena *a, struct json *all)
{
    struct json *sorted = json_new_array(a);
    while (json_len(all)) {
        struct json *one = json_remove_at(all, 0);
        size_t at = 0;
        while (at < json_len(sorted) && str_cmp(json_get_str(json_at(sorted, at), "created"), json_get_str(one, "created")) >= 0)
            at++;
        json_insert(sorted, at, one);
    }
    return sorted;
}

static struct str bare_id(const struct json *image)
{
    struct str id = json_get_str(image, "id");
    return str_starts(id, "sha256:") ? str_sub(id, 7, id.n) : id;
}

static int docker_images(struct arena *a, int argc, char **argv)
{
    static const char *const heads[] = { "REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE" };
    struct list_flags f = list_flags_parse("images", argc, argv);
    struct host_table t = { .columns = ARRAY_LEN(heads) };
    int64_t now = 0, created = 0;
    if (f.bad)
        return 125;
    struct json *all = image_list(a, &now);
    if (!all)
        return no_daemon();
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        host_table_add(a, &t, str_c(heads[i]));
    all = newest_first(a, all);
    for (struct json *i = json_first(all); i; i = json_next(i)) {
        struct str repo, tag, id = bare_id(i);
        split_ref(str_c(image_display(a, json_get_str(i, "ref"))), &repo, &tag);
        if (f.word && !str_eqc(repo, f.word) && !str_eqc(arena_strf(a, STR_FMT ":" STR_FMT, STR_ARG(repo), STR_ARG(tag)), f.word))
            continue;
        id = f.no_trunc ? arena_strf(a, "sha256:" STR_FMT, STR_ARG(id)) : str_sub(id, 0, 12);
        if (f.quiet) {
            printf(STR_FMT "\n", STR_ARG(id));
            continue;
        }
        if (!time_parse_rfc3339(json_get_str(i, "created"), &created))
            created = now;
        host_table_add(a, &t, repo);
        host_table_add(a, &t, tag);
        host_table_add(a, &t, id);
        host_table_add(a, &t, arena_strf(a, "%s ago", host_human_duration(a, now - created)));
        host_table_add(a, &t, str_c(human_size(a, (double)json_get_int(i, "size", 0))));
    }
    if (!f.quiet)
        host_table_print(&t, 20, 3, false);
    return 0;
}

static int docker_pull(struct arena *a, int argc, char **argv)
{
    struct list_flags f = list_flags_parse("pull", argc, argv);
    struct options o = { 0 };
    struct control_reply reply;
    struct err err = { 0 };
    struct outcome oc = { 0 };
    struct str repo, tag;
    if (f.bad || argc != 1)
        return f.bad ? 125 : (fprintf(stderr,
                                      "\"docker pull\" requires exactly 1 argument.\nSee 'docker pull --help'.\n\nUsage:  docker "
                                      "pull [OPTIONS] NAME[:TAG|@DIGEST]\n\nPull an image or a repository from a registry\n"), 1);
    if (!image_ref_check(str_c(f.word), &err)) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    split_ref(str_c(f.word), &repo, &tag);
    if (repo.n == strlen(f.word) && !strchr(f.word, '@'))
        printf("Using default tag: latest\n");
    fflush(stdout);
    strbuf_init(&oc.error, 65536);
    const char *path = arena_printf(a, "/host/image/pull?ref=" STR_FMT, STR_ARG(percent_encode(a, str_c(f.word))));
    int status = 1;
    if (!control_call(a, &o, "POST", path, STR_NULL, print_piece, &oc, &reply, &err))
        no_daemon();
    else if (str_eqc(strbuf_str(&oc.error), "0"))
        status = (printf("%s\n", image_normalize(a, str_c(f.word))), 0);
    else
        fprintf(stderr, STR_FMT "\n", STR_ARG(strbuf_str(&oc.error)));
    strbuf_deinit(&oc.error);
    return status;
}

/* By name, or by the beginning of an id. */
static struct json *image_named(struct arena *a, struct json *all, const char *word)
{
    struct str wanted = str_c(image_normalize(a, str_c(word)));
    for (struct json *i = json_first(all); i; i = json_next(i))
        if (str_eq(str_c(image_normalize(a, json_get_str(i, "ref"))), wanted))
            return i;
    for (struct json *i = json_first(all); i; i = json_next(i))
        if (strlen(word) >= 4 && str_starts(bare_id(i), word))
            return i;
    return NULL;
}

static bool post(struct arena *a, const char *path)
{
    struct options o = { 0 };
    struct control_reply reply;
    struct err err = { 0 };
    bool ok = control_call(a, &o, "POST", path, STR_NULL, NULL, NULL, &reply, &err);
    if (!ok)
        fprintf(stderr, "Error response from daemon: %s\n", err.msg);
    err_clear(&err);
    return ok;
}

/* docker rmi NAME...: the name goes; with the last name of an image its layers do. A container that uses it keeps it. */
static int remove_image(struct arena *a, const char *word, bool force)
{
    struct host_containers containers = { 0 };
    struct err err = { 0 };
    int64_t now = 0;
    struct json *all = image_list(a, &now), *image = image_named(a, all, word);
    if (!all)
        return no_daemon();
    if (!image) {
        fprintf(stderr, "Error: No such image: %s\n", word);
        return 1;
    }
    struct str id = bare_id(image), shown = str_c(image_display(a, json_get_str(image, "ref"))), repo, tag;
    int names = 0;
    for (struct json *i = json_first(all); i; i = json_next(i))
        names += str_eq(bare_id(i), id);
    host_containers_load(a, &containers, &err);
    err_clear(&err);
    for (size_t i = 0; i < containers.n && names == 1; i++)
        if (str_eq(containers.v[i].image_id, id) && (containers.v[i].running || !force)) {
            fprintf(stderr, "Error response from daemon: conflict: unable to remove repository reference \"%s\" (%s) - container "
                            STR_FMT " is using its referenced image " STR_FMT "\n", word,
                    containers.v[i].running && force ? "cannot be forced" : "must force",
                    STR_ARG(str_sub(containers.v[i].id, 0, 12)), STR_ARG(str_sub(id, 0, 12)));
            return 1;
        }
    if (!post(a, arena_printf(a, "/host/image/untag?ref=" STR_FMT, STR_ARG(percent_encode(a, json_get_str(image, "ref"))))))
        return 1;
    split_ref(shown, &repo, &tag);
    printf("Untagged: " STR_FMT ":" STR_FMT "\n", STR_ARG(repo), STR_ARG(tag));
    if (names == 1 && json_get_str(image, "digest").n)
        printf("Untagged: " STR_FMT "@" STR_FMT "\n", STR_ARG(repo), STR_ARG(json_get_str(image, "digest")));
    if (names == 1)
        printf("Deleted: sha256:" STR_FMT "\n", STR_ARG(id));
    return 0;
}

static int docker_rmi(struct arena *a, int argc, char **argv)
{
    bool force = false;
    int status = 0, words = 0;
    for (int i = 0; i < argc; i++)
        force |= strcmp(argv[i], "-f") == 0 || strcmp(argv[i], "--force") == 0;
    for (int i = 0; i < argc; i++)
        if (argv[i][0] != '-') {
            words++;
            status |= remove_image(a, argv[i], force);
        }
    if (!words) {
        fprintf(stderr, "\"docker rmi\" requires at least 1 argument.\nSee 'docker rmi --help'.\n\nUsage:  docker rmi [OPTIONS] "
                        "IMAGE [IMAGE...]\n\nRemove one or more images\n");
        return 1;
    }
    return status;
}

static int docker_tag(struct arena *a, int argc, char **argv)
{
    struct err err = { 0 };
    int64_t now = 0;
    if (argc != 2) {
        fprintf(stderr, "\"docker tag\" requires exactly 2 arguments.\nSee 'docker tag --help'.\n\nUsage:  docker tag "
                        "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\n"
                        "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE\n");
        return 1;
    }
    if (!image_ref_check(str_c(argv[1]), &err)) {
        fprintf(stderr, "Error parsing reference: \"%s\" is not a valid repository/tag: %s\n", argv[1], err.msg);
        return 1;
    }
    struct json *all = image_list(a, &now), *image = image_named(a, all, argv[0]);
    if (!all)
        return no_daemon();
    if (!image) {
        fprintf(stderr, "Error response from daemon: No such image: " STR_FMT "\n",
                STR_ARG(str_c(image_display(a, str_c(image_normalize(a, str_c(argv[0])))))));
        return 1;
    }
    return post(a, arena_printf(a, "/host/image/tag?from=" STR_FMT "&to=" STR_FMT,
                                STR_ARG(percent_encode(a, json_get_str(image, "ref"))),
                                STR_ARG(percent_encode(a, str_c(argv[1]))))) ? 0 : 1;
}

/* ---- containers ---- */
/* docker's Ellipsis: at most n characters, the last of them an ellipsis. Commands are ASCII but for a student's jokes; a rune is
 * not cut. */
static struct str shortened(struct arena *a, struct str s, size_t n)
{
    size_t runes = 0, at = 0, cut = 0;
    for (; at < s.n; at++) {
        bool begins = ((unsigned char)s.p[at] & 0xc0) != 0x80;
        if (begins && runes == n - 1)
            cut = at;
        runes += begins;
    }
    return runes > n ? arena_strf(a, STR_FMT "…", STR_ARG(str_sub(s, 0, cut))) : s;
}

static const char *container_title(struct arena *a, const struct host_container *c)
{
    return arena_printf(a, "k8s_" STR_FMT "_" STR_FMT "_" STR_FMT "_" STR_FMT "_%d", STR_ARG(c->name), STR_ARG(c->pod),
                        STR_ARG(c->ns), STR_ARG(c->uid), c->restarts);
}

static void container_row(struct arena *a, struct host_table *t, const struct host_container *c, int64_t now, bool no_trunc)
{
    struct str image = str_eqc(c->name, "POD") ? c->image : no_trunc ? arena_strf(a, "sha256:" STR_FMT, STR_ARG(c->image_id))
                       : str_sub(c->image_id, 0, 12);
    const char *since = host_human_duration(a, now - (c->running ? c->created_ns : c->finished_ns));
    host_table_add(a, t, no_trunc ? c->id : str_sub(c->id, 0, 12));
    host_table_add(a, t, image.n ? image : c->image);
    host_table_add(a, t, arena_strf(a, "\"" STR_FMT "\"", STR_ARG(no_trunc ? c->command : shortened(a, c->command, 20))));
    host_table_add(a, t, arena_strf(a, "%s ago", host_human_duration(a, now - c->created_ns)));
    host_table_add(a, t, c->running ? arena_strf(a, "Up %s", since) : arena_strf(a, "Exited (%d) %s ago", c->exit_code, since));
    host_table_add(a, t, STR(""));
    host_table_add(a, t, str_c(container_title(a, c)));
}

/* docker logs [--tail N] ID: what the container wrote, whether or not an API answers. */
static int docker_logs(struct arena *a, int argc, char **argv)
{
    const char *tail = NULL, *word = NULL;
    struct host_containers all;
    struct err err = { 0 };
    struct str text;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--tail") == 0 && i + 1 < argc)
            tail = argv[++i];
        else if (strncmp(argv[i], "--tail=", 7) == 0)
            tail = argv[i] + 7;
        else if (argv[i][0] == '-')
            return fprintf(stderr, "unknown flag: %s\nSee 'docker logs --help'.\n", argv[i]), 125;
        else
            word = argv[i];
    }
    if (!word)
        return fprintf(stderr, "\"docker logs\" requires exactly 1 argument.\nSee 'docker logs --help'.\n\nUsage:  docker logs "
                               "[OPTIONS] CONTAINER\n\nFetch the logs of a container\n"), 1;
    if (!host_containers_load(a, &all, &err))
        return no_daemon();
    for (size_t i = 0; i < all.n; i++) {
        if (!str_starts(all.v[i].id, word) && strcmp(container_title(a, &all.v[i]), word) != 0)
            continue;
        if (host_container_log(a, all.v[i].id, tail, &text))
            fwrite(text.p, 1, text.n, stdout);
        return 0;                      /* a sandbox has nothing to say */
    }
    return fprintf(stderr, "Error: No such container: %s\n", word), 1;
}

static int docker_ps(struct arena *a, int argc, char **argv)
{
    static const char *const heads[] = { "CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES" };
    struct list_flags f = list_flags_parse("ps", argc, argv);
    struct host_containers all;
    struct host_table t = { .columns = ARRAY_LEN(heads) };
    struct err err = { 0 };
    if (f.bad || f.word)
        return f.bad ? 125 : (fprintf(stderr,
                                      "\"docker ps\" accepts no arguments.\nSee 'docker ps --help'.\n\nUsage:  docker ps "
                                      "[OPTIONS]\n\nList containers\n"), 1);
    if (!host_containers_load(a, &all, &err)) {
        fprintf(stderr, "Error response from daemon: %s\n", err.msg);
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        host_table_add(a, &t, str_c(heads[i]));
    for (size_t i = 0; i < all.n; i++) {
        if (!all.v[i].running && !f.all)
            continue;
        if (f.quiet)
            printf(STR_FMT "\n", STR_ARG(f.no_trunc ? all.v[i].id : str_sub(all.v[i].id, 0, 12)));
        else
            container_row(a, &t, &all.v[i], all.now_ns, f.no_trunc);
    }
    if (!f.quiet)
        host_table_print(&t, 20, 3, false);
    return 0;
}

/* ---- version, info ---- */
static int docker_version(struct arena *a, int argc, char **argv)
{
    (void)a;
    (void)argc;
    (void)argv;
    printf("Client: Docker Engine - Community\n Version:           19.03.5\n API version:       1.40\n Go version:        "
           "go1.12.12\n Git commit:        633a0ea838\n OS/Arch:           linux/amd64\n"
           " Experimental:      false\n\nServer: Docker Engine - Community\n Engine:\n  Version:          19.03.5\n  API version:  "
           "    1.40 (minimum version 1.12)\n  Go version:       go1.12.12\n"
           "  Git commit:       633a0ea838\n  OS/Arch:          linux/amd64\n  Experimental:     false\n");
    return 0;
}

static int docker_info(struct arena *a, int argc, char **argv)
{
    struct host_containers all;
    struct err err = { 0 };
    int64_t now = 0;
    size_t running = 0;
    (void)argc;
    (void)argv;
    struct json *images = image_list(a, &now);
    if (!images || !host_containers_load(a, &all, &err))
        return no_daemon();
    for (size_t i = 0; i < all.n; i++)
        running += all.v[i].running;
    printf("Client:\n Debug Mode: false\n\nServer:\n Containers: %zu\n  Running: %zu\n  Paused: 0\n  Stopped: %zu\n Images: %zu\n "
           "Server Version: 19.03.5\n Storage Driver: overlay2\n"
           " Logging Driver: json-file\n Cgroup Driver: cgroupfs\n Operating System: Ubuntu 16.04.6 LTS\n OSType: linux\n "
           "Architecture: x86_64\n CPUs: 2\n Total Memory: 3.843GiB\n Name: %s\n"
           " Docker Root Dir: /var/lib/docker\n", all.n, running, all.n - running, json_len(images), host_place().name);
    return 0;
}

/* ---- the tree of commands ---- */
static int build(struct arena *a, int argc, char **argv)
{
    struct options o = { 0 };
    return docker_build(a, &o, argc, argv);
}

static const struct { const char *group, *verb; int (*run)(struct arena *a, int argc, char **argv); } tree[] = {
    { NULL, "build", build }, { "image", "build", build }, { "builder", "build", build },
    { NULL, "images", docker_images }, { "image", "ls", docker_images }, { "image", "list", docker_images },
    { NULL, "ps", docker_ps }, { NULL, "logs", docker_logs }, { "container", "logs", docker_logs },
    { "container", "ls", docker_ps }, { "container", "ps", docker_ps }, { "container", "list", docker_ps },
    { NULL, "pull", docker_pull }, { "image", "pull", docker_pull },
    { NULL, "rmi", docker_rmi }, { "image", "rm", docker_rmi },
    { NULL, "tag", docker_tag }, { "image", "tag", docker_tag },
    { NULL, "version", docker_version }, { NULL, "info", docker_info }, { "system", "info", docker_info },
};

#define DOCKER_VERBS "build, images, pull, rmi, tag, ps, logs, version, info"

int cmd_docker(struct options *o)
{
    int argc = o->arg_count;
    char **argv = o->args;
    const char *first = argc ? argv[0] : "", *second = argc > 1 ? argv[1] : "";
    if (strcmp(first, "--version") == 0 || strcmp(first, "-v") == 0)
        return printf("Docker version 19.03.5, build 633a0ea838\n"), 0;
    if (!argc || strcmp(first, "--help") == 0 || strcmp(first, "help") == 0)
        return fputs("Usage:  docker COMMAND\n\nOf docker's commands this host has " DOCKER_VERBS ".\n", argc ? stdout : stderr), 0;
    struct arena *a = arena_new();
    int status = -1;
    for (size_t i = 0; i < ARRAY_LEN(tree) && status < 0; i++) {
        const char *group = tree[i].group;
        if (group ? strcmp(first, group) == 0 && strcmp(second, tree[i].verb) == 0 : strcmp(first, tree[i].verb) == 0)
            status = tree[i].run(a, argc - (group ? 2 : 1), argv + (group ? 2 : 1));
    }
    if (status < 0) {
        fprintf(stderr, "docker: '%s%s%s' is not a docker command that this host has (" DOCKER_VERBS ").\nSee 'docker --help'\n",
                first, *second ? " " : "", second);
        status = 125;
    }
    arena_free(a);
    return status;
}
