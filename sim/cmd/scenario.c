/* sim/cmd/scenario.c - `kubelab scenario run FILE`: a script of what happens when, played on a fresh cluster of its own with its clock standing between the steps.
 *
 * The cluster lives in a scratch folder and is gone afterwards; what is kept is in --out: timeline.json, timeline.csv and timeline.svg, written also when the scenario
 * fails or is interrupted.
 */
#include "labs/labs.h"
#include "sim/cmd/cmd.h"
#include "sim/loop/loop.h"
#include "sim/pki/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct play { struct arena *a; struct options *o; struct scenario *sc; const char *home; bool json; };

static void say(void *ctx, const char *line)
{
    struct play *p = ctx;
    if (p->json)
        return;
    printf("%s\n", line);
    fflush(stdout);
}

static bool read_file(struct play *p, const char *file, struct err *err)
{
    struct str text;
    if (!file_read(file, LIMIT_YAML_BYTES, p->a, &text, err))
        return err_set(err, ERR_USAGE, "%s", arena_strdup(p->a, err->msg));
    p->sc = scenario_parse(p->a, file, text, err);
    if (!p->sc)
        return false;
    if (p->sc->version && version_minor(p->sc->version) < 0)
        return err_set(err, ERR_PARSE, "%s:1:1: kubernetesVersion is one of v1.16, v1.20 and v1.34, not \"%s\"", file, p->sc->version);
    if (p->o->seed_given || !p->sc->seed_given)
        p->sc->seed = p->o->seed_given ? (int64_t)p->o->seed : 1;
    return true;
}

/* Real clients are shown a certificate that is good by the wall's clock (kubeadm_edge.c), but an authority lasts ten years: is that of the scenario's day over? */
static bool authority_ended(struct play *p, const char *data)
{
    struct str text;
    const char *path = arena_printf(p->a, "%s/node/etc/kubernetes/pki/ca.crt", data);
    struct cert *ca = file_read(path, LIMIT_BODY_BYTES, p->a, &text, NULL) ? cert_parse_pem(text, NULL) : NULL;
    int64_t wall = wall_now_ns();
    bool ended = ca && (wall < ca->not_before_ns || wall > ca->not_after_ns);
    cert_unref(ca);
    return ended;
}

/* Then a real kubectl is told not to judge: on this loopback it may. */
static bool trust_loopback(struct play *p, const char *data, struct err *err)
{
    const char *path = arena_printf(p->a, "%s/admin.conf", data);
    struct str text;
    struct strbuf out;
    if (!authority_ended(p, data))
        return true;
    if (!file_read(path, LIMIT_BODY_BYTES, p->a, &text, err))
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

static bool begin(struct play *p, const char *data, struct err *err)
{
    const struct scenario *sc = p->sc;
    struct options up = { .data = data, .detach = true, .tied = true, .port = 0, .kubelet_port = 0, .seed_given = true, .seed = (uint64_t)sc->seed, .clock = "paused",
                          .start = arena_cstr(p->a, time_rfc3339(p->a, sc->start_ns)), .lab = sc->lab, .kubernetes_version = sc->version };
    if (cmd_up(&up) != EXIT_DONE)
        return err_set(err, ERR_INTERNAL, "the scenario's cluster did not start");
    return trust_loopback(p, data, err) && (!sc->lab || lab_files_write(lab_find(sc->lab), p->home, true, err));
}

static bool write_results(struct play *p, const struct timeline *t, struct err *err)
{
    const struct { const char *name; struct str bytes; } files[] = {
        { "timeline.json", timeline_json(t) }, { "timeline.csv", timeline_csv(t) }, { "timeline.svg", timeline_svg(t) },
    };
    if (p->json)
        fwrite(files[0].bytes.p, 1, files[0].bytes.n, stdout);
    if (!p->o->out)
        return true;
    bool ok = dir_make(p->o->out, 0755, err);
    for (size_t i = 0; i < ARRAY_LEN(files) && ok; i++)
        ok = file_write(arena_printf(p->a, "%s/%s", p->o->out, files[i].name), files[i].bytes, 0644, err);
    return ok;
}

static int perform(struct play *p, struct err *err)
{
    const char *data = arena_printf(p->a, "%s/data", p->home);
    struct options cluster = { .data = data };
    struct timeline t = { 0 };
    const struct labs_ops *ops = labs_ops_new(p->a, &cluster, p->home);            /* from here on an interrupt ends it in order */
    if (!begin(p, data, err))
        return EXIT_INTERNAL;
    bool ok = scenario_run(p->a, p->sc, ops, say, p, &t, err);
    struct err late = { 0 };
    bool written = write_results(p, &t, &late);
    if (cmd_down(&cluster) != EXIT_DONE && ok)
        ok = err_set(err, ERR_INTERNAL, "the scenario's cluster did not stop");
    if (ok && !written)
        ok = err_set(err, late.code, "%s", late.msg);
    err_clear(&late);
    if (!ok)
        return err->code == ERR_REFUSED ? EXIT_UNREACHABLE : EXIT_INTERNAL;
    say(p, arena_printf(p->a, "\n%s: %s; %zu of %zu steps as expected", p->sc->name, t.interrupted ? "interrupted" : t.failed ? "failed" : "passed", t.passed, t.passed + t.failed));
    return t.failed || t.interrupted ? EXIT_FAILED : EXIT_DONE;
}

int cmd_scenario(struct options *o)
{
    struct play p = { .a = arena_new(), .o = o, .json = o->output && strcmp(o->output, "json") == 0 };
    struct err err = { 0 };
    int status = EXIT_USAGE;
    if (o->arg_count != 2 || strcmp(o->args[0], "run") != 0)
        err_set(&err, ERR_USAGE, "usage: kubelab scenario run FILE [--seed N] [--out DIR] [-o json]");
    else if (read_file(&p, o->args[1], &err) && (p.home = scratch_make(p.a, "scenario", &err)))
        status = perform(&p, &err);
    else
        status = err.code == ERR_PARSE || err.code == ERR_USAGE ? EXIT_USAGE : EXIT_INTERNAL;
    if (err.code)
        fprintf(stderr, "kubelab: %s\n", err.msg);
    if (p.home)
        scratch_remove(p.home);
    scenario_close(p.sc);
    err_clear(&err);
    arena_free(p.a);
    return status;
}
