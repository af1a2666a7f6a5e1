#include "obs/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "base/str.h"

enum { SLOTS = 8192, SERIES_MAX = 6000, LABELS_MAX = 3, COLLECTORS_MAX = 16 };

enum kind { COUNTER, GAUGE, HISTOGRAM };

static const struct {
    enum kind kind;
    const char *name, *labels, *help;
} TABLE[METRIC_COUNT] = {
#define METRIC(name, kind, text, labels, help) [METRIC_##name] = { kind, text, labels, help },
#include "obs/metrics.def"
#undef METRIC
};

static const struct {
    int64_t us;
    const char *text;
} BUCKETS[] = { { 500, "0.0005" },  { 1000, "0.001" }, { 2500, "0.0025" }, { 5000, "0.005" },
                { 10000, "0.01" },  { 20000, "0.02" }, { 50000, "0.05" },  { 100000, "0.1" },
                { 250000, "0.25" }, { 500000, "0.5" }, { 1000000, "1" },   { 2500000, "2.5" },
                { 5000000, "5" },   { 10000000, "10" } };

static const struct metric_info INFO[METRIC_COUNT] = {
#define METRIC(name, kind, text, labels, help) [METRIC_##name] = { text, #kind, labels, help },
#include "obs/metrics.def"
#undef METRIC
};

const struct metric_info *metric_info(enum metric id) {
    return &INFO[id];
}

struct series {
    enum metric id;
    char *labels[LABELS_MAX];
    _Atomic int64_t count; /* counter, or observations */
    _Atomic int64_t sum_us;
    _Atomic double value; /* gauge */
    _Atomic int64_t buckets[ARRAY_LEN(BUCKETS)];
};

static _Atomic(struct series *) slots[SLOTS];
static atomic_size_t series_count;

static struct {
    void (*fn)(void *);
    void *arg;
} collectors[COLLECTORS_MAX];
static size_t collector_count;

static size_t hash(enum metric id, const char *const labels[4]) {
    uint64_t h = 1469598103934665603u ^ (uint64_t)id;
    for (int i = 0; i < LABELS_MAX && labels[i]; i++) {
        for (const char *p = labels[i]; *p; p++)
            h = (h ^ (unsigned char)*p) * 1099511628211u;
        h = (h ^ 0xFF) * 1099511628211u;
    }
    return (size_t)(h ^ h >> 32);
}

static bool is_same(const struct series *s, enum metric id, const char *const labels[4]) {
    if (s->id != id)
        return false;
    for (int i = 0; i < LABELS_MAX; i++) {
        if (!labels[i] || !s->labels[i])
            return labels[i] == s->labels[i];
        if (strcmp(labels[i], s->labels[i]) != 0)
            return false;
    }
    return true;
}

static struct series *make(enum metric id, const char *const labels[4]) {
    struct series *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->id = id;
    for (int i = 0; i < LABELS_MAX && labels[i]; i++)
        s->labels[i] = strdup(labels[i]);
    return s;
}

static void unmake(struct series *s) {
    for (int i = 0; i < LABELS_MAX; i++)
        free(s->labels[i]);
    free(s);
}

