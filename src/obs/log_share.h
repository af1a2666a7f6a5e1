/* log_share: how much of the log a kind of line may have, so that a flood of refusals neither costs what it
 * was refused for nor pushes the lines of others out of the log's buffer. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeroed it is ready; any thread. */
struct log_share {
    _Atomic int64_t second;
    _Atomic unsigned taken, withheld;
};

/* True: the line may be written, one of per_second in this second (of now_ms, any clock that goes on).
 * *withheld: how many of the kind were not written before, which somebody should say now; 0: none. */
bool log_share_take(struct log_share *s, unsigned per_second, int64_t now_ms, unsigned *withheld);
