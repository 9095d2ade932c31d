/* apiserver/openapi/wire.h - protobuf's wire format: writing with nested messages, and reading a message field by field. */
#ifndef APISERVER_OPENAPI_WIRE_H
#define APISERVER_OPENAPI_WIRE_H

#include "sim/base/base.h"

/* ---- write. A message is begun, filled and ended; its length is put in front when it is known. ---- */
size_t wire_begin(struct strbuf *out, unsigned field);           /* returns what wire_end wants */
void wire_end(struct strbuf *out, size_t start);
void wire_bytes(struct strbuf *out, unsigned field, struct str s);
void wire_text(struct strbuf *out, unsigned field, const char *s);   /* NULL or empty: nothing, as proto3 */
void wire_bool(struct strbuf *out, unsigned field, bool v);          /* false: nothing */

/* ---- read ---- */
enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };
struct wire_field {
    unsigned       number;
    enum wire_type type;
    uint64_t       value;              /* of the three numeric types */
    struct str     bytes;              /* of WIRE_BYTES */
};
/* The next field of *rest, which is advanced. False at the end; *bad is set on malformed input. */
bool wire_next(struct str *rest, struct wire_field *f, bool *bad);

#endif
