/* fixtures: cases recorded of providers, one JSON value a line, in ../shared or where TEST_SHARED says. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "test.h"

/* Calls judge with each case of fixtures/NAME, which lives as long as that call; returns how many there were.
 * Where there is no such file, the test is skipped and says why. */
static inline int fixtures_each(const char *name, void (*judge)(const json_t *v)) {
    static char line[1 << 20];
    const char *folder = getenv("TEST_SHARED");
    char path[500];
    int judged = 0;
    snprintf(path, sizeof path, "%s/fixtures/%s", folder ? folder : "../shared", name);
    FILE *f = fopen(path, "r");
    if (!f) {
        print_message("# no fixtures in ../shared, nor where TEST_SHARED says\n");
        skip();
    }
    while (fgets(line, sizeof line, f)) {
        json_t *v = json_loads(line, 0, NULL);
        CHECK(v != NULL);
        judge(v);
        json_decref(v);
        judged++;
    }
    fclose(f);
    return judged;
}

/* A value as text, after what is in out. */
static inline const char *fixtures_text(struct buf *out, const json_t *v) {
    struct jsonw w = jsonw_to(out);
    jsonw_tree(&w, v);
    buf_char(out, 0);
    return out->ptr;
}
