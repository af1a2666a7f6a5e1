#include "tasks/book.h"

#include "crypto/hash.h"
#include "service/inbox/spool.h"
#include "store/book.h"
#include "store/fallbacks.h"
#include "test.h"
#include "vault/house.h"

/* A house whose database stands for the one that may be away, and a book of it in the same folder. */
struct library {
    struct house h;
};

static void library_open(struct library *l) {
    const char *why = "";
    house_open(&l->h);
    l->h.t.parts.book = book_open(&l->h.t.ctx, l->h.t.dir, hash_blake2b, &why);
    if (!l->h.t.parts.book) {
        fprintf(stderr, "# %s\n", why);
        abort();
    }
}

static void library_close(struct library *l) {
    book_close(l->h.t.parts.book);
    l->h.t.parts.book = NULL;
    house_close(&l->h);
}

/* What the book has under that id, opened. */
static const char *in_book(struct library *l, const char *workspace, const char *id) {
    struct ctx ctx;
    temp_ctx(&l->h.t, &ctx);
    SCOPED(book_shut) struct book_view view = book_read(&ctx);
    return ctx.parts->whole ? house_get(&ctx, workspace, id) : NULL;
}

static int64_t count_in_book(struct library *l) {
    struct book_state state;
    struct ctx ctx;
    temp_ctx(&l->h.t, &ctx);
    return book_state(&ctx, &state) == OK ? state.workspaces * 100 + state.spooled : -1;
}

/* On SQLite there are no books, and so no notes: the test makes them. */
static void note(struct library *l, const char *seq, const char *at, const char *workspace) {
    CHECK(temp_script(&l->h.t,
                      arena_join(l->h.t.arena, "INSERT INTO book_changes (seq, at, ",
                                 "workspace_id) VALUES (", seq, ", ", at, ", '", workspace, "')")));
}

static enum err look(struct library *l) {
    struct ctx ctx;
    temp_ctx(&l->h.t, &ctx);
    return book_look(&ctx);
}

static enum err spool(struct library *l, const char *workspace, const char *body) {
    struct ctx ctx;
    temp_ctx(&l->h.t, &ctx);
    return spool_take(
        &ctx, &(struct incoming){ .workspace_id = workspace,
                                  .provider = "twilio",
                                  .type = "voice",
                                  .resource = body,
                                  .dedupe = str_of(body),
                                  .content = { .headers = STR("{}"), .body = str_of(body) } });
}

static size_t move(struct library *l) {
    struct ctx ctx;
    size_t count = 99;
    temp_ctx(&l->h.t, &ctx);
    CHECK(spool_move(&ctx, &count) == OK);
    return count;
}

static const char *sql(struct library *l, const char *text) {
    return temp_sql(&l->h.t, text);
}

TEST(is_readable_once_it_was_filled) {
    struct library l;
    library_open(&l);
    CHECK(house_put(&l.h, "ws_a", "one", "secret of a") == OK);
    CHECK(house_put(&l.h, "ws_b", "two", "secret of b") == OK);
    CHECK(in_book(&l, "ws_a", "one") == NULL);
    CHECK(!book_is_readable(&l.h.t.ctx));
    CHECK(book_fill(&l.h.t.ctx) == OK);
    CHECK(book_is_readable(&l.h.t.ctx));
    CHECK_TEXT(in_book(&l, "ws_a", "one"), "secret of a");
    CHECK_TEXT(in_book(&l, "ws_b", "two"), "secret of b");
    CHECK(in_book(&l, "ws_a", "two") == NULL);
    library_close(&l);
}

TEST(a_look_copies_what_changed_whatever_the_order_of_the_commits) {
    struct library l;
    char now[32], old[32];
    library_open(&l);
    snprintf(now, sizeof now, "%lld", 1800000000000ll);
    snprintf(old, sizeof old, "%lld", 1800000000000ll - 60000);
    CHECK(temp_script(&l.h.t, "DELETE FROM book_changes"));
    note(&l, "500", now, "ws_b");
    CHECK(book_fill(&l.h.t.ctx) == OK);
    CHECK(house_put(&l.h, "ws_a", "one", "first") == OK);
    CHECK(temp_script(&l.h.t, "DELETE FROM book_changes WHERE workspace_id = 'ws_a'"));
    CHECK(look(&l) == OK);
    CHECK(in_book(&l, "ws_a", "one") == NULL); /* nobody noted it */
    note(&l, "501", now, "ws_a");
    CHECK(look(&l) == OK);
    CHECK_TEXT(in_book(&l, "ws_a", "one"), "first");
    /* Got its number before the other, and was committed later. */
    CHECK(house_put(&l.h, "ws_b", "two", "second") == OK);
    CHECK(
        temp_script(&l.h.t, "DELETE FROM book_changes WHERE workspace_id = 'ws_b' AND seq <> 500"));
    note(&l, "499", now, "ws_b");
    CHECK(look(&l) == OK);
    CHECK_TEXT(in_book(&l, "ws_b", "two"), "second");
    library_close(&l);
}

