#include "providers/smtp.h"

#include <string.h>

#include "base/mailbox.h"
#include "providers/outbound.h"

/* --- the account ----------------------------------------------------------------------------- */

/* Of a domain, how we greet: a name that the workspace chose, and nothing of this machine. */
static const char *ehlo_of(struct ctx *ctx, const char *from) {
    const char *ascii = from ? mail_address_ascii(ctx->arena, from) : NULL;
    const char *at = ascii ? strrchr(ascii, '@') : NULL;
    struct outbound_url parts;
    return at && !outbound_host_parse(str_of(at + 1), &parts) && !parts.is_address
               ? arena_strdup(ctx->arena, parts.host)
               : "localhost.localdomain";
}

static bool security_parse(const char *text, enum mail_security *out) {
    *out = MAIL_STARTTLS;
    if (!text || strcmp(text, "starttls") == 0)
        return true;
    *out = strcmp(text, "tls") == 0 ? MAIL_TLS : MAIL_PLAIN;
    return *out == MAIL_TLS || strcmp(text, "none") == 0;
}

enum err smtp_account_of(struct ctx *ctx, const struct dialect_account *from,
                         struct smtp_account *out) {
    *out = (struct smtp_account){ .host = from->host, .port = from->port };
    if (from->host && from->host[0] && from->from && from->port > 0 &&
        security_parse(from->security, &out->security) &&
        !mailbox_split(ctx->arena, str_of(from->from), &out->from_name, &out->from))
        return OK;
    ctx->problem.service = provider_name(PROVIDER_SMTP);
    return ctx_fail(ctx, ERR_NOT_CONNECTED,
                    "No mail server is connected; connect one once under "
                    "Connections.");
}

/* --- what came of it ------------------------------------------------------------------------- */

const char *smtp_queue_id(struct arena *a, const char *said) {
    static const char *const BEFORE[] = {
        "queued as ", "queued mail for delivery id ", "id=", "message-id: ", "queued id ", "ok id "
    };
    for (size_t i = 0; said && i < ARRAY_LEN(BEFORE); i++) {
        const char *at = strcasestr(said, BEFORE[i]);
        size_t len = 0;
        if (!at || (at != said && at[-1] != ' ' && at[-1] != '(' && at[-1] != ':'))
            continue;
        at += strlen(BEFORE[i]);
        while (at[len] > ' ' && at[len] < 0x7f && !strchr("()<>,;", at[len]))
            len++;
        if (len >= 3 && len <= 128)
            return arena_strndup(a, at, len);
    }
    return NULL;
}

static struct smtp_result no_to(const char *address, enum mail_step step,
                                const struct mail_reply *reply) {
    struct smtp_meaning m = smtp_meaning_of(step, reply);
    return (struct smtp_result){ .address = address,
                                 .state = m.again_s ? SMTP_LATER : SMTP_REFUSED,
                                 .code = reply->code,
                                 .enhanced = reply->enhanced,
                                 .about = m.about,
                                 .words = m.words,
                                 .said = reply->text ? reply->text : "",
                                 .again_s = m.again_s };
}

/* What the server lacks for this mail. */
static struct smtp_result lack_of(const char *address, enum mail_lack lack) {
    static const struct {
        enum smtp_about about;
        const char *words;
    } LACKS[] = {
        [MAIL_LACKS_NOTHING] = { SMTP_ABOUT_SERVER, "the server took no recipient" },
        [MAIL_LACKS_STARTTLS] = { SMTP_ABOUT_SERVER, "the server offers no STARTTLS any more" },
        [MAIL_LACKS_AUTH] = { SMTP_ABOUT_SERVER, "the server takes no username and password here" },
        [MAIL_LACKS_UTF8] = { SMTP_ABOUT_SENDER, "the server takes no sender beyond ASCII" },
        [MAIL_LACKS_ROOM] = { SMTP_ABOUT_MESSAGE, "the mail is larger than the server takes" },
    };
    return (struct smtp_result){ .address = address,
                                 .state = SMTP_REFUSED,
                                 .enhanced = "",
                                 .about = LACKS[lack].about,
                                 .words = LACKS[lack].words,
                                 .said = "" };
}

static struct smtp_result result_for(const struct mail_call *call, const struct mail_recipient *r) {
    if (r->reply.code >= 400)
        return no_to(r->address, MAIL_AT_RECIPIENTS, &r->reply);
    if (call->result == CLIENT_DONE)
        return (struct smtp_result){ .address = r->address,
                                     .state = SMTP_ACCEPTED,
                                     .code = call->reply.code,
                                     .enhanced = call->reply.enhanced,
                                     .said = call->reply.text };
    return call->lack ? lack_of(r->address, call->lack)
                      : no_to(r->address, call->step, &call->reply);
}

static void read_outcome(struct ctx *ctx, const struct mail_call *call, struct smtp_outcome *out) {
    *out = (struct smtp_outcome){ .count = call->recipient_count, .said = "" };
    out->results = arena_alloc(ctx->arena, out->count * sizeof *out->results);
    for (size_t i = 0; i < out->count; i++) {
        struct smtp_result *r = &out->results[i];
        *r = result_for(call, &call->recipients[i]);
        out->accepted += r->state == SMTP_ACCEPTED;
        out->again_s = r->again_s > out->again_s ? r->again_s : out->again_s;
    }
    if (call->step >= MAIL_AT_END)
        out->said = call->reply.text;
    if (call->result == CLIENT_DONE)
        out->provider_id = smtp_queue_id(ctx->arena, out->said);
}

