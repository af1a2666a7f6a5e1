/* keys: which master keys a command may work with beside a running server.
 *
 * A key that the server has not loaded must never come into use: what is sealed under it, the server
 * cannot open. So each command that opens the vault asks the server first, over the control socket. */
#pragma once

#include "base/buf.h"
#include "cli/house.h"
#include "vault/keyring.h"

/* The server's answer to "keys": {"active":"k2","loaded":["k2","k1"]}. */
void keys_tell(struct vault *v, struct buf *answer);

/* Before the vault is opened with them. An ordinary command will seal as the running server does: that
 * one's active key comes first. A rotation makes its own first key the active one, and is refused
 * unless the server has done so already; where none runs it keeps servers out by the lock of the data
 * folder. EXIT_OK, or a status after saying why. */
int keys_agree(struct house *h, struct keyring *keys, bool is_rotation, struct arena *a);
