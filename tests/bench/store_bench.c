/* tests/bench/store_bench.c - what a write costs: puts of 2 KB, each in a turn and a commit of its own, then lists and a cold start.
 * Usage: store_bench [PUTS] [FOLDER]; the folder is where the database is made and removed again (default /tmp). */
#include "apiserver/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { VALUE_BYTES = 2048, LISTS = 100 };

static double seconds_since(int64_t t0)
{
    return (double)(wall_now_ns() - t0) / 1e9;
}

static bool count(void *ctx, struct str key, struct object *o)
{
    (void)key;
    *(size_t *)ctx += o->bytes.n;
    return true;
}

static void put(struct store *s, int i)
{
    char value[VALUE_BYTES], key[80];
    memset(value, 'x', sizeof value);
    int spread = (int)((unsigned)i * 2654435761u >> 8) % 100000;                  /* not in order of the key */
    int n = snprintf(key, sizeof key, "/registry/core/pods/default/web-%05d-%d", spread, i);
    struct object *o = object_new((struct str){ value, sizeof value });
    o->rv = store_next_revision(s);
    struct err err = { 0 };
    if (!store_put(s, (struct str){ key, (size_t)n }, o, 0, &err)) {
        fprintf(stderr, "put: %s\n", err.msg);
        exit(1);
    }
    object_unref(o);
}

static void remove_files(const char *path)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal", ".lock" };
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char name[4200];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static struct store *open_or_die(struct loop *l, const char *path)
{
    struct err err = { 0 };
    struct store *s = store_open(&(struct store_options){ .loop = l, .path = path }, &err);
    if (!s) {
        fprintf(stderr, "open: %s\n", err.msg);
        exit(1);
    }
    return s;
}

int main(int argc, char **argv)
{
    int puts_n = argc > 1 ? atoi(argv[1]) : 20000;
    char path[4096];
    snprintf(path, sizeof path, "%s/store_bench.%d.db", argc > 2 ? argv[2] : "/tmp", (int)getpid());
    struct loop *l = loop_new(&(struct loop_options){ .speed_milli = 0, .start_vtime_ns = 1 });
    int64_t t0 = wall_now_ns();
    struct store *s = open_or_die(l, path);
    printf("open, new            %8.2f ms\n", seconds_since(t0) * 1e3);
    t0 = wall_now_ns();
    for (int i = 0; i < puts_n; i++) {
        put(s, i);
        loop_turn(l);
    }
    double spent = seconds_since(t0);
    printf("put %d x 2 KB     %8.2f s   %.1f us each, commit included\n", puts_n, spent, spent * 1e6 / puts_n);
    size_t bytes = 0;
    t0 = wall_now_ns();
    for (int i = 0; i < LISTS; i++)
        store_list(s, STR("/registry/core/pods/"), STR_NULL, count, &bytes);
    printf("list %zu             %8.2f ms\n", store_count(s, STR("/")), seconds_since(t0) * 1e3 / LISTS);
    store_close(s);
    t0 = wall_now_ns();
    s = open_or_die(l, path);
    printf("open, %zu objects %8.2f ms\n", store_count(s, STR("/")), seconds_since(t0) * 1e3);
    store_close(s);
    loop_free(l);
    remove_files(path);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("resident at most     %8.1f MB\n", (double)use.ru_maxrss / 1024);
    return 0;
}
