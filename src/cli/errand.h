/* errand: what a command does beyond this machine, on a loop of its own beside a running server. */
#pragma once

#include "cli/house.h"

/* Runs it on a fiber, with h's parts ready to send; returns when it has. False: what stood in the way was said. */
bool errand_run(struct house *h, struct arena *a, void (*run)(void *arg), void *arg);

/* Why no provider may be asked from here; NULL: one may. profile: of the server that serves from this folder, as
 * `ava status --json` has it; NULL: none serves. */
const char *errand_refused(const char *profile);

/* Whose errand it is: the workspace that --workspace names, or the only one there is. */
enum err errand_workspace(struct ctx *ctx, struct cli *cli);
