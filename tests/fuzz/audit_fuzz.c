/* Audit policies: whatever the file holds, it is refused with words, or judges any request. */
#include "apiserver/endpoints/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size }, groups[] = { { "system:nodes", 12 }, { "", 0 } };
    struct err err = { 0 };
    struct audit_policy *p = audit_policy_parse(in, &err);
    ASSERT(p || (err.code == ERR_INVALID && err.msg[0]));
    struct user u = { .name = STR("a"), .groups = groups, .group_count = 2 };
    const struct attributes all[] = {
        { .user = &u, .is_resource = true, .verb = STR("get"), .resource = STR("pods"), .subresource = STR("log"),
          .namespace = STR("default"), .name = STR("x") },
        { .user = NULL, .is_resource = true, .verb = STR("list"), .group = STR("apps"), .resource = STR("deployments") },
        { .user = &u, .verb = STR("get"), .path = STR("/api") },
        { .user = NULL, .verb = STR(""), .path = STR("") },
    };
    for (size_t i = 0; p && i < ARRAY_LEN(all); i++)
        ASSERT(audit_policy_choose(p, &all[i]).level <= AUDIT_REQUEST_RESPONSE);
    audit_policy_free(p);
    err_clear(&err);
    return 0;
}
