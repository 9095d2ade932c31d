/* tests/unit/apiserver/store/disk.h - a folder of its own for a store on disk: `path` from disk_make until disk_remove, as
 * cmocka's set-up and tear-down. */
#ifndef TESTS_UNIT_APISERVER_STORE_DISK_H
#define TESTS_UNIT_APISERVER_STORE_DISK_H

static char dir[64], path[128];

static int disk_make(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/kubelab-store-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/store.db", dir);
    return 0;
}

static int disk_remove(void **state)
{
    (void)state;
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal", ".lock" };
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    return rmdir(dir);
}

#endif
