/* Reading where SQLite gets no memory: what was read is right, or db_done says that it was not read. */
#include "test.h"

#include <sqlite3.h>

#include "base/defs.h"
#include "db/temp.h"

TEMP_SQLITE_ONLY("about the memory that SQLite asks for")

static struct sqlite3_mem_methods system_memory;
static _Thread_local int allocations_left = -1; /* of this thread; below 0: without end */
static _Thread_local int refused;

static bool is_refused(void) {
    if (allocations_left < 0)
        return false;
    if (allocations_left > 0 && --allocations_left >= 0)
        return false;
    refused++;
    return true;
}

static void *scarce_malloc(int n) {
    return is_refused() ? NULL : system_memory.xMalloc(n);
}

static void *scarce_realloc(void *p, int n) {
    return is_refused() ? NULL : system_memory.xRealloc(p, n);
}

/* Before SQLite begins. What it keeps in reserve for small things would hide what is tested here. */
__attribute__((constructor)) static void install(void) {
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory);
    struct sqlite3_mem_methods scarce = system_memory;
    scarce.xMalloc = scarce_malloc;
    scarce.xRealloc = scarce_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &scarce) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK)
        abort();
}

/* True when all of it was read and is right; false when db_done told of the failure. */
static bool reads(struct temp *t, const char *sql) {
    char copied[16] = "";
    const char *text = "";
    struct str blob = { 0 };
    struct db_stmt *q = db_use(db_reader(&t->ctx), sql);
    ctx_clear(&t->ctx);
    bool found = db_next(q);
    if (found) {
        text = db_text(q, t->arena);
        blob = db_blob(q, t->arena);
        db_copy(q, copied, sizeof copied);
    }
    allocations_left = -1;
    enum err e = db_done(&t->ctx, q);
    CHECK(e == OK || e == ERR_STORAGE_UNAVAILABLE);
    if (e != OK)
        return false;
    CHECK(found);
    CHECK(text && strcmp(text, "1234567") == 0);
    CHECK(blob.len == 300 && blob.ptr && blob.ptr[0] == 0 && blob.ptr[299] == 0);
    CHECK_TEXT(copied, "7654321");
    return true;
}

TEST(a_text_or_a_blob_that_there_is_no_memory_for_is_a_failure_and_not_null) {
    static const char *const each[] = {
        /* each column is made where it is read: a number as text, zeroes that are only counted, bytes as text */
        "SELECT 1234567, zeroblob(300), 7654321",
        "SELECT CAST(x'31323334353637' AS TEXT), zeroblob(150) || zeroblob(150), "
        "CAST(x'37363534333231' AS TEXT)",
        "SELECT value, zeroblob(300), 7654321 FROM (SELECT 1234567 AS value UNION SELECT 1234568) "
        "ORDER BY value LIMIT 1",
    };
    struct temp t;
    temp_open(&t);
    for (size_t i = 0; i < ARRAY_LEN(each); i++) {
        CHECK(reads(&t, each[i])); /* the statement is kept from here on */
        int failed = 0, n = 0;
        for (bool whole = false; !whole && n < 100; n++) {
            allocations_left = n;
            refused = 0;
            whole = reads(&t, each[i]) && refused == 0;
            failed += refused > 0;
        }
        CHECK(n < 100);
        CHECK(failed > 0);
        CHECK(reads(&t, each[i]));
    }
    temp_close(&t);
}

TEST(a_database_that_is_opened_without_memory_is_refused_with_a_reason_and_not_called_damaged) {
    struct temp t;
    temp_open(&t);
    db_close(t.parts.db);
    int failed = 0, n = 0;
    for (bool whole = false; !whole && n < 100000; n += 1 + n / 20) {
        const char *why = NULL;
        allocations_left = n;
        refused = 0;
        struct db_conf conf = temp_conf(&t);
        t.parts.db = db_open(&conf, t.arena, &why);
        allocations_left = -1;
        failed += t.parts.db == NULL;
        whole = t.parts.db && refused == 0;
        if (!t.parts.db)
            CHECK(why && *why && !strstr(why, "damaged"));
        else
            db_close(t.parts.db);
    }
    CHECK(failed > 10 && n < 100000);
    CHECK(temp_reopen(&t));
    temp_close(&t);
}
