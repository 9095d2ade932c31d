/* tests/fuzz/driver.c - a small fuzzer for any compiler: every target of this folder is linked with it.
 *
 *     NAME_fuzz [-s SECONDS] [-n RUNS] [-r SEED] FILE|FOLDER...
 *
 * First each file is fed as it is; then copies of them, broken by a few of the mutations below, until the seconds or the runs are used up. The same seed
 * tries the same inputs in the same order. There is no feedback from coverage: what it finds is what lies near the examples, so these should be many and
 * small (tests/fuzz/corpus/NAME/). The input that is being tried is in a file called NAME_fuzz.last beside the program; it stays there after a crash, and
 * feeding it alone repeats the crash. clang's libFuzzer takes the same targets: clang -fsanitize=fuzzer,address,undefined without this file.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 64 * 1024, MAX_SEEDS = 4096 };
struct input { uint8_t *p; size_t n; };

static struct input seeds[MAX_SEEDS];
static size_t seed_count;
static uint64_t state = 88172645463325252u;
static struct { uint64_t n; uint8_t p[MAX_BYTES]; } *last;     /* in a mapped file: written to disk by the kernel also when we die */

static uint64_t roll(uint64_t below)                           /* xorshift64* */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return below ? (state * 2685821657736338717u >> 16) % below : 0;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* ---- seeds ---- */
static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void load(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        die(path);
    if (S_ISDIR(st.st_mode)) {
        struct dirent **names;                                 /* in order of name, so that the seed decides alone */
        int n = scandir(path, &names, visible, alphasort);
        for (int i = 0; i < n; i++) {
            char child[4096];
            snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name);
            load(child);
            free(names[i]);
        }
        if (n >= 0)
            free(names);
        return;
    }
    FILE *f = fopen(path, "rb");
    struct input in = { .p = malloc(MAX_BYTES) };
    if (!f || !in.p || seed_count == MAX_SEEDS)
        die(path);
    in.n = fread(in.p, 1, MAX_BYTES, f);
    fclose(f);
    seeds[seed_count++] = in;
}

/* ---- mutations: each changes the input in place, and may find nothing to do ---- */
static void flip_bit(struct input *in)
{
    if (in->n)
        in->p[roll(in->n)] ^= (uint8_t)(1u << roll(8));
}

static void change_byte(struct input *in)
{
    static const uint8_t telling[] = { 0, 1, 0x7f, 0x80, 0xff, '\n', '\r', ' ', '"', '\\', '{', '[', ':', ',', '-', '.', '/', '0',
                                       '9', '%', '$', '<' };
    if (in->n)
        in->p[roll(in->n)] = roll(2) ? telling[roll(sizeof telling)] : (uint8_t)roll(256);
}

static void delete_range(struct input *in)
{
    if (!in->n)
        return;
    size_t at = roll(in->n), n = 1 + roll(roll(4) ? 8 : in->n - at);
    n = n > in->n - at ? in->n - at : n;
    memmove(in->p + at, in->p + at + n, in->n - at - n);
    in->n -= n;
}

static void insert(struct input *in, size_t at, const uint8_t *p, size_t n)
{
    static uint8_t copy[MAX_BYTES];                            /* the piece may be a part of the input itself */
    n = n > MAX_BYTES - in->n ? MAX_BYTES - in->n : n;
    memcpy(copy, p, n);
    memmove(in->p + at + n, in->p + at, in->n - at);
    memcpy(in->p + at, copy, n);
    in->n += n;
}

static void insert_bytes(struct input *in)
{
    uint8_t bytes[16], b = (uint8_t)roll(256);
    int same = roll(2) == 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = same ? b : (uint8_t)roll(256);
    insert(in, roll(in->n + 1), bytes, 1 + roll(sizeof bytes));
}

static void repeat_range(struct input *in)
{
    if (!in->n)
        return;
    size_t at = roll(in->n), n = 1 + roll(in->n - at), times = roll(8) ? 1 : roll(100);
    for (size_t i = 0; i <= times; i++)
        insert(in, at, in->p + at, n);
}

static void insert_piece(struct input *in)                           /* a piece of another example */
{
    const struct input *other = &seeds[roll(seed_count)];
    if (!other->n)
        return;
    size_t from = roll(other->n);
    insert(in, roll(in->n + 1), other->p + from, 1 + roll(other->n - from));
}

static void change_number(struct input *in)
{
    static const char *const numbers[] = { "0", "-1", "1e999", "9223372036854775807", "9223372036854775808", "4294967296",
                                           "-2147483649", "0.1", "1e-400", "00" };
    size_t at = roll(in->n + 1);
    while (at < in->n && (in->p[at] < '0' || in->p[at] > '9'))
        at++;
    size_t end = at;
    while (end < in->n && in->p[end] >= '0' && in->p[end] <= '9')
        end++;
    if (end == at)
        return;
    memmove(in->p + at, in->p + end, in->n - end);
    in->n -= end - at;
    const char *number = numbers[roll(sizeof numbers / sizeof *numbers)];
    insert(in, at, (const uint8_t *)number, strlen(number));
}

static void truncate_input(struct input *in)
{
    in->n = roll(in->n + 1);
}

static void (*const mutations[])(struct input *in) = {
    flip_bit, change_byte, change_byte, delete_range, delete_range, insert_bytes, repeat_range, insert_piece, insert_piece,
        change_number, truncate_input,
};

/* ---- running ---- */
static void feed(const uint8_t *p, size_t n)
{
    last->n = n;
    memcpy(last->p, p, n);
    uint8_t *exact = malloc(n ? n : 1);                        /* a block of the exact size: the sanitizer sees one byte too far */
    if (!exact)
        die("malloc");
    memcpy(exact, p, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void open_last(const char *self, char *path, size_t n)
{
    snprintf(path, n, "%s.last", self);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *last) != 0)
        die(path);
    last = mmap(NULL, sizeof *last, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (last == MAP_FAILED)
        die(path);
    close(fd);
}

int main(int argc, char **argv)
{
    double seconds = 0;
    uint64_t runs = UINT64_MAX, done = 0;
    int option;
    while ((option = getopt(argc, argv, "s:n:r:")) != -1) {
        if (option == 's')
            seconds = atof(optarg);
        else if (option == 'n')
            runs = strtoull(optarg, NULL, 10);
        else if (option == 'r')
            state ^= strtoull(optarg, NULL, 10) * 0x9e3779b97f4a7c15u;
        else
            return 2;
    }
    for (int i = optind; i < argc; i++)
        load(argv[i]);
    char last_path[4200];
    open_last(argv[0], last_path, sizeof last_path);
    for (size_t i = 0; i < seed_count; i++)
        feed(seeds[i].p, seeds[i].n);
    if (seed_count == 0)
        feed((const uint8_t *)"", 0);
    static uint8_t bytes[MAX_BYTES];
    for (double end = now() + seconds; seconds > 0 && seed_count && done < runs && now() < end; done++) {
        const struct input *from = &seeds[roll(seed_count)];
        struct input in = { bytes, from->n };
        memcpy(bytes, from->p, from->n);
        for (uint64_t i = 0, n = 1 + roll(4); i < n; i++)
            mutations[roll(sizeof mutations / sizeof *mutations)](&in);
        feed(in.p, in.n);
    }
    printf("%zu examples, %llu broken copies\n", seed_count, (unsigned long long)done);
    unlink(last_path);
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].p);
    return 0;
}
