/* pretend_twilio: what the parts of the pretend Twilio share. */
#pragma once

#include "base/form.h"
#include "sandbox/pretend.h"

#define TWILIO_ACCOUNTS "/2010-04-01/Accounts/"

enum { TWILIO_THINGS_MAX = 20000 }; /* calls of an account, texts of an account */

/* Its refusals; message is taken over. */
void twilio_refuse(struct http_reply *reply, int status, int code, json_t *message);
void twilio_fail(int status, struct http_reply *reply); /* its words for that status */
void twilio_not_found(const struct http_req *req, struct http_reply *reply);

json_t *twilio_date(int64_t unix_ms);       /* RFC 2822; 0 becomes null */
int64_t twilio_date_read(const char *text); /* 0 when it is none; NULL is fine */
json_t *twilio_sid(const char *kind, const unsigned char raw[16]);
json_t *twilio_sid_new(const char *kind);
bool twilio_is_sid(struct str text, const char *kind);
bool twilio_is_e164(struct str text);
/* May the account call or write from this number? Its own, and +15005550006 of Twilio's tests. */
bool twilio_owns(const json_t *account, struct str number);

/* A page of wanted (things with "sid"), as the query asks. kept: filters to repeat in its URIs. */
struct twilio_list {
    const char *name;     /* "incoming_phone_numbers" */
    const json_t *wanted; /* in the order of the answer */
    const char *const *kept;
    size_t kept_count;
};
void twilio_list(const struct http_req *req, struct http_reply *reply,
                 const struct twilio_list *list);
/* Does the time fit the filters "name", "name>" and "name<" of the query? As at Twilio both bounds
 * are inclusive, and what has no time yet fits none. */
bool twilio_time_fits(const struct form *query, const char *name, int64_t unix_ms);

/* --- calls and texts -------------------------------------------------------------------------- */

/* Who asks, for what. */
struct twilio_visit {
    struct pretend_world *world;
    json_t *account;
    struct str account_sid, token; /* token: what callbacks are signed with */
    const struct http_req *req;
    struct http_reply *reply;
};

/* A call or a text is a record: "public" is what people get, the rest is the courier's (courier.h).
 * Each step also has "set": what it changes in public. */
json_t *twilio_record_new(const struct twilio_visit *v, const char *kind, json_t *public,
                          struct str callback);
/* One more step; params (may be NULL) are told when the record has a URL. Takes both over. */
void twilio_step(json_t *record, int64_t at_ms, json_t *set, json_t *params);
/* Keeps it in the list and the index of the account, and follows it for the callbacks. */
void twilio_record_keep(const struct twilio_visit *v, const char *list, json_t *record);
json_t *twilio_record_find(const json_t *account, const char *list, struct str sid);
void twilio_record_age(json_t *record); /* brings public to where it is by now */

/* part: the path behind the account, "/Calls.json". False when it is not theirs. */
bool twilio_calls_answer(const struct twilio_visit *v, struct str part);
bool twilio_messages_answer(const struct twilio_visit *v, struct str part);
bool twilio_numbers_answer(const struct twilio_visit *v, struct str part);
bool twilio_recordings_answer(const struct twilio_visit *v, struct str part);

json_t *twilio_account(struct pretend_world *world, struct str sid); /* made at its first use */
/* What Vapi does to a number that is imported there; NULL leaves a URL as it is. False when the
 * account has no such number. */
bool twilio_number_rewrite(struct pretend_world *world, struct str account_sid, const char *number,
                           const char *voice_url, const char *sms_url);
