/* sim/proc/builder.c - `docker build`, the classic builder: step by step from a Dockerfile to an image.
 *
 * Models dockerd 19.03 builder/dockerfile (dispatchers.go, evaluator.go) and what its client prints. Each step makes an
 * image from the one before. A step's id is the SHA-256 of its parent's id, the instruction and what it read, so that
 * equal input gives equal ids, and an id that is known already is the cache ("Using cache"). A base image that is not
 * there is pulled, with its lines and its time; RUN takes a container's start and end of time. Everything is done from
 * timers: out and done are never called inside image_build_start.
 *
 * Simplified: ids do not depend on the time of the build; the cache does not outlive the process; RUN knows the
 * commands of build_run.c and fails honestly on others; no --build-arg, .dockerignore is the client's business.
 */
#include "sim/proc/build_priv.h"
#include "sim/pki/pki.h"

#include <stdlib.h>

static const int64_t step_ns = 20 * (int64_t)NS_PER_MS;           /* a commit */
static const int64_t container_ns = 450 * (int64_t)NS_PER_MS;     /* to create, start, stop and remove a container for RUN */

/* What a step leaves behind, known to the cache by its id. */
struct built {
    struct arena *arena;
    struct json  *record;                          /* "id" and what the image would be */
    struct json  *args;                            /* ARGs declared in the stage so far: "NAME=value" */
    struct vfs   *files;
    bool          cmd_set;                         /* in this Dockerfile: ENTRYPOINT clears a CMD that was inherited */
};
struct stage { const char *name; struct built built; };            /* name NULL: only its number names it */

struct build {
    struct list          node;                     /* in the store's list of builds */
    struct image_store  *store;
    struct image_build   spec;
    struct arena        *arena;
    struct timer         timer;
    struct docker_step  *steps;
    size_t               count, at;
    struct stage         stages[DOCKERFILE_STEPS];
    size_t               stage_count;
    struct json         *global_args;              /* ARG before the first FROM */
    struct built         now;                      /* arena NULL: no stage yet */
    struct rng           rng;
};

static void on_timer(struct timer *t);

/* ---- saying ---- */
static void say(struct build *b, struct str text)
{
    if (b->spec.out)
        b->spec.out(b->spec.ctx, text);
}
#define SAY(b, ...) say((b), arena_strf((b)->arena, __VA_ARGS__))

static struct str short_id(const struct json *record)
{
    struct str id = json_get_str(record, "id");
    return str_starts(id, "sha256:") ? str_sub(id, 7, 19) : str_sub(id, 0, 12);
}

static void say_id(struct build *b)
{
    SAY(b, " ---> " STR_FMT "\n", STR_ARG(short_id(b->now.record)));
}

/* units.HumanSize: four significant digits, decimal units. */
static const char *human_size(struct arena *a, size_t bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB" };
    double v = (double)bytes;
    size_t u = 0;
    for (; v >= 1000 && u + 1 < ARRAY_LEN(units); u++)
        v /= 1000;
    return arena_printf(a, "%.4g%s", v, units[u]);
}

/* ---- what a step leaves ---- */
static void built_drop(struct built *r)
{
    vfs_free(r->files);
    arena_free(r->arena);
    *r = (struct built){ 0 };
}

static void built_free(void *p)
{
    built_drop(p);
    free(p);
}

/* A copy that the next step may change: its record anew, its files on top. */
static struct built built_layered(const struct built *from)
{
    struct built r = { .arena = arena_new(), .files = vfs_layered(from->files), .cmd_set = from->cmd_set };
    r.record = json_copy(r.arena, from->record);
    r.args = json_copy(r.arena, from->args);
    return r;
}

static void now_set(struct build *b, struct built r)
{
    built_drop(&b->now);
    b->now = r;
}

static void cache_put(struct build *b)
{
    struct map *cache = image_store_cache(b->store, built_free);
    struct built *r = NEW(struct built);
    struct str key;
    void *oldest;
    size_t cursor = 0;
    *r = built_layered(&b->now);
    struct built *before = map_put(cache, json_get_str(r->record, "id"), r);
    if (before)                                    /* two builds of the same at the same time */
        built_free(before);
    if (map_len(cache) > BUILD_CACHE_STEPS && map_next(cache, &cursor, &key, &oldest)) {
        map_take(cache, key);
        built_free(oldest);
    }
}

