#include "net/mail.h"

#include <idn2.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "net/client_line.h"
#include "net/loop.h"

enum {
    SEND_BYTES = 16 << 10,
    LAST_WORDS_MS = 1000, /* for why a server hung up in the middle of a message */
    STOOD_MS = 1000,
};

struct dialogue {
    struct mail_call *call;
    struct client_line *line;
    struct str ehlo; /* what the server offers, as it said so */
    struct buf in;   /* said, and not read yet */
    int64_t until_ms;
    bool has_utf8, has_8bit;
    char piece[CLIENT_LINE_PIECE_BYTES];
};

/* --- one command and its reply --------------------------------------------------------------- */

static bool end_with(struct dialogue *d, enum client_result result) {
    d->call->result = result;
    return false;
}

/* Waits for one whole reply. False: the dialogue is over, and call->result says why. */
static bool hear(struct dialogue *d, int64_t until_ms, struct mail_reply *out) {
    size_t len = 0;
    enum mail_cut cut;
    while ((cut = mail_reply_cut(buf_view(&d->in), &len)) == MAIL_CUT_SHORT) {
        enum client_result r = client_line_hear(d->line, d->piece, until_ms, &len);
        if (r != CLIENT_DONE)
            return end_with(d, r);
        buf_put(&d->in, d->piece, len);
    }
    if (cut == MAIL_CUT_GARBLED)
        return end_with(d, CLIENT_GARBLED);
    mail_reply_read(d->call->arena, (struct str){ d->in.ptr, len }, out);
    buf_drop(&d->in, len);
    return true;
}

/* Who says more than was asked for would be a reply ahead from then on. Only that it goes away may be
 * said unasked. */
static bool is_in_step(struct dialogue *d, struct mail_reply *out, bool *was_told) {
    *was_told = false;
    if (!d->in.len)
        return true;
    if (!hear(d, d->until_ms, out))
        return false;
    *was_told = out->code == 421;
    return *was_told || end_with(d, CLIENT_GARBLED);
}

static bool ask(struct dialogue *d, struct str line, struct mail_reply *out) {
    bool was_told;
    *out = (struct mail_reply){ .code = 0 };
    if (!is_in_step(d, out, &was_told))
        return false;
    if (was_told)
        return true;
    enum client_result r = client_line_say(d->line, line, d->until_ms);
    if (r == CLIENT_TIMEOUT)
        return end_with(d, r);
    /* What it said before it hung up, if it did, is there to be read. */
    return hear(d, d->until_ms, out);
}

/* The reply ends the dialogue when it says no, and when it says what no server may say here. */
static bool is_good(struct dialogue *d, const struct mail_reply *reply, int wanted) {
    d->call->reply = *reply;
    if (reply->code / 100 == wanted)
        return true;
    return end_with(d, reply->code >= 400 ? CLIENT_REFUSED : CLIENT_GARBLED);
}

/* --- who we are ------------------------------------------------------------------------------ */

static bool lacks(struct dialogue *d, enum mail_lack what) {
    d->call->lack = what;
    return end_with(d, CLIENT_REFUSED);
}

/* Says before, and bytes in base64 behind it; nothing of them is left here. */
static bool ask_secretly(struct dialogue *d, const char *before, struct str bytes,
                         struct mail_reply *out) {
    struct buf line = { 0 };
    char *text = base64_encode(d->call->arena, bytes.ptr, bytes.len);
    buf_reserve(&line, strlen(before) + strlen(text) + 3); /* so that it is not moved about */
    buf_text(&line, before);
    buf_text(&line, text);
    buf_text(&line, "\r\n");
    bool is_heard = ask(d, buf_view(&line), out);
    explicit_bzero(text, strlen(text));
    buf_wipe(&line);
    return is_heard;
}

static bool auth_plain(struct dialogue *d, struct mail_reply *reply) {
    const struct mail_call *call = d->call;
    struct buf pair = { 0 };
    buf_reserve(&pair, call->username.len + call->password.len + 3);
    buf_char(&pair, 0);
    buf_str(&pair, call->username);
    buf_char(&pair, 0);
    buf_str(&pair, call->password);
    bool is_heard = ask_secretly(d, "AUTH PLAIN ", buf_view(&pair), reply);
    buf_wipe(&pair);
    return is_heard && is_good(d, reply, 2);
}

