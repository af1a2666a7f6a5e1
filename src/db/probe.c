#include "db/probe.h"

#include <string.h>

#include "base/clock.h"

enum err probe_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct db_stmt *q = db_use(tx, "INSERT INTO meta (name, value) VALUES ('probe', ?)"
                                   " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    unsigned char content[PROBE_BYTES_MAX] = { 0 };
    int64_t now = ava_wall_ms();
    memcpy(content, &now, sizeof now);
    db_bind_blob(q, content, *(const size_t *)arg);
    return db_run(ctx, q);
}
