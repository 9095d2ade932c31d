/* sim/cmd/container_files.c - hostPath mounts of the control plane's containers as the real files below DATA/node, and what
 * kube-controller-manager reads there. */
#include "sim/cmd/container_files.h"
#include "kubelet/app.h"

static bool below(struct str path, struct str folder)
{
    while (folder.n > 1 && folder.p[folder.n - 1] == '/')
        folder.n--;
    return path.n >= folder.n && str_eq(str_sub(path, 0, folder.n), folder) && (path.n == folder.n || path.p[folder.n] == '/');
}

const char *container_host_path(struct arena *a, const struct json *mounts, const char *path)
{
    const struct json *best = NULL;
    for (const struct json *m = json_first(mounts); m; m = json_next(m))
        if (below(str_c(path), json_get_str(m, "path")) && (!best || json_get_str(m, "path").n > json_get_str(best, "path").n))
            best = m;
    return best ? arena_printf(a, STR_FMT "%s", STR_ARG(json_get_str(best, "host")), path + json_get_str(best, "path").n) : NULL;
}

bool container_read(struct arena *a, const char *root, const struct json *mounts, const char *path, struct str *text, struct err *err)
{
    const char *host = container_host_path(a, mounts, path);
    if (!host)
        return err_set(err, ERR_NOT_FOUND, "open %s: no such file or directory", path);
    struct err why = { 0 };
    if (node_read(a, root, host, "open", text, &why))
        return true;
    const char *reason = strrchr(why.msg, ':');                  /* told under the container's own path */
    err_set(err, why.code, "open %s%s", path, reason ? reason : "");
    err_clear(&why);
    return false;
}

/* ---- kube-controller-manager ---- */
struct load { struct arena *a; const char *root; const struct json *flags, *mounts; struct err *err; };

static bool read_flag(struct load *l, const char *name, struct str *text)
{
    return container_read(l->a, l->root, l->mounts, arena_cstr(l->a, json_get_str(l->flags, name)), text, l->err);
}

static bool signing_pair(struct load *l, struct manager_files *out)
{
    struct str cert, key, file = json_get_str(l->flags, "cluster-signing-cert-file");
    const char *what = "error starting controllers: failed to start certificate controller: error reading CA";
    if (!file.n || !json_get_str(l->flags, "cluster-signing-key-file").n)
        return true;
    if (!read_flag(l, "cluster-signing-cert-file", &cert))
        return err_prefix(l->err, "%s cert file \"" STR_FMT "\": ", what, STR_ARG(file));
    if (!read_flag(l, "cluster-signing-key-file", &key))
        return err_prefix(l->err, "%s key file \"" STR_FMT "\": ", what, STR_ARG(json_get_str(l->flags, "cluster-signing-key-file")));
    out->ca_cert = cert_parse_pem(cert, NULL);
    out->ca_key = key_parse_pem(key, NULL);
    if (!out->ca_cert)
        return err_set(l->err, ERR_INVALID, "%s cert file \""
            STR_FMT "\": data does not contain any valid RSA or ECDSA certificates", what, STR_ARG(file));
    if (!out->ca_key || !key_is_private(out->ca_key))
        return err_set(l->err, ERR_INVALID, "%s key file: data does not contain a valid private key", what);
    return true;
}

static bool accounts_key(struct load *l, bool pending, struct manager_files *out)
{
    struct str text;
    if (!json_get_str(l->flags, "service-account-private-key-file").n)
        return true;
    if (!read_flag(l, "service-account-private-key-file", &text)) {
        if (!pending)
            return err_prefix(l->err, "error starting controllers: error reading key for service account token controller: ");
        err_clear(l->err);
        return true;
    }
    out->sa_key = key_parse_pem(text, NULL);
    if (out->sa_key && key_is_private(out->sa_key))
        return true;
    return err_set(l->err, ERR_INVALID, "error starting controllers: error reading key for service account token controller: "
                   "error parsing private key file " STR_FMT
                   ": data does not contain a valid RSA or ECDSA private key",
                       STR_ARG(json_get_str(l->flags, "service-account-private-key-file")));
}

bool manager_files_load(struct arena *a, const char *root, const struct json *flags, const struct json *mounts, bool pending,
    struct manager_files *out, struct err *err)
{
    struct load l = { a, root, flags, mounts, err };
    struct str file = json_get_str(flags, "root-ca-file");
    *out = (struct manager_files){ 0 };
    bool ok = signing_pair(&l, out) && accounts_key(&l, pending, out);
    if (ok && file.n && !read_flag(&l, "root-ca-file", &out->root_ca_pem))
        ok = err_prefix(err, "error starting controllers: error parsing root-ca-file at " STR_FMT ": ", STR_ARG(file));
    if (!ok)
        manager_files_deinit(out);
    return ok;
}

void manager_files_deinit(struct manager_files *f)
{
    if (f->ca_cert)
        cert_unref(f->ca_cert);
    key_unref(f->ca_key);
    key_unref(f->sa_key);
    *f = (struct manager_files){ 0 };
}
