#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

enum { HANDSHAKE_BYTE = 22, KEPT_MAX_BYTES = 1 << 20 };

static const char CIPHERS[] =
    "ECDHE+AESGCM:ECDHE+CHACHA20"; /* of TLS 1.2; 1.3 has only good ones */

/* --- certificate and key --------------------------------------------------------------------- */

struct tls_setup {
    pthread_mutex_t lock; /* guards what follows */
    SSL_CTX *ctx;
    int64_t expires_ms;
};

/* http/1.1 where it is among what the client speaks, else an alert. */
static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                  const unsigned char *in, unsigned in_len, void *arg) {
    static const unsigned char OURS[] = "\x08http/1.1";
    int found =
        SSL_select_next_proto((unsigned char **)out, out_len, OURS, sizeof OURS - 1, in, in_len);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* What OpenSSL said first, which is nearest to the cause; the rest is forgotten. */
static const char *reason(struct arena *a) {
    unsigned long e = ERR_get_error();
    const char *words = e ? ERR_reason_error_string(e) : NULL;
    ERR_clear_error();
    return words ? arena_strdup(a, words) : "no reason was given";
}

static bool fail(struct arena *a, const char **why, const char *setting, const char *file,
                 const char *what) {
    *why = arena_printf(a, "%s: %s %s (%s)", setting, file, what, reason(a));
    return false;
}

/* A key with a passphrase cannot be used: nobody is there to type it. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg) {
    return 0;
}

static bool expiry_of(SSL_CTX *ctx, int64_t *ms) {
    struct tm t;
    const X509 *cert = SSL_CTX_get0_certificate(ctx);
    if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &t) != 1)
        return false;
    *ms = (int64_t)timegm(&t) * 1000;
    return true;
}

static bool fill(SSL_CTX *ctx, const char *cert_file, const char *key_file, int64_t *expires_ms,
                 struct arena *a, const char **why) {
    static const char CERT[] = "AVA_TLS_CERT", KEY[] = "AVA_TLS_KEY";
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        return fail(a, why, CERT, cert_file, "cannot be read as a PEM certificate");
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
        bool is_other = ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509;
        return fail(a, why, KEY, key_file,
                    is_other ? "is not the key of the certificate in AVA_TLS_CERT"
                             : "cannot be read as a PEM key without a passphrase");
    }
    if (SSL_CTX_check_private_key(ctx) != 1)
        return fail(a, why, KEY, key_file, "is not the key of the certificate in AVA_TLS_CERT");
    if (!expiry_of(ctx, expires_ms))
        return fail(a, why, CERT, cert_file, "does not say until when it is good");
    if (*expires_ms <= ava_wall_ms()) {
        char until[32];
        clock_rfc3339(*expires_ms, until);
        *why = arena_printf(a, "%s: the certificate in %s is over since %s; get a new one", CERT,
                            cert_file, until);
        return false;
    }
    return true;
}

static SSL_CTX *make(const char *cert_file, const char *key_file, int64_t *expires_ms,
                     struct arena *a, const char **why) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx) {
        *why = "AVA_TLS_CERT: OpenSSL has no memory for it";
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, CIPHERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_alpn_select_cb(ctx, choose, NULL);
    if (fill(ctx, cert_file, key_file, expires_ms, a, why))
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

struct tls_setup *tls_setup_load(const char *cert_file, const char *key_file, struct arena *a,
                                 const char **why) {
    int64_t expires_ms = 0;
    SSL_CTX *ctx = make(cert_file, key_file, &expires_ms, a, why);
    if (!ctx)
        return NULL;
    struct tls_setup *s = memory_zeroed(1, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->ctx = ctx;
    s->expires_ms = expires_ms;
    return s;
}

bool tls_setup_reload(struct tls_setup *s, const char *cert_file, const char *key_file,
                      struct arena *a, const char **why) {
    int64_t expires_ms = 0;
    SSL_CTX *ctx = make(cert_file, key_file, &expires_ms, a, why), *was;
    if (!ctx)
        return false;
    pthread_mutex_lock(&s->lock);
    was = s->ctx;
    s->ctx = ctx;
    s->expires_ms = expires_ms;
    pthread_mutex_unlock(&s->lock);
    SSL_CTX_free(was); /* connections hold it as long as they need it */
    return true;
}

int64_t tls_setup_expires_ms(struct tls_setup *s) {
    pthread_mutex_lock(&s->lock);
    int64_t ms = s->expires_ms;
    pthread_mutex_unlock(&s->lock);
    return ms;
}

