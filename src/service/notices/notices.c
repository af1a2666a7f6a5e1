#include "service/notices/notices.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/phone.h"
#include "base/sift.h"
#include "obs/log.h"
#include "service/connections/integrations.h"
#include "service/connections/lending.h"
#include "service/email/email.h"
#include "service/email/templates.h"
#include "service/messages/messages.h"
#include "service/notices/notice_words.h"
#include "service/notices/rules.h"
#include "store/opt_outs.h"
#include "store/people.h"
#include "tasks/happened.h"
#include "tasks/jobs.h"

enum {
    BATCH_MAX = 32,
    ARENA_BYTES = 16 << 20,
    WRITE_MS = 30 * 1000,
    TEXT_CHARS_MAX = 1600,
    TRIAL_MS = 1000,
    TRIAL_MAX_MS = 60 * 1000 /* no attempt lasts longer */
};
static const int64_t HOUR_MS = INT64_C(3600) * 1000, DAY_MS = INT64_C(24) * 3600 * 1000;

/* --- writing down what became of a use -------------------------------------------------------- */

static enum err settle_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return rule_use_row_settle(ctx, tx, arg);
}

/* Nothing goes out. status: "skipped" or "failed". */
static enum err give_up(struct ctx *ctx, struct rule_use_row *use, const char *status,
                        const char *reason, const char *detail) {
    use->status = status;
    use->reason = reason;
    use->detail = detail;
    use->settled_ms = ava_steady_ms();
    return db_write(ctx, settle_write, use);
}

static enum err skip(struct ctx *ctx, struct rule_use_row *use, const char *reason,
                     const char *detail) {
    return give_up(ctx, use, "skipped", reason, detail);
}

/* --- sending --------------------------------------------------------------------------------- */

/* What is written along with the message: the use, if it may. */
struct sending {
    struct rule_use_row use;
    bool is_sms;
    const char *to;
    const char *why, *words; /* of what spoke against it; NULL: nothing did */
};

static enum err refuse(struct ctx *ctx, struct sending *s, const char *why, const char *words) {
    s->why = why;
    s->words = words;
    return ctx_fail(ctx, ERR_CANCELED, "%s", words);
}

/* Asked in the transaction that sends: what others of the workspace sent meanwhile counts. */
static enum err judge(struct ctx *ctx, struct db_conn *tx, struct sending *s) {
    int64_t now_ms = ava_steady_ms(), since_ms = 0, sent = 0;
    struct rule_use_row now;
    bool was = false;
    TRY(rule_use_row_find(ctx, tx, s->use.id, &now));
    if (!now.id || strcmp(now.status, "waiting") != 0)
        return refuse(ctx, s, "settled", "It was worked on already.");
    if (s->is_sms)
        TRY(opt_out_row_since(ctx, tx, s->use.workspace_id, s->to, &since_ms));
    if (since_ms)
        return refuse(ctx, s, "opted_out", "They asked for no more texts (STOP).");
    if (s->use.who && !phone_is_withheld(str_of(s->use.who)))
        TRY(rule_use_row_was_sent(ctx, tx, &s->use, now_ms - HOUR_MS, &was));
    if (was)
        return refuse(ctx, s, "once_an_hour",
                      "The same rule wrote about this caller less than an hour ago.");
    TRY(rule_use_rows_sent(ctx, tx, s->use.workspace_id, now_ms - HOUR_MS, &sent));
    if (sent >= NOTICES_PER_HOUR)
        return refuse(
            ctx, s, "too_many",
            "Rules of this workspace sent 100 messages within an hour, which is all they may.");
    return OK;
}

static enum err sent_write(struct ctx *ctx, struct db_conn *tx, const char *object, void *arg) {
    struct sending *s = arg;
    TRY(judge(ctx, tx, s));
    struct rule_use_row row = s->use;
    row.status = "sent";
    row.reason = row.detail = NULL;
    row.sent_message_id = object;
    row.settled_ms = ava_steady_ms();
    return rule_use_row_settle(ctx, tx, &row);
}

/* The text as the API takes it; *wrong: why there is none, a sentence. */
static enum err text_body(struct ctx *ctx, const char *from, const char *to, const char *template,
                          const json_t *variables, const json_t **out, const char **wrong) {
    struct rendered said;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    *wrong = NULL;
    TRY(template_render(ctx, db_reader(ctx), template, variables, &said));
    while (said.text.len && strchr(" \n\r\t", said.text.ptr[said.text.len - 1]))
        said.text.len--;
    if (!str_fits(said.text, 1, TEXT_CHARS_MAX))
        *wrong = said.text.len ? "What the template says is longer than 1600 characters, which is "
                                 "all that a text holds."
                               : "The template says nothing as a text.";
    jsonw_object(&w);
    jsonw_text_at(&w, "to", to);
    jsonw_text_at(&w, "from", from);
    jsonw_str_at(&w, "body", said.text);
    jsonw_object_end(&w);
    *out = sift_own(ctx->arena, buf_view(b));
    return OK;
}

