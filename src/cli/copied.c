#include "cli/copied.h"

#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/control.h"

enum { ASK_EVERY_NS = 50 * 1000 * 1000 };

/* What the server answered, or an empty object. */
static const json_t *ask(const char *data_dir, const char *line, struct arena *a) {
    struct buf *said = buf_in(a);
    const char *unread;
    const json_t *answer = NULL;
    if (control_ask(data_dir, line, said))
        answer = json_parse(a, buf_view(said), &unread);
    return answer ? answer : json_parse(a, STR("{}"), &unread);
}

static bool is_state(const json_t *answer, const char *state) {
    const char *said = json_text(answer, "state");
    return said && strcmp(said, state) == 0;
}

const char *copied(void *arg, const atomic_bool *gives_up, struct arena *a, const char **why) {
    const char *data_dir = arg;
    const json_t *begun = ask(data_dir, "copy", a);
    const char *path = json_text(begun, "path"), *error = json_text(begun, "error");
    *why = error ? error : "no server runs there";
    if (!path)
        return NULL;
    for (;;) {
        struct arena *turn = arena_new(1 << 14);
        const json_t *answer = ask(data_dir, "copied", turn);
        bool is_done = is_state(answer, "done"), goes_on = is_state(answer, "copying");
        const char *said = json_text(answer, "why");
        *why = arena_strdup(a, said ? said : "the server has stopped");
        arena_free(turn);
        if (!goes_on)
            return is_done ? path : NULL;
        nanosleep(&(struct timespec){ .tv_nsec = ASK_EVERY_NS }, NULL);
    }
}
