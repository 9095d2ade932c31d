/* apiserver/store/sqlite.c - the disk: one SQLite file in place of etcd's. The only file with SQL.
 *
 * objects(key, rev, value) is the latest state alone; history lives in memory, as an API server's watch cache does. meta(name,
 * value) has the revision and small facts, audit(seq, event) the trail, journal(seq, record) what came from outside. Write-ahead
 * log: a commit appends to PATH-wal, and every 1000 pages or so they move into the file. synchronous=NORMAL loses nothing when
 * the process dies; FULL also survives a loss of power, at the price of an fsync per commit.
 *
 * One process at a time: a lock on PATH.lock, which holds the owner's pid and vanishes with the process however it
 * dies. Before SQLite may touch a file, its header is read by hand: a file that is not ours stays byte for byte as it
 * is. A database whose pages do not make sense is closed without a checkpoint, for the same reason.
 * Order of use: disk_open, disk_load, { disk_begin, { disk_put ... }, disk_commit | disk_rollback }, disk_close.
 */
#include "apiserver/store/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { APPLICATION_ID = 0x6b756265, FORMAT = 1, HEADER_BYTES = 100 };        /* "kube"; PRAGMA user_version */
enum { LOCK_PATIENCE_MS = 2000, LOCK_STEP_MS = 10 };

enum stmt { PUT, DELETE_, META_PUT, META_DELETE, META_GET, META_EACH, LOAD, BEGIN_, COMMIT_,
            AUDIT_PUT, AUDIT_TRIM, AUDIT_SIZES, AUDIT_EACH, JOURNAL_PUT, JOURNAL_SIZE, JOURNAL_EACH, STMT_COUNT };
static const char *const sql[STMT_COUNT] = {
    [PUT]         = "INSERT INTO objects(key, rev, value) VALUES(?1, ?2, ?3) ON CONFLICT(key) DO UPDATE SET rev = ?2, value = ?3",
    [DELETE_]     = "DELETE FROM objects WHERE key = ?1",
    [META_PUT]    = "INSERT INTO meta(name, value) VALUES(?1, ?3) ON CONFLICT(name) DO UPDATE SET value = ?3",
    [META_DELETE] = "DELETE FROM meta WHERE name = ?1",
    [META_GET]    = "SELECT value FROM meta WHERE name = ?1",
    [META_EACH]   = "SELECT name, value FROM meta WHERE name >= ?1 ORDER BY name",
    [LOAD]        = "SELECT key, rev, value FROM objects",
    [AUDIT_PUT]   = "INSERT INTO audit(seq, event) VALUES(?1, ?3)",
    [AUDIT_TRIM]  = "DELETE FROM audit WHERE seq < ?1",
    [AUDIT_SIZES] = "SELECT seq, length(event) FROM audit ORDER BY seq",
    [AUDIT_EACH]  = "SELECT seq, event FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    [JOURNAL_PUT]  = "INSERT INTO journal(seq, record) VALUES(?1, ?3)",
    [JOURNAL_SIZE] = "SELECT coalesce(max(seq), 0), coalesce(sum(length(record)), 0) FROM journal",
    [JOURNAL_EACH] = "SELECT seq, record FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    [BEGIN_]      = "BEGIN IMMEDIATE",
    [COMMIT_]     = "COMMIT",
};

struct disk {
    sqlite3      *db;
    sqlite3_stmt *stmts[STMT_COUNT];
    char         *path;
    int           lock_fd;
};

/* ---- open ---- */

static bool in_memory(const char *path)
{
    return strcmp(path, ":memory:") == 0;
}

static bool held_by_other(const char *path, int fd, struct err *err)
{
    char pid[32] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    struct str owner = str_trim((struct str){ pid, n > 0 ? (size_t)n : 0 }), folder = str_c(path);
    while (folder.n > 1 && folder.p[folder.n - 1] != '/')
        folder.n--;
    if (folder.n > 1)
        folder.n--;
    if (str_chr(str_c(path), '/') < 0)
        folder = STR(".");
    return err_set(err, ERR_IO, "data folder " STR_FMT " is in use by another kubelab (pid " STR_FMT "): 'kubelab down' stops it",
                   STR_ARG(folder), STR_ARG(owner.n ? owner : STR("unknown")));
}

