#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/steps.h"
#include "db/temp.h"
#include "store/calls.h"
#include "store/deliveries.h"
#include "store/events.h"
#include "store/messages.h"

/* Lists with filters over many rows: what one page costs does not depend on how many there are, and who
 * follows the pages sees every row that fits, once. */

enum { LIMIT = 21, ROWS = 20000, ROWS_LONG = 1000000, STEPS_MAX = 120000 };

static int row_count(void) {
    return getenv("TEST_SOAK") ? ROWS_LONG : ROWS;
}

/* So many rows of each kind in workspace a, as Ava numbers them. The first, the last and every 5000th
 * between are needles: of another type, status, number and time. */
#define NUMBERS                                                                                    \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d), r(i, x, at) AS" \
    " (SELECT i, i = 1 OR i = %d OR i %% 5000 = 0, CASE WHEN i = 1 OR i = %d OR i %% 5000 = 0 "    \
    "THEN"                                                                                         \
    " 5 ELSE 9 END FROM n)"
#define BLOB "CAST(X'A101' || zeroblob(60) AS BLOB)"

static void fill(struct temp *t, const char *insert) {
    char sql[1600];
    int n = row_count();
    snprintf(sql, sizeof sql, "BEGIN; " NUMBERS " %s; COMMIT", n, n, n, insert);
    CHECK_TEXT(temp_all(t, sql), "");
}

static void open_filled(struct temp *t) {
    temp_open(t);
    CHECK(steps_watch(t->parts.db));
    CHECK(temp_script(t, "INSERT INTO workspaces (id, name, created_at, updated_at)"
                         " VALUES ('a', 'A', 0, 0)"));
    CHECK(temp_script(
        t, "INSERT INTO destinations (id, workspace_id, url, events, enabled,"
           " version, created_at, updated_at, sealed) VALUES ('d', 'a', 'https://x', '[]', 1, 1,"
           " 0, 0, " BLOB ")"));
    fill(t, "INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status,"
            " correlation_id, received_at) SELECT printf('evt_%032d', i), 'a', iif(x, 'vapi',"
            " 'twilio'), iif(x, 'rare', 'usual'), iif(x, 'r', 's'), CAST(printf('%d', i) AS BLOB), "
            "iif(x,"
            " 'dead', 'done'), 'c', at FROM r");
    fill(t, "INSERT INTO calls (id, workspace_id, provider, provider_id, direction, to_number,"
            " assistant_id, status, created_at, updated_at, sealed) SELECT printf('call_%032d',"
            " i), 'a', 'vapi', printf('p%d', i), iif(x, 'inbound', 'outbound'), iif(x, '+1',"
            " '+2'), iif(x, 'rare', 'usual'), iif(x, 'rare', 'ended'), at, 0, " BLOB " FROM r");
    fill(t, "INSERT INTO messages (id, workspace_id, channel, direction, provider, provider_id,"
            " to_address, from_address, status, created_at, updated_at, sealed) SELECT"
            " printf('msg_%032d', i), 'a', iif(x, 'email', 'sms'), iif(x, 'inbound', 'outbound'),"
            " 'twilio', printf('p%d', i), iif(x, '+1', '+2'), iif(x, '+1', '+2'), iif(x, 'rare',"
            " 'sent'), at, 0, " BLOB " FROM r");
    fill(t, "INSERT INTO deliveries (id, workspace_id, destination_id, event_id, type, resource,"
            " status, settled_at, created_at, body) SELECT printf('dlv_%032d', i), 'a', 'd',"
            " printf('e%d', i), iif(x, 'rare', 'usual'), 'r', iif(x, 'failed', 'delivered'), 1,"
            " 0, '' FROM r");
}

/* A page behind that row; *next: "" or where to go on. Returns how many fit. */
typedef size_t page_fn(struct temp *t, const void *filter, const char *before, char next[ID_BYTES]);

static void go_on(char next[ID_BYTES], size_t count, const char *last_id,
                  const struct page_end *end) {
    str_copy(next, ID_BYTES, str_of(count == LIMIT ? last_id : end->id));
}

static size_t event_page(struct temp *t, const void *filter, const char *before,
                         char next[ID_BYTES]) {
    struct event_row rows[LIMIT];
    struct page_end end;
    struct event_filter f = *(const struct event_filter *)filter;
    size_t count;
    f.before_id = before;
    CHECK_INT(event_rows_list(&t->ctx, db_reader(&t->ctx), "a", &f, LIMIT, rows, &count, &end), OK);
    go_on(next, count, count ? rows[count - 1].id : "", &end);
    return count;
}

