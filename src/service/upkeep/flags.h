/* flags: reading and setting feature flags (config/flags.def). */
#pragma once

#include "base/jsonw.h"
#include "config/flags.h"
#include "obs/ctx.h"

/* At a start: as they were set before. */
enum err flags_load(struct ctx *ctx);

/* Appends one flag as people see it. */
enum err flag_write(struct ctx *ctx, enum flag f, struct jsonw *w);

/* In force for everything that begins after it returned; audited. Setting what is set already changes nothing. */
enum err flag_change(struct ctx *ctx, enum flag f, bool on);
