/* pretend_vapi: what the parts of the pretend Vapi share. */
#pragma once

#include "sandbox/pretend.h"

/* The shape of its refusals (NestJS); message is taken over. */
void vapi_refuse(struct http_reply *reply, int status, json_t *message, const char *error);
void vapi_fail(int status, struct http_reply *reply); /* its words for that status */

json_t *vapi_time(int64_t unix_ms);
int64_t vapi_time_of(const json_t *thing, const char *name); /* 0: it has no such time */
json_t *vapi_uuid(const unsigned char bytes[16]);
json_t *vapi_assistant_find(const json_t *account, struct str id, size_t *at);
/* Items of the list, newest first, within limit and createdAt.. of the query. */
void vapi_list(const json_t *items, const struct http_req *req, struct http_reply *reply);

/* Everything below /assistant; false when it is not that. */
bool vapi_assistants_answer(json_t *account, const struct http_req *req, struct http_reply *reply);

/* Everything below /phone-number; false when it is not that. */
bool vapi_numbers_answer(const struct pretend_world *world, json_t *account,
                         const struct http_req *req, struct http_reply *reply);
bool vapi_number_uses(json_t *account, const char *assistant_id);

/* The control URL that each call names, "/{id}/control": who knows it needs no key. False when the
 * request is for something else. */
bool vapi_control_answer(const struct pretend_world *world, const struct http_req *req,
                         struct http_reply *reply);
/* A new call with its id, into the account's books; type "outboundPhoneCall", "inboundPhoneCall". */
void vapi_call_keep(json_t *account, json_t *call, const char *type);
/* Everything below /call. */
void vapi_calls_answer(const struct pretend_world *world, json_t *account,
                       const struct http_req *req, struct http_reply *reply);

/* When a call does what, wall clock. */
struct vapi_course {
    int64_t rings_ms, talks_ms, ends_ms;
    const char *reason;
};

/* The course of an account's calls, as "course" of the account says:
 *     "call_ms" (30000), "concurrent_calls" (0: any number), "when_full" "refuse" or "wait",
 *     "drop_ends_percent", "duplicate_percent", "reorder_percent", "start_number" (0: by chance) */
bool vapi_chance(json_t *account, const char *percent);
json_t *vapi_call_id(json_t *account);
int64_t vapi_limit(const json_t *account); /* 0: none */
int64_t vapi_live(json_t *account);
bool vapi_is_full(json_t *account);
bool vapi_waits_when_full(const json_t *account);
struct vapi_course vapi_plan(json_t *account, json_t *call); /* of a new call, which has its id */
void vapi_age(json_t *account, json_t *call); /* brings it to where it would be by now */
void vapi_end(json_t *call, int64_t at_ms, const char *reason);
double vapi_cost(const json_t *call); /* US dollars, of one that has ended */
/* Into the account's log of what was told; how: "sent", "twice", "late", "dropped". */
void vapi_note_told(json_t *account, const json_t *call, const char *type, const char *how);

/* People and tests at the stage door, /sandbox/api/vapi/{tail}; body: an object or NULL. */
enum err vapi_stage(struct pretend_world *world, struct ctx *ctx, const struct http_req *req,
                    struct str tail, json_t *body, struct http_reply *reply);
/* A call that comes in; from NULL: from the usual caller. A new reference. */
json_t *vapi_inbound_call(json_t *account, const char *from);
/* POST .../visit: a caller whose assistant uses its tools. */
enum err vapi_visit(const struct pretend_world *world, struct ctx *ctx, json_t *account,
                    json_t *body, struct http_reply *reply);
json_t *vapi_account(struct pretend_world *world, struct str key); /* made at its first use */
/* Points the demo assistant there, unless it points elsewhere; see sandbox.h. */
bool vapi_tell_to(struct pretend_world *world, struct str key, const char *url, const char *secret);
/* Tells the server of its assistant how it goes, as it goes; nothing where there is none. */
void vapi_tell(const struct pretend_world *world, json_t *account, const json_t *call,
               const struct vapi_course *course);
void vapi_tell_end(json_t *account, const json_t *call); /* it has ended before its time */
