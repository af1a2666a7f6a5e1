/* call_gone: ends calls of which the provider will never tell how they ended: it does not know them any
 * more, or they would have lasted longer than any call does (RESILIENCE 4). */
#pragma once

#include "service/calls/calls.h"

/* Why a call is over without a word of the provider: ended_reason of the row. */
extern const char CALL_NO_LONGER_KNOWN[];

/* The provider said that it does not know the call (404, 410). One such answer proves nothing: the call
 * is over after the second one, a minute or more apart; or now, when is_certain. Updates v to what is
 * stored. */
enum err call_missed(struct ctx *ctx, struct call_view *v, bool is_certain);

/* Has it lasted longer than any call of its provider's? Then it is over. */
enum err call_outlive(struct ctx *ctx, struct call_view *v);
