/* tests/unit/workloads/programs/php_test.c - the PHP engine by table: source to output; then prices, limits and errors. */
#include "workloads/programs/php.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static const struct { const char *php, *want; } OUTPUTS[] = {
    /* text and tags */
    { "plain <b>html</b>\n", "plain <b>html</b>\n" },
    { "a<?php echo 1 ?>b<?= 2, 3 ?>\nc<?php // c ?>d", "a1b23cd" },
    { "echo 'a', \"b\\n\", 'c\\n';", "ab\nc\\n" },
    { "$x = 5; $a = ['k' => 'v', 3 => [1, 2]]; echo \"$x {$x}s $a[k] {$a['k']} {$a[3][1]} $a[3] \\$x ${x}\";",
      "5 5s v v 2 Array $x 5" },
    { "$n = 'Bob'; echo <<<EOT\nHi $n\n  \"q\" \\t|\nEOT;\necho <<<'X'\n$n\nX;\n", "Hi Bob\n  \"q\" \t|$n" },
    { "/* c */ # d\n echo 1; // e\n echo 2;", "12" },
    /* numbers */
    { "echo 0.1 + 0.2, ' ', 1e20, ' ', 1/3, ' ', 1e14, ' ', 1e15, ' ', 0.0001, ' ', 0.00001, ' ', -1.5e-7, ' ', 100000.0;",
      "0.3 1.0E+20 0.33333333333333 1.0E+14 1.0E+15 0.0001 1.0E-5 -1.5E-7 100000" },
    { "echo PHP_INT_MAX, ' ', PHP_INT_MAX + 1, ' ', 9223372036854775807 * 2, ' ', -PHP_INT_MAX - 2;",
      "9223372036854775807 9.2233720368548E+18 1.844674407371E+19 -9.2233720368548E+18" },
    { "echo 7 / 2, ' ', 6 / 2, ' ', 7 % 3, ' ', -7 % 3, ' ', 2 ** 10, ' ', 2 ** -1, ' ', 2 ** 63, ' ', -2 ** 2;",
      "3.5 3 1 -1 1024 0.5 9.2233720368548E+18 -4" },
    { "echo 0x1F, ' ', 017, ' ', 0b101, ' ', '12abc' + 3, ' ', '1.5' + 1, ' ', 'abc' + 1, ' ', '0x1A' + 0, ' ', '1e3' + 0;",
      "31 15 5 15 2.5 1 26 1000" },
    { "echo 1 + 2 . 3 + 4, ' ', 2 + 3 * 4, ' ', (2 + 3) * 4, ' ', 10 - 2 - 3, ' ', 6 & 3, 6 | 3, 6 ^ 3, ~6, ' ', 1 << 4, ' ', -16 "
      ">> 2;", "37 14 20 5 275-7 16 -4" },
    { "$i = 5; echo $i++, $i, ++$i, $i--, --$i; $s = 'Az'; $s++; echo $s; $z = 'zz9'; $z++; echo $z; $n = null; $n++; echo $n;",
      "56775Baaaa01" },
    { "echo sqrt(16), ' ', pow(2, 3), ' ', pow(2, 0.5), ' ', abs(-3), ' ', floor(2.7), ' ', ceil(2.1), ' ', round(2.5), ' ', "
      "round(1.955, 2), ' ', round(1234, -2), ' ', pi();",
      "4 8 1.4142135623731 3 2 3 3 1.96 1200 3.1415926535898" },
    { "echo max(1, 5, 3), min([4, 2, 8]), ' ', max('apple', 5), ' ', fmod(7.5, 2), ' ', intval('42x'), ' ', (int)3.99, ' ', "
      "(int)'1e3', ' ', bindec('101'), dechex(255), base_convert('ff', 16, 2);",
      "52 5 1.5 42 3 1 5ff11111111" },
    { "echo number_format(1234567.891, 2), ' ', number_format(1234567), ' ', number_format(0.5), ' ', number_format(-1234.567, 2, "
      "',', '.');", "1,234,567.89 1,234,567 1 -1.234,57" },
    { "var_dump(sqrt(-1), log(0), 1.0, -0.0, 0.1 + 0.7, 1e100);",
      "float(NAN)\nfloat(-INF)\nfloat(1)\nfloat(-0)\nfloat(0.8)\nfloat(1.0E+100)\n" },
    /* comparison */
    { "var_dump(0 == 'a', '1' == '01', '10' == '1e1', 100 == '1e2', null == false, [] == false, 'abc' == 0, null < -1, '0' == "
      "false, '' == null);",
      "bool(true)\nbool(true)\nbool(true)\nbool(true)\nbool(true)\nbool(true)\nbool(true)\nbool(true)\nbool(true)\nbool(true)\n" },
    { "var_dump(1 === 1.0, '1' === '1', 'a' < 'b', [1, 2] == [2 => 1], [1, 2] === [1, 2], 1 <> 2, 1.5 > '1.4');",
      "bool(false)\nbool(true)\nbool(true)\nbool(false)\nbool(true)\nbool(true)\nbool(true)\n" },
    { "echo true ? 'a' : false ? 'b' : 'c', ' ', null ?: 'x', ' ', (1 && 0) ? 1 : 2, ' '; $a = true and false; echo $a ? 't' : "
      "'f'; echo !$a == true ? 1 : 2;", "b x 2 t2" },
    { "function t($x) { echo $x; return $x; } t(0) && t(1); t(1) || t(2); echo ' ', t(1) xor t(1);", "01 11" },
    /* control */
    { "for ($i = 0, $j = 9; $i < $j; $i++, $j--) if ($i == 1) continue; elseif ($i == 3) break; else echo $i, $j, ' ';", "09 27 " },
    { "$i = 3; while ($i--): echo $i; endwhile; do { echo 'x'; } while (false); if (0): echo 1; elseif (1): echo 2; else: echo 3; "
      "endif;", "210x2" },
    { "foreach ([1, 2] as $a) foreach ([3, 4] as $b) { if ($b == 4) continue 2; echo $a, $b, ' '; }", "13 23 " },
    { "foreach (['a' => 1, 'b' => 2] as $k => $v) echo $k, $v; $l = [1, 2, 3]; foreach ($l as &$r) $r *= 2; unset($r); echo "
      "implode(',', $l);", "a1b22,4,6" },
    { "for ($i = 0; $i < 5; $i++) switch ($i) { case 1: echo 'one'; break; case '2': echo 'two'; case 3: echo 'three'; break; "
      "default: echo '?'; }", "?onetwothreethree?" },
    { "while (true) { while (true) { break 2; } } echo 'out'; switch (3): case 3: echo 3; endswitch;", "out3" },
    { "foreach ([[1, [2]], [3, [4]]] as list($a, list($b))) echo $a + $b; list(, $q) = [7, 8]; echo $q;", "378" },
    /* functions */
    { "function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); } echo fib(15), FIB(5);", "6105" },
    { "function f($a, $b = 2, $c = [1]) { return $a + $b + count($c); } echo f(1), f(1, 5), f(1, 1, [1, 2]);", "474" },
    { "function inc(&$x) { $x++; } $a = 1; inc($a); $l = ['n' => 5]; inc($l['n']); inc($l['new']); echo $a, $l['n'], $l['new'];",
      "261" },
    { "function c() { static $n = 0, $m; return ++$n . $m; } c(); c(); echo c(); $g = 1; function g() { global $g, $h; $g++; $h = "
      "7; } g(); echo $g, $h;", "327" },
    { "if (true) { function late() { return 'late'; } } echo late(); function v() { return func_num_args() . "
      "implode(func_get_args()); } echo v(4, 5);", "late245" },
    { "$f = function ($x) use (&$y) { $y = $x; return $x * 2; }; echo $f(4), $y; $s = 'strtoupper'; echo $s('a'); echo implode(',',"
      " array_map(function ($x) { return $x * $x; }, [1, 2, 3]));", "84A1,4,9" },
    { "function noreturn() {} var_dump(noreturn()); const A = 5; define('B', A + 1); echo A, B, defined('B'), M_PI, PHP_EOL;",
      "NULL\n5613.1415926535898\n" },
    { "echo __LINE__, __FILE__, __DIR__; function w() { return __FUNCTION__; } echo w();", "1/var/www/html/index.php/var/www/htmlw" },
    /* arrays */
    { "$a = [3 => 'x', 'y', '7' => 'z', 'k' => 1, 1.7 => 'f', true => 't']; $a[] = 'w'; foreach ($a as $k => $v) echo \"$k=$v \";",
      "3=x 4=y 7=z k=1 1=t 8=w " },
    { "$a = ['x' => ['y' => 1]]; $a['x']['z'][] = 2; $b = $a; $b['x']['y'] = 9; echo json_encode($a), json_encode($b); "
      "unset($a['x']['y']); echo count($a['x']);", "{\"x\":{\"y\":1,\"z\":[2]}}{\"x\":{\"y\":9,\"z\":[2]}}1" },
    { "$a = [5, 3, 9]; sort($a); echo implode(',', $a); rsort($a); echo implode(',', $a); $k = ['b' => 1, 'a' => 2]; ksort($k); "
      "echo key($k); arsort($k); echo json_encode($k);", "3,5,99,5,3a{\"a\":2,\"b\":1}" },
    { "$a = [3, 1, 2]; usort($a, function ($x, $y) { return $y - $x; }); echo implode($a), array_sum($a), implode(range(1, 5)), "
      "implode(',', range('a', 'e', 2)), implode(',', range(0, 1, 0.25));", "321612345a,c,e0,0.25,0.5,0.75,1" },
    { "$a = [1, 2, 3]; array_push($a, 4, 5); echo array_pop($a), array_shift($a); array_unshift($a, 0); echo implode($a), "
      "implode(array_slice($a, 1, 2)), implode(array_reverse($a)), implode(array_merge($a, ['q']));",
      "51" "0234" "23" "4320" "0234q" },
    { "var_dump(in_array('2', [1, 2]), array_search(3, [1, 3]), array_key_exists('a', ['a' => null]), isset($u['a']), isset($u), "
      "empty(0), empty([1]));",
      "bool(true)\nint(1)\nbool(true)\nbool(false)\nbool(false)\nbool(true)\nbool(false)\n" },
    { "print_r(['a' => 1, [2, 'x']]);",
      "Array\n(\n    [a] => 1\n    [0] => Array\n        (\n            [0] => 2\n            [1] => x\n        )\n\n)\n" },
    { "var_dump(['a' => [true, null], 1.5]); var_export([1, 'a' => 'it\\'s', 'f' => 1.0]);",
      "array(2) {\n  [\"a\"]=>\n  array(2) {\n    [0]=>\n    bool(true)\n    [1]=>\n    NULL\n  }\n  [0]=>\n  float(1.5)\n}\narray "
      "(\n  0 => 1,\n  'a' => 'it\\'s',\n  'f' => 1.0,\n)" },
    { "$a = [1]; $b = &$a; $b[] = 2; echo count($a); $c = [&$a[0]]; $c[0] = 'z'; echo $a[0]; $i = 0; $x = []; $x[$i++] = $i++; "
      "echo json_encode($x), $i;", "2z[1]2" },
    { "echo json_encode(array_unique([1, '1', 2])), json_encode(array_flip(['a', 'b'])), json_encode(array_fill(5, 2, 'x')), "
      "json_encode(array_filter([0, 1, 2])), json_encode(array_combine(['a'], [1]));",
      "{\"0\":1,\"2\":2}{\"a\":0,\"b\":1}{\"5\":\"x\",\"6\":\"x\"}{\"1\":1,\"2\":2}{\"a\":1}" },
    { "$q = []; for ($i = 0; $i < 1000; $i++) { $q[\"k$i\"] = $i; if ($i % 3) unset($q[\"k$i\"]); } echo count($q), $q['k999'], "
      "array_pop($q), count($q);", "334999999333" },
    /* strings */
    { "echo strlen('abc'), strtoupper('aB'), ucfirst('xy'), strrev('abc'), trim('  x '), '|', substr('hello', 1, 3), "
      "substr('hello', -3), substr('hello', 0, -1), strpos('hello', 'l'), str_repeat('ab', 3);", "3ABXycbax|ellllohell2ababab" },
    { "echo str_replace('l', 'L', 'hello', $n), $n, str_replace(['a', 'b'], ['1', '2'], 'cab'), implode('|', explode(',', 'a,b,,"
      "c')), str_pad('5', 3, '0', STR_PAD_LEFT), ucwords('a bc'), wordwrap('aa bb cc', 5, '-');", "heLLo2c12a|b||c005A Bcaa bb-cc" },
    { "printf('%05d|%5s|%-5s|%05.2f|%x|%b|%c|%%|%\\'*8s|%2$s|%e', 42, 'ab', 'cd', 3.14159, 255, 5, 65, 'pad', 1234.5);",
      "00042|   ab|cd   |03.14|ff|101|A|%|*****pad|ab|1.234500e+3" },
    { "echo sprintf('%03d:%s:%u:%X:%o:%+d', -5, true, 3, 255, 8, 7), md5('hello'), crc32('hello'), ord('A'), chr(66);",
      "-05:1:3:FF:10:+75d41402abc4b2a76b9719d911017c592907060870" "65B" },
    { "$s = 'abc'; echo $s[1], $s{2}; $s[0] = 'X'; $s[4] = 'Y'; echo $s, '.', strcmp('a', 'b'), htmlspecialchars('<a & \"b\">'), "
      "nl2br(\"a\\nb\");", "bcXbc Y.-1&lt;a &amp; &quot;b&quot;&gt;a<br />\nb" },
    { "$s = ''; for ($i = 0; $i < 5; $i++) $s .= $i; echo $s . 'x' . 1.0 . true . null;", "01234x11" },
    { "ob_start(); echo 'inner'; $x = ob_get_clean(); echo strtoupper($x); echo @$undefined['x'], gettype(1.5), is_numeric('1e5') "
      "? 'y' : 'n';", "INNERdoubley" },
    { "echo date('Y-m-d H:i:s D', 1579910573), gmdate('jS F y', 0); exit('bye'); echo 'never';",
      "2020-01-25 00:02:53 Sat" "1S January 70bye" },
    { "echo $_SERVER['REQUEST_METHOD'], gethostname(), isset($_GET['q']) ? 1 : 0; function s() { return "
      "$_SERVER['REQUEST_METHOD']; } echo s();", "GETweb1-abc0GET" },
    { "class A {}", "<br />\n<b>Fatal error</b>:  kubelab's PHP does not have 'class' in <b>/var/www/html/index.php</b> on line "
                    "<b>1</b><br />\n" },
    { "echo 1 / 0; echo 'after';",
      "<br />\n<b>Warning</b>:  Division by zero in <b>/var/www/html/index.php</b> on line <b>1</b><br />\nafter" },
    { "error_reporting(E_ALL); echo $u; echo $a[3]; echo FOO;",
      "<br />\n<b>Notice</b>:  Undefined variable: u in <b>/var/www/html/index.php</b> on line <b>1</b><br />\n"
      "<br />\n<b>Notice</b>:  Undefined variable: a in <b>/var/www/html/index.php</b> on line <b>1</b><br />\n"
      "<br />\n<b>Notice</b>:  Use of undefined constant FOO - assumed 'FOO' in <b>/var/www/html/index.php</b> on line <b>1</b><br "
      "/>\nFOO" },
};

