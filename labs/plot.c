/* labs/plot.c - a scenario's time line as one slide: load, usage against target, and replicas, one above the other over the same
 * time.
 *
 * SVG of 1280 by 720, drawn with nothing but lines, text and a generic font. Three panels share the time axis and none has a
 * second axis: three measures, three scales. A figure that is not there breaks its line instead of being drawn as zero. The
 * scenario's steps are marks on the time axis, numbered and named below.
 */
#include "labs/labs.h"

#include <math.h>

/* The slide's geometry, pixels. */
enum { WIDTH = 1280, HEIGHT = 720, LEFT = 96, RIGHT = 1140, TOP = 104, PANEL = 136, GAP = 38, PANELS = 3, LEGEND_Y = 644,
       MAX_MARKS = 12 };

/* One hue a measure; the target and what is wanted are the quiet, dashed ones. */
#define INK    "#1f2933"
#define MUTED  "#616e7c"
#define GRID   "#e4e7eb"
#define BLUE   "#1f6feb"
#define ORANGE "#c2410c"
#define GREEN  "#15803d"
#define RED    "#b91c1c"

struct series { const char *key, *label, *colour; bool step, dashed; };
struct panel { const char *title, *unit; struct series series[2]; double at_least; };
static const struct panel panels[PANELS] = {
    { "Load", "requests/s", { { "requests", "answered", BLUE, false, false } }, 1 },
    { "CPU usage", "% of request",
      { { "usagePercent", "usage", ORANGE, false, false }, { "targetPercent", "target", MUTED, true, true } }, 100 },
    { "Replicas", "pods", { { "ready", "ready", GREEN, true, false }, { "desired", "desired", MUTED, true, true } }, 2 },
};

struct plot { struct strbuf out; const struct timeline *t; struct str hpa; double end_s, max, top;
              double taken[7];         /* of each row of faults' names in the first panel: how far it is written in */ };

static double x_of(const struct plot *p, double t) { return LEFT + (RIGHT - LEFT) * t / p->end_s; }
static double y_of(const struct plot *p, double v) { return p->top + PANEL - PANEL * v / p->max; }

struct str plot_short(struct arena *a, struct str s, size_t letters)
{
    size_t seen = 0, kept = 0;
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] & 0xc0) != 0x80 && ++seen + 3 == letters + 1)     /* three letters' room for the dots */
            kept = i;
    return seen <= letters ? s : arena_strf(a, STR_FMT "...", STR_ARG(str_sub(s, 0, kept)));
}

static void escape(struct strbuf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '&')
            strbuf_addc(out, s.p[i] == '<' ? "&lt;" : s.p[i] == '>' ? "&gt;" : "&amp;");
        else
            strbuf_addch(out, (unsigned char)s.p[i] < ' ' ? ' ' : s.p[i]);
    }
}

void plot_text(struct strbuf *out, double x, double y, const char *anchor, int size, const char *colour, const char *weight,
               struct str text)
{
    strbuf_addf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\" font-weight=\"%s\" fill=\"%s\">", x, y, anchor,
                size, weight, colour);
    escape(out, text);
    strbuf_addc(out, "</text>\n");
}

static void add_line(struct plot *p, double x1, double y1, double x2, double y2, const char *colour, const char *more)
{
    strbuf_addf(&p->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" %s/>\n", x1, y1, x2, y2, colour, more);
}

/* ---- scales ---- */
/* The smallest of 1, 2, 5 times a power of ten that cuts `span` into at most `parts`. */
static double nice_step(double span, double parts)
{
    double raw = span / parts, power = pow(10, floor(log10(raw)));
    static const double factors[] = { 1, 2, 5, 10 };
    for (size_t i = 0; i < ARRAY_LEN(factors); i++)
        if (factors[i] * power >= raw)
            return factors[i] * power;
    return 10 * power;
}

static double time_step(double end_s)
{
    static const double steps[] = { 5, 10, 30, 60, 120, 300, 600, 1800, 3600 };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (end_s / steps[i] <= 12)
            return steps[i];
    return 3600 * ceil(end_s / 3600 / 12);
}

static bool is_ours(const struct plot *p, const struct json *sample) { return str_eq(json_get_str(sample, "hpa"), p->hpa); }

static double highest(const struct plot *p, const struct panel *panel)
{
    double max = panel->at_least;
    for (const struct json *s = json_first(p->t->samples); s; s = json_next(s))
        for (size_t i = 0; i < ARRAY_LEN(panel->series) && panel->series[i].key && is_ours(p, s); i++)
            max = fmax(max, json_double(json_get(s, panel->series[i].key), 0));
    return max;
}

