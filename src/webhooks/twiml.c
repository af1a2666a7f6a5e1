#include "webhooks/twiml.h"

enum { RING_S = 20, RECORD_MAX_S = 180 };

static const char BEGIN[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>";
static const char END[] = "<Hangup/></Response>";

static void escape(struct buf *out, struct str text) {
    for (const char *c = text.ptr; c < text.ptr + text.len; c++) {
        unsigned char u = (unsigned char)*c;
        if (*c == '<')
            buf_text(out, "&lt;");
        else if (*c == '>')
            buf_text(out, "&gt;");
        else if (*c == '&')
            buf_text(out, "&amp;");
        else if (*c == '"')
            buf_text(out, "&quot;");
        else if (u >= 0x20 || u == '\n' || u == '\t')
            buf_char(out, *c);
    }
}

static void say(struct buf *out, const char *text) {
    buf_text(out, "<Say>");
    escape(out, str_of(text));
    buf_text(out, "</Say>");
}

void twiml_fallback(struct buf *out, const struct fallback *f, struct str action) {
    buf_text(out, BEGIN);
    if (f->kind == FALLBACK_FORWARD && f->to) {
        buf_printf(out, "<Dial timeout=\"%d\" action=\"", RING_S);
        escape(out, action);
        buf_text(out, "\"><Number>");
        escape(out, str_of(f->to));
        buf_text(out, "</Number></Dial></Response>");
        return;
    }
    say(out, f->text);
    if (f->kind == FALLBACK_VOICEMAIL)
        buf_printf(out, "<Record maxLength=\"%d\" playBeep=\"true\"/>", RECORD_MAX_S);
    buf_text(out, END);
}

void twiml_after_forward(struct buf *out, const struct fallback *f, struct str dial_status) {
    buf_text(out, BEGIN);
    if (!str_is(dial_status, "completed") && !str_is(dial_status, "answered"))
        say(out, f->text);
    buf_text(out, END);
}
