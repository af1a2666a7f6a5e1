/* backup_asked: somebody asked for a backup by hand; the audit log says who. */
#pragma once

#include "obs/ctx.h"

enum err backup_asked(struct ctx *ctx);
