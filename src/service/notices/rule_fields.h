/* rule_fields: checks what people write into a rule, each wrong part by its name ("then.to[1]"). */
#pragma once

#include <jansson.h>

#include "db/db.h"

/* Checks the members when, then and quiet_hours of the tree, together. Notes what is wrong in ctx. */
void rule_fields_check(struct ctx *ctx, struct db_conn *c, const json_t *rule);
