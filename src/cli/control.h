/* control: the Unix socket in the data folder (mode 0600) through which commands talk to the
 * running server. One line in ("status", "reload", "keys", "copy", "copied"), one JSON object out. */
#pragma once

#include "base/buf.h"

/* Does a server answer there? */
bool control_is_served(const char *data_dir);

/* For the owner of the folder (owner.h): a socket that stands there is left over, and removed. -1 and
 * errno when it can not be. */
int control_listen(const char *data_dir);
void control_close(int fd,
                   const char *data_dir); /* NULL: the socket there is another one's by now */

/* Takes one waiting connection and answers it by answer(arg, line, out). Never waits long. */
void control_answer(int fd, void (*answer)(void *arg, const char *line, struct buf *out),
                    void *arg);

/* For commands: asks and reads the whole answer. False when no server runs there. */
bool control_ask(const char *data_dir, const char *line, struct buf *out);
