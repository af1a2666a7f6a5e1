/* What an account of the pretend Twilio has when it is first used: itself and three numbers, made from
 * the account's id, so that the same id always finds the same ones. */
#include <string.h>

#include "base/defs.h"
#include "sandbox/pretend_twilio.h"

enum { NUMBERS = 3 };

/* An area code and 555, the exchange of films: nobody answers there. */
static void phone_digits(const unsigned char *raw, char out[11]) {
    static const char *const AREAS[] = { "202", "206", "212", "213", "305", "312", "415", "503",
                                         "512", "602", "617", "646", "702", "713", "808", "917" };
    unsigned line = ((unsigned)raw[1] << 8 | raw[2]) % 10000;
    memcpy(out, AREAS[raw[0] % ARRAY_LEN(AREAS)], 3);
    memcpy(out + 3, "555", 3);
    for (int i = 9; i >= 6; i--, line /= 10)
        out[i] = (char)('0' + line % 10);
    out[10] = 0;
}

static json_t *make_number(const char *account_sid, const unsigned char hash[32], int i) {
    static const char *const NAMES[NUMBERS] = { "Front desk", "Appointments", NULL };
    static const int64_t BORN_MS = 1768469400000; /* 2026-01-15 09:30 */
    unsigned char raw[16];
    char digits[11];
    for (int b = 0; b < 16; b++)
        raw[b] = (unsigned char)(hash[(b + 5 * i) % 32] + 37 * i);
    phone_digits(raw, digits);
    json_t *sid = twilio_sid("PN", raw);
    json_t *n =
        json_pack("{s:s, s:s, s:n, s:s, s:b, s:{s:b, s:b, s:b, s:b}, s:o, s:o, s:s, s:n, s:s}",
                  "account_sid", account_sid, "address_requirements", "none", "address_sid",
                  "api_version", "2010-04-01", "beta", 0, "capabilities", "voice", 1, "sms", i != 2,
                  "mms", i == 0, "fax", 0, "date_created", twilio_date(BORN_MS), "date_updated",
                  twilio_date(BORN_MS), "emergency_status", "Inactive", "emergency_address_sid",
                  "emergency_address_status", "unregistered");
    json_object_set_new(n, "friendly_name",
                        NAMES[i] ? json_string(NAMES[i])
                                 : json_sprintf("(%.3s) %.3s-%s", digits, digits + 3, digits + 6));
    json_object_update_new(n, json_pack("{s:n, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:n}",
                                        "identity_sid", "origin", "twilio", "phone_number",
                                        json_sprintf("+1%s", digits), "sms_application_sid", "",
                                        "sms_fallback_method", "POST", "sms_fallback_url", "",
                                        "sms_method", "POST", "sms_url", "", "status_callback", "",
                                        "status_callback_method", "POST", "trunk_sid"));
    json_object_update_new(
        n, json_pack("{s:o, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:n, s:s}", "uri",
                     json_sprintf(TWILIO_ACCOUNTS "%s/IncomingPhoneNumbers/%s.json", account_sid,
                                  json_string_value(sid)),
                     "voice_application_sid", "", "voice_caller_id_lookup", 0,
                     "voice_fallback_method", "POST", "voice_fallback_url", "", "voice_method",
                     "POST", "voice_url", "", "voice_receive_mode", "voice", "status", "in-use",
                     "bundle_sid", "type", "local"));
    json_object_set_new(n, "sid", sid);
    return n;
}

static json_t *subresources(const char *sid) {
    static const struct {
        const char *name, *path;
    } PARTS[] = {
        { "available_phone_numbers", "AvailablePhoneNumbers" },
        { "calls", "Calls" },
        { "conferences", "Conferences" },
        { "incoming_phone_numbers", "IncomingPhoneNumbers" },
        { "notifications", "Notifications" },
        { "outgoing_caller_ids", "OutgoingCallerIds" },
        { "recordings", "Recordings" },
        { "transcriptions", "Transcriptions" },
        { "addresses", "Addresses" },
        { "signing_keys", "SigningKeys" },
        { "connect_apps", "ConnectApps" },
        { "sip", "SIP" },
        { "authorized_connect_apps", "AuthorizedConnectApps" },
        { "usage", "Usage" },
        { "keys", "Keys" },
        { "applications", "Applications" },
        { "short_codes", "SMS/ShortCodes" },
        { "queues", "Queues" },
        { "messages", "Messages" },
        { "balance", "Balance" },
    };
    json_t *uris = json_object();
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++)
        json_object_set_new(uris, PARTS[i].name,
                            json_sprintf(TWILIO_ACCOUNTS "%s/%s.json", sid, PARTS[i].path));
    return uris;
}

static json_t *make_account(struct str key, const unsigned char hash[32]) {
    char sid[35];
    str_copy(sid, sizeof sid, key);
    json_t *numbers = json_array();
    for (int i = 0; i < NUMBERS; i++)
        json_array_append_new(numbers, make_number(sid, hash, i));
    json_t *about = json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:o}", "sid", sid,
                              "owner_account_sid", sid, "date_created", twilio_date(1768469400000),
                              "date_updated", twilio_date(1768469400000), "friendly_name",
                              "Sandbox account", "status", "active", "type", "Full", "auth_token",
                              "not shown by the sandbox", "subresource_uris", subresources(sid),
                              "uri", json_sprintf(TWILIO_ACCOUNTS "%s.json", sid));
    return json_pack("{s:o, s:o, s:[], s:{}, s:[], s:{}}", "about", about, "numbers", numbers,
                     "calls", "callsBySid", "messages", "messagesBySid");
}

json_t *twilio_account(struct pretend_world *world, struct str sid) {
    return twilio_is_sid(sid, "AC") ? pretend_account(world, sid, make_account) : NULL;
}
