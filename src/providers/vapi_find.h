/* vapi_find: what was made for an operation of ours, looked for in a list of Vapi's (newest first,
 * createdAtGe, createdAtLe, createdAtLt, limit; OpenAPI of 2026-08-20). */
#pragma once

#include "providers/vapi.h"

struct vapi_search {
    const char *operation;      /* for metrics: "call.list" */
    const char *before, *after; /* the path with its query, up to createdAt.. and behind limit */
    int page;                   /* how many at once */
    /* Keeps a list of {"op","created",...}: whose it is, and the provider's createdAt. */
    bool (*digest)(struct ctx *ctx, struct str body, struct str *kept);
    const char *operation_id;
    int64_t since_ms; /* wall clock; ours and theirs may differ by a minute */
};

/* *found: the one whose "op" is the operation's id, as digest kept it; stays as it was when it was
 * not found. *is_absent: all of them were looked through, and it is not there. */
enum err vapi_find(struct ctx *ctx, const struct upstream_credential *c,
                   const struct vapi_search *search, struct str *found, bool *is_absent);
