/* tls: TLS 1.2 and 1.3 for the connections of http/server, by OpenSSL, on the same loop.
 *
 * OpenSSL reads and writes no socket here: the bytes that came are handed to it, and what it wants to send gathers in
 * a buffer. ALPN is http/1.1; whoever insists on another protocol is turned away by an alert. There is no
 * renegotiation, no compression and no early data. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

/* The certificate and key in force, for all loops. */
struct tls_setup;

/* Reads a PEM chain, the server's own certificate first, and its key. NULL and *why, one sentence that names the
 * setting, when one cannot be read, is no such thing, does not belong to the other, or is over. */
struct tls_setup *tls_setup_load(const char *cert_file, const char *key_file, struct arena *a,
                                 const char **why);
/* The same for new connections from now on; those that are open keep what they have. Any thread. False and *why:
 * nothing was changed. */
bool tls_setup_reload(struct tls_setup *s, const char *cert_file, const char *key_file,
                      struct arena *a, const char **why);
int64_t tls_setup_expires_ms(struct tls_setup *s); /* Unix time; any thread */
void tls_setup_free(struct tls_setup *s);          /* when no connection is left; NULL is fine */

/* One connection's. */
struct tls;

struct tls *tls_new(struct tls_setup *s); /* NULL: there is no memory for it */
void tls_free(struct tls *t);             /* NULL is fine */

/* Lends it the bytes that came; those that it did not need by the time of tls_keep it copies. */
void tls_feed(struct tls *t, const char *bytes, size_t count);
bool tls_keep(struct tls *t); /* false: there is no memory for that */

enum tls_result { TLS_BYTES, TLS_MORE, TLS_OVER, TLS_FAILED };

/* Decrypts into to, at least one byte of room. BYTES: *got of them. MORE: none can be had from what came. OVER: the
 * other end is done. In each case there may be something to send. */
enum tls_result tls_read(struct tls *t, char *to, size_t room, size_t *got);
bool tls_has_left(const struct tls *t); /* a read may give something without more coming in */
bool tls_is_up(const struct tls *t);    /* the handshake is done */

/* Encrypts all of plain, which is empty then, behind what is to be sent. Before the handshake is done it does
 * nothing. False: the connection is of no use any more. */
bool tls_seal(struct tls *t, struct buf *plain);
void tls_bye(struct tls *t);        /* says that nothing more comes */
struct buf *tls_out(struct tls *t); /* what is to be sent; the caller drops what it sent */

/* Is this the first byte of TLS? Whoever speaks plain HTTP to such a port is told so. */
bool tls_is_first_byte(char byte);
