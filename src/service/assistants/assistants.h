/* assistants: the assistants of the workspace's own Vapi account that Ava manages. Vapi holds their
 * configuration; Ava holds every version of it with its author, and the version number that
 * If-Match is compared with. A change made at Vapi itself becomes a version without author when Ava
 * sees it.
 *
 * Under a credential of the operator's all of this is ERR_FORBIDDEN: that account serves others
 * too. A change goes into the feed as "assistant". */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "service/connections/lending.h"
#include "store/assistants.h"
#include "tasks/operations.h"

extern const struct operation_kind ASSISTANT_CREATE;

struct assistant_view {
    struct assistant_row row;
    const json_t *config; /* with its secrets */
    bool is_in_use;       /* the one the workspace's connection names */
    bool is_stale;        /* Vapi could not be asked: as Ava last saw it */
};

/* The object people get: the configuration with its secrets masked. */
void assistant_write(struct ctx *ctx, struct jsonw *w, const struct assistant_view *v);
const char *assistant_etag(struct ctx *ctx, const struct assistant_view *v); /* "\"7\"" */

/* Creates an assistant as an operation. body: a configuration, of which only the name is required.
 * Without a server.url of its own its messages come to Ava. out->shown: the assistant as JSON. */
enum err assistant_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                         const struct id *claim, struct operation_end *out);

/* The assistant as it is at Vapi now. ERR_NOT_FOUND when Ava holds none with this id. */
enum err assistant_read(struct ctx *ctx, const char *id, struct assistant_view *out);

/* patch: a merge patch (RFC 7396) of the configuration as people see it: a masked value that comes
 * back as it was, stays. if_match: the version it is made for; NULL: whatever it is. */
enum err assistant_patch(struct ctx *ctx, const char *id, const json_t *patch, const char *if_match,
                         struct assistant_view *out);
/* Gives the assistant the configuration of that version again. A server that is this Ava's is not
 * restored: calls do not stop coming in because a greeting is taken back. */
enum err assistant_restore(struct ctx *ctx, const char *id, int64_t version, const char *if_match,
                           struct assistant_view *out);
/* Deletes the assistant at Vapi and here; its history stays. The one in use is refused
 * (ERR_INVALID). */
enum err assistant_remove(struct ctx *ctx, const char *id, const char *if_match);

/* Takes existing assistants of the account under Ava's care; one that is already is fine. out: room
 * for ASSISTANT_IMPORT_MAX. body: {"provider_ids":[...]}; nothing is taken when one is wrong. */
enum { ASSISTANT_IMPORT_MAX = 20 };
enum err assistants_import(struct ctx *ctx, const json_t *body, struct assistant_view *out,
                           size_t *count);

/* A page of the account's, newest first: out->body is {"assistants":[...],"next_cursor"}; "id" and
 * "version" are null for those that Ava does not hold. */
enum err assistants_list(struct ctx *ctx, int limit, const char *cursor,
                         struct upstream_answer *out);

/* *provider_id: Vapi's id of the assistant that a body names by Ava's id; any other text, or NULL,
 * is passed on as it is. ERR_NOT_FOUND for an id of Ava's that is not there. */
enum err assistant_resolve(struct ctx *ctx, const char *id, const char **provider_id);

/* --- between the files of assistants ------------------------------------------------------------- */

enum err assistant_lend(struct ctx *ctx, struct lent *out);
/* assistant_change of the one with Ava's id, as people get to see it. */
struct assistant_change;
enum err assistant_change_shown(struct ctx *ctx, const char *id,
                                const struct assistant_change *change, struct assistant_view *out);
/* ERR_NOT_FOUND for one that is not there, or was deleted. */
enum err assistant_held(struct ctx *ctx, const char *id, struct assistant_row *row);
