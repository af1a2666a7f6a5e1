/* trail: reading the audit log of a workspace, or of the installation. */
#pragma once

#include "store/audit.h"

/* f.workspace_id is filled in: the asker's, or with of_installation what belongs to no workspace (ERR_FORBIDDEN for
 * all but installation admins). */
enum err trail_list(struct ctx *ctx, struct audit_filter f, bool of_installation,
                    int64_t before_seq, int limit, struct audit_page *out);
