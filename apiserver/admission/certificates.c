/* apiserver/admission/certificates.c - who may approve and sign for a signer, and what nobody may ask of one.
 *
 * Upstream: kubernetes plugin/pkg/admission/certificates/{approval,signing,subjectrestriction}. A right on "signers" may name the
 * signer or its whole domain.
 */
#include "apiserver/admission/admission_priv.h"

#define CERTIFICATES "certificates.k8s.io"

static bool may(struct admission_attrs *t, const char *verb, struct str name)
{
    struct attributes at = { .user = &t->r->user, .is_resource = true, .verb = str_c(verb), .group = STR(CERTIFICATES),
                             .version = STR("*"), .resource = STR("signers"), .name = name };
    return authz_allowed(t->r->as, &at, t->r->a, NULL);
}

static bool permitted(struct admission_attrs *t, const char *verb, struct str signer)
{
    struct str domain, path;
    if (may(t, verb, signer)) return true;
    str_cut(signer, '/', &domain, &path);
    return may(t, verb, arena_strf(t->r->a, STR_FMT "/*", STR_ARG(domain)));
}

bool certificate_approval(struct admission_attrs *t, struct err *err)
{
    struct str signer = json_path_str(t->old, "spec.signerName");
    if (t->op != ADMIT_UPDATE || !attrs_are(t, CERTIFICATES, "certificatesigningrequests", "approval") ||
        permitted(t, "approve", signer))
        return true;
    return admission_forbid(t, err, "user not permitted to approve requests with signerName \"" STR_FMT "\"", STR_ARG(signer));
}

bool certificate_signing(struct admission_attrs *t, struct err *err)
{
    struct str signer = json_path_str(t->old, "spec.signerName");
    if (t->op != ADMIT_UPDATE || !attrs_are(t, CERTIFICATES, "certificatesigningrequests", "status")) return true;
    bool same = str_eq(json_path_str(t->old, "status.certificate"), json_path_str(t->obj, "status.certificate")) &&
                json_equal(json_path(t->old, "status.conditions"), json_path(t->obj, "status.conditions"));
    if (same || permitted(t, "sign", signer)) return true;
    return admission_forbid(t, err, "user not permitted to sign requests with signerName \"" STR_FMT "\"", STR_ARG(signer));
}

bool certificate_subject(struct admission_attrs *t, struct err *err)
{
    struct str pem, signer = json_path_str(t->obj, "spec.signerName");
    struct csr csr;
    struct err why = { 0 };
    if (t->op != ADMIT_CREATE || !attrs_are(t, CERTIFICATES, "certificatesigningrequests", "") ||
        !str_eqc(signer, "kubernetes.io/kube-apiserver-client"))
        return true;
    if (!base64_decode(t->r->a, json_path_str(t->obj, "spec.request"), &pem) || !csr_parse_pem(t->r->a, pem, &csr, &why)) {
        admission_forbid(t, err, "failed to parse CSR: %s", why.msg);
        err_clear(&why);
        return false;
    }
    for (size_t i = 0; i < csr.org_count; i++)
        if (str_eqc(csr.orgs[i], "system:masters"))
            return admission_forbid(t, err,
                                    "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed");
    return true;
}
