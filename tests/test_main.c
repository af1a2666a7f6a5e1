#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { TESTS_MAX = 512 };

static struct CMUnitTest tests[TESTS_MAX];
static size_t count;

void test_register(const char *name, void (*run)(void **state)) {
    if (count == TESTS_MAX)
        abort();
    tests[count++] = (struct CMUnitTest){ name, run, NULL, NULL, NULL };
}

/* An argument runs only the tests whose name contains it. */
int main(int argc, char **argv) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (argc < 2 || strstr(tests[i].name, argv[1]))
            tests[kept++] = tests[i];
    return _cmocka_run_group_tests(argv[0], tests, kept, NULL, NULL);
}
