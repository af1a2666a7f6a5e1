#include "service/email/attachments.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/fiber.h"
#include "base/json.h"
#include "base/plain.h"
#include "base/shares.h"
#include "store/emails.h"
#include "vault/vault.h"

enum {
    NAME_MAX_BYTES = 255,
    PIECE_ARENA_BYTES = 1 << 20,
    AT_ONCE = 4,      /* mails with files that are put together, in all */
    AT_ONCE_EACH = 2, /* and of a workspace */
    WAITING = 256,
    WAITING_EACH = 32,
    PLACE_MS = 20 * 1000,
};

/* --- coming in ------------------------------------------------------------------------------- */

struct str attachments_lift(struct arena *a, struct str body, struct lift *out) {
    return lift_files(a, body, vault_file_hash, out);
}

/* What a file is by its name, for those that are sent most; the service knows more. */
static const char *type_of(const char *name) {
    static const struct {
        const char *end, *type;
    } TYPES[] = {
        { ".pdf", "application/pdf" }, { ".png", "image/png" },  { ".jpg", "image/jpeg" },
        { ".jpeg", "image/jpeg" },     { ".gif", "image/gif" },  { ".svg", "image/svg+xml" },
        { ".webp", "image/webp" },     { ".txt", "text/plain" }, { ".csv", "text/csv" },
        { ".ics", "text/calendar" },   { ".html", "text/html" }, { ".json", "application/json" },
        { ".zip", "application/zip" }, { ".mp3", "audio/mpeg" }, { ".wav", "audio/wav" },
        { ".vcf", "text/vcard" },
    };
    size_t len = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        size_t end = strlen(TYPES[i].end);
        if (len > end && strcasecmp(name + len - end, TYPES[i].end) == 0)
            return TYPES[i].type;
    }
    return "application/octet-stream";
}

struct reading {
    struct ctx *ctx;
    const json_t *one;
    size_t i;
    const struct lift *files;
};

static void wrong(const struct reading *r, const char *member, const char *code,
                  const char *words) {
    ctx_field(r->ctx, arena_printf(r->ctx->arena, "attachments[%zu].%s", r->i, member), code,
              words);
}

/* A text of the attachment; NULL when it is missing, or none and noted. */
static const char *member(const struct reading *r, const char *name) {
    const json_t *value = json_object_get(r->one, name);
    if (!value || json_is_null(value))
        return NULL;
    if (!json_is_string(value))
        wrong(r, name, "wrong_type",
              strcmp(name, "content") == 0
                  ? "content is a text in base64 (of a Buffer: buffer.toString(\"base64\"))."
                  : "This is a text.");
    return json_string_value(value);
}

static void read_name(const struct reading *r, struct attachment *out) {
    const char *name = member(r, "filename");
    out->filename = name;
    if (json_is_string(json_object_get(r->one, "filename")) ? !name[0]
                                                            : !json_object_get(r->one, "filename"))
        wrong(r, "filename", "required", "A file needs a name, like invoice.pdf.");
    if (!name || !name[0])
        return;
    if (strlen(name) > NAME_MAX_BYTES || str_chars(str_of(name)) > MIME_FILE_NAME_MAX_CHARS)
        wrong(r, "filename", "too_long", "A file name has at most 200 characters and 255 bytes.");
    else if (!plain_is(str_of(name)))
        wrong(r, "filename", "wrong_format",
              "A file name is one line without control characters, or those that turn the "
              "direction of writing.");
    else if (strpbrk(name, "/\\") || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        wrong(r, "filename", "wrong_format", "A file name is without its folder: no / and no \\.");
}

static void read_content(const struct reading *r, struct attachment *out) {
    const json_t *value = json_object_get(r->one, "content");
    const char *mark = member(r, "content");
    const struct lift_item *item = mark ? lift_find(r->files, mark) : NULL;
    if (!value || json_is_null(value))
        wrong(r, "content", "required", "The file itself, in base64.");
    if (!mark)
        return;
    if (!item || item->why)
        wrong(r, "content", "wrong_format", item ? item->why : "This is no base64.");
    else if (!item->bytes.len)
        wrong(r, "content", "required", "The file is empty.");
    else {
        out->bytes = item->bytes;
        out->size = (int64_t)item->bytes.len;
        out->sha256 = lift_hex(item);
    }
}

static void read_rest(const struct reading *r, struct attachment *out) {
    const char *type = member(r, "content_type"), *id = member(r, "content_id"), *name;
    json_t *value;
    if (type && !mime_content_type_is_good(type))
        wrong(r, "content_type", "wrong_format",
              "A type looks like application/pdf, or text/calendar; method=REQUEST.");
    if (id && !mime_content_id_is_good(id))
        wrong(r, "content_id", "wrong_format",
              "A content_id has 1 to 128 letters, digits and . _ @ - +; the HTML shows it as "
              "src=\"cid:...\".");
    out->content_type = type ? type : type_of(out->filename ? out->filename : "");
    out->content_id = id;
    json_object_foreach((json_t *)r->one, name, value) {
        static const char *const KNOWN[] = { "filename", "content", "content_type", "content_id" };
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++)
            is_known = is_known || strcmp(KNOWN[i], name) == 0;
        if (!is_known)
            wrong(r, name, "unknown",
                  strcmp(name, "path") == 0
                      ? "Ava fetches no files; send the file itself as content, in base64."
                      : "Nobody knows this field: filename, content, content_type, content_id.");
    }
}

