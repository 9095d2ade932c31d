/* sim/base/base.h - the ground floor: memory, text, errors, containers, logging. Knows nothing of Kubernetes.
 *
 * Memory has four owners, each visible in a signature:
 *   1. `struct arena *a`   the result dies with the arena (a request, a parse, one reconcile);
 *   2. ref/unref           shared and immutable (API objects);
 *   3. embedded            list nodes, timers and handles sit inside their owner; container_of leads back;
 *   4. new/free            the component itself.
 * Running out of memory aborts in xalloc, so nobody writes that branch.
 */
#ifndef SIM_BASE_BASE_H
#define SIM_BASE_BASE_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define container_of(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define ARRAY_LEN(x) (sizeof(x) / sizeof((x)[0]))

/* A bug: prints the expression and the place, dumps the trace ring if one is installed, and aborts. Always on. */
#define ASSERT(e) ((e) ? (void)0 : assert_fail(#e, __FILE__, __LINE__, __func__))
_Noreturn void assert_fail(const char *expr, const char *file, int line, const char *func);
void assert_set_hook(void (*fn)(void *), void *ctx);  /* called once before aborting, to dump the trace ring; NULL uninstalls */

/* ---- xalloc: never return NULL ------------------------------------------------------------------------- */
void *xmalloc(size_t n);
void *xcalloc(size_t count, size_t size);          /* zeroed */
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);                      /* NULL in, NULL out */
#define NEW(type) ((type *)xcalloc(1, sizeof(type)))

