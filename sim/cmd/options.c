/* sim/cmd/options.c - command-line flags, as one table for all commands.
 *
 * A flag is long ("--name value" or "--name=value"; -o is --output); each command names the ones it takes, any other is refused by
 * name. Words that are no flags are arguments; what follows "--" is kept apart (the command line that `shell` and `--drive` run).
 */
#include "labs/report.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/node.h"

#include <stdio.h>
#include <stdlib.h>

enum flag_type { FLAG_BOOL, FLAG_TEXT, FLAG_JSON, FLAG_PORT, FLAG_SEED, FLAG_NODES, FLAG_ARG, FLAG_SET, FLAG_COUNT };
struct flag { const char *name; enum flag_type type; size_t offset; const char *value, *help; };
#define AT(field) offsetof(struct options, field)

/* value: what stands for it in the help; NULL: it takes none */
static const struct flag flags[] = {
    { "data", FLAG_TEXT, AT(data), "DIR", "the cluster's data folder; else $KUBELAB_DATA, else kubelab in the user's state folder" },
    { "detach", FLAG_BOOL, AT(detach), NULL, "return when the node is Ready (bare: when the API answers), and let the cluster run" },
    { "bare", FLAG_BOOL, AT(bare), NULL, "a control plane alone: API server and controllers, no node, no add-ons" },
    { "durable", FLAG_BOOL, AT(durable), NULL, "outlast a power failure too: every commit waits for the disk" },
    { "all", FLAG_BOOL, AT(all), NULL, "also what a student would write (a pack: also solutions)" },
    { "port", FLAG_PORT, AT(port), "N", "the API server's port; 0: any free one (6443, else the next free)" },
    { "kubelet-port", FLAG_PORT, AT(kubelet_port), "N", "the kubelet's port; 0: any free one (10250, else the next free)" },
    { "seed", FLAG_SEED, 0, "N", "what all names, keys and choices follow from: the same again, hence not secret" },
    { "clock", FLAG_TEXT, AT(clock), "SPEED", "1, N times as fast as the wall's, or paused" },
    { "start", FLAG_TEXT, AT(start), "TIME", "where a new cluster's clock begins (RFC 3339); else now" },
    { "lab", FLAG_TEXT, AT(lab), "LAB", "the cluster as this lab begins: its version, faults and files" },
    { "kubernetes-version", FLAG_TEXT, AT(kubernetes_version), "V", "v1.16, v1.20 or v1.34" },
    { "output", FLAG_JSON, 0, "json", "for programs (also -o json)" },
    { "explain", FLAG_BOOL, AT(explain), NULL, "print each step of the arithmetic" },
    { "verbose", FLAG_BOOL, AT(verbose), NULL, "say more" },
    { "node", FLAG_TEXT, AT(node), "NAME", "on this node" },
    { "nodes", FLAG_NODES, AT(nodes), "N", "the master, and N-1 workers" },
    { "seeds", FLAG_COUNT, AT(seeds), "N", "how many seeds to try" },
    { "drive", FLAG_BOOL, AT(drive), NULL, "the clock stands while the command works, and runs while it waits" },
    { "budget", FLAG_TEXT, AT(budget), "D", "virtual time at most, as 90s, 10m or 1h" },
    { "apiserver-arg", FLAG_ARG, 0, "NAME=VALUE", "a flag of kube-apiserver's manifest (may be repeated)" },
    { "require-sandbox", FLAG_TEXT, AT(require_sandbox), "LEVEL",
      "refuse to run a script with less: none, limits, confined or isolated" },
    { "limits", FLAG_TEXT, AT(limits), "LIST", "what a script may use: time=1h,cpu=2m,memory=768Mi,..." },
    { "step", FLAG_TEXT, AT(step), "STEP", "of this step alone" },
    { "checks", FLAG_TEXT, AT(checks), "FILE", "a course's own checks, beside the lab's" },
    { "out", FLAG_TEXT, AT(out), "PATH", "where the results go" },
    { "at", FLAG_TEXT, AT(at), "TIME", "as of then: RFC 3339, or so long after the cluster began" },
    { "format", FLAG_TEXT, AT(format), "FORMAT", "of the report: " REPORT_FORMATS },
    { "timeout", FLAG_TEXT, AT(timeout), "D", "wall time at most; of `clock until`, virtual time" },
    { "submission", FLAG_TEXT, AT(submission), "PATH", "what is handed in: a file, a folder or an archive" },
    { "script", FLAG_TEXT, AT(script), "NAME", "the file of the submission that is run" },
    { "student", FLAG_TEXT, AT(student), "ID", "whose variant of the lab" },
    { "hidden", FLAG_BOOL, AT(hidden), NULL, "the report has hidden checks too: for the instructor" },
    { "key", FLAG_TEXT, AT(key), "FILE", "the course's key, from which variants follow" },
    { "set", FLAG_SET, 0, "NAME=VALUE", "a parameter's value (may be repeated)" },
    { "roster", FLAG_TEXT, AT(roster), "PATH", "a class: a table of students and submissions, or a folder of submissions" },
    { "journal", FLAG_TEXT, AT(journal), "FILE", "of `grade`: what is handed in; of `up`: false, and none is kept" },
    { "keep", FLAG_BOOL, AT(keep), NULL, "let the cluster stay" },
};

