/* vapi_find: what was made for operations of ours, looked for in a list of Vapi's (newest first,
 * createdAtGe, createdAtLe, createdAtLt, limit; OpenAPI of 2026-08-20). */
#pragma once

#include "providers/vapi.h"

struct vapi_search {
    const char *operation;      /* for metrics: "call.list" */
    const char *before, *after; /* the path with its query, up to createdAt.. and behind limit */
    int page;                   /* how many at once; fewer where that is too much to read */
    const char *const *paths;   /* what is_one and operation_of look at, and "[].createdAt" */
    /* Is this one of what the list is of? One that is not is passed over. */
    bool (*is_one)(const json_t *one);
    const char *(*operation_of)(const json_t *one); /* ours that made it, or NULL */
    int64_t since_ms; /* wall clock; ours and theirs may differ by a minute */
};

/* An operation, and what was made for it: what the paths name, the arena's; NULL: not found. */
struct vapi_made {
    const char *operation_id;
    const json_t *one;
};

/* Looks for what was made for each of them, in one walk through the list.
 * *is_whole: all of the list was looked through, or all were found. */
enum err vapi_find(struct ctx *ctx, const struct upstream_credential *c,
                   const struct vapi_search *search, struct vapi_made *made, size_t count,
                   bool *is_whole);
