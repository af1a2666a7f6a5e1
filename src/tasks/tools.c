#include "tasks/tools.h"

#include <string.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/json.h"
#include "base/sift.h"
#include "obs/fields.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "store/audit.h"
#include "store/tools.h"
#include "tasks/idempotency.h"
#include "tasks/kinds.h"
#include "tasks/operations.h"
#include "tasks/tool_fields.h"
#include "tasks/turns.h"
#include "vault/vault.h"

enum { USE_MS = 1700, SAID_MAX_BYTES = 2000, BUSY_MS = 40, LEAST_MS = 700 };

static const char PREFIX[] = "ava_";

void tool_function(const struct tool *t, char out[TOOL_FUNCTION_BYTES]) {
    size_t n = sizeof PREFIX - 1;
    memcpy(out, PREFIX, n);
    for (const char *c = t->name; *c && n + 1 < TOOL_FUNCTION_BYTES; c++)
        out[n++] = *c == '.' ? '_' : *c;
    out[n] = 0;
}

bool tool_is_function_of_ours(const char *function) {
    return function && strncmp(function, PREFIX, sizeof PREFIX - 1) == 0;
}

static const struct tool *by_function(const struct ctx *ctx, const char *function) {
    const struct task_kinds *k = ctx->parts->kinds;
    char own[TOOL_FUNCTION_BYTES];
    for (size_t i = 0; function && k && i < k->tool_count; i++) {
        tool_function(k->tools[i], own);
        if (strcmp(own, function) == 0)
            return k->tools[i];
    }
    return NULL;
}

static const struct tool *by_name(const struct ctx *ctx, const char *name) {
    const struct task_kinds *k = ctx->parts->kinds;
    for (size_t i = 0; k && i < k->tool_count; i++)
        if (strcmp(k->tools[i]->name, name) == 0)
            return k->tools[i];
    return NULL;
}

enum err tool_settings(struct ctx *ctx, const char *group, const json_t **out) {
    const char *text;
    TRY(tool_settings_find(ctx, db_reader(ctx), ctx->who.workspace_id, group, &text));
    *out = sift_own(ctx->arena, str_of(text));
    return OK;
}

/* --- writing a use down ----------------------------------------------------------------------- */

struct using {
    const struct tool *tool;
    const struct tool_call *call;
    struct tool_run run;
    struct tool_use_row row;
    struct idempotency_claim claim;
    bool is_kept; /* its answer belongs to the claim */
    struct tool_said *said;
};

static struct str content_of(struct ctx *ctx, const struct using *u) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    if (u->call->args) {
        jsonw_key(&w, "arguments");
        jsonw_tree(&w, u->call->args);
    }
    jsonw_text_at(&w, "said", u->said->text);
    jsonw_object_end(&w);
    return buf_view(b);
}

static enum err use_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct using *u = arg;
    struct sealed_place place = tool_use_row_place(&u->row);
    struct idempotency_answer answer = { .status = u->said->is_error ? 400 : 200,
                                         .content_type = "text/plain",
                                         .body = str_of(u->said->text) };
    TRY(vault_seal(ctx, tx, &place, content_of(ctx, u), &u->row.sealed));
    TRY(tool_use_row_insert(ctx, tx, &u->row));
    return u->is_kept ? idempotency_keep_in(ctx, tx, &u->claim.id, &answer) : OK;
}

static void write_down(struct ctx *ctx, struct using *u, const char *status, int64_t began_ms) {
    struct id id = id_make("use");
    struct ctx late = *ctx;
    u->row = (struct tool_use_row){ .id = arena_strdup(ctx->arena, id.text),
                                    .workspace_id = ctx->who.workspace_id,
                                    .tool = u->tool->name,
                                    .call_id = u->call->call_id,
                                    .tool_call_id = u->call->id,
                                    .status = status,
                                    .operation_id = u->run.operation_id,
                                    .took_ms = ava_now_ms() - began_ms,
                                    .created_ms = ava_wall_ms() };
    late.deadline_ms = ava_now_ms() + USE_MS;
    ctx_clear(&late);
    if (db_write(&late, use_write, u) != OK)
        log_warn(ctx, "tool_use_not_kept", L("tool", u->tool->name),
                 L("detail", late.problem.detail));
    metric_add(METRIC_TOOL_USES, 1, u->tool->name, status);
}

/* --- doing it --------------------------------------------------------------------------------- */

