#include "db/kind.h"

struct db *db_open(const struct db_conf *conf, struct arena *a, const char **why) {
    return sqlite_open(conf, a, why);
}
