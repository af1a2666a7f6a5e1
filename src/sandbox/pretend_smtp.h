/* pretend_smtp: a pretend mail server on a loopback port of its own, without TLS, on a thread of its own.
 *
 * It takes any username and password, but those that sandbox.h says are refused, or none; keeps the last
 * PRETEND_MAILS_KEPT mails, and behaves by recipient: bounce@ 550 5.1.1; full@ 452 4.2.2; grey@ 451 4.7.1 the
 * first time from a sender, then taken; spam@ 550 5.7.1 to the whole mail; lost@ takes it, and the answer is
 * lost. Faults (operation "DATA") meet the end of a mail; `status` is the code of the reply. */
#pragma once

#include "base/jsonw.h"
#include "sandbox/faults.h"
#include "sandbox/ledger.h"

enum { PRETEND_MAILS_KEPT = 200, PRETEND_MAIL_KEPT_BYTES = 256 << 10 };

struct pretend_smtp;

/* NULL and *why when a port or a thread is not to be had. */
struct pretend_smtp *pretend_smtp_start(struct faults *faults, struct ledger *ledger,
                                        const char **why);
void pretend_smtp_stop(struct pretend_smtp *p); /* NULL is fine */
int pretend_smtp_port(const struct pretend_smtp *p);

/* {"mails":[{"id","from","to":[...],"bytes","message"}]}, newest first; any thread. Of a message that is
 * longer than PRETEND_MAIL_KEPT_BYTES only its beginning is there. */
void pretend_smtp_write(struct pretend_smtp *p, struct jsonw *w);
