/* browser: opens the setup link for somebody who sits in front of it, without anybody else seeing it.
 *
 * The link is a secret for half an hour, and the arguments of a process are not: so the browser is given
 * a file of the data folder that leads to it, which only its owner can read. Who opens it is a process of
 * its own, made before this one has threads, secrets or restrictions. */
#pragma once

/* Makes that process, where there is a terminal and a display; -1 when not. */
int browser_prepare(void);

/* Lets it open the link; NULL ends it. Closes fd, which may be -1. */
void browser_open(int fd, const char *data_dir, const char *link);

/* Removes the file, once it was read or is out of date. */
void browser_forget(const char *data_dir);