void tls_setup_free(struct tls_setup *s) {
    if (!s)
        return;
    SSL_CTX_free(s->ctx);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* --- one connection -------------------------------------------------------------------------- */

struct tls {
    SSL *ssl;
    struct buf left; /* what came and was not needed yet, from at on; then what is lent */
    size_t at;
    struct str lent;
    struct buf out;
    bool is_up, has_failed;
};

/* OpenSSL asks for bytes of the other end. */
static int give(BIO *bio, char *to, size_t room, size_t *got) {
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t have = t->left.len - t->at;
    const char *from = have ? t->left.ptr + t->at : t->lent.ptr;
    *got = have ? have : t->lent.len;
    if (*got > room)
        *got = room;
    if (!*got) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(to, from, *got);
    if (have) {
        t->at += *got;
        if (t->at == t->left.len) {
            buf_fini(&t->left);
            t->at = 0;
        }
    } else {
        t->lent.ptr += *got;
        t->lent.len -= *got;
    }
    return 1;
}

static int take(BIO *bio, const char *bytes, size_t count, size_t *taken) {
    struct tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    buf_put(&t->out, bytes, count);
    *taken = count;
    return 1;
}

static long control(BIO *bio, int command, long number, void *pointer) {
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ava connection");
    if (!method)
        return;
    BIO_meth_set_read_ex(method, give);
    BIO_meth_set_write_ex(method, take);
    BIO_meth_set_ctrl(method, control);
}

struct tls *tls_new(struct tls_setup *s) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    struct tls *t = calloc(1, sizeof *t);
    BIO *bio = method ? BIO_new(method) : NULL;
    pthread_mutex_lock(&s->lock);
    SSL *ssl = t && bio ? SSL_new(s->ctx) : NULL;
    pthread_mutex_unlock(&s->lock);
    if (!ssl) {
        BIO_free(bio);
        free(t);
        ERR_clear_error();
        return NULL;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    t->ssl = ssl;
    return t;
}

void tls_free(struct tls *t) {
    if (!t)
        return;
    SSL_free(t->ssl);
    buf_fini(&t->left);
    buf_fini(&t->out);
    free(t);
}

void tls_feed(struct tls *t, const char *bytes, size_t count) {
    t->lent = (struct str){ bytes, count };
}

bool tls_keep(struct tls *t) {
    bool good = t->left.len - t->at + t->lent.len <= KEPT_MAX_BYTES;
    if (good && t->lent.len)
        buf_put(&t->left, t->lent.ptr, t->lent.len);
    t->lent = (struct str){ NULL, 0 };
    return good;
}

/* The first word of OpenSSL is taken; its list of errors is this thread's, not the connection's. */
static enum tls_result judge(struct tls *t, int got) {
    int e = SSL_get_error(t->ssl, got);
    ERR_clear_error();
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
        return TLS_MORE;
    if (e == SSL_ERROR_ZERO_RETURN)
        return TLS_OVER;
    t->has_failed = true;
    return TLS_FAILED;
}

enum tls_result tls_read(struct tls *t, char *to, size_t room, size_t *got) {
    *got = 0;
    if (t->has_failed)
        return TLS_FAILED;
    ERR_clear_error();
    int good = SSL_read_ex(t->ssl, to, room, got);
    t->is_up = t->is_up || SSL_is_init_finished(t->ssl);
    return good ? TLS_BYTES : judge(t, good);
}

bool tls_has_left(const struct tls *t) {
    return t->left.len > t->at || t->lent.len || SSL_pending(t->ssl) > 0;
}

bool tls_is_up(const struct tls *t) {
    return t->is_up;
}

bool tls_seal(struct tls *t, struct buf *plain) {
    size_t taken;
    if (!t->is_up || !plain->len)
        return !t->has_failed;
    ERR_clear_error();
    if (t->has_failed || !SSL_write_ex(t->ssl, plain->ptr, plain->len, &taken)) {
        ERR_clear_error();
        t->has_failed = true;
        return false;
    }
    buf_clear(plain);
    return true;
}

void tls_bye(struct tls *t) {
    if (t->is_up && !t->has_failed)
        SSL_shutdown(t->ssl);
    ERR_clear_error();
}

struct buf *tls_out(struct tls *t) {
    return &t->out;
}

bool tls_is_first_byte(char byte) {
    return byte == HANDSHAKE_BYTE;
}
