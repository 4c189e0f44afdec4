# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the proxy finds a name: the hosts file of the machine first, then our own upstreams."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

from filterd.dns import wire
from filterd.dns.answer import addresses
from filterd.dns.cache import AnswerCache
from filterd.dns.resolver import Ask, Resolver
from filterd.dns.upstream_spec import UpstreamError
from filterd.policy.domains import InvalidHost, normalise_host

HOSTS_FILE = Path("/etc/hosts")


class Lookup:
    """Finds addresses; never by way of our own DNS listener, which would judge by the profile of loopback."""

    def __init__(self, ask: Ask, *, hosts_file: Path = HOSTS_FILE) -> None:
        self._resolver = Resolver(ask, cache=AnswerCache())
        self._hosts_file = hosts_file
        self._hosts: dict[str, list[str]] = {}
        self._hosts_stamp: tuple[int, int] | None = None

    async def __call__(self, host: str) -> Sequence[str]:
        """Return the addresses of *host*, IPv6 last.

        Raises:
            socket.gaierror: it has none (``EAI_NONAME``), or nobody says (``EAI_AGAIN``).
        """
        known = self._known_hosts().get(host)
        if known:
            return known
        qname = wire.encode_name(host)
        try:
            answers = await asyncio.gather(
                self._resolver.resolve(qname, wire.A), self._resolver.resolve(qname, wire.AAAA)
            )
        except UpstreamError as error:
            raise socket.gaierror(socket.EAI_AGAIN, f"no upstream answers: {error}") from error
        if any(answer.rcode not in (wire.NOERROR, wire.NXDOMAIN) for answer, _ in answers):
            raise socket.gaierror(socket.EAI_AGAIN, "the upstream could not say")
        found = [
            str(address)
            for (answer, _), qtype in zip(answers, (wire.A, wire.AAAA), strict=True)
            for address, _ in addresses(answer, qtype)
        ]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        return found

    def _known_hosts(self) -> dict[str, list[str]]:
        """Return the hosts file, read again when it has changed."""
        try:
            status = self._hosts_file.stat()
            stamp = (status.st_ino, status.st_mtime_ns)
            if stamp != self._hosts_stamp:
                self._hosts = parse_hosts(self._hosts_file.read_text(encoding="utf-8", errors="replace"))
                self._hosts_stamp = stamp
        except OSError:
            self._hosts = {}
        return self._hosts


def parse_hosts(text: str) -> dict[str, list[str]]:
    """Return the names in a hosts file *text* with their addresses; lines that make no sense are skipped (hosts(5))."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            canonical = normalise_host(address)
            for name in names:
                found.setdefault(normalise_host(name), []).append(canonical)
        except InvalidHost:
            continue
    return found
