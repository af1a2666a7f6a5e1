/* numbers: rows of the Twilio numbers under Ava's care, and of the steps that bring them there. Where
 * a number led before is sealed: other systems write tokens into their addresses. */
#pragma once

#include "store/sealed.h"

enum number_can { NUMBER_VOICE = 1, NUMBER_SMS = 2, NUMBER_MMS = 4 };

struct number_row {
    const char *id, *workspace_id;
    const char *account, *provider_id; /* Twilio's sids: of the account, of the number */
    const char *phone_number;          /* E.164 */
    const char *friendly_name;         /* NULL: none */
    const char *vapi_id;               /* of the same number at Vapi; NULL: it is not there */
    int64_t capabilities;              /* bits of enum number_can */
    int64_t imported_ms;               /* 0: an import has begun, and is not through */
    int64_t released_ms;               /* 0: in Ava's care */
    int64_t created_ms, updated_ms;
    struct str sealed;
};

static inline bool number_is_held(const struct number_row *row) {
    return row->id && row->imported_ms && !row->released_ms;
}

struct sealed_place number_row_place(const struct number_row *row);
/* Inserts it, or writes everything but ids, account and created_ms of the row with that id. */
enum err number_row_put(struct ctx *ctx, struct db_conn *tx, const struct number_row *row);
enum err number_row_delete(struct ctx *ctx, struct db_conn *tx, const struct number_row *row);
/* found->id is NULL when there is none. By Ava's id, by Twilio's, by Vapi's. */
enum err number_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                         const char *id, struct number_row *found);
/* The number that the workspace has had longest, E.164, the arena's; NULL when it has none. */
enum err number_row_any(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const char **phone_number);
/* Of those in Ava's care the ones whose number or name holds that, small letters. */
enum err number_rows_like(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          const char *like, int limit, struct number_row *out, size_t *count);
enum err number_row_find_by_provider(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                     const char *provider_id, struct number_row *found);
enum err number_row_find_at_vapi(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                 const char *vapi_id, struct number_row *found);

/* --- steps ----------------------------------------------------------------------------------- */

struct number_step_row {
    const char *operation_id, *workspace_id;
    const char *provider_id, *phone_number, *step;
    const char *state;  /* "waiting", "started", "done", "failed", "undoing", "undone", "skipped" */
    const char *detail; /* JSON object, nothing secret; NULL: nothing to say */
    int64_t seq, updated_ms;
};

enum err number_step_row_insert(struct ctx *ctx, struct db_conn *tx,
                                const struct number_step_row *row);
/* Writes state, detail and updated_ms. */
enum err number_step_row_update(struct ctx *ctx, struct db_conn *tx,
                                const struct number_step_row *row);
/* In their order; out: room for limit. */
enum err number_step_rows_list(struct ctx *ctx, struct db_conn *c, const char *operation_id,
                               int limit, struct number_step_row *out, size_t *count);
/* Is an import of this number under way? */
enum err number_row_is_busy(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            const char *provider_id, bool *busy);
