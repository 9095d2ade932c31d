/* sim/cmd/main.c - kubelab's commands, as a table. */
#include "sim/cmd/host.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef KUBELAB_VERSION
#define KUBELAB_VERSION "0.1.0"
#endif

struct command {
    const char *name;
    int       (*run)(struct options *o);
    const char *flags;                 /* what it takes, comma list */
    const char *usage, *help;
};

static int cmd_version(struct options *o);
static int cmd_help(struct options *o);

static const struct command commands[] = {
    { "up", cmd_up, "data,detach,bare,durable,port,kubelet-port,seed,clock,start,lab,nodes,kubernetes-version,apiserver-arg,"
                    "verbose,journal",
      "up [--detach] [--data DIR] [--port N] [--kubelet-port N] [--seed N] [--clock 1|N|paused] [--start TIME] [--durable] [--lab "
      "NAME | --bare] [--nodes N] [--kubernetes-version v1.16|v1.20|v1.34]"
      " [--apiserver-arg NAME=VALUE]... [--journal=false]",
      "start the cluster, or go on with the one in the data folder; --nodes 3: ubuntu, with the master's taint, worker1 and worker2" },
    { "down", cmd_down, "data", "down [--data DIR]", "stop it; `up` goes on where it stopped" },
    { "reset", cmd_reset, "data", "reset [--data DIR]",
      "back to before the first `up`: what it is and its seed stay, what it has lived through goes" },
    { "status", cmd_status, "data,output", "status [-o json]", "what runs, where, and what time it is there" },
    { "kubeconfig", cmd_kubeconfig, "data", "kubeconfig", "print the path of the administrator's kubeconfig" },
    { "clock", cmd_clock, "data,output,timeout", "clock [get | speed N | pause | advance 5m | until 'jq expression' [--timeout 10m]]",
      "read or move the virtual clock; until: on, until an expression over the document of checks holds" },
    { "shell", cmd_shell, "data,node,drive,budget", "shell [LAB] [--node NAME] [--drive [--budget 1h]] [-- CMD...]",
      "a shell on the lab's host, or one command in it; --node: on another of the nodes; --drive: the clock stands while CMD works "
      "and runs while it waits" },
    { "lab", cmd_lab, "data,all,verbose,step,output,out,seed,student,key,set,port,kubelet-port,clock,start,seeds",
      "lab list | start LAB | guide LAB | files LAB DIR [--all] | check LAB [--step S] [-o json] | hint LAB [--step S] | play LAB\n"
      "       lab new NAME [DIR] | test LAB [--seeds N] [-o json] | pack LAB --out FILE [--all]\n"
      "       LAB: a name of the list, a folder, or a pack. A variant: --seed N, --student ID --key FILE, --set NAME=VALUE",
      "labs: begin one, its files, its checks and hints, and a performance of it" },
    { "scenario", cmd_scenario, "seed,out,output,student,key,set",
      "scenario run FILE [--seed N | --student ID --key FILE] [--set NAME=VALUE]... [--out DIR] [-o json]",
      "play a script of what happens when, in virtual time, on a cluster of its own" },
    { "grade", cmd_grade, "submission,script,data,journal,roster,checks,format,out,seed,student,key,set,hidden,timeout,budget,"
                          "require-sandbox",
      "grade LAB --submission FILE|DIR [--script NAME] | --data DIR | --journal FILE [--out FILE]\n       | --roster FILE|DIR "
      "--out DIR\n       [--checks FILE] [--format text|json|junit|gradescope|prairielearn|autolab|tap] [--seed N] [--student ID "
      "[--key FILE]] [--hidden]\n       [--timeout 30m] [--budget 1h] [--require-sandbox none|limits|confined|isolated]",
      "judge what somebody hands in; a report is written whatever happens" },
    { "sandbox", cmd_sandbox, "data,limits,require-sandbox,output",
      "sandbox [SCRIPT] [--limits time=1h,wall=20m,cpu=2m,threads=400,memory=768Mi,...] [--require-sandbox "
      "none|limits|confined|isolated] [-o json]",
      "run a script as a submission is run, driven and confined; without one: what this machine confines it with" },
    { "fault", cmd_fault, "data,output",
      "fault [list [-o json] | inject TYPE [name=N] [duration=D] [PARAMETER=VALUE...] | clear NAME...]",
      "what can go wrong, what does at the moment, and making it so (labs/faults.md)" },
    { "docker", cmd_docker, "data", "docker image build -t TAG DIR | image ls | images",
      "the node's images (inside the lab's shell: docker)" },
    { "hpa", cmd_hpa, "kubernetes-version,explain,data,at,output",
      "hpa why NAMESPACE/NAME [--at TIME | --at 90s] [-o json] | hpa eval calculator|sequence|controller [--kubernetes-version V] "
      "[--explain] [FILE]",
      "why the autoscaler did what it did, at its last pass or an earlier one; its arithmetic on recorded inputs" },
    { "journal", cmd_journal, "data", "journal export FILE [--data DIR]",
      "what came from outside into the cluster, as one file to hand in; with its seed, hence its keys" },
    { "replay", cmd_replay, "data,keep,output", "replay FILE [--data DIR] [--keep] [-o json]",
      "let what a journal tells happen once more; status 1 and the first difference where it is not the same; --keep: the cluster "
      "stays" },
    { "debug", cmd_debug, "data,output", "debug digest | audit [-o json] | trace | objects | watchers",
      "look inside a running cluster: a hash of its state; who did what; its last events; what it holds; who watches what" },
    { "version", cmd_version, "output", "version", "print kubelab's version" },
    { "help", cmd_help, "", "help [COMMAND]", "this list, or a command's usage" },
};

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int cmd_version(struct options *o)
{
    if (o->output && strcmp(o->output, "json") == 0)
        printf("{\"version\":\"%s\"}\n", KUBELAB_VERSION);
    else
        printf("kubelab %s\n", KUBELAB_VERSION);
    return EXIT_DONE;
}

static void usage(FILE *out)
{
    fputs("kubelab: a Kubernetes cluster for teaching, in one small process.\n\nUsage: kubelab COMMAND [flags]\n\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
    fputs("\nRun 'kubelab help COMMAND' for a command's flags.\n", out);
}

static void command_help(const struct command *c)
{
    printf("Usage: kubelab %s\n\n%s\n", c->usage, c->help);
    options_help(stdout, c->flags);
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
        usage(stdout);
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

int main(int argc, char **argv)
{
    self_path();
    const char *base = strrchr(argv[0], '/');
    base = base ? base + 1 : argv[0];
    int host = host_command(base, argc, argv);         /* the lab shell's PATH has links of these names */
    if (host >= 0)
        return host;
    const char *name = argc > 1 ? argv[1] : "";
    int skip = 2;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *c = command_find(name);
    if (!c && *name)
        return unknown_command(name);
    if (!c) {
        usage(stderr);
        return EXIT_USAGE;
    }
    struct options o;
    if (c->run == cmd_docker) {                        /* docker's flags are docker's own: taken as they are */
        memset(&o, 0, sizeof o);
        o.args = argv + skip;
        o.arg_count = argc > skip ? argc - skip : 0;
        return c->run(&o);
    }
    if (wants_help(argc - skip, argv + skip)) {
        command_help(c);
        return EXIT_DONE;
    }
    bool ok = options_parse(&o, c->name, c->flags, argc > skip ? argc - skip : 0, argv + skip);
    int status = ok ? c->run(&o) : EXIT_USAGE;
    free(o.args);
    return status;
}
