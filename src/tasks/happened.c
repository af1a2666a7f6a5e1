#include "tasks/happened.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sift.h"
#include "store/jobs.h"
#include "tasks/kinds.h"

static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;

const char *const HAPPENINGS[] = { "call.ended",
                                   "call.missed",
                                   "call.summary",
                                   "message.received",
                                   "budget.80",
                                   "budget.exhausted",
                                   "destination.disabled",
                                   "connection.needs_attention",
                                   "event.dead",
                                   NULL };

/* Does the rule want one with this reason and direction? What it does not name is any. */
static bool wants(const json_t *when, const struct happening *h) {
    const json_t *reasons = json_object_get(when, "reasons"), *one;
    const char *direction = json_text(when, "direction");
    size_t i;
    if (direction && (!h->direction || strcmp(direction, h->direction) != 0))
        return false;
    if (!json_array_size(reasons))
        return true;
    json_array_foreach(reasons, i, one) {
        if (h->reason && strcmp(json_string_value(one), h->reason) == 0)
            return true;
    }
    return false;
}

/* Is it about a message that a rule sent, or is it that very message, come in at a number of ours? */
static enum err is_own(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                       const struct happening *h, bool *own) {
    *own = false;
    if (h->resource && h->resource[0])
        TRY(rule_sent_message(ctx, tx, workspace_id, h->provider, h->resource, own));
    if (!*own && h->message_id && h->who && h->line)
        TRY(rule_sent_between(ctx, tx, workspace_id, h->who, h->line, ava_steady_ms() - DAY_MS,
                              own));
    return OK;
}

static enum err insert(struct ctx *ctx, struct db_conn *tx, const struct rule_row *rule,
                       const struct happening *h, const char *recipient, bool is_own) {
    struct id id = id_make("use");
    int64_t now_ms = ava_steady_ms();
    struct rule_use_row row = { .id = id.text,
                                .rule_id = rule->id,
                                .workspace_id = rule->workspace_id,
                                .event = h->event,
                                .cause = h->cause,
                                .recipient = recipient,
                                .who = h->who,
                                .line = h->line,
                                .call_id = h->call_id,
                                .message_id = h->message_id,
                                .event_id = h->event_id,
                                .said = h->said,
                                .happened_ms = h->at_ms ? h->at_ms : ava_wall_ms(),
                                .status = "waiting",
                                .due_ms = now_ms };
    if (is_own) {
        row.status = "skipped";
        row.reason = "own";
        row.detail = "A rule sent this itself, and what a rule sends sets none off.";
        row.settled_ms = now_ms;
    }
    return rule_use_row_insert(ctx, tx, &row);
}

static enum err insert_all(struct ctx *ctx, struct db_conn *tx, const struct rule_row *rule,
                           const struct happening *h, bool is_own) {
    const json_t *definition = sift_own(ctx->arena, str_of(rule->definition)), *one;
    const json_t *to = json_object_get(json_object_get(definition, "then"), "to");
    size_t i;
    if (!wants(json_object_get(definition, "when"), h) || (h->at_ms && h->at_ms < rule->since_ms))
        return OK;
    if (json_is_string(to))
        return insert(ctx, tx, rule, h, json_string_value(to), is_own);
    json_array_foreach(to, i, one) TRY(insert(ctx, tx, rule, h, json_string_value(one), is_own));
    return OK;
}

enum err happened(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                  const struct happening *h) {
    struct rule_row *rules = arena_alloc(ctx->arena, RULES_MAX * sizeof *rules);
    size_t count;
    bool own;
    TRY(rule_rows_for(ctx, tx, workspace_id, h->event, rules, &count));
    if (!count)
        return OK;
    TRY(is_own(ctx, tx, workspace_id, h, &own));
    for (size_t i = 0; i < count; i++)
        TRY(insert_all(ctx, tx, &rules[i], h, own));
    struct job_row job = job_of(ctx, NOTICES_JOB_NAME, workspace_id, workspace_id, ava_steady_ms());
    return job_row_want(ctx, tx, &job);
}
