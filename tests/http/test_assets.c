#include "test.h"

#include <string.h>

#include "http/assets.h"

#define BODY(text) \
    { (const unsigned char *)(text), sizeof(text) - 1 }

/* In place of the generated ones. */
const struct asset assets[] = {
    { "/app-1.js", "text/javascript", "\"e1\"", true, BODY("plain"), BODY("gzip"), BODY("br") },
    { "/page", "text/html", "\"e2\"", false, BODY("page"), { NULL, 0 }, { NULL, 0 } },
};
const size_t assets_count = 2;

struct answered {
    int status;
    char body[16];
    bool has_encoding;
};

static struct answered ask(const char *path, const char *field, const char *value) {
    struct http_field f = { str_of(field), str_of(value) };
    struct http_req req = { .fields = &f, .field_count = 1 };
    struct http_reply reply = { .status = 200 };
    struct answered out = { 0 };
    asset_reply(asset_find(str_of(path)), &req, &reply);
    buf_char(&reply.head, 0);
    out.status = reply.status;
    str_copy(out.body, sizeof out.body, reply.lent_body);
    out.has_encoding = strstr(reply.head.ptr, "Content-Encoding") != NULL;
    CHECK(strstr(reply.head.ptr, "Vary: Accept-Encoding\r\n") &&
          strstr(reply.head.ptr, "ETag: \"e"));
    CHECK((strstr(reply.head.ptr, "immutable") != NULL) == (path[1] == 'a'));
    http_reply_fini(&reply);
    return out;
}

TEST(only_what_is_there_is_found) {
    CHECK(asset_find(STR("/app-1.js")) && asset_find(STR("/page")));
    CHECK(!asset_find(STR("/app-1.jsx")) && !asset_find(STR("/")) && !asset_find(STR("")) &&
          !asset_find(STR("/../page")));
}

TEST(the_smallest_encoding_that_is_accepted_is_sent) {
    static const struct {
        const char *accepts, *body;
    } CASES[] = {
        { "gzip, deflate, br", "br" },
        { "br;q=1.0, gzip;q=0.8", "br" },
        { "gzip", "gzip" },
        { "br;q=0, gzip", "gzip" },
        { "br; q=0.000 , gzip", "gzip" },
        { "br;q=0.001", "br" },
        { "GZIP", "gzip" },
        { "br;q=0,gzip;q=0", "plain" },
        { "identity", "plain" },
        { "", "plain" },
        { "brotli, xgzip", "plain" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct answered got = ask("/app-1.js", "Accept-Encoding", CASES[i].accepts);
        CHECK_TEXT(got.body, CASES[i].body);
        CHECK(got.has_encoding == (strcmp(got.body, "plain") != 0));
    }
    CHECK_TEXT(ask("/page", "Accept-Encoding", "br, gzip").body, "page");
}

TEST(who_has_it_already_gets_304) {
    CHECK_INT(ask("/page", "If-None-Match", "\"e2\"").status, 304);
    CHECK_INT(ask("/page", "If-None-Match", "\"e1\"").status, 200);
    CHECK_TEXT(ask("/page", "If-None-Match", "\"e2\"").body, "");
}
