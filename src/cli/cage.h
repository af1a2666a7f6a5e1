/* cage: what the process gives up once it runs, so that whoever breaks into it has little to break
 * with (docs/adr/ADR-005-cage.md). Both parts last for the life of the process, and are refused by
 * some containers: then Ava says so once, and goes on.
 *
 * Files (Landlock) are restricted for the calling thread and all it makes, so before there are others:
 * the data folder can be written; what the resolver, certificates and a reload need can be read; nothing
 * can be executed. Calls (seccomp) are restricted for all threads, once the ports are open: what Ava and
 * its libraries use is allowed, every other call fails with EPERM, is counted and logged. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { CAGE_FOLDERS_MAX = 24 };

/* What is there beside the usual. Paths that are not there are left out. */
struct cage_files {
    const char *data_dir;
    const char *backup_dir; /* "": none */
    const char
        *log_file; /* "": none; made anew when it was moved away, so its folder can be written */
    /* Files that are read again later, from whatever stands there then: their folders can be read. */
    const char *again[CAGE_FOLDERS_MAX];
    size_t again_count;
};

/* True when files are restricted from now on; else *why, one sentence. */
bool cage_files(const struct cage_files *files, const char **why);

struct cage;

/* Restricts calls from now on. NULL and *why when that is not possible. *is_told: whether denied calls
 * will be heard of; else they fail all the same. */
struct cage *cage_calls(bool *is_told, const char **why);
/* Nobody hears of denied calls any more. NULL is fine. */
void cage_free(struct cage *c);
