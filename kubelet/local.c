/* kubelet/local.c - what the machine's container runtime knows, whether or not an API answers: `docker ps`, `docker logs`, `crictl`.
 *
 * Also while the agent is stopped: its workers are what docker has left running.
 */
#include "kubelet/kubelet_priv.h"

struct json *kubelet_pods(struct kubelet *k, struct arena *a)
{
    struct json *all = json_new_array(a);
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        struct json *pod = json_copy(a, p->pod);
        json_set(a, pod, "status", pod_status(p, a));
        json_append(all, pod);
    }
    return all;
}

uint64_t kubelet_pod_served(const struct kubelet *k, struct str uid)
{
    const struct pod_worker *p = map_get(k->workers, uid);
    uint64_t n = 0;
    for (size_t i = 0; p && i < p->count; i++)
        n += p->containers[i].process ? process_served_count(p->containers[i].process) : 0;
    return n;
}

static bool is_id(const char *have, struct str wanted)
{
    const char *bare = strstr(have, "://");
    return bare && wanted.n && str_starts(str_c(bare + 3), wanted.p) && strlen(bare + 3) >= wanted.n;
}

static void print(const struct container_log *log, int64_t tail, struct strbuf *out)
{
    struct log_query q = { .tail = tail, .limit_bytes = -1 };
    for (size_t i = log ? container_log_first(log, &q) : 0; log && i < log->n; i++)
        container_log_format(log, i, false, out);
}

bool kubelet_container_log(struct kubelet *k, struct str id, int64_t tail, struct strbuf *out)
{
    size_t cursor = 0;
    void *value;
    while (map_next(k->workers, &cursor, NULL, &value)) {
        struct pod_worker *p = value;
        for (size_t i = 0; i < p->count; i++) {
            struct container *c = &p->containers[i];
            bool now = is_id(c->id, id);
            if (!now && !is_id(c->last.id, id))
                continue;
            print(now ? c->log : c->previous_log, tail, out);
            return true;
        }
    }
    return false;
}
