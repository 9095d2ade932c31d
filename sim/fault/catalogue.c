/* sim/fault/catalogue.c - the catalogue: each fault with its parameters, what it is and what it looks like.
 *
 * The words under `seen` are those of the components themselves; labs/faults.md has them at length, with the way to the cause. What
 * the parameters of a type mean for its mechanism is told where that is: sim/net/troubled.c and dns.c, the kubelet's files,
 * sim/cmd/faults.c.
 */
#include "sim/fault/fault.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define MS ((int64_t)NS_PER_MS)
#define S  ((int64_t)NS_PER_S)
#define H  (3600 * S)
#define YEAR (365 * 24 * H)

#define TEXT(name, dflt, help) { name, FAULT_TEXT, dflt, 0, 0, NULL, help }
#define ADDRESS(name, dflt, help) { name, FAULT_ADDRESS, dflt, 0, 0, NULL, help }
#define LASTS(name, dflt, min, max, help) { name, FAULT_DURATION, dflt, min, max, NULL, help }
#define NUMBER(name, dflt, min, max, help) { name, FAULT_NUMBER, dflt, min, max, NULL, help }
#define CHOICE(name, dflt, choices, help) { name, FAULT_CHOICE, dflt, 0, 0, choices, help }

#define HOST TEXT("host", NULL, "who is dialed: an address, a node's or a pod's name (* for any part), or service/NAMESPACE/NAME")
#define PORT NUMBER("port", "0", 0, 65535, "which port; 0: all")
#define FROM TEXT("from", "*", "who dials: a node's or a pod's name")
#define IMAGE TEXT("image", "*", "which, as a pod names it; * for any part")
#define DOMAIN "as it is asked for, or in full; * for any part"
#define NODE TEXT("node", "*", "on which node")

