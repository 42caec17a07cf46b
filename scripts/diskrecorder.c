/*
 * Preloaded into a program (LD_PRELOAD): records, in order, all that it does to files below one folder and all that it
 * sends to its peers, for tests that ask what a power cut would leave. Tests/MailTestKit/DiskLog.swift reads the log.
 *
 * DISK_LOG names the file for the log, DISK_ROOT the folder. A record is a line, followed by as many octets as the last
 * number of the line says:
 *
 *     C <directory> <inode> <n>       a file was made; n octets name it; if it has no name, directory and n are 0
 *     D <directory> <inode> <n>       a directory was made
 *     N <from> <to> <k> <n>           an entry was renamed; k of the n octets are the old name
 *     L <inode> <directory> <n>       a file got a further name
 *     U <directory> <n>               a name was removed
 *     W <inode> <offset> <n>          octets were written
 *     T <inode> <size> 0              a file was truncated, or extended with zeros
 *     B <serial> <inode> 0            fsync or fdatasync begins
 *     E <serial> <inode> 0            it has succeeded
 *     X <descriptor> <n>              octets are about to be sent to a peer
 *
 * A change is recorded after it succeeded, B and X before the call: a change that is not in the log before a
 * synchronization begins was not certainly covered by it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SAID_LIMIT 65536

static int log_descriptor(void) {
    static atomic_int opened = -1;
    int known = atomic_load(&opened);
    if (known >= 0) return known;
    const char *path = getenv("DISK_LOG");
    if (!path) return -1;
    int made = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (made < 0) return -1;
    /* Out of the way of programs that count on the smallest descriptor being free. */
    int high = (int)syscall(SYS_fcntl, made, F_DUPFD_CLOEXEC, 900);
    syscall(SYS_close, made);
    int none = -1;
    if (!atomic_compare_exchange_strong(&opened, &none, high)) {
        syscall(SYS_close, high);
        return none;
    }
    return high;
}

/* One record in one write: O_APPEND keeps those of other threads and processes out of it. */
static void put(const char *head, const void *octets, size_t count) {
    int log = log_descriptor();
    if (log < 0) return;
    size_t length = strlen(head);
    char small[8192];
    char *record = length + count <= sizeof small ? small : malloc(length + count);
    if (!record) abort();
    memcpy(record, head, length);
    if (count > 0) memcpy(record + length, octets, count);
    if (syscall(SYS_write, log, record, length + count) != (ssize_t)(length + count)) abort();
    if (record != small) free(record);
}

/* Whether `descriptor` is open on DISK_ROOT or on a file or directory below it. */
static int is_inside(int descriptor) {
    const char *root = getenv("DISK_ROOT");
    if (!root || log_descriptor() < 0) return 0;
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    size_t wanted = strlen(root);
    return strncmp(path, root, wanted) == 0 && (path[wanted] == '/' || path[wanted] == 0);
}

static unsigned long inode_of(int descriptor) {
    struct stat found;
    return fstat(descriptor, &found) == 0 ? (unsigned long)found.st_ino : 0;
}