static void run(struct arena *a, const char *php, struct php_options *opt, struct php_result *r)
{
    bool bare = strncmp(php, "plain", 5) == 0 || strncmp(php, "a<?", 3) == 0;
    php_run(a, bare ? str_c(php) : str_c(arena_printf(a, "<?php %s", php)), opt, r);
}

static const struct php_pair SERVER[] = { { "REQUEST_METHOD", "GET" }, { "REMOTE_ADDR", "10.32.0.5" } };

static void outputs_by_table(void **state)
{
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(OUTPUTS); i++) {
        struct arena *a = arena_new();
        struct php_options opt;
        struct php_result r;
        php_options_init(&opt);
        opt.server = SERVER;
        opt.server_count = ARRAY_LEN(SERVER);
        opt.hostname = "web1-abc";
        run(a, OUTPUTS[i].php, &opt, &r);
        if (!str_eqc(r.output, OUTPUTS[i].want))
            print_error("%s\n  gives [" STR_FMT "]\n  wants [%s]\n", OUTPUTS[i].php, STR_ARG(r.output), OUTPUTS[i].want);
        wrong += !str_eqc(r.output, OUTPUTS[i].want) || r.status != 200;
        arena_free(a);
    }
    assert_int_equal(wrong, 0);
}

static const struct { const char *php; enum php_error error; int line; const char *text; } ERRORS[] = {
    { "\necho \"OK!\"\n}", PHP_ERROR_PARSE, 3, "syntax error, unexpected '}', expecting ',' or ';'" },
    { "\n$x = 5\n$y = 6;", PHP_ERROR_PARSE, 3, "syntax error, unexpected '$y' (T_VARIABLE)" },
    { "for ($i = 0; $i < 5; $i++ {\n}", PHP_ERROR_PARSE, 1, "syntax error, unexpected '{', expecting ')'" },
    { "if (1) {\necho 1;\n", PHP_ERROR_PARSE, 3, "syntax error, unexpected end of file" },
    { "echo foo(1;", PHP_ERROR_PARSE, 1, "syntax error, unexpected ';', expecting ',' or ')'" },
    { "echo 1 echo 2;", PHP_ERROR_PARSE, 1, "syntax error, unexpected 'echo' (T_ECHO), expecting ',' or ';'" },
    { "$a = [1, 2;", PHP_ERROR_PARSE, 1, "syntax error, unexpected ';', expecting ']'" },
    { "else { }", PHP_ERROR_PARSE, 1, "syntax error, unexpected 'else' (T_ELSE)" },
    { "foo bar;", PHP_ERROR_PARSE, 1, "syntax error, unexpected 'bar' (T_STRING)" },
    { "echo 'a' 5;", PHP_ERROR_PARSE, 1, "syntax error, unexpected '5' (T_LNUMBER), expecting ',' or ';'" },
    { "\nfoo();", PHP_ERROR_FATAL, 2, "Call to undefined function foo()" },
    { "function a() {} function A() {}", PHP_ERROR_FATAL, 1,
      "Cannot redeclare a() (previously declared in /var/www/html/index.php:1)" },
    { "[] + 1;", PHP_ERROR_FATAL, 1, "Unsupported operand types" },
    { "break;", PHP_ERROR_FATAL, 1, "Cannot break/continue 1 level" },
    { "while (1);", PHP_ERROR_TIME, 1, "Maximum execution time of 30 seconds exceeded" },
    { "$a = []; while (1) $a[] = 1;", PHP_ERROR_MEMORY, 1, NULL },
    { "$s = 'x'; while (1) $s .= $s;", PHP_ERROR_MEMORY, 1, NULL },
    { "function r($n) { return r($n + 1); } r(0);", PHP_ERROR_MEMORY, 1, NULL },
    { "include 'x.php';", PHP_ERROR_UNSUPPORTED, 1, "kubelab's PHP does not have 'include'" },
    { "$x = new Foo();", PHP_ERROR_UNSUPPORTED, 1, "kubelab's PHP does not have 'new'" },
    { "$o->x;", PHP_ERROR_UNSUPPORTED, 1, "kubelab's PHP does not have objects (->)" },
};
static void errors_by_table(void **state)
{
    int wrong = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ERRORS); i++) {
        struct arena *a = arena_new();
        struct php_options opt;
        struct php_result r;
        php_options_init(&opt);
        opt.operations_max = 8000000;
        run(a, ERRORS[i].php, &opt, &r);
        bool same = r.error == ERRORS[i].error && r.error_line == ERRORS[i].line &&
                    (!ERRORS[i].text || str_eqc(r.error_text, ERRORS[i].text)) &&
                    str_starts(r.log, ERRORS[i].error == PHP_ERROR_PARSE ? "PHP Parse error:  " : "PHP Fatal error:  ");
        if (!same)
            print_error("%s: %d line %d [" STR_FMT "]\n", ERRORS[i].php, (int)r.error, r.error_line, STR_ARG(r.error_text));
        wrong += !same;
        arena_free(a);
    }
    assert_int_equal(wrong, 0);
}