static void read_one(const struct reading *r, struct attachments *out) {
    struct attachment *a = &out->items[out->count++];
    *a = (struct attachment){ .filename = NULL };
    if (!json_is_object(r->one)) {
        ctx_field(r->ctx, arena_printf(r->ctx->arena, "attachments[%zu]", r->i), "wrong_type",
                  "An attachment is an object with filename and content.");
        return;
    }
    read_name(r, a);
    read_content(r, a);
    read_rest(r, a);
    for (size_t i = 0; a->content_id && i + 1 < out->count; i++)
        if (out->items[i].content_id && strcmp(out->items[i].content_id, a->content_id) == 0)
            wrong(r, "content_id", "conflict", "Another attachment has this content_id.");
}

void attachments_read(struct ctx *ctx, const json_t *body, const struct lift *files,
                      struct attachments *out) {
    const json_t *list = json_object_get(body, "attachments"), *one;
    int64_t bytes = 0;
    size_t i;
    out->count = 0;
    if (!list || json_is_null(list))
        return;
    if (!json_is_array(list)) {
        ctx_field(ctx, "attachments", "wrong_type",
                  "attachments is a list of objects with filename and content.");
        return;
    }
    if (json_array_size(list) > ATTACHMENTS_MAX) {
        ctx_field_range(ctx, "attachments", "too_many", 0, ATTACHMENTS_MAX,
                        "A mail takes 20 attachments; put more of them into one archive.");
        return;
    }
    json_array_foreach(list, i, one) {
        read_one(&(struct reading){ ctx, one, i, files }, out);
        bytes += out->items[i].size;
    }
    if (bytes > ATTACHMENTS_BYTES_MAX)
        ctx_field_range(ctx, "attachments", "too_long", 0, ATTACHMENTS_BYTES_MAX,
                        arena_printf(ctx->arena,
                                     "The attachments have %lld bytes together, before base64; a "
                                     "mail takes 10,485,760 (10 MiB). Send a link to the larger "
                                     "ones instead.",
                                     (long long)bytes));
}

