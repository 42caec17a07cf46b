// libssh2: SSH hops over a transport of ours. The macros and casts that Swift does not see stand here as functions.
#ifndef MH_SSH2_SHIMS_H
#define MH_SSH2_SHIMS_H

#include <libssh2.h>

// What the transport's two callbacks look like; both return -errno, such as -EAGAIN, on failure.
typedef ssize_t (*mh_ssh2_receive)(libssh2_socket_t, void *, size_t, int, void **);
typedef ssize_t (*mh_ssh2_send)(libssh2_socket_t, const void *, size_t, int, void **);

static inline LIBSSH2_SESSION *mh_ssh2_session(void *abstract) {
    return libssh2_session_init_ex(NULL, NULL, NULL, abstract);
}

static inline void mh_ssh2_transport(LIBSSH2_SESSION *session, mh_ssh2_receive receive, mh_ssh2_send send) {
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, (void *)receive);
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND, (void *)send);
}

#endif
