/* restore: puts a database that was unpacked and looked through into the place of the one that is there. Nobody
 * has either of them open, and nobody can: the caller holds the data folder. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

/* Removes what an attempt that was killed left under that name, log and copies included. */
void restore_clear(const char *staged, struct arena *a);

/* Moves staged to path in one step that happens or does not. What is at path is kept as aside, with its log; with
 * nothing there, aside is not made. False and *why: the database at path is the one that was there before. */
bool restore_swap(const char *staged, const char *path, const char *aside, struct arena *a,
                  const char **why);
