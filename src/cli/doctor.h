/* doctor: named checks of an installation, each of which says what it found and what to do. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/jsonw.h"
#include "cli/house.h"
#include "db/pg_look.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL, VERDICT_SKIP, VERDICTS };

struct doctor;

/* One line of the check under way. fix: what mends it, for people; NULL: nothing to do. Texts are copied. */
void doctor_say(struct doctor *d, enum verdict v, const char *text, const char *fix);

/* What is left until a certificate ends, in words and as a verdict. */
void doctor_say_certificate(struct doctor *d, const char *whose, int64_t ends_ms);

struct doctor {
    struct cli *cli;
    struct house house;
    struct ctx ctx;
    const json_t *status; /* of the server, as `ava status --json` has it; NULL: none serves */
    bool is_open;         /* the house is */
    bool is_remote;       /* the data is in PostgreSQL, not in the folder */
    const struct pg_look *postgres; /* of it; NULL: it was not reached */
    bool is_quiet;                  /* JSON: lines are collected, not printed */
    const char *name;               /* of the check under way */
    struct jsonw json;
    size_t counts[VERDICTS];
};

struct doctor_check {
    const char *name, *about;
    void (*run)(struct doctor *d);
    /* Mends what the check complains of, after fix_words were agreed to; NULL: people have to. */
    const char *fix_words;
    bool (*fix)(struct doctor *d);
    bool needs_house;
};

/* Of the server behind DATABASE_URL (doctor_postgres.c): asks it, before the data are opened; false where they cannot be,
 * which was said. And what it said, as lines of the check "database". */
bool doctor_ask_postgres(struct doctor *d);
void doctor_postgres(struct doctor *d);

/* On this machine (doctor_here.c) and beyond it (doctor_there.c). */
void doctor_folder(struct doctor *d);
bool doctor_mend_folder(struct doctor *d);
void doctor_database(struct doctor *d);
void doctor_keys(struct doctor *d);
void doctor_audit(struct doctor *d);
void doctor_disk(struct doctor *d);
void doctor_clock(struct doctor *d);
void doctor_descriptors(struct doctor *d);
void doctor_certificate(struct doctor *d);
void doctor_backup(struct doctor *d);
bool doctor_mend_backup(struct doctor *d);
void doctor_server(struct doctor *d);
void doctor_providers(struct doctor *d);
void doctor_webhooks(struct doctor *d);
bool doctor_mend_webhooks(struct doctor *d);
void doctor_redis(struct doctor *d);
void doctor_public_url(struct doctor *d);
