#include "service/messages/message_status.h"

#include <stddef.h>
#include <string.h>

#include "base/defs.h"

enum { LAST = 10 };

/* A text that was delivered may still be read. */
static const struct {
    const char *status;
    int rank;
} RANKS[] = {
    { "accepted", 1 },
    { "scheduled", 2 },
    { "queued", 3 },
    { "sending", 4 },
    { "sent", 5 },
    { "receiving", 5 },
    { "partially_delivered", 6 },
    { "delivered", LAST },
    { "undelivered", LAST },
    { "failed", LAST },
    { "canceled", LAST },
    { "received", LAST },
    { "read", LAST + 1 },
};

int message_status_rank(const char *status) {
    for (size_t i = 0; status && i < ARRAY_LEN(RANKS); i++)
        if (strcmp(RANKS[i].status, status) == 0)
            return RANKS[i].rank;
    return 0;
}

bool message_status_follows(const char *from, const char *to) {
    int was = message_status_rank(from), is = message_status_rank(to);
    return to && (is > was || was == 0);
}

bool message_status_is_last(const char *status) {
    return message_status_rank(status) >= LAST;
}
