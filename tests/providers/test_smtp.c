/* Mail through a mail server of the workspace, over real sockets: what is sent again, and what is said. */
#include "test.h"

#include "providers/mail_stage.h"

#define MESSAGE "Subject: x\r\n\r\nhello\r\n"

static const char *const TO[] = { "a@example.test", "b@example.test" };

static enum err send_mail(struct mail_stage *s, const struct upstream_watch *watch,
                          struct smtp_outcome *out) {
    struct smtp_mail mail = { .recipients = TO, .recipient_count = 2, .bytes = STR(MESSAGE) };
    return smtp_send(mail_stage_ctx(s), &s->credential, &s->account, &mail, watch, out);
}

/* --- what comes of it ------------------------------------------------------------------------- */

static void act_sent(struct mail_stage *s) {
    struct smtp_outcome out;
    CHECK_INT(send_mail(s, NULL, &out), OK);
    CHECK_INT(out.accepted, 2);
    CHECK_TEXT(out.provider_id, "4Z9abc");
    CHECK_TEXT(out.said, "Ok: queued as 4Z9abc");
    CHECK_INT(out.results[0].state, SMTP_ACCEPTED);
    CHECK_TEXT(out.results[1].address, "b@example.test");
    CHECK_INT(rude_mail_seen(s->server, "EHLO example.test\r\n"), 1);
    CHECK_INT(rude_mail_seen(s->server, "X-Correlation"), 0);
}

TEST(a_mail_is_sent_once_and_the_id_of_the_queue_is_kept) {
    static const struct mail_line SCRIPT[] = {
        { ".", "250 2.0.0 Ok: queued as 4Z9abc\r\n", RUDE_KEEP }, { NULL, NULL, 0 }
    };
    mail_stage_play(SCRIPT, false, act_sent);
}

static void act_partly(struct mail_stage *s) {
    struct smtp_outcome out;
    CHECK_INT(send_mail(s, NULL, &out), OK);
    CHECK_INT(out.accepted, 1);
    CHECK_INT(out.results[0].state, SMTP_REFUSED);
    CHECK_INT(out.results[0].code, 550);
    CHECK_TEXT(out.results[0].enhanced, "5.1.1");
    CHECK_INT(out.results[0].about, SMTP_ABOUT_RECIPIENT);
    CHECK_TEXT(out.results[0].words, "there is no such mailbox");
    CHECK_TEXT(out.results[0].said, "who?");
    CHECK_INT(out.results[1].state, SMTP_ACCEPTED);
    CHECK_INT(rude_mail_seen(s->server, MESSAGE), 1);
}

