# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS for our own listeners, with the owner's certificate."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
import weakref
from asyncio import sslproto
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from filterd.dns.conversation import Conversation

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 10.0  # at the files: a renewal is in force after so long
_Signature = tuple[tuple[int, int, int], ...]


class CertificateError(Exception):
    """The certificate cannot be used; the message names the files and the way out."""


class Certificate:
    """What we show to clients: *certificate* (with its chain) and *key*, files that are read anew when they change.

    Raises:
        CertificateError: they cannot be used. Later, when a renewal is bad, the old ones stay in force instead.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        *,
        alpn: Sequence[str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._alpn = list(alpn)
        self._now = now
        self._names: weakref.WeakKeyDictionary[ssl.SSLObject, str] = weakref.WeakKeyDictionary()
        self._looked_at = now()
        self._signature = self._sign()
        self._refused: _Signature | None = None
        self._problem = ""
        self._context = self._load()

    @property
    def problem(self) -> str:
        """What is wrong with the files as they were last seen; empty where what is in force is what they hold."""
        return self._problem

    def context(self) -> ssl.SSLContext:
        """Return what a new connection is wrapped in."""
        now = self._now()
        if now - self._looked_at >= LOOK_AGAIN_S:
            self._looked_at = now
            self._renew()
        return self._context

    def name_asked(self, transport: asyncio.BaseTransport) -> str:
        """Return the name that the client asked for (SNI), lower case; empty where it named none."""
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        return self._names.get(tls, "") if tls is not None else ""

    def _renew(self) -> None:
        try:
            signature = self._sign()
            if signature == self._signature:
                self._problem = ""
            if signature in (self._signature, self._refused):
                return
            self._refused = signature
            self._context = self._load()
        except CertificateError as error:
            # Certificate and key are not replaced at the same instant: the next look may find them in step.
            self._problem = f"{error}; the certificate read before stays in force"
            logger.warning("%s", self._problem)
            return
        self._signature, self._refused, self._problem = signature, None, ""
        logger.info("%s: the new certificate is in force", self._certificate)

    def _sign(self) -> _Signature:
        try:
            stats = [path.stat() for path in (self._certificate, self._key)]
        except OSError as error:
            raise CertificateError(f"{error.filename}: {error.strerror}; check certificate and key") from error
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(self._alpn)
        context.sni_callback = self._note_name
        try:
            # With a password, for without one a key that wants one would make OpenSSL ask at a terminal, and wait.
            context.load_cert_chain(self._certificate, self._key, password="")
        except (OSError, ssl.SSLError) as error:
            why = getattr(error, "reason", None) or error.strerror or "not readable"
            raise CertificateError(f"{self._certificate}, {self._key}: {why}; check certificate and key") from error
        return context

    def _note_name(self, tls: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        if name and isinstance(tls, ssl.SSLObject):
            self._names[tls] = name.lower()


class Tls(sslproto.SSLProtocol):
    """asyncio's TLS around *conversation*, with a sixteenth of its buffers and a word for ends before the handshake."""

    max_size = 16 << 10  # one TLS record; asyncio takes 256 KiB for each connection

    def __init__(self, conversation: Conversation, certificate: Certificate, *, handshake_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._conversation = conversation
        # typeshed is narrower than asyncio, which takes no waiter and any number of seconds.
        nobody_waits, seconds = cast("asyncio.Future[None]", None), cast("int", handshake_s)
        super().__init__(
            loop, conversation, certificate.context(), nobody_waits, server_side=True, ssl_handshake_timeout=seconds
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._conversation.attach(cast("asyncio.Transport", transport))
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End, also where the handshake never did."""
        super().connection_lost(exc)
        self._conversation.end()
