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
extern const struct resource printer_resources[];
extern const size_t printer_resources_count;
extern const struct resource print_default_resource;

/* ---- writing ---- */
void print_put_str(struct row *r, struct str s);
void print_put_strc(struct row *r, const char *s);
void print_put_int(struct row *r, int64_t v);
struct str print_age_since(struct row *r, struct str rfc3339);         /* "5s", or <unknown> when there is no such time */
struct str print_go_lower(struct arena *a, struct str s);
/* Names joined by a separator; the text grows in the arena. */
struct joined { struct strbuf b; const char *separator; size_t n; };
void print_join_init(struct joined *j, const char *separator);
void print_join_add(struct joined *j, struct str s);
void print_join_put(struct row *r, struct joined *j, const char *when_empty);      /* writes the cell and frees */
struct str print_format_labels(struct arena *a, const struct json *labels);        /* a=b,c=d sorted, or <none> */

/* custom.c: the name, then what stands at each path. */
void print_custom_row(struct row *r, const struct table_column *columns, const char *const *paths, size_t n);

/* ---- cells that many resources share; what arg means is said at the definitions in cells.c ---- */
cell_fn cell_name, cell_age, cell_created_at, cell_text, cell_number, cell_flag, cell_flag_text, cell_count, cell_containers,
    cell_images, cell_selector, cell_labels, cell_list, cell_fraction, cell_conditions;
/* ---- of one resource each ---- */
cell_fn print_pod_ready, print_pod_status, print_pod_restarts, print_pod_ip, print_pod_gates;
cell_fn print_node_status, print_node_roles, print_node_address;
cell_fn print_service_cluster_ip, print_service_external_ip, print_service_ports, print_endpoints_list, print_slice_ports,
    print_slice_endpoints, print_ingress_hosts, print_ingress_address, print_ingress_ports, print_ingress_class_parameters;
cell_fn print_deployment_ready, print_job_status, print_job_completions, print_job_duration, print_age_at, print_revision_owner;
cell_fn print_hpa_reference, print_hpa_targets;
cell_fn print_event_last_seen, print_event_first_seen, print_event_object, print_event_subobject, print_event_source,
    print_event_message, print_event_count;
cell_fn print_binding_role, print_binding_subjects;
cell_fn print_csr_condition, print_csr_duration, print_clock_now;
cell_fn print_volume_phase, print_volume_modes, print_volume_claim, print_volume_class, print_claim_capacity, print_class_name;
cell_fn print_quota_column, print_apiservice_service, print_apiservice_available, print_component_status,
    print_kind_and_name, print_missing_level;

const char *print_pod_conditions(const struct json *pod);              /* of the row; NULL for pods that have not ended */

#endif
