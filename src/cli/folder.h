/* folder: the data folder, made when it is missing and judged before anything in it is opened. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

/* EXIT_OK, or EXIT_CONFIG after saying what is wrong with it and what mends that. What a volume of a
 * container may be like without anybody being able to change it is a warning, for servers. */
int folder_make(const char *path, bool warns, struct arena *a);
/* The same for the folder of backups (AVA_BACKUP_DIR). */
int folder_make_backups(const char *path);
/* Why the log cannot be kept in that file (AVA_LOG_FILE), one sentence; NULL when it can. Makes nothing. */
const char *folder_judge_log(const char *file, struct arena *a);
