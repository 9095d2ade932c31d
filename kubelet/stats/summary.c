/* kubelet/stats/summary.c - /stats/summary: what the HPA's metrics-server up to v0.3 and `kubectl get --raw` read.
 *
 * Upstream: pkg/kubelet/server/stats/summary.go, cadvisor_stats_provider.go, apis/stats/v1alpha1/types.go. Key order is that of
 * the Go structs. Simplified: no file system or network traffic is modelled, so those figures are the node's fixed capacity and
 * zeros.
 */
#include "kubelet/stats/stats.h"

#define DISK_BYTES      (16446332ll * 1024)
#define DISK_USED_BYTES (6181204ll * 1024)

static struct json *when(struct arena *a, int64_t ns) { return json_new_str(a, time_rfc3339(a, ns)); }

static void put_cpu_memory(struct arena *a, struct json *o, const struct sampler *s, int64_t limit_bytes)
{
    if (!s || s->samples == 0)
        return;
    int64_t memory = s->last.memory_bytes;
    json_set(a, o, "cpu", json_buildf(a, "{'time':%j,'usageNanoCores':%d,'usageCoreNanoSeconds':%d}", when(a, s->last.time_ns),
                                      (int64_t)sampler_nanocores(s), (int64_t)s->last.cpu_ns));
    struct json *m = json_buildf(a, "{'time':%j}", when(a, s->last.time_ns));
    if (limit_bytes > 0)
        json_set_int(a, m, "availableBytes", limit_bytes > memory ? limit_bytes - memory : 0);
    json_set_int(a, m, "usageBytes", memory + memory / 16);      /* with inactive page cache */
    json_set_int(a, m, "workingSetBytes", memory);
    json_set_int(a, m, "rssBytes", memory - memory / 8);
    json_set_int(a, m, "pageFaults", memory / 4096);
    json_set_int(a, m, "majorPageFaults", 0);
    json_set(a, o, "memory", m);
}

static struct json *fs(struct arena *a, int64_t time_ns, int64_t used)
{
    return json_buildf(a, "{'time':%j,'availableBytes':%d,'capacityBytes':%d,'usedBytes':%d,'inodesFree':%d,'inodes':%d,"
                          "'inodesUsed':%d}", when(a, time_ns),
                       (int64_t)(DISK_BYTES - DISK_USED_BYTES), (int64_t)DISK_BYTES, used, (int64_t)845312, (int64_t)1048576,
                       used ? (int64_t)12 : (int64_t)1);
}

static struct json *network(struct arena *a, int64_t time_ns, const char *name)
{
    return json_buildf(a, "{'time':%j,'name':%s,'rxBytes':0,'rxErrors':0,'txBytes':0,'txErrors':0,'interfaces':[{'name':%s,"
                          "'rxBytes':0,'rxErrors':0,'txBytes':0,'txErrors':0}]}",
                       when(a, time_ns), name, name);
}

static struct json *container_json(struct arena *a, const struct stats_container *c, bool only)
{
    struct json *o = json_buildf(a, "{'name':%s,'startTime':%j}", c->name, when(a, c->started_ns));
    put_cpu_memory(a, o, c->s, c->memory_limit_bytes);
    if (!only && c->image) {
        json_set(a, o, "rootfs", fs(a, c->s->last.time_ns, 32768));
        json_set(a, o, "logs", fs(a, c->s->last.time_ns, 20480));
    }
    return o;
}

static struct json *pod_json(struct arena *a, const struct stats_pod *p, bool only)
{
    struct json *o = json_buildf(a, "{'podRef':{'name':%s,'namespace':%s,'uid':%s},'startTime':%j}", p->name, p->ns, p->uid,
                                 when(a, p->started_ns));
    struct json *list = json_new_array(a);
    for (size_t i = 0; i < p->count; i++)
        json_append(list, container_json(a, &p->containers[i], only));
    json_set(a, o, "containers", list);
    put_cpu_memory(a, o, p->s, 0);
    if (only || !p->s || p->s->samples == 0)
        return o;
    int64_t now = p->s->last.time_ns;
    if (!p->host_network)
        json_set(a, o, "network", network(a, now, "eth0"));
    struct json *volumes = json_new_array(a);
    for (size_t i = 0; i < p->volume_count; i++) {
        struct json *v = fs(a, now, 12288);
        json_set_strc(a, v, "name", p->volumes[i]);
        json_append(volumes, v);
    }
    if (p->volume_count)
        json_set(a, o, "volume", volumes);
    json_set(a, o, "ephemeral-storage", fs(a, now, 53248));
    return o;
}

void stats_summary(struct arena *a, const struct stats_node *n, bool only, struct strbuf *out)
{
    struct json *node = json_buildf(a, "{'nodeName':%s}", n->name), *system = json_new_array(a), *pods = json_new_array(a);
    for (size_t i = 0; i < n->system_count; i++)
        json_append(system, container_json(a, &n->system[i], only));
    json_set(a, node, "systemContainers", system);
    json_set(a, node, "startTime", when(a, only ? n->s->last.all.created_ns : n->boot_ns));
    put_cpu_memory(a, node, n->s, n->capacity_memory_bytes);
    if (!only) {
        int64_t now = n->s->last.time_ns;
        json_set(a, node, "network", network(a, now, "ens33"));
        json_set(a, node, "fs", fs(a, now, DISK_USED_BYTES));
        json_set(a, node, "runtime", json_buildf(a, "{'imageFs':%j}", fs(a, now, DISK_USED_BYTES / 2)));
        json_set(a, node, "rlimit", json_buildf(a, "{'time':%j,'maxpid':32768,'curproc':512}", when(a, now)));
    }
    for (size_t i = 0; i < n->pod_count; i++)
        json_append(pods, pod_json(a, &n->pods[i], only));
    json_write(out, json_buildf(a, "{'node':%j,'pods':%j}", node, pods), JSON_PRETTY);
}