void attachments_write(struct jsonw *w, const struct attachments *all) {
    if (!all->count)
        return;
    jsonw_key(w, "attachments");
    jsonw_list(w);
    for (size_t i = 0; i < all->count; i++) {
        const struct attachment *a = &all->items[i];
        jsonw_object(w);
        jsonw_text_at(w, "filename", a->filename);
        jsonw_text_at(w, "content_type", a->content_type);
        if (a->content_id)
            jsonw_text_at(w, "content_id", a->content_id);
        jsonw_i64_at(w, "size", a->size);
        jsonw_text_at(w, "sha256", a->sha256);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

/* --- kept ------------------------------------------------------------------------------------ */

static enum err keep_piece(struct ctx *ctx, struct db_conn *tx, const struct message_row *message,
                           int position, int piece, struct str bytes) {
    struct ctx own = *ctx;
    own.arena = arena_new(PIECE_ARENA_BYTES); /* the caller's is not for megabytes */
    struct email_file_row row = { .id = email_file_row_id(own.arena, message->id, position, piece),
                                  .workspace_id = message->workspace_id,
                                  .message_id = message->id,
                                  .position = position,
                                  .piece = piece };
    struct sealed_place place = email_file_row_place(&row);
    enum err e = vault_seal(&own, tx, &place, bytes, &row.sealed);
    if (e == OK)
        e = email_file_row_insert(&own, tx, &row);
    if (e != OK)
        ctx_fail(ctx, e, "An attachment could not be stored.");
    arena_free(own.arena);
    return e;
}

static enum err check_room(struct ctx *ctx, struct db_conn *tx, const struct message_row *message) {
    int64_t pieces;
    TRY(email_file_rows_count(ctx, tx, message->workspace_id, &pieces));
    if (pieces * EMAIL_PIECE_BYTES < ATTACHMENTS_WAITING_BYTES_MAX)
        return OK;
    ctx->problem.retry_after_s = 60;
    return ctx_fail(ctx, ERR_OVERLOADED,
                    "Mails with more than 200 MiB of attachments wait to be sent; try again in "
                    "60 s.");
}

enum err attachments_keep(struct ctx *ctx, struct db_conn *tx, const struct message_row *message,
                          const struct attachments *all) {
    if (all->count)
        TRY(check_room(ctx, tx, message));
    for (size_t i = 0; i < all->count; i++) {
        struct str rest = all->items[i].bytes;
        for (int piece = 0; rest.len; piece++) {
            struct str some = { rest.ptr,
                                rest.len < EMAIL_PIECE_BYTES ? rest.len : EMAIL_PIECE_BYTES };
            TRY(keep_piece(ctx, tx, message, (int)i, piece, some));
            rest = (struct str){ rest.ptr + some.len, rest.len - some.len };
        }
    }
    return OK;
}

/* --- going out ------------------------------------------------------------------------------- */

struct attachments_held {
    struct ctx *ctx;
    const struct operation *op;
    const json_t *request;
    struct shares_place place;
    struct buf body;
    struct buf files[ATTACHMENTS_MAX];
    struct mime_attachment parts[ATTACHMENTS_MAX];
    struct mime_mail *mail;
    size_t count;
    enum err result;
};

static struct shares going_out = SHARES(AT_ONCE, AT_ONCE_EACH, WAITING, WAITING_EACH);

enum err attachments_hold(struct ctx *ctx, const struct operation *op, const json_t *request,
                          struct attachments_held **out) {
    size_t count = json_array_size(json_object_get(request, "attachments"));
    *out = NULL;
    if (!count)
        return OK;
    struct attachments_held *h = arena_alloc(ctx->arena, sizeof *h);
    h->ctx = ctx;
    h->op = op;
    h->request = request;
    h->count = count < ATTACHMENTS_MAX ? count : ATTACHMENTS_MAX;
    if (!shares_enter(&going_out, &h->place, ctx->who.workspace_id, ava_now_ms() + PLACE_MS)) {
        ctx->problem.retry_after_s = 30;
        return ctx_fail(ctx, ERR_PROVIDER_BUSY,
                        "Other mails with attachments go out just now; try again in 30 s.");
    }
    *out = h;
    return OK;
}

void attachments_let_go(struct attachments_held *h) {
    if (!h)
        return;
    buf_fini(&h->body);
    for (size_t i = 0; i < h->count; i++)
        buf_fini(&h->files[i]);
    shares_leave(&going_out, &h->place);
}

static int64_t size_of(const struct attachments_held *h, size_t i) {
    return json_i64_or(json_array_get(json_object_get(h->request, "attachments"), i), "size", 0);
}

/* Opens one piece; *bytes: the arena's. */
static enum err open_piece(struct ctx *own, const struct attachments_held *h, int position,
                           int piece, struct str *bytes) {
    struct db_conn *c = db_reader(own);
    struct email_file_row row;
    TRY(email_file_row_find(own, c, own->who.workspace_id,
                            email_file_row_id(own->arena, h->op->object, position, piece), &row));
    if (!row.id)
        return ctx_fail(own, ERR_INTERNAL, "The attachments are not there any more.");
    struct sealed_place place = email_file_row_place(&row);
    return vault_unseal(own, c, &place, row.sealed, bytes);
}

/* Adds one file to out, as it is or in base64. */
static enum err put_file(struct attachments_held *h, size_t i, bool in_base64, struct buf *out) {
    int64_t left = size_of(h, i);
    enum err e = OK;
    for (int piece = 0; left > 0 && e == OK; piece++) {
        struct str bytes;
        struct ctx own = *h->ctx;
        own.arena = arena_new(PIECE_ARENA_BYTES);
        e = open_piece(&own, h, (int)i, piece, &bytes);
        if (e == OK && in_base64)
            buf_text(out, base64_encode(own.arena, bytes.ptr, bytes.len));
        else if (e == OK)
            buf_str(out, bytes);
        if (e == OK)
            left -= (int64_t)bytes.len;
        else
            ctx_fail(h->ctx, e, "The attachments cannot be read.");
        arena_free(own.arena);
    }
    return e;
}

static size_t bytes_of_all(const struct attachments_held *h) {
    size_t bytes = 0;
    for (size_t i = 0; i < h->count; i++)
        bytes += (size_t)size_of(h, i);
    return bytes;
}

static enum err write_files(struct attachments_held *h, struct jsonw *w) {
    jsonw_key(w, "attachments");
    jsonw_list(w);
    for (size_t i = 0; i < h->count; i++) {
        const json_t *one = json_array_get(json_object_get(h->request, "attachments"), i);
        jsonw_object(w);
        jsonw_text_at(w, "filename", json_text(one, "filename"));
        jsonw_text_at(w, "content_type", json_text(one, "content_type"));
        if (json_text(one, "content_id"))
            jsonw_text_at(w, "content_id", json_text(one, "content_id"));
        jsonw_key(w, "content");
        buf_char(w->out, '"');
        TRY(put_file(h, i, true, w->out));
        buf_char(w->out, '"');
        w->comma = true;
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
    return OK;
}

static enum err write_body(struct attachments_held *h) {
    struct jsonw w = jsonw_to(&h->body);
    const char *name;
    json_t *value;
    buf_reserve(&h->body, bytes_of_all(h) / 3 * 4 + h->op->request.len * 2 + 4096);
    jsonw_object(&w);
    json_object_foreach((json_t *)h->request, name, value) {
        if (strcmp(name, "attachments") == 0)
            continue;
        jsonw_key(&w, name);
        jsonw_tree(&w, value);
    }
    TRY(write_files(h, &w));
    jsonw_object_end(&w);
    return OK;
}

static void make_body(void *arg) {
    struct attachments_held *h = arg;
    h->result = write_body(h);
}

enum err attachments_body(struct attachments_held *h, struct str *out) {
    fiber_offload(make_body, h);
    *out = buf_view(&h->body);
    return h->result;
}

static enum err compose(struct attachments_held *h) {
    struct str composed;
    for (size_t i = 0; i < h->count; i++) {
        const json_t *one = json_array_get(json_object_get(h->request, "attachments"), i);
        buf_reserve(&h->files[i], (size_t)size_of(h, i));
        TRY(put_file(h, i, false, &h->files[i]));
        h->parts[i] = (struct mime_attachment){ .file_name = json_text(one, "filename"),
                                                .content_type = json_text(one, "content_type"),
                                                .content_id = json_text(one, "content_id"),
                                                .bytes = buf_view(&h->files[i]) };
    }
    h->mail->attachments = h->parts;
    h->mail->attachment_count = h->count;
    TRY(mime_compose_into(h->ctx, h->mail, &h->body, &composed));
    for (size_t i = 0; i < h->count; i++)
        buf_fini(&h->files[i]);
    return OK;
}

static void make_mime(void *arg) {
    struct attachments_held *h = arg;
    h->result = compose(h);
}

enum err attachments_mime(struct attachments_held *h, struct mime_mail *mail, struct str *out) {
    h->mail = mail;
    fiber_offload(make_mime, h);
    *out = buf_view(&h->body);
    return h->result;
}
