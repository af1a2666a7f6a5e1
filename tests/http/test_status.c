#include "http/status.h"

#include "base/arena.h"
#include "test.h"

static const char *title(struct arena *a, const char *text, const char *service) {
    struct buf out = { 0 };
    status_title(&out, text, service);
    const char *copy = arena_strndup(a, out.ptr, out.len);
    buf_fini(&out);
    return copy;
}

TEST(a_title_names_the_service_as_people_write_it) {
    struct arena *a = arena_new(4096);
    CHECK_TEXT(title(a, "{service} did not answer", "vapi"), "Vapi did not answer");
    CHECK_TEXT(title(a, "{service} did not answer", "smtp"), "SMTP did not answer");
    CHECK_TEXT(title(a, "Slow: {service}", "destination"), "Slow: Destination");
    CHECK_TEXT(title(a, "{service} did not answer", NULL), "The provider did not answer");
    CHECK_TEXT(title(a, "Nothing is here", "vapi"), "Nothing is here");
    arena_free(a);
}
