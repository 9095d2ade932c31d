/* sim/base/timefmt.c - instants and durations in the notations of Go and Kubernetes, by civil arithmetic written out.
 *
 * libc's time functions are left alone: they read the machine's zone and clock, and nothing but sim/loop may. Sources: Go's
 * src/time/time.go (Duration.String) and format.go (ParseDuration); k8s.io/apimachinery pkg/util/duration/duration.go
 * (HumanDuration, the AGE column), the same from v1.16 to v1.34, but that v1.16 wrote "2y0d" for what is "2y" since. All days
 * have 86400 seconds, as in Unix time.
 */
#include "sim/base/base.h"

#include <stdio.h>

#define NS ((int64_t)NS_PER_S)

/* ---- civil time ------------------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* Days from 1970-01-01 to a date. A year is counted from March, so that the leap day is its last and every 400 years repeat. */
static int64_t days_from_civil(int year, int mon, int day)
{
    int64_t y = (int64_t)year - (mon <= 2);
    int64_t era = floor_div(y, 400), year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (mon + (mon > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;     /* 719468: from 0000-03-01 to 1970-01-01 */
}

static void civil_from_days(int64_t days, int *year, int *mon, int *day)
{
    int64_t since = days + 719468, era = floor_div(since, 146097), day_of_era = since - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *mon = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = (int)(year_of_era + era * 400 + (*mon <= 2));
}

void time_civil(int64_t unix_s, int *year, int *mon, int *day, int *hour, int *min, int *sec, int *wday)
{
    int64_t days = floor_div(unix_s, 86400), second = unix_s - days * 86400;
    civil_from_days(days, year, mon, day);
    *hour = (int)(second / 3600);
    *min = (int)(second / 60 % 60);
    *sec = (int)(second % 60);
    *wday = (int)((days % 7 + 11) % 7);            /* 1970-01-01 was a Thursday */
}

int64_t time_from_civil(int year, int mon, int day, int hour, int min, int sec)
{
    return days_from_civil(year, mon, day) * 86400 + hour * 3600 + min * 60 + sec;
}

struct civil {
    int     year, mon, day, hour, min, sec, wday;
    int64_t ns;                                    /* of the second */
};

static struct civil civil_of(int64_t unix_ns)
{
    struct civil c;
    int64_t s = floor_div(unix_ns, NS);
    time_civil(s, &c.year, &c.mon, &c.day, &c.hour, &c.min, &c.sec, &c.wday);
    c.ns = (unix_ns % NS + NS) % NS;
    return c;
}

/* The forms below are written digit by digit: an hour of a lab asks for them a hundred thousand times. */
static char *put_digits(char *p, int64_t v, size_t width)
{
    for (size_t i = width; i-- > 0; v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + width;
}

static char *put_clock(char *p, const struct civil *c)
{
    p = put_digits(p, c->hour, 2);
    *p++ = ':';
    p = put_digits(p, c->min, 2);
    *p++ = ':';
    return put_digits(p, c->sec, 2);
}

/* With so many digits of a fraction, and a fraction of that many. */
static struct str rfc3339(struct arena *a, const struct civil *c, size_t digits, int64_t fraction)
{
    char *text = arena_alloc(a, sizeof "2006-01-02T15:04:05.000000000Z"), *p = text;
    p = put_digits(p, c->year, 4);
    *p++ = '-';
    p = put_digits(p, c->mon, 2);
    *p++ = '-';
    p = put_digits(p, c->day, 2);
    *p++ = 'T';
    p = put_clock(p, c);
    if (digits) {
        *p++ = '.';
        p = put_digits(p, fraction, digits);
    }
    *p++ = 'Z';
    *p = '\0';
    return (struct str){ text, (size_t)(p - text) };
}

struct str time_rfc3339(struct arena *a, int64_t unix_ns)
{
    struct civil c = civil_of(unix_ns);
    return rfc3339(a, &c, 0, 0);
}

struct str time_rfc3339_micro(struct arena *a, int64_t unix_ns)
{
    struct civil c = civil_of(unix_ns);
    return rfc3339(a, &c, 6, c.ns / 1000);
}

struct str time_rfc3339_nano(struct arena *a, int64_t unix_ns)
{
    struct civil c = civil_of(unix_ns);
    return rfc3339(a, &c, 9, c.ns);
}

const char *time_month_name(int mon)
{
    static const char *const names[] = { "January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December" };
    ASSERT(mon >= 1 && mon <= 12);
    return names[mon - 1];
}

const char *time_weekday_name(int wday)
{
    static const char *const names[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };
    ASSERT(wday >= 0 && wday <= 6);
    return names[wday];
}

struct str time_http(struct arena *a, int64_t unix_ns)
{
    struct civil c = civil_of(unix_ns);
    struct str text = arena_str(a, STR("Mon, 02 Jan 2006 15:04:05 GMT"));
    char *p = (char *)text.p;
    memcpy(p, time_weekday_name(c.wday), 3);
    put_digits(p + 5, c.day, 2);
    memcpy(p + 8, time_month_name(c.mon), 3);
    put_digits(p + 12, c.year, 4);
    put_clock(p + 17, &c);
    return text;
}

struct str time_klog(struct arena *a, int64_t unix_ns)
{
    struct civil c = civil_of(unix_ns);
    return arena_strf(a, "%02d%02d %02d:%02d:%02d.%06d", c.mon, c.day, c.hour, c.min, c.sec, (int)(c.ns / 1000));
}

/* ---- RFC 3339 in ------------------------------------------------------------------------------------------ */

/* Reads `width` digits, then one of `ends` (any end when empty) off the front of *s; false when it is not so. */
static bool take_number(struct str *s, size_t width, const char *ends, int *out)
{
    if (s->n < width + (*ends != '\0'))
        return false;
    int v = 0;
    for (size_t i = 0; i < width; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    if (*ends && s->p[width] != *ends)
        return false;
    *s = str_sub(*s, width + (*ends != '\0'), s->n);
    *out = v;
    return true;
}

/* ".123" into ns; digits past the ninth are dropped, as Go drops them. */
static bool take_fraction(struct str *s, int64_t *ns)
{
    *ns = 0;
    if (s->n == 0 || (s->p[0] != '.' && s->p[0] != ','))
        return true;
    size_t i = 1;
    int64_t unit = NS / 10;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++, unit /= 10)
        *ns += (s->p[i] - '0') * unit;
    if (i == 1)
        return false;
    *s = str_sub(*s, i, s->n);
    return true;
}

/* "Z" or "+01:30", to the very end; seconds east. */
static bool take_offset(struct str s, int64_t *offset_s)
{
    int hour, min;
    *offset_s = 0;
    if (str_eqc(s, "Z"))
        return true;
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-'))
        return false;
    bool west = s.p[0] == '-';
    s = str_sub(s, 1, s.n);
    if (!take_number(&s, 2, ":", &hour) || !take_number(&s, 2, "", &min) || hour > 24 || min > 60)
        return false;                              /* 24 and 60 are let through because Go lets them through */
    *offset_s = (hour * 3600 + min * 60) * (west ? -1 : 1);
    return true;
}

static int days_in(int year, int mon)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[mon - 1] + (mon == 2 && leap);
}

bool time_parse_rfc3339(struct str s, int64_t *unix_ns)
{
    int year, mon, day, hour, min, sec;
    int64_t ns, offset_s, result;
    if (!take_number(&s, 4, "-", &year) || !take_number(&s, 2, "-", &mon) || !take_number(&s, 2, "T", &day) ||
        !take_number(&s, 2, ":", &hour) || !take_number(&s, 2, ":", &min) || !take_number(&s, 2, "", &sec) ||
        !take_fraction(&s, &ns) || !take_offset(s, &offset_s))
        return false;
    if (mon < 1 || mon > 12 || day < 1 || day > days_in(year, mon) || hour > 23 || min > 59 || sec > 59)
        return false;
    int64_t unix_s = time_from_civil(year, mon, day, hour, min, sec) - offset_s;
    if (unix_s < 0 && ns > 0) {                    /* towards zero, lest the earliest instant overflow on its way */
        unix_s++;
        ns -= NS;
    }
    if (__builtin_mul_overflow(unix_s, NS, &result) || __builtin_add_overflow(result, ns, &result))
        return false;                              /* outside of 1677 to 2262, which int64 nanoseconds cannot hold */
    *unix_ns = result;
    return true;
}

/* ---- Go durations ----------------------------------------------------------------------------------------- */

/* v / 10^places as a decimal without trailing zeros: 1500 and 3 give "1.5". */
static struct str decimal(struct arena *a, uint64_t v, int places)
{
    uint64_t scale = 1;
    for (int i = 0; i < places; i++)
        scale *= 10;
    uint64_t fraction = v % scale;
    while (places > 0 && fraction % 10 == 0) {
        fraction /= 10;
        places--;
    }
    return places ? arena_strf(a, "%" PRIu64 ".%0*" PRIu64, v / scale, places, fraction) : arena_strf(a, "%" PRIu64, v / scale);
}

struct str duration_go(struct arena *a, int64_t ns)
{
    static const struct {
        uint64_t    below_ns;
        int         places;
        const char *unit;
    } small[] = { { NS_PER_US, 0, "ns" }, { NS_PER_MS, 3, "\xc2\xb5s" }, { NS_PER_S, 6, "ms" } };
    uint64_t u = ns < 0 ? -(uint64_t)ns : (uint64_t)ns, s = u / NS_PER_S;
    const char *sign = ns < 0 ? "-" : "";
    if (u == 0)
        return arena_str(a, STR("0s"));
    for (size_t i = 0; i < ARRAY_LEN(small); i++)
        if (u < small[i].below_ns)
            return arena_strf(a, "%s%s%s", sign, decimal(a, u, small[i].places).p, small[i].unit);
    const char *seconds = decimal(a, u % (60 * NS_PER_S), 9).p;
    if (s >= 3600)
        return arena_strf(a, "%s%" PRIu64 "h%" PRIu64 "m%ss", sign, s / 3600, s / 60 % 60, seconds);
    return s >= 60 ? arena_strf(a, "%s%" PRIu64 "m%ss", sign, s / 60, seconds) : arena_strf(a, "%s%ss", sign, seconds);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of the unit (up to a dot or digit) at the front of s, 0 when Go knows none of that name. */
static size_t take_unit(struct str s, uint64_t *unit_ns)
{
    static const struct {
        const char *name;
        uint64_t    ns;
    } units[] = { { "ns", 1 }, { "us", NS_PER_US }, { "\xc2\xb5s", NS_PER_US }, { "\xce\xbcs", NS_PER_US }, { "ms", NS_PER_MS },
                  { "s", NS_PER_S }, { "m", 60 * NS_PER_S }, { "h", 3600 * NS_PER_S } };
    size_t n = 0;
    while (n < s.n && s.p[n] != '.' && !is_digit(s.p[n]))
        n++;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_eqc(str_sub(s, 0, n), units[i].name)) {
            *unit_ns = units[i].ns;
            return n;
        }
    return 0;
}

/* One "1.5h" off the front of *s, added to *total_ns. The fraction goes through a double, as it does in Go, where
 * 0.3333333333333333333h is 20m. */
static bool take_duration_term(struct str *s, uint64_t *total_ns)
{
    const uint64_t limit = 1ull << 63;
    uint64_t whole = 0, fraction = 0, unit_ns = 0;
    double scale = 1;
    bool full = false;                             /* further digits of the fraction no longer fit and are dropped */
    size_t i = 0, digits = 0;
    for (; i < s->n && is_digit(s->p[i]); i++, digits++) {
        if (whole > limit / 10 || (whole = whole * 10 + (uint64_t)(s->p[i] - '0')) > limit)
            return false;
    }
    if (i < s->n && s->p[i] == '.') {
        for (i++; i < s->n && is_digit(s->p[i]); i++, digits++) {
            uint64_t next = fraction * 10 + (uint64_t)(s->p[i] - '0');
            if (full || fraction > (limit - 1) / 10 || next > limit) {
                full = true;
                continue;
            }
            fraction = next;
            scale *= 10;
        }
    }
    *s = str_sub(*s, i, s->n);
    size_t unit_n = take_unit(*s, &unit_ns);
    if (digits == 0 || unit_n == 0 || whole > limit / unit_ns)
        return false;
    whole = whole * unit_ns + (uint64_t)((double)fraction * ((double)unit_ns / scale));
    *s = str_sub(*s, unit_n, s->n);
    *total_ns += whole;
    return whole <= limit && *total_ns <= limit;
}

bool duration_parse_go(struct str s, int64_t *ns)
{
    bool negative = str_starts(s, "-");
    uint64_t total_ns = 0;
    if (negative || str_starts(s, "+"))
        s = str_sub(s, 1, s.n);
    if (s.n == 0)
        return false;
    if (!str_eqc(s, "0"))
        while (s.n > 0)
            if (!take_duration_term(&s, &total_ns))
                return false;
    if (total_ns > (uint64_t)INT64_MAX && !negative)
        return false;
    *ns = (int64_t)(negative ? -total_ns : total_ns);
    return true;
}

/* ---- the AGE column --------------------------------------------------------------------------------------- */

/* "3m11s"; "3m" when the smaller part is 0. */
static struct str two_units(struct arena *a, int64_t large, char large_unit, int64_t small, char small_unit)
{
    if (small == 0)
        return arena_strf(a, "%" PRId64 "%c", large, large_unit);
    return arena_strf(a, "%" PRId64 "%c%" PRId64 "%c", large, large_unit, small, small_unit);
}

struct str duration_human(struct arena *a, int64_t ns)
{
    int64_t s = ns / NS, minutes = s / 60, hours = minutes / 60, days = hours / 24;
    if (s < -1)
        return arena_str(a, STR("<invalid>"));
    if (s < 0)                                     /* clocks that differ by less than two seconds count as agreeing */
        return arena_str(a, STR("0s"));
    if (s < 120)
        return two_units(a, s, 's', 0, 's');
    if (minutes < 10)
        return two_units(a, minutes, 'm', s % 60, 's');
    if (minutes < 180)
        return two_units(a, minutes, 'm', 0, 's');
    if (hours < 8)
        return two_units(a, hours, 'h', minutes % 60, 'm');
    if (hours < 48)
        return two_units(a, hours, 'h', 0, 'm');
    if (hours < 192)
        return two_units(a, days, 'd', hours % 24, 'h');
    if (days < 2 * 365)
        return two_units(a, days, 'd', 0, 'h');
    return two_units(a, days / 365, 'y', days < 8 * 365 ? days % 365 : 0, 'd');
}
