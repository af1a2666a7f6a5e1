/* The pretend mail server, as Ava meets it. */
#include "test.h"

#include <unistd.h>

#include "providers/mail_stage.h"
#include "sandbox/pretend_smtp.h"

#define MESSAGE "Subject: x\r\n\r\n.hello\r\n"

static struct faults *faults;
static struct ledger *ledger;
static struct pretend_smtp *pretend;

static enum err send_to(struct mail_stage *s, const char *const *to, size_t count,
                        struct smtp_outcome *out) {
    struct smtp_mail mail = { .recipients = to, .recipient_count = count, .bytes = STR(MESSAGE) };
    s->account.port = pretend_smtp_port(pretend);
    return smtp_send(mail_stage_ctx(s), &s->credential, &s->account, &mail, NULL, out);
}

/* How often the text stands in what the server keeps. */
static int kept(const char *what) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    pretend_smtp_write(pretend, &w);
    int n = count_of(&b, what);
    buf_fini(&b);
    return n;
}

static int noted(const char *what) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    ledger_write(ledger, &(struct ledger_query){ .provider = "smtp", .since = -1, .limit = 100 },
                 &w);
    int n = count_of(&b, what);
    buf_fini(&b);
    return n;
}

static void play(void (*act)(struct mail_stage *s)) {
    const char *why;
    faults = faults_new();
    ledger = ledger_new();
    pretend = pretend_smtp_start(faults, ledger, &why);
    CHECK(pretend);
    mail_stage_play(NULL, false, act);
    pretend_smtp_stop(pretend);
    ledger_free(ledger);
    faults_free(faults);
}

static void act_recipients(struct mail_stage *s) {
    static const char *const TO[] = { "ann@x.example", "bounce@x.example", "full@x.example",
                                      "grey@x.example" };
    struct smtp_outcome out;
    CHECK_INT(send_to(s, TO, 4, &out), OK);
    CHECK_INT(out.accepted, 1);
    CHECK_TEXT(out.provider_id, "PRETEND000001");
    CHECK_INT(out.results[1].state, SMTP_REFUSED);
    CHECK_TEXT(out.results[1].enhanced, "5.1.1");
    CHECK_INT(out.results[2].state, SMTP_LATER);
    CHECK_INT(out.results[3].state, SMTP_LATER);
    CHECK_INT(kept("Subject: x\\u000d\\n\\u000d\\n.hello\\u000d\\n"), 1);
    CHECK_INT(send_to(s, &TO[3], 1, &out), OK);
    CHECK_INT(out.accepted, 1);
    CHECK_INT(noted("bounce@x.example"), 1);
    CHECK_INT(noted("grey@x.example"), 2);
    CHECK_INT(noted("\"DATA\""), 2);
}

TEST(it_behaves_by_recipient_and_keeps_what_arrived) {
    play(act_recipients);
}

static void act_lost(struct mail_stage *s) {
    static const char *const TO[] = { "lost@x.example" }, *const SPAM[] = { "ann@x.example",
                                                                            "spam+1@x.example" };
    struct smtp_outcome out;
    CHECK_INT(send_to(s, TO, 1, &out), ERR_OUTCOME_UNKNOWN);
    CHECK_INT(kept("lost@x.example"), 1); /* it has it, and nobody was told */
    CHECK_INT(send_to(s, SPAM, 2, &out), OK);
    CHECK_INT(out.accepted, 0);
    CHECK_INT(out.results[0].about, SMTP_ABOUT_MESSAGE);
    CHECK_INT(kept("spam"), 0);
}

TEST(an_answer_can_be_lost_and_a_mail_be_spam) {
    play(act_lost);
}

static void act_password(struct mail_stage *s) {
    static const char *const TO[] = { "ann@x.example" };
    struct smtp_outcome out;
    s->username = "me";
    s->password = "good enough";
    CHECK_INT(send_to(s, TO, 1, &out), OK);
    CHECK_INT(noted("\"ough\""), 2);
    s->password = "wrong-password";
    CHECK_INT(send_to(s, TO, 1, &out), ERR_CREDENTIALS_REJECTED);
}

TEST(it_refuses_passwords_that_begin_badly) {
    play(act_password);
}

static void meet(enum fault_kind kind, int status) {
    struct fault f = {
        .provider = "smtp", .kind = kind, .status = status, .latency_ms = 50, .times = 1
    };
    CHECK(faults_set(faults, &f));
}

static void act_faults(struct mail_stage *s) {
    static const char *const TO[] = { "ann@x.example" };
    struct smtp_outcome out;
    meet(FAULT_STATUS, 451);
    CHECK_INT(send_to(s, TO, 1, &out), OK);
    CHECK_INT(out.results[0].state, SMTP_LATER);
    meet(FAULT_RESET, 0);
    CHECK_INT(send_to(s, TO, 1, &out), ERR_OUTCOME_UNKNOWN);
    meet(FAULT_MALFORMED, 0);
    CHECK_INT(send_to(s, TO, 1, &out), ERR_OUTCOME_UNKNOWN);
    meet(FAULT_TRUNCATED, 0);
    CHECK_INT(send_to(s, TO, 1, &out), ERR_OUTCOME_UNKNOWN);
    CHECK_INT(kept("ann@"), 0);
    meet(FAULT_CUT, 0);
    CHECK_INT(send_to(s, TO, 1, &out), ERR_OUTCOME_UNKNOWN);
    CHECK_INT(kept("ann@"), 1);
    meet(FAULT_LATENCY, 0);
    int64_t began_ms = ava_now_ms();
    CHECK_INT(send_to(s, TO, 1, &out), OK);
    CHECK(ava_now_ms() - began_ms >= 50);
    CHECK_INT(kept("ann@"), 2);
}

TEST(faults_meet_the_end_of_a_mail) {
    play(act_faults);
}
