/* workloads/programs/applets.h - what the files with busybox's commands share (private to the shell). */
#ifndef WORKLOADS_PROGRAMS_APPLETS_H
#define WORKLOADS_PROGRAMS_APPLETS_H

#include "workloads/programs/sh_priv.h"

#define OUT(r, ...) sh_proc_printf((r)->p, 1, __VA_ARGS__)
#define ERR(r, ...) sh_proc_printf((r)->p, 2, __VA_ARGS__)
static inline enum verdict run_done(struct run *r, int status) { r->status = status; return RUN_DONE; }
enum verdict applet_fail(struct run *r, const char *fmt, ...) PRINTF(2, 3);         /* "name: text\n", status 1 */
/* Options as getopt has them: letters, a colon after those with a value; long ones are given as "--name=x:" pairs by
 * nobody here. Fills flags (bit per letter of spec without colons, in order) and values; returns the index of the first
 * operand, or -1 after "invalid option". "-5" counts as the letter '#' with value 5 if spec has it. */
int applet_options(struct run *r, const char *spec, uint32_t *flags, const char *values[32]);
void applet_inputs(struct run *r, int first);         /* operands from first on are files; none: stdin */
enum read_result applet_line(struct run *r, struct strbuf *line);       /* the next line of the inputs, with its end */
enum read_result applet_some(struct run *r, struct strbuf *bytes);      /* the next bytes */
void *applet_state(struct run *r, size_t n);          /* zeroed at first, then the same */
struct strbuf *applet_buffer(struct run *r);          /* r->lines, made at first */
#define STATE(r, type) ((type *)applet_state((r), sizeof(type)))

void applet_wget_event(struct run *r, const struct sh_wget_event *ev);
void applet_lookup_done(struct run *r, const struct sh_lookup *answer);
#endif
