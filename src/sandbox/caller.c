#include "sandbox/caller.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/defs.h"
#include "base/encode.h"
#include "crypto/hmac.h"

/* "$call" and the like are filled in by compose; "*" begins a kind. Lists of 2026-10. */
struct param {
    const char *name, *value;
};

static const struct param PLACES[] = {
    { "FromCity", "SAN FRANCISCO" },
    { "FromState", "CA" },
    { "FromZip", "94105" },
    { "FromCountry", "US" },
    { "ToCity", "NEW YORK" },
    { "ToState", "NY" },
    { "ToZip", "10118" },
    { "ToCountry", "US" },
};

static const struct param CALL_PLACES[] = {
    { "CallerCity", "SAN FRANCISCO" }, { "CallerState", "CA" },      { "CallerZip", "94105" },
    { "CallerCountry", "US" },         { "CalledCity", "NEW YORK" }, { "CalledState", "NY" },
    { "CalledZip", "10118" },          { "CalledCountry", "US" },
};

static const struct param VOICE[] = {
    { "CallSid", "$call" },       { "CallStatus", "ringing" },
    { "Direction", "inbound" },   { "Caller", "+14155550142" },
    { "Called", "+12125550118" }, { "StirVerstat", "TN-Validation-Passed-A" },
};

static const struct param STATUS[] = {
    { "CallSid", "$call" },
    { "CallStatus", "completed" },
    { "Direction", "inbound" },
    { "Caller", "+14155550142" },
    { "Called", "+12125550118" },
    { "Timestamp", "$date" },
    { "CallbackSource", "call-progress-events" },
    { "SequenceNumber", "3" },
    { "CallDuration", "37" },
    { "Duration", "1" },
    { "SipResponseCode", "200" },
};

static const struct param MESSAGE[] = {
    { "MessageSid", "$message" },
    { "SmsSid", "$message" },
    { "SmsMessageSid", "$message" },
    { "Body", "Hello, is the clinic open on Sunday?" },
    { "NumMedia", "0" },
    { "NumSegments", "1" },
    { "SmsStatus", "received" },
};

static const struct param MESSAGE_STATUS[] = {
    { "MessageSid", "$message" },       { "SmsSid", "$message" },
    { "MessageStatus", "delivered" },   { "SmsStatus", "delivered" },
    { "RawDlrDoneDate", "2611191804" },
};

static const struct {
    const char *name;
    const struct param *own, *places;
    size_t own_count, places_count;
    bool has_places;
} KINDS[CALLER_KINDS] = {
    { "voice", VOICE, CALL_PLACES, ARRAY_LEN(VOICE), ARRAY_LEN(CALL_PLACES), true },
    { "status", STATUS, NULL, ARRAY_LEN(STATUS), 0, false },
    { "message", MESSAGE, NULL, ARRAY_LEN(MESSAGE), 0, true },
    { "message-status", MESSAGE_STATUS, NULL, ARRAY_LEN(MESSAGE_STATUS), 0, false },
};

enum caller_kind caller_kind_parse(struct str name) {
    for (enum caller_kind k = 0; k < CALLER_KINDS; k++)
        if (str_is(name, KINDS[k].name))
            return k;
    return CALLER_KINDS;
}

enum caller_signature caller_signature_parse(struct str name) {
    static const char *const NAMES[CALLER_SIGNATURES] = { "good", "wrong", "missing" };
    for (enum caller_signature s = 0; s < CALLER_SIGNATURES; s++)
        if (str_is(name, NAMES[s]))
            return s;
    return CALLER_SIGNATURES;
}

/* --- its parameters -------------------------------------------------------------------------- */

enum { PAIRS_MAX = 96 };

struct letter {
    struct arena *arena;
    struct param pairs[PAIRS_MAX];
    size_t count;
    const char *call, *message, *date;
};

static const char *random_sid(struct arena *a, const char *kind) {
    unsigned char raw[16];
    char hex[33];
    ava_rand(raw, sizeof raw);
    hex_encode(hex, raw, sizeof raw);
    return arena_printf(a, "%s%s", kind, hex);
}

static void put(struct letter *l, const char *name, const char *value) {
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->pairs[i].name, name) == 0) {
            l->pairs[i].value = value;
            return;
        }
    if (l->count < PAIRS_MAX)
        l->pairs[l->count++] = (struct param){ name, value };
}

