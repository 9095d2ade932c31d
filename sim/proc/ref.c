/* sim/proc/ref.c - names of images: what people write, and what is meant.
 *
 * Models docker/distribution reference/normalize.go: "busybox" means docker.io/library/busybox:latest, "a/b" means
 * docker.io/a/b:latest, and a first part with a dot, a colon or the name localhost is a registry. "repo@sha256:..."
 * names one image for ever and has no tag.
 */
#include "sim/proc/proc_priv.h"

/* Where the tag or digest begins (index of ':' or '@'), or s.n. A colon before the last slash is a registry's port. */
static size_t ref_suffix(struct str s)
{
    ptrdiff_t at = str_chr(s, '@');
    if (at >= 0)
        return (size_t)at;
    for (size_t i = s.n; i-- > 0 && s.p[i] != '/';)
        if (s.p[i] == ':')
            return i;
    return s.n;
}

static bool has_registry(struct str s, size_t *slash)
{
    ptrdiff_t at = str_chr(s, '/');
    struct str first = at < 0 ? STR_NULL : str_sub(s, 0, (size_t)at);
    *slash = at < 0 ? 0 : (size_t)at;
    return at >= 0 && (str_chr(first, '.') >= 0 || str_chr(first, ':') >= 0 || str_eqc(first, "localhost"));
}

bool image_ref_check(struct str ref, struct err *err)
{
    size_t slash, end = ref_suffix(ref);
    struct str tag = str_sub(ref, end, ref.n);
    size_t from = has_registry(ref, &slash) ? slash + 1 : 0;
    bool ok = end > from && ref.n <= 512, after_separator = true;
    for (size_t i = from; i < end && ok; i++) {
        char c = ref.p[i];
        if (c >= 'A' && c <= 'Z')
            return err_set(err, ERR_BAD_REQUEST, "invalid reference format: repository name must be lowercase");
        bool separator = c == '.' || c == '_' || c == '-' || c == '/';
        ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (separator && (!after_separator || (c != '/' && c != '.')));
        after_separator = separator;
    }
    ok = ok && !after_separator && tag.n != 1 && tag.n <= 129;
    for (size_t i = 1; i < tag.n && ok; i++) {
        char c = tag.p[i];
        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
             (i > 1 && (c == '.' || c == '-')) || (tag.p[0] == '@' && c == ':');
    }
    return ok || err_set(err, ERR_BAD_REQUEST, "invalid reference format");
}

char *image_normalize(struct arena *a, struct str ref)
{
    size_t slash, end = ref_suffix(ref);
    struct str tag = end < ref.n ? str_sub(ref, end, ref.n) : STR(":latest"), name = str_sub(ref, 0, end);
    bool registry = has_registry(ref, &slash);
    if (registry && (str_starts(ref, "index.docker.io/") || str_starts(ref, "docker.io/"))) {
        name = str_sub(name, slash + 1, name.n);
        registry = false;
    }
    if (registry)
        return arena_printf(a, STR_FMT STR_FMT, STR_ARG(name), STR_ARG(tag));
    return arena_printf(a, "docker.io/%s" STR_FMT STR_FMT, str_chr(name, '/') < 0 ? "library/" : "", STR_ARG(name), STR_ARG(tag));
}

char *image_display(struct arena *a, struct str ref)
{
    struct str full = str_c(image_normalize(a, ref));
    static const char *const prefixes[] = { "docker.io/library/", "docker.io/" };
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts(full, prefixes[i]))
            return arena_cstr(a, str_sub(full, strlen(prefixes[i]), full.n));
    return arena_cstr(a, full);
}

void image_split(struct arena *a, struct str ref, struct image_name *out)
{
    struct str full = str_c(image_normalize(a, ref));
    size_t end = ref_suffix(full);
    out->repo = arena_cstr(a, str_sub(full, 0, end));
    out->tag = full.p[end] == ':' ? arena_cstr(a, str_sub(full, end + 1, full.n)) : "";
    out->digest = full.p[end] == '@' ? arena_cstr(a, str_sub(full, end + 1, full.n)) : "";
}
