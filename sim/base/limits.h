/* sim/base/limits.h - every bound in kubelab, with its reason. */
#ifndef SIM_BASE_LIMITS_H
#define SIM_BASE_LIMITS_H

enum {
    /* request body; kube-apiserver's own limit for a resource (MaxRequestBodyBytes) */
    LIMIT_BODY_BYTES         = 3 * 1024 * 1024,
    /* all headers of one message; Go's default is 1 MB, no client of ours comes near */
    LIMIT_HEADER_BYTES       = 64 * 1024,
    LIMIT_TARGET_BYTES       = 16 * 1024,         /* path and query */
    LIMIT_RESPONSE_BYTES     = 64 * 1024 * 1024,  /* a buffered answer: the OpenAPI document is about 3 MB */
    LIMIT_JSON_DEPTH         = 128,               /* nesting; the deepest real object is about 20 */
    LIMIT_YAML_BYTES         = 4 * 1024 * 1024,
    LIMIT_CONN_COUNT         = 512,               /* open edge connections; a class of 30 with watches needs about 200 */
    LIMIT_CONN_OUT_BYTES     = 16 * 1024 * 1024,  /* unsent bytes of one edge connection; past it the slow reader is dropped */
    LIMIT_STREAM_BYTES       = 256 * 1024,        /* unread bytes of one in-process stream before the writer is told to wait */
    LIMIT_HANDSHAKE_MS       = 10 * 1000,         /* wall time for a TLS handshake to finish */
    LIMIT_REQUEST_IDLE_MS    = 30 * 1000,         /* wall time between bytes of one request (slow loris) */
    LIMIT_WATCH_HISTORY      = 4096,              /* events that a watch may resume from; older is 410 */
    LIMIT_LOG_FILE_BYTES     = 1024 * 1024,       /* one container's log; the oldest half is dropped, as rotation does */
    LIMIT_SHELL_LINE_BYTES   = 64 * 1024,
    /* one evaluation: about 16 virtual CPU seconds, half of PHP's max_execution_time */
    LIMIT_PHP_OPERATIONS     = 200 * 1000 * 1000,
    LIMIT_PHP_MEMORY_BYTES   = 128 * 1024 * 1024, /* PHP's default memory_limit */
    LIMIT_TASKS_PER_TURN     = 10000,             /* run-next tasks before the loop polls its sockets again */
    /* the audit trail: a class's afternoon; at some 700 bytes a row about 14 MB of disk */
    LIMIT_AUDIT_ROWS         = 20000,
    LIMIT_AUDIT_BYTES        = 32 * 1024 * 1024,
    /* one event; past it the objects in it are left out, as upstream's truncating backend does */
    LIMIT_AUDIT_EVENT_BYTES  = 1024 * 1024,
    LIMIT_AUDIT_POLICY_BYTES = 256 * 1024,        /* the policy file; the largest known, GCE's, has 8 KB */
    LIMIT_BUILD_CONTEXT_BYTES = 32 * 1024 * 1024,
};
#endif
