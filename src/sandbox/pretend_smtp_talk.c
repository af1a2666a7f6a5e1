#include "sandbox/pretend_smtp_talk.h"

#include <string.h>

#include "base/encode.h"
#include "base/memory.h"
#include "sandbox/pretend.h"

static enum smtp_talk_then say(struct buf *out, const char *text) {
    buf_text(out, text);
    buf_text(out, "\r\n");
    return SMTP_TALK_ON;
}

void smtp_talk_begin(struct smtp_talk *t, struct smtp_talk_world *w, struct buf *out) {
    *t = (struct smtp_talk){ .world = w };
    say(out, "220 sandbox.example ESMTP pretends");
}

void smtp_talk_end(struct smtp_talk *t) {
    buf_fini(&t->in);
    buf_fini(&t->message);
}

/* --- who it is -------------------------------------------------------------------------------- */

static enum smtp_talk_then judge_password(struct smtp_talk *t, struct str password,
                                          struct buf *out) {
    t->awaits = 0;
    str_copy(t->last4, sizeof t->last4, pretend_last4(password));
    return say(out, pretend_refuses(password) ? "535 5.7.8 Username and password not accepted"
                                              : "235 2.7.0 Authentication successful");
}

/* The last of the parts that NUL bytes divide. */
static struct str behind_nul(struct str s) {
    for (size_t i = s.len; i-- > 0;)
        if (!s.ptr[i])
            return (struct str){ s.ptr + i + 1, s.len - i - 1 };
    return s;
}

static enum smtp_talk_then take_secret(struct smtp_talk *t, struct str line, struct buf *out) {
    struct arena *a = arena_new(1 << 16);
    enum smtp_talk_then then = SMTP_TALK_ON;
    struct str text;
    if (!base64_decode(a, line, &text)) {
        t->awaits = 0;
        say(out, "501 5.5.2 That is no base64");
    } else if (t->awaits == 1) {
        t->awaits = 2;
        say(out, "334 UGFzc3dvcmQ6");
    } else {
        then = judge_password(t, t->awaits == 3 ? behind_nul(text) : text, out);
    }
    arena_free(a);
    return then;
}

static enum smtp_talk_then on_auth(struct smtp_talk *t, struct str rest, struct buf *out) {
    struct str first, way = str_cut(rest, ' ', &first);
    bool is_plain = str_eq_nocase(way, STR("PLAIN"));
    if (!is_plain && !str_eq_nocase(way, STR("LOGIN")))
        return say(out, "504 5.5.4 PLAIN or LOGIN");
    t->awaits = is_plain ? 3 : 1;
    if (first.len)
        return take_secret(t, first, out);
    return say(out, is_plain ? "334 " : "334 VXNlcm5hbWU6");
}

/* --- the mail --------------------------------------------------------------------------------- */

/* What stands between < and >; false: nothing. */
static bool path_of(struct str rest, char out[SMTP_TALK_ADDRESS_BYTES]) {
    struct str behind, path;
    str_cut(rest, '<', &behind);
    path = str_cut(behind, '>', &rest);
    return behind.ptr && rest.ptr && str_copy(out, SMTP_TALK_ADDRESS_BYTES, path);
}

static bool is_to(const char *address, const char *local) {
    size_t len = strlen(local);
    return strncasecmp(address, local, len) == 0 && (address[len] == '@' || address[len] == '+');
}

static uint64_t hash_of(const char *from, const char *to) {
    uint64_t h = 1469598103934665603u;
    for (const char *c = from; *c; c++)
        h = (h ^ (unsigned char)*c) * 1099511628211u;
    for (const char *c = to; *c; c++)
        h = (h ^ (unsigned char)*c) * 1099511628211u;
    return h;
}

/* The first time from this sender. */
static bool is_new_to(struct smtp_talk_world *w, const char *from, const char *to) {
    uint64_t h = hash_of(from, to);
    for (size_t i = 0; i < w->greyed_count; i++)
        if (w->greyed[i] == h)
            return false;
    if (w->greyed_count < SMTP_TALK_GREY_MAX)
        w->greyed[w->greyed_count++] = h;
    return true;
}

