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
            if (!help_of_type(h, t))
                print_message("nothing is said of %s\n", t->name), bad++;
        schema_free(s);
    }
    assert_int_equal(bad, 0);
    help_free(h);
}

static void fields_are_described(void **state)
{
    (void)state;
    struct help *h = help_read();
    size_t bad = 0;
    for (int i = 0; i < MINORS; i++) {
        struct schema *s = schema_new(minors[i], false);
        const struct type *t;
        for (size_t cursor = 0; schema_each_type(s, &cursor, &t); )
            for (size_t f = 0; f < t->count; f++)
                if (!help_of_field(h, t, &t->fields[f]))
                    print_message("nothing is said of %s.%s\n", t->name, t->fields[f].name), bad++;
        schema_free(s);
    }
    assert_int_equal(bad, 0);
    help_free(h);
}

/* A field's text stands above its type's: the same twice would look odd. A type that just one field has may do without a text. */
static void nothing_is_said_twice(void **state)
{
    (void)state;
    struct help *h = help_read();
    size_t bad = 0;
    for (int i = 0; i < MINORS; i++) {
        struct schema *s = schema_new(minors[i], false);
        const struct type *t;
        for (size_t cursor = 0; schema_each_type(s, &cursor, &t); )
            for (size_t f = 0; f < t->count; f++) {
                const struct type *of = t->fields[f].type;
                const char *field = help_of_field(h, t, &t->fields[f]), *type = of ? help_of_type(h, of) : NULL;
                if (field && type && strcmp(field, type) == 0)
                    print_message("%s.%s is what its type is\n", t->name, t->fields[f].name), bad++;
            }
        schema_free(s);
    }
    assert_int_equal(bad, 0);
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
                                        cmocka_unit_test(fields_are_described), cmocka_unit_test(nothing_is_said_twice),
                                        cmocka_unit_test(texts_are_used), cmocka_unit_test(order) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
