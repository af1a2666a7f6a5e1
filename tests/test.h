/* test: two macros over cmocka.
 *
 *     TEST(opens_after_three_failures) { CHECK(breaker_state(b) == OPEN); }
 *
 * Each tests/<folder>/test_<file>.c becomes one program; the names, read in order, are the
 * specification of <file>. Prints TAP when CMOCKA_MESSAGE_OUTPUT=TAP. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void test_register(const char *name, void (*run)(void **state));

#define TEST(name)                                                   \
    static void test_##name(void **state);                           \
    __attribute__((constructor)) static void register_##name(void) { \
        test_register(#name, test_##name);                           \
    }                                                                \
    static void test_##name(__attribute__((unused)) void **state)

#define CHECK(condition)          assert_true(condition)
#define CHECK_TEXT(got, expected) assert_string_equal(got, expected)
#define CHECK_INT(got, expected)  assert_int_equal(got, expected)
