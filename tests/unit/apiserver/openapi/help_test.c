/* What `kubectl explain` prints: every kind is described, in short whole sentences, and nothing is described that is not there. */
#include "apiserver/openapi/help.h"

#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

enum { TEXT_MAX = 320, MINORS = 3 };
static const int minors[MINORS] = { 16, 20, 34 };

static bool printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* Whole sentences on one line, of which a terminal shows at most five. */
static void texts_are_sentences(void **state)
{
    (void)state;
    struct help *h = help_read();
    struct str name;
    const char *text;
    size_t n = 0, bad = 0;
    for (size_t cursor = 0; help_each(h, &cursor, &name, &text); n++) {
        size_t len = strlen(text);
        if (len <= TEXT_MAX && text[len - 1] == '.' && printable(text) && !strstr(text, "  "))
            continue;
        print_message(STR_FMT " (%zu bytes): %s\n", STR_ARG(name), len, text);
        bad++;
    }
    assert_int_equal(bad, 0);
    assert_true(n > 100);
    help_free(h);
}

/* The packages that the labs are about. */
static bool is_whole(const struct type *t)
{
    static const char *const whole[] = { "io.k8s.api.autoscaling.", "io.k8s.api.apps.", "io.k8s.api.batch.", "io.k8s.api.networking.",
                                         "io.k8s.api.rbac.", "io.k8s.api.policy.", "dev.kubelab.lab.", "io.k8s.apimachinery.pkg.apis.meta." };
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (str_starts(str_c(t->name), whole[i]))
            return true;
    return false;
}

static void kinds_are_described(void **state)
{
    (void)state;
    struct help *h = help_read();
    size_t bad = 0;
    for (int i = 0; i < MINORS; i++) {
        struct schema *s = schema_new(minors[i], false);
        struct gvk g;
        const struct type *t;
        for (size_t cursor = 0; schema_each_kind(s, &cursor, &g, &t); )
            if (is_whole(t) && !help_of_type(h, t))
                print_message("nothing is said of %s\n", t->name), bad++;
        schema_free(s);
    }
    assert_int_equal(bad, 0);
    help_free(h);
}

/* Of the packages that the labs are about every field is described. */
static void fields_are_described(void **state)
{
    (void)state;
    struct help *h = help_read();
    struct schema *s = schema_new(16, false), *newer = schema_new(34, false);
    size_t bad = 0;
    const struct type *t;
    for (int i = 0; i < 2; i++)
        for (size_t cursor = 0; schema_each_type(i ? newer : s, &cursor, &t); )
            for (size_t f = 0; is_whole(t) && f < t->count; f++)
                if (!help_of_field(h, t, &t->fields[f]))
                    print_message("nothing is said of %s.%s\n", t->name, t->fields[f].name), bad++;
    assert_int_equal(bad, 0);
    schema_free(s);
    schema_free(newer);
    help_free(h);
}

/* Marks the texts that some type or field of some version has. Keys are the texts' addresses. */
static void mark_used(struct map *used, const struct help *h, const struct schema *s)
{
    const struct type *t;
    for (size_t cursor = 0; schema_each_type(s, &cursor, &t); ) {
        const char *text = help_of_type(h, t);
        if (text)
            map_put(used, (struct str){ (const char *)&text, sizeof text }, used);
        for (size_t f = 0; f < t->count; f++)
            if ((text = help_of_field(h, t, &t->fields[f])))
                map_put(used, (struct str){ (const char *)&text, sizeof text }, used);
    }
}

static void texts_are_used(void **state)
{
    (void)state;
    struct help *h = help_read();
    struct map *used = map_new();
    struct str name;
    const char *text;
    size_t bad = 0;
    for (int i = 0; i < MINORS; i++) {
        struct schema *s = schema_new(minors[i], false);
        mark_used(used, h, s);
        schema_free(s);
    }
    for (size_t cursor = 0; help_each(h, &cursor, &name, &text); )
        if (!map_get(used, (struct str){ (const char *)&text, sizeof text }))
            print_message("nobody has " STR_FMT "\n", STR_ARG(name)), bad++;
    assert_int_equal(bad, 0);
    map_free(used, NULL);
    help_free(h);
}

/* The type's version first, then the type, then what it is like, then its role. */
static void order(void **state)
{
    (void)state;
    static const struct { const char *type, *field, *begins; } cases[] = {
        { "io.k8s.api.autoscaling.v2beta1.ObjectMetricSource", "target", "The object that is measured" },
        { "io.k8s.api.autoscaling.v2beta2.ObjectMetricSource", "target", "What it should be" },
        { "io.k8s.api.autoscaling.v2.ContainerResourceMetricSource", "name", "Which resource" },
        { "io.k8s.api.autoscaling.v2.ContainerResourceMetricSource", "", "CPU or memory of one container" },
        { "io.k8s.api.apps.v1.DeploymentCondition", "status", "Whether it is so" },
        { "io.k8s.api.apps.v1.DeploymentCondition", "type", "Available" },
        { "io.k8s.api.apps.v1.DeploymentList", "metadata", "Which moment" },
        { "io.k8s.api.apps.v1.Deployment", "metadata", "What is known" },
    };
    struct help *h = help_read();
    struct schema *s = schema_new(20, false);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct type *t = schema_type(s, str_c(cases[i].type));
        assert_non_null(t);
        const struct field *f = type_field(t, str_c(cases[i].field));
        const char *text = cases[i].field[0] ? help_of_field(h, t, f) : help_of_type(h, t);
        if (!text || !str_starts(str_c(text), cases[i].begins))
            fail_msg("%s %s: %s", cases[i].type, cases[i].field, text ? text : "nothing");
    }
    schema_free(s);
    help_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_are_sentences), cmocka_unit_test(kinds_are_described),
                                        cmocka_unit_test(fields_are_described), cmocka_unit_test(texts_are_used), cmocka_unit_test(order) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
