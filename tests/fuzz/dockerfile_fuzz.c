/* tests/fuzz/dockerfile_fuzz.c - Dockerfiles of strangers, parsed and built: whatever comes, the build ends once, with an image
 * or a reason. */
#include "sim/proc/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome { int calls; bool ok; };

static void on_done(void *ctx, const struct json *record, const struct err *err)
{
    struct outcome *o = ctx;
    ASSERT((record != NULL) != (err != NULL));
    ASSERT(!err || err->msg[0]);
    o->calls++;
}

static void on_advanced(void *ctx)
{
    *(bool *)ctx = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct loop_options lo = { .start_vtime_ns = 1579909000 * (int64_t)NS_PER_S };
    struct loop *l = loop_new(&lo);
    struct image_store *s = image_store_new(l, NULL);
    struct vfs *context = vfs_new();
    struct outcome o = { 0 };
    bool advanced = false;
    vfs_put(context, "/a/b.txt", STR("b"), 0644, 0);
    vfs_put(context, "/index.php", STR("<?php echo 1;"), 0644, 0);
    if (vfs_put(context, "/Dockerfile", (struct str){ (const char *)data, n }, 0644, 0)) {
        image_build_start(s, &(struct image_build){ .context = context, .tag = "t", .done = on_done, .ctx = &o });
        loop_advance(l, 3600 * (int64_t)NS_PER_S, on_advanced, &advanced);
        while (!advanced)
            loop_turn(l);
        ASSERT(o.calls == 1);
    }
    vfs_free(context);
    image_store_free(s);
    loop_free(l);
    return 0;
}
