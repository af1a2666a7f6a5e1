#include "tasks/book.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "obs/log.h"
#include "store/book.h"
#include "store/events.h"
#include "store/sealed.h"
#include "vault/vault.h"

enum {
    FORMER_MAX = 8, /* books that were damaged while they were open, in one run */
    PAGE = 64,      /* workspaces that are copied at once when it is filled */
    COMPARES = 3,   /* after a look each, before rows are taken for wrong */
    PAGE_BYTES = 256 << 20,
    CHANGES_PAGE = 256,
    OVERLAP_MS = 10 * 1000, /* a change may be committed so long after one with a higher number */
    KEPT_MS = 3600 * 1000,  /* changes; who has not looked for half of it fills its book */
    SWEEP_MS = 60 * 1000,
    WRITE_MS = 10 * 1000,
    CATCH_UP_MS = 500,
    LOOK_PIECE_MS = 2000, /* for the rows of one workspace */
    FILL_PIECE_MS = 5000, /* and of a page of them */
    LATE_MS = 2000,       /* for so long one late answer stands for the next */
    SLOTS = 1024,
};

struct book {
    char *path;
    db_hash_fn *hash;
    _Atomic(struct db *) db; /* NULL: none could be made */
    struct db *former[FORMER_MAX];
    size_t former_count;
    atomic_bool is_filled;
    _Atomic int64_t looked_ms, late_ms;
    struct book_mark mark; /* of who looks */
    int64_t swept_ms;
    /* Which reading of a workspace was written last: an older one that comes later changes nothing. */
    _Atomic uint64_t readings;
    uint64_t written[SLOTS]; /* of the writer */
};

/* --- the file -------------------------------------------------------------------------------- */

static const char FILLED[] = "book_filled";

/* For the book's own writes, and for what one is asked that nobody else reads. */
static struct ctx ctx_on(struct ctx *ctx, struct db *db) {
    struct ctx own = *ctx;
    struct parts *parts = arena_copy(ctx->arena, ctx->parts, sizeof *parts);
    parts->db = db;
    parts->whole = ctx->parts;
    own.parts = parts;
    own.spans = NULL;
    return own;
}

/* A new one takes the place of the one before. */
static void put_aside(const struct book *b, struct arena *a) {
    static const char *const ENDINGS[] = { "", "-wal" };
    for (size_t i = 0; i < ARRAY_LEN(ENDINGS); i++) {
        const char *is = arena_join(a, b->path, ENDINGS[i]);
        const char *aside = arena_join(a, b->path, ".aside", ENDINGS[i]);
        unlink(aside);
        if (rename(is, aside) != 0)
            unlink(is);
    }
    unlink(arena_join(a, b->path, "-shm"));
}

static struct db *open_file(const struct book *b, struct arena *a, const char **why) {
    const struct db_conf conf = { .path = b->path, .hash = b->hash, .is_book = true };
    return db_open(&conf, a, why);
}

/* What tells this installation from others (vault_canary), as the database has it. */
struct marks {
    struct vault_canary list[KEYRING_MAX];
    size_t count;
};

static enum err read_marks(struct ctx *ctx, struct marks *out) {
    struct vault_canary c;
    out->count = 0;
    for (size_t i = 0; i < KEYRING_MAX; i++) {
        TRY(vault_canary(ctx, i, &c));
        if (c.name && c.sealed.ptr)
            out->list[out->count++] = c;
    }
    return OK;
}

/* Is it new, or has it one of the marks? */
static bool is_ours(struct ctx *on_book, const struct marks *marks) {
    bool has_any = true, is_same = false;
    struct str there;
    if (meta_any(on_book, db_reader(on_book), "canary:", &has_any) != OK)
        return false;
    for (size_t i = 0; i < marks->count && !is_same; i++)
        is_same = meta_get(on_book, db_reader(on_book), marks->list[i].name, &there) == OK &&
                  str_eq(there, marks->list[i].sealed);
    return is_same || !has_any;
}

static enum err write_marks(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct marks *marks = arg;
    for (size_t i = 0; i < marks->count; i++)
        TRY(meta_put(ctx, tx, marks->list[i].name, marks->list[i].sealed));
    return OK;
}