static void the_labs_file_costs_80_ms(void **state)
{
    static const char LAB[] = "<?php\n  $x = 0.0001;\n  for ($i = 0; $i <= 1000000; $i++) {\n    $x += sqrt($x);\n  }\n  echo "
                              "\"OK!\";\n?>\n";
    struct arena *a = arena_new();
    struct php_options opt;
    struct php_result r;
    (void)state;
    php_options_init(&opt);
    php_run(a, str_c(LAB), &opt, &r);
    assert_true(str_eqc(r.output, "OK!"));
    print_message("cpu %.3f ms, %llu operations, %zu bytes\n", (double)r.cpu_ns / 1e6, (unsigned long long)r.operations,
                  r.memory_bytes);
    assert_in_range(r.cpu_ns, 79 * NS_PER_MS, 82 * NS_PER_MS);
    assert_false(r.volatile_output);
    arena_free(a);
}

static void status_headers_and_hidden_errors(void **state)
{
    struct arena *a = arena_new();
    struct php_options opt;
    struct php_result r;
    (void)state;
    php_options_init(&opt);
    php_run(a, STR("<?php header('Content-Type: text/plain'); header('X-A: b'); http_response_code(404); usleep(2000); echo 'no';"), &opt, &r);
    assert_int_equal(r.status, 404);
    assert_true(str_eqc(r.content_type, "text/plain;charset=UTF-8"));
    assert_int_equal(r.header_count, 2);
    assert_int_equal(r.wait_ns, 2 * NS_PER_MS);
    opt.display_errors = false;
    php_run(a, STR("<?php foo();"), &opt, &r);
    assert_int_equal(r.status, 500);
    assert_int_equal(r.output.n, 0);
    php_run(a, STR("<?php if (rand(0, 1) < 5) header('HTTP/1.1 503 Busy');"), &opt, &r);
    assert_int_equal(r.status, 503);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_by_table), cmocka_unit_test(errors_by_table), cmocka_unit_test(the_labs_file_costs_80_ms),
            cmocka_unit_test(status_headers_and_hidden_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
