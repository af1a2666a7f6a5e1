/* built_ins: the templates that come with Ava, for workspaces that have none of their own of that name. */
#pragma once

#include <stddef.h>

struct built_in {
    const char *name, *subject, *text, *html;
    const char *example; /* variables to try it with, as JSON */
};

extern const struct built_in built_ins[]; /* by name */
extern const size_t built_ins_count;

const struct built_in *built_in_find(const char *name); /* NULL: none is called that */
