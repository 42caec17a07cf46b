/* A POP3S server with an empty maildrop whose logins are SCRAM of GNU SASL, tied to the TLS connection by tls-exporter
 * (RFC 9266): nothing of ours takes part in what it accepts.
 *
 * scramserver CERTIFICATE KEY USER PASSWORD [strip|other]
 *
 * It prints its port, then a line for each login: the mechanism, and "ok" or why not. "strip" leaves -PLUS out of what
 * it offers, as somebody in between would, and accepts nothing less; "other" knows the octets of another connection.
 */
#include <arpa/inet.h>
#include <gsasl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *password;
static char binding[64]; /* in base64 */

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int callback(Gsasl *context, Gsasl_session *session, Gsasl_property property) {
    (void)context;
    switch (property) {
    case GSASL_PASSWORD: return gsasl_property_set(session, GSASL_PASSWORD, password);
    case GSASL_CB_TLS_EXPORTER: return gsasl_property_set(session, GSASL_CB_TLS_EXPORTER, binding);
    default: return GSASL_NO_CALLBACK;
    }
}

static int line(SSL *ssl, char *text, int size) {
    int count = 0;
    while (count < size - 1) {
        if (SSL_read(ssl, text + count, 1) != 1) return -1;
        if (text[count++] == '\n') break;
    }
    while (count > 0 && (text[count - 1] == '\n' || text[count - 1] == '\r')) count--;
    text[count] = 0;
    return count;
}

static void say(SSL *ssl, const char *text) {
    SSL_write(ssl, text, (int)strlen(text));
    SSL_write(ssl, "\r\n", 2);
}

/* AUTH MECHANISM [INITIAL-RESPONSE] (RFC 5034) */
static void log_in(SSL *ssl, Gsasl *sasl, char *arguments, const char *user) {
    char text[4096];
    char *mechanism = strtok(arguments, " "), *response = strtok(NULL, " ");
    Gsasl_session *session;
    if (!mechanism || gsasl_server_start(sasl, mechanism, &session) != GSASL_OK) {
        say(ssl, "-ERR no such mechanism");
        return;
    }
    char *challenge = NULL;
    int result = response ? gsasl_step64(session, response, &challenge) : GSASL_NEEDS_MORE;
    while (result == GSASL_NEEDS_MORE || (result == GSASL_OK && challenge && *challenge)) {
        snprintf(text, sizeof text, "+ %s", challenge ? challenge : "");
        say(ssl, text);
        gsasl_free(challenge);
        challenge = NULL;
        if (line(ssl, text, sizeof text) < 0) break;
        if (strcmp(text, "*") == 0) result = GSASL_AUTHENTICATION_ERROR;
        else if (result == GSASL_OK) break;
        else result = gsasl_step64(session, text, &challenge);
    }
    const char *name = gsasl_property_fast(session, GSASL_AUTHID);
    if (result == GSASL_OK && (!name || strcmp(name, user) != 0)) result = GSASL_AUTHENTICATION_ERROR;
    printf("%s %s\n", mechanism, result == GSASL_OK ? "ok" : gsasl_strerror_name(result));
    fflush(stdout);
    say(ssl, result == GSASL_OK ? "+OK in" : "-ERR [AUTH] no");
    gsasl_finish(session);
}

static void serve(SSL *ssl, const char *user, const char *mode) {
    unsigned char octets[32];
    if (SSL_accept(ssl) != 1 ||
        SSL_export_keying_material(ssl, octets, sizeof octets, "EXPORTER-Channel-Binding", 24, NULL, 0, 0) != 1)
        return;
    if (strcmp(mode, "other") == 0) octets[0] ^= 1;
    EVP_EncodeBlock((unsigned char *)binding, octets, sizeof octets);
    Gsasl *sasl;
    if (gsasl_init(&sasl) != GSASL_OK) return;
    gsasl_callback_set(sasl, callback);
    int isStripped = strcmp(mode, "strip") == 0;
    char text[4096];
    say(ssl, "+OK ready");
    while (line(ssl, text, sizeof text) >= 0) {
        if (strncasecmp(text, "AUTH ", 5) == 0) log_in(ssl, sasl, text + 5, user);
        else if (strcasecmp(text, "CAPA") == 0)
            say(ssl, isStripped ? "+OK\r\nSASL SCRAM-SHA-256 SCRAM-SHA-1\r\nUIDL\r\n."
                                : "+OK\r\nSASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1\r\nUIDL\r\n.");
        else if (strcasecmp(text, "UIDL") == 0) say(ssl, "+OK\r\n.");
        else if (strcasecmp(text, "QUIT") == 0) {
            say(ssl, "+OK bye");
            break;
        } else say(ssl, "-ERR what?");
    }
    SSL_shutdown(ssl);
}

int main(int count, char **words) {
    if (count < 5) {
        fprintf(stderr, "usage: scramserver CERTIFICATE KEY USER PASSWORD [strip|other]\n");
        return 64;
    }
    password = words[4];
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    if (SSL_CTX_use_certificate_chain_file(context, words[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, words[2], SSL_FILETYPE_PEM) != 1)
        fail("certificate");
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        fail("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) continue;
        if (fork() == 0) {
            SSL *ssl = SSL_new(context);
            SSL_set_fd(ssl, client);
            serve(ssl, words[3], count > 5 ? words[5] : "");
            exit(0);
        }
        close(client);
    }
}
