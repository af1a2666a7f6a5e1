/* twiml: what Twilio does with a call, as XML (twilio.com/docs/voice/twiml, read 2026-10). */
#pragma once

#include "base/buf.h"
#include "service/calls/fallbacks.h"

/* A whole document. Texts are escaped; characters that XML 1.0 cannot hold are left out. action:
 * where Twilio asks again once the person it was forwarded to is gone or never came. */
void twiml_fallback(struct buf *out, const struct fallback *f, struct str action);

/* The answer to that: dial_status is its DialCallStatus. */
void twiml_after_forward(struct buf *out, const struct fallback *f, struct str dial_status);
