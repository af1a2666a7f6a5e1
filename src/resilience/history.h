/* history: how each provider answered in the last 24 hours, and when its breakers opened and closed; in memory, since this
 * process began. Thread safe; an attempt costs one short lock of its provider.
 *
 * Times are kept in steps of a fifth, so a percentile is right to 20 %; it is of attempts that were answered, slow or
 * failing ones too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "obs/provider.h"

enum {
    HISTORY_SLOT_MS = 15 * 60 * 1000,
    HISTORY_SLOTS = 96,
    HISTORY_TURNS = 64, /* of breakers, of each provider; the oldest go first */
};

struct history;

struct history_slot {
    int64_t at_ms; /* when it began, by the clock of Unix; 0: nothing was asked */
    int64_t attempts, failures;
    int64_t p50_ms, p95_ms, p99_ms;
};

struct history_turn {
    int64_t at_ms;
    char workspace_id[ID_BYTES]; /* whose own breaker; "": the provider's, for all */
    bool is_open;                /* it opened; else it closed */
};

struct history *history_new(int64_t now_ms);
void history_free(struct history *h); /* NULL is fine */
int64_t history_since(const struct history *h);

void history_attempt(struct history *h, enum provider p, bool is_failure, int64_t took_us,
                     int64_t now_ms);
void history_turn(struct history *h, enum provider p, const char *workspace_id, bool is_open,
                  int64_t now_ms);

/* The slots of the last 24 hours, oldest first; the last is the one under way. */
void history_read(struct history *h, enum provider p, int64_t now_ms,
                  struct history_slot out[HISTORY_SLOTS]);
/* The turns that concern this workspace, oldest first; how many. */
size_t history_turns(struct history *h, enum provider p, const char *workspace_id, int64_t now_ms,
                     struct history_turn out[HISTORY_TURNS]);
