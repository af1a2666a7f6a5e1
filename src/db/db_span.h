/* db_span: spans of the database, by the conventions of OpenTelemetry. Knows no handle of it. */
#pragma once

#include "obs/spans.h"

enum { DB_SPAN_NAME_BYTES = 48 };

/* "SELECT events" of a statement: what it does, and to which table first. */
void db_span_name(const char *sql, char out[DB_SPAN_NAME_BYTES]);

/* A read that began then and ends now. name: lent until spans_end. */
void db_span_read(struct ctx *ctx, const char *name, int64_t began_us, enum err e);

/* A function that the writer runs. name: a constant; NULL where nothing is recorded. */
struct span *db_span_begin_write(struct ctx *ctx, const char *name);
/* together: how many functions the commit was for; 0: there was none. */
void db_span_end_write(struct span *s, size_t together, enum err e);