/* One line: providers and models break at others. */
static const char *one_line(struct ctx *ctx, struct str text) {
    char *out =
        str_dup(ctx->arena,
                (struct str){ text.ptr, text.len < SAID_MAX_BYTES ? text.len : SAID_MAX_BYTES });
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    return str_clean(ctx->arena, str_of(out)).ptr;
}

static void say(struct ctx *ctx, struct tool_said *out, bool is_error, struct str text) {
    out->is_ours = true;
    out->is_error = is_error;
    out->text = one_line(ctx, text);
}

/* What went wrong, for a model to make a sentence of. */
static void say_error(struct ctx *ctx, struct tool_said *out, const char *then) {
    struct buf *b = buf_in(ctx->arena);
    buf_text(b, "");
    for (size_t i = 0; i < ctx->problem.field_count; i++) {
        const struct problem_field *f = &ctx->problem.fields[i];
        buf_printf(b, "%s: %s ", f->field, f->message ? f->message : "This is wrong.");
    }
    if (!ctx->problem.field_count && ctx->problem.detail)
        buf_printf(b, "%s ", ctx->problem.detail);
    buf_text(b, then);
    say(ctx, out, true, buf_view(b));
}

static const char CANNOT[] = "Say that this cannot be done right now, and offer to take a message.",
                  CORRECT[] = "Ask for what is missing, or correct it, and try once more.",
                  UNDER_WAY[] = "This is under way and not confirmed yet. Say that it will be "
                                "confirmed, and do not ask for it again.";

/* How the operation stands that an earlier asking led to. */
static void say_operation(struct ctx *ctx, struct using *u, const char *operation_id) {
    struct operation_end end;
    enum err e = operation_replay(ctx, operation_id, &end);
    if (e == OK && !end.is_accepted)
        say(ctx, u->said, false, STR("This is done and confirmed."));
    else if (e == OK || e == ERR_IDEMPOTENCY_IN_PROGRESS || e == ERR_OUTCOME_UNKNOWN)
        say(ctx, u->said, false, str_of(UNDER_WAY));
    else
        say_error(ctx, u->said, CANNOT);
}

/* Too many are under way at the provider, and nothing was sent: somebody waits on the phone, but has a second. */
static enum err run_with_patience(struct ctx *ctx, struct using *u) {
    enum err e = u->tool->run(ctx, &u->run);
    while (e == ERR_PROVIDER_BUSY && !u->run.operation_id && ctx_left_ms(ctx) > LEAST_MS) {
        fiber_sleep(BUSY_MS + (int64_t)ava_rand_below(BUSY_MS));
        ctx_clear(ctx);
        buf_clear(u->run.said);
        e = u->tool->run(ctx, &u->run);
    }
    return e;
}

static const char *carry_out(struct ctx *ctx, struct using *u) {
    enum err e = run_with_patience(ctx, u);
    if (e == OK) {
        say(ctx, u->said, false, buf_view(u->run.said));
        return u->run.is_pending ? "pending" : "done";
    }
    if (e == ERR_OUTCOME_UNKNOWN) {
        say(ctx, u->said, false, str_of(UNDER_WAY));
        return "pending";
    }
    say_error(ctx, u->said, e == ERR_INVALID ? CORRECT : CANNOT);
    return e == ERR_INVALID ? "refused" : "failed";
}

/* The first time, in its turn: claims it, does it, keeps what was said. */
static enum err use_once(struct ctx *ctx, struct using *u, int64_t began_ms) {
    const char *key = arena_join(ctx->arena, u->call->call_id, "/", u->call->id);
    if (strlen(key) > IDEMPOTENCY_KEY_MAX || !str_is_visible(str_of(key)))
        return ctx_fail(ctx, ERR_INVALID, "The id of this tool call cannot be kept.");
    TRY(idempotency_claim(ctx, str_of(key), "tool", str_of(u->tool->name), NULL, &u->claim));
    if (u->claim.found == IDEMPOTENCY_ANSWERED) {
        say(ctx, u->said, u->claim.answer.status != 200, u->claim.answer.body);
        return OK;
    }
    if (u->claim.found == IDEMPOTENCY_OPERATION) {
        say_operation(ctx, u, u->claim.operation_id);
        return OK;
    }
    u->run.claim = &u->claim.id;
    const char *status = carry_out(ctx, u);
    bool is_done = strcmp(status, "done") == 0 || strcmp(status, "pending") == 0;
    u->is_kept = is_done && !u->run.operation_id;
    write_down(ctx, u, status, began_ms);
    if (!is_done)
        idempotency_give_back(ctx, &u->claim.id); /* keeps one that led to an operation */
    idempotency_over(&u->claim);
    return OK;
}

