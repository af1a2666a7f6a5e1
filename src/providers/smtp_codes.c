#include "providers/smtp_codes.h"

#include "base/defs.h"
#include "providers/refusal.h"

enum {
    AGAIN_SOON_S = 60,
    AGAIN_S = 300, /* also how long greylisting usually lasts */
    AGAIN_FULL_S = 3600,
    AGAIN_DAY_S = 24 * 3600,
};

/* --- words ------------------------------------------------------------------------------------ */

/* What decides where a code says too little; the first that fits. */
static const struct {
    const char *has, *and; /* and NULL: has alone */
    struct smtp_meaning means;
} WORDS[] = {
    { "greylist",
      NULL,
      { SMTP_ABOUT_RECIPIENT, "the server asks for a second try later", AGAIN_S, false } },
    { "graylist",
      NULL,
      { SMTP_ABOUT_RECIPIENT, "the server asks for a second try later", AGAIN_S, false } },
    { "sending limit",
      NULL,
      { SMTP_ABOUT_SENDER, "the account has sent as much as it may for now", AGAIN_DAY_S, true } },
    { "sending quota",
      NULL,
      { SMTP_ABOUT_SENDER, "the account has sent as much as it may for now", AGAIN_DAY_S, true } },
    { "rate limit",
      NULL,
      { SMTP_ABOUT_SENDER, "more was sent than the server takes at a time", AGAIN_S, true } },
    { "too many messages",
      NULL,
      { SMTP_ABOUT_SENDER, "more was sent than the server takes at a time", AGAIN_S, true } },
    { "too many connections",
      NULL,
      { SMTP_ABOUT_SENDER, "there are more connections than the server takes", AGAIN_SOON_S,
        true } },
    { "throttl",
      NULL,
      { SMTP_ABOUT_SENDER, "more was sent than the server takes at a time", AGAIN_S, true } },
    { "relay",
      NULL,
      { SMTP_ABOUT_SENDER, "the server passes nothing on for this account (no relaying)", 0,
        false } },
    { "dmarc", NULL, { SMTP_ABOUT_SENDER, "the domain of the sender fails DMARC", 0, false } },
    { "dkim", NULL, { SMTP_ABOUT_SENDER, "the mail lacks a good DKIM signature", 0, false } },
    { "spf",
      NULL,
      { SMTP_ABOUT_SENDER, "the SPF record of the sender's domain does not allow this server", 0,
        false } },
    { "sendas",
      NULL,
      { SMTP_ABOUT_SENDER, "the account may not send under this address", 0, false } },
    { "not owned by",
      NULL,
      { SMTP_ABOUT_SENDER, "the account may not send under this address", 0, false } },
    { "not verified",
      NULL,
      { SMTP_ABOUT_SENDER, "the address or domain of the sender is not verified there", 0,
        false } },
    { "sender", "reject", { SMTP_ABOUT_SENDER, "the server does not take this sender", 0, false } },
    { "sender",
      "not allowed",
      { SMTP_ABOUT_SENDER, "the server does not take this sender", 0, false } },
    { "spamhaus", NULL, { SMTP_ABOUT_SENDER, "the sending server is on a blocklist", 0, false } },
    { "blacklist", NULL, { SMTP_ABOUT_SENDER, "the sending server is on a blocklist", 0, false } },
    { "blocklist", NULL, { SMTP_ABOUT_SENDER, "the sending server is on a blocklist", 0, false } },
    { "block list", NULL, { SMTP_ABOUT_SENDER, "the sending server is on a blocklist", 0, false } },
    { "reputation",
      NULL,
      { SMTP_ABOUT_SENDER, "the sending server or domain has a bad reputation", 0, false } },
    { "client host",
      "reject",
      { SMTP_ABOUT_SENDER, "the server takes nothing from the sending host", 0, false } },
    { "virus", NULL, { SMTP_ABOUT_MESSAGE, "the server took it for a virus", 0, false } },
    { "spam", NULL, { SMTP_ABOUT_MESSAGE, "the server took it for spam", 0, false } },
    { "unsolicited", NULL, { SMTP_ABOUT_MESSAGE, "the server took it for spam", 0, false } },
    { "mailbox full", NULL, { SMTP_ABOUT_RECIPIENT, "the mailbox is full", AGAIN_FULL_S, false } },
    { "over quota", NULL, { SMTP_ABOUT_RECIPIENT, "the mailbox is full", AGAIN_FULL_S, false } },
    { "user unknown", NULL, { SMTP_ABOUT_RECIPIENT, "there is no such mailbox", 0, false } },
    { "does not exist", NULL, { SMTP_ABOUT_RECIPIENT, "there is no such mailbox", 0, false } },
    { "no such user", NULL, { SMTP_ABOUT_RECIPIENT, "there is no such mailbox", 0, false } },
};

