/* vapi_assistants: assistants in the dialect of Vapi (OpenAPI of 2026-08-20): POST, GET /assistant,
 * GET, PATCH, DELETE /assistant/{id}.
 *
 * A PATCH replaces the members it names, whole; null removes one. An assistant has a metadata of
 * its own, in which the id of Ava's operation travels (ava_op), by which it is found again. */
#pragma once

#include "providers/vapi_server.h"
#include "providers/vapi_settings.h"

/* Reads an assistant as it is now, past the cache; the arena's. */
enum err vapi_assistant_read(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                             const json_t **out);

/* Drops what the cache has of the assistant, and of lists: call it when it is no longer what it
 * was. */
void vapi_assistant_forget(struct ctx *ctx, const struct upstream_credential *c, const char *id);

/* Sends a PATCH. patch: JSON. *now: the assistant as Vapi has it then, the arena's. out->body: its
 * settings, which the cache keeps too. */
enum err vapi_assistant_write(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                              struct str patch, const json_t **now, struct upstream_answer *out);

/* Deletes an assistant; one that is gone already is fine. */
enum err vapi_assistant_delete(struct ctx *ctx, const struct upstream_credential *c,
                               const char *id);

struct vapi_assistant_order {
    const json_t *config;
    const struct vapi_server *server; /* where its messages go by default; NULL: nowhere */
    const char *operation_id;
};

/* Creates an assistant. *made: as Vapi has it, the arena's. Never repeated after its first byte:
 * see watch. */
enum err vapi_assistant_create(struct ctx *ctx, const struct upstream_credential *c,
                               const struct vapi_assistant_order *order,
                               const struct upstream_watch *watch, const json_t **made);
/* Those that were made for operations, looked for among those since since_ms (wall clock) in one walk
 * through the list. */
struct vapi_assistant_made {
    const char *operation_id;
    const char *id; /* at Vapi; the arena's; NULL: not found */
};
struct vapi_assistants_made {
    struct vapi_assistant_made *list;
    size_t count;
    bool is_whole; /* what was not found is not there */
};
enum err vapi_assistants_find(struct ctx *ctx, const struct upstream_credential *c,
                              int64_t since_ms, struct vapi_assistants_made *made);

/* A page of the account's, newest first, from the cache where it may be: out->body is
 *     {"assistants":[{"provider_id","name","created_at","updated_at"}],"next_cursor"}
 * cursor NULL: the first page; else one that came from here (ERR_INVALID when not). */
enum err vapi_assistants_read(struct ctx *ctx, const struct upstream_credential *c, int limit,
                              const char *cursor, struct upstream_answer *out);
