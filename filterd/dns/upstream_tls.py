# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upstream must prove, and the short cut for one that proved it before (RFC 8446 §2.2)."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Sequence
from pathlib import Path

MAX_SESSIONS = 64


class ClientContext(ssl.SSLContext):
    """Checks certificates, and resumes sessions: asyncio, which makes the connections, has no place to hand one in.

    A session is kept under the name that the certificate showed, and is worth nothing under another.
    """

    _sessions: dict[str, ssl.SSLSession]

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection, with the session that was kept last for *server_hostname*."""
        if session is None and isinstance(server_hostname, str):
            session = self._kept().get(server_hostname)
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    def keep_session(self, connection: ssl.SSLObject) -> None:
        """Keep the session of *connection*, which has been used: only then has the server handed one out."""
        session, name = connection.session, connection.server_hostname
        if session is None or not session.has_ticket or not isinstance(name, str):
            return
        kept = self._kept()
        kept.pop(name, None)
        kept[name] = session
        if len(kept) > MAX_SESSIONS:
            del kept[next(iter(kept))]

    def _kept(self) -> dict[str, ssl.SSLSession]:
        # The base class is made by __new__, whose arguments an __init__ would have to repeat.
        if "_sessions" not in self.__dict__:
            self._sessions = {}
        return self._sessions


def client_context(*, ca_file: Path | None = None, alpn: Sequence[str] = ()) -> ClientContext:
    """Return what checks an upstream's certificate: the system's authorities, and those of *ca_file* beside them."""
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT)  # certificate and name are required
    if sys.version_info >= (3, 13):  # as ssl.create_default_context has it
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    if ca_file:
        context.load_verify_locations(ca_file)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