/* --- enhanced codes --------------------------------------------------------------------------- */

/* Behind the class. Those of which the words say more come to the words first. */
static const struct {
    const char *detail;
    bool words_first;
    struct smtp_meaning means;
} CODES[] = {
    { "1.1", false, { SMTP_ABOUT_RECIPIENT, "there is no such mailbox", AGAIN_S, false } },
    { "1.2",
      false,
      { SMTP_ABOUT_RECIPIENT, "the domain of this address takes no mail", AGAIN_S, false } },
    { "1.3", false, { SMTP_ABOUT_RECIPIENT, "the server cannot read this address", 0, false } },
    { "1.4",
      false,
      { SMTP_ABOUT_RECIPIENT, "this address could mean several mailboxes", 0, false } },
    { "1.6",
      false,
      { SMTP_ABOUT_RECIPIENT, "the mailbox has moved and left no new address", 0, false } },
    { "1.7",
      false,
      { SMTP_ABOUT_SENDER, "the server cannot read the address of the sender", 0, false } },
    { "1.8",
      false,
      { SMTP_ABOUT_SENDER, "the server does not take the domain of the sender", AGAIN_S, false } },
    { "1.10",
      false,
      { SMTP_ABOUT_RECIPIENT, "the domain of this address takes no mail", 0, false } },
    { "2.1",
      false,
      { SMTP_ABOUT_RECIPIENT, "the mailbox is switched off or takes no mail now", AGAIN_S,
        false } },
    { "2.2", false, { SMTP_ABOUT_RECIPIENT, "the mailbox is full", AGAIN_FULL_S, false } },
    { "2.3",
      false,
      { SMTP_ABOUT_MESSAGE, "the mail is larger than this mailbox takes", 0, false } },
    { "2.252",
      false,
      { SMTP_ABOUT_SENDER, "the account may not send under this address", 0, false } },
    { "3.1", false, { SMTP_ABOUT_SERVER, "the server has no room left", AGAIN_S, false } },
    { "3.2", false, { SMTP_ABOUT_SERVER, "the server takes no mail now", AGAIN_SOON_S, false } },
    { "3.4", false, { SMTP_ABOUT_MESSAGE, "the mail is larger than the server takes", 0, false } },
    { "4.1",
      false,
      { SMTP_ABOUT_RECIPIENT, "the server of this address does not answer", AGAIN_S, false } },
    { "4.4",
      false,
      { SMTP_ABOUT_RECIPIENT, "no way leads to the domain of this address", AGAIN_S, false } },
    { "4.5",
      false,
      { SMTP_ABOUT_SENDER, "the account has sent as much as it may for now", AGAIN_DAY_S, true } },
    { "4.6",
      false,
      { SMTP_ABOUT_RECIPIENT, "mail to this address goes round in circles", 0, false } },
    { "5.3",
      false,
      { SMTP_ABOUT_SERVER, "the mail has more recipients than the server takes at once",
        AGAIN_SOON_S, false } },
    { "6.7",
      false,
      { SMTP_ABOUT_RECIPIENT, "the server takes no addresses beyond ASCII", 0, false } },
    { "6.0", true, { SMTP_ABOUT_MESSAGE, "the server does not take this content", 0, false } },
    { "7.1",
      true,
      { SMTP_ABOUT_RECIPIENT, "the server does not allow mail to this address", AGAIN_S, false } },
    { "7.2", false, { SMTP_ABOUT_SENDER, "the sender may not write to this list", 0, false } },
    { "7.3",
      false,
      { SMTP_ABOUT_KEY, "the server does not accept this username and password", 0, false } },
    { "7.8",
      false,
      { SMTP_ABOUT_KEY, "the server does not accept this username and password", 0, false } },
    { "7.9", false, { SMTP_ABOUT_KEY, "the server wants a stronger way to sign in", 0, false } },
    { "7.11",
      false,
      { SMTP_ABOUT_KEY, "the server wants encryption before a password", 0, false } },
    { "7.14",
      false,
      { SMTP_ABOUT_KEY, "the server wants the account's owner to sign in once in a browser", 0,
        false } },
    { "7.20", false, { SMTP_ABOUT_SENDER, "the mail lacks a good DKIM signature", 0, false } },
    { "7.21", false, { SMTP_ABOUT_SENDER, "the mail lacks a good DKIM signature", 0, false } },
    { "7.22", false, { SMTP_ABOUT_SENDER, "the mail lacks a good DKIM signature", 0, false } },
    { "7.23",
      false,
      { SMTP_ABOUT_SENDER, "the SPF record of the sender's domain does not allow this server", 0,
        false } },
    { "7.24",
      false,
      { SMTP_ABOUT_SENDER, "the SPF record of the sender's domain cannot be read", AGAIN_S,
        false } },
    { "7.25",
      false,
      { SMTP_ABOUT_SENDER, "the sending server has no name in the reverse DNS", 0, false } },
    { "7.26",
      false,
      { SMTP_ABOUT_SENDER, "the mail is neither signed (DKIM) nor allowed by SPF", 0, false } },
    { "7.27",
      false,
      { SMTP_ABOUT_SENDER, "the domain of the sender takes no mail itself", 0, false } },
    { "7.28",
      false,
      { SMTP_ABOUT_SENDER, "more was sent than the server takes at a time", AGAIN_S, true } },
    { "7.29", false, { SMTP_ABOUT_SENDER, "the mail lost its proof on the way (ARC)", 0, false } },
    { "7.57", false, { SMTP_ABOUT_KEY, "the server wants a username and password", 0, false } },
    { "7.60",
      false,
      { SMTP_ABOUT_SENDER, "the account may not send under this address", 0, false } },
    { "7.64",
      false,
      { SMTP_ABOUT_SENDER, "the server passes nothing on for this account (no relaying)", 0,
        false } },
    { "7.139",
      false,
      { SMTP_ABOUT_KEY, "the server has sign-in by password switched off for this account", 0,
        false } },
    { "7.501", false, { SMTP_ABOUT_SENDER, "the account is blocked because of spam", 0, false } },
    { "7.502", false, { SMTP_ABOUT_SENDER, "the account is blocked because of spam", 0, false } },
    { "7.503", false, { SMTP_ABOUT_SENDER, "the account is blocked because of spam", 0, false } },
    { "7.508",
      false,
      { SMTP_ABOUT_SENDER, "more was sent than the server takes at a time", AGAIN_S, true } },
    { "7.511", false, { SMTP_ABOUT_SENDER, "the sending server is blocked there", 0, false } },
    { "7.606", false, { SMTP_ABOUT_SENDER, "the sending server is blocked there", 0, false } },
};

