#include "routes/changes.h"

#include "base/buf.h"
#include "base/defs.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "tasks/feed.h"

/* Routes below an address, and what a write there changes. The first that fits counts; NULL: nothing
 * that pages keep, or it has an event of its own. */
static const struct {
    const char *below, *what;
} PLACES[] = {
    { "/api/v1/limits", "limits" },
    { "/api/v1/fallback", "fallback" },
    { "/api/v1/credentials/", "connection" },
    { "/api/v1/integrations/calendar/{provider}/", NULL },
    { "/api/v1/integrations/calendar/", "connection" },
    { "/api/v1/webhooks/endpoints/", "endpoint" },
    { "/api/v1/tools/", "tool" },
    { "/api/v1/assistants/{id}/tools", "tool" },
    { "/api/v1/templates/preview", NULL },
    { "/api/v1/templates/{id}/preview", NULL },
    { "/api/v1/templates", "template" },
    { "/api/v1/suppressions", "suppression" },
    { "/api/v1/twilio/numbers", "number" },
    { "/api/v1/rules", "rule" },
    { "/api/v1/auth/keys", "key" },
    { "/api/v1/workspaces/{id}", "people" },
};

/* The word for what a write to that route changes, or NULL. */
static const char *changed_by(const struct route *route) {
    struct str path = str_of(route->at.path);
    for (size_t i = 0; i < ARRAY_LEN(PLACES); i++)
        if (str_starts(path, str_of(PLACES[i].below)))
            return PLACES[i].what;
    return NULL;
}

void changes_tell_to(struct ctx *ctx, const char *workspace_id, const char *what) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_object(&w);
    jsonw_text_at(&w, "what", what);
    jsonw_object_end(&w);
    feed_publish(ctx->parts->feed, workspace_id, "changed", buf_view(&b));
    buf_fini(&b);
}

void changes_tell(struct ctx *ctx, const struct route *route) {
    bool is_write = route && route->at.method != METHOD_GET && route->at.method != METHOD_HEAD;
    const char *what = is_write && ctx->who.workspace_id[0] ? changed_by(route) : NULL;
    if (what)
        changes_tell_to(ctx, ctx->who.workspace_id, what);
}
