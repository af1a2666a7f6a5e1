/* The contract and its reference page. */
#include "routes/pages.h"
#include "routes/resources.h"

enum err get_openapi(struct ctx *ctx, struct call *call) {
    return pages_asset(ctx, call, "/openapi.json");
}

enum err get_docs(struct ctx *ctx, struct call *call) {
    return pages_asset(ctx, call, "/docs.html");
}
