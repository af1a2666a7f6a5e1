#include "providers/twilio_codes.h"

#include "base/arena.h"
#include "base/defs.h"
#include "base/json.h"

/* Does the same once more make sense? */
enum again { NONE /* nothing to say of it */, NEVER, AGAIN, TOMORROW };

static const char *const ADVICE[] = {
    [NONE] = "",
    [NEVER] = " Sending it again changes nothing.",
    [AGAIN] = " Sending it again later may work.",
    [TOMORROW] = " Sending it again tomorrow may work.",
};

/* Ascending; words NULL: the status says it well enough. */
static const struct code {
    int64_t code;
    enum refusal_about about;
    enum again again;
    const char *words;
} CODES[] = {
    { 10001, REFUSAL_ACCOUNT, NONE, "the account is not active" },
    { 10004, REFUSAL_FULL, AGAIN, "as many calls as the account may have are under way" },
    { 13225, REFUSAL_REQUEST, NEVER, "Twilio does not call this number" },
    { 13227, REFUSAL_REQUEST, NEVER, "the account may not call this country" },
    { 14107, REFUSAL_REQUEST, AGAIN, "this number sends more texts than it may" },
    { 20003, REFUSAL_KEY, NONE, NULL },
    { 20005, REFUSAL_KEY, NONE, NULL },
    { 20008, REFUSAL_REQUEST, NEVER, "these are test credentials, which can do nothing real" },
    { 20404, REFUSAL_ABSENT, NONE, NULL },
    { 20429, REFUSAL_THROTTLE, NONE, NULL },
    { 21201, REFUSAL_REQUEST, NEVER, "there is no number to call" },
    { 21205, REFUSAL_REQUEST, NEVER, "the URL is not one that Twilio can ask" },
    { 21210, REFUSAL_REQUEST, NEVER, "the number to call from is not one of this account" },
    { 21211, REFUSAL_REQUEST, NEVER, "the number to reach is not a valid phone number" },
    { 21212, REFUSAL_REQUEST, NEVER,
      "the number to call or write from is not a valid phone number" },
    { 21214, REFUSAL_REQUEST, NEVER, "the number to call cannot be reached" },
    { 21215, REFUSAL_REQUEST, NEVER, "the account may not call this country" },
    { 21217, REFUSAL_REQUEST, NEVER, "the number to call is not a valid phone number" },
    { 21219, REFUSAL_REQUEST, NEVER,
      "a trial account reaches only numbers that are verified at Twilio" },
    { 21220, REFUSAL_REQUEST, NONE, "the call is in no state in which this can be done" },
    { 21408, REFUSAL_REQUEST, NEVER, "the account may not write to this country" },
    { 21601, REFUSAL_REQUEST, NEVER, "the number to write from cannot send texts" },
    { 21606, REFUSAL_REQUEST, NEVER,
      "the number to write from is not one of this account that can send texts" },
    { 21608, REFUSAL_REQUEST, NEVER,
      "a trial account reaches only numbers that are verified at Twilio" },
    { 21609, REFUSAL_REQUEST, NONE,
      "Twilio cannot reach the address for status callbacks; look at AVA_PUBLIC_URL" },
    { 21610, REFUSAL_REQUEST, NEVER, "this person asked for no more texts" },
    { 21611, REFUSAL_REQUEST, AGAIN, "too many texts of this number still wait to be sent" },
    { 21612, REFUSAL_REQUEST, NEVER, "there is no way from this number to that one" },
    { 21614, REFUSAL_REQUEST, NEVER, "the number to reach is not a mobile number" },
    { 21617, REFUSAL_REQUEST, NEVER, "the text is too long" },
    { 30001, REFUSAL_REQUEST, AGAIN, "too many texts wait to be sent" },
    { 30002, REFUSAL_ACCOUNT, NONE, "the account is suspended" },
    { 30003, REFUSAL_REQUEST, AGAIN, "the phone could not be reached" },
    { 30004, REFUSAL_REQUEST, NEVER, "the phone or its carrier blocks texts" },
    { 30005, REFUSAL_REQUEST, NEVER, "the phone number is not known" },
    { 30006, REFUSAL_REQUEST, NEVER, "the number is a landline, or its carrier takes no texts" },
    { 30007, REFUSAL_REQUEST, NEVER, "the carrier took it for spam" },
    { 30008, REFUSAL_REQUEST, AGAIN, "the carrier did not say why" },
    { 30022, REFUSAL_REQUEST, AGAIN,
      "the account sends more texts to these carriers than it is registered for" },
    { 30032, REFUSAL_REQUEST, NEVER, "the toll-free number to write from is not verified yet" },
    { 30034, REFUSAL_REQUEST, NEVER,
      "the number to write from is not registered for texts to the United States (A2P 10DLC)" },
    { 60410, REFUSAL_REQUEST, NEVER,
      "Twilio blocks this prefix for now, since it is used for fraud" },
    { 63003, REFUSAL_REQUEST, NEVER, "there is nobody at this address of the channel" },
    { 63005, REFUSAL_REQUEST, NEVER, "the channel does not take this content" },
    { 63007, REFUSAL_REQUEST, NEVER, "the address to write from is not one of this channel" },
    { 63016, REFUSAL_REQUEST, NEVER,
      "outside of the 24 hours after their last message, only a template may be sent" },
    { 63018, REFUSAL_REQUEST, AGAIN, "the channel takes no more messages of this sender for now" },
    { 63024, REFUSAL_REQUEST, NEVER, "this person cannot be reached through the channel" },
    { 63032, REFUSAL_REQUEST, NEVER, "the channel does not let this person get such messages now" },
    { 63038, REFUSAL_REQUEST, TOMORROW, "the account has sent all the messages it may send today" },
    { 572006, REFUSAL_REQUEST, NEVER, "a trial account may not do this" },
};

static const struct code *code_find(int64_t code) {
    for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
        if (CODES[i].code == code)
            return &CODES[i];
    return NULL;
}

/* "there is no number to call (code 21201). Sending it again changes nothing."; the arena's. */
static const char *sentence_of(struct ctx *ctx, const struct code *known) {
    return arena_printf(ctx->arena, "%s (code %lld).%s", known->words, (long long)known->code,
                        ADVICE[known->again]);
}

void twilio_judge(struct ctx *ctx, int status, const json_t *said, struct refusal *out) {
    int64_t code = json_i64_or(said, "code", 0);
    const struct code *known = code_find(code);
    if (refusal_says_full(json_text(said, "message"))) {
        *out = (struct refusal){ REFUSAL_FULL, NULL };
    } else if (known) {
        out->about = known->about;
        out->words = known->words ? sentence_of(ctx, known) : NULL;
    } else if (code > 0) {
        /* A code that is not in the table is about this request, whatever the status. */
        if (out->about == REFUSAL_PERMISSION || out->about == REFUSAL_THROTTLE)
            out->about = REFUSAL_REQUEST;
        out->words = arena_printf(ctx->arena, "its code is %lld.", (long long)code);
    }
}

const char *twilio_error_words(struct ctx *ctx, int64_t code) {
    const struct code *known = code_find(code);
    if (!known || !known->words)
        return arena_printf(ctx->arena, "Twilio reports an error: one that it numbers (code %lld).",
                            (long long)code);
    return arena_join(ctx->arena, "Twilio reports an error: ", sentence_of(ctx, known));
}
