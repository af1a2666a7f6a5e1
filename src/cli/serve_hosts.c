/* Hosts: where the database is shared, this run says every few seconds that it lives, and learns what others changed that
 * nothing else tells it. */
#include "base/clock.h"
#include "cli/repeat.h"
#include "cli/serve.h"
#include "db/db.h"
#include "obs/log.h"
#include "service/upkeep/flags.h"
#include "tasks/feed.h"
#include "tasks/hosts.h"
#include "vault/vault.h"

enum {
    LEAVE_MS = 2000,
    UNSEEN_MS = 10 * 1000, /* pages look by themselves that often at what happened on other hosts */
};

/* What happened elsewhere does not come over this host's feed: who watches reads anew. */
static void refresh_watchers(struct serve *s) {
    if (hosts_alive(s->house.parts.hosts) < 2 || ava_now_ms() < s->refreshed_ms + UNSEEN_MS)
        return;
    s->refreshed_ms = ava_now_ms();
    feed_hint(s->house.parts.feed, NULL, "lost", STR("{}"));
}

static int64_t beat(void *serve) {
    struct serve *s = serve;
    struct arena *a = arena_new(1 << 16);
    struct ctx ctx;
    house_ctx(&s->house, &ctx, a);
    ctx.deadline_ms = ava_now_ms() + HOSTS_BEAT_MS;
    if (hosts_beat(&ctx) == OK && flags_load(&ctx) == OK)
        vault_look(&ctx);
    refresh_watchers(s);
    arena_free(a);
    return HOSTS_BEAT_MS;
}

int serve_hosts_join(struct serve *s, struct cli *cli) {
    struct ctx ctx;
    bool is_alone;
    if (!s->house.parts.hosts)
        return EXIT_OK;
    house_ctx(&s->house, &ctx, cli->arena);
    enum err e = hosts_join(&ctx, &is_alone);
    return e == OK ? EXIT_OK : house_say(&ctx, e);
}

void serve_hosts_start(struct serve *s) {
    if (s->house.parts.hosts)
        s->beater = repeat_start(beat, s, HOSTS_BEAT_MS);
}

void serve_hosts_leave(struct serve *s) {
    struct arena *a;
    struct ctx ctx;
    if (!s->beater)
        return;
    repeat_stop(s->beater);
    s->beater = NULL;
    a = arena_new(4096);
    house_ctx(&s->house, &ctx, a);
    ctx.deadline_ms = ava_now_ms() + LEAVE_MS;
    hosts_leave(&ctx);
    arena_free(a);
}
