/* calendar_tools: what assistants do with calendars: find a free time, book it, call an appointment off. */
#pragma once

#include "tasks/tools.h"

extern const struct tool CALENDAR_FIND_SLOT, CALENDAR_BOOK, CALENDAR_CANCEL;
