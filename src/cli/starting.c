#include "cli/starting.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static struct sigaction before;

static void say(const char *text) {
    for (size_t len = strlen(text); len;) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

/* Calls only what a signal handler may call. */
static void on_abort(int number) {
    const char *name = strerrorname_np(errno);
    say("ava: cannot go on: the system refuses something it needs (");
    say(name ? name : "no reason given");
    say("); look at the limits of this process: open files, threads, memory\n");
    _exit(EXIT_FAILED);
}

void starting_guard(void) {
    struct sigaction mine = { .sa_handler = on_abort }, was;
    sigaction(SIGABRT, &mine, &was);
    if (was.sa_handler != on_abort)
        before = was;
}

void starting_over(void) {
    sigaction(SIGABRT, &before, NULL);
}