/* --- sending --------------------------------------------------------------------------------- */

static struct mail_call *call_of(struct ctx *ctx, const struct smtp_account *account) {
    struct mail_call *call = arena_alloc(ctx->arena, sizeof *call);
    call->host = account->host;
    call->port = account->port;
    call->security = account->security;
    call->ehlo = ehlo_of(ctx, account->from);
    return call;
}

enum err smtp_send(struct ctx *ctx, const struct upstream_credential *c,
                   const struct smtp_account *account, const struct smtp_mail *mail,
                   const struct upstream_watch *watch, struct smtp_outcome *out) {
    struct mail_call *call = call_of(ctx, account);
    struct upstream_request req = {
        .provider = PROVIDER_SMTP, .operation = "mail.send", .credential = c, .watch = watch
    };
    if (!mail->recipient_count || mail->recipient_count > SMTP_RECIPIENTS_MAX ||
        mail->bytes.len > SMTP_MESSAGE_MAX_BYTES)
        return ctx_fail(ctx, ERR_INVALID, "A mail has 1 to %d recipients and at most %d MiB.",
                        SMTP_RECIPIENTS_MAX, SMTP_MESSAGE_MAX_BYTES >> 20);
    call->from = mail->from ? mail->from : account->from;
    call->message = mail->bytes;
    call->recipient_count = mail->recipient_count;
    call->recipients = arena_alloc(ctx->arena, mail->recipient_count * sizeof *call->recipients);
    for (size_t i = 0; i < mail->recipient_count; i++)
        call->recipients[i].address = mail->recipients[i];
    TRY(upstream_mail(ctx, &req, call));
    read_outcome(ctx, call, out);
    return OK;
}

/* --- checking -------------------------------------------------------------------------------- */

static enum err wrong(struct ctx *ctx, const char *field, const char *code, const char *words) {
    ctx_field(ctx, field, code, words);
    return ctx_fail(ctx, ERR_CREDENTIAL_INVALID, "%s", words);
}

static enum err wrong_lack(struct ctx *ctx, const struct smtp_account *account,
                           const struct mail_call *call) {
    if (call->lack == MAIL_LACKS_AUTH)
        return wrong(
            ctx, "username", "not_accepted",
            account->security == MAIL_PLAIN
                ? "The mail server takes no username and password without encryption; "
                  "leave both away, or set security to starttls."
                : "The mail server takes no username and password on this port; leave both "
                  "away, or use its port for sending (usually 587 or 465).");
    return wrong(ctx, "security", "not_accepted",
                 "The mail server offers no STARTTLS on this port. Set security to tls (usually "
                 "port 465), or ask your provider for its port with STARTTLS (usually 587).");
}

static const char *tls_words(const struct smtp_account *account) {
    return account->security == MAIL_TLS
               ? "The certificate of the mail server cannot be verified for this host, or it does "
                 "not speak TLS from the start on this port (then set security to starttls)."
               : "The certificate of the mail server cannot be verified for this host; use the "
                 "name "
                 "that stands in its certificate.";
}

/* What it was that did not work, as a field. e: what upstream_mail said. */
static enum err explain(struct ctx *ctx, const struct smtp_account *account,
                        const struct mail_call *call, enum err e) {
    switch (call->result) {
    case CLIENT_REFUSED:
        if (call->lack)
            return wrong_lack(ctx, account, call);
        if (e == ERR_CREDENTIALS_REJECTED)
            return wrong(ctx, call->reply.code == 530 ? "username" : "password", "not_accepted",
                         "The mail server did not accept this username and password.");
        return e != OK
                   ? e
                   : wrong(ctx, "host", "not_accepted",
                           arena_printf(ctx->arena, "The mail server refuses to talk to us: %s.",
                                        smtp_meaning_of(call->step, &call->reply).words));
    case CLIENT_UNREACHED:
        return wrong(ctx, "host", "unreachable",
                     "Nobody answers at this host and port; check both.");
    case CLIENT_TLS:
        return wrong(ctx, account->security == MAIL_TLS ? "security" : "host", "not_verified",
                     tls_words(account));
    case CLIENT_GARBLED:
    case CLIENT_TIMEOUT:
    case CLIENT_BROKEN:
        return wrong(ctx, "port", "unreachable",
                     "What answers at this port does not speak SMTP the way security says; 587 is "
                     "usual for starttls, 465 for tls.");
    default:
        return e;
    }
}

enum err smtp_check(struct ctx *ctx, const struct upstream_credential *c,
                    const struct smtp_account *account, const char **message) {
    struct mail_call *call = call_of(ctx, account);
    struct upstream_request req = {
        .provider = PROVIDER_SMTP, .operation = "mail.check", .credential = c, .attempt_ms = 8000
    };
    enum err e = upstream_mail(ctx, &req, call);
    if (e == ERR_PROVIDER_REJECTED) /* where the host leads */
        return wrong(ctx, "host", "not_allowed", ctx->problem.detail);
    if (e == OK && call->result == CLIENT_DONE) {
        *message = "Works - the mail server takes mail from Ava";
        return OK;
    }
    return explain(ctx, account, call, e);
}
