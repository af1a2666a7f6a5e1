#include "net/exporter.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "config/traces.h"
#include "net/client.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/otlp.h"

enum {
    BATCH_BYTES = 2 << 20,
    BODY_KEPT_BYTES = 1 << 20,
    ANSWER_BYTES = 64 << 10,
    ARENA_BYTES = 1 << 20,
    CONNECT_MS = 3500,
    PAUSE_MIN_MS = 1000,
    PAUSE_MAX_MS = 60 * 1000,
    RETRY_AFTER_MAX_MS = 300 * 1000,
    KEPT_MS = 300 * 1000, /* a batch that is tried again and again */
    GROW_AFTER = 100,     /* requests that were taken, before larger ones are tried again */
    PARTS_MAX = 16,       /* that wait at once: halves of halves of a batch */
};

struct exporter {
    struct exporter_conf conf;
    struct tracer *tracer;
    char *url, *service, *instance;
    struct secret headers;
    struct buf
        body; /* of the request; kept, since new pages cost more than what is written there */
    _Atomic int64_t not_after_ms; /* INT64_MAX until exporter_stop */
    int64_t pause_ms;             /* after the next failure; 0: none since it last worked */
    bool is_told;
    size_t spans_max; /* of one request: fewer once the collector said that it was too large */
    size_t taken;     /* requests in a row */
};

struct exporter *exporter_new(const struct exporter_conf *conf, struct tracer *tracer) {
    struct exporter *e = memory_zeroed(1, sizeof *e);
    size_t room = strlen(conf->endpoint) + sizeof "/v1/traces";
    e->conf = *conf;
    e->conf.endpoint = NULL;
    e->conf.headers = NULL;
    e->conf.service = e->service = memory_copy(conf->service);
    e->conf.instance = e->instance = memory_copy(conf->instance);
    e->tracer = tracer;
    e->headers = *conf->headers;
    e->spans_max = conf->batch_spans;
    e->url = memory_take(room);
    str_copy(e->url, room, str_of(conf->endpoint));
    memcpy(e->url + room - sizeof "/v1/traces", "/v1/traces", sizeof "/v1/traces");
    atomic_init(&e->not_after_ms, INT64_MAX);
    return e;
}

void exporter_free(struct exporter *e) {
    if (!e)
        return;
    secret_wipe(&e->headers);
    buf_fini(&e->body);
    free(e->url);
    free(e->service);
    free(e->instance);
    free(e);
}

static bool is_stopping(const struct exporter *e) {
    return atomic_load(&e->not_after_ms) != INT64_MAX;
}

/* --- one request ----------------------------------------------------------------------------- */

/* What became of a batch. */
enum verdict { TAKEN, LATER, TOO_LARGE, REFUSED };

struct sending {
    struct exporter *exporter;
    const struct segment *first;
    struct client_call call;
    enum verdict verdict;
    const char *why;  /* it was not taken, or is not known to be; NULL: all is well */
    int64_t rejected; /* of those that were taken as a whole */
    int64_t later_ms; /* after which it wants them again; 0: it did not say */
};

static void encode(struct sending *s) {
    buf_clear(&s->exporter->body);
    const struct exporter_conf *c = &s->exporter->conf;
    const struct otlp_source from = { c->service, AVA_VERSION, c->instance };
    (c->is_json ? otlp_json_write : otlp_protobuf_write)(&s->exporter->body, &from, s->first);
}

/* The head of what it answered means "later"; 0: it does not say when. */
static int64_t read_later_ms(const struct client_call *call) {
    int64_t seconds, then_ms, now_ms;
    if (!call->retry_after)
        return 0;
    struct str said = str_trim(str_of(call->retry_after));
    if (str_to_i64(said, 0, INT64_MAX, &seconds))
        return seconds < RETRY_AFTER_MAX_MS / 1000 ? seconds * 1000 : RETRY_AFTER_MAX_MS;
    if (!clock_parse_http_date(said.ptr, said.len, &then_ms))
        return 0;
    if (!call->date || !clock_parse_http_date(call->date, strlen(call->date), &now_ms))
        now_ms = ava_wall_ms();
    int64_t left_ms = then_ms > now_ms ? then_ms - now_ms : 0;
    return left_ms < RETRY_AFTER_MAX_MS ? left_ms : RETRY_AFTER_MAX_MS;
}

/* It says that it took them: all of them? */
static void judge_good(struct sending *s) {
    bool is_json = s->exporter->conf.is_json;
    s->verdict = TAKEN;
    s->rejected = (is_json ? otlp_json_rejected : otlp_protobuf_rejected)(s->call.answer);
    if (s->rejected == OTLP_NO_ANSWER)
        s->why = "it answers something that is not OTLP; is this the address of a collector?";
    else if (s->rejected)
        s->why = "it takes only some of what it is sent";
}