static void put_all(struct letter *l, const struct param *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *value = list[i].value;
        put(l, list[i].name,
            strcmp(value, "$call") == 0      ? l->call
            : strcmp(value, "$message") == 0 ? l->message
            : strcmp(value, "$date") == 0    ? l->date
                                             : value);
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct param *)a)->name, ((const struct param *)b)->name);
}

static void fill(struct letter *l, const struct caller_webhook *what) {
    const char *name;
    json_t *value;
    char date[32];
    clock_http_date(ava_steady_ms(), date);
    l->date = arena_printf(l->arena, "%.*s +0000", (int)(strlen(date) - 4), date);
    l->call = random_sid(l->arena, "CA");
    l->message = random_sid(l->arena, "SM");
    put(l, "AccountSid", what->account_sid);
    put(l, "ApiVersion", "2010-04-01");
    put(l, "From", "+14155550142");
    put(l, "To", "+12125550118");
    put_all(l, KINDS[what->kind].own, KINDS[what->kind].own_count);
    if (KINDS[what->kind].has_places)
        put_all(l, PLACES, ARRAY_LEN(PLACES));
    put_all(l, KINDS[what->kind].places, KINDS[what->kind].places_count);
    json_object_foreach((json_t *)what->params, name, value)
        put(l, arena_strdup(l->arena, name),
            arena_strdup(l->arena, json_is_null(value) ? NULL : json_string_value(value)));
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++)
        if (l->pairs[i].value)
            l->pairs[kept++] = l->pairs[i];
    l->count = kept;
    qsort(l->pairs, l->count, sizeof l->pairs[0], by_name);
}

/* --- its signature --------------------------------------------------------------------------- */

static const char *sign(const struct letter *l, const struct caller_webhook *what) {
    unsigned char mac[HMAC_SHA1_BYTES];
    struct buf text = { 0 };
    struct str overrides; /* Twilio reads them, and signs the address without */
    buf_str(&text, str_cut(str_of(what->signed_url), '#', &overrides));
    for (size_t i = 0; i < l->count; i++) {
        buf_text(&text, l->pairs[i].name);
        buf_text(&text, l->pairs[i].value);
    }
    hmac_sha1(mac, str_of(what->auth_token), buf_view(&text));
    buf_fini(&text);
    if (what->signature == CALLER_WRONG)
        mac[0] ^= 1;
    return base64_encode(l->arena, mac, sizeof mac);
}

void caller_compose(struct arena *a, const struct caller_webhook *what, struct caller_letter *out) {
    struct letter l = { .arena = a };
    struct buf *body = buf_in(a);
    fill(&l, what);
    for (size_t i = 0; i < l.count; i++) {
        if (i)
            buf_char(body, '&');
        percent_encode(body, str_of(l.pairs[i].name));
        buf_char(body, '=');
        percent_encode(body, str_of(l.pairs[i].value));
        if (strcmp(l.pairs[i].name, "CallSid") == 0 || strcmp(l.pairs[i].name, "MessageSid") == 0)
            out->resource = l.pairs[i].value;
    }
    out->body = buf_view(body);
    out->header_count = 0;
    out->headers[out->header_count++] =
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8";
    out->headers[out->header_count++] = "User-Agent: TwilioProxy/1.1";
    out->headers[out->header_count++] =
        arena_printf(a, "I-Twilio-Idempotency-Token: %s", random_sid(a, ""));
    if (what->signature != CALLER_MISSING)
        out->headers[out->header_count++] =
            arena_printf(a, "X-Twilio-Signature: %s", sign(&l, what));
}

bool caller_is_loopback(struct str url) {
    static const char *const HOSTS[] = { "127.0.0.1", "localhost", "[::1]" };
    struct str rest = url;
    if (str_starts(rest, STR("http://")))
        rest = (struct str){ url.ptr + 7, url.len - 7 };
    else if (str_starts(rest, STR("https://")))
        rest = (struct str){ url.ptr + 8, url.len - 8 };
    else
        return false;
    for (size_t i = 0; i < ARRAY_LEN(HOSTS); i++) {
        size_t len = strlen(HOSTS[i]), at = len;
        if (!str_starts(rest, str_of(HOSTS[i])))
            continue;
        if (at < rest.len && rest.ptr[at] == ':')
            for (at++; at < rest.len && rest.ptr[at] >= '0' && rest.ptr[at] <= '9';)
                at++;
        return at == rest.len || rest.ptr[at] == '/';
    }
    return false;
}
