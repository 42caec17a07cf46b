/* Delivers the message on standard input into a Maildir, synced: what fetchmail calls for each message, as lean as it can be.
 *
 * deliver MAILDIR */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char name[64], from[4096], to[4096], buffer[65536];
    struct timespec now;
    ssize_t count;
    if (argc != 2) return fprintf(stderr, "usage: deliver MAILDIR\n"), 64;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(name, sizeof name, "%ld.M%ldP%d.bench", (long)now.tv_sec, now.tv_nsec, (int)getpid());
    snprintf(from, sizeof from, "%s/tmp/%s", argv[1], name);
    snprintf(to, sizeof to, "%s/new/%s", argv[1], name);
    int file = open(from, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0) return perror(from), 75;
    while ((count = read(0, buffer, sizeof buffer)) > 0)
        if (write(file, buffer, (size_t)count) != count) return perror(from), 75;
    if (count < 0 || fsync(file) || close(file) || rename(from, to)) return perror(to), 75;
    snprintf(to, sizeof to, "%s/new", argv[1]);
    int folder = open(to, O_RDONLY | O_DIRECTORY);
    return folder < 0 || fsync(folder) ? perror(to), 75 : 0;
}
