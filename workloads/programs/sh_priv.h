/* workloads/programs/sh_priv.h - what the files of the shell share: the tree, processes and their frames, files, applets.
 *
 * A shell is a set of processes (struct proc: the first one, subshells, members of pipelines, background jobs). Each
 * has a stack of frames in the heap, one per construct that is under way; a step looks at the top frame, which pushes
 * another, pops itself or says what it waits for. Nothing is ever kept on the C stack between steps.
 */
#ifndef WORKLOADS_PROGRAMS_SH_PRIV_H
#define WORKLOADS_PROGRAMS_SH_PRIV_H

#include "workloads/programs/sh.h"

#include <setjmp.h>

/* ---- the tree ---- */
enum sh_kind { SH_COMMAND, SH_PIPE, SH_AND, SH_OR, SH_LIST, SH_SUBSHELL, SH_GROUP, SH_IF, SH_LOOP, SH_FOR, SH_CASE, SH_FUNCTION };
/* op: < > >> <> >& <& >| ; heredoc: target is the text */
struct redirect { int fd; char op[4]; char *target; bool heredoc, literal; };
struct shnode {
    enum sh_kind    kind;
    bool            negate, background, until;
    struct shnode  *a, *b, *c;
    struct shnode **list; size_t n;
    char          **words; size_t word_count;      /* raw, quotes and all; SH_CASE: of each item in list its patterns */
    char          **assigns; size_t assign_count;
    struct redirect *redirects; size_t redirect_count;
    char           *name;                          /* SH_FOR variable, SH_FUNCTION */
    bool            has_in;                        /* for x in ... */
    struct str      text;                          /* as written, for jobs */
};
/* what was parsed together; functions keep theirs alive */
struct unit { struct arena *arena; unsigned refs; struct shnode *root; };
enum sh_parse { SH_PARSE_OK, SH_PARSE_EMPTY, SH_PARSE_INCOMPLETE, SH_PARSE_ERROR };
/* One complete command (to the end of its line) from text. *used: how much of it that was. ERROR and INCOMPLETE: *error
 * is busybox's words. */
enum sh_parse sh_parse(struct str text, struct unit **out, size_t *used, char error[200]);
void sh_unit_unref(struct unit *u);

/* ---- scanning raw text, shared by lexer and expander ---- */
/* Each gives the index just past the construct that begins at i, or SIZE_MAX when it does not end. */
size_t sh_skip_single(struct str s, size_t i);     /* at ' */
size_t sh_skip_double(struct str s, size_t i);     /* at " */
size_t sh_skip_backtick(struct str s, size_t i);   /* at ` */
size_t sh_skip_dollar(struct str s, size_t i);     /* at $: $x ${..} $(..) $((..)) */
bool sh_name_start(char c);
bool sh_name_char(char c);

/* ---- files ---- */
enum file_kind { FILE_TTY, FILE_STDIN, FILE_OUT, FILE_NULL, FILE_ZERO, FILE_TEXT, FILE_PIPE, FILE_VFS };
struct pipe { struct strbuf buf; unsigned readers, writers, refs; bool unbounded; };
struct file {
    enum file_kind kind;
    unsigned       refs;
    int            fd;                             /* FILE_OUT: 1 or 2 */
    char          *data; size_t n, pos;            /* FILE_TEXT: read */
    struct pipe   *pipe; bool write_end;
    char          *path; bool append_started;      /* FILE_VFS: written */
};
enum { FDS = 10, PIPE_BYTES = 64 * 1024, PROC_MAX = 256 };
enum read_result { READ_DATA, READ_EOF, READ_WAIT };

/* ---- variables ---- */
struct var { char *value; bool exported, readonly; };

/* ---- expansion ---- */
struct fields { char **v; size_t n, cap; };        /* malloc'ed */
/* what $(..), $((..)) and ${x:=..} gave, so that an expansion that had to wait can begin anew */
struct memo { struct fields results; size_t cursor; };
enum expand_mode { EXPAND_FIELDS, EXPAND_TEXT, EXPAND_PATTERN, EXPAND_HEREDOC };
enum expand_result { EXPAND_OK, EXPAND_NEED_COMMAND, EXPAND_FAILED };
void sh_fields_add(struct fields *f, const char *s, size_t n);
void sh_fields_deinit(struct fields *f);

