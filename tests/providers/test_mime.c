#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "providers/mime.h"

static struct arena *arena;

static struct ctx *fresh(void) {
    static struct ctx ctx;
    static const struct parts none;
    ctx_init(&ctx, &none, arena, 1000);
    return &ctx;
}

static const struct mime_mailbox ANN = { "Ann", "ann@example.com" };

static struct mime_mail plain_mail(void) {
    return (struct mime_mail){ .from = { "Ava", "ava@example.com" },
                               .to = &ANN,
                               .to_count = 1,
                               .subject = "Hello",
                               .text = STR("Hi Ann,\nsee you.\n"),
                               .date_ms = 1795975815000,
                               .message_id = "op_1@example.com",
                               .boundary = "b0undary" };
}

static struct str composed(const struct mime_mail *m) {
    struct str out = { "", 0 };
    CHECK_INT(mime_compose(fresh(), m, &out), OK);
    return out;
}

TEST(a_plain_mail_is_what_one_would_write) {
    arena = arena_new(1 << 24);
    struct mime_mail m = plain_mail();
    CHECK_TEXT(composed(&m).ptr, "Date: Sun, 29 Nov 2026 18:10:15 +0000\r\n"
                                 "From: \"Ava\" <ava@example.com>\r\n"
                                 "To: \"Ann\" <ann@example.com>\r\n"
                                 "Subject: Hello\r\n"
                                 "Message-ID: <op_1@example.com>\r\n"
                                 "MIME-Version: 1.0\r\n"
                                 "Content-Type: text/plain; charset=utf-8\r\n"
                                 "Content-Transfer-Encoding: quoted-printable\r\n"
                                 "\r\n"
                                 "Hi Ann,\r\nsee you.\r\n");
    struct str again = composed(&m);
    CHECK(str_eq(again, composed(&m)));
    arena_free(arena);
}

TEST(no_line_is_longer_than_it_may_be_and_all_is_ascii) {
    arena = arena_new(1 << 24);
    struct mime_mail m = plain_mail();
    struct mime_mailbox to[30];
    char bytes[3000], name[160];
    struct buf text = { 0 };
    for (int i = 0; i < 3000; i++)
        bytes[i] = (char)i;
    memset(name, 'x', 159);
    name[159] = 0;
    for (size_t i = 0; i < 30; i++)
        to[i] =
            (struct mime_mailbox){ i % 3 ? "J\303\266rg M\303\274ller, \"der\" Gro\303\237e" : name,
                                   "someone.with.a.rather.long.name@example.com" };
    for (int i = 0; i < 2000; i++)
        buf_text(&text, i % 7 ? "word\xe2\x82\xac=" : " \t");
    struct mime_attachment files[] = { { "r\xc3\xa9sum\xc3\xa9 "
                                         "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c"
                                         "\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e.pdf",
                                         "application/pdf",
                                         { bytes, 3000 } },
                                       { "a \"b\";\\c.txt", NULL, { bytes, 1 } } };
    m.to = to;
    m.to_count = 30;
    m.subject = "\xf0\x9f\x98\x80 \xc3\xa4\xc3\xb6\xc3\xbc "
                "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80"
                "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80"
                "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80";
    m.text = m.html = buf_view(&text);
    m.attachments = files;
    m.attachment_count = 2;
    struct str out = composed(&m), line, rest = out;
    bool in_head = true;
    for (size_t at = 0; at < out.len; at++) {
        CHECK((unsigned char)out.ptr[at] < 0x7f && out.ptr[at]);
        CHECK(out.ptr[at] != '\n' || out.ptr[at - 1] == '\r');
        CHECK(out.ptr[at] != '\r' || out.ptr[at + 1] == '\n');
    }
    while (rest.ptr) {
        line = str_cut(rest, '\n', &rest);
        in_head = in_head && line.len > 1;
        CHECK(line.len <= (in_head ? 78u : 80u));
    }
    buf_fini(&text);
    arena_free(arena);
}

/* --- addresses -------------------------------------------------------------------------------- */

