/* numbers: the phone numbers of the workspace's Twilio account, and those of them in Ava's care. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "providers/twilio_numbers.h"
#include "service/connections/lending.h"
#include "store/numbers.h"

/* out->body is {"numbers":[...],"next_cursor":...}; "id" and "imported" are ours. */
enum err numbers_list(struct ctx *ctx, int limit, const char *cursor, struct upstream_answer *out);
/* Of those in Ava's care, without asking anybody, the ones whose number or name holds that (small letters; NULL: none), as
 * {"id","provider_id","phone_number","friendly_name"}, in a list. */
enum err numbers_write_like(struct ctx *ctx, const char *like, int limit, struct jsonw *w);
/* Numbers that could be bought: out->body is {"numbers":[...]}. */
enum err numbers_offered(struct ctx *ctx, const struct twilio_offer *offer,
                         struct upstream_answer *out);

/* The credential of the Twilio account whose numbers are the workspace's own; ERR_NOT_FOUND under
 * an operator's account that workspaces share. */
enum err number_lend(struct ctx *ctx, struct lent *out);

/* The row of a number in Ava's care, by Ava's id; ERR_NOT_FOUND. */
enum err number_held(struct ctx *ctx, const char *id, struct number_row *row);

/* For a call that Vapi makes. id: Ava's or Vapi's; NULL is fine. *vapi_id: what Vapi calls it;
 * *phone_number: E.164, NULL where Ava does not know it. ERR_NOT_FOUND for an id of Ava's that it
 * does not hold, ERR_INVALID when that number is not at Vapi. */
enum err number_at_vapi(struct ctx *ctx, const char *id, const char **vapi_id);
enum err number_of_vapi(struct ctx *ctx, const char *vapi_id, const char **phone_number);

/* What is sealed in a row: {"former":routes,"before":routes,"is_made_at_vapi":bool}. former: before
 * Ava changed them, before: before the import under way. */
enum err number_open(struct ctx *ctx, struct db_conn *c, const struct number_row *row,
                     json_t **content);
/* Seals the content into the row, and writes it. */
enum err number_keep(struct ctx *ctx, struct db_conn *tx, struct number_row *row,
                     const json_t *content);
/* Fills a row from a number as twilio_number.h gives it; without id, workspace and account. */
void number_take(const json_t *number, struct number_row *row);

/* A number as people see it; row->id may be NULL. */
enum err number_write(struct ctx *ctx, struct db_conn *c, struct jsonw *w, const json_t *number,
                      const struct number_row *row);
