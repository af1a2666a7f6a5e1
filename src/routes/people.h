/* people: how users and workspaces look in answers. */
#pragma once

#include "auth/people.h"
#include "base/jsonw.h"

void people_write_user(struct jsonw *w, const struct user *u);
void people_write_workspace(struct jsonw *w, const struct workspace *ws);
