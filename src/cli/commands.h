/* commands: every command there is, and what is said from that list: help. */
#pragma once

#include "cli/cli.h"

extern const struct command COMMANDS[]; /* those with the same first word stand together */
extern const size_t COMMANDS_COUNT;
