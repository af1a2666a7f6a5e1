#include "service/email/template_content.h"

#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "vault/vault.h"

bool template_name_is_good(const char *name) {
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if ((name[i] < 'a' || name[i] > 'z') && (name[i] < '0' || name[i] > '9') && name[i] != '_')
            return false;
    return len >= 1 && len <= TEMPLATE_NAME_CHARS && !id_is(str_of(name), "tpl");
}

/* --- as it is sealed: three texts, each ended by a NUL, which none of them has --------------------- */

struct str template_pack(struct arena *a, const struct rendered *content) {
    const struct str parts[] = { content->subject, content->text, content->html };
    struct buf *b = buf_in(a);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_str(b, parts[i]);
        buf_char(b, 0);
    }
    return buf_view(b);
}

bool template_unpack(struct str packed, struct rendered *content) {
    struct str parts[3];
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        parts[i] = str_cut(packed, 0, &packed);
        if (!packed.ptr)
            return false;
        if (!parts[i].len && i > 0)
            parts[i].ptr = NULL;
    }
    *content = (struct rendered){ parts[0], parts[1], parts[2] };
    return true;
}

enum err template_content_open(struct ctx *ctx, struct db_conn *c, const char *template_id,
                               int64_t version, struct rendered *content) {
    struct template_version_row v;
    struct str plain;
    TRY(template_version_row_find(ctx, c, template_id, version, &v));
    if (!v.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such version of this template.");
    struct sealed_place place = template_version_row_place(&v);
    TRY(vault_unseal(ctx, c, &place, v.sealed, &plain));
    return template_unpack(plain, content)
               ? OK
               : ctx_fail(ctx, ERR_INTERNAL, "The stored template cannot be read.");
}

/* --- finding one ------------------------------------------------------------------------------- */

enum err template_find(struct ctx *ctx, struct db_conn *c, const char *id_or_name,
                       struct template_view *out, bool *found) {
    struct template_row row;
    *found = false;
    TRY(template_row_find(ctx, c, ctx->who.workspace_id, id_or_name, &row));
    *out = (struct template_view){ .row = row,
                                   .built_in = built_in_find(row.id ? row.name : id_or_name) };
    *found = row.id || out->built_in;
    if (row.id)
        return template_content_open(ctx, c, row.id, row.version, &out->content);
    if (!out->built_in)
        return OK;
    out->row.name = out->built_in->name;
    out->content = (struct rendered){ str_of(out->built_in->subject), str_of(out->built_in->text),
                                      str_of(out->built_in->html) };
    return OK;
}
