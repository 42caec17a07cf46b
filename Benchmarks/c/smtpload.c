/* Sends messages by SMTP over some connections at once, one transaction after the other on each.
 *
 * smtpload PORT CONNECTIONS MESSAGES OCTETS FROM TO [PID...]
 * MAIL, RCPT and DATA go in one write where the server has PIPELINING. Prints "messages/s microseconds-of-server-CPU-per-message
 * median-milliseconds", the CPU being that of the processes PID and of all below them. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum state { GREETING, HELLO, ENVELOPE, CONTENT, QUITTING, CLOSED };

struct connection {
    enum state state;
    int replies; /* final lines still to come in this state */
    int pipelining, said; /* whether the server has it; how many of the envelope's commands are said */
    int fill;
    double begun;
    char input[8192];
};

static struct connection *connections;
static struct pollfd *watched;
static int messages, started, finished, open_connections;
static double *latency;
static char envelope[3][512];
static int content_size;
static char *content;

static void fail(const char *what) {
    fprintf(stderr, "smtpload: %s\n", what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* Clock ticks used by the processes whose parents lead to one of `roots`, ended children included. */
static long ticks_of_trees(int *roots, int root_count) {
    static struct { int pid, parent; long ticks; } all[32768];
    int count = 0;
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    while (folder && (entry = readdir(folder)) && count < 32768) {
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        char path[300], text[1024];
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        size_t size = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[size] = 0;
        char *rest = strrchr(text, ')');
        long user, system, child_user, child_system;
        if (!rest || sscanf(rest + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld", &all[count].parent,
                            &user, &system, &child_user, &child_system) != 5)
            continue;
        all[count].pid = atoi(entry->d_name);
        all[count++].ticks = user + system + child_user + child_system;
    }
    if (folder) closedir(folder);
    long sum = 0;
    for (int i = 0; i < count; i++) {
        int pid = all[i].pid, found = 0;
        for (int depth = 0; pid > 1 && depth < 64 && !found; depth++) {
            for (int r = 0; r < root_count; r++) found |= pid == roots[r];
            int parent = 0;
            for (int j = 0; j < count; j++)
                if (all[j].pid == pid) parent = all[j].parent;
            pid = parent;
        }
        if (found) sum += all[i].ticks;
    }
    return sum;
}

static void put(int index, const char *octets, int size) {
    int fd = watched[index].fd;
    for (int done = 0; done < size;) {
        ssize_t count = send(fd, octets + done, size - done, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) fail("the server hung up");
        done += count;
    }
}

/* The next command of the envelope, or all of them at once. */
static void put_envelope(int index) {
    struct connection *c = &connections[index];
    char all[sizeof envelope];
    int size = 0;
    do size += sprintf(all + size, "%s", envelope[c->said++]);
    while (c->pipelining && c->said < 3);
    put(index, all, size);
}

static void next_transaction(int index) {
    struct connection *c = &connections[index];
    if (started < messages) {
        started++;
        c->begun = now();
        c->state = ENVELOPE;
        c->replies = 3;
        c->said = 0;
        put_envelope(index);
    } else {
        c->state = QUITTING;
        c->replies = 1;
        put(index, "QUIT\r\n", 6);
    }
}

static void replied(int index, const char *line) {
    struct connection *c = &connections[index];
    if (line[0] != '2' && line[0] != '3') {
        fprintf(stderr, "smtpload: %s\n", line);
        exit(1);
    }
    if (--c->replies > 0) {
        if (c->state == ENVELOPE && c->said < 3) put_envelope(index);
        return;
    }
    switch (c->state) {
    case GREETING:
        c->state = HELLO;
        c->replies = 1;
        put(index, "EHLO load.example\r\n", 19);
        break;
    case HELLO: next_transaction(index); break;
    case ENVELOPE:
        c->state = CONTENT;
        c->replies = 1;
        put(index, content, content_size);
        break;
    case CONTENT:
        latency[finished++] = now() - c->begun;
        next_transaction(index);
        break;
    case QUITTING:
        close(watched[index].fd);
        watched[index].fd = -1;
        c->state = CLOSED;
        open_connections--;
        break;
    case CLOSED: break;
    }
}

static void readable(int index) {
    struct connection *c = &connections[index];
    ssize_t count = recv(watched[index].fd, c->input + c->fill, sizeof c->input - 1 - c->fill, 0);
    if (count <= 0) fail("the server hung up");
    c->fill += count;
    c->input[c->fill] = 0;
    char *from = c->input, *end;
    while (watched[index].fd >= 0 && (end = memchr(from, '\n', c->input + c->fill - from))) {
        *end = 0;
        if (c->state == HELLO && strlen(from) > 4 && !strncasecmp(from + 4, "PIPELINING", 10)) c->pipelining = 1;
        if (strlen(from) >= 4 && from[3] != '-') replied(index, from);
        from = end + 1;
    }
    c->fill -= from - c->input;
    memmove(c->input, from, c->fill);
    if (c->fill == sizeof c->input - 1) fail("a reply line without end");
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    if (argc < 7) return fprintf(stderr, "usage: smtpload PORT CONNECTIONS MESSAGES OCTETS FROM TO [PID...]\n"), 64;
    int count = atoi(argv[2]), octets = atoi(argv[4]), roots[64], root_count = 0;
    messages = atoi(argv[3]);
    if (count < 1 || count > 10000 || messages < 1 || octets < 100) return 64;
    for (int i = 7; i < argc && root_count < 64; i++) roots[root_count++] = atoi(argv[i]);
    snprintf(envelope[0], sizeof envelope[0], "MAIL FROM:<%s>\r\n", argv[5]);
    snprintf(envelope[1], sizeof envelope[1], "RCPT TO:<%s>\r\n", argv[6]);
    snprintf(envelope[2], sizeof envelope[2], "DATA\r\n");
    content = malloc(octets + 200);
    content_size = sprintf(content, "From: <%s>\r\nTo: <%s>\r\nSubject: load\r\n\r\n", argv[5], argv[6]);
    for (int column = 0; content_size < octets; column++) {
        content[content_size++] = column % 74 == 72 ? '\r' : column % 74 == 73 ? '\n' : 'a' + column % 26;
    }
    if (content[content_size - 1] == '\r') content_size--;
    if (content[content_size - 1] != '\n') content_size += sprintf(content + content_size, "\r\n");
    content_size += sprintf(content + content_size, ".\r\n");
    connections = calloc(count, sizeof *connections);
    watched = calloc(count, sizeof *watched);
    latency = calloc(messages, sizeof *latency);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    long ticks = ticks_of_trees(roots, root_count);
    double begun = now();
    for (int i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("cannot connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watched[i].fd = fd;
        watched[i].events = POLLIN;
        connections[i].replies = 1;
        open_connections++;
    }
    while (open_connections > 0) {
        int ready = poll(watched, count, 30000);
        if (ready == 0) fail("no reply for 30 seconds");
        for (int i = 0; i < count; i++)
            if (watched[i].fd >= 0 && watched[i].revents) readable(i);
    }
    double took = now() - begun;
    ticks = ticks_of_trees(roots, root_count) - ticks;
    qsort(latency, finished, sizeof *latency, order);
    double tick = 1e6 / sysconf(_SC_CLK_TCK);
    printf("%.1f %.1f %.3f\n", finished / took, ticks * tick / finished, latency[finished / 2] * 1e3);
    return 0;
}
