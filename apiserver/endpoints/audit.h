/* apiserver/endpoints/audit.h - who did what: audit events of requests, the policies that choose them, and where they go.
 *
 * Two sinks. The trail is kubelab's own and always on: rows in the store (store_audit_put), chosen by audit_trail.yaml, and
 * every refusal. The log is kube-apiserver's: what --audit-policy-file says, written where --audit-log-path says
 * (apiserver_set_audit_log). A policy is chosen by the user who authenticated, before any impersonation, as upstream's filter
 * stands in its chain.
 */
#ifndef APISERVER_ENDPOINTS_AUDIT_H
#define APISERVER_ENDPOINTS_AUDIT_H

#include "apiserver/apiserver_priv.h"

enum audit_level { AUDIT_NONE, AUDIT_METADATA, AUDIT_REQUEST, AUDIT_REQUEST_RESPONSE };   /* each holds what the one before holds */
enum audit_stage { STAGE_REQUEST_RECEIVED, STAGE_RESPONSE_STARTED, STAGE_RESPONSE_COMPLETE, STAGE_PANIC, STAGE_COUNT };
extern const char *const audit_levels[4], *const audit_stages[STAGE_COUNT];               /* their names in events and policies */

/* ---- audit_policy.c ---- */
struct audit_policy;
struct audit_choice { enum audit_level level; unsigned omit; /* bits 1 << stage */ bool omit_managed_fields; };
/* Of a policy file's text, YAML or JSON. NULL and ERR_INVALID in the words of upstream's loader. */
struct audit_policy *audit_policy_parse(struct str text, struct err *err);
void audit_policy_free(struct audit_policy *p);        /* accepts NULL */
/* The first rule that matches; AUDIT_NONE when none does. at->user may be NULL: nobody known. */
struct audit_choice audit_policy_choose(const struct audit_policy *p, const struct attributes *at);

/* ---- audit.c: a request on its way ---- */
struct audit *audit_new(struct apiserver *as);
void audit_free(struct audit *u);                      /* accepts NULL */
void audit_begin(struct request *r, bool authenticated);                 /* after authentication: from here on r->audit follows it */
void audit_decided(struct request *r, bool allowed, struct str reason);  /* the authorizer's word: annotations of the event */
/* What was sent: completes the event's objectRef from the object's metadata, and is its requestObject. */
void audit_request_object(struct request *r, const struct json *obj);
void audit_request_patch(struct request *r);           /* the body is a patch */
/* What is answered, as text of an object; of a Status its fields become the event's responseStatus. own: the text without a shift
 * of its times, or empty. */
void audit_response_object(struct request *r, int status, struct str text, struct str own);
/* The answer waits for the turn's commit: the trail's row goes into the same transaction. */
void audit_answer_waits(struct request *r, int status);

/* ---- audit_event.c: an Event of audit.k8s.io/v1 as text ---- */
struct audit_context {                                 /* of one request; lives in its arena */
    struct request     *r;
    struct audit_choice trail, log;
    struct str          id;                            /* empty until an event needs it */
    int64_t             received_ns;
    bool                unauthenticated, long_running;
    int                 code;                          /* of the answer; 0: none yet */
    struct str          status, message, reason, details;   /* of the answer, when it is a Status; details is JSON */
    struct str          decision, decision_reason;
    struct str          name, ns, uid, resource_version;    /* what the request's object adds to the objectRef */
    const struct json  *request_object;                /* NULL: none, or of no interest */
    struct str          response_object;
    int64_t             trail_row;                     /* the row that told of an answer that waits; 0: none */
    int                 trail_code;                    /* and what it told */
};
void audit_event_write(struct strbuf *out, const struct audit_context *c, const struct audit_choice *how, enum audit_stage stage);

#endif
