#include "test.h"

#include <string.h>

#include "webhooks/twiml.h"

#define DOCUMENT(inner) "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>" inner "</Response>"

static void written(const struct fallback *f, const char *expected) {
    struct buf b = { 0 };
    twiml_fallback(&b, f, STR("https://ava.example/webhooks/twilio/t/voice?a=1&b=2"));
    buf_char(&b, '\0');
    CHECK_TEXT(b.ptr, expected);
    buf_fini(&b);
}

TEST(each_kind_is_a_document_of_its_own) {
    written(&(struct fallback){ .kind = FALLBACK_MESSAGE, .text = "Bye." },
            DOCUMENT("<Say>Bye.</Say><Hangup/>"));
    written(&(struct fallback){ .kind = FALLBACK_VOICEMAIL, .text = "Speak." },
            DOCUMENT("<Say>Speak.</Say><Record maxLength=\"180\" playBeep=\"true\"/><Hangup/>"));
    written(&(struct fallback){ .kind = FALLBACK_FORWARD, .text = "Bye.", .to = "+33612345678" },
            DOCUMENT("<Dial timeout=\"20\" "
                     "action=\"https://ava.example/webhooks/twilio/t/voice?a=1&amp;b=2\">"
                     "<Number>+33612345678</Number></Dial>"));
    written(&(struct fallback){ .kind = FALLBACK_ASSISTANT, .text = "Bye.", .assistant_id = "a" },
            DOCUMENT("<Say>Bye.</Say><Hangup/>"));
}

TEST(texts_cannot_become_verbs) {
    written(&(struct fallback){ .kind = FALLBACK_MESSAGE,
                                .text = "</Say><Dial>+1900</Dial>&\"\x01\x1F Grüße" },
            DOCUMENT("<Say>&lt;/Say&gt;&lt;Dial&gt;+1900&lt;/Dial&gt;&amp;&quot; Grüße</Say>"
                     "<Hangup/>"));
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
