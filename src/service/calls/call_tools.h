/* call_tools: what assistants do with the call itself. */
#pragma once

#include "tasks/tools.h"

extern const struct tool CALL_TRANSFER, CONTACT_NOTE;
