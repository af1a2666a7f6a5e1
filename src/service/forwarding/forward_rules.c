#include "service/forwarding/forward_rules.h"

#include <string.h>

#include "base/defs.h"
#include "providers/dialect.h"

enum { RETRY_AFTER_MAX_S = 3600, PATTERN_MAX_CHARS = 40 };
static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;

const char *const FORWARD_TYPES[] = { "call.incoming",
                                      "call.status",
                                      "call.ended",
                                      "call.report",
                                      "call.transcript",
                                      "call.tool",
                                      "message.incoming",
                                      "message.status",
                                      "email.scheduled",
                                      "email.sent",
                                      "email.delivery_delayed",
                                      "email.delivered",
                                      "email.opened",
                                      "email.clicked",
                                      "email.failed",
                                      "email.suppressed",
                                      "email.bounced",
                                      "email.complained",
                                      NULL };

/* --- names ----------------------------------------------------------------------------------- */

const char *forward_type(struct arena *a, const char *provider, const char *type,
                         const char *status) {
    const struct dialect *d = dialect_of(provider_parse(str_of(provider)));
    const char *name = d->event_name ? d->event_name(type, status) : NULL;
    return name ? name : arena_join(a, "webhook.", provider);
}

/* --- patterns -------------------------------------------------------------------------------- */

static bool matches(struct str pattern, struct str type) {
    if (str_is(pattern, "*"))
        return true;
    if (str_ends(pattern, STR(".*")))
        return str_starts(type, (struct str){ pattern.ptr, pattern.len - 1 });
    return str_eq(pattern, type);
}

static bool is_of_webhooks(struct str pattern) {
    static const struct str PREFIX = { "webhook.", 8 };
    if (!str_starts(pattern, PREFIX) || pattern.len == PREFIX.len)
        return false;
    struct str name = { pattern.ptr + PREFIX.len, pattern.len - PREFIX.len };
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < 'a' || name.ptr[i] > 'z')
            return str_is(name, "*");
    return true;
}

bool forward_pattern_is_good(struct str pattern) {
    if (!str_fits(pattern, 0, PATTERN_MAX_CHARS))
        return false;
    for (size_t i = 0; FORWARD_TYPES[i]; i++)
        if (matches(pattern, str_of(FORWARD_TYPES[i])))
            return true;
    return is_of_webhooks(pattern);
}

bool forward_matches(const char *patterns, const char *type) {
    for (struct str rest = str_of(patterns), pattern; rest.ptr;) {
        pattern = str_cut(rest, ',', &rest);
        if (matches(pattern, str_of(type)))
            return true;
    }
    return false;
}

/* --- again ----------------------------------------------------------------------------------- */

static const int64_t WAITS_MS[FORWARD_TRIES_MAX - 1] = {
    5000,           30 * 1000,       2 * 60 * 1000,   10 * 60 * 1000,
    30 * 60 * 1000, 2 * 3600 * 1000, 6 * 3600 * 1000, 12 * 3600 * 1000
};

int64_t forward_wait_ms(int64_t tries, uint64_t chance, int64_t retry_after_s) {
    if (tries < 1 || tries >= FORWARD_TRIES_MAX)
        return -1;
    int64_t wait_ms = WAITS_MS[tries - 1];
    wait_ms += wait_ms / 10 * (int64_t)chance / FORWARD_CHANCES;
    int64_t asked_ms =
        (retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S) * 1000;
    return asked_ms > wait_ms ? asked_ms : wait_ms;
}

void forward_succeeded(struct forward_health *h, int64_t now_ms) {
    h->failing_since_ms = 0;
    h->last_success_ms = now_ms;
}

bool forward_failed(struct forward_health *h, int64_t now_ms) {
    if (!h->failing_since_ms || now_ms - h->last_failure_ms > DAY_MS)
        h->failing_since_ms = now_ms;
    h->last_failure_ms = now_ms;
    return now_ms - h->failing_since_ms >= 5 * DAY_MS;
}
