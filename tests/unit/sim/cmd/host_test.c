/* The lab's host: which words are the node's paths, what sudo makes of a command line, where the proxy leads, what a
 * .dockerignore leaves out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sim/cmd/cluster.h"
#include "sim/cmd/host.h"

#define ROOT "/data/node"
static const struct host_map at_home = { { ROOT, sizeof ROOT - 1 }, { "/home/user", 10 } };

static void paths(void **state)
{
    (void)state;
    static const struct { const char *cwd, *word, *mapped; } cases[] = {
        { "/home/user", "/etc/kubernetes", ROOT "/etc/kubernetes" },
        { "/home/user", "/etc/kubernetes/", ROOT "/etc/kubernetes/" },
        { "/home/user", "/etc/kubernetes/kubelet.conf", ROOT "/etc/kubernetes/kubelet.conf" },
        { "/home/user", "/etc//kubernetes/./pki/../admin.conf", ROOT "/etc/kubernetes/admin.conf" },
        { "/home/user", "/var/lib/kubelet/kubeadm-flags.env", ROOT "/var/lib/kubelet/kubeadm-flags.env" },
        { "/home/user", "/usr/lib/systemd/system/kubelet.service", ROOT "/lib/systemd/system/kubelet.service" },
        { "/home/user", "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
          ROOT "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf" },
        { "/home/user", "/etc/default/kubelet", ROOT "/etc/default/kubelet" },
        { "/", "etc/kubernetes/x", ROOT "/etc/kubernetes/x" },
        { "/etc", "kubernetes", ROOT "/etc/kubernetes" },
        { "/var/lib", "../../var/log/pods", ROOT "/var/log/pods" },
        { "/home/user", "--kubeconfig=/etc/kubernetes/admin.conf", "--kubeconfig=" ROOT "/etc/kubernetes/admin.conf" },
        { "/home/user", "-f/etc/kubernetes/manifests", "-f" ROOT "/etc/kubernetes/manifests" },
        { "/home/user", "of=/var/lib/kubelet/x", "of=" ROOT "/var/lib/kubelet/x" },
        { "/home/user", "/etc/kubernetes2", NULL }, { "/home/user", "/etc/kubernetes.bak", NULL },
        { "/home/user", "/etc/kubernetes/../passwd", NULL },
        { "/home/user", "/lib/systemd/system/kubelet.service.d", NULL }, { "/home/user", "s#/etc/kubernetes#x#", NULL },
        { "/home/user", "https://h/etc/kubernetes", NULL },
        { "/home/user", "etc/kubernetes", NULL }, { "/home/user", "-", NULL }, { "/home/user", "", NULL },
        { "/home/user", "--", NULL },
        { "/home/user", ROOT "/etc/kubernetes/x", NULL }, { "/", "../../..", NULL },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct host_map m = { STR(ROOT), str_c(cases[i].cwd) };
        assert_string_equal(arena_cstr(a, host_map_word(a, &m, str_c(cases[i].word))),
                            cases[i].mapped ? cases[i].mapped : cases[i].word);
    }
    arena_free(a);
}

static void scripts(void **state)
{
    (void)state;
    static const struct { const char *root, *script, *mapped; } cases[] = {
        { ROOT, "cat /etc/kubernetes/x > /var/lib/kubelet/y", "cat " ROOT "/etc/kubernetes/x > " ROOT "/var/lib/kubelet/y" },
        { ROOT, "echo hi>/etc/kubernetes/x", "echo hi>" ROOT "/etc/kubernetes/x" },
        { ROOT, "sed -i 's#/etc/kubernetes#y#' f", "sed -i 's#/etc/kubernetes#y#' f" },
        { ROOT, "X=/etc/kubernetes; ls $X", "X=" ROOT "/etc/kubernetes; ls $X" },
        { ROOT, "ls \"/etc/kubernetes\" '/var/log/pods'", "ls \"" ROOT "/etc/kubernetes\" '" ROOT "/var/log/pods'" },
        { ROOT, "ls /etc/kubernetes2 a/etc/kubernetes", "ls /etc/kubernetes2 a/etc/kubernetes" },
        { "/a b", "ls /etc/kubernetes \"/etc/kubernetes\"", "ls /a\\ b/etc/kubernetes \"/a b/etc/kubernetes\"" },
        { ROOT, "", "" }, { ROOT, "'", "'" }, { ROOT, "\\", "\\" },
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct host_map m = { str_c(cases[i].root), STR("/") };
        assert_string_equal(arena_cstr(a, host_map_script(a, &m, str_c(cases[i].script))), cases[i].mapped);
    }
    arena_free(a);
}

/* Command lines as words parted by one space. */
static char *joined(struct arena *a, struct host_argv v)
{
    char *text = arena_strdup(a, "");
    for (int i = 0; i < v.n; i++)
        text = arena_printf(a, "%s%s%s", text, i ? " " : "", v.v[i]);
    return text;
}

static int split(struct arena *a, const char *line, char **words)
{
    int n = 0;
    for (struct str rest = str_c(line); rest.p && n < 15;)
        words[n++] = arena_cstr(a, str_token(&rest, '|'));
    words[n] = NULL;
    return n;
}

