/* sim/client/expectations.c - what a controller asked for and has not yet seen in its informer
 * (pkg/controller/controller_utils.go).
 *
 * A ReplicaSet that has just created three pods must not count before it has seen them, or it would create three more.
 * Expectations older than five minutes are taken as met: an event was lost, and acting is better than waiting for ever.
 */
#include "sim/client/client.h"

#include <stdlib.h>

#define EXPECTATION_TTL_NS (300 * (int64_t)NS_PER_S)

struct expectation { int adds, dels; int64_t set_ns; };
struct expectations { struct loop *loop; struct map *by_key; };

struct expectations *expectations_new(struct loop *l)
{
    struct expectations *e = NEW(struct expectations);
    e->loop = l;
    e->by_key = map_new();
    return e;
}

void expectations_free(struct expectations *e)
{
    if (!e)
        return;
    map_free(e->by_key, free);
    free(e);
}

void expectations_set(struct expectations *e, struct str key, int adds, int dels)
{
    struct expectation *x = NEW(struct expectation);
    *x = (struct expectation){ adds, dels, vtime_now(e->loop) };
    free(map_put(e->by_key, key, x));
}

void expectations_observe_add(struct expectations *e, struct str key)
{
    struct expectation *x = map_get(e->by_key, key);
    if (x && x->adds > 0)
        x->adds--;
}

void expectations_observe_del(struct expectations *e, struct str key)
{
    struct expectation *x = map_get(e->by_key, key);
    if (x && x->dels > 0)
        x->dels--;
}

bool expectations_satisfied(struct expectations *e, struct str key)
{
    const struct expectation *x = map_get(e->by_key, key);
    return !x || (x->adds <= 0 && x->dels <= 0) || vtime_now(e->loop) - x->set_ns > EXPECTATION_TTL_NS;
}

void expectations_forget(struct expectations *e, struct str key)
{
    free(map_take(e->by_key, key));
}
