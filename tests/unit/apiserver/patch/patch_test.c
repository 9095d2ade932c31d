/* The three patch types that need no history, as tables: original, patch, result or error. */
#include "tests/unit/apiserver/patch/types.h"

#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

enum which { JSON, MERGE, STRATEGIC };
struct row { const char *name, *original, *patch, *want; enum err_code code; const char *error; };
#define UNPROCESSABLE ERR_INVALID, "the server rejected our request due to an error in our request"

static const struct row json_rows[] = {
    { "add and remove", "{'d':{'a':1,'b':2}}", "[{'op':'remove','path':'/d/a'},{'op':'add','path':'/d/c','value':3}]",
      "{'d':{'b':2,'c':3}}", 0, NULL },
    { "array places", "{'l':[1,2]}",
      "[{'op':'add','path':'/l/-','value':4},{'op':'add','path':'/l/0','value':0},{'op':'add','path':'/l/3','value':3}]",
      "{'l':[0,1,2,3,4]}", 0, NULL },
    { "negative index", "{'l':[1,2]}", "[{'op':'remove','path':'/l/-1'}]", "{'l':[1]}", 0, NULL },
    { "escapes", "{'a/b':1,'m~n':2}", "[{'op':'replace','path':'/a~1b','value':7},{'op':'remove','path':'/m~0n'}]", "{'a/b':7}", 0,
      NULL },
    { "move", "{'a':{'x':1},'b':{}}", "[{'op':'move','from':'/a/x','path':'/b/y'}]", "{'a':{},'b':{'y':1}}", 0, NULL },
    { "copy is deep", "{'a':{'x':1}}", "[{'op':'copy','from':'/a','path':'/b'},{'op':'replace','path':'/b/x','value':2}]",
      "{'a':{'x':1},'b':{'x':2}}", 0, NULL },
    { "test passes", "{'a':{'x':[1,{'y':null}]}}", "[{'op':'test','path':'/a/x','value':[1,{'y':null}]}]",
      "{'a':{'x':[1,{'y':null}]}}", 0, NULL },
    { "test of absent null", "{'a':1}", "[{'op':'test','path':'/b','value':null}]", "{'a':1}", 0, NULL },
    { "test fails", "{'a':1}", "[{'op':'test','path':'/a','value':'iron'}]", NULL, UNPROCESSABLE },
    { "remove nothing", "{'d':{}}", "[{'op':'remove','path':'/d/none'}]", NULL, UNPROCESSABLE },
    { "replace nothing", "{'d':{}}", "[{'op':'replace','path':'/d/none','value':1}]", NULL, UNPROCESSABLE },
    { "add below nothing", "{}", "[{'op':'add','path':'/d/x','value':1}]", NULL, UNPROCESSABLE },
    { "add below a scalar", "{'d':1}", "[{'op':'add','path':'/d/x','value':1}]", NULL, UNPROCESSABLE },
    { "past the end", "{'l':[1]}", "[{'op':'add','path':'/l/2','value':1}]", NULL, UNPROCESSABLE },
    { "unknown operation", "{}", "[{'op':'frob','path':'/d'}]", NULL, UNPROCESSABLE },
    { "no path", "{}", "[{'op':'add','value':1}]", NULL, UNPROCESSABLE },
    { "null operation", "{}", "[null]", NULL, UNPROCESSABLE },
    { "not a list", "{}", "{'op':'add'}", NULL, ERR_BAD_REQUEST,
      "json: cannot unmarshal object into Go value of type jsonpatch.Patch" },
    { "not an operation", "{}", "['x']", NULL, ERR_BAD_REQUEST,
      "json: cannot unmarshal string into Go value of type jsonpatch.Operation" },
    { "not JSON", "{}", "nope", NULL, ERR_BAD_REQUEST, NULL },
};
static const struct row merge_rows[] = {
    { "change, add, remove", "{'a':1,'b':{'c':1,'d':2}}", "{'b':{'c':null,'e':3},'f':{'g':null,'h':1}}",
      "{'a':1,'b':{'d':2,'e':3},'f':{'h':1}}", 0, NULL },
    { "lists are replaced", "{'l':[1,2]}", "{'l':[3]}", "{'l':[3]}", 0, NULL },
    { "object over scalar", "{'a':1}", "{'a':{'b':null,'c':2}}", "{'a':{'c':2}}", 0, NULL },
    { "null in a list stays", "{}", "{'l':[null,1]}", "{'l':[null,1]}", 0, NULL },
};
#define CONTAINERS(x) "{'spec':{'containers':[" x "]}}"
static const struct row strategic_rows[] = {
    { "maps merge, null deletes", "{'data':{'a':'1','b':'2'}}", "{'data':{'a':null,'c':'3'}}", "{'data':{'b':'2','c':'3'}}", 0, NULL },
    { "list merges by key", CONTAINERS("{'name':'web','image':'n:1'},{'name':'side','image':'b'}"),
      CONTAINERS("{'name':'web','image':'n:2'}"),
      CONTAINERS("{'name':'web','image':'n:2'},{'name':'side','image':'b'}"), 0, NULL },
    { "a new element goes first", CONTAINERS("{'name':'a'},{'name':'b'}"), CONTAINERS("{'name':'c'}"),
      CONTAINERS("{'name':'c'},{'name':'a'},{'name':'b'}"), 0, NULL },
    { "element deleted", CONTAINERS("{'name':'a'},{'name':'b'}"), CONTAINERS("{'name':'a','$patch':'delete'}"),
      CONTAINERS("{'name':'b'}"), 0, NULL },
    { "list replaced", CONTAINERS("{'name':'a'},{'name':'b'}"), CONTAINERS("{'$patch':'replace'},{'name':'z'}"),
      CONTAINERS("{'name':'z'}"), 0, NULL },
    { "args are atomic", CONTAINERS("{'name':'a','args':['x','y']}"), CONTAINERS("{'name':'a','args':['z']}"),
      CONTAINERS("{'name':'a','args':['z']}"), 0, NULL },
    { "nested merge list", CONTAINERS("{'name':'a','env':[{'name':'A','value':'1'},{'name':'B','value':'2'}]}"),
      CONTAINERS("{'name':'a','env':[{'name':'A','$patch':'delete'}]}"),
      CONTAINERS("{'name':'a','env':[{'name':'B','value':'2'}]}"), 0, NULL },
    { "set element order", CONTAINERS("{'name':'a'},{'name':'s'},{'name':'b'}"),
      "{'spec':{'$setElementOrder/containers':[{'name':'b'},{'name':'n'},{'name':'a'}],'containers':[{'name':'n','image':'i'}]}}",
      CONTAINERS("{'name':'s'},{'name':'b'},{'name':'n','image':'i'},{'name':'a'}"), 0, NULL },
    { "order alone", CONTAINERS("{'name':'a'},{'name':'b'}"),
      "{'spec':{'$setElementOrder/containers':[{'name':'b'},{'name':'a'}]}}", CONTAINERS("{'name':'b'},{'name':'a'}"), 0, NULL },
    { "scalar list", "{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b','c']}}",
      "{'metadata':{'finalizers':['a','b','c']}}", 0, NULL },
    { "delete from scalar list", "{'metadata':{'finalizers':['a','b']}}",
      "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a']}}", "{'metadata':{'finalizers':['b']}}", 0, NULL },
    { "scalar list with order", "{'metadata':{'finalizers':['a','b']}}",
      "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a'],'$setElementOrder/finalizers':['c','b'],'finalizers':['c']}}",
      "{'metadata':{'finalizers':['c','b']}}", 0, NULL },
    { "retain keys", "{'spec':{'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':'1'}}}}",
      "{'spec':{'strategy':{'$retainKeys':['type'],'type':'Recreate'}}}", "{'spec':{'strategy':{'type':'Recreate'}}}", 0, NULL },
    { "object replaced", "{'data':{'a':'1'}}", "{'data':{'$patch':'replace','b':'2'}}", "{'data':{'b':'2'}}", 0, NULL },
    { "object emptied", "{'data':{'a':'1'}}", "{'data':{'$patch':'delete'}}", "{'data':{}}", 0, NULL },
    { "nulls of new values vanish", "{}", "{'spec':{'replicas':null,'selector':{'a':null,'b':'c'}}}",
      "{'spec':{'selector':{'b':'c'}}}", 0, NULL },
    { "new list without directives", "{}", CONTAINERS("{'name':'a','$patch':'delete'},{'name':'b'}"), CONTAINERS("{'name':'b'}"),
      0, NULL },
    { "what kubectl apply sends",
      CONTAINERS("{'name':'web','image':'nginx:1.19','env':[{'name':'A','value':'1'},{'name':'B','value':'2'}]},{'name':'side',"
                 "'image':'busybox'}"),
      "{'spec':{'$setElementOrder/containers':[{'name':'web'}],'containers':[{'$setElementOrder/env':[{'name':'B'}],"
      "'env':[{'$patch':'delete','name':'A'}],"
      "'image':'nginx:1.20','name':'web'},{'$patch':'delete','name':'side'}]}}",
      CONTAINERS("{'name':'web','image':'nginx:1.20','env':[{'name':'B','value':'2'}]}"), 0, NULL },
    { "not an object", "{}", "'not json'", NULL, ERR_BAD_REQUEST,
      "json: cannot unmarshal string into Go value of type map[string]interface {}" },
    { "no merge key", CONTAINERS("{'name':'a'}"), CONTAINERS("{'image':'i'}"), NULL, ERR_IO,
      "map: map[image:i] does not contain declared merge key: name" },
    { "unknown directive", "{'data':{}}", "{'data':{'$patch':'frob','x':'y'}}", NULL, ERR_IO,
      "unknown patch type: frob in map: map[$patch:frob x:y]" },
    { "bad retain keys", "{'spec':{'strategy':{}}}", "{'spec':{'strategy':{'$retainKeys':['type'],'other':'x'}}}", NULL,
      ERR_BAD_REQUEST, "invalid patch format of retainKeys" },
    { "bad order", "{'spec':{}}", "{'spec':{'$setElementOrder':[]}}", NULL, ERR_BAD_REQUEST,
      "invalid patch format of setElementOrder list" },
    { "bad deletion", "{'spec':{}}", "{'spec':{'$deleteFromPrimitiveListx/a':[]}}", NULL, ERR_BAD_REQUEST,
      "invalid patch format of primitive list" },
    { "order not a list", "{'spec':{}}", "{'spec':{'$setElementOrder/containers':'x'}}", NULL, ERR_IO,
      "expected a []interface {}, but received a string" },
};