/* --- basic codes ------------------------------------------------------------------------------ */

enum { ANY = -1 };

static const struct {
    int code, step; /* step ANY: whenever it is said */
    struct smtp_meaning means;
} BASIC[] = {
    { 421,
      ANY,
      { SMTP_ABOUT_SERVER, "the server closes the connection for now", AGAIN_SOON_S, false } },
    { 432, ANY, { SMTP_ABOUT_KEY, "the server wants a new password first", 0, false } },
    { 530, ANY, { SMTP_ABOUT_KEY, "the server wants a username and password", 0, false } },
    { 534, ANY, { SMTP_ABOUT_KEY, "the server wants a stronger way to sign in", 0, false } },
    { 535,
      ANY,
      { SMTP_ABOUT_KEY, "the server does not accept this username and password", 0, false } },
    { 538, ANY, { SMTP_ABOUT_KEY, "the server wants encryption before a password", 0, false } },
    { 521,
      MAIL_AT_RECIPIENTS,
      { SMTP_ABOUT_RECIPIENT, "the domain of this address takes no mail", 0, false } },
    { 556,
      MAIL_AT_RECIPIENTS,
      { SMTP_ABOUT_RECIPIENT, "the domain of this address takes no mail", 0, false } },
    { 450,
      MAIL_AT_RECIPIENTS,
      { SMTP_ABOUT_RECIPIENT, "the mailbox is not available now", AGAIN_S, false } },
    { 452,
      MAIL_AT_RECIPIENTS,
      { SMTP_ABOUT_RECIPIENT, "the mailbox is full, or the mail has too many recipients",
        AGAIN_FULL_S, false } },
    { 550,
      MAIL_AT_RECIPIENTS,
      { SMTP_ABOUT_RECIPIENT, "the mailbox is not there or takes no mail", 0, false } },
    { 551, MAIL_AT_RECIPIENTS, { SMTP_ABOUT_RECIPIENT, "the mailbox is elsewhere", 0, false } },
    { 552, MAIL_AT_RECIPIENTS, { SMTP_ABOUT_RECIPIENT, "the mailbox is full", 0, false } },
    { 553,
      MAIL_AT_RECIPIENTS,
      { SMTP_ABOUT_RECIPIENT, "the server does not take this address", 0, false } },
    { 552, ANY, { SMTP_ABOUT_MESSAGE, "the mail is larger than the server takes", 0, false } },
    { 550,
      MAIL_AT_SENDER,
      { SMTP_ABOUT_SENDER, "the server does not take this sender", 0, false } },
    { 553, ANY, { SMTP_ABOUT_SENDER, "the server does not take this sender", 0, false } },
    { 452, ANY, { SMTP_ABOUT_SERVER, "the server has no room left", AGAIN_S, false } },
};

