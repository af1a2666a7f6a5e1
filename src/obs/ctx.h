/* ctx: who asks for what, until when, and under which correlation id.
 *
 * The first argument of everything above net/ and http/. One per request or job; what it makes
 * lives in its arena. parts are the long-lived machines, made by cli/ and only lent here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "obs/trace.h"

struct config;
struct db;
struct vault;
struct upstream;
struct accounts;
struct lending;
struct turns;
struct jobs;
struct feed;
struct task_kinds;
struct ctx;
struct db_conn;
struct tracer;
struct audit_verifier;
struct spans;
struct book;

struct parts {
    const struct config *config;
    struct db *db;
    struct vault *vault;
    struct upstream *upstream;
    struct accounts *accounts;
    struct lending *lending;
    struct turns *turns;
    struct hosts *hosts; /* NULL: the database is this run's alone */
    struct kv *kv;       /* what hosts count together; NULL: each for itself */
    struct jobs *jobs;
    struct feed *feed;               /* NULL in commands: nobody watches */
    struct tracer *tracer;           /* NULL: nobody wants traces */
    struct audit_verifier *verifier; /* NULL in commands */
    const struct task_kinds *kinds;  /* what jobs and operations there are; NULL: none */
    const char *run_id;              /* of this run of the process: who holds leases and claims */
    struct book *book;               /* NULL: there is none (SQLite, commands) */
    const struct parts
        *whole; /* these have the book as their db: those with the database; else NULL */
    /* What else belongs into the transaction that makes a workspace; NULL: nothing. */
    enum err (*on_workspace)(struct ctx *ctx, struct db_conn *tx, const char *workspace_id);
};

enum role { ROLE_NONE, ROLE_MEMBER, ROLE_ADMIN, ROLE_OWNER }; /* in a workspace, rising */

const char *role_name(enum role r);
enum role role_parse(const char *name); /* ROLE_NONE when unknown */

/* Empty strings until somebody has signed in. */
struct principal {
    char user_id[40], workspace_id[40];
    char key_id[40];  /* of the API key used; empty for sessions */
    char session[40]; /* the sign-in, which lasts while its ids rotate; empty for keys */
    char csrf[48];    /* the token writes must carry; empty for keys */
    enum role role;   /* in workspace_id */
    bool is_admin;    /* of the installation */
    bool is_test_key;
    int64_t key_rate_per_minute; /* what the key may do by itself; 0: what its user may */
};

struct problem_field {
    const char *field, *code; /* code: "required", "unknown", "wrong_type", "out_of_range", ... */
    const char *message;      /* one sentence for people, may be NULL */
    bool has_range;
    double min, max;
};

enum { PROBLEM_FIELDS_MAX = 16 };

/* What went wrong, filled where it went wrong; http/status writes it as RFC 9457. */
struct problem {
    enum err err;
    const char *detail;    /* one human sentence */
    const char *service;   /* provider, or NULL */
    int64_t retry_after_s; /* 0: none */
    int upstream_status;
    int attempts, attempts_max; /* 0: no provider call was involved */
    const char *operation_id;   /* ERR_OUTCOME_UNKNOWN: what to ask about */
    struct problem_field fields[PROBLEM_FIELDS_MAX];
    size_t field_count;
};

/* What else belongs into the transaction that does what was asked for: the answer, kept for those who
 * repeat the request. fn NULL: nothing. */
struct answering {
    enum err (*fn)(struct ctx *ctx, struct db_conn *tx, void *arg);
    void *arg;
};

struct ctx {
    struct arena *arena;
    const struct parts *parts;
    char correlation_id[65];
    struct trace trace;
    struct spans *spans; /* what is recorded of it (spans.h); NULL: nothing */
    struct principal who;
    const char *peer_ip; /* after TRUSTED_PROXIES */
    int64_t deadline_ms; /* monotonic */
    struct problem problem;
    int attempts; /* provider attempts made for this request, for Ava-Attempts */
    struct answering answering;
    bool is_for_books; /* it has changed what books have a copy of */
};

/* Call this last in the transaction of a POST that does what was asked for, when all that the caller
 * gets is filled in: effect and answer are kept together, or not at all. */
enum err ctx_answer_in(struct ctx *ctx, struct db_conn *tx);

/* A ctx for work that no request caused (start-up, command line): new correlation id, no one. */
void ctx_init(struct ctx *ctx, const struct parts *parts, struct arena *a, int64_t budget_ms);

/* For work that goes on beside a request: its correlation id and its trace, whose span is the same. */
void ctx_follow(struct ctx *ctx, const struct ctx *request);

/* Says once what went wrong and returns err, so that `return ctx_fail(...)` reads well. */
enum err ctx_fail(struct ctx *ctx, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);

/* What went wrong was dealt with: the request goes on as if it had not. */
void ctx_clear(struct ctx *ctx);

/* For what may fail without anybody being told: the problem as it was is put back at the end of the
 * scope.
 *     SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx); */
struct ctx_aside {
    struct ctx *ctx;
    struct problem problem;
};
struct ctx_aside ctx_aside(struct ctx *ctx);
void ctx_back(struct ctx_aside *aside);

/* Adds one wrong field; ends in ERR_INVALID. All are collected, so that people see them at once:
 * call ctx_fields_ok() at the end. field and code must outlive ctx (literals or arena). */
void ctx_field(struct ctx *ctx, const char *field, const char *code, const char *message);
void ctx_field_range(struct ctx *ctx, const char *field, const char *code, double min, double max,
                     const char *message);
enum err ctx_fields_ok(struct ctx *ctx);

/* Takes the caller's id when it has the form RESILIENCE 10 allows, else makes a new one. */
void ctx_correlate(struct ctx *ctx, struct str from_caller);

/* Long work in pieces: there is at least so much time from now on for the next. */
void ctx_grant(struct ctx *ctx, int64_t ms);
int64_t ctx_left_ms(const struct ctx *ctx); /* until the deadline, at least 0 */
