/* apiserver/printers/resources.c - the columns of every resource, as data.
 *
 * Upstream: AddHandlers in pkg/printers/internalversion/printers.go (v1.16, v1.20, v1.34). A column that came or went
 * between these says so with since and until; order is the order shown. Priority 1 is what `-o wide` adds. Resources
 * that are not here, or not yet in the version that is emulated, get Name and Created At.
 */
#include "apiserver/printers/printers_priv.h"

/* name, type, priority, cell, argument, help */
#define COL(name, type, prio, fn, arg, help)                    { name, type, "", prio, 0, 0, fn, arg, help }
#define FROM(v, name, type, prio, fn, arg, help)                { name, type, "", prio, v, 0, fn, arg, help }
#define UPTO(v, name, type, prio, fn, arg, help)                { name, type, "", prio, 0, v, fn, arg, help }
#define NAME       { "Name", "string", "name", 0, 0, 0, cell_name, NULL, "Unique within its namespace; cannot be changed." }
#define CREATED_AT { "Created At", "date", "", 0, 0, 0, cell_created_at, NULL, "When the server made the object." }
#define AGE        COL("Age", "string", 0, cell_age, NULL, "Time since the object was made.")
#define TEMPLATE(path)                                                                                                       \
    COL("Containers", "string", 1, cell_containers, path ".spec.containers", "Names of the containers in the pod template."), \
    COL("Images", "string", 1, cell_images, path ".spec.containers", "Images of the containers in the pod template.")
#define TEXT(name, path, help)   COL(name, "string", 0, cell_text, path, help)
#define WIDE(name, path, help)   COL(name, "string", 1, cell_text, path, help)
#define NUMBER(name, path, help) COL(name, "integer", 0, cell_number, path, help)

static const struct column fallback[] = { NAME, CREATED_AT };

