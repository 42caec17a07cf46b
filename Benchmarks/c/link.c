// A link between two network namespaces: packets pass from one TUN device to the other, late, slowly, and now and then not at all.
//
// Usage: link NEAR FAR DELAY-MS MBIT [LOSS REORDER DUPLICATE SEED]
//
// NEAR and FAR are files of network namespaces (/run/netns/NAME). In each a device "link" is made, 10.77.0.1 in NEAR and
// 10.77.0.2 in FAR. A packet waits for those before it, at MBIT megabits a second, and then DELAY-MS milliseconds, each way:
// a turn takes twice that. LOSS, REORDER and DUPLICATE are probabilities; a reordered packet comes five milliseconds late.
// The same seed makes the same choices for the same packets. Says "ready" on standard output, and ends with its standard input.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 1500, ROOM = 4096 };

struct packet {
    int64_t due;
    int length;
    char octets[LARGEST];
};

// One direction. Packets leave in the order of their times; more than ROOM of them are dropped, as by a router.
struct direction {
    int from, to;
    int64_t free_at;
    int count;
    struct packet *heap[ROOM];
};

static uint64_t seed;

static double chance(void) {
    seed += 0x9E3779B97F4A7C15u;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static void fail(const char *doing) {
    fprintf(stderr, "link: %s: %s\n", doing, strerror(errno));
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int device(const char *namespace, const char *address, const char *peer) {
    int space = open(namespace, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) != 0) fail(namespace);
    close(space);
    int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    struct ifreq request = {0};
    strcpy(request.ifr_name, "link");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) fail("make the device");
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
    memset(&request.ifr_ifru, 0, sizeof request.ifr_ifru);
    in->sin_family = AF_INET;
    inet_pton(AF_INET, address, &in->sin_addr);
    if (ioctl(control, SIOCSIFADDR, &request) != 0) fail("set the address");
    inet_pton(AF_INET, peer, &in->sin_addr);
    if (ioctl(control, SIOCSIFDSTADDR, &request) != 0) fail("set the peer's address");
    memset(&request.ifr_ifru, 0, sizeof request.ifr_ifru);
    request.ifr_mtu = LARGEST;
    if (ioctl(control, SIOCSIFMTU, &request) != 0) fail("set the size of packets");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(control, SIOCSIFFLAGS, &request) != 0) fail("bring the device up");
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(control, SIOCSIFFLAGS, &request) != 0) fail("bring lo up");
    close(control);
    return tun;
}

static void push(struct direction *way, struct packet *packet) {
    if (way->count == ROOM) {
        free(packet);
        return;
    }
    int at = way->count++;
    while (at > 0 && way->heap[(at - 1) / 2]->due > packet->due) {
        way->heap[at] = way->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    way->heap[at] = packet;
}

static struct packet *pop(struct direction *way) {
    struct packet *first = way->heap[0], *last = way->heap[--way->count];
    int at = 0;
    while (2 * at + 1 < way->count) {
        int child = 2 * at + 1;
        if (child + 1 < way->count && way->heap[child + 1]->due < way->heap[child]->due) child++;
        if (way->heap[child]->due >= last->due) break;
        way->heap[at] = way->heap[child];
        at = child;
    }
    way->heap[at] = last;
    return first;
}

int main(int count, char **words) {
    if (count < 5) {
        fprintf(stderr, "usage: link NEAR FAR DELAY-MS MBIT [LOSS REORDER DUPLICATE SEED]\n");
        return 64;
    }
    int64_t delay = (int64_t)(atof(words[3]) * 1e6);
    double octet = 8000.0 / atof(words[4]);  // nanoseconds
    double loss = count > 5 ? atof(words[5]) : 0, reorder = count > 6 ? atof(words[6]) : 0;
    double duplicate = count > 7 ? atof(words[7]) : 0;
    seed = count > 8 ? strtoull(words[8], NULL, 10) : 1;
    int near = device(words[1], "10.77.0.1", "10.77.0.2"), far = device(words[2], "10.77.0.2", "10.77.0.1");
    static struct direction ways[2];
    ways[0].from = ways[1].to = near;
    ways[1].from = ways[0].to = far;
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        int64_t next = INT64_MAX, time = now();
        for (int w = 0; w < 2; w++) {
            struct direction *way = &ways[w];
            while (way->count > 0 && way->heap[0]->due <= time) {
                struct packet *packet = pop(way);
                // A device that takes no more drops it, as a line does.
                if (write(way->to, packet->octets, (size_t)packet->length) < 0) errno = 0;
                free(packet);
            }
            if (way->count > 0 && way->heap[0]->due < next) next = way->heap[0]->due;
        }
        struct pollfd watched[] = {{near, POLLIN, 0}, {far, POLLIN, 0}, {0, POLLIN, 0}};
        int64_t left = next == INT64_MAX ? 1000000000LL : next - now();
        struct timespec wait = {left > 0 ? left / 1000000000LL : 0, left > 0 ? left % 1000000000LL : 0};
        if (ppoll(watched, 3, &wait, NULL) < 0 && errno != EINTR) fail("poll");
        char one;
        if (watched[2].revents && read(0, &one, 1) <= 0) return 0;
        time = now();
        for (int w = 0; w < 2; w++) {
            struct direction *way = &ways[w];
            for (int more = 0; more < 64; more++) {
                struct packet *packet = malloc(sizeof *packet);
                if (packet == NULL) fail("memory");
                packet->length = (int)read(way->from, packet->octets, LARGEST);
                if (packet->length <= 0) {
                    free(packet);
                    break;
                }
                if (way->free_at < time) way->free_at = time;
                way->free_at += (int64_t)(octet * packet->length);
                packet->due = way->free_at + delay;
                if (chance() < loss) {
                    free(packet);
                    continue;
                }
                if (chance() < reorder) packet->due += 5000000;
                if (chance() < duplicate) {
                    struct packet *twin = malloc(sizeof *twin);
                    if (twin == NULL) fail("memory");
                    *twin = *packet;
                    push(way, twin);
                }
                push(way, packet);
            }
        }
    }
}
