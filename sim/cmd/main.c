/* sim/cmd/main.c - where the program begins: one of the lab host's commands, by the name it is called by, or one of kubelab's. */
#include "sim/cmd/host.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    self_path();
    const char *base = strrchr(argv[0], '/');
    base = base ? base + 1 : argv[0];
    int host = host_command(base, argc, argv);         /* the lab shell's PATH has links of these names */
    if (host >= 0)
        return host;
    const char *name = argc > 1 ? argv[1] : "";
    if (!*name) {
        commands_list(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    return command_run(name, argc - 2, argv + 2);
}