static const struct column pods[] = {
    NAME,
    COL("Ready", "string", 0, print_pod_ready, NULL, "Containers that are ready, of all."),
    COL("Status", "string", 0, print_pod_status, NULL, "Phase, or the reason for being in it."),
    UPTO(21, "Restarts", "integer", 0, print_pod_restarts, NULL, "How often containers were restarted."),
    FROM(22, "Restarts", "string", 0, print_pod_restarts, NULL, "How often containers were restarted, and when last."),
    AGE,
    COL("IP", "string", 1, print_pod_ip, NULL, "The pod's address."),
    WIDE("Node", "spec.nodeName|<none>", "Where the pod runs."),
    WIDE("Nominated Node", "status.nominatedNodeName|<none>", "Where room is being made for the pod."),
    COL("Readiness Gates", "string", 1, print_pod_gates, NULL, "Readiness gates passed, of all."),
};
static const struct column pod_templates[] = {
    NAME,
    COL("Containers", "string", 0, cell_containers, "template.spec.containers", "Names of the containers in the template."),
    COL("Images", "string", 0, cell_images, "template.spec.containers", "Images of the containers in the template."),
    COL("Pod Labels", "string", 0, cell_labels, "template.metadata.labels", "Labels of pods made from the template."),
};
static const struct column replication_controllers[] = {
    NAME,
    NUMBER("Desired", "spec.replicas", "Pods wanted."),
    NUMBER("Current", "status.replicas", "Pods there are."),
    NUMBER("Ready", "status.readyReplicas", "Pods that are ready."),
    AGE,
    TEMPLATE("spec.template"),
    COL("Selector", "string", 1, cell_labels, "spec.selector", "Which pods are counted."),
};
static const struct column replica_sets[] = {
    NAME,
    NUMBER("Desired", "spec.replicas", "Pods wanted."),
    NUMBER("Current", "status.replicas", "Pods there are."),
    NUMBER("Ready", "status.readyReplicas", "Pods that are ready."),
    AGE,
    TEMPLATE("spec.template"),
    COL("Selector", "string", 1, cell_selector, "spec.selector", "Which pods are counted."),
};
static const struct column deployments[] = {
    NAME,
    COL("Ready", "string", 0, print_deployment_ready, NULL, "Pods that are ready, of those wanted."),
    COL("Up-to-date", "string", 0, cell_number, "status.updatedReplicas", "Pods made from the present template."),
    COL("Available", "string", 0, cell_number, "status.availableReplicas", "Pods ready for at least minReadySeconds."),
    AGE,
    TEMPLATE("spec.template"),
    COL("Selector", "string", 1, cell_selector, "spec.selector", "Which pods are counted."),
};
static const struct column stateful_sets[] = {
    NAME,
    COL("Ready", "string", 0, print_deployment_ready, NULL, "Pods that are ready, of those wanted."),
    AGE,
    TEMPLATE("spec.template"),
};
static const struct column daemon_sets[] = {
    NAME,
    NUMBER("Desired", "status.desiredNumberScheduled", "Nodes that should run the pod."),
    NUMBER("Current", "status.currentNumberScheduled", "Nodes that should run it and do."),
    NUMBER("Ready", "status.numberReady", "Of those, with the pod ready."),
    NUMBER("Up-to-date", "status.updatedNumberScheduled", "Nodes with a pod of the present template."),
    NUMBER("Available", "status.numberAvailable", "Nodes with the pod ready for minReadySeconds."),
    COL("Node Selector", "string", 0, cell_labels, "spec.template.spec.nodeSelector", "Labels of nodes that are meant."),
    AGE,
    TEMPLATE("spec.template"),
    COL("Selector", "string", 1, cell_selector, "spec.selector", "Which pods are counted."),
};
static const struct column jobs[] = {
    NAME,
    FROM(30, "Status", "string", 0, print_job_status, NULL, "How far the job is."),
    COL("Completions", "string", 0, print_job_completions, NULL, "Pods that succeeded, of those wanted."),
    COL("Duration", "string", 0, print_job_duration, NULL, "From start to completion, or to now."),
    AGE,
    TEMPLATE("spec.template"),
    COL("Selector", "string", 1, cell_selector, "spec.selector", "Which pods are counted."),
};
static const struct column cron_jobs[] = {
    NAME,
    TEXT("Schedule", "spec.schedule", "When jobs start, in cron's notation."),
    FROM(25, "Timezone", "string", 0, cell_text, "spec.timeZone|<none>", "Time zone of the schedule."),
    COL("Suspend", "boolean", 0, cell_flag_text, "spec.suspend|<unset>", "Whether new jobs are held back."),
    COL("Active", "integer", 0, cell_count, "status.active", "Jobs running now."),
    COL("Last Schedule", "string", 0, print_age_at, "status.lastScheduleTime|<none>", "When a job was last started."),
    AGE,
    TEMPLATE("spec.jobTemplate.spec.template"),
    COL("Selector", "string", 1, cell_selector, "spec.jobTemplate.spec.selector", "Which pods are counted."),
};
static const struct column controller_revisions[] = {
    NAME,
    COL("Controller", "string", 0, print_revision_owner, NULL, "Whose revision this is."),
    COL("Revision", "string", 0, cell_number, "revision", "Its number."),
    AGE,
};
static const struct column services[] = {
    NAME,
    TEXT("Type", "spec.type", "How the Service is exposed."),
    COL("Cluster-IP", "string", 0, print_service_cluster_ip, NULL, "Virtual address inside the cluster."),
    COL("External-IP", "string", 0, print_service_external_ip, NULL, "Addresses from outside."),
    COL("Port(s)", "string", 0, print_service_ports, NULL, "Ports, with node ports after a colon."),
    AGE,
    COL("Selector", "string", 1, cell_labels, "spec.selector", "Which pods get the traffic."),
};
static const struct column endpoints[] = {
    NAME, COL("Endpoints", "string", 0, print_endpoints_list, NULL, "Addresses and ports that are ready."), AGE
};
static const struct column endpoint_slices[] = {
    NAME,
    TEXT("AddressType", "addressType", "Kind of addresses in the slice."),
    COL("Ports", "string", 0, print_slice_ports, NULL, "Ports of each endpoint."),
    COL("Endpoints", "string", 0, print_slice_endpoints, NULL, "Addresses of the endpoints."),
    AGE,
};
static const struct column nodes[] = {
    NAME,
    COL("Status", "string", 0, print_node_status, NULL, "Whether the node is ready and takes pods."),
    COL("Roles", "string", 0, print_node_roles, NULL, "Roles that its labels give it."),
    AGE,
    TEXT("Version", "status.nodeInfo.kubeletVersion", "The kubelet's version."),
    COL("Internal-IP", "string", 1, print_node_address, "InternalIP", "Address inside the cluster's network."),
    COL("External-IP", "string", 1, print_node_address, "ExternalIP", "Address from outside."),
    WIDE("OS-Image", "status.nodeInfo.osImage|<unknown>", "Operating system."),
    WIDE("Kernel-Version", "status.nodeInfo.kernelVersion|<unknown>", "Kernel."),
    WIDE("Container-Runtime", "status.nodeInfo.containerRuntimeVersion|<unknown>", "Container runtime and its version."),
};
static const struct column namespaces[] = { NAME, TEXT("Status", "status.phase", "Active or Terminating."), AGE };
static const struct column secrets[] = { NAME, TEXT("Type", "type", "What the data is for."),
                                         COL("Data", "string", 0, cell_count, "data", "Entries."), AGE };
