/* Sweeping: what is old enough is forgotten, every ten minutes, by one host for all. */
#include "auth/session.h"
#include "base/clock.h"
#include "base/defs.h"
#include "cli/browser.h"
#include "cli/repeat.h"
#include "cli/serve.h"
#include "service/forwarding/deliveries.h"
#include "service/inbox/events.h"
#include "service/inbox/inbox.h"
#include "service/notices/notices.h"
#include "service/upkeep/audit_heads.h"
#include "tasks/hosts.h"
#include "tasks/idempotency.h"

enum {
    EVERY_MS = 10 * 60 * 1000,
    AGAIN_MS = 1000,
    PIECE_MS = 300, /* of each kind of thing */
    WRITE_MS = 30 * 1000,
};

/* Forgets what is old enough. Returns after how many ms it wants to be called again: soon, when there
 * was more than fits into the time that one sweep may take. */
static int64_t sweep(void *serve) {
    struct serve *s = serve;
    static enum err (*const FORGET[])(struct ctx *, int64_t,
                                      bool *) = { idempotency_forget_old, events_forget_old,
                                                  deliveries_forget_old, notices_forget_old,
                                                  audit_forget_old };
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    bool is_done, all_done = true, may;
    house_ctx(&s->house, &ctx, a);
    ctx.deadline_ms = ava_now_ms() + WRITE_MS;
    browser_forget(s->house.config.data_dir);
    if (hosts_may(&ctx, "sweep", EVERY_MS + WRITE_MS, &may) != OK || !may) {
        arena_free(a);
        return EVERY_MS;
    }
    hosts_forget_old(&ctx);
    auth_sweep(&ctx);
    audit_heads_sign(&ctx, false);
    for (size_t i = 0; i < ARRAY_LEN(FORGET); i++)
        if (FORGET[i](&ctx, PIECE_MS, &is_done) == OK)
            all_done = all_done && is_done;
    inbox_recover(&ctx);
    arena_free(a);
    return all_done ? EVERY_MS : AGAIN_MS;
}

void serve_sweep_start(struct serve *s) {
    s->sweeper = repeat_start(sweep, s, EVERY_MS);
}

void serve_sweep_stop(struct serve *s) {
    repeat_stop(s->sweeper);
    s->sweeper = NULL;
}
