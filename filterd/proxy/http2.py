# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/2 as mitmproxy speaks it, but no faster than the other side takes it.

mitmproxy takes all that a peer sends at once and keeps what the other one has no room for yet: a film that was paused,
or an upload over a slow line, stood in memory whole.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import h2.exceptions
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Connection, Http2Server
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

WINDOW = 4 * 1024 * 1024  # of one stream: 40 MB/s at a tenth of a second to the server
MAX_UNSENT = 1024 * 1024  # of one stream, that waits for the other side's room

IsFull = Callable[[Http2Connection, int], bool]


@dataclass(frozen=True)
class Room(events.Event):
    """The other side may have room again."""


class _PacedConnection(BufferedH2Connection):
    """Gives a peer new room on a stream only while what it sent is taken."""

    paced: _Pace

    def acknowledge_received_data(self, acknowledged_size: int, stream_id: int) -> None:
        """Note that the stream's data were taken over; say so if there is room for more."""
        self.paced.owed[stream_id] += acknowledged_size
        self.give_room(stream_id)

    def give_room(self, stream_id: int) -> None:
        """Let the peer send as much as it was kept from, if there is room."""
        if self.paced.owed[stream_id] and not self.paced.is_full(self.paced.layer, stream_id):
            with contextlib.suppress(h2.exceptions.ProtocolError):  # the stream is over
                super().acknowledge_received_data(self.paced.owed.pop(stream_id), stream_id)


@dataclass
class _Pace:
    """What a paced connection knows: the bytes of each stream that its peer has no new room for."""

    layer: Http2Connection
    is_full: IsFull
    owed: Counter[int]


def pace(spoken: Http2Connection, is_full: IsFull) -> None:
    """Make *spoken*, which has not begun yet, give no more room on a stream than *is_full* leaves."""
    spoken.h2_conn.__class__ = _PacedConnection  # mitmproxy makes it in its constructor
    paced = spoken.h2_conn
    assert isinstance(paced, _PacedConnection)  # noqa: S101 - for the type checker
    paced.paced = _Pace(spoken, is_full, Counter())
    paced.local_settings.initial_window_size = WINDOW
    paced.local_settings.acknowledge()  # else the old settings are sent


def unsent(spoken: object, stream_id: int | None) -> int:
    """Return how many bytes of the stream wait in *spoken* for its peer's room; 0 where it is no HTTP/2."""
    if not isinstance(spoken, Http2Connection) or stream_id is None:
        return 0
    return sum(len(part.data) for part in spoken.h2_conn.stream_buffers.get(stream_id, ()))


class _TakesRoom(Http2Connection):
    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Handle *event*, also once the conversation is over."""
        return self._take_room() if isinstance(event, Room) else super().handle_event(event)

    def _take_room(self) -> layer.CommandGenerator[None]:
        paced = self.h2_conn
        assert isinstance(paced, _PacedConnection)  # noqa: S101 - for the type checker
        if not self.conn.connected:
            return
        for stream_id in tuple(paced.paced.owed):
            paced.give_room(stream_id)
        if data := paced.data_to_send():
            yield commands.SendData(self.conn, data)


class FilterHttp2Server(_TakesRoom, Http2Server):
    """Our side towards a client."""

    def __init__(self, context: Context, is_full: IsFull) -> None:
        super().__init__(context)
        pace(self, is_full)


class FilterHttp2Client(_TakesRoom, Http2Client):
    """Our side towards a server."""

    def __init__(self, context: Context, is_full: IsFull) -> None:
        super().__init__(context)
        pace(self, is_full)