TEST(what_is_taken_away_is_gone_with_the_next_look) {
    struct library l;
    library_open(&l);
    CHECK(house_put(&l.h, "ws_a", "one", "secret") == OK);
    CHECK(book_fill(&l.h.t.ctx) == OK);
    CHECK(temp_script(&l.h.t, "DELETE FROM credentials"));
    note(&l, "1000", "1900000000000", "ws_a");
    CHECK(look(&l) == OK);
    CHECK(in_book(&l, "ws_a", "one") == NULL);
    CHECK(count_in_book(&l) == 200);
    CHECK(temp_script(&l.h.t, "DELETE FROM workspaces WHERE id = 'ws_b'"));
    note(&l, "1001", "1900000000000", "ws_b");
    CHECK(look(&l) == OK);
    CHECK(count_in_book(&l) == 100);
    library_close(&l);
}

TEST(what_was_spooled_is_moved_once_and_opens) {
    struct library l;
    struct event_row row;
    struct event_content content;
    library_open(&l);
    CHECK(house_put(&l.h, "ws_a", "one", "secret") == OK); /* so there is a data key */
    CHECK(book_fill(&l.h.t.ctx) == OK);
    CHECK(spool(&l, "ws_a", "call 1") == OK);
    CHECK(spool(&l, "ws_a", "call 1") == OK);
    CHECK(spool(&l, "ws_a", "call 2") == OK);
    CHECK(count_in_book(&l) == 202);
    CHECK_TEXT(sql(&l, "SELECT COUNT(*) FROM events"), "0");
    CHECK(move(&l) == 2);
    CHECK(move(&l) == 0);
    CHECK(count_in_book(&l) == 200);
    CHECK_TEXT(sql(&l, "SELECT COUNT(*) FROM events WHERE status = 'received'"), "2");
    /* Forgotten here before it was forgotten there, as a kill in between does: it comes again, and changes nothing. */
    CHECK(spool(&l, "ws_a", "call 2") == OK);
    CHECK(move(&l) == 1);
    CHECK_TEXT(sql(&l, "SELECT COUNT(*) FROM events"), "2");
    str_copy(l.h.t.ctx.who.workspace_id, sizeof l.h.t.ctx.who.workspace_id, STR("ws_a"));
    CHECK(event_read(&l.h.t.ctx, sql(&l, "SELECT id FROM events WHERE resource = 'call 2'"), &row,
                     &content) == OK);
    CHECK(str_is(content.body, "call 2"));
    library_close(&l);
}

TEST(a_data_key_is_never_made_in_the_book) {
    struct library l;
    library_open(&l);
    CHECK(book_fill(&l.h.t.ctx) == OK);
    CHECK(spool(&l, "ws_a", "call 1") == ERR_STORAGE_UNAVAILABLE);
    CHECK(count_in_book(&l) == 200);
    library_close(&l);
}

TEST(what_was_sealed_under_a_key_that_is_gone_is_sealed_anew) {
    struct library l;
    struct event_row row;
    struct event_content content;
    struct vault_rotation done;
    library_open(&l);
    CHECK(house_put(&l.h, "ws_a", "one", "secret") == OK);
    CHECK(book_fill(&l.h.t.ctx) == OK);
    CHECK(spool(&l, "ws_a", "call 1") == OK);
    /* As a rotation on another host that was through while this one could not reach the database. */
    CHECK(vault_rotate(&l.h.t.ctx, true, &done) == OK);
    CHECK(temp_script(&l.h.t, "DELETE FROM workspace_keys WHERE dek_id = 1"));
    vault_forget(l.h.t.parts.vault, "ws_a");
    note(&l, "1000", "1900000000000", "ws_a");
    CHECK(look(&l) == OK); /* the book keeps the key as long as something is under it */
    CHECK(move(&l) == 1);
    vault_forget(l.h.t.parts.vault, "ws_a");
    str_copy(l.h.t.ctx.who.workspace_id, sizeof l.h.t.ctx.who.workspace_id, STR("ws_a"));
    CHECK(event_read(&l.h.t.ctx, sql(&l, "SELECT id FROM events"), &row, &content) == OK);
    CHECK(str_is(content.body, "call 1"));
    library_close(&l);
}

TEST(what_came_for_a_workspace_that_was_removed_meanwhile_is_dropped) {
    struct library l;
    library_open(&l);
    CHECK(house_put(&l.h, "ws_a", "one", "secret") == OK);
    CHECK(house_put(&l.h, "ws_b", "two", "secret") == OK);
    CHECK(book_fill(&l.h.t.ctx) == OK);
    CHECK(spool(&l, "ws_a", "call 1") == OK);
    CHECK(spool(&l, "ws_b", "call 2") == OK);
    CHECK(temp_script(&l.h.t, "DELETE FROM workspaces WHERE id = 'ws_a'"));
    CHECK(move(&l) == 2);
    CHECK_TEXT(sql(&l, "SELECT resource FROM events"), "call 2");
    library_close(&l);
}

