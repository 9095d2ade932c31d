/* workloads/load/load.c - the load generator: a machine beside the cluster's, and a worker for each LoadProfile.
 *
 * It is a client like any other: it watches LoadProfiles with a certificate of its own (user kubelab:load-generator), may write
 * their status and events, and nothing else. Its machine has no pod's network but the node's: names are asked of the cluster's
 * DNS, Services are reached by the rules of the machine it is plugged into, as if somebody had added routes to it (a laptop on
 * the lab's network).
 */
#include "workloads/load/load_priv.h"

#include <stdlib.h>

#define ADDRESS    "192.168.229.1"     /* where VMware puts the host of its virtual machines */
#define DNS_SERVER "10.96.0.10"

struct load {
    struct load_place  place;
    struct vnet_host  *host;
    struct informer   *objects;
    struct informer_handler on_object;
    struct map        *profiles;       /* "ns/name" -> struct load_profile * */
};

static void drop(struct load *l, struct str key)
{
    struct load_profile *p = map_take(l->profiles, key);
    if (p)
        load_profile_free(p);
}

/* Who is being deleted asks no more, though finalizers may hold the object. */
static void on_add(void *ctx, struct object *o)
{
    struct load *l = ctx;
    const struct json *object = object_json(o);
    struct arena *a = arena_new();
    struct str key = meta_key(a, object);
    const struct load_profile *known = map_get(l->profiles, key);
    if (meta_deleting(object) || (known && !load_profile_is(known, object)))
        drop(l, key);
    if (!meta_deleting(object) && !map_get(l->profiles, key))
        map_put(l->profiles, key, load_profile_new(&l->place, object));
    arena_free(a);
}

static void on_update(void *ctx, struct object *old, struct object *o)
{
    (void)old;
    on_add(ctx, o);
}

static void on_delete(void *ctx, struct object *o)
{
    struct arena *a = arena_new();
    drop(ctx, meta_key(a, object_json(o)));
    arena_free(a);
}

static struct vnet_host *machine_make(const struct load_options *o)
{
    struct resolv_conf rc = { .nameserver = DNS_SERVER, .search = { "svc.cluster.local", "cluster.local" }, .search_count = 2,
                              .ndots = 5 };
    struct vnet_host *h = vnet_host_new(o->net, "load-generator");
    vnet_host_add_addr(h, ADDRESS);
    vnet_host_set_machine(h, o->machine);
    vnet_host_set_resolver(h, &rc);
    return h;
}

bool load_is_at(struct str ip) { return str_eqc(ip, ADDRESS); }

struct load *load_start(const struct load_options *o)
{
    struct load *l = NEW(struct load);
    l->host = machine_make(o);
    struct client_options co = { .from = l->host, .server = o->server, .roots = o->roots, .identity = o->identity,
                                 .user_agent = "kubelab-load", .name = "load-generator" };
    struct http_client_options ho = { .from = l->host, .insecure_skip_verify = true, .user_agent = "kubelab-load" };
    struct client *client = client_new(&co);
    l->place = (struct load_place){ .loop = vnet_loop(o->net), .client = client, .http = http_client_new(&ho),
                                    .events = event_recorder_new(client, "load-generator", NULL) };
    l->profiles = map_new();
    l->objects = informer_shared(client, "/apis/lab.kubelab.dev/v1/loadprofiles", "");
    l->on_object = (struct informer_handler){ .on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = l };
    informer_add_handler(l->objects, &l->on_object);
    return l;
}

static void profile_free(void *p) { load_profile_free(p); }

void load_free(struct load *l)
{
    if (!l)
        return;
    map_free(l->profiles, profile_free);
    informer_remove_handler(l->objects, &l->on_object);
    event_recorder_free(l->place.events);
    http_client_free(l->place.http);
    client_free(l->place.client);
    vnet_host_free(l->host);
    free(l);
}
