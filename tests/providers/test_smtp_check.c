/* Checking a mail server before it is saved: what is wrong is named. */
#include "test.h"

#include "providers/mail_stage.h"

/* --- the check of a credential ---------------------------------------------------------------- */

static const char *checked_field; /* what act_check wants named; NULL: nothing is wrong */
static enum mail_security checked_security;

static void act_check(struct mail_stage *s) {
    const char *message = NULL;
    s->username = "me";
    s->password = "secret";
    s->account.security = checked_security;
    enum err e = smtp_check(mail_stage_ctx(s), &s->credential, &s->account, &message);
    CHECK_INT(rude_mail_seen(s->server, "MAIL"), 0);
    if (!checked_field) {
        CHECK_INT(e, OK);
        CHECK(strstr(message, "Works"));
        return;
    }
    CHECK_INT(e, ERR_CREDENTIAL_INVALID);
    CHECK_INT(s->ctx.problem.field_count, 1);
    CHECK_TEXT(s->ctx.problem.fields[0].field, checked_field);
}

static void check_is(const struct mail_line *script, enum mail_security security,
                     const char *field) {
    checked_field = field;
    checked_security = security;
    mail_stage_play(script, false, act_check);
}

static void act_nobody(struct mail_stage *s) {
    const char *message;
    int port, listener = rude_listen(&port);
    close(listener);
    s->account.port = port;
    CHECK_INT(smtp_check(mail_stage_ctx(s), &s->credential, &s->account, &message),
              ERR_CREDENTIAL_INVALID);
    CHECK_TEXT(s->ctx.problem.fields[0].field, "host");
    CHECK_TEXT(s->ctx.problem.fields[0].code, "unreachable");
}

TEST(a_check_signs_in_and_leaves_and_names_what_is_wrong) {
    static const struct mail_line GOOD[] = { { "EHLO", "250-x\r\n250 AUTH PLAIN\r\n", RUDE_KEEP },
                                             { "AUTH", "235 ok\r\n", RUDE_KEEP },
                                             { NULL, NULL, 0 } };
    static const struct mail_line BAD[] = { { "EHLO", "250-x\r\n250 AUTH PLAIN\r\n", RUDE_KEEP },
                                            { "AUTH", "535 no\r\n", RUDE_KEEP },
                                            { NULL, NULL, 0 } };
    static const struct mail_line HTTP[] = { { "", "HTTP/1.1 400 Bad Request\r\n\r\n", RUDE_CLOSE },
                                             { NULL, NULL, 0 } };
    check_is(GOOD, MAIL_PLAIN, NULL);
    check_is(BAD, MAIL_PLAIN, "password");
    check_is(NULL, MAIL_PLAIN, "username");
    check_is(NULL, MAIL_STARTTLS, "security");
    check_is(NULL, MAIL_TLS, "security");
    check_is(HTTP, MAIL_PLAIN, "port");
    mail_stage_play(NULL, false, act_nobody);
}

/* --- the fields of a credential --------------------------------------------------------------- */

static struct arena *fields_arena;

/* The field that is wrong with this body, or "". */
static const char *wrong_field(const char *json) {
    struct ctx ctx;
    static const struct parts none;
    json_t *body = json_loads(json, 0, NULL);
    const struct dialect *d = dialect_of(PROVIDER_SMTP);
    ctx_init(&ctx, &none, fields_arena, 1000);
    for (size_t i = 0; i < d->field_count; i++) {
        const json_t *value = json_object_get(body, d->fields[i].name);
        const char *text = json_string_value(value);
        const char *wrong = text && d->fields[i].wrong ? d->fields[i].wrong(str_of(text)) : NULL;
        if (wrong)
            ctx_field(&ctx, d->fields[i].name, "wrong", wrong);
        if (value && d->fields[i].check_object)
            d->fields[i].check_object(&ctx, value);
    }
    d->check_fields(&ctx, body);
    json_decref(body);
    return ctx.problem.field_count ? ctx.problem.fields[0].field : "";
}

