/* Scenarios and labs as texts: what is read, and where an error points. Then one played against a cluster that is a table of
 * answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "labs/labs.h"

#define HEAD "name: x\nsteps:\n"

static void scenario_errors(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } cases[] = {
        { "", "s.yaml:1:1: this is not a mapping of keys to values" },
        { "[]", "s.yaml:1:1: this is not a mapping of keys to values" },
        { "name: x\n", "s.yaml:1:1: a scenario needs \"steps\"" },
        { "name: x\nsteps: []\n", "s.yaml:2:8: a scenario has at least one step" },
        { "name: [x\n", "s.yaml:2:1: did not find expected ',' or ']'" },
        { "name: x\n  steps: 1\n", "s.yaml:2:8: mapping values are not allowed in this context" },
        { "name: x\ncolour: red\nsteps: []\n",
          "s.yaml:2:1: a scenario has no \"colour\": it has name, lab, kubernetesVersion, seed, start, duration, sample, plot, "
          "parameters, grid, seeds, steps" },
        { "name: x\nlab: lab8\nname: y\nsteps: []\n", "s.yaml:3:1: \"name\" stands in line 1 already" },
        { "name: x\nsteps:\n- patch: {kind: Pod,\n   kind: Pod}\n", "s.yaml:4:4: \"kind\" stands in line 3 already" },
        { "name: x\nplot: caf\xe9 w\nsteps: []\n", "s.yaml:2:11: invalid trailing UTF-8 octet" },
        { "name: x\nlab: lab99\nsteps: []\n", "s.yaml:2:6: there is no lab \"lab99\"" },
        { "name: x\nseed: -1\nsteps: []\n", "s.yaml:2:7: seed is a whole number from 0" },
        { "name: x\nstart: today\nsteps: []\n", "s.yaml:2:8: start is a time like 2020-01-24T23:00:00Z" },
        { "name: x\nsample: 10ms\nsteps: []\n", "s.yaml:2:9: sample is at least 1s" },
        { HEAD "- at: soon\n  clock: 1m\n", "s.yaml:3:7: at is a duration: write it as 90s, 5m or 1h30m" },
        { HEAD "- at: 1m\n", "s.yaml:3:3: a step does something: apply, patch, delete, fault, load, clock, expect, check, run, "
                             "build or submit" },
        { HEAD "- run: true\n", "s.yaml:3:8: run is a text, and without quotes this is true to YAML" },
        { HEAD "- wait: 1m\n", "s.yaml:3:3: a step has no \"wait\": it has name, at, when," },
        { HEAD "-\t1\n", "s.yaml:3:2: a text cannot begin with this character unless it is in quotes, and lines are indented with "
                         "spaces" },
        { "name: x\nkubernetesVersion: v1.99\nsteps: []\n", "s.yaml:2:20: kubernetesVersion is one of v1.16, v1.20 and v1.34" },
        { "name: x\nplot: web1\nsteps: []\n", "s.yaml:2:7: plot is an autoscaler, NAMESPACE/NAME" },
        { HEAD "- load: {service: w, requestsPerSecond: fast}\n", "s.yaml:3:41: requestsPerSecond is a number from 0" },
        { HEAD "- clock: 1m\n  run: ls\n", "s.yaml:4:3: a step does one thing: this is its second" },
        { HEAD "- at: 1m\n  clock: 1m\n- at: 30s\n  clock: 1m\n",
          "s.yaml:5:7: this is before the step above: steps are in order of time" },
        { HEAD "- at: 1m\n  when: 'true'\n  clock: 1m\n", "s.yaml:4:3: a step begins at a time or when something holds, not both" },
        { HEAD "- timeout: 1m\n  clock: 1m\n", "s.yaml:3:3: timeout and every belong to when" },
        { HEAD "- load: {rps: 5}\n", "s.yaml:3:10: a load has no \"rps\"" },
        { HEAD "- load: {service: web}\n", "s.yaml:3:9: a load needs clients, requestsPerSecond or stages" },
        { HEAD "- load: {service: web, clear: web}\n", "s.yaml:3:9: a load is {service, stages}" },
        { HEAD "- name: yy\n  fault: dns\n", "s.yaml:4:10: a fault is a mapping of keys to values" },
        { HEAD "- fault: {inject: dns, clear: dns}\n",
          "s.yaml:3:10: a fault is {inject: TYPE, name, parameters, duration} or {clear: NAME}" },
        { HEAD "- fault: {inject: dns, parameters: 5}\n", "s.yaml:3:19: there is no fault \"dns\": there are api-slow," },
        { HEAD "- fault: {inject: dns-slow, parameters: 5}\n", "s.yaml:3:41: parameters is a mapping of names to values" },
        { HEAD "- fault: {inject: dns-slow, parameters: {delay: 3s, form: q}}\n",
          "s.yaml:3:53: dns-slow has no parameter \"form\": it has domain, from, delay" },
        { HEAD "- fault: {inject: dns-slow, parameters: {delay: 3d}}\n",
          "s.yaml:3:49: the parameter delay must be a duration from 1ms to 1h0m0s" },
        { HEAD "- fault: {inject: crash-loop}\n", "s.yaml:3:10: crash-loop needs the parameter pod: its pods' names" },
        { HEAD "- expect: {jq: '1', for: 5m}\n",
          "s.yaml:3:11: expect is a jq expression, {jq, within: 90s}, or {always: JQ, for: 5m}" },
        { HEAD "- expect: {always: '1'}\n", "s.yaml:3:11: expect is a jq expression" },
        { HEAD "- expect: {jq: '1', within: 5m, every: 1ms}\n", "s.yaml:3:40: every is at least 1s" },
        { HEAD "- expect: {jq: '.a ==', within: 5m}\n", "s.yaml:3:11: syntax error" },
        { HEAD "- clock: soon\n", "s.yaml:3:10: clock is a duration (90s, 5m or 1h30m), or {until: JQ, timeout: 5m}" },
        { HEAD "- clock: {timeout: 5m}\n", "s.yaml:3:10: a clock needs \"until\"" },
        { HEAD "- expect: .a ==\n", "s.yaml:3:11: syntax error, unexpected" },
        { HEAD "- when: nonesuch\n  clock: 1m\n", "s.yaml:3:9: nonesuch/0 is not defined" },
        { HEAD "- apply: nowhere.yaml\n", "s.yaml:3:10: nowhere.yaml is neither beside the scenario nor anywhere else" },
        { HEAD "- apply: {kind: Pod}\n", "s.yaml:3:10: an object needs apiVersion, kind and metadata.name" },
        { HEAD "- apply: 5\n", "s.yaml:3:10: this is neither an object, nor a file's name, nor manifests" },
        { HEAD "- apply: |\n    kind: Pod\n    metadata: {name: [}\n", "s.yaml:5:" },
        { HEAD "- patch: {apiVersion: v1, kind: Pod, name: x, type: odd, patch: {}}\n",
          "s.yaml:3:53: a patch is strategic, merge or json, not \"odd\"" },
        { HEAD "- patch: {apiVersion: v1, kind: Pod, name: x, patch: []}\n",
          "s.yaml:3:54: a json patch is a list of operations; a strategic or merge patch is a mapping" },
        { HEAD "- check: lab99\n", "s.yaml:3:10: there is no lab \"lab99\"" },
        { HEAD "- check: {lab: lab8, step: nope}\n", "s.yaml:3:28: lab8 has no step \"nope\"" },
        { HEAD "- build: {tag: target}\n", "s.yaml:3:10: a build needs \"context\"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        assert_null(scenario_parse(a, "s.yaml", str_c(cases[i].text), &err));
        if (!str_starts(str_c(err.msg), cases[i].says))
            assert_string_equal(err.msg, cases[i].says);
        err_clear(&err);
        arena_free(a);
    }
}

#define LABHEAD "name: x\nlabel: X\ntitle: t\nkubernetesVersion: v1.16\nsteps: [{id: a, title: b}]\n"
#define LAB "name: x\nlabel: X\ntitle: t\nkubernetesVersion: v1.16\nsteps:\n"

static void lab_errors(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } cases[] = {
        { "name: x\n", "lab.yaml:1:1: a lab needs \"label\"" },
        { "name: x\nlabel: X\ntitle: t\nkubernetesVersion: v1.16\nparameters:\n  a: {value: \"x\\ny\"}\nsteps: []\n",
          "lab.yaml:6:3: the value of a is longer than" },
        { LAB "- {id: a}\n", "lab.yaml:6:3: a step needs \"title\"" },
        { LAB "- {id: a, title: b}\n- {id: a, title: c}\n", "lab.yaml:7:8: there is a step \"a\" already" },
        { LAB "- id: a\n  title: b\n  checks:\n  - {name: c, jq: '.', depends: d}\n",
          "lab.yaml:9:33: no check above is called \"d\"" },
        { LAB "- id: a\n  title: b\n  checks: [{name: c, jq: '.'}, {name: c, jq: '.'}]\n",
          "lab.yaml:8:39: there is a check \"c\" already" },
        { LAB "- id: a\n  title: b\n  checks: [{name: c, jq: '.', points: many}]\n",
          "lab.yaml:8:39: points is a whole number from 0" },
        { LAB "[]\nfaults: [gremlins]\n", "lab.yaml:6:1: " },
        { "name: x\nlabel: X\ntitle: t\nkubernetesVersion: v1.16\nsteps: []\n", "lab.yaml:5:8: there is no step in it" },
        { LABHEAD "faults: [gremlins]\n", "lab.yaml:6:10: there is no fault \"gremlins\": there are api-slow," },
        { LABHEAD "faults: dns-stranger\n", "lab.yaml:6:9: faults is a list of at most 32 faults" },
        { LABHEAD "faults:\n- 5\n", "lab.yaml:7:3: a fault is a type, or {inject: TYPE, name, parameters}" },
        { LABHEAD "faults:\n- {inject: dns-slow, duration: 5m}\n", "lab.yaml:7:22: a lab's fault has no \"duration\"" },
        { LABHEAD "faults:\n- inject: slow-pull\n  parameters: {image: x, node: y, delay: soon}\n",
          "lab.yaml:8:42: the parameter delay must be" },
        { LABHEAD "faults: [slow-pull, {inject: slow-pull}]\n", "lab.yaml:6:21: there is a fault \"slow-pull\" already" },
        { LABHEAD "wrong: [{name: w, scenario: w.yaml, fails: [nothing]}]\n", "lab.yaml:6:45: no check is called \"nothing\"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        struct lab *lab = lab_parse(a, "lab.yaml", str_c(cases[i].text), &err);
        if (strcmp(cases[i].says, "lab.yaml:6:1: ") != 0 && !str_starts(str_c(err.msg), cases[i].says))
            assert_string_equal(err.msg, cases[i].says);
        assert_null(lab);
        err_clear(&err);
        arena_free(a);
    }
}

/* The labs of the binary: each reads, its expressions are jq, and its files are there. */
static void labs_of_the_binary(void **state)
{
    (void)state;
    size_t cursor = 0, count = 0;
    for (const struct lab *l; (l = lab_next(&cursor)); count++) {
        assert_ptr_equal(lab_find(l->name), l);
        assert_true(!l->guide || lab_file(l->name, l->guide).n > 0);
        assert_true(!l->play || lab_file(l->name, l->play).n > 0);
        assert_true(!l->solution || lab_file(l->name, l->solution).n > 0);
        for (const struct lab_wrong *w = l->wrong; w; w = w->next)
            assert_true(lab_file(l->name, w->scenario).n > 0);
        for (const struct lab_step *st = l->steps; st; st = st->next)
            for (const struct lab_check *c = st->checks; c; c = c->next) {
                struct err err = { 0 };
                struct predicate_set *p = predicate_set_new(&c->jq, 1, NULL, &err);
                if (!predicate_set_ready(p, NULL, &err))
                    assert_string_equal(err.msg, "");
                predicate_set_free(p);
            }
    }
    assert_true(count >= 1);
    assert_null(lab_find("lab99"));
    assert_true(str_eqc(json_path_str(json_at(lab_find("lab8")->faults, 0), "spec.type"), "dns-stranger"));
    assert_int_equal(lab_file("lab8", "../lab8/lab.yaml").n, 0);
}