static const struct column config_maps[] = { NAME, COL("Data", "string", 0, cell_count, "data,binaryData", "Entries."), AGE };
static const struct column service_accounts[] = {
    NAME, COL("Secrets", "string", 0, cell_count, "secrets", "Secrets that pods of the account may use."), AGE
};
static const struct column events[] = {
    COL("Last Seen", "string", 0, print_event_last_seen, NULL, "Since it last happened."),
    TEXT("Type", "type", "Normal or Warning."),
    TEXT("Reason", "reason", "One word for why."),
    COL("Object", "string", 0, print_event_object, NULL, "What it happened to."),
    COL("Subobject", "string", 1, print_event_subobject, NULL, "The part of the object."),
    COL("Source", "string", 1, print_event_source, NULL, "Who says so, and where."),
    COL("Message", "string", 0, print_event_message, NULL, "What happened, in words."),
    COL("First Seen", "string", 1, print_event_first_seen, NULL, "Since it first happened."),
    COL("Count", "string", 1, print_event_count, NULL, "How often it happened."),
    { "Name", "string", "name", 1, 0, 0, cell_name, NULL, "Name of the event." },
};
static const struct column autoscalers[] = {
    NAME,
    COL("Reference", "string", 0, print_hpa_reference, NULL, "What is scaled."),
    COL("Targets", "string", 0, print_hpa_targets, NULL, "Metrics as they are / as they should be."),
    TEXT("MinPods", "spec.minReplicas|<unset>", "Lower bound."),
    COL("MaxPods", "string", 0, cell_number, "spec.maxReplicas", "Upper bound."),
    COL("Replicas", "string", 0, cell_number, "status.currentReplicas", "Pods there are."),
    AGE,
};
/* v1.16 has no table of its own for RBAC: kubectl falls back to a name and an age, which is what these columns amount to. */
static const struct column roles[] = { NAME,
                                       UPTO(17, "Age", "string", 0, cell_age, NULL, "Time since the object was made."),
                                       { "Created At", "date", "", 0, 18, 0, cell_created_at, NULL,
                                         "When the server made the object." } };
static const struct column bindings[] = {
    NAME,
    FROM(18, "Role", "string", 0, print_binding_role, NULL, "The role that is given."),
    AGE,
    FROM(18, "Users", "string", 1, print_binding_subjects, "User", "Users who get it."),
    FROM(18, "Groups", "string", 1, print_binding_subjects, "Group", "Groups that get it."),
    FROM(18, "ServiceAccounts", "string", 1, print_binding_subjects, "ServiceAccount", "Service accounts that get it."),
};
static const struct column signing_requests[] = {
    NAME,
    AGE,
    FROM(18, "SignerName", "string", 0, cell_text, "spec.signerName|<none>", "Who is asked to sign."),
    TEXT("Requestor", "spec.username", "Who asks."),
    FROM(22, "RequestedDuration", "string", 0, print_csr_duration, NULL, "Lifetime that was asked for."),
    COL("Condition", "string", 0, print_csr_condition, NULL, "How far the request is."),
};
static const struct column clocks[] = { NAME, TEXT("Speed", "spec.speed", "Virtual seconds in one of the wall's."),
                                        COL("Now", "string", 0, print_clock_now, NULL, "Virtual time."),
                                        TEXT("Since", "status.since", "Since when it has gone at this speed."), AGE };
