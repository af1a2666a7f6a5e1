/* tool_fields: arguments and settings of tools, as a JSON schema for models and as a list for people. */
#pragma once

#include "tasks/tools.h"

/* The schema of an object with these members (JSON Schema, as models of function calling take it). A field whose
 * choices are in the settings (TOOL_CHOICE without choices: the names of the list "numbers") gets them from there. */
void tool_fields_schema(struct jsonw *w, const struct tool_field *fields, const json_t *settings);

/* [{"name","type","required","description","min","max","choices"}] */
void tool_fields_write(struct jsonw *w, const struct tool_field *fields);
