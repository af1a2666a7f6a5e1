#include "http/assets.h"

#include "base/etag.h"
#include "http/accept.h"

const struct asset *asset_find(struct str path) {
    for (size_t i = 0; i < assets_count; i++)
        if (str_is(path, assets[i].path))
            return &assets[i];
    return NULL;
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
    if (asset->brotli.len && accept_coding(req, "br")) {
        body = &asset->brotli;
        http_reply_header_text(reply, "Content-Encoding", "br");
    } else if (asset->gzip.len && accept_coding(req, "gzip")) {
        body = &asset->gzip;
        http_reply_header_text(reply, "Content-Encoding", "gzip");
    }
    reply->lent_body = (struct str){ (const char *)body->data, body->len };
}
