#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { TRIES = 50, REST_NS = 10 * 1000 * 1000 };

static _Atomic int64_t advanced_ms;

static _Atomic int64_t jumped_ms;
static int64_t steady_minus_boot_ms;
/* What is added to this machine's clocks so that they say what a server's says. */
static _Atomic int64_t wall_off_us, steady_off_us;

void clock_advance(int64_t ms) {
    advanced_ms += ms;
}

void clock_jump(int64_t ms) {
    jumped_ms += ms;
}

static int64_t us_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t ms_of(clockid_t clock) {
    return us_of(clock) / 1000;
}

/* A server's clock said so much more than ours, as long ago as age_us at most: is the offset that it has good? Else the
 * nearest one that is. */
static void come_near(_Atomic int64_t *off_us, int64_t more_us, int64_t age_us) {
    int64_t off = atomic_load(off_us), least = more_us, most = more_us + age_us;
    if (off < least || off > most)
        atomic_store(off_us, least + age_us / 2);
}

void clock_follow(int64_t server_us, int64_t began_us) {
    int64_t age_us = us_of(CLOCK_MONOTONIC) + atomic_load(&advanced_ms) * 1000 - began_us;
    if (age_us < 0)
        age_us = 0;
    come_near(&wall_off_us, server_us - us_of(CLOCK_REALTIME), age_us);
    come_near(&steady_off_us, server_us - us_of(CLOCK_BOOTTIME) - steady_minus_boot_ms * 1000,
              age_us);
}

int64_t clock_off_ms(void) {
    return atomic_load(&wall_off_us) / 1000;
}

/* Before main: from here on the two only part when somebody sets the clock. */
__attribute__((constructor)) static void begin(void) {
    steady_minus_boot_ms = ms_of(CLOCK_REALTIME) - ms_of(CLOCK_BOOTTIME);
}

void clock_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

struct timespec clock_in_us(int64_t us) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + us * 1000;
    t.tv_sec += ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    return t;
}

static int64_t real_now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 +
           atomic_load_explicit(&advanced_ms, memory_order_relaxed) * 1000;
}

static int64_t real_wall_ms(void) {
    int64_t us = us_of(CLOCK_REALTIME) + atomic_load_explicit(&wall_off_us, memory_order_relaxed);
    return us / 1000 + atomic_load_explicit(&advanced_ms, memory_order_relaxed) +
           atomic_load_explicit(&jumped_ms, memory_order_relaxed);
}

/* Asks again for half a second; without randomness nothing here is safe, so then the process ends. */
static void from_kernel(void *out, size_t bytes) {
    const struct timespec rest = { .tv_nsec = REST_NS };
    unsigned char *p = out;
    for (int try = 0; bytes;) {
        ssize_t n = getrandom(p, bytes, 0);
        if (n > 0) {
            p += n;
            bytes -= (size_t)n;
        } else if (errno != EINTR) {
            if (try++ == TRIES)
                abort();
            nanosleep(&rest, NULL);
        }
    }
}

/* A thread fetches 512 bytes at a time (each request makes three ids, a system call for each was
 * a tenth of its cost); bytes that were given out are wiped. Ava never forks. */
static void real_rand(void *out, size_t bytes) {
    static __thread unsigned char pool[512];
    static __thread size_t left;
    if (bytes > sizeof pool / 4) {
        from_kernel(out, bytes);
        return;
    }
    if (left < bytes) {
        from_kernel(pool, sizeof pool);
        left = sizeof pool;
    }
    left -= bytes;
    memcpy(out, pool + left, bytes);
    explicit_bzero(pool + left, bytes);
}

static struct clock_seams seams = { real_now_us, real_wall_ms, real_rand };

void clock_replace(const struct clock_seams *with) {
    seams.now_us = with && with->now_us ? with->now_us : real_now_us;
    seams.wall_ms = with && with->wall_ms ? with->wall_ms : real_wall_ms;
    seams.rand = with && with->rand ? with->rand : real_rand;
}

int64_t ava_now_us(void) {
    return seams.now_us();
}

int64_t ava_now_ms(void) {
    return seams.now_us() / 1000;
}

