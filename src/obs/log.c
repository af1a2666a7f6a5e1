#include "obs/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
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
    STOP_S = 2,
    FILE_MODE = 0640,
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t thread;
    struct buf waiting;
    bool has_thread, ends, as_json;
    int fd;
    const char *path; /* of the file that fd is; NULL: fd is somebody else's */
    int next_fd;      /* to be written to from the next line on; -1: none */
    bool is_torn;     /* the last line in fd has no end */
    bool has_told;    /* that fd takes nothing */
    _Atomic int level;
    atomic_bool is_behind; /* something waits, or is being written */
} log_state = { .lock = PTHREAD_MUTEX_INITIALIZER,
                .more = PTHREAD_COND_INITIALIZER,
                .as_json = true,
                .fd = 2,
                .next_fd = -1,
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
    log_state.path = NULL;
}

/* How much of it was written: all, or less where fd takes no more. */
static size_t write_all(int fd, const char *p, size_t len) {
    size_t done = 0;
    while (done < len) {
        ssize_t n = write(fd, p + done, len - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd ready = { .fd = fd, .events = POLLOUT };
            poll(&ready, 1, 1000);
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    return done;
}

/* On standard error, once until it works again. Where that is the log itself, nobody is told. */
static void tell_lost(int e) {
    SCOPED(buf_fini) struct buf line = { 0 };
    if (log_state.has_told || !log_state.path)
        return;
    log_state.has_told = true;
    buf_printf(&line,
               "ava: the log cannot be written to AVA_LOG_FILE (%s); lines are lost until it can\n",
               strerror(e));
    write_all(STDERR_FILENO, line.ptr, line.len);
}

/* Writes whole lines. What stays of one that did not fit is closed before the next, so that no two become one. */
static void write_lines(const char *p, size_t len) {
    if (log_state.is_torn && write_all(log_state.fd, "\n", 1) == 1)
        log_state.is_torn = false;
    size_t done = log_state.is_torn ? 0 : write_all(log_state.fd, p, len), lost = 0;
    if (done == len) {
        log_state.has_told = false;
        return;
    }
    tell_lost(errno);
    if (done)
        log_state.is_torn = p[done - 1] != '\n';
    for (size_t i = done; i < len; i++)
        lost += p[i] == '\n';
    metric_add(METRIC_LOG_LINES_DROPPED, (int64_t)lost);
}

/* Between two lines. */
static void take_next_file(void) {
    if (log_state.next_fd < 0)
        return;
    if (log_state.path)
        close(log_state.fd);
    log_state.fd = log_state.next_fd;
    log_state.next_fd = -1;
    log_state.is_torn = false;
}

/* -1 and *why when it cannot be. One that is made has its mode whatever the umask. */
static int open_file(const char *path, const char **why) {
    struct stat st;
    int how = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, how | O_CREAT | O_EXCL, FILE_MODE);
    if (fd >= 0)
        fchmod(fd, FILE_MODE);
    else if (errno == EEXIST)
        fd = open(path, how);
    if (fd < 0) {
        *why = strerror(errno);
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    *why = "it is no regular file";
    close(fd);
    return -1;
}

bool log_to_file(const char *path, const char **why) {
    int fd = open_file(path, why);
    if (fd < 0)
        return false;
    log_state.fd = fd;
    log_state.path = path;
    return true;
}

bool log_reopen(const char **why) {
    if (!log_state.path)
        return true;
    int fd = open_file(log_state.path, why);
    if (fd < 0)
        return false;
    pthread_mutex_lock(&log_state.lock);
    if (log_state.next_fd >= 0)
        close(log_state.next_fd);
    log_state.next_fd = fd;
    if (!log_state.has_thread)
        take_next_file();
    pthread_cond_signal(&log_state.more);
    pthread_mutex_unlock(&log_state.lock);
    return true;
}

static void *run(void *arg) {
    struct buf out = { 0 };
    pthread_mutex_lock(&log_state.lock);
    while (!log_state.ends || log_state.waiting.len) {
        take_next_file();
        if (log_state.waiting.len == 0) {
            atomic_store(&log_state.is_behind, false);
            pthread_cond_wait(&log_state.more, &log_state.lock);
            continue;
        }
        struct buf swap = log_state.waiting;
        log_state.waiting = out;
        out = swap;
        pthread_mutex_unlock(&log_state.lock);
        write_lines(out.ptr, out.len);
        buf_clear(&out);
        pthread_mutex_lock(&log_state.lock);
    }
    atomic_store(&log_state.is_behind, false);
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
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_S;
    /* Nobody may read any more what it writes to: then it ends with the process. */
    if (pthread_timedjoin_np(log_state.thread, NULL, &until) != 0)
        return;
    log_state.has_thread = false;
    buf_fini(&log_state.waiting);
}

/* Files are looked at on terminals: what is not plain is written as \uXXXX. */
static void json_line(struct buf *out, enum log_level level, const struct ctx *ctx,
                      const char *event, const struct log_field *fields, size_t count) {
    SCOPED(buf_fini) struct buf raw = { 0 };
    struct jsonw w = jsonw_to(&raw);
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
    plain_put(out, buf_view(&raw));
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
        write_lines(line.ptr, line.len);
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
