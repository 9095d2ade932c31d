/* apiserver/auth/auth.h - who are you, and may you: authentication, impersonation, Node and RBAC authorization, reviews. */
#ifndef APISERVER_AUTH_AUTH_H
#define APISERVER_AUTH_AUTH_H

#include "apiserver/apiserver_priv.h"

/* ---- authentication: front proxy, client certificate, bearer token, anonymous; a union, as upstream's ---- */
struct authn *authn_new(struct apiserver *as);
void authn_free(struct authn *n);
/* Fill r->user, with system:authenticated or system:unauthenticated added. ERR_UNAUTHORIZED "Unauthorized" for credentials that
 * are there but bad. */
bool authn_request(struct request *r, struct err *err);
/* The bearer part alone, for TokenReview: false and ERR_UNAUTHORIZED when nobody knows the token. */
bool authn_token(struct apiserver *as, struct arena *a, struct str token, struct user *out, struct err *err);
/* Impersonate-User, -Group, -Extra-*: checks the right to, and swaps r->user. ERR_FORBIDDEN. */
bool authn_impersonate(struct request *r, struct err *err);

/* --token-auth-file; tokens live in the arena. Errors in upstream's words. */
struct static_token { struct str token; struct user user; };
struct static_tokens { struct static_token *v; size_t n; };
bool static_tokens_parse(struct arena *a, const char *path, struct str text, struct static_tokens *out, struct err *err);

/* ---- authorization ---- */
struct authz *authz_new(struct apiserver *as);         /* Node + RBAC over the store; follows changes by watching the store */
void authz_free(struct authz *z);
/* system:masters always */
bool authz_allowed(struct apiserver *as, const struct attributes *at, struct arena *a, struct str *reason);
/* The refusal in upstream's words: pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "y";
 * forbidden: User "x" cannot get path "/..."; fills details. */
bool err_forbidden(struct err *err, const struct attributes *at, struct str reason);
/* The refusal of one object, whoever refuses: pods "x" is forbidden: why. Fills details. */
bool err_forbidden_object(struct err *err, struct str group, struct str resource, struct str name, const char *why);
/* Write the bootstrap policy of the version (data: apiserver/auth/policy/): roles, bindings; reconciles rules as upstream's
 * auto-update does. */
bool authz_bootstrap(struct apiserver *as, struct err *err);
/* RBAC's own guard on writing roles and bindings: user "x" (groups=[..]) is attempting to grant RBAC permissions not currently
 * held: ... ERR_FORBIDDEN. */
bool authz_check_escalation(struct request *r, const struct json *obj, const struct json *old, struct err *err);

/* ---- reviews: POST of tokenreviews, selfsubjectrulesreviews and the three kinds of subjectaccessreviews ----
 * obj is decoded and defaulted; status is filled in place. Other resources: false and ERR_NOT_FOUND. */
bool review_create(struct request *r, struct json *obj, struct err *err);
/* serviceaccounts/token: obj is a TokenRequest; status is filled. ERR_NOT_FOUND when the server has no issuer. */
bool token_request_create(struct request *r, struct json *obj, struct err *err);

#endif
