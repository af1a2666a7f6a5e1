#include "db/kv_reply.h"

#include <hiredis/read.h>
#include <stdlib.h>

#include "base/memory.h"

struct kv_reader {
    redisReader *parser;
    struct kv_reply reply;
};

/* The parser wants an object for each item; all of them are the one reply, which nobody frees. */
static struct kv_reply *reply_of(const redisReadTask *task) {
    struct kv_reply *reply = task->privdata;
    if (!task->parent)
        *reply = (struct kv_reply){ .kind = KV_NOTHING };
    return reply;
}

/* Lists within lists are nothing that Ava asks for: only items of the outer one are kept. */
static void *keep(const redisReadTask *task, enum kv_reply_kind kind, int64_t number) {
    struct kv_reply *reply = reply_of(task);
    if (!task->parent)
        reply->kind = kind;
    if (task->parent && task->parent->parent)
        return reply;
    if (reply->count == KV_NUMBERS_MAX)
        return NULL;
    reply->numbers[reply->count++] = number;
    return reply;
}

static void *on_string(const redisReadTask *task, char *bytes, size_t len) {
    struct str text = { bytes, len };
    int64_t number = 0;
    if (!str_to_i64(text, INT64_MIN, INT64_MAX, &number))
        number = 0;
    struct kv_reply *reply = keep(task,
                                  task->type == REDIS_REPLY_ERROR    ? KV_ERROR
                                  : task->type == REDIS_REPLY_STATUS ? KV_STATUS
                                                                     : KV_TEXT,
                                  number);
    if (reply && !task->parent)
        str_copy(reply->text, sizeof reply->text, text);
    return reply;
}

static void *on_array(const redisReadTask *task, int items) {
    struct kv_reply *reply = reply_of(task);
    if (items > KV_NUMBERS_MAX)
        return NULL;
    if (!task->parent)
        reply->kind = KV_LIST;
    return reply;
}

static void *on_integer(const redisReadTask *task, long long number) {
    return keep(task, KV_INTEGER, number);
}

static void *on_nil(const redisReadTask *task) {
    return keep(task, KV_NOTHING, 0);
}

static void on_free(void *object) {}

static redisReplyObjectFunctions functions = { on_string, on_array, on_integer, on_nil, on_free };

struct kv_reader *kv_reader_new(void) {
    struct kv_reader *r = memory_zeroed(1, sizeof *r);
    r->parser = redisReaderCreateWithFunctions(&functions);
    if (!r->parser) {
        free(r);
        return NULL;
    }
    r->parser->privdata = &r->reply;
    return r;
}

void kv_reader_free(struct kv_reader *r) {
    if (!r)
        return;
    redisReaderFree(r->parser);
    free(r);
}

bool kv_reader_feed(struct kv_reader *r, struct str bytes) {
    if (r->parser->len - r->parser->pos + bytes.len > 2 * KV_REPLY_BYTES_MAX)
        return false;
    return redisReaderFeed(r->parser, bytes.ptr, bytes.len) == REDIS_OK;
}

const struct kv_reply *kv_reader_next(struct kv_reader *r, bool *is_broken) {
    void *reply = NULL;
    *is_broken = redisReaderGetReply(r->parser, &reply) != REDIS_OK ||
                 (!reply && r->parser->len - r->parser->pos > KV_REPLY_BYTES_MAX);
    return *is_broken ? NULL : reply;
}
