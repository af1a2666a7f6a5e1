#include "db/pg_library.h"

#include <dlfcn.h>
#include <string.h>

enum { LIBRARY_VERSION_MIN = 140000 }; /* pipelines */

static const char LIBRARY[] = "libpq.so.5";

struct pq pq;

/* A function of the library; a pointer to data is no pointer to a function for the standard, though it is for POSIX. */
static bool find(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found;
}

bool pg_library_open(struct arena *a, const char **why) {
    if (pq.exec)
        return true;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    struct pq all;
    if (!library) {
        *why = arena_printf(
            a, "%s cannot be opened (%s): install it (Debian: libpq5), or take DATABASE_URL away",
            LIBRARY, dlerror());
        return false;
    }
    const char *missing = NULL;
#define PG(function)                                   \
    if (!find(library, "PQ" #function, &all.function)) \
        missing = "PQ" #function;
#include "db/pg.def"
#undef PG
    if (!missing && all.libVersion() < LIBRARY_VERSION_MIN)
        missing = "pipelines";
    if (missing) {
        *why = arena_printf(
            a, "%s is too old (it has no %s): PostgreSQL's client library 14 or newer is needed",
            LIBRARY, missing);
        return false;
    }
    pq = all;
    return true;
}