static bool auth_login(struct dialogue *d, struct mail_reply *reply) {
    return ask(d, STR("AUTH LOGIN\r\n"), reply) && is_good(d, reply, 3) &&
           ask_secretly(d, "", d->call->username, reply) && is_good(d, reply, 3) &&
           ask_secretly(d, "", d->call->password, reply) && is_good(d, reply, 2);
}

static bool identify(struct dialogue *d) {
    struct mail_reply reply;
    struct str ways;
    if (!d->call->username.ptr)
        return true;
    d->call->step = MAIL_AT_AUTH;
    if (!mail_reply_offers(d->ehlo, "AUTH", &ways))
        return lacks(d, MAIL_LACKS_AUTH);
    if (mail_reply_lists(ways, "PLAIN"))
        return auth_plain(d, &reply);
    return mail_reply_lists(ways, "LOGIN") ? auth_login(d, &reply) : lacks(d, MAIL_LACKS_AUTH);
}

/* --- from whom, to whom ---------------------------------------------------------------------- */

static bool is_ascii(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

const char *mail_address_ascii(struct arena *a, const char *address) {
    const char *at = strrchr(address, '@');
    uint8_t *host = NULL;
    if (!at || is_ascii(at))
        return at ? address : NULL;
    int rc;
    for (int tries = 0; (rc = idn2_lookup_u8((const uint8_t *)at + 1, &host,
                                             IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL)) == IDN2_MALLOC;
         tries++)
        memory_make_room(tries);
    if (rc != IDN2_OK)
        return NULL;
    const char *whole = arena_printf(a, "%.*s@%s", (int)(at - address), address, (char *)host);
    idn2_free(host);
    return whole;
}

/* As it stands between < and >; NULL: it cannot. What is wrong with an address is said above; here it is
 * only that no byte of it can end the command. */
static const char *path_of(struct dialogue *d, const char *address) {
    const char *ascii = mail_address_ascii(d->call->arena, address);
    const char *path = ascii ? ascii : address;
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '<' || *c == '>')
            return NULL;
    return path;
}

static struct mail_reply no_address(int code, const char *enhanced, const char *text) {
    struct mail_reply r = { .code = code, .text = text };
    str_copy(r.enhanced, sizeof r.enhanced, str_of(enhanced));
    return r;
}

static bool needs_utf8(struct dialogue *d) {
    const char *path = path_of(d, d->call->from);
    bool needs = path && !is_ascii(path);
    for (size_t i = 0; i < d->call->recipient_count; i++) {
        path = path_of(d, d->call->recipients[i].address);
        needs = needs || (path && !is_ascii(path));
    }
    return needs;
}

