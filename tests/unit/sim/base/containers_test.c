/* tests/unit/sim/base/containers_test.c - list, map and heap, each against a plain model of itself. */
#include "sim/base/base.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t dice_state = 1;
static uint32_t dice(uint32_t sides)             /* the same every run */
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (dice_state >> 8) % sides;
}

struct item {
    int         v;
    struct list link;
};

static void test_list(void **state)
{
    (void)state;
    struct list head;
    struct item items[5];
    list_init(&head);
    assert_true(list_empty(&head));
    for (int i = 0; i < 5; i++) {
        items[i].v = i;
        list_init(&items[i].link);
        list_push(&head, &items[i].link);
    }
    list_remove(&items[2].link);
    list_remove(&items[2].link);
    list_push_front(&head, &items[2].link);
    int seen[5], n = 0;
    list_for(it, &head) {
        struct item *item = container_of(it, struct item, link);
        seen[n++] = item->v;
        list_remove(it);
    }
    assert_int_equal(n, 5);
    static const int want[] = { 2, 0, 1, 3, 4 };
    assert_memory_equal(seen, want, sizeof want);
    assert_true(list_empty(&head));
}

static void *number(uintptr_t v)
{
    return (void *)v;                              /* values are the caller's; the map never looks inside */
}

static void test_map_basic(void **state)
{
    (void)state;
    struct map *m = map_new();
    assert_null(map_getc(m, "a"));
    assert_null(map_take(m, STR("a")));
    assert_null(map_putc(m, "a", number(1)));
    assert_null(map_putc(m, "", number(2)));
    assert_null(map_put(m, STR("x\0y"), number(3)));
    assert_ptr_equal(map_putc(m, "a", number(4)), number(1));
    assert_int_equal(map_len(m), 3);
    assert_ptr_equal(map_get(m, STR_NULL), number(2));
    assert_ptr_equal(map_get(m, STR("x\0y")), number(3));
    assert_null(map_getc(m, "x"));
    size_t cursor = 0;
    struct str key;
    void *value;
    assert_true(map_next(m, &cursor, &key, &value));
    assert_true(str_eqc(key, "a") && value == number(4));   /* replacing kept the place */
    assert_ptr_equal(map_take(m, key), number(4));          /* the key is the map's own: still legal */
    assert_true(map_next(m, &cursor, &key, NULL));
    assert_true(str_eqc(key, ""));
    map_free(m, NULL);
    map_free(NULL, NULL);
    m = map_new();
    map_putc(m, "owned", xmalloc(3));
    map_free(m, free);
}

enum { KEYS = 300 };

/* Inserts and removes at random; the model is, for each key, the step at which it was inserted. */
static void test_map_model(void **state)
{
    (void)state;
    struct map *m = map_new();
    uintptr_t model[KEYS] = { 0 };
    char key[16];
    size_t len = 0;
    for (uintptr_t step = 1; step <= 20000; step++) {
        uint32_t k = dice(KEYS);
        snprintf(key, sizeof key, "key-%u", k);
        bool grow = dice(100) < (step / 2500 % 2 ? 20u : 80u);   /* tides, so that it compacts too */
        if (grow && !model[k]) {
            assert_null(map_putc(m, key, number(step)));
            model[k] = step;
            len++;
        } else if (!grow) {
            assert_ptr_equal(map_take(m, str_c(key)), number(model[k]));
            len -= model[k] != 0;
            model[k] = 0;
        }
        assert_ptr_equal(map_getc(m, key), number(model[k]));
        assert_int_equal(map_len(m), len);
        if (step % 100)
            continue;
        size_t cursor = 0, n = 0;
        void *value;
        for (uintptr_t last = 0; map_next(m, &cursor, NULL, &value); last = (uintptr_t)value, n++)
            assert_true((uintptr_t)value > last);
        assert_int_equal(n, len);
    }
    map_free(m, NULL);
}

static void test_map_changed_while_iterating(void **state)
{
    (void)state;
    struct map *m = map_new();
    char name[16];
    for (uintptr_t i = 1; i <= 1000; i++) {
        snprintf(name, sizeof name, "%u", (unsigned)i);
        map_putc(m, name, number(i));
    }
    size_t cursor = 0, visited = 0;
    struct str key;
    void *value;
    uintptr_t expect = 1;
    while (map_next(m, &cursor, &key, &value)) {
        assert_int_equal((uintptr_t)value, expect);
        expect++;
        visited++;
        if (visited % 10)
            map_take(m, key);                      /* goes through several compactions */
        if (visited <= 500) {
            snprintf(name, sizeof name, "new-%u", (unsigned)visited);
            map_putc(m, name, number(1000 + visited));
        }
    }
    assert_int_equal(visited, 1500);
    assert_int_equal(map_len(m), 150);
    for (cursor = 0; map_next(m, &cursor, &key, NULL); cursor = 0)  /* a queue: always the first */
        map_take(m, key);
    assert_int_equal(map_len(m), 0);
    map_free(m, NULL);
}

static void test_heap_order(void **state)
{
    (void)state;
    enum { N = 500 };
    static struct heap_node nodes[N];
    struct heap h;
    heap_init(&h);
    assert_null(heap_min(&h));
    for (size_t i = 0; i < N; i++) {
        heap_node_init(&nodes[i]);
        heap_remove(&h, &nodes[i]);                /* nowhere yet: nothing happens */
        heap_insert(&h, &nodes[i], dice(20));
    }
    size_t removed = 0;
    for (size_t i = 0; i < N; i += 3, removed++) {
        heap_remove(&h, &nodes[i]);
        assert_true(nodes[i].index == SIZE_MAX);
    }
    uint64_t key = 0, seq = 0;
    size_t n = 0;
    for (struct heap_node *min; (min = heap_min(&h)); n++) {
        assert_true(n == 0 || min->key > key || (min->key == key && min->seq > seq));
        key = min->key;
        seq = min->seq;
        heap_remove(&h, min);
    }
    assert_int_equal(n, N - removed);
    heap_insert(&h, &nodes[0], 1);
    heap_deinit(&h);
    assert_true(nodes[0].index == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list), cmocka_unit_test(test_map_basic), cmocka_unit_test(test_map_model),
        cmocka_unit_test(test_map_changed_while_iterating), cmocka_unit_test(test_heap_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
