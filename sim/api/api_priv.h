/* sim/api/api_priv.h - what the files of this room share: Go's quoting, and why a name is refused. */
#ifndef SIM_API_API_PRIV_H
#define SIM_API_API_PRIV_H

#include "sim/api/api.h"

void go_quote(struct strbuf *out, struct str s);                 /* as fmt's %q: "a\"b", "\x00", "\u200b" */

/* Append the reasons for which a name is refused, joined by "; "; nothing when it is good. util/validation's
 * IsQualifiedName, IsValidLabelValue. */
void qualified_name_reasons(struct strbuf *out, struct str name);
void label_value_reasons(struct strbuf *out, struct str value);

#endif
