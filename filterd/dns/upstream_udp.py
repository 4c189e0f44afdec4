# SPDX-License-Identifier: GPL-3.0-or-later
"""An upstream asked by UDP, with what makes a forged answer unlikely (RFC 5452)."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import socket

from filterd.dns.answer import is_answer_to, is_truncated
from filterd.dns.blocking import NO_REACHABLE_AUTHORITY
from filterd.dns.upstream_link import Link
from filterd.dns.upstream_spec import UpstreamError, UpstreamSpec
from filterd.dns.wire import MAX_MESSAGE

ATTEMPT_S = 1.0
MAX_SOCKETS = 400  # questions at a time: each holds a file descriptor, of which a process has 1024 by default


class UdpUpstream:
    """One upstream; *by_tcp* is asked what does not fit into a datagram."""

    def __init__(self, spec: UpstreamSpec, *, by_tcp: Link, attempt_s: float = ATTEMPT_S) -> None:
        self._addresses = itertools.cycle(spec.addresses)
        self._port = spec.port
        self._by_tcp = by_tcp
        self._attempt_s = attempt_s
        self._slots = asyncio.Semaphore(MAX_SOCKETS)

    async def ask(self, question: bytes) -> bytes:
        """Return the answer to *question*.

        Raises:
            UpstreamError: none came in time.
        """
        try:
            async with asyncio.timeout(self._attempt_s), self._slots:
                answer = await self._exchange(secrets.token_bytes(2) + question[2:])
        except TimeoutError as error:
            raise UpstreamError("no answer in time", ede=NO_REACHABLE_AUTHORITY) from error
        except OSError as error:
            raise UpstreamError(error.strerror or str(error)) from error
        return answer if answer is not None else await self._by_tcp.ask(question)

    async def _exchange(self, packet: bytes) -> bytes | None:
        """Return the answer, ``None`` where TCP must be asked."""
        loop = asyncio.get_running_loop()
        address = next(self._addresses)
        # A socket of its own, so that the system chooses a new random port for each question; connected, so that it
        # lets through only what comes from that address, and says at once when nobody is there.
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect((address, self._port))
            sock.send(packet)
            while True:
                answer = await loop.sock_recv(sock, MAX_MESSAGE)
                if is_answer_to(answer, packet, same_case=True):
                    return None if is_truncated(answer) else answer
                if is_answer_to(answer, packet, same_case=False):
                    return None  # a resolver that changes letter case, or a forger who did not see ours: TCP tells

    async def close(self) -> None:
        """Let go of the connection; the other sockets end with their question."""
        await self._by_tcp.close()
