/* sim/cmd/host_args.c - a command line under sudo: which of its words are paths, and which are somebody's text.
 *
 * The rule is simple: a word that is a path of the node, or an option's value that is one, leads to the node's files. The tables
 * name the commands for which that is not the whole truth: a shell's script, grep's pattern, what echo prints, and the file names
 * that kubectl writes into a kubeconfig for somebody else (the kubelet, on the node) to open.
 */
#include "sim/cmd/host.h"

#include <glob.h>

enum { WORDS_PLAIN, WORDS_NONE, WORDS_PATTERN_FIRST, WORDS_SHELL, WORDS_SCRIPTS, WORDS_KUBECTL };
static const struct { const char *name; int words; } commands[] = {
    { "echo", WORDS_NONE }, { "printf", WORDS_NONE }, { "kubeadm", WORDS_NONE }, { "systemctl", WORDS_NONE },
    { "journalctl", WORDS_NONE }, { "sudo", WORDS_NONE },
    { "grep", WORDS_PATTERN_FIRST }, { "egrep", WORDS_PATTERN_FIRST }, { "fgrep", WORDS_PATTERN_FIRST },
    { "zgrep", WORDS_PATTERN_FIRST },
    { "sh", WORDS_SHELL }, { "bash", WORDS_SHELL }, { "dash", WORDS_SHELL }, { "zsh", WORDS_SHELL },
    { "watch", WORDS_SCRIPTS }, { "kubectl", WORDS_KUBECTL },
};
static const char *const path_printers[] = { "ls", "find", "grep", "head", "tail", "wc", "stat", "file", "du", "tree", "realpath",
                                             "readlink", "md5sum", "sha256sum", "diff",
                                             "cp", "mv", "rm", "mkdir", "chmod", "chown", "ln", "touch", "cmp", "openssl" };
static const char *const terminal_users[] = { "nano", "vi", "vim", "view", "nvim", "emacs", "micro", "mcedit", "ed", "less",
                                              "more", "most", "top", "htop", "watch", "bash", "sh", "dash", "zsh",
                                              "ssh", "screen", "tmux", "man", "script" };

static bool is_among(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

static const char *base_name(const char *command)
{
    const char *slash = strrchr(command, '/');
    return slash ? slash + 1 : command;
}

bool host_prints_paths(const char *command) { return is_among(base_name(command), path_printers, ARRAY_LEN(path_printers)); }

static int words_of(const char *command)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, base_name(command)) == 0)
            return commands[i].words;
    return WORDS_PLAIN;
}

struct output { struct arena *a; struct host_argv argv; int cap; };

static void add(struct output *o, char *word)
{
    if (o->argv.n + 1 >= o->cap) {
        int cap = o->cap ? 2 * o->cap : 16;
        o->argv.v = arena_realloc(o->a, o->argv.v, (size_t)o->cap * sizeof *o->argv.v, (size_t)cap * sizeof *o->argv.v);
        o->cap = cap;
    }
    o->argv.v[o->argv.n++] = word;
    o->argv.v[o->argv.n] = NULL;
}

bool host_wants_terminal(struct host_argv args)
{
    if (words_of(args.v[0]) == WORDS_SHELL && args.n > 1)      /* a script */
        return false;
    return is_among(base_name(args.v[0]), terminal_users, ARRAY_LEN(terminal_users));
}

/* The student's shell could not see the node's files, so a pattern comes here as it was typed. Without a match it stays what it
 * is, as in bash. */
static void add_globbed(struct output *o, char *word)
{
    glob_t g = { 0 };
    if (strpbrk(word, "*?[") && glob(word, 0, NULL, &g) == 0)
        for (size_t i = 0; i < g.gl_pathc; i++)
            add(o, arena_strdup(o->a, g.gl_pathv[i]));
    else
        add(o, word);
    globfree(&g);
}

