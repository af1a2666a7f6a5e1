/* temp_postgres: the databases of db/temp.h in PostgreSQL. */
#pragma once

#include "db/temp.h"

/* A database of its own on the server of TEST_POSTGRES, whose URL t->url gets; with Ava's tables, which are empty, or
 * without any. */
void temp_postgres_make(struct temp *t, bool has_tables);
void temp_postgres_end(struct temp *t); /* it is of no use any more; closed before */
/* Ava logs its errors into a file of t->dir from now on. */
void temp_postgres_log(struct temp *t);
/* The first line of that which says that PostgreSQL refused a statement for what it is, or that locks were taken in a wrong
 * order; wrong stays as it is where there is none, or t->may_be_refused. Closes the file. */
void temp_postgres_judge(struct temp *t, char *wrong, size_t room);
/* The statements, one after the other: what temp_sql answers, and in *why what went wrong, or "". */
const char *temp_postgres_all(struct temp *t, const char *sql, const char **why);