/* Is there anything to refuse before it is done? ERR_INVALID, with what is told. */
static enum err check_use(struct ctx *ctx, struct using *u) {
    int64_t uses;
    TRY(tool_settings(ctx, u->tool->group, &u->run.settings));
    TRY(tool_fields_check(ctx, u->tool->fields, "", u->call->args, &u->run.args));
    if (!u->tool->uses_max)
        return OK;
    TRY(tool_use_rows_count(ctx, db_reader(ctx), ctx->who.workspace_id, u->call->call_id,
                            u->tool->name, &uses));
    return uses < u->tool->uses_max
               ? OK
               : ctx_fail(ctx, ERR_FORBIDDEN,
                          "This was done %d times in this call already, which is all it may be.",
                          u->tool->uses_max);
}

static enum err use_in_turn(struct ctx *ctx, struct using *u) {
    SCOPED(turn_give) struct turn turn = { .is_mine = false };
    int64_t began_ms = ava_now_ms();
    const char *what =
        arena_join(ctx->arena, "tool/", ctx->who.workspace_id, u->call->call_id, "/", u->call->id);
    enum err e = turn_take(ctx, what, false, &turn);
    if (e == ERR_PROVIDER_BUSY) {
        say(ctx, u->said, false, str_of(UNDER_WAY));
        return OK;
    }
    TRY(e);
    e = check_use(ctx, u);
    if (e == ERR_INVALID || e == ERR_FORBIDDEN) {
        say_error(ctx, u->said, e == ERR_INVALID ? CORRECT : CANNOT);
        write_down(ctx, u, "refused", began_ms);
        return OK;
    }
    TRY(e);
    return use_once(ctx, u, began_ms);
}

void tool_use(struct ctx *ctx, const struct tool_call *call, struct tool_said *out) {
    struct ctx own = *ctx;
    struct using u = { .call = call,
                       .tool = by_function(ctx, call->function),
                       .run = { .call = call, .said = buf_in(ctx->arena) },
                       .said = out };
    bool is_on = false;
    *out = (struct tool_said){ .is_ours = false };
    if (!u.tool)
        return;
    if (own.deadline_ms > ava_now_ms() + USE_MS)
        own.deadline_ms = ava_now_ms() + USE_MS;
    ctx_clear(&own);
    enum err e = tool_row_has(&own, db_reader(&own), own.who.workspace_id, u.tool->name, &is_on);
    if (e == OK && !is_on)
        return;
    if (e == OK)
        e = use_in_turn(&own, &u);
    if (e != OK)
        say_error(&own, out, CANNOT);
}

/* --- as people see them ----------------------------------------------------------------------- */

