/* sim/base/err.c - what an operation reports when the world, not the program, is wrong.
 *
 * The codes are metav1.Status's reasons (apimachinery pkg/apis/meta/v1/types.go), so an error made in any room can
 * leave through the API unchanged. Codes without a reason (IO, PARSE ...) are for inside use; at the API they show as
 * their HTTP code only.
 */
#include "sim/base/base.h"

#include <stdlib.h>

static const struct {
    int         http;
    const char *reason;
} codes[] = {
#define ERR_ROW(id, http, reason) [ERR_##id] = { http, reason },
    ERR_MAP(ERR_ROW)
#undef ERR_ROW
};

/* Cut in the middle of a UTF-8 sequence? Then drop its beginning too: the text must still be legal JSON. */
static void trim_partial_utf8(char *msg, size_t n)
{
    size_t start = n;
    while (start > 0 && n - start < 3 && ((unsigned char)msg[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)msg[start - 1];
    size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (want > n - start + 1)
        msg[start - 1] = '\0';
}

/* The text is made beside err->msg first, since the arguments often include the old err->msg. */
static void set_msg(struct err *err, const char *prefix, const char *rest)
{
    int n = text_format(err->msg, sizeof err->msg, "%s%s", prefix, rest);
    if (n >= (int)sizeof err->msg)
        trim_partial_utf8(err->msg, sizeof err->msg - 1);
}

bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    if (!err)
        return false;
    char text[sizeof err->msg + 4];                /* longer than msg, so that set_msg sees a cut */
    va_list ap;
    va_start(ap, fmt);
    text_vformat(text, sizeof text, fmt, ap);
    va_end(ap);
    err->code = code;
    err_details(err, NULL);
    set_msg(err, text, "");
    return false;
}

bool err_prefix(struct err *err, const char *fmt, ...)
{
    if (!err)
        return false;
    char prefix[sizeof err->msg + 4], old[sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    text_vformat(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    memcpy(old, err->msg, sizeof old);
    set_msg(err, prefix, old);
    return false;
}

void err_details(struct err *err, const char *json_text)
{
    if (!err)
        return;
    char *copy = xstrdup(json_text);
    free(err->details);
    err->details = copy;
}

void err_clear(struct err *err)
{
    if (!err)
        return;
    free(err->details);
    err->details = NULL;
    err->code = ERR_NONE;
    err->msg[0] = '\0';
}

int err_http(enum err_code code)
{
    ASSERT((size_t)code < ARRAY_LEN(codes));
    return codes[code].http;
}

const char *err_reason(enum err_code code)
{
    ASSERT((size_t)code < ARRAY_LEN(codes));
    return codes[code].reason;
}