/* The step's id from its parent's and `content`. True: it was built before, and is b->now again. Else b->now is a fresh
 * layer under that id. */
static bool step_begin(struct build *b, const char *content)
{
    struct arena *a = b->arena;
    const struct docker_step *s = &b->steps[b->at];
    struct str hash = sha256_hex(a,
                                 arena_strf(a, STR_FMT "\n%s\n" STR_FMT "\n%s", STR_ARG(json_get_str(b->now.record, "id")),
                                            s->original, STR_ARG(json_text(a, b->now.args)), content));
    const char *id = arena_printf(a, "sha256:" STR_FMT, STR_ARG(hash));
    const struct built *known = map_getc(image_store_cache(b->store, built_free), id);
    now_set(b, built_layered(known ? known : &b->now));
    if (known) {
        say(b, STR(" ---> Using cache\n"));
        return true;
    }
    json_set_strc(b->now.arena, b->now.record, "id", id);
    json_set_str(b->now.arena, b->now.record, "created", time_rfc3339(b->now.arena, vtime_now(image_store_loop(b->store))));
    return false;
}

static const char *container_id(struct build *b)
{
    uint8_t bytes[6];
    rng_bytes(&b->rng, bytes, sizeof bytes);
    return arena_cstr(b->arena, hex_encode(b->arena, (struct str){ (const char *)bytes, sizeof bytes }));
}

static void add_layer(struct build *b, int64_t bytes)
{
    struct arena *a = b->now.arena;
    json_append(json_ensure_array(a, b->now.record, "layers"), json_new_str(a, short_id(b->now.record)));
    json_set_int(a, b->now.record, "size", json_get_int(b->now.record, "size", 0) + bytes);
}

/* ---- the end ---- */
void build_free(struct list *node)
{
    struct build *b = container_of(node, struct build, node);
    timer_stop(&b->timer);
    list_remove(&b->node);
    now_set(b, (struct built){ 0 });
    for (size_t i = 0; i < b->stage_count; i++)
        built_drop(&b->stages[i].built);
    vfs_free(b->spec.context);
    arena_free(b->arena);
    free(b);
}

static void build_end(struct build *b, const struct json *record, const struct err *err)
{
    void (*done)(void *ctx, const struct json *r, const struct err *e) = b->spec.done;
    void *ctx = b->spec.ctx;
    build_free(&b->node);
    done(ctx, record, err);
}

static void build_finish(struct build *b)
{
    struct err err = { 0 };
    struct arena *a = b->now.arena;
    const char *tag = b->spec.tag;
    if (b->spec.evaluate && !b->spec.evaluate(b->spec.ctx, a, b->now.record, b->now.files, &err)) {
        build_end(b, NULL, &err);
        err_clear(&err);
        return;
    }
    SAY(b, "Successfully built " STR_FMT "\n", STR_ARG(short_id(b->now.record)));
    /* without a tag it is found by its id alone */
    const char *ref = tag ? tag : arena_cstr(b->arena, short_id(b->now.record));
    image_put_saved(b->store, str_c(ref), b->now.record, b->now.files);
    if (tag)
        SAY(b, "Successfully tagged %s\n", image_display(b->arena, str_c(tag)));
    build_end(b, image_find(b->store, str_c(ref)), NULL);
}

/* ---- FROM ---- */
static void stage_open(struct build *b, const struct built *base)
{
    const struct docker_step *s = &b->steps[b->at];
    struct stage *st = &b->stages[b->stage_count++];
    st->name = s->argc == 3 ? s->args[2] : NULL;
    now_set(b, built_layered(base));
    say_id(b);
    b->at++;
    timer_start(&b->timer, step_ns);
}

static void stage_from_image(struct build *b, const struct json *record, struct vfs *files)
{
    static const char *const not_inherited[] = { "ref", "digest", "dirs", "files", "modes", "pull_bytes" };
    struct built base = { .arena = arena_new(), .files = files };
    base.record = json_copy(base.arena, record);
    base.args = json_new_array(base.arena);
    for (size_t i = 0; i < ARRAY_LEN(not_inherited); i++)
        json_remove(base.record, not_inherited[i]);
    stage_open(b, &base);
    arena_free(base.arena);
}

