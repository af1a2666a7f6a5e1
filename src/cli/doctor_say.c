/* doctor_say: a line for people, or an object for programs. */
#include <stdio.h>

#include "base/jsonw.h"
#include "cli/doctor.h"

static const char *const WORDS[VERDICTS] = { "ok", "warn", "fail", "skip" };

void doctor_say(struct doctor *d, enum verdict v, const char *text, const char *fix) {
    d->counts[v]++;
    if (d->is_quiet) {
        jsonw_object(&d->json);
        jsonw_text_at(&d->json, "name", d->name);
        jsonw_text_at(&d->json, "verdict", WORDS[v]);
        jsonw_text_at(&d->json, "text", text);
        if (fix)
            jsonw_text_at(&d->json, "fix", fix);
        jsonw_object_end(&d->json);
        return;
    }
    printf("%-5s %-12s %s\n", WORDS[v], d->name, cli_printable(d->cli->arena, text));
    if (fix)
        printf("%-5s %-12s fix: %s\n", "", "", cli_printable(d->cli->arena, fix));
    fflush(stdout);
}
