/* kv_reply: what Redis answers, read from bytes as they come.
 *
 * hiredis' reader finds where an answer ends; what is in it is kept in a struct of fixed size and no memory is
 * taken for what an answer only announces. What Ava asks has small answers: whatever does not end within
 * KV_REPLY_BYTES_MAX, or has more items than KV_NUMBERS_MAX, is none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { KV_NUMBERS_MAX = 16, KV_TEXT_MAX = 4096, KV_REPLY_BYTES_MAX = 64 * 1024 };

enum kv_reply_kind { KV_NOTHING, KV_STATUS, KV_ERROR, KV_TEXT, KV_INTEGER, KV_LIST };

struct kv_reply {
    enum kv_reply_kind kind; /* KV_NOTHING: nil */
    size_t count;            /* numbers of a list, or the one; what is no number counts as 0 */
    int64_t numbers[KV_NUMBERS_MAX];
    char text[KV_TEXT_MAX]; /* of a status, an error or a text, cut, with a NUL */
};

struct kv_reader;

struct kv_reader *kv_reader_new(void);
void kv_reader_free(struct kv_reader *r); /* NULL is fine */

/* False: what came is no answer of Redis, and nothing that follows can be one. */
bool kv_reader_feed(struct kv_reader *r, struct str bytes);

/* The next answer that is whole, lent until the next call. *is_broken: there is none, nor ever will be. */
const struct kv_reply *kv_reader_next(struct kv_reader *r, bool *is_broken);
