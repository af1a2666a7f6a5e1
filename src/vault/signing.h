/* signing: signatures of what nobody may write who can write into the database alone. Each master key (KEK) has
 * a pair of Ed25519 keys, derived from it; whoever has the master key can sign, and check. */
#pragma once

#include "crypto/sign.h"
#include "vault/vault.h"

struct vault_signature {
    char kek_id[KEK_ID_BYTES];
    unsigned char bytes[SIGNATURE_BYTES], public[SIGN_PUBLIC_BYTES];
};

/* By the active master key. Any thread. */
void vault_sign(struct vault *v, struct str text, struct vault_signature *out);

enum vault_verdict { SIGNATURE_GOOD, SIGNATURE_BAD, SIGNATURE_OF_ABSENT_KEY };

/* public is not read: that of the master key with this id counts. */
enum vault_verdict vault_judge(struct vault *v, struct str text, const struct vault_signature *s);
