/* sim/cmd/static_manifest.h - manifests of static pods as files: who runs a program, with which words; and a word put in. */
#ifndef SIM_CMD_STATIC_MANIFEST_H
#define SIM_CMD_STATIC_MANIFEST_H

#include "sim/base/json.h"

#define MANIFESTS "/etc/kubernetes/manifests"
/* The container whose command is program ("kube-apiserver"), in the arena, and the spec of its pod; root is DATA/node. NULL, with
 * err: no readable manifest has one. */
const struct json *manifest_find(struct arena *a, const char *root, const char *program, const struct json **pod_spec,
    struct err *err);
char **manifest_command(struct arena *a, const struct json *container);          /* command and args, NULL-terminated */
/* Put NAME=VALUE among the flags of kube-apiserver's manifest, in place of what is there. */
bool apiserver_manifest_set(const char *root, const char *name_value, struct err *err);

#endif
