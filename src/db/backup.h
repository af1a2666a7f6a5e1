/* backup: a whole copy of the database, beside it, of before a migration. One is kept, the newest. */
#pragma once

#include "db/db.h"

/* Copies the open database (snapshot.h) into PATH.schema-FROM.TIME.backup, which is there whole and synced to disk or
 * not at all, and then removes the older copies. False with *why when it can not; they stay then. */
bool backup_make(struct ctx *ctx, struct db_conn *c, int from, const char **why);

/* Removes all copies beside this database. */
void backup_forget(const char *path, struct arena *a);

/* The newest copy beside this database, the arena's; NULL when there is none. */
const char *backup_newest(const char *path, struct arena *a);
