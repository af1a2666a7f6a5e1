/* stubs: honest pretend answers of e-mail and calendars for a workspace that has connected none. On only with
 * INTEGRATIONS_STUB_MODE, which production refuses; a real connection always wins. */
#pragma once

#include "routes/entry.h"

struct stub {
    const char *what;              /* is connected: "an e-mail service" */
    const char *said;              /* what did not happen: "Nothing was sent." */
    const char *const *next_steps; /* to a real one, ended by NULL */
};

/* Instead of ERR_NOT_CONNECTED: 200 with {"status":"stub","detail","next_steps"}, or ERR_STUB_DISABLED. */
enum err reply_stub(struct ctx *ctx, struct call *call, const struct stub *s);
