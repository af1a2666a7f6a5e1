/* status: what the Ava that serves says of itself (ava status --json), read. */
#pragma once

#include <jansson.h>

/* How many of the hosts that share its database are alive, it included; 0 where none can share it. */
size_t status_hosts_alive(const json_t *status);
