/* locks: giving back a lock of the database's files never fails.
 *
 * SQLite does not look at what F_UNLCK gives: a lock of the log that the kernel could not give back (ENOLCK,
 * EIO) stays in its books, and every writer of this process then waits for itself until a restart. */
#pragma once

/* Before the first connection; again is fine. */
void locks_begin(void);
