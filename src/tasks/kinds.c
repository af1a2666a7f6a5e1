#include "tasks/kinds.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "providers/dialect.h"
#include "tasks/operations.h"

struct job_row job_of(struct ctx *ctx, const char *kind, const char *workspace_id,
                      const char *object, int64_t at_ms) {
    struct id id = id_make("job");
    return (struct job_row){ .id = arena_strdup(ctx->arena, id.text),
                             .workspace_id = workspace_id,
                             .kind = kind,
                             .object = object,
                             .run_at_ms = at_ms,
                             .created_ms = ava_steady_ms() };
}

const char *kinds_find_wrong(const struct task_kinds *kinds) {
    for (size_t i = 0; i < kinds->operation_count; i++) {
        const struct dialect *d = dialect_of(kinds->operations[i]->provider);
        if (!d->fields && !d->oauth)
            return kinds->operations[i]->name;
    }
    return NULL;
}

const struct job_kind *job_kind_of(const struct parts *parts, const char *name) {
    const struct task_kinds *k = parts->kinds;
    for (size_t i = 0; k && i < k->job_count; i++)
        if (strcmp(k->jobs[i]->name, name) == 0)
            return k->jobs[i];
    return NULL;
}

const struct operation_kind *operation_kind_of(const struct ctx *ctx, const char *name) {
    const struct task_kinds *k = ctx->parts->kinds;
    for (size_t i = 0; k && i < k->operation_count; i++)
        if (strcmp(k->operations[i]->name, name) == 0)
            return k->operations[i];
    return NULL;
}
