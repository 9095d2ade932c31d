/* apiserver/flags.h - kube-apiserver's command line, and what it makes of the server: from words to struct apiserver_options. */
#ifndef APISERVER_FLAGS_H
#define APISERVER_FLAGS_H

#include "apiserver/apiserver.h"

/* Parse argv[1..] into an object: name -> the value's text (a flag that may be given several times: an array of texts). *deprecated
 * (may be NULL) is an array
 * that gets pflag's lines about flags on their way out. Errors in pflag's words, "unknown flag: --foo"; a flag that upstream knows
 * and whose effect is not
 * modelled is refused by name. Pure. Upstream: cmd/kube-apiserver/app/options/options.go (v1.16, v1.20). */
struct json *apiserver_flags_parse(struct arena *a, int minor, char **argv, struct json *deprecated, struct err *err);
void apiserver_flags_usage(int minor, struct strbuf *out);
struct str apiserver_flag(const struct json *flags, const char *name);   /* its value, the last one given; empty when there is none */

/* What the flags say, with the files that they name read. Owns what it has read; strings live in the arena. */
enum { APISERVER_KEYS = 8 };
struct apiserver_config {
    struct apiserver_options options;  /* all but loop, store, node, minor, bare and git_version, which are the place's */
    struct identity *serving, *kubelet_client, *proxy_client;
    struct trust    *client_ca, *requestheader_ca, *kubelet_ca;
    struct key      *signing, *verify[APISERVER_KEYS];
    size_t           verify_count;
};
struct apiserver_files {               /* of the node. False: Go's words, "open /etc/x: no such file or directory" */
    bool (*read)(void *ctx, struct arena *a, const char *path, struct str *text, struct err *err);
    void  *ctx;
    bool   keys_pending;               /* the service accounts' keys are still being made: that they are missing is no mistake */
};
/* False: the words in which kube-apiserver of that version ends. node_ip: what is advertised when no flag says it. */
bool apiserver_config_load(struct arena *a, const struct json *flags, int minor, const char *node_ip,
    const struct apiserver_files *files,
                           struct apiserver_config *out, struct err *err);
void apiserver_config_deinit(struct apiserver_config *c);

#endif
