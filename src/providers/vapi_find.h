/* vapi_find: what was made for an operation of ours, looked for in a list of Vapi's (newest first,
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
    const char *operation_id;
    int64_t since_ms; /* wall clock; ours and theirs may differ by a minute */
};

/* *found: of the one whose operation it is, what the paths name, the arena's; stays as it was when it
 * was not found.
 * *is_absent: all of them were looked through, and it is not there. */
enum err vapi_find(struct ctx *ctx, const struct upstream_credential *c,
                   const struct vapi_search *search, const json_t **found, bool *is_absent);