/* ---- a scenario against a cluster that is a table of answers ---- */
struct fake { int64_t now_ns; struct strbuf sent; int dead_after_s; };
static const struct { const char *path, *body; } answers[] = {
    { "/api/v1", "{\"resources\":[{\"name\":\"pods\",\"namespaced\":true,\"kind\":\"Pod\",\"verbs\":[\"list\"]},"
                 "{\"name\":\"pods/log\",\"kind\":\"Pod\",\"verbs\":[\"get\"]}]}" },
};

static bool fake_api(void *ctx, struct arena *a, const char *method, const char *path, const char *type, const struct json *body,
                     int *status, struct str *reply, struct err *err)
{
    struct fake *f = ctx;
    if (f->dead_after_s && f->now_ns >= f->dead_after_s * (int64_t)NS_PER_S)
        return err_set(err, ERR_REFUSED, "gone");
    *status = 404;
    *reply = STR("{\"message\":\"no such thing\"}");
    if (strcmp(method, "GET") != 0) {
        strbuf_addf(&f->sent, "%" PRId64 " %s %s %s " STR_FMT "\n", f->now_ns / (int64_t)NS_PER_S, method, type ? type : "-", path,
                    STR_ARG(body ? json_text(a, body) : STR_NULL));
        *status = strstr(path, "forbidden") ? 403 : 200;
    }
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (strcmp(method, "GET") == 0 && strcmp(path, answers[i].path) == 0) {
            *status = 200;
            *reply = str_c(answers[i].body);
        }
    return true;
}

