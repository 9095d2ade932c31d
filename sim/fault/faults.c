/* sim/fault/faults.c - the faults in force: a list that mechanisms look through, and who wants to know when it changes. */
#include "sim/fault/fault.h"

#include <stdio.h>
#include <stdlib.h>

struct faults {
    struct loop *loop;
    struct list  in_force;             /* struct fault, in the order in which they began */
    struct list  watches;
};

struct faults *faults_new(struct loop *l)
{
    struct faults *fs = NEW(struct faults);
    fs->loop = l;
    list_init(&fs->in_force);
    list_init(&fs->watches);
    return fs;
}

static void tell(struct faults *fs)
{
    list_for(it, &fs->watches) {
        struct fault_watch *w = container_of(it, struct fault_watch, node);
        w->changed(w);
    }
}

static void fault_free(struct fault *f)
{
    list_remove(&f->node);
    for (size_t i = 0; i < FAULT_PARAMS_MAX; i++)
        free(f->values[i]);
    map_free(f->made, f->unmake);
    free(f->name);
    free(f);
}

void faults_free(struct faults *fs)
{
    if (!fs)
        return;
    list_for(it, &fs->in_force)
        fault_free(container_of(it, struct fault, node));
    list_for(it, &fs->watches)
        list_remove(it);
    free(fs);
}

static char *text_new(struct str s)
{
    char *text = xmalloc(s.n + 1);
    if (s.n)
        memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return text;
}

struct fault *fault_begin(struct faults *fs, const char *name, enum fault_type type, const struct json *parameters)
{
    struct fault *f = NEW(struct fault);
    const struct fault_info *info = fault_info(type);
    char stream[FAULT_TEXT_MAX + 8];
    f->all = fs;
    f->type = type;
    f->name = xstrdup(name);
    for (size_t i = 0; i < FAULT_PARAMS_MAX && info->params[i].name; i++) {
        const struct json *given = json_get(parameters, info->params[i].name);
        f->values[i] = text_new(given ? json_str(given) : str_c(info->params[i].dflt ? info->params[i].dflt : ""));
    }
    snprintf(stream, sizeof stream, "fault/%s", name);
    rng_init(&f->rng, fs->loop, stream);
    list_push(&fs->in_force, &f->node);
    trace_event(fs->loop, "fault", "%s (%s) begins", name, info->name);
    tell(fs);
    return f;
}

void fault_end(struct fault *f)
{
    if (!f)
        return;
    struct faults *fs = f->all;
    trace_event(fs->loop, "fault", "%s ends", f->name);
    fault_free(f);
    tell(fs);
}

void fault_changed(struct fault *f) { tell(f->all); }

struct fault *fault_next(const struct faults *fs, const struct fault *after, enum fault_type first, enum fault_type last)
{
    for (struct list *it = after ? after->node.next : fs->in_force.next; it != &fs->in_force; it = it->next) {
        struct fault *f = container_of(it, struct fault, node);
        if (f->type >= first && f->type <= last)
            return f;
    }
    return NULL;
}

const char *fault_text(const struct fault *f, const char *param)
{
    const struct fault_param *p = fault_param_find(f->type, str_c(param));
    return p ? f->values[p - fault_info(f->type)->params] : "";
}

int64_t fault_number(const struct fault *f, const char *param)
{
    const struct fault_param *p = fault_param_find(f->type, str_c(param));
    struct str text = str_c(fault_text(f, param));
    int64_t n = 0;
    bool ok = p && (p->value == FAULT_NUMBER ? str_int(text, &n) : duration_parse_go(text, &n));
    return ok ? n : 0;
}

bool fault_matches(const struct fault *f, const char *param, struct str text) { return fault_glob(fault_text(f, param), text); }

void *fault_subject(struct fault *f, const char *key)
{
    void *made = f->made ? map_getc(f->made, key) : NULL;
    if (made || !f->make || !(made = f->make(f->make_ctx, f, key)))
        return made;
    if (!f->made)
        f->made = map_new();
    map_putc(f->made, key, made);
    return made;
}

void *fault_shown(const struct faults *fs, const char *of, struct str node, const char *names)
{
    for (struct fault *f = NULL; (f = fault_next(fs, f, FAULT_CERTIFICATE_EXPIRED, FAULT_CERTIFICATE_WRONG)) != NULL;) {
        void *shown = strcmp(fault_text(f, "of"), of) == 0 && fault_matches(f, "node", node) ? fault_subject(f, names) : NULL;
        if (shown)
            return shown;
    }
    return NULL;
}

void fault_watch(struct faults *fs, struct fault_watch *w, void (*changed)(struct fault_watch *w))
{
    w->changed = changed;
    list_init(&w->node);
    list_push(&fs->watches, &w->node);
}

void fault_unwatch(struct fault_watch *w)
{
    if (w->node.next)
        list_remove(&w->node);
}