static const struct fault_info catalogue[FAULT_TYPES] = {
    [FAULT_DNS_STRANGER] = {
        "dns-stranger", "the resolver outside of the cluster knows a name it should not: it leads to a stranger, who refuses",
        "dial tcp 66.96.162.149:10250: connect: connection refused",
        { TEXT("domain", "", "which name; empty: each node's bare name"), ADDRESS("address", "66.96.162.149", "the stranger's") },
    },
    [FAULT_DNS_NXDOMAIN] = {
        "dns-nxdomain", "name servers say that a name does not exist", "dial tcp: lookup NAME on 10.96.0.10:53: no such host",
        { TEXT("domain", NULL, DOMAIN), FROM },
    },
    [FAULT_DNS_SERVFAIL] = {
        "dns-servfail", "name servers fail when they are asked for a name",
        "dial tcp: lookup NAME on 10.96.0.10:53: server misbehaving",
        { TEXT("domain", "*", DOMAIN), FROM },
    },
    [FAULT_DNS_SLOW] = {
        "dns-slow", "name servers answer late; from 5s on, too late",
        "lookups that take seconds; from 5s on: dial tcp: lookup NAME on 10.96.0.10:53: read udp ...: i/o timeout",
        { TEXT("domain", "*", DOMAIN), FROM, LASTS("delay", "3s", MS, H, "of each answer") },
    },
    [FAULT_CONNECTION_REFUSED] = {
        "connection-refused", "whoever connects to a port is turned away, as if nobody listened there",
        "dial tcp ADDRESS: connect: connection refused", { HOST, PORT, FROM },
    },
    [FAULT_CONNECTION_BLACKHOLE] = {
        "connection-blackhole", "packets to a port are dropped on the way, as by a firewall", "dial tcp ADDRESS: i/o timeout",
        { HOST, PORT, FROM },
    },
    [FAULT_CONNECTION_SLOW] = {
        "connection-slow", "every round trip to a port takes longer",
        "answers that come late; (Client.Timeout exceeded while awaiting headers)",
        { HOST, PORT, FROM, LASTS("delay", "500ms", MS, H / 6, "of a round trip: connecting is one, TLS two more, a request one") },
    },
    [FAULT_CONNECTION_LOSSY] = {
        "connection-lossy", "packets to and from a port get lost, and are sent again by TCP",
        "answers that come at once, or after 0.2, 1, 3, 7 ... seconds; rarely: i/o timeout",
        { HOST, PORT, FROM, NUMBER("percent", "10", 1, 100, "of the packets") },
    },
    [FAULT_CLOCK_SKEW] = {
        "clock-skew", "a machine's clock is wrong: it judges certificates by it, and its samples carry it",
        "x509: certificate has expired or is not yet valid",
        { TEXT("host", NULL, "a node, with its kubelet and its pods, or a pod; * for any part"),
          LASTS("offset", NULL, -100 * YEAR, 100 * YEAR, "how much it is ahead; -1h: behind") },
    },
    [FAULT_CERTIFICATE_EXPIRED] = {
        "certificate-expired", "a serving certificate ran out a day ago", "x509: certificate has expired or is not yet valid",
        { CHOICE("of", "kubelet", "kubelet,metrics-server", "whose"), NODE },
    },
    [FAULT_CERTIFICATE_WRONG] = {
        "certificate-wrong", "a serving certificate is a stranger's, or for another name",
        "x509: certificate signed by unknown authority; x509: certificate is valid for elsewhere.example, not ubuntu",
        { CHOICE("of", "kubelet", "kubelet,metrics-server", "whose"), NODE,
          CHOICE("how", "authority", "authority,name", "whom nobody trusts, or for another name") },
    },
    [FAULT_RBAC_HOLE] = {
        "rbac-hole", "a binding has no subjects, or a role lacks rules: they are taken out, and put back at the end",
        "Error from server (Forbidden): ... is forbidden: User \"...\" cannot ...",
        { CHOICE("kind", "ClusterRoleBinding", "ClusterRole,ClusterRoleBinding,Role,RoleBinding", "of the object"),
          TEXT("object", NULL, "its name"), TEXT("namespace", "", "of a Role or RoleBinding; empty: default"),
          TEXT("resource", "", "of a role: what alone is taken out of its rules (nodes/stats)") },
    },
    [FAULT_ENDPOINTS_MISSING] = {
        "endpoints-missing", "a Service selects no pod: its selector is changed, and changed back at the end",
        "Endpoints: <none>; dial tcp CLUSTER-IP: connect: connection refused; False (MissingEndpoints)",
        { TEXT("service", NULL, "its name"), TEXT("namespace", "default", "its namespace") },
    },
    [FAULT_KUBELET_NO_METRICS] = {
        "kubelet-no-metrics", "a kubelet's statistics are empty, fail, or come late",
        "unable to fully scrape metrics from source kubelet_summary:NODE: ...; error: metrics not available yet",
        { NODE, CHOICE("how", "error", "empty,error,slow", "no pods in it; status 500; after `delay`"),
          LASTS("delay", "30s", MS, H, "of a slow answer") },
    },
    [FAULT_NODE_PRESSURE] = {
        "node-pressure", "a node is short of memory or disk: it says so, is tainted, takes no more pods, and evicts",
        "MemoryPressure True; The node was low on resource: memory; 1 node(s) had taints that the pod didn't tolerate",
        { TEXT("node", NULL, "which one"), CHOICE("of", "memory", "disk,memory", "what is short") },
    },
    [FAULT_SLOW_PULL] = {
        "slow-pull", "images take longer to be pulled", "ContainerCreating for long; Pulling image, and no Pulled yet",
        { IMAGE, NODE, LASTS("delay", "2m", MS, 24 * H, "longer by so much") },
    },
    [FAULT_PULL_FAILURE] = {
        "pull-failure", "a registry does not give an image", "ErrImagePull; ImagePullBackOff; Failed to pull image",
        { IMAGE, NODE, CHOICE("how", "timeout", "denied,not-found,timeout", "what the registry does") },
    },
    [FAULT_CRASH_LOOP] = {
        "crash-loop", "a container of a workload ends soon after it has started, again and again",
        "CrashLoopBackOff; Back-off restarting failed container; Last State: Terminated, Exit Code: 1",
        { TEXT("pod", NULL, "its pods' names (web1-*)"), TEXT("namespace", "default", "their namespace"),
          TEXT("container", "*", "its name"), LASTS("after", "1s", 0, H, "how long it runs"),
          NUMBER("code", "1", 0, 255, "it exits with"), TEXT("message", "", "its last line on standard error") },
    },
    [FAULT_API_SLOW] = {
        "api-slow", "kube-apiserver takes its time over every request",
        "kubectl that waits; (Client.Timeout exceeded while awaiting headers)",
        { LASTS("delay", "2s", MS, H, "before each answer"), TEXT("user", "*", "whose requests; * for any part") },
    },
};

