/* workloads/controllers/cron.c - when a schedule is next due. A day matches by its date or by its weekday if both are given, as
 * in every cron since Vixie's. */
#include "workloads/controllers/cron.h"

#define DAY_S 86400

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" };
static const char *const weekdays[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

static bool number(struct str s, const char *const *names, size_t name_count, int first, int64_t *out)
{
    for (size_t i = 0; i < name_count; i++)
        if (str_eqi(s, str_c(names[i]))) {
            *out = (int64_t)i + first;
            return true;
        }
    return s.n > 0 && s.n < 4 && str_int(s, out);
}

/* One comma-separated piece: a star, n, n-m, each with /step. */
static bool piece(struct str s, int64_t min, int64_t max, const char *const *names, size_t name_count, uint64_t *bits)
{
    struct str range, step_text, from, to;
    int64_t step = 1, a, b;
    bool stepped = str_cut(s, '/', &range, &step_text);
    if (stepped && (!str_int(step_text, &step) || step < 1))
        return false;
    if (str_eqc(range, "*") || str_eqc(range, "?")) {
        a = min;
        b = max;
    } else if (str_cut(range, '-', &from, &to)) {
        if (!number(from, names, name_count, (int)min, &a) || !number(to, names, name_count, (int)min, &b))
            return false;
    } else {
        if (!number(range, names, name_count, (int)min, &a))
            return false;
        b = stepped ? max : a;
    }
    if (a < min || b > max || a > b)
        return false;
    for (int64_t v = a; v <= b; v += step)
        *bits |= 1ull << v;
    return true;
}

static bool field(struct str s, int64_t min, int64_t max, const char *const *names, size_t name_count, uint64_t *bits)
{
    *bits = 0;
    while (s.p) {
        struct str one = str_token(&s, ',');
        if (!piece(one, min, max, names, name_count, bits))
            return false;
    }
    return true;
}

static struct str next_word(struct str *rest)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    struct str word = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->n);
    return word;
}

bool cron_parse(struct str text, struct cron *out)
{
    static const struct { const char *name, *means; } names[] = { { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" },
                                                                  { "@monthly", "0 0 1 * *" },
        { "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" }, { "@hourly", "0 * * * *" } };
    *out = (struct cron){ 0 };
    if (str_starts(text, "@every "))
        return duration_parse_go(str_trim(str_sub(text, 7, text.n)), &out->every_ns) && out->every_ns >= (int64_t)NS_PER_S;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eqc(text, names[i].name))
            text = str_c(names[i].means);
    struct str f[5];
    for (size_t i = 0; i < 5; i++)
        f[i] = next_word(&text);
    if (f[4].n == 0 || str_trim(text).n)
        return false;
    out->any_day = f[2].p[0] == '*' || f[2].p[0] == '?';
    out->any_weekday = f[4].p[0] == '*' || f[4].p[0] == '?';
    return field(f[0], 0, 59, NULL, 0, &out->minute) && field(f[1], 0, 23, NULL, 0, &out->hour) &&
           field(f[2], 1, 31, NULL, 0, &out->day) &&
           field(f[3], 1, 12, months, ARRAY_LEN(months), &out->month) &&
           field(f[4], 0, 6, weekdays, ARRAY_LEN(weekdays), &out->weekday);
}

static bool has(uint64_t bits, int v) { return bits >> v & 1; }

static bool day_matches(const struct cron *c, int day, int month, int weekday)
{
    bool date = has(c->day, day), week = has(c->weekday, weekday);
    return has(c->month, month) && (c->any_day || c->any_weekday ? date && week : date || week);
}

int64_t cron_next(const struct cron *c, int64_t after_ns)
{
    int64_t second = after_ns / (int64_t)NS_PER_S;
    if (c->every_ns)
        return second * (int64_t)NS_PER_S + c->every_ns;
    int64_t t = (second / 60 + 1) * 60, end = t + 5 * 366 * (int64_t)DAY_S;
    while (t < end) {
        int year, month, day, hour, minute, sec, weekday;
        time_civil(t, &year, &month, &day, &hour, &minute, &sec, &weekday);
        if (!day_matches(c, day, month, weekday))
            t = (t / DAY_S + 1) * DAY_S;
        else if (!has(c->hour, hour))
            t = (t / 3600 + 1) * 3600;
        else if (!has(c->minute, minute))
            t += 60;
        else
            return t * (int64_t)NS_PER_S;
    }
    return -1;
}
