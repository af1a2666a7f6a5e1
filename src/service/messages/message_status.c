#include "service/messages/message_status.h"

#include <stddef.h>

#include "providers/dialect.h"

int message_status_rank(enum provider p, const char *status) {
    const struct dialect_messages *messages = dialect_of(p)->messages;
    return dialect_rank(messages ? messages->ranks : NULL, status);
}

bool message_status_follows(enum provider p, const char *from, const char *to) {
    const struct dialect_messages *messages = dialect_of(p)->messages;
    return dialect_rank_follows(messages ? messages->ranks : NULL, from, to);
}

bool message_status_is_last(enum provider p, const char *status) {
    return message_status_rank(p, status) >= DIALECT_RANK_LAST;
}
