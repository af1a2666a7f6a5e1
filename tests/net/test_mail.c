#include "test.h"

#include <signal.h>
#include <unistd.h>

#include "base/fiber.h"
#include "base/memory.h"
#include "net/loop.h"
#include "net/mail.h"
#include "net/rude_mail.h"

__attribute__((constructor)) static void before_all(void) {
    signal(SIGPIPE, SIG_IGN);
    client_global_init();
}

struct sending {
    struct client *client;
    struct mail_call *call;
};

static void deliver(void *arg) {
    struct sending *s = arg;
    mail_deliver(s->client, s->call);
    loop_stop(loop_self());
}

/* One mail on a loop of its own; says how long the longest turn was. */
static int64_t send_it(struct mail_call *call) {
    struct loop *l = loop_new(0);
    struct sending s = { client_new(l), call };
    CHECK(fiber_run(deliver, &s));
    loop_run(l);
    CHECK_INT(fiber_alive(), 0);
    int64_t longest_us = loop_longest_turn_us(l);
    client_free(s.client);
    loop_free(l);
    return longest_us;
}

#define MESSAGE "Subject: x\r\n\r\nhello\r\n"

struct scene {
    struct arena *arena;
    struct rude_mail *server;
    struct mail_recipient to[3];
    struct mail_call call;
};

static void scene_open(struct scene *s, const struct mail_line *script) {
    s->arena = arena_new(8 << 20);
    s->server = rude_mail_start(script);
    s->to[0].address = "a@example.test";
    s->to[1].address = "b@example.test";
    s->to[2].address = "c@example.test";
    s->call = (struct mail_call){ .host = "127.0.0.1",
                                  .port = s->server->port,
                                  .security = MAIL_PLAIN,
                                  .ehlo = "example.test",
                                  .from = "ava@example.test",
                                  .recipients = s->to,
                                  .recipient_count = 3,
                                  .message = STR(MESSAGE),
                                  .timeout_ms = 4000,
                                  .connect_ms = 2000,
                                  .arena = s->arena };
}

static void scene_close(struct scene *s) {
    rude_mail_stop(s->server);
    arena_free(s->arena);
}

/* Sends to a server of that script. */
static void play(struct scene *s, const struct mail_line *script) {
    scene_open(s, script);
    send_it(&s->call);
}

