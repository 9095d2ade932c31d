/* sim/cmd/commands.c - kubelab's commands as a table, and the help that is made of it. */
#include "sim/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef KUBELAB_VERSION
#define KUBELAB_VERSION "0.1.0"
#endif

static int cmd_version(struct options *o);
static int cmd_help(struct options *o);

static const struct command commands[] = {
    { "up", cmd_up, "data,detach,bare,durable,port,kubelet-port,seed,clock,start,lab,nodes,kubernetes-version,apiserver-arg,"
                    "verbose,journal",
      "up [--detach] [--lab LAB | --bare] [--nodes N] [--kubernetes-version V] [--seed N] [--start TIME] [--clock 1|N|paused] "
      "[--port N] [--kubelet-port N] [--durable] [--apiserver-arg NAME=VALUE]... [--journal=false] [--data DIR]",
      "start the cluster, or go on with the one in the data folder", 0 },
    { "down", cmd_down, "data", "down [--data DIR]", "stop it; `up` goes on where it stopped", 0 },
    { "reset", cmd_reset, "data", "reset [--data DIR]",
      "back to before the first `up`: what it is and its seed stay, what it has lived through goes", 0 },
    { "status", cmd_status, "data,output", "status [-o json]", "what runs, where, and what time it is there", 0 },
    { "kubeconfig", cmd_kubeconfig, "data", "kubeconfig [--data DIR]", "print the path of the administrator's kubeconfig", 0 },
    { "clock", cmd_clock, "data,output,timeout",
      "clock [get]\nclock advance 5m\nclock pause\nclock speed N\nclock until 'jq expression' [--timeout 10m]",
      "read or move the virtual clock; until: on, until an expression over the document of checks holds", ANY_WORDS },
    { "shell", cmd_shell, "data,node,drive,budget",
      "shell [LAB] [--node NAME]\nshell [LAB] [--node NAME] [--drive [--budget 1h]] -- CMD...",
      "a shell on the lab's host, or one command in it; --drive: the clock stands while CMD works and runs while it waits", 1 },
    { "lab", cmd_lab, "data,all,verbose,step,output,out,seed,student,key,set,port,kubelet-port,clock,start,seeds",
      "lab list\nlab start LAB\nlab guide LAB [PAGE]\nlab files LAB DIR [--all]\nlab check LAB [--step STEP] [-o json]\n"
      "lab hint LAB [--step STEP]\nlab play LAB\nlab new NAME [DIR]\nlab test LAB [--seeds N] [-o json]\n"
      "lab pack LAB --out FILE [--all]",
      "labs: begin one, its guide, files, checks and hints, a performance of it; and making one of your own.\n\nLAB: a name of the "
      "list, a folder with a lab.yaml, or a pack. A variant of it: --seed N, --student ID --key FILE, --set NAME=VALUE", ANY_WORDS },
    { "scenario", cmd_scenario, "seed,out,output,student,key,set",
      "scenario run FILE [--seed N | --student ID --key FILE] [--set NAME=VALUE]... [--out DIR] [-o json]",
      "play a script of what happens when, in virtual time, on a cluster of its own", ANY_WORDS },
    { "grade", cmd_grade, "submission,script,data,journal,roster,checks,format,out,seed,student,key,set,hidden,timeout,budget,"
                          "require-sandbox",
      "grade LAB --submission FILE|DIR [--script NAME]\ngrade LAB --data DIR\ngrade LAB --journal FILE\n"
      "grade LAB --roster FILE|DIR --out DIR",
      "judge what somebody hands in; a report is written whatever happens", ANY_WORDS },
    { "sandbox", cmd_sandbox, "data,limits,require-sandbox,output",
      "sandbox [SCRIPT] [--limits time=1h,wall=20m,cpu=2m,threads=400,memory=768Mi,...] [--require-sandbox LEVEL] [-o json]",
      "run a script as a submission is run, driven and confined; without one: what this machine confines it with", ANY_WORDS },
    { "fault", cmd_fault, "data,output",
      "fault [list] [-o json]\nfault inject TYPE [name=N] [duration=D] [PARAMETER=VALUE...]\nfault clear NAME...",
      "what can go wrong, what does at the moment, and making it so (labs/faults.md)", ANY_WORDS },
    { "docker", cmd_docker, "data", "docker image build -t TAG DIR\ndocker image ls",
      "the node's images (inside the lab's shell: docker)", ANY_WORDS },
    { "hpa", cmd_hpa, "kubernetes-version,explain,data,at,output",
      "hpa why NAMESPACE/NAME [--at TIME | --at 90s] [-o json]\n"
      "hpa eval calculator|sequence|controller [--kubernetes-version V] [--explain] [FILE]",
      "why the autoscaler did what it did, at its last pass or an earlier one; its arithmetic on recorded inputs", ANY_WORDS },
    { "journal", cmd_journal, "data", "journal export FILE [--data DIR]",
      "what came from outside into the cluster, as one file to hand in; with its seed, hence its keys", ANY_WORDS },
    { "replay", cmd_replay, "data,keep,output", "replay FILE [--data DIR] [--keep] [-o json]",
      "let what a journal tells happen once more; status 1 and the first difference where it is not the same", ANY_WORDS },
    { "debug", cmd_debug, "data,output", "debug digest\ndebug audit [-o json]\ndebug trace\ndebug objects\ndebug watchers",
      "look inside a running cluster: a hash of its state; who did what; its last events; what it holds; who watches what",
      ANY_WORDS },
    { "version", cmd_version, "output", "version [-o json]", "print kubelab's version", 0 },
    { "help", cmd_help, "", "help [COMMAND]", "this list, or a command's usage", ANY_WORDS },
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int cmd_version(struct options *o)
{
    printf(o->json ? "{\"version\":\"%s\"}\n" : "kubelab %s\n", KUBELAB_VERSION);
    return EXIT_DONE;
}

void commands_list(FILE *to)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_BODY_BYTES);
    strbuf_addc(&out, "kubelab: a Kubernetes cluster for teaching, in one small process.\n\nUsage: kubelab COMMAND [flags]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        struct str first, rest;
        str_cut(str_c(commands[i].help), '\n', &first, &rest);
        strbuf_addf(&out, "  %-12s " STR_FMT "\n", commands[i].name, STR_ARG(first));
    }
    strbuf_addc(&out, "\nRun 'kubelab help COMMAND' for a command's flags.\n");
    page_put(to, strbuf_str(&out), false);
    strbuf_deinit(&out);
}

