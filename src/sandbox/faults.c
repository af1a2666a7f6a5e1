#include "sandbox/faults.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/memory.h"

static const char *const KINDS[FAULT_KINDS] = { "none",      "latency",   "hang", "reset", "status",
                                                "truncated", "malformed", "cut",  "huge" };

struct faults {
    pthread_mutex_t lock;
    struct fault list[FAULTS_MAX];
    size_t count;
};

const char *fault_kind_name(enum fault_kind k) {
    return KINDS[k];
}

enum fault_kind fault_kind_parse(struct str name) {
    for (enum fault_kind k = 0; k < FAULT_KINDS; k++)
        if (str_is(name, KINDS[k]))
            return k;
    return FAULT_KINDS;
}

struct faults *faults_new(void) {
    struct faults *f = memory_zeroed(1, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void faults_free(struct faults *f) {
    if (!f)
        return;
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static void drop(struct faults *f, size_t at) {
    f->count--;
    memmove(&f->list[at], &f->list[at + 1], (f->count - at) * sizeof f->list[0]);
}

static bool is_same(const struct fault *a, const struct fault *b) {
    return strcmp(a->provider, b->provider) == 0 && strcmp(a->credential, b->credential) == 0 &&
           strcmp(a->operation, b->operation) == 0;
}

bool faults_set(struct faults *f, const struct fault *fault) {
    bool all = fault->kind == FAULT_NONE && !fault->credential[0] && !fault->operation[0];
    bool ok = true;
    pthread_mutex_lock(&f->lock);
    for (size_t i = f->count; i-- > 0;)
        if (is_same(&f->list[i], fault) ||
            (all && strcmp(f->list[i].provider, fault->provider) == 0))
            drop(f, i);
    if (fault->kind != FAULT_NONE) {
        ok = f->count < FAULTS_MAX;
        if (ok)
            f->list[f->count++] = *fault;
    }
    pthread_mutex_unlock(&f->lock);
    return ok;
}

static bool begins(const char *method, struct str path, const char *operation) {
    size_t method_len = strlen(method);
    struct str rest = str_of(operation);
    if (rest.len <= method_len)
        return strncmp(method, operation, rest.len) == 0;
    if (memcmp(operation, method, method_len) != 0 || operation[method_len] != ' ')
        return false;
    return str_starts(path, (struct str){ rest.ptr + method_len + 1, rest.len - method_len - 1 });
}

struct fault faults_take(struct faults *f, const char *provider, struct str last4,
                         const char *method, struct str path) {
    struct fault taken = { .kind = FAULT_NONE };
    size_t best = FAULTS_MAX, best_weight = 0;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->count; i++) {
        const struct fault *c = &f->list[i];
        if (strcmp(c->provider, provider) != 0 ||
            (c->credential[0] && !str_is(last4, c->credential)) ||
            (c->operation[0] && !begins(method, path, c->operation)))
            continue;
        size_t weight = 1 + strlen(c->operation) + (c->credential[0] ? FAULT_TEXT_BYTES : 0);
        if (weight > best_weight) {
            best = i;
            best_weight = weight;
        }
    }
    bool spared = best_weight && f->list[best].percent &&
                  ava_rand_below(100) >= (uint64_t)f->list[best].percent;
    if (best_weight && !spared) {
        taken = f->list[best];
        if (taken.times && --f->list[best].times == 0)
            drop(f, best);
    }
    pthread_mutex_unlock(&f->lock);
    return taken;
}

static void text_or_null(struct jsonw *w, const char *name, const char *text) {
    jsonw_text_at(w, name, text[0] ? text : NULL);
}

static void i64_or_null(struct jsonw *w, const char *name, int64_t value, bool has) {
    jsonw_key(w, name);
    if (has)
        jsonw_i64(w, value);
    else
        jsonw_null(w);
}

void faults_write(struct faults *f, struct jsonw *w) {
    jsonw_list(w);
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->count; i++) {
        const struct fault *c = &f->list[i];
        jsonw_object(w);
        jsonw_text_at(w, "provider", c->provider);
        text_or_null(w, "credential", c->credential);
        text_or_null(w, "operation", c->operation);
        jsonw_text_at(w, "fault", KINDS[c->kind]);
        i64_or_null(w, "status", c->status, c->kind == FAULT_STATUS);
        text_or_null(w, "retry_after", c->retry_after);
        i64_or_null(w, "latency_ms", c->latency_ms, c->kind == FAULT_LATENCY || c->latency_ms > 0);
        i64_or_null(w, "percent", c->percent, c->percent > 0 && c->percent < 100);
        i64_or_null(w, "times", c->times, c->times > 0);
        jsonw_object_end(w);
    }
    pthread_mutex_unlock(&f->lock);
    jsonw_list_end(w);
}