/* ---- frames ---- */
enum frame_kind { FRAME_SOURCE, FRAME_NODE, FRAME_FUNCTION };
struct source { char *text; size_t n, pos; bool from_stdin, interactive, eof, continued; };
struct frame {
    struct frame    *up;
    enum frame_kind  kind;
    struct shnode   *node;
    struct unit     *unit;                         /* a reference */
    int              state;
    size_t           index;
    bool             tested;                       /* its status is looked at by if, while, &&, ||, ! : set -e does not apply */
    struct memo      memo;
    struct fields    argv, values;                 /* SH_COMMAND; SH_FOR's words in argv, SH_CASE's word in values */
    struct file     *saved[FDS]; unsigned saved_mask;
    struct fields    saved_vars;                   /* name, value or NULL: what temporary assignments and `local` hid */
    struct source   *source;
    struct run      *run;                          /* the applet under way */
    struct fields    saved_params;                 /* FRAME_FUNCTION: the caller's $1.. */
    struct proc    **kids; size_t kid_count;       /* SH_PIPE, SH_SUBSHELL, $(..) */
    struct file     *subst;                        /* $(..) under way: what its output is read from */
    bool             had_subst, replaces;          /* SH_COMMAND: $? is the substitution's; exec: the process ends with it */
    int64_t          started_ns;                   /* SH_COMMAND after `time`: when; else 0 */
    int              restore_status;               /* FRAME_SOURCE of a trap: $? afterwards; else -1 */
};
enum jump { JUMP_NONE, JUMP_BREAK, JUMP_CONTINUE, JUMP_RETURN, JUMP_EXIT, JUMP_INTERRUPT };
struct proc {
    struct list    node;                           /* in sh.procs, by pid */
    struct sh     *sh;
    struct proc   *parent;
    int            pid, status, last_background, jump_levels, loops;
    enum jump      jump;
    struct frame  *top;
    struct map    *vars, *functions;               /* struct var, struct function */
    struct fields  params;                         /* $1 .. */
    char          *name, *cwd;                     /* $0 */
    struct file   *fds[FDS];
    bool           errexit, xtrace, nounset, background, exited, reaped, notified, in_trap, noglob, interactive;
    struct fields  job;                            /* background: the command's text */
    int            job_number;
    char          *trap[32];                       /* by signal; 0 is EXIT */
    uint32_t       pending;                        /* signals to be handled at the next step */
    /* waiting */
    sh_token       token; bool token_done;
    struct file   *wait_read;                      /* a line or bytes; the frame tries again when something came */
    bool           wait_line;
    struct file   *wait_write;
    bool           wait_child;                     /* the frame looks again whenever a child exits */
    uint64_t       debt_ns;                        /* CPU spent since it was last asked for */
    uint64_t       spun;                           /* how often it had to be asked for since this waited for anything else */
};
struct function { struct unit *unit; struct shnode *body; };

struct sh {
    struct sh_options opt;
    const struct sh_ops *ops; void *ctx;
    struct list     procs;
    struct proc    *first;
    int             next_pid, columns, rows, exit_status, jobs;
    sh_token        next_token;
    bool            running, exited, told, tty, stdin_eof, tty_eof;
    struct strbuf   input;                         /* cooked: what readers of stdin get */
    struct strbuf   line;                          /* the line being edited on a terminal */
    struct fields   history; size_t history_at;
    int             escape;                        /* state of an arrow key's sequence */
    bool            at_prompt;
    char           *hostname, *user;
    int64_t         uid, gid;
    uint64_t        random;
};

/* ---- applets: commands of busybox, builtin or not ---- */
enum verdict { RUN_DONE, RUN_AGAIN, RUN_WAIT };
struct run {
    struct proc *p;
    struct frame *frame;
    int     argc; char **argv;
    const struct applet *applet;
    int     status, phase, pid;
    bool    external;
    struct arena *arena;
    void   *state;                                 /* applet's, in the arena */
    /* input: files named on the command line, or stdin */
    char  **inputs; size_t input_count, input_at;
    struct file *in;
    const char *in_name;
    struct strbuf *lines;                          /* of those that have to see everything first */
};
struct applet {
    const char *name;
    enum verdict (*step)(struct run *r);
    bool     builtin;                              /* part of the shell: no fork, changes its state */
    uint32_t cpu_us;                               /* of its own, beside fork and exec */
    const char *usage;
};
const struct applet *sh_applet_find(struct str name);
extern const struct applet sh_builtins[], sh_text_applets[], sh_file_applets[], sh_net_applets[],
    sh_tar_applets[];
