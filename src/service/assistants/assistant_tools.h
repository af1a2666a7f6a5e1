/* assistant_tools: writes the tools that the workspace has switched on into an assistant's model, so that Vapi asks Ava
 * for them, with the proof that webhooks carry. */
#pragma once

#include "service/assistants/assistants.h"

/* Those that are off are taken out; tools of others stay as they are. *count: how many of ours it has now. ERR_INVALID
 * when the assistant has no model, or Vapi hides a part of it. */
enum err assistant_set_tools(struct ctx *ctx, const char *id, const char *if_match,
                             struct assistant_view *out, size_t *count);
