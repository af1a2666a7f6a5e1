/* Reloading while it serves: what is live in the settings is put in force on all loops. */
#include "base/clock.h"
#include "cli/play.h"
#include "cli/reload.h"
#include "cli/serve.h"
#include "cli/tracing.h"
#include "http/tls.h"
#include "obs/log.h"
#include "providers/upstream.h"
#include "routes/entry.h"
#include "service/connections/lending.h"

enum { TURN_MS = 2000, RELOAD_MS = 5000 };

static void lend_platform(struct serve *s, const struct config *c) {
    if (s->sandbox)
        play_lend_platform(s->house.parts.lending, c);
    else
        lending_set_platform(s->house.parts.lending, c);
}

/* Waits until every loop has taken up the last reload; frees what it replaced. */
static bool have_turned(struct serve *s) {
    if (!workers_have_turned(&s->workers, TURN_MS))
        return false;
    entry_rules_free(s->retired);
    s->retired = NULL;
    return true;
}

static bool are_traces_changed(const bool *changed) {
    static const enum setting OF_TRACES[] = {
        SETTING_OTEL_EXPORTER_OTLP_ENDPOINT, SETTING_OTEL_EXPORTER_OTLP_PROTOCOL,
        SETTING_OTEL_EXPORTER_OTLP_HEADERS,  SETTING_OTEL_EXPORTER_OTLP_TIMEOUT,
        SETTING_OTEL_SERVICE_NAME,           SETTING_OTEL_TRACES_SAMPLER_ARG,
        SETTING_OTEL_BSP_SCHEDULE_DELAY,     SETTING_OTEL_BSP_MAX_QUEUE_SIZE
    };
    for (size_t i = 0; i < ARRAY_LEN(OF_TRACES); i++)
        if (changed[OF_TRACES[i]])
            return true;
    return false;
}

static void apply(void *arg, const struct config *next, const bool *changed) {
    struct serve *s = arg;
    config_take_live(&s->house.config, next);
    log_set_level(log_level_parse(next->log_level));
    upstream_retune(s->house.parts.upstream, &s->house.config);
    if (changed[SETTING_VAPI_API_KEY] || changed[SETTING_VAPI_ASSISTANT_ID] ||
        changed[SETTING_VAPI_NUMBER_ID] || changed[SETTING_TWILIO_ACCOUNT_SID] ||
        changed[SETTING_TWILIO_AUTH_TOKEN] || changed[SETTING_RESEND_API_KEY] ||
        changed[SETTING_RESEND_FROM])
        lend_platform(s, next);
    if (changed[SETTING_TRUSTED_PROXIES] || changed[SETTING_CORS_ALLOWED_ORIGINS])
        s->retired = entry_swap_rules(s->entry, next);
    if (are_traces_changed(changed))
        tracing_reload(s->tracing, next);
    workers_share_fibers(&s->workers, &s->house.config);
    workers_turn(&s->workers);
    have_turned(s);
}

/* A certificate that was renewed comes into force with every reload. What was judged a moment ago may be another file
 * by now. */
static void take_certificate(struct serve *s, struct arena *a) {
    const struct config *c = &s->house.config;
    const char *why = "";
    char until[32];
    if (!s->tls)
        return;
    if (!tls_setup_reload(s->tls, c->tls_cert, c->tls_key, a, &why)) {
        log_error(NULL, "certificate", L("why", why), L("then", "the one before stays in force"));
        return;
    }
    clock_rfc3339(tls_setup_expires_ms(s->tls), until);
    log_info(NULL, "certificate", L("file", c->tls_cert), L("until", until));
}

/* With every reload, also one that is refused: a log that was moved away must not be written to for ever. */
static void reopen_log(const struct config *c) {
    const char *why = "";
    if (!log_reopen(&why))
        log_error(NULL, "log_file", L("file", c->log_file), L("why", why),
                  L("then", "the file that was open before stays in use"));
}

static bool read_keys(void *arg, const struct config *next, struct arena *a, struct keyring *keys,
                      const char **why) {
    struct serve *s = arg;
    return house_keys(&s->house, next, a, keys, why);
}

void serve_reload(struct serve *s, struct buf *answer) {
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    reopen_log(&s->house.config);
    house_ctx(&s->house, &ctx, a);
    ctx.deadline_ms = ava_now_ms() + RELOAD_MS;
    if (s->goes_down)
        reload_refuse("Ava is going down; nothing was changed.", answer);
    else if (!have_turned(s))
        reload_refuse("A loop has not taken up the last reload yet; nothing was changed.", answer);
    else if (reload_run(s->house.reload, &ctx, &(struct reload_way){ read_keys, apply, s }, answer))
        take_certificate(s, a);
    arena_free(a);
}