static void note_recipient(struct smtp_talk *t, const char *address, const char *answer) {
    int64_t seq =
        ledger_open(t->world->ledger, "smtp", "RCPT", str_of(address), str_of(t->last4), STR(""));
    ledger_close(t->world->ledger, seq,
                 (answer[0] - '0') * 100 + (answer[1] - '0') * 10 + answer[2] - '0');
}

static enum smtp_talk_then on_recipient(struct smtp_talk *t, struct str rest, struct buf *out) {
    char *to = t->to[t->to_count];
    if (!t->has_from)
        return say(out, "503 5.5.1 MAIL first");
    if (t->to_count == SMTP_TALK_RECIPIENTS_MAX - 1)
        return say(out, "452 4.5.3 Too many recipients");
    if (!path_of(rest, to))
        return say(out, "501 5.1.3 Bad address syntax");
    const char *answer = "250 2.1.5 Ok";
    if (is_to(to, "bounce"))
        answer = "550 5.1.1 The address does not exist here";
    else if (is_to(to, "full"))
        answer = "452 4.2.2 The mailbox is full";
    else if (is_to(to, "grey") && is_new_to(t->world, t->from, to))
        answer = "451 4.7.1 Greylisted, please try again";
    else
        t->to_count++;
    note_recipient(t, to, answer);
    return say(out, answer);
}

static enum smtp_talk_then on_sender(struct smtp_talk *t, struct str rest, struct buf *out) {
    if (t->has_from)
        return say(out, "503 5.5.1 One mail at a time");
    if (!path_of(rest, t->from))
        return say(out, "501 5.1.7 Bad address syntax");
    t->has_from = true;
    t->to_count = 0;
    return say(out, "250 2.1.0 Ok");
}

static void forget_mail(struct smtp_talk *t) {
    t->has_from = t->in_message = false;
    t->to_count = 0;
    buf_fini(&t->message);
}

static bool has_to(const struct smtp_talk *t, const char *local) {
    for (size_t i = 0; i < t->to_count; i++)
        if (is_to(t->to[i], local))
            return true;
    return false;
}

/* The answer to a whole mail that meets this fault; *status: its code. */
static enum smtp_talk_then meet(const struct fault *f, const char *id, int *status,
                                struct buf *out) {
    switch (f->kind) {
    case FAULT_HANG:
        return SMTP_TALK_HANG;
    case FAULT_RESET:
    case FAULT_CUT:
        return SMTP_TALK_RESET;
    case FAULT_STATUS:
        *status = f->status;
        buf_printf(out, "%d %d.3.0 A fault of the sandbox\r\n", *status, *status / 100);
        return SMTP_TALK_ON;
    case FAULT_TRUNCATED:
        buf_text(out, "250-2.0.0 Ok: que");
        return SMTP_TALK_CLOSE;
    case FAULT_MALFORMED:
    case FAULT_HUGE:
        return say(out, "<html>what is a mail?</html>");
    default:
        buf_printf(out, "250 2.0.0 Ok: queued as %s\r\n", id);
        return SMTP_TALK_ON;
    }
}

