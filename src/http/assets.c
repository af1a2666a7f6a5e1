#include "http/assets.h"

#include "base/etag.h"

const struct asset *asset_find(struct str path) {
    for (size_t i = 0; i < assets_count; i++)
        if (str_is(path, assets[i].path))
            return &assets[i];
    return NULL;
}

/* "q=0", "q=0.", "q=0.000": not acceptable (RFC 9110, 12.4.2). */
static bool is_q_zero(struct str params) {
    if (!str_starts(params, STR("q=0")))
        return false;
    for (size_t i = 3; i < params.len; i++)
        if (params.ptr[i] != '0' && params.ptr[i] != '.')
            return false;
    return true;
}

/* True when Accept-Encoding names the coding and does not give it weight zero (RFC 9110, 12.5.3). */
static bool accepts(const struct http_req *req, const char *coding) {
    for (struct str rest = http_field(req, "accept-encoding"), item; rest.ptr;) {
        item = str_cut(rest, ',', &rest);
        struct str params, name = str_trim(str_cut(item, ';', &params));
        if (str_eq_nocase(name, str_of(coding)))
            return !is_q_zero(str_trim(params));
    }
    return false;
}

void asset_reply(const struct asset *asset, const struct http_req *req, struct http_reply *reply) {
    http_reply_header_text(reply, "ETag", asset->etag);
    http_reply_header_text(reply, "Cache-Control",
                           asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    http_reply_header_text(reply, "Vary", "Accept-Encoding");
    reply->content_type = asset->type;
    if (etag_matches(http_field(req, "if-none-match"), asset->etag)) {
        reply->status = 304;
        return;
    }
    const struct asset_body *body = &asset->plain;
    if (asset->brotli.len && accepts(req, "br")) {
        body = &asset->brotli;
        http_reply_header_text(reply, "Content-Encoding", "br");
    } else if (asset->gzip.len && accepts(req, "gzip")) {
        body = &asset->gzip;
        http_reply_header_text(reply, "Content-Encoding", "gzip");
    }
    reply->lent_body = (struct str){ (const char *)body->data, body->len };
}
