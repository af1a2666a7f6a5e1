/* email_tools: mails that assistants send. */
#pragma once

#include "tasks/tools.h"

extern const struct tool EMAIL_TOOL_SEND;
