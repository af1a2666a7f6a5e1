/* client_line: a connection for a dialogue of lines, as mail servers have it.
 *
 * curl connects, makes TLS (at once for smtps:, after STARTTLS where that is wanted), verifies the
 * certificate, hears the greeting and says EHLO with the name that is the path of the URL. From there on
 * the line is ours (CURLOPT_CONNECT_ONLY): curl's own way to send a mail blocks the loop until the server
 * has answered the end of the message, and again for the answer to QUIT (curl issues 8555 and 4015;
 * 7.88 still does). It is never kept for another dialogue. */
#pragma once

#include "net/client.h"

struct client_line;

enum { CLIENT_LINE_PIECE_BYTES = 4096 };

/* call must live as long as the line. Connects to call->url, within its timeout_ms and connect_ms, and only to call->only where that is set.
 * *said: what the server said until now, line by line, in the arena of call; the last lines are its answer
 * to EHLO. NULL: it failed, and call is as after client_fetch; CLIENT_REFUSED: *said ends with why, or
 * there is no STARTTLS. */
struct client_line *client_line_open(struct client *c, struct client_call *call,
                                     bool must_start_tls, struct str *said);

/* Sends it all: CLIENT_DONE. CLIENT_BROKEN, CLIENT_TIMEOUT: any part of it may have left. */
enum client_result client_line_say(struct client_line *l, struct str bytes, int64_t until_ms);

/* Waits for what the server says next, and puts a piece of it into bytes; *len is 0 unless it is done. */
enum client_result client_line_hear(struct client_line *l, char bytes[CLIENT_LINE_PIECE_BYTES],
                                    int64_t until_ms, size_t *len);

void client_line_close(struct client_line *l); /* does not wait; NULL is fine */
