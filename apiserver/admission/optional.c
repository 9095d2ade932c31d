/* apiserver/admission/optional.c - small plugins that only run where a flag names them:
 * plugin/pkg/admission/{alwayspullimages,deny}. */
#include "apiserver/admission/admission_priv.h"

bool always_pull_images(struct admission_attrs *t, struct err *err)
{
    static const char *const lists[] = { "initContainers", "containers" };
    (void)err;
    bool writes = t->op == ADMIT_CREATE || t->op == ADMIT_UPDATE;
    if (!writes || !attrs_are(t, "", "pods", "") || !t->obj) return true;
    struct json *spec = json_get(t->obj, "spec");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (struct json *c = json_first(json_get(spec, lists[i])); c; c = json_next(c)) json_set_strc(t->r->a, c,
            "imagePullPolicy", "Always");
    return true;
}

bool always_deny(struct admission_attrs *t, struct err *err) { return admission_forbid(t, err,
    "admission control is denying all modifications"); }
