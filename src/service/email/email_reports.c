#include "service/email/email_reports.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mailbox.h"
#include "providers/dialect.h"
#include "providers/smtp.h"
#include "service/messages/message_status.h"
#include "service/messages/messages.h"
#include "store/audit.h"
#include "store/emails.h"
#include "store/suppressions.h"

struct report {
    struct ctx *ctx;
    struct db_conn *tx;
    enum provider provider;
    const struct message_facts *facts;
    struct message_row row;
    struct email_recipient_row to[EMAIL_RECIPIENTS_MAX];
    size_t count;
    bool is_meant[EMAIL_RECIPIENTS_MAX]; /* whom it is about */
    size_t meant;
    bool changed;
};

/* --- whom it is about -------------------------------------------------------------------------- */

static void mean(struct report *r, size_t i) {
    r->meant += !r->is_meant[i];
    r->is_meant[i] = true;
}

static void mean_listed(struct report *r) {
    const json_t *one;
    size_t n;
    json_array_foreach(r->facts->recipients, n, one) {
        struct str address;
        if (!json_is_string(one) || mailbox_find(str_of(json_string_value(one)), &address))
            continue;
        const char *key = mailbox_key(r->ctx->arena, address);
        for (size_t i = 0; i < r->count; i++)
            if (strcmp(r->to[i].address_key, key) == 0)
                mean(r, i);
    }
}

/* Those of whom the other server speaks by name. */
static void mean_named(struct report *r) {
    for (size_t i = 0; i < r->count; i++) {
        struct str address;
        if (!mailbox_find(str_of(r->to[i].address), &address) &&
            strcasestr(r->facts->hint, str_dup(r->ctx->arena, address)))
            mean(r, i);
    }
}

static void mean_all(struct report *r) {
    for (size_t i = 0; i < r->count; i++)
        mean(r, i);
}

/* Bad news of a mail to several is about those who are named; where nobody is, about nobody we could tell.
 * Good news is about all it lists, or all there are. */
static void find_meant(struct report *r) {
    bool is_bad = r->facts->verdict != MESSAGE_ARRIVED && r->facts->verdict != MESSAGE_NO_VERDICT;
    mean_listed(r);
    if (r->meant == 1 || r->count == 1 || !is_bad) {
        if (!r->meant)
            mean_all(r);
        return;
    }
    memset(r->is_meant, 0, sizeof r->is_meant);
    r->meant = 0;
    if (r->facts->hint)
        mean_named(r);
}

/* --- what becomes of them ---------------------------------------------------------------------- */

static enum err suppress(struct ctx *ctx, struct db_conn *tx, struct suppression_row s) {
    struct id id = id_make("sup");
    bool is_new;
    s.id = id.text;
    s.created_ms = ava_wall_ms();
    TRY(suppression_row_put(ctx, tx, &s, &is_new));
    return is_new ? audit_write(ctx, tx,
                                (struct audit_entry){ .action = "suppression.add", .object = s.id })
                  : OK;
}

static enum err take_one(struct report *r, size_t i) {
    struct email_recipient_row *to = &r->to[i];
    bool is_hard = r->facts->verdict == MESSAGE_BOUNCED || r->facts->verdict == MESSAGE_COMPLAINED;
    if (message_status_follows(r->provider, to->status, r->facts->status)) {
        to->status = r->facts->status;
        to->error = r->facts->error ? r->facts->error : to->error;
        r->changed = true;
        TRY(email_recipient_row_update(r->ctx, r->tx, r->row.id, (int)i, ava_wall_ms(), to));
    }
    bool complained = r->facts->verdict == MESSAGE_COMPLAINED;
    struct suppression_row s = { .workspace_id = r->row.workspace_id,
                                 .address_key = to->address_key,
                                 .reason = complained ? "complained" : "bounced",
                                 .detail = r->facts->error,
                                 .message_id = r->row.id };
    return is_hard ? suppress(r->ctx, r->tx, s) : OK;
}

/* How the mail stands as a whole: as badly as at the worst of its recipients; arrived when it arrived at
 * all. */
