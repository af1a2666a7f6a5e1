/* templates: what e-mails say. A workspace's own, with versions, and those that come with Ava as long as the
 * workspace has none of that name. Every change is audited, in its own transaction. */
#pragma once

#include "base/jsonw.h"
#include "service/email/rendering.h"

enum { TEMPLATES_MAX = 200, TEMPLATE_VERSIONS_KEPT = 50 };

/* --- for whoever sends ------------------------------------------------------------------------- */

/* What the template of that name (or id) says of the variables, in the arena: the bytes to send, however
 * often. Not inside a write: it takes its time. variables NULL: there are none. ERR_INVALID with the fields
 * "variables.NAME" (missing, no text, or a line break in a subject) and "template" (there is none, or it
 * cannot be rendered). */
enum err template_render(struct ctx *ctx, struct db_conn *c, const char *name,
                         const json_t *variables, struct rendered *out);

/* --- for people -------------------------------------------------------------------------------- */

/* By name, with those that come with Ava: names with search in them (NULL: all), behind after (NULL: from
 * the first). out: room for limit; contents are not read. */
enum err template_list(struct ctx *ctx, const char *search, const char *after, int limit,
                       struct template_view *out, size_t *count);
/* key: an id or a name, here and below. ERR_NOT_FOUND for another workspace's as for a missing one. */
enum err template_read(struct ctx *ctx, const char *key, struct template_view *out);

/* body: {"name","subject","text"?,"html"?}, with a text, an HTML or both; all wrong fields are named. */
enum err template_create(struct ctx *ctx, const json_t *body, struct template_view *out);
/* body: {"subject"?,"text"?,"html"?}; null takes a part away. if_match (NULL: any): the ETag of what is to be
 * changed, else ERR_VERSION_CONFLICT. Of one that comes with Ava the workspace gets its own. What changes
 * nothing makes no version. */
enum err template_change(struct ctx *ctx, const char *key, const json_t *body, const char *if_match,
                         struct template_view *out);
/* Gives the template what that version of it says, as a new version. */
enum err template_undo(struct ctx *ctx, const char *key, int64_t version, const char *if_match,
                       struct template_view *out);
/* Its versions go with it. Where one comes with Ava, that one is back. */
enum err template_remove(struct ctx *ctx, const char *key, const char *if_match);

/* Newest first, below before (0: from the newest); none of one that comes with Ava. */
enum err template_versions_list(struct ctx *ctx, const char *key, int64_t before, int limit,
                                struct template_version_row *out, size_t *count);
enum err template_version_read(struct ctx *ctx, const char *key, int64_t version,
                               struct template_version_row *row, struct rendered *content);

/* What would be sent. body: {"variables"?}; with key NULL a template is in it too. Nothing is kept. */
enum err template_preview(struct ctx *ctx, const char *key, const json_t *body,
                          struct rendered *out);

const char *template_etag(struct ctx *ctx, const struct template_view *v);
void template_show(struct jsonw *w, const struct template_view *v, bool with_content);
void template_version_show(struct jsonw *w, const struct template_version_row *v,
                           const struct rendered *content); /* NULL: without */
void rendered_show(struct jsonw *w, const struct rendered *r);
