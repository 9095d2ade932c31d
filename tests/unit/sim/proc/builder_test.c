/* The builder: the lab's session to the letter, then Dockerfiles as a table: what is printed, what error ends it, what is in the
 * image. */
#include "tests/unit/sim/proc/proc_test.h"

struct session { struct strbuf out; struct arena *a; const struct json *record; int calls, evaluated; char error[1600]; bool refuse; };

static void on_out(void *ctx, struct str text) { strbuf_add(&((struct session *)ctx)->out, text); }

static bool on_evaluate(void *ctx, struct arena *a, struct json *record, const struct vfs *files, struct err *err)
{
    struct session *s = ctx;
    struct str page;
    s->evaluated++;
    if (vfs_read(files, "/var/www/html/index.php", &page))
        json_set(a, record, "web", json_buildf(a, "{'/index.php':{'body':%S}}", page));
    return !s->refuse || err_set(err, ERR_INTERNAL, "refused");
}

static void on_done(void *ctx, const struct json *record, const struct err *err)
{
    struct session *s = ctx;
    s->calls++;
    s->record = record;
    if (err)
        snprintf(s->error, sizeof s->error, "%s", err->msg);
}

static struct session build(struct loop *l, struct image_store *store, struct vfs *context, const char *tag)
{
    struct session s = { .a = arena_new() };
    strbuf_init(&s.out, 1 << 20);
    struct session *p = &s;
    struct image_build spec = { .context = context, .dockerfile = "Dockerfile", .tag = tag, .context_bytes = 3072, .out = on_out,
                                .evaluate = on_evaluate, .done = on_done, .ctx = p };
    image_build_start(store, &spec);
    assert_int_equal(s.calls, 0);
    test_advance(l, 60 * (int64_t)NS_PER_S);
    assert_int_equal(s.calls, 1);
    return s;
}

static void session_end(struct session *s)
{
    strbuf_deinit(&s->out);
    arena_free(s->a);
}

/* Ids are hashes and containers' ids are drawn: each becomes ID, so that the rest can be compared; the base's id is known. */
static void blank_ids(char *text)
{
    static const char *const before[] = { " ---> ", "Running in ", "container ", "built " };
    for (size_t i = 0; i < ARRAY_LEN(before); i++)
        for (char *at = text; (at = strstr(at, before[i]));) {
            at += strlen(before[i]);
            if (strspn(at, "0123456789abcdef") == 12 && strncmp(at, "24c791995c1e", 12) != 0)
                memcpy(at, "IDIDIDIDIDID", 12);
        }
}

static const char lab[] =
    "Sending build context to Docker daemon  3.072kB\n"
    "Step 1/3 : FROM php:5-apache\n"
    "5-apache: Pulling from library/php\n"
    "5e6ec7f28fb7: Pull complete\ncf165947b5b7: Pull complete\n7bd37682846d: Pull complete\n99daf8e838e1: Pull "
    "complete\nae320713efba: Pull complete\n"
    "ebcb99c48d8c: Pull complete\n9867e71b4ab6: Pull complete\n936eb418164a: Pull complete\nbc298e7adaf7: Pull "
    "complete\nccd61b587bcd: Pull complete\n"
    "b2d4b347f67c: Pull complete\n56e9dde34152: Pull complete\n9ad99b17eb78: Pull complete\n"
    "Digest: sha256:0a40fd273961b99d8afe69a61a68c73c04bc0caa9de384d3b2dd9e7986eec86d\n"
    "Status: Downloaded newer image for php:5-apache\n"
    " ---> 24c791995c1e\n"
    "Step 2/3 : ADD index.php /var/www/html/index.php\n"
    " ---> IDIDIDIDIDID\n"
    "Step 3/3 : RUN chmod a+rx /var/www/html/index.php\n"
    " ---> Running in IDIDIDIDIDID\n"
    "Removing intermediate container IDIDIDIDIDID\n"
    " ---> IDIDIDIDIDID\n"
    "Successfully built IDIDIDIDIDID\n"
    "Successfully tagged target:latest\n";
static const char lab_again[] =
    "Sending build context to Docker daemon  3.072kB\n"
    "Step 1/3 : FROM php:5-apache\n"
    " ---> 24c791995c1e\n"
    "Step 2/3 : ADD index.php /var/www/html/index.php\n"
    " ---> Using cache\n"
    " ---> IDIDIDIDIDID\n"
    "Step 3/3 : RUN chmod a+rx /var/www/html/index.php\n"
    " ---> Using cache\n"
    " ---> IDIDIDIDIDID\n"
    "Successfully built IDIDIDIDIDID\n"
    "Successfully tagged target:latest\n";

