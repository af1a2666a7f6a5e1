/* message_tools: texts that assistants send. */
#pragma once

#include "tasks/tools.h"

extern const struct tool SMS_SEND;
