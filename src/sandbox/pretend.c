#include "sandbox/pretend.h"

#include <stdlib.h>

#include "base/defs.h"
#include "base/encode.h"
#include "base/jsonw.h"
#include "crypto/hash.h"

bool pretend_refuses(struct str key) {
    static const char *const REFUSED[] = { "bad", "wrong", "revoked", "invalid", "not-" };
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++)
        if (str_starts(key, str_of(REFUSED[i])))
            return true;
    return key.len < 8;
}

struct str pretend_last4(struct str key) {
    return key.len > 4 ? (struct str){ key.ptr + key.len - 4, 4 } : key;
}

json_t *pretend_account(struct pretend_world *world, struct str key,
                        json_t *(*make)(struct str key, const unsigned char hash[32])) {
    unsigned char hash[HASH_BYTES];
    char name[2 * HASH_BYTES + 1];
    if (!world->accounts)
        world->accounts = json_object();
    hash_sha256(hash, key);
    hex_encode(name, hash, sizeof hash);
    json_t *account = json_object_get(world->accounts, name);
    if (!account && json_object_size(world->accounts) < PRETEND_ACCOUNTS_MAX) {
        account = make(key, hash);
        json_object_set_new(world->accounts, name, account);
    }
    return account;
}

void pretend_world_fini(struct pretend_world *world) {
    json_decref(world->accounts);
    world->accounts = NULL;
}

void pretend_reply(struct http_reply *reply, int status, const json_t *tree) {
    struct jsonw w = jsonw_to(&reply->body);
    reply->status = status;
    reply->content_type = "application/json; charset=utf-8";
    jsonw_tree(&w, tree);
}

void pretend_reply_new(struct http_reply *reply, int status, json_t *tree) {
    pretend_reply(reply, status, tree);
    json_decref(tree);
}