static enum err send_text(struct ctx *ctx, struct sending *s, const json_t *then,
                          const json_t *variables) {
    const char *from = json_text(then, "from"), *wrong;
    struct operation_also also = { sent_write, s };
    struct operation_end end;
    const json_t *body;
    from = from ? from : s->use.line;
    if (!from || !phone_takes_texts(str_of(from)))
        return ctx_fail(ctx, ERR_INVALID,
                        "Which number of yours was called is not known: say in the rule which one "
                        "the text is from.");
    if (strcmp(from, s->to) == 0)
        return refuse(ctx, s, "no_number", "It would be a text from a number of yours to itself.");
    TRY(text_body(ctx, from, s->to, json_text(then, "template"), variables, &body, &wrong));
    if (wrong)
        return ctx_fail(ctx, ERR_INVALID, "%s", wrong);
    return message_place_also(ctx, body, PATIENCE_NONE, NULL, &also, &end);
}

/* The address of a member, or the one that the rule names. NULL: that person is gone. */
static enum err address_of(struct ctx *ctx, const char *recipient, const char **out) {
    struct db_conn *c = db_reader(ctx);
    struct user user;
    enum role role = ROLE_NONE;
    *out = recipient;
    if (strncmp(recipient, "usr_", 4) != 0)
        return OK;
    TRY(member_role(ctx, c, ctx->who.workspace_id, recipient, &role));
    TRY(user_find(ctx, c, recipient, &user));
    *out = role != ROLE_NONE && user.id && !user.is_disabled ? user.email : NULL;
    return OK;
}

static enum err send_mail(struct ctx *ctx, struct sending *s, const json_t *then,
                          const json_t *variables) {
    struct operation_also also = { sent_write, s };
    struct operation_end end;
    struct email_order order;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    TRY(address_of(ctx, s->to, &s->to));
    if (!s->to)
        return refuse(ctx, s, "no_number",
                      "Whom the rule writes to is not in this workspace any more.");
    jsonw_object(&w);
    jsonw_text_at(&w, "to", s->to);
    jsonw_text_at(&w, "template", json_text(then, "template"));
    jsonw_key(&w, "variables");
    jsonw_tree(&w, variables);
    jsonw_key(&w, "headers"); /* no robot answers a robot (RFC 3834) */
    jsonw_object(&w);
    jsonw_text_at(&w, "Auto-Submitted", "auto-generated");
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    TRY(email_order_read(ctx, sift_own(ctx->arena, buf_view(b)), NULL, &order));
    order.also = &also;
    return email_place(ctx, &order, PATIENCE_NONE, NULL, &end);
}

/* What an error of placing means for the use. Content and what is not connected end it; only what is ours, and passes, is
 * an error of the job, which comes again. */
static enum err conclude(struct ctx *ctx, struct sending *s, enum err e) {
    if (e == OK || e == ERR_STORAGE_UNAVAILABLE)
        return e;
    struct problem p = ctx->problem;
    const char *detail = p.field_count && p.fields[0].message ? p.fields[0].message
                         : p.detail                           ? p.detail
                                                              : err_info(e)->meaning;
    ctx_clear(ctx);
    if (s->why)
        return strcmp(s->why, "settled") == 0 ? OK : skip(ctx, &s->use, s->why, s->words);
    if (p.field_count && strcmp(p.fields[0].code, "suppressed") == 0)
        return skip(ctx, &s->use, "suppressed", detail);
    return give_up(ctx, &s->use, "failed",
                   e == ERR_INVALID         ? "content"
                   : e == ERR_NOT_CONNECTED ? "not_connected"
                                            : "refused",
                   detail);
}

static enum err send(struct ctx *ctx, const struct rule_use_row *use, const json_t *then,
                     struct zone *zone) {
    struct sending s = { .use = *use,
                         .is_sms = strcmp(json_text(then, "channel"), "sms") == 0,
                         .to = strcmp(use->recipient, "caller") == 0 ? use->who : use->recipient };
    const json_t *variables;
    if (s.is_sms && (!s.to || !phone_takes_texts(str_of(s.to))))
        return skip(ctx, &s.use, "no_number",
                    "The number is withheld, or none that a text can be sent to.");
    enum err e = notice_variables(ctx, use, zone, &variables);
    if (e == OK)
        e = (s.is_sms ? send_text : send_mail)(ctx, &s, then, variables);
    return conclude(ctx, &s, e);
}

