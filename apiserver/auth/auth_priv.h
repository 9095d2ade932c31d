/* apiserver/auth/auth_priv.h - what the files of this room share: authenticators, parsed objects, rules and who has them. */
#ifndef APISERVER_AUTH_AUTH_PRIV_H
#define APISERVER_AUTH_AUTH_PRIV_H

#include "apiserver/auth/auth.h"

/* ---- small things ---- */
struct strs { struct str *v; size_t n; };
bool strs_have(const struct strs *s, struct str x);
struct strs strs_of_json(struct arena *a, const struct json *array);          /* its strings, copied */
void user_add_group(struct arena *a, struct user *u, struct str group);
void user_add_extra(struct arena *a, struct user *u, const char *key, struct str value);
void user_copy(struct arena *a, struct user *to, const struct user *from);
/* authentication UserInfo: username, uid, groups, extra */
struct json *user_info_json(struct arena *a, const struct user *u);
struct str go_quoted(struct arena *a, struct str s);                          /* as fmt's %q */
struct str go_quoted_list(struct arena *a, const struct str *v, size_t n);    /* ["a" "b"] */
/* "system:serviceaccount:NS:NAME" */
bool service_account_split(struct str username, struct str *ns, struct str *name);
void service_account_groups(struct arena *a, struct user *u, struct str ns);

/* ---- parsed objects (parsed.c): what an object says, in the form that a check wants; kept until the object is another ---- */
struct parsed_cache;
/* its result lives in a; strings may be borrowed from obj */
typedef void *parse_fn(struct arena *a, const struct json *obj);
struct parsed_cache *parsed_cache_new(parse_fn *parse);
void parsed_cache_free(struct parsed_cache *c);
/* valid until the key's object changes or the cache is trimmed */
void *parsed_get(struct parsed_cache *c, struct str key, struct object *o);
/* forget everything when there are more; true when it did */
bool parsed_trim(struct parsed_cache *c, size_t max);

/* ---- authentication: each authenticator says yes, no opinion, or that what was shown is bad ---- */
enum authn_result { AUTHN_YES, AUTHN_NONE, AUTHN_BAD };
struct authn {
    struct apiserver  *as;
    struct map        *tokens;                     /* token -> struct known_token: what a signature once fitted */
    struct parsed_cache *secrets;                  /* of service accounts: struct secret_token */
    struct map        *chains[2];                  /* leaf's DER -> struct verified; per trust: client CA, front proxy CA */
};
enum authn_trust { TRUST_CLIENT, TRUST_PROXY };
/* Does the client's chain lead to one of the roots, for use as a client? ERR_TLS in Go's words. */
bool chain_verify(struct authn *n, enum authn_trust which, struct request *r, struct err *err);
enum authn_result authn_front_proxy(struct authn *n, struct request *r, struct user *out, struct err *err);
enum authn_result authn_x509(struct authn *n, struct request *r, struct user *out, struct err *err);
enum authn_result authn_bearer(struct authn *n, struct request *r, struct user *out, struct err *err);
enum authn_result service_account_token(struct authn *n, struct arena *a, struct str token, struct user *out,
                                        struct strs *audiences, struct err *err);
enum authn_result static_token(const struct authn *n, struct arena *a, struct str token, struct user *out);
enum authn_result bootstrap_token(struct authn *n, struct arena *a, struct str token, struct user *out);
bool token_user(struct authn *n, struct arena *a, struct str token, struct user *out, struct strs *audiences, struct err *err);
bool audiences_meet(const struct strs *have, const struct strs *want);
void *parse_secret(struct arena *a, const struct json *obj);                  /* service_account.c */
void known_token_free(void *t);
#define ISSUER_BOUND  "https://kubernetes.default.svc.cluster.local"
#define ISSUER_LEGACY "kubernetes/serviceaccount"
struct str issuer_of(const struct apiserver *as);
/* those of tokens meant for us; none without an issuer */
struct strs api_audiences(const struct apiserver *as);

/* ---- RBAC ---- */
#define RBAC "rbac.authorization.k8s.io"
struct rule { struct strs verbs, groups, resources, names, urls; };
struct rules { struct rule *v; size_t n; };
enum subject_kind { SUBJECT_USER, SUBJECT_GROUP, SUBJECT_SERVICE_ACCOUNT };
struct subject { enum subject_kind kind; struct str name, ns; };
/* ns is empty for a ClusterRoleBinding */
struct binding { struct str name, ns, role_kind, role_name; struct subject *subjects; size_t n; };

struct authz {
    struct apiserver    *as;
    struct parsed_cache *roles, *bindings, *pods;
    /* user and namespace -> struct grants; true while RBAC's objects are those of revision grants_rev */
    struct map          *grants;
    struct arena        *grants_a;
    int64_t              grants_rev;
    struct arena        *a;
    struct rules         node_rules;               /* of ClusterRole system:node as compiled in */
};
void rules_of_json(struct arena *a, const struct json *rules, struct rules *out);
bool rule_allows(const struct rule *rule, const struct attributes *at);
/* Visit the rules that u has in ns (empty: of ClusterRoleBindings alone), until visit returns false. rule is NULL when the
 * binding's role is missing. */
typedef bool rule_visitor(void *ctx, const struct rule *rule, const struct binding *b, const struct subject *s);
void rules_visit(struct authz *z, const struct user *u, struct str ns, struct arena *a, rule_visitor *visit, void *ctx);
/* NULL, and ERR_NOT_FOUND, when it is missing. */
const struct rules *role_rules(struct authz *z, struct str kind, struct str ns, struct str name, struct arena *a, struct err *err);
bool rbac_allowed(struct authz *z, const struct attributes *at, struct arena *a, struct str *reason);
bool node_allowed(struct authz *z, const struct attributes *at, struct arena *a, struct str *reason);
void *parse_pod(struct arena *a, const struct json *obj);                      /* node_authorizer.c */
void policy_node_rules(int minor, struct arena *a, struct rules *out);        /* rbac_bootstrap.c */

#endif
