/* sim/proc/load.c - what a program costs while it does nothing in particular: its image's named load profile, and its memory. */
#include "sim/proc/proc.h"

void process_load(struct process *p)
{
    const struct process_options *o = process_options(p);
    const struct json *load = json_get(o->image, "load");
    struct arena *a = arena_new();
    const char *profile = arena_cstr(a, json_get_str(load, "profile"));
    if (o->cpu && o->cpu->set_profile)
        o->cpu->set_profile(o->cgroup, *profile ? profile : "idle", json_get_int(load, "mean_nanocores", 0));
    process_set_memory(p, json_get_int(load, "memory_bytes", 1024 * 1024));
    arena_free(a);
}
