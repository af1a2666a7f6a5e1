/* audit verify, audit export: the audit log, looked through and written out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/jsonw.h"
#include "cli/house.h"
#include "service/upkeep/audit_heads.h"

enum { PAGE = 200, PAGE_BYTES = 1 << 20 };

/* --- verify ---------------------------------------------------------------------------------- */

/* "SEQ:DIGEST", as the log has them. */
static bool parse_head(const char *text, struct audit_head *out) {
    char *rest;
    *out = (struct audit_head){ .seq = 0 };
    if (!text)
        return true;
    out->seq = strtoll(text, &rest, 10);
    return out->seq > 0 && *rest == ':' && strlen(rest + 1) == 2 * sizeof out->digest &&
           hex_decode(str_of(rest + 1), out->digest, sizeof out->digest);
}

static void print_check(const struct audit_check *k) {
    char when[32];
    if (k->wrong) {
        printf("bad     row %lld: %s\n", (long long)k->bad_seq, k->wrong);
        return;
    }
    printf("ok      %lld rows (%lld to %lld) in unbroken chains\n", (long long)k->rows,
           (long long)k->first_seq, (long long)k->last_seq);
    if (!k->heads) {
        printf("ok      nothing is signed yet; the first head comes within the hour\n");
        return;
    }
    clock_rfc3339(k->signed_ms, when);
    printf("ok      %lld signed heads, the last over rows to %lld (%s), %lld since\n",
           (long long)k->heads, (long long)k->signed_seq, when,
           (long long)(k->last_seq - k->signed_seq));
}

static void print_json(struct cli *cli, const struct audit_check *k) {
    char digest[65];
    struct buf *b = buf_in(cli->arena);
    struct jsonw w = jsonw_to(b);
    hex_encode(digest, k->digest, sizeof k->digest);
    jsonw_object(&w);
    jsonw_bool_at(&w, "ok", !k->wrong);
    jsonw_i64_at(&w, "rows", k->rows);
    jsonw_i64_at(&w, "first_row", k->first_seq);
    jsonw_i64_at(&w, "last_row", k->last_seq);
    jsonw_i64_at(&w, "heads", k->heads);
    jsonw_i64_at(&w, "signed_to", k->signed_seq);
    if (k->heads)
        jsonw_text_at(&w, "digest", digest);
    if (k->wrong) {
        jsonw_i64_at(&w, "bad_row", k->bad_seq);
        jsonw_text_at(&w, "wrong", k->wrong);
    }
    jsonw_object_end(&w);
    cli_print_json(buf_view(b));
}

int cmd_audit_verify(struct cli *cli) {
    struct house h;
    struct ctx ctx;
    struct audit_head pinned;
    struct audit_check found;
    if (!parse_head(cli_flag(cli, "head"), &pinned))
        return cli_fail(EXIT_USAGE, "--head takes TO:DIGEST of an audit_head line of the log");
    int status = house_open(&h, cli, HOUSE_COMMAND);
    if (status == EXIT_OK) {
        house_ctx(&h, &ctx, cli->arena);
        enum err e = audit_check(&ctx, &pinned, NULL, &found);
        status = e != OK ? house_say(&ctx, e) : found.wrong ? EXIT_FAILED : EXIT_OK;
        if (e == OK && cli_has(cli, "json"))
            print_json(cli, &found);
        else if (e == OK)
            print_check(&found);
    }
    house_close(&h);
    return status;
}

/* --- export ---------------------------------------------------------------------------------- */

static void print_row(struct buf *b, const struct audit_row *row) {
    const struct audit_entry *e = &row->entry;
    struct jsonw w = jsonw_to(b);
    char hash[65];
    jsonw_object(&w);
    jsonw_i64_at(&w, "seq", e->seq);
    jsonw_time_at(&w, "at", e->at_ms);
    jsonw_text_at(&w, "workspace_id", e->workspace_id);
    jsonw_text_at(&w, "actor", e->actor);
    jsonw_text_at(&w, "action", e->action);
    jsonw_text_at(&w, "object", e->object);
    jsonw_text_at(&w, "outcome", e->outcome);
    jsonw_text_at(&w, "correlation_id", e->correlation_id);
    jsonw_text_at(&w, "detail", e->detail);
    hex_encode(hash, row->prev, sizeof row->prev);
    jsonw_text_at(&w, "prev", hash);
    hex_encode(hash, row->hash, sizeof row->hash);
    jsonw_text_at(&w, "hash", hash);
    jsonw_object_end(&w);
}

static enum err export(struct ctx *ctx, struct cli *cli) {
    struct audit_row rows[PAGE]; const char *workspace = cli_flag(cli, "workspace");
    struct arena *all = ctx->arena; size_t count = PAGE; enum err e = OK;
    for (int64_t at = 0; e == OK && count == PAGE;){
        ctx->arena = arena_new(PAGE_BYTES);
        e = audit_rows(ctx, db_reader(ctx), at, rows, PAGE, &count);
        for (size_t i = 0; e == OK && i < count;
             i++){ struct buf *b = buf_in(ctx->arena); at = rows[i].entry.seq;
                   if (workspace && strcmp(workspace, rows[i].entry.workspace_id) != 0) continue;
                   print_row(b, &rows[i]); cli_print_json(buf_view(b)); }
arena_free(ctx->arena);
ctx->arena = all;
}
if (e == OK && (fflush(stdout) != 0 || ferror(stdout)))
    e = ctx_fail(ctx, ERR_INTERNAL, "The log could not be written out to its end.");
return e;
}

int cmd_audit_export(struct cli *cli) {
    return house_visit(cli, export);
}
