/* removal: the job that takes away what a removed workspace left (store/removals.h). */
#pragma once

#include "tasks/kinds.h"

extern const struct job_kind REMOVAL_JOB;
