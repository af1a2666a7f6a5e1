#include "obs/metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "obs/metrics_series.h"

enum {
    SERIES_MAX = 6000,
    SERIES_OF_ONE = 512,   /* metric: a flood in one leaves the others their room */
    SERIES_OF_HTTP = 1536, /* routes, methods and the statuses they are answered with */
    COLLECTORS_MAX = 16,
    KNOWN_MAX = 64,
    VALUE_BYTES = 32
};

const struct metric_row METRIC_TABLE[METRIC_COUNT] = {
#define METRIC(name, kind, text, labels, help) [METRIC_##name] = { kind, text, labels, help },
#include "obs/metrics.def"
#undef METRIC
};

const struct metric_bucket METRIC_BUCKET_TABLE[METRIC_BUCKETS] = {
    { 500, "0.0005" },  { 1000, "0.001" },   { 2500, "0.0025" }, { 5000, "0.005" },
    { 10000, "0.01" },  { 20000, "0.02" },   { 50000, "0.05" },  { 100000, "0.1" },
    { 250000, "0.25" }, { 500000, "0.5" },   { 1000000, "1.0" }, { 2500000, "2.5" },
    { 5000000, "5.0" }, { 10000000, "10.0" }
};

struct metric_info metric_info(enum metric id) {
    static const char *const KINDS[] = { "COUNTER", "COUNTER", "GAUGE", "HISTOGRAM" };
    const struct metric_row *m = &METRIC_TABLE[id];
    return (struct metric_info){ m->name, KINDS[m->kind], m->labels, m->help };
}

static _Atomic(struct series *) slots[METRIC_SLOTS];
static atomic_size_t series_count, series_counts[METRIC_COUNT];

static struct {
    void (*fn)(void *);
    void *arg;
} collectors[COLLECTORS_MAX];
static size_t collector_count;

/* --- which values a label may have ----------------------------------------------------------- */

static struct { const char *label, *value; } known[KNOWN_MAX];
static size_t known_count;

struct str metric_label(struct str *rest, struct str *values) {
    if (!rest->ptr || !rest->len)
        return (struct str){ NULL, 0 };
    return str_cut(str_cut(*rest, ',', rest), '=', values);
}

/* The n-th value that the label may have, into out. False behind the last. */
static bool value_at(struct str label, struct str values, size_t n, char out[VALUE_BYTES]) {
    for (struct str value; values.ptr; n--) {
        value = str_cut(values, '|', &values);
        if (n == 0)
            return str_copy(out, VALUE_BYTES, value);
        if (!values.ptr)
            return false;
    }
    for (size_t i = 0; i < known_count; i++)
        if (str_is(label, known[i].label) && n-- == 0)
            return str_copy(out, VALUE_BYTES, str_of(known[i].value));
    return false;
}

/* True for a value that is named, and of a label of which none is. */
static bool may_be(struct str label, struct str values, const char *value) {
    char named[VALUE_BYTES];
    size_t n = 0;
    while (value_at(label, values, n, named)) {
        if (strcmp(named, value) == 0)
            return true;
        n++;
    }
    return n == 0;
}

static bool may_be_made(enum metric id, const char *const labels[4]) {
    struct str values, rest = str_of(METRIC_TABLE[id].labels);
    for (int i = 0; i < METRIC_LABELS; i++) {
        struct str label = metric_label(&rest, &values);
        if (!label.ptr || !labels[i])
            return !label.ptr && !labels[i];
        if (!may_be(label, values, labels[i]))
            return false;
    }
    return true;
}

/* --- series ---------------------------------------------------------------------------------- */

static size_t hash(enum metric id, const char *const labels[4]) {
    uint64_t h = 1469598103934665603u ^ (uint64_t)id;
    for (int i = 0; i < METRIC_LABELS && labels[i]; i++) {
        for (const char *p = labels[i]; *p; p++)
            h = (h ^ (unsigned char)*p) * 1099511628211u;
        h = (h ^ 0xFF) * 1099511628211u;
    }
    return (size_t)(h ^ h >> 32);
}

static bool is_same(const struct series *s, enum metric id, const char *const labels[4]) {
    if (s->id != id)
        return false;
    for (int i = 0; i < METRIC_LABELS; i++) {
        if (!labels[i] || !s->labels[i])
            return labels[i] == s->labels[i];
        if (strcmp(labels[i], s->labels[i]) != 0)
            return false;
    }
    return true;
}

static void unmake(struct series *s) {
    for (int i = 0; i < METRIC_LABELS; i++)
        free(s->labels[i]);
    free(s->exemplars);
    free(s);
}

/* NULL when there is no memory. */
static struct series *make(enum metric id, const char *const labels[4]) {
    struct series *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->id = id;
    if (id == METRIC_HTTP_DURATION)
        s->exemplars = calloc(METRIC_BUCKETS + 1, sizeof *s->exemplars);
    for (int i = 0; i < METRIC_LABELS && labels[i]; i++)
        if (!(s->labels[i] = strdup(labels[i]))) {
            unmake(s);
            return NULL;
        }
    return s;
}

/* Some more than the bounds may be made by threads that come at the same moment. */
static bool has_room(enum metric id) {
    size_t most = id == METRIC_HTTP_DURATION ? SERIES_OF_HTTP : SERIES_OF_ONE;
    return atomic_load(&series_count) < SERIES_MAX && atomic_load(&series_counts[id]) < most;
}

