#include "test.h"

#include <sys/stat.h>

#include "crypto/hmac.h"
#include "vault/house.h"

TEST(the_first_line_is_the_active_key_and_comments_are_skipped) {
    struct keyring k;
    const char *why = "";
    struct arena *a = arena_new(1 << 20);
    crypto_init();
    const char *text =
        arena_printf(a, "# keys\r\n\n  %s\r\n%s", key_line(a, "new", 2), key_line(a, "old-1_x", 1));
    CHECK(keyring_parse(&k, str_of(text), a, &why));
    CHECK_INT(k.count, 2);
    CHECK_TEXT(k.keks[0].id, "new");
    CHECK(keyring_find(&k, "old-1_x")->key[31] == 1 && !keyring_find(&k, "other"));
    keyring_fini(&k);
    arena_free(a);
}

TEST(what_is_wrong_is_said_with_the_line_and_without_a_byte_of_it) {
    static const char *const BAD[] = {
        "SECRETNOCOLON",
        "k1:SECRET!!",
        "k1:U0VDUkVU",
        "k 1:SECRET",
        ":SECRET",
        "SECRETTOOLONGFORANID:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", /* no padding */
    };
    struct arena *a = arena_new(1 << 20);
    crypto_init();
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct keyring k;
        const char *why = "";
        const char *text = arena_printf(a, "%s\n%s", key_line(a, "ok", 1), BAD[i]);
        CHECK(!keyring_parse(&k, str_of(text), a, &why));
        CHECK(strstr(why, "line 3") || strstr(why, "line 2"));
        CHECK(!strstr(why, "SECRET") && !strstr(why, "AQEB") && !strstr(why, "U0VD"));
        CHECK(k.keks == NULL);
    }
    arena_free(a);
}

TEST(no_key_the_same_id_twice_or_too_many_are_refused) {
    struct keyring k;
    const char *why = "";
    struct arena *a = arena_new(1 << 20);
    crypto_init();
    CHECK(!keyring_parse(&k, STR(""), a, &why));
    CHECK(!keyring_parse(&k, STR("# nothing\n"), a, &why));
    CHECK(!keyring_parse(
        &k, str_of(arena_printf(a, "%s%s", key_line(a, "k", 1), key_line(a, "k", 2))), a, &why));
    CHECK(strstr(why, "twice") != NULL);
    const char *text = "";
    for (int i = 0; i < 17; i++)
        text = arena_printf(a, "%s%s", text, key_line(a, arena_printf(a, "k%d", i), i));
    CHECK(!keyring_parse(&k, str_of(text), a, &why));
    arena_free(a);
}

static struct str key_of(const struct keyring *k) {
    return (struct str){ (const char *)k->keks[0].key, KEK_BYTES };
}

TEST(the_key_file_is_made_for_its_owner_only_and_refused_when_others_can_read_it) {
    struct temp t;
    struct keyring k, again;
    struct stat st;
    bool made;
    const char *why = "";
    temp_open(&t);
    const char *path = arena_printf(t.arena, "%s/master.key", t.dir);
    CHECK(keyring_from_file(&k, path, t.arena, &made, &why));
    CHECK(made && stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(keyring_from_file(&again, path, t.arena, &made, &why));
    CHECK(!made && hmac_equal(key_of(&k), key_of(&again)));
    keyring_fini(&k);
    keyring_fini(&again);
    chmod(path, 0640);
    CHECK(!keyring_from_file(&k, path, t.arena, &made, &why));
    CHECK(strstr(why, "others may read") != NULL);
    temp_close(&t);
}