TEST(what_a_request_has_changed_is_copied_at_once) {
    struct library l;
    library_open(&l);
    CHECK(book_fill(&l.h.t.ctx) == OK);
    l.h.t.ctx.is_for_books = true;
    str_copy(l.h.t.ctx.who.workspace_id, sizeof l.h.t.ctx.who.workspace_id, STR("ws_a"));
    CHECK(house_put(&l.h, "ws_a", "one", "secret") == OK);
    book_catch_up(&l.h.t.ctx);
    CHECK_TEXT(in_book(&l, "ws_a", "one"), "secret");
    library_close(&l);
}

TEST(a_book_of_other_keys_is_made_anew) {
    struct library l;
    struct house other;
    const char *why = "";
    library_open(&l);
    CHECK(house_put(&l.h, "ws_a", "one", "secret") == OK);
    CHECK(book_fill(&l.h.t.ctx) == OK);
    book_close(l.h.t.parts.book);
    l.h.t.parts.book = NULL;
    house_open(&other); /* the same bytes of the key, and another installation */
    struct book *b = book_open(&other.t.ctx, l.h.t.dir, hash_blake2b, &why);
    CHECK(b != NULL);
    other.t.parts.book = b;
    CHECK(!book_is_readable(&other.t.ctx));
    book_close(b);
    other.t.parts.book = NULL;
    house_close(&other);
    library_close(&l);
}

static int64_t compare(struct library *l) {
    struct ctx ctx;
    int64_t found = 99;
    temp_ctx(&l->h.t, &ctx);
    CHECK(book_compare(&ctx, &found) == OK);
    return found;
}

/* What was changed by hand, or by a function that forgot its note. */
TEST(rows_that_are_not_those_of_the_database_are_found_and_put_right) {
    static const char gone[] = "DELETE FROM workspace_keys WHERE workspace_id = 'ws_a';"
                               " DELETE FROM workspaces WHERE id = 'ws_a'";
    static const char *const DRIFTS[] = {
        "DELETE FROM credentials WHERE workspace_id = 'ws_a'",
        "UPDATE credentials SET version = version + 1 WHERE workspace_id = 'ws_b'",
        "UPDATE workspaces SET name = 'Another' WHERE id = 'ws_b'",
        "UPDATE workspace_keys SET binds = 1 - binds WHERE workspace_id = 'ws_b'",
        gone,
    };
    struct library l;
    library_open(&l);
    CHECK(house_put(&l.h, "ws_a", "one", "secret") == OK);
    CHECK(house_put(&l.h, "ws_b", "two", "secret") == OK);
    CHECK_INT(compare(&l), 0); /* there is nothing to compare yet */
    CHECK(book_fill(&l.h.t.ctx) == OK);
    CHECK_INT(compare(&l), 0);
    CHECK(temp_script(&l.h.t, "DELETE FROM book_changes")); /* else a look puts them right */
    for (size_t i = 0; i < ARRAY_LEN(DRIFTS); i++) {
        CHECK(temp_script(&l.h.t, DRIFTS[i]));
        CHECK_TEXT(DRIFTS[i], compare(&l) == 1 ? DRIFTS[i] : "not found");
        CHECK_TEXT(DRIFTS[i], compare(&l) == 0 ? DRIFTS[i] : "not put right");
    }
    CHECK(in_book(&l, "ws_a", "one") == NULL);
    CHECK_INT(count_in_book(&l), 100);
    library_close(&l);
}

TEST(what_is_noted_or_kept_on_purpose_is_no_drift) {
    struct library l;
    struct vault_rotation done;
    library_open(&l);
    CHECK(house_put(&l.h, "ws_a", "one", "secret") == OK);
    CHECK(book_fill(&l.h.t.ctx) == OK);
    CHECK(temp_script(&l.h.t, "UPDATE workspaces SET name = 'Another' WHERE id = 'ws_a'"));
    note(&l, "1000", "1900000000000", "ws_a");
    CHECK_INT(compare(&l), 0); /* a look between */
    CHECK(temp_script(&l.h.t, "UPDATE credentials SET checked_at = 1"));
    CHECK_INT(compare(&l), 0);
    CHECK(spool(&l, "ws_a", "call 1") == OK);
    CHECK(vault_rotate(&l.h.t.ctx, true, &done) == OK);
    CHECK(temp_script(&l.h.t, "DELETE FROM workspace_keys WHERE dek_id = 1"));
    note(&l, "1001", "1900000000001", "ws_a");
    CHECK_INT(compare(&l), 0); /* the key of what was spooled */
    library_close(&l);
}
