/* endpoint_known: the addresses that webhooks came to within the last second, so that one of many that come to the same
 * does not ask the store. What changes here counts at once, what another process changes after that second. */
#pragma once

#include "store/sealed.h"

/* What is remembered of the address with this hash, without what is sealed; in the arena. */
bool endpoint_recall(struct ctx *ctx, const unsigned char token_hash[32], struct endpoint_row *out);

/* As it is before a row is read: a change in between wins over what is remembered then. */
uint64_t endpoint_generation(const unsigned char token_hash[32]);
void endpoint_remember(const struct endpoint_row *row, uint64_t generation);

void endpoint_forget(const unsigned char token_hash[32]); /* it has changed */
void endpoints_forget_all(void); /* some have: which are gone is not known */
