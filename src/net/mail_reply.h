/* mail_reply: what a mail server says: replies of one or more lines (RFC 5321, 4.2), the codes of RFC 3463
 * in them, and what the answer to EHLO offers. Pure. */
#pragma once

#include "base/str.h"

enum {
    MAIL_ENHANCED_MAX = 12,
    MAIL_REPLY_TEXT_MAX = 512,
    MAIL_REPLY_LINE_MAX = 2048,
    MAIL_REPLY_BYTES_MAX = 16 << 10,
};

struct mail_reply {
    int code;                         /* 200 to 599; 0: none */
    char enhanced[MAIL_ENHANCED_MAX]; /* "5.1.1"; "": not said */
    const char *text; /* its lines without codes, one blank between them; good UTF-8 without control
                       * characters; NULL where there is no reply */
};

enum mail_cut { MAIL_CUT_WHOLE, MAIL_CUT_SHORT /* more must come */, MAIL_CUT_GARBLED };

/* The reply that `in` begins with: *len bytes, when it is whole. */
enum mail_cut mail_reply_cut(struct str in, size_t *len);

/* Reads one whole reply; its text is the arena's. */
void mail_reply_read(struct arena *a, struct str whole, struct mail_reply *out);

/* Of several replies in a row, the last whole one; empty: there is none. */
struct str mail_reply_last(struct str all);

/* Does this answer to EHLO offer the keyword? *params: what stands behind it. */
bool mail_reply_offers(struct str ehlo, const char *keyword, struct str *params);

/* Is the word among these, parted by blanks, in any case? */
bool mail_reply_lists(struct str params, const char *word);
