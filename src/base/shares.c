#include "base/shares.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"

static void link_in(struct shares_place **list, struct shares_place *p) {
    p->before = NULL;
    p->next = *list;
    if (*list)
        (*list)->before = p;
    *list = p;
}

static void take_out(struct shares_place **list, struct shares_place *p) {
    if (p->before)
        p->before->next = p->next;
    else
        *list = p->next;
    if (p->next)
        p->next->before = p->before;
}

static unsigned count_of(const struct shares_place *list, const char *whose) {
    unsigned n = 0;
    for (const struct shares_place *p = list; p; p = p->next)
        n += strcmp(p->whose, whose) == 0;
    return n;
}

static void hold(struct shares *s, struct shares_place *p) {
    p->is_held = true;
    link_in(&s->held, p);
    s->held_count++;
}

static void stop_waiting(struct shares *s, struct shares_place *p) {
    take_out(&s->waiting, p);
    s->waiting_count--;
}

/* The one of those who wait who holds the fewest places, and may hold one more; NULL: none. */
static struct shares_place *next_in_turn(const struct shares *s) {
    struct shares_place *best = NULL;
    unsigned least = s->each_max;
    for (struct shares_place *p = s->waiting; p; p = p->next) {
        unsigned n = count_of(s->held, p->whose);
        if (n < least || (best && n == least)) { /* the list begins with the last who came */
            best = p;
            least = n;
        }
    }
    return best;
}

static bool wait_for(struct shares *s, struct shares_place *p, int64_t until_ms) {
    fiber_parking_init(&p->parking);
    link_in(&s->waiting, p);
    s->waiting_count++;
    pthread_mutex_unlock(&s->lock);
    fiber_park(&p->parking, until_ms, NULL, NULL);
    pthread_mutex_lock(&s->lock);
    if (p->is_held)
        return true; /* a place that came in the moment the time was over counts too */
    stop_waiting(s, p);
    return false;
}

bool shares_enter(struct shares *s, struct shares_place *p, const char *whose, int64_t until_ms) {
    bool is_held = false;
    *p = (struct shares_place){ .next = NULL };
    str_copy(p->whose, sizeof p->whose, str_of(whose));
    pthread_mutex_lock(&s->lock);
    if (s->held_count < s->max && count_of(s->held, p->whose) < s->each_max) {
        hold(s, p);
        is_held = true;
    } else if (s->waiting_count < s->waiting_max && ava_now_ms() < until_ms &&
               count_of(s->waiting, p->whose) < s->waiting_each_max) {
        is_held = wait_for(s, p, until_ms);
    }
    pthread_mutex_unlock(&s->lock);
    return is_held;
}

void shares_leave(struct shares *s, struct shares_place *p) {
    pthread_mutex_lock(&s->lock);
    take_out(&s->held, p);
    s->held_count--;
    struct shares_place *next = next_in_turn(s);
    if (next) {
        stop_waiting(s, next);
        hold(s, next);
        fiber_unpark(&next->parking); /* under the lock: until then it cannot have given up */
    }
    pthread_mutex_unlock(&s->lock);
}
