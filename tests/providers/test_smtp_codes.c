#include "test.h"

#include <stdio.h>

#include "base/defs.h"
#include "providers/smtp_codes.h"

static struct smtp_meaning meaning(enum mail_step step, int code, const char *enhanced,
                                   const char *text) {
    struct mail_reply r = { .code = code, .text = text };
    str_copy(r.enhanced, sizeof r.enhanced, str_of(enhanced));
    return smtp_meaning_of(step, &r);
}

enum {
    ABOUT_R = SMTP_ABOUT_RECIPIENT,
    ABOUT_S = SMTP_ABOUT_SENDER,
    ABOUT_M = SMTP_ABOUT_MESSAGE,
    ABOUT_V = SMTP_ABOUT_SERVER,
    ABOUT_K = SMTP_ABOUT_KEY
};
enum {
    AT_G = MAIL_AT_GREETING,
    AT_A = MAIL_AT_AUTH,
    AT_S = MAIL_AT_SENDER,
    AT_R = MAIL_AT_RECIPIENTS,
    AT_D = MAIL_AT_DATA,
    AT_E = MAIL_AT_END
};

static const struct {
    int step, code;
    const char *enhanced, *text;
    int about;
    bool is_later;
} SAID[] = {
    /* each enhanced code */
    { AT_R, 550, "5.1.1", "", ABOUT_R, false },
    { AT_E, 550, "5.1.1", "", ABOUT_R, false },
    { AT_R, 550, "5.1.2", "", ABOUT_R, false },
    { AT_R, 501, "5.1.3", "", ABOUT_R, false },
    { AT_R, 550, "5.1.4", "", ABOUT_R, false },
    { AT_R, 551, "5.1.6", "", ABOUT_R, false },
    { AT_S, 501, "5.1.7", "", ABOUT_S, false },
    { AT_S, 553, "5.1.8", "", ABOUT_S, false },
    { AT_R, 550, "5.1.8", "Access denied, bad outbound sender", ABOUT_S, false },
    { AT_R, 556, "5.1.10", "", ABOUT_R, false },
    { AT_R, 550, "5.2.1", "", ABOUT_R, false },
    { AT_R, 452, "4.2.2", "", ABOUT_R, true },
    { AT_R, 552, "5.2.2", "", ABOUT_R, false },
    { AT_E, 552, "5.2.3", "", ABOUT_M, false },
    { AT_E, 554, "5.2.252", "SendAsDenied", ABOUT_S, false },
    { AT_R, 452, "4.3.1", "", ABOUT_V, true },
    { AT_G, 421, "4.3.2", "", ABOUT_V, true },
    { AT_E, 552, "5.3.4", "", ABOUT_M, false },
    { AT_R, 450, "4.4.1", "", ABOUT_R, true },
    { AT_R, 550, "5.4.4", "", ABOUT_R, false },
    { AT_E, 550, "5.4.5", "Daily user sending quota exceeded", ABOUT_S, true },
    { AT_R, 554, "5.4.6", "", ABOUT_R, false },
    { AT_R, 452, "4.5.3", "", ABOUT_V, true },
    { AT_E, 554, "5.6.0", "", ABOUT_M, false },
    { AT_R, 553, "5.6.7", "", ABOUT_R, false },
    { AT_R, 550, "5.7.1", "not allowed to write there", ABOUT_R, false },
    { AT_E, 550, "5.7.1", "no reason", ABOUT_M, false },
    { AT_S, 550, "5.7.1", "no reason", ABOUT_S, false },
    { AT_R, 550, "5.7.2", "", ABOUT_S, false },
    { AT_A, 535, "5.7.3", "", ABOUT_K, false },
    { AT_A, 535, "5.7.8", "", ABOUT_K, false },
    { AT_A, 534, "5.7.9", "", ABOUT_K, false },
    { AT_A, 538, "5.7.11", "", ABOUT_K, false },
    { AT_A, 534, "5.7.14", "", ABOUT_K, false },
    { AT_E, 550, "5.7.20", "", ABOUT_S, false },
    { AT_E, 550, "5.7.21", "", ABOUT_S, false },
    { AT_E, 550, "5.7.22", "", ABOUT_S, false },
    { AT_R, 550, "5.7.23", "", ABOUT_S, false },
    { AT_R, 451, "4.7.24", "", ABOUT_S, true },
    { AT_R, 550, "5.7.25", "", ABOUT_S, false },
    { AT_E, 550, "5.7.26", "", ABOUT_S, false },
    { AT_R, 550, "5.7.27", "", ABOUT_S, false },
    { AT_S, 421, "4.7.28", "", ABOUT_S, true },
    { AT_E, 550, "5.7.29", "", ABOUT_S, false },
    { AT_S, 530, "5.7.57", "", ABOUT_K, false },
    { AT_E, 550, "5.7.60", "", ABOUT_S, false },
    { AT_R, 550, "5.7.64", "", ABOUT_S, false },
    { AT_A, 535, "5.7.139", "", ABOUT_K, false },
    { AT_E, 550, "5.7.501", "", ABOUT_S, false },
    { AT_E, 550, "5.7.502", "", ABOUT_S, false },
    { AT_E, 550, "5.7.503", "", ABOUT_S, false },
    { AT_R, 550, "5.7.508", "", ABOUT_S, true },
    { AT_R, 550, "5.7.511", "", ABOUT_S, false },
    { AT_R, 550, "5.7.606", "", ABOUT_S, false },
    { AT_R, 550, "5.7.649", "", ABOUT_S, false },
    /* words, where the code says too little */
    { AT_R, 450, "4.7.1", "Greylisted, see help", ABOUT_R, true },
    { AT_R, 451, "", "graylisting in action", ABOUT_R, true },
    { AT_E, 550, "", "you reached a sending limit", ABOUT_S, true },
    { AT_E, 550, "", "sending quota exceeded", ABOUT_S, true },
    { AT_S, 450, "", "rate limit", ABOUT_S, true },
    { AT_R, 450, "4.7.1", "too many messages from you", ABOUT_S, true },
    { AT_G, 421, "", "Too many connections", ABOUT_S, true },
    { AT_S, 451, "", "throttled", ABOUT_S, true },
    { AT_R, 554, "5.7.1", "Relay access denied", ABOUT_S, false },
    { AT_R, 550, "5.7.1", "Unauthenticated email: DMARC policy", ABOUT_S, false },
    { AT_E, 550, "", "DKIM missing", ABOUT_S, false },
    { AT_R, 550, "5.7.1", "SPF check failed", ABOUT_S, false },
    { AT_E, 550, "", "SendAsDenied; not allowed", ABOUT_S, false },
    { AT_R, 553, "5.7.1", "Sender address rejected: not owned by user", ABOUT_S, false },
    { AT_E, 554, "", "Email address is not verified", ABOUT_S, false },
    { AT_R, 554, "5.7.1", "Sender address rejected", ABOUT_S, false },
    { AT_R, 554, "5.7.1", "sender is not allowed", ABOUT_S, false },
    { AT_R, 554, "5.7.1", "blocked using zen.spamhaus.org", ABOUT_S, false },
    { AT_R, 550, "", "on our blacklist", ABOUT_S, false },
    { AT_R, 550, "", "on our blocklist", ABOUT_S, false },
    { AT_R, 550, "", "on our block list", ABOUT_S, false },
    { AT_R, 550, "5.7.1", "low reputation of the domain", ABOUT_S, false },
    { AT_R, 554, "5.7.1", "Client host rejected", ABOUT_S, false },
    { AT_E, 554, "", "virus found", ABOUT_M, false },
    { AT_E, 550, "5.7.1", "looks like spam", ABOUT_M, false },
    { AT_E, 550, "5.7.1", "likely unsolicited mail", ABOUT_M, false },
    { AT_R, 450, "", "mailbox full", ABOUT_R, true },
    { AT_R, 552, "", "over quota", ABOUT_R, false },
    { AT_R, 550, "", "User unknown", ABOUT_R, false },
    { AT_R, 550, "", "account does not exist", ABOUT_R, false },
    { AT_R, 550, "", "No such user here", ABOUT_R, false },
    /* the basic codes alone */
    { AT_R, 421, "", "", ABOUT_V, true },
    { AT_A, 432, "", "", ABOUT_K, true },
    { AT_S, 530, "", "", ABOUT_K, false },
    { AT_A, 534, "", "", ABOUT_K, false },
    { AT_A, 535, "", "", ABOUT_K, false },
    { AT_A, 538, "", "", ABOUT_K, false },
    { AT_R, 521, "", "", ABOUT_R, false },
    { AT_R, 556, "", "", ABOUT_R, false },
    { AT_R, 450, "", "", ABOUT_R, true },
    { AT_R, 452, "", "", ABOUT_R, true },
    { AT_R, 550, "", "", ABOUT_R, false },
    { AT_R, 551, "", "", ABOUT_R, false },
    { AT_R, 552, "", "", ABOUT_R, false },
    { AT_R, 553, "", "", ABOUT_R, false },
    { AT_E, 552, "", "", ABOUT_M, false },
    { AT_S, 550, "", "", ABOUT_S, false },
    { AT_S, 553, "", "", ABOUT_S, false },
    { AT_S, 452, "", "", ABOUT_V, true },
    /* and what is not known at all */
    { AT_G, 554, "", "", ABOUT_V, false },
    { AT_A, 454, "", "", ABOUT_V, true },
    { AT_A, 500, "", "", ABOUT_K, false },
    { AT_S, 554, "", "", ABOUT_S, false },
    { AT_R, 599, "", "", ABOUT_R, false },
    { AT_D, 554, "", "", ABOUT_V, false },
    { AT_E, 451, "", "", ABOUT_V, true },
    { AT_E, 554, "", "", ABOUT_M, false },
};

TEST(every_refusal_is_of_whom_it_means) {
    for (size_t i = 0; i < ARRAY_LEN(SAID); i++) {
        struct smtp_meaning m =
            meaning((enum mail_step)SAID[i].step, SAID[i].code, SAID[i].enhanced, SAID[i].text);
        if ((int)m.about != SAID[i].about || (m.again_s > 0) != SAID[i].is_later)
            fprintf(stderr, "%zu: %d %s %s: %s %lld\n", i, SAID[i].code, SAID[i].enhanced,
                    SAID[i].text, smtp_about_name(m.about), (long long)m.again_s);
        CHECK_INT(m.about, SAID[i].about);
        CHECK((m.again_s > 0) == SAID[i].is_later);
        CHECK(m.words && m.words[0]);
    }
}

TEST(a_code_that_asks_for_patience_is_told_apart) {
    CHECK(meaning(MAIL_AT_SENDER, 421, "4.7.28", "").is_throttle);
    CHECK(meaning(MAIL_AT_END, 550, "5.4.5", "").is_throttle);
    CHECK(!meaning(MAIL_AT_RECIPIENTS, 451, "4.7.1", "Greylisted").is_throttle);
}
