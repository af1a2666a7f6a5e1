#include "providers/mime.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/encode.h"
#include "base/plain.h"
#include "net/mail_call.h"

enum { FOLD_AT = 76, WORD_BYTES = 45, NAME_BYTES = 60 };

/* --- headers --------------------------------------------------------------------------------- */

static bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_ascii(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x7f || (unsigned char)s.ptr[i] < ' ')
            return false;
    return true;
}

/* How far the last line of out has come. */
static size_t column(const struct buf *out) {
    size_t n = 0;
    while (n < out->len && out->ptr[out->len - n - 1] != '\n')
        n++;
    return n;
}

static void fold(struct buf *out) {
    buf_text(out, "\r\n ");
}

static void put_base64(struct buf *out, const void *bytes, size_t len) {
    struct arena *a = arena_new(4096);
    buf_text(out, base64_encode(a, bytes, len));
    arena_free(a);
}

/* As many whole characters as fit into max bytes. */
static size_t chars_within(struct str text, size_t max) {
    size_t n = text.len < max ? text.len : max;
    while (n && n < text.len && ((unsigned char)text.ptr[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* RFC 2047: words of whole characters, each at most 75 long. */
static void put_encoded(struct buf *out, struct str text) {
    bool is_first = true;
    while (text.len) {
        if (!is_first || column(out) > FOLD_AT - 28) /* else less than three characters would fit */
            fold(out);
        size_t room = (FOLD_AT - column(out) - 12) / 4 * 3;
        size_t n = chars_within(text, room < WORD_BYTES ? room : WORD_BYTES);
        buf_text(out, "=?utf-8?B?");
        put_base64(out, text.ptr, n);
        buf_text(out, "?=");
        text = (struct str){ text.ptr + n, text.len - n };
        is_first = false;
    }
}

/* Does it come back as it is, when it is folded at its blanks? */
static bool is_foldable(struct str text) {
    size_t word = 0;
    if (!is_ascii(text) || str_find(text, STR("=?")) >= 0 || str_find(text, STR("  ")) >= 0 ||
        (text.len && (text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ')))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        word = text.ptr[i] == ' ' ? 0 : word + 1;
        if (word > FOLD_AT - 2)
            return false;
    }
    return true;
}

static void put_folded(struct buf *out, struct str text) {
    bool is_first = true;
    while (text.ptr) {
        struct str word = str_cut(text, ' ', &text);
        bool fits = column(out) + 1 + word.len <= FOLD_AT;
        if (!fits)
            fold(out);
        else if (!is_first)
            buf_char(out, ' ');
        buf_str(out, word);
        is_first = false;
    }
}

void mime_put_header(struct buf *out, const char *name, struct str value) {
    buf_text(out, name);
    buf_text(out, ": ");
    if (is_foldable(value))
        put_folded(out, value);
    else
        put_encoded(out, value);
    buf_text(out, "\r\n");
}

static void put_name(struct buf *out, struct str name) {
    if (!is_ascii(name) || name.len > NAME_BYTES || str_find(name, STR("=?")) >= 0) {
        put_encoded(out, name);
        return;
    }
    buf_char(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\')
            buf_char(out, '\\');
        buf_char(out, name.ptr[i]);
    }
    buf_char(out, '"');
}

static void put_mailbox(struct ctx *ctx, struct buf *out, const struct mime_mailbox *m) {
    const char *ascii = mail_address_ascii(ctx->arena, m->address);
    const char *address = ascii ? ascii : m->address;
    size_t len = strlen(address) + 2, name_len = m->name ? strlen(m->name) : 0;
    if (column(out) > 20 && column(out) + len + name_len + 3 > FOLD_AT)
        fold(out);
    if (name_len) {
        put_name(out, str_of(m->name));
        if (column(out) + len + 1 > FOLD_AT)
            fold(out);
        else
            buf_char(out, ' ');
    }
    buf_char(out, '<');
    buf_text(out, address);
    buf_char(out, '>');
}

static void put_mailboxes(struct ctx *ctx, struct buf *out, const char *name,
                          const struct mime_mailbox *list, size_t count) {
    if (!count)
        return;
    buf_text(out, name);
    buf_text(out, ": ");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_text(out, ", ");
        put_mailbox(ctx, out, &list[i]);
    }
    buf_text(out, "\r\n");
}

static void put_date(struct buf *out, int64_t unix_ms) {
    static const char DAYS[] = "SunMonTueWedThuFriSat",
                      MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t t = (time_t)(unix_ms / 1000);
    struct tm tm;
    gmtime_r(&t, &tm);
    buf_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", DAYS + 3 * tm.tm_wday,
               tm.tm_mday, MONTHS + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
               tm.tm_sec);
}

bool mime_header_is_allowed(const char *name) {
    static const char *const NAMES[] = { "In-Reply-To", "References",     "List-Unsubscribe",
                                         "List-Id",     "Auto-Submitted", "List-Unsubscribe-Post",
                                         "Importance",  "Precedence" };
    for (size_t i = 0; name && i < ARRAY_LEN(NAMES); i++)
        if (strcasecmp(name, NAMES[i]) == 0)
            return true;
    if (!name || strncasecmp(name, "X-", 2) != 0 || !name[2] || strlen(name) > 64)
        return false;
    for (const char *c = name; *c; c++)
        if (!(*c == '-' || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
              (*c >= 'A' && *c <= 'Z')))
            return false;
    return true;
}

/* --- bodies ---------------------------------------------------------------------------------- */

static bool is_line_end(struct str text, size_t i) {
    return i >= text.len || text.ptr[i] == '\r' || text.ptr[i] == '\n';
}

/* Must it be written as =XX? "From " at the start of a line some servers change. */
static bool must_quote(struct str text, size_t i, bool begins) {
    unsigned char c = (unsigned char)text.ptr[i];
    if (c == ' ' || c == '\t')
        return is_line_end(text, i + 1);
    return c < ' ' || c >= 0x7f || c == '=' || (begins && (c == '.' || c == 'F'));
}

void mime_put_quoted(struct buf *out, struct str text) {
    size_t at = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n')
            continue;
        if (c == '\r' || c == '\n') {
            buf_put(out, "\r\n", 2);
            at = 0;
            continue;
        }
        bool is_quoted = must_quote(text, i, at == 0);
        if (at + (is_quoted ? 3 : 1) > FOLD_AT - 1) {
            buf_text(out, "=\r\n");
            at = 0;
            is_quoted = must_quote(text, i, true);
        }
        if (is_quoted)
            buf_printf(out, "=%02X", (unsigned char)c);
        else
            buf_char(out, c);
        at += is_quoted ? 3 : 1;
    }
}

static void put_base64_lines(struct buf *out, struct str bytes) {
    enum { LINE_BYTES = 57 };
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = (const unsigned char *)bytes.ptr;
    for (size_t from = 0; from < bytes.len; from += LINE_BYTES) {
        size_t end = bytes.len - from < LINE_BYTES ? bytes.len : from + LINE_BYTES, at = 0;
        char line[LINE_BYTES / 3 * 4];
        for (size_t i = from; i < end; i += 3) {
            size_t n = end - i < 3 ? end - i : 3;
            unsigned v = (unsigned)b[i] << 16 | (n > 1 ? (unsigned)b[i + 1] << 8 : 0) |
                         (n > 2 ? b[i + 2] : 0);
            line[at++] = DIGITS[v >> 18];
            line[at++] = DIGITS[v >> 12 & 63];
            line[at++] = n > 1 ? DIGITS[v >> 6 & 63] : '=';
            line[at++] = n > 2 ? DIGITS[v & 63] : '=';
        }
        if (from)
            buf_put(out, "\r\n", 2);
        buf_put(out, line, at);
    }
}

/* Text mostly of other letters than ASCII is shorter in base64. */
static bool is_dense(struct str text) {
    size_t high = 0;
    for (size_t i = 0; i < text.len; i++)
        high += (unsigned char)text.ptr[i] >= 0x80;
    return high * 4 > text.len;
}

static void put_crlf(struct buf *out, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n' || text.ptr[i] == '\r')
            buf_put(out, "\r\n", 2);
        else
            buf_char(out, text.ptr[i]);
        i += text.ptr[i] == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n';
    }
}

static void put_text(struct buf *out, const char *type, struct str text) {
    bool in_base64 = is_dense(text);
    buf_printf(out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n",
               type, in_base64 ? "base64" : "quoted-printable");
    if (!in_base64) {
        mime_put_quoted(out, text);
        return;
    }
    struct buf lines = { 0 };
    put_crlf(&lines, text);
    put_base64_lines(out, buf_view(&lines));
    buf_fini(&lines);
}

/* --- parts ----------------------------------------------------------------------------------- */

static void put_multipart(struct buf *out, const char *type, const char *boundary, int which) {
    buf_printf(out, "Content-Type: multipart/%s;\r\n boundary=\"=_%s_%d\"\r\n\r\n", type, boundary,
               which);
}

/* before: "\r\n" behind a part, whose last line it ends without being of it (RFC 2046, 5.1.1). */
static void put_border(struct buf *out, const char *before, const char *boundary, int which,
                       const char *end) {
    buf_printf(out, "%s--=_%s_%d%s\r\n", before, boundary, which, end);
}

static void put_html(struct buf *out, const struct mime_mail *m);

static void put_content(struct buf *out, const struct mime_mail *m) {
    if (m->text.ptr && m->html.ptr) {
        put_multipart(out, "alternative", m->boundary, 2);
        put_border(out, "", m->boundary, 2, "");
        put_text(out, "text/plain", m->text);
        put_border(out, "\r\n", m->boundary, 2, "");
        put_html(out, m);
        put_border(out, "\r\n", m->boundary, 2, "--");
    } else if (m->html.ptr) {
        put_html(out, m);
    } else {
        put_text(out, "text/plain", m->text);
    }
}

/* RFC 2231: as it is short, else in pieces, each of a line of its own. */
static void put_file_name(struct buf *out, struct str name) {
    struct buf escaped = { 0 };
    percent_encode(&escaped, name);
    if (escaped.len <= NAME_BYTES) {
        buf_printf(out, ";\r\n filename*=utf-8''%.*s", (int)escaped.len, escaped.ptr);
        buf_fini(&escaped);
        return;
    }
    for (size_t at = 0, i = 0; at < escaped.len; i++) {
        size_t n = escaped.len - at < 48 ? escaped.len - at : 48;
        for (size_t k = 1; k <= 2 && at + n < escaped.len; k++) /* no escape is cut in two */
            if (escaped.ptr[at + n - k] == '%') {
                n -= k;
                break;
            }
        buf_printf(out, ";\r\n filename*%zu*=%s%.*s", i, i ? "" : "utf-8''", (int)n,
                   escaped.ptr + at);
        at += n;
    }
    buf_fini(&escaped);
}

static bool is_simple_name(struct str name) {
    for (size_t i = 0; i < name.len; i++)
        if (!is_alnum(name.ptr[i]) && !strchr(" ._-()", name.ptr[i]))
            return false;
    return is_ascii(name) && name.len <= NAME_BYTES;
}

/* Outlook does not read RFC 2231 and shows "Untitled Attachment" unless the type names the file too, in encoded
 * words, which RFC 2047 does not allow there (MimeKit 186 and 231; everybody does it). */
static void put_type(struct buf *out, const struct mime_attachment *a, bool is_simple) {
    struct str name = str_of(a->file_name);
    buf_printf(out, "Content-Type: %s;\r\n name=\"",
               a->content_type ? a->content_type : "application/octet-stream");
    if (is_simple)
        buf_str(out, name);
    else
        put_encoded(out, name);
    buf_text(out, "\"\r\n");
}

static void put_attachment(struct buf *out, const struct mime_attachment *a) {
    struct str name = str_of(a->file_name);
    bool is_simple = is_simple_name(name);
    put_type(out, a, is_simple);
    buf_text(out, "Content-Transfer-Encoding: base64\r\n");
    if (a->content_id)
        buf_printf(out, "Content-ID: <%s>\r\n", a->content_id);
    buf_printf(out, "Content-Disposition: %s", a->content_id ? "inline" : "attachment");
    if (is_simple)
        buf_printf(out, ";\r\n filename=\"%s\"", a->file_name);
    else
        put_file_name(out, name);
    buf_text(out, "\r\n\r\n");
    put_base64_lines(out, a->bytes);
}

/* Is it shown by the HTML, and so a part of that? Without HTML there is nothing to show it. */
static bool is_shown(const struct mime_mail *m, const struct mime_attachment *a) {
    return m->html.ptr && a->content_id;
}

/* Puts those attachments that are shown by the HTML, or those that are not; how many. */
static size_t put_attachments(struct buf *out, const struct mime_mail *m, bool shown, int border) {
    size_t count = 0;
    for (size_t i = 0; i < m->attachment_count; i++) {
        if (is_shown(m, &m->attachments[i]) != shown)
            continue;
        count++;
        if (!out)
            continue;
        put_border(out, "\r\n", m->boundary, border, "");
        put_attachment(out, &m->attachments[i]);
    }
    return count;
}

/* With what it shows (RFC 2387): Outlook and Apple Mail list pictures beside it as files of their own. */
static void put_html(struct buf *out, const struct mime_mail *m) {
    if (!put_attachments(NULL, m, true, 0)) {
        put_text(out, "text/html", m->html);
        return;
    }
    buf_printf(out,
               "Content-Type: multipart/related; type=\"text/html\";\r\n"
               " boundary=\"=_%s_3\"\r\n\r\n",
               m->boundary);
    put_border(out, "", m->boundary, 3, "");
    put_text(out, "text/html", m->html);
    put_attachments(out, m, true, 3);
    put_border(out, "\r\n", m->boundary, 3, "--");
}

/* --- what may come in ------------------------------------------------------------------------ */

static void check_line(struct ctx *ctx, const char *field, const char *text, size_t chars_max) {
    if (!text)
        return;
    if (!plain_is(str_of(text)))
        ctx_field(ctx, field, "wrong_format",
                  arena_printf(ctx->arena,
                               "The field %s has a line break, a control character or one that "
                               "turns the direction of writing; take it out.",
                               field));
    else if (str_chars(str_of(text)) > chars_max)
        ctx_field_range(
            ctx, field, "too_long", 0, (double)chars_max,
            arena_printf(ctx->arena, "The field %s has at most %zu characters.", field, chars_max));
}

static void check_mailbox(struct ctx *ctx, const char *field, const struct mime_mailbox *m) {
    const char *wrong = mailbox_wrong(str_of(m->address));
    check_line(ctx, field, m->name, MIME_NAME_MAX_CHARS);
    if (wrong)
        ctx_field(ctx, field, "wrong_format", wrong);
}

static bool is_token(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80 ||
            (!is_alnum(s.ptr[i]) && !strchr("!#$&-^_.+", s.ptr[i])))
            return false;
    return s.len > 0 && s.len <= 64;
}

/* "; charset=utf-8; method=REQUEST" */
static bool are_parameters(struct str rest) {
    while (rest.ptr) {
        struct str value, one = str_cut(rest, ';', &rest),
                          name = str_cut(str_trim(one), '=', &value);
        if (value.len > 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = (struct str){ value.ptr + 1, value.len - 2 };
        if (!is_token(name) || !value.ptr || !is_token(value) || str_eq_nocase(name, STR("name")) ||
            str_eq_nocase(name, STR("boundary")))
            return false;
    }
    return true;
}

bool mime_content_type_is_good(const char *text) {
    struct str rest, parameters, type = str_cut(str_of(text), '/', &rest);
    struct str sub = rest.ptr ? str_trim(str_cut(rest, ';', &parameters)) : rest;
    return rest.ptr && strlen(text) <= 200 && is_token(type) && is_token(sub) &&
           are_parameters(parameters) && !str_eq_nocase(type, STR("multipart")) &&
           !str_eq_nocase(type, STR("message"));
}

bool mime_content_id_is_good(const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(text[i]) && !strchr("._@-+", text[i]))
            return false;
    return len > 0 && len <= 128;
}

static void check_attachment(struct ctx *ctx, const struct mime_attachment *a) {
    if (!a->file_name || !a->file_name[0])
        ctx_field(ctx, "attachments", "required", "Each attachment needs a file name.");
    check_line(ctx, "attachments", a->file_name, MIME_FILE_NAME_MAX_CHARS);
    if (a->content_type && !mime_content_type_is_good(a->content_type))
        ctx_field(ctx, "attachments", "wrong_format",
                  "The type of an attachment looks like application/pdf.");
    if (a->content_id && !mime_content_id_is_good(a->content_id))
        ctx_field(ctx, "attachments", "wrong_format",
                  "A content id has letters, digits and . _ @ - + alone.");
}

static void check_header(struct ctx *ctx, const struct mime_header *h) {
    if (!mime_header_is_allowed(h->name))
        ctx_field(ctx, "headers", "unknown",
                  "This header cannot be set; X-..., In-Reply-To, References, List-Unsubscribe, "
                  "List-Unsubscribe-Post, List-Id, Auto-Submitted, Importance and Precedence can.");
    else if (!h->value || !is_ascii(str_of(h->value)) || strlen(h->value) > 900)
        ctx_field(ctx, "headers", "wrong_format",
                  "The value of a header is one line of at most 900 ASCII characters.");
}

static void check_body(struct ctx *ctx, const char *field, struct str body) {
    if (body.ptr && !str_is_utf8(body))
        ctx_field(ctx, field, "wrong_format",
                  arena_printf(ctx->arena, "The field %s must be UTF-8.", field));
}

static void check_count(struct ctx *ctx, const char *field, size_t n, size_t least, size_t most) {
    if (n < least || n > most)
        ctx_field_range(ctx, field, "out_of_range", (double)least, (double)most,
                        arena_printf(ctx->arena, "There may be %zu to %zu %s.", least, most,
                                     strcmp(field, "to") == 0 ? "recipients" : field));
}

static enum err check(struct ctx *ctx, const struct mime_mail *m) {
    check_mailbox(ctx, "from", &m->from);
    check_count(ctx, "to", m->to_count + m->cc_count, 1, MIME_RECIPIENTS_MAX);
    check_count(ctx, "attachments", m->attachment_count, 0, MIME_ATTACHMENTS_MAX);
    check_count(ctx, "headers", m->header_count, 0, MIME_HEADERS_MAX);
    TRY(ctx_fields_ok(ctx)); /* what follows goes through them all */
    for (size_t i = 0; i < m->to_count; i++)
        check_mailbox(ctx, "to", &m->to[i]);
    for (size_t i = 0; i < m->cc_count; i++)
        check_mailbox(ctx, "cc", &m->cc[i]);
    if (m->reply_to.address)
        check_mailbox(ctx, "reply_to", &m->reply_to);
    check_line(ctx, "subject", m->subject, MIME_SUBJECT_MAX_CHARS);
    check_body(ctx, "text", m->text);
    check_body(ctx, "html", m->html);
    if (!m->text.ptr && !m->html.ptr)
        ctx_field(ctx, "text", "required", "A mail needs a text or html.");
    for (size_t i = 0; i < m->attachment_count; i++)
        check_attachment(ctx, &m->attachments[i]);
    for (size_t i = 0; i < m->header_count; i++)
        check_header(ctx, &m->headers[i]);
    return ctx_fields_ok(ctx);
}

/* --- all of it ------------------------------------------------------------------------------- */

static void put_head(struct ctx *ctx, struct buf *out, const struct mime_mail *m) {
    put_date(out, m->date_ms);
    put_mailboxes(ctx, out, "From", &m->from, 1);
    put_mailboxes(ctx, out, "To", m->to, m->to_count);
    put_mailboxes(ctx, out, "Cc", m->cc, m->cc_count);
    put_mailboxes(ctx, out, "Reply-To", &m->reply_to, m->reply_to.address != NULL);
    mime_put_header(out, "Subject", str_of(m->subject ? m->subject : ""));
    buf_printf(out, "Message-ID: <%s>\r\n", m->message_id);
    for (size_t i = 0; i < m->header_count; i++)
        mime_put_header(out, m->headers[i].name, str_of(m->headers[i].value));
    buf_text(out, "MIME-Version: 1.0\r\n");
}

static void put_mail(struct ctx *ctx, struct buf *out, const struct mime_mail *m) {
    put_head(ctx, out, m);
    bool is_mixed = put_attachments(NULL, m, false, 0) > 0;
    if (is_mixed) {
        put_multipart(out, "mixed", m->boundary, 1);
        put_border(out, "", m->boundary, 1, "");
    }
    put_content(out, m);
    put_attachments(out, m, false, 1);
    if (is_mixed)
        put_border(out, "\r\n", m->boundary, 1, "--");
    if (out->len < 2 || memcmp(out->ptr + out->len - 2, "\r\n", 2) != 0)
        buf_text(out, "\r\n");
}

enum err mime_compose_into(struct ctx *ctx, const struct mime_mail *m, struct buf *b,
                           struct str *out) {
    TRY(check(ctx, m));
    size_t bytes = m->text.len + m->html.len;
    for (size_t i = 0; i < m->attachment_count; i++)
        bytes += m->attachments[i].bytes.len / 3 * 4;
    if (bytes <= MIME_MAX_BYTES) {
        buf_reserve(b, bytes + bytes / 32 + 4096); /* in one go: it may be megabytes */
        put_mail(ctx, b, m);
    }
    if (bytes > MIME_MAX_BYTES || b->len > MIME_MAX_BYTES) {
        ctx_field_range(ctx, "attachments", "too_long", 0, MIME_MAX_BYTES,
                        "A mail has at most 25 MiB, with its attachments as they are sent.");
        return ctx_fields_ok(ctx);
    }
    *out = buf_view(b);
    return OK;
}

enum err mime_compose(struct ctx *ctx, const struct mime_mail *m, struct str *out) {
    return mime_compose_into(ctx, m, buf_in(ctx->arena), out);
}
