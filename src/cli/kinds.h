/* kinds: the one list of operations and jobs; it stands here, where every room may be seen. */
#pragma once

#include "tasks/kinds.h"

extern const struct task_kinds KINDS;