static struct str quoted(struct arena *a, const char *s)
{
    char *t = arena_strdup(a, s);
    for (char *p = t; *p; p++)
        if (*p == '\'')
            *p = '"';
    return str_c(t);
}

static void check(const struct row *r, enum which which)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct json *original = json_parse(a, quoted(a, r->original), NULL), *got;
    struct str before = json_text(a, original), patch = quoted(a, r->patch);
    if (which == JSON)
        got = patch_json(a, original, patch, &err);
    else if (which == MERGE)
        got = patch_merge(a, original, json_parse(a, patch, NULL));
    else
        got = patch_strategic(a, 34, &top_type, original, json_parse(a, patch, NULL), &err);
    if (!got != !r->want)
        fail_msg("%s: %s", r->name, got ? "should fail" : err.msg);
    if (got && !str_eq(json_text(a, got), quoted(a, r->want)))
        fail_msg("%s: " STR_FMT, r->name, STR_ARG(json_text(a, got)));
    if (!got && (err.code != r->code || (r->error && strcmp(err.msg, r->error))))
        fail_msg("%s: %d %s", r->name, (int)err.code, err.msg);
    assert_true(str_eq(before, json_text(a, original)));
    err_clear(&err);
    arena_free(a);
}

static void json_patch(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_rows); i++)
        check(&json_rows[i], JSON);
}

/* Until v1.26 what is new was taken as it came. */
static void takes_new_values_whole(void **state)
{
    (void)state;
    static const char patch[] = CONTAINERS("{'name':'a','$patch':'delete'},{'name':'b'}");
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct json *got = patch_strategic(a, 20, &top_type, json_new_object(a), json_parse(a, quoted(a, patch), NULL), &err);
    assert_non_null(got);
    assert_true(str_eq(json_text(a, got), quoted(a, patch)));
    arena_free(a);
}

static void merge_patch(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(merge_rows); i++)
        check(&merge_rows[i], MERGE);
}

static void strategic_merge(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strategic_rows); i++)
        check(&strategic_rows[i], STRATEGIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(json_patch), cmocka_unit_test(takes_new_values_whole), cmocka_unit_test(merge_patch),
                                        cmocka_unit_test(strategic_merge) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
