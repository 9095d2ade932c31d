/* tests/support/apiserver_weak.c - stand-ins for the rooms around the request path, for tests of that path alone: everybody is
 * the administrator, nothing is refused or aggregated. A test that wants a room itself defines WITH_AUTH, WITH_ADMISSION or
 * WITH_AGGREGATOR before including this.
 */
#include "apiserver/admission/admission.h"
#include "apiserver/aggregator/aggregator.h"
#include "apiserver/auth/auth.h"

#define WEAK __attribute__((weak))

#ifndef WITH_AUTH
WEAK struct authn *authn_new(struct apiserver *as) { (void)as; return NULL; }
WEAK void authn_free(struct authn *n) { (void)n; }
WEAK bool authn_request(struct request *r, struct err *err)
{
    (void)err;
    static struct str groups[] = { { "system:masters", 14 }, { "system:authenticated", 20 } };
    r->user = (struct user){ .name = STR("kubernetes-admin"), .groups = groups, .group_count = 2 };
    return true;
}
WEAK bool authn_impersonate(struct request *r, struct err *err) { (void)r, (void)err; return true; }
WEAK struct authz *authz_new(struct apiserver *as) { (void)as; return NULL; }
WEAK void authz_free(struct authz *z) { (void)z; }

WEAK bool authz_allowed(struct apiserver *as, const struct attributes *at, struct arena *a, struct str *reason)
{
    (void)as, (void)at, (void)a, (void)reason;
    return true;
}

WEAK bool err_forbidden(struct err *err, const struct attributes *at, struct str reason)
{
    (void)at, (void)reason;
    return err_set(err, ERR_FORBIDDEN, "forbidden");
}

WEAK bool authz_bootstrap(struct apiserver *as, struct err *err) { (void)as, (void)err; return true; }

WEAK bool authz_check_escalation(struct request *r, const struct json *obj, const struct json *old, struct err *err)
{
    (void)r, (void)obj, (void)old, (void)err;
    return true;
}

WEAK bool review_create(struct request *r, struct json *obj, struct err *err) { (void)r, (void)obj, (void)err; return true; }
WEAK bool token_request_create(struct request *r, struct json *obj, struct err *err) { (void)r, (void)obj, (void)err; return true; }
#endif
#ifndef WITH_ADMISSION
WEAK bool admission_mutate(struct request *r, enum admission_op op, struct json *obj, const struct json *old, struct err *err)
{
    (void)r, (void)op, (void)obj, (void)old, (void)err;
    return true;
}

WEAK bool admission_validate(struct request *r, enum admission_op op, struct json *obj, const struct json *old, struct err *err)
{
    (void)r, (void)op, (void)obj, (void)old, (void)err;
    return true;
}

#endif
#ifndef WITH_AGGREGATOR
WEAK struct aggregator *aggregator_new(struct apiserver *as) { (void)as; return NULL; }
WEAK void aggregator_free(struct aggregator *g) { (void)g; }
WEAK bool aggregator_register_local(struct apiserver *as, struct err *err) { (void)as, (void)err; return true; }
WEAK bool aggregator_handle(struct request *r) { (void)r; return false; }

WEAK void aggregator_each(struct apiserver *as, void (*visit)(void *ctx, struct str group, struct str version, int gp, int vp),
                          void *ctx)
{
    (void)as, (void)visit, (void)ctx;
}

WEAK const struct json *aggregator_resources(struct apiserver *as, struct str group, struct str version)
{
    (void)as, (void)group, (void)version;
    return NULL;
}

#endif
