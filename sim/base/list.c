/* sim/base/list.c - an intrusive ring: the head is a node too, so no case is special, and a node that is nowhere points
 * at itself.
 */
#include "sim/base/base.h"

void list_init(struct list *l) {
    l->prev = l->next = l;
}

bool list_empty(const struct list *l) {
    return l->next == l || !l->next;               /* a zeroed node is nowhere too; a head must be init'ed */
}

static void link_between(struct list *prev, struct list *next, struct list *node) {
    ASSERT(list_empty(node));
    node->prev = prev;
    node->next = next;
    prev->next = next->prev = node;
}

void list_push(struct list *head, struct list *node) {
    link_between(head->prev, head, node);
}

void list_push_front(struct list *head, struct list *node) {
    link_between(head, head->next, node);
}

void list_remove(struct list *node) {
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
