/* workloads/programs/php_place.h - where values are: what php_place.c offers to php_eval.c. */
#ifndef WORKLOADS_PROGRAMS_PHP_PLACE_H
#define WORKLOADS_PROGRAMS_PHP_PLACE_H

#include "workloads/programs/php_priv.h"

enum { SUBSCRIPTS_MAX = 16 };
/* subscripts that were evaluated before the right side was */
struct early { struct pval v[SUBSCRIPTS_MAX]; size_t n, used; };
/* Of all assignments few have any: v is not touched. */
static inline void early_none(struct early *e) { e->n = e->used = 0; }

struct pval *php_eval_slot(struct php_vm *vm, struct pnode *n);
struct pval php_eval_undefined_variable(struct php_vm *vm, struct pnode *n);
struct pval php_eval_element(struct php_vm *vm, struct pval base, struct pval index, bool quiet);
struct pval php_eval_index(struct php_vm *vm, struct pnode *n);
void php_eval_eval_early(struct php_vm *vm, struct pnode *n, struct early *early);
struct pval *php_eval_place(struct php_vm *vm, struct pnode *n, struct early *early, bool notice, bool raw);
struct pval *php_eval_place_now(struct php_vm *vm, struct pnode *n, bool notice, bool raw);
struct pval *php_eval_raw_place(struct php_vm *vm, struct pnode *n);
struct pval php_eval_reference_to(struct php_vm *vm, struct pnode *n);
bool php_eval_assign_string_offset(struct php_vm *vm, struct pnode *target, struct pval v);
void php_eval_assign_to(struct php_vm *vm, struct pnode *target, struct pval v);

#endif
