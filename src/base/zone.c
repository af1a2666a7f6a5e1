#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <unicode/ucal.h>
#include <unicode/uclean.h>

#include "base/clock.h"
#include "base/memory.h"

enum { NAME_MAX_CHARS = 64 };

struct zone {
    UCalendar *calendar;
    char name[NAME_MAX_CHARS + 1];
};

/* ICU says of a zone that it had no memory for that there is none of the name. */
static void *take(const void *context, size_t bytes) {
    return memory_take(bytes);
}

static void *resize(const void *context, void *old, size_t bytes) {
    return memory_resized(old, bytes);
}

static void give_back(const void *context, void *p) {
    free(p);
}

/* Before ICU is used for the first time. */
__attribute__((constructor)) static void use_our_memory(void) {
    UErrorCode status = U_ZERO_ERROR;
    u_setMemoryFunctions(NULL, take, resize, give_back, &status);
}

static void zone_close(void *arg) {
    const struct zone *z = arg;
    ucal_close(z->calendar);
}

/* ICU's texts are UTF-16; names of zones are ASCII. False: it is too long, or not ASCII. */
static bool widen(struct str name, UChar out[NAME_MAX_CHARS + 1]) {
    if (!name.len || name.len > NAME_MAX_CHARS)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] < 0x20 || name.ptr[i] > 0x7e)
            return false;
        out[i] = (UChar)name.ptr[i];
    }
    out[name.len] = 0;
    return true;
}

static struct zone *open_wide(struct arena *a, const UChar *name, int32_t len) {
    UErrorCode status = U_ZERO_ERROR;
    UChar canonical[NAME_MAX_CHARS + 1];
    UBool is_system = false;
    /* Asked first: what is no zone would be opened as GMT, without a word. */
    ucal_getCanonicalTimeZoneID(name, len, canonical, NAME_MAX_CHARS, &is_system, &status);
    if (U_FAILURE(status) || !is_system)
        return NULL;
    UCalendar *calendar = ucal_open(name, len, "en", UCAL_GREGORIAN, &status);
    if (U_FAILURE(status) || !calendar)
        return NULL;
    struct zone *z = arena_alloc(a, sizeof *z);
    *z = (struct zone){ .calendar = calendar };
    for (int32_t i = 0; i < len; i++)
        z->name[i] = (char)name[i];
    arena_defer(a, zone_close, z);
    return z;
}

struct zone *zone_open(struct arena *a, struct str name) {
    UChar wide[NAME_MAX_CHARS + 1];
    /* Abbreviations mean several zones; those with a slash, and UTC, mean one. */
    if (!widen(name, wide) || (!memchr(name.ptr, '/', name.len) && !str_is(name, "UTC")))
        return NULL;
    return open_wide(a, wide, (int32_t)name.len);
}

struct zone *zone_open_windows(struct arena *a, struct str name) {
    UErrorCode status = U_ZERO_ERROR;
    UChar wide[NAME_MAX_CHARS + 1], iana[NAME_MAX_CHARS + 1];
    if (!widen(name, wide))
        return NULL;
    int32_t len = ucal_getTimeZoneIDForWindowsID(wide, (int32_t)name.len, NULL, iana,
                                                 NAME_MAX_CHARS, &status);
    return U_SUCCESS(status) && len > 0 ? open_wide(a, iana, len) : zone_open(a, name);
}

const char *zone_name(const struct zone *z) {
    return z->name;
}

int32_t zone_offset_s(struct zone *z, int64_t unix_ms) {
    UErrorCode status = U_ZERO_ERROR;
    ucal_setMillis(z->calendar, (double)unix_ms, &status);
    int32_t raw = ucal_get(z->calendar, UCAL_ZONE_OFFSET, &status);
    int32_t summer = ucal_get(z->calendar, UCAL_DST_OFFSET, &status);
    return U_SUCCESS(status) ? (raw + summer) / 1000 : 0;
}

int64_t zone_from_local_ms(struct zone *z, int64_t local_ms) {
    UErrorCode status = U_ZERO_ERROR;
    int32_t raw = 0, summer = 0;
    ucal_setMillis(z->calendar, (double)local_ms, &status);
    ucal_getTimeZoneOffsetFromLocal(z->calendar, UCAL_TZ_LOCAL_FORMER, UCAL_TZ_LOCAL_FORMER, &raw,
                                    &summer, &status);
    return U_SUCCESS(status) ? local_ms - raw - summer : local_ms;
}

void zone_rfc3339(struct zone *z, int64_t unix_ms, char out[32]) {
    int32_t offset = zone_offset_s(z, unix_ms), minutes = (offset < 0 ? -offset : offset) / 60;
    char text[32];
    clock_rfc3339(unix_ms + (int64_t)offset * 1000, text);
    snprintf(out, 32, "%.19s%c%02d:%02d", text, offset < 0 ? '-' : '+', minutes / 60 % 100,
             minutes % 60);
}

bool zone_parse_local(struct str text, int64_t *local_ms) {
    char whole[48];
    if (text.len < 16 || text.len > 40 || memchr(text.ptr, 'Z', text.len) || text.ptr[10] != 'T')
        return false;
    int len = snprintf(whole, sizeof whole, "%.*s%sZ", STR_FMT(text), text.len == 16 ? ":00" : "");
    return clock_parse_rfc3339(whole, (size_t)len, local_ms) != 0;
}

bool zone_parse_date(struct str text, int64_t *local_ms) {
    char whole[32];
    if (text.len != 10)
        return false;
    int len = snprintf(whole, sizeof whole, "%.*sT00:00:00Z", STR_FMT(text));
    return clock_parse_rfc3339(whole, (size_t)len, local_ms) != 0;
}