static const struct column faults[] = {
    NAME, TEXT("Type", "spec.type", "What goes wrong."), TEXT("Phase", "status.phase", "Active, Ended or Refused."),
    WIDE("Message", "status.message", "What it does, or why it was refused."), AGE,
};
static const struct column scenarios[] = {
    NAME, TEXT("Phase", "status.phase", "Running, Passed, Failed, Refused or Interrupted."),
        NUMBER("Done", "status.done", "Steps as expected."),
    NUMBER("Failed", "status.failed", "Steps that were not."),
    WIDE("Message", "status.message", "How it ended, or why it was refused."), AGE,
};
static const struct column load_profiles[] = {
    NAME, TEXT("Service", "spec.service", "Who is asked."), TEXT("Phase", "status.phase", "Running, Done or Refused."),
    TEXT("Rate", "status.rate", "Answers per second."), TEXT("Latency", "status.latency", "Median time to an answer."),
    NUMBER("Failed", "status.failed", "Requests without a good answer."), AGE,
};
static const struct column leases[] = { NAME, TEXT("Holder", "spec.holderIdentity", "Who holds the lease."), AGE };
static const struct column api_services[] = {
    NAME, COL("Service", "string", 0, print_apiservice_service, NULL, "The Service that answers."),
    COL("Available", "string", 0, print_apiservice_available, NULL, "Whether it can be reached."), AGE,
};
static const struct column volumes[] = {
    NAME,
    TEXT("Capacity", "spec.capacity.storage", "Size."),
    COL("Access Modes", "string", 0, print_volume_modes, NULL, "How it may be mounted."),
    TEXT("Reclaim Policy", "spec.persistentVolumeReclaimPolicy", "What becomes of it when released."),
    COL("Status", "string", 0, print_volume_phase, NULL, "Phase."),
    COL("Claim", "string", 0, print_volume_claim, NULL, "The claim it is bound to."),
    COL("StorageClass", "string", 0, print_volume_class, NULL, "Its storage class."),
    FROM(29, "VolumeAttributesClass", "string", 0, cell_text, "spec.volumeAttributesClassName|<unset>", "Its attributes class."),
    TEXT("Reason", "status.reason", "Why it is in its phase."),
    AGE,
    WIDE("VolumeMode", "spec.volumeMode|<unset>", "Filesystem or Block."),
};
static const struct column claims[] = {
    NAME,
    COL("Status", "string", 0, print_volume_phase, NULL, "Phase."),
    TEXT("Volume", "spec.volumeName", "The volume it is bound to."),
    COL("Capacity", "string", 0, print_claim_capacity, NULL, "Size of that volume."),
    COL("Access Modes", "string", 0, print_volume_modes, "claim", "How it may be mounted."),
    COL("StorageClass", "string", 0, print_volume_class, NULL, "The storage class asked for."),
    FROM(29, "VolumeAttributesClass", "string", 0, cell_text, "spec.volumeAttributesClassName|<unset>",
         "The attributes class asked for."),
    AGE,
    WIDE("VolumeMode", "spec.volumeMode|<unset>", "Filesystem or Block."),
};
static const struct column storage_classes[] = {
    { "Name", "string", "name", 0, 0, 0, print_class_name, NULL, "Unique in the cluster; the default class says so." },
    TEXT("Provisioner", "provisioner", "Who makes volumes."),
    FROM(18, "ReclaimPolicy", "string", 0, cell_text, "reclaimPolicy|Delete", "What becomes of volumes when released."),
    FROM(18, "VolumeBindingMode", "string", 0, cell_text, "volumeBindingMode|Immediate", "When volumes are bound."),
    FROM(18, "AllowVolumeExpansion", "string", 0, cell_flag, "allowVolumeExpansion|false", "Whether volumes may grow."),
    AGE,
};
static const struct column ingresses[] = {
    NAME,
    FROM(18, "Class", "string", 0, cell_text, "spec.ingressClassName|<none>", "Which controller serves it."),
    COL("Hosts", "string", 0, print_ingress_hosts, NULL, "Host names it answers to."),
    COL("Address", "string", 0, print_ingress_address, NULL, "Where it can be reached."),
    COL("Ports", "string", 0, print_ingress_ports, NULL, "80, and 443 with TLS."),
    AGE,
};
static const struct column ingress_classes[] = {
    NAME, TEXT("Controller", "spec.controller", "Who serves Ingresses of the class."),
    COL("Parameters", "string", 0, print_ingress_class_parameters, NULL, "An object with its settings."), AGE,
};
static const struct column network_policies[] = {
    NAME, COL("Pod-Selector", "string", 0, cell_selector, "spec.podSelector", "Pods it is about."), AGE
};
static const struct column disruption_budgets[] = {
    NAME,
    TEXT("Min Available", "spec.minAvailable|N/A", "Pods that must stay."),
    TEXT("Max Unavailable", "spec.maxUnavailable|N/A", "Pods that may be gone."),
    NUMBER("Allowed Disruptions", "status.disruptionsAllowed", "Pods that may be evicted now."),
    AGE,
};
static const struct column quotas[] = {
    NAME,
    UPTO(33, "Age", "string", 0, cell_age, NULL, "Time since the object was made."),
    COL("Request", "string", 0, print_quota_column, NULL, "Used and allowed, of requests and counts."),
    COL("Limit", "string", 0, print_quota_column, "limits", "Used and allowed, of limits."),
    FROM(34, "Age", "string", 0, cell_age, NULL, "Time since the object was made."),
};
static const struct column priority_classes[] = {
    NAME,
    NUMBER("Value", "value", "The priority itself."),
    COL("Global-Default", "boolean", 0, cell_flag, "globalDefault|false", "Whether pods without a class get it."),
    AGE,
    FROM(34, "PreemptionPolicy", "string", 0, cell_text, "preemptionPolicy|<unset>", "Whether such pods push others out."),
};
static const struct column runtime_classes[] = { NAME, TEXT("Handler", "handler", "The runtime's own name for it."), AGE };
static const struct column webhooks[] = {
    NAME, COL("Webhooks", "integer", 0, cell_count, "webhooks", "Webhooks in the configuration."), AGE
};
static const struct column csi_drivers[] = {
    NAME,
    COL("AttachRequired", "boolean", 0, cell_flag, "spec.attachRequired|true", "Whether volumes are attached first."),
    COL("PodInfoOnMount", "boolean", 0, cell_flag, "spec.podInfoOnMount|false", "Whether the driver is told about the pod."),
    FROM(22, "StorageCapacity", "boolean", 0, cell_flag, "spec.storageCapacity|false",
         "Whether the scheduler asks for capacity."),
    FROM(22, "TokenRequests", "string", 0, cell_text, "spec.tokenRequests|<unset>", "Tokens that the driver wants."),
    FROM(22, "RequiresRepublish", "boolean", 0, cell_flag, "spec.requiresRepublish|false",
         "Whether volumes are published again and again."),
    COL("Modes", "string", 0, cell_list, "spec.volumeLifecycleModes|<none>", "Kinds of volumes it serves."),
    AGE,
};
static const struct column csi_nodes[] = { NAME,
                                           COL("Drivers", "integer", 0, cell_count, "spec.drivers", "Drivers on the node."),
                                           AGE };