int64_t ava_wall_ms(void) {
    return seams.wall_ms();
}

/* A test that has a wall clock of its own moves both with it. */
int64_t ava_steady_ms(void) {
    if (seams.wall_ms != real_wall_ms)
        return seams.wall_ms();
    int64_t us = us_of(CLOCK_BOOTTIME) + atomic_load_explicit(&steady_off_us, memory_order_relaxed);
    return us / 1000 + steady_minus_boot_ms +
           atomic_load_explicit(&advanced_ms, memory_order_relaxed);
}

int64_t ava_earlier_ms(void) {
    int64_t wall = ava_wall_ms(), steady = ava_steady_ms();
    return wall < steady ? wall : steady;
}

int64_t clock_jump_ms(void) {
    return ava_wall_ms() - ava_steady_ms();
}

void ava_rand(void *out, size_t bytes) {
    seams.rand(out, bytes);
}

uint64_t ava_rand_below(uint64_t bound) {
    assert(bound > 0);
    uint64_t skip = -bound % bound; /* values below it would make small results likelier */
    for (;;) {
        uint64_t r;
        ava_rand(&r, sizeof r);
        if (r >= skip)
            return r % bound;
    }
}

/* Days since 1970 of a civil date, and back: the proleptic Gregorian calendar in eras of 400
 * years, March first, so that the leap day is the last of its year. */