/* A process that was killed holds its files for a moment longer, while its memory is taken apart: it is waited for, in wall time,
 * as nothing runs yet. */
static bool lock_in_time(int fd, int left)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || left <= 0)
            return false;
        usleep(LOCK_STEP_MS * 1000);
        left -= LOCK_STEP_MS;
    }
    return true;
}

static int open_lock(const char *path, int flags)
{
    struct strbuf name;
    strbuf_init(&name, 8192);
    strbuf_addf(&name, "%s.lock", path);
    int fd = open(name.p, flags | O_CLOEXEC, 0600);
    int why = errno;
    strbuf_deinit(&name);
    errno = why;
    return fd;
}

bool store_released(const char *path, int wait_ms)
{
    int fd = open_lock(path, O_RDWR);
    bool free_now = fd < 0 || lock_in_time(fd, wait_ms);
    if (fd >= 0)
        close(fd);
    return free_now;
}

static bool take_lock(struct disk *d, struct err *err)
{
    d->lock_fd = open_lock(d->path, O_RDWR | O_CREAT);
    int why = errno;
    if (d->lock_fd < 0)
        return err_set(err, ERR_IO, "cannot open %s.lock: %s", d->path, strerror(why));
    if (!lock_in_time(d->lock_fd, LOCK_PATIENCE_MS)) {
        if (errno == EWOULDBLOCK)
            return held_by_other(d->path, d->lock_fd, err);
        return err_set(err, ERR_IO, "cannot lock %s.lock: %s", d->path, strerror(errno));
    }
    if (ftruncate(d->lock_fd, 0) == 0)             /* the pid is for the message alone: a full disk must not stop us here */
        dprintf(d->lock_fd, "%d\n", (int)getpid());
    return true;
}

static uint32_t big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Is it nothing yet (*fresh), one of ours, or something else? The file is made here so that nobody else can read it. */
static bool check_header(const char *path, bool *fresh, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    unsigned char h[HEADER_BYTES];
    ssize_t n = pread(fd, h, sizeof h, 0);
    int why = errno;
    close(fd);
    if (n < 0)
        return err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(why));
    *fresh = n == 0;
    if (n == 0)
        return true;
    if (n < HEADER_BYTES || memcmp(h, "SQLite format 3", 16) != 0 || big_endian(h + 68) != APPLICATION_ID)
        return err_set(err, ERR_IO, "%s is not a kubelab database; move it away or choose another data folder", path);
    if (big_endian(h + 60) > FORMAT)
        return err_set(err, ERR_IO, "%s was written by a newer kubelab (format %u, this one reads %d)", path,
                       (unsigned)big_endian(h + 60), FORMAT);
    return true;
}

static bool cannot_use(const struct disk *d, struct err *err)
{
    int rc = sqlite3_errcode(d->db);
    const char *what = rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_ERROR ? "is damaged" : "cannot be used";
    return err_set(err, ERR_IO, "database %s %s: %s; it was left as it is: move it away, or restore a copy", d->path, what,
                   sqlite3_errmsg(d->db));
}

static bool exec(struct disk *d, const char *text, struct err *err)
{
    return sqlite3_exec(d->db, text, NULL, NULL, NULL) == SQLITE_OK || cannot_use(d, err);
}

