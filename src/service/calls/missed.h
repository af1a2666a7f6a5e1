/* missed: which calls are missed ones. Pure.
 *
 * A call that came in and that nobody took: it rang until it ended (no answer, busy, refused, hung up before an answer),
 * a voicemail or the fallback answered, or the person it was passed on to did not. One that an assistant or a person
 * talked on is none, however short; nor is one that we called, or of which nobody knows how it ended. */
#pragma once

#include "store/calls.h"

/* heard_fallback: Ava itself answered it with words or a voicemail, which for the provider is an answer. */
bool call_is_missed(const struct call_row *row, bool heard_fallback);