TEST(wrong_fields_of_a_credential_are_named) {
#define WITH(host, port, security, more)                                \
    "{\"host\":\"" host "\",\"port\":" port ",\"security\":\"" security \
    "\",\"from\":\"a@b.example\"" more "}"
#define LOGIN ",\"username\":\"me\",\"password\":\"a b \xc3\xa4\""
    fields_arena = arena_new(1 << 20);
    CHECK_TEXT(wrong_field(WITH("mail.example.com", "587", "starttls", LOGIN)), "");
    CHECK_TEXT(wrong_field(WITH("mail.example.com", "25", "none", "")), "");
    CHECK_TEXT(wrong_field(WITH("mail.example.com", "25", "none", LOGIN)), "security");
    CHECK_TEXT(wrong_field(WITH("127.0.0.1", "25", "none", LOGIN)), "");
    CHECK_TEXT(wrong_field(WITH("localhost", "25", "none", LOGIN)), "");
    CHECK_TEXT(wrong_field(WITH("::1", "25", "none", LOGIN)), "");
    CHECK_TEXT(wrong_field(WITH("mail.example.com", "0", "tls", LOGIN)), "port");
    CHECK_TEXT(wrong_field(WITH("mail.example.com", "65536", "tls", LOGIN)), "port");
    CHECK_TEXT(wrong_field(WITH("mail.example.com", "\"587\"", "tls", LOGIN)), "port");
    CHECK_TEXT(wrong_field(WITH("mail.example.com", "587", "ssl", LOGIN)), "security");
    CHECK_TEXT(wrong_field(WITH("m\xc3\xa4il.example", "587", "tls", LOGIN)), "host");
    CHECK_TEXT(wrong_field(WITH("http://x", "587", "tls", LOGIN)), "host");
    CHECK_TEXT(wrong_field(WITH("a.example", "587", "tls", ",\"username\":\"me\"")), "password");
    CHECK_TEXT(wrong_field(WITH("a.example", "587", "tls", ",\"password\":\"me\"")), "username");
    CHECK_TEXT(
        wrong_field("{\"host\":\"a.example\",\"port\":1,\"security\":\"tls\",\"from\":\"a\"}"),
        "from");
    CHECK_TEXT(wrong_field("{\"host\":\"a.example\",\"port\":1,\"security\":\"tls\"}"), "from");
    arena_free(fields_arena);
}

TEST(an_account_is_read_from_what_travels_with_its_credential) {
    struct arena *a = arena_new(1 << 16);
    struct ctx ctx;
    static const struct parts none;
    struct smtp_account out;
    ctx_init(&ctx, &none, a, 1000);
    struct dialect_account from = {
        .host = "mail.example.com", .port = 465, .security = "tls", .from = "a@b.example"
    };
    CHECK_INT(smtp_account_of(&ctx, &from, &out), OK);
    CHECK(out.port == 465 && out.security == MAIL_TLS);
    CHECK_TEXT(out.from, "a@b.example");
    CHECK(!out.from_name);
    from.from = "Ava <a@b.example>";
    CHECK_INT(smtp_account_of(&ctx, &from, &out), OK);
    CHECK_TEXT(out.from, "a@b.example");
    CHECK_TEXT(out.from_name, "Ava");
    from.security = "sideways";
    CHECK_INT(smtp_account_of(&ctx, &from, &out), ERR_NOT_CONNECTED);
    from = (struct dialect_account){ .from = "a@b.example" };
    CHECK_INT(smtp_account_of(&ctx, &from, &out), ERR_NOT_CONNECTED);
    arena_free(a);
}

TEST(the_id_of_a_queue_is_found_where_a_server_says_it) {
    struct arena *a = arena_new(1 << 16);
    CHECK_TEXT(smtp_queue_id(a, "Ok: queued as 4XyZ12"), "4XyZ12");
    CHECK_TEXT(smtp_queue_id(a, "OK id=1rXabc-0001-2Z"), "1rXabc-0001-2Z");
    CHECK_TEXT(smtp_queue_id(a, "<a@b> [InternalId=7] Queued mail for delivery id 77x"), "77x");
    CHECK(!smtp_queue_id(a, "fine"));
    CHECK(!smtp_queue_id(a, "queued as "));
    CHECK(!smtp_queue_id(a, "InternalId=12345"));
    CHECK(!smtp_queue_id(a, NULL));
    arena_free(a);
}
