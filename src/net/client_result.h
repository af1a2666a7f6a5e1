/* client_result: what became of something sent: in words that whoever may not send also knows. */
#pragma once

enum client_result {
    CLIENT_DONE,      /* status and body are good; the status, where the head is enough */
    CLIENT_UNREACHED, /* DNS or connect failed, or knock_ms are over: nothing left this host */
    CLIENT_STARVED, /* the system grants us no socket or memory now: nothing left this host, nobody's fault */
    CLIENT_TLS,     /* the certificate or the handshake: nothing of the request left */
    CLIENT_BROKEN,  /* reset or truncated */
    CLIENT_GARBLED, /* not HTTP, lengths that cannot be true, a head over 64 KiB, or take says so */
    CLIENT_TIMEOUT, /* !left_host: while it was being connected */
    CLIENT_TOO_LARGE, /* body over its limit */
    CLIENT_REFUSED,   /* of a line (client_line.h): the server said no, or has no STARTTLS */
};
