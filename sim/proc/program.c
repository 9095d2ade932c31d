/* sim/proc/program.c - the programs that there are, by name.
 *
 * What /usr/bin is to a container: an image's record names a program, this table has its code. The composition root
 * fills it once; nobody includes a program's header to start one.
 */
#include "sim/proc/proc_priv.h"

static const struct program_ops *programs[PROGRAMS_MAX];
static size_t program_count;

void program_register(const struct program_ops *ops)
{
    ASSERT(ops->name && ops->start && ops->stop);
    const struct program_ops *there = program_find(str_c(ops->name));
    if (there) {
        ASSERT(there == ops);                      /* again is legal (tests), another of the same name is a bug */
        return;
    }
    ASSERT(program_count < PROGRAMS_MAX);
    programs[program_count++] = ops;
}

const struct program_ops *program_find(struct str name)
{
    for (size_t i = 0; i < program_count; i++)
        if (str_eqc(name, programs[i]->name))
            return programs[i];
    return NULL;
}