static void test_lab(void **state)
{
    (void)state;
    struct loop *l = test_loop();
    struct image_store *store = image_store_new(l, NULL);
    struct vfs *context = vfs_new();
    struct vfs_stat st;
    vfs_put(context, "/Dockerfile",
            STR("FROM php:5-apache\nADD index.php /var/www/html/index.php\nRUN chmod a+rx /var/www/html/index.php\n"), 0644, 0);
    vfs_put(context, "/index.php", STR("<?php echo 1; ?>"), 0664, 5);
    struct session s = build(l, store, context, "target");
    blank_ids(s.out.p);
    assert_string_equal(s.out.p, lab);
    assert_true(vfs_stat(image_files(store, STR("target")), "/var/www/html/index.php", &st) && st.mode == 0775 && st.mtime_ns == 5);
    assert_true(str_eqc(json_path_str(json_getn(json_get(s.record, "web"), STR("/index.php")), "body"), "<?php echo 1; ?>"));
    assert_true(str_eqc(json_get_str(s.record, "ref"), "target:latest") && str_eqc(json_get_str(s.record, "stopsignal"), "SIGWINCH"));
    assert_int_equal(json_len(json_get(s.record, "layers")), 15);
    assert_int_equal(json_get_int(s.record, "size", 0), 355000000 + 16);
    char id[80];
    snprintf(id, sizeof id, STR_FMT, STR_ARG(json_get_str(s.record, "id")));
    session_end(&s);

    s = build(l, store, context, "target");
    blank_ids(s.out.p);
    assert_string_equal(s.out.p, lab_again);
    assert_true(str_eqc(json_get_str(s.record, "id"), id));
    session_end(&s);

    vfs_put(context, "/index.php", STR("<?php echo 2; ?>"), 0664, 5);     /* the changed file and all behind it are built anew */
    s = build(l, store, context, "target");
    assert_null(strstr(s.out.p, "Using cache"));
    assert_false(str_eqc(json_get_str(s.record, "id"), id));
    session_end(&s);
    vfs_free(context);
    image_store_free(store);
    loop_free(l);
}

