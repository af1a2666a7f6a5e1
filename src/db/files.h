/* files: whether the database's files at their paths are still those that are open.
 *
 * Who removes or replaces one of them under a running Ava leaves it writing into a file that nobody
 * finds again. A look costs a stat per file, so the writer takes one before and after each commit. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <sys/stat.h>

enum { FILES_MAX = 3 }; /* the database, its write-ahead log and the index of that */

struct files {
    struct file_open {
        char *path; /* NULL: there was none */
        dev_t device;
        ino_t inode;
    } list[FILES_MAX];
};

/* Notes which files this connection has open, once it has read from them. False when the database is
 * not at its path any more. */
bool files_note(struct files *f, sqlite3 *handle);
void files_forget(struct files *f);

enum files_state { FILES_THERE, FILES_GONE, FILES_UNSEEN };

/* From any thread. FILES_UNSEEN where the system does not say, for want of memory for example. */
enum files_state files_look(const struct files *f);

/* Does the file begin as a database does? On the connection's own thread. A file that cannot be read
 * at all counts as one: the next statement tells why. */
bool files_hold_database(sqlite3 *handle);
