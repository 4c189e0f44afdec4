# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/2 no faster than the other side takes it: the peer gets new room on a stream once there is some."""

from __future__ import annotations

from typing import cast

import h2.config
import h2.connection
import h2.events
from mitmproxy.connection import ConnectionState
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.test import tflow

from filterd.proxy.client import LayerOptions
from filterd.proxy.http2 import WINDOW, FilterHttp2Server, Room, unsent

BLOCK = b"x" * 16_384


class Upload:
    """A browser that sends as much as it may, and our side, which is full as long as we say so."""

    def __init__(self) -> None:
        client = tflow.tclient_conn()
        client.state = ConnectionState.OPEN
        self.full = False
        self.layer = FilterHttp2Server(
            Context(client, cast("Options", LayerOptions())), lambda _layer, _stream: self.full
        )
        self.browser = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.browser.initiate_connection()
        self.give(events.Start())
        self.tell()
        head = [(":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
        self.browser.send_headers(1, head)
        self.tell()

    def give(self, event: events.Event) -> None:
        for command in self.layer.handle_event(event):
            if isinstance(command, commands.SendData):
                self.browser.receive_data(command.data)

    def tell(self) -> None:
        if data := self.browser.data_to_send():
            self.give(events.DataReceived(self.layer.conn, data))

    def send_all_that_fits(self, at_most: int) -> int:
        sent = 0
        while sent < at_most and self.browser.local_flow_control_window(1) >= len(BLOCK):
            self.browser.send_data(1, BLOCK)
            sent += len(BLOCK)
            self.tell()
        return sent


def test_while_it_is_taken_there_is_always_room() -> None:
    assert Upload().send_all_that_fits(4 * WINDOW) >= 4 * WINDOW


def test_what_is_not_taken_ends_at_the_window() -> None:
    upload = Upload()
    upload.full = True

    assert WINDOW - len(BLOCK) <= upload.send_all_that_fits(4 * WINDOW) <= WINDOW


def test_room_is_given_back_when_there_is_some() -> None:
    upload = Upload()
    upload.full = True
    upload.send_all_that_fits(4 * WINDOW)
    upload.give(Room())
    assert upload.send_all_that_fits(WINDOW) == 0, "there is none yet"

    upload.full = False
    upload.give(Room())

    assert upload.send_all_that_fits(2 * WINDOW) >= 2 * WINDOW


def test_a_conversation_that_is_over_takes_no_room() -> None:
    upload = Upload()
    upload.layer.conn.state = ConnectionState.CLOSED

    assert list(upload.layer.handle_event(Room())) == []


def test_what_waits_is_counted_where_it_waits() -> None:
    upload = Upload()

    assert unsent(upload.layer, 1) == 0
    assert unsent(upload.layer, None) == unsent(None, 1) == 0
