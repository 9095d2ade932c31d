/* tests/fuzz/kubeconfig_fuzz.c - files that a student has edited: kubeconfigs and the kubelet's configuration are read or refused
 * with a reason, and what `kubectl config` is done over again with leaves a file that reads the same.
 */
#include "sim/cmd/host_kubectl.c"
#include "kubelet/app_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *nowhere;

static void load(struct arena *a, const char *root, int minor)
{
    struct rest_config rest;
    struct err err = { 0 };
    if (kubeconfig_load(a, root, "/f.conf", minor, &rest, &err))
        ASSERT(rest.server && err.code == ERR_NONE);
    else
        ASSERT(err.code != ERR_NONE && err.msg[0]);
    err_clear(&err);
}

static void configure(struct arena *a, struct str text, const struct json *overrides, int minor)
{
    struct kubelet_config config;
    const char *warning = NULL;
    struct err err = { 0 };
    if (!kubelet_config_load(a, text, overrides, minor, &config, &warning, &err))
        ASSERT(err.code != ERR_NONE && err.msg[0]);
    err_clear(&err);
}

/* One of the commands of step 3a on the file, and the file read again. */
static void change(struct arena *a, struct str text, const char *verb)
{
    struct err err = { 0 };
    struct config_line c = { .words = { "config", verb, "bootstrap" }, .word_count = 3, .understood = true };
    struct json *config = yaml_parse(a, text, &err), *again;
    struct strbuf out;
    for (size_t i = 0; i < ARRAY_LEN(value_flags); i++)
        c.values[i] = i % 2 ? value_flags[i] : NULL;
    FILE *told = stderr;
    stderr = nowhere;                              /* what it has to say to its user */
    bool done = json_is(config, JSON_OBJECT) && apply(a, config, &c);
    stderr = told;
    if (done) {
        strbuf_init(&out, 4 << 20);
        yaml_write(&out, config, 0, false);
        again = yaml_parse(a, strbuf_str(&out), &err);
        ASSERT(again && json_equal(again, config));
        strbuf_deinit(&out);
    }
    err_clear(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char root[64];
    if (!root[0]) {
        snprintf(root, sizeof root, "/tmp/kubeconfig_fuzz.%d", (int)getpid());
        ASSERT(dir_make(root, 0700, NULL));
        nowhere = fopen("/dev/null", "w");
    }
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct str text = { (const char *)data, size };
    const char *file = arena_printf(a, "%s/f.conf", root);
    ASSERT(file_write(file, text, 0600, &err));
    load(a, root, 16);
    load(a, root, 20);
    unlink(file);
    configure(a, text, json_new_object(a), 16);
    configure(a, text, json_new_object(a), 20);
    change(a, text, "set-cluster");
    change(a, text, "set-credentials");
    change(a, text, "use-context");
    arena_free(a);
    return 0;
}