static bool has_high_bytes(struct str s) {
    size_t i = 0;
    for (uint64_t eight; i + sizeof eight <= s.len; i += sizeof eight) { /* it may be megabytes */
        memcpy(&eight, s.ptr + i, sizeof eight);
        if (eight & 0x8080808080808080u)
            return true;
    }
    for (; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return true;
    return false;
}

static bool give_sender(struct dialogue *d) {
    struct mail_call *call = d->call;
    const char *from = path_of(d, call->from);
    struct mail_reply reply;
    struct str size;
    int64_t room = 0;
    call->step = MAIL_AT_SENDER;
    if (!from) {
        call->reply = no_address(553, "5.1.7", "This is not an address of a sender.");
        return end_with(d, CLIENT_REFUSED);
    }
    if (!is_ascii(from) && !d->has_utf8)
        return lacks(d, MAIL_LACKS_UTF8);
    bool tells_size = mail_reply_offers(d->ehlo, "SIZE", &size);
    if (tells_size && str_to_i64(size, 1, INT64_MAX, &room) && (uint64_t)room < call->message.len)
        return lacks(d, MAIL_LACKS_ROOM);
    struct buf line = { 0 };
    buf_printf(&line, "MAIL FROM:<%s>", from);
    if (tells_size)
        buf_printf(&line, " SIZE=%zu", call->message.len);
    if (d->has_8bit && has_high_bytes(call->message))
        buf_text(&line, " BODY=8BITMIME");
    if (d->has_utf8 && needs_utf8(d))
        buf_text(&line, " SMTPUTF8");
    buf_text(&line, "\r\n");
    bool is_heard = ask(d, buf_view(&line), &reply);
    buf_fini(&line);
    return is_heard && is_good(d, &reply, 2);
}

/* One recipient; false only when the dialogue is over. */
static bool give_recipient(struct dialogue *d, struct mail_recipient *r) {
    const char *path = path_of(d, r->address);
    if (!path) {
        r->reply = no_address(553, "5.1.3", "This is not an address of a recipient.");
        return true;
    }
    if (!is_ascii(path) && !d->has_utf8) {
        r->reply = no_address(553, "5.6.7", "The server takes no addresses beyond ASCII.");
        return true;
    }
    if (!ask(d, str_of(arena_printf(d->call->arena, "RCPT TO:<%s>\r\n", path)), &r->reply))
        return false;
    if (r->reply.code == 421) {
        d->call->reply = r->reply;
        return end_with(d, CLIENT_REFUSED);
    }
    if (r->reply.code < 400 && r->reply.code / 100 != 2)
        return end_with(d, CLIENT_GARBLED);
    d->call->accepted += r->reply.code / 100 == 2;
    return true;
}

static bool give_recipients(struct dialogue *d) {
    struct mail_call *call = d->call;
    call->step = MAIL_AT_RECIPIENTS;
    for (size_t i = 0; i < call->recipient_count; i++)
        if (!give_recipient(d, &call->recipients[i]))
            return false;
    return call->accepted || end_with(d, CLIENT_REFUSED);
}

/* --- the message ----------------------------------------------------------------------------- */

/* Puts the bytes from *at on into out, up to about SEND_BYTES: each line end as CRLF, whatever it was (else
 * two servers could read a lone CR or LF differently, and one of them find a second mail behind it), and one
 * more dot before a dot that begins a line. */
static void put_lines(struct str message, size_t *at, bool *begins, struct buf *out) {
    for (; *at < message.len && out->len < SEND_BYTES; (*at)++) {
        char c = message.ptr[*at];
        if (c == '\r' && *at + 1 < message.len && message.ptr[*at + 1] == '\n')
            continue;
        if (c == '\r' || c == '\n') {
            buf_put(out, "\r\n", 2);
            *begins = true;
            continue;
        }
        if (c == '.' && *begins)
            buf_char(out, '.');
        buf_char(out, c);
        *begins = false;
    }
}

/* The server hung up in the middle, or takes no more: maybe it said why. */
static bool hear_why(struct dialogue *d) {
    enum client_result why = d->call->result;
    struct mail_reply reply;
    int64_t until_ms = ava_now_ms() + LAST_WORDS_MS;
    if (!hear(d, until_ms < d->until_ms ? until_ms : d->until_ms, &reply) || reply.code < 400)
        return end_with(d, why);
    d->call->reply = reply;
    return end_with(d, CLIENT_REFUSED);
}

static bool give_message(struct dialogue *d) {
    struct mail_call *call = d->call;
    struct buf out = { 0 };
    size_t at = 0;
    bool begins = true;
    enum client_result r = CLIENT_DONE;
    call->step = MAIL_AT_MESSAGE;
    while (at < call->message.len && r == CLIENT_DONE) {
        buf_clear(&out);
        put_lines(call->message, &at, &begins, &out);
        r = client_line_say(d->line, buf_view(&out), d->until_ms);
    }
    if (r == CLIENT_DONE && !begins)
        r = client_line_say(d->line, STR("\r\n"), d->until_ms);
    buf_fini(&out);
    call->result = r;
    return r == CLIENT_DONE || hear_why(d);
}

/* From its first byte on nobody knows, until the server says. */
static bool give_end(struct dialogue *d) {
    struct mail_reply reply;
    d->call->step = MAIL_AT_END;
    enum client_result r = client_line_say(d->line, STR(".\r\n"), d->until_ms);
    if (r == CLIENT_TIMEOUT)
        return end_with(d, r);
    return hear(d, d->until_ms, &reply) && is_good(d, &reply, 2);
}

static bool begin_message(struct dialogue *d) {
    struct mail_reply reply;
    d->call->step = MAIL_AT_DATA;
    return ask(d, STR("DATA\r\n"), &reply) && is_good(d, &reply, 3);
}

/* --- all of it ------------------------------------------------------------------------------- */

/* It ended before a command of ours: what was heard until then says why, if anything does. */
static void explain_opening(struct mail_call *call, struct str said) {
    struct str last = mail_reply_last(said), none;
    if (!last.len)
        return;
    mail_reply_read(call->arena, last, &call->reply);
    if (call->result == CLIENT_BROKEN && call->reply.code >= 400)
        call->result = CLIENT_REFUSED; /* it said no and hung up; curl had tried on, with HELO */
    if (call->result == CLIENT_REFUSED && call->reply.code < 400)
        call->lack = call->security == MAIL_STARTTLS && !mail_reply_offers(last, "STARTTLS", &none)
                         ? MAIL_LACKS_STARTTLS
                         : MAIL_LACKS_NOTHING;
    if (call->result == CLIENT_REFUSED && call->reply.code < 400 && !call->lack)
        call->result = CLIENT_GARBLED;
}

static const char *url_of(const struct mail_call *call) {
    bool is_v6 = strchr(call->host, ':') != NULL;
    return arena_printf(call->arena, "%s://%s%s%s:%d/%s",
                        call->security == MAIL_TLS ? "smtps" : "smtp", is_v6 ? "[" : "", call->host,
                        is_v6 ? "]" : "", call->port, call->ehlo);
}

static struct client_line *open_line(struct client *c, struct mail_call *call, struct str *said) {
    struct client_call *opening = arena_alloc(call->arena, sizeof *opening);
    *opening = (struct client_call){ .method = "",
                                     .url = url_of(call),
                                     .timeout_ms = call->timeout_ms,
                                     .first_byte_ms = call->timeout_ms,
                                     .connect_ms = call->connect_ms,
                                     .knock_ms = call->knock_ms,
                                     .only = call->only,
                                     .fresh = true,
                                     .arena = call->arena };
    struct client_line *line = client_line_open(c, opening, call->security == MAIL_STARTTLS, said);
    call->result = opening->result;
    call->was_refused = opening->was_refused;
    call->was_late = opening->was_late;
    if (!line)
        explain_opening(call, *said);
    return line;
}

static void converse(struct dialogue *d) {
    struct mail_call *call = d->call;
    struct str none;
    d->has_utf8 = mail_reply_offers(d->ehlo, "SMTPUTF8", &none);
    d->has_8bit = mail_reply_offers(d->ehlo, "8BITMIME", &none);
    mail_reply_read(call->arena, d->ehlo, &call->reply);
    bool is_over =
        identify(d) && (!call->from || (give_sender(d) && give_recipients(d) && begin_message(d) &&
                                        give_message(d) && give_end(d)));
    if (is_over) {
        call->step = MAIL_AT_REST;
        call->result = CLIENT_DONE;
    }
    if (call->result == CLIENT_DONE || call->result == CLIENT_REFUSED)
        client_line_say(d->line, STR("QUIT\r\n"), ava_now_ms()); /* nobody waits for the answer */
}

void mail_deliver(struct client *c, struct mail_call *call) {
    struct dialogue *d = arena_alloc(call->arena, sizeof *d);
    int64_t began_us = ava_now_us();
    struct str said;
    call->step = MAIL_AT_GREETING;
    call->lack = MAIL_LACKS_NOTHING;
    call->reply = (struct mail_reply){ .code = 0 };
    call->accepted = 0;
    for (size_t i = 0; i < call->recipient_count; i++)
        call->recipients[i].reply = call->reply;
    *d = (struct dialogue){ .call = call, .until_ms = began_us / 1000 + call->timeout_ms };
    d->line = open_line(c, call, &said);
    if (d->line) {
        d->ehlo = mail_reply_last(said);
        converse(d);
        client_line_close(d->line);
        buf_fini(&d->in);
        call->was_late = call->was_late || loop_has_stood(loop_self(), STOOD_MS);
    }
    call->took_us = ava_now_us() - began_us;
}

bool mail_is_unknown(const struct mail_call *call) {
    return call->step == MAIL_AT_END && call->result != CLIENT_REFUSED;
}