/* ---- str: a borrowed view of bytes; not NUL-terminated unless its maker says so --------------------------- */
struct str {
    const char *p;                                 /* may be NULL when n is 0 */
    size_t      n;
};
#define STR(lit)  ((struct str){ "" lit, sizeof(lit) - 1 })     /* of a literal */
#define STR_NULL  ((struct str){ NULL, 0 })
#define STR_FMT   "%.*s"
#define STR_ARG(s) (int)(s).n, str_shown(s)        /* of a variable, where it costs: twice evaluated */
static inline const char *str_shown(struct str s) { return s.p ? s.p : ""; }
/* The first four are inline, so that a literal's length is known when it is compiled. */
static inline struct str str_c(const char *s)      /* of a C string; NULL gives the empty str */
{
    return s ? (struct str){ s, strlen(s) } : STR_NULL;
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_eqc(struct str a, const char *b) { return str_eq(a, str_c(b)); }
static inline bool str_starts(struct str s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && (n == 0 || memcmp(s.p, prefix, n) == 0);
}

bool str_eqi(struct str a, struct str b);          /* ASCII case-insensitive */
int  str_cmp(struct str a, struct str b);          /* bytewise, shorter first */
bool str_ends(struct str s, const char *suffix);
struct str str_sub(struct str s, size_t from, size_t to);        /* clamped to s */
struct str str_trim(struct str s);                 /* ASCII white space off both ends */
ptrdiff_t str_find(struct str s, struct str needle);             /* index or -1 */
ptrdiff_t str_chr(struct str s, char c);           /* index or -1 */
bool str_cut(struct str s, char sep, struct str *head, struct str *tail);  /* false, head = s, tail = empty, when sep is absent */
/* next piece of *rest, which is advanced; rest->p becomes NULL after the last */
struct str str_token(struct str *rest, char sep);
bool str_int(struct str s, int64_t *out);          /* whole string is a decimal int64 */
uint64_t str_hash(struct str s);                   /* FNV-1a 64 */

/* ---- arena: bump allocation, freed at once. Every pointer is 16-byte aligned. ----------------------------- */
struct arena;
struct arena *arena_new(void);
void  arena_free(struct arena *a);                 /* runs deferred calls in reverse order; accepts NULL */
void  arena_thread_ends(void);                     /* a thread other than the first is over: the blocks kept for it are freed */
void  arena_reset(struct arena *a);                /* as free, but keeps the first block for reuse */
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
void *arena_realloc(struct arena *a, void *p, size_t old_n, size_t new_n);
char *arena_strdup(struct arena *a, const char *s);
struct str arena_str(struct arena *a, struct str s);             /* copy, NUL-terminated beyond n */
char *arena_cstr(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
struct str arena_strf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
struct str arena_vstrf(struct arena *a, const char *fmt, va_list ap) PRINTF(2, 0);
void  arena_defer(struct arena *a, void (*fn)(void *), void *arg); /* call fn(arg) when the arena dies */
size_t arena_used(const struct arena *a);          /* bytes handed out */
#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))

/* ---- format: snprintf and vsnprintf, result and all, at a fraction of the cost for plain formats -------------- */
int text_format(char *p, size_t size, const char *format, ...) PRINTF(3, 4);
int text_vformat(char *p, size_t size, const char *format, va_list ap);
void text_copy(char *p, size_t size, const char *text);        /* what "%s" comes to: cut to size - 1 bytes, and a NUL */
void text_put(char *p, size_t size, struct str s);             /* the same of a str */

/* ---- strbuf: owns growing bytes; its maximum is stated at birth ------------------------------------------ */
struct strbuf {
    char  *p;                                      /* NUL-terminated whenever not NULL */
    size_t n, cap, max;
    bool   overflow;                               /* something did not fit in max; what is there is a prefix */
};
void strbuf_init(struct strbuf *b, size_t max);
void strbuf_deinit(struct strbuf *b);              /* legal on an init'ed or zeroed value, any number of times */
void strbuf_reset(struct strbuf *b);               /* empty, keeps memory */
void strbuf_add(struct strbuf *b, struct str s);
void strbuf_addc(struct strbuf *b, const char *s);
void strbuf_addch(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) PRINTF(2, 3);
void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap);
void strbuf_consume(struct strbuf *b, size_t n);   /* drop n bytes from the front */
struct str strbuf_str(const struct strbuf *b);     /* borrowed */
char *strbuf_detach(struct strbuf *b, size_t *n);  /* ownership of the bytes to the caller (free); b is empty again */

/* ---- err: what an operation reports. Last parameter, untouched on success, may be NULL. -------------------
 * The codes are the API's own vocabulary (metav1.Status reason and HTTP status), so that an error made in any room can leave
 * through the API as it is. Upstream: apimachinery pkg/apis/meta/v1/types.go StatusReason, v1.16 to v1.34. */
#define ERR_MAP(X)                                                                                                        \
    X(NONE, 0, "") X(BAD_REQUEST, 400, "BadRequest") X(UNAUTHORIZED, 401, "Unauthorized") X(FORBIDDEN, 403, "Forbidden")  \
    X(NOT_FOUND, 404, "NotFound") X(METHOD_NOT_ALLOWED, 405, "MethodNotAllowed") X(NOT_ACCEPTABLE, 406, "NotAcceptable")  \
    X(ALREADY_EXISTS, 409, "AlreadyExists") X(CONFLICT, 409, "Conflict") X(GONE, 410, "Gone") X(EXPIRED, 410, "Expired")  \
    X(TOO_LARGE, 413, "RequestEntityTooLarge") X(UNSUPPORTED_MEDIA_TYPE, 415, "UnsupportedMediaType") X(INVALID, 422, "Invalid")\
    X(TOO_MANY_REQUESTS, 429, "TooManyRequests") X(INTERNAL, 500, "InternalError") X(UNAVAILABLE, 503, "ServiceUnavailable")\
    X(TIMEOUT, 504, "Timeout") X(SERVER_TIMEOUT, 500, "ServerTimeout") X(IO, 500, "") X(PARSE, 400, "") X(REFUSED, 503, "")\
    X(TLS, 500, "") X(CANCELED, 500, "") X(USAGE, 400, "")
enum err_code {
#define ERR_ENUM(id, http, reason) ERR_##id,
    ERR_MAP(ERR_ENUM)
#undef ERR_ENUM
};
struct err {
    enum err_code code;
    char          msg[1536];                       /* what a real cluster prints; truncated, never overrun */
    char         *details;                         /* JSON text of metav1.StatusDetails, or NULL; freed by err_clear */
};
bool err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF(3, 4);  /* always returns false */
bool err_prefix(struct err *err, const char *fmt, ...) PRINTF(2, 3);                   /* "prefix" + msg; returns false */
void err_details(struct err *err, const char *json_text);                              /* copies; NULL clears */
void err_clear(struct err *err);
int  err_http(enum err_code code);
const char *err_reason(enum err_code code);

/* ---- list: intrusive, doubly linked ---------------------------------------------------------------------- */
struct list { struct list *prev, *next; };
/* A ring: the head is a node too, so no case is special, and a node that is nowhere points at itself. */
static inline void list_init(struct list *l)       /* a head, or a node that is nowhere (as a zeroed node is, too) */
{
    l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l || !l->next;               /* a zeroed node is nowhere too; a head must be init'ed */
}

static inline void list_link(struct list *prev, struct list *next, struct list *node)    /* for the next two */
{
    ASSERT(list_empty(node));
    node->prev = prev;
    node->next = next;
    prev->next = next->prev = node;
}

static inline void list_push(struct list *head, struct list *node) { list_link(head->prev, head, node); }    /* at the tail */
static inline void list_push_front(struct list *head, struct list *node) { list_link(head, head->next, node); }
static inline void list_remove(struct list *node)  /* and init; legal on a node that is nowhere */
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
#define list_for(it, head)                                                                                             \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)

/* ---- map: str -> void *, iterated in insertion order (removal keeps the order of the rest) ------------------ */
struct map;                                        /* keys are copied; values are the caller's */
struct map *map_new(void);
void  map_free(struct map *m, void (*free_value)(void *));       /* free_value may be NULL; accepts NULL map */
void *map_get(const struct map *m, struct str key);              /* NULL when absent */
/* returns the value that was there, or NULL; value must not be NULL */
void *map_put(struct map *m, struct str key, void *value);
void *map_take(struct map *m, struct str key);                   /* removes; returns the value or NULL */
size_t map_len(const struct map *m);
/* cursor starts at 0; removing the entry just visited is legal */
bool  map_next(const struct map *m, size_t *cursor, struct str *key, void **value);
void *map_getc(const struct map *m, const char *key);
void *map_putc(struct map *m, const char *key, void *value);

/* ---- heap: binary min-heap of embedded nodes; ties keep insertion order ------------------------------------ */
struct heap_node { size_t index; uint64_t key, seq; };           /* index is SIZE_MAX when not in a heap */
struct heap { struct heap_node **v; size_t n, cap; uint64_t seq; };
void heap_init(struct heap *h);
void heap_deinit(struct heap *h);
void heap_node_init(struct heap_node *n);
void heap_insert(struct heap *h, struct heap_node *n, uint64_t key);
void heap_remove(struct heap *h, struct heap_node *n);           /* legal when not in the heap */
struct heap_node *heap_min(const struct heap *h);                /* borrowed or NULL */

/* ---- log: one line per event on standard error: `[12.350s hpa default/web1] desired 1 -> 4`. ------------------
 * LOG_WARN means "check this before trusting the result". The level is LOG_WARN unless KUBELAB_LOG=debug|info|warn|error. */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
void log_msg(enum log_level level, const char *component, const char *fmt, ...) PRINTF(3, 4);
void log_set_level(enum log_level level);
void log_set_time(uint64_t (*vtime_ns)(void *), void *ctx);      /* what the bracket shows; sim/loop installs itself */
bool log_enabled(enum log_level level);

/* ---- encode ---------------------------------------------------------------------------------------------- */
struct str base64_encode(struct arena *a, struct str in);                    /* standard alphabet, padded */
bool base64_decode(struct arena *a, struct str in, struct str *out);          /* ignores CR/LF; false on anything else foreign */
struct str base64url_encode(struct arena *a, struct str in);                 /* no padding */
bool base64url_decode(struct arena *a, struct str in, struct str *out);
struct str hex_encode(struct arena *a, struct str in);                       /* lower case */
bool hex_decode(struct arena *a, struct str in, struct str *out);
struct str percent_decode(struct arena *a, struct str in, bool plus_is_space); /* a malformed escape is kept literally */
struct str percent_encode(struct arena *a, struct str in);                   /* all but unreserved characters (RFC 3986) */
bool utf8_valid(struct str s);

/* ---- timefmt: Go's and Kubernetes' notations. Times are ns since 1970 UTC (int64_t unless virtual), durations ns. -------- */
#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull
struct str time_rfc3339(struct arena *a, int64_t unix_ns);                   /* 2020-01-24T23:49:33Z; metav1.Time */
struct str time_rfc3339_micro(struct arena *a, int64_t unix_ns);             /* six digits; metav1.MicroTime */
struct str time_rfc3339_nano(struct arena *a, int64_t unix_ns);              /* nine digits, as docker's logs */
struct str time_http(struct arena *a, int64_t unix_ns);                      /* Fri, 24 Jan 2020 23:49:33 GMT */
struct str time_klog(struct arena *a, int64_t unix_ns);                      /* 0124 23:49:33.028127 */
bool time_parse_rfc3339(struct str s, int64_t *unix_ns);                     /* with or without fraction, any offset */
struct str duration_go(struct arena *a, int64_t ns);                         /* 1m30.5s, 0s, 1.5ms; time.Duration.String */
bool duration_parse_go(struct str s, int64_t *ns);                           /* 1h15m30.918s, -1.5h */
/* 5s, 3m11s, 24h, 2d3h: apimachinery duration.HumanDuration */
struct str duration_human(struct arena *a, int64_t ns);
/* UTC; mon 1..12, wday 0 = Sunday */
void time_civil(int64_t unix_s, int *year, int *mon, int *day, int *hour, int *min, int *sec, int *wday);
int64_t time_from_civil(int year, int mon, int day, int hour, int min, int sec);
/* English names, static; the short form is their first three letters (%.3s) */
const char *time_month_name(int mon);              /* "January" for 1 */
const char *time_weekday_name(int wday);           /* "Sunday" for 0 */

/* ---- files ------------------------------------------------------------------------------------------------- */
/* what stands after the last slash, within path; all of it when there is none, "" for NULL */
const char *path_base(const char *path);
bool file_read(const char *path, size_t max, struct arena *a, struct str *out, struct err *err);
/* Atomic: a temporary file, and a rename. A character device is written to as it is. */
bool file_write(const char *path, struct str bytes, unsigned mode, struct err *err);
/* from now on the disk is waited for too: a file outlives a loss of power, not just the process (up --durable) */
void file_write_durably(bool yes);
bool dir_make(const char *path, unsigned mode, struct err *err);             /* mkdir -p; existing is success */
/* Who wants to know which files are looked at, and which of them others have written (sim/cmd/journal_files.c). file_read and
 * file_write tell by themselves; who lists a folder or asks whether something is there says so before. */
struct file_watch { void (*looked)(void *ctx, const char *path), (*wrote)(void *ctx, const char *path); };
void file_watch_set(const struct file_watch *w, void *ctx);                  /* of the process; borrowed; NULL: nobody */
void file_look(const char *path);

/* ---- embed: a file of the source tree as bytes of the binary (assembler's .incbin). -------------------------
 * EMBED(name, "labs/lab8/guide.md") at file scope defines `static struct str name(void)`. Paths are relative to the root. */
#define EMBED(name, path)                                                                                              \
    __asm__(".pushsection .rodata\n.balign 16\nembed_" #name ":\n.incbin \"" path "\"\nembed_" #name            \
            "_end:\n.byte 0\n.popsection\n");                                                                          \
    extern const char embed_##name[], embed_##name##_end[];                                                            \
    static inline struct str name(void) { return (struct str){ embed_##name, (size_t)(embed_##name##_end - embed_##name) }; }

#include "sim/base/limits.h"
#endif
