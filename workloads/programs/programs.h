/* workloads/programs/programs.h - the programs that containers run, apart from metricsd: registered by the composition root. */
#ifndef WORKLOADS_PROGRAMS_PROGRAMS_H
#define WORKLOADS_PROGRAMS_PROGRAMS_H
#include "sim/proc/proc.h"
extern const struct program_ops httpd_program;         /* "httpd": apache with PHP, or plain nginx-like static files */
extern const struct program_ops sh_program;            /* "sh": busybox */
extern const struct program_ops coredns_program;       /* "coredns" */
extern const struct program_ops pause_program;         /* "pause" */
/* "daemon": a component that exists elsewhere in this process or only idles (etcd, kube-apiserver, weave...): logs its
 * start, consumes its named load profile, ends on SIGTERM */
extern const struct program_ops daemon_program;
/* Evaluate the PHP files of a web root once, at image build: sets record.web = {"/index.php": {status, content_type,
 * body, cpu_ns, memory_bytes, stderr}}. */
bool programs_evaluate_image(void *ctx, struct arena *a, struct json *record, const struct vfs *files, struct err *err);
#endif
