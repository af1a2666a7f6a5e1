/* patience: an epoll_ctl that waits for memory.
 *
 * libuv ends the process when epoll_ctl gives an error in the middle of its turn, as it does where the
 * kernel has no memory for one more watch. The epoll_ctl of this program stands before libc's, for
 * libuv too, and asks again for half a second; only then does libuv get to see the error. */
#pragma once

void patience_begin(void); /* before the first loop: finds libc's */
