/* faults: which requests of the pretend providers go wrong, and how. Any thread may ask. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "base/str.h"

enum fault_kind {
    FAULT_NONE,
    FAULT_LATENCY,
    FAULT_HANG,
    FAULT_RESET,
    FAULT_STATUS,
    FAULT_TRUNCATED,
    FAULT_MALFORMED,
    FAULT_CUT,  /* carried out, but the connection breaks before the answer */
    FAULT_HUGE, /* an answer of 10 MB */
    FAULT_KINDS
};

const char *fault_kind_name(enum fault_kind k);
enum fault_kind fault_kind_parse(struct str name); /* FAULT_KINDS when unknown */

enum { FAULT_TEXT_BYTES = 65, FAULTS_MAX = 64 };

struct fault {
    char provider[16];
    char credential[FAULT_TEXT_BYTES]; /* last four characters; empty: all */
    char operation[FAULT_TEXT_BYTES];  /* how "GET /path" begins; empty: all */
    enum fault_kind kind;
    int status;
    char retry_after[FAULT_TEXT_BYTES];
    int64_t latency_ms;
    int percent;   /* of the requests that meet it; 0: all */
    int64_t times; /* 0: until removed */
};

struct faults;

struct faults *faults_new(void);
void faults_free(struct faults *f);

/* Replaces the one with the same provider, credential and operation. FAULT_NONE removes it, and
 * without credential and operation all of that provider. False when FAULTS_MAX stand already. */
bool faults_set(struct faults *f, const struct fault *fault);

/* What this request meets; the one that names most wins. Counts its `times` down. */
struct fault faults_take(struct faults *f, const char *provider, struct str last4,
                         const char *method, struct str path);

void faults_write(struct faults *f, struct jsonw *w); /* a list */
