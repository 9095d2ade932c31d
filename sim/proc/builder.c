#include "sim/proc/proc_priv.h"
void build_free(struct list *node) { list_remove(node); }
