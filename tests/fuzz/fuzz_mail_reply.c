/* What a mail server says: a reply is taken the same whether it comes at once or in pieces, and what is shown
 * of it is one line of good UTF-8. */
#include "fuzz/fuzz.h"

#include "base/plain.h"
#include "net/mail_reply.h"

static void read(struct arena *a, struct str whole) {
    struct mail_reply r;
    struct str params;
    mail_reply_read(a, whole, &r);
    CLAIM(r.code >= 200 && r.code < 600);
    CLAIM(str_is_utf8(str_of(r.text)) && strlen(r.text) <= MAIL_REPLY_TEXT_MAX);
    for (const char *c = r.text; *c; c++)
        CLAIM((unsigned char)*c >= ' ' && *c != 0x7f);
    CLAIM(strlen(r.enhanced) < MAIL_ENHANCED_MAX);
    CLAIM(!r.enhanced[0] || r.enhanced[0] == '0' + r.code / 100);
    mail_reply_offers(whole, "AUTH", &params);
    mail_reply_lists(params, "PLAIN");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(1 << 20);
    struct str in = { (const char *)data, size };
    size_t len = 0;
    if (mail_reply_cut(in, &len) == MAIL_CUT_WHOLE) {
        CLAIM(len > 0 && len <= size && in.ptr[len - 1] == '\n');
        for (size_t i = 0; i < len; i++) {
            size_t part = 0;
            CLAIM(mail_reply_cut((struct str){ in.ptr, i }, &part) == MAIL_CUT_SHORT);
        }
        read(a, (struct str){ in.ptr, len });
    }
    struct str last = mail_reply_last(in);
    CLAIM(last.len <= size);
    arena_free(a);
    return 0;
}
