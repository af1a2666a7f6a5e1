#include "service/upkeep/flags.h"

#include "base/clock.h"
#include "obs/log.h"
#include "store/audit.h"
#include "store/flags.h"

enum err flags_load(struct ctx *ctx) {
    for (enum flag f = 0; f < FLAG_COUNT; f++) {
        struct flag_row row;
        TRY(flag_row_find(ctx, db_reader(ctx), flag_info(f)->name, &row));
        flag_set(f, row.name ? row.is_on : flag_info(f)->on);
        if (row.name && row.is_on != flag_info(f)->on)
            log_warn(NULL, "flag", L("name", row.name), L("on", row.is_on ? "yes" : "no"),
                     L("why", "an operator set it so; it is built the other way"));
    }
    return OK;
}

enum err flag_write(struct ctx *ctx, enum flag f, struct jsonw *w) {
    struct flag_row row;
    TRY(flag_row_find(ctx, db_reader(ctx), flag_info(f)->name, &row));
    bool on = row.name ? row.is_on : flag_info(f)->on;
    jsonw_object(w);
    jsonw_text_at(w, "name", flag_info(f)->name);
    jsonw_bool_at(w, "on", on);
    jsonw_bool_at(w, "is_default", on == flag_info(f)->on);
    jsonw_text_at(w, "about", flag_info(f)->about);
    jsonw_time_at(w, "changed_at", row.name ? row.changed_ms : 0);
    jsonw_text_at(w, "changed_by", row.name ? row.changed_by : NULL);
    jsonw_object_end(w);
    return OK;
}

struct changing {
    enum flag f;
    bool on;
};

/* Inside the write, so that of two who set it at once the later one's word is in force as well. */
static enum err change_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct changing *c = arg;
    const struct flag_info *info = flag_info(c->f);
    struct flag_row row;
    TRY(flag_row_find(ctx, tx, info->name, &row));
    if ((row.name ? row.is_on : info->on) != c->on) {
        const char *by = ctx->who.key_id[0] ? ctx->who.key_id : ctx->who.user_id;
        TRY(flag_row_put(ctx, tx, &(struct flag_row){ info->name, by, c->on, ava_wall_ms() }));
        TRY(audit_write(
            ctx, tx,
            (struct audit_entry){ .workspace_id = "",
                                  .action = "flag.change",
                                  .object = info->name,
                                  .detail = c->on ? "{\"on\":true}" : "{\"on\":false}" }));
    }
    return OK;
}

enum err flag_change(struct ctx *ctx, enum flag f, bool on) {
    struct changing c = { f, on };
    struct flag_row row;
    TRY(db_write(ctx, change_write, &c));
    TRY(flag_row_find(ctx, db_reader(ctx), flag_info(f)->name, &row));
    flag_set(f, row.name ? row.is_on : flag_info(f)->on);
    log_info(ctx, "flag", L("name", flag_info(f)->name), L("on", on ? "yes" : "no"));
    return OK;
}
