/* metricsd/storage.c - what the last tick brought (pkg/provider/sink/sinkprov.go): v0.3.6 keeps no history and no sums,
 * it hands on what the kubelet computed. */
#include "metricsd/metricsd_priv.h"

#include <stdlib.h>

struct batch *metricsd_batch_new(void)
{
    struct batch *b = NEW(struct batch);
    b->arena = arena_new();
    b->nodes = map_new();
    b->pods = map_new();
    return b;
}

void metricsd_batch_free(struct batch *b)
{
    if (!b)
        return;
    map_free(b->nodes, NULL);
    map_free(b->pods, NULL);
    arena_free(b->arena);
    free(b);
}
