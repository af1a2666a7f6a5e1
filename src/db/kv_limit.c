#include <stdio.h>

#include "base/encode.h"
#include "db/kv_parts.h"

enum { KEY_MAX = 160, NUMBER_MAX = 24, WORDS_BEFORE = 3, WORDS_OF_RULE = 4 };

static void write_key(struct kv *kv, const struct kv_rule *rule, char out[KEY_MAX]) {
    unsigned char hash[KV_HASH_BYTES];
    char hex[2 * KV_HASH_BYTES + 1];
    kv->hash(kv->hash_arg, rule->key, hash);
    hex_encode(hex, hash, sizeof hash);
    snprintf(out, KEY_MAX, "ava:{%s}:rl:%.32s:%s", kv->installation, rule->policy, hex);
}

static struct str write_number(int64_t number, char out[NUMBER_MAX]) {
    snprintf(out, NUMBER_MAX, "%lld", (long long)number);
    return str_of(out);
}

static void write_command(struct kv *kv, const struct kv_rule *rules, size_t count, int64_t now_us,
                          struct buf *out) {
    char keys[KV_RULES_MAX][KEY_MAX], numbers[3 * KV_RULES_MAX + 2][NUMBER_MAX], sha[41];
    struct str words[WORDS_BEFORE + KV_RULES_MAX * (1 + WORDS_OF_RULE) + 1];
    size_t n = WORDS_BEFORE, used = 0;
    pthread_mutex_lock(&kv->lock);
    memcpy(sha, kv->limit_sha, sizeof sha);
    pthread_mutex_unlock(&kv->lock);
    words[0] = STR("EVALSHA");
    words[1] = str_of(sha);
    words[2] = write_number((int64_t)count, numbers[used++]);
    for (size_t i = 0; i < count; i++) {
        write_key(kv, &rules[i], keys[i]);
        words[n++] = str_of(keys[i]);
    }
    for (size_t i = 0; i < count; i++) {
        words[n++] = rules[i].is_sliding ? STR("s") : STR("g");
        words[n++] = write_number(rules[i].count, numbers[used++]);
        words[n++] = write_number(rules[i].period_ms, numbers[used++]);
        words[n++] = write_number(rules[i].burst, numbers[used++]);
    }
    words[n++] = write_number(now_us, numbers[used++]);
    kv_command(out, n, words);
}

bool kv_limit(struct kv *kv, const struct kv_rule *rules, size_t count, int64_t now_us,
              struct kv_verdict *out) {
    struct buf command = { 0 };
    struct kv_answer answer;
    if (!kv_is_up(kv))
        return false;
    write_command(kv, rules, count, now_us, &command);
    if (!kv_call(kv, "limit", &command, &answer) || answer.kind != KV_LIST ||
        answer.count != 2 + 2 * count)
        return false;
    *out = (struct kv_verdict){ .is_allowed = answer.numbers[0] == 1, .now_us = answer.numbers[1] };
    for (size_t i = 0; i < count; i++)
        out->found[i] = (struct kv_found){ answer.numbers[2 + 2 * i], answer.numbers[3 + 2 * i] };
    return true;
}