TEST(delivers_to_all_and_brings_the_final_reply) {
    static const struct mail_line SCRIPT[] = { { ".", "250 2.0.0 queued as 4Z9\r\n", RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    struct scene s;
    play(&s, SCRIPT);
    CHECK_INT(s.call.result, CLIENT_DONE);
    CHECK_INT(s.call.step, MAIL_AT_REST);
    CHECK_INT(s.call.accepted, 3);
    CHECK_INT(s.call.reply.code, 250);
    CHECK_TEXT(s.call.reply.enhanced, "2.0.0");
    CHECK_TEXT(s.call.reply.text, "queued as 4Z9");
    CHECK(!mail_is_unknown(&s.call) && s.call.took_us > 0);
    CHECK_TEXT(rude_mail_all(s.server, s.arena, "QUIT\r\n"),
               "EHLO example.test\r\nMAIL FROM:<ava@example.test> SIZE=21\r\n"
               "RCPT TO:<a@example.test>\r\nRCPT TO:<b@example.test>\r\n"
               "RCPT TO:<c@example.test>\r\nDATA\r\n" MESSAGE ".\r\nQUIT\r\n");
    scene_close(&s);
}

/* --- replies ---------------------------------------------------------------------------------- */

TEST(each_refusal_belongs_to_its_recipient) {
    static const struct mail_line SCRIPT[] = {
        { "RCPT TO:<a@", "550-5.1.1 The address does not\r\n550 5.1.1 exist here\r\n", RUDE_KEEP },
        { "RCPT TO:<c@", "452 4.2.2 Mailbox full\r\n", RUDE_KEEP },
        { NULL, NULL, 0 }
    };
    struct scene s;
    play(&s, SCRIPT);
    CHECK_INT(s.call.result, CLIENT_DONE);
    CHECK_INT(s.call.accepted, 1);
    CHECK_INT(s.to[0].reply.code, 550);
    CHECK_TEXT(s.to[0].reply.enhanced, "5.1.1");
    CHECK_TEXT(s.to[0].reply.text, "The address does not exist here");
    CHECK_INT(s.to[1].reply.code, 250);
    CHECK_INT(s.to[2].reply.code, 452);
    CHECK_TEXT(s.to[2].reply.enhanced, "4.2.2");
    CHECK_INT(rude_mail_seen(s.server, MESSAGE), 1);
    scene_close(&s);
}

TEST(when_all_are_refused_nothing_of_the_mail_is_sent) {
    static const struct mail_line SCRIPT[] = { { "RCPT", "550 no\r\n", RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    struct scene s;
    play(&s, SCRIPT);
    CHECK_INT(s.call.result, CLIENT_REFUSED);
    CHECK_INT(s.call.step, MAIL_AT_RECIPIENTS);
    for (int i = 0; i < 3; i++)
        CHECK_INT(s.to[i].reply.code, 550);
    CHECK_INT(rude_mail_seen(s.server, "DATA"), 0);
    scene_close(&s);
}

TEST(a_refusal_after_the_end_is_definite) {
    static const struct mail_line SCRIPT[] = {
        { ".", "554 5.7.1 Looks like spam \xff\xc3\xa4\r\n", RUDE_KEEP }, { NULL, NULL, 0 }
    };
    struct scene s;
    play(&s, SCRIPT);
    CHECK_INT(s.call.result, CLIENT_REFUSED);
    CHECK_INT(s.call.step, MAIL_AT_END);
    CHECK_INT(s.call.reply.code, 554);
    CHECK_TEXT(s.call.reply.text, "Looks like spam \xef\xbf\xbd\xc3\xa4");
    CHECK(!mail_is_unknown(&s.call));
    scene_close(&s);
}

TEST(replies_may_come_byte_by_byte) {
    static const struct mail_line SCRIPT[] = {
        { "RCPT TO:<b@", "550-no\r\n550-never\n550 5.7.1 not to b\r\n", RUDE_KEEP },
        { NULL, NULL, 0 }
    };
    struct scene s;
    scene_open(&s, SCRIPT);
    s.server->drips = true;
    send_it(&s.call);
    CHECK_INT(s.call.result, CLIENT_DONE);
    CHECK_INT(s.call.accepted, 2);
    CHECK_TEXT(s.to[1].reply.text, "no never not to b");
    CHECK_TEXT(s.to[1].reply.enhanced, "5.7.1");
    scene_close(&s);
}

/* Plays a script in which one command is answered so, and says how it ended. */
static void answer_with(const char *command, const char *answer, enum rude_then then,
                        struct scene *s) {
    struct mail_line script[] = { { command, answer, then }, { NULL, NULL, 0 } };
    scene_open(s, script);
    s->call.timeout_ms = 500;
    send_it(&s->call);
    rude_mail_stop(s->server);
    s->server = NULL;
}

TEST(what_is_no_reply_ends_it_and_nothing_is_taken_for_one) {
    static const char *const ODD[] = { "hello\r\n",         "25\r\n",        "250-a\r\n550 b\r\n",
                                       "2500 ok\r\n",       "199 early\r\n", "600 late\r\n",
                                       "250 a\r\n250 b\r\n" };
    for (size_t i = 0; i < ARRAY_LEN(ODD); i++) {
        struct scene s;
        answer_with("RCPT TO:<a", ODD[i], RUDE_KEEP, &s);
        CHECK_INT(s.call.result, CLIENT_GARBLED);
        CHECK_INT(s.call.step, MAIL_AT_RECIPIENTS);
        arena_free(s.arena);
        answer_with(".", i == ARRAY_LEN(ODD) - 1 ? "354 what\r\n" : ODD[i], RUDE_KEEP, &s);
        CHECK(mail_is_unknown(&s.call));
        arena_free(s.arena);
    }
}

TEST(endless_lines_end_it) {
    char *line = malloc(100001);
    memset(line, 'x', 100000);
    memcpy(line, "250 ", 4);
    line[100000] = 0;
    struct scene s;
    answer_with("MAIL", line, RUDE_KEEP, &s);
    CHECK_INT(s.call.result, CLIENT_GARBLED);
    arena_free(s.arena);
    for (size_t i = 0; i + 10 <= 100000; i += 10)
        memcpy(line + i, "250-more\r\n", 10);
    answer_with("MAIL", line, RUDE_KEEP, &s);
    CHECK_INT(s.call.result, CLIENT_GARBLED);
    arena_free(s.arena);
    answer_with("EHLO", line, RUDE_KEEP, &s);
    CHECK(s.call.result == CLIENT_GARBLED || s.call.result == CLIENT_BROKEN);
    arena_free(s.arena);
    free(line);
}

/* --- cut at every step ------------------------------------------------------------------------ */

static const struct {
    const char *command;
    enum mail_step step;
} STEPS[] = { { "", MAIL_AT_GREETING },
              { "EHLO", MAIL_AT_GREETING },
              { "MAIL", MAIL_AT_SENDER },
              { "RCPT TO:<a", MAIL_AT_RECIPIENTS },
              { "RCPT TO:<c", MAIL_AT_RECIPIENTS },
              { "DATA", MAIL_AT_DATA },
              { ".", MAIL_AT_END } };

static void cut_at_each(const char *answer, enum rude_then then, enum client_result result,
                        enum client_result greeting_result) {
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        struct scene s;
        answer_with(STEPS[i].command, answer, then, &s);
        CHECK_INT(s.call.step, STEPS[i].step);
        /* A reset in the first moment may come before curl has seen that it was let in. */
        if (i > 0 || s.call.result != CLIENT_UNREACHED || then != RUDE_RESET)
            CHECK_INT(s.call.result, i < 2 ? greeting_result : result);
        CHECK(mail_is_unknown(&s.call) ==
              (STEPS[i].step == MAIL_AT_END && result != CLIENT_REFUSED));
        arena_free(s.arena);
    }
}

TEST(a_closed_connection_is_broken_and_unknown_only_after_the_end) {
    cut_at_each(NULL, RUDE_CLOSE, CLIENT_BROKEN, CLIENT_BROKEN);
}

TEST(so_is_a_reset_one) {
    cut_at_each(NULL, RUDE_RESET, CLIENT_BROKEN, CLIENT_BROKEN);
}

TEST(and_one_that_is_cut_in_the_middle_of_a_reply) {
    cut_at_each("250-half", RUDE_CLOSE, CLIENT_BROKEN, CLIENT_BROKEN);
}

TEST(silence_is_a_timeout_and_unknown_only_after_the_end) {
    cut_at_each(NULL, RUDE_KEEP, CLIENT_TIMEOUT, CLIENT_TIMEOUT);
    cut_at_each("250-half", RUDE_KEEP, CLIENT_TIMEOUT, CLIENT_TIMEOUT);
}

TEST(going_away_is_a_refusal_at_every_step) {
    cut_at_each("421 4.3.2 closing\r\n", RUDE_CLOSE, CLIENT_REFUSED, CLIENT_REFUSED);
}

TEST(waiting_for_the_answer_to_the_end_holds_up_nobody) {
    static const struct mail_line SCRIPT[] = { { ".", NULL, RUDE_KEEP },
                                               { "QUIT", NULL, RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    struct scene s;
    scene_open(&s, SCRIPT);
    s.call.timeout_ms = 700;
    int64_t wall_ms = ava_now_ms();
    CHECK(send_it(&s.call) < 50000);
    CHECK(ava_now_ms() - wall_ms < 2500);
    CHECK(mail_is_unknown(&s.call));
    CHECK(!s.call.was_late); /* the loop stood still for no half second */
    scene_close(&s);
}

TEST(a_server_that_does_not_answer_quit_holds_up_nobody) {
    static const struct mail_line SCRIPT[] = { { "QUIT", NULL, RUDE_KEEP },
                                               { "RCPT", "550 no\r\n", RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    struct scene s;
    scene_open(&s, SCRIPT);
    send_it(&s.call);
    CHECK(s.call.took_us < 2000000);
    scene_close(&s);
}

TEST(a_message_refused_in_its_middle_is_refused_by_that_reply) {
    static const struct mail_line SCRIPT[] = { { "~", "552 5.3.4 too big\r\n", RUDE_CLOSE },
                                               { NULL, NULL, 0 } };
    struct scene s;
    scene_open(&s, SCRIPT);
    size_t len = 900000;
    char *big = malloc(len);
    memset(big, 'a', len);
    s.call.message = (struct str){ big, len };
    send_it(&s.call);
    CHECK(s.call.step == MAIL_AT_MESSAGE || s.call.step == MAIL_AT_END);
    CHECK(s.call.result == CLIENT_REFUSED || s.call.result == CLIENT_BROKEN);
    CHECK(s.call.result != CLIENT_REFUSED || s.call.reply.code == 552);
    free(big);
    scene_close(&s);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static const char *arrives_as(const char *message, char *room) {
    struct scene s;
    scene_open(&s, NULL);
    s.call.message = str_of(message);
    send_it(&s.call);
    CHECK_INT(s.call.result, CLIENT_DONE);
    snprintf(room, 1000, "%s", s.server->message.ptr);
    scene_close(&s);
    return room;
}

TEST(dots_are_doubled_and_every_line_ends_in_crlf) {
    char room[1000];
    CHECK_TEXT(arrives_as(".\r\n..\r\na.b\r\n", room), "..\r\n...\r\na.b\r\n.\r\n");
    CHECK_TEXT(arrives_as("a\nb\rc\r\n\n.d", room), "a\r\nb\r\nc\r\n\r\n..d\r\n.\r\n");
    CHECK_TEXT(arrives_as("a\n.\nQUIT\n", room), "a\r\n..\r\nQUIT\r\n.\r\n");
    CHECK_TEXT(arrives_as("a\r.\rQUIT\r", room), "a\r\n..\r\nQUIT\r\n.\r\n");
    CHECK_TEXT(arrives_as("", room), ".\r\n");
}

TEST(a_large_message_arrives_whole_and_lets_others_go_first) {
    struct scene s;
    struct buf want = { 0 }, bytes = { 0 };
    for (int i = 0; i < 60000; i++) {
        buf_printf(&bytes, "%s%d\n", i % 7 ? "" : ".", i);
        buf_printf(&want, "%s%d\r\n", i % 7 ? "" : "..", i);
    }
    buf_text(&want, ".\r\n");
    scene_open(&s, NULL);
    s.call.message = buf_view(&bytes);
    CHECK(send_it(&s.call) < 100000);
    CHECK_INT(s.call.result, CLIENT_DONE);
    CHECK(str_eq(buf_view(&s.server->message), buf_view(&want)));
    buf_fini(&want);
    buf_fini(&bytes);
    scene_close(&s);
}

TEST(no_address_can_bring_a_command_of_its_own) {
    struct scene s;
    scene_open(&s, NULL);
    s.to[0].address = "a@example.test>\r\nRCPT TO:<evil@example.test";
    s.to[1].address = "a b@example.test";
    send_it(&s.call);
    CHECK_INT(s.call.accepted, 1);
    CHECK_INT(s.to[0].reply.code, 553);
    CHECK_INT(s.to[1].reply.code, 553);
    CHECK_INT(rude_mail_seen(s.server, "evil"), 0);
    scene_close(&s);
    scene_open(&s, NULL);
    s.call.from = "a@example.test>\r\nX";
    send_it(&s.call);
    CHECK_INT(s.call.result, CLIENT_REFUSED);
    CHECK_INT(s.call.step, MAIL_AT_SENDER);
    scene_close(&s);
}

/* --- beyond ASCII ----------------------------------------------------------------------------- */

TEST(a_domain_of_letters_beyond_ascii_goes_in_its_ascii_form) {
    struct scene s;
    scene_open(&s, NULL);
    s.to[0].address = "a@b\xc3\xbc"
                      "cher.example";
    send_it(&s.call);
    CHECK_INT(s.call.accepted, 3);
    CHECK_INT(rude_mail_seen(s.server, "RCPT TO:<a@xn--bcher-kva.example>"), 1);
    scene_close(&s);
}

TEST(a_local_part_beyond_ascii_needs_a_server_that_takes_it) {
    static const struct mail_line SCRIPT[] = { { "EHLO", "250-x\r\n250 SMTPUTF8\r\n", RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    struct scene s;
    scene_open(&s, NULL);
    s.to[0].address = "j\xc3\xb6rg@example.test";
    send_it(&s.call);
    CHECK_INT(s.call.accepted, 2);
    CHECK_TEXT(s.to[0].reply.enhanced, "5.6.7");
    scene_close(&s);
    scene_open(&s, SCRIPT);
    s.to[0].address = "j\xc3\xb6rg@example.test";
    send_it(&s.call);
    CHECK_INT(s.call.accepted, 3);
    CHECK_INT(rude_mail_seen(s.server, "MAIL FROM:<ava@example.test> SMTPUTF8\r\n"), 1);
    scene_close(&s);
    scene_open(&s, NULL);
    s.call.from = "j\xc3\xb6rg@example.test";
    send_it(&s.call);
    CHECK_INT(s.call.lack, MAIL_LACKS_UTF8);
    scene_close(&s);
}

TEST(a_message_larger_than_the_server_says_is_not_sent) {
    static const struct mail_line SCRIPT[] = { { "EHLO", "250-x\r\n250 SIZE 20\r\n", RUDE_KEEP },
                                               { NULL, NULL, 0 } };
    struct scene s;
    play(&s, SCRIPT);
    CHECK_INT(s.call.result, CLIENT_REFUSED);
    CHECK_INT(s.call.lack, MAIL_LACKS_ROOM);
    CHECK_INT(rude_mail_seen(s.server, "MAIL"), 0);
    scene_close(&s);
}

/* --- who we are ------------------------------------------------------------------------------- */

static void sign_in(struct scene *s, const struct mail_line *script) {
    scene_open(s, script);
    s->call.username = STR("me");
    s->call.password = STR("secret");
    send_it(&s->call);
}

TEST(a_password_goes_by_plain_or_by_login) {
    static const struct mail_line PLAIN[] = {
        { "EHLO", "250-x\r\n250 AUTH CRAM-MD5 LOGIN PLAIN\r\n", RUDE_KEEP },
        { "AUTH PLAIN AG1lAHNlY3JldA==\r\n", "235 2.7.0 ok\r\n", RUDE_KEEP },
        { "AUTH", "535 no\r\n", RUDE_KEEP },
        { NULL, NULL, 0 }
    };
    static const struct mail_line LOGIN[] = { { "EHLO", "250-x\r\n250 AUTH=LOGIN\r\n", RUDE_KEEP },
                                              { "AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n",
                                                RUDE_KEEP },
                                              { "bWU=\r\n", "334 UGFzc3dvcmQ6\r\n", RUDE_KEEP },
                                              { "c2VjcmV0\r\n", "235 ok\r\n", RUDE_KEEP },
                                              { NULL, NULL, 0 } };
    struct scene s;
    sign_in(&s, PLAIN);
    CHECK_INT(s.call.result, CLIENT_DONE);
    scene_close(&s);
    sign_in(&s, LOGIN);
    CHECK_INT(s.call.result, CLIENT_DONE);
    scene_close(&s);
}

TEST(a_refused_password_is_told_and_nothing_else_is_sent) {
    static const struct mail_line SCRIPT[] = {
        { "EHLO", "250-x\r\n250 AUTH PLAIN\r\n", RUDE_KEEP },
        { "AUTH", "535 5.7.8 Username and Password not accepted\r\n", RUDE_KEEP },
        { NULL, NULL, 0 }
    };
    struct scene s;
    sign_in(&s, SCRIPT);
    CHECK_INT(s.call.result, CLIENT_REFUSED);
    CHECK_INT(s.call.step, MAIL_AT_AUTH);
    CHECK_INT(s.call.reply.code, 535);
    CHECK_INT(rude_mail_seen(s.server, "MAIL"), 0);
    scene_close(&s);
}

TEST(no_password_goes_to_a_server_that_takes_none) {
    struct scene s;
    sign_in(&s, NULL);
    CHECK_INT(s.call.result, CLIENT_REFUSED);
    CHECK_INT(s.call.lack, MAIL_LACKS_AUTH);
    CHECK_INT(rude_mail_seen(s.server, "AUTH"), 0);
    scene_close(&s);
}

TEST(without_starttls_nothing_is_said_beyond_ehlo) {
    struct scene s;
    scene_open(&s, NULL);
    s.call.security = MAIL_STARTTLS;
    s.call.username = STR("me");
    s.call.password = STR("secret");
    send_it(&s.call);
    CHECK_INT(s.call.result, CLIENT_REFUSED);
    CHECK_INT(s.call.lack, MAIL_LACKS_STARTTLS);
    CHECK_INT(rude_mail_seen(s.server, "AUTH"), 0);
    CHECK_INT(rude_mail_seen(s.server, "MAIL"), 0);
    scene_close(&s);
}

TEST(tls_with_a_server_that_has_none_fails_before_a_word) {
    static const struct mail_line SCRIPT[] = { { "EHLO", "250-x\r\n250 STARTTLS\r\n", RUDE_KEEP },
                                               { "STARTTLS", "220 go\r\n", RUDE_KEEP },
                                               { "\x16", "nonsense\r\n", RUDE_CLOSE },
                                               { NULL, NULL, 0 } };
    struct scene s;
    scene_open(&s, NULL);
    s.call.security = MAIL_TLS;
    send_it(&s.call);
    CHECK_INT(s.call.result, CLIENT_TLS);
    scene_close(&s);
    scene_open(&s, SCRIPT);
    s.call.security = MAIL_STARTTLS;
    s.call.timeout_ms = 1000;
    send_it(&s.call);
    CHECK_INT(s.call.step, MAIL_AT_GREETING);
    CHECK(s.call.result != CLIENT_DONE && s.call.result != CLIENT_REFUSED);
    scene_close(&s);
}

TEST(a_handshake_that_fails_while_memory_is_short_blames_nobody) {
    struct scene s;
    memory_keep_reserve();
    memory_make_room(0);
    CHECK(memory_is_short());
    scene_open(&s, NULL);
    s.call.security = MAIL_TLS;
    send_it(&s.call);
    CHECK_INT(s.call.result, CLIENT_STARVED);
    scene_close(&s);
    memory_mend_reserve();
    CHECK(!memory_is_short());
    scene_open(&s, NULL);
    s.call.security = MAIL_TLS;
    send_it(&s.call);
    CHECK_INT(s.call.result, CLIENT_TLS);
    scene_close(&s);
}

TEST(what_comes_in_clear_behind_starttls_is_not_believed) {
    static const struct mail_line SCRIPT[] = {
        { "EHLO", "250-x\r\n250 STARTTLS\r\n", RUDE_KEEP },
        { "STARTTLS", "220 go\r\n250-x\r\n250 AUTH PLAIN\r\n", RUDE_KEEP },
        { NULL, NULL, 0 }
    };
    struct scene s;
    scene_open(&s, SCRIPT);
    s.call.security = MAIL_STARTTLS;
    s.call.timeout_ms = 1000;
    send_it(&s.call);
    CHECK(s.call.result != CLIENT_DONE);
    CHECK_INT(rude_mail_seen(s.server, "AUTH"), 0);
    scene_close(&s);
}

TEST(a_look_at_the_server_sends_no_mail) {
    struct scene s;
    scene_open(&s, NULL);
    s.call.from = NULL;
    s.call.recipient_count = 0;
    send_it(&s.call);
    CHECK_INT(s.call.result, CLIENT_DONE);
    CHECK_INT(s.call.step, MAIL_AT_REST);
    CHECK_INT(rude_mail_seen(s.server, "MAIL"), 0);
    scene_close(&s);
}

TEST(only_the_judged_address_is_connected_to) {
    struct scene s;
    struct address only;
    scene_open(&s, NULL);
    s.call.host = "localhost";
    CHECK(address_parse(STR("127.0.0.1"), &only));
    s.call.only = &only;
    send_it(&s.call);
    CHECK_INT(s.call.result, CLIENT_DONE);
    CHECK(address_parse(STR("127.0.0.9"), &only));
    send_it(&s.call);
    CHECK_INT(s.call.result, CLIENT_UNREACHED);
    CHECK_INT(atomic_load(&s.server->connections), 1);
    scene_close(&s);
}
