/* tests/fuzz/host_fuzz.c - command lines of strangers: mapping terminates, a mapped path stays below the node's files, and
 * nothing is mapped twice. */
#include "sim/cmd/cluster.h"
#include "sim/cmd/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *a = arena_new();
    struct host_map m = { STR("/data dir/node"), STR("/etc") };
    struct str text = { (const char *)data, n };
    struct str path = host_map_path(a, &m, text);
    ASSERT(path.n == 0 || str_starts(path, "/data dir/node/"));
    ASSERT(path.n == 0 || str_find(path, STR("/../")) < 0);
    struct str word = host_map_word(a, &m, text);
    ASSERT(word.p == text.p || word.n > m.root.n);
    struct str script = host_map_script(a, &m, text);
    ASSERT(script.n >= text.n || str_find(text, STR("/usr/lib/")) >= 0);
    host_unmap(a, &m, script);

    char *words[33];
    int count = 0;
    words[count++] = arena_strdup(a, "sudo");
    for (struct str rest = text; rest.p && count < 32;) {
        char *one = arena_cstr(a, str_token(&rest, '\n'));
        for (char *c = one; *c; c++)
            *c = *c == '*' || *c == '?' || *c == '[' ? 'x' : *c;       /* the file system is not the target */
        words[count++] = one;
    }
    words[count] = NULL;
    struct sudo_flags f;
    char *bad = NULL;
    if (sudo_parse(&f, count, words, &bad) && f.first < count) {
        ASSERT(f.first >= 1 && f.env_count >= 0 && f.env_count < count);
        struct host_argv v = host_map_argv(a, &m, count - f.first, words + f.first);
        ASSERT(v.n == count - f.first && v.v[v.n] == NULL);
    }
    struct str head, tail;
    str_cut(text, '\n', &head, &tail);
    dockerignore_excludes(tail, head);
    char ip[64];
    proxy_classify(head, 80, 3, ip);
    arena_free(a);
    return 0;
}
