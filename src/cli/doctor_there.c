/* doctor_there: checks of what is beyond this machine: providers, and the way from them to here. */
#include <string.h>

#include "base/json.h"
#include "base/tree.h"
#include "cli/doctor.h"
#include "cli/errand.h"
#include "cli/status.h"
#include "net/client.h"
#include "providers/dialect.h"
#include "service/connections/integrations.h"
#include "service/numbers/number_point.h"
#include "service/numbers/numbers.h"
#include "store/people.h"

enum {
    WORKSPACES_MAX = 20,
    NUMBERS_MAX = 100,
    ANSWER_MAX_BYTES = 64 << 10,
    TIMEOUT_MS = 10 * 1000,
};

/* --- on a loop of its own -------------------------------------------------------------------- */

static void on_loop(struct doctor *d, void (*run)(void *d)) {
    errand_run(&d->house, d->cli->arena, run, d);
}

static bool may_ask(struct doctor *d) {
    const char *why = errand_refused(d->status ? json_text(d->status, "profile") : NULL);
    if (why)
        doctor_say(d, VERDICT_SKIP, why, NULL);
    return !why;
}

static void each_workspace(struct doctor *d, void (*run)(struct doctor *d, const char *name)) {
    struct workspace rows[WORKSPACES_MAX];
    size_t count = 0;
    if (workspaces_list(&d->ctx, db_reader(&d->ctx), NULL, "", NULL, WORKSPACES_MAX, rows,
                        &count) != OK) {
        doctor_say(d, VERDICT_FAIL, "the workspaces cannot be read", NULL);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        house_ctx(&d->house, &d->ctx, d->cli->arena);
        str_copy(d->ctx.who.workspace_id, sizeof d->ctx.who.workspace_id, str_of(rows[i].id));
        run(d, rows[i].name);
    }
    if (count == WORKSPACES_MAX)
        doctor_say(d, VERDICT_SKIP, "only the first 20 workspaces were looked at", NULL);
}

/* --- providers ------------------------------------------------------------------------------- */

static void ask_provider(struct doctor *d, const char *workspace, enum provider p) {
    struct connection c;
    struct connection_check check = { 0 };
    const char *who = arena_printf(d->cli->arena, "%s, %s", provider_name(p), workspace);
    enum err e = credentials_verify(&d->ctx, p, &c, &check);
    if (e == OK)
        doctor_say(
            d, VERDICT_OK,
            arena_printf(d->cli->arena, "%s: %s", who, check.message ? check.message : "works"),
            NULL);
    else
        doctor_say(
            d, VERDICT_FAIL,
            arena_printf(d->cli->arena, "%s: %s", who,
                         d->ctx.problem.detail ? d->ctx.problem.detail : err_info(e)->meaning),
            e == ERR_CREDENTIALS_REJECTED ? "save a key that works under Connections" : NULL);
}

static void ask_providers_of(struct doctor *d, const char *workspace) {
    struct integration list[INTEGRATIONS_MAX];
    size_t count = 0;
    if (integrations_list(&d->ctx, list, &count) != OK) {
        doctor_say(d, VERDICT_FAIL, "the connections cannot be read", NULL);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct integration *one = &list[i];
        if (strcmp(one->status, "not_connected") == 0 || strcmp(one->status, "demo") == 0)
            continue;
        if (one->attention && strncmp(one->attention, "webhook", 7) == 0)
            doctor_say(d, VERDICT_WARN,
                       arena_printf(d->cli->arena, "%s, %s: its webhooks are %s",
                                    provider_name(one->provider), workspace,
                                    strcmp(one->attention, "webhook_refused") == 0
                                        ? "refused: the secret is another one"
                                        : "silent for a day, though something was sent"),
                       "set them up again under Connections");
        ask_provider(d, workspace, one->provider);
    }
}

static void ask_providers(void *d) {
    each_workspace(d, ask_providers_of);
}

