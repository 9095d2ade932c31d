/* sim/cmd/variant.c - the values of parameters as a command line gives them: by a seed, by a student's id and the course's key,
 * or one by one. */
#include "labs/params.h"
#include "sim/cmd/cmd.h"

enum { MAX_KEY_BYTES = 4096, MIN_KEY_BYTES = 16, MAX_STUDENT = 200 };

/* A key file's bytes without the white space around them, so that an editor's last newline changes no variant. */
static bool read_key(struct arena *a, const struct options *o, struct str *key, struct err *err)
{
    struct str text;
    if (!o->student || !o->key)
        return err_set(err, ERR_USAGE, "--student and --key belong together: a student's id, and the file with the course's key");
    if (!o->student[0] || strlen(o->student) > MAX_STUDENT)
        return err_set(err, ERR_USAGE, "a student's id has between 1 and %d characters", MAX_STUDENT);
    if (!file_read(o->key, MAX_KEY_BYTES, a, &text, err))
        return err_set(err, ERR_USAGE, "the course's key: %s", arena_strdup(a, err->msg));
    *key = str_trim(text);
    return key->n >= MIN_KEY_BYTES ||
           err_set(err, ERR_USAGE, "%s holds fewer than %d bytes: make a key with 'head -c 32 /dev/urandom | base64 > %s'", o->key,
                                              MIN_KEY_BYTES, o->key);
}

struct json *variant_set(struct arena *a, const struct options *o, struct err *err)
{
    struct json *set = json_new_object(a);
    for (int i = 0; i < o->set_count; i++)
        if (!params_set(a, set, o->set[i], err))
            return NULL;
    return set;
}

bool variant_choose(struct arena *a, const struct options *o, struct scenario_choice *c, struct err *err)
{
    *c = (struct scenario_choice){ .seed_given = o->seed_given, .seed = (int64_t)o->seed, .student = o->student,
                                   .set = variant_set(a, o, err) };
    if ((o->student || o->key) && o->seed_given)
        return err_set(err, ERR_USAGE, "--seed and --student exclude each other: a variant has its own seed");
    if ((o->student || o->key) && !read_key(a, o, &c->key, err))
        return false;
    return c->set != NULL;
}