TEST(one_refused_recipient_is_named_and_the_other_gets_it) {
    static const struct mail_line SCRIPT[] = { { "RCPT TO:<a", "550 5.1.1 who?\r\n", RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    mail_stage_play(SCRIPT, false, act_partly);
}

static void act_grey(struct mail_stage *s) {
    struct smtp_outcome out;
    CHECK_INT(send_mail(s, NULL, &out), OK);
    CHECK_INT(out.accepted, 0);
    CHECK_INT(out.results[0].state, SMTP_LATER);
    CHECK_INT(out.again_s, 300);
    CHECK_INT(s->ctx.attempts, 1);
    CHECK_INT(atomic_load(&s->server->connections), 1);
}

TEST(greylisting_is_for_later_and_not_for_a_second_from_now) {
    static const struct mail_line SCRIPT[] = { { "RCPT", "451 4.7.1 Greylisted\r\n", RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    mail_stage_play(SCRIPT, false, act_grey);
}

static void act_spam(struct mail_stage *s) {
    struct smtp_outcome out;
    CHECK_INT(send_mail(s, NULL, &out), OK);
    CHECK_INT(out.accepted, 0);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(out.results[i].state, SMTP_REFUSED);
        CHECK_INT(out.results[i].about, SMTP_ABOUT_MESSAGE);
    }
    CHECK_INT(atomic_load(&s->server->connections), 1);
}

TEST(a_refusal_of_the_whole_mail_is_everybodys) {
    static const struct mail_line SCRIPT[] = { { ".", "550 5.7.1 spam\r\n", RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    mail_stage_play(SCRIPT, false, act_spam);
}

static void act_sender(struct mail_stage *s) {
    struct smtp_outcome out;
    CHECK_INT(send_mail(s, NULL, &out), OK);
    CHECK_INT(out.results[0].about, SMTP_ABOUT_SENDER);
    CHECK_INT(rude_mail_seen(s->server, "RCPT"), 0);
}

TEST(a_refused_sender_is_no_recipients_fault) {
    static const struct mail_line SCRIPT[] = { { "MAIL", "550 5.7.60 SendAsDenied\r\n", RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    mail_stage_play(SCRIPT, false, act_sender);
}

/* --- once, and only once ---------------------------------------------------------------------- */

static void act_lost(struct mail_stage *s) {
    struct smtp_outcome out;
    CHECK_INT(send_mail(s, NULL, &out), ERR_OUTCOME_UNKNOWN);
    CHECK(strstr(s->ctx.problem.detail, "did not confirm"));
    CHECK_INT(atomic_load(&s->server->connections), 1);
    CHECK_INT(rude_mail_seen(s->server, MESSAGE), 1);
}

TEST(a_lost_answer_to_the_end_is_unknown_and_never_repeated) {
    static const struct mail_line SCRIPT[] = { { ".", NULL, RUDE_CLOSE }, { NULL, NULL, 0 } };
    mail_stage_play(SCRIPT, false, act_lost);
}

static void act_middle(struct mail_stage *s) {
    struct smtp_outcome out;
    char *big = arena_alloc(s->arena, 900000);
    memset(big, 'a', 900000);
    struct smtp_mail mail = { .recipients = TO, .recipient_count = 2, .bytes = { big, 900000 } };
    enum err e = smtp_send(mail_stage_ctx(s), &s->credential, &s->account, &mail, NULL, &out);
    CHECK(e == ERR_PROVIDER_ERROR || e == ERR_OUTCOME_UNKNOWN); /* by how much fits on the way */
    CHECK_INT(atomic_load(&s->server->connections), 1);
}

TEST(once_the_message_has_begun_it_is_not_repeated) {
    static const struct mail_line SCRIPT[] = { { "~", NULL, RUDE_RESET }, { NULL, NULL, 0 } };
    mail_stage_play(SCRIPT, false, act_middle);
}

static void act_repeated(struct mail_stage *s) {
    struct smtp_outcome out;
    CHECK_INT(send_mail(s, NULL, &out), ERR_PROVIDER_ERROR);
    CHECK_INT(s->ctx.attempts, 3);
    CHECK_INT(atomic_load(&s->server->connections), 3);
    CHECK_INT(rude_mail_seen(s->server, MESSAGE), 0);
}

TEST(a_server_that_is_going_away_is_asked_again) {
    static const struct mail_line SCRIPT[] = { { "", "421 4.3.2 closing\r\n", RUDE_CLOSE },
                                               { NULL, NULL, 0 } };
    static const struct mail_line LATER[] = { { "MAIL", "451 4.3.0 try again\r\n", RUDE_KEEP },
                                              { NULL, NULL, 0 } };
    static const struct mail_line GONE[] = { { "RCPT TO:<b", NULL, RUDE_CLOSE },
                                             { NULL, NULL, 0 } };
    mail_stage_play(SCRIPT, false, act_repeated);
    mail_stage_play(LATER, false, act_repeated);
    mail_stage_play(GONE, false, act_repeated);
}

/* --- who watches ------------------------------------------------------------------------------ */

static enum err refuse(struct ctx *ctx, const struct upstream_request *req, void *arg) {
    ++*(int *)arg;
    CHECK_INT(req->provider, PROVIDER_SMTP);
    return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "The disk is full.");
}

static void act_watched(struct mail_stage *s) {
    struct smtp_outcome out;
    int asked = 0;
    struct upstream_watch watch = { .sending = refuse, .arg = &asked };
    CHECK_INT(send_mail(s, &watch, &out), ERR_STORAGE_UNAVAILABLE);
    CHECK_INT(asked, 1);
    CHECK_INT(atomic_load(&s->server->connections), 0);
}

TEST(nothing_is_sent_when_the_watch_says_no) {
    mail_stage_play(NULL, false, act_watched);
}

/* --- gates ------------------------------------------------------------------------------------ */

static void act_key(struct mail_stage *s) {
    struct smtp_outcome out;
    s->username = "me";
    s->password = "secret";
    CHECK_INT(send_mail(s, NULL, &out), ERR_CREDENTIALS_REJECTED);
    CHECK_INT(s->ctx.problem.upstream_status, 535);
    CHECK_INT(send_mail(s, NULL, &out), ERR_CREDENTIALS_REJECTED);
    CHECK_INT(atomic_load(&s->server->connections), 1); /* the second was answered by the gate */
    CHECK_INT(rude_mail_seen(s->server, "MAIL"), 0);
}

TEST(a_refused_password_closes_the_gate_of_the_credential) {
    static const struct mail_line SCRIPT[] = { { "EHLO", "250-x\r\n250 AUTH PLAIN\r\n", RUDE_KEEP },
                                               { "AUTH", "535 5.7.8 no\r\n", RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    mail_stage_play(SCRIPT, false, act_key);
}

static void act_slow_down(struct mail_stage *s) {
    struct smtp_outcome out;
    CHECK_INT(send_mail(s, NULL, &out), ERR_PROVIDER_RATE_LIMITED);
    CHECK(s->ctx.problem.retry_after_s >= 60);
    CHECK_INT(send_mail(s, NULL, &out), ERR_PROVIDER_RATE_LIMITED);
    CHECK_INT(atomic_load(&s->server->connections), 1);
}

TEST(who_asks_us_to_slow_down_is_left_alone) {
    static const struct mail_line SCRIPT[] = {
        { "MAIL", "421 4.7.28 Our system has detected an unusual rate\r\n", RUDE_CLOSE },
        { NULL, NULL, 0 }
    };
    mail_stage_play(SCRIPT, false, act_slow_down);
}

static void act_broken(struct mail_stage *s) {
    struct smtp_outcome out;
    for (int i = 0; i < 3; i++) {
        s->credential.id = arena_printf(s->arena, "cred_%d", i);
        send_mail(s, NULL, &out);
    }
    int before = atomic_load(&s->server->connections);
    s->credential.id = "cred_9"; /* of somebody else, at the same server */
    CHECK_INT(send_mail(s, NULL, &out), ERR_PROVIDER_UNAVAILABLE);
    CHECK_INT(atomic_load(&s->server->connections), before);
    s->account.host = "localhost"; /* another scope */
    CHECK(send_mail(s, NULL, &out) != ERR_PROVIDER_UNAVAILABLE);
    CHECK(atomic_load(&s->server->connections) > before);
}

TEST(the_breaker_is_of_the_host) {
    static const struct mail_line SCRIPT[] = { { "MAIL", NULL, RUDE_CLOSE }, { NULL, NULL, 0 } };
    mail_stage_play(SCRIPT, true, act_broken);
}

/* --- where it may go -------------------------------------------------------------------------- */

static bool lead_inside(const char *host, struct resolved *out) {
    *out = (struct resolved){ .count = 1 };
    return address_parse(STR("10.0.0.7"), &out->list[0]);
}

static void act_inside(struct mail_stage *s) {
    struct smtp_outcome out;
    s->account.host = "mail.example.test";
    resolve_replace(lead_inside);
    CHECK_INT(send_mail(s, NULL, &out), ERR_PROVIDER_REJECTED);
    CHECK(strstr(s->ctx.problem.detail, "not public"));
    s->account.host = "192.168.0.1";
    CHECK_INT(send_mail(s, NULL, &out), ERR_PROVIDER_REJECTED);
    resolve_replace(NULL);
}

TEST(a_host_that_leads_inside_is_never_connected_to) {
    mail_stage_play(NULL, false, act_inside);
}

static bool lead_two(const char *host, struct resolved *out) {
    *out = (struct resolved){ .count = 2 };
    return address_parse(STR("127.0.0.9"), &out->list[0]) &&
           address_parse(STR("127.0.0.1"), &out->list[1]);
}

static void act_two(struct mail_stage *s) {
    struct smtp_outcome out;
    s->account.host = "mail.example.test";
    resolve_replace(lead_two);
    CHECK_INT(send_mail(s, NULL, &out), OK);
    CHECK_INT(s->ctx.attempts, 1);
    resolve_replace(NULL);
}

TEST(the_next_address_is_tried_when_one_lets_nobody_in) {
    mail_stage_play(NULL, false, act_two);
}
