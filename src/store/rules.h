/* rules: rows of what shall be done when something happens, and of what was done. */
#pragma once

#include "db/db.h"

enum { RULES_MAX = 50, RULE_USES_KEPT_DAYS = 30 };

#define NOTICES_JOB_NAME "notices"

struct rule_row {
    const char *id, *workspace_id, *name;
    const char *event;      /* "call.missed" */
    const char *definition; /* JSON {"when","then","quiet_hours"} */
    bool enabled;
    int64_t since_ms; /* when it was made or last switched on */
    int64_t created_ms, updated_ms;
};

enum err rule_row_insert(struct ctx *ctx, struct db_conn *tx, const struct rule_row *row);
enum err rule_row_update(struct ctx *ctx, struct db_conn *tx, const struct rule_row *row);
enum err rule_row_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                         const char *id);
/* found->id NULL when there is none. */
enum err rule_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id, const char *id,
                       struct rule_row *found);
/* Newest first, behind before_id (NULL: from the newest). */
enum err rule_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const char *before_id, int limit, struct rule_row *out, size_t *count);
/* Those that are on and wait for this event. out: room for RULES_MAX. */
enum err rule_rows_for(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                       const char *event, struct rule_row *out, size_t *count);

struct rule_use_row {
    const char *id, *rule_id, *workspace_id, *event;
    const char *cause;      /* what happened; of a rule and a recipient once */
    const char *recipient;  /* "caller", an e-mail address, a number or the id of a user */
    const char *who, *line; /* who called or wrote, and to which number of ours; NULL: nobody */
    const char *call_id, *message_id, *event_id; /* what it was about; NULL: nothing of that kind */
    const char *said;                            /* what happened, a sentence; NULL: none */
    int64_t happened_ms;
    const char *status; /* "waiting", "sent", "skipped", "failed" */
    const char *reason; /* a word for it; NULL: none */
    const char *detail; /* a sentence for people; NULL: none */
    const char *sent_message_id;
    int64_t due_ms, settled_ms;
    const char *rule_name, *sent_status; /* read only: NULL when the rule or message is gone */
};

/* Nothing is changed where the rule worked on that for this recipient already. */
enum err rule_use_row_insert(struct ctx *ctx, struct db_conn *tx, const struct rule_use_row *row);
/* Writes status, reason, detail, sent_message_id and both times. */
enum err rule_use_row_settle(struct ctx *ctx, struct db_conn *tx, const struct rule_use_row *row);
/* The oldest one that waits and is due; found->id NULL when there is none. */
enum err rule_use_row_due(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          int64_t now_ms, struct rule_use_row *found);
enum err rule_use_row_find(struct ctx *ctx, struct db_conn *c, const char *id,
                           struct rule_use_row *found);
/* When the next one is due; INT64_MAX: none waits. */
enum err rule_use_rows_next_due(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                int64_t *due_ms);
/* Newest first, behind before_id (NULL: from the newest). */
enum err rule_use_rows_list(struct ctx *ctx, struct db_conn *c, const char *rule_id,
                            const char *before_id, int limit, struct rule_use_row *out,
                            size_t *count);
enum err rule_use_rows_of_call(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *call_id, int limit, struct rule_use_row *out,
                               size_t *count);
/* *is: has any sent a text since then of which it is not known yet what became of it? */
enum err rule_use_rows_are_open(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                int64_t since_ms, bool *is);
/* How many of the workspace sent something since then. */
enum err rule_use_rows_sent(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            int64_t since_ms, int64_t *count);
/* Did the rule send this recipient something about this caller since then? */
enum err rule_use_row_was_sent(struct ctx *ctx, struct db_conn *c, const struct rule_use_row *like,
                               int64_t since_ms, bool *was);
/* Is that message, by its id at the provider, one that a rule sent? */
enum err rule_sent_message(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           const char *provider, const char *provider_id, bool *is);
/* Did a rule send a text from this number to that one since then? */
enum err rule_sent_between(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           const char *from, const char *to, int64_t since_ms, bool *is);
/* Deletes some of those, in any workspace, whose ids are before this one. */
enum err rule_use_rows_sweep(struct ctx *ctx, struct db_conn *tx, const char *oldest_id);
