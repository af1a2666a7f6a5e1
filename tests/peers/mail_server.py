#!/usr/bin/python3
"""mail_server: Debian's aiosmtpd as a mail server; for each mail one line of JSON, read back by Python's own parser.

    mail_server.py CERT KEY     prints {"port": N} first; STARTTLS, AUTH PLAIN and LOGIN (me / secret)
"""
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


def say(value):
    print(json.dumps(value), flush=True)


def read(message):
    """What a reader sees of it."""
    parts = [p for p in message.walk() if not p.is_multipart()]
    return {
        "defects": [str(d) for p in message.walk() for d in p.defects],
        "subject": message["subject"],
        "from": [[a.display_name, a.addr_spec] for a in message["from"].addresses],
        "to": [[a.display_name, a.addr_spec] for a in message["to"].addresses],
        "message_id": message["message-id"],
        "date": message["date"].datetime.isoformat(),
        "shape": [p.get_content_type() for p in message.walk()],
        "parts": [
            {
                "type": p.get_content_type(),
                "file_name": p.get_filename(),
                "content_id": p["content-id"],
                "disposition": p.get_content_disposition(),
                "text": p.get_content() if p.get_content_maintype() == "text" and not p.get_filename() else None,
                "hex": p.get_payload(decode=True).hex() if p.get_filename() else None,
            }
            for p in parts
        ],
    }


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("bounce"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        raw = envelope.original_content
        seen = read(email.message_from_bytes(raw, policy=email.policy.default))
        seen |= {"rcpt": envelope.rcpt_tos, "raw": raw.decode("utf-8", "replace"), "tls": session.ssl is not None}
        say(seen)
        return "250 2.0.0 OK: queued as AIO42"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"me", b"secret"), handled=False)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    make = lambda: SMTP(
        Handler(), tls_context=context, require_starttls=True, authenticator=authenticate, auth_required=True,
        enable_SMTPUTF8=True, decode_data=False, hostname="mail.example.test"
    )
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    say({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


asyncio.run(main())
