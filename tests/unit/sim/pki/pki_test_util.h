/* tests/unit/sim/pki/pki_test_util.h - keys of a fixed seed and certificates in one call. */
#ifndef PKI_TEST_UTIL_H
#define PKI_TEST_UTIL_H

#include "sim/pki/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAY_S = 86400 };
#define T0 (INT64_C(1579878000) * (int64_t)NS_PER_S)             /* 2020-01-24T15:00:00Z */
#define DAYS(n) ((int64_t)(n) * DAY_S * (int64_t)NS_PER_S)

static inline struct rng test_rng(const char *name)
{
    struct rng r;
    rng_init_seed(&r, (const uint8_t[32]){ 7 }, name);
    return r;
}

static inline struct key *test_key(const char *name)
{
    struct rng r = test_rng(name);
    return key_generate_ec(&r);
}

static inline struct cert_template test_template(const char *cn)
{
    return (struct cert_template){
        .cn = cn, .not_before_ns = T0, .not_after_ns = T0 + DAYS(365), .serial = { 0x81, 2, 3 }, .serial_len = 3,
        .key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT, .ext_usage = CERT_EKU_SERVER,
    };
}

static inline struct cert *test_ca(const char *cn, const struct key *k)
{
    struct cert_template tpl = test_template(cn);
    tpl.is_ca = true;
    tpl.ext_usage = 0;
    tpl.key_usage = CERT_KU_DIGITAL_SIGNATURE | CERT_KU_KEY_ENCIPHERMENT | CERT_KU_CERT_SIGN;
    tpl.not_after_ns = T0 + DAYS(3650);
    struct cert *c = cert_issue(&tpl, k, NULL, k, NULL);
    assert_non_null(c);
    return c;
}

static inline void assert_str(struct str got, const char *want)
{
    if (!str_eqc(got, want))
        fail_msg("got \"" STR_FMT "\", want \"%s\"", STR_ARG(got), want);
}
#endif
