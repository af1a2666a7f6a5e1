#include "crypto/crypto.h"

#include <sodium.h>

bool crypto_init(void) {
    return sodium_init() >= 0;
}
