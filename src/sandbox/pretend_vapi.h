/* pretend_vapi: what the parts of the pretend Vapi share. */
#pragma once

#include "sandbox/pretend.h"

/* The shape of its refusals (NestJS); message is taken over. */
void vapi_refuse(struct http_reply *reply, int status, json_t *message, const char *error);
void vapi_fail(int status, struct http_reply *reply); /* its words for that status */

json_t *vapi_time(int64_t unix_ms);
json_t *vapi_uuid(const unsigned char bytes[16]);
json_t *vapi_assistant_find(const json_t *account, struct str id, size_t *at);
/* Items of the list, newest first, within limit and createdAt.. of the query. */
void vapi_list(const json_t *items, const struct http_req *req, struct http_reply *reply);

/* The control URL that each call names, "/{id}/control": who knows it needs no key. False when the
 * request is for something else. */
bool vapi_control_answer(const struct pretend_world *world, const struct http_req *req,
                         struct http_reply *reply);
/* Everything below /call. */
void vapi_calls_answer(const struct pretend_world *world, json_t *account,
                       const struct http_req *req, struct http_reply *reply);

/* When a call does what, wall clock. */
struct vapi_course {
    int64_t rings_ms, talks_ms, ends_ms;
    const char *reason;
};
/* Tells the server of its assistant how it goes, as it goes; nothing where there is none. */
void vapi_tell(const struct pretend_world *world, json_t *account, const json_t *call,
               const struct vapi_course *course);
void vapi_tell_end(json_t *account, const json_t *call); /* it has ended before its time */