static void stage_from_nothing(struct build *b)
{
    struct arena *a = arena_new();
    struct vfs *empty = vfs_new();
    stage_from_image(
        b,
        json_buildf(
            a,
            "{'id':'','size':0,'created':'','program':'','entrypoint':[],'cmd':[],'env':[],'workdir':'','user':'',"
            "'layers':[],'fs':'scratch'}"),
        empty);
    vfs_free(empty);
    arena_free(a);
}

static void on_pull_line(void *ctx, struct str text)
{
    say(ctx, text);
}

static void on_pulled(void *ctx, const struct json *record, const struct err *err)
{
    struct build *b = ctx;
    if (record) {
        stage_from_image(b, record, image_files(b->store, json_get_str(record, "ref")));
        return;
    }
    struct err plain = { 0 };                      /* the stream of a build carries the daemon's words without their preface */
    struct str msg = str_c(err->msg), preface = STR("Error response from daemon: ");
    err_set(&plain, err->code, STR_FMT, STR_ARG(str_starts(msg, preface.p) ? str_sub(msg, preface.n, msg.n) : msg));
    build_end(b, NULL, &plain);
    err_clear(&plain);
}

static const struct built *stage_find(struct build *b, struct str name)
{
    int64_t number;
    for (size_t i = b->stage_count; i-- > 0;)
        if (b->stages[i].name && str_eqi(str_c(b->stages[i].name), name))
            return &b->stages[i].built;
    return str_int(name, &number) && number >= 0 && number < (int64_t)b->stage_count ? &b->stages[number].built : NULL;
}

static bool do_from(struct build *b, const struct docker_step *s, struct err *err)
{
    const char *name = build_expand(b->arena, str_c(s->args[0]), b->global_args);
    if (b->now.arena) {                            /* the stage before is complete */
        b->stages[b->stage_count - 1].built = b->now;
        b->now = (struct built){ 0 };
    }
    if (!*name)
        return err_set(err, ERR_BAD_REQUEST, "base name (%s) should not be blank", s->args[0]);
    const struct built *earlier = stage_find(b, str_c(name));
    if (earlier && !str_int(str_c(name), &(int64_t){ 0 }))
        return stage_open(b, earlier), true;
    if (strcmp(name, "scratch") == 0)
        return stage_from_nothing(b), true;
    if (!image_ref_check(str_c(name), err))
        return false;
    const struct json *there = image_find(b->store, str_c(name));
    if (there)
        return stage_from_image(b, there, image_files(b->store, str_c(name))), true;
    image_pull_lines(b->store, str_c(name), on_pull_line, on_pulled, b);
    return true;
}

/* ---- the other instructions: false with err ends the build; else b->now is the step's result ---- */
static struct json *environment(struct build *b)
{
    struct json *env = json_copy(b->arena, b->now.args);
    for (const struct json *e = json_first(json_get(b->now.record, "env")); e; e = json_next(e)) {
        struct str name, value;
        str_cut(json_str(e), '=', &name, &value);
        build_env_set(b->arena, env, name, value);
    }
    return env;
}

static const char *workdir(const struct build *b)
{
    struct str w = json_get_str(b->now.record, "workdir");
    return w.n ? arena_cstr(b->arena, w) : "/";
}

static char **expanded(struct build *b, const struct docker_step *s)
{
    struct json *env = environment(b);
    char **out = arena_alloc(b->arena, (s->argc + 1) * sizeof *out);
    for (size_t i = 0; i < s->argc; i++)
        out[i] = arena_strdup(b->arena, build_expand(b->arena, str_c(s->args[i]), env));
    out[s->argc] = NULL;
    return out;
}

/* The files that COPY --from names: an earlier stage's or an image's that the node has. */
static const struct vfs *copy_source(struct build *b, const struct docker_step *s, struct err *err)
{
    if (!s->from)
        return b->spec.context;
    const struct built *stage = stage_find(b, str_c(s->from));
    const struct vfs *files = stage && stage->arena ? stage->files : image_files(b->store, str_c(s->from));
    if (!files)
        err_set(
            err, ERR_NOT_FOUND,
            "invalid from flag value %s: pull access denied for %s, repository does not exist or may require 'docker "
            "login': denied: requested access to the resource is denied",
            s->from, s->from);
    return files;
}

