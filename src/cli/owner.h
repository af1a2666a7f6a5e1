/* owner: one server per data folder.
 *
 * The server holds a write lock on ava.lock for as long as it lives, and takes it before it opens the
 * database. It is the lock of an open file description: the kernel gives it back however the process
 * ends, and the file itself means nothing. Commands beside the server take none, but for a rotation of
 * the master keys where no server runs (keys.h). */
#pragma once

#include "base/arena.h"

/* Takes the folder. EXIT_OK with the descriptor that holds the lock in *lock, or EXIT_CONFIG after
 * saying who has it. */
int owner_take(const char *data_dir, struct arena *a, int *lock);
/* The same without a word: -1 when it cannot be had. */
int owner_try(const char *data_dir, struct arena *a);
void owner_leave(int lock); /* -1 is fine */
