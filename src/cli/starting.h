/* starting: what Ava says when the system refuses something that there is no going on without.
 *
 * libuv, for one, ends the process where it gets no descriptor or no thread. Until Ava serves, and in
 * every other command, that is a sentence and an exit code; once it serves, an abort is what it
 * always is. */
#pragma once

void starting_guard(void); /* from here on; again after who else handles SIGABRT */
void starting_over(void);  /* up to here */