/* --- one use --------------------------------------------------------------------------------- */

/* Waits until the quiet hours are over, which are told by the clock on the wall. */
static enum err put_off(struct ctx *ctx, struct rule_use_row *use, int64_t until_ms) {
    use->reason = "quiet_hours";
    use->detail = "It waits until the quiet hours are over.";
    use->due_ms = ava_steady_ms() + (until_ms - ava_wall_ms());
    return db_write(ctx, settle_write, use);
}

/* For how long Twilio is not asked, as far as this workspace knows; 0: it is. While it is asked by way of trial only, one
 * text is sent and the next ones wait for what becomes of it. */
static enum err find_rest(struct ctx *ctx, int64_t *rest_ms) {
    struct upstream *u = ctx->parts->upstream;
    struct lent lent;
    int64_t sent = 0;
    bool is_open = false;
    struct guard_state all = upstream_state(u, PROVIDER_TWILIO, NULL), own = { 0 };
    enum err e = lending_find(ctx, PROVIDER_TWILIO, &lent);
    if (e == OK)
        own = upstream_state(u, PROVIDER_TWILIO, lent.ref.id);
    else if (e == ERR_STORAGE_UNAVAILABLE)
        return e;
    ctx_clear(ctx);
    const struct guard_state *worse = own.breaker > all.breaker ? &own : &all;
    *rest_ms = worse->breaker == BREAKER_OPEN ? worse->remaining_ms + 1 : 0;
    if (worse->breaker == BREAKER_HALF_OPEN) {
        const char *own_id = ctx->who.workspace_id;
        int64_t now_ms = ava_steady_ms();
        TRY(rule_use_rows_sent(ctx, db_reader(ctx), own_id, now_ms - TRIAL_MS, &sent));
        TRY(rule_use_rows_are_open(ctx, db_reader(ctx), own_id, now_ms - TRIAL_MAX_MS, &is_open));
    }
    if (sent || is_open)
        *rest_ms = TRIAL_MS;
    return OK;
}

/* A text that was refused because Twilio rests would be lost: mails are sent again by themselves, texts are not. */
static enum err wait_for_twilio(struct ctx *ctx, struct rule_use_row *use, int64_t for_ms) {
    use->reason = "resting";
    use->detail = "Twilio is not answering; it goes out once it does.";
    use->due_ms = ava_steady_ms() + for_ms;
    return db_write(ctx, settle_write, use);
}

static bool is_put_off(const struct rule_use_row *use) {
    return use->reason && strcmp(use->reason, "quiet_hours") == 0;
}

static enum err work_on(struct ctx *ctx, struct rule_use_row *use) {
    struct rule_row rule;
    struct quiet_hours quiet;
    struct zone *zone;
    int64_t now_ms = ava_wall_ms();
    TRY(rule_row_find(ctx, db_reader(ctx), use->workspace_id, use->rule_id, &rule));
    if (!rule.id || !rule.enabled)
        return skip(ctx, use, "rule_off", "The rule was switched off or removed meanwhile.");
    if (!is_put_off(use) && now_ms - use->happened_ms > DAY_MS)
        return skip(ctx, use, "too_late",
                    "It happened more than a day before Ava could tell of it.");
    const json_t *definition = sift_own(ctx->arena, str_of(rule.definition));
    bool has_quiet = rule_quiet(ctx, definition, &quiet, &zone);
    int64_t until_ms = has_quiet ? quiet_until(&quiet, zone, now_ms) : 0;
    const char *then = json_text(json_object_get(definition, "quiet_hours"), "then");
    if (until_ms && then && strcmp(then, "never") == 0)
        return skip(ctx, use, "quiet_hours", "It happened within the quiet hours.");
    if (until_ms)
        return put_off(ctx, use, until_ms);
    const json_t *what = json_object_get(definition, "then");
    int64_t rest_ms = 0;
    if (strcmp(json_text(what, "channel"), "sms") == 0)
        TRY(find_rest(ctx, &rest_ms));
    return rest_ms ? wait_for_twilio(ctx, use, rest_ms) : send(ctx, use, what, zone);
}

/* --- connections ----------------------------------------------------------------------------- */

struct attention {
    const char *provider;
    const char *title;
};

