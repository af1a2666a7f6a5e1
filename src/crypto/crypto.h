/* crypto: once, before anything else of this folder. */
#pragma once

#include <stdbool.h>

bool crypto_init(void); /* false: the library does not work here; do not go on */
