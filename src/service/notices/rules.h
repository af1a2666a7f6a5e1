/* rules: when something happens, somebody is told: who, by text or mail, and with which words. Every change is audited, in
 * its own transaction. service/notices/notices.c does what they say. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "service/notices/quiet.h"
#include "store/rules.h"

enum { RULE_RECIPIENTS_MAX = 10, RULE_REASONS_MAX = 20 };

/* body: {"name","enabled"?,"when","then","quiet_hours"?}, or {"preset"} with any of these to change in it; all wrong fields
 * are named at once. */
enum err rule_create(struct ctx *ctx, const json_t *body, struct rule_row *out);
enum err rule_read(struct ctx *ctx, const char *id, struct rule_row *out); /* ERR_NOT_FOUND */
/* out: room for limit. */
enum err rule_list(struct ctx *ctx, const char *before_id, int limit, struct rule_row *out,
                   size_t *count);
/* body: any of name, enabled, when, then and quiet_hours, each as a whole. */
enum err rule_change(struct ctx *ctx, const char *id, const json_t *body, struct rule_row *out);
/* What it did stays for as long as uses are kept. */
enum err rule_remove(struct ctx *ctx, const char *id);

/* What a rule did last, newest first. out: room for limit. */
enum err rule_uses(struct ctx *ctx, const char *id, const char *before_id, int limit,
                   struct rule_use_row *out, size_t *count);

void rule_write(struct ctx *ctx, struct jsonw *w, const struct rule_row *r);
void rule_use_write(struct jsonw *w, const struct rule_use_row *u);

/* The rule's quiet hours; false: it has none. *zone: UTC where it has none, or its zone is gone. */
bool rule_quiet(struct ctx *ctx, const json_t *definition, struct quiet_hours *out,
                struct zone **zone);