static void judge_status(struct sending *s) {
    int status = s->call.status;
    s->verdict = REFUSED;
    if (status >= 200 && status < 300) {
        judge_good(s);
    } else if (status == 429 || status == 502 || status == 503 || status == 504) {
        s->verdict = LATER;
        s->later_ms = read_later_ms(&s->call);
        s->why = status == 429 ? "it asks us to slow down" : "it is not available";
    } else if (status == 413) {
        s->verdict = TOO_LARGE;
        s->why = "it takes only smaller requests";
    } else if (status == 401 || status == 403) {
        s->why = "it does not let us in; look at OTEL_EXPORTER_OTLP_HEADERS";
    } else if (status >= 300 && status < 400) {
        s->why = "it redirects, which is not followed; set OTEL_EXPORTER_OTLP_ENDPOINT to where it "
                 "leads";
    } else if (status == 404 || status == 405) {
        s->why = "it knows no /v1/traces; look at OTEL_EXPORTER_OTLP_ENDPOINT";
    } else {
        s->why = "it refuses what it is sent; look at OTEL_EXPORTER_OTLP_PROTOCOL";
    }
}

static void judge(struct sending *s) {
    s->why = NULL;
    s->rejected = s->later_ms = 0;
    switch (s->call.result) {
    case CLIENT_DONE:
        judge_status(s);
        return;
    case CLIENT_TOO_LARGE:
        if (s->call.status < 200 || s->call.status > 299) {
            judge_status(s);
            return;
        }
        s->verdict = TAKEN;
        s->rejected = OTLP_NO_ANSWER;
        s->why = "its answer is far too long";
        return;
    case CLIENT_TLS:
        s->why = "its certificate cannot be verified, or it does not speak TLS";
        break;
    case CLIENT_GARBLED:
        s->why = "it answers something that is not HTTP";
        break;
    case CLIENT_TIMEOUT:
        s->why = "it does not answer in time";
        break;
    case CLIENT_UNREACHED:
        s->why = "nobody answers at its address";
        break;
    default:
        s->why = "the connection breaks";
    }
    s->verdict = LATER;
}

static void post(struct sending *s, struct arena *a) {
    struct exporter *e = s->exporter;
    const char *lines[TRACES_HEADERS_MAX + 2], *why;
    int own = traces_headers_parse(a, secret_reveal(&e->headers), lines, &why);
    size_t count = own > 0 ? (size_t)own : 0,
           secrets = count; /* settings were judged at the start */
    lines[count++] =
        e->conf.is_json ? "Content-Type: application/json" : "Content-Type: application/x-protobuf";
    lines[count++] = "User-Agent: Ava/" AVA_VERSION;
    s->call = (struct client_call){ .method = "POST",
                                    .url = e->url,
                                    .headers = lines,
                                    .header_count = count,
                                    .body = buf_view(&e->body),
                                    .timeout_ms = e->conf.timeout_ms,
                                    .first_byte_ms = e->conf.timeout_ms,
                                    .connect_ms = CONNECT_MS,
                                    .body_max_bytes = ANSWER_BYTES,
                                    .not_after_ms = &e->not_after_ms,
                                    .may_resend = true,
                                    .arena = a };
    client_fetch(client_self(), &s->call);
    judge(s);
    for (size_t i = 0; i < secrets; i++)
        explicit_bzero((char *)lines[i], strlen(lines[i]));
}

/* --- told once ------------------------------------------------------------------------------- */

static void tell(struct exporter *e, const struct sending *s) {
    bool is_bad = s->why != NULL;
    if (is_bad == e->is_told || (is_bad && is_stopping(e)))
        return;
    e->is_told = is_bad;
    if (is_bad)
        log_warn(NULL, "traces", L("taken", "no"), L("status", s->call.status), L("why", s->why),
                 L("then", "spans that cannot be sent are dropped and counted; this is said once, "
                           "until it works again"));
    else
        log_info(NULL, "traces", L("taken", "yes"), L("why", "the collector works again"));
}

/* --- a batch --------------------------------------------------------------------------------- */

static void count(size_t spans, const char *result) {
    if (spans)
        metric_add(METRIC_TRACES_SPANS, (int64_t)spans, result);
}

/* How long nothing is sent after this failure: longer each time, and never in step with others. */
static int64_t next_pause(struct exporter *e, int64_t asked_ms) {
    int64_t pause_ms = e->pause_ms ? e->pause_ms : PAUSE_MIN_MS;
    e->pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    pause_ms += (int64_t)ava_rand_below((uint64_t)pause_ms / 2);
    return asked_ms > pause_ms ? asked_ms : pause_ms;
}

/* Sleeps through the pause, but not once it is to stop. */
static void rest(struct exporter *e, int64_t ms) {
    int64_t until_ms = ava_now_ms() + ms;
    while (!is_stopping(e) && ava_now_ms() < until_ms)
        tracer_wait(e->tracer, SIZE_MAX, until_ms);
}

