#include "obs/log_share.h"

bool log_share_take(struct log_share *s, unsigned per_second, int64_t now_ms, unsigned *withheld) {
    int64_t second = now_ms / 1000 + 1, last = atomic_load(&s->second); /* 0: never */
    *withheld = 0;
    if (last != second && atomic_compare_exchange_strong(&s->second, &last, second)) {
        *withheld = atomic_exchange(&s->withheld, 0);
        atomic_store(&s->taken, 0);
    }
    if (atomic_fetch_add(&s->taken, 1) < per_second)
        return true;
    atomic_fetch_add(&s->withheld, 1);
    return false;
}
