/* line: requests that wait for their turn, when a loop has more of them than it can begin.
 *
 * Turns go round over lanes, one for each of who asks (two may share one), so that whoever asks the
 * most waits the longest. Within a lane the oldest comes first; once it has waited over LINE_CALM_MS
 * the newest does, whose caller is still there, and the oldest are turned away (adaptive LIFO and
 * controlled delay: docs/adr/ADR-004-overload.md). Knows no clock and no connection; one thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { LINE_LANES = 64, LINE_CALM_MS = 100 };

struct line_place {
    struct line_place *older, *newer;
    int64_t since_ms;
    unsigned lane;
};

struct line {
    struct {
        struct line_place *oldest, *newest;
    } lanes[LINE_LANES];
    size_t count;
    unsigned turn; /* the lane that comes next */
};

void line_join(struct line *l, struct line_place *p, uint64_t whose, int64_t now_ms);
void line_leave(struct line *l, struct line_place *p);

/* Whose turn it is; NULL: nobody waits. It stays in the line. */
struct line_place *line_next(struct line *l, int64_t now_ms);
/* Who has waited since before that time; NULL: nobody. */
struct line_place *line_expired(const struct line *l, int64_t before_ms);
