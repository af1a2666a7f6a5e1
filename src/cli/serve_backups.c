/* serve_backups: the backups that the server makes by itself, and what it knows of others. */
#include "base/jsonw.h"
#include "cli/serve.h"
#include "crypto/hash.h"
#include "db/backups.h"
#include "tasks/feed.h"

enum { HOUR_MS = 3600 * 1000, SHOWN = 100, ROOM = 1 << 20 };

/* Pages in all workspaces are told, since whoever runs the installation looks at it from any of them. */
static void tell(void *serve) {
    feed_publish(((struct serve *)serve)->house.parts.feed, NULL, "changed",
                 STR("{\"what\":\"backup\"}"));
}

int serve_backups(struct serve *s, struct cli *cli) {
    const struct config *c = &s->house.config;
    const char *why = "";
    s->database = arena_printf(cli->arena, "%s/ava.db", c->data_dir);
    serve_copying_open(s);
    if (!c->backup_dir[0])
        return EXIT_OK;
    struct backups_conf conf = { .database = s->database,
                                 .folder = c->backup_dir,
                                 .every_ms = c->backup_every_hours * HOUR_MS,
                                 .keep = (int)c->backup_keep,
                                 .hash = hash_blake2b,
                                 .mirror = serve_copy,
                                 .of_mirror = s,
                                 .on_change = tell,
                                 .arg = s };
    s->backups = backups_start(&conf, &why);
    return s->backups ? EXIT_OK : cli_fail(EXIT_FAILED, "%s", why);
}

static void write_file(struct jsonw *w, const struct backup_file *f) {
    jsonw_object(w);
    jsonw_text_at(w, "name", f->name);
    jsonw_time_at(w, "made_at", f->made_ms);
    jsonw_bool_at(w, "whole", f->is_whole);
    if (f->is_whole) {
        jsonw_i64_at(w, "bytes", f->told.bytes);
        jsonw_i64_at(w, "schema", f->told.schema);
        jsonw_text_at(w, "version", f->told.version);
    }
    jsonw_object_end(w);
}

static void write_state(struct jsonw *w, const struct serve *s) {
    const struct config *c = &s->house.config;
    struct backups_state state = { .is_making = false };
    if (s->backups)
        backups_read(s->backups, &state);
    jsonw_text_at(w, "folder", s->backups ? c->backup_dir : NULL);
    jsonw_i64_at(w, "every_hours", c->backup_every_hours);
    jsonw_i64_at(w, "keep", c->backup_keep);
    jsonw_bool_at(w, "making", state.is_making);
    jsonw_time_at(w, "failed_at", state.failed_ms);
    jsonw_text_at(w, "failed_because", state.failed_ms ? state.why : NULL);
    jsonw_time_at(w, "last_at", backups_last_ms(s->database));
}

void serve_write_backups(void *serve, struct buf *out) {
    const struct serve *s = serve;
    struct arena *a = arena_new(ROOM);
    struct jsonw w = jsonw_to(out);
    struct backup_file *files = arena_alloc(a, sizeof *files * SHOWN);
    size_t count = s->backups ? backups_list(s->house.config.backup_dir, files, SHOWN, a) : 0;
    jsonw_object(&w);
    write_state(&w, s);
    jsonw_key(&w, "backups");
    jsonw_list(&w);
    for (size_t i = 0; i < count; i++)
        write_file(&w, &files[i]);
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    arena_free(a);
}

void serve_back_up(void *serve) {
    backups_want(((struct serve *)serve)->backups);
}
