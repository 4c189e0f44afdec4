# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that waits is woken."""

from __future__ import annotations

import socket

import pytest

from filterd.lists.connections import Connections


class Stream:
    """What the HTTP library hands out for a connection."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    def get_extra_info(self, name: str) -> object:
        return self._connection if name == "socket" else None


@pytest.mark.parametrize("event", ["connection.connect_tcp.complete", "connection.start_tls.complete"])
def test_a_connection_that_was_made_is_shut(event: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connections = Connections()
        connections.watch(event, {"return_value": Stream(ours)})

        connections.shut()

        assert theirs.recv(1) == b""
        assert ours.recv(1) == b""


def test_what_has_ended_or_shows_no_socket_is_no_trouble() -> None:
    ours, theirs = socket.socketpair()
    connections = Connections()
    connections.watch("connection.connect_tcp.complete", {"return_value": Stream(ours)})
    connections.watch("connection.connect_tcp.complete", {"return_value": Stream(None)})
    connections.watch("connection.connect_tcp.complete", {"return_value": object()})
    connections.watch("http11.receive_response_headers.complete", {"return_value": Stream(theirs)})
    ours.close()

    connections.shut()

    assert theirs.recv(1) == b""  # because *ours* was closed
    theirs.close()
