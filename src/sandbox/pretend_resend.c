/* A pretend Resend: GET /domains, POST and GET /emails, GET /emails/{id}, POST and
 * GET /webhooks, GET and PATCH /webhooks/{id}. Of an
 * attachment its size and hash are kept.
 *
 * A mail is sent after half a second and delivered after two, by the clock, and each webhook of the account is
 * told, signed. What else becomes of it says the name before the @ of each recipient, as with Resend's own
 * test addresses: bounced, complained, suppressed; further full (comes back for now), policy (refused because
 * of the sender) and delayed. A key that holds "sending" may send and nothing else; one that holds "quota" has
 * used up its day. From a domain that begins with "unverified" nothing is sent. */
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/mailbox.h"
#include "crypto/hash.h"
#include "sandbox/courier.h"
#include "sandbox/pretend.h"

enum {
    SENT_AFTER_MS = 500,
    DONE_AFTER_MS = 2000,
    TOLD_AFTER_MS = 3000,
    TRIES = 6,
    MAILS_MAX = 20000
};

/* --- its words ------------------------------------------------------------------------------- */

static void fail(struct http_reply *reply, int status, const char *name, const char *message) {
    pretend_reply_new(
        reply, status,
        json_pack("{s:i, s:s, s:s}", "statusCode", status, "name", name, "message", message));
}

static void refuse(int status, struct http_reply *reply) {
    if (status == 429)
        fail(reply, status, "rate_limit_exceeded",
             "Too many requests. Please limit the number of requests per second.");
    else if (status >= 500)
        fail(reply, status, "application_error", "An unexpected error occurred.");
    else if (status == 401)
        fail(reply, status, "missing_api_key", "Missing API key in the authorization header.");
    else if (status == 403)
        fail(reply, status, "invalid_api_key", "API key is invalid.");
    else if (status == 404)
        fail(reply, status, "not_found", "The requested resource was not found.");
    else
        fail(reply, status, "validation_error",
             "We found an error with one or more fields in the request.");
}

static json_t *id_new(void) {
    unsigned char b[16];
    ava_rand(b, sizeof b);
    return json_sprintf("%02x%02x%02x%02x-%02x%02x-4%01x%02x-8%01x%02x-%02x%02x%02x%02x%02x%02x",
                        b[0], b[1], b[2], b[3], b[4], b[5], b[6] & 15, b[7], b[8] & 15, b[9], b[10],
                        b[11], b[12], b[13], b[14], b[15]);
}

static json_t *time_text(int64_t ms) {
    char text[32];
    clock_rfc3339(ms, text);
    return json_string(text);
}

/* --- who asks -------------------------------------------------------------------------------- */

static struct str credential(const struct http_req *req) {
    struct str value = http_field(req, "Authorization");
    if (value.len < 7 || !str_eq_nocase((struct str){ value.ptr, 7 }, STR("Bearer ")))
        return (struct str){ NULL, 0 };
    return str_trim((struct str){ value.ptr + 7, value.len - 7 });
}

static json_t *make_account(struct str key, const unsigned char hash[32]) {
    return json_pack("{s:{}, s:{}, s:[]}", "emails", "keys", "webhooks");
}

struct visit {
    struct pretend_world *world;
    json_t *account;
    struct str key;
    const struct http_req *req;
    struct http_reply *reply;
};

/* --- telling --------------------------------------------------------------------------------- */

/* One of them happened to a mail: each webhook of the account is told. */
struct happening {
    const char *type;
    const char *recipient;
    int64_t at_ms;
    json_t *more; /* "bounce": ...; NULL: nothing */
};

static json_t *event_of(const json_t *mail, const struct happening *h) {
    json_t *data = json_pack("{s:O, s:O, s:O, s:[s], s:O}", "email_id", json_object_get(mail, "id"),
                             "created_at", json_object_get(mail, "created_at"), "from",
                             json_object_get(mail, "from"), "to", h->recipient, "subject",
                             json_object_get(mail, "subject"));
    const json_t *tags = json_object_get(mail, "tags"), *tag;
    json_t *named = json_object();
    size_t i;
    json_array_foreach(tags, i, tag)
        json_object_set(named, json_text(tag, "name"), json_object_get(tag, "value"));
    json_object_set_new(data, "tags", named);
    if (h->more)
        json_object_update(data, h->more);
    return json_pack("{s:s, s:o, s:o}", "type", h->type, "created_at", time_text(h->at_ms), "data",
                     data);
}