static const struct column attachments[] = {
    NAME,
    { "Attacher", "string", "name", 0, 0, 0, cell_text, "spec.attacher", "The driver." },
    TEXT("PV", "spec.source.persistentVolumeName", "The volume."),
    TEXT("Node", "spec.nodeName", "The node."),
    COL("Attached", "boolean", 0, cell_flag, "status.attached|false", "Whether it is done."),
    AGE,
};
static const struct column flow_schemas[] = {
    NAME,
    TEXT("PriorityLevel", "spec.priorityLevelConfiguration.name", "The level its requests go to."),
    COL("MatchingPrecedence", "string", 0, cell_number, "spec.matchingPrecedence", "Lower is tried first."),
    TEXT("DistinguisherMethod", "spec.distinguisherMethod.type|<none>", "How flows are told apart."),
    AGE,
    COL("MissingPL", "string", 0, print_missing_level, NULL, "Whether the level does not exist."),
};
static const struct column priority_levels[] = {
    NAME,
    TEXT("Type", "spec.type", "Limited or Exempt."),
    UPTO(28, "AssuredConcurrencyShares", "string", 0, cell_text, "spec.limited.assuredConcurrencyShares|<none>",
         "Share of the server's seats."),
    FROM(29, "NominalConcurrencyShares", "string", 0, cell_text, "spec.limited.nominalConcurrencyShares|<none>",
         "Share of the server's seats."),
    TEXT("Queues", "spec.limited.limitResponse.queuing.queues|<none>", "Queues."),
    TEXT("HandSize", "spec.limited.limitResponse.queuing.handSize|<none>", "Queues that a flow is dealt."),
    TEXT("QueueLengthLimit", "spec.limited.limitResponse.queuing.queueLengthLimit|<none>", "Requests in one queue."),
    AGE,
};
static const struct column component_statuses[] = {
    NAME,
    COL("Status", "string", 0, print_component_status, "status", "Healthy or not."),
    COL("Message", "string", 0, print_component_status, "message", "What it says."),
    COL("Error", "string", 0, print_component_status, "error", "What went wrong."),
};
static const struct column pod_security_policies[] = {
    NAME,
    COL("Priv", "string", 0, cell_text, "spec.privileged|false", "Whether privileged containers may run."),
    COL("Caps", "string", 0, cell_list, "spec.allowedCapabilities|", "Capabilities that may be added."),
    TEXT("SELinux", "spec.seLinux.rule", "Rule for SELinux labels."),
    TEXT("RunAsUser", "spec.runAsUser.rule", "Rule for the user."),
    TEXT("FsGroup", "spec.fsGroup.rule", "Rule for the file group."),
    TEXT("SupGroup", "spec.supplementalGroups.rule", "Rule for further groups."),
    COL("ReadOnlyRootFs", "string", 0, cell_flag, "spec.readOnlyRootFilesystem|false", "Whether the root must be read-only."),
    COL("Volumes", "string", 0, cell_list, "spec.volumes|", "Kinds of volumes that may be used."),
};
static const struct column admission_policies[] = {
    NAME, COL("Validations", "integer", 0, cell_count, "spec.validations", "Rules in the policy."),
    COL("ParamKind", "string", 0, cell_text, "spec.paramKind.kind|<unset>", "Kind of its parameters."), AGE,
};
static const struct column admission_bindings[] = {
    NAME,
    TEXT("PolicyName", "spec.policyName", "The policy that is bound."),
    TEXT("ParamRef", "spec.paramRef.name|<unset>", "Its parameters."),
    AGE,
};
static const struct column ip_addresses[] = { NAME, COL("ParentRef", "string", 0, print_kind_and_name, "spec.parentRef|<none>",
                                                        "Who has the address.") };
