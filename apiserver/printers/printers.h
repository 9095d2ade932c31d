/* apiserver/printers/printers.h - Tables: the columns and cells that kubectl get shows (upstream
 * pkg/printers/internalversion/printers.go). */
#ifndef APISERVER_PRINTERS_PRINTERS_H
#define APISERVER_PRINTERS_PRINTERS_H

#include "sim/api/api.h"

struct table_column { const char *name, *type, *format, *description; int priority; };
struct printer;                                                  /* of one resource in one server version */
/* Never NULL: resources without a printer of their own get Name and Created At (format date), as upstream's default. */
const struct printer *printer_find(int minor, struct str group, struct str version, struct str resource);
/* For a kind that came at run time: columns is the list additionalPrinterColumns (jsonPath), or NULL for Name and Age. Lives in a. */
const struct printer *printer_custom(struct arena *a, int minor, const struct json *columns);
const struct table_column *printer_columns(const struct printer *p, size_t *count);
/* Append one row's cells as a JSON array (without the row's frame): ["web1","1/1","Running",0,"43s"]. Ages from now_ns.
 * Pods also give row conditions ([{"type":"Completed",...}]) through conditions, which stays NULL otherwise. obj is in
 * the group-version asked for. */
void printer_row(const struct printer *p, const struct json *obj, int64_t now_ns, struct strbuf *cells,
                 const char **conditions_json);

#endif