/* What is left: by what was asked. */
static struct smtp_meaning by_step(enum mail_step step, bool is_lasting) {
    switch (step) {
    case MAIL_AT_AUTH:
        return (struct smtp_meaning){ is_lasting ? SMTP_ABOUT_KEY : SMTP_ABOUT_SERVER,
                                      is_lasting
                                          ? "the server does not accept this username and password"
                                          : "the server cannot check passwords now",
                                      AGAIN_SOON_S, false };
    case MAIL_AT_SENDER:
        return (struct smtp_meaning){ SMTP_ABOUT_SENDER, "the server does not take this sender",
                                      AGAIN_S, false };
    case MAIL_AT_RECIPIENTS:
        return (struct smtp_meaning){ SMTP_ABOUT_RECIPIENT, "the server does not take this address",
                                      AGAIN_S, false };
    case MAIL_AT_MESSAGE:
    case MAIL_AT_END:
        return (struct smtp_meaning){ is_lasting ? SMTP_ABOUT_MESSAGE : SMTP_ABOUT_SERVER,
                                      "the server did not take the mail", AGAIN_S, false };
    default:
        return (struct smtp_meaning){ SMTP_ABOUT_SERVER, "the server takes no mail from us now",
                                      AGAIN_S, false };
    }
}

static const struct smtp_meaning *by_words(const char *text) {
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (refusal_has(text, WORDS[i].has) && (!WORDS[i].and || refusal_has(text, WORDS[i].and)))
            return &WORDS[i].means;
    return NULL;
}

/* 5.7.606 to 5.7.649 are one and the same. */
static bool is_detail(const char *said, const char *detail) {
    return strcmp(said, detail) == 0 || (strcmp(detail, "7.606") == 0 && strlen(said) == 5 &&
                                         strncmp(said, "7.6", 3) == 0 && said[3] < '5');
}

static const struct smtp_meaning *by_enhanced(const struct mail_reply *reply) {
    for (size_t i = 0; reply->enhanced[0] && i < ARRAY_LEN(CODES); i++) {
        if (!is_detail(reply->enhanced + 2, CODES[i].detail))
            continue;
        const struct smtp_meaning *said = CODES[i].words_first ? by_words(reply->text) : NULL;
        return said ? said : &CODES[i].means;
    }
    return NULL;
}

static const struct smtp_meaning *by_code(enum mail_step step, int code) {
    for (size_t i = 0; i < ARRAY_LEN(BASIC); i++)
        if (BASIC[i].code == code && (BASIC[i].step == ANY || BASIC[i].step == (int)step))
            return &BASIC[i].means;
    return NULL;
}

/* "You may not write there" is said of a recipient only when one was asked about; that there is no such
 * mailbox some servers say after the message. */
static bool is_misplaced(enum mail_step step, const struct mail_reply *reply) {
    return step <= MAIL_AT_SENDER ||
           (step >= MAIL_AT_DATA && reply->enhanced[0] && strcmp(reply->enhanced + 2, "7.1") == 0);
}

struct smtp_meaning smtp_meaning_of(enum mail_step step, const struct mail_reply *reply) {
    bool is_lasting = reply->code >= 500;
    const struct smtp_meaning *found = by_enhanced(reply);
    if (!found)
        found = by_words(reply->text);
    if (!found)
        found = by_code(step, reply->code);
    struct smtp_meaning m = found ? *found : by_step(step, is_lasting);
    if (m.about == SMTP_ABOUT_RECIPIENT && is_misplaced(step, reply)) {
        struct smtp_meaning other = by_step(step, is_lasting);
        m.about = other.about;
        m.words = other.words;
    }
    if (is_lasting)
        m.again_s = m.is_throttle ? m.again_s : 0;
    else if (!m.again_s)
        m.again_s = AGAIN_S;
    return m;
}

const char *smtp_about_name(enum smtp_about about) {
    static const char *const NAMES[] = { "recipient", "sender", "message", "server", "credential" };
    return NAMES[about];
}
