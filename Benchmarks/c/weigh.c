/* Runs a command and tells the most memory that one of its processes had.
 *
 * weigh COMMAND... prints "KiB seconds" to the descriptor 3 and exits as the command does. The system counts what a process
 * had before it became the command, so that the parent must be as small as this one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct timespec begun, ended;
    struct rusage used;
    int status;
    if (argc < 2) return fprintf(stderr, "usage: weigh COMMAND... 3>FILE\n"), 64;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    pid_t child = fork();
    if (child < 0) return perror("weigh"), 71;
    if (child == 0) {
        close(3);
        execvp(argv[1], argv + 1);
        fprintf(stderr, "weigh: %s: %s\n", argv[1], strerror(errno));
        _exit(127);
    }
    while (wait4(child, &status, 0, &used) < 0)
        if (errno != EINTR) return perror("weigh"), 71;
    clock_gettime(CLOCK_MONOTONIC, &ended);
    dprintf(3, "%ld %.3f\n", used.ru_maxrss, ended.tv_sec - begun.tv_sec + (ended.tv_nsec - begun.tv_nsec) / 1e9);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
