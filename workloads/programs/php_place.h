/* workloads/programs/php_place.h - where values are: what php_place.c offers to php_eval.c. */
#ifndef WORKLOADS_PROGRAMS_PHP_PLACE_H
#define WORKLOADS_PROGRAMS_PHP_PLACE_H

#include "workloads/programs/php_priv.h"

enum { SUBSCRIPTS_MAX = 16 };
/* subscripts that were evaluated before the right side was */
struct early { struct pval v[SUBSCRIPTS_MAX]; size_t n, used; };

struct pval *pe_slot(struct php_vm *vm, struct pnode *n);
struct pval pe_undefined_variable(struct php_vm *vm, struct pnode *n);
struct pval pe_element(struct php_vm *vm, struct pval base, struct pval index, bool quiet);
struct pval pe_index(struct php_vm *vm, struct pnode *n);
void pe_eval_early(struct php_vm *vm, struct pnode *n, struct early *early);
struct pval *pe_place(struct php_vm *vm, struct pnode *n, struct early *early, bool notice, bool raw);
struct pval *pe_place_now(struct php_vm *vm, struct pnode *n, bool notice, bool raw);
struct pval *pe_raw_place(struct php_vm *vm, struct pnode *n);
struct pval pe_reference_to(struct php_vm *vm, struct pnode *n);
bool pe_assign_string_offset(struct php_vm *vm, struct pnode *target, struct pval v);
void pe_assign_to(struct php_vm *vm, struct pnode *target, struct pval v);

#endif
