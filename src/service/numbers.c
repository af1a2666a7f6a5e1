#include "service/numbers.h"

#include "service/credentials.h"

enum err numbers_list(struct ctx *ctx, int limit, const char *cursor, struct upstream_answer *out) {
    struct lent lent;
    TRY(lending_find(ctx, PROVIDER_TWILIO, &lent));
    return twilio_numbers_read(ctx, &lent.ref, lent.account_sid, limit, cursor, out);
}
