/* sim/cmd/container_files.h - files that a control-plane component is told of by its flags, as its container sees them. */
#ifndef SIM_CMD_CONTAINER_FILES_H
#define SIM_CMD_CONTAINER_FILES_H

#include "sim/base/json.h"
#include "sim/pki/pki.h"

/* Where on the node a path in the container lies; NULL: below none of the mounts ([{"path", "host"}]), hence in the container's
 * own layer. */
const char *container_host_path(struct arena *a, const struct json *mounts, const char *path);
/* The text of a file below one of the mounts ([{"path", "host"}]) of the node at root (DATA/node). What is not mounted is not
 * there: "open /etc/x: no such
 * file or directory". */
bool container_read(struct arena *a, const char *root, const struct json *mounts, const char *path, struct str *text, struct err *err);

/* What kube-controller-manager's flags name. Each may be NULL or empty: no flag, or, with pending, a key that is still being made. */
struct manager_files { struct cert *ca_cert; struct key *ca_key, *sa_key; struct str root_ca_pem; };
/* False: upstream's words, "error starting controllers: ...". Upstream:
 * cmd/kube-controller-manager/app/{certificates,controllermanager}.go. */
bool manager_files_load(struct arena *a, const char *root, const struct json *flags, const struct json *mounts, bool pending,
    struct manager_files *out, struct err *err);
void manager_files_deinit(struct manager_files *f);

#endif
