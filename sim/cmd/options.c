/* sim/cmd/options.c - command-line flags, as one table for all commands.
 *
 * A flag is long ("--name value" or "--name=value"); each command names the ones it takes, any other is refused by name. Words that are no flags
 * are arguments; what follows "--" is kept apart (the command line that `shell` and `--drive` run).
 */
#include "sim/cmd/cmd.h"
#include "sim/cmd/node.h"

#include <stdio.h>
#include <stdlib.h>

enum flag_type { FLAG_BOOL, FLAG_TEXT, FLAG_PORT, FLAG_SEED, FLAG_NODES, FLAG_ARG, FLAG_SET, FLAG_COUNT };
struct flag { const char *name; enum flag_type type; size_t offset; };
#define AT(field) offsetof(struct options, field)

static const struct flag flags[] = {
    { "data", FLAG_TEXT, AT(data) },
    { "detach", FLAG_BOOL, AT(detach) },
    { "bare", FLAG_BOOL, AT(bare) },
    { "durable", FLAG_BOOL, AT(durable) },
    { "all", FLAG_BOOL, AT(all) },
    { "port", FLAG_PORT, AT(port) },
    { "kubelet-port", FLAG_PORT, AT(kubelet_port) },
    { "seed", FLAG_SEED, 0 },
    { "clock", FLAG_TEXT, AT(clock) },
    { "start", FLAG_TEXT, AT(start) },
    { "lab", FLAG_TEXT, AT(lab) },
    { "kubernetes-version", FLAG_TEXT, AT(kubernetes_version) },
    { "output", FLAG_TEXT, AT(output) },
    { "explain", FLAG_BOOL, AT(explain) },
    { "verbose", FLAG_BOOL, AT(verbose) },
    { "node", FLAG_TEXT, AT(node) },
    { "nodes", FLAG_NODES, AT(nodes) },
    { "seeds", FLAG_COUNT, AT(seeds) },
    { "drive", FLAG_BOOL, AT(drive) },
    { "budget", FLAG_TEXT, AT(budget) },
    { "apiserver-arg", FLAG_ARG, 0 },
    { "require-sandbox", FLAG_TEXT, AT(require_sandbox) },
    { "limits", FLAG_TEXT, AT(limits) },
    { "step", FLAG_TEXT, AT(step) },
    { "checks", FLAG_TEXT, AT(checks) },
    { "out", FLAG_TEXT, AT(out) },
    { "at", FLAG_TEXT, AT(at) },
    { "format", FLAG_TEXT, AT(format) },
    { "timeout", FLAG_TEXT, AT(timeout) },
    { "submission", FLAG_TEXT, AT(submission) },
    { "script", FLAG_TEXT, AT(script) },
    { "student", FLAG_TEXT, AT(student) },
    { "hidden", FLAG_BOOL, AT(hidden) },
    { "key", FLAG_TEXT, AT(key) },
    { "set", FLAG_SET, 0 },
    { "roster", FLAG_TEXT, AT(roster) },
    { "journal", FLAG_TEXT, AT(journal) },
    { "keep", FLAG_BOOL, AT(keep) },
};

static const struct flag *flag_find(const char *name, size_t n, const char *allowed)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (strlen(flags[i].name) != n || memcmp(flags[i].name, name, n) != 0)
            continue;
        struct str rest = str_c(allowed);
        while (rest.p)
            if (str_eqc(str_token(&rest, ','), flags[i].name))
                return &flags[i];
    }
    return NULL;
}

