/* labs/compare.c - many runs of one scenario side by side: a row of figures for each, as table and CSV, and one slide of small
 * pictures.
 *
 * A picture a combination of the grid's values: pods (steps) over usage (line), all on the same scales, so that heights can be
 * compared; its seeds lie on top of each other. Columns are the values of the grid's last parameter, rows those of the others.
 */
#include "labs/labs.h"

#include <math.h>

/* ---- figures ---- */
static bool is_hpa(const struct json *sample, struct str hpa) { return str_eq(json_get_str(sample, "hpa"), hpa); }

struct json *timeline_summary(struct arena *a, const struct json *timeline, const char *plot_hpa)
{
    const struct json *samples = json_get(timeline, "samples");
    struct str hpa = plot_hpa ? str_c(plot_hpa) : json_get_str(json_first(samples), "hpa");
    double last_t = 0, pods_s = 0, usage_sum = 0, usage_max = 0, requests = 0;
    int64_t usage_n = 0, peak = 0, scalings = 0, desired = -1, ready_before = 0;
    for (const struct json *s = json_first(samples); s; s = json_next(s)) {
        if (!is_hpa(s, hpa))
            continue;
        double t = json_double(json_get(s, "t"), 0), dt = last_t > 0 || pods_s > 0 ? t - last_t : 0;
        const struct json *usage = json_get(s, "usagePercent");
        int64_t ready = json_get_int(s, "ready", 0), want = json_get_int(s, "desired", 0);
        pods_s += (double)ready_before * dt;
        requests += json_double(json_get(s, "requests"), 0) * dt;
        usage_sum += json_double(usage, 0);
        usage_n += json_is(usage, JSON_INT) || json_is(usage, JSON_FLOAT);
        usage_max = fmax(usage_max, json_double(usage, 0));
        peak = ready > peak ? ready : peak;
        scalings += desired > 0 && want != desired;
        desired = want;
        ready_before = ready;
        last_t = t;
    }
    return json_buildf(a, "{'verdict':%S,'failedSteps':%d,'peakPods':%d,'podMinutes':%f,'scalings':%d,'meanUsagePercent':%f,"
                          "'peakUsagePercent':%f,'requests':%f}",
                       json_get_str(timeline, "verdict"), json_get_int(timeline, "failed", 0), peak, round(pods_s / 6) / 10, scalings,
                       usage_n ? round(usage_sum / (double)usage_n * 10) / 10 : 0.0, usage_max, round(requests));
}