TEST(addresses_are_what_people_have) {
    static const char *const GOOD[] = {
        "a@b.co",
        "first.last+tag@sub.example.com",
        "o'hara_x-1@example.com",
        "a@xn--bcher-kva.example",
        "a@b\303\274cher.example",
        "j\xc3\xb6rg@example.com",
        "\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b\xe5\xad\x90.\xe6\xb5\x8b\xe8\xaf\x95",
        "1234567890@example.com",
        "a/b=c{d}@example.com"
    };
    static const char *const BAD[] = { "",
                                       "a",
                                       "@example.com",
                                       "a@",
                                       "a@example",
                                       "a@@example.com",
                                       "a b@example.com",
                                       ".a@example.com",
                                       "a.@example.com",
                                       "a..b@example.com",
                                       "\"a b\"@example.com",
                                       "a@[192.0.2.1]",
                                       "a@192.0.2.1",
                                       "a@-example.com",
                                       "a@example-.com",
                                       "a@exa mple.com",
                                       "a@.example.com",
                                       "a@example..com",
                                       "a@example.com.",
                                       "a@example.com\r\nRCPT TO:<x@y.z>",
                                       "a\n@example.com",
                                       "a@example.com\x0b",
                                       "a@example.com\x0c",
                                       "a\xc2\x85@example.com",
                                       "a\xe2\x80\xa8@example.com",
                                       "a\xe2\x80\xa9@example.com",
                                       "a\xff@example.com",
                                       "Ann <a@example.com>",
                                       "a@example.com,b@example.com",
                                       "a<b@example.com",
                                       "a@exam(c)ple.com" };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
        CHECK(!mailbox_wrong(str_of(GOOD[i])));
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        CHECK(mailbox_wrong(str_of(BAD[i])));
    CHECK(mailbox_wrong((struct str){ "a\0b@example.com", 15 }));
    char text[400];
    memset(text, 'a', sizeof text);
    memcpy(text + 64, "@b.example", 10);
    CHECK(!mailbox_wrong((struct str){ text, 74 }));
    CHECK(mailbox_wrong((struct str){ text - 0, 64 }));
    memset(text, 'a', sizeof text);
    memcpy(text + 65, "@b.example", 10);
    CHECK(mailbox_wrong((struct str){ text, 75 }));
}

TEST(an_address_may_come_with_a_name) {
    static const struct {
        const char *text, *name, *address;
    } GOOD[] = { { "a@b.co", NULL, "a@b.co" },
                 { " <a@b.co> ", NULL, "a@b.co" },
                 { "Ann Lee <a@b.co>", "Ann Lee", "a@b.co" },
                 { "\"Lee, \\\"Ann\\\"\" <a@b.co>", "Lee, \"Ann\"", "a@b.co" },
                 { "J\303\266rg<a@b.co>", "J\303\266rg", "a@b.co" } };
    static const char *const BAD[] = { "",
                                       ">",
                                       "<>",
                                       "Ann <a@b>",
                                       "Ann a@b.co",
                                       "Ann <a@b.co",
                                       "Ann <<a@b.co>",
                                       "A\nnn <a@b.co>",
                                       "<a@b.co>>",
                                       "Ann > <a@b.co>" };
    const char *name = "", *address = "";
    arena = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        CHECK(!mailbox_split(arena, str_of(GOOD[i].text), &name, &address));
        CHECK_TEXT(address, GOOD[i].address);
        CHECK(!name == !GOOD[i].name);
        if (name)
            CHECK_TEXT(name, GOOD[i].name);
    }
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        CHECK(mailbox_split(arena, str_of(BAD[i]), &name, &address));
    arena_free(arena);
}

/* --- nothing from outside begins a header ----------------------------------------------------- */

static const char *wrong_in(struct mime_mail m) {
    struct str out = { "", 0 };
    struct ctx *ctx = fresh();
    CHECK(mime_compose(ctx, &m, &out) == ERR_INVALID);
    CHECK_INT(out.len, 0);
    return ctx->problem.fields[0].field;
}

