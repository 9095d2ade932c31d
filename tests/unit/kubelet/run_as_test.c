/* tests/unit/kubelet/run_as_test.c - as whom a container runs: the pod's word, the container's, the image's, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "kubelet/kubelet_priv.h"

#define PASSWD "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www:/var/www:/bin/false\nbroken\nnobody:x:65534:65534::/:/bin/false\n"

struct run_case {
    const char *pod, *container, *image;               /* the two security contexts, and the image's user */
    bool        open;                                  /* low ports are for everybody */
    const char *refused, *unknown;                     /* what verifying says, what finding says; NULL: nothing */
    int64_t     uid, gid; const char *user; bool low;
};

static const struct run_case cases[] = {
    { "{}", "{}", "", false, NULL, NULL, 0, 0, "root", true },
    { "{'runAsUser':1000}", "{}", "", false, NULL, NULL, 1000, 0, "1000", false },
    { "{'runAsUser':1000}", "{}", "", true, NULL, NULL, 1000, 0, "1000", true },
    { "{'runAsUser':1000}", "{'runAsUser':33}", "", false, NULL, NULL, 33, 33, "www-data", false },
    { "{'runAsUser':1000,'runAsGroup':7}", "{}", "", false, NULL, NULL, 1000, 7, "1000", false },
    { "{}", "{}", "www-data", false, NULL, NULL, 33, 33, "www-data", false },
    { "{}", "{}", "1000:50", false, NULL, NULL, 1000, 50, "1000", false },
    { "{}", "{'runAsUser':5}", "1000:50", false, NULL, NULL, 5, 0, "5", false },
    { "{}", "{}", "www", false, NULL, "unable to find user www: no matching entries in passwd file", 0, 0, NULL, false },
    { "{'runAsNonRoot':true}", "{}", "", false, "container has runAsNonRoot and image will run as root (here)", NULL, 0, 0, "root",
      true },
    { "{'runAsNonRoot':true}", "{}", "0", false, "container has runAsNonRoot and image will run as root (here)", NULL, 0, 0,
      "root", true },
    { "{'runAsNonRoot':true}", "{}", "33", false, NULL, NULL, 33, 33, "www-data", false },
    { "{'runAsNonRoot':true}", "{'runAsNonRoot':false}", "", false, NULL, NULL, 0, 0, "root", true },
    { "{'runAsNonRoot':true}", "{'runAsUser':0}", "33", false, "container's runAsUser breaks non-root policy (here)", NULL, 0, 0,
      "root", true },
    { "{'runAsNonRoot':true}", "{}", "www-data", false,
      "container has runAsNonRoot and image has non-numeric user (www-data), cannot verify user is non-root (here)", NULL, 33, 33,
      "www-data", false },
    { "{}", "{'capabilities':{'drop':['CHOWN']}}", "", false, NULL, NULL, 0, 0, "root", true },
    { "{}", "{'capabilities':{'drop':['ALL']}}", "", false, NULL, NULL, 0, 0, "root", false },
    { "{}", "{'capabilities':{'drop':['all'],'add':['NET_BIND_SERVICE']}}", "", false, NULL, NULL, 0, 0, "root", true },
    { "{}", "{'privileged':true,'capabilities':{'drop':['ALL']}}", "", false, NULL, NULL, 0, 0, "root", true },
    { "{}", "{'runAsUser':9,'capabilities':{'add':['NET_BIND_SERVICE']}}", "", false, NULL, NULL, 9, 0, "9", false },
};

static void check(const struct run_case *t)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct run_as as;
    struct run_as_ask q = { .pod = json_buildf(a, "{'securityContext':%j}", json_buildf(a, t->pod)),
                            .container = json_buildf(a, "{'securityContext':%j}", json_buildf(a, t->container)),
                            .image_user = str_c(t->image), .passwd = STR(PASSWD), .who = " (here)", .unprivileged_ports = t->open };
    assert_int_equal(run_as_verify(&q, &err), !t->refused);
    if (t->refused)
        assert_string_equal(err.msg, t->refused);
    err_clear(&err);
    assert_int_equal(run_as_find(a, &q, &as, &err), !t->unknown);
    if (t->unknown) {
        assert_string_equal(err.msg, t->unknown);
    } else {
        assert_int_equal(as.uid, t->uid);
        assert_int_equal(as.gid, t->gid);
        assert_string_equal(as.user, t->user);
        assert_int_equal(as.low_ports, t->low);
    }
    err_clear(&err);
    arena_free(a);
}

static void test_run_as(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_run_as) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