/* ---- the table ---- */
static struct str cell_text(struct arena *a, const struct json *v)
{
    switch (json_type(v)) {
    case JSON_STRING: return json_str(v);
    case JSON_FLOAT:  return arena_strf(a, "%g", json_double(v, 0));
    case JSON_INT:
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return v ? json_text(a, v) : STR_NULL;
}

void compare_text(struct arena *a, const struct json *rows, struct strbuf *out)
{
    size_t widths[64] = { 0 }, n;
    for (const struct json *r = NULL, *first = json_first(rows); (r = r ? json_next(r) : first);) {
        n = 0;
        for (const struct json *c = json_first(r); c && n < ARRAY_LEN(widths); c = json_next(c), n++) {
            size_t w = cell_text(a, c).n > json_key(c).n ? cell_text(a, c).n : json_key(c).n;
            widths[n] = w > widths[n] ? w : widths[n];
        }
    }
    for (int head = 1; head >= 0; head--)
        for (const struct json *r = json_first(rows); r; r = head ? NULL : json_next(r)) {
            n = 0;
            for (const struct json *c = json_first(r); c && n < ARRAY_LEN(widths); c = json_next(c), n++)
                strbuf_addf(out, "%s%-*.*s", n ? "  " : "", json_next(c) ? (int)widths[n] : 0,
                            STR_ARG(head ? json_key(c) : cell_text(a, c)));
            strbuf_addch(out, '\n');
        }
}

static void csv_field(struct strbuf *out, struct str s)
{
    bool quote = str_chr(s, ',') >= 0 || str_chr(s, '"') >= 0;
    if (quote)
        strbuf_addch(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            strbuf_addch(out, '"');
        strbuf_addch(out, s.p[i]);
    }
    if (quote)
        strbuf_addch(out, '"');
}

void compare_csv(struct arena *a, const struct json *rows, struct strbuf *out)
{
    for (int head = 1; head >= 0; head--)
        for (const struct json *r = json_first(rows); r; r = head ? NULL : json_next(r)) {
            for (const struct json *c = json_first(r); c; c = json_next(c)) {
                csv_field(out, head ? json_key(c) : cell_text(a, c));
                strbuf_addch(out, json_next(c) ? ',' : '\n');
            }
        }
}

/* ---- the slide ---- */
enum { WIDTH = 1280, LEFT = 150, TOP = 120, RIGHT_GAP = 30, CELL_H_MOST = 170, HEIGHT_LEAST = 480 };
#define INK    "#1f2933"
#define MUTED  "#616e7c"
#define GRID   "#e4e7eb"
#define ORANGE "#c2410c"
#define GREEN  "#15803d"
#define RED    "#b91c1c"

struct slide { struct arena *a; struct strbuf out; const struct json *runs; double end_s, pods, usage, w, h; size_t cols, rows; };

static void put_path(struct slide *s, const struct json *samples, struct str hpa, const char *key, bool step, double x0, double y0,
                     double h, double max,
                     const char *colour, double width)
{
    bool down = false;
    strbuf_addf(&s->out, "<path fill=\"none\" stroke=\"%s\" stroke-opacity=\"0.8\" stroke-width=\"%.1f\" stroke-linejoin=\"round\" "
                         "d=\"", colour, width);
    for (const struct json *one = json_first(samples); one; one = json_next(one)) {
        const struct json *v = json_get(one, key);
        if (!is_hpa(one, hpa))
            continue;
        if (!json_is(v, JSON_INT) && !json_is(v, JSON_FLOAT)) {
            down = false;
            continue;
        }
        double x = x0 + s->w * json_double(json_get(one, "t"), 0) / s->end_s, y = y0 + h - h * fmin(json_double(v, 0), max) / max;
        if (down && step)
            strbuf_addf(&s->out, " H%.1f", x);
        strbuf_addf(&s->out, " %c%.1f %.1f", down ? 'L' : 'M', x, y);
        down = true;
    }
    strbuf_addc(&s->out, "\"/>\n");
}

static void measure(struct slide *s)
{
    s->end_s = s->pods = s->usage = 1;
    s->cols = s->rows = 1;
    for (const struct json *r = json_first(s->runs); r; r = json_next(r)) {
        size_t row = (size_t)json_get_int(r, "row", 0) + 1, col = (size_t)json_get_int(r, "column", 0) + 1;
        s->rows = row > s->rows ? row : s->rows;
        s->cols = col > s->cols ? col : s->cols;
        for (const struct json *one = json_first(json_get(r, "samples")); one; one = json_next(one)) {
            s->end_s = fmax(s->end_s, json_double(json_get(one, "t"), 0));
            s->pods = fmax(s->pods, json_double(json_get(one, "ready"), 0));
            s->usage = fmax(s->usage, json_double(json_get(one, "usagePercent"), 0));
        }
    }
    s->usage = fmin(fmax(s->usage, 100), 500);
    double gap = 26;
    s->w = (WIDTH - LEFT - RIGHT_GAP - gap * (double)(s->cols - 1)) / (double)s->cols;
    s->h = CELL_H_MOST;
}

/* Pods take the upper three fifths of a picture, usage the rest. */
static void put_run(struct slide *s, const struct json *r, double x, double y)
{
    const struct json *samples = json_get(r, "samples");
    struct str hpa = json_get_str(r, "hpa").n ? json_get_str(r, "hpa") : json_get_str(json_first(samples), "hpa");
    double upper = s->h * 0.55, lower = s->h * 0.32, width = json_get_int(r, "seeds", 1) > 1 ? 1.2 : 2.2;
    put_path(s, samples, hpa, "ready", true, x, y, upper, s->pods, GREEN, width);
    put_path(s, samples, hpa, "usagePercent", false, x, y + s->h - lower, lower, s->usage, ORANGE, width);
    put_path(s, samples, hpa, "targetPercent", true, x, y + s->h - lower, lower, s->usage, MUTED, 0.8);
    if (!str_eqc(json_get_str(r, "verdict"), "passed"))
        plot_text(&s->out, x + s->w, y - 6, "end", 13, RED, "600", json_get_str(r, "verdict"));
}

static void put_frame(struct slide *s, double x, double y, bool first)
{
    double upper = s->h * 0.55, lower = s->h * 0.32;
    const double lines[] = { y, y + upper, y + s->h - lower, y + s->h };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        strbuf_addf(&s->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x, lines[i], x + s->w,
                    lines[i], i % 2 ? MUTED : GRID);
    if (!first)
        return;
    plot_text(&s->out, x - 8, y + 5, "end", 13, GREEN, "400", arena_strf(s->a, "%g pods", s->pods));
    plot_text(&s->out, x - 8, lines[2] + 5, "end", 13, ORANGE, "400", arena_strf(s->a, "%g %%", s->usage));
    plot_text(&s->out, x - 8, lines[3] + 5, "end", 13, MUTED, "400", STR("0"));
}

struct str compare_svg(struct arena *a, const char *title, const struct json *runs)
{
    struct slide s = { .a = a, .runs = runs };
    measure(&s);
    double gap_x = 26, gap_y = 46, height = fmax(HEIGHT_LEAST, TOP + (double)s.rows * (s.h + gap_y) + 30);
    strbuf_init(&s.out, LIMIT_RESPONSE_BYTES);
    strbuf_addf(&s.out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" "
                        "font-family=\"Helvetica, Arial, 'DejaVu Sans', "
                "sans-serif\">\n<rect width=\"%d\" height=\"%.0f\" fill=\"#ffffff\"/>\n", WIDTH, height, WIDTH, height, WIDTH, height);
    plot_text(&s.out, LEFT, 38, "start", 24, INK, "700", plot_short(s.a, str_c(title), 76));
    plot_text(&s.out, LEFT, 64, "start", 15, GREEN, "600", STR("ready pods"));
    plot_text(&s.out, LEFT + 100, 64, "start", 15, ORANGE, "600", STR("CPU usage, % of request"));
    plot_text(&s.out, LEFT + 340, 64, "start", 15, MUTED, "400",
             arena_strf(a, "thin and grey: target; time from 0 to %d:%02d min", (int)s.end_s / 60, (int)s.end_s % 60));
    for (size_t row = 0; row < s.rows; row++)
        for (size_t col = 0; col < s.cols; col++)
            put_frame(&s, LEFT + (double)col * (s.w + gap_x), TOP + (double)row * (s.h + gap_y), col == 0);
    for (const struct json *r = json_first(runs); r; r = json_next(r)) {
        double x = LEFT + (double)json_get_int(r, "column", 0) * (s.w + gap_x),
               y = TOP + (double)json_get_int(r, "row", 0) * (s.h + gap_y);
        put_run(&s, r, x, y);
        if (json_get_bool(r, "first", false))
            plot_text(&s.out, x, y - 6, "start", s.cols > 4 ? 12 : 14, INK, "600",
                      plot_short(a, json_get_str(r, "label"), (size_t)(s.w / (s.cols > 4 ? 7 : 8))));
    }
    strbuf_addc(&s.out, "</svg>\n");
    struct str text = arena_str(a, strbuf_str(&s.out));
    strbuf_deinit(&s.out);
    return text;
}