static size_t call_page(struct temp *t, const void *filter, const char *before,
                        char next[ID_BYTES]) {
    struct call_row rows[LIMIT];
    struct page_end end;
    struct call_filter f = *(const struct call_filter *)filter;
    size_t count;
    f.before_id = before;
    CHECK_INT(call_rows_list(&t->ctx, db_reader(&t->ctx), "a", &f, LIMIT, rows, &count, &end), OK);
    go_on(next, count, count ? rows[count - 1].id : "", &end);
    return count;
}

static size_t message_page(struct temp *t, const void *filter, const char *before,
                           char next[ID_BYTES]) {
    struct message_row rows[LIMIT];
    struct page_end end;
    struct message_filter f = *(const struct message_filter *)filter;
    size_t count;
    bool more;
    f.before_id = before;
    CHECK_INT(
        message_rows_list(&t->ctx, db_reader(&t->ctx), "a", &f, LIMIT, rows, &count, &more, &end),
        OK);
    go_on(next, more ? LIMIT : 0, count ? rows[count - 1].id : "", &end);
    return count;
}

static size_t delivery_page(struct temp *t, const void *filter, const char *before,
                            char next[ID_BYTES]) {
    struct delivery_row rows[LIMIT];
    struct page_end end;
    struct delivery_filter f = *(const struct delivery_filter *)filter;
    size_t count;
    f.before_id = before;
    CHECK_INT(delivery_rows_list(&t->ctx, db_reader(&t->ctx), "d", &f, LIMIT, rows, &count, &end),
              OK);
    go_on(next, count, count ? rows[count - 1].id : "", &end);
    return count;
}

/* Follows the pages to the end; each costs at most STEPS_MAX. Returns how many rows fit. */
static size_t follow(struct temp *t, page_fn *page, const void *filter) {
    char next[ID_BYTES] = "", before[ID_BYTES] = "";
    size_t found = 0;
    long scanned;
    steps_made(&scanned);
    do {
        found += page(t, filter, before[0] ? before : NULL, next);
        long steps = steps_made(&scanned);
        if (steps > STEPS_MAX || scanned)
            printf("# %ld steps, %ld rows scanned\n", steps, scanned);
        CHECK(steps <= STEPS_MAX && scanned == 0);
        CHECK(!before[0] || strcmp(next, before) < 0);
        memcpy(before, next, sizeof before);
    } while (next[0]);
    return found;
}

TEST(a_page_costs_the_same_however_many_rows_its_filter_refuses_and_none_is_missed) {
    static const struct event_filter EVENTS[] = {
        { .type = "rare" }, { .provider = "vapi" }, { .status = "dead" },
        { .until_ms = 8 },  { .resource = "r" },    { .resource = "s", .type = "none" },
        { .type = "none" }, { .since_ms = 10 },     { .provider = "vapi", .type = "rare" },
    };
    static const bool EVENTS_FIT[] = { 1, 1, 1, 1, 1, 0, 0, 0, 1 };
    static const struct call_filter CALLS[] = {
        { .status = "rare" }, { .direction = "inbound" }, { .to = "+1" },
        { .until_ms = 8 },    { .assistant_id = "rare" },
    };
    static const struct message_filter MESSAGES[] = {
        { .status = "rare" }, { .direction = "inbound" }, { .to = "+1" },
        { .from = "+1" },     { .channel = "email" },     { .until_ms = 8 },
    };
    static const struct delivery_filter DELIVERIES[] = { { .type = "rare" },
                                                         { .status = "failed" } };
    struct temp t;
    open_filled(&t);
    size_t needles = (size_t)row_count() / 5000 + 1; /* the last is a 5000th too */
    for (size_t i = 0; i < ARRAY_LEN(EVENTS); i++)
        CHECK_INT(follow(&t, event_page, &EVENTS[i]), EVENTS_FIT[i] ? needles : 0);
    for (size_t i = 0; i < ARRAY_LEN(CALLS); i++)
        CHECK_INT(follow(&t, call_page, &CALLS[i]), needles);
    for (size_t i = 0; i < ARRAY_LEN(MESSAGES); i++)
        CHECK_INT(follow(&t, message_page, &MESSAGES[i]), needles);
    for (size_t i = 0; i < ARRAY_LEN(DELIVERIES); i++)
        CHECK_INT(follow(&t, delivery_page, &DELIVERIES[i]), needles);
    temp_close(&t);
}
