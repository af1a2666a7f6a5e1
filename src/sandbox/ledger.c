#include "sandbox/ledger.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/memory.h"

static const char *const PROVIDERS[] = { "vapi", "twilio", "resend", "smtp" };

struct hit {
    int64_t seq, at_ms;
    const char *provider, *method; /* literals */
    int status;
    char path[224], last4[5], correlation_id[65];
};

struct ledger {
    pthread_mutex_t lock;
    int64_t last_seq; /* 1 is the first */
    int64_t counts[ARRAY_LEN(PROVIDERS)];
    struct hit ring[LEDGER_KEPT];
};

struct ledger *ledger_new(void) {
    struct ledger *l = memory_zeroed(1, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void ledger_free(struct ledger *l) {
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static struct hit *slot(struct ledger *l, int64_t seq) {
    return &l->ring[seq % LEDGER_KEPT];
}

int64_t ledger_open(struct ledger *l, const char *provider, const char *method, struct str target,
                    struct str last4, struct str correlation_id) {
    pthread_mutex_lock(&l->lock);
    int64_t seq = ++l->last_seq;
    struct hit *h = slot(l, seq);
    *h = (struct hit){
        .seq = seq, .at_ms = ava_steady_ms(), .provider = provider, .method = method
    };
    str_copy(h->path, sizeof h->path, target);
    str_copy(h->last4, sizeof h->last4, last4);
    str_copy(h->correlation_id, sizeof h->correlation_id, correlation_id);
    for (size_t i = 0; i < ARRAY_LEN(PROVIDERS); i++)
        l->counts[i] += strcmp(PROVIDERS[i], provider) == 0;
    pthread_mutex_unlock(&l->lock);
    return seq;
}

void ledger_close(struct ledger *l, int64_t seq, int status) {
    pthread_mutex_lock(&l->lock);
    struct hit *h = slot(l, seq);
    if (h->seq == seq) /* else the ring has come round */
        h->status = status;
    pthread_mutex_unlock(&l->lock);
}

static void hit_write(const struct hit *h, struct jsonw *w) {
    jsonw_object(w);
    jsonw_i64_at(w, "seq", h->seq);
    jsonw_time_at(w, "at", h->at_ms);
    jsonw_text_at(w, "provider", h->provider);
    jsonw_text_at(w, "method", h->method);
    jsonw_text_at(w, "path", h->path);
    jsonw_key(w, "status");
    if (h->status == LEDGER_NO_STATUS)
        jsonw_null(w);
    else
        jsonw_i64(w, h->status);
    jsonw_text_at(w, "credential_last4", h->last4[0] ? h->last4 : NULL);
    jsonw_text_at(w, "correlation_id", h->correlation_id[0] ? h->correlation_id : NULL);
    jsonw_object_end(w);
}

static bool is_wanted(const struct hit *h, const struct ledger_query *q) {
    return !q->provider || strcmp(q->provider, h->provider) == 0;
}

/* The seq to begin at, so that the newest `limit` that are wanted come out. */
static int64_t newest_from(struct ledger *l, const struct ledger_query *q, int64_t oldest) {
    int64_t left = q->limit, from = l->last_seq + 1;
    for (int64_t seq = l->last_seq; seq >= oldest && left > 0; seq--)
        if (is_wanted(slot(l, seq), q)) {
            from = seq;
            left--;
        }
    return from;
}

void ledger_write(struct ledger *l, const struct ledger_query *q, struct jsonw *w) {
    pthread_mutex_lock(&l->lock);
    int64_t oldest = l->last_seq > LEDGER_KEPT ? l->last_seq - LEDGER_KEPT + 1 : 1;
    int64_t from = q->since < 0         ? newest_from(l, q, oldest)
                   : q->since >= oldest ? q->since + 1
                                        : oldest;
    int64_t left = q->limit;
    jsonw_object(w);
    jsonw_key(w, "hits");
    jsonw_list(w);
    for (int64_t seq = from; seq <= l->last_seq && left > 0; seq++)
        if (is_wanted(slot(l, seq), q)) {
            hit_write(slot(l, seq), w);
            left--;
        }
    jsonw_list_end(w);
    jsonw_key(w, "counts");
    jsonw_object(w);
    for (size_t i = 0; i < ARRAY_LEN(PROVIDERS); i++)
        jsonw_i64_at(w, PROVIDERS[i], l->counts[i]);
    jsonw_object_end(w);
    jsonw_object_end(w);
    pthread_mutex_unlock(&l->lock);
}
