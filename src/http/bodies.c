#include "http/bodies.h"

#include "obs/metrics.h"

enum {
    SPARE_PART = 32, /* of all: so much more is freed at once, since a search looks at everybody */
    TRIES = 4,
};

/* How much of a buffer of this size counts. */
static size_t counted(size_t room) {
    return room > HTTP_BODY_SMALL_BYTES ? room : 0;
}

static void count(struct conn *c, size_t more, size_t less) {
    struct http_server *s = c->server;
    c->held += more - less;
    if (c->is_proven)
        return;
    s->body_bytes += more - less;
    s->crowd_bytes[c->crowd] += more - less;
}

static void give_back(struct conn *c, size_t bytes) {
    atomic_fetch_sub(&c->server->limits->memory->held, bytes);
    count(c, 0, bytes);
}

/* False when all that c may have is taken. What is each server's own is there whatever the others hold. */
static bool take(struct conn *c, size_t bytes) {
    struct http_memory *m = c->server->limits->memory;
    size_t max = c->is_proven ? m->max : m->max - m->reserve - m->own;
    bool has_own = !c->is_proven && c->server->body_bytes + bytes <= m->own_each;
    if (atomic_fetch_add(&m->held, bytes) + bytes > max && !has_own) {
        atomic_fetch_sub(&m->held, bytes);
        return false;
    }
    count(c, bytes, 0);
    return true;
}

void bodies_prove(struct conn *c, bool is_proven) {
    size_t bytes = c->held;
    if (c->is_proven == is_proven)
        return;
    count(c, 0, bytes);
    c->is_proven = is_proven;
    count(c, bytes, 0);
}

/* Its body is on its way, and it may be told to come again. */
static bool can_go(const struct conn *c) {
    return c->held && !c->is_proven && !c->closing && !c->writing && !c->close_after_write &&
           c->phase == BODY;
}

static size_t largest(const struct http_server *s) {
    size_t at = 0;
    for (size_t i = 1; i < CROWDS; i++)
        if (s->crowd_bytes[i] > s->crowd_bytes[at])
            at = i;
    return at;
}

/* The one of that crowd whose body has been on its way the longest; NULL: none. */
static struct conn *slowest(const struct http_server *s, size_t crowd) {
    struct conn *found = NULL;
    for (struct conn *c = s->conns; c; c = c->next)
        if (c->crowd == crowd && can_go(c) && (!found || c->began_us < found->began_us))
            found = c;
    return found;
}

/* Whose bodies give way for so much more of c: those of its own address, when that has the most then. */
static size_t who_gives_way(const struct conn *c, size_t bytes) {
    const struct http_server *s = c->server;
    size_t most = largest(s);
    return !c->is_proven && s->crowd_bytes[c->crowd] + bytes >= s->crowd_bytes[most] ? c->crowd
                                                                                     : most;
}

/* Frees at least so much for c, and some to spare where that costs nobody who has less. False: it could
 * not, or c itself is to give way. */
static bool make_room(struct conn *c, size_t bytes) {
    struct http_server *s = c->server;
    size_t freed = 0, wanted = bytes + s->limits->memory->max / SPARE_PART;
    size_t whose = who_gives_way(c, bytes);
    while (freed < wanted) {
        struct conn *victim = slowest(s, whose);
        if (!victim || victim == c)
            break;
        freed += victim->held;
        s->refuse_body(victim);
        metric_add(METRIC_HTTP_DROPPED, 1, "bodies");
        size_t next = who_gives_way(c, bytes);
        if (freed >= bytes && next != whose)
            break;
        whose = next;
    }
    return freed >= bytes;
}

bool bodies_hold(struct conn *c, size_t room) {
    size_t bytes = counted(room);
    if (!c->server->limits->memory)
        return true;
    if (bytes <= c->held) {
        if (bytes < c->held)
            give_back(c, c->held - bytes);
        return true;
    }
    bytes -= c->held;
    for (int i = 0; i < TRIES; i++) { /* another loop may be quicker to take what was freed */
        if (take(c, bytes))
            return true;
        if (!make_room(c, bytes))
            return false;
    }
    return false;
}
