/* Libraries that get no memory: what they answer then is not taken for what they were asked. One allocation of
 * each piece of work fails, the first, the second, and so on; the work comes out right all the same. */
#include "test.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/zone.h"
#include "net/mail.h"
#include "store/event_content.h"

enum { ALLOCATIONS_MAX = 400 };

static _Thread_local int allocations_left = -1; /* before one fails; below 0: none does */
static int refused;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_ITS_OWN 1 /* a sanitizer brings its own malloc */
#else
#define HAS_ITS_OWN 0

static bool is_refused(void) {
    if (allocations_left < 0 || allocations_left-- > 0)
        return false;
    refused++;
    errno = ENOMEM;
    return true;
}

/* glibc's own, which these take the place of in this program and its libraries. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

void *malloc(size_t bytes) {
    return is_refused() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    return is_refused() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes) {
    return is_refused() ? NULL : __libc_realloc(old, bytes);
}
#endif

/* work returns whether it came out right. */
static void try_all(bool (*work)(struct arena *a)) {
    int failed = 0, n = 0;
    for (bool whole = false; !whole && n < ALLOCATIONS_MAX; n++) {
        struct arena *a = arena_new(8 << 20);
        refused = 0;
        allocations_left = n;
        bool is_right = work(a);
        allocations_left = -1;
        arena_free(a);
        CHECK(is_right);
        whole = refused == 0;
        failed += refused;
    }
    CHECK(n < ALLOCATIONS_MAX);
    CHECK(HAS_ITS_OWN || failed > 0);
}

static bool opens_zones(struct arena *a) {
    struct zone *berlin = zone_open(a, STR("Europe/Berlin"));
    struct zone *pacific = zone_open_windows(a, STR("Pacific Standard Time"));
    return berlin && pacific && zone_offset_s(berlin, INT64_C(1783000000000)) == 7200 &&
           zone_offset_s(pacific, INT64_C(1783000000000)) == -7 * 3600 &&
           !zone_open(a, STR("Europe/Nowhere"));
}

TEST(a_time_zone_is_not_unknown_for_want_of_memory) {
    try_all(opens_zones);
}

static bool writes_host(struct arena *a) {
    const char *ascii = mail_address_ascii(a, "ada@b\xc3\xbc"
                                              "cher.example");
    return ascii && strcmp(ascii, "ada@xn--bcher-kva.example") == 0 &&
           !mail_address_ascii(a, "ada@\xff.example");
}

TEST(a_host_of_other_letters_is_not_wrong_for_want_of_memory) {
    try_all(writes_host);
}

static char body[20000], packed_copy[20000];
static struct str packed;

static bool opens_body(struct arena *a) {
    struct event_content out;
    return event_content_unpack(a, packed, &out) && out.body.len == sizeof body &&
           memcmp(out.body.ptr, body, sizeof body) == 0;
}

TEST(a_body_is_not_damaged_for_want_of_memory) {
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = "a webhook that was proven "[i % 26];
    struct event_content in = { STR("{}"), { NULL, 0 }, { body, sizeof body } };
    packed = event_content_pack(a, &in);
    CHECK(packed.len < sizeof packed_copy);
    memcpy(packed_copy, packed.ptr, packed.len);
    packed.ptr = packed_copy;
    arena_free(a);
    try_all(opens_body);
}

static bool makes_tree(struct arena *a) {
    json_t *tree = json_object(), *list = json_array();
    for (int i = 0; i < 20; i++)
        json_array_append_new(list, json_pack("{s:i,s:s}", "number", i, "text", "of some length"));
    json_object_set_new(tree, "list", list);
    json_object_set_new(tree, "last", json_true());
    bool is_whole = json_array_size(json_object_get(tree, "list")) == 20 &&
                    json_is_true(json_object_get(tree, "last"));
    for (size_t i = 0; is_whole && i < 20; i++) {
        const json_t *one = json_array_get(list, i);
        is_whole = json_integer_value(json_object_get(one, "number")) == (json_int_t)i &&
                   json_is_string(json_object_get(one, "text"));
    }
    json_decref(tree);
    return is_whole;
}

TEST(no_member_of_a_tree_made_by_hand_is_left_out_for_want_of_memory) {
    try_all(makes_tree);
}