TEST(no_line_break_of_any_kind_comes_into_a_header) {
    static const char *const BREAKS[] = {
        "a\r\nBcc: x@y.z", "a\nb",           "a\rb",           "a\vb",   "a\fb",
        "a\302\205b",      "a\342\200\250b", "a\342\200\251b", "a\377b", "a\001b"
    };
    arena = arena_new(1 << 24);
    for (size_t i = 0; i < ARRAY_LEN(BREAKS); i++) {
        const char *text = BREAKS[i];
        struct mime_mail m = plain_mail();
        struct mime_mailbox box = { text, "a@example.com" };
        struct mime_attachment file = { text, NULL, { "x", 1 } };
        struct mime_header header = { "List-Id", text };
        m.subject = text;
        CHECK_TEXT(wrong_in(m), "subject");
        m = plain_mail();
        m.from.name = text;
        CHECK_TEXT(wrong_in(m), "from");
        m = plain_mail();
        m.to = &box;
        CHECK_TEXT(wrong_in(m), "to");
        m = plain_mail();
        m.cc = &box;
        m.cc_count = 1;
        CHECK_TEXT(wrong_in(m), "cc");
        m = plain_mail();
        m.reply_to = box;
        CHECK_TEXT(wrong_in(m), "reply_to");
        m = plain_mail();
        m.attachments = &file;
        m.attachment_count = 1;
        CHECK_TEXT(wrong_in(m), "attachments");
        m = plain_mail();
        m.headers = &header;
        m.header_count = 1;
        CHECK_TEXT(wrong_in(m), "headers");
    }
    arena_free(arena);
}

TEST(what_a_mail_cannot_have_is_named) {
    arena = arena_new(1 << 26);
    struct mime_mail m = plain_mail();
    struct mime_header bcc = { "Bcc", "x@y.z" };
    struct mime_attachment odd = { "a.txt", "multipart/mixed", { "x", 1 } };
    m.headers = &bcc;
    m.header_count = 1;
    CHECK_TEXT(wrong_in(m), "headers");
    m = plain_mail();
    m.attachments = &odd;
    m.attachment_count = 1;
    CHECK_TEXT(wrong_in(m), "attachments");
    static const char *const TYPES[] = { "text/html; name=x",
                                         "text/html; charset",
                                         "text/html; a=b\r\nBcc: x@y.z",
                                         "message/rfc822",
                                         "text/html; boundary=x",
                                         "text",
                                         "text/html; charset=x;",
                                         "text /html" };
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        odd.content_type = TYPES[i];
        CHECK_TEXT(wrong_in(m), "attachments");
    }
    odd = (struct mime_attachment){ "a.txt", "text/html; charset=\"x\"", { "x", 1 }, "<id>" };
    CHECK_TEXT(wrong_in(m), "attachments");
    odd.content_id = "id";
    composed(&m);
    m = plain_mail();
    m.to_count = 0;
    CHECK_TEXT(wrong_in(m), "to");
    m = plain_mail();
    m.text.ptr = NULL;
    CHECK_TEXT(wrong_in(m), "text");
    m = plain_mail();
    m.text = STR("\xff");
    CHECK_TEXT(wrong_in(m), "text");
    m = plain_mail();
    char *big = calloc(1, 20 << 20);
    odd = (struct mime_attachment){ "big", NULL, { big, 20 << 20 } };
    m.attachments = &odd;
    m.attachment_count = 1;
    CHECK_TEXT(wrong_in(m), "attachments");
    free(big);
    arena_free(arena);
}

/* --- bodies ----------------------------------------------------------------------------------- */

static const char *quoted(const char *text) {
    struct buf *b = buf_in(arena);
    mime_put_quoted(b, str_of(text));
    return b->len ? b->ptr : "";
}

TEST(text_is_quoted_so_that_nobody_changes_it) {
    arena = arena_new(1 << 20);
    CHECK_TEXT(quoted("a=b"), "a=3Db");
    CHECK_TEXT(quoted("a \nb\t\r\nc"), "a=20\r\nb=09\r\nc");
    CHECK_TEXT(quoted(".\nFrom x\n..y"), "=2E\r\n=46rom x\r\n=2E.y");
    CHECK_TEXT(quoted("\xc3\xa4"), "=C3=A4");
    CHECK_TEXT(quoted(""), "");
    CHECK_TEXT(
        quoted("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhh"),
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhh=\r\n"
        "hhhhh");
    arena_free(arena);
}
