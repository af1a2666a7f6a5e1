#include "providers/vapi_server.h"

#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/tree.h"
#include "providers/vapi_whole.h"

enum { RETRIES = 5, BASE_DELAY_S = 1, TOOL_TIMEOUT_S = 5 };

static const char *const NEEDED[] = { "status-update", "end-of-call-report" };

static void write_backoff(struct jsonw *w) {
    jsonw_key(w, "backoffPlan");
    jsonw_object(w);
    jsonw_text_at(w, "type", "exponential");
    jsonw_i64_at(w, "maxRetries", RETRIES);
    jsonw_i64_at(w, "baseDelaySeconds", BASE_DELAY_S);
    jsonw_object_end(w);
}

/* Only what is ours, and how long they may wait: what else stood there (headers, credentials) was
 * meant for another address, and Vapi may have hidden it. */
static void write_server(struct jsonw *w, const json_t *server, const struct vapi_server *want) {
    const json_t *timeout = json_object_get(server, "timeoutSeconds");
    jsonw_key(w, "server");
    jsonw_object(w);
    jsonw_text_at(w, "url", want->url);
    if (json_is_integer(timeout))
        jsonw_i64_at(w, "timeoutSeconds", json_integer_value(timeout));
    jsonw_key(w, "headers");
    jsonw_object(w);
    jsonw_str_at(w, "X-Vapi-Secret", secret_reveal(want->secret));
    jsonw_object_end(w);
    write_backoff(w);
    jsonw_object_end(w);
}

void vapi_server_write_tool(struct jsonw *w, const struct vapi_server *want) {
    jsonw_key(w, "server");
    jsonw_object(w);
    jsonw_text_at(w, "url", want->url);
    jsonw_i64_at(w, "timeoutSeconds", TOOL_TIMEOUT_S);
    jsonw_key(w, "headers");
    jsonw_object(w);
    jsonw_str_at(w, "X-Vapi-Secret", secret_reveal(want->secret));
    jsonw_object_end(w);
    jsonw_key(w, "backoffPlan");
    jsonw_object(w);
    jsonw_text_at(w, "type", "fixed");
    jsonw_i64_at(w, "maxRetries", 1);
    jsonw_i64_at(w, "baseDelaySeconds", 0);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

static bool holds(const json_t *list, const char *text) {
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one) {
        if (json_is_string(one) && strcmp(json_string_value(one), text) == 0)
            return true;
    }
    return false;
}

/* An assistant that names the messages it wants must want those that we need. */
static void write_wanted(struct jsonw *w, const json_t *assistant) {
    const json_t *list = json_object_get(assistant, "serverMessages"), *one;
    size_t i;
    if (!json_is_array(list))
        return;
    jsonw_key(w, "serverMessages");
    jsonw_list(w);
    json_array_foreach(list, i, one) {
        jsonw_tree(w, one);
    }
    for (i = 0; i < ARRAY_LEN(NEEDED); i++)
        if (!holds(list, NEEDED[i]))
            jsonw_text(w, NEEDED[i]);
    jsonw_list_end(w);
}

const char *vapi_server_url(const json_t *holder) {
    const char *url = json_text(json_object_get(holder, "server"), "url");
    const char *older = json_text(holder, "serverUrl");
    return (!url || !url[0]) && older && older[0] ? older : url;
}

static enum err check_owner(struct ctx *ctx, const char *was_url, const char *url, bool overwrite) {
    if (!was_url || !was_url[0] || strcmp(was_url, url) == 0 || overwrite)
        return OK;
    ctx_field(
        ctx, "overwrite", "required",
        arena_printf(ctx->arena,
                     "Vapi sends this assistant's messages to %.200s; say \"overwrite\": true "
                     "to have them sent here instead.",
                     was_url));
    return ctx_fields_ok(ctx);
}

/* The list of wanted messages goes whole, as it was and more. */
static enum err check_wanted(struct ctx *ctx, const json_t *assistant) {
    json_t *list = json_object_get(assistant, "serverMessages");
    if (!list)
        return OK;
    return vapi_whole_check(ctx, tree_in(ctx->arena, json_pack("{s:O}", "serverMessages", list)));
}

enum err vapi_server_patch(struct ctx *ctx, const json_t *assistant, const struct vapi_server *want,
                           bool overwrite, const char **was_url, struct str *patch) {
    *was_url = vapi_server_url(assistant);
    TRY(check_owner(ctx, *was_url, want->url, overwrite));
    TRY(check_wanted(ctx, assistant));
    struct buf *out = buf_secret_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    write_server(&w, json_object_get(assistant, "server"), want);
    write_wanted(&w, assistant);
    jsonw_object_end(&w);
    *patch = buf_view(out);
    return OK;
}

/* Its own server, with our patience where it says nothing of it. */
static void write_theirs(struct jsonw *w, const json_t *server) {
    const char *name;
    json_t *value;
    jsonw_key(w, "server");
    jsonw_object(w);
    json_object_foreach((json_t *)server, name, value) {
        jsonw_key_str(w, str_of(name));
        jsonw_tree(w, value);
    }
    if (!json_object_get(server, "backoffPlan"))
        write_backoff(w);
    jsonw_object_end(w);
}

void vapi_server_write(struct jsonw *w, const json_t *config, const struct vapi_server *want) {
    const json_t *server = json_object_get(config, "server");
    const char *url = json_text(server, "url");
    if (url && url[0]) {
        write_theirs(w, server);
    } else if (want) {
        write_server(w, server, want);
        write_wanted(w, config);
        return;
    } else if (server) {
        jsonw_key(w, "server");
        jsonw_tree(w, server);
    }
    if (json_object_get(config, "serverMessages")) {
        jsonw_key(w, "serverMessages");
        jsonw_tree(w, json_object_get(config, "serverMessages"));
    }
}

/* --- who else is told ------------------------------------------------------------------------ */

struct vapi_told vapi_tool_told(const json_t *tool) {
    const char *name = json_text(json_object_get(tool, "function"), "name");
    return (struct vapi_told){ name ? name : json_text(tool, "type"), vapi_server_url(tool) };
}

static bool read_number(struct ctx *ctx, const json_t *said, void *into) {
    *(struct vapi_told *)into =
        (struct vapi_told){ json_text(said, "number"), vapi_server_url(said) };
    return json_text(said, "id") != NULL;
}

static bool read_tool(struct ctx *ctx, const json_t *said, void *into) {
    *(struct vapi_told *)into = vapi_tool_told(said);
    return json_text(said, "id") != NULL;
}

static enum err read_told(struct ctx *ctx, struct upstream_request *req, const char *id,
                          struct vapi_told *out) {
    static const char *const PATHS[] = { "id",         "number",    "type", "function.name",
                                         "server.url", "serverUrl", NULL };
    struct buf *path = buf_in(ctx->arena);
    struct upstream_answer answer;
    buf_text(path, req->path);
    percent_encode(path, str_of(id));
    req->path = str_dup(ctx->arena, buf_view(path));
    req->paths = PATHS;
    req->into = out;
    return upstream_call(ctx, req, &answer);
}

enum err vapi_number_told(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                          struct vapi_told *out) {
    struct upstream_request req = vapi_request(c, "GET", "number.get", "/phone-number/");
    req.read = read_number;
    return read_told(ctx, &req, id, out);
}

enum err vapi_tool_read_told(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                             struct vapi_told *out) {
    struct upstream_request req = vapi_request(c, "GET", "tool.get", "/tool/");
    req.read = read_tool;
    return read_told(ctx, &req, id, out);
}
