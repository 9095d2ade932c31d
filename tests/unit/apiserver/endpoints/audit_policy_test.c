/* Audit policies: which rule a request falls under, and which files are refused in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "apiserver/endpoints/audit.h"

/* After upstream's documentation of audit policies, with what it does not show. */
static const char policy[] =
    "apiVersion: audit.k8s.io/v1\n"
    "kind: Policy\n"
    "omitStages: [RequestReceived]\n"
    "rules:\n"
    "- {level: RequestResponse, resources: [{group: '', resources: [pods]}]}\n"
    "- {level: Metadata, resources: [{group: '', resources: [pods/log, pods/status]}], omitStages: [Panic]}\n"
    "- {level: None, resources: [{group: '', resources: [configmaps], resourceNames: [controller-leader]}]}\n"
    "- {level: None, users: ['system:kube-proxy'], verbs: [watch], resources: [{group: '', resources: [endpoints, services]}]}\n"
    "- {level: None, userGroups: ['system:authenticated'], nonResourceURLs: ['/api*', /version]}\n"
    "- {level: Request, namespaces: [kube-system], resources: [{group: '', resources: [configmaps]}]}\n"
    "- {level: Metadata, resources: [{group: apps, resources: ['*/scale']}, {group: batch, resources: ['jobs/*']}, {group: policy, resources: ['*']}]}\n"
    "- {level: Request, namespaces: [''], verbs: [delete]}\n"
    "- {level: Request, resources: [{group: extensions}], omitManagedFields: true}\n"
    "- {level: None, nonResourceURLs: ['*'], verbs: [head]}\n"
    "- {level: Metadata, users: [nobody-else]}\n";

enum { NONE = AUDIT_NONE, META = AUDIT_METADATA, REQ = AUDIT_REQUEST, RESP = AUDIT_REQUEST_RESPONSE };
static const struct row {
    const char *user, *group, *verb, *api_group, *ns, *resource /* or a path */, *sub, *name;
    int level;
} rows[] = {
    { "a", "", "get", "", "default", "pods", "", "p", RESP },
    { "a", "", "get", "", "default", "pods", "log", "p", META },               /* pods alone does not say its subresources */
    { "a", "", "get", "", "default", "pods", "exec", "p", NONE },
    { "a", "", "get", "apps", "default", "pods", "", "p", NONE },              /* of another group */
    { "a", "", "update", "", "kube-system", "configmaps", "", "controller-leader", NONE },
    { "a", "", "update", "", "kube-system", "configmaps", "", "other", REQ },
    { "a", "", "update", "", "default", "configmaps", "", "other", NONE },
    { "system:kube-proxy", "", "watch", "", "", "services", "", "", NONE },
    { "a", "system:authenticated", "get", NULL, NULL, "/api", NULL, NULL, NONE },
    { "nobody-else", "", "get", NULL, NULL, "/api/x", NULL, NULL, META },      /* not of that group */
    { "nobody-else", "system:authenticated", "get", NULL, NULL, "/api/x", NULL, NULL, NONE },
    { "nobody-else", "system:authenticated", "get", NULL, NULL, "/version/x", NULL, NULL, META },
    /* a path rule is none for resources */
    { "nobody-else", "system:authenticated", "get", "", "api", "pods", "exec", "", META },
    { "nobody-else", "", "head", NULL, NULL, "/anything", NULL, NULL, NONE },
    { "a", "", "patch", "apps", "x", "deployments", "scale", "d", META },
    { "a", "", "patch", "apps", "x", "deployments", "", "d", NONE },
    { "a", "", "patch", "batch", "x", "jobs", "", "d", META },                 /* "jobs / *" is jobs, too */
    { "a", "", "patch", "batch", "x", "jobs", "status", "d", META },
    { "a", "", "create", "policy", "x", "evictions", "any", "d", META },
    { "a", "", "delete", "", "", "nodes", "", "n", REQ },                      /* the namespace of what has none */
    { "a", "", "delete", "", "x", "secrets", "", "n", NONE },
    { "a", "", "delete", NULL, NULL, "/x", NULL, NULL, NONE },
    { "a", "", "list", "extensions", "x", "ingresses", "status", "", REQ },    /* no resources: all of the group */
    { NULL, NULL, "get", "", "default", "pods", "", "p", RESP },               /* nobody known: rules without users match */
    { NULL, NULL, "get", "", "default", "secrets", "", "p", NONE },
};

static void choices(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct audit_policy *p = audit_policy_parse(str_c(policy), &err);
    if (!p) fail_msg("%s", err.msg);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *w = &rows[i];
        struct str group = str_c(w->group);
        struct user u = { .name = str_c(w->user), .groups = &group, .group_count = 1 };
        struct attributes at = { .user = w->user ? &u : NULL, .is_resource = w->api_group != NULL, .verb = str_c(w->verb),
                                 .group = str_c(w->api_group), .namespace = str_c(w->ns),
                                 .resource = str_c(w->resource), .subresource = str_c(w->sub), .name = str_c(w->name),
                                 .path = str_c(w->resource) };
        struct audit_choice c = audit_policy_choose(p, &at);
        if ((int)c.level != w->level) fail_msg("row %zu: %s, wanted %s", i, audit_levels[c.level], audit_levels[w->level]);
        bool panic = c.omit & 1u << STAGE_PANIC, wanted = w->sub && !strcmp(w->sub, "log");
        if (c.level && (!(c.omit & 1u << STAGE_REQUEST_RECEIVED) || panic != wanted)) fail_msg("row %zu: omits %x", i, c.omit);
        if (c.omit_managed_fields != (w->api_group && !strcmp(w->api_group, "extensions"))) fail_msg("row %zu: managed fields", i);
    }
    audit_policy_free(p);
}

