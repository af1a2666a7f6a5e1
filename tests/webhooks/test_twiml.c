#include "test.h"

#include <string.h>

#include "base/form.h"
#include "webhooks/twiml.h"

#define DOCUMENT(inner) "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>" inner "</Response>"

static struct twiml_caller caller;

static void setup_caller(void) {
    caller =
        (struct twiml_caller){ .url = STR("https://ava.example/webhooks/twilio/t/voice?a=1&b=2"),
                               .is_forwardable = true };
}

static void written(const struct fallback *f, const char *expected) {
    struct buf b = { 0 };
    twiml_fallback(&b, f, &caller);
    buf_char(&b, '\0');
    CHECK_TEXT(b.ptr, expected);
    buf_fini(&b);
}

TEST(each_kind_is_a_document_of_its_own) {
    setup_caller();
    written(&(struct fallback){ .kind = FALLBACK_MESSAGE, .text = "Bye." },
            DOCUMENT("<Say>Bye.</Say><Hangup/>"));
    written(
        &(struct fallback){ .kind = FALLBACK_VOICEMAIL, .text = "Speak." },
        DOCUMENT(
            "<Say>Speak.</Say><Record maxLength=\"180\" playBeep=\"true\" "
            "action=\"https://ava.example/webhooks/twilio/t/voice?a=1&amp;b=2&amp;after=record\""
            "/><Hangup/>"));
    written(&(struct fallback){ .kind = FALLBACK_FORWARD, .text = "Bye.", .to = "+33612345678" },
            DOCUMENT("<Dial timeout=\"20\" "
                     "action=\"https://ava.example/webhooks/twilio/t/voice?a=1&amp;b=2\">"
                     "<Number>+33612345678</Number></Dial>"));
    written(&(struct fallback){ .kind = FALLBACK_ASSISTANT, .text = "Bye.", .assistant_id = "a" },
            DOCUMENT("<Say>Bye.</Say><Hangup/>"));
}

TEST(a_caller_without_a_number_is_forwarded_with_one_of_ours_or_not_at_all) {
    const struct fallback f = { .kind = FALLBACK_FORWARD, .text = "Bye.", .to = "+33612345678" };
    setup_caller();
    caller.url = STR("https://ava.example/v");
    caller.overrides = "#rc=5&rp=ct";
    caller.caller_id = "+15005550006";
    written(&f, DOCUMENT("<Dial timeout=\"20\" callerId=\"+15005550006\" "
                         "action=\"https://ava.example/v#rc=5&amp;rp=ct\"><Number>+33612345678"
                         "</Number></Dial>"));
    caller.is_forwardable = false;
    written(&f, DOCUMENT("<Say>Bye.</Say><Hangup/>"));
}

TEST(whoever_comes_back_from_a_record_has_spoken) {
    struct arena *a = arena_new(1 << 16);
    static const struct {
        const char *query, *form;
        bool has_spoken;
    } CASES[] = {
        { "", "CallSid=CA1&CallStatus=ringing", false },
        { "after=record", "CallSid=CA1", true },
        { "", "RecordingUrl=https%3A%2F%2Fx", true },
        { "", "RecordingSid=RE1", true },
        { "", "RecordingDuration=41", true },
        { "", "Digits=1", true },
        { "", "Digits=", false },
        { "op=1", "RecordingStatus=", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct form query, form;
        CHECK(form_parse(a, str_of(CASES[i].query), &query));
        CHECK(form_parse(a, str_of(CASES[i].form), &form));
        CHECK_INT(twiml_is_after_record(&query, &form), CASES[i].has_spoken);
    }
    CHECK(!twiml_is_after_record(NULL, NULL));
    arena_free(a);
}

TEST(texts_cannot_become_verbs) {
    setup_caller();
    written(&(struct fallback){ .kind = FALLBACK_MESSAGE,
                                .text = "</Say><Dial>+1900</Dial>&\"\x01\x1F Grüße" },
            DOCUMENT("<Say>&lt;/Say&gt;&lt;Dial&gt;+1900&lt;/Dial&gt;&amp;&quot; Grüße</Say>"
                     "<Hangup/>"));
}

TEST(texts_stay_characters_of_xml) {
    setup_caller();
    written(&(struct fallback){ .kind = FALLBACK_MESSAGE,
                                .text = "a\xEF\xBF\xBE"
                                        "b\xEF\xBF\xBF"
                                        "c\x01\x1b\r\n\t\xEF\xBF\xBD" },
            DOCUMENT("<Say>a\xEF\xBF\xBD"
                     "b\xEF\xBF\xBD"
                     "c\n\t\xEF\xBF\xBD</Say><Hangup/>"));
    /* a lone surrogate, a byte alone, a cut sequence */
    written(&(struct fallback){ .kind = FALLBACK_MESSAGE, .text = "\xED\xA0\x80|\xFF|\xE2\x82" },
            DOCUMENT("<Say>\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD|\xEF\xBF\xBD|\xEF\xBF\xBD"
                     "</Say><Hangup/>"));
    written(&(struct fallback){ .kind = FALLBACK_MESSAGE, .text = "Caf\xC3\xA9 \xF0\x9F\x98\x80" },
            DOCUMENT("<Say>Caf\xC3\xA9 \xF0\x9F\x98\x80</Say><Hangup/>"));
}

TEST(after_a_conversation_nothing_is_said) {
    static const struct {
        const char *status;
        bool says;
    } CASES[] = { { "completed", false }, { "answered", false }, { "no-answer", true },
                  { "busy", true },       { "failed", true },    { "canceled", true } };
    const struct fallback f = { .kind = FALLBACK_FORWARD, .text = "Bye.", .to = "+33612345678" };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct buf b = { 0 };
        twiml_after_forward(&b, &f, str_of(CASES[i].status));
        buf_char(&b, '\0');
        CHECK_TEXT(b.ptr,
                   CASES[i].says ? DOCUMENT("<Say>Bye.</Say><Hangup/>") : DOCUMENT("<Hangup/>"));
        buf_fini(&b);
    }
}
