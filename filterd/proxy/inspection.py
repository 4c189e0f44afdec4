# SPDX-License-Identifier: GPL-3.0-or-later
"""What decrypting takes, in one piece: the authority's leaves, the verified way to servers, and what is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import X509

from filterd.policy.domains import is_address
from filterd.policy.model import Allow, Cause, Decision
from filterd.proxy.authority import Authority
from filterd.proxy.fingerprint import Shape
from filterd.proxy.learned import Learned, program_of
from filterd.proxy.leaves import LeafStore
from filterd.proxy.never_decrypt import NeverDecrypt
from filterd.proxy.roots import load_roots
from filterd.proxy.upstream import Upstream, harden, name_failure
from filterd.wording import Notice

_WEB = (b"h2", b"http/1.1", b"http/1.0")

# Verdicts after which no page is looked at: protection is off, or the site stands outside clauses 7 to 9.
_NO_LOOK = frozenset({Cause.PROTECTION_OFF, Cause.SURVIVAL, Cause.GUARD_SITE})


class Inspection:
    """Makes both sides of a decrypted connection. Lives as long as the authority and *upstream_ca* stay the same."""

    def __init__(
        self,
        authority: Authority,
        *,
        upstream_ca: Path | None = None,
        never_decrypt: NeverDecrypt | None = None,
        learned: Learned | None = None,
    ) -> None:
        self.learned = learned or Learned()
        self._never_decrypt = never_decrypt or NeverDecrypt()
        self._own_subject = X509.from_cryptography(authority.certificate).get_subject()
        self._leaves = LeafStore(authority)
        self._upstream = Upstream(load_roots(upstream_ca, own=authority), formal=upstream_ca is None)
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        harden(self._context)
        self._context.set_alpn_select_callback(_select_protocol)

    def leaves_alone(self, decision: Decision, shape: Shape) -> bool:
        """Return whether the connection that *decision* lets through passes as it is."""
        host, verdict = decision.request.host, decision.verdict
        if is_address(host) or not isinstance(verdict, Allow):
            return False
        if verdict.reason is not None and verdict.reason.cause in _NO_LOOK:
            return True
        if self._never_decrypt.covers(host):
            return True
        program = program_of(decision, shape)
        return program is not None and self.learned.covers(program)

    def greet_client(self, host: str, *, alpn: Sequence[bytes], only_tls12: bool = False) -> SSL.Connection:
        """Return our side towards a client that wants *host*; *alpn* are the protocols to choose from, best first.

        *only_tls12* is for servers that know no better: a client must not believe its connection newer than it is.
        """
        connection = SSL.Connection(self._context)
        leaf = self._leaves.leaf_for(host)
        connection.use_certificate(leaf.certificate)
        connection.use_privatekey(leaf.key)
        if only_tls12:
            connection.set_options(SSL.OP_NO_TLSv1_3)
        connection.set_app_data(tuple(alpn))
        connection.set_accept_state()
        return connection

    def greet_server(self, host: str, *, alpn_offers: Sequence[bytes], only_tls13: bool = False) -> SSL.Connection:
        """Return our side towards the server that has to prove to be *host*."""
        return self._upstream.open(host, alpn_offers=alpn_offers, only_tls13=only_tls13)

    def name_failure(self, connection: SSL.Connection | None, error: str) -> Notice:
        """Return what a failed handshake with a server is called."""
        return name_failure(connection, error, own_subject=self._own_subject)


def speaks_web(shape: Shape) -> bool:
    """Return whether a client that greets like *shape* may go on in HTTP."""
    return not shape.alpn or any(name in _WEB for name in shape.alpn)


def _select_protocol(connection: SSL.Connection, offered: list[bytes]) -> Any:
    return next((name for name in connection.get_app_data() if name in offered), SSL.NO_OVERLAPPING_PROTOCOLS)
