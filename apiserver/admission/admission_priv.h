/* apiserver/admission/admission_priv.h - what a plugin sees, and what plugins share. */
#ifndef APISERVER_ADMISSION_ADMISSION_PRIV_H
#define APISERVER_ADMISSION_ADMISSION_PRIV_H

#include "apiserver/admission/admission.h"
#include "apiserver/auth/auth.h"

struct admission_attrs {               /* admission.Attributes */
    struct request   *r;
    enum admission_op op;
    struct str        group, resource, sub, ns, name;
    struct json      *obj;             /* NULL for delete and connect */
    const struct json *old;            /* NULL for create */
};
/* A plugin may change obj, then judge it; all plugins change before the first one judges. Either may be NULL. */
struct plugin {
    const char *name;
    int         since;                 /* the minor version that has it */
    bool (*admit)(struct admission_attrs *t, struct err *err);
    bool (*validate)(struct admission_attrs *t, struct err *err);
    bool        optional;              /* only where --enable-admission-plugins names it */
};

bool attrs_are(const struct admission_attrs *t, const char *group, const char *resource, const char *sub);
bool creates_pod(const struct admission_attrs *t);
bool is_mirror_pod(const struct json *pod);
/* admission.NewForbidden: `pods "x" is forbidden: why`; an object that has no name yet goes by its generateName. */
bool admission_forbid(const struct admission_attrs *t, struct err *err, const char *fmt, ...) PRINTF(3, 4);
/* Objects of a namespace, or all of a cluster-scoped resource (ns empty). visit may not write. */
void admission_list(const struct admission_attrs *t, const char *group, const char *resource, struct str ns,
                    bool (*visit)(void *ctx, struct str key, struct object *o), void *ctx);
struct str admission_join(struct arena *a, const struct str *v, size_t n, const char *between);

bool always_pull_images(struct admission_attrs *t, struct err *err);
bool always_deny(struct admission_attrs *t, struct err *err);
bool namespace_lifecycle(struct admission_attrs *t, struct err *err);
bool limit_ranger_admit(struct admission_attrs *t, struct err *err);
bool limit_ranger_validate(struct admission_attrs *t, struct err *err);
bool service_account_admit(struct admission_attrs *t, struct err *err);
bool service_account_validate(struct admission_attrs *t, struct err *err);
bool node_restriction(struct admission_attrs *t, struct err *err);
bool taint_nodes_by_condition(struct admission_attrs *t, struct err *err);
bool priority_admit(struct admission_attrs *t, struct err *err);
bool priority_validate(struct admission_attrs *t, struct err *err);
bool default_tolerations(struct admission_attrs *t, struct err *err);
bool default_storage_class(struct admission_attrs *t, struct err *err);
bool protect_storage(struct admission_attrs *t, struct err *err);
bool runtime_class_admit(struct admission_attrs *t, struct err *err);
bool certificate_approval(struct admission_attrs *t, struct err *err);
bool certificate_signing(struct admission_attrs *t, struct err *err);
bool certificate_subject(struct admission_attrs *t, struct err *err);
bool resource_quota(struct admission_attrs *t, struct err *err);

#endif
