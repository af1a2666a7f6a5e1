#include "test.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/aead.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"
#include "crypto/hmac.h"
#include "crypto/password.h"

static void check_hex(const unsigned char *bytes, size_t len, const char *expected) {
    char hex[2 * 64 + 1];
    hex_encode(hex, bytes, len);
    CHECK_TEXT(hex, expected);
}

static struct str view(const void *bytes, size_t len) {
    return (struct str){ bytes, len };
}

TEST(the_library_works_here) {
    CHECK(crypto_init());
    CHECK(crypto_init());
}

TEST(sha256_is_that_of_fips_180) {
    unsigned char out[HASH_BYTES];
    hash_sha256(out, STR("abc"));
    check_hex(out, sizeof out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_sha256(out, (struct str){ 0 });
    check_hex(out, sizeof out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(blake2b_256_of_abc_is_the_known_one) {
    unsigned char out[HASH_BYTES];
    hash_blake2b(out, STR("abc"));
    check_hex(out, sizeof out, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(pieces_hash_like_the_whole) {
    unsigned char whole[HASH_BYTES], pieces[HASH_BYTES];
    struct hash h;
    hash_blake2b(whole, STR("abcdef"));
    hash_begin(&h);
    hash_add(&h, STR("ab"));
    hash_add(&h, (struct str){ 0 });
    hash_add(&h, STR("cdef"));
    hash_end(&h, pieces);
    CHECK(hmac_equal(view(whole, sizeof whole), view(pieces, sizeof pieces)));
}

TEST(fields_say_where_they_end) {
    unsigned char one[HASH_BYTES], other[HASH_BYTES];
    struct hash h;
    hash_begin(&h);
    hash_add_field(&h, STR("ab"));
    hash_add_field(&h, STR("c"));
    hash_end(&h, one);
    hash_begin(&h);
    hash_add_field(&h, STR("a"));
    hash_add_field(&h, STR("bc"));
    hash_end(&h, other);
    CHECK(!hmac_equal(view(one, sizeof one), view(other, sizeof other)));
}

TEST(keyed_hashes_differ_by_key_and_have_the_length_asked_for) {
    unsigned char key[32] = { 1 }, a[16], b[16];
    hash_blake2b_keyed(a, sizeof a, view(key, sizeof key), STR("ava-kcv"));
    key[31] = 1;
    hash_blake2b_keyed(b, sizeof b, view(key, sizeof key), STR("ava-kcv"));
    CHECK(!hmac_equal(view(a, sizeof a), view(b, sizeof b)));
}

TEST(hmacs_are_those_of_rfc_2202_and_4231) {
    unsigned char out[64];
    hmac_sha1(out, STR("Jefe"), STR("what do ya want for nothing?"));
    check_hex(out, HMAC_SHA1_BYTES, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    hmac_sha256(out, STR("Jefe"), STR("what do ya want for nothing?"));
    check_hex(out, HMAC_SHA256_BYTES,
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac_sha512(out, STR("Jefe"), STR("what do ya want for nothing?"));
    check_hex(out, HMAC_SHA512_BYTES,
              "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
              "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

TEST(an_empty_key_or_message_is_fine) {
    unsigned char out[HMAC_SHA256_BYTES];
    hmac_sha256(out, (struct str){ 0 }, (struct str){ 0 });
    check_hex(out, sizeof out, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(equal_means_same_length_and_same_bytes) {
    CHECK(hmac_equal(STR("abc"), STR("abc")));
    CHECK(!hmac_equal(STR("abc"), STR("abd")));
    CHECK(!hmac_equal(STR("abc"), STR("ab")));
    CHECK(hmac_equal((struct str){ 0 }, STR("")));
}

static const unsigned char KEY[AEAD_KEY_BYTES] = { 7 };

TEST(what_is_sealed_opens_with_the_same_key_and_words) {
    unsigned char sealed[5 + AEAD_MORE_BYTES], plain[5];
    aead_seal(sealed, KEY, STR("hello"), STR("row 1"));
    CHECK(aead_open(plain, KEY, view(sealed, sizeof sealed), STR("row 1")));
    CHECK(memcmp(plain, "hello", 5) == 0);
}

TEST(the_cipher_is_the_one_of_the_draft) {
    static const char PLAIN[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                                "only one tip for the future, sunscreen would be it.";
    unsigned char key[32], aad[12], sealed[24 + 114 + 16], plain[114];
    /* draft-irtf-cfrg-xchacha-03, A.3.1 */
    CHECK(hex_decode(STR("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"), key,
                     sizeof key));
    CHECK(hex_decode(STR("50515253c0c1c2c3c4c5c6c7"), aad, sizeof aad));
    CHECK(hex_decode(
        STR("404142434445464748494a4b4c4d4e4f5051525354555657"
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa644"
            "0bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e"
            "3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e"
            "c0875924c1c7987947deafd8780acf49"),
        sealed, sizeof sealed));
    CHECK(aead_open(plain, key, view(sealed, sizeof sealed), view(aad, sizeof aad)));
    CHECK(memcmp(plain, PLAIN, sizeof plain) == 0);
}

TEST(a_changed_bit_anywhere_does_not_open) {
    unsigned char sealed[5 + AEAD_MORE_BYTES], plain[5];
    aead_seal(sealed, KEY, STR("hello"), STR("row 1"));
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        memset(plain, 'x', sizeof plain);
        CHECK(!aead_open(plain, KEY, view(sealed, sizeof sealed), STR("row 1")));
        CHECK(memcmp(plain, "\0\0\0\0\0", 5) == 0);
        sealed[i] ^= 1;
    }
}

TEST(another_row_another_key_or_a_stump_does_not_open) {
    unsigned char sealed[5 + AEAD_MORE_BYTES], plain[5], other[AEAD_KEY_BYTES] = { 8 };
    aead_seal(sealed, KEY, STR("hello"), STR("row 1"));
    CHECK(!aead_open(plain, KEY, view(sealed, sizeof sealed), STR("row 2")));
    CHECK(!aead_open(plain, other, view(sealed, sizeof sealed), STR("row 1")));
    CHECK(!aead_open(plain, KEY, view(sealed, AEAD_MORE_BYTES - 1), STR("row 1")));
}

TEST(no_nonce_comes_twice) {
    unsigned char a[AEAD_MORE_BYTES], b[AEAD_MORE_BYTES];
    aead_seal(a, KEY, (struct str){ 0 }, (struct str){ 0 });
    aead_seal(b, KEY, (struct str){ 0 }, (struct str){ 0 });
    CHECK(memcmp(a, b, AEAD_NONCE_BYTES) != 0);
    CHECK(aead_open(a, KEY, view(b, sizeof b), (struct str){ 0 })); /* of nothing */
}

static bool is_password(const char *phc, struct str password) {
    bool is_right = true;
    CHECK(password_verify(phc, password, &is_right));
    return is_right;
}

TEST(a_password_verifies_and_no_other_does) {
    char phc[PASSWORD_PHC_BYTES];
    CHECK(password_hash(phc, STR("correct horse")));
    CHECK(strncmp(phc, "$argon2id$v=19$m=65536,t=3,p=1$", 31) == 0);
    CHECK(is_password(phc, STR("correct horse")));
    CHECK(!is_password(phc, STR("correct hors")));
    CHECK(!is_password(phc, (struct str){ 0 }));
    CHECK(!password_needs_rehash(phc));
}

/* Made by libsodium itself, with costs of another day. */
TEST(a_hash_of_other_costs_verifies_and_one_that_is_cut_or_longer_does_not) {
    char old[crypto_pwhash_STRBYTES], changed[sizeof old + 8];
    CHECK_INT(
        crypto_pwhash_str_alg(old, "correct horse", 13, 2, 1 << 20, crypto_pwhash_ALG_ARGON2ID13),
        0);
    CHECK(is_password(old, STR("correct horse")));
    CHECK(!is_password(old, STR("correct hors")));
    CHECK(password_needs_rehash(old));
    for (size_t n = 0; n < strlen(old); n++) {
        snprintf(changed, sizeof changed, "%.*s", (int)n, old);
        CHECK(!is_password(changed, STR("correct horse")));
        snprintf(changed, sizeof changed, "%s", old);
        changed[n] = changed[n] == 'x' ? 'y' : 'x';
        CHECK(!is_password(changed, STR("correct horse")));
    }
    snprintf(changed, sizeof changed, "%sA", old);
    CHECK(!is_password(changed, STR("correct horse")));
}

TEST(nobody_has_no_password_but_takes_the_same_time) {
    char phc[PASSWORD_PHC_BYTES];
    int64_t begun = ava_now_us();
    CHECK(password_hash(phc, STR("x")));
    int64_t usual = ava_now_us() - begun;
    begun = ava_now_us();
    CHECK(!is_password(NULL, STR("x")));
    CHECK(ava_now_us() - begun > usual / 5); /* not answered without work */
}

TEST(weaker_or_foreign_hashes_are_to_be_made_anew) {
    CHECK(password_needs_rehash("$argon2id$v=19$m=8192,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
                                "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"));
    CHECK(password_needs_rehash("rubbish"));
    CHECK(!is_password("rubbish", STR("x")));
}
