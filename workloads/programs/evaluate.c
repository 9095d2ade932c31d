/* workloads/programs/evaluate.c - a built image's web root, evaluated once: each PHP file's answer and its price go
 * into the image's record.
 *
 * The record's "web" maps a path of the site to {status, content_type, body (base64), headers, cpu_ns, wait_ns,
 * memory_bytes, log}. A request then costs a table look-up here and cpu_ns of the simulated node's time, which is what
 * the student's file would cost there.
 */
#include "workloads/programs/php.h"
#include "workloads/programs/programs_priv.h"

#define WEB_ROOT "/var/www/html"
enum { PHP_FILES_MAX = 64 };

struct evaluation { struct arena *a; struct json *web; size_t files; };

static struct json *evaluated(struct arena *a, const char *path, struct str source)
{
    struct php_options o;
    struct php_result r;
    struct php_pair server[] = { { "REQUEST_METHOD", "GET" },
                                 { "SCRIPT_FILENAME", path },
                                 { "SCRIPT_NAME", path + strlen(WEB_ROOT) },
                                 { "SERVER_PROTOCOL", "HTTP/1.1" } };
    php_options_init(&o);
    o.script_path = path;
    o.hostname = "localhost";
    o.server = server;
    o.server_count = ARRAY_LEN(server);
    php_run(a, source, &o, &r);
    struct json *headers = json_new_object(a);
    for (size_t i = 0; i < r.header_count; i++)
        json_setn(a, headers, r.headers[i].name, json_new_str(a, r.headers[i].value));
    return json_buildf(
        a,
        "{'status':%d,'content_type':%S,'body':%S,'headers':%j,'cpu_ns':%d,'wait_ns':%d,'memory_bytes':%d,"
        "'operations':%d,'log':%S}",
        (int64_t)r.status, r.content_type, base64_encode(a, r.output), headers, (int64_t)r.cpu_ns, (int64_t)r.wait_ns,
        (int64_t)r.memory_bytes, (int64_t)r.operations, r.log);
}

static void visit(void *ctx, struct str path, struct str bytes, const struct vfs_stat *st)
{
    struct evaluation *e = ctx;
    if (st->is_dir || !str_starts(path, WEB_ROOT "/") || !str_ends(path, ".php") || e->files >= PHP_FILES_MAX)
        return;
    e->files++;
    json_setn(e->a, e->web, arena_str(e->a, str_sub(path, strlen(WEB_ROOT), path.n)),
              evaluated(e->a, arena_cstr(e->a, path), bytes));
}

bool programs_evaluate_image(void *ctx, struct arena *a, struct json *record, const struct vfs *files, struct err *err)
{
    (void)ctx;
    (void)err;
    struct evaluation e = { .a = a, .web = json_new_object(a) };
    vfs_each(files, visit, &e);
    if (e.files)
        json_set(a, record, "web", e.web);
    return true;
}