static bool do_copy(struct build *b, const struct docker_step *s, struct err *err)
{
    struct build_copy c = { .what = s->op == OP_ADD ? "ADD" : "COPY",
                            .from = copy_source(b, s, err),
                            .from_context = !s->from,
                            .workdir = workdir(b),
                            .args = expanded(b, s),
                            .argc = s->argc,
                            .chown = s->chown,
                            .scratch = rng_below(&b->rng, 1000000000) };
    if (!c.from)
        return false;
    struct vfs *files = c.to = vfs_layered(b->now.files);
    strbuf_init(&c.content, VFS_BYTES);
    bool ok = build_copy(b->arena, &c, err);
    if (ok && !step_begin(b, arena_cstr(b->arena, sha256_hex(b->arena, strbuf_str(&c.content))))) {
        vfs_free(b->now.files);
        b->now.files = vfs_ref(files);
        add_layer(b, c.bytes);
        cache_put(b);
    }
    vfs_free(files);
    strbuf_deinit(&c.content);
    if (ok)
        say_id(b);
    return ok;
}

static void run_out(void *ctx, struct str text)
{
    say(ctx, text);
}

static bool do_run(struct build *b, const struct docker_step *s, struct err *err)
{
    struct json *env = environment(b);
    if (step_begin(b, "run"))
        return say_id(b), true;
    const char *container = container_id(b);
    struct str fs = json_get_str(b->now.record, "fs");
    struct build_run r = { .files = b->now.files,
                           .env = env,
                           .cwd = workdir(b),
                           .ash = str_eqc(fs, "busybox") || str_eqc(fs, "alpine"),
                           .now_ns = vtime_now(image_store_loop(b->store)),
                           .out = run_out,
                           .ctx = b };
    SAY(b, " ---> Running in %s\n", container);
    if (str_eqc(fs, "scratch"))
        return err_set(
            err, ERR_INTERNAL,
            "OCI runtime create failed: container_linux.go:349: starting container process caused \"exec: "
            "\\\"/bin/sh\\\": stat /bin/sh: no such file or directory\": unknown");
    int status = s->json ? build_run_argv(b->arena, &r, s->args, s->argc) : build_run_shell(b->arena, &r, s->rest);
    if (status != 0) {
        struct strbuf words;
        strbuf_init(&words, DOCKERFILE_BYTES);
        for (size_t i = 0; s->json && i < s->argc; i++)
            strbuf_addf(&words, "%s%s", i ? " " : "", s->args[i]);
        if (!s->json)
            strbuf_addf(&words, "/bin/sh -c " STR_FMT, STR_ARG(s->rest));
        err_set(err, ERR_INTERNAL, "The command '" STR_FMT "' returned a non-zero code: %d", STR_ARG(strbuf_str(&words)), status);
        strbuf_deinit(&words);
        return false;
    }
    SAY(b, "Removing intermediate container %s\n", container);
    add_layer(b, 0);
    cache_put(b);
    say_id(b);
    return true;
}

/* Instructions that change the record alone: through a container that is made and never started, as the classic builder does. */
static struct json *shell_or_exec(struct arena *a, const struct docker_step *s)
{
    struct json *v = json_new_array(a);
    if (!s->json && s->argc) {
        json_append(v, json_new_strc(a, "/bin/sh"));
        json_append(v, json_new_strc(a, "-c"));
    }
    for (size_t i = 0; i < s->argc; i++)
        json_append(v, json_new_strc(a, s->args[i]));
    return v;
}

static void append_once(struct arena *a, struct json *list, const char *text)
{
    for (const struct json *e = json_first(list); e; e = json_next(e))
        if (str_eqc(json_str(e), text))
            return;
    json_append(list, json_new_strc(a, text));
}

static void set_pairs(struct build *b, const struct docker_step *s, char **args)
{
    struct arena *a = b->now.arena;
    for (size_t i = 0; i < s->argc; i++) {
        struct str name, value;
        str_cut(str_c(args[i]), '=', &name, &value);
        if (s->op == OP_ENV)
            build_env_set(a, json_ensure_array(a, b->now.record, "env"), name, value);
        else
            json_set_str(a, json_ensure(a, b->now.record, "labels"), arena_cstr(a, name), value);
    }
}