void doctor_providers(struct doctor *d) {
    if (!may_ask(d))
        return;
    size_t before = d->counts[VERDICT_OK] + d->counts[VERDICT_WARN] + d->counts[VERDICT_FAIL];
    on_loop(d, ask_providers);
    if (d->counts[VERDICT_OK] + d->counts[VERDICT_WARN] + d->counts[VERDICT_FAIL] == before)
        doctor_say(d, VERDICT_SKIP, "nobody has connected any", NULL);
}

/* --- redis ----------------------------------------------------------------------------------- */

/* As the Ava that serves sees it: it has asked, on the connection that it uses. */
void doctor_redis(struct doctor *d) {
    static const char FIX[] =
        "start it, or mend what it says; until then each host lets only its share through";
    struct arena *a = d->cli->arena;
    const json_t *redis = json_object_get(d->status, "redis");
    const char *why = json_text(redis, "why"), *version = json_text(redis, "version"),
               *policy = json_text(redis, "maxmemory_policy");
    if (!d->status)
        doctor_say(d, VERDICT_SKIP, "no Ava serves here, which would know", NULL);
    else if (redis && !json_is_true(json_object_get(redis, "up")))
        doctor_say(d, VERDICT_FAIL,
                   arena_printf(a, "it is away: %s", why ? why : "not reached yet"), FIX);
    else if (redis)
        doctor_say(d, VERDICT_OK,
                   arena_printf(a, "up, version %s, maxmemory-policy %s",
                                version ? version : "unknown",
                                policy ? policy : "unknown (it may not be asked)"),
                   NULL);
    else if (status_hosts_alive(d->status) > 1)
        doctor_say(d, VERDICT_WARN, "none, and each of several hosts counts limits for itself",
                   "set REDIS_URL on all of them (docs/postgresql.md)");
    else
        doctor_say(d, VERDICT_SKIP, "none, and none is needed for one host", NULL);
}

/* --- webhooks -------------------------------------------------------------------------------- */

/* A number in Ava's care that leads elsewhere: calls and texts of it do not come here. */
static bool is_lost(const json_t *n, const char *field) {
    const char *to = json_text(n, field);
    return to && (strcmp(to, "other") == 0 || strcmp(to, "nobody") == 0);
}

static void look_at_number(struct doctor *d, const char *workspace, const json_t *n, size_t *seen) {
    static const struct {
        const char *field, *what;
    } WAYS[] = { { "calls_go_to", "calls" }, { "texts_go_to", "texts" } };
    const char *number = json_text(n, "phone_number");
    if (!json_is_true(json_object_get(n, "imported")))
        return;
    ++*seen;
    for (size_t i = 0; i < ARRAY_LEN(WAYS); i++)
        if (is_lost(n, WAYS[i].field))
            doctor_say(
                d, VERDICT_FAIL,
                arena_printf(d->cli->arena, "%s, %s: its %s go to %s", workspace, number,
                             WAYS[i].what,
                             strcmp(json_text(n, WAYS[i].field), "other") == 0 ? "another system"
                                                                               : "nobody"),
                arena_printf(d->cli->arena,
                             "ava webhook set %s --workspace %s   or   ava doctor --run webhooks "
                             "--fix",
                             number, d->ctx.who.workspace_id));
}

/* NULL where there are none to look at; what went wrong was said. */
static const json_t *numbers_of(struct doctor *d, const char *workspace) {
    struct upstream_answer answer = { 0 };
    const char *why;
    enum err e = numbers_list(&d->ctx, NUMBERS_MAX, NULL, &answer);
    if (e == OK)
        return json_object_get(json_parse(d->cli->arena, answer.body, &why), "numbers");
    if (e != ERR_NOT_CONNECTED && e != ERR_NOT_FOUND)
        doctor_say(
            d, VERDICT_WARN,
            arena_printf(d->cli->arena, "%s: the numbers could not be read: %s", workspace,
                         d->ctx.problem.detail ? d->ctx.problem.detail : err_info(e)->meaning),
            NULL);
    return NULL;
}

static void look_at_numbers_of(struct doctor *d, const char *workspace) {
    const json_t *n, *numbers = numbers_of(d, workspace);
    size_t i, seen = 0, before = d->counts[VERDICT_FAIL];
    json_array_foreach(numbers, i, n) {
        look_at_number(d, workspace, n, &seen);
    }
    if (seen && d->counts[VERDICT_FAIL] == before)
        doctor_say(d, VERDICT_OK,
                   arena_printf(d->cli->arena, "%s: %zu numbers lead here", workspace, seen), NULL);
}

