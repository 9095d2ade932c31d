/* Types by hand, small enough to read beside the cases that need them. */
#ifndef TESTS_PATCH_TYPES_H
#define TESTS_PATCH_TYPES_H

#include "apiserver/patch/patch.h"

#define S(n) { .name = n, .kind = FIELD_STRING }
static struct field port_fields[] = { S("name"), { .name = "containerPort", .kind = FIELD_INT32 },
                                      { .name = "protocol", .kind = FIELD_STRING, .dflt = "\"TCP\"" } };
static const struct type port_type = { .name = "ContainerPort", .fields = port_fields, .count = 3 };
static struct field env_fields[] = { S("name"), S("value") };
static const struct type env_type = { .name = "EnvVar", .fields = env_fields, .count = 2 };
static struct field container_fields[] = {
    S("name"), S("image"), { .name = "args", .kind = FIELD_LIST, .elem = FIELD_STRING, .omitempty = true },
    { .name = "env", .kind = FIELD_LIST, .elem = FIELD_OBJECT, .type = &env_type, .patch_strategy = "merge",
      .patch_merge_key = "name", .omitempty = true },
    { .name = "ports", .kind = FIELD_LIST, .elem = FIELD_OBJECT, .type = &port_type, .patch_strategy = "merge",
      .patch_merge_key = "containerPort",
      .list_type = "map", .list_map_keys = "containerPort,protocol", .omitempty = true },
};
static const struct type container_type = { .name = "Container", .fields = container_fields, .count = ARRAY_LEN(container_fields) };
static struct field strategy_fields[] = { S("type"),
                                          { .name = "rollingUpdate", .kind = FIELD_MAP, .elem = FIELD_STRING, .omitempty = true } };
static const struct type strategy_type = { .name = "DeploymentStrategy", .fields = strategy_fields, .count = 2 };
static struct field spec_fields[] = {
    { .name = "replicas", .kind = FIELD_INT32, .omitempty = true },
    { .name = "containers", .kind = FIELD_LIST, .elem = FIELD_OBJECT, .type = &container_type, .patch_strategy = "merge",
      .patch_merge_key = "name" },
    { .name = "strategy", .kind = FIELD_OBJECT, .type = &strategy_type, .patch_strategy = "retainKeys" },
    { .name = "selector", .kind = FIELD_MAP, .elem = FIELD_STRING, .omitempty = true },
};
static const struct type spec_type = { .name = "Spec", .fields = spec_fields, .count = ARRAY_LEN(spec_fields) };
static struct field meta_fields[] = {
    S("name"), S("namespace"), { .name = "labels", .kind = FIELD_MAP, .elem = FIELD_STRING, .omitempty = true },
    { .name = "finalizers", .kind = FIELD_LIST, .elem = FIELD_STRING, .patch_strategy = "merge", .list_type = "set",
      .omitempty = true },
    { .name = "managedFields", .kind = FIELD_LIST, .elem = FIELD_ANY, .omitempty = true },
};
static const struct type meta_type = { .name = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", .fields = meta_fields,
                                       .count = ARRAY_LEN(meta_fields) };
static struct field top_fields[] = {
    S("apiVersion"), S("kind"), { .name = "metadata", .kind = FIELD_OBJECT, .type = &meta_type },
        { .name = "spec", .kind = FIELD_OBJECT, .type = &spec_type },
    { .name = "data", .kind = FIELD_MAP, .elem = FIELD_STRING, .omitempty = true },
};
static const struct type top_type = { .name = "Top", .fields = top_fields, .count = ARRAY_LEN(top_fields) };

#endif
