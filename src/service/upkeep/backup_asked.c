#include "service/upkeep/backup_asked.h"

#include "db/db.h"
#include "store/audit.h"

static enum err asked_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = "", .action = "backup.make" });
}

enum err backup_asked(struct ctx *ctx) {
    return db_write(ctx, asked_write, NULL);
}