static int64_t days_of(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void split(int64_t unix_s, struct tm *out) {
    time_t t = (time_t)unix_s;
    gmtime_r(&t, out);
}

/* Writes count digits and the mark behind them. Not snprintf: an answer holds many times. */
static char *put_digits(char *at, int count, int value, char mark) {
    for (int i = count - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    at[count] = mark;
    return at + count + 1;
}

void clock_rfc3339(int64_t unix_ms, char out[32]) {
    int64_t s = unix_ms / 1000 - (unix_ms % 1000 < 0);
    struct tm tm;
    split(s, &tm);
    out = put_digits(out, 4, tm.tm_year + 1900, '-');
    out = put_digits(out, 2, tm.tm_mon + 1, '-');
    out = put_digits(out, 2, tm.tm_mday, 'T');
    out = put_digits(out, 2, tm.tm_hour, ':');
    out = put_digits(out, 2, tm.tm_min, ':');
    out = put_digits(out, 2, tm.tm_sec, '.');
    out = put_digits(out, 3, (int)(unix_ms - s * 1000), 'Z');
    *out = 0;
}

static const char DAYS[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char MONTHS[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

void clock_http_date(int64_t unix_ms, char out[32]) {
    struct tm tm;
    split(unix_ms / 1000, &tm);
    snprintf(out, 32, "%s, %02u %s %04u %02u:%02u:%02u GMT", DAYS[tm.tm_wday],
             (unsigned)tm.tm_mday % 100, MONTHS[tm.tm_mon], (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

/* Reads exactly n digits. */
static int digits(const char *p, int n, int *out) {
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return 0;
        v = v * 10 + (p[i] - '0');
    }
    *out = v;
    return 1;
}

static int in_range(int y, int mo, int d, int h, int mi, int s) {
    static const int LAST[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (mo < 1 || mo > 12 || h > 23 || mi > 59 || s > 60)
        return 0;
    int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return d >= 1 && d <= LAST[mo - 1] + (mo == 2 && leap);
}

int clock_parse_rfc3339(const char *t, size_t len, int64_t *unix_ms) {
    int y, mo, d, h, mi, s;
    if (len < 20 || len > 35 || !digits(t, 4, &y) || t[4] != '-' || !digits(t + 5, 2, &mo) ||
        t[7] != '-' || !digits(t + 8, 2, &d) || (t[10] != 'T' && t[10] != 't') ||
        !digits(t + 11, 2, &h) || t[13] != ':' || !digits(t + 14, 2, &mi) || t[16] != ':' ||
        !digits(t + 17, 2, &s) || !in_range(y, mo, d, h, mi, s))
        return 0;
    size_t at = 19;
    int ms = 0;
    if (t[at] == '.') {
        int scale = 100;
        for (at++; at < len && t[at] >= '0' && t[at] <= '9'; at++, scale /= 10)
            ms += (t[at] - '0') * scale;
        if (t[at - 1] == '.')
            return 0;
    }
    int offset_min = 0;
    if (at + 1 == len && (t[at] == 'Z' || t[at] == 'z')) {
    } else if (at + 6 == len && (t[at] == '+' || t[at] == '-') && t[at + 3] == ':') {
        int oh, om;
        if (!digits(t + at + 1, 2, &oh) || !digits(t + at + 4, 2, &om) || oh > 23 || om > 59)
            return 0;
        offset_min = (oh * 60 + om) * (t[at] == '-' ? -1 : 1);
    } else {
        return 0;
    }
    int64_t secs = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - offset_min * 60;
    *unix_ms = secs * 1000 + ms;
    return 1;
}

/* 1 to 12; 0: no month begins so. */
static int month_of(const char *t) {
    for (int i = 0; i < 12; i++)
        if (memcmp(t, MONTHS[i], 3) == 0)
            return i + 1;
    return 0;
}

/* "08:49:37" */
static int read_time(const char *t, int *h, int *mi, int *s) {
    return digits(t, 2, h) && t[2] == ':' && digits(t + 3, 2, mi) && t[5] == ':' &&
           digits(t + 6, 2, s);
}

struct civil {
    int y, mo, d, h, mi, s;
};

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static int read_fixdate(const char *t, size_t len, struct civil *c) {
    if (len != 29 || t[3] != ',' || t[4] != ' ' || !digits(t + 5, 2, &c->d) || t[7] != ' ' ||
        t[11] != ' ' || !digits(t + 12, 4, &c->y) || t[16] != ' ' || memcmp(t + 25, " GMT", 4) != 0)
        return 0;
    c->mo = month_of(t + 8);
    return read_time(t + 17, &c->h, &c->mi, &c->s);
}

/* The year that two digits mean: at most 50 years ahead, else the last one that ended so. */
static int full_year(int two) {
    struct tm now;
    split(ava_wall_ms() / 1000, &now);
    int this_year = now.tm_year + 1900, y = this_year - this_year % 100 + two;
    return y > this_year + 50 ? y - 100 : y <= this_year - 50 ? y + 100 : y;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static int read_rfc850(const char *t, size_t len, struct civil *c) {
    const char *comma = len ? memchr(t, ',', len) : NULL;
    if (!comma || comma - t < 6 || comma - t > 9 || (size_t)(t + len - comma) != 24)
        return 0;
    t = comma;
    if (t[1] != ' ' || !digits(t + 2, 2, &c->d) || t[4] != '-' || t[8] != '-' ||
        !digits(t + 9, 2, &c->y) || t[11] != ' ' || memcmp(t + 20, " GMT", 4) != 0)
        return 0;
    c->mo = month_of(t + 5);
    c->y = full_year(c->y);
    return read_time(t + 12, &c->h, &c->mi, &c->s);
}

/* "Sun Nov  6 08:49:37 1994" */
static int read_asctime(const char *t, size_t len, struct civil *c) {
    if (len != 24 || t[3] != ' ' || t[7] != ' ' || t[10] != ' ' || t[19] != ' ' ||
        !digits(t + (t[8] == ' ' ? 9 : 8), t[8] == ' ' ? 1 : 2, &c->d) || !digits(t + 20, 4, &c->y))
        return 0;
    c->mo = month_of(t + 4);
    return read_time(t + 11, &c->h, &c->mi, &c->s);
}

int clock_parse_http_date(const char *t, size_t len, int64_t *unix_ms) {
    struct civil c;
    if (!read_fixdate(t, len, &c) && !read_rfc850(t, len, &c) && !read_asctime(t, len, &c))
        return 0;
    if (!in_range(c.y, c.mo, c.d, c.h, c.mi, c.s))
        return 0;
    *unix_ms = (days_of(c.y, c.mo, c.d) * 86400 + c.h * 3600 + c.mi * 60 + c.s) * 1000;
    return 1;
}
