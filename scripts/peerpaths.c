/* Preloaded into a peer that is unpacked into a folder of its own: leads its compiled-in paths below $PEER_ROOT where
 * the file exists there.
 *
 * Covers what servers do with compiled-in paths: run a program, list a folder of modules, load one, read a file. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The path to use for `path`: itself, or the same one below the root, which is put into `room`. */
static const char *below(const char *path, char room[PATH_MAX]) {
    const char *root = getenv("PEER_ROOT");
    if (!root || !path || strncmp(path, "/usr/", 5) != 0) return path;
    if (snprintf(room, PATH_MAX, "%s%s", root, path) >= PATH_MAX) return path;
    return syscall(SYS_faccessat, AT_FDCWD, room, F_OK, 0) == 0 ? room : path;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int execv(const char *path, char *const argv[]) {
    char room[PATH_MAX];
    return NEXT(execv)(below(path, room), argv);
}

int execve(const char *path, char *const argv[], char *const envp[]) {
    char room[PATH_MAX];
    return NEXT(execve)(below(path, room), argv, envp);
}

DIR *opendir(const char *path) {
    char room[PATH_MAX];
    return NEXT(opendir)(below(path, room));
}

void *dlopen(const char *path, int flags) {
    char room[PATH_MAX];
    return NEXT(dlopen)(below(path, room), flags);
}

int access(const char *path, int mode) {
    char room[PATH_MAX];
    return NEXT(access)(below(path, room), mode);
}

int stat(const char *restrict path, struct stat *restrict status) {
    char room[PATH_MAX];
    return NEXT(stat)(below(path, room), status);
}

FILE *fopen(const char *restrict path, const char *restrict mode) {
    char room[PATH_MAX];
    return NEXT(fopen)(below(path, room), mode);
}
