// OpenSSL 3: its headers, and what Swift cannot see of them (function-like macros, typed stacks, variadic functions).
#ifndef MH_OPENSSL_SHIMS_H
#define MH_OPENSSL_SHIMS_H

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdint.h>

// Contexts and connections

static inline int mh_SSL_CTX_set_min_proto(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}

static inline uint64_t mh_SSL_OP_hardening(void) { return SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION; }

static inline void mh_SSL_CTX_release_buffers(SSL_CTX *context) { SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); }

static inline void mh_SSL_CTX_keep_no_sessions(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline void mh_SSL_CTX_set_sni(SSL_CTX *context, int (*choose)(SSL *, int *, void *), void *argument) {
    SSL_CTX_set_tlsext_servername_callback(context, choose);
    SSL_CTX_set_tlsext_servername_arg(context, argument);
}

static inline int mh_SSL_set_sni(SSL *connection, const char *name) {
    return (int)SSL_set_tlsext_host_name(connection, name);
}

// A key with a passphrase must fail instead of asking on the terminal.
static inline int mh_no_passphrase(char *buffer, int size, int writing, void *data) {
    (void)buffer, (void)size, (void)writing, (void)data;
    return -1;
}

static inline EVP_PKEY *mh_PEM_read_key(BIO *bio) { return PEM_read_bio_PrivateKey(bio, NULL, mh_no_passphrase, NULL); }

static inline X509 *mh_PEM_read_certificate(BIO *bio) { return PEM_read_bio_X509(bio, NULL, mh_no_passphrase, NULL); }

static inline int mh_PEM_write_key(BIO *bio, EVP_PKEY *key) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
}

// Certificates

static inline void mh_X509_subject(BIO *bio, const X509 *certificate) {
    X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
}

static inline GENERAL_NAMES *mh_X509_alternative_names(const X509 *certificate) {
    return (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

static inline int mh_names_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }

// The octets of the name at `index`. Returns 2 for a dNSName, 7 for an iPAddress, 0 for every other kind.
static inline int mh_names_at(const GENERAL_NAMES *names, int index, const unsigned char **octets, int *count) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    const ASN1_STRING *text = NULL;
    int kind = 0;
    if (name && name->type == GEN_DNS) text = name->d.dNSName, kind = 2;
    if (name && name->type == GEN_IPADD) text = name->d.iPAddress, kind = 7;
    *octets = text ? ASN1_STRING_get0_data(text) : NULL;
    *count = text ? ASN1_STRING_length(text) : 0;
    return kind;
}

static inline void mh_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }

// Seconds since 1970. Returns 0 when `moment` is no time.
static inline int mh_ASN1_TIME_seconds(const ASN1_TIME *moment, int64_t *seconds) {
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, rest = 0;
    int good = epoch && ASN1_TIME_diff(&days, &rest, epoch, moment);
    ASN1_TIME_free(epoch);
    *seconds = (int64_t)days * 86400 + rest;
    return good;
}

static inline EVP_PKEY *mh_EVP_P256_key(void) { return EVP_EC_gen("P-256"); }

// Adds the extension `nid`, its value in the syntax of x509v3_config(5), to a self-signed certificate. Returns 0 on
// failure.
static inline int mh_X509_add_extension(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (!extension) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

#endif