static const struct {
    const char *name, *dockerfile, *error;         /* error: its end, or NULL when it builds */
    const char *out;                               /* somewhere in what is printed, or NULL */
    const char *path, *text;                       /* a file of the image and what is in it (NULL: absent) */
    const char *member, *value;                    /* a member of the record, as JSON */
} cases[] = {
    { .name = "unknown instruction", .dockerfile = "FROM busybox\n\nFOO bar\n",
      .error = "Error response from daemon: dockerfile parse error line 3: unknown instruction: FOO" },
    { .name = "empty", .dockerfile = " \n", .error = "Error response from daemon: the Dockerfile (Dockerfile) cannot be empty" },
    { .name = "only comments", .dockerfile = "# a\n", .error = "Error response from daemon: file with no instructions" },
    { .name = "no FROM", .dockerfile = "RUN true\n", .error = "Error response from daemon: No build stage in current context" },
    { .name = "one argument", .dockerfile = "FROM busybox\nADD x\n",
      .error = "line 2: ADD requires at least two arguments, but only one was provided. Destination could not be determined." },
    { .name = "unknown flag", .dockerfile = "FROM busybox\nCOPY --chmod=1 a b\n", .error = "line 2: Unknown flag: chmod" },
    { .name = "flag without a name", .dockerfile = "FROM busybox\nCOPY --=from=0 a b\n", .error = "line 2: Unknown flag: " },
    { .name = "not supported", .dockerfile = "FROM busybox\nONBUILD RUN true\n", .error = "instruction not supported here: ONBUILD" },
    { .name = "missing file", .dockerfile = "FROM busybox\nADD nope /x\n", .error = "/nope: no such file or directory" },
    { .name = "missing file of COPY", .dockerfile = "FROM busybox\nCOPY dir/nope /x\n",
      .error = "/dir/nope: no such file or directory" },
    { .name = "outside", .dockerfile = "FROM busybox\nCOPY ../x /x\n",
      .error = "COPY failed: Forbidden path outside the build context: ../x ()" },
    { .name = "no match", .dockerfile = "FROM busybox\nCOPY *.html /x/\n", .error = "COPY failed: no source files were specified" },
    { .name = "many to one", .dockerfile = "FROM busybox\nCOPY a.txt b.txt /x\n",
      .error = "When using COPY with more than one source file, the destination must be a directory and end with a /" },
    { .name = "unknown base", .dockerfile = "FROM nosuch\n",
      .error = "pull access denied for nosuch, repository does not exist or may require 'docker login': denied: requested access "
               "to the resource is denied" },
    { .name = "bad base", .dockerfile = "FROM Busy\n", .error = "invalid reference format: repository name must be lowercase" },
    { .name = "unknown command", .dockerfile = "FROM php:5-apache\nRUN foo --bar\n",
      .error = "The command '/bin/sh -c foo --bar' returned a non-zero code: 127", .out = "\n/bin/sh: 1: foo: not found\n" },
    { .name = "unknown command of busybox", .dockerfile = "FROM busybox\nRUN apt-get update && true\n",
      .error = "The command '/bin/sh -c apt-get update && true' returned a non-zero code: 127",
      .out = "\n/bin/sh: apt-get: not found\n" },
    { .name = "exec form fails", .dockerfile = "FROM php:5-apache\nRUN [\"chmod\", \"+x\", \"/nope\"]\n",
      .error = "The command 'chmod +x /nope' returned a non-zero code: 1",
      .out = "chmod: cannot access '/nope': No such file or directory\n" },
    { .name = "no shell", .dockerfile = "FROM k8s.gcr.io/pause:3.1\nRUN true\n", .error = "no such file or directory\": unknown" },
    { .name = "syntax", .dockerfile = "FROM busybox\nRUN echo a | cat\n", .error = "returned a non-zero code: 2",
      .out = "Syntax error" },
    { .name = "chown of nobody known", .dockerfile = "FROM busybox\nCOPY --chown=zoe a.txt /x\n", .error = "no such user: zoe" },
    { .name = "chown", .dockerfile = "FROM php:5-apache\nCOPY --chown=www-data:www-data a.txt /x\n", .path = "/x", .text = "A" },
    { .name = "into a folder", .dockerfile = "FROM busybox\nCOPY a.txt /tmp\n", .path = "/tmp/a.txt", .text = "A" },
    { .name = "a folder's content", .dockerfile = "FROM busybox\nCOPY . /srv\n", .path = "/srv/dir/c.txt", .text = "C" },
    { .name = "a pattern", .dockerfile = "FROM busybox\nCOPY [ab].t?t /srv/\n", .path = "/srv/b.txt", .text = "B" },
    { .name = "exec form of COPY, workdir", .dockerfile = "FROM busybox\nWORKDIR /w\nWORKDIR v\nCOPY [\"a.txt\", \"./\"]\n",
      .path = "/w/v/a.txt", .text = "A", .member = "workdir", .value = "\"/w/v\"" },
    { .name = "continuation and comment", .dockerfile = "from busybox\nRUN echo one > /f && \\\n  # not now\n\n  echo two >> /f\n",
      .path = "/f", .text = "one\ntwo\n", .out = "Step 2/2 : RUN echo one > /f &&   echo two >> /f\n" },
    { .name = "variables", .dockerfile = "ARG V=latest\nFROM busybox:$V\nARG V\nARG W=w\nENV A=1 B=\"two words\"\nENV C "
                                         "$A-${B}-${X:-d}$W\nRUN echo \"$C\" '$C' > /f\n", .path = "/f", .text = "1-two words-dw $C\n",
      .member = "env", .value = "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"A=1\",\"B=two words\","
                                "\"C=1-two words-dw\"]" },
    { .name = "and, or, semicolon",
      .dockerfile = "FROM busybox\nRUN false && echo a > /f || echo b > /f; mkdir -p /x/y; cd /x/y && touch z\n", .path = "/f",
      .text = "b\n" },
    { .name = "cp, mv, rm", .dockerfile = "FROM busybox\nCOPY . /s\nRUN cp -r /s/dir /t && mv /s/a.txt /t/ && rm -rf /s/b.txt "
                                          "/nope && rm /t/c.t*\n", .path = "/t/a.txt", .text = "A" },
    { .name = "removed", .dockerfile = "FROM busybox\nCOPY . /s\nRUN rm -r /s\n", .path = "/s/a.txt" },
    { .name = "shell form of CMD", .dockerfile = "FROM busybox\nCMD echo $HOME\n", .member = "cmd",
      .value = "[\"/bin/sh\",\"-c\",\"echo $HOME\"]", .out = " ---> Running in " },
    { .name = "ENTRYPOINT clears CMD", .dockerfile = "FROM busybox\nENTRYPOINT [\"sh\"]\n", .member = "cmd", .value = "[]" },
    { .name = "but not one's own", .dockerfile = "FROM busybox\nCMD [\"-c\"]\nENTRYPOINT [\"sh\"]\n", .member = "cmd",
      .value = "[\"-c\"]" },
    { .name = "ports", .dockerfile = "FROM nginx\nEXPOSE 8080 53/udp 80\n", .member = "ports",
      .value = "[\"80/tcp\",\"8080/tcp\",\"53/udp\"]" },
    { .name = "bad port", .dockerfile = "FROM nginx\nEXPOSE http\n", .error = "invalid containerPort: http" },
    { .name = "labels", .dockerfile = "FROM busybox\nLABEL a=b \"c d\"=\"e f\"\n", .member = "labels",
      .value = "{\"a\":\"b\",\"c d\":\"e f\"}" },
    { .name = "user, signal, volume, health",
      .dockerfile = "FROM busybox\nUSER 1000\nVOLUME /data\nHEALTHCHECK NONE\nSTOPSIGNAL SIGTERM\n", .member = "stopsignal",
      .value = "\"SIGTERM\"" },
    { .name = "bad signal", .dockerfile = "FROM busybox\nSTOPSIGNAL FOO\n", .error = "Invalid signal: FOO" },
    { .name = "stages", .dockerfile = "FROM busybox AS make\nRUN echo made > /f\nFROM make AS more\nRUN echo more >> /f\nFROM "
                                      "scratch\nCOPY --from=more /f /g\nCOPY --from=0 /f /h\n", .path = "/g", .text = "made\nmore\n" },
    { .name = "unknown stage", .dockerfile = "FROM busybox\nCOPY --from=nope /f /g\n",
      .error = "denied: requested access to the resource is denied" },
};