/* Finds or makes; slots are only ever filled, so a reader needs no lock. */
static struct series *find(enum metric id, const char *const labels[4], bool may_make) {
    struct series *fresh = NULL;
    for (size_t i = hash(id, labels), n = 0; n < SLOTS; i++, n++) {
        _Atomic(struct series *) *slot = &slots[i % SLOTS];
        struct series *s = atomic_load_explicit(slot, memory_order_acquire);
        if (!s) {
            if (!may_make || atomic_load(&series_count) >= SERIES_MAX)
                break;
            if (!fresh && !(fresh = make(id, labels)))
                break;
            if (atomic_compare_exchange_strong(slot, &s, fresh)) {
                atomic_fetch_add(&series_count, 1);
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

void metric_add_(enum metric id, int64_t n, const char *const labels[4]) {
    struct series *s = find(id, labels, true);
    if (s)
        atomic_fetch_add_explicit(&s->count, n, memory_order_relaxed);
}

void metric_set_(enum metric id, double value, const char *const labels[4]) {
    struct series *s = find(id, labels, true);
    if (s)
        atomic_store_explicit(&s->value, value, memory_order_relaxed);
}

void metric_observe_(enum metric id, int64_t us, const char *const labels[4]) {
    struct series *s = find(id, labels, true);
    if (!s)
        return;
    for (size_t i = 0; i < ARRAY_LEN(BUCKETS); i++) {
        if (us <= BUCKETS[i].us) {
            atomic_fetch_add_explicit(&s->buckets[i], 1, memory_order_relaxed);
            break;
        }
    }
    atomic_fetch_add_explicit(&s->sum_us, us, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
}

double metric_value(enum metric id, const char *const labels[4]) {
    struct series *s = find(id, labels, false);
    if (!s)
        return 0;
    return TABLE[id].kind == GAUGE ? atomic_load(&s->value) : (double)atomic_load(&s->count);
}

void metrics_declare_services(const char *const *services, size_t count) {
    for (enum metric id = 0; id < METRIC_COUNT; id++)
        for (size_t i = 0; i < count && strcmp(TABLE[id].labels, "service") == 0; i++)
            find(id, (const char *[4]){ services[i] }, true);
    for (enum metric id = 0; id < METRIC_COUNT; id++)
        if (TABLE[id].labels[0] == 0)
            find(id, (const char *[4]){ NULL }, true);
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

/* name{a="x",b="y"} with the extra label where there is one. */
static void write_name(struct buf *out, const struct series *s, const char *suffix,
                       const char *extra, const char *extra_value) {
    buf_text(out, TABLE[s->id].name);
    buf_text(out, suffix);
    struct str rest = str_of(TABLE[s->id].labels);
    char open = '{';
    for (int i = 0; rest.ptr && rest.len && i < LABELS_MAX; i++) {
        struct str name = str_cut(rest, ',', &rest);
        buf_char(out, open);
        open = ',';
        buf_str(out, name);
        buf_text(out, "=\"");
        for (const char *p = s->labels[i] ? s->labels[i] : ""; *p; p++) {
            if (*p == '\\' || *p == '"' || *p == '\n')
                buf_char(out, '\\');
            buf_char(out, *p == '\n' ? 'n' : *p);
        }
        buf_char(out, '"');
    }
    if (extra) {
        buf_char(out, open);
        open = ',';
        buf_printf(out, "%s=\"%s\"", extra, extra_value);
    }
    if (open == ',')
        buf_char(out, '}');
    buf_char(out, ' ');
}

static void write_series(struct buf *out, struct series *s) {
    if (TABLE[s->id].kind == GAUGE) {
        write_name(out, s, "", NULL, NULL);
        buf_printf(out, "%.15g\n", atomic_load(&s->value));
        return;
    }
    if (TABLE[s->id].kind == COUNTER) {
        write_name(out, s, "", NULL, NULL);
        buf_printf(out, "%lld\n", (long long)atomic_load(&s->count));
        return;
    }
    int64_t running = 0, count = atomic_load(&s->count);
    for (size_t i = 0; i < ARRAY_LEN(BUCKETS); i++) {
        running += atomic_load(&s->buckets[i]);
        write_name(out, s, "_bucket", "le", BUCKETS[i].text);
        buf_printf(out, "%lld\n", (long long)running);
    }
    if (count < running)
        count = running; /* an observation came between the two reads */
    write_name(out, s, "_bucket", "le", "+Inf");
    buf_printf(out, "%lld\n", (long long)count);
    write_name(out, s, "_sum", NULL, NULL);
    buf_printf(out, "%.6f\n", (double)atomic_load(&s->sum_us) / 1e6);
    write_name(out, s, "_count", NULL, NULL);
    buf_printf(out, "%lld\n", (long long)count);
}

static int by_id(const void *a, const void *b) {
    const struct series *x = *(struct series *const *)a, *y = *(struct series *const *)b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    for (int i = 0; i < LABELS_MAX && x->labels[i] && y->labels[i]; i++) {
        int order = strcmp(x->labels[i], y->labels[i]);
        if (order)
            return order;
    }
    return 0;
}

void metrics_write(struct buf *out) {
    static const char *const KINDS[] = { "counter", "gauge", "histogram" };
    for (size_t i = 0; i < collector_count; i++)
        collectors[i].fn(collectors[i].arg);

    struct series **all = calloc(SLOTS, sizeof(struct series *));
    size_t n = 0;
    if (!all)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        if ((all[n] = atomic_load_explicit(&slots[i], memory_order_acquire)))
            n++;
    qsort(all, n, sizeof(struct series *), by_id);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || all[i]->id != all[i - 1]->id)
            buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", TABLE[all[i]->id].name,
                       TABLE[all[i]->id].help, TABLE[all[i]->id].name,
                       KINDS[TABLE[all[i]->id].kind]);
        write_series(out, all[i]);
    }
    free(all);
}
