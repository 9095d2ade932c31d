/* sim/cmd/lab_new.c - `kubelab lab new NAME [DIR]` writes a small lab that works; `kubelab lab pack LAB --out FILE` makes one
 * file of a lab. */
#include "labs/labs.h"
#include "sim/cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

EMBED(new_lab, "sim/cmd/lab_new/lab.yaml")
EMBED(new_guide, "sim/cmd/lab_new/guide.md")
EMBED(new_start, "sim/cmd/lab_new/start.yaml")
EMBED(new_solution, "sim/cmd/lab_new/solution.yaml")
EMBED(new_few, "sim/cmd/lab_new/wrong-too-few.yaml")
EMBED(new_image, "sim/cmd/lab_new/wrong-image.yaml")
EMBED(new_grade, "sim/cmd/lab_new/grade.yaml")
EMBED(new_deployment, "sim/cmd/lab_new/deployment.yaml")
static const struct { const char *path; struct str (*bytes)(void); } files[] = {
    { "lab.yaml", new_lab }, { "guide.md", new_guide }, { "start.yaml", new_start }, { "solution.yaml", new_solution },
    { "wrong-too-few.yaml", new_few },
    { "wrong-image.yaml", new_image }, { "grade.yaml", new_grade }, { "files/web/deployment.yaml", new_deployment },
};

static bool write_one(struct arena *a, const char *dir, const char *path, struct str template, const char *name, struct err *err)
{
    struct strbuf out;
    char *full = arena_printf(a, "%s/%s", dir, path), *slash = strrchr(full, '/');
    strbuf_init(&out, LIMIT_BODY_BYTES);
    for (ptrdiff_t at; (at = str_find(template, STR("@NAME@"))) >= 0; template = str_sub(template, (size_t)at + 6, template.n)) {
        strbuf_add(&out, str_sub(template, 0, (size_t)at));
        strbuf_addc(&out, name);
    }
    strbuf_add(&out, template);
    *slash = 0;
    bool ok = dir_make(full, 0755, err);
    *slash = '/';
    ok = ok && file_write(full, strbuf_str(&out), 0644, err);
    strbuf_deinit(&out);
    return ok;
}

int lab_new(struct options *o)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct stat st;
    const char *name = o->args[1], *dir = o->arg_count > 2 ? o->args[2] : name;
    bool ok = lab_name_ok(name) ||
              err_set(&err, ERR_USAGE, "a lab's name is of small letters, digits and -, a letter first, at most 40: not \"%s\"", name);
    if (ok && lab_find(name))
        ok = err_set(&err, ERR_USAGE, "there is a lab \"%s\" already", name);
    if (ok && lstat(dir, &st) == 0)
        ok = err_set(&err, ERR_USAGE, "%s is there already: name another folder, or remove it", dir);
    for (size_t i = 0; i < ARRAY_LEN(files) && ok; i++)
        ok = write_one(a, dir, files[i].path, files[i].bytes(), name, &err);
    if (ok)
        printf("%s holds a small lab that works. Change it, and ask now and then whether it still does:\n"
               "  kubelab lab test %s%s\n", dir, strchr(dir, '/') ? "" : "./", dir);
    int status = ok ? EXIT_DONE : control_fail(&err);
    err_clear(&err);
    arena_free(a);
    return status;
}

int lab_pack_file(struct options *o, const struct lab *lab)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct str pack, digest;
    const char *out = o->out;
    bool ok = out || err_set(&err, ERR_USAGE, "--out FILE says where the pack goes");
    ok = ok && checks_compile(lab, &err) && lab_pack(a, lab, o->all, &pack, &digest, &err) && file_write(out, pack, 0644, &err);
    if (ok)
        printf("%s: the lab %s, %zu bytes, sha256 of its manifest " STR_FMT "\n", out, lab->name, pack.n, STR_ARG(digest));
    int status = ok ? EXIT_DONE : control_fail(&err);
    err_clear(&err);
    arena_free(a);
    return status;
}