#define ROW "{\"t\":0,\"time\":\"1970-01-01T00:00:00Z\",\"hpa\":\"d/h\",\"requests\":null,\"millicores\":null,\"usagePercent\":null,\"targetPercent\":50,\"current\":2,\"desired\":3," \
            "\"ready\":null,\"served\":%" PRId64 "}"

/* Two requests a second. */
static bool fake_samples(void *ctx, struct arena *a, struct str *text, struct err *err)
{
    struct fake *f = ctx;
    if (f->dead_after_s && f->now_ns >= f->dead_after_s * (int64_t)NS_PER_S)
        return err_set(err, ERR_REFUSED, "gone");
    *text = arena_strf(a, "{\"samples\":[" ROW "]}", 2 * f->now_ns / (int64_t)NS_PER_S);
    return true;
}

static bool fake_document(void *ctx, struct arena *a, bool history, struct str *text, struct err *err)
{
    struct fake *f = ctx;
    (void)err;
    assert_false(history);             /* a scenario has its own */
    *text = arena_strf(a, "{\"clock\":{\"seconds\":%" PRId64 "},\"objects\":{\"pods\":[{\"metadata\":{\"name\":\"one\"}}]},"
                                                             "\"hpa\":[{\"current\":2}]}", f->now_ns / (int64_t)NS_PER_S);
    return true;
}

