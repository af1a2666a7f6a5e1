#include "db/kind.h"

struct db *db_open(const struct db_conf *conf, struct arena *a, const char **why) {
    if (conf->url && conf->url[0])
        return postgres_open(conf, a, why);
    return sqlite_open(conf, a, why);
}