void sh_run_free(struct run *r);

/* prices, in ns of the node's CPU: see applets.c */
extern const uint64_t SH_NS_BUILTIN, SH_NS_FORK, SH_NS_EXEC, SH_NS_EXPANSION, SH_NS_PER_KIB;

/* ---- sh_proc.c: processes, files, scheduling ---- */
struct proc *sh_proc_fork(struct proc *parent);
void sh_proc_exit(struct proc *p, int status);
void sh_proc_kill(struct proc *p, int signo);
struct proc *sh_proc_by_pid(struct sh *s, int pid);
sh_token sh_proc_wait_token(struct proc *p);          /* the next operation's; the process waits for it */
void sh_proc_pay(struct proc *p, uint64_t ns);        /* asks for CPU now: the process waits */
struct file *sh_file_new(enum file_kind kind);
struct file *sh_file_ref(struct file *f);
void sh_file_unref(struct file *f);
struct file *sh_file_text(const char *p, size_t n);   /* copies */
void sh_pipe_make(struct file **read_end, struct file **write_end);
void sh_proc_set_fd(struct proc *p, int fd, struct file *f);            /* takes f */
void sh_proc_write(struct proc *p, int fd, struct str s);
void sh_proc_printf(struct proc *p, int fd, const char *fmt, ...) PRINTF(3, 4);
void sh_file_write(struct proc *p, struct file *f, struct str s);
void sh_terminal_write(struct sh *s, struct str b);   /* output post-processing: NL to CR NL */
/* There is something to read, or never will be. line: a whole line (or a full pipe) is asked for. */
bool sh_file_readable(struct proc *p, struct file *f, bool line);
/* with its line end; READ_WAIT: the process now waits */
enum read_result sh_file_read_line(struct proc *p, struct file *f, struct strbuf *out);
enum read_result sh_file_read_some(struct proc *p, struct file *f, struct strbuf *out);
int  sh_file_open(struct proc *p, const char *path, const char *op, struct file **out);   /* 0 or errno */
char *sh_path(struct proc *p, const char *path, char out[1024]);     /* absolute and normalized */
const char *sh_strerror(int e);

/* ---- variables (sh_proc.c) ---- */
const char *sh_var_get(struct proc *p, const char *name);               /* or NULL */
bool sh_var_set(struct proc *p, const char *name, const char *value);   /* false: read only, and told */
void sh_var_export(struct proc *p, const char *name);
void sh_var_unset(struct proc *p, const char *name);
void sh_function_free(void *f);

/* ---- sh_expand.c, sh_arith.c ---- */
enum expand_result sh_expand(struct proc *p, struct memo *memo, const char *raw, enum expand_mode mode, struct fields *out,
                             char **command);
bool sh_match(const char *pattern, const char *text);                /* glob pattern, with \ before literal characters */
void sh_glob(struct proc *p, const char *pattern, struct fields *out);         /* nothing added when nothing matches */
bool sh_arith(struct proc *p, const char *text, int64_t *out);       /* false: told on stderr */

/* ---- sh_exec.c ---- */
void sh_step(struct proc *p);                      /* one step of a process that is not waiting */
void sh_local(struct proc *p, const char *name);    /* remembers a variable until the function returns */
struct frame *sh_frame_push(struct proc *p, enum frame_kind kind, struct unit *u, struct shnode *n, bool tested);
void sh_step_source(struct proc *p, struct frame *f);     /* sh_source.c */
void sh_frame_push_source(struct proc *p, const char *text, size_t n, bool from_stdin, bool interactive);
void sh_frame_pop(struct proc *p, int status);
void sh_proc_unwind(struct proc *p);                  /* frees all frames */
void sh_proc_run_trap(struct proc *p, int signo);
/* what `sh` with these arguments runs (sh_proc.c) */
void sh_load(struct proc *p, char **argv, size_t argc, bool interactive);

#endif