static void declare_args(struct build *b, const struct docker_step *s, struct arena *a, struct json *into)
{
    for (size_t i = 0; i < s->argc; i++) {
        struct str name, value;
        bool given = str_cut(str_c(s->args[i]), '=', &name, &value);
        if (given)
            build_env_set(a, into, name, str_c(build_expand(b->arena, value, b->now.arena ? environment(b) : b->global_args)));
        else if (build_env_get(b->global_args, name).p)
            build_env_set(a, into, name, build_env_get(b->global_args, name));
    }
}

static bool check_signal(const char *name, struct err *err)
{
    static const char *const known[] = { "HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "WINCH", "STOP", "CONT" };
    int64_t number;
    const char *bare = strncmp(name, "SIG", 3) == 0 ? name + 3 : name;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(bare, known[i]) == 0)
            return true;
    return (str_int(str_c(name), &number) && number > 0 && number < 65) ||
           err_set(err, ERR_BAD_REQUEST, "Invalid signal: %s", name);
}

static void set_config(struct build *b, const struct docker_step *s, char **args, const char *new_workdir)
{
    struct arena *a = b->now.arena;
    struct json *record = b->now.record;
    switch (s->op) {                               /* one line each: what `docker inspect` would show */
    case OP_CMD: json_set(a, record, "cmd", shell_or_exec(a, s)); b->now.cmd_set = true; break;
    case OP_ENTRYPOINT:
        json_set(a, record, "entrypoint", shell_or_exec(a, s));
        if (!b->now.cmd_set)
            json_set(a, record, "cmd", json_new_array(a));
        break;
    case OP_ENV: case OP_LABEL: set_pairs(b, s, args); break;
    case OP_EXPOSE: case OP_VOLUME:
        for (size_t i = 0; i < s->argc; i++)
            append_once(a, json_ensure_array(a, record, s->op == OP_VOLUME ? "volumes" : "ports"),
                        s->op == OP_VOLUME || strchr(args[i], '/') ? args[i] : arena_printf(a, "%s/tcp", args[i]));
        break;
    case OP_USER: json_set_strc(a, record, "user", args[0]); break;
    case OP_STOPSIGNAL: json_set_strc(a, record, "stopsignal", args[0]); break;
    case OP_WORKDIR: json_set_strc(a, record, "workdir", new_workdir); vfs_mkdir(b->now.files, new_workdir, 0755); break;
    case OP_HEALTHCHECK: json_set_str(a, record, "healthcheck", s->rest); break;
    case OP_MAINTAINER: json_set_str(a, record, "author", s->rest); break;
    case OP_ARG: declare_args(b, s, a, b->now.args); break;
    case OP_ADD: case OP_COPY: case OP_FROM: case OP_RUN: case OP_COUNT: ASSERT(false);
    }
}

static bool check_config(struct build *b, const struct docker_step *s, char **args, const char **new_workdir, struct err *err)
{
    struct vfs_stat st;
    if (s->op == OP_STOPSIGNAL)
        return check_signal(args[0], err);
    if (s->op == OP_HEALTHCHECK && !str_eqi(str_c(s->args[0]), STR("NONE")) && !str_eqi(str_c(s->args[0]), STR("CMD")) &&
        strncmp(s->args[0], "--", 2) != 0)
        return err_set(err, ERR_BAD_REQUEST, "Unknown type %s in HEALTHCHECK (try CMD)", s->args[0]);
    if (s->op == OP_EXPOSE)
        for (size_t i = 0; i < s->argc; i++) {
            struct str port, proto;
            int64_t number;
            str_cut(str_c(args[i]), '/', &port, &proto);
            if (!str_int(port, &number) || number < 1 || number > 65535 ||
                (proto.n && !str_eqi(proto, STR("tcp")) && !str_eqi(proto, STR("udp"))))
                return err_set(err, ERR_BAD_REQUEST, "invalid containerPort: %s", args[i]);
        }
    if (s->op != OP_WORKDIR)
        return true;
    *new_workdir = vfs_normalize(b->arena, workdir(b), args[0]);
    if (!*new_workdir || (vfs_stat(b->now.files, *new_workdir, &st) && !st.is_dir))
        return err_set(err, ERR_BAD_REQUEST, "Cannot mkdir: %s is not a directory", args[0]);
    return true;
}

