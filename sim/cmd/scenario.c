#include "labs/labs.h"
#include "sim/cmd/cmd.h"
int cmd_scenario(struct options *o) { (void)o; return EXIT_USAGE; }
