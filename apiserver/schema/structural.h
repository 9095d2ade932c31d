/* apiserver/schema/structural.h - what a CustomResourceDefinition's schema (its openAPIV3Schema, as JSON) says about a value:
 * what is pruned, what is filled in, and what is wrong. Pure functions on trees; the schema itself is never changed. Upstream:
 * apiextensions-apiserver pkg/apiserver/{schema,validation}, kube-openapi pkg/validation.
 */
#ifndef APISERVER_SCHEMA_STRUCTURAL_H
#define APISERVER_SCHEMA_STRUCTURAL_H

#include "apiserver/schema/schema_priv.h"

/* Drop what the schema does not name; an object of its own (root, or x-kubernetes-embedded-resource) keeps apiVersion, kind and
 * metadata. */
void structural_prune(const struct json *schema, struct json *value, bool root);
/* Nulls where none may stand and no default waits. */
void structural_drop_nulls(const struct json *schema, struct json *value);
void structural_default(struct arena *a, const struct json *schema, struct json *value);
/* In go-openapi's words, in the order of the schema's properties. */
void structural_validate(struct check *c, const struct json *schema, const struct json *value);
/* Lists of type set and map hold each member once. */
void structural_check_lists(struct check *c, const struct json *schema, const struct json *value, const struct fpath *p);

/* Why Go would not compile the pattern, or empty. Patterns that Go knows and POSIX cannot say are refused by name. */
struct str pattern_error(struct arena *a, struct str pattern);
bool pattern_matches(struct arena *a, struct str pattern, struct str text);

#endif
