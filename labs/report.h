/* labs/report.h - between report.c and report_tools.c. */
#ifndef LABS_REPORT_H
#define LABS_REPORT_H

#include "labs/grade.h"

void report_text(struct arena *a, const struct grade *g, struct strbuf *out);

bool report_shows(const struct grade *g, const struct grade_check *c);         /* is it told of at all? */
struct grade_sum report_sum(const struct grade *g);                            /* of what is told of */
/* Why a check has not been judged, or could not be; NULL where there is nothing to say. */
const char *report_reason(struct arena *a, const struct grade *g, const struct grade_check *c);
void report_submission(const struct grade *g, struct strbuf *out);             /* lines: how what was handed in was taken */

void report_junit(struct arena *a, const struct grade *g, struct strbuf *out);
void report_gradescope(struct arena *a, const struct grade *g, struct strbuf *out);
void report_prairielearn(struct arena *a, const struct grade *g, struct strbuf *out);
void report_autolab(struct arena *a, const struct grade *g, struct strbuf *out);
void report_tap(struct arena *a, const struct grade *g, struct strbuf *out);

#endif
