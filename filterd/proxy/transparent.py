# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that a router has turned to us: what they ask for is read off their first words, never off their aim."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from mitmproxy import connection
from mitmproxy.connection import Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HTTPMode

from filterd.policy.domains import normalise_host
from filterd.proxy import sniff
from filterd.proxy.fail_closed import Refused
from filterd.proxy.resolve import is_own_address
from filterd.proxy.streams import HERE, Excuses, FilterHttpLayer, Route, notice_for
from filterd.wording import Notice

# linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h; Python has neither number.
_ORIGINAL_DST = 80
_SOL_IP, _SOL_IPV6 = 0, 41
_IP_TRANSPARENT, _IPV6_TRANSPARENT = 19, 75  # linux/in.h, linux/in6.h

Destination = tuple[str, int]
FindDestination = Callable[[socket.socket], Destination | None]


@dataclass
class Arrived:
    """A redirected connection that has *spoken*; who judges it sets *route*, or it is refused."""

    client: connection.Client
    destination: Destination
    spoken: sniff.Tls | sniff.Unknown
    route: Route | None = None


@dataclass
class ArrivedHook(commands.StartHook):  # type: ignore[no-untyped-call]  # mitmproxy leaves it untyped
    """A redirected connection has to be judged."""

    arrived: Arrived


class Arrivals(Excuses, Protocol):
    """What judges redirected connections."""

    def refuse_arrival(self, client: connection.Client, notice: Notice, /) -> None:
        """Take back what *client* was granted: there is no server."""


def original_destination(accepted: socket.socket) -> Destination | None:
    """Return where the client of *accepted* was headed; ``None`` where nobody says so.

    REDIRECT leaves it with the kernel's connection tracking; TPROXY leaves it on the socket.
    """
    here = accepted.getsockname()
    try:
        if "." in here[0]:  # IPv4, also where the socket is an IPv6 one (::ffff:192.0.2.1)
            found = accepted.getsockopt(_SOL_IP, _ORIGINAL_DST, 16)
            port, packed = struct.unpack_from("!2xH4s", found)
            return socket.inet_ntop(socket.AF_INET, packed), port
        found = accepted.getsockopt(_SOL_IPV6, _ORIGINAL_DST, 28)
        port, packed = struct.unpack_from("!2xH4x16s", found)
        return normalise_host(socket.inet_ntop(socket.AF_INET6, packed)), port
    except OSError:
        return normalise_host(here[0].partition("%")[0]), here[1]


def take_foreign(listening: socket.socket) -> None:
    """Let *listening* accept what TPROXY turns to it, where we may: REDIRECT needs no leave."""
    v6 = listening.family == socket.AF_INET6
    option = (_SOL_IPV6, _IPV6_TRANSPARENT) if v6 else (_SOL_IP, _IP_TRANSPARENT)
    with contextlib.suppress(OSError):
        listening.setsockopt(*option, 1)


def leads_to_ourselves(destination: Destination, own_ports: Collection[int]) -> bool:
    """Return whether *destination* is one of our listeners: a client came straight to it, or would go round."""
    host, port = destination
    return port in own_ports and is_own_address(host)


class ArrivalLayer(layer.Layer):
    """Waits for a redirected client's first words, has them judged, and connects where the verdict leads."""

    def __init__(self, context: Context, destination: Destination, arrivals: Arrivals) -> None:
        super().__init__(context)
        self._destination = destination
        self._arrivals = arrivals
        self._said: list[events.DataReceived] = []
        context.server = Server(address=destination)  # mitmproxy wants one; it is dialled only where a verdict says so

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.context.client)
        elif isinstance(event, events.DataReceived):
            self._said.append(event)
            spoken = sniff.recognise(b"".join(said.data for said in self._said))
            if isinstance(spoken, sniff.NotYet):
                return
            if isinstance(spoken, sniff.Http):  # each request is judged by its Host
                yield from self._go_on(FilterHttpLayer(self.context, HTTPMode.transparent, self._arrivals))
            else:
                yield from self._tunnel(spoken)

    def _tunnel(self, spoken: sniff.Tls | sniff.Unknown) -> layer.CommandGenerator[None]:
        arrived = Arrived(self.context.client, self._destination, spoken)
        yield ArrivedHook(arrived)
        if arrived.route is None:
            yield from self._go_on(Refused(self.context))
            return
        if arrived.route is not HERE and (err := (yield from self._dial(arrived.route))):
            self._arrivals.refuse_arrival(self.context.client, notice_for(err))
        yield from self._go_on(layer.NextLayer(self.context))

    def _dial(self, route: Route) -> layer.CommandGenerator[str | None]:
        err: str | None = "no route"
        for address in route.addresses:
            self.context.server = Server(address=(address, route.port))
            err = yield commands.OpenConnection(self.context.server)
            if not err:
                return None
        return err

    def _go_on(self, child: layer.Layer) -> layer.CommandGenerator[None]:
        self._handle_event = child.handle_event  # type: ignore[method-assign]  # mitmproxy's way to switch
        yield from child.handle_event(events.Start())
        for said in self._said:
            yield from child.handle_event(said)
        self._said.clear()
