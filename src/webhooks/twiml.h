/* twiml: what Twilio does with a call, as XML (twilio.com/docs/voice/twiml, read 2026-10). */
#pragma once

#include "base/buf.h"
#include "service/calls/fallbacks.h"

/* Who calls, as far as the document depends on it. */
struct twiml_caller {
    struct str url;        /* where Twilio asks again, absolute */
    const char *overrides; /* behind each URL: how Twilio tries it again; NULL: nothing */
    bool is_forwardable;   /* else a forward only says its text */
    const char
        *caller_id; /* what the person sees who is called instead; NULL: the caller's number */
};

/* Writes a whole document. Texts are escaped; characters that XML 1.0 cannot hold are left out. */
void twiml_fallback(struct buf *out, const struct fallback *f, const struct twiml_caller *caller);

/* Writes the answer once the person it was forwarded to is gone or never came: dial_status is
 * DialCallStatus. */
void twiml_after_forward(struct buf *out, const struct fallback *f, struct str dial_status);
/* Writes the answer to a caller who has left a message: thanks, and the end. */
void twiml_after_record(struct buf *out);

/* Has this request come back from a Record? query: of the URL, form: NULL for none. */
struct form;
bool twiml_is_after_record(const struct form *query, const struct form *form);
