/* password: argon2id (64 MiB, t=3, p=1) as PHC strings.
 *
 * Each of the first two takes 64 MiB and some tenths of a second: offload them, few at a time. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

enum { PASSWORD_PHC_BYTES = 128 };

/* False when there is no memory for it. */
bool password_hash(char out[PASSWORD_PHC_BYTES], struct str password);

/* Whether it is the password of phc, in *is_right; NULL (no such user) takes as long as a wrong one and is
 * never right. False when there is no memory to find out: then nothing is known, and *is_right is false. */
bool password_verify(const char *phc, struct str password, bool *is_right);

bool password_needs_rehash(const char *phc); /* made with other parameters than today's */