/* ---- a panel ---- */
static void draw_grid(struct plot *p, const struct panel *panel)
{
    double step = nice_step(highest(p, panel), 4);
    if (step < 1 && strcmp(panel->unit, "pods") == 0)
        step = 1;
    p->max = step * ceil(highest(p, panel) / step);
    for (double v = 0; v <= p->max + step / 2; v += step) {
        add_line(p, LEFT, y_of(p, v), RIGHT, y_of(p, v), v > 0 ? GRID : MUTED, "stroke-width=\"1\"");
        plot_text(&p->out, LEFT - 10, y_of(p, v) + 5, "end", 14, MUTED, "400", arena_strf(p->t->a, "%g", v));
    }
    strbuf_addf(&p->out, "<text x=\"%d\" y=\"%.1f\" font-size=\"17\" font-weight=\"600\" fill=\"%s\">%s<tspan dx=\"10\" "
                         "font-size=\"14\" font-weight=\"400\" fill=\"%s\">%s</tspan></text>\n",
                LEFT, p->top - 12, INK, panel->title, MUTED, panel->unit);
}

/* A path; a gap where there is no figure. Steps hold their value until the next sample, lines go straight to it. *label_y: of its
 * end, NAN where there was no figure at all. */
static void draw_series(struct plot *p, const struct series *s, double *label_y)
{
    bool down = false, drawn = false;
    double y = 0;
    strbuf_addf(&p->out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2.5\" stroke-linejoin=\"round\"%s d=\"", s->colour,
                s->dashed ? " stroke-dasharray=\"7 5\"" : "");
    for (const struct json *one = json_first(p->t->samples); one; one = json_next(one)) {
        const struct json *v = json_get(one, s->key);
        bool there = is_ours(p, one) && (json_is(v, JSON_INT) || json_is(v, JSON_FLOAT));
        double x = x_of(p, json_double(json_get(one, "t"), 0));
        if (is_ours(p, one) && !there)
            down = false;
        if (!there)
            continue;
        if (down && s->step)
            strbuf_addf(&p->out, " H%.1f", x);
        y = y_of(p, json_double(v, 0));
        strbuf_addf(&p->out, " %c%.1f %.1f", down ? 'L' : 'M', x, y);
        down = drawn = true;
    }
    strbuf_addc(&p->out, "\"/>\n");
    *label_y = drawn ? y : (double)NAN;
}

/* Names stand at the lines' ends, as far apart as letters are high. */
static void draw_panel(struct plot *p, const struct panel *panel)
{
    double y[2] = { NAN, NAN };
    draw_grid(p, panel);
    for (size_t i = ARRAY_LEN(panel->series); i-- > 0;)              /* the quiet one below */
        if (panel->series[i].key)
            draw_series(p, &panel->series[i], &y[i]);
    if (panel->series[1].key && fabs(y[0] - y[1]) < 18) {
        double middle = (y[0] + y[1]) / 2, half = y[0] <= y[1] ? 9 : -9;
        y[0] = middle - half;
        y[1] = middle + half;
    }
    for (size_t i = 0; i < ARRAY_LEN(panel->series); i++)
        if (panel->series[i].key && !isnan(y[i]))
            plot_text(&p->out, RIGHT + 12, y[i] + 5, "start", 15, panel->series[i].colour, "600", str_c(panel->series[i].label));
}

/* ---- the frame ---- */
static void draw_time_axis(struct plot *p, double bottom)
{
    double step = time_step(p->end_s);
    for (double t = 0; t <= p->end_s; t += step) {
        int64_t s = (int64_t)t;
        add_line(p, x_of(p, t), bottom, x_of(p, t), bottom + 6, MUTED, "stroke-width=\"1\"");
        plot_text(&p->out, x_of(p, t), bottom + 22, "middle", 14, MUTED, "400",
                  arena_strf(p->t->a, "%" PRId64 ":%02" PRId64, s / 60, s % 60));
    }
    plot_text(&p->out, RIGHT + 28, bottom + 22, "start", 14, MUTED, "400", STR("min:s"));
}

/* Only what changes the cluster, and only so much as can be read. */
static bool is_mark(const struct json *step)
{
    struct str action = json_get_str(step, "action");
    return str_eqc(action, "apply") || str_eqc(action, "patch") || str_eqc(action, "delete") || str_eqc(action, "run") ||
           str_eqc(action, "load") ||
           str_eqc(action, "fault");
}

static void draw_marks(struct plot *p)
{
    size_t n = 0;
    double last_x = -100;
    for (const struct json *s = json_first(p->t->steps); s && n < MAX_MARKS; s = json_next(s)) {
        if (!is_mark(s))
            continue;
        double x = x_of(p, json_double(json_get(s, "t"), 0)), shown = x < last_x + 18 ? last_x + 18 : x;
        last_x = shown;
        n++;
        for (int i = 0; i < PANELS; i++)           /* not through the panels' names */
            add_line(p, x, TOP + i * (PANEL + GAP), x, TOP + i * (PANEL + GAP) + PANEL, MUTED,
                     "stroke-width=\"1\" stroke-dasharray=\"2 4\"");
        plot_text(&p->out, shown, TOP - 32, "middle", 14, INK, "600", arena_strf(p->t->a, "%zu", n));
        double column = LEFT + (double)((n - 1) % 3) * 370, row = LEGEND_Y + (double)((n - 1) / 3) * 20;
        plot_text(&p->out, column, row, "start", 14, INK, "600", arena_strf(p->t->a, "%zu", n));
        struct str name = json_get_str(s, "name");
        plot_text(&p->out, column + 24, row, "start", 14, INK, "400", plot_short(p->t->a, name, 44));
    }
}

