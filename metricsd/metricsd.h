/* metricsd/metricsd.h - the program of the metrics-server images: scrapes kubelets, keeps the last batch, serves
 * metrics.k8s.io. */
#ifndef METRICSD_METRICSD_H
#define METRICSD_METRICSD_H
#include "sim/client/client.h"
#include "sim/proc/proc.h"
extern const struct program_ops metricsd_program;      /* "metrics-server" */
#endif
