/* smtp_dialect: what sets a workspace's own mail server apart from other providers. */
#pragma once

#include "providers/dialect.h"

extern const struct dialect SMTP_DIALECT;
