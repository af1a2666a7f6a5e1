#include "vault/signing.h"

#include <string.h>

#include "crypto/hash.h"
#include "vault/inner.h"

static const char PURPOSE[] = "ava/audit/ed25519/v1";

/* The seed of a master key's pair; the caller wipes it. */
static void seed_of(const struct kek *kek, unsigned char seed[SIGN_SEED_BYTES]) {
    struct buf b = { 0 };
    vault_aad_part(&b, str_of(PURPOSE));
    vault_aad_part(&b, str_of(kek->id));
    hash_blake2b_keyed(seed, SIGN_SEED_BYTES, (struct str){ (const char *)kek->key, KEK_BYTES },
                       buf_view(&b));
    buf_fini(&b);
}

void vault_sign(struct vault *v, struct str text, struct vault_signature *out) {
    unsigned char seed[SIGN_SEED_BYTES];
    struct kek kek;
    masters_active(v, &kek);
    seed_of(&kek, seed);
    *out = (struct vault_signature){ 0 };
    str_copy(out->kek_id, sizeof out->kek_id, str_of(kek.id));
    sign_text(seed, text, out->bytes, out->public);
    explicit_bzero(seed, sizeof seed);
    explicit_bzero(&kek, sizeof kek);
}

enum vault_verdict vault_judge(struct vault *v, struct str text, const struct vault_signature *s) {
    unsigned char seed[SIGN_SEED_BYTES], public[SIGN_PUBLIC_BYTES], unused[SIGNATURE_BYTES];
    struct kek kek;
    bool is_retired;
    if (!masters_find(v, s->kek_id, &kek, &is_retired))
        return SIGNATURE_OF_ABSENT_KEY;
    seed_of(&kek, seed);
    sign_text(seed, text, unused, public);
    explicit_bzero(seed, sizeof seed);
    explicit_bzero(&kek, sizeof kek);
    return sign_is_good(public, text, s->bytes) ? SIGNATURE_GOOD : SIGNATURE_BAD;
}
