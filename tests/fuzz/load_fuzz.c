/* LoadProfiles: whatever the spec holds, it is refused with words, or a plan whose instants go forward and whose levels stay
 * within bounds. */
#include "workloads/load/load_priv.h"

static void walk(const struct load_plan *p)
{
    int64_t t = 0;
    for (size_t i = 0; i < 5000 && t != LOAD_FOREVER; i++) {
        ASSERT(load_plan_clients(p, t) <= LOAD_CLIENTS_MAX);
        int64_t next = load_plan_change(p, t);
        ASSERT(next > t);
        t = next;
    }
    t = 0;
    for (size_t i = 0; i < 500 && t != LOAD_FOREVER; i++) {
        int64_t next = load_plan_arrival(p, t, 1);
        ASSERT(next >= t && (next == LOAD_FOREVER || load_plan_at(p, next)));
        t = next;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct load_plan plan;
    const struct json *spec = json_parse(a, (struct str){ (const char *)data, size }, NULL);
    if (load_plan_read(spec, &plan, &err))
        walk(&plan);
    else
        ASSERT(err.msg[0]);
    err_clear(&err);
    arena_free(a);
    return 0;
}