static bool fake_now(void *ctx, int64_t *ns, struct err *err) { (void)err; *ns = ((struct fake *)ctx)->now_ns; return true; }
static bool fake_advance(void *ctx, int64_t ns, struct err *err) { (void)err; ((struct fake *)ctx)->now_ns += ns; return true; }

static struct timeline run(struct arena *a, struct fake *f, const char *text, bool *ok)
{
    struct err err = { 0 };
    struct labs_ops ops = { .ctx = f, .api = fake_api, .document = fake_document, .samples = fake_samples, .now = fake_now,
                            .advance = fake_advance };
    struct timeline t;
    struct scenario *sc = scenario_parse(a, "s.yaml", str_c(text), &err);
    if (!sc)
        assert_string_equal(err.msg, "");
    strbuf_init(&f->sent, 65536);
    *ok = scenario_run(a, sc, &ops, NULL, NULL, &t, &err);
    scenario_close(sc);
    err_clear(&err);
    return t;
}

static void played(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct fake f = { 0 };
    bool ok;
    struct timeline t = run(a, &f, "name: x\nduration: 2m\nsample: 30s\nsteps:\n"
        "- at: 10s\n  apply: {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns}}\n"
        "- when: .clock.seconds >= 45\n  every: 2s\n  patch: {apiVersion: v1, kind: Pod, name: p, type: merge, patch: {a: 1}}\n"
        "- expect: .objects.pods[0].metadata.name == \"one\" and .hpa[0].current == 2 and (.history | length) == 2\n"
        "- when: 'false'\n  timeout: 5s\n  delete: {apiVersion: v1, kind: Pod, metadata: {name: never}}\n"
        "- apply: {apiVersion: v1, kind: Gizmo, metadata: {name: g}}\n"
        "- delete: {apiVersion: v1, kind: Pod, metadata: {name: forbidden}}\n"
        "- at: 1m\n  clock: 5s\n"
        "- at: 63s\n  clock: 1s\n", &ok);
    assert_true(ok);
    assert_string_equal(f.sent.p,
                        "10 PATCH apply /api/v1/namespaces/ns/pods/p?fieldManager=scenario&force=true {\"apiVersion\":\"v1\","
                        "\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\"}}\n"
                                  "46 PATCH merge /api/v1/namespaces/default/pods/p {\"a\":1}\n"
                                  "51 DELETE - /api/v1/namespaces/default/pods/forbidden \n");
    assert_int_equal(t.passed, 4);
    assert_int_equal(t.failed, 4);
    static const char *const said[] = { "1 object", "1 object", "", "within 5s it never held: false",
                                        "Gizmo g: no matches for kind \"Gizmo\" in version \"v1\"",
                                        "Pod forbidden: no such thing (403)", "5s",
                                        "it is 1m5s already: the steps before took longer" };
    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        assert_string_equal(arena_cstr(a, json_get_str(json_at(t.steps, i), "message")), said[i]);
    assert_int_equal(f.now_ns, 120 * (int64_t)NS_PER_S);
    assert_int_equal(json_len(t.samples), 5);
    assert_string_equal(arena_cstr(a, timeline_csv(&t)),
                        "t,time,hpa,requests,millicores,usagePercent,targetPercent,current,desired,ready\n"
        "0,1970-01-01T00:00:00Z,d/h,,,,50,2,3,\n30,1970-01-01T00:00:00Z,d/h,2,,,50,2,3,\n60,1970-01-01T00:00:00Z,d/h,2,,,50,2,3,\n"
        "90,1970-01-01T00:00:00Z,d/h,2,,,50,2,3,\n120,1970-01-01T00:00:00Z,d/h,2,,,50,2,3,\n");
    assert_true(str_find(timeline_json(&t), STR("\"verdict\": \"failed\"")) > 0);
    assert_true(str_ends(timeline_svg(&t), "</svg>\n"));
    strbuf_deinit(&f.sent);
    arena_free(a);
}

