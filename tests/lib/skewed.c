/* Loaded into Ava by LD_PRELOAD: the Unix time of this process is SKEW_MS ahead, as on a machine whose clock was never set
 * right. */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

typedef int gettime(clockid_t clock, struct timespec *out);

static long skew_ms(void) {
    const char *text = getenv("SKEW_MS");
    return text ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    static gettime *real;
    if (!real)
        real = (gettime *)dlsym(RTLD_NEXT, "clock_gettime");
    int rc = real(clock, out);
    if (rc == 0 && clock == CLOCK_REALTIME)
        out->tv_sec += skew_ms() / 1000;
    return rc;
}
