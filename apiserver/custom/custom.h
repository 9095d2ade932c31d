/* apiserver/custom/custom.h - CustomResourceDefinitions: what they define is served, and what becomes of them.
 *
 * Upstream: apiextensions-apiserver. definition.c makes resources, kinds and columns of a definition; controller.c follows the
 * definitions in the store and does what upstream's five controllers do: names, establishing, discovery (API services), the
 * schemas of clients, and the end.
 */
#ifndef APISERVER_CUSTOM_CUSTOM_H
#define APISERVER_CUSTOM_CUSTOM_H

#include "apiserver/registry/registry.h"

/* ---- definition.c: one definition as it is served ---- */
struct definition;
/* crd: in v1, established. Its resources and kinds are known from now on. */
struct definition *definition_add(struct apiserver *as, const struct json *crd);
void definition_remove(struct apiserver *as, struct definition *d);              /* ends its watches */
/* What the definition was made of: equal texts need no new one. */
struct str definition_text(struct arena *a, const struct json *crd);
struct str definition_made_of(const struct definition *d);
/* in its storage version; NULL when no version is served */
const struct resource *definition_resource(const struct definition *d);

/* ---- controller.c ---- */
struct customs *customs_new(struct apiserver *as);               /* serves the definitions that are in the store */
void customs_start(struct customs *c);                           /* from now on follows them */
void customs_free(struct customs *c);
bool crd_condition(const struct json *crd, const char *type);    /* is it True? */

#endif