const struct fault_info *fault_info(enum fault_type type)
{
    ASSERT(type < FAULT_TYPES);
    return &catalogue[type];
}

int fault_type_find(struct str name)
{
    for (size_t i = 0; i < FAULT_TYPES; i++)
        if (str_eqc(name, catalogue[i].name))
            return (int)i;
    return -1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *fault_type_names(void)
{
    static char text[FAULT_TYPES * 24];
    if (!text[0]) {
        const char *names[FAULT_TYPES];
        size_t n = 0;
        for (size_t i = 0; i < FAULT_TYPES; i++)
            names[i] = catalogue[i].name;
        qsort(names, FAULT_TYPES, sizeof *names, by_name);
        for (size_t i = 0; i < FAULT_TYPES; i++) {
            size_t len = strlen(names[i]);
            ASSERT(n + len + 1 < sizeof text);
            if (i)
                text[n++] = ',';
            memcpy(text + n, names[i], len);
            n += len;
        }
    }
    return text;
}

const struct fault_param *fault_param_find(enum fault_type type, struct str name)
{
    for (size_t i = 0; i < FAULT_PARAMS_MAX && catalogue[type].params[i].name; i++)
        if (str_eqc(name, catalogue[type].params[i].name))
            return &catalogue[type].params[i];
    return NULL;
}

/* ---- values ---- */
static bool value_number(const struct fault_param *p, struct str value, int64_t *n)
{
    return p->value == FAULT_NUMBER ? str_int(value, n) : duration_parse_go(value, n);
}

static bool value_chosen(const struct fault_param *p, struct str value)
{
    struct str rest = str_c(p->choices);
    while (rest.p)
        if (str_eq(str_token(&rest, ','), value))
            return true;
    return false;
}

static const char *bounds(struct arena *a, const struct fault_param *p)
{
    if (p->value == FAULT_NUMBER)
        return arena_printf(a, "must be a whole number from %" PRId64 " to %" PRId64, p->min, p->max);
    return arena_printf(a, "must be a duration from " STR_FMT " to " STR_FMT, STR_ARG(duration_go(a, p->min)),
                        STR_ARG(duration_go(a, p->max)));
}

const char *fault_value_wrong(struct arena *a, const struct fault_param *p, struct str value)
{
    struct in_addr address;
    int64_t n = 0;
    switch (p->value) {
    case FAULT_TEXT:
        if (value.n > FAULT_TEXT_MAX)
            return arena_printf(a, "must be no more than %d characters", FAULT_TEXT_MAX);
        return !p->dflt && value.n == 0 ? "must not be empty" : memchr(value.n ? value.p : "", 0, value.n) ? "must be text" : NULL;
    case FAULT_ADDRESS:
        return value.n < 16 && inet_pton(AF_INET, arena_cstr(a, value), &address) == 1 ? NULL : "must be an IPv4 address";
    case FAULT_CHOICE:
        return value_chosen(p, value) ? NULL : arena_printf(a, "must be one of %s", p->choices);
    case FAULT_DURATION:
    case FAULT_NUMBER:
        break;
    }
    return value_number(p, value, &n) && n >= p->min && n <= p->max ? NULL : bounds(a, p);
}

/* One star at a time is kept to come back to, so that the work is at most pattern times text. */
bool fault_glob(const char *pattern, struct str text)
{
    const char *p = pattern, *star = NULL;
    size_t i = 0, back = 0;
    if (!*pattern)
        return true;
    while (i < text.n) {
        if (*p == '*') {
            star = ++p;
            back = i;
        } else if (*p && *p == text.p[i]) {
            p++;
            i++;
        } else if (star) {
            p = star;
            i = ++back;
        } else {
            return false;
        }
    }
    while (*p == '*')
        p++;
    return !*p;
}
