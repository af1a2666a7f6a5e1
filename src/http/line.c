#include "http/line.h"

void line_join(struct line *l, struct line_place *p, uint64_t whose, int64_t now_ms) {
    unsigned lane = (unsigned)(whose * 0x9E3779B97F4A7C15u >> 58);
    *p = (struct line_place){ .older = l->lanes[lane].newest, .since_ms = now_ms, .lane = lane };
    if (p->older)
        p->older->newer = p;
    else
        l->lanes[lane].oldest = p;
    l->lanes[lane].newest = p;
    l->count++;
}

void line_leave(struct line *l, struct line_place *p) {
    if (p->older)
        p->older->newer = p->newer;
    else
        l->lanes[p->lane].oldest = p->newer;
    if (p->newer)
        p->newer->older = p->older;
    else
        l->lanes[p->lane].newest = p->older;
    l->count--;
}

struct line_place *line_next(struct line *l, int64_t now_ms) {
    for (unsigned n = 0; l->count && n < LINE_LANES; n++) {
        unsigned lane = l->turn;
        l->turn = (lane + 1) % LINE_LANES;
        struct line_place *oldest = l->lanes[lane].oldest;
        if (oldest)
            return now_ms - oldest->since_ms > LINE_CALM_MS ? l->lanes[lane].newest : oldest;
    }
    return NULL;
}

struct line_place *line_expired(const struct line *l, int64_t before_ms) {
    for (unsigned lane = 0; l->count && lane < LINE_LANES; lane++)
        if (l->lanes[lane].oldest && l->lanes[lane].oldest->since_ms < before_ms)
            return l->lanes[lane].oldest;
    return NULL;
}
