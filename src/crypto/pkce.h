/* pkce: proof that whoever brings a code is who asked for it (RFC 7636), by S256. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* 43 to 128 of A-Z, a-z, 0-9 and -._~ */
bool pkce_is_verifier(struct str text);

/* base64url(SHA-256(verifier)), without padding. */
const char *pkce_challenge(struct arena *a, struct str verifier);