static bool was_filled(struct ctx *on_book) {
    struct str said;
    return meta_get(on_book, db_reader(on_book), FILLED, &said) == OK && said.ptr;
}

/* Opens what there is, and takes it for this data; NULL and *why where it is not fit. */
static struct db *open_fit(struct ctx *ctx, struct book *b, struct marks *marks, const char **why) {
    struct db *db = open_file(b, ctx->arena, why);
    if (!db)
        return NULL;
    struct ctx own = ctx_on(ctx, db);
    bool is_fit = is_ours(&own, marks);
    *why = "it is of another installation, or under other master keys";
    if (is_fit && db_write(&own, write_marks, marks) != OK) {
        *why = "it takes no writes";
        is_fit = false;
    }
    if (is_fit) {
        atomic_store(&b->is_filled, was_filled(&own));
        return db;
    }
    db_close(db);
    return NULL;
}

/* Makes it anew where it is not fit; b->db NULL and *why when there is none. */
static void open_book(struct ctx *ctx, struct book *b, const char **why) {
    struct marks marks;
    *why = "the database does not say whose it is";
    if (read_marks(ctx, &marks) != OK)
        return;
    struct db *db = open_fit(ctx, b, &marks, why);
    if (!db) {
        log_warn(NULL, "book", L("file", b->path), L("why", *why),
                 L("then", "it was put aside, and is made anew"));
        put_aside(b, ctx->arena);
        db = open_fit(ctx, b, &marks, why);
    }
    atomic_store(&b->db, db);
}

struct book *book_open(struct ctx *ctx, const char *folder, db_hash_fn *hash, const char **why) {
    struct book *b = memory_zeroed(1, sizeof *b);
    b->hash = hash;
    b->path = memory_copy(arena_join(ctx->arena, folder, "/book.db"));
    atomic_init(&b->looked_ms, INT64_MIN / 2);
    atomic_init(&b->late_ms, INT64_MIN / 2);
    open_book(ctx, b, why);
    if (atomic_load(&b->db))
        return b;
    book_close(b);
    return NULL;
}

void book_close(struct book *b) {
    if (!b)
        return;
    db_close(atomic_load(&b->db));
    for (size_t i = 0; i < b->former_count; i++)
        db_close(b->former[i]);
    free(b->path);
    free(b);
}

/* One that was damaged, or taken away, while it was open. Threads may still read from it: it is closed at the end. */
static void retire(struct ctx *ctx, struct book *b, struct db *db) {
    log_warn(NULL, "book", L("file", b->path),
             L("why", "its file was damaged, removed or replaced while it was open"),
             L("then", "it was put aside, and is made anew"));
    b->former[b->former_count++] = db;
    atomic_store(&b->is_filled, false);
    atomic_store(&b->db, NULL);
    put_aside(b, ctx->arena);
}

static void mend(struct ctx *ctx, struct book *b) {
    struct db *db = atomic_load(&b->db);
    const char *why = "";
    if (db && db_is_up(db))
        return;
    if (db && b->former_count == FORMER_MAX)
        return;
    if (db)
        retire(ctx, b, db);
    open_book(ctx, b, &why);
}

/* --- copying --------------------------------------------------------------------------------- */

struct copying {
    struct book *book;
    struct book_rows rows;
    const char *workspace_id; /* NULL: of several */
    uint64_t reading;
};

static size_t slot_of(const char *workspace_id) {
    uint64_t h = 1469598103934665603u;
    for (const char *c = workspace_id; *c; c++)
        h = (h ^ (unsigned char)*c) * 1099511628211u;
    return (h ^ h >> 29) % SLOTS;
}

static enum err copy_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct copying *c = arg;
    uint64_t *written = c->workspace_id ? &c->book->written[slot_of(c->workspace_id)] : NULL;
    if (written && *written > c->reading)
        return OK;
    TRY(book_rows_write(ctx, tx, &c->rows));
    if (written)
        *written = c->reading;
    return OK;
}

