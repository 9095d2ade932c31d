/* sim/base/assert.c - what happens when ASSERT finds a bug: say where, show what led here, stop.
 *
 * A simulator that goes on after a broken invariant would teach something false, so assertions stay in release builds. The hook
 * is how sim/loop's trace ring gets printed without this room knowing of it; a bug inside the hook does not call it again.
 */
#include "sim/base/base.h"

#include <stdio.h>
#include <stdlib.h>

static void (*hook_fn)(void *);
static void *hook_ctx;

void assert_set_hook(void (*fn)(void *), void *ctx)
{
    hook_fn = fn;
    hook_ctx = ctx;
}

void assert_fail(const char *expr, const char *file, int line, const char *func)
{
    fprintf(stderr, "%s:%d: %s: assertion failed: %s\n", file, line, func, expr);
    fflush(stderr);
    void (*fn)(void *) = hook_fn;
    hook_fn = NULL;
    if (fn)
        fn(hook_ctx);
    abort();
}
