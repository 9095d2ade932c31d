/* sim/cmd/stage.c - a cluster of its own for who plays a script on it: in a scratch folder, its clock standing, a child of this
 * process and gone with it. Scenarios and graders use it alike. */
#include "labs/labs.h"
#include "sim/cmd/cmd.h"
#include "sim/loop/loop.h"
#include "sim/pki/pki.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* Real clients are shown a certificate that is good by the wall's clock (kubeadm_edge.c), but an authority lasts ten years: is that of
 * the scenario's day over? */
static bool authority_ended(struct arena *a, const char *data)
{
    struct str text;
    const char *path = arena_printf(a, "%s/node/etc/kubernetes/pki/ca.crt", data);
    struct cert *ca = file_read(path, LIMIT_BODY_BYTES, a, &text, NULL) ? cert_parse_pem(text, NULL) : NULL;
    int64_t wall = wall_now_ns();
    bool ended = ca && (wall < ca->not_before_ns || wall > ca->not_after_ns);
    cert_unref(ca);
    return ended;
}

/* Then a real kubectl is told not to judge: on this loopback it may. */
static bool trust_loopback(struct arena *a, const char *data, struct err *err)
{
    const char *path = arena_printf(a, "%s/admin.conf", data);
    struct str text;
    struct strbuf out;
    if (!authority_ended(a, data))
        return true;
    if (!file_read(path, LIMIT_BODY_BYTES, a, &text, err))
        return false;
    strbuf_init(&out, LIMIT_BODY_BYTES);
    while (text.p && text.n) {
        struct str line = str_token(&text, '\n');
        bool ca = str_starts(str_trim(line), "certificate-authority-data:");
        strbuf_addf(&out, STR_FMT "\n", STR_ARG(ca ? STR("    insecure-skip-tls-verify: true") : line));
    }
    bool ok = file_write(path, strbuf_str(&out), 0600, err);
    strbuf_deinit(&out);
    return ok;
}

bool stage_open(struct stage *st, struct arena *a, const char *what, struct err *err)
{
    *st = (struct stage){ .pid = -1, .shelf = st->shelf, .home = scratch_make(a, what, err) };
    if (!st->home)
        return false;
    scratch_let_in(st->home);
    st->data = arena_printf(a, "%s/data", st->home);
    st->cluster = (struct options){ .data = st->data };
    return true;
}

/* The key that signs service accounts' tokens is what a boot takes longest for, and a stage's is no secret: its seed is known. So all
 * stages have the same, from a stream of dice whose first throws happen to be primes (the best of a few hundred names with mbedTLS
 * 2.28; with another version it is a key like any other). */
static bool lay_sa_key(struct arena *a, const char *data, struct err *err)
{
    uint8_t seed[32];
    struct rng dice;
    const char *dir = arena_printf(a, "%s/node/etc/kubernetes/pki", data);
    loop_seed_from_int(seed, 1);
    rng_init_seed(&dice, seed, "sa.key.117");
    struct key *k = key_generate_rsa(&dice, 2048);
    bool ok = dir_make(dir, 0755, err) && file_write(arena_printf(a, "%s/sa.key", dir), key_pem(a, k), 0600, err) &&
              file_write(arena_printf(a, "%s/sa.pub", dir), key_public_pem(a, k), 0644, err);
    key_unref(k);
    return ok;
}

static bool boot_asleep(struct arena *a, const struct options *up, struct err *err)
{
    return lay_sa_key(a, up->data, err) && up_asleep(a, up, err);
}

/* The cluster of a lab is always booted by one process and woken by another, so that it makes no difference who booted it. */
static bool lay_cluster(const struct stage *st, struct arena *a, const struct options *up, struct err *err)
{
    if (!up->lab || !lab_find(up->lab)->age_ns)
        return lay_sa_key(a, up->data, err);
    return st->shelf ? shelf_take(a, st->shelf, up, boot_asleep, err) : boot_asleep(a, up, err);
}

bool stage_begin(struct stage *st, struct arena *a, const struct scenario *sc, struct err *err)
{
    struct options up = { .data = st->data, .port = 0, .kubelet_port = 0, .seed_given = true, .seed = (uint64_t)sc->seed,
                          .clock = "paused", .start = arena_cstr(a, time_rfc3339(a, sc->start_ns)), .lab = sc->lab,
                          .params = sc->params, .kubernetes_version = sc->version };
    return lay_cluster(st, a, &up, err) && up_tied(a, &up, &st->pid, err) && trust_loopback(a, st->data, err);
}

bool stage_play(struct stage *st, struct arena *a, const struct scenario *sc, void (*say)(void *ctx, const char *line), void *ctx,
                struct timeline *t, struct err *err)
{
    st->ops = labs_ops_new(a, &st->cluster, st->home);         /* from here on an interrupt ends it in order */
    *t = (struct timeline){ .a = a, .scenario = sc, .steps = json_new_array(a), .samples = json_new_array(a) };
    return stage_begin(st, a, sc, err) && (!sc->lab || lab_files_write(lab_find(sc->lab), st->home, true, err)) &&
           scenario_run(a, sc, st->ops, say, ctx, t, err);
}

void stage_close(struct stage *st)
{
    if (st->pid > 0)
        kill(st->pid, SIGKILL);
    while (st->pid > 0 && waitpid(st->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    st->pid = -1;
    if (st->home)
        scratch_remove(st->home);
    st->home = NULL;
}