static bool flag_store(struct options *o, const struct flag *f, char *value)
{
    int64_t number;
    switch (f->type) {
    case FLAG_BOOL:
        *(bool *)(void *)((char *)o + f->offset) = !value || strcmp(value, "false") != 0;
        return true;
    case FLAG_TEXT:
        *(const char **)(void *)((char *)o + f->offset) = value;
        return true;
    case FLAG_PORT:
        if (!str_int(str_c(value), &number) || number < 0 || number > 65535) {
            fprintf(stderr, "kubelab: --%s takes a port from 0 (any free one) to 65535, not \"%s\"\n", f->name, value);
            return false;
        }
        *(int *)(void *)((char *)o + f->offset) = (int)number;
        return true;
    case FLAG_ARG:
        if (!strchr(value, '=') || value[0] == '=' || value[0] == '-') {
            fprintf(stderr, "kubelab: --%s takes NAME=VALUE, a flag of kube-apiserver without its dashes, not \"%s\"\n", f->name, value);
            return false;
        }
        if (o->apiserver_arg_count == (int)ARRAY_LEN(o->apiserver_args)) {
            fprintf(stderr, "kubelab: --%s is given more than %zu times\n", f->name, ARRAY_LEN(o->apiserver_args));
            return false;
        }
        o->apiserver_args[o->apiserver_arg_count++] = value;
        return true;
    case FLAG_SET:
        if (o->set_count == (int)ARRAY_LEN(o->set)) {
            fprintf(stderr, "kubelab: --%s is given more than %zu times\n", f->name, ARRAY_LEN(o->set));
            return false;
        }
        o->set[o->set_count++] = value;
        return true;
    case FLAG_COUNT:
        if (!str_int(str_c(value), &number) || number < 1 || number > 100000) {
            fprintf(stderr, "kubelab: --%s takes a number from 1 to 100000, not \"%s\"\n", f->name, value);
            return false;
        }
        *(int64_t *)(void *)((char *)o + f->offset) = number;
        return true;
    case FLAG_SEED:
        if (!str_int(str_c(value), &number) || number < 0) {
            fprintf(stderr, "kubelab: --seed takes a whole number, not \"%s\"\n", value);
            return false;
        }
        o->seed_given = true;
        o->seed = (uint64_t)number;
        return true;
    case FLAG_NODES:
        if (!str_int(str_c(value), &number) || number < 1 || number > NODES_MAX) {
            fprintf(stderr, "kubelab: --nodes takes a number from 1 to %d, not \"%s\"\n", NODES_MAX, value);
            return false;
        }
        o->nodes = number;
        return true;
    }
    return false;
}

static bool flag_parse(struct options *o, const char *command, const char *allowed, int argc, char **argv, int *i)
{
    char *word = argv[*i] + 2;
    char *equals = strchr(word, '=');
    const struct flag *f = flag_find(word, equals ? (size_t)(equals - word) : strlen(word), allowed);
    if (!f) {
        fprintf(stderr, "kubelab %s: unknown flag: --%s\nRun 'kubelab help %s' for usage.\n", command, word, command);
        return false;
    }
    char *value = equals ? equals + 1 : NULL;
    if (f->type != FLAG_BOOL && !value) {
        if (*i + 1 >= argc) {
            fprintf(stderr, "kubelab %s: flag needs an argument: --%s\n", command, f->name);
            return false;
        }
        value = argv[++*i];
    }
    return flag_store(o, f, value);
}

bool options_parse(struct options *o, const char *command, const char *allowed, int argc, char **argv)
{
    memset(o, 0, sizeof *o);
    o->port = o->kubelet_port = -1;
    o->args = xcalloc((size_t)argc + 1, sizeof *o->args);
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            o->rest = argv + i + 1;
            o->rest_count = argc - i - 1;
            return true;
        }
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            o->output = argv[++i];
        } else if (argv[i][0] == '-' && argv[i][1] == '-') {
            if (!flag_parse(o, command, allowed, argc, argv, &i))
                return false;
        } else {
            o->args[o->arg_count++] = argv[i];
        }
    }
    return true;
}

char *data_path(struct arena *a, const struct options *o, const char *name)
{
    const char *dir = o->data, *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (!dir)
        dir = getenv("KUBELAB_DATA");
    if (!dir && state && *state)
        dir = arena_printf(a, "%s/kubelab", state);
    if (!dir)
        dir = arena_printf(a, "%s/.local/state/kubelab", home && *home ? home : "/tmp");
    return *name ? arena_printf(a, "%s/%s", dir, name) : arena_strdup(a, dir);
}