static void add_mapped(struct output *o, const struct host_map *m, char *word)
{
    struct str mapped = host_map_word(o->a, m, str_c(word));
    if (mapped.p == word)
        add(o, word);
    else
        add_globbed(o, arena_cstr(o->a, mapped));
}

static void add_plain(struct output *o, const struct host_map *m, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        add_mapped(o, m, argv[i]);
}

static void add_after_pattern(struct output *o, const struct host_map *m, int argc, char **argv)
{
    bool pattern = false;                          /* seen, or given by -e or -f */
    for (int i = 1; i < argc; i++) {
        bool is_option = argv[i][0] == '-' && argv[i][1];
        if ((strcmp(argv[i], "-e") == 0 || strcmp(argv[i], "-f") == 0) && i + 1 < argc) {
            bool file = argv[i][1] == 'f';
            pattern = true;
            add(o, argv[i]);
            i++;
            file ? add_mapped(o, m, argv[i]) : add(o, argv[i]);
        } else if (!is_option && !pattern) {
            pattern = true;
            add(o, argv[i]);
        } else {
            add_mapped(o, m, argv[i]);
        }
    }
}

/* sh -c SCRIPT NAME ARGUMENTS, sh FILE ARGUMENTS. The c may stand among others: -ec, -xc. */
static void add_shell(struct output *o, const struct host_map *m, int argc, char **argv)
{
    bool script_next = false;
    for (int i = 1; i < argc; i++) {
        if (script_next) {
            add(o, arena_cstr(o->a, host_map_script(o->a, m, str_c(argv[i]))));
            script_next = false;
            continue;
        }
        script_next = argv[i][0] == '-' && argv[i][1] != '-' && strchr(argv[i], 'c') != NULL;
        add_mapped(o, m, argv[i]);
    }
}

static void add_scripts(struct output *o, const struct host_map *m, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        add(o, arena_cstr(o->a, host_map_script(o->a, m, str_c(argv[i]))));
}

/* `kubectl config set-cluster --certificate-authority=/etc/kubernetes/pki/ca.crt` writes a name for the node to read, unless the
 * file is to be embedded. */
static void add_kubectl(struct output *o, const struct host_map *m, int argc, char **argv)
{
    static const char *const names[] = { "--certificate-authority", "--client-certificate", "--client-key" };
    bool config = false, embed = false;
    for (int i = 1; i < argc; i++) {
        config = config || strcmp(argv[i], "config") == 0;
        embed = embed || strcmp(argv[i], "--embed-certs") == 0 || strcmp(argv[i], "--embed-certs=true") == 0;
    }
    bool keep_next = false;
    for (int i = 1; i < argc; i++) {
        size_t n = strcspn(argv[i], "=");
        bool keep = keep_next;
        keep_next = false;
        for (size_t k = 0; config && !embed && k < ARRAY_LEN(names); k++)
            if (strlen(names[k]) == n && strncmp(argv[i], names[k], n) == 0) {
                keep = true;
                keep_next = argv[i][n] == 0;
            }
        keep ? add(o, argv[i]) : add_mapped(o, m, argv[i]);
    }
}

struct host_argv host_map_argv(struct arena *a, const struct host_map *m, int argc, char **argv)
{
    struct output o = { .a = a };
    if (argc == 0)
        return o.argv;
    strchr(argv[0], '/') ? add_mapped(&o, m, argv[0]) : add(&o, argv[0]);      /* a bare name is looked for in PATH */
    switch (words_of(argv[0])) {
    case WORDS_NONE:
        for (int i = 1; i < argc; i++)
            add(&o, argv[i]);
        break;
    case WORDS_PATTERN_FIRST: add_after_pattern(&o, m, argc, argv); break;
    case WORDS_SHELL: add_shell(&o, m, argc, argv); break;
    case WORDS_SCRIPTS: add_scripts(&o, m, argc, argv); break;
    case WORDS_KUBECTL: add_kubectl(&o, m, argc, argv); break;
    default: add_plain(&o, m, argc, argv); break;
    }
    return o.argv;
}