/* Not what the webhook did not ask for. */
static void happen(json_t *record, const struct happening *h) {
    const json_t *asked = json_object_get(record, "events"), *one;
    bool is_asked = !asked;
    size_t i;
    json_array_foreach(asked, i, one) {
        is_asked |= json_is_string(one) && strcmp(json_string_value(one), h->type) == 0;
    }
    if (!is_asked) {
        json_decref(h->more);
        return;
    }
    json_t *step = json_pack("{s:I, s:o}", "at", (json_int_t)h->at_ms, "params",
                             event_of(json_object_get(record, "mail"), h));
    json_array_append_new(json_object_get(record, "steps"), step);
    json_decref(h->more);
}

static json_t *bounce(const char *type, const char *sub, const char *said) {
    return json_pack("{s:{s:s, s:s, s:s, s:[s]}}", "bounce", "type", type, "subType", sub,
                     "message", "The recipient's mail server rejected it.", "diagnosticCode", said);
}

static bool is_for(struct str address, const char *name) {
    struct str rest, local = str_cut(address, '@', &rest), tag;
    return str_is(str_cut(local, '+', &tag), name);
}

/* What becomes of it at one of those it goes to. */
static void plan(json_t *record, const char *recipient, int64_t now_ms) {
    struct str address;
    struct happening h = { .type = "email.delivered",
                           .recipient = recipient,
                           .at_ms = now_ms + DONE_AFTER_MS };
    mailbox_find(str_of(recipient), &address);
    if (is_for(address, "bounced")) {
        h.type = "email.bounced";
        h.more = bounce("Permanent", "General", "smtp; 550 5.1.1 user unknown");
    } else if (is_for(address, "full")) {
        h.type = "email.bounced";
        h.more = bounce("Transient", "MailboxFull", "smtp; 452 4.2.2 mailbox full");
    } else if (is_for(address, "policy")) {
        h.type = "email.bounced";
        h.more = bounce("Permanent", "General",
                        "smtp; 550 5.7.1 your host is not allowed to send for this domain");
    } else if (is_for(address, "suppressed")) {
        h.type = "email.suppressed";
        h.more = json_pack("{s:{s:s}}", "suppressed", "message", "It is on the suppression list.");
    } else if (is_for(address, "delayed")) {
        h.type = "email.delivery_delayed";
    }
    happen(record, &h);
    if (is_for(address, "complained"))
        happen(record,
               &(struct happening){ "email.complained", recipient, now_ms + TOLD_AFTER_MS, NULL });
}

static void plan_all(json_t *record, const json_t *to, int64_t now_ms) {
    const json_t *one;
    size_t i;
    if (json_is_string(to))
        plan(record, json_string_value(to), now_ms);
    json_array_foreach(to, i, one) plan(record, json_string_value(one), now_ms);
}

/* A record of the courier's for each webhook, and one that nobody is told of, for what the mail itself says. */
static void follow(const struct visit *v, json_t *mail) {
    int64_t now_ms = json_i64_or(mail, "sent_at", 0);
    json_t *all = json_object_get(v->account, "webhooks"), *hook;
    const json_t *to = json_object_get(mail, "to");
    const char *first =
        json_is_array(to) ? json_string_value(json_array_get(to, 0)) : json_string_value(to);
    size_t i;
    json_array_foreach(all, i, hook) {
        if (strcmp(json_text(hook, "status"), "enabled") != 0)
            continue;
        json_t *record = json_pack("{s:s, s:O, s:O, s:i, s:[], s:O, s:O*}", "kind", "resend",
                                   "callback", json_object_get(hook, "endpoint"), "secret",
                                   json_object_get(hook, "signing_secret"), "tries", TRIES, "steps",
                                   "mail", mail, "events", json_object_get(hook, "events"));
        happen(record, &(struct happening){ "email.sent", first, now_ms + SENT_AFTER_MS, NULL });
        plan_all(record, to, now_ms);
        plan_all(record, json_object_get(mail, "cc"), now_ms);
        plan_all(record, json_object_get(mail, "bcc"), now_ms);
        if (v->world->courier)
            courier_follow(v->world->courier, record);
        json_decref(record);
    }
}

/* --- mails ----------------------------------------------------------------------------------- */

