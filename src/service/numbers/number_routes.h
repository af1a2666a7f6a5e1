/* number_routes: where a number of Twilio's leads, in three ways: calls, texts, and what becomes of
 * calls. Each goes to Ava, to Vapi, to another system, or nowhere.
 *
 * Routes are objects of the fields in twilio_number.h. Addresses of other systems can carry tokens,
 * so people are shown their hosts alone. */
#pragma once

#include <jansson.h>

#include "db/db.h"

enum number_way { NUMBER_CALLS, NUMBER_TEXTS, NUMBER_STATUS, NUMBER_WAYS };
enum number_party { NUMBER_NOBODY, NUMBER_AVA, NUMBER_VAPI, NUMBER_OTHER };

const char *number_way_name(enum number_way way);       /* "calls" */
const char *number_party_name(enum number_party party); /* "nobody" */

/* Whose address is it? Ava's are those of the asker's workspace, and those that lead nowhere any
 * more; has_app: an application or a trunk goes before it. */
enum err number_party_of(struct ctx *ctx, struct db_conn *c, const char *url, bool has_app,
                         enum number_party *out);
/* The same of one way of a number's routes. */
enum err number_leads_to(struct ctx *ctx, struct db_conn *c, const json_t *routes,
                         enum number_way way, enum number_party *out);

/* Who shall have which way after an import. */
struct number_wish {
    bool vapi, texts_to_vapi;
};
bool number_way_is_ours(const struct number_wish *wish, enum number_way way);

/* The routes that must change so that Ava's ways lead to Ava, as they shall be; the arena's. An
 * object without members: none. */
enum err number_routes_wanted(struct ctx *ctx, const struct number_wish *wish, const json_t *now,
                              json_t **out);

/* What to set at Twilio so that the number leads where was says; the arena's. A way that leads
 * to NUMBER_OTHER now was changed by somebody else and is left alone; one that leads to Ava, to
 * Vapi or nowhere is put back. restored, left: bits (1 << way) of the ways put back, and of
 * those left. */
enum err number_routes_back(struct ctx *ctx, const json_t *now, const json_t *was, json_t **out,
                            unsigned *restored, unsigned *left);

/* That way of the routes becomes what it is in from; NULL: nowhere. */
void number_way_copy(json_t *to, const json_t *from, enum number_way way);

/* "studio.example.com"; NULL when it is no address. */
const char *number_host(struct ctx *ctx, const char *url);
/* The address as people may see it: without the token of one of Ava's own. */
const char *number_url_shown(struct ctx *ctx, const char *url);
/* What answers one way, for a warning: a host, or "an application". */
const char *number_who(struct ctx *ctx, const json_t *routes, enum number_way way);
