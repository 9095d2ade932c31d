/* Paths of a node: whatever a student writes into the kubelet's configuration, they stay below its root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "kubelet/app.h"

static void node_paths_stay_on_the_node(void **state)
{
    static const struct { const char *path, *real; } cases[] = {
        { "/etc/kubernetes", "/n/etc/kubernetes" }, { "etc//kubernetes/./x", "/n/etc/kubernetes/x" }, { "/", "/n/" }, { "", "/n/" },
        { "/../../secrets", "/n/secrets" }, { "/etc/../../../x", "/n/x" }, { "/etc/../var", "/n/var" }, { "..", "/n/" },
        { "/a/b/../c/", "/n/a/c" }, { "/a/...", "/n/a/..." },
    };
    struct arena *a = arena_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(node_path(a, "/n", cases[i].path), cases[i].real);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(node_paths_stay_on_the_node) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
