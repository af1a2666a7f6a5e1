#include "cli/keys.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "cli/control.h"
#include "cli/owner.h"
#include "db/db.h"
#include "store/hosts.h"
#include "tasks/hosts.h"
#include "vault/vault.h"

void keys_tell(struct vault *v, struct buf *answer) {
    struct jsonw w = jsonw_to(answer);
    char id[KEK_ID_BYTES];
    jsonw_object(&w);
    vault_active_key_id(v, id);
    jsonw_text_at(&w, "active", id);
    jsonw_key(&w, "loaded");
    jsonw_list(&w);
    for (size_t i = 0; vault_key_id(v, i, id); i++)
        jsonw_text(&w, id);
    jsonw_list_end(&w);
    jsonw_object_end(&w);
}

/* What the server says; NULL when none runs there, or one that does not know the question. */
static const json_t *ask(const char *data_dir, struct arena *a) {
    struct buf out = { 0 };
    const char *why;
    const json_t *answer =
        control_ask(data_dir, "keys", &out) ? json_parse(a, buf_view(&out), &why) : NULL;
    buf_fini(&out);
    return answer && json_text(answer, "active") ? answer : NULL;
}

static bool is_loaded(const json_t *answer, const char *id) {
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(answer, "loaded"), i,
                       item) if (strcmp(json_string_value(item), id) == 0) return true;
    return false;
}

static int refuse_rotation(const json_t *answer, const char *id, struct arena *a) {
    return cli_fail(EXIT_CONFIG,
                    "the running Ava seals with the master key '%s' and has %s '%s'; the order is: "
                    "add the new key as the first line of its master keys, run ava config reload "
                    "(or restart it), run ava rotate-keys, and only then take the old line out "
                    "(nothing was changed)",
                    cli_printable(a, json_text(answer, "active")),
                    is_loaded(answer, id) ? "not yet changed over to" : "not loaded", id);
}

/* No server answers: then none may start before it is done. */
static int keep_servers_out(struct house *h, struct arena *a) {
    h->lock = owner_try(h->config.data_dir, a);
    if (h->lock >= 0)
        return EXIT_OK;
    return cli_fail(EXIT_CONFIG,
                    "an Ava works on %s and does not say which master keys it has; wait until it "
                    "has started, or restart it if it is of another version (nothing was changed)",
                    h->config.data_dir);
}

/* The key of that id comes first; false when it is not among them. */
static bool prefer(struct keyring *keys, const char *id) {
    struct kek *found = (struct kek *)keyring_find(keys, id);
    if (!found)
        return false;
    struct kek wanted = *found;
    memmove(keys->keks + 1, keys->keks, (size_t)(found - keys->keks) * sizeof wanted);
    keys->keks[0] = wanted;
    explicit_bzero(&wanted, sizeof wanted);
    return true;
}

/* Where several hosts work with the database, each has to seal with the key under which all is brought. */
static int judge_hosts(struct house *h, const char *id, struct arena *a) {
    struct host_row *rows = arena_alloc(a, HOSTS_MAX * sizeof *rows);
    size_t count = 0;
    struct ctx ctx;
    house_ctx(h, &ctx, a);
    if (!db_is_shared(h->parts.db))
        return EXIT_OK;
    if (host_rows_list(&ctx, db_reader(&ctx), rows, HOSTS_MAX, &count) != OK)
        return cli_fail(EXIT_FAILED, "the hosts that work with the database cannot be read "
                                     "(nothing was changed)");
    for (size_t i = 0; i < count; i++) {
        bool is_gone = rows[i].beat_ms < ava_steady_ms() - HOST_ALIVE_MS;
        struct str rest, active = str_cut(str_of(rows[i].master_keys), ' ', &rest);
        if (!is_gone && !str_is(active, id))
            return cli_fail(EXIT_CONFIG,
                            "the host %s seals with the master key '%.*s', not with '%s': add it "
                            "as the first line of the master keys of every host and run ava config "
                            "reload on each before ava rotate-keys (nothing was changed)",
                            cli_printable(a, rows[i].name), STR_FMT(active), id);
    }
    return EXIT_OK;
}

int keys_agree(struct house *h, struct keyring *keys, bool is_rotation, struct arena *a) {
    const json_t *answer = ask(h->config.data_dir, a);
    const char *ours = keys->keks[0].id;
    int status = is_rotation ? judge_hosts(h, ours, a) : EXIT_OK;
    if (status != EXIT_OK)
        return status;
    if (!answer)
        return is_rotation ? keep_servers_out(h, a) : EXIT_OK;
    const char *active = json_text(answer, "active");
    if (is_rotation)
        return strcmp(active, ours) == 0 ? EXIT_OK : refuse_rotation(answer, ours, a);
    if (prefer(keys, active))
        return EXIT_OK;
    return cli_fail(
        EXIT_CONFIG,
        "AVA_MASTER_KEYS: the running Ava seals with the master key '%s', which is not "
        "among the ones given here; give this command the same master keys, or let that "
        "one read its own again: ava config reload (nothing was changed)",
        cli_printable(a, active));
}