/* The mail is whole: it is kept, unless it is spam or a fault comes before, and answered. */
static enum smtp_talk_then on_whole(struct smtp_talk *t, struct buf *out) {
    struct smtp_talk_world *w = t->world;
    struct fault f = faults_take(w->faults, "smtp", str_of(t->last4), "DATA", STR("/"));
    int64_t seq =
        ledger_open(w->ledger, "smtp", "DATA", str_of(t->from), str_of(t->last4), STR(""));
    enum smtp_talk_then then;
    struct arena *a = arena_new(4096);
    const char *id = arena_printf(a, "PRETEND%06lld", (long long)++w->mails);
    int status = 250;
    bool is_late = f.kind == FAULT_LATENCY || f.kind == FAULT_CUT, is_spam = has_to(t, "spam");
    t->wait_ms = is_late ? f.latency_ms : 0;
    if (!is_spam && (f.kind == FAULT_NONE || is_late))
        w->taken(w->arg, t->from, (const char(*)[SMTP_TALK_ADDRESS_BYTES])t->to, t->to_count,
                 buf_view(&t->message), id);
    if (is_spam && (f.kind == FAULT_NONE || f.kind == FAULT_LATENCY)) {
        status = 550;
        then = say(out, "550 5.7.1 This looks like spam");
    } else if (f.kind == FAULT_NONE && has_to(t, "lost")) {
        then = SMTP_TALK_RESET;
    } else {
        then = meet(&f, id, &status, out);
    }
    ledger_close(w->ledger, seq, then == SMTP_TALK_ON ? status : LEDGER_NO_STATUS);
    arena_free(a);
    forget_mail(t);
    return then;
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool is_command(struct str line, const char *name, struct str *rest) {
    struct str word = str_of(name);
    if (line.len < word.len || !str_eq_nocase((struct str){ line.ptr, word.len }, word))
        return false;
    *rest = str_trim((struct str){ line.ptr + word.len, line.len - word.len });
    return true;
}

static enum smtp_talk_then on_command(struct smtp_talk *t, struct str line, struct buf *out) {
    struct str rest;
    if (t->awaits)
        return take_secret(t, line, out);
    if (is_command(line, "EHLO", &rest))
        return say(out, "250-sandbox.example\r\n250-SIZE 31457280\r\n250-8BITMIME\r\n"
                        "250-AUTH PLAIN LOGIN\r\n250 SMTPUTF8");
    if (is_command(line, "HELO", &rest))
        return say(out, "250 sandbox.example");
    if (is_command(line, "AUTH", &rest))
        return on_auth(t, rest, out);
    if (is_command(line, "MAIL FROM:", &rest))
        return on_sender(t, rest, out);
    if (is_command(line, "RCPT TO:", &rest))
        return on_recipient(t, rest, out);
    if (is_command(line, "DATA", &rest)) {
        t->in_message = t->to_count > 0;
        return say(out, t->in_message ? "354 End with a dot" : "503 5.5.1 RCPT first");
    }
    if (is_command(line, "RSET", &rest)) {
        forget_mail(t);
        return say(out, "250 2.0.0 Ok");
    }
    if (is_command(line, "NOOP", &rest))
        return say(out, "250 2.0.0 Ok");
    if (!is_command(line, "QUIT", &rest))
        return say(out, "502 5.5.2 Not known here");
    say(out, "221 2.0.0 Bye");
    return SMTP_TALK_CLOSE;
}

static enum smtp_talk_then on_line(struct smtp_talk *t, struct str line, struct buf *out) {
    if (!t->in_message)
        return on_command(t, line, out);
    if (str_is(line, "."))
        return on_whole(t, out);
    if (line.len && line.ptr[0] == '.')
        line = (struct str){ line.ptr + 1, line.len - 1 };
    buf_str(&t->message, line);
    buf_text(&t->message, "\r\n");
    return SMTP_TALK_ON;
}

enum smtp_talk_then smtp_talk_feed(struct smtp_talk *t, struct str bytes, struct buf *out) {
    enum smtp_talk_then then = SMTP_TALK_ON;
    size_t used = 0;
    buf_str(&t->in, bytes);
    while (then == SMTP_TALK_ON) {
        struct str all = { t->in.ptr + used, t->in.len - used };
        ptrdiff_t end = all.len ? str_find(all, STR("\r\n")) : -1;
        if (end < 0)
            break;
        used += (size_t)end + 2;
        then = on_line(t, (struct str){ all.ptr, (size_t)end }, out);
    }
    buf_drop(&t->in, used);
    if (t->in.len > SMTP_TALK_LINE_MAX || t->message.len > SMTP_TALK_MAIL_MAX_BYTES)
        then = SMTP_TALK_RESET;
    return then;
}