/* Finds or makes; slots are only ever filled, so a reader needs no lock. */
static struct series *find(enum metric id, const char *const labels[4], bool may_make) {
    struct series *fresh = NULL;
    for (size_t i = hash(id, labels), n = 0; n < METRIC_SLOTS; i++, n++) {
        _Atomic(struct series *) *slot = &slots[i % METRIC_SLOTS];
        struct series *s = atomic_load_explicit(slot, memory_order_acquire);
        if (!s) {
            if (!may_make || !has_room(id))
                break;
            if (!fresh && (!may_be_made(id, labels) || !(fresh = make(id, labels))))
                break;
            if (atomic_compare_exchange_strong(slot, &s, fresh)) {
                atomic_fetch_add(&series_count, 1);
                atomic_fetch_add(&series_counts[id], 1);
                return fresh;
            }
        }
        if (is_same(s, id, labels)) {
            if (fresh)
                unmake(fresh);
            return s;
        }
    }
    if (fresh)
        unmake(fresh);
    return NULL;
}

/* As find; what is refused is counted, where there is room for that. */
static struct series *series_of(enum metric id, const char *const labels[4]) {
    struct series *s = find(id, labels, true), *refused;
    if (!s && (refused = find(METRIC_SERIES_REFUSED, (const char *[4]){ NULL }, true)))
        atomic_fetch_add_explicit(&refused->count, 1, memory_order_relaxed);
    return s;
}

void metric_add_(enum metric id, int64_t n, const char *const labels[4]) {
    struct series *s = series_of(id, labels);
    if (s)
        atomic_fetch_add_explicit(&s->count, n, memory_order_relaxed);
}

void metric_raise_(enum metric id, int64_t n, const char *const labels[4]) {
    struct series *s = series_of(id, labels);
    int64_t was = s ? atomic_load(&s->count) : n;
    while (was < n && !atomic_compare_exchange_weak(&s->count, &was, n))
        continue;
}

void metric_set_(enum metric id, double value, const char *const labels[4]) {
    struct series *s = series_of(id, labels);
    if (s)
        atomic_store_explicit(&s->value, value, memory_order_relaxed);
}

/* METRIC_BUCKETS for what is longer than all of them. */
static size_t bucket_of(int64_t us) {
    size_t i = 0;
    while (i < METRIC_BUCKETS && us > METRIC_BUCKET_TABLE[i].us)
        i++;
    return i;
}

void metric_observe_(enum metric id, int64_t us, const char *const labels[4]) {
    struct series *s = series_of(id, labels);
    if (!s)
        return;
    size_t i = bucket_of(us);
    if (i < METRIC_BUCKETS)
        atomic_fetch_add_explicit(&s->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->sum_us, us, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
}

void metric_exemplar_(enum metric id, int64_t us, const char *trace_id,
                      const char *const labels[4]) {
    struct series *s = find(id, labels, false);
    if (!s || !s->exemplars)
        return;
    struct exemplar *e = &s->exemplars[bucket_of(us)];
    if (atomic_flag_test_and_set_explicit(&e->is_taken, memory_order_acquire))
        return;
    str_copy(e->trace_id, sizeof e->trace_id, str_of(trace_id));
    e->us = us;
    e->wall_ms = ava_wall_ms();
    atomic_flag_clear_explicit(&e->is_taken, memory_order_release);
}

double metric_value(enum metric id, const char *const labels[4]) {
    struct series *s = find(id, labels, false);
    if (!s)
        return 0;
    return METRIC_TABLE[id].kind == GAUGE ? atomic_load(&s->value) : (double)atomic_load(&s->count);
}

/* --- from the start -------------------------------------------------------------------------- */

void metrics_know(const char *label, const char *value) {
    if (known_count == KNOWN_MAX)
        abort();
    known[known_count].label = label;
    known[known_count++].value = value;
}

/* All that this label and those behind it may be, with the values chosen for those before it. */
static void declare(enum metric id, struct str rest, const char *labels[4], int depth) {
    struct str values, label = metric_label(&rest, &values);
    char value[VALUE_BYTES];
    if (!label.ptr) {
        find(id, labels, true);
        return;
    }
    labels[depth] = value;
    for (size_t n = 0; value_at(label, values, n, value); n++)
        declare(id, rest, labels, depth + 1);
    labels[depth] = NULL;
}

void metrics_declare(void) {
    for (enum metric id = 0; id < METRIC_COUNT; id++) {
        const char *labels[4] = { NULL };
        declare(id, str_of(METRIC_TABLE[id].labels), labels, 0);
    }
}

void metrics_before_scrape(void (*fn)(void *arg), void *arg) {
    if (collector_count == COLLECTORS_MAX)
        abort();
    collectors[collector_count].fn = fn;
    collectors[collector_count++].arg = arg;
}

void metrics_scrape_without(const void *arg) {
    size_t kept = 0;
    for (size_t i = 0; i < collector_count; i++)
        if (collectors[i].arg != arg)
            collectors[kept++] = collectors[i];
    collector_count = kept;
}

size_t metrics_look(struct series *out[METRIC_SLOTS]) {
    size_t n = 0;
    for (size_t i = 0; i < collector_count; i++)
        collectors[i].fn(collectors[i].arg);
    for (size_t i = 0; i < METRIC_SLOTS; i++)
        if ((out[n] = atomic_load_explicit(&slots[i], memory_order_acquire)))
            n++;
    return n;
}
