/* A page of events as Google and Microsoft send it: what is kept of it can be read again, every event of it has an id,
 * a start and an end, and no page leads to another host. */
#include "fuzz/fuzz.h"

#include "base/json.h"
#include "base/sift.h"
#include "config/config.h"
#include "providers/calendar.h"
#include "providers/dialect.h"

static void check_event(const json_t *e) {
    CLAIM(json_text(e, "id") && json_text(e, "start") && json_text(e, "end"));
    CLAIM(json_text(e, "status") && json_text(e, "kind"));
    if (json_is_true(json_object_get(e, "all_day")))
        CLAIM(strlen(json_text(e, "start")) == 10 && strlen(json_text(e, "end")) == 10);
    if (strcmp(json_text(e, "status"), "canceled") == 0)
        CLAIM(json_is_false(json_object_get(e, "busy")));
}

static void check_page(struct arena *a, enum provider p, struct str kept) {
    const char *why = "";
    json_t *page = json_parse(a, kept, &why);
    const json_t *events = json_object_get(page, "events"), *one;
    const char *next = json_text(page, "next");
    size_t i;
    CLAIM(page && json_is_array(events));
    json_array_foreach(events, i, one) check_event(one);
    if (next && p == PROVIDER_MICROSOFT)
        CLAIM(strncmp(next, "/me/", 4) == 0 && !strstr(next, "/.."));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum provider BOTH[] = { PROVIDER_GOOGLE, PROVIDER_MICROSOFT };
    struct config config = { .microsoft_api_base_url = "https://graph.microsoft.com/v1.0" };
    struct parts parts = { .config = &config };
    for (size_t i = 0; i < ARRAY_LEN(BOTH); i++) {
        const struct dialect_calendar *calendar = dialect_of(BOTH[i])->calendar;
        struct arena *a = arena_new(64 << 20);
        struct ctx ctx;
        struct str kept;
        enum sift_end how;
        ctx_init(&ctx, &parts, a, 1000);
        json_t *said =
            sift_text(a, (struct str){ (const char *)data, size }, calendar->page_paths, &how);
        if (said && how == SIFT_WHOLE && calendar->read_page(&ctx, said, &kept))
            check_page(a, BOTH[i], kept);
        arena_free(a);
    }
    return 0;
}