static void command_lines(void **state)
{
    (void)state;
    static const struct { const char *line, *mapped; } cases[] = {
        { "cat|/etc/kubernetes/x", "cat " ROOT "/etc/kubernetes/x" },
        { "cat|/etc/kubernetes/nothing-*", "cat " ROOT "/etc/kubernetes/nothing-*" },
        { "echo|/etc/kubernetes", "echo /etc/kubernetes" },
        { "grep|/etc/kubernetes|/etc/kubernetes/x", "grep /etc/kubernetes " ROOT "/etc/kubernetes/x" },
        { "grep|-e|/etc/kubernetes|/etc/kubernetes/x", "grep -e /etc/kubernetes " ROOT "/etc/kubernetes/x" },
        { "bash|-c|cat /etc/kubernetes/x", "bash -c cat " ROOT "/etc/kubernetes/x" },
        { "bash|/etc/kubernetes/x.sh", "bash " ROOT "/etc/kubernetes/x.sh" },
        { "/etc/kubernetes/tool|a", ROOT "/etc/kubernetes/tool a" },
        { "kubectl|--kubeconfig=/etc/kubernetes/admin.conf|get|no", "kubectl --kubeconfig=" ROOT "/etc/kubernetes/admin.conf get no" },
        { "kubectl|config|set-cluster|c|--kubeconfig=/etc/kubernetes/b.conf|--certificate-authority=/etc/kubernetes/pki/ca.crt",
          "kubectl config set-cluster c --kubeconfig=" ROOT "/etc/kubernetes/b.conf "
                                                            "--certificate-authority=/etc/kubernetes/pki/ca.crt" },
        { "kubectl|config|set-cluster|c|--certificate-authority|/etc/kubernetes/pki/ca.crt|--embed-certs",
          "kubectl config set-cluster c --certificate-authority " ROOT "/etc/kubernetes/pki/ca.crt --embed-certs" },
        { "kubectl|config|set-cluster|c|--certificate-authority|/etc/kubernetes/pki/ca.crt",
          "kubectl config set-cluster c --certificate-authority /etc/kubernetes/pki/ca.crt" },
        { "watch|cat /etc/kubernetes/x", "watch cat " ROOT "/etc/kubernetes/x" },
        { "sed|-i|s/\"$/ --rotate-server-certificates\"/|/var/lib/kubelet/kubeadm-flags.env",
          "sed -i s/\"$/ --rotate-server-certificates\"/ " ROOT "/var/lib/kubelet/kubeadm-flags.env" },
        { "cp|b.conf|/etc/kubernetes/b.conf", "cp b.conf " ROOT "/etc/kubernetes/b.conf" },
    };
    struct arena *a = arena_new();
    char *words[16];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int n = split(a, cases[i].line, words);
        assert_string_equal(joined(a, host_map_argv(a, &at_home, n, words)), cases[i].mapped);
    }
    struct host_map inside = { STR(ROOT), STR("/etc/kubernetes") };
    int n = split(a, "cat|kubelet.conf", words);
    assert_string_equal(joined(a, host_map_argv(a, &inside, n, words)), "cat " ROOT "/etc/kubernetes/kubelet.conf");
    arena_free(a);
}

static void sudo_options(void **state)
{
    (void)state;
    static const struct { const char *line; bool ok, login, shell; int first, env; } cases[] = {
        { "sudo|ls|-l", true, false, false, 1, 0 }, { "sudo|-n|-E|ls", true, false, false, 3, 0 },
        { "sudo|-u|root|ls", true, false, false, 3, 0 }, { "sudo|-uroot|ls", true, false, false, 2, 0 },
        { "sudo|-i", true, true, false, 2, 0 }, { "sudo|-s", true, false, true, 2, 0 }, { "sudo|--|ls", true, false, false, 2, 0 },
        { "sudo|A=b|C=|ls", true, false, false, 3, 2 },
        { "sudo|--user=root|--preserve-env=A|ls", true, false, false, 3, 0 }, { "sudo|--nonsense|ls", false, false, false, 0, 0 },
        { "sudo|-y", false, false, false, 0, 0 }, { "sudo|-u", false, false, false, 0, 0 },
        { "sudo", true, false, false, 1, 0 },
    };
    struct arena *a = arena_new();
    char *words[16], *bad = NULL;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sudo_flags f;
        int n = split(a, cases[i].line, words);
        bool ok = sudo_parse(&f, n, words, &bad);
        assert_int_equal(ok, cases[i].ok);
        if (!ok)
            continue;
        assert_int_equal(f.first, cases[i].first);
        assert_int_equal(f.env_count, cases[i].env);
        assert_int_equal(f.login, cases[i].login);
        assert_int_equal(f.shell, cases[i].shell);
    }
    arena_free(a);
}

static void names_again(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_string_equal(arena_cstr(a,
                                   host_unmap(a, &at_home, STR("cat: " ROOT "/etc/kubernetes/x: No such file\n" ROOT "/a and " ROOT "2"))), "cat: /etc/kubernetes/x: No such file\n/a and " ROOT "2");
    assert_string_equal(arena_cstr(a, host_unmap(a, &at_home, STR("nothing"))), "nothing");
    arena_free(a);
}