/* From where a fault or a load began to where it ended by itself, was cleared, or the time line ends. */
static double band_end(const struct plot *p, const struct json *step)
{
    double from = json_double(json_get(step, "t"), 0), end = p->end_s, lasts = json_double(json_get(step, "lasts"), 0);
    if (lasts > 0)
        end = fmin(end, from + lasts);
    for (const struct json *s = json_next(step); s; s = json_next(s))
        if (str_eq(json_get_str(s, "action"), json_get_str(step, "action")) &&
            str_eq(json_get_str(s, "object"), json_get_str(step, "object")))
            return fmin(end, json_double(json_get(s, "t"), 0));          /* cleared, or begun anew */
    return end;
}

/* A fault's name stands in the highest row in which no other one is in its way. */
static void draw_fault_name(struct plot *p, double x, struct str name)
{
    size_t row = 0;
    name = plot_short(p->t->a, name, 48);
    while (row + 1 < ARRAY_LEN(p->taken) && p->taken[row] > x)
        row++;
    p->taken[row] = x + 12 + 8.5 * (double)name.n;
    plot_text(&p->out, x + 4, TOP + 14 + 16 * (double)row, "start", 13, RED, "600", name);
}

/* Faults are shaded through all panels, and named at their upper end; a load is a bar along the foot of the load's panel. */
static void draw_bands(struct plot *p)
{
    for (const struct json *s = json_first(p->t->steps); s; s = json_next(s)) {
        bool fault = str_eqc(json_get_str(s, "action"), "fault"), load = str_eqc(json_get_str(s, "action"), "load");
        if ((!fault && !load) || json_get_bool(s, "clear", false) || !json_get_bool(s, "ok", false))
            continue;
        double x = x_of(p, json_double(json_get(s, "t"), 0)), w = fmax(2, x_of(p, band_end(p, s)) - x);
        if (load) {
            strbuf_addf(&p->out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"5\" fill=\"%s\" fill-opacity=\"0.35\"/>\n", x,
                        TOP + PANEL - 5, w, BLUE);
            continue;
        }
        for (int i = 0; i < PANELS; i++)
            strbuf_addf(&p->out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\" fill-opacity=\"0.10\"/>\n", x,
                        TOP + i * (PANEL + GAP), w, PANEL, RED);
        draw_fault_name(p, x, json_get_str(s, "object"));
    }
}

static double last_time(const struct timeline *t)
{
    double end = (double)t->scenario->duration_ns / 1e9;
    for (const struct json *s = json_first(t->samples); s; s = json_next(s))
        end = fmax(end, json_double(json_get(s, "t"), 0));
    for (const struct json *s = json_first(t->steps); s; s = json_next(s))
        end = fmax(end, json_double(json_get(s, "t"), 0));
    return end > 0 ? end : 1;
}

struct str timeline_svg(const struct timeline *t)
{
    struct plot p = { .t = t, .end_s = last_time(t), .top = TOP };
    double bottom = TOP + PANELS * PANEL + (PANELS - 1) * GAP;
    p.hpa = t->scenario->plot_hpa ? str_c(t->scenario->plot_hpa) : json_get_str(json_first(t->samples), "hpa");
    strbuf_init(&p.out, LIMIT_RESPONSE_BYTES);
    strbuf_addf(&p.out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
                        "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n"
                "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
    struct str hpa = p.hpa.n ? arena_strf(t->a, "hpa " STR_FMT, STR_ARG(p.hpa)) : STR("no autoscaler was seen");
    hpa = plot_short(t->a, hpa, 48);
    plot_text(&p.out, LEFT, 38, "start", 24, INK, "700",
              plot_short(t->a, str_c(t->scenario->name), (WIDTH - LEFT - 80 - 9 * hpa.n) / 15));
    plot_text(&p.out, RIGHT + 100, 38, "end", 16, MUTED, "400", hpa);
    draw_bands(&p);
    draw_marks(&p);
    for (size_t i = 0; i < PANELS; i++) {
        p.top = TOP + (double)i * (PANEL + GAP);
        draw_panel(&p, &panels[i]);
    }
    draw_time_axis(&p, bottom);
    strbuf_addc(&p.out, "</svg>\n");
    struct str text = arena_str(t->a, strbuf_str(&p.out));
    strbuf_deinit(&p.out);
    return text;
}
