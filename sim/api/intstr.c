/* sim/api/intstr.c - "25%" or 3: maxSurge, maxUnavailable. Upstream: apimachinery pkg/util/intstr
 * GetScaledValueFromIntOrPercent. */
#include "sim/api/api.h"

bool intstr_scaled(const struct json *j, int64_t total, bool round_up, int64_t *out)
{
    if (json_is(j, JSON_INT)) {
        *out = json_int(j, 0);
        return true;
    }
    struct str s = json_str(j);
    if (!json_is(j, JSON_STRING) || !str_ends(s, "%"))
        return false;
    int64_t percent;
    struct str digits = str_sub(s, 0, s.n - 1);
    if (!str_int(digits, &percent))
        return false;
    __int128 product = (__int128)percent * total;
    __int128 q = product / 100, rest = product % 100;
    if (rest > 0 && round_up)
        q++;
    if (rest < 0 && !round_up)
        q--;
    *out = q > INT64_MAX ? INT64_MAX : q < INT64_MIN ? INT64_MIN : (int64_t)q;
    return true;
}
