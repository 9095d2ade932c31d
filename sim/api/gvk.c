/* sim/api/gvk.c - apiVersion and group/version. Upstream: apimachinery pkg/runtime/schema/group_version.go. */
#include "sim/api/api.h"

void gvk_parse(struct str api_version, struct str kind, struct gvk *out)
{
    struct str group, version;
    if (!str_cut(api_version, '/', &group, &version)) {          /* the core group has no name: "v1" */
        version = group;
        group = STR_NULL;
    }
    *out = (struct gvk){ .group = group, .version = version, .kind = kind };
}

struct str gvk_api_version(struct arena *a, struct str group, struct str version)
{
    if (group.n == 0)
        return arena_str(a, version);
    return arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(group), STR_ARG(version));
}