static const struct column service_cidrs[] = {
    NAME, COL("CIDRs", "string", 0, cell_list, "spec.cidrs|", "Ranges for cluster IPs."), AGE
};
static const struct column attributes_classes[] = { NAME, TEXT("DriverName", "driverName", "The driver."), AGE };
static const struct column resource_slices[] = {
    NAME, TEXT("Node", "spec.nodeName|<unset>", "Where the devices are."), TEXT("Driver", "spec.driver", "Who offers them."),
    TEXT("Pool", "spec.pool.name", "The pool that the slice is part of."), AGE,
};
static const struct column name_and_age[] = { NAME, AGE };

#define ROW(group, name, since, columns) { group, name, since, columns, ARRAY_LEN(columns) }
const struct resource print_default_resource = ROW("", "", 0, fallback);
const struct resource printer_resources[] = {
    ROW("", "componentstatuses", 17, component_statuses),
    ROW("", "configmaps", 0, config_maps),
    ROW("", "endpoints", 0, endpoints),
    ROW("", "events", 0, events),
    ROW("", "namespaces", 0, namespaces),
    ROW("", "nodes", 0, nodes),
    ROW("", "persistentvolumeclaims", 0, claims),
    ROW("", "persistentvolumes", 0, volumes),
    ROW("", "pods", 0, pods),
    ROW("", "podtemplates", 0, pod_templates),
    ROW("", "replicationcontrollers", 0, replication_controllers),
    ROW("", "resourcequotas", 18, quotas),
    ROW("", "secrets", 0, secrets),
    ROW("", "serviceaccounts", 0, service_accounts),
    ROW("", "services", 0, services),
    ROW("apiregistration.k8s.io", "apiservices", 0, api_services),
    ROW("apps", "controllerrevisions", 0, controller_revisions),
    ROW("apps", "daemonsets", 0, daemon_sets),
    ROW("apps", "deployments", 0, deployments),
    ROW("apps", "replicasets", 0, replica_sets),
    ROW("apps", "statefulsets", 0, stateful_sets),
    ROW("events.k8s.io", "events", 0, events),
    ROW("autoscaling", "horizontalpodautoscalers", 0, autoscalers),
    ROW("batch", "jobs", 0, jobs),
    ROW("batch", "cronjobs", 0, cron_jobs),
    ROW("certificates.k8s.io", "certificatesigningrequests", 0, signing_requests),
    ROW("networking.k8s.io", "ingressclasses", 0, ingress_classes),
    ROW("networking.k8s.io", "ingresses", 0, ingresses),
    ROW("networking.k8s.io", "networkpolicies", 0, network_policies),
    ROW("networking.k8s.io", "ipaddresses", 0, ip_addresses),
    ROW("networking.k8s.io", "servicecidrs", 0, service_cidrs),
    ROW("policy", "poddisruptionbudgets", 0, disruption_budgets),
    ROW("policy", "podsecuritypolicies", 0, pod_security_policies),
    ROW("rbac.authorization.k8s.io", "clusterrolebindings", 0, bindings),
    ROW("rbac.authorization.k8s.io", "clusterroles", 0, roles),
    ROW("rbac.authorization.k8s.io", "rolebindings", 0, bindings),
    ROW("rbac.authorization.k8s.io", "roles", 0, roles),
    ROW("storage.k8s.io", "csidrivers", 18, csi_drivers),
    ROW("storage.k8s.io", "csinodes", 18, csi_nodes),
    ROW("storage.k8s.io", "storageclasses", 0, storage_classes),
    ROW("storage.k8s.io", "volumeattachments", 0, attachments),
    ROW("storage.k8s.io", "volumeattributesclasses", 0, attributes_classes),
    ROW("admissionregistration.k8s.io", "mutatingwebhookconfigurations", 18, webhooks),
    ROW("admissionregistration.k8s.io", "validatingwebhookconfigurations", 18, webhooks),
    ROW("admissionregistration.k8s.io", "validatingadmissionpolicies", 0, admission_policies),
    ROW("admissionregistration.k8s.io", "validatingadmissionpolicybindings", 0, admission_bindings),
    ROW("scheduling.k8s.io", "priorityclasses", 0, priority_classes),
    ROW("coordination.k8s.io", "leases", 0, leases),
    ROW("lab.kubelab.dev", "clocks", 0, clocks),
    ROW("lab.kubelab.dev", "faults", 0, faults),
    ROW("lab.kubelab.dev", "loadprofiles", 0, load_profiles),
    ROW("lab.kubelab.dev", "scenarios", 0, scenarios),
    ROW("node.k8s.io", "runtimeclasses", 18, runtime_classes),
    ROW("discovery.k8s.io", "endpointslices", 0, endpoint_slices),
    ROW("resource.k8s.io", "deviceclasses", 0, name_and_age),
    ROW("resource.k8s.io", "resourceclaimtemplates", 0, name_and_age),
    ROW("resource.k8s.io", "resourceslices", 0, resource_slices),
    ROW("flowcontrol.apiserver.k8s.io", "flowschemas", 0, flow_schemas),
    ROW("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations", 0, priority_levels),
};
const size_t printer_resources_count = ARRAY_LEN(printer_resources);
