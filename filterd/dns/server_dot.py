# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS over TLS (RFC 7858): queries as by TCP, and a device that says by the server's name which it is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from filterd.dns.device_name import device_in_host
from filterd.dns.listener import Gate, Listener, Timeouts
from filterd.dns.padding import pad
from filterd.dns.pipeline import Pipeline
from filterd.dns.server_tcp import FramedConversation
from filterd.dns.tls import Certificate, Tls
from filterd.policy.model import Client

ALPN = ("dot",)
# A phone keeps one connection and pays for each new one with a handshake.
TIMEOUTS = Timeouts(first_s=10.0, idle_s=30.0)


class Identify(Protocol):
    """Says which client asks from *address*, by the id *device* that it gives of itself where it gives one."""

    def __call__(self, address: str, device: str | None = None, /) -> Client: ...


class DotConversation(FramedConversation):
    """A client inside TLS."""

    def __init__(
        self,
        listener: Listener,
        address: str,
        *,
        pipeline: Pipeline,
        identify: Identify,
        device_of: Callable[[asyncio.BaseTransport], str | None],
    ) -> None:
        super().__init__(listener, address, pipeline=pipeline, identify=identify)
        self._identify_device = identify
        self._device_of = device_of
        self._device: str | None = None

    def opened(self) -> None:
        """Take note of the name that the client asked for."""
        if self.transport is not None:
            self._device = self._device_of(self.transport)

    def client(self) -> Client:
        """Return who asks."""
        return self._identify_device(self.address, self._device)

    def pad(self, reply: bytes) -> bytes:
        """Return *reply* with its length hidden."""
        return pad(reply)


class DotServer(Listener):
    """Answers on the TLS connections that come to *sock*, which listens.

    A device that asks for ``ana.dns.example.org``, where ``dns.example.org`` is one of *names*, is the device ``ana``.
    """

    def __init__(
        self,
        sock: socket.socket,
        pipeline: Pipeline,
        identify: Identify,
        *,
        certificate: Certificate,
        names: Sequence[str] = (),
        gate: Gate | None = None,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        ours = tuple(map(str.lower, names))

        def device_of(transport: asyncio.BaseTransport) -> str | None:
            return device_in_host(certificate.name_asked(transport), ours)

        def converse(listener: Listener, address: str) -> DotConversation:
            return DotConversation(listener, address, pipeline=pipeline, identify=identify, device_of=device_of)

        super().__init__(
            sock,
            converse,
            gate=gate or Gate(),
            timeouts=timeouts,
            wrap=lambda conversation: Tls(conversation, certificate, handshake_s=timeouts.first_s),
        )