static const char *whole_status(const struct report *r) {
    const char *worst = NULL, *least = NULL;
    for (size_t i = 0; i < r->count; i++) {
        int rank = message_status_rank(r->provider, r->to[i].status);
        if (rank > DIALECT_RANK_LAST && rank > message_status_rank(r->provider, worst))
            worst = r->to[i].status;
        if (!least || rank < message_status_rank(r->provider, least))
            least = r->to[i].status;
    }
    return worst ? worst : !least ? r->facts->status : least;
}

static enum err take_row(struct report *r) {
    struct message_facts whole = *r->facts;
    bool is_bad = whole.error != NULL;
    if (!(is_bad && !r->meant)) /* of whom it is nobody can tell: it stands at the mail */
        whole.status = whole_status(r);
    if (!message_facts_apply(&r->row, &whole))
        return OK;
    r->changed = true;
    r->row.updated_ms = ava_wall_ms();
    return message_row_update(r->ctx, r->tx, &r->row);
}

enum err email_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                            const char *provider, const struct message_facts *facts,
                            struct str *shown) {
    struct report r = {
        .ctx = ctx, .tx = tx, .provider = provider_parse(str_of(provider)), .facts = facts
    };
    *shown = (struct str){ NULL, 0 };
    TRY(message_row_find_by_provider(ctx, tx, workspace_id, provider, facts->provider_id, &r.row));
    if (!r.row.id)
        return OK; /* sent by somebody else's hand */
    TRY(email_recipient_rows_of(ctx, tx, r.row.id, r.to, &r.count));
    find_meant(&r);
    for (size_t i = 0; i < r.count; i++)
        if (r.is_meant[i])
            TRY(take_one(&r, i));
    TRY(take_row(&r));
    return r.changed ? message_show(ctx, tx, &r.row, shown) : OK;
}

/* --- a mail server's replies ------------------------------------------------------------------- */

bool email_recipient_is_open(const struct email_recipient_row *row) {
    return strcmp(row->status, "requested") == 0 || strcmp(row->status, "waiting") == 0;
}

/* What the server said. is_over: it is not asked again. */
static enum err take_result(struct ctx *ctx, struct db_conn *tx, struct suppression_row s,
                            int position, const struct smtp_result *result, bool is_over,
                            struct email_recipient_row *to) {
    bool is_nobody = result->state == SMTP_REFUSED && result->about == SMTP_ABOUT_RECIPIENT;
    bool waits = result->state == SMTP_LATER && !is_over;
    to->status = waits                            ? "waiting"
                 : result->state == SMTP_ACCEPTED ? "sent"
                 : is_nobody                      ? "bounced"
                                                  : "failed";
    to->error = NULL;
    if (result->words)
        to->error = arena_printf(ctx->arena, "The mail server %s it%s: %s.%s%s",
                                 waits ? "does not take" : "did not take", waits ? " yet" : "",
                                 result->words, result->said[0] ? " It said: " : "", result->said);
    TRY(email_recipient_row_update(ctx, tx, s.message_id, position, ava_wall_ms(), to));
    s.address_key = to->address_key;
    s.detail = to->error;
    return is_nobody ? suppress(ctx, tx, s) : OK;
}

enum err email_outcome_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                             const char *message_id, const struct smtp_outcome *outcome,
                             const char *end, size_t *without) {
    struct email_recipient_row to[EMAIL_RECIPIENTS_MAX];
    struct suppression_row s = { .workspace_id = workspace_id,
                                 .reason = "bounced",
                                 .message_id = message_id };
    size_t count, n = 0;
    TRY(email_recipient_rows_of(ctx, tx, message_id, to, &count));
    *without = 0;
    for (size_t i = 0; i < count; i++) {
        if (email_recipient_is_open(&to[i])) {
            if (outcome && n < outcome->count) {
                TRY(take_result(ctx, tx, s, (int)i, &outcome->results[n++], end != NULL, &to[i]));
            } else if (end && strcmp(end, "succeeded") != 0) {
                to[i].status = end;
                TRY(email_recipient_row_update(ctx, tx, message_id, (int)i, ava_wall_ms(), &to[i]));
            }
        }
        *without += strcmp(to[i].status, "sent") != 0;
    }
    return OK;
}
