/* By which address a node is asked: the order of the types counts, not that of the addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "metricsd/metricsd_priv.h"

static void table(void **state)
{
    (void)state;
    static const struct { char *types; const char *addresses, *want, *error; } rows[] = {
        { NULL, "[{'type':'InternalIP','address':'192.168.229.132'},{'type':'Hostname','address':'ubuntu'}]", "ubuntu", NULL },
        { "InternalIP", "[{'type':'Hostname','address':'ubuntu'},{'type':'InternalIP','address':'192.168.229.132'}]",
          "192.168.229.132", NULL },
        { "ExternalIP,Hostname", "[{'type':'InternalIP','address':'1'},{'type':'Hostname','address':'ubuntu'}]", "ubuntu", NULL },
        { "InternalIP", "[{'type':'InternalIP','address':'1'},{'type':'InternalIP','address':'2'}]", "1", NULL },
        { "ExternalIP,ExternalDNS", "[{'type':'InternalIP','address':'1'}]", NULL,
          "unable to extract connection information for node \"n\": node n had no addresses that matched types [ExternalIP "
          "ExternalDNS]" },
        { NULL, "[]", NULL, "unable to extract connection information for node \"n\": node n had no addresses that matched types "
                            "[Hostname InternalDNS InternalIP ExternalDNS ExternalIP]" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metricsd_flags f;
        struct err err = { 0 };
        struct str address;
        char *argv[] = { "ms", "--kubelet-preferred-address-types", rows[i].types, NULL }, *none[] = { NULL };
        assert_true(metricsd_flags_parse(a, rows[i].types ? argv : none, &f, NULL));
        struct json *node = json_buildf(a, "{'metadata':{'name':'n'}}");
        json_set(a, json_ensure(a, node, "status"), "addresses", json_buildf(a, rows[i].addresses));
        if (rows[i].want) {
            assert_true(metricsd_resolve_address(&f, node, &address, &err));
            assert_true(str_eqc(address, rows[i].want));
        } else {
            assert_false(metricsd_resolve_address(&f, node, &address, &err));
            assert_string_equal(err.msg, rows[i].error);
        }
        err_clear(&err);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(table) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
