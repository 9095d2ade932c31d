/* apiserver/admission/admission.h - the chain of admission plugins that --enable- and --disable-admission-plugins leave on; in a
 * kubeadm cluster, in upstream's order: NamespaceLifecycle, LimitRanger, ServiceAccount, NodeRestriction, TaintNodesByCondition,
 * Priority, DefaultTolerationSeconds, StorageObjectInUse- Protection, RuntimeClass, CertificateApproval/Signing, ResourceQuota. */
#ifndef APISERVER_ADMISSION_ADMISSION_H
#define APISERVER_ADMISSION_ADMISSION_H

#include "apiserver/apiserver_priv.h"

enum admission_op { ADMIT_CREATE, ADMIT_UPDATE, ADMIT_DELETE, ADMIT_CONNECT };
/* Those that change obj (create, update) come before the object is prepared and validated, those that only judge come after. obj
 * is NULL for delete and connect; old is NULL on create. Errors: ERR_FORBIDDEN `pods "x" is forbidden: ...`, ERR_NOT_FOUND
 * `namespaces "x" not found`. The server's own writes (registry_ensure) do not come here. */
bool admission_mutate(struct request *r, enum admission_op op, struct json *obj, const struct json *old, struct err *err);
bool admission_validate(struct request *r, enum admission_op op, struct json *obj, const struct json *old, struct err *err);
/* A name on --enable-admission-plugins or --disable-admission-plugins: is there such a plugin, and is it modelled? */
enum admission_known { ADMISSION_UNKNOWN, ADMISSION_REFUSED, ADMISSION_MODELLED };
enum admission_known admission_known(struct str name, int minor);

#endif
