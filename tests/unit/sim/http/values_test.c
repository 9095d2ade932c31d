/* URLs, queries, header fields, negotiation: tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "sim/http/http.h"

static void urls(void **state)
{
    (void)state;
    static const struct { const char *text, *want; } cases[] = {       /* scheme|host|port|path|query, or the error */
        { "https://ubuntu:10250/stats/summary?only_cpu=true", "https|ubuntu|10250|/stats/summary|only_cpu=true" },
        { "http://10.32.0.5", "http|10.32.0.5|80|/|" },
        { "https://[::1]:6443/x#frag", "https|::1|6443|/x|" },
        { "https://user:pw@host/a%20b", "https|host|443|/a%20b|" },
        { "http://host?x", "http|host|80|/|x" },
        { "ftp://host/", "unsupported protocol scheme \"ftp\"" },
        { "host/path", "parse host/path: unsupported protocol scheme \"\"" },
        { "http://:80/", "parse http://:80/: http: no Host in request URL" },
        { "http://h:http/", "parse http://h:http/: invalid port \":http\" after host" },
        { "http://h:70000/", "parse http://h:70000/: invalid port \":70000\" after host" },
        { "http://a b/", "parse http://a b/: net/url: invalid control character in URL" },
        { "http://[::1/", "parse http://[::1/: missing ']' in host" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct err err = { .code = ERR_NONE };
        struct url u;
        char got[256];
        if (url_parse(a, str_c(cases[i].text), &u, &err))
            snprintf(got, sizeof got, STR_FMT "|" STR_FMT "|%d|" STR_FMT "|" STR_FMT, STR_ARG(u.scheme), STR_ARG(u.host), u.port,
                     STR_ARG(u.path),
                     STR_ARG(u.query));
        else
            snprintf(got, sizeof got, "%.200s", err.msg);
        assert_string_equal(got, cases[i].want);
        arena_free(a);
    }
}

static void queries(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct query q;
    query_parse(a, STR("watch=1&labelSelector=app%3Dweb+x&&pretty&dryRun=All&a=0&b=false&c=true&watch=2"), &q);
    assert_int_equal(q.n, 8);
    assert_true(str_eqc(query_get(&q, "labelSelector"), "app=web x"));
    assert_true(str_eqc(query_get(&q, "watch"), "1"));
    assert_true(query_has(&q, "pretty") && query_bool(&q, "pretty") && query_bool(&q, "watch") && query_bool(&q, "c"));
    assert_false(query_bool(&q, "a") || query_bool(&q, "b") || query_bool(&q, "absent") || query_has(&q, "absent"));
    query_parse(a, STR(""), &q);
    assert_int_equal(q.n, 0);
    arena_free(a);
}

static void headers(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct http_headers h = { .n = 0 };
    for (int i = 0; i < 20; i++)
        http_headers_addf(a, &h, i == 3 ? "X-Remote-User" : "Other", "v%d", i);
    assert_int_equal(h.n, 20);
    assert_true(str_eqc(http_headers_get(&h, "x-remote-USER"), "v3"));
    assert_true(str_eqc(http_headers_get(&h, "other"), "v0"));
    assert_false(http_headers_has(&h, "x"));
    struct http_headers copy = { 0 }, view = { 0 };
    http_headers_copy(a, &copy, &h);
    http_headers_view(a, &view, &h);
    http_headers_copy(a, &view, NULL);
    assert_int_equal(copy.n, 20);
    assert_int_equal(view.n, 20);
    assert_true(str_eqc(copy.v[3].name, "X-Remote-User") && str_eqc(copy.v[3].value, "v3"));
    assert_true(copy.v[3].value.p != h.v[3].value.p && view.v[3].value.p == h.v[3].value.p);
    assert_true(str_eqc(http_status_text(422), "Unprocessable Entity"));
    assert_int_equal(http_status_text(799).n, 0);
    arena_free(a);
}

static void negotiation(void **state)
{
    (void)state;
    static const char *const offered[] = {
        "application/json", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/yaml", "text/plain; version=0.0.4",
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    };
    static const struct { const char *accept; int want; } cases[] = {
        { "", 0 }, { "*/*", 0 }, { "application/json", 0 }, { "application/json, */*", 0 }, { "APPLICATION/JSON;charset=utf-8", 0 },
        { "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", 1 },
        { "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", 0 },
        { "application/vnd.kubernetes.protobuf,application/yaml", 2 }, { "application/vnd.kubernetes.protobuf", -1 },
        { "text/*", 3 }, { "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", 3 },
        { "application/json;q=0, application/yaml;q=0.1", 2 }, { "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", -1 },
        { "application/json;v=\"v2\";as=APIGroupDiscoveryList;g=apidiscovery.k8s.io", 4 }, { ",;,", -1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(http_negotiate(str_c(cases[i].accept), offered, ARRAY_LEN(offered)), cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(urls), cmocka_unit_test(queries), cmocka_unit_test(headers),
                                        cmocka_unit_test(negotiation) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
