/* tools: what an assistant may do while it speaks with somebody. Every tool is a constant of the room that carries
 * it out; cli/kinds.c lists them, and a workspace switches on which it wants.
 *
 * A use is known by the call and the provider's id of the tool call: asked for again it is answered again, and done
 * once (tasks/idempotency.h). What it says is one line for the assistant to speak from. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/jsonw.h"
#include "obs/ctx.h"

enum tool_type {
    TOOL_TEXT,
    TOOL_TIME,   /* RFC 3339, or without an offset: by the clocks of the settings */
    TOOL_NUMBER, /* whole */
    TOOL_FLAG,
    TOOL_EMAIL,
    TOOL_PHONE,   /* E.164 */
    TOOL_CHOICE,  /* one of choices */
    TOOL_NUMBERS, /* a list of {"name","number"} */
};

/* An argument, or a setting. */
struct tool_field {
    const char *name;
    enum tool_type type;
    bool is_required;
    int min, max;               /* code points of a text; of a number its range */
    const char *about;          /* for the model, or for people */
    const char *const *choices; /* TOOL_CHOICE; ended by NULL */
    /* What else must be true of a text: a sentence when it is not. NULL: nothing. */
    const char *(*wrong)(struct arena *a, const char *text);
};

enum { TOOL_NUMBERS_MAX = 20 };

/* Who asks, and in which call. Texts are lent. */
struct tool_call {
    const char *id, *function; /* of the provider */
    const json_t *args;        /* NULL: there are none, or they are no object */
    const char *call_id;       /* the provider's, "" when it has none */
    const char *caller, *line; /* the other side's number and ours; NULL: not told */
    const char *control_url;   /* where the call can be told to do something; NULL */
};

struct tool_run {
    const struct tool_call *call;
    const json_t *args, *settings; /* checked; what was left out is not there */
    const struct id *claim;        /* for an operation */
    struct buf *said;
    const char *operation_id; /* set by run where it placed one */
    bool is_pending;          /* set by run: it goes on, and is not confirmed yet */
};

struct tool {
    const char *name;                           /* "calendar.book" */
    const char *group;                          /* of tools that share their settings: "calendar" */
    const char *about;                          /* when to use it, for the model */
    const struct tool_field *fields, *settings; /* ended by a NULL name */
    int uses_max;                               /* in one call; 0: any */
    /* Does it within the deadline of ctx. OK: run->said says what came of it, also when that is "no". An error:
     * nothing was done; its detail is told to the assistant. */
    enum err (*run)(struct ctx *ctx, struct tool_run *run);
};

/* What the provider gets to hear. is_ours false: no tool of ours, or one that is switched off. */
struct tool_said {
    bool is_ours, is_error;
    const char *text;
};

/* Carries it out, or says again what was said. Never fails: whatever goes wrong is told to the assistant. */
void tool_use(struct ctx *ctx, const struct tool_call *call, struct tool_said *out);

/* As the assistant knows it: "ava_calendar_book". out has TOOL_FUNCTION_BYTES. */
enum { TOOL_FUNCTION_BYTES = 64 };
void tool_function(const struct tool *t, char out[TOOL_FUNCTION_BYTES]);
bool tool_is_function_of_ours(const char *function);

/* Checks settings or arguments; each wrong one is a field of ctx, below prefix ("" or "settings."). *out: what is
 * there, with texts of numbers as numbers; the arena's. */
enum err tool_fields_check(struct ctx *ctx, const struct tool_field *fields, const char *prefix,
                           const json_t *given, const json_t **out);

/* --- as people and assistants see them ---------------------------------------------------------- */

/* Reads the settings of a group; an empty object when nothing was set. */
enum err tool_settings(struct ctx *ctx, const char *group, const json_t **out);

/* All of them, with whether they are on; and of one its last uses. */
enum err tools_write(struct ctx *ctx, struct jsonw *w);
enum err tool_write(struct ctx *ctx, const char *name, struct jsonw *w); /* ERR_NOT_FOUND */
enum err tool_uses_write(struct ctx *ctx, const char *name, int limit, struct jsonw *w);

/* Switches one on or off, and sets what its group shares; settings NULL: they stay. ERR_NOT_FOUND. */
enum err tool_set(struct ctx *ctx, const char *name, const bool *is_on, const json_t *settings);

/* The function of each tool that is on, for an assistant's model: writes elements of a list. server: writes the
 * member that says where it is asked for. *count: how many. */
enum err tools_write_functions(struct ctx *ctx, struct jsonw *w,
                               void (*server)(struct jsonw *w, void *arg), void *arg,
                               size_t *count);