static bool is_addresses(const json_t *value, size_t max) {
    struct str address;
    const json_t *one;
    size_t i;
    if (json_is_string(value))
        return !mailbox_find(str_of(json_string_value(value)), &address);
    if (!json_is_array(value) || json_array_size(value) < 1 || json_array_size(value) > max)
        return false;
    json_array_foreach(value, i,
                       one) if (!json_is_string(one) || mailbox_find(str_of(json_string_value(one)),
                                                                     &address)) return false;
    return true;
}

/* What is kept of a file: its size and its hash in place of the content. False: it is none. */
static bool keep_file(const struct visit *v, json_t *file) {
    unsigned char hash[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];
    struct str bytes;
    struct arena *a = arena_new(1 << 20);
    const char *content = json_text(file, "content");
    bool is_good = content && json_text(file, "filename") &&
                   base64_decode(a, str_of(content), &bytes) && bytes.len;
    if (is_good) {
        hash_sha256(hash, bytes);
        hex_encode(hex, hash, sizeof hash);
        json_object_del(file, "content");
        json_object_set_new(file, "size", json_integer((json_int_t)bytes.len));
        json_object_set_new(file, "sha256", json_string(hex));
    }
    arena_free(a);
    return is_good;
}

/* False when one was refused. */
static bool keep_files(const struct visit *v, json_t *mail) {
    json_t *file;
    size_t i;
    json_array_foreach(json_object_get(mail, "attachments"), i, file) {
        if (keep_file(v, file))
            continue;
        fail(v->reply, 422, "invalid_attachment",
             "Attachment must have either a `content` or `path`.");
        return false;
    }
    return true;
}

/* False when it was refused. */
static bool check_mail(const struct visit *v, const json_t *mail) {
    struct str from;
    struct str domain;
    const char *text = json_text(mail, "from");
    if (!json_is_object(mail) || !text || !json_text(mail, "subject") ||
        !json_object_get(mail, "to")) {
        fail(v->reply, 422, "missing_required_field",
             "The request body is missing one or more required fields.");
        return false;
    }
    if (mailbox_find(str_of(text), &from) || !is_addresses(json_object_get(mail, "to"), 50) ||
        !(json_text(mail, "text") || json_text(mail, "html"))) {
        fail(v->reply, 422, "validation_error", "Invalid `to` field or `from` field.");
        return false;
    }
    str_cut(from, '@', &domain);
    if (str_starts(domain, STR("unverified"))) {
        fail(v->reply, 403, "validation_error",
             "The domain is not verified. Please, add and verify your domain.");
        return false;
    }
    if (str_find(v->key, STR("quota")) >= 0) {
        fail(v->reply, 429, "daily_quota_exceeded", "You have reached your daily email quota.");
        return false;
    }
    return true;
}

/* What was sent under this key before: true when that is the answer. */
static bool is_repeated(const struct visit *v, const char *key, const char *body) {
    const json_t *before = json_object_get(json_object_get(v->account, "keys"), key);
    if (!before)
        return false;
    if (strcmp(json_text(before, "body"), body) != 0)
        fail(v->reply, 409, "invalid_idempotent_request",
             "Same idempotency key used with a different request payload.");
    else
        pretend_reply_new(v->reply, 200, json_pack("{s:O}", "id", json_object_get(before, "id")));
    return true;
}

static const char *hash_of(const struct visit *v) {
    unsigned char hash[HASH_BYTES];
    char *text = arena_alloc(v->req->arena, 2 * HASH_BYTES + 1);
    hash_sha256(hash, v->req->body);
    hex_encode(text, hash, sizeof hash);
    return text;
}

/* How long until it is to be sent. */
static int64_t wait_of(const json_t *mail) {
    const char *at = json_text(mail, "scheduled_at");
    int64_t at_ms = 0, now_ms = ava_wall_ms();
    return at && clock_parse_rfc3339(at, strlen(at), &at_ms) && at_ms > now_ms ? at_ms - now_ms : 0;
}