/* Of the workspaces from the one id to the other. */
static enum err copy(struct ctx *ctx, const char *from, const char *to) {
    struct book *b = ctx->parts->book;
    struct db *db = atomic_load(&b->db);
    struct ctx own = *ctx;
    struct copying c = { .book = b,
                         .rows = { .from = from, .to = to },
                         .workspace_id = strcmp(from, to) == 0 ? to : NULL,
                         .reading = atomic_fetch_add(&b->readings, 1) + 1 };
    if (!db)
        return ERR_STORAGE_UNAVAILABLE;
    own.arena = arena_new(PAGE_BYTES);
    enum err e = book_rows_read(&own, db_reader(&own), &c.rows);
    if (e == OK) {
        struct ctx on_book = ctx_on(&own, db);
        on_book.deadline_ms = ava_now_ms() + WRITE_MS;
        e = db_write(&on_book, copy_write, &c);
    }
    arena_free(own.arena);
    return e;
}

static enum err filled_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return meta_put(ctx, tx, FILLED, STR("1"));
}

/* All workspaces, page by page. */
static enum err for_pages(struct ctx *ctx,
                          enum err (*fn)(struct ctx *ctx, const char *from, const char *to,
                                         int64_t *found),
                          int64_t *found) {
    const char *from = "", *last = "";
    for (bool more = true; more;) {
        const char *to;
        ctx_grant(ctx, FILL_PIECE_MS);
        TRY(book_workspace_behind(ctx, db_reader(ctx), last, PAGE, &to));
        more = to != NULL;
        TRY(fn(ctx, from, more ? to : BOOK_LAST, found));
        if (more)
            last = to;
        from = book_next_id(ctx, last);
    }
    return OK;
}

static enum err copy_page(struct ctx *ctx, const char *from, const char *to, int64_t *found) {
    return copy(ctx, from, to);
}

enum err book_fill(struct ctx *ctx) {
    struct book *b = ctx->parts->book;
    struct book_mark mark;
    TRY(book_changes_newest(ctx, db_reader(ctx), &mark));
    TRY(for_pages(ctx, copy_page, NULL));
    struct ctx own = ctx_on(ctx, atomic_load(&b->db));
    TRY(db_write(&own, filled_write, NULL));
    b->mark = mark;
    atomic_store(&b->looked_ms, ava_now_ms());
    atomic_store(&b->is_filled, true);
    return OK;
}

static enum err sweep_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return book_changes_sweep(ctx, tx, ava_wall_ms() - KEPT_MS);
}

/* Now and then. New master keys are known by then, and the next start may be without the older ones. */
static void sweep(struct ctx *ctx, struct book *b) {
    struct marks marks;
    struct ctx own = ctx_on(ctx, atomic_load(&b->db));
    if (ava_now_ms() - b->swept_ms < SWEEP_MS)
        return;
    b->swept_ms = ava_now_ms();
    db_write_beside(ctx, sweep_write, NULL);
    if (read_marks(ctx, &marks) == OK)
        db_write(&own, write_marks, &marks);
}

static enum err copy_changes(struct ctx *ctx, const struct book_mark *since) {
    const char *ids[CHANGES_PAGE], *after = "";
    size_t count;
    do {
        TRY(book_changes_list(ctx, db_reader(ctx), since->seq, since->at_ms - OVERLAP_MS, after,
                              CHANGES_PAGE, ids, &count));
        for (size_t i = 0; i < count; i++) {
            ctx_grant(ctx, LOOK_PIECE_MS);
            TRY(copy(ctx, ids[i], ids[i]));
        }
        after = count ? ids[count - 1] : after;
    } while (count == CHANGES_PAGE);
    return OK;
}

enum err book_look(struct ctx *ctx) {
    struct book *b = ctx->parts->book;
    struct book_mark mark;
    int64_t began_ms = ava_now_ms();
    mend(ctx, b);
    if (!atomic_load(&b->db))
        return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "There is no book.");
    if (began_ms - atomic_load(&b->looked_ms) > KEPT_MS / 2 || !atomic_load(&b->is_filled))
        return book_fill(ctx);
    TRY(book_changes_newest(ctx, db_reader(ctx), &mark));
    if (mark.at_ms)
        TRY(copy_changes(ctx, &b->mark));
    b->mark.seq = mark.seq > b->mark.seq ? mark.seq : b->mark.seq;
    b->mark.at_ms = mark.at_ms > b->mark.at_ms ? mark.at_ms : b->mark.at_ms;
    atomic_store(&b->looked_ms, began_ms);
    sweep(ctx, b);
    return OK;
}

