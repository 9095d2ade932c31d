/* sim/cmd/hpa_eval.c - `kubelab hpa eval`: the autoscaler's arithmetic on recorded inputs, for tests and for the curious. */
#include "hpa/hpa.h"
#include "sim/cmd/cmd.h"

#include <stdio.h>
#include <unistd.h>

enum { INPUT_MAX_BYTES = 256 * 1024 * 1024 };

static bool read_input(const char *path, struct strbuf *out)
{
    FILE *f = path && strcmp(path, "-") != 0 ? fopen(path, "r") : stdin;
    if (!f)
        return false;
    char chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        strbuf_add(out, (struct str){ chunk, n });
    bool ok = !ferror(f) && !out->overflow;
    if (f != stdin)
        fclose(f);
    return ok;
}

int cmd_hpa(struct options *o)
{
    if (o->arg_count && strcmp(o->args[0], "why") == 0)
        return hpa_why(o);
    int minor = o->kubernetes_version ? version_minor(o->kubernetes_version) : 34;
    if (o->arg_count < 2 || o->arg_count > 3 || strcmp(o->args[0], "eval") != 0 || minor < 0)
        return command_misused("hpa");
    struct strbuf input, out, messages;
    strbuf_init(&input, INPUT_MAX_BYTES);
    strbuf_init(&out, INPUT_MAX_BYTES);
    strbuf_init(&messages, 65536);
    int status = EXIT_USAGE;
    if (!read_input(o->arg_count > 2 ? o->args[2] : NULL, &input)) {
        fprintf(stderr, "kubelab: cannot read %s\n", o->arg_count > 2 ? o->args[2] : "standard input");
    } else {
        struct hpa_eval_options eo = { .mode = o->args[1], .minor = minor, .explain = o->explain };
        status = hpa_eval(&eo, strbuf_str(&input), &out, &messages);
        fwrite(out.n ? out.p : "", 1, out.n, stdout);
        fwrite(messages.n ? messages.p : "", 1, messages.n, stderr);
    }
    strbuf_deinit(&input);
    strbuf_deinit(&out);
    strbuf_deinit(&messages);
    return status;
}
