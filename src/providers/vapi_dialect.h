/* vapi_dialect: what sets Vapi apart, for dialect.c. */
#pragma once

#include "providers/dialect.h"

extern const struct dialect VAPI_DIALECT;