static void proxy_targets(void **state)
{
    (void)state;
    static const struct { const char *host; int port; enum proxy_target target; const char *ip; } cases[] = {
        { "192.168.229.132", 6443, PROXY_CLUSTER, "192.168.229.132" }, { "ubuntu", 10250, PROXY_CLUSTER, "192.168.229.132" },
        { "10.96.0.1", 443, PROXY_CLUSTER, "10.96.0.1" },
        { "10.111.255.1", 80, PROXY_CLUSTER, "10.111.255.1" }, { "10.32.0.5", 80, PROXY_CLUSTER, "10.32.0.5" },
        { "localhost", 6443, PROXY_LOCAL, "127.0.0.1" }, { "127.0.0.1", 8080, PROXY_LOCAL, "127.0.0.1" },
        { "[::1]", 8080, PROXY_LOCAL, "127.0.0.1" }, { "10.112.0.1", 80, PROXY_REFUSE, "" }, { "10.95.0.1", 80, PROXY_REFUSE, "" },
        { "8.8.8.8", 443, PROXY_REFUSE, "" }, { "github.com", 443, PROXY_REFUSE, "" },
        { "192.168.229.133", 22, PROXY_REFUSE, "" }, { "10.96.0.1.evil.org", 80, PROXY_REFUSE, "" },
        { "10.96.0", 80, PROXY_REFUSE, "" }, { "10.96.0.256", 80, PROXY_REFUSE, "" }, { "ubuntu", 0, PROXY_REFUSE, "" },
        { "ubuntu", 65536, PROXY_REFUSE, "" }, { "", 80, PROXY_REFUSE, "" }, { "worker1", 10250, PROXY_REFUSE, "" },
    }, more[] = {
        { "192.168.229.133", 10250, PROXY_CLUSTER, "192.168.229.133" }, { "worker2", 10250, PROXY_CLUSTER, "192.168.229.134" },
        { "worker3", 10250, PROXY_REFUSE, "" },
        { "192.168.229.135", 10250, PROXY_REFUSE, "" }, { "ubuntu", 6443, PROXY_CLUSTER, "192.168.229.132" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char ip[64] = "";
        assert_int_equal(proxy_classify(str_c(cases[i].host), cases[i].port, 1, ip), cases[i].target);
        assert_string_equal(ip, cases[i].ip);
    }
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        char ip[64] = "";
        assert_int_equal(proxy_classify(str_c(more[i].host), more[i].port, 3, ip), more[i].target);
        assert_string_equal(ip, more[i].ip);
    }
}

/* Every node has a name, an address and a range of its own, and is found by the first two. */
static void places(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int i = 0; i < NODES_MAX; i++) {
        struct node_place p, q;
        char ip[64];
        node_place(i, &p);
        assert_int_equal(node_find(str_c(p.name), NODES_MAX), i);
        assert_int_equal(node_find(str_c(p.ip), NODES_MAX), i);
        assert_int_equal(node_find(str_c(p.name), i), -1);
        for (int k = 0; k < i; k++) {
            node_place(k, &q);
            assert_string_not_equal(p.pod_base, q.pod_base);
        }
        assert_int_equal(proxy_classify(arena_strf(a, "%s2", p.pod_base), 80, 1, ip), PROXY_CLUSTER);
    }
    assert_int_equal(node_find(STR_NULL, NODES_MAX), -1);
    assert_int_equal(node_find(STR("worker16"), NODES_MAX), -1);
    assert_string_equal(node_dir(a, "/d", 0), "/d/node");
    assert_string_equal(node_dir(a, "/d", 2), "/d/nodes/worker2");
    arena_free(a);
}

static void ignored_files(void **state)
{
    (void)state;
    static const struct { const char *patterns, *path; bool excluded; } cases[] = {
        { "*.log", "a.log", true }, { "*.log", "d/a.log", false }, { "**/*.log", "d/e/a.log", true }, { "**/*.log", "a.log", true }, { "d", "d/e/f", true }, { "/d/", "d", true }, { "d/*", "d/e", true },
        { "d/*", "d", false }, { "*\n!keep", "keep", false }, { "*\n!keep", "other", true }, { "!keep\n*", "keep", true }, { "# *\n", "x", false }, { "a?c", "abc", true }, { "a?c", "a/c", false },
        { "[a-c]x", "bx", true }, { "[^a-c]x", "bx", false }, { "[a", "a", false }, { "*", "Dockerfile", false }, { "", "x", false }, { "./x", "x", true }, { "\\*", "*", true }, { "**", "a/b", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(dockerignore_excludes(str_c(cases[i].patterns), str_c(cases[i].path)), cases[i].excluded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths), cmocka_unit_test(scripts), cmocka_unit_test(command_lines), cmocka_unit_test(sudo_options), cmocka_unit_test(names_again), cmocka_unit_test(proxy_targets),
        cmocka_unit_test(ignored_files), cmocka_unit_test(places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
