/* copied: asks the server that runs beside a command for a copy of its database. */
#pragma once

#include "db/snapshot.h"

/* snapshot_mirror_fn; arg: the data folder. Waits for as long as it takes. NULL and *why: no server runs there, or it
 * does not make one. */
const char *copied(void *arg, const atomic_bool *gives_up, struct arena *a, const char **why);
