/* workloads/programs/php.h - the PHP of the php:5-apache image: a subset of PHP 5.6, really evaluated, with every
 * operation priced.
 *
 * php_run parses and evaluates one file and tells what a client would get and what it would have cost the simulated
 * node. It is pure: no clock, no dice, no files; what the world looks like comes in through php_options, so the same
 * options give the same bytes. It runs to completion in one call (the lab's file takes some 50 ms of real time) and may
 * be called on a worker thread (loop_work). Order of use: php_options_init, fill in, php_run, use the result while the
 * arena lives.
 */
#ifndef WORKLOADS_PROGRAMS_PHP_H
#define WORKLOADS_PROGRAMS_PHP_H

#include "sim/base/base.h"

/* an entry of $_SERVER or $_GET; value NULL ends nothing, it is the empty string */
struct php_pair { const char *name, *value; };

struct php_options {
    const char *script_path;                       /* shown in errors and in __FILE__ */
    const char *hostname;                          /* gethostname(), php_uname('n') */
    const struct php_pair *server, *get;           /* $_SERVER (REQUEST_METHOD, REMOTE_ADDR ...) and $_GET, in order */
    size_t      server_count, get_count;
    uint64_t  (*random_u64)(void *ctx);            /* rand, mt_rand, shuffle ...; NULL: a fixed sequence */
    void       *random_ctx;
    /* virtual time at the start of the request, ns since 1970; advances by the CPU used and by sleeps */
    int64_t     now_ns;
    bool        display_errors, html_errors, log_errors; /* without a php.ini, as in the image, all three are on */
    uint64_t    operations_max;                    /* what this process is willing to evaluate */
    uint64_t    cpu_ns_max;                        /* max_execution_time, which on Linux counts CPU time */
    size_t      memory_bytes_max;                  /* memory_limit */
    size_t      output_bytes_max;
};
/* the image's defaults: /var/www/html/index.php, LIMIT_PHP_*, 30 s, errors shown */
void php_options_init(struct php_options *opt);

enum php_error {                                   /* why evaluation ended; warnings and notices do not end it */
    PHP_ERROR_NONE,
    PHP_ERROR_PARSE,                               /* what PHP itself calls a parse error */
    /* right for PHP, but not in this subset (classes, include ...): error_text names it */
    PHP_ERROR_UNSUPPORTED,
    PHP_ERROR_FATAL,                               /* undefined function, wrong operands ... */
    PHP_ERROR_MEMORY,                              /* memory_limit */
    PHP_ERROR_TIME,                                /* max_execution_time */
};
struct php_header { struct str name, value; };

struct php_result {                                /* everything lives in the arena given to php_run */
    struct str  output;                            /* the body, with error texts where PHP prints them */
    int         status;                            /* 200 unless the script or a hidden fatal error says otherwise */
    struct str  content_type;                      /* "text/html; charset=UTF-8" unless header() says otherwise */
    struct php_header *headers; size_t header_count; /* of header(), without Content-Type; with X-Powered-By first */
    /* lines for the server's error log: "PHP Warning:  Division by zero in /var/... on line 3\n"; Apache puts
     * "[date] [:error] [pid 16] [client 10.32.0.4:41234] " before each */
    struct str  log;
    uint64_t    cpu_ns;                            /* CPU time on the simulated node, compiling included */
    uint64_t    wait_ns;                           /* slept: takes a worker's time but no CPU */
    uint64_t    operations;                        /* evaluated, of all kinds */
    size_t      memory_bytes;                      /* peak of what PHP would count against memory_limit, engine included */
    enum php_error error;
    struct str  error_text;                        /* "syntax error, unexpected '}'"; empty without error */
    int         error_line;
    /* asked for time, dice, host, $_SERVER or $_GET: another request may be answered differently */
    bool        volatile_output;
    /* operations_max was reached: reported as PHP_ERROR_TIME, the rest up to cpu_ns_max is assumed */
    bool        cut_short;
};
void php_run(struct arena *a, struct str source, const struct php_options *opt, struct php_result *out);

#endif
