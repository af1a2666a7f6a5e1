/* The course of the pretend calls: how long they last, how many an account can have at once, what of
 * them is not told, told twice or out of order. With a start number all of it is the same each
 * time. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/pretend_vapi.h"

enum { CALL_MS = 30 * 1000, CENTS_PER_MINUTE = 5, TOLD_MAX = 200000 };

static const char ENDED_BY_ITSELF[] = "customer-ended-call";
static const char TOO_LONG[] = "exceeded-max-duration";

static int64_t wish(const json_t *account, const char *name, int64_t fallback) {
    return json_i64_or(json_object_get(account, "course"), name, fallback);
}

/* --- chance ---------------------------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood, 2014). */
static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t draw(json_t *account) {
    uint64_t random;
    int64_t seed = wish(account, "start_number", 0), count = json_i64_or(account, "draws", 0);
    if (!seed) {
        ava_rand(&random, sizeof random);
        return random;
    }
    json_object_set_new(account, "draws", json_integer(count + 1));
    return mix((uint64_t)seed * 1000003u + (uint64_t)count);
}

bool vapi_chance(json_t *account, const char *name) {
    int64_t percent = wish(account, name, 0);
    return percent && (int64_t)(draw(account) % 100) < percent;
}

json_t *vapi_call_id(json_t *account) {
    uint64_t raw[2] = { draw(account), draw(account) };
    unsigned char bytes[16];
    memcpy(bytes, raw, sizeof bytes);
    return vapi_uuid(bytes);
}

/* --- how a call goes -------------------------------------------------------------------------- */

static json_t *member(json_t *account, const char *name) {
    json_t *value = json_object_get(account, name);
    if (!value) {
        value = json_object();
        json_object_set_new(account, name, value);
    }
    return value;
}

static int64_t ends_of(const json_t *plans, const char *id) {
    return json_i64_or(json_object_get(plans, id), "ends", 0);
}

/* Those that go on or wait, by their ids. */
static json_t *live_of(json_t *account) {
    json_t *live = member(account, "live"), *call;
    const json_t *plans = member(account, "plans");
    const char *id;
    void *next;
    int64_t now_ms = ava_steady_ms();
    json_object_foreach_safe(live, next, id, call) {
        if (json_object_get(call, "endedAt") || ends_of(plans, id) <= now_ms)
            json_object_del(live, id);
    }
    return live;
}

int64_t vapi_limit(const json_t *account) {
    return wish(account, "concurrent_calls", 0);
}

int64_t vapi_live(json_t *account) {
    return (int64_t)json_object_size(live_of(account));
}

bool vapi_is_full(json_t *account) {
    return vapi_limit(account) && vapi_live(account) >= vapi_limit(account);
}

bool vapi_waits_when_full(const json_t *account) {
    const char *word = json_text(json_object_get(account, "course"), "when_full");
    return word && strcmp(word, "wait") == 0;
}

/* When so many of those before it have ended that one more can go. */
static int64_t begin_of(json_t *account) {
    json_t *live = live_of(account), *call;
    const json_t *plans = member(account, "plans");
    int64_t too_many = vapi_live(account) - vapi_limit(account) + 1, begin_ms = ava_steady_ms();
    const char *id;
    for (; vapi_limit(account) && too_many > 0; too_many--) {
        int64_t first = INT64_MAX;
        json_object_foreach(live, id, call) {
            int64_t ends = ends_of(plans, id);
            if (ends > begin_ms && ends < first)
                first = ends;
        }
        begin_ms = first == INT64_MAX ? begin_ms : first;
    }
    return begin_ms;
}

struct vapi_course vapi_plan(json_t *account, json_t *call) {
    int64_t begin_ms = begin_of(account), last_ms = wish(account, "call_ms", CALL_MS);
    const json_t *overrides = json_object_get(call, "assistantOverrides");
    int64_t talk_ms = 1000 * json_i64_or(overrides, "maxDurationSeconds", INT32_MAX);
    struct vapi_course c = { .rings_ms = begin_ms + last_ms / 30,
                             .talks_ms = begin_ms + last_ms * 4 / 30,
                             .ends_ms = begin_ms + last_ms,
                             .reason = ENDED_BY_ITSELF };
    if (c.talks_ms + talk_ms < c.ends_ms) {
        c.ends_ms = c.talks_ms + talk_ms;
        c.reason = TOO_LONG;
    }
    json_object_set_new(member(account, "plans"), json_text(call, "id"),
                        json_pack("{s:I, s:I, s:I, s:s}", "rings", (json_int_t)c.rings_ms, "talks",
                                  (json_int_t)c.talks_ms, "ends", (json_int_t)c.ends_ms, "reason",
                                  c.reason));
    json_object_set(live_of(account), json_text(call, "id"), call);
    return c;
}

double vapi_cost(const json_t *call) {
    int64_t talked_ms = vapi_time_of(call, "endedAt") - vapi_time_of(call, "startedAt");
    bool has_talked = json_text(call, "startedAt") && talked_ms > 0;
    return has_talked ? (double)((talked_ms + 999) / 1000) * CENTS_PER_MINUTE / 60 / 100 : 0;
}

void vapi_age(json_t *account, json_t *call) {
    const json_t *plan = json_object_get(member(account, "plans"), json_text(call, "id"));
    int64_t now = ava_steady_ms(), talks = json_i64_or(plan, "talks", 0);
    int64_t ends = json_i64_or(plan, "ends", 0);
    if (json_object_get(call, "endedAt") || !plan)
        return;
    const char *status = now >= ends                            ? "ended"
                         : now >= talks                         ? "in-progress"
                         : now >= json_i64_or(plan, "rings", 0) ? "ringing"
                                                                : "queued";
    if (strcmp(status, json_text(call, "status")) == 0)
        return;
    json_object_set_new(call, "status", json_string(status));
    json_object_set_new(call, "updatedAt", vapi_time(now));
    if (now >= talks && !json_object_get(call, "startedAt"))
        json_object_set_new(call, "startedAt", vapi_time(talks));
    if (now >= ends)
        vapi_end(call, ends, json_text(plan, "reason"));
}

void vapi_end(json_t *call, int64_t at_ms, const char *reason) {
    json_object_set_new(call, "status", json_string("ended"));
    json_object_set_new(call, "endedAt", vapi_time(at_ms));
    json_object_set_new(call, "updatedAt", vapi_time(ava_steady_ms()));
    json_object_set_new(call, "endedReason", json_string(reason));
    json_object_set_new(call, "cost", json_real(vapi_cost(call)));
}

/* --- what was told --------------------------------------------------------------------------- */

void vapi_note_told(json_t *account, const json_t *call, const char *type, const char *how) {
    json_t *told = json_object_get(account, "told");
    if (!told) {
        told = json_array();
        json_object_set_new(account, "told", told);
    }
    if (json_array_size(told) < TOLD_MAX)
        json_array_append_new(told, json_pack("{s:s, s:s, s:s}", "call", json_text(call, "id"),
                                              "type", type, "how", how));
}
