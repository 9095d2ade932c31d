/* apiserver/schema/validate_lab.c - what kubelab itself steers, as objects of lab.kubelab.dev.
 *
 * The bounds of a LoadProfile are those that workloads/load can carry out; its plan refuses what goes beyond them in the same
 * way, should any be stored.
 */
#include "apiserver/schema/schema_priv.h"
#include "sim/api/api.h"

enum { STAGES_MAX = 32, CLIENTS_MAX = 1000, RATE_MAX = 1000, PATH_MAX_BYTES = 2048, TIMEOUT_MAX_S = 600, SPEED_MAX = 1000 };
#define STAGE_MAX_NS (1000 * 3600 * (int64_t)NS_PER_S)

static void check_duration(struct check *c, const struct fpath *p, struct str value, int64_t max_ns, const char *max)
{
    int64_t ns;
    if (!duration_parse_go(value, &ns))
        check_invalid_s(c, p, value, "must be a duration, such as 90s or 2m30s");
    else if (ns <= 0 || ns > max_ns)
        check_invalid_s(c, p, value, "must be greater than zero and at most %s", max);
}

static void check_url_path(struct check *c, struct str path, const struct fpath *p)
{
    bool plain = true;
    for (size_t i = 0; i < path.n; i++)
        plain = plain && (unsigned char)path.p[i] > ' ' && (unsigned char)path.p[i] < 0x7f && path.p[i] != '#';
    if (!str_starts(path, "/") || !plain)
        check_invalid_s(c, p, path, "must begin with '/' and hold no space, no '#', and nothing beyond ASCII");
    if (path.n > PATH_MAX_BYTES)
        check_too_long(c, p, PATH_MAX_BYTES);
}

static void check_level(struct check *c, const struct json *stage, const struct fpath *p)
{
    const struct json *clients = json_get(stage, "clients"), *rate = json_get(stage, "requestsPerSecond");
    if (!clients && !rate)
        check_required(c, p, "must specify one of: `clients`, `requestsPerSecond`");
    if (clients && rate)
        check_forbidden(c, FP_NAME(p, "requestsPerSecond"), "may not be specified together with `clients`");
    int64_t n = json_int(clients, 0), milli = quantity_json_milli(rate, 0);
    if (n < 0 || n > CLIENTS_MAX)
        check_invalid_i(c, FP_NAME(p, "clients"), n, "must be between 0 and %d, inclusive", CLIENTS_MAX);
    if (rate && (milli < 0 || milli > RATE_MAX * 1000))
        check_invalid_s(c, FP_NAME(p, "requestsPerSecond"), json_str(rate), "must be between 0 and %d, inclusive", RATE_MAX);
}

static void check_stage(struct check *c, const struct json *stage, bool last, const struct fpath *p)
{
    struct str duration = json_get_str(stage, "duration");
    check_level(c, stage, p);
    if (duration.n)
        check_duration(c, FP_NAME(p, "duration"), duration, STAGE_MAX_NS, "1000h");
    else if (!last)
        check_required(c, FP_NAME(p, "duration"), "only the last stage may last for ever");
    else if (json_get_bool(stage, "ramp", false))
        check_required(c, FP_NAME(p, "duration"), "a ramp has to end");
}

void validate_load_profile(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    const struct json *spec = json_get(obj, "spec"), *stages = json_get(spec, "stages");
    const struct fpath *p = FP_NAME(NULL, "spec"), *sp = FP_NAME(p, "stages");
    struct str service = json_get_str(spec, "service");
    if (service.n == 0)
        check_required(c, FP_NAME(p, "service"), "");
    else
        check_name(c, service, NAME_1035, false, FP_NAME(p, "service"));
    check_port_number(c, json_get_int(spec, "port", 80), FP_NAME(p, "port"));
    check_url_path(c, json_get_str(spec, "path"), FP_NAME(p, "path"));
    check_duration(c, FP_NAME(p, "timeout"), json_get_str(spec, "timeout"), TIMEOUT_MAX_S * (int64_t)NS_PER_S, "10m");
    check_enum(c, FP_NAME(p, "arrivals"), json_get_str(spec, "arrivals"), "Even,Random");
    size_t n = json_len(stages), i = 0;
    if (n == 0)
        check_required(c, sp, "must specify at least one stage");
    if (n > STAGES_MAX)
        check_too_many(c, sp, n, STAGES_MAX);
    for (const struct json *s = json_first(stages); s && i < STAGES_MAX; s = json_next(s), i++)
        check_stage(c, s, i + 1 == n, FP_INDEX(sp, i));
}

/* There is one clock. */
void validate_clock(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk; (void)old;
    struct str name = json_path_str(obj, "metadata.name");
    const struct json *speed = json_path(obj, "spec.speed");
    int64_t milli = quantity_json_milli(speed, -1);
    if (name.n && !str_eqc(name, "cluster"))
        check_invalid_s(c, FP_NAME(FP_NAME(NULL, "metadata"), "name"), name, "must be 'cluster': there is one clock");
    if (speed && (milli < 0 || milli > SPEED_MAX * 1000))
        check_invalid_raw(c, FP_NAME(FP_NAME(NULL, "spec"), "speed"), arena_cstr(c->a, json_text(c->a, speed)),
                          "must be a number from 0 (paused) to %d", SPEED_MAX);
}

/* What may stand in a step is the business of who plays it (labs/step.c): a status tells. */
void validate_scenario(struct check *c, const struct gvk *gvk, const struct json *obj, const struct json *old)
{
    (void)gvk;
    const struct fpath *p = FP_NAME(FP_NAME(NULL, "spec"), "steps");
    const struct json *steps = json_path(obj, "spec.steps");
    if (!json_len(steps))
        check_required(c, p, "");
    if (old && !json_equal(steps, json_path(old, "spec.steps")))
        check_forbidden(c, p, "a scenario is played once: delete it, and make it again");
}
