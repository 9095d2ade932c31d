/* kubelet/run_as.c - as whom a container runs: what the pod asks for, what the image says, what the runtime makes of it.
 *
 * Models pkg/securitycontext/util.go DetermineEffectiveSecurityContext (the container's word goes over the pod's), pkg/kubelet/
 * kuberuntime/security_context.go verifyRunAsNonRoot, and of runc the user's lookup in the image's /etc/passwd and the effective
 * capabilities: root keeps those that were not dropped, everybody else has none, because nothing makes them ambient. Of all
 * capabilities one matters here, NET_BIND_SERVICE: ports below 1024. Whose a file is, is not modelled: everybody may write.
 */
#include "kubelet/kubelet_priv.h"

static const struct json *effective(const struct run_as_ask *q, const char *field)
{
    const struct json *own = json_get(json_get(q->container, "securityContext"), field);
    return own ? own : json_get(json_get(q->pod, "securityContext"), field);
}

bool run_as_verify(const struct run_as_ask *q, struct err *err)
{
    const struct json *uid = effective(q, "runAsUser");
    struct str user, group;
    int64_t n;
    if (!json_bool(effective(q, "runAsNonRoot"), false))
        return true;
    if (uid)
        return json_int(uid, 0) != 0 || err_set(err, ERR_FORBIDDEN, "container's runAsUser breaks non-root policy%s", q->who);
    str_cut(q->image_user, ':', &user, &group);
    if (!user.n || (str_int(user, &n) && n == 0))
        return err_set(err, ERR_FORBIDDEN, "container has runAsNonRoot and image will run as root%s", q->who);
    return str_int(user, &n) || err_set(err, ERR_FORBIDDEN, "container has runAsNonRoot and image has non-numeric user (" STR_FMT
                                        "), cannot verify user is non-root%s", STR_ARG(user), q->who);
}

/* The line of /etc/passwd (or group) whose field number `at` is `what`: its name, number and the number behind that. */
static bool account(struct str text, int at, struct str what, struct str *name, int64_t *id, int64_t *next)
{
    while (text.p) {
        struct str line = str_token(&text, '\n'), field[4] = { STR_NULL };
        for (size_t i = 0; i < ARRAY_LEN(field) && line.p; i++)
            field[i] = str_token(&line, ':');
        if (!str_eq(field[at], what) || !str_int(field[2], id))
            continue;
        *name = field[0];
        if (!str_int(field[3], next))
            *next = 0;
        return true;
    }
    return false;
}

static bool has_capability(const struct json *list, const char *name)
{
    for (const struct json *j = json_first(list); j; j = json_next(j))
        if (str_eqi(json_str(j), STR("ALL")) || str_eqi(json_str(j), str_c(name)))
            return true;
    return false;
}

static bool may_bind(const struct run_as_ask *q, int64_t uid)
{
    const struct json *context = json_get(q->container, "securityContext"), *caps = json_get(context, "capabilities");
    if (q->unprivileged_ports || uid != 0)
        return q->unprivileged_ports;
    return json_get_bool(context, "privileged", false) || has_capability(json_get(caps, "add"), "NET_BIND_SERVICE") ||
           !has_capability(json_get(caps, "drop"), "NET_BIND_SERVICE");
}

bool run_as_find(struct arena *a, const struct run_as_ask *q, struct run_as *out, struct err *err)
{
    const struct json *uid = effective(q, "runAsUser"), *gid = effective(q, "runAsGroup");
    struct str user, group, name = STR_NULL;
    str_cut(q->image_user, ':', &user, &group);
    *out = (struct run_as){ 0 };
    if (uid)
        user = arena_strf(a, "%" PRId64, json_int(uid, 0));
    if (user.n && !str_int(user, &out->uid) && !account(q->passwd, 0, user, &name, &out->uid, &out->gid))
        return err_set(err, ERR_NOT_FOUND, "unable to find user " STR_FMT ": no matching entries in passwd file", STR_ARG(user));
    int64_t own_gid = 0;
    if (!name.n && account(q->passwd, 2, arena_strf(a, "%" PRId64, out->uid), &name, &out->uid, &own_gid))
        out->gid = own_gid;
    if (!uid && group.n)
        str_int(group, &out->gid);
    if (gid)
        out->gid = json_int(gid, 0);
    out->user = name.n ? arena_cstr(a, name) : out->uid ? arena_printf(a, "%" PRId64, out->uid) : "root";
    out->low_ports = may_bind(q, out->uid);
    return true;
}
