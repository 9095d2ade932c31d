/* hpa/hpa.h - the horizontal pod autoscaler: pure arithmetic first (replica_calculator.c, stabilization.c, behavior.c),
 * the loop around it last. */
#ifndef HPA_HPA_H
#define HPA_HPA_H
#include "sim/client/client.h"
extern const struct controller_ops hpa_controller;     /* run by workloads/controllers' manager */
/* `kubelab hpa eval calculator|sequence|controller`: JSON lines in, JSON lines out (facts: hpa records). Returns the
 * exit status. */
struct hpa_eval_options { const char *mode; int minor; bool explain; };
int hpa_eval(const struct hpa_eval_options *opt, struct str input, struct strbuf *out, struct strbuf *err_out);
#endif
