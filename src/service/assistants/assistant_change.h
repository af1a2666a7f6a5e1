/* assistant_change: the one way in which Ava changes an assistant: on top of what Vapi has at that
 * moment, and written down as a version with its author.
 *
 * Changes of one assistant run one after the other, except those with may_share (the three
 * settings): each sets members of its own and has no if_match, so that a slow Vapi does not make
 * them queue. */
#pragma once

#include "service/assistants/assistant_history.h"
#include "service/connections/lending.h"
#include "store/audit.h"
#include "tasks/turns.h"

/* One assistant at one moment. */
struct assistant_moment {
    struct assistant_row row;
    const json_t *whole; /* as Vapi has it */
};

struct assistant_change {
    struct assistant_note note;
    struct audit_entry audit; /* its object NULL: the assistant's id */
    const char *if_match;     /* NULL: whatever version it is */
    bool may_share;
    /* What to send: JSON of the members to set; *patch stays empty when there is nothing to. */
    enum err (*make)(struct ctx *ctx, const struct assistant_moment *now, void *arg,
                     struct str *patch);
    void *arg;
};

/* Reads the assistant, lets make decide, sends the change and writes the version down; one that Ava
 * did not hold yet is taken under its care first. *out: as it is after that. answer->body: its
 * settings; not filled when make wants nothing sent. */
enum err assistant_change(struct ctx *ctx, const struct lent *lent, const char *provider_id,
                          const struct assistant_change *change, struct assistant_moment *out,
                          struct upstream_answer *answer);

/* --- its steps, for others that take several ------------------------------------------------------ */

/* Takes the turn of the assistant, shared or alone; turn_give gives it back. */
enum err assistant_turn(struct ctx *ctx, const char *provider_id, bool may_share,
                        struct turn *turn);
/* With that turn: reads the assistant at Vapi, past the cache, and writes down what somebody
 * changed there; not while others of ours share the turn, since it may be their change. One that
 * Ava does not hold is taken under its care. */
enum err assistant_look(struct ctx *ctx, const struct lent *lent, const char *provider_id,
                        struct turn *turn, struct assistant_moment *out);
/* ERR_VERSION_CONFLICT when if_match names another version than the row's; NULL is fine. */
enum err assistant_match(struct ctx *ctx, const struct assistant_row *row, const char *if_match);
/* True when Vapi has not changed the assistant since the row was written. */
bool assistant_is_as_seen(const struct assistant_row *row, const json_t *whole);