/* A cluster that dies leaves the time line up to then. */
static void gone(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct fake f = { .dead_after_s = 40 };
    bool ok;
    struct timeline t = run(a, &f, "name: <x> & y\nsteps:\n- clock: 20s\n- clock: 5m\n", &ok);
    assert_false(ok);
    assert_int_equal(json_len(t.steps), 1);
    assert_int_equal(json_len(t.samples), 3);
    assert_true(str_find(timeline_svg(&t), STR("&lt;x&gt; &amp; y")) > 0);
    assert_true(str_find(timeline_svg(&t), STR(">desired<")) > 0);
    strbuf_deinit(&f.sent);
    arena_free(a);
}

/* A slide of nothing names no lines; names that are too long end in dots, between letters; faults' names are not written over each other. */
static void slides(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct str text = plot_short(a, STR("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\xc3\xb6"), 5);
    assert_string_equal(arena_cstr(a, text), "\xc3\xa4\xc3\xb6...");
    assert_string_equal(arena_cstr(a, plot_short(a, STR("abcde"), 5)), "abcde");
    const struct scenario sc = { .name = "nothing" };
    struct json *steps = json_parse(a, STR("[{\"t\":1,\"action\":\"fault\",\"object\":\"one\",\"name\":\"fault one\",\"ok\":true},"
                                           "{\"t\":2,\"action\":\"fault\",\"object\":\"two\",\"name\":\"fault two\",\"ok\":true},"
                                           "{\"t\":90,\"action\":\"fault\",\"object\":\"three\",\"name\":\"fault three\",\"ok\":true}]"), NULL);
    const struct timeline t = { .a = a, .scenario = &sc, .steps = steps, .samples = json_new_array(a) };
    struct str svg = timeline_svg(&t);
    assert_true(str_find(svg, STR("desired")) < 0);
    assert_true(str_find(svg, STR("target")) < 0);
    const char *const names[] = { "y=\"118.0\" text-anchor=\"start\" font-size=\"13\" font-weight=\"600\" fill=\"#b91c1c\">one<",
                                  "y=\"134.0\" text-anchor=\"start\" font-size=\"13\" font-weight=\"600\" fill=\"#b91c1c\">two<",
                                  "y=\"118.0\" text-anchor=\"start\" font-size=\"13\" font-weight=\"600\" fill=\"#b91c1c\">three<" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_true(str_find(svg, str_c(names[i])) > 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(slides), cmocka_unit_test(scenario_errors), cmocka_unit_test(lab_errors),
                                        cmocka_unit_test(labs_of_the_binary), cmocka_unit_test(played),
                                        cmocka_unit_test(gone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
