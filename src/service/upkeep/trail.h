/* trail: reading the audit log of a workspace. */
#pragma once

#include "store/audit.h"

enum err trail_list(struct ctx *ctx, int64_t before_seq, int limit, struct audit_page *out);
