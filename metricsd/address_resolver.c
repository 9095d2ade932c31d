/* metricsd/address_resolver.c - by which of its addresses a node is reached (pkg/utils/address_resolver.go): the first
 * of the preferred types that it has. */
#include "metricsd/metricsd_priv.h"

bool metricsd_resolve_address(const struct metricsd_flags *f, const struct json *node, struct str *address, struct err *err)
{
    struct str name = meta_name(node);
    for (size_t i = 0; i < f->address_type_count; i++)
        for (const struct json *a = json_first(json_path(node, "status.addresses")); a; a = json_next(a))
            if (str_eq(json_get_str(a, "type"), f->address_types[i])) {
                *address = json_get_str(a, "address");
                return true;
            }
    struct strbuf types;
    strbuf_init(&types, 1024);
    for (size_t i = 0; i < f->address_type_count; i++)
        strbuf_addf(&types, "%s" STR_FMT, i ? " " : "", STR_ARG(f->address_types[i]));
    err_set(err, ERR_NOT_FOUND,
            "unable to extract connection information for node \"" STR_FMT "\": node " STR_FMT
            " had no addresses that matched types [" STR_FMT "]",
            STR_ARG(name), STR_ARG(name), STR_ARG(strbuf_str(&types)));
    strbuf_deinit(&types);
    return false;
}
