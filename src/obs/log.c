#include "obs/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/defs.h"
#include "base/jsonw.h"
#include "base/plain.h"
#include "obs/ctx.h"
#include "obs/metrics.h"

enum {
    BUFFER_MAX_BYTES = 4 << 20,
    REST_NS = 10 * 1000 * 1000, /* half a second in all, before an abort */
    RESTS = 50,
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t thread;
    struct buf waiting;
    bool has_thread, ends, as_json;
    int fd;
    _Atomic int level;
    atomic_bool is_behind; /* something waits, or is being written */
} log_state = { .lock = PTHREAD_MUTEX_INITIALIZER,
                .more = PTHREAD_COND_INITIALIZER,
                .as_json = true,
                .fd = 2,
                .level = LOG_INFO };

static const char *const LEVELS[] = { "debug", "info", "warn", "error" };

enum log_level log_level(void) {
    return (enum log_level)atomic_load_explicit(&log_state.level, memory_order_relaxed);
}

enum log_level log_level_parse(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(LEVELS); i++)
        if (strcmp(name, LEVELS[i]) == 0)
            return (enum log_level)i;
    return strcmp(name, "off") == 0 ? LOG_OFF : LOG_INFO;
}

void log_set_level(enum log_level level) {
    atomic_store(&log_state.level, (int)level);
}

void log_setup(enum log_level level, bool as_json, int fd) {
    log_set_level(level);
    log_state.as_json = as_json;
    log_state.fd = fd;
}

static void write_all(int fd, const char *p, size_t len) {
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd ready = { .fd = fd, .events = POLLOUT };
            poll(&ready, 1, 1000);
        } else if (n < 0 && errno != EINTR) {
            return; /* nobody reads: there is no better place to say so */
        }
    }
}

static void *run(void *arg) {
    struct buf out = { 0 };
    pthread_mutex_lock(&log_state.lock);
    while (!log_state.ends || log_state.waiting.len) {
        if (log_state.waiting.len == 0) {
            atomic_store(&log_state.is_behind, false);
            pthread_cond_wait(&log_state.more, &log_state.lock);
            continue;
        }
        struct buf swap = log_state.waiting;
        log_state.waiting = out;
        out = swap;
        pthread_mutex_unlock(&log_state.lock);
        write_all(log_state.fd, out.ptr, out.len);
        buf_clear(&out);
        pthread_mutex_lock(&log_state.lock);
    }
    pthread_mutex_unlock(&log_state.lock);
    buf_fini(&out);
    return NULL;
}

/* Whatever ends the process says why in its last lines: the thread gets the time to write them. */
static void on_abort(int signal) {
    struct timespec rest = { .tv_nsec = REST_NS };
    for (int i = 0; i < RESTS && atomic_load(&log_state.is_behind); i++)
        nanosleep(&rest, NULL);
}

void log_start(void) {
    signal(SIGABRT, on_abort);
    log_state.ends = false;
    log_state.has_thread = pthread_create(&log_state.thread, NULL, run, NULL) == 0;
}

void log_stop(void) {
    if (!log_state.has_thread)
        return;
    pthread_mutex_lock(&log_state.lock);
    log_state.ends = true;
    pthread_cond_signal(&log_state.more);
    pthread_mutex_unlock(&log_state.lock);
    pthread_join(log_state.thread, NULL);
    log_state.has_thread = false;
    buf_fini(&log_state.waiting);
}

static void json_line(struct buf *out, enum log_level level, const struct ctx *ctx,
                      const char *event, const struct log_field *fields, size_t count) {
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_time_at(&w, "time", ava_wall_ms());
    jsonw_text_at(&w, "level", LEVELS[level]);
    jsonw_text_at(&w, "event", event);
    if (ctx) {
        jsonw_text_at(&w, "correlation_id", ctx->correlation_id);
        jsonw_text_at(&w, "trace_id", ctx->trace.trace_id);
        if (ctx->who.user_id[0])
            jsonw_text_at(&w, "user_id", ctx->who.user_id);
        if (ctx->who.workspace_id[0])
            jsonw_text_at(&w, "workspace_id", ctx->who.workspace_id);
    }
    for (size_t i = 0; i < count; i++) {
        const struct log_field *f = &fields[i];
        jsonw_key(&w, f->key);
        if (f->kind == LOG_TEXT_)
            jsonw_text(&w, f->as.text);
        else if (f->kind == LOG_INT_)
            jsonw_i64(&w, f->as.number);
        else if (f->kind == LOG_DOUBLE_)
            jsonw_double(&w, f->as.real);
        else
            jsonw_bool(&w, f->as.number != 0);
    }
    jsonw_object_end(&w);
    buf_char(out, '\n');
}

/* Quoted and escaped: a value can not forge a line, nor speak to the terminal. */
static void put_text(struct buf *out, const char *text) {
    SCOPED(buf_fini) struct buf quoted = { 0 };
    struct jsonw w = jsonw_to(&quoted);
    jsonw_text(&w, text);
    plain_put(out, buf_view(&quoted));
}

static void text_line(struct buf *out, enum log_level level, const struct ctx *ctx,
                      const char *event, const struct log_field *fields, size_t count) {
    char time[32];
    clock_rfc3339(ava_wall_ms(), time);
    buf_printf(out, "%s %-5s %s", time, LEVELS[level], event);
    for (size_t i = 0; i < count; i++) {
        const struct log_field *f = &fields[i];
        struct jsonw w = jsonw_to(out);
        buf_printf(out, " %s=", f->key);
        if (f->kind == LOG_TEXT_)
            put_text(out, f->as.text);
        else if (f->kind == LOG_DOUBLE_)
            jsonw_double(&w, f->as.real);
        else
            buf_i64(out, f->as.number);
    }
    if (ctx)
        buf_printf(out, " correlation_id=%s", ctx->correlation_id);
    buf_char(out, '\n');
}

/* What a request ended with is counted by the code of its problem, where that is written. */
static void count_message(enum log_level level, const char *event) {
    if ((level == LOG_WARN || level == LOG_ERROR) && strcmp(event, "request") != 0)
        metric_add(METRIC_LOG_MESSAGES, 1, LEVELS[level], event);
}

void log_write(enum log_level level, const struct ctx *ctx, const char *event,
               const struct log_field *fields, size_t count) {
    SCOPED(buf_fini) struct buf line = { 0 };
    if (log_state.as_json)
        json_line(&line, level, ctx, event, fields, count);
    else
        text_line(&line, level, ctx, event, fields, count);
    count_message(level, event);
    if (!log_state.has_thread) {
        write_all(log_state.fd, line.ptr, line.len);
        return;
    }
    pthread_mutex_lock(&log_state.lock);
    bool fits = log_state.waiting.len + line.len <= BUFFER_MAX_BYTES;
    if (fits) {
        if (log_state.waiting.len == 0)
            pthread_cond_signal(&log_state.more);
        buf_put(&log_state.waiting, line.ptr, line.len);
        atomic_store(&log_state.is_behind, true);
    }
    pthread_mutex_unlock(&log_state.lock);
    if (!fits)
        metric_add(METRIC_LOG_LINES_DROPPED, 1);
}