static void check_case(size_t i, const struct session *s, struct image_store *store)
{
    const char *name = cases[i].name;
    struct str text;
    if (cases[i].error && !str_ends(str_c(s->error), cases[i].error))
        fail_msg("%s: error \"%s\", wanted \"%s\"\n%s", name, s->error, cases[i].error, s->out.p);
    if (!cases[i].error && !s->record)
        fail_msg("%s: %s\n%s", name, s->error, s->out.p);
    if (cases[i].error && s->record)
        fail_msg("%s: an error and an image", name);
    if (cases[i].out && !strstr(s->out.p, cases[i].out))
        fail_msg("%s: not printed: %s\n%s", name, cases[i].out, s->out.p);
    if (cases[i].path && (vfs_read(image_files(store, STR("t")), cases[i].path, &text)
                          ? !cases[i].text || !str_eqc(text, cases[i].text) : cases[i].text != NULL))
        fail_msg("%s: file %s\n%s", name, cases[i].path, s->out.p);
    if (cases[i].member && !str_eqc(json_text(s->a, json_get(s->record, cases[i].member)), cases[i].value))
        fail_msg("%s: %s is " STR_FMT, name, cases[i].member, STR_ARG(json_text(s->a, json_get(s->record, cases[i].member))));
}

static void test_table(void **state)
{
    (void)state;
    struct loop *l = test_loop();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image_store *store = image_store_new(l, NULL);
        struct vfs *context = vfs_new();
        vfs_put(context, "/Dockerfile", str_c(cases[i].dockerfile), 0644, 0);
        vfs_put(context, "/a.txt", STR("A"), 0644, 0);
        vfs_put(context, "/b.txt", STR("B"), 0644, 0);
        vfs_put(context, "/dir/c.txt", STR("C"), 0600, 0);
        struct session s = build(l, store, context, "t");
        check_case(i, &s, store);
        session_end(&s);
        vfs_free(context);
        image_store_free(store);
    }
    loop_free(l);
}

static void test_ends(void **state)
{
    (void)state;
    struct loop *l = test_loop();
    struct image_store *store = image_store_new(l, NULL);
    struct vfs *context = vfs_new();
    struct session s = build(l, store, context, "t");
    assert_string_equal(s.error, "Error response from daemon: Cannot locate specified Dockerfile: Dockerfile");
    session_end(&s);
    vfs_put(context, "/Dockerfile", STR("FROM php:5-apache\nRUN true"), 0644, 0);
    s = build(l, store, context, "Bad");
    assert_string_equal(s.error,
                        "invalid argument \"Bad\" for \"-t, --tag\" flag: invalid reference format: repository name must be "
                        "lowercase");
    session_end(&s);
    s = build(l, store, context, NULL);
    assert_true(s.record && image_find(store, str_sub(json_get_str(s.record, "id"), 7, 19)) == s.record && s.evaluated == 1);
    assert_null(strstr(s.out.p, "tagged"));
    session_end(&s);
    struct image_build spec = { .context = context, .done = on_done, .ctx = &s };
    image_build_start(store, &spec);
    vfs_free(context);
    image_store_free(store);                                              /* with a build under way */
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lab), cmocka_unit_test(test_table), cmocka_unit_test(test_ends) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
