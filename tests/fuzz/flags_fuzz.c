/* tests/fuzz/flags_fuzz.c - command lines, a word a line: those of the components, of the kubelet, of the metrics server and of
 * kubelab's own commands are understood or refused with a reason.
 */
#include "kubelet/app_priv.h"
#include "metricsd/metricsd_priv.h"
#include "sim/api/api.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/components.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 64 };

static int words(struct arena *a, struct str text, char **out)
{
    int n = 0;
    out[n++] = arena_strdup(a, "program");
    for (struct str rest = text; rest.p && n < WORDS_MAX;)
        out[n++] = arena_cstr(a, str_token(&rest, '\n'));
    out[n] = NULL;
    return n;
}

static void judged(bool ok, struct err *err)
{
    ASSERT(ok == (err->code == ERR_NONE));
    ASSERT(ok || err->msg[0]);
    err_clear(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    char *argv[WORDS_MAX + 1];
    struct arena *a = arena_new();
    struct str text = { (const char *)data, size };
    struct err err = { 0 };
    struct kubelet_flags kubelet;
    struct metricsd_flags metricsd;
    struct options o;
    nowhere = nowhere ? nowhere : fopen("/dev/null", "w");
    int n = words(a, text, argv);
    judged(component_flags(a, "kube-controller-manager", argv, &err) != NULL, &err);
    judged(component_flags(a, "kube-scheduler", argv, &err) != NULL, &err);
    struct json *deprecated = json_new_array(a);
    judged(kubelet_flags_parse(a, argv, &kubelet, deprecated, &err), &err);
    judged(metricsd_flags_parse(a, argv, &metricsd, &err), &err);
    FILE *told = stderr;
    stderr = nowhere;                              /* it tells its user itself */
    bool understood = options_parse(&o, "up",
                                    "data,detach,bare,port,kubelet-port,seed,clock,start,lab,kubernetes-version,output,verbose",
                                    n - 1, argv + 1);
    stderr = told;
    if (understood) {
        ASSERT(o.arg_count + o.rest_count < n);
        ASSERT(o.port >= -1 && o.port <= 65535);
        if (o.kubernetes_version)
            version_git(version_minor(o.kubernetes_version));
    }
    free(o.args);
    arena_free(a);
    return 0;
}