/* Told once a day for each provider: whoever knows it once does not need it each minute. */
static enum err attention_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct attention *a = arg;
    struct happening h = {
        .event = "connection.needs_attention",
        .cause =
            arena_printf(ctx->arena, "%s:%lld", a->provider, (long long)(ava_wall_ms() / DAY_MS)),
        .said = arena_printf(
            ctx->arena, "%s no longer accepts what Ava has for it: connect it again.", a->title)
    };
    return happened(ctx, tx, ctx->who.workspace_id, &h);
}

/* Looks at the connections where a rule waits for that. */
static enum err look_at_connections(struct ctx *ctx) {
    struct rule_row *rules = arena_alloc(ctx->arena, RULES_MAX * sizeof *rules);
    struct integration *all = arena_alloc(ctx->arena, INTEGRATIONS_MAX * sizeof *all);
    size_t count;
    TRY(rule_rows_for(ctx, db_reader(ctx), ctx->who.workspace_id, "connection.needs_attention",
                      rules, &count));
    if (!count)
        return OK;
    TRY(integrations_list(ctx, all, &count));
    for (size_t i = 0; i < count; i++) {
        struct attention a = { provider_name(all[i].provider), provider_title(all[i].provider) };
        if (strcmp(all[i].status, "needs_attention") == 0)
            TRY(db_write(ctx, attention_write, &a));
    }
    return OK;
}

/* --- the job --------------------------------------------------------------------------------- */

static enum err want(struct ctx *ctx, struct db_conn *tx, const char *workspace_id) {
    struct job_row job = job_of(ctx, NOTICES_JOB.name, workspace_id, workspace_id, ava_steady_ms());
    return job_row_want(ctx, tx, &job);
}

static enum err go_on_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const char *workspace_id = arg;
    int64_t now_ms = ava_steady_ms();
    struct job_row job = job_of(ctx, NOTICES_JOB.name, workspace_id, workspace_id, now_ms);
    TRY(rule_use_rows_next_due(ctx, tx, workspace_id, &job.run_at_ms));
    if (job.run_at_ms == INT64_MAX)
        return job_row_delete(ctx, tx, NOTICES_JOB.name, workspace_id);
    if (job.run_at_ms < now_ms)
        job.run_at_ms = now_ms;
    return job_row_put(ctx, tx, &job, NULL, 0);
}

/* Each use gets memory of its own. *found: there was one. */
static enum err work_on_next(struct ctx *ctx, bool *found) {
    struct arena *a = arena_new(ARENA_BYTES);
    struct ctx own = *ctx;
    struct rule_use_row use;
    own.arena = a;
    own.deadline_ms = ava_now_ms() + WRITE_MS;
    enum err e =
        rule_use_row_due(&own, db_reader(ctx), ctx->who.workspace_id, ava_steady_ms(), &use);
    *found = e == OK && use.id;
    if (*found)
        e = work_on(&own, &use);
    arena_free(a);
    return e;
}

static enum err work(struct ctx *ctx, const struct job_row *job) {
    struct ctx own = *ctx;
    bool found = true;
    str_copy(own.who.workspace_id, sizeof own.who.workspace_id, str_of(job->workspace_id));
    jobs_unwant(ctx->parts->jobs, &NOTICES_JOB, job->workspace_id);
    TRY(look_at_connections(&own));
    for (int i = 0; i < BATCH_MAX && found && !jobs_is_stopping(ctx->parts->jobs); i++)
        TRY(work_on_next(&own, &found));
    own.deadline_ms = ava_now_ms() + WRITE_MS;
    return job_write(&own, job, go_on_write, (void *)job->workspace_id, NULL);
}

const struct job_kind NOTICES_JOB = {
    .name = NOTICES_JOB_NAME, .work = work, .want = want, .lasts = true
};

/* --------------------------------------------------------------------------------------------- */

enum err notices_sent(struct ctx *ctx, int64_t *count) {
    return rule_use_rows_sent(ctx, db_reader(ctx), ctx->who.workspace_id, ava_steady_ms() - HOUR_MS,
                              count);
}

void notices_moved(const struct parts *parts, const char *workspace_id) {
    if (workspace_id)
        jobs_want(parts->jobs, &NOTICES_JOB, workspace_id);
}

static enum err forget_write(struct ctx *ctx, struct db_conn *tx, void *arg, bool *more) {
    struct id oldest = id_floor("use", ava_earlier_ms() - DAY_MS * RULE_USES_KEPT_DAYS);
    TRY(rule_use_rows_sweep(ctx, tx, oldest.text));
    *more = db_changes(tx) > 0;
    return OK;
}

enum err notices_forget_old(struct ctx *ctx, int64_t within_ms, bool *is_done) {
    return db_write_steps(ctx, forget_write, NULL, within_ms, is_done);
}
