#include "providers/refusal.h"

#include <string.h>

struct refusal refusal_by_status(int status) {
    enum refusal_about about = status == 401                    ? REFUSAL_KEY
                               : status == 402                  ? REFUSAL_ACCOUNT
                               : status == 403                  ? REFUSAL_PERMISSION
                               : status == 404 || status == 410 ? REFUSAL_ABSENT
                               : status == 420 || status == 429 ? REFUSAL_THROTTLE
                                                                : REFUSAL_REQUEST;
    return (struct refusal){ about, NULL };
}

bool refusal_has(const char *text, const char *word) {
    return text && strcasestr(text, word);
}

bool refusal_says_full(const char *text) {
    return refusal_has(text, "concurren") &&
           (refusal_has(text, "limit") || refusal_has(text, "lines"));
}
