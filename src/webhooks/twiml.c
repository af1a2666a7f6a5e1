#include "webhooks/twiml.h"

#include <string.h>

#include "base/form.h"

enum { RING_S = 20, RECORD_MAX_S = 180 };

static const char BEGIN[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>";
static const char END[] = "<Hangup/></Response>";
static const char AFTER_RECORD[] = "after=record"; /* twiml_is_after_record */
static const char THANKS[] = "Thank you. Goodbye.";

/* U+FFFE and U+FFFF, which XML has no way to write (XML 1.0, 2.2). */
static bool is_no_character(const char *bytes, size_t n) {
    return n == 3 && memcmp(bytes, "\xEF\xBF", 2) == 0 && (unsigned char)bytes[2] >= 0xBE;
}

/* Control characters are left out; what else cannot stand in XML, also bytes that are no UTF-8,
 * becomes U+FFFD. */
static void escape(struct buf *out, struct str text) {
    bool is_whole;
    for (size_t i = 0, n; i < text.len; i += n) {
        const char *c = text.ptr + i;
        n = str_utf8_step(c, text.len - i, &is_whole);
        if (!is_whole || is_no_character(c, n))
            buf_text(out, "\xEF\xBF\xBD");
        else if (*c == '<')
            buf_text(out, "&lt;");
        else if (*c == '>')
            buf_text(out, "&gt;");
        else if (*c == '&')
            buf_text(out, "&amp;");
        else if (*c == '"')
            buf_text(out, "&quot;");
        else if ((unsigned char)*c >= 0x20 || *c == '\n' || *c == '\t')
            buf_put(out, c, n);
    }
}

static void say(struct buf *out, const char *text) {
    buf_text(out, "<Say>");
    escape(out, str_of(text));
    buf_text(out, "</Say>");
}

/* Twilio keeps a query of ours and sends it back; the fragment is for Twilio alone. */
static void action(struct buf *out, const struct twiml_caller *caller, const char *query) {
    buf_text(out, " action=\"");
    escape(out, caller->url);
    if (query)
        buf_printf(out, "%s%s", memchr(caller->url.ptr, '?', caller->url.len) ? "&amp;" : "?",
                   query);
    if (caller->overrides)
        escape(out, str_of(caller->overrides));
    buf_char(out, '"');
}

static void dial(struct buf *out, const char *to, const struct twiml_caller *caller) {
    buf_printf(out, "<Dial timeout=\"%d\"", RING_S);
    if (caller->caller_id) {
        buf_text(out, " callerId=\"");
        escape(out, str_of(caller->caller_id));
        buf_char(out, '"');
    }
    action(out, caller, NULL);
    buf_text(out, "><Number>");
    escape(out, str_of(to));
    buf_text(out, "</Number></Dial></Response>");
}

/* Behind Record stands what is done with somebody who said nothing: the action is not asked then. */
void twiml_fallback(struct buf *out, const struct fallback *f, const struct twiml_caller *caller) {
    buf_text(out, BEGIN);
    if (f->kind == FALLBACK_FORWARD && f->to && caller->is_forwardable) {
        dial(out, f->to, caller);
        return;
    }
    say(out, f->text);
    if (f->kind == FALLBACK_VOICEMAIL) {
        buf_printf(out, "<Record maxLength=\"%d\" playBeep=\"true\"", RECORD_MAX_S);
        action(out, caller, AFTER_RECORD);
        buf_text(out, "/>");
    }
    buf_text(out, END);
}

void twiml_after_record(struct buf *out) {
    buf_text(out, BEGIN);
    say(out, THANKS);
    buf_text(out, END);
}

/* A document that was given before the action had a query of its own comes back with what Record
 * adds: Digits too, since no document of ours asks for any. */
bool twiml_is_after_record(const struct form *query, const struct form *form) {
    static const char *const ADDED[] = { "RecordingUrl", "RecordingSid", "RecordingDuration",
                                         "Digits" };
    bool is_after = query && str_is(form_find(query, "after"), "record");
    for (size_t i = 0; form && i < ARRAY_LEN(ADDED); i++)
        is_after |= form_find(form, ADDED[i]).len > 0;
    return is_after;
}

void twiml_after_forward(struct buf *out, const struct fallback *f, struct str dial_status) {
    buf_text(out, BEGIN);
    if (!str_is(dial_status, "completed") && !str_is(dial_status, "answered"))
        say(out, f->text);
    buf_text(out, END);
}
