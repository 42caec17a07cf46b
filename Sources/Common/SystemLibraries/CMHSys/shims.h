// What glibc offers on Linux and Swift's Glibc module hides: calls behind _GNU_SOURCE, macros, variadic functions.
#ifndef MH_SYS_SHIMS_H
#define MH_SYS_SHIMS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <termios.h>
#include <unistd.h>

// Declared by hand: the libc headers above may come from a module that was built without _GNU_SOURCE.
extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pipe2(int[2], int);
extern int dup3(int, int, int);
extern int eventfd(unsigned int, int);
extern int signalfd(int, const sigset_t *, int);
struct itimerspec;
extern int timerfd_create(int, int);
extern int timerfd_settime(int, int, const struct itimerspec *, struct itimerspec *);
extern int memfd_create(const char *, unsigned int);
extern int syncfs(int);
extern int fallocate(int, int, off_t, off_t);
extern int sync_file_range(int, int64_t, int64_t, unsigned int);
extern ssize_t copy_file_range(int, off_t *, int, off_t *, size_t, unsigned int);
extern int renameat2(int, const char *, int, const char *, unsigned int);
extern int pthread_setname_np(pthread_t, const char *);
extern int pidfd_open(pid_t, unsigned int);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *);

static inline char **mh_environ(void) { extern char **environ; return environ; }
/* At most this many arenas (mallopt(3)); a malloc other than glibc's takes no notice. */
static inline void mh_limit_arenas(int arenas) { mallopt(M_ARENA_MAX, arenas); }
/* Blocks of this many octets or more are each mapped, and given back to the system when they are freed: without this
   call glibc raises the threshold to the size of the largest block ever freed. */
static inline void mh_give_back_blocks(int octets) { mallopt(M_MMAP_THRESHOLD, octets); }
static inline unsigned int mh_RENAME_NOREPLACE(void) { return 1u; }
static inline unsigned int mh_SYNC_FILE_RANGE_WRITE(void) { return 2u; }
/* O_TMPFILE, a file without a name; a macro that Swift does not see. */
static inline int mh_O_TMPFILE(void) { return 020000000 | O_DIRECTORY; }
static inline int mh_EFD_CLOEXEC(void) { return 02000000; }
static inline int mh_SFD_FLAGS(void) { return 02000000 | 04000; }  // close-on-exec, non-blocking
static inline int mh_TFD_FLAGS(void) { return 02000000 | 04000; }  // close-on-exec, non-blocking
static inline int mh_TFD_TIMER_ABSTIME(void) { return 1; }
static inline long mh_UTIME_OMIT(void) { return UTIME_OMIT; }
static inline unsigned int mh_MFD_CLOEXEC(void) { return 1u; }
static inline int mh_S_ISREG(mode_t m) { return S_ISREG(m); }
static inline int mh_S_ISDIR(mode_t m) { return S_ISDIR(m); }
static inline int mh_WIFEXITED(int s) { return WIFEXITED(s); }
static inline int mh_WEXITSTATUS(int s) { return WEXITSTATUS(s); }
static inline int mh_WIFSIGNALED(int s) { return WIFSIGNALED(s); }
static inline int mh_WTERMSIG(int s) { return WTERMSIG(s); }
// Whether the program was started with this signal ignored, or has ignored it since.
static inline int mh_isIgnored(int s) { struct sigaction a; return sigaction(s, 0, &a) == 0 && a.sa_handler == SIG_IGN; }
/* Sends one datagram with `count` descriptors (unix(7), SCM_RIGHTS), two at most. Never waits, raises no signal. */
static inline ssize_t mh_send_packet(int socket, const void *octets, size_t length, const int *descriptors, int count) {
    union { struct cmsghdr header; char room[CMSG_SPACE(2 * sizeof(int))]; } control;
    struct iovec part = { (void *) octets, length };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (count < 0 || count > 2) { errno = EINVAL; return -1; }
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
    }
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
/* Receives one datagram, and at most two descriptors into `descriptors`, close-on-exec. Never waits.
   `*count` is how many came; -1 when the datagram or its descriptors did not fit. */
static inline ssize_t mh_receive_packet(int socket, void *octets, size_t room, int *descriptors, int *count) {
    union { struct cmsghdr header; char room[CMSG_SPACE(2 * sizeof(int))]; } control;
    struct iovec part = { octets, room };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room };
    *count = 0;
    ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0) return length;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        int came = (int) ((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int each = 0; each < came && *count < 2; each++) {
            memcpy(&descriptors[*count], CMSG_DATA(header) + each * sizeof(int), sizeof(int));
            *count += 1;
        }
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        while (*count > 0) close(descriptors[--*count]);
        *count = -1;
    }
    return length;
}
/* Neither this thread nor those it starts, nor what they execute, gains rights by a file's set-user-ID (prctl(2)). */
// Takes a write lock on the whole file, of the open file description, or gives it back: other programs' record locks (fcntl)
// meet it, and it does not go when another descriptor of the file is closed.
static inline int mh_record_lock(int file, int take) {
    struct flock lock = {.l_type = take ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET};
    return fcntl(file, 37 /* F_OFD_SETLK, behind _GNU_SOURCE */, &lock);
}
// connect(2) to the socket at a path; one too long for its structure is ENAMETOOLONG.
static inline int mh_connect_local(int socket, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length + 1);
    return connect(socket, (struct sockaddr *)&address, sizeof address);
}
// Gives a file without a name one (linkat(2)).
static inline int mh_link_unnamed(int file, int directory, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW);
}
static inline int mh_gain_no_rights(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
static inline void mh_syslog(int priority, const char *line) { syslog(priority, "%s", line); }
static inline void mh_openlog(const char *ident) { openlog(ident, LOG_PID | LOG_NDELAY, LOG_MAIL); }

#endif
