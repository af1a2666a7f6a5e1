/* ledger: every request that the pretend providers saw; the last LEDGER_KEPT of them in full,
 * all of them counted. Any thread may ask. */
#pragma once

#include <stdint.h>

#include "base/jsonw.h"
#include "base/str.h"

enum { LEDGER_KEPT = 10000, LEDGER_NO_STATUS = 0 };

struct ledger;

struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);

/* Returns the seq; the status is open until ledger_close, and stays so when no answer went out. */
int64_t ledger_open(struct ledger *l, const char *provider, const char *method, struct str target,
                    struct str last4, struct str correlation_id);
void ledger_close(struct ledger *l, int64_t seq, int status);

struct ledger_query {
    const char *provider; /* NULL: all */
    int64_t since;        /* those after it; -1: the newest */
    int64_t limit;
};

/* {"hits":[...],"counts":{...}}, oldest first. */
void ledger_write(struct ledger *l, const struct ledger_query *q, struct jsonw *w);