static bool is_allowed(const struct flag *f, const char *allowed)
{
    struct str rest = str_c(allowed);
    while (rest.p)
        if (str_eqc(str_token(&rest, ','), f->name))
            return true;
    return false;
}

/* word: as it is written, with its dashes */
static const struct flag *flag_find(struct str word, const char *allowed)
{
    for (size_t i = 0; i < ARRAY_LEN(flags) && str_starts(word, "--"); i++)
        if (str_eqc(str_sub(word, 2, word.n), flags[i].name) && is_allowed(&flags[i], allowed))
            return &flags[i];
    return NULL;
}

void options_help(struct strbuf *out, const char *allowed)
{
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        char head[64];
        if (!is_allowed(&flags[i], allowed))
            continue;
        snprintf(head, sizeof head, "--%s %s", flags[i].name, flags[i].value ? flags[i].value : "");
        strbuf_addf(out, "%s  %-27s %s\n", any ? "" : "\nFlags:\n", head, flags[i].help);
        any = true;
    }
}

static bool flag_store(struct options *o, const struct flag *f, char *value)
{
    int64_t number;
    switch (f->type) {
    case FLAG_BOOL:
        if (value && strcmp(value, "false") != 0 && strcmp(value, "true") != 0) {
            fprintf(stderr, "kubelab: --%s takes true or false, not \"%s\"\n", f->name, value);
            return false;
        }
        *(bool *)(void *)((char *)o + f->offset) = !value || *value == 't';
        return true;
    case FLAG_JSON:
        if (strcmp(value, "json") != 0) {
            fprintf(stderr, "kubelab: the output for programs is json (-o json), not \"%s\"\n", value);
            return false;
        }
        o->json = true;
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
            fprintf(stderr, "kubelab: --%s takes NAME=VALUE, a flag of kube-apiserver without its dashes, not \"%s\"\n", f->name,
                    value);
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
    char *equals = strchr(argv[*i], '=');
    struct str word = { argv[*i], equals ? (size_t)(equals - argv[*i]) : strlen(argv[*i]) };
    const struct flag *f = flag_find(str_eqc(word, "-o") ? STR("--output") : word, allowed);
    if (!f) {
        fprintf(stderr, "kubelab %s: unknown flag: %s\nRun 'kubelab help %s' for usage.\n", command, argv[*i], command);
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

static bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

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
        if (argv[i][0] == '-' && (argv[i][1] == '-' || is_letter(argv[i][1]))) {
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
    const char *dir = o->data ? o->data : getenv("KUBELAB_DATA"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (dir && !*dir)
        dir = NULL;
    if (!dir && state && *state)
        dir = arena_printf(a, "%s/kubelab", state);
    if (!dir)
        dir = arena_printf(a, "%s/.local/state/kubelab", home && *home ? home : "/tmp");
    return *name ? arena_printf(a, "%s/%s", dir, name) : arena_strdup(a, dir);
}
