/* sim/cmd/docker.c - the lab host's `docker`: what the lab uses of it, against the node's image store.
 *
 * `docker image build|ls`, `docker build`, `docker images`. Anything else is refused by name, in the words of docker's own command line.
 */
#include "sim/cmd/cluster.h"
#include "sim/cmd/cmd.h"

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
        bool tag = strcmp(argv[i], "-t") == 0 || strcmp(argv[i], "--tag") == 0, file = strcmp(argv[i], "-f") == 0 || strcmp(argv[i], "--file") == 0;
        if ((tag || file) && i + 1 < argc)
            *(tag ? &f->tag : &f->file) = argv[++i];
        else if (argv[i][0] == '-' && argv[i][1]) {
            fprintf(stderr, argv[i][1] == '-' ? "unknown flag: %s\nSee 'docker build --help'.\n" : "unknown shorthand flag: %s\nSee 'docker build --help'.\n", argv[i]);
            return false;
        } else if (f->dir) {
            f->dir = NULL;
            break;
        } else {
            f->dir = argv[i];
        }
    }
    if (!f->dir)
        fprintf(stderr, "\"docker build\" requires exactly 1 argument.\nSee 'docker build --help'.\n\nUsage:  docker build [OPTIONS] PATH | URL | -\n\nBuild an image from a Dockerfile\n");
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
        fprintf(stderr, "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat %s/%s: no such file or directory\n", full ? full : f.dir, file);
        free(full);
        return 1;
    }
    struct strbuf tar;
    struct err err = { 0 };
    struct control_reply reply;
    struct outcome oc = { 0 };
    strbuf_init(&tar, LIMIT_BODY_BYTES);
    strbuf_init(&oc.error, 65536);
    const char *target = arena_printf(a, "/images/build?dockerfile=" STR_FMT "%s" STR_FMT, STR_ARG(percent_encode(a, str_c(file))), f.tag ? "&t=" : "",
                                      STR_ARG(percent_encode(a, str_c(f.tag))));
    int status = 1;
    if (!tar_write_dir(f.dir, &tar, &err) || !control_call(a, o, "POST", target, strbuf_str(&tar), print_piece, &oc, &reply, &err))
        fprintf(stderr, "%s\n", err.msg);
    else if (str_eqc(strbuf_str(&oc.error), "0"))
        status = 0;
    else
        fprintf(stderr, STR_FMT "\n", STR_ARG(strbuf_str(&oc.error)));
    strbuf_deinit(&tar);
    strbuf_deinit(&oc.error);
    return status;
}

/* ---- ls ---- */
/* docker's units.HumanSizeWithPrecision(size, 3): three significant digits, decimal units. */
static const char *human_size(struct arena *a, double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB" };
    size_t u = 0;
    for (; bytes >= 1000 && u < ARRAY_LEN(units) - 1; u++)
        bytes /= 1000;
    return arena_printf(a, "%.3g%s", bytes, units[u]);
}

static const char *human_ago(struct arena *a, int64_t ns)
{
    static const struct { int64_t seconds; const char *one, *many; } units[] = {
        { 365 * 24 * 3600, "12 months", "years" }, { 30 * 24 * 3600, "4 weeks", "months" }, { 7 * 24 * 3600, "7 days", "weeks" },
        { 24 * 3600, "24 hours", "days" }, { 3600, "About an hour", "hours" }, { 60, "About a minute", "minutes" }, { 1, "1 second", "seconds" },
    };
    int64_t s = ns / (int64_t)NS_PER_S;
    if (s < 1)
        return "Less than a second ago";
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (s >= units[i].seconds * (i < ARRAY_LEN(units) - 1 && i < 4 ? 2 : 1))
            return s / units[i].seconds == 1 ? arena_printf(a, "%s ago", units[i].one) : arena_printf(a, "%" PRId64 " %s ago", s / units[i].seconds, units[i].many);
    return "1 second ago";
}

static int docker_images(struct arena *a, struct options *o)
{
    struct err err = { 0 };
    struct control_reply reply;
    if (!control_call(a, o, "GET", "/images", STR_NULL, NULL, NULL, &reply, &err)) {
        fprintf(stderr, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n");
        return 1;
    }
    struct json *j = json_parse(a, reply.body, NULL);
    int64_t now = 0, created = 0;
    time_parse_rfc3339(json_get_str(j, "now"), &now);
    printf("%-40s %-20s %-15s %-20s %s\n", "REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE");
    for (struct json *i = json_first(json_get(j, "images")); i; i = json_next(i)) {
        struct str ref = str_c(image_display(a, json_get_str(i, "ref"))), repo = ref, tag = STR("latest"), id = json_get_str(i, "id");
        ptrdiff_t colon = -1;
        for (size_t k = 0; k < ref.n; k++)
            colon = ref.p[k] == ':' ? (ptrdiff_t)k : ref.p[k] == '/' ? -1 : colon;
        if (colon >= 0) {
            repo = str_sub(ref, 0, (size_t)colon);
            tag = str_sub(ref, (size_t)colon + 1, ref.n);
        }
        if (!time_parse_rfc3339(json_get_str(i, "created"), &created))
            created = now;
        id = str_starts(id, "sha256:") ? str_sub(id, 7, 19) : str_sub(id, 0, 12);
        printf("%-40s %-20s %-15s %-20s %s\n", arena_cstr(a, repo), arena_cstr(a, tag), arena_cstr(a, id), human_ago(a, now - created),
               human_size(a, (double)json_get_int(i, "size", 0)));
    }
    return 0;
}

int cmd_docker(struct options *o)
{
    struct arena *a = arena_new();
    int argc = o->arg_count;
    char **argv = o->args;
    const char *verb = argc ? argv[0] : "";
    if (strcmp(verb, "image") == 0 && argc > 1) {
        argc--;
        argv++;
        verb = strcmp(argv[0], "ls") == 0 || strcmp(argv[0], "list") == 0 ? "images" : argv[0];
    }
    int status = 125;
    if (strcmp(verb, "build") == 0)
        status = docker_build(a, o, argc - 1, argv + 1);
    else if (strcmp(verb, "images") == 0 && argc == 1)
        status = docker_images(a, o);
    else if (strcmp(verb, "version") == 0 || strcmp(verb, "--version") == 0)
        status = (printf("Docker version 19.03.5, build 633a0ea838\n"), 0);
    else
        fprintf(stderr, "docker: '%s' is not a docker command that this host has (image build, image ls, build, images).\nSee 'docker --help'\n", verb);
    arena_free(a);
    return status;
}