/* --- comparing ------------------------------------------------------------------------------- */

static enum err is_same(struct ctx *ctx, const char *from, const char *to, bool *is) {
    struct db *db = atomic_load(&ctx->parts->book->db);
    struct book_rows rows = { .from = from, .to = to };
    struct ctx own = *ctx;
    if (!db)
        return ERR_STORAGE_UNAVAILABLE;
    own.arena = arena_new(PAGE_BYTES);
    enum err e = book_rows_read(&own, db_reader(&own), &rows);
    if (e == OK) {
        struct ctx on_book = ctx_on(&own, db);
        e = book_rows_compare(&on_book, db_reader(&on_book), &rows, is);
    }
    arena_free(own.arena);
    return e;
}

/* What changes while it is compared differs, and is the same after the next look. */
static enum err compare_page(struct ctx *ctx, const char *from, const char *to, int64_t *found) {
    bool is;
    TRY(is_same(ctx, from, to, &is));
    for (int i = 0; i < COMPARES && !is; i++) {
        ctx_grant(ctx, FILL_PIECE_MS);
        TRY(book_look(ctx));
        TRY(is_same(ctx, from, to, &is));
    }
    if (is)
        return OK;
    TRY(copy(ctx, from, to));
    ++*found;
    return OK;
}

enum err book_compare(struct ctx *ctx, int64_t *found) {
    *found = 0;
    return book_is_readable(ctx) ? for_pages(ctx, compare_page, found) : OK;
}

void book_catch_up(struct ctx *ctx) {
    struct ctx own = *ctx;
    if (!ctx->is_for_books || !ctx->parts->book || !ctx->who.workspace_id[0] ||
        !book_is_readable(ctx))
        return;
    own.deadline_ms = ava_now_ms() + CATCH_UP_MS;
    copy(&own, ctx->who.workspace_id, ctx->who.workspace_id);
}

/* --- reading --------------------------------------------------------------------------------- */

static struct db *readable(const struct ctx *ctx) {
    struct book *b = ctx->parts->book;
    struct db *db = b && atomic_load(&b->is_filled) ? atomic_load(&b->db) : NULL;
    return db && db_is_up(db) ? db : NULL;
}

bool book_is_readable(const struct ctx *ctx) {
    return readable(ctx) != NULL;
}

struct book_view book_read(struct ctx *ctx) {
    struct book_view view = { ctx, ctx->parts };
    struct db *db = ctx->parts->whole ? NULL : readable(ctx);
    if (db)
        ctx->parts = ctx_on(ctx, db).parts;
    return view;
}

void book_shut(struct book_view *view) {
    view->ctx->parts = view->before;
}

bool book_misses_database(const struct ctx *ctx) {
    const struct parts *parts = ctx->parts->whole ? ctx->parts->whole : ctx->parts;
    return !db_is_up(parts->db) ||
           (parts->book && ava_now_ms() - atomic_load(&parts->book->late_ms) < LATE_MS);
}

void book_note_late(const struct ctx *ctx) {
    if (ctx->parts->book)
        atomic_store(&ctx->parts->book->late_ms, ava_now_ms());
}

void book_note_quick(const struct ctx *ctx) {
    if (ctx->parts->book)
        atomic_store(&ctx->parts->book->late_ms, INT64_MIN / 2);
}

enum err book_state(struct ctx *ctx, struct book_state *out) {
    struct book *b = ctx->parts->book;
    int64_t looked_ms = atomic_load(&b->looked_ms);
    *out = (struct book_state){ .is_filled = book_is_readable(ctx),
                                .age_ms = looked_ms < 0 ? -1 : ava_now_ms() - looked_ms };
    struct db *db = atomic_load(&b->db);
    if (!db || !db_is_up(db))
        return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "The book cannot be read.");
    struct ctx own = ctx_on(ctx, db);
    TRY(book_rows_count(&own, db_reader(&own), &out->workspaces));
    return event_rows_count_spooled(&own, db_reader(&own), &out->spooled);
}
