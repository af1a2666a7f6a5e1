/* Ava: one program between a voice product and its providers. From here to the answer of a
 * request: cli/serve.c, http/server.c, routes/entry.c, then down the arrows (docs/map.md). */
#include "cli/verb.h"

int main(int argc, char **argv) {
    return cli_main(argc, argv);
}