static bool is_named(const char *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static enum err write_one(struct ctx *ctx, const struct tool *t, bool is_on, struct jsonw *w) {
    const json_t *settings;
    char function[TOOL_FUNCTION_BYTES];
    TRY(tool_settings(ctx, t->group, &settings));
    tool_function(t, function);
    jsonw_object(w);
    jsonw_text_at(w, "name", t->name);
    jsonw_text_at(w, "group", t->group);
    jsonw_text_at(w, "function", function);
    jsonw_text_at(w, "description", t->about);
    jsonw_bool_at(w, "enabled", is_on);
    jsonw_key(w, "arguments");
    tool_fields_write(w, t->fields);
    jsonw_key(w, "setting_fields");
    tool_fields_write(w, t->settings);
    jsonw_key(w, "settings");
    jsonw_tree(w, settings);
    jsonw_object_end(w);
    return OK;
}

enum err tools_write(struct ctx *ctx, struct jsonw *w) {
    const struct task_kinds *k = ctx->parts->kinds;
    const char *on[TOOLS_ON_MAX];
    size_t count;
    TRY(tool_rows_list(ctx, db_reader(ctx), ctx->who.workspace_id, on, &count));
    for (size_t i = 0; k && i < k->tool_count; i++)
        TRY(write_one(ctx, k->tools[i], is_named(on, count, k->tools[i]->name), w));
    return OK;
}

static enum err find(struct ctx *ctx, const char *name, const struct tool **out) {
    *out = by_name(ctx, name);
    return *out ? OK : ctx_fail(ctx, ERR_NOT_FOUND, "There is no such tool.");
}

enum err tool_write(struct ctx *ctx, const char *name, struct jsonw *w) {
    const struct tool *t;
    bool is_on;
    TRY(find(ctx, name, &t));
    TRY(tool_row_has(ctx, db_reader(ctx), ctx->who.workspace_id, t->name, &is_on));
    return write_one(ctx, t, is_on, w);
}

static enum err write_use(struct ctx *ctx, const struct tool_use_row *row, struct jsonw *w) {
    struct sealed_place place = tool_use_row_place(row);
    struct str content;
    TRY(vault_unseal(ctx, db_reader(ctx), &place, row->sealed, &content));
    const json_t *tree = sift_own(ctx->arena, content);
    jsonw_object(w);
    jsonw_text_at(w, "id", row->id);
    jsonw_text_at(w, "call_id", row->call_id);
    jsonw_text_at(w, "tool_call_id", row->tool_call_id);
    jsonw_text_at(w, "status", row->status);
    jsonw_text_at(w, "operation_id", row->operation_id);
    jsonw_key(w, "arguments");
    if (json_object_get(tree, "arguments"))
        jsonw_tree(w, json_object_get(tree, "arguments"));
    else
        jsonw_null(w);
    jsonw_text_at(w, "said", json_text(tree, "said"));
    jsonw_i64_at(w, "took_ms", row->took_ms);
    jsonw_time_at(w, "created_at", row->created_ms);
    jsonw_object_end(w);
    return OK;
}

enum err tool_uses_write(struct ctx *ctx, const char *name, int limit, struct jsonw *w) {
    const struct tool *t;
    size_t count;
    struct tool_use_row *rows = arena_alloc(ctx->arena, (size_t)limit * sizeof *rows);
    TRY(find(ctx, name, &t));
    TRY(tool_use_rows_list(ctx, db_reader(ctx), ctx->who.workspace_id, t->name, NULL, limit, rows,
                           &count));
    for (size_t i = 0; i < count; i++)
        TRY(write_use(ctx, &rows[i], w));
    return OK;
}

struct setting {
    const struct tool *tool;
    const bool *is_on;
    const char *settings; /* NULL: they stay */
};

static enum err set_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct setting *s = arg;
    int64_t now_ms = ava_wall_ms();
    if (s->is_on)
        TRY(tool_row_set(ctx, tx, ctx->who.workspace_id, s->tool->name, *s->is_on, now_ms));
    if (s->settings)
        TRY(tool_settings_put(ctx, tx, ctx->who.workspace_id, s->tool->group, s->settings, now_ms));
    TRY(audit_write(ctx, tx,
                    (struct audit_entry){ .action = s->is_on && *s->is_on ? "tool.on"
                                                    : s->is_on            ? "tool.off"
                                                                          : "tool.set",
                                          .object = s->tool->name }));
    return ctx_answer_in(ctx, tx);
}

enum err tool_set(struct ctx *ctx, const char *name, const bool *is_on, const json_t *settings) {
    struct setting s = { .is_on = is_on };
    const json_t *checked;
    TRY(find(ctx, name, &s.tool));
    if (settings) {
        TRY(tool_fields_check(ctx, s.tool->settings, "settings.", settings, &checked));
        struct buf *b = buf_in(ctx->arena);
        struct jsonw w = jsonw_to(b);
        jsonw_tree(&w, checked);
        s.settings = str_dup(ctx->arena, buf_view(b));
    }
    return db_write(ctx, set_write, &s);
}

enum err tools_write_functions(struct ctx *ctx, struct jsonw *w,
                               void (*server)(struct jsonw *w, void *arg), void *arg,
                               size_t *count) {
    const struct task_kinds *k = ctx->parts->kinds;
    const char *on[TOOLS_ON_MAX];
    char function[TOOL_FUNCTION_BYTES];
    size_t on_count;
    *count = 0;
    TRY(tool_rows_list(ctx, db_reader(ctx), ctx->who.workspace_id, on, &on_count));
    for (size_t i = 0; k && i < k->tool_count; i++) {
        const struct tool *t = k->tools[i];
        const json_t *settings;
        if (!is_named(on, on_count, t->name))
            continue;
        TRY(tool_settings(ctx, t->group, &settings));
        tool_function(t, function);
        jsonw_object(w);
        jsonw_text_at(w, "type", "function");
        jsonw_key(w, "function");
        jsonw_object(w);
        jsonw_text_at(w, "name", function);
        jsonw_text_at(w, "description", t->about);
        jsonw_key(w, "parameters");
        tool_fields_schema(w, t->fields, settings);
        jsonw_object_end(w);
        server(w, arg);
        jsonw_object_end(w);
        ++*count;
    }
    return OK;
}
