/* invitations: how somebody who has an account joins a workspace: an owner or admin asks the address,
 * and the person with that address accepts, signed in. Nobody is told whether the address belongs to
 * anybody. One lasts seven days, and no longer than its maker's membership.
 *
 * Accounts and their addresses are made by who runs the installation. Somebody signed in therefore sees
 * what invites their address, and answers it without the token of its link. */
#pragma once

#include "store/invitations.h"
#include "store/people.h"

enum { INVITATIONS_MAX = 100 /* of a workspace, that nobody accepted yet */ };

/* mine: the asker's role there; only owners invite owners. *token goes into the link, and is seen
 * only now. One for the same address is replaced. */
enum err invitation_create(struct ctx *ctx, const char *workspace_id, enum role mine,
                           const char *email, enum role role, struct invitation *out,
                           const char **token);
enum err invitation_list(struct ctx *ctx, const char *workspace_id, const char *before_id,
                         int limit, struct invitation *out, size_t *count);
enum err invitation_remove(struct ctx *ctx, const char *workspace_id, const char *id);

/* Makes the asker a member, and uses the invitation up; whoever is a member already keeps the role.
 * ERR_NOT_FOUND for one that is over, unknown or for another address. */
enum err invitation_accept(struct ctx *ctx, struct str token, struct workspace *out);

/* The asker's own, with the names of the workspace and of who invites. ERR_FORBIDDEN for API keys. */
enum err invitation_list_own(struct ctx *ctx, const char *before_id, int limit,
                             struct invitation *out, size_t *count);
enum err invitation_accept_own(struct ctx *ctx, const char *id, struct workspace *out);
enum err invitation_decline(struct ctx *ctx, const char *id);
