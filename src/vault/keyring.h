/* keyring: the key-encryption keys (KEKs) that wrap every workspace's own key.
 *
 * Text form: lines "id:base64(32 bytes)", the first is active; ids are 1..16 letters, digits, '-'
 * or '_'. In memory the keys live in guarded pages (sodium_malloc). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/secret.h"

enum { KEYRING_MAX = 16, KEK_ID_BYTES = 17, KEK_BYTES = 32 };

struct kek {
    char id[KEK_ID_BYTES];
    unsigned char key[KEK_BYTES];
};

struct keyring {
    struct kek *keks; /* guarded memory */
    size_t count;
};

/* Reads the text. False and *why, which never quotes it. */
bool keyring_parse(struct keyring *k, struct str text, struct arena *a, const char **why);

/* The key file of a data folder: read, or made with one fresh key "k1" (mode 0600) when there is
 * none; *made tells. made NULL: it must be there. False and *why when it can not be, or when others may
 * read it. */
bool keyring_from_file(struct keyring *k, const char *path, struct arena *a, bool *made,
                       const char **why);

const struct kek *keyring_find(const struct keyring *k, const char *id); /* NULL if not loaded */
void keyring_fini(struct keyring *k);                                    /* wipes */
