/* number_routes: where a number of Twilio's leads, in five ways: calls, texts, what becomes of calls,
 * and whom Twilio asks instead when the address of calls, of texts fails. Each goes to Ava, to Vapi,
 * to another system, or nowhere; the two fallbacks of a number in Ava's care go nowhere, since Twilio
 * itself asks Ava again (the end of each address says so).
 *
 * Routes are objects of the fields in twilio_number.h. Addresses of other systems can carry tokens,
 * so people are shown their hosts alone. */
#pragma once

#include <jansson.h>

#include "db/db.h"

enum number_way {
    NUMBER_CALLS,
    NUMBER_TEXTS,
    NUMBER_STATUS,
    NUMBER_CALLS_FALLBACK,
    NUMBER_TEXTS_FALLBACK,
    NUMBER_WAYS
};
enum number_party { NUMBER_NOBODY, NUMBER_AVA, NUMBER_VAPI, NUMBER_OTHER };

const char *number_way_name(enum number_way way);       /* "calls" */
const char *number_party_name(enum number_party party); /* "nobody" */

/* *out: whose address url is. NUMBER_AVA are addresses of the asker's workspace, and of this Ava
 * with a token that is no longer known; has_app: an application or a trunk answers before it. */
enum err number_party_of(struct ctx *ctx, struct db_conn *c, const char *url, bool has_app,
                         enum number_party *out);
/* The same for one way of a number's routes. */
enum err number_leads_to(struct ctx *ctx, struct db_conn *c, const json_t *routes,
                         enum number_way way, enum number_party *out);

/* Who shall have which way after an import. */
struct number_wish {
    bool vapi, texts_to_vapi;
};
bool number_way_is_ours(const struct number_wish *wish, enum number_way way);

/* What to set at Twilio so that Ava's ways lead to Ava, and fallbacks nowhere but to who has the way
 * itself; the arena's. An object without members when it is so. */
enum err number_routes_wanted(struct ctx *ctx, const struct number_wish *wish, const json_t *now,
                              json_t **out);

/* The ways that lead nowhere, of calls, texts and status: of a number in Ava's care somebody emptied
 * them at Twilio (fallbacks are emptied by Ava). Bits, 1 << way. */
unsigned number_ways_emptied(const json_t *routes);

/* What to set at Twilio so that the number leads where was says; the arena's. A way that leads
 * to NUMBER_OTHER now, or nowhere and is one of the emptied, was changed by somebody else and is left
 * alone; one that leads to Ava, to Vapi or nowhere is put back. restored, left: bits of the ways put
 * back, and of those left. */
enum err number_routes_back(struct ctx *ctx, const json_t *now, const json_t *was, unsigned emptied,
                            json_t **out, unsigned *restored, unsigned *left);

/* What was remembered of a way says more than the way itself does now: Ava changed it already. party:
 * whom it leads to now. */
bool number_way_is_remembered(enum number_way way, enum number_party party, bool is_vapi_ours,
                              bool is_held);

/* Copies the fields of that way from one set of routes into another; from NULL: it leads
 * nowhere. */
void number_way_copy(json_t *to, const json_t *from, enum number_way way);

/* "studio.example.com"; NULL when it is no address. */
const char *number_host(struct ctx *ctx, const char *url);
/* The address as people may see it: without the token of one of Ava's own. */
const char *number_url_shown(struct ctx *ctx, const char *url);
/* What answers one way, for a warning: a host, or "an application". */
const char *number_who(struct ctx *ctx, const json_t *routes, enum number_way way);