#define HEAD "{'apiVersion':'audit.k8s.io/v1','kind':'Policy','rules':"
static const struct { const char *text, *words; } refused[] = {
    { "", "failed decoding: " },
    { "- a", "failed decoding: couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type "
             "struct" },
    { "a: [", "failed decoding: couldn't get version/kind; json parse error: " },
    { "{'apiVersion':'audit.k8s.io/v1','rules':[]}", "failed decoding: Object 'Kind' is missing in '" },
    { "{'kind':'Policy','rules':[]}", "failed decoding: Object 'apiVersion' is missing in '" },
    { "{'apiVersion':'audit.k8s.io/v2','kind':'Policy'}",
      "failed decoding: no kind \"Policy\" is registered for version \"audit.k8s.io/v2\"" },
    { "{'apiVersion':'v1','kind':'Pod'}", "failed decoding: no kind \"Pod\" is registered for version \"v1\"" },
    { HEAD "[]}", "loaded illegal policy with 0 rules" },
    { HEAD "null}", "loaded illegal policy with 0 rules" },
    { HEAD "[{'users':['a']}]}", "rules[0].level: Required value" },
    { HEAD "[{'level':'Metadata'},{'level':'All'}]}",
      "rules[1].level: Unsupported value: \"All\": supported values: \"None\", \"Metadata\", \"Request\", \"RequestResponse\"" },
    { HEAD "[{'level':'None','nonResourceURLs':['x','/a*b']}]}",
      "[rules[0].nonResourceURLs[0]: Invalid value: \"x\": non-resource URL rules must begin with a '/' character, "
      "rules[0].nonResourceURLs[1]: Invalid value: \"/a*b\": non-resource URL wildcards '*' must be the final character of the "
      "rule]" },
    { HEAD "[{'level':'None','nonResourceURLs':['/x'],'namespaces':['y']}]}",
      "rules[0].nonResourceURLs: Invalid value: []string{\"/x\"}: rules cannot apply to both regular resources and non-resource "
      "URLs" },
    { HEAD "[{'level':'None','resources':[{'group':'apps/v1'}]}]}",
      "rules[0].resources.group: Invalid value: \"apps/v1\": a lowercase RFC 1123 subdomain" },
    { HEAD "[{'level':'None','resources':[{'resourceNames':['n']}]}]}",
      "rules[0].resources.resourceNames: Invalid value: []string{\"n\"}: using resourceNames requires at least one resource" },
    { HEAD "[{'level':'None','omitStages':['Never']}]}",
      "rules[0].omitStages[0]: Invalid value: \"Never\": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic" },
    { HEAD "[{'level':'None'}],'omitStages':['']}", "omitStages[0]: Invalid value: \"\": allowed stages are " },
    { HEAD "[{'level':'None','user':['x']}]}", "failed decoding: strict decoding error: unknown field \"user\"" },
    { HEAD "[{'level':'None','users':'x'}]}",
      "failed decoding: json: cannot unmarshal string into Go struct field PolicyRule.users of type []string" },
    { HEAD "[{'level':1}]}", "failed decoding: json: cannot unmarshal number into Go struct field PolicyRule.level of type string" },
    { HEAD "[{'level':'None','resources':['pods']}]}",
      "failed decoding: json: cannot unmarshal string into Go struct field PolicyRule.resources of type v1.GroupResources" },
    { HEAD "['x']}", "failed decoding: json: cannot unmarshal string into Go struct field Policy.rules of type v1.PolicyRule" },
};

static void refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct err err = { 0 };
        struct audit_policy *p = audit_policy_parse(str_c(refused[i].text), &err);
        if (p || err.code != ERR_INVALID || !str_starts(str_c(err.msg), refused[i].words))
            fail_msg("row %zu: %s", i, p ? "read" : err.msg);
        err_clear(&err);
    }
    struct strbuf big;
    struct err err = { 0 };
    strbuf_init(&big, 1 << 20);
    strbuf_addc(&big, "{'apiVersion':'audit.k8s.io/v1','kind':'Policy','rules':[{'level':'None'}]} #");
    while (big.n <= LIMIT_AUDIT_POLICY_BYTES) strbuf_addch(&big, 'x');
    assert_null(audit_policy_parse(strbuf_str(&big), &err));
    assert_true(str_starts(str_c(err.msg), "failed decoding: the policy has 262145 bytes"));
    strbuf_deinit(&big);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(choices), cmocka_unit_test(refusals) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