/* The folder of a path, open, to be closed if `*made`, its last part in `*name`; -1 for a folder not below DISK_ROOT. */
static int folder_of(int at, const char *path, const char **name, int *made) {
    *made = 0;
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    int folder = at;
    if (slash || at == AT_FDCWD) {
        char above[PATH_MAX];
        size_t length = slash ? (size_t)(slash - path) : 0;
        if (length >= sizeof above) return -1;
        if (!slash) strcpy(above, ".");
        else if (length == 0) strcpy(above, "/");
        else { memcpy(above, path, length); above[length] = 0; }
        folder = (int)syscall(SYS_openat, at, above, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
        if (folder < 0) return -1;
        *made = 1;
    }
    if (is_inside(folder)) return folder;
    if (*made) syscall(SYS_close, folder);
    return -1;
}

static void leave(int folder, int made) { if (made) syscall(SYS_close, folder); }

static int exists(int at, const char *path) {
    struct stat found;
    return fstatat(at, path, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

static int opening(int at, const char *path, int flags, mode_t mode) {
    const char *name;
    int made, kept;
    int was_there = !(flags & O_CREAT) || exists(at, path);
    int opened = (int)syscall(SYS_openat, at, path, flags, mode);
    kept = errno;
    /* It has no name, but its inode number may have been another file's. */
    if (opened >= 0 && (flags & O_TMPFILE) == O_TMPFILE && is_inside(opened)) {
        char head[96];
        snprintf(head, sizeof head, "C 0 %lu 0\n", inode_of(opened));
        put(head, NULL, 0);
        errno = kept;
        return opened;
    }
    if (opened >= 0 && (!was_there || (flags & O_TRUNC)) && is_inside(opened)) {
        char head[96];
        int folder = folder_of(at, path, &name, &made);
        if (folder >= 0 && !was_there) {
            snprintf(head, sizeof head, "C %lu %lu %zu\n", inode_of(folder), inode_of(opened), strlen(name));
            put(head, name, strlen(name));
        } else if (flags & O_TRUNC) {
            snprintf(head, sizeof head, "T %lu 0 0\n", inode_of(opened));
            put(head, NULL, 0);
        }
        if (folder >= 0) leave(folder, made);
    }
    errno = kept;
    return opened;
}

/* O_TMPFILE includes the bit of O_DIRECTORY, so all of its bits are compared. */
#define OPEN_MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { OPEN_MODE(flags) return opening(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { OPEN_MODE(flags) return opening(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { OPEN_MODE(flags) return opening(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { OPEN_MODE(flags) return opening(at, path, flags, mode); }

static void wrote(int descriptor, off_t offset, const void *octets, ssize_t count) {
    char head[96];
    snprintf(head, sizeof head, "W %lu %lld %zd\n", inode_of(descriptor), (long long)offset, count);
    put(head, octets, (size_t)count);
}

static int is_socket(int descriptor) {
    struct stat found;
    return fstat(descriptor, &found) == 0 && S_ISSOCK(found.st_mode);
}

static void say(int descriptor, const void *octets, size_t count) {
    char head[96];
    if (count > SAID_LIMIT) count = SAID_LIMIT;
    snprintf(head, sizeof head, "X %d %zu\n", descriptor, count);
    put(head, octets, count);
}

ssize_t write(int descriptor, const void *octets, size_t count) {
    if (log_descriptor() >= 0 && is_socket(descriptor)) say(descriptor, octets, count);
    ssize_t done = syscall(SYS_write, descriptor, octets, count);
    int kept = errno;
    if (done > 0 && is_inside(descriptor)) {
        wrote(descriptor, lseek(descriptor, 0, SEEK_CUR) - done, octets, done);
    }
    errno = kept;
    return done;
}

ssize_t pwrite(int descriptor, const void *octets, size_t count, off_t offset) {
    ssize_t done = syscall(SYS_pwrite64, descriptor, octets, count, offset);
    int kept = errno;
    if (done > 0 && is_inside(descriptor)) wrote(descriptor, offset, octets, done);
    errno = kept;
    return done;
}
ssize_t pwrite64(int descriptor, const void *octets, size_t count, off_t offset) {
    return pwrite(descriptor, octets, count, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    int socket = log_descriptor() >= 0 && is_socket(descriptor);
    for (int i = 0; socket && i < count; i++) say(descriptor, parts[i].iov_base, parts[i].iov_len);
    ssize_t done = syscall(SYS_writev, descriptor, parts, count);
    int kept = errno;
    if (done > 0 && is_inside(descriptor)) abort(); /* no program here writes files so; record it once one does */
    errno = kept;
    return done;
}

ssize_t send(int descriptor, const void *octets, size_t count, int flags) {
    say(descriptor, octets, count);
    return syscall(SYS_sendto, descriptor, octets, count, flags, NULL, 0);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        say(descriptor, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
    }
    return syscall(SYS_sendmsg, descriptor, message, flags);
}

ssize_t copy_file_range(int from, off_t *at, int to, off_t *behind, size_t count, unsigned flags) {
    ssize_t done = syscall(SYS_copy_file_range, from, at, to, behind, count, flags);
    int kept = errno;
    if (done > 0 && is_inside(to)) {
        off_t offset = (behind ? *behind : lseek(to, 0, SEEK_CUR)) - done;
        char *octets = malloc((size_t)done);
        if (!octets || pread(to, octets, (size_t)done, offset) != done) abort();
        wrote(to, offset, octets, done);
        free(octets);
    }
    errno = kept;
    return done;
}

static int syncing(long call, int descriptor) {
    static atomic_uint counter;
    int inside = is_inside(descriptor);
    char head[96], serial[40];
    if (inside) {
        snprintf(serial, sizeof serial, "%d.%u", getpid(), atomic_fetch_add(&counter, 1));
        snprintf(head, sizeof head, "B %s %lu 0\n", serial, inode_of(descriptor));
        put(head, NULL, 0);
    }
    int code = (int)syscall(call, descriptor);
    int kept = errno;
    if (inside && code == 0) {
        head[0] = 'E';
        put(head, NULL, 0);
    }
    errno = kept;
    return code;
}
int fsync(int descriptor) { return syncing(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { return syncing(SYS_fdatasync, descriptor); }

static void sized(int descriptor, off_t size) {
    char head[96];
    snprintf(head, sizeof head, "T %lu %lld 0\n", inode_of(descriptor), (long long)size);
    put(head, NULL, 0);
}
int ftruncate(int descriptor, off_t size) {
    int code = (int)syscall(SYS_ftruncate, descriptor, size);
    int kept = errno;
    if (code == 0 && is_inside(descriptor)) sized(descriptor, size);
    errno = kept;
    return code;
}
int ftruncate64(int descriptor, off_t size) { return ftruncate(descriptor, size); }

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    const char *first, *second;
    int made[2];
    int code = (int)syscall(SYS_renameat2, from, old, to, new, flags);
    int kept = errno;
    if (code == 0) {
        int source = folder_of(from, old, &first, &made[0]);
        int target = folder_of(to, new, &second, &made[1]);
        if (source >= 0 && target >= 0) {
            char head[128], names[2 * NAME_MAX + 2];
            size_t count = strlen(first), all = count + strlen(second);
            if (all > sizeof names) abort();
            memcpy(names, first, count);
            memcpy(names + count, second, all - count);
            snprintf(head, sizeof head, "N %lu %lu %zu %zu\n", inode_of(source), inode_of(target), count, all);
            put(head, names, all);
        }
        if (source >= 0) leave(source, made[0]);
        if (target >= 0) leave(target, made[1]);
    }
    errno = kept;
    return code;
}
int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

int linkat(int from, const char *old, int to, const char *new, int flags) {
    int code = (int)syscall(SYS_linkat, from, old, to, new, flags);
    int kept = errno, made;
    const char *name;
    struct stat found;
    int folder = code == 0 ? folder_of(to, new, &name, &made) : -1;
    if (folder >= 0) {
        char head[96];
        if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0) abort();
        snprintf(head, sizeof head, "L %lu %lu %zu\n", (unsigned long)found.st_ino, inode_of(folder), strlen(name));
        put(head, name, strlen(name));
        leave(folder, made);
    }
    errno = kept;
    return code;
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int at, const char *path, int flags) {
    int code = (int)syscall(SYS_unlinkat, at, path, flags);
    int kept = errno, made;
    const char *name;
    int folder = code == 0 ? folder_of(at, path, &name, &made) : -1;
    if (folder >= 0) {
        char head[96];
        snprintf(head, sizeof head, "U %lu %zu\n", inode_of(folder), strlen(name));
        put(head, name, strlen(name));
        leave(folder, made);
    }
    errno = kept;
    return code;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int mkdirat(int at, const char *path, mode_t mode) {
    int code = (int)syscall(SYS_mkdirat, at, path, mode);
    int kept = errno, made;
    const char *name;
    struct stat found;
    int folder = code == 0 ? folder_of(at, path, &name, &made) : -1;
    if (folder >= 0) {
        char head[96];
        if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0) abort();
        snprintf(head, sizeof head, "D %lu %lu %zu\n", inode_of(folder), (unsigned long)found.st_ino, strlen(name));
        put(head, name, strlen(name));
        leave(folder, made);
    }
    errno = kept;
    return code;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