static bool do_config(struct build *b, const struct docker_step *s, struct err *err)
{
    const char *new_workdir = NULL;
    bool literal = s->op == OP_CMD || s->op == OP_ENTRYPOINT || s->op == OP_HEALTHCHECK || s->op == OP_MAINTAINER ||
                   s->op == OP_ARG;
    char **args = literal ? s->args : expanded(b, s);
    if (!check_config(b, s, args, &new_workdir, err))
        return false;
    if (!step_begin(b, "config")) {
        const char *container = container_id(b);
        SAY(b, " ---> Running in %s\nRemoving intermediate container %s\n", container, container);
        set_config(b, s, args, new_workdir);
        cache_put(b);
    }
    say_id(b);
    return true;
}

/* ---- step by step ---- */
static void build_step(struct build *b)
{
    const struct docker_step *s = &b->steps[b->at];
    struct err err = { 0 };
    bool ok;
    SAY(b, "Step %zu/%zu : %s\n", b->at + 1, b->count, s->original);
    if (s->op == OP_FROM) {
        if (!do_from(b, s, &err)) {
            build_end(b, NULL, &err);
            err_clear(&err);
        }
        return;                                    /* goes on when the base is there */
    }
    if (!b->now.arena)
        ok = (declare_args(b, s, b->arena, b->global_args), true);         /* only ARG may stand before FROM */
    else if (s->op == OP_RUN)
        ok = do_run(b, s, &err);
    else
        ok = s->op == OP_ADD || s->op == OP_COPY ? do_copy(b, s, &err) : do_config(b, s, &err);
    if (!ok) {
        build_end(b, NULL, &err);
        err_clear(&err);
        return;
    }
    b->at++;
    timer_start(&b->timer, s->op == OP_RUN ? container_ns : step_ns);
}

static bool build_begin(struct build *b, struct err *err)
{
    struct str text;
    const char *file = b->spec.dockerfile ? b->spec.dockerfile : "Dockerfile";
    if (b->spec.tag) {
        struct err bad = { 0 };
        if (!image_ref_check(str_c(b->spec.tag), &bad))
            return err_set(err, ERR_BAD_REQUEST, "invalid argument \"%s\" for \"-t, --tag\" flag: %s", b->spec.tag, bad.msg);
    }
    SAY(b, "Sending build context to Docker daemon  %s\n", human_size(b->arena, b->spec.context_bytes));
    if (!vfs_read(b->spec.context, file, &text))
        return err_set(err, ERR_NOT_FOUND, "Error response from daemon: Cannot locate specified Dockerfile: %s", file);
    return dockerfile_parse(b->arena, text, &b->steps, &b->count, err);
}

static void on_timer(struct timer *t)
{
    struct build *b = container_of(t, struct build, timer);
    struct err err = { 0 };
    if (b->steps == NULL && !build_begin(b, &err)) {
        build_end(b, NULL, &err);
        err_clear(&err);
    } else if (b->at < b->count) {
        build_step(b);
    } else {
        build_finish(b);
    }
}

void image_build_start(struct image_store *s, const struct image_build *spec)
{
    ASSERT(spec->context && spec->done);
    struct build *b = NEW(struct build);
    b->store = s;
    b->arena = arena_new();
    b->spec = *spec;
    b->spec.context = vfs_ref(spec->context);
    b->spec.dockerfile = arena_strdup(b->arena, spec->dockerfile ? spec->dockerfile : "Dockerfile");
    b->spec.tag = spec->tag ? arena_strdup(b->arena, spec->tag) : NULL;
    b->global_args = json_new_array(b->arena);
    rng_init(&b->rng, image_store_loop(s), arena_printf(b->arena, "docker build %" PRId64, vtime_now(image_store_loop(s))));
    timer_init(&b->timer, image_store_loop(s), on_timer);
    list_init(&b->node);
    list_push(image_store_builds(s), &b->node);
    timer_start(&b->timer, 0);
}