static void look_at_numbers(void *d) {
    each_workspace(d, look_at_numbers_of);
}

void doctor_webhooks(struct doctor *d) {
    if (!may_ask(d))
        return;
    size_t before = d->counts[VERDICT_OK] + d->counts[VERDICT_WARN] + d->counts[VERDICT_FAIL];
    on_loop(d, look_at_numbers);
    if (d->counts[VERDICT_OK] + d->counts[VERDICT_WARN] + d->counts[VERDICT_FAIL] == before)
        doctor_say(d, VERDICT_SKIP, "no number is in Ava's care", NULL);
}

static void point_numbers_of(struct doctor *d, const char *workspace) {
    const json_t *n, *numbers = numbers_of(d, workspace);
    struct number_pointed done;
    size_t i;
    json_array_foreach(numbers, i, n) {
        const char *number = json_text(n, "phone_number");
        bool is_ill = json_is_true(json_object_get(n, "imported")) &&
                      (is_lost(n, "calls_go_to") || is_lost(n, "texts_go_to"));
        enum err e = is_ill ? number_point(&d->ctx, number, false, &done) : OK;
        if (e != OK)
            doctor_say(
                d, VERDICT_WARN,
                arena_printf(d->cli->arena, "%s, %s: %s", workspace, number,
                             d->ctx.problem.detail ? d->ctx.problem.detail : err_info(e)->meaning),
                NULL);
        house_ctx(&d->house, &d->ctx, d->cli->arena);
    }
}

static void point_numbers(void *d) {
    each_workspace(d, point_numbers_of);
}

bool doctor_mend_webhooks(struct doctor *d) {
    on_loop(d, point_numbers);
    return true;
}

/* --- the public address ---------------------------------------------------------------------- */

static const char *what_failed(enum client_result r) {
    return r == CLIENT_TIMEOUT ? "does not answer in time"
                               : "cannot be reached, or its certificate is "
                                 "not good";
}

static void knock(void *arg) {
    struct doctor *d = arg;
    struct client_call call = { .method = "GET",
                                .url = arena_join(d->cli->arena, d->house.config.public_url,
                                                  "/health/ready"),
                                .timeout_ms = TIMEOUT_MS,
                                .first_byte_ms = TIMEOUT_MS,
                                .body_max_bytes = ANSWER_MAX_BYTES,
                                .wants_certificate = true,
                                .arena = d->cli->arena };
    const char *why, *url = d->house.config.public_url;
    client_fetch(client_self(), &call);
    const json_t *said =
        call.result == CLIENT_DONE ? json_parse(d->cli->arena, call.answer, &why) : NULL;
    const char *version = said ? json_text(said, "version") : NULL;
    if (call.result != CLIENT_DONE)
        doctor_say(d, VERDICT_FAIL,
                   arena_printf(d->cli->arena, "%s %s", url, what_failed(call.result)),
                   "is the proxy up, does the name lead here, is port 443 open?");
    else if (!version)
        doctor_say(d, VERDICT_FAIL,
                   arena_printf(d->cli->arena, "%s answers %d, but it is no Ava", url, call.status),
                   "lead the proxy to AVA_LISTEN (docs/proxy.md)");
    else
        doctor_say(d, call.status == 200 ? VERDICT_OK : VERDICT_WARN,
                   arena_printf(d->cli->arena, "%s answers %d in %lld ms, Ava %s", url, call.status,
                                (long long)(call.took_us / 1000), version),
                   NULL);
    if (call.certificate_ends_ms)
        doctor_say_certificate(d, "its certificate", call.certificate_ends_ms);
}

void doctor_public_url(struct doctor *d) {
    if (d->house.config.public_url[0])
        on_loop(d, knock);
    else
        doctor_say(d, VERDICT_SKIP, "AVA_PUBLIC_URL is not set: providers cannot reach this Ava",
                   NULL);
}