static void count_taken(const struct sending *s) {
    size_t spans = segments_spans(s->first), rejected = 0;
    if (s->rejected > 0)
        rejected = (uint64_t)s->rejected > spans ? spans : (size_t)s->rejected;
    count(spans - rejected, s->rejected < 0 ? "not_told" : "exported");
    count(rejected, "refused");
}

/* It works: larger requests and shorter pauses may be tried again. */
static void note_taken(struct exporter *e) {
    e->pause_ms = 0;
    if (++e->taken % GROW_AFTER == 0 && e->spans_max < e->conf.batch_spans)
        e->spans_max =
            e->spans_max * 2 < e->conf.batch_spans ? e->spans_max * 2 : e->conf.batch_spans;
}

/* Sends a batch until it is taken, refused, too large or too old, and counts what became of it; one that is
 * too large is the caller's to divide. */
static enum verdict send_batch(struct exporter *e, const struct segment *first) {
    struct sending s = { .exporter = e, .first = first, .verdict = LATER };
    int64_t began_ms = ava_now_ms();
    encode(&s);
    for (;;) {
        struct arena *a = arena_new(ARENA_BYTES);
        post(&s, a);
        tell(e, &s);
        arena_free(a);
        if (s.verdict != LATER || is_stopping(e) || ava_now_ms() - began_ms >= KEPT_MS)
            break;
        rest(e, next_pause(e, s.later_ms));
    }
    if (e->body.room > BODY_KEPT_BYTES)
        buf_fini(&e->body);
    if (s.verdict == TAKEN) {
        count_taken(&s);
        note_taken(e);
    } else if (s.verdict != TOO_LARGE) {
        count(segments_spans(first), s.verdict == LATER ? "unreachable" : "refused");
        rest(e, next_pause(e, 0));
    }
    return s.verdict;
}

/* Cuts the list behind its first half. */
static struct segment *second_half(struct segment *first) {
    struct segment *middle = first;
    for (const struct segment *end = first->next; end && end->next; end = end->next->next)
        middle = middle->next;
    struct segment *second = middle->next;
    middle->next = NULL;
    return second;
}

/* Frees the parts that nobody sends any more. */
static void drop(struct segment *const *parts, size_t n) {
    while (n) {
        count(segments_spans(parts[--n]), "too_large");
        segments_free(parts[n]);
    }
}

/* In halves, where the collector says that it is too large. When even one segment alone is, and nothing
 * was taken before it, smaller requests do not help: the rest of the batch is given up. */
static void send_in_parts(struct exporter *e, struct segment *first) {
    struct segment *parts[PARTS_MAX] = { first };
    bool is_any_taken = false;
    for (size_t n = 1; n;) {
        struct segment *part = parts[n - 1];
        enum verdict v = send_batch(e, part);
        is_any_taken |= v == TAKEN;
        if (v == TOO_LARGE && part->next && n < PARTS_MAX) {
            e->spans_max = segments_spans(part) / 2 + 1;
            parts[n++] = second_half(part);
            continue;
        }
        if (v == TOO_LARGE && !is_any_taken) {
            drop(parts, n);
            rest(e, next_pause(e, 0));
            return;
        }
        if (v == TOO_LARGE)
            count(segments_spans(part), "too_large");
        segments_free(part);
        n--;
    }
}

static bool is_over(const struct exporter *e) {
    return ava_now_ms() >= atomic_load(&e->not_after_ms);
}

/* Whole batches, and once the delay is over all that waits. */
static void send_waiting(struct exporter *e, bool is_due) {
    size_t left = tracer_waiting(e->tracer);
    while ((left >= e->spans_max || (is_due && left)) && !is_over(e)) {
        struct segment *batch = tracer_next(e->tracer, e->spans_max, BATCH_BYTES);
        size_t spans = segments_spans(batch);
        left -= spans < left ? spans : left;
        if (batch)
            send_in_parts(e, batch);
    }
}

static void run(void *arg) {
    struct exporter *e = arg;
    int64_t next_ms = ava_now_ms() + e->conf.delay_ms;
    while (!is_stopping(e)) {
        tracer_wait(e->tracer, e->spans_max, next_ms);
        bool is_due = is_stopping(e) || ava_now_ms() >= next_ms;
        send_waiting(e, is_due);
        if (is_due)
            next_ms = ava_now_ms() + e->conf.delay_ms;
    }
    send_waiting(e, true); /* what came while it was asked to stop */
    e->conf.done(e->conf.done_arg);
}

void exporter_start(struct exporter *e) {
    if (!fiber_run(run, e))
        abort(); /* one of the first fibers of its loop */
}

void exporter_stop(struct exporter *e, int64_t within_ms) {
    if (!e)
        return;
    atomic_store(&e->not_after_ms, ava_now_ms() + within_ms);
    tracer_wake(e->tracer);
}
