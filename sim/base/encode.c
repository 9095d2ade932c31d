/* sim/base/encode.c - the notations bytes travel in: base64 (Secrets, kubeconfigs, CSRs), base64url (JWT), hex, percent, UTF-8.
 *
 * Decoders refuse what Go's encoding/base64 and encoding/hex refuse, since a broken Secret must fail here as it fails
 * in a cluster. Results are NUL-terminated beyond n.
 */
#include "sim/base/base.h"

static const char alphabet_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char digits_lower[] = "0123456789abcdef";
static const char digits_upper[] = "0123456789ABCDEF";

static struct str encode64(struct arena *a, struct str in, const char *alphabet, bool pad)
{
    char *out = arena_alloc(a, (in.n + 2) / 3 * 4 + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i += 3) {
        size_t have = in.n - i < 3 ? in.n - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < have ? (unsigned char)in.p[i + k] : 0u);
        for (size_t k = 0; k < 4; k++) {
            if (k <= have)
                out[n++] = alphabet[bits >> (18 - 6 * k) & 63];
            else if (pad)
                out[n++] = '=';
        }
    }
    out[n] = '\0';
    return (struct str){ out, n };
}

static int value64(char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    return c == (url ? '_' : '/') ? 63 : -1;
}

/* Padded text must be padded exactly, unpadded text not at all; CR and LF may stand anywhere. */
static bool decode64(struct arena *a, struct str in, bool url, struct str *out)
{
    char *p = arena_alloc(a, in.n / 4 * 3 + 4);
    size_t n = 0, quantum = 0, pads = 0;           /* quantum: characters seen of the present group of four */
    uint32_t bits = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '\r' || c == '\n')
            continue;
        if (c == '=' && !url && quantum + pads >= 2 && quantum + pads < 4 && quantum > 0) {
            pads++;
            continue;
        }
        int v = value64(c, url);
        if (v < 0 || pads)
            return false;
        bits = bits << 6 | (uint32_t)v;
        if (++quantum == 4) {
            for (int shift = 16; shift >= 0; shift -= 8)
                p[n++] = (char)(bits >> shift & 255);
            quantum = 0;
            bits = 0;
        }
    }
    if (quantum == 1 || (!url && (quantum + pads) % 4 != 0))
        return false;
    if (quantum >= 2)
        p[n++] = (char)(quantum == 2 ? bits >> 4 & 255 : bits >> 10 & 255);
    if (quantum == 3)
        p[n++] = (char)(bits >> 2 & 255);
    p[n] = '\0';
    *out = (struct str){ p, n };
    return true;
}

struct str base64_encode(struct arena *a, struct str in)
{
    return encode64(a, in, alphabet_std, true);
}

bool base64_decode(struct arena *a, struct str in, struct str *out)
{
    return decode64(a, in, false, out);
}

struct str base64url_encode(struct arena *a, struct str in)
{
    return encode64(a, in, alphabet_url, false);
}

bool base64url_decode(struct arena *a, struct str in, struct str *out)
{
    return decode64(a, in, true, out);
}

struct str hex_encode(struct arena *a, struct str in)
{
    char *p = arena_alloc(a, in.n * 2 + 1);
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        p[2 * i] = digits_lower[c >> 4];
        p[2 * i + 1] = digits_lower[c & 15];
    }
    p[in.n * 2] = '\0';
    return (struct str){ p, in.n * 2 };
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that the two characters at p spell, or -1. */
static int hex_byte(const char *p)
{
    int high = hex_value(p[0]), low = hex_value(p[1]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

bool hex_decode(struct arena *a, struct str in, struct str *out)
{
    if (in.n % 2)
        return false;
    char *p = arena_alloc(a, in.n / 2 + 1);
    for (size_t i = 0; i < in.n / 2; i++) {
        int byte = hex_byte(in.p + 2 * i);
        if (byte < 0)
            return false;
        p[i] = (char)byte;
    }
    p[in.n / 2] = '\0';
    *out = (struct str){ p, in.n / 2 };
    return true;
}

struct str percent_decode(struct arena *a, struct str in, bool plus_is_space)
{
    char *p = arena_alloc(a, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        int byte = in.p[i] == '%' && in.n - i > 2 ? hex_byte(in.p + i + 1) : -1;
        if (byte >= 0) {
            p[n++] = (char)byte;
            i += 2;
        } else {
            p[n++] = plus_is_space && in.p[i] == '+' ? ' ' : in.p[i];
        }
    }
    p[n] = '\0';
    return (struct str){ p, n };
}

static bool unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

struct str percent_encode(struct arena *a, struct str in)
{
    char *p = arena_alloc(a, in.n * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        if (unreserved(c)) {
            p[n++] = (char)c;
        } else {
            p[n++] = '%';
            p[n++] = digits_upper[c >> 4];
            p[n++] = digits_upper[c & 15];
        }
    }
    p[n] = '\0';
    return (struct str){ p, n };
}

/* Length of the well-formed sequence at p (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF), or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char lead = p[0], low = 0x80, high = 0xbf;
    size_t len = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < len; i++, low = 0x80, high = 0xbf)
        if (p[i] < low || p[i] > high)
            return 0;
    return len;
}

bool utf8_valid(struct str s)
{
    for (size_t i = 0; i < s.n;) {
        size_t len = utf8_sequence((const unsigned char *)s.p + i, s.n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}
