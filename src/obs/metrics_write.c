/* The two text forms. OpenMetrics calls a counter without its "_total", says units, shows exemplars and
 * ends with "# EOF". */
#include <stdlib.h>
#include <string.h>

#include "obs/metrics_series.h"

struct writing {
    struct buf *out;
    bool is_open; /* OpenMetrics */
};

/* a="x",b="y" with the extra label where there is one. */
static void write_labels(struct buf *out, const struct series *s, const char *le) {
    struct str values, label, rest = str_of(METRIC_TABLE[s->id].labels);
    char open = '{';
    for (int i = 0; i < METRIC_LABELS && (label = metric_label(&rest, &values)).ptr; i++) {
        buf_char(out, open);
        open = ',';
        buf_str(out, label);
        buf_text(out, "=\"");
        for (const char *p = s->labels[i] ? s->labels[i] : ""; *p; p++) {
            if (*p == '\\' || *p == '"' || *p == '\n')
                buf_char(out, '\\');
            buf_char(out, *p == '\n' ? 'n' : *p);
        }
        buf_char(out, '"');
    }
    if (le) {
        buf_printf(out, "%cle=\"%s\"", open, le);
        open = ',';
    }
    if (open == ',')
        buf_char(out, '}');
    buf_char(out, ' ');
}

static void write_name(struct buf *out, const struct series *s, const char *suffix,
                       const char *le) {
    buf_text(out, METRIC_TABLE[s->id].name);
    buf_text(out, suffix);
    write_labels(out, s, le);
}

static void write_exemplar(const struct writing *w, struct exemplar *e) {
    if (!w->is_open || !e || atomic_flag_test_and_set_explicit(&e->is_taken, memory_order_acquire))
        return;
    if (e->trace_id[0])
        buf_printf(w->out, " # {trace_id=\"%s\"} %.6f %.3f", e->trace_id, (double)e->us / 1e6,
                   (double)e->wall_ms / 1e3);
    atomic_flag_clear_explicit(&e->is_taken, memory_order_release);
}

static void write_bucket(const struct writing *w, struct series *s, size_t i, int64_t count) {
    write_name(w->out, s, "_bucket", i < METRIC_BUCKETS ? METRIC_BUCKET_TABLE[i].text : "+Inf");
    buf_printf(w->out, "%lld", (long long)count);
    write_exemplar(w, s->exemplars ? &s->exemplars[i] : NULL);
    buf_char(w->out, '\n');
}

static void write_histogram(const struct writing *w, struct series *s) {
    int64_t running = 0, count = atomic_load(&s->count);
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        running += atomic_load(&s->buckets[i]);
        write_bucket(w, s, i, running);
    }
    if (count < running)
        count = running; /* an observation came between the two reads */
    write_bucket(w, s, METRIC_BUCKETS, count);
    write_name(w->out, s, "_sum", NULL);
    buf_printf(w->out, "%.6f\n", (double)atomic_load(&s->sum_us) / 1e6);
    write_name(w->out, s, "_count", NULL);
    buf_printf(w->out, "%lld\n", (long long)count);
}

static void write_series(const struct writing *w, struct series *s) {
    enum metric_kind kind = METRIC_TABLE[s->id].kind;
    if (kind == HISTOGRAM) {
        write_histogram(w, s);
        return;
    }
    write_name(w->out, s, "", NULL);
    if (kind == GAUGE)
        buf_printf(w->out, "%.15g\n", atomic_load(&s->value));
    else if (kind == MICROS)
        buf_printf(w->out, "%.6f\n", (double)atomic_load(&s->count) / 1e6);
    else
        buf_printf(w->out, "%lld\n", (long long)atomic_load(&s->count));
}

static void write_head(const struct writing *w, const struct metric_row *m) {
    static const char *const KINDS[] = { "counter", "counter", "gauge", "histogram" };
    static const char *const UNITS[] = { "seconds", "bytes", "dollars" };
    struct str name = str_of(m->name);
    if (w->is_open && m->kind <= MICROS)
        name.len -= strlen("_total");
    buf_printf(w->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", STR_FMT(name), m->help, STR_FMT(name),
               KINDS[m->kind]);
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS && w->is_open; i++)
        if (str_ends(name, str_of(UNITS[i])))
            buf_printf(w->out, "# UNIT %.*s %s\n", STR_FMT(name), UNITS[i]);
}

static int by_id(const void *a, const void *b) {
    const struct series *x = *(struct series *const *)a, *y = *(struct series *const *)b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    for (int i = 0; i < METRIC_LABELS && x->labels[i] && y->labels[i]; i++) {
        int order = strcmp(x->labels[i], y->labels[i]);
        if (order)
            return order;
    }
    return 0;
}

void metrics_write(struct buf *out, enum metrics_form form) {
    struct writing w = { out, form == METRICS_OPEN };
    struct series **all = calloc(METRIC_SLOTS, sizeof(struct series *));
    if (!all)
        return;
    size_t n = metrics_look(all);
    qsort(all, n, sizeof(struct series *), by_id);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || all[i]->id != all[i - 1]->id)
            write_head(&w, &METRIC_TABLE[all[i]->id]);
        write_series(&w, all[i]);
    }
    if (w.is_open)
        buf_text(out, "# EOF\n");
    free(all);
}