/* All in one transaction, and before the log is switched on, so that the file is either empty or bears our mark. */
static bool create(struct disk *d, bool durable, struct err *err)
{
    static const char text[] =
        "BEGIN EXCLUSIVE;"
        "CREATE TABLE objects(key TEXT PRIMARY KEY NOT NULL, rev INTEGER NOT NULL, value BLOB NOT NULL);"
        "CREATE TABLE meta(name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;"
        "PRAGMA application_id=1802855013; PRAGMA user_version=1;"
        "COMMIT;";
    _Static_assert(APPLICATION_ID == 1802855013 && FORMAT == 1, "as in the text above");
    return exec(d, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF", err) && exec(d, text, err);
}

static bool prepare(struct disk *d, struct err *err)
{
    for (int i = 0; i < STMT_COUNT; i++)
        if (sqlite3_prepare_v3(d->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &d->stmts[i], NULL) != SQLITE_OK)
            return cannot_use(d, err);
    return true;
}

static bool set_up(struct disk *d, bool fresh, bool durable, struct err *err)
{
    /* Exclusive locking also spares the shared-memory file; the page cache is small since reads are served from our own
     * memory. */
    return exec(d, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-512; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY", err) &&
           (!fresh || create(d, durable, err)) &&
           exec(d, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=8388608", err) &&
           exec(d, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err) &&
           /* folders of an older kubelab have none */
           exec(d, "CREATE TABLE IF NOT EXISTS audit(seq INTEGER PRIMARY KEY, event BLOB NOT NULL);"
                   "CREATE TABLE IF NOT EXISTS journal(seq INTEGER PRIMARY KEY, record BLOB NOT NULL)", err) && prepare(d, err);
}

struct disk *disk_open(const char *path, bool durable, struct err *err)
{
    struct disk *d = NEW(struct disk);
    d->path = xstrdup(path);
    d->lock_fd = -1;
    bool fresh = true;
    if (!in_memory(path) && (!take_lock(d, err) || !check_header(path, &fresh, err)))
        goto fail;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(path, &d->db, flags, NULL) != SQLITE_OK) {
        cannot_use(d, err);
        goto fail;
    }
    sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);     /* until disk_load has seen that it is sound */
    if (!set_up(d, fresh, durable, err))
        goto fail;
    return d;
fail:
    disk_close(d);
    return NULL;
}

void disk_close(struct disk *d)
{
    if (!d)
        return;
    for (int i = 0; i < STMT_COUNT; i++)
        sqlite3_finalize(d->stmts[i]);
    sqlite3_close(d->db);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    free(d->path);
    free(d);
}

/* ---- statements ---- */

static struct str column(sqlite3_stmt *st, int i)
{
    const void *p = sqlite3_column_blob(st, i);
    return (struct str){ p, (size_t)sqlite3_column_bytes(st, i) };
}

static void bind_text(sqlite3_stmt *st, int i, struct str s)
{
    sqlite3_bind_text64(st, i, s.p ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_blob(sqlite3_stmt *st, int i, struct str s)
{
    sqlite3_bind_blob64(st, i, s.p ? s.p : "", s.n, SQLITE_STATIC);
}

bool disk_load(struct disk *d, void (*row)(void *ctx, struct str key, int64_t rev, struct str value), void *ctx,
               struct err *err)
{
    sqlite3_stmt *st = d->stmts[LOAD];
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        row(ctx, column(st, 0), sqlite3_column_int64(st, 1), column(st, 2));
    bool ok = rc == SQLITE_DONE || cannot_use(d, err);
    sqlite3_reset(st);
    if (ok)
        sqlite3_db_config(d->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return ok;
}

/* Runs a statement that gives no rows. A full disk is told as etcd tells it. */
static bool run(struct disk *d, enum stmt which, struct err *err)
{
    sqlite3_stmt *st = d->stmts[which];
    int rc = sqlite3_step(st);
    bool full = rc == SQLITE_FULL || (rc != SQLITE_DONE && sqlite3_system_errno(d->db) == ENOSPC);
    if (rc != SQLITE_DONE && full)
        err_set(err, ERR_INTERNAL, "etcdserver: mvcc: database space exceeded");
    else if (rc != SQLITE_DONE)
        err_set(err, ERR_INTERNAL, "etcdserver: %s: %s", d->path, sqlite3_errmsg(d->db));
    sqlite3_reset(st);
    return rc == SQLITE_DONE;
}

bool disk_begin(struct disk *d, struct err *err)
{
    return run(d, BEGIN_, err);
}

bool disk_commit(struct disk *d, struct err *err)
{
    return run(d, COMMIT_, err);
}

void disk_rollback(struct disk *d)
{
    if (!sqlite3_get_autocommit(d->db))            /* some errors have rolled back already */
        sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
}

bool disk_put(struct disk *d, struct str key, int64_t rev, struct str value, struct err *err)
{
    bind_text(d->stmts[PUT], 1, key);
    sqlite3_bind_int64(d->stmts[PUT], 2, rev);
    bind_blob(d->stmts[PUT], 3, value);
    return run(d, PUT, err);
}

bool disk_delete(struct disk *d, struct str key, struct err *err)
{
    bind_text(d->stmts[DELETE_], 1, key);
    return run(d, DELETE_, err);
}

bool disk_meta_put(struct disk *d, struct str name, struct str value, struct err *err)
{
    bind_text(d->stmts[META_PUT], 1, name);
    bind_blob(d->stmts[META_PUT], 3, value);
    return run(d, META_PUT, err);
}

bool disk_meta_delete(struct disk *d, struct str name, struct err *err)
{
    bind_text(d->stmts[META_DELETE], 1, name);
    return run(d, META_DELETE, err);
}

struct str disk_meta_get(struct disk *d, struct arena *a, struct str name)
{
    sqlite3_stmt *st = d->stmts[META_GET];
    struct str value = STR_NULL;
    bind_text(st, 1, name);
    if (sqlite3_step(st) == SQLITE_ROW)
        value = arena_str(a, column(st, 0));
    sqlite3_reset(st);
    return value;
}

void disk_meta_each(struct disk *d, struct str prefix, void (*visit)(void *ctx, struct str name, struct str value), void *ctx)
{
    sqlite3_stmt *st = d->stmts[META_EACH];
    bind_text(st, 1, prefix);
    while (sqlite3_step(st) == SQLITE_ROW) {
        struct str name = column(st, 0);
        if (!str_eq(str_sub(name, 0, prefix.n), prefix))
            break;
        visit(ctx, name, column(st, 1));
    }
    sqlite3_reset(st);
}

/* ---- the audit trail ---- */

bool disk_audit_put(struct disk *d, int64_t seq, struct str event, struct err *err)
{
    sqlite3_bind_int64(d->stmts[AUDIT_PUT], 1, seq);
    bind_blob(d->stmts[AUDIT_PUT], 3, event);
    return run(d, AUDIT_PUT, err);
}

bool disk_audit_trim(struct disk *d, int64_t first, struct err *err)
{
    sqlite3_bind_int64(d->stmts[AUDIT_TRIM], 1, first);
    return run(d, AUDIT_TRIM, err);
}

bool disk_audit_sizes(struct disk *d, void (*row)(void *ctx, int64_t seq, size_t n), void *ctx, struct err *err)
{
    sqlite3_stmt *st = d->stmts[AUDIT_SIZES];
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        row(ctx, sqlite3_column_int64(st, 0), (size_t)sqlite3_column_int64(st, 1));
    bool ok = rc == SQLITE_DONE || cannot_use(d, err);
    sqlite3_reset(st);
    return ok;
}

/* A page of rows with a number and text; the statement takes the number before, and how many. */
static size_t each(struct disk *d, enum stmt which, int64_t after, size_t max, row_visit visit, void *ctx)
{
    sqlite3_stmt *st = d->stmts[which];
    size_t n = 0;
    sqlite3_bind_int64(st, 1, after);
    sqlite3_bind_int64(st, 2, (int64_t)max);
    for (; sqlite3_step(st) == SQLITE_ROW; n++)
        visit(ctx, sqlite3_column_int64(st, 0), column(st, 1));
    sqlite3_reset(st);
    return n;
}

size_t disk_audit_each(struct disk *d, int64_t after, size_t max, row_visit visit, void *ctx)
{
    return each(d, AUDIT_EACH, after, max, visit, ctx);
}

/* ---- the journal ---- */

bool disk_journal_put(struct disk *d, int64_t seq, struct str record, struct err *err)
{
    sqlite3_bind_int64(d->stmts[JOURNAL_PUT], 1, seq);
    bind_blob(d->stmts[JOURNAL_PUT], 3, record);
    return run(d, JOURNAL_PUT, err);
}

bool disk_journal_size(struct disk *d, int64_t *last, size_t *bytes, struct err *err)
{
    sqlite3_stmt *st = d->stmts[JOURNAL_SIZE];
    bool ok = sqlite3_step(st) == SQLITE_ROW || cannot_use(d, err);
    *last = sqlite3_column_int64(st, 0);
    *bytes = (size_t)sqlite3_column_int64(st, 1);
    sqlite3_reset(st);
    return ok;
}

size_t disk_journal_each(struct disk *d, int64_t after, size_t max, row_visit visit, void *ctx)
{
    return each(d, JOURNAL_EACH, after, max, visit, ctx);
}

void disk_limit_pages(struct disk *d, int pages)
{
    char text[64];
    sqlite3_snprintf(sizeof text, text, "PRAGMA max_page_count=%d", pages > 0 ? pages : 1073741823);
    sqlite3_exec(d->db, text, NULL, NULL, NULL);
}
