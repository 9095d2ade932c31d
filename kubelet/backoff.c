/* kubelet/backoff.c - delays between restarts of a container and between pulls of an image.
 *
 * Upstream: client-go util/flowcontrol/backoff.go with pkg/kubelet's constants. An entry is made by the first failure, so the
 * first restart is immediate; its delay doubles up to five minutes, and it is forgotten when nothing has touched it for twice
 * that long.
 */
#include "kubelet/kubelet_priv.h"

static bool expired(const struct backoff *b, int64_t event_ns)
{
    return event_ns - b->updated_ns > 2 * BACKOFF_MAX_S * SECOND;
}

bool backoff_waiting(const struct backoff *b, int64_t event_ns, int64_t now_ns, int64_t *left_ns)
{
    if (b->delay_ns == 0 || expired(b, event_ns) || now_ns - event_ns >= b->delay_ns)
        return false;
    *left_ns = event_ns + b->delay_ns - now_ns;
    return true;
}

void backoff_next(struct backoff *b, int64_t now_ns)
{
    if (b->delay_ns == 0 || expired(b, now_ns))
        b->delay_ns = BACKOFF_FIRST_S * SECOND;
    else if (b->delay_ns < BACKOFF_MAX_S * SECOND)
        b->delay_ns = b->delay_ns * 2 < BACKOFF_MAX_S * SECOND ? b->delay_ns * 2 : BACKOFF_MAX_S * SECOND;
    b->updated_ns = now_ns;
}
