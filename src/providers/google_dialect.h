/* google_dialect: what sets Google apart, for dialect.c. */
#pragma once

#include "providers/dialect.h"

extern const struct dialect GOOGLE_DIALECT;
