/* sim/api/version.c - the versions of Kubernetes that a cluster may be. */
#include "sim/api/api.h"

static const struct { int minor; const char *git; } versions[] = { { 16, "v1.16.6" }, { 20, "v1.20.2" }, { 34, "v1.34.1" } };

int version_minor(const char *text)
{
    struct str s = str_c(text), major, minor, patch;
    if (str_starts(s, "v"))
        s = str_sub(s, 1, s.n);
    str_cut(s, '.', &major, &minor);
    str_cut(minor, '.', &minor, &patch);
    int64_t number;
    if (!str_eqc(major, "1") || !str_int(minor, &number))
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (versions[i].minor == number)
            return (int)number;
    return -1;
}

const char *version_git(int minor)
{
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (versions[i].minor == minor)
            return versions[i].git;
    return "v0.0.0";
}
