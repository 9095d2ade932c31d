/* apiserver/printers/printers_priv.h - how a cell is declared and made. */
#ifndef APISERVER_PRINTERS_PRINTERS_PRIV_H
#define APISERVER_PRINTERS_PRINTERS_PRIV_H

#include "apiserver/printers/printers.h"

/* One object being printed. */
struct row {
    const struct json *obj;
    int64_t            now_ns;
    int                minor;          /* of the server: some cells changed their words */
    struct arena      *a;              /* scratch, until the row is done */
    struct strbuf     *out;
};
/* Writes one JSON value. arg comes from the column's declaration. */
typedef void cell_fn(struct row *r, const char *arg);

struct column {
    const char *name, *type, *format;
    int         priority;
    int         since, until;          /* minor versions that show it; 0: no bound */
    cell_fn    *cell;
    const char *arg;
    const char *help;
};
struct resource {
    const char          *group, *name;
    int                  since;        /* before, the default columns are shown */
    const struct column *columns;
    size_t               count;
};
extern const struct resource resources[];
extern const size_t resources_count;
extern const struct resource default_resource;

/* ---- writing ---- */
void put_str(struct row *r, struct str s);
void put_strc(struct row *r, const char *s);
void put_int(struct row *r, int64_t v);
struct str age_since(struct row *r, struct str rfc3339);         /* "5s", or <unknown> when there is no such time */
struct str go_lower(struct arena *a, struct str s);
/* Names joined by a separator; the text grows in the arena. */
struct joined { struct strbuf b; const char *separator; size_t n; };
void join_init(struct joined *j, const char *separator);
void join_add(struct joined *j, struct str s);
void join_put(struct row *r, struct joined *j, const char *when_empty);      /* writes the cell and frees */
struct str format_labels(struct arena *a, const struct json *labels);        /* a=b,c=d sorted, or <none> */

/* ---- cells that many resources share; what arg means is said at the definitions in cells.c ---- */
cell_fn cell_name, cell_age, cell_created_at, cell_text, cell_number, cell_flag, cell_flag_text, cell_count, cell_containers,
    cell_images, cell_selector, cell_labels, cell_list, cell_fraction, cell_conditions;
/* ---- of one resource each ---- */
cell_fn pod_ready, print_pod_status, pod_restarts, pod_ip, pod_gates;
cell_fn node_status, node_roles, node_address;
cell_fn service_cluster_ip, service_external_ip, service_ports, endpoints_list, slice_ports, slice_endpoints, ingress_hosts,
    ingress_address, ingress_ports, ingress_class_parameters;
cell_fn deployment_ready, job_status, job_completions, job_duration, age_at, revision_owner;
cell_fn hpa_reference, hpa_targets;
cell_fn event_last_seen, event_first_seen, event_object, event_subobject, event_source, event_message, event_count;
cell_fn binding_role, binding_subjects;
cell_fn csr_condition, csr_duration;
cell_fn volume_phase, volume_modes, volume_claim, volume_class, claim_capacity, class_name;
cell_fn quota_column, apiservice_service, apiservice_available, component_status, kind_and_name, missing_level;

const char *pod_conditions(const struct json *pod);              /* of the row; NULL for pods that have not ended */

#endif