static void create(const struct visit *v) {
    struct str named = http_field(v->req, "Idempotency-Key");
    const char *key = named.ptr ? str_dup(v->req->arena, named) : NULL, *body = hash_of(v);
    json_t *mail = json_loadb(v->req->body.ptr, v->req->body.len, 0, NULL);
    json_t *all = json_object_get(v->account, "emails");
    if (key && (!key[0] || strlen(key) > 256)) {
        fail(v->reply, 400, "invalid_idempotency_key", "The key must be between 1-256 chars.");
    } else if (json_object_size(all) >= MAILS_MAX) {
        fail(v->reply, 429, "monthly_quota_exceeded", "You have reached your monthly quota.");
    } else if (check_mail(v, mail) && !(key && is_repeated(v, key, body)) && keep_files(v, mail)) {
        json_object_set_new(mail, "object", json_string("email"));
        json_object_set_new(mail, "id", id_new());
        json_object_set_new(mail, "created_at", time_text(ava_wall_ms()));
        json_object_set_new(mail, "sent_at", json_integer(ava_steady_ms() + wait_of(mail)));
        json_object_set(all, json_text(mail, "id"), mail);
        if (key)
            json_object_set_new(
                json_object_get(v->account, "keys"), key,
                json_pack("{s:O, s:s}", "id", json_object_get(mail, "id"), "body", body));
        follow(v, mail);
        pretend_reply_new(v->reply, 200, json_pack("{s:O}", "id", json_object_get(mail, "id")));
    }
    json_decref(mail);
}

/* How it stands by now, by its first recipient. */
static const char *last_event(const json_t *mail) {
    int64_t age_ms = ava_steady_ms() - json_i64_or(mail, "sent_at", 0);
    const json_t *to = json_object_get(mail, "to");
    const char *first =
        json_is_array(to) ? json_string_value(json_array_get(to, 0)) : json_string_value(to);
    struct str address;
    mailbox_find(str_of(first), &address);
    if (age_ms < 0)
        return "scheduled";
    if (age_ms < DONE_AFTER_MS)
        return age_ms < SENT_AFTER_MS ? "queued" : "sent";
    if (is_for(address, "bounced") || is_for(address, "full") || is_for(address, "policy"))
        return "bounced";
    return is_for(address, "suppressed") ? "suppressed"
           : is_for(address, "delayed")  ? "delivery_delayed"
                                         : "delivered";
}

static void read_one(const struct visit *v, struct str id) {
    const char *name = str_dup(v->req->arena, id);
    const json_t *mail = json_object_get(json_object_get(v->account, "emails"), name);
    if (!mail) {
        refuse(404, v->reply);
        return;
    }
    json_t *copy = json_copy((json_t *)mail);
    json_object_set_new(copy, "last_event", json_string(last_event(mail)));
    json_object_del(copy, "sent_at");
    pretend_reply_new(v->reply, 200, copy);
}

static void list_mails(const struct visit *v) {
    json_t *all = json_array(), *mail;
    const char *id;
    json_object_foreach(json_object_get(v->account, "emails"), id, mail) {
        json_t *copy = json_copy(mail);
        json_object_set_new(copy, "last_event", json_string(last_event(mail)));
        json_object_del(copy, "sent_at");
        json_array_append_new(all, copy);
    }
    pretend_reply_new(v->reply, 200,
                      json_pack("{s:s, s:b, s:o}", "object", "list", "has_more", 0, "data", all));
}

/* --- domains and webhooks -------------------------------------------------------------------- */

static void list_domains(const struct visit *v) {
    pretend_reply_new(v->reply, 200,
                      json_pack("{s:s, s:b, s:[{s:s, s:s, s:s, s:s}]}", "object", "list",
                                "has_more", 0, "data", "id", "d91cd9bd-1176-453e-8fc1-35364d380206",
                                "name", "example.com", "status", "verified", "region",
                                "us-east-1"));
}

static json_t *secret_new(struct arena *a) {
    unsigned char raw[24];
    ava_rand(raw, sizeof raw);
    return json_sprintf("whsec_%s", base64_encode(a, raw, sizeof raw));
}

static void add_webhook(const struct visit *v) {
    json_t *asked = json_loadb(v->req->body.ptr, v->req->body.len, 0, NULL);
    const char *endpoint = json_text(asked, "endpoint");
    if (!endpoint || !json_is_array(json_object_get(asked, "events"))) {
        fail(v->reply, 422, "missing_required_field", "Missing `endpoint` or `events` field.");
    } else {
        json_t *hook = json_pack("{s:s, s:o, s:s, s:s, s:O, s:o}", "object", "webhook", "id",
                                 id_new(), "status", "enabled", "endpoint", endpoint, "events",
                                 json_object_get(asked, "events"), "signing_secret",
                                 secret_new(v->req->arena));
        json_array_append_new(json_object_get(v->account, "webhooks"), hook);
        pretend_reply_new(v->reply, 201,
                          json_pack("{s:s, s:O, s:O}", "object", "webhook", "id",
                                    json_object_get(hook, "id"), "signing_secret",
                                    json_object_get(hook, "signing_secret")));
    }
    json_decref(asked);
}

