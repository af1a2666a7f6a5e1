#include "base/memory.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "test.h"

enum { PIECE = 1 << 20 };

/* From here on the system gives this process no more than so much beyond what it has. */
static void allow(size_t more) {
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu", &pages) != 1)
        _exit(9);
    fclose(f);
    rlim_t bytes = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    if (setrlimit(RLIMIT_AS, &(struct rlimit){ bytes, RLIM_INFINITY }) != 0)
        _exit(9);
}

static int in_child(void (*fn)(void)) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        fn();
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    return status;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BOUNDLESS 1 /* a sanitizer maps terabytes */
#else
#define BOUNDLESS 0
#endif

static void use_up_and_free(void) {
    void *pieces[64], *more;
    size_t count = 0;
    memory_keep_reserve();
    if (memory_is_short())
        _exit(1);
    allow(8 << 20);
    while (count < 64 && (more = malloc(PIECE)))
        pieces[count++] = more;
    /* What must not fail gets it from the reserve. */
    struct arena *a = arena_new(64 << 20);
    struct buf b = { 0 };
    memset(arena_alloc(a, 2 * PIECE), 'x', 2 * PIECE);
    for (int i = 0; i < 2000; i++)
        buf_text(&b, "some bytes of an answer that was begun; ");
    char *grown = memory_resized(memory_zeroed(10, 10), PIECE), *copy = memory_copy("text");
    if (!memory_is_short() || strcmp(copy, "text") != 0 || grown[99] != 0)
        _exit(2);
    memory_mend_reserve();
    if (!memory_is_short())
        _exit(3); /* there is none to put by */
    while (count)
        free(pieces[--count]);
    free(grown);
    free(copy);
    buf_fini(&b);
    arena_free(a);
    allow(128 << 20);
    memory_mend_reserve();
    _exit(memory_is_short() ? 4 : 0);
}

TEST(the_reserve_lets_what_was_begun_end_and_is_put_by_again) {
    if (BOUNDLESS)
        return;
    int status = in_child(use_up_and_free);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

static void use_up_all(void) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    memory_keep_reserve();
    allow(1 << 20);
    for (;;)
        memset(memory_take(PIECE), 'x', PIECE);
}

static void ask_for_all(void) {
    size_t asked = 0;
    memory_keep_reserve();
    allow(1 << 20);
    for (void *p = NULL, *more; (more = memory_asked(PIECE)); p = more, asked++)
        memset(more, p != NULL, PIECE);
    if (asked < 24 || !memory_is_short())
        _exit(1); /* the reserve was not given */
    if (memory_asked_again(malloc(16), 2 * PIECE))
        _exit(2);
    _exit(0);
}

TEST(who_can_do_without_is_told_so_once_the_reserve_is_used_up) {
    if (BOUNDLESS)
        return;
    int status = in_child(ask_for_all);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

static atomic_int at_work, at_work_max;

static void work(void *arg) {
    int now = atomic_fetch_add(&at_work, 1) + 1;
    if (now > atomic_load(&at_work_max))
        atomic_store(&at_work_max, now);
    for (int i = 0; i < 100; i++)
        sched_yield();
    atomic_fetch_sub(&at_work, 1);
    ++*(atomic_int *)arg;
}

static void *work_often(void *done) {
    for (int i = 0; i < 20; i++)
        memory_in_turn(work, done);
    return NULL;
}

static void work_while_short(void) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    atomic_int done = 0;
    memory_keep_reserve();
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work_often, &done);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    if (done != THREADS * 20 || at_work_max < 2)
        _exit(1); /* together, while there is enough */
    memory_make_room(0);
    at_work_max = done = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work_often, &done);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    _exit(done != THREADS * 20 ? 2 : at_work_max != 1 ? 3 : 0);
}

TEST(while_memory_is_short_long_work_is_done_one_after_the_other) {
    int status = in_child(work_while_short);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

TEST(only_when_that_is_used_up_too_the_process_ends) {
    if (BOUNDLESS)
        return;
    int status = in_child(use_up_all);
    CHECK(WIFSIGNALED(status));
    CHECK_INT(WTERMSIG(status), SIGABRT);
}

TEST(nothing_is_short_where_there_is_enough) {
    void *p = memory_take(0), *q = memory_zeroed(0, 8);
    CHECK(p && q && !memory_is_short());
    free(p);
    free(q);
    memory_mend_reserve();
    CHECK(!memory_is_short());
}
