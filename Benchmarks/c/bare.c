/* The least that durable acceptance can cost: write, fsync, rename, fsync of the directory, on some threads.
 *
 * bare DIRECTORY THREADS MESSAGES OCTETS
 * prints "messages/s microseconds-of-CPU-per-message median-milliseconds". */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int tmp_folder, new_folder, messages, octets;
static int next_message;
static char *content;
static double *latency;

static void fail(const char *what) {
    fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void *work(void *unused) {
    (void)unused;
    for (;;) {
        int mine = __atomic_fetch_add(&next_message, 1, __ATOMIC_RELAXED);
        if (mine >= messages) return NULL;
        char name[64];
        snprintf(name, sizeof name, "%ld.M%08dP%d.bare", (long)time(NULL), mine, (int)getpid());
        double begun = now();
        int file = openat(tmp_folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0) fail("open");
        for (int done = 0; done < octets;) {
            ssize_t count = write(file, content + done, octets - done);
            if (count <= 0) fail("write");
            done += count;
        }
        if (fsync(file) != 0 || close(file) != 0) fail("fsync");
        if (renameat(tmp_folder, name, new_folder, name) != 0) fail("rename");
        if (fsync(new_folder) != 0) fail("fsync of new");
        latency[mine] = now() - begun;
    }
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    if (argc != 5) return fprintf(stderr, "usage: bare DIRECTORY THREADS MESSAGES OCTETS\n"), 64;
    int threads = atoi(argv[2]);
    messages = atoi(argv[3]);
    octets = atoi(argv[4]);
    if (threads < 1 || threads > 1000 || messages < 1 || octets < 1) return 64;
    if (mkdir(argv[1], 0700) != 0 && errno != EEXIST) fail(argv[1]);
    int folder = open(argv[1], O_RDONLY | O_DIRECTORY);
    if (folder < 0) fail(argv[1]);
    mkdirat(folder, "tmp", 0700);
    mkdirat(folder, "new", 0700);
    tmp_folder = openat(folder, "tmp", O_RDONLY | O_DIRECTORY);
    new_folder = openat(folder, "new", O_RDONLY | O_DIRECTORY);
    if (tmp_folder < 0 || new_folder < 0) fail("folders");
    content = malloc(octets);
    latency = calloc(messages, sizeof *latency);
    for (int i = 0; i < octets; i++) content[i] = i % 72 == 71 ? '\n' : 'a' + i % 26;

    pthread_t *running = calloc(threads, sizeof *running);
    double begun = now();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&running[i], NULL, work, NULL) != 0) fail("thread");
    for (int i = 0; i < threads; i++) pthread_join(running[i], NULL);
    double took = now() - begun;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    qsort(latency, messages, sizeof *latency, order);
    printf("%.1f %.1f %.3f\n", messages / took, cpu * 1e6 / messages, latency[messages / 2] * 1e3);
    return 0;
}