static void list_webhooks(const struct visit *v) {
    json_t *all = json_array(), *hook;
    size_t i;
    json_array_foreach(json_object_get(v->account, "webhooks"), i, hook) {
        json_t *shown = json_copy(hook);
        json_object_del(shown, "signing_secret"); /* each is told by itself */
        json_array_append_new(all, shown);
    }
    pretend_reply_new(v->reply, 200,
                      json_pack("{s:s, s:b, s:o}", "object", "list", "has_more", 0, "data", all));
}

/* GET and PATCH of one. */
static void one_webhook(const struct visit *v, struct str id) {
    static const char *const MEMBERS[] = { "endpoint", "events", "status" };
    json_t *hook, *found = NULL;
    size_t i;
    json_array_foreach(json_object_get(v->account, "webhooks"), i, hook) {
        if (str_is(id, json_text(hook, "id")))
            found = hook;
    }
    if (!found) {
        refuse(404, v->reply);
        return;
    }
    if (v->req->method == METHOD_PATCH) {
        json_t *asked = json_loadb(v->req->body.ptr, v->req->body.len, 0, NULL);
        for (size_t m = 0; m < ARRAY_LEN(MEMBERS); m++)
            if (json_object_get(asked, MEMBERS[m]))
                json_object_set(found, MEMBERS[m], json_object_get(asked, MEMBERS[m]));
        json_decref(asked);
        pretend_reply_new(
            v->reply, 200,
            json_pack("{s:s, s:O}", "object", "webhook", "id", json_object_get(found, "id")));
        return;
    }
    pretend_reply_new(v->reply, 200, json_copy(found));
}

static bool tell_to(struct pretend_world *world, struct str key, const char *url,
                    const char *secret) {
    json_t *account = pretend_account(world, key, make_account);
    json_t *hooks = json_object_get(account, "webhooks"), *hook;
    size_t i;
    json_array_foreach(hooks, i,
                       hook) if (strcmp(json_text(hook, "endpoint"), url) != 0) return false;
    json_array_clear(hooks);
    if (account)
        json_array_append_new(hooks, json_pack("{s:s, s:o, s:s, s:s, s:s}", "object", "webhook",
                                               "id", id_new(), "status", "enabled", "endpoint", url,
                                               "signing_secret", secret));
    return account != NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

/* False when it was refused. */
static bool let_in(const struct visit *v, bool sends) {
    if (!http_field(v->req, "User-Agent").len) {
        v->reply->status = 403;
        v->reply->content_type = "text/plain; charset=utf-8";
        buf_text(&v->reply->body, "error code: 1010");
        return false;
    }
    if (!v->key.len)
        refuse(401, v->reply);
    else if (pretend_refuses(v->key))
        refuse(403, v->reply);
    else if (!sends && str_find(v->key, STR("sending")) >= 0)
        fail(v->reply, 401, "restricted_api_key",
             "This API key is restricted to only send emails.");
    else
        return true;
    return false;
}

static void answer(struct pretend_world *world, const struct http_req *req,
                   struct http_reply *reply) {
    const struct str one = STR("/emails/"), hook = STR("/webhooks/");
    bool is_read = req->method == METHOD_GET || req->method == METHOD_HEAD;
    bool sends = req->method == METHOD_POST && str_is(req->path, "/emails");
    struct visit v = { world, NULL, credential(req), req, reply };
    if (!let_in(&v, sends))
        return;
    v.account = pretend_account(world, v.key, make_account);
    if (!v.account)
        refuse(503, reply);
    else if (sends)
        create(&v);
    else if (is_read && str_starts(req->path, one))
        read_one(&v, (struct str){ req->path.ptr + one.len, req->path.len - one.len });
    else if (is_read && str_is(req->path, "/emails"))
        list_mails(&v);
    else if (is_read && str_is(req->path, "/domains"))
        list_domains(&v);
    else if (str_starts(req->path, hook))
        one_webhook(&v, (struct str){ req->path.ptr + hook.len, req->path.len - hook.len });
    else if (str_is(req->path, "/webhooks"))
        is_read ? list_webhooks(&v) : add_webhook(&v);
    else
        refuse(404, reply);
}

const struct pretend PRETEND_RESEND = { .name = "resend",
                                        .credential = credential,
                                        .answer = answer,
                                        .refuse = refuse,
                                        .tell_to = tell_to };
