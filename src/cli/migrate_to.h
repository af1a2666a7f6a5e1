/* migrate_to: a stopped SQLite installation moves to PostgreSQL. */
#pragma once

#include "cli/cli.h"

/* ava migrate --to, --to-file. */
int migrate_to(struct cli *cli);