static void add_usage(struct strbuf *out, const struct command *c)
{
    struct str one, rest = str_c(c->usage);
    for (const char *head = "Usage:"; rest.n; head = "") {
        str_cut(rest, '\n', &one, &rest);
        strbuf_addf(out, "%-6s kubelab " STR_FMT "\n", head, STR_ARG(one));
    }
}

void command_help(const struct command *c)
{
    struct strbuf out;
    strbuf_init(&out, LIMIT_BODY_BYTES);
    add_usage(&out, c);
    strbuf_addf(&out, "\n%s\n", c->help);
    options_help(&out, c->flags);
    page_put(stdout, strbuf_str(&out), false);
    strbuf_deinit(&out);
}

int command_misused(const char *name)
{
    const struct command *c = command_find(name);
    struct strbuf out;
    strbuf_init(&out, LIMIT_BODY_BYTES);
    add_usage(&out, c);
    strbuf_addf(&out, "Run 'kubelab help %s' for its flags.\n", name);
    page_put(stderr, strbuf_str(&out), false);
    strbuf_deinit(&out);
    return EXIT_USAGE;
}

static int unknown_command(const char *name)
{
    fprintf(stderr, "kubelab: unknown command \"%s\"\nRun 'kubelab help' for the list.\n", name);
    return EXIT_USAGE;
}

static int cmd_help(struct options *o)
{
    const struct command *c = o->arg_count ? command_find(o->args[0]) : NULL;
    if (o->arg_count && !c)
        return unknown_command(o->args[0]);
    if (c)
        command_help(c);
    else
        commands_list(stdout);
    return EXIT_DONE;
}

/* --help or -h, before what follows "--". */
static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int command_run(const char *name, int argc, char **argv)
{
    const struct command *c = command_find(name);
    struct options o;
    if (!c)
        return unknown_command(name);
    if (c->run == cmd_docker) {                        /* docker's flags are docker's own: taken as they are */
        memset(&o, 0, sizeof o);
        o.args = argv;
        o.arg_count = argc;
        return c->run(&o);
    }
    if (wants_help(argc, argv)) {
        command_help(c);
        return EXIT_DONE;
    }
    bool ok = options_parse(&o, c->name, c->flags, argc, argv);
    if (ok && o.arg_count > c->words) {
        fprintf(stderr, "kubelab: %s takes no argument \"%s\"\nRun 'kubelab help %s' for usage.\n", name, o.args[c->words], name);
        ok = false;
    }
    int status = ok ? c->run(&o) : EXIT_USAGE;
    free(o.args);
    return status;
}
