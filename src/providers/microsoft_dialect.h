/* microsoft_dialect: what sets Microsoft apart, for dialect.c. */
#pragma once

#include "providers/dialect.h"

extern const struct dialect MICROSOFT_DIALECT;
